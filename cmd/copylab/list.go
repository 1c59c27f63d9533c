package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

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
		room := width(out) - 4 // beside the names
		widest := 0
		for _, i := range g.items {
			widest = max(widest, utf8.RuneCountInString(i.ID))
		}
		room -= widest
		for _, i := range g.items {
			title := i.Title
			if i.Key != "" {
				title += " (key " + i.Key + ")"
			}
			fmt.Fprintf(w, "  %s\t%s\n", i.ID, wrapped(title, room, "  \t"))
			if i.Status != kernel.StateAvailable {
				fmt.Fprintf(w, "  \t  %s\n", wrapped(fmt.Sprintf("%s: %s", i.Status, i.Reason), room-2, "  \t  "))
			} else if i.Reason != "" {
				fmt.Fprintf(w, "  \t  %s\n", wrapped(i.Reason, room-2, "  \t  "))
			}
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// wrapped breaks text between words into lines of at most room columns, all but the first with an indent before them. A longer word has a
// line of its own.
func wrapped(text string, room int, indent string) string {
	var out strings.Builder
	used := 0
	for _, word := range strings.Fields(text) {
		switch n := utf8.RuneCountInString(word); {
		case used == 0:
			used = n
		case used+1+n > room:
			out.WriteString("\n" + indent)
			used = n
		default:
			out.WriteString(" ")
			used += 1 + n
		}
		out.WriteString(word)
	}
	return out.String()
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
