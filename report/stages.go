package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"copylab/results"
	"copylab/results/measured"
	"copylab/results/stages"
)

// stageLook is how a stage is drawn in every chart: copies in warm colours, what takes their place in green, the network in blue.
func stageLook(s stages.Stage) look {
	switch s {
	case stages.CopyCacheToProgram:
		return look{Color: vermillion}
	case stages.CopyInProgram:
		return look{Color: orange, Texture: rowTexture}
	case stages.CopyProgramToSocket:
		return look{Color: orange}
	case stages.CopySocketToReceiver:
		return look{Color: yellow}
	case stages.CopyDeferred:
		return look{Color: vermillion, Texture: dotTexture}
	case stages.CopyToSegments:
		return look{Color: orange, Texture: dotTexture}
	case stages.CopyProgramToCache:
		return look{Color: vermillion, Texture: diamondTexture}
	case stages.PassPages:
		return look{Color: green}
	case stages.CacheLookup:
		return look{Color: green, Texture: dotTexture}
	case stages.PageFaults:
		return look{Color: green, Texture: rowTexture}
	case stages.Encryption:
		return look{Color: purple, Texture: dotTexture}
	case stages.TCPIP:
		return look{Color: blue}
	case stages.SoftInterrupts:
		return look{Color: skyBlue}
	case stages.Filesystem:
		return look{Color: purple}
	case stages.BlockLayer:
		return look{Color: purple, Texture: rowTexture}
	case stages.MemoryManagement:
		return look{Color: skyBlue, Texture: dotTexture}
	case stages.IOUring:
		return look{Color: blue, Texture: dotTexture}
	case stages.Syscalls:
		return look{Color: ink}
	case stages.Scheduling:
		return look{Color: ink, Texture: dotTexture}
	case stages.Program:
		return look{Color: muted, Texture: chainTexture}
	case stages.Unsampled:
		return look{Color: muted, Texture: speckTexture}
	case stages.Other:
		return look{Color: muted, Texture: diamondTexture}
	}
	return look{Color: muted}
}

// shownShare is the share of some case's CPU time from which on a stage is drawn by itself. The others are drawn together.
const shownShare = 0.02

// restName stands for the stages that are too small to be drawn.
func restName() string { return fmt.Sprintf("less than %s each", formatShare(shownShare)) }

// restLook is how they are drawn.
func restLook() look { return look{Color: rule} }

// sidesOf names the processes of a group, the one that is compared first.
func sidesOf(g group) []string {
	if g.Kind == results.Write {
		return []string{"writer"}
	}
	return []string{"sender", "receiver"}
}

// costOfStage is a stage's CPU time in ns per KiB; 0 where no sample was in it.
func costOfStage(e results.StageEvidence, s stages.Stage) float64 {
	for _, c := range e.Stages {
		if c.Stage == s {
			return c.NSPerKiB
		}
	}
	return 0
}

func sumOfStages(e results.StageEvidence) float64 {
	sum := 0.0
	for _, c := range e.Stages {
		sum += c.NSPerKiB
	}
	return sum
}

// restOf is what the stages take that are not among the notable ones.
func restOf(e results.StageEvidence, notable []stages.Stage) float64 {
	rest := 0.0
	for _, c := range e.Stages {
		if !slices.Contains(notable, c.Stage) {
			rest += c.NSPerKiB
		}
	}
	return rest
}

// allOf is what all stages of a side take together: the median of the passes' sums, which the medians of the stages need not add up to.
func allOf(e results.StageEvidence, format func(float64) string) string {
	if all, ok := e.SumNSPerKiB.Get(); ok {
		return format(all)
	}
	return format(sumOfStages(e))
}

