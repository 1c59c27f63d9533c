//go:build linux && (amd64 || arm64)

package syscalltrace_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel/syscalltrace"
	"copylab/internal/testenv"
)

// childEnv makes this test binary behave as a child to be traced; its value says what the child does.
const childEnv = "COPYLAB_SYSCALLTRACE_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childEnv); what != "" {
		child(what)
		return
	}
	testenv.Main(m)
}

func child(what string) {
	runtime.LockOSThread()
	unix.Getuid()
	switch what {
	case "calls":
		other := make(chan int)
		ready, release := make(chan int), make(chan int)
		go func() {
			runtime.LockOSThread()
			ready <- unix.Gettid()
			<-release
			for range 5 {
				_ = unix.Fsync(-1)
			}
			close(other)
		}()
		tid := <-ready
		syscalltrace.Begin()
		for range 3 {
			unix.Getuid()
		}
		_, _ = unix.Read(-1, make([]byte, 7))
		release <- 1
		<-other
		syscalltrace.End()
		fmt.Printf("%d %d", unix.Gettid(), tid)
	case "no marks":
	case "hang":
		syscalltrace.Begin()
		time.Sleep(time.Hour)
	case "fail":
		fmt.Print("words")
		os.Exit(3)
	}
	unix.Getuid()
}

func run(t *testing.T, timeout time.Duration, what string) (syscalltrace.Trace, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	trace, err := syscalltrace.Run(ctx, append(os.Environ(), childEnv+"="+what), exe)
	testenv.Require(t, testenv.Ptrace, !errors.Is(err, syscalltrace.ErrNotPossible), "%v", err)
	return trace, err
}

func TestTraceCountsWhatIsBetweenTheMarksByThread(t *testing.T) {
	trace, err := run(t, time.Minute, "calls")
	if err != nil {
		t.Fatal(err)
	}
	var marker, other int
	if _, err := fmt.Sscan(string(trace.Output), &marker, &other); err != nil {
		t.Fatalf("%v in %q", err, trace.Output)
	}
	if trace.Thread != marker {
		t.Errorf("marks came from thread %d, want %d", trace.Thread, marker)
	}
	count := trace.Count(marker)
	maps.DeleteFunc(count, func(name string, _ int64) bool {
		// The Go runtime makes them on any thread.
		return slices.Contains([]string{"futex", "nanosleep", "epoll_pwait", "sched_yield"}, name)
	})
	if want := map[string]int64{"getuid": 3, "read": 1}; !maps.Equal(count, want) {
		t.Errorf("marking thread made %v, want %v", count, want)
	}
	if got := trace.Count(other)["fsync"]; got != 5 {
		t.Errorf("other thread made %d fsync, want 5", got)
	}
	for _, c := range trace.Calls {
		if c.Name == "read" && c.Thread == marker && (int32(c.Args[0]) != -1 || c.Args[2] != 7 || !c.Done || c.Return != -int64(unix.EBADF)) {
			t.Errorf("read is %+v, want one of 7 bytes from descriptor -1 that returned EBADF", c)
		}
	}
}

func TestTraceTellsFailures(t *testing.T) {
	for what, want := range map[string]string{
		"no marks": "0 of the 2 marks",
		"hang":     "deadline",
		"fail":     `exit status 3; its output: "words"`,
	} {
		timeout := time.Minute
		if what == "hang" {
			timeout = 2 * time.Second
		}
		if _, err := run(t, timeout, what); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", what, err, want)
		}
	}
	exe := t.TempDir() + "/nothing"
	if _, err := syscalltrace.Run(t.Context(), nil, exe); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: error %v, want one that says so", err)
	}
}
