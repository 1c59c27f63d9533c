package report

import (
	"bytes"
	"fmt"
	"html"
	"image/color"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"copylab/results/diagram"
)

// SVGOptions say how a drawing as SVG looks.
type SVGOptions struct {
	// Narrow is for telephones: two paths stand one below the other.
	Narrow bool
	// Inline is for an HTML page: transparent, in the colours that the page's style gives to --chart-ink and so on. Otherwise the drawing is
	// a file of its own, on paper, and follows a dark theme by itself.
	Inline bool
	// ID begins the identifiers within the drawing: several on one page need different ones.
	ID string
}

// DrawExplanation draws the paths as SVG.
func DrawExplanation(e Explanation, o SVGOptions) ([]byte, error) {
	ds, err := e.drawings()
	if err != nil {
		return nil, err
	}
	return drawSVG(ds, o), nil
}

func drawSVG(ds []drawing, o SVGOptions) []byte {
	if o.ID == "" {
		o.ID = "diagram"
	}
	var sketches []*sketch
	width, height := vg.Length(0), vg.Length(0)
	beside := len(ds) > 1 && !o.Narrow
	var starts []vg.Length // of sections, so that those of two paths begin together
	for range 2 {
		sketches = nil
		for _, d := range ds {
			s := &sketch{width: narrow - 2*sketchMargin}
			if len(ds) == 1 && !o.Narrow {
				s.width = loneSketch - 2*sketchMargin
			}
			if beside {
				s.starts = starts
			}
			s.draw(d)
			sketches = append(sketches, s)
		}
		starts = nil
		for _, s := range sketches {
			for i, y := range s.began {
				if i == len(starts) {
					starts = append(starts, 0)
				}
				starts[i] = max(starts[i], y)
			}
		}
	}
	title := fit(textStyle(titleSize, ink, true, draw.XLeft, draw.YBottom), titleOf(ds), columnsOf(sketches, o)-2*sketchMargin)
	top := sketchMargin + vg.Length(len(title))*titleSize*1.25 + 4
	var body bytes.Buffer
	for i, l := range title {
		fmt.Fprintf(&body, `<text x="%s" y="%s" font-size="%s" font-weight="bold" style="fill:%s">%s</text>`+"\n",
			points(sketchMargin), points(sketchMargin+vg.Length(i+1)*titleSize*1.25-4), points(titleSize), themed(ink), html.EscapeString(l))
	}
	for _, s := range sketches {
		x, y := sketchMargin, top
		if beside {
			x += width
			width += narrow
			height = max(height, top+s.y)
		} else {
			y = max(height, top)
			width = s.width + 2*sketchMargin
			height = y + s.y + sketchMargin
		}
		fmt.Fprintf(&body, `<g transform="translate(%s %s)">`+"\n%s</g>\n", points(x), points(y), s.b.String())
	}
	height += sketchMargin
	keys, keyHeight := sketchLegend(drawnKinds(ds), width-2*sketchMargin)
	fmt.Fprintf(&body, `<g transform="translate(%s %s)">`+"\n%s</g>\n", points(sketchMargin), points(height), keys)
	height += keyHeight + sketchMargin

	var b bytes.Buffer
	figure{Title: titleOf(ds), Alt: altOf(ds)}.beginDrawing(&b, width, height, o)
	b.Write(body.Bytes())
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes()
}

// beginDrawing writes all that comes before what is drawn by hand: a document of its own has its paper, and follows a dark theme.
func (f figure) beginDrawing(b *bytes.Buffer, width, height vg.Length, o SVGOptions) {
	namespace := ""
	if !o.Inline {
		b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
		namespace = `xmlns="http://www.w3.org/2000/svg" `
	}
	b.WriteString(f.open(width, height, o.ID, namespace))
	if !o.Inline {
		fmt.Fprintf(b, "<style>svg { --chart-ink: %s; --chart-muted: %s; --chart-rule: %s; --chart-paper: %s; }\n"+
			"@media (prefers-color-scheme: dark) { svg { --chart-ink: #ECECEC; --chart-muted: #B0B4B8; --chart-rule: #343A40; --chart-paper: #14171A; } }</style>\n",
			hex(ink), hex(muted), hex(rule), hex(paper))
		fmt.Fprintf(b, `<rect width="100%%" height="100%%" style="fill:%s"/>`+"\n", themed(paper))
	}
	fmt.Fprintf(b, `<g font-family="'Liberation Sans',Arial,Helvetica,sans-serif" font-size="%s">`+"\n", points(textSize))
}

