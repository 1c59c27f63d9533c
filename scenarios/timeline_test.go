//go:build unix

package scenarios

import (
	"testing"
	"time"

	"copylab/internal/testenv"
	"copylab/results"
)

// Only what the report shows has a timeline: not what verifies, calibrates, or measures the tool itself.
func TestWhichTrialsHaveATimeline(t *testing.T) {
	p := realProcesses(t)
	testenv.Require(t, testenv.Disk, !p.Disk.InMemory, "the temporary folder is on a %s", p.Disk.Filesystem)
	long := results.Case{ID: "long", Kind: results.Write, Params: results.Params{Pattern: "append", Method: "buffered", Sync: "end", SyncCall: "fsync", BlockBytes: 4096, FileBytes: 1 << 20, Depth: 1}}
	short := long
	short.ID = "short"
	tool := results.Case{ID: results.ToolNullWriter, Kind: results.Write, Params: results.Params{Pattern: "append", Method: "null", Sync: "none", BlockBytes: 4096, FileBytes: 1 << 20, Depth: 1}}
	p.Timeline = func(c results.Case) bool { return c.ID != "short" }
	for _, tt := range []struct {
		c     results.Case
		phase results.Phase
		want  bool
	}{
		{long, results.PhaseVerify, false}, {long, results.PhaseCalibrate, false}, {long, results.PhaseWarmup, true}, {long, results.PhaseCounted, true},
		{short, results.PhaseCounted, false}, {tool, results.PhaseTool, false},
	} {
		trial := p.mustExecute(t, Work{Case: tt.c, Phase: tt.phase, Amount: 16})
		if got := trial.Timeline != nil; got != tt.want {
			t.Errorf("%s, %s: a timeline: %v, want %v", tt.c.ID, tt.phase, got, tt.want)
		}
		if tt.c.ID == tool.ID {
			if _, ok := trial.InMemoryBytes.Get(); ok {
				t.Errorf("the null writer has %v in memory", trial.InMemoryBytes)
			}
			continue
		}
		if n, ok := trial.InMemoryBytes.Get(); ok && n > trial.Bytes || !ok && trial.InMemoryBytes.Why() == "not recorded" {
			t.Errorf("%s, %s: %v of %d bytes in memory", tt.c.ID, tt.phase, trial.InMemoryBytes, trial.Bytes)
		}
	}
	p.Timeline = nil
	if trial := p.mustExecute(t, Work{Case: long, Phase: results.PhaseCounted, Amount: 16}); trial.Timeline != nil {
		t.Error("a timeline that nobody asked for")
	}
}

func TestWhichWritesAreLong(t *testing.T) {
	write := results.Case{ID: "write", Kind: results.Write, Params: results.Params{Method: "buffered"}}
	whole, null := write, write
	whole.Params.Amount = AmountFile
	null.Params.Method = "null"
	for _, tt := range []struct {
		c    results.Case
		time time.Duration
		want bool
	}{
		{write, 400 * time.Millisecond, false}, {write, 2*time.Second - 1, false}, {write, 2 * time.Second, true}, {whole, 400 * time.Millisecond, true},
		{null, 8 * time.Second, false}, {transferOf("sendfile", nil), 8 * time.Second, false},
	} {
		e := Execution{Scenario: &Scenario{Measure: Measure{Time: tt.time}}}
		if got := e.timeline(tt.c); got != tt.want {
			t.Errorf("%+v, %v: %v, want %v", tt.c.Params, tt.time, got, tt.want)
		}
	}
}
