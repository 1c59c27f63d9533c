package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"copylab/internal/testenv"
	"copylab/internal/testenv/faultfs"
	"copylab/results"
	"copylab/results/host"
)

// badDay is a scenario of writes, with the cases that the test is about.
func badDay(writes string) string {
	return "title: Bad day\nquestion: What if it goes wrong?\nwrite:\n" + writes + "measure: {time: 20ms, blocks: 5..5, budget: 1h, evidence: off}\ncharts: []\n"
}

// faulty is a command whose folder disk is a filesystem that fails when it is told to.
func (l *lab) faulty(fault func(faultfs.Request) error, args ...string) (*running, *faultfs.FS) {
	l.Helper()
	f, err := faultfs.New(fault)
	testenv.Require(l, testenv.Mount, err == nil, "%v", err)
	l.Cleanup(func() {
		if err := f.Close(); err != nil {
			l.Error(err)
		}
	})
	l.folder("disk")
	cmd := l.mounted(mountFaulty(), args...)
	cmd.ExtraFiles = []*os.File{f.Device()}
	return l.begin(cmd), f
}

// mountFaulty is the shell command that mounts the filesystem by the connection that it inherits, and closes that. The command itself has no use
// for it: where it held it, what hangs would never end.
func mountFaulty() string {
	return "mount -i -t fuse -o " + faultfs.Options(3) + " copylab-test disk && exec 3>&-"
}

// requireFaulty goes on if a filesystem can be mounted that a test serves.
func requireFaulty(t *testing.T) {
	t.Helper()
	l := newLab(t)
	f, err := faultfs.New(nil)
	testenv.Require(t, testenv.Mount, err == nil, "%v", err)
	l.folder("disk")
	try := l.mounted(mountFaulty(), "version")
	try.ExtraFiles = []*os.File{f.Device()}
	out, err := try.CombinedOutput()
	if cerr := f.Close(); cerr != nil {
		t.Error(cerr)
	}
	testenv.Require(t, testenv.Mount, err == nil, "mount fuse: %v: %s", err, out)
}

// orOver makes a condition hold also when the command has ended, which may be too early: what it did is looked at anyway.
func (r *running) orOver(holds func() bool) func() bool {
	return func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.cmd.Process.Pid))
		return holds() || err != nil || strings.Contains(string(stat), ") Z ")
	}
}

// reach waits until the command has printed text. One that has ended without does not get there.
func (r *running) reach(text string) {
	r.lab.Helper()
	r.eventually("it printed "+text, r.orOver(func() bool { return strings.Contains(r.errs.String(), text) }))
	if !strings.Contains(r.errs.String(), text) {
		got := r.wait()
		r.lab.Fatalf("it did not print %q; exit code %d:\n%s%s", text, got.Code, got.Out, got.Errs)
	}
}

// isTrialFile tells whether a path is that of a file that trials write.
func isTrialFile(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, "fresh-") || strings.HasPrefix(base, "target-")
}

// failures are the errors of the trials that failed, by case.
func failures(trials []results.Trial) map[string]string {
	failed := map[string]string{}
	for _, t := range trials {
		if t.Error != "" {
			failed[t.Case] += t.Error
		}
	}
	return failed
}

// wantFailed checks a run of which one case failed and all others were measured: everything that a user is told of it.
func (l *lab) wantFailed(got finished, is func(results.Params) bool, words ...string) {
	l.Helper()
	if got.Code != exitFailed || !strings.Contains(got.Errs, "failed: the report in run says which and why") {
		l.Errorf("exit code %d, want %d:\n%s", got.Code, exitFailed, got.Errs)
	}
	folder := filepath.Join(l.Dir, "run")
	s, err := results.Load(folder)
	if err != nil {
		l.Fatal(err)
	}
	report, err := os.ReadFile(filepath.Join(folder, "report.md"))
	if err != nil {
		l.Error(err)
	}
	found := 0
	for _, c := range s.Cases {
		switch {
		case !is(c.Params) && (c.Status != results.CaseMeasured || c.Trials != 5):
			l.Errorf("%s is %s after %d trials: %s", c.ID, c.Status, c.Trials, c.Reason)
		case !is(c.Params):
		case c.Status != results.CaseFailed:
			l.Errorf("%s is %s, want a failure: %s", c.ID, c.Status, c.Reason)
		default:
			found++
			l.Logf("%s", c.Reason)
			for _, w := range words {
				if !strings.Contains(c.Reason, w) {
					l.Errorf("%q does not say %q", c.Reason, w)
				}
			}
		}
	}
	if found == 0 {
		l.Error("no case failed")
	}
	for what, text := range map[string]string{"the table": got.Out, "report.md": string(report)} {
		if len(words) > 0 && !strings.Contains(strings.Join(strings.Fields(text), " "), words[0]) {
			l.Errorf("%s does not say %q", what, words[0])
		}
	}
	_, trials, _ := l.record(folder)
	for _, t := range trials {
		if ns, ok := t.DurableNS.Get(); t.Error != "" && ok {
			l.Errorf("trial %d failed, and is called durable after %d ns", t.Seq, ns)
		}
	}
	l.wantReport(folder)
	if left := l.workers(); len(left) > 0 {
		l.Errorf("workers are left: %v", left)
	}
}

