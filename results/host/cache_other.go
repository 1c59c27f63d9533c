//go:build !linux

package host

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// cacheSources is empty: neither call is known to tell here.
func cacheSources() []cacheSource { return nil }

func forget(*os.File) error {
	return fmt.Errorf("%s has no posix_fadvise(2) that drops pages: %w", runtime.GOOS, errors.ErrUnsupported)
}
