package kernel

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"

	"copylab/internal/testenv"
)

// A descriptor that is closed in the thread's own table stays open in the process's.
func TestOwnDescriptors(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	type answer struct{ own, closed error }
	answers := make(chan answer)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine, and its table with it
		a := answer{own: OwnDescriptors()}
		if a.own == nil {
			a.closed = syscall.Close(int(f.Fd()))
		}
		answers <- a
	}()
	a := <-answers
	testenv.Require(t, testenv.Ptrace, !errors.Is(a.own, syscall.EPERM), "unshare is refused here: %v", a.own)
	if a.own != nil || a.closed != nil {
		t.Fatalf("unshare: %v, close: %v", a.own, a.closed)
	}
	if _, err := f.Read(make([]byte, 1)); errors.Is(err, os.ErrClosed) || errors.Is(err, syscall.EBADF) {
		t.Errorf("the thread closed the file for the whole process: %v", err)
	}
}
