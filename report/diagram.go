package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"copylab/results"
	"copylab/results/diagram"
	"copylab/results/measured"
)

// Explanation is what to draw: one path or two, side by side.
type Explanation struct {
	Paths    []diagram.Path
	Receiver string       // its ID; empty: the run's, or recv
	Link     diagram.Link // empty: the run's, or every link
	// LinkName is that link as a run's cases name it, with all of its options: "veth rate=1Gbit sg=off". Empty: it is Link's.
	LinkName string
	// Run is the run whose numbers are put beside theory; nil: theory only. RunName is how the reader named it.
	Run     *results.Summary
	RunName string
}

// DiagramOptions say how a drawing for the terminal looks.
type DiagramOptions struct {
	Width int  // columns of the terminal; 0 is 100, and less than 40 is 40
	ASCII bool // for terminals and fonts without lines and arrows
}

// drawing is one path, ready to be drawn: over one link, or over each of them.
type drawing struct {
	path diagram.Path
	// over are the path's diagrams. They differ between the sockets, and at the receiver's end for some receivers.
	over  []diagram.Diagram
	shown *results.CaseSummary   // the case whose numbers stand at the arrows; nil: theory
	cases []*results.CaseSummary // of the run, with this path
	notes []string               // about the drawing and its run
}

// one is the diagram for everything that is the same over all links.
func (d drawing) one() diagram.Diagram { return d.over[0] }

// drawings finds the cases of the run, and the diagrams that they fit.
func (e Explanation) drawings() ([]drawing, error) {
	var out []drawing
	for _, p := range e.Paths {
		d := drawing{path: p}
		receiver, links := e.Receiver, []diagram.Link{e.Link}
		if receiver == "" {
			receiver = "recv"
		}
		if e.Link == "" {
			links = diagram.Links()
		}
		if e.Run != nil {
			d.cases = e.casesOf(p)
			var peer *results.CaseSummary
			if len(out) > 0 {
				peer = out[0].shown
			}
			d.shown = choose(d.cases, peer)
			if d.shown == nil {
				d.notes = append(d.notes, e.whyNone(p))
			}
			// Theory next to a measured path is that of the same link and receiver.
			if like := cmp.Or(d.shown, peer); like != nil {
				receiver, links = like.Params.Receiver, []diagram.Link{linkOf(like, e.Run)}
			}
		}
		r, ok := diagram.ReceiverOf(receiver)
		switch {
		case !ok:
			return nil, fmt.Errorf("draw diagram: there is no receiver %q", receiver)
		case !r.Takes(p):
			return nil, fmt.Errorf("draw diagram: %s encrypts, and the receiver %s can't decrypt: take recv or checksum", p.ID, r.ID)
		}
		for _, l := range links {
			one := p.On(l, r)
			if d.shown != nil {
				one = one.With(measurementOf(d.shown))
			}
			d.over = append(d.over, one)
		}
		out = append(out, d)
	}
	return out, nil
}

// casesOf are the run's measured cases with a path, over the link and to the receiver that were asked for.
func (e Explanation) casesOf(p diagram.Path) []*results.CaseSummary {
	over := e.overLink()
	var out []*results.CaseSummary
	for i := range e.Run.Cases {
		c := &e.Run.Cases[i]
		if c.Kind == results.Transfer && c.Status == results.CaseMeasured && c.Params.Path == p.ID && sameSource(c.Params.Source, p.Source) &&
			over(c) && (e.Receiver == "" || c.Params.Receiver == e.Receiver) {
			out = append(out, c)
		}
	}
	return out
}

// overLink tells which cases of the run are over the link that was asked for. Where some have exactly that name, they are meant: a run that has
// "veth" and "veth sg=off" has one of each. Otherwise all of that kind are, so that a reader need not know with which options a run was made.
func (e Explanation) overLink() func(*results.CaseSummary) bool {
	name := cmp.Or(e.LinkName, string(e.Link))
	named := func(c *results.CaseSummary) bool { return linkOrLoopback(c) == name }
	switch {
	case name == "":
		return func(*results.CaseSummary) bool { return true }
	case slices.ContainsFunc(e.Run.Cases, func(c results.CaseSummary) bool { return c.Kind == results.Transfer && named(&c) }):
		return named
	case strings.Contains(name, " "):
		return func(*results.CaseSummary) bool { return false }
	}
	return func(c *results.CaseSummary) bool { return c.Params.Link == name || linkOf(c, e.Run) == e.Link }
}

