//go:build !linux

package host

import (
	"runtime"

	"copylab/internal/kernel"
)

func probeZeroCopy() kernel.Status { return kernel.Unavailable("%s has no MSG_ZEROCOPY", runtime.GOOS) }
