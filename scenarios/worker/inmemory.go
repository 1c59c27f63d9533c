package worker

import (
	"errors"
	"fmt"
	"os"

	"copylab/diskwrite"
	"copylab/results/host"
	"copylab/results/measured"
)

// residency sums up what the page cache holds of the files.
func residency(files []*os.File) host.Residency {
	var sum host.Residency
	for i, f := range files {
		r := host.Resident(f)
		if i == 0 {
			sum = r
			continue
		}
		if r.Source != sum.Source {
			sum.Source = "none"
		}
		sum.Pages, sum.Resident = plus(sum.Pages, r.Pages), plus(sum.Resident, r.Resident)
		sum.Dirty, sum.Writeback = plus(sum.Dirty, r.Dirty), plus(sum.Writeback, r.Writeback)
	}
	return sum
}

// plus is a sum, or the reason why one of the two could not be had.
func plus(a, b measured.Int) measured.Int {
	x, ok := a.Get()
	if !ok {
		return a
	}
	y, ok := b.Get()
	if !ok {
		return b
	}
	return measured.Known(x + y)
}

// inMemory is how many of the files' bytes are dirty or being written back. The pages are the kernel's count, the last one of a file no
// further than the file reaches.
func inMemory(files []*os.File, method diskwrite.Method) measured.Int {
	if len(files) == 0 {
		return measured.Unavailable[int64]("the null writer writes nothing")
	}
	sum := measured.Known[int64](0)
	for _, f := range files {
		info, err := f.Stat()
		if err != nil {
			return measured.Unavailable[int64]("%v", err)
		}
		r := host.Resident(f)
		if resident, ok := r.Resident.Get(); ok && resident == 0 && info.Size() > 0 && !method.Uncached {
			return measured.Unavailable[int64]("the kernel shows none of the file's pages, though they were written through the page cache: another filesystem below this one has them")
		}
		n, ok := plus(r.Dirty, r.Writeback).Get()
		if !ok {
			return plus(r.Dirty, r.Writeback)
		}
		sum = plus(sum, measured.Known(min(n*int64(os.Getpagesize()), info.Size())))
	}
	return sum
}

// scattered tells whether a pattern's blocks, one after the other, are not those of the file.
func scattered(p diskwrite.PatternID) bool {
	switch p {
	case diskwrite.Random, diskwrite.RandomAppendMix, diskwrite.Strided, diskwrite.Zipf:
		return true
	}
	return false
}

// checkFolios tells whether got, the bytes that the kernel counts as dirty, can be trusted where blocks lay scattered, and why not. The page
// cache holds a file in folios of one page or many, as large as the reads and writes were that brought them in, and counts one of which a block was
// written as dirty in whole. It is found out on the file itself, which must be clean: some of its blocks are written over with what they hold.
func checkFolios(f *os.File, blockBytes int, got measured.Int) (_ measured.Int, err error) {
	bytes, ok := got.Get()
	if !ok || bytes == 0 {
		return got, nil
	}
	const blocks = 16
	info, err := f.Stat()
	if err != nil {
		return got, fmt.Errorf("look at folios: %w", err)
	}
	block := make([]byte, blockBytes)
	all := info.Size() / int64(blockBytes)
	written := min(blocks, all)
	for i := range written {
		off := i * (all / written) * int64(blockBytes)
		if _, err := f.ReadAt(block, off); err != nil {
			return got, fmt.Errorf("look at folios: %w", err)
		}
		if _, err := f.WriteAt(block, off); err != nil {
			return got, fmt.Errorf("look at folios: %w", err)
		}
	}
	r := host.Resident(f)
	if err := f.Sync(); err != nil {
		return got, fmt.Errorf("look at folios: fsync: %w", err)
	}
	pages, ok := plus(r.Dirty, r.Writeback).Get()
	if !ok {
		return got, errors.New("look at folios: the kernel no longer tells what is dirty: " + plus(r.Dirty, r.Writeback).Why())
	}
	page := int64(os.Getpagesize())
	perBlock := int64(blockBytes) / page
	if int64(blockBytes)%page != 0 {
		perBlock += 2 // it may begin and end within a page
	}
	if pages > written*perBlock {
		return measured.Unavailable[int64]("the page cache holds this file in folios of many pages, and the kernel counts one as dirty in whole where a block of it was written"), nil
	}
	return got, nil
}
