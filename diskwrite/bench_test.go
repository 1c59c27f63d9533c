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
	f := open(b, m, "")
	data := payload(b, 1, 256)
	for _, tt := range []struct {
		pattern PatternID
		draw    Draw
	}{{Append, ""}, {Random, Permutation}, {Random, Uniform}} {
		b.Run(strings.TrimSpace(string(tt.pattern)+" "+string(tt.draw)), func(b *testing.B) {
			j := Job{Pattern: tt.pattern, Draw: tt.draw, Policy: Policy{ID: SyncNone}, BlockBytes: testBlock,
				FileBytes: testBlock * max(300_000, int64(b.N)), Operations: int64(b.N), Payload: data}
			op := histogram()
			b.ReportAllocs()
			b.ResetTimer()
			if _, err := Run(f, j, op, nil); err != nil {
				b.Fatal(err)
			}
		})
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
