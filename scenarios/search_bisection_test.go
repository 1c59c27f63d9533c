package scenarios

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"copylab/results"
	"copylab/results/stats"
)

// searched is a run of a search over made-up curves: how many times as good a path is as the baseline, by its chunk.
type searched struct {
	curve map[string]func(chunk int64) float64
	noise float64
	fail  func(path string, chunk int64) bool
	seed  uint64

	bisection *bisection
	blocks    int
	measured  map[string]map[int64]int // blocks by path and chunk
}

// run asks the bisection and answers it, without a clock and without processes, for at most so many blocks.
func (s *searched) run(t *testing.T, sizes string, m Measure, most int) {
	t.Helper()
	paths := []string{"read-write"}
	for _, p := range pathWords(SourceFile) {
		if s.curve[p] != nil {
			paths = append(paths, p)
		}
	}
	scenario := parse(t, with("transfer: {paths: ["+strings.Join(paths, ", ")+"]}\nsearch: {metric: throughput, chunk: "+sizes+"}\n"))
	run := results.Run{Scenario: scenario.Results(), Cases: scenario.Cases()}
	byID := map[string]results.Case{}
	for _, c := range run.Cases {
		byID[c.ID] = c
	}
	r := rand.New(rand.NewPCG(s.seed, 1))
	mine, theirs := map[string][]float64{}, map[string][]float64{}
	s.bisection, s.measured = newBisection(run, m), map[string]map[int64]int{}
	for s.blocks = 0; ; s.blocks++ {
		next := s.bisection.next()
		if len(next) == 0 || s.blocks == most {
			return
		}
		failed := false
		for id := range next {
			p := byID[id].Params
			if s.measured[p.Path] == nil {
				s.measured[p.Path] = map[int64]int{}
			}
			s.measured[p.Path][p.ChunkBytes]++
			if s.fail != nil && s.fail(p.Path, p.ChunkBytes) {
				s.bisection.drop(id)
				failed = true
			}
		}
		if failed { // the runner asks anew before the first block too
			continue
		}
		var comparisons []results.Comparison
		for _, c := range run.Cases { // in their order: the noise must not depend on that of a map
			if !next[c.ID] || c.Baseline == "" {
				continue
			}
			if !next[c.Baseline] {
				t.Fatalf("%s is measured without its baseline", c.ID)
			}
			mine[c.ID] = append(mine[c.ID], s.curve[c.Params.Path](c.Params.ChunkBytes)*(1+s.noise*(2*r.Float64()-1)))
			theirs[c.ID] = append(theirs[c.ID], 1)
		}
		for _, c := range run.Cases {
			if !next[c.ID] || c.Baseline == "" {
				continue
			}
			iv, err := stats.Ratio(mine[c.ID], theirs[c.ID])
			if err != nil {
				t.Fatal(err)
			}
			comparisons = append(comparisons,
				results.Comparison{Metric: results.MetricThroughput, Case: c.ID, Ratio: iv.Median, Low: iv.Low, High: iv.High, Confidence: iv.Confidence, Pairs: iv.N, Verdict: stats.Judge(iv, m.Precision)},
				results.Comparison{Metric: results.MetricSenderCPU, Case: c.ID, Ratio: 1, Low: 1, High: 1, Confidence: 1, Pairs: iv.N, Verdict: results.NoDifference}) // is not what decides
		}
		s.bisection.learn(comparisons)
		if s.blocks > 2000 {
			t.Fatal("the search doesn't end")
		}
	}
}

// answers writes what was found of a path: each size that was tried, with + for better, - for not, ? for undecided.
func (s *searched) answers(t *testing.T, path string) string {
	t.Helper()
	for _, h := range s.bisection.hunts {
		if len(h.sizes) == 0 || h.sizes[0].Params.Path != path {
			continue
		}
		var words []string
		for _, p := range h.tried {
			words = append(words, FormatSize(p.ChunkBytes)+map[string]string{results.BetterYes: "+", results.BetterNo: "-", results.BetterUndecided: "?"}[p.Better])
		}
		return strings.Join(words, " ")
	}
	return "no hunt"
}

