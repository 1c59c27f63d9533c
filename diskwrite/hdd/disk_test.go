package hdd

import (
	"slices"
	"strings"
	"testing"
)

// The platters turn whatever the host does: when a write is done, the end of its last sector is below the head.
func TestPlattersNeverStop(t *testing.T) {
	for _, drive := range []Drive{Drive7200(), HP97560()} {
		for _, seed := range []uint64{0, 1, 2} {
			d := newDisk(t, drive, Options{Cache: WriteCacheOff, Seed: seed})
			random := source(seed)
			for range 5000 {
				sectors := 1 + random.Int64N(100)
				first := random.Int64N(d.file/drive.SectorBytes - sectors)
				s := do(t, d, Write{Offset: first * drive.SectorBytes, Bytes: sectors * drive.SectorBytes, AtNS: d.NowNS() + random.Int64N(20e6)})
				z, last := d.medium.locate(first + sectors - 1)
				want := (last.passing + 1) * d.medium.turnNS / z.SectorsPerTrack % d.medium.turnNS
				if got := (s.DoneNS + d.medium.startNS) % d.medium.turnNS; got != want {
					t.Fatalf("%s: done at angle %d ns, the sector ends at %d", drive.Name, got, want)
				}
			}
		}
	}
}

// A host that waits for each write misses the next sector and waits almost a turn for it. One that has the next command
// at the drive already does not, and neither does one that hands over enough at once.
func TestWhoLosesATurn(t *testing.T) {
	drive := Drive7200()
	turn := float64(drive.TurnNS())
	mean := func(options Options, n int, bytes int64, flush bool) float64 {
		d := newDisk(t, drive, options)
		appends(t, d, n, bytes, flush)
		d.Flush()
		return float64(d.Total().SpanNS) / float64(n)
	}
	const n = 2000
	within(t, "cache off, waiting for each: ns per append", mean(Options{Cache: WriteCacheOff}, n, 4096, false), turn, 0.01)
	within(t, "cache on, a flush each: ns per append", mean(Options{Cache: WriteCacheOn}, n, 4096, true), turn, 0.01)
	if got := mean(Options{Cache: WriteCacheOff, Depth: 32}, n, 4096, false); got > turn/100 {
		t.Errorf("cache off, 32 commands at the drive: %.0f ns per append, a turn is %.0f", got, turn)
	}
	if got := mean(Options{Cache: WriteCacheOn}, n, 4096, false); got > turn/100 {
		t.Errorf("cache on: %.0f ns per append, a turn is %.0f", got, turn)
	}

	// The time for which the host thinks comes off the wait: a turn passes anyway.
	d := newDisk(t, drive, Options{Cache: WriteCacheOff})
	write(t, d, 0, 4096)
	s := do(t, d, Write{Offset: 4096, Bytes: 4096, AtNS: d.NowNS() + 5_000_000})
	if want := drive.TurnNS() - 5_000_000 - drive.OverheadNS; s.Waited.RotationNS != want {
		t.Errorf("after a pause of 5 ms the next sector is %d ns away, want %d", s.Waited.RotationNS, want)
	}
	// And more than a turn's thinking costs another turn.
	s = do(t, d, Write{Offset: 8192, Bytes: 4096, AtNS: d.NowNS() + 8_000_000})
	if want := 2*drive.TurnNS() - 8_000_000 - drive.OverheadNS; s.Waited.RotationNS != want {
		t.Errorf("after a pause of 8 ms the next sector is %d ns away, want %d", s.Waited.RotationNS, want)
	}
}

