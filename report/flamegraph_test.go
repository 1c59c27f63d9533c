package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"image/color"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"gonum.org/v1/plot/vg"

	"copylab/results"
	"copylab/results/measured"
	"copylab/results/profile"
	"copylab/results/stages"
)

// stackOf is a made-up stack of a thread, the innermost function first, with its stage.
func stackOf(s stages.Stage, count int64, thread string, kernel, user []string) profile.Labelled {
	return profile.Labelled{
		Counted: profile.Counted{Stack: profile.Stack{Thread: thread, Kernel: kernel, User: user}, Count: count},
		Labels:  map[string]string{"side": "sender", "stage": string(s)},
	}
}

// madeUpStacks are those of a sender that reads and writes: no machine sampled them.
func madeUpStacks() *profile.Recorded {
	reads := []string{"filemap_read", "ksys_read", "do_syscall_64"}
	writes := []string{"tcp_sendmsg_locked", "tcp_sendmsg", "ksys_write", "do_syscall_64"}
	syscall := []string{"internal/runtime/syscall/linux.Syscall6"}
	up := func(names []string, on []string) []string { return slices.Concat(names, on) }
	return &profile.Recorded{PeriodNS: 217_000, Stacks: []profile.Labelled{
		stackOf(stages.CopyCacheToProgram, 400, "copylab", up([]string{"rep_movs_alternative", "_copy_to_iter"}, reads), syscall),
		stackOf(stages.SoftInterrupts, 2, "copylab", up([]string{"sysvec_apic_timer_interrupt", "_copy_to_iter"}, reads), syscall),
		stackOf(stages.CacheLookup, 40, "copylab", up([]string{"filemap_get_pages"}, reads), syscall),
		stackOf(stages.CopyProgramToSocket, 300, "copylab", up([]string{"rep_movs_alternative", "_copy_from_iter"}, writes), syscall),
		stackOf(stages.TCPIP, 180, "copylab", up([]string{"tcp_write_xmit"}, writes), syscall),
		stackOf(stages.TCPIP, 20, "copylab", writes, syscall),
		stackOf(stages.Syscalls, 30, "copylab", []string{"do_syscall_64"}, syscall),
		stackOf(stages.Program, 28, "copylab", nil, []string{"copylab/copypaths.(*readWrite).Transfer", "main.main"}),
		stackOf(stages.Other, 1, "copylab", []string{"tiny", "do_syscall_64"}, syscall), // exactly what is still drawn
	}}
}

func madeUpGraph(t testing.TB, r *profile.Recorded) flameGraph {
	t.Helper()
	g, ok := newFlameGraph(r)
	if !ok {
		t.Fatal("no graph")
	}
	g.Name, g.Side, g.NSPerKiB = "flame-made-up", "read-write, sender", measured.Known(385.5)
	g.Title, g.Caption, g.Alt = g.Side+": "+g.found(), "Made up.", g.words()
	return g
}

// The drawing is what was checked by eye.
func TestFlameGraphGolden(t *testing.T) {
	g := madeUpGraph(t, madeUpStacks())
	if want := "read-write, sender: 40 % of the CPU time copies from the page cache to the program, 30 % copies from the program to the socket"; g.Title != want {
		t.Errorf("title %q, want %q", g.Title, want)
	}
	for _, o := range []SVGOptions{{ID: "a"}, {ID: "b", Inline: true}} {
		name := "flame.golden.svg"
		if o.Inline {
			name = "flame-inline.golden.svg"
		}
		svg := g.svg(o)
		checkSVG(t, name, svg)
		golden(t, filepath.Join("testdata", "flame", name), svg, sameText)
	}
}