var quickly = Measure{MinBlocks: 6, MaxBlocks: 24, Precision: 0.03}

// pays is a curve that crosses 1 between a size and the next: the better the larger.
func pays(from int64) func(int64) float64 {
	return func(chunk int64) float64 { return math.Pow(float64(chunk)/(float64(from)/math.Sqrt2), 0.2) }
}

// Wherever the one crossing is, it is found, between neighbours, in few sizes.
func TestBisectionFindsTheCrossing(t *testing.T) {
	sizes := Search{LowBytes: 512, HighBytes: 4 << 20}.Sizes()
	for seed := range uint64(4) {
		for _, from := range append(slices.Clone(sizes), 8<<20) {
			s := &searched{curve: map[string]func(int64) float64{"sendfile": pays(from)}, noise: 0.03, seed: seed}
			s.run(t, "512B..4MiB", quickly, math.MaxInt)
			tried := s.bisection.hunts[0].tried
			if left := results.Gaps(sizes, tried); left != nil {
				t.Errorf("crossing at %s: stopped with %v untried: %s", FormatSize(from), left, s.answers(t, "sendfile"))
			}
			for i, p := range tried {
				if want := map[bool]string{true: results.BetterYes, false: results.BetterNo}[p.ChunkBytes >= from]; p.Better != want {
					t.Errorf("crossing at %s, noise %d: %s is %q", FormatSize(from), seed, FormatSize(p.ChunkBytes), p.Better)
				}
				if i > 0 && p.ChunkBytes >= from && tried[i-1].ChunkBytes < from && p.ChunkBytes != 2*tried[i-1].ChunkBytes {
					t.Errorf("crossing at %s: no neighbours around it: %s", FormatSize(from), s.answers(t, "sendfile"))
				}
			}
			if len(tried) > 6 {
				t.Errorf("crossing at %s: %d of %d sizes were tried", FormatSize(from), len(tried), len(sizes))
			}
			// Nothing but the sizes that count was measured, and none longer than needed.
			for size, blocks := range s.measured["sendfile"] {
				if !strings.Contains(" "+s.answers(t, "sendfile"), " "+FormatSize(size)) || blocks != 6 || s.measured["read-write"][size] != 6 {
					t.Errorf("crossing at %s: %s was measured %d times", FormatSize(from), FormatSize(size), blocks)
				}
			}
		}
	}
}

