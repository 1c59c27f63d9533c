package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"copylab/results"
	"copylab/results/stages"
	"copylab/results/stats"
)

// What the evidence lets us say of each case in a sentence: what limited it, what its copies take, and what it saves against its baseline by not
// making them. Nothing is said to be saved where the interval over the passes includes 0.

// verdictsHeading stands above the sentences.
const verdictsHeading = "What limited each case, and what copies cost it"

// verdict is the sentence of a case, with what tells how much there is in it.
type verdict struct {
	c       *results.CaseSummary
	text    string  // without the case's name
	saved   float64 // share of the baseline's CPU time that is shown to be saved in copies
	against bool    // it is set against a baseline
}

// verdictsOf words the cases of a group, in their order. Where no pass for evidence was made it says nothing: what limited the cases stands elsewhere.
func verdictsOf(g group) []verdict {
	cases := slices.DeleteFunc(g.measured(), isControl)
	if !slices.ContainsFunc(cases, func(c *results.CaseSummary) bool {
		return slices.ContainsFunc(sidesOf(g), func(side string) bool { return c.Evidence.Sides[side].Tried() })
	}) {
		return nil
	}
	var out []verdict
	for _, c := range cases {
		out = append(out, accounting{g: g, c: c, side: judgedSide(g, c)}.verdict())
	}
	return out
}

// isControl tells of the path and the writer that move nothing.
func isControl(c *results.CaseSummary) bool {
	return c.Params.Path == "null" || c.Params.Method == "null"
}

// Verdicts words, by case ID, what the evidence says of each measured case: what limited it, and what its copies take or save.
// Cases of which there is no evidence by samples are left out.
func Verdicts(s *results.Summary) map[string]string {
	names := caseNames(s)
	out := map[string]string{}
	for _, g := range groups(s) {
		for _, v := range verdictsOf(g) {
			out[v.c.ID] = names[v.c.ID] + ": " + v.text
		}
	}
	return out
}

// verdictLines are all sentences, in the order of the summary. Cases of which there is the same to say share one.
func verdictLines(s *results.Summary) []string {
	names := caseNames(s)
	var texts []string
	of := map[string][]string{} // the names, by text
	total := 0
	for _, g := range groups(s) {
		for _, v := range verdictsOf(g) {
			if of[v.text] == nil {
				texts = append(texts, v.text)
			}
			of[v.text] = append(of[v.text], names[v.c.ID])
			total++
		}
	}
	var out []string
	for _, text := range texts {
		who := joinWords(of[text])
		if n := len(of[text]); n == total && n > 2 {
			who = fmt.Sprintf("all %d cases", n)
		}
		out = append(out, who+": "+text)
	}
	return out
}

// clearestVerdicts are a few of them, for a terminal: of the first group of each kind the case that is shown to save most, before it its baseline. Where
// none is shown to save anything, the first of the others stands for it. The last line says how many there are besides.
func clearestVerdicts(s *results.Summary) []string {
	var lines []string
	of := Verdicts(s)
	kinds := map[results.Kind]bool{}
	for _, g := range groups(s) {
		all := verdictsOf(g)
		at := -1
		for i, v := range all {
			if v.against && (at < 0 || v.saved > all[at].saved) {
				at = i
			}
		}
		if at < 0 || kinds[g.Kind] {
			continue
		}
		kinds[g.Kind] = true
		if base, ok := baselineOf(g, all[at].c, judgedSide(g, all[at].c)); ok {
			if text, ok := of[base.ID]; ok {
				lines = append(lines, text)
			}
		}
		lines = append(lines, of[all[at].c.ID])
	}
	if left := len(of) - len(lines); len(lines) > 0 && left > 0 {
		lines = append(lines, fmt.Sprintf("%s more in report.html.", sentence(count(left))))
	}
	return lines
}

