//go:build unix

package kernel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// SocketConn is a net.Conn on a blocking socket, for packages that want one, such as crypto/tls, where no Go poller shall be
// between them and the kernel. The socket is the caller's: Close does nothing. It is used by one thread.
//
// Errors are the bare error numbers of recvfrom(2) and write(2), but for io.EOF and, in Within, os.ErrDeadlineExceeded.
type SocketConn struct {
	Socket int   // connected and blocking
	Calls  Calls // how the system calls are made; may be changed between calls
	// Receives and Sends count the calls of recvfrom(2) and of write(2).
	Receives, Sends int64

	deadline time.Time // zero where there is none
}

// deadlineSlack is how much too early a timeout may end, by the rounding of its clock. A call that says EAGAIN earlier did
// not wait.
const deadlineSlack = 20 * time.Millisecond

// Within runs do, whose reads and writes on the connection must all be done before limit is over: then they fail with
// os.ErrDeadlineExceeded, however often the other end sends a byte. It rests on SO_RCVTIMEO and SO_SNDTIMEO (socket(7)), which
// have their former values afterwards.
func (c *SocketConn) Within(limit time.Duration, do func() error) (err error) {
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		before, err := unix.GetsockoptTimeval(c.Socket, unix.SOL_SOCKET, option)
		if err != nil {
			return fmt.Errorf("getsockopt of the socket's timeouts: %w", err)
		}
		defer func() {
			// A socket that was closed meanwhile has no timeout to restore; whoever uses it will be told so.
			_ = unix.SetsockoptTimeval(c.Socket, unix.SOL_SOCKET, option, before)
		}()
	}
	c.deadline = time.Now().Add(limit)
	defer func() { c.deadline = time.Time{} }()
	return do()
}

// limited sets the timeout of the next call to what is left until the deadline.
func (c *SocketConn) limited(option int) error {
	if c.deadline.IsZero() {
		return nil
	}
	left := time.Until(c.deadline)
	if left <= 0 {
		return os.ErrDeadlineExceeded
	}
	timeout := unix.NsecToTimeval(int64(max(left, time.Millisecond))) // 0 would be none
	if err := unix.SetsockoptTimeval(c.Socket, unix.SOL_SOCKET, option, &timeout); err != nil {
		return fmt.Errorf("setsockopt of the socket's timeout: %w", err)
	}
	return nil
}

// failed tells a timeout of ours from what else EAGAIN may mean.
func (c *SocketConn) failed(err error) error {
	if errors.Is(err, unix.EAGAIN) && !c.deadline.IsZero() && time.Until(c.deadline) < deadlineSlack {
		return os.ErrDeadlineExceeded
	}
	return err
}

// Read is recvfrom(2).
func (c *SocketConn) Read(p []byte) (int, error) {
	for {
		if err := c.limited(unix.SO_RCVTIMEO); err != nil {
			return 0, err
		}
		n, err := c.Calls.Recv(c.Socket, p, 0)
		c.Receives++
		switch {
		case n > 0, err == nil && len(p) == 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case !errors.Is(err, unix.EINTR):
			return 0, c.failed(err)
		}
	}
}

// Write is write(2), until all of p is written.
func (c *SocketConn) Write(p []byte) (written int, err error) {
	for written < len(p) {
		if err := c.limited(unix.SO_SNDTIMEO); err != nil {
			return written, err
		}
		n, err := c.Calls.Write(c.Socket, p[written:])
		c.Sends++
		switch {
		case err == nil:
			written += n
		case !errors.Is(err, unix.EINTR):
			return written, c.failed(err)
		}
	}
	return written, nil
}

// Close does nothing: the socket is the caller's.
func (c *SocketConn) Close() error { return nil }

// LocalAddr says nothing but that this is a socket: nobody asks.
func (c *SocketConn) LocalAddr() net.Addr { return socketAddr{} }

// RemoteAddr is as LocalAddr.
func (c *SocketConn) RemoteAddr() net.Addr { return socketAddr{} }

// SetDeadline returns os.ErrNoDeadline: see Within.
func (c *SocketConn) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline is as SetDeadline.
func (c *SocketConn) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline is as SetDeadline.
func (c *SocketConn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

type socketAddr struct{}

func (socketAddr) Network() string { return "socket" }
func (socketAddr) String() string  { return "socket" }