// From track to track and from cylinder to cylinder the skew is just enough: the head is on its track in time, and
// waits for less than the next sector.
func TestSkewCoversTheSwitch(t *testing.T) {
	for _, drive := range []Drive{Drive7200(), HP97560()} {
		for i, z := range drive.Zones {
			m := newMechanism(drive, 0)
			m.moveTo(m.zones[i].firstSector)
			_, first := m.write(0, m.zones[i].firstSector, 1, false)
			_, parts := m.write(first.SumNS(), m.zones[i].firstSector+1, 3*m.zones[i].perCylinder, false)
			skewNS := func(sectors int64) int64 { return sectors * m.turnNS / z.SectorsPerTrack }
			perCylinder := (drive.Heads-1)*(skewNS(z.TrackSkewSectors)-drive.HeadSwitchNS) + skewNS(z.CylinderSkewSectors) - max(drive.Seek.NS(1), drive.HeadSwitchNS)
			if want := 3 * perCylinder; max(parts.RotationNS-want, want-parts.RotationNS) > 6*drive.Heads {
				t.Errorf("%s, zone %d: changes of track cost %d ns of rotation in three cylinders, want %d", drive.Name, i, parts.RotationNS, want)
			}
			if parts.RotationNS >= m.turnNS {
				t.Errorf("%s, zone %d: the skew is too small: %d ns of rotation in three cylinders", drive.Name, i, parts.RotationNS)
			}
			if parts.HeadSwitchNS == 0 || parts.SeekNS != 3*drive.Seek.NS(1) {
				t.Errorf("%s, zone %d: three cylinders were written with %+v", drive.Name, i, parts)
			}
		}
	}
}

// The service time is the sum of its parts, times go forward, the buffer holds what it can, and after a flush nothing.
// ops says what is written.
func checkDisk(t *testing.T, drive Drive, options Options, ops []byte) []Service {
	t.Helper()
	d := newDisk(t, drive, options)
	var all []Service
	var doneNS, bytes, flushedNS int64
	for i := 0; i+3 < len(ops); i += 4 {
		var s Service
		flush := ops[i]%8 == 0
		if flush {
			s = d.Flush()
			flushedNS = s.DoneNS
		} else {
			w := Write{Bytes: 1 + int64(ops[i])*drive.SectorBytes/4, AtNS: AfterPrevious}
			w.Offset = (int64(ops[i+1])<<8 | int64(ops[i+2])) * drive.SectorBytes / 2 * 64 % (d.file - w.Bytes)
			if ops[i+3]%4 == 0 {
				w.AtNS = d.NowNS() + int64(ops[i+3])*50_000
			}
			s = do(t, d, w)
			bytes += w.Bytes
			if s.IssuedNS < flushedNS {
				t.Fatalf("%s %+v: issued at %d ns, the flush before was done at %d", drive.Name, options, s.IssuedNS, flushedNS)
			}
		}
		all = append(all, s)
		if s.Waited.SumNS() != s.NS() || min(s.Waited.QueueNS, s.Waited.OverheadNS, s.Waited.SeekNS, s.Waited.HeadSwitchNS, s.Waited.RotationNS, s.Waited.TransferNS, s.Waited.CacheNS) < 0 {
			t.Fatalf("%s %+v: the parts %+v don't make %d ns", drive.Name, options, s.Waited, s.NS())
		}
		if s.DoneNS < doneNS {
			t.Fatalf("%s %+v: done at %d ns, the one before at %d", drive.Name, options, s.DoneNS, doneNS)
		}
		doneNS = s.DoneNS
		total := d.Total()
		if total.BufferedBytes < 0 || total.BufferedBytes > drive.BufferBytes || flush && total.BufferedBytes != 0 || options.Cache == WriteCacheOff && total.BufferedBytes != 0 {
			t.Fatalf("%s %+v: %d bytes in a buffer of %d, after a flush: %t", drive.Name, options, total.BufferedBytes, drive.BufferBytes, flush)
		}
		if total.Bytes != bytes || total.Writes+total.Flushes != int64(len(all)) {
			t.Fatalf("%+v after %d operations with %d bytes", total, len(all), bytes)
		}
	}
	d.Flush()
	total := d.Total()
	if busy := total.Medium.SumNS(); busy > d.NowNS() {
		t.Fatalf("%s %+v: arm and platters were busy for %d of %d ns", drive.Name, options, busy, d.NowNS())
	}
	// The heads can't write faster than the outermost track passes; only the buffer spares them what is written over.
	z := drive.Zones[0]
	trackBytesPerNS := float64(z.SectorsPerTrack*drive.SectorBytes) / float64(drive.TurnNS())
	if written := float64(total.Medium.TransferNS+int64(len(all))) * trackBytesPerNS; options.Cache == WriteCacheOff && written < float64(bytes) {
		t.Fatalf("%s %+v: %d bytes written in a transfer of %d ns", drive.Name, options, bytes, total.Medium.TransferNS)
	}
	return all
}

