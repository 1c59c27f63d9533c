// Package links makes what lies between the two ends of a transfer: the machine's loopback interface, or two network
// namespaces that are joined by a veth pair, with a rate and without what a network card would do for the processor.
// What lies between two hosts is not made, only named.
//
// A veth link leaves nothing behind, however its process ends: its namespaces have no name, so they go with the last process and
// the last descriptor that hold them, and their interfaces go with them (network_namespaces(7), veth(4)). The
// machine's own namespace never sees an interface of a link, and none of its settings is changed.
package links

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/host"
	"copylab/results/measured"
)

// Kind is what a link is made of.
type Kind string

// The kinds of links.
const (
	Loopback Kind = "loopback"
	Veth     Kind = "veth"
	Remote   Kind = "remote"
)

// KindInfo is a kind of link for a list.
type KindInfo struct {
	ID    Kind
	Title string
}

// Kinds lists every kind, in the order in which lists show them.
func Kinds() []KindInfo {
	return []KindInfo{
		{Loopback, "both ends on this machine, over its loopback interface"},
		{Veth, "each end in a network namespace of its own, joined by a veth pair; options rate, mtu, sg, tso, gso, csum"},
		{Remote, "the receiving end on another host, which runs copylab sink"},
	}
}

// Probe tells whether links of that kind can be made here. For a veth link it makes one with a rate, and leaves nothing.
func Probe(k Kind) kernel.Status {
	switch k {
	case Loopback:
		return kernel.Available()
	case Veth:
		return probeVeth()
	case Remote:
		return kernel.Status{State: kernel.StateAvailable, Reason: "with --to HOST:PORT"}
	}
	return kernel.Unavailable("there is no link of the kind %q", string(k))
}

// Link is a link that was made. Close it.
type Link struct {
	facts              results.Link
	sender, receiver   *os.File // namespaces; nil for loopback
	senderIP, listenIP netip.Addr
}

// Open makes a link. It looks at the settings and at the loopback interface of the calling thread's network namespace. A remote
// link is not made but connected to, so it is an error.
//
// A link that this machine does not allow or this kernel does not have is an error that says what to do.
func Open(ctx context.Context, s Spec) (*Link, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("make link: %q %w", s, err)
	}
	switch s.Kind {
	case Loopback:
		return openLoopback(s)
	case Veth:
		l, err := openVeth(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("make link %s: %w", s, err)
		}
		return l, nil
	}
	return nil, fmt.Errorf("make link: a remote one is not made here but by connecting to a sink")
}

func openLoopback(s Spec) (*Link, error) {
	ip := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	nic, err := host.NICOf(ip)
	if err != nil {
		return nil, fmt.Errorf("make link %s: %w", s, err)
	}
	rate := measured.Unavailable[float64]("loopback is bound by the processor and the memory only")
	return &Link{
		facts:    results.Link{Kind: string(s.Kind), Options: s.Options(), RateGbits: rate, Sender: nic, Receiver: nic},
		senderIP: ip, listenIP: ip,
	}, nil
}

// SenderNamespace is the network namespace of the sending end, for setns(2); nil for loopback, whose ends stay where they are. It
// belongs to the link, which closes it.
func (l *Link) SenderNamespace() *os.File { return l.sender }

// ReceiverNamespace is that of the receiving end.
func (l *Link) ReceiverNamespace() *os.File { return l.receiver }

// SenderIP is the address that the sending end connects from.
func (l *Link) SenderIP() netip.Addr { return l.senderIP }

// ReceiverIP is the address that the receiving end listens on.
func (l *Link) ReceiverIP() netip.Addr { return l.listenIP }

// Facts are what the kernel said of the link when it had been made.
func (l *Link) Facts() results.Link { return l.facts }

// Close lets go of the link. Of a veth link nothing is left when the processes in its namespaces have ended, too. To close again
// does nothing.
func (l *Link) Close() error {
	var first error
	for _, f := range []**os.File{&l.sender, &l.receiver} {
		if *f == nil {
			continue
		}
		if err := (*f).Close(); err != nil && first == nil {
			first = fmt.Errorf("close link: %w", err)
		}
		*f = nil
	}
	return first
}
