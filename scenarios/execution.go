package scenarios

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/host"
	"copylab/results/measured"
	"copylab/scenarios/links"
	"copylab/scenarios/sink"
	"copylab/scenarios/worker"
)

// Execution is one run from beginning to end: look at the machine, make the test files, measure, write the record, and
// remove the files again.
type Execution struct {
	Scenario *Scenario
	// Dir is where the test files go, hence which disk is measured.
	Dir string
	// Worker is the command that starts a worker process.
	Worker []string
	Effort Effort
	Seed   uint64
	// Cleaner is the command that removes from Dir what killed runs left there: copylab's own. It is used where this process had better not wait for
	// the disk. It may be empty.
	Cleaner []string
	Tool    results.Tool
	Args    []string
	// Precondition is the size of an area that is written over before anything is measured: see ParsePrecondition. 0: none.
	Precondition int64
	// Profiles is the folder for the stacks that are sampled in the trials for evidence, which is made if need be; empty: they are not kept.
	Profiles string
	// Sink is a session with a sink on another host, for the remote link; nil: there is none.
	Sink     *sink.Session
	Progress func(Event)
	// Note tells the user something before the first trial: what is being prepared, what was cleaned up.
	Note func(string)
}

// Outcome is how a run ended.
type Outcome struct {
	End    results.End
	Failed int // trials
}

// RunID is the identifier of a run that starts at that time: <UTC time>-<scenario>.
func RunID(started time.Time, scenario string) string {
	return started.UTC().Format("20060102T150405Z") + "-" + scenario
}

// Run executes, and appends to the record. The record has an end whenever it has a beginning, also where the error is not
// nil or ctx was cancelled; the test files are gone in every case.
func (e *Execution) Run(ctx context.Context, record *results.Writer, started time.Time) (out Outcome, err error) {
	began := time.Now()
	id := RunID(started, e.Scenario.ID)
	if err := CheckFolder(e.Dir); err != nil {
		return out, err
	}
	left, err := RemoveLeftovers(e.Dir)
	if err != nil {
		e.note(err.Error())
	}
	for _, l := range left {
		e.note(fmt.Sprintf("removed %s (%s), left behind by a run that was killed", l.Dir, FormatSize(l.Bytes)))
	}
	scratch, err := NewScratch(e.Dir, id)
	if err != nil {
		return out, err
	}
	launcher := &worker.Launcher{Command: e.Worker, Run: id}
	defer func() { err = errors.Join(err, e.tidy(launcher, scratch)) }()

	machine := host.Collect(scratch.Dir)
	machine.Disk.Folder = e.Dir
	if err := e.checkAlignment(machine.Disk); err != nil {
		return out, err
	}
	processes := &Processes{
		Launcher: launcher, Scratch: scratch, Disk: machine.Disk, Seed: e.Seed,
		ReceiveBuffer: e.Scenario.ReceiveBuffer, SenderCPU: -1, ReceiverCPU: -1,
	}
	if cpus := host.PickCPUs(2); len(cpus) > 0 {
		processes.SenderCPU, processes.ReceiverCPU = cpus[0], cpus[len(cpus)-1]
	}
	processes.Timeline = e.timeline
	processes.CacheBytes, _ = machine.CPU.LastLevelSize.Get()
	run := e.run(id, started, machine)
	processes.MemoryCopy = slices.ContainsFunc(run.Cases, func(c results.Case) bool { return c.Kind == results.Write })
	if e.Sink != nil {
		peer := e.Sink.Host()
		processes.Sink, run.Peer = e.Sink, &peer
		run.Links = append(run.Links, remoteLink(e.Sink))
	}
	if e.Profiles != "" {
		processes.KeepProfile = newProfileFolder(e.Profiles, run.Cases).keep
	}
	for i, c := range run.Cases {
		run.Cases[i].Unavailable = processes.Availability(c)
	}
	up, err := openLinks(ctx, run.Cases)
	defer func() { err = errors.Join(err, up.close()) }()
	if err != nil {
		return out, err
	}
	processes.Links, run.Links = up.links, append(run.Links, up.facts...)
	wear, err := host.OpenCounters(machine.Disk.Device)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, wear.Close()) }()
	wear.Before()
	// The checks that can refuse the whole run come before the first byte of the record and of the test files.
	if run.Precondition, err = e.wearIn(ctx, scratch, machine.Disk, run.Cases); err != nil {
		return out, err
	}
	e.note(fmt.Sprintf("making test files in %s", filepath.Clean(e.Dir)))
	if err := processes.Prepare(ctx, run.Cases); err != nil && ctx.Err() == nil {
		return out, err
	}
	if err := record.WriteRun(run); err != nil {
		return out, err
	}
	runner := &Runner{
		Executor: processes, Record: record, Progress: e.Progress, Now: time.Now,
		Measure: e.Scenario.Measure, Seed: e.Seed, Precision: e.Scenario.Measure.Precision, Reference: e.Scenario.LoadReference, Modelled: e.Scenario.Modelled,
		Syscalls: processes.SyscallCounts().State == kernel.StateAvailable, CPUs: kernel.ProbeSampling().CPU.State == kernel.StateAvailable,
	}
	if run.Precondition != nil { // the budget is for measuring
		began = began.Add(time.Duration(run.Precondition.DurationNS))
	}
	out.End, err = runner.Run(ctx, run, began)
	out.Failed = runner.Failed()
	out.End.Device = worn(wear, machine.Disk)
	return out, errors.Join(err, record.WriteEnd(out.End))
}

