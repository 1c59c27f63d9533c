//go:build unix

package sink

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"copylab/internal/kernel"
	"copylab/scenarios/worker"
)

func TestTrials(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			if l, err := net.Listen("tcp", address); err != nil {
				t.Skip(err) // no IPv6
			} else {
				l.Close()
			}
			k := startSink(t, defaultTimes(), func(o *Options) { o.Address = address })
			for range 2 { // one run after another
				s := dial(t, k.Address(), good)
				for _, streams := range []int{1, 3} {
					pair := move(t, s, streams)
					for name, side := range map[string]*worker.Result{"sender": pair.Sender, "receiver": pair.Receiver} {
						if cpu, ok := side.Side.CPUNS().Get(); !ok || cpu <= 0 {
							t.Errorf("%s: CPU time %v", name, side.Side.CPUNS())
						}
					}
					if _, ok := pair.Receiver.Machine.TotalNS.Get(); !ok && runtime.GOOS == "linux" {
						t.Errorf("the sink's machine was busy for %v of %v", pair.Receiver.Machine.BusyNS, pair.Receiver.Machine.TotalNS)
					}
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			eventually(t, func() bool { return strings.Count(k.log.String(), "session ended after 2 trials\n") == 2 }, func() string { return "ended both sessions" })
			if strings.Contains(k.log.String(), "dropped") {
				t.Error("an honest client was dropped")
			}
		})
	}
}

func TestFetch(t *testing.T) {
	const size, requests = 1<<20 + 100, 300
	file, _ := payload(t, size)
	k := startSink(t, defaultTimes(), nil)
	s := dial(t, k.Address(), good)
	send, receive := sides(file, size, 2, 0)
	send.Fetch, send.ChunkBytes = true, 4096
	receive.Fetch, receive.Requests, receive.ChunkBytes = true, requests, 4096
	pair, err := launcherForTest().Transfer(t.Context(), send, receive, worker.Placement{Receive: s.Receive})
	if err != nil {
		t.Fatal(err)
	}
	if n := pair.Receiver.Latency["fetch"].TotalCount(); n != requests || pair.Sender.Operations != requests {
		t.Errorf("%d latencies came back, %d requests were answered, want %d", n, pair.Sender.Operations, requests)
	}
}

func TestWelcome(t *testing.T) {
	k := startSink(t, defaultTimes(), nil)
	s := dial(t, k.Address(), good)
	if s.Host().OS != runtime.GOOS || s.Host().CPU.LogicalCores < 1 || s.Tool() != tool || s.Address() != k.Address() {
		t.Errorf("host %+v, tool %+v, address %s", s.Host(), s.Tool(), s.Address())
	}
	if s.Limits() != k.limits || s.Limits().TrialSeconds != 900 {
		t.Errorf("limits %+v", s.Limits())
	}
	if got := s.Receiver("checksum"); got.State != kernel.StateAvailable {
		t.Errorf("checksum: %+v", got)
	}
	if got := s.Receiver("file"); got.State != kernel.StateUnavailable || !strings.Contains(got.Reason, "--dir") {
		t.Errorf("file: %+v", got)
	}
	if got := s.Receiver("teleport"); got.State != kernel.StateUnavailable {
		t.Errorf("a receiver that nobody knows: %+v", got)
	}
}

