package host

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestPickAllowedCPUs(t *testing.T) {
	allowed := allowedCPUs()
	if len(allowed) == 0 {
		t.Fatal("no CPU is allowed")
	}
	got := PickCPUs(2)
	if len(got) != 2 || !slices.Contains(allowed, got[0]) || !slices.Contains(allowed, got[1]) {
		t.Errorf("got %v of %v", got, allowed)
	}
	if len(allowed) > 1 && got[0] == got[1] {
		t.Errorf("got the same CPU twice out of %v", allowed)
	}
}

// Pin binds every thread of a process. It is for the whole process, so that it runs in one of its own.
func TestPin(t *testing.T) {
	const child = "COPYLAB_TEST_PIN"
	if os.Getenv(child) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestPin$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestPin") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	// Some threads that are surely there.
	var started, stop sync.WaitGroup
	done := make(chan struct{})
	for range 6 {
		started.Add(1)
		stop.Go(func() {
			runtime.LockOSThread()
			started.Done()
			<-done
		})
	}
	started.Wait()
	allowed := allowedCPUs()
	last := allowed[len(allowed)-1]
	if err := Pin(last); err != nil {
		t.Fatal(err)
	}
	tids, err := threads()
	if err != nil {
		t.Fatal(err)
	}
	if len(tids) < 7 {
		t.Errorf("only %d threads", len(tids))
	}
	for _, tid := range tids {
		if got, err := affinity(tid); err != nil || !slices.Equal(got, []int{last}) {
			t.Errorf("thread %d may run on %v, %v; want %d", tid, got, err, last)
		}
	}
	if got := PickCPUs(2); !slices.Equal(got, []int{last, last}) {
		t.Errorf("picked %v afterwards", got)
	}
	if err := Pin(allowed...); err != nil {
		t.Errorf("pin to all again: %v", err)
	}
	for _, bad := range [][]int{{}, {-1}, {1 << 20}, {1023}, {last, 1023}} {
		if slices.Contains(allowed, 1023) {
			break
		}
		if err := Pin(bad...); err == nil {
			t.Errorf("pin to %v: no error", bad)
		}
	}
	close(done)
	stop.Wait()
}
