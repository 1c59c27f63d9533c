package host

import (
	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// probeZeroCopy asks a TCP socket for MSG_ZEROCOPY's completions (Documentation/networking/msg_zerocopy.rst).
func probeZeroCopy() kernel.Status {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return kernel.Unknown("socket: %v", err)
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ZEROCOPY, 1)
	if cerr := unix.Close(fd); cerr != nil {
		return kernel.Unknown("close: %v", cerr)
	}
	if err != nil {
		return kernel.Unavailable("setsockopt SO_ZEROCOPY: %v", err)
	}
	return kernel.Available()
}
