package results

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"copylab/results/measured"
	"copylab/results/stages"
)

func wantNear(t *testing.T, what string, got measured.Float, want float64) {
	t.Helper()
	if v, ok := got.Get(); !ok || math.Abs(v-want) > 1e-6*math.Abs(want) {
		t.Errorf("%s is %s, want %g", what, got, want)
	}
}

// Six timed trials of 200 ms of the sender, and three passes of 64 MiB.
func passedForTest(passes ...Trial) CaseSummary {
	trials := blocks(6, func(block int) Trial { return streamTrial(caseRW, block, 400_000_000) })
	return build(fixtureRun(streamCase(caseRW, "read-write")), append(trials, passes...)...).Cases[0]
}

func TestStageEvidence(t *testing.T) {
	var trials []Trial
	for pass, ns := range []int64{400_000_000, 360_000_000, 500_000_000} {
		alone := streamTrial(caseRW, pass+1, ns) // whose sender takes half of it
		alone.Phase, alone.Instrument = PhaseEvidence, InstrumentNone
		trials = append(trials, alone, passTrial(caseRW, pass+1))
	}
	c := passedForTest(trials...)
	const kib = 64 << 10
	from := c.Evidence.Sides[sender]
	var names []string
	for _, s := range from.Stages {
		names = append(names, string(s.Stage))
	}
	if got := strings.Join(names, ", "); got != "copy page cache to program, copy program to socket, program, other" {
		t.Errorf("stages %s: want them in their order, without being idle", got)
	}
	socket := from.Stages[1]
	if socket.NSPerKiB != 70e6/kib {
		t.Errorf("%+v", socket)
	}
	wantNear(t, "low", socket.Low, 60e6/kib)
	wantNear(t, "high", socket.High, 80e6/kib)
	wantNear(t, "share", socket.Share, 70.0/210)
	wantNear(t, "sum", from.SumNSPerKiB, 210e6/kib)
	wantNear(t, "timed", from.TimedNSPerKiB, 200e6/kib)
	wantNear(t, "sum over timed", from.SumOverTimed, 1.05)
	wantNear(t, "sampled over pass", from.SampledOverPass, 1)
	wantNear(t, "pass", from.PassNSPerKiB, 220e6/kib)
	wantNear(t, "pass over unwatched", from.PassOverUnwatched, 220.0/200)
	wantNear(t, "unwatched over timed", from.UnwatchedOverTimed, 1)
	wantNear(t, "missed", from.MissedShare, 0)
	if from.Passes != 3 || from.Profile != "profiles/read-write-sender.pb.gz" || len(from.Other) != 1 || from.Other[0].NSPerKiB != 20e6/kib || from.StagesUnavailable != "" {
		t.Errorf("%+v", from.StageEvidence)
	}

	// Only the program's own time: no share, no sum, and the reason.
	to := c.Evidence.Sides[receiver]
	if len(to.Stages) != 1 || to.Stages[0].Stage != stages.Program || to.Stages[0].NSPerKiB != 11e6/kib || to.KernelUnavailable != "not allowed" ||
		to.Stages[0].Share.Why() != "not allowed" || to.SumNSPerKiB.Why() != "not allowed" || to.SumOverTimed.Why() != "not allowed" {
		t.Errorf("%+v", to.StageEvidence)
	}
	if m := c.Evidence.Machine; m.StagesUnavailable != "root only" || m.Passes != 0 || m.Stages == nil {
		t.Errorf("%+v", m)
	}
	if c.Trials != 6 || c.Metrics[MetricThroughput].Values[0] != (64<<20)/0.4 {
		t.Errorf("the passes were counted: %+v", c.Metrics[MetricThroughput])
	}
	text := strings.Join(c.Warnings, "\n")
	for _, want := range []string{"in no stage that copylab knows, most of it in new_function", "of the samples of the receiver were lost"} {
		if !strings.Contains(text, want) {
			t.Errorf("no warning %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "add up to") {
		t.Errorf("5 %% is near enough: %s", text)
	}
}

// What the kernel counted beyond what the samples stand for is told apart, so that no stage is made longer than its samples say. Where they stand for more than
// was counted, the sum says so. Nothing is known of the machine in this way.
func TestWhatIsNotSampled(t *testing.T) {
	for _, part := range []int64{50, 100, 200} {
		pass := passTrial(caseRW, 1)
		s := pass.Sides[sender].Stages
		s.ClockNS = known(220_000_000 * part / 100)
		for stage := range s.NS {
			s.NS[stage] = s.NS[stage] * part / 100
		}
		seen := *s
		pass.MachineStages = &seen
		pass.Machine.BusyNS = known(420_000_000)
		c := passedForTest(pass)
		const kib = 64 << 10
		e := c.Evidence.Sides[sender].StageEvidence
		sampled := 210e6 / kib * float64(part) / 100
		unsampled := max(0, 220e6/kib*float64(100-part)/100)
		wantNear(t, "sum", e.SumNSPerKiB, sampled+unsampled)
		wantNear(t, "samples over pass", e.SampledOverPass, float64(part)/100)
		last := e.Stages[len(e.Stages)-2] // before other
		if (last.Stage == stages.Unsampled) != (unsampled > 0) || unsampled > 0 && math.Abs(last.NSPerKiB-unsampled) > 1e-6 {
			t.Errorf("%d %%: stages %+v, want %g not sampled", part, e.Stages, unsampled)
		}
		if copies := c.Copies[sender].CopiesNSPerKiB.Median; math.Abs(copies-180e6/kib*float64(part)/100) > 1e-6 {
			t.Errorf("%d %%: %v ns/KiB of copies", part, copies)
		}
		wantNear(t, "machine", c.Evidence.Machine.SumNSPerKiB, sampled)
		wantNear(t, "machine over busy", c.Evidence.Machine.SampledOverPass, 0.5*float64(part)/100)
		if warned := strings.Contains(strings.Join(c.Warnings, "\n"), fmt.Sprintf("the samples of the sender stand for %.2f times", float64(part)/100)); warned != (part != 100) {
			t.Errorf("%d %%: warnings %q", part, c.Warnings)
		}
		sum := 0.0
		for _, one := range e.Stages {
			share, _ := one.Share.Get()
			sum += share
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("%d %%: the shares add up to %v", part, sum)
		}
	}
}

func TestLateSamplesAreWarnedOf(t *testing.T) {
	pass := passTrial(caseRW, 1)
	pass.Sides[sender].Stages.Late = known(100)
	c := passedForTest(pass)
	wantNear(t, "late", c.Evidence.Sides[sender].LateShare, 100.0/1200)
	if !strings.Contains(strings.Join(c.Warnings, "\n"), "0.083 of the samples of the sender came late and are left out") {
		t.Errorf("warnings %q", c.Warnings)
	}
}

// One pass has no interval, and none has no stages; a sum far from the timed CPU time is warned of.
func TestStageEvidenceOfFewPasses(t *testing.T) {
	far := passTrial(caseRW, 1)
	far.Sides[sender].Stages.NS[stages.TCPIP] = 50_000_000
	one := passedForTest(far)
	s := one.Evidence.Sides[sender].Stages[0]
	if s.NSPerKiB == 0 || !strings.Contains(s.Low.Why(), "one pass") || !strings.Contains(s.High.Why(), "one pass") {
		t.Errorf("%+v", s)
	}
	if text := strings.Join(one.Warnings, "\n"); !strings.Contains(text, "the stages of the sender's CPU time add up to 3967 ns/KiB in the passes for evidence, 1.30 times the 3052 of the timed trials: the machine, or being sampled, made them") {
		t.Errorf("warnings\n%s", text)
	}
	failed := passTrial(caseRW, 1)
	failed.Error = "made up to fail"
	for _, c := range []CaseSummary{passedForTest(), passedForTest(failed)} {
		if e := c.Evidence.Sides[sender].StageEvidence; len(e.Stages) != 0 || e.Passes != 0 || !strings.Contains(e.StagesUnavailable, "no pass") {
			t.Errorf("%+v", e)
		}
	}
}
