package kernel

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SharpenTimers asks for wake-ups of the calling thread to the nanosecond: the default slack is 50 µs (PR_SET_TIMERSLACK,
// prctl(2)). Where it is refused, SleepUntil spins a little longer.
func SharpenTimers() {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
}

// SleepUntil returns when due has passed on the clock that started at epoch. It sleeps for the most part and spins for
// the last 100 µs, so that a late wake-up does not look like a slow operation.
func SleepUntil(epoch time.Time, due time.Duration) {
	const spin = 100 * time.Microsecond
	if rest := due - time.Since(epoch) - spin; rest > 0 {
		ts := unix.NsecToTimespec(int64(rest))
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil) // cut short by a signal: the spin makes up for it
	}
	for time.Since(epoch) < due { //nolint:revive // spins on purpose
	}
}

// Sleep returns after d, or a little later. It is for a thread beside one that is measured: the Go scheduler is told nothing of the system
// call. Otherwise its monitor thread, once it had taken the sleeper's processor away, would look about every 20 µs for a while, on the measured
// thread's CPU. The price is that of Calls.Raw.
func Sleep(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	// Cut short by a signal: whoever cares looks at the clock.
	_, _, _ = syscall.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
}
