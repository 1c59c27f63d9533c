package sink

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// DefaultPort is the TCP port of a sink where none is named.
const DefaultPort = 7474

// DefaultAddress is where a sink listens unless told otherwise.
const DefaultAddress = "127.0.0.1:7474"

// UsageError says what is wrong with what the user gave, and what to do.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *UsageError) Unwrap() error { return e.Err }

// withPort is the address with the default port where it has none.
func withPort(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"), strconv.Itoa(DefaultPort)
		if _, ipErr := netip.ParseAddr(host); ipErr != nil && strings.ContainsAny(host, ":[]/ ") || host == "" {
			return "", &UsageError{fmt.Errorf("address %q: want HOST:PORT, such as 192.0.2.1:%d or [2001:db8::1]:%d", address, DefaultPort, DefaultPort)}
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", &UsageError{fmt.Errorf("address %q: want a port from 0 to 65535", address)}
	} else if port = strconv.FormatUint(n, 10); strings.ContainsAny(host, " /") {
		return "", &UsageError{fmt.Errorf("address %q: want HOST:PORT", address)}
	}
	return net.JoinHostPort(host, port), nil
}

// listenAddress resolves where to listen. Without a secret that is loopback, or nowhere.
func listenAddress(address string, secret Secret) (*net.TCPAddr, error) {
	full, err := withPort(address)
	if err != nil {
		return nil, err
	}
	at, err := net.ResolveTCPAddr("tcp", full)
	if err != nil {
		return nil, &UsageError{fmt.Errorf("listen on %s: %w", address, err)}
	}
	if secret.None() && !at.IP.IsLoopback() {
		return nil, &UsageError{fmt.Errorf("listen on %s: that is not loopback, so others can connect: %w", address, errNoSecret)}
	}
	return at, nil
}

var errNoSecret = errors.New("a secret is needed that both ends know: put it into a file that only you can read and name that with --secret-file, or into the variable " +
	SecretVariable + "; " + makeSecret)

// unmapped is the address without the dress that IPv4 wears on an IPv6 socket.
func unmapped(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
