package diskwrite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
	"copylab/internal/testenv"
)

// available tells whether the method works in dir.
func available(m Method, dir string) bool { return m.Probe(dir).State == kernel.StateAvailable }

// Several writes in flight leave the same bytes as one after the other.
func TestQueuedRoundTrip(t *testing.T) {
	for _, id := range []string{"uring", "uring-direct"} {
		for _, p := range Patterns() {
			for _, depth := range []int{2, 32, MostDepth} {
				draws := []Draw{""}
				if p.ID == Random {
					draws = []Draw{Permutation, Uniform}
				}
				for _, draw := range draws {
					t.Run(fmt.Sprintf("%s/%s%s/%d", id, p.ID, draw, depth), func(t *testing.T) {
						dir, m := t.TempDir(), method(t, id)
						require(t, m, dir)
						name := filepath.Join(dir, "file")
						j := testJob(p, draw, payload(t, 1, 7))
						j.Depth, j.Policy, j.SyncCall = depth, Policy{ID: SyncEvery, Every: 100}, Fsync
						if p.ID == Random {
							j.Operations = 5 * testBlocks // blocks are written several times
						}
						if j.Validate() != nil {
							t.Skip("not a pattern for this job")
						}
						if err := Prepare(context.Background(), name, p.ID, j.FileBytes, j.Payload); err != nil {
							t.Fatal(err)
						}
						f := open(t, m, name)
						r, err := Run(f, j, histogram(), histogram())
						if err != nil || r.Operations != j.Operations || r.Syncs != (j.Operations+99)/100 {
							t.Fatalf("got %+v, %v", r, err)
						}
						calls := f.Syscalls()["io_uring_enter"]
						t.Logf("%d writes and %d syncs by %d calls", r.Operations, r.Syncs, calls)
						if _, err := VerifyBack(context.Background(), name, j); err != nil {
							t.Error(err)
						}
					})
				}
			}
		}
	}
}

