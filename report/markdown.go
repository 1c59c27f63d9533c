package report

import (
	"fmt"
	"io"
	"strings"

	"copylab/results"
)

// writeMarkdown writes report.md: the same as the HTML report, in the same order, with the charts beside it.
func writeMarkdown(w io.Writer, s *results.Summary) error {
	d := newDocument(s)
	figures := figuresOf(s)
	m := markdown{&strings.Builder{}}
	m.f("# %s\n\n", escapeMarkdown(d.Title))
	if d.Question != "" {
		m.f("*%s*\n\n", escapeMarkdown(d.Question))
	}
	m.f("**%s**\n\n", escapeMarkdown(d.Answer))
	m.f("%s\n\n%s\n\n", escapeMarkdown(d.Subject), escapeMarkdown(d.Method))
	if len(figures) > 0 {
		m.figure(figures[0])
	}
	m.f("## Results\n\n")
	for _, t := range d.Results {
		m.table(t)
	}
	if legend := legendOf(d.Results); legend != "" {
		m.f("%s\n\n", escapeMarkdown(legend))
	}
	m.list("## Findings", d.Findings)
	m.list("## Limited by", d.Limits)
	m.list("## Not measured", d.Missing)
	if len(figures) > 1 {
		m.f("## Charts\n\n")
		for _, f := range figures[1:] {
			m.figure(f)
		}
	}
	m.f("## Evidence\n\nWhat the kernel itself says happened: medians over the counted trials, and over the passes for evidence where a table says so.\n\n")
	m.list("### "+verdictsHeading, d.Verdicts)
	for _, t := range d.Evidence {
		m.table(t)
	}
	for _, r := range d.Remarks {
		m.f("%s\n\n", escapeMarkdown(r))
	}
	m.list("## Warnings", d.Warnings)
	m.f("## The machine\n\n")
	for _, f := range d.Machine {
		m.facts("### "+f.Heading, f)
	}
	m.facts("## "+d.ToolCost.Heading, d.ToolCost)
	m.f("## Measure it again\n\n```\n%s\n```\n", strings.ReplaceAll(d.Command, "```", "` ` `"))
	_, err := io.WriteString(w, m.b.String())
	return err
}

type markdown struct{ b *strings.Builder }

func (m markdown) f(format string, args ...any) { fmt.Fprintf(m.b, format, args...) }

func (m markdown) figure(f figure) {
	m.f("![%s](charts/%s.svg)\n\n%s\n\n", escapeMarkdown(f.Alt), f.Name, escapeMarkdown(f.Caption))
}

func (m markdown) list(heading string, items []string) {
	if len(items) == 0 {
		return
	}
	m.f("%s\n\n", heading)
	for _, item := range items {
		m.f("- %s\n", escapeMarkdown(item))
	}
	m.f("\n")
}

func (m markdown) facts(heading string, f facts) {
	m.f("%s\n\n| | |\n|---|---|\n", heading)
	for _, item := range f.Items {
		m.f("| %s | %s |\n", escapeMarkdown(item.Name), escapeMarkdown(item.Value))
	}
	m.f("\n")
}

func (m markdown) table(t table) {
	m.f("**%s**\n\n", escapeMarkdown(t.Caption))
	head, rule := "|", "|"
	for _, c := range t.Columns {
		name := c.Head
		if c.Unit != "" {
			name += ", " + c.Unit
		}
		head += " " + escapeMarkdown(name) + " |"
		if c.Numeric {
			rule += "---:|"
		} else {
			rule += "---|"
		}
	}
	m.f("%s\n%s\n", head, rule)
	for _, row := range t.Rows {
		line := "|"
		for i := range t.Columns {
			text := ""
			if i < len(row) {
				text = escapeMarkdown(strings.TrimSpace(row[i].Text))
			}
			line += " " + text + " |"
		}
		m.f("%s\n", line)
	}
	m.f("\n")
	for i, n := range t.Notes {
		m.f("\\[%d\\] %s  \n", i+1, escapeMarkdown(n))
	}
	if len(t.Notes) > 0 {
		m.f("\n")
	}
}

// escapeMarkdown keeps text from being read as Markdown or HTML.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch r {
		case '\\', '`', '*', '_', '[', ']', '|', '<', '>', '#', '~':
			b.WriteByte('\\')
		case '\n', '\r':
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}
