package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"copylab/results/host"
	"copylab/scenarios"
)

const (
	// askFrom is how many bytes a run may write by plan without being asked about. It wears no disk noticeably.
	askFrom = 8 << 30
	// tellFrom is from how many on they are told anyway.
	tellFrom = 1 << 30
)

// consent asks the user before a run writes a lot, as far as that can be known beforehand. It is called before anything is made.
func (o *runOptions) consent(c *cobra.Command, s *scenarios.Scenario) error {
	bytes := s.WriteEstimate() + scenarios.PreconditionWrites(o.preconditionArea)
	if bytes <= tellFrom {
		return nil
	}
	if err := scenarios.CheckFolder(o.dir); err != nil {
		return usage(err)
	}
	told := fmt.Sprintf("%s will write about %s to %s", s.ID, host.HumanBytes(bytes), filepath.Clean(o.dir))
	if disk, err := host.DiskUnder(o.dir); err == nil && disk.Device != "" {
		told += fmt.Sprintf(" (device %s)", disk.Device)
	}
	asks := bytes > askFrom && !o.yes
	switch {
	case asks && terminal(c.InOrStdin()) && terminal(c.ErrOrStderr()):
		return ask(c.Context(), c.InOrStdin(), c.ErrOrStderr(), told)
	case asks:
		return usage(fmt.Errorf("%s, and nobody is there to be asked: add --yes to consent, or choose smaller files", told))
	case !o.quiet:
		fmt.Fprintln(c.ErrOrStderr(), told)
	}
	return nil
}

// ask puts a question and waits for one line. All but a yes is a no, and so is the end of the input.
func ask(ctx context.Context, in io.Reader, out io.Writer, told string) error {
	fmt.Fprintf(out, "%s. Go on? [y/N] ", told)
	answer := make(chan string, 1)
	go func() { // a read from a terminal can't be interrupted; the process ends soon where it is
		line, _ := bufio.NewReader(in).ReadString('\n') // what was read counts
		answer <- line
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(out)
		return codeError{exitInterrupted, errors.New("interrupted before anything was measured")}
	case line := <-answer:
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return nil
		}
		return usage(errors.New("not consented to: nothing was written"))
	}
}