func TestInvariants(t *testing.T) {
	random := source(5)
	ops := make([]byte, 4*3000)
	for i := range ops {
		ops[i] = byte(random.Uint64())
	}
	for _, drive := range []Drive{Drive7200(), HP97560()} {
		for _, cache := range []Cache{WriteCacheOff, WriteCacheOn} {
			for _, depth := range []int{0, 1, 4, 32} {
				options := Options{Cache: cache, Depth: depth, Seed: 7, StartBytes: drive.StartBytes(0.25)}
				first := checkDisk(t, drive, options, ops)
				if !slices.Equal(first, checkDisk(t, drive, options, ops)) {
					t.Errorf("%s %+v: the same writes took other times", drive.Name, options)
				}
			}
		}
	}
}

func FuzzDisk(f *testing.F) {
	f.Add([]byte{1, 0, 0, 1, 1, 0, 1, 1, 8, 0, 0, 0, 255, 9, 9, 4}, uint8(3), true)
	f.Fuzz(func(t *testing.T, ops []byte, depth uint8, on bool) {
		options := Options{Cache: WriteCacheOff, Depth: int(depth)}
		if on {
			options.Cache = WriteCacheOn
		}
		checkDisk(t, HP97560(), options, ops[:min(len(ops), 4000)])
	})
}

// The elevator against one that sorts: the same order, whatever comes and goes in between.
func TestElevatorOrder(t *testing.T) {
	random := source(6)
	e := newElevator(500)
	var pending []int64
	position := int64(500)
	for step := range 20_000 {
		if len(pending) < 300 && random.IntN(2) == 0 || len(pending) == 0 {
			at := random.Int64N(1000) * 10
			if slices.Contains(pending, at) {
				if bytes, merged := e.add(extent{at, at + 5}, 100); bytes != 0 || !merged {
					t.Fatalf("step %d: writing over %d again took %d bytes of the buffer", step, at, bytes)
				}
				continue
			}
			if bytes, merged := e.add(extent{at, at + 5}, 100); bytes != 5 || merged {
				t.Fatalf("step %d: %d took %d bytes, merged %t", step, at, bytes, merged)
			}
			pending = append(pending, at)
			continue
		}
		slices.Sort(pending)
		i, _ := slices.BinarySearch(pending, position)
		if i == len(pending) {
			i = 0
		}
		want := pending[i]
		pending = slices.Delete(pending, i, i+1)
		if got := e.next(); got != (extent{want, want + 5}) {
			t.Fatalf("step %d: from %d the elevator went to %+v, want %d", step, position, got, want)
		}
		position = want + 5
	}
}

func TestBufferJoinsWhatIsAdjacent(t *testing.T) {
	e := newElevator(0)
	for i, tt := range []struct {
		x      extent
		bytes  int64
		merged bool
	}{
		{extent{0, 10}, 10, false},
		{extent{10, 20}, 10, true},    // behind it
		{extent{20, 120}, 100, false}, // would grow over the limit
		{extent{0, 20}, 0, true},      // over it
		{extent{0, 30}, 30, false},    // longer than what is there
		{extent{5, 8}, 3, false},      // inside it: not looked for
	} {
		if bytes, merged := e.add(tt.x, 100); bytes != tt.bytes || merged != tt.merged {
			t.Errorf("%d: %+v took %d bytes, merged %t; want %d, %t", i, tt.x, bytes, merged, tt.bytes, tt.merged)
		}
	}
	var got []extent
	for !e.empty() {
		got = append(got, e.next())
	}
	if want := []extent{{0, 20}, {20, 120}, {0, 30}, {5, 8}}; !slices.Equal(got, want) {
		t.Logf("order: %v", got)
		var bytes int64
		for _, x := range got {
			bytes += x.end - x.start
		}
		if bytes != 10+10+100+30+3 {
			t.Errorf("the elevator gave back %d bytes", bytes)
		}
	}
	if len(e.starts)+len(e.ends) != 0 {
		t.Errorf("an empty elevator remembers %v and %v", e.starts, e.ends)
	}
}

