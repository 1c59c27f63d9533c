package diskwrite

import (
	"context"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What a run costs besides its system calls: to be at most 100 ns per operation, with clock and histogram.
func BenchmarkNullWriter(b *testing.B) {
	m := method(b, "null")
	data := payload(b, 1, 256)
	for _, tt := range []struct {
		pattern PatternID
		draw    Draw
		change  func(*Job)
	}{
		{pattern: Append},
		{pattern: Overwrite},
		{pattern: Random, draw: Permutation},
		{pattern: Random, draw: Uniform},
		{pattern: AppendFallocated},
		{pattern: RandomAppendMix, change: func(j *Job) { j.RandomShare = 0.3 }},
		{pattern: Strided, change: func(j *Job) { j.StrideBlocks = 64 }},
		{pattern: Zipf, change: func(j *Job) { j.Theta = 0.99 }},
		{pattern: ManyLogs, change: func(j *Job) { j.Files = 1 }},
		{pattern: ManyLogs, change: func(j *Job) { j.Files = 100 }},
		{pattern: Append, draw: "progress", change: func(j *Job) { j.Progress = NewProgress(1) }},
		{pattern: Append, draw: "every=1", change: func(j *Job) { j.Policy, j.SyncCall = Policy{ID: SyncEvery, Every: 1}, Fsync }},
	} {
		name := strings.TrimSpace(string(tt.pattern) + " " + string(tt.draw))
		j := Job{Pattern: tt.pattern, Policy: Policy{ID: SyncNone}, BlockBytes: testBlock, Payload: data}
		if tt.pattern == Random {
			j.Draw = tt.draw
		}
		if tt.change != nil {
			tt.change(&j)
		}
		if tt.pattern == ManyLogs {
			name += " " + itoa(int64(j.Files))
		}
		b.Run(name, func(b *testing.B) {
			j.FileBytes, j.Operations = testBlock*max(300_000, int64(b.N)), int64(b.N)
			set, err := j.Open(m, "")
			if err != nil {
				b.Fatal(err)
			}
			h := Histograms{Op: histogram(), Sync: histogram()}
			b.ReportAllocs()
			b.ResetTimer()
			if _, err := set.Run(j, h); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// What several writers cost besides their system calls: taking the next write's number, and with group, the mutex and the
// waiting for each other's syncs. One iteration is one write, of whichever writer.
func BenchmarkNullWriters(b *testing.B) {
	m := method(b, "null")
	data := payload(b, 1, 256)
	for _, policy := range []Policy{{ID: SyncNone}, {ID: SyncEvery, Every: 1}, {ID: SyncGroup}} {
		for _, writers := range []int{1, 2, 4, 16} {
			b.Run(policy.String()+"/"+itoa(int64(writers)), func(b *testing.B) {
				j := Job{Pattern: Append, Policy: policy, SyncCall: Fsync, BlockBytes: testBlock, FileBytes: testBlock * int64(b.N),
					Operations: int64(b.N), Writers: writers, Payload: data}
				set, err := j.Open(m, "")
				if err != nil {
					b.Fatal(err)
				}
				h := Histograms{Op: histogram(), Sync: histogram(), Commit: histogram()}
				b.ResetTimer()
				r, err := set.Run(j, h)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(r.AcceptedNS)/float64(r.Operations), "accepted-ns/op")
				b.ReportMetric(float64(r.Operations)/float64(max(1, r.Syncs)), "writes/sync")
			})
		}
	}
}

// Group commit on a real file: what sharing syncs brings. One iteration is one durable append of 4 KiB.
func BenchmarkGroupCommit(b *testing.B) {
	m := method(b, "buffered")
	data := payload(b, 1, 256)
	for _, policy := range []Policy{{ID: SyncEvery, Every: 1}, {ID: SyncGroup}} {
		for _, writers := range []int{1, 4, 16} {
			b.Run(policy.String()+"/"+itoa(int64(writers)), func(b *testing.B) {
				j := Job{Pattern: Append, Policy: policy, SyncCall: Fsync, BlockBytes: testBlock, FileBytes: testBlock * int64(b.N),
					Operations: int64(b.N), Writers: writers, Payload: data}
				name := filepath.Join(b.TempDir(), "log")
				if err := j.Prepare(context.Background(), name); err != nil {
					b.Fatal(err)
				}
				set, err := j.Open(m, name)
				if err != nil {
					b.Fatal(err)
				}
				defer func() {
					if err := set.Close(); err != nil {
						b.Error(err)
					}
				}()
				h := Histograms{Op: histogram(), Sync: histogram(), Commit: histogram()}
				b.ResetTimer()
				r, err := set.Run(j, h)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(h.Commit.ValueAtQuantile(50))/1e3, "commit-p50-µs")
				b.ReportMetric(float64(r.Operations)/float64(max(1, r.Syncs)), "writes/sync")
			})
		}
	}
}

const (
	benchFile = 32 << 20
	benchRing = 1 << 20
)

// Writes of 4 KiB through the page cache with the full histogram: to be over 500,000 per second where memory allows it.
func BenchmarkBufferedWrites4KiB(b *testing.B) {
	for _, tt := range []struct {
		name    string
		pattern PatternID
		draw    Draw
	}{{"overwrite", Overwrite, ""}, {"random", Random, Permutation}} {
		b.Run(tt.name, func(b *testing.B) {
			name, j := benchJob(b, int64(b.N))
			j.Pattern, j.Draw = tt.pattern, tt.draw
			f := open(b, method(b, "buffered"), name)
			op := histogram()
			warm := j
			warm.Operations = benchFile / testBlock
			if _, err := Run(f, warm, op, nil); err != nil {
				b.Fatal(err)
			}
			op.Reset()
			b.SetBytes(testBlock)
			b.ReportAllocs()
			b.ResetTimer()
			r, err := Run(f, j, op, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(r.Operations)/float64(r.AcceptedNS)*1e9, "iops")
			b.ReportMetric(float64(op.ValueAtQuantile(50)), "p50-ns")
			b.ReportMetric(float64(op.ValueAtQuantile(99)), "p99-ns")
		})
	}
}

// benchJob readies a file and a job of so many sequential writes over it.
func benchJob(b *testing.B, operations int64) (string, Job) {
	b.Helper()
	name := filepath.Join(b.TempDir(), "file")
	j := Job{Pattern: Overwrite, Policy: Policy{ID: SyncNone}, BlockBytes: testBlock, FileBytes: benchFile,
		Operations: operations, Payload: payload(b, 1, benchRing/testBlock)}
	if err := Prepare(context.Background(), name, j.Pattern, j.FileBytes, j.Payload); err != nil {
		b.Fatal(err)
	}
	return name, j
}

// The same writes by Run, with clock and histogram, and by a plain loop in C without: in turn, since a machine drifts.
// One iteration is one of each. Run it with -benchtime 20x.
func BenchmarkAgainstC(b *testing.B) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		b.Skipf("no C compiler: %v", err)
	}
	loop := filepath.Join(b.TempDir(), "pwriteloop")
	if out, err := exec.Command(cc, "-O2", "-o", loop, "testdata/cloop/pwriteloop.c").CombinedOutput(); err != nil {
		b.Fatalf("compile: %v\n%s", err, out)
	}
	const operations = 100_000
	name, j := benchJob(b, operations)
	f := open(b, method(b, "buffered"), name)
	op := histogram()
	inC := func() float64 {
		out, err := exec.Command(loop, name, strconv.Itoa(benchFile), strconv.Itoa(testBlock), strconv.Itoa(benchRing), strconv.Itoa(operations)).Output()
		if err != nil {
			b.Fatalf("%s: %v", loop, err)
		}
		ns, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
		if err != nil {
			b.Fatalf("%s: %v", loop, err)
		}
		return float64(ns)
	}
	inGo := func() float64 {
		r, err := Run(f, j, op, nil)
		if err != nil {
			b.Fatal(err)
		}
		return float64(r.AcceptedNS)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	inC()
	inGo()
	var goNS, cNS, ratios []float64
	for i := 0; b.Loop(); i++ {
		var g, c float64
		if i%2 == 0 {
			g, c = inGo(), inC()
		} else {
			c, g = inC(), inGo()
		}
		goNS, cNS, ratios = append(goNS, g), append(cNS, c), append(ratios, g/c)
	}
	b.ReportMetric(operations/median(goNS)*1e9, "go-iops")
	b.ReportMetric(operations/median(cNS)*1e9, "c-iops")
	b.ReportMetric((median(goNS)-median(cNS))/operations, "more-ns/op")
	b.ReportMetric(median(ratios), "go-time/c-time")
}

func median(values []float64) float64 {
	slices.Sort(values)
	if n := len(values); n%2 == 0 {
		return (values[n/2-1] + values[n/2]) / 2
	}
	return values[len(values)/2]
}
