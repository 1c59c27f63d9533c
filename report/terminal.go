package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"copylab/results"
)

// terminal draws a document in a fixed number of columns.
type terminal struct {
	w     *strings.Builder
	width int
	color bool
}

// writeTerminal writes the report for a terminal: the answer, the tables, the findings, then what a reader must know
// before believing them.
func writeTerminal(w io.Writer, s *results.Summary, o Options) error {
	t := terminal{w: &strings.Builder{}, width: o.Width, color: o.Color}
	if t.width <= 0 {
		t.width = 100
	}
	t.width = max(t.width, 40)
	d := newDocument(s)
	t.line(t.paint("1", d.Title))
	t.wrap("", "", d.Question)
	t.wrap("", "", d.Subject)
	t.blank()
	t.wrap("", "", d.Answer)
	absent := slices.Clone(d.Moved)
	for _, table := range d.Results {
		if table.Most > 0 && len(table.Rows) > table.Most {
			absent = append(absent, table.Name)
			continue
		}
		t.blank()
		if err := t.table(table); err != nil {
			return err
		}
	}
	if len(absent) > 0 {
		t.blank()
		t.wrap("", "", "Tables left out here since they are long, see report.html: "+strings.Join(absent, ", ")+".")
	}
	if legend := legendOf(d.Results); legend != "" {
		t.blank()
		t.wrap("", "", legend)
	}
	t.list("Findings", d.Findings)
	t.list(verdictsHeading, d.Clearest)
	t.list("Limited by", d.Limits)
	t.list("Not measured", d.Missing)
	t.list("Links", d.Links)
	t.list("Warnings", d.Warnings)
	var cost []string
	for _, f := range d.ToolCost.Items {
		cost = append(cost, f.Name+": "+f.Value)
	}
	t.list(d.ToolCost.Heading, cost)
	t.blank()
	t.wrap("", "", d.Method)
	t.wrap("", "", "Again: "+d.Command)
	_, err := io.WriteString(w, t.w.String())
	return err
}

func (t terminal) line(s string) { t.w.WriteString(strings.TrimRight(s, " ") + "\n") }

func (t terminal) blank() { t.line("") }

// paint wraps text in an ANSI colour where colour is wanted.
func (t terminal) paint(code, s string) string {
	if !t.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// wrap writes text in lines that fit: the first after first, the others after rest.
func (t terminal) wrap(first, rest, text string) {
	if text == "" {
		return
	}
	for i, l := range wrapText(text, t.width-utf8.RuneCountInString(rest)) {
		if i == 0 {
			t.line(first + l)
		} else {
			t.line(rest + l)
		}
	}
}

// wrapText breaks text between words into lines of at most width characters; a longer word stands alone.
func wrapText(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range words(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// words splits text at spaces, but keeps a number together with its unit.
func words(text string) []string {
	var out []string
	for _, w := range strings.Fields(text) {
		switch strings.TrimRight(w, ".,;:)") {
		case "%", "B", "KiB", "MiB", "GiB", "ns", "µs", "ms", "s", "Gbit/s", "pairs", "pair":
			if n := len(out); n > 0 && strings.ContainsAny(out[n-1][len(out[n-1])-1:], "0123456789") {
				out[n-1] += " " + w
				continue
			}
		}
		out = append(out, w)
	}
	return out
}

// glue joins numbers to their units with spaces at which no browser breaks a line.
func glue(text string) string {
	out := words(text)
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], " ", "\u00a0")
	}
	return strings.Join(out, " ")
}

// list writes a heading and its items, if there are any.
func (t terminal) list(heading string, items []string) {
	if len(items) == 0 {
		return
	}
	t.blank()
	t.line(t.paint("1", heading))
	for _, item := range items {
		t.wrap("  • ", "    ", item)
	}
}

