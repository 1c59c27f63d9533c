package results

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"copylab/results/host"
	"copylab/results/measured"
)

// The steady state of the SNIA's Solid State Storage Performance Test Specification (version 2.0.2, section 2.1.24): within a window of five
// rounds the greatest value exceeds the smallest by no more than a fifth of the mean, and the best straight line through the values climbs or
// falls by no more than a tenth of it.
const (
	steadyWindow = 5
	steadyRange  = 0.20
	steadySlope  = 0.10
)

// wear is how much a run wrote to its disk besides what a case itself does.
type wear struct {
	precondition *Precondition
	written      measured.Int // bytes at the device in the whole run
	files        int64        // bytes of the test files that are written to
}

// steady judges in which state the disk was while the case wrote to it; nil for a case that writes no bytes.
func (d *caseData) steady(machine host.Host, w wear) *Steady {
	if d.Kind != Write || d.isNull() {
		return nil
	}
	s := &Steady{State: StateUnknown, Metric: d.steadyMetric()}
	none := func(format string, args ...any) *Steady {
		s.Why = fmt.Sprintf(format, args...)
		s.Range, s.Slope = measured.Unavailable[float64]("%s", s.Why), measured.Unavailable[float64]("%s", s.Why)
		return s
	}
	if why := d.hidesDisk(machine.Disk); why != "" {
		return none("%s", why)
	}
	values, ok := d.series(s.Metric)
	switch {
	case len(d.points) == 0:
		_, reason := d.status()
		return none("%s", reason)
	case !ok:
		at := slices.IndexFunc(d.metrics, func(m metricOf) bool { return m.name == s.Metric })
		return none("%s", d.metric(at, "").Why())
	case len(values) < steadyWindow:
		return none("%d counted blocks are too few: it takes %d", len(values), steadyWindow)
	}
	window := values[len(values)-steadyWindow:]
	s.Window = steadyWindow
	spread, climb, ok := level(window)
	if !ok {
		return none("the mean of the last %d blocks is not above 0", steadyWindow)
	}
	s.Range, s.Slope = measured.Known(spread), measured.Known(climb)
	if why := rotates(machine); why != "" {
		s.Why = why
		return s
	}
	s.State, s.Why = judgeSteady(spread, climb, machine, w)
	return s
}

// steadyMetric is the metric by which the disk's state shows: the durable rate where there is one, and otherwise the writes per second.
func (d *caseData) steadyMetric() string {
	if values, ok := d.series(MetricDurable); ok && len(values) > 0 || !d.isDirect() {
		return MetricDurable
	}
	return MetricIOPS
}

// isDirect says that a write passes the page cache by.
func (c Case) isDirect() bool { return strings.Contains(c.Params.Method, methodDirect) }

// hidesDisk tells why the case's values can't show the state of a disk, or "".
func (d *caseData) hidesDisk(disk host.Disk) string {
	switch {
	case disk.InMemory:
		return "the test files are in memory: there is no disk"
	case disk.Device == "":
		return "which disk the files are on is not known: " + orNotRecorded(disk.Why)
	case !d.isDirect() && !d.isDurable():
		return "the writes go into the page cache and need not reach the disk while they are timed"
	case d.Params.RatePerSecond > 0:
		return "the rate is given, so that it tells nothing of the disk"
	}
	return ""
}

func orNotRecorded(why string) string {
	if why == "" {
		return "not recorded"
	}
	return why
}

// rotates tells that the disk is a mechanical one, which has no such states, or "". A virtual disk is often called rotating and says
// nothing by it.
func rotates(machine host.Host) string {
	if _, is := virtual(machine); is || machine.Disk.Rotational != "1" {
		return ""
	}
	return "the kernel takes the disk for a mechanical one, which does not get slower by being written to"
}

// level returns the range of the values and the climb of the best straight line through them (least squares, equal steps), both as shares of
// their mean; false where the mean is not above 0.
func level(values []float64) (spread, climb float64, ok bool) {
	n := float64(len(values))
	mean := 0.0
	for _, v := range values {
		mean += v / n
	}
	if !(mean > 0) || math.IsInf(mean, 0) {
		return 0, 0, false
	}
	products, squares := 0.0, 0.0
	for i, v := range values {
		x := float64(i) - (n-1)/2
		products += x * (v/mean - 1)
		squares += x * x
	}
	return (slices.Max(values) - slices.Min(values)) / mean, products / squares * (n - 1), true
}

// judgeSteady names the state of a solid-state disk, and says why.
func judgeSteady(spread, climb float64, machine host.Host, w wear) (SteadyState, string) {
	found := fmt.Sprintf("over the last %d blocks the values spread by %.3g of their mean (at most %.2f allowed), and their line climbs by %.3g of it (at most %.2f up or down)",
		steadyWindow, spread, steadyRange, climb, steadySlope)
	if by, is := virtual(machine); is {
		found += fmt.Sprintf("; what lies below a virtual disk (%s), and who else uses it, is in that", by)
	}
	if spread > steadyRange || math.Abs(climb) > steadySlope {
		return StateTransition, found
	}
	capacity, known := machine.Disk.CapacityBytes.Get()
	if written, ok := w.written.Get(); ok && known && capacity > 0 && written >= capacity {
		return StateSteady, found + "; by its end the run had written as much as the disk holds"
	}
	if p := w.precondition; p != nil && p.AreaBytes >= w.files {
		return StateSteady, found + fmt.Sprintf("; before that, an area of %s, no smaller than the test files, had been written over in sequence twice and at random once", host.HumanBytes(p.AreaBytes))
	}
	if p := w.precondition; p != nil {
		return StateFresh, found + fmt.Sprintf("; but the area that was written over before, %s, is smaller than the test files, %s: a new disk looks the same", host.HumanBytes(p.AreaBytes), host.HumanBytes(w.files))
	}
	return StateFresh, found + "; but a new disk looks the same, and nothing shows that this one was written full before (--precondition writes an area over first)"
}

// wear is what the run's disk was written to. The size of what the cases write to is the largest file of any: they share it.
func (b *Builder) wear(end *End) wear {
	w := wear{precondition: b.run.Precondition, written: measured.Unavailable[int64]("the record does not say")}
	if end != nil && end.Device != nil {
		w.written = end.Device.WriteBytes
	}
	for _, d := range b.cases {
		if d.Kind == Write && !d.isNull() {
			w.files = max(w.files, d.Params.FileBytes)
		}
	}
	return w
}

// writes says that any of the run's cases writes to a disk.
func (b *Builder) writes() bool {
	return slices.ContainsFunc(b.cases, func(d *caseData) bool { return d.Kind == Write && !d.isNull() })
}
