package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"copylab/results"
	"copylab/results/measured"
	"copylab/results/stages"
)

// costs are ns per KiB by stage.
type costs map[stages.Stage]float64

// stageEvidence is made up: three passes with intervals of 2 ns to both sides.
func stageEvidence(file string, of costs) results.StageEvidence {
	sum := 0.0
	for _, ns := range of {
		sum += ns
	}
	e := results.StageEvidence{
		Passes: 3, Profile: file, SumNSPerKiB: measured.Known(sum), TimedNSPerKiB: measured.Known(sum / 1.02), SumOverTimed: measured.Known(1.02),
		SampledOverPass: measured.Known(0.99), PassOverUnwatched: measured.Known(1.04), MissedShare: measured.Known(0.0),
	}
	for _, s := range stages.All() {
		if ns := of[s]; ns > 0 {
			e.Stages = append(e.Stages, results.StageCost{Stage: s, NSPerKiB: ns, Low: measured.Known(ns - 2), High: measured.Known(ns + 2), Share: measured.Known(ns / sum)})
		}
	}
	return e
}

func setStages(c *results.CaseSummary, side string, e results.StageEvidence) {
	of := c.Evidence.Sides[side]
	of.StageEvidence = e
	c.Evidence.Sides[side] = of
}

// stagedSummary is the tour with the stages of its transfers and of its first write. The receiver of sendfile could not be sampled.
func stagedSummary(t testing.TB) *results.Summary {
	s := tourSummary(t)
	rw, sf, write := &s.Cases[0], &s.Cases[1], &s.Cases[2]
	setStages(rw, "sender", stageEvidence("profiles/read-write-sender.pb.gz", costs{
		stages.CopyCacheToProgram: 120, stages.CopyProgramToSocket: 118, stages.TCPIP: 90, stages.Syscalls: 20, stages.Scheduling: 15, stages.Program: 10, stages.Other: 11, stages.PageFaults: 1.5,
	}))
	setStages(rw, "receiver", stageEvidence("profiles/read-write-receiver.pb.gz", costs{stages.CopySocketToReceiver: 150, stages.TCPIP: 60, stages.SoftInterrupts: 20}))
	setStages(sf, "sender", stageEvidence("profiles/sendfile-sender.pb.gz", costs{stages.PassPages: 30, stages.CacheLookup: 16, stages.TCPIP: 100, stages.SoftInterrupts: 30, stages.MemoryManagement: 12}))
	rw.Evidence.Machine.StageEvidence = stageEvidence("profiles/read-write-machine.pb.gz", costs{stages.CopyCacheToProgram: 122, stages.SoftInterrupts: 300, stages.Program: 44})
	refused := stageEvidence("", nil)
	refused.Passes, refused.StagesUnavailable = 0, "made up to be refused"
	setStages(sf, "receiver", refused)
	sf.Evidence.Machine.StageEvidence, write.Evidence.Machine.StageEvidence = refused, refused
	setStages(write, "writer", stageEvidence("profiles/append-writer.pb.gz", costs{stages.CopyProgramToCache: 200, stages.Filesystem: 220, stages.BlockLayer: 40, stages.IOUring: 12, stages.Encryption: 9, stages.CopyDeferred: 8}))
	return s
}

// Each side of each case has a bar whose segments are its stages, the small ones together; the title says what copies take.
func TestStagesFigure(t *testing.T) {
	var found figure
	names := map[string]bool{}
	for _, f := range figuresOf(stagedSummary(t)) {
		names[f.Name] = true
		if f.Name == "stages-transfers" {
			found = f
		}
	}
	if !names["stages-transfers"] || !names["stages-writes"] {
		t.Fatalf("charts %v", names)
	}
	if want := "Copies take 62 % of the sender's CPU time with read-write, 0 % with sendfile"; found.Title != want {
		t.Errorf("title %q, want %q", found.Title, want)
	}
	bars := found.body.(barBody).Bars
	if len(bars) != 3 {
		t.Fatalf("%d bars, want those of three sides", len(bars))
	}
	for i, want := range []struct {
		label    string
		segments int
		total    float64
	}{{"read-write, sender", 8, 385.5}, {"read-write, receiver", 3, 230}, {"sendfile, sender", 5, 188}} {
		if b := bars[i]; b.Label != want.label || len(b.Segments) != want.segments || b.total() < want.total-0.01 || b.total() > want.total+0.01 {
			t.Errorf("bar %d: %q with %d segments, %.1f in all, want %+v", i, b.Label, len(b.Segments), b.total(), want)
		}
	}
	if n := len(found.body.(barBody).Legend); n != 13 { // every stage that is drawn, and the rest
		t.Errorf("%d looks are explained", n)
	}
	if !strings.Contains(found.Alt, "copy page cache to program") {
		t.Errorf("in words: %s", found.Alt)
	}
}