// Frames lie on their callers and never beyond them, side by side, and the root is everything.
func TestFlameFramesFit(t *testing.T) {
	g := madeUpGraph(t, madeUpStacks())
	var walk func(f *flameFrame)
	walk = func(f *flameFrame) {
		sum, by := f.Own, int64(0)
		last := int64(math.MaxInt64)
		for _, c := range f.Callees {
			sum += c.Samples
			if c.Samples > last {
				t.Errorf("%s: %s is wider than what stands left of it", f.Name, c.Name)
			}
			last = c.Samples
			walk(c)
		}
		for _, n := range f.ByStage {
			by += n
		}
		if sum != f.Samples || by != f.Samples {
			t.Errorf("%s has %d samples, its callees and itself %d, its stages %d", f.Name, f.Samples, sum, by)
		}
	}
	walk(g.Root)
	for most := 1; most < 20; most++ {
		frames := g.place(most)
		if len(frames) > most || frames[0].flameFrame != g.Root || frames[0].X != 0 || frames[0].Width != 1 {
			t.Fatalf("at most %d: %d frames, the first %+v", most, len(frames), frames[0])
		}
		for i, f := range frames[1:] {
			under := func(o placedFrame) bool {
				return o.Depth == f.Depth-1 && slices.Contains(o.Callees, f.flameFrame) && o.X <= f.X+1e-12 && f.X+f.Width <= o.X+o.Width+1e-12
			}
			if !slices.ContainsFunc(frames, under) {
				t.Errorf("at most %d: %s at %.3f to %.3f stands on nothing", most, f.Name, f.X, f.X+f.Width)
			}
			if before := frames[i]; before.Depth == f.Depth && before.X+before.Width > f.X+1e-12 {
				t.Errorf("at most %d: %s and %s overlap", most, before.Name, f.Name)
			}
			if f.Width < leastFrame {
				t.Errorf("%s is drawn with %.5f of the width", f.Name, f.Width)
			}
		}
	}
	sum := 0.0
	for _, s := range g.Stages {
		sum += s.Share
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("the stages are %.6f of everything", sum)
	}
}

// A frame has the stage of nearly all of its samples, and none where several share them; the kernel's and the program's functions of one name are two.
func TestFlameStages(t *testing.T) {
	g := madeUpGraph(t, madeUpStacks())
	got := map[string]string{}
	for _, f := range g.place(mostFrames) {
		s, ok := mainStage(f.ByStage)
		if !ok {
			s = "several"
		}
		got[f.Name] = string(s)
	}
	for name, want := range map[string]string{
		"all": "several", "do_syscall_64": "several", "filemap_read": "several", "_copy_to_iter": string(stages.CopyCacheToProgram), // for all that a timer interrupted it
		"sysvec_apic_timer_interrupt": string(stages.SoftInterrupts), "_copy_from_iter": string(stages.CopyProgramToSocket), "tcp_sendmsg_locked": "several", "tcp_write_xmit": string(stages.TCPIP),
		"main.main": string(stages.Program),
	} {
		if got[name] != want {
			t.Errorf("%s is drawn as %q, want %q", name, got[name], want)
		}
	}
	same, ok := newFlameGraph(&profile.Recorded{PeriodNS: 1, Stacks: []profile.Labelled{
		stackOf(stages.Program, 1, "copylab", nil, []string{"read"}), stackOf(stages.Other, 1, "copylab", []string{"read"}, nil),
	}})
	if !ok || len(same.Root.Callees) != 2 || same.Root.Callees[0].Kernel {
		t.Errorf("functions of one name: %+v", same.Root.Callees)
	}
}

// Of a function that calls itself, no sample counts twice.
func TestFlameFunctions(t *testing.T) {
	g := madeUpGraph(t, &profile.Recorded{PeriodNS: 1, Stacks: []profile.Labelled{
		stackOf(stages.TCPIP, 6, "copylab", []string{"again", "between", "again"}, nil),
		stackOf(stages.Other, 4, "copylab", []string{"again"}, nil),
	}})
	rows := g.functions().Rows
	if len(rows) != 1 {
		t.Fatalf("%d functions: %v", len(rows), rows)
	}
	var text []string
	for _, c := range rows[0] {
		text = append(text, c.Text)
	}
	if want := []string{"again", "kernel", "several", "386", "100 %", "100 %"}; !slices.Equal(text, want) {
		t.Errorf("got %q, want %q", text, want)
	}
}

