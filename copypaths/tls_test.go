//go:build unix

package copypaths

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"copylab/copypaths/receivers"
	"copylab/internal/kernel"
	"copylab/internal/testenv"
)

// The tests here are those of the other paths for the ones with TLS, whose other end has to be opened at the same time, and a
// few that only they need.

func tlsPaths() []Path {
	var paths []Path
	for _, p := range Catalogue() {
		if p.TLS {
			paths = append(paths, p)
		}
	}
	return paths
}

// tlsAvailable skips a path that this machine does not have: kernel TLS is a module that is seldom loaded.
func tlsAvailable(t testing.TB, p Path) {
	t.Helper()
	status := p.Probe()
	testenv.Require(t, testenv.KTLS, p.ID != "ktls-sendfile" || status.State != kernel.StateUnavailable, "%s", status.Reason)
	if status.State != kernel.StateAvailable {
		t.Fatalf("path %s is %s: %s", p.ID, status.State, status.Reason)
	}
}

// takeTLS is take for a sender that encrypts.
func takeTLS(id string, socket, bufferBytes int, limit int64) <-chan taken {
	result := make(chan taken, 1)
	go func() {
		var got taken
		defer func() {
			got.err = errors.Join(got.err, unix.Close(socket))
			result <- got
		}()
		r, _ := receivers.Find(id)
		taker, err := r.Open(receivers.End{Socket: socket, Buffer: make([]byte, bufferBytes), TLS: true})
		if err != nil {
			got.err = err
			return
		}
		for got.bytes < limit {
			n, err := taker.Take(limit - got.bytes)
			got.bytes += n
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				got.err = errors.Join(err, taker.Close())
				return
			}
		}
		got.sum, got.syscalls = taker.Sum(), taker.Syscalls()
		got.err = taker.Close()
	}()
	return result
}

// setUpTLS opens p on a file of that content and a new connection, whose other end open is given.
func setUpTLS[T any](t testing.TB, p Path, content []byte, chunk int, dedicated bool, open func(socket int) T) (*sending, T) {
	t.Helper()
	tlsAvailable(t, p)
	file, err := writePayload(t.TempDir(), content)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	// Large buffers, so that what a test sends while nobody receives fits into them.
	sender, receiver, err := connection(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	other := open(receiver)
	s, err := openSending(p, file, int64(len(content)), chunk, sender, dedicated)
	if err != nil {
		t.Fatal(err)
	}
	return s, other
}

func TestTLSBytesArrive(t *testing.T) {
	for _, c := range []struct {
		chunk              int
		file, start, bytes int64
	}{
		{1, 777, 5, 2001},
		{511, 10_007, 3, 35_000},
		{4 << 10, 1<<20 + 1, 4096, 3 << 20},
		{16 << 10, 1 << 20, 0, 1 << 20},
		{16<<10 + 1, 300_001, 7, 1 << 20}, // a record and one byte
		{64 << 10, 300_001, 299_999, 2 << 20},
		{64 << 10, 5, 2, 1001},
		{100_000, 300_001, 0, 900_003}, // no multiple of the buffer
		{1 << 20, 3<<20 + 17, 123_457, 5 << 20},
	} {
		content := payload(int(c.file), 41)
		want := checksumOf(content, c.start, c.bytes)
		for _, p := range tlsPaths() {
			for _, receiver := range []string{"recv", "checksum"} {
				if testing.Short() && (receiver == "recv" || c.bytes > 2<<20) {
					continue // for machines on which a cipher is slow
				}
				t.Run(fmt.Sprintf("%s/%s/chunk=%d/file=%d/start=%d/bytes=%d", p.ID, receiver, c.chunk, c.file, c.start, c.bytes), func(t *testing.T) {
					s, result := setUpTLS(t, p, content, c.chunk, false, func(socket int) <-chan taken {
						return takeTLS(receiver, socket, 100_000, math.MaxInt64)
					})
					latency := newHistogram()
					operations, err := Stream(s, c.start, c.bytes, c.file, c.chunk, latency)
					if err := errors.Join(err, s.close()); err != nil {
						t.Error(err)
					}
					got := <-result
					if got.err != nil || got.bytes != c.bytes || receiver == "checksum" && got.sum != want || receiver == "recv" && got.sum != "" {
						t.Errorf("receiver got %d bytes of checksum %q, error %v; want %d of %s", got.bytes, got.sum, got.err, c.bytes, want)
					}
					if latency.TotalCount() != operations || operations < c.bytes/int64(c.chunk) {
						t.Errorf("%d operations, %d latencies, for %d bytes in chunks of %d", operations, latency.TotalCount(), c.bytes, c.chunk)
					}
				})
			}
		}
	}
}

// TestTLSDedicated checks that raw system calls move the same bytes. All of them fit into the socket's buffers: the receiver
// is in this process, so that no call may have to wait for it.
func TestTLSDedicated(t *testing.T) {
	const size, chunk, bytes = 50_007, 40_000, 120_000
	content := payload(size, 42)
	for _, p := range tlsPaths() {
		t.Run(p.ID, func(t *testing.T) {
			s, result := setUpTLS(t, p, content, chunk, true, func(socket int) <-chan taken {
				return takeTLS("checksum", socket, 64<<10, math.MaxInt64)
			})
			_, err := Stream(s, 777, bytes, size, chunk, newHistogram())
			if err := errors.Join(err, s.close()); err != nil {
				t.Error(err)
			}
			if got, want := <-result, checksumOf(content, 777, bytes); got.err != nil || got.sum != want {
				t.Errorf("receiver got %d bytes of checksum %s, error %v; want %d of %s", got.bytes, got.sum, got.err, bytes, want)
			}
		})
	}
}

// tapped keeps all that a connection brings.
type tapped struct {
	net.Conn
	seen bytes.Buffer
}

func (c *tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	_, _ = c.seen.Write(p[:n]) // never fails
	return n, err
}

// goClient is an ordinary TLS client on a Go connection.
type goClient struct {
	tap    tapped
	client *tls.Conn
	shaken chan error
}

func newGoClient(t testing.TB, socket int) *goClient {
	t.Helper()
	file := os.NewFile(uintptr(socket), "receiver")
	conn, err := net.FileConn(file)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	c := &goClient{tap: tapped{Conn: conn}, shaken: make(chan error, 1)}
	// A client with a cache lets servers send it session tickets.
	c.client = tls.Client(&c.tap, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, ClientSessionCache: tls.NewLRUClientSessionCache(1)})
	go func() { c.shaken <- c.client.Handshake() }()
	return c
}

