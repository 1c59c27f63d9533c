package report

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"copylab/results"
	"copylab/results/diagram"
	"copylab/results/host"
	"copylab/results/measured"
	"copylab/results/stages"
)

func pathsOf(t *testing.T, ids ...string) []diagram.Path {
	t.Helper()
	var out []diagram.Path
	for _, id := range ids {
		source, id, _ := strings.Cut(id, "/")
		p, ok := diagram.PathOf(source, id)
		if !ok {
			t.Fatalf("there is no path %s", id)
		}
		out = append(out, p)
	}
	return out
}

// everyExplanation is each path alone over each link and over all of them, to each receiver; and next to sendfile.
func everyExplanation(see func(name string, e Explanation)) {
	sendfile, _ := diagram.PathOf(diagram.FromFile, "sendfile")
	for _, p := range diagram.Paths() {
		for _, r := range diagram.Receivers() {
			for _, l := range append(diagram.Links(), diagram.VethWithoutSG, diagram.VethWithoutChecksums, "") {
				if r.Takes(p) {
					name := fmt.Sprintf("%s %s over %q to %s", p.Source, p.ID, l, r.ID)
					see(name, Explanation{Paths: []diagram.Path{p}, Receiver: r.ID, Link: l})
					if r.ID == "recv" {
						see(name+" and sendfile", Explanation{Paths: []diagram.Path{p, sendfile}, Receiver: r.ID, Link: l})
					}
				}
			}
		}
	}
}

