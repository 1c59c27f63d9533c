package diskwrite

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// ready prepares f, where it is a queue, for the job.
func ready(f File, j Job) error {
	q, ok := f.(Queue)
	switch {
	case ok:
		return q.Ready(max(1, j.Depth), j.Payload)
	case j.Depth > 1:
		return fmt.Errorf("check job: Depth is %d, but this method has one write in flight: choose 1, or the method uring", j.Depth)
	}
	return nil
}

// runQueued is Run with several writes in flight: as long as the job lasts, each that is done makes room for the next.
// A write's time is from its Submit until Wait returned it. What it waits for before that is not in it.
//
// Two writes to the same place are never in flight together, since they could be done in either order: the later one is
// not submitted before the earlier is done, and those after it wait too.
//
// A sync waits until no write is in flight, and none begins before it returns. Its time begins when the last of them is
// done.
//
// Nothing is allocated. Besides the system calls there is, for each write, one clock read, one histogram record, the next
// offset, and a look at whether it is in flight.
func runQueued(q Queue, j Job, op, sync *hdrhistogram.Histogram) (Result, error) {
	l := queuedLoop{q: q, j: j, free: j.Depth}
	offsets := j.Offsets()
	every, interval, limit := int64(math.MaxInt64), time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	switch j.Policy.ID {
	case SyncEvery:
		every = j.Policy.Every
	case SyncInterval:
		interval = j.Policy.Interval
	}
	if j.Limit > 0 {
		limit = j.Limit
	}
	progress := j.Progress.slot(0)
	untilSync, syncDue := every, interval // writes to be submitted before the next sync, and when it is due
	for slot := range j.Depth {
		l.slots[slot], l.offsets[slot] = uint16(slot), nowhere
	}
	next := offsets.Next()
	at := 0

	epoch := time.Now()
	var now time.Duration
	for more := true; ; {
		for more && l.free > 0 && untilSync > 0 && now < syncDue && !l.inFlight(next) {
			slot := l.take(next)
			l.began[slot] = now
			if err := q.Submit(slot, j.Payload[at:at+j.BlockBytes], next); err != nil {
				l.give(slot)
				return l.failed(err)
			}
			l.submitted++
			untilSync--
			if at += j.BlockBytes; at == len(j.Payload) {
				at = 0
			}
			if more = l.submitted < j.Operations; more {
				next = offsets.Next()
			}
		}
		if l.free < j.Depth {
			slot, err := q.Wait()
			if err != nil {
				if slot >= 0 {
					l.give(slot)
				}
				return l.failed(err)
			}
			now = time.Since(epoch)
			l.give(slot)
			l.r.Operations++
			l.r.Bytes += int64(j.BlockBytes)
			l.r.AcceptedNS = int64(now)
			took := now - l.began[slot]
			if err := op.RecordValue(max(1, int64(took))); err != nil {
				return l.failed(fmt.Errorf("record a write of %v: %w", took, err))
			}
			if progress != nil {
				progress.note(l.r.Bytes, int64(took))
			}
			more = more && now < limit
			continue
		}
		// Nothing is in flight: a sync is due, or this is the end.
		if !more && j.Accepted != nil {
			epoch = epoch.Add(timed(j.Accepted))
		}
		if j.Policy.ID != SyncNone {
			if err := q.Sync(j.SyncCall); err != nil {
				return l.failed(err)
			}
			before := now
			now = time.Since(epoch)
			l.r.Syncs++
			l.r.DurableNS = int64(now)
			if err := sync.RecordValue(max(1, int64(now-before))); err != nil {
				return l.failed(fmt.Errorf("record a sync of %v: %w", now-before, err))
			}
			untilSync = every
			if interval != math.MaxInt64 {
				syncDue = now + interval
			}
		}
		if !more {
			break
		}
	}
	return l.r.finished(q), nil
}

// nowhere is the offset of a slot that is not in flight.
const nowhere = -1

// queuedLoop is the state of runQueued.
type queuedLoop struct {
	q         Queue
	j         Job
	r         Result
	slots     [MostDepth]uint16 // the first free are those that are not in flight
	free      int
	offsets   [MostDepth]int64 // by slot
	began     [MostDepth]time.Duration
	submitted int64
	// near counts the writes in flight by a hash of their offset. Where it has none, no comparing is needed, and where some,
	// that is nearly always another offset.
	near [1 << nearBits]uint16
}

const nearBits = 10 // four times as many as there can be writes

func near(off int64) uint64 {
	// Fibonacci hashing: multiples of a block come to lie far apart.
	return uint64(off) * 0x9e3779b97f4a7c15 >> (64 - nearBits)
}

func (l *queuedLoop) take(off int64) (slot int) {
	l.free--
	slot = int(l.slots[l.free])
	l.offsets[slot] = off
	l.near[near(off)]++
	return slot
}

func (l *queuedLoop) give(slot int) {
	l.near[near(l.offsets[slot])]--
	l.offsets[slot] = nowhere
	l.slots[l.free] = uint16(slot)
	l.free++
}

// inFlight tells whether a write to the offset is under way.
func (l *queuedLoop) inFlight(off int64) bool {
	return l.near[near(off)] > 0 && l.compare(off)
}

func (l *queuedLoop) compare(off int64) bool {
	for _, o := range l.offsets[:l.j.Depth] {
		if o == off {
			return true
		}
	}
	return false
}

// failed waits for what is in flight, so that nothing is written after the run.
func (l *queuedLoop) failed(err error) (Result, error) {
	for l.free < l.j.Depth {
		slot, late := l.q.Wait()
		if slot < 0 {
			err = errors.Join(err, late)
			break
		}
		l.give(slot)
	}
	return l.r.failed(l.j, err)
}
