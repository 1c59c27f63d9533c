package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"

	"copylab/results"
)

// mostCurves is how many curves or distributions one chart can hold and still be read.
const mostCurves = 8

// figuresOf chooses the charts of a summary: those that its scenario asks for and that there is data for. A summary
// that names none at all (not even an empty list) gets all of them.
func figuresOf(s *results.Summary) []figure {
	wants := func(name string) bool { return s.Run.Charts == nil || slices.Contains(s.Run.Charts, name) }
	all := groups(s)
	var out []figure
	if s.Run.Charts == nil || len(s.Run.Charts) > 0 {
		out = crossoverFigures(s)
	}
	for _, g := range all {
		f := figureMaker{s: s, g: g, slug: g.slug()}
		first := len(out)
		same, alike := 0, 0
		for _, other := range all {
			if other.slug() == g.slug() {
				same++
			}
			if fileWord(other.plainName()) == fileWord(g.plainName()) {
				alike++
			}
		}
		if word := fileWord(g.plainName()); same > 1 && alike == 1 && len(word) <= 32 {
			f.slug = word
		} else if same > 1 {
			f.slug += fmt.Sprintf("-%d", g.Part+1)
		}
		along, swept := sweptAlong(g.measured())
		swept = swept && wants("sweep") // curves against a parameter say what a bar for each of its values would
		if swept {
			out = append(out, f.sweeps(along)...)
		}
		if wants("throughput") && !swept {
			out = append(out, f.throughput()...)
		}
		if wants("cpu") && !swept {
			out = append(out, f.cpu()...)
		}
		if wants("cpu") {
			out = append(out, f.stages()...)
		}
		if wants("latency") {
			out = append(out, f.latency()...)
		}
		if s.Run.Charts == nil || len(s.Run.Charts) > 0 { // a scenario that had these measured wants them shown
			out = append(out[:first:first], slices.Concat(f.cliff(), out[first:], f.modelled())...)
		}
	}
	return out
}

// figureMaker makes the figures of one group.
type figureMaker struct {
	s    *results.Summary
	g    group
	slug string
}

// caption says how: what is shown, of how many trials, under which conditions, where.
func (f figureMaker) caption(what string, cases []*results.CaseSummary) string {
	low, high := math.MaxInt, 0
	for _, c := range cases {
		low, high = min(low, c.Trials), max(high, c.Trials)
	}
	trials := plural(high, "trial")
	if low != high {
		trials = fmt.Sprintf("%d to %s", low, trials)
	}
	text := fmt.Sprintf("%s %s a case.", what, sentence(trials))
	if len(cases) == 0 {
		text = what
	}
	if shared := common(cases); len(shared) > 0 {
		text += " " + sentence(strings.Join(shared, ", ")) + "."
	}
	h := f.s.Run.Host
	var where []string
	for _, v := range []string{h.Hostname, h.CPU.Model, h.Kernel, h.Disk.Filesystem} {
		if v != "" && !strings.HasPrefix(v, "unavailable") {
			where = append(where, v)
		}
	}
	if len(where) > 0 {
		text += " On " + strings.Join(where, ", ") + "."
	}
	if p := f.s.Run.Peer; p != nil {
		text += " To " + peerName(*p) + "."
	}
	return text
}

// confidence names the intervals of a metric.
func confidence(cases []*results.CaseSummary, name string) string {
	seen := map[string]bool{}
	out := ""
	for _, c := range cases {
		if m, ok := metric(c, name); ok {
			out = formatConfidence(m.Confidence)
			seen[out] = true
		}
	}
	if len(seen) == 1 {
		return "the " + out + " interval"
	}
	return "the interval of each (see the table of data)"
}

// having returns the group's cases that have a positive value of a metric.
func (f figureMaker) having(name string) []*results.CaseSummary {
	var out []*results.CaseSummary
	for _, c := range f.g.measured() {
		if m, ok := metric(c, name); ok && m.Median > 0 {
			out = append(out, c)
		}
	}
	return out
}

