package diskwrite

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"copylab/internal/kernel"
)

// Set is what a job writes to: set[w][i] is the w-th writer's own File on the job's i-th file. A sync by one writer
// serves what the others wrote to the same file, since it is the file that is made durable, not a descriptor's part.
type Set [][]File

// Open opens the job's files at name, which Job.Prepare made, by the method: one File for each writer and file.
func (j Job) Open(m Method, name string) (set Set, err error) {
	names := j.Names(name)
	set = make(Set, j.writers())
	defer func() {
		if err != nil {
			err = errors.Join(err, set.Close())
			set = nil
		}
	}()
	for w := range set {
		for _, n := range names {
			f, err := m.Open(n)
			if err != nil {
				if opened := w*len(names) + len(set[w]); opened > 100 {
					err = fmt.Errorf("%w (%d of %d are open: raise ulimit -n, or choose fewer files or writers)", err, opened, len(set)*len(names))
				}
				return set, err
			}
			set[w] = append(set[w], f)
		}
	}
	return set, nil
}

// Dedicate tells every File that its writer's thread has a processor to itself: see Dedicator. GOMAXPROCS must exceed the
// number of writers.
func (s Set) Dedicate() {
	for f := range s.all {
		if d, ok := f.(Dedicator); ok {
			d.Dedicate()
		}
	}
}

// Syscalls is the sum of what the Files count.
func (s Set) Syscalls() map[string]int64 {
	calls := map[string]int64{}
	for f := range s.all {
		for name, n := range f.Syscalls() {
			calls[name] += n
		}
	}
	return calls
}

// Close closes every File.
func (s Set) Close() error {
	var errs []error
	for f := range s.all {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// all yields every File.
func (s Set) all(yield func(File) bool) {
	for _, files := range s {
		for _, f := range files {
			if !yield(f) {
				return
			}
		}
	}
}

// Run writes the job's blocks. A single writer is the calling thread. Several are a locked thread each, which take the
// next write of the one sequence in turn.
//
// Where a write or a sync fails, the other writers end with the write that they are at, the result still tells what was
// accepted until then, and nothing is durable.
//
// Nothing is allocated from the first write to the last, except that the Go runtime may take some 100 bytes for each
// writer that waits with the policy group. The only work besides the system calls is one clock read, one
// histogram record and the next offset; with several writers, also taking the next write's number. What that costs shows
// with the null writer.
func (s Set) Run(j Job, h Histograms) (Result, error) {
	return s.run(j, h, kernel.SleepUntil)
}

func (s Set) run(j Job, h Histograms, wait func(time.Time, time.Duration)) (Result, error) {
	if err := errors.Join(j.Validate(), s.check(j)); err != nil {
		return Result{NotDurable: "nothing was written"}, err
	}
	if len(s) == 1 {
		w := writer{files: s[0], unsynced: newUnsynced(len(s[0])), wait: wait, Histograms: h, ending: &ending{}}
		return w.alone(&j)
	}
	shared := &together{}
	if j.Policy.ID == SyncGroup {
		shared.group = newGroup(j.files())
	}
	writers := make([]*writer, len(s))
	for i := range writers {
		writers[i] = &writer{files: s[i], unsynced: newUnsynced(len(s[i])), together: shared, number: i, wait: wait, Histograms: h.alike(), ending: &ending{}}
	}
	var epoch time.Time
	start := make(chan struct{})
	var prepared, done sync.WaitGroup
	for _, w := range writers {
		prepared.Add(1)
		done.Go(func() {
			// Never unlocked: the thread ends with its writer, and what was set for it with it.
			runtime.LockOSThread()
			if j.RatePerSecond > 0 {
				kernel.SharpenTimers()
			}
			for _, f := range w.files { // on this thread, since a queue may belong to the thread that readies it
				if err := ready(f, j); err != nil {
					w.fail(err)
				}
			}
			prepared.Done()
			<-start
			if w.err == nil {
				w.run(&j, epoch)
			}
		})
	}
	prepared.Wait()
	epoch = time.Now()
	close(start)
	done.Wait()
	return s.end(&j, h, writers, epoch)
}

// end puts the writers' results together and syncs what the policy left, by the first writer's Files.
func (s Set) end(j *Job, h Histograms, writers []*writer, epoch time.Time) (Result, error) {
	var errs []error
	all := writer{files: s[0], unsynced: newUnsynced(len(s[0])), Histograms: h, ending: &ending{}}
	for _, w := range writers {
		all.operations += w.operations
		all.syncs += w.syncs
		all.accepted = max(all.accepted, w.accepted)
		all.durable = max(all.durable, w.durable)
		for _, file := range w.unsynced.files() {
			all.unsynced.add(int(file))
		}
		if w.synced != nil {
			all.synced = w.synced
		}
		if w.err != nil {
			errs = append(errs, w.err)
		}
		h.merge(w.Histograms)
	}
	all.err = errors.Join(errs...)
	if all.err == nil { // the policy group has left nothing to sync
		all.finish(j, epoch, time.Since(epoch))
	}
	return all.result(j)
}

// check tells whether the set is the job's.
func (s Set) check(j Job) error {
	if len(s) != j.writers() {
		return fmt.Errorf("check set: it is of %d writers, and the job has %d: open it by Job.Open", len(s), j.writers())
	}
	for _, files := range s {
		if len(files) != j.files() {
			return fmt.Errorf("check set: a writer has %d files open, and the job has %d: open it by Job.Open", len(files), j.files())
		}
	}
	return nil
}

// alike returns empty histograms of the same make, since each can be used by one thread at a time.
func (h Histograms) alike() Histograms {
	return Histograms{Op: alike(h.Op), Sync: alike(h.Sync), Commit: alike(h.Commit)}
}

func alike(h *hdrhistogram.Histogram) *hdrhistogram.Histogram {
	if h == nil {
		return nil
	}
	return hdrhistogram.New(h.LowestTrackableValue(), h.HighestTrackableValue(), int(h.SignificantFigures()))
}

// merge adds what a writer's histograms hold. They are alike, so that nothing is dropped.
func (h Histograms) merge(from Histograms) {
	h.Op.Merge(from.Op)
	if h.Sync != nil {
		h.Sync.Merge(from.Sync)
	}
	if h.Commit != nil {
		h.Commit.Merge(from.Commit)
	}
}
