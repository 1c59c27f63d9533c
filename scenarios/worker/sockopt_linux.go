package worker

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// tcpCork is tcp(7)'s TCP_CORK.
const tcpCork = unix.TCP_CORK

func setCongestion(fd int, name string) error {
	err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("setsockopt TCP_CONGESTION to %s: %w: this kernel does not have it, or not loaded: see /proc/sys/net/ipv4/tcp_available_congestion_control", name, err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("setsockopt TCP_CONGESTION to %s: %w: only root may use it: see /proc/sys/net/ipv4/tcp_allowed_congestion_control", name, err)
	}
	return fmt.Errorf("setsockopt TCP_CONGESTION to %s: %w", name, err)
}

// describeSocket adds what the kernel says of the socket beyond what every system has. What it does not say is left out.
func describeSocket(fd int, into map[string]string) {
	if name, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION); err == nil {
		into["tcp_congestion"] = name
	}
	if v, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_CORK); err == nil {
		into["tcp_cork"] = fmt.Sprint(v)
	}
}