// throughput draws the rates of a group.
func (f figureMaker) throughput() []figure {
	switch {
	case f.g.Kind == results.Write:
		out := f.rate("accepted-"+f.slug, results.MetricAccepted, "Accepted rate", "until the last write returned")
		return append(out, f.rate("durable-"+f.slug, results.MetricDurable, "Durable rate", "until the last sync returned")...)
	case f.g.Workload == "fetch":
		return f.rate("requests-"+f.slug, results.MetricRequests, "Requests", "answered per second")
	}
	return f.rate("throughput-"+f.slug, results.MetricThroughput, "Throughput", "until the receiver had the last byte")
}

// rate draws one metric as bars, and once more as dots on a log axis where the smallest bars would vanish.
func (f figureMaker) rate(name, metricName, title, until string) []figure {
	cases := f.having(metricName)
	if len(cases) == 0 {
		return nil
	}
	cases, heads := f.byLink(cases)
	u := rateUnitFor(least(f.g, metricName), greatest(f.g, metricName))
	if metricName == results.MetricRequests {
		u = unit{"requests/s", 1}
	}
	b := barBody{Axis: u.Name}
	data := table{Caption: title + ", " + until, Columns: []column{
		{Head: "case"}, {Head: "median", Unit: u.Name, Numeric: true}, {Head: "low", Unit: u.Name, Numeric: true},
		{Head: "high", Unit: u.Name, Numeric: true}, {Head: "trials", Numeric: true},
	}}
	smallest, largest := math.Inf(1), 0.0
	for _, c := range cases {
		m, _ := metric(c, metricName)
		smallest, largest = min(smallest, m.Median), max(largest, m.Median)
		text := u.scaled(m.Median)
		if iops, ok := metric(c, results.MetricIOPS); ok && metricName == results.MetricAccepted {
			text += " · " + formatCount(int64(math.Round(iops.Median))) + " writes/s"
		}
		name, head := label(c), heads[c]
		if heads != nil {
			name = labelWithoutLink(c)
		}
		b.Bars = append(b.Bars, bar{
			Label: name, Head: head, Look: caseLook(c), Segments: []segment{{Value: m.Median / u.Size}},
			Low: m.Low / u.Size, High: m.High / u.Size, Text: text,
		})
		data.Rows = append(data.Rows, []cell{{Text: label(c)}, {Text: u.scaled(m.Median)}, {Text: u.scaled(m.Low)}, {Text: u.scaled(m.High)}, {Text: fmt.Sprint(c.Trials)}})
	}
	how := fmt.Sprintf("%s, %s: medians, whiskers are %s.", title, until, confidence(cases, metricName))
	out := []figure{f.figure(name, f.found(metricName, title), how, cases, data, b)}
	if smallest > 0 && largest/smallest > 50 {
		logged := b
		logged.Log, logged.Axis = true, u.Name+" (log axis)"
		out = append(out, f.figure(name+"-log", title+" on a log axis: "+f.spread(cases, metricName), "The same on a log axis, since the smallest bars vanish. "+how, cases, data, logged))
	}
	return out
}

// byLink puts cases in the order of their links where there are several with several cases each, and gives the first of each
// link a heading. Other cases stay as they are, without headings.
func (f figureMaker) byLink(cases []*results.CaseSummary) ([]*results.CaseSummary, map[*results.CaseSummary]string) {
	var order []string
	by := map[string][]*results.CaseSummary{}
	for _, c := range cases {
		link := linkWords(c.Params)
		if by[link] == nil {
			order = append(order, link)
		}
		by[link] = append(by[link], c)
	}
	if len(order) < 2 || f.g.Kind != results.Transfer {
		return cases, nil
	}
	var sorted []*results.CaseSummary
	heads := map[*results.CaseSummary]string{}
	for _, link := range order {
		if len(by[link]) < 2 {
			return cases, nil
		}
		heads[by[link][0]] = link
		if use := f.g.linkUse(by[link]...); use != "" {
			heads[by[link][0]] += ": used " + use
		}
		sorted = append(sorted, by[link]...)
	}
	return sorted, heads
}