func TestBisection(t *testing.T) {
	flat := func(level float64) func(int64) float64 { return func(int64) float64 { return level } }
	between := func(low, high int64) func(int64) float64 { // 1 from low to high
		return func(c int64) float64 {
			switch {
			case c < low:
				return 0.8
			case c > high:
				return 1.2
			}
			return 1
		}
	}
	for _, c := range []struct {
		name, sizes string
		curve       func(int64) float64
		noise       float64
		m           Measure
		want        string
		blocks      int
	}{
		{"always pays", "512B..4MiB", flat(2), 0.01, quickly, "512B+ 64KiB+ 4MiB+", 6},
		{"never pays", "512B..4MiB", flat(0.5), 0.01, quickly, "512B- 64KiB- 4MiB-", 6},
		{"two sizes", "1KiB..2KiB", pays(2 << 10), 0, quickly, "1KiB- 2KiB+", 6},
		{"three sizes", "1KiB..4KiB", pays(2 << 10), 0, quickly, "1KiB- 2KiB+ 4KiB+", 6},
		// Narrow intervals around 1: no further block would decide them. Both ends of their stretch are found.
		{"undecided middle", "512B..4MiB", between(16<<10, 256<<10), 0.001, quickly, "512B- 8KiB- 16KiB? 32KiB? 64KiB? 256KiB? 512KiB+ 4MiB+", 6 * 4},
		{"undecided throughout", "512B..4MiB", flat(1), 0.001, quickly, "512B? 64KiB? 4MiB?", 6},
		{"undecided below", "512B..4MiB", between(0, 2<<10), 0.001, quickly, "512B? 2KiB? 4KiB+ 8KiB+ 64KiB+ 4MiB+", 6 * 4},
		// Wide ones are watched for longer, but not for ever.
		{"noisy throughout", "512B..4MiB", flat(1), 0.9, quickly, "512B? 64KiB? 4MiB?", 24},
		{"one size is between two and the most", "512B..4MiB", flat(1), 0.9, Measure{MinBlocks: 5, MaxBlocks: 7, Precision: 0.03}, "512B? 64KiB? 4MiB?", 7},
		{"the most is less than it takes", "512B..4MiB", flat(2), 0, Measure{MinBlocks: 5, MaxBlocks: 5, Precision: 0.03}, "512B+ 64KiB+ 4MiB+", 6},
		// More than one crossing: the search sees that it can't go on.
		{"pays in the middle", "512B..4MiB", func(c int64) float64 {
			if c == 64<<10 {
				return 2
			}
			return 0.5
		}, 0, quickly, "512B- 64KiB+ 4MiB-", 6},
		{"pays below", "512B..4MiB", func(c int64) float64 { return 2 - float64(c)/(2<<20) }, 0, quickly, "512B+ 64KiB+ 4MiB-", 6},
	} {
		s := &searched{curve: map[string]func(int64) float64{"sendfile": c.curve}, noise: c.noise, seed: 4}
		s.run(t, c.sizes, c.m, math.MaxInt)
		if got := s.answers(t, "sendfile"); got != c.want || s.blocks != c.blocks {
			t.Errorf("%s: %s in %d blocks, want %s in %d", c.name, got, s.blocks, c.want, c.blocks)
		}
	}
}