// sameSource tells whether a case's source is a path's: records of the first versions name none, and mean file; null has none.
func sameSource(of, path string) bool {
	if of == "" {
		of = diagram.FromFile
	}
	return path == "" || of == path
}

// whyNone says why a run has nothing to show of a path.
func (e Explanation) whyNone(p diagram.Path) string {
	var others, links []string
	for _, c := range e.Run.Cases {
		if l := linkOrLoopback(&c); c.Kind == results.Transfer && !slices.Contains(links, l) {
			links = append(links, l)
		}
		switch {
		case c.Kind != results.Transfer:
		case c.Params.Path == p.ID && c.Status == results.CaseNotReached && isPartial(e.Run): // it may have been reached
			return fmt.Sprintf("No counted trial of %s is in what can be read of %s. The drawing is theory.", p.ID, e.RunName)
		case c.Params.Path == p.ID && c.Status != results.CaseMeasured:
			return fmt.Sprintf("%s was not measured in %s (%s): %s. The drawing is theory.", p.ID, e.RunName, c.Status, c.Reason)
		case c.Params.Path != p.ID && c.Status == results.CaseMeasured && !slices.Contains(others, c.Params.Path):
			others = append(others, c.Params.Path)
		}
	}
	text := fmt.Sprintf("%s has no case with %s", e.RunName, p.ID)
	switch {
	case e.Link != "" || e.Receiver != "":
		text += " over that link to that receiver: leave out --link and --receiver to see what it has"
		if e.Link != "" && len(links) > 0 {
			text += ", or take its " + joinWords(links)
		}
	case len(others) > 0:
		text += "; it has " + joinWords(others)
	default:
		text += ": it moved nothing to a socket"
	}
	return text + ". The drawing is theory."
}

// choose is the case to draw: the first, or where there is another path's, the one that differs from that in the path alone.
func choose(cases []*results.CaseSummary, peer *results.CaseSummary) *results.CaseSummary {
	if len(cases) == 0 {
		return nil
	}
	if peer != nil {
		for _, c := range cases {
			p := c.Params
			p.Path, p.Source = peer.Params.Path, peer.Params.Source
			if p == peer.Params {
				return c
			}
		}
	}
	return cases[0]
}

// linkOf is the link of a case, as far as it makes a difference to copies.
func linkOf(c *results.CaseSummary, s *results.Summary) diagram.Link {
	switch c.Params.Link {
	case "loopback":
		return diagram.Loopback
	case "veth":
		options := strings.Fields(c.Params.LinkOptions)
		sg, checksums := !slices.Contains(options, "sg=off"), !slices.Contains(options, "csum=off")
		for _, l := range s.Run.Links { // an option may take others along, which kernel by kernel differ
			if l.Kind == c.Params.Link && l.Options == c.Params.LinkOptions {
				sg, checksums = sg && l.Sender.SG != "off", checksums && l.Sender.TxChecksum != "off"
			}
		}
		return diagram.VethWith(sg, checksums)
	}
	for _, l := range s.Run.Links {
		if l.Kind == c.Params.Link && l.Options == c.Params.LinkOptions && l.Sender.SG == "off" {
			return diagram.NICWithoutSG
		}
	}
	return diagram.NIC
}

// measurementOf is what a case has for its diagram.
func measurementOf(c *results.CaseSummary) diagram.Measurement {
	side := func(name string) diagram.Side {
		e := c.Evidence.Sides[name]
		out := diagram.Side{StagesWhy: cmp.Or(e.StagesUnavailable, noStageEvidence), CrossingsPerChunk: e.CrossingsPerChunk}
		if e.KernelUnavailable != "" { // what arrows cost is spent in the kernel
			out.StagesWhy = e.KernelUnavailable
			return out
		}
		for _, s := range e.Stages {
			out.Stages = append(out.Stages, diagram.StageCost{Stage: s.Stage, Cost: stageCost(s)})
		}
		return out
	}
	return diagram.Measurement{ChunkBytes: c.Params.ChunkBytes, Sender: side("sender"), Receiver: side("receiver")}
}

func stageCost(s results.StageCost) diagram.Cost {
	return diagram.Cost{NSPerKiB: measured.Known(s.NSPerKiB), Low: s.Low, High: s.High, Share: s.Share}
}

