package diskwrite

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// As many writes as Room tells fit the file, wherever the seed lets them go, and fill it but for a stretch.
func TestRoom(t *testing.T) {
	job := func(p PatternID, blocks int64, share float64) Job {
		return Job{Pattern: p, RandomShare: share, BlockBytes: 512, FileBytes: blocks * 512}
	}
	for _, p := range Patterns() {
		if p.ID != RandomAppendMix {
			if got := job(p.ID, 100, 0).Room(); got != 100 {
				t.Errorf("%s: room for %d writes in 100 blocks", p.ID, got)
			}
		}
	}
	for _, share := range []float64{1e-8, 0.3, 0.5, 0.9, 0.9999} {
		for _, blocks := range []int64{1, 2, 63, 64, 65, 1000} {
			j := job(RandomAppendMix, blocks, share)
			j.Operations = j.Room()
			if random := float64(j.Operations) * share; float64(j.Operations)-random < float64(blocks)-2*mixStretch {
				t.Errorf("share %v: only %d writes for %d blocks", share, j.Operations, blocks)
			}
			for j.Seed = range 50 {
				if got := j.appendedBytes(); got > j.FileBytes || got < j.FileBytes-mixStretch*int64(j.BlockBytes) {
					t.Errorf("share %v, seed %d: %d writes append %d bytes of %d", share, j.Seed, j.Operations, got, j.FileBytes)
				}
			}
		}
	}
	// More than can be counted: it is bounded, and returns.
	if got := job(RandomAppendMix, 1<<40, 1-1e-9).Room(); got < 1<<40 {
		t.Errorf("room for %d writes", got)
	}
}

// Where files run out, it is said what to do.
func TestRemedyOfTooManyFiles(t *testing.T) {
	err := fmt.Errorf("open file: %w", &os.PathError{Op: "open", Path: "x", Err: syscall.EMFILE})
	if got := Remedy(err); !strings.HasPrefix(got, ": ") || !strings.Contains(got, "ulimit -n") || !strings.Contains(got, "fewer files or writers") {
		t.Errorf("got %q", got)
	}
}
