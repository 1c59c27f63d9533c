package diskwrite

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func histogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 3_600_000_000_000, 3) }

// job is a valid one of n writes of 16 bytes with a payload of 3 blocks.
func job(n int64) Job {
	return Job{Pattern: Append, Policy: Policy{ID: SyncNone}, BlockBytes: 16, FileBytes: 16 * n, Operations: n,
		Payload: []byte("0123456789abcdef" + "ghijklmnopqrstuv" + "wxyzABCDEFGHIJKL")}
}

// fake notes what Run asks for, and takes its time on the bubble's clock.
type fake struct {
	offsets  []int64
	blocks   []string
	order    string // "w" and "s"
	write    time.Duration
	sync     time.Duration
	failAt   int // write that fails, counted from 1
	failSync int
	durable  [2]bool // without and with a sync
}

var errFake = errors.New("fake fault")

func (f *fake) WriteBlock(block []byte, off int64) error {
	f.order += "w"
	time.Sleep(f.write)
	if strings.Count(f.order, "w") == f.failAt {
		return errFake
	}
	f.offsets = append(f.offsets, off)
	f.blocks = append(f.blocks, string(block))
	return nil
}

func (f *fake) Sync(SyncCall) error {
	f.order += "s"
	time.Sleep(f.sync)
	if strings.Count(f.order, "s") == f.failSync {
		return errFake
	}
	return nil
}

func (f *fake) Durable(synced bool) (bool, string) {
	if synced && f.durable[1] || !synced && f.durable[0] {
		return true, ""
	}
	return false, "a fake promises nothing"
}
func (f *fake) Syscalls() map[string]int64 { return nil }
func (f *fake) Close() error               { return nil }

// The clock of a synctest bubble stands still but for the fake's sleeps, so that every time is exact.
func TestRunByPolicy(t *testing.T) {
	const w, s = 3 * time.Millisecond, 50 * time.Millisecond
	for _, tt := range []struct {
		policy   string
		method   bool // durable by itself
		n        int64
		order    string
		accepted time.Duration
		durable  time.Duration // -1: not durable
	}{
		{"none", false, 5, "wwwww", 5 * w, -1},
		{"none", true, 5, "wwwww", 5 * w, 5 * w},
		{"end", false, 5, "wwwwws", 5 * w, 5*w + s},
		{"end", true, 5, "wwwwws", 5 * w, 5*w + s},
		{"every=2", false, 5, "wwswwsws", 5*w + 2*s, 5*w + 3*s},
		{"every=2", false, 4, "wwswws", 4*w + s, 4*w + 2*s}, // no sync twice where N divides the count
		{"every=1", false, 3, "wswsws", 3*w + 2*s, 3*w + 3*s},
		{"every=9", false, 3, "wwws", 3 * w, 3*w + s},
	} {
		t.Run(tt.policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				policy, err := ParsePolicy(tt.policy)
				if err != nil {
					t.Fatal(err)
				}
				j := job(tt.n)
				j.Policy, j.SyncCall = policy, Fdatasync
				f := &fake{write: w, sync: s, durable: [2]bool{tt.method, true}}
				op, sync := histogram(), histogram()
				r, err := Run(f, j, op, sync)
				if err != nil {
					t.Fatal(err)
				}
				if f.order != tt.order {
					t.Errorf("calls were %s, want %s", f.order, tt.order)
				}
				syncs := int64(strings.Count(tt.order, "s"))
				if r.Operations != tt.n || r.Bytes != 16*tt.n || r.Syncs != syncs || op.TotalCount() != tt.n || sync.TotalCount() != syncs {
					t.Errorf("got %+v, %d and %d recorded; want %d writes and %d syncs", r, op.TotalCount(), sync.TotalCount(), tt.n, syncs)
				}
				if r.AcceptedNS != int64(tt.accepted) {
					t.Errorf("accepted after %v, want %v", time.Duration(r.AcceptedNS), tt.accepted)
				}
				if tt.durable < 0 {
					if r.Durable || r.NotDurable == "" || r.DurableNS != 0 {
						t.Errorf("got %+v, want not durable, and why", r)
					}
				} else if !r.Durable || r.NotDurable != "" || r.DurableNS != int64(tt.durable) {
					t.Errorf("got %+v, want durable after %v", r, tt.durable)
				}
				// A sync is never charged to the write before or after it.
				if !op.ValuesAreEquivalent(op.Min(), int64(w)) || !op.ValuesAreEquivalent(op.Max(), int64(w)) {
					t.Errorf("writes took %v to %v, want %v", time.Duration(op.Min()), time.Duration(op.Max()), w)
				}
				if syncs > 0 && (!sync.ValuesAreEquivalent(sync.Min(), int64(s)) || !sync.ValuesAreEquivalent(sync.Max(), int64(s))) {
					t.Errorf("syncs took %v to %v, want %v", time.Duration(sync.Min()), time.Duration(sync.Max()), s)
				}
			})
		})
	}
}

