package kernel

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"copylab/internal/testenv"
)

// countHere counts what this process does while work goes on, and what of it the calling thread does.
func countHere(t *testing.T, work func()) (process, thread SyscallCounts) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c, err := OpenSyscallCounter()
	testenv.Require(t, testenv.Perf, err == nil, "%v", err)
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	work()
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	// What comes behind does not count.
	unix.Getppid()
	if process, err = c.Counts(); err != nil {
		t.Fatal(err)
	}
	if thread, err = c.countsOf(c.fds[:len(c.calls)+1]); err != nil {
		t.Fatal(err)
	}
	return process, thread
}

// TestSyscallCounts counts a loop whose calls are known, on this thread and on one that is started meanwhile.
func TestSyscallCounts(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd := int(null.Fd())
	const parents, writes, moves = 1000, 500, 300
	loop := func() {
		for range parents {
			_, _, _ = unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
		}
		b := []byte{1}
		for range writes {
			if _, err := unix.Write(fd, b); err != nil {
				t.Error(err)
			}
		}
	}
	got, _ := countHere(t, func() {
		loop()
		done := make(chan bool)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends, and what it did must not be lost
			loop()
			for range moves {
				_, _, _ = unix.RawSyscall(unix.SYS_LSEEK, uintptr(fd), 0, 0)
			}
			close(done)
		}()
		<-done
	})
	if got.ByName["write"] != 2*writes || got.ByName["lseek"] != moves {
		t.Errorf("counted %v, want %d write and %d lseek", got.ByName, 2*writes, moves)
	}
	named := int64(0)
	for name, n := range got.ByName {
		if n <= 0 {
			t.Errorf("%s %d", name, n)
		}
		named += n
	}
	// The Go runtime makes some of its own: for threads and timers.
	if others := got.Total - named; others < 2*parents || others > 2*parents+500 {
		t.Errorf("%d calls in all, %d of them by name: want at least %d others", got.Total, named, 2*parents)
	}
}

// TestSyscallCountsAreExact counts all that one thread does: not one call more or less, of the counter itself neither. Where the Go runtime starts a
// thread from it meanwhile, that one's are among them: then it is tried again.
func TestSyscallCountsAreExact(t *testing.T) {
	for _, parents := range []int64{0, 1, 1000} {
		for try := range 10 {
			process, thread := countHere(t, func() {
				for range parents {
					_, _, _ = unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
				}
				for range parents / 2 {
					_, _, _ = unix.RawSyscall(unix.SYS_LSEEK, ^uintptr(0), 0, 0) // one that fails is one too
				}
			})
			want := parents + parents/2
			if thread.Total < want || thread.ByName["lseek"] != parents/2 || process.Total < thread.Total || process.ByName["lseek"] != parents/2 {
				t.Errorf("%d calls of this thread, %v, want %d; %d of the process, %v", thread.Total, thread.ByName, want, process.Total, process.ByName)
			}
			if thread.Total == want {
				break
			}
			if try == 9 {
				t.Errorf("never %d calls, but %d", want, thread.Total)
			}
		}
	}
}

// Who may not says what would allow it.
func TestProbeSyscallCounts(t *testing.T) {
	switch s := ProbeSyscallCounts(); {
	case s.State == StateAvailable && s.Reason != "":
		t.Errorf("%+v", s)
	case s.State != StateAvailable && !strings.Contains(s.Reason, "root") && !strings.Contains(s.Reason, "mount"):
		t.Errorf("%+v does not say what would allow it", s)
	}
}
