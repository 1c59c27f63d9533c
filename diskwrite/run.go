package diskwrite

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"copylab/internal/kernel"
)

// Job says what to write: where, how much, and when it is made durable. How is the File's part.
type Job struct {
	Pattern PatternID `json:"pattern"`
	// Draw is how the pattern random chooses; empty for the others.
	Draw Draw `json:"draw,omitempty"`
	// RandomShare is the share of the writes of random-append-mix that go to random blocks, each drawn anew among those that
	// were appended before; between 0 and 1. It holds within each 64 writes, which are in random order. 0 for the other patterns.
	RandomShare float64 `json:"random_share,omitempty"`
	// StrideBlocks is the distance of two writes of strided, in blocks. At the end of the file the next walk begins one block
	// further in than the one before, so that every block is written once before any is again. 0 for the other patterns.
	StrideBlocks int64 `json:"stride_blocks,omitempty"`
	// Theta is how uneven zipf is: the block of rank k is written in proportion to k^-Theta. Above 0, at most MostTheta; 1 is
	// the classic law. Ranks are scattered over the file, so that the hot blocks are not neighbours. 0 for the others.
	Theta float64 `json:"theta,omitempty"`
	// Files is the number of files that many-logs appends to; 0 for the other patterns, which have one.
	Files int `json:"files,omitempty"`

	Policy Policy `json:"policy"`
	// SyncCall is what the policy calls; it may be empty where the policy is none. With several files, a sync is a call for
	// each file that was written since the one before.
	SyncCall   SyncCall `json:"sync_call,omitempty"`
	BlockBytes int      `json:"block_bytes"` // bytes of one write
	// FileBytes is the size of the file that is written over, or the size to which it may grow; of many-logs, all files
	// together.
	FileBytes  int64  `json:"file_bytes"`
	Operations int64  `json:"operations"` // writes, of all writers together
	Seed       uint64 `json:"seed"`       // of the random offsets

	// Depth is how many writes are in flight at a time: 1 to MostDepth, and more than 1 only of a Queue. 0 is 1.
	Depth int `json:"depth,omitempty"`
	// Writers is how many threads write. 0 is 1. They share the files and the one sequence of offsets: whoever is free takes
	// the next write. So an append is a log with many writers, none of whom leaves a gap, and no block is written twice
	// where one writer would not. That is fio's numjobs with one filename for all jobs, but for the offsets: each of its
	// jobs has a sequence of its own, so that they meet in the same blocks. For writers that are not in each other's way,
	// choose many-logs.
	Writers int `json:"writers,omitempty"`
	// RatePerSecond makes an open loop: so many writes per second are due, of all writers together, however long each takes.
	// A write that can't begin in time because others take long counts from when it was due, so that a stall is charged to
	// every write that it delayed. 0 is a closed loop: each writer writes as soon as its last write returned.
	RatePerSecond float64 `json:"rate_per_second,omitempty"`
	// Limit ends the run early: no write begins once so much time has passed, however many operations are left. The sync that the
	// policy asks for at the end is still made. 0 is no limit. It keeps a disk that slows down (a burst allowance that is
	// used up, a full write cache) from holding a trial for many times its intended length.
	Limit time.Duration `json:"limit_ns,omitempty"`
	// Payload is what is written: incompressible, a multiple of BlockBytes, and page-aligned for the direct methods. The
	// i-th write takes its i-th block-sized slice, and starts over at its end. A payload of many blocks keeps the one block
	// from staying in the CPU's caches and the disk from recognising it.
	Payload []byte `json:"-"`
	// Progress, where it is set, tells another thread how far the run has come. It costs each write a store or two.
	Progress *Progress `json:"-"`
	// Accepted, where it is set, is called once in a run without a fault, when the last write of all writers has returned, and before what
	// was written last is synced, by the thread that called Run. What it takes is in no time that Result or a histogram holds. Several
	// writers have then made the syncs that their policy asks of each. Where a sync takes the run past its Limit, it is called after that sync.
	Accepted func() `json:"-"`
}

// What a job may ask for at most.
const (
	MostTheta   = 10
	MostFiles   = 100_000
	MostWriters = 1024
	mostRate    = 1e9 // per second: one write each ns
)

