package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"copylab/results/diagram"
)

// strokes are the characters of one kind of arrow: each kind can be told from the others without colour.
type strokes struct {
	across, down rune
	corners      [4]rune // down then right, right then down, up then right, right then up
	head         rune
}

func strokesOf(k diagram.Kind) strokes {
	switch k {
	case diagram.DMA:
		return strokes{'═', '║', [4]rune{'╚', '╗', '╔', '╝'}, '▼'}
	case diagram.Descriptor:
		return strokes{'·', ':', [4]rune{'·', '·', '·', '·'}, '▼'}
	case diagram.DeferredCopy:
		return strokes{'╌', '╎', [4]rune{'└', '┐', '┌', '┘'}, '▼'}
	case diagram.CipherPass:
		return strokes{'≈', '≈', [4]rune{'≈', '≈', '≈', '≈'}, '▼'}
	case diagram.ReadPass:
		return strokes{'◦', '◦', [4]rune{'◦', '◦', '◦', '◦'}, '▼'}
	case diagram.Dropped:
		return strokes{'·', ':', [4]rune{'·', '·', '·', '·'}, '×'}
	}
	return strokes{'─', '│', [4]rune{'└', '┐', '┌', '┘'}, '▼'}
}

// asASCII is a drawing for terminals that have nothing else.
func asASCII(s string) string {
	return strings.NewReplacer(
		"═", "=", "║", "#", "╚", "#", "╗", "#", "╔", "#", "╝", "#",
		"─", "-", "│", "|", "└", "+", "┐", "+", "┌", "+", "┘", "+", "├", "+",
		"·", ".", "╌", "~", "╎", "~", "≈", "%", "◦", "o", "┊", "!", "⇄", "*",
		"▼", "v", "▶", ">", "×", "x", "→", "->", "•", "-", "–", "-", "µ", "u", "±", "+-",
	).Replace(s)
}

const (
	boundaryMark = '┊' // between kernel and user mode
	crossingMark = '⇄' // a system call: two crossings
	stem         = 4   // the column of arrows in each lane
	// Two drawings fit side by side where each has so many columns.
	leastDiagram, mostDiagram, diagramGap = 46, 64, 3
)

// textDiagram is one path's drawing: lines of at most width columns.
type textDiagram struct {
	lines    []string
	width    int
	boundary int  // its column
	walled   bool // the boundary is drawn
}

// drawings draws the paths side by side where the width allows it, and else one below the other.
func (t terminal) drawings(ds []drawing) {
	width := min(t.width, mostDiagram)
	beside := len(ds) == 2 && (t.width-diagramGap)/2 >= leastDiagram
	if beside {
		width = (t.width - diagramGap) / 2
	}
	var panels [][]string
	for _, d := range ds {
		panels = append(panels, drawText(d, width))
	}
	if !beside {
		for i, p := range panels {
			if i > 0 {
				t.blank()
			}
			for _, l := range p {
				t.line(l)
			}
		}
		t.blank()
		return
	}
	// The receivers begin on the same line, so that the two ends can be compared.
	left, right := level(panels[0], panels[1])
	for i := range max(len(left), len(right)) {
		var l, r string
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			r = right[i]
		}
		t.line(pad(l, width+diagramGap) + r)
	}
	t.blank()
}

// sectionMark begins the heading of a section of a panel.
const sectionMark = "── "

// level fills the sections of two panels up with blank lines until they begin together.
func level(a, b []string) (left, right []string) {
	sections := func(lines []string) [][]string {
		out := [][]string{nil}
		for _, l := range lines {
			if strings.HasPrefix(l, sectionMark) {
				out = append(out, nil)
			}
			out[len(out)-1] = append(out[len(out)-1], l)
		}
		return out
	}
	as, bs := sections(a), sections(b)
	for i := range max(len(as), len(bs)) {
		var x, y []string
		if i < len(as) {
			x = as[i]
		}
		if i < len(bs) {
			y = bs[i]
		}
		for _, side := range []*[]string{&x, &y} {
			if n := max(len(x), len(y)) - len(*side); n > 0 {
				*side = append(slices.Clone(*side), slices.Repeat([]string{wall(*side)}, n)...)
			}
		}
		left, right = append(left, x...), append(right, y...)
	}
	return left, right
}