func TestQueueRefusesWhatItWasNotReadiedFor(t *testing.T) {
	dir, m := t.TempDir(), method(t, "uring")
	require(t, m, dir)
	name := filepath.Join(dir, "file")
	if err := os.WriteFile(name, make([]byte, testBlock), 0o600); err != nil {
		t.Fatal(err)
	}
	data, other := payload(t, 1, 3), payload(t, 2, 3)
	q := open(t, m, name).(Queue)
	if err := q.WriteBlock(data[:testBlock], 0); !errors.Is(err, errNotReady) {
		t.Errorf("before Ready: got %v", err)
	}
	if err := q.Sync(Fsync); !errors.Is(err, errNotReady) {
		t.Errorf("sync before Ready: got %v", err)
	}
	for _, depth := range []int{0, MostDepth + 1} {
		if err := q.Ready(depth, data); err == nil {
			t.Errorf("took a depth of %d", depth)
		}
	}
	if err := errors.Join(q.Ready(2, data), q.Ready(2, data)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(q.Ready(3, data)); err == nil {
		t.Error("changed the depth")
	}
	if err := q.Ready(2, other); err == nil {
		t.Error("changed the payload")
	}
	beyond := unsafe.Slice(unsafe.SliceData(data[2*testBlock:]), 2*testBlock) // never touched
	for what, block := range map[string][]byte{"another payload": other[:testBlock], "beyond the payload": beyond} {
		if err := q.Submit(0, block, 0); !errors.Is(err, errNotReady) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if err := q.Submit(0, data[:testBlock], 0); err != nil {
		t.Fatal(err)
	}
	if err := q.Sync(Fsync); err == nil || !strings.Contains(err.Error(), "in flight") {
		t.Errorf("sync with a write in flight: got %v", err)
	}
	if slot, err := q.Wait(); slot != 0 || err != nil {
		t.Errorf("wait: %d, %v", slot, err)
	}
	if err := q.Sync(SyncFileRange); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("sync_file_range: got %v", err)
	}
}

// Someone makes the file shrink while it is mapped: SIGBUS, which would end the process, is an error.
func TestMappedFileShrinks(t *testing.T) {
	dir, m := t.TempDir(), method(t, "mmap")
	require(t, m, dir)
	name := filepath.Join(dir, "file")
	j := testJob(Patterns()[1], "", payload(t, 1, 7))
	j.Operations = testBlocks
	if err := Prepare(context.Background(), name, j.Pattern, j.FileBytes, j.Payload); err != nil {
		t.Fatal(err)
	}
	f := open(t, m, name)
	const left = 100
	if err := os.Truncate(name, left*testBlock); err != nil {
		t.Fatal(err)
	}
	r, err := Run(f, j, histogram(), nil)
	if !errors.Is(err, errSIGBUS) || r.Operations != left || r.Durable {
		t.Fatalf("got %+v, %v; want SIGBUS after %d writes", r, err, left)
	}
	for _, want := range []string{"SIGBUS", name, "shrink to 409600 bytes", "offset 409600", "after 100 of 257"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	// A store that begins within the file and ends behind it.
	if err := f.WriteBlock(make([]byte, 2*testBlock), (left-1)*testBlock); !errors.Is(err, errSIGBUS) {
		t.Errorf("across the end: got %v", err)
	}
	if err := f.WriteBlock(j.Payload[:testBlock], 0); err != nil {
		t.Errorf("what is left can't be written: %v", err)
	}
	// A file that was made to grow meanwhile does not make the mapping larger.
	if err := f.WriteBlock(j.Payload[:testBlock], j.FileBytes); err == nil || errors.Is(err, errSIGBUS) {
		t.Errorf("behind the mapping: got %v", err)
	}
}

// While a run is going on, not before it.
func TestMappedFileShrinksMeanwhile(t *testing.T) {
	dir, m := t.TempDir(), method(t, "mmap")
	require(t, m, dir)
	name := filepath.Join(dir, "file")
	j := testJob(Patterns()[1], "", payload(t, 1, 7))
	j.Operations = 1 << 40 // until the fault
	if err := Prepare(context.Background(), name, j.Pattern, j.FileBytes, j.Payload); err != nil {
		t.Fatal(err)
	}
	f, op := open(t, m, name), histogram()
	shrunk := make(chan error, 1)
	go func() {
		time.Sleep(20 * time.Millisecond)
		shrunk <- os.Truncate(name, 0)
	}()
	r, err := Run(f, j, op, nil)
	if err := <-shrunk; err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, errSIGBUS) || !strings.Contains(err.Error(), "shrink to 0 bytes") || r.Operations == 0 {
		t.Errorf("got %+v, %v; want SIGBUS", r, err)
	}
}

// Another fault than that of a mapping is not hidden.
func TestOnlyFaultsOfMemoryAreErrors(t *testing.T) {
	defer func() {
		if v := recover(); v != "something else" {
			t.Errorf("got %v", v)
		}
	}()
	_ = asFault("something else")
}

func TestMappedFileMustHaveItsSize(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m := method(t, "mmap")
	if f, err := m.Open(name); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("got %v, %v", f, err)
	}
	if got := m.Fits(Job{Pattern: Append}); got.State != kernel.StateUnavailable || !strings.Contains(got.Reason, "grow") {
		t.Errorf("append: %+v", got)
	}
	if got := m.Fits(Job{Pattern: Overwrite, Policy: Policy{ID: SyncEnd}, SyncCall: Fsync}); got.State != kernel.StateUnavailable || !strings.Contains(got.Reason, "choose fdatasync") {
		t.Errorf("fsync: %+v", got)
	}
	if got := m.Fits(Job{Pattern: Overwrite, Policy: Policy{ID: SyncEnd}, SyncCall: Fdatasync}); got.State != kernel.StateAvailable {
		t.Errorf("fdatasync: %+v", got)
	}
}