// notableStages are those that take a notable share of any side of the cases, in the order of charts.
func notableStages(sides []string, cases []*results.CaseSummary) []stages.Stage {
	return slices.DeleteFunc(stages.All(), func(s stages.Stage) bool {
		return !slices.ContainsFunc(cases, func(c *results.CaseSummary) bool {
			return slices.ContainsFunc(sides, func(side string) bool {
				e := c.Evidence.Sides[side].StageEvidence
				if side == "machine" {
					e = c.Evidence.Machine.StageEvidence
				}
				return costOfStage(e, s) > shownShare*sumOfStages(e)
			})
		})
	})
}

// staged are the measured cases of a group that have stages on any side.
func staged(g group) []*results.CaseSummary {
	return slices.DeleteFunc(g.measured(), func(c *results.CaseSummary) bool {
		return !slices.ContainsFunc(sidesOf(g), func(side string) bool { return len(c.Evidence.Sides[side].Stages) > 0 })
	})
}

// mostStagedBars is how many bars a chart can have; with more, only those of the side that is compared are drawn.
const mostStagedBars = 32

// stages draws the CPU time of each case and side by stage, stacked.
func (f figureMaker) stages() []figure {
	cases := staged(f.g)
	if len(cases) == 0 {
		return nil
	}
	sides := sidesOf(f.g)
	if len(sides)*len(cases) > mostStagedBars {
		sides = sides[:1]
	}
	ns := func(v float64) string { return significant(v, 3) }
	notable := notableStages(sidesOf(f.g), cases)
	b := barBody{Axis: "ns of CPU time per KiB"}
	data := table{Caption: "CPU time per KiB by stage", Columns: []column{
		{Head: "case"}, {Head: "side"}, {Head: "stage"}, {Head: "median", Unit: "ns/KiB", Numeric: true}, {Head: "low", Unit: "ns/KiB", Numeric: true},
		{Head: "high", Unit: "ns/KiB", Numeric: true}, {Head: "share", Numeric: true},
	}}
	small := false
	all, heads := f.byLink(cases)
	for _, c := range all {
		for i, side := range sides {
			e := c.Evidence.Sides[side].StageEvidence
			if len(e.Stages) == 0 {
				continue
			}
			row := bar{Label: label(c), Look: caseLook(c), Low: math.NaN(), High: math.NaN(), Text: allOf(e, ns), Gap: i == 0 && len(sides) > 1}
			if heads != nil {
				row.Label = labelWithoutLink(c)
				if i == 0 {
					row.Head = heads[c]
				}
			}
			if len(sides) > 1 {
				row.Label += ", " + side
			}
			for _, s := range notable {
				if cost := costOfStage(e, s); cost > 0 {
					l := stageLook(s)
					row.Segments = append(row.Segments, segment{Value: cost, Look: &l})
				}
			}
			if rest := restOf(e, notable); rest > 0 {
				l := restLook()
				row.Segments, small = append(row.Segments, segment{Value: rest, Look: &l}), true
			}
			b.Bars = append(b.Bars, row)
			for _, s := range e.Stages {
				data.Rows = append(data.Rows, []cell{
					{Text: label(c)}, {Text: side}, {Text: string(s.Stage)}, {Text: ns(s.NSPerKiB)}, {Text: orDash(s.Low, ns)}, {Text: orDash(s.High, ns)}, {Text: orDash(s.Share, formatShare)},
				})
			}
		}
	}
	for _, s := range notable {
		b.Legend = append(b.Legend, legendItem{string(s), stageLook(s)})
	}
	if small {
		b.Legend = append(b.Legend, legendItem{restName(), restLook()})
	}
	how := "CPU time by stage, from samples of passes after the timed trials: medians."
	if hidden := hiddenStages(cases, sides); hidden != "" {
		how += " Without the kernel's part: " + hidden + "."
	}
	made := f.figure("stages-"+f.slug, f.foundInStages(cases, sides[0]), how, nil, data, b)
	made.Caption = f.caption(how, nil)
	if shared := common(cases); len(shared) > 0 {
		made.Caption = f.caption(how+" "+sentence(strings.Join(shared, ", "))+".", nil)
	}
	return []figure{made}
}

