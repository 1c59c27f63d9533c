package copypaths

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// splice hands the pages of the page cache to the socket by way of a pipe of its own: splice(2) from the file into the
// pipe, and from there into the socket. It is what sendfile does within, with a pipe whose size can be chosen.
//
// The pipe has room for a chunk, where the system allows that. In a smaller one a chunk takes several rounds; then all
// but the last say SPLICE_F_MORE, as sendfile does within, so that TCP need not send a short segment in between. Between
// chunks nothing is held back. A pipe has a slot for each page: a chunk that begins within a page needs one more than
// its size says, and takes a second round in a pipe that it fills.
//
// SPLICE_F_MOVE is not given: it has had no effect since Linux 2.6.21 (splice(2)).
func splice() binding {
	return binding{probe: func() Status { return tryDescriptor(openSplice) }, open: openSplice}
}

// pipesBytes is what the pipes of many streams may hold together: half of what the pipes of an ordinary user may by default
// (pipe-user-pages-soft of pipe(7), 16,384 pages of 4 KiB). Beyond that the kernel makes the pipes that come last smaller than
// the others. A pipe that nobody asks to grow holds 64 KiB.
const pipesBytes = 32 << 20

// pipeFor is how large a path's pipe should be.
func pipeFor(e Ends) int { return min(e.Chunk, pipesBytes/max(1, e.Streams)) }

type spliceMover struct {
	file   *os.File
	in     int
	socket int
	pipe   *kernel.Pipe
	offset int64 // the kernel writes here; a field, since a variable of Move would be allocated
	held   int   // bytes in the pipe, which a failure left there
	calls  kernel.Calls

	splices int64
}

func openSplice(e Ends) (Mover, error) {
	if err := e.check(Descriptor, false); err != nil {
		return nil, err
	}
	p, err := kernel.OpenPipe(pipeFor(e))
	if err != nil {
		return nil, fmt.Errorf("open path: %w", err)
	}
	return &spliceMover{file: e.File, in: int(e.File.Fd()), socket: e.Socket, pipe: p, calls: kernel.Calls{Raw: e.Dedicated}}, nil
}

func (m *spliceMover) Move(off int64, n int) error {
	if m.held > 0 {
		return fmt.Errorf("splice from file: the pipe still holds %d bytes of a chunk that failed; close the path", m.held)
	}
	m.offset = off
	for left := n; left > 0; {
		k, err := m.calls.Splice(m.in, &m.offset, m.pipe.In, nil, min(left, mostPerCall), 0)
		m.splices++
		switch {
		case k > 0:
			m.held = k
			flags := 0
			if k < left {
				flags = unix.SPLICE_F_MORE
			}
			if err := m.drain(n-left, n, flags); err != nil {
				return err
			}
			left -= k
		case err == nil:
			return fileEnded("splice", m.offset, int64(left))
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("splice from file: %w; %d bytes of this chunk were missing", err, left)
		}
	}
	return nil
}

// drain empties the pipe into the socket. sent bytes of the chunk went before.
func (m *spliceMover) drain(sent, chunk, flags int) error {
	for m.held > 0 {
		k, err := m.calls.Splice(m.pipe.Out, nil, m.socket, nil, m.held, flags)
		m.splices++
		switch {
		case k > 0:
			m.held -= k
			sent += k
		case err == nil: // the pipe is empty, though it was filled
			return fmt.Errorf("splice to socket: the pipe gave nothing; %d bytes of it were missing", m.held)
		case !errors.Is(err, unix.EINTR):
			return sendFailed("splice", err, int64(sent), int64(chunk))
		}
	}
	return nil
}

// Settings are the pipe's real size (pipe_bytes), which may be less than a chunk.
func (m *spliceMover) Settings() map[string]string {
	return map[string]string{"pipe_bytes": strconv.Itoa(m.pipe.Bytes)}
}

func (m *spliceMover) Syscalls() map[string]int64 { return map[string]int64{"splice": m.splices} }

func (m *spliceMover) Close() error {
	if err := m.pipe.Close(); err != nil {
		return fmt.Errorf("close path: %w", err)
	}
	return nil
}
