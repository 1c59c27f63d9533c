package report

import (
	"fmt"
	"slices"
	"strings"

	"copylab/results"
)

// wording is how a metric is spoken of.
type wording struct {
	Metric       string
	HigherBetter bool
	Verb         string // singular: "moves"
	Ratio        string // what follows the number: "times as many bytes per second"
	Of           string // what joins the baseline: "as" or "of"
	What         string // the quantity: "bytes per second"
}

// wordings lists the metrics that findings speak of, in that order. The others are in the tables only.
func wordings() []wording {
	return []wording{
		{results.MetricThroughput, true, "moves", "times as many bytes per second", "as", "bytes per second"},
		{results.MetricAccepted, true, "reaches", "times the accepted rate", "of", "the accepted rate"},
		{results.MetricDurable, true, "reaches", "times the durable rate", "of", "the durable rate"},
		{results.MetricCommitP99, false, "has", "times the 99th percentile of the commit time", "of", "the 99th percentile of the commit time"},
		{results.MetricWriteP99, false, "has", "times the 99th percentile of the write time", "of", "the 99th percentile of the write time"},
		{results.MetricFetchP50, false, "has", "times the median fetch time", "of", "the median fetch time"},
		{results.MetricFetchP99, false, "has", "times the 99th percentile of the fetch time", "of", "the 99th percentile of the fetch time"},
		{results.MetricRequests, true, "serves", "times as many requests per second", "as", "requests per second"},
		{results.MetricSenderCPU, false, "takes", "times the sender's CPU per KiB", "of", "the sender's CPU per KiB"},
		{results.MetricReceiverCPU, false, "takes", "times the receiver's CPU per KiB", "of", "the receiver's CPU per KiB"},
		{results.MetricMachineCPU, false, "takes", "times the whole machine's CPU per KiB", "of", "the whole machine's CPU per KiB"},
		{results.MetricWriterCPU, false, "takes", "times the writer's CPU per KiB", "of", "the writer's CPU per KiB"},
		{results.MetricDeviceWrites, false, "sends", "times as many bytes to the device per byte written", "as", "bytes sent to the device per byte written"},
	}
}

// word finds a metric's wording.
func word(metric string) (wording, bool) {
	for _, w := range wordings() {
		if w.Metric == metric {
			return w, true
		}
	}
	return wording{}, false
}

// better says whether a verdict shows the case ahead of its baseline in this metric.
func (w wording) better(v results.Verdict) bool {
	return w.HigherBetter && v == results.Higher || !w.HigherBetter && v == results.Lower
}

// shown says whether a verdict claims a difference.
func shown(v results.Verdict) bool { return v == results.Higher || v == results.Lower }

// clause is "moves 1.31 times as many bytes per second", without its baseline and interval. The verb is left out where
// the clause before had the same.
func (w wording) clause(subject phrase, c results.Comparison, before string) string {
	ratio, _, _ := formatRatio(c.Ratio, c.Low, c.High)
	if before == w.Verb {
		return ratio + " " + w.Ratio
	}
	return subject.verb(w.Verb) + " " + ratio + " " + w.Ratio
}

// interval is "95 % interval 1.28 to 1.35, 12 pairs"; the short form leaves out what like has the same.
func interval(c results.Comparison, like *results.Comparison) string {
	_, low, high := formatRatio(c.Ratio, c.Low, c.High)
	if like != nil && like.Confidence == c.Confidence && like.Pairs == c.Pairs {
		return low + " to " + high
	}
	return fmt.Sprintf("%s interval %s to %s, %s", formatConfidence(c.Confidence), low, high, plural(c.Pairs, "pair"))
}

// unshown is what is said of comparisons that show nothing: the verdict, the quantities and their intervals.
func unshown(p pair, verdict results.Verdict) string {
	var parts []string
	var like *results.Comparison
	for _, w := range wordings() {
		c, ok := p.find(w.Metric)
		if !ok || c.Verdict != verdict || unsaid(p, w.Metric) {
			continue
		}
		ratio, _, _ := formatRatio(c.Ratio, c.Low, c.High)
		parts = append(parts, fmt.Sprintf("%s (%s times, %s)", w.What, ratio, interval(c, like)))
		like = &c
	}
	if len(parts) == 0 {
		return ""
	}
	if verdict == results.NoDifference {
		return "No difference shown in " + strings.Join(parts, ", in ") + "."
	}
	return "Too noisy to say for " + strings.Join(parts, ", for ") + "."
}

// unsaid says whether a pair's comparison would repeat another or say nothing of the case: a rate that is accepted and
// durable at once, the rate of an open loop, which is the one that was offered, how long a write takes in a closed loop, which its rate
// tells, or the rate of a link that both filled.
func unsaid(p pair, metric string) bool {
	offered := p.Case.Params.RatePerSecond > 0
	switch metric {
	case results.MetricAccepted, results.MetricDurable:
		if offered {
			return true
		}
	case results.MetricWriteP99:
		return !offered
	}
	return metric == results.MetricAccepted && sameAsDurable(p) || metric == results.MetricRequests && p.Case.Params.Loop == "open" ||
		isRate(metric) && p.linkBound()
}

