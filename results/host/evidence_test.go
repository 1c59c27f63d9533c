package host

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"copylab/internal/kernel"
)

// answers are the probes of a machine that gives the same answer to all.
func answers(s kernel.Status) probes {
	one := func() kernel.Status { return s }
	return probes{
		sampling: func() kernel.SamplingStatus { return kernel.SamplingStatus{User: s, Kernel: s, CPU: s, Symbols: s} },
		syscalls: one, block: one, hardware: one, memory: one, interfaces: one, zeroCopy: one,
	}
}

// Every kind of evidence has a check. What needs no right is there for everybody; of the rest, each that is refused has its command.
func TestChecksOfEvidence(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the fixture is of Linux")
	}
	for _, tt := range []struct {
		fixture string
		answer  kernel.Status
		remedy  map[string]string // by ID; none: it is fine
	}{
		{"server", kernel.Available(), nil},
		{"laptop", kernel.Unavailable("refused"), map[string]string{
			"profile-of-program": "sudo sysctl kernel.perf_event_paranoid=2, or: sudo setcap", "profile-of-kernel": "kernel.perf_event_paranoid=1, or: sudo setcap cap_perfmon,cap_syslog+ep",
			"profile-of-machine": "kernel.perf_event_paranoid=0", "kernel-symbols": "kernel.kptr_restrict=0 kernel.perf_event_paranoid=1",
			"syscall-tracepoints": "sudo mount -t tracefs -o mode=755,gid=$(id -g) tracefs /sys/kernel/tracing, and besides one of these: sudo sysctl kernel.perf_event_paranoid=1",
			"block-tracepoints":   "and besides one of these: sudo sysctl kernel.perf_event_paranoid=-1", "hardware-counters": "pmu=on", "memory-traffic": "bare machine", "zero-copy-completions": "4.14",
		}},
	} {
		c := &checkup{fs: fixture(t, tt.fixture), dir: t.TempDir(), ask: answers(tt.answer), disk: Disk{Device: "vda"}}
		var ids []string
		for _, check := range c.evidence() {
			ids = append(ids, check.ID)
			if !strings.HasPrefix(check.Title, "Evidence: ") || check.Detail == "" {
				t.Errorf("%s: %+v", tt.fixture, check)
			}
			want, refused := tt.remedy[check.ID]
			if refused != (check.Status == CheckWarning) || !strings.Contains(check.Remedy, want) || refused && check.ID != "hardware-counters" && !strings.Contains(check.Detail, "refused") {
				if check.ID != "cachestat" && check.ID != "device-counters" && check.ID != "interface-counters" { // of this machine
					t.Errorf("%s: %+v, want the remedy %q", tt.fixture, check, want)
				}
			}
		}
		for _, id := range []string{
			"profile-of-program", "profile-of-kernel", "profile-of-machine", "kernel-symbols", "syscall-tracepoints", "block-tracepoints", "context-switches", "hardware-counters",
			"memory-traffic", "cachestat", "device-counters", "interface-counters", "zero-copy-completions",
		} {
			if !slices.Contains(ids, id) {
				t.Errorf("no check of %s among %v", id, ids)
			}
		}
	}
}

// What tracepoints need is told apart: a tracefs that is not there, or may not be read, and perf events.
func TestRemedyOfTracepoints(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the fixture is of Linux")
	}
	format := "sys/kernel/tracing/events/raw_syscalls/sys_enter/format"
	for _, tt := range []struct {
		name    string
		tracefs string // "", "mounted", "readable"
		level   string
		want    string
	}{
		{"nothing", "", "2", mountTracefs + ", and besides one of these: sudo sysctl kernel.perf_event_paranoid=1, or: " + setCapabilities},
		{"closed", "mounted", "1", openTracefs},
		{"only perf", "readable", "4", "sudo sysctl kernel.perf_event_paranoid=1, or: " + setCapabilities},
		{"all", "readable", "0", "run as root"},
	} {
		root := t.TempDir()
		fs := FS{Proc: filepath.Join(root, "proc"), Sys: filepath.Join(root, "sys"), Root: root}
		files := map[string]string{"proc/sys/kernel/perf_event_paranoid": tt.level, "proc/self/status": "CapEff:\t0000000000000000"}
		if tt.tracefs == "readable" {
			files[format] = "ID: 1"
		}
		for name, text := range files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if tt.tracefs == "mounted" { // a folder in place of the file can't be read either, by root too
			if err := os.MkdirAll(filepath.Join(root, format), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if got := (&checkup{fs: fs}).tracing(1); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A processor's counters that are there and refused have another remedy than those that a guest does not have.
func TestRemedyOfHardwareCounters(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the fixture is of Linux")
	}
	for device, want := range map[string]string{"software": "pmu=on", "cpu": "perf_event_paranoid=1", "cpu_core": "perf_event_paranoid=1", "armv8_pmuv3_0": "perf_event_paranoid=1"} {
		fs := FS{Proc: t.TempDir(), Sys: t.TempDir(), Root: t.TempDir()}
		if err := os.MkdirAll(fs.sys("bus/event_source/devices", device), 0o755); err != nil {
			t.Fatal(err)
		}
		c := &checkup{fs: fs, ask: answers(kernel.Unavailable("refused"))}
		if got := c.checkHardware(); !strings.Contains(got.Remedy, want) {
			t.Errorf("%s: %+v", device, got)
		}
	}
}

// In a container, its start decides too.
func TestRemedyInContainer(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the fixture is of Linux")
	}
	fs := FS{Proc: t.TempDir(), Sys: t.TempDir(), Root: t.TempDir()}
	if err := os.WriteFile(fs.root(".dockerenv"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c := &checkup{fs: fs, ask: answers(kernel.Unavailable("refused"))}
	if got := c.checkKernelSamples(c.ask.sampling()); !strings.Contains(got.Remedy, "--cap-add PERFMON --cap-add SYSLOG") {
		t.Errorf("%+v", got)
	}
}
