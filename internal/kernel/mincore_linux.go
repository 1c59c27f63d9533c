package kernel

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mincoreWindow is how much of a file is mapped at a time: its vector of one byte a page stays small.
const mincoreWindow = 1 << 28

// ResidentPages counts the pages of the first size bytes of the file fd that are in the page cache: mincore(2) on a
// mapping that is never touched. fd must be open for reading. To a caller who neither owns nor may write the file the
// kernel says that every page is there (mm/mincore.c, can_do_mincore): don't ask for such a file.
func ResidentPages(fd int, size int64) (int64, error) {
	return residentPages(fd, size, mincoreWindow)
}

// residentPages takes the window, a multiple of the page size, as a parameter for its tests.
func residentPages(fd int, size, window int64) (resident int64, err error) {
	page := int64(os.Getpagesize())
	vec := make([]byte, (min(size, window)+page-1)/page)
	for off := int64(0); off < size; off += window {
		n := min(window, size-off)
		mapping, err := unix.Mmap(fd, off, int(n), unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			return 0, fmt.Errorf("mmap: %w", err)
		}
		_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&mapping[0])), uintptr(n), uintptr(unsafe.Pointer(&vec[0])))
		if err := unix.Munmap(mapping); err != nil {
			return 0, fmt.Errorf("munmap: %w", err)
		}
		if errno != 0 {
			return 0, fmt.Errorf("mincore: %w", errno)
		}
		// Only the lowest bit means something.
		for _, v := range vec[:(n+page-1)/page] {
			resident += int64(v & 1)
		}
	}
	return resident, nil
}
