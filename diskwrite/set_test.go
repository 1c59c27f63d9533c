package diskwrite

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"copylab/internal/kernel"
)

// shared is a file that several fakes write to, and what was durable of it when.
type shared struct {
	mu      sync.Mutex
	pending map[int64]bool // offsets that were written and are not durable
	durable map[int64]bool
	syncing int
	most    int // syncs at a time
	syncs   int
	writing int
	threads int // that wrote at a time, at most
	failAt  int64
}

func newShared() *shared {
	return &shared{pending: map[int64]bool{}, durable: map[int64]bool{}, failAt: -1}
}

// member is one writer's File on a shared one. It takes its time on the bubble's clock.
type member struct {
	*shared
	write, sync time.Duration
	own         map[int64]bool
	synced      bool
	failSync    bool
}

func (m *member) WriteBlock(_ []byte, off int64) error {
	m.mu.Lock()
	m.writing++
	m.threads = max(m.threads, m.writing)
	m.mu.Unlock()
	time.Sleep(m.write)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writing--
	if off == m.failAt {
		return errFake
	}
	m.pending[off] = true
	m.own[off] = true
	return nil
}

func (m *member) Sync(SyncCall) error {
	m.mu.Lock()
	m.syncs++
	m.syncing++
	m.most = max(m.most, m.syncing)
	var covered []int64
	for off := range m.pending {
		covered = append(covered, off)
	}
	m.mu.Unlock()
	time.Sleep(m.sync)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.syncing--
	if m.failSync {
		return errFake
	}
	for _, off := range covered {
		delete(m.pending, off)
		m.durable[off] = true
	}
	m.synced = true
	return nil
}

// Durable is as a real File's: it knows of its own syncs only.
func (m *member) Durable(synced bool) (bool, string) {
	if synced && m.synced {
		return true, ""
	}
	return false, "never synced"
}
func (m *member) Syscalls() map[string]int64 { return map[string]int64{"fake": 1} }
func (m *member) Close() error               { return nil }

// members makes a set of writers of one shared file.
func members(s *shared, writers int, write, sync time.Duration) Set {
	var set Set
	for range writers {
		set = append(set, []File{&member{shared: s, write: write, sync: sync, own: map[int64]bool{}}})
	}
	return set
}

// onBubble waits on the bubble's clock.
func onBubble(epoch time.Time, due time.Duration) { time.Sleep(due - time.Since(epoch)) }

func allHistograms() Histograms {
	return Histograms{Op: histogram(), Sync: histogram(), Commit: histogram()}
}

// Several writers share the work: each write is made once, whoever makes it, all at a time, and nothing is left unsynced.
func TestWritersShareTheSequence(t *testing.T) {
	const w, s = 3 * time.Millisecond, 50 * time.Millisecond
	for _, policy := range []string{"none", "end", "every=3", "interval=7ms", "group"} {
		for _, writers := range []int{1, 2, 5, 16} {
			synctest.Test(t, func(t *testing.T) {
				const n = 101
				j := job(n)
				var err error
				if j.Policy, err = ParsePolicy(policy); err != nil {
					t.Fatal(err)
				}
				j.SyncCall, j.Writers, j.Progress = Fdatasync, writers, NewProgress(writers)
				file := newShared()
				set := members(file, writers, w, s)
				h := allHistograms()
				r, err := set.Run(j, h)
				if err != nil {
					t.Fatal(err)
				}
				if r.Operations != n || r.Bytes != 16*n || h.Op.TotalCount() != n || j.Progress.AcceptedBytes() != 16*n {
					t.Errorf("%s, %d writers: got %+v, %d recorded, %d bytes of progress", policy, writers, r, h.Op.TotalCount(), j.Progress.AcceptedBytes())
				}
				written := map[int64]int{}
				for _, files := range set {
					own := files[0].(*member).own
					for off := range own {
						written[off]++
					}
					if len(own) == 0 {
						t.Errorf("%s: one of %d writers wrote nothing", policy, writers)
					}
				}
				for i := range int64(n) {
					if written[16*i] != 1 {
						t.Errorf("%s, %d writers: block %d was written by %d of them", policy, writers, i, written[16*i])
					}
				}
				if file.threads != writers {
					t.Errorf("%s: %d of %d writers wrote at a time", policy, file.threads, writers)
				}
				if int64(file.syncs) != r.Syncs || h.Sync.TotalCount() != r.Syncs {
					t.Errorf("%s, %d writers: %d syncs were made, %d counted, %d recorded", policy, writers, file.syncs, r.Syncs, h.Sync.TotalCount())
				}
				if durable := policy != "none"; r.Durable != durable || durable && len(file.durable) != n || (r.NotDurable == "") != durable {
					t.Errorf("%s, %d writers: %+v, and %d of %d blocks are durable", policy, writers, r, len(file.durable), n)
				}
				if r.Durable && r.DurableNS < r.AcceptedNS {
					t.Errorf("%s, %d writers: durable after %d ns, before it was accepted after %d", policy, writers, r.DurableNS, r.AcceptedNS)
				}
				if commits := h.Commit.TotalCount(); policy == "group" && commits != n || policy != "group" && commits != 0 {
					t.Errorf("%s, %d writers: %d commits recorded", policy, writers, commits)
				}
			})
		}
	}
}

