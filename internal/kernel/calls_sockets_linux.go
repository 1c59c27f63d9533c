package kernel

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Splice is splice(2). A nil offset is for a pipe or a socket.
func (c Calls) Splice(in int, inOffset *int64, out int, outOffset *int64, count, flags int) (int, error) {
	var n uintptr
	var errno syscall.Errno
	if c.Raw {
		n, _, errno = syscall.RawSyscall6(unix.SYS_SPLICE, uintptr(in), uintptr(unsafe.Pointer(inOffset)), uintptr(out),
			uintptr(unsafe.Pointer(outOffset)), uintptr(count), uintptr(flags))
	} else {
		n, _, errno = syscall.Syscall6(unix.SYS_SPLICE, uintptr(in), uintptr(unsafe.Pointer(inOffset)), uintptr(out),
			uintptr(unsafe.Pointer(outOffset)), uintptr(count), uintptr(flags))
	}
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}

// Send is sendto(2) without an address: what send(2) is on Linux.
func (c Calls) Send(socket int, p []byte, flags int) (int, error) {
	return c.call(unix.SYS_SENDTO, uintptr(socket), pointer(p), uintptr(len(p)), uintptr(flags))
}

// Recvmsg is recvmsg(2).
func (c Calls) Recvmsg(socket int, m *unix.Msghdr, flags int) (int, error) {
	return c.call(unix.SYS_RECVMSG, uintptr(socket), unsafe.Pointer(m), uintptr(flags), 0)
}

// Ppoll is ppoll(2) of one descriptor, without a signal mask. A nil limit is none.
func (c Calls) Ppoll(p *unix.PollFd, limit *unix.Timespec) (int, error) {
	const one = 1
	var n uintptr
	var errno syscall.Errno
	if c.Raw {
		n, _, errno = syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(p)), one, uintptr(unsafe.Pointer(limit)), 0, 0, 0)
	} else {
		n, _, errno = syscall.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(p)), one, uintptr(unsafe.Pointer(limit)), 0, 0, 0)
	}
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}

// Getsockopt is getsockopt(2) of an option whose value is at value and has *size bytes.
func (c Calls) Getsockopt(socket, level, option int, value unsafe.Pointer, size *uint32) error {
	var errno syscall.Errno
	if c.Raw {
		_, _, errno = syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(socket), uintptr(level), uintptr(option), uintptr(value), uintptr(unsafe.Pointer(size)), 0)
	} else {
		_, _, errno = syscall.Syscall6(unix.SYS_GETSOCKOPT, uintptr(socket), uintptr(level), uintptr(option), uintptr(value), uintptr(unsafe.Pointer(size)), 0)
	}
	if errno != 0 {
		return errno
	}
	return nil
}