func TestRunTakesThePayloadInTurn(t *testing.T) {
	j, f := job(5), &fake{}
	if _, err := Run(f, j, histogram(), nil); err != nil {
		t.Fatal(err)
	}
	p := string(j.Payload)
	if want := []string{p[:16], p[16:32], p[32:], p[:16], p[16:32]}; !slices.Equal(f.blocks, want) {
		t.Errorf("wrote %q, want %q", f.blocks, want)
	}
	if want := []int64{0, 16, 32, 48, 64}; !slices.Equal(f.offsets, want) {
		t.Errorf("wrote at %v, want %v", f.offsets, want)
	}
}

func TestRunTellsWhatWasAcceptedBeforeAFault(t *testing.T) {
	j := job(5)
	j.Policy, j.SyncCall = Policy{ID: SyncEvery, Every: 2}, Fsync
	for _, tt := range []struct {
		name             string
		f                *fake
		accepted, synced int64
	}{
		{"first write", &fake{failAt: 1, durable: [2]bool{true, true}}, 0, 0},
		{"fourth write", &fake{failAt: 4, durable: [2]bool{true, true}}, 3, 1},
		{"second sync", &fake{failSync: 2, durable: [2]bool{true, true}}, 4, 1},
		{"last sync", &fake{failSync: 3, durable: [2]bool{true, true}}, 5, 2},
	} {
		r, err := Run(tt.f, j, histogram(), histogram())
		if !errors.Is(err, errFake) {
			t.Errorf("%s: got %v, want the fault", tt.name, err)
		}
		if r.Operations != tt.accepted || r.Bytes != 16*tt.accepted || r.Syncs != tt.synced || r.Durable || r.NotDurable == "" || r.DurableNS != 0 {
			t.Errorf("%s: got %+v, want %d accepted, %d syncs, nothing durable", tt.name, r, tt.accepted, tt.synced)
		}
	}
}

func TestRunRefusesAnInvalidJob(t *testing.T) {
	j := job(5)
	j.Payload = nil
	f := &fake{}
	r, err := Run(f, j, histogram(), nil)
	if err == nil || f.order != "" || r.Durable || r.NotDurable == "" {
		t.Errorf("got %+v, %v, and %d calls; want an error before the first", r, err, len(f.order))
	}
}

