package report

import (
	"hash/fnv"
	"image/color"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"copylab/results"
)

// The colours of everything that is not data. Ink is also the palette's black, so that it follows a dark theme.
var (
	ink   = color.NRGBA{0x1A, 0x1A, 0x1A, 0xFF}
	muted = color.NRGBA{0x59, 0x59, 0x59, 0xFF}
	rule  = color.NRGBA{0xDD, 0xDD, 0xDD, 0xFF}
	paper = color.NRGBA{0xFF, 0xFF, 0xFF, 0xFF}
)

// The Okabe–Ito palette, whose colours people with any kind of colour vision can tell apart.
var (
	orange     = color.NRGBA{0xE6, 0x9F, 0x00, 0xFF}
	skyBlue    = color.NRGBA{0x56, 0xB4, 0xE9, 0xFF}
	green      = color.NRGBA{0x00, 0x9E, 0x73, 0xFF}
	yellow     = color.NRGBA{0xF0, 0xE4, 0x42, 0xFF}
	blue       = color.NRGBA{0x00, 0x72, 0xB2, 0xFF}
	vermillion = color.NRGBA{0xD5, 0x5E, 0x00, 0xFF}
	purple     = color.NRGBA{0xCC, 0x79, 0xA7, 0xFF}
)

// texture tells things of the same colour apart, and does so without colour: a hatch on bars, a dash on lines.
type texture int

const (
	plainTexture     texture = iota
	slashTexture             // dashed
	backTexture              // dotted
	crossTexture             // dash and dot
	levelTexture             // long dashes
	uprightTexture           // short dashes
	gridTexture              // a long and two short ones
	denseTexture             // a dash and two dots
	denseBackTexture         // dots far apart
)

// dashes is a texture on a line.
func (t texture) dashes() []vg.Length {
	switch t {
	case slashTexture:
		return []vg.Length{6, 3}
	case backTexture:
		return []vg.Length{1.5, 2.5}
	case crossTexture:
		return []vg.Length{7, 2.5, 1.5, 2.5}
	case levelTexture:
		return []vg.Length{11, 3}
	case uprightTexture:
		return []vg.Length{3, 2}
	case gridTexture:
		return []vg.Length{9, 2.5, 3, 2.5, 3, 2.5}
	case denseTexture:
		return []vg.Length{6, 2, 1.5, 2, 1.5, 2}
	case denseBackTexture:
		return []vg.Length{1.5, 4.5}
	}
	return nil
}

// look is how one case is drawn in every chart.
type look struct {
	Color   color.NRGBA
	Texture texture
	Marker  draw.GlyphDrawer
}

// pathLook is a path's colour for ever, from a file or from memory. Paths that share a mechanism share its colour and differ in
// texture; those that send from memory leave the plain lines to the others. A path that this table does not know gets a
// fixed place by its name.
func pathLook(path string) look {
	switch path {
	case "read-write":
		return look{vermillion, plainTexture, draw.CircleGlyph{}}
	case "sendfile":
		return look{blue, plainTexture, draw.BoxGlyph{}}
	case "mmap-write":
		return look{green, plainTexture, draw.PyramidGlyph{}}
	case "go-io-copy":
		return look{skyBlue, plainTexture, draw.SquareGlyph{}}
	case "go-copy-buffer":
		return look{orange, plainTexture, draw.RingGlyph{}}
	case "splice":
		return look{purple, plainTexture, draw.TriangleGlyph{}}
	case "null":
		return look{ink, plainTexture, draw.PlusGlyph{}}
	case "read-zerocopy":
		return look{vermillion, slashTexture, draw.RingGlyph{}}
	case "mmap-zerocopy":
		return look{green, slashTexture, draw.TriangleGlyph{}}
	case "uring-read-send":
		return look{orange, slashTexture, draw.CircleGlyph{}}
	case "uring-send-zc":
		return look{orange, backTexture, draw.CrossGlyph{}}
	case "uring-send":
		return look{orange, crossTexture, draw.BoxGlyph{}}
	case "send":
		return look{ink, slashTexture, draw.CircleGlyph{}}
	case "sendmsg":
		return look{blue, slashTexture, draw.PyramidGlyph{}}
	case "send-zerocopy":
		return look{green, backTexture, draw.RingGlyph{}}
	case "uring-splice":
		return look{purple, slashTexture, draw.PyramidGlyph{}}
	case "direct-write":
		return look{vermillion, backTexture, draw.CrossGlyph{}}
	case "direct-sendfile":
		return look{blue, backTexture, draw.SquareGlyph{}}
	case "tls":
		return look{yellow, plainTexture, draw.CircleGlyph{}}
	case "ktls-write":
		return look{yellow, slashTexture, draw.TriangleGlyph{}}
	case "ktls-sendfile":
		return look{skyBlue, slashTexture, draw.BoxGlyph{}}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(path)) // never fails
	n := h.Sum32()
	colors := []color.NRGBA{skyBlue, green, blue, vermillion, purple, ink} // uring-send has the crossed orange
	return look{colors[n%6], crossTexture, markers()[n/6%uint32(len(markers()))]}
}

func markers() []draw.GlyphDrawer {
	return []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}, draw.PlusGlyph{}}
}

// writeLook is a write's for ever: the pattern chooses the colour, the method the texture, the sync policy the marker. The null
// writer, which follows no pattern, has the colour of the null path.
func writeLook(p results.Params) look {
	out := look{Color: purple, Marker: draw.CircleGlyph{}} // many-logs, and patterns that this table does not know
	switch p.Pattern {
	case "append":
		out.Color = green
	case "overwrite":
		out.Color = skyBlue
	case "random":
		out.Color = vermillion
	case "append-fallocated":
		out.Color = blue
	case "random-append-mix":
		out.Color = orange
	case "strided":
		out.Color = yellow
	case "zipf":
		out.Color = ink
	}
	switch p.Method {
	case "direct":
		out.Texture = slashTexture
	case "dsync":
		out.Texture = backTexture
	case "direct-dsync":
		out.Texture = crossTexture
	case "mmap":
		out.Texture = levelTexture
	case "uring":
		out.Texture = uprightTexture
	case "uring-direct":
		out.Texture = gridTexture
	case "dontcache":
		out.Texture = denseTexture
	case "vectored":
		out.Texture = denseBackTexture
	case "null":
		out.Color = ink
	}
	every, isEvery := strings.CutPrefix(p.Sync, "every=")
	switch {
	case p.Sync == "end":
		out.Marker = draw.BoxGlyph{}
	case p.Sync == "group":
		out.Marker = draw.SquareGlyph{}
	case strings.HasPrefix(p.Sync, "interval="):
		out.Marker = draw.RingGlyph{}
	case isEvery:
		n, err := strconv.Atoi(every)
		out.Marker = draw.PyramidGlyph{}
		if err == nil && n > 1 {
			out.Marker = draw.TriangleGlyph{}
		}
	}
	return out
}

// caseLook is how a case is drawn.
func caseLook(c *results.CaseSummary) look {
	if c.Kind == results.Write {
		return writeLook(c.Params)
	}
	out := pathLook(c.Params.Path)
	switch {
	case out.Texture != plainTexture:
	case c.Params.Cache == "cold":
		out.Texture = slashTexture
	case c.Params.LoadShare > 0.7:
		out.Texture = backTexture
	case c.Params.LoadShare > 0:
		out.Texture = slashTexture
	}
	return out
}

// light is a colour that lets most of what is under it through, so that it is a tint of any theme's paper.
func light(c color.NRGBA) color.NRGBA { return color.NRGBA{c.R, c.G, c.B, 0x59} }
