//go:build unix

package copypaths

import (
	"errors"
	"fmt"
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
	reader fileReader
	socket int
	buffer []byte
	writes int64
}

func openReadWrite(e Ends) (Mover, error) {
	if err := e.check(Descriptor, true); err != nil {
		return nil, err
	}
	reader, err := newFileReader(int(e.File.Fd()), callsOf(e))
	if err != nil {
		return nil, err
	}
	return &readWriteMover{file: e.File, reader: reader, socket: e.Socket, buffer: e.Buffer}, nil
}

func (m *readWriteMover) Move(off int64, n int) error {
	chunk, r := m.buffer[:n], &m.reader
	got := 0
	// The ordinary case, here and not in fill: each level of calls around a system call costs some 20 ns, for the
	// processor has forgotten where to return to (compare BenchmarkAgainstC).
	if off == r.at {
		k, err := r.calls.read(r.in, chunk[:min(n, mostPerCall)])
		r.reads++
		switch {
		case k > 0:
			got = k
			r.at += int64(k)
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("read from file: %w; %d bytes of this chunk were missing", err, n)
		}
	}
	if got < n {
		if err := r.fill(off+int64(got), chunk[got:], n-got); err != nil {
			return err
		}
	}
	return m.reader.calls.writeAll(m.socket, chunk, &m.writes)
}

func (m *readWriteMover) Syscalls() map[string]int64 {
	return map[string]int64{"read": m.reader.reads, "write": m.writes, "lseek": m.reader.seeks}
}

func (m *readWriteMover) Close() error { return nil }
