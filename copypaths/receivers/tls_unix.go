//go:build unix

package receivers

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/cespare/xxhash/v2"

	"copylab/internal/kernel"
)

// handshakeLimit is how long a TLS handshake may take. It waits for the other end, which may still have to be readied.
const handshakeLimit = 30 * time.Second

// tlsTaker is what recv and checksum are to a sender that encrypts: an ordinary client of crypto/tls. recv(2) copies records
// into a buffer of crypto/tls, which decrypts them where they are, and what is asked for is copied from there.
// So a take brings no more than one record, and not every take makes a system call.
//
// crypto/tls allocates for each of its reads some tens of bytes (BenchmarkTLS reports it).
type tlsTaker struct {
	conn   *tls.Conn
	raw    *kernel.SocketConn
	buffer []byte
	digest *xxhash.Digest // nil where nobody looks at the bytes
}

// openTLS makes the handshake as the client, by ordinary system calls whatever e.Dedicated says: they may have to wait for an
// end that is in this process.
//
// The server's certificate is not looked at. It is made on the spot and says nothing: both ends are copylab's own, what is
// sent is no secret, and with whom the connection is has been settled before (see copypaths.Path.TLS). What is measured is
// the cost of encryption.
func openTLS(e End, digest *xxhash.Digest, limit time.Duration) (Taker, error) {
	t := &tlsTaker{raw: &kernel.SocketConn{Socket: e.Socket}, buffer: e.Buffer, digest: digest}
	t.conn = tls.Client(t.raw, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	if err := t.raw.Within(limit, t.conn.Handshake); err != nil {
		return nil, fmt.Errorf("open receiver: TLS handshake as the client: %w%s", err, handshakeHint(err, limit))
	}
	t.raw.Calls.Raw = e.Dedicated
	return t, nil
}

// handshakeHint puts into words what may be wrong with the other end.
func handshakeHint(err error, limit time.Duration) string {
	var notTLS tls.RecordHeaderError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ": the sender closed the connection before the handshake was done"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf(": the sender did not do its part within %v", limit)
	case errors.As(err, &notTLS):
		return ": what came is not TLS; its path must be one that encrypts"
	}
	return hint(err)
}

func (t *tlsTaker) Take(limit int64) (int64, error) {
	if limit < 1 {
		return 0, fmt.Errorf("take %d bytes: want at least 1", limit)
	}
	n, err := t.conn.Read(t.buffer[:min(limit, int64(len(t.buffer)))])
	if n > 0 {
		if t.digest != nil {
			_, _ = t.digest.Write(t.buffer[:n]) // never fails
		}
		return int64(n), nil // an error that came with them comes again
	}
	var errno syscall.Errno
	switch {
	case err == io.EOF: //nolint:errorlint // a wrapped one would be something else
		return 0, io.EOF
	case errors.As(err, &errno):
		return 0, fmt.Errorf("recvfrom from socket: %w%s", errno, hint(errno))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return 0, fmt.Errorf("recvfrom from socket: %w: the sender closed in the middle of a TLS record", err)
	}
	return 0, fmt.Errorf("decrypt what came from socket: %w", err)
}

func (t *tlsTaker) Sum() string {
	if t.digest == nil {
		return ""
	}
	return fmt.Sprintf("%016x", t.digest.Sum64())
}

// Settings are tls_version and tls_cipher_suite.
func (t *tlsTaker) Settings() map[string]string {
	state := t.conn.ConnectionState()
	return map[string]string{"tls_version": tls.VersionName(state.Version), "tls_cipher_suite": tls.CipherSuiteName(state.CipherSuite)}
}

// Syscalls counts those of the handshake too.
func (t *tlsTaker) Syscalls() map[string]int64 {
	return map[string]int64{"recvfrom": t.raw.Receives, "write": t.raw.Sends}
}

func (t *tlsTaker) Close() error { return nil }
