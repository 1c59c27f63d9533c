package receivers

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// unnamedFile makes a file that never has a name (O_TMPFILE, open(2)), so that not even a kill in between leaves one.
func unnamedFile(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	// EOPNOTSUPP: the filesystem has none; EISDIR: the kernel takes the flag for a folder to be written to (open(2)).
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, unix.EISDIR) {
		return createAndRemove(dir)
	}
	return f, err
}
