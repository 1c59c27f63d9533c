package hdd

import (
	"fmt"
	"math/rand/v2"
)

// Cache says whether the drive's write cache is on. It is never a default that nobody sees: the zero value is an error.
type Cache string

// The states of the write cache.
const (
	// WriteCacheOff: a write is done when it is on the medium. Writes are served in the order of their arrival.
	WriteCacheOff Cache = "off"
	// WriteCacheOn: a write is done when the drive's buffer has it. The drive writes its buffer to the medium meanwhile, in
	// C-LOOK order. A flush waits until the buffer is empty, and a write for which the buffer has no room waits for room.
	WriteCacheOn Cache = "on"
)

// Options say how the drive is used.
type Options struct {
	Cache Cache
	// StartBytes is the byte of the drive at which offset 0 lies: the file is taken to be in one piece. Drive.StartBytes
	// computes one; 0 is the outermost, fastest place. It is the beginning of a sector.
	StartBytes int64
	// FileBytes is how far the file reaches; 0 means to the end of the drive. A file smaller than the drive keeps the arm
	// near, so that random writes in it are faster than the data sheet's average seek lets expect.
	FileBytes int64
	// Depth is how many commands the host has at the drive at once, at most; 0 means 1. With 1 the host issues a write when
	// it knows that the one before is done, and meanwhile the platters have turned on.
	Depth int
	// Seed chooses the platters' angle at the beginning; 0 means angle 0. The arm begins at the file's beginning.
	Seed uint64
}

// AfterPrevious as a Write's AtNS says that the host issues it as soon as it may: when fewer than Options.Depth of those
// before are under way.
const AfterPrevious int64 = -1

// Write is one write to the drive.
type Write struct {
	Offset, Bytes int64
	// AtNS is when the host issues it, on the model's clock, which begins at 0. Writes come in the order in which they are
	// issued. A write that meets Options.Depth others at the drive waits, and its waiting counts.
	AtNS int64
}

// Parts is where time went, in ns.
type Parts struct {
	QueueNS      int64 // the drive was not ready: busy with earlier writes
	OverheadNS   int64 // the drive's electronics dealt with the command
	SeekNS       int64 // the arm moved and settled
	HeadSwitchNS int64 // another head settled on its track
	RotationNS   int64 // the sector was not yet below the head
	TransferNS   int64 // the sectors passed below the head
	CacheNS      int64 // the data went into the drive's buffer
}

// SumNS is the time of all parts.
func (p Parts) SumNS() int64 {
	return p.QueueNS + p.OverheadNS + p.SeekNS + p.HeadSwitchNS + p.RotationNS + p.TransferNS + p.CacheNS
}

// Plus adds two times part by part.
func (p Parts) Plus(q Parts) Parts {
	return Parts{p.QueueNS + q.QueueNS, p.OverheadNS + q.OverheadNS, p.SeekNS + q.SeekNS, p.HeadSwitchNS + q.HeadSwitchNS,
		p.RotationNS + q.RotationNS, p.TransferNS + q.TransferNS, p.CacheNS + q.CacheNS}
}

// lastNS is where the last so many ns went, if the parts came in the order in which they do on one track.
func (p Parts) lastNS(ns int64) Parts {
	var last Parts
	for _, part := range []struct{ from, to *int64 }{
		{&p.TransferNS, &last.TransferNS}, {&p.RotationNS, &last.RotationNS}, {&p.HeadSwitchNS, &last.HeadSwitchNS}, {&p.SeekNS, &last.SeekNS},
	} {
		*part.to = min(ns, *part.from)
		ns -= *part.to
	}
	return last
}

// Service is what became of one write or flush.
type Service struct {
	IssuedNS, DoneNS int64 // on the model's clock
	// Waited is what the host waited for; its sum is the service time. With the write cache on, a wait for the medium (a
	// flush, a full buffer) is told by what the arm and the platters did meanwhile.
	Waited Parts
}

// NS is the service time: from the issue until the write, or flush, was done.
func (s Service) NS() int64 { return s.DoneNS - s.IssuedNS }

