package results

import (
	"time"

	"copylab/results/host"
	"copylab/results/measured"
	"copylab/results/stats"
)

// Summary is a record boiled down to what can be said: summary.json. Renderers read it and nothing else.
type Summary struct {
	Schema      int           `json:"schema"`
	Run         RunSummary    `json:"run"`
	Cases       []CaseSummary `json:"cases"`
	Comparisons []Comparison  `json:"comparisons"`
	// Crossovers are what a search found: from which chunk size on a path pays. Empty for a scenario that doesn't search.
	Crossovers []Crossover `json:"crossovers,omitempty"`
	// MemoryCopy is how fast this machine copies in memory: the yardstick for writes into the page cache. Only of runs that write.
	MemoryCopy *MemoryCopy `json:"memory_copy,omitempty"`
	// Modelled compares the modelled rates of cases with those of their baselines.
	Modelled []ModelledComparison `json:"modelled_comparisons,omitempty"`
	Tool     ToolCost             `json:"tool_cost"`
	Warnings []string             `json:"warnings"` // that concern the run as a whole
}

// RunSummary says what was run, where and when.
type RunSummary struct {
	ID       string    `json:"id"`
	Started  time.Time `json:"started"`
	Scenario string    `json:"scenario"`
	Title    string    `json:"title"`
	Question string    `json:"question"`
	Effort   string    `json:"effort"`
	Seed     uint64    `json:"seed"`
	Args     []string  `json:"arguments"`
	Charts   []string  `json:"charts"`
	Tool     Tool      `json:"tool"`
	Host     host.Host `json:"host"`
	// Peer is the other host of a remote link; absent where there was none.
	Peer  *host.Host `json:"peer,omitempty"`
	Links []Link     `json:"links,omitempty"` // that were up
	// Stopped is why the run ended (a Stop constant), or "cut off" for a record without an end.
	Stopped         string         `json:"stopped"`
	Blocks          int            `json:"blocks"`            // counted ones
	DurationSeconds measured.Float `json:"duration_seconds"`  // start to end
	Precision       float64        `json:"precision"`         // that was aimed at, relative half-width
	PrecisionGot    measured.Float `json:"precision_reached"` // worst of the headline ratios
	// DeviceWriteBytes is the wear: what was written to the disk during the whole run, by whomever. Only of runs that write.
	DeviceWriteBytes *measured.Int `json:"device_write_bytes,omitempty"`
	// PayloadWriteBytes is what all its trials wrote, those that are not counted too. Making test files and preconditioning are not in it.
	PayloadWriteBytes *int64        `json:"payload_write_bytes,omitempty"`
	Precondition      *Precondition `json:"precondition,omitempty"`
}

// CaseStatus says whether a case has numbers.
type CaseStatus string

// The statuses of a case.
const (
	CaseMeasured    CaseStatus = "measured"
	CaseUnavailable CaseStatus = "unavailable" // can't be measured here
	CaseFailed      CaseStatus = "failed"      // a trial failed
	CaseNotReached  CaseStatus = "not reached" // the run ended before its first counted trial
	CaseNotNeeded   CaseStatus = "not needed"  // a search knew enough without its size
)

// CaseSummary is one case with its metrics.
type CaseSummary struct {
	ID     string     `json:"id"`
	Kind   Kind       `json:"kind"`
	Label  string     `json:"label"` // what tells it from the other cases of its part: "sendfile", "random buffered"
	Part   int        `json:"part"`
	Params Params     `json:"params"`
	Status CaseStatus `json:"status"`
	Reason string     `json:"reason,omitempty"` // for every status but measured

	Trials        int   `json:"trials"`          // counted ones
	BytesPerTrial int64 `json:"bytes_per_trial"` // payload
	// Metrics by name; the names are the Metric constants. A metric that could not be had says why.
	Metrics map[string]Metric `json:"metrics"`
	// LatencyNS by what was timed: "op", "fetch", "sync".
	LatencyNS  map[string]Latency `json:"latency_ns"`
	Evidence   Evidence           `json:"evidence"`
	Bottleneck string             `json:"bottleneck"` // a Limit constant
	Warnings   []string           `json:"warnings"`

	// Of writes. Regimes is what the trials were subject to, from the first write on; Timeline is the trial whose accepted rate is the median one.
	Regimes  []RegimeSpan `json:"regimes,omitempty"`
	Timeline *Timeline    `json:"timeline,omitempty"`
	Cliff    *Cliff       `json:"cliff,omitempty"` // of the Timeline
	Modelled []Modelled   `json:"modelled,omitempty"`
	// OfMemory is a write's rates over that of copying in memory outside the cache (MemoryCopy): 1 is as fast as memory.
	OfMemory *OfMemory `json:"of_memory_copy,omitempty"`
	Steady   *Steady   `json:"steady_state,omitempty"`

	// Copies is what a side's copies take of its CPU time, by side; empty where nothing was sampled.
	Copies map[string]CopyCost `json:"copies,omitempty"`
	// Verdict says in a sentence what limited the case, and what its copies take or save, by the evidence. It is report.Verdicts that words it: a summary that
	// was not yet written as JSON has none.
	Verdict string `json:"verdict,omitempty"`

	// Histograms are the merged distributions behind LatencyNS, for charts.
	Histograms map[string]Histogram `json:"-"`
}

