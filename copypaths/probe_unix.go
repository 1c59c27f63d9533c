//go:build unix

package copypaths

import (
	"os"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// tryDescriptor probes a path that works on a raw descriptor, by moving a small file into one end of a socketpair(2).
func tryDescriptor(open func(Ends) (Mover, error)) Status {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return kernel.Unknown("could not try it: socketpair: %v", err)
	}
	unix.CloseOnExec(pair[0])
	unix.CloseOnExec(pair[1])
	// A path that said it moved bytes and did not must not make the probe wait for them for ever.
	timeout := unix.NsecToTimeval(1e9)
	err = unix.SetsockoptTimeval(pair[1], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout)
	receiver := os.NewFile(uintptr(pair[1]), "probe")
	defer receiver.Close()
	defer unix.Close(pair[0])
	if err != nil {
		return kernel.Unknown("could not try it: setsockopt: %v", err)
	}
	return try(open, Ends{Socket: pair[0]}, receiver)
}
