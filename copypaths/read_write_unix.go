//go:build unix

package copypaths

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// readWrite is the loop of every simple server: read(2) copies a chunk from the page cache into the program's buffer,
// write(2) copies it from there into the socket's.
//
// It uses read and not pread, as such loops do: the kernel keeps the offset, and lseek(2) is called only where the file
// stands elsewhere.
func readWrite() binding {
	return binding{probe: func() Status { return tryDescriptor(openReadWrite) }, open: openReadWrite}
}

type readWriteMover struct {
	file   *os.File // keeps the descriptor from being closed by a finalizer
	in     int
	socket int
	buffer []byte
	at     int64 // where the file stands
	calls  calls

	reads, writes, seeks int64
}

func openReadWrite(e Ends) (Mover, error) {
	if err := e.check(Descriptor, true); err != nil {
		return nil, err
	}
	m := &readWriteMover{file: e.File, in: int(e.File.Fd()), socket: e.Socket, buffer: e.Buffer, calls: callsOf(e)}
	at, err := unix.Seek(m.in, 0, io.SeekCurrent)
	m.seeks++
	if err != nil {
		return nil, fmt.Errorf("open path: lseek: %w", err)
	}
	m.at = at
	return m, nil
}

func (m *readWriteMover) Move(off int64, n int) error {
	if off != m.at {
		m.seeks++
		if _, err := unix.Seek(m.in, off, io.SeekStart); err != nil {
			return fmt.Errorf("lseek to offset %d: %w", off, err)
		}
		m.at = off
	}
	chunk := m.buffer[:n]
	for rest := chunk; len(rest) > 0; {
		k, err := m.calls.read(m.in, rest[:min(len(rest), mostPerCall)])
		m.reads++
		switch {
		case k > 0:
			m.at += int64(k)
			rest = rest[k:]
		case err == nil:
			return fileEnded("read", m.at, int64(len(rest)))
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("read from file: %w; %d bytes of this chunk were missing", err, len(rest))
		}
	}
	return m.calls.writeAll(m.socket, chunk, &m.writes)
}

func (m *readWriteMover) Syscalls() map[string]int64 {
	return map[string]int64{"read": m.reads, "write": m.writes, "lseek": m.seeks}
}

func (m *readWriteMover) Close() error { return nil }