// Functions of a program that only call each other are one frame, which names them all; the kernel's, and those with time of their own, are not.
func TestFlameFolds(t *testing.T) {
	way := []string{"e/work", "d", "c", "b", "a/start"}
	g := madeUpGraph(t, &profile.Recorded{PeriodNS: 1, Stacks: []profile.Labelled{
		stackOf(stages.TCPIP, 3, "copylab", []string{"k5", "k4", "k3", "k2", "k1"}, append([]string{"g", "f"}, way...)), stackOf(stages.Program, 1, "copylab", nil, way),
	}})
	at := g.Root.Callees[0]
	if want := []string{"a/start", "b", "c", "d", "e/work"}; !slices.Equal(at.Through, want) || at.Own != 1 || at.Samples != 4 {
		t.Errorf("%+v stands for %v, want %v", at, at.Through, want)
	}
	var above []string
	for len(at.Callees) == 1 {
		at = at.Callees[0]
		above = append(above, at.Name)
	}
	if want := []string{"f", "g", "k1", "k2", "k3", "k4", "k5"}; !slices.Equal(above, want) {
		t.Errorf("above stand %v, want %v", above, want)
	}
	said := namesIn(t, g.svg(SVGOptions{}))
	for _, want := range []string{"start … work (5 functions)", "a/start, b, c, d, e/work: 386 ns/KiB, 100 %, itself 25 %"} {
		if !slices.Contains(said, want) {
			t.Errorf("no %q in %q", want, said)
		}
	}
}

// Shares of few samples are called rough, and the caption tells how rough.
func TestFlameTitleOfFewSamples(t *testing.T) {
	few, _ := newFlameGraph(&profile.Recorded{PeriodNS: 1, Stacks: []profile.Labelled{stackOf(stages.Program, 8, "copylab", nil, []string{"main.main"})}})
	if got, want := few.found(), "too few samples (8) to say what the CPU time was spent on"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for samples, want := range map[int64]string{
		100: "about 100 % of the CPU time is the program's own", 1000: "100 % of the CPU time is the program's own",
	} {
		g, _ := newFlameGraph(&profile.Recorded{PeriodNS: 1, Stacks: []profile.Labelled{stackOf(stages.Program, samples, "copylab", nil, []string{"main.main"})}})
		if got := g.found(); got != want {
			t.Errorf("%d samples: %q, want %q", samples, got, want)
		}
		if g.Machine = true; !strings.HasSuffix(g.found(), "is spent by programs in user mode") {
			t.Errorf("of all CPUs: %q", g.found())
		}
	}
}

// A stage that takes much is told also where each of its functions calls others of another stage.
func TestFlameLegendTellsAllStages(t *testing.T) {
	g := madeUpGraph(t, &profile.Recorded{PeriodNS: 1, Stacks: []profile.Labelled{
		stackOf(stages.Program, 30, "copylab", nil, []string{"main.main"}), stackOf(stages.PageFaults, 69, "copylab", []string{"exc_page_fault"}, []string{"main.main"}),
		stackOf(stages.Other, 1, "copylab", nil, []string{"main.main"}),
	}})
	said := namesIn(t, g.svg(SVGOptions{}))
	for name, want := range map[string]bool{"program 30 %": true, "page faults 69 %": true, "other 1.0 %": false} {
		if slices.Contains(said, name) != want {
			t.Errorf("%q in the drawing: %v, want %v", name, !want, want)
		}
	}
}

// Threads stand under their stacks where there are several; nothing is drawn of idle CPUs, and nothing at all where there is nothing else.
func TestFlameThreads(t *testing.T) {
	two := &profile.Recorded{PeriodNS: 1, Stacks: []profile.Labelled{
		stackOf(stages.TCPIP, 3, "copylab", []string{"tcp_sendmsg"}, []string{"main.main"}),
		stackOf(stages.SoftInterrupts, 1, "ksoftirqd", []string{"net_rx_action"}, nil),
		stackOf(stages.Idle, 96, "idle", []string{"default_idle"}, nil),
	}}
	g := madeUpGraph(t, two)
	if c := g.Root.Callees; g.Samples != 4 || len(c) != 2 || c[0].Name != "copylab" || c[1].Name != "ksoftirqd" {
		t.Errorf("%d samples, %+v", g.Samples, c)
	}
	if svg := string(g.svg(SVGOptions{})); strings.Contains(svg, "idle") {
		t.Errorf("idle CPUs are drawn:\n%s", svg)
	}
	for _, none := range []*profile.Recorded{{PeriodNS: 1}, {PeriodNS: 1, Stacks: two.Stacks[2:]}} {
		if g, ok := newFlameGraph(none); ok {
			t.Errorf("a graph of %d samples", g.Samples)
		}
	}
	if g := madeUpGraph(t, &profile.Recorded{PeriodNS: 1, Stacks: []profile.Labelled{stackOf(stages.Other, 1, "copylab", nil, nil)}}); len(g.Functions) != 0 {
		t.Errorf("functions of a stack without any: %v", g.Functions)
	} else {
		checkSVG(t, "a stack without functions", g.svg(SVGOptions{}))
	}
}

