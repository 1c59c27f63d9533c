package sink

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// keepAlive makes a connection fail within half a minute when its peer's machine is gone and nothing is under way.
func keepAlive(conn *net.TCPConn) error {
	if err := conn.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 4}); err != nil {
		return fmt.Errorf("set keep-alive: %w", err)
	}
	return nil
}

// explainHandshake finds out whether it was the secret.
func explainHandshake(err error) error {
	if errors.Is(err, errStranger) {
		return errStranger
	}
	// The other end's alert, which names no reason but a bad certificate.
	if remote, ok := errors.AsType[*net.OpError](err); ok && remote.Op == "remote error" {
		return fmt.Errorf("%w, most likely: it says: %w", errStranger, remote.Err)
	}
	return err
}
