package report

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// panelBody draws several charts of curves over the same axes: two beside each other where there is room.
type panelBody struct{ Panels []panel }

// panel is one of them, with what sets it apart from the others.
type panel struct {
	Title string
	curveBody
}

const (
	panelGap   vg.Length = 16
	panelTitle vg.Length = 17
)

// columns are how many panels stand beside each other.
func (b panelBody) columns(width vg.Length) int {
	if width < 400 || len(b.Panels) == 1 {
		return 1
	}
	return 2
}

func (b panelBody) cellWidth(width vg.Length) vg.Length {
	n := vg.Length(b.columns(width))
	return (width - (n-1)*panelGap) / n
}

// rowHeight is the room that the highest panel needs.
func (b panelBody) rowHeight(width vg.Length) vg.Length {
	highest := vg.Length(0)
	for _, p := range b.Panels {
		highest = max(highest, p.height(b.cellWidth(width)))
	}
	return highest + panelTitle
}

func (b panelBody) rows(width vg.Length) int {
	return (len(b.Panels) + b.columns(width) - 1) / b.columns(width)
}

func (b panelBody) height(width vg.Length) vg.Length {
	rows := vg.Length(b.rows(width))
	return rows*b.rowHeight(width) + (rows-1)*panelGap
}

func (b panelBody) draw(c draw.Canvas) {
	width := c.Max.X - c.Min.X
	cell, row, columns := b.cellWidth(width), b.rowHeight(width), b.columns(width)
	s := textStyle(textSize+0.5, ink, true, draw.XLeft, draw.YTop)
	for i, p := range b.Panels {
		left := c.Min.X + vg.Length(i%columns)*(cell+panelGap)
		top := c.Max.Y - vg.Length(i/columns)*(row+panelGap)
		c.FillText(s, vg.Point{X: left, Y: top}, p.Title)
		p.draw(draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: left, Y: top - row}, Max: vg.Point{X: left + cell, Y: top - panelTitle},
		}})
	}
}

// lane says of one path where it begins to pay: a line under the curves, along their X axis.
type lane struct {
	Text  string
	Look  look
	Shade shade     // between the sizes; zero for none
	Pays  float64   // X from which on it pays; 0 for none
	Marks []float64 // X at which it pays, where there is no such range
}

// laneBody draws curves, and lanes below them.
type laneBody struct {
	curveBody
	Lanes []lane
}

const (
	laneText   vg.Length = 9
	laneHeight vg.Length = 24
	lanesAbove vg.Length = 8
)

// laneLines breaks a lane's text where it is wider than the chart.
func (b laneBody) laneLines(l lane, width vg.Length) []string {
	return fit(textStyle(laneText, ink, false, draw.XLeft, draw.YBottom), l.Text, width)
}

func (b laneBody) laneHeight(l lane, width vg.Length) vg.Length {
	return laneHeight + vg.Length(len(b.laneLines(l, width))-1)*laneText*1.25
}

func (b laneBody) lanesHeight(width vg.Length) vg.Length {
	h := lanesAbove
	for _, l := range b.Lanes {
		h += b.laneHeight(l, width)
	}
	return h
}

func (b laneBody) height(width vg.Length) vg.Length {
	return b.curveBody.height(width) + b.lanesHeight(width)
}

func (b laneBody) draw(c draw.Canvas) {
	width := c.Max.X - c.Min.X
	low := b.lanesHeight(width)
	p, data := b.plot(draw.Crop(c, 0, 0, low, 0))
	b.lanes(c, p, data, c.Min.Y+low-lanesAbove, width)
}

// lanes draws the lanes from top down, each with its text above it.
func (b laneBody) lanes(c draw.Canvas, p *plot.Plot, data draw.Canvas, top, width vg.Length) {
	trX, _ := p.Transforms(&data)
	s := textStyle(laneText, ink, false, draw.XLeft, draw.YBottom)
	for _, l := range b.Lanes {
		lines := b.laneLines(l, width)
		write(c, s, lines, c.Min.X, top)
		top -= b.laneHeight(l, width)
		y := top + 8
		c.StrokeLine2(draw.LineStyle{Color: rule, Width: 1}, data.Min.X, y, data.Max.X, y)
		if l.Shade.High > l.Shade.Low {
			fillBar(c, vg.Rectangle{Min: vg.Point{X: trX(l.Shade.Low), Y: y - 3.5}, Max: vg.Point{X: trX(l.Shade.High), Y: y + 3.5}}, look{Color: l.Look.Color}, true)
		}
		if l.Pays > 0 {
			if l.Look.Color == yellow {
				c.StrokeLine2(draw.LineStyle{Color: muted, Width: 5.2}, trX(l.Pays), y, data.Max.X, y)
			}
			c.StrokeLine2(draw.LineStyle{Color: l.Look.Color, Width: 4}, trX(l.Pays), y, data.Max.X, y)
		}
		for _, x := range l.Marks {
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: l.Look.Color, Radius: 2.8, Shape: l.Look.Marker}, vg.Point{X: trX(x), Y: y})
		}
	}
}
