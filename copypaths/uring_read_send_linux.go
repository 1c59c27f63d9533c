package copypaths

import (
	"errors"
	"fmt"

	"copylab/internal/kernel"
)

// uringReadSend is read-write by io_uring: for each chunk a READ_FIXED from a registered file into a registered buffer, and a
// SEND from there, linked. Several chunks are one chain and go to the kernel by one system call: see uringDepth. The copies are
// read-write's; the crossings are fewer.
//
// One buffer does for all, since a chunk is read only when the one before it has been sent: it stays
// in the processor's cache.
//
// It may cost more than read-write, in C as in Go. The kernel copies into a registered buffer by memcpy, and not as it copies
// into a program's memory. x86 processors with fast string operations (erms), but without fast short ones (fsrm), get a
// loop for the former and rep movs for the latter (arch/x86/lib/memcpy_64.S, copy_user_64.S).
func uringReadSend() binding {
	return binding{
		probe: func() Status { return probeUring(openUringReadSend, kernel.UringReadFixed, kernel.UringSend) },
		open:  openUringReadSend,
	}
}

type uringReadSendMover struct{ *uringChain }

func openUringReadSend(e Ends) (Mover, error) {
	if err := e.check(Descriptor, false); err != nil {
		return nil, err
	}
	c, err := openUring(e, uringDepth, 2*uringDepth, 0)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(c.ring.AllocateBuffers(1, e.Chunk), c.registerFile(e.File, nil)); err != nil {
		return nil, errors.Join(fmt.Errorf("open path: %w", err), c.close())
	}
	return &uringReadSendMover{c}, nil
}

// Move adds the chunk to the chain, and runs that when it is long enough.
func (m *uringReadSendMover) Move(off int64, n int) error {
	if err := m.begin(); err != nil {
		return err
	}
	m.steps = append(m.steps,
		uringStep{op: kernel.UringReadFixed, off: off, n: n, chunkOff: off, chunk: n},
		uringStep{op: kernel.UringSend, off: off, n: n, chunkOff: off, chunk: n})
	return m.ended()
}

func (m *uringReadSendMover) Flush() error { return m.flush() }

func (m *uringReadSendMover) Settings() map[string]string { return m.settings() }

func (m *uringReadSendMover) Close() error { return m.close() }