// A receiver that writes a file does so where the sink's owner wants it, and nowhere without his leave.
func TestFileReceiver(t *testing.T) {
	const size = 1 << 20
	file, _ := payload(t, size)
	send, receive := sides(file, size, 2, 2*size)
	receive.Receiver, receive.Dir = "file", "/nowhere" // the client's own idea of a folder does not get through
	t.Run("without a folder", func(t *testing.T) {
		k := startSink(t, defaultTimes(), nil)
		s := dial(t, k.Address(), good)
		_, err := launcherForTest().Transfer(t.Context(), send, receive, worker.Placement{Receive: s.Receive})
		if err == nil || !strings.Contains(err.Error(), "--dir") {
			t.Errorf("error %v", err)
		}
		move(t, s, 1) // the session goes on
	})
	t.Run("with a folder", func(t *testing.T) {
		dir := t.TempDir()
		k := startSink(t, defaultTimes(), func(o *Options) { o.Dir = dir })
		s := dial(t, k.Address(), good)
		if s.Host().Disk.Folder == "" {
			t.Error("nothing is told of the disk")
		}
		pair, err := launcherForTest().Transfer(t.Context(), send, receive, worker.Placement{Receive: s.Receive})
		if err != nil {
			t.Fatal(err)
		}
		if pair.Receiver.Side.Syscalls["write"] == 0 {
			t.Errorf("nothing was written: %v", pair.Receiver.Side.Syscalls)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		much := *receive
		much.FileBytes = 1 << 49
		p, err := s.Receive(t.Context(), much)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Await(worker.EventListening); err == nil || !strings.Contains(err.Error(), "make room") {
			t.Errorf("a file of 2^49 bytes: %v", err)
		}
		p.Kill()
	})
}

// Everything that a trial has to connect is connected before its clock starts, and so a remote trial costs no set-up that a local
// one doesn't.
func TestConnectionsComeBeforeTheClock(t *testing.T) {
	const streams = 5
	k := startSink(t, defaultTimes(), nil)
	s := dial(t, k.Address(), good)
	file, content := payload(t, 1<<20)
	send, receive := sides(file, 1<<20, streams, 3<<20)
	watched := &watchedPeer{}
	pair, err := launcherForTest().Transfer(t.Context(), send, receive, worker.Placement{Receive: func(ctx context.Context, r worker.Receive) (worker.Peer, error) {
		p, err := s.Receive(ctx, r)
		watched.Peer, watched.beforeGo = p, func() (left int) {
			k.mu.Lock()
			defer k.mu.Unlock()
			if len(k.trials) != 1 {
				return -1
			}
			return k.trials[0].left
		}
		return watched, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !watched.gone || watched.left != 0 {
		t.Errorf("told to go: %v; %d of %d connections were still to come then", watched.gone, watched.left, streams)
	}
	if strings.Contains(k.log.String(), "dropped") { // as one that came later would have been
		t.Error("there were more connections")
	}
	wantSums(t, content, send, pair.Receiver.Sums)
}

type watchedPeer struct {
	worker.Peer
	beforeGo func() int
	gone     bool
	left     int
}

func (w *watchedPeer) Go() error {
	w.gone, w.left = true, w.beforeGo()
	return w.Peer.Go()
}

func TestSecrets(t *testing.T) {
	for _, c := range []struct {
		name         string
		ours, theirs Secret
		want         string
	}{
		{"the same", good, good, ""},
		{"none at all", Secret{rounds: 1}, Secret{rounds: 1}, ""},
		{"two", other, good, "another secret"},
		{"only the client has one", good, Secret{rounds: 1}, "another secret"},
		{"only the sink has one", Secret{rounds: 1}, good, "it has a secret: give the same one with --secret-file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := startSink(t, defaultTimes(), func(o *Options) { o.Secret = c.theirs })
			s, err := Dial(t.Context(), k.Address(), c.ours, tool)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				move(t, s, 1)
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if usage := (*UsageError)(nil); !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one that says %q", err, c.want)
			}
			k.log.await(t, "another secret")
			for _, said := range []string{err.Error(), k.log.String()} {
				if strings.Contains(said, string(good.text)) || strings.Contains(said, string(other.text)) {
					t.Errorf("this tells a secret: %s", said)
				}
			}
		})
	}
}

// What a client makes of the sink's key is its own affair. The sink looks at the client's.
func TestSinkProvesItsClients(t *testing.T) {
	ofSink, _, err := good.keys()
	if err != nil {
		t.Fatal(err)
	}
	_, random, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		keys []ed25519.PrivateKey
		most uint16
		want string
	}{
		{name: "no key", want: "certificate"},
		{name: "a key of its own", keys: []ed25519.PrivateKey{random}, want: "another secret"},
		{name: "the sink's own key", keys: []ed25519.PrivateKey{ofSink}, want: "another secret"},
		{name: "an old TLS", keys: []ed25519.PrivateKey{random}, most: tls.VersionTLS12, want: "version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := startSink(t, defaultTimes(), nil)
			config := &tls.Config{InsecureSkipVerify: true, MaxVersion: c.most}
			for _, key := range c.keys {
				own, err := certificate(key)
				if err != nil {
					t.Fatal(err)
				}
				config.Certificates = append(config.Certificates, own)
			}
			conn, err := tls.Dial("tcp", k.Address(), config)
			if err == nil { // as far as the client is concerned, the handshake is over
				defer conn.Close()
				_ = writeLine(conn, hello{Protocol: protocol, Version: Version}, requestBytes)
				if text, err := io.ReadAll(conn); err == nil || len(text) > 0 {
					t.Errorf("the sink says %q", text)
				}
			}
			k.log.await(t, c.want)
			if strings.Contains(k.log.String(), "session begins") {
				t.Error("the sink has let it in")
			}
			works(t, k.Address())
		})
	}
}

