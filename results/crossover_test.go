package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"copylab/results/measured"
)

func TestBetter(t *testing.T) {
	for _, c := range []struct {
		metric  string
		verdict Verdict
		want    string
	}{
		{MetricThroughput, Higher, BetterYes}, {MetricThroughput, Lower, BetterNo},
		{MetricSenderCPU, Higher, BetterNo}, {MetricSenderCPU, Lower, BetterYes}, {MetricFetchP50, Lower, BetterYes}, {MetricIOPS, Higher, BetterYes},
		{MetricSenderCPU, NoDifference, BetterUndecided}, {MetricThroughput, TooNoisy, BetterUndecided},
	} {
		if got := (Comparison{Metric: c.metric, Verdict: c.verdict}).Better(); got != c.want {
			t.Errorf("%s that is %s: %s, want %s", c.metric, c.verdict, got, c.want)
		}
	}
}

// points makes answers of words such as "1- 4? 16+".
func points(text string) []CrossoverPoint {
	var list []CrossoverPoint
	for _, w := range strings.Fields(text) {
		var p CrossoverPoint
		if _, err := fmt.Sscan(w[:len(w)-1], &p.ChunkBytes); err != nil {
			panic(fmt.Sprintf("fixture %q: %v", w, err))
		}
		p.Better = map[byte]string{'+': BetterYes, '-': BetterNo, '?': BetterUndecided}[w[len(w)-1]]
		list = append(list, p)
	}
	return list
}

func TestGaps(t *testing.T) {
	sizes := []int64{1, 2, 4, 8, 16, 32, 64}
	for _, c := range []struct{ tried, want string }{
		{"", "[[1 2 4 8 16 32 64]]"},
		{"1- 64+", "[[2 4 8 16 32]]"},
		{"1- 8- 64+", "[[16 32]]"},
		{"1- 8+ 64+", "[[2 4]]"},
		{"4- 8+", "[]"},
		{"1+ 64+", "[]"}, // pays everywhere
		{"1- 64-", "[]"}, // pays nowhere
		{"1? 64?", "[]"}, // and here nobody knows
		{"1- 64?", "[[2 4 8 16 32]]"},
		{"1? 64+", "[[2 4 8 16 32]]"},
		{"1- 8? 64+", "[[2 4] [16 32]]"},
		{"1- 4? 16? 64+", "[[2] [32]]"},
		{"1- 2? 32? 64+", "[]"},
		{"8+", "[[1 2 4]]"},
		{"8-", "[[16 32 64]]"},
		{"8?", "[[1 2 4] [16 32 64]]"},
		{"1+ 8- 64+", "[]"}, // contradictions
		{"1- 8+ 64-", "[]"},
		{"1+ 64-", "[]"},
	} {
		if got := fmt.Sprint(Gaps(sizes, points(c.tried))); got != c.want {
			t.Errorf("after %s: %s, want %s", c.tried, got, c.want)
		}
	}
}

// Whatever was answered, a search that asks for one size of a gap after the other comes to its end, and what it then says does not
// contradict any answer.
func TestGapsCloseUp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	answers := []string{BetterYes, BetterNo, BetterUndecided}
	for range 2000 {
		var sizes []int64
		for i := range 1 + r.IntN(14) {
			sizes = append(sizes, 1<<i)
		}
		var tried []CrossoverPoint
		for gaps := Gaps(sizes, tried); len(gaps) > 0; gaps = Gaps(sizes, tried) {
			gap := gaps[r.IntN(len(gaps))]
			p := CrossoverPoint{ChunkBytes: gap[r.IntN(len(gap))], Better: answers[r.IntN(3)]}
			at, had := slices.BinarySearchFunc(tried, p, func(a, b CrossoverPoint) int { return int(a.ChunkBytes - b.ChunkBytes) })
			if had {
				t.Fatalf("%d was asked for twice, after %+v", p.ChunkBytes, tried)
			}
			tried = slices.Insert(tried, at, p)
		}
		no, yes, ok := bracket(tried)
		for i, p := range tried {
			if ok && (p.Better == BetterNo && i > no || p.Better == BetterYes && i < yes) {
				t.Fatalf("%+v: not up to %d, from %d", tried, no, yes)
			}
		}
	}
}

// The sizes and paths of the fixture's search. Base is what every path is compared with.
const searchBase = "read-write"

func searchCase(path string, chunk int64) Case {
	c := streamCase(fmt.Sprintf("%s,%d", path, chunk), path)
	c.Params.ChunkBytes = chunk
	if path != searchBase {
		c.Baseline = fmt.Sprintf("%s,%d", searchBase, chunk)
	}
	return c
}

