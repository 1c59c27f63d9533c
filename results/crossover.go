package results

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"copylab/results/measured"
	"copylab/results/stats"
)

// The answers to whether a case is better than its baseline.
const (
	BetterYes       = "yes"
	BetterNo        = "no"
	BetterUndecided = "undecided" // the interval includes 1, or there are too few pairs
)

// Better says whether the comparison shows its case to be better than its baseline: BetterYes, BetterNo or
// BetterUndecided. Of a cost (CPU time, a latency) less is better, of everything else more.
func (c Comparison) Better() string {
	cost := strings.Contains(c.Metric, "_ns")
	switch {
	case c.Verdict == Higher && !cost, c.Verdict == Lower && cost:
		return BetterYes
	case c.Verdict == Lower, c.Verdict == Higher:
		return BetterNo
	}
	return BetterUndecided
}

// Gaps are the sizes at which a search for a crossover has still to look, in at most two stretches, each in ascending
// order. sizes are all that there are and tried those that were tried, both in ascending order.
//
// One crossing is assumed. So nothing is to be learnt below a size at which the path is not better, nor above one at which
// it is, nor between two that are undecided. Where the answers contradict that, there is nothing to look for: no gap is
// left.
func Gaps(sizes []int64, tried []CrossoverPoint) [][]int64 {
	no, yes, ok := bracket(tried)
	if !ok {
		return nil
	}
	// stretch holds the sizes between two of tried; -1 and len(tried) are the ends.
	stretch := func(after, before int) []int64 {
		var inside []int64
		for _, s := range sizes {
			if (after < 0 || s > tried[after].ChunkBytes) && (before == len(tried) || s < tried[before].ChunkBytes) {
				inside = append(inside, s)
			}
		}
		return inside
	}
	ends := [][2]int{{no, yes}}
	if yes-no > 1 { // some in between are undecided
		ends = [][2]int{{no, no + 1}, {yes - 1, yes}}
	}
	var gaps [][]int64
	for _, e := range ends {
		if gap := stretch(e[0], e[1]); len(gap) > 0 {
			gaps = append(gaps, gap)
		}
	}
	return gaps
}

// bracket finds the crossing among answers in ascending order of their sizes: no is the index of the last that is BetterNo,
// with no BetterYes before it (-1: there is none), yes that of the first that is BetterYes, with no BetterNo after it
// (len(tried): there is none). Not ok says that a BetterNo comes after a BetterYes: then more than one crossing lies between.
func bracket(tried []CrossoverPoint) (no, yes int, ok bool) {
	is := func(answer string) func(CrossoverPoint) bool {
		return func(p CrossoverPoint) bool { return p.Better == answer }
	}
	no, yes = -1, len(tried)
	firstYes := slices.IndexFunc(tried, is(BetterYes))
	lastNo := -1
	for i, p := range tried {
		if p.Better != BetterNo {
			continue
		}
		lastNo = i
		if firstYes < 0 || i < firstYes {
			no = i
		}
	}
	if i := slices.IndexFunc(tried[lastNo+1:], is(BetterYes)); i >= 0 {
		yes = lastNo + 1 + i
	}
	return no, yes, firstYes < 0 || lastNo < firstYes
}

// hunt is what a search found of one path with its other parameters.
type hunt struct {
	cases []*caseData      // by size
	sizes []int64          // of those that can be measured
	tried []CrossoverPoint // by size
	known []CrossoverPoint // those of tried that have a 95 % interval
}

// hunts lists what is searched for, in the order of the run; nil for a run that doesn't search.
func (b *Builder) hunts() []*hunt {
	if b.run.Scenario.Search == nil {
		return nil
	}
	var list []*hunt
	byParams := map[Params]*hunt{}
	for _, d := range b.cases {
		if d.Baseline == "" {
			continue
		}
		all := d.Params
		all.ChunkBytes = 0
		h, ok := byParams[all]
		if !ok {
			h = &hunt{}
			byParams[all] = h
			list = append(list, h)
		}
		h.cases = append(h.cases, d)
	}
	for _, h := range list {
		slices.SortFunc(h.cases, func(x, y *caseData) int { return cmp.Compare(x.Params.ChunkBytes, y.Params.ChunkBytes) })
		for _, d := range h.cases {
			b.look(h, d)
		}
	}
	return list
}

// look takes one size of a path into account.
func (b *Builder) look(h *hunt, d *caseData) {
	comparisons, _ := b.compare(d)
	for _, c := range comparisons {
		if c.Metric != b.run.Scenario.Search.Metric {
			continue
		}
		p := CrossoverPoint{ChunkBytes: d.Params.ChunkBytes, Ratio: c.Ratio, Low: c.Low, High: c.High, Verdict: c.Verdict, Better: c.Better()}
		h.tried = append(h.tried, p)
		if c.Confidence >= stats.Level {
			h.known = append(h.known, p)
		}
	}
	base := b.byID[d.Baseline]
	if d.Unavailable == "" && len(d.failures) == 0 && base != nil && base.Unavailable == "" && len(base.failures) == 0 {
		h.sizes = append(h.sizes, d.Params.ChunkBytes)
	}
}

