package diskwrite

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

const pwriteName = "pwrite"

// What this operating system lacks; empty: nothing.
const (
	noFdatasync         = ""
	syncKeepsDriveCache = ""
)

// oDSYNC is O_DSYNC of sys/fcntl.h, FreeBSD 13 and newer. Older kernels ignore it, which wrap finds out.
const oDSYNC = 0x01000000

const hintOnly = "FreeBSD takes O_DIRECT for a hint, and its filesystems may write through their caches all the same"

func buffered() binding {
	return flagged{unsynced: "writes are in the page cache, and nothing was synced"}.binding()
}

func direct() binding      { return unsupported(hintOnly) }
func dsync() binding       { return flagged{flags: oDSYNC, words: "O_DSYNC"}.binding() }
func directDsync() binding { return unsupported(hintOnly) }

// fdatasync is fdatasync(2), for which x/sys has the number but no function here.
func fdatasync(_ kernel.Calls, fd int) error {
	if _, _, errno := unix.Syscall(unix.SYS_FDATASYNC, uintptr(fd), 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// inMemory names the filesystem under dir if it keeps files in memory only; otherwise it is empty.
func inMemory(dir string) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "", &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if name := unix.ByteSliceToString(st.Fstypename[:]); name == "tmpfs" {
		return name, nil
	}
	return "", nil
}

func openTmpfile(string, int) (int, error) { return -1, errors.ErrUnsupported }
