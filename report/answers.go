package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"copylab/results"
)

// What the answer says of writes: how patterns compare by each way to write, how close writes come to memory, and what a
// mechanical disk would have made of them.

// way is one of the ways to write that a reader tells apart first.
type way struct {
	name string // "through the page cache"
	// metric is what writes are compared by, and holds says whether a case is written that way.
	metric string
	holds  func(results.Params) bool
}

// untilDurable is the way whose name says no more than its metric.
const untilDurable = "until durable"

// ways lists them in the order in which an answer names them.
func ways() []way {
	direct := func(p results.Params) bool { return strings.Contains(p.Method, "direct") }
	durable := func(p results.Params) bool { return durableMethod(p) || p.Sync != "none" && p.Sync != "" }
	return []way{
		{"through the page cache", results.MetricAccepted, func(p results.Params) bool { return !direct(p) && !alwaysDurable(p) }},
		{"with O_DIRECT", results.MetricAccepted, func(p results.Params) bool { return direct(p) && !alwaysDurable(p) }},
		{untilDurable, results.MetricDurable, func(p results.Params) bool { return durable(p) && !direct(p) && !alwaysDurable(p) }},
		{"when each is made durable by itself", results.MetricDurable, alwaysDurable},
	}
}

// patternPairs are the pairs of a group that differ in nothing but the pattern and its parameter.
func patternPairs(pairs []pair) []pair {
	var out []pair
	for _, p := range pairs {
		a, b := p.Case.Params, p.Baseline.Params
		for _, params := range []*results.Params{&a, &b} {
			params.Pattern, params.Draw, params.RandomShare, params.StrideBlocks, params.Theta, params.Files, params.FileBytes = "", "", 0, 0, 0, 0, 0
		}
		if p.Case.Kind == results.Write && a == b && p.Case.Params.Pattern != p.Baseline.Params.Pattern {
			out = append(out, p)
		}
	}
	return out
}

// byPattern says how the patterns of a group compare, by each way to write that was not spoken of yet: "appends are accepted 4.3 times as
// fast as random writes through the page cache, and 1.2 times with O_DIRECT; …". It is empty where no pair differs in the pattern alone.
func (a *answering) byPattern(g group, pairs []pair) (clauses []string, ok bool) {
	pairs = patternPairs(pairs)
	if len(pairs) == 0 {
		return nil, false
	}
	if a.patterns == nil {
		a.patterns = map[string]bool{}
	}
	// Random against append, where there is that, is what is asked.
	main := pairs[0]
	if at := slices.IndexFunc(pairs, func(p pair) bool { return p.Case.Params.Pattern == "random" }); at >= 0 {
		main = pairs[at]
	}
	told := ""
	for _, w := range ways() {
		if a.patterns[w.name] {
			continue
		}
		at := slices.IndexFunc(pairs, func(p pair) bool {
			_, has := p.find(w.metric)
			return has && w.holds(p.Case.Params) && p.Case.Params.Pattern == main.Case.Params.Pattern && p.Baseline.Params.Pattern == main.Baseline.Params.Pattern
		})
		if at < 0 {
			continue
		}
		a.patterns[w.name] = true
		p := pairs[at]
		c, _ := p.find(w.metric)
		if varyingBlocks(pairs) {
			w.name += " with " + formatBytes(p.Case.Params.BlockBytes) + " blocks"
		}
		quick, slow := patternNoun(p.Baseline.Params), patternNoun(p.Case.Params)
		ratio := fastness(c)
		if c.Verdict == results.Higher {
			quick, slow = slow, quick
		}
		switch {
		case shown(c.Verdict):
			before := told
			told = quick + " are "
			if before == told { // the same are faster again
				clauses[len(clauses)-1] += fmt.Sprintf(", %s %s", ratio, w.name)
				continue
			}
			clauses = append(clauses, fmt.Sprintf("%s are %s as fast as %s %s", quick, ratio, slow, w.name))
		case c.Verdict == results.NoDifference:
			told = ""
			clauses = append(clauses, fmt.Sprintf("%s, no difference is shown between %s and %s", w.name, slow, quick))
		default:
			words, _ := word(w.metric)
			what := words.What
			if w.name != untilDurable { // else it would contradict what is shown of another way
				what += " " + w.name
			}
			a.drown(slow+" and "+quick, what)
		}
	}
	return clauses, true
}

// varyingBlocks says whether pairs are of blocks of several sizes.
func varyingBlocks(pairs []pair) bool {
	return slices.ContainsFunc(pairs, func(p pair) bool { return p.Case.Params.BlockBytes != pairs[0].Case.Params.BlockBytes })
}

// fastness is how many times as fast the faster end of a comparison of rates is, with its interval: "4.3 times (3.9 to 4.8)".
func fastness(c results.Comparison) string {
	ratio, low, high := c.Ratio, c.Low, c.High
	if c.Verdict == results.Lower && ratio > 0 && low > 0 && high > 0 {
		ratio, low, high = 1/ratio, 1/c.High, 1/c.Low
	}
	text, from, to := formatRatio(ratio, low, high)
	return fmt.Sprintf("%s times (%s to %s)", text, from, to)
}

// cliffAnswer says of the first write whose rate fell for good where it did; "" where none did.
func cliffAnswer(s *results.Summary) string {
	cases, home := writesOf(s)
	for _, c := range cases {
		at, bytes, before, after, ok := cliffWords(c)
		if !ok {
			continue
		}
		text := fmt.Sprintf("%s are accepted at %s for the first %s (%s), and at %s from then on", writeSubject(home[c], c).text, before, bytes, at, after)
		if !atLimit(c) {
			text += ", though what was dirty is not shown to have come to the background limit by then"
		}
		return text
	}
	return ""
}

