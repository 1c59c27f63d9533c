package results

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"copylab/results/host"
	"copylab/results/measured"
	"copylab/results/stats"
)

const (
	// warmShare and coldShare are what the file's resident share must be before a warm and a cold trial.
	warmShare, coldShare = 0.999, 0.001
	// stealShare of the machine's time, taken by the hypervisor, marks a trial.
	stealShare = 0.01
	// coarseShare of the span is what the steps of /proc/stat may be before its readings are called coarse.
	coarseShare = 0.1
)

// valueWarnings are about the values themselves: too few, odd ones, and a level that moved.
func (d *caseData) valueWarnings(c CaseSummary) []string {
	var out []string
	if n := len(d.points); n < stats.EnoughValues {
		out = append(out, fmt.Sprintf("%d counted trials are too few for a 95 %% interval (it takes %d)", n, stats.EnoughValues))
	}
	for _, m := range Compared(d.Case) {
		values, ok := d.series(m.Name)
		if !ok || !m.Headline {
			continue
		}
		if odd := stats.Outliers(values); len(odd) > 0 {
			var blocks []string
			for _, i := range odd {
				blocks = append(blocks, strconv.Itoa(d.points[i].Block))
			}
			out = append(out, fmt.Sprintf("%s: %d of %d values lie far from the rest (block %s); they count like the others", m.Name, len(odd), len(values), joinFew(blocks, ", ")))
		}
		if drift, ok := stats.FindDrift(values); ok && math.Abs(drift.Ratio-1) > driftShare {
			out = append(out, fmt.Sprintf("%s: the later half of the blocks is at %.3g times the earlier half (p = %.2g): the machine was not steady; ratios within blocks are safe from that, this case's own numbers are not", m.Name, drift.Ratio, drift.P))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.LatencyNS)) {
		l := c.LatencyNS[name]
		if _, ok := l.P99.Get(); !ok && name != "sync" { // syncs are few by nature
			out = append(out, fmt.Sprintf("latency of %s: %s", name, l.P99.Why()))
		}
		if n := d.timed[name]; n > 0 && n < len(d.points) {
			out = append(out, fmt.Sprintf("latency of %s: only %d of %d trials recorded it", name, n, len(d.points)))
		}
	}
	if d.outOfRange > 0 {
		out = append(out, fmt.Sprintf("%d latencies were longer than the histograms hold (%v) and are left out of them", d.outOfRange, time.Duration(HistogramHighestNS)))
	}
	return out
}

// driftShare is how far a case's level must have moved to be worth a warning; less is smaller than what runs aim at.
const driftShare = 0.02

// conditionWarnings are about the conditions under which the values were had.
func (d *caseData) conditionWarnings(machine host.Host) []string {
	var out []string
	out = append(out, d.disturbanceWarnings()...)
	out = append(out, d.cacheWarnings(machine)...)
	if slices.Contains(d.settings[SettingFolios], FoliosLarge) {
		out = append(out, "the page cache held the file in folios larger than a block, as it does with files that were written in large pieces: what a write into one costs is part of this rate, and no property of the disk; a file that the page cache holds otherwise may be several times as fast")
	}

	steps := d.medianFloat(func(t Trial) measured.Float {
		return share(measured.Known(t.Machine.ResolutionNS), span(d.Kind, t))
	})
	if s, ok := steps.Get(); ok && s > coarseShare {
		if _, had := d.series(MetricMachineCPU); had {
			out = append(out, fmt.Sprintf("%s: the kernel counts in steps that are %.2g of a trial's time: longer trials (measure.time) would resolve it", MetricMachineCPU, s))
		}
	}

	return append(out, d.flushWarnings(machine.Disk)...)
}

func (d *caseData) disturbanceWarnings() []string {
	var out []string
	disturbed, stolen, most := 0, 0, 0.0
	var all []string
	for _, p := range d.points {
		if len(p.Disturbed) > 0 {
			disturbed++
		}
		all = append(all, p.Disturbed...)
		if s, ok := share(p.Machine.StealNS, p.Machine.TotalNS).Get(); ok && s > stealShare {
			stolen++
			most = max(most, s)
		}
	}
	if disturbed > 0 {
		were := "were"
		if disturbed == 1 {
			were = "was"
		}
		out = append(out, fmt.Sprintf("%d of %d trials %s disturbed: %s", disturbed, len(d.points), were, joinFew(mergeNumbers(all), "; ")))
	}
	told := slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, "steal") })
	if stolen > 0 && !told {
		out = append(out, fmt.Sprintf("the hypervisor gave the CPUs to others in %d of %d trials (steal time, up to %.2f of the machine's)", stolen, len(d.points), most))
	}
	return out
}

// mergeNumbers puts sentences together that differ only in one whole number, which becomes a range: "lost its CPU 3 times"
// and "lost its CPU 5 times" are "lost its CPU 3 to 5 times". The order is that of their first appearance.
func mergeNumbers(sentences []string) []string {
	type group struct {
		before, after string
		low, high     int64
		number        bool
	}
	var groups []*group
	byKey := map[string]*group{}
	for _, s := range sentences {
		g := &group{before: s}
		start := strings.IndexAny(s, digits)
		if start >= 0 {
			rest := strings.TrimLeft(s[start:], digits)
			n, err := strconv.ParseInt(s[start:len(s)-len(rest)], 10, 64)
			if err == nil && !strings.ContainsAny(rest, digits) {
				g = &group{before: s[:start], after: rest, low: n, high: n, number: true}
			}
		}
		key := fmt.Sprintf("%q %v %q", g.before, g.number, g.after)
		if had, ok := byKey[key]; ok {
			had.low, had.high = min(had.low, g.low), max(had.high, g.high)
			continue
		}
		byKey[key] = g
		groups = append(groups, g)
	}
	var out []string
	for _, g := range groups {
		switch {
		case !g.number:
			out = append(out, g.before)
		case g.low == g.high:
			out = append(out, fmt.Sprintf("%s%d%s", g.before, g.low, g.after))
		default:
			out = append(out, fmt.Sprintf("%s%d to %d%s", g.before, g.low, g.high, g.after))
		}
	}
	return out
}

