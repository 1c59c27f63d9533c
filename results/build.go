package results

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"copylab/results/host"
	"copylab/results/measured"
	"copylab/results/stats"
)

// StopCutOff stands in a summary for the reason that a record without an end does not give.
const StopCutOff = "cut off"

// Builder makes a summary of a run from its trials, one at a time, while the run goes on or afterwards. Of each trial it
// keeps only single numbers, and the timeline of a long write; the latency histograms are merged, one for each case and name. A Builder is used by one
// goroutine.
type Builder struct {
	run      Run
	cases    []*caseData // in the order of the run
	byID     map[string]*caseData
	tool     map[string][]Trial // of PhaseTool, by case
	blocks   map[int]bool       // in which any case was counted
	written  int64              // bytes that the trials of writes wrote, counted or not
	warnings []string
	// When the first trial of any kind and the last counted one began.
	began, lastBlock time.Time
}

// caseData is what is known of a case so far.
type caseData struct {
	Case
	link         *Link // nil where the run says nothing of it
	metrics      []metricOf
	points       []point
	blocks       map[int]bool // of points
	failedBlocks map[int]bool // whose counted trial failed
	failures     []string     // why trials failed, in their order
	latency      map[string]Histogram
	timed        map[string]int // trials that recorded that latency
	outOfRange   int64          // latencies that the histograms could not hold
	verified     string
	settings     map[string][]string // distinct values, in the order of their appearance
	warnings     []string
	spared       bool       // a search knew enough without it
	modelled     []Modelled // what mechanical disks would have taken
	passes       []Trial    // that were sampled, without their histograms and settings
}

// point is a counted trial without its histograms and settings, and the metrics that it gave.
type point struct {
	Trial
	values      []measured.Float        // in the order of caseData.metrics
	completions map[string]measured.Int // of zero-copy sends, by setting
}

// NewBuilder starts the summary of a run.
func NewBuilder(run Run) *Builder {
	b := &Builder{run: run, byID: map[string]*caseData{}, tool: map[string][]Trial{}, blocks: map[int]bool{}}
	for _, c := range run.Cases {
		if _, twice := b.byID[c.ID]; twice {
			b.warnings = append(b.warnings, fmt.Sprintf("the run lists case %q twice: the second is left out", c.ID))
			continue
		}
		d := &caseData{
			Case: c, link: linkOf(run, c), metrics: c.metrics(), blocks: map[int]bool{}, failedBlocks: map[int]bool{},
			latency: map[string]Histogram{}, timed: map[string]int{}, settings: map[string][]string{},
		}
		b.cases = append(b.cases, d)
		b.byID[c.ID] = d
	}
	return b
}

// Add takes in a trial. Only counted trials enter metrics; of the others, the verification's checksum, the tool's own
// cost and errors are used.
func (b *Builder) Add(t Trial) {
	if b.began.IsZero() {
		b.began = t.Started
	}
	if t.Phase == PhaseCounted {
		b.lastBlock = t.Started
	}
	if t.Phase == PhaseTool {
		kept := t
		kept.Latency = nil
		b.tool[t.Case] = append(b.tool[t.Case], kept)
		return
	}
	d, ok := b.byID[t.Case]
	if ok && d.Kind == Write && !d.isNull() {
		b.written += t.Bytes
	}
	switch {
	case ok:
		d.add(t)
		if d.blocks[t.Block] {
			b.blocks[t.Block] = true
		}
	case t.Error != "":
		b.warnings = append(b.warnings, fmt.Sprintf("trial %d (%s, %s) failed: %s", t.Seq, t.Case, t.Phase, t.Error))
	case t.Phase != PhaseCalibrate: // open loops are calibrated by closed ones, which need not be cases of the run
		b.warnings = append(b.warnings, fmt.Sprintf("trial %d is of %q, which is none of the run's cases: left out", t.Seq, t.Case))
	}
}

