package worker

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"copylab/diskwrite"
	"copylab/diskwrite/hdd"
	"copylab/internal/kernel"
	"copylab/results"
)

const (
	testBlock  = 4096
	testDevice = 256 << 30 // bytes, less than the 7200 rpm drive has
)

func tracedForTest(t *testing.T, drive hdd.Drive, cache hdd.Cache, deviceBytes int64) *tracedDisk {
	t.Helper()
	d, err := newTracedDisk(drive, cache, deviceBytes)
	if err != nil {
		t.Fatal(err)
	}
	d.pid = 100
	return d
}

// reference models writes with a number of commands at the drive, as the package's own users would.
func reference(t *testing.T, depth int, offsets ...int64) hdd.Total {
	t.Helper()
	disk, err := hdd.New(hdd.Drive7200(), hdd.Options{Cache: hdd.WriteCacheOff, Depth: depth})
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range offsets {
		if _, err := disk.Write(off, testBlock); err != nil {
			t.Fatal(err)
		}
	}
	return disk.Total()
}

func appended(n int) (offsets []int64) {
	for i := range int64(n) {
		offsets = append(offsets, 10<<30+i*testBlock)
	}
	return offsets
}

func ask(pid int, offset int64, sync bool) kernel.BlockRequest {
	return kernel.BlockRequest{Kind: kernel.BlockWrite, Offset: offset, Bytes: testBlock, Sync: sync, PID: pid}
}

// A program that has so many writes in flight has as many at the modelled drive, however fast the traced device was, and
// the kernel's write-back has as many as the drive takes.
func TestTracedDiskUnderWay(t *testing.T) {
	offsets := appended(300)
	for _, tt := range []struct {
		name     string
		pid      int
		sync     bool
		underWay int64
		depth    int
	}{
		{"one direct write at a time", 100, true, testBlock, 1},
		{"a block smaller than what reaches the disk", 100, true, 512, 1},
		{"four direct writes at a time", 100, true, 4 * testBlock, 4},
		{"no limit", 100, true, 0, mostCommands},
		{"more than the drive takes", 100, true, 1000 * testBlock, mostCommands},
		{"written back by the kernel", 7, false, testBlock, mostCommands},
	} {
		d := tracedForTest(t, hdd.Drive7200(), hdd.WriteCacheOff, testDevice)
		d.underWay = tt.underWay
		for _, off := range offsets {
			d.take(ask(tt.pid, off, tt.sync))
		}
		got, want := d.disk.Total(), reference(t, tt.depth, offsets...)
		if d.why != "" || got.SpanNS != want.SpanNS || got.Writes != 300 {
			t.Errorf("%s: %d ns for %d writes (%s), want %d", tt.name, got.SpanNS, got.Writes, d.why, want.SpanNS)
		}
	}
	if one, many := reference(t, 1, offsets...), reference(t, mostCommands, offsets...); one.SpanNS < 100*many.SpanNS {
		t.Error("the test could not tell one write at a time from many")
	}
}

// A flush, a write that forces the medium, and the turn of another process hold back what comes behind; reads and discards are left out.
func TestTracedDiskWaits(t *testing.T) {
	offsets := appended(20)
	for _, tt := range []struct {
		name    string
		between func(d *tracedDisk, i int)
		wait    bool
	}{
		{"nothing", func(*tracedDisk, int) {}, false},
		{"a flush", func(d *tracedDisk, _ int) { d.take(kernel.BlockRequest{Kind: kernel.BlockFlush}) }, true},
		{"a read", func(d *tracedDisk, i int) {
			d.take(kernel.BlockRequest{Kind: kernel.BlockRead, Offset: int64(i) << 30, Bytes: testBlock, Sync: true})
		}, false},
		{"a discard", func(d *tracedDisk, _ int) { d.take(kernel.BlockRequest{Bytes: 1 << 20}) }, false},
	} {
		d := tracedForTest(t, hdd.Drive7200(), hdd.WriteCacheOff, testDevice)
		for i, off := range offsets {
			d.take(ask(100, off, true))
			tt.between(d, i)
		}
		want := reference(t, mostCommands, offsets...)
		if tt.wait {
			want = reference(t, 1, offsets...)
		}
		if got := d.disk.Total(); got.SpanNS != want.SpanNS || got.Writes != 20 {
			t.Errorf("%s in between: %d ns for %d writes, want %d", tt.name, got.SpanNS, got.Writes, want.SpanNS)
		}
	}
	forced, turns := tracedForTest(t, hdd.Drive7200(), hdd.WriteCacheOff, testDevice), tracedForTest(t, hdd.Drive7200(), hdd.WriteCacheOff, testDevice)
	for i, off := range offsets {
		r := ask(100, off, true)
		r.ForceUnit = true
		forced.take(r)
		turns.take(ask(100+i%2, off, true))
	}
	want := reference(t, 1, offsets...)
	if got := forced.disk.Total(); got.SpanNS != want.SpanNS {
		t.Errorf("forced writes: %d ns, want %d", got.SpanNS, want.SpanNS)
	}
	if got := turns.disk.Total(); got.SpanNS != want.SpanNS {
		t.Errorf("two processes in turn: %d ns, want %d", got.SpanNS, want.SpanNS)
	}
}

