package report

import (
	"bytes"
	"fmt"
	"html"
	"image/color"
	"image/png"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"copylab/results"
)

// Chart is one chart of a report, drawn twice from the same plot.
type Chart struct {
	Name    string // of its files, without extension
	Title   string // what was found
	Caption string // how: trials, conditions, machine
	Alt     string // the chart in words, for those who can't see it
	SVG     []byte
	PNG     []byte // at twice the size, for dense screens
}

// Charts draws the charts that the summary's scenario asks for. A chart for which there is no data does not exist.
func Charts(s *results.Summary) ([]Chart, error) {
	var out []Chart
	for _, f := range figuresOf(s) {
		svg, err := f.svg()
		if err != nil {
			return nil, fmt.Errorf("draw chart %s: %w", f.Name, err)
		}
		png, err := f.png()
		if err != nil {
			return nil, fmt.Errorf("draw chart %s: %w", f.Name, err)
		}
		out = append(out, Chart{Name: f.Name, Title: f.Title, Caption: f.Caption, Alt: f.Alt, SVG: svg, PNG: png})
	}
	return out, nil
}

// figure is a chart before it is drawn.
type figure struct {
	Name, Title, Caption, Alt string
	// Data is what is plotted, as text: for readers who can't see the chart, and for tests.
	Data table
	body body
}

// body is what a figure shows between its title and its caption.
type body interface {
	// height is the room that the body needs at a width.
	height(width vg.Length) vg.Length
	draw(c draw.Canvas)
}

// The widths of charts, in points of 1/72 inch: for files and wide screens, and for telephones.
const (
	wide   vg.Length = 540
	narrow vg.Length = 270
)

// The sizes of text in charts.
const (
	titleSize   vg.Length = 12.5
	textSize    vg.Length = 10
	captionSize vg.Length = 8.5
	margin      vg.Length = 10
)

// textStyle is text in the charts' typeface.
func textStyle(size vg.Length, c color.Color, bold bool, x text.XAlignment, y text.YAlignment) text.Style {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = xfont.WeightBold
	}
	return text.Style{Color: c, Font: f, XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler}
}

// fit breaks text into lines that are at most width wide.
func fit(s text.Style, txt string, width vg.Length) []string {
	var lines []string
	line := ""
	for _, word := range words(txt) {
		if line != "" && s.Width(line+" "+word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// write draws lines from the top down and returns the height that they take.
func write(c draw.Canvas, s text.Style, lines []string, x, top vg.Length) vg.Length {
	step := s.Font.Size * 1.25
	s.YAlign = draw.YBottom
	for i, l := range lines {
		c.FillText(s, vg.Point{X: x, Y: top - vg.Length(i+1)*step + s.Font.Size*0.25 - s.FontExtents().Descent}, l)
	}
	return step * vg.Length(len(lines))
}

// layout is where a figure's parts go.
type layout struct {
	title, caption []string
	margin, height vg.Length
}

// layout makes room for the title, the body and, in files of their own, the caption and a margin.
func (f figure) layout(width vg.Length, captioned bool) layout {
	l := layout{margin: 1}
	if captioned {
		l.margin = margin
	}
	l.title = fit(textStyle(titleSize, ink, true, draw.XLeft, draw.YBottom), f.Title, width-2*l.margin)
	l.height = 2*l.margin + titleSize*1.25*vg.Length(len(l.title)) + 6 + f.body.height(width-2*l.margin)
	if captioned {
		l.caption = fit(textStyle(captionSize, muted, false, draw.XLeft, draw.YBottom), f.Caption, width-2*l.margin)
		l.height += captionSize*1.25*vg.Length(len(l.caption)) + 6
	}
	return l
}

// draw draws the title, the body and, where asked, the caption.
func (f figure) draw(c draw.Canvas, l layout) {
	c.Push() // gonum's canvases start with a colour but no saved state
	defer c.Pop()
	x, top, bottom := c.Min.X+l.margin, c.Max.Y-l.margin, c.Min.Y+l.margin
	top -= write(c, textStyle(titleSize, ink, true, draw.XLeft, draw.YBottom), l.title, x, top) + 6
	if len(l.caption) > 0 {
		bottom += captionSize*1.25*vg.Length(len(l.caption)) + 6
		write(c, textStyle(captionSize, muted, false, draw.XLeft, draw.YBottom), l.caption, x, bottom-6)
	}
	f.body.draw(draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
		Min: vg.Point{X: x, Y: bottom}, Max: vg.Point{X: c.Max.X - l.margin, Y: top},
	}})
}

// png draws the figure at two pixels for each pixel of the SVG.
func (f figure) png() ([]byte, error) {
	l := f.layout(wide, true)
	c := vgimg.NewWith(vgimg.UseWH(wide, l.height), vgimg.UseDPI(192), vgimg.UseBackgroundColor(paper))
	f.draw(draw.New(c), l)
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.DefaultCompression}).Encode(&b, c.Image()); err != nil {
		return nil, fmt.Errorf("encode PNG: %w", err)
	}
	return b.Bytes(), nil
}