// A write that the cache takes waits for nothing but the interface, until the buffer is full; then it waits for the medium.
func TestFullBufferThrottles(t *testing.T) {
	drive := Drive7200()
	d := newDisk(t, drive, Options{Cache: WriteCacheOn})
	random := source(8)
	fast := drive.CacheOverheadNS + (4096*1e9+drive.InterfaceBytesPerSecond-1)/drive.InterfaceBytesPerSecond
	var throttled int64
	for i := int64(0); throttled == 0; i++ {
		s := write(t, d, random.Int64N(d.file/4096)*4096, 4096)
		if s.NS() == fast {
			continue
		}
		throttled = i
		if s.Waited.RotationNS+s.Waited.SeekNS+s.Waited.TransferNS == 0 {
			t.Errorf("the throttled write waited for %+v", s.Waited)
		}
	}
	if room := drive.BufferBytes / 4096; throttled < room || throttled > room+room/10 {
		t.Errorf("write %d was the first to wait; the buffer holds %d", throttled, room)
	}
	flush := d.Flush()
	if least := throttled * 2_000_000; flush.NS() < least || flush.Waited.SeekNS == 0 || flush.Waited.RotationNS == 0 {
		t.Errorf("flushing %d random writes took %d ns: %+v", throttled, flush.NS(), flush.Waited)
	}
	if again := d.Flush(); again.NS() != drive.CacheOverheadNS {
		t.Errorf("flushing an empty buffer took %d ns", again.NS())
	}
}

// One write that is longer than the buffer goes through it.
func TestWriteLargerThanTheBuffer(t *testing.T) {
	drive := HP97560()
	d := newDisk(t, drive, Options{Cache: WriteCacheOn})
	s := write(t, d, 0, 10*drive.BufferBytes)
	if s.Waited.TransferNS == 0 || d.Total().BufferedBytes > drive.BufferBytes {
		t.Errorf("%+v with %d bytes in the buffer", s, d.Total().BufferedBytes)
	}
	d.Flush()
	within(t, "bytes/s", speed(t, d), drive.SustainedBytesPerSecond(drive.Zones[0]), 0.05)
}

// Rewriting the same block costs the medium one write as long as the buffer has it, and the order of the elevator beats
// that of the host.
func TestCacheSavesWork(t *testing.T) {
	drive := Drive7200()
	d := newDisk(t, drive, Options{Cache: WriteCacheOn})
	write(t, d, 1<<30, 4096) // keeps the arm busy
	for range 100 {
		write(t, d, 1<<34, 4096)
	}
	d.Flush()
	if total := d.Total(); total.Merged != 99 || total.Medium.TransferNS > 40_000 {
		t.Errorf("100 writes of one block: %+v", total)
	}
	off, on := newDisk(t, drive, Options{Cache: WriteCacheOff}), newDisk(t, drive, Options{Cache: WriteCacheOn})
	randomWrites(t, off, 20_000, false)
	randomWrites(t, on, 20_000, false)
	on.Flush()
	if rate(t, on) < 2*rate(t, off) {
		t.Errorf("random writes: %.0f/s with the cache on, %.0f/s with it off", rate(t, on), rate(t, off))
	}
}

