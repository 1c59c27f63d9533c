package scenarios

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"copylab/internal/testenv"
	"copylab/results"
	"copylab/scenarios/worker"
)

// workers lists the live worker processes of p. It may be called by any goroutine.
func (p *Processes) workers(t *testing.T) []int {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Error(err)
	}
	var pids []int
	for _, name := range names {
		env, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(env, []byte(worker.RunVariable+"="+p.Launcher.Run+"\x00")) {
			continue // another's, or ended meanwhile
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			t.Error(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// awaitWorkers returns as soon as there are n workers, which have had a moment to begin.
func (p *Processes) awaitWorkers(t *testing.T, n int) []int {
	t.Helper()
	for began := time.Now(); time.Since(began) < 2*time.Minute; time.Sleep(2 * time.Millisecond) {
		if pids := p.workers(t); len(pids) == n {
			time.Sleep(100 * time.Millisecond)
			return pids
		}
	}
	t.Errorf("waited in vain for %d workers", n)
	return nil
}

// endless is more than any test waits for.
const endless = 1 << 50

// A trial that is cut off ends at once, with the reason, and its processes with it.
func TestTrialCutOff(t *testing.T) {
	p := realProcesses(t)
	c := transferOf("sendfile", nil)
	p.mustPrepare(t, c)
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("had enough")
	go func() {
		defer cancel(why)
		p.awaitWorkers(t, 2)
	}()
	if _, err := p.Execute(ctx, Work{Case: c, Phase: results.PhaseCounted, Amount: endless}); !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
	if left := p.workers(t); len(left) > 0 {
		t.Errorf("workers %v are left", left)
	}
}

// A worker that is killed is named, and what it could not remove is removed.
func TestWorkerKilled(t *testing.T) {
	p := realProcesses(t)
	testenv.Require(t, testenv.Disk, !p.Disk.InMemory, "the temporary folder is on a %s", p.Disk.Filesystem)
	c := results.Case{ID: "slow appends", Kind: results.Write, Params: results.Params{
		Pattern: "append", Method: "buffered", Sync: "every=1", SyncCall: "fsync", BlockBytes: 4096, FileBytes: endless, Depth: 1,
	}}
	go func() {
		for _, pid := range p.awaitWorkers(t, 1) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
	}()
	_, err := p.Execute(context.Background(), Work{Case: c, Phase: results.PhaseCounted, Amount: endless / 4096})
	if died := (*worker.DiedError)(nil); !errors.As(err, &died) || died.Name != "writer" || died.Status != "signal: killed" {
		t.Errorf("got %v", err)
	}
	if names := p.files(t); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}
