package faultfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"copylab/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const childVariable = "COPYLAB_FAULTFS_TEST"

// TestChild is what uses the filesystem: see the package's comment.
func TestChild(t *testing.T) {
	use := map[string]func(*testing.T, string){"files": useFiles, "faults": useFaults, "hang": useHang}[os.Getenv(childVariable)]
	if use == nil {
		t.Skip("the other tests start it")
	}
	dir := t.TempDir()
	if err := Mount(3, dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	use(t, dir)
}

// child starts TestChild in a mount namespace of its own.
func child(t *testing.T, f *FS, what string) (wait func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childVariable+"="+what)
	cmd.ExtraFiles = []*os.File{f.Device()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Start()
	testenv.Require(t, testenv.Mount, err == nil, "%v", err)
	return func() {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, &out)
		}
	}
}

func newFS(t *testing.T, fault func(Request) error) *FS {
	t.Helper()
	f, err := New(fault)
	testenv.Require(t, testenv.Mount, err == nil, "%v", err)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestFilesAndFolders(t *testing.T) {
	f := newFS(t, nil)
	child(t, f, "files")()
	if got := fmt.Sprint(f.Paths()); got != "[keep]" {
		t.Errorf("it holds %s", got)
	}
}

func useFiles(t *testing.T, dir string) {
	want := bytes.Repeat([]byte("some bytes. "), 1<<17)
	folder := filepath.Join(dir, "folder")
	name := filepath.Join(folder, "file")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.Mkdir(filepath.Join(dir, "keep"), 0o700), os.WriteFile(name+"x", want, 0o600), os.Rename(name+"x", name)); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v; want the %d that were written", len(got), err, len(want))
	}
	if err := os.Truncate(name, 100); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want[:100]) {
		t.Errorf("read %d bytes, %v; want the first 100", len(got), err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 || info.Size() != 100 {
		t.Errorf("got %+v, %v", info, err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 || entries[0].Name() != "file" {
		t.Errorf("got %v, %v", entries, err)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Error(err)
	}
}

// Each errno reaches the program, by the call that it belongs to.
func TestFaults(t *testing.T) {
	f := newFS(t, func(r Request) error {
		switch {
		case r.Operation == Write && r.Offset == 4096:
			return unix.EDQUOT
		case r.Operation == Fsync:
			return unix.EIO
		case r.Operation == Flush:
			return unix.ENOSPC
		}
		return nil
	})
	child(t, f, "faults")()
	if f.Count(Fsync) != 1 || f.Count(Flush) != 1 || f.Count(Write) != 2 {
		t.Errorf("%d syncs, %d flushes, %d writes", f.Count(Fsync), f.Count(Flush), f.Count(Write))
	}
}

func useFaults(t *testing.T, dir string) {
	file, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(make([]byte, 4096), 0); err != nil {
		t.Error(err)
	}
	if _, err := file.WriteAt(make([]byte, 4096), 4096); !errors.Is(err, unix.EDQUOT) {
		t.Errorf("write: %v, want EDQUOT", err)
	}
	if err := file.Sync(); !errors.Is(err, unix.EIO) {
		t.Errorf("fsync: %v, want EIO", err)
	}
	if err := file.Close(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("close: %v, want ENOSPC", err)
	}
}

// What hangs ends with the connection.
func TestHang(t *testing.T) {
	hangs, release := make(chan struct{}), make(chan struct{})
	f := newFS(t, func(r Request) error {
		if r.Operation == Fsync {
			close(hangs)
			<-release
		}
		return nil
	})
	wait := child(t, f, "hang")
	<-hangs
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	wait()
	close(release)
}

func useHang(t *testing.T, dir string) {
	file, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Sync(); err == nil {
		t.Error("the sync ended without an error")
	}
	_ = file.Close() // the filesystem is gone
}
