package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"strings"

	"copylab/results"
)

//go:embed report.html.tmpl
var htmlTemplate string

//go:embed report.css
var htmlStyle string

// page is what the HTML template gets.
type page struct {
	document
	Style  template.CSS
	First  *htmlFigure
	Rest   []htmlFigure
	Legend string
	// Diagrams are the paths, with what was measured at their arrows.
	Diagrams []htmlDiagram
	// Flames are flame graphs. Elsewhere tells that there are more as files.
	Flames    []htmlFlame
	Elsewhere bool
}

// htmlFigure is a chart in an HTML page: drawn for wide and for narrow screens, of which the style shows one.
type htmlFigure struct {
	figure
	Wide, Narrow template.HTML
}

// figureSpaces replaces the spaces after a number, which align it on the decimal point, by such as browsers keep: one as
// wide as a point where the number has none, and others as wide as digits.
func figureSpaces(s string) string {
	number := strings.TrimRight(s, " ")
	n := len(s) - len(number)
	if n == 0 || strings.HasSuffix(number, markBetter) || strings.HasSuffix(number, markHigher) || strings.HasSuffix(number, markLower) || strings.HasSuffix(number, markSame) || strings.HasSuffix(number, markNoisy) {
		return s
	}
	if strings.Contains(number, ".") {
		return number + strings.Repeat("\u2007", n)
	}
	return number + "\u2008" + strings.Repeat("\u2007", n-1)
}

// writeHTML writes report.html: one file that loads nothing and needs no script. run is the run's folder; nil: there are no flame graphs.
func writeHTML(w io.Writer, s *results.Summary, run fs.FS) error {
	p := page{document: newDocument(s), Style: template.CSS(htmlStyle)}
	p.Legend = legendOf(p.Results)
	for _, f := range figuresOf(s) {
		large, err := f.inline(wide, f.Name)
		if err != nil {
			return err
		}
		small, err := f.inline(narrow, f.Name+"-narrow")
		if err != nil {
			return err
		}
		// Both are made by this package from escaped text.
		p.Rest = append(p.Rest, htmlFigure{f, template.HTML(large), template.HTML(small)})
	}
	if len(p.Rest) > 0 {
		p.First, p.Rest = &p.Rest[0], p.Rest[1:]
	}
	var err error
	if p.Diagrams, err = htmlDiagrams(s); err != nil {
		return err
	}
	missing := ""
	if p.Flames, p.Elsewhere, missing = htmlFlames(s, run); missing != "" {
		p.Remarks = append(p.Remarks, missing)
	}
	t, err := template.New("report").Funcs(template.FuncMap{
		"class": func(t tone) string {
			return map[tone]string{betterTone: "better", worseTone: "worse", dimTone: "dim"}[t]
		},
		"glue":            glue,
		"verdictsHeading": func() string { return verdictsHeading },
		"aligned": func(t table) [][]cell {
			rows := alignRows(t)
			out := make([][]cell, len(rows))
			for r := range rows {
				for c, text := range rows[r] {
					one := cell{Text: text}
					if c < len(t.Rows[r]) {
						one.Tone = t.Rows[r][c].Tone
					}
					if t.Columns[c].Numeric {
						one.Text = figureSpaces(text)
					}
					out[r] = append(out[r], one)
				}
			}
			return out
		},
	}).Parse(htmlTemplate)
	if err != nil {
		return fmt.Errorf("parse template: %w", err)
	}
	return t.Execute(w, p)
}