// baselineOf is the case that a side's passes are set against.
func baselineOf(g group, c *results.CaseSummary, side string) (*results.CaseSummary, bool) {
	against := c.Copies[side].Against
	if against == nil {
		return nil, false
	}
	at := slices.IndexFunc(g.Cases, func(b *results.CaseSummary) bool { return b.ID == against.Baseline })
	if at < 0 || g.Cases[at].Status != results.CaseMeasured {
		return nil, false
	}
	return g.Cases[at], true
}

// judgedSide is the side whose copies a case is judged by: the sender's or writer's, and the receiver's where nothing but the receiver
// tells the case from its baseline, or those from it whose baseline it is.
func judgedSide(g group, c *results.CaseSummary) string {
	sides := sidesOf(g)
	onReceiver := func(p pair) bool {
		return p.Case.Params.Path == p.Baseline.Params.Path && p.Case.Params.Receiver != p.Baseline.Params.Receiver
	}
	own := slices.DeleteFunc(slices.Clone(g.Pairs), func(p pair) bool { return p.Case != c })
	if len(own) == 0 {
		own = slices.DeleteFunc(slices.Clone(g.Pairs), func(p pair) bool { return p.Baseline != c })
	}
	if len(own) > 0 && len(sides) > 1 && !slices.ContainsFunc(own, func(p pair) bool { return !onReceiver(p) }) {
		return sides[1]
	}
	return sides[0]
}

// accounting words one case.
type accounting struct {
	g    group
	c    *results.CaseSummary
	side string
}

const (
	// notableCopy is the share of a side's CPU time from which on it is said to make a copy, and notableSamples how many samples must be in it.
	// keptCopy is the share of what a copy takes with the baseline.
	notableCopy    = shownShare
	notableSamples = 3
	keptCopy       = 0.05
	// enoughSamples are as many as it takes to say that a side makes no copy. Where none of n samples is in a stage, it takes less than 3/n
	// of the time with a confidence of 95 %: here less than a twentieth.
	enoughSamples = 60
	// notableChange is the share of the baseline's CPU time from which on a stage that takes more is named.
	notableChange = shownShare
	mostChanges   = 3
	// dearerCopy is by how much of the baseline's the receiver's copy must take more to be spoken of.
	dearerCopy = 0.10
	// notableRest is the share of a side's CPU time from which on a stage is named that is no copy.
	notableRest = 0.10
	mostRest    = 2
)

func (a accounting) verdict() verdict {
	v := verdict{c: a.c}
	cost, ok := a.c.Copies[a.side]
	limit := a.limited()
	switch {
	case !ok && limit == limitNotShown:
		v.text = "neither what limited it nor what its copies cost is shown: " + a.why()
		return v
	case !ok:
		v.text = limit + "; what its copies cost is not shown: " + a.why()
		return v
	}
	var parts []string
	base, paired := baselineOf(a.g, a.c, a.side)
	compared := slices.IndexFunc(a.g.Pairs, func(p pair) bool { return p.Case == a.c })
	switch {
	case paired:
		v.against = true
		if s := cost.Against.CopiesShare; s.Low > 0 && !fewPasses(s) && cost.Samples >= enoughSamples {
			v.saved = s.Median
		}
		parts = a.against(base, cost, *cost.Against)
	case compared >= 0:
		_, object, _ := contrast(a.g, a.g.Pairs[compared])
		parts = append(a.alone(cost), fmt.Sprintf("what it saves against %s is not shown: they have no passes in common", object.text))
	default:
		parts = a.alone(cost)
	}
	if text := a.strays(); text != "" {
		parts = append(parts, text)
	}
	v.text = strings.Join(append(parts, limit), "; ") + "."
	return v
}