// crossovers says what the search found, path by path. While the run goes on it is what is known so far.
func (b *Builder) crossovers(hunts []*hunt) []Crossover {
	// Labels without the chunk, which is what is searched for.
	cases := slices.Clone(b.run.Cases)
	for i := range cases {
		cases[i].Params.ChunkBytes = 0
	}
	names := Labels(cases)
	var list []Crossover
	for _, h := range hunts {
		first := h.cases[0]
		c := Crossover{
			Label: names[first.ID], Baseline: names[first.Baseline], Params: first.Params, Metric: b.run.Scenario.Search.Metric,
			Tried: append([]CrossoverPoint{}, h.tried...), Warnings: []string{},
		}
		c.Params.ChunkBytes = 0
		c.NotUpToBytes, c.FromBytes = b.between(h)
		_, _, ok := bracket(h.tried)
		if !ok {
			c.Warnings = append(c.Warnings, h.contradiction())
		}
		left := 0
		for _, gap := range Gaps(h.sizes, h.known) {
			left += len(gap)
		}
		if left > 0 && len(h.tried) > 0 {
			c.Warnings = append(c.Warnings, fmt.Sprintf("the run ended before the search did: it would have gone on among %s", counted(left, "size")))
		}
		for _, d := range h.cases {
			if len(d.failures) > 0 {
				_, reason := d.status()
				c.Warnings = append(c.Warnings, fmt.Sprintf("at %s a trial failed: %s", formatBytes(d.Params.ChunkBytes), reason))
			}
		}
		list = append(list, c)
	}
	return list
}

// between is the crossing as NotUpToBytes and FromBytes have it.
func (b *Builder) between(h *hunt) (notUpTo, from measured.Int) {
	if len(h.tried) == 0 {
		why := measured.Unavailable[int64]("%s", b.untried(h))
		return why, why
	}
	no, yes, ok := bracket(h.tried)
	notUpTo = measured.Unavailable[int64]("it was shown not to be better at none of the sizes that were tried")
	from = measured.Unavailable[int64]("it was shown to be better at none of the sizes that were tried")
	if !ok {
		notUpTo = measured.Unavailable[int64]("%s", h.contradiction())
		from = notUpTo
	}
	if no >= 0 {
		notUpTo = measured.Known(h.tried[no].ChunkBytes)
	}
	if yes < len(h.tried) {
		from = measured.Known(h.tried[yes].ChunkBytes)
	}
	return notUpTo, from
}

// untried says why no size has an answer.
func (b *Builder) untried(h *hunt) string {
	for _, d := range h.cases {
		if len(d.points) > 0 {
			return "no size could be compared with the baseline: the cases say why"
		}
	}
	if len(h.sizes) > 0 {
		return "no size was tried: the run ended before"
	}
	for _, d := range []*caseData{h.cases[0], b.byID[h.cases[0].Baseline]} {
		if d == nil {
			continue
		}
		if status, reason := d.status(); status == CaseUnavailable || status == CaseFailed {
			return "no size could be tried: " + reason
		}
	}
	return "no size could be tried: the cases say why"
}

// contradiction names the answers that more than one crossing would take.
func (h *hunt) contradiction() string {
	var sizes [2]string // at which it is better, and the largest at which it is not
	for _, p := range h.tried {
		switch {
		case p.Better == BetterYes && sizes[0] == "":
			sizes[0] = formatBytes(p.ChunkBytes)
		case p.Better == BetterNo:
			sizes[1] = formatBytes(p.ChunkBytes)
		}
	}
	return fmt.Sprintf("shown to be better at %s and not to be at %s, which is larger: there is no single size from which on it pays", sizes[0], sizes[1])
}

// spare marks the cases that a search never came to because it knew enough without them. A case that several paths are
// compared with is spared only where all of them spare it.
func (b *Builder) spare(hunts []*hunt) {
	if b.run.Scenario.Search == nil {
		return
	}
	wanted := map[string]bool{}
	for _, h := range hunts {
		open := slices.Concat(Gaps(h.sizes, h.known)...)
		for _, d := range h.cases {
			if slices.Contains(open, d.Params.ChunkBytes) {
				wanted[d.ID], wanted[d.Baseline] = true, true
			}
		}
	}
	for _, d := range b.cases {
		d.spared = !wanted[d.ID]
	}
}

// searchPrecision stands for the precision of a run that searches.
func searchPrecision() measured.Float {
	return measured.Unavailable[float64]("a search measures each size until it is decided, not to a precision")
}
