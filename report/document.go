package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"copylab/results"
	"copylab/results/host"
	"copylab/results/measured"
)

// document is a summary put in the order in which people read it. The terminal, Markdown and HTML renderers draw it;
// none of them looks at the summary again.
type document struct {
	Title    string
	Question string
	Answer   string
	// Subject is one line: when, where, on what.
	Subject  string
	Method   string // how: effort, blocks, why it stopped
	Results  []table
	Findings []string
	Limits   []string
	Missing  []string // cases without numbers
	Links    []string // but loopback, for renderers without a section about the machine
	Moved    []string // names of tables that stand among the evidence since they are long
	Verdicts []string // what limited each case and what copies cost it, by the evidence
	Clearest []string // a few of them, for a terminal
	Evidence []table
	Remarks  []string // about evidence that could not be had
	Warnings []string
	Machine  []facts
	ToolCost facts
	Command  string // that reproduces the run
	RunID    string
}

// facts is a list of names and values under a heading.
type facts struct {
	Heading string
	Items   []fact
}

type fact struct{ Name, Value string }

// table is text in columns. Cells of numeric columns are aligned on the decimal point.
type table struct {
	Caption string
	Columns []column
	Rows    [][]cell
	Notes   []string // referred to as [1], [2], …
	Legend  bool     // explains the marks of ratios
	Name    string   // short, where a terminal may leave the table out
	Most    int      // rows that a terminal shows: it leaves out a longer table; 0 for any
}

// column is a column's heading. A narrow renderer leaves out the columns with the highest Spare first; those with 0
// always stay.
type column struct {
	Head    string
	Unit    string
	Numeric bool
	Spare   int
}

// tone says how a cell is to be coloured where there is colour; the text says it too.
type tone int

const (
	plainTone tone = iota
	betterTone
	worseTone
	dimTone
)

type cell struct {
	Text string
	Tone tone
}

// The marks that follow a ratio.
const (
	markHigher = "▲"
	markLower  = "▼"
	markSame   = "="
	markNoisy  = "?"
	markBetter = "★"
	markLink   = "link"
)

// legend explains the marks.
const legend = "Ratios are case / baseline, median of the pairs, with their interval. " +
	"▲ higher, ▼ lower, = no difference shown, ? too noisy to say; ★ shown to be better than the baseline."

// linkLegend explains one more, where it is used.
const linkLegend = " link: both filled the link, whose rate this is."

// legendOf explains the marks that a document's tables use; "" where they use none.
func legendOf(tables []table) string {
	marked, linked := false, false
	for _, t := range tables {
		marked = marked || t.Legend
		for _, row := range t.Rows {
			linked = linked || slices.ContainsFunc(row, func(c cell) bool { return strings.HasSuffix(c.Text, "] "+markLink) })
		}
	}
	switch {
	case linked:
		return legend + linkLegend
	case marked:
		return legend
	}
	return ""
}

// ratioCell writes a comparison: "1.31 [1.28–1.35] ▲★".
func ratioCell(c results.Comparison, higherBetter bool) cell {
	ratio, low, high := formatRatio(c.Ratio, c.Low, c.High)
	out := cell{Text: fmt.Sprintf("%s [%s–%s] ", ratio, low, high)}
	w := wording{HigherBetter: higherBetter}
	switch c.Verdict {
	case results.Higher:
		out.Text += markHigher
	case results.Lower:
		out.Text += markLower
	case results.NoDifference:
		out.Text += markSame
	default:
		out.Text += markNoisy
	}
	switch {
	case w.better(c.Verdict):
		out.Text, out.Tone = out.Text+markBetter, betterTone
	case shown(c.Verdict):
		out.Text, out.Tone = out.Text+" ", worseTone
	default:
		out.Text, out.Tone = out.Text+" ", dimTone
	}
	return out
}

// linkCell writes a comparison of rates of which both are their link's: it judges nothing.
func linkCell(c results.Comparison) cell {
	ratio, low, high := formatRatio(c.Ratio, c.Low, c.High)
	return cell{Text: fmt.Sprintf("%s [%s–%s] %s", ratio, low, high, markLink), Tone: dimTone}
}

// note returns a cell that says that there is no number, and where the reason stands.
func (t *table) note(why string) cell {
	return cell{Text: "n/a " + t.mark(why), Tone: dimTone}
}

// mark refers to a note: "[1]".
func (t *table) mark(note string) string {
	at := slices.Index(t.Notes, note)
	if at < 0 {
		at = len(t.Notes)
		t.Notes = append(t.Notes, note)
	}
	return fmt.Sprintf("[%d]", at+1)
}

