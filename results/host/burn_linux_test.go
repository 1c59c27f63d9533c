package host

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// burn uses the CPU until this process has used ms milliseconds more of it, however long that takes.
func burn(t *testing.T, ms int64) {
	t.Helper()
	used := func() time.Duration {
		var r unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
			t.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	for end := used() + time.Duration(ms)*time.Millisecond; used() < end; {
		for i := range 100_000 {
			_ = i * i
		}
	}
}
