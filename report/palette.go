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

// texture tells things of the same colour apart, and does so without colour: small shapes on bars, a dash on lines. No texture is a
// hatch: that means modelled, and nothing else.
type texture int

const (
	plainTexture    texture = iota
	dotTexture              // dots; dashed
	speckTexture            // small dots; dotted
	squareTexture           // squares; dash and dot
	ringTexture             // rings; long dashes
	diamondTexture          // diamonds; short dashes
	rowTexture              // rows of small squares; a long and two short ones
	triangleTexture         // triangles; a dash and two dots
	chainTexture            // rows of small rings; dots far apart
)

// dashes is a texture on a line.
func (t texture) dashes() []vg.Length {
	switch t {
	case dotTexture:
		return []vg.Length{6, 3}
	case speckTexture:
		return []vg.Length{1.5, 2.5}
	case squareTexture:
		return []vg.Length{7, 2.5, 1.5, 2.5}
	case ringTexture:
		return []vg.Length{11, 3}
	case diamondTexture:
		return []vg.Length{3, 2}
	case rowTexture:
		return []vg.Length{9, 2.5, 3, 2.5, 3, 2.5}
	case triangleTexture:
		return []vg.Length{6, 2, 1.5, 2, 1.5, 2}
	case chainTexture:
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
		return look{vermillion, dotTexture, draw.RingGlyph{}}
	case "mmap-zerocopy":
		return look{green, dotTexture, draw.TriangleGlyph{}}
	case "uring-read-send":
		return look{orange, dotTexture, draw.CircleGlyph{}}
	case "uring-send-zc":
		return look{orange, speckTexture, draw.CrossGlyph{}}
	case "uring-send":
		return look{orange, squareTexture, draw.BoxGlyph{}}
	case "send":
		return look{ink, dotTexture, draw.CircleGlyph{}}
	case "sendmsg":
		return look{blue, dotTexture, draw.PyramidGlyph{}}
	case "send-zerocopy":
		return look{green, speckTexture, draw.RingGlyph{}}
	case "uring-splice":
		return look{purple, dotTexture, draw.PyramidGlyph{}}
	case "direct-write":
		return look{vermillion, speckTexture, draw.CrossGlyph{}}
	case "direct-sendfile":
		return look{blue, speckTexture, draw.SquareGlyph{}}
	case "tls":
		return look{yellow, plainTexture, draw.CircleGlyph{}}
	case "ktls-write":
		return look{yellow, dotTexture, draw.TriangleGlyph{}}
	case "ktls-sendfile":
		return look{skyBlue, dotTexture, draw.BoxGlyph{}}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(path)) // never fails
	n := h.Sum32()
	colors := []color.NRGBA{skyBlue, green, blue, vermillion, purple, ink} // uring-send has the crossed orange
	return look{colors[n%6], squareTexture, markers()[n/6%uint32(len(markers()))]}
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
		out.Texture = dotTexture
	case "dsync":
		out.Texture = speckTexture
	case "direct-dsync":
		out.Texture = squareTexture
	case "mmap":
		out.Texture = ringTexture
	case "uring":
		out.Texture = diamondTexture
	case "uring-direct":
		out.Texture = rowTexture
	case "dontcache":
		out.Texture = triangleTexture
	case "vectored":
		out.Texture = chainTexture
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
		out.Texture = dotTexture
	case c.Params.LoadShare > 0.7:
		out.Texture = speckTexture
	case c.Params.LoadShare > 0:
		out.Texture = dotTexture
	}
	return out
}

// light is a colour that lets most of what is under it through, so that it is a tint of any theme's paper.
func light(c color.NRGBA) color.NRGBA { return color.NRGBA{c.R, c.G, c.B, 0x59} }
