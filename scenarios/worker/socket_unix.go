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
	// The calls of Read and Write so far.
	reads, writes int64
}

// dedicated is how a worker makes the system calls that its peer waits for: see pin.
func dedicated() kernel.Calls { return kernel.Calls{Raw: true} }

// rampBytes is what each stream moves before anything is timed, so that TCP's window and buffers have grown.
func rampBytes(streams int) int { return max(4<<20/streams, 256<<10) }

// dial connects to a receiver. A Go path gets a *net.TCPConn, the others a blocking descriptor.
func dial(address string, kind copypaths.Connection, want Socket) (*socket, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("connect to %q: want an IP address and port", address)
	}
	s, err := newSocket(to.Addr(), want)
	if err != nil {
		return nil, err
	}
	if err := connect(s.fd, sockaddr(to)); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", address, err), s.close())
	}
	if kind != copypaths.GoConn {
		return s, nil
	}
	f := os.NewFile(uintptr(s.fd), "socket")
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

// connect is connect(2), taken up again where a signal cut it short: the connection is then being made all the same.
func connect(fd int, to unix.Sockaddr) error {
	err := unix.Connect(fd, to)
	if !errors.Is(err, unix.EINTR) {
		return err
	}
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		number, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && number != 0 {
			err = unix.Errno(number)
		}
		return err
	}
}

func sockaddr(to netip.AddrPort) unix.Sockaddr {
	if a := to.Addr().Unmap(); a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4(), Port: int(to.Port())}
	}
	return &unix.SockaddrInet6{Addr: to.Addr().As16(), Port: int(to.Port()), ZoneId: zoneID(to.Addr().Zone())}
}

// zoneID is the number of the interface that a link-local address belongs to; 0, which the kernel refuses for such an address,
// where there is none of that name.
func zoneID(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if nic, err := net.InterfaceByName(zone); err == nil {
		return uint32(nic.Index)
	}
	n, err := strconv.ParseUint(zone, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// newSocket opens a TCP socket with what is wanted of it: buffer sizes have to be set before the connection is made, since
// the window's scale is agreed on then (tcp(7)).
func newSocket(ip netip.Addr, want Socket) (*socket, error) {
	family := unix.AF_INET
	if !ip.Unmap().Is4() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	unix.CloseOnExec(fd)
	s := &socket{fd: fd}
	if err := s.set(want); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// tooMany says what to do about a lack of descriptors.
func tooMany(err error) string {
	if errors.Is(err, unix.EMFILE) {
		return ": each stream takes several descriptors at either end: raise the limit (ulimit -n), or take fewer streams"
	}
	return ""
}

// set sets what is wanted of a socket, but for Nagle's algorithm, which is off here, as Go has it for every connection: what sets a
// trial up must not wait for an acknowledgement that is delayed. See delay.
func (s *socket) set(want Socket) error {
	for _, o := range []struct {
		name              string
		level, opt, value int
		skip              bool
	}{
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1, false},
		{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, want.SndbufBytes, want.SndbufBytes == 0},
		{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, want.RcvbufBytes, want.RcvbufBytes == 0},
	} {
		if o.skip {
			continue
		}
		if err := unix.SetsockoptInt(s.fd, o.level, o.opt, o.value); err != nil {
			return fmt.Errorf("setsockopt %s to %d: %w", o.name, o.value, err)
		}
	}
	if want.Congestion != "" {
		return setCongestion(s.fd, want.Congestion)
	}
	return nil
}

// withFd calls f with the socket's descriptor, which a *net.TCPConn lends for that long.
func (s *socket) withFd(f func(fd int) error) error {
	if s.conn == nil {
		return f(s.fd)
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("reach socket: %w", err)
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return fmt.Errorf("reach socket: %w", err)
	}
	return inner
}

// delay turns Nagle's algorithm on, or off, which sends what it held back (tcp(7), TCP_NODELAY).
func (s *socket) delay(on bool) error {
	value := 1
	if on {
		value = 0
	}
	return s.withFd(func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, value); err != nil {
			return fmt.Errorf("setsockopt TCP_NODELAY to %d: %w", value, err)
		}
		return nil
	})
}

// cork holds or lets go of what makes no full segment.
func (s *socket) cork(hold bool) error {
	value := 0
	if hold {
		value = 1
	}
	return s.withFd(func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, tcpCork, value); err != nil {
			return fmt.Errorf("setsockopt TCP_CORK: %w", err)
		}
		return nil
	})
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
		s.writes++ // and what more Go's poller makes of it
		return s.conn.Write(b)
	}
	done := 0
	for done < len(b) {
		s.writes++
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
		s.reads++
		return s.conn.Read(b)
	}
	for {
		s.reads++
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
		describeSocket(fd, got)
		return nil
	}
	return got, s.withFd(read)
}
