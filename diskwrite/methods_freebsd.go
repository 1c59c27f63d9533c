package diskwrite

import (
	"errors"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

const pwriteName = "pwrite"

// What this operating system lacks; empty: nothing.
const (
	noFdatasync         = ""
	noFullfsync         = "only macOS has F_FULLFSYNC: choose fsync"
	noSyncFileRange     = "only Linux has sync_file_range(2): choose fsync or fdatasync"
	syncKeepsDriveCache = ""
)

// oDSYNC is O_DSYNC of sys/fcntl.h, FreeBSD 13 and newer. Older kernels ignore it, which wrap finds out.
const oDSYNC = 0x01000000

const (
	onlyLinux   = "copylab binds this method on Linux only"
	noUring     = "io_uring is a Linux interface; FreeBSD has none"
	noDontcache = "RWF_DONTCACHE is a flag of Linux; FreeBSD has none"
)

const hintOnly = "FreeBSD takes O_DIRECT for a hint, and its filesystems may write through their caches all the same"

func buffered() binding {
	return flagged{unsynced: "writes are in the page cache, and nothing was synced"}.binding()
}

func direct() binding      { return unsupported(hintOnly) }
func dsync() binding       { return flagged{flags: oDSYNC, words: "O_DSYNC"}.binding() }
func directDsync() binding { return unsupported(hintOnly) }
func mmap() binding        { return unsupported(onlyLinux) }
func uring() binding       { return unsupported(noUring) }
func uringDirect() binding { return unsupported(noUring) }
func dontcache() binding   { return unsupported(noDontcache) }
func vectored() binding    { return unsupported(onlyLinux) }

// fdatasync is fdatasync(2), for which x/sys has the number but no function here.
func fdatasync(_ kernel.Calls, fd int) error {
	if _, _, errno := unix.Syscall(unix.SYS_FDATASYNC, uintptr(fd), 0, 0); errno != 0 {
		return errno
	}
	return nil
}

func fullfsync(int) error { return errors.ErrUnsupported }

func syncFileRange(kernel.Calls, int) error { return errors.ErrUnsupported }

func openTmpfile(string, int) (int, error) { return -1, errors.ErrUnsupported }
