//go:build !linux

package host

import (
	"errors"
	"fmt"
	"runtime"
)

// allowedCPUs is nil: this operating system does not tell.
func allowedCPUs() []int { return nil }

// Pin binds threads to CPUs on Linux; here it does nothing and says so.
func Pin(...int) error {
	return fmt.Errorf("pin: copylab pins threads on Linux only, not on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// PinThread binds the calling thread to a CPU on Linux; here it does nothing and says so.
func PinThread(int) error {
	return fmt.Errorf("pin: copylab pins threads on Linux only, not on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
