//go:build amd64 || arm64

package copypaths

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
	"copylab/internal/kernel/syscalltrace"
)

// unhex reads a test vector.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestTrafficKeysOfRFC8448 has the server's secrets and keys of the trace of a simple handshake, RFC 8448, section 3.
func TestTrafficKeysOfRFC8448(t *testing.T) {
	for _, c := range []struct{ name, secret, key, iv string }{
		{"handshake", "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38", "3fce516009c21727d0f2e4e86ee403bc", "5d313eb2671276ee13000b30"},
		{"application", "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643", "9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984"},
	} {
		key, iv, err := trafficKey(unhex(t, c.secret), 16)
		if err != nil || hex.EncodeToString(key) != c.key || hex.EncodeToString(iv) != c.iv {
			t.Errorf("%s: key %x, iv %x, error %v; want %s and %s", c.name, key, iv, err, c.key, c.iv)
		}
	}
	secret := "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"
	info, err := cryptoInfo(tls.TLS_AES_128_GCM_SHA256, unhex(t, secret))
	version := hex.EncodeToString(binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(nil, 0x0304), 51))
	want := version + "dd83549aadf1e984" + "9f02283b6c9c07efc26bb9f2ac92e356" + "cf782b88" + "0000000000000000"
	if got := hex.EncodeToString(info); err != nil || got != want {
		t.Errorf("struct tls12_crypto_info_aes_gcm_128 %s, error %v; want %s", got, err, want)
	}
	info, err = cryptoInfo(tls.TLS_CHACHA20_POLY1305_SHA256, unhex(t, secret))
	if err != nil || len(info) != 4+12+32+0+8 || hex.EncodeToString(info[4:16]) != "cf782b88dd83549aadf1e984" {
		t.Errorf("struct tls12_crypto_info_chacha20_poly1305 %x, error %v", info, err)
	}
	if _, err := cryptoInfo(tls.TLS_AES_256_GCM_SHA384, unhex(t, secret)); err == nil || !strings.Contains(err.Error(), "TLS_AES_256_GCM_SHA384") {
		t.Errorf("a suite with another hash: %v", err)
	}
}

func TestTrafficSecretOfAKeyLog(t *testing.T) {
	log := "CLIENT_TRAFFIC_SECRET_0 00 0101\nSERVER_HANDSHAKE_TRAFFIC_SECRET 00 0202\nSERVER_TRAFFIC_SECRET_0 00 0a0b\n"
	if got, err := trafficSecret(log); err != nil || !bytes.Equal(got, []byte{10, 11}) {
		t.Errorf("secret %x, error %v", got, err)
	}
	for _, bad := range []string{"", "SERVER_TRAFFIC_SECRET_0 00\n", "SERVER_TRAFFIC_SECRET_0 00 xy\n", "CLIENT_TRAFFIC_SECRET_0 00 00\n"} {
		if got, err := trafficSecret(bad); err == nil {
			t.Errorf("key log %q: secret %x", bad, got)
		}
	}
}

// TestKeysAreTheConnectionsOwn does in Go what the kernel is to do: a record that is encrypted with the derived key, under the
// number 0, is the first that an ordinary client takes. It needs no kernel TLS.
func TestKeysAreTheConnectionsOwn(t *testing.T) {
	sender, receiver, err := connection(0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sender)
	to := newGoClient(t, receiver)
	var keyLog bytes.Buffer
	config, err := tlsServerConfig(&keyLog)
	if err != nil {
		t.Fatal(err)
	}
	server, err := shakeHands(Ends{Socket: sender}, config, time.Minute)
	if err := errors.Join(err, <-to.shaken); err != nil {
		t.Fatal(err)
	}
	if err := onlyHandshakeRecords(server.sent.Bytes()); err != nil {
		t.Error(err)
	}
	if suite := server.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skipf("this machine's Go chose %s, which the standard library offers nobody else", tls.CipherSuiteName(suite))
	}
	secret, err := trafficSecret(keyLog.String())
	if err != nil {
		t.Fatal(err)
	}
	key, iv, err := trafficKey(secret, 16)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("the first bytes under the application keys")
	header := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(message)+1+aead.Overhead()))
	record := aead.Seal(header, iv, append(bytes.Clone(message), 23), header) // nonce: iv xor 0
	if _, err := unix.Write(sender, record); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(message))
	if _, err := io.ReadFull(to.client, got); err != nil || !bytes.Equal(got, message) {
		t.Errorf("the client got %q, error %v", got, err)
	}
}

