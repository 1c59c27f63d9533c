package host

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"copylab/results/measured"
)

func find(t *testing.T, checks []Check, id string) Check {
	t.Helper()
	for _, c := range checks {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no check %s", id)
	return Check{}
}

// Each disturbance is found, explained and given its remedy.
func TestCheckupOfDisturbedMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the fixture is of Linux")
	}
	fs := fixture(t, "laptop")
	if len(allowedCPUs()) > 2 {
		t.Skip("the fixture describes two CPUs")
	}
	checks := Checkup(fs, t.TempDir())
	for id, want := range map[string]struct{ detail, remedy string }{
		"cpu-affinity":     {"of 128", "taskset"},
		"cpu-quota":        {"0.50 CPUs", "--cpus"},
		"load-average":     {"7.50", "uptime"},
		"steal-time":       {"4.7 %", "host"},
		"cpu-governor":     {"powersave", "sudo cpupower frequency-set -g performance"},
		"turbo":            {"on", "no_turbo"},
		"clocksource":      {"hpet", "echo tsc"},
		"power-source":     {"battery", "power supply"},
		"memory-available": {"488.3 MiB", "smaller"},
		"memory-limit":     {"1.0 GiB", "--memory"},
		"swap":             {"390.6 MiB", "swapoff"},
		"dirty-limits":     {"", "sudo sysctl vm.dirty_background_ratio=10"},
		"io-uring":         {"is 2", "sudo sysctl kernel.io_uring_disabled=0"},
		"veth-links":       {"CAP_NET_ADMIN", "sudo"},
		"kernel-tls":       {"mptcp", "sudo modprobe tls"},
	} {
		c := find(t, checks, id)
		if c.Status != CheckWarning || !strings.Contains(c.Detail, want.detail) || !strings.Contains(c.Remedy, want.remedy) {
			t.Errorf("%s: got %+v", id, c)
		}
	}
	if c := find(t, checks, "container"); c.Status != CheckOK || !strings.Contains(c.Detail, "kubepods") {
		t.Errorf("container: got %+v", c)
	}
}

func TestCheckupOfQuietMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the fixture is of Linux")
	}
	if len(allowedCPUs()) > 2 {
		t.Skip("the fixture describes two CPUs")
	}
	checks := Checkup(fixture(t, "server"), t.TempDir())
	for _, id := range []string{
		"cpu-affinity", "cpu-quota", "load-average", "busy-processes", "steal-time", "container", "cpu-governor", "turbo", "clocksource", "power-source",
		"memory-available", "memory-limit", "swap", "dirty-limits", "folder", "io-uring", "memlock-limit", "network-interfaces", "veth-links", "kernel-tls",
	} {
		if c := find(t, checks, id); c.Status != CheckOK {
			t.Errorf("%s: got %+v", id, c)
		}
	}
}

