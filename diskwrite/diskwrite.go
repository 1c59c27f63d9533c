// Package diskwrite holds the ways in which a program can write a file: how a block is written (method), where
// (pattern), and when it is made durable (sync policy). Each is an axis of its own, never a default that nobody sees.
//
// A method never falls back to another mechanism. Where the kernel refuses, it fails and names the system call.
package diskwrite

import (
	"slices"

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
	// Durable says that a write that has returned is on the medium, as far as the kernel can know. A filesystem in memory
	// has no medium: File.Durable knows.
	Durable bool
	// Uncached says that the method means to leave no pages of the file in the page cache: so a run of it should begin without
	// any.
	Uncached bool
	// Fixed says that the method can't make a file larger than it is when it is opened.
	Fixed bool
	// Queued says that the method's Files are Queues.
	Queued bool

	bind binding
}

type binding struct {
	// probe tries the method on a new, unnamed file in dir and leaves nothing behind.
	probe func(dir string) Status
	// open opens the existing file name for writing by this method.
	open func(name string) (File, error)
	// syncs are the calls that Sync can make; nil: all that the operating system has.
	syncs []SyncCall
}

// File is a file opened by a method. It is used by one thread.
type File interface {
	// WriteBlock writes all of block at the offset off with one system call, or with none where the method is a store to
	// memory; or it fails. It does not allocate. Where the kernel takes only a part (a signal, the last free bytes), a further
	// call writes the rest or tells why it can't; Syscalls shows that there were more. An interrupted call is made again.
	WriteBlock(block []byte, off int64) error
	// Sync makes what was written durable with the given call, or what the method has in its place. It does not allocate.
	Sync(SyncCall) error
	// Durable tells whether a block is on the medium, as far as the kernel can know, once WriteBlock has returned
	// (synced false), or once the latest Sync has returned too (synced true). why says why not; it is empty otherwise.
	Durable(synced bool) (durable bool, why string)
	// Syscalls is the method's own count of the system calls that its writes and syncs made so far, by the kernel's name
	// for them.
	Syscalls() map[string]int64
	// Close closes the file.
	Close() error
}

// MostDepth is the largest number of writes that a Queue keeps in flight.
const MostDepth = 256

// Queue is a File that can have several writes in flight. Each has a slot, a number from 0 until the depth that Ready was
// given, from Submit until Wait returns it.
//
// Writes that are in flight together can be done in any order.
type Queue interface {
	File
	// Ready prepares the queue for so many writes in flight, at most MostDepth, all of whose blocks lie within payload,
	// which NewPayload made and which stays as it is until Close. It must come before the first write, WriteBlock's too.
	// With what it was given before, it does nothing; something else is an error.
	Ready(depth int, payload []byte) error
	// Submit begins to write all of block, a part of the payload, at the offset off. It does not allocate. Where it fails, the
	// queue is of no use any more.
	Submit(slot int, block []byte, off int64) error
	// Wait returns when a write is done, and tells which. A write of which the kernel took a part goes on by itself. Where a write
	// failed, err says why, and the others go on. Slot -1 with an error: the queue itself failed, and is of no use any
	// more. It does not allocate.
	Wait() (slot int, err error)
}

// Dedicator is a File that can be told that the calling thread's processor is its own. It then makes its system calls
// without a word to the Go scheduler (Linux only), which neither interrupts the thread nor gets it back late. The price:
// while such a call blocks, one of GOMAXPROCS stays taken, and nothing that stops the world, such as a garbage
// collection, gets past it.
type Dedicator interface{ Dedicate() }

// Probe tells whether the method works on files in dir: it writes and syncs one block of a file that has no name, or
// whose name is removed at once. A filesystem in memory will do, though it is no disk and what is written there is never
// durable; but not for the direct methods, since it is nothing but the page cache that they are to pass by.
func (m Method) Probe(dir string) Status { return m.bind.probe(dir) }

// Fits tells whether the method can do a job like j on this operating system, of which it looks at the pattern, the
// policy, the sync call and the depth. Of a job without a policy, it leaves the sync call out. The folder is Probe's part.
func (m Method) Fits(j Job) Status {
	if p, ok := FindPattern(j.Pattern); ok && p.Grows && m.Fixed {
		return kernel.Unavailable("%s writes within the size that a file has, and the pattern %s makes it grow: choose a pattern that does not", m.ID, p.ID)
	}
	if j.Depth > 1 && !m.Queued {
		return kernel.Unavailable("%s has one write in flight, never %d: choose depth 1, or uring", m.ID, j.Depth)
	}
	if j.Policy.ID == SyncNone || j.Policy.ID == "" || m.ID == "null" {
		return kernel.Available()
	}
	if m.bind.syncs != nil && !slices.Contains(m.bind.syncs, j.SyncCall) {
		return kernel.Unavailable("%s is not synced by %s: choose %s", m.ID, j.SyncCall, m.bind.syncs[0])
	}
	return j.SyncCall.Status()
}

// Open opens the existing file name for writing by this method. It refuses block devices: copylab writes only files.
func (m Method) Open(name string) (File, error) { return m.bind.open(name) }

// Methods lists every write method that copylab knows, in the order in which lists and charts show them.
func Methods() []Method {
	return []Method{
		{ID: "buffered", Title: "pwrite(2) through the page cache", bind: buffered()},
		{ID: "direct", Title: "O_DIRECT: past the page cache, into the device's own cache", Direct: true, Uncached: true, bind: direct()},
		{ID: "dsync", Title: "O_DSYNC: through the page cache, durable when the call returns", Durable: true, bind: dsync()},
		{ID: "direct-dsync", Title: "O_DIRECT and O_DSYNC: past the page cache, durable when the call returns", Direct: true, Durable: true, Uncached: true, bind: directDsync()},
		{ID: "mmap", Title: "stores into a shared mapping; its sync is msync(2), for the file's data what fdatasync(2) is", Fixed: true, bind: mmap()},
		{ID: "uring", Title: "io_uring, through the page cache: several writes in flight, from a registered buffer", Queued: true, bind: uring()},
		{ID: "uring-direct", Title: "io_uring and O_DIRECT: several writes in flight, past the page cache", Direct: true, Uncached: true, Queued: true, bind: uringDirect()},
		{ID: "dontcache", Title: "pwritev2(2) with RWF_DONTCACHE: through the page cache, which shall keep nothing", Uncached: true, bind: dontcache()},
		{ID: "vectored", Title: "pwritev(2): each block as 8 records, by one call through the page cache", bind: vectored()},
		{ID: "null", Title: "writes nothing: the cost of the tool itself", Queued: true, bind: null()},
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