// searchRun is a run of a search over 512 B to 16 KiB.
func searchRun(paths ...string) Run {
	var cases []Case
	for _, path := range append([]string{searchBase}, paths...) {
		for chunk := int64(512); chunk <= 16<<10; chunk *= 2 {
			cases = append(cases, searchCase(path, chunk))
		}
	}
	run := fixtureRun(cases...)
	run.Scenario.Search = &Search{Metric: MetricSenderCPU}
	return run
}

// compared are n blocks, from one number on, of a path and its baseline; CPU time is ratio times the baseline's.
func compared(path string, chunk int64, from, n int, ratio float64) []Trial {
	var list []Trial
	trial := func(path string, block int, cpu int64) {
		tr := streamTrial(searchCase(path, chunk).ID, block, 1_000_000_000)
		tr.Sides[sender] = side(0, 0, cpu, 1_000_000_000, nil)
		list = append(list, tr)
	}
	for block := from; block < from+n; block++ {
		trial(searchBase, block, 1_000_000)
		trial(path, block, int64(ratio*1_000_000)+int64(block))
	}
	return list
}

// short writes what a crossover says.
func short(c Crossover) string {
	size := func(v measured.Int) string {
		n, ok := v.Get()
		if !ok {
			return "none"
		}
		return formatBytes(n)
	}
	var tried []string
	for _, p := range c.Tried {
		tried = append(tried, fmt.Sprintf("%d%s", p.ChunkBytes, map[string]string{BetterYes: "+", BetterNo: "-", BetterUndecided: "?"}[p.Better]))
	}
	return fmt.Sprintf("%s: %s to %s (%s)", c.Label, size(c.NotUpToBytes), size(c.FromBytes), strings.Join(tried, " "))
}

func TestCrossovers(t *testing.T) {
	answer := map[byte]float64{'+': 0.5, '-': 1.5, '?': 1}
	for _, c := range []struct {
		name, tried string
		want        string
		warning     string
		notReached  []int64
	}{
		{"a crossing", "512- 2048- 4096+ 16384+", "sendfile: 2 KiB to 4 KiB (512- 2048- 4096+ 16384+)", "", nil},
		{"always", "512+ 4096+ 16384+", "sendfile: none to 512 B (512+ 4096+ 16384+)", "", nil},
		{"never", "512- 4096- 16384-", "sendfile: 16 KiB to none (512- 4096- 16384-)", "", nil},
		{"undecided in the middle", "512- 1024? 8192? 16384+", "sendfile: 512 B to 16 KiB (512- 1024? 8192? 16384+)", "", nil},
		{"undecided throughout", "512? 4096? 16384?", "sendfile: none to none (512? 4096? 16384?)", "", nil},
		{"cut off", "512- 16384+", "sendfile: 512 B to 16 KiB (512- 16384+)", "the run ended before the search did: it would have gone on among 4 sizes", []int64{1024, 2048, 4096, 8192}},
		{"cut off on one side", "512- 4096? 16384+", "sendfile: 512 B to 16 KiB (512- 4096? 16384+)", "the run ended before the search did: it would have gone on among 3 sizes", []int64{1024, 2048, 8192}},
		{"pays in the middle alone", "512- 4096+ 16384-", "sendfile: 512 B to none (512- 4096+ 16384-)",
			"shown to be better at 4 KiB and not to be at 16 KiB, which is larger: there is no single size from which on it pays", nil},
		{"pays in the middle and at the end", "512- 2048+ 4096- 16384+", "sendfile: 512 B to 16 KiB (512- 2048+ 4096- 16384+)",
			"shown to be better at 2 KiB and not to be at 4 KiB, which is larger: there is no single size from which on it pays", nil},
		{"the wrong way round", "512+ 4096+ 16384-", "sendfile: none to none (512+ 4096+ 16384-)",
			"shown to be better at 512 B and not to be at 16 KiB, which is larger: there is no single size from which on it pays", nil},
	} {
		var trials []Trial
		done := map[int64]bool{}
		for i, p := range points(c.tried) {
			word := strings.Fields(c.tried)[i]
			more := compared("sendfile", p.ChunkBytes, 1, 6, answer[word[len(word)-1]])
			if p.Better == BetterUndecided { // half of the blocks on either side
				more = append(compared("sendfile", p.ChunkBytes, 1, 3, 0.99), compared("sendfile", p.ChunkBytes, 4, 3, 1.01)...)
			}
			trials = append(trials, more...)
			done[p.ChunkBytes] = true
		}
		s := build(searchRun("sendfile"), trials...)
		checkSummary(t, s)
		if len(s.Crossovers) != 1 {
			t.Fatalf("%s: %d crossovers", c.name, len(s.Crossovers))
		}
		got := s.Crossovers[0]
		if short(got) != c.want || got.Baseline != searchBase || got.Metric != MetricSenderCPU || got.Params.ChunkBytes != 0 || got.Params.Path != "sendfile" {
			t.Errorf("%s: %s against %s in %s, want %s", c.name, short(got), got.Baseline, got.Metric, c.want)
		}
		if strings.Join(got.Warnings, "; ") != c.warning {
			t.Errorf("%s: warnings %q, want %q", c.name, got.Warnings, c.warning)
		}
		if n, ok := got.NotUpToBytes.Get(); !ok && (n != 0 || got.NotUpToBytes.Why() == "") {
			t.Errorf("%s: %v", c.name, got.NotUpToBytes)
		}
		for _, k := range s.Cases {
			want := CaseNotNeeded
			switch {
			case done[k.Params.ChunkBytes]:
				want = CaseMeasured
			case slices.Contains(c.notReached, k.Params.ChunkBytes):
				want = CaseNotReached
			}
			if k.Status != want {
				t.Errorf("%s: %s is %q, want %q", c.name, k.ID, k.Status, want)
			}
			if want == CaseNotNeeded && (k.Reason != "the search did not need this size" || k.Metrics[MetricSenderCPU].Unavailable != k.Reason) {
				t.Errorf("%s: %s: reason %q, metric %+v", c.name, k.ID, k.Reason, k.Metrics[MetricSenderCPU])
			}
		}
	}
}

