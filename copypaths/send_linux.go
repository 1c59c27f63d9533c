package copypaths

import (
	"errors"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// send is what most programs do with a message of several parts: they copy the fields into one buffer and hand that to
// send(2), which copies it once more, into the socket's. send(2) is sendto(2) without an address.
func send() binding {
	return binding{probe: func() Status { return tryDescriptor(openSend) }, open: openSend}
}

type sendMover struct {
	messages
	socket int
	buffer []byte
	calls  kernel.Calls

	sends int64
}

func openSend(e Ends) (Mover, error) {
	if err := e.checkMemory(true); err != nil {
		return nil, err
	}
	return &sendMover{messages: messages{memory: e.Memory}, socket: e.Socket, buffer: e.Buffer[:e.Chunk], calls: kernel.Calls{Raw: e.Dedicated}}, nil
}

func (m *sendMover) Move(off int64, n int) error {
	if err := m.gather(off, n, m.buffer); err != nil {
		return err
	}
	for rest := m.buffer[:n]; len(rest) > 0; {
		k, err := m.calls.Send(m.socket, rest[:min(len(rest), mostPerCall)], 0)
		m.sends++
		switch {
		case err == nil:
			rest = rest[k:]
		case !errors.Is(err, unix.EINTR):
			return sendFailed("sendto", err, int64(n-len(rest)), int64(n))
		}
	}
	return nil
}

func (m *sendMover) Syscalls() map[string]int64 { return map[string]int64{"sendto": m.sends} }

func (m *sendMover) Close() error { return nil }
