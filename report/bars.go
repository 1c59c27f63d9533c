package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// bar is one horizontal bar: segments from 0, a whisker over their end, and the number behind it.
type bar struct {
	Label    string
	Look     look
	Segments []segment
	Low      float64 // of the interval; NaN where there is none
	High     float64
	Text     string
	Gap      bool   // some room above: a new case begins
	Head     string // above this bar and those that follow: what they share
	Modelled bool   // drawn hatched: no such thing was measured
}

// segment is a part of a bar.
type segment struct {
	Value float64
	Light bool  // drawn in a tint
	Look  *look // nil: the bar's
}

// legendItem is a look with its meaning.
type legendItem struct {
	Name string
	Look look
}

func (b bar) total() float64 {
	sum := 0.0
	for _, s := range b.Segments {
		sum += s.Value
	}
	return sum
}

// end is how far the bar and its whisker reach.
func (b bar) end() float64 {
	if math.IsNaN(b.High) {
		return b.total()
	}
	return max(b.total(), b.High)
}

// barBody draws bars from 0 along a linear axis, or dots along a logarithmic one.
type barBody struct {
	Bars []bar
	Axis string // label, with the unit
	Log  bool   // dots: a bar on a log axis would start nowhere
	Key  bool   // explains the tints: system and user
	// Legend explains the looks of segments.
	Legend []legendItem
}

const (
	rowHeight   vg.Length = 21
	labelHeight vg.Length = 13 // of a label above its bar
	gapHeight   vg.Length = 8
	headHeight  vg.Length = 22
	keyHeight   vg.Length = 18
	axisHeight  vg.Length = 34
)

// above says whether labels stand above their bars, since beside them they would take too much of the width.
func (b barBody) above(width vg.Length) bool { return b.labelWidth() > width*0.36 }

func (b barBody) labelWidth() vg.Length {
	s := textStyle(textSize, ink, false, draw.XRight, draw.YCenter)
	widest := vg.Length(0)
	for _, bar := range b.Bars {
		widest = max(widest, s.Width(bar.Label))
	}
	return widest
}

func (b barBody) height(width vg.Length) vg.Length {
	h := axisHeight + 4
	if b.Key {
		h += keyHeight
	}
	h += keyHeight * vg.Length(len(b.legendLines(width)))
	for i, bar := range b.Bars {
		h += rowHeight
		if b.above(width) {
			h += labelHeight
		}
		if bar.Head != "" {
			h += headRoom(bar.Head, width)
		} else if bar.Gap && i > 0 {
			h += gapHeight
		}
	}
	return h
}

// headLines breaks a heading where it is wider than the chart.
func headLines(head string, width vg.Length) []string {
	return fit(textStyle(textSize, ink, true, draw.XLeft, draw.YCenter), head, width-4)
}

func headRoom(head string, width vg.Length) vg.Length {
	return headHeight + textSize*1.25*vg.Length(len(headLines(head, width))-1)
}

func (b barBody) draw(c draw.Canvas) {
	left, width := c.Min.X, c.Max.X-c.Min.X
	if b.Key {
		b.key(c)
		c.Max.Y -= keyHeight
	}
	for _, line := range b.legendLines(width) {
		legendLine(c, line)
		c.Max.Y -= keyHeight
	}
	above := b.above(width)
	if above {
		c.Min.X += 4 // half of the label of 0
	} else {
		c.Min.X += b.labelWidth() + 6
	}
	p := plot.New()
	p.BackgroundColor = nil
	p.HideY()
	p.Y.Min, p.Y.Max = 0, 1
	styleAxis(&p.X)
	c = xLabel(c, b.Axis)
	p.X.Padding = 0
	p.Y.Padding = 0
	b.scale(&p.X, c.Max.X-c.Min.X)
	if b.Log {
		p.X.Tick.Marker = logTicks(plainNumber, int((c.Max.X-c.Min.X)/40))
	} else {
		p.X.Tick.Marker = niceTicks(int((c.Max.X - c.Min.X) / 50))
	}
	p.Add(verticalGrid{}, barRows{b, above, left, width})
	p.Draw(c)
}

