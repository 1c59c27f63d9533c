package diskwrite

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The hook comes once, after the last write and before what makes it durable, and no time holds what it takes.
func TestAcceptedIsInNoTime(t *testing.T) {
	const w, s, hook = 10 * time.Millisecond, 30 * time.Millisecond, 50 * time.Millisecond
	for _, tt := range []struct {
		policy   string
		depth    int
		limit    time.Duration
		rate     float64
		order    string // with "a" for the hook
		accepted time.Duration
		durable  time.Duration
	}{
		{policy: "none", order: "wwwwwwa", accepted: 6 * w},
		{policy: "end", order: "wwwwwwas", accepted: 6 * w, durable: 6*w + s},
		{policy: "every=1", order: "wswswswswswas", accepted: 6*w + 5*s, durable: 6*w + 6*s},
		{policy: "every=2", order: "wwswwswwas", accepted: 6*w + 2*s, durable: 6*w + 3*s},
		{policy: "every=4", order: "wwwwswwas", accepted: 6*w + s, durable: 6*w + 2*s},
		{policy: "interval=25ms", order: "wwwswwwas", accepted: 6*w + s, durable: 6*w + 2*s},
		{policy: "group", order: "wswswswswswas", accepted: 6*w + 5*s, durable: 6*w + 6*s},
		// Ended by the limit: before the last write, within the last, and within the sync after it.
		{policy: "none", limit: 2 * w, order: "wwa", accepted: 2 * w},
		{policy: "every=1", limit: w + s + 1, order: "wswas", accepted: 2*w + s, durable: 2*w + 2*s},
		{policy: "every=1", limit: w + s, order: "wsa", accepted: w, durable: w + s},
		{policy: "every=1", limit: 150 * time.Millisecond, rate: 10, order: "wswas", accepted: 100*time.Millisecond + w, durable: 100*time.Millisecond + w + s},
		{policy: "none", depth: 2, order: "wwwwwwa", accepted: 3 * w},
		{policy: "end", depth: 3, order: "wwwwwwas", accepted: 2 * w, durable: 2*w + s},
		{policy: "every=2", depth: 2, order: "wwswwswwas", accepted: 3*w + 2*s, durable: 3*w + 3*s},
		{policy: "interval=15ms", depth: 2, order: "wwwwswwas", accepted: 3*w + s, durable: 3*w + 2*s},
		{policy: "end", depth: 2, limit: w, order: "wwas", accepted: w, durable: w + s},
	} {
		t.Run(fmt.Sprintf("%s/%d/%v", tt.policy, tt.depth, tt.limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeQueue{fake: fake{write: w, sync: s, durable: [2]bool{false, true}}, takes: func(int, int64) time.Duration { return w }}
				j := job(6)
				var err error
				if j.Policy, err = ParsePolicy(tt.policy); err != nil {
					t.Fatal(err)
				}
				j.SyncCall, j.Depth, j.Limit, j.RatePerSecond = Fdatasync, tt.depth, tt.limit, tt.rate
				j.Accepted = func() { f.order += "a"; time.Sleep(hook) }
				h := allHistograms()
				r, err := Set{{f}}.run(j, h, onBubble)
				if err != nil {
					t.Fatal(err)
				}
				if f.order != tt.order {
					t.Errorf("%s, want %s", f.order, tt.order)
				}
				if r.AcceptedNS != int64(tt.accepted) || r.DurableNS != int64(tt.durable) {
					t.Errorf("accepted after %v, durable after %v; want %v and %v", time.Duration(r.AcceptedNS), time.Duration(r.DurableNS), tt.accepted, tt.durable)
				}
				if n := h.Sync.TotalCount(); n > 0 && !h.Sync.ValuesAreEquivalent(h.Sync.Max(), int64(s)) || n != r.Syncs {
					t.Errorf("%d of %d syncs recorded, the longest of %v; want %v", n, r.Syncs, time.Duration(h.Sync.Max()), s)
				}
				if h.Commit.TotalCount() > 0 && !h.Commit.ValuesAreEquivalent(h.Commit.Max(), int64(w+s)) {
					t.Errorf("the longest commit took %v, want %v", time.Duration(h.Commit.Max()), w+s)
				}
			})
		})
	}
}

// With several writers it comes when all of them have ended, and before the sync that is left.
func TestAcceptedOfSeveralWriters(t *testing.T) {
	const w, s, hook = 3 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond
	for _, policy := range []string{"none", "end", "every=3", "interval=7ms", "group"} {
		synctest.Test(t, func(t *testing.T) {
			j := job(22) // of which every=3 leaves a few unsynced
			var err error
			if j.Policy, err = ParsePolicy(policy); err != nil {
				t.Fatal(err)
			}
			j.SyncCall, j.Writers = Fdatasync, 4
			file := newShared()
			calls, syncs := 0, 0
			j.Accepted = func() {
				calls++
				syncs = file.syncs
				if n := len(file.pending) + len(file.durable); n != 22 || file.writing != 0 {
					t.Errorf("%s: called after %d of 22 writes, with %d under way", policy, n, file.writing)
				}
				time.Sleep(hook)
			}
			began := time.Now()
			r, err := members(file, 4, w, s).Run(j, allHistograms())
			if err != nil {
				t.Fatal(err)
			}
			if calls != 1 {
				t.Errorf("%s: called %d times", policy, calls)
			}
			if left := policy != "none" && policy != "group"; left != (file.syncs == syncs+1) || !left && file.syncs != syncs {
				t.Errorf("%s: %d syncs before the hook, %d in all", policy, syncs, file.syncs)
			}
			if took := time.Since(began) - hook; r.Durable && time.Duration(r.DurableNS) > took {
				t.Errorf("%s: durable after %v; without the hook the run took %v", policy, time.Duration(r.DurableNS), took)
			}
		})
	}
}

// A run that failed accepted less than it was to: nobody is told.
func TestAcceptedOfARunThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, depth := range []int{1, 2} {
			f := &fakeQueue{fake: fake{failAt: 3}, failOn: 3, takes: func(int, int64) time.Duration { return time.Millisecond }}
			j := job(6)
			j.Depth = depth
			j.Accepted = func() { t.Errorf("depth %d: called", depth) }
			if _, err := Run(f, j, histogram(), nil); err == nil || !strings.Contains(err.Error(), "fake fault") {
				t.Errorf("depth %d: got %v", depth, err)
			}
		}
	})
}

func TestAcceptedLeavesRunsWithoutAllocation(t *testing.T) {
	calls := 0
	for _, depth := range []int{1, 8} {
		m, _ := FindMethod("null")
		f, err := m.Open("")
		if err != nil {
			t.Fatal(err)
		}
		j := job(100)
		j.Policy, j.SyncCall, j.Depth = Policy{ID: SyncEvery, Every: 10}, Fdatasync, depth
		for _, j.Accepted = range []func(){nil, func() { calls++ }} {
			op, sync := histogram(), histogram()
			if n := testing.AllocsPerRun(5, func() {
				if _, err := Run(f, j, op, sync); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("depth %d: %v allocations", depth, n)
			}
		}
	}
	if calls != 2*6 {
		t.Errorf("called %d times in 12 runs", calls)
	}
}
