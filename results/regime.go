package results

import (
	"fmt"
	"strings"

	"copylab/results/host"
	"copylab/results/measured"
	"copylab/results/stats"
)

// dirty is what a machine holds for its disks, and its limits, in bytes.
type dirty struct{ dirty, writeback, background, limit int64 }

// backgroundShare of the background limit counts as reached. The kernel begins to write in the background when what is dirty exceeds the limit,
// and goes on until somewhat below it, each disk's part down to the disk's share of the limit. A disk that keeps pace holds it there, where readings
// lie on both sides.
const backgroundShare = 0.95

// backToMemory of the background limit is how far what is held has to fall before a trial that had reached the limit counts as below it again.
// Until then the kernel is writing: a disk that keeps pace, or a program that is slower than memory meanwhile, holds it anywhere in between.
const backToMemory = 0.5

// regime tells which regime a write through the page cache is in. Writers wait by what is dirty and what is being written, from the middle
// between the limits on (mm/page-writeback.c, dirty_freerun_ceiling).
func (m dirty) regime() Regime {
	switch held := m.dirty + m.writeback; {
	case held > (m.background+m.limit)/2:
		return RegimeThrottled
	case float64(held) >= backgroundShare*float64(m.background):
		return RegimeBackground
	}
	return RegimeMemory
}

// stay is how long a trial was in a regime, and what was accepted meanwhile.
type stay struct{ seconds, bytes float64 }

// regimes tells what the case's counted trials were subject to. It is nil for a case that writes no bytes, for an open loop,
// which writes no faster in another regime, where no trial was counted, and where there is no disk.
func (d *caseData) regimes(machine host.Host) []RegimeSpan {
	if d.Kind != Write || d.isNull() || d.isOpen() || len(d.points) == 0 || machine.Disk.InMemory {
		return nil
	}
	if d.leavesCache() {
		return []RegimeSpan{d.wholeSpan(d.beyondCache(), d.points)}
	}
	stays := map[Regime][]stay{}
	sampled := false
	for _, p := range d.points {
		course, ok := p.stays()
		sampled = sampled || ok
		for regime, s := range course {
			stays[regime] = append(stays[regime], s)
		}
	}
	if !sampled {
		return d.regimesByEnds(machine.Memory)
	}
	var spans []RegimeSpan
	for _, regime := range pageCacheRegimes() {
		if s := stays[regime]; len(s) > 0 {
			spans = append(spans, spanOf(regime, s))
		}
	}
	return spans
}

func pageCacheRegimes() []Regime { return []Regime{RegimeMemory, RegimeBackground, RegimeThrottled} }

// leavesCache says that the case's writes don't stay in the page cache: by their method, or since they are synced while the run lasts.
func (d *caseData) leavesCache() bool {
	return strings.HasSuffix(d.Params.Method, methodDirect) || d.Params.durableByItself()
}

// durableByItself says that writes are meant to be durable as they return, or soon: long before the end.
func (p Params) durableByItself() bool {
	return p.Method == methodDsync || p.Method == directDsync || p.syncs() && p.Sync != syncEnd
}

// beyondCache is the regime of such a case.
func (d *caseData) beyondCache() Regime {
	if _, durable := d.points[0].DurableNS.Get(); durable && d.Params.durableByItself() {
		return RegimeDurable
	}
	return RegimeDevice
}

// wholeSpan is the span of trials that were in one regime all the time.
func (d *caseData) wholeSpan(regime Regime, points []point) RegimeSpan {
	of := caseData{Case: d.Case, points: points}
	return RegimeSpan{
		Regime: regime, Trials: len(points),
		Seconds: of.medianFloat(func(t Trial) measured.Float {
			ns, ok := t.AcceptedNS.Get()
			if !ok {
				return measured.Unavailable[float64]("%s", t.AcceptedNS.Why())
			}
			return measured.Known(seconds(ns))
		}),
		AcceptedBytes:  of.medianInt(func(t Trial) measured.Int { return measured.Known(t.Bytes) }),
		BytesPerSecond: of.medianFloat(func(t Trial) measured.Float { return perSecond(float64(t.Bytes), t.AcceptedNS) }),
	}
}

func spanOf(regime Regime, stays []stay) RegimeSpan {
	var times, bytes, rates []float64
	for _, s := range stays {
		times, bytes, rates = append(times, s.seconds), append(bytes, s.bytes), append(rates, s.bytes/s.seconds)
	}
	return RegimeSpan{
		Regime: regime, Trials: len(stays), Seconds: measured.Known(stats.Median(times)), AcceptedBytes: measured.Known(int64(stats.Median(bytes))),
		BytesPerSecond: measured.Known(stats.Median(rates)),
	}
}

// regime is that of a point. ok is false where the timeline lacks what is needed.
func (t *Timeline) regime(i int) (_ Regime, ok bool) {
	if len(t.DirtyBytes) == 0 || len(t.WritebackBytes) == 0 || len(t.BackgroundLimitBytes) == 0 || len(t.LimitBytes) == 0 {
		return "", false
	}
	return dirty{t.DirtyBytes[i], t.WritebackBytes[i], t.BackgroundLimitBytes[i], t.LimitBytes[i]}.regime(), true
}

