package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"copylab/results"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Which copylab this is",
		Args:  argsBetween(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			t := tool()
			_, err := fmt.Fprintf(c.OutOrStdout(), "copylab %s\ncommit %s\n%s %s/%s\n", t.Version, t.Commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// tool is this build, as the Go toolchain stamped it.
func tool() results.Tool {
	const unstamped = "unavailable: not stamped by the Go toolchain (build in a checkout, with -buildvcs=true)"
	t := results.Tool{Version: unstamped, Commit: unstamped}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return t
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		t.Version = info.Main.Version
	}
	dirty := ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			t.Commit = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				dirty = " with local changes"
			}
		}
	}
	t.Commit += dirty
	return t
}
