package diskwrite

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// dontcache is pwritev2(2) with RWF_DONTCACHE (Linux 6.14): the block is copied into the page cache, its write-back is
// started at once, and its pages are dropped when it is done. Only a filesystem that says so (FOP_DONTCACHE) takes the flag.
//
// Pages that were in the page cache before stay there. So do those whose write-back ends in an interrupt, where the kernel
// can't drop them (folio_end_dropbehind in mm/filemap.c): ext4's, where blocks are written over that exist already; seen on
// Linux 6.18. The file's resident pages tell.
func dontcache() binding {
	m := flagged{unsynced: "writes are in the page cache, on their way to the disk, and nothing was synced"}
	m.file = func(d *descriptor) (File, error) { return &dontcacheFile{descriptor: d}, nil }
	return m.binding()
}

type dontcacheFile struct {
	*descriptor
	// A field, since the kernel is given its address and a variable would be allocated.
	vector [1]unix.Iovec
}

func (f *dontcacheFile) WriteBlock(block []byte, off int64) error {
	if len(block) == 0 {
		return nil
	}
	for done := 0; ; {
		f.vector[0].Base = &block[done]
		f.vector[0].SetLen(len(block) - done)
		n, err := f.calls.Pwritev2(f.fd, f.vector[:], off+int64(done), unix.RWF_DONTCACHE)
		f.writes++
		if err == nil {
			if done += n; done == len(block) {
				return nil
			}
			if n > 0 { // see descriptor.WriteBlock
				continue
			}
			err = io.ErrShortWrite
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EOPNOTSUPP) {
			return fmt.Errorf("%w: %s does not take RWF_DONTCACHE on this kernel; it needs Linux 6.14 and a filesystem that offers it, such as ext4, xfs or btrfs",
				f.writeError("pwritev2", block, off, done, err), f.filesystem.word())
		}
		return f.writeError("pwritev2", block, off, done, err)
	}
}

func (f *dontcacheFile) Syscalls() map[string]int64 {
	return counted(map[string]int64{"pwritev2": f.writes}, f.syncCounts())
}