// A mapped file with a hole on a filesystem that has no space left: SIGBUS again, and the other explanation.
func TestMappedHoleWithoutSpace(t *testing.T) {
	dir := t.TempDir()
	data := payload(t, 1, 1)
	inMountNamespace(t, func() error {
		if err := unix.Mount("copylab-test", dir, "tmpfs", 0, "size=100k"); err != nil {
			return fmt.Errorf("mount tmpfs: %w", err)
		}
		name := filepath.Join(dir, "file")
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			return err
		}
		if err := os.Truncate(name, 1<<20); err != nil {
			return err
		}
		m, _ := FindMethod("mmap")
		f, err := m.Open(name)
		if err != nil {
			return err
		}
		j := Job{Pattern: Overwrite, BlockBytes: testBlock, FileBytes: 1 << 20, Operations: 256, Policy: Policy{ID: SyncNone}, Payload: data}
		r, err := Run(f, j, histogram(), nil)
		if !errors.Is(err, errSIGBUS) || !strings.Contains(err.Error(), "no space left") || r.Operations < 20 || r.Operations > 25 {
			t.Errorf("got %+v, %v; want SIGBUS after some 25 writes", r, err)
		}
		return f.Close()
	})
}

// Every method that goes through the page cache meets the end of the space within a block: what fits is written, and the
// next call tells. See TestFullFilesystem for where the numbers come from.
func TestFullFilesystemByMethod(t *testing.T) {
	for _, tt := range []struct {
		id, call string
		depth    int
	}{{"vectored", "pwritev", 1}, {"uring", "io_uring_enter", 1}, {"uring", "io_uring_enter", 4}, {"dsync", "pwrite64", 1}} {
		t.Run(fmt.Sprintf("%s/%d", tt.id, tt.depth), func(t *testing.T) {
			dir, m := t.TempDir(), method(t, tt.id)
			if m.Queued {
				require(t, m, dir)
			}
			data := payload(t, 1, 16)
			inMountNamespace(t, func() error {
				if err := unix.Mount("copylab-test", dir, "tmpfs", 0, "size=100k"); err != nil {
					return fmt.Errorf("mount tmpfs: %w", err)
				}
				name := filepath.Join(dir, "file")
				if err := Prepare(context.Background(), name, Append, 0, data); err != nil {
					return err
				}
				f, err := m.Open(name)
				if err != nil {
					return err
				}
				j := Job{Pattern: Append, Policy: Policy{ID: SyncNone}, BlockBytes: 16 << 10, FileBytes: 1 << 20, Operations: 64, Payload: data, Depth: tt.depth}
				r, err := Run(f, j, histogram(), nil)
				if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "free some space") || r.Durable {
					t.Errorf("got %+v, %v; want ENOSPC", r, err)
				}
				if tt.depth == 1 && (r.Operations != 6 || !strings.Contains(err.Error(), "offset 98304") || !strings.Contains(err.Error(), "stopped after 4096 bytes") || f.Syscalls()[tt.call] != 8) {
					t.Errorf("got %+v, %v, calls %v; want 6 whole writes, a short one and the one that failed", r, err, f.Syscalls())
				}
				if tt.depth > 1 && (r.Operations < 3 || r.Operations > 6) {
					t.Errorf("%d writes were accepted, want up to 6", r.Operations)
				}
				return f.Close()
			})
		})
	}
}

// failing runs f on a thread on which the system call fails with EIO: where argument is not negative, only if its fourth argument,
// the offset, is that. The filter (seccomp(2)) ends with the thread.
func failing(t *testing.T, call, argument int, f func()) {
	t.Helper()
	filtered, done := make(chan error), make(chan struct{})
	go func() {
		// Never unlocked: the thread, and with it the filter, ends with this goroutine.
		runtime.LockOSThread()
		err := refuse(call, argument)
		filtered <- err
		if err == nil {
			defer close(done)
			f()
		}
	}()
	if err := <-filtered; err != nil {
		t.Skipf("no system call can be made to fail here: %v", err)
	}
	<-done
}

