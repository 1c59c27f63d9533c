package results

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"copylab/results/host"
	"copylab/results/measured"
)

const (
	ms       = int64(1_000_000)
	fastRate = int64(1000 << 20) // bytes per second
	slowRate = int64(100 << 20)
)

// longTrial writes at fastRate for 2 s and at slowRate for 4 s more, with a point each 100 ms until 7 s. Dirty memory grows with what
// is accepted: nearly the background limit of 1 s after 0.95, and enough to be throttled after 1.95 s; then it stays.
func longTrial(id string, block int) Trial {
	t := writeTrial(id, block, 12_000*ms)
	t.AcceptedNS = known(6000 * ms)
	t.Bytes = 2*fastRate + 4*slowRate
	t.Timeline = &Timeline{Unavailable: map[string]string{"device_write_bytes": "made up without"}}
	line := t.Timeline
	for at := int64(0); at <= 7000*ms; at += 100 * ms {
		fast := min(at, 2000*ms)
		slow := max(0, min(at, 6000*ms)-2000*ms)
		line.AtNS = append(line.AtNS, at)
		line.AcceptedBytes = append(line.AcceptedBytes, fast/ms*fastRate/1000+slow/ms*slowRate/1000)
		line.DirtyBytes = append(line.DirtyBytes, fast/ms*fastRate/1000)
		line.WritebackBytes = append(line.WritebackBytes, 0)
		line.BackgroundLimitBytes = append(line.BackgroundLimitBytes, 1000*fastRate/1000)
		line.LimitBytes = append(line.LimitBytes, 2900*fastRate/1000)
		line.MaxLatencyNS = append(line.MaxLatencyNS, ms)
	}
	return t
}

func longRun() Run {
	run := fixtureRun(writeCase(caseAppend, "append"))
	run.Cases[0].Params.Sync = "none"
	run.Host.Memory = host.Memory{PageBytes: 4096, DirtyBackgroundLimitBytes: known(fastRate), DirtyLimitBytes: known(2900 * fastRate / 1000)}
	return run
}

func near(t *testing.T, what string, got measured.Float, want float64) {
	t.Helper()
	if v, ok := got.Get(); !ok || math.Abs(v-want) > 1e-6*math.Abs(want) {
		t.Errorf("%s: got %v, want %g", what, got, want)
	}
}

func TestCliffIsFound(t *testing.T) {
	c := build(longRun(), blocks(3, func(block int) Trial { return longTrial(caseAppend, block) })...).Cases[0]
	if c.Cliff == nil || c.Timeline == nil {
		t.Fatalf("got %+v, %+v", c.Cliff, c.Timeline)
	}
	if at, _ := c.Cliff.AtNS.Get(); at != 2000*ms {
		t.Errorf("at %v, want 2 s", c.Cliff.AtNS)
	}
	if n, _ := c.Cliff.AcceptedBytes.Get(); n != 2*fastRate {
		t.Errorf("after %v bytes, want %d", c.Cliff.AcceptedBytes, 2*fastRate)
	}
	near(t, "before", c.Cliff.BeforeBytesPerSecond, float64(fastRate))
	near(t, "after", c.Cliff.AfterBytesPerSecond, float64(slowRate))
	if c.Cliff.Regime != RegimeThrottled {
		t.Errorf("in the regime %q", c.Cliff.Regime)
	}
}

func TestNoCliff(t *testing.T) {
	trial := func(acceptedNS int64, rates ...int64) Trial { // bytes for each 100 ms
		t := writeTrial(caseAppend, 1, acceptedNS)
		t.AcceptedNS = known(acceptedNS)
		t.Timeline = &Timeline{AtNS: []int64{0}, AcceptedBytes: []int64{0}, MaxLatencyNS: []int64{0}}
		t.Bytes = 0
		for i, r := range rates {
			t.Bytes += r
			t.Timeline.AtNS = append(t.Timeline.AtNS, int64(i+1)*100*ms)
			t.Timeline.AcceptedBytes = append(t.Timeline.AcceptedBytes, t.Bytes)
			t.Timeline.MaxLatencyNS = append(t.Timeline.MaxLatencyNS, 0)
		}
		return t
	}
	steady := slices.Repeat([]int64{100}, 40)
	fallen := append(slices.Repeat([]int64{100}, 20), slices.Repeat([]int64{10}, 20)...)
	cameBack := slices.Concat(slices.Repeat([]int64{100}, 20), slices.Repeat([]int64{10}, 25), slices.Repeat([]int64{100}, 12))
	for _, tt := range []struct {
		name  string
		trial Trial
		why   string
	}{
		{"steady", trial(4000*ms, steady...), "did not fall"},
		{"faster in the end", trial(4000*ms, append(slices.Repeat([]int64{10}, 20), slices.Repeat([]int64{100}, 20)...)...), "did not fall"},
		{"by less than half", trial(4000*ms, append(slices.Repeat([]int64{100}, 20), slices.Repeat([]int64{60}, 20)...)...), "below half for good"},
		{"came back", trial(5700*ms, cameBack...), "below half for good"},
		{"too late to tell", trial(2900*ms, fallen[:29]...), "less than 1s before the end"},
		{"one point", trial(100 * ms), "did not fall"},
	} {
		got := tt.trial.cliff()
		if _, ok := got.AtNS.Get(); ok || !strings.Contains(got.AtNS.Why(), tt.why) || got.AfterBytesPerSecond.Why() == "" {
			t.Errorf("%s: got %+v, want %q", tt.name, got, tt.why)
		}
	}
	if _, ok := trial(4000*ms, fallen...).cliff().AtNS.Get(); !ok {
		t.Error("the cliff that these are made from is none")
	}
}

