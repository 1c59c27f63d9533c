package scenarios

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"copylab/results"
	"copylab/results/stats"
)

// Work is one trial to execute.
type Work struct {
	Case  results.Case
	Phase results.Phase
	Block int
	// Amount is how much to do: bytes of a stream, requests of a fetch, blocks of a write.
	Amount int64
	// Rate is the offered rate of an open loop in requests per second; 0 for everything else.
	Rate float64
	// Limit ends a write early: no block is written once so much time has passed.
	Limit time.Duration
	// Seed decides the offsets of random writes in this trial.
	Seed uint64
	// Modelled are the mechanical disks on which a write is modelled too; only in the evidence phase.
	Modelled []ModelledDisk
	// Instrument watches the trial; only in the evidence phase.
	Instrument results.Instrument
	// AllCPUs has a trial under the sampler tell the sides by samples of all CPUs, not by samples of their threads, which cost more.
	AllCPUs bool
}

// Executor executes trials. The one that measures starts fresh processes for each; tests use one that pretends.
type Executor interface {
	// Execute runs one trial and returns its readings. The runner fills in what it knows itself: number, phase, block.
	Execute(ctx context.Context, w Work) (results.Trial, error)
}

// Recorder takes trials one by one and keeps each before it returns.
type Recorder interface {
	WriteTrial(results.Trial) error
}

// Event tells how a run gets on. It is sent between trials, never during one, so that drawing it disturbs nothing.
type Event struct {
	Phase  results.Phase
	Case   results.Case // that is measured next
	Block  int          // counted blocks begin at 1
	Blocks int          // the most there can be; 0 where nobody can tell, as in a search
	Step   int          // the next trial's place in the block or phase, from 1
	Steps  int
	// Elapsed and Budget are the run's, Left what is probably left until it ends: the trials for evidence, which come on top of the budget, included.
	Elapsed, Budget, Left time.Duration
	// Ratios are the headline comparisons so far, in a search those of the sizes under way; empty before the second counted block.
	Ratios []results.Comparison
	// Failed is the error of the trial that has just failed; nil otherwise.
	Failed error
}

// Runner measures the cases of a run: it verifies, calibrates, warms up, and then repeats blocks of all cases in seeded
// random order until every headline ratio is precise enough or the budget is spent. In a search, a block holds those cases
// alone that the search asks for, and what comes before a case's first block is done when it is first asked for.
type Runner struct {
	Executor Executor
	Record   Recorder
	Progress func(Event)
	Now      func() time.Time
	Measure  Measure
	Seed     uint64
	// Reference is the closed-loop case whose rate an open loop takes its share of.
	Reference func(results.Case) results.Case
	// Precision is the relative half-width of a ratio's interval at which the run stops.
	Precision float64
	// CPUs says that all that the CPUs do may be sampled.
	CPUs bool
	// Syscalls says that the kernel can count the system calls of a trial, so that one of each case is made for that.
	Syscalls bool
	// Modelled are the mechanical disks on which the writes are modelled, by one more trial of each when all is measured; nil: none.
	Modelled []ModelledDisk

	builder *results.Builder
	began   time.Time
	seq     int
	work    map[string]*assignment
	live    []results.Case  // that can still be measured: available and not failed
	search  *bisection      // nil: all of them are
	ready   map[string]bool // cases that went through what comes before the first counted block
	asked   []results.Case  // for the next block
	blocks  int             // counted so far
	pace    time.Duration   // of a trial in the slowest block so far
	failed  int
}

// assignment is how much a case does per trial.
type assignment struct {
	amount int64
	rate   float64   // of an open loop
	speeds []float64 // of the trials so far: work per second
}

// errNothing says that no case is left to measure.
var errNothing = errors.New("nothing left to measure")

