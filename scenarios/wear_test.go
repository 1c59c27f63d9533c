//go:build unix

package scenarios

import (
	"bytes"
	"os"
	"testing"
	"time"

	"copylab/internal/testenv"
	"copylab/results"
	"copylab/results/host"
)

// A run's record says what its disk did, and its summary what the trials wrote; an area that was preconditioned is in the former.
func TestWearOfARun(t *testing.T) {
	t.Parallel() // it waits for the disk
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse("wear.yaml", []byte("title: T\nquestion: Q?\nwrite: {patterns: [append], methods: [dsync], block: 4KiB, file: 256KiB}\nmeasure: {time: 10ms, blocks: 5..5, budget: 60s, evidence: off}\n"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	disk, err := host.DiskUnder(dir)
	if err != nil {
		t.Fatal(err)
	}
	testenv.Require(t, testenv.Disk, !disk.InMemory, "the folder %s is in memory", dir)
	const area = 4 * mib
	e := &Execution{Scenario: s, Dir: dir, Worker: []string{self, "worker"}, Effort: Quick, Seed: 1, Precondition: area}
	var text bytes.Buffer
	if _, err := e.Run(t.Context(), results.NewWriter(&text), time.Now()); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, dir)
	r, err := results.NewReader(&text)
	if err != nil {
		t.Fatal(err)
	}
	b := results.NewBuilder(r.Run())
	for {
		trial, err := r.Next()
		if err != nil {
			break
		}
		b.Add(trial)
	}
	if r.End() == nil || r.End().Device == nil {
		t.Fatalf("the record ends with %+v, and says nothing of the disk", r.End())
	}
	run := b.Summary(r.End()).Run
	if p := run.Precondition; p == nil || p.AreaBytes != area || p.WrittenBytes != 3*area {
		t.Errorf("preconditioned: %+v", p)
	}
	if run.PayloadWriteBytes == nil || *run.PayloadWriteBytes < 5*8*4*kib {
		t.Fatalf("the trials wrote %v bytes, want at least 5 blocks of 8 writes", run.PayloadWriteBytes)
	}
	written, ok := run.DeviceWriteBytes.Get()
	if disk.Device == "" {
		if ok {
			t.Errorf("%d bytes written to a disk that nobody knows", written)
		}
		return
	}
	if least := *run.PayloadWriteBytes + 3*area; !ok || written < least {
		t.Errorf("the disk was written %v bytes, want at least the trials' and the area's, %d", run.DeviceWriteBytes, least)
	}
}

func TestTakesTurns(t *testing.T) {
	for want, list := range map[bool][]results.Params{
		true:  {{Method: "uring"}, {Method: "uring-direct", Depth: 1}, {Method: "buffered", Writers: 2}},
		false: {{Method: "buffered"}, {Method: "direct", Writers: 1}, {Method: "mmap"}},
	} {
		for _, p := range list {
			if takesTurns(p) != want {
				t.Errorf("%+v takes turns: %v", p, !want)
			}
		}
	}
}