// With group, no writer goes on before its write is durable, only one sync is made at a time, and one serves many.
func TestGroupCommit(t *testing.T) {
	const w, s = time.Millisecond, 10 * time.Millisecond
	for _, tt := range []struct {
		writers int
		elapsed time.Duration
		syncs   int
	}{
		// Alone: a write and a sync each.
		{1, 24 * (w + s), 24},
		// All writes end together. One makes a sync, which serves all: 24/writers rounds.
		{2, 12 * (w + s), 12},
		{8, 3 * (w + s), 3},
		{24, w + s, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			j := job(24)
			j.Policy, j.SyncCall, j.Writers = Policy{ID: SyncGroup}, Fdatasync, tt.writers
			file := newShared()
			h := allHistograms()
			set := members(file, tt.writers, w, s)
			for _, files := range set {
				files[0] = &patient{member: files[0].(*member), t: t}
			}
			r, err := set.Run(j, h)
			if err != nil {
				t.Fatal(err)
			}
			if file.most != 1 {
				t.Errorf("%d writers: %d syncs at a time, want one", tt.writers, file.most)
			}
			// Writers whose writes end at one moment may be found in any order: the first of them may sync before it sees the
			// others, which then share a second one.
			if r.Syncs < int64(tt.syncs) || r.Syncs > 2*int64(tt.syncs) || time.Duration(r.DurableNS) < tt.elapsed || time.Duration(r.DurableNS) > 2*tt.elapsed {
				t.Errorf("%d writers: %d syncs in %v, want %d in %v, and at most twice as many", tt.writers, r.Syncs, time.Duration(r.DurableNS), tt.syncs, tt.elapsed)
			}
			if !h.Op.ValuesAreEquivalent(h.Op.Max(), int64(w)) {
				t.Errorf("%d writers: a write took %v, want %v: no sync is charged to it", tt.writers, time.Duration(h.Op.Max()), w)
			}
			const coarse = 1.002 // what three digits may round away
			if float64(h.Commit.Min())*coarse < float64(w+s) || float64(h.Commit.Max()) > float64(w+2*s)*coarse {
				t.Errorf("%d writers: commits took %v to %v, want %v to %v", tt.writers, time.Duration(h.Commit.Min()), time.Duration(h.Commit.Max()), w+s, w+2*s)
			}
			// Two may take turns for ever: each waits while the other's sync is under way.
			if tt.writers > 2 && r.Syncs >= 24 {
				t.Errorf("%d writers: %d syncs for 24 writes: none was shared", tt.writers, r.Syncs)
			}
		})
	}
}

// patient fails the test where its writer comes back before its last write is durable.
type patient struct {
	*member
	t    *testing.T
	last int64
	some bool
}

func (p *patient) WriteBlock(block []byte, off int64) error {
	p.mu.Lock()
	if p.some && !p.durable[p.last] {
		p.t.Errorf("a writer went on to offset %d before the one at %d was durable", off, p.last)
	}
	p.mu.Unlock()
	p.last, p.some = off, true
	return p.member.WriteBlock(block, off)
}

