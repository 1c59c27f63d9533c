package diskwrite

import (
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Job says what to write: where, how much, and when it is made durable. How is the File's part.
type Job struct {
	Pattern PatternID `json:"pattern"`
	// Draw is how the pattern random chooses; empty for the others.
	Draw   Draw   `json:"draw,omitempty"`
	Policy Policy `json:"policy"`
	// SyncCall is what the policy calls; it may be empty where the policy is none.
	SyncCall   SyncCall `json:"sync_call,omitempty"`
	BlockBytes int      `json:"block_bytes"` // bytes of one write
	// FileBytes is the size of the file that is written over, or the size to which an append may grow it.
	FileBytes  int64  `json:"file_bytes"`
	Operations int64  `json:"operations"` // writes
	Seed       uint64 `json:"seed"`       // of the random offsets
	// Limit ends the run early: no write begins once so much time has passed, however many operations are left. The sync that the
	// policy asks for at the end is still made. 0 is no limit. It keeps a disk that slows down (a burst allowance that is
	// used up, a full write cache) from holding a trial for many times its intended length.
	Limit time.Duration `json:"limit_ns,omitempty"`
	// Payload is what is written: incompressible, a multiple of BlockBytes, and page-aligned for the direct methods. The
	// i-th write takes its i-th block-sized slice, and starts over at its end. A payload of many blocks keeps the one block
	// from staying in the CPU's caches and the disk from recognising it.
	Payload []byte `json:"-"`
}

// Validate tells what is wrong with the job, and what to do about it. It knows nothing of the file's direct alignment:
// see ValidateDirect.
func (j Job) Validate() error {
	if _, ok := FindPattern(j.Pattern); !ok {
		return fmt.Errorf("check job: Pattern is %q: choose append, overwrite or random", string(j.Pattern))
	}
	switch {
	case j.Pattern == Random && j.Draw != Permutation && j.Draw != Uniform:
		return fmt.Errorf("check job: Draw is %q: choose permutation or uniform for the pattern random", string(j.Draw))
	case j.Pattern != Random && j.Draw != "":
		return fmt.Errorf("check job: Draw is %q, but the pattern %s draws nothing: leave it empty", string(j.Draw), j.Pattern)
	}
	if err := j.Policy.Validate(); err != nil {
		return fmt.Errorf("check job: Policy: %w", err)
	}
	if j.Policy.ID != SyncNone && j.SyncCall != Fdatasync && j.SyncCall != Fsync {
		return fmt.Errorf("check job: SyncCall is %q: choose fdatasync or fsync for the policy %s", string(j.SyncCall), j.Policy)
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
	if j.Pattern == Append {
		if j.Operations*int64(j.BlockBytes) > j.FileBytes {
			return fmt.Errorf("check job: FileBytes is %d: appending %d blocks of %d bytes needs %d; choose a larger file or fewer operations",
				j.FileBytes, j.Operations, j.BlockBytes, j.Operations*int64(j.BlockBytes))
		}
	} else if j.FileBytes%int64(j.BlockBytes) != 0 {
		return fmt.Errorf("check job: FileBytes is %d, no multiple of BlockBytes %d: choose %d", j.FileBytes, j.BlockBytes, j.FileBytes/int64(j.BlockBytes)*int64(j.BlockBytes))
	}
	if len(j.Payload) == 0 || len(j.Payload)%j.BlockBytes != 0 {
		return fmt.Errorf("check job: Payload has %d bytes: make it a multiple of BlockBytes %d (NewPayload does)", len(j.Payload), j.BlockBytes)
	}
	return nil
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
	Operations int64 // writes that returned
	Bytes      int64 // of these
	Syncs      int64 // sync calls that returned, one after the last write among them
	// AcceptedNS is the time from before the first write until the last one returned: the syncs between are within it.
	AcceptedNS int64
	// DurableNS is the time until all was durable: until the last sync returned, or for a method whose writes are durable
	// by themselves and that is never synced, the same as AcceptedNS. It means something only where Durable is true.
	DurableNS int64
	Durable   bool
	// NotDurable says why what was written need not be on the medium; empty where Durable is true.
	NotDurable string
}

// Run writes the job's blocks to f. Each write's time in nanoseconds goes into op, each sync's into sync (which may be
// nil where the policy is none): a sync is never charged to a write. The clock is read once per call, so that the end of
// one is the start of the next. The first write's time counts from the start.
//
// Where a write or a sync fails, the result still tells what was accepted until then, and nothing is durable.
//
// Nothing is allocated. The only work besides the system calls is one clock read, one histogram record and the next
// offset.
func Run(f File, j Job, op, sync *hdrhistogram.Histogram) (Result, error) {
	var r Result
	if err := j.Validate(); err != nil {
		r.NotDurable = "nothing was written"
		return r, err
	}
	block := j.BlockBytes
	offsets := j.Offsets()
	every := int64(math.MaxInt64)
	if j.Policy.ID == SyncEvery {
		every = j.Policy.Every
	}
	untilSync, at := every, 0
	limit := j.Limit
	if limit == 0 {
		limit = math.MaxInt64
	}

	epoch := time.Now()
	var last time.Duration
	for more := true; more; {
		off := offsets.Next()
		if err := f.WriteBlock(j.Payload[at:at+block], off); err != nil {
			return r.failed(j, err)
		}
		now := time.Since(epoch)
		r.Operations++
		r.Bytes += int64(block)
		r.AcceptedNS = int64(now)
		// A time below the histogram's lowest value, 1 ns, is one that the clock could not resolve.
		if err := op.RecordValue(max(1, int64(now-last))); err != nil {
			return r.failed(j, fmt.Errorf("record a write of %v: %w", now-last, err))
		}
		last = now
		if at += block; at == len(j.Payload) {
			at = 0
		}
		more = r.Operations < j.Operations && now < limit
		if untilSync--; untilSync > 0 && (more || j.Policy.ID == SyncNone) {
			continue
		}
		if err := f.Sync(j.SyncCall); err != nil {
			return r.failed(j, err)
		}
		now = time.Since(epoch)
		r.Syncs++
		r.DurableNS = int64(now)
		if err := sync.RecordValue(max(1, int64(now-last))); err != nil {
			return r.failed(j, fmt.Errorf("record a sync of %v: %w", now-last, err))
		}
		last = now
		untilSync = every
	}
	r.Durable, r.NotDurable = f.Durable(r.Syncs > 0)
	switch {
	case !r.Durable:
		r.DurableNS = 0
	case r.Syncs == 0:
		r.DurableNS = r.AcceptedNS
	}
	return r, nil
}

func (r Result) failed(j Job, err error) (Result, error) {
	r.DurableNS, r.Durable, r.NotDurable = 0, false, "the run failed before the end"
	return r, fmt.Errorf("after %d of %d writes: %w", r.Operations, j.Operations, err)
}
