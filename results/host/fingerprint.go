package host

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"github.com/prometheus/procfs"

	"copylab/results/measured"
)

// Collect takes the fingerprint of this machine, with the disk under the folder dir. What can't be had says why, in its
// place. Only a probe of direct I/O's alignment touches dir: a file without a name, gone at once.
func Collect(dir string) Host { return System().Collect(dir) }

// Collect is the function of that name on this FS.
func (fs FS) Collect(dir string) Host {
	h := Host{
		Hostname:       hostname(),
		OS:             runtime.GOOS,
		Arch:           runtime.GOARCH,
		Kernel:         fs.kernel(),
		Distro:         fs.distribution(),
		GoVersion:      runtime.Version(),
		Privileges:     privileges(),
		CPU:            fs.cpu(),
		Memory:         fs.memory(),
		Virtualization: fs.virtualization(),
		Clocksource:    wordOr(fs.sys("devices/system/clocksource/clocksource0/current_clocksource")),
	}
	disk, err := fs.DiskUnder(dir)
	if err != nil {
		disk = unknownDisk(dir, why(err))
		disk.SizeBytes, disk.FreeBytes, disk.DirectMemAlign, disk.DirectOffsetAlign = noInt(err), noInt(err), noInt(err), noInt(err)
	}
	h.Disk = disk
	h.NICs = NICs()
	h.Settings = fs.settings(disk.Device)
	return h
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return unavailable("%v", err)
	}
	return name
}

func privileges() string {
	switch uid := os.Geteuid(); {
	case uid < 0:
		return unavailable("%s has no user numbers", runtime.GOOS)
	case uid == 0:
		return "root"
	}
	return "ordinary user"
}

// kernel is what uname -r prints.
func (fs FS) kernel() string {
	w, err := word(fs.proc("sys/kernel/osrelease"))
	if err != nil {
		return kernelVersion(err)
	}
	return w
}

// distribution is PRETTY_NAME of os-release(5), which may be in either of two places.
func (fs FS) distribution() string {
	name, err := parseFile(fs.root("etc/os-release"), parseOSRelease)
	if os.IsNotExist(err) {
		name, err = parseFile(fs.root("usr/lib/os-release"), parseOSRelease)
	}
	if err != nil {
		return unavailable("%s", why(err))
	}
	return name
}

// parseOSRelease returns PRETTY_NAME of os-release(5), else NAME. Values may be quoted as in a shell.
func parseOSRelease(r io.Reader) (string, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	values := map[string]string{}
	for line := range strings.Lines(string(b)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		values[name] = unquote(value)
	}
	for _, name := range []string{"PRETTY_NAME", "NAME"} {
		if v := values[name]; v != "" {
			return v, nil
		}
	}
	return "", fmt.Errorf("neither PRETTY_NAME nor NAME is set")
}