// Total is what became of all writes so far.
type Total struct {
	Writes, Flushes, Bytes int64
	// Merged is how many writes the buffer joined to what it held: they cost no way of their own. Partial is how many the
	// medium took that began or ended inside a sector, which costs a turn each.
	Merged, Partial int64
	// SpanNS lies between the first issue and the moment when the last write or flush was done, AcceptedNS between the first
	// issue and the moment when the last write was done.
	SpanNS, AcceptedNS int64
	// LongestNS is the longest service time.
	LongestNS int64
	// Waited is the sum of what the host waited for. With a Depth above 1 waits overlap, and it exceeds the span.
	Waited Parts
	// Medium is what the arm and the platters were busy with, while the host waited or not, as far as it was begun.
	Medium Parts
	// BufferedBytes are accepted and not yet on the medium: a power cut would lose them.
	BufferedBytes int64
}

// WritesPerSecond is the rate of writes over the whole span, flushes included. There is none before the first write.
func (t Total) WritesPerSecond() (rate float64, ok bool) { return t.per(t.Writes) }

// BytesPerSecond is the rate of bytes over the whole span, flushes included. There is none before the first write.
func (t Total) BytesPerSecond() (rate float64, ok bool) { return t.per(t.Bytes) }

func (t Total) per(n int64) (float64, bool) {
	if n == 0 || t.SpanNS == 0 {
		return 0, false
	}
	return float64(n) / float64(t.SpanNS) * 1e9, true
}

// DurableNS lies between the first issue and the moment when everything was on the medium. There is no such moment while
// the buffer holds something: flush first.
func (t Total) DurableNS() (ns int64, ok bool) { return t.SpanNS, t.Writes > 0 && t.BufferedBytes == 0 }

// Disk is a drive at work. Its memory depends on the drive's buffer and on Options.Depth, not on the number of writes.
// The same writes yield the same times again, on every machine. It is used by one goroutine at a time.
type Disk struct {
	drive   Drive
	options Options
	file    int64 // bytes

	medium   mechanism
	mediumNS int64 // when arm and platters were, or will be, done with what they began
	// What they do now, with the write cache on.
	busy      bool
	busyBytes int64
	busyParts Parts

	pending     elevator
	bufferBytes int64 // taken
	extentLimit int64

	channelNS int64   // when the interface is free
	doneNS    []int64 // of the last Depth writes, in a ring
	oldest    int
	issuedNS  int64 // of the last write or flush
	barrierNS int64 // nothing is issued before: the end of the last flush
	firstNS   int64
	lastNS    int64 // when the last write was done

	total Total
}

// New makes a disk of a drive.
func New(drive Drive, options Options) (*Disk, error) {
	if err := drive.Validate(); err != nil {
		return nil, fmt.Errorf("model drive %q: %w", drive.Name, err)
	}
	if options.Cache != WriteCacheOff && options.Cache != WriteCacheOn {
		return nil, fmt.Errorf("model drive %q: the write cache is neither %q nor %q: set Options.Cache", drive.Name, WriteCacheOff, WriteCacheOn)
	}
	capacity := drive.CapacityBytes()
	if options.StartBytes < 0 || options.StartBytes >= capacity || options.StartBytes%drive.SectorBytes != 0 {
		return nil, fmt.Errorf("model drive %q: a file can't begin at byte %d: set Options.StartBytes to a multiple of %d below %d", drive.Name, options.StartBytes, drive.SectorBytes, capacity)
	}
	if room := capacity - options.StartBytes; options.FileBytes < 0 || options.FileBytes > room {
		return nil, fmt.Errorf("model drive %q: a file of %d bytes does not fit behind byte %d: there are %d; set Options.StartBytes lower", drive.Name, options.FileBytes, options.StartBytes, room)
	} else if options.FileBytes == 0 {
		options.FileBytes = room
	}
	if options.Depth < 0 {
		return nil, fmt.Errorf("model drive %q: %d commands at the drive are impossible: set Options.Depth to 1 or more", drive.Name, options.Depth)
	}
	var startNS int64
	if options.Seed != 0 {
		startNS = rand.New(rand.NewPCG(options.Seed, 0)).Int64N(drive.TurnNS())
	}
	d := &Disk{drive: drive, options: options, file: options.FileBytes, medium: newMechanism(drive, startNS),
		pending: newElevator(options.StartBytes), doneNS: make([]int64, max(1, options.Depth)),
		// The medium takes the buffer's contents in pieces, so that room comes back piece by piece. A sector is the least.
		extentLimit: max(drive.BufferBytes/32/drive.SectorBytes, 1) * drive.SectorBytes}
	d.medium.moveTo(options.StartBytes / drive.SectorBytes)
	return d, nil
}

