package kernel

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// OwnDescriptors gives the calling thread a descriptor table of its own, a copy of the process's: unshare(2),
// CLONE_FILES. While threads share a table, the kernel counts a reference to each file at every system call that
// names one, so that no other thread closes it meanwhile (fdget, fs/file.c). That is a tenth of a sendfile of 4 KiB, and
// a program with one thread does not pay it.
//
// The thread must be locked to its goroutine and stay so until the process ends. What is opened or closed from then on is
// so in that table alone: a connection ends only with the process. Some containers refuse the call; then nothing has
// changed.
func OwnDescriptors() error {
	// The Go runtime makes its poller when it is first needed, and its descriptors must be in both tables.
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make the runtime's poller: %w", err)
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		return fmt.Errorf("make the runtime's poller: %w", err)
	}
	if err := unix.Unshare(unix.CLONE_FILES); err != nil {
		return fmt.Errorf("unshare the descriptor table: %w", err)
	}
	return nil
}
