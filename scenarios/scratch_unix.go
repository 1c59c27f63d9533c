//go:build unix

package scenarios

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// createLocked creates a file and takes its lock (flock(2)), which the kernel gives back when the process ends, however
// it ends. The file has its name only once it is locked, so that nobody finds it without an owner.
func createLocked(name string) (*os.File, error) {
	early := name + ".new"
	f, err := os.OpenFile(early, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if f, err = locked(f); err != nil {
		return nil, err
	}
	if err := os.Rename(early, name); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// lockExisting takes the lock of an existing file. errLocked: its owner is alive. A link is not followed.
func lockExisting(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	return locked(f)
}

func locked(f *os.File) (*os.File, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(errLocked, f.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("flock %s: %w", f.Name(), err), f.Close())
	}
	return f, nil
}
