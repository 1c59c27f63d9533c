package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"copylab/results"
)

// What mechanical disks would have done with the writes of a run. Every number here is modelled, and says so.

// driveName names a modelled drive by its ID.
func driveName(id string) string {
	switch id {
	case "7200rpm":
		return "7200 rpm disk"
	case "hp97560":
		return "HP 97560"
	}
	return id
}

// modelledDisk names a drive with its write cache: "7200 rpm disk, cache off".
func modelledDisk(drive, cache string) string {
	if cache == "" {
		return driveName(drive)
	}
	return driveName(drive) + ", cache " + cache
}

// withCache is "a 7200 rpm disk with its write cache off".
func withCache(drive, cache string) string {
	article := "a "
	if strings.HasPrefix(driveName(drive), "HP") {
		article = "an "
	}
	if cache == "" {
		return article + driveName(drive)
	}
	return article + driveName(drive) + " with its write cache " + cache
}

// fedWith says which writes a model was given.
func fedWith(source string) string {
	switch source {
	case results.SourceBlockTrace:
		return "from the I/Os that this device was given"
	case results.SourceAsIssued:
		return "from the writes as the program issued them"
	}
	return "from " + source
}

// modelledTable shows what each modelled disk would have done; false where none was modelled.
func modelledTable(s *results.Summary) (table, bool) {
	cases, _ := writesOf(s)
	names := writeNames(s)
	most, least := 0.0, math.Inf(1)
	for _, c := range cases {
		for _, m := range c.Modelled {
			if rate, ok := m.BytesPerSecond.Get(); ok && rate > 0 {
				most, least = max(most, rate), min(least, rate)
			}
		}
	}
	u := rateUnitFor(least, most)
	t := table{Caption: "Modelled: what mechanical disks would have done with these writes. No such disk was touched", Columns: []column{
		{Head: "case"}, {Head: "modelled disk"}, {Head: "modelled", Unit: u.Name, Numeric: true}, {Head: "modelled", Unit: "writes/s", Numeric: true},
		{Head: "modelled", Unit: "seeking", Numeric: true, Spare: 2}, {Head: "modelled", Unit: "turning", Numeric: true, Spare: 3}, {Head: "modelled", Unit: "transfer", Numeric: true, Spare: 4},
		{Head: "modelled", Unit: "other", Numeric: true, Spare: 5}, {Head: "outside the file", Unit: "of its bytes", Numeric: true, Spare: 1}, {Head: "made from", Spare: 6},
	}}
	for _, c := range cases {
		name := names[c]
		for _, m := range c.Modelled {
			total, whole := m.TotalNS.Get()
			share := func(part int64, ok bool, why string) cell {
				switch {
				case !ok:
					return t.note(why)
				case !whole || total <= 0:
					return cell{}
				}
				return cell{Text: formatShare(float64(part) / float64(total))}
			}
			spent := func(v interface {
				Get() (int64, bool)
				Why() string
			}) cell {
				n, ok := v.Get()
				return share(n, ok, v.Why())
			}
			writes := cell{}
			if rate, ok := m.BytesPerSecond.Get(); ok && c.Params.BlockBytes > 0 {
				writes.Text = significant(rate/float64(c.Params.BlockBytes), 3)
			}
			source := m.Source
			if m.Why != "" {
				source += " " + t.mark(m.Why)
			}
			t.Rows = append(t.Rows, []cell{
				{Text: name}, {Text: modelledDisk(m.Drive, m.WriteCache)}, valueCell(&t, m.BytesPerSecond, u.scaled), writes,
				spent(m.SeekNS), spent(m.RotationNS), spent(m.TransferNS), spent(m.OtherNS), outside(&t, m), {Text: source},
			})
			name = ""
		}
	}
	return t, len(t.Rows) > 0
}

// outside is the share of what a model was fed that lies outside of the trial's files: the filesystem's journal and metadata, and what other
// programs wrote. What was taken as the program issued it has none.
func outside(t *table, m results.Modelled) cell {
	if m.Source != results.SourceBlockTrace {
		return cell{}
	}
	n, ok := m.OutsideBytes.Get()
	all, known := m.Bytes.Get()
	switch {
	case !ok:
		return t.note(cmp.Or(m.OutsideBytes.Why(), "not recorded"))
	case !known:
		return t.note(m.Bytes.Why())
	case all <= 0:
		return cell{}
	}
	return cell{Text: formatShare(float64(n) / float64(all))}
}