// labelWithoutLink is a case's label where its link stands above it.
func labelWithoutLink(c *results.CaseSummary) string {
	parts := slices.DeleteFunc(strings.Split(label(c), ", "), func(part string) bool { return part == linkWords(c.Params) })
	if len(parts) == 0 {
		return c.Params.Path
	}
	return strings.Join(parts, ", ")
}

// figure puts a figure together, with its words.
func (f figureMaker) figure(name, title, how string, cases []*results.CaseSummary, data table, b body) figure {
	return figure{Name: name, Title: title, Caption: f.caption(how, cases), Alt: alternative(data), Data: data, body: b}
}

// alternative says a chart's data in words, as far as that can be listened to.
func alternative(data table) string {
	var parts []string
	for i, row := range data.Rows {
		if i == 12 {
			parts = append(parts, fmt.Sprintf("and %d more rows", len(data.Rows)-i))
			break
		}
		var cells []string
		for c, v := range row {
			if v.Text == "" || c == 0 {
				continue
			}
			cells = append(cells, strings.TrimSpace(data.Columns[c].Head+" "+v.Text+" "+data.Columns[c].Unit))
		}
		parts = append(parts, row[0].Text+": "+strings.Join(cells, ", "))
	}
	return data.Caption + ". " + strings.Join(parts, "; ") + "."
}

// found says in few words what a metric's comparisons show; the neutral title where there are none.
func (f figureMaker) found(metricName, neutral string) string {
	w, ok := word(metricName)
	var pairs []pair
	for _, p := range f.g.Pairs {
		if _, has := p.find(metricName); has {
			pairs = append(pairs, p)
		}
	}
	if !ok || len(pairs) == 0 {
		return neutral + ": " + f.spread(f.having(metricName), metricName)
	}
	if isRate(metricName) {
		free, links, filling := unbound(pairs)
		if len(free) == 0 {
			return sentence(f.g.theLinks(filling...)) + ", whatever the path"
		}
		if len(links) > 0 {
			rest := f
			rest.g.Pairs = free
			return rest.found(metricName, neutral) + "; over " + joinWords(links) + " it is the link's"
		}
	}
	if len(pairs) == 1 {
		p := pairs[0]
		c, _ := p.find(metricName)
		subject, object, _ := contrast(f.g, p)
		switch {
		case shown(c.Verdict):
			return sentenceUnlessName(subject.text+" "+w.clause(subject, c, "")+" "+w.Of+" "+object.text, subject)
		case c.Verdict == results.NoDifference:
			return fmt.Sprintf("No difference shown between %s and %s in %s", subject.text, object.text, w.What)
		}
		return fmt.Sprintf("Too noisy to say how %s and %s differ in %s", subject.text, object.text, w.What)
	}
	var backed []pair
	for _, p := range pairs {
		if c, _ := p.find(metricName); shown(c.Verdict) {
			backed = append(backed, p)
		}
	}
	what := sentence(strings.TrimPrefix(w.What, "the "))
	if len(pairs) <= 3 && f.oneBaseline(pairs) {
		var parts []string
		for _, p := range pairs {
			c, _ := p.find(metricName)
			name := shortName(f.g, p, p.Case)
			if shown(c.Verdict) {
				ratio, _, _ := formatRatio(c.Ratio, c.Low, c.High)
				parts = append(parts, name+" "+ratio+" times")
			} else {
				parts = append(parts, name+" "+string(c.Verdict))
			}
		}
		return fmt.Sprintf("%s against %s: %s", what, shortName(f.g, pairs[0], pairs[0].Baseline), strings.Join(parts, ", "))
	}
	if len(backed) == 0 {
		return fmt.Sprintf("%s: none of the %d comparisons shows a difference", what, len(pairs))
	}
	return what + ": " + f.span(backed, metricName) + remainder(pairs, metricName)
}

// mostNamed is how many cases a title names.
const mostNamed = 3

