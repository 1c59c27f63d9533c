//go:build darwin || freebsd

package diskwrite

import "golang.org/x/sys/unix"

// filesystemOf tells what keeps the file or folder name: statfs(2) gives its name.
func filesystemOf(name string) filesystem {
	var st unix.Statfs_t
	if err := unix.Statfs(name, &st); err != nil {
		return filesystem{}
	}
	f := filesystem{name: unix.ByteSliceToString(st.Fstypename[:])}
	f.inMemory = f.name == "tmpfs"
	return f
}