// why says briefly why a side has no copies to speak of.
func (a accounting) why() string {
	e := a.c.Evidence.Sides[a.side].StageEvidence
	why := e.KernelUnavailable
	for _, c := range a.g.Cases { // where only the program is sampled, some sides have no sample at all, and others know why
		for _, side := range sidesOf(a.g) {
			why = cmp.Or(why, c.Evidence.Sides[side].KernelUnavailable)
		}
	}
	why = cmp.Or(why, e.StagesUnavailable, "no pass saw it")
	why, _, _ = strings.Cut(why, ", or: ") // the remarks have the command
	return strings.TrimPrefix(why, "perf_event_open: permission denied: ") + "."
}

// limitNotShown stands where nothing was busy enough to blame.
const limitNotShown = "what limited it is not shown"

// limited says what limited the case, and of a receiver what share of its time is in copies.
func (a accounting) limited() string {
	switch a.c.Bottleneck {
	case results.LimitSender:
		return "limited by the sender's CPU"
	case results.LimitReceiver:
		text := "limited by the receiver's CPU"
		if r, ok := a.c.Copies["receiver"]; ok && a.side != "receiver" && r.CopiesNSPerKiB.Median > notableCopy*r.AllNSPerKiB.Median {
			text += fmt.Sprintf(", of whose %s ns/KiB, %s go into copying", nsPerKiB(r.AllNSPerKiB.Median), nsPerKiB(r.CopiesNSPerKiB.Median))
		}
		return text
	case results.LimitMemory:
		return "limited by memory (page cache): the writer hardly waited for anything"
	case results.LimitLink, results.LimitDisk:
		return "limited by the " + a.c.Bottleneck
	}
	return limitNotShown
}

// nsPerKiB writes ns per KiB, without the unit: whole ones from 10 on, since passes are few.
func nsPerKiB(v float64) string {
	if math.Abs(v) >= 9.95 {
		return significant(v, 1)
	}
	return significant(v, 2)
}

// overPasses is a metric's interval over the passes: "75 % interval 201 to 219, 3 passes". Of a metric below 0 of which a sentence says how much
// more it is, flip turns it round.
func overPasses(m results.Metric, flip bool) string {
	low, high := m.Low, m.High
	if flip {
		low, high = 0-m.High, 0-m.Low // of 0, -0 is not 0 when it is written
	}
	return fmt.Sprintf("%s interval %s to %s, %s", formatConfidence(m.Confidence), nsPerKiB(low), nsPerKiB(high), passCount(m))
}

func passCount(m results.Metric) string {
	if n := len(m.Values); n != 1 {
		return fmt.Sprintf("%d passes", n)
	}
	return "1 pass"
}

// single says whether there is no interval.
func single(m results.Metric) bool { return len(m.Values) < 2 }

// fewPasses says whether the interval is one of less confidence than what is said to be shown takes.
func fewPasses(m results.Metric) bool { return m.Confidence < stats.Level }

// soFew says why a difference in so few passes is not said to be shown.
func soFew(m results.Metric) string {
	if single(m) {
		return "in the 1 pass that was made, which has no interval"
	}
	return fmt.Sprintf("in %s, too few for a %s interval", passCount(m), formatConfidence(stats.Level))
}

// copyName names a copy among others: "page cache to program".
func copyName(s stages.Stage) string {
	switch s {
	case stages.CopyDeferred:
		return "the deferred one of zero-copy sends"
	case stages.CopyToSegments:
		return "the one into linear segments"
	case stages.CopyInProgram:
		return "within the program"
	}
	return strings.TrimPrefix(string(s), "copy ")
}

// aCopy names a copy by itself.
func aCopy(s stages.Stage) string {
	switch s {
	case stages.CopyDeferred:
		return "the deferred copy of zero-copy sends"
	case stages.CopyToSegments:
		return "the copy into linear segments"
	case stages.CopyInProgram:
		return "the copy within the program"
	}
	return "the copy from " + copyName(s)
}

// count writes a small number as a word.
func count(n int) string {
	if words := []string{"no", "one", "two", "three", "four", "five", "six"}; n < len(words) {
		return words[n]
	}
	return fmt.Sprint(n)
}

