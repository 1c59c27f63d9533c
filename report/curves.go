package report

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
)

// point is a place on a curve with the interval of its Y; NaN where there is none. Marked points get the case's
// marker, which tells curves of one colour and texture apart.
type point struct {
	X, Y, Low, High float64
	Mark            bool
}

// curve is one case's or path's line through a chart.
type curve struct {
	Label  string
	Look   look
	Points []point
	Ring   float64 // X of a point that is ringed: where a path starts to pay; 0 for none
}

// tellApart gives curves that look alike, since their cases differ only in what chooses no look, dashes and markers of their own: those
// that no other curve of that colour has. The first keeps its look, and all keep their colours.
func tellApart(curves []curve) {
	dashes := []texture{dotTexture, speckTexture, ringTexture, squareTexture, rowTexture, diamondTexture, triangleTexture, chainTexture}
	alike := func(i int, same func(a, b look) bool) func(curve) bool {
		return func(c curve) bool { return c.Look.Color == curves[i].Look.Color && same(c.Look, curves[i].Look) }
	}
	oneLine := func(a, b look) bool { return a.Texture == b.Texture }
	oneMarker := func(a, b look) bool { return a.Marker == b.Marker }
	for i := range curves {
		l := &curves[i].Look
		if !slices.ContainsFunc(curves[:i], alike(i, oneLine)) {
			continue
		}
		own := *l
		for _, l.Texture = range dashes {
			if !slices.ContainsFunc(slices.Concat(curves[:i], curves[i+1:]), alike(i, oneLine)) {
				break
			}
			l.Texture = own.Texture
		}
		if !slices.ContainsFunc(curves[:i], alike(i, oneMarker)) {
			continue
		}
		for _, l.Marker = range markers() {
			if !slices.ContainsFunc(slices.Concat(curves[:i], curves[i+1:]), alike(i, oneMarker)) {
				break
			}
			l.Marker = own.Marker
		}
	}
}

// mark is an X at which a vertical line stands, and what it means.
type mark struct {
	X    float64
	Note string
}

// curveBody draws curves, each labelled at its end, over a logarithmic Y axis, or over a linear one from 0.
type curveBody struct {
	Curves []curve
	XLabel string
	YLabel string
	XTicks plot.Ticker
	YTicks func(most int) plot.Ticker
	XLog   bool
	// Line is an X at which a vertical line stands, and Note what it means.
	Line float64
	Note string
	// Level is a Y at which a horizontal line stands; 0 for none.
	Level    float64
	Whiskers bool    // intervals are whiskers, not bands
	Shades   []shade // ranges of X
	Like     []curve // drawn elsewhere, over the same axes
	Linear   bool    // the Y axis is linear and begins at 0
	Marks    []mark  // like Line and Note, in rows where notes would meet
	MarkRows int     // of notes that there is room for
	Times    bool    // many points: thin lines, and dots from a curve's end to its label, since it may end long before the axis does
	// What the labels at the ends and the Y axis take at least: panels under each other have the same, so that their X axes meet.
	Room, Left vg.Length
	Span       [2]float64 // of the X axis, where it is given
}

// shade is a range of X in the colour of what it is about.
type shade struct {
	Low, High float64
	Look      look
}

func (b curveBody) height(width vg.Length) vg.Length {
	h := max(200, min(300, width*0.56))
	return max(h, vg.Length(len(b.Curves))*14+80)
}

// endLabels breaks the labels so that they take at most a third of the width.
func (b curveBody) endLabels(width vg.Length) (lines [][]string, widest vg.Length) {
	s := textStyle(textSize, ink, false, draw.XLeft, draw.YCenter)
	for _, c := range b.Curves {
		l := fit(s, c.Label, max(70, width*0.3))
		for _, line := range l {
			widest = max(widest, s.Width(line))
		}
		lines = append(lines, l)
	}
	return lines, widest
}

func (b curveBody) draw(c draw.Canvas) { b.plot(c) }

