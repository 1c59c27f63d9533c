//go:build unix

package worker

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"copylab/diskwrite"
	"copylab/internal/testenv"
	"copylab/results"
	"copylab/results/host"
)

// A slow open loop lasts long and loads no disk.
func TestTimelineOfAWrite(t *testing.T) {
	const block, writes = 4096, 1000
	for _, writers := range []int{1, 3} {
		plan := diskwrite.Job{Pattern: diskwrite.Append, BlockBytes: block, FileBytes: writes * block, Operations: writes, RatePerSecond: 400, Writers: writers,
			Policy: diskwrite.Policy{ID: diskwrite.SyncEnd}, SyncCall: diskwrite.Fsync}
		job := Write{Method: "buffered", File: filepath.Join(t.TempDir(), "log"), Plan: plan, CPU: -1, Fresh: true, Timeline: true, TimelineCPU: -1}
		if cpus := host.PickCPUs(2); len(cpus) == 2 {
			job.CPU, job.TimelineCPU = cpus[0], cpus[1]
		}
		r, err := launcherForTest().Write(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		line := r.Timeline
		if line == nil {
			t.Fatal("there is no timeline")
		}
		// The writes alone take 2.5 s.
		if n := len(line.AtNS); n < 20 || !slices.IsSorted(line.AtNS) || line.AtNS[0] != 0 {
			t.Errorf("%d writers: %d points at %v", writers, n, line.AtNS)
		}
		if a := line.AcceptedBytes; !slices.IsSorted(a) || a[0] != 0 || a[len(a)-1] != r.Bytes || r.Bytes != writes*block {
			t.Errorf("%d writers: accepted %v of %d bytes", writers, a, r.Bytes)
		}
		if accepted, _ := r.AcceptedNS.Get(); line.AtNS[len(line.AtNS)-1] < accepted {
			t.Errorf("%d writers: the timeline ends after %d ns, and the last write after %d", writers, line.AtNS[len(line.AtNS)-1], accepted)
		}
		if top := slices.Max(line.MaxLatencyNS); top <= 0 || top > r.Latency["op"].Max()*101/100 || len(line.MaxLatencyNS) != len(line.AtNS) {
			t.Errorf("%d writers: the longest write took %d ns in the timeline, %d in the histogram", writers, top, r.Latency["op"].Max())
		}
		for key, values := range machineReadings(line) {
			switch why := line.Unavailable[key]; {
			case key == "device_write_bytes" || runtime.GOOS != "linux":
				if why == "" || len(values) > 0 {
					t.Errorf("%d writers: %s is %v, %q; want the reason why there is none", writers, key, values, why)
				}
			case why != "" || len(values) != len(line.AtNS):
				t.Errorf("%d writers: %d values of %s, %q", writers, len(values), key, why)
			}
		}
		if runtime.GOOS == "linux" && (slices.Min(line.BackgroundLimitBytes) <= 0 || slices.Max(line.BackgroundLimitBytes) >= slices.Min(line.LimitBytes)) {
			t.Errorf("%d writers: limits of %v and %v bytes", writers, line.BackgroundLimitBytes, line.LimitBytes)
		}
		if want := strconv.Itoa(job.TimelineCPU); job.TimelineCPU >= 0 && r.Settings["timeline_cpu"] != want {
			t.Errorf("%d writers: sampled on CPU %s, want %s", writers, r.Settings["timeline_cpu"], want)
		}
	}
}

func machineReadings(line *results.Timeline) map[string][]int64 {
	return map[string][]int64{"dirty_bytes": line.DirtyBytes, "writeback_bytes": line.WritebackBytes, "dirty_background_limit_bytes": line.BackgroundLimitBytes,
		"dirty_limit_bytes": line.LimitBytes, "device_write_bytes": line.DeviceWriteBytes}
}

func TestTimelineOnlyWhereAsked(t *testing.T) {
	plan := diskwrite.Job{Pattern: diskwrite.Append, BlockBytes: 4096, FileBytes: 1 << 20, Operations: 10, Policy: diskwrite.Policy{ID: diskwrite.SyncNone}}
	r, err := launcherForTest().Write(t.Context(), Write{Method: "buffered", File: filepath.Join(t.TempDir(), "log"), Plan: plan, CPU: -1, Fresh: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, there := r.Settings["timeline_cpu"]; r.Timeline != nil || there {
		t.Errorf("got %+v", r.Timeline)
	}
}

// A timeline that is full keeps its beginning, its end, and each longest write.
func TestTimelineThinsOut(t *testing.T) {
	for _, n := range []int{2999, 3000} {
		line := timeline{interval: sampleInterval}
		for i := range n {
			line.points = append(line.points, point{at: time.Duration(i), longest: time.Duration(i % 700), accepted: int64(i)})
		}
		line.thin()
		got := line.points
		if len(got) > n/2+1 || got[0].at != 0 || got[len(got)-1].at != time.Duration(n-1) || line.interval != 2*sampleInterval {
			t.Errorf("%d points: %d left, from %v to %v, one each %v", n, len(got), got[0].at, got[len(got)-1].at, line.interval)
		}
		for i, p := range got[:len(got)-1] {
			if p.at != time.Duration(2*i) || p.accepted != int64(2*i) {
				t.Fatalf("%d points: the one numbered %d is %+v", n, i, p)
			}
		}
		worst := time.Duration(0)
		for _, p := range got {
			worst = max(worst, p.longest)
		}
		if worst != 699 {
			t.Errorf("%d points: the longest write of 699 became %v", n, worst)
		}
	}
}

// onDisk skips where the page cache can't be seen, or is all that there is.
func onDisk(t *testing.T, dir string) {
	t.Helper()
	disk := host.Collect(dir).Disk
	testenv.Require(t, testenv.Disk, !disk.InMemory, "the folder for temporary files is in memory (%s)", disk.Filesystem)
	f, err := os.Create(filepath.Join(dir, "looked-at"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := host.Resident(f)
	testenv.Require(t, testenv.Disk, r.Source == "cachestat", "what is dirty can't be seen: %s", r.Dirty.Why())
}

// What was only in memory is looked up before the final sync, and all files count.
func TestInMemoryWhenAccepted(t *testing.T) {
	const block = 64 << 10
	dir := t.TempDir()
	onDisk(t, dir)
	for _, tt := range []struct {
		name   string
		method string
		policy diskwrite.Policy
		plan   diskwrite.Job
		least  int64 // bytes; nothing writes back that soon, unless the machine is short of memory
		most   int64
	}{
		{name: "none", method: "buffered", policy: diskwrite.Policy{ID: diskwrite.SyncNone}, least: 90 * block, most: 100 * block},
		{name: "end", method: "buffered", policy: diskwrite.Policy{ID: diskwrite.SyncEnd}, least: 90 * block, most: 100 * block},
		{name: "several writers", method: "buffered", policy: diskwrite.Policy{ID: diskwrite.SyncEnd}, plan: diskwrite.Job{Writers: 3}, least: 90 * block, most: 100 * block},
		{name: "several files", method: "buffered", policy: diskwrite.Policy{ID: diskwrite.SyncEnd}, plan: diskwrite.Job{Pattern: diskwrite.ManyLogs, Files: 7}, least: 90 * block, most: 100 * block},
		{name: "every write", method: "buffered", policy: diskwrite.Policy{ID: diskwrite.SyncEvery, Every: 1}, least: 1, most: block},
		{name: "dsync", method: "dsync", policy: diskwrite.Policy{ID: diskwrite.SyncNone}, most: 0},
	} {
		m, _ := diskwrite.FindMethod(tt.method)
		plan := tt.plan
		if plan.Pattern == "" {
			plan.Pattern = diskwrite.Append
		}
		plan.Policy, plan.BlockBytes, plan.FileBytes, plan.Operations = tt.policy, block, 200*block, 100
		if plan.Policy.ID != diskwrite.SyncNone {
			plan.SyncCall = diskwrite.Fsync
		}
		r, err := launcherForTest().Write(t.Context(), Write{Method: m.ID, File: filepath.Join(dir, "log"), Plan: plan, CPU: -1, Fresh: true})
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := r.InMemoryBytes.Get(); !ok || n < tt.least || n > tt.most {
			t.Errorf("%s: %v of %d bytes in memory, want %d to %d", tt.name, r.InMemoryBytes, r.Bytes, tt.least, tt.most)
		}
		if pages, ok := r.After.Resident.Get(); !ok || pages*int64(os.Getpagesize()) != r.Bytes {
			t.Errorf("%s: %v resident pages after writing %d bytes", tt.name, r.After.Resident, r.Bytes)
		}
	}
	r, err := launcherForTest().Write(t.Context(), Write{Method: "null", CPU: -1, Plan: diskwrite.Job{Pattern: diskwrite.Append, BlockBytes: block, FileBytes: 10 * block,
		Operations: 10, Policy: diskwrite.Policy{ID: diskwrite.SyncNone}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := r.InMemoryBytes.Get(); ok {
		t.Errorf("the null writer has %v in memory", r.InMemoryBytes)
	}
}

// Scattered blocks are counted where the kernel counts them alone, and not where it counts whole folios.
func TestInMemoryOfScatteredBlocks(t *testing.T) {
	const page, size = 4096, 16 << 20
	if os.Getpagesize() != page {
		t.Skip("this test is made for pages of 4096 bytes")
	}
	dir := t.TempDir()
	onDisk(t, dir)
	for _, unit := range []int{page, 1 << 20} {
		name := filepath.Join(dir, "target")
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		for off := 0; off < size; off += unit {
			if _, err := f.WriteAt(make([]byte, unit), int64(off)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(make([]byte, page), size/2); err != nil {
			t.Fatal(err)
		}
		alone := host.Resident(f).Dirty
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := launcherForTest().Write(t.Context(), Write{Method: "buffered", File: name, CPU: -1, Plan: diskwrite.Job{Pattern: diskwrite.Random, Draw: diskwrite.Permutation,
			BlockBytes: page, FileBytes: size, Operations: 100, Policy: diskwrite.Policy{ID: diskwrite.SyncNone}}})
		if err != nil {
			t.Fatal(err)
		}
		n, known := r.InMemoryBytes.Get()
		if dirty, _ := alone.Get(); known != (dirty == 1) || known && n != 100*page {
			t.Errorf("a file written by %d bytes: one page makes %v dirty, and after 100 pages %v bytes are in memory", unit, alone, r.InMemoryBytes)
		}
		t.Logf("a file written by %d bytes: one page makes %v dirty; %v", unit, alone, r.InMemoryBytes)
	}
}
