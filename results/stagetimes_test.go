package results

import (
	"testing"

	"copylab/results/profile"
	"copylab/results/stages"
)

func sampledForTest() *profile.Profile {
	p := profile.New(1000)
	p.ClockNS, p.Missed = 22_000, 1
	p.Add(profile.Stack{Thread: "copylab", Kernel: []string{"_copy_to_iter", "filemap_read"}, User: []string{"main.main"}}, 10)
	p.Add(profile.Stack{Thread: "copylab", User: []string{"main.main"}}, 5)
	p.Add(profile.Stack{Thread: "copylab", Kernel: []string{"new_function"}, User: []string{"main.main"}}, 3)
	p.Add(profile.Stack{Thread: "copylab", User: []string{"main.tool"}}, 2)
	return p
}

func isTool(s profile.Stack) bool { return s.User[0] == "main.tool" }

// The samples stand for all of the clock, those of the tool are apart, and what has no stage is named.
func TestTimeStages(t *testing.T) {
	got := TimeStages(sampledForTest(), "", isTool)
	if got.NS[stages.CopyCacheToProgram] != 11_000 || got.NS[stages.Program] != 5_500 || got.NS[stages.Other] != 3_300 || got.ToolNS != 2_200 || len(got.NS) != 3 {
		t.Errorf("stages %v, tool %d", got.NS, got.ToolNS)
	}
	if ns, ok := got.KernelNS.Get(); !ok || ns != 14_300 {
		t.Errorf("in the kernel: %s", got.KernelNS)
	}
	if got.Samples != 20 || got.Missed != 1 || len(got.Other) != 1 || got.Other[0] != (FunctionTime{"new_function", 3_300}) {
		t.Errorf("%+v", got)
	}
}

// Where the kernel's samples are not allowed, a sample is no more than its period, and the rest of the clock is nobody's.
func TestTimeStagesOfTheProgramAlone(t *testing.T) {
	got := TimeStages(sampledForTest(), "not allowed", isTool)
	if got.NS[stages.Program] != 5_000 || len(got.NS) != 1 || got.Samples != 7 || got.KernelNS.Why() != "not allowed" {
		t.Errorf("%+v", got)
	}
	if clock, ok := got.ClockNS.Get(); !ok || clock != 22_000 {
		t.Errorf("clock %s", got.ClockNS)
	}
	if empty := TimeStages(profile.New(1000), "", isTool); len(empty.NS) != 0 || empty.Samples != 0 {
		t.Errorf("%+v", empty)
	}
}
