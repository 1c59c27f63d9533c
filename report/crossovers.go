package report

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot"

	"copylab/results"
)

// paths of a search are spoken of by what is better about them.
func gain(metric string) string {
	switch metric {
	case results.MetricThroughput:
		return "moves more bytes per second than"
	case results.MetricSenderCPU:
		return "takes less sender CPU per KiB than"
	case results.MetricReceiverCPU:
		return "takes less receiver CPU per KiB than"
	case results.MetricMachineCPU:
		return "takes less CPU of the whole machine per KiB than"
	case results.MetricRequests:
		return "serves more requests per second than"
	case results.MetricFetchP50:
		return "has a shorter median fetch time than"
	case results.MetricFetchP99:
		return "has a shorter 99th percentile of the fetch time than"
	}
	what := metric
	if w, ok := word(metric); ok {
		what = w.What
	}
	return "is better in " + what + " than"
}

// infinitive turns gain into what follows "is shown to": "take less sender CPU per KiB than".
func infinitive(gain string) string {
	verb, rest, _ := strings.Cut(gain, " ")
	switch verb {
	case "is":
		verb = "be"
	case "has":
		verb = "have"
	default:
		verb = strings.TrimSuffix(verb, "s")
	}
	return verb + " " + rest
}

// The places where a path can begin to pay.
type place int

const (
	payBracket place = iota // between two sizes that were tried
	payAlways               // at every size that was tried
	payAtMost               // from a size on at the latest: nothing is shown of those below
	payNever                // at no size that was tried
	payHole                 // at some sizes, but not at larger ones
	payUnknown              // nothing is shown at any size
)

// crossing is a crossover with what can be said of it.
type crossing struct {
	results.Crossover
	place     place
	from      int64 // smallest size from which on it pays, for payBracket, payAlways and payAtMost
	notUpTo   int64 // for payBracket
	undecided []int64
	better    []int64
}

// smallest and largest are the sizes that were tried; there is at least one.
func (x crossing) smallest() int64 { return x.Tried[0].ChunkBytes }
func (x crossing) largest() int64  { return x.Tried[len(x.Tried)-1].ChunkBytes }

// last is the comparison at the largest size.
func (x crossing) last() results.CrossoverPoint { return x.Tried[len(x.Tried)-1] }

// crossings reads a summary's crossovers. Those for which nothing was tried are left out.
func crossings(s *results.Summary) []crossing {
	var out []crossing
	for _, c := range s.Crossovers {
		if len(c.Tried) == 0 {
			continue
		}
		x := crossing{Crossover: c}
		for _, t := range c.Tried {
			switch t.Better {
			case "yes":
				x.better = append(x.better, t.ChunkBytes)
			case "undecided":
				x.undecided = append(x.undecided, t.ChunkBytes)
			}
		}
		from, pays := c.FromBytes.Get()
		not, fails := c.NotUpToBytes.Get()
		x.from, x.notUpTo = from, not
		switch {
		case pays && fails:
			x.place = payBracket
		case pays && from <= x.smallest():
			x.place = payAlways
		case pays:
			x.place = payAtMost
		case len(x.better) > 0:
			x.place = payHole
		case fails:
			x.place = payNever
		default:
			x.place = payUnknown
		}
		out = append(out, x)
	}
	return out
}

// tried is "512 B to 4 MiB".
func (x crossing) tried() string {
	if x.smallest() == x.largest() {
		return formatBytes(x.smallest())
	}
	return formatBytes(x.smallest()) + " to " + formatBytes(x.largest())
}

// where says at which sizes it pays, in short: "from somewhere between 8 KiB and 16 KiB on".
func (x crossing) where() string {
	switch x.place {
	case payBracket:
		return fmt.Sprintf("from somewhere between %s and %s on", formatBytes(x.notUpTo), formatBytes(x.from))
	case payAlways:
		return fmt.Sprintf("at every size that was tried (%s)", x.tried())
	case payAtMost:
		return fmt.Sprintf("from %s on at the latest", formatBytes(x.from))
	case payHole:
		return fmt.Sprintf("at %s, but not at every larger size that was tried", joinWords(sizes(x.better)))
	}
	return fmt.Sprintf("at no size that was tried (%s)", x.tried())
}

