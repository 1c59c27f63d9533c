package worker

import (
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"copylab/internal/testenv"
)

// TestSocketSettings asks for other sockets than the usual ones, and looks at what the kernel then says of both ends.
func TestSocketSettings(t *testing.T) {
	const size = 1 << 20
	file, content := payload(t, size)
	for _, tc := range []struct {
		name string
		path string
		want Socket
		is   map[string]string
	}{
		{"as usual", "read-write", Socket{}, map[string]string{"tcp_nodelay": "1", "tcp_cork": "0"}},
		{"buffers", "sendfile", Socket{SndbufBytes: 40_000, RcvbufBytes: 50_000}, map[string]string{"so_sndbuf_bytes": "80000", "so_rcvbuf_bytes": "100000"}},
		{"delay", "read-write", Socket{Delay: true}, map[string]string{"tcp_nodelay": "0"}},
		{"delay, Go path", "go-io-copy", Socket{Delay: true}, map[string]string{"tcp_nodelay": "0"}},
		{"congestion", "read-write", Socket{Congestion: "reno"}, map[string]string{"tcp_congestion": "reno"}},
		{"cork", "sendfile", Socket{Cork: true}, map[string]string{"tcp_cork": "1"}},
		{"cork, TLS", "tls", Socket{Cork: true}, map[string]string{"tcp_cork": "1"}},
		{"cork, Go path", "go-copy-buffer", Socket{Cork: true}, map[string]string{"tcp_cork": "1"}},
	} {
		for _, fetch := range []bool{false, true} {
			name := tc.name + "/stream"
			if fetch {
				name = tc.name + "/fetch"
			}
			t.Run(name, func(t *testing.T) {
				const chunk, bytes = 5_000, size + 321 // no whole segments: what a cork holds back must still arrive
				send, receive := sides(tc.path, file, size, chunk, 1, bytes)
				send.Socket, receive.Socket, receive.TLS = tc.want, tc.want, tc.path == "tls"
				if fetch {
					send.Fetch, receive.Fetch, receive.Requests = true, true, 50
				}
				pair, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{})
				if err != nil {
					t.Fatal(err)
				}
				want := sums(content, Shares(bytes, 1, size, chunk))
				if fetch {
					want = sums(content, []Share{{0, 50 * chunk}})
				}
				if got := strings.Join(pair.Receiver.Sums, " "); got != strings.Join(want, " ") {
					t.Errorf("checksums %v, want %v", got, want)
				}
				for key, value := range tc.is {
					if got := pair.Sender.Settings[key]; got != value {
						t.Errorf("the sender's %s is %q, want %q", key, got, value)
					}
					if got := pair.Receiver.Settings[key]; got != value && key != "tcp_cork" { // which is the sender's alone
						t.Errorf("the receiver's %s is %q, want %q", key, got, value)
					}
				}
			})
		}
	}
}

func TestUnknownCongestionControl(t *testing.T) {
	file, _ := payload(t, 1<<20)
	send, receive := sides("read-write", file, 1<<20, 4096, 1, 1<<20)
	send.Socket.Congestion, receive.Socket.Congestion = "nosuch", "nosuch"
	_, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{})
	if err == nil || !strings.Contains(err.Error(), "TCP_CONGESTION to nosuch") || !strings.Contains(err.Error(), "tcp_available_congestion_control") {
		t.Errorf("error %v does not say what is wrong and where to look", err)
	}
}

// TestTCPInfo checks that every number about a connection is there, and plausible for loopback.
func TestTCPInfo(t *testing.T) {
	const size, streams = 8 << 20, 3
	file, _ := payload(t, size)
	send, receive := sides("sendfile", file, size, 64<<10, streams, 4*size)
	pair, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{})
	if err != nil {
		t.Fatal(err)
	}
	info := pair.Sender.Side.TCP
	if info == nil || pair.Receiver.Side.TCP == nil {
		t.Fatal("a side says nothing of its connections")
	}
	if info.Connections != streams {
		t.Errorf("%d connections, want %d", info.Connections, streams)
	}
	for name, v := range map[string]interface{ Get() (int64, bool) }{
		"rtt": info.RTTNS, "min rtt": info.MinRTTNS, "delivery": info.DeliveryBytesPerSecond, "segment": info.SegmentBytes, "cwnd": info.CwndSegments, "busy": info.BusyNS,
	} {
		if n, ok := v.Get(); !ok || n <= 0 {
			t.Errorf("%s is %v", name, v)
		}
	}
	if n, ok := info.Retransmits.Get(); !ok || n < 0 {
		t.Errorf("retransmits %v", info.Retransmits)
	}
	if n, _ := info.HeaderBytes.Get(); n != 40 && n != 52 { // IPv4, without and with timestamps
		t.Errorf("headers of %d bytes", n)
	}
	if info.CongestionControl == "" {
		t.Error("no congestion control")
	}
}

