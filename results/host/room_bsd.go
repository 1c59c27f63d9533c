//go:build darwin || freebsd

package host

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// FreeSpace returns how many bytes an ordinary user may still write on the filesystem of the folder dir, and its size:
// statfs(2).
func FreeSpace(dir string) (freeBytes, totalBytes int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("read free space: %w", &os.PathError{Op: "statfs", Path: dir, Err: err})
	}
	// FreeBSD lets the count go below zero when root has used its reserve.
	free := max(0, int64(st.Bavail))
	return blocks(uint64(free), uint64(st.Bsize)), blocks(st.Blocks, uint64(st.Bsize)), nil
}