// orDash is a reading, or a dash.
func orDash(v measured.Float, format func(float64) string) string {
	if n, ok := v.Get(); ok {
		return format(n)
	}
	return "–"
}

// hiddenStages says why some sides have only the program's own stages; empty where none has.
func hiddenStages(cases []*results.CaseSummary, sides []string) string {
	for _, c := range cases {
		for _, side := range sides {
			if why := c.Evidence.Sides[side].KernelUnavailable; why != "" {
				return why
			}
		}
	}
	return ""
}

// foundInStages says which share of the CPU time copies take.
func (f figureMaker) foundInStages(cases []*results.CaseSummary, side string) string {
	type found struct {
		label string
		share float64
	}
	var of []found
	for _, c := range cases {
		e := c.Evidence.Sides[side].StageEvidence
		sum, copies := sumOfStages(e), 0.0
		for _, s := range e.Stages {
			if s.Stage.Copies() {
				copies += s.NSPerKiB
			}
		}
		if sum > 0 && e.KernelUnavailable == "" {
			of = append(of, found{label(c), copies / sum})
		}
	}
	if len(of) == 0 {
		return "CPU time by stage"
	}
	slices.SortStableFunc(of, func(a, b found) int {
		switch {
		case a.share > b.share:
			return -1
		case a.share < b.share:
			return 1
		}
		return 0
	})
	first, last := of[0], of[len(of)-1]
	if i := slices.IndexFunc(of, func(f found) bool { return f.share == last.share }); i > 0 {
		last = of[i] // of equals, the one that stands first in the chart
	}
	text := fmt.Sprintf("Copies take %s of the %s's CPU time with %s", formatShare(first.share), side, first.label)
	if len(of) > 1 {
		text += fmt.Sprintf(", %s with %s", formatShare(last.share), last.label)
	}
	return text
}

// stageTables show where the CPU time of each case and side went, and how far to trust that.
func stageTables(g group) []table {
	cases := staged(g)
	if len(cases) == 0 {
		return nil
	}
	notable := notableStages(append(sidesOf(g), "machine"), cases)
	ns := func(v float64) string { return significant(v, 3) }
	costs := table{Caption: g.Name + ": CPU time by stage, ns/KiB (medians of the evidence passes)", Columns: []column{{Head: "case"}, {Head: "side"}}}
	for i, s := range notable {
		spare := 1 + i
		if s.Copies() || s == stages.TCPIP {
			spare = 0
		}
		costs.Columns = append(costs.Columns, column{Head: string(s), Numeric: true, Spare: spare})
	}
	costs.Columns = append(costs.Columns, column{Head: restName(), Numeric: true, Spare: 1}, column{Head: "all", Numeric: true})
	trust := table{Caption: g.Name + ": the evidence passes against the timed trials, CPU time", Columns: []column{
		{Head: "case"}, {Head: "side"}, {Head: "passes", Numeric: true}, {Head: "stages", Unit: "ns/KiB", Numeric: true}, {Head: "timed", Unit: "ns/KiB", Numeric: true},
		{Head: "stages", Unit: "/ timed", Numeric: true}, {Head: "samples", Unit: "/ same pass", Numeric: true}, {Head: "sampled", Unit: "/ unwatched", Numeric: true}, {Head: "samples lost", Numeric: true}, {Head: "stacks", Spare: 1},
	}}
	for _, c := range cases {
		for _, side := range append(sidesOf(g), "machine") {
			e := c.Evidence.Sides[side].StageEvidence
			if side == "machine" {
				if e = c.Evidence.Machine.StageEvidence; len(e.Stages) == 0 { // which a remark says
					continue
				}
			}
			if len(e.Stages) == 0 {
				costs.Rows = append(costs.Rows, append([]cell{{Text: label(c)}, {Text: side}, costs.note(e.StagesUnavailable)}, make([]cell, len(costs.Columns)-3)...))
				continue
			}
			row := []cell{{Text: label(c)}, {Text: side}}
			for _, s := range notable {
				cost := costOfStage(e, s)
				text := "–"
				if cost > 0 {
					text = ns(cost)
				}
				row = append(row, cell{Text: text})
			}
			row = append(row, cell{Text: ns(restOf(e, notable))}, valueCell(&costs, e.SumNSPerKiB, ns))
			costs.Rows = append(costs.Rows, row)
			trust.Rows = append(trust.Rows, []cell{
				{Text: label(c)}, {Text: side}, {Text: fmt.Sprint(e.Passes)}, valueCell(&trust, e.SumNSPerKiB, ns), valueCell(&trust, e.TimedNSPerKiB, ns),
				valueCell(&trust, e.SumOverTimed, func(v float64) string { return fmt.Sprintf("%.2f", v) }),
				valueCell(&trust, e.SampledOverPass, func(v float64) string { return fmt.Sprintf("%.2f", v) }), valueCell(&trust, e.PassOverUnwatched, func(v float64) string { return fmt.Sprintf("%.2f", v) }), valueCell(&trust, e.MissedShare, formatShare), {Text: e.Profile},
			})
		}
	}
	if small := len(costs.Columns) - 2; !slices.ContainsFunc(costs.Rows, func(row []cell) bool { return row[small].Text != "" && row[small].Text != "0" }) {
		costs.Columns = slices.Delete(costs.Columns, small, small+1)
		for i := range costs.Rows {
			costs.Rows[i] = slices.Delete(costs.Rows[i], small, small+1)
		}
	}
	return []table{costs, trust}
}

