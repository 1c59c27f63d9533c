package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// DirectAlignment returns what O_DIRECT asks of reads and writes on the open file f: the address of the buffer must be
// a multiple of memoryBytes, offset and length multiples of offsetBytes. source says who told:
//
//   - "STATX_DIOALIGN": statx(2), Linux 6.1 and newer, where the filesystem reports it;
//   - the path of a sysfs file: the logical block size of the device under the file, which is what Linux asked before
//     and what open(2) still advises. It tells nothing about whether the filesystem takes O_DIRECT at all.
//
// Where the file takes no direct I/O, or nobody tells, the error says so; no alignment is guessed.
func DirectAlignment(f *os.File) (memoryBytes, offsetBytes int64, source string, err error) {
	return directAlignment(f, "/sys")
}

func directAlignment(f *os.File, sysfs string) (memoryBytes, offsetBytes int64, source string, err error) {
	var st unix.Statx_t
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, 0, "", fmt.Errorf("read direct alignment of %s: %w", f.Name(), err)
	}
	var statxErr error
	if err := conn.Control(func(fd uintptr) {
		statxErr = unix.Statx(int(fd), "", unix.AT_EMPTY_PATH, unix.STATX_TYPE|unix.STATX_DIOALIGN, &st)
	}); err != nil {
		return 0, 0, "", fmt.Errorf("read direct alignment of %s: %w", f.Name(), err)
	}
	if statxErr != nil {
		return 0, 0, "", fmt.Errorf("read direct alignment: %w", &fs.PathError{Op: "statx", Path: f.Name(), Err: statxErr})
	}
	if st.Mask&unix.STATX_DIOALIGN != 0 {
		if st.Dio_offset_align == 0 || st.Dio_mem_align == 0 {
			return 0, 0, "", fmt.Errorf("read direct alignment: statx(2) reports that %s takes no direct I/O: %w; use a buffered method, or another filesystem or mount option", f.Name(), errors.ErrUnsupported)
		}
		return int64(st.Dio_mem_align), int64(st.Dio_offset_align), "STATX_DIOALIGN", nil
	}
	size, source, err := logicalBlockSize(sysfs, st.Dev_major, st.Dev_minor)
	if err != nil {
		return 0, 0, "", fmt.Errorf("read direct alignment of %s: neither statx(2) nor the device tells (%w); use a buffered method, or a folder on a disk filesystem", f.Name(), err)
	}
	return size, size, source, nil
}

// logicalBlockSize reads the device's own page of sysfs. A partition has no queue: its disk, one folder up, has it.
func logicalBlockSize(sysfs string, major, minor uint32) (int64, string, error) {
	if major == 0 {
		return 0, "", fmt.Errorf("the filesystem's device %d:%d is no block device: %w", major, minor, errors.ErrUnsupported)
	}
	link := filepath.Join(sysfs, "dev/block", fmt.Sprintf("%d:%d", major, minor))
	device, err := filepath.EvalSymlinks(link)
	if err != nil {
		return 0, "", fmt.Errorf("find the block device: %w", err)
	}
	source := filepath.Join(device, "queue/logical_block_size")
	text, err := os.ReadFile(source)
	if errors.Is(err, fs.ErrNotExist) {
		source = filepath.Join(filepath.Dir(device), "queue/logical_block_size")
		text, err = os.ReadFile(source)
	}
	if err != nil {
		return 0, "", fmt.Errorf("read the logical block size: %w", err)
	}
	size, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || size < 1 {
		return 0, "", fmt.Errorf("parse %s: want a number of bytes, got %q", source, text)
	}
	return size, source, nil
}