// span says between which ratios the comparisons lie that show a difference, and whose they are.
func (f figureMaker) span(backed []pair, metricName string) string {
	ratio := func(p pair) float64 { c, _ := p.find(metricName); return c.Ratio }
	backed = slices.Clone(backed)
	slices.SortStableFunc(backed, func(a, b pair) int { return cmp.Compare(ratio(a), ratio(b)) })
	text := func(p pair) string {
		c, _ := p.find(metricName)
		out, _, _ := formatRatio(c.Ratio, c.Low, c.High)
		return out
	}
	first, last := backed[0], backed[len(backed)-1]
	low, high := text(first), text(last)
	object := "the baseline of each"
	if f.oneBaseline(backed) {
		object = label(first.Baseline)
	}
	commas := slices.ContainsFunc(backed, func(p pair) bool { return strings.Contains(label(p.Case), ",") })
	if len(backed) > mostNamed || commas && len(backed) > 1 { // a list of names that hold commas can't be read
		if low == high {
			return fmt.Sprintf("%d cases at %s times %s", len(backed), low, object)
		}
		return fmt.Sprintf("%d cases at %s (%s) to %s times %s (%s)", len(backed), low, label(first.Case), high, object, label(last.Case))
	}
	var names []string
	for _, p := range backed {
		names = append(names, label(p.Case))
	}
	if low != high {
		low += " to " + high
	}
	return fmt.Sprintf("%s at %s times %s", joinWords(names), low, object)
}

// remainder says how many comparisons show no difference and how many are too noisy to say: a title that names the others only would pass
// for all of them.
func remainder(pairs []pair, metricName string) string {
	same, noisy := 0, 0
	for _, p := range pairs {
		switch c, _ := p.find(metricName); {
		case shown(c.Verdict):
		case c.Verdict == results.NoDifference:
			same++
		default:
			noisy++
		}
	}
	others := func(n int) string {
		if n == 1 {
			return "1 other"
		}
		return fmt.Sprintf("%d others", n)
	}
	switch {
	case same > 0 && noisy > 0:
		return fmt.Sprintf("; %s show no difference or are too noisy to say", others(same+noisy))
	case same > 1:
		return fmt.Sprintf("; %s show no difference", others(same))
	case same == 1:
		return "; 1 other shows no difference"
	case noisy > 0:
		return fmt.Sprintf("; %s too noisy to say", others(noisy))
	}
	return ""
}

// unbound lists the pairs that did not both fill their link, the links that others did, and the cases of those.
func unbound(pairs []pair) (free []pair, links []string, filling []*results.CaseSummary) {
	for _, p := range pairs {
		if !p.linkBound() {
			free = append(free, p)
			continue
		}
		filling = append(filling, p.Baseline, p.Case)
		if link := linkWords(p.Case.Params); !slices.Contains(links, link) {
			links = append(links, link)
		}
	}
	return free, links, filling
}

// sentenceUnlessName makes the first letter a capital, but not a path's: sendfile is a name.
func sentenceUnlessName(text string, subject phrase) string {
	if subject.plural {
		return sentence(text)
	}
	return text
}

// oneBaseline says whether all pairs share their baseline.
func (f figureMaker) oneBaseline(pairs []pair) bool {
	return !slices.ContainsFunc(pairs, func(p pair) bool { return p.Baseline != pairs[0].Baseline })
}

// spread says from where to where a metric goes.
func (f figureMaker) spread(cases []*results.CaseSummary, metricName string) string {
	low, high := cases[0], cases[0]
	value := func(c *results.CaseSummary) float64 { m, _ := metric(c, metricName); return m.Median }
	for _, c := range cases {
		if value(c) < value(low) {
			low = c
		}
		if value(c) > value(high) {
			high = c
		}
	}
	format := formatRate
	switch {
	case strings.HasSuffix(metricName, "_ns"):
		format = formatNS
	case strings.HasSuffix(metricName, "_ns_per_kib"):
		format = func(v float64) string { return significant(v, 3) + " ns/KiB" }
	case metricName == results.MetricRequests:
		format = func(v float64) string { return significant(v, 3) + " per second" }
	}
	if low == high {
		return fmt.Sprintf("%s %s", label(low), format(value(low)))
	}
	return fmt.Sprintf("%s (%s) to %s (%s)", format(value(low)), label(low), format(value(high)), label(high))
}

