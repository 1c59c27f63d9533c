//go:build unix && !linux

package kernel

import "golang.org/x/sys/unix"

// Calls makes system calls for a thread that is measured. Raw changes nothing here: these systems make system calls
// through their C library.
type Calls struct{ Raw bool }

// Read is read(2).
func (Calls) Read(fd int, p []byte) (int, error) { return unix.Read(fd, p) }

// Write is write(2).
func (Calls) Write(fd int, p []byte) (int, error) { return unix.Write(fd, p) }

// Pwrite is pwrite(2).
func (Calls) Pwrite(fd int, p []byte, off int64) (int, error) { return unix.Pwrite(fd, p, off) }

// Recv is recvfrom(2), whose address a connected socket leaves empty.
func (Calls) Recv(fd int, p []byte, flags int) (int, error) {
	n, _, err := unix.Recvfrom(fd, p, flags)
	return n, err
}

// Fsync is fsync(2).
func (Calls) Fsync(fd int) error { return unix.Fsync(fd) }
