package host

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const (
	netFirst = "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n" +
		"    lo: 1000      10    0    0    0     0          0         0     1000      10    0    0    0     0       0          0\n" +
		"  eth0:4294967296 3000000    0    1    0     0          0         2  500   5    0    0    0     0       0          0\n" +
		"br-a:1: 7 1 0 0 0 0 0 0 8 2 0 0 0 0 0 0\n"
	netLast = "Inter-|   Receive\n face |bytes\n    lo: 1000      10    0    0    0     0          0         0     1000      10    0    0    0     0       0          0\n" +
		"  eth0:4294967396 3000002    0    1    0     0          0         2  66036   6    0    0    0     0       0          0\n"
)

func TestParseNetDev(t *testing.T) {
	got, err := parseNetDev(strings.NewReader(netFirst))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got["eth0"] != (netStat{4294967296, 3000000, 500, 5}) || got["br-a:1"] != (netStat{7, 1, 8, 2}) {
		t.Errorf("got %+v", got)
	}
	for _, text := range []string{"", "a\n", "a\nb\nlo 1 2\n", "a\nb\nlo: 1 2 3\n", "a\nb\nlo: x 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		"a\nb\nlo: 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\nlo: 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"} {
		if got, err := parseNetDev(strings.NewReader(text)); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestCountersOfInterface(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the fixture is of Linux")
	}
	f := newCounterFiles(t)
	f.set(t, statFirst, diskFirst, memFirst)
	file := f.fs.proc("thread-self/net/dev")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(netFirst)
	c := openCounters(t, f.fs, "vda")
	c.Before()
	c.After()
	wantWhy(t, "nothing watched", c.Interface().SentBytes, "no network interface is watched")
	f.fs.watchInterface(c, "eth0")
	c.Before()
	write(netLast)
	c.After()
	d := c.Interface()
	if d.Interface != "eth0" {
		t.Errorf("interface %q", d.Interface)
	}
	want(t, "sent", d.SentBytes, 65536)
	want(t, "packets sent", d.SentPackets, 1)
	want(t, "received", d.ReceivedBytes, 100)
	want(t, "packets received", d.ReceivedPackets, 2)
	c.nic = "br-a:1" // which the second reading has no more
	wantWhy(t, "gone", c.Interface().SentBytes, "no interface br-a:1")
}

// What this process sends over loopback is counted there.
func TestCountersOfLoopback(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/proc/net/dev is Linux's")
	}
	c := openCounters(t, System(), "")
	c.WatchInterface("lo")
	c.Before()
	c.After()
	if n, ok := c.Interface().SentBytes.Get(); !ok || n < 0 {
		t.Errorf("got %v", c.Interface())
	}
}
