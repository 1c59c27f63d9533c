package diskwrite

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"copylab/internal/kernel"
)

// PatternID names where blocks go.
type PatternID string

// The patterns.
const (
	Append           PatternID = "append"
	Overwrite        PatternID = "overwrite"
	Random           PatternID = "random"
	AppendFallocated PatternID = "append-fallocated"
	RandomAppendMix  PatternID = "random-append-mix"
	Strided          PatternID = "strided"
	Zipf             PatternID = "zipf"
	ManyLogs         PatternID = "many-logs"
)

// Pattern is one way to choose the offsets.
type Pattern struct {
	ID    PatternID
	Title string
	// Grows says that the file starts empty and grows.
	Grows bool
	// Allocated says that the file has its full size and its blocks from fallocate(2) beforehand, but that none of them was
	// ever written: their first write changes the file's metadata too. A file that neither grows nor is allocated is full of
	// blocks that were really written.
	Allocated bool
	// Parameter names the field of Job that the pattern needs and no other takes; empty: none.
	Parameter string
}

// Fresh says that a file serves for one run only: the next run of the pattern needs a new one.
func (p Pattern) Fresh() bool { return p.Grows || p.Allocated }

// Patterns lists every pattern, in the order in which lists and charts show them.
func Patterns() []Pattern {
	all := patterns()
	return all[:]
}

// patterns is the list as an array, which takes no memory but the stack's.
func patterns() [8]Pattern {
	return [8]Pattern{
		{ID: Append, Title: "each block after the last; the file grows", Grows: true},
		{ID: Overwrite, Title: "each block after the last, over blocks that were written before"},
		{ID: Random, Title: "blocks in random order, over blocks that were written before", Parameter: "Draw"},
		{ID: AppendFallocated, Title: "each block after the last, into blocks that fallocate(2) gave the file and nobody wrote yet", Allocated: true},
		{ID: RandomAppendMix, Title: "a share of the writes goes to random blocks of what is there, the rest makes the file grow", Grows: true, Parameter: "RandomShare"},
		{ID: Strided, Title: "every so many blocks, over blocks that were written before; each once before any is written again", Parameter: "StrideBlocks"},
		{ID: Zipf, Title: "a few blocks often and most seldom, all over a file that was written before", Parameter: "Theta"},
		{ID: ManyLogs, Title: "appends to many files in turn", Grows: true, Parameter: "Files"},
	}
}

// FindPattern returns the pattern of that ID.
func FindPattern(id PatternID) (Pattern, bool) {
	for _, p := range patterns() {
		if p.ID == id {
			return p, true
		}
	}
	return Pattern{}, false
}

// patternWords lists the patterns for messages.
func patternWords() string {
	var words []string
	for _, p := range Patterns() {
		words = append(words, string(p.ID))
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// Probe tells whether files in dir can be readied for the pattern. It leaves nothing behind.
func (p Pattern) Probe(dir string) Status {
	if !p.Allocated {
		return kernel.Available()
	}
	switch err := tryAllocate(dir); {
	case err == nil:
		return kernel.Available()
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		return kernel.Unavailable("%v", err)
	default:
		return kernel.Unknown("%v", err)
	}
}

func tryAllocate(dir string) (err error) {
	f, err := os.CreateTemp(dir, ".copylab-probe-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	return allocate(f, probeAllocatedBytes)
}

// probeAllocatedBytes is what a probe allocates.
const probeAllocatedBytes = 64 << 10