// tidy removes the test files, and tells of workers that could not be ended.
func (e *Execution) tidy(launcher *worker.Launcher, scratch *Scratch) error {
	stuck := launcher.Stuck()
	for _, s := range stuck {
		e.note(s.Error())
	}
	if len(stuck) == 0 {
		return scratch.Remove()
	}
	return e.leaveToCleaner(scratch)
}

// cleanerPatience is how long the removal of the test files may take on a disk that did not answer before.
const cleanerPatience = 2 * time.Second

// leaveToCleaner has another process remove the test files. On a disk that does not answer, it would wait inside the kernel, and so would this one:
// neither Ctrl-C nor the end of the program would get past that. The other one goes on by itself and ends its work when the disk answers.
func (e *Execution) leaveToCleaner(scratch *Scratch) error {
	err := scratch.Abandon()
	if len(e.Cleaner) == 0 {
		return errors.Join(err, fmt.Errorf("remove test files: left out, since the disk does not answer: %s stays; once it answers, this removes it: copylab clean --dir %s", scratch.Dir, e.Dir))
	}
	cleaner := exec.Command(e.Cleaner[0], e.Cleaner[1:]...)
	if serr := cleaner.Start(); serr != nil {
		return errors.Join(err, fmt.Errorf("remove test files: start %s: %w: %s stays; this removes it: copylab clean --dir %s", e.Cleaner[0], serr, scratch.Dir, e.Dir))
	}
	done := make(chan error, 1)
	go func() { done <- cleaner.Wait() }()
	select {
	case cerr := <-done:
		if cerr != nil {
			return errors.Join(err, fmt.Errorf("remove test files: %w: %s stays; this removes it: copylab clean --dir %s", cerr, scratch.Dir, e.Dir))
		}
		return err
	case <-time.After(cleanerPatience):
		return errors.Join(err, fmt.Errorf("remove test files: the disk does not answer: %s stays until it does; process %d waits for that and then removes it. If it can't, this does: copylab clean --dir %s",
			scratch.Dir, cleaner.Process.Pid, e.Dir))
	}
}

func (e *Execution) note(text string) {
	if e.Note != nil {
		e.Note(text)
	}
}

