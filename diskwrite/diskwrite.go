// Package diskwrite holds the ways in which a program can write a file: how a block is written (method), where
// (pattern), and when it is made durable (sync policy). Each is an axis of its own, never a default that nobody sees.
//
// A method never falls back to another mechanism. Where the kernel refuses, it fails and names the system call.
package diskwrite

import (
	"copylab/internal/kernel"
)

// Status is a probe's answer.
type Status = kernel.Status

// Method is one way to write a block.
type Method struct {
	ID    string // the word for it everywhere: "direct-dsync"
	Title string // one line for lists
	// Direct says that blocks, offsets and buffers must obey the alignment that Alignment returns.
	Direct bool
	// Durable says that a write that has returned is on the medium, as far as the kernel can know.
	Durable bool

	bind binding
}

type binding struct {
	// probe tries the method on a new, unnamed file in dir and leaves nothing behind.
	probe func(dir string) Status
	// open opens the existing file name for writing by this method.
	open func(name string) (File, error)
}

// File is a file opened by a method. It is used by one thread.
type File interface {
	// WriteBlock writes all of block at the offset off with one system call, or fails. It does not allocate. Where the
	// kernel takes only a part (a signal, the last free bytes), a further call writes the rest or tells why it can't;
	// Syscalls shows that there were more. An interrupted call is made again.
	WriteBlock(block []byte, off int64) error
	// Sync makes what was written durable with the given call. It does not allocate.
	Sync(SyncCall) error
	// Durable tells whether a block is on the medium, as far as the kernel can know, once WriteBlock has returned
	// (synced false), or once a later Sync has returned too (synced true). why says why not; it is empty otherwise.
	Durable(synced bool) (durable bool, why string)
	// Syscalls is the method's own count of the system calls that it made so far, by the kernel's name for them.
	Syscalls() map[string]int64
	// Close closes the file.
	Close() error
}

// Dedicator is a File that can be told that the calling thread's processor is its own. It then makes its system calls
// without a word to the Go scheduler (Linux only), which neither interrupts the thread nor gets it back late. The price:
// while such a call blocks, one of GOMAXPROCS stays taken, and nothing that stops the world, such as a garbage
// collection, gets past it.
type Dedicator interface{ Dedicate() }

// Probe tells whether the method works on files in dir: it writes and syncs one block of a file that has no name, or
// whose name is removed at once. Filesystems in memory are unavailable to every method but null: there is no disk.
func (m Method) Probe(dir string) Status { return m.bind.probe(dir) }

// Open opens the existing file name for writing by this method. It refuses block devices: copylab writes only files.
func (m Method) Open(name string) (File, error) { return m.bind.open(name) }

// Methods lists every write method that copylab knows, in the order in which lists and charts show them.
func Methods() []Method {
	return []Method{
		{ID: "buffered", Title: "pwrite(2) through the page cache", bind: buffered()},
		{ID: "direct", Title: "O_DIRECT: past the page cache, into the device's own cache", Direct: true, bind: direct()},
		{ID: "dsync", Title: "O_DSYNC: through the page cache, durable when the call returns", Durable: true, bind: dsync()},
		{ID: "direct-dsync", Title: "O_DIRECT and O_DSYNC: past the page cache, durable when the call returns", Direct: true, Durable: true, bind: directDsync()},
		{ID: "null", Title: "writes nothing: the cost of the tool itself", bind: null()},
	}
}

// FindMethod returns the method of that ID.
func FindMethod(id string) (Method, bool) {
	for _, m := range Methods() {
		if m.ID == id {
			return m, true
		}
	}
	return Method{}, false
}

// PatternID names where blocks go.
type PatternID string

// The patterns.
const (
	Append    PatternID = "append"
	Overwrite PatternID = "overwrite"
	Random    PatternID = "random"
)

// Pattern is one way to choose the offsets.
type Pattern struct {
	ID    PatternID
	Title string
	// Grows says that the file starts empty and grows; otherwise it is full of written blocks beforehand.
	Grows bool
}

// Patterns lists every pattern, in the order in which lists and charts show them.
func Patterns() []Pattern {
	return []Pattern{
		{ID: Append, Title: "each block after the last; the file grows", Grows: true},
		{ID: Overwrite, Title: "each block after the last, over blocks that were written before"},
		{ID: Random, Title: "blocks in random order, over blocks that were written before"},
	}
}

// FindPattern returns the pattern of that ID.
func FindPattern(id PatternID) (Pattern, bool) {
	for _, p := range Patterns() {
		if p.ID == id {
			return p, true
		}
	}
	return Pattern{}, false
}
