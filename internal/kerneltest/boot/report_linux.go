package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"copylab/internal/kerneltest"
)

// report says what was found, and returns an error where that is a failure.
func report(w io.Writer, s seen) error {
	j := kerneltest.Judge(s.hello, s.results)
	j.Failures = append(j.Failures, s.trouble...)
	fmt.Fprintf(w, "\nLinux %s\nkernel TLS: tcp_available_ulp is %q\n", s.hello.Kernel, s.hello.ULPs)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range []struct {
		title string
		items []kerneltest.Checked
	}{{"path", j.Paths}, {"receiver", j.Receivers}, {"link", j.Links}, {"write method", j.Methods}} {
		fmt.Fprintf(t, "\n%s\tstatus\ttests\trun\treason\n", g.title)
		for _, c := range g.items {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", c.Name(), c.Status, counts(c), c.Run, c.Reason)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(j.Skips) > 0 {
		fmt.Fprintln(w, "\nnot run there:")
		for _, skip := range j.Skips {
			fmt.Fprintf(w, "  %s: %s\n", skip.Test, skip.Why)
		}
	}
	for _, slow := range j.Slow {
		fmt.Fprintf(w, "slow: %s, %.0f s\n", slow.Name, slow.Seconds)
	}
	if len(j.Failures) == 0 {
		fmt.Fprintf(w, "\nok: %d tests passed, and every path that this kernel offers was verified\n", j.Tests)
		return nil
	}
	for _, r := range s.results {
		if !r.OK() {
			fmt.Fprintf(w, "\nthe end of what %s printed:\n%s\n%s\n", r.Step, end(r.Output), end(r.Errors))
		}
	}
	fmt.Fprintln(w, "\nfailed:")
	for _, f := range j.Failures {
		fmt.Fprintf(w, "  %s\n", f)
	}
	return fmt.Errorf("%d things failed on Linux %s", len(j.Failures), s.hello.Kernel)
}

func counts(c kerneltest.Checked) string {
	var parts []string
	for _, n := range []struct {
		count int
		word  string
	}{{c.Passed, "passed"}, {c.Skipped, "skipped"}, {c.Failed, "failed"}} {
		if n.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.count, n.word))
		}
	}
	return strings.Join(parts, ", ")
}

// end is the last lines of what a command printed.
func end(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// commandReport shows what a command printed that was asked for.
func commandReport(w io.Writer, s seen) error {
	fmt.Fprintf(w, "\nLinux %s\n", s.hello.Kernel)
	for _, t := range s.trouble {
		fmt.Fprintln(w, "trouble:", t)
	}
	for _, r := range s.results {
		fmt.Fprintf(w, "%s%s", r.Output, r.Errors)
		if !r.OK() {
			return fmt.Errorf("%s: exit status %d %s", r.Step, r.Exit, r.Error)
		}
	}
	return nil
}