// findings says in words what a summary's comparisons allow, and nothing more.
func findings(s *results.Summary) []string {
	out := crossoverSentences(s)
	for _, g := range groups(s) {
		// What a search has answered is not said again, size by size.
		g.Pairs = slices.DeleteFunc(slices.Clone(g.Pairs), func(p pair) bool { return searched(s, p) })
		sweeps, rest := sweepsOf(g)
		for _, alike := range alikeSweeps(sweeps) {
			out = append(out, sweepSentences(alike)...)
		}
		along, rest := progressionsOf(g, rest)
		for _, p := range along {
			out = append(out, p.sentences()...)
		}
		rest, drowned := drownedPairs(g, rest)
		for _, p := range rest {
			if text := pairSentence(g, p); text != "" {
				out = append(out, text)
			}
		}
		for _, d := range drowned {
			out = append(out, d.sentence())
		}
		out = append(out, accounts(g)...)
		if g.Kind == results.Write {
			out = append(out, memorySentences(g)...)
			out = append(out, regimeSentences(s, g)...)
			out = append(out, deviceSentences(g)...)
		}
	}
	out = append(out, doubtSentences(s)...)
	out = append(out, modelledSentences(s)...)
	for _, text := range []string{strayedSentence(s), steadySentence(s), wearSentence(s)} {
		if text != "" {
			out = append(out, text)
		}
	}
	return append(out, takenAlong(s)...)
}

// pairSentence is everything that one pair's comparisons say.
func pairSentence(g group, p pair) string {
	subject, object, conditions := contrast(g, p)
	var claims, others []string
	var like *results.Comparison
	verb := ""
	for _, w := range wordings() {
		c, ok := p.find(w.Metric)
		if !ok || !shown(c.Verdict) || unsaid(p, w.Metric) {
			continue
		}
		claim := w.clause(subject, c, verb)
		verb = w.Verb
		if like == nil {
			claim += " " + w.Of + " " + object.text
		}
		claims = append(claims, fmt.Sprintf("%s (%s)", claim, interval(c, like)))
		like = &c
	}
	for _, verdict := range []results.Verdict{results.NoDifference, results.TooNoisy} {
		if text := unshown(p, verdict); text != "" {
			others = append(others, text)
		}
	}
	if len(claims)+len(others) == 0 {
		return ""
	}
	lead := ""
	if len(conditions) > 0 {
		lead = sentence(strings.Join(conditions, ", ")) + ": "
	}
	if p.linkBound() {
		links := g.theLinks(p.Baseline, p.Case)
		if lead == "" {
			links = sentence(links)
		}
		text := lead + links + ", of " + subject.text + " as of " + object.text + "."
		if len(claims) > 0 {
			text = lead + links + "; " + subject.text + " " + joinClauses(claims) + "."
		}
		return strings.Join(append([]string{text}, others...), " ")
	}
	var text string
	if len(claims) > 0 {
		head := subject.text
		if lead == "" && subject.plural {
			head = sentence(head)
		}
		text = lead + head + " " + joinClauses(claims) + "."
	} else {
		text = lead + subject.text + " against " + object.text + "."
	}
	for _, o := range others {
		text += " " + o
	}
	if note := limitNote(g, p); note != "" {
		text += " " + note
	}
	return text
}

// drowned are pairs of writes that share their conditions and their baseline, and of which nothing is shown to differ.
type drowned struct {
	conditions []string
	object     phrase
	pairs      []pair
	subjects   []string
}

// drownedPairs takes out of a group's pairs of writes those of which nothing is shown to differ, where several can be told in one sentence. The
// other pairs are returned as they are.
func drownedPairs(g group, pairs []pair) (rest []pair, out []drowned) {
	if g.Kind != results.Write {
		return pairs, nil
	}
	var all []drowned
	home := map[*results.CaseSummary]int{} // in all, by a pair's case
	for _, p := range pairs {
		if slices.ContainsFunc(wordings(), func(w wording) bool {
			c, ok := p.find(w.Metric)
			return ok && shown(c.Verdict) && !unsaid(p, w.Metric)
		}) {
			continue
		}
		subject, object, conditions := contrast(g, p)
		at := slices.IndexFunc(all, func(d drowned) bool { return d.object == object && slices.Equal(d.conditions, conditions) })
		if at < 0 {
			at = len(all)
			all = append(all, drowned{conditions: conditions, object: object})
		}
		all[at].pairs, all[at].subjects = append(all[at].pairs, p), append(all[at].subjects, subject.text)
		home[p.Case] = at
	}
	for _, p := range pairs {
		if at, ok := home[p.Case]; !ok || len(all[at].pairs) < 2 {
			rest = append(rest, p)
		}
	}
	return rest, slices.DeleteFunc(all, func(d drowned) bool { return len(d.pairs) < 2 })
}