// plot draws the curves and returns the axes with the canvas that they span.
func (b curveBody) plot(c draw.Canvas) (*plot.Plot, draw.Canvas) {
	labels, room := b.endLabels(c.Max.X - c.Min.X)
	// The Y axis is named above itself: there it can be read without turning the head.
	name := textStyle(textSize, muted, false, draw.XLeft, draw.YTop)
	lines := fit(name, b.YLabel, c.Max.X-c.Min.X)
	top := textSize * (0.35 + 1.25*vg.Length(len(lines)))
	for i, l := range lines {
		c.FillText(name, vg.Point{X: c.Min.X, Y: c.Max.Y - textSize*1.25*vg.Length(i)}, l)
	}
	if b.Note != "" {
		top += 13
	}
	top += noteRow * vg.Length(b.MarkRows)
	room = max(room, b.Room)
	inner := draw.Crop(c, 0, -(room + 18), 0, -top)
	if b.XLabel != "" {
		inner = xLabel(inner, b.XLabel)
	}
	p := plot.New()
	p.BackgroundColor = nil
	styleAxis(&p.X)
	styleAxis(&p.Y)
	p.X.Tick.Marker = b.XTicks
	p.X.Padding, p.Y.Padding = 4, 4-b.aside(0)
	if !b.Linear {
		p.Y.Scale = plot.LogScale{}
	}
	if b.XLog {
		p.X.Scale = plot.LogScale{}
	}
	b.bounds(p)
	p.X.Tick.Marker = roomy(p.X, inner.Max.X-inner.Min.X-36)
	p.Y.Tick.Marker = b.YTicks(int((inner.Max.Y - inner.Min.Y) / 22))
	p.Add(horizontalGrid{}, curvePlotter{b})
	if own := p.DataCanvas(inner).Min.X - inner.Min.X; b.Left > own {
		inner.Min.X += b.Left - own
	}
	p.Draw(inner)
	data := p.DataCanvas(inner)
	b.notes(c, data, p)
	b.label(c, data, p, labels)
	return p, data
}

// yWidth is what the Y axis takes of a canvas.
func (b curveBody) yWidth(c draw.Canvas) vg.Length {
	_, data := b.plot(draw.NewCanvas(&recorder.Canvas{}, c.Max.X-c.Min.X, c.Max.Y-c.Min.Y))
	return data.Min.X
}

const noteRow vg.Length = 12

// notes writes what the marks mean above the data, each in the lowest row in which it meets no other.
func (b curveBody) notes(c, data draw.Canvas, p *plot.Plot) {
	trX, _ := p.Transforms(&data)
	s := textStyle(textSize-0.5, muted, false, draw.XCenter, draw.YBottom)
	ends := make([]vg.Length, max(1, b.MarkRows)) // of the rows, from left to right
	for i := range ends {
		ends[i] = vg.Length(math.Inf(-1))
	}
	for _, m := range b.Marks {
		x, half := trX(m.X), s.Width(m.Note)/2
		if b.MarkRows == 0 || m.Note == "" {
			continue
		}
		mid := min(max(x, c.Min.X+half), c.Max.X-half)
		row := max(0, slices.IndexFunc(ends, func(end vg.Length) bool { return mid-half > end+4 }))
		ends[row] = mid + half
		c.FillText(s, vg.Point{X: mid, Y: data.Max.Y + 3 + noteRow*vg.Length(row)}, m.Note)
	}
}

// bounds sets the axes' ranges; every Y is positive by then.
func (b curveBody) bounds(p *plot.Plot) {
	p.X.Min, p.X.Max = math.Inf(1), math.Inf(-1)
	p.Y.Min, p.Y.Max = math.Inf(1), math.Inf(-1)
	for _, c := range slices.Concat(b.Curves, b.Like) {
		for _, pt := range c.Points {
			p.X.Min, p.X.Max = min(p.X.Min, pt.X), max(p.X.Max, pt.X)
			p.Y.Min, p.Y.Max = min(p.Y.Min, pt.Y), max(p.Y.Max, pt.Y)
			if pt.Low > 0 {
				p.Y.Min = min(p.Y.Min, pt.Low)
			}
			if pt.High > 0 {
				p.Y.Max = max(p.Y.Max, pt.High)
			}
		}
	}
	if b.Span[1] > b.Span[0] {
		p.X.Min, p.X.Max = b.Span[0], b.Span[1]
	}
	if b.Level > 0 {
		p.Y.Min, p.Y.Max = min(p.Y.Min, b.Level), max(p.Y.Max, b.Level)
	}
	if b.Linear {
		p.Y.Min, p.Y.Max = 0, max(p.Y.Max*1.04, math.SmallestNonzeroFloat32)
		return
	}
	p.Y.Min, p.Y.Max = p.Y.Min/1.15, p.Y.Max*1.15
	if p.Y.Max/p.Y.Min < 2.2 { // a log axis over less than a factor of two has hardly a tick
		mid := math.Sqrt(p.Y.Min * p.Y.Max)
		p.Y.Min, p.Y.Max = mid/1.6, mid*1.6
	}
}

