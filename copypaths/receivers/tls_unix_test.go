//go:build unix

package receivers

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
	"math"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"
)

// content is bytes that no compressor shortens.
func content(size int) []byte {
	b := make([]byte, size)
	_, _ = mathrand.NewChaCha8([32]byte{3}).Read(b) // never fails
	return b
}

// tlsReceivers are the receivers that decrypt.
func tlsReceivers() []Receiver {
	var all []Receiver
	for _, r := range Catalogue() {
		if r.TLS {
			all = append(all, r)
		}
	}
	return all
}

// serverConfig is that of an ordinary server with a new certificate.
func serverConfig(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}}
}

// encrypted opens r on a connection to an ordinary TLS server.
func encrypted(t testing.TB, r Receiver, buffer []byte, dedicated bool) (plain net.Conn, server *tls.Conn, taker Taker, socket int) {
	t.Helper()
	plain, file, err := loopback()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = plain.Close(), file.Close() })
	socket = int(file.Fd())
	server = tls.Server(plain, serverConfig(t))
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	taker, err = r.Open(End{Socket: socket, Buffer: buffer, TLS: true, Dedicated: dedicated})
	if err := errors.Join(err, <-shaken); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := taker.Close(); err != nil {
			t.Error(err)
		}
	})
	return plain, server, taker, socket
}

// TestTakeDecrypts has senders that end the connection with a close_notify and without, in writes of several sizes.
func TestTakeDecrypts(t *testing.T) {
	sent := content(1_000_003)
	for _, r := range tlsReceivers() {
		for _, write := range []int{1_000, 16 << 10, 100_000, len(sent)} {
			if testing.Short() && write != 100_000 {
				continue
			}
			for _, notify := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/write=%d/notify=%v", r.ID, write, notify), func(t *testing.T) {
					buffer := make([]byte, 10_000)
					plain, server, taker, _ := encrypted(t, r, buffer, false)
					wrote := make(chan error, 1)
					go func() {
						var err error
						for rest := sent; len(rest) > 0 && err == nil; rest = rest[min(write, len(rest)):] {
							_, err = server.Write(rest[:min(write, len(rest))])
						}
						if notify {
							err = errors.Join(err, server.CloseWrite())
						}
						wrote <- errors.Join(err, plain.Close())
					}()
					before := taker.Syscalls()["recvfrom"]
					at, calls := 0, 0
					for {
						limit := int64(math.MaxInt64)
						if calls%3 == 0 {
							limit = 1 + int64(calls)%7 // less than the buffer holds
						}
						calls++
						n, err := taker.Take(limit)
						if errors.Is(err, io.EOF) && n == 0 {
							break
						}
						if err != nil {
							t.Fatal(err)
						}
						if n < 1 || n > min(limit, int64(len(buffer))) || at+int(n) > len(sent) || !bytes.Equal(buffer[:n], sent[at:at+int(n)]) {
							t.Fatalf("took %d bytes at %d with a limit of %d that are not those that were sent", n, at, limit)
						}
						at += int(n)
					}
					if err := <-wrote; err != nil || at != len(sent) {
						t.Errorf("took %d bytes of %d, error of the sender %v", at, len(sent), err)
					}
					if n, err := taker.Take(1); n != 0 || !errors.Is(err, io.EOF) {
						t.Errorf("after the end: %d bytes, error %v", n, err)
					}
					want := ""
					if r.ID == "checksum" {
						want = fmt.Sprintf("%016x", xxhash.Sum64(sent))
					}
					if taker.Sum() != want {
						t.Errorf("checksum %q, want %q", taker.Sum(), want)
					}
					if n := taker.Syscalls()["recvfrom"] - before; n < 1 || n > int64(3*calls+10) {
						t.Errorf("%d recvfrom for %d takes", n, calls)
					}
					if s := taker.(Describer).Settings(); s["tls_version"] != "TLS 1.3" || !strings.HasPrefix(s["tls_cipher_suite"], "TLS_") {
						t.Errorf("settings %v", s)
					}
				})
			}
		}
	}
}