// No line is wider than the terminal, two drawings stand side by side where it is wide enough, and every arrow is drawn.
func TestExplanationFits(t *testing.T) {
	everyExplanation(func(name string, e Explanation) {
		for _, width := range []int{100, 80} {
			var b strings.Builder
			if err := WriteExplanation(&b, e, DiagramOptions{Width: width}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			beside := false
			for line := range strings.Lines(b.String()) {
				line = strings.TrimSuffix(line, "\n")
				if n := utf8.RuneCountInString(line); n > width || strings.HasSuffix(line, " ") {
					t.Errorf("%s: %d columns of %d: %q", name, n, width, line)
				}
				beside = beside || strings.HasPrefix(line, sectionMark) && strings.Contains(line[1:], sectionMark+"sendfile ")
			}
			if want := len(e.Paths) == 2 && width == 100; beside != want {
				t.Errorf("%s in %d columns: side by side is %v", name, width, beside)
			}
			ds, err := e.drawings()
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range ds {
				for _, a := range d.one().Arrows {
					first, _, _ := strings.Cut(string(a.Kind), " ") // the rest may be on the next line
					if !strings.Contains(b.String(), fmt.Sprintf("%d %s", a.Number, first)) {
						t.Errorf("%s in %d columns: arrow %d, a %s, is not there", name, width, a.Number, a.Kind)
					}
				}
			}
		}
	})
}

func TestASCII(t *testing.T) {
	everyExplanation(func(name string, e Explanation) {
		var b strings.Builder
		if err := WriteExplanation(&b, e, DiagramOptions{ASCII: true}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, r := range b.String() {
			if r > 126 {
				t.Fatalf("%s: %q is not ASCII", name, r)
			}
		}
	})
}

// Without colour no two kinds of arrows look alike, on the terminal and as SVG.
func TestKindsLookDifferent(t *testing.T) {
	text, lines := map[string]diagram.Kind{}, map[string]diagram.Kind{}
	for _, k := range diagram.Kinds() {
		s, p := strokesOf(k), penOf(k)
		for _, look := range []struct {
			seen map[string]diagram.Kind
			as   string
		}{
			{text, string([]rune{s.across, s.down, s.head})},
			{text, asASCII(string([]rune{s.across, s.down, s.head}))},
			{lines, fmt.Sprint(p.width, p.dashes, p.double, k == diagram.Dropped)},
		} {
			if other, taken := look.seen[look.as]; taken && other != k {
				t.Errorf("%s and %s are both drawn as %s", other, k, look.as)
			}
			look.seen[look.as] = k
		}
	}
}

// The SVG is well formed, tells its title and description, refers to nothing outside, and keeps all of its text within itself.
func TestSVGFits(t *testing.T) {
	everyExplanation(func(name string, e Explanation) {
		for _, o := range []SVGOptions{{}, {Narrow: true, Inline: true, ID: "n"}} {
			svg, err := DrawExplanation(e, o)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if strings.Contains(string(svg), "<style>") == o.Inline {
				t.Errorf("%s: a style of its own in a page, or none in a file", name)
			}
			checkSVG(t, name, svg)
		}
	})
}

func checkSVG(t *testing.T, name string, svg []byte) {
	t.Helper()
	type group struct{ x, y, size float64 }
	stack := []group{{}}
	width, height := 0.0, 0.0
	var within []string
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	number := func(e xml.StartElement, attr string) float64 {
		v, _ := strconv.ParseFloat(attribute(e, attr), 64)
		return v
	}
	var text xml.StartElement
	said := map[string]string{}
	for {
		token, err := d.Token()
		if token == nil {
			if err.Error() != "EOF" {
				t.Fatalf("%s: %v", name, err)
			}
			break
		}
		switch e := token.(type) {
		case xml.StartElement:
			within = append(within, e.Name.Local)
			top := stack[len(stack)-1]
			if s := number(e, "font-size"); s > 0 {
				top.size = s
			}
			switch e.Name.Local {
			case "svg":
				if _, err := fmt.Sscanf(attribute(e, "viewBox"), "0 0 %g %g", &width, &height); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			case "g":
				var x, y float64
				if _, err := fmt.Sscanf(attribute(e, "transform"), "translate(%g %g)", &x, &y); err == nil {
					top.x, top.y = top.x+x, top.y+y
				}
			case "text":
				text = e
			case "path":
				if strings.Contains(attribute(e, "d"), "NaN") {
					t.Errorf("%s: a path without a place", name)
				}
			}
			stack = append(stack, top)
		case xml.EndElement:
			within, stack = within[:len(within)-1], stack[:len(stack)-1]
		case xml.CharData:
			if len(within) == 0 {
				continue
			}
			said[within[len(within)-1]] += string(e)
			if within[len(within)-1] != "text" {
				continue
			}
			g := stack[len(stack)-1]
			style := textStyle(vg.Length(g.size), ink, attribute(text, "font-weight") == "bold", draw.XLeft, draw.YBottom)
			w := style.Width(string(e)).Points()
			left := g.x + number(text, "x")
			switch attribute(text, "text-anchor") {
			case "end":
				left -= w
			case "middle":
				left -= w / 2
			}
			if y := g.y + number(text, "y"); left < 0 || left+w > width || y < 0 || y > height {
				t.Errorf("%s: %q is at %.0f,%.0f to %.0f in %.0f×%.0f", name, e, left, y, left+w, width, height)
			}
		}
	}
	if said["title"] == "" || said["desc"] == "" {
		t.Errorf("%s: no title or no description", name)
	}
}

func stage(s stages.Stage, ns float64) diagram.StageCost {
	return diagram.StageCost{Stage: s, Cost: diagram.Cost{
		NSPerKiB: measured.Known(ns), Low: measured.Known(ns - 2), High: measured.Known(ns + 2), Share: measured.Known(ns / 200),
	}}
}

// withStages are drawings with made-up costs at their arrows: no machine measured them.
func withStages(t *testing.T) []drawing {
	t.Helper()
	recv, _ := diagram.ReceiverOf("recv")
	receiver := diagram.Side{Stages: []diagram.StageCost{stage(stages.CopySocketToReceiver, 90), stage(stages.TCPIP, 20)}, CrossingsPerChunk: measured.Known(3.1)}
	var out []drawing
	for i, p := range pathsOf(t, "file/read-write", "file/sendfile") {
		sender := diagram.Side{Stages: []diagram.StageCost{
			stage(stages.CopyCacheToProgram, 61), stage(stages.CopyProgramToSocket, 58.25), stage(stages.TCPIP, 44), stage(stages.Syscalls, 7),
		}, CrossingsPerChunk: measured.Known(4.01)}
		if i == 1 {
			sender = diagram.Side{Stages: []diagram.StageCost{stage(stages.PassPages, 12), stage(stages.TCPIP, 48), stage(stages.CopyToSegments, 30)}, CrossingsPerChunk: measured.Known(2.9)}
		}
		d := p.On(diagram.Loopback, recv).With(diagram.Measurement{ChunkBytes: 64 << 10, Sender: sender, Receiver: receiver})
		out = append(out, drawing{path: p, over: []diagram.Diagram{d}})
	}
	return out
}

// madeUpRun has two paths, of which one could not be measured, over veth without scatter-gather.
func madeUpRun() *results.Summary {
	params := results.Params{Path: "read-write", ChunkBytes: 4096, Cache: "warm", Link: "veth", LinkOptions: "sg=off", Receiver: "discard"}
	cpu := func(ns float64) results.Metric {
		return results.Metric{Median: ns, Low: ns, High: ns, Values: []float64{ns}}
	}
	one := func(chunk int64) results.CaseSummary {
		p := params
		p.ChunkBytes = chunk
		return results.CaseSummary{
			Kind: results.Transfer, Label: fmt.Sprintf("read-write %d KiB", chunk>>10), Params: p, Status: results.CaseMeasured, BytesPerTrial: 1 << 20,
			Metrics: map[string]results.Metric{results.MetricSenderCPU: cpu(270.4), results.MetricReceiverCPU: {Unavailable: "made up"}},
			Evidence: results.Evidence{Sides: map[string]results.SideEvidence{
				"sender": {
					Syscalls: map[string]int64{"read": 1 << 20 / chunk, "write": 2 << 20 / chunk, "lseek": 1}, CrossingsPerChunk: measured.Known(6.0),
					VoluntarySwitches: measured.Known[int64](12), InvoluntarySwitches: measured.Known[int64](3),
				},
			}},
		}
	}
	missing := results.CaseSummary{Kind: results.Transfer, Label: "sendfile", Params: params, Status: results.CaseUnavailable, Reason: "made up"}
	missing.Params.Path = "sendfile"
	return &results.Summary{Cases: []results.CaseSummary{one(4096), one(1 << 20), missing}}
}

func TestGoldenDiagrams(t *testing.T) {
	dir := filepath.Join("testdata", "diagrams")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file  string
		e     Explanation
		o     DiagramOptions
		drawn []drawing
	}{
		{file: "read-write", e: Explanation{Paths: pathsOf(t, "file/read-write")}},
		{file: "read-write-and-sendfile", e: Explanation{Paths: pathsOf(t, "file/read-write", "file/sendfile")}},
		{file: "in-80-columns", e: Explanation{Paths: pathsOf(t, "file/tls", "file/ktls-sendfile"), Link: diagram.NICWithoutSG}, o: DiagramOptions{Width: 80}},
		{file: "from-memory-in-ascii", e: Explanation{Paths: pathsOf(t, "memory/send-zerocopy"), Link: diagram.Loopback, Receiver: "discard"}, o: DiagramOptions{ASCII: true}},
		{file: "receiver-by-link", e: Explanation{Paths: pathsOf(t, "file/uring-splice"), Receiver: "zerocopy-receive"}},
		{file: "null", e: Explanation{Paths: pathsOf(t, "/null")}},
		{file: "with-a-run", e: Explanation{Paths: pathsOf(t, "file/read-write", "file/sendfile"), Run: madeUpRun(), RunName: "runs/NAME"}},
		{file: "with-stages", e: Explanation{RunName: "runs/NAME"}, drawn: withStages(t)},
		{file: "one-with-stages", e: Explanation{RunName: "runs/NAME"}, drawn: withStages(t)[:1]},
	} {
		ds := c.drawn
		if ds == nil {
			var err error
			if ds, err = c.e.drawings(); err != nil {
				t.Fatal(err)
			}
		}
		var b strings.Builder
		if err := c.e.write(&b, ds, c.o); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join(dir, c.file+".golden"), []byte(b.String()), sameText)
		svg := drawSVG(ds, SVGOptions{})
		checkSVG(t, c.file, svg)
		golden(t, filepath.Join(dir, c.file+".svg"), svg, sameText)
	}
}

