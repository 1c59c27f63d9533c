package results

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"copylab/results/measured"
	"copylab/results/stages"
	"copylab/results/stats"
)

// StageEvidence is what CPU time was spent on: that of a side, or of all CPUs. It comes from passes of their own, after the timed trials.
type StageEvidence struct {
	// Stages are those in which any time was spent, in the order of stages.All; being idle is none. Without any, StagesUnavailable says why.
	Stages            []StageCost `json:"stages"`
	StagesUnavailable string      `json:"stages_unavailable,omitempty"`
	// KernelUnavailable says why the stages are only those of the program in user mode; empty where they are all.
	KernelUnavailable string `json:"kernel_stages_unavailable,omitempty"`
	Passes            int    `json:"passes"`
	// SumNSPerKiB is all stages together, and PassNSPerKiB the CPU time that the kernel counted in the same passes, as in the timed trials;
	// medians. SampledOverPass is the time that the samples stand for over the latter, within a pass: whether they show all of it, and no other.
	SumNSPerKiB     measured.Float `json:"stages_sum_ns_per_kib"`
	PassNSPerKiB    measured.Float `json:"pass_cpu_ns_per_kib"`
	SampledOverPass measured.Float `json:"sampled_over_pass_cpu"`
	// StolenShare of the machine's CPU time in the passes was taken by the hypervisor, median. The kernel's CPU time has none of it, and samples only what was too short to
	// make them late.
	StolenShare measured.Float `json:"stolen_share"`
	// PassOverUnwatched is the passes' CPU time over that of the trials next to them that nobody watched: what being sampled costs.
	PassOverUnwatched measured.Float `json:"pass_cpu_over_unwatched"`
	// TimedNSPerKiB is the CPU time of the timed trials, median, and SumOverTimed all stages together over it. UnwatchedOverTimed is how the
	// machine had changed meanwhile.
	TimedNSPerKiB      measured.Float `json:"timed_cpu_ns_per_kib"`
	SumOverTimed       measured.Float `json:"stages_sum_over_timed"`
	UnwatchedOverTimed measured.Float `json:"unwatched_cpu_over_timed"`
	// MissedShare of the samples were due and are not among the stages. LateShare of them were left out, since they came long after they were due: the CPU had let no
	// interrupt in, or a hypervisor had taken it away.
	MissedShare measured.Float `json:"missed_share"`
	LateShare   measured.Float `json:"late_share"`
	// Other are the functions in which most of stage "other" was spent.
	Other []FunctionCost `json:"other_functions,omitempty"`
	// Profile is the file with the stacks, within the run's folder.
	Profile string `json:"profile,omitempty"`
}

// StageCost is the CPU time of one stage.
type StageCost struct {
	Stage    stages.Stage   `json:"stage"`
	NSPerKiB float64        `json:"ns_per_kib"` // median of the passes
	Low      measured.Float `json:"low"`
	High     measured.Float `json:"high"`
	Share    measured.Float `json:"share"` // of all stages
}

// FunctionCost is the CPU time of one function.
type FunctionCost struct {
	Function string  `json:"function"`
	NSPerKiB float64 `json:"ns_per_kib"` // mean of the passes
}

const (
	// reconciledWithin is how far the stages together may be from the timed CPU time before a warning says so.
	reconciledWithin = 0.10
	// leastSampled is how much of a pass's CPU time samples must stand for before a warning says so. They miss some of the switching between threads.
	leastSampled = 0.80
	// mostMissed and mostOtherShare are what may be missing, or without a stage, before a warning says so.
	mostMissed     = 0.02
	mostOtherShare = 0.05
	mostLate       = 0.05
)

// NoPassMade stands where no pass for evidence is in the record.
const NoPassMade = "no pass for evidence was made"

// noPasses says that nothing was sampled.
func noPasses() StageEvidence { return noStages(NoPassMade) }

// noStages is why there is nothing.
func noStages(why string) StageEvidence {
	none := measured.Unavailable[float64]("%s", why)
	return StageEvidence{
		Stages: []StageCost{}, StagesUnavailable: why, SumNSPerKiB: none, PassNSPerKiB: none, SampledOverPass: none, StolenShare: none, PassOverUnwatched: none,
		TimedNSPerKiB: none, SumOverTimed: none, UnwatchedOverTimed: none, MissedShare: none, LateShare: none,
	}
}

