package diskwrite

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// The kernel's name for pwrite(2) on every Linux that Go runs on.
const pwriteName = "pwrite64"

// What this operating system lacks; empty: nothing.
const (
	noFdatasync         = ""
	syncKeepsDriveCache = ""
)

const inPageCache = "writes are in the page cache, and nothing was synced"

func buffered() binding { return flagged{unsynced: inPageCache}.binding() }

// direct gives the blocks to the device from the caller's memory. The device may keep them in a volatile cache of its
// own: a FLUSH is sent only by a sync. Where a filesystem falls back to the page cache in spite of O_DIRECT (btrfs with
// checksums), that is its doing, and shows in the file's resident pages.
func direct() binding {
	return flagged{flags: unix.O_DIRECT, words: "O_DIRECT", unsynced: "writes may still be in the device's own cache, and nothing was synced"}.binding()
}

// dsync makes each write what a write and an fdatasync(2) together are: see O_DSYNC in open(2).
func dsync() binding { return flagged{flags: unix.O_DSYNC, words: "O_DSYNC"}.binding() }

func directDsync() binding {
	return flagged{flags: unix.O_DIRECT | unix.O_DSYNC, words: "O_DIRECT|O_DSYNC"}.binding()
}

func fdatasync(c kernel.Calls, fd int) error { return c.Fdatasync(fd) }

// inMemory names the filesystem under dir if it keeps files in memory only; otherwise it is empty.
func inMemory(dir string) (string, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(dir, &st)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return "", &fs.PathError{Op: "statfs", Path: dir, Err: err}
		}
	}
	// The type of Statfs_t.Type and its sign differ between architectures; magic numbers have 32 bits.
	switch uint32(st.Type) {
	case unix.TMPFS_MAGIC:
		return "tmpfs", nil
	case unix.RAMFS_MAGIC:
		return "ramfs", nil
	case unix.HUGETLBFS_MAGIC:
		return "hugetlbfs", nil
	}
	return "", nil
}

// openTmpfile opens a file that never has a name. The error is errors.ErrUnsupported where there is no O_TMPFILE.
func openTmpfile(dir string, flags int) (int, error) {
	// Kernels and filesystems without O_TMPFILE see a folder opened for writing: EISDIR, or EOPNOTSUPP, which Go takes for
	// errors.ErrUnsupported too.
	fd, err := openRetry(dir, unix.O_TMPFILE|flags, 0o600)
	if errors.Is(err, unix.EISDIR) {
		return -1, fmt.Errorf("%w: %w", err, unix.EOPNOTSUPP)
	}
	return fd, err
}