// cpu draws the CPU time per KiB of each side, system and user stacked.
func (f figureMaker) cpu() []figure {
	type side struct{ name, total, user, system string }
	sides := []side{
		{"sender", results.MetricSenderCPU, results.MetricSenderUser, results.MetricSenderSystem},
		{"receiver", results.MetricReceiverCPU, results.MetricReceiverUser, results.MetricReceiverSystem},
	}
	main := results.MetricSenderCPU
	if f.g.Kind == results.Write {
		sides = []side{{"writer", results.MetricWriterCPU, results.MetricWriterUser, results.MetricWriterSystem}}
		main = results.MetricWriterCPU
	}
	b := barBody{Axis: "ns of CPU time per KiB", Key: true}
	data := table{Caption: "CPU time per KiB moved", Columns: []column{
		{Head: "case"}, {Head: "side"}, {Head: "system", Unit: "ns/KiB", Numeric: true}, {Head: "user", Unit: "ns/KiB", Numeric: true},
		{Head: "both", Unit: "ns/KiB", Numeric: true}, {Head: "low", Unit: "ns/KiB", Numeric: true}, {Head: "high", Unit: "ns/KiB", Numeric: true},
	}}
	ns := func(v float64) string { return significant(v, 4) }
	var cases []*results.CaseSummary
	all, heads := f.byLink(f.g.measured())
	for _, c := range all {
		first := true
		for _, s := range sides {
			total, ok := metric(c, s.total)
			if !ok || total.Median <= 0 {
				continue
			}
			row := bar{Label: label(c), Look: caseLook(c), Low: total.Low, High: total.High, Text: ns(total.Median), Gap: first && len(sides) > 1}
			if heads != nil {
				row.Label = labelWithoutLink(c)
				if first {
					row.Head = heads[c]
				}
			}
			if len(sides) > 1 {
				row.Label += ", " + s.name
			}
			system, hasSystem := metric(c, s.system)
			user, hasUser := metric(c, s.user)
			cells := []cell{{Text: label(c)}, {Text: s.name}, {Text: "n/a"}, {Text: "n/a"}}
			if sum := system.Median + user.Median; hasSystem && hasUser && sum > 0 {
				// The medians of the parts need not add up to the median of the sum: the parts show its split.
				row.Segments = []segment{{Value: total.Median * system.Median / sum}, {Value: total.Median * user.Median / sum, Light: true}}
				cells[2].Text, cells[3].Text = ns(system.Median), ns(user.Median)
			} else {
				row.Segments = []segment{{Value: total.Median}}
			}
			b.Bars = append(b.Bars, row)
			data.Rows = append(data.Rows, append(cells, cell{Text: ns(total.Median)}, cell{Text: ns(total.Low)}, cell{Text: ns(total.High)}))
			if first {
				cases = append(cases, c)
			}
			first = false
		}
	}
	if len(b.Bars) == 0 {
		return nil
	}
	title := "CPU time per KiB"
	if len(f.having(main)) > 0 {
		title = f.found(main, title)
	}
	how := fmt.Sprintf("CPU time of each measured process per KiB moved: medians, split into system (solid) and user (faint); whiskers are %s of the sum.", confidence(cases, sides[0].total))
	return []figure{f.figure("cpu-"+f.slug, title, how, cases, data, b)}
}

// fewestTimes is how many times a curve needs: fewer support no percentile but the median, and a table says that better.
const fewestTimes = 100

