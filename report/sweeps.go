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

// along is a parameter with numbers for values, along which cases can be swept.
type along struct {
	dimension string // its name among the dimensions
	name      string // of its axis: "chunk", "depth"
	by        string // of its kind: "chunk size", "depth"
	of        func(results.Params) int64
	without   func(results.Params) results.Params
	format    func(int64) string
}

// alongs lists the parameters that can be swept, in the order in which they are asked for.
func alongs() []along {
	return []along{
		{"chunk", "chunk", "chunk size", func(p results.Params) int64 { return p.ChunkBytes }, withoutChunk, formatBytes},
		{"depth", "writes in flight", "depth", func(p results.Params) int64 { return int64(p.Depth) }, func(p results.Params) results.Params {
			p.Depth = 0
			return p
		}, formatCount},
		{"writers", "writers", "number of writers", func(p results.Params) int64 { return int64(max(1, p.Writers)) }, func(p results.Params) results.Params {
			p.Writers = 0
			return p
		}, formatCount},
		{"files", "logs", "number of logs", func(p results.Params) int64 { return int64(p.Files) }, func(p results.Params) results.Params {
			p.Files = 0
			return p
		}, formatCount},
		{"block", "block", "block size", func(p results.Params) int64 { return p.BlockBytes }, func(p results.Params) results.Params {
			p.BlockBytes = 0
			return p
		}, formatBytes},
	}
}

// fewestSwept is how many values of a parameter make a curve.
const fewestSwept = 3

// sweptAlong finds the parameter that some cases differ in by three values or more, everything else being equal; the one with the most
// values where there are several.
func sweptAlong(cases []*results.CaseSummary) (along, bool) {
	var best along
	most := 0
	for _, a := range alongs() {
		values := map[results.Params]map[int64]bool{}
		longest := 0
		for _, c := range cases {
			if a.dimension == "chunk" && c.Kind != results.Transfer || a.dimension != "chunk" && c.Kind != results.Write || a.of(c.Params) <= 0 {
				continue
			}
			k := a.without(c.Params)
			if a.dimension == "chunk" {
				k = results.Params{} // a search measures few sizes of each path
			}
			if values[k] == nil {
				values[k] = map[int64]bool{}
			}
			values[k][a.of(c.Params)] = true
			longest = max(longest, len(values[k]))
		}
		if longest >= fewestSwept && longest > most {
			best, most = a, longest
		}
	}
	return best, most > 0
}