// wall is the boundary of a section that goes on below its last line; nothing where it has none.
func wall(section []string) string {
	if len(section) == 0 {
		return ""
	}
	before, _, found := strings.Cut(section[len(section)-1], string(boundaryMark))
	if !found {
		return ""
	}
	return strings.Repeat(" ", utf8.RuneCountInString(before)) + string(boundaryMark)
}

// drawText draws one path from its source to its receiver, downwards: the kernel on the left of the boundary, the program on its right.
func drawText(d drawing, width int) []string {
	p := &textDiagram{width: width, boundary: width - min(24, width*2/5)}
	one := d.one()
	p.section(d.path.ID)
	if len(one.Arrows) == 0 {
		p.line("moves nothing: no arrow, no crossing")
		return p.lines
	}
	p.lanes("sender", one.CrossingsText(), "chunk")
	p.place(one.Arrows[0].From)
	for _, a := range one.Of(diagram.Sending) {
		p.arrow(a)
	}
	p.walled = false
	if d.fans(diagram.Between) {
		p.section("the link")
		p.fan(d, diagram.Between)
	} else {
		p.section("the link: " + one.Link.Title())
		for i, a := range one.Of(diagram.Between) {
			if i > 0 {
				p.place(a.From)
			}
			p.down(a)
		}
	}
	p.section("receiver: " + one.Receiver.ID)
	p.lanes("receiver", fmt.Sprint(2*len(one.Receiver.Calls)), "take")
	p.place(diagram.PeerSocket)
	if d.fans(diagram.Receiving) {
		p.walled = false
		p.fan(d, diagram.Receiving)
		return p.lines
	}
	for _, a := range one.Of(diagram.Receiving) {
		p.arrow(a)
	}
	return p.lines
}

func (p *textDiagram) line(s string) { p.lines = append(p.lines, s) }

// section begins one: "── sendfile ─────".
func (p *textDiagram) section(heading string) {
	s := sectionMark + heading + " "
	p.line(s + strings.Repeat("─", max(0, p.width-utf8.RuneCountInString(s))))
}

// lanes names the two sides of the boundary, with the crossings on it.
func (p *textDiagram) lanes(program, crossings, each string) {
	p.walled = true
	text := fmt.Sprintf("%s crossings a %s %c", crossings, each, crossingMark)
	if room := p.boundary - 7; utf8.RuneCountInString(text) > room {
		text = fmt.Sprintf("%s a %s %c", crossings, each, crossingMark)
	}
	p.line(pad(" kernel", p.boundary-utf8.RuneCountInString(text)+1) + text + " " + program)
}

// row writes a line of both lanes. mark is what stands on the boundary.
func (p *textDiagram) row(left string, mark rune, right string) {
	if !p.walled {
		p.line(left)
		return
	}
	p.line(strings.TrimRight(pad(left, p.boundary)+string(mark)+right, " "))
}

// box is a place as it is drawn: the receiver's end needs no owner.
func box(place diagram.Place) string {
	return "[ " + strings.TrimPrefix(string(place), "receiver's ") + " ]"
}

func (p *textDiagram) place(at diagram.Place) {
	if at.InProgram() {
		p.row("", boundaryMark, " "+box(at))
		return
	}
	p.row(" "+box(at), boundaryMark, "")
}

// arrow draws an arrow and the place that it leads to.
func (p *textDiagram) arrow(a diagram.Arrow) {
	s := strokesOf(a.Kind)
	gap := strings.Repeat(" ", stem)
	from, to := a.From.InProgram(), a.To.InProgram()
	if from == to {
		p.down(a)
		p.place(a.To)
		return
	}
	heading := fmt.Sprintf(" %d %s ", a.Number, a.Kind)
	fill := strings.Repeat(string(s.across), max(1, p.boundary-stem-2-utf8.RuneCountInString(heading)))
	side := strings.Repeat(string(s.across), stem-1)
	texts := p.texts(a, p.boundary-stem-3)
	if to {
		p.row(gap+string(s.down), p.called(a), callText(a))
		p.row(gap+string(s.corners[0])+string(s.across)+heading+fill, boundaryMark, side+string(s.corners[1]))
		right := []string{strings.Repeat(" ", stem-1) + string(s.head), " " + box(a.To)}
		for i := range max(len(texts), len(right)) {
			l, r := "", ""
			if i < len(texts) {
				l = gap + "   " + texts[i]
			}
			if i < len(right) {
				r = right[i]
			}
			p.row(l, boundaryMark, r)
		}
		return
	}
	if a.Call != "" {
		p.row("", crossingMark, callText(a))
	}
	p.row(gap+string(s.corners[2])+string(s.across)+heading+fill, boundaryMark, side+string(s.corners[3]))
	for i := range max(1, len(texts)) {
		l := gap + string(s.down)
		if i >= len(texts)-1 {
			l = gap + string(s.head)
		}
		if i < len(texts) {
			l += "  " + texts[i]
		}
		p.row(l, boundaryMark, "")
	}
	p.row(" "+box(a.To), boundaryMark, "")
}