func TestListenWants(t *testing.T) {
	for _, c := range []struct {
		address string
		secret  Secret
		want    string // in the error; empty: none
	}{
		{address: "127.0.0.1:0"},
		{address: "localhost:0"},
		{address: "0.0.0.0:0", secret: good},
		{address: ":0", secret: good},
		{address: "0.0.0.0:0", want: "that is not loopback, so others can connect: a secret is needed"},
		{address: ":0", want: "a secret is needed"},
		{address: "[::]:0", want: "a secret is needed"},
		{address: "192.0.2.1", want: "head -c 24 /dev/urandom | base64"},
		{address: "192.0.2.1:1", secret: good, want: "choose another address or port with --listen"},
		{address: "1:2:3:4", want: "want HOST:PORT"},
		{address: "", want: "want HOST:PORT"},
		{address: "127.0.0.1:65536", want: "want a port from 0 to 65535"},
		{address: "127.0.0.1:http", want: "want a port"},
	} {
		secret := c.secret
		secret.rounds = 1
		s, err := Listen(Options{Address: c.address, Secret: secret, Sessions: 1, Log: func(string) {}})
		if err == nil {
			stopped, stop := context.WithCancel(t.Context())
			stop()
			if err := s.Serve(stopped); !errors.Is(err, context.Canceled) {
				t.Errorf("%q: serve: %v", c.address, err)
			}
		}
		usage := (*UsageError)(nil)
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: error %v, want %q", c.address, err, c.want)
		}
	}
	if _, err := Listen(Options{Address: "127.0.0.1:0"}); err == nil {
		t.Error("it may have no session at all, and listens")
	}
}

// recorder passes connections on to a sink and keeps what clients say. On demand it loses control connections, and lets data
// connections hang.
type recorder struct {
	net.Listener
	to string

	mu     sync.Mutex
	said   [][]byte // by connection, in the order in which they came
	conns  []net.Conn
	hangs  bool
	all    sync.WaitGroup
	closed bool
}

func record(t *testing.T, to string) *recorder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{Listener: l, to: to}
	r.all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			r.mu.Lock()
			i := len(r.said)
			r.said, r.conns = append(r.said, nil), append(r.conns, in, out)
			if r.closed {
				in.Close()
				out.Close()
			}
			r.mu.Unlock()
			r.all.Go(func() { r.pass(out, in, i) })
			r.all.Go(func() { r.pass(in, out, -1) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		r.closed = true
		for _, c := range r.conns {
			c.Close()
		}
		r.mu.Unlock()
		r.all.Wait()
	})
	return r
}

func (r *recorder) pass(to, from net.Conn, i int) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		r.mu.Lock()
		if i >= 0 {
			r.said[i] = append(r.said[i], buffer[:n]...)
		}
		hangs := r.hangs
		r.mu.Unlock()
		if hangs {
			return
		}
		_, werr := to.Write(buffer[:n])
		if err != nil || werr != nil {
			from.Close()
			to.Close()
			return
		}
	}
}

