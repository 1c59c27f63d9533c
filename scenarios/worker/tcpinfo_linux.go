package worker

import (
	"golang.org/x/sys/unix"

	"copylab/results/measured"
)

// tcpState is what the kernel says of one connection (tcp(7), TCP_INFO).
type tcpState struct {
	raw unix.TCPInfo
	err error
}

func readTCP(s *socket) (t tcpState) {
	t.err = s.withFd(func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			t.raw = *info
		}
		return err
	})
	return t
}

// Bits of tcpi_options, from include/uapi/linux/tcp.h.
const tcpiOptTimestamps = 1

// What one full segment carries besides payload: an IP header, a TCP header, and with timestamps their option, padded.
const (
	ip4Header        = 20
	ip6Header        = 40
	tcpHeader        = 20
	timestampsOption = 12
)

func (t tcpState) headerBytes(ip6 bool) int64 {
	n := int64(ip4Header + tcpHeader)
	if ip6 {
		n = ip6Header + tcpHeader
	}
	if t.raw.Options&tcpiOptTimestamps != 0 {
		n += timestampsOption
	}
	return n
}

// tcpReadings are the numbers of one connection, with those that count up taken between two moments.
func tcpReadings(before, after tcpState, ip6 bool) tcpNumbers {
	for _, err := range []error{before.err, after.err} {
		if err != nil {
			return unavailableTCP("getsockopt TCP_INFO: " + err.Error())
		}
	}
	a, b := &before.raw, &after.raw
	us := func(n uint64) measured.Int { return measured.Known(int64(n) * 1000) }
	n := tcpNumbers{
		retransmits: measured.Known(int64(b.Total_retrans - a.Total_retrans)),
		rtt:         us(uint64(b.Rtt)),
		minRTT:      us(uint64(b.Min_rtt)),
		delivery:    measured.Known(int64(b.Delivery_rate)),
		segment:     measured.Known(int64(b.Snd_mss)),
		header:      measured.Known(after.headerBytes(ip6)),
		cwnd:        measured.Known(int64(b.Snd_cwnd)),
		busy:        us(b.Busy_time - a.Busy_time),
		window:      us(b.Rwnd_limited - a.Rwnd_limited),
		sndbuf:      us(b.Sndbuf_limited - a.Sndbuf_limited),
	}
	if b.Min_rtt == 1<<32-1 { // no sample yet
		n.minRTT = measured.Unavailable[int64]("the connection has no sample of it yet")
	}
	if b.Delivery_rate == 0 {
		n.delivery = measured.Unavailable[int64]("the connection has no sample of it: it sent too little")
	}
	return n
}