// scale sets the axis so that bars, whiskers and the numbers behind them fit.
func (b barBody) scale(x *plot.Axis, width vg.Length) {
	s := textStyle(textSize, ink, false, draw.XLeft, draw.YCenter)
	if b.Log {
		low, high := math.Inf(1), math.Inf(-1)
		for _, bar := range b.Bars {
			low, high = min(low, bar.total()), max(high, bar.end())
			if bar.Low > 0 {
				low = min(low, bar.Low)
			}
		}
		x.Scale = plot.LogScale{}
		x.Min, x.Max = low/2, high*2
		return
	}
	x.Min, x.Max = 0, 0
	for _, bar := range b.Bars {
		share := max(0.3, 1-float64((s.Width(bar.Text)+8)/width))
		x.Max = max(x.Max, bar.end()/share)
	}
	if x.Max <= 0 {
		x.Max = 1
	}
}

// key explains the tints above the bars.
func (b barBody) key(c draw.Canvas) {
	s := textStyle(textSize, muted, false, draw.XLeft, draw.YCenter)
	x, y := c.Min.X, c.Max.Y-keyHeight/2
	for _, item := range []struct {
		light bool
		name  string
	}{{false, "system"}, {true, "user"}} {
		r := vg.Rectangle{Min: vg.Point{X: x, Y: y - 4.5}, Max: vg.Point{X: x + 14, Y: y + 4.5}}
		fillBar(c, r, look{Color: muted}, item.light)
		c.FillText(s, vg.Point{X: x + 19, Y: y}, item.name)
		x += 19 + s.Width(item.name) + 16
	}
}

// What an item of a legend takes besides its name.
const (
	legendBox vg.Length = 19
	legendGap vg.Length = 14
)

// legendLines breaks the legend into lines that are at most width wide.
func (b barBody) legendLines(width vg.Length) (lines [][]legendItem) {
	s := textStyle(textSize, muted, false, draw.XLeft, draw.YCenter)
	at := vg.Length(0)
	for _, item := range b.Legend {
		takes := legendBox + s.Width(item.Name) + legendGap
		if len(lines) == 0 || at+takes-legendGap > width {
			lines, at = append(lines, nil), 0
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], item)
		at += takes
	}
	return lines
}

func legendLine(c draw.Canvas, items []legendItem) {
	s := textStyle(textSize, muted, false, draw.XLeft, draw.YCenter)
	x, y := c.Min.X, c.Max.Y-keyHeight/2
	for _, item := range items {
		fillBar(c, vg.Rectangle{Min: vg.Point{X: x, Y: y - 4.5}, Max: vg.Point{X: x + 14, Y: y + 4.5}}, item.Look, false)
		c.FillText(s, vg.Point{X: x + legendBox, Y: y}, item.Name)
		x += legendBox + s.Width(item.Name) + legendGap
	}
}

// barRows is the plotter of bars, from the top down.
type barRows struct {
	barBody
	above       bool
	left, width vg.Length // of the chart, with its labels
}