// Validate tells what is wrong with the job, and what to do about it. It knows nothing of the file's direct alignment:
// see ValidateDirect.
func (j Job) Validate() error {
	if _, ok := FindPattern(j.Pattern); !ok {
		return fmt.Errorf("check job: Pattern is %q: choose %s", string(j.Pattern), patternWords())
	}
	if err := j.Policy.Validate(); err != nil {
		return fmt.Errorf("check job: Policy: %w", err)
	}
	if j.Policy.ID != SyncNone && !slices.Contains(SyncCalls(), j.SyncCall) {
		return fmt.Errorf("check job: SyncCall is %q: choose %s for the policy %s", string(j.SyncCall), syncCallWords(), j.Policy)
	}
	if j.BlockBytes < 1 {
		return fmt.Errorf("check job: BlockBytes is %d: choose the bytes of one write, at least 1", j.BlockBytes)
	}
	if j.Limit < 0 {
		return fmt.Errorf("check job: Limit is %v: choose 0 for no limit, or a time", j.Limit)
	}
	if j.Operations < 1 {
		return fmt.Errorf("check job: Operations is %d: choose at least one write", j.Operations)
	}
	if j.FileBytes < int64(j.BlockBytes) {
		return fmt.Errorf("check job: FileBytes is %d, less than one block of %d bytes: choose a larger file or a smaller block", j.FileBytes, j.BlockBytes)
	}
	if high, low := bits.Mul64(uint64(j.Operations), uint64(j.BlockBytes)); high != 0 || low > math.MaxInt64 {
		return fmt.Errorf("check job: Operations is %d: that many blocks of %d bytes are more than 2⁶³ bytes; choose fewer", j.Operations, j.BlockBytes)
	}
	if err := j.validateParameter(); err != nil {
		return err
	}
	if p, _ := FindPattern(j.Pattern); p.Fresh() {
		if needed := j.appendedBytes(); needed > j.FileBytes {
			return fmt.Errorf("check job: FileBytes is %d: appending %d blocks of %d bytes needs %d; choose a larger file or fewer operations",
				j.FileBytes, needed/int64(j.BlockBytes), j.BlockBytes, needed)
		}
	} else if j.FileBytes%int64(j.BlockBytes) != 0 {
		return fmt.Errorf("check job: FileBytes is %d, no multiple of BlockBytes %d: choose %d", j.FileBytes, j.BlockBytes, j.FileBytes/int64(j.BlockBytes)*int64(j.BlockBytes))
	}
	if err := j.validateWriters(); err != nil {
		return err
	}
	if len(j.Payload) == 0 || len(j.Payload)%j.BlockBytes != 0 {
		return fmt.Errorf("check job: Payload has %d bytes: make it a multiple of BlockBytes %d (NewPayload does)", len(j.Payload), j.BlockBytes)
	}
	return nil
}