// stageEvidence puts together what the passes saw of a side, or of the machine. timed is the metric of its CPU time in the timed trials.
func (d *caseData) stageEvidence(side string, timed Metric) StageEvidence {
	of := func(t Trial) *StageTimes { return t.Sides[side].Stages }
	if side == machine {
		of = func(t Trial) *StageTimes { return t.MachineStages }
	}
	e := noPasses()
	e.TimedNSPerKiB = medianOf(timed)
	var passes []Trial
	unwatched := map[int]measured.Float{} // by pass
	for _, t := range d.passes {
		s := of(t)
		switch {
		case t.Instrument == InstrumentNone:
			unwatched[t.Block] = perKiB(cpuTime(t, side), t.Bytes)
		case s == nil || t.Bytes <= 0:
			continue
		case s.ClockNS.Why() != "":
			e.StagesUnavailable = s.ClockNS.Why()
		case s.Samples == 0:
			e.KernelUnavailable = cmp.Or(e.KernelUnavailable, s.KernelNS.Why())
			e.StagesUnavailable = "no sample was taken in " + fmt.Sprint(t.Bytes) + " bytes: a longer trial has more (measure.time)"
			if e.KernelUnavailable != "" {
				e.StagesUnavailable = "no sample was in user mode; in kernel mode: " + e.KernelUnavailable
			}
		default:
			passes = append(passes, t)
			e.KernelUnavailable = cmp.Or(e.KernelUnavailable, s.KernelNS.Why())
			e.Profile = cmp.Or(t.Profiles[side], e.Profile)
		}
	}
	if e.Passes = len(passes); e.Passes == 0 {
		none := noStages(e.StagesUnavailable)
		none.KernelUnavailable, none.TimedNSPerKiB = e.KernelUnavailable, e.TimedNSPerKiB
		return none
	}
	e.StagesUnavailable = ""
	var sums, pass, ofPass, cost, before, stolen []float64
	byStage := map[stages.Stage][]float64{}
	other := map[string]float64{}
	var missed, samples int64
	var late []float64
	lateUnknown := ""
	for _, t := range passes {
		s, kib := of(t), float64(t.Bytes)/1024
		times := stageTimes(t, side)
		sum := 0.0
		for _, stage := range stages.All() { // in one order: so the sum is always the same
			if stage != stages.Idle {
				sum += times[stage] / kib
			}
		}
		sums = append(sums, sum)
		for _, stage := range stages.All() {
			ns := times[stage] / kib
			byStage[stage] = append(byStage[stage], ns)
		}
		for _, f := range s.Other {
			other[f.Function] += float64(f.NS) / kib / float64(len(passes))
		}
		missed, samples = missed+s.Missed, samples+s.Samples
		if n, ok := s.Late.Get(); ok {
			late = append(late, float64(n)/float64(max(1, n+s.Samples)))
		} else {
			lateUnknown = s.Late.Why()
		}
		ns, ok := cpuTime(t, side).Get()
		if !ok || ns <= 0 {
			continue
		}
		pass = append(pass, float64(ns)/kib)
		if part, ok := share(t.Machine.StealNS, t.Machine.TotalNS).Get(); ok {
			stolen = append(stolen, part)
		}
		sampled := sum * kib
		if clock, ok := s.ClockNS.Get(); ok && side != machine { // whose clock goes on while it is idle
			sampled = float64(clock)
		}
		ofPass = append(ofPass, sampled/float64(ns))
		if alone, ok := unwatched[t.Block]; ok {
			if alone, ok := alone.Get(); ok && alone > 0 {
				before, cost = append(before, alone), append(cost, float64(ns)/kib/alone)
			}
		}
	}
	for _, stage := range stages.All() {
		if values := byStage[stage]; stage != stages.Idle && slices.Max(values) > 0 {
			e.Stages = append(e.Stages, stageCost(stage, values))
		}
	}
	e.share()
	for _, name := range slices.Sorted(maps.Keys(other)) {
		e.Other = append(e.Other, FunctionCost{name, other[name]})
	}
	slices.SortStableFunc(e.Other, func(a, b FunctionCost) int { return cmp.Compare(b.NSPerKiB, a.NSPerKiB) })
	e.Other = e.Other[:min(len(e.Other), mostOther)]
	e.MissedShare = measured.Known(float64(missed) / float64(max(1, missed+samples)))
	e.LateShare = medianOr(late, lateUnknown)
	e.StolenShare = medianOr(stolen, "the passes recorded no time that a hypervisor took")
	e.PassNSPerKiB = medianOr(pass, "the passes took no CPU time that the kernel's clock shows")
	e.PassOverUnwatched = medianOr(cost, noNeighbour)
	e.UnwatchedOverTimed = measured.Unavailable[float64](noNeighbour)
	if len(before) > 0 {
		e.UnwatchedOverTimed = overTimed(before, e.TimedNSPerKiB)
	}
	if e.KernelUnavailable != "" {
		e.SumNSPerKiB = measured.Unavailable[float64]("%s", e.KernelUnavailable)
		e.SumOverTimed, e.SampledOverPass = e.SumNSPerKiB, e.SumNSPerKiB
		return e
	}
	e.SumNSPerKiB = measured.Known(stats.Median(sums))
	e.SampledOverPass = medianOr(ofPass, "the passes took no CPU time that the kernel's clock shows")
	e.SumOverTimed = overTimed(sums, e.TimedNSPerKiB)
	return e
}

