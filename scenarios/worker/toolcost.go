package worker

import (
	"strconv"
	"time"

	"copylab/results"
)

// measureToolCost times what copylab adds to each operation, apart: reading the clock, and recording a latency.
func measureToolCost(into map[string]string) {
	const rounds = 1 << 20
	epoch := time.Now()
	var last time.Duration
	for range rounds {
		last = time.Since(epoch)
	}
	into["clock_read_ns"] = strconv.FormatFloat(float64(last)/rounds, 'f', 1, 64)
	h := results.NewHistogram()
	epoch = time.Now()
	for i := range int64(rounds) {
		if err := h.RecordValue(1000 + i&0xffff); err != nil {
			return // can't be: the range is an hour; the setting stays absent and the summary says so
		}
	}
	into["histogram_record_ns"] = strconv.FormatFloat(float64(time.Since(epoch))/rounds, 'f', 1, 64)
}
