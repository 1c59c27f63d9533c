// Package worker is the process that is measured, and how it is told what to do.
//
// Each trial runs in fresh processes of copylab's own binary: a sender and a receiver, or a writer. A worker locks its
// thread, is pinned to its CPU, takes its buffers from anonymous memory outside the Go heap, touches them beforehand, has
// the garbage collector turned off, and neither allocates nor prints while it is timed.
//
// Worker and command talk in JSON lines over the worker's standard input and output:
//
//	command → worker   the Job
//	receiver → command {"event":"listening","address":"127.0.0.1:40001"}
//	worker → command   {"event":"ready"}      everything is set up, nothing is timed yet
//	command → worker   {"event":"go"}
//	worker → command   {"event":"armed"}      sent by the side that waits for the other
//	worker → command   {"event":"done","result":{…}} or {"event":"failed","error":"…"}
//
// A worker that reads the end of its standard input has lost its command and exits.
package worker

import (
	"encoding/json"
	"fmt"
	"io"

	"copylab/diskwrite"
	"copylab/results"
	"copylab/results/host"
	"copylab/results/measured"
	"copylab/results/profile"
)

// Job is what a worker is told. Exactly one of Send, Receive and Write is set.
type Job struct {
	Send    *Send    `json:"send,omitempty"`
	Receive *Receive `json:"receive,omitempty"`
	Write   *Write   `json:"write,omitempty"`
	// Namespace says that the worker's descriptor 3 is a network namespace, in which its sockets are to be.
	Namespace bool `json:"namespace,omitempty"`
}

// Socket is what is asked of the sockets of both ends. What is left empty is left to the kernel; TCP_NODELAY is then on.
type Socket struct {
	SndbufBytes int    `json:"so_sndbuf_bytes,omitempty"` // as setsockopt(2) is given them; the kernel doubles both (socket(7))
	RcvbufBytes int    `json:"so_rcvbuf_bytes,omitempty"`
	Delay       bool   `json:"delay,omitempty"` // TCP_NODELAY off: Nagle's algorithm on
	Cork        bool   `json:"cork,omitempty"`  // the sender's TCP_CORK: on while it sends, off at the end of a stream or of an answer
	Congestion  string `json:"congestion,omitempty"`
}

// Cache says in which state a file's pages are to be when the clock starts.
type Cache string

// The cache states. CacheAsIs leaves the pages alone.
const (
	CacheAsIs Cache = ""
	CacheWarm Cache = "warm"
	CacheCold Cache = "cold"
)

// Send is a sender's job.
type Send struct {
	Path       string `json:"path"`
	Source     string `json:"source"` // file, or memory: then the file's bytes are in memory before anything is timed
	File       string `json:"file"`
	FileBytes  int64  `json:"file_bytes"`
	ChunkBytes int    `json:"chunk_bytes"`
	Bytes      int64  `json:"bytes"`   // in all, over all streams; fetch: the requests tell
	Streams    int    `json:"streams"` //
	Fetch      bool   `json:"fetch"`   // answer requests instead of streaming
	Address    string `json:"address"` // of the receiver; empty for the null path
	Token      string `json:"token"`   // that a sink knows each connection by, in hexadecimal; empty for a local receiver
	Socket     Socket `json:"socket"`
	Cache      Cache  `json:"cache"`
	CPU        int    `json:"cpu"`               // to pin to; -1: don't
	Device     string `json:"device"`            // whose counters are read; empty: none is known
	ToolCost   bool   `json:"tool_cost"`         // also measure clock reads and histogram records
	Profile    bool   `json:"profile,omitempty"` // sample what this process does
	// AllCPUs samples what all CPUs do. Without Profile, what this process does is told by that, and what the process Peer does, unless it is 0.
	AllCPUs bool `json:"all_cpus,omitempty"`
	Peer    int  `json:"peer,omitempty"`
	// Syscalls has the kernel count this process's system calls, and Memory what the memory controllers move.
	Syscalls bool `json:"syscalls,omitempty"`
	Memory   bool `json:"memory,omitempty"`
}

// Receive is a receiver's job.
type Receive struct {
	Receiver    string `json:"receiver"`
	BufferBytes int    `json:"buffer_bytes"`
	Bytes       int64  `json:"bytes"` // in all, over all streams
	Streams     int    `json:"streams"`
	CPU         int    `json:"cpu"`
	Socket      Socket `json:"socket"`
	TLS         bool   `json:"tls"`      // the path encrypts
	IP          string `json:"ip"`       // to listen on; empty: 127.0.0.1
	Passed      bool   `json:"passed"`   // connections come over the Unix socket that is descriptor 3, instead of from a listening socket
	Counters    bool   `json:"counters"` // read this machine's counters too: it is another than the sender's
	Dir         string `json:"dir"`      // for receivers that write a file, which has no name and is as large as FileBytes at most

	Fetch      bool    `json:"fetch"` // ask for chunks and time each
	Requests   int64   `json:"requests"`
	ChunkBytes int64   `json:"chunk_bytes"`
	FileBytes  int64   `json:"file_bytes"`
	Rate       float64 `json:"rate"` // requests per second of an open loop over all streams; 0: closed loop

	Profile  bool `json:"profile,omitempty"`  // sample what this process does
	Sampled  bool `json:"sampled,omitempty"`  // the sender does that: this process stays until the command ends it, so that its threads can be asked for their names
	Syscalls bool `json:"syscalls,omitempty"` // have the kernel count this process's system calls
}

