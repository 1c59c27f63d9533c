package worker

import (
	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/measured"
)

// syscallCounting has the kernel count what system calls this process makes in a trial for evidence.
type syscallCounting struct {
	wanted  bool
	counter *kernel.SyscallCounter
	why     error // nothing is counted
}

// openSyscallCounting readies the counters, before threads are started that are to be counted: those inherit them. Where nothing was asked for it does
// nothing, and so do its methods.
func openSyscallCounting(wanted bool) *syscallCounting {
	s := &syscallCounting{wanted: wanted}
	if wanted {
		s.counter, s.why = kernel.OpenSyscallCounter()
	}
	return s
}

// start and stop are the innermost of what is done around the span, so that no call of the other instruments is counted.
func (s *syscallCounting) start() {
	if s.counter != nil {
		s.why = s.counter.Start()
	}
}

func (s *syscallCounting) stop() {
	if s.counter != nil && s.why == nil {
		s.why = s.counter.Stop()
	}
}

// tell is what was counted; nil where nothing was asked for. around are those of copylab itself.
func (s *syscallCounting) tell(around map[string]int64) *results.SyscallCounts {
	if !s.wanted {
		return nil
	}
	var counts kernel.SyscallCounts
	if s.why == nil {
		counts, s.why = s.counter.Counts()
	}
	if s.why != nil {
		return results.NotCounted("%v", s.why)
	}
	return &results.SyscallCounts{Total: measured.Known(counts.Total), ByName: counts.ByName, Around: around}
}

func (s *syscallCounting) close() error {
	if s.counter == nil {
		return nil
	}
	return s.counter.Close()
}