// namesIn are the tooltips and the texts of a drawing, which must be well formed and hold neither scripts nor references.
func namesIn(t testing.TB, svg []byte) (said []string) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if token == nil {
			if err.Error() != "EOF" {
				t.Fatalf("not well formed: %v", err)
			}
			return said
		}
		switch e := token.(type) {
		case xml.StartElement:
			if !slices.Contains([]string{"svg", "title", "desc", "style", "g", "rect", "path", "text"}, e.Name.Local) {
				t.Fatalf("<%s> in the drawing", e.Name.Local)
			}
			for _, a := range e.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" || strings.Contains(a.Value, "url(") {
					t.Fatalf("<%s %s=%q>", e.Name.Local, a.Name.Local, a.Value)
				}
			}
		case xml.CharData:
			said = append(said, string(e))
		}
	}
}

// A name is text, whatever is in it.
func TestFlameNamesAreText(t *testing.T) {
	hostile := []string{
		`</title><script>alert("x")</script>`, `" onload="alert(1)`, "a & b < c > d ' e", "tab\there\nand\x00there", "\xff\xfe no text", "\u202egnp.exe", strings.Repeat("é", 5000), "",
		"copylab/a.F[go.shape.struct { x/y.T; B int }]",
	}
	for _, name := range hostile {
		r := &profile.Recorded{PeriodNS: 1, Stacks: []profile.Labelled{stackOf(stages.Stage(name), 5, name, []string{name}, []string{name, name}), stackOf(stages.Program, 5, "copylab", []string{name}, []string{name})}}
		g := madeUpGraph(t, r)
		for _, o := range []SVGOptions{{}, {Inline: true}} {
			svg := g.svg(o)
			if len(svg) > 16<<10 {
				t.Errorf("%.20q takes %d bytes", name, len(svg))
			}
			said := strings.Join(namesIn(t, svg), "\n")
			if strings.ContainsAny(said, "\x00\t\u202e") {
				t.Errorf("%q is drawn as it is", name)
			}
			if name == hostile[2] && !strings.Contains(said, name+" (kernel): ") {
				t.Errorf("%q is not told as it is:\n%s", name, said)
			}
		}
	}
	if got := shortFunction(hostile[8]); got != "a.F[go.shape.struct { x/y.T; B int }]" {
		t.Errorf("got %q", got)
	}
}

func FuzzFlameNames(f *testing.F) {
	f.Add("<&>\"'", "]]>", "\xff")
	f.Fuzz(func(t *testing.T, thread, function, stage string) {
		g := madeUpGraph(t, &profile.Recorded{PeriodNS: 1, Stacks: []profile.Labelled{
			stackOf(stages.Stage(stage), 3, thread, []string{function}, []string{thread}), stackOf(stages.Program, 1, function, nil, []string{stage}),
		}})
		namesIn(t, g.svg(SVGOptions{Inline: true}))
		namesIn(t, g.svg(SVGOptions{}))
	})
}

// Names are clipped to their frames, and left out where only a letter or two would fit.
func TestFlameNamesFit(t *testing.T) {
	letters := func(s string) (w vg.Length) { return vg.Length(len([]rune(s))) }
	for _, tt := range []struct {
		room vg.Length
		want string
	}{{20, "tcp_sendmsg_locked"}, {18, "tcp_sendmsg_locked"}, {17, "tcp_sendmsg_lock…"}, {13, "tcp_sendmsg…"}, {5, "tcp…"}, {4, "tcp…"}, {3, ""}, {0, ""}, {-1, ""}} {
		if got := clip("tcp_sendmsg_locked", tt.room, letters); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.room, got, tt.want)
		}
	}
}

