package diskwrite

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// writer is one thread's part of a run.
type writer struct {
	files    []File // one for each file of the job
	unsynced unsynced
	together *together // what it shares with other writers; nil: it is alone
	number   int
	// wait returns when a write of an open loop is due; nil: kernel.SleepUntil. Tests have a clock of their own.
	wait func(epoch time.Time, due time.Duration)
	Histograms

	operations, syncs int64
	accepted, durable time.Duration // when the last write and the last sync returned
	told              bool          // Job.Accepted was called
	*ending
}

// ending is how a writer ended. It is apart from the writer, so that what the writer points to can be on the stack: the
// compiler takes an error for something that may outlive it.
type ending struct {
	err    error
	synced File // one of those that the last sync made durable; nil: there was none
}

// together is what the writers of one run share.
type together struct {
	_       [64]byte // each writer's every write changes next: it has a cache line of its own
	next    atomic.Int64
	_       [56]byte
	stopped atomic.Bool // one of the writers failed
	group   *group      // with the policy group
}

// alone does the whole job on the calling thread.
func (w *writer) alone(j *Job) (Result, error) {
	for _, f := range w.files {
		if err := ready(f, *j); err != nil {
			return Result{NotDurable: "nothing was written"}, err
		}
	}
	if j.Depth > 1 {
		return runQueued(w.files[0].(Queue), *j, w.Op, w.Sync)
	}
	if j.Policy.ID == SyncGroup {
		// With nobody to share it, each write has its own sync.
		own := *j
		own.Policy = Policy{ID: SyncEvery, Every: 1}
		j = &own
	}
	epoch := time.Now()
	w.run(j, epoch)
	if w.err == nil {
		w.finish(j, epoch, w.accepted)
	}
	return w.result(j)
}

// result is what the writer did.
func (w *writer) result(j *Job) (Result, error) {
	r := Result{Operations: w.operations, Bytes: w.operations * int64(j.BlockBytes), Syncs: w.syncs,
		AcceptedNS: int64(w.accepted), DurableNS: int64(w.durable)}
	if w.err != nil {
		return r.failed(*j, w.err)
	}
	// A File knows of its own syncs only.
	f := w.files[0]
	if w.synced != nil {
		f = w.synced
	}
	return r.finished(f), nil
}

// run makes writes, and the syncs that the policy asks for in between, until there are none left to make. The clock is
// read once per call, so that the end of one is the start of the next. It does not allocate.
func (w *writer) run(j *Job, epoch time.Time) {
	block, ring := int64(j.BlockBytes), int64(len(j.Payload)/j.BlockBytes)
	offsets, payload, files, operations := j.Offsets(), j.Payload, w.files, j.Operations
	every, interval, limit := int64(math.MaxInt64), time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	commit := false
	switch j.Policy.ID {
	case SyncEvery:
		every = j.Policy.Every
		commit = every == 1 && w.Commit != nil
	case SyncInterval:
		interval = j.Policy.Interval
	case SyncGroup:
		every, commit = 1, w.Commit != nil
	}
	untilSync, syncDue := every, interval
	if j.Limit > 0 {
		limit = j.Limit
	}
	spacing := 0.0 // ns between two writes of an open loop
	if j.RatePerSecond > 0 {
		spacing = 1e9 / j.RatePerSecond
	}
	op, progress, shared := w.Op, j.Progress.slot(w.number), w.together

	var now time.Duration
	var ringFrom int64 // the write that took the payload's first block
	for i := int64(0); now < limit; i++ {
		if shared != nil {
			if shared.stopped.Load() {
				return
			}
			i = shared.next.Add(1) - 1
		}
		if i >= operations {
			return
		}
		began := now
		if spacing > 0 {
			if began = time.Duration(float64(i) * spacing); began >= limit {
				return
			}
			w.wait(epoch, began)
		}
		file, off := offsets.at(uint64(i))
		if i-ringFrom >= ring {
			ringFrom = i - i%ring
		}
		at := (i - ringFrom) * block
		if err := files[file].WriteBlock(payload[at:at+block], off); err != nil {
			w.fail(err)
			return
		}
		now = time.Since(epoch)
		w.operations++
		w.accepted = now
		took := int64(now - began)
		// A time below the histogram's lowest value, 1 ns, is one that the clock could not resolve.
		if err := op.RecordValue(max(1, took)); err != nil {
			w.fail(fmt.Errorf("record a write of %v: %w", time.Duration(took), err))
			return
		}
		if progress != nil {
			progress.note(w.operations*block, took)
		}
		if !w.unsynced.flags[file] {
			w.unsynced.add(file)
		}
		if untilSync--; untilSync > 0 && now < syncDue {
			continue
		}
		if shared == nil && (i+1 >= operations || now >= limit || spacing > 0 && time.Duration(float64(i+1)*spacing) >= limit) {
			epoch = w.tellAccepted(j, epoch)
		}
		if shared != nil && shared.group != nil {
			var ok bool
			if now, ok = shared.group.commit(w, j.SyncCall, epoch); !ok {
				return
			}
		} else {
			now = w.sync(j.SyncCall, &w.unsynced, epoch, now)
		}
		if w.err != nil {
			return
		}
		if commit {
			if err := w.Commit.RecordValue(max(1, int64(now-began))); err != nil {
				w.fail(fmt.Errorf("record a commit of %v: %w", now-began, err))
				return
			}
		}
		untilSync = every
		if interval != math.MaxInt64 {
			syncDue = now + interval
		}
	}
}

// sync makes every file in the list durable and empties the list. It returns when it ended. began is when it starts.
func (w *writer) sync(call SyncCall, list *unsynced, epoch time.Time, began time.Duration) time.Duration {
	for _, file := range list.files() {
		if err := w.files[file].Sync(call); err != nil {
			w.fail(err)
			return began
		}
	}
	w.synced = w.files[list.list[0]]
	list.clear()
	now := time.Since(epoch)
	w.syncs++
	w.durable = now
	if err := w.Sync.RecordValue(max(1, int64(now-began))); err != nil {
		w.fail(fmt.Errorf("record a sync of %v: %w", now-began, err))
	}
	return now
}

// tellAccepted calls Job.Accepted where that is still to be done. It returns the epoch, moved on by what the call took: what is timed from
// there is timed without it.
func (w *writer) tellAccepted(j *Job, epoch time.Time) time.Time {
	if j.Accepted == nil || w.told {
		return epoch
	}
	w.told = true
	return epoch.Add(timed(j.Accepted))
}

func timed(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

// finish syncs what the policy left. began is the time now.
func (w *writer) finish(j *Job, epoch time.Time, began time.Duration) {
	epoch = w.tellAccepted(j, epoch)
	if j.Policy.ID != SyncNone && w.unsynced.n > 0 {
		w.sync(j.SyncCall, &w.unsynced, epoch, began)
	}
}

func (w *writer) fail(err error) {
	w.err = err
	if w.together != nil {
		w.together.stopped.Store(true)
	}
}

// unsynced is a set of files that were written since they were last synced.
type unsynced struct {
	flags []bool  // by file
	list  []int32 // has room for all; the first n are in the set
	n     int
}

func newUnsynced(files int) unsynced {
	return unsynced{flags: make([]bool, files), list: make([]int32, files)}
}

func (u *unsynced) add(file int) {
	if !u.flags[file] {
		u.flags[file] = true
		u.list[u.n] = int32(file)
		u.n++
	}
}

func (u *unsynced) files() []int32 { return u.list[:u.n] }

func (u *unsynced) clear() {
	for _, file := range u.files() {
		u.flags[file] = false
	}
	u.n = 0
}
