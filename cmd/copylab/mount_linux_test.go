package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"copylab/internal/testenv"
	"copylab/results"
	"copylab/results/host"
)

// mounted is a command line that runs in a mount namespace of its own, in which a shell has mounted something before. The
// namespace and its mounts end with the command.
func (l *lab) mounted(mount string, args ...string) *exec.Cmd {
	cmd := l.command("sh", append([]string{"-c", mount + ` && exec "$0" "$@"`, l.program}, args...)...)
	// Go makes every mount private in the new namespace, so that nothing of this is seen outside.
	cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	return cmd
}

// requireMount goes on if this machine allows the mount.
func requireMount(t *testing.T, l *lab, mount string) {
	t.Helper()
	try := l.mounted(mount, "version")
	out, err := try.CombinedOutput()
	testenv.Require(t, testenv.Mount, err == nil, "%s: %v: %s", mount, err, out)
}

// A folder on a read-only filesystem is refused, for root too.
func TestReadOnlyFilesystem(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("tiny.yaml", tinyScenario)
	l.folder("disk")
	const mount = "mount --bind disk disk && mount -o remount,bind,ro disk"
	requireMount(t, l, mount)
	got := l.begin(l.mounted(mount, "run", "tiny.yaml", "--dir", "disk", "--out", "out/run")).wait()
	if got.Code != exitUsage || !strings.Contains(got.Errs, "copylab: use folder disk for test files: ") ||
		!strings.Contains(got.Errs, "read-only file system: name a folder on a writable filesystem with --dir") {
		t.Errorf("exit code %d, want %d:\n%s", got.Code, exitUsage, got.Errs)
	}
	got = l.begin(l.mounted(mount, "run", "tiny.yaml", "--out", "disk/run")).wait()
	if got.Code != exitUsage || !strings.Contains(got.Errs, "make folder for the run: mkdir disk/run: read-only file system: name another with --out") {
		t.Errorf("exit code %d, want %d:\n%s", got.Code, exitUsage, got.Errs)
	}
	l.wantEmpty(l.folder("disk"))
	if names := l.entries(l.Dir); fmt.Sprint(names) != "[disk tiny.yaml]" {
		t.Errorf("left behind: %v", names)
	}
}

// imageMiB is the size of the small filesystem: the test files take a fraction of it.
const imageMiB = 64

// smallFilesystem makes an image with a filesystem in it, and returns the shell command that mounts it on the folder disk.
func smallFilesystem(t *testing.T, l *lab) string {
	t.Helper()
	image := filepath.Join(l.Dir, "image")
	_, err := exec.LookPath("mkfs.ext4")
	testenv.Require(t, testenv.Mount, err == nil, "mkfs.ext4 is missing: %v", err)
	l.file("image", "")
	if err := os.Truncate(image, imageMiB<<20); err != nil {
		t.Fatal(err)
	}
	// Nothing is reserved for root, so that the filesystem is as full for it as for anyone.
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0", image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v\n%s", err, out)
	}
	l.folder("disk")
	const mount = "mount -o loop image disk"
	requireMount(t, l, mount)
	return mount
}