// roomy keeps the labels of an axis's ticks that have room: the last, and from the first on those that don't touch.
func roomy(a plot.Axis, width vg.Length) plot.Ticker {
	ticks := slices.Clone(a.Tick.Marker.Ticks(a.Min, a.Max))
	var labelled []int
	for i, t := range ticks {
		if !t.IsMinor() {
			labelled = append(labelled, i)
		}
	}
	place := func(i int) (left, right vg.Length) {
		mid, half := width*vg.Length(a.Norm(ticks[i].Value)), a.Tick.Label.Width(ticks[i].Label)/2+3
		return mid - half, mid + half
	}
	if len(labelled) < 3 {
		return plot.ConstantTicks(ticks)
	}
	last := labelled[len(labelled)-1]
	limit, _ := place(last)
	_, end := place(labelled[0])
	for _, i := range labelled[1 : len(labelled)-1] {
		left, right := place(i)
		if left < end || right > limit {
			ticks[i].Label = ""
			continue
		}
		end = right
	}
	return plot.ConstantTicks(ticks)
}

// aside is how far a curve is moved to the side, so that whiskers at one X don't lie over each other.
func (b curveBody) aside(curve int) vg.Length {
	if !b.Whiskers {
		return 0
	}
	return 2.6 * (vg.Length(curve) - vg.Length(len(b.Curves)-1)/2)
}

// curvePlotter draws the curves with their intervals.
type curvePlotter struct{ curveBody }

// Plot implements plot.Plotter.
func (b curvePlotter) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	for _, s := range b.Shades {
		c.SetColor(color.NRGBA{s.Look.Color.R, s.Look.Color.G, s.Look.Color.B, 0x2E})
		c.Fill(vg.Rectangle{Min: vg.Point{X: trX(s.Low), Y: c.Min.Y}, Max: vg.Point{X: trX(s.High), Y: c.Max.Y}}.Path())
	}
	if b.Level > 0 {
		y := trY(b.Level)
		c.StrokeLine2(draw.LineStyle{Color: muted, Width: 1.2}, c.Min.X, y, c.Max.X, y)
	}
	if b.Line > 0 {
		x := trX(b.Line)
		c.StrokeLine2(draw.LineStyle{Color: muted, Width: 0.9, Dashes: []vg.Length{3, 3}}, x, c.Min.Y, x, c.Max.Y)
		s := textStyle(textSize-0.5, muted, false, draw.XCenter, draw.YBottom)
		half := s.Width(b.Note) / 2
		c.FillText(s, vg.Point{X: min(max(x, c.Min.X+half), c.Max.X-half), Y: c.Max.Y + 3}, b.Note)
	}
	for _, m := range b.Marks {
		x := trX(m.X)
		c.StrokeLine2(draw.LineStyle{Color: muted, Width: 0.9, Dashes: []vg.Length{3, 3}}, x, c.Min.Y, x, c.Max.Y)
	}
	for n, cv := range b.Curves {
		var line, upper, lower []vg.Point
		for _, pt := range cv.Points {
			x := trX(pt.X) + b.aside(n)
			line = append(line, vg.Point{X: x, Y: trY(pt.Y)})
			if pt.Low > 0 && pt.High > 0 {
				upper = append(upper, vg.Point{X: x, Y: trY(pt.High)})
				lower = append(lower, vg.Point{X: x, Y: trY(pt.Low)})
			}
		}
		if b.Whiskers {
			for i := range upper {
				style := draw.LineStyle{Color: cv.Look.Color, Width: 1}
				x := upper[i].X
				c.StrokeLine2(style, x, lower[i].Y, x, upper[i].Y)
				c.StrokeLine2(style, x-2.5, lower[i].Y, x+2.5, lower[i].Y)
				c.StrokeLine2(style, x-2.5, upper[i].Y, x+2.5, upper[i].Y)
			}
		} else if len(upper) == len(line) && len(line) > 1 {
			if slices.ContainsFunc(b.Curves, func(other curve) bool { return other.Look.Color == cv.Look.Color && other.Look != cv.Look }) {
				edge := draw.LineStyle{Color: cv.Look.Color, Width: 0.7, Dashes: cv.Look.Texture.dashes()} // else nobody sees whose band this is
				c.StrokeLines(edge, upper)
				c.StrokeLines(edge, lower)
			}
			slices.Reverse(lower)
			c.FillPolygon(color.NRGBA{cv.Look.Color.R, cv.Look.Color.G, cv.Look.Color.B, 0x40}, append(upper, lower...))
		}
		if cv.Look.Color == yellow { // on white paper it needs an edge
			c.StrokeLines(draw.LineStyle{Color: muted, Width: 3, Dashes: cv.Look.Texture.dashes()}, line)
		}
		width := vg.Length(1.8)
		if b.Times {
			width = 1.1
		}
		c.StrokeLines(draw.LineStyle{Color: cv.Look.Color, Width: width, Dashes: cv.Look.Texture.dashes()}, line)
		for i, at := range line {
			if cv.Points[i].Mark || len(line) == 1 {
				c.DrawGlyphNoClip(draw.GlyphStyle{Color: cv.Look.Color, Radius: 2.8, Shape: cv.Look.Marker}, at)
			}
			if cv.Ring > 0 && cv.Points[i].X == cv.Ring {
				c.DrawGlyphNoClip(draw.GlyphStyle{Color: ink, Radius: 6, Shape: draw.RingGlyph{}}, at)
			}
		}
	}
}

