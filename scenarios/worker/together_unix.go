//go:build unix

package worker

import (
	"runtime"
	"time"
)

// together runs the n connections of one side, from one moment on, and returns the time until the last ended. A single
// one runs on the calling thread; several run on a locked thread each, which the pinning confines to the same CPU.
func together(n int, run func(i int, epoch time.Time) (ended time.Duration)) time.Duration {
	if n == 1 {
		return run(0, time.Now())
	}
	release := make(chan time.Time)
	ended := make(chan time.Duration)
	for i := range n {
		go func() {
			runtime.LockOSThread()
			ended <- run(i, <-release)
		}()
	}
	epoch := time.Now()
	for range n {
		release <- epoch
	}
	var last time.Duration
	for range n {
		last = max(last, <-ended)
	}
	return last
}
