package diskwrite

import (
	"math"
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

// Offsets yields where a job's writes go, one after the other. The same job yields the same again. Where the i-th write
// goes depends on i and the job alone, so that several writers can share one sequence. Nothing is stored of it but the
// stretch at hand: the size does not depend on the file's, and nothing is allocated.
type Offsets struct {
	way         way
	block       uint64 // bytes
	total       uint64 // blocks of the file
	stride      uint64 // blocks between two writes of a stretch
	logs        uint64
	index       uint64 // of the write that Next yields
	seed, chaos uint64

	// The stretch at hand: so many writes from one on, whose blocks follow from a few numbers. It saves a division for each
	// write: a pass over the file, one of a stride's walks through it, 64 writes of a mix, one write to each log.
	from, length uint64
	base         uint64 // the first block; of a mix, how many blocks were appended before
	random       uint64 // of a mix: bit k is set where the k-th write of the stretch goes to a random block

	share   uint64 // of a mix: of the writes that go to random blocks, in units of 2⁻³²
	shuffle permutation
	ranks   zipf
}

// way is how a write's place follows from its number within the stretch.
type way uint8

const (
	inOrder way = iota
	shuffled
	drawn
	ranked
	mixed
	inTurn
)

// The streams keep the random numbers of different uses apart, which all come of the job's seed.
const (
	streamUniform = 0x756e69666f726d
	streamMix     = 0x6d6978
	streamRanks   = 0x7a697066
	streamPlaces  = 0x706c61636573
)

// Offsets starts the sequence of a valid job's offsets.
func (j Job) Offsets() Offsets {
	o := Offsets{block: uint64(j.BlockBytes), total: uint64(j.FileBytes) / uint64(j.BlockBytes), stride: 1, seed: j.Seed, length: math.MaxUint64}
	switch j.Pattern {
	case Overwrite:
		o.length = 0 // the first write begins a pass
	case Random:
		o.way, o.length = shuffled, 0
		if j.Draw == Uniform {
			o.way, o.length, o.chaos = drawn, math.MaxUint64, streamKey(j.Seed, streamUniform)
		}
	case Strided:
		o.stride, o.length = uint64(j.StrideBlocks), 0
	case Zipf:
		o.way, o.chaos = ranked, streamKey(j.Seed, streamRanks)
		o.ranks = newZipf(o.total, j.Theta)
		o.shuffle = newPermutation(o.total, j.Seed, streamPlaces)
	case RandomAppendMix:
		o.way, o.chaos, o.share, o.length = mixed, streamKey(j.Seed, streamMix), fixedShare(j.RandomShare), 1
	case ManyLogs:
		o.way, o.logs, o.length = inTurn, uint64(j.Files), 0
	}
	return o
}

// Next returns the next write's offset in bytes. The patterns that do not grow the file start over at its end; a
// permutation then takes another order. Of a job with several files, use NextIn.
func (o *Offsets) Next() int64 {
	_, off := o.at(o.index)
	o.index++
	return off
}

// NextIn returns the next write's file, counted from 0, and its offset there in bytes.
func (o *Offsets) NextIn() (file int, off int64) {
	file, off = o.at(o.index)
	o.index++
	return file, off
}

// at returns where the i-th write goes. It is cheap as long as i stays in a stretch, or goes on to the next.
func (o *Offsets) at(i uint64) (file int, off int64) {
	if i-o.from >= o.length {
		o.enter(i)
	}
	k := i - o.from
	switch o.way {
	case inOrder:
		k = o.base + k*o.stride
	case shuffled:
		k = o.shuffle.at(k)
	case drawn:
		k = scale(o.number(i), o.total)
	case ranked:
		k = o.shuffle.at(o.ranks.draw(o.number(i)) - 1)
	case mixed:
		appended := o.base + k - uint64(bits.OnesCount64(o.random&(1<<k-1)))
		if o.random>>k&1 == 0 {
			k = appended
		} else {
			k = scale(o.number(i), appended)
		}
	case inTurn:
		return int(k), int64(o.base * o.block)
	}
	return 0, int64(k * o.block)
}

// enter makes the stretch that holds the i-th write the one at hand.
func (o *Offsets) enter(i uint64) {
	switch {
	case o.way == mixed:
		o.enterMix(i)
	case o.way == inTurn:
		o.base = i / o.logs
		o.from, o.length = o.base*o.logs, o.logs
	case o.stride > 1:
		o.enterStride(i)
	default:
		pass := i / o.total
		o.from, o.length = pass*o.total, o.total
		if o.way == shuffled {
			o.shuffle = newPermutation(o.total, o.seed, pass)
		}
	}
}

// enterStride: a pass is as many walks through the file as the stride has blocks, each one block further in than the one
// before. So every block is met once, whatever the two numbers have in common. Where the stride does not divide the
// file, the first walks are one write longer than the others.
func (o *Offsets) enterStride(i uint64) {
	pass := i / o.total
	within := i - pass*o.total
	short, longer := o.total/o.stride, o.total%o.stride
	if first := longer * (short + 1); within < first {
		o.base = within / (short + 1)
		o.length = short + 1
		o.from = pass*o.total + o.base*o.length
	} else {
		walk := (within - first) / short
		o.base = longer + walk
		o.length = short
		o.from = pass*o.total + first + walk*short
	}
}

// mixStretch is the number of writes of a mix that are planned at once: the bits of a word.
const mixStretch = 64

// enterMix plans the next writes of a mix: as many random ones as bring the share up to what it should be by then, at
// random places. The very first write is an append, since there is nothing yet to write over.
func (o *Offsets) enterMix(i uint64) {
	if i == 0 {
		o.from, o.length, o.base, o.random = 0, 1, 0, 0
		return
	}
	stretch := (i - 1) / mixStretch
	before := o.randoms(stretch)
	o.from, o.length = 1+stretch*mixStretch, mixStretch
	o.base = o.from - before
	wanted := int(o.randoms(stretch+1) - before)
	// Setting few bits is quicker than many: more than half are set by clearing the others.
	few := min(wanted, mixStretch-wanted)
	numbers := o.number(^stretch)
	var bitsSet uint64
	for left := uint(0); bits.OnesCount64(bitsSet) < few; left += 6 {
		if left+6 > 64 {
			numbers, left = scramble(numbers+multiplierB), 0
		}
		bitsSet |= 1 << (numbers >> left & (mixStretch - 1))
	}
	if few != wanted {
		bitsSet = ^bitsSet
	}
	o.random = bitsSet
}

// randoms is how many of the writes in so many stretches of a mix go to random blocks.
func (o *Offsets) randoms(stretches uint64) uint64 {
	high, low := bits.Mul64(stretches*mixStretch, o.share)
	return high<<32 | low>>32
}

// appended is how many of a mix's first n writes append.
func (o *Offsets) appended(n uint64) uint64 {
	if n == 0 {
		return 0
	}
	if n-o.from >= o.length {
		o.enter(n)
	}
	return o.base + (n - o.from) - uint64(bits.OnesCount64(o.random&(1<<(n-o.from)-1)))
}

// fixedShare is the share of a mix in units of 2⁻³²: whole numbers give the same sequence on every machine.
func fixedShare(share float64) uint64 { return uint64(math.Round(share * (1 << 32))) }

// number is the i-th random number.
func (o *Offsets) number(i uint64) uint64 { return scramble(o.chaos + i*multiplierA) }

// streamKey is where the random numbers of a stream begin.
func streamKey(seed, stream uint64) uint64 { return rand.NewPCG(seed, stream).Uint64() }

// scale maps a random number to one below n. The high half of the product is uniform but for a bias of n/2⁶⁴, which no
// run is long enough to see.
func scale(number, n uint64) uint64 {
	high, _ := bits.Mul64(number, n)
	return high
}

// scramble makes of each number another that looks like drawn at random: every bit depends on every bit.
func scramble(x uint64) uint64 {
	x ^= x >> 32
	x *= multiplierB
	x ^= x >> 29
	x *= multiplierC
	x ^= x >> 32
	x *= multiplierA
	return x ^ x>>31
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