// TestTakeDecryptsRaw: by raw system calls, of bytes that are there already.
func TestTakeDecryptsRaw(t *testing.T) {
	sent := content(50_000)
	for _, r := range tlsReceivers() {
		buffer := make([]byte, len(sent))
		plain, server, taker, _ := encrypted(t, r, buffer, true)
		_, err := server.Write(sent)
		if err := errors.Join(err, plain.Close()); err != nil {
			t.Error(err)
		}
		at := 0
		for at < len(sent) {
			n, err := taker.Take(int64(len(sent)))
			if err != nil || !bytes.Equal(buffer[:n], sent[at:at+int(n)]) {
				t.Fatalf("%s: %d bytes at %d, error %v", r.ID, n, at, err)
			}
			at += int(n)
		}
	}
}

func TestOnlySomeDecrypt(t *testing.T) {
	sender, socket, err := loopback()
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	defer socket.Close()
	for _, r := range Catalogue() {
		if r.TLS {
			continue
		}
		taker, err := r.Open(End{Socket: int(socket.Fd()), Buffer: make([]byte, 10), Dir: t.TempDir(), FileBytes: 10, TLS: true})
		if taker != nil || err == nil || !strings.Contains(err.Error(), r.ID+": it can't decrypt TLS") {
			t.Errorf("open %s: error %v", r.ID, err)
		}
	}
}