// latency draws the percentile curves and the distributions of everything that was timed often enough.
func (f figureMaker) latency() []figure {
	var out []figure
	keys := []struct{ key, suffix, what string }{{"fetch", "", "one fetch"}, {"commit", "-commit", "one commit"}, {"op", "", "one operation"}, {"sync", "-sync", "one sync"}}
	for _, k := range keys {
		if k.key == "op" && f.g.Workload == "fetch" {
			continue // the fetch is what is asked there
		}
		var cases []*results.CaseSummary
		for _, c := range f.g.measured() {
			if l, ok := c.LatencyNS[k.key]; ok && l.Count >= fewestTimes {
				cases = append(cases, c)
			}
		}
		if len(cases) == 0 {
			continue
		}
		what := k.what
		if k.key == "op" && f.g.Kind == results.Write {
			what = "one write"
		}
		for _, piece := range split(cases) {
			name := f.slug + k.suffix + piece.suffix
			out = append(out, f.percentiles("latency-"+name, k.key, what, piece)...)
			out = append(out, f.distribution("distribution-"+name, k.key, what, piece)...)
		}
	}
	return out
}

// piece is a part of a group that fits into one chart.
type piece struct {
	cases  []*results.CaseSummary
	suffix string
	note   string
}

// split divides cases so that no chart gets too many. Of many chunk sizes one is shown: 64 KiB or the middle one.
func split(cases []*results.CaseSummary) []piece {
	if len(cases) <= mostCurves {
		return []piece{{cases: cases}}
	}
	note := ""
	vary := varying(cases)
	if vary["chunk"] {
		var chunks []int64
		for _, c := range cases {
			if !slices.Contains(chunks, c.Params.ChunkBytes) {
				chunks = append(chunks, c.Params.ChunkBytes)
			}
		}
		slices.Sort(chunks)
		chosen := chunks[len(chunks)/2]
		if slices.Contains(chunks, 64<<10) {
			chosen = 64 << 10
		}
		cases = slices.DeleteFunc(slices.Clone(cases), func(c *results.CaseSummary) bool { return c.Params.ChunkBytes != chosen })
		note = fmt.Sprintf(" Shown for %s chunks only.", formatBytes(chosen))
		if len(cases) <= mostCurves {
			return []piece{{cases: cases, note: note}}
		}
	}
	for _, d := range dimensions() {
		if !vary[d.name] || d.name == "path" || d.name == "pattern" || d.name == "chunk" {
			continue
		}
		var out []piece
		for _, c := range cases {
			suffix := "-" + fileWord(d.of(c.Params))
			at := slices.IndexFunc(out, func(p piece) bool { return p.suffix == suffix })
			if at < 0 {
				at = len(out)
				out = append(out, piece{suffix: suffix, note: note})
			}
			out[at].cases = append(out[at].cases, c)
		}
		if !slices.ContainsFunc(out, func(p piece) bool { return len(p.cases) > mostCurves }) {
			return out
		}
	}
	// The first case, which most often is the baseline, stands in every part.
	var out []piece
	for chunk := range slices.Chunk(cases[1:], mostCurves-1) {
		part := append([]*results.CaseSummary{cases[0]}, chunk...)
		out = append(out, piece{cases: part, suffix: fmt.Sprintf("-part-%d", len(out)+1), note: note})
	}
	return out
}

// fileWord makes a part of a file name of a text.
func fileWord(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }), "-")
}

// percentileMarks are the percentiles that tables and the axis name.
func percentileMarks() []struct {
	name  string
	share float64
} {
	return []struct {
		name  string
		share float64
	}{{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}}
}

// nines is a place on the percentile axis: 90 % is 1, 99 % is 2, 99.9 % is 3.
func nines(share float64) float64 { return -math.Log10(1 - share) }

