// Package diagram holds what theory says of each path, as data: the places that the bytes go through, the arrows between them,
// what kind each is and who makes it, and how often a chunk crosses between user and kernel mode. A measurement can be put beside it.
//
// It knows paths and receivers by their IDs only, and reads no machine: a diagram is the same everywhere. What it says rests on the
// kernel's sources, named where a diagram says it, and is an expectation. What a kernel really did is evidence, and With puts the two
// side by side.
package diagram

import (
	"strconv"

	"copylab/results/stages"
)

// Place is where bytes are, or what refers to them.
type Place string

// The places. Those of the receiver's end have names of their own.
const (
	Disk         Place = "disk"
	PageCache    Place = "page cache"
	FreshPages   Place = "fresh pages"     // that the kernel allocates for one transfer, outside the page cache
	Pipe         Place = "pipe"            // references to pages
	SocketBuffer Place = "socket buffer"   // the sender's: linear memory, or references to pages
	Segments     Place = "linear segments" // that the kernel makes for a card without scatter-gather
	Card         Place = "network card"

	Fields  Place = "8 fields" // of a message, each elsewhere in the program's memory
	Buffer  Place = "buffer"   // of the program
	Mapping Place = "mapping"  // of the file's pages into the program's addresses
	Record  Place = "record"   // encrypted, in the program's memory

	PeerSocket  Place = "receiver's socket buffer"
	PeerPipe    Place = "receiver's pipe"
	PeerNull    Place = "/dev/null"
	PeerCache   Place = "receiver's page cache"
	PeerBuffer  Place = "receiver's buffer"
	PeerRecord  Place = "receiver's record" // encrypted
	PeerMapping Place = "receiver's mapping"
	PeerSum     Place = "checksum"
)

// InProgram tells whether a place is in user memory, on the far side of the boundary from the kernel's.
func (p Place) InProgram() bool {
	switch p {
	case Fields, Buffer, Mapping, Record, PeerBuffer, PeerRecord, PeerMapping, PeerSum:
		return true
	}
	return false
}

// Kind says what it takes to get bytes from one place to the next.
type Kind string

// The kinds of arrows.
const (
	DMA          Kind = "DMA"           // a device moves them; no CPU touches a byte
	CPUCopy      Kind = "CPU copy"      // a CPU reads and writes every byte
	DeferredCopy Kind = "deferred copy" // a CPU copy that zero copy was to avoid, made later
	CipherPass   Kind = "cipher pass"   // a CPU reads every byte, encrypts or decrypts it, and writes it elsewhere
	ReadPass     Kind = "read pass"     // a CPU reads every byte and writes none
	Descriptor   Kind = "descriptor"    // only a reference is handed over: a page's address, or an entry in a page table
	Dropped      Kind = "dropped"       // the bytes end here, untouched
)

// Kinds lists every kind, in the order of legends.
func Kinds() []Kind {
	return []Kind{DMA, CPUCopy, DeferredCopy, CipherPass, ReadPass, Descriptor, Dropped}
}

// Actor is who makes an arrow.
type Actor string

// The actors. The first three are on the account of a side; a device takes no CPU.
const (
	BySender       Actor = "the sender"
	ByReceiver     Actor = "the receiver"
	ByWorker       Actor = "a worker thread of the kernel (iou-wrk)"
	ByKernelLater  Actor = "the kernel, later"
	ByDisk         Actor = "the disk"
	ByCard         Actor = "the network card"
	ByReceiverCard Actor = "the receiver's network card"
)

// defaultChunk is what a diagram is drawn for where nobody says otherwise, and crossingsOfSyscall the way in and the way out.
const (
	defaultChunk       int64 = 64 << 10
	crossingsOfSyscall       = 2
)

// Part is which end of a transfer an arrow belongs to.
type Part int

// The parts.
const (
	Sending Part = iota // up to the sender's socket buffer
	Between             // from there to the receiver's: what the link decides
	Receiving
)

// Arrow is one step of the bytes on their way.
type Arrow struct {
	Number   int // within a Diagram, from 1. All arrows of the link share one: how many there are depends on the link
	Part     Part
	From, To Place
	Kind     Kind
	By       Actor
	Call     string       // the system call that begins with this arrow, as "read"; empty where another arrow's call makes it too
	When     string       // a condition, as "on a cache miss only"; empty: always
	Note     string       // what else to know, in a few words
	Stage    stages.Stage // whose CPU time is this arrow's cost; empty where no CPU is busy with it, or none that could be told apart
	Cost     Cost         // unavailable in theory
}

// Path is what theory says of one path.
type Path struct {
	ID       string
	Source   string // file or memory; empty for the null path
	Arrows   []Arrow
	Calls    []Call
	MoreNow  string   // calls that come on top of Calls now and then; empty where there are none
	ZeroCopy bool     // sends by MSG_ZEROCOPY or SEND_ZC: the link may copy later
	TLS      bool     // the receiver has to decrypt
	Remarks  []string // what is particular
}

