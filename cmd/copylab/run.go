package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"copylab/report"
	"copylab/results"
	"copylab/results/host"
	"copylab/scenarios"
	"copylab/scenarios/sink"
)

type runOptions struct {
	dir     string
	out     string
	to      string
	secret  string
	effort  string
	set     []string
	seed    uint64
	noColor bool
	quiet   bool
	plain   bool
	yes     bool

	precondition     string
	preconditionArea int64 // bytes; 0: none
}

func newRun() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run [SCENARIO | FILE.yaml]...",
		Short: "Measure, and write a report",
		Long: `Runs scenarios one after another: those that ship (copylab list scenarios) or YAML files of your own.
Without an argument it runs the tour: the read/write loop against sendfile, and random writes against appends.`,
		Example: `  copylab run
  copylab run sendfile-vs-read-write --effort quick
  copylab run chunk-sizes --set transfer.chunk=4KiB,64KiB --dir /mnt/disk`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"tour"}
			}
			boundMemory()
			return o.run(c, args)
		},
	}
	f := c.Flags()
	f.StringVar(&o.dir, "dir", ".", "where test files live, hence which disk is measured")
	f.StringVar(&o.out, "out", "", "where the run goes (default: runs/<UTC time>-<scenario>)")
	f.StringVar(&o.to, "to", "", "HOST:PORT: send to a copylab sink there")
	f.StringVar(&o.secret, "secret-file", "", "file with the secret shared with the sink (or the environment variable "+sink.SecretVariable+")")
	f.StringVar(&o.effort, "effort", "normal", "quick, normal or thorough: ratios to 10 %, 3 % or 1 %")
	f.StringArrayVar(&o.set, "set", nil, "KEY=VALUE: override one scenario field, e.g. transfer.chunk=4KiB,64KiB")
	f.Uint64Var(&o.seed, "seed", 1, "decides the order of trials, the payload and random offsets")
	f.BoolVar(&o.noColor, "no-color", false, "no colours")
	f.BoolVar(&o.quiet, "quiet", false, "print only the folder of the run, and errors")
	f.BoolVar(&o.yes, "yes", false, "don't ask before a run that writes more than "+scenarios.FormatSize(askFrom))
	f.StringVar(&o.precondition, "precondition", "", "SIZE: first write an area of that size three times over, so that an SSD is no longer like new")
	f.BoolVar(&o.plain, "plain", false, "no progress bar (automatic when standard output is not a terminal)")
	return c
}

// run runs every scenario, after all of them were found to be in order.
func (o *runOptions) run(c *cobra.Command, names []string) error {
	if o.to == "" && o.secret != "" {
		return usage(errors.New("--secret-file: the secret is for a sink: name one with --to HOST:PORT"))
	}
	effort, err := scenarios.ParseEffort(o.effort)
	if err != nil {
		return usage(err)
	}
	if c.Flags().Changed("precondition") {
		if o.preconditionArea, err = scenarios.ParsePrecondition(o.precondition); err != nil {
			return usage(err)
		}
	}
	var todo []*scenarios.Scenario
	for _, name := range names {
		s, err := o.load(name, effort)
		if err != nil {
			return usage(err)
		}
		todo = append(todo, s)
	}
	for _, s := range todo {
		if err := o.consent(c, s); err != nil {
			return err
		}
	}
	to, err := o.dial(c)
	if err != nil {
		return err
	}
	if to != nil {
		defer to.Close()
	}
	for _, s := range todo {
		out := o.out
		if out != "" && len(todo) > 1 {
			out = filepath.Join(out, s.ID)
		}
		if err := o.one(c, s, to, effort, out); err != nil {
			return err
		}
	}
	return nil
}

func (o *runOptions) load(name string, effort scenarios.Effort) (*scenarios.Scenario, error) {
	s, err := scenarios.Load(name)
	if err != nil {
		return nil, err
	}
	set := o.set
	if o.to != "" {
		if !s.Sends() {
			return nil, fmt.Errorf("--to: scenario %s sends nothing: leave --to out", s.ID)
		}
		if !slices.ContainsFunc(set, func(assignment string) bool { return strings.HasPrefix(assignment, "transfer.link=") }) {
			set = append(slices.Clone(set), "transfer.link="+scenarios.LinkRemote)
		}
	}
	if err := s.Set(set); err != nil {
		return nil, err
	}
	if o.preconditionArea > 0 && !s.Writes() {
		return nil, fmt.Errorf("--precondition: scenario %s writes to no disk: leave --precondition out", s.ID)
	}
	if err := s.SetEffort(effort); err != nil {
		return nil, err
	}
	return s, o.fit(s)
}

// fit gives sizes that depend on the machine their real values.
func (o *runOptions) fit(s *scenarios.Scenario) error {
	if !s.Sized() {
		return nil
	}
	limit := host.Collect(o.dir).Memory.DirtyLimitBytes
	bytes, ok := limit.Get()
	if err := s.Fit(scenarios.Limits{DirtyBytes: bytes}); err != nil && !ok {
		return fmt.Errorf("%w (%s)", err, limit.Why())
	} else if err != nil {
		return err
	}
	return nil
}

