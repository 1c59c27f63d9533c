package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"copylab/results"
	"copylab/results/measured"
)

// What is said of writes besides their comparisons: how close they come to memory, what they were at the device, and in which
// state the disk was.

// writesOf lists the measured writes of a summary that write bytes, in order, with the groups that they are in.
func writesOf(s *results.Summary) (cases []*results.CaseSummary, home map[*results.CaseSummary]group) {
	home = map[*results.CaseSummary]group{}
	for _, g := range groups(s) {
		if g.Kind != results.Write {
			continue
		}
		for _, c := range g.measured() {
			if c.Params.Method != "null" {
				cases = append(cases, c)
				home[c] = g
			}
		}
	}
	return cases, home
}

// writeNames names writes for a table of a whole run: by label, and where there are several groups of writes by what sets the group
// apart: "append (dsync)".
func writeNames(s *results.Summary) map[*results.CaseSummary]string {
	cases, home := writesOf(s)
	several := slices.ContainsFunc(cases, func(c *results.CaseSummary) bool { return home[c].Part != home[cases[0]].Part })
	out := map[*results.CaseSummary]string{}
	for _, c := range cases {
		out[c] = label(c)
		if _, apart, ok := strings.Cut(home[c].plainName(), ", "); ok && several {
			out[c] += " (" + apart + ")"
		}
	}
	return out
}

// spoken are the cases of a group of which sentences speak one by one: the baselines, or all where nothing is compared. It is empty
// where those are too many; then a sentence tells between which they lie.
func spoken(g group, cases []*results.CaseSummary) []*results.CaseSummary {
	compared := func(c *results.CaseSummary) bool {
		return slices.ContainsFunc(g.Pairs, func(p pair) bool { return p.Case == c })
	}
	out := slices.DeleteFunc(slices.Clone(cases), compared)
	if len(out) == 0 {
		out = cases
	}
	if len(out) > mostSpoken {
		return nil
	}
	return out
}

const mostSpoken = 3

// metricWords is a metric with its interval: "0.31 (95 % interval 0.29 to 0.33)".
func metricWords(m results.Metric) string {
	value, low, high := formatRatio(m.Median, m.Low, m.High)
	return fmt.Sprintf("%s (%s interval %s to %s)", value, formatConfidence(m.Confidence), low, high)
}

// times is metricWords with the word that a ratio has: "0.31 times (95 % interval 0.29 to 0.33)".
func times(m results.Metric) string {
	value, rest, _ := strings.Cut(metricWords(m), " (")
	return value + " times (" + rest
}

// ofMemory are a case's rates over that of copying in memory; ok says whether there is any.
func ofMemory(c *results.CaseSummary) (accepted, durable results.Metric, ok bool) {
	if c.OfMemory == nil || c.OfMemory.Accepted.Why() != "" {
		return results.Metric{}, results.Metric{}, false
	}
	return c.OfMemory.Accepted, c.OfMemory.Durable, true
}

// sameMetric says whether two rates are one thing, as accepted and durable are with O_DSYNC.
func sameMetric(a, b results.Metric) bool {
	return a.Why() == "" && b.Why() == "" && a.Median == b.Median && a.Low == b.Low && a.High == b.High
}

