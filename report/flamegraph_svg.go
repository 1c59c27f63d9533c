package report

import (
	"bytes"
	"fmt"
	"html"
	"sort"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"copylab/results/stages"
)

const (
	flameWidth vg.Length = 720
	frameRow   vg.Length = 14
	frameSize  vg.Length = 9 // of the names in frames
	// shortestName is the fewest letters of a name that tell something.
	shortestName = 3
)

// framesOfLook are frames that are drawn alike: those of a stage in a tint of its colour, which text can be read on, under a line in the colour, dashed
// where another stage has it plain; those of several stages in no colour.
type framesOfLook struct {
	name    string
	share   float64 // of the stage, in all of the graph
	look    look
	several bool
	frames  []placedFrame
}

// svg draws the graph: the root at the bottom, the widest callee of each function leftmost. It holds no script and refers to nothing.
func (g flameGraph) svg(o SVGOptions) []byte {
	if !o.Inline {
		return g.draw(o, mostFrames)
	}
	most := mostInlineFrames
	b := g.draw(o, most)
	for len(b) > mostInlineBytes && most > 1 { // names can be long
		most = most * 3 / 4
		b = g.draw(o, most)
	}
	return b
}

func (g flameGraph) draw(o SVGOptions, most int) []byte {
	edge := margin
	if o.Inline {
		edge = 1
	}
	width := flameWidth - 2*edge
	frames := g.place(most)
	var body bytes.Buffer
	y := edge
	if !o.Inline { // a page has the title above
		lines := fit(textStyle(titleSize, ink, true, draw.XLeft, draw.YBottom), g.Title, width)
		for i, l := range lines {
			fmt.Fprintf(&body, `<text x="%s" y="%s" font-size="%s" font-weight="bold" style="fill:%s">%s</text>`+"\n",
				points(edge), points(y+vg.Length(i+1)*titleSize*1.25-4), points(titleSize), themed(ink), html.EscapeString(l))
		}
		y += titleSize*1.25*vg.Length(len(lines)) + 4
	}
	looks := g.looks(frames)
	key, height := flameLegend(looks, width)
	fmt.Fprintf(&body, `<g transform="translate(%s %s)">`+"\n%s</g>\n", points(edge), points(y), key)
	y += height + 6
	rows := depthOf(frames)
	fmt.Fprintf(&body, `<g transform="translate(%s %s)">`+"\n", points(edge), points(y))
	g.drawFrames(&body, looks, frames, width, rows)
	body.WriteString("</g>\n")
	y += frameRow * vg.Length(rows)
	if !o.Inline {
		y += 6
		for _, l := range fit(textStyle(captionSize, muted, false, draw.XLeft, draw.YBottom), g.Caption+howToRead(), width) {
			y += captionSize * 1.25
			fmt.Fprintf(&body, `<text x="%s" y="%s" font-size="%s" style="fill:%s">%s</text>`+"\n", points(edge), points(y-2), points(captionSize), themed(muted), html.EscapeString(l))
		}
	}
	y += edge
	var b bytes.Buffer
	figure{Title: g.Title, Alt: g.Alt}.beginDrawing(&b, flameWidth, y, o)
	b.Write(body.Bytes())
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes()
}

// looks gathers the frames by what they look like, those of several stages last. A stage that takes a notable share is among them even if all of its frames
// have others' too.
func (g flameGraph) looks(frames []placedFrame) []framesOfLook {
	several := framesOfLook{name: "several stages", several: true}
	by := map[stages.Stage][]placedFrame{}
	for _, f := range frames {
		if s, ok := mainStage(f.ByStage); ok {
			by[s] = append(by[s], f)
		} else {
			several.frames = append(several.frames, f)
		}
	}
	var out []framesOfLook
	for _, s := range g.Stages {
		if frames := by[s.Stage]; len(frames) > 0 || s.Share >= shownShare {
			out = append(out, framesOfLook{name: string(s.Stage), share: s.Share, look: stageLook(s.Stage), frames: frames})
		}
	}
	if len(several.frames) > 0 {
		out = append(out, several)
	}
	return out
}