// What the device or the filesystem refuses in the middle of a run fails the case that it met, and no other: at a write, at a sync, at
// close(2), and where io_uring completes it. After a sync that failed there is no second one, which would find nothing wrong.
func TestFaultsInMidRun(t *testing.T) {
	slowUnderRace(t)
	t.Parallel()
	requireFaulty(t)
	const advice = "see the kernel's log (dmesg)"
	for _, tt := range []struct {
		name, write, method string
		at                  faultfs.Operation
		errno               syscall.Errno
		want                []string
	}{
		{"buffered write", "methods: [buffered, null], patterns: append", "buffered", faultfs.Write, unix.EIO, []string{"input/output error", "pwrite64 of 4096 bytes at offset 16384", advice}},
		{"direct write", "methods: [direct, null], patterns: overwrite", "direct", faultfs.Write, unix.EIO, []string{"input/output error", "pwrite64 of 4096 bytes at offset 16384", advice}},
		{"io_uring write", "methods: [uring, null], patterns: overwrite, depth: [8]", "uring", faultfs.Write, unix.EIO, []string{"input/output error", "io_uring write of 4096 bytes at offset 16384", advice}},
		{"io_uring direct write", "methods: [uring-direct, null], patterns: overwrite, depth: [8]", "uring-direct", faultfs.Write, unix.EIO, []string{"input/output error", "io_uring write", advice}},
		{"vectored write", "methods: [vectored, null], patterns: append", "vectored", faultfs.Write, unix.EIO, []string{"input/output error", "pwritev of 4096 bytes at offset 16384", advice}},
		{"synchronous write", "methods: [dsync, null], patterns: append", "dsync", faultfs.Fsync, unix.EIO, []string{"input/output error", "pwrite64 of 4096 bytes", advice}},
		{"fdatasync", "methods: [buffered, null], patterns: append, sync: [every=16]", "buffered", faultfs.Fsync, unix.EIO, []string{"input/output error", "fdatasync ", "what was written is not durable, and on Linux a second sync would not tell", advice}},
		{"fsync of io_uring", "methods: [uring, null], patterns: append, sync: [every=16], depth: [4]", "uring", faultfs.Fsync, unix.EIO, []string{"input/output error", "io_uring fdatasync", "not durable", advice}},
		{"group commit", "methods: [buffered, null], patterns: append, sync: [group], writers: [4]", "buffered", faultfs.Fsync, unix.EIO, []string{"input/output error", "fdatasync ", "not durable", advice}},
		{"msync", "methods: [mmap, null], patterns: overwrite, sync: [end]", "mmap", faultfs.Fsync, unix.EIO, []string{"input/output error", "msync ", "not durable", advice}},
		{"write-back of a mapping", "methods: [mmap, null], patterns: overwrite, sync: [end]", "mmap", faultfs.Write, unix.EIO, []string{"input/output error", "msync ", "not durable", advice}},
		{"write-back after the trial", "methods: [mmap, null], patterns: overwrite", "mmap", faultfs.Write, unix.EIO, []string{"input/output error", "write back what the trial left: sync ", advice}},
		{"close", "methods: [buffered, null], patterns: append", "buffered", faultfs.Flush, unix.EIO, []string{"input/output error", "close ", "what was written may be lost", advice}},
		{"many logs", "methods: [buffered, null], patterns: many-logs, files: [20]", "buffered", faultfs.Write, unix.EIO, []string{"input/output error", "pwrite64 of 4096 bytes at offset 0", "-3", advice}},
		{"quota", "methods: [buffered, null], patterns: append", "buffered", faultfs.Write, unix.EDQUOT, []string{"disk quota exceeded", "pwrite64 of 4096 bytes at offset 16384", "have it raised, or choose a smaller file"}},
		{"quota with direct writes", "methods: [direct, null], patterns: append", "direct", faultfs.Write, unix.EDQUOT, []string{"disk quota exceeded", "at offset 16384", "have it raised, or choose a smaller file"}},
		{"quota with io_uring", "methods: [uring, null], patterns: append, depth: [8]", "uring", faultfs.Write, unix.EDQUOT, []string{"disk quota exceeded", "io_uring write of 4096 bytes", "have it raised, or choose a smaller file"}},
		{"quota at the sync", "methods: [buffered, null], patterns: append, sync: [end]", "buffered", faultfs.Fsync, unix.EDQUOT, []string{"disk quota exceeded", "fdatasync ", "not durable", "have your quota raised"}},
		{"quota with many logs", "methods: [buffered, null], patterns: many-logs, files: [20]", "buffered", faultfs.Write, unix.EDQUOT, []string{"disk quota exceeded", "have it raised"}},
		{"quota with a mapping", "methods: [mmap, null], patterns: overwrite, sync: [end]", "mmap", faultfs.Fsync, unix.EDQUOT, []string{"disk quota exceeded", "msync ", "not durable", "have your quota raised"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.file("bad.yaml", badDay("  {"+tt.write+", block: 4KiB, file: 4MiB}\n"))
			at := int64(16384)
			if strings.Contains(tt.write, "many-logs") {
				at = 0
			}
			var armed, fired atomic.Bool
			var written sync.Map // files of which the trial has written that place: what making them ready does is something else
			r, f := l.faulty(func(q faultfs.Request) error {
				if !armed.Load() || !isTrialFile(q.File) || at == 0 && !strings.HasSuffix(q.File, "-3") {
					return nil
				}
				// Write-back comes in large pieces.
				if q.Operation == faultfs.Write && q.Offset <= at && at < q.Offset+int64(q.Bytes) {
					written.Store(q.File, true)
				}
				if _, ok := written.Load(q.File); ok && q.Operation == tt.at && fired.CompareAndSwap(false, true) { // once
					return tt.errno
				}
				return nil
			}, "run", "bad.yaml", "--dir", "disk", "--out", "run")
			r.reach("\nblock 1 of ")
			armed.Store(true)
			r.eventually("the fault was met", r.orOver(fired.Load))
			syncs := f.Count(faultfs.Fsync)
			got := r.wait()
			l.wantFailed(got, func(p results.Params) bool { return p.Method == tt.method }, tt.want...)
			if tt.at == faultfs.Fsync && f.Count(faultfs.Fsync) != syncs {
				t.Errorf("after the sync that failed there were %d more", f.Count(faultfs.Fsync)-syncs)
			}
			if left := f.Paths(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// Where not even the test files can be made, the run is refused, and its folder is gone.
func TestFaultsInTheBeginning(t *testing.T) {
	t.Parallel()
	requireFaulty(t)
	for _, tt := range []struct {
		errno syscall.Errno
		at    faultfs.Operation
		want  []string
	}{
		{unix.EDQUOT, faultfs.Write, []string{"fill test file of 4MiB: ", "disk quota exceeded", "have it raised", "--dir"}},
		{unix.ENOSPC, faultfs.Write, []string{"no space left on device", "free some space", "--dir"}},
		{unix.EIO, faultfs.Fsync, []string{"input/output error", "dmesg", "--dir"}},
		{unix.EROFS, faultfs.Write, []string{"read-only file system", "dmesg"}},
	} {
		t.Run(tt.errno.Error(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.file("bad.yaml", badDay("  {methods: [buffered], patterns: overwrite, file: 4MiB}\n"))
			r, f := l.faulty(func(q faultfs.Request) error {
				if q.Operation == tt.at && isTrialFile(q.File) {
					return tt.errno
				}
				return nil
			}, "run", "bad.yaml", "--dir", "disk", "--out", "run")
			got := r.wait()
			if got.Code != exitFailed {
				t.Errorf("exit code %d, want %d", got.Code, exitFailed)
			}
			for _, w := range append(tt.want, "copylab: ") {
				if !strings.Contains(got.Errs, w) {
					t.Errorf("it does not say %q:\n%s", w, got.Errs)
				}
			}
			if left := f.Paths(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if names := l.entries(l.Dir); fmt.Sprint(names) != "[bad.yaml disk]" {
				t.Errorf("left behind: %v", names)
			}
		})
	}
}

// A filesystem that refuses O_DIRECT leaves the direct methods unavailable, with the reason. The others are measured, and nothing has failed.
func TestDirectRefused(t *testing.T) {
	t.Parallel()
	requireFaulty(t)
	l := newLab(t)
	l.file("bad.yaml", badDay("  {methods: [buffered, direct, direct-dsync, uring-direct], patterns: overwrite, block: 4KiB, file: 4MiB}\n"))
	r, f := l.faulty(func(q faultfs.Request) error {
		if (q.Operation == faultfs.Open || q.Operation == faultfs.Create) && q.Flags&unix.O_DIRECT != 0 {
			return unix.EINVAL
		}
		return nil
	}, "run", "bad.yaml", "--dir", "disk", "--out", "run")
	got := r.wait()
	if got.Code != exitDone {
		t.Errorf("exit code %d, want %d:\n%s", got.Code, exitDone, got.Errs)
	}
	s, err := results.Load(filepath.Join(l.Dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Cases {
		if c.Params.Method == "buffered" && (c.Status != results.CaseMeasured || c.Trials != 5) ||
			c.Params.Method != "buffered" && (c.Status != results.CaseUnavailable || !strings.Contains(c.Reason, "a FUSE filesystem refuses O_DIRECT")) {
			t.Errorf("%s is %s after %d trials: %s", c.ID, c.Status, c.Trials, c.Reason)
		}
	}
	if text := strings.Join(strings.Fields(got.Out), " "); !strings.Contains(text, "refuses O_DIRECT") {
		t.Errorf("the table does not say why:\n%s", got.Out)
	}
	l.wantReport(filepath.Join(l.Dir, "run"))
	if left := f.Paths(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// One that takes O_DIRECT and writes through the page cache all the same says so, if asked: the direct methods are unavailable there too.
func TestDirectIgnored(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("bad.yaml", badDay("  {methods: [buffered, direct, direct-dsync, uring-direct], patterns: overwrite, block: 4KiB, file: 4MiB}\n"))
	mount := strings.ReplaceAll(smallFilesystem(t, l), "-o loop", "-o loop,data=journal")
	got := l.begin(l.mounted(mount, "run", "bad.yaml", "--dir", "disk", "--out", "run")).wait()
	if got.Code != exitDone {
		t.Errorf("exit code %d, want %d:\n%s", got.Code, exitDone, got.Errs)
	}
	s, err := results.Load(filepath.Join(l.Dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Cases {
		if c.Params.Method == "buffered" && c.Status != results.CaseMeasured ||
			c.Params.Method != "buffered" && (c.Status != results.CaseUnavailable || !strings.Contains(c.Reason, "takes O_DIRECT and ignores it, says statx(2)")) {
			t.Errorf("%s is %s: %s", c.ID, c.Status, c.Reason)
		}
	}
	wantOnDisk(t, l, mount, "lost+found")
}

// beginFiltered starts the command on a thread with a filter (seccomp(2)) that the command and its workers inherit: pwrite64 of so many
// bytes fails with EINVAL.
func (l *lab) beginFiltered(bytes uint32, args ...string) *running {
	l.Helper()
	const (
		load    = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		unequal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		answer  = unix.BPF_RET | unix.BPF_K

		numberAt = 0          // struct seccomp_data: nr
		countAt  = 16 + 2*8   // args[2], its lower half on a little-endian machine
		allow    = 0x7fff0000 // SECCOMP_RET_ALLOW
		errno    = 0x00050000 // SECCOMP_RET_ERRNO
		filter   = 2          // SECCOMP_MODE_FILTER
	)
	program := []unix.SockFilter{{Code: load, K: numberAt}, {Code: unequal, Jf: 3, K: unix.SYS_PWRITE64},
		{Code: load, K: countAt}, {Code: unequal, Jf: 1, K: bytes}, {Code: answer, K: errno | uint32(unix.EINVAL)}, {Code: answer, K: allow}}
	list := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	r := &running{lab: l, cmd: l.command(l.program, args...)}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.errs
	started := make(chan error)
	go func() {
		// Never unlocked, because of the filter, and never ended: the command dies with the thread that has started it, and so do those of other tests
		// that may have been started by this one.
		runtime.LockOSThread()
		err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		if err == nil {
			err = unix.Prctl(unix.PR_SET_SECCOMP, filter, uintptr(unsafe.Pointer(&list)), 0, 0)
		}
		if err != nil {
			err = fmt.Errorf("prctl: %w", err)
		} else {
			err = r.cmd.Start()
		}
		started <- err
		select {}
	}()
	if err := <-started; err != nil {
		l.Skipf("no system call can be made to fail here: %v", err)
	}
	return r
}

// A filesystem that tells that it takes 512 bytes directly, and does not: the error names what was believed, who said so, and what to do.
func TestAlignmentIsALie(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	disk, err := host.DiskUnder(l.Dir)
	if err != nil {
		t.Fatal(err)
	}
	memory, known := disk.DirectMemAlign.Get()
	offset, _ := disk.DirectOffsetAlign.Get()
	testenv.Require(t, testenv.Direct, known && memory <= 512 && offset <= 512, "direct I/O at 512 bytes: %v, %v", disk.DirectMemAlign, disk.DirectOffsetAlign)
	l.file("bad.yaml", badDay("  - {methods: [direct], patterns: overwrite, block: 512B, file: 1MiB}\n  - {methods: [direct], patterns: overwrite, block: 4KiB, file: 1MiB}\n"))
	l.folder("disk")
	got := l.beginFiltered(512, "run", "bad.yaml", "--dir", "disk", "--out", "run").wait()
	l.wantFailed(got, func(p results.Params) bool { return p.BlockBytes == 512 },
		"asks for more alignment than it tells", fmt.Sprintf("offset 0 and length 512 are multiples of %d, as STATX_DIOALIGN asks", offset), "choose a larger block, a page for example, or a buffered method")
	l.wantEmpty(l.folder("disk"))
}

// tmpfs and overlays are allowed and named, and what has no disk is called durable nowhere.
func TestFilesystemsWithoutADisk(t *testing.T) {
	slowUnderRace(t)
	t.Parallel()
	for _, tt := range []struct {
		name, mount, filesystem string
		inMemory                bool
		warning                 string
	}{
		{"tmpfs", "mount -t tmpfs copylab-test disk", "tmpfs", true, "the test files are in memory (tmpfs at "},
		{"overlay over tmpfs", "mount -t tmpfs copylab-test below && mkdir below/upper below/work && mount -t overlay -o lowerdir=lower,upperdir=$PWD/below/upper,workdir=$PWD/below/work copylab-test disk",
			"overlay over tmpfs", true, "the test files are in memory (overlay over tmpfs at "},
		{"overlay over a disk", "mkdir -p below/upper below/work && mount -t overlay -o lowerdir=lower,upperdir=$PWD/below/upper,workdir=$PWD/below/work copylab-test disk", "overlay over ", false, ""},
		{"volatile overlay", "mkdir -p below/upper below/work && mount -t overlay -o volatile,lowerdir=lower,upperdir=$PWD/below/upper,workdir=$PWD/below/work copylab-test disk", "overlay over ", false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.file("bad.yaml", badDay("  - {methods: [dsync, direct], patterns: overwrite, block: 4KiB, file: 1MiB}\n  - {methods: [buffered], patterns: append, sync: [end], block: 4KiB, file: 1MiB}\n"))
			for _, name := range []string{"disk", "below", "lower"} {
				l.folder(name)
			}
			requireMount(t, l, tt.mount)
			if tt.name == "volatile overlay" { // it refuses a work folder that was used
				if err := os.RemoveAll(filepath.Join(l.Dir, "below")); err != nil {
					t.Fatal(err)
				}
				l.folder("below")
			}
			got := l.begin(l.mounted(tt.mount, "run", "bad.yaml", "--dir", "disk", "--out", "run")).wait()
			if got.Code != exitDone {
				t.Fatalf("exit code %d, want %d:\n%s", got.Code, exitDone, got.Errs)
			}
			s, err := results.Load(filepath.Join(l.Dir, "run"))
			if err != nil {
				t.Fatal(err)
			}
			d := s.Run.Host.Disk
			if d.InMemory != tt.inMemory || !strings.HasPrefix(d.Filesystem, tt.filesystem) || tt.inMemory && d.Device != "" {
				t.Errorf("the record says %q, in memory: %v, device %q", d.Filesystem, d.InMemory, d.Device)
			}
			report, err := os.ReadFile(filepath.Join(l.Dir, "run", "report.md"))
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{string(report), got.Out} {
				text = strings.Join(strings.Fields(text), " ")
				if !strings.Contains(text, tt.warning) {
					t.Errorf("it does not say %q:\n%s", tt.warning, text)
				}
			}
			if !strings.Contains(string(report), d.Filesystem) {
				t.Errorf("the report does not name %s", d.Filesystem)
			}
			durable := !tt.inMemory && tt.name != "volatile overlay"
			for _, c := range s.Cases {
				if c.Status == results.CaseUnavailable && c.Params.Method == "direct" {
					continue
				}
				if c.Status != results.CaseMeasured {
					t.Errorf("%s is %s: %s", c.ID, c.Status, c.Reason)
					continue
				}
				m := c.Metrics[results.MetricDurable]
				if wants := c.Params.Method == "dsync" || c.Params.Sync == "end"; wants && (m.Why() == "") != durable {
					t.Errorf("%s: durable rate %v (%s)", c.ID, m.Median, m.Why())
				}
			}
			doctor := l.begin(l.mounted(strings.ReplaceAll(tt.mount, "mkdir -p", "rm -rf below/work && mkdir -p"), "doctor", "--dir", "disk")).wait()
			word := d.Filesystem + " at "
			if text := strings.Join(strings.Fields(doctor.Out), " "); doctor.Code != exitDone || !strings.Contains(text, word) ||
				tt.inMemory && !strings.Contains(text, "lives in memory: no disk is measured") ||
				tt.name == "volatile overlay" && !strings.Contains(text, "it leaves out every sync") {
				t.Errorf("doctor, exit code %d:\n%s", doctor.Code, text)
			}
		})
	}
}

// fillAgain fills the disk for as long as the command runs, so that every case meets the end of the space.
func (r *running) fillAgain() {
	r.lab.Helper()
	r.eventually("it ended", func() bool {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d/root/", r.cmd.Process.Pid)); err != nil || strings.Contains(r.errs.String(), "\ncopylab: ") {
			return true
		}
		r.fill()
		return false
	})
}

// Every method that makes a file grow meets the end of the space with the kernel's own word for it. Those that write over what is there
// go on.
func TestDiskGetsFullByMethod(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("full.yaml", badDay(`  - {patterns: append, methods: [buffered, direct, dsync, uring, vectored], block: 64KiB, file: 6MiB}
  - {patterns: append, methods: [buffered], sync: [every=4], block: 64KiB, file: 6MiB}
  - {patterns: append-fallocated, methods: [mmap], block: 64KiB, file: 6MiB}
  - {patterns: many-logs, files: [10], methods: [buffered], block: 64KiB, file: 6MiB}
  - {patterns: overwrite, methods: [buffered, mmap, direct], block: 64KiB, file: 6MiB}
`))
	mount := smallFilesystem(t, l)
	r := l.begin(l.mounted(mount, "run", "full.yaml", "--dir", "disk", "--out", "run"))
	r.reach("\nblock 1 of ")
	r.fillAgain()
	l.wantFailed(r.wait(), func(p results.Params) bool { return p.Pattern != "overwrite" }, "no space left on device", "choose")
	wantOnDisk(t, l, mount, "filler lost+found")
}

// inMountsOf runs do on a thread in the mount namespace of the command.
func (r *running) inMountsOf(do func() error) {
	r.lab.Helper()
	done := make(chan error)
	go func() {
		// The thread must not end, as it would if it stayed locked: it may be the one that has started another test's command, which dies with it.
		runtime.LockOSThread()
		done <- func() error {
			ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", r.cmd.Process.Pid))
			if err != nil {
				return err
			}
			defer ns.Close()
			own, err := os.Open("/proc/thread-self/ns/mnt")
			if err != nil {
				return err
			}
			defer own.Close()
			folder, err := os.Open(".")
			if err != nil {
				return err
			}
			defer folder.Close()
			if err := unix.Unshare(unix.CLONE_FS); err != nil { // setns(2) wants it
				return fmt.Errorf("unshare: %w", err)
			}
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNS); err != nil {
				return fmt.Errorf("setns: %w", err)
			}
			err = do()
			back := errors.Join(unix.Setns(int(own.Fd()), unix.CLONE_NEWNS), unix.Fchdir(int(folder.Fd())))
			if back != nil {
				panic(back)
			}
			runtime.UnlockOSThread()
			return err
		}()
	}()
	if err := <-done; err != nil {
		r.lab.Fatal(err)
	}
}

// A filesystem that becomes read-only in the middle of a run, as it does when it finds itself damaged: the run says so, keeps its record,
// says which files it could not remove and how to be rid of them later. That is then true.
func TestFilesystemBecomesReadOnly(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("bad.yaml", badDay("  {methods: [buffered, direct, mmap], patterns: overwrite, sync: [end], block: 4KiB, file: 4MiB}\n"))
	mount := strings.ReplaceAll(smallFilesystem(t, l), "-o loop", "-o loop,errors=remount-ro")
	r := l.begin(l.mounted(mount, "run", "bad.yaml", "--dir", "disk", "--out", "run"))
	r.reach("\nblock 1 of ")
	r.inMountsOf(func() error {
		device, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", r.cmd.Process.Pid))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(device)) {
			fields := strings.Fields(line)
			if at := slices.Index(fields, "ext4"); fields[4] == filepath.Join(l.Dir, "disk") && at > 0 && strings.HasPrefix(fields[at+1], "/dev/loop") {
				return os.WriteFile("/sys/fs/ext4/"+filepath.Base(fields[at+1])+"/trigger_fs_error", []byte("copylab's test"), 0)
			}
		}
		return errors.New("the loop device is not mounted")
	})
	got := r.wait()
	if got.Code != exitFailed {
		t.Errorf("exit code %d, want %d", got.Code, exitFailed)
	}
	t.Logf("%s", got.Errs)
	for _, w := range []string{"read-only file system", "remove ", "disk/.copylab-", " stays (", "once files can be removed there, this removes it: copylab clean --dir disk"} {
		if !strings.Contains(got.Errs, w) {
			t.Errorf("it does not say %q:\n%s", w, got.Errs)
		}
	}
	_, trials, end := l.record(filepath.Join(l.Dir, "run"))
	failed := failures(trials)
	if len(failed) != 3 || end.Reason != results.StopFailed {
		t.Errorf("%d cases failed, want 3; the run ended with %+v", len(failed), end)
	}
	for id, why := range failed {
		if !strings.Contains(why, "the filesystem has become read-only, by hand or since it met a fault; see the kernel's log (dmesg)") {
			t.Errorf("%s: %s", id, why)
		}
	}
	l.wantReport(filepath.Join(l.Dir, "run"))

	// What a user would do next. 1: it found something to mend.
	mend := exec.Command("e2fsck", "-f", "-y", filepath.Join(l.Dir, "image"))
	if out, err := mend.CombinedOutput(); err != nil && mend.ProcessState.ExitCode() != 1 {
		t.Fatalf("e2fsck: %v\n%s", err, out)
	}
	readOnly := mount + " && mount -o remount,ro disk"
	again := l.begin(l.mounted(readOnly, "clean", "--dir", "disk")).wait()
	if again.Code != exitFailed || !strings.Contains(again.Errs, "remove leftover disk/.copylab-") || !strings.Contains(again.Errs, "read-only file system: make its filesystem writable first") {
		t.Errorf("clean while it is read-only: exit code %d:\n%s%s", again.Code, again.Out, again.Errs)
	}
	clean := l.begin(l.mounted(mount, "clean", "--dir", "disk")).wait()
	if clean.Code != exitDone || !strings.HasPrefix(clean.Out, "removed disk/.copylab-") {
		t.Errorf("clean: exit code %d:\n%s%s", clean.Code, clean.Out, clean.Errs)
	}
	wantOnDisk(t, l, mount, "lost+found")
}

// target is the file in disk that trials write over, once it is there.
func (l *lab) target(kind string) string {
	l.Helper()
	names, err := filepath.Glob(filepath.Join(l.Dir, "disk/.copylab-*/target-"+kind+"-*"))
	if err != nil || len(names) != 1 {
		l.Fatalf("found %v, %v; want one file", names, err)
	}
	return names[0]
}

// Somebody makes a file shrink that is mapped. The kernel's SIGBUS is an error of the case, and no crash. A file that was made shorter or
// longer is not written over as if nothing had happened.
func TestFileShrinksUnderMapping(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("bad.yaml", strings.ReplaceAll(badDay("  - {methods: [mmap, direct], patterns: overwrite, block: 4KiB, file: 8MiB, rate: [3000/s]}\n  - {methods: [buffered], patterns: overwrite, block: 4KiB, file: 8MiB}\n"), "20ms", "300ms"))
	l.folder("disk")
	r := l.start("run", "bad.yaml", "--dir", "disk", "--out", "run")
	r.reach("\nblock 1 of ")
	name := l.target("buffered")
	r.eventually("the file was mapped", r.orOver(func() bool {
		for _, pid := range l.workers() {
			maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
			if err == nil && strings.Contains(string(maps), name) {
				return true
			}
		}
		return false
	}))
	if err := os.Truncate(name, 64<<10); err != nil {
		t.Fatal(err)
	}
	got := r.wait()
	l.wantFailed(got, func(p results.Params) bool { return p.Method != "direct" })
	_, trials, _ := l.record(filepath.Join(l.Dir, "run"))
	for id, why := range failures(trials) {
		words := []string{"SIGBUS", name[strings.Index(name, "target"):], "somebody made the file shrink to 65536 bytes meanwhile", "keep others from the folder, and run again"}
		if strings.Contains(id, "buffered") {
			words = []string{"has 65536 bytes and was made with 8388608", "keep others from the folder, and run again"}
		}
		for _, w := range words {
			if !strings.Contains(why, w) {
				t.Errorf("%s: %q does not say %q", id, why, w)
			}
		}
	}
	l.wantEmpty(l.folder("disk"))
}

// Two runs in one folder at once: both do their work, neither sees the other's files, and clean leaves both alone.
func TestTwoRunsInOneFolder(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("bad.yaml", badDay("  - {methods: [buffered, direct, mmap], patterns: overwrite, block: 4KiB, file: 2MiB}\n  - {patterns: many-logs, files: [30], methods: [buffered], block: 4KiB, file: 2MiB}\n"))
	disk := l.folder("disk")
	var runs []*running
	for i := range 3 {
		runs = append(runs, l.start("run", "bad.yaml", "--dir", "disk", "--out", fmt.Sprintf("run%d", i)))
	}
	runs[0].reach("warm-up")
	if got := l.want(exitDone, "clean", "--dir", "disk"); got.Out != "nothing was left behind in disk\n" {
		t.Errorf("clean said %q", got.Out)
	}
	for i, r := range runs {
		got := r.wait()
		if got.Code != exitDone || strings.Contains(got.Errs, "removed") {
			t.Errorf("exit code %d:\n%s", got.Code, got.Errs)
		}
		folder := filepath.Join(l.Dir, fmt.Sprintf("run%d", i))
		l.wantReport(folder)
		if _, trials, end := l.record(folder); len(failures(trials)) > 0 || end.Blocks != 5 {
			t.Errorf("%v; it ended with %+v", failures(trials), end)
		}
	}
	l.wantEmpty(disk)
}

// A writer that is killed in the middle of a trial fails that trial and its case, and none of its files stays.
func TestWriterKilled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("bad.yaml", strings.ReplaceAll(badDay("  - {patterns: many-logs, files: [50], methods: [buffered], block: 4KiB, file: 64MiB, rate: [1000/s]}\n  - {patterns: overwrite, methods: [direct], block: 4KiB, file: 1MiB}\n"), "20ms", "400ms"))
	disk := l.folder("disk")
	r := l.start("run", "bad.yaml", "--dir", "disk", "--out", "run")
	r.reach("\nblock 1 of ")
	files := func() (n int, bytes int64) {
		names, err := filepath.Glob(filepath.Join(disk, ".copylab-*/fresh-*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if info, err := os.Stat(name); err == nil {
				bytes += info.Size()
			}
		}
		return len(names), bytes
	}
	killed := 0
	r.eventually("a writer wrote many files", r.orOver(func() bool {
		if n, bytes := files(); n == 50 && bytes > 0 {
			if pids := l.workers(); len(pids) == 1 {
				killed = pids[0]
			}
		}
		return killed != 0
	}))
	if killed == 0 {
		t.Fatalf("there was none:\n%s", r.wait().Errs)
	}
	if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.eventually("its files were gone", func() bool { n, _ := files(); return n == 0 })
	l.wantFailed(r.wait(), func(p results.Params) bool { return p.Pattern == "many-logs" }, "writer died in mid-trial: signal: killed")
	l.wantEmpty(disk)
}

// A disk that does not answer: neither a signal nor the kernel can end a writer that waits for it. Ctrl-C ends the run all the same, says
// what is stuck, and keeps and renders the record.
func TestDiskHangs(t *testing.T) {
	t.Parallel()
	requireFaulty(t)
	for _, tt := range []struct {
		name, write string
		at          faultfs.Operation
	}{
		{"at a sync", "methods: [buffered], patterns: append, sync: [end]", faultfs.Fsync},
		{"at a write of io_uring", "methods: [uring-direct], patterns: overwrite, depth: [8]", faultfs.Write},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.file("bad.yaml", badDay("  {"+tt.write+", block: 4KiB, file: 4MiB}\n"))
			var armed, hangs atomic.Bool
			release := make(chan struct{})
			t.Cleanup(func() {
				select {
				case <-release:
				default:
					close(release)
				}
			})
			r, f := l.faulty(func(q faultfs.Request) error {
				if q.Operation == tt.at && armed.Load() && isTrialFile(q.File) {
					hangs.Store(true)
					<-release
				}
				return nil
			}, "run", "bad.yaml", "--dir", "disk", "--out", "run")
			r.reach("\nblock 2 of ")
			armed.Store(true)
			r.eventually("it hung", r.orOver(hangs.Load))
			began := time.Now()
			r.signal(syscall.SIGINT)
			got := r.wait() // the disk still hangs
			if took := time.Since(began); took > time.Minute {
				t.Errorf("it took %v to give up", took)
			}
			t.Logf("%s", got.Errs)
			if got.Code != exitInterrupted {
				t.Errorf("exit code %d, want %d", got.Code, exitInterrupted)
			}
			for _, w := range []string{"copylab: interrupted; what was measured until then is in run", "writer, process ", "was killed and has not ended: it waits inside the kernel", "dmesg"} {
				if !strings.Contains(got.Errs, w) {
					t.Errorf("it does not say %q:\n%s", w, got.Errs)
				}
			}
			folder := filepath.Join(l.Dir, "run")
			if _, trials, end := l.record(folder); end.Reason != results.StopInterrupted || len(failures(trials)) > 0 || len(trials) < 4 {
				t.Errorf("%d trials, %v; it ended with %+v", len(trials), failures(trials), end)
			}
			l.wantReport(folder)
			if stays := strings.Contains(got.Errs, "copylab: remove test files: the disk does not answer: disk/.copylab-"); stays != (len(f.Paths()) > 0) {
				t.Errorf("it says that files stay: %v; there are %v", stays, f.Paths())
			}
			close(release)
			r.eventually("the writer had ended too", func() bool { return len(l.workers()) == 0 })
			r.eventually("the files were removed when the disk answered", func() bool { return len(f.Paths()) == 0 })
		})
	}
}

// A disk that is merely slow: Ctrl-C in the middle of a long write ends the run as soon as the disk has answered.
func TestInterruptedInALongWrite(t *testing.T) {
	t.Parallel()
	requireFaulty(t)
	l := newLab(t)
	l.file("bad.yaml", badDay("  - {methods: [buffered], patterns: append, sync: [end], block: 64KiB, file: 64MiB}\n  - {methods: [buffered], patterns: many-logs, files: [10], block: 64KiB, file: 64MiB}\n"))
	var armed, slow atomic.Bool
	r, f := l.faulty(func(q faultfs.Request) error {
		if (q.Operation == faultfs.Write || q.Operation == faultfs.Fsync) && armed.Load() && isTrialFile(q.File) {
			slow.Store(true)
			time.Sleep(300 * time.Millisecond)
		}
		return nil
	}, "run", "bad.yaml", "--dir", "disk", "--out", "run")
	r.reach("\nblock 1 of ")
	armed.Store(true)
	r.eventually("it was slow", r.orOver(slow.Load))
	r.signal(syscall.SIGINT)
	got := r.wait()
	if got.Code != exitInterrupted || !strings.Contains(got.Errs, "copylab: interrupted; what was measured until then is in run") || strings.Contains(got.Errs, "was killed") {
		t.Errorf("exit code %d, want %d:\n%s", got.Code, exitInterrupted, got.Errs)
	}
	l.wantInterrupted("run")
	if left := f.Paths(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The filesystem is unmounted lazily, or the folder removed, while the run writes. The run can't go on, and says why. Of an unmounted
// filesystem it removes its files all the same.
func TestFolderVanishes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		vanish func(dir string) error
	}{
		{"unmounted", func(dir string) error { return unix.Unmount(dir, unix.MNT_DETACH) }},
		{"removed", func(dir string) error {
			names, err := filepath.Glob(filepath.Join(dir, ".copylab-*"))
			if err != nil || len(names) != 1 {
				return fmt.Errorf("found %v, %w", names, err)
			}
			// A file that is just being made can be in the way.
			for range 100 {
				if err = os.RemoveAll(names[0]); err == nil {
					break
				}
			}
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.file("bad.yaml", badDay("  {methods: [buffered, direct], patterns: [append, overwrite], block: 4KiB, file: 4MiB}\n"))
			mount := smallFilesystem(t, l)
			r := l.begin(l.mounted(mount, "run", "bad.yaml", "--dir", "disk", "--out", "run"))
			r.reach("\nblock 1 of ")
			r.inMountsOf(func() error { return tt.vanish(filepath.Join(l.Dir, "disk")) })
			got := r.wait()
			t.Logf("%s", got.Errs)
			if got.Code != exitFailed {
				t.Errorf("exit code %d, want %d", got.Code, exitFailed)
			}
			folder := filepath.Join(l.Dir, "run")
			_, trials, end := l.record(folder)
			failed := failures(trials)
			if end.Reason != results.StopFailed || len(failed) != 4 {
				t.Errorf("%v; it ended with %+v", failed, end)
			}
			told := 0
			for _, why := range failed {
				if strings.Contains(why, "the folder of the test files, disk/.copylab-") && strings.Contains(why, "has gone: somebody removed or renamed it, or unmounted its filesystem; bring that back, keep others from it, and run again") {
					told++
				}
			}
			// What was under way when it vanished may have met something else.
			if told < 3 {
				t.Errorf("the errors don't tell what happened: %v", failed)
			}
			l.wantReport(folder)
			if left := l.workers(); len(left) > 0 {
				t.Errorf("workers are left: %v", left)
			}
			wantOnDisk(t, l, mount, "lost+found")
			if _, err := os.Stat(filepath.Join(l.Dir, "disk")); errors.Is(err, fs.ErrNotExist) {
				t.Error("the mount point is gone")
			}
		})
	}
}