// manyStacks fill a graph: each of a fan of functions calls a tower of others.
func manyStacks(fan, depth int) *profile.Recorded {
	r := &profile.Recorded{PeriodNS: 1}
	all := stages.All()
	for i := range fan {
		var kernel []string
		for d := range depth {
			kernel = append(kernel, fmt.Sprintf("a_function_with_quite_a_long_name_%d_%d", i, d))
		}
		r.Stacks = append(r.Stacks, stackOf(all[i%len(all)], 1000, "copylab", kernel, []string{"main.main"}))
	}
	return r
}

// However many stacks were sampled, a graph in a page takes no more than a page can bear.
func TestFlameGraphIsBounded(t *testing.T) {
	g := madeUpGraph(t, manyStacks(60, 40))
	for _, fan := range []int{1, 5, 100} {
		g := madeUpGraph(t, manyStacks(fan, 400))
		if n := len(g.svg(SVGOptions{Inline: true})); n > mostInlineBytes || n < mostInlineBytes/4 {
			t.Errorf("%d times 400 functions take %d bytes", fan, n)
		}
	}
	if n := len(g.place(mostFrames)); n != mostFrames {
		t.Errorf("%d frames, want %d", n, mostFrames)
	}
}

// The names in frames can be read on the tint of every stage, in both themes.
func TestFlameContrast(t *testing.T) {
	for _, theme := range []struct{ ink, muted, rule, paper string }{{"#1a1a1a", "#595959", "#dddddd", "#ffffff"}, {"#ececec", "#b0b4b8", "#343a40", "#14171a"}} {
		channels := func(hex string) (out [3]float64) {
			for i := range out {
				v, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
				if err != nil {
					t.Fatal(err)
				}
				out[i] = float64(v)
			}
			return out
		}
		for _, s := range stages.All() {
			c := stageLook(s).Color
			fill := strings.ToLower(hex(c))
			if name := (map[color.NRGBA]string{ink: theme.ink, muted: theme.muted, rule: theme.rule, paper: theme.paper})[c]; name != "" {
				fill = name
			}
			opacity := float64(light(c).A) / 255
			over, under := channels(fill), channels(theme.paper)
			tint := "#"
			for i := range over {
				tint += fmt.Sprintf("%02x", int(math.Round(opacity*over[i]+(1-opacity)*under[i])))
			}
			if got := contrast2(t, theme.ink, tint); got < 4.5 {
				t.Errorf("%s: %s on %s has a contrast of %.2f, want 4.5", s, theme.ink, tint, got)
			}
		}
	}
	svg := string(madeUpGraph(t, madeUpStacks()).svg(SVGOptions{Inline: true}))
	for _, c := range []color.NRGBA{ink, muted, rule, paper} {
		if n, themedOnes := strings.Count(svg, hex(c)), strings.Count(svg, themed(c)); n != themedOnes {
			t.Errorf("%s is fixed at %d places", hex(c), n-themedOnes)
		}
	}
}

// packedStacks is a run's folder that holds the made-up stacks of the named sides.
func packedStacks(t testing.TB, names ...string) fstest.MapFS {
	t.Helper()
	p := profile.New(217_000)
	by := map[string]string{}
	for _, s := range madeUpStacks().Stacks {
		p.Add(s.Stack, s.Count)
		by[strings.Join(s.Kernel, ";")] = s.Labels["stage"]
	}
	var b bytes.Buffer
	if err := p.WritePprof(&b, func(s profile.Stack) map[string]string {
		return map[string]string{"stage": by[strings.Join(s.Kernel, ";")]}
	}); err != nil {
		t.Fatal(err)
	}
	run := fstest.MapFS{}
	for _, name := range names {
		run["profiles/"+name+".pb.gz"] = &fstest.MapFile{Data: b.Bytes()}
	}
	return run
}

func pageOf(t *testing.T, s *results.Summary, run fs.FS) string {
	t.Helper()
	return rendered(t, s, "html", Options{Run: run})
}

