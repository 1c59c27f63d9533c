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
	if err := pin(job.CPU, 1); err != nil {
		return nil, err
	}
	plan := job.Plan
	size := max(payloadBytes/plan.BlockBytes, 1) * plan.BlockBytes
	if plan.Payload, err = diskwrite.NewPayload(job.Payload, size); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, diskwrite.FreePayload(plan.Payload)) }()
	if err := plan.Validate(); err != nil {
		return nil, err
	}
	if job.Fresh {
		if err := diskwrite.Prepare(ctx, job.File, plan.Pattern, plan.FileBytes, plan.Payload); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.Remove(job.File)) }()
	}
	result = &Result{Latency: map[string]results.Histogram{}, Settings: map[string]string{}}
	if job.MemoryCopy {
		if err := measureMemoryCopy(job.CacheBytes, result.Settings); err != nil {
			return nil, err
		}
	}
	target, err := openTarget(ctx, job, method, plan.Pattern, result)
	if err != nil {
		return nil, err
	}
	if target != nil {
		defer func() { err = errors.Join(err, target.Close()) }()
	}
	file, err := method.Open(job.File)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if d, ok := file.(diskwrite.Dedicator); ok {
		d.Dedicate() // see pin
	}
	counters, err := host.OpenCounters(job.Device)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, counters.Close()) }()
	ownDescriptors(result.Settings)
	op, syncs := results.NewHistogram(), results.NewHistogram()
	if err := c.awaitGo(ctx); err != nil {
		return nil, err
	}

	var before, after usage
	counters.Before()
	before.snap()
	done, err := diskwrite.Run(file, plan, op.Histogram, syncs.Histogram)
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
	result.Side.Syscalls = file.Syscalls()
	result.Latency["op"] = op
	if done.Syncs > 0 {
		result.Latency["sync"] = syncs
	}
	result.Machine, result.Device = counters.Machine(), counters.Device()
	result.DirtyFirst, result.DirtyLast = counters.DirtyBefore(), counters.DirtyAfter()
	if target != nil {
		result.After = host.Resident(target)
		// What is still dirty would be written back during the next trial and disturb it.
		if err := target.Sync(); err != nil {
			return nil, fmt.Errorf("settle: fsync %s: %w", job.File, err)
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

// openTarget opens the written file a second time, for looking at its pages and for settling, and brings them into the
// state that the method expects: in the page cache for buffered writes, so that no block has to be read first; out of
// it for direct ones, which would have to throw them out. It returns nil for the null writer.
func openTarget(ctx context.Context, job Write, method diskwrite.Method, pattern diskwrite.PatternID, result *Result) (f *os.File, err error) {
	if method.ID == "null" {
		return nil, nil
	}
	if f, err = os.OpenFile(job.File, os.O_RDWR, 0); err != nil {
		return nil, fmt.Errorf("open file to write: %w", err)
	}
	if pattern == diskwrite.Append {
		result.Before = host.Resident(f)
	} else {
		want := CacheWarm
		if method.Direct {
			want = CacheCold
		}
		if result.Before, err = setCache(ctx, f, want); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	if mem, off, source, err := kernel.DirectAlignment(f); err == nil {
		result.Settings["direct_memory_alignment_bytes"] = strconv.FormatInt(mem, 10)
		result.Settings["direct_offset_alignment_bytes"] = strconv.FormatInt(off, 10)
		result.Settings["direct_alignment_source"] = source
	}
	return f, nil
}