func refuse(call, argument int) error {
	const (
		load    = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		unequal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		answer  = unix.BPF_RET | unix.BPF_K

		numberAt = 0          // struct seccomp_data: nr
		offsetAt = 16 + 3*8   // args[3], its lower half on a little-endian machine
		allow    = 0x7fff0000 // SECCOMP_RET_ALLOW
		errno    = 0x00050000 // SECCOMP_RET_ERRNO
		filter   = 2          // SECCOMP_MODE_FILTER
	)
	program := []unix.SockFilter{{Code: load, K: numberAt}, {Code: unequal, Jf: 1, K: uint32(call)}, {Code: answer, K: errno | uint32(unix.EIO)}, {Code: answer, K: allow}}
	if argument >= 0 {
		program = []unix.SockFilter{{Code: load, K: numberAt}, {Code: unequal, Jf: 3, K: uint32(call)},
			{Code: load, K: offsetAt}, {Code: unequal, Jf: 1, K: uint32(argument)}, {Code: answer, K: errno | uint32(unix.EIO)}, {Code: answer, K: allow}}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl PR_SET_NO_NEW_PRIVS: %w", err)
	}
	list := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, filter, uintptr(unsafe.Pointer(&list)), 0, 0); err != nil {
		return fmt.Errorf("prctl PR_SET_SECCOMP: %w", err)
	}
	return nil
}

// The device reports a fault in the middle of a run, or at the sync.
func TestInputOutputError(t *testing.T) {
	const nine = 9 * testBlock
	for _, tt := range []struct {
		id             string
		call, argument int
		policy         string
		writes, syncs  int64
		want           []string
	}{
		{"buffered", unix.SYS_PWRITE64, nine, "none", 9, 0, []string{"pwrite64", "offset 36864", "dmesg", "after 9 of 257"}},
		{"dsync", unix.SYS_PWRITE64, nine, "none", 9, 0, []string{"pwrite64", "offset 36864", "dmesg"}},
		{"direct", unix.SYS_PWRITE64, nine, "none", 9, 0, []string{"pwrite64", "offset 36864", "dmesg"}},
		{"vectored", unix.SYS_PWRITEV, nine, "none", 9, 0, []string{"pwritev ", "offset 36864", "dmesg"}},
		{"dontcache", unix.SYS_PWRITEV2, nine, "none", 9, 0, []string{"pwritev2", "offset 36864", "dmesg"}},
		{"buffered", unix.SYS_FDATASYNC, -1, "every=10", 10, 0, []string{"fdatasync", "not durable", "dmesg"}},
		{"mmap", unix.SYS_MSYNC, -1, "every=10", 10, 0, []string{"msync", "not durable", "dmesg"}},
		{"uring", unix.SYS_IO_URING_ENTER, -1, "none", 0, 0, []string{"io_uring_enter"}},
	} {
		t.Run(fmt.Sprintf("%s/%s", tt.id, tt.policy), func(t *testing.T) {
			dir, m := t.TempDir(), method(t, tt.id)
			require(t, m, dir)
			name := filepath.Join(dir, "file")
			policy, err := ParsePolicy(tt.policy)
			if err != nil {
				t.Fatal(err)
			}
			p := Patterns()[1] // overwrite
			j := testJob(p, "", payload(t, 1, 7))
			j.Operations, j.Policy, j.SyncCall = testBlocks, policy, Fdatasync
			if err := Prepare(context.Background(), name, p.ID, j.FileBytes, j.Payload); err != nil {
				t.Fatal(err)
			}
			f := open(t, m, name)
			if err := ready(f, j); err != nil {
				t.Fatal(err)
			}
			failing(t, tt.call, tt.argument, func() {
				r, err := Run(f, j, histogram(), histogram())
				if !errors.Is(err, unix.EIO) || r.Operations != tt.writes || r.Syncs != tt.syncs || r.Durable || r.NotDurable == "" {
					t.Errorf("got %+v, %v; want EIO after %d writes", r, err, tt.writes)
					return
				}
				for _, want := range append(tt.want, name) {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q does not say %q", err, want)
					}
				}
				// A second sync would find nothing wrong, though what the first was to write is lost.
				if calls := f.Syscalls(); calls["fdatasync"]+calls["msync"] > 1 {
					t.Errorf("synced again after the sync that failed: %v", calls)
				}
			})
		})
	}
}

