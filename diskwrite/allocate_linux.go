package diskwrite

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// allocate gives an empty file so many bytes that nobody wrote: fallocate(2), whose blocks the filesystem marks as
// unwritten until they are. Filesystems without it refuse (EOPNOTSUPP); C libraries would then write zeros.
func allocate(f *os.File, bytes int64) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		for {
			if failed = unix.Fallocate(int(fd), 0, 0, bytes); !errors.Is(failed, unix.EINTR) {
				return
			}
		}
	})
	if failed != nil {
		failed = &fs.PathError{Op: "fallocate", Path: f.Name(), Err: failed}
	}
	return errors.Join(err, failed)
}