// Plot implements plot.Plotter.
func (b barRows) Plot(c draw.Canvas, p *plot.Plot) {
	trX, _ := p.Transforms(&c)
	left := textStyle(textSize, ink, false, draw.XRight, draw.YCenter)
	over := textStyle(textSize, ink, false, draw.XLeft, draw.YCenter)
	number := textStyle(textSize, ink, true, draw.XLeft, draw.YCenter)
	whisker := draw.LineStyle{Color: ink, Width: 1.1}
	y := c.Max.Y - 2
	heading := textStyle(textSize, ink, true, draw.XLeft, draw.YCenter)
	type placed struct {
		text string
		at   vg.Point
	}
	var heads []placed
	for i, bar := range b.Bars {
		if bar.Head != "" {
			for k, l := range headLines(bar.Head, b.width) {
				heads = append(heads, placed{l, vg.Point{X: b.left + 2, Y: y - headHeight/2 - 3 - textSize*1.25*vg.Length(k)}})
			}
			y -= headRoom(bar.Head, b.width)
		} else if bar.Gap && i > 0 {
			y -= gapHeight
		}
		if b.above {
			y -= labelHeight
			onPaper(c, over, vg.Point{X: c.Min.X + 4, Y: y + labelHeight/2 - 1}, bar.Label) // right of the line that bars start from
		}
		y -= rowHeight
		mid := y + rowHeight/2
		if !b.above {
			c.FillText(left, vg.Point{X: c.Min.X - 6, Y: mid + 1}, bar.Label)
		}
		end := trX(bar.end())
		if b.Log {
			if bar.Low > 0 {
				c.StrokeLine2(whisker, trX(bar.Low), mid, trX(bar.High), mid)
			}
			x := trX(bar.total())
			if bar.Modelled {
				hatched(c, vg.Rectangle{Min: vg.Point{X: x - 7, Y: mid - 6}, Max: vg.Point{X: x + 7, Y: mid + 6}}, bar.Look)
				end += 3
			} else {
				c.DrawGlyphNoClip(draw.GlyphStyle{Color: bar.Look.Color, Radius: 4.5, Shape: bar.Look.Marker}, vg.Point{X: x, Y: mid})
			}
			end += 5
		} else {
			at := 0.0
			for _, s := range bar.Segments {
				r := vg.Rectangle{Min: vg.Point{X: trX(at), Y: mid - 7}, Max: vg.Point{X: trX(at + s.Value), Y: mid + 7}}
				if bar.Modelled {
					hatched(c, r, bar.Look)
				} else {
					l := bar.Look
					if s.Look != nil {
						l = *s.Look
					}
					fillBar(c, r, l, s.Light)
				}
				at += s.Value
			}
			if !math.IsNaN(bar.Low) {
				lo, hi := trX(max(0, bar.Low)), trX(bar.High)
				c.StrokeLine2(whisker, lo, mid, hi, mid)
				c.StrokeLine2(whisker, lo, mid-3.5, lo, mid+3.5)
				c.StrokeLine2(whisker, hi, mid-3.5, hi, mid+3.5)
			}
		}
		at := vg.Point{X: end + 5, Y: mid + 1}
		if room := number.Width(bar.Text) + 5; b.Log && at.X+room > c.Max.X {
			left := bar.total() // then it stands on the dot's other side
			if bar.Low > 0 {
				left = min(left, bar.Low)
			}
			at.X = trX(left) - 4 - room
		}
		onPaper(c, number, at, bar.Text)
	}
	if !b.Log { // the line that bars start from
		c.StrokeLine2(draw.LineStyle{Color: muted, Width: 0.8}, c.Min.X, c.Min.Y, c.Min.X, c.Max.Y)
	}
	for _, h := range heads { // over that line
		onPaper(c, heading, h.at, h.text)
	}
}

// fillBar fills a rectangle in a case's look.
func fillBar(c draw.Canvas, r vg.Rectangle, l look, tinted bool) {
	fill := l.Color
	if tinted {
		c.SetColor(paper)
		c.Fill(r.Path())
		fill = light(l.Color)
	}
	c.SetColor(fill)
	c.Fill(r.Path())
	in := paper
	if tinted {
		in = l.Color
	}
	fillTexture(c, r, l.Texture, in)
	if tinted || l.Texture != plainTexture || l.Color == yellow {
		edge := draw.LineStyle{Color: l.Color, Width: 0.8}
		if l.Color == yellow {
			edge.Color = muted
		}
		r.Min.X, r.Max.X = r.Min.X+0.4, r.Max.X-0.4
		r.Min.Y, r.Max.Y = r.Min.Y+0.4, r.Max.Y-0.4
		c.StrokeLines(edge, []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}, r.Min})
	}
}

