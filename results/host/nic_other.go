//go:build !linux

package host

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"

	"copylab/results/measured"
)

// plainNIC is what every system tells of an interface.
func plainNIC(i net.Interface) NIC {
	nic := unknownNIC(i.Name, "copylab asks network interfaces on Linux only, not on "+runtime.GOOS)
	nic.MTUBytes = measured.Known(int64(i.MTU))
	return nic
}

func listNICs() ([]NIC, error) {
	found, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var all []NIC
	for _, i := range found {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			all = append(all, plainNIC(i))
		}
	}
	return all, nil
}

func nicByName(name string) (NIC, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return NIC{}, err
	}
	return plainNIC(*i), nil
}

// nicTowards finds the interface that has the address which a packet to addr would bear. Connecting a UDP socket chooses
// that address and sends nothing.
func nicTowards(addr netip.Addr) (nic NIC, err error) {
	const anyPort = 9
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, anyPort)))
	if err != nil {
		return NIC{}, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	local, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return NIC{}, fmt.Errorf("the local address is a %T", c.LocalAddr())
	}
	found, err := net.Interfaces()
	if err != nil {
		return NIC{}, err
	}
	// What is sent to an address of the machine's own goes through loopback, whichever interface has the address.
	own := local.IP.Equal(addr.AsSlice())
	for _, i := range found {
		if own {
			if i.Flags&net.FlagLoopback != 0 {
				return plainNIC(i), nil
			}
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			return NIC{}, fmt.Errorf("addresses of %s: %w", i.Name, err)
		}
		for _, a := range addresses {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(local.IP) {
				return plainNIC(i), nil
			}
		}
	}
	return NIC{}, fmt.Errorf("no interface has the address %s", local.IP)
}
