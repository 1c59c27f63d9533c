package diskwrite

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// The kernel's name for pwrite(2) on every Linux that Go runs on.
const pwriteName = "pwrite64"

// What this operating system lacks; empty: nothing.
const (
	noFdatasync         = ""
	noFullfsync         = "only macOS has F_FULLFSYNC: fsync makes the drive write its cache here"
	noSyncFileRange     = ""
	syncKeepsDriveCache = ""
)

const inPageCache = "writes are in the page cache, and nothing was synced"

func buffered() binding { return flagged{unsynced: inPageCache}.binding() }

// direct gives the blocks to the device from the caller's memory. The device may keep them in a volatile cache of its
// own: a FLUSH is sent only by a sync. Where a filesystem falls back to the page cache in spite of O_DIRECT (btrfs with
// checksums), that is its doing, and shows in the file's resident pages.
func direct() binding {
	return flagged{flags: unix.O_DIRECT, words: "O_DIRECT", direct: true, ready: takesDirect, unsynced: "writes may still be in the device's own cache, and nothing was synced"}.binding()
}

// dsync makes each write what a write and an fdatasync(2) together are: see O_DSYNC in open(2).
func dsync() binding { return flagged{flags: unix.O_DSYNC, words: "O_DSYNC"}.binding() }

func directDsync() binding {
	return flagged{flags: unix.O_DIRECT | unix.O_DSYNC, words: "O_DIRECT|O_DSYNC", direct: true, ready: takesDirect}.binding()
}

// takesDirect refuses a file of which the filesystem says that it takes no direct I/O, though it lets it be opened with O_DIRECT: ext4 does so where
// it journals data, and then writes through the page cache all the same. An alignment of zero says it: STATX_DIOALIGN in statx(2), Linux 6.1.
func takesDirect(fd int) error {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_TYPE|unix.STATX_DIOALIGN, &st)
	if err == nil && st.Mask&unix.STATX_DIOALIGN != 0 && st.Dio_offset_align == 0 {
		return fmt.Errorf("%w: the filesystem takes O_DIRECT and ignores it, says statx(2): it would write through its page cache; choose a buffered method or another folder", errors.ErrUnsupported)
	}
	return nil // where nobody tells, the write does
}

func fdatasync(c kernel.Calls, fd int) error { return c.Fdatasync(fd) }

func fullfsync(int) error { return errors.ErrUnsupported }

// syncFileRange starts the write-back of all dirty pages and waits for it, and for what was under way before.
func syncFileRange(c kernel.Calls, fd int) error {
	return c.SyncFileRange(fd, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
}

// filesystemOf tells what keeps the file or folder name, by the number that statfs(2) gives. An overlay is named as such, with the
// filesystem that it writes to, where that can be found: it decides whether there is a disk.
func filesystemOf(name string) filesystem {
	fs := statfs(name)
	if fs.name != overlayfs {
		return fs
	}
	upper, volatile, err := kernel.OverlayUpper(name)
	if err != nil {
		return fs
	}
	fs.volatile = volatile
	if below := statfs(upper); below.name != "" {
		fs.name, fs.inMemory = overlayfs+" over "+below.name, below.inMemory
	}
	return fs
}

const overlayfs = "overlayfs"

// statfs tells of the filesystem on top.
func statfs(name string) filesystem {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(name, &st)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return filesystem{}
		}
	}
	// The type of Statfs_t.Type and its sign differ between architectures; magic numbers have 32 bits.
	switch uint32(st.Type) {
	case unix.TMPFS_MAGIC:
		return filesystem{name: "tmpfs", inMemory: true}
	case unix.RAMFS_MAGIC:
		return filesystem{name: "ramfs", inMemory: true}
	case unix.HUGETLBFS_MAGIC:
		return filesystem{name: "hugetlbfs", inMemory: true}
	case unix.EXT4_SUPER_MAGIC: // of ext2 and ext3 too, which the ext4 driver serves
		return filesystem{name: "ext4"}
	case unix.XFS_SUPER_MAGIC:
		return filesystem{name: "xfs"}
	case unix.BTRFS_SUPER_MAGIC:
		return filesystem{name: "btrfs"}
	case unix.F2FS_SUPER_MAGIC:
		return filesystem{name: "f2fs"}
	case unix.OVERLAYFS_SUPER_MAGIC:
		return filesystem{name: overlayfs}
	case unix.NFS_SUPER_MAGIC:
		return filesystem{name: "nfs"}
	case unix.FUSE_SUPER_MAGIC:
		return filesystem{name: "a FUSE filesystem"}
	case unix.V9FS_MAGIC:
		return filesystem{name: "9p"}
	case 0x2fc12fc1: // ZFS_SUPER_MAGIC of OpenZFS, which is not in the kernel
		return filesystem{name: "zfs"}
	}
	return filesystem{}
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
