package report

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"unicode"

	"copylab/results"
	"copylab/results/measured"
	"copylab/results/profile"
	"copylab/results/stages"
)

// flameGraph shows where one side of a case spent its CPU time: a frame for each function, on the one that called it, as wide as its share.
type flameGraph struct {
	Name, Title, Caption, Alt string
	Side                      string // in words
	Machine                   bool   // of all CPUs, whoever used them
	Root                      *flameFrame
	Samples                   int64
	// NSPerKiB is all of the graph's CPU time for each KiB of payload; unavailable where only a part of it could be sampled.
	NSPerKiB measured.Float
	// Stages are those of the samples, in the order of charts.
	Stages    []flameStage
	Functions []flameFunction // the most costly by themselves first
}

type flameStage struct {
	Stage stages.Stage
	Share float64
}

// flameFrame is a function as it was called on one way.
type flameFrame struct {
	Name   string
	Kernel bool
	// Through are the functions that it stands for, itself the first, where one frame is drawn for several.
	Through []string
	Samples int64 // of the function with all that it called
	Own     int64 // of itself
	Callees []*flameFrame
	// ByStage are the samples by stage.
	ByStage map[stages.Stage]int64

	index map[flameKey]*flameFrame // of Callees
}

// flameKey tells functions apart: the kernel and the program may have one of the same name.
type flameKey struct {
	name   string
	kernel bool
}

// flameFunction is a function wherever it was called.
type flameFunction struct {
	flameKey
	Own, All int64
	ByStage  map[stages.Stage]int64 // of Own
}

// ofOneStage is the share of a frame's samples that makes them one stage's: a timer that interrupts a copy does not make it something else.
const ofOneStage = 0.95

// mainStage is the stage of nearly all of some samples; ok is false where several share them.
func mainStage(by map[stages.Stage]int64) (s stages.Stage, ok bool) {
	total, most := int64(0), int64(-1)
	for stage, n := range by {
		total += n
		if n > most || n == most && stage < s {
			s, most = stage, n
		}
	}
	return s, total > 0 && float64(most) >= ofOneStage*float64(total)
}

// callee is the frame of a function that this one called.
func (f *flameFrame) callee(key flameKey) *flameFrame {
	if c := f.index[key]; c != nil {
		return c
	}
	if f.index == nil {
		f.index = map[flameKey]*flameFrame{}
	}
	c := &flameFrame{Name: key.name, Kernel: key.kernel}
	f.index[key] = c
	f.Callees = append(f.Callees, c)
	return c
}

// count adds samples to a frame.
func (f *flameFrame) count(s stages.Stage, n int64) {
	if f.ByStage == nil {
		f.ByStage = map[stages.Stage]int64{}
	}
	f.Samples += n
	f.ByStage[s] += n
}

// sort puts the widest callees first; of equal ones the kernel's last, then by name, so that a profile always gives the same graph.
func (f *flameFrame) sort() {
	slices.SortFunc(f.Callees, func(a, b *flameFrame) int {
		if c := cmp.Or(cmp.Compare(b.Samples, a.Samples), strings.Compare(a.Name, b.Name)); c != 0 || a.Kernel == b.Kernel {
			return c
		}
		if a.Kernel {
			return 1
		}
		return -1
	})
	for _, c := range f.Callees {
		c.sort()
	}
}

// mostThrough is how many functions of a program may call each other, and do nothing else, before one frame stands for them.
const mostThrough = 3

// fold puts such functions into one frame: between its start and what it is asked to do a program has many. The kernel's stay, since they tell what the
// kernel does.
func (f *flameFrame) fold() {
	names, last := []string{f.Name}, f
	for !last.Kernel && len(last.Callees) == 1 && last.Own == 0 && !last.Callees[0].Kernel {
		last = last.Callees[0]
		names = append(names, last.Name)
	}
	if !f.Kernel && len(names) > mostThrough {
		f.Through, f.Callees, f.Own = names, last.Callees, last.Own
	}
	for _, c := range f.Callees {
		c.fold()
	}
}