// down draws an arrow that stays in its lane.
func (p *textDiagram) down(a diagram.Arrow) {
	s := strokesOf(a.Kind)
	inProgram := a.From.InProgram() && a.To.InProgram()
	room := p.boundary - stem - 3
	switch {
	case inProgram:
		room = p.width - p.boundary - stem - 4
	case !p.walled:
		room = p.width - stem - 3
	}
	lines := append(wrapText(fmt.Sprintf("%d %s", a.Number, a.Kind), room), p.texts(a, room)...)
	if len(lines) < 2 {
		lines = append(lines, "")
	}
	for i, l := range lines {
		mark := s.down
		if i == len(lines)-1 {
			mark = s.head
		}
		text := string(mark) + " " + l
		if i > 0 && l != "" {
			text = string(mark) + "   " + l
			if inProgram {
				text = string(mark) + " " + l
			}
		}
		switch {
		case inProgram:
			p.row("", boundaryMark, strings.Repeat(" ", stem-1)+text)
		case i == 0:
			p.row(strings.Repeat(" ", stem)+text, p.called(a), callText(a))
		default:
			p.row(strings.Repeat(" ", stem)+text, boundaryMark, "")
		}
	}
}

// texts are the lines at an arrow below its kind: a condition, and what was measured.
func (p *textDiagram) texts(a diagram.Arrow, room int) []string {
	var out []string
	for _, s := range []string{a.When, costText(a.Cost)} {
		if s != "" {
			out = append(out, wrapText(s, room)...)
		}
	}
	return out
}

func (p *textDiagram) called(a diagram.Arrow) rune {
	if a.Call == "" {
		return boundaryMark
	}
	return crossingMark
}

func callText(a diagram.Arrow) string {
	if a.Call == "" {
		return ""
	}
	return " " + a.Call
}

// fan draws what differs between links: one line for each.
func (p *textDiagram) fan(d drawing, part diagram.Part) {
	name := 0
	for _, l := range d.over {
		name = max(name, utf8.RuneCountInString(l.Link.Title()))
	}
	for i, one := range d.over {
		joint := "├"
		if i == len(d.over)-1 {
			joint = "└"
		}
		var steps []string
		for _, a := range one.Of(part) {
			if part == diagram.Between && a.By == diagram.ByReceiverCard {
				continue // the wire and the other card: there is no choice
			}
			s := strokesOf(a.Kind)
			steps = append(steps, strings.Repeat(string(s.across), 2)+"▶ "+fmt.Sprintf("%d %s", a.Number, a.Kind))
		}
		p.line(strings.Repeat(" ", stem) + joint + " " + pad(one.Link.Title(), name) + " " + strings.Join(steps, " "))
	}
}

// legendLines explain the arrows that are drawn.
func legendLines(ds []drawing, width int) []string {
	var parts []string
	for _, k := range drawnKinds(ds) {
		s := strokesOf(k)
		head := "▶ "
		if k == diagram.Dropped {
			head = "× "
		}
		part := strings.Repeat(string(s.across), 2) + head + string(k)
		if k == diagram.Descriptor {
			part += ": only a reference"
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return nil
	}
	lines := []string{""}
	for _, part := range append(parts, string(crossingMark)+" system call: 2 crossings") {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = part
		case utf8.RuneCountInString(*last)+3+utf8.RuneCountInString(part) > width:
			lines = append(lines, part)
		default:
			*last += "   " + part
		}
	}
	return lines
}

// drawnKinds are the kinds of arrows in some drawings, in the order of legends.
func drawnKinds(ds []drawing) []diagram.Kind {
	var out []diagram.Kind
	for _, k := range diagram.Kinds() {
		if slices.ContainsFunc(ds, func(d drawing) bool {
			return slices.ContainsFunc(d.over, func(o diagram.Diagram) bool {
				return slices.ContainsFunc(o.Arrows, func(a diagram.Arrow) bool { return a.Kind == k })
			})
		}) {
			out = append(out, k)
		}
	}
	return out
}
