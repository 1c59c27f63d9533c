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
	if err := pin(job.CPU, max(1, plan.Writers)); err != nil {
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
	targets, err := openTargets(ctx, job, method, result)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeAll(targets)) }()
	set, err := plan.Open(method, job.File)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	set.Dedicate() // see pin
	counters, err := host.OpenCounters(job.Device)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, counters.Close()) }()
	if plan.Writers > 1 {
		result.Settings["descriptor_table"] = "shared by all writers"
	} else {
		ownDescriptors(result.Settings)
	}
	op, syncs, commits := results.NewHistogram(), results.NewHistogram(), results.NewHistogram()
	if err := c.awaitGo(ctx); err != nil {
		return nil, err
	}

	var before, after usage
	counters.Before()
	before.snap()
	done, err := set.Run(plan, diskwrite.Histograms{Op: op.Histogram, Sync: syncs.Histogram, Commit: commits.Histogram})
	after.snap()
	counters.After()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", job.Method, err)
	}

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
				return nil, fmt.Errorf("settle: %w", err)
			}
		}
		counters.Settled()
		result.Settled = counters.DeviceSettled()
		if job.Verify {
			plan.Operations = done.Operations
			if result.Checksum, err = diskwrite.VerifyBack(ctx, job.File, plan); err != nil {
				return nil, err
			}
		}
	}
	return result, nil
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
			return targets, fmt.Errorf("open file to write: %w", err)
		}
		targets = append(targets, f)
	}
	if pattern, _ := diskwrite.FindPattern(job.Plan.Pattern); pattern.Fresh() {
		if err := wantFresh(pattern, job, targets); err != nil {
			return targets, err
		}
		result.Before = residency(targets)
	} else {
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

// residency is that of a file. It is not summed up over several.
func residency(files []*os.File) host.Residency {
	if len(files) == 1 {
		return host.Resident(files[0])
	}
	why := measured.Unavailable[int64]("not looked up for %d files", len(files))
	return host.Residency{Source: "none", Pages: why, Resident: why, Dirty: why, Writeback: why}
}

func closeAll(files []*os.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
