package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"copylab/internal/testenv"
)

// requireDisk returns a temporary folder that is on a block device whose counters can be read.
func requireDisk(t *testing.T) (string, Disk) {
	t.Helper()
	dir := t.TempDir()
	d, err := DiskUnder(dir)
	if err != nil {
		t.Fatal(err)
	}
	testenv.Require(t, testenv.Disk, d.Device != "", "%s", d.Why)
	stats, err := parseFile("/proc/diskstats", parseDiskstats)
	if err != nil {
		testenv.Require(t, testenv.Disk, false, "%v", err)
	}
	_, has := stats[d.Device]
	testenv.Require(t, testenv.Disk, has, "/proc/diskstats has no %s", d.Device)
	return dir, d
}

// The disk that DiskUnder names for a real folder is the one that st_dev leads to.
func TestDiskUnderRealFolder(t *testing.T) {
	dir, d := requireDisk(t)
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	if unix.Major(st.Dev) != 0 {
		target, err := filepath.EvalSymlinks(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)))
		if err != nil {
			t.Fatal(err)
		}
		if name := filepath.Base(target); name != d.Device && name != strings.Fields(d.Partition + " -")[0] {
			t.Errorf("the folder is on %s, got device %s and partition %s", name, d.Device, d.Partition)
		}
	}
	// A link to the folder leads to the same disk.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	through, err := DiskUnder(link)
	if err != nil || through.Device != d.Device || through.MountPoint != d.MountPoint || through.Folder != d.Folder {
		t.Errorf("through a link: got %+v, %v; want %+v", through, err, d)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind in the folder: %v, %v", left, err)
	}
}

func TestDiskUnderTmpfs(t *testing.T) {
	var st unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &st); err != nil || st.Type != unix.TMPFS_MAGIC {
		t.Skipf("/dev/shm is no tmpfs here: %v", err)
	}
	d, err := DiskUnder("/dev/shm")
	if err != nil || !d.InMemory || d.Device != "" || d.Filesystem != "tmpfs" || d.Why == "" {
		t.Errorf("got %+v, %v", d, err)
	}
}

// The alignment that the Disk tells is what the kernel accepts, and the counters of the device that it names count the
// bytes and the flush of a direct, durable write.
func TestCountersSeeDirectWrite(t *testing.T) {
	dir, d := requireDisk(t)
	memory, ok1 := d.DirectMemAlign.Get()
	offset, ok2 := d.DirectOffsetAlign.Get()
	testenv.Require(t, testenv.Direct, ok1 && ok2, "%s", d.DirectMemAlign.Why())
	name := filepath.Join(dir, "direct")
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_DIRECT|unix.O_DSYNC|unix.O_CLOEXEC, 0o600)
	testenv.Require(t, testenv.Direct, err == nil, "open with O_DIRECT: %v", err)
	defer func() {
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
	}()
	const block, blocks = 1 << 20, 4
	buf, err := unix.Mmap(-1, 0, block+int(memory), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Munmap(buf); err != nil {
			t.Error(err)
		}
	}()
	if start := uintptr(unsafe.Pointer(&buf[0])) % uintptr(memory); start != 0 || block%offset != 0 {
		t.Fatalf("the buffer starts at %d past the alignment %d, blocks of %d, offsets of %d", start, memory, block, offset)
	}
	for i := range buf {
		buf[i] = byte(i * 31)
	}
	c, err := OpenCounters(d.Device)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	c.Before()
	for i := range int64(blocks) {
		if n, err := unix.Pwrite(fd, buf[:block], i*block); n != block || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
	}
	c.After()
	got := c.Device()
	written, ok := got.WriteBytes.Get()
	if !ok || written < block*blocks {
		t.Errorf("the device wrote %v bytes, want at least %d", got.WriteBytes, block*blocks)
	}
	if d.WriteCache == "write back" && d.FUA == "0" {
		if n, ok := got.Flushes.Get(); ok && n < 1 || !ok && System().noFlushes(d.Device) == "" {
			t.Errorf("the device was flushed %v times, want at least 1", got.Flushes)
		}
	}
	if n, ok := got.Writes.Get(); !ok || n < blocks {
		t.Errorf("the device did %v writes, want at least %d", got.Writes, blocks)
	}
}
