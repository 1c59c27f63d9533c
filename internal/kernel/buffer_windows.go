package kernel

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Buffer returns size bytes of page-aligned memory, every page of which has been written once: using it afterwards
// takes no page fault, and the garbage collector neither scans nor moves nor counts it. It rests on VirtualAlloc.
// Give it back with Free.
func Buffer(size int) ([]byte, error) {
	if size < 1 {
		return nil, fmt.Errorf("allocate buffer of %d bytes: want at least 1", size)
	}
	address, err := windows.VirtualAlloc(0, uintptr(size), windows.MEM_RESERVE|windows.MEM_COMMIT, windows.PAGE_READWRITE)
	if err != nil {
		return nil, fmt.Errorf("allocate buffer of %d bytes: VirtualAlloc: %w", size, err)
	}
	// The address is not on the Go heap, so it is read as a pointer instead of being converted to one.
	b := unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&address))), size)
	for i := 0; i < size; i += os.Getpagesize() {
		b[i] = 0
	}
	return b, nil
}

// Free gives back what Buffer returned, or a slice of it that begins where it began. Nobody may use it afterwards.
func Free(b []byte) error {
	address := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	if err := windows.VirtualFree(address, 0, windows.MEM_RELEASE); err != nil {
		return fmt.Errorf("free buffer of %d bytes: VirtualFree: %w", cap(b), err)
	}
	return nil
}