// records splits what came into TLS records: their types, and what follows their headers.
func records(t *testing.T, wire []byte) (types []byte, bodies [][]byte) {
	t.Helper()
	for len(wire) > 0 {
		if len(wire) < 5 || wire[1] != 3 || wire[2] != 3 || len(wire) < 5+int(binary.BigEndian.Uint16(wire[3:])) {
			t.Fatalf("after %d records came %d bytes that are none: %x", len(types), len(wire), wire[:min(len(wire), 5)])
		}
		n := 5 + int(binary.BigEndian.Uint16(wire[3:]))
		types, bodies = append(types, wire[0]), append(bodies, wire[5:n])
		wire = wire[n:]
	}
	return types, bodies
}

// TestTLSOnTheWire looks at what an ordinary client of crypto/tls gets: nothing but records, none of which holds a piece of
// the file, and each as large as it may be.
func TestTLSOnTheWire(t *testing.T) {
	const size, chunk, overhead = 200_000, 64 << 10, 17 // a tag of 16 bytes, and the record's type
	content := payload(size, 43)
	for _, p := range tlsPaths() {
		t.Run(p.ID, func(t *testing.T) {
			s, to := setUpTLS(t, p, content, chunk, false, func(socket int) *goClient { return newGoClient(t, socket) })
			if err := <-to.shaken; err != nil {
				t.Fatal(err)
			}
			sent := make(chan error, 1)
			go func() {
				_, err := Stream(s, 0, size, size, chunk, newHistogram())
				sent <- errors.Join(err, s.close())
			}()
			got, err := io.ReadAll(to.client)
			if err := errors.Join(err, <-sent); err != nil || !bytes.Equal(got, content) {
				t.Errorf("the client got %d bytes, error %v; want the file's %d", len(got), err, size)
			}
			wire := to.tap.seen.Bytes()
			for off := 0; off+16 <= size; off += 1000 {
				if bytes.Contains(wire, content[off:off+16]) {
					t.Fatalf("the file's bytes at %d went over the wire as they are", off)
				}
			}
			types, bodies := records(t, wire)
			var payloads []int
			encrypted := 0
			for i, kind := range types {
				if kind != 23 {
					continue
				}
				if encrypted++; encrypted > 4 { // the handshake's
					payloads = append(payloads, len(bodies[i])-overhead)
				}
			}
			const whole = 16 << 10
			want := slices.Concat(slices.Repeat([]int{whole}, 12), []int{size - 12*whole})
			if !slices.Equal(payloads, want) {
				t.Errorf("records of %v bytes, want %v", payloads, want)
			}
			if state := to.client.ConnectionState(); state.Version != tls.VersionTLS13 {
				t.Errorf("the client speaks %s", tls.VersionName(state.Version))
			}
			settings := s.Mover.(Describer).Settings()
			if want := tls.CipherSuiteName(to.client.ConnectionState().CipherSuite); settings["tls_cipher_suite"] != want ||
				settings["tls_version"] != "TLS 1.3" || settings["tls_record_bytes"] != strconv.Itoa(whole) {
				t.Errorf("settings %v, want %s", settings, want)
			}
		})
	}
}

