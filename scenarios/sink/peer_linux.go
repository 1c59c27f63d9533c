package sink

import (
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// What a peer may be silent for, when it should have acknowledged something, before its connection is given up.
const peerTimeout = 30 * time.Second

// watchPeer makes a connection fail within peerTimeout when its peer's machine is gone: by keep-alive probes where nothing is under
// way, and by TCP_USER_TIMEOUT (tcp(7)) where something is.
func watchPeer(conn *net.TCPConn) error {
	if err := keepAlive(conn); err != nil {
		return err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("reach socket: %w", err)
	}
	var inner error
	if err := raw.Control(func(fd uintptr) {
		inner = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(peerTimeout.Milliseconds()))
	}); err != nil {
		return fmt.Errorf("reach socket: %w", err)
	}
	if inner != nil {
		return fmt.Errorf("setsockopt TCP_USER_TIMEOUT: %w", inner)
	}
	return nil
}