// Write writes bytes at the offset as soon as the host may.
func (d *Disk) Write(offset, bytes int64) (Service, error) {
	return d.Do(Write{Offset: offset, Bytes: bytes, AtNS: AfterPrevious})
}

// Do does a write. It fails, and changes nothing, where the write lies outside the file or is out of order.
func (d *Disk) Do(w Write) (Service, error) {
	if w.Bytes < 1 || w.Offset < 0 || w.Offset > d.file-w.Bytes {
		return Service{}, fmt.Errorf("model a write of %d bytes at offset %d: it is not inside the file's %d bytes: check Options.FileBytes", w.Bytes, w.Offset, d.file)
	}
	// The host may issue it when one of the last Depth writes is done.
	mayNS := max(d.doneNS[d.oldest], d.barrierNS)
	issued := max(mayNS, d.issuedNS)
	if w.AtNS != AfterPrevious {
		if w.AtNS < d.issuedNS {
			return Service{}, fmt.Errorf("model a write issued at %d ns: the one before was issued at %d ns: give writes in the order of their issue", w.AtNS, d.issuedNS)
		}
		issued = w.AtNS
	}
	arrived := max(issued, mayNS)

	s := Service{IssuedNS: issued, Waited: Parts{QueueNS: arrived - issued}}
	at := extent{start: d.options.StartBytes + w.Offset, end: d.options.StartBytes + w.Offset + w.Bytes}
	if d.options.Cache == WriteCacheOn {
		d.accept(&s, arrived, at)
	} else {
		d.serve(&s, arrived, at)
	}

	if d.total.Writes+d.total.Flushes == 0 {
		d.firstNS = issued
	}
	d.issuedNS, d.lastNS = issued, s.DoneNS
	d.doneNS[d.oldest] = s.DoneNS
	d.oldest = (d.oldest + 1) % len(d.doneNS)
	d.total.Writes++
	d.total.Bytes += w.Bytes
	d.account(s)
	d.total.AcceptedNS = s.DoneNS - d.firstNS
	return s, nil
}

func (d *Disk) account(s Service) {
	d.total.Waited = d.total.Waited.Plus(s.Waited)
	d.total.LongestNS = max(d.total.LongestNS, s.NS())
	d.total.SpanNS = max(d.total.SpanNS, s.DoneNS-d.firstNS)
}

// serve writes to the medium while the host waits.
func (d *Disk) serve(s *Service, arrived int64, x extent) {
	// A command that waits at the drive has been dealt with when its turn comes.
	ready := arrived + d.drive.OverheadNS
	begin := max(ready, d.mediumNS)
	s.Waited.QueueNS += begin - ready
	s.Waited.OverheadNS = d.drive.OverheadNS
	done, parts := d.toMedium(begin, x)
	s.Waited = s.Waited.Plus(parts)
	s.DoneNS, d.mediumNS = done, done
}

// toMedium has the medium take an extent.
func (d *Disk) toMedium(atNS int64, x extent) (doneNS int64, parts Parts) {
	size := d.drive.SectorBytes
	first, end := x.start/size, (x.end+size-1)/size
	partial := x.start%size != 0 || x.end%size != 0
	if partial {
		d.total.Partial++
	}
	doneNS, parts = d.medium.write(atNS, first, end-first, partial)
	d.total.Medium = d.total.Medium.Plus(parts)
	return doneNS, parts
}