// svg draws the figure as a document of its own: on paper, with its caption.
func (f figure) svg() ([]byte, error) {
	l := f.layout(wide, true)
	inner, err := f.vector(wide, l)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	b.WriteString(f.open(wide, l.height, f.Name, `xmlns="http://www.w3.org/2000/svg" `))
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="%s"/>`+"\n", hex(paper))
	b.Write(inner)
	b.WriteString("</svg>\n")
	return b.Bytes(), nil
}

// inline draws the figure for an HTML page: transparent, without its caption, in the colours that the page's style
// gives to ink, muted text, rules and paper.
func (f figure) inline(width vg.Length, id string) (string, error) {
	l := f.layout(width, false)
	inner, err := f.vector(width, l)
	if err != nil {
		return "", err
	}
	themed := strings.NewReplacer(
		hex(ink), "var(--chart-ink)", hex(muted), "var(--chart-muted)", hex(rule), "var(--chart-rule)", hex(paper), "var(--chart-paper)",
	).Replace(string(inner))
	return f.open(width, l.height, id, "") + themed + "</svg>", nil
}

// open is an SVG's first tag with its title and description. Sizes are CSS pixels of 1/96 inch.
func (f figure) open(width, height vg.Length, id, namespace string) string {
	const pixels = 96.0 / 72
	return fmt.Sprintf(`<svg %swidth="%.0f" height="%.0f" viewBox="0 0 %.6g %.6g" role="img" aria-labelledby="%s-title %s-desc">`+
		"\n<title id=\"%s-title\">%s</title>\n<desc id=\"%s-desc\">%s</desc>\n",
		namespace, width.Points()*pixels, height.Points()*pixels, width.Points(), height.Points(), id, id,
		id, html.EscapeString(f.Title), id, html.EscapeString(f.Alt))
}

// vector is the figure's SVG elements, without the enclosing tag.
func (f figure) vector(width vg.Length, l layout) ([]byte, error) {
	c := vgsvg.New(width, l.height)
	f.draw(draw.New(c), l)
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("write SVG: %w", err)
	}
	s := b.String()
	start := strings.Index(s, "<g ")
	end := strings.LastIndex(s, "</svg>")
	if start < 0 || end < start {
		return nil, fmt.Errorf("write SVG: no drawing in it")
	}
	// Liberation Sans has the widths of Arial and Helvetica: text keeps its place where it is not installed.
	s = strings.NewReplacer(
		"font-family:Liberation Sans;font-variant:normal;", "font-family:'Liberation Sans',Arial,Helvetica,sans-serif;",
		"font-weight:normal;font-style:normal;", "", "font-style:normal;", "",
	).Replace(s[start:end])
	return []byte(s), nil
}

// hex is a colour in the form in which vgsvg writes it.
func hex(c color.NRGBA) string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) }
