//go:build unix && !linux

package copypaths

import "golang.org/x/sys/unix"

// calls makes the system calls of the Descriptor paths. Raw ones exist on Linux only: Ends.Dedicated changes nothing.
type calls struct{}

func callsOf(Ends) calls { return calls{} }

func (calls) read(fd int, p []byte) (int, error)  { return unix.Read(fd, p) }
func (calls) write(fd int, p []byte) (int, error) { return unix.Write(fd, p) }
