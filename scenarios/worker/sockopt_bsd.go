//go:build unix && !linux

package worker

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// tcpCork is what comes nearest to Linux's TCP_CORK.
const tcpCork = unix.TCP_NOPUSH

func setCongestion(_ int, name string) error {
	return fmt.Errorf("set congestion control to %s: not built for %s", name, runtime.GOOS)
}

func describeSocket(int, map[string]string) {}
