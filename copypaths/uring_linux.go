package copypaths

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// uringDepth is how many chunks an io_uring path hands to the kernel by one io_uring_enter(2).
//
// The bytes of a connection have an order, and io_uring keeps none: two sends that are both under way may meet in any
// order. So all operations of these chunks are one chain of links, each beginning when the one before it has ended. The
// other way to keep order, one send under way at a time, takes a system call for each chunk and has nothing to offer here,
// where the file's pages are in memory and the socket sets the pace.
//
// With chunks of 4 KiB on loopback, a depth of 8 took the sender about a third less CPU time than one of 1, and 32 no less
// than 8. With 64 KiB there was little between them.
const uringDepth = 8

// Indices of the files that a ring has registered. The socket is not among them: a ring that has notifications to come
// would keep it open, and the notifications may come only when it is closed.
const (
	uringFile = iota
	uringPipeOut
	uringPipeIn
)

// uringStep is one operation of a chain.
type uringStep struct {
	op     kernel.UringOp
	in     bool // a splice: into the pipe
	more   bool // a splice to the socket: more of the chunk follows
	buffer int32
	off    int64 // in the file, of the first byte
	n      int   // bytes
	done   int   // of them

	chunkOff int64 // offset and size of the chunk that it is a part of
	chunk    int
	before   int // bytes of the chunk before the first byte
}

// call is the word with which errors name the operation.
func (s *uringStep) call() string { return s.op.String() }

func (s *uringStep) reads() bool {
	return s.op == kernel.UringReadFixed || s.in
}

// uringChain runs steps in order: a chain of links in a ring. A link breaks where an operation fails, or does less than
// it was asked to; then the rest of the chain is submitted again from there.
type uringChain struct {
	ring      *kernel.Uring
	socket    int
	sendFlags int // MSG_WAITALL: the kernel itself goes on with a short send, and breaks the link if it can't

	steps   []uringStep
	results []int32
	chunks  int   // in steps
	depth   int   // chunks that make a chain
	failure error // of an earlier chain; what is in flight then, nobody knows
	workers string

	// Of zero-copy sends only.
	holders     []int32 // of each buffer: notifications to come, and 1 while a chunk is being moved through it
	free        []int32 // buffers without a holder; the last is taken first, since its memory is the most likely to be cached
	completions Completions
	void        []uint64 // sends that failed and have a notification to come, which tells of no bytes
	serial      uint64   // of what was added: makes its data unique
}

// What an operation's data says, besides its serial number.
const (
	uringStepBits   = 8
	uringBufferBits = 8
)

// openUring makes a chain with room for operations more than it has steps, which may still have notifications to come.
func openUring(e Ends, depth, steps, operations int) (*uringChain, error) {
	ring, err := kernel.NewUring(steps+operations, e.Dedicated)
	if err != nil {
		return nil, fmt.Errorf("open path: %w", err)
	}
	return &uringChain{ring: ring, socket: e.Socket, sendFlags: unix.MSG_WAITALL, depth: depth,
		steps: make([]uringStep, 0, steps), results: make([]int32, steps)}, nil
}

// begin is for every Move. Before the first it keeps the kernel's worker threads on this thread's CPUs, which only this
// thread can do: see kernel.Uring.
func (c *uringChain) begin() error {
	if c.failure != nil {
		return fmt.Errorf("the path failed before: %w", c.failure)
	}
	if c.workers != "" {
		return nil
	}
	switch err := c.ring.KeepWorkers(); {
	case err == nil:
		c.workers = "on the sender's CPUs"
	case errors.Is(err, unix.EINVAL):
		c.workers = "on any CPU (IORING_REGISTER_IOWQ_AFF needs Linux 5.14)"
	default:
		c.failure = err
		return err
	}
	return nil
}

// ended is for the end of every Move.
func (c *uringChain) ended() error {
	if c.chunks++; c.chunks < c.depth {
		return nil
	}
	return c.flush()
}

