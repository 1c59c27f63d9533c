package kernel

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
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
