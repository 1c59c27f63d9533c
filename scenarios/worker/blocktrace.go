package worker

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"copylab/internal/kernel"
	"copylab/results/host"
)

// traceInterval is the time between two looks at the rings of a trace. A ring has room for much more.
const traceInterval = 5 * time.Millisecond

// tracer hands on what the device under the written files is given, on a thread beside the writer's, while that writes: so that nothing is
// stored, however long the trial is.
type tracer struct {
	trace   *kernel.BlockTrace
	take    func(kernel.BlockRequest)
	stopped atomic.Bool
	done    chan error
}

// startTracer readies a trace of a device, as sysfs calls it, that is read on the given CPU; -1: on any that this process may use. It must be ended
// by stop.
func startTracer(device string, cpu int, take func(kernel.BlockRequest)) (*tracer, error) {
	trace, err := kernel.OpenBlockTrace(device)
	if err != nil {
		return nil, err
	}
	t := &tracer{trace: trace, take: take, done: make(chan error, 1)}
	placed := make(chan error)
	go t.read(cpu, placed)
	if err := <-placed; err != nil {
		_ = trace.Close() // there is a better error
		return nil, fmt.Errorf("trace %s: %w", device, err)
	}
	return t, nil
}

// begin begins to trace. It is called by the writer's thread, right before the first write.
func (t *tracer) begin() error { return t.trace.Start() }

// read is the reading thread. It is never unlocked: the thread ends with it, and its place with the thread.
func (t *tracer) read(cpu int, placed chan<- error) {
	runtime.LockOSThread()
	var err error
	if cpu >= 0 {
		err = host.PinThread(cpu)
	}
	placed <- err
	if err != nil {
		return
	}
	for err == nil && !t.stopped.Load() {
		kernel.Sleep(traceInterval)
		err = t.trace.Read(t.take)
	}
	t.done <- err
}

// stop ends the trace, and hands on what is left of it. The error says that it is incomplete, or could not be read.
func (t *tracer) stop() error {
	t.stopped.Store(true)
	err := <-t.done
	// The other thread is gone: the trace is this one's.
	if serr := t.trace.Stop(); err == nil {
		err = serr
	}
	if err == nil {
		err = t.trace.Rest(t.take)
	}
	if n := t.trace.Lost(); err == nil && n > 0 {
		err = fmt.Errorf("the trace is incomplete: %d events found no room in its rings", n)
	}
	if cerr := t.trace.Close(); err == nil {
		err = cerr
	}
	return err
}
