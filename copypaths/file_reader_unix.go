//go:build unix

package copypaths

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// fileReader reads a file by read(2) into the program's own memory, as simple servers do: the kernel keeps the offset, and
// lseek(2) is called only where the file stands elsewhere.
type fileReader struct {
	in    int
	at    int64 // where the file stands
	calls calls

	reads, seeks int64
}

func newFileReader(in int, c calls) (fileReader, error) {
	r := fileReader{in: in, calls: c}
	at, err := unix.Seek(in, 0, io.SeekCurrent)
	r.seeks++
	if err != nil {
		return r, fmt.Errorf("open path: lseek: %w", err)
	}
	r.at = at
	return r, nil
}

// fill reads from the offset off into p until at least least bytes are there.
func (r *fileReader) fill(off int64, p []byte, least int) error {
	if off != r.at {
		r.seeks++
		if _, err := unix.Seek(r.in, off, io.SeekStart); err != nil {
			return fmt.Errorf("lseek to offset %d: %w", off, err)
		}
		r.at = off
	}
	for got := 0; got < least; {
		k, err := r.calls.read(r.in, p[got:min(len(p), got+mostPerCall)])
		r.reads++
		switch {
		case k > 0:
			r.at += int64(k)
			got += k
		case err == nil:
			return fileEnded("read", r.at, int64(least-got))
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("read from file: %w; %d bytes of this chunk were missing", err, least-got)
		}
	}
	return nil
}
