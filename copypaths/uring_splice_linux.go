package copypaths

import (
	"errors"
	"fmt"
	"strconv"

	"copylab/internal/kernel"
)

// uringSplice is splice by io_uring: for each chunk a SPLICE from the file into a pipe, and one from there into the
// socket, linked; several chunks are one chain. The pipe is splice's.
//
// The kernel never runs a SPLICE at once: a worker thread of its own does (iou-wrk). The calling thread
// sleeps meanwhile, and its own CPU time says nothing; that of the process does.
func uringSplice() binding {
	return binding{
		probe: func() Status { return probeUring(openUringSplice, kernel.UringSplice) },
		open:  openUringSplice,
	}
}

type uringSpliceMover struct {
	*uringChain
	pipe *kernel.Pipe
}

func openUringSplice(e Ends) (Mover, error) {
	if err := e.check(Descriptor, false); err != nil {
		return nil, err
	}
	c, err := openUring(e, uringDepth, 2*uringDepth, 0)
	if err != nil {
		return nil, err
	}
	m := &uringSpliceMover{uringChain: c}
	if m.pipe, err = kernel.OpenPipe(pipeFor(e)); err == nil {
		err = c.registerFile(e.File, m.pipe)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open path: %w", err), m.Close())
	}
	return m, nil
}

// Move adds the chunk to the chain, in pieces of what the pipe holds, and runs the chain when it is long enough.
func (m *uringSpliceMover) Move(off int64, n int) error {
	if err := m.begin(); err != nil {
		return err
	}
	for at := 0; at < n; {
		if len(m.steps)+2 > cap(m.steps) {
			if err := m.flush(); err != nil {
				return err
			}
		}
		piece := min(n-at, m.pipe.Bytes)
		s := uringStep{op: kernel.UringSplice, off: off + int64(at), n: piece, chunkOff: off, chunk: n, before: at}
		in, out := s, s
		in.in, out.more = true, at+piece < n
		m.steps = append(m.steps, in, out)
		at += piece
	}
	return m.ended()
}

func (m *uringSpliceMover) Flush() error { return m.flush() }

// Settings has the pipe's real size (pipe_bytes), which may be less than a chunk.
func (m *uringSpliceMover) Settings() map[string]string {
	s := m.settings()
	s["pipe_bytes"] = strconv.Itoa(m.pipe.Bytes)
	return s
}

func (m *uringSpliceMover) Close() error {
	err := m.close()
	if m.pipe != nil {
		err = errors.Join(err, m.pipe.Close())
	}
	return err
}
