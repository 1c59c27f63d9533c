package copypaths

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// sendfile lets the kernel hand the pages of the page cache to the socket: sendfile(2). Nothing passes through the
// program. The offset goes along with each call, so that the file's own offset is never used.
//
// A call never asks for more than is left of the chunk: sendfile has known stalls where a socket waits for bytes that
// the file does not have.
func sendfile() binding {
	return binding{probe: func() Status { return tryDescriptor(openSendfile) }, open: openSendfile}
}

type sendfileMover struct {
	file   *os.File
	in     int
	socket int
	offset int64 // the kernel writes here; a field, since a variable of Move would be allocated
	calls  calls

	sendfiles int64
}

func openSendfile(e Ends) (Mover, error) {
	if err := e.check(Descriptor, false); err != nil {
		return nil, err
	}
	return &sendfileMover{file: e.File, in: int(e.File.Fd()), socket: e.Socket, calls: callsOf(e)}, nil
}

func (m *sendfileMover) Move(off int64, n int) error {
	m.offset = off
	for left := n; left > 0; {
		k, err := m.calls.sendfile(m.socket, m.in, &m.offset, min(left, mostPerCall))
		m.sendfiles++
		switch {
		case k > 0:
			left -= k
		case err == nil:
			return fileEnded("sendfile", m.offset, int64(left))
		case !errors.Is(err, unix.EINTR):
			return sendFailed("sendfile", err, int64(n-left), int64(n))
		}
	}
	return nil
}

func (m *sendfileMover) Syscalls() map[string]int64 { return map[string]int64{"sendfile": m.sendfiles} }

func (m *sendfileMover) Close() error { return nil }
