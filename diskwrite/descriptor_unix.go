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

// flagged is a method that is nothing but pwrite(2) on a descriptor opened with certain flags. All methods that exist so
// far are; they share this file because there is no more to tell them apart.
type flagged struct {
	flags int    // of open(2), besides O_WRONLY
	words string // the flags' names, for messages
	// unsynced says why a write that has returned is not durable; empty where it is.
	unsynced string
}

func (m flagged) binding() binding { return binding{probe: m.probe, open: m.open} }

func (m flagged) open(name string) (File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("open file to write: %w", err)
	}
	// Before open(2), since opening a device can have effects of its own.
	if info.Mode()&fs.ModeDevice != 0 && info.Mode()&fs.ModeCharDevice == 0 {
		return nil, fmt.Errorf("open file to write: %s is a block device, and copylab writes only to files: give a file's name", name)
	}
	fd, err := openRetry(name, unix.O_WRONLY|m.flags, 0)
	if err != nil {
		if errors.Is(err, unix.EINVAL) && m.flags != 0 {
			return nil, fmt.Errorf("open file to write: %w: this filesystem refuses %s; choose another method or folder", err, m.words)
		}
		return nil, fmt.Errorf("open file to write: %w", err)
	}
	d, err := m.wrap(fd, name)
	if err != nil {
		return nil, err // not d: a nil *descriptor in a File is not a nil File
	}
	return d, nil
}

// wrap takes over fd. It fails where the kernel ignored a flag: older ones do so with flags that they don't know.
func (m flagged) wrap(fd int, name string) (*descriptor, error) {
	d := &descriptor{fd: fd, name: name, method: m}
	got, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err == nil && got&m.flags != m.flags {
		err = fmt.Errorf("the kernel ignored %s: %w; choose another method", m.words, errors.ErrUnsupported)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("check the flags of %s: %w", name, err), d.Close())
	}
	return d, nil
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
	if memory, err := inMemory(dir); err != nil {
		return kernel.Unknown("%v", err)
	} else if memory != "" {
		return kernel.Unavailable("%s keeps files in memory: there is no disk to write to", memory)
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
	fd, err := unnamed(dir, unix.O_WRONLY|m.flags)
	if err != nil {
		if errors.Is(err, unix.EINVAL) && m.flags != 0 {
			return fmt.Errorf("this filesystem refuses %s: %w", m.words, err)
		}
		return err
	}
	d, err := m.wrap(fd, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	block, err := kernel.Buffer(probeBytes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kernel.Free(block)) }()
	if err := d.WriteBlock(block, 0); err != nil {
		return err
	}
	if noFdatasync == "" {
		return d.Sync(Fdatasync)
	}
	return d.Sync(Fsync)
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
	fd     int
	name   string
	method flagged

	calls kernel.Calls

	writes, fdatasyncs, fsyncs int64
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
			return d.writeError(block, off, done, err)
		}
	}
}

func (d *descriptor) writeError(block []byte, off int64, done int, err error) error {
	what := fmt.Sprintf("%s of %d bytes at offset %d", pwriteName, len(block), off)
	if done > 0 {
		what += fmt.Sprintf(" stopped after %d bytes", done)
	}
	failed := &fs.PathError{Op: what + " to", Path: d.name, Err: err}
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w: free some space or choose a smaller file", failed)
	case errors.Is(err, unix.EFBIG):
		return fmt.Errorf("%w: beyond what the filesystem or ulimit -f allows; choose a smaller file", failed)
	case errors.Is(err, unix.EIO):
		return fmt.Errorf("%w: the device reported a fault; see the kernel's log (dmesg)", failed)
	case errors.Is(err, unix.EINVAL) && done == 0 && strings.Contains(d.method.words, "O_DIRECT"):
		return fmt.Errorf("%w: %s", failed, d.alignmentAdvice(block, off))
	}
	return failed
}

// alignmentAdvice tells what O_DIRECT was given and what it asks.
func (d *descriptor) alignmentAdvice(block []byte, off int64) string {
	given := fmt.Sprintf("O_DIRECT needs an aligned buffer, offset and length, and got a buffer at %#x, offset %d and length %d",
		uintptr(unsafe.Pointer(unsafe.SliceData(block))), off, len(block))
	advice := "choose multiples of the device's logical block size, 4096 for example"
	if f, err := os.Open(d.name); err == nil {
		if memory, offset, source, err := kernel.DirectAlignment(f); err == nil {
			advice = fmt.Sprintf("choose buffers at multiples of %d and offsets and lengths that are multiples of %d (%s)", memory, offset, source)
		}
		if err := f.Close(); err != nil {
			advice += "; " + err.Error()
		}
	}
	return given + ": " + advice
}

func (d *descriptor) Sync(call SyncCall) error {
	for {
		var err error
		switch {
		case call == Fsync:
			err = d.calls.Fsync(d.fd)
			d.fsyncs++
		case call == Fdatasync && noFdatasync == "":
			err = fdatasync(d.calls, d.fd)
			d.fdatasyncs++
		default:
			return fmt.Errorf("sync %s: %s", d.name, call.Status().Reason)
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("%w: what was written is not durable, and on Linux a second sync would not tell; see the kernel's log (dmesg)",
				&fs.PathError{Op: string(call), Path: d.name, Err: err})
		}
	}
}

func (d *descriptor) Durable(synced bool) (bool, string) {
	switch {
	case !synced:
		return d.method.unsynced == "", d.method.unsynced
	case syncKeepsDriveCache != "":
		return false, syncKeepsDriveCache
	}
	return true, ""
}

func (d *descriptor) Syscalls() map[string]int64 {
	calls := map[string]int64{}
	for name, n := range map[string]int64{pwriteName: d.writes, string(Fdatasync): d.fdatasyncs, string(Fsync): d.fsyncs} {
		if n > 0 {
			calls[name] = n
		}
	}
	return calls
}

func (d *descriptor) Close() error {
	if err := unix.Close(d.fd); err != nil {
		return &fs.PathError{Op: "close", Path: d.name, Err: err}
	}
	return nil
}