// flush runs the steps that there are.
func (c *uringChain) flush() error {
	if c.failure != nil {
		return fmt.Errorf("the path failed before: %w", c.failure)
	}
	for first := 0; first < len(c.steps) && c.failure == nil; {
		first, c.failure = c.try(first)
	}
	for i := range c.steps {
		if s := &c.steps[i]; c.holders != nil && s.op == kernel.UringSendZC {
			c.release(s.buffer)
		}
	}
	c.steps, c.chunks = c.steps[:0], 0
	return c.failure
}

// try submits the steps from first on as one chain and waits for all of them. It returns the step from which to go on.
func (c *uringChain) try(first int) (int, error) {
	if err := c.makeRoom(len(c.steps) - first); err != nil {
		return first, err
	}
	for i := first; i < len(c.steps); i++ {
		c.add(i)
		if i < len(c.steps)-1 {
			c.ring.Link()
		}
	}
	if err := c.await(len(c.steps) - first); err != nil {
		return first, err
	}
	for i := first; i < len(c.steps); i++ {
		s, result := &c.steps[i], c.results[i]
		switch {
		case int(result) == s.n-s.done:
			s.done = s.n
		case int(result) > 0 && s.in:
			return i, c.divide(i, int(result))
		case int(result) > 0:
			s.done += int(result)
			return i, nil
		case result == -int32(unix.EINTR):
			return i, nil
		default:
			return i, s.failed(result)
		}
	}
	return len(c.steps), nil
}

// divide is for a splice that got k bytes into the pipe and could do no more, such as because the pipe is full: they have
// to go out before the rest can come in. k becomes a pair of steps of its own, which has ended when divide returns.
func (c *uringChain) divide(i, k int) error {
	in, out := &c.steps[i], &c.steps[i+1]
	for left := k; left > 0; {
		if err := c.makeRoom(1); err != nil {
			return err
		}
		c.ring.SpliceOut(uringPipeOut, c.socket, left, unix.SPLICE_F_MORE, c.data(i+1))
		if err := c.await(1); err != nil {
			return err
		}
		switch result := c.results[i+1]; {
		case result > 0:
			left -= int(result)
			out.before += int(result)
			out.n -= int(result)
		case result != -int32(unix.EINTR):
			return out.failed(result)
		}
	}
	in.off += int64(k)
	in.before += k
	in.n -= k
	return nil
}

// failed says why a step did nothing.
func (s *uringStep) failed(result int32) error {
	var err error
	switch {
	case result == 0 && s.reads():
		at := s.off + int64(s.done)
		err = fileEnded(s.call(), at, s.chunkOff+int64(s.chunk)-at)
	case s.reads():
		err = fmt.Errorf("%s from file: %w; %d bytes of this chunk were missing", s.call(), unix.Errno(-result), s.chunk-s.before-s.done)
	case result == 0:
		err = sendFailed(s.call(), io.ErrNoProgress, int64(s.before+s.done), int64(s.chunk))
	default:
		err = sendFailed(s.call(), unix.Errno(-result), int64(s.before+s.done), int64(s.chunk))
	}
	return fmt.Errorf("chunk at offset %d: %w", s.chunkOff, err)
}

// add puts what is left of a step into the ring.
func (c *uringChain) add(i int) {
	s := &c.steps[i]
	buffer, data, n := int(s.buffer), c.data(i), s.n-s.done
	switch {
	case s.op == kernel.UringReadFixed:
		c.ring.ReadFixed(uringFile, s.off+int64(s.done), buffer, s.done, n, data)
	case s.op == kernel.UringSend:
		c.ring.Send(c.socket, buffer, s.done, n, c.sendFlags, data)
	case s.op == kernel.UringSendZC:
		c.ring.SendZC(c.socket, buffer, s.done, n, c.sendFlags, data)
	case s.in:
		c.ring.SpliceIn(uringFile, s.off, uringPipeIn, n, data)
	default:
		flags := 0
		if s.more {
			flags = unix.SPLICE_F_MORE
		}
		c.ring.SpliceOut(uringPipeOut, c.socket, n, flags, data)
	}
}