// claim is where, held back where some sizes showed nothing and the others no gain.
func (x crossing) claim() string {
	if x.place == payNever && len(x.undecided) > 0 {
		return "(as far as is shown) " + x.where()
	}
	above := slices.DeleteFunc(slices.Clone(x.undecided), func(n int64) bool { return n <= x.from })
	if (x.place == payBracket || x.place == payAtMost) && len(above) > 0 {
		return fmt.Sprintf("%s (not shown at %s)", x.where(), joinWords(sizes(above)))
	}
	return x.where()
}

// names are the path and its baseline without what they share, and the conditions under which both were measured.
func (x crossing) names(s *results.Summary) (subject, object string, conditions []string) {
	subject, object = x.Label, x.Baseline
	path, rest, _ := strings.Cut(x.Label, ", ")
	base, theirs, _ := strings.Cut(x.Baseline, ", ")
	if rest == "" || rest != theirs {
		return subject, object, nil
	}
	for _, g := range groups(s) {
		vary := varying(g.Cases)
		if !slices.ContainsFunc(g.Cases, func(c *results.CaseSummary) bool { return withoutChunk(c.Params) == x.params() }) {
			continue
		}
		for _, d := range dimensions() {
			if v := d.words(x.Params); v != "" && vary[d.name] && d.name != "path" && d.name != "chunk" {
				conditions = append(conditions, condition(d.name, v))
			}
		}
		return path, base, conditions
	}
	return path, base, []string{rest}
}

func (x crossing) params() results.Params { return withoutChunk(x.Params) }

// withoutChunk are the parameters that the sizes of a search or sweep share.
func withoutChunk(p results.Params) results.Params {
	p.ChunkBytes = 0
	return p
}

// comparison is the one behind a point; false where the summary has none.
func (x crossing) comparison(s *results.Summary, chunk int64) (results.Comparison, bool) {
	for _, c := range s.Comparisons {
		if c.Metric != x.Metric {
			continue
		}
		for i := range s.Cases {
			if k := &s.Cases[i]; k.ID == c.Case && k.Params.ChunkBytes == chunk && withoutChunk(k.Params) == x.params() {
				return c, true
			}
		}
	}
	return results.Comparison{}, false
}

// crossoverSentences says of each path that a search was about where it begins to pay.
func crossoverSentences(s *results.Summary) []string {
	var out []string
	for _, x := range crossings(s) {
		subject, object, conditions := x.names(s)
		lead := ""
		if len(conditions) > 0 {
			lead = sentence(strings.Join(conditions, ", ")) + ": "
		}
		better := gain(x.Metric)
		var text string
		switch x.place {
		case payNever:
			text = fmt.Sprintf("%s is shown to %s %s %s", subject, infinitive(better), object, x.where())
		case payUnknown:
			text = fmt.Sprintf("whether %s %s %s is not shown at any size that was tried (%s)", subject, better, object, x.tried())
			if lead == "" {
				text = sentence(text)
			}
		default:
			text = fmt.Sprintf("%s %s %s %s", subject, better, object, x.where())
		}
		text = lead + text
		if at := x.open(); len(at) > 0 && x.place != payUnknown {
			text += fmt.Sprintf("; at %s it is not shown", joinWords(sizes(at)))
		}
		out = append(out, text+"; "+x.atLargest(s)+".")
	}
	return out
}

// open lists the sizes that leave the answer open: within the bracket, below the size from which on it pays at the latest, and wherever it
// never pays.
func (x crossing) open() []int64 {
	return slices.DeleteFunc(slices.Clone(x.undecided), func(n int64) bool {
		if n == x.largest() && !shown(x.last().Verdict) {
			return true // atLargest says so
		}
		return x.place == payBracket && n <= x.notUpTo
	})
}

