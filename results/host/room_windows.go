package host

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// FreeSpace returns how many bytes this user may still write on the volume of the folder dir, and its size:
// GetDiskFreeSpaceEx.
func FreeSpace(dir string) (freeBytes, totalBytes int64, err error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, 0, fmt.Errorf("read free space of %s: %w", dir, err)
	}
	var free, total, all uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, &total, &all); err != nil {
		return 0, 0, fmt.Errorf("read free space: %w", &os.PathError{Op: "GetDiskFreeSpaceEx", Path: dir, Err: err})
	}
	return blocks(free, 1), blocks(total, 1), nil
}
