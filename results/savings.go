package results

import (
	"cmp"
	"slices"

	"copylab/results/stages"
)

// CopyCost is what a side's copies take of its CPU time in the evidence passes of a case, and what that is against the case's baseline.
type CopyCost struct {
	// Samples is how many were taken in all passes. That a case does not show a stage says no more than that none of them was in it.
	Samples int64 `json:"samples"`
	// AllNSPerKiB is all stages together, and CopiesNSPerKiB those of them that copy the payload (CopiesPayload). Their values are those of the passes.
	AllNSPerKiB    Metric `json:"all_ns_per_kib"`
	CopiesNSPerKiB Metric `json:"copies_ns_per_kib"`
	// PutOffNSPerKiB is of a sender what the receiver's passes spent on copies that the sender had put off: the soft interrupt in which they are made
	// comes whenever it may, also in the receiver's time. They are the sender's all the same. nil where there is none.
	PutOffNSPerKiB *Metric `json:"put_off_copies_ns_per_kib,omitempty"`
	// Against is nil for a case without a baseline, and where one of the two has no passes.
	Against *CopySaving `json:"against_baseline,omitempty"`
}

// CopySaving is what the side's baseline takes more than the case, pass by pass: passes of one number belong together, since they were
// made one after the other. Below 0, the case takes more. Its intervals are over the pairs; one pair has none, and its confidence is 0.
type CopySaving struct {
	Baseline string `json:"baseline"` // case ID
	// AllNSPerKiB is of all stages together, CopiesNSPerKiB of those that copy, with those that were put off, and CopiesShare the latter over all
	// stages of the baseline.
	AllNSPerKiB    Metric `json:"all_saved_ns_per_kib"`
	CopiesNSPerKiB Metric `json:"copies_saved_ns_per_kib"`
	CopiesShare    Metric `json:"copies_saved_share"`
	// Stages are those in which either has samples, in the order of stages.All.
	Stages []StageSaving `json:"stages"`
}

// StageSaving is one stage of a case and of its baseline, medians of the passes that are compared. A stage without a sample took 0.
type StageSaving struct {
	Stage            stages.Stage `json:"stage"`
	BaselineNSPerKiB float64      `json:"baseline_ns_per_kib"`
	NSPerKiB         float64      `json:"ns_per_kib"`
	SavedNSPerKiB    Metric       `json:"saved_ns_per_kib"`
}

// CopiesPayload says whether a stage of a side moves the payload by the CPU. The sender of a fetch also reads requests, and the receiver writes them:
// those copies are not of the payload.
func CopiesPayload(side string, s stages.Stage) bool {
	return s.Copies() && (side != sender || s != stages.CopySocketToReceiver) && (side != receiver || s != stages.CopyProgramToSocket)
}

// Reconciles says whether the stages together are as long as the CPU time of the timed trials, or nearly: where they are not, a
// warning says so, and what they take is that of the passes only. False where that is not known.
func (e StageEvidence) Reconciles() bool {
	ratio, ok := e.SumOverTimed.Get()
	return ok && ratio >= 1-reconciledWithin && ratio <= 1+reconciledWithin
}

// pass is what one pass for evidence saw of a side.
type pass struct {
	side    string
	number  int
	samples int64
	ns      map[stages.Stage]float64 // per KiB
	putOff  float64                  // of a sender: its copies in the receiver's time, in ns per KiB
}

// all is the CPU time of all stages, in ns per KiB. Being idle is none.
func (p pass) all() float64 {
	sum := 0.0
	for _, s := range stages.All() { // in one order: so the sum is always the same
		if s != stages.Idle {
			sum += p.ns[s]
		}
	}
	return sum
}

// copies is the CPU time of the stages that copy, in ns per KiB, without what was put off.
func (p pass) copies() float64 {
	sum := 0.0
	for _, s := range stages.All() {
		if CopiesPayload(p.side, s) {
			sum += p.ns[s]
		}
	}
	return sum
}