// spending is what a stage is called as a thing that time goes into.
func spending(s stages.Stage) string {
	switch s {
	case stages.PassPages:
		return "passing pages by reference"
	case stages.Program:
		return "the program itself"
	case stages.Other:
		return "what no rule names"
	case stages.Unsampled:
		return "what no sample shows"
	case stages.Filesystem, stages.BlockLayer:
		return "the " + string(s)
	}
	return string(s)
}

// mostOfStage is the upper end of what a stage takes; 0 where no sample was in it.
func mostOfStage(e results.StageEvidence, s stages.Stage) float64 {
	for _, c := range e.Stages {
		if high, ok := c.High.Get(); ok && c.Stage == s {
			return high
		}
	}
	return costOfStage(e, s)
}

// notableCopies are the copies that a side makes.
func notableCopies(c *results.CaseSummary, side string) []stages.Stage {
	e := c.Evidence.Sides[side].StageEvidence
	var out []stages.Stage
	for _, s := range e.Stages {
		share := s.NSPerKiB / sumOfStages(e)
		if results.CopiesPayload(side, s.Stage) && share >= notableCopy && share*float64(c.Copies[side].Samples) >= notableSamples-0.5 {
			out = append(out, s.Stage)
		}
	}
	return out
}

// priced lists copies with what each takes: "page cache to program (110) and program to socket (100)", or with a unit.
func (a accounting) priced(of []stages.Stage, unit string) string {
	var out []string
	for _, s := range of {
		out = append(out, fmt.Sprintf("%s (%s%s)", copyName(s), nsPerKiB(costOfStage(a.c.Evidence.Sides[a.side].StageEvidence, s)), unit))
	}
	return joinWords(out)
}

// rest names what most of the time goes into that is no copy; "" where nothing stands out.
func (a accounting) rest() string {
	e := a.c.Evidence.Sides[a.side].StageEvidence
	list := slices.DeleteFunc(slices.Clone(e.Stages), func(s results.StageCost) bool {
		return s.Stage.Copies() || s.NSPerKiB < notableRest*sumOfStages(e)
	})
	slices.SortStableFunc(list, func(a, b results.StageCost) int { return cmp.Compare(b.NSPerKiB, a.NSPerKiB) })
	var out []string
	for _, s := range list[:min(len(list), mostRest)] {
		out = append(out, fmt.Sprintf("%s (%s)", spending(s.Stage), nsPerKiB(s.NSPerKiB)))
	}
	return joinWords(out)
}

// alone words a case that is compared with nothing.
func (a accounting) alone(cost results.CopyCost) []string {
	all := nsPerKiB(cost.AllNSPerKiB.Median)
	made := notableCopies(a.c, a.side)
	if len(made) == 0 {
		text := fmt.Sprintf("its %s takes %s ns/KiB of CPU time", a.side, all)
		switch most := cost.CopiesNSPerKiB; {
		case most.High > 0:
			text += fmt.Sprintf(", of which no more than %s go into copies", nsPerKiB(most.High))
		case cost.Samples < enoughSamples:
			text += "; whether it makes a copy is not shown: " + tooFew(cost.Samples)
		default:
			text += fmt.Sprintf(" and makes no copy (%s one)", a.seen(cost, nil))
		}
		if rest := a.rest(); rest != "" {
			text += "; most goes into " + rest
		}
		return []string{text}
	}
	text := fmt.Sprintf("of the %s ns/KiB of CPU time that its %s takes, %s", all, a.side, nsPerKiB(cost.CopiesNSPerKiB.Median))
	if single(cost.CopiesNSPerKiB) {
		text += " (1 pass, which has no interval)"
	} else {
		text += " (" + overPasses(cost.CopiesNSPerKiB, false) + ")"
	}
	switch {
	case len(made) == 1:
		text += " go into " + aCopy(made[0])
	case single(cost.CopiesNSPerKiB): // whose parts add up
		text += fmt.Sprintf(" go into %s copies, %s", count(len(made)), a.priced(made, ""))
	default:
		text += fmt.Sprintf(" go into %s copies, by their own medians %s", count(len(made)), a.priced(made, ""))
	}
	if rest := a.rest(); rest != "" {
		text += ", and most of the rest into " + rest
	}
	return []string{text}
}

