//go:build unix && !linux

package worker

import "time"

func sharpenTimers() {}

// sleepUntil returns when due has passed on the clock that started at epoch. It spins: sleeping is too coarse here.
func sleepUntil(epoch time.Time, due time.Duration) {
	for time.Since(epoch) < due { //nolint:revive // spins on purpose
	}
}