// On a device that is no larger than the drive, a byte stays where it is. On a larger one the first write lies in the middle, and
// one that is too far away ends the modelling with the reason.
func TestTracedDiskPlaces(t *testing.T) {
	same := tracedForTest(t, hdd.Drive7200(), hdd.WriteCacheOff, testDevice)
	same.take(ask(100, 200<<30, true))
	if same.shift != 0 || same.why != "" {
		t.Errorf("shifted by %d (%s)", same.shift, same.why)
	}
	drive := hdd.HP97560()
	d := tracedForTest(t, drive, hdd.WriteCacheOff, testDevice)
	const first = 100<<30 + testBlock
	for _, off := range []int64{first, first - 600<<20, first + 600<<20} {
		d.take(ask(100, off, true))
	}
	if d.why != "" || d.disk.Total().Writes != 3 || (first+d.shift)%testBlock != 0 {
		t.Errorf("writes 600 MiB apart: %s, %+v", d.why, d.disk.Total())
	}
	d.take(ask(100, first+700<<20, true))
	d.take(ask(100, first, true))
	if !strings.Contains(d.why, "too far apart") || d.disk.Total().Writes != 3 {
		t.Errorf("too far away: %q, %+v", d.why, d.disk.Total())
	}
}

func TestUnderWay(t *testing.T) {
	for _, tt := range []struct {
		method string
		plan   diskwrite.Job
		want   int64
	}{
		{"direct", diskwrite.Job{BlockBytes: 4096}, 4096},
		{"direct", diskwrite.Job{BlockBytes: 512, Writers: 4}, 4 * 512},
		{"uring-direct", diskwrite.Job{BlockBytes: 4096, Depth: 32}, 32 * 4096},
		{"dsync", diskwrite.Job{BlockBytes: 4096, Policy: diskwrite.Policy{ID: diskwrite.SyncEnd}}, 4096},
		{"buffered", diskwrite.Job{BlockBytes: 4096}, 0},
		{"buffered", diskwrite.Job{BlockBytes: 4096, Policy: diskwrite.Policy{ID: diskwrite.SyncEnd}}, 0},
		{"buffered", diskwrite.Job{BlockBytes: os.Getpagesize(), Policy: diskwrite.Policy{ID: diskwrite.SyncEvery, Every: 8}}, 8 * int64(os.Getpagesize())},
		{"buffered", diskwrite.Job{BlockBytes: 100, Writers: 3, Policy: diskwrite.Policy{ID: diskwrite.SyncGroup}}, 3 * int64(os.Getpagesize())},
	} {
		m, ok := diskwrite.FindMethod(tt.method)
		if got := underWay(tt.plan, m); !ok || got != tt.want {
			t.Errorf("%s %+v: %d bytes, want %d", tt.method, tt.plan, got, tt.want)
		}
	}
}

// Where there is no trace, the drive gets the program's writes in its order, with a flush where its policy syncs.
func TestIssued(t *testing.T) {
	base := diskwrite.Job{Pattern: diskwrite.Append, BlockBytes: testBlock, FileBytes: 1 << 30, Operations: 100, Policy: diskwrite.Policy{ID: diskwrite.SyncNone}, SyncCall: diskwrite.Fdatasync}
	with := func(change func(*diskwrite.Job)) diskwrite.Job {
		j := base
		change(&j)
		return j
	}
	policy := func(p diskwrite.Policy) func(*diskwrite.Job) { return func(j *diskwrite.Job) { j.Policy = p } }
	done := diskwrite.Result{Operations: 100, Bytes: 100 * testBlock, Syncs: 25}
	for _, tt := range []struct {
		name, method string
		plan         diskwrite.Job
		least, most  int64 // flushes, the last one among them
	}{
		{"no sync", "buffered", base, 1, 1},
		{"durable writes", "dsync", base, 101, 101},
		{"durable direct writes", "direct-dsync", base, 101, 101},
		{"a sync at the end", "buffered", with(policy(diskwrite.Policy{ID: diskwrite.SyncEnd})), 1, 1},
		{"every 10", "buffered", with(policy(diskwrite.Policy{ID: diskwrite.SyncEvery, Every: 10})), 11, 11},
		{"a group's", "buffered", with(policy(diskwrite.Policy{ID: diskwrite.SyncGroup})), 26, 26},
		{"by the model's clock", "direct", with(policy(diskwrite.Policy{ID: diskwrite.SyncInterval, Interval: 80 * time.Millisecond})), 9, 12},
		{"a call that flushes nothing", "buffered", with(func(j *diskwrite.Job) {
			j.Policy, j.SyncCall = diskwrite.Policy{ID: diskwrite.SyncEvery, Every: 1}, diskwrite.SyncFileRange
		}), 1, 1},
	} {
		m, ok := diskwrite.FindMethod(tt.method)
		if !ok {
			t.Fatal(tt.method)
		}
		// With the cache off, a direct append takes a turn.
		total, err := issued(hdd.Drive7200(), hdd.WriteCacheOff, tt.plan, m, done)
		if err != nil || total.Writes != 100 || total.Bytes != 100*testBlock || total.Flushes < tt.least || total.Flushes > tt.most {
			t.Errorf("%s: %+v, %v; want %d to %d flushes", tt.name, total, err, tt.least, tt.most)
		}
		if ns, durable := total.DurableNS(); !durable || ns <= 0 {
			t.Errorf("%s: %d ns, durable %v", tt.name, ns, durable)
		}
	}
	// As many writes at the drive as the program had in flight.
	direct, _ := diskwrite.FindMethod("direct")
	one, err := issued(hdd.Drive7200(), hdd.WriteCacheOff, base, direct, done)
	if err != nil {
		t.Fatal(err)
	}
	queued, err := issued(hdd.Drive7200(), hdd.WriteCacheOff, with(func(j *diskwrite.Job) { j.Depth = 32 }), direct, done)
	if err != nil || queued.SpanNS > one.SpanNS/10 {
		t.Errorf("an append took %d ns with 32 in flight and %d with one (%v): each turn should have been lost", queued.SpanNS, one.SpanNS, err)
	}
}