// noStageEvidence stands where nothing was sampled in a record of the first versions. Newer ones have results.NoPassMade.
const noStageEvidence = "this run has no stage evidence"

// hasStages tells whether a diagram has costs at its arrows.
func hasStages(d diagram.Diagram) bool {
	return d.Measured != nil && (len(d.Measured.Sender.Stages) > 0 || len(d.Measured.Receiver.Stages) > 0)
}

// costText is an arrow's cost: "61.3 ns/KiB, 23 %"; empty where there is none.
func costText(c diagram.Cost) string {
	ns, ok := c.NSPerKiB.Get()
	if !ok {
		return ""
	}
	text := significant(ns, 3) + " ns/KiB"
	if share, ok := c.Share.Get(); ok {
		text += ", " + formatShare(share)
	}
	return text
}

// intervalText is a cost's interval, as it follows the cost: " (59.0 to 63.0)"; empty where there is none.
func intervalText(c diagram.Cost) string {
	low, ok := c.Low.Get()
	high, also := c.High.Get()
	if !ok || !also {
		return ""
	}
	return fmt.Sprintf(" (%s to %s)", significant(low, 3), significant(high, 3))
}

// copiesTable is how often each byte is copied, over each link.
func copiesTable(ds []drawing) table {
	t := table{Caption: "Copies of each byte on the sender's side, by theory" + receiverAdds(ds), Columns: []column{{Head: "link"}}}
	for _, d := range ds {
		t.Columns = append(t.Columns, column{Head: d.path.ID})
	}
	links := diagram.Links()
	for _, d := range ds {
		for _, one := range d.over {
			if !slices.Contains(links, one.Link) { // it has options
				links = append(links, one.Link)
			}
		}
	}
	for _, l := range links {
		row := []cell{{Text: l.Title()}}
		for _, d := range ds {
			row = append(row, cell{Text: d.path.On(l, d.one().Receiver).SenderCopies().String()})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// receiverAdds says what the receiver adds, where that is the same for all that is drawn.
func receiverAdds(ds []drawing) string {
	var first diagram.Copies
	for i, d := range ds {
		for j, one := range d.over {
			got := one.ReceiverCopies()
			got.DMA = 0
			switch {
			case len(one.Arrows) == 0, i+j > 0 && got != first, one.Receiver.ID != ds[0].one().Receiver.ID:
				return ""
			}
			first = got
		}
	}
	return fmt.Sprintf("; %s adds %s at its end", ds[0].one().Receiver.ID, first)
}

// measuredTable is what the run has of each case: theory's crossings beside those that were made, and the CPU time of both sides.
func measuredTable(e Explanation, ds []drawing) (table, bool) {
	t := table{
		Caption: "Measured in " + e.RunName,
		Columns: []column{
			{Head: "case"}, {Head: "crossings", Unit: "theory"}, {Head: "crossings", Unit: "measured", Numeric: true},
			{Head: "sender CPU", Unit: "ns/KiB", Numeric: true}, {Head: "receiver CPU", Unit: "ns/KiB", Numeric: true},
		},
	}
	for _, d := range ds {
		for _, c := range d.cases {
			theory := d.path.On(diagram.Loopback, d.one().Receiver).WithChunk(c.Params.ChunkBytes).CrossingsText()
			t.Rows = append(t.Rows, []cell{
				{Text: d.name(c)}, {Text: theory}, {Text: floatText(c.Evidence.Sides["sender"].CrossingsPerChunk)},
				{Text: metricText(c.Metrics[results.MetricSenderCPU])}, {Text: metricText(c.Metrics[results.MetricReceiverCPU])},
			})
		}
	}
	return t, len(t.Rows) > 0
}

// floatText is a reading, or a dash: the reason stands in the report.
func floatText(f measured.Float) string {
	if v, ok := f.Get(); ok {
		return significant(v, 3)
	}
	return "–"
}

func metricText(m results.Metric) string {
	if m.Unavailable != "" || len(m.Values) == 0 {
		return "–"
	}
	return significant(m.Median, 3)
}

// name is a case's label, with a mark on the one whose numbers are drawn.
func (d drawing) name(c *results.CaseSummary) string {
	if c == d.shown && len(d.cases) > 1 {
		return label(c) + " (drawn)"
	}
	return label(c)
}

// callsOf lists what both sides of each case did beside the drawing's boundary.
func callsOf(ds []drawing) []string {
	var out []string
	for _, d := range ds {
		for _, c := range d.cases {
			var sides []string
			for _, side := range []string{"sender", "receiver"} {
				sides = append(sides, side+" "+callsText(c, side))
			}
			out = append(out, d.name(c)+": "+strings.Join(sides, "; "))
		}
	}
	return out
}

// callsText is how many of each system call a side made for a chunk, and its context switches.
func callsText(c *results.CaseSummary, side string) string {
	e := c.Evidence.Sides[side]
	var parts []string
	chunks := float64(callsBytes(c, e)) / float64(max(c.Params.ChunkBytes, 1))
	for _, name := range slices.Sorted(maps.Keys(e.Syscalls)) {
		least := 0.005
		if e.SyscallsSource == results.FromTracepoints { // the Go runtime's are among them
			least = fewCalls
		}
		if n := float64(e.Syscalls[name]) / chunks; chunks > 0 && n >= least {
			parts = append(parts, name+" "+significant(n, 3))
		}
	}
	if len(parts) == 0 {
		parts = []string{"system calls not counted"}
	}
	switches := "not known"
	if v, ok := e.VoluntarySwitches.Get(); ok {
		if i, ok := e.InvoluntarySwitches.Get(); ok {
			switches = formatCount(v + i)
		}
	}
	return strings.Join(parts, ", ") + ", context switches " + switches
}

// remark is a sentence with what it concerns.
type remark struct {
	text         string
	paths, links []string
}

// remarks are everything in words: on the drawings, and what a crossing is.
func remarks(e Explanation, ds []drawing) []string {
	var all []remark
	add := func(path, link, text string) {
		i := slices.IndexFunc(all, func(r remark) bool { return r.text == text })
		if i < 0 {
			i, all = len(all), append(all, remark{text: text})
		}
		for _, names := range []struct {
			name string
			in   *[]string
		}{{path, &all[i].paths}, {link, &all[i].links}} {
			if names.name != "" && !slices.Contains(*names.in, names.name) {
				*names.in = append(*names.in, names.name)
			}
		}
	}
	for _, w := range recordWarnings(e.Run) {
		add("", "", e.RunName+": "+w+".")
	}
	for _, d := range ds {
		for _, n := range d.notes {
			add("", "", n)
		}
		for _, r := range d.one().Remarks {
			add(d.path.ID, "", r)
		}
		if slices.ContainsFunc(d.path.Calls, func(c diagram.Call) bool { return c.EachBytes > 0 }) {
			add(d.path.ID, "", fmt.Sprintf("The crossings are those of a chunk of %s: how many there are depends on its size.", formatBytes(d.one().ChunkBytes)))
		}
		if d.path.MoreNow != "" {
			add(d.path.ID, "", "Not among the crossings of theory: "+d.path.MoreNow+".")
		}
		if d.shown == nil {
			continue
		}
		if m := d.one().Measured; !hasStages(d.one()) {
			add("", "", e.withoutStages(d))
		} else {
			for _, side := range []struct {
				name string
				diagram.Side
			}{{"sender", m.Sender}, {"receiver", m.Receiver}} {
				if len(side.Stages) == 0 {
					add(d.path.ID, "", fmt.Sprintf("No arrow of the %s has its cost: %s.", side.name, side.StagesWhy))
				}
			}
		}
		for _, w := range d.shown.Warnings {
			if aboutStages(w) {
				add(d.path.ID, "", sentence(w)+".")
			}
		}
	}
	for _, d := range ds {
		for _, one := range d.over {
			link := one.Link.Title()
			if len(d.over) == 1 {
				link = ""
			}
			for _, r := range one.LinkRemarks {
				add(d.path.ID, link, r)
			}
		}
	}
	var out []string
	for _, r := range all {
		var of []string
		if len(r.paths) > 0 && len(r.paths) < len(ds) {
			of = append(of, joinWords(r.paths))
		}
		if len(r.links) > 0 {
			of = append(of, joinWords(r.links))
		}
		switch {
		case len(r.paths) > 0 && len(r.paths) < len(ds): // an ID is written as it is
			r.text = strings.Join(of, " over ") + ": " + r.text
		case len(of) > 0:
			r.text = sentence(of[0]) + ": " + r.text
		}
		out = append(out, r.text)
	}
	return append(out, crossingsRemark(ds))
}

// recordWarnings are a run's warnings on its record, where that ends before the run did: what is missing below is not for want of measuring.
func recordWarnings(s *results.Summary) []string {
	if !isPartial(s) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.Warnings), func(w string) bool {
		return !strings.HasPrefix(w, results.RecordFile) && !strings.HasPrefix(w, "the record ")
	})
}

// isPartial tells whether a run's record ends before the run did, or can't be read as far.
func isPartial(s *results.Summary) bool {
	return s != nil && (s.Run.Stopped == results.StopDamaged || s.Run.Stopped == results.StopCutOff)
}

// withoutStages says that no arrow has a cost, and why.
func (e Explanation) withoutStages(d drawing) string {
	m := d.one().Measured
	var whys []string
	in := ""
	for _, w := range []string{m.Sender.StagesWhy, m.Receiver.StagesWhy} {
		switch {
		case w == results.NoPassMade && isPartial(e.Run): // whether one was made is not known
			in = " in what can be read of its record"
		case w != "" && w != noStageEvidence && !slices.Contains(whys, w):
			whys = append(whys, w)
		}
	}
	why := ""
	if len(whys) > 0 {
		why = " (" + strings.Join(whys, "; of the receiver: ") + ")"
	}
	text := e.RunName + " has no stage evidence" + in + why + ": no arrow can be given its cost. What it has stands in the table"
	if len(userModeOf(d)) > 0 {
		text += ", and the stages of user mode, which are not all, in a list"
	}
	return text + "."
}

// aboutStages tells whether a case's warning is about the numbers at the arrows.
func aboutStages(warning string) bool {
	return slices.ContainsFunc([]string{"in the passes for evidence", "the samples of the", "came late", "in no stage"}, func(part string) bool {
		return strings.Contains(warning, part)
	})
}

// crossingsRemark is what articles on zero copy call a context switch.
func crossingsRemark(ds []drawing) string {
	text := "A system call is 2 crossings: into the kernel, and back."
	for _, d := range ds {
		if n := len(d.path.Calls); n == 2 && d.path.Calls[0].EachBytes == 0 {
			text += fmt.Sprintf(" So the 2 system calls of %s are 4 crossings, where articles speak of 2 context switches.", d.path.ID)
			break
		}
	}
	return text + " A context switch is something else: another thread gets the CPU. It is counted apart."
}

// WriteExplanation writes the drawings for a terminal, and what theory and the run say of them.
func WriteExplanation(w io.Writer, e Explanation, o DiagramOptions) error {
	ds, err := e.drawings()
	if err != nil {
		return err
	}
	return e.write(w, ds, o)
}

func (e Explanation) write(w io.Writer, ds []drawing, o DiagramOptions) error {
	t := terminal{w: &strings.Builder{}, width: max(o.Width, 40)}
	if o.Width <= 0 {
		t.width = 100
	}
	t.drawings(ds)
	for _, l := range legendLines(ds, t.width) {
		t.line(l)
	}
	for _, d := range ds {
		if len(ds) == 1 || hasStages(d.one()) { // of two, only what the drawings have no room for: the intervals
			t.arrows(d, len(ds) > 1)
		}
	}
	if slices.ContainsFunc(ds, func(d drawing) bool { return len(d.path.Arrows) > 0 }) {
		t.blank()
		if err := t.table(copiesTable(ds)); err != nil {
			return err
		}
	}
	for _, d := range ds {
		t.elsewhere(d, len(ds) > 1)
		t.inUserMode(d, len(ds) > 1)
	}
	if tab, ok := measuredTable(e, ds); ok {
		t.blank()
		if err := t.table(tab); err != nil {
			return err
		}
		t.list("System calls per chunk, and context switches per trial", callsOf(ds))
	}
	t.list("Remarks", remarks(e, ds))
	text := t.w.String()
	if o.ASCII {
		text = asASCII(text)
	}
	_, err := io.WriteString(w, text)
	return err
}

// elsewhere lists the measured stages that no arrow has.
func (t terminal) elsewhere(d drawing, named bool) {
	heading := "Not at an arrow"
	if named {
		heading = d.path.ID + ": not at an arrow"
	}
	var items []string
	sender, receiver := d.one().Elsewhere()
	for _, side := range []struct {
		name   string
		stages []diagram.StageCost
	}{{"sender", sender}, {"receiver", receiver}} {
		var parts []string
		for _, s := range side.stages {
			if ns, ok := s.NSPerKiB.Get(); ok && ns == 0 {
				continue // seen in fewer than half of the passes
			}
			if text := costText(s.Cost); text != "" {
				parts = append(parts, fmt.Sprintf("%s %s%s", s.Stage, text, intervalText(s.Cost)))
			}
		}
		if len(parts) > 0 {
			items = append(items, side.name+": "+strings.Join(parts, "; "))
		}
	}
	t.list(heading, items)
}

// inUserMode lists the stages of sides that could be sampled there alone.
func (t terminal) inUserMode(d drawing, named bool) {
	heading := "Stages of user mode only"
	if named {
		heading = d.path.ID + ": stages of user mode only"
	}
	t.list(heading, userModeOf(d))
}

// userModeOf are the stages of sides of which only user mode was sampled. No arrow has them: most of what an arrow costs is spent in the kernel,
// and a part of it at an arrow would pass for all.
func userModeOf(d drawing) []string {
	if d.shown == nil {
		return nil
	}
	var items []string
	for _, side := range []string{"sender", "receiver"} {
		e := d.shown.Evidence.Sides[side]
		if e.KernelUnavailable == "" {
			continue
		}
		var parts []string
		for _, s := range e.Stages {
			cost := stageCost(s)
			parts = append(parts, fmt.Sprintf("%s %s%s", s.Stage, costText(cost), intervalText(cost)))
		}
		if len(parts) > 0 {
			items = append(items, side+": "+strings.Join(parts, "; "))
		}
	}
	return items
}

// arrows lists who makes each arrow, and what else there is to know.
func (t terminal) arrows(d drawing, named bool) {
	if len(d.one().Arrows) == 0 {
		return
	}
	t.blank()
	if named {
		t.line(d.path.ID + ": arrows")
	} else {
		t.line("Arrows")
	}
	var numbers, texts []string
	add := func(number, text string) { numbers, texts = append(numbers, number), append(texts, text) }
	for _, part := range []diagram.Part{diagram.Sending, diagram.Between, diagram.Receiving} {
		if !d.fans(part) && part != diagram.Between {
			for _, a := range d.one().Of(part) {
				add(fmt.Sprint(a.Number), arrowText(a))
			}
			continue
		}
		var names []string
		last := ""
		for _, one := range d.over {
			var steps []string
			for _, a := range one.Of(part) {
				steps = append(steps, arrowText(a))
			}
			text := strings.Join(steps, "; then ")
			if text != last {
				names = nil
			}
			names, last = append(names, one.Link.Title()), text
			number := fmt.Sprint(one.Of(part)[0].Number)
			if len(d.over) > 1 {
				number += " " + strings.Join(names, ", ")
			}
			if len(names) > 1 {
				numbers[len(numbers)-1] = number
			} else {
				add(number, text)
			}
		}
	}
	width := 0
	for _, n := range numbers {
		width = max(width, utf8.RuneCountInString(n))
	}
	for i, n := range numbers {
		t.wrap("  "+pad(n, width)+"  ", strings.Repeat(" ", width+4), texts[i])
	}
}

// arrowText is an arrow in words: its kind, who makes it, when, and what it costs.
func arrowText(a diagram.Arrow) string {
	text := string(a.Kind)
	if a.Kind == diagram.Descriptor {
		text += ", handed over"
	}
	text += " by " + string(a.By)
	if a.Call != "" {
		text += ", in " + a.Call + "(2)"
	}
	if a.When != "" {
		text += ", " + a.When
	}
	if a.Note != "" {
		text += " (" + a.Note + ")"
	}
	if cost := costText(a.Cost); cost != "" {
		text += ": " + cost + intervalText(a.Cost)
	}
	return text
}

// fans tells whether a part of the way differs between the links that are drawn.
func (d drawing) fans(part diagram.Part) bool {
	if part == diagram.Between {
		return len(d.over) > 1
	}
	first := d.over[0].Of(part)
	return slices.ContainsFunc(d.over[1:], func(o diagram.Diagram) bool { return !slices.Equal(o.Of(part), first) })
}

// pad fills s up with spaces.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