// A device that runs out of what it promised, as a thin volume does: a loop device whose file is on a full tmpfs. Each
// method meets the fault: a write that passes the page cache by at once, the others at their sync.
func TestFaultyDevice(t *testing.T) {
	testenv.RequireRoot(t)
	mkfs, err := exec.LookPath("mkfs.ext4")
	if err != nil {
		t.Skip(err)
	}
	_, err = os.Stat("/dev/loop-control")
	known, _ := os.ReadFile("/proc/filesystems")
	testenv.Require(t, testenv.Mount, err == nil && strings.Contains(string(known), "ext4"), "no loop device or no ext4 (%v)", err)
	for _, m := range realMethods() {
		t.Run(m.ID, func(t *testing.T) {
			below, dir := t.TempDir(), t.TempDir()
			const size = 16 << 20
			data := payload(t, 1, 64)
			inMountNamespace(t, func() error {
				if err := unix.Mount("copylab-test", below, "tmpfs", 0, "size=6m"); err != nil {
					return fmt.Errorf("mount tmpfs: %w", err)
				}
				device, err := loopDevice(t, filepath.Join(below, "image"), 4*size, mkfs)
				if err != nil {
					return err
				}
				if err := unix.Mount(device, dir, "ext4", 0, ""); err != nil {
					return fmt.Errorf("mount %s: %w", device, err)
				}
				defer func() {
					if err := unix.Unmount(dir, 0); err != nil {
						t.Error(err)
					}
				}()
				if !available(m, dir) {
					t.Logf("not available: %s", m.Probe(dir).Reason)
					return nil
				}
				name := filepath.Join(dir, "file")
				f, err := os.Create(name)
				if err != nil {
					return err
				}
				// Blocks are promised, and none is written.
				if err := errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, size), f.Close()); err != nil {
					return err
				}
				file, err := m.Open(name)
				if err != nil {
					return err
				}
				defer func() {
					if err := file.Close(); err != nil {
						t.Error(err)
					}
				}()
				j := Job{Pattern: Overwrite, Policy: Policy{ID: SyncEvery, Every: size / 4 / (64 << 10)}, SyncCall: Fdatasync, BlockBytes: 64 << 10,
					FileBytes: size, Operations: size / (64 << 10), Payload: data, Depth: 1}
				if m.Queued {
					j.Depth = 8
				}
				r, err := Run(file, j, histogram(), histogram())
				if err == nil || r.Durable || !errors.Is(err, unix.EIO) && !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EROFS) {
					t.Errorf("got %+v, %v; want a fault", r, err)
				}
				t.Logf("%+v, %v", r, err)
				return nil
			})
		})
	}
}

