package scenarios

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"copylab/diskwrite"
	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/host"
)

const (
	// leastPrecondition is more than the write cache of a small disk; less would wear nothing in.
	leastPrecondition = 64 * mib
	// The SNIA's performance test specification writes an area twice with blocks of 128 KiB, in sequence, and then at random until the speed
	// is level. Here the random part is as much as the area, so that how much is written can be told beforehand.
	preconditionBlock   = 128 * kib
	preconditionRandom  = 4 * kib
	preconditionPayload = 16 * mib
	// preconditionSync is how much of it may be dirty where it goes through the page cache: a sync of all could not be stopped.
	preconditionSync = 64 * mib
	// preconditionNote is how often the user is told how far it is.
	preconditionNote = 5 * time.Second
)

// ParsePrecondition reads the size of an area to precondition: a size as scenarios have it, at least 64MiB. It is rounded up to
// whole blocks. The error is a *UsageError.
func ParsePrecondition(text string) (int64, error) {
	n, err := parseSize(text)
	if errors.Is(err, errNegative) || errors.Is(err, errZero) {
		n, err = 0, nil
	}
	switch {
	case text == "":
		return 0, wrong("--precondition", "there is no size: write one of at least %s, or leave it out", FormatSize(leastPrecondition))
	case err != nil:
		return 0, wrong("--precondition", "%s %w", quoted(text), err)
	case n < leastPrecondition:
		return 0, wrong("--precondition", "%s is too small to wear a disk in: write at least %s, better as much as the test files, best as much as the disk is usually filled",
			quoted(text), FormatSize(leastPrecondition))
	case n > mostFile:
		return 0, wrong("--precondition", "%s is too large: write at most %s", quoted(text), FormatSize(mostFile))
	}
	return (n + preconditionBlock - 1) / preconditionBlock * preconditionBlock, nil
}

// PreconditionWrites is how many bytes preconditioning an area of so many bytes writes: the area three times.
func PreconditionWrites(area int64) int64 { return 3 * area }

// wearIn preconditions where that was asked for, and there is room for it and for the test files of the cases. Where it was interrupted it returns
// nil and no error: the run's record then says so.
func (e *Execution) wearIn(ctx context.Context, scratch *Scratch, disk host.Disk, cases []results.Case) (*results.Precondition, error) {
	if e.Precondition == 0 {
		return nil, nil
	}
	if err := host.RoomFor(filepath.Clean(e.Dir), e.Precondition+roomNeeded(cases)); err != nil {
		return nil, err
	}
	done, err := e.precondition(ctx, scratch, disk)
	switch {
	case err == nil:
		return &done, nil
	case ctx.Err() != nil:
		return nil, nil
	}
	return nil, err
}

// worn is what the disk did since the counters were read before.
func worn(since *host.Counters, disk host.Disk) *host.DeviceDelta {
	since.After()
	delta := since.Device()
	if disk.Device == "" {
		delta = noReadings(disk.Why)
	}
	return &delta
}

