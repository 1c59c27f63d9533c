package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// walk reads a page with a lenient XML decoder and calls see for each element.
func walk(t *testing.T, page string, see func(xml.StartElement)) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict = false
	d.AutoClose = []string{"meta", "br"}
	d.Entity = xml.HTMLEntity
	var open []string
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("page is not well formed: %v", err)
		}
		switch e := tok.(type) {
		case xml.StartElement:
			open = append(open, e.Name.Local)
			see(e)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != e.Name.Local {
				t.Fatalf("</%s> closes %v", e.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Fatalf("left open: %v", open)
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func TestHTML(t *testing.T) {
	for name, s := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			page := rendered(t, s, "html", Options{})
			ids := map[string]bool{}
			var labels []string
			level, tables, captions, images, described := 0, 0, 0, 0, 0
			walk(t, page, func(e xml.StartElement) {
				tag := e.Name.Local
				if id := attribute(e, "id"); id != "" {
					if ids[id] {
						t.Errorf("two elements have the id %q", id)
					}
					ids[id] = true
				}
				labels = append(labels, strings.Fields(attribute(e, "aria-labelledby"))...)
				for _, a := range []string{"src", "href", "srcset", "action", "onload", "onclick"} {
					if attribute(e, a) != "" {
						t.Errorf("<%s %s=%q>: the page must need nothing else", tag, a, attribute(e, a))
					}
				}
				switch tag {
				case "script", "link", "iframe", "object", "embed", "image", "img", "base", "foreignObject":
					t.Errorf("<%s> in the page", tag)
				case "html":
					if attribute(e, "lang") != "en" {
						t.Error("the page does not say its language")
					}
				case "h1", "h2", "h3", "h4":
					n := int(tag[1] - '0')
					if n > level+1 || n == 1 && level != 0 {
						t.Errorf("<%s> after <h%d>", tag, level)
					}
					level = n
				case "table":
					tables++
				case "caption":
					captions++
				case "th":
					if s := attribute(e, "scope"); s != "col" && s != "row" {
						t.Errorf("<th scope=%q>", s)
					}
				case "svg":
					images++
					if attribute(e, "role") == "img" && attribute(e, "viewBox") != "" {
						described++
					}
				}
			})
			for _, l := range labels {
				if !ids[l] {
					t.Errorf("nothing has the id %q that a label refers to", l)
				}
			}
			if tables != captions {
				t.Errorf("%d tables, %d captions", tables, captions)
			}
			if figures := len(figuresOf(s)) + len(drawnOf(s)); images != 2*figures || described != images {
				t.Errorf("%d SVGs, %d of them described, for %d charts and diagrams of two widths", images, described, figures)
			}
			if strings.Contains(page, "url(") || strings.Contains(page, "@import") || strings.Contains(page, "http://") || strings.Contains(page, "https://") {
				t.Error("the page refers to something outside")
			}
			if level == 0 {
				t.Error("no heading")
			}
		})
	}
}

// TestHTMLOrder checks that the page reads from the answer down to the command.
func TestHTMLOrder(t *testing.T) {
	page := rendered(t, tourSummary(t), "html", Options{})
	at := 0
	for _, part := range []string{
		`class="answer"`, "<svg", "<h2>Results</h2>", "<h2>Findings</h2>", "<h2>Evidence</h2>", "crossings", "switches", "faults", "busy", "in cache", "device write",
		"<h2>Warnings</h2>", "<h2>The machine</h2>", "Imaginary CPU", "Mount options", "Scheduler", "Write cache", "Rotational", "vm.dirty_ratio", "<h2>What the tool itself costs</h2>", "<h2>Measure it again</h2>", "copylab run made-up",
	} {
		i := strings.Index(page[at:], part)
		if i < 0 {
			t.Fatalf("%q is missing, or above what it should follow", part)
		}
		at += i
	}
}

