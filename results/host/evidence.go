package host

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"copylab/internal/kernel"
)

// probes ask the kernel what this process may use as evidence. Tests have answers of their own.
type probes struct {
	sampling                                                func() kernel.SamplingStatus
	syscalls, block, hardware, memory, interfaces, zeroCopy func() kernel.Status
}

func (fs FS) probes() probes {
	return probes{
		sampling: kernel.ProbeSampling, syscalls: kernel.ProbeSyscallCounts, block: kernel.ProbeBlockTrace, hardware: probeHardware,
		memory: kernel.ProbeMemoryTraffic, interfaces: fs.probeInterfaces, zeroCopy: probeZeroCopy,
	}
}

// evidence checks each thing that a run's evidence can hold beside times and rates.
func (c *checkup) evidence() []Check {
	s := c.ask.sampling()
	return []Check{
		c.checkOwnSamples(s), c.checkKernelSamples(s), c.checkCPUSamples(s), c.checkSymbols(s), c.checkSyscalls(), c.checkBlockTrace(), c.checkSwitches(),
		c.checkHardware(), c.checkMemoryTraffic(), c.checkCachestat(), c.checkDeviceCounters(), c.checkInterfaces(), c.checkZeroCopy(),
	}
}

// Commands that allow evidence. The capabilities are those of a copy of the program that is not on a filesystem mounted with nosuid; with them it needs no
// sysctl, and nobody else is allowed anything.
const (
	setCapabilities = "sudo setcap cap_perfmon,cap_syslog+ep $(command -v copylab)"
	// The files of tracepoints are readable by their owner and group only, whatever the mode of the folder.
	openTracefs  = "sudo mount -o remount,mode=755,gid=$(id -g) /sys/kernel/tracing"
	mountTracefs = "sudo mount -t tracefs -o mode=755,gid=$(id -g) tracefs /sys/kernel/tracing"
)

// or lists commands of which one is enough.
func or(commands ...string) string { return strings.Join(commands, ", or: ") }

func paranoid(level int) string {
	return fmt.Sprintf("sudo sysctl kernel.perf_event_paranoid=%d", level)
}

// inContainer adds what a container has to be started with. Its own kernel settings are the host's.
func (c *checkup) inContainer(remedy string, capabilities ...string) string {
	what, err := c.fs.container()
	if err != nil || what == "" {
		return remedy
	}
	return or(remedy, "start the container with --cap-add "+strings.Join(capabilities, " --cap-add "))
}

// refused is a check of what the kernel does not allow, or can't tell.
func refused(id, title string, s kernel.Status, missing, remedy string) Check {
	if runtime.GOOS != "linux" || s.State == kernel.StateUnknown {
		return unknown(id, title, "%s", s.Reason)
	}
	return warning(id, title, remedy, "%s. %s", s.Reason, missing)
}

func (c *checkup) checkOwnSamples(s kernel.SamplingStatus) Check {
	const id, title = "profile-of-program", "Evidence: CPU profile of the program itself"
	if s.User.State == kernel.StateAvailable {
		return ok(id, title, "available")
	}
	return refused(id, title, s.User, "Nothing tells what a path's CPU time is spent on", c.inContainer(or(paranoid(2), setCapabilities), "PERFMON", "SYSLOG"))
}

func (c *checkup) checkKernelSamples(s kernel.SamplingStatus) Check {
	const id, title = "profile-of-kernel", "Evidence: CPU profile of what the kernel does for the program"
	if s.Kernel.State == kernel.StateAvailable {
		return ok(id, title, "available")
	}
	return refused(id, title, s.Kernel, "The stages in the kernel, copies among them, are missing", c.inContainer(or(paranoid(1), setCapabilities), "PERFMON", "SYSLOG"))
}

func (c *checkup) checkCPUSamples(s kernel.SamplingStatus) Check {
	const id, title = "profile-of-machine", "Evidence: CPU profile of all CPUs"
	if s.CPU.State == kernel.StateAvailable {
		return ok(id, title, "available")
	}
	return refused(id, title, s.CPU, "What soft interrupts and kernel threads do is missing", c.inContainer(or(paranoid(0), setCapabilities), "PERFMON", "SYSLOG"))
}

func (c *checkup) checkSymbols(s kernel.SamplingStatus) Check {
	const id, title = "kernel-symbols", "Evidence: names of the kernel's functions"
	if s.Symbols.State == kernel.StateAvailable {
		return ok(id, title, "/proc/kallsyms shows the addresses")
	}
	return refused(id, title, s.Symbols, "Samples in the kernel can't be told apart into stages", c.inContainer(or("sudo sysctl kernel.kptr_restrict=0 kernel.perf_event_paranoid=1", setCapabilities), "PERFMON", "SYSLOG"))
}

// tracefs is what makes tracepoints readable here; "" where they are.
func (c *checkup) tracefs() string {
	const event = "events/raw_syscalls/sys_enter/format"
	unmounted := true
	for _, dir := range []string{"kernel/tracing", "kernel/debug/tracing"} {
		_, err := os.ReadFile(c.fs.sys(dir, event))
		if err == nil {
			return ""
		}
		unmounted = unmounted && os.IsNotExist(err)
	}
	if unmounted {
		return mountTracefs
	}
	return openTracefs
}

