package scenarios

import (
	"cmp"
	"math/bits"
	"slices"

	"copylab/results"
	"copylab/results/stats"
)

// bisection decides which cases of a search the next block measures. It only thinks: the runner measures, and tells it
// what came of that.
//
// Each path, with its other parameters, is a hunt of its own. It begins with the smallest, the largest and the middle
// size, and then tries the middle of whatever gap is left, until a size at which the path is not better and one at which
// it is are neighbours. Where sizes stay undecided, both ends of their stretch are looked for. A size is measured until
// it is settled, together with the baseline at that size, in the same blocks.
//
// A size is looked at after the least number of blocks, after twice as many, four times as many, and after the most: who
// looks after each block and stops at the first interval without a 1 in it finds differences where there are none.
type bisection struct {
	metric      string
	precision   float64 // an interval as narrow as this that still holds 1 decides nothing by becoming narrower
	least, most int     // blocks of a size
	hunts       []*hunt
}

// hunt is one path, with its other parameters, on its way to the size from which on it pays.
type hunt struct {
	sizes  []results.Case           // that can be measured and are not given up, by their chunk
	asked  []attempt                // that are measured now
	tried  []results.CrossoverPoint // that are settled, by their chunk
	failed int                      // sizes that were given up
}

// attempt is a size that is being measured.
type attempt struct {
	c      results.Case
	blocks int // so far
}

// mostFailedSizes is how many sizes may fail before a path is given up: what fails three times fails everywhere.
const mostFailedSizes = 3

// newBisection begins a search among the cases of a run.
func newBisection(run results.Run, m Measure) *bisection {
	b := &bisection{metric: run.Scenario.Search.Metric, precision: m.Precision, least: max(m.MinBlocks, stats.EnoughValues)}
	b.most = max(m.MaxBlocks, b.least)
	unavailable := map[string]bool{}
	for _, c := range run.Cases {
		unavailable[c.ID] = c.Unavailable != ""
	}
	byParams := map[results.Params]*hunt{}
	for _, c := range run.Cases {
		if c.Baseline == "" || unavailable[c.ID] || unavailable[c.Baseline] {
			continue
		}
		all := c.Params
		all.ChunkBytes = 0
		h, ok := byParams[all]
		if !ok {
			h = &hunt{}
			byParams[all] = h
			b.hunts = append(b.hunts, h)
		}
		h.sizes = append(h.sizes, c)
	}
	for _, h := range b.hunts {
		slices.SortFunc(h.sizes, func(x, y results.Case) int { return cmp.Compare(x.Params.ChunkBytes, y.Params.ChunkBytes) })
	}
	return b
}

// next are the IDs of the cases that the next block measures. There are none once every hunt is at its end.
func (b *bisection) next() map[string]bool {
	ids := map[string]bool{}
	for _, h := range b.hunts {
		if len(h.asked) == 0 {
			h.ask()
		}
		for _, a := range h.asked {
			ids[a.c.ID], ids[a.c.Baseline] = true, true
		}
	}
	return ids
}

// learn takes in what is known after a block of the cases that were asked for.
func (b *bisection) learn(comparisons []results.Comparison) {
	byCase := map[string]results.Comparison{}
	for _, c := range comparisons {
		if c.Metric == b.metric {
			byCase[c.Case] = c
		}
	}
	for _, h := range b.hunts {
		open := h.asked[:0]
		for _, a := range h.asked {
			a.blocks++
			c, compared := byCase[a.c.ID]
			if !b.settled(a.blocks, c, compared) {
				open = append(open, a)
				continue
			}
			p := results.CrossoverPoint{
				ChunkBytes: a.c.Params.ChunkBytes, Ratio: c.Ratio, Low: c.Low, High: c.High, Verdict: c.Verdict, Better: results.BetterUndecided,
			}
			if compared {
				p.Better = c.Better()
			}
			h.tried = append(h.tried, p)
		}
		h.asked = open
		slices.SortFunc(h.tried, func(x, y results.CrossoverPoint) int { return cmp.Compare(x.ChunkBytes, y.ChunkBytes) })
	}
}

// settled tells whether a size needs no further block.
func (b *bisection) settled(blocks int, c results.Comparison, compared bool) bool {
	switch {
	case blocks >= b.most:
		return true
	case !compared || blocks%b.least != 0 || bits.OnesCount(uint(blocks/b.least)) != 1: // not the time to look
		return false
	case c.Better() != results.BetterUndecided:
		return true
	}
	return halfWidth(c) <= b.precision
}

// drop gives up the sizes that a failed case takes part in, on either side.
func (b *bisection) drop(id string) {
	for _, h := range b.hunts {
		before := len(h.sizes)
		out := func(c results.Case) bool { return c.ID == id || c.Baseline == id }
		h.sizes = slices.DeleteFunc(h.sizes, out)
		h.asked = slices.DeleteFunc(h.asked, func(a attempt) bool { return out(a.c) })
		if h.failed += before - len(h.sizes); h.failed >= mostFailedSizes {
			h.asked = nil
		}
	}
}

// ask chooses the sizes that are measured next; none where the hunt is at its end.
func (h *hunt) ask() {
	if h.failed >= mostFailedSizes {
		return
	}
	if n := len(h.sizes); len(h.tried) == 0 && n > 0 {
		for _, at := range slices.Compact([]int{0, n / 2, n - 1}) {
			h.asked = append(h.asked, attempt{c: h.sizes[at]})
		}
		return
	}
	for _, gap := range results.Gaps(h.chunks(), h.tried) {
		middle := gap[len(gap)/2]
		at := slices.IndexFunc(h.sizes, func(c results.Case) bool { return c.Params.ChunkBytes == middle })
		h.asked = append(h.asked, attempt{c: h.sizes[at]})
	}
}

func (h *hunt) chunks() []int64 {
	var list []int64
	for _, c := range h.sizes {
		list = append(list, c.Params.ChunkBytes)
	}
	return list
}

// asks tells whether a comparison is what the next block narrows.
func (b *bisection) asks(c results.Comparison) bool {
	return c.Metric == b.metric && slices.ContainsFunc(b.hunts, func(h *hunt) bool {
		return slices.ContainsFunc(h.asked, func(a attempt) bool { return a.c.ID == c.Case })
	})
}

// found tells whether any size was settled.
func (b *bisection) found() bool {
	return slices.ContainsFunc(b.hunts, func(h *hunt) bool { return len(h.tried) > 0 })
}

// left guesses how many blocks there are still to come, if no size needs more than the least.
func (b *bisection) left() int {
	most := 0
	for _, h := range b.hunts {
		if len(h.asked) == 0 {
			continue
		}
		now := 0
		for _, a := range h.asked {
			now = max(now, b.least-a.blocks%b.least)
		}
		gap := len(h.sizes) / 2 // before anything is known
		if len(h.tried) > 0 {
			gap = 0
			for _, g := range results.Gaps(h.chunks(), h.tried) {
				gap = max(gap, len(g)/2)
			}
		}
		most = max(most, now+b.least*bits.Len(uint(gap)))
	}
	return most
}
