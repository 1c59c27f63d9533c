//go:build unix

package kernel

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Buffer returns size bytes of page-aligned anonymous memory, every page of which has been written once: using it
// afterwards takes no page fault, and the garbage collector neither scans nor moves nor counts it. It rests on mmap(2).
// Give it back with Free.
func Buffer(size int) ([]byte, error) {
	if size < 1 {
		return nil, fmt.Errorf("allocate buffer of %d bytes: want at least 1", size)
	}
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("allocate buffer of %d bytes: mmap: %w", size, err)
	}
	// A page that was only read is the kernel's shared page of zeroes. Only a write makes it ours.
	for i := 0; i < size; i += os.Getpagesize() {
		b[i] = 0
	}
	return b, nil
}

// Free gives back what Buffer returned, or a slice of it that begins where it began. Nobody may use it afterwards.
func Free(b []byte) error {
	// x/sys knows a mapping by its last byte, so the whole of it is named, however much of it the caller still held.
	if err := unix.Munmap(b[:cap(b)]); err != nil {
		return fmt.Errorf("free buffer of %d bytes: munmap: %w", cap(b), err)
	}
	return nil
}
