package worker

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// enterNamespace moves the calling thread, which must be locked, into the network namespace that the descriptor is open on (setns(2)), and
// closes it. The sockets that this thread opens from then on are in it; it opens all of a worker's.
func enterNamespace(descriptor int) error {
	if err := unix.Setns(descriptor, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace: setns: %w", err)
	}
	if err := unix.Close(descriptor); err != nil {
		return fmt.Errorf("enter network namespace: close: %w", err)
	}
	return nil
}
