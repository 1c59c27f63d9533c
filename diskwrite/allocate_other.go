//go:build !linux

package diskwrite

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// allocate fails: what these systems have instead allocates blocks in other ways (macOS: F_PREALLOCATE, which leaves the
// file's size alone).
func allocate(f *os.File, _ int64) error {
	return fmt.Errorf("allocate blocks of %s: copylab binds fallocate on Linux only, not on %s: %w", f.Name(), runtime.GOOS, errors.ErrUnsupported)
}