const (
	sketchMargin vg.Length = 8
	loneSketch   vg.Length = 360 // one path, where there is room
)

// columnsOf is how wide all of a drawing is.
func columnsOf(s []*sketch, o SVGOptions) vg.Length {
	if len(s) > 1 && !o.Narrow {
		return narrow * vg.Length(len(s))
	}
	return s[0].width + 2*sketchMargin
}

// titleOf says what is drawn.
func titleOf(ds []drawing) string {
	var names []string
	for _, d := range ds {
		crossings := d.one().CrossingsText() + " crossings a chunk"
		if len(d.one().Arrows) == 0 {
			crossings = "no crossing"
		}
		names = append(names, d.path.ID+": "+crossings)
	}
	return strings.Join(names, "; ")
}

// altOf is the drawing in words.
func altOf(ds []drawing) string {
	var out []string
	for _, d := range ds {
		var steps []string
		for i, one := range d.over {
			if i > 0 {
				steps = append(steps, "over "+one.Link.Title()+" instead")
			}
			for _, a := range one.Arrows {
				if i > 0 && (a.Part == diagram.Sending || a.Part == diagram.Receiving && !d.fans(a.Part)) {
					continue
				}
				steps = append(steps, fmt.Sprintf("%s to %s: %s", a.From, a.To, arrowText(a)))
			}
		}
		out = append(out, d.path.ID+": "+strings.Join(steps, "; ")+".")
	}
	return strings.Join(out, " ")
}

// themed is a colour that follows the theme, where it is one of those that do.
func themed(c color.NRGBA) string {
	name := map[color.NRGBA]string{ink: "ink", muted: "muted", rule: "rule", paper: "paper"}[c]
	if name == "" {
		return hex(c)
	}
	return fmt.Sprintf("var(--chart-%s,%s)", name, hex(c))
}

func points(l vg.Length) string { return fmt.Sprintf("%.5g", l.Points()) }

// pen is how an arrow of one kind is drawn: those that cost CPU time for each byte are thick, and no two look alike without colour.
type pen struct {
	color  color.NRGBA
	width  vg.Length
	dashes string
	double bool // a line in the colour of the paper runs along its middle
}

func penOf(k diagram.Kind) pen {
	switch k {
	case diagram.DMA:
		return pen{color: blue, width: 5, double: true}
	case diagram.CPUCopy:
		return pen{color: vermillion, width: 3}
	case diagram.DeferredCopy:
		return pen{color: vermillion, width: 3, dashes: "8 3"}
	case diagram.CipherPass:
		return pen{color: purple, width: 3, dashes: "7 2 2 2"}
	case diagram.ReadPass:
		return pen{color: vermillion, width: 1.2}
	case diagram.Descriptor:
		return pen{color: green, width: 2, dashes: "2 3"}
	}
	return pen{color: muted, width: 1.5, dashes: "2 3"}
}

// sketch is one path's drawing, from the top down.
type sketch struct {
	b     bytes.Buffer
	width vg.Length
	y     vg.Length    // where to go on
	wall  vg.Length    // where the boundary began; negative: there is none
	calls bytes.Buffer // plates of system calls: over the boundary
	// began is where each section began, and starts where it must not begin above.
	began, starts []vg.Length
}

const (
	boxHeight vg.Length = 18
	stemX     vg.Length = 22 // of arrows, from the lane's edge
	lineStep  vg.Length = 12.5
	headSize  vg.Length = 8
)

