package copypaths

import "os"

// readZerocopy is read-write with its second copy left out, as far as the network allows: read(2) copies a chunk from the
// page cache into one of a ring of buffers, and send(2) with MSG_ZEROCOPY lets the kernel send from there. See zerocopySender.
func readZerocopy() binding {
	return binding{probe: func() Status { return tryTCP(openReadZerocopy) }, open: openReadZerocopy}
}

type readZerocopyMover struct {
	*zerocopySender
	file   *os.File // keeps the descriptor from being closed by a finalizer
	reader fileReader
	ring   bufferRing
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
	m := &readZerocopyMover{zerocopySender: z, file: e.File, reader: reader}
	if m.ring, err = newBufferRing(e, len(z.pending)); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *readZerocopyMover) Move(off int64, n int) error {
	slot, err := m.slot()
	if err != nil {
		return err
	}
	chunk := m.ring.slots[slot][:n]
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
	if m.ring.slots == nil {
		return nil
	}
	m.drain()
	return m.ring.free()
}
