package results

import (
	"fmt"
	"maps"
	"slices"

	"copylab/results/measured"
	"copylab/results/stats"
)

// SyscallCounts are the system calls of a side's process in a trial for evidence, each one, as the kernel's tracepoint
// raw_syscalls:sys_enter counted them.
type SyscallCounts struct {
	Total  measured.Int     `json:"total"`             // calls of any name, by all threads; or why none were counted
	ByName map[string]int64 `json:"by_name,omitempty"` // those that have a name here
	// Around are those among them by which copylab talks with the other side: the receiver's confirmation, the requests of a fetch. No path's own
	// count has them.
	Around map[string]int64 `json:"around,omitempty"`
}

// NotCounted stands where the kernel counted no system calls, with the reason in the manner of fmt.Sprintf.
func NotCounted(format string, args ...any) *SyscallCounts {
	return &SyscallCounts{Total: measured.Unavailable[int64](format, args...)}
}

// beside is what was counted without the calls around.
func (c *SyscallCounts) beside() (byName map[string]int64, others, total int64) {
	total, _ = c.Total.Get()
	byName, others = maps.Clone(c.ByName), total
	for _, n := range c.ByName {
		others -= n
	}
	for name, n := range c.Around {
		total -= n
		if byName[name] -= n; byName[name] == 0 {
			delete(byName, name)
		}
	}
	maps.DeleteFunc(byName, func(_ string, n int64) bool { return n == 0 }) // watched for, and not called
	return byName, others, total
}

// Who counted a side's system calls.
const (
	// FromTracepoints is the kernel, in a trial of its own: every call of the process.
	FromTracepoints = "tracepoints"
	// FromPath is the path, the receiver or the write method, in the counted trials: the calls that it makes by design.
	FromPath = "the path's own count"
)

// tracedSyscalls is the trial in which the kernel counted a side's system calls. Without one, why says what would allow it.
func (d *caseData) tracedSyscalls(side string) (t Trial, why string) {
	why = "no trial was made in which the kernel counted"
	counted := false
	for _, pass := range d.passes {
		switch c := pass.Sides[side].Traced; {
		case c == nil:
		case c.Total.Why() != "":
			why = c.Total.Why()
		case pass.Operations > 0:
			t, counted = pass, true
		}
	}
	if counted {
		return t, ""
	}
	return t, why
}

// ownSyscalls fills in what the path counted itself: medians over the counted trials.
func (d *caseData) ownSyscalls(side string, e *SideEvidence) {
	e.SyscallsSource = "unavailable: the path can't count its own system calls"
	e.OtherSyscalls = measured.Unavailable[int64]("%s knows only its own", FromPath)
	names := map[string]bool{}
	for _, p := range d.points {
		for name := range p.Sides[side].Syscalls {
			names[name] = true
		}
	}
	crossings, why := collect(d.points, func(p point) measured.Float { return crossingsPerChunk(p.Trial, side) })
	if why != "" {
		e.CrossingsPerChunk = measured.Unavailable[float64]("%s", why)
	} else {
		e.CrossingsPerChunk = measured.Known(stats.Median(crossings))
	}
	if len(names) == 0 {
		return
	}
	e.SyscallsSource = FromPath
	e.Syscalls = map[string]int64{}
	for name := range names {
		counts := make([]int64, len(d.points))
		for i, p := range d.points {
			counts[i] = p.Sides[side].Syscalls[name]
		}
		e.Syscalls[name] = medianOfInts(counts)
	}
	sizes, _ := collect(d.points, func(p point) measured.Int { return measured.Known(p.Bytes) })
	e.SyscallsBytes = medianOfInts(sizes)
}

// syscalls fills in a side's system calls and crossings: what the kernel counted, or else the path itself.
func (d *caseData) syscalls(side string, e *SideEvidence) {
	d.ownSyscalls(side, e)
	t, why := d.tracedSyscalls(side)
	if why != "" {
		e.TracepointsUnavailable = why
		return
	}
	of := t.Sides[side]
	byName, others, total := of.Traced.beside()
	e.Syscalls, e.SyscallsSource, e.SyscallsBytes = byName, FromTracepoints, t.Bytes
	e.OtherSyscalls = measured.Known(others)
	if len(of.Syscalls) > 0 { // the Go runtime has no part in it
		total -= others
		for _, name := range runtimeCalls() {
			if _, own := of.Syscalls[name]; !own {
				total -= byName[name]
			}
		}
	}
	e.CrossingsPerChunk = measured.Known(2 * float64(total) / float64(t.Operations))
}

// runtimeCalls are those that the Go runtime makes beside whatever a program does: its monitor sleeps some hundred times a second, and a thread is started, or woken. Together
// with those that have no name here they are its share. What a path makes through Go's own scheduler is of this kind too, but such a path
// counts nothing itself.
func runtimeCalls() []string {
	return []string{"epoll_pwait", "futex", "madvise", "mmap", "munmap", "nanosleep"}
}

// fewApart is how many calls of a name the kernel may count more or less than the path before a warning says so: those right at the ends of the span, which
// another thread of the process may make.
const fewApart = 5

// syscallWarnings say where a path's own count is not what the kernel counted in the same trial.
func (d *caseData) syscallWarnings() []string {
	var out []string
	for _, side := range d.sides() {
		t, why := d.tracedSyscalls(side)
		if why != "" {
			continue
		}
		of := t.Sides[side]
		counted, _, _ := of.Traced.beside()
		for _, name := range slices.Sorted(maps.Keys(of.Syscalls)) {
			own, apart := of.Syscalls[name], counted[name]-of.Syscalls[name]
			if apart > 0 && slices.Contains(runtimeCalls(), name) {
				continue // the runtime's are among them
			}
			if apart < -fewApart || apart > fewApart {
				out = append(out, fmt.Sprintf("the kernel counted %d calls of %s by the %s in a trial for evidence, and the %s itself %d: they are not what it takes them for", counted[name], name, side, side, own))
			}
		}
	}
	return out
}
