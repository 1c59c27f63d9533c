package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
)

// Main is a worker's whole life: it reads its job from in, does it, and tells out. It returns the exit code.
// It must be the only thing that its process does.
func Main(in io.Reader, out io.Writer) int {
	// A collection during the timed span would be charged to the path.
	debug.SetGCPercent(-1)
	// But a peer must not get all of the machine's memory.
	debug.SetMemoryLimit(memoryLimitBytes)
	runtime.LockOSThread()
	lines := newLineReader(in)
	var job Job
	if err := lines.read(&job); err != nil {
		return fail(out, fmt.Errorf("read job from standard input: %w (workers are started by copylab run, not by hand)", err))
	}
	if job.Namespace {
		if err := enterNamespace(inheritedDescriptor); err != nil {
			return fail(out, err)
		}
	}
	ctx, lost := context.WithCancelCause(context.Background())
	c := &control{out: out, orders: make(chan Message, 1)}
	go c.listen(lines, lost)
	result, err := do(ctx, c, job)
	if err != nil {
		return fail(out, err)
	}
	if err := writeLine(out, Message{Event: EventDone, Result: result}); err != nil {
		return 1
	}
	if job.Receive != nil && job.Receive.Sampled {
		select {} // until listen finds the command gone, or the command ends this
	}
	return 0
}

func do(ctx context.Context, c *control, job Job) (*Result, error) {
	switch {
	case job.Send != nil && job.Receive == nil && job.Write == nil:
		return send(ctx, c, *job.Send)
	case job.Receive != nil && job.Send == nil && job.Write == nil:
		return receive(ctx, c, *job.Receive)
	case job.Write != nil && job.Send == nil && job.Receive == nil:
		return write(ctx, c, *job.Write)
	}
	return nil, errors.New("read job: want exactly one of send, receive and write")
}

func fail(out io.Writer, err error) int {
	if writeLine(out, Message{Event: EventFailed, Error: err.Error()}) != nil {
		return 1
	}
	return 1
}

// inheritedDescriptor is the number that a descriptor has which the command gave to a worker.
const inheritedDescriptor = 3

// control is a worker's end of the conversation with its command.
type control struct {
	out    io.Writer
	orders chan Message
}

// listen passes the command's orders on. Where the command is gone, so is the reason to live: the worker may sit in a
// blocking system call, so the whole process exits. (On Linux the kernel also kills it: PR_SET_PDEATHSIG.)
func (c *control) listen(lines *lineReader, lost context.CancelCauseFunc) {
	for {
		var m Message
		if err := lines.read(&m); err != nil {
			lost(fmt.Errorf("read orders: %w", err))
			os.Exit(1)
		}
		c.orders <- m
	}
}

func (c *control) tell(e Event) error { return writeLine(c.out, Message{Event: e}) }

// awaitGo reports ready and returns when the command says go.
func (c *control) awaitGo(ctx context.Context) error {
	if err := c.tell(EventReady); err != nil {
		return err
	}
	select {
	case m := <-c.orders:
		if m.Event != EventGo {
			return fmt.Errorf("read orders: got %q, want %q", m.Event, EventGo)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// memoryLimitBytes bounds what a peer can make a worker allocate, as TLS lets it.
const memoryLimitBytes = 256 << 20

// threadBytes is more than what the Go runtime allocates for a thread.
const threadBytes = 256 << 10

// putOffCollections keeps the garbage collector from starting until memoryLimitBytes more have been allocated than the streams' threads
// take, which no trial does, and returns when none is under way. It is called when everything is set up. A collection stops every
// thread, and must wait for those that are in a raw system call. With several streams these wait for the peer, whose threads may be
// stopped by a collection of its own, which waits for threads that wait for this side: for ever.
func putOffCollections(streams int) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetMemoryLimit(int64(m.Sys-m.HeapReleased) + memoryLimitBytes + int64(streams)*threadBytes)
	debug.SetGCPercent(-1) // waits for one that has begun
}