// tooFew says that samples don't show what is not there.
func tooFew(samples int64) string {
	if samples == 1 {
		return "1 sample is too few to tell"
	}
	return formatCount(samples) + " samples are too few to tell"
}

// seen says what was seen of copies that a side is said not to make: "none of its 9,213 samples is in". Without any named, it is of all.
func (a accounting) seen(cost results.CopyCost, of []stages.Stage) string {
	most, some := 0.0, false
	for _, s := range a.c.Evidence.Sides[a.side].Stages {
		if !results.CopiesPayload(a.side, s.Stage) || of != nil && !slices.Contains(of, s.Stage) {
			continue
		}
		most, some = max(most, mostOfStage(a.c.Evidence.Sides[a.side].StageEvidence, s.Stage)), true
	}
	switch {
	case most > 0:
		return fmt.Sprintf("no more than %s ns/KiB goes into", nsPerKiB(most))
	case some:
		return fmt.Sprintf("hardly any of its %s samples is in", formatCount(cost.Samples))
	}
	return fmt.Sprintf("none of its %s samples is in", formatCount(cost.Samples))
}

// against words a case by what it saves against its baseline.
func (a accounting) against(base *results.CaseSummary, cost results.CopyCost, than results.CopySaving) []string {
	_, object, _ := contrast(a.g, pair{Case: a.c, Baseline: base})
	whose := "the " + a.side + " of " + object.text
	if a.side == "receiver" {
		object.text = "receiver " + base.Params.Receiver
		whose = object.text
	}
	theirs := notableCopies(base, a.side)
	own, before := a.c.Evidence.Sides[a.side].StageEvidence, base.Evidence.Sides[a.side].StageEvidence
	mine := notableCopies(a.c, a.side)
	var kept, spared, added []stages.Stage
	for _, s := range theirs {
		if mostOfStage(own, s) >= keptCopy*costOfStage(before, s) {
			kept = append(kept, s)
		} else {
			spared = append(spared, s)
		}
	}
	for _, s := range mine {
		if !slices.Contains(theirs, s) {
			added = append(added, s)
		}
	}
	if cost.Samples < enoughSamples && (len(spared) > 0 || len(theirs)+len(added) == 0) {
		text := "whether it makes a copy is not shown: " + tooFew(cost.Samples)
		if len(theirs) > 0 {
			text = fmt.Sprintf("whether it makes the %s of %s is not shown: %s", copyOrCopies(len(theirs)), object.text, tooFew(cost.Samples))
		}
		if net := a.net(base); net != "" {
			return []string{text, net}
		}
		return []string{text}
	}
	of := savedCopies{saved: than.CopiesNSPerKiB, whose: whose, all: base.Copies[a.side].AllNSPerKiB.Median, kept: len(kept), same: len(spared)+len(added) == 0}
	var text string
	switch {
	case len(theirs) == 0 && len(added) > 0:
		of.onlyAdded = true
		text = a.makesInstead(object, base.Copies[a.side], added, cost)
	default:
		text = a.made(object, theirs, kept, spared, cost)
		for _, s := range added {
			if s == stages.CopyDeferred {
				text += fmt.Sprintf(", but the kernel copies the bytes after all, later (%s)", a.spent(s, cost))
				continue
			}
			text += fmt.Sprintf(", but makes %s (%s)", aCopy(s), a.spent(s, cost))
		}
	}
	var parts []string
	if len(theirs)+len(mine) > 0 {
		of.printed = base.Copies[a.side].CopiesNSPerKiB.Median
		for _, s := range kept {
			of.printed -= costOfStage(own, s)
		}
		text += ", " + of.effect()
	}
	parts = append(parts, text)
	if grown := a.grown(than, before); grown != "" {
		parts = append(parts, grown)
	}
	if dearer := a.dearer(); dearer != "" {
		parts = append(parts, dearer)
	}
	if net := a.net(base); net != "" {
		parts = append(parts, net)
	}
	return parts
}