// fill takes every free byte of the filesystem that r's command has mounted on its folder disk.
func (r *running) fill() {
	r.lab.Helper()
	// The mount is in the namespace of the command. Its root, seen from outside: proc_pid_root(5).
	disk := filepath.Join(fmt.Sprintf("/proc/%d/root", r.cmd.Process.Pid), r.lab.Dir, "disk")
	_, total, err := host.FreeSpace(disk)
	if errors.Is(err, fs.ErrNotExist) {
		return // the command has just ended
	}
	if err != nil || total > imageMiB<<20 {
		r.lab.Fatalf("this is not the small filesystem, but one of %d bytes: %v", total, err)
	}
	f, err := os.OpenFile(filepath.Join(disk, "filler"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		r.lab.Fatal(err)
	}
	for size := 1 << 20; size > 0; size /= 2 {
		for block := make([]byte, size); err == nil; {
			_, err = f.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			break
		}
		err = nil
	}
	if err = errors.Join(err, f.Close()); err != nil {
		r.lab.Fatal(err)
	}
}

// fillUntil fills the disk until the command has noticed: what it removes in the meantime is room again.
func (r *running) fillUntil(text string) {
	r.lab.Helper()
	r.eventually("it printed "+text, func() bool {
		if strings.Contains(r.errs.String(), text) {
			return true
		}
		r.fill()
		return false
	})
}

// A disk that gets full in the middle of a run fails the case that needed room, with the kernel's own words for it, and no
// other. The test files are gone afterwards.
func TestDiskGetsFull(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("full.yaml", `title: Full
question: What if there is no room left?
write: {patterns: [append, random], file: 16MiB}
measure: {time: 50ms, blocks: 12..12, budget: 1h, evidence: off}
charts: []
`)
	mount := smallFilesystem(t, l)
	r := l.begin(l.mounted(mount, "run", "full.yaml", "--dir", "disk", "--out", "run"))
	r.until("\nblock 1 of ")
	r.fillUntil("\nfailed: append: ")
	got := r.wait()
	if got.Code != exitFailed || !strings.Contains(got.Errs, "copylab: 1 trial failed: the report in run says which and why") {
		t.Errorf("exit code %d, want %d:\n%s", got.Code, exitFailed, got.Errs)
	}
	folder := filepath.Join(l.Dir, "run")
	_, trials, end := l.record(folder)
	failed := 0
	for _, trial := range trials {
		if trial.Error == "" {
			continue
		}
		failed++
		if !strings.Contains(trial.Case, "pattern=append") || !strings.Contains(trial.Error, "pwrite64") || !strings.Contains(trial.Error, "no space left on device") {
			t.Errorf("trial %d of %s failed: %s", trial.Seq, trial.Case, trial.Error)
		}
	}
	if failed != 1 || end.Blocks != 12 || end.Reason != results.StopBlocks {
		t.Errorf("%d trials failed, want 1; the run ended with %+v", failed, end)
	}
	s, err := results.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Cases {
		if c.Params.Pattern == "random" && (c.Status != results.CaseMeasured || c.Trials != 12) ||
			c.Params.Pattern == "append" && (c.Status != results.CaseFailed || !strings.Contains(c.Reason, "no space left on device")) {
			t.Errorf("%s is %s after %d trials: %s", c.ID, c.Status, c.Trials, c.Reason)
		}
	}
	l.wantReport(folder)
	if !strings.Contains(got.Out, "no space left on device") {
		t.Errorf("the table does not say why append failed:\n%s", got.Out)
	}
	wantOnDisk(t, l, mount, "filler lost+found")
}

// wantOnDisk looks at what is left in the small filesystem, once its run and its mount are gone.
func wantOnDisk(t *testing.T, l *lab, mount, want string) {
	t.Helper()
	cmd := l.mounted(mount, "version")
	cmd.Args[2] = mount + " && ls -A disk"
	out, err := cmd.Output()
	if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != want {
		t.Errorf("the filesystem holds %s (%v), want %s", got, err, want)
	}
}

// Where the record has no room, the run can't go on. What was recorded can still be rendered.
func TestRecordHasNoRoom(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("slow.yaml", slowScenario)
	l.folder("files")
	mount := smallFilesystem(t, l)
	r := l.begin(l.mounted(mount, "run", "slow.yaml", "--dir", "files", "--out", "disk/run"))
	r.until("\nblock 1 of ")
	r.fillUntil("\ncopylab: ")
	got := r.wait()
	if got.Code != exitFailed || !strings.Contains(got.Errs, "copylab: write trial to the record: write disk/run/record.jsonl: no space left on device") {
		t.Errorf("exit code %d, want %d:\n%s", got.Code, exitFailed, got.Errs)
	}
	l.wantEmpty(l.folder("files"))
	again := l.begin(l.mounted(mount, "report", "disk/run")).wait()
	if again.Code != exitDone || !strings.Contains(again.Out, "the record is cut off") {
		t.Errorf("report: exit code %d:\n%s%s", again.Code, again.Out, again.Errs)
	}
}