// A recorded session, said again word for word, opens nothing: neither its control connection nor its data connections.
func TestReplay(t *testing.T) {
	k := startSink(t, defaultTimes(), nil)
	r := record(t, k.Address())
	s := dial(t, r.Addr().String(), good)
	move(t, s, 2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	k.log.await(t, "session ended after 1 trials")
	r.mu.Lock()
	said := r.said
	r.mu.Unlock()
	if len(said) != 3 {
		t.Fatalf("%d connections, want one for control and two for data", len(said))
	}
	for i, bytes := range said {
		conn, err := net.Dial("tcp", k.Address())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(bytes[:min(len(bytes), 64<<10)]) // the sink may close before it has read all
		wantClosed(t, conn)
		conn.Close()
		want := "a token of no trial that is going on"
		if i == 0 {
			want = "bad record MAC"
		}
		k.log.await(t, want)
	}
	if n := strings.Count(k.log.String(), "session begins"); n != 1 {
		t.Errorf("%d sessions, want one", n)
	}
	works(t, k.Address())
}

func TestTokens(t *testing.T) {
	// send opens a data connection from an address of this host.
	send := func(t *testing.T, address, from string, header []byte) net.Conn {
		t.Helper()
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", address)
		if err != nil {
			if from != "127.0.0.1" && runtime.GOOS != "linux" {
				t.Skip(err) // elsewhere loopback is one address
			}
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := conn.Write(header); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	setUp := func(t *testing.T, streams int) (sinkForTest, raw, []byte) {
		k := startSink(t, defaultTimes(), nil)
		c := dialRaw(t, k.Address())
		return k, c, c.listenFor(aJob(streams))
	}
	t.Run("wrong", func(t *testing.T) {
		k, _, header := setUp(t, 1)
		header[len(header)-1] ^= 1
		wantClosed(t, send(t, k.Address(), "127.0.0.1", header))
		k.log.await(t, "a token of no trial")
	})
	t.Run("of another host", func(t *testing.T) {
		k, _, header := setUp(t, 1)
		wantClosed(t, send(t, k.Address(), "127.0.0.2", header))
		k.log.await(t, "the token of 127.0.0.1")
		k.mu.Lock()
		left := k.trials[0].left
		k.mu.Unlock()
		if left != 1 {
			t.Errorf("the stranger's connection counts: %d of 1 may still come", left)
		}
	})
	t.Run("once too often", func(t *testing.T) {
		k, _, header := setUp(t, 1)
		first := send(t, k.Address(), "127.0.0.1", header)
		eventually(t, func() bool { k.mu.Lock(); defer k.mu.Unlock(); return k.trials[0].left == 0 }, func() string { return "took the first" })
		wantClosed(t, send(t, k.Address(), "127.0.0.1", header))
		k.log.await(t, "more than its trial has streams")
		// The first is none the worse for it: the worker takes its ramp.
		if _, err := first.Write(make([]byte, 4)); err != nil {
			t.Error(err)
		}
	})
	t.Run("expired", func(t *testing.T) {
		k, c, header := setUp(t, 1)
		c.say(request{Event: eventKill})
		if got := c.hear(); got.Event != worker.EventFailed || !strings.Contains(got.Error, "ended by its client") {
			t.Errorf("the sink says %+v", got)
		}
		wantClosed(t, send(t, k.Address(), "127.0.0.1", header))
		k.log.await(t, "a token of no trial")
	})
	t.Run("of the trial before", func(t *testing.T) {
		k, c, header := setUp(t, 1)
		c.say(request{Event: eventKill})
		c.hear()
		second := c.listenFor(aJob(1))
		if bytes.Equal(header, second) {
			t.Error("both trials have one token")
		}
		wantClosed(t, send(t, k.Address(), "127.0.0.1", header))
		k.log.await(t, "a token of no trial")
	})
}

// Clients that never get as far as a session are dropped, each with a line in the log, and the sink goes on.
func TestBadClients(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*testing.T, net.Conn)
		want string
	}{
		{"silent", func(*testing.T, net.Conn) {}, "too slow"},
		{"silent in its header", func(_ *testing.T, c net.Conn) { _, _ = c.Write([]byte(worker.DataMagic + "abc")) }, "too slow"},
		{"silent in its handshake", func(_ *testing.T, c net.Conn) { _, _ = c.Write([]byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3}) }, "too slow"},
		{"slow", func(_ *testing.T, c net.Conn) { drip(c, clientHello(t)) }, "too slow"},
		{"slow with its token", func(_ *testing.T, c net.Conn) {
			drip(c, []byte(worker.DataMagic+strings.Repeat("x", worker.TokenBytes)))
		}, "too slow"},
		{"garbage", func(_ *testing.T, c net.Conn) { _, _ = c.Write(bytes.Repeat([]byte{0xff, 0, '\n'}, 1000)) }, `it begins with "\xff\x00\n`},
		{"a browser", func(_ *testing.T, c net.Conn) { _, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")) }, `it begins with "GET / HT"`},
		{"garbage in TLS's clothes", func(_ *testing.T, c net.Conn) {
			_, _ = c.Write(append([]byte{22, 3, 1, 0xff, 0xff}, make([]byte, 70000)...))
		}, "oversized record"},
		{"half open", func(_ *testing.T, c net.Conn) {
			_, _ = c.Write([]byte(worker.DataMagic))
			_ = c.(*net.TCPConn).CloseWrite()
		}, "read 0 bytes of a token of 32"},
		{"closed at once", func(_ *testing.T, c net.Conn) { c.Close() }, "read 0 bytes of its first 8"},
		{"reset", func(_ *testing.T, c net.Conn) {
			_, _ = c.Write([]byte("cop"))
			_ = c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}, "bytes of its first 8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bounds := short()
			bounds.idle, bounds.trial = patience, patience // for the good client
			k := startSink(t, bounds, nil)
			conn, err := net.Dial("tcp", k.Address())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			c.do(t, conn)
			k.log.await(t, c.want)
			wantClosed(t, conn)
			if n := strings.Count(k.log.String(), "dropped"); n != 1 {
				t.Errorf("%d lines on one client", n)
			}
		})
	}
}

// drip sends a byte now and then, for ever. It is never late by itself: only all of it together is.
func drip(c net.Conn, text []byte) {
	go func() {
		for i := 0; ; i = (i + 1) % len(text) {
			if _, err := c.Write(text[i : i+1]); err != nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
}

// clientHello is the first message of a TLS client.
func clientHello(t *testing.T) []byte {
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() {
		conn := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true})
		_ = conn.HandshakeContext(t.Context())
		theirs.Close()
	}()
	text := make([]byte, 16<<10)
	n, err := ours.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	return text[:n]
}

// Clients that know the secret and then break the rules lose their session. Those that ask for too much only hear why not.
func TestBadSessions(t *testing.T) {
	for _, c := range []struct {
		name, say, want string
	}{
		{"an oversized line", strings.Repeat("x", requestBytes+1) + "\n", "too long"},
		{"an oversized line without an end", `{"event":"` + strings.Repeat("x", 2*requestBytes), "too long"},
		{"no JSON", "hello\n", "read request"},
		{"nothing in it", "{}\n", "want a job or one of go, kill and ping"},
		{"an empty line", "\n", "read request"},
		{"two values", `{"event":"ping"} {"event":"ping"}` + "\n", "more than one value"},
		{"a field that it must not set", `{"receive":{"receiver":"recv","dir":"/etc"}}` + "\n", `unknown field \"dir\"`},
		{"another", `{"receive":{"receiver":"recv","cpu":1}}` + "\n", `unknown field \"cpu\"`},
		{"a number that is none", `{"receive":{"receiver":"recv","streams":1e99}}` + "\n", "read request"},
		{"go out of turn", `{"event":"go"}` + "\n", "it says go, and there is no trial"},
		{"an event of the sink's", `{"event":"done"}` + "\n", "want a job or"},
		{"deep JSON", strings.Repeat("[", 60000) + "\n", "read request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := startSink(t, defaultTimes(), nil)
			r := dialRaw(t, k.Address())
			r.mutter(c.say)
			r.wantClosed()
			k.log.await(t, strings.ReplaceAll(c.want, `\"`, `"`))
			if line, _, _ := strings.Cut(k.log.String(), "session ended"); len(line) > 2000 {
				t.Error("the log repeats what it was told")
			}
		})
	}
	for _, c := range []struct {
		name  string
		hello string
		want  string
	}{
		{"another protocol", `{"protocol":"ssh","version":1}` + "\n", `protocol "ssh"`},
		{"no version", `{"protocol":"copylab sink"}` + "\n", "version 0, want 1 or more"},
		{"no JSON", "hello\n", "read first line"},
		{"an oversized line", strings.Repeat("x", 2*requestBytes), "too long"},
		{"a long word", `{"protocol":"copylab sink","version":1,"tool":{"version":"` + strings.Repeat("v", 300) + `"}}` + "\n", "longer than 256"},
		{"nothing", "", "too slow"},
		{"half a line", `{"protocol"`, "too slow"},
	} {
		t.Run("first line: "+c.name, func(t *testing.T) {
			t.Parallel()
			k := startSink(t, short(), nil)
			r := connectRaw(t, k.Address())
			r.mutter(c.hello)
			r.wantClosed()
			k.log.await(t, c.want)
		})
	}
	for _, c := range []struct{ name, say, want string }{
		{"silent", "", "silent for"},
		{"slow", `{"event":`, "closed network connection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := startSink(t, short(), nil)
			r := dialRaw(t, k.Address())
			r.mutter(c.say)
			r.wantClosed()
			k.log.await(t, c.want)
		})
	}
	t.Run("asks for too much", func(t *testing.T) {
		t.Parallel()
		k := startSink(t, defaultTimes(), nil)
		r := dialRaw(t, k.Address())
		for _, c := range tooMuch() {
			r.say(request{Receive: &c.job})
			if got := r.hear(); got.Event != worker.EventFailed || !strings.Contains(got.Error, c.want) {
				t.Errorf("%+v: the sink says %+v, want %q", c.job, got, c.want)
			}
		}
		r.listenFor(aJob(1)) // and the session goes on
		r.say(request{Receive: &job{Receiver: "recv"}})
		r.wantClosed()
		k.log.await(t, "a job or a go out of turn")
	})
}

