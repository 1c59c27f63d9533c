package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot lists every command, in the order in which the help shows them.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "copylab",
		Short: "Measure how bytes get from a disk to a network card, and from a program to a disk",
		Long: `copylab measures the ways in which bytes get from a disk to a network card and from a program to a disk,
on this machine, and says in words and charts how they differ and what limited them.

  copylab run                 both halves in about a minute: the tour
  copylab list                what can be measured here
  copylab doctor              what will disturb the numbers on this machine, and what to do about it`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := ""
			if near := c.SuggestionsFor(args[0]); len(near) > 0 {
				hint = fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
			}
			return usage(fmt.Errorf("unknown command %q%s (copylab --help lists the commands)", args[0], hint))
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage(fmt.Errorf("%w (%s --help lists the flags)", err, c.CommandPath()))
	})
	cobra.EnableCommandSorting = false
	root.AddCommand(newRun(), newList(), newDoctor(), newReport(), newClean(), newVersion(), newWorker())
	return root
}

// argsBetween is cobra.RangeArgs with copylab's exit code.
func argsBetween(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		return usage(cobra.RangeArgs(least, most)(c, args))
	}
}