// label writes each curve's name at its end, moved apart where ends are close, with a line to the end where it moved.
func (b curveBody) label(c, data draw.Canvas, p *plot.Plot, labels [][]string) {
	trX, trY := p.Transforms(&data)
	type place struct {
		curve      int
		want, y, h vg.Length
	}
	var places []place
	const step = textSize * 1.2
	for i, cv := range b.Curves {
		end := trY(cv.Points[len(cv.Points)-1].Y)
		places = append(places, place{i, end, end, step * vg.Length(len(labels[i]))})
	}
	slices.SortStableFunc(places, func(a, b place) int {
		switch {
		case a.want > b.want:
			return -1
		case a.want < b.want:
			return 1
		}
		return 0
	})
	// Push down from the top, then back up from the bottom: the order stays, and no two overlap.
	limit := data.Max.Y + 4
	for i := range places {
		if top := places[i].y + places[i].h/2; top > limit {
			places[i].y = limit - places[i].h/2
		}
		limit = places[i].y - places[i].h/2
	}
	floor := data.Min.Y - 8
	for i := len(places) - 1; i >= 0; i-- {
		if bottom := places[i].y - places[i].h/2; bottom < floor {
			places[i].y = floor + places[i].h/2
		}
		floor = places[i].y + places[i].h/2
	}
	s := textStyle(textSize, ink, false, draw.XLeft, draw.YCenter)
	x := data.Max.X + 16
	for _, pl := range places {
		cv := b.Curves[pl.curve]
		last := cv.Points[len(cv.Points)-1]
		from := vg.Point{X: trX(last.X) + 2 + b.aside(pl.curve), Y: pl.want}
		leader := draw.LineStyle{Color: cv.Look.Color, Width: 0.9}
		if b.Times {
			leader.Dashes = []vg.Length{1, 2.5}
		}
		c.StrokeLines(leader, []vg.Point{from, {X: max(from.X, data.Max.X+3), Y: pl.want}, {X: x - 3, Y: pl.y}})
		for i, l := range labels[pl.curve] {
			y := pl.y + pl.h/2 - step*(vg.Length(i)+0.5)
			c.FillText(s, vg.Point{X: x, Y: y}, l)
		}
	}
}

// ridge is one case's distribution: the share of operations in each of equal steps of the logarithm of time.
type ridge struct {
	Label       string
	Look        look
	Edges       []float64 // ns, one more than Shares
	Shares      []float64 // of all operations
	Median, P99 float64   // ns; NaN where not known
}

