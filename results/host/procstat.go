package host

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"copylab/results/measured"
)

// tick is the unit of /proc/stat: 1/USER_HZ seconds. USER_HZ is 100 on every architecture that Go runs on, whatever the
// kernel's own HZ (proc_stat(5); include/asm-generic/param.h).
const tick = 10 * time.Millisecond

// maxTicks bounds a reading: 300,000 years. More is no reading, and sums of less can't overflow.
const maxTicks = 1 << 50

// cpuTimes is a cpu line of /proc/stat, in ticks. The guest columns are left out: the kernel has counted guest time in
// user, and guest_nice in nice, already (kernel/sched/cputime.c, account_guest_time).
type cpuTimes struct {
	user, nice, system, idle, iowait, irq, softirq, steal uint64
}

func (t cpuTimes) total() uint64 {
	return t.user + t.nice + t.system + t.idle + t.iowait + t.irq + t.softirq + t.steal
}

// machineStat is what copylab reads of /proc/stat.
type machineStat struct {
	all      cpuTimes
	each     map[int]cpuTimes
	switches measured.Value[uint64]
}

// stat reads /proc/stat.
func (fs FS) stat() (machineStat, error) { return parseFile(fs.proc("stat"), parseStat) }

// parseStat parses /proc/stat (proc_stat(5)). Lines that copylab doesn't use are passed over.
func parseStat(r io.Reader) (machineStat, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return machineStat{}, err
	}
	s := machineStat{each: map[int]cpuTimes{}, switches: measured.Unavailable[uint64]("no ctxt line in /proc/stat")}
	found := false
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		if rest, ok := strings.CutPrefix(line, "ctxt "); ok {
			v, err := strconv.ParseUint(strings.TrimSpace(rest), 10, 64)
			if err != nil {
				return machineStat{}, fmt.Errorf("line %d: context switches: %w", n, err)
			}
			s.switches = measured.Known(v)
			continue
		}
		rest, ok := strings.CutPrefix(line, "cpu")
		if !ok {
			continue
		}
		name, values, ok := strings.Cut(rest, " ")
		if !ok {
			return machineStat{}, fmt.Errorf("line %d: a cpu line without times", n)
		}
		times, err := parseCPUTimes(values)
		if err != nil {
			return machineStat{}, fmt.Errorf("line %d: %w", n, err)
		}
		if name == "" {
			s.all, found = times, true
			continue
		}
		cpu, err := strconv.ParseUint(name, 10, 31)
		if err != nil {
			return machineStat{}, fmt.Errorf("line %d: number of the CPU: %w", n, err)
		}
		s.each[int(cpu)] = times
	}
	if !found {
		return machineStat{}, fmt.Errorf("no line for all CPUs")
	}
	return s, nil
}

func parseCPUTimes(text string) (cpuTimes, error) {
	var t cpuTimes
	fields := strings.Fields(text)
	into := []*uint64{&t.user, &t.nice, &t.system, &t.idle, &t.iowait, &t.irq, &t.softirq, &t.steal}
	if len(fields) < len(into) {
		return cpuTimes{}, fmt.Errorf("want at least %d times of a CPU, got %d", len(into), len(fields))
	}
	for i, p := range into {
		v, err := strconv.ParseUint(fields[i], 10, 64)
		if err != nil {
			return cpuTimes{}, fmt.Errorf("time %d of a CPU: %w", i+1, err)
		}
		if v > maxTicks {
			return cpuTimes{}, fmt.Errorf("time %d of a CPU is %d ticks, which is impossible", i+1, v)
		}
		*p = v
	}
	return t, nil
}

// grown is after − before of a counter, each step worth unit. A counter that ran backwards says nothing: it wrapped,
// was reset, or belongs to another device by now.
func grown(what string, before, after uint64, unit int64) measured.Int {
	if after < before {
		return measured.Unavailable[int64]("%s went back from %d to %d", what, before, after)
	}
	d := after - before
	if d > uint64((1<<63-1)/unit) {
		return measured.Unavailable[int64]("%s grew by %d, more than can be counted", what, d)
	}
	return measured.Known(int64(d) * unit)
}

// machineDelta is what happened between two readings of /proc/stat. Busy leaves out idle and iowait, when the CPU did
// nothing, and steal, when another guest of the hypervisor had it. Each component must have grown: a sum can hide
// that one of its parts ran backwards.
func machineDelta(before, after machineStat) MachineDelta {
	ns := int64(tick)
	b, a := before.all, after.all
	busy := sum(
		grown("user time", b.user, a.user, ns), grown("nice time", b.nice, a.nice, ns), grown("system time", b.system, a.system, ns),
		grown("interrupt time", b.irq, a.irq, ns), grown("soft interrupt time", b.softirq, a.softirq, ns))
	d := MachineDelta{
		BusyNS:       busy,
		SoftIRQNS:    grown("soft interrupt time", b.softirq, a.softirq, ns),
		IOWaitNS:     grown("iowait time", b.iowait, a.iowait, ns),
		StealNS:      grown("steal time", b.steal, a.steal, ns),
		ResolutionNS: ns,
	}
	d.TotalNS = sum(busy, grown("idle time", b.idle, a.idle, ns), d.IOWaitNS, d.StealNS)
	first, ok1 := before.switches.Get()
	last, ok2 := after.switches.Get()
	switch {
	case !ok1:
		d.Switches = measured.Unavailable[int64]("%s", before.switches.Why())
	case !ok2:
		d.Switches = measured.Unavailable[int64]("%s", after.switches.Why())
	default:
		d.Switches = grown("the count of context switches", first, last, 1)
	}
	return d
}

// sum adds readings; one that could not be had makes the sum unavailable for the same reason.
func sum(parts ...measured.Int) measured.Int {
	var total int64
	for _, p := range parts {
		n, ok := p.Get()
		if !ok {
			return p
		}
		if n > 1<<63-1-total {
			return measured.Unavailable[int64]("the sum is more than can be counted")
		}
		total += n
	}
	return measured.Known(total)
}

// cpuBusy is how long one CPU was busy between two readings of /proc/stat.
func cpuBusy(before, after machineStat, cpu int) measured.Int {
	b, ok1 := before.each[cpu]
	a, ok2 := after.each[cpu]
	if !ok1 || !ok2 {
		return measured.Unavailable[int64]("/proc/stat has no CPU %d: it is offline or does not exist", cpu)
	}
	d := machineDelta(machineStat{all: b}, machineStat{all: a})
	return d.BusyNS
}