func (d *caseData) add(t Trial) {
	if t.Phase == PhaseEvidence {
		d.addEvidence(t)
		return
	}
	if t.Error != "" {
		at := string(t.Phase)
		if t.Phase == PhaseCounted {
			at = fmt.Sprintf("block %d", t.Block)
			d.failedBlocks[t.Block] = true
		}
		d.failures = append(d.failures, fmt.Sprintf("trial %d (%s): %s", t.Seq, at, t.Error))
		if t.Phase == PhaseVerify {
			d.verified = "not verified: " + t.Error
		}
		return
	}
	switch t.Phase {
	case PhaseVerify:
		d.verified = t.Checksum
		if t.Checksum == "" {
			d.verified = "not verified: the trial recorded no checksum"
		}
		return
	case PhaseCounted:
	default:
		return
	}
	if d.blocks[t.Block] {
		d.warnings = append(d.warnings, fmt.Sprintf("trial %d is the second of block %d: left out", t.Seq, t.Block))
		return
	}
	d.blocks[t.Block] = true
	d.addTimeline(&t)

	p := point{Trial: t, values: make([]measured.Float, len(d.metrics)), completions: completionsOf(t)}
	p.Latency, p.Settings = nil, nil
	for i, m := range d.metrics {
		p.values[i] = finite(m.of(t))
	}
	// Kept in the order of the blocks, which is nearly always that of arrival.
	d.share(&p)
	at, _ := slices.BinarySearchFunc(d.points, t.Block, func(p point, block int) int { return p.Block - block })
	d.points = slices.Insert(d.points, at, p)

	for name, h := range t.Latency {
		if h.Histogram == nil {
			continue
		}
		d.timed[name]++
		merged, ok := d.latency[name]
		if !ok {
			merged = NewHistogram()
			d.latency[name] = merged
		}
		d.outOfRange += merged.Merge(h.Histogram)
	}
	for name, v := range t.Settings {
		if !slices.Contains(d.settings[name], v) {
			d.settings[name] = append(d.settings[name], v)
		}
	}
}

// share lets a point use what the one before it says of hardware counters, where that is the same: mostly why there are none, at
// length. A record has thousands of points.
func (d *caseData) share(p *point) {
	if len(d.points) == 0 {
		return
	}
	before := d.points[len(d.points)-1]
	for name, side := range p.Sides {
		if old := before.Sides[name].Hardware; old != nil && side.Hardware != nil && *old == *side.Hardware {
			side.Hardware = old
			p.Sides[name] = side
		}
	}
}

// finite turns what no JSON can hold into a reading that could not be had.
func finite(v measured.Float) measured.Float {
	if n, ok := v.Get(); ok && (math.IsNaN(n) || math.IsInf(n, 0)) {
		return measured.Unavailable[float64]("not a finite number: %v", n)
	}
	return v
}

// Comparisons sets each case against its baseline, by what was added so far. A comparison with nothing to compare yet is
// left out.
func (b *Builder) Comparisons() []Comparison {
	list := []Comparison{}
	for _, d := range b.cases {
		mine, _ := b.compare(d)
		list = append(list, mine...)
	}
	return list
}