// precondition wears the disk in: it writes a file of the area's size in sequence, again, and then at random, each block once. The file stays
// in the scratch folder for as long as that lives, since removing it would tell the disk that the area is free again.
func (e *Execution) precondition(ctx context.Context, scratch *Scratch, disk host.Disk) (done results.Precondition, err error) {
	if disk.InMemory {
		return done, wrong("--precondition", "%s keeps the test files in memory, which does not wear in: leave it out, or name another folder with --dir", disk.Filesystem)
	}
	began := time.Now()
	name := scratch.File("precondition")
	if err := diskwrite.Prepare(ctx, name, diskwrite.Append, e.Precondition, nil); err != nil {
		return done, fmt.Errorf("precondition: %w", err)
	}
	payload, err := diskwrite.NewPayload(e.Seed^preconditionSeed, preconditionPayload)
	if err != nil {
		return done, fmt.Errorf("precondition: %w", err)
	}
	defer func() { err = errors.Join(err, diskwrite.FreePayload(payload)) }()
	method, buffered := preconditionMethod(scratch.Dir)
	f, err := method.Open(name)
	if err != nil {
		return done, fmt.Errorf("precondition: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()

	random := int64(preconditionRandom)
	if align, ok := disk.DirectOffsetAlign.Get(); ok && !buffered && align > random && preconditionBlock%align == 0 {
		random = align
	}
	w := wearing{file: f, payload: payload, call: preconditionCall(), total: PreconditionWrites(e.Precondition), note: e.note, said: began}
	if buffered {
		w.syncEvery = preconditionSync
	}
	e.note(fmt.Sprintf("preconditioning: writing %s to %s with the method %s", host.HumanBytes(w.total), e.Dir, method.ID))
	for _, pass := range []diskwrite.Job{
		{Pattern: diskwrite.Overwrite, BlockBytes: preconditionBlock, FileBytes: e.Precondition},
		{Pattern: diskwrite.Overwrite, BlockBytes: preconditionBlock, FileBytes: e.Precondition},
		{Pattern: diskwrite.Random, Draw: diskwrite.Permutation, BlockBytes: int(random), FileBytes: e.Precondition, Seed: e.Seed},
	} {
		if err := w.pass(ctx, pass); err != nil {
			return done, fmt.Errorf("precondition: %w", err)
		}
	}
	return results.Precondition{AreaBytes: e.Precondition, WrittenBytes: w.written, DurationNS: time.Since(began).Nanoseconds()}, nil
}

// preconditionSeed keeps its bytes apart from those of test files and trials: a disk that finds equal blocks must not.
const preconditionSeed = 0x2545f491

// preconditionMethod is the way past the page cache where the folder has one, and through it otherwise: nothing is measured here.
func preconditionMethod(dir string) (m diskwrite.Method, buffered bool) {
	if m, ok := diskwrite.FindMethod("direct"); ok && m.Probe(dir).State == kernel.StateAvailable {
		return m, false
	}
	m, _ = diskwrite.FindMethod("buffered")
	return m, true
}

// preconditionCall is the strongest sync call that this system has.
func preconditionCall() diskwrite.SyncCall {
	for _, call := range []diskwrite.SyncCall{diskwrite.Fullfsync, diskwrite.Fdatasync} {
		if call.Status().State == kernel.StateAvailable {
			return call
		}
	}
	return diskwrite.Fsync
}

// wearing is a preconditioning under way.
type wearing struct {
	file           diskwrite.File
	payload        []byte
	call           diskwrite.SyncCall
	syncEvery      int64 // bytes; 0: only after each pass
	written, total int64
	unsynced       int64
	passes         int64 // so far
	note           func(string)
	said           time.Time
}

// pass writes each block of the job's file once, and makes all of it durable.
func (w *wearing) pass(ctx context.Context, job diskwrite.Job) error {
	block := int64(job.BlockBytes)
	ring := int64(len(w.payload)) / block
	offsets := job.Offsets()
	for range job.FileBytes / block {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		at := (w.written/block + w.passes) % ring * block // other bytes in each pass
		if err := w.file.WriteBlock(w.payload[at:at+block], offsets.Next()); err != nil {
			return err
		}
		w.written += block
		w.unsynced += block
		if w.syncEvery > 0 && w.unsynced >= w.syncEvery {
			if err := w.sync(); err != nil {
				return err
			}
		}
		if w.written%mib == 0 && time.Since(w.said) >= preconditionNote {
			w.said = time.Now()
			w.note(fmt.Sprintf("preconditioning: %s of %s written", host.HumanBytes(w.written), host.HumanBytes(w.total)))
		}
	}
	w.passes++
	return w.sync()
}

func (w *wearing) sync() error {
	w.unsynced = 0
	return w.file.Sync(w.call)
}