// spent is what a copy takes: "265 ns/KiB". Of one that zero-copy sends put off, it says what was spent on it in the receiver's time.
func (a accounting) spent(s stages.Stage, cost results.CopyCost) string {
	text := nsPerKiB(costOfStage(a.c.Evidence.Sides[a.side].StageEvidence, s)) + " ns/KiB"
	if s == stages.CopyDeferred && cost.PutOffNSPerKiB != nil && cost.PutOffNSPerKiB.Median >= notableCopy*cost.AllNSPerKiB.Median {
		text += fmt.Sprintf(", and %s in the receiver's time", nsPerKiB(cost.PutOffNSPerKiB.Median))
	}
	return text
}

// makesInstead words a case that makes copies where its baseline makes none. Of the baseline it says no more than its own sentence does.
func (a accounting) makesInstead(object phrase, before results.CopyCost, added []stages.Stage, cost results.CopyCost) string {
	var copies []string
	for _, s := range added {
		copies = append(copies, fmt.Sprintf("%s (%s)", aCopy(s), a.spent(s, cost)))
	}
	text := "makes " + joinWords(copies) + ", where "
	switch most := before.CopiesNSPerKiB.High; {
	case most > 0:
		return text + fmt.Sprintf("%s %s no more than %s ns/KiB on copies", object.text, object.verb("spends"), nsPerKiB(most))
	case before.Samples < enoughSamples:
		return text + fmt.Sprintf("none is seen with %s (%s)", object.text, tooFew(before.Samples))
	}
	return text + fmt.Sprintf("%s %s none", object.text, object.verb("makes"))
}

// copyOrCopies writes "copy", "two copies" and so on.
func copyOrCopies(n int) string {
	if n == 1 {
		return "copy"
	}
	return count(n) + " copies"
}

// made says which of the baseline's copies the case makes.
func (a accounting) made(object phrase, theirs, kept, spared []stages.Stage, cost results.CopyCost) string {
	seen := a.seen(cost, spared)
	the := fmt.Sprintf("the %s copies of %s", count(len(theirs)), object.text)
	switch {
	case len(theirs) == 0:
		return fmt.Sprintf("makes no copy, like %s (%s one)", object.text, a.seen(cost, nil))
	case len(spared) == 0 && len(theirs) == 1:
		return fmt.Sprintf("makes the same copy as %s, %s", object.text, a.priced(kept, " ns/KiB"))
	case len(spared) == 0:
		return fmt.Sprintf("makes the same %s copies as %s, %s", count(len(theirs)), object.text, a.priced(kept, " ns/KiB"))
	case len(theirs) == 1:
		return fmt.Sprintf("does not make the copy of %s, %s (%s it)", object.text, strings.TrimPrefix(aCopy(theirs[0]), "the copy "), seen)
	case len(kept) == 0 && len(theirs) == 2:
		return fmt.Sprintf("makes neither of %s (%s either)", the, seen)
	case len(kept) == 0:
		return fmt.Sprintf("makes none of %s (%s any)", the, seen)
	}
	var names []string
	for _, s := range spared {
		names = append(names, copyName(s))
	}
	some := fmt.Sprintf("makes %s of %s, %s, and", count(len(kept)), the, a.priced(kept, " ns/KiB"))
	switch len(names) {
	case 1:
		return fmt.Sprintf("%s not %s (%s it)", some, names[0], seen)
	case 2:
		return fmt.Sprintf("%s neither %s nor %s (%s either)", some, names[0], names[1], seen)
	}
	return fmt.Sprintf("%s none of %s (%s any)", some, joinWords(names), seen)
}

