package kernel

import (
	"runtime"
	"syscall"
	"testing"
)

func TestBufferIsTouched(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b, err := Buffer(8 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := Free(b); err != nil {
			t.Error(err)
		}
	}()
	before := threadFaults(t)
	for i := 0; i < len(b); i += 4096 {
		b[i]++
	}
	// An untouched mapping takes 2048 faults here, or 4 of huge pages and their splits. The few that are allowed are
	// those of the Go runtime on this thread.
	if faults := threadFaults(t) - before; faults > 2 {
		t.Errorf("writing to the buffer took %d page faults: it was not touched", faults)
	}
}

func threadFaults(t *testing.T) int64 {
	t.Helper()
	const rusageThread = 1
	var u syscall.Rusage
	if err := syscall.Getrusage(rusageThread, &u); err != nil {
		t.Fatal(err)
	}
	return u.Minflt
}
