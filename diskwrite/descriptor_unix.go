//go:build linux || darwin || freebsd

package diskwrite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// flagged is a method on a descriptor that was opened with certain flags. Those that are nothing but pwrite(2) on it share
// this file, because there is no more to tell them apart; the others have files of their own.
type flagged struct {
	flags int    // of open(2), besides O_WRONLY
	words string // the flags' names, for messages
	// unsynced says why a write that has returned is not durable; empty where it is.
	unsynced string
	direct   bool // past the page cache: a filesystem that is nothing but that can accept O_DIRECT, and has no meaning for it
	reads    bool // the descriptor must be readable too
	sized    bool // the probe's file must have its size beforehand
	// ready does to the open descriptor what open(2) has no flag for; nil: nothing.
	ready func(fd int) error
	// file makes the method's File of the descriptor, and owns it: it closes it where it fails. nil: the descriptor is the
	// File.
	file func(*descriptor) (File, error)
	// syncs is as in binding.
	syncs []SyncCall
}

func (m flagged) binding() binding { return binding{probe: m.probe, open: m.open, syncs: m.syncs} }

func (m flagged) access() int {
	if m.reads {
		return unix.O_RDWR
	}
	return unix.O_WRONLY
}

func (m flagged) open(name string) (File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("open file to write: %w", err)
	}
	// Before open(2), since opening a device can have effects of its own.
	if info.Mode()&fs.ModeDevice != 0 && info.Mode()&fs.ModeCharDevice == 0 {
		return nil, fmt.Errorf("open file to write: %s is a block device, and copylab writes only to files: give a file's name", name)
	}
	fd, err := openRetry(name, m.access()|m.flags, 0)
	if err != nil {
		if errors.Is(err, unix.EINVAL) && m.flags != 0 {
			return nil, fmt.Errorf("open file to write: %w: %s refuses %s; choose another method or folder", err, filesystemOf(name).word(), m.words)
		}
		return nil, fmt.Errorf("open file to write: %w%s", err, Remedy(err))
	}
	return m.wrap(fd, name)
}

// wrap takes over fd. It fails where the kernel ignored a flag: older ones do so with flags that they don't know.
func (m flagged) wrap(fd int, name string) (File, error) {
	d := &descriptor{fd: fd, name: name, method: m, filesystem: filesystemOf(name)}
	got, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err == nil && got&m.flags != m.flags {
		err = fmt.Errorf("the kernel ignored %s: %w; choose another method", m.words, errors.ErrUnsupported)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("check the flags of %s: %w", name, err), d.Close())
	}
	if m.ready != nil {
		if err := m.ready(fd); err != nil {
			return nil, errors.Join(fmt.Errorf("ready %s: %w", name, err), d.Close())
		}
	}
	if m.file != nil {
		return m.file(d)
	}
	return d, nil
}

// filesystem is what a file is kept by.
type filesystem struct {
	name     string // the kernel's own word; empty: not known
	inMemory bool   // there is no disk
	volatile bool   // an overlay that leaves out every sync (overlayfs.rst, "Volatile mount")
}

// word is the filesystem in a sentence.
func (f filesystem) word() string {
	if f.name == "" {
		return "this filesystem"
	}
	return f.name
}

