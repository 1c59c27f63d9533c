package host

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
	"copylab/internal/testenv"
)

// inNamespace runs fn on a thread in a network namespace of its own, which is gone with the thread.
func inNamespace(t *testing.T, fn func() error) {
	t.Helper()
	var refused error
	err := onOwnThread(func() error {
		if refused = unix.Unshare(unix.CLONE_NEWNET); refused != nil {
			return nil
		}
		return fn()
	})
	testenv.Require(t, testenv.Netns, refused == nil, "unshare: %v", refused)
	if err != nil {
		t.Error(err)
	}
}

// onOwnThread runs fn on a thread that ends with it. The main thread never ends; so where the goroutine is on that one, it
// holds it until another goroutine, which then is elsewhere, is done.
func onOwnThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread()
			done <- onOwnThread(fn)
			return
		}
		done <- fn()
	}()
	return <-done
}

// In a namespace with interfaces that are known, the facts are theirs, also of what is changed later, and no other's.
func TestNICsInNamespace(t *testing.T) {
	inNamespace(t, func() error {
		veth := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: "b-veth"}
		veth.Name, veth.MTU = "a-veth", 9000
		other := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: "d-down"}
		other.Name, other.MTU = "c-veth", 1400
		for _, l := range []netlink.Link{veth, other} {
			if err := netlink.LinkAdd(l); err != nil {
				return fmt.Errorf("add %s: %w", l.Attrs().Name, err)
			}
		}
		for _, name := range []string{"lo", "a-veth", "b-veth", "c-veth"} {
			l, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			if err := netlink.LinkSetUp(l); err != nil {
				return err
			}
		}
		address := &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(198, 18, 0, 1), Mask: net.CIDRMask(30, 32)}}
		if err := netlink.AddrAdd(other, address); err != nil {
			return err
		}

		all := NICs()
		var names []string
		for _, n := range all {
			complete(t, n)
			names = append(names, n.Name)
		}
		if got := strings.Join(names, " "); got != "a-veth b-veth c-veth" {
			return fmt.Errorf("the namespace has %q", got)
		}
		a, c := all[0], all[2]
		want(t, "MTU of a-veth", a.MTUBytes, 9000)
		want(t, "MTU of c-veth", c.MTUBytes, 1400)
		want(t, "tx queues of a-veth", a.TxQueues, 1)
		want(t, "rx queues of a-veth", a.RxQueues, 1)
		if a.Driver != "veth" || a.SG != "on" || a.TSO != "on" || a.GSO != "on" || a.TxChecksum != "on" || a.RxChecksum != "on" {
			t.Errorf("got %+v", a)
		}
		if s := a.SpeedGbits.Why(); !strings.Contains(s, "form's sake") {
			t.Errorf("a veth has the speed %v", a.SpeedGbits)
		}
		if n, err := NICByName("d-down"); err != nil || n.Name != "d-down" || n.Driver != "veth" {
			t.Errorf("an interface that is down: %+v, %v", n, err)
		}
		if n, err := NICOf(netip.MustParseAddr("198.18.0.2")); err != nil || n != c {
			t.Errorf("towards the neighbour of c-veth: %+v, %v", n, err)
		}
		if n, err := NICOf(netip.MustParseAddr("198.18.0.1")); err != nil || n.Name != "lo" {
			t.Errorf("towards its own address: %+v, %v", n, err)
		}
		if n, err := NICOf(netip.MustParseAddr("192.0.2.1")); err == nil {
			t.Errorf("towards what has no route: %+v", n)
		}

		// What is changed is seen: scatter-gather, on which segmentation depends.
		e, err := kernel.OpenEthtool()
		if err != nil {
			return err
		}
		defer func() {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}()
		if err := e.ChangeFeatures("a-veth", map[string]bool{"tx-scatter-gather": false}); err != nil {
			return err
		}
		n, err := NICByName("a-veth")
		if err != nil || n.SG != "off" || n.TSO != "off" || n.GSO != "off" || n.TxChecksum != "on" {
			t.Errorf("with scatter-gather off: %+v, %v", n, err)
		}
		if n, err := NICByName("b-veth"); err != nil || n.SG != "on" {
			t.Errorf("the other end: %+v, %v", n, err)
		}
		return nil
	})
}

// More interfaces than a fingerprint holds.
func TestNICsAreBounded(t *testing.T) {
	inNamespace(t, func() error {
		for i := range mostNICs/2 + 2 {
			l := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: fmt.Sprintf("veth-%02d", 2*i+1)}
			l.Name = fmt.Sprintf("veth-%02d", 2*i)
			if err := netlink.LinkAdd(l); err != nil {
				return err
			}
			for _, name := range []string{l.Name, l.PeerName} {
				end, err := netlink.LinkByName(name)
				if err != nil {
					return err
				}
				if err := netlink.LinkSetUp(end); err != nil {
					return err
				}
			}
		}
		all := NICs()
		if len(all) != mostNICs || all[0].Name != "veth-00" || all[mostNICs-1].Name != "veth-15" {
			t.Errorf("got %d: %+v", len(all), all)
		}
		return nil
	})
}

// An empty namespace has an empty list, not none.
func TestNoNICs(t *testing.T) {
	inNamespace(t, func() error {
		if all := NICs(); all == nil || len(all) != 0 {
			t.Errorf("got %+v", all)
		}
		return nil
	})
}