// sentence names the quantities of which nothing can be said, and what they can't be said of. The tables have the numbers.
func (d drowned) sentence() string {
	said := func(verdict results.Verdict) string {
		type alike struct {
			who  string
			what []string
		}
		var parts []alike
		for _, w := range wordings() {
			var who []string
			for i, p := range d.pairs {
				if c, ok := p.find(w.Metric); ok && c.Verdict == verdict && !unsaid(p, w.Metric) {
					who = append(who, d.subjects[i])
				}
			}
			if len(who) == 0 {
				continue
			}
			names := "of " + listed(who)
			if len(who) == len(d.pairs) {
				names = "of any of them"
			}
			at := slices.IndexFunc(parts, func(a alike) bool { return a.who == names })
			if at < 0 {
				at = len(parts)
				parts = append(parts, alike{who: names})
			}
			parts[at].what = append(parts[at].what, w.What)
		}
		var out []string
		for _, p := range parts {
			out = append(out, joinWords(p.what)+" "+p.who)
		}
		return strings.Join(out, "; ")
	}
	text := listed(d.subjects) + " against " + d.object.text + "."
	if len(d.conditions) > 0 {
		text = strings.Join(d.conditions, ", ") + ": " + text
	}
	if same := said(results.NoDifference); same != "" {
		text += " No difference shown in " + same + "."
	}
	if noisy := said(results.TooNoisy); noisy != "" {
		text += " Too noisy to say for " + noisy + "."
	}
	return sentence(text)
}

// listed joins names that may hold an "and" of their own.
func listed(names []string) string {
	if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, " and ") }) {
		return strings.Join(names, "; ")
	}
	return joinWords(names)
}

// sameAsDurable says whether a pair's accepted and durable rates are one thing, as where each write is made durable by itself.
func sameAsDurable(p pair) bool {
	a, ok := p.find(results.MetricAccepted)
	d, also := p.find(results.MetricDurable)
	return ok && also && (a.Ratio == d.Ratio && a.Low == d.Low && a.High == d.High || alwaysDurable(p.Case.Params) && alwaysDurable(p.Baseline.Params))
}

// joinClauses joins clauses that hold brackets: ", and " before the last.
func joinClauses(clauses []string) string {
	if len(clauses) == 1 {
		return clauses[0]
	}
	return strings.Join(clauses[:len(clauses)-1], ", ") + ", and " + clauses[len(clauses)-1]
}

// limitNote says what limited both ends of a comparison of rates, and what follows where the sender did not.
func limitNote(g group, p pair) string {
	if p.Case.Bottleneck == "" || p.Baseline.Bottleneck == "" {
		return ""
	}
	a, b := shortName(g, p, p.Baseline), shortName(g, p, p.Case)
	note := fmt.Sprintf("Limited by: %s %s, %s %s.", a, p.Baseline.Bottleneck, b, p.Case.Bottleneck)
	if p.Case.Bottleneck == p.Baseline.Bottleneck {
		note = fmt.Sprintf("Both limited by: %s.", p.Case.Bottleneck)
		if p.Case.Bottleneck == results.LimitNotShown {
			if g.Kind == results.Write {
				return "" // what limited each case is told once, for all
			}
			note = "What limited them is not shown."
		}
	}
	// Where the paths are the same, it is no question of the senders.
	if g.Kind == results.Transfer && p.Case.Params.Path != p.Baseline.Params.Path {
		said := ""
		switch held, other := limitedElsewhere(p.Case), limitedElsewhere(p.Baseline); {
		case held && other:
			said = " So throughput can't show the difference between the senders"
		case held || other:
			said = " So throughput can't show the whole difference between the senders"
		default:
			return note
		}
		if c, ok := p.find(results.MetricSenderCPU); ok && shown(c.Verdict) {
			said += "; their CPU per KiB can"
		}
		note += said + "."
	}
	return note
}

// shortName names one end of a pair by the first thing that tells it from the other.
func shortName(g group, p pair, c *results.CaseSummary) string {
	if p.Case.Params.Path != p.Baseline.Params.Path {
		return c.Params.Path
	}
	if p.Case.Params.Pattern != p.Baseline.Params.Pattern {
		return c.Params.Pattern
	}
	for _, d := range dimensions() {
		if d.of(p.Case.Params) != d.of(p.Baseline.Params) {
			return d.words(c.Params)
		}
	}
	return label(c)
}

// sweep is one path against another over several chunk sizes, everything else being equal.
type sweep struct {
	group           group
	subject, object phrase
	conditions      []string
	pairs           []pair // by rising chunk size
}

// sweepsOf takes out of a group the pairs that differ in nothing but the path and are measured at three chunk sizes or
// more. The other pairs are returned as they are.
func sweepsOf(g group) (sweeps []sweep, rest []pair) {
	keyed := map[string]int{}
	var all []sweep
	for _, p := range g.Pairs {
		a, b := p.Case.Params, p.Baseline.Params
		if g.Kind != results.Transfer || a.ChunkBytes != b.ChunkBytes {
			rest = append(rest, p)
			continue
		}
		a.ChunkBytes, b.ChunkBytes = 0, 0
		key := fmt.Sprint(a, b)
		at, ok := keyed[key]
		if !ok {
			at = len(all)
			keyed[key] = at
			subject, object, conditions := contrast(g, p)
			conditions = slices.DeleteFunc(conditions, func(c string) bool { return strings.HasSuffix(c, " chunks") })
			all = append(all, sweep{group: g, subject: subject, object: object, conditions: conditions})
		}
		all[at].pairs = append(all[at].pairs, p)
	}
	for _, sw := range all {
		if len(sw.pairs) < 3 {
			rest = append(rest, sw.pairs...)
			continue
		}
		slices.SortStableFunc(sw.pairs, func(a, b pair) int {
			return int(a.Case.Params.ChunkBytes - b.Case.Params.ChunkBytes)
		})
		sweeps = append(sweeps, sw)
	}
	return sweeps, rest
}

