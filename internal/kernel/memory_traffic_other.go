//go:build !linux

package kernel

import (
	"errors"
	"runtime"
)

// MemoryTraffic counts what memory controllers move; only Linux is built for.
type MemoryTraffic struct{}

func noMemoryTraffic() error { return errors.New("memory traffic is not counted on " + runtime.GOOS) }

// OpenMemoryTraffic says that there is no counter here.
func OpenMemoryTraffic() (*MemoryTraffic, error) { return nil, noMemoryTraffic() }

// Start has nothing to start.
func (*MemoryTraffic) Start() error { return errors.ErrUnsupported }

// Stop has nothing to stop.
func (*MemoryTraffic) Stop() error { return errors.ErrUnsupported }

// Bytes has nothing to tell.
func (*MemoryTraffic) Bytes() (read, written int64, err error) { return 0, 0, errors.ErrUnsupported }

// Close does nothing.
func (*MemoryTraffic) Close() error { return nil }

// ProbeMemoryTraffic says that there is none here.
func ProbeMemoryTraffic() Status { return Unavailable("%v", noMemoryTraffic()) }
