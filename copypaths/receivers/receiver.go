// Package receivers holds what the other end of a transfer can do with the bytes: one mechanism per file, one
// catalogue of them all. Like a path, a receiver never falls back to another mechanism.
package receivers

import (
	"fmt"

	"copylab/internal/kernel"
)

// Status is a probe's answer.
type Status = kernel.Status

// Receiver is one way to take bytes from a socket.
type Receiver struct {
	ID    string // the word for it everywhere: "recv"
	Title string // one line for lists
	// WritesFile says that it needs a folder and a size for its file: see End.
	WritesFile bool
	// TLS says that it can decrypt what comes from a path with copypaths.Path.TLS: see End.
	TLS bool

	bind binding
}

type binding struct {
	probe func() Status
	open  func(End) (Taker, error)
}

// UnsupportedError is returned by Open for a receiver that this operating system does not have.
type UnsupportedError struct{ Why string }

func (e *UnsupportedError) Error() string { return "open receiver: unsupported: " + e.Why }

// End is what a receiver works on. The caller closes it.
type End struct {
	Socket int    // connected and blocking
	Buffer []byte // page-aligned, touched, not on the Go heap; its length is the most that one call takes
	// Dedicated says that the calling thread's processor is its own, so that receivers may make their system calls
	// without a word to the Go scheduler (Linux only). See copypaths.Ends.Dedicated for what that takes.
	Dedicated bool

	// TLS says that the sender encrypts: Open makes the handshake as the client, and what Take counts, and keeps the sum of,
	// is what was decrypted. Only for receivers with Receiver.TLS.
	TLS bool

	// For receivers that write a file, which has no name and is gone when the Taker is closed:
	Dir       string // the folder that it is in
	FileBytes int64  // its greatest size; what comes then is written over its bytes, from the beginning
}

// Describer is a Taker with settings worth recording, such as pipe_bytes.
type Describer interface{ Settings() map[string]string }

// Mapper is a Taker that knows how many of the bytes that it took were mapped, and how many were copied.
type Mapper interface{ Mapped() (mapped, copied int64) }

// Taker is a receiver opened on its socket. It is used by one thread.
type Taker interface {
	// Take takes at most limit bytes (and at most the buffer's size) off the socket and returns how many. It returns
	// io.EOF where the sender has closed. It does not allocate, but with End.TLS.
	Take(limit int64) (int64, error)
	// Sum is the xxh64 of all that was taken, in 16 hexadecimal digits; "" for receivers that don't look at the bytes.
	Sum() string
	// Syscalls is the receiver's own count of the system calls that it made so far, by name.
	Syscalls() map[string]int64
	// Close gives back what Open took.
	Close() error
}

// Probe tells whether the receiver works on this machine.
func (r Receiver) Probe() Status { return r.bind.probe() }

// Open readies the receiver. With e.TLS it returns when the handshake is done, for which the sender must open its path
// meanwhile.
func (r Receiver) Open(e End) (Taker, error) {
	if e.TLS && !r.TLS {
		return nil, fmt.Errorf("open receiver %s: it can't decrypt TLS; take recv or checksum", r.ID)
	}
	return r.bind.open(e)
}

// Catalogue lists every receiver that copylab knows, in the order in which lists and charts show them.
func Catalogue() []Receiver {
	return []Receiver{
		{ID: "recv", Title: "recv(2) into one buffer", TLS: true, bind: recv()},
		{ID: "discard", Title: "recv(2) with MSG_TRUNC: TCP drops the bytes without a copy", bind: discard()},
		{ID: "checksum", Title: "recv(2) into one buffer, then xxh64 over it", TLS: true, bind: checksum()},
		{ID: "splice-null", Title: "splice(2) to a pipe and on to /dev/null: pages change hands, bytes stay", bind: spliceNull()},
		{ID: "zerocopy-receive", Title: "TCP_ZEROCOPY_RECEIVE: pages mapped where they can be, the rest by recv(2)", bind: zerocopyReceive()},
		{ID: "file", Title: "recv(2) into one buffer, write(2) to a file", WritesFile: true, bind: file()},
		{ID: "file-splice", Title: "splice(2) to a pipe and on to a file", WritesFile: true, bind: fileSplice()},
	}
}

// Find returns the receiver of that ID.
func Find(id string) (Receiver, bool) {
	for _, r := range Catalogue() {
		if r.ID == id {
			return r, true
		}
	}
	return Receiver{}, false
}