// payoff is the answer of a sweep for one metric.
type payoff struct {
	Chunk  int64   // from which on the subject is better at every size measured; 0 for none
	Better []int64 // every size at which it is better
	Sizes  []int64 // every size measured, but those of Link
	Link   []int64 // sizes at which both filled the link: nothing can be said of the paths there
	First  results.Comparison
	Last   results.Comparison
}

// payoff finds the smallest chunk from which on the verdict is in the subject's favour at every size measured.
func (sw sweep) payoff(w wording) (payoff, bool) {
	var out payoff
	for _, p := range sw.pairs {
		c, ok := p.find(w.Metric)
		if !ok {
			continue
		}
		size := p.Case.Params.ChunkBytes
		if isRate(w.Metric) && p.linkBound() {
			out.Link = append(out.Link, size)
			continue
		}
		if len(out.Sizes) == 0 {
			out.First = c
		}
		out.Last = c
		out.Sizes = append(out.Sizes, size)
		if !w.better(c.Verdict) {
			out.Chunk = 0
			continue
		}
		out.Better = append(out.Better, size)
		if out.Chunk == 0 {
			out.Chunk = size
		}
	}
	return out, len(out.Sizes)+len(out.Link) > 0
}

// atNoSize is where a path is shown to be better that is shown to be so nowhere.
const atNoSize = "at no chunk size measured"

// where says at which chunk sizes the subject is better.
func (p payoff) where() string {
	switch {
	case len(p.Sizes) == 0:
		return "nowhere, since throughput is the link's"
	case len(p.Better) > 0 && p.Chunk == 0:
		return "at some chunk sizes only"
	case p.Chunk == p.Sizes[0]:
		return "at every chunk size measured"
	case p.Chunk == p.Sizes[len(p.Sizes)-1]:
		return "at the largest chunk size measured"
	case p.Chunk > 0:
		return "from " + formatBytes(p.Chunk) + " chunks on"
	}
	return atNoSize
}

// sweptMetrics are the metrics of which a sweep says where they start to pay.
func sweptMetrics(g group) []string {
	if g.Workload == "fetch" {
		return []string{results.MetricFetchP50, results.MetricFetchP99, results.MetricSenderCPU}
	}
	return []string{results.MetricThroughput, results.MetricSenderCPU, results.MetricMachineCPU}
}

// alikeSweeps puts together the sweeps of one path against another that differ in a condition, such as the number of
// streams.
func alikeSweeps(sweeps []sweep) [][]sweep {
	var out [][]sweep
	for _, sw := range sweeps {
		at := slices.IndexFunc(out, func(other []sweep) bool { return other[0].subject == sw.subject && other[0].object == sw.object })
		if at < 0 {
			at = len(out)
			out = append(out, nil)
		}
		out[at] = append(out[at], sw)
	}
	return out
}

// sweepSentences says for each metric from which chunk size on the subject pays, or that it does at none.
func sweepSentences(sweeps []sweep) []string {
	var out []string
	for _, metric := range sweptMetrics(sweeps[0].group) {
		w, ok := word(metric)
		if !ok {
			continue
		}
		var swept []sweep
		for _, sw := range sweeps {
			if _, ok := sw.payoff(w); ok {
				swept = append(swept, sw)
			}
		}
		switch len(swept) {
		case 0:
		case 1:
			pay, _ := swept[0].payoff(w)
			out = append(out, swept[0].sentence(w, pay))
		default:
			out = append(out, jointSentence(w, swept))
		}
	}
	return out
}

// jointSentence says of one metric where a path pays under each of several conditions.
func jointSentence(w wording, sweeps []sweep) string {
	var parts []string
	for _, sw := range sweeps {
		pay, _ := sw.payoff(w)
		text := strings.Join(append(slices.Clone(sw.conditions), pay.where()), ", ")
		if n := len(pay.Sizes); n > 0 {
			ratio, low, high := formatRatio(pay.Last.Ratio, pay.Last.Low, pay.Last.High)
			text += fmt.Sprintf(" (%s times at %s, %s interval %s to %s)", ratio, formatBytes(pay.Sizes[n-1]), formatConfidence(pay.Last.Confidence), low, high)
			if len(pay.Link) > 0 {
				text += fmt.Sprintf("; at %s throughput is the link's", joinWords(sizes(pay.Link)))
			}
		}
		parts = append(parts, text)
	}
	return fmt.Sprintf("In %s, where %s is shown to beat %s: %s.", w.What, sweeps[0].subject.text, sweeps[0].object.text, strings.Join(parts, "; "))
}

