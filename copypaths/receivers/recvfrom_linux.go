package receivers

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// recvfrom is recvfrom(2) without an address: what recv(2) is on Linux. unix.Recvfrom would make room for the sender's
// address each time, which a connected socket does not need.
func recvfrom(socket int, p []byte, flags int) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(socket), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)), uintptr(flags), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
