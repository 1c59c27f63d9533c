package host

import (
	"errors"
	"fmt"
)

// limitLockedMemory has no counterpart on Windows.
func limitLockedMemory() (uint64, error) {
	return 0, fmt.Errorf("windows has no such limit: %w", errors.ErrUnsupported)
}

// limitOpenFiles has no counterpart on Windows.
func limitOpenFiles() (uint64, error) {
	return 0, fmt.Errorf("windows has no such limit: %w", errors.ErrUnsupported)
}
