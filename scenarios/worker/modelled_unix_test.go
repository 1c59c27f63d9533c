//go:build unix

package worker

import (
	"path/filepath"
	"testing"

	"copylab/diskwrite"
	"copylab/internal/kernel"
	"copylab/internal/testenv"
	"copylab/results"
	"copylab/results/host"
)

// A writer's trial is modelled on what its disk was given, or where that can't be traced, on what it wrote; and says which.
func TestWriteModelled(t *testing.T) {
	dir := t.TempDir()
	disk, err := host.DiskUnder(dir)
	if err != nil {
		t.Fatal(err)
	}
	const operations = 50
	job := Write{
		Method: "dsync", File: filepath.Join(dir, "log"), Payload: 9, CPU: -1, TimelineCPU: -1, Fresh: true, Device: disk.Device,
		Plan:     diskwrite.Job{Pattern: diskwrite.Append, BlockBytes: testBlock, FileBytes: 1 << 20, Operations: operations, Policy: diskwrite.Policy{ID: diskwrite.SyncNone}},
		Modelled: []ModelledDisk{{Drive: "7200rpm", Cache: "off"}, {Drive: "7200rpm", Cache: "on"}, {Drive: "hp97560", Cache: "off"}},
	}
	m, _ := diskwrite.FindMethod(job.Method)
	if s := m.Probe(dir); s.State == kernel.StateUnavailable {
		t.Skip(s.Reason)
	}
	r, err := launcherForTest().Write(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Modelled) != 3 {
		t.Fatalf("modelled %+v", r.Modelled)
	}
	for i, got := range r.Modelled {
		if got.Drive != job.Modelled[i].Drive || got.WriteCache != job.Modelled[i].Cache {
			t.Errorf("number %d is %s %s", i, got.Drive, got.WriteCache)
		}
		writes, ok1 := got.Writes.Get()
		payload, ok2 := got.PayloadBytes.Get()
		rate, ok3 := got.BytesPerSecond.Get()
		ns, ok4 := got.TotalNS.Get()
		if !ok1 || !ok2 || !ok3 || !ok4 || payload != operations*testBlock || writes < operations || ns < 1 {
			t.Fatalf("%s: %+v", job.Modelled[i].Drive, got)
		}
		if want := float64(payload) / float64(ns) * 1e9; rate < 0.999*want || rate > 1.001*want {
			t.Errorf("%v bytes/s of %d bytes in %d ns", rate, payload, ns)
		}
		if (got.Source == results.SourceAsIssued) == (got.Why == "") {
			t.Errorf("source %q because of %q", got.Source, got.Why)
		}
		// Each append waits for the medium: no disk makes more than one in a turn.
		if turn := 60.0 / 7200; got.Drive == "7200rpm" && rate > testBlock/turn*1.02 {
			t.Errorf("%s %s, %s: %.0f durable appends per second", got.Drive, got.WriteCache, got.Source, rate/testBlock)
		}
	}
	if got := r.Modelled[0].Flushes.String(); got != "0" {
		t.Errorf("%s flushes with the write cache off", got)
	}
	trace, err := kernel.OpenBlockTrace(disk.Device)
	testenv.Require(t, testenv.Perf, err == nil, "%v", err)
	if err := trace.Close(); err != nil {
		t.Error(err)
	}
	first := r.Modelled[0]
	if first.Source != results.SourceBlockTrace {
		t.Fatalf("the disk can be traced, and the writes were taken %s: %s", first.Source, first.Why)
	}
	bytes, _ := first.Bytes.Get()
	outside, ok := first.OutsideBytes.Get()
	testenv.Require(t, testenv.Disk, ok, "%s", first.OutsideBytes.Why())
	if inside := bytes - outside; inside != operations*testBlock {
		t.Errorf("%d of %d traced bytes lie in the file, which has %d", inside, bytes, operations*testBlock)
	}
}