// drawFrames draws frames of one look together: what they share is written once.
func (g flameGraph) drawFrames(b *bytes.Buffer, looks []framesOfLook, frames []placedFrame, width vg.Length, rows int) {
	left := func(f placedFrame) vg.Length { return width * vg.Length(f.X) }
	wide := func(f placedFrame) vg.Length { // with a gap to the next, if there is room for one
		w := width * vg.Length(f.Width)
		if w > 2 {
			w -= 0.6
		}
		return w
	}
	top := func(f placedFrame) vg.Length { return frameRow * vg.Length(rows-1-f.Depth) }
	for _, l := range looks {
		if len(l.frames) == 0 {
			continue
		}
		fmt.Fprintf(b, "<g %s>\n", l.fill())
		var lids strings.Builder
		for _, f := range l.frames {
			fmt.Fprintf(b, `<rect x="%s" y="%s" width="%s" height="%s"><title>%s</title></rect>`+"\n",
				short(left(f)), short(top(f)+1), short(wide(f)), short(frameRow-1), html.EscapeString(g.tooltip(f)))
			fmt.Fprintf(&lids, "M%s %sh%s", short(left(f)), short(top(f)+1.75), short(wide(f)))
		}
		b.WriteString("</g>\n")
		if !l.several {
			fmt.Fprintf(b, `<path d="%s" %s/>`+"\n", lids.String(), l.line())
		}
	}
	var wall strings.Builder
	inProgram := map[*flameFrame]bool{}
	for _, f := range frames { // callers come first
		for _, c := range f.Callees {
			inProgram[c] = !f.Kernel && f.Depth > 0
		}
		if f.Kernel && inProgram[f.flameFrame] {
			fmt.Fprintf(&wall, "M%s %sh%s", short(left(f)), short(top(f)+frameRow+0.5), short(wide(f)))
		}
	}
	if wall.Len() > 0 { // as in the diagrams of paths
		fmt.Fprintf(b, `<path d="%s" fill="none" stroke-width="1.2" stroke-dasharray="3 3" pointer-events="none" style="stroke:%s"/>`+"\n", wall.String(), themed(ink))
	}
	style := textStyle(frameSize, ink, false, draw.XLeft, draw.YBottom)
	fmt.Fprintf(b, `<g font-size="%s" pointer-events="none" style="fill:%s">`+"\n", points(frameSize), themed(ink))
	for _, f := range frames {
		name := f.Name
		switch {
		case f.Depth == 0:
			name = g.rootName()
		case len(f.Through) > 0:
			name = fmt.Sprintf("%s … %s (%d functions)", shortFunction(name), shortFunction(f.Through[len(f.Through)-1]), len(f.Through))
		case !f.Kernel:
			name = shortFunction(name)
		}
		if name = clip(name, wide(f)-6, style.Width); name != "" {
			fmt.Fprintf(b, `<text x="%s" y="%s">%s</text>`+"\n", short(left(f)+3), short(top(f)+frameRow-3.4), html.EscapeString(name))
		}
	}
	b.WriteString("</g>\n")
}

// rootName says what all of the graph is.
func (g flameGraph) rootName() string {
	text := "all of " + g.Side
	if ns, ok := g.NSPerKiB.Get(); ok {
		text += ": " + significant(ns, 3) + " ns/KiB"
	}
	return text
}

// tooltip says of a frame what there is no room for in it.
func (g flameGraph) tooltip(f placedFrame) string {
	if f.Depth == 0 {
		return g.rootName()
	}
	text := f.Name
	if len(f.Through) > 0 {
		text = strings.Join(f.Through, ", ")
	}
	if f.Kernel {
		text += " (kernel)"
	}
	text += ": " + g.cost(f.Samples)
	if f.Own > 0 && f.Own < f.Samples {
		text += ", itself " + formatShare(g.share(f.Own))
	}
	if s, ok := mainStage(f.ByStage); ok {
		text += "; " + string(s)
	}
	return text
}

func (l framesOfLook) fill() string {
	if l.several {
		return fmt.Sprintf(`stroke-width="0.6" stroke-opacity="0.6" style="fill:%s;stroke:%s"`, themed(paper), themed(muted))
	}
	return fmt.Sprintf(`fill-opacity="%s" style="fill:%s"`, short(vg.Length(light(l.look.Color).A)/255), themed(l.look.Color))
}

func (l framesOfLook) line() string {
	dashes := ""
	if pattern := l.look.Texture.dashes(); pattern != nil {
		var parts []string
		for _, d := range pattern {
			parts = append(parts, points(d))
		}
		dashes = fmt.Sprintf(` stroke-dasharray="%s"`, strings.Join(parts, " "))
	}
	return fmt.Sprintf(`fill="none" stroke-width="1.5"%s pointer-events="none" style="stroke:%s"`, dashes, themed(l.look.Color))
}

// flameLegend explains the looks, with what each stage takes of the CPU time.
func flameLegend(looks []framesOfLook, width vg.Length) (string, vg.Length) {
	var b bytes.Buffer
	style := textStyle(textSize, muted, false, draw.XLeft, draw.YBottom)
	x, y := vg.Length(0), vg.Length(0)
	for _, l := range looks {
		name := l.name
		if !l.several {
			name += " " + formatShare(l.share)
		}
		need := 25 + style.Width(name) + legendGap
		if x > 0 && x+need-legendGap > width {
			x, y = 0, y+frameRow+1
		}
		fmt.Fprintf(&b, `<g %s><rect x="%s" y="%s" width="20" height="10"/></g>`, l.fill(), short(x+0.5), short(y+1))
		if !l.several {
			fmt.Fprintf(&b, `<path d="M%s %sh20" %s/>`, short(x+0.5), short(y+1.75), l.line())
		}
		fmt.Fprintf(&b, `<text x="%s" y="%s" style="fill:%s">%s</text>`+"\n", short(x+25), short(y+9.5), themed(muted), html.EscapeString(name))
		x += need
	}
	return b.String(), y + frameRow
}

// clip is as much of a name as there is room for, with … where something is left out; empty where that would tell nothing.
func clip(name string, room vg.Length, width func(string) vg.Length) string {
	if room <= 0 {
		return ""
	}
	if width(name) <= room {
		return name
	}
	runes := []rune(name)
	n := sort.Search(len(runes), func(n int) bool { return width(string(runes[:n+1])+"…") > room }) // letters that fit
	if n < shortestName {
		return ""
	}
	return strings.TrimRight(string(runes[:n]), " ._") + "…"
}

// short is a length with the digits that a screen shows.
func short(l vg.Length) string {
	return strconv.FormatFloat(float64(int64(l.Points()*100+0.5))/100, 'f', -1, 64)
}
