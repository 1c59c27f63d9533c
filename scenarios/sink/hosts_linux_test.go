package sink

import (
	"encoding/json"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"copylab/internal/testenv"
	"copylab/scenarios/worker"
)

// The sink on one host, the client with its sender on another: two network namespaces, and a cable between them.
func TestTwoHosts(t *testing.T) {
	const here, there = "10.213.74.1", "10.213.74.2"
	hosts := joinHosts(t, here, there)
	var out *lines
	within(t, hosts[1], func() { _, out = process(t, "sink", sinkSettings{there + ":0"}) })
	address := printed(t, out)
	if !strings.HasPrefix(address, there+":") {
		t.Fatalf("the sink listens on %s", address)
	}
	const size, streams = 1<<20 + 55, 3
	file, content := payload(t, size)
	send, receive := sides(file, size, streams, 5*size)
	within(t, hosts[0], func() { _, out = process(t, "client", clientSettings{address, send, *receive}) })
	if got := printed(t, out); got != address {
		t.Errorf("the session is with %s, want %s", got, address)
	}
	var pair worker.Pair
	if err := json.Unmarshal([]byte(printed(t, out)), &pair); err != nil {
		t.Fatal(err)
	}
	wantSums(t, content, send, pair.Receiver.Sums)
	if pair.Sender.Bytes != 5*size || pair.Receiver.Bytes != 5*size {
		t.Errorf("%d bytes sent, %d received", pair.Sender.Bytes, pair.Receiver.Bytes)
	}
	// Nobody else can have carried them: this host can't even reach the sink.
	if conn, err := net.DialTimeout("tcp", address, 1e8); err == nil {
		conn.Close()
		t.Errorf("%s is in this host's own network", address)
	}
	// And the cable did.
	within(t, hosts[1], func() {
		link, err := netlink.LinkByName("cable1")
		if err != nil {
			t.Fatal(err)
		}
		if carried := link.Attrs().Statistics.RxBytes; carried < 5*size {
			t.Errorf("the cable carried %d bytes of %d", carried, 5*size)
		}
	})
}

// joinHosts makes two network namespaces with a cable between them. They are gone with the test's processes.
func joinHosts(t *testing.T, addresses ...string) (hosts []netns.NsHandle) {
	t.Helper()
	runtime.LockOSThread() // and for ever where the way back is lost
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	for range addresses {
		h, err := netns.New()
		testenv.Require(t, testenv.Netns, err == nil, "make a network namespace: %v", err)
		t.Cleanup(func() { h.Close() })
		hosts = append(hosts, h)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "cable1" // in the last namespace, where this thread is now
	err = netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "cable0", PeerNamespace: netlink.NsFd(hosts[0])})
	for i, name := range []string{"cable0", "cable1"} {
		err = errors.Join(err, netns.Set(hosts[i]), up(name, addresses[i]), up("lo", ""))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := netns.Set(home); err != nil {
		t.Fatal(err)
	}
	runtime.UnlockOSThread()
	return hosts
}

func up(name, address string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if address != "" {
		a, err := netlink.ParseAddr(address + "/24")
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, a); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(link)
}

// within does something in a network namespace. A process that it starts stays there.
func within(t *testing.T, host netns.NsHandle, do func()) {
	t.Helper()
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	if err := netns.Set(host); err != nil {
		t.Fatal(err)
	}
	do()
	if err := netns.Set(home); err != nil {
		t.Fatal(err)
	}
	runtime.UnlockOSThread()
}
