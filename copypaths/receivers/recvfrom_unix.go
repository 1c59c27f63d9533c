//go:build unix && !linux

package receivers

import "golang.org/x/sys/unix"

// recvfrom is recvfrom(2), whose address a connected socket leaves empty.
func recvfrom(socket int, p []byte, flags int) (int, error) {
	n, _, err := unix.Recvfrom(socket, p, flags)
	return n, err
}
