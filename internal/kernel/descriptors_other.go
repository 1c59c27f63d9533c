//go:build !linux

package kernel

import "errors"

// OwnDescriptors gives the calling thread a descriptor table of its own where the system can: only Linux.
func OwnDescriptors() error {
	return errors.New("this operating system has one descriptor table per process")
}
