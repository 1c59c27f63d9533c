package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"copylab/diskwrite"
	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/host"
	"copylab/results/measured"
)

// payloadBytes is the size of the ring of incompressible bytes that blocks are taken from: large enough that a disk that
// looks for repetitions finds none nearby, small enough to stay in a second-level cache, so that a trial measures
// writing and not reading.
const payloadBytes = 1 << 20

// write is the writer's trial.
func write(ctx context.Context, c *control, job Write) (result *Result, err error) {
	method, ok := diskwrite.FindMethod(job.Method)
	if !ok {
		return nil, fmt.Errorf("write: unknown method %q", job.Method)
	}
	plan := job.Plan
	threads := max(1, plan.Writers)
	if job.Timeline {
		threads++
	}
	if len(job.Modelled) > 0 {
		threads++
	}
	if err := pin(job.CPU, threads); err != nil {
		return nil, err
	}
	size := max(payloadBytes/plan.BlockBytes, 1) * plan.BlockBytes
	if plan.Payload, err = diskwrite.NewPayload(job.Payload, size); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, diskwrite.FreePayload(plan.Payload)) }()
	if err := plan.Validate(); err != nil {
		return nil, err
	}
	if job.Fresh {
		if err := plan.Prepare(ctx, job.File); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, plan.Remove(job.File)) }()
	}
	result = &Result{Latency: map[string]results.Histogram{}, Settings: map[string]string{}}
	if job.MemoryCopy {
		if err := measureMemoryCopy(job.CacheBytes, result.Settings); err != nil {
			return nil, err
		}
	}
	var sampled *timeline
	if job.Timeline {
		plan.Progress = diskwrite.NewProgress(max(1, plan.Writers))
		if sampled, err = startTimeline(job.Device, plan.Progress, job.TimelineCPU, result.Settings); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, sampled.stop()) }()
	}
	var modelled *models
	if len(job.Modelled) > 0 && method.ID != "null" {
		if modelled, err = startModels(job, method); err != nil {
			return nil, err
		}
		defer modelled.drop()
	}
	// After the files that another thread reads, and before those that are written: the other threads' table would keep them open
	// until this process ends, and a removed file's blocks would be freed only then, in the middle of the next trial.
	if plan.Writers > 1 {
		result.Settings["descriptor_table"] = "shared by all writers"
	} else {
		ownDescriptors(result.Settings)
	}
	targets, err := openTargets(ctx, job, method, result)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeAll(targets)) }()
	if modelled != nil {
		modelled.locate(plan.Pattern, targets)
	}
	set, err := plan.Open(method, job.File)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	set.Dedicate() // see pin
	if err := readyQueues(set, plan); err != nil {
		return nil, err
	}
	counters, err := host.OpenCounters(job.Device)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, counters.Close()) }()
	// Where a sync may follow the last write, what is in memory has to be looked up in between, and its CPU time to be left out.
	look := func() { result.InMemoryBytes = inMemory(targets, method) }
	var lookBegan, lookEnded usage
	if plan.Policy.ID != diskwrite.SyncNone {
		plan.Accepted = func() {
			lookBegan.snap()
			look()
			lookEnded.snap()
		}
	}
	if job.Profile || job.AllCPUs || job.Syscalls { // it would be sampled, or counted
		plan.Accepted = nil
		look = func() { result.InMemoryBytes = measured.Unavailable[int64]("not looked up in a trial for evidence") }
	}
	profiled := openProfiling(job.Profile, job.AllCPUs, job.CPU, 0)
	defer func() { err = errors.Join(err, profiled.close()) }()
	memory := openMemoryTraffic(job.Memory)
	defer func() { err = errors.Join(err, memory.close()) }()
	syscalls := openSyscallCounting(job.Syscalls)
	defer func() { err = errors.Join(err, syscalls.close()) }()
	op, syncs, commits := results.NewHistogram(), results.NewHistogram(), results.NewHistogram()
	if err := c.awaitGo(ctx); err != nil {
		return nil, err
	}

	if modelled != nil {
		modelled.begin()
	}
	var before, after usage
	counters.Before()
	memory.start()
	profiled.start()
	before.snap()
	syscalls.start()
	if sampled != nil {
		sampled.begin()
	}
	done, err := set.Run(plan, diskwrite.Histograms{Op: op.Histogram, Sync: syncs.Histogram, Commit: commits.Histogram})
	syscalls.stop()
	after.snap()
	profiled.stop()
	memory.stop()
	counters.After()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", job.Method, err)
	}
	if plan.Accepted == nil {
		look()
	}
	before.leaveOut(&lookBegan, &lookEnded)

	result.Bytes, result.Operations = done.Bytes, done.Operations
	result.AcceptedNS = measured.Known(done.AcceptedNS)
	result.DurableNS = measured.Unavailable[int64]("%s", done.NotDurable)
	wall := done.AcceptedNS
	if done.Durable {
		result.DurableNS = measured.Known(done.DurableNS)
		wall = done.DurableNS
	}
	result.Side = side(job.CPU, time.Duration(wall), &before, &after)
	result.Side.Syscalls = set.Syscalls()
	result.Side.Traced, result.Memory = syscalls.tell(nil), memory.tell()
	result.Latency["op"] = op
	if done.Syncs > 0 {
		result.Latency["sync"] = syncs
	}
	if commits.TotalCount() > 0 {
		result.Latency["commit"] = commits
	}
	result.Machine, result.Device = counters.Machine(), counters.Device()
	result.DirtyFirst, result.DirtyLast = counters.DirtyBefore(), counters.DirtyAfter()
	if len(targets) > 0 {
		result.After = residency(targets)
		// What is still dirty would be written back during the next trial and disturb it.
		for _, target := range targets {
			if err := target.Sync(); err != nil {
				return nil, fmt.Errorf("write back what the trial left: %w%s", err, diskwrite.Remedy(err))
			}
		}
		counters.Settled()
		result.Settled = counters.DeviceSettled()
		if modelled != nil {
			result.Modelled = modelled.result(plan, method, done, targets)
		}
		if sampled != nil {
			if err := sampled.stop(); err != nil {
				return nil, err
			}
			result.Timeline = sampled.result()
		}
		if scattered(plan.Pattern) && !method.Uncached {
			_, told := result.InMemoryBytes.Get()
			if result.InMemoryBytes, err = checkFolios(targets[0], plan.BlockBytes, result.InMemoryBytes); err != nil {
				return nil, err
			}
			if _, still := result.InMemoryBytes.Get(); told && !still {
				result.Settings[results.SettingFolios] = results.FoliosLarge
			}
		}
		if job.Verify {
			plan.Operations = done.Operations
			if result.Checksum, err = diskwrite.VerifyBack(ctx, job.File, plan); err != nil {
				return nil, err
			}
		}
	}
	profiled.tell(result)
	return result, nil
}

