//go:build !linux

package kernel

import (
	"errors"
	"runtime"
)

// Hardware counts a hardware event; only Linux is built for.
type Hardware struct{}

// OpenHardware says that there is no counter here.
func OpenHardware(HardwareEvent) (*Hardware, error) {
	return nil, errors.New("hardware counters are not read on " + runtime.GOOS)
}

// Start does nothing.
func (*Hardware) Start() error { return nil }

// Stop does nothing.
func (*Hardware) Stop() error { return nil }

// Count has nothing to tell.
func (*Hardware) Count() (int64, error) { return 0, errors.ErrUnsupported }

// Close does nothing.
func (*Hardware) Close() error { return nil }
