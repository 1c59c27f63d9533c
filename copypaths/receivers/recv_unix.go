//go:build unix

package receivers

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// recv takes bytes as every simple client does: recv(2) copies them from the socket into one buffer, used again and
// again. Each call takes what is there.
func recv() binding { return binding{probe: probeRecv, open: openRecv} }

type recvTaker struct {
	socket int
	buffer []byte
	flags  int
	kernel kernel.Calls
	calls  int64
}

func openRecv(e End) (Taker, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	if e.TLS {
		return openTLS(e, nil, handshakeLimit)
	}
	return &recvTaker{socket: e.Socket, buffer: e.Buffer, kernel: kernel.Calls{Raw: e.Dedicated}}, nil
}

// check rejects an end that no receiver can work on.
func (e End) check() error {
	if len(e.Buffer) < 1 {
		return errors.New("open receiver: there is no buffer")
	}
	return nil
}

func (t *recvTaker) Take(limit int64) (int64, error) {
	if limit < 1 {
		return 0, fmt.Errorf("take %d bytes: want at least 1", limit)
	}
	want := t.buffer[:min(limit, int64(len(t.buffer)))]
	for {
		n, err := t.kernel.Recv(t.socket, want, t.flags)
		t.calls++
		switch {
		case n > 0:
			return int64(n), nil
		case err == nil:
			return 0, io.EOF
		case !errors.Is(err, unix.EINTR):
			return 0, fmt.Errorf("recvfrom from socket: %w%s", err, hint(err))
		}
	}
}

func (t *recvTaker) Sum() string { return "" }

func (t *recvTaker) Syscalls() map[string]int64 { return map[string]int64{"recvfrom": t.calls} }

func (t *recvTaker) Close() error { return nil }

// hint puts what an error number means for a receiver into words.
func hint(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return ": the sender has gone without closing the connection in order"
	case errors.Is(err, syscall.EAGAIN):
		return ": the socket is not a blocking one, or it has a receive timeout"
	case errors.Is(err, syscall.EBADF):
		return ": the socket was closed"
	case errors.Is(err, syscall.ENOTCONN), errors.Is(err, syscall.ENOTSOCK):
		return ": the socket is not a connected one"
	}
	return ""
}