// cpuTime is what the kernel counted of a side's CPU time in a trial, or of the machine's busy time.
func cpuTime(t Trial, side string) measured.Int {
	if side == machine {
		return t.Machine.BusyNS
	}
	return sideTime(t, side, Side.CPUNS)
}

// stageTimes is the CPU time of each stage in a pass, in ns. What the kernel counted beyond what the samples stand for is in none of the sampled ones: it is told of
// as such. Of the machine, whose busy time is counted in ticks, and where the samples are the program's only, that can't be told.
func stageTimes(t Trial, side string) map[stages.Stage]float64 {
	s := t.Sides[side].Stages
	if side == machine {
		s = t.MachineStages
	}
	times := map[stages.Stage]float64{}
	if s == nil {
		return times
	}
	for stage, ns := range s.NS {
		times[stage] = float64(ns)
	}
	used, known := cpuTime(t, side).Get()
	sampled, ok := s.ClockNS.Get()
	if side != machine && known && ok && used > sampled && s.KernelNS.Why() == "" {
		times[stages.Unsampled] = float64(used - sampled)
	}
	return times
}

// stageCost is a stage's median with its interval, which one pass does not give.
func stageCost(stage stages.Stage, values []float64) StageCost {
	iv := stats.Summarize(values)
	c := StageCost{Stage: stage, NSPerKiB: iv.Median, Low: measured.Known(iv.Low), High: measured.Known(iv.High)}
	if len(values) < 2 {
		c.Low = measured.Unavailable[float64]("one pass has no interval: measure.evidence makes more")
		c.High = c.Low
	}
	return c
}

// share fills in the stages' shares of their sum, which is that of medians. Where the kernel's part is missing there are none.
func (e *StageEvidence) share() {
	sum := 0.0
	for _, c := range e.Stages {
		sum += c.NSPerKiB
	}
	for i := range e.Stages {
		switch c := &e.Stages[i]; {
		case e.KernelUnavailable != "":
			c.Share = measured.Unavailable[float64]("%s", e.KernelUnavailable)
		case sum <= 0:
			c.Share = measured.Unavailable[float64]("the median of each stage is 0")
		default:
			c.Share = measured.Known(c.NSPerKiB / sum)
		}
	}
}

// noNeighbour says that a pass has nothing next to it to be held against.
const noNeighbour = "no unwatched trial was made next to a pass"

// medianOr is the median of values, or why there is none.
func medianOr(values []float64, why string) measured.Float {
	if len(values) == 0 {
		return measured.Unavailable[float64]("%s", why)
	}
	return measured.Known(stats.Median(values))
}

// medianOf is a metric's median, or why it has none.
func medianOf(m Metric) measured.Float {
	if why := m.Why(); why != "" {
		return measured.Unavailable[float64]("%s", why)
	}
	return measured.Known(m.Median)
}

