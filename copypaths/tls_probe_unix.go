//go:build unix

package copypaths

import (
	"crypto/tls"
	"time"

	"copylab/internal/kernel"
)

// tryTLS probes a path that makes a TLS handshake, by moving a small file through a connection on loopback to an ordinary
// client of crypto/tls.
func tryTLS(open func(Ends) (Mover, error)) Status {
	const limit = 10 * time.Second // long, for machines that are slow at a handshake
	sender, receiver, err := loopback(limit)
	if err != nil {
		return kernel.Unknown("could not try it: %v", err)
	}
	defer sender.Close()
	// A descriptor of its own: blocking, as the paths want it, and of the same connection.
	socket, err := sender.File()
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