// A write that ends while a sync is under way is not served by it: it must wait for the next.
func TestGroupDoesNotTakeASyncThatBeganTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := job(2)
		j.Policy, j.SyncCall, j.Writers = Policy{ID: SyncGroup}, Fdatasync, 2
		file := newShared()
		set := members(file, 2, 0, 10*time.Millisecond)
		set[0][0].(*member).write = time.Millisecond
		set[1][0].(*member).write = 3 * time.Millisecond
		h := allHistograms()
		r, err := set.Run(j, h)
		if err != nil {
			t.Fatal(err)
		}
		// The quick one: 1 + 10 ms. The slow one ends at 3, waits until 11, and syncs until 21.
		if r.Syncs != 2 || r.DurableNS != int64(21*time.Millisecond) || r.AcceptedNS != int64(3*time.Millisecond) {
			t.Errorf("got %+v, want two syncs and all durable after 21ms", r)
		}
		if !h.Commit.ValuesAreEquivalent(h.Commit.Min(), int64(11*time.Millisecond)) || !h.Commit.ValuesAreEquivalent(h.Commit.Max(), int64(21*time.Millisecond)) {
			t.Errorf("commits took %v and %v, want 11ms and 21ms", time.Duration(h.Commit.Min()), time.Duration(h.Commit.Max()))
		}
	})
}

// Where one writer fails, the others end, also those that wait for a sync.
func TestAFaultEndsAllWriters(t *testing.T) {
	for _, policy := range []string{"none", "every=2", "group"} {
		for _, what := range []string{"write", "sync"} {
			if policy == "none" && what == "sync" {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				j := job(1000)
				var err error
				if j.Policy, err = ParsePolicy(policy); err != nil {
					t.Fatal(err)
				}
				j.SyncCall, j.Writers = Fsync, 4
				file := newShared()
				set := members(file, 4, time.Millisecond, 5*time.Millisecond)
				if what == "write" {
					file.failAt = 16 * 20
				} else {
					for _, files := range set {
						files[0].(*member).failSync = true
					}
				}
				r, err := set.Run(j, allHistograms())
				if !errors.Is(err, errFake) || !strings.Contains(err.Error(), "of 1000 writes") {
					t.Errorf("%s, %s: got %v, want the fault", policy, what, err)
				}
				if r.Durable || r.NotDurable == "" || r.Operations > 30 || r.DurableNS != 0 {
					t.Errorf("%s, %s: got %+v, want that it ended soon and is not durable", policy, what, r)
				}
			})
		}
	}
}

// Each interval begins with the end of the sync before.
func TestIntervalPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const w, s = 3 * time.Millisecond, 50 * time.Millisecond
		j := job(9)
		j.Policy, j.SyncCall = Policy{ID: SyncInterval, Interval: 10 * time.Millisecond}, Fdatasync
		f := &fake{write: w, sync: s, durable: [2]bool{false, true}}
		op, sync := histogram(), histogram()
		r, err := Run(f, j, op, sync)
		if err != nil {
			t.Fatal(err)
		}
		// The fourth write ends at 12 ms, past 10. The next interval ends at 62+10 ms, and the eighth write at 74.
		if f.order != "wwwwswwwwsws" || r.Syncs != 3 || r.AcceptedNS != int64(9*w+2*s) || r.DurableNS != int64(9*w+3*s) {
			t.Errorf("calls were %s, %+v", f.order, r)
		}
		if !op.ValuesAreEquivalent(op.Max(), int64(w)) || !sync.ValuesAreEquivalent(sync.Min(), int64(s)) {
			t.Errorf("a write took %v, a sync %v", time.Duration(op.Max()), time.Duration(sync.Min()))
		}
		// At the very moment, and nothing left for the end.
		j = job(4)
		j.Policy, j.SyncCall = Policy{ID: SyncInterval, Interval: 2 * w}, Fdatasync
		f = &fake{write: w, sync: s, durable: [2]bool{false, true}}
		if r, err := Run(f, j, histogram(), histogram()); err != nil || f.order != "wwswws" || r.Syncs != 2 {
			t.Errorf("calls were %s, %+v, %v", f.order, r, err)
		}
	})
}