// loopDevice makes a file of so many bytes with a filesystem in it a block device, which ends when it is unmounted.
func loopDevice(t *testing.T, image string, bytes int64, mkfs string) (string, error) {
	f, err := os.Create(image)
	if err != nil {
		return "", err
	}
	defer f.Close() // the device has its own
	if err := f.Truncate(bytes); err != nil {
		return "", err
	}
	if out, err := exec.Command(mkfs, "-q", "-F", "-O", "^has_journal", "-E", "nodiscard", image).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", mkfs, err, out)
	}
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer control.Close() // nothing was written
	for range 10 {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return "", fmt.Errorf("ioctl LOOP_CTL_GET_FREE: %w", err)
		}
		name := fmt.Sprintf("/dev/loop%d", n)
		device, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return "", err
		}
		defer device.Close() // the mount keeps it
		config := unix.LoopConfig{Fd: uint32(f.Fd())}
		config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
		if err = unix.IoctlLoopConfigure(int(device.Fd()), &config); err == nil {
			// Open until the test ends: an unused device with AUTOCLEAR is gone at its last close.
			keep, err := os.OpenFile(name, os.O_RDONLY, 0)
			if err != nil {
				return "", err
			}
			t.Cleanup(func() {
				if err := keep.Close(); err != nil {
					t.Error(err)
				}
			})
			return name, nil
		}
		if !errors.Is(err, unix.EBUSY) { // somebody else was faster
			return "", fmt.Errorf("ioctl LOOP_CONFIGURE: %w", err)
		}
	}
	return "", errors.New("no loop device is free")
}

// ramfs has no direct I/O: the refusal names it.
func TestFilesystemRefusesDirect(t *testing.T) {
	dir := t.TempDir()
	inMountNamespace(t, func() error {
		if err := unix.Mount("copylab-test", dir, "ramfs", 0, ""); err != nil {
			return fmt.Errorf("mount ramfs: %w", err)
		}
		name := filepath.Join(dir, "file")
		if err := os.WriteFile(name, make([]byte, testBlock), 0o600); err != nil {
			return err
		}
		for _, m := range realMethods() {
			got := m.Probe(dir)
			switch {
			case m.Queued && got.State != kernel.StateAvailable && strings.Contains(got.Reason, "io_uring"):
				continue // none here
			case !m.Direct && m.ID != "dontcache":
				if got.State != kernel.StateAvailable {
					t.Errorf("%s: %+v", m.ID, got)
				}
				continue
			}
			if got.State != kernel.StateUnavailable || !strings.Contains(got.Reason, "ramfs") {
				t.Errorf("%s: got %+v, want that ramfs refuses", m.ID, got)
			}
			if !m.Direct {
				continue
			}
			f := flagged{flags: unix.O_DIRECT, words: "O_DIRECT"}
			if err := f.try(dir); !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "ramfs refuses O_DIRECT") {
				t.Errorf("tried: %v", err)
			}
			if _, err := m.Open(name); !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "ramfs refuses O_DIRECT") {
				t.Errorf("%s: opened, or the error does not say why not: %v", m.ID, err)
			}
		}
		return nil
	})
}

// An overlay is a place to write to, and is named as what it is, and what it is over.
func TestOverlay(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	merged := filepath.Join(dir, "merged")
	data := payload(t, 1, 7)
	inMountNamespace(t, func() error {
		options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", dir)
		if err := unix.Mount("copylab-test", merged, "overlay", 0, options); err != nil {
			t.Logf("no overlay here: %v", err)
			return nil
		}
		below := filesystemOf(filepath.Join(dir, "upper"))
		if got := filesystemOf(merged); got.name != "overlayfs over "+below.name && below.name != "" || got.inMemory != below.inMemory || got.volatile {
			t.Errorf("got %+v over %+v", got, below)
		}
		for _, m := range realMethods() {
			if got := m.Probe(merged); got.State != kernel.StateAvailable {
				// What lies below decides whether it takes a flag.
				if m.ID == "buffered" || m.ID == "mmap" || m.ID == "vectored" || !strings.Contains(got.Reason, "overlayfs") && !m.Queued {
					t.Errorf("%s: %+v", m.ID, got)
				}
				continue
			}
			name := filepath.Join(merged, m.ID)
			j := testJob(Patterns()[1], "", data)
			if err := Prepare(context.Background(), name, j.Pattern, j.FileBytes, data); err != nil {
				return err
			}
			f, err := m.Open(name)
			if err != nil {
				return err
			}
			_, err = Run(f, j, histogram(), nil)
			if err := errors.Join(err, f.Close()); err != nil {
				t.Errorf("%s: %v", m.ID, err)
				continue
			}
			if _, err := VerifyBack(context.Background(), name, j); err != nil {
				t.Errorf("%s: %v", m.ID, err)
			}
		}
		return nil
	})
}

