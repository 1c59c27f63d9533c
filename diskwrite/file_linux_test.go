package diskwrite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
	"copylab/internal/testenv"
)

// resident counts the file's pages that are in the page cache, by mincore(2).
func resident(t *testing.T, name string) (pages, total int) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Munmap(mapped); err != nil {
			t.Error(err)
		}
	}()
	page := os.Getpagesize()
	vector := make([]byte, (len(mapped)+page-1)/page)
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&mapped[0])), uintptr(len(mapped)), uintptr(unsafe.Pointer(&vector[0]))); errno != 0 {
		t.Fatalf("mincore: %v", errno)
	}
	for _, v := range vector {
		pages += int(v & 1)
	}
	return pages, len(vector)
}

// The flags that make a method are in force on its descriptor, and no others.
func TestFlagsAreInForce(t *testing.T) {
	for id, want := range map[string]int{
		"buffered":     0,
		"direct":       unix.O_DIRECT,
		"dsync":        unix.O_DSYNC,
		"direct-dsync": unix.O_DIRECT | unix.O_DSYNC,
		"uring":        0,
		"uring-direct": unix.O_DIRECT,
	} {
		t.Run(id, func(t *testing.T) {
			dir, m := t.TempDir(), method(t, id)
			if m.Direct {
				require(t, m, dir)
			}
			name := filepath.Join(dir, "file")
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			f := open(t, m, name)
			if d, ok := f.(*uringFile); ok {
				f = d.descriptor
			}
			got, err := unix.FcntlInt(uintptr(f.(*descriptor).fd), unix.F_GETFL, 0)
			if err != nil {
				t.Fatal(err)
			}
			// The second bit of O_SYNC, and of O_TMPFILE, would mean something else.
			if got&(unix.O_DIRECT|unix.O_SYNC|unix.O_APPEND|unix.O_NONBLOCK|unix.O_ACCMODE) != want|unix.O_WRONLY {
				t.Errorf("flags are %#x, want %#x and O_WRONLY", got, want)
			}
		})
	}
}

// Flags that the kernel ignores are found out instead of being measured under the wrong name.
func TestIgnoredFlagIsAnError(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const unknown = 1 << 29 // no flag of open(2)
	f, err := flagged{flags: unknown, words: "O_FUTURE"}.open(name)
	if f != nil || !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "ignored O_FUTURE") {
		t.Errorf("got %v, %v", f, err)
	}
}

// direct leaves no page of the file in the page cache, buffered leaves them all: the mechanism, not only the flag.
func TestDirectPassesThePageCacheBy(t *testing.T) {
	for _, m := range realMethods() {
		for _, p := range Patterns() {
			if m.ID == "dontcache" || m.Fits(Job{Pattern: p.ID}).State != kernel.StateAvailable {
				continue
			}
			t.Run(m.ID+"/"+string(p.ID), func(t *testing.T) {
				dir := t.TempDir()
				require(t, m, dir)
				name := filepath.Join(dir, "file")
				draw := Draw("")
				if p.ID == Random {
					draw = Permutation
				}
				j := testJob(p, draw, payload(t, 1, 7))
				if err := Prepare(context.Background(), name, p.ID, j.FileBytes, j.Payload); err != nil {
					t.Fatal(err)
				}
				if !p.Grows {
					if got, total := resident(t, name); got != 0 {
						t.Errorf("Prepare left %d of %d pages in the page cache", got, total)
					}
				}
				if _, err := Run(open(t, m, name), j, histogram(), nil); err != nil {
					t.Fatal(err)
				}
				written := map[int64]bool{} // some patterns come to a block more than once
				for _, off := range take(j, j.Operations) {
					written[off] = true
				}
				want := len(written) * testBlock / os.Getpagesize()
				got, total := resident(t, name)
				if m.Direct && got != 0 || !m.Direct && got < want {
					t.Errorf("%d of %d pages are in the page cache after %d writes", got, total, j.Operations)
				}
			})
		}
	}
}

func TestSyscallsAreCountedByName(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	for _, tt := range []struct {
		policy Policy
		call   SyncCall
		want   map[string]int64
	}{
		{Policy{ID: SyncNone}, "", map[string]int64{"pwrite64": testBlocks}},
		{Policy{ID: SyncEnd}, Fsync, map[string]int64{"pwrite64": testBlocks, "fsync": 1}},
		{Policy{ID: SyncEvery, Every: 100}, Fdatasync, map[string]int64{"pwrite64": testBlocks, "fdatasync": 3}},
	} {
		j := testJob(Patterns()[0], "", payload(t, 1, 7))
		j.Policy, j.SyncCall = tt.policy, tt.call
		if err := Prepare(context.Background(), name, Append, 0, j.Payload); err != nil {
			t.Fatal(err)
		}
		f := open(t, method(t, "buffered"), name)
		if _, err := Run(f, j, histogram(), histogram()); err != nil {
			t.Fatal(err)
		}
		if got := f.Syscalls(); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: got %v, want %v", tt.policy, got, tt.want)
		}
	}
}