// A single writer of the policy group syncs after each write, and each write and sync together are a commit.
func TestGroupOfOneIsEveryOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, policy := range []Policy{{ID: SyncGroup}, {ID: SyncEvery, Every: 1}} {
			j := job(3)
			j.Policy, j.SyncCall = policy, Fdatasync
			f := &fake{write: 3 * time.Millisecond, sync: 50 * time.Millisecond, durable: [2]bool{false, true}}
			h := allHistograms()
			r, err := Set{{f}}.Run(j, h)
			if err != nil || f.order != "wswsws" || !r.Durable || h.Commit.TotalCount() != 3 || !h.Commit.ValuesAreEquivalent(h.Commit.Max(), int64(53*time.Millisecond)) {
				t.Errorf("%s: calls were %s, %+v, %v, %d commits of up to %v", policy, f.order, r, err, h.Commit.TotalCount(), time.Duration(h.Commit.Max()))
			}
		}
	})
}

// In an open loop, a stall is charged to every write that it delayed, and a rate that is kept charges only the write.
func TestOpenLoopCountsFromTheIntendedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := job(10)
		j.RatePerSecond = 100 // one each 10 ms
		f := &fake{write: 4 * time.Millisecond}
		h := allHistograms()
		r, err := Set{{f}}.run(j, h, onBubble)
		if err != nil {
			t.Fatal(err)
		}
		if r.AcceptedNS != int64(94*time.Millisecond) || !h.Op.ValuesAreEquivalent(h.Op.Min(), int64(4*time.Millisecond)) || !h.Op.ValuesAreEquivalent(h.Op.Max(), int64(4*time.Millisecond)) {
			t.Errorf("accepted after %v, writes took %v to %v; want 94ms and 4ms each", time.Duration(r.AcceptedNS), time.Duration(h.Op.Min()), time.Duration(h.Op.Max()))
		}
		// Writes of 15 ms that are due each 10: the i-th ends at 15(i+1) and was due at 10i.
		f = &fake{write: 15 * time.Millisecond}
		h = allHistograms()
		if r, err = (Set{{f}}).run(j, h, onBubble); err != nil {
			t.Fatal(err)
		}
		for i := range int64(10) {
			late := int64(time.Millisecond) * (15 + 5*i)
			if !slices.ContainsFunc(h.Op.Distribution(), func(b hdrhistogram.Bar) bool { return b.Count == 1 && b.From <= late && late <= b.To }) {
				t.Errorf("no write is charged %v", time.Duration(late))
			}
		}
		// Two writers keep that rate: nothing is late.
		j.Writers = 2
		h = allHistograms()
		if r, err = members(newShared(), 2, 15*time.Millisecond, 0).run(j, h, onBubble); err != nil {
			t.Fatal(err)
		}
		if r.AcceptedNS != int64(105*time.Millisecond) || !h.Op.ValuesAreEquivalent(h.Op.Max(), int64(15*time.Millisecond)) {
			t.Errorf("two writers: accepted after %v, a write took up to %v; want 105ms and 15ms", time.Duration(r.AcceptedNS), time.Duration(h.Op.Max()))
		}
		// No write that is due after the limit begins.
		j.Limit = 45 * time.Millisecond
		if r, err = members(newShared(), 2, time.Millisecond, 0).run(j, allHistograms(), onBubble); err != nil || r.Operations != 5 {
			t.Errorf("with a limit of 45ms: %+v, %v; want 5 writes", r, err)
		}
	})
}

// The real waiting: never early.
func TestSleepUntil(t *testing.T) {
	kernel.SharpenTimers()
	epoch := time.Now()
	for _, due := range []time.Duration{0, 50 * time.Microsecond, time.Millisecond, 5 * time.Millisecond} {
		if kernel.SleepUntil(epoch, due); time.Since(epoch) < due {
			t.Errorf("back after %v, want %v at the earliest", time.Since(epoch), due)
		}
	}
}

func TestLimitEndsSeveralWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := job(1000)
		j.Policy, j.SyncCall, j.Writers, j.Limit = Policy{ID: SyncEnd}, Fdatasync, 3, 95*time.Millisecond
		file := newShared()
		r, err := members(file, 3, 10*time.Millisecond, time.Millisecond).Run(j, allHistograms())
		if err != nil || r.Operations != 30 || r.Syncs != 1 || !r.Durable {
			t.Errorf("got %+v, %v; want 30 writes and one sync", r, err)
		}
		// What was written is the sequence's beginning, without a gap.
		for i := range int64(30) {
			if !file.durable[16*i] {
				t.Errorf("block %d is not there", i)
			}
		}
	})
}

func TestProgress(t *testing.T) {
	var none *Progress
	if none.slot(0) != nil {
		t.Error("no progress has a slot")
	}
	p := NewProgress(2)
	p.slot(0).note(100, 5)
	p.slot(1).note(50, 9)
	p.slot(1).note(150, 7)
	if got := p.AcceptedBytes(); got != 250 {
		t.Errorf("accepted %d bytes, want 250", got)
	}
	if got := p.TakeMaxLatency(); got != 9 {
		t.Errorf("the longest write took %d, want 9", got)
	}
	if got := p.TakeMaxLatency(); got != 0 {
		t.Errorf("an interval without writes has %d", got)
	}
	p.slot(0).note(200, 3)
	if got := p.TakeMaxLatency(); got != 3 {
		t.Errorf("the next interval's longest is %d, want 3", got)
	}
	// Another thread sees a run go on, and every write's latency is seen once.
	m, _ := FindMethod("null")
	j := job(200_000)
	j.Progress = NewProgress(1)
	set, err := j.Open(m, "")
	if err != nil {
		t.Fatal(err)
	}
	h := allHistograms()
	done := make(chan error, 1)
	go func() {
		_, err := set.Run(j, h)
		done <- err
	}()
	var seen int64
	var worst time.Duration
	for running := true; running; {
		select {
		case err = <-done:
			running = false
		default:
			runtime.Gosched()
		}
		now := j.Progress.AcceptedBytes()
		if now < seen {
			t.Fatalf("progress went back from %d to %d", seen, now)
		}
		seen = now
		worst = max(worst, j.Progress.TakeMaxLatency())
	}
	if err != nil || seen != 16*200_000 || !h.Op.ValuesAreEquivalent(h.Op.Max(), int64(worst)) {
		t.Errorf("saw %d bytes and %v at most, %v; the histogram has %v", seen, worst, err, time.Duration(h.Op.Max()))
	}
}

func TestSetMustFitTheJob(t *testing.T) {
	j := job(10)
	file := newShared()
	for what, set := range map[string]Set{"no writer": {}, "two writers": members(file, 2, 0, 0), "two files": {append(members(file, 1, 0, 0)[0], &fake{})}} {
		r, err := set.Run(j, allHistograms())
		if err == nil || !strings.Contains(err.Error(), "Job.Open") || r.NotDurable == "" || len(file.pending) > 0 {
			t.Errorf("%s: got %+v, %v", what, r, err)
		}
	}
	for _, change := range []func(*Job){func(j *Job) { j.Writers = 2 }, func(j *Job) { j.Pattern, j.Files = ManyLogs, 3 }} {
		j := job(10)
		change(&j)
		if _, err := Run(&fake{}, j, histogram(), nil); err == nil || !strings.Contains(err.Error(), "use a Set") {
			t.Errorf("Run of %+v: got %v", j, err)
		}
	}
}