// openRetry is open(2), made again where a signal interrupts it. The error names call and file.
func openRetry(name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Open(name, flags|unix.O_CLOEXEC, mode)
		if err == nil {
			return fd, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return -1, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// probe tries the method as a run would use it, on a file without a name.
func (m flagged) probe(dir string) Status {
	info, err := os.Stat(dir)
	if err != nil {
		return kernel.Unavailable("%v", err)
	}
	if !info.IsDir() {
		return kernel.Unavailable("%s is not a folder", dir)
	}
	if kept := filesystemOf(dir); kept.inMemory && m.direct {
		return kernel.Unavailable("%s keeps files in memory: past its page cache there is nothing to write to", kept.name)
	}
	if err := m.try(dir); err != nil {
		for _, conclusive := range []error{unix.EACCES, unix.EPERM, unix.EROFS, unix.EINVAL, errors.ErrUnsupported} {
			if errors.Is(err, conclusive) {
				return kernel.Unavailable("%v", err)
			}
		}
		return kernel.Unknown("%v", err)
	}
	return kernel.Available()
}

// probeBytes is what a probe writes: a multiple of every block size that a device or a page has.
const probeBytes = 64 << 10

func (m flagged) try(dir string) (err error) {
	fd, err := unnamed(dir, m.access()|m.flags)
	if err != nil {
		if errors.Is(err, unix.EINVAL) && m.flags != 0 {
			return fmt.Errorf("%s refuses %s: %w", filesystemOf(dir).word(), m.words, err)
		}
		return err
	}
	if m.sized {
		if err := unix.Ftruncate(fd, probeBytes); err != nil {
			return errors.Join(&fs.PathError{Op: "ftruncate", Path: dir, Err: err}, unix.Close(fd))
		}
	}
	f, err := m.wrap(fd, dir)
	if err != nil {
		return err
	}
	block, err := kernel.Buffer(probeBytes)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	// The file first: a queue has the block registered.
	defer func() { err = errors.Join(err, f.Close(), kernel.Free(block)) }()
	if q, ok := f.(Queue); ok {
		if err := q.Ready(1, block); err != nil {
			return err
		}
	}
	if err := f.WriteBlock(block, 0); err != nil {
		return err
	}
	if noFdatasync == "" {
		return f.Sync(Fdatasync)
	}
	return f.Sync(Fsync)
}

// unnamed opens a new file in dir that has no name: with O_TMPFILE where the filesystem has it, else by removing the
// name at once.
func unnamed(dir string, flags int) (int, error) {
	fd, err := openTmpfile(dir, flags)
	if err == nil || !errors.Is(err, errors.ErrUnsupported) {
		return fd, err
	}
	return removedAtOnce(dir, flags)
}

// removedAtOnce opens a new file in dir whose name is gone when it returns.
func removedAtOnce(dir string, flags int) (int, error) {
	placeholder, err := os.CreateTemp(dir, ".copylab-probe-")
	if err != nil {
		return -1, err
	}
	fd, err := openRetry(placeholder.Name(), flags, 0)
	if cleaning := errors.Join(os.Remove(placeholder.Name()), placeholder.Close()); cleaning != nil {
		err = errors.Join(err, cleaning)
		if fd >= 0 {
			err = errors.Join(err, unix.Close(fd))
		}
		return -1, err
	}
	return fd, err
}

// Alignment tells what the direct methods ask of files in folder, in bytes: buffers at multiples of memoryBytes,
// offsets and lengths at multiples of offsetBytes. source says who told (see STATX_DIOALIGN in statx(2)). Where nobody
// tells, or where there is no direct I/O, it is an error that says so. It leaves nothing behind.
func Alignment(folder string) (memoryBytes, offsetBytes int64, source string, err error) {
	fd, err := unnamed(folder, unix.O_RDWR)
	if err != nil {
		return 0, 0, "", fmt.Errorf("read direct alignment: %w", err)
	}
	f := os.NewFile(uintptr(fd), filepath.Join(folder, "unnamed file"))
	defer func() { err = errors.Join(err, f.Close()) }()
	return kernel.DirectAlignment(f)
}

// descriptor is a File on a raw blocking descriptor: neither Go's poller nor os.File's locks are between it and the
// kernel.
type descriptor struct {
	fd         int
	name       string
	method     flagged
	filesystem filesystem

	calls kernel.Calls

	writes, fdatasyncs, fsyncs, fullfsyncs, rangeSyncs int64

	synced SyncCall // that succeeded last
}

func (d *descriptor) Dedicate() { d.calls.Raw = true }

func (d *descriptor) WriteBlock(block []byte, off int64) error {
	for done := 0; ; {
		n, err := d.calls.Pwrite(d.fd, block[done:], off+int64(done))
		d.writes++
		if err == nil {
			if done += n; done == len(block) {
				return nil
			}
			// A regular file takes less than it was given where a signal came or the space ended. The next call tells.
			if n > 0 {
				continue
			}
			err = io.ErrShortWrite
		}
		if !errors.Is(err, unix.EINTR) {
			return d.writeError(pwriteName, block, off, done, err)
		}
	}
}

// writeError tells which write failed after how many of its bytes, and what to do about it.
func (d *descriptor) writeError(call string, block []byte, off int64, done int, err error) error {
	what := fmt.Sprintf("%s of %d bytes at offset %d", call, len(block), off)
	if done > 0 {
		what += fmt.Sprintf(" stopped after %d bytes", done)
	}
	failed := &fs.PathError{Op: what + " to", Path: d.name, Err: err}
	switch {
	case errors.Is(err, unix.EFBIG):
		return fmt.Errorf("%w: beyond what the filesystem or ulimit -f allows; choose a smaller file", failed)
	case errors.Is(err, unix.EINVAL) && done == 0 && strings.Contains(d.method.words, "O_DIRECT"):
		return fmt.Errorf("%w: %s", failed, d.alignmentAdvice(block, off))
	}
	return fmt.Errorf("%w%s", failed, Remedy(err))
}

// alignmentAdvice tells what O_DIRECT was given and what it asks.
func (d *descriptor) alignmentAdvice(block []byte, off int64) string {
	memory, offset, source, err := d.alignment()
	at := uintptr(unsafe.Pointer(unsafe.SliceData(block)))
	switch {
	case err != nil:
		return fmt.Sprintf("O_DIRECT needs an aligned buffer, offset and length, and got a buffer at %#x, offset %d and length %d: choose multiples of the device's logical block size, 4096 for example",
			at, off, len(block))
	case int64(at)%memory != 0 || off%offset != 0 || int64(len(block))%offset != 0:
		return fmt.Sprintf("O_DIRECT needs an aligned buffer, offset and length, and got a buffer at %#x, offset %d and length %d: choose buffers at multiples of %d and offsets and lengths that are multiples of %d (%s)",
			at, off, len(block), memory, offset, source)
	}
	// A filesystem may ask for more than it tells: its own block size, or that of a device below one that it is stacked on.
	return fmt.Sprintf("%s asks for more alignment than it tells: the buffer at %#x is at a multiple of %d, and offset %d and length %d are multiples of %d, as %s asks; choose a larger block, a page for example, or a buffered method",
		d.filesystem.word(), at, memory, off, len(block), offset, source)
}

func (d *descriptor) alignment() (memory, offset int64, source string, err error) {
	f, err := os.Open(d.name)
	if err != nil {
		return 0, 0, "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return kernel.DirectAlignment(f)
}

func (d *descriptor) Sync(call SyncCall) error {
	for {
		err := d.sync(call)
		if err == nil {
			d.synced = call
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return d.syncError(string(call), err)
		}
	}
}

// sync makes the call once.
func (d *descriptor) sync(call SyncCall) error {
	switch {
	case call == Fsync:
		d.fsyncs++
		return d.calls.Fsync(d.fd)
	case call == Fdatasync && noFdatasync == "":
		d.fdatasyncs++
		return fdatasync(d.calls, d.fd)
	case call == Fullfsync && noFullfsync == "":
		d.fullfsyncs++
		return fullfsync(d.fd)
	case call == SyncFileRange && noSyncFileRange == "":
		d.rangeSyncs++
		return syncFileRange(d.calls, d.fd)
	}
	return fmt.Errorf("%w: %s", errors.ErrUnsupported, call.Status().Reason)
}

// syncError tells which sync failed, and what that means.
func (d *descriptor) syncError(call string, err error) error {
	failed := &fs.PathError{Op: call, Path: d.name, Err: err}
	if errors.Is(err, errors.ErrUnsupported) {
		return failed
	}
	remedy := "see the kernel's log (dmesg)"
	switch {
	case errors.Is(err, unix.ENOSPC):
		remedy = "free some space, or where the disk is a thin volume, give it some"
	case errors.Is(err, unix.EDQUOT):
		remedy = "remove files of yours, or have your quota raised"
	}
	return fmt.Errorf("%w: what was written is not durable, and on Linux a second sync would not tell; %s", failed, remedy)
}

func (d *descriptor) Durable(synced bool) (bool, string) {
	switch {
	case d.filesystem.inMemory:
		return false, d.filesystem.name + " keeps files in memory: there is no disk"
	case d.filesystem.volatile:
		return false, d.filesystem.name + " is mounted volatile: it leaves out every sync"
	case d.method.unsynced == "":
		return true, ""
	case !synced:
		return false, d.method.unsynced
	}
	return d.synced.Durable()
}

func (d *descriptor) Syscalls() map[string]int64 {
	return counted(map[string]int64{pwriteName: d.writes}, d.syncCounts())
}

// syncCounts counts the system calls of Sync, by the kernel's name for them.
func (d *descriptor) syncCounts() map[string]int64 {
	return map[string]int64{"fdatasync": d.fdatasyncs, "fsync": d.fsyncs, "fcntl": d.fullfsyncs, "sync_file_range": d.rangeSyncs}
}

// counted joins counts, without the zeroes.
func counted(counts ...map[string]int64) map[string]int64 {
	all := map[string]int64{}
	for _, calls := range counts {
		for name, n := range calls {
			if n > 0 {
				all[name] = n
			}
		}
	}
	return all
}

func (d *descriptor) Close() error {
	err := unix.Close(d.fd)
	if err == nil {
		return nil
	}
	failed := &fs.PathError{Op: "close", Path: d.name, Err: err}
	if errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		// Filesystems on a network and in user space may write only now.
		return fmt.Errorf("%w: what was written may be lost, and nobody else is told; see the kernel's log (dmesg), and the free space and quota", failed)
	}
	return failed // made only once: the descriptor is gone in any case (close(2))
}