// Run measures. Began is when the run's budget started to count; setting up is part of it. It returns how the run
// ended; the error is for what made it impossible to go on (a record that can't be written), not for failed trials.
func (r *Runner) Run(ctx context.Context, run results.Run, began time.Time) (results.End, error) {
	r.builder = results.NewBuilder(run)
	r.began = began
	r.work = map[string]*assignment{}
	for _, c := range run.Cases {
		if c.Unavailable == "" {
			r.live = append(r.live, c)
			r.work[c.ID] = &assignment{}
		}
	}
	r.ready = map[string]bool{}
	if run.Scenario.Search != nil {
		r.search = newBisection(run, r.Measure)
	}
	reason, err := r.measure(ctx)
	if err == nil {
		err = r.evidence(ctx)
	}
	end := results.End{Type: "end", Ended: r.Now().UTC(), Reason: reason, Blocks: r.blocks}
	switch {
	case ctx.Err() != nil:
		end.Reason, err = results.StopInterrupted, nil
	case errors.Is(err, errNothing):
		end.Reason, end.Detail, err = results.StopFailed, err.Error(), nil
	case err != nil:
		end.Reason, end.Detail = results.StopFailed, err.Error()
	}
	return end, err
}

// Failed is the number of trials that failed.
func (r *Runner) Failed() int { return r.failed }

func (r *Runner) measure(ctx context.Context) (string, error) {
	if len(r.live) == 0 {
		return "", fmt.Errorf("%w: every case of this scenario is unavailable here", errNothing)
	}
	if r.search != nil && len(r.search.hunts) == 0 {
		return "", fmt.Errorf("%w: every path that would be searched, or what it is compared with, is unavailable here", errNothing)
	}
	if err := r.tool(ctx); err != nil {
		return "", err
	}
	for {
		r.ask()
		if len(r.asked) == 0 && r.search != nil && r.search.found() {
			return results.StopFound, nil
		}
		if len(r.asked) == 0 {
			return "", fmt.Errorf("%w: a trial of every case failed", errNothing)
		}
		fresh := r.fresh()
		if reason := r.enough(len(r.asked) + trialsBefore*len(fresh)); reason != "" {
			return reason, nil
		}
		if len(fresh) > 0 {
			if err := r.prepare(ctx, fresh); err != nil {
				return "", err
			}
			continue // without those that failed
		}
		if err := r.block(ctx, r.asked, results.PhaseCounted, r.blocks+1); err != nil {
			return "", err
		}
		r.blocks++
		if r.search != nil {
			r.search.learn(r.builder.Comparisons())
		}
	}
}

// ask sets the cases of the next block: all that live, or those that the search wants, in the scenario's order.
func (r *Runner) ask() {
	if r.search == nil {
		r.asked = slices.Clone(r.live)
		return
	}
	wanted := r.search.next()
	r.asked = slices.DeleteFunc(slices.Clone(r.live), func(c results.Case) bool { return !wanted[c.ID] })
}

// trialsBefore is how many trials come before the first counted one of a case: verification and warm-up.
const trialsBefore = 2

// fresh are the cases of the next block that are there for the first time.
func (r *Runner) fresh() []results.Case {
	return slices.DeleteFunc(slices.Clone(r.asked), func(c results.Case) bool { return r.ready[c.ID] })
}

// prepare does with new cases what comes before their first counted block.
func (r *Runner) prepare(ctx context.Context, fresh []results.Case) error {
	for _, phase := range []func(context.Context, []results.Case) error{r.verify, r.calibrateUnverified, r.offer, r.warmUp} {
		if err := phase(ctx, r.alive(fresh)); err != nil {
			return err
		}
	}
	for _, c := range fresh {
		r.ready[c.ID] = true
	}
	return nil
}

