package diskwrite

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

const pwriteName = "pwrite"

// What this operating system lacks; empty: nothing.
const (
	noFdatasync         = "macOS declares no fdatasync(2): choose fsync"
	noFullfsync         = ""
	noSyncFileRange     = "only Linux has sync_file_range(2): choose fsync or fullfsync"
	syncKeepsDriveCache = "fsync(2) on macOS does not make the drive write its cache to the medium"
)

const (
	noDsync     = "O_DSYNC on macOS does not make the drive write its cache to the medium"
	onlyLinux   = "copylab binds this method on Linux only"
	noUring     = "io_uring is a Linux interface; macOS has none"
	noDontcache = "RWF_DONTCACHE is a flag of Linux; macOS has none: direct is F_NOCACHE here"
)

func buffered() binding {
	return flagged{unsynced: "writes are in the page cache, and nothing was synced"}.binding()
}

// direct asks by F_NOCACHE (fcntl(2)) that the file's data is not kept in memory. It is a wish: what is in the cache
// already, or is not aligned to pages, goes through it all the same.
func direct() binding {
	return flagged{words: "F_NOCACHE", direct: true, unsynced: "writes may still be in the drive's own cache, and nothing was synced", ready: func(fd int) error {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_NOCACHE, 1); err != nil {
			return fmt.Errorf("fcntl F_NOCACHE: %w", err)
		}
		return nil
	}}.binding()
}

func dsync() binding       { return unsupported(noDsync) }
func directDsync() binding { return unsupported(noDsync) }
func mmap() binding        { return unsupported(onlyLinux) }
func uring() binding       { return unsupported(noUring) }
func uringDirect() binding { return unsupported(noUring) }
func dontcache() binding   { return unsupported(noDontcache) }
func vectored() binding    { return unsupported(onlyLinux) }

func fdatasync(kernel.Calls, int) error { return errors.ErrUnsupported }

// fullfsync makes the drive write its cache to the medium: F_FULLFSYNC in fcntl(2).
func fullfsync(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_FULLFSYNC, 0)
	return err
}

func syncFileRange(kernel.Calls, int) error { return errors.ErrUnsupported }

func openTmpfile(string, int) (int, error) { return -1, errors.ErrUnsupported }
