//go:build unix

package worker

import (
	"slices"

	"golang.org/x/sys/unix"

	"copylab/results"
	"copylab/results/measured"
)

// connections reads what the kernel says of a side's connections, around the timed span.
type connections struct {
	sockets     []*socket
	first, last []tcpState
	ip6         bool
	congestion  string
}

// newConnections is for n connections; the null path has none, and then nothing is read.
func newConnections(n int, of func(int) *socket) *connections {
	c := &connections{}
	for i := range n {
		if s := of(i); s != nil {
			c.sockets = append(c.sockets, s)
		}
	}
	c.first, c.last = make([]tcpState, len(c.sockets)), make([]tcpState, len(c.sockets))
	if len(c.sockets) > 0 {
		_ = c.sockets[0].withFd(func(fd int) error { // what can't be read is left out
			if name, err := unix.Getsockname(fd); err == nil {
				_, c.ip6 = name.(*unix.SockaddrInet6)
			}
			settings := map[string]string{}
			describeSocket(fd, settings)
			c.congestion = settings["tcp_congestion"]
			return nil
		})
	}
	return c
}

func (c *connections) before() { c.read(c.first) }
func (c *connections) after()  { c.read(c.last) }

func (c *connections) read(into []tcpState) {
	for i, s := range c.sockets {
		into[i] = readTCP(s)
	}
}

// tcpNumbers are one connection's.
type tcpNumbers struct {
	retransmits, rtt, minRTT, delivery, segment, header, cwnd, busy, window, sndbuf measured.Int
}

func unavailableTCP(why string) tcpNumbers {
	n := measured.Unavailable[int64]("%s", why)
	return tcpNumbers{n, n, n, n, n, n, n, n, n, n}
}

// info puts the connections' numbers together; nil where there are none.
func (c *connections) info() *results.TCPInfo {
	if len(c.sockets) == 0 {
		return nil
	}
	all := make([]tcpNumbers, len(c.sockets))
	for i := range all {
		all[i] = tcpReadings(c.first[i], c.last[i], c.ip6)
	}
	over := func(of func(tcpNumbers) measured.Int, fold func([]int64) int64) measured.Int {
		var values []int64
		for _, n := range all {
			v, ok := of(n).Get()
			if !ok {
				return of(n)
			}
			values = append(values, v)
		}
		return measured.Known(fold(values))
	}
	sum := func(values []int64) (total int64) {
		for _, v := range values {
			total += v
		}
		return total
	}
	median := func(values []int64) int64 {
		slices.Sort(values)
		return values[len(values)/2]
	}
	return &results.TCPInfo{
		Connections:            len(c.sockets),
		Retransmits:            over(func(n tcpNumbers) measured.Int { return n.retransmits }, sum),
		RTTNS:                  over(func(n tcpNumbers) measured.Int { return n.rtt }, median),
		MinRTTNS:               over(func(n tcpNumbers) measured.Int { return n.minRTT }, slices.Min[[]int64]),
		DeliveryBytesPerSecond: over(func(n tcpNumbers) measured.Int { return n.delivery }, sum),
		SegmentBytes:           over(func(n tcpNumbers) measured.Int { return n.segment }, median),
		HeaderBytes:            over(func(n tcpNumbers) measured.Int { return n.header }, median),
		CwndSegments:           over(func(n tcpNumbers) measured.Int { return n.cwnd }, sum),
		BusyNS:                 over(func(n tcpNumbers) measured.Int { return n.busy }, sum),
		WindowLimitedNS:        over(func(n tcpNumbers) measured.Int { return n.window }, sum),
		SndbufLimitedNS:        over(func(n tcpNumbers) measured.Int { return n.sndbuf }, sum),
		CongestionControl:      c.congestion,
	}
}