// atLargest gives the numbers at the largest size that was tried.
func (x crossing) atLargest(s *results.Summary) string {
	last := x.last()
	ratio, low, high := formatRatio(last.Ratio, last.Low, last.High)
	within := fmt.Sprintf("interval %s to %s", low, high)
	if c, ok := x.comparison(s, last.ChunkBytes); ok {
		within = interval(c, nil)
	}
	at := "at " + formatBytes(last.ChunkBytes)
	if !shown(last.Verdict) {
		return fmt.Sprintf("%s no difference is shown (%s times, %s)", at, ratio, within)
	}
	switch verb, _, _ := strings.Cut(gain(x.Metric), " "); verb {
	case "takes":
		return fmt.Sprintf("%s it takes %s times as much (%s)", at, ratio, within)
	case "moves", "serves":
		return fmt.Sprintf("%s it %s %s times as many (%s)", at, verb, ratio, within)
	}
	return fmt.Sprintf("%s the ratio is %s (%s)", at, ratio, within)
}

// searched says whether a search was about this pair's path.
func searched(s *results.Summary, p pair) bool {
	return slices.ContainsFunc(s.Crossovers, func(c results.Crossover) bool {
		return len(c.Tried) > 0 && withoutChunk(c.Params) == withoutChunk(p.Case.Params)
	})
}

// mostCrossings is of how many paths an answer speaks.
const mostCrossings = 4

// crossoverAnswer is a search's clause of the answer: where each path begins to pay.
func crossoverAnswer(s *results.Summary) string {
	all := crossings(s)
	var parts []string
	metric, baseline := "", ""
	var before []string
	for i, x := range all {
		if i == mostCrossings && len(all) > mostCrossings+1 {
			parts = append(parts, fmt.Sprintf("and %d more paths in the findings", len(all)-i))
			break
		}
		subject, object, conditions := x.names(s)
		if !slices.Equal(conditions, before) {
			subject = strings.Join(append(slices.Clone(conditions), subject), ", ")
		}
		before = conditions
		switch {
		case x.place == payUnknown:
			parts = append(parts, fmt.Sprintf("whether %s does so is not shown", subject))
			if i == 0 {
				parts[0] = fmt.Sprintf("whether %s %s %s is not shown", subject, gain(x.Metric), object)
			}
		case x.Metric == metric && object == baseline:
			parts = append(parts, subject+" "+x.claim())
		default:
			parts = append(parts, fmt.Sprintf("%s %s %s %s", subject, gain(x.Metric), object, x.claim()))
		}
		metric, baseline = x.Metric, object
	}
	return strings.Join(parts, ", ")
}

// mostShades is of how many paths the bracket is shaded behind the curves too: more would lie over each other.
const mostShades = 2

// crossoverFigures draws what searches found: the ratio to the baseline over the chunk size, and where it crosses 1.
func crossoverFigures(s *results.Summary) []figure {
	type together struct{ metric, baseline, conditions string }
	var order []together
	by := map[together][]crossing{}
	for _, x := range crossings(s) {
		_, object, conditions := x.names(s)
		k := together{x.Metric, object, strings.Join(conditions, ", ")}
		if by[k] == nil {
			order = append(order, k)
		}
		by[k] = append(by[k], x)
	}
	var out []figure
	for _, k := range order {
		name := "crossover"
		if len(order) > 1 {
			name = fmt.Sprintf("crossover-%d", len(out)+1)
			if word := fileWord(k.conditions); word != "" && len(word) <= 32 {
				name = "crossover-" + word
			}
		}
		if slices.ContainsFunc(out, func(f figure) bool { return f.Name == name }) {
			name += fmt.Sprintf("-%d", len(out)+1)
		}
		for i, part := range slices.Collect(slices.Chunk(by[k], mostCurves)) {
			numbered := name
			if len(by[k]) > mostCurves {
				numbered += fmt.Sprintf("-part-%d", i+1)
			}
			out = append(out, crossoverFigure(s, numbered, part))
		}
	}
	return out
}