// TestHandshakeFails: what a sender may do instead of its part of the handshake.
func TestHandshakeFails(t *testing.T) {
	reset := func(conn *net.TCPConn) error { return errors.Join(conn.SetLinger(0), conn.Close()) }
	for words, breaks := range map[string]func(*net.TCPConn) error{
		"connection reset by peer: the sender has gone": reset,
		"closed the connection before the handshake was done": func(conn *net.TCPConn) error {
			// What the receiver said is read, for otherwise closing would reset.
			_, err := conn.Read(make([]byte, 100_000))
			return errors.Join(err, conn.Close())
		},
		"what came is not TLS; its path must be one that encrypts": func(conn *net.TCPConn) error {
			_, err := conn.Write([]byte("the bytes of a file"))
			return err
		},
		"tls: ": func(conn *net.TCPConn) error { // a record, and garbage in it
			_, err := conn.Write(append([]byte{22, 3, 3, 0, 100}, make([]byte, 100)...))
			return err
		},
	} {
		for _, r := range tlsReceivers() {
			t.Run(r.ID+"/"+words, func(t *testing.T) {
				sender, socket, err := loopback()
				if err != nil {
					t.Fatal(err)
				}
				defer sender.Close()
				defer socket.Close()
				broken := make(chan error, 1)
				go func() {
					time.Sleep(20 * time.Millisecond) // so that the handshake has begun
					broken <- breaks(sender.(*net.TCPConn))
				}()
				_, err = r.Open(End{Socket: int(socket.Fd()), Buffer: make([]byte, 10), TLS: true})
				if err == nil || !strings.Contains(err.Error(), "open receiver: TLS handshake as the client: ") || !strings.Contains(err.Error(), words) {
					t.Errorf("error %v, want one that says %q", err, words)
				}
				if err := <-broken; err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestHandshakeEnds: a sender that says nothing is not waited for for ever, and the socket's own timeout stays as it was.
func TestHandshakeEnds(t *testing.T) {
	sender, socket, err := loopback()
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	defer socket.Close()
	_, err = openTLS(End{Socket: int(socket.Fd()), Buffer: make([]byte, 10), TLS: true}, nil, 100*time.Millisecond)
	if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "the sender did not do its part within 100ms") {
		t.Errorf("error %v", err)
	}
	v, err := unix.GetsockoptTimeval(int(socket.Fd()), unix.SOL_SOCKET, unix.SO_RCVTIMEO)
	if err != nil || v.Nano() != int64(time.Second) {
		t.Errorf("timeout of %v, error %v; want the second that it had", v, err)
	}
}

// TestTakeOfTLSFails: what a sender may do amid the stream. Each is said once more when it is asked for again.
func TestTakeOfTLSFails(t *testing.T) {
	write := func(b ...byte) func(*net.TCPConn) error {
		return func(conn *net.TCPConn) error {
			_, err := conn.Write(b)
			return errors.Join(err, conn.Close())
		}
	}
	for name, c := range map[string]struct {
		breaks func(*net.TCPConn) error
		is     error
		words  string
	}{
		"reset":               {func(conn *net.TCPConn) error { return errors.Join(conn.SetLinger(0), conn.Close()) }, unix.ECONNRESET, "recvfrom from socket: connection reset by peer: the sender has gone"},
		"end inside a record": {write(23, 3, 3, 0, 100, 1, 2, 3), io.ErrUnexpectedEOF, "in the middle of a TLS record"},
		"end inside a header": {write(23, 3, 3), io.ErrUnexpectedEOF, "in the middle of a TLS record"},
		"plain bytes":         {write([]byte("plain bytes of a file")...), nil, "decrypt what came from socket: tls: "},
		"a forged record":     {write(append([]byte{23, 3, 3, 0, 100}, make([]byte, 100)...)...), nil, "decrypt what came from socket: "},
	} {
		for _, r := range tlsReceivers() {
			t.Run(r.ID+"/"+name, func(t *testing.T) {
				plain, server, taker, _ := encrypted(t, r, make([]byte, 100), false)
				if _, err := server.Write([]byte("the first bytes")); err != nil {
					t.Fatal(err)
				}
				if n, err := taker.Take(100); n != 15 || err != nil {
					t.Fatalf("took %d bytes, error %v", n, err)
				}
				sum := taker.Sum()
				if err := c.breaks(plain.(*net.TCPConn)); err != nil {
					t.Error(err)
				}
				for range 2 {
					n, err := taker.Take(100)
					if n != 0 || err == nil || errors.Is(err, io.EOF) {
						t.Fatalf("took %d bytes, error %v", n, err)
					}
					if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.words) {
						t.Errorf("error %v, want %v and %q", err, c.is, c.words)
					}
				}
				if taker.Sum() != sum {
					t.Error("the checksum changed though nothing was taken")
				}
				for _, limit := range []int64{0, -1} {
					if n, err := taker.Take(limit); n != 0 || err == nil || !strings.Contains(err.Error(), "want at least 1") {
						t.Errorf("take %d: %d bytes, error %v", limit, n, err)
					}
				}
			})
		}
	}
}

// TestTakeOfTLSTimesOut: a socket with a timeout tells of a sender that stalls, and nothing of what it sends then is lost.
func TestTakeOfTLSTimesOut(t *testing.T) {
	for _, r := range tlsReceivers() {
		_, server, taker, socket := encrypted(t, r, make([]byte, 100), false)
		timeout := unix.NsecToTimeval(20e6)
		if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
			t.Fatal(err)
		}
		if n, err := taker.Take(100); n != 0 || !errors.Is(err, unix.EAGAIN) || !strings.Contains(err.Error(), "has a receive timeout") {
			t.Errorf("%s: %d bytes, error %v", r.ID, n, err)
		}
		if _, err := server.Write([]byte("late")); err != nil {
			t.Error(err)
		}
		if n, err := taker.Take(100); n != 4 || err != nil {
			t.Errorf("%s: %d bytes, error %v", r.ID, n, err)
		}
	}
}

// BenchmarkTLS takes what an ordinary server encrypts, 64 KiB an operation. What it says of allocations is of both ends, and
// the server makes none.
func BenchmarkTLS(b *testing.B) {
	const chunk = 64 << 10
	for _, r := range tlsReceivers() {
		b.Run(r.ID, func(b *testing.B) {
			_, server, taker, _ := encrypted(b, r, make([]byte, 256<<10), false)
			sent := content(chunk)
			wrote := make(chan error, 1)
			before := taker.Syscalls()["recvfrom"]
			b.SetBytes(chunk)
			b.ReportAllocs()
			b.ResetTimer()
			go func() {
				for range b.N {
					if _, err := server.Write(sent); err != nil {
						wrote <- err
						return
					}
				}
				wrote <- nil
			}()
			for left := int64(b.N) * chunk; left > 0; {
				n, err := taker.Take(left)
				if err != nil {
					b.Fatal(err)
				}
				left -= n
			}
			b.StopTimer()
			if err := <-wrote; err != nil {
				b.Error(err)
			}
			b.ReportMetric(float64(taker.Syscalls()["recvfrom"]-before)/float64(b.N), "recvfrom/op")
		})
	}
}
