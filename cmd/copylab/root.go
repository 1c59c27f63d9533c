package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"copylab/scenarios"
)

// newRoot lists every command, in the order in which the help shows them.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "copylab",
		Short: "Measure how bytes get from a disk to a network card, and from a program to a disk",
		Long: `copylab measures the ways in which bytes get from a disk to a network card and from a program to a disk,
on this machine, and says in words and charts how they differ and what limited them.

  copylab run                 the tour: both halves, in some two and a half minutes
  copylab list                what can be measured here
  copylab doctor              what will disturb the numbers on this machine, and what to do about it`,
		Version:       tool().Version,
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
		return usage(fmt.Errorf("%w%s (%s --help lists the flags)", err, nearestFlag(c, err), c.CommandPath()))
	})
	cobra.EnableCommandSorting = false
	root.AddCommand(newRun(), newList(), newDoctor(), newReport(), newExplain(), newSink(), newClean(), newVersion(), newWorker())
	return root
}

// nearestFlag names the flag that was probably meant by an unknown one.
func nearestFlag(c *cobra.Command, err error) string {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return ""
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := scenarios.Nearest(unknown.GetSpecifiedName(), names); near != "" {
		return fmt.Sprintf(": did you mean --%s?", near)
	}
	return ""
}

// argsBetween is cobra.RangeArgs with copylab's exit code and a message that shows the usage. No command takes more than
// one argument, but for explain, and for run, which takes any number.
func argsBetween(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if n := len(args); n >= least && n <= most {
			return nil
		}
		want := "no argument"
		switch {
		case most == 1 && least == 1:
			want = "exactly 1 argument"
		case most == 1:
			want = "at most 1 argument"
		}
		return usage(fmt.Errorf("%s takes %s, got %d (usage: %s)", c.CommandPath(), want, len(args), c.UseLine()))
	}
}
