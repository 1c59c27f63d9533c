package hdd

import (
	"math"
	"testing"
)

// Mean over random pairs of cylinders, against the data sheets' definition and number.
func TestAverageSeek(t *testing.T) {
	for _, tt := range []struct {
		drive  Drive
		wantMS float64
		share  float64
	}{
		{Drive7200(), 9.5, 0.005},
		{HP97560(), 12.838, 0.005}, // the sum over the published curve; no source gives a mean
	} {
		within(t, tt.drive.Name+": average seek by the data sheets' formula, ms", tt.drive.AverageSeekNS()/1e6, tt.wantMS, 0.0001)
		d := newDisk(t, tt.drive, Options{Cache: WriteCacheOff})
		random, cylinders := source(2), tt.drive.Cylinders()
		var sum float64
		const n = 100_000
		at := int64(0)
		for range n {
			next := random.Int64N(cylinders)
			for next == at {
				next = random.Int64N(cylinders)
			}
			at = next
			sum += float64(write(t, d, cylinderBytes(tt.drive, at), tt.drive.SectorBytes).Waited.SeekNS)
		}
		within(t, tt.drive.Name+": average seek of writes, ms", sum/n/1e6, tt.wantMS, tt.share)
	}
}

func TestShortestAndLongestSeek(t *testing.T) {
	for _, tt := range []struct {
		drive          Drive
		nextMS, fullMS float64
	}{
		{Drive7200(), 1.1, 18},
		{HP97560(), 3.24 + 0.4, 8 + 0.008*1961},
	} {
		d := newDisk(t, tt.drive, Options{Cache: WriteCacheOff})
		last := cylinderBytes(tt.drive, tt.drive.Cylinders()-1)
		for _, w := range []struct {
			what   string
			to     int64
			wantMS float64
		}{
			{"no seek", 0, 0},
			{"next cylinder", cylinderBytes(tt.drive, 1), tt.nextMS},
			{"back", 0, tt.nextMS},
			{"full stroke inwards", last, tt.fullMS},
			{"full stroke outwards", 0, tt.fullMS},
		} {
			got := float64(write(t, d, w.to, tt.drive.SectorBytes).Waited.SeekNS) / 1e6
			within(t, tt.drive.Name+": "+w.what+", ms", got, w.wantMS, 0.0001)
		}
	}
}

// The curve of the HP 97560 is published: its branches as they stand in the paper.
func TestPublishedSeekCurve(t *testing.T) {
	curve := HP97560().Seek
	for _, tt := range []struct {
		cylinders int64
		ms        float64
	}{
		{0, 0}, {1, 3.64}, {100, 7.24}, {382, 3.24 + 0.4*math.Sqrt(382)}, {383, 8 + 0.008*383}, {1000, 16}, {1961, 23.688},
	} {
		within(t, "seek, ms", float64(curve.NS(tt.cylinders))/1e6, tt.ms, 1e-6)
	}
}

