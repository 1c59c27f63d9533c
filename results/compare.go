package results

import (
	"fmt"
	"math"
	"slices"

	"copylab/results/measured"
	"copylab/results/stats"
)

// ComparedMetric is a metric that is set against the baseline's.
type ComparedMetric struct {
	Name string // a Metric constant
	// Headline metrics answer the scenario's question: the precision of their ratios decides when a run may stop.
	Headline bool
}

// Compared lists what of a case is compared with its baseline, the most telling first. The null path and the null writer
// are compared with nothing.
func Compared(c Case) []ComparedMetric {
	switch {
	case c.isNull():
		return nil
	case c.Kind == Write:
		// In an open loop the rates are the offered one, and what tells is how long a write then takes.
		list := []ComparedMetric{{MetricIOPS, !c.isOpen()}}
		if c.isDurable() {
			list = append(list, ComparedMetric{MetricDurable, !c.isOpen()})
		}
		list = append(list, ComparedMetric{MetricWriteP99, c.isOpen()})
		if c.Params.commits() {
			list = append(list, ComparedMetric{Name: MetricCommitP99})
		}
		return append(list,
			ComparedMetric{Name: MetricAccepted},
			ComparedMetric{Name: MetricWriterCPU},
			ComparedMetric{Name: MetricDeviceWrites})
	case c.isFetch():
		return []ComparedMetric{
			// In an open loop the rate is the offered one, whatever the path does.
			{MetricRequests, c.Params.Loop != openLoop},
			{MetricFetchP50, true},
			{Name: MetricFetchP99},
			{Name: MetricSenderCPU},
		}
	}
	return []ComparedMetric{
		{MetricThroughput, true},
		{MetricSenderCPU, true},
		{Name: MetricReceiverCPU},
		{Name: MetricMachineCPU},
	}
}

// Precision is the widest relative half-width of the headline comparisons: how precise a run is so far. It is
// unavailable while one of them has too few pairs for a 95 % interval, and where there are none.
func Precision(comparisons []Comparison) measured.Float {
	widest, any := 0.0, false
	for _, c := range comparisons {
		if !c.Headline {
			continue
		}
		width := stats.RelativeHalfWidth(stats.Interval{Median: c.Ratio, Low: c.Low, High: c.High, Confidence: c.Confidence})
		if math.IsInf(width, 0) || math.IsNaN(width) {
			return measured.Unavailable[float64]("the ratio of %s has no 95 %% interval yet: %d pairs of at least %d", c.Metric, c.Pairs, stats.EnoughValues)
		}
		any = true
		widest = max(widest, width)
	}
	if !any {
		return measured.Unavailable[float64]("nothing is compared")
	}
	return measured.Known(widest)
}

// compare sets a case against its baseline, block by block. The warnings concern the case.
func (b *Builder) compare(d *caseData) (list []Comparison, warnings []string) {
	if d.Baseline == "" || len(d.points) == 0 {
		return nil, nil
	}
	base, ok := b.byID[d.Baseline]
	switch {
	case !ok:
		return nil, []string{fmt.Sprintf("not compared: the run lists no baseline %q", d.Baseline)}
	case len(base.points) == 0:
		_, reason := base.status()
		return nil, []string{"not compared: the baseline has no counted trial: " + reason}
	}
	pairs, lost := pairUp(d, base, b.run.Scenario.Search != nil)
	if len(pairs) == 0 {
		return nil, []string{"not compared: " + lost}
	}
	// After a failure there are no more trials, hence no better interval: a run must not wait for one.
	goesOn := len(d.failures) == 0 && len(base.failures) == 0
	for _, m := range Compared(d.Case) {
		mine, ok := d.series(m.Name)
		if !ok {
			continue // unavailable, and the metric says why
		}
		theirs, ok := base.series(m.Name)
		if !ok {
			continue
		}
		cases, baselines := make([]float64, len(pairs)), make([]float64, len(pairs))
		for i, p := range pairs {
			cases[i], baselines[i] = mine[p.mine], theirs[p.theirs]
		}
		iv, err := stats.Ratio(cases, baselines)
		if err != nil && m.Name == MetricDeviceWrites && stats.Median(cases) == 0 && stats.Median(baselines) == 0 {
			continue // both kept their bytes in memory: nobody misses a ratio
		}
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("%s is not compared: %v", m.Name, err))
			continue
		}
		c := Comparison{
			Metric: m.Name, Baseline: base.ID, Case: d.ID, Headline: m.Headline && goesOn,
			Ratio: iv.Median, Low: iv.Low, High: iv.High, Confidence: iv.Confidence, Pairs: iv.N,
			Verdict:  stats.Judge(iv, b.run.Scenario.Precision),
			Warnings: append([]string{}, iv.Warnings...),
		}
		if m.Name == MetricThroughput && d.isLinkBound() && base.isLinkBound() {
			c.Headline = false
			c.Warnings = append(c.Warnings, linkWarning(d, base))
		}
		if lost != "" {
			c.Warnings = append(c.Warnings, lost)
		}
		list = append(list, c)
	}
	return list, warnings
}

// pair holds the indices of two trials of one block.
type pair struct{ mine, theirs int }

// pairUp matches trials by their block, and says in how many blocks that was impossible. In a search, a baseline serves
// several paths in turn: that it is alone in a block is no loss then.
func pairUp(d, base *caseData, search bool) (pairs []pair, lost string) {
	theirs := map[int]int{}
	for i, p := range base.points {
		theirs[p.Block] = i
	}
	blocks := map[int]bool{} // in which either was tried; true where both were counted
	for _, side := range []*caseData{d, base} {
		if side == d || !search {
			for _, p := range side.points {
				blocks[p.Block] = false
			}
		}
		for block := range side.failedBlocks {
			blocks[block] = false
		}
	}
	for i, p := range d.points {
		if j, ok := theirs[p.Block]; ok {
			pairs = append(pairs, pair{i, j})
			blocks[p.Block] = true
		}
	}
	var alone []int
	for block, both := range blocks {
		if !both {
			alone = append(alone, block)
		}
	}
	if len(alone) > 0 {
		slices.Sort(alone)
		lost = fmt.Sprintf("%d of %d blocks have no pair: a trial of the case or of its baseline failed or is missing (first in block %d)", len(alone), len(blocks), alone[0])
	}
	return pairs, lost
}
