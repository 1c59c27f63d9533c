package diskwrite

import (
	"sync/atomic"
	"time"
)

// Progress tells another thread how far a run has come, while it runs: see Job.Progress. One thread may read it.
type Progress struct{ slots []progressSlot }

// NewProgress makes one for a run of so many writers, at least 1.
func NewProgress(writers int) *Progress {
	return &Progress{slots: make([]progressSlot, max(1, writers))}
}

// AcceptedBytes is how much the writes that have returned so far wrote.
func (p *Progress) AcceptedBytes() int64 {
	var sum int64
	for i := range p.slots {
		sum += p.slots[i].acceptedBytes.Load()
	}
	return sum
}

// TakeMaxLatency returns the longest write that returned since it was last called; 0 where there was none. A write that
// takes long counts when it returns, not while it lasts. In an open loop it counts from its intended start.
func (p *Progress) TakeMaxLatency() time.Duration {
	var worst int64
	for i := range p.slots {
		worst = max(worst, p.slots[i].maxLatencyNS.Swap(0))
	}
	return time.Duration(worst)
}

// slot returns a writer's own. A nil Progress has none.
func (p *Progress) slot(writer int) *progressSlot {
	if p == nil {
		return nil
	}
	return &p.slots[writer]
}

// progressSlot is written by one writer alone. It fills two cache lines, since CPUs fetch them in pairs: else the reader
// or another writer would take the line away from this one.
type progressSlot struct {
	acceptedBytes atomic.Int64
	maxLatencyNS  atomic.Int64
	_             [112]byte
}

// note is called after each write: one store, and a second one where the write was the longest of the interval. Between
// load and store the reader may set the maximum to 0; then the write counts in the next interval.
func (s *progressSlot) note(acceptedBytes, latencyNS int64) {
	s.acceptedBytes.Store(acceptedBytes)
	if latencyNS > s.maxLatencyNS.Load() {
		s.maxLatencyNS.Store(latencyNS)
	}
}
