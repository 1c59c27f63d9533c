//go:build linux || darwin || freebsd

package copypaths

import (
	"errors"
	"os"
)

// tryTCP probes a path that works on a raw descriptor of a TCP socket, and on no other kind, through a connection on loopback.
func tryTCP(open func(Ends) (Mover, error)) Status {
	return tryGoConn(func(e Ends) (Mover, error) {
		// A descriptor of its own: blocking, as the paths want it, and of the same connection.
		file, err := e.Conn.File()
		if err != nil {
			return nil, err
		}
		e.Socket = int(file.Fd())
		m, err := open(e)
		if err != nil {
			_ = file.Close()
			return nil, err
		}
		return closing{m, file}, nil
	})
}

// closing closes the descriptor of a Mover with it.
type closing struct {
	Mover
	file *os.File
}

// Flush lets it be flushed like the Mover in it.
func (c closing) Flush() error {
	if f, ok := c.Mover.(Flusher); ok {
		return f.Flush()
	}
	return nil
}

func (c closing) Close() error { return errors.Join(c.Mover.Close(), c.file.Close()) }
