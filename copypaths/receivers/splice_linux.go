package receivers

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// spliceNull lets the kernel hand the socket's pages to /dev/null, which drops them: splice(2) from the socket into a pipe,
// and from there on. No byte is copied, but for two system calls each time.
func spliceNull() binding {
	return binding{
		probe: func() Status { return try(openSpliceNull, leftAlone) },
		open:  openSpliceNull,
	}
}

// splicer moves what a socket brings through a pipe to a descriptor.
type splicer struct {
	socket int
	most   int64 // bytes of one take
	pipe   *kernel.Pipe
	out    *os.File
	to     int // its descriptor
	calls  kernel.Calls
	held   int // bytes in the pipe, which a failure left there

	// For a file: where the next byte goes, and where to begin again. 0 for what has no offsets.
	offset, end int64

	splices int64
}

func openSpliceNull(e End) (Taker, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("open receiver: %w", err)
	}
	return newSplicer(e, out, 0)
}

// newSplicer takes over out.
func newSplicer(e End, out *os.File, end int64) (Taker, error) {
	// splice(2) from anything else might work, and take what no sender sent.
	if _, err := unix.GetsockoptInt(e.Socket, unix.SOL_SOCKET, unix.SO_TYPE); err != nil {
		return nil, errors.Join(fmt.Errorf("open receiver: getsockopt SO_TYPE: %w%s", err, hint(err)), out.Close())
	}
	pipe, err := kernel.OpenPipe(len(e.Buffer))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open receiver: %w", err), out.Close())
	}
	return &splicer{socket: e.Socket, most: int64(len(e.Buffer)), pipe: pipe, out: out, to: int(out.Fd()), end: end, calls: kernel.Calls{Raw: e.Dedicated}}, nil
}

func (t *splicer) Take(limit int64) (int64, error) {
	if limit < 1 {
		return 0, fmt.Errorf("take %d bytes: want at least 1", limit)
	}
	if t.held > 0 {
		return 0, fmt.Errorf("splice from socket: the pipe still holds %d bytes of a take that failed; close the receiver", t.held)
	}
	limit = min(limit, t.most)
	if t.end > 0 {
		if t.offset == t.end {
			t.offset = 0
		}
		limit = min(limit, t.end-t.offset)
	}
	for {
		n, err := t.calls.Splice(t.socket, nil, t.pipe.In, nil, int(limit), 0)
		t.splices++
		switch {
		case n > 0:
			t.held = n
			return int64(n), t.drain()
		case err == nil:
			return 0, io.EOF
		case !errors.Is(err, unix.EINTR):
			return 0, fmt.Errorf("splice from socket: %w%s", err, hint(err))
		}
	}
}

// drain empties the pipe.
func (t *splicer) drain() error {
	var at *int64
	if t.end > 0 {
		at = &t.offset
	}
	for t.held > 0 {
		n, err := t.calls.Splice(t.pipe.Out, nil, t.to, at, t.held, 0)
		t.splices++
		switch {
		case n > 0:
			t.held -= n
		case err == nil:
			return fmt.Errorf("splice to %s: the pipe gave nothing; %d bytes of it were missing", t.out.Name(), t.held)
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("splice to %s: %w; %d bytes were still in the pipe", t.out.Name(), err, t.held)
		}
	}
	return nil
}

func (t *splicer) Sum() string { return "" }

// Settings are the pipe's real size (pipe_bytes).
func (t *splicer) Settings() map[string]string {
	return map[string]string{"pipe_bytes": strconv.Itoa(t.pipe.Bytes)}
}

func (t *splicer) Syscalls() map[string]int64 { return map[string]int64{"splice": t.splices} }

func (t *splicer) Close() error {
	if t.pipe.In < 0 {
		return nil
	}
	if err := errors.Join(t.pipe.Close(), t.out.Close()); err != nil {
		return fmt.Errorf("close receiver: %w", err)
	}
	return nil
}