// memoryTable sets every write's rates against copying in memory; false where that was not measured.
func memoryTable(s *results.Summary) (table, bool) {
	cases, _ := writesOf(s)
	cases = slices.DeleteFunc(cases, func(c *results.CaseSummary) bool { _, _, ok := ofMemory(c); return !ok })
	if len(cases) == 0 || s.MemoryCopy == nil {
		return table{}, false
	}
	names := writeNames(s)
	t := table{Caption: "Against memory: rates over that of copying in memory", Columns: []column{
		{Head: "case"}, {Head: "accepted", Unit: "× memory", Numeric: true}, {Head: "durable", Unit: "× memory", Numeric: true, Spare: 1},
		{Head: "in memory only", Unit: "at the last write", Numeric: true, Spare: 2},
	}}
	if rate, ok := s.MemoryCopy.UncachedBytesPerSecond.Get(); ok {
		t.Caption += fmt.Sprintf(", %s over %s", formatRate(rate), known(s.MemoryCopy.UncachedBytes, func(b float64) string { return formatBytes(int64(b)) }))
	}
	ratio := func(m results.Metric) cell {
		if why := m.Why(); why != "" {
			return t.note(why)
		}
		value, low, high := formatRatio(m.Median, m.Low, m.High)
		return cell{Text: fmt.Sprintf("%s [%s–%s] ", value, low, high)}
	}
	for _, c := range cases {
		accepted, durable, _ := ofMemory(c)
		share, ok := c.Metrics[results.MetricInMemory]
		var last cell
		switch {
		case !ok:
			last = t.note("not recorded")
		case share.Why() != "":
			last = t.note(share.Why())
		default:
			last = cell{Text: formatShare(share.Median)}
		}
		t.Rows = append(t.Rows, []cell{{Text: names[c]}, ratio(accepted), ratio(durable), last})
	}
	return t, true
}

// memorySentences say how close the writes of a group come to memory, and what of them was nowhere else.
func memorySentences(g group) []string {
	cases := slices.DeleteFunc(g.measured(), func(c *results.CaseSummary) bool { _, _, ok := ofMemory(c); return !ok })
	if len(cases) == 0 {
		return nil
	}
	const speed = "the speed of copying in memory"
	chosen := spoken(g, cases)
	var out []string
	for _, c := range chosen {
		accepted, durable, _ := ofMemory(c)
		who := sentence(writeSubject(g, c).text)
		switch {
		case durable.Why() == "" && (sameMetric(accepted, durable) || alwaysDurable(c.Params)):
			out = append(out, fmt.Sprintf("%s are accepted and made durable at %s %s.", who, times(durable), speed))
			continue
		case durable.Why() == "":
			out = append(out, fmt.Sprintf("%s are accepted at %s %s, and durable at %s.", who, times(accepted), speed, times(durable)))
		default:
			out = append(out, fmt.Sprintf("%s are accepted at %s %s.", who, times(accepted), speed))
		}
		if share, ok := metric(c, results.MetricInMemory); ok && share.Median >= 0.0005 {
			out[len(out)-1] += fmt.Sprintf(" When the last write had returned, %s of the data was only in memory.", formatShare(share.Median))
		}
	}
	if len(chosen) > 0 {
		return out
	}
	of, done := func(c *results.CaseSummary) results.Metric { return c.OfMemory.Accepted }, "accepted"
	if !slices.ContainsFunc(cases, func(c *results.CaseSummary) bool { return !alwaysDurable(c.Params) || c.OfMemory.Durable.Why() != "" }) {
		of, done = func(c *results.CaseSummary) results.Metric { return c.OfMemory.Durable }, "accepted and made durable"
	}
	slowest, fastest := extremes(cases, func(c *results.CaseSummary) float64 { return of(c).Median })
	low, high := of(slowest), of(fastest)
	return []string{fmt.Sprintf("Against memory: "+done+" at from %s (%s) to %s %s (%s).", times(low), label(slowest), times(high), speed, label(fastest))}
}

// extremes are the cases with the least and the greatest of something.
func extremes(cases []*results.CaseSummary, of func(*results.CaseSummary) float64) (least, greatest *results.CaseSummary) {
	by := func(a, b *results.CaseSummary) int { return cmp.Compare(of(a), of(b)) }
	return slices.MinFunc(cases, by), slices.MaxFunc(cases, by)
}