// course is the regime of each point. Once the background limit was reached, what comes after counts as between the limits until far less is held.
func (t *Timeline) course() (regimes []Regime, ok bool) {
	writing := false
	for i := range t.AtNS {
		regime, ok := t.regime(i)
		if !ok {
			return nil, false
		}
		held := float64(t.DirtyBytes[i] + t.WritebackBytes[i])
		writing = regime != RegimeMemory || writing && held >= backToMemory*float64(t.BackgroundLimitBytes[i])
		if writing && regime == RegimeMemory {
			regime = RegimeBackground
		}
		regimes = append(regimes, regime)
	}
	return regimes, len(regimes) > 0
}

// stays splits a trial's time until its last write returned, by the timeline. A point stands for what is nearest to it: half of the time since the
// one before and half of that until the next, and half of what was accepted then. ok is false where there is no timeline, or it lacks what is needed.
func (t Trial) stays() (course map[Regime]stay, ok bool) {
	last, known := t.AcceptedNS.Get()
	line := t.Timeline
	if !known || line == nil {
		return nil, false
	}
	regimes, ok := line.course()
	if !ok {
		return nil, false
	}
	a := line.accepted(last, t.Bytes)
	course = map[Regime]stay{}
	at := func(i int) Regime { return regimes[min(i, a.points-1)] } // the last write has no point of its own
	for i := range a.points {
		half := stay{seconds(a.at[i+1]-a.at[i]) / 2, float64(a.bytes[i+1]-a.bytes[i]) / 2}
		if half.seconds <= 0 {
			continue
		}
		for _, regime := range []Regime{at(i), at(i + 1)} {
			s := course[regime]
			course[regime] = stay{s.seconds + half.seconds, s.bytes + half.bytes}
		}
	}
	return course, len(course) > 0
}

// regimesByEnds is for trials without a timeline: they are told by what the machine held when they began and when they ended.
func (d *caseData) regimesByEnds(memory host.Memory) []RegimeSpan {
	in := map[Regime][]point{}
	why := ""
	for _, p := range d.points {
		regime, not := d.regimeByEnds(p.Trial, memory)
		in[regime] = append(in[regime], p)
		if why == "" {
			why = not
		}
	}
	var spans []RegimeSpan
	for _, regime := range pageCacheRegimes() {
		if points := in[regime]; len(points) > 0 {
			spans = append(spans, d.wholeSpan(regime, points))
		}
	}
	if n := len(in[RegimeUnknown]); n > 0 {
		spans = append(spans, RegimeSpan{
			Regime: RegimeUnknown, Trials: n, Seconds: measured.Unavailable[float64]("%s", why),
			AcceptedBytes: measured.Unavailable[int64]("%s", why), BytesPerSecond: measured.Unavailable[float64]("%s", why),
		})
	}
	return spans
}

// regimeByEnds is the one regime that a trial was in, or RegimeUnknown and why.
func (d *caseData) regimeByEnds(t Trial, memory host.Memory) (_ Regime, why string) {
	values := make([]int64, 0, 6)
	for _, v := range []measured.Int{
		memory.DirtyBackgroundLimitBytes, memory.DirtyLimitBytes, t.MemFirst.DirtyBytes, t.MemFirst.WritebackBytes, t.MemLast.DirtyBytes, t.MemLast.WritebackBytes,
	} {
		n, ok := v.Get()
		if !ok {
			return RegimeUnknown, v.Why()
		}
		values = append(values, n)
	}
	first := dirty{values[2], values[3], values[0], values[1]}
	// By the time of the second reading, a final sync has written everything. But less than this was dirty before it, in whole folios too.
	peak := first
	peak.dirty += max(t.Bytes, d.Params.FileBytes)
	if d.Params.syncs() {
		if peak.regime() == RegimeMemory {
			return RegimeMemory, ""
		}
		return RegimeUnknown, "the trials were too short for a timeline, and what was dirty before the final sync was not looked at"
	}
	last := dirty{values[4], values[5], values[0], values[1]}
	if a, b := first.regime(), last.regime(); a != b {
		return RegimeUnknown, fmt.Sprintf("the trials were too short for a timeline: one began %s and ended %s", a, b)
	}
	return last.regime(), ""
}

// addTimeline checks a trial's timeline, and leaves out one that can't be read.
func (d *caseData) addTimeline(t *Trial) {
	if t.Timeline == nil {
		return
	}
	if err := t.Timeline.check(); err != nil {
		t.Timeline = nil
		d.warnings = append(d.warnings, fmt.Sprintf("trial %d: %v: left out", t.Seq, err))
	}
}

// inMemoryShare is what part of a trial's bytes was only in memory when its last write had returned.
func inMemoryShare(t Trial) measured.Float {
	v := perByte(t.InMemoryBytes, t.Bytes)
	if share, ok := v.Get(); ok && share > 1 {
		return measured.Unavailable[float64]("the kernel counts more as dirty than was written: it counts folios of the page cache, whole ones")
	}
	return v
}
