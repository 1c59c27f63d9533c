package results

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"copylab/results/host"
	"copylab/results/measured"
)

// steadyRun is a run of one direct writer on a disk of 1 TiB, whose counted blocks wrote so many blocks a second.
func steadyRun(iops ...float64) (Run, []Trial) {
	c := writeCase(caseRandom, "random")
	c.Params.Method, c.Params.Sync, c.Params.SyncCall = "direct", "none", ""
	run := fixtureRun(c)
	run.Host.Disk.CapacityBytes, run.Host.Disk.Rotational = known(1<<40), "0"
	var trials []Trial
	for i, v := range iops {
		t := writeTrial(caseRandom, i+1, 1_000_000_000)
		t.AcceptedNS = known(int64(math.Round(float64(t.Operations) / v * 1e9)))
		t.DurableNS = measured.Unavailable[int64]("O_DIRECT passes no flush on")
		trials = append(trials, t)
	}
	return run, trials
}

func steadyOf(run Run, trials []Trial, written measured.Int) *Steady {
	b := NewBuilder(run)
	for _, t := range trials {
		b.Add(t)
	}
	return b.Summary(&End{Reason: StopPrecise, Device: &host.DeviceDelta{WriteBytes: written}}).Cases[0].Steady
}

func TestSteadyState(t *testing.T) {
	const gib = int64(1 << 30)
	worn := func(area int64) func(*Run) {
		return func(r *Run) { r.Precondition = &Precondition{AreaBytes: area, WrittenBytes: 3 * area} }
	}
	change := func(f func(*Params)) func(*Run) { return func(r *Run) { f(&r.Cases[0].Params) } }
	level := []float64{1000, 1010, 990, 1005, 995}
	for name, tc := range map[string]struct {
		iops    []float64
		change  func(*Run)
		written int64 // in the whole run
		want    SteadyState
		why     string
		window  int
	}{
		"level on a disk of which nothing is known":        {iops: level, want: StateFresh, why: "a new disk looks the same", window: 5},
		"level after an area as large as the file":         {iops: level, change: worn(64 << 20), want: StateSteady, why: "an area of 64.0 MiB", window: 5},
		"level after an area that is smaller":              {iops: level, change: worn(32 << 20), want: StateFresh, why: "smaller than the test files", window: 5},
		"level in a run that wrote all of the disk":        {iops: level, written: 1024 * gib, want: StateSteady, why: "as much as the disk holds", window: 5},
		"level in a run that wrote nearly all of the disk": {iops: level, written: 1024*gib - 1, want: StateFresh, why: "a new disk", window: 5},
		// Just within and just beyond 20 %, with the same slope.
		"just within the range": {iops: []float64{1000, 901, 1000, 1099, 1000}, change: worn(gib), want: StateSteady, window: 5},
		"just beyond the range": {iops: []float64{1000, 899, 1000, 1101, 1000}, change: worn(gib), want: StateTransition, why: "spread by", window: 5},
		// A climb of 8 % and of 12 % from the first to the last.
		"a slope that is allowed":             {iops: []float64{960, 980, 1000, 1020, 1040}, change: worn(gib), want: StateSteady, window: 5},
		"a slope within the range":            {iops: []float64{940, 970, 1000, 1030, 1060}, change: worn(gib), want: StateTransition, window: 5},
		"a fall within the range":             {iops: []float64{1060, 1030, 1000, 970, 940}, change: worn(gib), want: StateTransition, window: 5},
		"only the last five blocks count":     {iops: append([]float64{9000, 5000}, level...), change: worn(gib), want: StateSteady, window: 5},
		"the last five blocks do count":       {iops: append(slices.Clone(level), 2000), change: worn(gib), want: StateTransition, window: 5},
		"too few":                             {iops: level[:4], change: worn(gib), want: StateUnknown, why: "4 counted blocks are too few: it takes 5"},
		"none":                                {want: StateUnknown, why: "the run ended before the first counted trial"},
		"in memory":                           {iops: level, change: func(r *Run) { r.Host.Disk.InMemory = true }, want: StateUnknown, why: "there is no disk"},
		"on a disk that nobody knows":         {iops: level, change: func(r *Run) { r.Host.Disk.Device, r.Host.Disk.Why = "", "made up" }, want: StateUnknown, why: "not known: made up"},
		"mechanical":                          {iops: level, change: func(r *Run) { r.Host.Disk.Rotational = "1" }, want: StateUnknown, why: "mechanical", window: 5},
		"called mechanical, but virtual":      {iops: level, change: func(r *Run) { r.Host.Disk.Rotational, r.Host.Virtualization = "1", "kvm" }, want: StateFresh, why: "virtual disk (kvm)", window: 5},
		"through the page cache":              {iops: level, change: change(func(p *Params) { p.Method = "buffered" }), want: StateUnknown, why: "into the page cache"},
		"at a given rate":                     {iops: level, change: change(func(p *Params) { p.RatePerSecond = 1000 }), want: StateUnknown, why: "the rate is given"},
		"synced by a call that syncs nothing": {iops: level, change: change(func(p *Params) { p.Method, p.Sync, p.SyncCall = "buffered", "every=1", "sync_file_range" }), want: StateUnknown, why: "O_DIRECT passes no flush on"},
	} {
		run, trials := steadyRun(tc.iops...)
		if tc.change != nil {
			tc.change(&run)
		}
		s := steadyOf(run, trials, known(tc.written))
		if s == nil || s.State != tc.want || !strings.Contains(s.Why, tc.why) || s.Window != tc.window || s.Why == "" {
			t.Errorf("%s: got %+v, want %q with a window of %d, because of %q", name, s, tc.want, tc.window, tc.why)
			continue
		}
		if _, ok := s.Range.Get(); ok != (tc.window > 0) {
			t.Errorf("%s: range %v with a window of %d", name, s.Range, s.Window)
		}
	}

	null := writeCase("null", "append")
	null.Params.Method = "null"
	for _, c := range []Case{null, streamCase(caseRW, "sendfile")} {
		if s := build(fixtureRun(c), blocks(6, func(b int) Trial { return writeTrial(c.ID, b, 1e9) })...).Cases[0].Steady; s != nil {
			t.Errorf("%s, which writes nothing, has a steady state: %+v", c.ID, s)
		}
	}
}

