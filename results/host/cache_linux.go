package host

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
	"copylab/results/measured"
)

// cacheSources lists the ways to ask for a file's pages, best first.
func cacheSources() []cacheSource {
	return []cacheSource{{"cachestat", askCachestat}, {"mincore", askMincore}}
}

// askCachestat asks for exactly the file's pages: the last folio in the cache may reach past the end of the file.
func askCachestat(f *os.File, size int64) (Residency, error) {
	pages := pagesOf(size)
	var stat unix.Cachestat_t
	// A length of 0 would mean: to the end, whatever it is by then. An empty file has no page in its first byte either, and asking
	// of it tells whether the kernel has the call.
	err := control(f, func(fd int) error {
		return unix.Cachestat(uint(fd), &unix.CachestatRange{Off: 0, Len: uint64(max(size, 1))}, &stat, 0)
	})
	if err == nil && stat.Cache == 0 {
		err = control(f, ownPages)
	}
	if err != nil {
		return Residency{}, err
	}
	return Residency{
		Pages: measured.Known(pages), Resident: measured.Known(int64(stat.Cache)),
		Dirty: measured.Known(int64(stat.Dirty)), Writeback: measured.Known(int64(stat.Writeback)),
	}, nil
}

// ownPages tells of a file of which no page is seen that this is the truth. An overlay's files have theirs in the filesystem below, of which
// cachestat(2) knows nothing; mincore(2) does, since a mapping is one of the file below (fs/overlayfs/file.c, ovl_mmap).
func ownPages(fd int) error {
	var st unix.Statfs_t
	for {
		err := unix.Fstatfs(fd, &st)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("fstatfs: %w", err)
		}
	}
	if uint32(st.Type) == unix.OVERLAYFS_SUPER_MAGIC { // whose type differs between architectures
		return errors.New("the file is on an overlay, which keeps no pages of its own")
	}
	return nil
}

// askMincore asks mincore(2). To who neither owns nor may write the file it reports every page as resident
// (mm/mincore.c, can_do_mincore, Linux 5.2 and newer), so it is not asked then.
func askMincore(f *os.File, size int64) (Residency, error) {
	if err := control(f, mayAskMincore); err != nil {
		return Residency{}, err
	}
	var resident int64
	err := control(f, func(fd int) (err error) {
		resident, err = kernel.ResidentPages(fd, size)
		return err
	})
	if err != nil {
		return Residency{}, err
	}
	none := measured.Unavailable[int64]("mincore(2) does not tell; cachestat(2) does on Linux 6.5 and newer")
	return Residency{Pages: measured.Known(pagesOf(size)), Resident: measured.Known(resident), Dirty: none, Writeback: none}, nil
}

func mayAskMincore(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("fstat: %w", err)
	}
	uid := os.Geteuid()
	if uid == 0 || st.Uid == uint32(uid) {
		return nil
	}
	if err := unix.Faccessat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.W_OK, unix.AT_EACCESS); err != nil {
		return fmt.Errorf("the answer is false for who neither owns nor may write the file: %w", err)
	}
	return nil
}

// forget writes the file's dirty pages to the disk and asks the kernel to drop all of its pages. Dirty pages would be
// passed over otherwise.
func forget(f *os.File) error {
	return control(f, func(fd int) error {
		for {
			err := unix.Fdatasync(fd)
			if err == nil {
				break
			}
			if !errors.Is(err, unix.EINTR) {
				return fmt.Errorf("fdatasync: %w", err)
			}
		}
		if err := unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED); err != nil {
			return fmt.Errorf("posix_fadvise: %w", err)
		}
		return nil
	})
}

// control runs fn on f's descriptor. It does not call f.Fd, which would make the file blocking for good.
func control(f *os.File, fn func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := conn.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// pagesOf is how many pages a file of size bytes takes.
func pagesOf(size int64) int64 {
	page := int64(os.Getpagesize())
	return size/page + (size%page+page-1)/page
}