// ridgeBody draws distributions under each other, along one logarithmic time axis.
type ridgeBody struct {
	Ridges []ridge
	What   string // was timed: "one write"
}

const ridgeHeight vg.Length = 46

func (b ridgeBody) above(width vg.Length) bool { return b.labelWidth() > width*0.3 }

func (b ridgeBody) labelWidth() vg.Length {
	s := textStyle(textSize, ink, false, draw.XRight, draw.YCenter)
	widest := vg.Length(0)
	for _, r := range b.Ridges {
		widest = max(widest, s.Width(r.Label))
	}
	return widest
}

func (b ridgeBody) height(width vg.Length) vg.Length {
	row := ridgeHeight
	if b.above(width) {
		row += labelHeight
	}
	return row*vg.Length(len(b.Ridges)) + axisHeight + 4
}

func (b ridgeBody) draw(c draw.Canvas) {
	above := b.above(c.Max.X - c.Min.X)
	if above {
		c.Min.X += 16 // half of a tick's label
	} else {
		c.Min.X += b.labelWidth() + 8
	}
	p := plot.New()
	p.BackgroundColor = nil
	p.HideY()
	p.Y.Min, p.Y.Max, p.Y.Padding = 0, 1, 0
	styleAxis(&p.X)
	c = xLabel(c, "time of "+b.What+" (log axis)")
	p.X.Padding = 0
	p.X.Scale = plot.LogScale{}
	p.X.Min, p.X.Max = math.Inf(1), math.Inf(-1)
	for _, r := range b.Ridges {
		p.X.Min, p.X.Max = min(p.X.Min, r.Edges[0]), max(p.X.Max, r.Edges[len(r.Edges)-1])
	}
	p.X.Tick.Marker = logTicks(formatTick, int((c.Max.X-c.Min.X)/52))
	p.Add(verticalGrid{}, ridgePlotter{b, above})
	p.Draw(c)
}

// ridgePlotter draws the distributions.
type ridgePlotter struct {
	ridgeBody
	above bool
}

// Plot implements plot.Plotter.
func (b ridgePlotter) Plot(c draw.Canvas, p *plot.Plot) {
	trX, _ := p.Transforms(&c)
	left := textStyle(textSize, ink, false, draw.XRight, draw.YCenter)
	over := textStyle(textSize, ink, false, draw.XLeft, draw.YCenter)
	y := c.Max.Y
	for _, r := range b.Ridges {
		if b.above {
			y -= labelHeight
			onPaper(c, over, vg.Point{X: c.Min.X - 14, Y: y + labelHeight/2 - 2}, r.Label)
		}
		y -= ridgeHeight
		base, room := y+4, ridgeHeight-10
		if !b.above {
			c.FillText(left, vg.Point{X: c.Min.X - 8, Y: base + room*0.3}, r.Label)
		}
		tallest := slices.Max(r.Shares)
		outline := []vg.Point{{X: trX(r.Edges[0]), Y: base}}
		for i, share := range r.Shares {
			h := base + room*vg.Length(share/tallest)
			outline = append(outline, vg.Point{X: trX(r.Edges[i]), Y: h}, vg.Point{X: trX(r.Edges[i+1]), Y: h})
		}
		outline = append(outline, vg.Point{X: trX(r.Edges[len(r.Edges)-1]), Y: base})
		c.FillPolygon(color.NRGBA{r.Look.Color.R, r.Look.Color.G, r.Look.Color.B, 0x66}, outline)
		c.StrokeLines(draw.LineStyle{Color: r.Look.Color, Width: 1.2, Dashes: r.Look.Texture.dashes()}, outline)
		c.StrokeLine2(draw.LineStyle{Color: muted, Width: 0.6}, c.Min.X, base, c.Max.X, base)
		if !math.IsNaN(r.Median) {
			c.StrokeLine2(draw.LineStyle{Color: ink, Width: 1.4}, trX(r.Median), base, trX(r.Median), base+room)
		}
		if !math.IsNaN(r.P99) {
			c.StrokeLine2(draw.LineStyle{Color: ink, Width: 1.1, Dashes: []vg.Length{2, 2}}, trX(r.P99), base, trX(r.P99), base+room*0.7)
		}
	}
}