// No two stages look alike.
func TestStageLooksDiffer(t *testing.T) {
	seen := map[look]stages.Stage{}
	for _, s := range stages.All() {
		if s == stages.Idle { // is not drawn
			continue
		}
		l := stageLook(s)
		if other, taken := seen[l]; taken {
			t.Errorf("%s looks like %s", s, other)
		}
		seen[l] = s
	}
	if _, taken := seen[restLook()]; taken {
		t.Error("the rest looks like a stage")
	}
}

// The tables have every side, what could not be had with its reason, and what tells how far to trust the rest.
func TestStageTables(t *testing.T) {
	out := rendered(t, stagedSummary(t), "markdown", Options{})
	for _, want := range []string{
		"| read-write | sender | 120 | 118 | – |", "made up to be refused", "| read-write | sender | 3 | 386 | 378 | 1.02 | 0.99 | 1.04 | 0 % | profiles/read-write-sender.pb.gz |",
		"Stages of the receiver could not be had: made up to be refused.", "What all CPUs did could not be sampled: made up to be refused.",
		"| read-write | machine | 122 |", "profiles/read-write-machine.pb.gz |",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in the report", want)
		}
	}
	if out := rendered(t, tourSummary(t), "markdown", Options{}); strings.Contains(out, "tages") {
		t.Error("a run without passes speaks of stages")
	}
	csv := rendered(t, stagedSummary(t), "csv", Options{})
	if !strings.Contains(csv, "evidence.sender.stages.copy page cache to program") {
		t.Error("summary.csv has no stages")
	}
}

// An ordinary user's run has the program's time, and says once what the rest needs.
func TestStagesOfTheProgramAlone(t *testing.T) {
	s := stagedSummary(t)
	only := stageEvidence("", costs{stages.Program: 12})
	only.KernelUnavailable = "made up: sudo sysctl kernel.perf_event_paranoid=1"
	only.SumNSPerKiB = measured.Unavailable[float64]("%s", only.KernelUnavailable)
	only.SumOverTimed, only.Stages[0].Share = only.SumNSPerKiB, only.SumNSPerKiB
	for i := range s.Cases[:2] {
		for _, side := range []string{"sender", "receiver"} {
			setStages(&s.Cases[i], side, only)
		}
	}
	out := rendered(t, s, "markdown", Options{})
	if n := strings.Count(out, "Stages of the kernel could not be had: made up: sudo sysctl kernel.perf\\_event\\_paranoid=1"); n != 1 {
		t.Errorf("said %d times what samples in the kernel need", n)
	}
	if strings.Contains(out, "Copies take") && !strings.Contains(out, "writer's") {
		t.Error("the share of copies is told where none could be seen")
	}
	for _, f := range figuresOf(s) {
		if f.Name == "stages-transfers" && (f.Title != "CPU time by stage" || !strings.Contains(f.Caption, "Without the kernel's part: made up")) {
			t.Errorf("%q, %q", f.Title, f.Caption)
		}
	}
	ds, err := Explanation{Paths: pathsOf(t, "file/read-write"), Run: s, RunName: "runs/NAME"}.drawings()
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(remarks(Explanation{RunName: "runs/NAME"}, ds), "\n"); !strings.Contains(text, "has no stage evidence (made up: sudo") {
		t.Errorf("remarks\n%s", text)
	}
}

// The diagrams have the costs at their arrows, on the page for both widths, and as files.
func TestRunDiagrams(t *testing.T) {
	s := stagedSummary(t)
	diagrams, err := Diagrams(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(diagrams) != 1 || diagrams[0].Name != "diagram-read-write-and-sendfile" {
		t.Fatalf("%d diagrams", len(diagrams))
	}
	svg := string(diagrams[0].SVG)
	checkSVG(t, "diagram of a run", diagrams[0].SVG)
	for _, want := range []string{"120 ns/KiB", "118 ns/KiB", "150 ns/KiB", "30.0 ns/KiB"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %q in the drawing", want)
		}
	}
	page := rendered(t, s, "html", Options{})
	for _, want := range []string{"<h2>The paths</h2>", `id="diagram-read-write-and-sendfile`, `id="diagram-read-write-and-sendfile-narrow`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q on the page", want)
		}
	}
	dir := filepath.Join(t.TempDir(), "charts")
	if _, err := WriteCharts(dir, s, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "diagram-read-write-and-sendfile.svg")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "diagram-read-write-and-sendfile.png")); err == nil {
		t.Error("a diagram has a PNG")
	}
	s.Run.Charts = []string{}
	if none, err := Diagrams(s); err != nil || len(none) != 0 {
		t.Errorf("%d diagrams where the scenario wants no charts, error %v", len(none), err)
	}
	if none, err := Diagrams(tourSummary(t)); err != nil || len(none) != 0 {
		t.Errorf("%d diagrams without passes, error %v", len(none), err)
	}
}

// explain --run shows what a run has.
func TestExplainRunWithStages(t *testing.T) {
	var b strings.Builder
	e := Explanation{Paths: pathsOf(t, "file/read-write"), Run: stagedSummary(t), RunName: "runs/NAME"}
	if err := WriteExplanation(&b, e, DiagramOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"120 ns/KiB, 31 %", "(118 to 122)", "TCP/IP 90.0 ns/KiB"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
