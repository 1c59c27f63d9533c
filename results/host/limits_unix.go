//go:build unix

package host

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// limitLockedMemory is the soft limit of locked memory in bytes: getrlimit(2).
func limitLockedMemory() (uint64, error) { return softLimit(unix.RLIMIT_MEMLOCK) }

// limitOpenFiles is the soft limit of open files: getrlimit(2). The Go runtime raises it to the hard limit at the start.
func limitOpenFiles() (uint64, error) { return softLimit(unix.RLIMIT_NOFILE) }

func softLimit(which int) (uint64, error) {
	var l unix.Rlimit
	if err := unix.Getrlimit(which, &l); err != nil {
		return 0, fmt.Errorf("getrlimit: %w", err)
	}
	return uint64(l.Cur), nil
}
