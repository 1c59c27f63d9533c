//go:build !linux

package kernel

import (
	"errors"
	"runtime"
)

// BlockTrace reports what a block device is given; only Linux is built for.
type BlockTrace struct{}

// OpenBlockTrace says that there is none here.
func OpenBlockTrace(string) (*BlockTrace, error) {
	return nil, errors.New("block tracepoints are not read on " + runtime.GOOS)
}

// ProbeBlockTrace says that there is none here.
func ProbeBlockTrace() Status {
	return Unavailable("block tracepoints are not read on %s", runtime.GOOS)
}

// Start does nothing.
func (*BlockTrace) Start() error { return nil }

// Stop does nothing.
func (*BlockTrace) Stop() error { return nil }

// Read has nothing to tell.
func (*BlockTrace) Read(func(BlockRequest)) error { return errors.ErrUnsupported }

// Rest has nothing to tell.
func (*BlockTrace) Rest(func(BlockRequest)) error { return errors.ErrUnsupported }

// Lost is nothing.
func (*BlockTrace) Lost() int64 { return 0 }

// Close does nothing.
func (*BlockTrace) Close() error { return nil }