// A page has the graphs of the sides that cases are compared by, well formed and without requests; the others are files.
func TestFlameGraphsOfARun(t *testing.T) {
	s := stagedSummary(t)
	run := packedStacks(t, "read-write-sender", "read-write-receiver", "read-write-machine", "sendfile-sender", "append-writer")
	page := pageOf(t, s, run)
	for _, want := range []string{
		"<h2>Flame graphs</h2>", `id="flame-read-write-sender-title"`, `id="flame-sendfile-sender-title"`, `id="flame-append-writer-title"`, "read-write, sender: 40 % of the CPU time copies from the page cache to the program",
		"1001 samples in 3 passes, one for each 217 µs of CPU time: by chance a share may be off by 3.1 points.", "functions with the most CPU time of their own", "charts/flame-*.svg", "154 ns/KiB, 40 %", "64 KiB",
	} {
		if !strings.Contains(strings.ReplaceAll(page, "\u00a0", " "), want) {
			t.Errorf("no %q on the page", want)
		}
	}
	for _, no := range []string{"flame-read-write-receiver", "flame-read-write-machine", "<script", "http://", "https://", "lame graphs are missing"} {
		if strings.Contains(page, no) {
			t.Errorf("%q is on the page", no)
		}
	}
	ids := map[string]bool{}
	walk(t, page, func(e xml.StartElement) {
		if id := attribute(e, "id"); id != "" && ids[id] {
			t.Errorf("two elements have the id %q", id)
		} else {
			ids[id] = true
		}
	})
	graphs, missing := FlameGraphs(s, run)
	var names []string
	for _, g := range graphs {
		names = append(names, g.Name)
		checkSVG(t, g.Name, g.SVG)
		if strings.Contains(g.Caption, "idle") != (g.Name == "flame-read-write-machine") {
			t.Errorf("%s: %s", g.Name, g.Caption)
		}
	}
	if want := []string{"flame-read-write-sender", "flame-read-write-receiver", "flame-read-write-machine", "flame-sendfile-sender", "flame-append-writer"}; !slices.Equal(names, want) || missing != "" {
		t.Errorf("drawn %q, want %q; missing: %s", names, want, missing)
	}
	s.Run.Charts = []string{}
	if graphs, _ := FlameGraphs(s, run); len(graphs) != 0 || strings.Contains(pageOf(t, s, run), "lame graph") {
		t.Error("a scenario that wants no charts has flame graphs")
	}
}

// They are drawn again from the run's folder, and no other.
func TestFlameGraphFiles(t *testing.T) {
	dir := t.TempDir()
	for name, f := range packedStacks(t, "read-write-sender") {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), f.Data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	s := stagedSummary(t)
	s.Run.Charts = []string{"none"} // of the others
	setStages(&s.Cases[1], "sender", stageEvidence("", nil))
	setStages(&s.Cases[2], "writer", stageEvidence("", nil))
	if err := WriteFolder(dir, s); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(filepath.Join(dir, "charts", "flame-read-write-sender.svg"))
	if err != nil {
		t.Fatal(err)
	}
	namesIn(t, svg)
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil || !strings.Contains(string(page), "<h2>Flame graphs</h2>") {
		t.Errorf("no flame graph on the page, error %v", err)
	}
	elsewhere := stagedSummary(t)
	e := elsewhere.Cases[0].Evidence.Sides["sender"].StageEvidence
	e.Profile = "profiles/../../" + filepath.Base(dir) + "/profiles/read-write-sender.pb.gz"
	setStages(&elsewhere.Cases[0], "sender", e)
	if graphs, missing := FlameGraphs(elsewhere, os.DirFS(dir)); len(graphs) != 0 || missing == "" {
		t.Errorf("%d graphs from outside of the folder; missing: %s", len(graphs), missing)
	}
}