// validateParameter checks what one pattern needs and no other takes.
func (j Job) validateParameter() error {
	switch {
	case j.Pattern == Random && j.Draw != Permutation && j.Draw != Uniform:
		return fmt.Errorf("check job: Draw is %q: choose permutation or uniform for the pattern random", string(j.Draw))
	case j.Pattern != Random && j.Draw != "":
		return fmt.Errorf("check job: Draw is %q, but it is for the pattern random, not %s: leave it empty", string(j.Draw), j.Pattern)
	// Not below 2⁻³²: it would be none. The comparisons are written so that they refuse a NaN too.
	case j.Pattern == RandomAppendMix && !(fixedShare(j.RandomShare) > 0 && fixedShare(j.RandomShare) < 1<<32 && j.RandomShare > 0 && j.RandomShare < 1):
		return fmt.Errorf("check job: RandomShare is %v: choose a share between 0 and 1 for the pattern %s, such as 0.3; all is random, none is append", j.RandomShare, j.Pattern)
	case j.Pattern != RandomAppendMix && j.RandomShare != 0:
		return fmt.Errorf("check job: RandomShare is %v, but it is for the pattern %s, not %s: leave it 0", j.RandomShare, RandomAppendMix, j.Pattern)
	case j.Pattern == Strided && (j.StrideBlocks < 2 || j.StrideBlocks > j.FileBytes/int64(j.BlockBytes)/2):
		return fmt.Errorf("check job: StrideBlocks is %d, and the file has %d blocks: choose 2 to half of them for the pattern strided; 1 is overwrite",
			j.StrideBlocks, j.FileBytes/int64(j.BlockBytes))
	case j.Pattern != Strided && j.StrideBlocks != 0:
		return fmt.Errorf("check job: StrideBlocks is %d, but it is for the pattern strided, not %s: leave it 0", j.StrideBlocks, j.Pattern)
	case j.Pattern == Zipf && !(j.Theta > 0 && j.Theta <= MostTheta):
		return fmt.Errorf("check job: Theta is %v: choose one above 0 and at most %d for the pattern zipf, such as 0.99", j.Theta, MostTheta)
	case j.Pattern != Zipf && j.Theta != 0:
		return fmt.Errorf("check job: Theta is %v, but it is for the pattern zipf, not %s: leave it 0", j.Theta, j.Pattern)
	case j.Pattern == ManyLogs && (j.Files < 1 || j.Files > MostFiles):
		return fmt.Errorf("check job: Files is %d: choose 1 to %d logs for the pattern many-logs", j.Files, MostFiles)
	case j.Pattern != ManyLogs && j.Files != 0:
		return fmt.Errorf("check job: Files is %d, but it is for the pattern many-logs, not %s: leave it 0", j.Files, j.Pattern)
	}
	return nil
}

func (j Job) validateWriters() error {
	switch {
	case j.Writers < 0 || j.Writers > MostWriters:
		return fmt.Errorf("check job: Writers is %d: choose 1 to %d threads", j.Writers, MostWriters)
	case j.RatePerSecond != 0 && !(j.RatePerSecond > 0 && j.RatePerSecond <= mostRate):
		return fmt.Errorf("check job: RatePerSecond is %v: choose 0 for a closed loop, or the writes per second of an open one, at most %v", j.RatePerSecond, mostRate)
	case j.Depth < 0 || j.Depth > MostDepth:
		return fmt.Errorf("check job: Depth is %d: choose 1 to %d writes in flight", j.Depth, MostDepth)
	case j.Depth > 1 && j.Writers > 1:
		return fmt.Errorf("check job: Depth is %d and Writers %d: choose several writes in flight or several writers, not both", j.Depth, j.Writers)
	case j.Depth > 1 && j.RatePerSecond != 0:
		return fmt.Errorf("check job: Depth is %d and RatePerSecond %v: choose depth 1 for an open loop, or no rate", j.Depth, j.RatePerSecond)
	case j.Depth > 1 && j.Policy.ID == SyncGroup:
		return fmt.Errorf("check job: Depth is %d and the policy group: choose depth 1 and several writers, or another policy", j.Depth)
	case j.Depth > 1 && j.Pattern == ManyLogs:
		return fmt.Errorf("check job: Depth is %d and the pattern many-logs: choose depth 1, or another pattern", j.Depth)
	case j.Progress != nil && len(j.Progress.slots) < j.writers():
		return fmt.Errorf("check job: Progress is for %d writers, and there are %d: make it with NewProgress(%d)", len(j.Progress.slots), j.writers(), j.writers())
	}
	return nil
}

func (j Job) writers() int { return max(1, j.Writers) }

// files is how many files the job writes to.
func (j Job) files() int { return max(1, j.Files) }

// appendedBytes is how much the writes of a pattern that grows add, all files together.
func (j Job) appendedBytes() int64 {
	blocks := j.Operations
	if j.Pattern == RandomAppendMix {
		o := j.Offsets()
		blocks = int64(o.appended(uint64(j.Operations)))
	}
	return blocks * int64(j.BlockBytes)
}