// Many logs lie side by side, so that writing them in turn moves the arm; they need as much of the drive as was written.
func TestIssuedManyLogs(t *testing.T) {
	direct, _ := diskwrite.FindMethod("direct")
	plan := diskwrite.Job{Pattern: diskwrite.ManyLogs, Files: 10, BlockBytes: 1 << 20, FileBytes: 1 << 40, Operations: 995}
	done := diskwrite.Result{Operations: 995}
	total, err := issued(hdd.Drive7200(), hdd.WriteCacheOff, plan, direct, done)
	if err != nil || total.Writes != 995 || total.Medium.SeekNS == 0 {
		t.Errorf("%+v, %v", total, err)
	}
	// 995 MiB fit on the old drive, and 1.6 GB don't.
	if _, err := issued(hdd.HP97560(), hdd.WriteCacheOff, plan, direct, done); err != nil {
		t.Errorf("100 MiB for each of 10 files on a drive of 1.3 GB: %v", err)
	}
	plan.Operations, done.Operations = 1600, 1600
	if total, err := issued(hdd.HP97560(), hdd.WriteCacheOff, plan, direct, done); err == nil || !strings.Contains(err.Error(), "choose a smaller file") {
		t.Errorf("more than the drive holds: %+v, %v", total, err)
	}
}

func TestFillModelled(t *testing.T) {
	var r results.Modelled
	fill(&r, hdd.Total{}, errors.New("why"))
	if r.BytesPerSecond.Why() != "why" || r.Writes.Why() != "why" || r.OtherNS.Why() != "why" {
		t.Errorf("%+v", r)
	}
	fill(&r, hdd.Total{}, nil)
	if !strings.Contains(r.TotalNS.Why(), "nothing was written") {
		t.Errorf("%+v", r)
	}
}

func TestPlacement(t *testing.T) {
	p := placement{known: true, extents: []kernel.Extent{{Offset: 100, Bytes: 50}, {Offset: 200, Bytes: 100}, {Offset: 300, Bytes: 10}}}
	for _, tt := range []struct{ offset, bytes, inside int64 }{
		{0, 100, 0}, {0, 101, 1}, {100, 50, 50}, {149, 2, 1}, {150, 50, 0}, {90, 300, 160}, {250, 100, 60}, {310, 5, 0}, {120, 100, 50},
	} {
		if got := p.overlap(tt.offset, tt.bytes); got != tt.inside {
			t.Errorf("%d bytes at %d: %d inside, want %d", tt.bytes, tt.offset, got, tt.inside)
		}
	}
	p.add(90, 300)
	p.add(100, 10)
	if n, ok := p.outside(nil, "").Get(); !ok || n != 140 {
		t.Errorf("%d outside, want 140", n)
	}
	// A file that grows: two streams of adjacent writes are two runs, however they take turns.
	g := placement{ends: map[int64]int{}}
	for i := range int64(1000) {
		g.add(i*10, 10)
		g.add(1<<30+i*20, 20)
	}
	if len(g.runs) != 2 || g.runs[0] != (kernel.Extent{Bytes: 10_000}) || g.runs[1] != (kernel.Extent{Offset: 1 << 30, Bytes: 20_000}) {
		t.Errorf("runs %v", g.runs)
	}
	for i := range int64(mostRuns) {
		g.add(1<<40+i*100, 1)
	}
	if len(g.runs) != mostRuns || g.outside(nil, "").Why() == "" {
		t.Errorf("%d runs, %q", len(g.runs), g.outside(nil, "").Why())
	}
}