// percentiles draws one curve a case over the percentiles, as far as the counts support them.
func (f figureMaker) percentiles(name, key, what string, p piece) []figure {
	b := curveBody{XLabel: "percentile", YLabel: "time of " + what + " (log axis)"}
	b.YTicks = func(most int) plot.Ticker { return logTicks(formatTick, most) }
	var ticks []plot.Tick
	for _, m := range percentileMarks() {
		ticks = append(ticks, plot.Tick{Value: nines(m.share), Label: strings.TrimPrefix(m.name, "p") + " %"})
	}
	b.XTicks = plot.ConstantTicks(ticks)
	data := table{Caption: "Time of " + what + " by percentile", Columns: []column{{Head: "case"}}}
	for _, m := range percentileMarks() {
		data.Columns = append(data.Columns, column{Head: m.name, Numeric: true})
	}
	data.Columns = append(data.Columns, column{Head: "max", Numeric: true}, column{Head: "count", Numeric: true})
	var cases []*results.CaseSummary
	for _, c := range p.cases {
		l := c.LatencyNS[key]
		cv := curve{Label: label(c), Look: caseLook(c)}
		row := []cell{{Text: label(c)}}
		supported := 0.0
		for _, m := range percentileMarks() {
			n, ok := percentile(l, m.name).Get()
			if !ok || n <= 0 {
				row = append(row, cell{Text: "n/a"})
				continue
			}
			row = append(row, cell{Text: formatNS(float64(n))})
			supported = m.share
			cv.Points = append(cv.Points, point{X: nines(m.share), Y: float64(n), Low: math.NaN(), High: math.NaN(), Mark: true})
		}
		if h := c.Histograms[key]; h.Histogram != nil && h.TotalCount() > 0 && supported > 0 {
			marks := cv.Points
			cv.Points = nil
			const steps = 24 // per nine
			for i := int(math.Ceil(nines(0.5) * steps)); ; i++ {
				x := float64(i) / steps
				if i == int(math.Ceil(nines(0.5)*steps)) {
					x = nines(0.5)
				}
				last := x >= nines(supported)-1e-9
				if last {
					x = nines(supported)
				}
				if v := h.ValueAtQuantile(100 * (1 - math.Pow(10, -x))); v > 0 {
					cv.Points = append(cv.Points, point{X: x, Y: float64(v), Low: math.NaN(), High: math.NaN()})
				}
				if last {
					break
				}
			}
			cv.Points = append(cv.Points, marks...)
			slices.SortStableFunc(cv.Points, func(a, b point) int { return cmp.Compare(a.X, b.X) })
		}
		if len(cv.Points) < 2 {
			continue
		}
		maximum := "n/a"
		if n, ok := l.Max.Get(); ok {
			maximum = formatNS(float64(n))
		}
		data.Rows = append(data.Rows, append(row, cell{Text: maximum}, cell{Text: formatCount(l.Count)}))
		b.Curves = append(b.Curves, cv)
		cases = append(cases, c)
	}
	if len(b.Curves) == 0 {
		return nil
	}
	tellApart(b.Curves)
	lumps := ""
	if key == "op" {
		lumps = lumpyNote(cases)
	}
	how := "Time of " + what + ": the times of all counted trials together, not the median of their percentiles; a curve ends where the count no longer supports a percentile." + p.note + lumps
	return []figure{f.figure(name, f.latencyTitle(key, what, cases), how, cases, data, b)}
}

// latencyTitle says what the percentiles show. A claim of a difference is made only where the run compared fetch times.
func (f figureMaker) latencyTitle(key, what string, cases []*results.CaseSummary) string {
	if key == "fetch" && len(f.g.Pairs) == 1 {
		if _, ok := f.g.Pairs[0].find(results.MetricFetchP99); ok {
			return f.found(results.MetricFetchP99, what)
		}
	}
	value := func(c *results.CaseSummary, name string) string {
		n, ok := percentile(c.LatencyNS[key], name).Get()
		if !ok {
			return "not known"
		}
		return formatNS(float64(n))
	}
	if len(cases) <= 2 {
		var parts []string
		for _, c := range cases {
			parts = append(parts, fmt.Sprintf("%s p50 %s, p99 %s", label(c), value(c, "p50"), value(c, "p99")))
		}
		return "Time of " + what + ": " + strings.Join(parts, "; ")
	}
	low, high := cases[0], cases[0]
	p99 := func(c *results.CaseSummary) int64 { n, _ := c.LatencyNS[key].P99.Get(); return n }
	for _, c := range cases {
		if p99(c) > 0 && (p99(low) == 0 || p99(c) < p99(low)) {
			low = c
		}
		if p99(c) > p99(high) {
			high = c
		}
	}
	if low == high {
		return "Time of " + what
	}
	return fmt.Sprintf("Time of %s: p99 from %s (%s) to %s (%s)", what, value(low, "p99"), label(low), value(high, "p99"), label(high))
}

