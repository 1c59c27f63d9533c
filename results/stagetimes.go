package results

import (
	"cmp"
	"slices"

	"copylab/results/measured"
	"copylab/results/profile"
	"copylab/results/stages"
)

// StageTimes is what CPU time was spent on in a trial for evidence, by samples of what was executed: that of one process, or of all CPUs.
type StageTimes struct {
	ClockNS  measured.Int `json:"clock_ns"` // CPU time that was sampled; of all CPUs it is their time, idle or not
	PeriodNS int64        `json:"period_ns,omitempty"`
	Samples  int64        `json:"samples"`
	Missed   int64        `json:"missed_samples"` // that were due, or taken and lost
	Late     measured.Int `json:"late_samples"`   // that came long after they were due, see kernel.Samples: in none of the others
	// KernelNS is the part that was sampled in kernel mode. Where such samples are not allowed it says so, and NS has only what
	// was sampled in user mode.
	KernelNS measured.Int `json:"kernel_ns"`
	// NS is the CPU time of each stage that has any, together ClockNS less ToolNS.
	NS     map[stages.Stage]int64 `json:"stages_ns,omitempty"`
	ToolNS int64                  `json:"tool_ns"` // what reading the samples took; in no stage
	// Other are the functions in which most of the time without a stage was spent, the innermost of their stacks.
	Other []FunctionTime `json:"other,omitempty"`
}

// FunctionTime is the CPU time of one function.
type FunctionTime struct {
	Function string `json:"function"`
	NS       int64  `json:"ns"`
}

// mostOther is how many functions without a stage are named.
const mostOther = 5

// NotSampled stands where there are no samples, with the reason.
func NotSampled(format string, args ...any) *StageTimes {
	why := measured.Unavailable[int64](format, args...)
	return &StageTimes{ClockNS: why, KernelNS: why, Late: why}
}

// TimeStages tells a profile apart into stages. kernelRefused says why samples in kernel mode, or the names of the kernel's functions, could not be
// had; empty where they could. tool tells the stacks of whoever read the samples.
func TimeStages(p *profile.Profile, kernelRefused string, tool func(profile.Stack) bool) *StageTimes {
	t := &StageTimes{
		ClockNS: measured.Known(p.ClockNS), PeriodNS: p.PeriodNS, Missed: p.Missed, Late: measured.Known(p.Late), KernelNS: measured.Known[int64](0), NS: map[stages.Stage]int64{},
	}
	if p.LateUnknown != "" {
		t.Late = measured.Unavailable[int64]("%s", p.LateUnknown)
	}
	classifier := stages.NewClassifier()
	counts, other := map[stages.Stage]int64{}, map[string]int64{}
	var ofTool, inKernel int64
	for _, s := range p.Stacks() {
		if kernelRefused != "" && len(s.Kernel) > 0 {
			continue
		}
		t.Samples += s.Count
		if tool(s.Stack) {
			ofTool += s.Count
			continue
		}
		stage := classifier.Classify(s.Kernel, s.User)
		counts[stage] += s.Count
		if len(s.Kernel) > 0 {
			inKernel += s.Count
		}
		if stage == stages.Other {
			other[innermost(s.Stack)] += s.Count
		}
	}
	// A sample stands for a period. All of them together stand for the clock. Of threads it is exact: where the timer's interrupt came late, a period has none.
	worth := float64(p.PeriodNS)
	if kernelRefused == "" && t.Samples > 0 {
		worth = float64(p.ClockNS) / float64(t.Samples)
	}
	ns := func(count int64) int64 { return int64(float64(count) * worth) }
	for stage, n := range counts {
		t.NS[stage] = ns(n)
	}
	t.ToolNS = ns(ofTool)
	t.KernelNS = measured.Known(ns(inKernel))
	if kernelRefused != "" {
		t.KernelNS = measured.Unavailable[int64]("%s", kernelRefused)
	}
	for function, n := range other {
		t.Other = append(t.Other, FunctionTime{function, ns(n)})
	}
	slices.SortFunc(t.Other, func(a, b FunctionTime) int {
		return cmp.Or(cmp.Compare(b.NS, a.NS), cmp.Compare(a.Function, b.Function))
	})
	t.Other = t.Other[:min(len(t.Other), mostOther)]
	return t
}

// innermost is the function that a stack was in.
func innermost(s profile.Stack) string {
	for _, stack := range [][]string{s.Kernel, s.User} {
		if len(stack) > 0 {
			return stack[0]
		}
	}
	return "[unknown]"
}
