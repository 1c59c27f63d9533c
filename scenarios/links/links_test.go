package links

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"copylab/internal/kernel"
)

func TestKinds(t *testing.T) {
	want := []Kind{Loopback, Veth, Remote}
	all := Kinds()
	if len(all) != len(want) {
		t.Fatalf("got %+v", all)
	}
	for i, k := range all {
		if k.ID != want[i] || k.Title == "" {
			t.Errorf("%d is %+v", i, k)
		}
		if s := Probe(k.ID); s.State != kernel.StateAvailable && s.Reason == "" {
			t.Errorf("%s: %+v", k.ID, s)
		}
	}
	if s := Probe("wormhole"); s.State != kernel.StateUnavailable || !strings.Contains(s.Reason, "wormhole") {
		t.Errorf("got %+v", s)
	}
	if s := Probe(Remote); s.State != kernel.StateAvailable || s.Reason != "with --to HOST:PORT" {
		t.Errorf("got %+v", s)
	}
}

func TestLoopback(t *testing.T) {
	l, err := Open(t.Context(), Spec{Kind: Loopback})
	if err != nil {
		t.Fatal(err)
	}
	if l.SenderNamespace() != nil || l.ReceiverNamespace() != nil || l.ReceiverIP() != netip.MustParseAddr("127.0.0.1") || l.SenderIP() != l.ReceiverIP() {
		t.Errorf("got %+v", l)
	}
	f := l.Facts()
	if f.Kind != "loopback" || f.Options != "" || f.Sender != f.Receiver || !strings.HasPrefix(f.Sender.Name, "lo") && !strings.Contains(f.Sender.Name, "Loopback") {
		t.Errorf("got %+v", f)
	}
	if _, ok := f.RateGbits.Get(); ok || !strings.Contains(f.RateGbits.Why(), "processor") {
		t.Errorf("loopback has the rate %v", f.RateGbits)
	}
	listener, err := net.Listen("tcp", netip.AddrPortFrom(l.ReceiverIP(), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRemoteIsNotOpened(t *testing.T) {
	if l, err := Open(t.Context(), Spec{Kind: Remote}); err == nil || l != nil || !strings.Contains(err.Error(), "sink") {
		t.Errorf("got %v, %v", l, err)
	}
}

func ExampleOpen() {
	spec, err := Parse("loopback")
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := Open(context.Background(), spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the receiver listens on", l.ReceiverIP())
	if err := l.Close(); err != nil {
		fmt.Println(err)
	}
	// Output: the receiver listens on 127.0.0.1
}