// A write that covers a part of a sector costs a turn more.
func TestPartialSectors(t *testing.T) {
	drive := Drive7200()
	for _, tt := range []struct {
		offset, bytes int64
		partial       bool
	}{{0, 4096, false}, {0, 512, true}, {512, 4096 - 512, true}, {4096, 8192, false}, {4096, 8193, true}, {100, 8192, true}} {
		d := newDisk(t, drive, Options{Cache: WriteCacheOff})
		s := write(t, d, tt.offset, tt.bytes)
		if got := s.Waited.RotationNS >= drive.TurnNS(); got != tt.partial || (d.Total().Partial == 1) != tt.partial {
			t.Errorf("%d bytes at %d: rotation %d ns, %d partial", tt.bytes, tt.offset, s.Waited.RotationNS, d.Total().Partial)
		}
	}
}

// Writes that come on a schedule wait for those before, and their time counts from when they were due.
func TestOpenLoop(t *testing.T) {
	for _, cache := range []Cache{WriteCacheOff, WriteCacheOn} {
		d := newDisk(t, Drive7200(), Options{Cache: cache})
		random := source(9)
		var last Service
		for i := range int64(20_000) {
			last = do(t, d, Write{Offset: random.Int64N(d.file/4096) * 4096, Bytes: 4096, AtNS: i * 2_000_000})
			if last.IssuedNS != i*2_000_000 {
				t.Fatalf("issued at %d ns, was due at %d", last.IssuedNS, i*2_000_000)
			}
		}
		if last.Waited.QueueNS < 10e9 {
			t.Errorf("write cache %s: 500 random writes/s are more than the disk takes, yet the last one waited %d ns", cache, last.Waited.QueueNS)
		}
		if _, err := d.Do(Write{Bytes: 1, AtNS: 5}); err == nil || !strings.Contains(err.Error(), "order") {
			t.Errorf("a write from the past: %v", err)
		}
	}
}

func TestTotal(t *testing.T) {
	d := newDisk(t, Drive7200(), Options{Cache: WriteCacheOn})
	if _, ok := d.Total().WritesPerSecond(); ok {
		t.Error("a rate without a write")
	}
	if _, ok := d.Total().DurableNS(); ok {
		t.Error("durable without a write")
	}
	do(t, d, Write{Bytes: 4096, AtNS: 1_000_000})
	if _, ok := d.Total().DurableNS(); ok {
		t.Error("durable while the buffer holds it")
	}
	accepted := d.Total().AcceptedNS
	flush := d.Flush()
	total := d.Total()
	if ns, ok := total.DurableNS(); !ok || ns != accepted+flush.NS() || total.AcceptedNS != accepted || total.SpanNS != ns {
		t.Errorf("accepted after %d ns, flushed in %d: %+v", accepted, flush.NS(), total)
	}
	if total.LongestNS != flush.NS() || total.Flushes != 1 || total.Writes != 1 {
		t.Errorf("%+v", total)
	}

	off := newDisk(t, Drive7200(), Options{Cache: WriteCacheOff})
	s := write(t, off, 0, 4096)
	if ns, ok := off.Total().DurableNS(); !ok || ns != s.NS() || off.Flush().NS() != 0 {
		t.Errorf("cache off: durable after %d ns (%t), the write took %d", ns, ok, s.NS())
	}
}