// Paths are searched side by side: each goes on its own way, and a baseline is measured once for all.
func TestBisectionOfSeveralPaths(t *testing.T) {
	s := &searched{curve: map[string]func(int64) float64{
		"sendfile": pays(2 << 10), "splice": pays(1 << 20), "mmap-write": func(int64) float64 { return 3 },
	}}
	s.run(t, "512B..4MiB", quickly, math.MaxInt)
	for path, want := range map[string]string{
		"mmap-write": "512B+ 64KiB+ 4MiB+", "sendfile": "512B- 1KiB- 2KiB+ 8KiB+ 64KiB+ 4MiB+", "splice": "512B- 64KiB- 512KiB- 1MiB+ 2MiB+ 4MiB+",
	} {
		if got := s.answers(t, path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if s.measured["read-write"][64<<10] != 6 {
		t.Errorf("the baseline of three paths was measured %d times in 6 blocks", s.measured["read-write"][64<<10])
	}
	if n := len(s.measured["mmap-write"]); n != 3 {
		t.Errorf("a path that always pays was measured at %d sizes", n)
	}
}

// How often is a size decided where there is nothing to decide? An interval of 95 % lies beside 1 in up to 5 % of all cases, each
// time that it is looked at. Three looks must not become ten.
func TestBisectionIsNotTooEasilyConvinced(t *testing.T) {
	decided, all := 0, 0
	for seed := range uint64(200) {
		s := &searched{curve: map[string]func(int64) float64{"sendfile": func(int64) float64 { return 1 }}, noise: 0.5, seed: seed}
		s.run(t, "512B..4MiB", quickly, 24)
		for _, p := range s.bisection.hunts[0].tried {
			if all++; p.Better != results.BetterUndecided {
				decided++
			}
		}
	}
	if share := float64(decided) / float64(all); share > 0.10 {
		t.Errorf("%d of %d sizes that differ in nothing were decided", decided, all)
	}
}

func TestBisectionGivesUp(t *testing.T) {
	s := &searched{
		curve: map[string]func(int64) float64{"sendfile": pays(16 << 10), "splice": pays(16 << 10)},
		fail:  func(path string, chunk int64) bool { return path == "splice" || path == "sendfile" && chunk == 512 },
	}
	s.run(t, "512B..4MiB", quickly, math.MaxInt)
	if n := len(s.measured["splice"]); n != mostFailedSizes {
		t.Errorf("a path that fails everywhere was tried at %d sizes", n)
	}
	if got := s.answers(t, "sendfile"); !strings.Contains(got, "8KiB- 16KiB+") || strings.Contains(got, " 512B") || strings.HasPrefix(got, "512B") {
		t.Errorf("a path that fails at one size: %s", got)
	}
	s = &searched{curve: s.curve, fail: func(path string, _ int64) bool { return path == "read-write" }}
	s.run(t, "512B..4MiB", quickly, math.MaxInt)
	if s.bisection.found() {
		t.Error("found something without a baseline")
	}
}

const fourPaths = `
transfer: {paths: [read-write, sendfile, splice, mmap-write], file: 64MiB}
search: {chunk: 512B..4MiB}
baseline: {path: read-write}
measure: {time: 100ms, blocks: 6..24, budget: 600s, evidence: off}
`

// searching is a pretender on which sendfile pays from 16 KiB on, splice never does, and mmap-write always.
func searching(noise float64) *pretender {
	p := newPretender(noise)
	for _, path := range []string{"read-write", "sendfile", "splice", "mmap-write"} {
		p.speed[path] = 1e9
	}
	p.factor = func(q results.Params) float64 {
		switch q.Path {
		case "sendfile":
			return pays(16 << 10)(q.ChunkBytes)
		case "splice":
			return 0.7
		case "mmap-write":
			return 1.3
		}
		return 1
	}
	return p
}

// summaryOf is what a record of these trials says.
func summaryOf(s *Scenario, record *tape, end *results.End) *results.Summary {
	b := results.NewBuilder(results.Run{Scenario: s.Results(), Cases: s.Cases()})
	for _, t := range record.trials {
		b.Add(t)
	}
	return b.Summary(end)
}

// bounds writes the answer of a path.
func bounds(s *results.Summary, label string) string {
	size := func(n int64, ok bool) string {
		if !ok {
			return "none"
		}
		return FormatSize(n)
	}
	for _, c := range s.Crossovers {
		if c.Label == label {
			return size(c.NotUpToBytes.Get()) + " to " + size(c.FromBytes.Get())
		}
	}
	return "no such crossover"
}

func TestRunnerSearches(t *testing.T) {
	s, p, record := parseForTest(t, fourPaths), searching(0.01), &tape{}
	_, end, err := runForTest(t, t.Context(), s, p, record, nil)
	if err != nil || end.Reason != results.StopFound {
		t.Fatalf("got %+v, %v; want it to stop when everything was found", end, err)
	}
	sum := summaryOf(s, record, &end)
	for path, want := range map[string]string{"sendfile": "8KiB to 16KiB", "splice": "4MiB to none", "mmap-write": "none to 512B"} {
		if got := bounds(sum, path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	byID := map[string]results.Case{}
	for _, c := range s.Cases() {
		byID[c.ID] = c
	}
	// Each case that is measured is verified and warmed up, once, before its first counted trial; a block holds each
	// case once, and with each case its baseline; blocks have the numbers from 1 on.
	phases := map[string][]results.Phase{}
	blocks := map[int]map[string]bool{}
	last := 0
	for i, trial := range record.trials {
		if trial.Seq != i+1 {
			t.Errorf("trial %d has the number %d", i+1, trial.Seq)
		}
		phases[trial.Case] = append(phases[trial.Case], trial.Phase)
		if trial.Phase != results.PhaseCounted {
			if trial.Block != 0 {
				t.Errorf("%s in block %d", trial.Phase, trial.Block)
			}
			continue
		}
		if trial.Block != last && trial.Block != last+1 {
			t.Errorf("block %d after block %d", trial.Block, last)
		}
		last = trial.Block
		if blocks[last] == nil {
			blocks[last] = map[string]bool{}
		}
		if blocks[last][trial.Case] {
			t.Errorf("%s is in block %d twice", trial.Case, last)
		}
		blocks[last][trial.Case] = true
	}
	if last != end.Blocks || sum.Run.Blocks != last {
		t.Errorf("%d blocks in the record, %d by its end, %d by the summary", last, end.Blocks, sum.Run.Blocks)
	}
	for number, ids := range blocks {
		for id := range ids {
			if base := byID[id].Baseline; base != "" && !ids[base] {
				t.Errorf("block %d has %s without its baseline", number, id)
			}
		}
	}
	measured := 0
	for id, c := range byID {
		got := phases[id]
		if len(got) == 0 {
			continue
		}
		measured++
		if len(got) < 3 || got[0] != results.PhaseVerify || got[1] != results.PhaseWarmup || slices.ContainsFunc(got[2:], func(p results.Phase) bool { return p != results.PhaseCounted }) {
			t.Errorf("%s: phases %v", c.ID, got)
		}
	}
	// sendfile takes 6 sizes and the others the first 3, of 14 each; the baseline those of sendfile.
	if measured != 6+3+3+6 {
		t.Errorf("%d cases of %d were measured", measured, len(byID))
	}
	for _, c := range sum.Cases {
		want := results.CaseNotNeeded
		if len(phases[c.ID]) > 0 {
			want = results.CaseMeasured
		}
		if c.Status != want {
			t.Errorf("%s is %q, want %q", c.ID, c.Status, want)
		}
		for _, w := range c.Warnings {
			if strings.Contains(w, "pair") {
				t.Errorf("%s: %s", c.ID, w)
			}
		}
	}
	for _, c := range sum.Comparisons {
		if len(c.Warnings) > 0 || c.Pairs != 6 {
			t.Errorf("%s: %d pairs, warnings %q", c.Case, c.Pairs, c.Warnings)
		}
	}
}

func TestRunnerSearchesForThroughput(t *testing.T) {
	s := parseForTest(t, strings.ReplaceAll(fourPaths, "512B..4MiB", "512B..4MiB, metric: throughput"))
	record := &tape{}
	_, end, err := runForTest(t, t.Context(), s, searching(0.01), record, nil)
	if err != nil || end.Reason != results.StopFound {
		t.Fatalf("got %+v, %v", end, err)
	}
	if got := bounds(summaryOf(s, record, &end), "sendfile"); got != "8KiB to 16KiB" {
		t.Errorf("sendfile: %s", got)
	}
}

func TestRunnerSearchRunsOutOfTime(t *testing.T) {
	// The tool's own cost takes 7 s here. 4 paths at 3 sizes of 120 ms are 1.5 s a block, and 6 of them with what comes before
	// take 11 s. What is left is enough for another size, not for three.
	s := parseForTest(t, strings.ReplaceAll(fourPaths, "600s", "20s"))
	p, record := searching(0.01), &tape{}
	began := p.now
	_, end, err := runForTest(t, t.Context(), s, p, record, nil)
	if err != nil || end.Reason != results.StopBudget {
		t.Fatalf("got %+v, %v; want it to stop at the budget", end, err)
	}
	if spent := p.now.Sub(began); spent > 20*time.Second {
		t.Errorf("spent %v of a budget of 20 s", spent)
	}
	sum := summaryOf(s, record, &end)
	if got := bounds(sum, "splice"); got != "4MiB to none" {
		t.Errorf("splice: %s", got)
	}
	// What was found so far holds, and what is still open says so.
	c := sum.Crossovers[0]
	low, _ := c.NotUpToBytes.Get()
	high, _ := c.FromBytes.Get()
	if c.Label != "sendfile" || low >= 16<<10 || high < 16<<10 || low < 512 || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "the run ended before the search did") {
		t.Errorf("crossover is %+v", c)
	}
	status := map[results.CaseStatus]int{}
	for _, k := range sum.Cases {
		status[k.Status]++
		if k.Status == results.CaseNotReached && (k.Params.ChunkBytes <= low || k.Params.ChunkBytes >= high) {
			t.Errorf("%s was not reached, but not needed either", k.ID)
		}
	}
	if status[results.CaseNotReached] == 0 || status[results.CaseNotNeeded] == 0 || status[results.CaseMeasured] == 0 {
		t.Errorf("cases by status: %v", status)
	}
	if !strings.Contains(strings.Join(sum.Warnings, "\n"), "ran out before the search was done") {
		t.Errorf("warnings %q", sum.Warnings)
	}
}

// The least number of blocks comes first, however short the budget.
func TestRunnerSearchKeepsLeastBlocks(t *testing.T) {
	s := parseForTest(t, strings.ReplaceAll(fourPaths, "600s", "1s"))
	record := &tape{}
	_, end, err := runForTest(t, t.Context(), s, searching(0), record, nil)
	if err != nil || end.Reason != results.StopBudget || end.Blocks != 6 {
		t.Fatalf("got %+v, %v; want 6 blocks", end, err)
	}
	if got := bounds(summaryOf(s, record, &end), "mmap-write"); got != "none to 512B" {
		t.Errorf("mmap-write: %s", got)
	}
}

func TestRunnerSearchIsReproducible(t *testing.T) {
	order := func(seed uint64) string {
		p := searching(0.01)
		s := parseForTest(t, fourPaths)
		r := &Runner{Executor: p, Record: &tape{}, Now: p.Now, Measure: s.Measure, Seed: seed, Precision: s.Measure.Precision, Reference: s.LoadReference}
		if _, err := r.Run(t.Context(), results.Run{Scenario: s.Results(), Cases: s.Cases()}, p.now); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, w := range p.works {
			fmt.Fprintln(&b, w.Phase, w.Block, w.Case.ID)
		}
		return b.String()
	}
	first := order(7)
	if order(7) != first {
		t.Error("the same seed gave another order")
	}
	if order(8) == first {
		t.Error("another seed gave the same order")
	}
}

func TestRunnerSearchGoesOnAfterAFailure(t *testing.T) {
	s, p, record := parseForTest(t, fourPaths), searching(0.01), &tape{}
	p.fail = func(w Work) error {
		if w.Case.Params.Path == "splice" && w.Phase == results.PhaseVerify || w.Case.Params.Path == "sendfile" && w.Case.Params.ChunkBytes == 4<<20 && w.Block == 2 {
			return errors.New("sendto: no buffer space available")
		}
		return nil
	}
	r, end, err := runForTest(t, t.Context(), s, p, record, nil)
	if err != nil || end.Reason != results.StopFound || r.Failed() != mostFailedSizes+1 {
		t.Fatalf("got %+v, %v, %d failed trials", end, err, r.Failed())
	}
	gone := map[string]bool{}
	for _, trial := range record.trials {
		if gone[trial.Case] {
			t.Errorf("%s was tried again (%s) after it had failed", trial.Case, trial.Phase)
		}
		gone[trial.Case] = trial.Error != ""
	}
	sum := summaryOf(s, record, &end)
	if got := bounds(sum, "sendfile"); got != "8KiB to 16KiB" {
		t.Errorf("sendfile: %s", got)
	}
	for _, c := range sum.Crossovers {
		failed := strings.Contains(strings.Join(c.Warnings, "\n"), "no buffer space available")
		if failed != (c.Label != "mmap-write") {
			t.Errorf("%s: warnings %q", c.Label, c.Warnings)
		}
		if _, ok := c.FromBytes.Get(); c.Label == "splice" && (ok || !strings.Contains(c.FromBytes.Why(), "no size")) {
			t.Errorf("splice: %+v", c)
		}
	}

	p = searching(0)
	p.fail = func(w Work) error {
		if w.Phase == results.PhaseVerify {
			return errors.New("checksums differ")
		}
		return nil
	}
	if _, end, err = runForTest(t, t.Context(), s, p, &tape{}, nil); err != nil || end.Reason != results.StopFailed {
		t.Fatalf("got %+v, %v; want a run in which all fails to fail", end, err)
	}
}

func TestRunnerSearchInterrupted(t *testing.T) {
	for after := 0; after < 300; after += 29 {
		ctx, cancel := context.WithCancel(t.Context())
		s, p, record := parseForTest(t, fourPaths), searching(0.01), &tape{}
		n := 0
		p.fail = func(Work) error {
			if n++; n > after {
				cancel()
			}
			return nil
		}
		_, end, err := runForTest(t, ctx, s, p, record, nil)
		cancel()
		if n <= after { // the search was done before
			break
		}
		if err != nil || end.Reason != results.StopInterrupted || len(record.trials) != after {
			t.Fatalf("interrupted in trial %d: got %+v, %v, %d trials", after+1, end, err, len(record.trials))
		}
		for _, sum := range []*results.Summary{summaryOf(s, record, &end), summaryOf(s, record, nil)} {
			if len(sum.Crossovers) != 3 {
				t.Fatalf("interrupted in trial %d: %d crossovers", after+1, len(sum.Crossovers))
			}
			for _, c := range sum.Crossovers {
				low, some := c.NotUpToBytes.Get()
				high, any := c.FromBytes.Get()
				if c.Label == "sendfile" && (some && low >= 16<<10 || any && high < 16<<10) {
					t.Errorf("interrupted in trial %d: %+v", after+1, c)
				}
			}
		}
	}
}

func TestRunnerSearchProgress(t *testing.T) {
	s, p := parseForTest(t, fourPaths), searching(0.01)
	began := p.now
	var events []Event
	_, end, err := runForTest(t, t.Context(), s, p, &tape{}, func(e Event) { events = append(events, e) })
	if err != nil {
		t.Fatal(err)
	}
	total := p.now.Sub(began)
	for _, e := range events {
		if e.Left < 0 || e.Blocks != 0 || e.Step < 1 || e.Step > e.Steps {
			t.Errorf("odd event: %+v", e)
		}
		for _, c := range e.Ratios {
			if c.Metric != results.MetricSenderCPU {
				t.Errorf("progress shows %s", c.Metric)
			}
		}
		if e.Phase == results.PhaseCounted && e.Elapsed+e.Left > 4*total {
			t.Errorf("at %v of %v, %v were said to be left", e.Elapsed, total, e.Left)
		}
	}
	if last := events[len(events)-1]; last.Block != end.Blocks || len(last.Ratios) != 1 {
		t.Errorf("the last event is of block %d with %d ratios; the run had %d blocks", last.Block, len(last.Ratios), end.Blocks)
	}
}

func TestRunnerSearchWithoutPaths(t *testing.T) {
	s := parseForTest(t, fourPaths)
	run := results.Run{Scenario: s.Results(), Cases: s.Cases()}
	for i, c := range run.Cases {
		if c.Params.Path != "read-write" {
			run.Cases[i].Unavailable = "not on this system"
		}
	}
	p := searching(0)
	r := &Runner{Executor: p, Record: &tape{}, Now: p.Now, Measure: s.Measure}
	end, err := r.Run(t.Context(), run, p.now)
	if err != nil || end.Reason != results.StopFailed || !strings.Contains(end.Detail, "every path that would be searched") {
		t.Errorf("got %+v, %v", end, err)
	}
}