// Summary boils down what was added. end is the record's last line, nil where it was cut off; warnings are what is known
// of the run besides, such as a Reader's.
func (b *Builder) Summary(end *End, warnings ...string) *Summary {
	s := &Summary{
		Schema: Schema,
		Run: RunSummary{
			ID: b.run.ID, Started: b.run.Started, Scenario: b.run.Scenario.ID, Title: b.run.Scenario.Title, Question: b.run.Scenario.Question,
			Effort: b.run.Effort, Seed: b.run.Seed, Args: append([]string{}, b.run.Args...), Charts: slices.Clone(b.run.Scenario.Charts),
			Tool: b.run.Tool, Host: b.run.Host, Peer: b.run.Peer, Links: b.run.Links, Stopped: StopCutOff, Blocks: len(b.blocks),
			DurationSeconds: measured.Unavailable[float64]("the record has no end"),
			Precision:       b.run.Scenario.Precision,
			Precondition:    b.run.Precondition,
		},
		Cases:       []CaseSummary{},
		Comparisons: []Comparison{},
		Modelled:    b.compareModelled(),
		Tool:        b.toolCost(),
		MemoryCopy:  b.memoryCopy(),
	}
	if end != nil {
		s.Run.Stopped = end.Reason
		s.Run.DurationSeconds = measured.Known(end.Ended.Sub(b.run.Started).Seconds())
		if end.Ended.Before(b.run.Started) {
			s.Run.DurationSeconds = measured.Unavailable[float64]("the clock was set back: the run ended at %v, before it started", end.Ended)
		}
	}
	worn := b.wear(end)
	if b.writes() {
		written := b.written
		s.Run.DeviceWriteBytes, s.Run.PayloadWriteBytes = &worn.written, &written
	}
	names := Labels(b.run.Cases)
	hunts := b.hunts()
	b.spare(hunts)
	for _, d := range b.cases {
		list, warnings := b.compare(d)
		s.Comparisons = append(s.Comparisons, list...)
		c := d.summary(b.run.Host)
		c.Label = names[d.ID]
		_, reason := d.status()
		c.OfMemory = d.ofMemory(s.MemoryCopy, reason)
		c.Steady = d.steady(b.run.Host, worn)
		c.Copies = d.copyCosts(b.byID[d.Baseline])
		c.Warnings = append(c.Warnings, warnings...)
		s.Cases = append(s.Cases, c)
	}
	s.Crossovers = b.crossovers(hunts)
	s.Run.PrecisionGot = Precision(s.Comparisons)
	if b.run.Scenario.Search != nil {
		s.Run.PrecisionGot = searchPrecision()
	}
	s.Warnings = append([]string{}, warnings...)
	s.Warnings = append(s.Warnings, b.warnings...)
	s.Warnings = append(s.Warnings, runWarnings(s, end, b.run.Scenario, b.overran())...)
	return s
}

// status tells whether the case has numbers, and why not, or not all.
func (d *caseData) status() (CaseStatus, string) {
	switch {
	case d.Unavailable != "":
		return CaseUnavailable, d.Unavailable
	case len(d.failures) > 0:
		reason := d.failures[0]
		if more := len(d.failures) - 1; more > 0 {
			reason += fmt.Sprintf("; and %d more", more)
		}
		return CaseFailed, reason
	case len(d.points) == 0 && d.spared:
		return CaseNotNeeded, "the search did not need this size"
	case len(d.points) == 0:
		return CaseNotReached, "the run ended before the first counted trial"
	}
	return CaseMeasured, ""
}

// series returns a metric's values in the order of points; false where any of them is unavailable.
func (d *caseData) series(name string) ([]float64, bool) {
	at := slices.IndexFunc(d.metrics, func(m metricOf) bool { return m.name == name })
	if at < 0 {
		return nil, false
	}
	values := make([]float64, len(d.points))
	for i, p := range d.points {
		v, ok := p.values[at].Get()
		if !ok {
			return nil, false
		}
		values[i] = v
	}
	return values, len(values) > 0
}

func (d *caseData) metric(at int, reason string) Metric {
	if len(d.points) == 0 {
		return Metric{Unavailable: reason}
	}
	values, why := collect(d.points, func(p point) measured.Float { return p.values[at] })
	if why != "" {
		return Metric{Unavailable: why}
	}
	return summarizeMetric(values)
}

