//go:build !linux

package kernel

import "time"

// SharpenTimers does nothing: only Linux rounds wake-ups by a slack that a thread can choose.
func SharpenTimers() {}

// SleepUntil returns when due has passed on the clock that started at epoch. It sleeps until shortly before, by Go's
// timers, and spins for the rest, so that a late wake-up does not look like a slow operation.
func SleepUntil(epoch time.Time, due time.Duration) {
	const spin = 2 * time.Millisecond
	if rest := due - time.Since(epoch) - spin; rest > 0 {
		time.Sleep(rest)
	}
	for time.Since(epoch) < due { //nolint:revive // spins on purpose
	}
}

// Sleep returns after d, or a little later.
func Sleep(d time.Duration) { time.Sleep(d) }