// readyQueues sets up the rings of a single writer, so that this is no part of what the trial's counters count. A ring belongs to the thread that
// readies it: several writers do it themselves, right before the run's clock starts.
func readyQueues(set diskwrite.Set, plan diskwrite.Job) error {
	if len(set) > 1 {
		return nil
	}
	for _, f := range set[0] {
		if q, ok := f.(diskwrite.Queue); ok {
			if err := q.Ready(max(1, plan.Depth), plan.Payload); err != nil {
				return err
			}
		}
	}
	return nil
}

// openTargets opens the written files a second time, for looking at their pages and for settling, and brings a file that
// was there before into the state that the method expects: in the page cache for buffered writes, so that no block has to be read first; out of
// it for direct ones, which would have to throw them out. There are none for the null writer.
func openTargets(ctx context.Context, job Write, method diskwrite.Method, result *Result) (targets []*os.File, err error) {
	if method.ID == "null" {
		return nil, nil
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll(targets))
		}
	}()
	for _, name := range job.Plan.Names(job.File) {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return targets, fmt.Errorf("open file to write: %w%s", err, diskwrite.Remedy(err))
		}
		targets = append(targets, f)
	}
	if pattern, _ := diskwrite.FindPattern(job.Plan.Pattern); pattern.Fresh() {
		if err := wantFresh(pattern, job, targets); err != nil {
			return targets, err
		}
		result.Before = residency(targets)
	} else {
		if err := wantSize(targets[0], job.Plan.FileBytes); err != nil {
			return targets, err
		}
		want := CacheWarm
		if method.Uncached {
			want = CacheCold
		}
		if result.Before, err = setCache(ctx, targets[0], want); err != nil {
			return targets, err
		}
	}
	if mem, off, source, err := kernel.DirectAlignment(targets[0]); err == nil {
		result.Settings["direct_memory_alignment_bytes"] = strconv.FormatInt(mem, 10)
		result.Settings["direct_offset_alignment_bytes"] = strconv.FormatInt(off, 10)
		result.Settings["direct_alignment_source"] = source
	}
	return targets, nil
}

// wantFresh refuses files that were written before to a pattern that would then measure something else.
func wantFresh(pattern diskwrite.Pattern, job Write, targets []*os.File) error {
	if pattern.Allocated && !job.Fresh {
		return fmt.Errorf("write %s: the pattern %s needs a file that is made for each trial", job.File, pattern.ID)
	}
	for _, f := range targets {
		if info, err := f.Stat(); err != nil {
			return fmt.Errorf("check file to write: %w", err)
		} else if pattern.Grows && info.Size() > 0 {
			return fmt.Errorf("write %s: the pattern %s needs an empty file for each trial, and it has %d bytes", f.Name(), pattern.ID, info.Size())
		}
	}
	return nil
}

// wantSize refuses a file that somebody else has changed since it was made: writing over it would be something else.
func wantSize(f *os.File, bytes int64) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("check file to write: %w", err)
	}
	if info.Size() != bytes {
		return fmt.Errorf("check file to write: %s has %d bytes and was made with %d: somebody else changed it meanwhile; keep others from the folder, and run again", f.Name(), info.Size(), bytes)
	}
	return nil
}

func closeAll(files []*os.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