// The checks of a disk say what its attributes mean.
func TestChecksOfDisk(t *testing.T) {
	for _, tt := range []struct {
		name                  string
		disk                  Disk
		check                 func(*checkup) Check
		status, detail, remed string
	}{
		{"tmpfs", Disk{InMemory: true, Filesystem: "tmpfs", MountPoint: "/tmp"}, (*checkup).checkFilesystem, CheckWarning, "lives in memory", "--dir"},
		{"read-only", Disk{Filesystem: "ext4", MountOptions: "ro,relatime; rw"}, (*checkup).checkFilesystem, CheckWarning, "read-only", "--dir"},
		{"remounts read-only on errors", Disk{Filesystem: "ext4", MountOptions: "rw,relatime; rw,errors=remount-ro"}, (*checkup).checkFilesystem, CheckOK, "ext4", ""},
		{"no device", Disk{Why: "because"}, (*checkup).checkDevice, CheckWarning, "because", "--dir"},
		{"no flushes", Disk{Device: "dm-7"}, (*checkup).checkDevice, CheckWarning, "counts no flushes on dm-7", "plain disk"},
		{"bfq", Disk{Device: "sda", Scheduler: "bfq"}, (*checkup).checkScheduler, CheckWarning, "bfq", "/sys/block/sda/queue/scheduler"},
		{"none", Disk{Device: "sda", Scheduler: "none"}, (*checkup).checkScheduler, CheckOK, "none", ""},
		{"volatile", Disk{WriteCache: "write back"}, (*checkup).checkWriteCache, CheckOK, "volatile", ""},
		{"unknown cache", Disk{WriteCache: "unavailable: why"}, (*checkup).checkWriteCache, CheckUnavailable, "why", ""},
		{"solid", Disk{Rotational: "0"}, (*checkup).checkRotational, CheckOK, "solid", ""},
		{"rotating", Disk{Rotational: "1"}, (*checkup).checkRotational, CheckOK, "rotating", ""},
		{"full", Disk{FreeBytes: measured.Known[int64](1 << 30), SizeBytes: measured.Known[int64](1 << 40)}, (*checkup).checkSpace, CheckWarning, "need 1.0 GiB", "remove files"},
		{"room", Disk{FreeBytes: measured.Known[int64](1 << 32), SizeBytes: measured.Known[int64](1 << 40)}, (*checkup).checkSpace, CheckOK, "4.0 GiB of 1.0 TiB", ""},
		{"aligned", Disk{DirectMemAlign: measured.Known[int64](4), DirectOffsetAlign: measured.Known[int64](512)}, (*checkup).checkDirect, CheckOK, "4 bytes, offsets and lengths to 512", ""},
		{"no direct", Disk{DirectMemAlign: measured.Unavailable[int64]("why")}, (*checkup).checkDirect, CheckUnavailable, "why", ""},
	} {
		c := tt.check(&checkup{fs: FS{Proc: t.TempDir(), Sys: t.TempDir()}, disk: tt.disk, dir: "/d"})
		if c.Status != tt.status || !strings.Contains(c.Detail, tt.detail) || !strings.Contains(c.Remedy, tt.remed) {
			t.Errorf("%s: got %+v", tt.name, c)
		}
	}
}

// A limit of 0 is as good as no right.
func TestCheckOfVethLinks(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the fixture is of Linux")
	}
	fs := fixture(t, "server")
	if c := (&checkup{fs: fs}).checkVeth(); c.Status != CheckOK {
		t.Errorf("got %+v", c)
	}
	if err := os.WriteFile(fs.proc("sys/user/max_net_namespaces"), []byte("0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if c := (&checkup{fs: fs}).checkVeth(); c.Status != CheckWarning || !strings.Contains(c.Detail, "is 0") || !strings.Contains(c.Remedy, "user.max_net_namespaces") {
		t.Errorf("got %+v", c)
	}
}