// medianTitle says between which medians the cases lie.
func (f figureMaker) medianTitle(key, what string, cases []*results.CaseSummary) string {
	var low, high *results.CaseSummary
	p50 := func(c *results.CaseSummary) int64 { n, _ := c.LatencyNS[key].P50.Get(); return n }
	for _, c := range cases {
		if p50(c) <= 0 {
			continue
		}
		if low == nil || p50(c) < p50(low) {
			low = c
		}
		if high == nil || p50(c) > p50(high) {
			high = c
		}
	}
	if low == nil || low == high {
		return "How long " + what + " takes"
	}
	return fmt.Sprintf("Median time of %s: from %s (%s) to %s (%s)", what, formatNS(float64(p50(low))), label(low), formatNS(float64(p50(high))), label(high))
}

// distribution draws how often each time occurred.
func (f figureMaker) distribution(name, key, what string, p piece) []figure {
	b := ridgeBody{What: what}
	data := table{Caption: "Distribution of the time of " + what, Columns: []column{
		{Head: "case"}, {Head: "most often between"}, {Head: "share of operations there", Numeric: true}, {Head: "median", Numeric: true}, {Head: "p99", Numeric: true},
	}}
	var cases []*results.CaseSummary
	for _, c := range p.cases {
		h := c.Histograms[key]
		if h.Histogram == nil || h.TotalCount() == 0 {
			continue
		}
		r, ok := newRidge(c, h, c.LatencyNS[key])
		if !ok {
			continue
		}
		b.Ridges = append(b.Ridges, r)
		cases = append(cases, c)
		at := slices.Index(r.Shares, slices.Max(r.Shares))
		text := func(ns float64) string {
			if math.IsNaN(ns) {
				return "n/a"
			}
			return formatNS(ns)
		}
		data.Rows = append(data.Rows, []cell{
			{Text: label(c)}, {Text: formatNS(r.Edges[at]) + " and " + formatNS(r.Edges[at+1])}, {Text: formatShare(r.Shares[at])}, {Text: text(r.Median)}, {Text: text(r.P99)},
		})
	}
	if len(b.Ridges) == 0 {
		return nil
	}
	title := f.medianTitle(key, what, cases)
	lumps := ""
	if key == "op" {
		lumps = lumpyNote(cases)
	}
	how := "Distribution of the time of " + what + ", each scaled to its own peak; the solid line is the median, the dashed one the 99th percentile." + p.note + lumps
	return []figure{f.figure(name, title, how, cases, data, b)}
}

// newRidge sorts a histogram into steps of a twentieth of a decade, without the outermost thousandths.
func newRidge(c *results.CaseSummary, h results.Histogram, l results.Latency) (ridge, bool) {
	const steps = 20
	r := ridge{Label: label(c), Look: caseLook(c), Median: math.NaN(), P99: math.NaN()}
	step := func(ns float64) int { return int(math.Floor(math.Log10(ns) * steps)) }
	low, high := max(1, h.ValueAtQuantile(0.1)), max(1, h.ValueAtQuantile(99.9))
	first, last := step(float64(low))-1, step(float64(high))+1
	r.Shares = make([]float64, last-first+1)
	for i := first; i <= last+1; i++ {
		r.Edges = append(r.Edges, math.Pow(10, float64(i)/steps))
	}
	seen := false
	for _, d := range h.Distribution() {
		if d.Count == 0 {
			continue
		}
		at := step(max(1, (float64(d.From)+float64(d.To))/2)) - first
		if at >= 0 && at < len(r.Shares) {
			r.Shares[at] += float64(d.Count) / float64(h.TotalCount())
			seen = true
		}
	}
	inside := func(n int64, ok bool) float64 {
		if !ok || float64(n) < r.Edges[0] || float64(n) > r.Edges[len(r.Edges)-1] {
			return math.NaN()
		}
		return float64(n)
	}
	r.Median, r.P99 = inside(l.P50.Get()), inside(l.P99.Get())
	return r, seen
}