func (s *sketch) boundary() vg.Length { return s.width * 0.6 }

func (s *sketch) draw(d drawing) {
	one := d.one()
	s.wall = -1
	s.heading(d.path.ID)
	if len(one.Arrows) == 0 {
		s.text(0, s.y+textSize, "moves nothing", ink, "")
		s.y += 2 * lineStep
		return
	}
	s.lanes("sender", one.CrossingsText()+" crossings a chunk")
	s.place(one.Arrows[0].From)
	for _, a := range one.Of(diagram.Sending) {
		s.arrow(a)
	}
	s.closeWall()
	if d.fans(diagram.Between) {
		s.heading("the link")
		s.fan(d, diagram.Between)
	} else {
		s.heading("the link: " + one.Link.Title())
		for i, a := range one.Of(diagram.Between) {
			if i > 0 {
				s.place(a.From)
			}
			s.down(a)
		}
	}
	s.heading("receiver: " + one.Receiver.ID)
	s.lanes("receiver", fmt.Sprintf("%d crossings a take", 2*len(one.Receiver.Calls)))
	s.place(diagram.PeerSocket)
	if d.fans(diagram.Receiving) {
		s.closeWall()
		s.fan(d, diagram.Receiving)
		return
	}
	for _, a := range one.Of(diagram.Receiving) {
		s.arrow(a)
	}
	s.closeWall()
}

// heading begins a section.
func (s *sketch) heading(text string) {
	s.y += 4
	if n := len(s.began); n < len(s.starts) {
		s.y = max(s.y, s.starts[n])
	}
	s.began = append(s.began, s.y)
	fmt.Fprintf(&s.b, `<path d="M0 %sH%s" style="stroke:%s"/>`+"\n", points(s.y), points(s.width), themed(rule))
	s.text(0, s.y+textSize+3, text, ink, ` font-weight="bold"`)
	s.y += textSize + 9
}

// lanes names the two sides of the boundary, which begins here.
func (s *sketch) lanes(program, crossings string) {
	s.text(0, s.y+captionSize, "kernel", muted, "")
	s.text(s.boundary()+8, s.y+captionSize, program, muted, "")
	s.text(s.boundary()-8, s.y+captionSize, crossings, ink, ` text-anchor="end"`)
	s.wall = s.y
	s.y += captionSize + 8
}

func (s *sketch) closeWall() {
	fmt.Fprintf(&s.b, `<path d="M%s %sV%s" stroke-dasharray="3 3" style="stroke:%s"/>`+"\n", points(s.boundary()), points(s.wall), points(s.y), themed(muted))
	s.b.Write(s.calls.Bytes())
	s.calls.Reset()
	s.wall = -1
}

func (s *sketch) text(x, y vg.Length, text string, c color.NRGBA, attributes string) {
	fmt.Fprintf(&s.b, `<text x="%s" y="%s"%s style="fill:%s">%s</text>`+"\n", points(x), points(y), attributes, themed(c), html.EscapeString(text))
}

// lane is where the lane of a place begins.
func (s *sketch) lane(p diagram.Place) vg.Length {
	if p.InProgram() {
		return s.boundary() + 8
	}
	return 0
}

func (s *sketch) place(p diagram.Place) {
	name := strings.TrimPrefix(string(p), "receiver's ")
	width := textStyle(textSize, ink, false, draw.XLeft, draw.YBottom).Width(name) + 14
	fmt.Fprintf(&s.b, `<rect x="%s" y="%s" width="%s" height="%s" rx="3" style="fill:%s;stroke:%s"/>`+"\n",
		points(s.lane(p)), points(s.y), points(width), points(boxHeight), themed(paper), themed(ink))
	s.text(s.lane(p)+7, s.y+boxHeight-5.5, name, ink, "")
	s.y += boxHeight
}

