//go:build !linux

package kernel

import (
	"errors"
	"runtime"
)

// SyscallCounter counts the system calls of a process; only Linux is built for.
type SyscallCounter struct{}

func noSyscallCounts() error {
	return errors.New("system calls are not counted by the kernel on " + runtime.GOOS)
}

// OpenSyscallCounter says that there is none here.
func OpenSyscallCounter() (*SyscallCounter, error) { return nil, noSyscallCounts() }

// CountedSyscalls are none.
func CountedSyscalls() []string { return nil }

// Start has nothing to start.
func (*SyscallCounter) Start() error { return errors.ErrUnsupported }

// Stop has nothing to stop.
func (*SyscallCounter) Stop() error { return errors.ErrUnsupported }

// Counts has nothing to tell.
func (*SyscallCounter) Counts() (SyscallCounts, error) {
	return SyscallCounts{}, errors.ErrUnsupported
}

// Close does nothing.
func (*SyscallCounter) Close() error { return nil }

// ProbeSyscallCounts says that there are none here.
func ProbeSyscallCounts() Status { return Unavailable("%v", noSyscallCounts()) }