// A size with too few pairs is as good as not tried: the search would have gone on there.
func TestCrossoversWithTooFewPairs(t *testing.T) {
	trials := append(compared("sendfile", 512, 1, 6, 1.5), compared("sendfile", 16<<10, 1, 6, 0.5)...)
	s := build(searchRun("sendfile"), append(trials, compared("sendfile", 2048, 7, 3, 0.5)...)...)
	c := s.Crossovers[0]
	if got, want := short(c), "sendfile: 512 B to 16 KiB (512- 2048? 16384+)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "among 4 sizes") {
		t.Errorf("warnings %q", c.Warnings)
	}
	for _, k := range s.Cases {
		if k.Params.ChunkBytes == 4096 && k.Status != CaseNotReached {
			t.Errorf("%s is %q", k.ID, k.Status)
		}
	}
}

func TestCrossoversOfSeveralPaths(t *testing.T) {
	run := searchRun("sendfile", "splice", "mmap-write")
	for i, c := range run.Cases {
		if c.Params.Path == "mmap-write" {
			run.Cases[i].Unavailable = "not on this system"
		}
	}
	trials := compared("sendfile", 512, 1, 6, 0.5)
	trials = append(trials, compared("sendfile", 16<<10, 1, 6, 0.5)...)
	// The baseline at 512 B served sendfile before. A block in which it was alone is no loss to splice.
	trials = append(trials, compared("splice", 512, 7, 6, 1.5)...)
	trials = append(trials, Trial{Seq: 900, Case: searchCase("splice", 16<<10).ID, Phase: PhaseVerify, Error: "splice: broken pipe"})
	s := build(run, trials...)
	checkSummary(t, s)
	var got []string
	for _, c := range s.Crossovers {
		got = append(got, short(c))
	}
	want := []string{"sendfile: none to 512 B (512+ 16384+)", "splice: 512 B to none (512-)", "mmap-write: none to none ()"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if w := s.Crossovers[1].Warnings; len(w) != 2 || !strings.Contains(w[0], "it would have gone on among 4 sizes") || w[1] != "at 16 KiB a trial failed: trial 900 (verify): splice: broken pipe" {
		t.Errorf("warnings of splice: %q", w)
	}
	if why := s.Crossovers[2].FromBytes.Why(); why != "no size could be tried: not on this system" {
		t.Errorf("mmap-write: %q", why)
	}
	for _, c := range s.Comparisons {
		if len(c.Warnings) > 0 || c.Pairs != 6 {
			t.Errorf("%s: %d pairs, %q", c.Case, c.Pairs, c.Warnings)
		}
	}
	// The baseline at the sizes that splice would still have tried is wanted too.
	for _, c := range s.Cases {
		open := c.Params.ChunkBytes > 512 && c.Params.ChunkBytes < 16<<10
		switch {
		case c.Params.Path == "mmap-write" && c.Status != CaseUnavailable,
			c.Params.Path == "sendfile" && open && c.Status != CaseNotNeeded,
			(c.Params.Path == "splice" || c.Params.Path == searchBase) && open && c.Status != CaseNotReached:
			t.Errorf("%s is %q", c.ID, c.Status)
		}
	}
	if why := s.Run.PrecisionGot.Why(); !strings.Contains(why, "not to a precision") {
		t.Errorf("precision reached is %v", s.Run.PrecisionGot)
	}
}

// Labels of a search name what else varies, and never the chunk.
func TestCrossoverLabels(t *testing.T) {
	run := searchRun("sendfile")
	for _, c := range run.Cases {
		c.ID, c.Params.Streams = c.ID+",4", 4
		if c.Baseline != "" {
			c.Baseline += ",4"
		}
		run.Cases = append(run.Cases, c)
	}
	s := NewBuilder(run).Summary(nil)
	if len(s.Crossovers) != 2 || s.Crossovers[1].Label != "sendfile, 4 streams" || s.Crossovers[1].Baseline != "read-write, 4 streams" || s.Crossovers[1].Params.Streams != 4 {
		t.Errorf("crossovers are %+v", s.Crossovers)
	}
	if why := s.Crossovers[0].FromBytes.Why(); why != "no size was tried: the run ended before" {
		t.Errorf("from: %q", why)
	}
	for _, c := range s.Cases {
		if c.Status != CaseNotReached {
			t.Errorf("%s is %q before anything was measured", c.ID, c.Status)
		}
	}
}

func TestSearchWithoutItsMetric(t *testing.T) {
	trials := compared("sendfile", 512, 1, 6, 0.5)
	for _, tr := range trials {
		delete(tr.Sides, sender)
	}
	s := build(searchRun("sendfile"), trials...)
	if why := s.Crossovers[0].FromBytes.Why(); why != "no size could be compared with the baseline: the cases say why" || len(s.Crossovers[0].Tried) != 0 {
		t.Errorf("crossover is %+v", s.Crossovers[0])
	}
	if s := build(fixtureRun(streamCase(caseRW, "read-write"))); s.Crossovers != nil {
		t.Errorf("a run that doesn't search has %+v", s.Crossovers)
	}
}

func TestSearchWarnings(t *testing.T) {
	b := NewBuilder(searchRun("sendfile"))
	for _, tr := range compared("sendfile", 512, 1, 6, 1.5) {
		b.Add(tr)
	}
	if w := b.Summary(&End{Reason: StopFound, Ended: fixtureStart}).Warnings; len(w) != 0 {
		t.Errorf("warnings of a search that is done: %q", w)
	}
	if w := b.Summary(&End{Reason: StopBudget, Ended: fixtureStart}).Warnings; len(w) != 1 || w[0] != "the time budget of 1m0s ran out before the search was done; a larger budget would narrow the crossovers" {
		t.Errorf("warnings of a search without time: %q", w)
	}
}

// The keys are a contract, and docs/results.md explains them.
func TestCrossoverKeys(t *testing.T) {
	var trials []Trial
	for _, chunk := range []int64{512, 16 << 10} {
		trials = append(trials, compared("sendfile", chunk, 1, 6, 1.5)...)
	}
	run := searchRun("sendfile")
	var s struct {
		Crossovers []map[string]any `json:"crossovers"`
	}
	text := must(json.Marshal(build(run, trials...)))
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	c := s.Crossovers[0]
	if got, want := slices.Sorted(maps.Keys(c)), []string{"baseline", "from_bytes", "label", "metric", "not_up_to_bytes", "params", "tried", "warnings"}; !slices.Equal(got, want) {
		t.Errorf("keys are %q, want %q", got, want)
	}
	point := c["tried"].([]any)[0].(map[string]any)
	if got, want := slices.Sorted(maps.Keys(point)), []string{"better", "chunk_bytes", "high", "low", "ratio", "verdict"}; !slices.Equal(got, want) {
		t.Errorf("keys are %q, want %q", got, want)
	}
	if c["not_up_to_bytes"] != 16384.0 || !strings.HasPrefix(c["from_bytes"].(string), "unavailable: ") || c["params"].(map[string]any)["chunk_bytes"] != nil {
		t.Errorf("crossover is %v", c)
	}
	var back Summary
	if err := json.Unmarshal(text, &back); err != nil || !sameJSON(back.Crossovers, build(run, trials...).Crossovers) {
		t.Errorf("the crossovers change when they are read and written again: %v", err)
	}
	doc, err := os.ReadFile("../docs/results.md")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the documentation is not beside the package")
	}
	if err != nil {
		t.Fatal(err)
	}
	words := append(slices.Collect(maps.Keys(c)), slices.Collect(maps.Keys(point))...)
	for _, w := range append(words, "crossovers", "search", BetterYes, BetterNo, BetterUndecided, string(CaseNotNeeded), StopFound) {
		if !regexp.MustCompile("`" + regexp.QuoteMeta(w) + "`").Match(doc) {
			t.Errorf("docs/results.md does not explain %q", w)
		}
	}
}
