//go:build unix

package worker

import (
	"maps"
	"slices"
	"testing"

	"copylab/copypaths"
	"copylab/copypaths/receivers"
	"copylab/diskwrite"
	"copylab/internal/kernel"
	"copylab/internal/testenv"
	"copylab/results"
)

func needsSyscallCounts(t *testing.T) {
	t.Helper()
	s := kernel.ProbeSyscallCounts()
	testenv.Require(t, testenv.Perf, s.State == kernel.StateAvailable, "%s", s.Reason)
}

// wantCounts holds what the kernel counted against what a side says of its own calls, and against what copylab makes around them. What the Go runtime makes
// for its monitor and its threads comes on top, and the thread that listens to the command may begin to read again.
func wantCounts(t *testing.T, what string, s results.Side, around map[string]int64) {
	t.Helper()
	c := s.Traced
	if c == nil {
		t.Fatalf("%s: nothing was counted", what)
	}
	total, ok := c.Total.Get()
	if !ok {
		t.Fatalf("%s: %s", what, c.Total)
	}
	if !maps.Equal(c.Around, around) {
		t.Errorf("%s: around it %v, want %v", what, c.Around, around)
	}
	own := int64(0)
	for name, n := range s.Syscalls {
		own += n
		got := c.ByName[name] - c.Around[name]
		switch more := got - n; {
		case more == 0, more > 0 && more <= 4 && name == "read", more > 0 && (name == "mmap" || name == "munmap"):
		default:
			t.Errorf("%s: the kernel counted %d calls of %s, the side itself %d (%v)", what, got, name, n, s.Syscalls)
		}
	}
	for _, n := range c.Around {
		own += n
	}
	if total < own {
		t.Errorf("%s: %d calls in all, %v of its own and %v around", what, total, s.Syscalls, c.Around)
	}
	for name, n := range c.ByName {
		if _, ok := s.Syscalls[name]; !ok && n-c.Around[name] > 4 && !slices.Contains([]string{"futex", "nanosleep", "epoll_pwait", "mmap", "munmap", "madvise"}, name) {
			t.Errorf("%s: %d calls of %s, of which the side's own count %v knows nothing", what, n, name, s.Syscalls)
		}
	}
}

// The kernel counts what each path and receiver says that it does, call by call.
func TestSyscallsOfTransfer(t *testing.T) {
	needsSyscallCounts(t)
	const size = 4 << 20
	file, _ := payload(t, size)
	for _, tc := range []struct {
		path, receiver string
		streams        int
	}{
		{"sendfile", "recv", 1}, {"read-write", "recv", 1}, {"read-write", "recv", 3}, {"splice", "splice-null", 1}, {"mmap-zerocopy", "recv", 1}, {"uring-send-zc", "recv", 1},
		{"tls", "recv", 1},
	} {
		t.Run(tc.path, func(t *testing.T) {
			p, ok := copypaths.Find(copypaths.FromFile, tc.path)
			if !ok || p.ProbeIn(t.TempDir()).State != kernel.StateAvailable {
				t.Skip("not on this machine")
			}
			if r, ok := receivers.Find(tc.receiver); !ok || r.Probe().State != kernel.StateAvailable {
				t.Skipf("no receiver %s on this machine", tc.receiver)
			}
			send, receive := sides(tc.path, file, size, 64<<10, tc.streams, 3*size)
			send.Syscalls, receive.Syscalls, receive.Receiver, receive.TLS = true, true, tc.receiver, p.TLS
			pair, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{})
			if err != nil {
				t.Fatal(err)
			}
			n := int64(tc.streams)
			wantCounts(t, "sender", pair.Sender.Side, map[string]int64{"read": n})          // the confirmation of each stream
			wantCounts(t, "receiver", pair.Receiver.Side, map[string]int64{"write": n + 1}) // the same, and its word to the command
			if tc.path == "sendfile" && pair.Sender.Side.Traced.ByName["sendfile"] != pair.Sender.Side.Syscalls["sendfile"] {
				t.Errorf("%v, %v", pair.Sender.Side.Traced, pair.Sender.Side.Syscalls)
			}
		})
	}
}

// The requests of a fetch are counted apart from what answers them.
func TestSyscallsOfFetch(t *testing.T) {
	needsSyscallCounts(t)
	const size, requests = 1 << 20, 100
	file, _ := payload(t, size)
	send, receive := sides("sendfile", file, size, 16<<10, 1, 0)
	send.Fetch, receive.Fetch, receive.Requests, receive.ChunkBytes, receive.FileBytes = true, true, requests, 16<<10, size
	send.Syscalls, receive.Syscalls, receive.Receiver = true, true, "recv"
	pair, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{})
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, "sender", pair.Sender.Side, map[string]int64{"read": requests + 1, "write": 1}) // the last request ends it
	wantCounts(t, "receiver", pair.Receiver.Side, map[string]int64{"write": requests + 1})
}

// Of a path that counts nothing itself, the kernel tells.
func TestSyscallsOfGo(t *testing.T) {
	needsSyscallCounts(t)
	const size = 4 << 20
	file, _ := payload(t, size)
	send, receive := sides("go-io-copy", file, size, 64<<10, 1, size)
	send.Syscalls = true
	pair, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{})
	if err != nil {
		t.Fatal(err)
	}
	if c := pair.Sender.Side.Traced; c == nil || c.ByName["sendfile"] == 0 || pair.Sender.Side.Syscalls != nil {
		t.Errorf("counted %+v, the path itself %v", c, pair.Sender.Side.Syscalls)
	}
	if pair.Receiver.Side.Traced != nil {
		t.Error("the receiver was not asked to count")
	}
}

func TestSyscallsOfWrite(t *testing.T) {
	needsSyscallCounts(t)
	for _, tc := range []struct {
		method  string
		writers int
	}{{"buffered", 1}, {"buffered", 2}, {"vectored", 1}, {"uring", 1}} {
		m, ok := diskwrite.FindMethod(tc.method)
		if !ok || m.Probe(t.TempDir()).State != kernel.StateAvailable {
			continue
		}
		job := Write{
			Method: tc.method, File: t.TempDir() + "/target", Fresh: true, CPU: -1, Syscalls: true,
			Plan: diskwrite.Job{
				Pattern: diskwrite.Append, Policy: mustPolicy(t, "every=8"), SyncCall: diskwrite.Fdatasync, BlockBytes: 64 << 10, FileBytes: 8 << 20, Operations: 128, Writers: tc.writers,
			},
		}
		r, err := launcherForTest().Write(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		wantCounts(t, tc.method, r.Side, nil)
	}
}

// Where nobody asked, nothing is counted; what is on the link is, always.
func TestNotCounted(t *testing.T) {
	const size = 1 << 20
	file, _ := payload(t, size)
	send, receive := sides("sendfile", file, size, 64<<10, 1, size)
	pair, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{})
	if err != nil {
		t.Fatal(err)
	}
	if pair.Sender.Side.Traced != nil || pair.Receiver.Side.Traced != nil || pair.Sender.Memory != nil {
		t.Errorf("%+v", pair.Sender)
	}
	link := pair.Sender.Interface
	if link == nil || pair.Receiver.Interface != nil {
		t.Fatalf("interface %v", link)
	}
	if n, ok := link.SentBytes.Get(); ok && (n < size || link.Interface == "") {
		t.Errorf("%d bytes were sent over %q, want at least %d", n, link.Interface, size)
	} else if !ok && link.SentBytes.Why() == "" {
		t.Errorf("%+v", link)
	}
}