func (sw sweep) sentence(w wording, pay payoff) string {
	if len(pay.Sizes) == 0 {
		text := sw.group.theLinks(sw.cases()...) + " at every chunk size measured: what the senders differ in is their CPU"
		return sentence(strings.Join(append(slices.Clone(sw.conditions), text), ", ")) + "."
	}
	first, _, _ := formatRatio(pay.First.Ratio, pay.First.Low, pay.First.High)
	last, low, high := formatRatio(pay.Last.Ratio, pay.Last.Low, pay.Last.High)
	smallest, largest := pay.Sizes[0], pay.Sizes[len(pay.Sizes)-1]
	subject, object := sw.subject.text, sw.object.text
	text := strings.Join(append(slices.Clone(sw.conditions), "in "+w.What+", "), ", ")
	text = sentence(strings.TrimSuffix(text, ", ")) + ", "
	switch {
	case pay.Chunk == smallest:
		text += fmt.Sprintf("%s pays at every chunk size measured, from %s to %s: it beats %s at each.", subject, formatBytes(smallest), formatBytes(largest), object)
	case pay.Chunk == largest && len(pay.Better) > 1:
		text += fmt.Sprintf("%s beats %s at %s, the last of which is the largest size measured, but not at the sizes between: from where on it pays is not shown.", subject, object, joinWords(sizes(pay.Better)))
	case pay.Chunk == largest:
		text += fmt.Sprintf("%s is shown to beat %s only at the largest chunk size measured, %s.", subject, object, formatBytes(largest))
	case pay.Chunk > 0:
		text += fmt.Sprintf("%s starts to pay at %s chunks: there and at every larger size measured it beats %s.", subject, formatBytes(pay.Chunk), object)
	case len(pay.Better) > 0:
		text += fmt.Sprintf("%s beats %s at %s, but not at every larger size measured: there is no chunk size from which on it pays.", subject, object, joinWords(sizes(pay.Better)))
	default:
		text += fmt.Sprintf("%s is shown to beat %s at no chunk size measured, from %s to %s.", subject, object, formatBytes(smallest), formatBytes(largest))
	}
	text += fmt.Sprintf(" The ratio goes from %s at %s to %s at %s (there the %s interval is %s to %s, %s).",
		first, formatBytes(smallest), last, formatBytes(largest), formatConfidence(pay.Last.Confidence), low, high, plural(pay.Last.Pairs, "pair"))
	if len(pay.Link) > 0 {
		text += fmt.Sprintf(" At %s both filled the link, which says nothing of the paths.", joinWords(sizes(pay.Link)))
	}
	if at := sw.limitedElsewhere(); w.Metric == results.MetricThroughput && len(at) > 0 {
		text += fmt.Sprintf(" At %s the receiver or the link limited one side or both: there throughput can't show the whole difference between the senders; their CPU per KiB can.", joinWords(sizes(at)))
	}
	return text
}

// limitedElsewhere lists the chunk sizes at which something other than the sender limited one of the two paths.
func (sw sweep) limitedElsewhere() []int64 {
	var out []int64
	for _, p := range sw.pairs {
		if (limitedElsewhere(p.Case) || limitedElsewhere(p.Baseline)) && !p.linkBound() {
			out = append(out, p.Case.Params.ChunkBytes)
		}
	}
	return out
}

// cases lists both paths' cases.
func (sw sweep) cases() []*results.CaseSummary {
	var out []*results.CaseSummary
	for _, p := range sw.pairs {
		out = append(out, p.Baseline, p.Case)
	}
	return out
}

// limitedElsewhere says whether a transfer waited for its receiver or its link.
func limitedElsewhere(c *results.CaseSummary) bool {
	return c.Bottleneck == results.LimitReceiver || c.Bottleneck == results.LimitLink
}

func sizes(bytes []int64) []string {
	var out []string
	for _, n := range bytes {
		out = append(out, formatBytes(n))
	}
	return out
}

// answer is the run's answer in one sentence: the main comparison of each part.
func answer(s *results.Summary) string {
	a := answering{s: s, noise: map[string][]string{}}
	if text := crossoverAnswer(s); text != "" {
		a.clauses = append(a.clauses, text)
	}
	var alone []string
	all := groups(s)
	for _, g := range all {
		a.group(g, len(all) > 1)
		for _, c := range g.measured() {
			if m, w, ok := mainMetric(c); ok {
				alone = append(alone, fmt.Sprintf("%s reached %s of %s", label(c), formatRate(m.Median), w))
			}
		}
	}
	clauses := a.clauses
	if len(a.noisy) > 0 {
		var parts []string
		for _, pair := range a.noisy {
			parts = append(parts, fmt.Sprintf("how %s differ in %s", pair, joinWords(a.noise[pair])))
		}
		clauses = append(clauses, "the run is too noisy to say "+strings.Join(parts, ", or "))
	}
	where := "On this machine, "
	if s.Run.Peer != nil {
		where = "Between these two machines, "
	}
	if !slices.ContainsFunc(all, func(g group) bool { return g.Kind != results.Write }) {
		a.after = memoryAnswer(s) // in a run of transfers too, that is for the findings
	}
	a.after += doubtAnswer(s) + modelledAnswer(s)
	cliff := cliffAnswer(s)
	switch {
	case len(clauses) > 0:
		return where + strings.Join(clauses, "; ") + "." + a.after
	case cliff != "":
		return where + cliff + "." + a.after
	case len(alone) == 0:
		return "Nothing could be measured, so there is no answer."
	case len(alone) > 3:
		return fmt.Sprintf("%s were measured and none could be compared; the table has their numbers.", sentence(plural(len(alone), "case"))) + a.after
	}
	return where + strings.Join(alone, "; ") + "; there was nothing to compare." + a.after
}

// answering collects what an answer is made of.
type answering struct {
	s        *results.Summary
	clauses  []string
	noisy    []string            // pairs of which something is too noisy to say, in order
	noise    map[string][]string // what that is
	accepted bool                // writes that need not be durable have been spoken of
	durable  bool                // and those that must
	offered  bool                // and those whose rate is given
	along    int                 // progressions that have been spoken of
	patterns map[string]bool     // ways of writing of which it was said how patterns compare
	after    string              // sentences after the first
}