// labels are what stands at an arrow: its number and kind, a condition, and what was measured.
func labels(a diagram.Arrow, room vg.Length) []string {
	style := textStyle(textSize, ink, false, draw.XLeft, draw.YBottom)
	out := fit(style, fmt.Sprintf("%d %s", a.Number, a.Kind), room)
	for _, t := range []string{a.When, costText(a.Cost)} {
		if t != "" {
			out = append(out, fit(style, t, room)...)
		}
	}
	return out
}

// arrow draws an arrow and the place that it leads to.
func (s *sketch) arrow(a diagram.Arrow) {
	from, to := s.lane(a.From)+stemX, s.lane(a.To)+stemX
	if from == to {
		s.down(a)
		s.place(a.To)
		return
	}
	lines := labels(a, s.boundary()-stemX-14)
	first := s.y
	if to > from { // out of the kernel: the labels stand under the line
		s.y += 15
		s.call(a, first+7)
		s.stroke(a.Kind, fmt.Sprintf("M%s %sV%sH%s", points(from), points(first), points(s.y), points(to)), to, s.y, s.y+16)
		for i, l := range lines {
			s.text(from+8, s.y+lineStep*vg.Length(i+1), l, ink, "")
		}
		bottom := s.y + lineStep*vg.Length(len(lines)) + 4
		s.y += 16
		s.place(a.To)
		s.y = max(s.y, bottom)
		return
	}
	s.y += 18 // into the kernel
	s.call(a, first+9)
	depth := max(16, lineStep*vg.Length(len(lines))+5)
	s.stroke(a.Kind, fmt.Sprintf("M%s %sV%sH%s", points(from), points(first), points(s.y), points(to)), to, s.y, s.y+depth)
	for i, l := range lines {
		s.text(to+8, s.y+lineStep*vg.Length(i+1), l, ink, "")
	}
	s.y += depth
	s.place(a.To)
}

// down draws an arrow that stays in its lane.
func (s *sketch) down(a diagram.Arrow) {
	x := s.lane(a.From) + stemX
	room := s.boundary() - stemX - 34
	switch {
	case s.wall < 0:
		room = s.width - stemX - 10
	case a.From.InProgram():
		room = s.width - x - 10
	}
	lines := labels(a, room)
	depth := max(24, lineStep*vg.Length(len(lines))+8)
	s.call(a, s.y+10)
	s.stroke(a.Kind, fmt.Sprintf("M%s %s", points(x), points(s.y)), x, s.y, s.y+depth)
	for i, l := range lines {
		s.text(x+10, s.y+lineStep*vg.Length(i+1), l, ink, "")
	}
	s.y += depth
}

// stroke draws a line that ends by going down from (x, y) to the arrowhead's tip, or to a cross where the bytes end.
func (s *sketch) stroke(k diagram.Kind, path string, x, y, tip vg.Length) {
	end := tip - headSize
	drawStroke(&s.b, penOf(k), fmt.Sprintf("%sM%s %sV%s", strings.TrimSuffix(path, fmt.Sprintf("M%s %s", points(x), points(y))), points(x), points(y), points(end)))
	head(&s.b, k, x, tip, 0, 1)
}

