//go:build unix && !darwin && !linux

package worker

import "copylab/results/measured"

// peakMemory is ru_maxrss in bytes: getrusage(2) counts KiB here.
func peakMemory(maxRSS int64) measured.Int { return measured.Known(maxRSS * 1024) }