func TestHTMLEscapes(t *testing.T) {
	s := tourSummary(t)
	evil := `<script>alert("x")</script>`
	s.Run.Title, s.Run.Question, s.Run.Host.Hostname = evil, evil, evil
	s.Cases[0].Label, s.Cases[1].Params.Path = evil, evil
	s.Warnings = append(s.Warnings, evil)
	page := rendered(t, s, "html", Options{})
	if strings.Contains(page, "<script") {
		t.Error("a name became markup")
	}
	walk(t, page, func(xml.StartElement) {})
}

// TestContrast computes the WCAG 2 contrast of every text colour of both themes, and of print, against its background.
func TestContrast(t *testing.T) {
	variable := regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)
	blocks := strings.Split(htmlStyle, ":root {")[1:]
	if len(blocks) != 3 {
		t.Fatalf("%d themes, want light, dark and print", len(blocks))
	}
	for i, b := range blocks {
		b, _, _ = strings.Cut(b, "}")
		colors := map[string]string{}
		for _, m := range variable.FindAllStringSubmatch(b, -1) {
			colors[m[1]] = m[2]
		}
		for _, pair := range [][2]string{
			{"text", "back"}, {"soft", "back"}, {"link", "back"}, {"good", "back"}, {"bad", "back"}, {"text", "panel"}, {"chart-ink", "chart-paper"}, {"chart-muted", "chart-paper"},
		} {
			if colors[pair[0]] == "" || colors[pair[1]] == "" {
				t.Fatalf("theme %d lacks %v", i, pair)
			}
			if c := contrast2(t, colors[pair[0]], colors[pair[1]]); c < 4.5 {
				t.Errorf("theme %d: %s on %s has a contrast of %.2f, want 4.5", i, pair[0], pair[1], c)
			}
		}
		if colors["back"] != colors["chart-paper"] {
			t.Errorf("theme %d: charts stand on another colour than the page", i)
		}
	}
}

func contrast2(t *testing.T, a, b string) float64 {
	luminance := func(hex string) float64 {
		sum := 0.0
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			v, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			c := float64(v) / 255
			if c <= 0.03928 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// TestInlineChartsFollowTheTheme checks that no colour of text, rules or paper is fixed in the page's charts.
func TestInlineChartsFollowTheTheme(t *testing.T) {
	for _, f := range figuresOf(tourSummary(t)) {
		svg, err := f.inline(narrow, "x")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []string{hex(ink), hex(muted), hex(rule), hex(paper), "#000000"} {
			if strings.Contains(svg, c) {
				t.Errorf("%s: %s is fixed", f.Name, c)
			}
		}
		if !strings.Contains(svg, "var(--chart-ink)") {
			t.Errorf("%s: no text in the theme's colour", f.Name)
		}
	}
}

func TestLooksDiffer(t *testing.T) {
	seen := map[string]string{}
	paths := []string{"read-write", "sendfile", "mmap-write", "go-io-copy", "go-copy-buffer", "splice", "null", "read-zerocopy", "mmap-zerocopy", "uring-read-send", "uring-send-zc", "uring-splice", "direct-write", "direct-sendfile", "tls", "ktls-write", "ktls-sendfile",
		"send", "sendmsg", "send-zerocopy", "uring-send"}
	for _, p := range paths {
		l := pathLook(p)
		key := fmt.Sprint(l.Color, l.Texture)
		if other := seen[key]; other != "" {
			t.Errorf("%s and %s look alike", p, other)
		}
		seen[key] = p
	}
	if a, b := pathLook("never-heard-of"), pathLook("never-heard-of"); a != b || slices.Contains(paths, seen[fmt.Sprint(a.Color, a.Texture)]) {
		t.Error("an unknown path has no fixed look of its own")
	}
	// These are promised for ever: reports of different years must be comparable.
	if pathLook("read-write").Color != vermillion || pathLook("sendfile").Color != blue || pathLook("mmap-write").Color != green {
		t.Error("a path changed its colour")
	}
}
