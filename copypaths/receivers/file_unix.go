//go:build unix

package receivers

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// file receives into a file, as a backup or a replica does: recv(2) into one buffer, write(2) from there into the page
// cache. Nothing is made durable. The file has no name, so that it is gone with the process; once it has End.FileBytes,
// its bytes are written over from the beginning, so that it fills no disk.
func file() binding {
	return binding{probe: func() Status {
		return try(inTempDir(openFileTaker), func(_ Taker, sent, buffer []byte) error { return arrived(sent, buffer) })
	}, open: openFileTaker}
}

type fileTaker struct {
	recvTaker
	out         *os.File
	to          int // its descriptor
	offset, end int64

	writes, seeks int64
}

func openFileTaker(e End) (Taker, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	out, err := openFile(e)
	if err != nil {
		return nil, err
	}
	return &fileTaker{recvTaker: recvTaker{socket: e.Socket, buffer: e.Buffer, kernel: kernel.Calls{Raw: e.Dedicated}}, out: out, to: int(out.Fd()), end: e.FileBytes}, nil
}

// openFile makes the file without a name in e.Dir.
func openFile(e End) (*os.File, error) {
	switch {
	case e.Dir == "":
		return nil, errors.New("open receiver: there is no folder for the file")
	case e.FileBytes < 1:
		return nil, fmt.Errorf("open receiver: file of %d bytes: want at least 1", e.FileBytes)
	}
	out, err := unnamedFile(e.Dir)
	if err != nil {
		return nil, fmt.Errorf("open receiver: make a file without a name: %w", err)
	}
	return out, nil
}

// createAndRemove makes a file and removes its name, for systems and filesystems that make none without.
func createAndRemove(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".copylab-received-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(filepath.Join(dir, filepath.Base(f.Name()))); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// inTempDir gives a receiver that is probed a folder for its file.
func inTempDir(open func(End) (Taker, error)) func(End) (Taker, error) {
	return func(e End) (Taker, error) {
		e.Dir, e.FileBytes = os.TempDir(), probeBytes
		return open(e)
	}
}

func (t *fileTaker) Take(limit int64) (int64, error) {
	if t.offset == t.end {
		t.seeks++
		if _, err := unix.Seek(t.to, 0, io.SeekStart); err != nil {
			return 0, fmt.Errorf("lseek to the beginning of the file: %w", err)
		}
		t.offset = 0
	}
	n, err := t.recvTaker.Take(min(limit, t.end-t.offset))
	if err != nil {
		return n, err
	}
	for rest := t.buffer[:n]; len(rest) > 0; {
		k, err := t.kernel.Write(t.to, rest)
		t.writes++
		switch {
		case err == nil:
			rest = rest[k:]
			t.offset += int64(k)
		case !errors.Is(err, unix.EINTR):
			return n, fmt.Errorf("write to file: %w; %d of %d bytes were not written", err, len(rest), n)
		}
	}
	return n, nil
}

func (t *fileTaker) Syscalls() map[string]int64 {
	return map[string]int64{"recvfrom": t.calls, "write": t.writes, "lseek": t.seeks}
}

func (t *fileTaker) Close() error {
	if err := t.out.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("close receiver: %w", err)
	}
	return nil
}
