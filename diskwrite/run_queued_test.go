package diskwrite

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fakeQueue does writes on the bubble's clock: each takes its own time, and they end in the order of their times.
type fakeQueue struct {
	fake
	takes  func(n int, off int64) time.Duration // the n-th write, counted from 0
	depth  int
	flying []flight
	most   int // in flight at a time
	broken bool
	failOn int // the write that fails, counted from 1
	count  int
	done   []int64 // offsets in the order of their ends
	clash  bool    // two writes to one place were in flight together
}

type flight struct {
	slot, n int
	off     int64
	ends    time.Time
}

func (f *fakeQueue) Ready(depth int, _ []byte) error { f.depth = depth; return nil }

func (f *fakeQueue) Submit(slot int, block []byte, off int64) error {
	for _, other := range f.flying {
		if other.slot == slot {
			return fmt.Errorf("slot %d is in use", slot)
		}
		f.clash = f.clash || other.off == off
	}
	f.flying = append(f.flying, flight{slot, f.count, off, time.Now().Add(f.takes(f.count, off))})
	f.count++
	f.most = max(f.most, len(f.flying))
	f.order += "w"
	f.offsets = append(f.offsets, off)
	f.blocks = append(f.blocks, string(block))
	return nil
}

func (f *fakeQueue) Wait() (int, error) {
	if f.broken {
		return -1, errFake
	}
	if len(f.flying) == 0 {
		return -1, errors.New("waited for nothing")
	}
	first := 0
	for i, w := range f.flying {
		if w.ends.Before(f.flying[first].ends) {
			first = i
		}
	}
	w := f.flying[first]
	time.Sleep(time.Until(w.ends))
	f.flying = slices.Delete(f.flying, first, first+1)
	if w.n+1 == f.failOn {
		return w.slot, errFake
	}
	f.done = append(f.done, w.off)
	return w.slot, nil
}

func (f *fakeQueue) Sync(c SyncCall) error {
	if len(f.flying) > 0 {
		return errors.New("a sync came while writes were in flight")
	}
	return f.fake.Sync(c)
}

func TestQueueKeepsItsDepth(t *testing.T) {
	const w, s = 10 * time.Millisecond, 50 * time.Millisecond
	for _, tt := range []struct {
		policy   string
		depth    int
		n        int64
		order    string
		accepted time.Duration
		durable  time.Duration
	}{
		{"none", 2, 6, "wwwwww", 3 * w, -1},
		{"none", 4, 6, "wwwwww", 2 * w, -1},
		{"none", 8, 6, "wwwwww", w, -1},
		{"end", 3, 6, "wwwwwws", 2 * w, 2*w + s},
		{"every=2", 2, 5, "wwswwsws", 3*w + 2*s, 3*w + 3*s},
		{"every=4", 2, 4, "wwwws", 2 * w, 2*w + s},
		{"every=2", 8, 4, "wwswws", 2*w + s, 2*w + 2*s}, // no more in flight than may be before the sync
		{"interval=15ms", 2, 8, "wwwwswwwws", 4*w + s, 4*w + 2*s},
		{"interval=1h", 2, 4, "wwwws", 2 * w, 2*w + s},
	} {
		t.Run(fmt.Sprintf("%s/%d", tt.policy, tt.depth), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				policy, err := ParsePolicy(tt.policy)
				if err != nil {
					t.Fatal(err)
				}
				j := job(tt.n)
				j.Policy, j.SyncCall, j.Depth = policy, Fdatasync, tt.depth
				j.Progress = NewProgress(1)
				f := &fakeQueue{fake: fake{sync: s, durable: [2]bool{false, true}}, takes: func(int, int64) time.Duration { return w }}
				op, sync := histogram(), histogram()
				r, err := Run(f, j, op, sync)
				if err != nil {
					t.Fatal(err)
				}
				syncs := int64(strings.Count(tt.order, "s"))
				if f.order != tt.order || r.Operations != tt.n || r.Bytes != 16*tt.n || r.Syncs != syncs || op.TotalCount() != tt.n || sync.TotalCount() != syncs {
					t.Errorf("calls %s, %+v, %d and %d recorded; want %s", f.order, r, op.TotalCount(), sync.TotalCount(), tt.order)
				}
				if r.AcceptedNS != int64(tt.accepted) || r.Durable != (tt.durable >= 0) || r.Durable && r.DurableNS != int64(tt.durable) {
					t.Errorf("got %+v, want accepted after %v and durable after %v", r, tt.accepted, tt.durable)
				}
				if !op.ValuesAreEquivalent(op.Min(), int64(w)) || !op.ValuesAreEquivalent(op.Max(), int64(w)) {
					t.Errorf("writes took %v to %v, want %v", time.Duration(op.Min()), time.Duration(op.Max()), w)
				}
				if got, longest := j.Progress.AcceptedBytes(), j.Progress.TakeMaxLatency(); got != r.Bytes || longest != w {
					t.Errorf("progress tells of %d bytes and %v, want %d and %v", got, longest, r.Bytes, w)
				}
				if f.depth != tt.depth || f.most > tt.depth {
					t.Errorf("readied for %d, %d in flight; want %d", f.depth, f.most, tt.depth)
				}
			})
		})
	}
}