// sampledPasses are the passes in which all of a side was sampled, the kernel's part too, in their order. Without it, copies can't be seen.
func (d *caseData) sampledPasses(side string) []pass {
	var out []pass
	for _, t := range d.passes {
		s := t.Sides[side].Stages
		if s == nil || t.Bytes <= 0 || s.Samples == 0 || s.ClockNS.Why() != "" || s.KernelNS.Why() != "" {
			continue
		}
		p := pass{side: side, number: t.Block, samples: s.Samples, ns: map[stages.Stage]float64{}}
		kib := float64(t.Bytes) / 1024
		for stage, ns := range stageTimes(t, side) {
			p.ns[stage] = ns / kib
		}
		if side == sender {
			others := stageTimes(t, receiver)
			p.putOff = (others[stages.CopyDeferred] + others[stages.CopyToSegments]) / kib
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b pass) int { return cmp.Compare(a.number, b.number) })
	return out
}

// copyCosts says by side what copies take. base is the case's baseline; nil where it has none. A side that could not be sampled is left out:
// its StageEvidence says why.
func (d *caseData) copyCosts(base *caseData) map[string]CopyCost {
	out := map[string]CopyCost{}
	for _, side := range d.sides() {
		passes := d.sampledPasses(side)
		if len(passes) == 0 {
			continue
		}
		c := CopyCost{AllNSPerKiB: metricOfPasses(passes, pass.all), CopiesNSPerKiB: metricOfPasses(passes, pass.copies)}
		for _, p := range passes {
			c.Samples += p.samples
		}
		if m := metricOfPasses(passes, func(p pass) float64 { return p.putOff }); slices.Max(m.Values) > 0 {
			c.PutOffNSPerKiB = &m
		}
		if base != nil {
			c.Against = copySaving(base.ID, passes, base.sampledPasses(side))
		}
		out[side] = c
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func metricOfPasses(passes []pass, of func(pass) float64) Metric {
	var values []float64
	for _, p := range passes {
		values = append(values, of(p))
	}
	return summarizeMetric(values)
}

// copySaving pairs the passes of a case with those of its baseline; nil where none has a partner.
func copySaving(baseline string, mine, theirs []pass) *CopySaving {
	type both struct{ mine, theirs pass }
	var pairs []both
	for _, m := range mine {
		for _, t := range theirs {
			if m.number == t.number {
				pairs = append(pairs, both{m, t})
				break
			}
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	copies := func(p both) float64 { return p.theirs.copies() + p.theirs.putOff - p.mine.copies() - p.mine.putOff }
	metric := func(of func(both) float64) Metric {
		var values []float64
		for _, p := range pairs {
			values = append(values, of(p))
		}
		return summarizeMetric(values)
	}
	s := &CopySaving{
		Baseline:       baseline,
		AllNSPerKiB:    metric(func(p both) float64 { return p.theirs.all() - p.mine.all() }),
		CopiesNSPerKiB: metric(copies),
		CopiesShare:    metric(func(p both) float64 { return copies(p) / p.theirs.all() }),
		Stages:         []StageSaving{},
	}
	for _, stage := range stages.All() {
		own := metric(func(p both) float64 { return p.mine.ns[stage] })
		than := metric(func(p both) float64 { return p.theirs.ns[stage] })
		if stage == stages.Idle || slices.Max(own.Values) <= 0 && slices.Max(than.Values) <= 0 {
			continue
		}
		s.Stages = append(s.Stages, StageSaving{
			Stage: stage, BaselineNSPerKiB: than.Median, NSPerKiB: own.Median,
			SavedNSPerKiB: metric(func(p both) float64 { return p.theirs.ns[stage] - p.mine.ns[stage] }),
		})
	}
	return s
}

// Tried says whether any pass tried to sample the side, whatever came of it.
func (e StageEvidence) Tried() bool {
	return e.Passes > 0 || e.StagesUnavailable != "" && e.StagesUnavailable != noPasses().StagesUnavailable
}