// collect takes a reading from every point. If any of them lacks it, why says how many, and the first reason.
func collect[N measured.Number](points []point, of func(point) measured.Value[N]) (values []N, why string) {
	missing, first := 0, ""
	for _, p := range points {
		v, ok := of(p).Get()
		if !ok {
			if missing++; missing == 1 {
				first = of(p).Why()
			}
			continue
		}
		values = append(values, v)
	}
	switch {
	case len(points) == 0:
		return nil, "no trial was counted"
	case missing == len(points):
		return nil, first
	case missing > 0:
		return nil, fmt.Sprintf("in %d of %d trials: %s", missing, len(points), first)
	}
	return values, ""
}

func (d *caseData) medianInt(of func(Trial) measured.Int) measured.Int {
	values, why := collect(d.points, func(p point) measured.Int { return of(p.Trial) })
	if why != "" {
		return measured.Unavailable[int64]("%s", why)
	}
	return measured.Known(medianOfInts(values))
}

// medianOfInts rounds down between the two values in the middle of an even number.
func medianOfInts(values []int64) int64 {
	slices.Sort(values)
	lo, hi := values[(len(values)-1)/2], values[len(values)/2]
	return lo + (hi-lo)/2
}

func (d *caseData) medianFloat(of func(Trial) measured.Float) measured.Float {
	values, why := collect(d.points, func(p point) measured.Float { return finite(of(p.Trial)) })
	if why != "" {
		return measured.Unavailable[float64]("%s", why)
	}
	return measured.Known(stats.Median(values))
}

func (d *caseData) summary(machine host.Host) CaseSummary {
	status, reason := d.status()
	c := CaseSummary{
		ID: d.ID, Kind: d.Kind, Part: d.Part, Params: d.Params, Status: status, Reason: reason,
		Trials: len(d.points), Metrics: map[string]Metric{}, LatencyNS: map[string]Latency{}, Histograms: map[string]Histogram{},
		Warnings: []string{},
	}
	if len(d.points) > 0 {
		sizes, _ := collect(d.points, func(p point) measured.Int { return measured.Known(p.Bytes) })
		c.BytesPerTrial = medianOfInts(sizes)
	}
	for i, m := range d.metrics {
		c.Metrics[m.name] = d.metric(i, reason)
	}
	for _, name := range d.latencyNames() {
		c.LatencyNS[name] = percentiles(d.latency[name])
		if h, ok := d.latency[name]; ok {
			c.Histograms[name] = h
		}
	}
	l := d.loads()
	c.Evidence = d.evidence(l, c.Metrics)
	limit, limitWarnings := LimitNotShown, []string(nil)
	if len(d.points) > 0 {
		limit, limitWarnings = bottleneck(d.Case, l)
	}
	c.Bottleneck = limit
	c.Regimes, c.Modelled = d.regimes(machine), d.modelled
	if t, ok := d.shown(); ok {
		line := *t.Timeline
		line.AcceptedNS, line.DurableNS = t.AcceptedNS, t.DurableNS
		c.Timeline, c.Cliff = &line, t.cliff()
	}
	c.Warnings = append(c.Warnings, d.warnings...)
	if len(d.points) > 0 {
		c.Warnings = append(c.Warnings, d.valueWarnings(c)...)
		c.Warnings = append(c.Warnings, d.conditionWarnings(machine)...)
		c.Warnings = append(c.Warnings, d.stageWarnings(c.Evidence)...)
		c.Warnings = append(c.Warnings, d.syscallWarnings()...)
	}
	c.Warnings = append(c.Warnings, limitWarnings...)
	c.Warnings = append(c.Warnings, d.modelledWarnings()...)
	return c
}