func TestRegimesOfATimeline(t *testing.T) {
	run := longRun()
	spans := build(run, blocks(3, func(block int) Trial { return longTrial(caseAppend, block) })...).Cases[0].Regimes
	want := []struct {
		regime Regime
		ns     int64
		bytes  int64
	}{
		{RegimeMemory, 950 * ms, 950 * fastRate / 1000},
		{RegimeBackground, 1000 * ms, fastRate},
		{RegimeThrottled, 4050 * ms, 50*fastRate/1000 + 4*slowRate},
	}
	if len(spans) != len(want) {
		t.Fatalf("got %+v", spans)
	}
	for i, w := range want {
		s := spans[i]
		if s.Regime != w.regime || s.Trials != 3 {
			t.Errorf("got %+v, want %s", s, w.regime)
		}
		near(t, string(w.regime), s.Seconds, float64(w.ns)/1e9)
		near(t, string(w.regime), s.BytesPerSecond, float64(w.bytes)/(float64(w.ns)/1e9))
		if n, _ := s.AcceptedBytes.Get(); n < w.bytes-1 || n > w.bytes {
			t.Errorf("%s: accepted %v, want %d", w.regime, s.AcceptedBytes, w.bytes)
		}
	}
}

// What is split adds up, whatever the course.
func TestRegimesAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		trial := longTrial(caseAppend, 1)
		line := trial.Timeline
		for i := range line.AtNS {
			line.DirtyBytes[i] = random.Int64N(2 * line.LimitBytes[i])
			line.WritebackBytes[i] = random.Int64N(line.LimitBytes[i])
		}
		last := random.Int64N(6900*ms) + ms
		trial.AcceptedNS = known(last)
		n, _ := slices.BinarySearch(line.AtNS, last)
		trial.Bytes = line.AcceptedBytes[n-1] + random.Int64N(1<<20)
		course, ok := trial.stays()
		sum := stay{}
		for _, s := range course {
			sum.seconds += s.seconds
			sum.bytes += s.bytes
		}
		if !ok || math.Abs(sum.seconds-float64(last)/1e9) > 1e-9 || math.Abs(sum.bytes-float64(trial.Bytes)) > 1 {
			t.Fatalf("%v of %d ns, %v of %d bytes", sum.seconds, last, sum.bytes, trial.Bytes)
		}
	}
}

// The kernel begins to write at nearly one limit, and makes writers wait half-way to the other.
func TestRegimeBoundaries(t *testing.T) {
	for _, tt := range []struct {
		dirty, writeback int64
		want             Regime
	}{
		{0, 0, RegimeMemory}, {94, 0, RegimeMemory}, {95, 0, RegimeBackground}, {90, 4, RegimeMemory}, {90, 5, RegimeBackground},
		{150, 0, RegimeBackground}, {151, 0, RegimeThrottled}, {101, 49, RegimeBackground}, {101, 50, RegimeThrottled}, {0, 151, RegimeThrottled},
	} {
		if got := (dirty{tt.dirty, tt.writeback, 100, 200}).regime(); got != tt.want {
			t.Errorf("%d dirty, %d being written: got %q, want %q", tt.dirty, tt.writeback, got, tt.want)
		}
	}
}

