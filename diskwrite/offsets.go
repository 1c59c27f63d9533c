package diskwrite

import (
	"math/bits"
	"math/rand/v2"
)

// Draw names how the pattern random chooses its blocks. The two answer different questions, so that it is always said
// which one was used: with uniform, a part of the blocks is written twice or more and about e⁻¹ of them not at all in as
// many operations as there are blocks, and the page cache merges the repeated ones.
type Draw string

// The draws.
const (
	Permutation Draw = "permutation"
	Uniform     Draw = "uniform"
)

// DrawKind is one line of the list of draws.
type DrawKind struct {
	ID    Draw
	Title string
}

// Draws lists every draw.
func Draws() []DrawKind {
	return []DrawKind{
		{ID: Permutation, Title: "every block once before any is written again"},
		{ID: Uniform, Title: "each block drawn anew among all: some repeat, some are never written"},
	}
}

// Offsets yields the offsets of a job's writes, one after the other, in bytes. The same job yields the same offsets
// again. Its size does not depend on the file's, and nothing is allocated.
type Offsets struct {
	draw  Draw // empty for the sequential patterns
	block uint64
	total uint64 // blocks of the file
	index uint64 // of the next write within this pass over the file
	pass  uint64
	seed  uint64

	shuffle permutation
	source  rand.PCG
}

// streamUniform keeps the uniform draw's random numbers apart from the permutation's keys, which come of the same seed.
const streamUniform = 0x756e69666f726d

// Offsets starts the sequence of a valid job's offsets.
func (j Job) Offsets() Offsets {
	o := Offsets{block: uint64(j.BlockBytes), total: uint64(j.FileBytes) / uint64(j.BlockBytes), seed: j.Seed}
	if j.Pattern == Random {
		o.draw = j.Draw
		o.shuffle = newPermutation(o.total, j.Seed, 0)
		o.source = *rand.NewPCG(j.Seed, streamUniform)
	}
	return o
}

// Next returns the next write's offset. The patterns that do not grow the file start over at its end; a permutation then
// takes another order.
func (o *Offsets) Next() int64 {
	if o.draw == Uniform {
		// The high half of the product is uniform but for a bias of total/2⁶⁴, which no run is long enough to see.
		high, _ := bits.Mul64(o.source.Uint64(), o.total)
		return int64(high * o.block)
	}
	if o.index == o.total {
		o.index = 0
		o.pass++
		if o.draw == Permutation {
			o.shuffle = newPermutation(o.total, o.seed, o.pass)
		}
	}
	at := o.index
	o.index++
	if o.draw == Permutation {
		at = o.shuffle.at(at)
	}
	return int64(at * o.block)
}

// permutation is a seeded bijection of the numbers below n, computed on the fly: a table would take memory in proportion
// to the file, and looking it up would miss the CPU's caches, which would be charged to the write.
//
// It mixes the bits of a number as wide as n-1 by steps that each can be undone: add a key, multiply by an odd number,
// fold the upper half into the lower. A result of n or more is mixed again until it falls below n ("cycle walking"):
// since the steps are a bijection of the wider range, this is one of the narrower. The wider range is less than twice as
// large, so that fewer than two rounds are needed on average.
type permutation struct {
	n, mask uint64
	fold    uint
	keys    [3]uint64
}

func newPermutation(n, seed, pass uint64) permutation {
	width := bits.Len64(n - 1)
	p := permutation{n: n, mask: 1<<width - 1, fold: max(1, uint(width+1)/2)}
	source := rand.NewPCG(seed, pass)
	for i := range p.keys {
		p.keys[i] = source.Uint64()
	}
	return p
}

// The multipliers: odd, with bits set irregularly all over, so that their lower parts serve narrow ranges too.
const (
	multiplierA = 0x9e3779b97f4a7c15 // 2⁶⁴ divided by the golden ratio
	multiplierB = 0xb504f333f9de6485 // 2⁶⁴ divided by the square root of 2, made odd
	multiplierC = 0x93cd3a2c8198e269 // 2⁶⁴ divided by the square root of 3
)

func (p *permutation) at(x uint64) uint64 {
	for {
		x = (x + p.keys[0]) * multiplierA & p.mask
		x ^= x >> p.fold
		x = (x + p.keys[1]) * multiplierB & p.mask
		x ^= x >> p.fold
		x = (x + p.keys[2]) * multiplierC & p.mask
		x ^= x >> p.fold
		if x < p.n {
			return x
		}
	}
}
