package diskwrite

import (
	"math"
	"slices"
	"testing"
)

func take(j Job, n int64) []int64 {
	offsets := j.Offsets()
	var got []int64
	for range n {
		got = append(got, offsets.Next())
	}
	return got
}

// checkPermutation wants every block of the file once.
func checkPermutation(t *testing.T, n int64, offsets []int64, block int64) {
	t.Helper()
	seen := make([]bool, n)
	for i, off := range offsets {
		if off < 0 || off%block != 0 || off/block >= n {
			t.Fatalf("%d blocks: offset %d of write %d is no block of the file", n, off, i)
		}
		if seen[off/block] {
			t.Fatalf("%d blocks: block %d comes twice", n, off/block)
		}
		seen[off/block] = true
	}
}

func TestPermutationIsABijection(t *testing.T) {
	sizes := []int64{1000, 1023, 1024, 1025, 4095, 4096, 4097, 65537, 99991}
	for n := int64(1); n <= 130; n++ {
		sizes = append(sizes, n)
	}
	for _, n := range sizes {
		for seed := range uint64(3) {
			j := Job{Pattern: Random, Draw: Permutation, BlockBytes: 512, FileBytes: n * 512, Seed: seed}
			offsets := j.Offsets()
			for range 3 { // every pass, not only the first
				var pass []int64
				for range n {
					pass = append(pass, offsets.Next())
				}
				checkPermutation(t, n, pass, 512)
			}
		}
	}
}

func FuzzPermutation(f *testing.F) {
	f.Add(uint16(1), uint64(0), uint64(0))
	f.Add(uint16(3), uint64(1), uint64(7))
	f.Add(uint16(4097), uint64(math.MaxUint64), uint64(1))
	f.Fuzz(func(t *testing.T, n uint16, seed, pass uint64) {
		if n == 0 {
			return
		}
		p := newPermutation(uint64(n), seed, pass)
		offsets := make([]int64, n)
		for i := range offsets {
			offsets[i] = int64(p.at(uint64(i)))
		}
		checkPermutation(t, int64(n), offsets, 1)
	})
}

// Random order must look random to a disk: no long walks in one direction, no short seeks that a scheduler could merge,
// and every part of the file in every part of the run.
func TestPermutationLooksRandom(t *testing.T) {
	for _, n := range []int64{4096, 65536, 100_003} {
		for seed := range uint64(4) {
			got := take(Job{Pattern: Random, Draw: Permutation, BlockBytes: 1, FileBytes: n, Seed: seed}, n)
			var distance, up float64
			adjacent := 0
			deltas := map[int64]int{}
			const parts = 16
			var hits [parts][parts]float64
			for i, at := range got {
				hits[int64(i)*parts/n][at*parts/n]++
				if i == 0 {
					continue
				}
				d := at - got[i-1]
				deltas[d]++
				distance += math.Abs(float64(d))
				if d > 0 {
					up++
				}
				if d == 1 || d == -1 {
					adjacent++
				}
			}
			steps := float64(n - 1)
			// The mean distance of two random blocks is a third of the file, with a standard error of about 0.24/√n of it.
			if mean := distance / steps / float64(n); math.Abs(mean-1.0/3) > 0.02 {
				t.Errorf("%d blocks, seed %d: mean distance %.4f of the file, want about 1/3", n, seed, mean)
			}
			if share := up / steps; math.Abs(share-0.5) > 0.03 {
				t.Errorf("%d blocks, seed %d: %.3f of the steps go up, want about 1/2", n, seed, share)
			}
			// Two neighbours follow each other twice in a random order, on average.
			if adjacent > 16 {
				t.Errorf("%d blocks, seed %d: %d steps to a neighbour, want about 2", n, seed, adjacent)
			}
			// A step that keeps coming back would be a stride, which disks and prefetchers recognise.
			for d, times := range deltas {
				if times > 24 {
					t.Errorf("%d blocks, seed %d: %d steps of %d blocks, want a few", n, seed, times, d)
					break
				}
			}
			expected := float64(n) / parts / parts
			chi := 0.0
			for _, row := range hits {
				for _, h := range row {
					chi += (h - expected) * (h - expected) / expected
				}
			}
			// 225 degrees of freedom: mean 225, standard deviation 21. Too even would be as suspicious as too uneven.
			if chi < 100 || chi > 400 {
				t.Errorf("%d blocks, seed %d: χ² over file and run is %.0f, want about 225", n, seed, chi)
			}
		}
	}
}