// fillTexture draws a texture's shapes over a rectangle, in a colour. They are all of one path, since a chart has many, and only those
// that are wholly inside: SVG clip paths need identifiers, and those must not meet when many charts stand in one page.
func fillTexture(c draw.Canvas, r vg.Rectangle, t texture, in color.NRGBA) {
	if t == plainTexture {
		return
	}
	rows, radius, step := 1, vg.Length(2.6), vg.Length(11)
	switch t {
	case speckTexture:
		rows, radius, step = 2, 1.1, 7
	case rowTexture:
		rows, radius, step = 2, 1.5, 8
	case chainTexture:
		rows, radius, step = 2, 2, 9
	case ringTexture, diamondTexture, triangleTexture:
		radius = 3.2
	}
	var shapes vg.Path
	h := (r.Max.Y - r.Min.Y) / vg.Length(rows)
	for row := range rows {
		y := r.Min.Y + h*(vg.Length(row)+0.5)
		for x := r.Min.X + radius + 2.5 + step/2*vg.Length(row); x+radius+1.5 < r.Max.X; x += step {
			addShape(&shapes, t, x, y, radius)
		}
	}
	if len(shapes) == 0 {
		return
	}
	c.SetColor(in)
	switch t {
	case ringTexture, chainTexture:
		c.SetLineWidth(1.1)
		c.SetLineDash(nil, 0)
		c.Stroke(shapes)
	default:
		c.Fill(shapes)
	}
}

// addShape adds one of a texture's shapes to a path.
func addShape(to *vg.Path, t texture, x, y, radius vg.Length) {
	corners := []vg.Point{{X: -1, Y: -1}, {X: 1, Y: -1}, {X: 1, Y: 1}, {X: -1, Y: 1}}
	switch t {
	case squareTexture, rowTexture:
	case diamondTexture:
		corners = []vg.Point{{Y: -1}, {X: 1}, {Y: 1}, {X: -1}}
	case triangleTexture:
		corners = []vg.Point{{X: -1, Y: -0.8}, {X: 1, Y: -0.8}, {Y: 1}}
	default:
		to.Move(vg.Point{X: x + radius, Y: y})
		to.Arc(vg.Point{X: x, Y: y}, radius, 0, 2*math.Pi)
		to.Close()
		return
	}
	for i, p := range corners {
		if at := (vg.Point{X: x + p.X*radius, Y: y + p.Y*radius}); i == 0 {
			to.Move(at)
		} else {
			to.Line(at)
		}
	}
	to.Close()
}

// hatch draws close slanted lines over a rectangle. They are cut at the edges by hand, as fillTexture's shapes are.
func hatch(c draw.Canvas, r vg.Rectangle, in color.NRGBA) {
	const step = vg.Length(3.5)
	h := r.Max.Y - r.Min.Y
	for x := r.Min.X - h; x < r.Max.X; x += step {
		if x0, x1 := max(x, r.Min.X), min(x+h, r.Max.X); x1 > x0 {
			c.StrokeLine2(draw.LineStyle{Color: in, Width: 1.1}, x0, r.Min.Y+(x0-x), x1, r.Min.Y+(x1-x))
		}
	}
}

// xLabel writes an X axis's name under a canvas and returns what is left of it. gonum's own labels stand in the arithmetic
// middle of an axis, which on a log axis is near its end.
func xLabel(c draw.Canvas, name string) draw.Canvas {
	s := textStyle(textSize, muted, false, draw.XCenter, draw.YBottom)
	c.FillText(s, vg.Point{X: c.Center().X, Y: c.Min.Y}, name)
	return draw.Crop(c, 0, 0, textSize*1.3, 0)
}

