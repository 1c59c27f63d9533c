package sink

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"runtime"
	"time"

	"copylab/scenarios/worker"
)

// Secret is what both ends must know. The zero value is none: then anybody can prove to know it, which is for loopback only.
//
// It never crosses the wire. Each end derives the same two Ed25519 keys from it, one for each role, and knows its peer by the
// peer's public key: in TLS 1.3 both ends sign the handshake, which holds fresh random bytes of both, so that a recorded session is
// of no use (RFC 8446, section 4.4.3).
type Secret struct {
	text   []byte
	rounds int // of PBKDF2; 0: derivations
}

// SecretVariable is the environment variable that may hold the secret. Workers don't inherit it.
const SecretVariable = worker.SecretVariable

// The bounds of a secret's length, in bytes.
const (
	leastSecret = 16
	mostSecret  = 4 << 10
)

const makeSecret = "make one with: head -c 24 /dev/urandom | base64"

// ReadSecret reads the secret from the file, or where its name is empty from the environment variable COPYLAB_SECRET. Where neither is
// given there is none. Spaces and line ends around it don't count. Nobody but its owner may be able to read the file. Errors are
// a *UsageError.
func ReadSecret(file string) (Secret, error) {
	text, from := []byte(os.Getenv(SecretVariable)), SecretVariable
	if file == "" && len(text) == 0 {
		return Secret{}, nil
	}
	if file != "" {
		var err error
		if text, err = readSecretFile(file); err != nil {
			return Secret{}, &UsageError{fmt.Errorf("read secret: %w", err)}
		}
		from = file
	}
	text = bytes.TrimSpace(text)
	switch {
	case len(text) < leastSecret:
		return Secret{}, &UsageError{fmt.Errorf("read secret from %s: it is shorter than %d characters: %s", from, leastSecret, makeSecret)}
	case len(text) > mostSecret:
		return Secret{}, &UsageError{fmt.Errorf("read secret from %s: it is longer than %d bytes", from, mostSecret)}
	}
	return Secret{text: text}, nil
}

func readSecretFile(name string) (text []byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat() // of what is read, not of what may have that name meanwhile
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("others than its owner may read or write %s (%v): run chmod 600 %s", name, mode.Perm(), name)
	}
	return io.ReadAll(io.LimitReader(f, 2*mostSecret))
}

// None tells that there is no secret.
func (s Secret) None() bool { return len(s.text) == 0 }

// String keeps the secret out of messages.
func (s Secret) String() string { return "(secret)" }

// GoString keeps it out of %#v too.
func (s Secret) GoString() string { return s.String() }

// derivations is how often PBKDF2 repeats its hash: about 0.2 s on a slow core. Whoever connects to a sink learns its public key and
// can guess secrets at home, at that price each. The secret's own randomness is what counts.
const derivations = 250_000

// keys derives the keys of both roles. It takes a while.
func (s Secret) keys() (ofSink, ofClient ed25519.PrivateKey, err error) {
	master, err := pbkdf2.Key(sha256.New, string(s.text), []byte(protocol), cmp.Or(s.rounds, derivations), sha256.Size)
	if err != nil {
		return nil, nil, fmt.Errorf("derive keys from the secret: %w", err)
	}
	var keys [2]ed25519.PrivateKey
	for i, role := range []string{"key of the sink", "key of the client"} {
		seed, err := hkdf.Expand(sha256.New, master, protocol+": "+role, ed25519.SeedSize)
		if err != nil {
			return nil, nil, fmt.Errorf("derive keys from the secret: %w", err)
		}
		keys[i] = ed25519.NewKeyFromSeed(seed)
	}
	return keys[0], keys[1], nil
}

// certificate wraps a key, since TLS wants one. Nobody looks at anything in it but the key.
func certificate(key ed25519.PrivateKey) (tls.Certificate, error) {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// errStranger is a peer that proved to know another secret, or none.
var errStranger = errors.New("the other end holds another secret")

// pinned accepts the peer with this public key and no other. That it has the private key too, TLS has made sure of.
func pinned(want ed25519.PublicKey) func(tls.ConnectionState) error {
	return func(c tls.ConnectionState) error {
		if len(c.PeerCertificates) != 1 {
			return errStranger
		}
		got, ok := c.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
		if !ok || subtle.ConstantTimeCompare(got, want) != 1 {
			return errStranger
		}
		return nil
	}
}

// serverTLS is how a sink talks to its clients. Sessions can't be resumed: each begins with the proof.
func (s Secret) serverTLS() (*tls.Config, error) {
	mine, theirs, err := s.keys()
	if err != nil {
		return nil, err
	}
	own, err := certificate(mine)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own}, SessionTicketsDisabled: true,
		ClientAuth: tls.RequireAnyClientCert, VerifyConnection: pinned(theirs.Public().(ed25519.PublicKey)),
	}, nil
}

// clientTLS is how a client talks to a sink.
func (s Secret) clientTLS() (*tls.Config, error) {
	theirs, mine, err := s.keys()
	if err != nil {
		return nil, err
	}
	own, err := certificate(mine)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own}, SessionTicketsDisabled: true,
		// Names and authorities play no part: the key does.
		InsecureSkipVerify: true, VerifyConnection: pinned(theirs.Public().(ed25519.PublicKey)),
	}, nil
}
