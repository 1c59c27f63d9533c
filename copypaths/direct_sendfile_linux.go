package copypaths

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// directSendfile gives sendfile(2) an O_DIRECT descriptor. The kernel then lets the disk fill pages that it has just
// allocated, and hands those to the socket (fs/splice.c, copy_splice_read): neither the page cache nor the program sees the
// bytes, and no CPU copies them. Of what sendfile takes in one inner step, 64 KiB, the disk has to have delivered all before the socket gets any.
//
// Offsets must be multiples of the alignment, and so must lengths, but for one that ends with the file: it is rounded up, and
// the end of the file cuts it short. A length that ends elsewhere is refused, for the kernel would send more than was
// asked for. So is the rest of a chunk where a signal cut a call short at an odd offset.
func directSendfile() binding { return directBinding(openDirectSendfile) }

type directSendfileMover struct {
	file     *os.File
	direct   *directFile
	fileSize int64
	socket   int
	offset   int64 // the kernel writes here; a field, since a variable of Move would be allocated
	calls    calls

	sendfiles int64
}

func openDirectSendfile(e Ends) (Mover, error) {
	if err := e.check(Descriptor, false); err != nil {
		return nil, err
	}
	d, err := openDirect(e)
	if err != nil {
		return nil, err
	}
	return &directSendfileMover{file: e.File, direct: d, fileSize: e.FileSize, socket: e.Socket, calls: callsOf(e)}, nil
}

func (m *directSendfileMover) Move(off int64, n int) error {
	if n%m.direct.alignment != 0 && off+int64(n) != m.fileSize {
		return fmt.Errorf("sendfile from file: %w: direct I/O on this file is of multiples of %d bytes but at its end; %d bytes at offset %d of %d are not",
			unix.EINVAL, m.direct.alignment, n, off, m.fileSize)
	}
	m.offset = off
	for left := n; left > 0; {
		if err := m.direct.check("sendfile", m.offset); err != nil {
			var st unix.Stat_t
			if left < n && unix.Fstat(m.direct.fd, &st) == nil && st.Size <= m.offset {
				return fileEnded("sendfile", m.offset, int64(left))
			}
			return fmt.Errorf("%w; %d of %d bytes of this chunk were sent", err, n-left, n)
		}
		k, err := m.calls.sendfile(m.socket, m.direct.fd, &m.offset, min(m.direct.round(left), mostPerCall))
		m.sendfiles++
		switch {
		case k > left:
			return fmt.Errorf("sendfile from file: %d bytes more than this chunk has were sent: the file has grown since it was opened", k-left)
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

// Settings are what direct I/O asks of this file (direct_offset_alignment_bytes).
func (m *directSendfileMover) Settings() map[string]string { return m.direct.settings() }

func (m *directSendfileMover) Syscalls() map[string]int64 {
	return map[string]int64{"sendfile": m.sendfiles}
}

func (m *directSendfileMover) Close() error { return m.direct.close() }
