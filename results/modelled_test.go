package results

import (
	"strings"
	"testing"

	"copylab/results/measured"
)

// modelledRate is a made-up disk's.
func modelledRate(drive, cache, source string, rate float64) Modelled {
	return Modelled{
		Drive: drive, WriteCache: cache, Source: source, Writes: known(1), Bytes: known(4096), Flushes: known(0), OutsideBytes: notHere(), PayloadBytes: known(4096),
		TotalNS: known(10), SeekNS: known(1), RotationNS: known(2), TransferNS: known(3), OtherNS: known(4), BytesPerSecond: measured.Known(rate),
	}
}

func evidenceTrial(id string, modelled ...Modelled) Trial {
	t := writeTrial(id, 0, 100_000_000)
	t.Seq, t.Phase, t.Modelled = 99, PhaseEvidence, modelled
	return t
}

// What disks were modelled with comes from the trial for evidence, whose own times count nowhere, and enters no metric.
func TestModelledSummary(t *testing.T) {
	run, trials, end := fixtureRecord()
	without, with := NewBuilder(run), NewBuilder(run)
	for _, trial := range trials {
		without.Add(trial)
		with.Add(trial)
	}
	off := modelledRate("7200rpm", "off", SourceBlockTrace, 1000)
	with.Add(evidenceTrial(caseAppend, off, modelledRate("7200rpm", "on", SourceBlockTrace, 3000), modelledRate("hp97560", "off", SourceAsIssued, 50)))
	noRate := modelledRate("hp97560", "on", SourceAsIssued, 0)
	noRate.BytesPerSecond = measured.Unavailable[float64]("too large")
	with.Add(evidenceTrial(caseRandom, modelledRate("7200rpm", "off", SourceBlockTrace, 10), modelledRate("7200rpm", "on", SourceAsIssued, 30), noRate))
	before, s := without.Summary(&end), with.Summary(&end)

	if len(s.Modelled) != 1 {
		t.Fatalf("comparisons %+v: only one disk was fed from the same place in both cases", s.Modelled)
	}
	want := ModelledComparison{Drive: "7200rpm", WriteCache: "off", Source: SourceBlockTrace, Baseline: caseAppend, Case: caseRandom, Ratio: 0.01}
	if s.Modelled[0] != want {
		t.Errorf("got %+v, want %+v", s.Modelled[0], want)
	}
	for i, c := range s.Cases {
		had := before.Cases[i]
		if c.Status != had.Status || c.Trials != had.Trials || c.BytesPerTrial != had.BytesPerTrial || len(c.Metrics) != len(had.Metrics) {
			t.Errorf("%s: the trial for evidence changed %+v to %+v", c.ID, had, c)
		}
		for name, m := range c.Metrics {
			if m.Median != had.Metrics[name].Median || strings.Contains(name, "modelled") {
				t.Errorf("%s: metric %s is %v, and %v without the trial for evidence", c.ID, name, m.Median, had.Metrics[name].Median)
			}
		}
		if c.ID == caseAppend && (len(c.Modelled) != 3 || c.Modelled[0] != off) {
			t.Errorf("modelled of the append: %+v", c.Modelled)
		}
		if c.ID == caseRW && c.Modelled != nil {
			t.Errorf("a transfer was modelled: %+v", c.Modelled)
		}
	}
	if s.Run.Blocks != before.Run.Blocks {
		t.Errorf("%d blocks, %d without the trial for evidence", s.Run.Blocks, before.Run.Blocks)
	}
}

// A case keeps its numbers where the trial for evidence failed, and says so.
func TestFailedEvidence(t *testing.T) {
	run, trials, end := fixtureRecord()
	b := NewBuilder(run)
	for _, trial := range trials {
		b.Add(trial)
	}
	b.Add(Trial{Seq: 99, Case: caseRandom, Phase: PhaseEvidence, Error: "write: no space left on device"})
	for _, c := range b.Summary(&end).Cases {
		if c.ID != caseRandom {
			continue
		}
		if c.Status != CaseMeasured || c.Modelled != nil {
			t.Errorf("status %q (%s), modelled %v", c.Status, c.Reason, c.Modelled)
		}
		if !strings.Contains(strings.Join(c.Warnings, "\n"), "trial 99, which was to bring evidence after the timed ones, failed: write: no space left on device") {
			t.Errorf("warnings %q", c.Warnings)
		}
	}
	goesOn := false
	for _, c := range b.Comparisons() {
		goesOn = goesOn || c.Case == caseRandom && c.Headline
	}
	if !goesOn {
		t.Error("the case's ratios no longer count as headlines")
	}
}

// What others wrote meanwhile is in the modelled time of a case that doesn't sync as it goes: that is said, and its rate is compared with nothing.
func TestModelledFedByOthers(t *testing.T) {
	const mib = 1 << 20
	fed := func(id string, bytes, outside int64) Trial {
		m := modelledRate("7200rpm", "off", SourceBlockTrace, 1000)
		m.Bytes, m.OutsideBytes = known(bytes), known(outside)
		return evidenceTrial(id, m)
	}
	for name, tc := range map[string]struct {
		sync           string
		bytes, outside int64
		want           string // the warning begins so
	}{
		"a third":                    {syncEnd, 30 * mib, 10 * mib, "33 % of what the modelled disk was fed lies outside of the test file: other programs, or the filesystem's journal"},
		"a third without any sync":   {syncNone, 30 * mib, 10 * mib, "33 %"},
		"the journal of every write": {syncEach, 30 * mib, 20 * mib, ""},
		"a little":                   {syncEnd, 2 * mib, mib, ""},
		"a small share":              {syncEnd, 100 * mib, 10 * mib, ""},
	} {
		base, random := writeCase(caseAppend, "append"), writeCase(caseRandom, "random")
		random.Baseline, random.Params.Sync = caseAppend, tc.sync
		s := build(fixtureRun(base, random), fed(caseAppend, 30*mib, 0), fed(caseRandom, tc.bytes, tc.outside))
		var warned []string
		for _, w := range s.Cases[1].Warnings {
			if strings.Contains(w, "modelled disk was fed") {
				warned = append(warned, w)
			}
		}
		switch {
		case tc.want == "" && (len(warned) > 0 || len(s.Modelled) != 1):
			t.Errorf("%s: warnings %q, compared %v", name, warned, s.Modelled)
		case tc.want != "" && (len(warned) != 1 || !strings.HasPrefix(warned[0], tc.want) || len(s.Modelled) > 0):
			t.Errorf("%s: warnings %q, compared %v", name, warned, s.Modelled)
		}
	}
	// The other side's counts as well.
	random := writeCase(caseRandom, "random")
	random.Baseline = caseAppend
	if s := build(fixtureRun(writeCase(caseAppend, "append"), random), fed(caseAppend, 30*mib, 10*mib), fed(caseRandom, 30*mib, 0)); len(s.Modelled) > 0 {
		t.Errorf("compared with a baseline that others fed: %v", s.Modelled)
	}
}
