package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"copylab/report"
	"copylab/results"
	"copylab/scenarios"
)

type reportOptions struct {
	format  string
	output  string
	noColor bool
}

func newReport() *cobra.Command {
	var o reportOptions
	c := &cobra.Command{
		Use:   "report RUN",
		Short: "Show a run again, in another form",
		Long: `Renders the record of a run: a folder that "copylab run" made, or a record.jsonl. Any machine can render any record.

  table      for the terminal (default)
  markdown   report.md
  html       report.html, one file
  json       summary.json
  csv        summary.csv
  gobench    the Go benchmark format, for benchstat
  charts     SVG and PNG files into the folder -o (default: RUN/charts)`,
		Args: argsBetween(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.validate(); err != nil {
				return usage(err)
			}
			boundMemory()
			return o.run(c, args[0])
		},
	}
	c.Flags().StringVar(&o.format, "format", "table", "table, markdown, html, json, csv, gobench or charts")
	c.Flags().StringVarP(&o.output, "output", "o", "", "write to this file, or folder for charts, instead of standard output")
	c.Flags().BoolVar(&o.noColor, "no-color", false, "no colours in the table")
	return c
}

const formatCharts = "charts"

func (o *reportOptions) validate() error {
	known := append(report.Formats(), formatCharts)
	if !slices.Contains(known, o.format) {
		hint := ""
		if near := scenarios.Nearest(o.format, known); near != "" {
			hint = fmt.Sprintf(": did you mean %q?", near)
		}
		return fmt.Errorf("unknown format %q%s (valid: %s)", o.format, hint, strings.Join(known, ", "))
	}
	return nil
}

func (o *reportOptions) run(c *cobra.Command, run string) (err error) {
	summary, err := results.Load(run)
	if err != nil {
		return err
	}
	folder := os.DirFS(runFolder(run))
	if o.format == formatCharts {
		dir := o.output
		if dir == "" {
			dir = filepath.Join(runFolder(run), "charts")
		}
		missing, err := report.WriteCharts(dir, summary, folder)
		if missing != "" {
			fmt.Fprintln(c.ErrOrStderr(), missing)
		}
		return err
	}
	if o.output == "" {
		return report.Write(c.OutOrStdout(), summary, o.format, report.Options{Color: !o.noColor && colorful(c.OutOrStdout()), Width: width(c.OutOrStdout()), Run: folder})
	}
	f, err := os.Create(o.output)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return report.Write(f, summary, o.format, report.Options{Width: defaultWidth, Run: folder})
}

// runFolder is the folder of a run that was named by its folder or by its record.
func runFolder(run string) string {
	if info, err := os.Stat(run); err == nil && info.IsDir() {
		return run
	}
	return filepath.Dir(run)
}
