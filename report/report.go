// Package report makes a summary readable: a table for the terminal, Markdown, one self-contained HTML file, charts,
// CSV, JSON and the Go benchmark format. It measures nothing and reads no machine: a summary renders alike everywhere.
package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"copylab/results"
)

// Options say how a report for the terminal looks.
type Options struct {
	Color bool // ANSI colours; the text says everything without them too
	Width int  // columns of the terminal; 0 is 100, and less than 40 is 40
	// Run is the run's folder, for the flame graphs of an HTML page, which are drawn from its profiles; nil: there are none.
	Run fs.FS
}

// Formats lists what Write can write, in the order in which help texts show them.
func Formats() []string { return []string{"table", "markdown", "html", "json", "csv", "gobench"} }

// Write writes the summary in one of Formats.
func Write(w io.Writer, s *results.Summary, format string, o Options) error {
	var b bytes.Buffer // a report is written whole or not at all
	var err error
	switch format {
	case "table":
		err = writeTerminal(&b, s, o)
	case "markdown":
		err = writeMarkdown(&b, s)
	case "html":
		err = writeHTML(&b, s, o.Run)
	case "json":
		err = writeJSON(&b, s)
	case "csv":
		err = writeCSV(&b, s)
	case "gobench":
		err = writeGobench(&b, s)
	default:
		return fmt.Errorf("write report: unknown format %q; choose one of %s", format, strings.Join(Formats(), ", "))
	}
	if err != nil {
		return fmt.Errorf("write report as %s: %w", format, err)
	}
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("write report as %s: %w", format, err)
	}
	return nil
}

// WriteFolder writes a run's summary.json, summary.csv, report.md, report.html and charts/*.svg and charts/*.png into
// dir, the run's folder, which must exist. Each file appears whole or not at all. Charts of an earlier report that no
// longer exist are left alone.
func WriteFolder(dir string, s *results.Summary) error {
	for _, f := range []struct{ name, format string }{
		{"summary.json", "json"}, {"summary.csv", "csv"}, {"report.md", "markdown"}, {"report.html", "html"},
	} {
		var b bytes.Buffer
		if err := Write(&b, s, f.format, Options{Run: os.DirFS(dir)}); err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, f.name), b.Bytes()); err != nil {
			return err
		}
	}
	_, err := WriteCharts(filepath.Join(dir, "charts"), s, os.DirFS(dir)) // the report says what is missing
	return err
}

// WriteCharts writes every chart of the summary into dir, which it makes if need be, as SVG and PNG, and as SVG every diagram, and every flame graph
// whose profile is in run, the run's folder; nil draws none of those. Where there is nothing it makes no folder. Each file appears whole or not at all.
func WriteCharts(dir string, s *results.Summary, run fs.FS) (missing string, err error) {
	charts, err := Charts(s)
	if err != nil {
		return "", err
	}
	diagrams, err := Diagrams(s)
	if err != nil {
		return "", err
	}
	flames, missing := FlameGraphs(s, run)
	if charts = slices.Concat(charts, diagrams, flames); len(charts) == 0 {
		return missing, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make charts folder: %w", err)
	}
	for _, c := range charts {
		if err := writeFile(filepath.Join(dir, c.Name+".svg"), c.SVG); err != nil {
			return "", err
		}
		if c.PNG == nil {
			continue
		}
		if err := writeFile(filepath.Join(dir, c.Name+".png"), c.PNG); err != nil {
			return "", err
		}
	}
	return missing, nil
}

// writeFile replaces a file in one step: readers see the old content or the new, never a part.
func writeFile(name string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// writeJSON writes summary.json: the summary as it is, with the verdicts of its cases, indented.
func writeJSON(w io.Writer, s *results.Summary) error {
	verdicts := Verdicts(s)
	worded := *s
	worded.Cases = slices.Clone(s.Cases)
	for i := range worded.Cases {
		worded.Cases[i].Verdict = verdicts[worded.Cases[i].ID]
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(&worded)
}
