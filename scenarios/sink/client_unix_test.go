//go:build unix

package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"copylab/copypaths/receivers"
	"copylab/scenarios/worker"
)

// fakeSink takes one connection and lets a test say what it wants there.
func fakeSink(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		serve(conn)
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// fakeGood is a fake sink that knows the secret. It is handed each line that the client says.
func fakeGood(t *testing.T, serve func(say func(string), hear func() string)) (address string) {
	t.Helper()
	config, err := good.serverTLS()
	if err != nil {
		t.Fatal(err)
	}
	return fakeSink(t, func(raw net.Conn) {
		conn := tls.Server(raw, config)
		_ = conn.SetDeadline(time.Now().Add(patience))
		in := newLines(conn)
		serve(func(line string) { _, _ = conn.Write([]byte(line + "\n")) }, func() string {
			line, _ := in.next(replyBytes) // empty when the client has gone
			return string(line)
		})
		_ = conn.Close()
	})
}

const (
	fakeHello   = `{"protocol":"copylab sink","version":1,"tool":{"version":"v0","commit":""}}`
	fakeWelcome = `{"event":"welcome","welcome":{"limits":{"streams":4096,"memory_bytes":1073741824,"trial_seconds":900},"receivers":[{"id":"recv","status":"available","reason":""}]}}`
)

// Old and new refuse each other, and say which of them is to be updated.
func TestVersions(t *testing.T) {
	t.Run("newer client", func(t *testing.T) {
		k := startSink(t, defaultTimes(), nil)
		r := connectRaw(t, k.Address())
		r.mutter(`{"protocol":"copylab sink","version":2,"tool":{"version":"v9.9.9"},"and":{"more":1}}` + "\n")
		// It hears the version of the sink, and can tell for itself.
		if h, err := parseHello([]byte(r.line())); err != nil || h.Version != Version || h.Tool != tool {
			t.Errorf("%+v, %v", h, err)
		}
		r.wantClosed()
		k.log.await(t, `the client's host speaks version 2 of the sink's protocol (copylab "v9.9.9"), this host version 1: update copylab on this host`)
		works(t, k.Address())
	})
	for _, c := range []struct{ name, hello, want string }{
		{"newer sink", `{"protocol":"copylab sink","version":2,"tool":{"version":"v9.9.9"},"and":{"more":1}}`, `speaks version 2 of the sink's protocol (copylab "v9.9.9"), this host version 1: update copylab on this host`},
		{"another protocol", `{"protocol":"something","version":1}`, "is it a copylab sink?"},
		{"no protocol", `220 mail.example.org ESMTP`, "is it a copylab sink?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := fakeGood(t, func(say func(string), hear func() string) { hear(); say(c.hello); hear() })
			if _, err := Dial(t.Context(), address, good, tool); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestDialErrors(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, c := range []struct {
		name, address, want string
		usage               bool
	}{
		{"nobody there", closed.Addr().String(), "connection refused: start copylab sink there, with --listen " + closed.Addr().String(), false},
		{"no TLS", fakeSink(t, func(c net.Conn) { _, _ = c.Write([]byte("220 mail.example.org ESMTP\r\n")) }), "that is no copylab sink", false},
		{"closed at once", fakeSink(t, func(net.Conn) {}), "closed the connection", false},
		{"closed after its hello", fakeGood(t, func(say func(string), hear func() string) { hear(); say(fakeHello) }), "its log says why", false},
		{"no welcome", fakeGood(t, func(say func(string), hear func() string) { hear(); say(fakeHello); say(`{"event":"done"}`); hear() }), "instead of welcome", false},
		{"no JSON", fakeGood(t, func(say func(string), hear func() string) { hear(); say(fakeHello); say(`done`); hear() }), "read reply", false},
		{"no such host", "copylab.invalid", "name a host, or its IP address", true},
		{"no address", "", "want HOST:PORT", true},
		{"a port too large", "127.0.0.1:99999", "want a port", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Dial(t.Context(), c.address, good, tool)
			usage := (*UsageError)(nil)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &usage) != c.usage {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	t.Run("silent", func(t *testing.T) {
		over := make(chan struct{})
		address := fakeSink(t, func(net.Conn) { <-over })
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := Dial(ctx, address, good, tool); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		close(over)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Dial(ctx, closed.Addr().String(), good, tool); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

// Without a secret, nothing is said to another host.
func TestNoSecretForOtherHosts(t *testing.T) {
	ip := ownAddress(t)
	k := startSink(t, defaultTimes(), func(o *Options) { o.Address = net.JoinHostPort(ip, "0") })
	_, err := Dial(t.Context(), k.Address(), Secret{rounds: 1}, tool)
	if usage := (*UsageError)(nil); !errors.As(err, &usage) || !strings.Contains(err.Error(), "that is another host: a secret is needed") {
		t.Errorf("error %v", err)
	}
	k.log.await(t, "read 0 bytes of its first 8")
	works(t, k.Address())
}

// ownAddress is one of this host's that is not loopback. Nothing that is sent to it leaves the host.
func ownAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	t.Skip("this host has no address but loopback")
	return ""
}

// What a sink says out of turn, or not at all, fails the trial and hangs nothing.
func TestBadSinks(t *testing.T) {
	job := worker.Receive{Receiver: "recv", BufferBytes: 4096, Bytes: 1 << 20, Streams: 1}
	for _, c := range []struct {
		name  string
		serve func(say func(string), hear func() string)
		want  string
	}{
		{"out of turn", func(say func(string), hear func() string) {
			hear()
			say(`{"event":"ready"}`)
			hear()
			say(`{"event":"failed"}`)
			hear()
		}, `said "ready", want "listening"`},
		{"closes", func(_ func(string), hear func() string) { hear() }, "closed the connection in mid-trial"},
		{"no JSON", func(say func(string), hear func() string) { hear(); say("listening"); hear() }, "broke in mid-trial: read reply"},
		{"much too long", func(say func(string), hear func() string) { hear(); say(strings.Repeat("x", replyBytes+10)); hear() }, "the line is too long"},
		{"too much", func(say func(string), hear func() string) {
			hear()
			for range 100 {
				say(`{"event":"listening"}`)
			}
			say(`{"event":"failed","error":"enough"}`)
			hear()
		}, `said "listening", want "ready"`},
		{"fails", func(say func(string), hear func() string) {
			hear()
			say(`{"event":"failed","error":"why not"}`)
			hear()
		}, "why not"},
		{"has nothing to tell", func(say func(string), hear func() string) {
			hear()
			say(`{"event":"listening"}`)
			say(`{"event":"done"}`)
			hear()
		}, `said "done", want "ready"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := fakeGood(t, func(say func(string), hear func() string) {
				hear()
				say(fakeHello)
				say(fakeWelcome)
				c.serve(say, hear)
			})
			s := dial(t, address, good)
			p, err := s.Receive(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []worker.Event{worker.EventListening, worker.EventReady} {
				if _, err = p.Await(want); err != nil {
					break
				}
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			p.Kill()
			if err := s.Close(); err != nil {
				t.Log(err) // the fake sink may have reset the connection
			}
		})
	}
}

// A client knows what its sink would refuse before it asks.
func TestSessionCheck(t *testing.T) {
	k := startSink(t, defaultTimes(), nil)
	s := dial(t, k.Address(), good)
	if err := s.Check(aJob(4096).receive()); err != nil {
		t.Error(err)
	}
	if err := s.Check(aJob(4097).receive()); err == nil || !strings.Contains(err.Error(), "4097 streams") {
		t.Error(err)
	}
	if _, err := s.Receive(t.Context(), aJob(4097).receive()); err == nil || !strings.Contains(err.Error(), "4097 streams") {
		t.Error(err)
	}
	file := aJob(1).receive()
	file.Receiver, file.FileBytes = "file", 1
	if err := s.Check(file); err == nil || !strings.Contains(err.Error(), "on the sink: the sink writes no files") {
		t.Error(err)
	}
	if len(s.Receivers()) != len(receivers.Catalogue()) {
		t.Errorf("%d receivers", len(s.Receivers()))
	}
	// One trial at a time.
	p, err := s.Receive(t.Context(), aJob(1).receive())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Receive(t.Context(), aJob(1).receive()); err == nil {
		t.Error("two trials at once")
	}
	p.Kill()
	p.Kill()
	if _, err := p.Await(worker.EventListening); err == nil {
		t.Error("a trial that is over goes on")
	}
	move(t, s, 1)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Receive(t.Context(), aJob(1).receive()); err == nil || !strings.Contains(err.Error(), "is closed") {
		t.Errorf("error %v", err)
	}
}

func TestWithPort(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1:7474", "192.0.2.1:1": "192.0.2.1:1", "host": "host:7474", "host:00080": "host:80", "::1": "[::1]:7474",
		"[::1]": "[::1]:7474", "[::1]:5": "[::1]:5", ":5": ":5", "fe80::1%eth0": "[fe80::1%eth0]:7474",
		"": "", "a:b:c": "", "host:": "", "host:-1": "", "a b": "", "a b:1": "", "[::1": "[::1]:7474",
	} {
		got, err := withPort(address)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", address, got, err, want)
		}
	}
	if fmt.Sprint(DefaultPort) != DefaultAddress[len(DefaultAddress)-4:] {
		t.Error("there are two default ports")
	}
}