// mainMetric is the rate by which a case is judged first.
func mainMetric(c *results.CaseSummary) (results.Metric, string, bool) {
	for _, m := range []struct{ name, word string }{
		{results.MetricThroughput, "throughput"},
		{results.MetricAccepted, "accepted rate"},
		{results.MetricDurable, "durable rate"},
	} {
		if v, ok := metric(c, m.name); ok {
			return v, m.word, true
		}
	}
	return results.Metric{}, "", false
}

// metric returns a case's metric if it was measured.
func metric(c *results.CaseSummary, name string) (results.Metric, bool) {
	m, ok := c.Metrics[name]
	return m, ok && m.Why() == "" && c.Status == results.CaseMeasured
}

// group adds what a group contributes to the answer: less where there are others.
func (a *answering) group(g group, others bool) {
	sweeps, rest := sweepsOf(g)
	if slices.ContainsFunc(g.Pairs, func(p pair) bool { return searched(a.s, p) }) {
		return // the search has answered
	}
	alike := alikeSweeps(sweeps)
	for _, sweeps := range alike[:min(2, len(alike))] {
		if c := sweeps[0].answer(); c != "" {
			a.clauses = append(a.clauses, c)
		}
	}
	if g.Kind == results.Write {
		a.writes(g, rest)
		return
	}
	metrics := []string{results.MetricThroughput, results.MetricSenderCPU}
	if g.Workload == "fetch" {
		metrics = []string{results.MetricFetchP50, results.MetricFetchP99}
		if others {
			metrics = metrics[:1]
		}
	}
	links := byLink(rest)
	for _, pairs := range links[:min(mostLinks, len(links))] {
		judged := metrics[0]
		if g.Workload != "fetch" && pairs[0].linkBound() {
			judged = results.MetricSenderCPU
		}
		if p, of, chosen, ok := mainPair(pairs, judged); ok {
			a.pair(g, p, metrics, clearest(of, chosen))
		}
	}
}

// mostLinks is of how many links an answer speaks.
const mostLinks = 3

// mainPair picks the pair that an answer speaks of: the one with the clearest gain in the metric, else the one with the clearest
// loss, else the first headline, else the first. of is the number of pairs that it was chosen from and chosen what it is, 0 and ""
// where nothing was shown.
func mainPair(pairs []pair, metric string) (main pair, of int, chosen string, ok bool) {
	w, _ := word(metric)
	best, found, bestRatio := pair{}, false, 0.0
	worst, lost, worstRatio := pair{}, false, 0.0
	for _, p := range pairs {
		c, ok := p.find(metric)
		if !ok || p.Baseline != pairs[0].Baseline {
			continue // only what has one baseline can be ranked
		}
		of++
		gain := c.Ratio
		if !w.HigherBetter {
			gain = -c.Ratio
		}
		if !w.better(c.Verdict) {
			if shown(c.Verdict) && c.Verdict != results.NoDifference && (!lost || gain < worstRatio) {
				worst, lost, worstRatio = p, true, gain
			}
			continue
		}
		if !found || gain > bestRatio {
			best, found, bestRatio = p, true, gain
		}
	}
	if found {
		return best, of, "gain", true
	}
	if lost {
		return worst, of, "loss", true
	}
	if at := slices.IndexFunc(pairs, pair.headline); at >= 0 {
		return pairs[at], 0, "", true
	}
	if len(pairs) > 0 {
		return pairs[0], 0, "", true
	}
	return pair{}, 0, "", false
}

// pair adds one pair's clause: the first metric with its baseline, the others after it.
func (a *answering) pair(g group, p pair, metrics []string, remark string) {
	subject, object, conditions := contrast(g, p)
	var parts []string
	claimed := false
	var last results.Verdict
	for _, m := range metrics {
		w, ok := word(m)
		c, has := p.find(m)
		if !ok || !has || isRate(m) && p.linkBound() {
			continue
		}
		switch {
		case c.Verdict == results.NoDifference && last == c.Verdict:
			parts[len(parts)-1] += " or in " + w.What
		case c.Verdict == results.NoDifference:
			parts = append(parts, fmt.Sprintf("no difference is shown between %s and %s in %s", subject.text, object.text, w.What))
		case !shown(c.Verdict):
			a.drown(subject.text+" and "+object.text, w.What)
			continue
		case claimed:
			parts = append(parts, w.clause(subject, c, ""))
		default:
			parts = append(parts, subject.text+" "+w.clause(subject, c, "")+" "+w.Of+" "+object.text)
			claimed = true
		}
		last = c.Verdict
	}
	if len(parts) == 0 && !p.linkBound() {
		return
	}
	text := strings.Join(parts, " and ") + remark
	switch {
	case p.linkBound() && len(parts) == 0:
		text = g.theLinks(p.Baseline, p.Case) + ", of " + subject.text + " as of " + object.text
	case p.linkBound():
		text += ", while " + g.theLinks(p.Baseline, p.Case)
	}
	a.clauses = append(a.clauses, strings.Join(append(conditions, text), ", "))
}