// savedCopies is what the copies of a case take less than its baseline's.
type savedCopies struct {
	saved results.Metric // in ns per KiB, pass by pass
	whose string         // the baseline's side
	all   float64        // what that takes of CPU time, in ns per KiB: the median that its own sentence has, so that a reader comes to the same share
	kept  int            // how many copies both make
	same  bool           // neither makes another
	// onlyAdded says that the baseline makes no copy, and the case does.
	onlyAdded bool
	// printed is what a reader makes of the medians of the two sentences, in ns per KiB.
	printed float64
}

// effect says what is saved in copying, or that nothing is, or that it is not shown. Medians need not subtract: where those of the same copies
// differ the other way round than the passes do, it says that it goes by the passes.
func (s savedCopies) effect() string {
	m := s.saved
	of := fmt.Sprintf("%s of what %s takes", formatShare(math.Abs(m.Median)/s.all), s.whose)
	less, interval := nsPerKiB(m.Median)+" ns/KiB less", overPasses(m, false)
	if m.Median < 0 {
		less, interval = nsPerKiB(-m.Median)+" ns/KiB more", overPasses(m, true)
	}
	if s.same && s.printed*m.Median < 0 {
		less += " pass by pass"
	}
	switch includesZero := !single(m) && m.Low <= 0 && m.High >= 0; {
	case fewPasses(m) && !includesZero && m.Median > 0:
		return fmt.Sprintf("and copying takes %s, %s, %s", less, of, soFew(m))
	case fewPasses(m) && !includesZero && m.Median < 0:
		return fmt.Sprintf("and copying takes %s %s", less, soFew(m))
	case m.Low > 0 && s.same:
		return fmt.Sprintf("for %s (%s), %s", less, interval, of)
	case m.Low > 0:
		return fmt.Sprintf("which saves %s ns/KiB of copying (%s), %s", nsPerKiB(m.Median), interval, of)
	case m.High < 0 && s.same:
		return fmt.Sprintf("for %s (%s)", less, interval)
	case m.High < 0 && s.onlyAdded:
		return fmt.Sprintf("and copying takes %s (%s)", less, interval)
	case m.High < 0:
		return fmt.Sprintf("which saves nothing: copying takes %s (%s)", less, interval)
	case s.same && s.kept == 1:
		return fmt.Sprintf("and that it takes less or more is not shown (%s, %s)", less, interval)
	case s.same:
		return fmt.Sprintf("and that they take less or more is not shown (%s, %s)", less, interval)
	case s.onlyAdded:
		return fmt.Sprintf("and that copying takes more is not shown (%s, %s)", less, interval)
	}
	return fmt.Sprintf("and that this saves CPU time in copying is not shown (%s, %s)", less, interval)
}

// grown names the stages that take more than with the baseline, and are no copies; "" where none is shown to.
func (a accounting) grown(than results.CopySaving, before results.StageEvidence) string {
	var list []results.StageSaving
	for _, s := range than.Stages {
		if m := s.SavedNSPerKiB; !s.Stage.Copies() && s.Stage != stages.Unsampled && m.Why() == "" && !fewPasses(m) && m.High < 0 && -m.Median >= notableChange*sumOfStages(before) {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b results.StageSaving) int { return cmp.Compare(a.SavedNSPerKiB.Median, b.SavedNSPerKiB.Median) })
	var out []string
	for _, s := range list[:min(len(list), mostChanges)] {
		text := nsPerKiB(s.NSPerKiB)
		if s.BaselineNSPerKiB > 0 {
			text += " against " + nsPerKiB(s.BaselineNSPerKiB)
		}
		out = append(out, spending(s.Stage)+" ("+text+" ns/KiB)")
	}
	if len(out) == 0 {
		return ""
	}
	return "more goes into " + joinWords(out)
}

