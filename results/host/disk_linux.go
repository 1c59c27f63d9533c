package host

import (
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

func (fs FS) diskUnder(dir string) (Disk, error) {
	at, err := locate(dir)
	if err != nil {
		return Disk{}, err
	}
	return fs.diskAt(at, locate), nil
}

// locate asks the kernel where a folder is. STATX_MNT_ID is Linux 5.8.
func locate(dir string) (place, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return place{}, err
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return place{}, err
	}
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, real, unix.AT_STATX_SYNC_AS_STAT, unix.STATX_TYPE|unix.STATX_MNT_ID, &st); err != nil {
		return place{}, &iofs.PathError{Op: "statx", Path: real, Err: err}
	}
	at := place{path: real, device: deviceNumber(st.Dev_major, st.Dev_minor)}
	if st.Mask&unix.STATX_MNT_ID != 0 {
		at.mount = int64(st.Mnt_id)
	}
	return at, nil
}

// unnamedFile makes a file in dir that has no name, so that nothing is left behind whatever happens: O_TMPFILE, or where
// the filesystem has none a file that is removed at once.
func unnamedFile(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), filepath.Join(dir, "(unnamed)")), nil
	}
	f, err := os.CreateTemp(dir, ".copylab-probe-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// deviceNumber writes st_dev the way mountinfo does.
func deviceNumber(major, minor uint32) string {
	return strconv.FormatUint(uint64(major), 10) + ":" + strconv.FormatUint(uint64(minor), 10)
}