// drown notes that the run is too noisy to say how a pair differs in something.
func (a *answering) drown(pair, what string) {
	if a.noise[pair] == nil {
		a.noisy = append(a.noisy, pair)
	}
	if !slices.Contains(a.noise[pair], what) {
		a.noise[pair] = append(a.noise[pair], what)
	}
}

// writes says how patterns compare; where none do, it speaks of at most two pairs in all: one whose writes need not be durable, one whose
// must.
func (a *answering) writes(g group, pairs []pair) {
	if clauses, ok := a.byPattern(g, pairs); ok {
		a.clauses = append(a.clauses, clauses...)
		return
	}
	along, pairs := progressionsOf(g, pairs)
	for _, p := range along {
		metrics := []string{results.MetricAccepted, results.MetricDurable, results.MetricWriteP99}
		if _, ok := p.pairs[0].find(results.MetricDurable); ok && mustLast(p.pairs[0].Case.Params) { // else one way to write is told by its durable rate, and the next by its accepted one
			metrics = []string{results.MetricDurable, results.MetricWriteP99}
		}
		best, metric, remark, ok := p.clearest(metrics...)
		if c, _ := best.find(metric); !ok || a.along == 2 || a.along > 0 && !shown(c.Verdict) {
			continue // where something is shown, what is not can wait for the findings
		}
		a.along++
		wait, slow, waitRemark, waits := p.clearest(results.MetricCommitP99)
		if waits && wait.Case == best.Case {
			a.pair(g, best, []string{metric, slow}, remark)
			continue
		}
		a.pair(g, best, []string{metric}, remark)
		if waits {
			a.pair(g, wait, []string{slow}, waitRemark)
		}
	}
	var passing, lasting, offered []pair
	for _, p := range pairs {
		_, accepted := p.find(results.MetricAccepted)
		_, durable := p.find(results.MetricDurable)
		_, timed := p.find(results.MetricWriteP99)
		must := mustLast(p.Case.Params)
		switch {
		case p.Case.Params.RatePerSecond > 0:
			if timed {
				offered = append(offered, p)
			}
		case durable && must:
			lasting = append(lasting, p)
		case accepted: // also where only one of the two becomes durable
			passing = append(passing, p)
		}
	}
	speak := func(pairs []pair, metric string, spoken *bool) {
		if *spoken || len(pairs) == 0 {
			return
		}
		if p, of, chosen, ok := mainPair(pairs, metric); ok {
			*spoken = true
			a.pair(g, p, []string{metric}, clearest(of, chosen))
		}
	}
	speak(passing, results.MetricAccepted, &a.accepted)
	speak(lasting, results.MetricDurable, &a.durable)
	speak(offered, results.MetricWriteP99, &a.offered)
}

// mustLast says whether writes are made durable.
func mustLast(p results.Params) bool { return p.Sync != "none" && p.Sync != "" || durableMethod(p) }

// clearest says of a pair that it was chosen among others.
func clearest(of int, chosen string) string {
	if of > 2 || of == 2 && chosen == "loss" {
		return fmt.Sprintf(" (the clearest %s of %d comparisons)", chosen, of)
	}
	return ""
}

// answer is a sweep's clause.
func (sw sweep) answer() string {
	type where struct{ from, metrics string }
	var parts []where
	for _, m := range sweptMetrics(sw.group)[:2] {
		w, _ := word(m)
		pay, ok := sw.payoff(w)
		if !ok {
			continue
		}
		if len(pay.Sizes) == 0 {
			continue // the link's throughput is no answer
		}
		from := pay.where()
		if n := len(parts); n > 0 && parts[n-1].from == from {
			parts[n-1].metrics += " and in " + w.What
			continue
		}
		parts = append(parts, where{from, "in " + w.What})
	}
	if len(parts) == 0 {
		return ""
	}
	var texts []string
	for _, p := range parts {
		texts = append(texts, p.from+" "+p.metrics)
	}
	verb := "beats"
	if slices.ContainsFunc(parts, func(p where) bool { return p.from == atNoSize }) {
		verb = "is shown to beat" // at none it may do so all the same
	}
	return strings.Join(append(slices.Clone(sw.conditions), fmt.Sprintf("%s %s %s %s", sw.subject.text, verb, sw.object.text, strings.Join(texts, " and "))), ", ")
}

// limits says what limited the cases, most common limit first in the order of the cases.
func limits(s *results.Summary) []string {
	var out []string
	for _, g := range groups(s) {
		var order []string
		by := map[string][]string{}
		for _, c := range g.measured() {
			limit := c.Bottleneck
			if limit == "" {
				limit = results.LimitNotShown
			}
			if by[limit] == nil {
				order = append(order, limit)
			}
			by[limit] = append(by[limit], label(c))
		}
		for _, limit := range order {
			names := joinLabels(by[limit])
			switch n, all := len(by[limit]), len(g.measured()); {
			case n == all && n > 2:
				names = fmt.Sprintf("all %d cases", n)
			case n > 6:
				names = fmt.Sprintf("%d of %d cases", n, all)
			}
			if limit == results.LimitLink {
				if use := g.linkUse(filling(g)...); use != "" {
					limit += ", at " + use
				}
			}
			out = append(out, fmt.Sprintf("%s: %s (%s)", g.Name, limit, names))
		}
	}
	return out
}

// filling lists a group's cases that filled their link.
func filling(g group) []*results.CaseSummary {
	return slices.DeleteFunc(g.measured(), func(c *results.CaseSummary) bool { return c.Bottleneck != results.LimitLink })
}

