//go:build unix

package copypaths

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"strconv"
	"time"

	"copylab/internal/kernel"
)

// handshakeLimit is how long a TLS handshake may take. It waits for the other end, which may still have to be readied.
const handshakeLimit = 30 * time.Second

// tlsRecordBytes is the most payload that a TLS record carries (RFC 8446, 5.1).
const tlsRecordBytes = 16 << 10

// tlsServerConfig is what both TLS paths offer: TLS 1.3 and whole records from the first byte on. crypto/tls chooses the cipher
// suite: AES-128-GCM where both processors have instructions for it, otherwise ChaCha20-Poly1305.
//
// The certificate is made on the spot and signed by itself. The client doesn't look at it: both ends are copylab's own, what
// is sent is no secret, and whom it talks to, the client learned elsewhere. So TLS is here for what it costs, not for what
// it protects.
//
// There are no session tickets: they would be the first records under the keys that the kernel is to begin with.
func tlsServerConfig(keyLog io.Writer) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return &tls.Config{
		Certificates:                []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}},
		MinVersion:                  tls.VersionTLS13,
		MaxVersion:                  tls.VersionTLS13,
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true,
		KeyLogWriter:                keyLog,
	}, nil
}

// tlsServer is a connection whose handshake has been made.
type tlsServer struct {
	*tls.Conn
	raw  *kernel.SocketConn
	sent bytes.Buffer // what the server sent for the handshake
}

// recorded keeps what is written while the handshake is made.
type recorded struct {
	*kernel.SocketConn
	into *bytes.Buffer // nil: no more
}

func (r *recorded) Write(p []byte) (int, error) {
	if r.into != nil {
		_, _ = r.into.Write(p) // never fails
	}
	return r.SocketConn.Write(p)
}

// shakeHands makes the handshake as the server, by ordinary system calls whatever e.Dedicated says: they may have to wait for
// an end that is in this process.
func shakeHands(e Ends, config *tls.Config, limit time.Duration) (*tlsServer, error) {
	s := &tlsServer{raw: &kernel.SocketConn{Socket: e.Socket}}
	conn := &recorded{SocketConn: s.raw, into: &s.sent}
	s.Conn = tls.Server(conn, config)
	if err := s.raw.Within(limit, s.Handshake); err != nil {
		return nil, fmt.Errorf("open path: TLS handshake as the server: %w%s", err, handshakeHint(err, limit))
	}
	conn.into = nil
	s.raw.Calls.Raw = e.Dedicated
	return s, nil
}

// handshakeHint puts into words what may be wrong with the other end.
func handshakeHint(err error, limit time.Duration) string {
	var notTLS tls.RecordHeaderError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ": the receiver closed the connection before the handshake was done"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf(": the receiver did not do its part within %v", limit)
	case errors.As(err, &notTLS):
		return ": what came is not TLS; the receiver must be opened with TLS too"
	}
	return hint(err)
}

// settings are those of the connection: tls_version, tls_cipher_suite, and tls_record_bytes, the payload of the largest records.
func (s *tlsServer) settings(chunk int) map[string]string {
	state := s.ConnectionState()
	return map[string]string{
		"tls_version":      tls.VersionName(state.Version),
		"tls_cipher_suite": tls.CipherSuiteName(state.CipherSuite),
		"tls_record_bytes": strconv.Itoa(min(chunk, tlsRecordBytes)),
	}
}