func TestValidateParameters(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Job)
		want   []string // empty: valid
	}{
		{"mix", func(j *Job) { j.Pattern, j.RandomShare = RandomAppendMix, 0.3 }, nil},
		{"mix without a share", func(j *Job) { j.Pattern = RandomAppendMix }, []string{"RandomShare", "such as 0.3"}},
		{"mix of all random", func(j *Job) { j.Pattern, j.RandomShare = RandomAppendMix, 1 }, []string{"RandomShare", "all is random"}},
		{"mix of a share too small to tell", func(j *Job) { j.Pattern, j.RandomShare = RandomAppendMix, 1e-12 }, []string{"RandomShare"}},
		{"mix of no number", func(j *Job) { j.Pattern, j.RandomShare = RandomAppendMix, math.NaN() }, []string{"RandomShare"}},
		{"mix of which the file holds the appends", func(j *Job) {
			j.Pattern, j.RandomShare, j.Operations, j.FileBytes = RandomAppendMix, 0.5, 129, 65*16
		}, nil},
		{"mix of which it does not", func(j *Job) {
			j.Pattern, j.RandomShare, j.Operations, j.FileBytes = RandomAppendMix, 0.5, 129, 64*16
		}, []string{"FileBytes", "appending 65 blocks"}},
		{"a share without a mix", func(j *Job) { j.RandomShare = 0.3 }, []string{"RandomShare", "leave it 0"}},
		{"strided", func(j *Job) { j.Pattern, j.StrideBlocks, j.FileBytes = Strided, 4, 8*16 }, nil},
		{"strided by one", func(j *Job) { j.Pattern, j.StrideBlocks, j.FileBytes = Strided, 1, 8*16 }, []string{"StrideBlocks", "1 is overwrite"}},
		{"strided too far", func(j *Job) { j.Pattern, j.StrideBlocks, j.FileBytes = Strided, 5, 8*16 }, []string{"StrideBlocks", "8 blocks"}},
		{"a stride without strided", func(j *Job) { j.StrideBlocks = 2 }, []string{"StrideBlocks", "leave it 0"}},
		{"zipf", func(j *Job) { j.Pattern, j.Theta = Zipf, 0.99 }, nil},
		{"zipf without theta", func(j *Job) { j.Pattern = Zipf }, []string{"Theta", "such as 0.99"}},
		{"zipf too uneven", func(j *Job) { j.Pattern, j.Theta = Zipf, 11 }, []string{"Theta", "at most 10"}},
		{"zipf of no number", func(j *Job) { j.Pattern, j.Theta = Zipf, math.NaN() }, []string{"Theta"}},
		{"theta without zipf", func(j *Job) { j.Theta = 1 }, []string{"Theta", "leave it 0"}},
		{"many logs", func(j *Job) { j.Pattern, j.Files = ManyLogs, 1000 }, nil},
		{"many logs, but none", func(j *Job) { j.Pattern = ManyLogs }, []string{"Files", "choose 1 to"}},
		{"many logs, too many", func(j *Job) { j.Pattern, j.Files = ManyLogs, MostFiles+1 }, []string{"Files", "choose 1 to"}},
		{"files without many logs", func(j *Job) { j.Files = 2 }, []string{"Files", "leave it 0"}},
		{"fallocated", func(j *Job) { j.Pattern = AppendFallocated }, nil},
		{"fallocated, more writes than blocks", func(j *Job) { j.Pattern = AppendFallocated; j.Operations++ }, []string{"FileBytes", "fewer operations"}},
		{"writers", func(j *Job) { j.Writers = 64 }, nil},
		{"writers negative", func(j *Job) { j.Writers = -1 }, []string{"Writers", "choose 1 to"}},
		{"writers too many", func(j *Job) { j.Writers = MostWriters + 1 }, []string{"Writers", "choose 1 to"}},
		{"rate", func(j *Job) { j.RatePerSecond = 0.5 }, nil},
		{"rate negative", func(j *Job) { j.RatePerSecond = -1 }, []string{"RatePerSecond", "closed loop"}},
		{"rate of no number", func(j *Job) { j.RatePerSecond = math.NaN() }, []string{"RatePerSecond"}},
		{"rate infinite", func(j *Job) { j.RatePerSecond = math.Inf(1) }, []string{"RatePerSecond"}},
		{"depth", func(j *Job) { j.Depth = MostDepth }, nil},
		{"depth too large", func(j *Job) { j.Depth = MostDepth + 1 }, []string{"Depth"}},
		{"depth and writers", func(j *Job) { j.Depth, j.Writers = 2, 2 }, []string{"Depth", "Writers", "not both"}},
		{"depth and rate", func(j *Job) { j.Depth, j.RatePerSecond = 2, 2 }, []string{"Depth", "depth 1"}},
		{"depth and group", func(j *Job) { j.Depth, j.Policy, j.SyncCall = 2, Policy{ID: SyncGroup}, Fsync }, []string{"Depth", "group"}},
		{"depth and logs", func(j *Job) { j.Depth, j.Pattern, j.Files = 2, ManyLogs, 2 }, []string{"Depth", "many-logs"}},
		{"progress of too few", func(j *Job) { j.Writers, j.Progress = 2, NewProgress(1) }, []string{"Progress", "NewProgress(2)"}},
	} {
		j := job(5)
		tt.change(&j)
		err := j.Validate()
		if (err == nil) != (tt.want == nil) {
			t.Errorf("%s: got %v", tt.name, err)
		}
		for _, want := range tt.want {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", tt.name, err, want)
			}
		}
	}
	// The catalogue names each field as messages do.
	for _, p := range Patterns() {
		j := job(5)
		j.Pattern = p.ID
		if err := j.Validate(); p.Parameter != "" && (err == nil || !strings.Contains(err.Error(), p.Parameter+" is")) {
			t.Errorf("%s without its %s: got %v", p.ID, p.Parameter, err)
		}
	}
}