// newDocument arranges a summary.
func newDocument(s *results.Summary) document {
	h := s.Run.Host
	d := document{
		Title:    s.Run.Title,
		Question: s.Run.Question,
		Answer:   answer(s),
		Findings: findings(s),
		Limits:   limits(s),
		Missing:  notMeasured(s),
		Warnings: warnings(s),
		Machine:  machine(s),
		ToolCost: toolCost(s),
		Command:  command(s.Run),
		RunID:    s.Run.ID,
	}
	if d.Title == "" {
		d.Title = s.Run.Scenario
	}
	for _, l := range linkFacts(s) {
		d.Links = append(d.Links, l.Name+": "+l.Value)
	}
	if why := noHardware(s); why != "" {
		d.Remarks = append(d.Remarks, why)
	}
	d.Remarks = append(d.Remarks, noStages(s)...)
	d.Verdicts, d.Clearest = verdictLines(s), clearestVerdicts(s)
	var subject []string
	if !s.Run.Started.IsZero() {
		subject = append(subject, s.Run.Started.UTC().Format("2006-01-02 15:04 UTC"))
	}
	for _, v := range []string{h.Hostname, h.CPU.Model, h.Kernel, h.Disk.Filesystem} {
		if v != "" && !strings.HasPrefix(v, "unavailable") {
			subject = append(subject, v)
		}
	}
	if p := s.Run.Peer; p != nil {
		subject = append(subject, "to "+peerName(*p))
	}
	d.Subject = strings.Join(subject, " · ")
	d.Method = fmt.Sprintf("Effort %s, seed %d, %s; %s.", s.Run.Effort, s.Run.Seed, plural(s.Run.Blocks, "counted block"), stopped(s.Run, len(s.Crossovers) > 0))
	if seconds, ok := s.Run.DurationSeconds.Get(); ok {
		d.Method = fmt.Sprintf("Effort %s, seed %d, %s in %s s; %s.", s.Run.Effort, s.Run.Seed, plural(s.Run.Blocks, "counted block"), significant(seconds, 2), stopped(s.Run, len(s.Crossovers) > 0))
	}
	for _, g := range groups(s) {
		d.Results = append(d.Results, resultTable(g))
		d.Evidence = append(d.Evidence, evidenceTables(g)...)
	}
	for _, of := range []struct {
		name  string
		table func(*results.Summary) (table, bool)
		gist  bool // the findings have it
		most  int  // rows on a terminal
	}{{"Against memory", memoryTable, true, 0}, {"Regimes", regimeTable, false, 0}, {"At the device", deviceTable, true, 0}, {"Modelled", modelledTable, false, mostModelled}} {
		t, ok := of.table(s)
		t.Name, t.Most = of.name, of.most
		switch {
		case !ok:
		case of.gist && len(t.Rows) > mostRows:
			d.Moved = append(d.Moved, t.Name)
			d.Evidence = append(d.Evidence, t)
		default:
			d.Results = append(d.Results, t)
		}
	}
	if t, ok := steadyTable(s); ok {
		d.Evidence = append(d.Evidence, t)
	}
	return d
}

// mostRows is how long a table beside the results themselves can be and still be read on a terminal.
const mostRows = 12

// mostModelled is the same for modelled rates, which have several rows a case and no sentence each.
const mostModelled = 24

// peerName names the receivers' machine in one line.
func peerName(h host.Host) string {
	var parts []string
	for _, v := range []string{h.Hostname, h.CPU.Model, h.Kernel} {
		if v != "" && !strings.HasPrefix(v, "unavailable") {
			parts = append(parts, v)
		}
	}
	if len(parts) == 0 {
		return "another host"
	}
	return strings.Join(parts, ", ")
}

// caption says what a group's table holds.
func caption(g group) string {
	what := g.title()
	if g.Apart != "" {
		what += ", " + g.Apart
	}
	if shared := common(g.Cases); len(shared) > 0 {
		what += ": " + strings.Join(shared, ", ")
	}
	low, high := math.MaxInt, 0
	for _, c := range g.measured() {
		low, high = min(low, c.Trials), max(high, c.Trials)
	}
	switch {
	case high == 0:
		return what + "; nothing measured"
	case low == high:
		return what + "; medians of " + plural(high, "trial")
	}
	return fmt.Sprintf("%s; medians of %d to %s", what, low, plural(high, "trial"))
}

// measureColumn is a column of a result table: a metric, or the ratio of a metric.
type measureColumn struct {
	column
	metric string
	ratio  bool
	spread bool // the interval's half-width
	unit   unit
	// latency columns: the distribution and the percentile's name
	latency, percentile string
	limit               bool
	evidence            func(*results.CaseSummary) measured.Float // with format
	format              func(float64) string
}