// Writes that end out of order are each charged their own time, and the payload is taken in the order of submission.
func TestQueueOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := job(5)
		j.Depth = 3
		f := &fakeQueue{takes: func(n int, _ int64) time.Duration { return time.Duration(50-10*n) * time.Millisecond }}
		op := histogram()
		if _, err := Run(f, j, op, nil); err != nil {
			t.Fatal(err)
		}
		// 50, 40, 30 at once; the fourth (20) begins at 30, the fifth (10) at 40; the first ends at 50 as they do.
		if want := []int64{32, 16}; !slices.Equal(f.done[:2], want) || len(f.done) != 5 {
			t.Errorf("done in the order %v, want it to begin with %v", f.done, want)
		}
		p := string(j.Payload)
		if want := []string{p[:16], p[16:32], p[32:], p[:16], p[16:32]}; !slices.Equal(f.blocks, want) {
			t.Errorf("wrote %q, want %q", f.blocks, want)
		}
		if op.TotalCount() != 5 || !op.ValuesAreEquivalent(op.Max(), int64(50*time.Millisecond)) || !op.ValuesAreEquivalent(op.Min(), int64(10*time.Millisecond)) {
			t.Errorf("%d writes took %v to %v, want 5 of 10 ms to 50 ms", op.TotalCount(), time.Duration(op.Min()), time.Duration(op.Max()))
		}
	})
}

// Which of two writes to one place is the last is decided before they are submitted, or nobody could verify the file.
func TestQueueNeverWritesOnePlaceTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		j := job(2000)
		j.Pattern, j.Draw, j.FileBytes, j.Depth = Random, Uniform, 16*40, 32
		f := &fakeQueue{takes: func(int, int64) time.Duration { return time.Duration(rng.IntN(1000)+1) * time.Microsecond }}
		if _, err := Run(f, j, histogram(), nil); err != nil {
			t.Fatal(err)
		}
		if f.clash || f.most < 5 {
			t.Errorf("two to one place at once: %v; %d in flight at most", f.clash, f.most)
		}
	})
}

func TestQueueStopsAtTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := job(1000)
		j.Depth, j.Limit, j.Policy, j.SyncCall = 4, 95*time.Millisecond, Policy{ID: SyncEnd}, Fdatasync
		f := &fakeQueue{takes: func(int, int64) time.Duration { return 10 * time.Millisecond }}
		r, err := Run(f, j, histogram(), histogram())
		// The tenth round passes the limit: the first to be done ends the submitting, the others are waited for.
		if err != nil || r.Operations != 40 || f.count != 40 || r.Syncs != 1 || r.AcceptedNS != int64(100*time.Millisecond) {
			t.Errorf("%d writes, %+v, %v; want 40 and one sync", f.count, r, err)
		}
	})
}

// After a fault nothing is left in flight, and no sync is made.
func TestQueueFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, f := range []*fakeQueue{{failOn: 3}, {failOn: 20}, {fake: fake{failSync: 1}}} {
			j := job(20)
			j.Depth, j.Policy, j.SyncCall = 4, Policy{ID: SyncEvery, Every: 10}, Fsync
			f.takes = func(int, int64) time.Duration { return time.Millisecond }
			r, err := Run(f, j, histogram(), histogram())
			if !errors.Is(err, errFake) || len(f.flying) > 0 || r.Durable || r.NotDurable == "" || r.DurableNS != 0 {
				t.Errorf("got %+v, %v, %d in flight", r, err, len(f.flying))
			}
			if want := int64(strings.Count(f.order, "s")); f.failSync == 0 && r.Syncs != want {
				t.Errorf("%d syncs counted, want %d", r.Syncs, want)
			}
		}
		f := &fakeQueue{broken: true, takes: func(int, int64) time.Duration { return 0 }}
		j := job(20)
		j.Depth = 4
		if r, err := Run(f, j, histogram(), nil); !errors.Is(err, errFake) || r.Operations != 0 {
			t.Errorf("a broken queue: got %+v, %v", r, err)
		}
	})
}

func TestDepthNeedsAQueue(t *testing.T) {
	j := job(5)
	j.Depth = 2
	if r, err := Run(&fake{}, j, histogram(), nil); err == nil || !strings.Contains(err.Error(), "Depth is 2") || r.Operations != 0 {
		t.Errorf("got %+v, %v", r, err)
	}
	for _, depth := range []int{-1, MostDepth + 1} {
		j.Depth = depth
		if err := j.Validate(); err == nil || !strings.Contains(err.Error(), "choose 1 to 256") {
			t.Errorf("depth %d: got %v", depth, err)
		}
	}
}

func TestQueuedRunAllocatesNothing(t *testing.T) {
	f := open(t, method(t, "null"), "")
	op, sync := histogram(), histogram()
	for _, depth := range []int{2, MostDepth} {
		j := job(1000)
		j.Depth, j.Policy, j.SyncCall = depth, Policy{ID: SyncEvery, Every: 300}, Fsync
		if n := testing.AllocsPerRun(5, func() {
			if _, err := Run(f, j, op, sync); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("depth %d: %v allocations", depth, n)
		}
	}
}