// TestTicketsWouldBeNoticed: a server that sends a record under its application keys is not one whose keys the kernel may get.
func TestTicketsWouldBeNoticed(t *testing.T) {
	sender, receiver, err := connection(0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sender)
	to := newGoClient(t, receiver)
	config, err := tlsServerConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	config.SessionTicketsDisabled = false
	server, err := shakeHands(Ends{Socket: sender}, config, time.Minute)
	if err := errors.Join(err, <-to.shaken); err != nil {
		t.Fatal(err)
	}
	if err := onlyHandshakeRecords(server.sent.Bytes()); err == nil || !strings.Contains(err.Error(), "sent 5 encrypted records, want 4") {
		t.Errorf("error %v", err)
	}
	for _, bad := range [][]byte{{}, {22}, {22, 3, 3, 0, 1}, {21, 3, 3, 0, 1, 0}, {23, 3, 3, 0, 0}} {
		if err := onlyHandshakeRecords(bad); err == nil {
			t.Errorf("no error for %x", bad)
		}
	}
}

// TestKernelWithoutTLS: the path says so before it sends anything, and what to do.
func TestKernelWithoutTLS(t *testing.T) {
	p, _ := Find(FromFile, "ktls-sendfile")
	status := p.Probe()
	if status.State == kernel.StateAvailable {
		t.Skip("this kernel has TLS")
	}
	if status.State != kernel.StateUnavailable || !strings.Contains(status.Reason, "modprobe tls") {
		t.Errorf("probe is %s: %s", status.State, status.Reason)
	}
	file, err := writePayload(t.TempDir(), []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	sender, receiver, err := connection(0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Open(Ends{File: file, FileSize: 7, Socket: sender, Chunk: 7})
	var unsupported *UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Why != status.Reason {
		t.Errorf("open: %v, want the probe's %s", err, status.Reason)
	}
	if err := unix.Close(sender); err != nil {
		t.Error(err)
	}
	if n, err := unix.Read(receiver, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("%d bytes were sent, error %v", n, err)
	}
	if err := unix.Close(receiver); err != nil {
		t.Error(err)
	}
}

// TestKTLSNeedsAFreshConnection: what the kernel refuses is an error that says why.
func TestKTLSNeedsAFreshConnection(t *testing.T) {
	p, _ := Find(FromFile, "ktls-sendfile")
	s, result := setUpTLS(t, p, payload(100, 51), 100, false, func(socket int) <-chan taken {
		return takeTLS("recv", socket, 100, math.MaxInt64)
	})
	if _, err := p.Open(s.ends); err == nil || !errors.Is(err, unix.EEXIST) || !strings.Contains(err.Error(), "already") {
		t.Errorf("open a second time: %v", err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if got := <-result; got.err != nil {
		t.Error(got.err)
	}
	sender, receiver, err := connection(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Shutdown(sender, unix.SHUT_WR), unix.Close(receiver)); err != nil {
		t.Error(err)
	}
	ends := s.ends
	ends.Socket = sender
	if _, err := p.Open(ends); err == nil || !errors.Is(err, unix.ENOTCONN) || !strings.Contains(err.Error(), "not established") {
		t.Errorf("open on a closed connection: %v", err)
	}
	if err := unix.Close(sender); err != nil {
		t.Error(err)
	}
}

// traceTLS runs in the child: it opens a path with TLS, and streams between the marks.
func traceTLS(task childTask) (answer tracedAnswer, err error) {
	runtime.LockOSThread()
	file, err := os.Open(task.File)
	if err != nil {
		return answer, err
	}
	p, found := Find(FromFile, task.ID)
	if !found {
		return answer, fmt.Errorf("there is no path %q", task.ID)
	}
	sender, receiver, err := connection(4 << 20) // large, so that few writes are cut short or have to wait
	if err != nil {
		return answer, err
	}
	result := takeTLS("recv", receiver, 256<<10, math.MaxInt64)
	s, err := openSending(p, file, task.FileSize, task.Chunk, sender, task.Dedicated)
	if err != nil {
		return answer, err
	}
	answer.File, answer.Socket = int(file.Fd()), sender
	latency := newHistogram()
	before := s.Syscalls()
	syscalltrace.Begin()
	answer.Operations, err = Stream(s, task.Start, task.Bytes, task.FileSize, task.Chunk, latency)
	syscalltrace.End()
	answer.Counted = countSince(before, s.Syscalls())
	if err := errors.Join(err, s.close()); err != nil {
		return answer, err
	}
	got := <-result
	answer.Taken = got.bytes
	return answer, got.err
}

func TestTLSPathMakesItsSyscallsAndNoOthers(t *testing.T) {
	for _, span := range []struct {
		name                                         string
		chunk, chunks, fileChunks, startChunk, seeks int64
	}{
		{"once through", 4 << 10, 64, 64, 0, 0},
		{"wraps", 4 << 10, 64, 40, 3, 2}, // to the start, and back to the beginning
		{"a record", 16 << 10, 20, 20, 0, 0},
		{"several rounds", 80 << 10, 10, 10, 0, 0}, // of 32 KiB, and one of 16
	} {
		if testing.Short() && span.seeks == 0 && span.chunk <= tlsBufferBytes {
			continue
		}
		chunk, chunks, payloadBytes := span.chunk, span.chunks, span.chunks*span.chunk
		file, err := writePayload(t.TempDir(), payload(int(span.fileChunks*chunk), 52))
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		for _, p := range tlsPaths() {
			for _, dedicated := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/dedicated=%v/%s", p.ID, dedicated, span.name), func(t *testing.T) {
					tlsAvailable(t, p)
					trace, answer := traced(t, childTask{
						Do: "trace tls", ID: p.ID, Dedicated: dedicated, Chunk: int(chunk), Bytes: payloadBytes,
						File: file.Name(), FileSize: span.fileChunks * chunk, Start: span.startChunk * chunk,
					})
					if answer.Operations != chunks || answer.Taken != payloadBytes {
						t.Errorf("%d operations, %d bytes arrived; want %d and %d", answer.Operations, answer.Taken, chunks, payloadBytes)
					}
					rounds := chunks * ((chunk + tlsBufferBytes - 1) / tlsBufferBytes)
					writes := chunks * ((chunk + tlsRecordBytes - 1) / tlsRecordBytes)
					want := map[string]int64{"read": rounds, "write": writes, "lseek": span.seeks}
					onTheWire := payloadBytes + writes*22 // header, type and tag
					if p.ID == "ktls-sendfile" {
						want = map[string]int64{"sendfile": chunks}
					}
					// A call that was cut short is made once more: that is exact too.
					moved := map[string]int64{}
					for _, c := range trace.Calls {
						if c.Thread != trace.Thread {
							if movesBytes(c.Name) && (int(c.Args[0]) == answer.File || int(c.Args[0]) == answer.Socket) {
								t.Errorf("thread %d made a %s%x, on the sender's descriptors", c.Thread, c.Name, c.Args)
							}
							continue
						}
						switch asked := int64(c.Args[2]); c.Name {
						case "read":
							if int(c.Args[0]) != answer.File {
								t.Errorf("read from descriptor %d, want the file %d", c.Args[0], answer.File)
							}
							moved["read"] += c.Return
							if c.Return < asked {
								want["read"]++
							}
						case "write":
							if int(c.Args[0]) != answer.Socket {
								t.Errorf("write to descriptor %d, want the socket %d", c.Args[0], answer.Socket)
							}
							moved["write"] += c.Return
							if c.Return < asked {
								want["write"]++
							}
						case "sendfile":
							if int(c.Args[0]) != answer.Socket || int(c.Args[1]) != answer.File {
								t.Errorf("sendfile from descriptor %d to %d, want from the file %d to the socket %d", c.Args[1], c.Args[0], answer.File, answer.Socket)
							}
							moved["sendfile"] += c.Return
							if c.Return < int64(c.Args[3]) {
								want["sendfile"]++
							}
						}
					}
					want = countSince(nil, want)
					if got := countPayload(trace); !maps.Equal(got, want) || !maps.Equal(answer.Counted, want) {
						t.Errorf("the kernel counted %v, the path %v; want %v", got, answer.Counted, want)
					}
					wantMoved := map[string]int64{"read": payloadBytes, "write": onTheWire}
					if p.ID == "ktls-sendfile" {
						wantMoved = map[string]int64{"sendfile": payloadBytes}
					}
					if !maps.Equal(moved, wantMoved) {
						t.Errorf("moved %v bytes, want %v", moved, wantMoved)
					}
				})
			}
		}
	}
}

// TestTLSGoesOnAfterSignals lets signals cut the system calls short, and checks that each path sends the rest.
func TestTLSGoesOnAfterSignals(t *testing.T) {
	const size, chunk = 4 << 20, 2 << 20
	content := payload(size, 53)
	for _, p := range tlsPaths() {
		t.Run(p.ID, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			s, result := setUpTLS(t, p, content, chunk, false, func(socket int) <-chan taken {
				return takeTLS("checksum", socket, 4<<10, math.MaxInt64)
			})
			thread, done, stopped := unix.Gettid(), make(chan struct{}), make(chan struct{})
			var signals atomic.Int64
			go func() {
				defer close(stopped)
				for {
					select {
					case <-done:
						return
					case <-time.After(200 * time.Microsecond):
						// The Go runtime takes SIGURG for a request to preempt, of which any number may come.
						_ = unix.Tgkill(unix.Getpid(), thread, unix.SIGURG)
						signals.Add(1)
					}
				}
			}()
			var bytes int64
			var err error
			for err == nil && signals.Load() < 20 {
				_, err = Stream(s, 0, size, size, chunk, newHistogram())
				bytes += size
			}
			close(done)
			<-stopped
			if err := errors.Join(err, s.close()); err != nil {
				t.Error(err)
			}
			if got, want := <-result, checksumOf(content, 0, bytes); got.err != nil || got.sum != want {
				t.Errorf("receiver got %d bytes of checksum %s, error %v; want %d of %s", got.bytes, got.sum, got.err, bytes, want)
			}
		})
	}
}