// Every bit of a block's number depends on every bit of the write's: writes that are a power of two apart agree in each
// bit about as often as not. A mixing that fails here has short cycles in its lower bits.
func TestPermutationMixesEveryBit(t *testing.T) {
	const width, n = 14, 1 << 14
	for seed := range uint64(8) {
		got := take(Job{Pattern: Random, Draw: Permutation, BlockBytes: 1, FileBytes: n, Seed: seed}, n)
		for lag := range width {
			var same [width]float64
			for i := range n {
				agree := ^(got[i] ^ got[(i+1<<lag)%n])
				for b := range width {
					same[b] += float64(agree >> b & 1)
				}
			}
			for b, agree := range same {
				if share := agree / n; math.Abs(share-0.5) > 0.15 {
					t.Errorf("seed %d: writes %d apart agree in bit %d in %.2f of the cases, want about 1/2", seed, 1<<lag, b, share)
				}
			}
		}
	}
}

func TestUniformDraw(t *testing.T) {
	const n, ops = 1000, 100_000
	got := take(Job{Pattern: Random, Draw: Uniform, BlockBytes: 4096, FileBytes: n * 4096, Seed: 5}, ops)
	count := make([]float64, n)
	for i, off := range got {
		if off < 0 || off%4096 != 0 || off/4096 >= n {
			t.Fatalf("offset %d of write %d is no block of the file", off, i)
		}
		count[off/4096]++
	}
	chi := 0.0
	for _, c := range count {
		chi += (c - ops/n) * (c - ops/n) / (ops / n)
	}
	// 999 degrees of freedom: mean 999, standard deviation 45.
	if chi < 800 || chi > 1250 {
		t.Errorf("χ² is %.0f, want about 999", chi)
	}
	// As many draws as blocks leave 1/e of the blocks unwritten: it draws with replacement.
	seen := map[int64]bool{}
	for _, off := range got[:n] {
		seen[off] = true
	}
	if len(seen) < 580 || len(seen) > 690 {
		t.Errorf("%d draws met %d different blocks, want about 632", n, len(seen))
	}
}

func TestSequentialOffsets(t *testing.T) {
	got := take(Job{Pattern: Append, BlockBytes: 512, FileBytes: 512 * 5, Operations: 5}, 5)
	if want := []int64{0, 512, 1024, 1536, 2048}; !slices.Equal(got, want) {
		t.Errorf("append: got %v, want %v", got, want)
	}
	got = take(Job{Pattern: Overwrite, BlockBytes: 512, FileBytes: 512 * 2}, 5)
	if want := []int64{0, 512, 0, 512, 0}; !slices.Equal(got, want) {
		t.Errorf("overwrite: got %v, want %v", got, want)
	}
}

func TestSeedDecidesTheOrder(t *testing.T) {
	for _, draw := range []Draw{Permutation, Uniform} {
		j := Job{Pattern: Random, Draw: draw, BlockBytes: 4096, FileBytes: 1000 * 4096, Seed: 1}
		other := j
		other.Seed = 2
		if a, b := take(j, 2500), take(j, 2500); !slices.Equal(a, b) {
			t.Errorf("%s: the same seed gave two orders", draw)
		} else if c := take(other, 2500); slices.Equal(a[:1000], c[:1000]) {
			t.Errorf("%s: two seeds gave the same order", draw)
		} else if slices.Equal(a[:1000], a[1000:2000]) {
			t.Errorf("%s: the second pass repeats the first", draw)
		}
	}
}

func BenchmarkOffsets(b *testing.B) {
	for _, draw := range []Draw{Permutation, Uniform} {
		b.Run(string(draw), func(b *testing.B) {
			offsets := Job{Pattern: Random, Draw: draw, BlockBytes: 4096, FileBytes: 300_000 * 4096}.Offsets()
			var sum int64
			for b.Loop() {
				sum += offsets.Next()
			}
			_ = sum
		})
	}
}
