package copypaths

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// calls makes the system calls of the Descriptor paths, the ordinary way or raw: see Ends.Dedicated.
//
// Where a sendfile of 4 KiB over loopback takes 1.3 µs, the ordinary way is 15 % of it. Telling the Go scheduler takes
// some 70 ns for each call. unix.RawSyscall saves that, but is the last of four functions on the way to the kernel, which
// cost 25 ns, for their code has to be fetched again after each call. syscall.RawSyscall6 is the first of them.
// What is left (some 5 % at 4 KiB) a C program with threads pays too: threads share their table of descriptors,
// so that the kernel has to count its references to a file.
type calls struct{ raw bool }

func callsOf(e Ends) calls { return calls{raw: e.Dedicated} }

func (c calls) read(fd int, p []byte) (int, error) {
	if !c.raw {
		return unix.Read(fd, p)
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
	return result(n, errno)
}

func (c calls) write(fd int, p []byte) (int, error) {
	if !c.raw {
		return unix.Write(fd, p)
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
	return result(n, errno)
}

func (c calls) sendfile(out, in int, offset *int64, count int) (int, error) {
	if !c.raw {
		return unix.Sendfile(out, in, offset, count)
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDFILE, uintptr(out), uintptr(in), uintptr(unsafe.Pointer(offset)), uintptr(count), 0, 0)
	return result(n, errno)
}

func (c calls) sendmsg(socket int, m *unix.Msghdr) (int, error) {
	var n uintptr
	var errno syscall.Errno
	if c.raw {
		n, _, errno = syscall.RawSyscall6(unix.SYS_SENDMSG, uintptr(socket), uintptr(unsafe.Pointer(m)), 0, 0, 0, 0)
	} else {
		n, _, errno = syscall.Syscall6(unix.SYS_SENDMSG, uintptr(socket), uintptr(unsafe.Pointer(m)), 0, 0, 0, 0)
	}
	return result(n, errno)
}

// result turns what a raw system call returns into what the wrappers of x/sys return.
func result(n uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