// dearer says that the receiver's copy takes more than the baseline's, as it does where the sender has not left the bytes in the CPU's cache; "" where
// that is not shown. What the sender saves is not all saved then.
func (a accounting) dearer() string {
	against := a.c.Copies["receiver"].Against
	if a.side != "sender" || against == nil {
		return ""
	}
	for _, s := range against.Stages {
		if m := s.SavedNSPerKiB; s.Stage == stages.CopySocketToReceiver && !fewPasses(m) && m.High < 0 && -m.Median >= dearerCopy*s.BaselineNSPerKiB {
			return fmt.Sprintf("the receiver's copy takes %s ns/KiB more (%s)", nsPerKiB(-m.Median), overPasses(m, true))
		}
	}
	return ""
}

// net says what the side takes in all against the baseline's, by the timed trials, which nobody watched; "" where it was not compared.
func (a accounting) net(base *results.CaseSummary) string {
	metric := map[string]string{"sender": results.MetricSenderCPU, "receiver": results.MetricReceiverCPU, "writer": results.MetricWriterCPU}[a.side]
	at := slices.IndexFunc(a.g.Pairs, func(p pair) bool { return p.Case == a.c && p.Baseline == base })
	if at < 0 {
		return ""
	}
	c, ok := a.g.Pairs[at].find(metric)
	if !ok {
		return ""
	}
	ratio, low, high := formatRatio(c.Ratio, c.Low, c.High)
	ratio += " times"
	switch {
	case c.Pairs == 1:
		return fmt.Sprintf("the timed trials have too few pairs for a %s interval: by 1 pair its %s takes %s as much CPU time", formatConfidence(stats.Level), a.side, ratio)
	case c.Confidence < stats.Level: // the verdict is that it is too noisy, by whatever little the pairs differ
		return fmt.Sprintf("the timed trials have too few pairs for a %s interval: by %d pairs its %s takes %s as much CPU time (%s interval %s to %s)",
			formatConfidence(stats.Level), c.Pairs, a.side, ratio, formatConfidence(c.Confidence), low, high)
	case shown(c.Verdict):
		return fmt.Sprintf("by the timed trials its %s takes %s as much CPU time (%s interval %s to %s)", a.side, ratio, formatConfidence(c.Confidence), low, high)
	case c.Verdict == results.NoDifference:
		return fmt.Sprintf("the timed trials show no difference in its %s's CPU time (%s, %s interval %s to %s)", a.side, ratio, formatConfidence(c.Confidence), low, high)
	}
	return fmt.Sprintf("the timed trials are too noisy to say whether its %s takes less CPU time (%s, %s interval %s to %s)", a.side, ratio, formatConfidence(c.Confidence), low, high)
}

// strays says that the passes are far from the timed trials; "" where they are not.
func (a accounting) strays() string {
	own := a.c.Evidence.Sides[a.side].StageEvidence
	ratio, ok := own.SumOverTimed.Get()
	strays := ok && !own.Reconciles()
	before, baseStrays := 0.0, false
	if base, ok := baselineOf(a.g, a.c, a.side); ok {
		of := base.Evidence.Sides[a.side].StageEvidence
		before, ok = of.SumOverTimed.Get()
		baseStrays = ok && !of.Reconciles()
	}
	switch {
	case strays && baseStrays:
		return fmt.Sprintf("its stages add up to %.2f times, and the baseline's to %.2f times, the CPU time of the timed trials", ratio, before)
	case strays:
		return fmt.Sprintf("its stages add up to %.2f times the CPU time of the timed trials", ratio)
	case baseStrays:
		return fmt.Sprintf("the baseline's stages add up to %.2f times the CPU time of the timed trials", before)
	}
	return ""
}
