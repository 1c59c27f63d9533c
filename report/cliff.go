package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"copylab/results"
)

// The regimes of writes, and the cliff: where memory ends and the disk begins.

// regimeTable shows what the writes were subject to; false where no case went through more than one regime: a sentence says it then.
func regimeTable(s *results.Summary) (table, bool) {
	cases, _ := writesOf(s)
	names := writeNames(s)
	cases = slices.DeleteFunc(cases, func(c *results.CaseSummary) bool { return len(c.Regimes) == 0 })
	if !slices.ContainsFunc(cases, func(c *results.CaseSummary) bool { return len(c.Regimes) > 1 || c.Timeline != nil }) {
		return table{}, false
	}
	most, least := 0.0, math.Inf(1)
	for _, c := range cases {
		for _, r := range c.Regimes {
			if rate, ok := r.BytesPerSecond.Get(); ok && rate > 0 {
				most, least = max(most, rate), min(least, rate)
			}
		}
	}
	u := rateUnitFor(least, most)
	t := table{Caption: "What the writes were subject to (medians over the trials that met it)", Columns: []column{
		{Head: "case"}, {Head: "regime"}, {Head: "trials", Numeric: true, Spare: 1}, {Head: "time", Unit: "s", Numeric: true}, {Head: "accepted", Numeric: true}, {Head: "rate", Unit: u.Name, Numeric: true},
	}}
	for _, c := range cases {
		name := names[c]
		for _, r := range c.Regimes {
			t.Rows = append(t.Rows, []cell{
				{Text: name}, {Text: string(r.Regime)}, {Text: formatCount(int64(r.Trials))}, valueCell(&t, r.Seconds, func(f float64) string { return significant(f, 3) }),
				valueCell(&t, r.AcceptedBytes, roughBytes), valueCell(&t, r.BytesPerSecond, u.scaled),
			})
			name = ""
		}
	}
	return t, len(t.Rows) > 0
}

// regimeSentences say where memory ended for each case that got there, and which cases never did.
func regimeSentences(s *results.Summary, g group) []string {
	var out []string
	var whole told[results.Regime] // cases that were in one regime all the time
	for _, c := range g.measured() {
		switch {
		case len(c.Regimes) == 1 && c.Timeline == nil:
			whole.add(c.Regimes[0].Regime, c)
		case len(c.Regimes) > 0:
			if text := regimeSentence(g, c); text != "" {
				out = append(out, text)
			}
		}
	}
	for _, regime := range whole.order {
		cases := whole.by[regime]
		var names []string
		for _, c := range cases {
			names = append(names, label(c))
		}
		who := joinLabels(names)
		if len(cases) > 4 {
			who = plural(len(cases), "case")
		}
		limit := ""
		if n, ok := s.Run.Host.Memory.DirtyBackgroundLimitBytes.Get(); ok {
			limit = ", " + roughBytes(n)
		}
		switch regime {
		case results.RegimeMemory:
			out = append(out, fmt.Sprintf("%s: %s stayed below the limit from which on the kernel writes in the background%s: what was accepted is memory's pace, not the disk's.", g.Name, who, limit))
		case results.RegimeBackground:
			out = append(out, fmt.Sprintf("%s: %s ran while the kernel wrote in the background, and was not made to wait for it.", g.Name, who))
		case results.RegimeThrottled:
			out = append(out, fmt.Sprintf("%s: %s ran while the kernel made writers wait: what was accepted is the disk's pace.", g.Name, who))
		}
	}
	return out
}

