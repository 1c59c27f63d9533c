// Package results holds what was measured: the record of a run, how it is written and read, and the summary that is
// built from it. It measures nothing itself and can be used without the command.
package results

import (
	"encoding/json"
	"time"

	"copylab/results/host"
	"copylab/results/measured"
)

// Schema is the version of record.jsonl and summary.json that this package writes.
const Schema = 1

// Run is the first line of a record: what was asked, of which tool, on which machine. It does not change once it is
// written.
type Run struct {
	Type    string    `json:"type"` // always "run"
	Schema  int       `json:"schema"`
	ID      string    `json:"id"`      // <UTC time>-<scenario>
	Started time.Time `json:"started"` // UTC
	Effort  string    `json:"effort"`  // quick, normal or thorough
	Seed    uint64    `json:"seed"`    // order of the blocks, payload and random offsets
	Args    []string  `json:"arguments"`
	Tool    Tool      `json:"tool"`
	Host    host.Host `json:"host"`
	// Peer is the other host of a remote link: the machine of the receivers.
	Peer *host.Host `json:"peer,omitempty"`
	// Links are the links that were up for the run, each once.
	Links []Link `json:"links,omitempty"`

	Scenario Scenario `json:"scenario"`
	Cases    []Case   `json:"cases"` // in the order of the scenario

	// Precondition is what was written to the disk before anything was measured, to bring it out of its fresh state; nil: nothing.
	Precondition *Precondition `json:"precondition,omitempty"`
}

// Precondition is how a disk was worn in before a run.
type Precondition struct {
	AreaBytes    int64 `json:"area_bytes"`    // of the file that was written over
	WrittenBytes int64 `json:"written_bytes"` // in all: the area in sequence, and again, then at random
	DurationNS   int64 `json:"duration_ns"`
}

// Tool says which build measured.
type Tool struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

// Scenario is the question of a run, as given and as resolved.
type Scenario struct {
	ID       string          `json:"id"`
	Title    string          `json:"title"`
	Question string          `json:"question"`
	Given    string          `json:"given"`    // the YAML text
	Resolved json.RawMessage `json:"resolved"` // every field with its value after defaults, --set and effort
	Charts   []string        `json:"charts"`   // throughput, cpu, latency, sweep
	// Precision is the relative half-width of a ratio's interval at which a run stops: 0.03 for ±3 %.
	Precision float64 `json:"precision"`
	// Search says that the sizes of chunks that are measured are searched for; nil: all are measured.
	Search *Search `json:"search,omitempty"`
	// Budget is the time in seconds after which a run stops, precise or not.
	BudgetSeconds float64 `json:"budget_seconds"`
}

// Link is what lay between the two ends of some cases.
type Link struct {
	Kind    string `json:"link"`              // loopback, veth, remote
	Options string `json:"options,omitempty"` // as in Params.LinkOptions
	// RateGbits is what the slowest part that is known can carry: the shaper of a veth link, else the slower of the two NICs. It
	// counts everything on the wire, headers too.
	RateGbits measured.Float `json:"rate_gbits_per_second"`
	Sender    host.NIC       `json:"sender_nic"`
	Receiver  host.NIC       `json:"receiver_nic"`
}

// Search is a bisection over chunk sizes: for each path, where does it begin to be better than its baseline?
type Search struct {
	Metric string `json:"metric"` // the name of a metric that is compared
}

// Kind tells transfers from writes.
type Kind string

// The kinds of cases.
const (
	Transfer Kind = "transfer" // file → socket
	Write    Kind = "write"    // program → file
)

// Case is one point of a comparison.
type Case struct {
	ID     string `json:"id"`   // every parameter, for machines: transfer:path=sendfile,chunk=64KiB,…
	Kind   Kind   `json:"kind"` //
	Part   int    `json:"part"` // index of the scenario's part that it came from
	Params Params `json:"params"`
	// Baseline is the ID of the case that this one is compared with; empty for a baseline and where there is none.
	Baseline string `json:"baseline,omitempty"`
	// Unavailable says why this case can't be measured here; empty where it can.
	Unavailable string `json:"unavailable,omitempty"`
}

