//go:build !linux

package kernel

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// Extents are where a file lies on a disk, on Linux; here it is always an error.
func Extents(*os.File, string) ([]Extent, error) {
	return nil, fmt.Errorf("fiemap: %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