// Real files, by several writers or over several logs: every byte arrives where it should.
func TestSetRoundTrip(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	m := method(t, "buffered")
	for _, p := range Patterns() {
		if status := p.Probe(dir); status.State != kernel.StateAvailable {
			t.Logf("%s: %s", p.ID, status.Reason)
			continue
		}
		for _, writers := range []int{1, 3} {
			for _, policy := range []Policy{{ID: SyncEnd}, {ID: SyncEvery, Every: 50}, {ID: SyncInterval, Interval: time.Millisecond}, {ID: SyncGroup}} {
				j := testJob(p, "", payload(t, 1, 7))
				if p.ID == Random {
					j.Draw = Uniform
				}
				if p.ID == ManyLogs {
					j.Files = 10
				}
				j.Policy, j.SyncCall, j.Writers = policy, Fsync, writers
				name := filepath.Join(dir, "file")
				if err := j.Prepare(ctx, name); err != nil {
					t.Fatal(err)
				}
				set, err := j.Open(m, name)
				if err != nil {
					t.Fatal(err)
				}
				h := allHistograms()
				r, err := set.Run(j, h)
				if err != nil {
					t.Fatalf("%s, %s, %d writers: %v", p.ID, policy, writers, err)
				}
				if r.Operations != j.Operations || h.Op.TotalCount() != j.Operations || r.Syncs != h.Sync.TotalCount() || r.Syncs < 1 {
					t.Errorf("%s, %s, %d writers: %+v, %d writes and %d syncs recorded", p.ID, policy, writers, r, h.Op.TotalCount(), h.Sync.TotalCount())
				}
				var total int64
				for _, n := range set.Syscalls() {
					total += n
				}
				if calls := total - r.Operations; calls < r.Syncs || calls > r.Syncs*int64(j.files()) {
					t.Errorf("%s, %s, %d writers: %d calls for %d syncs of %d files", p.ID, policy, writers, calls, r.Syncs, j.files())
				}
				if err := set.Close(); err != nil {
					t.Error(err)
				}
				sum, err := VerifyBack(ctx, name, j)
				if err != nil || len(sum) != 16 {
					t.Errorf("%s, %s, %d writers: %q, %v", p.ID, policy, writers, sum, err)
				}
				last := j.Names(name)[j.files()-1]
				flip(t, last, 0)
				if _, err := VerifyBack(ctx, name, j); err == nil || !strings.Contains(err.Error(), last) {
					t.Errorf("%s, %d writers: a flipped bit gave %v", p.ID, writers, err)
				}
				if err := j.Remove(name); err != nil {
					t.Error(err)
				}
				if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
					t.Errorf("%s left %v, %v", p.ID, entries, err)
				}
			}
		}
	}
}

