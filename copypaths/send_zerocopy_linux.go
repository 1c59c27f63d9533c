package copypaths

// sendZerocopy is send with its second copy left out, as far as the network allows: the fields are copied into one of a ring
// of buffers, and send(2) with MSG_ZEROCOPY lets the kernel send from there. See zerocopySender.
func sendZerocopy() binding {
	return binding{probe: func() Status { return tryTCP(openSendZerocopy) }, open: openSendZerocopy}
}

type sendZerocopyMover struct {
	*zerocopySender
	messages
	ring bufferRing
}

func openSendZerocopy(e Ends) (Mover, error) {
	if err := e.checkMemory(true); err != nil {
		return nil, err
	}
	z, err := newZerocopySender(e)
	if err != nil {
		return nil, err
	}
	m := &sendZerocopyMover{zerocopySender: z, messages: messages{memory: e.Memory}}
	if m.ring, err = newBufferRing(e, len(z.pending)); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *sendZerocopyMover) Move(off int64, n int) error {
	slot, err := m.slot()
	if err != nil {
		return err
	}
	message := m.ring.slots[slot][:n]
	if err := m.gather(off, n, message); err != nil {
		return err
	}
	return m.send(slot, message)
}

func (m *sendZerocopyMover) Syscalls() map[string]int64 { return m.addSyscalls(map[string]int64{}) }

// Close waits for the notifications that have not come, since the caller's buffer is in use until then.
func (m *sendZerocopyMover) Close() error {
	if m.ring.slots == nil {
		return nil
	}
	m.drain()
	return m.ring.free()
}