// unquote takes off a shell's quotes and, within double ones, the backslashes.
func unquote(s string) string {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '"' && s[0] != '\'' {
		return s
	}
	inner := s[1 : len(s)-1]
	if s[0] == '\'' {
		return inner
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\$`, `$`, "\\`", "`").Replace(inner)
}

// cpu describes the processors.
func (fs FS) cpu() CPU {
	c := CPU{
		Model:         fs.cpuModel(),
		LogicalCores:  runtime.NumCPU(),
		AllowedCPUs:   allowedCPUs(),
		Governor:      wordOr(fs.sys("devices/system/cpu/cpu0/cpufreq/scaling_governor")),
		Features:      cpuFeatures(),
		LastLevelSize: fs.lastLevelCache(),
		LoadAverage1m: fs.loadAverage(),
		Mitigations:   fs.mitigations(),
	}
	// runtime.NumCPU leaves out the CPUs that this process may not use.
	if online, err := parseFile(fs.sys("devices/system/cpu/online"), parseCPUList); err == nil && len(online) > 0 {
		c.LogicalCores = len(online)
	}
	return c
}

// cpuModel is the processor's brand: what the CPUID instruction says, else /proc/cpuinfo.
func (fs FS) cpuModel() string {
	if name := strings.Join(strings.Fields(cpuid.CPU.BrandName), " "); name != "" {
		return name
	}
	name, err := parseFile(fs.proc("cpuinfo"), parseCPUModel)
	if err != nil {
		return unavailable("%s", why(err))
	}
	return name
}

// parseCPUModel finds the processor's name in /proc/cpuinfo. arm64 has no name there, only the numbers of the maker and
// of the part.
func parseCPUModel(r io.Reader) (string, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	values := map[string]string{}
	for line := range strings.Lines(string(b)) {
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if _, had := values[name]; ok && !had && value != "" {
			values[name] = value
		}
	}
	for _, name := range []string{"model name", "cpu model", "uarch", "Model", "cpu"} {
		if v, ok := values[name]; ok {
			return v, nil
		}
	}
	if maker, part := values["CPU implementer"], values["CPU part"]; maker != "" && part != "" {
		return fmt.Sprintf("implementer %s, part %s", maker, part), nil
	}
	return "", fmt.Errorf("no processor is named")
}

// cpuFeatures are the instructions that the copy loops of the kernel, of Go and of checksums and ciphers can use.
func cpuFeatures() []string {
	found := []string{}
	for _, f := range []cpuid.FeatureID{
		cpuid.ERMS, cpuid.FSRM, cpuid.SSE2, cpuid.AVX2, cpuid.AVX512F, cpuid.MOVDIRI, cpuid.MOVDIR64B, cpuid.AESNI, cpuid.VAES,
		cpuid.ASIMD, cpuid.SVE, cpuid.AESARM, cpuid.ATOMICS,
	} {
		if cpuid.CPU.Has(f) {
			found = append(found, f.String())
		}
	}
	return found
}

// lastLevelCache is the size of CPU 0's largest cache (Documentation/ABI/testing/sysfs-devices-system-cpu).
func (fs FS) lastLevelCache() measured.Int {
	entries, err := os.ReadDir(fs.sys("devices/system/cpu/cpu0/cache"))
	if err != nil {
		if n := cpuid.CPU.Cache.L3; n > 0 {
			return measured.Known(int64(n))
		}
		return noInt(err)
	}
	last := measured.Unavailable[int64]("sysfs shows no cache of CPU 0")
	level := int64(0)
	for _, e := range entries {
		dir := fs.sys("devices/system/cpu/cpu0/cache", e.Name())
		l, ok := number(filepath.Join(dir, "level"), 1).Get()
		if !ok || l <= level {
			continue
		}
		size, err := parseFile(filepath.Join(dir, "size"), parseCacheSize)
		if err != nil {
			continue // firmware may leave out a size
		}
		level, last = l, measured.Known(size)
	}
	return last
}

// parseCacheSize reads sizes such as 36608K.
func parseCacheSize(r io.Reader) (int64, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return 0, err
	}
	text := strings.TrimSpace(string(b))
	digits, unit := text, int64(1)
	if d, ok := strings.CutSuffix(text, "K"); ok {
		digits, unit = d, 1<<10
	} else if d, ok := strings.CutSuffix(text, "M"); ok {
		digits, unit = d, 1<<20
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > (1<<63-1)/unit {
		return 0, fmt.Errorf("want a size such as 512K, got %q", text)
	}
	return n * unit, nil
}

// loadAverage is the first number of /proc/loadavg.
func (fs FS) loadAverage() measured.Float {
	pfs, err := procfs.NewFS(fs.Proc)
	if err != nil {
		return measured.Unavailable[float64]("%s", why(err))
	}
	load, err := pfs.LoadAvg()
	if err != nil {
		return measured.Unavailable[float64]("%s", why(err))
	}
	return measured.Known(load.Load1)
}

// mitigations lists the workarounds for the processor's flaws that are in force: they make system calls and copies
// between user and kernel memory dearer (Documentation/ABI/testing/sysfs-devices-system-cpu).
func (fs FS) mitigations() []string {
	dir := fs.sys("devices/system/cpu/vulnerabilities")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return []string{unavailable("%s", why(err))}
	}
	found := []string{}
	for _, e := range entries {
		w, err := word(filepath.Join(dir, e.Name()))
		if err != nil {
			found = append(found, e.Name()+": "+unavailable("%s", why(err)))
			continue
		}
		if rest, ok := strings.CutPrefix(w, "Mitigation: "); ok {
			found = append(found, e.Name()+": "+rest)
		}
	}
	slices.Sort(found)
	return found
}

// sysctls are the settings of the kernel that move what copylab measures.
func sysctls() []string {
	return []string{
		// How much a TCP connection may hold, and how it is sent.
		"net.ipv4.tcp_wmem", "net.ipv4.tcp_rmem", "net.ipv4.tcp_mem", "net.ipv4.tcp_congestion_control", "net.ipv4.tcp_autocorking",
		"net.ipv4.tcp_moderate_rcvbuf", "net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_limit_output_bytes",
		"net.core.wmem_max", "net.core.rmem_max", "net.core.wmem_default", "net.core.rmem_default", "net.core.optmem_max",
		"net.core.default_qdisc", "net.core.busy_poll", "net.core.busy_read", "net.core.netdev_budget",
		// When dirty pages are written back, and who waits for it.
		"vm.dirty_ratio", "vm.dirty_background_ratio", "vm.dirty_bytes", "vm.dirty_background_bytes", "vm.dirty_expire_centisecs",
		"vm.dirty_writeback_centisecs", "vm.swappiness", "vm.vfs_cache_pressure",
		// What may be measured, and with what.
		"kernel.perf_event_paranoid", "kernel.kptr_restrict", "kernel.io_uring_disabled", "kernel.io_uring_group", "kernel.numa_balancing",
		"fs.pipe-max-size", "fs.pipe-user-pages-soft", "fs.aio-max-nr",
	}
}

// settings reads the sysctls, the size of packets on the loopback, and the queue of the device.
func (fs FS) settings(device string) map[string]string {
	all := map[string]string{"lo.mtu": wordOr(fs.sys("class/net/lo/mtu"))}
	for _, name := range sysctls() {
		all[name] = strings.Join(strings.Fields(wordOr(fs.sysctl(name))), " ")
	}
	if device != "" {
		for _, name := range []string{"read_ahead_kb", "nr_requests", "max_sectors_kb", "wbt_lat_usec", "nomerges"} {
			all["block."+name] = wordOr(fs.sys("class/block", device, "queue", name))
		}
	}
	return all
}

// sysctl is the file of a setting: dots are slashes in its path.
func (fs FS) sysctl(name string) string { return fs.proc("sys", strings.ReplaceAll(name, ".", "/")) }

// virtualization names the hypervisor under this machine.
func (fs FS) virtualization() string {
	product := fs.product()
	hypervisor, _ := word(fs.sys("hypervisor/type")) // Xen only
	name := nameHypervisor(cpuid.CPU.VM(), cpuid.CPU.HypervisorVendorString, hypervisor, product)
	switch {
	case name == "" && runtime.GOARCH == "amd64" && runtime.GOOS == "linux":
		return "none" // the CPUID instruction would tell
	case name == "":
		return unavailable("nothing on %s/%s tells for sure", runtime.GOOS, runtime.GOARCH)
	case product != "" && !strings.Contains(strings.ToLower(product), strings.ToLower(name)):
		return name + " (" + product + ")"
	}
	return name
}

// product is what the firmware says that this machine is (Documentation/ABI/testing/sysfs-firmware-dmi-tables), or "".
func (fs FS) product() string {
	var words []string
	for _, file := range []string{"sys_vendor", "product_name"} {
		if w, err := word(fs.sys("class/dmi/id", file)); err == nil && w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// nameHypervisor puts together what tells of a hypervisor; "" where nothing does. guest is the CPU's hypervisor bit,
// vendor the text that CPUID leaf 0x40000000 gives, sysfs /sys/hypervisor/type, product the firmware's words.
func nameHypervisor(guest bool, vendor, sysfs, product string) string {
	if sysfs == "xen" {
		return "Xen"
	}
	if guest {
		vendor = strings.Trim(vendor, " \x00")
		for _, known := range []struct{ text, name string }{
			{"KVMKVMKVM", "KVM"}, {"Linux KVM Hv", "KVM"}, {"Microsoft Hv", "Hyper-V"}, {"VMwareVMware", "VMware"},
			{"XenVMMXenVMM", "Xen"}, {"TCGTCGTCGTCG", "QEMU without acceleration"}, {"VBoxVBoxVBox", "VirtualBox"},
			{"bhyve bhyve", "bhyve"}, {"lrpepyh", "Parallels"}, {"ACRNACRNACRN", "ACRN"},
		} {
			if strings.Contains(vendor, known.text) {
				return known.name
			}
		}
		if vendor != "" {
			return vendor
		}
		return "a hypervisor that does not say its name"
	}
	for _, known := range []string{"QEMU", "KVM", "VMware", "VirtualBox", "Amazon EC2", "Google Compute Engine", "Microsoft Corporation Virtual Machine", "Parallels", "Apple Virtualization"} {
		// Bare-metal machines of clouds are named after the cloud too, but say that they are metal.
		if strings.Contains(product, known) && !strings.Contains(product, "metal") {
			return known
		}
	}
	return ""
}
