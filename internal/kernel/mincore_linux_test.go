package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A file that was just written is resident page by page, whatever the window through which it is looked at.
func TestResidentPages(t *testing.T) {
	page := int64(os.Getpagesize())
	size := 5*page + 1
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
	}()
	for _, window := range []int64{page, 2 * page, 4 * page, mincoreWindow} {
		if got, err := residentPages(fd, size, window); got != 6 || err != nil {
			t.Errorf("window of %d pages: got %d, %v; want 6", window/page, got, err)
		}
	}
	if got, err := ResidentPages(fd, 0); got != 0 || err != nil {
		t.Errorf("nothing: got %d, %v", got, err)
	}
}

func TestResidentPagesOfBadDescriptor(t *testing.T) {
	if got, err := ResidentPages(-1, 10); got != 0 || !errors.Is(err, unix.EBADF) {
		t.Errorf("got %d, %v", got, err)
	}
}
