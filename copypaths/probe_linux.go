package copypaths

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// probeFile makes a file of that content in memory, by memfd_create(2): it has no name, so that nothing can be left
// behind. remove closes it.
func probeFile(content []byte) (file *os.File, remove func(), err error) {
	fd, err := unix.MemfdCreate("copylab-probe", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, nil, fmt.Errorf("memfd_create: %w", err)
	}
	file = os.NewFile(uintptr(fd), "copylab-probe")
	remove = func() { _ = file.Close() }
	if _, err := file.WriteAt(content, 0); err != nil {
		remove()
		return nil, nil, err
	}
	return file, remove, nil
}