const digits = "0123456789"

// cacheWarnings hold the cache state that was asked for against the one that was found before each trial.
func (d *caseData) cacheWarnings(machine host.Host) []string {
	state := d.Params.Cache
	if d.isNull() || state != warm && state != cold {
		return nil
	}
	var out []string
	missed, unknown, why, worst := 0, 0, "", 0.0
	for _, p := range d.points {
		resident := share(p.Before.Resident, p.Before.Pages)
		s, ok := resident.Get()
		switch {
		case !ok:
			if unknown++; unknown == 1 {
				why = resident.Why()
			}
		case state == warm && s < warmShare, state == cold && s > coldShare:
			if missed++; missed == 1 || (s < worst) == (state == warm) {
				worst = s
			}
		}
	}
	if missed > 0 {
		out = append(out, fmt.Sprintf("the file was not %s before %d of %d trials (resident share %.4g at worst)", state, missed, len(d.points), worst))
	}
	if unknown > 0 {
		out = append(out, fmt.Sprintf("whether the file was %s could not be seen in %d of %d trials: %s", state, unknown, len(d.points), why))
	}
	if by, ok := virtual(machine); ok && state == cold {
		out = append(out, fmt.Sprintf("cold means cold for this kernel: the hypervisor (%s) may have had the file in its own cache", by))
	}
	return out
}

// overran says that the least number of blocks, which comes before the budget, took longer than that: a trial of theirs began when the budget was
// over.
func (b *Builder) overran() bool {
	var resolved struct {
		Measure struct {
			Blocks string `json:"blocks"` // "5..40"
		} `json:"measure"`
	}
	if json.Unmarshal(b.run.Scenario.Resolved, &resolved) != nil {
		return false
	}
	low, _, _ := strings.Cut(resolved.Measure.Blocks, "..")
	least, err := strconv.Atoi(low)
	return err == nil && len(b.blocks) <= least && b.lastBlock.Sub(b.began).Seconds() > b.run.Scenario.BudgetSeconds
}

// runWarnings are about the run as a whole: why it ended, and on what it ran.
func runWarnings(s *Summary, end *End, scenario Scenario, overran bool) []string {
	var out []string
	aim := "the precision of " + formatPrecision(s.Run.Precision)
	got := "how precise it became can't be told: " + s.Run.PrecisionGot.Why()
	reached := false
	if p, ok := s.Run.PrecisionGot.Get(); ok {
		got = "the widest headline ratio is at " + formatPrecision(p)
		reached = p <= s.Run.Precision
	}
	headline := slices.ContainsFunc(s.Comparisons, func(c Comparison) bool { return c.Headline })
	budget := time.Duration(scenario.BudgetSeconds * float64(time.Second))
	// What a Reader says of a line in the middle is all that is known: the end may well be behind it.
	damaged := slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.HasPrefix(w, RecordFile) && strings.Contains(w, unreadable) })
	switch {
	case end == nil && damaged:
	case end == nil:
		out = append(out, "the record is cut off, it has no end: the run was killed, or this is a copy made while it ran")
	case end.Reason == StopInterrupted:
		out = append(out, "the run was interrupted: this is what was measured until then")
	case end.Reason == StopFailed:
		out = append(out, "the run failed: "+end.Detail)
	case end.Reason == StopBudget && scenario.Search != nil:
		out = append(out, fmt.Sprintf("the time budget of %v ran out before the search was done; a larger budget would narrow the crossovers", budget))
	case end.Reason == StopBudget && overran:
		text := fmt.Sprintf("the %d blocks that are the least took longer than the budget of %s s", s.Run.Blocks, strconv.FormatFloat(scenario.BudgetSeconds, 'g', -1, 64))
		if headline && !reached {
			text += fmt.Sprintf(", and %s was not reached: %s; a larger budget would narrow it", aim, got)
		}
		out = append(out, text)
	case end.Reason == StopBudget && headline && !reached:
		out = append(out, fmt.Sprintf("the time budget of %v ran out before %s was reached: %s; a larger budget would narrow it", budget, aim, got))
	case end.Reason == StopBlocks && headline && !reached:
		out = append(out, fmt.Sprintf("the most blocks that the scenario allows were measured before %s was reached: %s; more blocks would narrow it", aim, got))
	}
	if s.Run.Blocks > 0 && s.Run.Blocks < stats.EnoughValues {
		out = append(out, fmt.Sprintf("%d counted blocks are too few for 95 %% intervals (they take %d): no difference can be shown", s.Run.Blocks, stats.EnoughValues))
	}
	if s.Run.Host.Disk.InMemory {
		out = append(out, fmt.Sprintf("the test files are in memory (%s at %s): no disk was measured; --dir chooses another folder", s.Run.Host.Disk.Filesystem, s.Run.Host.Disk.MountPoint))
	}
	if by, ok := virtual(s.Run.Host); ok {
		out = append(out, fmt.Sprintf("this is a virtual machine (%s): the hypervisor's own caches and its other guests take part in every number", by))
	}
	return out
}

func formatPrecision(p float64) string {
	if p >= 1 { // no decimals: they would say more than is known
		return fmt.Sprintf("±%.0f %%", p*100)
	}
	return fmt.Sprintf("±%s %%", strconv.FormatFloat(math.Round(p*1000)/10, 'f', -1, 64))
}