// The curve of the 7200 rpm drive is a fit: the constants are what FitSeek makes of the three numbers.
func TestFittedSeekCurve(t *testing.T) {
	drive := Drive7200()
	fit, err := FitSeek(drive.Cylinders(), 1_100_000, 9_500_000, 18_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for way := int64(1); way < drive.Cylinders(); way += 1 + way/20 {
		if got, want := drive.Seek.NS(way), fit.NS(way); max(got-want, want-got) > 10 {
			t.Fatalf("seek over %d cylinders takes %d ns, the fit says %d: %+v", way, got, want, fit)
		}
	}
}

func TestFitSeek(t *testing.T) {
	for _, tt := range []struct{ cylinders, track, average, full int64 }{
		{100, 1e6, 5e6, 10e6}, {1962, 3_640_000, 12_838_000, 23_688_000}, {50_000, 800_000, 8_500_000, 17e6}, {4, 1e6, 135e4, 2e6},
	} {
		curve, err := FitSeek(tt.cylinders, tt.track, tt.average, tt.full)
		if err != nil {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		within(t, "next cylinder", float64(curve.NS(1)), float64(tt.track), 1e-6)
		within(t, "full stroke", float64(curve.NS(tt.cylinders-1)), float64(tt.full), 1e-6)
		within(t, "average", curve.averageNS(tt.cylinders), float64(tt.average), 2/float64(tt.cylinders))
		for way := int64(2); way < tt.cylinders; way++ {
			if curve.NS(way) < curve.NS(way-1) {
				t.Fatalf("%+v: the curve falls at %d cylinders", tt, way)
			}
		}
	}
	for _, tt := range []struct{ cylinders, track, average, full int64 }{
		{100, 1e6, 9e6, 10e6}, // an average so near the full stroke is no seek curve's
		{100, 1e6, 2e6, 10e6},
		{100, 0, 5e6, 10e6}, {100, 5e6, 5e6, 5e6}, {2, 1e6, 2e6, 3e6},
	} {
		if curve, err := FitSeek(tt.cylinders, tt.track, tt.average, tt.full); err == nil {
			t.Errorf("%+v: fitted %+v", tt, curve)
		}
	}
}

// Mean over random angles: half a turn.
func TestAverageLatency(t *testing.T) {
	for _, tt := range []struct {
		drive  Drive
		wantMS float64
	}{{Drive7200(), 4.17}, {HP97560(), 7.50}} {
		d := newDisk(t, tt.drive, Options{Cache: WriteCacheOff})
		random := source(3)
		var sum, longest int64
		const n = 50_000
		for range n {
			at := random.Int64N(d.file/tt.drive.SectorBytes) * tt.drive.SectorBytes
			s := do(t, d, Write{Offset: at, Bytes: tt.drive.SectorBytes, AtNS: d.NowNS() + random.Int64N(50e6)})
			sum += s.Waited.RotationNS
			longest = max(longest, s.Waited.RotationNS)
		}
		within(t, tt.drive.Name+": average latency, ms", float64(sum)/n/1e6, tt.wantMS, 0.01)
		if longest >= tt.drive.TurnNS() {
			t.Errorf("%s: a wait of %d ns for the sector, a turn takes %d", tt.drive.Name, longest, tt.drive.TurnNS())
		}
	}
	within(t, "7200 rpm: one turn, ms", float64(Drive7200().TurnNS())/1e6, 8.33, 0.001)
}

// Sequential writes at the data sheet's rate, outside and inside, by every way to keep the drive busy.
func TestSustainedRate(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		name       string
		drive      Drive
		start      int64
		want       float64 // bytes/s
		totalBytes int64
	}{
		{"7200 outside", Drive7200(), 0, 200e6, 256 * mib},
		{"7200 inside", Drive7200(), Drive7200().StartBytes(0.99), 120e6, 256 * mib},
		{"HP 97560", HP97560(), 0, HP97560().SustainedBytesPerSecond(HP97560().Zones[0]), 64 * mib},
	} {
		within(t, tt.name+": by the formula", tt.drive.SustainedBytesPerSecond(zoneAt(tt.drive, tt.start)), tt.want, 0.005)
		for _, options := range []Options{
			{Cache: WriteCacheOff, Depth: 2}, {Cache: WriteCacheOff, Depth: 32}, {Cache: WriteCacheOn, Depth: 32},
		} {
			for _, block := range []int64{16 << 10, mib} {
				if options.Depth == 2 && block < mib {
					continue // the next command's overhead takes longer than such a block: two commands don't hide it
				}
				options.StartBytes = tt.start
				d := newDisk(t, tt.drive, options)
				appends(t, d, int(tt.totalBytes/block), block, false)
				d.Flush()
				within(t, tt.name+", bytes/s", speed(t, d), tt.want, 0.01)
			}
		}
	}
}

func zoneAt(d Drive, bytes int64) Zone {
	m := newMechanism(d, 0)
	z, _ := m.locate(bytes / d.SectorBytes)
	return z.Zone
}

func TestCapacity(t *testing.T) {
	within(t, "7200 rpm drive, bytes", float64(Drive7200().CapacityBytes()), 1e12, 0.001)
	within(t, "HP 97560, bytes", float64(HP97560().CapacityBytes()), 1962*19*72*512, 0)
}

// A random write takes what the data sheet's numbers add up to: overhead, average seek, average latency, transfer.
func TestRandomWritesAddUp(t *testing.T) {
	for _, tt := range []struct {
		drive  Drive
		bytes  int64
		wantMS float64
		share  float64
	}{
		// The short formula, 1/(9.5 + 4.17 ms), gives 73.2 writes/s. Bytes lie denser outside, so that random bytes are a little
		// nearer to each other than random cylinders.
		{Drive7200(), 4096, 0.4 + 9.5 + 4.17 + 0.02, 0.02},
		{HP97560(), 8192, 2.2 + 12.838 + 7.496 + 16*14.9925/72, 0.01},
	} {
		d := newDisk(t, tt.drive, Options{Cache: WriteCacheOff})
		random := source(4)
		for range 30_000 {
			write(t, d, random.Int64N(d.file/tt.bytes)*tt.bytes, tt.bytes)
		}
		within(t, tt.drive.Name+": random write, ms", 1e3/rate(t, d), tt.wantMS, tt.share)
		if tt.drive.Heads == 2 {
			within(t, "random 4 KiB writes/s, cache off", rate(t, d), 73.2, 0.04)
		}
	}
}