// handshakeFailures are the bad days of a handshake, by what the error must say.
func handshakeFailures() map[string]func(socket int) error {
	return map[string]func(socket int) error{
		"connection reset by peer: the receiver has gone": func(socket int) error {
			return unix.SetsockoptLinger(socket, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // closing resets
		},
		"the receiver closed the connection before the handshake was done": func(socket int) error {
			return unix.Shutdown(socket, unix.SHUT_WR)
		},
		"what came is not TLS; the receiver must be opened with TLS too": func(socket int) error {
			_, err := unix.Write(socket, []byte("GET / HTTP/1.0\r\n\r\n"))
			return err
		},
		"closed the connection before": func(socket int) error { // in the middle of a record
			_, err := unix.Write(socket, []byte{22, 3, 1, 2, 0, 1})
			return errors.Join(err, unix.Shutdown(socket, unix.SHUT_WR))
		},
		"tls: ": func(socket int) error { // a record, and garbage in it
			_, err := unix.Write(socket, append([]byte{22, 3, 1, 0, 100}, make([]byte, 100)...))
			return err
		},
	}
}

func TestTLSHandshakeFails(t *testing.T) {
	file, err := writePayload(t.TempDir(), []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range tlsPaths() {
		t.Run(p.ID, func(t *testing.T) {
			tlsAvailable(t, p)
			for words, breaks := range handshakeFailures() {
				sender, receiver, err := connection(0)
				if err != nil {
					t.Fatal(err)
				}
				broken := make(chan error, 1)
				resets := strings.HasPrefix(words, "connection reset")
				go func() {
					time.Sleep(20 * time.Millisecond) // so that the handshake has begun
					err := breaks(receiver)
					if resets {
						err = errors.Join(err, unix.Close(receiver))
					}
					broken <- err
				}()
				hangs := time.AfterFunc(time.Minute, func() { panic("Open hangs in " + t.Name()) })
				_, err = p.Open(Ends{File: file, FileSize: 7, Socket: sender, Chunk: 7, Buffer: make([]byte, 7)})
				hangs.Stop()
				switch {
				case err != nil && strings.Contains(err.Error(), "TLS handshake as the server") && strings.Contains(err.Error(), words):
				case p.ID == "ktls-sendfile" && errors.Is(err, unix.ENOTCONN) && strings.Contains(err.Error(), "not established"):
					// On a slow machine, it had not begun; the kernel takes TLS for connections only that both ends keep open.
				default:
					t.Errorf("error %v, want one that says %q", err, words)
				}
				if err := errors.Join(<-broken, unix.Close(sender)); err != nil {
					t.Error(err)
				}
				if !resets {
					if err := unix.Close(receiver); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// TestTLSHandshakeEnds: a receiver that says nothing, or only ever one byte more, is not waited for for ever, and neither is one
// that takes nothing.
func TestTLSHandshakeEnds(t *testing.T) {
	for name, tease := range map[string]func(ctx context.Context, socket int){
		"silent": func(context.Context, int) {},
		"slow": func(ctx context.Context, socket int) {
			for _, b := range []byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} {
				if _, err := unix.Write(socket, []byte{b}); err != nil || ctx.Err() != nil {
					return
				}
				time.Sleep(30 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			sender, receiver, err := connection(0)
			if err != nil {
				t.Fatal(err)
			}
			config, err := tlsServerConfig(nil)
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				tease(ctx, receiver)
			}()
			_, err = shakeHands(Ends{Socket: sender}, config, 200*time.Millisecond)
			wantError(t, err, []error{os.ErrDeadlineExceeded}, "the receiver did not do its part within 200ms")
			stop()
			<-stopped
			for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
				if v, err := unix.GetsockoptTimeval(sender, unix.SOL_SOCKET, option); err != nil || v.Nano() != 0 {
					t.Errorf("the socket is left with a timeout of %v, error %v", v, err)
				}
			}
			if err := errors.Join(unix.Close(sender), unix.Close(receiver)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTLSOpenLeavesNoTimeout(t *testing.T) {
	for _, p := range tlsPaths() {
		t.Run(p.ID, func(t *testing.T) {
			s, result := setUpTLS(t, p, payload(100, 44), 10, false, func(socket int) <-chan taken {
				return takeTLS("recv", socket, 100, math.MaxInt64)
			})
			for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
				if v, err := unix.GetsockoptTimeval(s.ends.Socket, unix.SOL_SOCKET, option); err != nil || v.Nano() != 0 {
					t.Errorf("timeout of %v, error %v", v, err)
				}
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got := <-result; got.err != nil || got.bytes != 0 {
				t.Errorf("receiver got %d bytes, error %v", got.bytes, got.err)
			}
		})
	}
}

func TestTLSReceiverGoes(t *testing.T) {
	for _, p := range tlsPaths() {
		for name, linger := range map[string]*unix.Linger{"closes": {}, "resets": {Onoff: 1}} {
			t.Run(p.ID+"/"+name, func(t *testing.T) {
				s, result := setUpTLS(t, p, payload(1<<20, 45), 64<<10, false, func(socket int) <-chan taken {
					if err := unix.SetsockoptLinger(socket, unix.SOL_SOCKET, unix.SO_LINGER, linger); err != nil {
						t.Error(err)
					}
					return takeTLS("recv", socket, 10_000, 100_000)
				})
				err := streamSoon(t, s, 1<<30)
				wantError(t, err, []error{unix.ECONNRESET, unix.EPIPE}, call(p)+" to socket", "the receiver has gone", "of 65536 bytes of this chunk were sent")
				if got := <-result; got.err != nil || got.bytes != 100_000 {
					t.Errorf("receiver got %d bytes, error %v", got.bytes, got.err)
				}
				// Kernel TLS may take a small record and tell only later that nobody is there (seen on 6.1).
				err = nil
				for range 100 {
					if err = s.Move(0, 10); err != nil {
						break
					}
				}
				if err == nil {
					t.Error("chunk after chunk was moved after that")
				}
				if err := s.close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestTLSFileCutShort(t *testing.T) {
	const size = 1 << 20
	content := payload(size, 46)
	for _, p := range tlsPaths() {
		t.Run(p.ID, func(t *testing.T) {
			s, result := setUpTLS(t, p, content, 64<<10, false, func(socket int) <-chan taken {
				return takeTLS("checksum", socket, 64<<10, math.MaxInt64)
			})
			if err := os.Truncate(s.ends.File.Name(), size/2); err != nil {
				t.Fatal(err)
			}
			wantError(t, streamSoon(t, s, size), []error{io.ErrUnexpectedEOF}, fileCall(p)+" from file", fmt.Sprintf("the file ends at offset %d", size/2))
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got, want := <-result, checksumOf(content, 0, size/2); got.err != nil || got.bytes != size/2 || got.sum != want {
				t.Errorf("receiver got %d bytes of checksum %s, error %v; want the %d that the file had", got.bytes, got.sum, got.err, size/2)
			}
		})
	}
}

func TestTLSSocketTrouble(t *testing.T) {
	for _, p := range tlsPaths() {
		for name, c := range map[string]struct {
			breaks func(s *sending) error
			want   []error
			words  string
		}{
			"shut down": {func(s *sending) error { return unix.Shutdown(s.ends.Socket, unix.SHUT_WR) }, []error{unix.EPIPE}, "the receiver has gone"},
			"closed": {func(s *sending) error {
				err := s.closeSocket()
				s.closeSocket = nil
				return err
			}, []error{unix.EBADF}, "was closed"},
			"not blocking": {func(s *sending) error { return unix.SetNonblock(s.ends.Socket, true) }, []error{unix.EAGAIN}, "not a blocking one"},
		} {
			t.Run(p.ID+"/"+name, func(t *testing.T) {
				s, to := setUpTLS(t, p, payload(1<<20, 47), 64<<10, false, func(socket int) *goClient { return newGoClient(t, socket) })
				if err := errors.Join(<-to.shaken, c.breaks(s)); err != nil {
					t.Fatal(err)
				}
				err := streamSoon(t, s, 1<<30)
				wantError(t, err, c.want, call(p)+" to socket", c.words)
				if name == "shut down" && p.ID == "tls" { // the kernel's TLS takes some more, which go nowhere, before it says so
					wantError(t, err, c.want, "; 0 of 65536 bytes")
				}
				if err := s.close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestTLSOpenRejectsBadEnds(t *testing.T) {
	file, err := writePayload(t.TempDir(), []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range tlsPaths() {
		t.Run(p.ID, func(t *testing.T) {
			tlsAvailable(t, p)
			for words, bad := range map[string]Ends{
				"no file":          {FileSize: 7, Chunk: 8, Buffer: make([]byte, 8)},
				"file of 0 bytes":  {File: file, Chunk: 8, Buffer: make([]byte, 8)},
				"chunk of 0 bytes": {File: file, FileSize: 7, Buffer: make([]byte, 8)},
				"descriptor":       {File: file, FileSize: 7, Chunk: 8, Buffer: make([]byte, 8), Socket: -1},
				"smaller than the": {File: file, FileSize: 7, Chunk: 9, Buffer: make([]byte, 8), Socket: -1},
			} {
				if words == "smaller than the" && p.ID != "tls" {
					continue // uses no buffer
				}
				if _, err := p.Open(bad); err == nil || !strings.Contains(err.Error(), words) {
					t.Errorf("open: error %v, want one that says %q", err, words)
				}
			}
		})
	}
}

// TestTLSServerRecordsTheHandshakeOnly holds what onlyHandshakeRecords rests on: the bytes that are recorded are those of the
// handshake alone.
func TestTLSServerRecordsTheHandshakeOnly(t *testing.T) {
	p, _ := Find(FromFile, "tls")
	s, to := setUpTLS(t, p, payload(100, 48), 100, false, func(socket int) *goClient { return newGoClient(t, socket) })
	if err := <-to.shaken; err != nil {
		t.Fatal(err)
	}
	server := s.Mover.(*tlsMover).server
	before := bytes.Clone(server.sent.Bytes())
	if err := s.Move(0, 100); err != nil {
		t.Error(err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(to.client); err != nil {
		t.Error(err)
	}
	if after := server.sent.Bytes(); !bytes.Equal(before, after) || !bytes.HasPrefix(to.tap.seen.Bytes(), after) || len(after) == 0 {
		t.Errorf("recorded %d bytes of a handshake, and %d after a chunk", len(before), len(after))
	}
}

// dropTLS makes the handshake as the client and then drops what comes as it is, without allocating anything. It tells how much.
func dropTLS(socket int) <-chan taken {
	result := make(chan taken, 1)
	go func() {
		var got taken
		raw := &kernel.SocketConn{Socket: socket}
		got.err = tls.Client(raw, &tls.Config{InsecureSkipVerify: true}).Handshake()
		buffer := make([]byte, 256<<10)
		for got.err == nil {
			var n int
			n, got.err = raw.Read(buffer)
			got.bytes += int64(n)
		}
		if got.err == io.EOF { //nolint:errorlint // a bare one
			got.err = nil
		}
		got.err = errors.Join(got.err, unix.Close(socket))
		result <- got
	}()
	return result
}

// TestTLSAllocatesNothing is about the sender alone, once its first chunks have filled the pool of crypto/tls.
func TestTLSAllocatesNothing(t *testing.T) {
	const size, chunk = 256 << 10, 64 << 10
	runs := 100
	if testing.Short() {
		runs = 10
	}
	for _, p := range tlsPaths() {
		t.Run(p.ID, func(t *testing.T) {
			defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it empties pools
			s, result := setUpTLS(t, p, payload(size, 49), chunk, false, dropTLS)
			latency := newHistogram()
			n := testing.AllocsPerRun(runs, func() {
				if _, err := Stream(s, 0, size, size, chunk, latency); err != nil {
					t.Error(err)
				}
			})
			// Under the race detector, a sync.Pool forgets at random a part of what it is given.
			if n != 0 && !raceDetector() {
				t.Errorf("%v allocations per run of %d operations, want none", n, size/chunk)
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got := <-result; got.err != nil || got.bytes < int64(runs)*size {
				t.Errorf("%d bytes arrived, error %v", got.bytes, got.err)
			}
		})
	}
}

// raceDetector tells whether this test binary was built with it.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// BenchmarkTLS streams a warm file through each path with TLS to an end in the same process that drops the records without
// decrypting them. What it says of allocations is the sender's.
func BenchmarkTLS(b *testing.B) {
	const fileSize = 16 << 20
	content := payload(fileSize, 50)
	for _, p := range tlsPaths() {
		for _, chunk := range []int{4 << 10, 64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%dKiB", p.ID, chunk>>10), func(b *testing.B) {
				s, result := setUpTLS(b, p, content, chunk, false, dropTLS)
				latency := newHistogram()
				b.SetBytes(int64(chunk))
				b.ReportAllocs()
				b.ResetTimer()
				_, err := Stream(s, 0, int64(b.N)*int64(chunk), fileSize, chunk, latency)
				b.StopTimer()
				if err := errors.Join(err, s.close(), (<-result).err); err != nil {
					b.Error(err)
				}
			})
		}
	}
}