// On any machine and in any folder: every check has its words, a warning has a remedy, and nothing is left behind.
func TestCheckupOfThisMachine(t *testing.T) {
	dir := t.TempDir()
	none := t.TempDir()
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	var ids []string
	for name, checks := range map[string][]Check{
		"real":           Checkup(System(), dir),
		"no folder":      Checkup(System(), dir+"/none"),
		"no pseudo-file": Checkup(FS{Proc: none, Sys: none, Root: none}, dir),
	} {
		seen := map[string]bool{}
		var mine []string
		for _, c := range checks {
			if !kebab.MatchString(c.ID) || seen[c.ID] || c.Title == "" || c.Detail == "" {
				t.Errorf("%s: bad words: %+v", name, c)
			}
			seen[c.ID] = true
			mine = append(mine, c.ID)
			if (c.Status == CheckWarning) != (c.Remedy != "") {
				t.Errorf("%s: a warning needs a remedy, and only a warning: %+v", name, c)
			}
			if c.Status != CheckOK && c.Status != CheckWarning && c.Status != CheckUnavailable {
				t.Errorf("%s: status %q", name, c.Status)
			}
			if strings.Contains(c.Detail, "unavailable: unavailable") {
				t.Errorf("%s: %+v", name, c)
			}
		}
		if ids == nil {
			ids = mine
		}
		if strings.Join(ids, " ") != strings.Join(mine, " ") {
			t.Errorf("%s: the checks are %v, elsewhere %v", name, mine, ids)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	b, err := json.Marshal(Check{ID: "a", Title: "b", Status: "ok", Detail: "c", Remedy: "d"})
	if want := `{"id":"a","title":"b","status":"ok","detail":"c","remedy":"d"}`; err != nil || string(b) != want {
		t.Errorf("got %s, %v", b, err)
	}
}

func TestOnBattery(t *testing.T) {
	type supply map[string]string
	mains := func(online string) supply { return supply{"type": "Mains", "online": online} }
	battery := func(status string) supply { return supply{"type": "Battery", "status": status} }
	mouse := supply{"type": "Battery", "scope": "Device", "status": "Discharging"}
	for _, tt := range []struct {
		name             string
		supplies         []supply
		onBattery, found bool
	}{
		{"nothing", nil, false, false},
		{"desktop with a mouse", []supply{mouse}, false, false},
		{"unplugged", []supply{mains("0"), battery("Discharging")}, true, true},
		{"plugged, charging", []supply{mains("1"), battery("Charging")}, false, true},
		{"plugged, but the charger is too weak", []supply{battery("Discharging"), mains("1")}, false, true},
		{"no word of the mains", []supply{battery("Discharging")}, true, true},
		{"full", []supply{mains("0"), battery("Full")}, false, true},
	} {
		fs := FS{Sys: t.TempDir()}
		if err := os.MkdirAll(fs.sys("class/power_supply"), 0o755); err != nil {
			t.Fatal(err)
		}
		for i, s := range tt.supplies {
			dir := fs.sys("class/power_supply", string(rune('A'+i)))
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			for name, text := range s {
				if err := os.WriteFile(dir+"/"+name, []byte(text+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got, found, err := fs.onBattery(); got != tt.onBattery || found != tt.found || err != nil {
			t.Errorf("%s: got %v, %v, %v", tt.name, got, found, err)
		}
	}
}

func TestBusiest(t *testing.T) {
	first := map[int]processTime{1: {"init", 5, 100}, 20: {"idle", 6, 100}, 30: {"old", 7, 100}, 40: {"burner", 8, 100}, os.Getpid(): {"self", 9, 0}}
	second := map[int]processTime{1: {"init", 5, 101}, 20: {"idle", 6, 100}, 30: {"new", 77, 190}, 40: {"burner", 8, 110}, 50: {"fresh", 9, 50}, os.Getpid(): {"self", 9, 99}}
	got := busiest(first, second, 100*time.Millisecond)
	if len(got) != 2 || got[0] != (processUse{40, "burner", 1}) || got[1] != (processUse{1, "init", 0.1}) {
		t.Errorf("got %+v", got)
	}
	if got := busiest(first, second, 0); got != nil {
		t.Errorf("no time: got %+v", got)
	}
}

// The limit is held against what the largest scenario needs.
func TestCheckOfOpenFiles(t *testing.T) {
	if c := openFiles(1024, nil); c.Status != CheckWarning || !strings.Contains(c.Detail, "1024: the largest scenario") || !strings.Contains(c.Remedy, "ulimit -n 2") {
		t.Errorf("got %+v", c)
	}
	if c := openFiles(MostOpenFiles, nil); c.Status != CheckOK || !strings.Contains(c.Detail, "the largest scenario needs") {
		t.Errorf("got %+v", c)
	}
	if c := openFiles(0, errors.New("why")); c.Status != CheckUnavailable || c.Detail != "why" {
		t.Errorf("got %+v", c)
	}
}