// The names of metrics. Each carries its unit.
const (
	MetricThroughput     = "throughput_bytes_per_second"
	MetricSenderCPU      = "sender_cpu_ns_per_kib" // user and system
	MetricSenderUser     = "sender_user_ns_per_kib"
	MetricSenderSystem   = "sender_system_ns_per_kib"
	MetricReceiverCPU    = "receiver_cpu_ns_per_kib"
	MetricReceiverUser   = "receiver_user_ns_per_kib"
	MetricReceiverSystem = "receiver_system_ns_per_kib"
	MetricMachineCPU     = "machine_cpu_ns_per_kib"      // every busy CPU, from /proc/stat
	MetricPeerCPU        = "peer_machine_cpu_ns_per_kib" // the same of the other host; remote link only
	MetricRequests       = "requests_per_second"         // fetch
	MetricOffered        = "offered_requests_per_second" // fetch, open loop
	MetricFetchP50       = "fetch_p50_ns"                // per trial; fetch
	MetricFetchP99       = "fetch_p99_ns"                //

	MetricIOPS          = "iops"                      // until the last write returned
	MetricAccepted      = "accepted_bytes_per_second" // until the last write returned
	MetricDurable       = "durable_bytes_per_second"  // until the final sync returned
	MetricDeviceWrites  = "device_write_bytes_per_byte"
	MetricDeviceSettled = "device_write_bytes_per_byte_settled" // after everything was written back
	MetricFlushes       = "flushes_per_second"
	MetricOfferedWrites = "offered_writes_per_second" // open loop
	MetricWriteP99      = "write_p99_ns"              // in an open loop from the intended start
	MetricCommitP99     = "commit_p99_ns"             // a write with the sync that covers it; group and every=1
	// MetricInMemory is what part of what was written was dirty or being written back when the last write had returned, before any final sync. A block
	// that was written over counts once in memory and each time in what was written: below 1 for zipf without any write-back.
	MetricInMemory = "in_memory_share"
	// Per write of the program. Requests and merges until everything was written back, flushes until the last sync of the case itself.
	MetricDeviceIOs     = "device_writes_per_write" // a request that is nothing but a flush is one too: see host.DeviceDelta
	MetricDeviceMerges  = "device_merges_per_write"
	MetricDeviceFlushes = "device_flushes_per_write"
	MetricWriterCPU     = "writer_cpu_ns_per_kib"
	MetricWriterUser    = "writer_user_ns_per_kib"
	MetricWriterSystem  = "writer_system_ns_per_kib"
)

// What limited a case.
const (
	LimitSender   = "sender CPU"
	LimitReceiver = "receiver CPU"
	LimitLink     = "link"
	LimitDisk     = "disk"
	LimitMemory   = "memory (page cache)"
	LimitNotShown = "not shown" // nothing was busy enough to blame
)

// Metric is a median over the counted trials with its distribution-free interval, or the reason why there is none:
// then Unavailable is set, and the JSON is the string "unavailable: why" in place of the object.
type Metric struct {
	Median      float64
	Low         float64
	High        float64
	Confidence  float64   // of the interval: 0.95, or what few values allow
	Values      []float64 // in the order of the blocks
	Unavailable string
}

// Latency is a distribution's percentiles in nanoseconds. A percentile that the count can't support is unavailable.
type Latency struct {
	P50   measured.Int `json:"p50"`
	P90   measured.Int `json:"p90"`
	P99   measured.Int `json:"p99"`
	P999  measured.Int `json:"p99_9"`
	P9999 measured.Int `json:"p99_99"`
	Max   measured.Int `json:"max"`
	Count int64        `json:"count"`
}