// TestNamespace puts both ends into a namespace of their own, in which the host's loopback can't be reached.
func TestNamespace(t *testing.T) {
	ns := newNamespace(t)
	const size = 1 << 20
	file, content := payload(t, size)
	send, receive := sides("sendfile", file, size, 64<<10, 2, 2*size)
	pair, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{SenderNamespace: ns, ReceiverNamespace: ns})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := pair.Receiver.Sums, sums(content, Shares(2*size, 2, size, 64<<10)); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("checksums %v, want %v", got, want)
	}
	if _, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{ReceiverNamespace: ns}); err == nil || !strings.Contains(err.Error(), "connect") {
		t.Errorf("a sender outside of the receiver's namespace got error %v, want a refused connection", err)
	}
}

// newNamespace makes a network namespace whose loopback is up. It lives as long as its descriptor.
func newNamespace(t *testing.T) *os.File {
	t.Helper()
	type made struct {
		file *os.File
		err  error
	}
	result := make(chan made)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			result <- made{nil, err}
			return
		}
		err := loopbackUp()
		f, ferr := os.Open("/proc/thread-self/ns/net")
		result <- made{f, errors.Join(err, ferr)}
	}()
	got := <-result
	testenv.Require(t, testenv.Netns, got.err == nil, "make a network namespace: %v", got.err)
	t.Cleanup(func() { got.file.Close() })
	return got.file
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// TestPassedConnections hands a receiver its connections one by one, as a sink does.
func TestPassedConnections(t *testing.T) {
	const size, streams = 1 << 20, 3
	file, content := payload(t, size)
	send, receive := sides("read-write", file, size, 64<<10, streams, 2*size)
	send.Token = strings.Repeat("ab", TokenBytes)
	receive.Passed, receive.Counters = true, true
	pair, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{Receive: passing(t, send.Token, streams)})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := pair.Receiver.Sums, sums(content, Shares(2*size, streams, size, 64<<10)); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("checksums %v, want %v", got, want)
	}
	if _, ok := pair.Receiver.Machine.BusyNS.Get(); !ok { // 0 in a span shorter than a tick
		t.Errorf("the receiver's machine was busy for %v", pair.Receiver.Machine.BusyNS)
	}
}

// TestStrangerAtTheDoor lets somebody else connect to a receiver. It must say what it got, and hang nobody.
func TestStrangerAtTheDoor(t *testing.T) {
	for name, says := range map[string]string{
		"garbage":            "GET / HTTP/1.1\r\n\r\n",
		"nothing":            "",
		"a stream too many":  "\x07\x00\x00\x00",
		"a negative stream":  "\xff\xff\xff\xff",
		"the end of a ramp":  "\x00\x00\x00\x00and no more",
		"half of the number": "\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			_, receive := sides("sendfile", "", 1<<20, 4<<10, 2, 1<<20)
			p, err := launcherForTest().Start(t.Context(), "receiver", Job{Receive: receive}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Kill()
			m, err := p.Await(EventListening)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", m.Address)
			if err != nil {
				t.Fatal(err)
			}
			_, werr := conn.Write([]byte(says))
			if err := errors.Join(werr, conn.Close()); err != nil {
				t.Fatal(err)
			}
			_, err = p.Await(EventReady)
			if err == nil || !strings.Contains(err.Error(), "take connection 1 of 2: ") {
				t.Errorf("error %v; want one that says which connection was wrong", err)
			}
		})
	}
}