// A write that is durable is judged by its durable rate, any other by its writes per second.
func TestSteadyMetric(t *testing.T) {
	run, trials := steadyRun(1000, 1000, 1000, 1000, 1000)
	if s := steadyOf(run, trials, known(0)); s.Metric != MetricIOPS || s.Slope != measured.Known(0.0) || s.Range != measured.Known(0.0) {
		t.Errorf("got %+v", s)
	}
	for i := range trials {
		trials[i].DurableNS = known(int64(i+1) * 1e9)
	}
	if s := steadyOf(run, trials, known(0)); s.Metric != MetricDurable || s.State != StateTransition {
		t.Errorf("a durable rate that halves: %+v", s)
	}
}

// What a disk is called does not depend on how fast it is, and a series turned round has the opposite slope.
func TestSteadyStateOfAnyScale(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		values := make([]float64, steadyWindow)
		for i := range values {
			values[i] = 100 + 30*source.Float64()
		}
		spread, climb, ok := level(values)
		if !ok || spread < 0 || math.Abs(climb) > 4.0/3*spread {
			t.Fatalf("%v: range %v, slope %v, %v", values, spread, climb, ok)
		}
		factor := math.Exp(40 * (source.Float64() - 0.5))
		scaled := slices.Clone(values)
		for i := range scaled {
			scaled[i] *= factor
		}
		s, c, ok := level(scaled)
		if !ok || math.Abs(s-spread) > 1e-12 || math.Abs(c-climb) > 1e-12 {
			t.Errorf("%v: range %v and slope %v; %v times: %v and %v", values, spread, climb, factor, s, c)
		}
		slices.Reverse(scaled)
		if s, c, _ := level(scaled); math.Abs(s-spread) > 1e-12 || math.Abs(c+climb) > 1e-12 {
			t.Errorf("%v turned round: range %v and slope %v, want %v and %v", values, s, c, spread, -climb)
		}
	}
	for _, values := range [][]float64{{0, 0, 0, 0, 0}, {math.NaN(), 1, 1, 1, 1}, {math.Inf(1), 1, 1, 1, 1}, {-1, -1, -1, -1, -1}} {
		if s, c, ok := level(values); ok {
			t.Errorf("%v: range %v and slope %v", values, s, c)
		}
	}
	// The line is the best one: of 0, 0, 0, 0, 5 it climbs by 1 a step, so by 4 over the window, and the mean is 1.
	if s, c, ok := level([]float64{0, 0, 0, 0, 5}); !ok || math.Abs(s-5) > 1e-12 || math.Abs(c-4) > 1e-12 {
		t.Errorf("range %v, slope %v", s, c)
	}
}

func TestWear(t *testing.T) {
	run, trials, end := fixtureRecord()
	b := NewBuilder(run)
	var payload int64
	for _, tr := range trials {
		b.Add(tr)
		if tr.Case == caseAppend || tr.Case == caseRandom {
			payload += tr.Bytes
		}
	}
	end.Device = &host.DeviceDelta{WriteBytes: known(123 << 20)}
	s := b.Summary(&end).Run
	if *s.DeviceWriteBytes != known(123<<20) || *s.PayloadWriteBytes != payload || payload == 0 {
		t.Errorf("got %v at the device and %v by the trials, want %d and %d", s.DeviceWriteBytes, *s.PayloadWriteBytes, 123<<20, payload)
	}
	if w := b.Summary(nil).Run.DeviceWriteBytes; w == nil || w.Why() != "the record does not say" {
		t.Errorf("a record that was cut off: %v", w)
	}
	s = build(fixtureRun(streamCase(caseRW, "sendfile"))).Run
	if s.DeviceWriteBytes != nil || s.PayloadWriteBytes != nil {
		t.Errorf("a run of transfers wore a disk: %+v", s)
	}
}