// Nothing is left of a client that goes in mid-trial, whatever it was doing, and the next is served.
func TestClientGone(t *testing.T) {
	k := startSink(t, defaultTimes(), nil)
	for gone, connections := range []int{0, 1} {
		r := dialRaw(t, k.Address())
		header := r.listenFor(aJob(2))
		for range connections {
			conn, err := net.Dial("tcp", k.Address())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write(header); err != nil {
				t.Fatal(err)
			}
		}
		k.mu.Lock()
		pid := k.trials[0].process.PID()
		k.mu.Unlock()
		r.conn.NetConn().Close()
		eventually(t, func() bool { return strings.Count(k.log.String(), "the client has closed in mid-trial") > gone }, func() string { return "noticed" })
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("its worker is still there: %v", err)
		}
		eventually(t, func() bool { k.mu.Lock(); defer k.mu.Unlock(); return len(k.sessions) == 0 }, func() string { return "ended the session" })
		works(t, k.Address())
	}
}

// A client process that is killed in mid-trial takes its receiver with it.
func TestClientKilled(t *testing.T) {
	k := startSink(t, defaultTimes(), nil)
	file, _ := payload(t, 1<<20)
	send, receive := sides(file, 1<<20, 2, 1<<45)
	cmd, _ := process(t, "client", clientSettings{k.Address(), send, *receive})
	eventually(t, func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return len(k.trials) == 1 && k.trials[0].left == 0
	}, func() string { return "had a trial" })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	k.log.await(t, "session ended after 1 trials: the client has closed in mid-trial")
	works(t, k.Address())
}

