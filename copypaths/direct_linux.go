package copypaths

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// directFile is a second open file description of a path's file, with O_DIRECT: reads of it pass the page cache by. They must
// begin at multiples of alignment, and be of multiples of it, or reach beyond the end of the file (open(2)).
//
// Some filesystems take O_DIRECT and read through the page cache all the same. Where the kernel says so (statx(2),
// STATX_DIOALIGN), the file is refused; where it does not, as with checksummed files of btrfs, the page cache tells:
// copylab records its residency.
type directFile struct {
	fd        int // -1 once it is closed
	alignment int
}

func openDirect(e Ends) (*directFile, error) {
	_, alignment, _, err := kernel.DirectAlignment(e.File)
	if err != nil {
		return nil, fmt.Errorf("open path: %w", err)
	}
	// A duplicate would share the caller's flags and offset. thread-self, since the calling thread may have a table of
	// descriptors of its own.
	fd, err := unix.Open(fmt.Sprintf("/proc/thread-self/fd/%d", e.File.Fd()), unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EINVAL) { // open(2): the filesystem does not take the flag
		return nil, fmt.Errorf("open path: open %s with O_DIRECT: its filesystem takes no direct I/O: %w; use a folder on a disk filesystem", e.File.Name(), errors.ErrUnsupported)
	}
	if err != nil {
		return nil, fmt.Errorf("open path: open %s with O_DIRECT: %w", e.File.Name(), err)
	}
	d := &directFile{fd: fd, alignment: int(alignment)}
	if e.Chunk%d.alignment != 0 && int64(e.Chunk) < e.FileSize {
		return nil, errors.Join(fmt.Errorf("open path: chunk of %d bytes: direct I/O on this file wants a multiple of %d", e.Chunk, alignment), d.close())
	}
	return d, nil
}

// check rejects offsets that direct I/O does not take. There is no other way to read from there that would still be direct.
func (d *directFile) check(call string, off int64) error {
	if off%int64(d.alignment) != 0 {
		return fmt.Errorf("%s from file: %w: direct I/O on this file begins at multiples of %d, and offset %d is none", call, unix.EINVAL, d.alignment, off)
	}
	return nil
}

// round is n rounded up to what direct I/O takes.
func (d *directFile) round(n int) int { return (n + d.alignment - 1) / d.alignment * d.alignment }

// settings are what direct I/O asks of this file.
func (d *directFile) settings() map[string]string {
	return map[string]string{"direct_offset_alignment_bytes": strconv.Itoa(d.alignment)}
}

func (d *directFile) close() error {
	if d.fd < 0 {
		return nil
	}
	err := unix.Close(d.fd)
	d.fd = -1
	if err != nil {
		return fmt.Errorf("close path: %w", err)
	}
	return nil
}

// directBinding binds a path that reads past the page cache. Whether it can depends on where the file is.
func directBinding(open func(Ends) (Mover, error)) binding {
	b := binding{open: open, probeIn: func(dir string) Status { return tryDescriptorIn(dir, open) }}
	b.probe = func() Status {
		dir := os.TempDir()
		s := b.probeIn(dir)
		if s.State == kernel.StateUnavailable { // maybe only there
			return kernel.Unknown("depends on the folder; in %s: %s", dir, s.Reason)
		}
		return s
	}
	return b
}

// tryDescriptorIn is tryDescriptor with an unnamed file in dir.
func tryDescriptorIn(dir string, open func(Ends) (Mover, error)) Status {
	file, err := unnamedFile(dir, probeContent())
	if err != nil {
		return kernel.Unknown("could not try it: make a file in %s: %v", dir, err)
	}
	defer file.Close()
	return tryDescriptor(func(e Ends) (Mover, error) {
		e.File = file
		m, err := open(e)
		if errors.Is(err, errors.ErrUnsupported) {
			return nil, &UnsupportedError{Why: strings.TrimPrefix(err.Error(), "open path: ")}
		}
		return m, err
	})
}

// unnamedFile makes a file of that content that nobody else can see and that is gone once it is closed.
func unnamedFile(dir string, content []byte) (*os.File, error) {
	file, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	// EOPNOTSUPP: the filesystem has none; EISDIR: the kernel takes the flag for a folder to be written to (open(2)).
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, unix.EISDIR) {
		if file, err = os.CreateTemp(dir, ".copylab-probe-*"); err == nil {
			err = os.Remove(file.Name())
		}
	}
	if err == nil {
		_, err = file.Write(content)
	}
	if err == nil {
		return file, nil
	}
	if file != nil {
		err = errors.Join(err, file.Close())
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return nil, fmt.Errorf("%s: %w", path.Op, path.Err)
	}
	return nil, err
}
