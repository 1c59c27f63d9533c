package worker

import (
	"strconv"
	"time"

	"copylab/results"
	"copylab/results/stats"
)

// measureToolCost times what copylab itself adds to each operation, apart: reading the clock, and recording a latency.
// Each is the median of several rounds, since another process may take the CPU during one.
func measureToolCost(into map[string]string) {
	const rounds, operations = 9, 1 << 17
	h := results.NewHistogram()
	clock, record := make([]float64, rounds), make([]float64, rounds)
	for round := range rounds {
		epoch := time.Now()
		var last time.Duration
		for range operations {
			last = time.Since(epoch)
		}
		clock[round] = float64(last) / operations
		epoch = time.Now()
		for i := range int64(operations) {
			if err := h.RecordValue(1000 + i&0xffff); err != nil {
				return // can't be: the range is an hour; the settings stay absent and the summary says so
			}
		}
		record[round] = float64(time.Since(epoch)) / operations
	}
	into[results.SettingClockRead] = strconv.FormatFloat(stats.Median(clock), 'f', 1, 64)
	into[results.SettingHistogramRecord] = strconv.FormatFloat(stats.Median(record), 'f', 1, 64)
}
