package host

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"copylab/results/measured"
)

// counterFiles makes a /proc whose counters a test can set, with a device that counts flushes.
type counterFiles struct{ fs FS }

func newCounterFiles(t *testing.T) counterFiles {
	t.Helper()
	root := t.TempDir()
	f := counterFiles{FS{Proc: filepath.Join(root, "proc"), Sys: filepath.Join(root, "sys"), Root: root}}
	for _, dir := range []string{f.fs.Proc, f.fs.sys("class/block/vda/mq")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// set overwrites the files in place: Counters keeps them open.
func (f counterFiles) set(t *testing.T, stat, diskstats, meminfo string) {
	t.Helper()
	for name, text := range map[string]string{"stat": stat, "diskstats": diskstats, "meminfo": meminfo} {
		if err := os.WriteFile(f.fs.proc(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	statFirst = "cpu  100 10 50 1000 20 3 7 5 40 4\ncpu0 60 5 25 500 10 2 4 3 20 2\ncpu1 40 5 25 500 10 1 3 2 20 2\nintr 5 1 2\nctxt 1000\nbtime 1\n"
	// Every column grew by another amount.
	statLast  = "cpu  201 12 53 1011 27 16 24 24 63 33\ncpu0 160 6 26 501 11 3 5 4 21 3\ncpu1 41 6 27 510 16 13 19 20 42 30\nintr 7 2 3\nctxt 1042\nbtime 1\n"
	diskFirst = " 254 0 vda 100 1 2000 30 200 5 4000 60 0 70 90 1 0 8 1 9 14\n 7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n"
	diskLast  = " 254 0 vda 103 1 2024 31 211 8 4100 66 0 75 97 1 0 8 1 13 17\n 7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n"
	memFirst  = "MemTotal: 1000 kB\nDirty: 32 kB\nWriteback: 4 kB\n"
	memLast   = "MemTotal: 1000 kB\nDirty: 64 kB\nWriteback: 0 kB\n"
)

func want(t *testing.T, what string, got measured.Int, want int64) {
	t.Helper()
	if n, ok := got.Get(); !ok || n != want {
		t.Errorf("%s: got %v, want %d", what, got, want)
	}
}

func wantWhy(t *testing.T, what string, got measured.Int, why string) {
	t.Helper()
	if _, ok := got.Get(); ok || !strings.Contains(got.Why(), why) {
		t.Errorf("%s: got %v, want the reason %q", what, got, why)
	}
}

func openCounters(t *testing.T, fs FS, device string) *Counters {
	t.Helper()
	c, err := fs.OpenCounters(device)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestCounters(t *testing.T) {
	files := newCounterFiles(t)
	files.set(t, statFirst, diskFirst, memFirst)
	c := openCounters(t, files.fs, "vda")
	c.Before()
	files.set(t, statLast, diskLast, memLast)
	c.After()
	files.set(t, statLast, strings.Replace(diskLast, "211 8 4100", "300 9 5000", 1), memLast)
	c.Settled()

	const tick = 10_000_000
	m := c.Machine()
	// user 101, nice 2, system 3, irq 13, softirq 17. The guest columns grew too and are in user and nice already.
	want(t, "busy", m.BusyNS, (101+2+3+13+17)*tick)
	want(t, "softirq", m.SoftIRQNS, 17*tick)
	want(t, "iowait", m.IOWaitNS, 7*tick)
	want(t, "steal", m.StealNS, 19*tick)
	want(t, "total", m.TotalNS, (101+2+3+13+17+11+7+19)*tick)
	want(t, "switches", m.Switches, 42)
	if m.ResolutionNS != tick {
		t.Errorf("resolution %d", m.ResolutionNS)
	}
	want(t, "CPU 0", c.CPUBusy(0), (100+1+1+1+1)*tick)
	want(t, "CPU 1", c.CPUBusy(1), (1+1+2+12+16)*tick)
	wantWhy(t, "CPU 2", c.CPUBusy(2), "no CPU 2")

	d := c.Device()
	want(t, "reads", d.Reads, 3)
	want(t, "read bytes", d.ReadBytes, 24*512)
	want(t, "writes", d.Writes, 11)
	want(t, "write bytes", d.WriteBytes, 100*512)
	want(t, "merges", d.Merges, 3)
	want(t, "flushes", d.Flushes, 4)
	want(t, "flush time", d.FlushNS, 3e6)
	want(t, "busy", d.BusyNS, 5e6)
	want(t, "queue", d.QueueNS, (7-3)*1e6) // the flushes' 3 ms are in the kernel's 7, and once more with the writes that asked for them
	if d.Device != "vda" {
		t.Errorf("device %q", d.Device)
	}
	want(t, "settled writes", c.DeviceSettled().Writes, 100)
	want(t, "settled bytes", c.DeviceSettled().WriteBytes, 1000*512)
	want(t, "dirty before", c.DirtyBefore().DirtyBytes, 32<<10)
	want(t, "writeback before", c.DirtyBefore().WritebackBytes, 4<<10)
	want(t, "dirty after", c.DirtyAfter().DirtyBytes, 64<<10)
	want(t, "writeback after", c.DirtyAfter().WritebackBytes, 0)
}

// What can't be true is unavailable, with its reason: never 0, never clamped.
func TestCountersThatGoBack(t *testing.T) {
	files := newCounterFiles(t)
	files.set(t, statLast, diskLast, memLast)
	c := openCounters(t, files.fs, "vda")
	c.Before()
	files.set(t, strings.Replace(statLast, "1011 27", "1012 26", 1), strings.Replace(diskLast, "4100", "4000", 1), memLast)
	c.After()
	m := c.Machine()
	want(t, "busy", m.BusyNS, 0)
	wantWhy(t, "iowait", m.IOWaitNS, "went back")
	wantWhy(t, "total", m.TotalNS, "went back")
	d := c.Device()
	wantWhy(t, "write bytes", d.WriteBytes, "went back from 4100 to 4000")
	want(t, "writes", d.Writes, 0)
}

func TestCountersWithoutDevice(t *testing.T) {
	files := newCounterFiles(t)
	files.set(t, statFirst, diskFirst, memFirst)

	c := openCounters(t, files.fs, "")
	c.Before()
	c.After()
	wantWhy(t, "no device", c.Device().Reads, "no block device is known")
	want(t, "machine without a device", c.Machine().BusyNS, 0)

	c = openCounters(t, files.fs, "sdz")
	c.Before()
	c.After()
	wantWhy(t, "unknown device", c.Device().WriteBytes, "no device sdz")

	c = openCounters(t, files.fs, "vda")
	c.Before()
	files.set(t, statLast, "7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n", memLast)
	c.After()
	wantWhy(t, "device that vanished", c.Device().WriteBytes, "came or went")

	// A device without a request queue of its own: everything but its flushes is counted.
	if err := os.RemoveAll(files.fs.sys("class/block/vda/mq")); err != nil {
		t.Fatal(err)
	}
	files.set(t, statFirst, diskFirst, memFirst)
	c = openCounters(t, files.fs, "vda")
	c.Before()
	files.set(t, statLast, diskLast, memLast)
	c.After()
	want(t, "writes", c.Device().Writes, 11)
	wantWhy(t, "flushes", c.Device().Flushes, "counts no flushes on vda")

	for _, bad := range []string{"/dev/vda", "vda 1", "../vda"} {
		if c, err := files.fs.OpenCounters(bad); err == nil {
			t.Errorf("%q: no error", bad)
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Old drivers have slashes in names, for which sysfs writes exclamation marks.
func TestCountersOfNameWithSlash(t *testing.T) {
	files := newCounterFiles(t)
	files.set(t, statFirst, strings.ReplaceAll(diskFirst, "vda", "cciss/c0d0"), memFirst)
	c := openCounters(t, files.fs, "cciss!c0d0")
	c.Before()
	c.After()
	want(t, "writes", c.Device().Writes, 0)
}

func TestCountersNotRead(t *testing.T) {
	files := newCounterFiles(t)
	files.set(t, statFirst, diskFirst, memFirst)
	c := openCounters(t, files.fs, "vda")
	wantWhy(t, "nothing read", c.Machine().BusyNS, "not read at that time")
	c.Before()
	c.After()
	wantWhy(t, "not settled", c.DeviceSettled().Writes, "not read at that time")
	wantWhy(t, "not settled", c.DeviceSettled().Flushes, "not read at that time")

	none := openCounters(t, FS{Proc: t.TempDir(), Sys: t.TempDir()}, "vda")
	none.Before()
	none.After()
	reason := "no such file"
	if runtime.GOOS != "linux" {
		reason = runtime.GOOS
	}
	wantWhy(t, "no /proc", none.Machine().BusyNS, reason)
	wantWhy(t, "no /proc", none.Device().Writes, reason)
	wantWhy(t, "no /proc", none.DirtyAfter().DirtyBytes, reason)
	if none.Machine().ResolutionNS == 0 {
		t.Error("no resolution")
	}
}

// A file that outgrew its buffer is cut: half a number is no number.
func TestCountersThatOutgrowTheirBuffer(t *testing.T) {
	files := newCounterFiles(t)
	files.set(t, statFirst, diskFirst, memFirst)
	c := openCounters(t, files.fs, "vda")
	c.Before()
	files.set(t, statLast, diskLast+strings.Repeat(strings.ReplaceAll(diskLast, "vda", "x"), 2000), memLast)
	c.After()
	wantWhy(t, "grown diskstats", c.Device().Writes, "grew")
	want(t, "switches", c.Machine().Switches, 42)
}

// Reading the real counters allocates nothing: the garbage collector is off while a worker is timed.
func TestCountersAllocateNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	c := openCounters(t, System(), "")
	for i, read := range []func(){c.Before, c.After, c.Settled} {
		if n := testing.AllocsPerRun(100, read); n != 0 {
			t.Errorf("reading %d allocates %v times", i, n)
		}
	}
	// They did read something.
	if m := c.Machine(); m.Switches.Why() != "" {
		t.Errorf("switches: %v", m.Switches)
	}
}

// The real counters see a busy loop on the CPU that it runs on, and in the sum of all CPUs.
func TestCountersSeeWork(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	c := openCounters(t, System(), "")
	c.Before()
	burn(t, 60)
	c.After()
	m := c.Machine()
	busy, ok1 := m.BusyNS.Get()
	total, ok2 := m.TotalNS.Get()
	if !ok1 || !ok2 || busy < 3*m.ResolutionNS || busy > total {
		t.Errorf("60 ms of work on one CPU: busy %v of %v", m.BusyNS, m.TotalNS)
	}
	if n, ok := m.Switches.Get(); !ok || n < 0 {
		t.Errorf("switches %v", m.Switches)
	}
	var sum int64
	for cpu := range maxCPUs {
		n, ok := c.CPUBusy(cpu).Get()
		if !ok {
			break
		}
		sum += n
	}
	// Each reading of a CPU is cut to a tick on its own.
	if slack := int64(runtime.NumCPU()+8) * m.ResolutionNS; sum < busy-slack || sum > busy+slack {
		t.Errorf("the CPUs were busy for %d ns one by one, and for %d together", sum, busy)
	}
	if total, ok := c.DirtyBefore().DirtyBytes.Get(); !ok || total < 0 {
		t.Errorf("dirty memory: %v", c.DirtyBefore().DirtyBytes)
	}
}

func BenchmarkCountersAfter(b *testing.B) {
	c, err := OpenCounters("")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c.After()
	}
	if err := c.Close(); err != nil {
		b.Error(err)
	}
}
