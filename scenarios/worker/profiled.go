package worker

import (
	"errors"
	"os"
	"strings"

	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/profile"
)

// mostStacks bounds what a result carries of a profile: some 200 bytes each. What is left are single samples.
const mostStacks = 4000

// profiling samples what this process does in a trial for evidence, what all CPUs do, or both.
type profiling struct {
	process, machine       sampling
	wantProcess, wantCPUs  bool
	peer                   int   // PID of the other side, whose part of what all CPUs do is told too; 0: none
	processWhy, machineWhy error // there are no samples
}

// sampling is several samplers that are started and stopped together.
type sampling []*kernel.Sampler

// openProfiling readies the samplers, before threads are started that are to be sampled: those inherit them. cpu is where this process is
// pinned to; -1: nowhere. Where only the CPUs are sampled, what this process does is told by their samples, and so is what the peer does, whose PID that is, unless
// it is 0. Where nothing was asked for it does nothing, and so do its methods.
func openProfiling(process, cpus bool, cpu, peer int) *profiling {
	p := &profiling{wantProcess: process, wantCPUs: cpus, peer: peer}
	if process {
		var pinned []int
		if cpu >= 0 {
			pinned = []int{cpu}
		}
		p.process, p.processWhy = kernel.SampleProcess(kernel.SamplePeriodNS, pinned...)
	}
	if cpus {
		p.machine, p.machineWhy = kernel.SampleCPUs(kernel.SamplePeriodNS)
	}
	return p
}

// start is called right before the span that is measured, and stop right after it.
func (p *profiling) start() {
	if p.machineWhy == nil {
		p.machineWhy = p.machine.start()
	}
	if p.processWhy == nil {
		p.processWhy = p.process.start()
	}
}

func (s sampling) start() error {
	for _, one := range s {
		if err := one.Start(); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the sampling and keeps what was seen.
func (p *profiling) stop() {
	if p.processWhy == nil {
		p.processWhy = p.process.pause()
	}
	if p.machineWhy == nil {
		p.machineWhy = p.machine.pause()
	}
}

func (s sampling) pause() error {
	for _, one := range s {
		if err := one.Pause(); err != nil {
			return err
		}
	}
	return nil
}

// tell names what was seen and puts it into a trial's result. It takes some 200 ms, long after the span.
func (p *profiling) tell(r *Result) {
	if !p.wantProcess && !p.wantCPUs {
		return
	}
	names, err := kernel.ReadKernelSymbols()
	hidden := ""
	if err != nil {
		hidden = err.Error()
	}
	program := kernel.ReadProgramSymbols()
	if p.wantProcess {
		seen, why := p.process.seen(p.processWhy)
		r.Side.Stages, r.Profile = tellSamples(seen, why, names, program, hidden)
	}
	if !p.wantCPUs {
		return
	}
	seen, why := p.machine.seen(p.machineWhy)
	of := func(which func(kernel.Samples) kernel.Samples) (*results.StageTimes, *profile.Profile) {
		var part []kernel.Samples
		for _, one := range seen {
			part = append(part, which(one))
		}
		return tellSamples(part, why, names, program, hidden)
	}
	process := func(pid int) func(kernel.Samples) kernel.Samples {
		return func(s kernel.Samples) kernel.Samples { return s.Of(pid) }
	}
	r.MachineStages, r.MachineProfile = of(kernel.Samples.OfCPU)
	if !p.wantProcess {
		r.Side.Stages, r.Profile = of(process(os.Getpid()))
	}
	if p.peer != 0 {
		r.PeerStages, r.PeerProfile = of(process(p.peer))
	}
}

// seen is what each of the samplers saw.
func (s sampling) seen(why error) (all []kernel.Samples, _ error) {
	if why != nil {
		return nil, why
	}
	for _, one := range s {
		seen, err := one.Stop()
		if err != nil {
			return nil, err
		}
		all = append(all, seen)
	}
	return all, nil
}

// tellSamples names what was seen, and tells it apart into stages.
func tellSamples(seen []kernel.Samples, why error, names *kernel.KernelSymbols, program *kernel.ProgramSymbols, hidden string) (*results.StageTimes, *profile.Profile) {
	var all *profile.Profile
	for _, one := range seen {
		if one.Kernel.State != kernel.StateAvailable {
			hidden = one.Kernel.Reason
		}
		named := profile.FromSamples(one, names, program)
		if all == nil {
			all = named
			continue
		}
		if why == nil {
			why = all.Merge(named)
		}
	}
	switch {
	case why != nil:
		return results.NotSampled("%v", why), nil
	case all == nil:
		return results.NotSampled("there is no CPU to sample"), nil
	}
	times := results.TimeStages(all, hidden, readsSamples)
	all.Truncate(mostStacks)
	return times, all
}

// readsSamples tells the stacks of the goroutines that empty the samplers' rings.
func readsSamples(s profile.Stack) bool {
	for _, name := range s.User {
		if strings.Contains(name, "internal/kernel.(*Sampler)") {
			return true
		}
	}
	return false
}

func (p *profiling) close() error {
	var errs []error
	for _, s := range append(p.process, p.machine...) {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