// isStrayed says whether a modelled rate is not the case's own, since others' writes are in it: by the case's warning, or since more lies outside
// of its files than a journal takes that is written with every single write.
func isStrayed(c *results.CaseSummary, m results.Modelled) bool {
	const warned, perWrite = "of what the modelled disk was fed lies outside of the test file", 32 << 10
	n, ok := m.OutsideBytes.Get()
	payload, known := m.PayloadBytes.Get()
	if ok && known && c.Params.BlockBytes > 0 && n > 1<<20 && n/perWrite > payload/c.Params.BlockBytes {
		return true
	}
	return m.Source == results.SourceBlockTrace && slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, warned) })
}

// straysIn says whether a modelled comparison sets anything else against each other than two cases.
func straysIn(m results.ModelledComparison, c, baseline *results.CaseSummary) bool {
	of := func(c *results.CaseSummary) bool {
		return slices.ContainsFunc(c.Modelled, func(one results.Modelled) bool {
			return one.Drive == m.Drive && one.WriteCache == m.WriteCache && one.Source == m.Source && isStrayed(c, one)
		})
	}
	return of(c) || of(baseline)
}

// strayedSentence says of which cases no modelled rate is compared, and why; "" where there are none.
func strayedSentence(s *results.Summary) string {
	cases, _ := writesOf(s)
	names := writeNames(s)
	var who []string
	least, most := math.Inf(1), 0.0
	for _, c := range cases {
		at := slices.IndexFunc(c.Modelled, func(m results.Modelled) bool { return isStrayed(c, m) })
		if at < 0 {
			continue
		}
		who = append(who, names[c])
		n, _ := c.Modelled[at].OutsideBytes.Get()
		if all, ok := c.Modelled[at].Bytes.Get(); ok && all > 0 {
			least, most = min(least, float64(n)/float64(all)), max(most, float64(n)/float64(all))
		}
	}
	if len(who) == 0 {
		return ""
	}
	share := formatShare(most)
	if from := formatShare(least); most > least && from != share {
		share = from + " to " + share
	}
	called := joinLabels(who)
	if len(who) > mostSpoken {
		called = plural(len(who), "case")
	}
	return fmt.Sprintf("The modelled rates of %s are not compared: %s of what the model was fed lies outside of the test files: other programs wrote meanwhile, or the filesystem its journal.", called, share)
}

// fraction writes a ratio as people say it: "1/312 of", "0.83 times", "2.4 times".
func fraction(ratio float64) string {
	if ratio > 0 && ratio < 0.1 {
		return "1/" + significant(1/ratio, 3) + " of"
	}
	return significant(ratio, 2) + " times"
}

// modelledSentences say, drive by drive, how the modelled rates of cases compare with those of their baselines.
func modelledSentences(s *results.Summary) []string {
	cases, home := writesOf(s)
	find := func(id string) *results.CaseSummary {
		at := slices.IndexFunc(cases, func(c *results.CaseSummary) bool { return c.ID == id })
		if at < 0 {
			return nil
		}
		return cases[at]
	}
	type disk struct{ drive, cache string }
	var order []disk
	sources := map[disk][]string{}
	by := map[disk]map[string][]string{}
	for _, m := range s.Modelled {
		k := disk{m.Drive, m.WriteCache}
		c, b := find(m.Case), find(m.Baseline)
		if c == nil || b == nil || !(m.Ratio > 0) || straysIn(m, c, b) {
			continue
		}
		if by[k] == nil {
			order, by[k] = append(order, k), map[string][]string{}
		}
		if by[k][m.Source] == nil {
			sources[k] = append(sources[k], m.Source)
		}
		subject, object, conditions := contrast(home[c], pair{Case: c, Baseline: b})
		text := strings.Join(append(conditions, fmt.Sprintf("%s at %s the rate of %s", subject.text, fraction(m.Ratio), object.text)), ", ")
		by[k][m.Source] = append(by[k][m.Source], text)
	}
	var out []string
	for _, k := range order {
		var parts []string
		for _, source := range sources[k] {
			texts := by[k][source]
			if more := len(texts) - mostSpoken; more > 1 {
				texts = append(texts[:mostSpoken:mostSpoken], fmt.Sprintf("and %s, see the table", plural(more, "more case")))
			}
			parts = append(parts, fmt.Sprintf("(modelled, %s) %s", fedWith(source), strings.Join(texts, "; ")))
		}
		out = append(out, fmt.Sprintf("%s would take %s.", sentence(withCache(k.drive, k.cache)), strings.Join(parts, "; ")))
	}
	return out
}

