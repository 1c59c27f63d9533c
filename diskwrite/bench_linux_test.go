package diskwrite

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// One write of 4 KiB by each method, over blocks that exist, and of io_uring several in flight. The disk decides most of these:
// see BenchmarkAgainstFio for what the tool adds.
func BenchmarkMethods4KiB(b *testing.B) {
	for _, m := range realMethods() {
		depths := []int{1}
		if m.Queued {
			depths = []int{1, 32, MostDepth}
		}
		for _, depth := range depths {
			b.Run(fmt.Sprintf("%s/%d", m.ID, depth), func(b *testing.B) {
				name, j := benchJob(b, int64(b.N))
				if status := m.Probe(b.TempDir()); status.State != kernel.StateAvailable {
					b.Skip(status.Reason)
				}
				j.Pattern, j.Draw, j.Depth = Random, Permutation, depth
				f := open(b, m, name)
				if err := ready(f, j); err != nil {
					b.Fatal(err)
				}
				op := histogram()
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
}

// What a run of several writes in flight costs besides its system calls.
func BenchmarkNullQueue(b *testing.B) {
	for _, depth := range []int{2, 32, MostDepth} {
		b.Run(strconv.Itoa(depth), func(b *testing.B) {
			j := Job{Pattern: Random, Draw: Permutation, Policy: Policy{ID: SyncNone}, BlockBytes: testBlock,
				FileBytes: testBlock * max(300_000, int64(b.N)), Operations: int64(b.N), Payload: payload(b, 1, 256), Depth: depth}
			f, op := open(b, method(b, "null"), ""), histogram()
			b.ReportAllocs()
			b.ResetTimer()
			if _, err := Run(f, j, op, nil); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// The same writes by Run and by fio, each with its histogram of latencies, to the same file, on the same processor: in turn, since
// a machine drifts. One iteration is one of each. Run it with -benchtime 10x.
func BenchmarkAgainstFio(b *testing.B) {
	fio, err := exec.LookPath("fio")
	if err != nil {
		b.Skipf("no fio: %v", err)
	}
	const psync = "--ioengine=psync"
	for _, tt := range []struct {
		name       string
		method     string
		pattern    PatternID
		policy     Policy
		depth      int
		operations int64
		fio        []string
	}{
		{"buffered overwrite", "buffered", Overwrite, Policy{ID: SyncNone}, 1, 200_000, []string{psync, "--rw=write", "--invalidate=0"}},
		{"buffered random", "buffered", Random, Policy{ID: SyncNone}, 1, 200_000, []string{psync, "--rw=randwrite", "--invalidate=0"}},
		{"direct", "direct", Random, Policy{ID: SyncNone}, 1, 5_000, []string{psync, "--rw=randwrite", "--direct=1"}},
		{"dsync", "dsync", Random, Policy{ID: SyncNone}, 1, 1_000, []string{psync, "--rw=randwrite", "--sync=dsync", "--invalidate=0"}},
		{"every=1", "buffered", Random, Policy{ID: SyncEvery, Every: 1}, 1, 1_000, []string{psync, "--rw=randwrite", "--fdatasync=1", "--invalidate=0"}},
		{"uring-direct depth 32", "uring-direct", Random, Policy{ID: SyncNone}, 32, 20_000,
			[]string{"--ioengine=io_uring", "--rw=randwrite", "--direct=1", "--iodepth=32", "--registerfiles=1", "--fixedbufs=1"}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			name, j := benchJob(b, tt.operations)
			m := method(b, tt.method)
			if status := m.Probe(b.TempDir()); status.State != kernel.StateAvailable {
				b.Skip(status.Reason)
			}
			j.Pattern, j.Policy, j.SyncCall, j.Depth = tt.pattern, tt.policy, Fdatasync, tt.depth
			if j.Pattern == Random {
				j.Draw = Permutation
			}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			processor, anywhere := onOneProcessor(b)
			defer anywhere()
			f := open(b, m, name)
			f.(Dedicator).Dedicate()
			if err := ready(f, j); err != nil {
				b.Fatal(err)
			}
			op, sync := histogram(), histogram()
			own := func() float64 {
				j.Seed++
				op.Reset()
				r, err := Run(f, j, op, sync)
				if err != nil {
					b.Fatal(err)
				}
				return float64(r.Operations) / float64(r.AcceptedNS) * 1e9
			}
			theirs := func() float64 {
				args := append([]string{"--name=race", "--filename=" + name, "--size=" + strconv.Itoa(benchFile), "--bs=4k",
					"--io_size=" + strconv.FormatInt(tt.operations*testBlock, 10), "--overwrite=1", "--output-format=json",
					"--cpus_allowed=" + strconv.Itoa(processor), "--randseed=" + strconv.FormatUint(j.Seed+1, 10)}, tt.fio...)
				cmd := exec.Command(fio, args...)
				cmd.Dir, cmd.Stderr = b.TempDir(), os.Stderr
				out, err := cmd.Output()
				if err != nil {
					b.Fatalf("%s: %v\n%s", cmd, err, out)
				}
				var said struct {
					Jobs []struct {
						Write struct {
							IOPS float64 `json:"iops"`
							IOs  int64   `json:"total_ios"`
						} `json:"write"`
					} `json:"jobs"`
				}
				if err := json.Unmarshal(out, &said); err != nil || len(said.Jobs) != 1 || said.Jobs[0].Write.IOs != tt.operations {
					b.Fatalf("%s: %v, want one job of %d writes\n%s", cmd, err, tt.operations, out)
				}
				return said.Jobs[0].Write.IOPS
			}
			own()
			theirs()
			var owns, fios, ratios []float64
			for i := 0; b.Loop(); i++ {
				var o, t float64
				if i%2 == 0 {
					o, t = own(), theirs()
				} else {
					t, o = theirs(), own()
				}
				owns, fios, ratios = append(owns, o), append(fios, t), append(ratios, o/t)
			}
			b.ReportMetric(median(owns), "iops")
			b.ReportMetric(median(fios), "fio-iops")
			b.ReportMetric(median(ratios), "iops/fio-iops")
		})
	}
}

// onOneProcessor ties the thread to the last processor that it may use, and tells which it is and how to untie it.
func onOneProcessor(b *testing.B) (processor int, anywhere func()) {
	b.Helper()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		b.Fatal(err)
	}
	last := 0
	for i := range 1024 {
		if all.IsSet(i) {
			last = i
		}
	}
	one.Set(last)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		b.Fatal(err)
	}
	return last, func() {
		if err := unix.SchedSetaffinity(0, &all); err != nil {
			b.Error(err)
		}
	}
}