// regimeSentence tells of one case regime by regime: of the course of its trials where timelines show one, else of which trials met which.
func regimeSentence(g group, c *results.CaseSummary) string {
	var parts []string
	for _, r := range c.Regimes {
		bytes, hasBytes := r.AcceptedBytes.Get()
		rate, hasRate := r.BytesPerSecond.Get()
		seconds, hasSeconds := r.Seconds.Get()
		if !hasBytes || !hasRate || !hasSeconds || bytes <= 0 {
			continue
		}
		if c.Timeline == nil {
			parts = append(parts, fmt.Sprintf("%s of %s %s at %s", formatCount(int64(r.Trials)), plural(c.Trials, "trial"), r.Regime, formatRate(rate)))
			continue
		}
		amount := roughBytes(bytes)
		switch r.Regime {
		case results.RegimeMemory:
			parts = append(parts, fmt.Sprintf("%s were accepted at %s, below the background limit", amount, formatRate(rate)))
			if len(parts) == 1 {
				parts[0] = "the first " + parts[0]
			}
		case results.RegimeThrottled:
			from := "for " + significant(seconds, 2) + " s"
			if at, ok := throttledFrom(c.Timeline); ok {
				from = "from " + significant(float64(at)/1e9, 2) + " s on"
			}
			parts = append(parts, fmt.Sprintf("throttled %s, %s at %s, the disk's pace", from, amount, formatRate(rate)))
		case results.RegimeBackground:
			parts = append(parts, fmt.Sprintf("%s between the limits at %s (%s s)", amount, formatRate(rate), significant(seconds, 2)))
		case results.RegimeDurable:
			parts = append(parts, fmt.Sprintf("%s durable at %s", amount, formatRate(rate)))
		default:
			parts = append(parts, fmt.Sprintf("%s at %s (%s)", amount, formatRate(rate), r.Regime))
		}
		if r.Trials > 0 && r.Trials < c.Trials {
			parts[len(parts)-1] += fmt.Sprintf(" (in %d of %s)", r.Trials, plural(c.Trials, "trial"))
		}
	}
	text := ""
	if len(parts) > 0 {
		text = sentence(writeSubject(g, c).text) + ": " + strings.Join(parts, "; ") + "."
	}
	if at, bytes, before, after, ok := cliffWords(c); ok {
		if atLimit(c) {
			text += fmt.Sprintf(" Memory ends after %s, at %s: from %s accepted until then down to %s.", bytes, at, before, after)
		} else {
			text += fmt.Sprintf(" The rate falls for good after %s, at %s, from %s to %s; that what was dirty had come to the background limit by then is not shown, so that something else may have done it.", bytes, at, before, after)
		}
	}
	return strings.TrimSpace(text)
}

// throttledFrom is when what was dirty or under write-back first reached the middle between the limits, from where on the kernel makes
// writers wait; false where it never did, or where nobody counted.
func throttledFrom(t *results.Timeline) (ns int64, ok bool) {
	if t == nil {
		return 0, false
	}
	last := lastWrite(t)
	for i, at := range t.AtNS {
		if i >= len(t.DirtyBytes) || i >= len(t.WritebackBytes) || i >= len(t.BackgroundLimitBytes) || i >= len(t.LimitBytes) || at > last {
			return 0, false
		}
		if t.LimitBytes[i] > 0 && t.DirtyBytes[i]+t.WritebackBytes[i] > (t.BackgroundLimitBytes[i]+t.LimitBytes[i])/2 {
			return at, true
		}
	}
	return 0, false
}

