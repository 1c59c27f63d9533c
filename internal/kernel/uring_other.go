//go:build !linux

package kernel

import "runtime"

// ProbeUring tells whether io_uring and the operations ops work here. Only Linux has io_uring.
func ProbeUring(...UringOp) Status {
	return Unavailable("io_uring is a Linux interface; %s has none", runtime.GOOS)
}
