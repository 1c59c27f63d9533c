package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"copylab/results"
)

// mostMemory is what the command and its workers may take together, besides the page cache.
const mostMemory = 100 << 20

// While it measures and while it renders, a run stays within the bound.
func TestMemoryOfRun(t *testing.T) {
	slowUnderRace(t)
	t.Parallel()
	l := newLab(t)
	l.file("many.yaml", `title: Many
question: How much memory does it take?
transfer: {paths: [read-write, sendfile, mmap-write, go-io-copy], file: 1MiB}
measure: {time: 10ms, blocks: 20..20, budget: 1h, evidence: 2}
`)
	l.folder("disk")
	r := l.start("run", "many.yaml", "--dir", "disk", "--out", "run")
	measuring, rendering := int64(0), int64(0)
	for {
		peak, ended := peakMemory(t, r.cmd.Process.Pid)
		if ended {
			break
		}
		if rendering = max(rendering, peak); !strings.Contains(r.errs.String(), "\nblock 20 of ") {
			measuring = rendering
		}
		time.Sleep(2 * time.Millisecond)
	}
	if got := r.wait(); got.Code != exitDone {
		t.Fatalf("exit code %d:\n%s", got.Code, got.Errs)
	}
	_, trials, _ := l.record(filepath.Join(l.Dir, "run"))
	workers := map[string]int64{}
	for _, trial := range trials {
		for name, side := range trial.Sides {
			peak, ok := side.MaxRSSBytes.Get()
			if !ok || peak < 1<<20 {
				t.Fatalf("trial %d: the %s's peak is %v", trial.Seq, name, side.MaxRSSBytes)
			}
			workers[name] = max(workers[name], peak)
		}
	}
	if len(trials) < 80 || measuring == 0 || rendering < measuring {
		t.Fatalf("%d trials, peaks %d and %d", len(trials), measuring, rendering)
	}
	t.Logf("command %d KiB measuring, %d KiB rendering; workers %v", measuring>>10, rendering>>10, workers)
	if together := measuring + workers["sender"] + workers["receiver"]; together > mostMemory || rendering > mostMemory {
		t.Errorf("command and workers took %d bytes together, the command alone %d while it rendered; the bound is %d", together, rendering, mostMemory)
	}
}

// peakMemory is a process's VmHWM in bytes, or that it has ended.
func peakMemory(t *testing.T, pid int) (peak int64, ended bool) {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return 0, true
	}
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(status), "VmHWM:")
	if !found {
		return 0, true // a zombie has no memory
	}
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10, false
}

// workersMemory is what two workers take.
const workersMemory = 32 << 20

// However long a run is, what the command remembers of it leaves room for the workers.
func TestMemoryOfLongRecord(t *testing.T) {
	slowUnderRace(t)
	t.Parallel()
	l := newLab(t)
	l.file("tiny.yaml", tinyScenario)
	l.want(exitDone, "run", "tiny.yaml", "--quiet", "--out", "run", "--set", "charts=cpu")
	run, trials, end := l.record(filepath.Join(l.Dir, "run"))

	// The same blocks over and over, without their histograms: those are merged and take no room.
	const blocks = 4000
	f, err := os.Create(filepath.Join(l.Dir, "long.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	w := results.NewWriter(f)
	errs := []error{w.WriteRun(run)}
	for block := 1; block <= blocks; block++ {
		for _, trial := range trials {
			if trial.Phase == results.PhaseCounted && trial.Block == 1+block%5 {
				trial.Block, trial.Latency = block, nil
				errs = append(errs, w.WriteTrial(trial))
			}
		}
	}
	if err := errors.Join(append(errs, w.WriteEnd(end), f.Close())...); err != nil {
		t.Fatal(err)
	}
	r := l.start("report", "long.jsonl", "--format", "charts", "-o", "charts")
	most := int64(0)
	for {
		peak, ended := peakMemory(t, r.cmd.Process.Pid)
		if ended {
			break
		}
		most = max(most, peak)
		time.Sleep(2 * time.Millisecond)
	}
	if got := r.wait(); got.Code != exitDone {
		t.Fatalf("exit code %d:\n%s", got.Code, got.Errs)
	}
	t.Logf("%d KiB for %d trials", most>>10, 2*blocks)
	if most == 0 || most > mostMemory-workersMemory {
		t.Errorf("the report of %d trials took %d bytes, the bound is %d", 2*blocks, most, mostMemory-workersMemory)
	}
}