// tracing puts together what tracepoints need: a tracefs that may be read, and perf events, for which one of several ways is enough.
func (c *checkup) tracing(level int) string {
	perf := c.inContainer(or(paranoid(level), setCapabilities), "PERFMON")
	if n, err := parseFile(c.fs.sysctl("kernel.perf_event_paranoid"), parseSigned); err == nil && n <= int64(level) || c.fs.capable(capPerfmon) {
		perf = ""
	}
	switch tracefs := c.tracefs(); {
	case tracefs == "" && perf == "": // it is something else
		return "run as root"
	case tracefs == "":
		return perf
	case perf == "":
		return tracefs
	default:
		return tracefs + ", and besides one of these: " + perf
	}
}

func (c *checkup) checkSyscalls() Check {
	const id, title = "syscall-tracepoints", "Evidence: system calls, counted by the kernel"
	s := c.ask.syscalls()
	if s.State == kernel.StateAvailable {
		return ok(id, title, "available (raw_syscalls:sys_enter)")
	}
	return refused(id, title, s, "A path's own count stands in, and go-io-copy has none", c.tracing(1))
}

func (c *checkup) checkBlockTrace() Check {
	const id, title = "block-tracepoints", "Evidence: requests that the disk was given"
	switch s := c.ask.block(); {
	case s.State == kernel.StateAvailable && c.diskErr == nil && c.disk.Device == "":
		return ok(id, title, "readable, but no block device is known under %s: a modelled disk is given the writes as the program issued them", c.dir)
	case s.State == kernel.StateAvailable:
		return ok(id, title, "readable (block:block_rq_issue): a modelled disk is given what the device was given")
	default:
		return refused(id, title, s, "A modelled disk is given the writes as the program issued them", c.tracing(-1))
	}
}

func (c *checkup) checkSwitches() Check {
	const id, title = "context-switches", "Evidence: context switches and page faults"
	if runtime.GOOS == "windows" {
		return unknown(id, title, "Windows has no getrusage(2)")
	}
	return ok(id, title, "available to everybody (getrusage)")
}

func (c *checkup) checkHardware() Check {
	const id, title = "hardware-counters", "Evidence: cycles, instructions, cache misses"
	s := c.ask.hardware()
	switch {
	case s.State == kernel.StateAvailable:
		return ok(id, title, "available")
	case kernel.ProcessorCounters(c.fs.sys("bus/event_source/devices")) == "" && s.State == kernel.StateUnavailable:
		s.Reason = "the kernel knows no counters of this processor, as in most virtual machines"
		return refused(id, title, s, "CPU time is all that tells of work", "measure on the bare machine, or give the guest counters (QEMU: -cpu host,pmu=on)")
	}
	return refused(id, title, s, "CPU time is all that tells of work", c.inContainer(or(paranoid(1), setCapabilities), "PERFMON"))
}

func (c *checkup) checkMemoryTraffic() Check {
	const id, title = "memory-traffic", "Evidence: memory traffic"
	s := c.ask.memory()
	switch {
	case s.State == kernel.StateAvailable:
		return ok(id, title, "available (uncore_imc)")
	case c.fs.glob("bus/event_source/devices/uncore_imc*") == "":
		return refused(id, title, s, "What copies cost the memory is not shown", "measure on the bare machine, with a processor of Intel's")
	}
	return refused(id, title, s, "What copies cost the memory is not shown", c.inContainer(or(paranoid(0), setCapabilities), "PERFMON"))
}

func (c *checkup) checkDeviceCounters() Check {
	const id, title = "device-counters", "Evidence: bytes from and to the disk"
	switch {
	case c.diskErr != nil:
		return unknown(id, title, "%v", c.diskErr)
	case c.disk.Device == "":
		return warning(id, title, "give a folder on a local disk with --dir", "no block device is known: %s", c.disk.Why)
	}
	stats, err := parseFile(c.fs.proc("diskstats"), parseDiskstats)
	if err != nil {
		return unknown(id, title, "%s", why(err))
	}
	if _, there := stats[strings.ReplaceAll(c.disk.Device, "!", "/")]; !there {
		return unknown(id, title, "/proc/diskstats has no device %s", c.disk.Device)
	}
	return ok(id, title, "available to everybody (/proc/diskstats)")
}

func (c *checkup) checkInterfaces() Check {
	const id, title = "interface-counters", "Evidence: bytes on the link"
	if s := c.ask.interfaces(); s.State != kernel.StateAvailable {
		return unknown(id, title, "%s", s.Reason)
	}
	return ok(id, title, "available to everybody (/proc/net/dev)")
}

func (c *checkup) checkZeroCopy() Check {
	const id, title = "zero-copy-completions", "Evidence: whether the kernel copied after all"
	s := c.ask.zeroCopy()
	if s.State == kernel.StateAvailable {
		return ok(id, title, "available to everybody (MSG_ZEROCOPY's completions)")
	}
	return refused(id, title, s, "Paths with MSG_ZEROCOPY can't run", "use Linux 4.14 or newer")
}

// probeHardware opens a counter for a moment.
func probeHardware() kernel.Status {
	h, err := kernel.OpenHardware(kernel.Cycles)
	if err != nil {
		return kernel.Unavailable("%v", err)
	}
	if err := h.Close(); err != nil {
		return kernel.Unknown("%v", err)
	}
	return kernel.Available()
}

// probeInterfaces looks for the counters of any interface.
func (fs FS) probeInterfaces() kernel.Status {
	stats, err := parseFile(fs.proc("thread-self/net/dev"), parseNetDev)
	switch {
	case err != nil:
		return kernel.Unavailable("%s", why(err))
	case len(stats) == 0:
		return kernel.Unavailable("/proc/net/dev has no interface")
	}
	return kernel.Available()
}
