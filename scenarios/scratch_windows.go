package scenarios

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// createLocked creates a file and takes its lock, which the system gives back when the process ends, however it ends.
func createLocked(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	return locked(f)
}

// lockExisting takes the lock of an existing file. errLocked: its owner is alive.
func lockExisting(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return locked(f)
}

func locked(f *os.File) (*os.File, error) {
	// The lock covers a byte far behind the text, so that the text stays readable.
	at := &windows.Overlapped{Offset: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return nil, errors.Join(errLocked, f.Close())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