// Params are the parameters of a case. The first group is a transfer's, the second a write's; the other group stays
// at its zero values and out of the JSON.
type Params struct {
	Path       string `json:"path,omitempty"`
	Source     string `json:"source,omitempty"` // file, memory; records of the first versions have none, and mean file
	ChunkBytes int64  `json:"chunk_bytes,omitempty"`
	Cache      string `json:"cache,omitempty"` // warm, cold; none for memory
	Link       string `json:"link,omitempty"`  // loopback, veth, remote
	// LinkOptions are those of a veth link, as "rate=1Gbit sg=off"; empty where the link is as the kernel makes it.
	LinkOptions string `json:"link_options,omitempty"`
	Receiver    string `json:"receiver,omitempty"` // recv, discard, checksum
	Streams     int    `json:"streams,omitempty"`
	Workload    string `json:"workload,omitempty"` // stream, fetch
	// What was asked for of both ends' sockets; absent where it was left to the kernel (and nodelay to copylab: on).
	SoSndbufBytes int64  `json:"so_sndbuf_bytes,omitempty"`
	SoRcvbufBytes int64  `json:"so_rcvbuf_bytes,omitempty"`
	Nodelay       string `json:"nodelay,omitempty"`    // off
	Cork          string `json:"cork,omitempty"`       // on
	Congestion    string `json:"congestion,omitempty"` // cubic, bbr, reno, …
	Loop          string `json:"loop,omitempty"`       // fetch only: closed, open
	// LoadShare is the offered rate of an open loop as a share of the closed-loop rate of the baseline path.
	LoadShare float64 `json:"load_share,omitempty"`

	Pattern    string `json:"pattern,omitempty"`   // append, overwrite, random, …
	Method     string `json:"method,omitempty"`    // buffered, direct, dsync, direct-dsync, …
	Sync       string `json:"sync,omitempty"`      // none, end, every=N, interval=T, group
	SyncCall   string `json:"sync_call,omitempty"` // fdatasync, fsync, …; empty where sync is none
	Draw       string `json:"draw,omitempty"`      // random only: permutation, uniform
	BlockBytes int64  `json:"block_bytes,omitempty"`
	Depth      int    `json:"depth,omitempty"` // writes in flight
	// What one pattern needs and no other has.
	RandomShare  float64 `json:"random_share,omitempty"`  // random-append-mix: the share that goes to random blocks
	StrideBlocks int64   `json:"stride_blocks,omitempty"` // strided: the distance of two writes
	Theta        float64 `json:"theta,omitempty"`         // zipf: how uneven
	Files        int     `json:"files,omitempty"`         // many-logs: how many
	Writers      int     `json:"writers,omitempty"`       // threads, where there are several
	// RatePerSecond is of an open loop of writes, all writers together; 0: a closed loop.
	RatePerSecond float64 `json:"rate_per_second,omitempty"`
	// Amount is "file" where a trial writes the whole file once, however long that takes; empty: as much as fills the time.
	Amount string `json:"amount,omitempty"`

	// FileBytes is the size of the file that is sent or overwritten, or the size to which an append may grow it.
	FileBytes int64 `json:"file_bytes,omitempty"`
}

// Phase says what a trial was for.
type Phase string

// The phases of a run, in their order. Only PhaseCounted enters a summary's metrics.
const (
	PhaseTool      Phase = "tool"      // null path and null writer: the cost of the tool itself
	PhaseVerify    Phase = "verify"    // the bytes, moved once to a checksumming receiver or read back
	PhaseCalibrate Phase = "calibrate" // how much work fills a trial
	PhaseWarmup    Phase = "warmup"    // the first block
	PhaseCounted   Phase = "counted"   // every later block
	// PhaseEvidence is once more, after the timed trials and with instruments on: what it shows is no time.
	PhaseEvidence Phase = "evidence"
)

