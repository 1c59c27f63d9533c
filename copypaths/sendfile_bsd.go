//go:build darwin || freebsd

package copypaths

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// sendfile lets the kernel hand the pages of the page cache to the socket: sendfile(2) of macOS and FreeBSD. Nothing passes
// through the program. The offset goes along with each call, so that the file's own offset is never used; unlike Linux's,
// these calls leave the variable with the offset as it is.
//
// A call that a signal or a send timeout ends has an error number even where bytes were sent before, and says how many
// (EINTR and EAGAIN of both man pages). With any other error what it says of them is not to be trusted: macOS may leave
// there what was asked for. A count of 0 means the whole file, so that it must never be asked for.
func sendfile() binding {
	return binding{probe: func() Status { return tryTCP(openSendfile) }, open: openSendfile}
}

type sendfileMover struct {
	file   *os.File
	in     int
	socket int
	offset int64 // a field, since a variable of Move would be allocated

	sendfiles int64
}

func openSendfile(e Ends) (Mover, error) {
	if err := e.check(Descriptor, false); err != nil {
		return nil, err
	}
	return &sendfileMover{file: e.File, in: int(e.File.Fd()), socket: e.Socket}, nil
}

func (m *sendfileMover) Move(off int64, n int) error {
	m.offset = off
	for left := n; left > 0; {
		k, err := unix.Sendfile(m.socket, m.in, &m.offset, min(left, mostPerCall))
		m.sendfiles++
		again := errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) && k > 0
		switch {
		case err == nil && k == 0:
			return fileEnded("sendfile", m.offset, int64(left))
		case err == nil || again:
			left -= k
			m.offset += int64(k)
		default:
			return sendFailed("sendfile", err, int64(n-left), int64(n))
		}
	}
	return nil
}

func (m *sendfileMover) Syscalls() map[string]int64 { return map[string]int64{"sendfile": m.sendfiles} }

func (m *sendfileMover) Close() error { return nil }
