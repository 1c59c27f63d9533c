//go:build unix

package scenarios

import (
	"testing"

	"copylab/internal/kernel"
	"copylab/internal/testenv"
	"copylab/results"
)

// Where the kernel can count system calls, each case has one trial for that; not one that writes a whole file, and none where nothing is collected.
func TestRunnerCountsSyscalls(t *testing.T) {
	for _, tt := range []struct {
		allowed bool
		passes  int
		want    map[string]int
	}{
		{true, 2, map[string]int{"timed": 1}}, {false, 2, map[string]int{}}, {true, 0, map[string]int{}},
	} {
		r := &Runner{Syscalls: tt.allowed, Measure: Measure{Evidence: tt.passes}, ready: map[string]bool{}, work: map[string]*assignment{}}
		for id, amount := range map[string]string{"whole": AmountFile, "timed": ""} {
			c := results.Case{ID: id, Kind: results.Write, Params: results.Params{Method: "buffered", Amount: amount}}
			r.live, r.ready[id], r.work[id] = append(r.live, c), true, &assignment{amount: 7}
		}
		got := map[string]int{}
		for _, w := range r.evidenceWorks() {
			if w.Instrument == results.InstrumentSyscalls {
				got[w.Case.ID]++
				if w.Phase != results.PhaseEvidence || w.Amount != 7 {
					t.Errorf("%+v", w)
				}
			}
		}
		if len(got) != len(tt.want) || got["timed"] != tt.want["timed"] {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}

// Such a trial has the counts of both sides, and the interface's. Where there can be none, a sampled trial says what would allow it.
func TestSyscallTrial(t *testing.T) {
	p := realProcesses(t)
	c := transferOf("sendfile", nil)
	p.mustPrepare(t, c)
	p.probed = map[string]kernel.Status{"system calls": kernel.Unavailable("made up to be refused")}
	sampled := p.mustExecute(t, Work{Case: c, Phase: results.PhaseEvidence, Block: 1, Amount: 4 * oddFile, Instrument: results.InstrumentProfile})
	alone := p.mustExecute(t, Work{Case: c, Phase: results.PhaseEvidence, Block: 1, Amount: 4 * oddFile, Instrument: results.InstrumentNone})
	for name := range sampled.Sides {
		if traced := sampled.Sides[name].Traced; traced == nil || traced.Total.Why() != "made up to be refused" {
			t.Errorf("%s: %+v", name, traced)
		}
		if alone.Sides[name].Traced != nil {
			t.Errorf("%s: %+v where nobody watches", name, alone.Sides[name].Traced)
		}
	}
	if sampled.Interface == nil || sampled.Memory == nil || alone.Memory == nil {
		t.Errorf("interface %v, memory %v and %v", sampled.Interface, sampled.Memory, alone.Memory)
	}
	p.probed = nil
	s := p.SyscallCounts()
	testenv.Require(t, testenv.Perf, s.State == kernel.StateAvailable, "%s", s.Reason)
	counted := p.mustExecute(t, Work{Case: c, Phase: results.PhaseEvidence, Block: 1, Amount: 4 * oddFile, Instrument: results.InstrumentSyscalls})
	for name, side := range counted.Sides {
		if side.Traced == nil || side.Traced.Total.Why() != "" || side.Stages != nil {
			t.Errorf("%s: %+v, stages %v", name, side.Traced, side.Stages)
		}
	}
	from := counted.Sides["sender"]
	if from.Traced.ByName["sendfile"] != from.Syscalls["sendfile"] || from.Syscalls["sendfile"] == 0 {
		t.Errorf("the kernel counted %v, the path %v", from.Traced.ByName, from.Syscalls)
	}
}