// newFlameGraph merges a profile's stacks. Being idle is left out: no CPU time was spent on it. ok is false where nothing else was sampled.
func newFlameGraph(r *profile.Recorded) (g flameGraph, ok bool) {
	g.Root = &flameFrame{Name: "all"}
	threads := map[string]bool{}
	var stacks []profile.Labelled
	for _, s := range r.Stacks {
		if s.Count > 0 && stageOf(s) != stages.Idle {
			stacks, threads[s.Thread] = append(stacks, s), true
		}
	}
	functions := map[flameKey]*flameFunction{}
	for _, s := range stacks {
		stage := stageOf(s)
		var way []flameKey
		if len(threads) > 1 { // one would say nothing
			way = append(way, flameKey{name: printable(s.Thread)})
		}
		calls := len(way)
		for _, name := range slices.Backward(s.User) {
			way = append(way, flameKey{name: printable(name)})
		}
		for _, name := range slices.Backward(s.Kernel) {
			way = append(way, flameKey{printable(name), true})
		}
		at := g.Root
		at.count(stage, s.Count)
		seen := map[flameKey]bool{}
		for i, key := range way {
			at = at.callee(key)
			at.count(stage, s.Count)
			if i < calls || seen[key] {
				continue
			}
			seen[key] = true
			if functions[key] == nil {
				functions[key] = &flameFunction{flameKey: key, ByStage: map[stages.Stage]int64{}}
			}
			functions[key].All += s.Count
		}
		at.Own += s.Count
		if len(way) > calls {
			f := functions[way[len(way)-1]]
			f.Own += s.Count
			f.ByStage[stage] += s.Count
		}
	}
	g.Root.sort()
	for _, c := range g.Root.Callees {
		if len(threads) == 1 {
			c.fold()
			continue
		}
		for _, first := range c.Callees {
			first.fold()
		}
	}
	g.Samples = g.Root.Samples
	for _, f := range functions {
		if f.Own > 0 {
			g.Functions = append(g.Functions, *f)
		}
	}
	slices.SortFunc(g.Functions, func(a, b flameFunction) int {
		kernelLast := 0
		if a.kernel != b.kernel {
			kernelLast = -1
			if a.kernel {
				kernelLast = 1
			}
		}
		return cmp.Or(cmp.Compare(b.Own, a.Own), strings.Compare(a.name, b.name), kernelLast)
	})
	order := stages.All()
	for stage, n := range g.Root.ByStage {
		g.Stages = append(g.Stages, flameStage{stage, float64(n) / float64(g.Samples)})
	}
	slices.SortFunc(g.Stages, func(a, b flameStage) int {
		place := func(s stages.Stage) int { // one of a newer copylab comes last
			if i := slices.Index(order, s); i >= 0 {
				return i
			}
			return len(order)
		}
		return cmp.Or(cmp.Compare(place(a.Stage), place(b.Stage)), strings.Compare(string(a.Stage), string(b.Stage)))
	})
	return g, g.Samples > 0
}

// stageOf is the stage that a stack was given when it was sampled.
func stageOf(s profile.Labelled) stages.Stage {
	if name := s.Labels["stage"]; name != "" {
		return stages.Stage(printable(name))
	}
	return stages.Other
}

// longestName bounds what a name takes of a drawing, in bytes: those of generic functions can be as long as their types.
const longestName = 160

// printable takes out of a name what no SVG can hold, and what would draw it as something else.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(name, "\uFFFD"))
	if len(name) > longestName {
		name = strings.ToValidUTF8(name[:longestName], "") + "…"
	}
	return name
}

// shortFunction is a function's name without the folders of its package: "linux.Syscall6".
func shortFunction(name string) string {
	package_ := name
	if i := strings.IndexAny(package_, "([ "); i >= 0 {
		package_ = package_[:i]
	}
	return name[strings.LastIndexByte(package_, '/')+1:]
}

// share is the part of the graph's CPU time that samples stand for.
func (g flameGraph) share(samples int64) float64 { return float64(samples) / float64(g.Samples) }

// cost is the CPU time of samples: "34.1 ns/KiB, 41 %".
func (g flameGraph) cost(samples int64) string {
	share := formatShare(g.share(samples))
	if ns, ok := g.NSPerKiB.Get(); ok {
		return significant(ns*g.share(samples), 3) + " ns/KiB, " + share
	}
	return share
}

