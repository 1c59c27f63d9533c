package host

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"copylab/results/measured"
)

// complete fails where a field of an interface was left blank or without a reason.
func complete(t *testing.T, n NIC) {
	t.Helper()
	s := reflect.ValueOf(n)
	for i := range s.NumField() {
		name := s.Type().Field(i).Name
		switch v := s.Field(i).Interface().(type) {
		case string:
			if v == "" || strings.Contains(v, "not asked for") || strings.HasPrefix(v, "unavailable: unavailable") {
				t.Errorf("%s: %s is %q", n.Name, name, v)
			}
		case interface{ Why() string }:
			if w := v.Why(); w == "not recorded" || w == "not asked for" {
				t.Errorf("%s: %s was not filled in", n.Name, name)
			}
		default:
			t.Errorf("%s: what is %s?", n.Name, name)
		}
	}
	for _, state := range []string{n.SG, n.TSO, n.GSO, n.GRO, n.TxChecksum, n.RxChecksum} {
		if state != "on" && state != "off" && !strings.HasPrefix(state, "unavailable: ") {
			t.Errorf("%s: a feature is %q", n.Name, state)
		}
	}
	if speed, ok := n.SpeedGbits.Get(); ok && speed <= 0 {
		t.Errorf("%s: %v Gbit/s", n.Name, speed)
	}
	for _, v := range []measured.Int{n.MTUBytes, n.TxQueues, n.RxQueues} {
		if count, ok := v.Get(); ok && count <= 0 {
			t.Errorf("%s: %+v", n.Name, n)
		}
	}
}

// On any machine and as any user: what is listed is complete, sorted, bounded, and found again by its name.
func TestNICsOfThisMachine(t *testing.T) {
	all := NICs()
	if all == nil || len(all) > mostNICs || !slices.IsSortedFunc(all, func(a, b NIC) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("got %+v", all)
	}
	for _, n := range all {
		if strings.HasPrefix(n.Name, "unavailable: ") {
			t.Errorf("the interfaces were not listed: %s", n.Name)
			continue
		}
		complete(t, n)
		t.Log(n.words())
		if again, err := NICByName(n.Name); err != nil || again != n {
			t.Errorf("%s: got %+v, %v; want %+v", n.Name, again, err, n)
		}
	}
}

func TestNICOfLoopback(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "127.1.2.3", "::ffff:127.0.0.1"} {
		n, err := NICOf(netip.MustParseAddr(addr))
		if err != nil {
			t.Fatal(err)
		}
		complete(t, n)
		if !strings.HasPrefix(n.Name, "lo") && !strings.Contains(n.Name, "Loopback") {
			t.Errorf("%s is reached through %s", addr, n.Name)
		}
		if mtu, ok := n.MTUBytes.Get(); !ok || mtu < 1500 {
			t.Errorf("the MTU of %s is %v", n.Name, n.MTUBytes)
		}
		for _, other := range NICs() {
			if other.Name == n.Name {
				t.Errorf("%s is listed", n.Name)
			}
		}
	}
}

func TestNICErrors(t *testing.T) {
	if n, err := NICOf(netip.Addr{}); err == nil || n != (NIC{}) {
		t.Errorf("no address: got %+v, %v", n, err)
	}
	for _, name := range []string{"", "no-such-nic", strings.Repeat("x", 300)} {
		if n, err := NICByName(name); err == nil || n != (NIC{}) {
			t.Errorf("%q: got %+v, %v", name, n, err)
		}
		if name == "" {
			continue
		}
		if n, err := NICOf(netip.MustParseAddr("fe80::1").WithZone(name)); err == nil || n != (NIC{}) || !strings.Contains(err.Error(), name) {
			t.Errorf("zone %q: got %+v, %v", name, n, err)
		}
	}
}

// The kernel's words become ours, and a word that it does not have is no "off".
func TestFeaturesOfNIC(t *testing.T) {
	var n NIC
	n.setFeatures(map[string]bool{
		"tx-scatter-gather": true, "tx-tcp-segmentation": false, "tx-tcp6-segmentation": true, "rx-gro": true,
		"tx-checksum-ipv4": false, "tx-checksum-ipv6": true, "rx-checksum": false,
	})
	want := NIC{SG: "on", TSO: "off", GSO: "unavailable: the kernel knows no feature tx-generic-segmentation", GRO: "on", TxChecksum: "on", RxChecksum: "off"}
	if n != want {
		t.Errorf("got %+v", n)
	}
	n.setFeatures(nil)
	if want := "unavailable: the kernel knows no feature tx-checksum-ip-generic or tx-checksum-ipv4 or tx-checksum-ipv6"; n.TxChecksum != want {
		t.Errorf("got %q", n.TxChecksum)
	}
}

func TestWordsOfNIC(t *testing.T) {
	n := NIC{
		Name: "eth0", Driver: "virtio_net", SpeedGbits: measured.Known(2.5), MTUBytes: measured.Known[int64](1500),
		SG: "on", TSO: "off", GSO: "on", GRO: "unavailable: why", TxChecksum: "on", RxChecksum: "off",
	}
	if got, want := n.words(), "eth0 (virtio_net, 2.5 Gbit/s, MTU 1500; on: scatter-gather, GSO, tx checksum; off: TSO, rx checksum)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := unknownNIC("x", "why").words(), "x (unknown driver, unknown speed, unknown MTU)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func ExampleNICs() {
	for _, n := range NICs() {
		fmt.Println(n.Name, n.Driver, "scatter-gather:", n.SG)
	}
}
