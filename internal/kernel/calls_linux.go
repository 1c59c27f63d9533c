package kernel

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Calls makes system calls for a thread that is measured.
//
// The ordinary way tells the Go scheduler of each call: some 70 ns, and where a call blocks for more than 20 µs, the
// runtime's monitor thread takes the processor away and has to be asked for it back. On a worker whose threads are
// all pinned to one CPU, that thread then interrupts the measured one thousands of times a second. The raw way does
// none of this. The price: one of GOMAXPROCS stays taken while a call blocks, and nothing that stops the world gets past it. So
// GOMAXPROCS must exceed the number of such threads, and the garbage collector must be off.
//
// syscall.RawSyscall6 is called directly: the wrappers of x/sys around it cost another 25 ns, since their code has to be
// fetched again after each call.
type Calls struct{ Raw bool }

// Read is read(2).
func (c Calls) Read(fd int, p []byte) (int, error) {
	return c.call(syscall.SYS_READ, uintptr(fd), pointer(p), uintptr(len(p)), 0)
}

// Write is write(2).
func (c Calls) Write(fd int, p []byte) (int, error) {
	return c.call(syscall.SYS_WRITE, uintptr(fd), pointer(p), uintptr(len(p)), 0)
}

// Pwrite is pwrite64(2).
func (c Calls) Pwrite(fd int, p []byte, off int64) (int, error) {
	return c.call(syscall.SYS_PWRITE64, uintptr(fd), pointer(p), uintptr(len(p)), uintptr(off))
}

// Pwritev is pwritev(2).
func (c Calls) Pwritev(fd int, vectors []unix.Iovec, off int64) (int, error) {
	return c.call(syscall.SYS_PWRITEV, uintptr(fd), unsafe.Pointer(unsafe.SliceData(vectors)), uintptr(len(vectors)), uintptr(off))
}

// Pwritev2 is pwritev2(2): Pwritev with the flags RWF_*.
func (c Calls) Pwritev2(fd int, vectors []unix.Iovec, off int64, flags int) (int, error) {
	// On 64-bit kernels the offset's upper half is ignored: the lower one is all of it.
	const upper = 0
	var n uintptr
	var errno syscall.Errno
	if c.Raw {
		n, _, errno = syscall.RawSyscall6(unix.SYS_PWRITEV2, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(vectors))), uintptr(len(vectors)), uintptr(off), upper, uintptr(flags))
	} else {
		n, _, errno = syscall.Syscall6(unix.SYS_PWRITEV2, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(vectors))), uintptr(len(vectors)), uintptr(off), upper, uintptr(flags))
	}
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}

// Recv is recvfrom(2) without an address: what recv(2) is on Linux.
func (c Calls) Recv(fd int, p []byte, flags int) (int, error) {
	return c.call(syscall.SYS_RECVFROM, uintptr(fd), pointer(p), uintptr(len(p)), uintptr(flags))
}

// Fsync is fsync(2).
func (c Calls) Fsync(fd int) error {
	_, err := c.call(syscall.SYS_FSYNC, uintptr(fd), nil, 0, 0)
	return err
}

// Fdatasync is fdatasync(2).
func (c Calls) Fdatasync(fd int) error {
	_, err := c.call(syscall.SYS_FDATASYNC, uintptr(fd), nil, 0, 0)
	return err
}

// SyncFileRange is sync_file_range(2) of the whole file.
func (c Calls) SyncFileRange(fd, flags int) error {
	// Offset 0, and 0 bytes from there, which means to the end. The offset is where other calls have a pointer.
	_, err := c.call(unix.SYS_SYNC_FILE_RANGE, uintptr(fd), nil, 0, uintptr(flags))
	return err
}

// Msync is msync(2) of a whole mapping.
func (c Calls) Msync(mapping []byte, flags int) error {
	var errno syscall.Errno
	if c.Raw {
		_, _, errno = syscall.RawSyscall6(syscall.SYS_MSYNC, uintptr(pointer(mapping)), uintptr(len(mapping)), uintptr(flags), 0, 0, 0)
	} else {
		_, _, errno = syscall.Syscall6(syscall.SYS_MSYNC, uintptr(pointer(mapping)), uintptr(len(mapping)), uintptr(flags), 0, 0, 0)
	}
	if errno != 0 {
		return errno
	}
	return nil
}

func pointer(p []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(p)) }

func (c Calls) call(number, fd uintptr, p unsafe.Pointer, a, b uintptr) (int, error) {
	var n uintptr
	var errno syscall.Errno
	if c.Raw {
		n, _, errno = syscall.RawSyscall6(number, fd, uintptr(p), a, b, 0, 0)
	} else {
		n, _, errno = syscall.Syscall6(number, fd, uintptr(p), a, b, 0, 0)
	}
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