// spentOn says of a share of CPU time what it does in a stage.
func spentOn(s stages.Stage) string {
	switch s {
	case stages.CopyCacheToProgram:
		return "copies from the page cache to the program"
	case stages.CopyProgramToSocket:
		return "copies from the program to the socket"
	case stages.CopySocketToReceiver:
		return "copies from the socket to the receiver"
	case stages.CopyDeferred:
		return "makes the copy that zero copy had put off"
	case stages.CopyToSegments:
		return "copies into linear segments"
	case stages.CopyProgramToCache:
		return "copies from the program to the page cache"
	case stages.PassPages:
		return "passes pages by reference"
	case stages.CacheLookup:
		return "looks up pages in the page cache"
	case stages.PageFaults:
		return "handles page faults"
	case stages.Encryption:
		return "encrypts or decrypts"
	case stages.Syscalls:
		return "enters and leaves system calls"
	case stages.Scheduling:
		return "is spent on scheduling"
	case stages.Program:
		return "is the program's own"
	case stages.Other:
		return "is in functions without a stage"
	case stages.TCPIP, stages.IOUring:
		return "is spent in " + string(s)
	case stages.SoftInterrupts:
		return "is spent in drivers and soft interrupts"
	}
	return "is spent in the stage " + string(s)
}

// notableShare is the share of a second stage that a title still tells.
const notableShare = 0.15

// found says what the graph shows.
func (g flameGraph) found() string {
	by := slices.Clone(g.Stages)
	slices.SortStableFunc(by, func(a, b flameStage) int { return cmp.Compare(b.Share, a.Share) })
	on := func(s stages.Stage) string {
		if g.Machine && s == stages.Program { // any program's
			return "is spent by programs in user mode"
		}
		return spentOn(s)
	}
	if g.offByChance() > tooRough {
		return fmt.Sprintf("too few samples (%d) to say what the CPU time was spent on", g.Samples)
	}
	text := fmt.Sprintf("%s of the CPU time %s", formatShare(by[0].Share), on(by[0].Stage))
	if g.offByChance() > roughly {
		text = "about " + text
	}
	if len(by) > 1 && by[1].Share >= notableShare {
		text += fmt.Sprintf(", %s %s", formatShare(by[1].Share), on(by[1].Stage))
	}
	return text
}

// roughly is by how much a share may be off by chance before it is called rough, and tooRough before it is not told.
const (
	roughly  = 0.05
	tooRough = 0.2
)

// offByChance is by how much the share of a function may be off in 95 % of cases, at the most, since samples are only samples.
func (g flameGraph) offByChance() float64 { return 1.96 * 0.5 / math.Sqrt(float64(g.Samples)) }

// flameSide is one side of a case that has a file with its stacks.
type flameSide struct {
	of      *results.CaseSummary
	g       group
	side    string // its key: sender, machine, …
	name    string // of the graph's file, without extension
	profile string // within the run's folder
	e       results.StageEvidence
}

// words name the side of the case.
func (f flameSide) words() string {
	if f.side == "machine" {
		return label(f.of) + ", all CPUs"
	}
	return label(f.of) + ", " + f.side
}

// flameSides are all sides of all cases that were sampled and whose stacks were kept, in the order of the report.
func flameSides(s *results.Summary) []flameSide {
	if s.Run.Charts != nil && len(s.Run.Charts) == 0 {
		return nil
	}
	var out []flameSide
	taken := map[string]bool{}
	for _, g := range groups(s) {
		for _, c := range staged(g) {
			for _, side := range append(sidesOf(g), "machine") {
				e := c.Evidence.Sides[side].StageEvidence
				if side == "machine" {
					e = c.Evidence.Machine.StageEvidence
				}
				if e.Profile == "" {
					continue
				}
				word := fileWord("flame " + strings.TrimSuffix(path.Base(e.Profile), ".pb.gz"))
				name := word
				for n := 2; taken[name]; n++ {
					name = fmt.Sprintf("%s-%d", word, n)
				}
				taken[name] = true
				out = append(out, flameSide{c, g, side, name, e.Profile, e})
			}
		}
	}
	return out
}

// errNoSamples says that there is nothing to draw.
var errNoSamples = errors.New("no CPU time was sampled")

