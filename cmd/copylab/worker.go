package main

import (
	"github.com/spf13/cobra"

	"copylab/scenarios/worker"
)

// newWorker is the hidden command that turns this process into the one that is measured. See package worker.
func newWorker() *cobra.Command {
	return &cobra.Command{
		Use:    "worker",
		Short:  "The process that is measured (started by run, not by hand)",
		Hidden: true,
		Args:   argsBetween(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if code := worker.Main(c.InOrStdin(), c.OutOrStdout()); code != 0 {
				return codeError{code: code}
			}
			return nil
		},
	}
}