// Evidence is what the kernel itself said of a case's counted trials. Its JSON is of MarshalJSON.
type Evidence struct {
	// Sides are sender and receiver, or writer. In JSON each stands by its name.
	Sides map[string]SideEvidence `json:"-"`
	// Machine is what all CPUs and the memory did, whoever for.
	Machine MachineEvidence `json:"machine"`
	// BusyShare is how much of the timed span each CPU-bound thing was busy: 0 to 1, medians.
	BusyShare map[string]measured.Float `json:"busy_share"` // sender, receiver, writer, machine, disk, link
	// Device bytes per payload byte, medians, during the timed span.
	DeviceReadBytesPerByte  measured.Float `json:"device_read_bytes_per_byte"`
	DeviceWriteBytesPerByte measured.Float `json:"device_write_bytes_per_byte"`
	// LinkBytesPerByte is what the sender's network interface counted as sent, by whomever, over the payload, median.
	LinkBytesPerByte measured.Float `json:"link_bytes_per_byte"`
	// ZeroCopyCompletions and CopiedCompletions are what the kernel said of sends without copying, per trial, medians: not copied, and copied after all.
	ZeroCopyCompletions measured.Int `json:"zero_copy_completions"`
	CopiedCompletions   measured.Int `json:"copied_completions"`
	// DeviceQueueLength is how many requests the disk had under way on average during the timed span, median; flushes by themselves don't count.
	DeviceQueueLength measured.Float `json:"device_queue_length"`
	// FlushNS is how long a flush of the disk's cache took, mean over all counted trials of a write.
	FlushNS measured.Float `json:"flush_ns"`
	// ResidentBefore and ResidentAfter are shares of the file's pages in the page cache, medians.
	ResidentBefore measured.Float `json:"resident_share_before"`
	ResidentAfter  measured.Float `json:"resident_share_after"`
	// DirtyBytesBefore and so on are the machine's, medians.
	DirtyBytesBefore     measured.Int      `json:"dirty_bytes_before"`
	DirtyBytesAfter      measured.Int      `json:"dirty_bytes_after"`
	WritebackBytesBefore measured.Int      `json:"writeback_bytes_before"`
	WritebackBytesAfter  measured.Int      `json:"writeback_bytes_after"`
	Verified             string            `json:"verified"` // the checksum that matched, or why nothing was verified
	Settings             map[string]string `json:"settings,omitempty"`
}

// SideEvidence is what one process did, per trial (medians), and what its CPU time was spent on.
type SideEvidence struct {
	Syscalls       map[string]int64 `json:"syscalls,omitempty"` // by name, in a trial
	SyscallsSource string           `json:"syscalls_source"`    // FromTracepoints, FromPath, or "unavailable: why"
	// OtherSyscalls are those that the kernel counted and that have no name in Syscalls.
	OtherSyscalls measured.Int `json:"other_syscalls"`
	// SyscallsBytes is the payload of the trial that Syscalls are of.
	SyscallsBytes int64 `json:"syscalls_bytes,omitempty"`
	// TracepointsUnavailable says why the kernel did not count, and what would allow it; empty where it did.
	TracepointsUnavailable string         `json:"syscall_tracepoints_unavailable,omitempty"`
	CrossingsPerChunk      measured.Float `json:"crossings_per_chunk"` // two a syscall
	// SwitchesPerChunk are context switches, which are something else: another thread gets the CPU.
	SwitchesPerChunk    measured.Float `json:"context_switches_per_chunk"`
	VoluntarySwitches   measured.Int   `json:"voluntary_switches"`
	InvoluntarySwitches measured.Int   `json:"involuntary_switches"`
	MinorFaults         measured.Int   `json:"minor_faults"`
	MajorFaults         measured.Int   `json:"major_faults"`
	// Of the hardware's counters, per KiB of payload.
	CyclesPerKiB       measured.Float `json:"cycles_per_kib"`
	InstructionsPerKiB measured.Float `json:"instructions_per_kib"`
	CacheMissesPerKiB  measured.Float `json:"cache_misses_per_kib"`
	// TCP is what the kernel said of the side's connections; a side without any has none.
	TCP *TCPInfo `json:"tcp,omitempty"`
	StageEvidence
}

// MachineEvidence is what the whole machine did, whoever for: in the passes for evidence, since it takes rights that not everybody has.
type MachineEvidence struct {
	StageEvidence
	// Of the memory controllers' own counters, over the payload, medians over the passes.
	MemoryReadBytesPerByte  measured.Float `json:"memory_read_bytes_per_byte"`
	MemoryWriteBytesPerByte measured.Float `json:"memory_write_bytes_per_byte"`
}