// read reads a side's stacks from the run's folder and makes their graph.
func (f flameSide) read(s *results.Summary, run fs.FS) (flameGraph, error) {
	file, err := run.Open(f.profile) // a path that leads out of the folder is an error
	if err != nil {
		return flameGraph{}, err
	}
	r, err := profile.ReadPprof(file)
	if cerr := file.Close(); err == nil && cerr != nil {
		err = cerr
	}
	if err != nil {
		return flameGraph{}, fmt.Errorf("%s: %w", f.profile, err)
	}
	g, ok := newFlameGraph(r)
	if !ok {
		return flameGraph{}, fmt.Errorf("%s: %w", f.profile, errNoSamples)
	}
	g.Name, g.Side, g.Machine, g.NSPerKiB = f.name, f.words(), f.side == "machine", f.e.SumNSPerKiB
	g.Title = g.Side + ": " + g.found()
	passes := "1 pass"
	if f.e.Passes != 1 {
		passes = fmt.Sprintf("%d passes", f.e.Passes)
	}
	how := fmt.Sprintf("%s in %s, one for each %s of CPU time", plural(int(g.Samples), "sample"), passes, formatNS(float64(r.PeriodNS)))
	if g.Machine {
		how += ", without being idle"
	}
	how += fmt.Sprintf(": by chance a share may be off by %s points.", significant(100*g.offByChance(), 2))
	if why := f.e.KernelUnavailable; why != "" {
		g.Title = g.Side + ": only the program's own CPU time could be sampled"
		how += " Without the kernel's part: " + why + "."
	}
	if shared := common([]*results.CaseSummary{f.of}); len(shared) > 0 {
		how += " " + sentence(strings.Join(shared, ", ")) + "."
	}
	g.Caption = figureMaker{s: s, g: f.g}.caption(how, nil)
	g.Alt = g.words()
	return g, nil
}

// mostFunctions is how many functions are listed with a graph.
const mostFunctions = 8

// words are the graph for those who can't see it.
func (g flameGraph) words() string {
	var by, own []string
	for _, s := range g.Stages {
		by = append(by, string(s.Stage)+" "+formatShare(s.Share))
	}
	for _, f := range g.Functions[:min(len(g.Functions), mostFunctions)] {
		own = append(own, f.name+" "+formatShare(g.share(f.Own)))
	}
	return fmt.Sprintf("CPU time by stage: %s. Most by themselves: %s.", strings.Join(by, "; "), strings.Join(own, "; "))
}

// functions lists those in which most of the CPU time was spent.
func (g flameGraph) functions() table {
	t := table{Caption: g.Side + ": the functions with the most CPU time of their own", Columns: []column{
		{Head: "function"}, {Head: "in"}, {Head: "stage"}, {Head: "itself", Unit: "ns/KiB", Numeric: true}, {Head: "itself", Unit: "share", Numeric: true}, {Head: "with what it calls", Unit: "share", Numeric: true},
	}}
	for _, f := range g.Functions[:min(len(g.Functions), mostFunctions)] {
		in, stage := "program", "several"
		if f.kernel {
			in = "kernel"
		}
		if s, ok := mainStage(f.ByStage); ok {
			stage = string(s)
		}
		t.Rows = append(t.Rows, []cell{
			{Text: f.name}, {Text: in}, {Text: stage}, valueCell(&t, g.NSPerKiB, func(ns float64) string { return significant(ns*g.share(f.Own), 3) }),
			{Text: formatShare(g.share(f.Own))}, {Text: formatShare(g.share(f.All))},
		})
	}
	return t
}

// FlameGraphs draws where each side of each case, and all CPUs, spent their CPU time, from the profiles in a run's folder. They have no PNG. missing
// says in one line which of them could not be drawn, and why; it is empty where none is missing.
func FlameGraphs(s *results.Summary, run fs.FS) (graphs []Chart, missing string) {
	if run == nil {
		return nil, ""
	}
	sides := flameSides(s)
	var failed []error
	for _, f := range sides {
		g, err := f.read(s, run)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		graphs = append(graphs, Chart{Name: g.Name, Title: g.Title, Caption: g.Caption, Alt: g.Alt, SVG: g.svg(SVGOptions{ID: g.Name})})
	}
	return graphs, missingFlames(len(sides), failed)
}

// mostReasons is why so many graphs are missing is said at most.
const mostReasons = 3