// alive are those of the cases that have not failed.
func (r *Runner) alive(cases []results.Case) []results.Case {
	live := map[string]bool{}
	for _, c := range r.live {
		live[c.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(cases), func(c results.Case) bool { return !live[c.ID] })
}

// toolCases are the null path and the null writer.
func toolCases() []results.Case {
	return []results.Case{
		{ID: results.ToolNullPath, Kind: results.Transfer, Params: results.Params{Path: "null", ChunkBytes: 64 << 10, FileBytes: 64 << 20, Streams: 1, Workload: "stream", Cache: "warm", Link: "loopback", Receiver: "recv"}},
		{ID: results.ToolNullWriter, Kind: results.Write, Params: results.Params{Method: "null", Pattern: "append", Sync: "none", BlockBytes: 4 << 10, FileBytes: 1 << 50, Depth: 1}},
	}
}

// nullOperations is how many operations a null trial makes: long enough to time, short enough not to wait for.
const nullOperations = 1 << 20

// tool measures the cost of copylab itself. A failure is recorded and is no reason to stop.
func (r *Runner) tool(ctx context.Context) error {
	for i, c := range toolCases() {
		if _, err := r.trial(ctx, Work{Case: c, Phase: results.PhaseTool, Amount: nullAmount(c)}, i+1, 2); err != nil {
			return err
		}
	}
	return nil
}

func nullAmount(c results.Case) int64 {
	switch {
	case c.Kind == results.Transfer && c.Params.Workload != "fetch":
		return nullOperations * c.Params.ChunkBytes
	case c.Kind == results.Write && isFresh(c.Params): // as much as would fit into the file
		return min(nullOperations, c.Params.FileBytes/c.Params.BlockBytes)
	}
	return nullOperations
}

func isNull(c results.Case) bool { return c.Params.Path == "null" || c.Params.Method == "null" }

// verify moves each case's bytes once and compares them, before anything is timed. The time that it took is a first idea
// of the case's speed.
func (r *Runner) verify(ctx context.Context, cases []results.Case) error {
	return r.each(ctx, cases, results.PhaseVerify, func(c results.Case) bool { return !isNull(c) }, func(c results.Case) Work {
		return Work{Case: c, Phase: results.PhaseVerify, Amount: verifyAmount(c)}
	})
}

// calibrateUnverified sizes the cases that have no bytes to verify.
func (r *Runner) calibrateUnverified(ctx context.Context, cases []results.Case) error {
	return r.each(ctx, cases, results.PhaseCalibrate, isNull, func(c results.Case) Work {
		return Work{Case: c, Phase: results.PhaseCalibrate, Amount: nullAmount(c)}
	})
}

// each runs one trial of every case that is wanted, in the scenario's order, and sizes the case by it.
func (r *Runner) each(ctx context.Context, cases []results.Case, phase results.Phase, want func(results.Case) bool, work func(results.Case) Work) error {
	cases = slices.DeleteFunc(slices.Clone(cases), func(c results.Case) bool { return !want(c) })
	for i, c := range cases {
		t, err := r.trial(ctx, work(c), i+1, len(cases))
		if err != nil {
			return err
		}
		r.size(c, t)
	}
	return nil
}

// offer finds the rates of open loops: the given share of what the baseline path reaches in a closed loop with the same
// other parameters, so that all paths face the same load.
func (r *Runner) offer(ctx context.Context, cases []results.Case) error {
	closed := map[string]float64{}
	for _, c := range cases {
		if c.Params.Loop != "open" {
			continue
		}
		reference := r.Reference(c)
		rate, known := closed[reference.ID]
		if !known {
			t, err := r.trial(ctx, Work{Case: reference, Phase: results.PhaseCalibrate, Amount: max(1, r.work[c.ID].amount)}, 1, 1)
			if err != nil {
				return err
			}
			if t.Error == "" {
				rate = perSecond(t, t.Operations)
			}
			closed[reference.ID] = rate
		}
		if rate <= 0 {
			r.drop(c.ID)
			continue
		}
		r.work[c.ID].rate = rate * c.Params.LoadShare
		r.work[c.ID].amount = max(minOperations, int64(r.work[c.ID].rate*r.Measure.Time.Seconds()))
	}
	return nil
}

// warmUp is block 0: recorded, marked, not counted. It sizes the counted trials.
func (r *Runner) warmUp(ctx context.Context, cases []results.Case) error {
	return r.block(ctx, cases, results.PhaseWarmup, 0)
}

// evidence runs each case that was measured once more, with instruments on, in the scenario's order and as often as asked: as much as its counted
// trials do, and in each pass all writes with the offsets of one block. It is no part of what is measured: it comes on top of the budget, and what fails
// there is recorded and warned of, and takes nothing from the case.
func (r *Runner) evidence(ctx context.Context) error {
	works := r.evidenceWorks()
	for i, w := range works {
		if _, err := r.trial(ctx, w, i+1, len(works)); err != nil {
			return err
		}
	}
	return nil
}

// evidenceWorks are the trials for evidence. Models have one of their own, since they take CPU time by themselves.
func (r *Runner) evidenceWorks() (works []Work) {
	cases := slices.DeleteFunc(slices.Clone(r.live), func(c results.Case) bool { return isNull(c) || !r.ready[c.ID] })
	add := func(c results.Case, pass int, w Work) {
		a := r.work[c.ID]
		w.Case, w.Phase, w.Block, w.Amount, w.Rate = c, results.PhaseEvidence, pass, a.amount*r.sampledLength(c), a.rate
		w.Limit, w.Seed = writeLimit(c, a.amount, r.Measure.Time), trialSeed(r.Seed, pass)
		works = append(works, w)
	}
	if len(r.Modelled) > 0 {
		for _, c := range cases {
			if c.Kind == results.Write {
				add(c, 1, Work{Modelled: r.Modelled, Instrument: results.InstrumentBlockTrace})
			}
		}
	}
	for pass := 1; pass <= r.Measure.Evidence; pass++ {
		for i, c := range cases {
			if pass > evidencePasses(c, r.Measure) {
				continue
			}
			instruments := sampledPass(c)
			if (pass+i)%2 == 0 { // so that what drifts favours neither
				slices.Reverse(instruments)
			}
			for _, one := range instruments {
				add(c, pass, Work{Instrument: one, AllCPUs: one == results.InstrumentProfile && r.CPUs})
			}
		}
	}
	for _, c := range cases {
		if r.countsSyscalls(c) {
			add(c, 1, Work{Instrument: results.InstrumentSyscalls})
		}
	}
	return works
}

// countsSyscalls says that a case has a trial in which the kernel counts its system calls, which slows each of them: one, since a count varies little. Where a
// trial writes a whole file, which may take minutes, there is none.
func (r *Runner) countsSyscalls(c results.Case) bool {
	return r.Syscalls && r.Measure.Evidence > 0 && c.Params.Amount != AmountFile
}

// sampledLength is how many times as much as a timed trial one for evidence moves: short ones have too few samples. Writes keep to what was timed, since more of
// them may meet the dirty limits.
func (r *Runner) sampledLength(c results.Case) int64 {
	const enough, most = 400 * time.Millisecond, 4
	if c.Kind == results.Write || r.Measure.Time <= 0 {
		return 1
	}
	return int64(min(most, max(1, (enough+r.Measure.Time-1)/r.Measure.Time)))
}

// sampledPass are the trials of one pass: a sampled one, and right next to it one that nobody watches, which tells what being sampled costs and how
// the machine has changed since the timed trials. Where a trial writes a whole file, which may take minutes, there is no second one.
func sampledPass(c results.Case) []results.Instrument {
	if c.Params.Amount == AmountFile {
		return []results.Instrument{results.InstrumentProfile}
	}
	return []results.Instrument{results.InstrumentNone, results.InstrumentProfile}
}

// evidencePasses is how often a case is run once more under the sampler: only once where that writes the whole file, which may take minutes.
func evidencePasses(c results.Case, m Measure) int {
	if c.Params.Amount == AmountFile {
		return min(1, m.Evidence)
	}
	return m.Evidence
}

// evidenceTime is about how long the trials for evidence will take.
func (r *Runner) evidenceTime() time.Duration {
	pace := r.pace
	if pace == 0 {
		pace = r.Measure.Time
	}
	var trials int64
	for _, c := range r.live {
		switch {
		case isNull(c), r.search != nil && !r.ready[c.ID]:
			continue
		case c.Kind == results.Write && len(r.Modelled) > 0:
			trials++
		}
		of := int64(evidencePasses(c, r.Measure) * len(sampledPass(c)))
		if r.countsSyscalls(c) {
			of++
		}
		trials += of * r.sampledLength(c)
	}
	return time.Duration(trials) * pace
}

// block runs each of the cases once, in the block's random order.
func (r *Runner) block(ctx context.Context, cases []results.Case, phase results.Phase, number int) error {
	began := r.Now()
	for i, at := range Order(r.Seed, number, len(cases)) {
		c := cases[at]
		a := r.work[c.ID]
		amount := a.amount
		if phase == results.PhaseWarmup {
			amount = warmUpAmount(c, amount)
		}
		t, err := r.trial(ctx, Work{
			Case: c, Phase: phase, Block: number, Amount: amount, Rate: a.rate, Limit: writeLimit(c, amount, r.Measure.Time), Seed: trialSeed(r.Seed, number),
		}, i+1, len(cases))
		if err != nil {
			return err
		}
		r.size(c, t)
	}
	if len(cases) > 0 {
		r.pace = max(r.pace, r.Now().Sub(began)/time.Duration(len(cases)))
	}
	return nil
}

// overlong is how many times the intended time a trial may take, or may be shorter: a write stops there, and the trials that follow are
// sized anew. Rates are per second, so that they stay comparable.
const overlong = 2

// trialSeed gives every case of a block the same random offsets, so that they are compared on the same work.
func trialSeed(seed uint64, block int) uint64 {
	x := seed + uint64(block+1)*0x9e3779b97f4a7c15
	x ^= x >> 31
	return x
}

// trial executes and records one trial. A trial that fails is recorded with its error, and its case is dropped. The
// returned error ends the run.
func (r *Runner) trial(ctx context.Context, w Work, step, steps int) (results.Trial, error) {
	if err := ctx.Err(); err != nil {
		return results.Trial{}, context.Cause(ctx)
	}
	r.report(Event{Phase: w.Phase, Case: w.Case, Block: w.Block, Step: step, Steps: steps})
	started := r.Now().UTC()
	limit, expected := trialLimit(r.Measure.Time), r.Measure.Time
	if w.Case.Params.Amount == AmountFile {
		expected = writeLimit(w.Case, w.Amount, expected)
		limit = max(limit, 2*expected) // writing back what is left may take as long again
	}
	limited, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done after %v, when %v was expected: the trial was ended (is the disk or the machine overloaded, or a socket buffer very small?)", limit, expected))
	t, err := r.Executor.Execute(limited, w)
	cancel()
	if ctx.Err() != nil {
		return t, context.Cause(ctx) // a trial cut off by the user measured nothing
	}
	r.seq++
	t.Type, t.Seq, t.Case, t.Phase, t.Block, t.Instrument, t.Started = "trial", r.seq, w.Case.ID, w.Phase, w.Block, w.Instrument, started
	if err != nil {
		t.Error = err.Error()
		if w.Phase != results.PhaseEvidence {
			r.failed++
		}
		if w.Phase != results.PhaseTool && w.Phase != results.PhaseEvidence {
			r.drop(w.Case.ID)
		}
		r.report(Event{Phase: w.Phase, Case: w.Case, Block: w.Block, Step: step, Steps: steps, Failed: err})
	}
	if err := r.Record.WriteTrial(t); err != nil {
		return t, err
	}
	r.builder.Add(t)
	return t, nil
}

// trialLimit is how long a trial may take before it is taken for hung: writing back what a trial left dirty can take
// far longer than the trial.
func trialLimit(want time.Duration) time.Duration { return 2*time.Minute + 20*want }

func (r *Runner) drop(id string) {
	if r.search != nil {
		r.search.drop(id)
	}
	for i, c := range r.live {
		if c.ID == id {
			r.live = append(r.live[:i:i], r.live[i+1:]...)
			return
		}
	}
}

// size sets how much the case does per trial: from the first trials' speeds, and anew where a trial was far from its intended
// time. It goes by the median of all speeds so far, so that one slow trial does not make all that follow too short.
func (r *Runner) size(c results.Case, t results.Trial) {
	a := r.work[c.ID]
	if t.Error != "" || a == nil {
		return
	}
	if c.Params.Loop == "open" {
		if a.rate == 0 {
			a.amount = amount(c, perSecond(t, t.Operations), r.Measure.Time)
		}
		return
	}
	rate := perSecond(t, t.Operations)
	if c.Kind == results.Transfer && c.Params.Workload != "fetch" {
		rate = perSecond(t, t.Bytes)
	}
	counted := t.Phase == results.PhaseCounted
	if !counted { // a verification has another receiver, and the warm-up knows better
		a.speeds = a.speeds[:0]
	}
	a.speeds = append(a.speeds, rate)
	took := span(t)
	if !counted || took > overlong*r.Measure.Time || overlong*took < r.Measure.Time {
		a.amount = amount(c, stats.Median(a.speeds), r.Measure.Time)
	}
}

// enough tells why the run may stop before it makes so many more trials, or "".
func (r *Runner) enough(trials int) string {
	if r.blocks < r.Measure.MinBlocks {
		return ""
	}
	if r.search == nil {
		if width, ok := r.width(); ok && width <= r.Precision {
			return results.StopPrecise
		}
		if r.blocks >= r.Measure.MaxBlocks {
			return results.StopBlocks
		}
	}
	if r.Now().Sub(r.began)+time.Duration(trials)*r.pace > r.Measure.Budget {
		return results.StopBudget
	}
	return ""
}

// width is the relative half-width of the widest headline ratio; false where one can't be had yet.
func (r *Runner) width() (float64, bool) {
	widest, any := 0.0, false
	for _, c := range r.builder.Comparisons() {
		if !c.Headline {
			continue
		}
		if c.Confidence < stats.Level || c.Ratio <= 0 {
			return 0, false
		}
		any = true
		widest = max(widest, halfWidth(c))
	}
	return widest, any
}

// halfWidth of a ratio's interval, as a share of the ratio.
func halfWidth(c results.Comparison) float64 {
	return stats.RelativeHalfWidth(stats.Interval{Median: c.Ratio, Low: c.Low, High: c.High, Confidence: c.Confidence})
}

// left guesses the time until the run stops: an interval narrows with the square root of the number of blocks.
func (r *Runner) left() time.Duration {
	elapsed := r.Now().Sub(r.began)
	budget := max(0, r.Measure.Budget-elapsed)
	block := time.Duration(len(r.asked)) * r.pace
	if block == 0 { // before the first block
		return max(budget, time.Duration(r.Measure.MinBlocks+1)*time.Duration(len(r.asked))*r.Measure.Time)
	}
	blocks := float64(r.Measure.MaxBlocks - r.blocks)
	if width, ok := r.width(); ok && r.Precision > 0 {
		over := width / r.Precision
		need := float64(r.blocks) * (over*over - 1)
		blocks = min(blocks, max(0, need))
	}
	if r.search != nil {
		blocks = float64(r.search.left())
	}
	least := time.Duration(max(0, r.Measure.MinBlocks-r.blocks)) * block
	return max(least, min(budget, time.Duration(blocks*float64(block))))
}

func (r *Runner) report(e Event) {
	if r.Progress == nil {
		return
	}
	e.Blocks, e.Budget = r.Measure.MaxBlocks, r.Measure.Budget
	if r.search != nil {
		e.Blocks = 0
	}
	e.Elapsed, e.Left = r.Now().Sub(r.began), r.left()+r.evidenceTime()
	if e.Phase == results.PhaseEvidence {
		e.Left = time.Duration(e.Steps-e.Step+1) * r.pace
	}
	if r.blocks > 1 {
		for _, c := range r.builder.Comparisons() {
			if c.Headline && (r.search == nil || r.search.asks(c)) {
				e.Ratios = append(e.Ratios, c)
			}
		}
	}
	r.Progress(e)
}