// data is what the completion of a step's next operation will say of it.
func (c *uringChain) data(i int) uint64 {
	c.serial++
	return (c.serial<<uringBufferBits|uint64(c.steps[i].buffer))<<uringStepBits | uint64(i)
}

// await submits and waits until n steps have been answered.
func (c *uringChain) await(n int) error {
	for n > 0 {
		if err := c.ring.Submit(n); err != nil {
			return err
		}
		n -= c.reap()
	}
	return nil
}

// makeRoom waits for notifications until n operations can be added.
func (c *uringChain) makeRoom(n int) error {
	for c.ring.Room() < n {
		if err := c.ring.Submit(1); err != nil {
			return err
		}
		c.reap()
	}
	return nil
}

// reap reads all completions that are there, and returns how many were steps' answers.
func (c *uringChain) reap() (answers int) {
	for {
		e, ok := c.ring.Next()
		if !ok {
			return answers
		}
		step := e.Data & (1<<uringStepBits - 1)
		buffer := int32(e.Data >> uringStepBits & (1<<uringBufferBits - 1))
		if !e.Notification() {
			c.results[step] = e.Result
			answers++
			if e.More() {
				c.holders[buffer]++
				if e.Result <= 0 {
					c.void = append(c.void, e.Data)
				}
			}
			continue
		}
		c.release(buffer)
		if i := slices.Index(c.void, e.Data); i >= 0 {
			c.void = slices.Delete(c.void, i, i+1)
		} else if e.Copied() {
			c.completions.Copied++
		} else {
			c.completions.ZeroCopy++
		}
	}
}

// take returns a buffer that nobody holds, for which it may have to wait.
func (c *uringChain) take() (int32, error) {
	for len(c.free) == 0 {
		if err := c.ring.Submit(1); err != nil {
			c.failure = err
			return 0, err
		}
		c.reap()
	}
	buffer := c.free[len(c.free)-1]
	c.free = c.free[:len(c.free)-1]
	c.holders[buffer] = 1
	return buffer, nil
}

// release is take's counterpart, and a notification's.
func (c *uringChain) release(buffer int32) {
	if c.holders[buffer]--; c.holders[buffer] == 0 {
		c.free = append(c.free, buffer)
	}
}

// drain waits for notifications, as long as one comes within the time.
func (c *uringChain) drain(patience time.Duration) {
	for c.ring.UnderWay() > 0 {
		enough, err := c.ring.SubmitFor(1, patience)
		if err != nil || !enough {
			return
		}
		c.reap()
	}
}

func (c *uringChain) Syscalls() map[string]int64 {
	enters, registers, affinities := c.ring.Syscalls()
	return map[string]int64{"io_uring_enter": enters, "io_uring_register": registers, "sched_getaffinity": affinities}
}

// settings are those of every io_uring path: how many chunks go to the kernel at a time, the set-up flags that it took,
// and where its worker threads run.
func (c *uringChain) settings() map[string]string {
	s := map[string]string{"ring_depth": strconv.Itoa(c.depth), "ring_setup_flags": fmt.Sprintf("%#x", c.ring.SetupFlags())}
	if c.workers != "" {
		s["ring_workers"] = c.workers
	}
	return s
}

func (c *uringChain) close() error {
	if err := c.ring.Close(); err != nil {
		return fmt.Errorf("close path: %w", err)
	}
	return nil
}

// probeUring probes an io_uring path: the operations first, since the kernel tells of those, and then by moving a file.
func probeUring(open func(Ends) (Mover, error), ops ...kernel.UringOp) Status {
	if status := kernel.ProbeUring(ops...); status.State != kernel.StateAvailable {
		return status
	}
	return tryTCP(open)
}

// registerFile registers the file and, if there is one, the pipe.
func (c *uringChain) registerFile(file *os.File, pipe *kernel.Pipe) error {
	if pipe == nil {
		return c.ring.RegisterFiles(int(file.Fd()))
	}
	return c.ring.RegisterFiles(int(file.Fd()), pipe.Out, pipe.In)
}
