//go:build darwin || freebsd

package host

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// diskUnder tells what statfs(2) tells; there are no counters and no queue to name.
func (fs FS) diskUnder(dir string) (Disk, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Disk{}, err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(abs, &st); err != nil {
		return Disk{}, &os.PathError{Op: "statfs", Path: abs, Err: err}
	}
	d := unknownDisk(abs, "copylab finds block devices on Linux only, not on "+runtime.GOOS)
	d.MountPoint = unix.ByteSliceToString(st.Mntonname[:])
	d.Filesystem = unix.ByteSliceToString(st.Fstypename[:])
	d.Partition = unix.ByteSliceToString(st.Mntfromname[:])
	d.InMemory = inMemory(d.Filesystem)
	return d, nil
}

// unnamedFile makes a file in dir and removes its name at once.
func unnamedFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".copylab-probe-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