// accept puts a write into the buffer, piece by piece where it is long.
func (d *Disk) accept(s *Service, arrived int64, x extent) {
	now := arrived + d.drive.CacheOverheadNS
	s.Waited.OverheadNS = d.drive.CacheOverheadNS
	if d.channelNS > now {
		s.Waited.QueueNS += d.channelNS - now
		now = d.channelNS
	}
	merged := false
	for start := x.start; start < x.end; {
		piece := extent{start: start, end: min(x.end, start+d.extentLimit)}
		start = piece.end
		bytes := piece.end - piece.start
		d.workUntil(now)
		for d.bufferBytes+bytes > d.drive.BufferBytes {
			now = d.waitForMedium(s, now)
		}
		nanoseconds := (bytes*1e9 + d.drive.InterfaceBytesPerSecond - 1) / d.drive.InterfaceBytesPerSecond
		s.Waited.CacheNS += nanoseconds
		now += nanoseconds

		d.workUntil(now)
		if !d.busy && d.pending.empty() {
			d.mediumNS = max(d.mediumNS, now) // it stood idle until now
		}
		taken, joined := d.pending.add(piece, d.extentLimit)
		d.bufferBytes += taken
		merged = merged || joined
	}
	if merged {
		d.total.Merged++
	}
	s.DoneNS, d.channelNS = now, now
}

// workUntil has the medium do what it begins before nowNS, and gives back the room of what it has done by then. All that
// the buffer holds has come before nowNS.
func (d *Disk) workUntil(nowNS int64) {
	for {
		if d.busy {
			if d.mediumNS > nowNS {
				return
			}
			d.finish()
		}
		if d.pending.empty() || d.mediumNS >= nowNS {
			return
		}
		d.begin()
	}
}

func (d *Disk) begin() {
	x := d.pending.next()
	d.mediumNS, d.busyParts = d.toMedium(d.mediumNS, x)
	d.busy, d.busyBytes = true, x.end-x.start
}

func (d *Disk) finish() {
	d.busy = false
	d.bufferBytes -= d.busyBytes
}

// waitForMedium waits until the medium has taken an extent, the one under way or the next, and says when.
func (d *Disk) waitForMedium(s *Service, nowNS int64) int64 {
	if !d.busy {
		d.begin()
	}
	s.Waited = s.Waited.Plus(d.busyParts.lastNS(d.mediumNS - nowNS))
	d.finish()
	return d.mediumNS
}

// Flush makes what was written before durable, and nothing is issued until it is: a sync that waits. It comes when the
// last write is done. With the write cache off nothing remains to be done and no command reaches the drive, since Linux
// sends none to a drive whose cache is off.
func (d *Disk) Flush() Service { return d.FlushAt(AfterPrevious) }

// FlushAt is a Flush that the host issues at atNS, or when the last write is done if that is later.
func (d *Disk) FlushAt(atNS int64) Service {
	issued := max(d.lastNS, d.barrierNS, atNS)
	s := Service{IssuedNS: issued, DoneNS: issued}
	if d.options.Cache == WriteCacheOn {
		now := issued + d.drive.CacheOverheadNS
		s.Waited.OverheadNS = d.drive.CacheOverheadNS
		d.workUntil(now)
		for d.busy || !d.pending.empty() {
			now = d.waitForMedium(&s, now)
		}
		s.DoneNS, d.channelNS = now, now
	}
	if d.total.Writes+d.total.Flushes == 0 {
		d.firstNS = issued
	}
	d.issuedNS, d.barrierNS = issued, s.DoneNS
	d.total.Flushes++
	d.account(s)
	return s
}

// Total is what became of all writes so far. A Flush before it makes sure that the medium has everything.
func (d *Disk) Total() Total {
	t := d.total
	t.BufferedBytes = d.bufferBytes
	return t
}

// NowNS is when the last write or flush was done, on the model's clock: add the time that the host thinks, and issue the
// next one then.
func (d *Disk) NowNS() int64 { return max(d.lastNS, d.barrierNS) }
