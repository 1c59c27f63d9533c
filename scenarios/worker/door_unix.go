//go:build unix

package worker

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// door is where a receiver's connections come in: a listening socket of its own, or a Unix socket over which a sink passes on
// those that came in at its one port.
type door struct {
	fd      int
	address string // empty where connections are passed on
	passed  bool
	want    Socket
}

// openDoor opens what the job asks for.
func openDoor(job Receive) (*door, error) {
	if job.Passed {
		return &door{fd: inheritedDescriptor, passed: true, want: job.Socket}, nil
	}
	ip := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if job.IP != "" {
		var err error
		if ip, err = netip.ParseAddr(job.IP); err != nil {
			return nil, fmt.Errorf("listen on %q: want an IP address", job.IP)
		}
	}
	s, err := newSocket(ip, job.Socket) // its connections inherit what is set
	if err != nil {
		return nil, err
	}
	d := &door{fd: s.fd, want: job.Socket}
	if err := unix.Bind(s.fd, sockaddr(netip.AddrPortFrom(ip, 0))); err != nil {
		return nil, errors.Join(fmt.Errorf("bind %s: %w", ip, err), d.close())
	}
	if err := unix.Listen(s.fd, job.Streams); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", ip, err), d.close())
	}
	name, err := unix.Getsockname(s.fd)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("getsockname: %w", err), d.close())
	}
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		d.address = netip.AddrPortFrom(ip, uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		d.address = netip.AddrPortFrom(ip, uint16(a.Port)).String()
	default:
		return nil, errors.Join(fmt.Errorf("getsockname: a %T is no IP address", name), d.close())
	}
	return d, nil
}

func (d *door) close() error { return unix.Close(d.fd) }

// accept takes one connection.
func (d *door) accept() (*socket, error) {
	for {
		fd, err := d.next()
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("accept: %w", err)
		}
		unix.CloseOnExec(fd)
		s := &socket{fd: fd}
		if err := s.set(d.want); err != nil {
			return nil, errors.Join(err, s.close())
		}
		return s, nil
	}
}

func (d *door) next() (int, error) {
	if !d.passed {
		fd, _, err := unix.Accept(d.fd)
		return fd, err
	}
	return ReceiveDescriptor(d.fd)
}

// ReceiveDescriptor takes one descriptor off a Unix socket, with the one byte that carries it (unix(7), SCM_RIGHTS).
func ReceiveDescriptor(socket int) (int, error) {
	carrier, control := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	n, size, _, _, err := unix.Recvmsg(socket, carrier, control, 0)
	switch {
	case err != nil:
		return -1, err
	case n == 0:
		return -1, errors.New("receive descriptor: the sink has closed")
	}
	messages, err := unix.ParseSocketControlMessage(control[:size])
	if err != nil {
		return -1, fmt.Errorf("receive descriptor: %w", err)
	}
	for _, m := range messages {
		if fds, err := unix.ParseUnixRights(&m); err == nil && len(fds) == 1 {
			return fds[0], nil
		}
	}
	return -1, fmt.Errorf("receive descriptor: none came: %w", unix.EMFILE) // the kernel leaves out what finds no room
}

// PassDescriptor is its counterpart. f stays open here.
func PassDescriptor(socket int, f *os.File) error {
	for {
		err := unix.Sendmsg(socket, []byte{1}, unix.UnixRights(int(f.Fd())), nil, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("pass descriptor on: %w", err)
		}
		return nil
	}
}

// A data connection to a sink begins with DataMagic and the trial's token. A control connection is TLS, and can't begin so.
const (
	DataMagic       = "copydata"
	TokenBytes      = 32
	DataHeaderBytes = len(DataMagic) + TokenBytes
)

// DataHeader is what a data connection of the trial with that token, in hexadecimal, begins with.
func DataHeader(token string) ([]byte, error) {
	raw, err := hex.DecodeString(token)
	if err != nil || len(raw) != TokenBytes {
		return nil, fmt.Errorf("introduce a connection to the sink: its token is not %d bytes in hexadecimal", TokenBytes)
	}
	return append([]byte(DataMagic), raw...), nil
}