// Wrong use is an error that says what to do, and changes nothing.
func TestErrors(t *testing.T) {
	drive := Drive7200()
	capacity := drive.CapacityBytes()
	broken := func(change func(*Drive)) Drive {
		d := Drive7200()
		d.Zones = slices.Clone(d.Zones)
		change(&d)
		return d
	}
	ok := Options{Cache: WriteCacheOff}
	for _, tt := range []struct {
		drive   Drive
		options Options
		want    string
	}{
		{drive, Options{}, "set Options.Cache"},
		{drive, Options{Cache: "maybe"}, "set Options.Cache"},
		{drive, Options{Cache: WriteCacheOn, StartBytes: 100}, "multiple of 4096"},
		{drive, Options{Cache: WriteCacheOn, StartBytes: capacity}, "below"},
		{drive, Options{Cache: WriteCacheOn, StartBytes: -4096}, "multiple"},
		{drive, Options{Cache: WriteCacheOn, StartBytes: 4096, FileBytes: capacity}, "does not fit"},
		{drive, Options{Cache: WriteCacheOn, FileBytes: -1}, "does not fit"},
		{drive, Options{Cache: WriteCacheOn, Depth: -1}, "Options.Depth"},
		{Drive{}, ok, "set RPM"},
		{broken(func(d *Drive) { d.SectorBytes = 0 }), ok, "SectorBytes"},
		{broken(func(d *Drive) { d.Heads = 0 }), ok, "Heads"},
		{broken(func(d *Drive) { d.Zones = nil }), ok, "Zones"},
		{broken(func(d *Drive) { d.OverheadNS = -1 }), ok, "negative"},
		{broken(func(d *Drive) { d.BufferBytes = 1 }), ok, "BufferBytes"},
		{broken(func(d *Drive) { d.Zones[3].SectorsPerTrack = 0 }), ok, "zone 3"},
		{broken(func(d *Drive) { d.Zones[3].TrackSkewSectors = 10_000 }), ok, "zone 3"},
		{broken(func(d *Drive) { d.InterfaceBytesPerSecond = 100e6 }), ok, "interface"},
		{broken(func(d *Drive) { d.Seek.ShortRootNS = -1 }), ok, "seek curve"},
		{broken(func(d *Drive) { d.Seek.LongBaseNS = 0 }), ok, "seek curve"},
	} {
		if d, err := New(tt.drive, tt.options); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, %v; want %q", tt.options, d, err, tt.want)
		}
	}

	d := newDisk(t, drive, Options{Cache: WriteCacheOff, FileBytes: 8192})
	for _, w := range []Write{{Offset: 4097, Bytes: 4096}, {Offset: -1, Bytes: 1}, {Bytes: 0}, {Bytes: 8193}, {Offset: 1 << 62, Bytes: 1 << 62}} {
		if _, err := d.Do(w); err == nil {
			t.Errorf("%+v was taken", w)
		}
	}
	if d.Total() != (Total{}) {
		t.Errorf("refused writes left %+v", d.Total())
	}
}

// Memory does not grow with the number of writes.
func TestMemoryIsConstant(t *testing.T) {
	for _, cache := range []Cache{WriteCacheOff, WriteCacheOn} {
		d := newDisk(t, HP97560(), Options{Cache: cache, Depth: 8})
		randomWrites(t, d, 2000, false)
		held := cap(d.pending.extents) + cap(d.pending.free) + cap(d.pending.ahead) + cap(d.pending.behind) + cap(d.doneNS)
		random := source(10)
		allocations := testing.AllocsPerRun(20_000, func() { write(t, d, random.Int64N(d.file/4096)*4096, 4096) })
		if allocations != 0 {
			t.Errorf("write cache %s: %v allocations per write", cache, allocations)
		}
		if now := cap(d.pending.extents) + cap(d.pending.free) + cap(d.pending.ahead) + cap(d.pending.behind) + cap(d.doneNS); now > 2*held+64 {
			t.Errorf("write cache %s: room for %d extents after 2,000 writes and for %d after 22,000", cache, held, now)
		}
		if most := HP97560().BufferBytes/4096 + 1; int64(len(d.pending.extents)) > most {
			t.Errorf("%d extents in a buffer for %d", len(d.pending.extents), most)
		}
	}
}

// The seed sets the platters' first angle and nothing else.
func TestSeed(t *testing.T) {
	angles := map[int64]bool{}
	for seed := range uint64(20) {
		d := newDisk(t, Drive7200(), Options{Cache: WriteCacheOff, Seed: seed})
		angles[d.medium.startNS] = true
		if seed == 0 && d.medium.startNS != 0 {
			t.Error("without a seed the platters don't begin at angle 0")
		}
		if s := write(t, d, 0, 4096); s.Waited.SeekNS != 0 {
			t.Errorf("the arm begins elsewhere: %+v", s)
		}
	}
	if len(angles) != 20 {
		t.Errorf("20 seeds gave %d angles", len(angles))
	}
}