// deviceTable shows what became of the program's writes at the device; false where nobody counted.
func deviceTable(s *results.Summary) (table, bool) {
	cases, _ := writesOf(s)
	names := writeNames(s)
	t := table{Caption: "At the device, whoever wrote to it, per write of the program and until all was written back (flushes: until durable)", Columns: []column{
		{Head: "case"}, {Head: "requests", Unit: "per write", Numeric: true}, {Head: "merged", Unit: "per write", Numeric: true, Spare: 3}, {Head: "flushes", Unit: "per write", Numeric: true},
		{Head: "written", Unit: "B/B", Numeric: true}, {Head: "in the span", Unit: "B/B", Numeric: true, Spare: 2}, {Head: "busy", Unit: "of the span", Numeric: true, Spare: 4},
		{Head: "queue", Unit: "on average", Numeric: true, Spare: 5}, {Head: "one flush", Unit: "mean", Numeric: true, Spare: 1},
	}}
	some := false
	for _, c := range cases {
		of := func(name string) cell {
			m, ok := c.Metrics[name]
			switch {
			case !ok:
				return t.note("not recorded")
			case m.Why() != "":
				return t.note(m.Why())
			}
			some = true
			return cell{Text: small(m.Median)}
		}
		busy, ok := c.Evidence.BusyShare["disk"]
		if !ok {
			busy = measured.Unavailable[float64]("not recorded")
		}
		t.Rows = append(t.Rows, []cell{
			{Text: names[c]}, of(results.MetricDeviceIOs), of(results.MetricDeviceMerges), of(results.MetricDeviceFlushes),
			of(results.MetricDeviceSettled), of(results.MetricDeviceWrites), valueCell(&t, busy, formatShare),
			valueCell(&t, c.Evidence.DeviceQueueLength, func(f float64) string { return significant(f, 2) }), valueCell(&t, c.Evidence.FlushNS, formatNS),
		})
	}
	return t, some
}

// small writes a number of requests or bytes per write with three digits, and a tiny one as less than a thousandth.
func small(f float64) string {
	if f > 0 && f < 0.001 {
		return "<0.001"
	}
	return significant(f, 3)
}

// deviceSentences say what one write came to at the device: for each case where they are few, else for the extremes.
func deviceSentences(g group) []string {
	settled := func(c *results.CaseSummary) float64 { m, _ := metric(c, results.MetricDeviceSettled); return m.Median }
	cases := slices.DeleteFunc(g.measured(), func(c *results.CaseSummary) bool {
		_, requests := metric(c, results.MetricDeviceIOs)
		_, bytes := metric(c, results.MetricDeviceSettled)
		return !requests || !bytes
	})
	if len(cases) == 0 {
		return nil
	}
	chosen := cases
	var out []string
	if len(cases) > 2 { // a sentence for each would bury the rest: the table has them
		least, greatest := extremes(cases, settled)
		if small(settled(least)) == small(settled(greatest)) {
			out = append(out, fmt.Sprintf("%s: for each byte of the program, %s bytes were written to the device, by whomever, whichever the case.", g.Name, small(settled(least))))
		} else {
			out = append(out, fmt.Sprintf("%s: for each byte of the program, from %s bytes (%s) to %s (%s) were written to the device, by whomever.", g.Name, small(settled(least)), label(least), small(settled(greatest)), label(greatest)))
		}
		requests := func(c *results.CaseSummary) float64 { m, _ := metric(c, results.MetricDeviceIOs); return m.Median }
		_, busiest := extremes(cases, requests)
		chosen = []*results.CaseSummary{busiest}
	}
	for _, c := range chosen {
		out = append(out, deviceSentence(g, c))
	}
	return out
}

// deviceSentence is of one case: "Per 4 KiB dsync append the device was given 3 requests, 20 KiB in all, and 1 flush, whoever caused them (5.0
// times its bytes)." The device's counters don't tell whose a request was.
func deviceSentence(g group, c *results.CaseSummary) string {
	requests, _ := metric(c, results.MetricDeviceIOs)
	bytes, _ := metric(c, results.MetricDeviceSettled)
	flushes := ""
	if m, ok := metric(c, results.MetricDeviceFlushes); ok {
		flushes = "no flush"
		switch {
		case m.Median >= 0.95 && m.Median < 1.05:
			flushes = "1 flush"
		case m.Median > 0 && m.Median < 0.1:
			flushes = "a flush for every " + formatCount(int64(math.Round(1/m.Median))) + " writes"
		case m.Median > 0:
			flushes = significant(m.Median, 2) + " flushes"
			if requests.Median < 0.5 {
				flushes += " per write"
			}
		}
	}
	u := byteUnit(bytes.Median * float64(c.Params.BlockBytes))
	written := significant(bytes.Median*float64(c.Params.BlockBytes)/u.Size, 2) + " " + u.Name
	text := ""
	if requests.Median >= 0.5 {
		text = fmt.Sprintf("per %s the device was given %s, %s in all", oneWrite(g, c), amount(requests.Median, "request"), written)
		if flushes != "" {
			text += ", and " + flushes
		}
		text += fmt.Sprintf(", whoever caused them (%s times its bytes)", significant(bytes.Median, 2))
	} else {
		text = fmt.Sprintf("of %s, %s shared a request at the device", writeSubject(g, c).text, amount(1/max(requests.Median, 1e-9), "write"))
		if requests.Median == 0 {
			text = fmt.Sprintf("%s came to no request at the device", writeSubject(g, c).text)
		}
		if flushes != "" {
			text += ", with " + flushes
		}
		if requests.Median > 0 {
			text += fmt.Sprintf(", whoever caused them (%s times their bytes)", significant(bytes.Median, 2))
		}
	}
	return sentence(text) + "."
}