// What is held may fall below the background limit while the kernel goes on writing.
func TestBackgroundWritingEndsFarBelowItsLimit(t *testing.T) {
	const limit = 100
	held := []int64{10, 90, 95, 120, 80, 51, 151, 60, 50, 49, 60, 96}
	want := []Regime{
		RegimeMemory, RegimeMemory, RegimeBackground, RegimeBackground, RegimeBackground, RegimeBackground, RegimeThrottled, RegimeBackground, RegimeBackground,
		RegimeMemory, RegimeMemory, RegimeBackground,
	}
	n := len(held)
	line := Timeline{
		AtNS: make([]int64, n), DirtyBytes: held, WritebackBytes: make([]int64, n), BackgroundLimitBytes: slices.Repeat([]int64{limit}, n),
		LimitBytes: slices.Repeat([]int64{2 * limit}, n),
	}
	if got, ok := line.course(); !ok || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, ok, want)
	}
}

func TestRegimesWithoutATimeline(t *testing.T) {
	memory := func(dirty int64) host.DirtyMemory {
		return host.DirtyMemory{DirtyBytes: known(dirty), WritebackBytes: known(0)}
	}
	const low, high = 1 << 20, 1200 << 20
	for _, tt := range []struct {
		name        string
		sync        string
		first, last host.DirtyMemory
		want        Regime
		why         string
	}{
		{"below", "none", memory(low), memory(low + 1), RegimeMemory, ""},
		{"between", "none", memory(high), memory(high + 1), RegimeBackground, ""},
		{"crossed", "none", memory(low), memory(high), RegimeUnknown, "one began below the background limit and ended between the limits"},
		{"unread", "none", memory(low), host.DirtyMemory{DirtyBytes: notHere(), WritebackBytes: notHere()}, RegimeUnknown, "not in this fixture"},
		// After the final sync nothing is dirty. What was, is no more than was before, and the whole file.
		{"synced", "end", memory(low), memory(0), RegimeMemory, ""},
		{"synced, perhaps above", "end", memory(900 << 20), memory(0), RegimeUnknown, "before the final sync"},
	} {
		run := longRun()
		run.Cases[0].Params.Sync = tt.sync
		spans := build(run, blocks(3, func(block int) Trial {
			trial := writeTrial(caseAppend, block, 1000*ms)
			trial.MemFirst, trial.MemLast = tt.first, tt.last
			return trial
		})...).Cases[0].Regimes
		if len(spans) != 1 || spans[0].Regime != tt.want || spans[0].Trials != 3 {
			t.Errorf("%s: got %+v, want %q", tt.name, spans, tt.want)
			continue
		}
		if tt.why != "" {
			if why := spans[0].BytesPerSecond.Why(); !strings.Contains(why, tt.why) {
				t.Errorf("%s: got %q, want %q", tt.name, why, tt.why)
			}
			continue
		}
		near(t, tt.name, spans[0].Seconds, 0.5)
		near(t, tt.name, spans[0].BytesPerSecond, 4096*1000/0.5)
	}
	// Some of each.
	spans := build(longRun(), blocks(4, func(block int) Trial {
		trial := writeTrial(caseAppend, block, 1000*ms)
		trial.MemFirst, trial.MemLast = memory(low), memory(low)
		if block > 1 {
			trial.MemFirst, trial.MemLast = memory(high), memory(high)
		}
		return trial
	})...).Cases[0].Regimes
	if len(spans) != 2 || spans[0].Regime != RegimeMemory || spans[0].Trials != 1 || spans[1].Regime != RegimeBackground || spans[1].Trials != 3 {
		t.Errorf("got %+v", spans)
	}
}

func TestRegimesBeyondThePageCache(t *testing.T) {
	for _, tt := range []struct {
		method, sync string
		durable      bool
		want         Regime
	}{
		{"buffered", "every=1", true, RegimeDurable}, {"buffered", "every=32", true, RegimeDurable}, {"mmap", "group", true, RegimeDurable},
		{"buffered", "interval=1s", true, RegimeDurable}, {"dsync", "none", true, RegimeDurable}, {"direct-dsync", "none", true, RegimeDurable},
		{"direct", "every=1", true, RegimeDurable}, {"buffered", "every=1", false, RegimeDevice},
		{"direct", "none", false, RegimeDevice}, {"direct", "end", true, RegimeDevice}, {"uring-direct", "none", false, RegimeDevice},
	} {
		run := longRun()
		run.Cases[0].Params.Method, run.Cases[0].Params.Sync = tt.method, tt.sync
		spans := build(run, blocks(2, func(block int) Trial {
			trial := writeTrial(caseAppend, block, 1000*ms)
			if !tt.durable {
				trial.DurableNS = measured.Unavailable[int64]("never")
			}
			return trial
		})...).Cases[0].Regimes
		if len(spans) != 1 || spans[0].Regime != tt.want || spans[0].Trials != 2 {
			t.Errorf("%s, %s: got %+v, want %q", tt.method, tt.sync, spans, tt.want)
			continue
		}
		near(t, tt.method+" "+tt.sync, spans[0].BytesPerSecond, 4096*1000/0.5)
	}
	for name, change := range map[string]func(*Run){
		"null writer": func(r *Run) { r.Cases[0].Params.Method = "null" },
		"in memory":   func(r *Run) { r.Host.Disk.InMemory = true },
	} {
		run := longRun()
		change(&run)
		if spans := build(run, writeTrial(caseAppend, 1, 1000*ms)).Cases[0].Regimes; spans != nil {
			t.Errorf("%s: got %+v", name, spans)
		}
	}
}

