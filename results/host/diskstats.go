package host

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"copylab/results/measured"
)

// sectorBytes is the unit of /proc/diskstats, whatever the device's own block size (Documentation/admin-guide/iostats.rst).
const sectorBytes = 512

// diskStat is one line of /proc/diskstats.
type diskStat struct {
	reads, readMerges, readSectors, readMS     uint64
	writes, writeMerges, writeSectors, writeMS uint64
	inFlight, busyMS, weightedMS               uint64
	// Linux 4.18 and newer.
	discards, discardMerges, discardSectors, discardMS uint64
	// Linux 5.5 and newer: hasFlushes.
	flushes, flushMS uint64
	hasFlushes       bool
}

// parseDiskstats parses /proc/diskstats: 14 fields a line, 18 since Linux 4.18 (discards), 20 since 5.5 (flushes). Later
// kernels may add more; those are passed over. The key is the device's name.
func parseDiskstats(r io.Reader) (map[string]diskStat, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	stats := map[string]diskStat{}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) < 14 {
			return nil, fmt.Errorf("line %d: want at least 14 fields, got %d", n, len(fields))
		}
		var s diskStat
		into := []*uint64{
			&s.reads, &s.readMerges, &s.readSectors, &s.readMS, &s.writes, &s.writeMerges, &s.writeSectors, &s.writeMS,
			&s.inFlight, &s.busyMS, &s.weightedMS,
		}
		if len(fields) >= 18 {
			into = append(into, &s.discards, &s.discardMerges, &s.discardSectors, &s.discardMS)
		}
		if len(fields) >= 20 {
			into = append(into, &s.flushes, &s.flushMS)
			s.hasFlushes = true
		}
		for i, p := range into {
			if *p, err = strconv.ParseUint(fields[3+i], 10, 64); err != nil {
				return nil, fmt.Errorf("line %d, field %d: %w", n, 4+i, err)
			}
		}
		name := fields[2]
		if _, twice := stats[name]; twice {
			return nil, fmt.Errorf("line %d: %s is there twice", n, name)
		}
		stats[name] = s
	}
	return stats, nil
}

// deviceDelta is what a device did between two readings of its counters. noFlushes is the reason for which the
// kernel counts no flushes there, or "".
func deviceDelta(device string, before, after diskStat, noFlushes string) DeviceDelta {
	d := DeviceDelta{
		Device:     device,
		Reads:      grown("the count of reads", before.reads, after.reads, 1),
		ReadBytes:  grown("the count of sectors read", before.readSectors, after.readSectors, sectorBytes),
		Writes:     grown("the count of writes", before.writes, after.writes, 1),
		WriteBytes: grown("the count of sectors written", before.writeSectors, after.writeSectors, sectorBytes),
		Merges:     grown("the count of merged writes", before.writeMerges, after.writeMerges, 1),
		BusyNS:     grownMS("the device's busy time", before.busyMS, after.busyMS),
		QueueNS:    queueNS(before, after),
	}
	switch {
	case !before.hasFlushes || !after.hasFlushes:
		d.Flushes = measured.Unavailable[int64]("/proc/diskstats has no flushes before Linux 5.5")
		d.FlushNS = d.Flushes
	case noFlushes != "":
		d.Flushes = measured.Unavailable[int64]("%s", noFlushes)
		d.FlushNS = d.Flushes
	default:
		d.Flushes = grown("the count of flushes", before.flushes, after.flushes, 1)
		d.FlushNS = grownMS("the flush time", before.flushMS, after.flushMS)
	}
	return d
}

// queueNS is the time that requests were under way, all together, without flushes. diskstats_show (block/genhd.c) adds up the times of reads,
// writes, discards and flushes; but a flush's time is also within that of the write that asked for it, be it one of no bytes. Each of the two
// numbers is cut to whole milliseconds, so that a span without traffic can be at -1 ms. Before Linux 5.5 there is no flush in it.
func queueNS(before, after diskStat) measured.Int {
	all := grownMS("the time of requests under way", before.weightedMS, after.weightedMS)
	flushes := grownMS("the flush time", before.flushMS, after.flushMS)
	a, ok := all.Get()
	if !ok {
		return all
	}
	f, ok := flushes.Get()
	if !ok {
		return flushes
	}
	return measured.Known(a - f)
}

// grownMS is grown for a time in milliseconds. The kernel prints these as 32-bit numbers (block/genhd.c), which wrap
// after 50 days of work; then they go back, and the reading is unavailable.
func grownMS(what string, before, after uint64) measured.Int {
	return grown(what, before, after, time.Millisecond.Nanoseconds())
}

// noDevice is the delta of a device whose counters could not be had.
func noDevice(device, format string, args ...any) DeviceDelta {
	v := measured.Unavailable[int64](format, args...)
	return DeviceDelta{Device: device, Reads: v, ReadBytes: v, Writes: v, WriteBytes: v, Merges: v, Flushes: v, FlushNS: v, BusyNS: v, QueueNS: v}
}

// noMachine is the delta of a machine whose counters could not be had.
func noMachine(format string, args ...any) MachineDelta {
	v := measured.Unavailable[int64](format, args...)
	return MachineDelta{BusyNS: v, SoftIRQNS: v, IOWaitNS: v, StealNS: v, TotalNS: v, Switches: v, ResolutionNS: int64(tick)}
}