// Room is how many writes the job's files have room for, whatever Operations and Seed say: as many as the file has blocks, and of
// random-append-mix more, since its random writes take no room. A pattern that neither grows nor allocates can go on after that; then it
// is one pass.
func (j Job) Room() int64 {
	blocks := uint64(j.FileBytes) / uint64(j.BlockBytes)
	if j.Pattern != RandomAppendMix || blocks < 1 {
		return int64(blocks)
	}
	// How many of a stretch's writes are random does not depend on the seed, only which ones. So the last stretch counts as appends.
	o := j.Offsets()
	most := uint64(math.MaxInt64) / uint64(j.BlockBytes)
	left := func(stretches uint64) (blocks uint64, ok bool) {
		appended := 1 + stretches*mixStretch - o.randoms(stretches)
		return o.total - appended, appended <= o.total
	}
	fits, tooMany := uint64(0), most/mixStretch
	for tooMany-fits > 1 {
		middle := fits + (tooMany-fits)/2
		if _, ok := left(middle); ok {
			fits = middle
		} else {
			tooMany = middle
		}
	}
	rest, _ := left(fits)
	return int64(min(1+fits*mixStretch+rest, most))
}

// ValidateDirect tells whether the job's blocks obey the alignment, in bytes, that Alignment returned. It needs no
// payload, so that a plan can be checked before anything is made.
func (j Job) ValidateDirect(memoryBytes, offsetBytes int64) error {
	for _, a := range []struct {
		of   string
		unit int64
	}{{"offsets and lengths", offsetBytes}, {"buffers", memoryBytes}} {
		if a.unit < 1 || int64(j.BlockBytes)%a.unit != 0 {
			return fmt.Errorf("check job: BlockBytes is %d: direct writes here need %s at multiples of %d bytes; choose a multiple of %d", j.BlockBytes, a.of, a.unit, a.unit)
		}
	}
	return nil
}

// Result is what a run did, and how long it took.
type Result struct {
	Operations int64 // writes that returned, of all writers
	Bytes      int64 // of these
	// Syncs counts the syncs that returned, one after the last write among them. With several files, one sync is a call for
	// each that was written since the sync before.
	Syncs int64
	// AcceptedNS is the time from before the first write until the last one returned: the syncs between are within it.
	AcceptedNS int64
	// DurableNS is the time until all was durable: until the last sync returned, or for a method whose writes are durable
	// by themselves and that is never synced, the same as AcceptedNS. It means something only where Durable is true.
	DurableNS int64
	Durable   bool
	// NotDurable says why what was written need not be on the medium; empty where Durable is true.
	NotDurable string
}

// Histograms take a run's latencies in nanoseconds.
type Histograms struct {
	// Op takes each write's: from the end of the writer's last call until the write returned, or in an open loop from its
	// intended start.
	Op *hdrhistogram.Histogram
	// Sync takes each sync's. A sync is never charged to a write. It may be nil where the policy is none.
	Sync *hdrhistogram.Histogram
	// Commit takes, where each write is durable before its writer goes on (the policies group and every=1), the time from
	// the write's start until then. It may be nil.
	Commit *hdrhistogram.Histogram
}

// Run is Set.Run for a single writer of a single file, without a histogram of commits. f is used on the calling thread.
//
// Nothing is allocated.
func Run(f File, j Job, op, sync *hdrhistogram.Histogram) (Result, error) {
	if err := j.Validate(); err != nil {
		return Result{NotDurable: "nothing was written"}, err
	}
	if j.writers() > 1 || j.files() > 1 {
		return Result{NotDurable: "nothing was written"},
			fmt.Errorf("check job: %d writers of %d files, and Run has one File: use a Set", j.writers(), j.files())
	}
	files := [1]File{f}
	var flags [1]bool
	var list [1]int32
	var end ending
	w := writer{files: files[:], unsynced: unsynced{flags: flags[:], list: list[:]}, wait: kernel.SleepUntil,
		Histograms: Histograms{Op: op, Sync: sync}, ending: &end}
	return w.alone(&j)
}

// finished says what is durable at the end of a run without a fault. f is one of its files that was synced last.
func (r Result) finished(f File) Result {
	r.Durable, r.NotDurable = f.Durable(r.Syncs > 0)
	switch {
	case !r.Durable:
		r.DurableNS = 0
	case r.Syncs == 0:
		r.DurableNS = r.AcceptedNS
	}
	return r
}

func (r Result) failed(j Job, err error) (Result, error) {
	r.DurableNS, r.Durable, r.NotDurable = 0, false, "the run failed before the end"
	return r, fmt.Errorf("after %d of %d writes: %w", r.Operations, j.Operations, err)
}
