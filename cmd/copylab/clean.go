package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"copylab/scenarios"
)

func newClean() *cobra.Command {
	dir := "."
	c := &cobra.Command{
		Use:   "clean",
		Short: "Remove what a killed run left behind",
		Long: `Removes the test files of runs that were killed from --dir, and ends workers that lost their run.
Runs that are still going on, and files that copylab did not make, are not touched. Reports under runs/ are kept.`,
		Args: argsBetween(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			folders, workers, err := scenarios.Clean(dir)
			if folderErr := (*scenarios.FolderError)(nil); errors.As(err, &folderErr) {
				return usage(err)
			}
			out := c.OutOrStdout()
			for _, f := range folders {
				fmt.Fprintf(out, "removed %s (%s)\n", f.Dir, scenarios.FormatSize(f.Bytes))
			}
			for _, pid := range workers {
				fmt.Fprintf(out, "ended worker process %d\n", pid)
			}
			if len(folders)+len(workers) == 0 && err == nil {
				fmt.Fprintf(out, "nothing was left behind in %s\n", dir)
			}
			return err
		},
	}
	c.Flags().StringVar(&dir, "dir", dir, "the folder that runs had their test files in")
	return c
}