// throttles are the stretches in which what was held was above the middle between the limits, and writes went on.
func throttles(t *results.Timeline) []shade {
	var out []shade
	n := min(len(t.AtNS), len(t.DirtyBytes), len(t.WritebackBytes), len(t.BackgroundLimitBytes), len(t.LimitBytes))
	last := lastWrite(t)
	open := false
	for i := range n {
		above := t.LimitBytes[i] > 0 && t.DirtyBytes[i]+t.WritebackBytes[i] > (t.BackgroundLimitBytes[i]+t.LimitBytes[i])/2 && t.AtNS[i] <= last
		at := float64(t.AtNS[i]) / 1e9
		switch {
		case above && !open:
			out = append(out, shade{Low: at, High: at, Look: limitLook()})
		case open:
			out[len(out)-1].High = min(at, float64(last)/1e9)
		}
		open = above
	}
	// What is held wavers around the limit: a short dip below it is no end of it.
	bridge := 0.03 * float64(t.AtNS[len(t.AtNS)-1]) / 1e9
	merged := out[:0]
	for _, s := range out {
		if n := len(merged); n > 0 && s.Low-merged[n-1].High < bridge {
			merged[n-1].High = s.High
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// lastWrite is when the last write had returned, as far as the points tell.
func lastWrite(t *results.Timeline) int64 {
	if ns, ok := t.AcceptedNS.Get(); ok {
		return ns
	}
	for i, n := range t.AcceptedBytes {
		if n == t.AcceptedBytes[len(t.AcceptedBytes)-1] && i < len(t.AtNS) {
			return t.AtNS[i]
		}
	}
	return math.MaxInt64
}

// cliffWords are where a case's rate fell for good, and from where to where; ok is false where it did not, or nobody saw.
func cliffWords(c *results.CaseSummary) (at, bytes, before, after string, ok bool) {
	if c.Cliff == nil {
		return "", "", "", "", false
	}
	ns, one := c.Cliff.AtNS.Get()
	n, two := c.Cliff.AcceptedBytes.Get()
	fast, three := c.Cliff.BeforeBytesPerSecond.Get()
	slow, four := c.Cliff.AfterBytesPerSecond.Get()
	if !one || !two || !three || !four {
		return "", "", "", "", false
	}
	return significant(float64(ns)/1e9, 2) + " s", roughBytes(n), formatRate(fast), formatRate(slow), true
}

// atLimit says whether a case's cliff is where memory ended: whether by a second after it, what was dirty had come to the background limit.
// Otherwise something else made the writer slow, such as other programs.
func atLimit(c *results.CaseSummary) bool {
	t := c.Timeline
	if c.Cliff == nil || t == nil {
		return false
	}
	at, ok := c.Cliff.AtNS.Get()
	for i := range min(len(t.AtNS), len(t.DirtyBytes), len(t.WritebackBytes), len(t.BackgroundLimitBytes)) {
		if ok && t.AtNS[i] <= at+1e9 && t.BackgroundLimitBytes[i] > 0 && t.DirtyBytes[i]+t.WritebackBytes[i] >= t.BackgroundLimitBytes[i] {
			return true
		}
	}
	return false
}

// mostTimelines is how many cases one chart of timelines holds.
const mostTimelines = 4

// cliff draws how the long writes of a group went: what was accepted, what was dirty, how long writes took.
func (f figureMaker) cliff() []figure {
	var cases []*results.CaseSummary
	for _, c := range f.g.measured() {
		if t := c.Timeline; t != nil && len(t.AtNS) > 2 && len(t.AcceptedBytes) == len(t.AtNS) {
			cases = append(cases, c)
		}
	}
	var out []figure
	for part := range slices.Chunk(cases, mostTimelines) {
		name := "cliff-" + f.slug
		if len(cases) > mostTimelines {
			name += fmt.Sprintf("-part-%d", len(out)+1)
		}
		out = append(out, f.cliffOf(name, part))
	}
	return out
}

// The looks of what a timeline shows, the same in every chart for ever.
func acceptedLook() look  { return look{Color: blue} }
func deviceLook() look    { return look{Color: vermillion} }
func dirtyLook() look     { return look{Color: orange} }
func writebackLook() look { return look{Color: skyBlue} }
func limitLook() look     { return look{Color: ink, Texture: dotTexture} }
func lowLimitLook() look  { return look{Color: ink, Texture: speckTexture} }
func longestLook() look   { return look{Color: green} }

func (f figureMaker) cliffOf(name string, cases []*results.CaseSummary) figure {
	rates, bytes := 0.0, 0.0
	for _, c := range cases {
		t := c.Timeline
		for _, v := range slices.Concat(rateOf(t.AtNS, t.AcceptedBytes), rateOf(t.AtNS, t.DeviceWriteBytes)) {
			rates = max(rates, v.Y)
		}
		for _, n := range slices.Concat(t.DirtyBytes, t.WritebackBytes, t.LimitBytes) {
			bytes = max(bytes, float64(n))
		}
	}
	rate, held := rateUnit(rates), byteUnit(bytes)
	b := timeBody{}
	data := table{Caption: "How the writes went, at about 20 points of time", Columns: []column{
		{Head: "case"}, {Head: "time", Unit: "s", Numeric: true}, {Head: "accepted", Unit: "in all", Numeric: true}, {Head: "accepted", Unit: rate.Name, Numeric: true}, {Head: "device", Unit: rate.Name, Numeric: true},
		{Head: "dirty", Unit: held.Name, Numeric: true}, {Head: "write-back", Unit: held.Name, Numeric: true}, {Head: "background limit", Unit: held.Name, Numeric: true}, {Head: "limit", Unit: held.Name, Numeric: true},
		{Head: "longest write", Numeric: true},
	}}
	for _, c := range cases {
		b.Columns = append(b.Columns, f.timeColumn(c, rate, held, len(cases) > 1))
		data.Rows = append(data.Rows, timeRows(&data, c, rate, held)...)
	}
	b.share()
	how := "Above: what was accepted from the program, and what was written to the device. Middle: what the whole machine held dirty and under write-back, with the kernel's limits, which follow the memory that is available; " +
		"above the middle between them, where it is shaded, writers are made to wait. Below: the longest write in each step of time (log axis). Of the trial whose accepted rate is the median one."
	if missing := unseen(cases); missing != "" {
		how += " " + missing
	}
	return f.figure(name, f.cliffTitle(cases), how, cases, data, b)
}

// unseen says what timelines lack, and why.
func unseen(cases []*results.CaseSummary) string {
	var parts []string
	for _, c := range cases {
		for _, key := range sortedKeys(c.Timeline.Unavailable) {
			text := strings.ReplaceAll(strings.TrimSuffix(key, "_bytes"), "_", " ") + ": " + c.Timeline.Unavailable[key]
			if !slices.Contains(parts, text) {
				parts = append(parts, text)
			}
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "Not shown: " + strings.Join(parts, "; ") + "."
}

// cliffTitle says what the timelines show.
func (f figureMaker) cliffTitle(cases []*results.CaseSummary) string {
	var parts []string
	ends := "Where memory ends"
	for _, c := range cases {
		if _, bytes, before, after, ok := cliffWords(c); ok {
			parts = append(parts, fmt.Sprintf("%s after %s, from %s down to %s", label(c), bytes, before, after))
			if !atLimit(c) {
				ends = "Where the rate falls"
			}
		}
	}
	switch {
	case len(parts) == 0:
		var whole []string
		for _, c := range cases {
			whole = append(whole, fmt.Sprintf("%s at %s", label(c), formatRate(metricOr(c, results.MetricAccepted))))
		}
		return "No cliff: the rate did not fall for good; accepted: " + joinLabels(whole)
	case len(cases) == 1:
		_, bytes, before, after, _ := cliffWords(cases[0])
		if !atLimit(cases[0]) {
			return fmt.Sprintf("The rate falls after %s, from %s to %s, though not by the limits as far as is shown", bytes, before, after)
		}
		return fmt.Sprintf("Memory ends after %s: %s accepted until then, %s from then on", bytes, before, after)
	case len(parts) > 2:
		return fmt.Sprintf("%s: %s; %d of %d cases came to such a point", ends, parts[0], len(parts), len(cases))
	}
	return ends + ": " + strings.Join(parts, "; ")
}

// metricOr is a metric's median, or 0.
func metricOr(c *results.CaseSummary, name string) float64 {
	m, _ := metric(c, name)
	return m.Median
}

// rateOf are the rates between the points of a count, at the later of two.
func rateOf(at, count []int64) []point {
	if len(count) != len(at) {
		return nil
	}
	var out []point
	for i := 1; i < len(at); i++ {
		if dt := at[i] - at[i-1]; dt > 0 && count[i] >= count[i-1] {
			out = append(out, bare(float64(at[i])/1e9, float64(count[i]-count[i-1])/float64(dt)*1e9))
		}
	}
	return out
}

// bare is a point without an interval or a marker.
func bare(x, y float64) point { return point{X: x, Y: y, Low: math.NaN(), High: math.NaN()} }

// mostTimes is how many points of time a chart can show apart.
const mostTimes = 150

// thinned is a timeline with few enough points: of counts and levels every so manieth, of the longest writes the longest between.
func thinned(t *results.Timeline) *results.Timeline {
	step := (len(t.AtNS) + mostTimes - 1) / mostTimes
	if step < 2 {
		return t
	}
	out := *t
	every := func(values []int64) []int64 {
		var kept []int64
		for i := 0; i < len(values); i += step {
			kept = append(kept, values[i])
		}
		if n := len(values); n > 0 && (n-1)%step != 0 {
			kept = append(kept, values[n-1])
		}
		return kept
	}
	for _, v := range []*[]int64{&out.AtNS, &out.AcceptedBytes, &out.DirtyBytes, &out.WritebackBytes, &out.BackgroundLimitBytes, &out.LimitBytes, &out.DeviceWriteBytes} {
		*v = every(*v)
	}
	out.MaxLatencyNS = nil
	for i := range out.AtNS {
		to := min(i*step, len(t.MaxLatencyNS)-1)
		from := max(0, (i-1)*step+1)
		out.MaxLatencyNS = append(out.MaxLatencyNS, slices.Max(t.MaxLatencyNS[min(from, to):to+1]))
	}
	return &out
}

// timeColumn draws one case.
func (f figureMaker) timeColumn(c *results.CaseSummary, rate, held unit, titled bool) timeColumn {
	t := thinned(c.Timeline)
	column := timeColumn{}
	if titled {
		column.Title = label(c)
	}
	var marks []mark
	if c.Cliff != nil {
		if at, ok := c.Cliff.AtNS.Get(); ok {
			note := "memory ends"
			if !atLimit(c) {
				note = "the rate falls"
			}
			marks = append(marks, mark{float64(at) / 1e9, note})
		}
	}
	if at := lastWrite(t); at < math.MaxInt64 {
		marks = append(marks, mark{float64(at) / 1e9, "last write"})
	}
	if at, ok := t.DurableNS.Get(); ok {
		marks = append(marks, mark{float64(at) / 1e9, "last sync"})
	}
	levels := func(counts []int64) []point {
		var out []point
		if len(counts) == len(t.AtNS) {
			for i, n := range counts {
				out = append(out, bare(float64(t.AtNS[i])/1e9, float64(n)/held.Size))
			}
		}
		return out
	}
	scaled := func(points []point) []point {
		for i := range points {
			points[i].Y /= rate.Size
		}
		return points
	}
	add := func(b *curveBody, name string, l look, points []point) {
		if len(points) > 1 {
			b.Curves = append(b.Curves, curve{Label: name, Look: l, Points: points})
		}
	}
	rates := curveBody{YLabel: rate.Name, Linear: true, Times: true, XTicks: niceTicks(6), YTicks: niceTicks}
	add(&rates, "accepted", acceptedLook(), scaled(rateOf(t.AtNS, t.AcceptedBytes)))
	add(&rates, "device", deviceLook(), scaled(rateOf(t.AtNS, t.DeviceWriteBytes)))
	pages := curveBody{YLabel: held.Name + " held by the whole machine", Linear: true, Times: true, XTicks: niceTicks(6), YTicks: niceTicks}
	add(&pages, "limit", limitLook(), levels(t.LimitBytes))
	add(&pages, "background limit", lowLimitLook(), levels(t.BackgroundLimitBytes))
	add(&pages, "dirty", dirtyLook(), levels(t.DirtyBytes))
	add(&pages, "write-back", writebackLook(), levels(t.WritebackBytes))
	longest := curveBody{YLabel: "longest write (log axis)", XTicks: niceTicks(6), YTicks: func(most int) plot.Ticker { return logTicks(formatTick, most) }, Times: true}
	var times []point
	for i, ns := range t.MaxLatencyNS {
		if ns > 0 && i < len(t.AtNS) {
			times = append(times, bare(float64(t.AtNS[i])/1e9, float64(ns)))
		}
	}
	add(&longest, "longest write", longestLook(), times)
	for _, b := range []curveBody{rates, pages, longest} {
		if len(b.Curves) == 0 {
			continue
		}
		b.Marks, b.Shades = marks, throttles(t)
		column.Panels = append(column.Panels, b)
	}
	if n := len(column.Panels); n > 0 {
		column.Panels[n-1].XLabel = "time since the first write, s"
	}
	return column
}

// timeRows are some points of a timeline as text.
func timeRows(t *table, c *results.CaseSummary, rate, held unit) [][]cell {
	tl := c.Timeline
	step := max(1, (len(tl.AtNS)+19)/20)
	var out [][]cell
	level := func(counts []int64, i int) cell {
		if len(counts) != len(tl.AtNS) {
			return cell{Text: "n/a"}
		}
		return cell{Text: significant(float64(counts[i])/held.Size, 3)}
	}
	between := func(counts []int64, from, to int) cell {
		if len(counts) != len(tl.AtNS) || tl.AtNS[to] <= tl.AtNS[from] {
			return cell{Text: "n/a"}
		}
		return cell{Text: significant(float64(counts[to]-counts[from])/float64(tl.AtNS[to]-tl.AtNS[from])*1e9/rate.Size, 3)}
	}
	for i := step; i < len(tl.AtNS); i += step {
		longest := cell{Text: "n/a"}
		if len(tl.MaxLatencyNS) == len(tl.AtNS) {
			if n := slices.Max(tl.MaxLatencyNS[i-step+1 : i+1]); n > 0 {
				longest.Text = formatNS(float64(n))
			} else {
				longest.Text = "none"
			}
		}
		out = append(out, []cell{
			{Text: label(c)}, {Text: significant(float64(tl.AtNS[i])/1e9, 3)}, {Text: roughBytes(tl.AcceptedBytes[i])}, between(tl.AcceptedBytes, i-step, i), between(tl.DeviceWriteBytes, i-step, i),
			level(tl.DirtyBytes, i), level(tl.WritebackBytes, i), level(tl.BackgroundLimitBytes, i), level(tl.LimitBytes, i), longest,
		})
	}
	return out
}

// timeColumn is one case: charts under each other, over one axis of time.
type timeColumn struct {
	Title  string
	Panels []curveBody
}

// timeBody draws columns beside each other where there is room, all over the same axes.
type timeBody struct{ Columns []timeColumn }

const (
	timePanel vg.Length = 128 // of a panel, without notes and the name of its X axis
	timeGap   vg.Length = 6
)

// share gives panels of a kind the same axes.
func (b timeBody) share() {
	for i := range b.Columns {
		for k := range b.Columns[i].Panels {
			p := &b.Columns[i].Panels[k]
			var x []curve
			for _, other := range b.Columns {
				for _, o := range other.Panels {
					for _, c := range o.Curves {
						if o.YLabel == p.YLabel {
							p.Like = append(p.Like, c)
						}
						x = append(x, c)
					}
				}
			}
			p.Span = spanOf(x)
		}
	}
}

// spanOf is from where to where curves go in X.
func spanOf(curves []curve) [2]float64 {
	out := [2]float64{0, 0}
	for _, c := range curves {
		for _, p := range c.Points {
			out[1] = max(out[1], p.X)
		}
	}
	return out
}

func (b timeBody) beside(width vg.Length) int {
	if width < 400 || len(b.Columns) == 1 {
		return 1
	}
	return 2
}

func (b timeBody) cell(width vg.Length) vg.Length {
	n := vg.Length(b.beside(width))
	return (width - (n-1)*panelGap) / n
}

// markRows is how many rows of notes a column's marks need, of about this width.
func (c timeColumn) markRows(cell vg.Length) int {
	if len(c.Panels) == 0 {
		return 0
	}
	const axes = 60 // what the Y axis and the gap before the labels take
	p := c.Panels[0]
	room := vg.Length(0)
	for _, other := range c.Panels {
		_, own := other.endLabels(cell)
		room = max(room, own)
	}
	s := textStyle(textSize-0.5, muted, false, draw.XCenter, draw.YBottom)
	wide := cell - room - axes
	var ends []vg.Length
	for _, m := range p.Marks {
		x, half := axes*2/3+wide*vg.Length(m.X/max(p.Span[1], 1e-9)), s.Width(m.Note)/2+4
		mid := min(max(x, half), cell-half)
		row := slices.IndexFunc(ends, func(end vg.Length) bool { return mid-half > end+8 })
		if row < 0 {
			row = len(ends)
			ends = append(ends, 0)
		}
		ends[row] = mid + half
	}
	return len(ends)
}

// rowed gives the first panels room for their notes.
func (b timeBody) rowed(cell vg.Length) timeBody {
	rows := 0
	for _, c := range b.Columns {
		rows = max(rows, c.markRows(cell))
	}
	out := timeBody{}
	for _, c := range b.Columns {
		c.Panels = slices.Clone(c.Panels)
		if len(c.Panels) > 0 {
			c.Panels[0].MarkRows = rows
		}
		out.Columns = append(out.Columns, c)
	}
	return out
}

// panelHeight is the room for one panel.
func panelHeight(p curveBody) vg.Length {
	h := timePanel + noteRow*vg.Length(p.MarkRows)
	if p.XLabel != "" {
		h += textSize * 1.3
	}
	return h
}

func (b timeBody) columnHeight() vg.Length {
	highest := vg.Length(0)
	for _, c := range b.Columns {
		h := vg.Length(0)
		if c.Title != "" {
			h += panelTitle
		}
		for _, p := range c.Panels {
			h += panelHeight(p) + timeGap
		}
		highest = max(highest, h)
	}
	return highest
}

func (b timeBody) height(width vg.Length) vg.Length {
	rows := vg.Length((len(b.Columns) + b.beside(width) - 1) / b.beside(width))
	b = b.rowed(b.cell(width))
	return rows*b.columnHeight() + (rows-1)*panelGap
}

func (b timeBody) draw(c draw.Canvas) {
	beside, cell := b.beside(c.Max.X-c.Min.X), b.cell(c.Max.X-c.Min.X)
	b = b.rowed(cell)
	high := b.columnHeight()
	var room, left vg.Length // the same for all, so that the times stand under each other
	for _, col := range b.Columns {
		for _, p := range col.Panels {
			_, own := p.endLabels(cell)
			room = max(room, own)
		}
	}
	for _, col := range b.Columns {
		for _, p := range col.Panels {
			p.Room = room
			left = max(left, p.yWidth(draw.Canvas{Rectangle: vg.Rectangle{Max: vg.Point{X: cell, Y: panelHeight(p)}}}))
		}
	}
	s := textStyle(textSize+0.5, ink, true, draw.XLeft, draw.YTop)
	for i, col := range b.Columns {
		x := c.Min.X + vg.Length(i%beside)*(cell+panelGap)
		top := c.Max.Y - vg.Length(i/beside)*(high+panelGap)
		if col.Title != "" {
			c.FillText(s, vg.Point{X: x, Y: top}, col.Title)
			top -= panelTitle
		}
		for _, p := range col.Panels {
			p.Room, p.Left = room, left
			h := panelHeight(p)
			p.draw(draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{Min: vg.Point{X: x, Y: top - h}, Max: vg.Point{X: x + cell, Y: top}}})
			top -= h + timeGap
		}
	}
}