// A device that is always full: the errno is there, the call, the file and the offset are named, the remedy is told.
func TestFullDevice(t *testing.T) {
	for _, id := range []string{"buffered", "dsync"} {
		f := open(t, method(t, id), "/dev/full")
		r, err := Run(f, testJob(Patterns()[0], "", payload(t, 1, 7)), histogram(), nil)
		if !errors.Is(err, unix.ENOSPC) || r.Operations != 0 {
			t.Fatalf("%s: got %+v, %v; want ENOSPC", id, r, err)
		}
		for _, want := range []string{"pwrite64", "/dev/full", "offset 0", "4096 bytes", "free some space", "after 0 of 257"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", id, err, want)
			}
		}
	}
}

// A write that fits only in part is gone on with, and the next call tells why: 100 KiB take 25 pages, so that of the
// seventh block of 16 KiB one page is written.
func TestFullFilesystem(t *testing.T) {
	dir := t.TempDir()
	inMountNamespace(t, func() error {
		if err := unix.Mount("copylab-test", dir, "tmpfs", 0, "size=100k"); err != nil {
			return fmt.Errorf("mount tmpfs: %w", err)
		}
		data, err := NewPayload(1, 16<<10)
		if err != nil {
			return err
		}
		defer func() {
			if err := FreePayload(data); err != nil {
				t.Error(err)
			}
		}()
		name := filepath.Join(dir, "file")
		if err := Prepare(context.Background(), name, Append, 0, data); err != nil {
			return err
		}
		m, _ := FindMethod("buffered")
		f, err := m.Open(name)
		if err != nil {
			return err
		}
		defer func() {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}()
		j := Job{Pattern: Append, Policy: Policy{ID: SyncNone}, BlockBytes: 16 << 10, FileBytes: 1 << 20, Operations: 64, Payload: data}
		r, err := Run(f, j, histogram(), nil)
		if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "offset 98304") || !strings.Contains(err.Error(), "stopped after 4096 bytes") {
			t.Errorf("got %v, want ENOSPC within the block at 98304", err)
		}
		if r.Operations != 6 || r.Bytes != 6*16<<10 || r.Durable {
			t.Errorf("got %+v, want 6 writes accepted", r)
		}
		if got := f.Syscalls()["pwrite64"]; got != 8 {
			t.Errorf("%d calls, want 6 whole writes, a short one and the one that failed", got)
		}
		err = Prepare(context.Background(), filepath.Join(dir, "second"), Overwrite, 1<<20, data)
		if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "free some space") {
			t.Errorf("prepare: got %v, want ENOSPC", err)
		}
		if _, err := os.Stat(filepath.Join(dir, "second")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("prepare left its file on the full filesystem: %v", err)
		}
		return nil
	})
}

func TestMisalignedDirectWriteExplains(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"direct", "direct-dsync"} {
		m := method(t, id)
		require(t, m, dir)
		name := filepath.Join(dir, id)
		if err := os.WriteFile(name, make([]byte, 3*testBlock), 0o600); err != nil {
			t.Fatal(err)
		}
		f, data := open(t, m, name), payload(t, 1, 2)
		for _, tt := range []struct {
			what  string
			block []byte
			off   int64
		}{{"length", data[:100], 0}, {"offset", data[:testBlock], 17}} {
			err := f.WriteBlock(tt.block, tt.off)
			if !errors.Is(err, unix.EINVAL) {
				t.Fatalf("%s: got %v, want EINVAL", tt.what, err)
			}
			for _, want := range []string{"pwrite64", name, fmt.Sprintf("offset %d", tt.off), "O_DIRECT needs an aligned buffer", "multiples of"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %q does not say %q", tt.what, err, want)
				}
			}
		}
		memory, offset, source, err := Alignment(dir)
		if err != nil {
			t.Logf("no alignment is told here: %v", err)
			continue
		}
		if err := f.WriteBlock(data[:offset], offset); err != nil {
			t.Errorf("aligned as %s says (%d, %d): %v", source, memory, offset, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v, %v; want the two files", entries, err)
	}
}

func TestOpenRefusesABlockDevice(t *testing.T) {
	devices, err := filepath.Glob("/dev/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range devices {
		info, err := os.Stat(name)
		if err != nil || info.Mode()&(fs.ModeDevice|fs.ModeCharDevice) != fs.ModeDevice {
			continue
		}
		for _, m := range realMethods() {
			if f, err := m.Open(name); err == nil || !strings.Contains(err.Error(), "is a block device") {
				t.Errorf("%s opened %s: %v, %v", m.ID, name, f, err)
			}
		}
		if err := Prepare(context.Background(), name, Append, 0, nil); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("prepare %s: %v", name, err)
		}
		return
	}
	t.Skip("no block device in /dev")
}

