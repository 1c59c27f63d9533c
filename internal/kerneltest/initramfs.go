package kerneltest

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Initramfs writes the archive that Linux unpacks into its first root file system: cpio in the "newc" format, as
// Documentation/driver-api/early-userspace/buffer-format.rst has it. Folders are made as they are needed. Errors of writing are
// kept and returned by Close.
type Initramfs struct {
	w     io.Writer
	inode int
	made  map[string]bool
	err   error
}

// NewInitramfs begins an archive.
func NewInitramfs(w io.Writer) *Initramfs { return &Initramfs{w: w, made: map[string]bool{}} }

// Folder adds an empty folder.
func (a *Initramfs) Folder(name string) {
	name = strings.Trim(path.Clean(name), "/")
	if name == "" || name == "." || a.made[name] {
		return
	}
	a.Folder(path.Dir(name))
	a.made[name] = true
	a.entry(name, cpioFolder|0o755, 0, 0, nil)
}

// File adds a file of that content.
func (a *Initramfs) File(name string, mode fs.FileMode, content []byte) {
	name = strings.Trim(path.Clean(name), "/")
	a.Folder(path.Dir(name))
	a.entry(name, cpioFile|uint32(mode.Perm()), 0, 0, content)
}

// Device adds a character device.
func (a *Initramfs) Device(name string, major, minor uint32) {
	name = strings.Trim(path.Clean(name), "/")
	a.Folder(path.Dir(name))
	a.entry(name, cpioDevice|0o600, major, minor, nil)
}

// Close ends the archive. It does not close the writer.
func (a *Initramfs) Close() error {
	a.entry("TRAILER!!!", 0, 0, 0, nil)
	return a.err
}

// The types of entries: the S_IF constants of stat(2), which are part of the format.
const (
	cpioFolder = 0o040000
	cpioDevice = 0o020000
	cpioFile   = 0o100000
)

func (a *Initramfs) entry(name string, mode, major, minor uint32, content []byte) {
	a.inode++
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.inode, mode, 0 /* uid */, 0 /* gid */, 1 /* links */, 0, /* time */
		len(content), 0, 0 /* device it is on */, major, minor, len(name)+1, 0 /* no checksum */)
	a.write([]byte(header + name + "\x00"))
	a.pad(len(header) + len(name) + 1)
	a.write(content)
	a.pad(len(content))
}

// pad fills up to a multiple of 4 bytes.
func (a *Initramfs) pad(written int) { a.write(make([]byte, -written&3)) }

func (a *Initramfs) write(b []byte) {
	if a.err == nil {
		_, a.err = a.w.Write(b)
	}
}
