package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// diskUnder names the volume; there are no counters and no queue to name.
func (fs FS) diskUnder(dir string) (Disk, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Disk{}, err
	}
	d := unknownDisk(abs, "copylab finds block devices on Linux only, not on windows")
	d.MountPoint = filepath.VolumeName(abs)
	return d, nil
}

// unnamedFile has no counterpart on Windows, where an open file keeps its name.
func unnamedFile(dir string) (*os.File, error) {
	return nil, fmt.Errorf("make an unnamed file in %s: %w", dir, errors.ErrUnsupported)
}