func drawStroke(b *bytes.Buffer, p pen, path string) {
	dashes := ""
	if p.dashes != "" {
		dashes = fmt.Sprintf(` stroke-dasharray="%s"`, p.dashes)
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke-width="%s"%s style="stroke:%s"/>`+"\n", path, points(p.width), dashes, themed(p.color))
	if p.double {
		fmt.Fprintf(b, `<path d="%s" fill="none" stroke-width="%s" style="stroke:%s"/>`+"\n", path, points(p.width-3), themed(paper))
	}
}

// head draws the end of an arrow whose tip is at (x, y), in the direction (dx, dy).
func head(b *bytes.Buffer, k diagram.Kind, x, y, dx, dy vg.Length) {
	const half = headSize * 0.6
	if k == diagram.Dropped {
		fmt.Fprintf(b, `<path d="M%s %sL%s %sM%s %sL%s %s" stroke-width="2" style="stroke:%s"/>`+"\n",
			points(x-dx*4-4), points(y-dy*4-4), points(x-dx*4+4), points(y-dy*4+4), points(x-dx*4+4), points(y-dy*4-4), points(x-dx*4-4), points(y-dy*4+4), themed(penOf(k).color))
		return
	}
	fmt.Fprintf(b, `<path d="M%s %sL%s %sL%s %sZ" style="fill:%s"/>`+"\n", points(x), points(y),
		points(x-dx*headSize+dy*half), points(y-dy*headSize+dx*half), points(x-dx*headSize-dy*half), points(y-dy*headSize-dx*half), themed(penOf(k).color))
}

// call draws a system call on the boundary: a plate with its name, and both ways across.
func (s *sketch) call(a diagram.Arrow, middle vg.Length) {
	if a.Call == "" || s.wall < 0 {
		return
	}
	width := textStyle(captionSize, ink, false, draw.XLeft, draw.YBottom).Width(a.Call) + 18
	x := s.boundary() - width/2
	fmt.Fprintf(&s.calls, `<rect x="%s" y="%s" width="%s" height="13" rx="6.5" style="fill:%s;stroke:%s"/>`+"\n",
		points(x), points(middle-6.5), points(width), themed(paper), themed(muted))
	for _, side := range []struct{ tip, back vg.Length }{{x + 2.5, x + 7}, {x + width - 2.5, x + width - 7}} {
		fmt.Fprintf(&s.calls, `<path d="M%s %sL%s %sL%s %sZ" style="fill:%s"/>`+"\n", points(side.tip), points(middle),
			points(side.back), points(middle-3), points(side.back), points(middle+3), themed(ink))
	}
	fmt.Fprintf(&s.calls, `<text x="%s" y="%s" font-size="%s" text-anchor="middle" style="fill:%s">%s</text>`+"\n",
		points(s.boundary()), points(middle+3), points(captionSize), themed(ink), html.EscapeString(a.Call))
}

// fan draws what differs between links: one line for each.
func (s *sketch) fan(d drawing, part diagram.Part) {
	style := textStyle(textSize, ink, false, draw.XLeft, draw.YBottom)
	names := vg.Length(0)
	for _, o := range d.over {
		names = max(names, style.Width(o.Link.Title()))
	}
	for _, o := range d.over {
		middle := s.y + 8
		s.text(4, middle+3.5, o.Link.Title(), ink, "")
		x := names + 14
		for _, a := range o.Of(part) {
			if part == diagram.Between && a.By == diagram.ByReceiverCard {
				continue // the wire and the other card: there is no choice
			}
			name := fmt.Sprintf("%d %s", a.Number, a.Kind)
			drawStroke(&s.b, penOf(a.Kind), fmt.Sprintf("M%s %sH%s", points(x), points(middle), points(x+24-headSize)))
			head(&s.b, a.Kind, x+24, middle, 1, 0)
			s.text(x+28, middle+3.5, name, ink, "")
			x += 28 + style.Width(name) + 8
		}
		s.y += 17
	}
	s.y += 3
}

// sketchLegend explains the lines.
func sketchLegend(kinds []diagram.Kind, width vg.Length) (string, vg.Length) {
	var b bytes.Buffer
	style := textStyle(captionSize, muted, false, draw.XLeft, draw.YBottom)
	x, y := vg.Length(0), vg.Length(6)
	for _, k := range kinds {
		name := string(k)
		if k == diagram.Descriptor {
			name += ": only a reference"
		}
		need := 30 + style.Width(name) + 14
		if x > 0 && x+need-14 > width {
			x, y = 0, y+14
		}
		drawStroke(&b, penOf(k), fmt.Sprintf("M%s %sH%s", points(x), points(y), points(x+24-headSize)))
		head(&b, k, x+24, y, 1, 0)
		fmt.Fprintf(&b, `<text x="%s" y="%s" font-size="%s" style="fill:%s">%s</text>`+"\n", points(x+28), points(y+3), points(captionSize), themed(muted), html.EscapeString(name))
		x += need
	}
	return b.String(), y + 8
}
