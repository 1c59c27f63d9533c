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

// ways lists them in the order in which an answer names them.
func ways() []way {
	direct := func(p results.Params) bool { return strings.Contains(p.Method, "direct") }
	durable := func(p results.Params) bool { return durableMethod(p) || p.Sync != "none" && p.Sync != "" }
	return []way{
		{"through the page cache", results.MetricAccepted, func(p results.Params) bool { return !direct(p) && !alwaysDurable(p) }},
		{"with O_DIRECT", results.MetricAccepted, func(p results.Params) bool { return direct(p) && !alwaysDurable(p) }},
		{"until durable", results.MetricDurable, func(p results.Params) bool { return durable(p) && !direct(p) && !alwaysDurable(p) }},
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
		quick, slow := patternNoun(p.Baseline.Params), patternNoun(p.Case.Params)
		ratio := fastness(c)
		if c.Verdict == results.Higher {
			quick, slow = slow, quick
		}
		before := told
		told = ""
		switch {
		case shown(c.Verdict):
			told = quick + " are "
			if before == told { // the same are faster again
				clauses[len(clauses)-1] += fmt.Sprintf(", %s %s", ratio, w.name)
				continue
			}
			clauses = append(clauses, fmt.Sprintf("%s are %s as fast as %s %s", quick, ratio, slow, w.name))
		case c.Verdict == results.NoDifference:
			clauses = append(clauses, fmt.Sprintf("%s, no difference is shown between %s and %s", w.name, slow, quick))
		default:
			words, _ := word(w.metric)
			a.drown(slow+" and "+quick, words.What)
		}
	}
	return clauses, true
}

// fastness is how many times as fast the faster end of a comparison of rates is: "4.3 times".
func fastness(c results.Comparison) string {
	ratio, low, high := c.Ratio, c.Low, c.High
	if c.Verdict == results.Lower && ratio > 0 && low > 0 && high > 0 {
		ratio, low, high = 1/ratio, 1/c.High, 1/c.Low
	}
	text, _, _ := formatRatio(ratio, low, high)
	return text + " times"
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
	done := "accepted"
	if alwaysDurable(c.Params) {
		done = "made durable"
	}
	text := fmt.Sprintf(" %s are "+done+" %s", sentence(writeSubject(home[c], c).text), value(accepted))
	if durable.Why() == "" && !sameMetric(accepted, durable) && !alwaysDurable(c.Params) {
		ratio, _, _ := formatRatio(durable.Median, durable.Low, durable.High)
		text += ", and durable at " + ratio + " times"
	}
	return text + "."
}

// askedModelled picks the modelled comparison that is asked of first among some cases: of random writes with appends that are written alike;
// else those that differ most on the first drive.
func askedModelled(s *results.Summary, cases []*results.CaseSummary) (m results.ModelledComparison, c, baseline *results.CaseSummary, ok bool) {
	for _, one := range s.Modelled {
		at := slices.IndexFunc(cases, func(c *results.CaseSummary) bool { return c.ID == one.Case })
		from := slices.IndexFunc(cases, func(c *results.CaseSummary) bool { return c.ID == one.Baseline })
		if at < 0 || from < 0 || !(one.Ratio > 0) {
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
	return fmt.Sprintf("%s would take %s %s at %s the rate of %s %s", withCache(m.Drive, m.WriteCache), c.Params.Method, patternNoun(c.Params), fraction(m.Ratio), b.Params.Method, patternNoun(b.Params)), true
}

// modelledAnswer is a clause about one modelled comparison; "" where nothing was modelled.
func modelledAnswer(s *results.Summary) string {
	cases, _ := writesOf(s)
	if text, ok := modelledWords(s, cases); ok {
		return text + " (modelled)"
	}
	return ""
}