// modelled draws the modelled rates of a group's cases beside the real ones.
func (f figureMaker) modelled() []figure {
	var cases []*results.CaseSummary
	for _, c := range f.g.measured() {
		if slices.ContainsFunc(c.Modelled, func(m results.Modelled) bool { v, ok := m.BytesPerSecond.Get(); return ok && v > 0 }) {
			cases = append(cases, c)
		}
	}
	if len(cases) == 0 {
		return nil
	}
	var out []figure
	for part := range slices.Chunk(cases, mostCurves) {
		name := "modelled-" + f.slug
		if len(cases) > mostCurves {
			name += fmt.Sprintf("-part-%d", len(out)+1)
		}
		out = append(out, f.modelledOf(name, part))
	}
	return out
}

// realRate is what the real disk is shown by beside modelled ones: the durable rate, or the accepted one where nothing was made durable.
func realRate(c *results.CaseSummary) (m results.Metric, name string, ok bool) {
	if m, ok := metric(c, results.MetricDurable); ok && m.Median > 0 {
		return m, "this disk, durable", true
	}
	m, ok = metric(c, results.MetricAccepted)
	return m, "this machine, accepted", ok && m.Median > 0
}

func (f figureMaker) modelledOf(name string, cases []*results.CaseSummary) figure {
	least, most := math.Inf(1), 0.0
	see := func(v float64) { least, most = min(least, v), max(most, v) }
	for _, c := range cases {
		if m, _, ok := realRate(c); ok {
			see(m.Median)
		}
		for _, m := range c.Modelled {
			if v, ok := m.BytesPerSecond.Get(); ok && v > 0 {
				see(v)
			}
		}
	}
	b := barBody{Log: most/least > 50}
	u := rateUnit(most)
	if b.Log {
		u = rateUnit(math.Sqrt(least * most))
	}
	b.Axis = u.Name
	if b.Log {
		b.Axis += " (log axis)"
	}
	data := table{Caption: "Rates, of this disk and modelled", Columns: []column{{Head: "case"}, {Head: "disk"}, {Head: "rate", Unit: u.Name, Numeric: true}, {Head: "made from"}}}
	for _, c := range cases {
		head := label(c)
		l := caseLook(c)
		l.Texture = plainTexture // the colour says enough beside a hatch
		if m, what, ok := realRate(c); ok {
			b.Bars = append(b.Bars, bar{Label: what, Head: head, Look: l, Segments: []segment{{Value: m.Median / u.Size}}, Low: m.Low / u.Size, High: m.High / u.Size, Text: u.scaled(m.Median)})
			data.Rows = append(data.Rows, []cell{{Text: label(c)}, {Text: what}, {Text: u.scaled(m.Median)}, {Text: "measured"}})
			head = ""
		}
		for _, m := range c.Modelled {
			rate, ok := m.BytesPerSecond.Get()
			if !ok || rate <= 0 {
				continue
			}
			b.Bars = append(b.Bars, bar{Modelled: true, Label: modelledDisk(m.Drive, m.WriteCache), Head: head, Look: l, Segments: []segment{{Value: rate / u.Size}}, Low: math.NaN(), High: math.NaN(), Text: u.scaled(rate) + " modelled"})
			data.Rows = append(data.Rows, []cell{{Text: label(c)}, {Text: modelledDisk(m.Drive, m.WriteCache) + " (modelled)"}, {Text: u.scaled(rate) + " modelled"}, {Text: m.Source}})
			head = ""
		}
	}
	how := "Solid: measured here, whiskers are intervals. Hatched: modelled, no such disk was touched; the rate until everything would have been on the medium."
	if b.Log {
		how += " A log axis, since the smallest bars would vanish."
	}
	return f.figure(name, f.modelledTitle(cases), how, cases, data, b)
}

// modelledTitle says what the model says, in the comparison that is asked of first.
func (f figureMaker) modelledTitle(cases []*results.CaseSummary) string {
	if text, ok := modelledWords(f.s, cases); ok {
		return "Modelled: " + text
	}
	for _, c := range cases {
		for _, m := range c.Modelled {
			if rate, ok := m.BytesPerSecond.Get(); ok && !isStrayed(c, m) {
				return fmt.Sprintf("Modelled: %s would take %s at %s", withCache(m.Drive, m.WriteCache), label(c), formatRate(rate))
			}
		}
	}
	return "Modelled rates of mechanical disks"
}

// hatched fills a rectangle as modelled: a tint under close lines of the colour, in an edge.
func hatched(c draw.Canvas, r vg.Rectangle, l look) {
	c.SetColor(paper)
	c.Fill(r.Path())
	c.SetColor(light(l.Color))
	c.Fill(r.Path())
	hatch(c, r, l.Color)
	edge := draw.LineStyle{Color: l.Color, Width: 0.8}
	if l.Color == yellow {
		edge.Color = muted
	}
	c.StrokeLines(edge, []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}, r.Min})
}
