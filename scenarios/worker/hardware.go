package worker

import (
	"errors"

	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/measured"
)

// hardware counts what a worker's threads do, where the machine has counters.
type hardware struct {
	counters [3]*kernel.Hardware
	why      [3]error
}

// openHardware opens the counters before the threads are started that are measured: those inherit them.
func openHardware() *hardware {
	h := &hardware{}
	for i, event := range []kernel.HardwareEvent{kernel.Cycles, kernel.Instructions, kernel.CacheMisses} {
		h.counters[i], h.why[i] = kernel.OpenHardware(event)
	}
	return h
}

func (h *hardware) start() { h.each((*kernel.Hardware).Start) }
func (h *hardware) stop()  { h.each((*kernel.Hardware).Stop) }

func (h *hardware) each(do func(*kernel.Hardware) error) {
	for i, c := range h.counters {
		if h.why[i] == nil {
			h.why[i] = do(c)
		}
	}
}

func (h *hardware) counts() *results.HardwareCounters {
	var counts [3]measured.Int
	for i, c := range h.counters {
		n := int64(0)
		if h.why[i] == nil {
			n, h.why[i] = c.Count()
		}
		if h.why[i] != nil {
			counts[i] = measured.Unavailable[int64]("%v", h.why[i])
			continue
		}
		counts[i] = measured.Known(n)
	}
	return &results.HardwareCounters{Cycles: counts[0], Instructions: counts[1], CacheMisses: counts[2]}
}

func (h *hardware) close() error {
	var errs []error
	for _, c := range h.counters {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
