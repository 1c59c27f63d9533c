package copypaths

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sendmsg leaves the gathering to the kernel: one sendmsg(2) names all fields of a message, and the copy into the socket's
// buffers takes them from where they lie. It is send without the program's own copy.
func sendmsg() binding {
	return binding{probe: func() Status { return tryDescriptor(openSendmsg) }, open: openSendmsg}
}

type sendmsgMover struct {
	messages
	socket int
	calls  calls

	// What the kernel is given; fields, since variables would be allocated.
	header  unix.Msghdr
	vectors [FieldCount]unix.Iovec

	sendmsgs int64
}

func openSendmsg(e Ends) (Mover, error) {
	if err := e.checkMemory(false); err != nil {
		return nil, err
	}
	return &sendmsgMover{messages: messages{memory: e.Memory}, socket: e.Socket, calls: callsOf(e)}, nil
}

func (m *sendmsgMover) Move(off int64, n int) error {
	if err := m.find(off, n); err != nil {
		return err
	}
	count := 0
	for _, field := range m.fields {
		if len(field) > 0 {
			m.vectors[count].Base = &field[0]
			m.vectors[count].SetLen(len(field))
			count++
		}
	}
	vectors := m.vectors[:count]
	for left := n; left > 0; {
		m.header.Iov = &vectors[0]
		m.header.SetIovlen(len(vectors))
		k, err := m.calls.sendmsg(m.socket, &m.header)
		m.sendmsgs++
		switch {
		case k == left:
			return nil
		case err == nil: // a signal cut it short, or it is more than one call takes
			left -= k
			vectors = after(vectors, k)
		case !errors.Is(err, unix.EINTR):
			return sendFailed("sendmsg", err, int64(n-left), int64(n))
		}
	}
	return nil
}

// after is what is left of vectors without their first n bytes, which are fewer than they have.
func after(vectors []unix.Iovec, n int) []unix.Iovec {
	for uint64(n) >= uint64(vectors[0].Len) {
		n -= int(vectors[0].Len)
		vectors = vectors[1:]
	}
	left := int(vectors[0].Len) - n
	vectors[0].Base = (*byte)(unsafe.Add(unsafe.Pointer(vectors[0].Base), n))
	vectors[0].SetLen(left)
	return vectors
}

func (m *sendmsgMover) Syscalls() map[string]int64 { return map[string]int64{"sendmsg": m.sendmsgs} }

func (m *sendmsgMover) Close() error { return nil }