// Trial is one timed execution of one case in fresh processes: one line of a record.
type Trial struct {
	Type    string    `json:"type"` // always "trial"
	Seq     int       `json:"seq"`  // from 1, in the order of execution
	Case    string    `json:"case"` // ID; for PhaseTool "null path" or "null writer"
	Phase   Phase     `json:"phase"`
	Block   int       `json:"block"` // 0 is the warm-up
	Started time.Time `json:"started"`

	// Error says why the trial failed; every reading below may then be missing.
	Error string `json:"error,omitempty"`

	Bytes      int64 `json:"bytes"`      // payload moved or written
	Operations int64 `json:"operations"` // chunks, blocks or requests

	// ElapsedNS is a transfer's time from the first operation until the receiver has confirmed the last byte.
	ElapsedNS measured.Int `json:"elapsed_ns"`
	// AcceptedNS is a write's time until the last write returned, DurableNS until the last sync returned.
	AcceptedNS measured.Int `json:"accepted_ns"`
	DurableNS  measured.Int `json:"durable_ns"`
	// OfferedPerSecond is the request rate that an open loop aimed at.
	OfferedPerSecond measured.Float `json:"offered_per_second"`

	// Sides are the measured processes: "sender" and "receiver", or "writer".
	Sides map[string]Side `json:"sides,omitempty"`
	// Latency holds the histograms by what was timed: "op" (one operation), "fetch" (request until last byte,
	// from the intended start in an open loop), "sync" (one fsync or fdatasync).
	Latency map[string]Histogram `json:"latency,omitempty"`

	Machine host.MachineDelta `json:"machine"` // the whole machine during the timed span
	// PeerMachine is the same of the other host; remote link only.
	PeerMachine *host.MachineDelta `json:"peer_machine,omitempty"`
	Device      host.DeviceDelta   `json:"device"`         // the disk during the timed span (for writes: until durable)
	Settled     host.DeviceDelta   `json:"device_settled"` // the same until everything left dirty had been written back
	Before      host.Residency     `json:"cache_before"`   // the file's pages right before the timed span
	After       host.Residency     `json:"cache_after"`    // and right after
	MemFirst    host.DirtyMemory   `json:"dirty_before"`   // Dirty and Writeback of the machine
	MemLast     host.DirtyMemory   `json:"dirty_after"`    //
	// InMemoryBytes is how much of the written file was dirty or under write-back when the last write had returned, before any final sync.
	InMemoryBytes measured.Int `json:"in_memory_bytes"`
	// Timeline is how a long write went; nil for others.
	Timeline *Timeline `json:"timeline,omitempty"`
	// Instrument is what was on; PhaseEvidence only.
	Instrument Instrument `json:"instrument,omitempty"`
	// Interface is what the network interface at the sender counted in the timed span; nil for a write and the null path.
	Interface *host.LinkDelta `json:"interface,omitempty"`
	// Memory is what the memory controllers counted; PhaseEvidence only.
	Memory *MemoryTraffic `json:"memory,omitempty"`
	// Modelled is what mechanical disks would have taken; PhaseEvidence only.
	Modelled []Modelled `json:"modelled,omitempty"`
	// MachineStages is what all CPUs did, whoever for; PhaseEvidence only.
	MachineStages *StageTimes `json:"machine_stages,omitempty"`
	// Profiles are the files of the run's folder with the sampled stacks, by side; PhaseEvidence only. The passes of a case share them.
	Profiles map[string]string `json:"profiles,omitempty"`
	Checksum string            `json:"checksum,omitempty"` // xxh64 of what the receiver got, verify phase and checksum receiver
	// Settings are what the kernel reports of the sockets or the file: buffer sizes, nodelay, alignment.
	Settings map[string]string `json:"settings,omitempty"`
	// Disturbed says what else happened on the machine during the trial; the trial still counts.
	Disturbed []string `json:"disturbed,omitempty"`
}

// Instrument is what watches a trial for evidence.
type Instrument string

// The instruments. Each has trials of its own, since each slows what it watches.
const (
	InstrumentNone       Instrument = "none" // the trial next to a sampled one that it is held against
	InstrumentProfile    Instrument = "cpu profile"
	InstrumentSyscalls   Instrument = "syscall tracepoints"
	InstrumentBlockTrace Instrument = "block trace" // where it can't be had, only what was issued is known
)