// Call is a system call that a chunk takes.
type Call struct {
	Name      string
	EachBytes int64 // one for every so many bytes; 0: one for each chunk
	Batch     int   // one may do for up to so many chunks; 0: for one
}

// Crossings is how often one chunk of that size takes the sender into the kernel and back, counting each way. Where one call may do
// for several chunks, least and most differ. Calls that come now and then (MoreNow) are not in it.
func (p Path) Crossings(chunkBytes int64) (least, most float64) {
	for _, c := range p.Calls {
		n := 1.0
		if c.EachBytes > 0 {
			n = float64((chunkBytes + c.EachBytes - 1) / c.EachBytes)
		}
		most += crossingsOfSyscall * n
		least += crossingsOfSyscall * n / float64(max(c.Batch, 1))
	}
	return least, most
}

// Receiver is what theory says of one receiver.
type Receiver struct {
	ID      string
	Calls   []string // of one take, in order
	MoreNow string   // as of a Path
	Remarks []string
	arrows  func(Path, Link) []Arrow
}

// Diagram is one path over one link to one receiver.
type Diagram struct {
	Path     Path
	Link     Link
	Receiver Receiver
	Arrows   []Arrow
	// ChunkBytes is what crossings per chunk are computed for.
	ChunkBytes int64
	// Remarks are on the path, the receiver and, after With, on what was measured; LinkRemarks on what the link does.
	Remarks, LinkRemarks []string
	// Measured is what a run says of it; nil: theory only.
	Measured *Measurement
}

// On draws a path over a link to a receiver. The null path has no arrows.
func (p Path) On(l Link, r Receiver) Diagram {
	d := Diagram{Path: p, Link: l, Receiver: r, ChunkBytes: defaultChunk}
	d.Remarks = append(d.Remarks, p.Remarks...)
	if len(p.Arrows) == 0 {
		return d
	}
	number := 0
	for _, part := range []struct {
		Part
		arrows []Arrow
	}{{Sending, p.Arrows}, {Between, between(p, l)}, {Receiving, r.arrows(p, l)}} {
		for i, a := range part.arrows {
			if part.Part != Between || i == 0 {
				number++
			}
			a.Number, a.Part = number, part.Part
			d.Arrows = append(d.Arrows, a)
		}
	}
	d.Remarks = append(d.Remarks, r.Remarks...)
	d.LinkRemarks = linkRemarks(p, l)
	return d
}

// WithChunk is the same diagram for chunks of another size.
func (d Diagram) WithChunk(bytes int64) Diagram {
	if bytes > 0 {
		d.ChunkBytes = bytes
	}
	return d
}

// Copies counts what happens to each byte on one side.
type Copies struct {
	CPU       int // CPU copies by the kernel, deferred ones included
	Deferred  int // of these, how many are made later
	InProgram int // CPU copies within the program: gathering a message
	Cipher    int // cipher passes
	DMA       int // by devices, with the file in the page cache
	OnMiss    int // DMA that a cache miss adds
}

// String writes the copies in words: "2", "1 deferred", "0 + 1 cipher pass".
func (c Copies) String() string {
	s := strconv.Itoa(c.CPU)
	if c.Deferred > 0 {
		if c.Deferred == c.CPU {
			s += " deferred"
		} else {
			s += " (" + strconv.Itoa(c.Deferred) + " deferred)"
		}
	}
	if c.InProgram > 0 {
		s += " + " + strconv.Itoa(c.InProgram) + " gather"
	}
	if c.Cipher > 0 {
		s += " + " + strconv.Itoa(c.Cipher) + " cipher"
	}
	return s
}

// SenderCopies counts from the source to the link: a receiver's network card is the receiver's.
func (d Diagram) SenderCopies() Copies {
	return d.copies(func(a Arrow) bool { return a.Part != Receiving && a.By != ByReceiverCard })
}

// ReceiverCopies counts from the link on.
func (d Diagram) ReceiverCopies() Copies {
	return d.copies(func(a Arrow) bool { return a.Part == Receiving || a.By == ByReceiverCard })
}

func (d Diagram) copies(mine func(Arrow) bool) Copies {
	var c Copies
	for _, a := range d.Arrows {
		if !mine(a) {
			continue
		}
		switch a.Kind {
		case CPUCopy:
			if a.From.InProgram() && a.To.InProgram() {
				c.InProgram++
			} else {
				c.CPU++
			}
		case DeferredCopy:
			c.CPU++
			c.Deferred++
		case CipherPass:
			c.Cipher++
		case DMA:
			if a.When == onlyOnMiss {
				c.OnMiss++
			} else {
				c.DMA++
			}
		}
	}
	return c
}

// Of are the arrows of one part.
func (d Diagram) Of(p Part) []Arrow {
	var out []Arrow
	for _, a := range d.Arrows {
		if a.Part == p {
			out = append(out, a)
		}
	}
	return out
}