// crossoverFigure draws the paths of one search that share a baseline.
func crossoverFigure(s *results.Summary, name string, all []crossing) figure {
	_, object, conditions := all[0].names(s)
	what := all[0].Metric
	better := "more"
	if w, ok := word(what); ok {
		what = strings.TrimPrefix(w.What, "the ")
		if !w.HigherBetter {
			better = "less"
		}
	}
	b := laneBody{curveBody: curveBody{
		XLabel: "chunk (log axis)", YLabel: fmt.Sprintf("%s, in times of %s (log axis)", what, object), XLog: true, Level: 1, Whiskers: true,
		YTicks: func(most int) plot.Ticker { return logTicks(plainNumber, most) },
	}}
	data := table{Caption: sentence(what) + ", in times of " + object + ", by chunk size", Columns: []column{
		{Head: "path"}, {Head: "chunk", Numeric: true}, {Head: "ratio", Numeric: true}, {Head: "low", Numeric: true}, {Head: "high", Numeric: true}, {Head: "better"},
	}}
	var chunks []int64
	var cases []*results.CaseSummary
	for _, x := range all {
		subject, _, _ := x.names(s)
		l := pathLook(x.Params.Path)
		cv := curve{Label: subject, Look: l}
		for _, t := range x.Tried {
			if t.Ratio <= 0 {
				continue // a log axis has no place for it
			}
			cv.Points = append(cv.Points, point{Mark: true, X: float64(t.ChunkBytes), Y: t.Ratio, Low: t.Low, High: t.High})
			ratio, low, high := formatRatio(t.Ratio, t.Low, t.High)
			data.Rows = append(data.Rows, []cell{{Text: subject}, {Text: formatBytes(t.ChunkBytes)}, {Text: ratio}, {Text: low}, {Text: high}, {Text: t.Better}})
			if !slices.Contains(chunks, t.ChunkBytes) {
				chunks = append(chunks, t.ChunkBytes)
			}
		}
		if len(cv.Points) == 0 {
			continue
		}
		b.Curves = append(b.Curves, cv)
		b.Lanes = append(b.Lanes, x.lane(subject, l))
		if x.place == payBracket && len(all) <= mostShades {
			b.Shades = append(b.Shades, shade{float64(x.notUpTo), float64(x.from), l})
		}
		for i := range s.Cases {
			if c := &s.Cases[i]; c.Status == results.CaseMeasured && withoutChunk(c.Params) == x.params() {
				cases = append(cases, c)
			}
		}
	}
	slices.Sort(chunks)
	b.XTicks = valueTicks(chunks, formatBytes)
	how := fmt.Sprintf("Ratio to %s at the same chunk size, both axes logarithmic; points of one size stand a little apart, whiskers are the intervals, the line at 1 is %s itself, and %s is better. "+
		"Below: where each begins to pay. The shaded piece is what the search left open, the thick line is where it pays.", object, object, better)
	f := figureMaker{s: s, g: group{Links: s.Run.Links}}
	out := f.figure(name, crossoverTitle(s, all), how, cases, data, b)
	if len(conditions) > 0 {
		out.Title = sentence(strings.Join(conditions, ", ")) + ": " + out.Title
	}
	return out
}

// lane draws where a path begins to pay.
func (x crossing) lane(subject string, l look) lane {
	out := lane{Text: subject + ": " + x.claim(), Look: l}
	switch x.place {
	case payBracket:
		out.Shade = shade{float64(x.notUpTo), float64(x.from), l}
		out.Pays = float64(x.from)
	case payAlways, payAtMost:
		out.Pays = float64(x.from)
	case payHole:
		for _, n := range x.better {
			out.Marks = append(out.Marks, float64(n))
		}
	case payUnknown:
		out.Text = subject + ": not shown at any size that was tried"
	}
	return out
}

// crossoverTitle says what the search found.
func crossoverTitle(s *results.Summary, all []crossing) string {
	subject, object, _ := all[0].names(s)
	if len(all) == 1 {
		if all[0].place == payUnknown {
			return fmt.Sprintf("Whether %s %s %s is not shown at any size", subject, gain(all[0].Metric), object)
		}
		return fmt.Sprintf("%s %s %s %s", subject, gain(all[0].Metric), object, all[0].where())
	}
	var first *crossing
	pays := 0
	for i := range all {
		x := &all[i]
		switch x.place {
		case payBracket, payAlways, payAtMost:
			pays++
			if first == nil || x.from < first.from {
				first = x
			}
		}
	}
	if first == nil {
		return fmt.Sprintf("None of %d paths %s %s from some size on", len(all), gain(all[0].Metric), object)
	}
	subject, _, _ = first.names(s)
	return fmt.Sprintf("%d of %d paths %s %s from some size on; the first is %s, %s", pays, len(all), infinitive(gain(all[0].Metric)), object, subject, first.where())
}