// Where profiles were deleted or damaged, the page has all the rest, and one line that says so.
func TestFlameGraphsMissing(t *testing.T) {
	damaged := packedStacks(t, "read-write-sender", "sendfile-sender", "append-writer")
	damaged["profiles/sendfile-sender.pb.gz"].Data = damaged["profiles/sendfile-sender.pb.gz"].Data[:90]
	two := packedStacks(t, "append-writer")
	two["profiles/sendfile-sender.pb.gz"] = &fstest.MapFile{Data: []byte("no profile")}
	s := stagedSummary(t)
	const gone = "There are no flame graphs: the sampled stacks, profiles/*.pb.gz, are not in the run's folder."
	for _, tt := range []struct {
		name  string
		run   fs.FS
		shown int
		want  string
	}{
		{"deleted", fstest.MapFS{}, 0, gone},
		{"damaged", damaged, 2, "A flame graph is missing: profiles/sendfile-sender.pb.gz: read pprof profile: the file was cut off"},
		{"two", two, 1, "2 of 3 flame graphs are missing: open profiles/read-write-sender.pb.gz: file does not exist; profiles/sendfile-sender.pb.gz: read pprof profile: it is no compressed file"},
		{"not looked for", nil, 0, ""},
	} {
		shown, _, missing := htmlFlames(s, tt.run)
		if len(shown) != tt.shown || !strings.HasPrefix(missing, tt.want) || tt.want == "" && missing != "" {
			t.Errorf("%s: %d graphs, want %d; %q, want %q", tt.name, len(shown), tt.shown, missing, tt.want)
		}
	}
	page := strings.ReplaceAll(pageOf(t, s, fstest.MapFS{}), "\u00a0", " ")
	if strings.Count(page, html.EscapeString(gone)) != 1 || strings.Contains(page, `class="flame"`) {
		t.Errorf("the page does not say once %q", gone)
	}
	if page := pageOf(t, tourSummary(t), fstest.MapFS{}); strings.Contains(page, "lame graph") {
		t.Error("a run without passes speaks of flame graphs")
	}
}

// Where only the program could be sampled, the title claims no more.
func TestFlameGraphOfTheProgramAlone(t *testing.T) {
	s := stagedSummary(t)
	e := s.Cases[0].Evidence.Sides["sender"].StageEvidence
	e.KernelUnavailable = "made up: not allowed"
	e.SumNSPerKiB = measured.Unavailable[float64]("%s", e.KernelUnavailable)
	setStages(&s.Cases[0], "sender", e)
	graphs, _ := FlameGraphs(s, packedStacks(t, "read-write-sender"))
	if len(graphs) != 1 {
		t.Fatalf("%d graphs", len(graphs))
	}
	if g := graphs[0]; g.Title != "read-write, sender: only the program's own CPU time could be sampled" ||
		!strings.Contains(g.Caption, "Without the kernel's part: made up: not allowed.") || strings.Contains(string(g.SVG), "ns/KiB") {
		t.Errorf("%q, %q", g.Title, g.Caption)
	}
}

// A page with many cases has the baseline's graph and as many others as there is room for.
func TestFlameGraphsOfManyCases(t *testing.T) {
	s := stagedSummary(t)
	p := profile.New(217_000)
	for _, one := range manyStacks(400, 10).Stacks {
		p.Add(one.Stack, one.Count)
	}
	var b bytes.Buffer
	if err := p.WritePprof(&b, nil); err != nil {
		t.Fatal(err)
	}
	run := fstest.MapFS{}
	const cases = 12
	base := s.Cases[0]
	s.Cases, s.Comparisons = nil, nil
	for i := range cases {
		c := base
		c.ID, c.Label, c.Params.ChunkBytes = fmt.Sprint(i), fmt.Sprintf("case %d", i), 4096<<i
		c.Evidence.Sides = map[string]results.SideEvidence{}
		name := fmt.Sprintf("case-%d-sender", i)
		setStages(&c, "sender", stageEvidence("profiles/"+name+".pb.gz", costs{stages.Other: 100}))
		run["profiles/"+name+".pb.gz"] = &fstest.MapFile{Data: b.Bytes()}
		s.Cases = append(s.Cases, c)
		s.Comparisons = append(s.Comparisons, results.Comparison{Metric: results.MetricThroughput, Baseline: fmt.Sprint(cases - 1), Case: c.ID})
	}
	shown, elsewhere, missing := htmlFlames(s, run)
	total := 0
	for _, f := range shown {
		total += len(f.Drawing)
	}
	if len(shown) < 3 || len(shown) == cases || !elsewhere || missing != "" || total > mostFlameBytes {
		t.Errorf("%d graphs of %d bytes, elsewhere %v, missing %q", len(shown), total, elsewhere, missing)
	}
	if len(shown) > 0 && !strings.HasPrefix(shown[0].Title, "case 11, ") {
		t.Errorf("the first is %q, want the baseline's", shown[0].Title)
	}
	if n := len(flameSides(s)); n != 2*cases { // and those of all CPUs
		t.Errorf("%d files", n)
	}
}
