package diskwrite

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"copylab/internal/kernel"
)

// patternJob is a job of the pattern without what Offsets does not look at.
func patternJob(p PatternID, blocks int64) Job {
	found, _ := FindPattern(p)
	j := testJob(found, "", nil)
	j.BlockBytes, j.FileBytes, j.Operations = 1, blocks, blocks
	if p == Random {
		j.Draw = Permutation
	}
	return j
}

// Every place of a write depends on its number alone: whatever order they are asked for in, as several writers do.
func TestOffsetsFollowFromTheNumber(t *testing.T) {
	const n, writes = 101, 1500
	for _, p := range Patterns() {
		j := patternJob(p.ID, n)
		if p.ID == ManyLogs {
			j.Files = 7
		}
		inOrder, jumping := j.Offsets(), j.Offsets()
		type place struct {
			file int
			off  int64
		}
		var want []place
		for range writes {
			file, off := inOrder.NextIn()
			want = append(want, place{file, off})
		}
		order := newPermutation(writes, 3, 0)
		for k := range uint64(writes) {
			i := order.at(k)
			if file, off := jumping.at(i); (place{file, off}) != want[i] {
				t.Fatalf("%s: write %d goes to %d of file %d when asked for out of order, to %+v in order", p.ID, i, off, file, want[i])
			}
		}
		// What each of two writers sees of the shared sequence.
		even, odd := j.Offsets(), j.Offsets()
		for i := range uint64(writes / 2) {
			f0, o0 := even.at(2 * i)
			f1, o1 := odd.at(2*i + 1)
			if (place{f0, o0}) != want[2*i] || (place{f1, o1}) != want[2*i+1] {
				t.Fatalf("%s: two writers see other places than one", p.ID)
			}
		}
	}
}