// amount writes a count that need not be whole: "3 requests", "1.4 requests".
func amount(f float64, noun string) string {
	switch {
	case f >= 0.95 && f < 1.05:
		return "1 " + noun
	case math.Abs(f-math.Round(f)) < 0.05*f:
		return formatCount(int64(math.Round(f))) + " " + noun + "s"
	}
	return significant(f, 2) + " " + noun + "s"
}

// The beginnings of warnings that a reader must find among the findings: the word durable stands or falls with them.
func flushDoubts() []string { return []string{"flushes returned in ", "the writes are called durable"} }

// doubtSentences repeat where the disk can't have made durable what it says is.
func doubtSentences(s *results.Summary) []string {
	cases, _ := writesOf(s)
	names := writeNames(s)
	var out []string
	for _, doubt := range flushDoubts() {
		var about []string
		first := ""
		for _, c := range cases {
			for _, w := range c.Warnings {
				if strings.HasPrefix(w, doubt) {
					about = append(about, names[c])
					first = cmp.Or(first, w)
				}
			}
		}
		if len(about) == 0 {
			continue
		}
		text := about[0] + ": " + first + "."
		if len(about) > 1 {
			text = sentence(first) + fmt.Sprintf(" (so in %s, and alike in %s).", about[0], plural(len(about)-1, "other case"))
		}
		out = append(out, "Durable is the disk's word here. "+text)
	}
	return out
}

// steadyTable shows in which state the disk was; false where no case tells.
func steadyTable(s *results.Summary) (table, bool) {
	cases, _ := writesOf(s)
	names := writeNames(s)
	t := table{Caption: "The state of the disk while it was written to, by the last counted blocks", Columns: []column{
		{Head: "case"}, {Head: "state"}, {Head: "blocks", Numeric: true}, {Head: "range", Unit: "of the mean", Numeric: true}, {Head: "slope", Unit: "of the mean", Numeric: true}, {Head: "by"},
	}}
	for _, c := range cases {
		if c.Steady == nil {
			continue
		}
		state := string(c.Steady.State)
		if c.Steady.Why != "" {
			state += " " + t.mark(c.Steady.Why)
		}
		digits := func(f float64) string { return significant(f, 2) }
		number := func(v measured.Float) cell {
			if _, ok := v.Get(); !ok {
				return cell{}
			}
			return valueCell(&t, v, digits)
		}
		blocks := ""
		if c.Steady.Window > 0 {
			blocks = formatCount(int64(c.Steady.Window))
		}
		t.Rows = append(t.Rows, []cell{{Text: names[c]}, {Text: state}, {Text: blocks}, number(c.Steady.Range), number(c.Steady.Slope), {Text: c.Steady.Metric}})
	}
	return t, len(t.Rows) > 0
}

