//go:build !linux && !darwin && !freebsd

package diskwrite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"copylab/internal/kernel"
)

const (
	noFdatasync     = runtime.GOOS + " has no fdatasync: choose fsync"
	noFullfsync     = "only macOS has F_FULLFSYNC: choose fsync"
	noSyncFileRange = "only Linux has sync_file_range(2): choose fsync"

	syncKeepsDriveCache = ""
)

const onlyBuffered = "copylab binds only the method buffered on " + runtime.GOOS

func buffered() binding    { return binding{probe: probeOSFile, open: openOSFile} }
func direct() binding      { return unsupported(onlyBuffered) }
func dsync() binding       { return unsupported(onlyBuffered) }
func directDsync() binding { return unsupported(onlyBuffered) }
func mmap() binding        { return unsupported(onlyBuffered) }
func uring() binding       { return unsupported(onlyBuffered) }
func uringDirect() binding { return unsupported(onlyBuffered) }
func dontcache() binding   { return unsupported(onlyBuffered) }
func vectored() binding    { return unsupported(onlyBuffered) }

// Alignment tells what the direct methods ask of files in folder. There are none here, so that it is always an error.
func Alignment(folder string) (memoryBytes, offsetBytes int64, source string, err error) {
	return 0, 0, "", fmt.Errorf("read direct alignment of %s: %s: %w", folder, onlyBuffered, errors.ErrUnsupported)
}

func probeOSFile(dir string) Status {
	if err := tryOSFile(dir); err != nil {
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
			return kernel.Unavailable("%v", err)
		}
		return kernel.Unknown("%v", err)
	}
	return kernel.Available()
}

func tryOSFile(dir string) (err error) {
	placeholder, err := os.CreateTemp(dir, ".copylab-probe-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(placeholder.Name())) }()
	if err := placeholder.Close(); err != nil {
		return err
	}
	f, err := openOSFile(placeholder.Name())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.WriteBlock(make([]byte, 4096), 0); err != nil {
		return err
	}
	return f.Sync(Fsync)
}

// osFile is a File on what Go itself offers everywhere.
type osFile struct {
	f             *os.File
	writes, syncs int64
}

func openOSFile(name string) (File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("open file to write: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open file to write: %s is not a regular file: give a file's name", name)
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("open file to write: %w", err)
	}
	return &osFile{f: f}, nil
}

func (o *osFile) WriteBlock(block []byte, off int64) error {
	o.writes++
	if _, err := o.f.WriteAt(block, off); err != nil {
		return fmt.Errorf("write %d bytes at offset %d: %w: check the free space and the disk", len(block), off, err)
	}
	return nil
}

func (o *osFile) Sync(call SyncCall) error {
	if status := call.Status(); status.State != kernel.StateAvailable {
		return fmt.Errorf("sync %s: %s", o.f.Name(), status.Reason)
	}
	o.syncs++
	if err := o.f.Sync(); err != nil {
		return fmt.Errorf("%w: what was written is not durable", err)
	}
	return nil
}

func (o *osFile) Durable(synced bool) (bool, string) {
	if !synced {
		return false, "writes are in the system's cache, and nothing was synced"
	}
	return true, ""
}

func (o *osFile) Syscalls() map[string]int64 {
	write, sync := "pwrite", "fsync"
	if runtime.GOOS == "windows" {
		write, sync = "WriteFile", "FlushFileBuffers"
	}
	calls := map[string]int64{}
	if o.writes > 0 {
		calls[write] = o.writes
	}
	if o.syncs > 0 {
		calls[sync] = o.syncs
	}
	return calls
}

func (o *osFile) Close() error { return o.f.Close() }