// Verdict is what a comparison lets us say.
type Verdict = stats.Verdict

// The verdicts.
const (
	Higher       = stats.Higher
	Lower        = stats.Lower
	NoDifference = stats.NoDifference
	TooNoisy     = stats.TooNoisy
)

// Comparison sets one case's metric against its baseline's: the ratio case/baseline within each block, summarised by
// its median with a distribution-free interval.
type Comparison struct {
	Metric     string   `json:"metric"`
	Baseline   string   `json:"baseline"` // case ID
	Case       string   `json:"case"`     // case ID
	Ratio      float64  `json:"ratio"`
	Low        float64  `json:"low"`
	High       float64  `json:"high"`
	Confidence float64  `json:"confidence"`
	Pairs      int      `json:"pairs"`
	Verdict    Verdict  `json:"verdict"`
	Headline   bool     `json:"headline"` // its precision decides when a run may stop; never where a trial failed
	Warnings   []string `json:"warnings"`
}

// Crossover is the chunk size from which on a path is better than its baseline at the same size, as far as the sizes that were tried
// tell: somewhere between NotUpTo and From. Sizes between the two were tried and decided nothing, or were not tried.
type Crossover struct {
	Label    string `json:"label"`    // of the path, with what else tells its cases from others: "splice", "sendfile, veth"
	Baseline string `json:"baseline"` // the same of the baseline
	Params   Params `json:"params"`   // of the path's cases, without the chunk
	Metric   string `json:"metric"`   // what was compared
	// NotUpToBytes is the largest size at which the path was shown not to be better, with no smaller one at which it was shown to be. It is
	// unavailable where there is none, as for a path that was better at every size that was tried.
	NotUpToBytes measured.Int `json:"not_up_to_bytes"`
	// FromBytes is the smallest size at which it was shown to be better, with no larger one at which it was shown not to be. It is unavailable
	// where there is none, as for a path that was better at no size that was tried.
	FromBytes measured.Int `json:"from_bytes"`
	// Tried are the comparisons behind it, by size.
	Tried []CrossoverPoint `json:"tried"`
	// Warnings say what to know before trusting it: answers that contradict each other, a search that was cut off.
	Warnings []string `json:"warnings"`
}

// CrossoverPoint is the comparison at one size.
type CrossoverPoint struct {
	ChunkBytes int64   `json:"chunk_bytes"`
	Ratio      float64 `json:"ratio"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Verdict    Verdict `json:"verdict"`
	Better     string  `json:"better"` // a Better constant
}

// OfMemory is a write's rates over that of copying in memory.
type OfMemory struct {
	Accepted Metric `json:"accepted"`
	Durable  Metric `json:"durable"`
}

// Steady says in which state the disk was while a case wrote to it, after the SNIA performance test specification: over a window of rounds, here
// the last counted blocks, the values stay within a range and don't climb or fall.
type Steady struct {
	State  SteadyState `json:"state"`
	Why    string      `json:"why"`    // in words
	Metric string      `json:"metric"` // that was looked at
	// Window is how many blocks; Range is the greatest less the smallest value, and Slope the climb of the best line over the window, both
	// as shares of the window's mean.
	Window int            `json:"window_blocks"`
	Range  measured.Float `json:"range"`
	Slope  measured.Float `json:"slope"`
}

// SteadyState is the state of a disk.
type SteadyState string

// The states.
const (
	StateFresh      SteadyState = "fresh"         // level, but too little was written for a used disk to be told from a new one
	StateTransition SteadyState = "in transition" // not level
	StateSteady     SteadyState = "steady"
	StateUnknown    SteadyState = "not shown"
)

// MemoryCopy is the speed of copying in memory, by one thread on the writer's CPU, each byte counted once, measured in the same run. The
// working set, source and destination together, is inside the last-level cache or several times as large.
type MemoryCopy struct {
	CachedBytes            measured.Float `json:"cached_bytes"` // working set
	CachedBytesPerSecond   measured.Float `json:"cached_bytes_per_second"`
	UncachedBytes          measured.Float `json:"uncached_bytes"`
	UncachedBytesPerSecond measured.Float `json:"uncached_bytes_per_second"`
}

// ToolCost is what copylab itself adds to each operation, measured in the same run.
type ToolCost struct {
	NullPathNS   measured.Float `json:"null_path_ns_per_operation"`   // clock read and histogram included
	NullWriterNS measured.Float `json:"null_writer_ns_per_operation"` //
	ClockReadNS  measured.Float `json:"clock_read_ns"`
	HistogramNS  measured.Float `json:"histogram_record_ns"`
}
