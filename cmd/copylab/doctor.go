package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/host"
	"copylab/scenarios"
)

func newDoctor() *cobra.Command {
	var asJSON bool
	dir := "."
	c := &cobra.Command{
		Use:   "doctor",
		Short: "What this machine can measure, what will disturb it, and the remedy for each",
		Args:  argsBetween(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := scenarios.CheckFolder(dir); err != nil {
				return usage(err)
			}
			listing, err := scenarios.List("", dir)
			if err != nil {
				return err
			}
			d := diagnosis{Schema: results.Schema, Dir: dir, Checks: host.Checkup(host.System(), dir), Listing: listing}
			if asJSON {
				return writeJSON(c.OutOrStdout(), d)
			}
			return d.print(c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&dir, "dir", dir, "where test files would live, hence which disk is looked at")
	return c
}

// diagnosis is what doctor found.
type diagnosis struct {
	Schema  int               `json:"schema"`
	Dir     string            `json:"dir"`
	Checks  []host.Check      `json:"checks"`
	Listing scenarios.Listing `json:"can_measure"`
}

func (d diagnosis) print(out io.Writer) error {
	warnings := 0
	for _, c := range d.Checks {
		mark := map[string]string{"ok": "ok     ", "warning": "WARNING", "unavailable": "unknown"}[string(c.Status)]
		fmt.Fprintf(out, "%s  %s: %s\n", mark, c.Title, c.Detail)
		if c.Remedy != "" {
			fmt.Fprintf(out, "         → %s\n", c.Remedy)
		}
		if c.Status == "warning" {
			warnings++
		}
	}
	fmt.Fprintln(out)
	for _, g := range []struct {
		name  string
		items []scenarios.Item
	}{{"paths", d.Listing.Paths}, {"receivers", d.Listing.Receivers}, {"write methods", d.Listing.Methods}, {"scenarios", d.Listing.Scenarios}} {
		works := 0
		for _, i := range g.items {
			if i.Status == kernel.StateAvailable {
				works++
			}
		}
		fmt.Fprintf(out, "%d of %d %s can be measured in %s\n", works, len(g.items), g.name, d.Dir)
		for _, i := range g.items {
			if i.Reason != "" {
				fmt.Fprintf(out, "         %s: %s\n", i.ID, i.Reason)
			}
		}
	}
	_, err := fmt.Fprintf(out, "\n%d warnings. None of them stops a run; each can move its numbers.\n", warnings)
	return err
}