// latencyNames are what the case's kind and workload time, and whatever else was recorded.
func (d *caseData) latencyNames() []string {
	names := map[string]bool{"op": true}
	if d.isFetch() {
		names[fetch] = true
	}
	if d.Kind == Write && d.Params.syncs() {
		names["sync"] = true
	}
	if d.Kind == Write && d.Params.commits() {
		names[commit] = true
	}
	for name := range d.latency {
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// toolCost is what the null path and the null writer cost per operation, and what the former's trial says of the clock and
// the histogram.
func (b *Builder) toolCost() ToolCost {
	nullPath, nullWriter := b.tool[ToolNullPath], b.tool[ToolNullWriter]
	return ToolCost{
		NullPathNS: costOf(ToolNullPath, nullPath, func(t Trial) measured.Float {
			return perOperation(t.ElapsedNS, t.Operations)
		}),
		NullWriterNS: costOf(ToolNullWriter, nullWriter, func(t Trial) measured.Float {
			return perOperation(t.AcceptedNS, t.Operations)
		}),
		ClockReadNS: costOf(ToolNullPath, nullPath, func(t Trial) measured.Float { return setting(t, SettingClockRead) }),
		HistogramNS: costOf(ToolNullPath, nullPath, func(t Trial) measured.Float { return setting(t, SettingHistogramRecord) }),
	}
}

// memoryCopy is what the null writer's trials say of copying in memory; nil for a run that doesn't write.
func (b *Builder) memoryCopy() *MemoryCopy {
	if !slices.ContainsFunc(b.run.Cases, func(c Case) bool { return c.Kind == Write }) {
		return nil
	}
	trials := b.tool[ToolNullWriter]
	of := func(name string) measured.Float {
		return costOf(ToolNullWriter, trials, func(t Trial) measured.Float { return setting(t, name) })
	}
	return &MemoryCopy{
		CachedBytes: of(SettingCopyCachedBytes), CachedBytesPerSecond: of(SettingCopyCached),
		UncachedBytes: of(SettingCopyUncachedBytes), UncachedBytesPerSecond: of(SettingCopyUncached),
	}
}

// The names of PhaseTool's cases, and of the settings in which the null path's trial says what one clock read and one
// histogram record take, in decimal nanoseconds.
const (
	ToolNullPath           = "null path"
	ToolNullWriter         = "null writer"
	SettingClockRead       = "clock_read_ns"
	SettingHistogramRecord = "histogram_record_ns"
	// SettingFolios says what the page cache held the written file in: FoliosLarge, or nothing where that was not seen.
	SettingFolios = "page_cache_folios"
	FoliosLarge   = "larger than a block"
	// Of the null writer's trial, in a run that writes: working sets and bytes per second of copying in memory.
	SettingCopyCachedBytes   = "memory_copy_cached_bytes"
	SettingCopyCached        = "memory_copy_cached_bytes_per_second"
	SettingCopyUncachedBytes = "memory_copy_uncached_bytes"
	SettingCopyUncached      = "memory_copy_uncached_bytes_per_second"
)

// costOf is the median over the tool's trials.
func costOf(name string, trials []Trial, of func(Trial) measured.Float) measured.Float {
	if len(trials) == 0 {
		return measured.Unavailable[float64]("the record has no trial of the %s", name)
	}
	var points []point
	for _, t := range trials {
		points = append(points, point{Trial: t})
	}
	values, why := collect(points, func(p point) measured.Float {
		if p.Error != "" {
			return measured.Unavailable[float64]("the trial failed: %s", p.Error)
		}
		return finite(of(p.Trial))
	})
	if why != "" {
		return measured.Unavailable[float64]("%s", why)
	}
	return measured.Known(stats.Median(values))
}

func perOperation(ns measured.Int, operations int64) measured.Float {
	took, ok := ns.Get()
	switch {
	case !ok:
		return measured.Unavailable[float64]("%s", ns.Why())
	case operations <= 0:
		return measured.Unavailable[float64]("no operation was made")
	}
	return measured.Known(float64(took) / float64(operations))
}

func setting(t Trial, name string) measured.Float {
	text, ok := t.Settings[name]
	if !ok {
		return measured.Unavailable[float64]("the trial recorded no %s", name)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return measured.Unavailable[float64]("the trial recorded %s %q, which is no number", name, text)
	}
	return measured.Known(v)
}
