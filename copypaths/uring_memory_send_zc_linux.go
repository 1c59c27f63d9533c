package copypaths

import "copylab/internal/kernel"

// uringMemorySendZC is uring-send with SEND_ZC in the place of SEND. In all but where the bytes come from it is
// uring-send-zc from a file: see uringSendZC.
func uringMemorySendZC() binding {
	return binding{probe: func() Status { return probeUringZeroCopy(openUringMemorySendZC, kernel.UringSendZC) }, open: openUringMemorySendZC}
}

type uringMemorySendZCMover struct {
	uringZeroCopy
	messages
}

func openUringMemorySendZC(e Ends) (Mover, error) {
	if err := e.checkMemory(false); err != nil {
		return nil, err
	}
	z, err := openUringZeroCopy(e, 1)
	if err != nil {
		return nil, err
	}
	return &uringMemorySendZCMover{uringZeroCopy: z, messages: messages{memory: e.Memory}}, nil
}

// Move gathers the message and adds its send to the chain, and runs that when it is long enough.
func (m *uringMemorySendZCMover) Move(off int64, n int) error {
	if err := m.begin(); err != nil {
		return err
	}
	buffer, err := m.take()
	if err != nil {
		return err
	}
	if err := m.gather(off, n, m.ring.Bytes(int(buffer))); err != nil {
		m.release(buffer)
		return err
	}
	m.steps = append(m.steps, uringStep{op: kernel.UringSendZC, buffer: buffer, off: off, n: n, chunkOff: off, chunk: n})
	return m.ended()
}
