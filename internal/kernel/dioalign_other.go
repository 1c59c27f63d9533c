//go:build !linux

package kernel

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// DirectAlignment returns what direct I/O asks of buffers, offsets and lengths on the open file f. This operating system
// has no call that tells, so that it is always an error.
func DirectAlignment(f *os.File) (memoryBytes, offsetBytes int64, source string, err error) {
	return 0, 0, "", fmt.Errorf("read direct alignment of %s: %s has no STATX_DIOALIGN: %w", f.Name(), runtime.GOOS, errors.ErrUnsupported)
}
