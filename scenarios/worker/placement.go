package worker

import (
	"cmp"
	"os"
	"slices"

	"copylab/diskwrite"
	"copylab/internal/kernel"
	"copylab/results/measured"
)

// mostRuns bounds what is kept of the places of traced writes.
const mostRuns = 1 << 16

// placement tells how many of the traced bytes lie in the files that a trial writes, and how many elsewhere on the disk. Where a
// file grows, its place is known only when all is written: until then what is traced is kept, adjacent writes as one run.
type placement struct {
	extents []kernel.Extent // of the files, in the order of the disk; only where they don't grow
	known   bool            // they are
	why     string          // it can't be told

	bytes, inside int64
	runs          []kernel.Extent
	ends          map[int64]int // where a run ends: its index
}

func newPlacement(pattern diskwrite.PatternID, targets []*os.File, disk string) placement {
	p := placement{ends: map[int64]int{}}
	if pattern, _ := diskwrite.FindPattern(pattern); !pattern.Grows {
		p.locate(targets, disk)
	}
	return p
}

// locate finds out where the files lie.
func (p *placement) locate(targets []*os.File, disk string) {
	for _, f := range targets {
		list, err := kernel.Extents(f, disk)
		if err != nil {
			p.why = err.Error()
			return
		}
		p.extents = append(p.extents, list...)
	}
	slices.SortFunc(p.extents, func(a, b kernel.Extent) int { return cmp.Compare(a.Offset, b.Offset) })
	p.known = true
}

// add takes in a traced write.
func (p *placement) add(offset, bytes int64) {
	p.bytes += bytes
	switch {
	case p.why != "":
	case p.known:
		p.inside += p.overlap(offset, bytes)
	default:
		if i, ok := p.ends[offset]; ok {
			delete(p.ends, offset)
			p.runs[i].Bytes += bytes
			p.ends[offset+bytes] = i
			return
		}
		if len(p.runs) == mostRuns {
			p.why = "the writes are too scattered to keep track of"
			return
		}
		p.ends[offset+bytes] = len(p.runs)
		p.runs = append(p.runs, kernel.Extent{Offset: offset, Bytes: bytes})
	}
}

// overlap is how many of the bytes lie in the files.
func (p *placement) overlap(offset, bytes int64) (sum int64) {
	end := offset + bytes
	i, _ := slices.BinarySearchFunc(p.extents, offset, func(e kernel.Extent, at int64) int { return cmp.Compare(e.Offset+e.Bytes, at) })
	for ; i < len(p.extents) && p.extents[i].Offset < end; i++ {
		e := p.extents[i]
		sum += max(0, min(end, e.Offset+e.Bytes)-max(offset, e.Offset))
	}
	return sum
}

// outside is how many of the traced bytes lie in none of the files, once all of these is on the disk.
func (p *placement) outside(targets []*os.File, disk string) measured.Int {
	if !p.known && p.why == "" {
		p.locate(targets, disk)
		for _, r := range p.runs {
			p.inside += p.overlap(r.Offset, r.Bytes)
		}
	}
	if p.why != "" {
		return measured.Unavailable[int64]("%s", p.why)
	}
	return measured.Known(p.bytes - p.inside)
}