// table writes a table without the columns that don't fit, and says which those are.
func (t terminal) table(tab table) error {
	for _, l := range wrapText(tab.Caption, t.width) {
		t.line(t.paint("1", l))
	}
	rows := alignRows(tab)
	for _, row := range rows {
		row[0] = strings.Join(wrapText(row[0], max(t.width*32/100, 16)), "\n")
	}
	keep, left := t.fitting(tab, rows)
	var b strings.Builder
	off := tw.Border{Left: tw.Off, Right: tw.Off, Top: tw.Off, Bottom: tw.Off}
	align := make([]tw.Align, len(keep))
	for i, c := range keep {
		align[i] = tw.AlignLeft
		if tab.Columns[c].Numeric {
			align[i] = tw.AlignRight
		}
	}
	plain := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Padding:    tw.CellPadding{Global: tw.Padding{Left: " ", Right: " ", Overwrite: true}},
		Alignment:  tw.CellAlignment{PerColumn: align},
	}
	out := tablewriter.NewTable(&b,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: off,
			Symbols: tw.NewSymbols(tw.StyleLight),
			Settings: tw.Settings{
				Separators: tw.Separators{BetweenColumns: tw.Off, BetweenRows: tw.Off, ShowHeader: tw.On},
				Lines:      tw.Lines{ShowHeaderLine: tw.On, ShowTop: tw.Off, ShowBottom: tw.Off},
			},
		})),
		tablewriter.WithConfig(tablewriter.Config{Header: plain, Row: plain, Behavior: tw.Behavior{TrimSpace: tw.Off}}),
	)
	head := make([]string, len(keep))
	units := false
	for _, c := range keep {
		units = units || tab.Columns[c].Unit != ""
	}
	for i, c := range keep {
		head[i] = tab.Columns[c].Head
		if units {
			head[i] += "\n" + tab.Columns[c].Unit
		}
	}
	out.Header(head)
	marks := shownMarks(tab, rows, keep)
	for r, row := range rows {
		cells := make([]string, len(keep))
		for i, c := range keep {
			cells[i] = t.tint(tab.Rows[r][c].Tone, marks.Replace(row[c]))
		}
		if err := out.Append(cells); err != nil {
			return fmt.Errorf("append table row: %w", err)
		}
	}
	if err := out.Render(); err != nil {
		return fmt.Errorf("render table: %w", err)
	}
	for l := range strings.Lines(b.String()) {
		t.line(strings.TrimRight(l, "\n "))
	}
	for i, note := range tab.Notes {
		mark := fmt.Sprintf("[%d]", i+1)
		if mentioned(tab, rows, keep, mark) {
			t.wrap(" "+marks.Replace(mark)+" ", "     ", note)
		}
	}
	if len(left) > 0 {
		t.wrap(" ", " ", "Columns left out here, see report.html: "+strings.Join(left, ", ")+".")
	}
	return nil
}

// shownMarks numbers the notes that are shown from 1 on: those of columns that were left out are not.
func shownMarks(tab table, rows [][]string, keep []int) *strings.Replacer {
	var pairs []string
	for i := range tab.Notes {
		if mark := fmt.Sprintf("[%d]", i+1); mentioned(tab, rows, keep, mark) {
			pairs = append(pairs, mark, fmt.Sprintf("[%d]", len(pairs)/2+1))
		}
	}
	return strings.NewReplacer(pairs...)
}

// mentioned says whether a note's mark stands in one of the columns that are shown.
func mentioned(tab table, rows [][]string, keep []int, mark string) bool {
	for _, row := range rows {
		for _, c := range keep {
			if strings.Contains(row[c], mark) {
				return true
			}
		}
	}
	return false
}

// tint colours a cell by its tone.
func (t terminal) tint(tone tone, s string) string {
	if strings.TrimSpace(s) == "" {
		return s
	}
	switch tone {
	case betterTone:
		return t.paint("32", s)
	case worseTone:
		return t.paint("31", s)
	case dimTone:
		return t.paint("2", s)
	}
	return s
}

// alignRows returns a table's texts with the decimal points of each numeric column under each other.
func alignRows(tab table) [][]string {
	rows := make([][]string, len(tab.Rows))
	for r := range rows {
		rows[r] = make([]string, len(tab.Columns))
	}
	for c := range tab.Columns {
		texts := make([]string, len(tab.Rows))
		for r, row := range tab.Rows {
			if c < len(row) {
				texts[r] = row[c].Text
			}
		}
		if tab.Columns[c].Numeric {
			texts = alignNumbers(texts)
		}
		for r := range rows {
			rows[r][c] = texts[r]
		}
	}
	return rows
}

