package diskwrite

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// dropPages makes the file's data clean and asks the kernel to forget its pages: posix_fadvise(2), POSIX_FADV_DONTNEED,
// which leaves dirty pages alone. Filesystems in memory keep theirs.
func dropPages(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr, adviseErr error
	err = conn.Control(func(fd uintptr) {
		for {
			if syncErr = unix.Fdatasync(int(fd)); !errors.Is(syncErr, unix.EINTR) {
				break
			}
		}
		adviseErr = unix.Fadvise(int(fd), 0, 0, unix.FADV_DONTNEED)
	})
	if syncErr != nil {
		syncErr = fmt.Errorf("fdatasync %s: %w", f.Name(), syncErr)
	}
	if adviseErr != nil {
		adviseErr = fmt.Errorf("fadvise %s: %w", f.Name(), adviseErr)
	}
	return errors.Join(err, syncErr, adviseErr)
}
