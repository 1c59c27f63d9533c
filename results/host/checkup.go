package host

import (
	"cmp"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"

	"copylab/results/measured"
)

// What a check can find.
const (
	CheckOK          = "ok"
	CheckWarning     = "warning"     // it will disturb or limit what is measured
	CheckUnavailable = "unavailable" // it could not be found out
)

// Check is one finding about the machine.
type Check struct {
	ID     string `json:"id"`     // stable, for programs
	Title  string `json:"title"`  // what was looked at
	Status string `json:"status"` // one of the Check constants
	Detail string `json:"detail"` // what was found, and what it means for a measurement
	Remedy string `json:"remedy"` // what to do about a warning, with the command where there is one; else empty
}

// sampleTime is for how long Checkup watches the machine. The kernel's ticks are 10 ms.
const sampleTime = 150 * time.Millisecond

// Checkup finds out what on this machine will disturb or limit a measurement with test files in the folder dir, and what to do
// about each. It watches the machine for 150 ms, and tries O_DIRECT and the dropping of the page cache in dir on files
// that it removes. The order and the IDs of the checks are the same on every machine.
func Checkup(fs FS, dir string) []Check {
	c := &checkup{fs: fs, dir: dir, allowed: allowedCPUs(), ask: fs.probes()}
	c.cpus = len(c.allowed)
	if c.cpus == 0 {
		c.cpus = runtime.NumCPU()
	}
	c.sample()
	c.disk, c.diskErr = fs.DiskUnder(dir)
	checks := []Check{
		c.checkCPUs(), c.checkAffinity(), c.checkQuota(), c.checkLoad(), c.checkBusy(), c.checkSteal(), c.checkVirtual(), c.checkContainer(),
		c.checkGovernor(), c.checkTurbo(), c.checkClock(), c.checkPower(),
		c.checkMemory(), c.checkMemoryLimit(), c.checkSwap(), c.checkDirty(),
		c.checkFolder(), c.checkFilesystem(), c.checkSpace(), c.checkDirect(), c.checkDevice(), c.checkWriteCache(), c.checkScheduler(), c.checkRotational(),
		c.checkDrop(), c.checkUring(), c.checkMemlock(), c.checkOpenFiles(),
		c.checkNICs(), c.checkVeth(), c.checkKernelTLS(),
	}
	return append(checks, c.evidence()...)
}

// checkup is what the checks share.
type checkup struct {
	fs      FS
	dir     string
	allowed []int
	cpus    int
	ask     probes

	disk    Disk
	diskErr error

	before, after machineStat
	statErr       error
	busiest       []processUse
	processErr    error
}

func ok(id, title, format string, args ...any) Check {
	return Check{ID: id, Title: title, Status: CheckOK, Detail: fmt.Sprintf(format, args...)}
}