// Write is a writer's job.
type Write struct {
	Method  string        `json:"method"`
	File    string        `json:"file"`
	Plan    diskwrite.Job `json:"plan"`
	Payload uint64        `json:"payload_seed"`
	CPU     int           `json:"cpu"`
	Device  string        `json:"device"` // whose counters are read; empty: none is known
	// Fresh makes the writer prepare the file itself and remove it afterwards. Otherwise it is there, full of written blocks.
	Fresh  bool `json:"fresh"`
	Verify bool `json:"verify"` // read everything back afterwards and compare
	// Timeline has a thread on TimelineCPU sample how the write goes, until what it left dirty has been written back. -1: on any CPU.
	Timeline    bool `json:"timeline,omitempty"`
	TimelineCPU int  `json:"timeline_cpu,omitempty"`
	// Modelled are mechanical disks that the writes are modelled on, by a thread on TimelineCPU as well. What it takes is no matter for a trial that
	// is timed.
	Modelled []ModelledDisk `json:"modelled,omitempty"`
	// MemoryCopy also measures copying in memory, with working sets for a last-level cache of CacheBytes; 0: not known.
	MemoryCopy bool  `json:"memory_copy,omitempty"`
	CacheBytes int64 `json:"cache_bytes,omitempty"`
	// Profile samples what this process does, and AllCPUs what all CPUs do, which without Profile tells what this process does too. What is in memory
	// is not looked up then.
	Profile bool `json:"profile,omitempty"`
	AllCPUs bool `json:"all_cpus,omitempty"`
	// Syscalls and Memory are as in Send.
	Syscalls bool `json:"syscalls,omitempty"`
	Memory   bool `json:"memory,omitempty"`
}

// Message is one line between worker and command, the Job apart.
type Message struct {
	Event   Event   `json:"event"`
	Address string  `json:"address,omitempty"`
	Token   string  `json:"token,omitempty"` // of a sink: see Send
	Result  *Result `json:"result,omitempty"`
	Error   string  `json:"error,omitempty"`
}

// Event is what a message says.
type Event string

// The events.
const (
	EventListening Event = "listening"
	EventReady     Event = "ready"
	EventGo        Event = "go"
	EventArmed     Event = "armed"
	EventDone      Event = "done"
	EventFailed    Event = "failed"
)

// Result is what one worker measured.
type Result struct {
	Side       results.Side                 `json:"side"`
	Bytes      int64                        `json:"bytes"`
	Operations int64                        `json:"operations"`
	ElapsedNS  measured.Int                 `json:"elapsed_ns"`  // of the side that started the clock
	AcceptedNS measured.Int                 `json:"accepted_ns"` // writer
	DurableNS  measured.Int                 `json:"durable_ns"`  // writer
	Latency    map[string]results.Histogram `json:"latency,omitempty"`
	Machine    host.MachineDelta            `json:"machine"` // of the sender and the writer; of a receiver that was asked
	Device     host.DeviceDelta             `json:"device"`
	Settled    host.DeviceDelta             `json:"settled"`
	Interface  *host.LinkDelta              `json:"interface,omitempty"` // of the sender
	Memory     *results.MemoryTraffic       `json:"memory,omitempty"`    // of a job that asked for it
	Before     host.Residency               `json:"before"`
	After      host.Residency               `json:"after"`
	DirtyFirst host.DirtyMemory             `json:"dirty_before"`
	DirtyLast  host.DirtyMemory             `json:"dirty_after"`
	// Of the writer: see results.Trial.
	InMemoryBytes measured.Int      `json:"in_memory_bytes"`
	Timeline      *results.Timeline `json:"timeline,omitempty"`
	// Modelled is what became of Write.Modelled.
	Modelled []results.Modelled `json:"modelled,omitempty"`
	// Sums are the checksums of what each stream brought, in the order of the streams.
	Sums     []string          `json:"sums,omitempty"`
	Checksum string            `json:"checksum,omitempty"` // writer: of what was read back
	Settings map[string]string `json:"settings,omitempty"`
	// Of a job that is profiled, see results.Trial. The side's own stages are in Side, those of Send.Peer in PeerStages. A profile is nil where there is none,
	// and bounded.
	MachineStages  *results.StageTimes `json:"machine_stages,omitempty"`
	PeerStages     *results.StageTimes `json:"peer_stages,omitempty"`
	Profile        *profile.Profile    `json:"profile,omitempty"`
	MachineProfile *profile.Profile    `json:"machine_profile,omitempty"`
	PeerProfile    *profile.Profile    `json:"peer_profile,omitempty"`
}

// maxLine bounds a line of the protocol: results carry encoded histograms, a few KiB each, and profiles, a MiB at most.
const maxLine = 16 << 20

// lineReader reads JSON lines.
type lineReader struct{ dec *json.Decoder }

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{json.NewDecoder(io.LimitReader(r, maxLine))}
}

func (l *lineReader) read(v any) error { return l.dec.Decode(v) }

func writeLine(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write message: %w", err)
	}
	return nil
}