// A sink that is killed in mid-trial fails the trial, with a word on why, and every one that follows, at once.
func TestSinkKilled(t *testing.T) {
	cmd, out := process(t, "sink", sinkSettings{"127.0.0.1:0"})
	s := dial(t, printed(t, out), good)
	move(t, s, 1)
	file, _ := payload(t, 1<<20)
	send, receive := sides(file, 1<<20, 2, 1<<45)
	time.AfterFunc(200*time.Millisecond, func() { _ = cmd.Process.Kill() })
	_, err := launcherForTest().Transfer(t.Context(), send, receive, worker.Placement{Receive: s.Receive})
	if err == nil || !strings.Contains(err.Error(), "the sink at "+s.Address()+" closed the connection") {
		t.Fatalf("error %v", err)
	}
	_, again := launcherForTest().Transfer(t.Context(), send, receive, worker.Placement{Receive: s.Receive})
	if again == nil || !strings.Contains(err.Error(), again.Error()) {
		t.Errorf("the next trial: %v; the first: %v", again, err)
	}
}

// A sink's machine that vanishes says nothing. The session notices, and the sender, which would wait for a quarter of an hour, is
// ended with it.
func TestSinkVanishes(t *testing.T) {
	k := startSink(t, defaultTimes(), nil)
	r := record(t, k.Address())
	s := dial(t, r.Addr().String(), good)
	file, _ := payload(t, 1<<20)
	send, receive := sides(file, 1<<20, 1, 1<<45)
	go func() {
		for connected := false; !connected; time.Sleep(time.Millisecond) {
			r.mu.Lock()
			connected = len(r.said) == 2 && len(r.said[1]) > 16<<20
			r.hangs = connected
			r.mu.Unlock()
		}
		s.lost(syscall.ETIMEDOUT) // what the keep-alive finds out in the end
	}()
	_, err := launcherForTest().Transfer(t.Context(), send, receive, worker.Placement{Receive: s.Receive})
	if !errors.Is(err, syscall.ETIMEDOUT) || !strings.Contains(err.Error(), "broke in mid-trial") {
		t.Errorf("error %v", err)
	}
}