func TestTimelineShownIsTheMedianTrials(t *testing.T) {
	trials := blocks(4, func(block int) Trial {
		trial := longTrial(caseAppend, block)
		trial.Bytes += []int64{0, 300, 100, 200, 0}[block]
		trial.Timeline.MaxLatencyNS[0] = int64(block)
		return trial
	})
	if got := build(longRun(), trials[:3]...).Cases[0].Timeline.MaxLatencyNS[0]; got != 3 {
		t.Errorf("of three: block %d, want 3", got)
	}
	if got := build(longRun(), trials...).Cases[0].Timeline.MaxLatencyNS[0]; got != 2 {
		t.Errorf("of four: block %d, want 2", got)
	}
	trials[2].Timeline = nil
	if got := build(longRun(), trials[:3]...).Cases[0].Timeline.MaxLatencyNS[0]; got != 2 {
		t.Errorf("of two: block %d, want 2", got)
	}
	c := build(longRun(), writeTrial(caseAppend, 1, 1000*ms)).Cases[0]
	if c.Timeline != nil || c.Cliff != nil {
		t.Errorf("short trials have %+v, %+v", c.Timeline, c.Cliff)
	}
}

func TestDamagedTimelinesAreLeftOut(t *testing.T) {
	for name, damage := range map[string]func(*Timeline){
		"empty":        func(l *Timeline) { *l = Timeline{} },
		"short":        func(l *Timeline) { l.DirtyBytes = l.DirtyBytes[1:] },
		"long":         func(l *Timeline) { l.AcceptedBytes = append(l.AcceptedBytes, 1<<60) },
		"back in time": func(l *Timeline) { l.AtNS[3] = 1 },
		"taken back":   func(l *Timeline) { l.AcceptedBytes[3] = 1 },
		"negative":     func(l *Timeline) { l.AtNS[0] = -1 },
	} {
		trial := longTrial(caseAppend, 1)
		damage(trial.Timeline)
		c := build(longRun(), trial).Cases[0]
		if c.Timeline != nil || !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, "timeline: ") }) {
			t.Errorf("%s: got %+v, warnings %q", name, c.Timeline, c.Warnings)
		}
	}
	// One that lacks a reading is shown, and tells no regimes.
	trial := longTrial(caseAppend, 1)
	trial.Timeline.LimitBytes = nil
	c := build(longRun(), trial).Cases[0]
	if c.Timeline == nil || len(c.Regimes) != 1 || c.Regimes[0].Regime != RegimeUnknown {
		t.Errorf("got %+v", c.Regimes)
	}
}

func TestInMemoryShare(t *testing.T) {
	for _, tt := range []struct {
		bytes measured.Int
		want  float64
		why   string
	}{
		{known(4096 * 500), 0.5, ""},
		{known(0), 0, ""},
		{known(4096 * 1001), 0, "more as dirty than was written"},
		{notHere(), 0, "not in this fixture"},
		{measured.Int{}, 0, "not recorded"}, // records of earlier versions
	} {
		m := build(longRun(), blocks(2, func(block int) Trial {
			trial := writeTrial(caseAppend, block, 1000*ms)
			trial.InMemoryBytes = tt.bytes
			return trial
		})...).Cases[0].Metrics[MetricInMemory]
		if tt.why != "" && !strings.Contains(m.Why(), tt.why) || tt.why == "" && (m.Why() != "" || m.Median != tt.want) {
			t.Errorf("%v: got %+v, want %g %q", tt.bytes, m, tt.want, tt.why)
		}
	}
}

// A trial's timeline, and what a summary makes of it, come back from JSON as they were.
func TestTimelineSurvivesJSON(t *testing.T) {
	before := build(longRun(), longTrial(caseAppend, 1)).Cases[0]
	text, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	var after CaseSummary
	if err := json.Unmarshal(text, &after); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(after)
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(text) {
		t.Errorf("before %s\nafter %s", text, again)
	}
	for _, key := range []string{`"cliff":{"at_ns":2000000000,`, `"regimes":[{"regime":"below the background limit","trials":1,`, `"device_write_bytes":"made up without"`} {
		if !strings.Contains(string(text), key) {
			t.Errorf("%s is not in %s", key, text)
		}
	}
}