// notMeasured says which cases have no numbers, and why; cases with the same reason share a line.
func notMeasured(s *results.Summary) []string {
	type why struct{ status, reason string }
	names := caseNames(s)
	var order []why
	by := map[why][]string{}
	paths := map[why][]string{}
	needless := 0
	for i := range s.Cases {
		c := &s.Cases[i]
		switch c.Status {
		case results.CaseNotNeeded:
			needless++
			continue
		case results.CaseMeasured:
			continue
		}
		reason := c.Reason
		if reason == "" {
			reason = "no reason was recorded"
		}
		k := why{string(c.Status), reason}
		if by[k] == nil {
			order = append(order, k)
		}
		by[k] = append(by[k], names[c.ID])
		if c.Params.Path != "" && !slices.Contains(paths[k], c.Params.Path) {
			paths[k] = append(paths[k], c.Params.Path)
		}
	}
	var out []string
	for _, k := range order {
		called := joinLabels(by[k])
		if n := len(by[k]); n > 8 && len(paths[k]) > 0 && len(paths[k]) < n {
			called = fmt.Sprintf("%d cases of %s", n, joinWords(paths[k]))
		}
		out = append(out, fmt.Sprintf("%s: %s: %s", called, k.status, k.reason))
	}
	if needless > 0 {
		out = append(out, fmt.Sprintf("%d of %d combinations of a path and a chunk size were not needed: the search found its answer without them", needless, len(s.Cases)))
	}
	return out
}

// warnings lists what a reader must know before believing the numbers, the run's first, then each case's and each
// comparison's. Cases with the same warning share a line.
func warnings(s *results.Summary) []string {
	out := slices.Clone(s.Warnings)
	if s.Run.Stopped == "cut off" && !slices.ContainsFunc(out, func(w string) bool { return strings.Contains(w, "cut") }) {
		out = append(out, "the record was cut off: it ends before the run did, and only the trials before that count")
	}
	var order []string
	by := map[string][]string{}
	add := func(name, warning string) {
		if by[warning] == nil {
			order = append(order, warning)
		}
		if !slices.Contains(by[warning], name) {
			by[warning] = append(by[warning], name)
		}
	}
	names := caseNames(s)
	for i := range s.Cases {
		for _, w := range s.Cases[i].Warnings {
			add(names[s.Cases[i].ID], w)
		}
	}
	full := 0
	for _, c := range s.Comparisons {
		for _, w := range c.Warnings {
			if strings.HasPrefix(w, results.FilledLink) {
				full++
				continue
			}
			add(names[c.Case]+" against "+names[c.Baseline], w)
		}
	}
	if full > 0 { // how full, which differs in each, stands in the findings
		out = append(out, fmt.Sprintf("%s of throughput: %s, whose throughput this is: compare the CPU that they took", plural(full, "comparison"), results.FilledLink))
	}
	alike := map[string][]string{}
	for _, w := range order {
		alike[gist(w)] = append(alike[gist(w)], w)
	}
	for _, w := range order {
		names, group := by[w], alike[gist(w)]
		if len(group) > fewAlike {
			if group[0] != w {
				continue
			}
			names = nil
			for _, other := range group {
				names = append(names, by[other]...)
			}
			slices.Sort(names)
			out = append(out, fmt.Sprintf("%d cases or comparisons, such as %s: %s (the others in other numbers: summary.json has each)", len(slices.Compact(names)), by[w][0], w))
			continue
		}
		if len(names) > 4 {
			names = []string{fmt.Sprintf("%d cases or comparisons", len(names))}
		}
		out = append(out, joinLabels(names)+": "+w)
	}
	return out
}

// fewAlike is how many warnings that differ only in their numbers stand one by one.
const fewAlike = 3

// gist is what warnings have in common that differ in their numbers: how they begin, without any.
func gist(warning string) string {
	const begins = 60
	text := []rune(strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '.' || r == ',' {
			return -1
		}
		return r
	}, warning))
	return string(text[:min(len(text), begins)])
}

// stopped says in words why the run ended.
func stopped(r results.RunSummary, inSearch bool) string {
	precision := formatPercent(r.Precision)
	got := ""
	if p, ok := r.PrecisionGot.Get(); ok {
		got = fmt.Sprintf("; the widest interval of a headline ratio is ±%s", formatPercent(p))
	}
	switch r.Stopped {
	case results.StopPrecise:
		return fmt.Sprintf("stopped when every headline ratio was known to ±%s%s", precision, got)
	case results.StopFound:
		return "stopped when the search had found what it was after"
	case results.StopBlocks:
		return fmt.Sprintf("stopped at the most blocks that the scenario allows, aiming at ±%s%s", precision, got)
	case results.StopBudget:
		if inSearch {
			return "stopped at the time budget before the search was done"
		}
		return fmt.Sprintf("stopped at the time budget before ±%s was reached%s", precision, got)
	case results.StopInterrupted:
		return "interrupted: the numbers are those of the blocks before" + got
	case results.StopFailed:
		return "stopped since nothing was left to measure"
	case results.StopDamaged:
		return "how it ended is not known, since its record is damaged" + got
	case "":
		return "how it ended is not recorded"
	}
	return r.Stopped + got
}
