// Package copypaths holds the ways in which a program can move bytes, of a file or of its own memory, to a TCP socket: one
// mechanism per file, one catalogue of them all.
//
// A path never falls back to another mechanism. Where the kernel refuses, the path fails and names the system call.
// What the kernel does silently is what copylab measures and reports.
package copypaths

import (
	"net"
	"os"

	"copylab/internal/kernel"
)

// Status is a probe's answer.
type Status = kernel.Status

// Connection says what kind of socket a path works on.
type Connection int

// The kinds of sockets.
const (
	// Descriptor is a raw blocking descriptor: no Go poller between the path and the kernel.
	Descriptor Connection = iota
	// GoConn is a *net.TCPConn, for the paths that show what idiomatic Go does.
	GoConn
	// NoConnection is the null path's: it moves nothing.
	NoConnection
)

// Source says where the bytes come from.
type Source string

// The sources.
const (
	FromFile   Source = "file"
	FromMemory Source = "memory" // messages of several fields, see Fields
)

// Path is one way to move bytes to a socket.
type Path struct {
	ID     string // the word for it everywhere: "read-write". Within a source, it is unique
	Source Source // "" is the null path's, which takes part in every comparison
	Title  string // one line for lists: "read(2) into one buffer, write(2) to the socket"
	// Syscalls are the system calls that moving a chunk takes, in order; empty for paths that choose themselves. Those that
	// a path makes only now and then, such as lseek, or recvmsg for notifications, are not among them.
	Syscalls   []string
	Connection Connection
	// Direct says that the path reads past the page cache. Whether it can depends on the folder of the file (ProbeIn), and
	// offsets must be multiples of what direct I/O asks for there.
	Direct bool
	// WholeBlocks says of a Direct path that so must be lengths, but for one that ends with the file.
	WholeBlocks bool
	// TLS says that Open makes a TLS handshake on the connection, as the server. Meanwhile the other end must make it as the
	// client (receivers.End.TLS), and it decrypts what comes.
	TLS bool

	bind binding
}

// binding is what an operating system has to offer for a path. Every file that is built for an operating system
// binds every path of the catalogue, or the package does not compile.
type binding struct {
	probe   func() Status
	probeIn func(dir string) Status // nil where the folder makes no difference
	open    func(Ends) (Mover, error)
}

// UnsupportedError is returned by Open for a path that this operating system does not have.
type UnsupportedError struct{ Why string }

func (e *UnsupportedError) Error() string { return "open path: unsupported: " + e.Why }

// Ends are what a path is to connect, and what it may use. The path owns none of it: the caller closes.
type Ends struct {
	File     *os.File     // for paths from a file: opened for reading, used by this Mover alone (its offset is the path's)
	FileSize int64        // bytes; paths from memory take Memory.Bytes
	Socket   int          // for Descriptor paths: connected and blocking
	Conn     *net.TCPConn // for GoConn paths
	Chunk    int          // bytes handed to one operation
	Buffer   []byte       // Chunk bytes, page-aligned, touched, not on the Go heap
	Memory   *Fields      // for paths from memory, in place of File: cut into messages of Chunk bytes; many Movers may read it at once

	// Streams is how many Movers of this path are open at once in this process, this one included; 0 means one. A path that takes
	// memory of its own to have several chunks under way (a ring of buffers, a pipe) shares what one Mover would take among
	// them, down to two chunks for each, so that 1,000 of them do not take 1,000 times as much. ring_depth,
	// ring_buffers and pipe_bytes of Describer say what became of it.
	Streams int

	// Dedicated says that the calling thread's processor is its own. Descriptor paths then make their system calls
	// without a word to the Go scheduler, which saves some 70 to 100 ns for each (Linux only). The price: while such a call
	// blocks, one of GOMAXPROCS stays taken, and nothing that stops the world, such as a garbage collection, gets past
	// it. So GOMAXPROCS must exceed the number of such threads, and the receiver must be in another process. The process must
	// run with GODEBUG=asyncpreemptoff=1: the signals with which the runtime interrupts a thread cut calls short, which a path
	// that reads past the page cache can't always take up again.
	Dedicated bool
}

// Mover is a path opened on its two ends. It is used by one thread.
type Mover interface {
	// Move moves n bytes (at most Chunk, within the file) from the file's offset off to the socket, in one operation of
	// the path. It returns when the last byte was handed to the kernel. It does not allocate and moves all or fails.
	// From memory, off is where a message begins: a multiple of Chunk.
	Move(off int64, n int) error
	// Syscalls is the path's own count of the system calls that it made so far, by name. nil where it can't know.
	Syscalls() map[string]int64
	// Close gives back what Open took.
	Close() error
}

// Flusher is a Mover whose Move may return before the kernel has taken the bytes. Flush returns when all has been handed
// over.
type Flusher interface{ Flush() error }

// Completer is a Mover that knows what the kernel said of its zero-copy sends.
type Completer interface {
	// Completions asks for what the kernel has said so far. It makes system calls: call it outside of what is timed.
	Completions() Completions
}

// Completions counts zero-copy sends by what the kernel said of each when it was done with it.
type Completions struct{ ZeroCopy, Copied int64 }

// Describer is a Mover with settings worth recording, such as pipe_bytes, ring_depth and enobufs.
type Describer interface{ Settings() map[string]string }

// Probe tells whether the path works on this machine. Of a path that depends on where the file is, it tells what is so
// wherever that is, and otherwise that it could not tell: see ProbeIn.
func (p Path) Probe() Status { return p.bind.probe() }

// ProbeIn tells whether the path works on files in the folder dir. It tries that on an unnamed file, where the folder
// makes a difference, and leaves nothing behind.
func (p Path) ProbeIn(dir string) Status {
	if p.bind.probeIn == nil {
		return p.bind.probe()
	}
	return p.bind.probeIn(dir)
}

// Open readies the path: everything that needs not be done for each chunk.
func (p Path) Open(e Ends) (Mover, error) { return p.bind.open(e) }
