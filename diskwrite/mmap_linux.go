package diskwrite

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// mmap stores blocks into a shared mapping of the whole file, which is made when the file is opened. The first store to a page that is
// clean takes a page fault, in which the filesystem readies the page to be written back; one to a page that is not in the page
// cache reads it first, even if the block covers it.
//
// A mapping ends where the file did when it was made, so that no file grows by it: see Method.Fixed.
//
// Its sync is msync(2) with MS_SYNC. For each mapping that is vfs_fsync_range() with datasync set (mm/msync.c): the
// same as fdatasync(2), the drive's cache included, for that range of the file, which here is all of it. So it stands for
// the sync call fdatasync. Nothing of mmap's own stands for fsync.
func mmap() binding {
	return flagged{reads: true, sized: true, unsynced: "stores are in the page cache, and nothing was synced", file: openMapped, syncs: []SyncCall{Fdatasync}}.binding()
}

type mappedFile struct {
	*descriptor
	memory []byte
	msyncs int64
}

func openMapped(d *descriptor) (File, error) {
	memory, err := mapShared(d)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open file to write: %w", err), d.Close())
	}
	return &mappedFile{descriptor: d, memory: memory}, nil
}

func mapShared(d *descriptor) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return nil, &fs.PathError{Op: "fstat", Path: d.name, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, fmt.Errorf("%s is not a regular file, and only such a one can be mapped to be written: give a file's name", d.name)
	case st.Size == 0:
		return nil, fmt.Errorf("%s is empty, and a mapping can't make it grow: choose a pattern that does not, such as overwrite, or another method", d.name)
	}
	memory, err := unix.Mmap(d.fd, 0, int(st.Size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, &fs.PathError{Op: "mmap", Path: d.name, Err: err}
	}
	return memory, nil
}

func (m *mappedFile) WriteBlock(block []byte, off int64) error {
	if off < 0 || off > int64(len(m.memory)) || int64(len(block)) > int64(len(m.memory))-off {
		return fmt.Errorf("store of %d bytes at offset %d: %s had %d bytes when it was mapped, and a mapping can't make it grow: choose a pattern that does not, or another method",
			len(block), off, m.name, len(m.memory))
	}
	if fault := store(m.memory[off:], block); fault != nil {
		return m.storeError(block, off, fault)
	}
	return nil
}

// store copies block to memory. A page that the kernel can't provide is a SIGBUS, which by itself would end the process:
// here it is an error. Setting and resetting takes some nanoseconds, and nothing is allocated.
func store(memory, block []byte) (fault error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			fault = asFault(v)
		}
	}()
	copy(memory, block)
	return nil
}

// asFault is an error for the runtime's panic about a fault at an address, whose own words are of nil pointers. Any other panic goes on.
func asFault(v any) error {
	if fault, ok := v.(interface {
		runtime.Error
		Addr() uintptr
	}); ok {
		return fmt.Errorf("%w at the address %#x", errSIGBUS, fault.Addr())
	}
	panic(v)
}

// storeError finds out what a fault meant: the kernel gives it no errno.
func (m *mappedFile) storeError(block []byte, off int64, fault error) error {
	failed := &fs.PathError{Op: fmt.Sprintf("store of %d bytes at offset %d to the mapping of", len(block), off), Path: m.name, Err: fault}
	var st unix.Stat_t
	if err := unix.Fstat(m.fd, &st); err == nil && off+int64(len(block)) > st.Size {
		return fmt.Errorf("%w: somebody made the file shrink to %d bytes meanwhile; keep others from the folder, and run again", failed, st.Size)
	}
	return fmt.Errorf("%w: the kernel could not provide a page, since there is no space left for a hole in the file, or the device reported a fault; see the free space and the kernel's log (dmesg)", failed)
}

// errSIGBUS is the signal by which the kernel says that it can't provide a page.
var errSIGBUS = errors.New("SIGBUS")

// Sync makes the one call that a mapping has for it, which stands for fdatasync.
func (m *mappedFile) Sync(call SyncCall) error {
	if call != Fdatasync {
		return m.syncError(string(call), fmt.Errorf("%w: a mapping is synced by msync(2), which stands for fdatasync: choose that", errors.ErrUnsupported))
	}
	for {
		err := m.calls.Msync(m.memory, unix.MS_SYNC)
		m.msyncs++
		if err == nil {
			m.synced = call
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return m.syncError("msync", err)
		}
	}
}

func (m *mappedFile) Syscalls() map[string]int64 {
	return counted(map[string]int64{"msync": m.msyncs})
}

func (m *mappedFile) Close() error {
	var err error
	if unmap := unix.Munmap(m.memory); unmap != nil {
		err = &fs.PathError{Op: "munmap", Path: m.name, Err: unmap}
	}
	return errors.Join(err, m.descriptor.Close())
}