// alignNumbers aligns a column on the decimal points of its first numbers. Ratios are aligned in all their parts.
func alignNumbers(texts []string) []string {
	ratios := false
	for _, s := range texts {
		ratios = ratios || strings.Contains(s, " [") && strings.Contains(s, "–")
	}
	if !ratios {
		return alignDecimal(texts)
	}
	// "1.31 [1.28–1.35] ▲★": ratio, interval and marks are columns of their own.
	var ratio, low, high []string
	for _, s := range texts {
		r, rest, _ := strings.Cut(s, " [")
		l, rest, _ := strings.Cut(rest, "–")
		h, _, _ := strings.Cut(rest, "]")
		if !strings.Contains(s, "–") {
			r, l, h = "", "", ""
		}
		ratio, low, high = append(ratio, r), append(low, l), append(high, h)
	}
	ratio, low, high = padLeft(alignDecimal(ratio)), padLeft(alignDecimal(low)), padLeft(alignDecimal(high))
	out := make([]string, len(texts))
	widest := 0
	for i, s := range texts {
		if _, marks, ok := strings.Cut(s, "] "); ok {
			widest = max(widest, utf8.RuneCountInString(marks))
			out[i] = marks
		}
	}
	for i, s := range texts {
		if !strings.Contains(s, "] ") {
			out[i] = s
			continue
		}
		marks := out[i] + strings.Repeat(" ", widest-utf8.RuneCountInString(out[i]))
		out[i] = ratio[i] + " [" + low[i] + "–" + high[i] + "] " + marks
	}
	return out
}

// padLeft makes all texts as wide as the widest.
func padLeft(texts []string) []string {
	widest := 0
	for _, s := range texts {
		widest = max(widest, utf8.RuneCountInString(s))
	}
	for i, s := range texts {
		texts[i] = strings.Repeat(" ", widest-utf8.RuneCountInString(s)) + s
	}
	return texts
}

// fitting chooses the columns that fit, leaving out those that can best be spared, and names the ones left out.
func (t terminal) fitting(tab table, rows [][]string) (keep []int, left []string) {
	widths := make([]int, len(tab.Columns))
	for c, col := range tab.Columns {
		widths[c] = max(utf8.RuneCountInString(col.Head), utf8.RuneCountInString(col.Unit))
		for _, row := range rows {
			for l := range strings.Lines(row[c]) {
				widths[c] = max(widths[c], utf8.RuneCountInString(strings.TrimSuffix(l, "\n")))
			}
		}
	}
	shown := make([]bool, len(tab.Columns))
	total := 0
	for c := range shown {
		shown[c] = true
		total += widths[c] + 2
	}
	for total > t.width {
		worst := -1
		for c, col := range tab.Columns {
			if shown[c] && col.Spare > 0 && (worst < 0 || col.Spare >= tab.Columns[worst].Spare) {
				worst = c
			}
		}
		if worst < 0 {
			break
		}
		shown[worst] = false
		total -= widths[worst] + 2
	}
	for c, col := range tab.Columns {
		switch derived := col.Head == "±" || strings.HasPrefix(col.Head, "×"); {
		case shown[c]:
			keep = append(keep, c)
		case derived && shown[leader(tab, c)]:
			left = append(left, col.Head+" of "+tab.Columns[leader(tab, c)].Head)
		case !derived && slices.ContainsFunc(tab.Columns, func(other column) bool { return other != col && other.Head == col.Head }):
			left = append(left, col.Head+" "+col.Unit)
		case !derived:
			left = append(left, col.Head)
		}
	}
	return keep, left
}

// leader is the column that a spread or ratio column belongs to.
func leader(tab table, c int) int {
	for c > 0 && (tab.Columns[c].Head == "±" || strings.HasPrefix(tab.Columns[c].Head, "×")) {
		c--
	}
	return c
}
