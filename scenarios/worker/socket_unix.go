//go:build unix

package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"copylab/copypaths"
	"copylab/internal/kernel"
)

// socket is one connection: a raw blocking descriptor, and for the Go paths a *net.TCPConn on top of it.
type socket struct {
	fd   int
	conn *net.TCPConn
}

// dedicated is how a worker makes the system calls that its peer waits for: see pin.
func dedicated() kernel.Calls { return kernel.Calls{Raw: true} }

// rampBytes is what each stream moves before anything is timed, so that TCP's window and buffers have grown.
func rampBytes(streams int) int { return max(4<<20/streams, 256<<10) }

// listen opens a listening socket on the loopback interface.
func listen(backlog int) (fd int, address string, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, "", fmt.Errorf("open socket: %w", err)
	}
	unix.CloseOnExec(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, "", errors.Join(fmt.Errorf("bind 127.0.0.1: %w", err), unix.Close(fd))
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return -1, "", errors.Join(fmt.Errorf("listen on 127.0.0.1: %w", err), unix.Close(fd))
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return -1, "", errors.Join(fmt.Errorf("getsockname: %w", err), unix.Close(fd))
	}
	in4, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return -1, "", errors.Join(errors.New("getsockname: not an IPv4 address"), unix.Close(fd))
	}
	return fd, netip.AddrPortFrom(netip.AddrFrom4(in4.Addr), uint16(in4.Port)).String(), nil
}

// accept takes one connection.
func accept(listener int) (*socket, error) {
	for {
		fd, _, err := unix.Accept(listener)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("accept: %w", err)
		}
		unix.CloseOnExec(fd)
		s := &socket{fd: fd}
		if err := s.noDelay(); err != nil {
			return nil, errors.Join(err, s.close())
		}
		return s, nil
	}
}

// dial connects to a receiver. A Go path gets a *net.TCPConn, the others a blocking descriptor.
func dial(address string, kind copypaths.Connection) (*socket, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().Is4() {
		return nil, fmt.Errorf("connect to %q: want an IPv4 address and port", address)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	unix.CloseOnExec(fd)
	s := &socket{fd: fd}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", address, err), s.close())
	}
	if err := s.noDelay(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if kind != copypaths.GoConn {
		return s, nil
	}
	f := os.NewFile(uintptr(fd), "socket")
	conn, err := net.FileConn(f) // a duplicate, switched to the Go poller
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("hand socket to Go's net package: %w", err)
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("hand socket to Go's net package: got a %T", conn), conn.Close())
	}
	return &socket{fd: -1, conn: tcp}, nil
}

// noDelay turns Nagle's algorithm off, as Go does for every connection: a request must not wait for an acknowledgement.
func (s *socket) noDelay() error {
	if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("set TCP_NODELAY: %w", err)
	}
	return nil
}

func (s *socket) close() error {
	if s.conn != nil {
		return s.conn.Close()
	}
	return unix.Close(s.fd)
}

// Write sends all of b.
func (s *socket) Write(b []byte) (int, error) {
	if s.conn != nil {
		return s.conn.Write(b)
	}
	done := 0
	for done < len(b) {
		n, err := dedicated().Write(s.fd, b[done:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return done, fmt.Errorf("write to socket: %w", err)
		}
		done += n
	}
	return done, nil
}

// Read receives up to len(b) bytes.
func (s *socket) Read(b []byte) (int, error) {
	if s.conn != nil {
		return s.conn.Read(b)
	}
	for {
		n, err := dedicated().Read(s.fd, b)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read from socket: %w", err)
		}
		if n == 0 {
			return 0, io.EOF
		}
		return n, nil
	}
}

// A request of the fetch workload is an offset and a length, little-endian. A length of 0 ends the conversation.
const requestBytes = 16

func putRequest(b []byte, off, n int64) {
	binary.LittleEndian.PutUint64(b, uint64(off))
	binary.LittleEndian.PutUint64(b[8:], uint64(n))
}

func getRequest(b []byte) (off, n int64) {
	return int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
}

// settings are the socket's, as the kernel reports them. SO_SNDBUF and SO_RCVBUF are in the kernel's own accounting,
// which is twice what a program would ask for (socket(7)).
func (s *socket) settings() (map[string]string, error) {
	got := map[string]string{}
	read := func(fd int) error {
		for _, o := range []struct {
			name       string
			level, opt int
		}{
			{"so_sndbuf_bytes", unix.SOL_SOCKET, unix.SO_SNDBUF},
			{"so_rcvbuf_bytes", unix.SOL_SOCKET, unix.SO_RCVBUF},
			{"tcp_nodelay", unix.IPPROTO_TCP, unix.TCP_NODELAY},
		} {
			v, err := unix.GetsockoptInt(fd, o.level, o.opt)
			if err != nil {
				return fmt.Errorf("getsockopt %s: %w", o.name, err)
			}
			if o.name == "tcp_nodelay" && v != 0 {
				v = 1 // some systems report the flag's bit
			}
			got[o.name] = strconv.Itoa(v)
		}
		return nil
	}
	if s.conn == nil {
		return got, read(s.fd)
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("reach socket: %w", err)
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = read(int(fd)) }); err != nil {
		return nil, fmt.Errorf("reach socket: %w", err)
	}
	return got, inner
}