// overTimed is the median of values over what the timed trials took.
func overTimed(values []float64, timed measured.Float) measured.Float {
	than, ok := timed.Get()
	switch {
	case !ok:
		return measured.Unavailable[float64]("%s", timed.Why())
	case len(values) == 0:
		return measured.Unavailable[float64]("the passes recorded no CPU time")
	case than <= 0:
		return measured.Unavailable[float64]("the timed trials took no CPU time that the kernel's clock shows")
	}
	return measured.Known(stats.Median(values) / than)
}

// timedMetric is the metric of a side's CPU time in the timed trials.
func timedMetric(side string) string {
	switch side {
	case receiver:
		return MetricReceiverCPU
	case writer:
		return MetricWriterCPU
	case machine:
		return MetricMachineCPU
	}
	return MetricSenderCPU
}

// stageWarnings hold the passes against the timed trials, and say what they did not see.
func (d *caseData) stageWarnings(e Evidence) []string {
	var out []string
	for _, side := range d.sides() {
		s := e.Sides[side].StageEvidence
		if ratio, ok := s.SumOverTimed.Get(); ok && (ratio < 1-reconciledWithin || ratio > 1+reconciledWithin) {
			sum, _ := s.SumNSPerKiB.Get()
			timed, _ := s.TimedNSPerKiB.Get()
			out = append(out, fmt.Sprintf("the stages of the %s's CPU time add up to %s ns/KiB in the passes for evidence, %.2f times the %s of the timed trials%s", side, fewDigits(sum), ratio, fewDigits(timed), s.whyOff()))
		}
		if ratio, ok := s.SampledOverPass.Get(); ok && (ratio < leastSampled || ratio > 1+reconciledWithin) {
			out = append(out, fmt.Sprintf("the samples of the %s stand for %.2f times the CPU time that the kernel counted in the same passes%s", side, ratio, s.whyOffPass()))
		}
		if missed, ok := s.MissedShare.Get(); ok && missed > mostMissed {
			out = append(out, fmt.Sprintf("%.2g of the samples of the %s were lost: its stages are of the others", missed, side))
		}
		if late, ok := s.LateShare.Get(); ok && late > mostLate {
			out = append(out, fmt.Sprintf("%.2g of the samples of the %s came late and are left out: the CPU had been taken away meanwhile, by a hypervisor, or had let no interrupt in", late, side))
		}
		for _, stage := range s.Stages {
			if share, ok := stage.Share.Get(); ok && stage.Stage == stages.Other && share > mostOtherShare {
				out = append(out, fmt.Sprintf("%.2g of the %s's CPU time is in no stage that copylab knows, most of it in %s", share, side, functionNames(s.Other)))
			}
		}
	}
	return out
}

// fewDigits writes three digits of a number, or all of those before the point.
func fewDigits(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// whyOff says what makes the passes differ from the timed trials, as far as the trials next to them tell.
func (e StageEvidence) whyOff() string {
	drift, ok1 := e.UnwatchedOverTimed.Get()
	cost, ok2 := e.PassOverUnwatched.Get()
	if !ok1 || !ok2 {
		return ": the machine, or being sampled, made them something else"
	}
	return fmt.Sprintf(": trials next to the passes that nobody watched took %.2f times as well, and being sampled made %.2f times of that", drift, cost)
}

// stolenMuch is the share of the machine's CPU time that, taken by a hypervisor, explains samples beyond a side's own time.
const stolenMuch = 0.03

// whyOffPass says why the samples differ from the CPU time of their own passes, where that is known.
func (e StageEvidence) whyOffPass() string {
	ratio, _ := e.SampledOverPass.Get()
	if stolen, ok := e.StolenShare.Get(); ok && ratio > 1 && stolen > stolenMuch {
		return fmt.Sprintf(": the hypervisor took %.2g of the machine's time meanwhile, which samples can't tell from the program's", stolen)
	}
	if ratio < 1 {
		return ": where a thread waits often, some of what it takes to switch to it is no sample's"
	}
	return ": the samples don't show where it went"
}

func functionNames(list []FunctionCost) string {
	var names []string
	for _, f := range list {
		names = append(names, f.Function)
	}
	return strings.Join(names, ", ")
}