// doubtAnswer is a sentence where the disk can't have done what it says; "" where nothing speaks against it.
func doubtAnswer(s *results.Summary) string {
	cases, _ := writesOf(s)
	doubted := slices.ContainsFunc(cases, func(c *results.CaseSummary) bool {
		return slices.ContainsFunc(c.Warnings, func(w string) bool {
			return slices.ContainsFunc(flushDoubts(), func(begin string) bool { return strings.HasPrefix(w, begin) })
		})
	})
	if !doubted {
		return ""
	}
	return " Whether what is called durable here was on a medium is doubtful: the findings say why."
}

// memoryAnswer is the answer's second sentence: how close the writes that come closest to memory come to it, accepted and durable.
func memoryAnswer(s *results.Summary) string {
	cases, home := writesOf(s)
	cases = slices.DeleteFunc(cases, func(c *results.CaseSummary) bool { _, _, ok := ofMemory(c); return !ok })
	if len(cases) == 0 {
		return ""
	}
	_, c := extremes(cases, func(c *results.CaseSummary) float64 { return c.OfMemory.Accepted.Median })
	// Of buffered appends it is asked, where there are such.
	if at := slices.IndexFunc(cases, func(c *results.CaseSummary) bool {
		return c.Params.Pattern == "append" && c.Params.Method == "buffered" && c.OfMemory.Durable.Why() == "" && !alwaysDurable(c.Params)
	}); at >= 0 {
		c = cases[at]
	}
	accepted, durable, _ := ofMemory(c)
	value := func(m results.Metric) string {
		text, low, high := formatRatio(m.Median, m.Low, m.High)
		if m.Low <= 1 && m.High >= 1 {
			return fmt.Sprintf("at a speed that is not shown to differ from that of copying in memory (%s times, %s to %s)", text, low, high)
		}
		return "at " + text + " times the speed of copying in memory"
	}
	done, first := "accepted", accepted
	if alwaysDurable(c.Params) {
		done = "made durable"
		if durable.Why() == "" {
			first = durable
		}
	}
	text := fmt.Sprintf(" %s are "+done+" %s", sentence(writeSubject(home[c], c).text), value(first))
	if durable.Why() == "" && !sameMetric(accepted, durable) && !alwaysDurable(c.Params) {
		ratio, _, _ := formatRatio(durable.Median, durable.Low, durable.High)
		text += ", and durable at " + ratio + " times"
	}
	if wait, ok := commitWait(c); ok {
		text += "; " + wait
	}
	return text + "."
}

// commitWait says how long a commit takes, the sync that covers it included.
func commitWait(c *results.CaseSummary) (text string, ok bool) {
	times, ok := c.LatencyNS["commit"]
	if !ok {
		return "", false
	}
	p50, ok := times.P50.Get()
	if !ok {
		return "", false
	}
	text = fmt.Sprintf("a commit takes %s in the median", formatNS(float64(p50)))
	if p99, ok := times.P99.Get(); ok {
		text += fmt.Sprintf(", and %s at the 99th percentile", formatNS(float64(p99)))
	}
	return text + ", its sync included", true
}

// askedModelled picks the modelled comparison that is asked of first among some cases: of random writes with appends that are written alike;
// else those that differ most on the first drive.
func askedModelled(s *results.Summary, cases []*results.CaseSummary) (m results.ModelledComparison, c, baseline *results.CaseSummary, ok bool) {
	for _, one := range s.Modelled {
		at := slices.IndexFunc(cases, func(c *results.CaseSummary) bool { return c.ID == one.Case })
		from := slices.IndexFunc(cases, func(c *results.CaseSummary) bool { return c.ID == one.Baseline })
		if at < 0 || from < 0 || !(one.Ratio > 0) || straysIn(one, cases[at], cases[from]) {
			continue
		}
		a, b := cases[at].Params, cases[from].Params
		asked := a.Pattern == "random" && b.Pattern == "append" && a.Method == b.Method
		farther := one.Drive == m.Drive && one.WriteCache == m.WriteCache && math.Abs(math.Log(one.Ratio)) > math.Abs(math.Log(m.Ratio))
		if !ok || asked || farther {
			m, c, baseline, ok = one, cases[at], cases[from], true
		}
		if asked {
			break
		}
	}
	return m, c, baseline, ok
}

// modelledWords are "a 7200 rpm disk with its write cache off would take buffered random writes at 1/312 of the rate of buffered appends".
func modelledWords(s *results.Summary, cases []*results.CaseSummary) (text string, ok bool) {
	m, c, b, ok := askedModelled(s, cases)
	if !ok {
		return "", false
	}
	how := ""
	others := slices.DeleteFunc(slices.Clone(cases), func(c *results.CaseSummary) bool { return durableMethod(c.Params) })
	if words := syncWords(c.Params); words != "" && varying(others)["sync"] && c.Params.Sync == b.Params.Sync && !durableMethod(c.Params) {
		how = " " + condition("sync", words)
	}
	return fmt.Sprintf("%s would take %s %s%s at %s the rate of %s %s", withCache(m.Drive, m.WriteCache), c.Params.Method, patternNoun(c.Params), how, fraction(m.Ratio), b.Params.Method, patternNoun(b.Params)), true
}

// modelledAnswer is the answer's last sentence, about one modelled comparison; "" where nothing was modelled.
func modelledAnswer(s *results.Summary) string {
	cases, _ := writesOf(s)
	if text, ok := modelledWords(s, cases); ok {
		return " " + sentence(text) + " (modelled)."
	}
	return ""
}