func (e *Execution) run(id string, started time.Time, machine host.Host) results.Run {
	return results.Run{
		Type: "run", Schema: results.Schema, ID: id, Started: started.UTC(), Effort: string(e.Effort), Seed: e.Seed, Args: e.Args,
		Tool: e.Tool, Host: machine, Scenario: e.Scenario.Results(), Cases: e.Scenario.Cases(),
	}
}

// longWrite is how long a write's trial must be meant to take to have a timeline: with ten points a second, a shorter one would tell little.
const longWrite = 2 * time.Second

// timeline tells whether the trials of a write are long.
func (e *Execution) timeline(c results.Case) bool {
	return c.Kind == results.Write && !isNull(c) && (e.Scenario.Measure.Time >= longWrite || c.Params.Amount == AmountFile)
}

// checkAlignment refuses blocks that O_DIRECT would refuse on this disk, before anything is written.
func (e *Execution) checkAlignment(d host.Disk) error {
	offset, ok := d.DirectOffsetAlign.Get()
	if !ok {
		return nil // the methods' own probes will tell
	}
	memory, ok := d.DirectMemAlign.Get()
	if !ok {
		return nil
	}
	return e.Scenario.CheckAlignment(offset, memory)
}

// remoteLink is what is known of the way to a sink: what the cards at both ends say. What lies between them, nobody here knows.
func remoteLink(to *sink.Session) results.Link {
	l := results.Link{Kind: LinkRemote, Receiver: to.NIC()}
	l.Sender = sendingNIC(to.Address())
	here, ok := l.Sender.SpeedGbits.Get()
	if !ok {
		l.RateGbits = measured.Unavailable[float64]("the speed of this host's network card is not known: %s", l.Sender.SpeedGbits.Why())
		return l
	}
	there, ok := l.Receiver.SpeedGbits.Get()
	if !ok {
		l.RateGbits = measured.Unavailable[float64]("the speed of the sink's network card is not known: %s", l.Receiver.SpeedGbits.Why())
		return l
	}
	l.RateGbits = measured.Known(min(here, there))
	return l
}

// sendingNIC is the network card through which an address and port are reached.
func sendingNIC(address string) host.NIC {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return host.NoNIC(fmt.Errorf("look for the way to the sink: %w", err))
	}
	nic, err := host.NICOf(to.Addr())
	if err != nil {
		return host.NoNIC(err)
	}
	return nic
}

// linksUp are the links of a run.
type linksUp struct {
	links map[string]*links.Link
	facts []results.Link
}

// openLinks makes the links that the cases need; a remote one is the sink's. A link that can't be made leaves its cases unavailable,
// with the reason. One that is not made because the run was interrupted does too: the record then says that it was.
func openLinks(ctx context.Context, cases []results.Case) (up linksUp, err error) {
	up.links = map[string]*links.Link{}
	failed := map[string]string{}
	for i, c := range cases {
		name := linkOf(c.Params)
		if c.Kind != results.Transfer || c.Unavailable != "" || c.Params.Link == LinkRemote || isNull(c) || up.links[name] != nil {
			continue
		}
		if why, known := failed[name]; known {
			cases[i].Unavailable = why
			continue
		}
		spec, err := links.Parse(name)
		if err != nil {
			return up, err
		}
		l, err := links.Open(ctx, spec)
		if err != nil {
			failed[name] = err.Error()
			cases[i].Unavailable = err.Error()
			continue
		}
		up.links[name] = l
		up.facts = append(up.facts, l.Facts())
	}
	return up, nil
}

func (u linksUp) close() error {
	var errs []error
	for _, l := range u.links {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// Clean removes what killed runs left in dir: test files, and workers that lost their command.
func Clean(dir string) (folders []Leftover, workers []int, err error) {
	if err := CheckFolder(dir); err != nil {
		return nil, nil, err
	}
	folders, err = RemoveLeftovers(dir)
	workers, werr := worker.KillOrphans()
	return folders, workers, errors.Join(err, werr)
}