// A sync of many logs is a call for each log that was written since the last one, and for no other.
func TestASyncOfManyLogs(t *testing.T) {
	const logs = 6
	j := job(14)
	j.Pattern, j.Files, j.Policy, j.SyncCall = ManyLogs, logs, Policy{ID: SyncEvery, Every: 4}, Fdatasync
	var set Set = make([][]File, 1)
	for range logs {
		set[0] = append(set[0], &fake{durable: [2]bool{false, true}})
	}
	r, err := set.Run(j, allHistograms())
	if err != nil || r.Syncs != 4 || !r.Durable {
		t.Fatalf("got %+v, %v; want 4 syncs", r, err)
	}
	// The writes go to the logs 0 1 2 3 | 4 5 0 1 | 2 3 4 5 | 0 1.
	for i, want := range []string{"wswsws", "wswsws", "wsws", "wsws", "wsws", "wsws"} {
		if got := set[0][i].(*fake).order; got != want {
			t.Errorf("log %d: calls were %s, want %s", i, got, want)
		}
	}
	if want := []int64{0, 16, 32}; !slices.Equal(set[0][0].(*fake).offsets, want) {
		t.Errorf("log 0 was written at %v, want %v", set[0][0].(*fake).offsets, want)
	}
}

// Where files can't be made or opened, nothing stays behind and nothing stays open (TestMain looks for that).
func TestManyLogsCleanUp(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "log")
	if err := os.Mkdir(name+"-7", 0o700); err != nil {
		t.Fatal(err)
	}
	j := testJob(Pattern{ID: ManyLogs, Grows: true}, "", payload(t, 1, 1))
	j.Files = 10
	if err := j.Prepare(context.Background(), name); err == nil || !strings.Contains(err.Error(), "log-7") {
		t.Errorf("got %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v; want what was there before", entries, err)
	}
	if err := os.Remove(name + "-7"); err != nil {
		t.Fatal(err)
	}
	if err := j.Prepare(context.Background(), name); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(name + "-9"); err != nil {
		t.Fatal(err)
	}
	if set, err := j.Open(method(t, "buffered"), name); !errors.Is(err, fs.ErrNotExist) || set != nil {
		t.Errorf("got %v, %v", set, err)
	}
}

// From the first write to the last nothing is allocated: ten times as many writes take no more memory than before.
func TestSetAllocatesNothingWhileTimed(t *testing.T) {
	m := method(t, "null")
	data := make([]byte, 64)
	for _, tt := range []struct {
		name   string
		change func(*Job)
	}{
		{"writers", func(j *Job) { j.Writers = 3 }},
		{"logs", func(j *Job) { j.Pattern, j.Files = ManyLogs, 1000 }},
		{"logs and writers", func(j *Job) { j.Pattern, j.Files, j.Writers = ManyLogs, 100, 3 }},
		{"open loop", func(j *Job) { j.RatePerSecond = 1e7 }},
		{"every", func(j *Job) { j.Writers, j.Policy = 3, Policy{ID: SyncEvery, Every: 2} }},
		{"group", func(j *Job) { j.Writers, j.Policy = 3, Policy{ID: SyncGroup} }},
		{"zipf", func(j *Job) { j.Pattern, j.Theta = Zipf, 1 }},
	} {
		j := Job{Pattern: Append, Policy: Policy{ID: SyncNone}, SyncCall: Fsync, BlockBytes: 16, FileBytes: 1 << 30, Payload: data}
		tt.change(&j)
		j.Progress = NewProgress(j.writers())
		set, err := j.Open(m, "")
		if err != nil {
			t.Fatal(err)
		}
		h := allHistograms()
		allocations := func(operations int64) float64 {
			j.Operations = operations
			return testing.AllocsPerRun(3, func() {
				if _, err := set.Run(j, h); err != nil {
					t.Fatal(err)
				}
			})
		}
		few, many := allocations(1000), allocations(50_000)
		// The runtime's own records of waiting goroutines come and go with their number, not with that of the writes.
		if many > few+20 {
			t.Errorf("%s: %v allocations for 1000 writes, %v for 50000", tt.name, few, many)
		}
	}
}
