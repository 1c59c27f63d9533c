package results

import "copylab/results/measured"

// ofMemory sets a write's rates against that of copying in memory outside the last-level cache, trial by trial, so that its interval is the
// rate's. That memory's rate has a spread of its own is not in it: it is measured once in a run. It is nil for a case that writes no bytes, and for
// an open loop, whose rate is the one that it was offered.
func (d *caseData) ofMemory(memory *MemoryCopy, reason string) *OfMemory {
	if d.Kind != Write || d.isNull() || d.isOpen() || memory == nil {
		return nil
	}
	of := func(name string) Metric {
		for i, m := range d.metrics {
			if m.name == name {
				return d.metric(i, reason).over(memory.UncachedBytesPerSecond)
			}
		}
		return Metric{Unavailable: "not recorded"} // never: every write has both rates
	}
	return &OfMemory{Accepted: of(MetricAccepted), Durable: of(MetricDurable)}
}

// over divides every value of the metric by the same number.
func (m Metric) over(by measured.Float) Metric {
	if why := m.Why(); why != "" {
		return Metric{Unavailable: why}
	}
	n, ok := by.Get()
	switch {
	case !ok:
		return Metric{Unavailable: "how fast this machine copies in memory is not known: " + by.Why()}
	case !(n > 0):
		return Metric{Unavailable: "the record says that this machine copies nothing in memory"}
	}
	values := make([]float64, len(m.Values))
	for i, v := range m.Values {
		values[i] = v / n
	}
	return summarizeMetric(values)
}