func TestOffsetsAllocateNothing(t *testing.T) {
	for _, p := range Patterns() {
		j := patternJob(p.ID, 1<<40) // memory must not depend on it
		var sum int64
		if n := testing.AllocsPerRun(3, func() {
			offsets := j.Offsets()
			for range 1000 {
				sum += offsets.Next()
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", p.ID, n)
		}
	}
}

func TestStridedOffsets(t *testing.T) {
	j := Job{Pattern: Strided, StrideBlocks: 3, BlockBytes: 10, FileBytes: 70}
	if got, want := take(j, 9), []int64{0, 30, 60, 10, 40, 20, 50, 0, 30}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// checkStrided wants each pass to meet every block once, by steps of the stride but for one to the next walk's beginning.
func checkStrided(t *testing.T, n, stride int64) {
	t.Helper()
	j := patternJob(Strided, n)
	j.StrideBlocks = stride
	got := take(j, 3*n)
	for pass := range int64(3) {
		one := got[pass*n : (pass+1)*n]
		checkPermutation(t, n, one, 1)
		breaks := int64(0)
		for i := 1; i < len(one); i++ {
			if one[i]-one[i-1] != stride {
				breaks++
				if one[i] >= stride || one[i-1] < n-stride {
					t.Fatalf("%d blocks, stride %d: from block %d to %d", n, stride, one[i-1], one[i])
				}
			}
		}
		if breaks != stride-1 {
			t.Fatalf("%d blocks, stride %d: %d walks, want %d", n, stride, breaks+1, stride)
		}
	}
}

func TestStridedMeetsEveryBlock(t *testing.T) {
	for n := int64(4); n <= 60; n++ {
		for stride := int64(2); stride <= n/2; stride++ {
			checkStrided(t, n, stride)
		}
	}
	checkStrided(t, 4096, 64) // the stride divides the file
	checkStrided(t, 4097, 64)
	checkStrided(t, 4095, 64)
}

func FuzzStrided(f *testing.F) {
	f.Add(uint16(4), uint16(2))
	f.Add(uint16(65535), uint16(256))
	f.Fuzz(func(t *testing.T, n, stride uint16) {
		if n < 4 || stride < 2 || stride > n/2 {
			return
		}
		checkStrided(t, int64(n), int64(stride))
	})
}

// checkMix follows a mix: an append goes to the next block, a random write to one that is there. It returns how many were
// random, and in which decile of what was there.
func checkMix(t *testing.T, j Job, writes int64) (random int64, deciles [10]float64) {
	t.Helper()
	offsets := j.Offsets()
	var appended int64
	for i := range writes {
		switch at := offsets.Next(); {
		case at == appended:
			appended++
		case at < 0 || at > appended:
			t.Fatalf("share %v: write %d goes to block %d, and %d are there", j.RandomShare, i, at, appended)
		default:
			random++
			if appended > 100 {
				deciles[at*10/appended]++
			}
		}
		counting := j.Offsets()
		if i%97 == 0 && counting.appended(uint64(i+1)) != uint64(appended) {
			t.Fatalf("share %v: after %d writes %d were appended, and it says %d", j.RandomShare, i+1, appended, counting.appended(uint64(i+1)))
		}
	}
	return random, deciles
}

func TestMixHoldsItsShare(t *testing.T) {
	const writes = 100_001
	for _, share := range []float64{0.001, 0.1, 0.3, 0.5, 0.77, 0.999} {
		j := patternJob(RandomAppendMix, 1<<40)
		j.RandomShare = share
		random, deciles := checkMix(t, j, writes)
		// Exact but for what the last 64 have begun.
		if want := share * (writes - 1); math.Abs(float64(random)-want) > mixStretch {
			t.Errorf("share %v: %d of %d writes were random, want %.0f", share, random, writes, want)
		}
		total := 0.0
		for _, d := range deciles {
			total += d
		}
		for i, d := range deciles {
			if total > 10_000 && math.Abs(d/total-0.1) > 0.01 {
				t.Errorf("share %v: %.3f of the random writes go to tenth %d of what is there, want 0.1", share, d/total, i)
			}
		}
	}
}

// Random writes and appends must not alternate in a pattern that a disk could settle into.
func TestMixIsIrregular(t *testing.T) {
	const writes = 64_001
	j := patternJob(RandomAppendMix, 1<<40)
	j.RandomShare = 0.5
	offsets := j.Offsets()
	kind := make([]bool, writes)
	var appended int64
	for i := range kind {
		if at := offsets.Next(); at == appended {
			appended++
		} else {
			kind[i] = true
		}
	}
	for _, lag := range []int{1, 2, 3, 8, 63, 64, 65, 128} {
		same := 0
		for i := 1; i+lag < writes; i++ {
			if kind[i] == kind[i+lag] {
				same++
			}
		}
		if share := float64(same) / float64(writes-lag); math.Abs(share-0.5) > 0.02 {
			t.Errorf("writes %d apart are of one kind in %.3f of the cases, want about 1/2", lag, share)
		}
	}
}

func FuzzMix(f *testing.F) {
	f.Add(0.3, uint64(1))
	f.Add(0.999999, uint64(7))
	f.Add(1e-9, uint64(0))
	f.Fuzz(func(t *testing.T, share float64, seed uint64) {
		j := patternJob(RandomAppendMix, 1<<40)
		j.RandomShare, j.Seed, j.Payload = share, seed, []byte{1}
		if j.Validate() != nil {
			return
		}
		const writes = 1000
		random, _ := checkMix(t, j, writes)
		if want := share * (writes - 1); math.Abs(float64(random)-want) > mixStretch+1 {
			t.Errorf("share %v: %d of %d writes were random, want %.0f", share, random, writes, want)
		}
	})
}

// The frequencies of ranks against the law that they follow, for exponents on both sides of 1.
func TestZipfFollowsItsLaw(t *testing.T) {
	const n, draws = 1000, 400_000
	for _, theta := range []float64{0.01, 0.5, 0.99, 1, 1.01, 1.2, 2, 5, 10} {
		z := newZipf(n, theta)
		count := make([]float64, n+1)
		for i := range uint64(draws) {
			k := z.draw(scramble(17 + i*multiplierA))
			if k < 1 || k > n {
				t.Fatalf("θ %v: drew rank %d of %d", theta, k, n)
			}
			count[k]++
		}
		sum := 0.0
		for k := 1; k <= n; k++ {
			sum += math.Pow(float64(k), -theta)
		}
		// Ranks are put together until 50 draws are expected of them.
		var chi, groups, wanted, got float64
		for k := 1; k <= n; k++ {
			wanted += draws * math.Pow(float64(k), -theta) / sum
			got += count[k]
			if wanted >= 50 {
				chi += (got - wanted) * (got - wanted) / wanted
				groups++
				wanted, got = 0, 0
			}
		}
		// χ² has a mean of its degrees of freedom and twice that for a variance; 5 standard deviations are never met by chance.
		if free := groups - 1; math.Abs(chi-free) > 5*math.Sqrt(2*free)+5 {
			t.Errorf("θ %v: χ² is %.0f over %.0f groups of ranks", theta, chi, groups)
		}
	}
}

// The hot blocks are all over the file: the ten hottest of 4096 don't lie in one part of it, and each is as hot as its rank.
func TestZipfScattersItsHotSet(t *testing.T) {
	const n, draws = 4096, 200_000
	for seed := range uint64(4) {
		j := patternJob(Zipf, n)
		j.Theta, j.Seed = 1, seed
		count := map[int64]int{}
		for _, at := range take(j, draws) {
			count[at]++
		}
		var blocks []int64
		for at := range count {
			blocks = append(blocks, at)
		}
		slices.SortFunc(blocks, func(a, b int64) int { return count[b] - count[a] })
		hot := blocks[:10]
		if share := float64(count[hot[0]]) / draws; math.Abs(share-1/(math.Log(n)+0.5772)) > 0.005 {
			t.Errorf("seed %d: the hottest block gets %.4f of the writes, want %.4f", seed, share, 1/(math.Log(n)+0.5772))
		}
		quarters := map[int64]bool{}
		for i, a := range hot {
			quarters[a*4/n] = true
			for _, b := range hot[:i] {
				if a-b == 1 || b-a == 1 {
					t.Errorf("seed %d: the hot blocks %d and %d are neighbours", seed, a, b)
				}
			}
		}
		if len(quarters) < 3 {
			t.Errorf("seed %d: the ten hottest blocks %v lie in %d quarters of the file", seed, hot, len(quarters))
		}
	}
}

func FuzzZipf(f *testing.F) {
	f.Add(0.99, uint64(1), uint64(0))
	f.Add(1.0, uint64(2), uint64(1))
	f.Add(1e-300, uint64(1<<40), uint64(2))
	f.Add(10.0, uint64(1<<52), uint64(3))
	f.Add(math.Nextafter(1, 2), uint64(1<<50), uint64(4))
	f.Fuzz(func(t *testing.T, theta float64, n, seed uint64) {
		if !(theta > 0 && theta <= MostTheta) || n < 1 || n > 1<<52 {
			return
		}
		z := newZipf(n, theta)
		for i := range uint64(100) {
			if k := z.draw(scramble(seed + i*multiplierA)); k < 1 || k > n {
				t.Fatalf("θ %v, %d blocks: drew rank %d", theta, n, k)
			}
		}
		if k := z.draw(0); k < 1 || k > n {
			t.Fatalf("θ %v, %d blocks: drew rank %d for 0", theta, n, k)
		}
		if k := z.draw(math.MaxUint64); k < 1 || k > n {
			t.Fatalf("θ %v, %d blocks: drew rank %d for the largest number", theta, n, k)
		}
	})
}

func TestManyLogsInTurn(t *testing.T) {
	for _, logs := range []int{1, 2, 10, 1000} {
		j := Job{Pattern: ManyLogs, Files: logs, BlockBytes: 512, FileBytes: 1 << 30}
		offsets := j.Offsets()
		for i := range 5 * logs {
			file, off := offsets.NextIn()
			if file != i%logs || off != int64(i/logs*512) {
				t.Fatalf("%d logs: write %d goes to offset %d of log %d", logs, i, off, file)
			}
		}
	}
}

func FuzzManyLogs(f *testing.F) {
	f.Add(uint16(3), uint32(10))
	f.Fuzz(func(t *testing.T, logs uint16, at uint32) {
		if logs == 0 {
			return
		}
		j := Job{Pattern: ManyLogs, Files: int(logs), BlockBytes: 8, FileBytes: 1 << 62, Operations: int64(at) + 1}
		offsets := j.Offsets()
		file, off := offsets.at(uint64(at))
		if file != int(at%uint32(logs)) || off != int64(at/uint32(logs))*8 {
			t.Fatalf("%d logs: write %d goes to offset %d of log %d", logs, at, off, file)
		}
		// The logs' sizes are what was written to each.
		var sum int64
		for i := range int(logs) {
			sum += j.sizeAfter(i)
		}
		if sum != j.Operations*8 || j.sizeAfter(file) != off+8 {
			t.Fatalf("%d logs: after write %d they have %d bytes, and log %d has %d", logs, at, sum, file, j.sizeAfter(file))
		}
	})
}

func TestPatternProbe(t *testing.T) {
	dir := t.TempDir()
	for _, p := range Patterns() {
		status := p.Probe(dir)
		if (status.State == kernel.StateAvailable) != (status.Reason == "") {
			t.Errorf("%s: %+v", p.ID, status)
		}
		if !p.Allocated && status != kernel.Available() {
			t.Errorf("%s: %+v, and it needs nothing", p.ID, status)
		}
		if missing := p.Probe(filepath.Join(dir, "missing")); p.Allocated && missing.State != kernel.StateUnavailable {
			t.Errorf("%s in a missing folder: %+v", p.ID, missing)
		}
	}
	name := filepath.Join(dir, "file")
	p, _ := FindPattern(AppendFallocated)
	switch err := Prepare(context.Background(), name, p.ID, 1<<20, nil); {
	case p.Probe(dir).State != kernel.StateAvailable:
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("prepare: got %v, want errors.ErrUnsupported", err)
		}
	case err != nil:
		t.Error(err)
	}
}
