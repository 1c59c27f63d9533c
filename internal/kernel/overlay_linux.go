package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// OverlayUpper tells in which folder the overlay filesystem that holds the file or folder name keeps what is written to it
// (Documentation/filesystems/overlayfs.rst), and whether it is mounted volatile: then no sync reaches that folder's disk. Containers
// are often given an overlay whose folders they can't see: that, and any other filesystem, is an error.
func OverlayUpper(name string) (upper string, volatile bool, err error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, name, unix.AT_STATX_SYNC_AS_STAT, unix.STATX_MNT_ID, &st); err != nil {
		return "", false, fmt.Errorf("find the mount: %w", &fs.PathError{Op: "statx", Path: name, Err: err})
	}
	if st.Mask&unix.STATX_MNT_ID == 0 {
		return "", false, fmt.Errorf("find the mount of %s: statx(2) tells mounts since Linux 5.8: %w", name, errors.ErrUnsupported)
	}
	mounts, err := os.ReadFile("/proc/thread-self/mountinfo") // a thread can have mounts of its own
	if err != nil {
		return "", false, fmt.Errorf("find the mount of %s: %w", name, err)
	}
	upper, volatile, err = overlayUpper(string(mounts), st.Mnt_id)
	if err != nil {
		return "", false, fmt.Errorf("find what is under the mount of %s: %w", name, err)
	}
	if _, err := os.Stat(upper); err != nil {
		return "", false, fmt.Errorf("find what is under the mount of %s: %w", name, err)
	}
	return upper, volatile, nil
}

// overlayUpper looks the mount up in the text of mountinfo (proc_pid_mountinfo(5)).
func overlayUpper(mounts string, id uint64) (upper string, volatile bool, err error) {
	for line := range strings.Lines(mounts) {
		_, about, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		number, _, _ := strings.Cut(line, " ")
		if number != strconv.FormatUint(id, 10) {
			continue
		}
		fields := strings.Split(about, " ") // type, source, options
		if len(fields) < 3 || fields[0] != "overlay" {
			return "", false, fmt.Errorf("it is no overlay: %q", about)
		}
		for option := range strings.SplitSeq(fields[2], ",") {
			if dir, ok := strings.CutPrefix(option, "upperdir="); ok {
				upper = unmangled(dir)
			}
			volatile = volatile || option == "volatile" || option == "fsync=volatile"
		}
		if upper == "" {
			return "", false, errors.New("the overlay has no folder that is written to")
		}
		return upper, volatile, nil
	}
	return "", false, fmt.Errorf("mountinfo has no mount %d", id)
}

// unmangled reads what the kernel writes as \ and three octal digits: white space, backslashes, and commas in options.
func unmangled(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
