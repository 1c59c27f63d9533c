package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"copylab/copypaths"
	"copylab/internal/kernel"
	"copylab/scenarios"
)

func newList() *cobra.Command {
	var asJSON bool
	dir := "."
	c := &cobra.Command{
		Use:       "list [scenarios|paths|receivers|links|writes]",
		Short:     "What can be measured, and what of it works on this machine",
		ValidArgs: scenarios.Groups(),
		Args:      argsBetween(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			group := ""
			if len(args) == 1 {
				group = args[0]
			}
			if err := scenarios.CheckFolder(dir); err != nil {
				return usage(err)
			}
			listing, err := scenarios.List(group, dir)
			if bad := (*scenarios.UsageError)(nil); errors.As(err, &bad) {
				return usage(err)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(c.OutOrStdout(), listing)
			}
			return printListing(c.OutOrStdout(), listing)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&dir, "dir", dir, "the folder that write methods are tried in")
	return c
}

func printListing(out io.Writer, l scenarios.Listing) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, g := range []struct {
		heading string
		items   []scenarios.Item
	}{
		{"Scenarios (copylab run NAME)", l.Scenarios},
		{"Paths from a file to a socket", from(l.Paths, copypaths.FromFile)},
		{"Paths from memory to a socket", from(l.Paths, copypaths.FromMemory)},
		{"Control", from(l.Paths, "")},
		{"Receivers", l.Receivers},
		{"Links", l.Links},
		{"Write methods", l.Methods},
		{"Write patterns", l.Patterns},
		{"Draws of the random pattern", l.Draws},
		{"Sync policies", l.SyncPolicies},
		{"Sync calls", l.SyncCalls},
	} {
		if len(g.items) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s\n", g.heading)
		for _, i := range g.items {
			title := i.Title
			if i.Key != "" {
				title += " (key " + i.Key + ")"
			}
			fmt.Fprintf(w, "  %s\t%s\n", i.ID, title)
			if i.Status != kernel.StateAvailable {
				fmt.Fprintf(w, "  \t  %s: %s\n", i.Status, i.Reason)
			} else if i.Reason != "" {
				fmt.Fprintf(w, "  \t  %s\n", i.Reason)
			}
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// from are the paths that send from a source.
func from(paths []scenarios.Item, source copypaths.Source) []scenarios.Item {
	return slices.DeleteFunc(slices.Clone(paths), func(i scenarios.Item) bool { return i.Source != string(source) })
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
