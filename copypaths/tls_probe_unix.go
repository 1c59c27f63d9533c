//go:build unix

package copypaths

import (
	"crypto/tls"
	"net"
	"time"

	"copylab/internal/kernel"
)

// tryTLS probes a path that makes a TLS handshake, by moving a small file through a connection on loopback to an ordinary
// client of crypto/tls.
func tryTLS(open func(Ends) (Mover, error)) Status {
	const limit = 10 * time.Second // long, for machines that are slow at a handshake
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return kernel.Unknown("could not try it: %v", err)
	}
	defer listener.Close()
	sender, err := net.DialTimeout("tcp", listener.Addr().String(), time.Second)
	if err != nil {
		return kernel.Unknown("could not try it: %v", err)
	}
	defer sender.Close()
	receiver, err := listener.Accept()
	if err != nil {
		return kernel.Unknown("could not try it: %v", err)
	}
	if err := receiver.SetDeadline(time.Now().Add(limit)); err != nil {
		_ = receiver.Close()
		return kernel.Unknown("could not try it: %v", err)
	}
	// A descriptor of its own: blocking, as the paths want it, and of the same connection.
	socket, err := sender.(*net.TCPConn).File()
	if err != nil {
		_ = receiver.Close()
		return kernel.Unknown("could not try it: %v", err)
	}
	defer socket.Close()
	client := tls.Client(receiver, &tls.Config{InsecureSkipVerify: true}) // the other end is this probe's own: see tlsServerConfig
	done := make(chan struct{})
	go func() {
		defer close(done)
		if client.Handshake() != nil {
			_ = receiver.Close() // so that the path does not wait for it
		}
	}()
	defer func() {
		_ = receiver.Close()
		<-done
	}()
	return try(open, Ends{Socket: int(socket.Fd())}, client)
}