// A filesystem in memory is a place to write to, but nothing there is durable.
func TestFilesystemInMemory(t *testing.T) {
	dir := "/dev/shm"
	if !filesystemOf(dir).inMemory {
		t.Skipf("%s is no tmpfs here", dir)
	}
	dir, err := os.MkdirTemp(dir, "copylab-test-")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	for _, m := range realMethods() {
		switch status := m.Probe(dir); {
		case m.Direct && status.State == kernel.StateAvailable:
			t.Errorf("%s: available, and there is nothing but the page cache", m.ID)
			continue
		case status.State == kernel.StateAvailable:
		case m.ID == "buffered" || m.ID == "dsync" || m.ID == "mmap" || m.ID == "vectored":
			t.Errorf("%s: got %+v", m.ID, status)
			continue
		default: // direct is without meaning there, and it has no RWF_DONTCACHE
			if !m.Queued && (status.State != kernel.StateUnavailable || !strings.Contains(status.Reason, "tmpfs")) {
				t.Errorf("%s: got %+v, want that tmpfs is named", m.ID, status)
			}
			continue
		}
		name := filepath.Join(dir, m.ID)
		j := testJob(Patterns()[1], "", payload(t, 1, 7))
		j.Policy, j.SyncCall = Policy{ID: SyncEnd}, Fdatasync
		if err := Prepare(context.Background(), name, j.Pattern, j.FileBytes, j.Payload); err != nil {
			t.Fatal(err)
		}
		r, err := Run(open(t, m, name), j, histogram(), histogram())
		if err != nil || r.Durable || r.NotDurable != "tmpfs keeps files in memory: there is no disk" {
			t.Errorf("%s: got %+v, %v", m.ID, r, err)
		}
	}
	if _, _, _, err := Alignment(dir); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("alignment: got %v, want errors.ErrUnsupported", err)
	}
}

func TestProbeWithoutPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write to every folder; TestProbeReadOnly covers root")
	}
	dir := filepath.Join(t.TempDir(), "locked")
	if err := os.Mkdir(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	for _, m := range realMethods() {
		if got := m.Probe(dir); got.State != kernel.StateUnavailable || !strings.Contains(got.Reason, "permission denied") || !strings.Contains(got.Reason, dir) {
			t.Errorf("%s: got %+v", m.ID, got)
		}
	}
}

func TestProbeReadOnly(t *testing.T) {
	dir := t.TempDir()
	inMountNamespace(t, func() error {
		if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
		if err := unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("remount: %w", err)
		}
		for _, m := range realMethods() {
			if got := m.Probe(dir); got.State != kernel.StateUnavailable || !strings.Contains(got.Reason, "read-only") {
				t.Errorf("%s: got %+v", m.ID, got)
			}
		}
		return nil
	})
}

// Both ways to a file without a name: O_TMPFILE, and where a filesystem lacks it, a name that is removed at once.
func TestUnnamedFile(t *testing.T) {
	// procfs has no O_TMPFILE. Only root gets as far as being told so.
	if fd, err := openTmpfile("/proc", unix.O_WRONLY); os.Geteuid() == 0 && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("O_TMPFILE in /proc: got %d, %v; want errors.ErrUnsupported", fd, err)
	}
	dir := t.TempDir()
	for name, make := range map[string]func(string, int) (int, error){"unnamed": unnamed, "removedAtOnce": removedAtOnce} {
		fd, err := make(dir, unix.O_WRONLY)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Nlink != 0 || st.Mode != unix.S_IFREG|0o600 {
			t.Errorf("%s: %d links, mode %o, %v; want none and 0600", name, st.Nlink, st.Mode, err)
		}
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("%s left %v, %v", name, entries, err)
		}
		if fd, err := make(filepath.Join(dir, "missing"), unix.O_WRONLY); !errors.Is(err, unix.ENOENT) || fd >= 0 {
			t.Errorf("%s in a missing folder: got %d, %v", name, fd, err)
		}
	}
}

// inMountNamespace runs f on a thread with a mount namespace of its own, which ends with it.
func inMountNamespace(t *testing.T, f func() error) {
	t.Helper()
	unshared, done := make(chan error), make(chan error)
	go func() {
		// Never unlocked: the thread, and with it the namespace, ends with this goroutine.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		unshared <- err
		if err == nil {
			done <- f()
		}
	}()
	err := <-unshared
	testenv.Require(t, testenv.Mount, err == nil, "unshare(CLONE_NEWNS): %v", err)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