// explained is an explanation in words, each run of spaces one, so that line breaks don't matter.
func explained(t *testing.T, e Explanation) string {
	t.Helper()
	var b strings.Builder
	e.RunName = "runs/NAME"
	if err := WriteExplanation(&b, e, DiagramOptions{}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func wantText(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if not, ok := strings.CutPrefix(w, "!"); ok == strings.Contains(text, strings.TrimPrefix(w, "!")) {
			if ok {
				t.Errorf("there is %q in\n%s", not, text)
			} else {
				t.Errorf("no %q in\n%s", w, text)
			}
		}
	}
}

// A side without stages says why, though the other has them.
func TestExplainSideWithoutStages(t *testing.T) {
	s := stagedSummary(t)
	wantText(t, explained(t, Explanation{Paths: pathsOf(t, "file/sendfile"), Run: s}), "No arrow of the receiver has its cost: made up to be refused.", "!no arrow can be given")
	wantText(t, explained(t, Explanation{Paths: pathsOf(t, "file/read-write", "file/sendfile"), Run: s}), "sendfile: No arrow of the receiver has its cost: made up to be refused.", "!of the sender has")
}

// An ordinary user's run has no costs of arrows, but it has stages, and they don't pass for more than they are.
func TestExplainUserModeOnly(t *testing.T) {
	s := stagedSummary(t)
	only := stageEvidence("", costs{stages.Program: 12, stages.Encryption: 34})
	only.KernelUnavailable = "made up: sudo"
	for i := range s.Cases[:2] {
		for _, side := range []string{"sender", "receiver"} {
			setStages(&s.Cases[i], side, only)
		}
	}
	list := "user mode only • sender: encryption 34.0 ns/KiB, 74 % (32.0 to 36.0); program 12.0 ns/KiB, 26 % (10.0 to 14.0) • receiver: encryption"
	wantText(t, explained(t, Explanation{Paths: pathsOf(t, "file/read-write"), Run: s}), "runs/NAME has no stage evidence (made up: sudo): no arrow can be given its cost. What it has stands in the table, and the stages of user mode, which are not all, in a list.", " Stages of "+list)
	wantText(t, explained(t, Explanation{Paths: pathsOf(t, "file/read-write", "file/sendfile"), Run: s}), "read-write: stages of "+list, "sendfile: stages of "+list)
	wantText(t, explained(t, Explanation{Paths: pathsOf(t, "file/read-write"), Run: stagedSummary(t)}), "!user mode only")
}

// What qualifies the numbers stands beside them: the case's warnings on its stages, and the intervals, of two paths too.
func TestExplainQualifiesItsNumbers(t *testing.T) {
	s := stagedSummary(t)
	s.Cases[0].Warnings = []string{
		"the stages of the sender's CPU time add up to 1 ns/KiB in the passes for evidence, made up", "the samples of the sender stand for 2 times, made up",
		"0.5 of the samples came late, made up", "0.1 of the sender's CPU time is in no stage that copylab knows", "it rained",
	}
	one := explained(t, Explanation{Paths: pathsOf(t, "file/read-write"), Run: s})
	wantText(t, one, "• The stages of the sender's CPU time add up to 1 ns/KiB in the passes for evidence, made up.", "• The samples of the sender stand for 2 times, made up.",
		"• 0.5 of the samples came late, made up.", "• 0.1 of the sender's CPU time is in no stage that copylab knows.", "!rained",
		"TCP/IP 90.0 ns/KiB, 23 % (88.0 to 92.0)")
	two := explained(t, Explanation{Paths: pathsOf(t, "file/read-write", "file/sendfile"), Run: s})
	wantText(t, two, "• read-write: The samples of the sender stand for 2 times, made up.", "!rained",
		"read-write: arrows", "120 ns/KiB, 31 % (118 to 122)", "sendfile: arrows", "30.0 ns/KiB, 16 % (28.0 to 32.0)", "TCP/IP 100 ns/KiB, 53 % (98.0 to 102)")
	wantText(t, explained(t, Explanation{Paths: pathsOf(t, "file/read-write", "file/sendfile")}), "!: arrows")
}

// What a damaged record lacks was not left unmeasured, as far as anybody knows.
func TestExplainDamagedRecord(t *testing.T) {
	s := madeUpRun()
	side := s.Cases[0].Evidence.Sides["sender"]
	side.StagesUnavailable = results.NoPassMade
	s.Cases[0].Evidence.Sides["sender"] = side
	s.Cases[2].Status, s.Cases[2].Reason = results.CaseNotReached, "the run ended before the first counted trial"
	e := Explanation{Paths: pathsOf(t, "file/read-write", "file/sendfile"), Run: s}
	wantText(t, explained(t, e), "runs/NAME has no stage evidence (no pass for evidence was made): no arrow", "the run ended before the first counted trial")
	for _, c := range []struct{ stopped, warning string }{
		{results.StopDamaged, "record.jsonl line 3 can't be read: made up; it and the 2 lines after it were left out"},
		{results.StopCutOff, "the record is cut off, made up"},
	} {
		s.Run.Stopped, s.Warnings = c.stopped, []string{c.warning, "this is a virtual machine"}
		wantText(t, explained(t, e), "• runs/NAME: "+c.warning+".", "runs/NAME has no stage evidence in what can be read of its record: no arrow", "No counted trial of sendfile is in what can be read of runs/NAME.",
			"!no pass for evidence", "!the run ended before", "!virtual machine")
	}
}

// A link is found by the name that the run has for it, and drawn with what its options cost.
func TestExplainLinkWithOptions(t *testing.T) {
	s := stagedSummary(t)
	s.Cases = s.Cases[:2]
	for _, c := range s.Cases {
		c.Label += " without"
		c.Params.Link, c.Params.LinkOptions = "veth", "rate=1Gbit sg=off"
		c.Evidence.Sides = map[string]results.SideEvidence{"sender": {StageEvidence: stageEvidence("", costs{stages.CopyToSegments: 77, stages.TCPIP: 50})}, "receiver": {StageEvidence: stageEvidence("", costs{stages.CopySocketToReceiver: 99})}}
		s.Cases = append(s.Cases, c)
		c.Label += " sums"
		c.Params.LinkOptions = "rate=1Gbit csum=off"
		s.Cases = append(s.Cases, c)
	}
	for i := range 2 {
		s.Cases[i].Params.Link, s.Cases[i].Params.LinkOptions = "veth", ""
	}
	sendfile := pathsOf(t, "file/sendfile")
	wantText(t, explained(t, Explanation{Paths: sendfile, Run: s, Link: diagram.VethWithoutSG, LinkName: "veth rate=1Gbit sg=off"}),
		"the link: veth sg=off", "CPU copy by the kernel, later (segmentation): 77.0 ns/KiB, 61 % (75.0 to 79.0); then descriptor", "veth sg=off 1", "Without scatter-gather (sg=off)",
		"!Theory has no", "!than is drawn", "!without sums")
	wantText(t, explained(t, Explanation{Paths: pathsOf(t, "file/read-write", "file/sendfile"), Run: s, Link: diagram.VethWithoutChecksums, LinkName: "veth rate=1Gbit csum=off"}),
		"the link: veth csum=off", "veth csum=off 2 1", "sendfile: Without checksums (csum=off)", "read-write: There is no network card")
	wantText(t, explained(t, Explanation{Paths: sendfile, Run: s, Link: diagram.Veth, LinkName: "veth"}), "the link: veth ─", "!77.0", "!sendfile without")
	wantText(t, explained(t, Explanation{Paths: sendfile, Run: s, Link: diagram.Veth, LinkName: "veth mtu=576"}), "has no case with sendfile over that link",
		"or take its veth, veth rate=1Gbit sg=off and veth rate=1Gbit csum=off")
	// Where the run has the kind only with options, the kind will do.
	s.Cases = s.Cases[2:]
	wantText(t, explained(t, Explanation{Paths: sendfile, Run: s, Link: diagram.Veth}), "the link: veth sg=off", "77.0")
	// What the kernel switched off by itself counts like what was asked for.
	s.Cases[0].Params.LinkOptions = "tso=off"
	s.Run.Links = []results.Link{{Kind: "veth", Options: "tso=off", Sender: host.NIC{SG: "off", TxChecksum: "on"}}}
	if got := linkOf(&s.Cases[0], s); got != diagram.VethWithoutSG {
		t.Errorf("a link whose card has no scatter-gather is drawn as %s", got)
	}
}

func TestExplanationErrors(t *testing.T) {
	for _, e := range []Explanation{
		{Paths: pathsOf(t, "file/sendfile"), Receiver: "nobody"},
		{Paths: pathsOf(t, "file/tls"), Receiver: "discard"},
	} {
		var b strings.Builder
		if err := WriteExplanation(&b, e, DiagramOptions{}); err == nil || b.Len() > 0 {
			t.Errorf("%s: wrote %d bytes, error %v", e.Receiver, b.Len(), err)
		}
		if _, err := DrawExplanation(e, SVGOptions{}); err == nil {
			t.Errorf("%s: drawn", e.Receiver)
		}
	}
}
