package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What DirectAlignment returns is what the kernel accepts, and half of the offset alignment is what it refuses. (Half of
// the memory alignment may work: not every kernel and driver checks it.)
func TestDirectAlignmentIsWhatTheKernelAsks(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	memory, offset, source, err := DirectAlignment(f)
	if err != nil {
		if memory != 0 || offset != 0 || source != "" {
			t.Errorf("got %d, %d, %q beside the error %v, want no values", memory, offset, source, err)
		}
		t.Skipf("this filesystem tells no alignment: %v", err)
	}
	if memory < 1 || offset < 1 || memory&(memory-1) != 0 || offset&(offset-1) != 0 {
		t.Fatalf("got %d and %d, want powers of two", memory, offset)
	}
	fd, err := unix.Open(f.Name(), unix.O_WRONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("this filesystem refuses O_DIRECT: %v", err)
	}
	defer func() {
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
	}()
	page, err := unix.Mmap(-1, 0, int(4*offset)+os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Munmap(page); err != nil {
			t.Error(err)
		}
	}()
	if _, err := unix.Pwrite(fd, page[memory:memory+offset], offset); err != nil {
		t.Errorf("write aligned to memory %d and offset %d: %v", memory, offset, err)
	}
	if _, err := unix.Pwrite(fd, page[:offset/2], 0); offset > 1 && !errors.Is(err, unix.EINVAL) {
		t.Errorf("write of half the offset alignment: got %v, want EINVAL", err)
	}
}

func TestDirectAlignmentSaysThatThereIsNone(t *testing.T) {
	for _, name := range []string{"/proc/self/status", "/dev/shm"} {
		f, err := os.Open(name)
		if err != nil {
			t.Logf("skip %s: %v", name, err)
			continue
		}
		memory, offset, _, err := DirectAlignment(f)
		if !errors.Is(err, errors.ErrUnsupported) || memory != 0 || offset != 0 {
			t.Errorf("%s: got %d, %d, %v; want errors.ErrUnsupported and no values", name, memory, offset, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The layout of sysfs: /sys/dev/block links to the device's folder, and a partition's folder lies in its disk's.
func TestLogicalBlockSize(t *testing.T) {
	sysfs := t.TempDir()
	for name, text := range map[string]string{
		"devices/disk/queue/logical_block_size":    "4096\n",
		"devices/disk/part1/partition":             "1\n",
		"devices/strange/queue/logical_block_size": "many\n",
		"devices/bare/size":                        "8\n",
	} {
		path := filepath.Join(sysfs, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(sysfs, "dev/block"), 0o755); err != nil {
		t.Fatal(err)
	}
	for node, device := range map[string]string{"8:0": "disk", "8:1": "disk/part1", "9:0": "strange", "9:1": "bare"} {
		if err := os.Symlink(filepath.Join("../../devices", device), filepath.Join(sysfs, "dev/block", node)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		major, minor uint32
		want         int64
		wantErr      string
	}{
		{8, 0, 4096, ""},
		{8, 1, 4096, ""},
		{9, 0, 0, "want a number of bytes"},
		{9, 1, 0, "read the logical block size"},
		{7, 7, 0, "find the block device"},
		{0, 32, 0, "is no block device"},
	} {
		got, source, err := logicalBlockSize(sysfs, tt.major, tt.minor)
		if got != tt.want || (err == nil) != (tt.wantErr == "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
			t.Errorf("%d:%d: got %d, %v; want %d, error with %q", tt.major, tt.minor, got, err, tt.want, tt.wantErr)
		}
		if err == nil && !strings.HasSuffix(source, "disk/queue/logical_block_size") {
			t.Errorf("%d:%d: source is %q", tt.major, tt.minor, source)
		}
	}
}