// onPaper writes text over a patch of paper, so that no line runs through it.
func onPaper(c draw.Canvas, s text.Style, at vg.Point, txt string) {
	r := s.Rectangle(txt).Add(at)
	r.Min.X, r.Max.X = r.Min.X-2, r.Max.X+2
	c.SetColor(paper)
	c.Fill(r.Path())
	c.FillText(s, at, txt)
}

// styleAxis gives an axis the charts' looks.
func styleAxis(a *plot.Axis) {
	a.Label.Text = ""
	a.LineStyle = draw.LineStyle{Color: muted, Width: 0.8}
	a.Tick.LineStyle = draw.LineStyle{Color: muted, Width: 0.8}
	a.Tick.Length = 4
	x, y := a.Tick.Label.XAlign, a.Tick.Label.YAlign
	a.Tick.Label = textStyle(textSize, muted, false, x, y)
}

// verticalGrid draws a light line at each major tick of the X axis.
type verticalGrid struct{}

// Plot implements plot.Plotter.
func (verticalGrid) Plot(c draw.Canvas, p *plot.Plot) {
	trX, _ := p.Transforms(&c)
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if x := trX(t.Value); !t.IsMinor() && c.ContainsX(x) {
			c.StrokeLine2(draw.LineStyle{Color: rule, Width: 0.6}, x, c.Min.Y, x, c.Max.Y)
		}
	}
}

// horizontalGrid draws a light line at each major tick of the Y axis.
type horizontalGrid struct{}

// Plot implements plot.Plotter.
func (horizontalGrid) Plot(c draw.Canvas, p *plot.Plot) {
	_, trY := p.Transforms(&c)
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if y := trY(t.Value); !t.IsMinor() && c.ContainsY(y) {
			c.StrokeLine2(draw.LineStyle{Color: rule, Width: 0.6}, c.Min.X, y, c.Max.X, y)
		}
	}
}

// niceTicks marks about n steps of 1, 2 or 5 times a power of ten, from 0.
func niceTicks(n int) plot.Ticker {
	return plot.TickerFunc(func(low, high float64) []plot.Tick {
		step := math.Pow(10, math.Floor(math.Log10(high/float64(max(n, 2)))))
		for _, f := range []float64{2, 2.5, 2} { // 1, 2, 5, 10
			if high/step <= float64(max(n, 2))+0.5 {
				break
			}
			step *= f
		}
		var out []plot.Tick
		for i := 0; float64(i)*step <= high*1.0001; i++ {
			v := float64(i) * step
			out = append(out, plot.Tick{Value: v, Label: plainNumber(v)})
		}
		return out
	})
}

// logTicks marks powers of ten, and 2 and 5 times them where no more than most labels result.
func logTicks(format func(float64) string, most int) plot.Ticker {
	return plot.TickerFunc(func(low, high float64) []plot.Tick {
		if low <= 0 || high <= low {
			return nil
		}
		marks := func(factors ...float64) []plot.Tick {
			var out []plot.Tick
			for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
				for _, f := range factors {
					if v := f * math.Pow(10, e); v >= low*0.9999 && v <= high*1.0001 {
						out = append(out, plot.Tick{Value: v, Label: format(v)})
					}
				}
			}
			return out
		}
		best := marks(1)
		if more := marks(1, 2, 5); len(best) < 3 && len(more) > len(best) {
			best = more
		} else if more := marks(1, 2, 5); len(more) <= most {
			best = more
		}
		for len(best) > max(most, 2) {
			var thin []plot.Tick
			for i := 0; i < len(best); i += 2 {
				thin = append(thin, best[i])
			}
			best = thin
		}
		labelled := map[float64]bool{}
		for _, t := range best {
			labelled[t.Value] = true
		}
		for _, t := range marks(1, 2, 3, 4, 5, 6, 7, 8, 9) {
			if !labelled[t.Value] {
				best = append(best, plot.Tick{Value: t.Value})
			}
		}
		return best
	})
}