// dial begins a session with the sink that --to names; nil where it names none. The scenarios of one command share it.
func (o *runOptions) dial(c *cobra.Command) (*sink.Session, error) {
	if o.to == "" {
		return nil, nil
	}
	secret, err := sink.ReadSecret(o.secret)
	if err != nil {
		return nil, usage(err)
	}
	session, err := sink.Dial(c.Context(), o.to, secret, tool())
	wrong := (*sink.UsageError)(nil)
	switch {
	case err != nil && c.Context().Err() != nil:
		return nil, codeError{exitInterrupted, errors.New("interrupted before anything was measured")}
	case errors.As(err, &wrong):
		return nil, usage(err)
	}
	return session, err
}

// one runs one scenario into one folder.
func (o *runOptions) one(c *cobra.Command, s *scenarios.Scenario, to *sink.Session, effort scenarios.Effort, out string) (err error) {
	started := time.Now()
	if err := scenarios.CheckFolder(o.dir); err != nil {
		return usage(err)
	}
	if out == "" {
		out = freeFolder(filepath.Join("runs", scenarios.RunID(started, s.ID)))
	}
	record, made, err := createRecord(out)
	if err != nil {
		return usage(err)
	}
	defer func() { err = errors.Join(err, record.Close()) }()

	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find copylab's own program, to start workers: %w", err)
	}
	show := newProgress(c, o, s)
	execution := &scenarios.Execution{
		Scenario: s, Dir: o.dir, Worker: []string{program, "worker"}, Cleaner: []string{program, "clean", "--dir", o.dir}, Effort: effort, Seed: o.seed, Tool: tool(), Args: os.Args[1:], Sink: to, Precondition: o.preconditionArea,
		Profiles: filepath.Join(out, results.ProfileFolder),
		Progress: show.event, Note: show.note,
	}
	outcome, err := execution.Run(c.Context(), results.NewWriter(record), started)
	show.done()
	if outcome.End.Type == "" {
		return errors.Join(failure(err), removeMade(made))
	}
	rendered := o.render(c, out)
	switch {
	case outcome.End.Reason == results.StopInterrupted, c.Context().Err() != nil: // also while the report was rendered
		fmt.Fprintf(c.ErrOrStderr(), "copylab: interrupted; what was measured until then is in %s\n", out)
		return codeError{exitInterrupted, errors.Join(err, rendered)}
	case errors.Join(err, rendered) != nil:
		return errors.Join(err, rendered)
	case outcome.Failed > 0:
		return fmt.Errorf("%s failed: the report in %s says which and why", trials(outcome.Failed), out)
	case outcome.End.Reason == results.StopFailed:
		return fmt.Errorf("nothing was measured: %s (%s says why for each case)", outcome.End.Detail, filepath.Join(out, "report.md"))
	}
	return nil
}

// failure gives an error its exit code: what the user can mend on the command line or in the scenario is wrong usage.
func failure(err error) error {
	var folder *scenarios.FolderError
	var bad *scenarios.UsageError
	switch {
	case errors.As(err, &folder), errors.As(err, &bad):
		return usage(err)
	case errors.Is(err, context.Canceled):
		return codeError{exitInterrupted, errors.New("interrupted before anything was measured")}
	}
	return err
}

// render writes the run's folder and prints its table.
func (o *runOptions) render(c *cobra.Command, folder string) error {
	summary, err := results.Load(folder)
	if err != nil {
		return err
	}
	if err := report.WriteFolder(folder, summary); err != nil {
		return err
	}
	out := c.OutOrStdout()
	if o.quiet {
		_, err := fmt.Fprintln(out, folder)
		return err
	}
	if err := report.Write(out, summary, "table", report.Options{Color: !o.noColor && colorful(out), Width: width(out)}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nThe report is %s\n", filepath.Join(folder, "report.html"))
	return err
}

// freeFolder is the folder, or the first of folder-2, folder-3, … that does not exist: runs may start within one second.
func freeFolder(folder string) string {
	free := folder
	for n := 2; n < 1000; n++ {
		if _, err := os.Lstat(free); errors.Is(err, fs.ErrNotExist) {
			break
		}
		free = fmt.Sprintf("%s-%d", folder, n)
	}
	return free
}

func trials(n int) string {
	if n == 1 {
		return "1 trial"
	}
	return fmt.Sprintf("%d trials", n)
}

// createRecord makes a run's folder and its empty record, and lists what it made, the innermost first. It never writes
// into a run that is already there.
func createRecord(folder string) (record *os.File, made []string, err error) {
	if entries, err := os.ReadDir(folder); err == nil && len(entries) > 0 {
		return nil, nil, fmt.Errorf("make folder %s for the run: it is not empty: name another with --out", folder)
	}
	for dir := filepath.Clean(folder); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, dir)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, nil, fmt.Errorf("make folder for the run: %w: name another with --out", err)
	}
	name := filepath.Join(folder, results.RecordFile)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("make record of the run: %w: name another folder with --out", err)
	}
	return f, append([]string{name}, made...), nil
}

// removeMade removes what createRecord made for a run that never began. A folder that something else was put into
// meanwhile stays.
func removeMade(made []string) error {
	for i, name := range made {
		err := os.Remove(name)
		switch {
		case i > 0 && notEmpty(name):
			return nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("remove the folder of a run that never began: %w", err)
		}
	}
	return nil
}

func notEmpty(folder string) bool {
	entries, err := os.ReadDir(folder)
	return err == nil && len(entries) > 0
}
