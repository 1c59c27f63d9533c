package hdd

import (
	"math"
	"math/rand/v2"
	"testing"
)

func newDisk(t testing.TB, drive Drive, options Options) *Disk {
	t.Helper()
	d, err := New(drive, options)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func write(t testing.TB, d *Disk, offset, bytes int64) Service {
	t.Helper()
	s, err := d.Write(offset, bytes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func do(t testing.TB, d *Disk, w Write) Service {
	t.Helper()
	s, err := d.Do(w)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// within wants got to differ from want by at most that share of want.
func within(t testing.TB, what string, got, want, share float64) {
	t.Helper()
	if !(math.Abs(got-want) <= share*want) {
		t.Errorf("%s: modelled %.6g, want %.6g within %.2g %%, off by %+.2f %%", what, got, want, 100*share, 100*(got/want-1))
	}
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }

// rate is the writes per second of all so far.
func rate(t testing.TB, d *Disk) float64 {
	t.Helper()
	perSecond, ok := d.Total().WritesPerSecond()
	if !ok {
		t.Fatal("no rate")
	}
	return perSecond
}

// speed is the bytes per second of all so far.
func speed(t testing.TB, d *Disk) float64 {
	t.Helper()
	perSecond, ok := d.Total().BytesPerSecond()
	if !ok {
		t.Fatal("no rate")
	}
	return perSecond
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// cylinderBytes is where a cylinder begins on the drive.
func cylinderBytes(d Drive, cylinder int64) int64 {
	var sectors int64
	for _, z := range d.Zones {
		n := min(cylinder, z.Cylinders)
		sectors += n * d.Heads * z.SectorsPerTrack
		cylinder -= n
	}
	return sectors * d.SectorBytes
}

// randomWrites does n writes of 4 KiB at random places of the file.
func randomWrites(t testing.TB, d *Disk, n int, flush bool) {
	t.Helper()
	random := source(1)
	for range n {
		write(t, d, random.Int64N(d.file/4096)*4096, 4096)
		if flush {
			d.Flush()
		}
	}
}

// appends does n writes, each where the one before ended.
func appends(t testing.TB, d *Disk, n int, bytes int64, flush bool) {
	t.Helper()
	for i := range int64(n) {
		write(t, d, i*bytes, bytes)
		if flush {
			d.Flush()
		}
	}
}