func warning(id, title, remedy, format string, args ...any) Check {
	return Check{ID: id, Title: title, Status: CheckWarning, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

func unknown(id, title, format string, args ...any) Check {
	return Check{ID: id, Title: title, Status: CheckUnavailable, Detail: fmt.Sprintf(format, args...)}
}

// sample reads the CPUs' and the processes' times twice.
func (c *checkup) sample() {
	first, processErr := c.fs.processTimes()
	c.before, c.statErr = c.fs.stat()
	if c.statErr != nil && processErr != nil {
		c.processErr = processErr
		return
	}
	began := time.Now()
	time.Sleep(sampleTime)
	if c.statErr == nil {
		c.after, c.statErr = c.fs.stat()
	}
	if processErr == nil {
		var second map[int]processTime
		second, processErr = c.fs.processTimes()
		c.busiest = busiest(first, second, time.Since(began))
	}
	c.processErr = processErr
}

func (c *checkup) checkCPUs() Check {
	const id, title = "cpus", "Number of CPUs"
	if c.cpus < 2 {
		return warning(id, title, "give this machine or container at least 2 CPUs", "%d: sender and receiver share it, so a transfer is slower than either side alone could do", c.cpus)
	}
	return ok(id, title, "%d: sender and receiver each get one of their own", c.cpus)
}

func (c *checkup) checkAffinity() Check {
	const id, title = "cpu-affinity", "CPUs that may be used"
	if c.allowed == nil {
		return unknown(id, title, "copylab reads and sets CPU affinity on Linux only")
	}
	online, err := parseFile(c.fs.sys("devices/system/cpu/online"), parseCPUList)
	if err != nil {
		return unknown(id, title, "%s", why(err))
	}
	if len(c.allowed) < len(online) {
		return warning(id, title, "start copylab without taskset, numactl or a cpuset, unless you chose these CPUs on purpose",
			"%d of %d: others may use the same ones", len(c.allowed), len(online))
	}
	return ok(id, title, "all %d", len(online))
}

func (c *checkup) checkQuota() Check {
	const id, title = "cpu-quota", "CPU quota of the control group"
	q, limited := c.fs.cpuQuota()
	n, known := q.Get()
	switch {
	case !known:
		return unknown(id, title, "%s", q.Why())
	case !limited:
		return ok(id, title, "none")
	case n < float64(c.cpus):
		return warning(id, title, "start the container without --cpus (Docker) or a CPU limit (Kubernetes), or the service without CPUQuota (systemd)",
			"%.2f CPUs' worth of time for %d CPUs: the kernel will stop the workers for tens of milliseconds at a time", n, c.cpus)
	}
	return ok(id, title, "%.2f CPUs' worth of time, which is not less than the CPUs here", n)
}

func (c *checkup) checkLoad() Check {
	const id, title = "load-average", "Load of the last minute"
	load, known := c.fs.loadAverage().Get()
	if !known {
		return unknown(id, title, "%s", c.fs.loadAverage().Why())
	}
	// Half of the CPUs: copylab itself needs two threads.
	if load > 0.5*float64(c.cpus) {
		return warning(id, title, "end other work, or wait a minute, then look again with: uptime", "%.2f on %d CPUs: others compete for them", load, c.cpus)
	}
	return ok(id, title, "%.2f on %d CPUs", load, c.cpus)
}

// busyShare is how much of one CPU another process may use before it is a warning.
const busyShare = 0.2

func (c *checkup) checkBusy() Check {
	const id, title = "busy-processes", "Other processes at work"
	if c.processErr != nil {
		return unknown(id, title, "%s", why(c.processErr))
	}
	var names []string
	for _, p := range c.busiest {
		if p.share >= busyShare && len(names) < 3 {
			names = append(names, fmt.Sprintf("%s (PID %d) %.0f %%", p.name, p.pid, 100*p.share))
		}
	}
	if len(names) > 0 {
		return warning(id, title, "end them or wait for them, then look again with: top", "of one CPU, over %v: %s", sampleTime, strings.Join(names, ", "))
	}
	return ok(id, title, "none used more than %.0f %% of a CPU over %v", 100*busyShare, sampleTime)
}

func (c *checkup) checkSteal() Check {
	const id, title = "steal-time", "CPU time taken by the hypervisor"
	if c.statErr != nil {
		return unknown(id, title, "%s", why(c.statErr))
	}
	d := machineDelta(c.before, c.after)
	stolen, known := d.StealNS.Get()
	if !known {
		return unknown(id, title, "%s", d.StealNS.Why())
	}
	total := c.after.all.total()
	if total == 0 {
		return unknown(id, title, "/proc/stat counts no time at all")
	}
	since := float64(c.after.all.steal) / float64(total)
	// One tick may be chance.
	if stolen > int64(tick) || since > 0.01 {
		return warning(id, title, "move the guest to a quieter host, or use dedicated CPUs",
			"%.1f %% since the start of the machine, %v in the last %v: other guests of the host disturb", 100*since, time.Duration(stolen), sampleTime)
	}
	return ok(id, title, "%.2f %% since the start of the machine", 100*since)
}

func (c *checkup) checkVirtual() Check {
	const id, title = "virtualization", "Virtual machine"
	switch v := c.fs.virtualization(); {
	case v == "none":
		return ok(id, title, "none: this is the bare machine")
	case strings.HasPrefix(v, "unavailable"):
		return unknown(id, title, "%s", strings.TrimPrefix(v, "unavailable: "))
	default:
		return warning(id, title, "measure disks on the bare machine, or compare within this guest only",
			"%s: the host may cache the disk and answer flushes early, and there may be no hardware counters", v)
	}
}

func (c *checkup) checkContainer() Check {
	const id, title = "container", "Container"
	what, err := c.fs.container()
	switch {
	case err != nil:
		return unknown(id, title, "%s", why(err))
	case what != "" && c.disk.Filesystem == "overlay": // and nothing is known of what is under it
		return warning(id, title, "give a folder on a volume or bind mount with --dir", "%s, and the folder is on the container's own overlay filesystem: which disk that is can't be told", what)
	case what != "":
		return ok(id, title, "%s; the folder is not on an overlay filesystem", what)
	}
	return ok(id, title, "no sign of one")
}

// container says what tells that this process runs in a container; "" where nothing does.
func (fs FS) container() (string, error) {
	for _, sign := range []struct{ file, name string }{{".dockerenv", "Docker"}, {"run/.containerenv", "Podman"}} {
		if exists(fs.root(sign.file)) {
			return sign.name + " (there is a /" + sign.file + ")", nil
		}
	}
	if name, err := word(fs.root("run/systemd/container")); err == nil && name != "" {
		return name + " (/run/systemd/container)", nil
	}
	all, err := parseFile(fs.proc("self/cgroup"), parseCgroup)
	if err != nil {
		return "", err
	}
	for _, m := range all {
		for _, name := range []string{"docker", "kubepods", "containerd", "libpod", "lxc"} {
			if strings.Contains(m.path, name) {
				return name + " (control group " + m.path + ")", nil
			}
		}
	}
	return "", nil
}

func (c *checkup) checkGovernor() Check {
	const id, title = "cpu-governor", "CPU frequency governor"
	cpus := c.allowed
	if len(cpus) == 0 {
		cpus = []int{0}
	}
	var others []string
	for _, cpu := range cpus {
		w, err := word(c.fs.sys("devices/system/cpu", fmt.Sprintf("cpu%d", cpu), "cpufreq/scaling_governor"))
		switch {
		case errors.Is(err, iofs.ErrNotExist) && runtime.GOOS == "linux":
			return unknown(id, title, "the kernel does not set the frequency here (usual in virtual machines)")
		case err != nil:
			return unknown(id, title, "%s", why(err))
		case w != "performance" && !slices.Contains(others, w):
			others = append(others, w)
		}
	}
	if len(others) > 0 {
		return warning(id, title, "sudo cpupower frequency-set -g performance", "%s: the frequency follows the load, so short trials run slower than long ones", strings.Join(others, ", "))
	}
	return ok(id, title, "performance")
}

func (c *checkup) checkTurbo() Check {
	const id, title = "turbo", "Turbo frequencies"
	for _, f := range []struct{ file, on, remedy string }{
		{"intel_pstate/no_turbo", "0", "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo"},
		{"cpufreq/boost", "1", "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost"},
	} {
		w, err := word(c.fs.sys("devices/system/cpu", f.file))
		if err != nil {
			continue
		}
		if w == f.on {
			return warning(id, title, f.remedy, "on: the speed depends on the temperature and on what the other cores do")
		}
		return ok(id, title, "off")
	}
	return unknown(id, title, "the kernel does not tell")
}

func (c *checkup) checkClock() Check {
	const id, title = "clocksource", "Clock"
	dir := c.fs.sys("devices/system/clocksource/clocksource0")
	w, err := word(filepath.Join(dir, "current_clocksource"))
	if err != nil {
		return unknown(id, title, "%s", why(err))
	}
	// These are read without a system call (vdso(7)).
	fast := []string{"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "stimer", "timebase", "riscv_clocksource", "tod", "Constant"}
	if slices.Contains(fast, w) {
		return ok(id, title, "%s, read without a system call", w)
	}
	remedy := "boot with the kernel parameter clocksource=tsc, or ask why the kernel distrusts the TSC: dmesg | grep -i clocksource"
	if available, err := word(filepath.Join(dir, "available_clocksource")); err == nil && slices.Contains(strings.Fields(available), "tsc") {
		remedy = "echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource"
	}
	return warning(id, title, remedy, "%s: each reading may cost a system call or more", w)
}

func (c *checkup) checkPower() Check {
	const id, title = "power-source", "Power"
	onBattery, found, err := c.fs.onBattery()
	switch {
	case errors.Is(err, iofs.ErrNotExist) && runtime.GOOS == "linux":
		return ok(id, title, "no battery")
	case err != nil:
		return unknown(id, title, "%s", why(err))
	case onBattery:
		return warning(id, title, "connect the power supply", "battery: the machine saves energy and slows down")
	case !found:
		return ok(id, title, "no battery")
	}
	return ok(id, title, "mains")
}

// onBattery tells whether the machine lives on its battery, and whether it has one (Documentation/ABI/testing/sysfs-class-power).
// Batteries of mice and headsets have the scope Device.
func (fs FS) onBattery() (onBattery, found bool, err error) {
	dir := fs.sys("class/power_supply")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, false, err
	}
	mains, discharging := false, false
	for _, e := range entries {
		supply := filepath.Join(dir, e.Name())
		kind, err := word(filepath.Join(supply, "type"))
		if err != nil {
			return false, false, err
		}
		if scope, err := word(filepath.Join(supply, "scope")); err == nil && scope == "Device" {
			continue
		}
		if kind != "Battery" {
			online, err := word(filepath.Join(supply, "online"))
			mains = mains || err == nil && online != "0"
			continue
		}
		found = true
		status, err := word(filepath.Join(supply, "status"))
		discharging = discharging || err == nil && status == "Discharging"
	}
	return discharging && !mains, found, nil
}

func (c *checkup) checkMemory() Check {
	const id, title = "memory-available", "Memory available"
	m := c.fs.memory()
	available, known := m.AvailableBytes.Get()
	if !known {
		return unknown(id, title, "%s", m.AvailableBytes.Why())
	}
	if available < 1<<30 {
		return warning(id, title, "end other programs, or choose smaller test files", "%s of %s: test files may not stay in the page cache", HumanBytes(available), sizeOr(m.TotalBytes))
	}
	return ok(id, title, "%s of %s", HumanBytes(available), sizeOr(m.TotalBytes))
}

// sizeOr is a size for a reader, or why it is not known.
func sizeOr(v measured.Int) string {
	if n, known := v.Get(); known {
		return HumanBytes(n)
	}
	return v.String()
}

func (c *checkup) checkMemoryLimit() Check {
	const id, title = "memory-limit", "Memory limit of the control group"
	limit, limited := c.fs.memoryLimit()
	n, known := limit.Get()
	switch {
	case !known:
		return unknown(id, title, "%s", limit.Why())
	case !limited:
		return ok(id, title, "none")
	}
	if total, known := c.fs.memory().TotalBytes.Get(); known && n >= total {
		return ok(id, title, "%s, which is not less than the memory here", HumanBytes(n))
	}
	return warning(id, title, "start the container without --memory (Docker) or a memory limit (Kubernetes), or choose smaller test files",
		"%s, page cache included: larger files can't be warm, and writers are made to wait earlier", HumanBytes(n))
}

func (c *checkup) checkSwap() Check {
	const id, title = "swap", "Swap in use"
	pfs, err := procfs.NewFS(c.fs.Proc)
	if err != nil {
		return unknown(id, title, "%s", why(err))
	}
	swaps, err := pfs.Swaps()
	if err != nil {
		return unknown(id, title, "%s", why(err))
	}
	var used int64
	for _, s := range swaps {
		used += int64(s.Used) * 1024
	}
	// A little is normal on a machine that has been up for long.
	if total, known := c.fs.memory().TotalBytes.Get(); known && used > total/100 {
		return warning(id, title, "end other programs, then: sudo swapoff -a && sudo swapon -a", "%s: memory is short, and swapping shares the disk", HumanBytes(used))
	}
	return ok(id, title, "%s in %d areas", HumanBytes(used), len(swaps))
}

func (c *checkup) checkDirty() Check {
	const id, title = "dirty-limits", "Dirty page limits"
	m := c.fs.memory()
	background, ok1 := m.DirtyBackgroundLimitBytes.Get()
	limit, ok2 := m.DirtyLimitBytes.Get()
	if !ok1 || !ok2 {
		return unknown(id, title, "%s", cmp.Or(m.DirtyBackgroundLimitBytes.Why(), m.DirtyLimitBytes.Why()))
	}
	const small = 64 << 20
	if background < small {
		return warning(id, title, "sudo sysctl vm.dirty_background_ratio=10 vm.dirty_ratio=20", "the kernel starts to write back at %s already: buffered writes will be held up by the disk early", HumanBytes(background))
	}
	return ok(id, title, "written back from %s on, writers wait from %s on: buffered writes of less measure memory, not the disk", HumanBytes(background), HumanBytes(limit))
}

func (c *checkup) checkFolder() Check {
	const id, title = "folder", "Folder of the test files"
	if c.diskErr != nil {
		return warning(id, title, "give an existing folder with --dir", "%v", c.diskErr)
	}
	f, err := unnamedFile(c.dir)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return unknown(id, title, "%v", err)
	case err != nil:
		return warning(id, title, "give a folder that you may write to with --dir", "%v", err)
	}
	if err := f.Close(); err != nil {
		return warning(id, title, "give another folder with --dir", "%v", err)
	}
	return ok(id, title, "%s can be written", c.disk.Folder)
}

func (c *checkup) checkFilesystem() Check {
	const id, title = "filesystem", "Filesystem"
	switch {
	case c.diskErr != nil:
		return unknown(id, title, "%v", c.diskErr)
	case c.disk.InMemory:
		return warning(id, title, "give a folder on a disk with --dir", "%s at %s lives in memory: no disk is measured, and files can't be cold", c.disk.Filesystem, c.disk.MountPoint)
	case overlayVolatile(c.disk):
		return warning(id, title, "give a folder on a disk filesystem with --dir", "%s at %s is mounted volatile: it leaves out every sync, so that nothing is durable", c.disk.Filesystem, c.disk.MountPoint)
	case slices.Contains(strings.Split(c.disk.MountOptions, ","), "ro"):
		return warning(id, title, "give a folder on another filesystem with --dir", "%s at %s is mounted read-only", c.disk.Filesystem, c.disk.MountPoint)
	}
	return ok(id, title, "%s at %s (%s)", c.disk.Filesystem, c.disk.MountPoint, c.disk.MountOptions)
}

// overlayVolatile tells whether a disk is an overlay that leaves out every sync (overlayfs.rst, "Volatile mount").
func overlayVolatile(d Disk) bool {
	options := strings.FieldsFunc(d.MountOptions, func(r rune) bool { return r == ',' || r == ';' || r == ' ' })
	return strings.HasPrefix(d.Filesystem, "overlay") && (slices.Contains(options, "volatile") || slices.Contains(options, "fsync=volatile"))
}

func (c *checkup) checkSpace() Check {
	const id, title = "free-space", "Free space"
	if c.diskErr != nil {
		return unknown(id, title, "%v", c.diskErr)
	}
	free, ok1 := c.disk.FreeBytes.Get()
	total, ok2 := c.disk.SizeBytes.Get()
	if !ok1 || !ok2 {
		return unknown(id, title, "%s", c.disk.FreeBytes.Why())
	}
	const enough = 1 << 30 // for the files of the scenarios that ship
	if err := roomFor(c.dir, enough, free, total); err != nil {
		return warning(id, title, "remove files, or give a folder on another filesystem with --dir", "%v", err)
	}
	return ok(id, title, "%s of %s, of which %s always stay free", HumanBytes(free), HumanBytes(total), HumanBytes(keep(total)))
}

func (c *checkup) checkDirect() Check {
	const id, title = "direct-io", "O_DIRECT"
	if c.diskErr != nil {
		return unknown(id, title, "%v", c.diskErr)
	}
	memory, ok1 := c.disk.DirectMemAlign.Get()
	offset, ok2 := c.disk.DirectOffsetAlign.Get()
	if !ok1 || !ok2 {
		return unknown(id, title, "%s", cmp.Or(c.disk.DirectMemAlign.Why(), c.disk.DirectOffsetAlign.Why()))
	}
	return ok(id, title, "buffers aligned to %d bytes, offsets and lengths to %d", memory, offset)
}

func (c *checkup) checkDevice() Check {
	const id, title = "device", "Block device"
	switch {
	case c.diskErr != nil:
		return unknown(id, title, "%v", c.diskErr)
	case c.disk.Device == "":
		return warning(id, title, "give a folder on a local disk with --dir", "none is known, so that what the disk did can't be counted: %s", c.disk.Why)
	}
	if why := c.fs.noFlushes(c.disk.Device); why != "" {
		return warning(id, title, "give a folder on a single plain disk with --dir", "%s: %s", c.disk.Device, why)
	}
	return ok(id, title, "%s, model %s", c.disk.Device, c.disk.Model)
}

func (c *checkup) checkWriteCache() Check {
	const id, title = "write-cache", "Write cache of the device"
	if c.diskErr != nil {
		return unknown(id, title, "%v", c.diskErr)
	}
	switch c.disk.WriteCache {
	case "write back":
		return ok(id, title, "write back: volatile, so that only a write that was flushed (fsync, fdatasync, O_DSYNC) survives a power cut")
	case "write through":
		if v := c.fs.virtualization(); v != "none" && !strings.HasPrefix(v, "unavailable") {
			return warning(id, title, "set the disk's cache mode to writeback or none on the host, so that flushes reach it",
				"write through, says the virtual disk: the kernel sends it no flushes, and whether the host caches can't be seen")
		}
		return ok(id, title, "write through: the kernel need not send it flushes, so that syncing is cheap")
	}
	return unknown(id, title, "%s", strings.TrimPrefix(c.disk.WriteCache, "unavailable: "))
}

func (c *checkup) checkScheduler() Check {
	const id, title = "io-scheduler", "I/O scheduler"
	switch {
	case c.diskErr != nil:
		return unknown(id, title, "%v", c.diskErr)
	case strings.HasPrefix(c.disk.Scheduler, "unavailable"):
		return unknown(id, title, "%s", strings.TrimPrefix(c.disk.Scheduler, "unavailable: "))
	case c.disk.Scheduler == "bfq" || c.disk.Scheduler == "kyber":
		return warning(id, title, fmt.Sprintf("echo mq-deadline | sudo tee /sys/block/%s/queue/scheduler", c.disk.Device),
			"%s holds back some requests in favour of others: latencies show its policy too", c.disk.Scheduler)
	}
	return ok(id, title, "%s", c.disk.Scheduler)
}

func (c *checkup) checkRotational() Check {
	const id, title = "rotational", "Kind of disk"
	if c.diskErr != nil {
		return unknown(id, title, "%v", c.diskErr)
	}
	switch c.disk.Rotational {
	case "0":
		return ok(id, title, "solid state, as the kernel believes")
	case "1":
		if v := c.fs.virtualization(); v != "none" && !strings.HasPrefix(v, "unavailable") {
			return ok(id, title, "rotating, as the kernel believes; virtual disks often say so wrongly")
		}
		return ok(id, title, "rotating, as the kernel believes: random access pays for seeks")
	}
	return unknown(id, title, "%s", strings.TrimPrefix(c.disk.Rotational, "unavailable: "))
}

func (c *checkup) checkDrop() Check {
	const id, title = "cache-drop", "Dropping files from the page cache"
	if c.diskErr != nil {
		return unknown(id, title, "%v", c.diskErr)
	}
	if works, why := CanDrop(c.dir); !works {
		return warning(id, title, "give a folder on a disk filesystem (ext4, xfs) with --dir", "cold cases can't be measured: %s", why)
	}
	return ok(id, title, "works, and was verified")
}

func (c *checkup) checkCachestat() Check {
	const id, title = "cachestat", "Evidence: what of a file is in the page cache"
	f, err := unnamedFile(c.dir)
	if err != nil {
		return unknown(id, title, "%v", err)
	}
	r := Resident(f)
	if err := f.Close(); err != nil {
		return unknown(id, title, "%v", err)
	}
	switch r.Source {
	case "cachestat":
		return ok(id, title, "available to everybody (cachestat)")
	case "mincore":
		return warning(id, title, "use Linux 6.5 or newer, and allow cachestat(2) in the container's seccomp profile", "mincore(2) only: dirty pages of a file can't be seen")
	}
	return unknown(id, title, "%s", r.Resident.Why())
}

func (c *checkup) checkUring() Check {
	const id, title = "io-uring", "io_uring"
	w, err := word(c.fs.sysctl("kernel.io_uring_disabled"))
	switch {
	case errors.Is(err, iofs.ErrNotExist) && runtime.GOOS == "linux":
		return ok(id, title, "the kernel has no switch for it (older than 6.6, or built without)")
	case err != nil:
		return unknown(id, title, "%s", why(err))
	case w == "0", w == "1" && c.fs.capable(capSysAdmin):
		return ok(id, title, "kernel.io_uring_disabled is %s", w)
	}
	return warning(id, title, "sudo sysctl kernel.io_uring_disabled=0", "kernel.io_uring_disabled is %s: paths that use it can't run", w)
}

func (c *checkup) checkMemlock() Check {
	const id, title = "memlock-limit", "Locked memory limit"
	const want = 8 << 20 // the kernel's default since 5.16
	n, err := limitLockedMemory()
	switch {
	case err != nil:
		return unknown(id, title, "%v", err)
	case n < want && !c.fs.capable(capIPCLock):
		return warning(id, title, "ulimit -l 65536 (as root, or memlock in /etc/security/limits.conf)", "%s: zero-copy sends and io_uring may run out of it (ENOBUFS, ENOMEM)", HumanBytes(int64(n)))
	case n >= 1<<62:
		return ok(id, title, "none")
	}
	return ok(id, title, "%s", HumanBytes(int64(n)))
}

// MostOpenFiles is how many files the largest scenario that ships needs open at once in one process: many-logs with 1,000 files, each of them
// twice, and what a worker has open besides, most of it a trace of every CPU.
const MostOpenFiles = 2*1000 + 400

func (c *checkup) checkOpenFiles() Check {
	n, err := limitOpenFiles()
	return openFiles(n, err)
}

// openFiles judges a limit, or why it is not known.
func openFiles(n uint64, err error) Check {
	const id, title = "open-files-limit", "Open files limit"
	switch {
	case err != nil:
		return unknown(id, title, "%v", err)
	case n < MostOpenFiles:
		return warning(id, title, fmt.Sprintf("ulimit -n %d (as root, or nofile in /etc/security/limits.conf)", MostOpenFiles),
			"%d: the largest scenario, many-logs with 1,000 files, needs %d", n, MostOpenFiles)
	}
	return ok(id, title, "%d: the largest scenario needs %d", n, MostOpenFiles)
}

// shownNICs is how many interfaces the check names.
const shownNICs = 4

func (c *checkup) checkNICs() Check {
	const id, title = "network-interfaces", "Network interfaces"
	all := NICs()
	if len(all) == 1 && strings.HasPrefix(all[0].Name, "unavailable: ") {
		return unknown(id, title, "%s", strings.TrimPrefix(all[0].Name, "unavailable: "))
	}
	if len(all) == 0 {
		return ok(id, title, "none is up but loopback: only links on this machine can be measured")
	}
	var lines []string
	for _, n := range all[:min(len(all), shownNICs)] {
		lines = append(lines, n.words())
	}
	if len(all) > shownNICs {
		lines = append(lines, "and others")
	}
	return ok(id, title, "%s", strings.Join(lines, ", "))
}

func (c *checkup) checkVeth() Check {
	const id, title = "veth-links", "Links between network namespaces (veth)"
	if runtime.GOOS != "linux" {
		return unknown(id, title, "they are made of network namespaces, which %s does not have", runtime.GOOS)
	}
	if !c.fs.capable(capSysAdmin) || !c.fs.capable(capNetAdmin) {
		return warning(id, title, "run copylab as root: with sudo, in a container with --cap-add SYS_ADMIN --cap-add NET_ADMIN",
			"need root (CAP_SYS_ADMIN and CAP_NET_ADMIN): loopback and remote links work without it")
	}
	const limit = "user.max_net_namespaces"
	if w, err := word(c.fs.sysctl(limit)); err == nil && w == "0" {
		return warning(id, title, "sudo sysctl "+limit+"=1024", "%s is 0: no network namespace may be made", limit)
	}
	return ok(id, title, "the rights to make them are there")
}

func (c *checkup) checkKernelTLS() Check {
	const id, title = "kernel-tls", "Kernel TLS"
	const setting = "net.ipv4.tcp_available_ulp"
	protocols, err := word(c.fs.sysctl(setting))
	switch {
	case err != nil:
		return unknown(id, title, "%s", why(err))
	case slices.Contains(strings.Fields(protocols), "tls"):
		return ok(id, title, "loaded")
	}
	return warning(id, title, "sudo modprobe tls (where the kernel has that module)", "%s lists %q and not tls: paths that use it can't run", setting, protocols)
}