// A trial that does not end by itself is ended.
func TestStall(t *testing.T) {
	t.Run("the sink's bound", func(t *testing.T) {
		t.Parallel()
		bounds := defaultTimes()
		bounds.trial = 1500 * time.Millisecond
		k := startSink(t, bounds, nil)
		r := dialRaw(t, k.Address())
		r.listenFor(aJob(1))
		if got := r.hear(); got.Event != worker.EventFailed || !strings.Contains(got.Error, "the trial was not over after 1.5s") {
			t.Errorf("the sink says %+v", got)
		}
		r.listenFor(aJob(1)) // the session goes on
	})
	t.Run("the client's bound", func(t *testing.T) {
		t.Parallel()
		k := startSink(t, defaultTimes(), nil)
		r := dialRaw(t, k.Address())
		j := aJob(1)
		r.say(request{Receive: &j, LimitSeconds: 1})
		r.hear()
		if got := r.hear(); got.Event != worker.EventFailed || !strings.Contains(got.Error, "the trial was not over after 1s") {
			t.Errorf("the sink says %+v", got)
		}
	})
	t.Run("the caller's context", func(t *testing.T) {
		t.Parallel()
		k := startSink(t, defaultTimes(), nil)
		s := dial(t, k.Address(), good)
		file, _ := payload(t, 1<<20)
		send, receive := sides(file, 1<<20, 1, 1<<45)
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(200*time.Millisecond, func() { cancel(why) })
		if _, err := launcherForTest().Transfer(ctx, send, receive, worker.Placement{Receive: s.Receive}); !errors.Is(err, why) {
			t.Errorf("error %v, want %v", err, why)
		}
		move(t, s, 2) // the session goes on
	})
}

// A receiver that dies on the sink is told from one that failed.
func TestWorkerDies(t *testing.T) {
	k := startSink(t, defaultTimes(), nil)
	s := dial(t, k.Address(), good)
	p, err := s.Receive(t.Context(), aJob(1).receive())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Await(worker.EventListening); err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	pid := k.trials[0].process.PID()
	k.mu.Unlock()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	died := (*worker.DiedError)(nil)
	if _, err := p.Await(worker.EventReady); !errors.As(err, &died) || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("error %v", err)
	}
	if words := p.LastWords(); !errors.As(words, &died) {
		t.Errorf("last words %v", words)
	}
	p.Kill()
	move(t, s, 1)
}

