package scenarios

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"copylab/results"
	"copylab/results/measured"
)

// pretender is an Executor without processes: each case has a speed, and the clock moves by what a trial would take.
type pretender struct {
	now   time.Time
	speed map[string]float64 // bytes or operations a second by path or method
	// factor on the speed, for what depends on other parameters; nil is 1.
	factor func(results.Params) float64
	noise  float64 // relative, uniform
	rand   *rand.Rand
	fail   func(Work) error
	works  []Work
}

func newPretender(noise float64) *pretender {
	return &pretender{
		now:   time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
		speed: map[string]float64{"read-write": 1e9, "sendfile": 2e9, "buffered": 1e6, "dsync": 1e4, "null": 1e10},
		noise: noise,
		rand:  rand.New(rand.NewPCG(1, 2)),
	}
}

func (p *pretender) Now() time.Time { return p.now }

func (p *pretender) Execute(ctx context.Context, w Work) (results.Trial, error) {
	p.works = append(p.works, w)
	if p.fail != nil {
		if err := p.fail(w); err != nil {
			return results.Trial{}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return results.Trial{}, context.Cause(ctx)
	}
	c := w.Case.Params
	speed := p.speed[c.Path+c.Method] * (1 + p.noise*(2*p.rand.Float64()-1))
	if p.factor != nil {
		speed *= p.factor(c)
	}
	var t results.Trial
	bytes, operations, unit := w.Amount, w.Amount, w.Amount
	switch {
	case w.Case.Kind == results.Write:
		bytes = w.Amount * c.BlockBytes
	case c.Workload == "fetch":
		bytes = w.Amount * c.ChunkBytes
		unit = bytes
	default:
		operations = w.Amount / c.ChunkBytes
	}
	span := time.Duration(float64(unit) / speed * 1e9)
	if w.Rate > 0 {
		span = time.Duration(float64(operations) / w.Rate * 1e9)
	}
	p.now = p.now.Add(span + 20*time.Millisecond)
	t.Bytes, t.Operations = bytes, operations
	side := results.Side{WallNS: int64(span), UserNS: measured.Known(int64(span) / 10), SystemNS: measured.Known(int64(span) / 2)}
	h := results.NewHistogram()
	if err := h.RecordValue(max(1, int64(span)/max(1, operations))); err != nil {
		return t, err
	}
	t.Latency = map[string]results.Histogram{"op": h}
	if w.Case.Kind == results.Write {
		t.AcceptedNS, t.DurableNS = measured.Known(int64(span)), measured.Known(int64(span))
		t.Sides = map[string]results.Side{"writer": side}
		return t, nil
	}
	t.ElapsedNS = measured.Known(int64(span))
	t.Sides = map[string]results.Side{"sender": side, "receiver": side}
	if c.Workload == "fetch" {
		t.Latency["fetch"] = h
	}
	return t, nil
}

// tape is a Recorder that keeps what it is given.
type tape struct {
	trials []results.Trial
	err    error
}

func (r *tape) WriteTrial(t results.Trial) error {
	r.trials = append(r.trials, t)
	return r.err
}

func parseForTest(t *testing.T, text string) *Scenario {
	t.Helper()
	s, err := Parse("test.yaml", []byte("title: T\nquestion: Q?\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const twoPaths = `
transfer: {paths: [read-write, sendfile], file: 64MiB}
write: {patterns: [append], methods: [buffered, dsync], file: 64MiB}
baseline: {path: read-write, method: buffered}
measure: {time: 200ms, blocks: 5..40, budget: 60s, evidence: off}
`

func runForTest(t *testing.T, ctx context.Context, s *Scenario, p *pretender, record Recorder, progress func(Event)) (*Runner, results.End, error) {
	t.Helper()
	run := results.Run{Scenario: s.Results(), Cases: s.Cases(), Seed: 7}
	r := &Runner{Executor: p, Record: record, Now: p.Now, Measure: s.Measure, Seed: 7, Precision: s.Measure.Precision, Reference: s.LoadReference, Modelled: s.Modelled, Progress: progress}
	end, err := r.Run(ctx, run, p.now)
	return r, end, err
}

func TestRunnerStopsWhenPrecise(t *testing.T) {
	record := &tape{}
	_, end, err := runForTest(t, t.Context(), parseForTest(t, twoPaths), newPretender(0.01), record, nil)
	if err != nil || end.Reason != results.StopPrecise {
		t.Fatalf("got %+v, %v; want it to stop because it was precise", end, err)
	}
	if end.Blocks < 6 {
		t.Errorf("stopped after %d blocks: a 95 %% interval of a median needs 6", end.Blocks)
	}
	counts := map[results.Phase]int{}
	blocks := map[int][]string{}
	for i, trial := range record.trials {
		counts[trial.Phase]++
		if trial.Seq != i+1 || trial.Type != "trial" || trial.Started.IsZero() {
			t.Errorf("trial %d: seq %d, type %q, started %v", i, trial.Seq, trial.Type, trial.Started)
		}
		if trial.Phase == results.PhaseCounted || trial.Phase == results.PhaseWarmup {
			blocks[trial.Block] = append(blocks[trial.Block], trial.Case)
		}
	}
	if counts[results.PhaseTool] != 2 || counts[results.PhaseVerify] != 4 || counts[results.PhaseWarmup] != 4 || counts[results.PhaseCounted] != 4*end.Blocks {
		t.Errorf("trials by phase: %v in %d blocks of 4 cases", counts, end.Blocks)
	}
	orders := map[string]bool{}
	for number := 0; number <= end.Blocks; number++ {
		order := slices.Clone(blocks[number])
		orders[strings.Join(order, " ")] = true
		slices.Sort(order)
		if len(slices.Compact(order)) != 4 {
			t.Errorf("block %d does not hold each of the 4 cases once: %v", number, blocks[number])
		}
	}
	if len(orders) < 2 {
		t.Error("every block had the same order")
	}
}

func TestRunnerSizesTrials(t *testing.T) {
	p := newPretender(0)
	if _, _, err := runForTest(t, t.Context(), parseForTest(t, twoPaths), p, &tape{}, nil); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, w := range p.works {
		if w.Phase != results.PhaseCounted || w.Case.Kind != results.Transfer {
			continue
		}
		seen++
		want := p.speed[w.Case.Params.Path] * 0.2
		if got := float64(w.Amount); got < want*0.99 || got > want*1.01 {
			t.Errorf("%s moves %d bytes a trial; 200 ms at its speed are %.0f", w.Case.Params.Path, w.Amount, want)
		}
		if w.Amount%w.Case.Params.ChunkBytes != 0 {
			t.Errorf("%d bytes are not whole chunks", w.Amount)
		}
	}
	if seen == 0 {
		t.Fatal("no counted transfer")
	}
}

func TestRunnerStopsAtBudget(t *testing.T) {
	s := parseForTest(t, strings.ReplaceAll(twoPaths, "60s", "12s"))
	p := newPretender(0.4)
	began := p.now
	_, end, err := runForTest(t, t.Context(), s, p, &tape{}, nil)
	if err != nil || end.Reason != results.StopBudget {
		t.Fatalf("got %+v, %v; want it to stop at the budget", end, err)
	}
	if spent := p.now.Sub(began); spent > 12*time.Second+500*time.Millisecond {
		t.Errorf("spent %v of a budget of 12 s", spent)
	}
}

func TestRunnerKeepsLeastBlocks(t *testing.T) {
	s := parseForTest(t, strings.ReplaceAll(twoPaths, "60s", "1s"))
	_, end, err := runForTest(t, t.Context(), s, newPretender(0.9), &tape{}, nil)
	if err != nil || end.Reason != results.StopBudget || end.Blocks != 5 {
		t.Fatalf("got %+v, %v; want the least number of blocks, 5, and then the budget", end, err)
	}
}

func TestRunnerStopsAtMostBlocks(t *testing.T) {
	s := parseForTest(t, strings.ReplaceAll(twoPaths, "5..40", "5..7"))
	_, end, err := runForTest(t, t.Context(), s, newPretender(0.9), &tape{}, nil)
	if err != nil || end.Reason != results.StopBlocks || end.Blocks != 7 {
		t.Fatalf("got %+v, %v; want 7 blocks", end, err)
	}
}

func TestRunnerDropsFailedCase(t *testing.T) {
	p := newPretender(0.01)
	p.fail = func(w Work) error {
		if w.Case.Params.Path == "sendfile" && w.Block == 3 {
			return errors.New("receiver died in mid-trial: signal: killed")
		}
		return nil
	}
	record := &tape{}
	r, end, err := runForTest(t, t.Context(), parseForTest(t, twoPaths), p, record, nil)
	if err != nil || end.Reason == results.StopFailed {
		t.Fatalf("got %+v, %v; want the other cases to be measured to the end", end, err)
	}
	if r.Failed() != 1 {
		t.Errorf("%d failed trials, want 1", r.Failed())
	}
	var failed, later int
	for _, trial := range record.trials {
		if !strings.Contains(trial.Case, "path=sendfile") {
			continue
		}
		if trial.Error != "" {
			failed++
		} else if trial.Block > 3 {
			later++
		}
	}
	if failed != 1 || later != 0 {
		t.Errorf("%d failed trials and %d later ones of the case in the record; want 1 and 0", failed, later)
	}
}

func TestRunnerEndsWhenAllFailed(t *testing.T) {
	p := newPretender(0)
	p.fail = func(w Work) error {
		if w.Phase == results.PhaseVerify {
			return errors.New("checksums differ")
		}
		return nil
	}
	_, end, err := runForTest(t, t.Context(), parseForTest(t, twoPaths), p, &tape{}, nil)
	if err != nil || end.Reason != results.StopFailed || end.Blocks != 0 {
		t.Fatalf("got %+v, %v; want it to end as failed", end, err)
	}
	for _, w := range p.works {
		if w.Phase == results.PhaseCounted {
			t.Fatalf("measured %s, whose bytes were wrong", w.Case.ID)
		}
	}
}

func TestRunnerInterrupted(t *testing.T) {
	// Whenever the user interrupts, the record holds the whole trials so far and no half one.
	for after := range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		p := newPretender(0.01)
		n := 0
		p.fail = func(Work) error {
			if n++; n > after {
				cancel()
			}
			return nil
		}
		record := &tape{}
		_, end, err := runForTest(t, ctx, parseForTest(t, twoPaths), p, record, nil)
		cancel()
		if err != nil || end.Reason != results.StopInterrupted {
			t.Fatalf("interrupted in trial %d: got %+v, %v", after+1, end, err)
		}
		if len(record.trials) != after {
			t.Errorf("interrupted in trial %d: %d trials in the record", after+1, len(record.trials))
		}
	}
}

func TestRunnerRecordCantBeWritten(t *testing.T) {
	full := errors.New("no space left on device")
	_, end, err := runForTest(t, t.Context(), parseForTest(t, twoPaths), newPretender(0), &tape{err: full}, nil)
	if !errors.Is(err, full) || end.Reason != results.StopFailed {
		t.Fatalf("got %+v, %v; want the run to end with the recorder's error", end, err)
	}
}

func TestRunnerOffersTheSameLoadToEveryPath(t *testing.T) {
	s := parseForTest(t, `
transfer: {paths: [read-write, sendfile], file: 64MiB, workload: fetch, load: [closed, 0.5]}
baseline: {path: read-write}
measure: {time: 200ms, blocks: 5..6, budget: 60s}
`)
	p := newPretender(0)
	if _, _, err := runForTest(t, t.Context(), s, p, &tape{}, nil); err != nil {
		t.Fatal(err)
	}
	want := 0.5 * p.speed["read-write"] / 65536
	seen := map[string]bool{}
	for _, w := range p.works {
		if w.Case.Params.Loop != "open" || w.Phase != results.PhaseCounted {
			continue
		}
		seen[w.Case.Params.Path] = true
		if w.Rate < want*0.99 || w.Rate > want*1.01 {
			t.Errorf("%s was offered %.0f requests a second; half of what the baseline reaches is %.0f", w.Case.Params.Path, w.Rate, want)
		}
	}
	if len(seen) != 2 {
		t.Errorf("open loops were measured for %v, want both paths", seen)
	}
}

func TestRunnerProgress(t *testing.T) {
	var events []Event
	p := newPretender(0.01)
	_, end, err := runForTest(t, t.Context(), parseForTest(t, twoPaths), p, &tape{}, func(e Event) { events = append(events, e) })
	if err != nil {
		t.Fatal(err)
	}
	last := events[len(events)-1]
	if last.Block != end.Blocks || len(last.Ratios) == 0 {
		t.Errorf("the last event is of block %d with %d ratios; the run had %d blocks", last.Block, len(last.Ratios), end.Blocks)
	}
	for _, e := range events {
		if e.Left < 0 || e.Elapsed < 0 || e.Step < 1 || e.Step > e.Steps {
			t.Errorf("odd event: %+v", e)
		}
	}
}

func TestAmount(t *testing.T) {
	second := time.Second
	stream := func(p results.Params) results.Case {
		p.Workload = "stream"
		return results.Case{Kind: results.Transfer, Params: p}
	}
	write := func(p results.Params) results.Case { return results.Case{Kind: results.Write, Params: p} }
	for _, tc := range []struct {
		name string
		c    results.Case
		rate float64
		want int64
	}{
		{"whole chunks", stream(results.Params{ChunkBytes: 1000, FileBytes: 1e6, Streams: 1, Cache: "warm"}), 123456, 123000},
		{"whole chunks on each stream", stream(results.Params{ChunkBytes: 1000, FileBytes: 1e6, Streams: 3, Cache: "warm"}), 123456, 123000},
		{"not less than a few", stream(results.Params{ChunkBytes: 1000, FileBytes: 1e6, Streams: 1, Cache: "warm"}), 1, 8000},
		{"cold: the file once", stream(results.Params{ChunkBytes: 1000, FileBytes: 1e5, Streams: 1, Cache: "cold"}), 1e9, 1e5},
		{"cold: each stream its part", stream(results.Params{ChunkBytes: 1000, FileBytes: 1e5, Streams: 3, Cache: "cold"}), 1e9, 99000},
		{"no rate known", stream(results.Params{ChunkBytes: 1000, FileBytes: 1e6, Streams: 1, Cache: "warm"}), 0, 8000},
		{"fetch", results.Case{Kind: results.Transfer, Params: results.Params{Workload: "fetch", ChunkBytes: 10, FileBytes: 100, Cache: "warm"}}, 5000, 5000},
		{"fetch cold: each chunk once", results.Case{Kind: results.Transfer, Params: results.Params{Workload: "fetch", ChunkBytes: 10, FileBytes: 100, Cache: "cold"}}, 5000, 10},
		{"each block once", write(results.Params{BlockBytes: 10, FileBytes: 1000, Sync: "none"}), 5000, 100},
		{"slow disk", write(results.Params{BlockBytes: 10, FileBytes: 1000, Sync: "none"}), 2, 8},
		{"tiny file", write(results.Params{BlockBytes: 10, FileBytes: 30, Sync: "none"}), 5000, 3},
		{"whole sync groups", write(results.Params{BlockBytes: 10, FileBytes: 1000, Sync: "every=32"}), 50, 64},
		{"whole sync groups within the file", write(results.Params{BlockBytes: 10, FileBytes: 1000, Sync: "every=32"}), 5000, 96},
		{"sync group larger than the file", write(results.Params{BlockBytes: 10, FileBytes: 100, Sync: "every=32"}), 5000, 10},
	} {
		if got := amount(tc.c, tc.rate, second); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}

// TestOneSlowTrial is one that took ten times as long as it should. Those that follow must be neither as long nor ten times too short.
func TestOneSlowTrial(t *testing.T) {
	clock := time.Now()
	r := &Runner{Measure: Measure{Time: time.Second}, Now: func() time.Time { return clock }, work: map[string]*assignment{}}
	c := results.Case{ID: "slow", Kind: results.Transfer, Params: results.Params{
		Path: "sendfile", Source: SourceFile, ChunkBytes: 16 << 10, FileBytes: 1 << 20, Cache: CacheWarm, Link: LinkLoopback, Receiver: "recv", Streams: 1, Workload: WorkloadStream,
	}}
	r.work[c.ID] = &assignment{}
	trial := func(phase results.Phase, bytesPerSecond int64) int64 {
		a := r.work[c.ID]
		amount := max(a.amount, 1<<20)
		r.size(c, results.Trial{Phase: phase, Bytes: amount, Operations: 1, ElapsedNS: measured.Known(amount * 1e9 / bytesPerSecond)})
		return a.amount
	}
	const usual = 100 << 20
	trial(results.PhaseVerify, usual/3)
	if got := trial(results.PhaseWarmup, usual); got < usual*9/10 || got > usual*11/10 {
		t.Fatalf("%d bytes a trial after the warm-up, want about %d", got, usual)
	}
	for range 3 {
		trial(results.PhaseCounted, usual)
	}
	if got := trial(results.PhaseCounted, usual/10); got < usual/2 {
		t.Errorf("%d bytes a trial after one slow trial of five", got)
	}
	// And a machine that is really slower now is followed in the end.
	got := int64(0)
	for range 12 {
		got = trial(results.PhaseCounted, usual/10)
	}
	if got > usual/5 {
		t.Errorf("%d bytes a trial on a machine that has become ten times slower", got)
	}
}

const modelledWrites = `
transfer: {paths: [read-write], file: 64MiB}
write: {patterns: [append, random], methods: [buffered, dsync, "null"], file: 64MiB}
baseline: {pattern: append, method: buffered}
modelled: [7200rpm cache=off, hp97560 cache=on]
measure: {time: 200ms, blocks: 5..8, budget: 60s, evidence: off}
`

// Each case is run under the sampler as often as asked, once all is measured; the models' trials are not, since they take CPU time.
func TestRunnerProfiles(t *testing.T) {
	s := parseForTest(t, strings.ReplaceAll(modelledWrites, "evidence: off", "evidence: 2"))
	p := newPretender(0.01)
	record := &tape{}
	var events []Event
	if _, end, err := runForTest(t, t.Context(), s, p, record, func(e Event) { events = append(events, e) }); err != nil || end.Reason == results.StopFailed {
		t.Fatalf("got %+v, %v", end, err)
	}
	longer := map[results.Kind]int64{results.Transfer: 2, results.Write: 1} // trials of 200 ms have too few samples
	passes, alone, amounts, seeds := map[string][]int{}, map[string][]int{}, map[string]int64{}, map[int]uint64{}
	for _, w := range p.works {
		switch {
		case w.Phase == results.PhaseCounted:
			amounts[w.Case.ID] = w.Amount
		case w.Instrument == results.InstrumentProfile:
			if w.Phase != results.PhaseEvidence || w.Modelled != nil || w.Amount != amounts[w.Case.ID]*longer[w.Case.Kind] || seeds[w.Block] != 0 && seeds[w.Block] != w.Seed {
				t.Errorf("%+v; the counted trials did %d", w, amounts[w.Case.ID])
			}
			seeds[w.Block] = w.Seed
			passes[w.Case.ID] = append(passes[w.Case.ID], w.Block)
		case w.Instrument == results.InstrumentNone:
			alone[w.Case.ID] = append(alone[w.Case.ID], w.Block)
			if w.Phase != results.PhaseEvidence || w.Amount != amounts[w.Case.ID]*longer[w.Case.Kind] {
				t.Errorf("%+v; the counted trials did %d", w, amounts[w.Case.ID])
			}
		}
	}
	if len(passes) != 5 || seeds[1] == seeds[2] {
		t.Errorf("passes %v with seeds %v, want 5 cases", passes, seeds)
	}
	for id, of := range passes {
		if !slices.Equal(of, []int{1, 2}) || !slices.Equal(alone[id], of) {
			t.Errorf("%s: passes %v, unwatched %v", id, of, alone[id])
		}
	}
	// The time that they take is told from the beginning.
	first, last := events[0], events[len(events)-1]
	if least := 24 * s.Measure.Time; first.Left < least {
		t.Errorf("%v left at the beginning, and the evidence alone takes %v", first.Left, least)
	}
	if last.Step != 24 || last.Steps != 24 || last.Left < 0 {
		t.Errorf("the last event is %+v", last)
	}
}

// A case that writes its whole file has one pass, and the null writer none.
func TestEvidencePasses(t *testing.T) {
	file := results.Case{Params: results.Params{Amount: AmountFile}}
	for _, tc := range []struct {
		c    results.Case
		asks int
		want int
	}{{results.Case{}, 3, 3}, {results.Case{}, 0, 0}, {file, 3, 1}, {file, 0, 0}} {
		if got := evidencePasses(tc.c, Measure{Evidence: tc.asks}); got != tc.want {
			t.Errorf("%+v of %d: %d passes, want %d", tc.c.Params, tc.asks, got, tc.want)
		}
	}
}

// When all is measured, each write is done once more, as much as its counted trials did, for the modelled disks; the rest is not.
func TestRunnerEvidence(t *testing.T) {
	s := parseForTest(t, modelledWrites)
	p := newPretender(0.01)
	record := &tape{}
	var events []Event
	r, end, err := runForTest(t, t.Context(), s, p, record, func(e Event) { events = append(events, e) })
	if err != nil || end.Reason == results.StopFailed || r.Failed() != 0 {
		t.Fatalf("got %+v, %v, %d failed", end, err, r.Failed())
	}
	amounts, seeds := map[string]int64{}, map[uint64]bool{}
	var evidence []string
	for _, w := range p.works {
		switch w.Phase {
		case results.PhaseCounted:
			if len(evidence) > 0 {
				t.Errorf("%s was measured after the trials for evidence", w.Case.ID)
			}
			amounts[w.Case.ID] = w.Amount
		case results.PhaseEvidence:
			evidence = append(evidence, w.Case.ID)
			seeds[w.Seed] = true
			if w.Case.Kind != results.Write || isNull(w.Case) || !slices.Equal(w.Modelled, s.Modelled) || w.Amount != amounts[w.Case.ID] || w.Limit <= 0 {
				t.Errorf("%+v; the counted trials did %d", w, amounts[w.Case.ID])
			}
		default:
			if w.Modelled != nil {
				t.Errorf("%s of %s is modelled", w.Phase, w.Case.ID)
			}
		}
		if w.Phase != results.PhaseEvidence && w.Modelled != nil {
			t.Errorf("a trial of phase %s is modelled", w.Phase)
		}
	}
	if len(evidence) != 4 || len(seeds) != 1 {
		t.Errorf("%d trials for evidence with %d seeds, want 4 with the same offsets: %q", len(evidence), len(seeds), evidence)
	}
	if last := record.trials[len(record.trials)-1]; last.Phase != results.PhaseEvidence || last.Seq != len(record.trials) {
		t.Errorf("the last trial is %+v", last)
	}
	last := events[len(events)-1]
	if last.Phase != results.PhaseEvidence || last.Step != 4 || last.Steps != 4 || last.Left < 0 {
		t.Errorf("the last event is %+v", last)
	}
	if end.Blocks < 5 {
		t.Errorf("%d blocks", end.Blocks)
	}
}

// Without modelled disks there are no such trials.
func TestRunnerWithoutEvidence(t *testing.T) {
	p := newPretender(0.01)
	if _, _, err := runForTest(t, t.Context(), parseForTest(t, twoPaths), p, &tape{}, nil); err != nil {
		t.Fatal(err)
	}
	for _, w := range p.works {
		if w.Phase == results.PhaseEvidence {
			t.Fatalf("%s was done for evidence that nobody asked for", w.Case.ID)
		}
	}
}

// A trial for evidence that fails is in the record, and takes neither the other trials nor the run's success with it.
func TestRunnerEvidenceFails(t *testing.T) {
	p := newPretender(0.01)
	p.fail = func(w Work) error {
		if w.Phase == results.PhaseEvidence && w.Case.Params.Method == "buffered" {
			return errors.New("no space left on device")
		}
		return nil
	}
	record := &tape{}
	r, end, err := runForTest(t, t.Context(), parseForTest(t, modelledWrites), p, record, nil)
	if err != nil || end.Reason == results.StopFailed || r.Failed() != 0 {
		t.Fatalf("got %+v, %v, %d failed trials", end, err, r.Failed())
	}
	failed, went := 0, 0
	for _, trial := range record.trials {
		if trial.Phase == results.PhaseEvidence {
			if went++; trial.Error != "" {
				failed++
			}
		}
	}
	if failed != 2 || went != 4 {
		t.Errorf("%d of %d trials for evidence failed, want 2 of 4", failed, went)
	}
}

// Nothing is done for evidence where measuring ended by a failure or an interruption; and it can itself be interrupted.
func TestRunnerEvidenceInterrupted(t *testing.T) {
	for _, at := range []results.Phase{results.PhaseCounted, results.PhaseEvidence} {
		ctx, cancel := context.WithCancel(t.Context())
		p := newPretender(0.01)
		p.fail = func(w Work) error {
			if w.Phase == at {
				cancel()
			}
			return nil
		}
		record := &tape{}
		_, end, err := runForTest(t, ctx, parseForTest(t, modelledWrites), p, record, nil)
		cancel()
		if err != nil || end.Reason != results.StopInterrupted {
			t.Errorf("interrupted in phase %s: got %+v, %v", at, end, err)
		}
		for _, trial := range record.trials {
			if trial.Phase == results.PhaseEvidence {
				t.Errorf("interrupted in phase %s: trial %+v", at, trial)
			}
		}
	}
}

// Where all CPUs may be sampled, the sides are told by that.
func TestRunnerSamplesAllCPUs(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		r := &Runner{CPUs: allowed, Measure: Measure{Evidence: 2}, ready: map[string]bool{}, work: map[string]*assignment{}}
		whole := results.Case{ID: "whole", Kind: results.Write, Params: results.Params{Method: "buffered", Amount: AmountFile}}
		timed := results.Case{ID: "timed", Kind: results.Write, Params: results.Params{Method: "buffered"}}
		for _, c := range []results.Case{whole, timed} {
			r.live, r.ready[c.ID], r.work[c.ID] = append(r.live, c), true, &assignment{}
		}
		got := map[string][]string{}
		for _, w := range r.evidenceWorks() {
			got[w.Case.ID] = append(got[w.Case.ID], fmt.Sprint(w.Instrument, " ", w.AllCPUs))
		}
		sampled := fmt.Sprint("cpu profile ", allowed)
		if !slices.Equal(got[timed.ID], []string{sampled, "none false", "none false", sampled}) || !slices.Equal(got[whole.ID], []string{sampled}) {
			t.Errorf("allowed %v: %v", allowed, got)
		}
	}
}
