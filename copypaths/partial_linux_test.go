package copypaths

import (
	"errors"
	"math"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPartialOperationsGoOn lets signals cut the system calls short, and checks that each path sends the rest.
func TestPartialOperationsGoOn(t *testing.T) {
	const size, chunk, bytes = 8 << 20, 4 << 20, 16 << 20
	content := payload(size, 12)
	for _, p := range moving() {
		if p.Connection != Descriptor {
			continue
		}
		t.Run(name(p), func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			s, to := setUp(t, p, content, chunk, 0)
			result := make(chan taken, 1)
			// The receiver rests, so that the sender has to wait in the middle of a chunk, where a signal can meet it.
			go func() { result <- takeHere("checksum", to, math.MaxInt64, time.Millisecond) }()
			thread, done, stopped := unix.Gettid(), make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				for {
					select {
					case <-done:
						return
					case <-time.After(200 * time.Microsecond):
						// The Go runtime takes SIGURG for a request to preempt, of which any number may come.
						_ = unix.Tgkill(unix.Getpid(), thread, unix.SIGURG)
					}
				}
			}()
			_, err := Stream(s, 0, bytes, size, chunk, newHistogram())
			close(done)
			<-stopped
			if p.ID == "direct-sendfile" && errors.Is(err, unix.EINVAL) {
				// What the signal left can't be read past the page cache. It must say so, and must have sent nothing else.
				wantError(t, err, []error{unix.EINVAL}, "direct I/O on this file begins at multiples of", "of this chunk were sent")
				if err := s.close(); err != nil {
					t.Error(err)
				}
				got := <-result
				if want := checksumOf(content, 0, got.bytes); got.err != nil || got.sum != want {
					t.Errorf("receiver got %d bytes of checksum %s, error %v; want %s", got.bytes, got.sum, got.err, want)
				}
				return
			}
			if err != nil {
				t.Error(err)
			}
			call := p.Syscalls[len(p.Syscalls)-1]
			if n := s.Syscalls()[call]; n <= bytes/chunk {
				t.Errorf("%d times %s for %d chunks: none was cut short, so that this test proves nothing", n, call, bytes/chunk)
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got, want := <-result, checksumOf(content, 0, bytes); got.err != nil || got.sum != want {
				t.Errorf("receiver got %d bytes of checksum %s, error %v; want %d of %s", got.bytes, got.sum, got.err, bytes, want)
			}
		})
	}
}
