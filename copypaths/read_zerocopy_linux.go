package copypaths

import (
	"fmt"
	"os"

	"copylab/internal/kernel"
)

// readZerocopy is read-write with its second copy left out, as far as the network allows: read(2) copies a chunk from the
// page cache into one of a ring of buffers, and send(2) with MSG_ZEROCOPY lets the kernel send from there. See zerocopySender.
func readZerocopy() binding {
	return binding{probe: func() Status { return tryTCP(openReadZerocopy) }, open: openReadZerocopy}
}

type readZerocopyMover struct {
	*zerocopySender
	file   *os.File // keeps the descriptor from being closed by a finalizer
	reader fileReader
	memory []byte   // of all buffers but the caller's
	ring   [][]byte // by slot
}

func openReadZerocopy(e Ends) (Mover, error) {
	if err := e.check(Descriptor, true); err != nil {
		return nil, err
	}
	reader, err := newFileReader(int(e.File.Fd()), callsOf(e))
	if err != nil {
		return nil, err
	}
	z, err := newZerocopySender(e)
	if err != nil {
		return nil, err
	}
	m := &readZerocopyMover{zerocopySender: z, file: e.File, reader: reader, ring: [][]byte{e.Buffer[:e.Chunk]}}
	page := os.Getpagesize()
	each := (e.Chunk + page - 1) / page * page
	others := slotsFor(e.Chunk) - 1
	if m.memory, err = kernel.Buffer(others * each); err != nil {
		return nil, fmt.Errorf("open path: ring of buffers: %w", err)
	}
	for i := range others {
		m.ring = append(m.ring, m.memory[i*each:][:e.Chunk])
	}
	return m, nil
}

func (m *readZerocopyMover) Move(off int64, n int) error {
	slot, err := m.slot()
	if err != nil {
		return err
	}
	chunk := m.ring[slot][:n]
	if err := m.reader.fill(off, chunk, n); err != nil {
		return err
	}
	return m.send(slot, chunk)
}

func (m *readZerocopyMover) Syscalls() map[string]int64 {
	return m.addSyscalls(map[string]int64{"read": m.reader.reads, "lseek": m.reader.seeks})
}

// Close waits for the notifications that have not come, since the caller's buffer is in use until then.
func (m *readZerocopyMover) Close() error {
	if m.memory == nil {
		return nil
	}
	m.drain()
	memory := m.memory
	m.memory, m.ring = nil, nil
	if err := kernel.Free(memory); err != nil {
		return fmt.Errorf("close path: %w", err)
	}
	return nil
}
