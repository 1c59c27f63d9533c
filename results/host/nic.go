package host

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"copylab/results/measured"
)

// mostNICs bounds a fingerprint: a machine that runs containers can have hundreds of interfaces.
const mostNICs = 16

// NICs are the network interfaces that are up, but loopback: by name, and not more than 16. They are those of the
// calling thread's network namespace. Where the system does not list them, the only one has the reason for a name. The
// result is never nil.
func NICs() []NIC {
	all, err := listNICs()
	if err != nil {
		return []NIC{unknownNIC(unavailable("%s", why(err)), "the interfaces could not be listed")}
	}
	slices.SortFunc(all, func(a, b NIC) int { return cmp.Compare(a.Name, b.Name) })
	if len(all) > mostNICs {
		all = all[:mostNICs]
	}
	if all == nil {
		all = []NIC{}
	}
	return all
}

// NICByName is the network interface of that name in the calling thread's network namespace, up or not.
func NICByName(name string) (NIC, error) {
	nic, err := nicByName(name)
	if err != nil {
		return NIC{}, fmt.Errorf("look at network interface %s: %w", name, err)
	}
	return nic, nil
}

// NICOf is the network interface through which the calling thread's network namespace sends to addr: the loopback one
// for an address of its own. It asks for the route, and sends nothing. An address with a zone names the interface itself.
func NICOf(addr netip.Addr) (NIC, error) {
	if !addr.IsValid() {
		return NIC{}, errors.New("find the network interface towards an address: there is none")
	}
	if zone := addr.Zone(); zone != "" {
		return NICByName(zone)
	}
	nic, err := nicTowards(addr.Unmap())
	if err != nil {
		return NIC{}, fmt.Errorf("find the network interface towards %s: %w", addr, err)
	}
	return nic, nil
}

// NoNIC stands for an interface of which nothing can be told, and says why.
func NoNIC(err error) NIC { return unknownNIC(unavailable("%s", why(err)), why(err)) }

// unknownNIC is an interface of which nothing but the name is known.
func unknownNIC(name, reason string) NIC {
	word, number := unavailable("%s", reason), measured.Unavailable[int64]("%s", reason)
	return NIC{
		Name: name, Driver: word, SpeedGbits: measured.Unavailable[float64]("%s", reason), MTUBytes: number,
		SG: word, TSO: word, GSO: word, GRO: word, TxChecksum: word, RxChecksum: word, TxQueues: number, RxQueues: number,
	}
}

// setFeatures fills in what the interface does for the processor, from the kernel's names of features.
func (n *NIC) setFeatures(on map[string]bool) {
	// A driver computes checksums of anything, or of IPv4 and IPv6 apart; which of them does not matter here.
	checksums := []string{"tx-checksum-ip-generic", "tx-checksum-ipv4", "tx-checksum-ipv6"}
	for _, f := range []struct {
		field *string
		names []string
	}{
		{&n.SG, []string{"tx-scatter-gather"}}, {&n.TSO, []string{"tx-tcp-segmentation"}}, {&n.GSO, []string{"tx-generic-segmentation"}},
		{&n.GRO, []string{"rx-gro"}}, {&n.TxChecksum, checksums}, {&n.RxChecksum, []string{"rx-checksum"}},
	} {
		*f.field = onOff(on, f.names)
	}
}

// onOff is "on" if any of the features is.
func onOff(on map[string]bool, names []string) string {
	word := unavailable("the kernel knows no feature %s", strings.Join(names, " or "))
	for _, name := range names {
		value, known := on[name]
		switch {
		case value:
			return "on"
		case known:
			word = "off"
		}
	}
	return word
}

// words is the interface for a reader: "eth0 (virtio_net, unknown speed, MTU 1500; on: TSO, …; off: GRO)".
func (n NIC) words() string {
	driver, speed, mtu := "unknown driver", "unknown speed", "unknown MTU"
	if !strings.HasPrefix(n.Driver, "unavailable") {
		driver = n.Driver
	}
	if gbits, ok := n.SpeedGbits.Get(); ok {
		speed = fmt.Sprintf("%v Gbit/s", gbits)
	}
	if bytes, ok := n.MTUBytes.Get(); ok {
		mtu = fmt.Sprintf("MTU %d", bytes)
	}
	text := fmt.Sprintf("%s (%s, %s, %s", n.Name, driver, speed, mtu)
	for _, state := range []string{"on", "off"} {
		var names []string
		for _, f := range []struct{ name, state string }{
			{"scatter-gather", n.SG}, {"TSO", n.TSO}, {"GSO", n.GSO}, {"GRO", n.GRO}, {"tx checksum", n.TxChecksum}, {"rx checksum", n.RxChecksum},
		} {
			if f.state == state {
				names = append(names, f.name)
			}
		}
		if len(names) > 0 {
			text += "; " + state + ": " + strings.Join(names, ", ")
		}
	}
	return text + ")"
}