// What an overlay keeps in memory, or was told not to sync, is called durable by no method and after no sync.
func TestOverlayThatIsNotDurable(t *testing.T) {
	for _, tt := range []struct{ name, options, why string }{
		{"over tmpfs", "", "overlayfs over tmpfs keeps files in memory: there is no disk"},
		{"volatile", ",volatile", "is mounted volatile: it leaves out every sync"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			data := payload(t, 1, 7)
			inMountNamespace(t, func() error {
				if tt.options == "" {
					if err := unix.Mount("copylab-test", dir, "tmpfs", 0, "size=10m"); err != nil {
						return fmt.Errorf("mount tmpfs: %w", err)
					}
				}
				for _, sub := range []string{"lower", "upper", "work", "merged"} {
					if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
						return err
					}
				}
				merged := filepath.Join(dir, "merged")
				options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", dir) + tt.options
				if err := unix.Mount("copylab-test", merged, "overlay", 0, options); err != nil {
					t.Logf("no such overlay here: %v", err)
					return nil
				}
				for _, m := range realMethods() {
					got := m.Probe(merged)
					if m.Direct && tt.options == "" && (got.State != kernel.StateUnavailable || !strings.Contains(got.Reason, "keeps files in memory")) {
						t.Errorf("%s: %+v", m.ID, got)
					}
					if got.State != kernel.StateAvailable {
						continue
					}
					name := filepath.Join(merged, m.ID)
					j := testJob(Patterns()[1], "", data)
					j.Policy, j.SyncCall = Policy{ID: SyncEnd}, Fdatasync
					if err := Prepare(context.Background(), name, j.Pattern, j.FileBytes, data); err != nil {
						return err
					}
					f, err := m.Open(name)
					if err != nil {
						return err
					}
					r, err := Run(f, j, histogram(), histogram())
					if err := errors.Join(err, f.Close()); err != nil || r.Durable || r.Syncs != 1 || !strings.Contains(r.NotDurable, tt.why) {
						t.Errorf("%s: got %+v, %v", m.ID, r, err)
					}
				}
				return nil
			})
		})
	}
}

// A filesystem that refuses what it said it would take is found out, and not taken for a mistake of the caller's.
func TestFilesystemThatLiesAboutItsAlignment(t *testing.T) {
	dir, m := t.TempDir(), method(t, "direct")
	require(t, m, dir)
	if _, _, _, err := Alignment(dir); err != nil {
		t.Skipf("no alignment is told here: %v", err)
	}
	name := filepath.Join(dir, "file")
	if err := os.WriteFile(name, make([]byte, testBlock), 0o600); err != nil {
		t.Fatal(err)
	}
	d := open(t, m, name).(*descriptor)
	data := payload(t, 1, 1)
	if err := d.writeError("pwrite64", data, 0, 0, unix.EINVAL); !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "asks for more alignment than it tells") {
		t.Errorf("got %v", err)
	}
	if err := d.writeError("pwrite64", data, 1, 0, unix.EINVAL); !strings.Contains(err.Error(), "choose buffers at multiples of") {
		t.Errorf("got %v", err)
	}
}

