package worker

import (
	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/measured"
)

// memoryTraffic counts what the machine's memory controllers move in a trial for evidence.
type memoryTraffic struct {
	wanted  bool
	counter *kernel.MemoryTraffic
	why     error // nothing is counted
}

// openMemoryTraffic readies the counters. Where nothing was asked for it does nothing, and so do its methods.
func openMemoryTraffic(wanted bool) *memoryTraffic {
	m := &memoryTraffic{wanted: wanted}
	if wanted {
		m.counter, m.why = kernel.OpenMemoryTraffic()
	}
	return m
}

func (m *memoryTraffic) start() {
	if m.counter != nil {
		m.why = m.counter.Start()
	}
}

func (m *memoryTraffic) stop() {
	if m.counter != nil && m.why == nil {
		m.why = m.counter.Stop()
	}
}

// tell is what was counted; nil where nothing was asked for.
func (m *memoryTraffic) tell() *results.MemoryTraffic {
	if !m.wanted {
		return nil
	}
	var read, written int64
	if m.why == nil {
		read, written, m.why = m.counter.Bytes()
	}
	if m.why != nil {
		return results.NoMemoryTraffic("%v", m.why)
	}
	return &results.MemoryTraffic{ReadBytes: measured.Known(read), WriteBytes: measured.Known(written)}
}

func (m *memoryTraffic) close() error {
	if m.counter == nil {
		return nil
	}
	return m.counter.Close()
}