// values lists the values of the parameter among some cases, rising.
func (a along) values(cases []*results.CaseSummary) []int64 {
	var out []int64
	for _, c := range cases {
		if n := a.of(c.Params); n > 0 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// quantity is what a sweep's chart has on its Y axis.
type quantity struct {
	file   string // how the chart's name begins
	title  string
	axis   string
	metric string
	unit   unit
	format func(float64) string
	of     func(*results.CaseSummary) (results.Metric, bool)
}

// swept lists what is drawn against a parameter.
func (f figureMaker) swept(a along) []quantity {
	byMetric := func(file, name, title, axis string, u unit, format func(float64) string) quantity {
		return quantity{file, title, axis, name, u, format, func(c *results.CaseSummary) (results.Metric, bool) {
			m, ok := metric(c, name)
			return m, ok && m.Median > 0
		}}
	}
	rate := rateUnit(greatest(f.g, results.MetricThroughput))
	cpu := byMetric("sweep-cpu-", results.MetricSenderCPU, "Sender CPU", "ns of sender CPU per KiB", unit{"ns/KiB", 1}, plainNumber)
	switch {
	case f.g.Workload == "fetch":
		return []quantity{byMetric("sweep-latency-", results.MetricFetchP50, "Median fetch time", "median fetch time", unit{"ns", 1}, formatTick), cpu}
	case f.g.Kind == results.Transfer:
		return []quantity{byMetric("sweep-throughput-", results.MetricThroughput, "Throughput", rate.Name, rate, plainNumber), cpu}
	}
	accepted, durable := rateUnit(greatest(f.g, results.MetricAccepted)), rateUnit(greatest(f.g, results.MetricDurable))
	out := []quantity{byMetric("sweep-iops-", results.MetricIOPS, "Writes per second", "writes per second", unit{"per s", 1}, plainNumber)}
	if a.dimension == "block" || a.dimension == "files" {
		out = append(out, byMetric("sweep-accepted-", results.MetricAccepted, "Accepted rate", accepted.Name, accepted, plainNumber))
	}
	if slices.ContainsFunc(f.having(results.MetricDurable), func(c *results.CaseSummary) bool { return !alwaysDurable(c.Params) }) {
		out = append(out, byMetric("sweep-durable-", results.MetricDurable, "Durable rate", durable.Name, durable, plainNumber))
	}
	commits := byMetric("sweep-p99-", results.MetricCommitP99, "99th percentile of the commit time", "99th percentile of the commit time", unit{"ns", 1}, formatTick)
	if len(f.having(results.MetricCommitP99)) > 0 {
		return append(out, commits)
	}
	return append(out, byMetric("sweep-p99-", results.MetricWriteP99, "99th percentile of the write time", "99th percentile of the write time", unit{"ns", 1}, formatTick))
}

// alwaysDurable says whether a case's writes are durable one by one, so that it has one rate only.
func alwaysDurable(p results.Params) bool {
	return strings.Contains(p.Method, "dsync") || p.Sync == "every=1" || p.Sync == "group"
}

// sweeps draws a group's quantities against a parameter, one curve for each path or way to write.
func (f figureMaker) sweeps(a along) []figure {
	var out []figure
	for _, q := range f.swept(a) {
		out = append(out, f.sweep(a, q)...)
	}
	return out
}

// sweep draws one quantity against a parameter. Where more than the path and the state of the cache tells cases apart, each
// combination of the rest gets a panel; where those would be too many, each value of the first gets a chart.
func (f figureMaker) sweep(a along, q quantity) []figure {
	var cases []*results.CaseSummary
	for _, c := range f.g.measured() {
		if _, ok := q.of(c); ok && a.of(c.Params) > 0 {
			cases = append(cases, c)
		}
	}
	vary := varying(cases)
	var apart []dimension // what sets panels apart
	for _, d := range dimensions() {
		if vary[d.name] && d.name != "path" && d.name != "method" && d.name != a.dimension {
			apart = append(apart, d)
		}
	}
	few := f.g.Kind == results.Write || !slices.ContainsFunc(apart, func(d dimension) bool { return d.name != "cache" && d.name != "loop" })
	if few && curvesOf(a, cases) <= mostCurves {
		apart = nil
	}
	pieces := []piece{{cases: cases}}
	if panels := panelsOf(cases, apart); len(panels) > mostPanels {
		pieces = nil
		for _, p := range panelsOf(cases, apart[:1]) {
			pieces = append(pieces, piece{cases: p.cases, suffix: "-" + fileWord(p.title)})
		}
		apart = apart[1:]
	}
	var out []figure
	for _, p := range pieces {
		if fig, ok := f.sweepOf(q.file+f.slug+p.suffix, a, q, p.cases, apart); ok {
			out = append(out, fig)
		}
	}
	return out
}

// mostPanels is how many panels a chart can hold and still be taken in.
const mostPanels = 6

// casePanel is what one panel is about.
type casePanel struct {
	title string
	cases []*results.CaseSummary
}

// panelsOf sorts cases by what the dimensions say of them.
func panelsOf(cases []*results.CaseSummary, apart []dimension) []casePanel {
	var out []casePanel
	for _, c := range cases {
		var words []string
		for _, d := range apart {
			if v := d.words(c.Params); v != "" {
				words = append(words, v)
			}
		}
		title := strings.Join(words, ", ")
		at := slices.IndexFunc(out, func(p casePanel) bool { return p.title == title })
		if at < 0 {
			at = len(out)
			out = append(out, casePanel{title: title})
		}
		out[at].cases = append(out[at].cases, c)
	}
	return out
}

// curvesOf counts the curves that cases make along a parameter.
func curvesOf(a along, cases []*results.CaseSummary) int {
	seen := map[results.Params]bool{}
	for _, c := range cases {
		seen[a.without(c.Params)] = true
	}
	return len(seen)
}

// curveName names a case's curve among those of its panel.
func curveName(a along, c *results.CaseSummary, vary map[string]bool) string {
	var words []string
	if c.Kind == results.Transfer {
		words = append(words, c.Params.Path)
	}
	for _, d := range dimensions() {
		if v := d.words(c.Params); vary[d.name] && d.name != "path" && d.name != a.dimension && v != "" {
			words = append(words, v)
		}
	}
	if len(words) == 0 {
		return c.Params.Pattern + " " + c.Params.Method
	}
	return strings.Join(words, ", ")
}

func (f figureMaker) sweepOf(name string, a along, q quantity, cases []*results.CaseSummary, apart []dimension) (figure, bool) {
	what := "path"
	if f.g.Kind == results.Write {
		what = "writes"
	}
	data := table{Caption: q.title + " by " + a.by, Columns: []column{
		{Head: what}, {Head: a.name, Numeric: true}, {Head: "median", Unit: q.unit.Name, Numeric: true},
		{Head: "low", Unit: q.unit.Name, Numeric: true}, {Head: "high", Unit: q.unit.Name, Numeric: true},
	}}
	values := a.values(cases)
	if len(values) < fewestSwept {
		return figure{}, false
	}
	var sweeps []sweep
	w, worded := word(q.metric)
	if f.g.Kind == results.Transfer && worded {
		sweeps = f.sweepsAmong(cases)
	}
	var panels []panel
	var all []curve
	for _, p := range panelsOf(cases, apart) {
		b := curveBody{XLabel: a.name + " (log axis)", YLabel: q.axis + " (log axis)", XLog: true, XTicks: valueTicks(values, a.format)}
		b.YTicks = func(most int) plot.Ticker { return logTicks(q.format, most) }
		byKey := map[results.Params]int{}
		vary := varying(p.cases)
		for _, c := range p.cases {
			at, ok := byKey[a.without(c.Params)]
			if !ok {
				at = len(b.Curves)
				byKey[a.without(c.Params)] = at
				b.Curves = append(b.Curves, curve{Label: curveName(a, c, vary), Look: caseLook(c)})
			}
			m, _ := q.of(c)
			b.Curves[at].Points = append(b.Curves[at].Points, point{Mark: true, X: float64(a.of(c.Params)), Y: m.Median / q.unit.Size, Low: m.Low / q.unit.Size, High: m.High / q.unit.Size})
		}
		tellApart(b.Curves)
		for i := range b.Curves {
			pts := b.Curves[i].Points
			slices.SortFunc(pts, func(a, b point) int { return cmp.Compare(a.X, b.X) })
			name := b.Curves[i].Label
			if p.title != "" {
				name += ", " + p.title
			}
			for _, pt := range pts {
				data.Rows = append(data.Rows, []cell{{Text: name}, {Text: a.format(int64(pt.X))}, {Text: significant(pt.Y, 4)}, {Text: significant(pt.Low, 4)}, {Text: significant(pt.High, 4)}})
			}
		}
		for _, sw := range sweeps {
			pay, ok := sw.payoff(w)
			at, here := byKey[a.without(sw.pairs[0].Case.Params)]
			if !ok || !here || pay.Chunk == 0 {
				continue
			}
			b.Curves[at].Ring = float64(pay.Chunk)
			if len(sweeps) == 1 {
				b.Line = float64(pay.Chunk)
				b.Note = fmt.Sprintf("pays from %s on", formatBytes(pay.Chunk))
				if pay.Chunk == pay.Sizes[len(pay.Sizes)-1] {
					b.Note = "pays at " + formatBytes(pay.Chunk)
				}
			}
		}
		all = append(all, b.Curves...)
		panels = append(panels, panel{Title: p.title, curveBody: b})
	}
	headline := sweepTitle(w, sweeps)
	switch {
	case headline != "":
	case f.g.Kind == results.Write:
		headline = q.title + " by " + a.by + ": " + journeys(a, q, all)
	default:
		headline = q.title + " by " + a.by + ": " + f.spread(cases, q.metric)
	}
	how := fmt.Sprintf("%s against %s, both axes logarithmic: medians, bands are %s", q.title, a.by, confidence(cases, q.metric))
	if f.g.Kind == results.Transfer {
		how = fmt.Sprintf("%s against %s, both axes logarithmic: medians, bands are %s; a ring marks the %s from which on a path is shown to beat its baseline at every size measured", q.title, a.by, confidence(cases, q.metric), a.name)
	}
	how += "."
	if strings.HasSuffix(q.metric, "_p99_ns") && f.g.Kind == results.Write {
		how += " Each is the median of the trials' own percentiles; those of all trials together, as in tables and in charts of percentiles, can lie far from it."
	}
	if len(panels) == 1 && panels[0].Title == "" {
		return f.figure(name, headline, how, cases, data, panels[0].curveBody), true
	}
	for i := range panels {
		panels[i].Like = all
	}
	return f.figure(name, headline, how+" The axes of all panels are the same.", cases, data, panelBody{panels}), true
}

// journeys says from where to where curves go: both of two, else the one that changes most.
func journeys(a along, q quantity, curves []curve) string {
	unit := " " + q.unit.Name
	if q.metric == results.MetricIOPS {
		unit = ""
	}
	text := func(c curve) string {
		first, last := c.Points[0], c.Points[len(c.Points)-1]
		format := func(v float64) string {
			if strings.HasSuffix(q.metric, "_ns") {
				return formatNS(v)
			}
			return significant(v, 3) + unit
		}
		return fmt.Sprintf("%s %s at %s and %s at %s", c.Label, format(first.Y), a.format(int64(first.X)), format(last.Y), a.format(int64(last.X)))
	}
	change := func(c curve) float64 { return math.Abs(math.Log(c.Points[len(c.Points)-1].Y / c.Points[0].Y)) }
	long := slices.DeleteFunc(slices.Clone(curves), func(c curve) bool { return len(c.Points) < 2 })
	switch len(long) {
	case 0:
		return "a single value each"
	case 1, 2:
		var parts []string
		for _, c := range long {
			parts = append(parts, text(c))
		}
		return strings.Join(parts, "; ")
	}
	most := slices.MaxFunc(long, func(a, b curve) int { return cmp.Compare(change(a), change(b)) })
	return text(most) + fmt.Sprintf(" (of %d curves the one that changes most)", len(long))
}

// sweepsAmong lists the group's sweeps whose cases are among those.
func (f figureMaker) sweepsAmong(cases []*results.CaseSummary) []sweep {
	sweeps, _ := sweepsOf(f.g)
	return slices.DeleteFunc(sweeps, func(sw sweep) bool { return !slices.Contains(cases, sw.pairs[0].Case) })
}

// sweepTitle says where paths beat their baseline: from which size on where there is one sweep, else at how many of the
// points. It is empty where nothing was swept.
func sweepTitle(w wording, sweeps []sweep) string {
	type score struct {
		subject      string
		better, size int
	}
	var scores []score
	var filling []*results.CaseSummary
	object, objects, filled := "", 0, 0
	for _, sw := range sweeps {
		pay, ok := sw.payoff(w)
		if !ok {
			continue
		}
		filled += len(pay.Link)
		if len(pay.Link) > 0 {
			filling = append(filling, sw.cases()...)
		}
		if sw.object.text != object {
			object = sw.object.text
			objects++
		}
		at := slices.IndexFunc(scores, func(s score) bool { return s.subject == sw.subject.text })
		if at < 0 {
			at = len(scores)
			scores = append(scores, score{subject: sw.subject.text})
		}
		scores[at].better += len(pay.Better)
		scores[at].size += len(pay.Sizes)
	}
	points := 0
	for _, s := range scores {
		points += s.size
	}
	switch {
	case len(scores) == 0:
		return ""
	case points == 0:
		return sentence(sweeps[0].group.theLinks(filling...)) + ", whatever the path and the chunk"
	case len(sweeps) == 1:
		sw := sweeps[0]
		pay, _ := sw.payoff(w)
		switch where := pay.where(); {
		case pay.Chunk > 0:
			return fmt.Sprintf("In %s, %s beats %s %s", w.What, sw.subject.text, sw.object.text, where)
		}
		return fmt.Sprintf("In %s, there is no chunk size from which on %s beats %s", w.What, sw.subject.text, sw.object.text)
	}
	if objects > 1 {
		object = "its baseline"
	}
	var parts []string
	better := 0
	for _, s := range scores {
		better += s.better
		parts = append(parts, fmt.Sprintf("%s at %d of %d", s.subject, s.better, s.size))
	}
	if better == 0 {
		return fmt.Sprintf("In %s, no path is shown to beat %s at any of the %d points", w.What, object, points)
	}
	if len(parts) > 4 {
		parts = append(parts[:4:4], fmt.Sprintf("and %d more paths", len(scores)-4))
	}
	return fmt.Sprintf("Points at which a path beats %s in %s: %s", object, w.What, strings.Join(parts, ", "))
}

// mostLabelled is how many values of a parameter an axis names one by one, as far as there is room.
const mostLabelled = 10

// valueTicks labels a parameter's values, about five of them where they are many, and marks the others.
func valueTicks(values []int64, format func(int64) string) plot.Ticker {
	var ticks []plot.Tick
	every := 1
	if len(values) > mostLabelled {
		every = (len(values) + 4) / 5
	}
	for i, n := range values {
		t := plot.Tick{Value: float64(n)}
		if i%every == 0 {
			t.Label = format(n)
		}
		ticks = append(ticks, t)
	}
	return plot.ConstantTicks(ticks)
}

// progression is the comparisons of writes along a parameter, everything else being equal: at each of its values against another way to
// write, or of each value against one and the same.
type progression struct {
	group
	along
	subject, object phrase
	conditions      []string
	pairs           []pair // by rising value
	own             bool   // against another value of the parameter
}

// progressionsOf takes out of a group's pairs those that make a progression of three comparisons or more. The other pairs are returned as they are.
func progressionsOf(g group, pairs []pair) (out []progression, rest []pair) {
	a, ok := sweptAlong(g.measured())
	if !ok || g.Kind != results.Write {
		return nil, pairs
	}
	type key struct {
		mine, theirs results.Params
		own          bool
	}
	at := map[key]int{}
	var all []progression
	for _, p := range pairs {
		k := key{a.without(p.Case.Params), p.Baseline.Params, true}
		if a.of(p.Case.Params) == a.of(p.Baseline.Params) {
			k = key{k.mine, a.without(p.Baseline.Params), false}
		} else if k.mine != a.without(p.Baseline.Params) {
			rest = append(rest, p)
			continue
		}
		i, ok := at[k]
		if !ok {
			i = len(all)
			at[k] = i
			all = append(all, newProgression(g, a, p, k.own))
		}
		all[i].pairs = append(all[i].pairs, p)
	}
	for _, s := range all {
		if len(s.pairs) < fewestSwept-1 || !s.own && len(s.pairs) < fewestSwept {
			rest = append(rest, s.pairs...)
			continue
		}
		slices.SortStableFunc(s.pairs, func(x, y pair) int { return cmp.Compare(a.of(x.Case.Params), a.of(y.Case.Params)) })
		out = append(out, s)
	}
	return out, rest
}

// newProgression names a progression by one of its pairs.
func newProgression(g group, a along, p pair, own bool) progression {
	s := progression{group: g, along: a, own: own}
	s.subject, s.object, s.conditions = contrast(g, p)
	var same string
	for _, d := range dimensions() {
		if d.name == a.dimension {
			same = condition(d.name, d.words(p.Case.Params))
		}
	}
	s.conditions = slices.DeleteFunc(s.conditions, func(c string) bool { return c == same })
	if own {
		differs := varying(g.measured())
		differs[a.dimension] = false
		if durableMethod(p.Case.Params) {
			differs["sync"] = false
		}
		s.subject, s.conditions = writePhrase(p.Case.Params, differs), nil
		if a.dimension == "files" {
			s.subject.text = strings.Replace(s.subject.text, patternNoun(p.Case.Params), "appends", 1)
		}
		for _, d := range dimensions() {
			if d.name == a.dimension {
				s.object = phrase{text: d.words(p.Baseline.Params)}
			}
		}
	}
	return s
}

// sentences say of each metric how the ratio goes along the parameter.
func (s progression) sentences() []string {
	var out []string
	for _, w := range wordings() {
		if w.Metric != results.MetricAccepted && w.Metric != results.MetricDurable && w.Metric != results.MetricCommitP99 && w.Metric != results.MetricWriteP99 {
			continue // a sentence for each of the others would bury these: the tables have them
		}
		if text := s.sentence(w); text != "" {
			out = append(out, text)
		}
	}
	return out
}

func (s progression) sentence(w wording) string {
	var clear, same, noisy []pair
	for _, p := range s.pairs {
		c, ok := p.find(w.Metric)
		switch {
		case !ok || unsaid(p, w.Metric):
		case shown(c.Verdict):
			clear = append(clear, p)
		case c.Verdict == results.NoDifference:
			same = append(same, p)
		default:
			noisy = append(noisy, p)
		}
	}
	if len(clear)+len(same)+len(noisy) == 0 {
		return ""
	}
	at := func(p pair) string { return s.format(s.of(p.Case.Params)) }
	var parts []string
	var told []string
	var like *results.Comparison
	for _, p := range telling(clear, w.Metric) {
		c, _ := p.find(w.Metric)
		ratio, _, _ := formatRatio(c.Ratio, c.Low, c.High)
		told = append(told, fmt.Sprintf("%s times at %s (%s)", ratio, at(p), interval(c, like)))
		like = &c
	}
	if len(told) > 0 {
		parts = append(parts, w.What+" is "+joinClauses(told))
		if more := len(clear) - len(told); more > 0 {
			parts[0] += fmt.Sprintf(", and shown to differ at %s", plural(more, "value")+" between")
		}
	}
	places := func(pairs []pair) string {
		var out []string
		for _, p := range pairs {
			out = append(out, at(p))
		}
		return joinWords(out)
	}
	what := ""
	if len(told) == 0 {
		what = " in " + w.What
	}
	if len(same) > 0 {
		parts = append(parts, "no difference is shown"+what+" at "+places(same))
	}
	if len(noisy) > 0 {
		parts = append(parts, "it is too noisy to say"+what+" at "+places(noisy))
	}
	lead := strings.Join(append(slices.Clone(s.conditions), s.subject.text+" against "+s.object.text+", by "+s.by), ", ")
	return sentence(lead) + ": " + strings.Join(parts, "; ") + "."
}

// telling are the pairs of a progression that a sentence needs: the first, the last, and those of the least and the greatest ratio.
func telling(pairs []pair, metric string) []pair {
	if len(pairs) <= 4 {
		return pairs
	}
	ratio := func(p pair) float64 { c, _ := p.find(metric); return c.Ratio }
	by := func(a, b pair) int { return cmp.Compare(ratio(a), ratio(b)) }
	least, most := slices.MinFunc(pairs, by), slices.MaxFunc(pairs, by)
	var out []pair
	for i, p := range pairs {
		if i == 0 || i == len(pairs)-1 || p.Case == least.Case || p.Case == most.Case {
			out = append(out, p)
		}
	}
	return out
}

// clearest is the pair of a progression that shows the greatest difference in the first of some metrics that shows any, else the last.
func (s progression) clearest(metrics ...string) (best pair, metric, remark string, ok bool) {
	for _, name := range metrics {
		w, _ := word(name)
		most := 0.0
		for _, p := range s.pairs {
			c, has := p.find(name)
			if !has || unsaid(p, name) {
				continue
			}
			if !ok { // nothing is shown so far
				best, metric, remark, ok = p, name, "", true
			}
			if away := math.Abs(math.Log(c.Ratio)); shown(c.Verdict) && away > most {
				best, metric, most = p, name, away
				remark = clearest(len(s.pairs), map[bool]string{true: "gain", false: "loss"}[w.better(c.Verdict)])
			} else if most == 0 && metric == name {
				best = p
			}
		}
		if most > 0 {
			break
		}
	}
	return best, metric, remark, ok
}
