package worker

import (
	"errors"
	"strings"

	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/profile"
)

// mostStacks bounds what a result carries of a profile: some 200 bytes each. What is left are single samples.
const mostStacks = 4000

// profiling samples what this process does in a trial for evidence, and where asked and allowed, what all CPUs do.
type profiling struct {
	process, machine       sampling
	wantProcess, wantCPUs  bool
	processWhy, machineWhy error // there are no samples
}

// sampling is several samplers that are started and stopped together.
type sampling []*kernel.Sampler

// openProfiling readies the samplers, before threads are started that are to be sampled: those inherit them. cpu is where this process is
// pinned to; -1: nowhere. Where nothing was asked for it does nothing, and so do its methods.
func openProfiling(process, cpus bool, cpu int) *profiling {
	p := &profiling{wantProcess: process, wantCPUs: cpus}
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
		r.Side.Stages, r.Profile = p.process.tell(false, p.processWhy, names, program, hidden)
	}
	if p.wantCPUs {
		r.MachineStages, r.MachineProfile = p.machine.tell(true, p.machineWhy, names, program, hidden)
	}
}

func (s sampling) tell(ofCPUs bool, why error, names *kernel.KernelSymbols, program *kernel.ProgramSymbols, hidden string) (*results.StageTimes, *profile.Profile) {
	var all *profile.Profile
	for _, one := range s {
		if why != nil {
			break
		}
		var seen kernel.Samples
		if seen, why = one.Stop(); why != nil {
			break
		}
		if ofCPUs { // which are not sampled everywhere while they are idle, as their clocks go on
			seen.ClockNS = seen.Total * seen.PeriodNS
		}
		if seen.Kernel.State != kernel.StateAvailable {
			hidden = seen.Kernel.Reason
		}
		named := profile.FromSamples(seen, names, program)
		if all == nil {
			all = named
			continue
		}
		why = all.Merge(named)
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
