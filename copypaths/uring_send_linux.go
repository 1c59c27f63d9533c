package copypaths

import (
	"errors"
	"fmt"

	"copylab/internal/kernel"
)

// uringSend is send by io_uring: the fields of each message are copied into a registered buffer, and sent from there by
// SEND. Several messages are one chain and go to the kernel by one system call: see uringDepth. The copies are send's; the
// crossings are fewer.
//
// A message has to be gathered before its chain begins, so that each message of a chain has a buffer of its own.
func uringSend() binding {
	return binding{
		probe: func() Status { return probeUring(openUringSend, kernel.UringSend) },
		open:  openUringSend,
	}
}

type uringSendMover struct {
	*uringChain
	messages
}

func openUringSend(e Ends) (Mover, error) {
	if err := e.checkMemory(false); err != nil {
		return nil, err
	}
	depth := min(uringDepth, e.uringBuffers())
	c, err := openUring(e, depth, depth, 0)
	if err != nil {
		return nil, err
	}
	if err := c.ring.AllocateBuffers(depth, e.Chunk); err != nil {
		return nil, errors.Join(fmt.Errorf("open path: %w", err), c.close())
	}
	return &uringSendMover{uringChain: c, messages: messages{memory: e.Memory}}, nil
}

// Move gathers the message and adds its send to the chain, and runs that when it is long enough.
func (m *uringSendMover) Move(off int64, n int) error {
	if err := m.begin(); err != nil {
		return err
	}
	buffer := len(m.steps)
	if err := m.gather(off, n, m.ring.Bytes(buffer)); err != nil {
		return err
	}
	m.steps = append(m.steps, uringStep{op: kernel.UringSend, buffer: int32(buffer), off: off, n: n, chunkOff: off, chunk: n})
	return m.ended()
}

func (m *uringSendMover) Flush() error { return m.flush() }

func (m *uringSendMover) Settings() map[string]string { return m.settings() }

func (m *uringSendMover) Close() error { return m.close() }
