//go:build darwin || freebsd

package host

import (
	"runtime"

	"golang.org/x/sys/unix"

	"copylab/results/measured"
)

// physicalMemory is the size of RAM as sysctl(3) tells.
func physicalMemory(error) measured.Int {
	name := "hw.memsize"
	if runtime.GOOS == "freebsd" {
		name = "hw.physmem"
	}
	n, err := unix.SysctlUint64(name)
	if err != nil {
		return measured.Unavailable[int64]("sysctl %s: %v", name, err)
	}
	return measured.Known(int64(n))
}

// kernelVersion is what uname -r prints.
func kernelVersion(error) string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return unavailable("uname: %v", err)
	}
	return unix.ByteSliceToString(u.Release[:])
}
