package kernel

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCalls(t *testing.T) {
	for _, c := range []Calls{{Raw: false}, {Raw: true}} {
		f, err := os.OpenFile(filepath.Join(t.TempDir(), "f"), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fd := int(f.Fd())
		if n, err := c.Write(fd, []byte("hello")); n != 5 || err != nil {
			t.Errorf("%+v: write: %d, %v", c, n, err)
		}
		if n, err := c.Pwrite(fd, []byte("J"), 0); n != 1 || err != nil {
			t.Errorf("%+v: pwrite: %d, %v", c, n, err)
		}
		if err := errors.Join(c.Fsync(fd), c.Fdatasync(fd)); err != nil {
			t.Errorf("%+v: sync: %v", c, err)
		}
		if _, err := f.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 9)
		if n, err := c.Read(fd, got); err != nil || !bytes.Equal(got[:n], []byte("Jello")) {
			t.Errorf("%+v: read %q, %v", c, got[:n], err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(fd, got); !errors.Is(err, syscall.EBADF) || n != -1 {
			t.Errorf("%+v: read of a closed descriptor: %d, %v", c, n, err)
		}
		pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(pair[0], []byte("abc")); err != nil {
			t.Errorf("%+v: write: %v", c, err)
		}
		for range 2 { // looking takes nothing away
			if n, err := c.Recv(pair[1], got, syscall.MSG_PEEK); n != 3 || err != nil {
				t.Errorf("%+v: recv: %d, %v", c, n, err)
			}
		}
		if err := errors.Join(syscall.Close(pair[0]), syscall.Close(pair[1])); err != nil {
			t.Fatal(err)
		}
	}
}

// The calls that write a file, each both ways: what they wrote, and what they say of a closed descriptor.
func TestCallsThatWrite(t *testing.T) {
	for _, c := range []Calls{{Raw: false}, {Raw: true}} {
		f, err := os.OpenFile(filepath.Join(t.TempDir(), "f"), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fd := int(f.Fd())
		words := []byte("one two three ")
		vectors := []unix.Iovec{{Base: &words[8]}, {Base: &words[0]}}
		vectors[0].SetLen(6)
		vectors[1].SetLen(4)
		if n, err := c.Pwritev(fd, vectors, 2); n != 10 || err != nil {
			t.Errorf("%+v: pwritev: %d, %v", c, n, err)
		}
		// An offset beyond 32 bits arrives whole.
		const far = 5 << 30
		if n, err := c.Pwritev2(fd, vectors[1:], far, unix.RWF_DSYNC); n != 4 || err != nil {
			t.Errorf("%+v: pwritev2: %d, %v", c, n, err)
		}
		if n, err := c.Pwritev(fd, vectors[1:], far+4); n != 4 || err != nil {
			t.Errorf("%+v: pwritev: %d, %v", c, n, err)
		}
		if n, err := c.Pwritev2(fd, vectors, 0, 1<<30); !errors.Is(err, errors.ErrUnsupported) || n != -1 {
			t.Errorf("%+v: pwritev2 with a flag that there is not: %d, %v", c, n, err)
		}
		got := make([]byte, 12)
		if _, err := f.ReadAt(got, 0); err != nil || string(got) != "\x00\x00three one " {
			t.Errorf("%+v: the file begins with %q, %v", c, got, err)
		}
		if n, err := f.ReadAt(got, far); n != 8 || string(got[:n]) != "one one " {
			t.Errorf("%+v: at 5 GiB there is %q, %v", c, got[:n], err)
		}
		if err := c.SyncFileRange(fd, unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER); err != nil {
			t.Errorf("%+v: sync_file_range: %v", c, err)
		}
		mapping, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			t.Fatal(err)
		}
		copy(mapping, "mapped")
		if err := c.Msync(mapping, unix.MS_SYNC); err != nil {
			t.Errorf("%+v: msync: %v", c, err)
		}
		if err := c.Msync(mapping, unix.MS_SYNC|unix.MS_ASYNC); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%+v: msync of two minds: %v", c, err)
		}
		if err := errors.Join(unix.Munmap(mapping), f.Close()); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Pwritev(fd, vectors, 0); !errors.Is(err, syscall.EBADF) || n != -1 {
			t.Errorf("%+v: pwritev: %d, %v", c, n, err)
		}
		if err := c.SyncFileRange(fd, 0); !errors.Is(err, syscall.EBADF) {
			t.Errorf("%+v: sync_file_range: %v", c, err)
		}
	}
}
