//go:build unix

package receivers

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// A probe sends probeBytes through a connection on loopback and takes them. It looks at the buffer too: a receiver
// must have put the bytes there, or have left it alone.
const probeBytes = 512

func probeRecv() Status {
	return try(openRecv, func(_ Taker, sent, buffer []byte) error { return arrived(sent, buffer) })
}

func probeChecksum() Status {
	return try(openChecksum, func(t Taker, sent, buffer []byte) error {
		if want := fmt.Sprintf("%016x", xxhash.Sum64(sent)); t.Sum() != want {
			return fmt.Errorf("sent bytes of checksum %s, took bytes of checksum %s", want, t.Sum())
		}
		return arrived(sent, buffer)
	})
}

// leftAlone is for receivers that bring no byte into the program.
func leftAlone(_ Taker, _, buffer []byte) error {
	if !bytes.Equal(buffer, make([]byte, len(buffer))) {
		return errors.New("bytes came into the program's buffer, which nobody asked for")
	}
	return nil
}

func arrived(sent, buffer []byte) error {
	if !bytes.Equal(sent, buffer) {
		return errors.New("other bytes arrived than were sent")
	}
	return nil
}

// try opens a receiver on a connection of its own, takes what it sends there, and looks at the outcome.
func try(open func(End) (Taker, error), look func(t Taker, sent, buffer []byte) error) Status {
	sender, socket, err := loopback()
	if err != nil {
		return kernel.Unknown("could not try it: %v", err)
	}
	defer sender.Close()
	defer socket.Close()
	sent, buffer := bytes.Repeat([]byte("copylab "), probeBytes/8), make([]byte, probeBytes)
	if _, err := sender.Write(sent); err != nil {
		return kernel.Unknown("could not try it: %v", err)
	}
	t, err := open(End{Socket: int(socket.Fd()), Buffer: buffer}) // Fd makes the socket a blocking one
	if err != nil {
		return kernel.Unknown("%v", err)
	}
	defer t.Close()
	switch n, err := t.Take(probeBytes); {
	case errors.Is(err, errors.ErrUnsupported): // ENOSYS, EOPNOTSUPP
		return kernel.Unavailable("this kernel does not have it: %v", err)
	case errors.Is(err, fs.ErrPermission): // EPERM, EACCES: a seccomp filter's usual answers
		return kernel.Unavailable("a seccomp filter or another policy forbids it: %v", err)
	case err != nil:
		return kernel.Unknown("tried it: %v", err)
	case n != probeBytes: // what is sent in one call on loopback is there at once
		return kernel.Unknown("tried it: took %d bytes of %d", n, probeBytes)
	}
	if err := look(t, sent, buffer); err != nil {
		return kernel.Unavailable("%v", err)
	}
	return kernel.Available()
}

// loopback makes a connection: its sending end, and its receiving end as a descriptor with a timeout.
func loopback() (sender net.Conn, socket *os.File, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	sender, err = net.DialTimeout("tcp", listener.Addr().String(), time.Second)
	if err != nil {
		return nil, nil, err
	}
	conn, err := listener.Accept()
	if err != nil {
		_ = sender.Close()
		return nil, nil, err
	}
	defer conn.Close()
	socket, err = conn.(*net.TCPConn).File()
	if err != nil {
		_ = sender.Close()
		return nil, nil, err
	}
	timeout := unix.NsecToTimeval(1e9)
	if err := unix.SetsockoptTimeval(int(socket.Fd()), unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		_, _ = sender.Close(), socket.Close()
		return nil, nil, fmt.Errorf("setsockopt: %w", err)
	}
	return sender, socket, nil
}
