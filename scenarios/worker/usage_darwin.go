package worker

import "copylab/results/measured"

// peakMemory is ru_maxrss in bytes: getrusage(2) counts bytes on macOS.
func peakMemory(maxRSS int64) measured.Int { return measured.Known(maxRSS) }
