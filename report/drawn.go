package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"copylab/results"
	"copylab/results/diagram"
)

// drawn is the diagram of one path of a run, or of its two paths, with what was measured at the arrows.
type drawn struct {
	name, title, caption string
	explanation          Explanation
}

// drawnOf are the diagrams of a summary: of each group of transfers the baseline's path and every other, each with its first case. Two paths
// stand side by side.
func drawnOf(s *results.Summary) []drawn {
	if s.Run.Charts != nil && len(s.Run.Charts) == 0 {
		return nil
	}
	var out []drawn
	taken := map[string]bool{}
	for _, g := range groups(s) {
		if g.Kind != results.Transfer {
			continue
		}
		var paths []diagram.Path
		part := &results.Summary{Run: s.Run}
		for _, c := range staged(g) {
			source := c.Params.Source
			if source == "" {
				source = diagram.FromFile
			}
			p, known := diagram.PathOf(source, c.Params.Path)
			r, also := diagram.ReceiverOf(c.Params.Receiver)
			if !known || !also || !r.Takes(p) || len(p.Arrows) == 0 {
				continue
			}
			part.Cases = append(part.Cases, *c)
			if !slices.ContainsFunc(paths, func(have diagram.Path) bool { return have.ID == p.ID && have.Source == p.Source }) {
				paths = append(paths, p)
			}
		}
		drawings := make([][]diagram.Path, 0, len(paths))
		for _, p := range paths {
			drawings = append(drawings, []diagram.Path{p})
		}
		if len(paths) == 2 {
			drawings = [][]diagram.Path{paths}
		}
		for _, of := range drawings {
			var ids []string
			for _, p := range of {
				ids = append(ids, p.ID)
			}
			word := fileWord("diagram " + strings.Join(ids, " and "))
			name := word
			for n := 2; taken[name]; n++ {
				name = fmt.Sprintf("%s-%d", word, n)
			}
			taken[name] = true
			first := &part.Cases[slices.IndexFunc(part.Cases, func(c results.CaseSummary) bool { return c.Params.Path == of[0].ID })]
			d := drawn{
				name: name, title: joinWords(ids),
				caption:     fmt.Sprintf("The way of the bytes with %s. %s.", joinWords(ids), sentence(drawnCase(first))),
				explanation: Explanation{Paths: of, Run: part, RunName: "this run"},
			}
			out = append(out, d)
		}
	}
	return out
}

// drawnCase names the case whose numbers stand at the arrows, and says what they are.
func drawnCase(c *results.CaseSummary) string {
	p := c.Params
	text := fmt.Sprintf("chunks of %s over %s to %s", formatBytes(p.ChunkBytes), linkOrLoopback(c), p.Receiver)
	for _, side := range []string{"sender", "receiver"} {
		if why := c.Evidence.Sides[side].KernelUnavailable; why != "" {
			return text + ". No arrow has its cost: " + why
		}
	}
	return text + "; CPU time for each KiB and share of its side's, by the samples of the evidence passes"
}

func linkOrLoopback(c *results.CaseSummary) string {
	if words := linkWords(c.Params); words != "" {
		return words
	}
	return "loopback"
}

// htmlDiagram is a diagram in an HTML page.
type htmlDiagram struct {
	Caption      string
	Wide, Narrow template.HTML
}

func htmlDiagrams(s *results.Summary) ([]htmlDiagram, error) {
	var out []htmlDiagram
	for _, d := range drawnOf(s) {
		large, err := DrawExplanation(d.explanation, SVGOptions{Inline: true, ID: d.name})
		if err != nil {
			return nil, err
		}
		small, err := DrawExplanation(d.explanation, SVGOptions{Inline: true, Narrow: true, ID: d.name + "-narrow"})
		if err != nil {
			return nil, err
		}
		// Both are made by this package from escaped text.
		out = append(out, htmlDiagram{d.caption, template.HTML(large), template.HTML(small)})
	}
	return out, nil
}

// Diagrams draws the paths that the summary has evidence of, each with what was measured at its arrows. They have no PNG.
func Diagrams(s *results.Summary) ([]Chart, error) {
	var out []Chart
	for _, d := range drawnOf(s) {
		svg, err := DrawExplanation(d.explanation, SVGOptions{ID: d.name})
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", d.name, err)
		}
		out = append(out, Chart{Name: d.name, Title: d.title, Caption: d.caption, Alt: d.caption, SVG: svg})
	}
	return out, nil
}