// noStages says, once, why nothing or not all could be sampled.
func noStages(s *results.Summary) []string {
	var out []string
	add := func(text string) {
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	for i := range s.Cases {
		c := &s.Cases[i]
		if c.Status != results.CaseMeasured {
			continue
		}
		if m := c.Evidence.Machine; m.Passes == 0 && m.StagesUnavailable != "" && len(staged(group{Kind: c.Kind, Cases: []*results.CaseSummary{c}})) > 0 {
			add("What all CPUs did could not be sampled: " + m.StagesUnavailable + ".")
		}
		for _, side := range sortedKeys(c.Evidence.Sides) {
			e := c.Evidence.Sides[side].StageEvidence
			switch {
			case e.KernelUnavailable != "":
				add("Stages of the kernel could not be had: " + e.KernelUnavailable + ".")
			case e.Passes == 0 && hasPasses(s) && c.Params.Path != "null" && c.Params.Method != "null":
				add(fmt.Sprintf("Stages of the %s could not be had: %s.", side, e.StagesUnavailable))
			}
		}
	}
	return append(out, partlySeen(s)...)
}

// partlySeen says of how much of its busy time the samples of all CPUs tell, where that is not nearly all: a CPU that idles in between may lose some.
func partlySeen(s *results.Summary) []string {
	low, high := math.Inf(1), math.Inf(-1)
	for i := range s.Cases {
		if v, ok := s.Cases[i].Evidence.Machine.SampledOverPass.Get(); ok {
			low, high = min(low, v), max(high, v)
		}
	}
	const nearlyAll, moreThanAll = 0.9, 1.1
	switch {
	case low > high, low >= nearlyAll && high <= moreThanAll:
		return nil
	case formatShare(low) == formatShare(high):
		return []string{fmt.Sprintf("The samples of all CPUs add up to %s of the time for which they were busy: take their stages for shares, not for times.", formatShare(low))}
	}
	return []string{fmt.Sprintf("The samples of all CPUs add up to %s to %s of the time for which they were busy, by case: take their stages for shares, not for times.", formatShare(low), formatShare(high))}
}

// hasPasses tells a run with evidence passes, whatever they brought, from one where they are turned off, and from the records of old versions.
func hasPasses(s *results.Summary) bool {
	return slices.ContainsFunc(s.Cases, func(c results.CaseSummary) bool {
		for _, side := range c.Evidence.Sides {
			if side.Passes > 0 {
				return true
			}
		}
		return false
	})
}