func TestValidateNamesTheFieldAndTheRemedy(t *testing.T) {
	random := func(j *Job) { j.Pattern, j.Draw = Random, Uniform }
	for _, tt := range []struct {
		name   string
		change func(*Job)
		want   []string // empty: valid
	}{
		{"valid append", func(j *Job) {}, nil},
		{"valid random", random, nil},
		{"valid overwrite, several passes", func(j *Job) { j.Pattern, j.Operations = Overwrite, 1000 }, nil},
		{"append with room to spare", func(j *Job) { j.FileBytes += 5 }, nil},
		{"no pattern", func(j *Job) { j.Pattern = "" }, []string{"Pattern", "choose append"}},
		{"random without a draw", func(j *Job) { j.Pattern = Random }, []string{"Draw", "permutation or uniform"}},
		{"a draw without random", func(j *Job) { j.Draw = Uniform }, []string{"Draw", "pattern random", "leave it empty"}},
		{"no policy", func(j *Job) { j.Policy = Policy{} }, []string{"Policy", "none, end, every=N"}},
		{"every 0", func(j *Job) { j.Policy = Policy{ID: SyncEvery} }, []string{"Policy", "at least 1"}},
		{"N without every", func(j *Job) { j.Policy = Policy{ID: SyncEnd, Every: 3} }, []string{"Policy", "leave Every at 0"}},
		{"no sync call", func(j *Job) { j.Policy = Policy{ID: SyncEnd} }, []string{"SyncCall", "fdatasync, fsync, "}},
		{"block 0", func(j *Job) { j.BlockBytes = 0 }, []string{"BlockBytes", "at least 1"}},
		{"block negative", func(j *Job) { j.BlockBytes = -4096 }, []string{"BlockBytes", "at least 1"}},
		{"no operations", func(j *Job) { j.Operations = 0 }, []string{"Operations", "at least one"}},
		{"too many operations", func(j *Job) { random(j); j.Operations = math.MaxInt64 }, []string{"Operations", "choose fewer"}},
		{"append beyond the file", func(j *Job) { j.Operations++ }, []string{"FileBytes", "larger file or fewer operations"}},
		{"file smaller than a block", func(j *Job) { random(j); j.FileBytes = 15 }, []string{"FileBytes", "larger file"}},
		{"file negative", func(j *Job) { random(j); j.FileBytes = -16 }, []string{"FileBytes", "larger file"}},
		{"file of broken blocks", func(j *Job) { random(j); j.FileBytes = 100 }, []string{"FileBytes", "choose 96"}},
		{"no payload", func(j *Job) { j.Payload = nil }, []string{"Payload", "multiple of BlockBytes"}},
		{"payload of broken blocks", func(j *Job) { j.Payload = j.Payload[:40] }, []string{"Payload", "multiple of BlockBytes"}},
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
}

func TestValidateDirect(t *testing.T) {
	j := Job{BlockBytes: 6144}
	if err := j.ValidateDirect(512, 512); err != nil {
		t.Error(err)
	}
	for _, align := range [][2]int64{{512, 4096}, {4096, 512}} {
		if err := j.ValidateDirect(align[0], align[1]); err == nil || !strings.Contains(err.Error(), "choose a multiple of 4096") {
			t.Errorf("%v: got %v", align, err)
		}
	}
}

func TestNullWriterTouchesNothing(t *testing.T) {
	m, _ := FindMethod("null")
	f, err := m.Open("/nonexistent/file")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(f, job(100), histogram(), nil)
	if err != nil || r.Operations != 100 || r.Durable || len(f.Syscalls()) != 0 {
		t.Errorf("got %+v, %v, calls %v", r, err, f.Syscalls())
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// slow is a File whose writes take a while of the bubble's time.
type slow struct {
	File
	each time.Duration
	n    *int64
}

func (s slow) WriteBlock([]byte, int64) error { time.Sleep(s.each); *s.n++; return nil }

func TestLimitEndsARunEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := FindMethod("null")
		f, err := m.Open("")
		if err != nil {
			t.Fatal(err)
		}
		var writes int64
		j := Job{Pattern: Append, Policy: Policy{ID: SyncEnd}, SyncCall: Fdatasync, BlockBytes: 512, FileBytes: 1 << 20, Operations: 1000,
			Payload: make([]byte, 512), Limit: 95 * time.Millisecond}
		h := func() *hdrhistogram.Histogram { return hdrhistogram.New(1, 3_600_000_000_000, 3) }
		r, err := Run(slow{f, 10 * time.Millisecond, &writes}, j, h(), h())
		if err != nil {
			t.Fatal(err)
		}
		// The tenth write passes the limit; no eleventh begins, and the policy's sync is made.
		if writes != 10 || r.Operations != 10 || r.Syncs != 1 || r.AcceptedNS != int64(100*time.Millisecond) {
			t.Errorf("%d writes, %+v; want 10 writes and one sync", writes, r)
		}
	})
}
