package host

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// FreeSpace returns how many bytes an ordinary user may still write on the filesystem of the folder dir, and its size:
// statfs(2). Root gets the same answer, since the blocks that are reserved for it are not for test files.
func FreeSpace(dir string) (freeBytes, totalBytes int64, err error) {
	var st unix.Statfs_t
	for {
		if err = unix.Statfs(dir, &st); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read free space: %w", &os.PathError{Op: "statfs", Path: dir, Err: err})
	}
	size := uint64(st.Bsize)
	if st.Frsize > 0 {
		size = uint64(st.Frsize)
	}
	return blocks(st.Bavail, size), blocks(st.Blocks, size), nil
}