// A sink that is stopped says so.
func TestStopped(t *testing.T) {
	log := &journal{}
	k, err := Listen(Options{Address: "127.0.0.1:0", Secret: good, Sessions: 1, Launcher: launcherForTest(), Log: log.add})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Serve(ctx) }()
	s := dial(t, k.Address(), good)
	idle, err := net.Dial("tcp", k.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	p, err := s.Receive(t.Context(), aJob(1).receive())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	if _, err := p.Await(worker.EventListening); err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := p.Await(worker.EventReady); err == nil || !strings.Contains(err.Error(), "the sink was stopped") {
		t.Errorf("error %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("serve: %v", err)
	}
	wantClosed(t, idle)
}

func TestOnce(t *testing.T) {
	log := &journal{}
	k, err := Listen(Options{Address: "127.0.0.1:0", Secret: good, Sessions: 1, Once: true, Launcher: launcherForTest(), Log: log.add})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- k.Serve(t.Context()) }()
	// What is no session does not count.
	if _, err := Dial(t.Context(), k.Address(), other, tool); err == nil {
		t.Fatal("another secret is good enough")
	}
	works(t, k.Address())
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestBusy(t *testing.T) {
	for _, most := range []int{1, 3} {
		bounds := defaultTimes()
		bounds.room = 100 * time.Millisecond
		k := startSink(t, bounds, func(o *Options) { o.Sessions = most })
		var sessions []*Session
		for range most {
			sessions = append(sessions, dial(t, k.Address(), good))
		}
		_, err := Dial(t.Context(), k.Address(), good, tool)
		if err == nil || !strings.Contains(err.Error(), "busy with a run of 127.0.0.1 since ") {
			t.Errorf("error %v", err)
		}
		for _, s := range sessions {
			move(t, s, 1)
		}
		if err := sessions[0].Close(); err != nil {
			t.Error(err)
		}
		eventually(t, func() bool { k.mu.Lock(); defer k.mu.Unlock(); return len(k.sessions) == most-1 }, func() string { return "ended the session" })
		works(t, k.Address())
	}
}

// A flood of clients that say nothing keeps nobody out, holds few connections, and fills no log.
func TestFlood(t *testing.T) {
	k := startSink(t, defaultTimes(), nil)
	session := dial(t, k.Address(), good)
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	open := func(n int, from string) {
		for range n {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
			conn, err := d.Dial("tcp", k.Address())
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
	}
	guests := func() int { k.mu.Lock(); defer k.mu.Unlock(); return len(k.guests) }
	open(200, "127.0.0.1")
	for _, c := range conns[:200-mostGuestsPerHost] {
		wantClosed(t, c)
	}
	eventually(t, func() bool { return guests() == mostGuestsPerHost }, func() string {
		return fmt.Sprintf("held %d connections of one host, and not %d", mostGuestsPerHost, guests())
	})
	move(t, session, 2) // a session that is going on
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, func() bool { k.mu.Lock(); defer k.mu.Unlock(); return len(k.sessions) == 0 }, func() string { return "ended the session" })
	works(t, k.Address()) // and a new one
	if runtime.GOOS == "linux" {
		for i := range 10 {
			open(10, fmt.Sprintf("127.0.0.%d", i+2))
		}
		eventually(t, func() bool { return guests() == mostGuests }, func() string { return fmt.Sprintf("held %d connections, and not %d", mostGuests, guests()) })
		works(t, k.Address())
	}
	if lines := strings.Count(k.log.String(), "too many connections"); lines > 60 || lines == 0 {
		t.Errorf("%d lines", lines)
	}
}

// Workers don't know the secret.
func TestWorkerHasNoSecret(t *testing.T) {
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip(err)
	}
	t.Setenv(SecretVariable, "a secret of the environment")
	secret, err := ReadSecret("")
	if err != nil {
		t.Fatal(err)
	}
	secret.rounds = 1
	k := startSink(t, defaultTimes(), func(o *Options) { o.Secret = secret })
	s := dial(t, k.Address(), secret)
	p, err := s.Receive(t.Context(), aJob(1).receive())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	if _, err := p.Await(worker.EventListening); err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	pid := k.trials[0].process.PID()
	k.mu.Unlock()
	env, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "environ"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(env, []byte("a secret of the environment")) || !bytes.Contains(env, []byte(worker.RunVariable+"=sink-test")) {
		t.Errorf("the worker's environment: %q", env)
	}
}