// steadySentence says in which state the disk was, all cases together; "" where nothing is shown.
func steadySentence(s *results.Summary) string {
	cases, _ := writesOf(s)
	names := writeNames(s)
	var by told[results.SteadyState]
	for _, c := range cases {
		if c.Steady != nil && c.Steady.State != results.StateUnknown {
			by.add(c.Steady.State, c)
		}
	}
	if len(by.order) == 0 {
		return ""
	}
	var parts []string
	for _, state := range by.order {
		var who []string
		for _, c := range by.by[state] {
			who = append(who, names[c])
		}
		text := joinLabels(who)
		if len(who) > mostSpoken {
			text = plural(len(who), "case")
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", state, text))
	}
	text := "The state of the disk: " + strings.Join(parts, "; ")
	if len(by.order) == 1 && len(by.by[by.order[0]]) == 1 {
		text += ": " + by.by[by.order[0]][0].Steady.Why + "."
	} else {
		text += ". The evidence says why."
	}
	return text + steadyCaveat(s, by.by[results.StateTransition])
}

// steadyCaveat says how little a transition may mean: a few blocks of noise climb or fall by chance. It is "" where there is none.
func steadyCaveat(s *results.Summary, moving []*results.CaseSummary) string {
	window := 0
	for _, c := range moving {
		window = max(window, c.Steady.Window)
	}
	if window == 0 {
		return ""
	}
	noise := "noise"
	if v := s.Run.Host.Virtualization; v != "" && v != "none" && !strings.HasPrefix(v, "unavailable") {
		noise = "what other guests of the same disk do"
	}
	return fmt.Sprintf(" In transition means not level over the last %s, and %s makes it so too: it need not be the disk that changes.", plural(window, "block"), noise)
}

// wearFacts say what a run did to its disk.
func wearFacts(s *results.Summary) []fact {
	r := s.Run
	var out []fact
	if r.DeviceWriteBytes != nil {
		text := known(*r.DeviceWriteBytes, roughBytes)
		if _, ok := r.DeviceWriteBytes.Get(); ok {
			text += ", by whomever, from its start to its end"
		}
		if r.PayloadWriteBytes != nil {
			text += "; its trials wrote " + roughBytes(*r.PayloadWriteBytes)
		}
		out = append(out, fact{"Written during the run", text})
	}
	if p := r.Precondition; p != nil {
		out = append(out, fact{"Preconditioned", fmt.Sprintf("an area of %s, with %s in %s", roughBytes(p.AreaBytes), roughBytes(p.WrittenBytes), formatNS(float64(p.DurationNS)))})
	}
	return out
}

// wearSentence says how much a disk was given during a run, which need not all be the run's; "" where that is not known.
func wearSentence(s *results.Summary) string {
	r := s.Run
	if r.DeviceWriteBytes == nil {
		return ""
	}
	n, ok := r.DeviceWriteBytes.Get()
	if !ok {
		return ""
	}
	device := r.Host.Disk.Device
	if device == "" {
		device = "the device"
	}
	text := fmt.Sprintf("%s was given %s during the run, by whomever", device, roughBytes(n))
	var own []string
	if p := r.Precondition; p != nil {
		own = append(own, fmt.Sprintf("wearing an area of %s in, before anything was measured, wrote %s", roughBytes(p.AreaBytes), roughBytes(p.WrittenBytes)))
	}
	if r.PayloadWriteBytes != nil {
		own = append(own, "the trials wrote "+roughBytes(*r.PayloadWriteBytes))
	}
	if len(own) > 0 {
		text += "; " + strings.Join(own, ", ")
	}
	return text + "."
}

// roughBytes writes a size with three digits: "12.3 GiB".
func roughBytes(n int64) string {
	u := byteUnit(float64(n))
	return significant(float64(n)/u.Size, 3) + " " + u.Name
}

// copyFacts say how fast the machine copies in memory.
func copyFacts(m *results.MemoryCopy) []fact {
	if m == nil {
		return nil
	}
	one := func(rate, set measured.Float) string {
		if _, ok := rate.Get(); !ok {
			return known(rate, formatRate)
		}
		return known(rate, formatRate) + ", over " + known(set, func(b float64) string { return formatBytes(int64(b)) })
	}
	return []fact{
		{"Copying inside the last-level cache", one(m.CachedBytesPerSecond, m.CachedBytes)},
		{"Copying in memory", one(m.UncachedBytesPerSecond, m.UncachedBytes)},
	}
}
