//go:build !linux

package kernel

import (
	"errors"
	"fmt"
	"runtime"
)

// ResidentPages counts the pages of a file in the page cache on Linux; here it is always an error.
func ResidentPages(fd int, size int64) (int64, error) {
	return 0, fmt.Errorf("mincore: %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
