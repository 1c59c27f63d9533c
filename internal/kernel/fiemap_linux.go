package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What follows is include/uapi/linux/fiemap.h (Documentation/filesystems/fiemap.rst), which golang.org/x/sys lacks.
const (
	fsIOCFiemap = 0xc020660b // _IOWR('f', 11, struct fiemap)

	fiemapExtentLast    = 1 << 0
	fiemapExtentUnknown = 1 << 1 // not allocated yet, or not on the device
	fiemapExtentInline  = 1 << 9 // among the metadata

	fiemapBatch = 128
)

type fiemapExtent struct {
	logical, physical, length uint64
	_                         [2]uint64
	flags                     uint32
	_                         [3]uint32
}

type fiemap struct {
	start, length                uint64
	flags, mapped, count, unused uint32
	extents                      [fiemapBatch]fiemapExtent
}

// The compiler checks that nothing is padded: a negative array length is an error.
var (
	_ [unsafe.Sizeof(fiemapExtent{})]byte                 = [56]byte{}
	_ [unsafe.Offsetof(fiemap{}.extents)]byte             = [32]byte{}
	_ [fsIOCFiemap >> 16 & 0x3fff]byte                    = [32]byte{}
	_ [unsafe.Sizeof(fiemap{}) - fiemapBatch*56 - 32]byte = [0]byte{}
)

// Extents are where a file lies on the disk that sysfs calls so, as "vda", in the order of the file: the ioctl FS_IOC_FIEMAP. What has no
// place yet is left out; sync the file first. Only of ext4, xfs and f2fs is it known that they answer with places on their device,
// and that device must be the disk or a partition of it; otherwise it is an error.
func Extents(f *os.File, disk string) (list []Extent, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("fiemap: %w", err)
	}
	var start int64
	cerr := raw.Control(func(fd uintptr) {
		if start, err = startOnDisk(int(fd), disk); err == nil {
			list, err = extents(int(fd))
		}
	})
	if cerr != nil {
		return nil, fmt.Errorf("fiemap: %w", cerr)
	}
	for i := range list {
		list[i].Offset += start
	}
	return list, err
}

// startOnDisk is at which byte of a disk the device begins that a file's filesystem is on.
func startOnDisk(fd int, disk string) (int64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, fmt.Errorf("fstat: %w", err)
	}
	device := uint64(st.Dev) //nolint:unconvert // its type differs between architectures
	at, err := filepath.EvalSymlinks(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(device), unix.Minor(device)))
	if err != nil {
		return 0, fmt.Errorf("find the file's device: %w", err)
	}
	if filepath.Base(at) == disk {
		return 0, nil
	}
	text, err := os.ReadFile(filepath.Join(at, "start"))
	if err != nil || filepath.Base(filepath.Dir(at)) != disk {
		return 0, fmt.Errorf("where files lie on %s is not known: their filesystem is on %s, which is no partition of it", disk, filepath.Base(at))
	}
	sectors, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read where %s begins: %w", filepath.Base(at), err)
	}
	return sectors * blockSector, nil
}

func extents(fd int) (list []Extent, err error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return nil, fmt.Errorf("fstatfs: %w", err)
	}
	switch uint32(st.Type) { //nolint:unconvert // its type differs between architectures
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC:
	default:
		return nil, fmt.Errorf("where files lie on the device is not asked of filesystems of type 0x%x", uint32(st.Type))
	}
	m := &fiemap{}
	for {
		*m = fiemap{start: m.start, length: 1<<64 - 1 - m.start, count: fiemapBatch}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), fsIOCFiemap, uintptr(unsafe.Pointer(m))); errno != 0 {
			return nil, fmt.Errorf("ioctl FS_IOC_FIEMAP: %w", errno)
		}
		for _, e := range m.extents[:min(m.mapped, fiemapBatch)] {
			m.start = e.logical + e.length
			if e.flags&(fiemapExtentUnknown|fiemapExtentInline) == 0 {
				list = append(list, Extent{Offset: int64(e.physical), Bytes: int64(e.length)})
			}
			if e.flags&fiemapExtentLast != 0 {
				return list, nil
			}
		}
		if m.mapped == 0 {
			return list, nil
		}
	}
}