// resultTable lists a group's cases with their metrics and ratios.
func resultTable(g group) table {
	t := table{Caption: caption(g), Columns: []column{{Head: "case"}}}
	columns := resultColumns(g)
	var merged []string
	reasons := 0 // the column that has the reason where there are no numbers: one that is never left out
	for i, c := range columns {
		t.Columns = append(t.Columns, c.column)
		t.Legend = t.Legend || c.ratio
		if c.latency != "" {
			merged = append(merged, c.Head)
		}
		if c.Spare == 0 && columns[reasons].Spare > 0 {
			reasons = i
		}
	}
	switch {
	case len(merged) == 0:
	case g.Workload == "fetch": // the other percentiles are medians there
		t.Caption += ", " + joinWords(merged) + " over all of them"
	default:
		t.Caption += ", percentiles over all of them"
	}
	for _, c := range g.Cases {
		if g.Searched && c.Status == results.CaseNotReached {
			continue // whether it would have been needed is not known; one line says how many there are
		}
		row := []cell{{Text: label(c)}}
		for i, col := range columns {
			switch {
			case c.Status != results.CaseMeasured && i == reasons:
				reason := c.Reason
				if reason == "" {
					reason = "no reason was recorded"
				}
				row = append(row, t.note(string(c.Status)+": "+reason))
			case c.Status != results.CaseMeasured:
				row = append(row, cell{})
			default:
				row = append(row, t.cell(g, c, col))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// cell fills one cell of a result table.
func (t *table) cell(g group, c *results.CaseSummary, col measureColumn) cell {
	switch {
	case col.limit:
		return cell{Text: c.Bottleneck}
	case col.evidence != nil:
		return valueCell(t, col.evidence(c), col.format)
	case col.latency != "":
		l, timed := c.LatencyNS[col.latency]
		if !timed {
			return t.note("this case has no " + map[string]string{"op": "operations", "sync": "syncs", "fetch": "fetches", "commit": "commits"}[col.latency] + " to time")
		}
		v := percentile(l, col.percentile)
		n, ok := v.Get()
		if !ok {
			return t.note(v.Why())
		}
		text := significant(float64(n)/col.unit.Size, 3)
		if depth, ok := queued(c); ok && col.latency == "op" {
			text += " " + t.mark(lumpy(depth))
		}
		return cell{Text: text}
	case col.ratio:
		w, _ := word(col.metric)
		for _, p := range g.Pairs {
			if cmp, ok := p.find(col.metric); ok && p.Case == c {
				if isRate(col.metric) && p.linkBound() {
					return linkCell(cmp)
				}
				return ratioCell(cmp, w.HigherBetter || col.metric == results.MetricIOPS)
			}
		}
		for _, p := range g.Pairs {
			if _, ok := p.find(col.metric); ok && p.Baseline == c {
				return cell{Text: "baseline", Tone: dimTone}
			}
		}
		return cell{}
	}
	m, ok := metric(c, col.metric)
	if !ok {
		why := c.Metrics[col.metric].Why()
		if col.spread {
			return cell{}
		}
		return t.note(why)
	}
	if col.spread {
		return cell{Text: halfWidth(m.Median, m.Low, m.High), Tone: dimTone}
	}
	return cell{Text: col.unit.scaled(m.Median)}
}

// percentile picks a percentile by its name.
func percentile(l results.Latency, name string) measured.Int {
	switch name {
	case "p50":
		return l.P50
	case "p90":
		return l.P90
	case "p99":
		return l.P99
	case "p99.9":
		return l.P999
	case "p99.99":
		return l.P9999
	}
	return l.Max
}

// resultColumns chooses the columns of a group: what its kind is judged by, with a ratio beside each metric that was
// compared.
func resultColumns(g group) []measureColumn {
	base := "× " + g.baselines()
	compared := func(metric string) bool {
		return slices.ContainsFunc(g.Pairs, func(p pair) bool { _, ok := p.find(metric); return ok })
	}
	var out []measureColumn
	add := func(metric, head string, u unit, spare int) {
		if !slices.ContainsFunc(g.Cases, func(c *results.CaseSummary) bool { _, ok := c.Metrics[metric]; return ok }) {
			return
		}
		out = append(out, measureColumn{column: column{Head: head, Unit: u.Name, Numeric: true, Spare: spare}, metric: metric, unit: u})
	}
	spread := func(metric string, spare int) {
		if len(out) > 0 && out[len(out)-1].metric == metric {
			out = append(out, measureColumn{column: column{Head: "±", Numeric: true, Spare: spare}, metric: metric, spread: true})
		}
	}
	ratio := func(metric string, spare int) {
		if compared(metric) {
			out = append(out, measureColumn{column: column{Head: base, Numeric: true, Spare: spare}, metric: metric, ratio: true})
		}
	}
	latency := func(of, name, head string, spare int) {
		greatest := 0.0
		for _, c := range g.measured() {
			if n, ok := percentile(c.LatencyNS[of], name).Get(); ok {
				greatest = max(greatest, float64(n))
			}
		}
		if greatest > 0 {
			u := timeUnit(greatest)
			out = append(out, measureColumn{column: column{Head: head, Unit: u.Name, Numeric: true, Spare: spare}, latency: of, percentile: name, unit: u})
		}
	}
	evidence := func(head, unit string, spare int, format func(float64) string, of func(*results.CaseSummary) measured.Float, worth func(float64) bool) {
		if slices.ContainsFunc(g.measured(), func(c *results.CaseSummary) bool { v, ok := of(c).Get(); return ok && worth(v) }) {
			out = append(out, measureColumn{column: column{Head: head, Unit: unit, Numeric: true, Spare: spare}, evidence: of, format: format})
		}
	}
	// network adds what a link and its connections, and the processor's counters, say of a transfer.
	network := func() {
		any := func(float64) bool { return true }
		evidence("link used", "of rate", 6, shareOfOne, func(c *results.CaseSummary) measured.Float { return c.Evidence.BusyShare["link"] }, any)
		evidence("sent again", "segments", 11, func(f float64) string { return formatCount(int64(f)) }, sentAgain, func(f float64) bool { return f > 0 })
		digits := func(f float64) string { return significant(f, 3) }
		evidence("sender cycles", "per KiB", 12, digits, func(c *results.CaseSummary) measured.Float { return c.Evidence.Sides["sender"].CyclesPerKiB }, any)
		evidence("sender misses", "per KiB", 12, digits, func(c *results.CaseSummary) measured.Float { return c.Evidence.Sides["sender"].CacheMissesPerKiB }, any)
	}
	perKiB := unit{"ns/KiB", 1}
	switch {
	case g.Kind == results.Write:
		rate := rateUnitFor(min(least(g, results.MetricAccepted), least(g, results.MetricDurable)), max(greatest(g, results.MetricAccepted), greatest(g, results.MetricDurable)))
		add(results.MetricIOPS, "writes", unit{"per s", 1}, 7)
		add(results.MetricOfferedWrites, "offered", unit{"per s", 1}, 3)
		add(results.MetricAccepted, "accepted", rate, 0)
		spread(results.MetricAccepted, 5)
		ratio(results.MetricAccepted, 0)
		add(results.MetricDurable, "durable", rate, 0)
		spread(results.MetricDurable, 5)
		ratio(results.MetricDurable, 1)
		// Where a writer waits for each commit, or the rate is given, how long that takes is what tells.
		ofWrites := 8
		if slices.ContainsFunc(g.measured(), func(c *results.CaseSummary) bool { return c.Params.RatePerSecond > 0 }) {
			ofWrites = 2
		}
		evidence("in memory", "of data", 3, formatShare, inMemory, func(float64) bool { return true })
		latency("commit", "p50", "commit p50", 2)
		latency("commit", "p99", "commit p99", 2)
		latency("op", "p50", "write p50", ofWrites)
		latency("op", "p99", "write p99", ofWrites)
		latency("sync", "p50", "sync p50", 9)
		latency("sync", "p99", "sync p99", 9)
		add(results.MetricWriterCPU, "writer CPU", perKiB, 4)
		ratio(results.MetricWriterCPU, 10)
		add(results.MetricDeviceWrites, "device", unit{"B/B", 1}, 6)
		add(results.MetricDeviceSettled, "device after settling", unit{"B/B", 1}, 11)
		add(results.MetricFlushes, "flushes", unit{"per s", 1}, 6)
	case g.Workload == "fetch":
		add(results.MetricRequests, "requests", unit{"per s", 1}, 3)
		add(results.MetricOffered, "offered", unit{"per s", 1}, 6)
		fetch := timeUnit(greatest(g, results.MetricFetchP50))
		add(results.MetricFetchP50, "p50", fetch, 0)
		spread(results.MetricFetchP50, 5)
		ratio(results.MetricFetchP50, 0)
		fetch = timeUnit(greatest(g, results.MetricFetchP99))
		add(results.MetricFetchP99, "p99", fetch, 0)
		spread(results.MetricFetchP99, 5)
		ratio(results.MetricFetchP99, 1)
		latency("fetch", "p99.9", "p99.9", 2)
		latency("fetch", "max", "max", 4)
		add(results.MetricThroughput, "throughput", rateUnitFor(least(g, results.MetricThroughput), greatest(g, results.MetricThroughput)), 8)
		add(results.MetricSenderCPU, "sender CPU", perKiB, 6)
		ratio(results.MetricSenderCPU, 9)
		add(results.MetricPeerCPU, "peer CPU", perKiB, 9)
		network()
	default:
		add(results.MetricThroughput, "throughput", rateUnitFor(least(g, results.MetricThroughput), greatest(g, results.MetricThroughput)), 0)
		spread(results.MetricThroughput, 4)
		// Where the throughput is the link's, what tells the cases apart is the CPU that they took.
		ofRate, ofCPU := 0, 1
		if len(g.Pairs) > 0 && !slices.ContainsFunc(g.Pairs, func(p pair) bool { return !p.linkBound() }) {
			ofRate, ofCPU = 3, 0
		}
		ratio(results.MetricThroughput, ofRate)
		add(results.MetricSenderCPU, "sender CPU", perKiB, 0)
		ratio(results.MetricSenderCPU, ofCPU)
		add(results.MetricReceiverCPU, "receiver CPU", perKiB, 3)
		add(results.MetricMachineCPU, "machine CPU", perKiB, 5)
		ratio(results.MetricMachineCPU, 9)
		add(results.MetricPeerCPU, "peer CPU", perKiB, 6)
		latency("op", "p50", "op p50", 8)
		latency("op", "p99", "op p99", 8)
		network()
	}
	return append(out, measureColumn{column: column{Head: "limited by", Spare: 7}, limit: true})
}

// inMemory is what part of a write's data was only in memory when the last write had returned.
func inMemory(c *results.CaseSummary) measured.Float {
	m, ok := c.Metrics[results.MetricInMemory]
	switch {
	case !ok:
		return measured.Unavailable[float64]("not recorded")
	case m.Why() != "":
		return measured.Unavailable[float64]("%s", m.Why())
	}
	return measured.Known(m.Median)
}

// sentAgain is how many segments a case's sender had to send again in a trial.
func sentAgain(c *results.CaseSummary) measured.Float {
	_, info := connection(c)
	if info == nil {
		return measured.Unavailable[float64]("no TCP_INFO was recorded")
	}
	n, ok := info.Retransmits.Get()
	if !ok {
		return measured.Unavailable[float64]("%s", info.Retransmits.Why())
	}
	return measured.Known(float64(n))
}

// greatest is the greatest median of a metric in a group.
func greatest(g group, name string) float64 {
	out := 0.0
	for _, c := range g.measured() {
		if m, ok := metric(c, name); ok {
			out = max(out, m.Median)
		}
	}
	return out
}

// least is the smallest positive median of a metric in a group; +Inf where there is none.
func least(g group, name string) float64 {
	out := math.Inf(1)
	for _, c := range g.measured() {
		if m, ok := metric(c, name); ok && m.Median > 0 {
			out = min(out, m.Median)
		}
	}
	return out
}

// evidenceTables shows what the kernel said of a group's cases.
func evidenceTables(g group) []table {
	cases := g.measured()
	if len(cases) == 0 {
		return nil
	}
	sides := table{Caption: g.Name + ": what each process did, per trial (medians)", Columns: []column{
		{Head: "case"}, {Head: "side"}, {Head: "system calls"}, {Head: "crossings", Unit: "per chunk", Numeric: true},
		{Head: "switches", Unit: "voluntary", Numeric: true}, {Head: "switches", Unit: "involuntary", Numeric: true},
		{Head: "faults", Unit: "minor", Numeric: true}, {Head: "faults", Unit: "major", Numeric: true},
	}}
	if g.Kind == results.Write {
		sides.Columns[3].Unit = "per block"
	}
	for _, c := range cases {
		for _, name := range []string{"sender", "receiver", "writer"} {
			e, ok := c.Evidence.Sides[name]
			if !ok {
				continue
			}
			sides.Rows = append(sides.Rows, []cell{
				{Text: label(c)}, {Text: name}, sides.syscalls(c, e),
				valueCell(&sides, e.CrossingsPerChunk, func(f float64) string { return significant(f, 3) }),
				valueCell(&sides, e.VoluntarySwitches, formatCount), valueCell(&sides, e.InvoluntarySwitches, formatCount),
				valueCell(&sides, e.MinorFaults, formatCount), valueCell(&sides, e.MajorFaults, formatCount),
			})
		}
	}
	var out []table
	if len(sides.Rows) > 0 {
		out = append(out, sides)
	}
	for _, of := range []func(group, []*results.CaseSummary) (table, bool){hardwareTable, countsTable, tcpTable} {
		if t, ok := of(g, cases); ok {
			out = append(out, t)
		}
	}
	out = append(out, stageTables(g)...)
	out = append(out, busyTable(g, cases))
	if fromMemory(cases[0].Params) {
		return out // no file, no page cache, no disk
	}
	return append(out, cacheTable(g, cases))
}

// fewCalls a chunk are not worth a name of their own in a table.
const fewCalls = 0.05

// callsBytes is the payload of the trial that a side's system calls are of.
func callsBytes(c *results.CaseSummary, e results.SideEvidence) int64 {
	if e.SyscallsBytes > 0 {
		return e.SyscallsBytes
	}
	return c.BytesPerTrial
}

// syscalls writes the system calls of a trial per chunk or block, with their source as a note.
func (t *table) syscalls(c *results.CaseSummary, e results.SideEvidence) cell {
	if len(e.Syscalls) == 0 {
		why := e.SyscallsSource
		if why == "" {
			why = "no system calls were counted"
		}
		return t.note(why)
	}
	size := c.Params.ChunkBytes
	if c.Kind == results.Write {
		size = c.Params.BlockBytes
	}
	chunks := float64(callsBytes(c, e)) / float64(max(size, 1))
	// The kernel counts also what the Go runtime does beside: few calls, of many names.
	others, _ := e.OtherSyscalls.Get()
	var parts []string
	for _, name := range sortedKeys(e.Syscalls) {
		n := e.Syscalls[name]
		if n == 0 {
			continue
		}
		if e.SyscallsSource == results.FromTracepoints && float64(n) < fewCalls*chunks {
			others += n
			continue
		}
		text := name + " " + formatCount(n)
		if size > 0 && chunks > 0 && float64(n) >= fewCalls*chunks { // of a few in all, how many there are says more
			text += fmt.Sprintf(" (%s a chunk)", significant(float64(n)/chunks, 3))
			if c.Kind == results.Write {
				text = strings.Replace(text, "a chunk", "a block", 1)
			}
		}
		parts = append(parts, text)
	}
	if others > 0 {
		parts = append(parts, "others "+formatCount(others))
	}
	out := strings.Join(parts, ", ")
	if e.SyscallsSource != "" {
		source := "system calls from: " + e.SyscallsSource
		if why := e.TracepointsUnavailable; why != "" && !strings.HasPrefix(why, "no trial was made") {
			source += "; the kernel's is unavailable: " + why
		}
		if !slices.Contains(t.Notes, source) {
			t.Notes = append(t.Notes, source)
		}
		out += fmt.Sprintf(" [%d]", slices.Index(t.Notes, source)+1)
	}
	return cell{Text: out}
}

// valueCell writes a reading, or refers to the reason for which there is none.
func valueCell[N measured.Number](t *table, v measured.Value[N], format func(N) string) cell {
	n, ok := v.Get()
	if !ok {
		return t.note(v.Why())
	}
	return cell{Text: format(n)}
}

// busyTable shows how busy everything was that could have been the limit.
func busyTable(g group, cases []*results.CaseSummary) table {
	t := table{Caption: g.Name + ": share of the timed span for which each was busy, and the limit it points to", Columns: []column{{Head: "case"}}}
	names := []string{"sender", "receiver", "writer", "machine", "disk", "link"}
	names = slices.DeleteFunc(names, func(name string) bool {
		if name == "link" && !slices.ContainsFunc(cases, onLink) {
			return true // nobody says what loopback can carry
		}
		if name == "disk" && fromMemory(cases[0].Params) {
			return true
		}
		return !slices.ContainsFunc(cases, func(c *results.CaseSummary) bool { _, ok := c.Evidence.BusyShare[name]; return ok })
	})
	for _, name := range names {
		unit := "busy"
		if name == "link" {
			unit = "of its rate"
		}
		t.Columns = append(t.Columns, column{Head: name, Unit: unit, Numeric: true})
	}
	t.Columns = append(t.Columns, column{Head: "limited by"}, column{Head: "checked"})
	for _, c := range cases {
		row := []cell{{Text: label(c)}}
		for _, name := range names {
			v, ok := c.Evidence.BusyShare[name]
			if !ok {
				v = measured.Unavailable[float64]("not recorded")
			}
			row = append(row, valueCell(&t, v, formatShare))
		}
		limit := c.Bottleneck
		if limit == "" {
			limit = results.LimitNotShown
		}
		t.Rows = append(t.Rows, append(row, cell{Text: limit}, t.verified(c.Evidence.Verified)))
	}
	return t
}

// verified writes the outcome of the check of the bytes: a checksum as it is, a long reason as a note.
func (t *table) verified(text string) cell {
	switch {
	case text == "":
		return t.note("whether the bytes were checked is not recorded")
	case len(text) > 20:
		return t.note(text)
	}
	return cell{Text: text}
}

// cacheTable shows the page cache and the device.
func cacheTable(g group, cases []*results.CaseSummary) table {
	t := table{Caption: g.Name + ": the file in the page cache, and the device's bytes per payload byte during the timed span", Columns: []column{
		{Head: "case"}, {Head: "in cache", Unit: "before", Numeric: true}, {Head: "in cache", Unit: "after", Numeric: true},
		{Head: "device read", Unit: "B/B", Numeric: true}, {Head: "device write", Unit: "B/B", Numeric: true},
	}}
	writes := g.Kind == results.Write
	mib := unit{"MiB", 1 << 20}
	if writes {
		for _, head := range []string{"dirty", "writeback"} {
			t.Columns = append(t.Columns, column{Head: head, Unit: "MiB before", Numeric: true}, column{Head: head, Unit: "MiB after", Numeric: true})
		}
	}
	bytes := func(n int64) string { return significant(float64(n)/mib.Size, 3) }
	perByte := func(f float64) string { return significant(f, 3) }
	for _, c := range cases {
		e := c.Evidence
		row := []cell{
			{Text: label(c)}, valueCell(&t, e.ResidentBefore, formatShare), valueCell(&t, e.ResidentAfter, formatShare),
			valueCell(&t, e.DeviceReadBytesPerByte, perByte), valueCell(&t, e.DeviceWriteBytesPerByte, perByte),
		}
		if writes {
			for _, v := range []measured.Int{e.DirtyBytesBefore, e.DirtyBytesAfter, e.WritebackBytesBefore, e.WritebackBytesAfter} {
				row = append(row, valueCell(&t, v, bytes))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// machine lists what a reader needs to judge the numbers.
func machine(s *results.Summary) []facts {
	h := s.Run.Host
	text := func(v string) string {
		if v == "" {
			return "not recorded"
		}
		return v
	}
	list := func(v []string) string {
		if len(v) == 0 {
			return "none"
		}
		return strings.Join(v, ", ")
	}
	var cpus []string
	for _, c := range h.CPU.AllowedCPUs {
		cpus = append(cpus, strconv.Itoa(c))
	}
	system := facts{"System", []fact{
		{"Host", text(h.Hostname)},
		{"Kernel", strings.TrimSpace(text(h.Kernel) + ", " + h.OS + "/" + h.Arch)},
		{"Distribution", text(h.Distro)},
		{"Virtualization", text(h.Virtualization)},
		{"Clock source", text(h.Clocksource)},
		{"Run as", text(h.Privileges)},
		{"Built with", text(h.GoVersion)},
		{"copylab", strings.TrimSpace(text(s.Run.Tool.Version) + " " + s.Run.Tool.Commit)},
	}}
	cpu := facts{"CPU and memory", []fact{
		{"CPU", text(h.CPU.Model)},
		{"Logical cores", fmt.Sprintf("%d, of which may be used: %s", h.CPU.LogicalCores, list(cpus))},
		{"Governor", text(h.CPU.Governor)},
		{"Features", list(h.CPU.Features)},
		{"Last-level cache", known(h.CPU.LastLevelSize, formatBytes)},
		{"Load average at the start", known(h.CPU.LoadAverage1m, func(f float64) string { return significant(f, 2) })},
		{"Mitigations in force", list(h.CPU.Mitigations)},
		{"Memory", known(h.Memory.TotalBytes, formatBytes) + ", available " + known(h.Memory.AvailableBytes, formatBytes)},
		{"Page", formatBytes(int64(h.Memory.PageBytes))},
		{"Dirty limits", "background " + known(h.Memory.DirtyBackgroundLimitBytes, formatBytes) + ", hard " + known(h.Memory.DirtyLimitBytes, formatBytes)},
		{"Transparent huge pages", text(h.Memory.TransparentHugePages)},
	}}
	d := h.Disk
	device := d.Device
	if device == "" {
		device = "unknown: " + text(d.Why)
	}
	if d.Partition != "" {
		device += ", partition " + d.Partition
	}
	rotational := map[string]string{"0": "no (as the kernel believes)", "1": "yes (as the kernel believes)"}[d.Rotational]
	if rotational == "" {
		rotational = text(d.Rotational)
	}
	disk := facts{"Disk", []fact{
		{"Folder", text(d.Folder)},
		{"Filesystem", text(d.Filesystem) + " on " + text(d.MountPoint)},
		{"Mount options", text(d.MountOptions)},
		{"Device", device},
		{"Model", text(d.Model)},
		{"Scheduler", text(d.Scheduler)},
		{"Write cache", text(d.WriteCache)},
		{"Forced unit access", text(d.FUA)},
		{"Rotational", rotational},
		{"Blocks", "logical " + known(d.LogicalBlock, formatBytes) + ", physical " + known(d.PhysicalBlock, formatBytes)},
		{"Direct I/O alignment", "memory " + known(d.DirectMemAlign, formatBytes) + ", offset " + known(d.DirectOffsetAlign, formatBytes)},
		{"Size", known(d.SizeBytes, formatBytes) + ", free " + known(d.FreeBytes, formatBytes)},
	}}
	if d.InMemory {
		disk.Items = append(disk.Items, fact{"In memory", "this filesystem has no disk"})
	}
	disk.Items = append(disk.Items, wearFacts(s)...)
	cpu.Items = append(cpu.Items, copyFacts(s.MemoryCopy)...)
	out := []facts{system, cpu, disk}
	for _, f := range []facts{{"Network", nicFacts(h)}, {"The receivers' machine", peerFacts(s)}, {"Links", linkFacts(s)}} {
		if len(f.Items) > 0 {
			out = append(out, f)
		}
	}
	if len(h.Settings) > 0 {
		settings := facts{Heading: "Kernel settings"}
		for _, name := range sortedKeys(h.Settings) {
			settings.Items = append(settings.Items, fact{name, text(h.Settings[name])})
		}
		out = append(out, settings)
	}
	if sockets := caseSettings(s); len(sockets.Items) > 0 {
		out = append(out, sockets)
	}
	return out
}

// mostValues is how many values of one setting are listed with their cases.
const mostValues = 6

// caseSettings lists what the kernel reported of the sockets and files of the cases, by value.
func caseSettings(s *results.Summary) facts {
	out := facts{Heading: "Sockets and files"}
	type entry struct{ name, value string }
	by := map[entry][]string{}
	var order []entry
	spans := map[string]span{}
	cases := 0
	for i := range s.Cases {
		c := &s.Cases[i]
		if len(c.Evidence.Settings) > 0 {
			cases++
		}
		for _, name := range sortedKeys(c.Evidence.Settings) {
			if counted(name) {
				continue // a table of the evidence has them
			}
			e := entry{name, c.Evidence.Settings[name]}
			if by[e] == nil {
				order = append(order, e)
			}
			by[e] = append(by[e], label(c))
			if n, ok := countOf(c, name); ok {
				if seen, also := spans[name]; also {
					n = n.with(seen)
				}
				spans[name] = n
			}
		}
	}
	different := map[string]int{}
	for _, e := range order {
		different[e.name]++
	}
	slices.SortStableFunc(order, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	told := ""
	for _, e := range order {
		// What the kernel adapts in each connection, such as a buffer's size, would fill the page.
		if n, ok := spans[e.name]; ok && different[e.name] > mostValues {
			if told != e.name {
				out.Items = append(out.Items, fact{e.name, n.text(func(n int64) string { return strconv.FormatInt(n, 10) }) + ", not the same in all cases and trials"})
			}
			told = e.name
			continue
		}
		value := e.value
		switch {
		case len(by[e]) == cases:
		case len(by[e]) <= 3:
			value += " (" + strings.Join(slices.Compact(by[e]), ", ") + ")"
		default:
			value += fmt.Sprintf(" (%d of %d cases)", len(by[e]), cases)
		}
		out.Items = append(out.Items, fact{e.name, value})
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// toolCost lists what copylab itself adds to each operation.
func toolCost(s *results.Summary) facts {
	ns := func(f float64) string { return significant(f, 3) + " ns" }
	return facts{"What the tool itself costs", []fact{
		{"One operation of the null path", known(s.Tool.NullPathNS, ns)},
		{"One operation of the null writer", known(s.Tool.NullWriterNS, ns)},
		{"Clock read (part of both)", known(s.Tool.ClockReadNS, ns)},
		{"Histogram record (part of both)", known(s.Tool.HistogramNS, ns)},
	}}
}

// command is the command line that measures the same again: the arguments as given, with the seed that was used.
func command(r results.RunSummary) string {
	args := r.Args
	if len(args) > 0 && (args[0] == "copylab" || strings.HasSuffix(args[0], "/copylab")) {
		args = args[1:]
	}
	if len(args) == 0 || args[0] != "run" {
		args = append([]string{"run"}, args...)
	}
	args = slices.Clone(args)
	for i := 0; i < len(args); { // the old run's folder is taken, and how a terminal looked is of no interest
		switch a := args[i]; {
		case a == "--out":
			args = slices.Delete(args, i, min(i+2, len(args)))
		case strings.HasPrefix(a, "--out="), a == "--plain", a == "--quiet", a == "--no-color":
			args = slices.Delete(args, i, i+1)
		default:
			i++
		}
	}
	has := func(flag string) bool {
		return slices.ContainsFunc(args, func(a string) bool { return a == flag || strings.HasPrefix(a, flag+"=") })
	}
	if len(args) == 1 && r.Scenario != "" {
		args = append(args, r.Scenario)
	}
	if r.Effort != "" && !has("--effort") {
		args = append(args, "--effort", r.Effort)
	}
	if !has("--seed") {
		args = append(args, "--seed", strconv.FormatUint(r.Seed, 10))
	}
	for i, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$`*?[]{}()<>|&;#~!") {
			args[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return "copylab " + strings.Join(args, " ")
}