// Side is what one measured process used during the timed span.
type Side struct {
	CPU                 int              `json:"cpu"`       // that it was pinned to; -1: not pinned
	UserNS              measured.Int     `json:"user_ns"`   // getrusage(2)
	SystemNS            measured.Int     `json:"system_ns"` //
	WallNS              int64            `json:"wall_ns"`   // this side's own timed span
	VoluntarySwitches   measured.Int     `json:"voluntary_switches"`
	InvoluntarySwitches measured.Int     `json:"involuntary_switches"`
	MinorFaults         measured.Int     `json:"minor_faults"`
	MajorFaults         measured.Int     `json:"major_faults"`
	MaxRSSBytes         measured.Int     `json:"max_rss_bytes"`
	Syscalls            map[string]int64 `json:"syscalls,omitempty"` // the path's own count
	// TCP is what the kernel said of this side's connections at the end of the span; nil for a side that has none.
	TCP      *TCPInfo          `json:"tcp,omitempty"`
	Hardware *HardwareCounters `json:"hardware,omitempty"`
	Stages   *StageTimes       `json:"stages,omitempty"`          // PhaseEvidence only
	Traced   *SyscallCounts    `json:"traced_syscalls,omitempty"` // InstrumentSyscalls only, or why there are none
}

// HardwareCounters are a side's threads' own, in user and kernel mode, from perf_event_open(2).
type HardwareCounters struct {
	Cycles       measured.Int `json:"cycles"`
	Instructions measured.Int `json:"instructions"`
	CacheMisses  measured.Int `json:"cache_misses"` // of the last level, as PERF_COUNT_HW_CACHE_MISSES counts them
}

// TCPInfo is TCP_INFO (tcp(7), struct tcp_info in linux/tcp.h) of a side's connections.
type TCPInfo struct {
	Connections            int          `json:"connections"`
	Retransmits            measured.Int `json:"retransmits"`               // segments sent again during the span, all connections
	RTTNS                  measured.Int `json:"rtt_ns"`                    // smoothed, at the end; median of the connections
	MinRTTNS               measured.Int `json:"min_rtt_ns"`                // smallest of the connections
	DeliveryBytesPerSecond measured.Int `json:"delivery_bytes_per_second"` // newest sample, summed up
	SegmentBytes           measured.Int `json:"segment_bytes"`             // payload of a full segment (tcpi_snd_mss)
	HeaderBytes            measured.Int `json:"header_bytes"`              // of IP and TCP in such a segment
	CwndSegments           measured.Int `json:"congestion_window_segments"`
	// Time in the span during which a connection had data to send, and could not because of the receiver's window, or
	// because of its own socket buffer; summed up.
	BusyNS            measured.Int `json:"busy_ns"`
	WindowLimitedNS   measured.Int `json:"receive_window_limited_ns"`
	SndbufLimitedNS   measured.Int `json:"send_buffer_limited_ns"`
	CongestionControl string       `json:"congestion_control"`
}

// CPUNS is user and system time together.
func (s Side) CPUNS() measured.Int {
	user, ok := s.UserNS.Get()
	if !ok {
		return s.UserNS
	}
	system, ok := s.SystemNS.Get()
	if !ok {
		return s.SystemNS
	}
	return measured.Known(user + system)
}

// End is the last line of a record. A record without it was cut off.
type End struct {
	Type   string    `json:"type"` // always "end"
	Ended  time.Time `json:"ended"`
	Reason string    `json:"reason"` // one of the Stop constants
	Detail string    `json:"detail,omitempty"`
	Blocks int       `json:"blocks"` // counted ones
	// Device is what the disk did during the whole run, by whomever: test files, trials, preconditioning.
	Device *host.DeviceDelta `json:"device,omitempty"`
}

// Why a run ended.
const (
	StopPrecise     = "precise"     // every headline ratio reached the precision
	StopBlocks      = "blocks"      // the most blocks that the scenario allows
	StopFound       = "found"       // a search has found, or ruled out, every crossover
	StopBudget      = "budget"      // the time budget ran out before the precision was reached, or the search was done
	StopInterrupted = "interrupted" // Ctrl-C
	StopFailed      = "failed"      // nothing was left to measure
)