// RWF_DONTCACHE leaves nothing of an append in the page cache. Of an overwrite it may: see dontcache.
func TestDontcacheKeepsNothing(t *testing.T) {
	dir, m := t.TempDir(), method(t, "dontcache")
	require(t, m, dir)
	if filesystemOf(dir).inMemory {
		t.Skip("a filesystem in memory keeps everything")
	}
	for _, p := range Patterns() {
		if p.ID != Append && p.ID != Overwrite {
			continue
		}
		name := filepath.Join(dir, string(p.ID))
		j := testJob(p, "", payload(t, 1, 7))
		j.Operations, j.Policy, j.SyncCall = testBlocks, Policy{ID: SyncEnd}, Fdatasync
		if err := Prepare(context.Background(), name, j.Pattern, j.FileBytes, j.Payload); err != nil {
			t.Fatal(err)
		}
		r, err := Run(open(t, m, name), j, histogram(), histogram())
		if err != nil || !r.Durable {
			t.Fatalf("got %+v, %v", r, err)
		}
		// The pages are dropped some time after the sync has seen them clean.
		got, total := 1, 0
		for i := 0; i < 20 && got > 0; i++ {
			time.Sleep(10 * time.Millisecond)
			got, total = resident(t, name)
		}
		t.Logf("%s: %d of %d pages are in the page cache", p.ID, got, total)
		if p.ID == Append && got == total {
			t.Errorf("all %d pages are still in the page cache", total)
		}
	}
}

// What a sync made of the durability is said of the call that was made.
func TestDurableBySyncCall(t *testing.T) {
	dir := t.TempDir()
	if filesystemOf(dir).inMemory {
		t.Skip("nothing is durable in memory")
	}
	name := filepath.Join(dir, "file")
	if err := os.WriteFile(name, make([]byte, testBlock), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, method(t, "buffered"), name)
	for _, tt := range []struct {
		call    SyncCall
		durable bool
	}{{SyncFileRange, false}, {Fdatasync, true}, {SyncFileRange, false}, {Fsync, true}} {
		if err := f.Sync(tt.call); err != nil {
			t.Fatal(err)
		}
		if durable, why := f.Durable(true); durable != tt.durable || (why == "") != durable {
			t.Errorf("%s: durable %v, %q", tt.call, durable, why)
		}
	}
	if err := f.Sync(Fullfsync); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "only macOS") {
		t.Errorf("fullfsync: got %v", err)
	}
	if got := f.Syscalls(); got["sync_file_range"] != 2 || got["fdatasync"] != 1 || got["fsync"] != 1 || len(got) != 3 {
		t.Errorf("calls %v", got)
	}
}

// A block is cut into records without losing a byte, however few it has.
func TestVectoredSplits(t *testing.T) {
	v := &vectoredFile{}
	data := payload(t, 1, 2)
	for n := 1; n < 3*vectorRecords; n++ {
		at := 0
		for i, r := range v.split(data[:n]) {
			if r.Base != &data[at] || r.Len == 0 {
				t.Errorf("%d bytes: record %d is not at %d, or empty", n, i, at)
			}
			at += int(r.Len)
		}
		if want := min(n, vectorRecords); at != n || len(v.split(data[:n])) != want {
			t.Errorf("%d bytes in %d records of %d altogether", n, want, at)
		}
	}
}

// No method allocates while it writes.
func TestMethodsAllocateNothing(t *testing.T) {
	dir := t.TempDir()
	op, sync := histogram(), histogram()
	for _, m := range realMethods() {
		if !available(m, dir) {
			continue
		}
		name := filepath.Join(dir, m.ID)
		j := testJob(Patterns()[1], "", payload(t, 1, 7))
		j.FileBytes, j.Operations, j.Policy, j.SyncCall = 16*testBlock, 40, Policy{ID: SyncEvery, Every: 30}, Fdatasync
		if err := Prepare(context.Background(), name, j.Pattern, j.FileBytes, j.Payload); err != nil {
			t.Fatal(err)
		}
		depths := []int{1}
		if m.Queued {
			depths = []int{1, 8}
		}
		for _, depth := range depths {
			j.Depth = depth
			f := open(t, m, name)
			if n := testing.AllocsPerRun(3, func() {
				if _, err := Run(f, j, op, sync); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s, depth %d: %v allocations", m.ID, depth, n)
			}
		}
	}
}