// missingFlames says which graphs are missing.
func missingFlames(all int, failed []error) string {
	switch {
	case len(failed) == 0:
		return ""
	case len(failed) == all && !slices.ContainsFunc(failed, func(err error) bool { return !errors.Is(err, fs.ErrNotExist) }):
		return fmt.Sprintf("There are no flame graphs: the sampled stacks, %s/*.pb.gz, are not in the run's folder.", results.ProfileFolder)
	case len(failed) == 1:
		return fmt.Sprintf("A flame graph is missing: %v.", failed[0])
	}
	var why []string
	for _, err := range failed[:min(len(failed), mostReasons)] {
		why = append(why, err.Error())
	}
	text := strings.Join(why, "; ")
	if more := len(failed) - len(why); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return fmt.Sprintf("%d of %d flame graphs are missing: %s.", len(failed), all, text)
}

// htmlFlame is a flame graph in an HTML page.
type htmlFlame struct {
	Title, Caption string
	Drawing        template.HTML
	Functions      table
}

// mostFlameBytes is what all flame graphs of a page take at most: those of cases that find no room are files only.
const mostFlameBytes = 400 << 10

// htmlFlames are the graphs of the sides that cases are compared by, the baselines' first. elsewhere tells that there are more as files.
func htmlFlames(s *results.Summary, run fs.FS) (shown []htmlFlame, elsewhere bool, missing string) {
	if run == nil {
		return nil, false, ""
	}
	baselines := map[string]bool{}
	for _, c := range s.Comparisons {
		baselines[c.Baseline] = true
	}
	sides := flameSides(s)
	var first []flameSide
	for _, f := range sides {
		if f.side == sidesOf(f.g)[0] {
			first = append(first, f)
		}
	}
	slices.SortStableFunc(first, func(a, b flameSide) int {
		switch {
		case baselines[a.of.ID] == baselines[b.of.ID]:
			return 0
		case baselines[a.of.ID]:
			return -1
		}
		return 1
	})
	var failed []error
	room := mostFlameBytes
	for _, f := range first {
		g, err := f.read(s, run)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		drawing := g.svg(SVGOptions{Inline: true, ID: g.Name})
		if room -= len(drawing); room < 0 {
			break
		}
		// It is made by this package from escaped text.
		shown = append(shown, htmlFlame{g.Title, g.Caption, template.HTML(drawing), g.functions()})
	}
	return shown, len(shown)+len(failed) < len(sides), missingFlames(len(first), failed)
}

// howToRead goes with a graph that stands alone. A page says it once for all.
func howToRead() string {
	return fmt.Sprintf(" The program is at the bottom, above the dashed line is the kernel, and a function stands on the one that called it; the widest is leftmost. What takes less than %s is left out.", formatShare(leastFrame))
}

// leastFrame is the share of the CPU time from which on a frame is drawn: less would be thinner than a pixel.
const leastFrame = 0.001

// How many frames a graph has at most, the widest: in a page, which holds several, and in a file of its own.
const (
	mostInlineFrames = 300
	mostFrames       = 2000
	mostInlineBytes  = 60 << 10
)

// placedFrame is a frame with its place: shares of the width, and how many frames are under it.
type placedFrame struct {
	*flameFrame
	X, Width float64
	Depth    int
}

// place finds the frames that are drawn, and where. A frame that is left out leaves its room empty.
func (g flameGraph) place(most int) []placedFrame {
	var all []placedFrame
	var walk func(f *flameFrame, before int64, depth int)
	walk = func(f *flameFrame, before int64, depth int) {
		if g.share(f.Samples) < leastFrame {
			return
		}
		all = append(all, placedFrame{f, g.share(before), g.share(f.Samples), depth})
		for _, c := range f.Callees {
			walk(c, before, depth+1)
			before += c.Samples
		}
	}
	walk(g.Root, 0, 0)
	// A callee is never wider than its caller, which comes before it: no frame is kept without the one that it stands on.
	slices.SortStableFunc(all, func(a, b placedFrame) int { return cmp.Compare(b.Samples, a.Samples) })
	all = all[:min(len(all), most)]
	slices.SortStableFunc(all, func(a, b placedFrame) int {
		return cmp.Or(cmp.Compare(a.Depth, b.Depth), cmp.Compare(a.X, b.X))
	})
	return all
}

// depthOf is how many rows of frames there are.
func depthOf(frames []placedFrame) int {
	deepest := math.MinInt
	for _, f := range frames {
		deepest = max(deepest, f.Depth)
	}
	return deepest + 1
}
