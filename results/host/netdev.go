package host

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"copylab/results/measured"
)

// netStat is one line of /proc/net/dev.
type netStat struct{ receivedBytes, receivedPackets, sentBytes, sentPackets uint64 }

// parseNetDev parses /proc/net/dev (proc_net(5)): two lines of heads, then an interface a line, with eight numbers of what came in and eight of
// what went out. The key is the interface's name.
func parseNetDev(r io.Reader) (map[string]netStat, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	stats := map[string]netStat{}
	n := 0
	for line := range strings.Lines(string(b)) {
		if n++; n <= 2 {
			continue
		}
		// A name may hold a colon, as that of an alias does.
		at := strings.LastIndex(line, ":")
		if at < 0 {
			return nil, fmt.Errorf("line %d: want a name and a colon", n)
		}
		name, fields := strings.TrimSpace(line[:at]), strings.Fields(line[at+1:])
		if len(fields) < 16 {
			return nil, fmt.Errorf("line %d: want 16 numbers, got %d", n, len(fields))
		}
		var s netStat
		for i, into := range map[int]*uint64{0: &s.receivedBytes, 1: &s.receivedPackets, 8: &s.sentBytes, 9: &s.sentPackets} {
			if *into, err = strconv.ParseUint(fields[i], 10, 64); err != nil {
				return nil, fmt.Errorf("line %d, number %d: %w", n, i+1, err)
			}
		}
		if _, twice := stats[name]; twice {
			return nil, fmt.Errorf("line %d: %s is there twice", n, name)
		}
		stats[name] = s
	}
	if n < 2 {
		return nil, fmt.Errorf("want two lines of heads, got %d", n)
	}
	return stats, nil
}

// linkDelta is what an interface did between two readings of its counters.
func linkDelta(name string, before, after netStat) LinkDelta {
	return LinkDelta{
		Interface:       name,
		SentBytes:       grown("the count of bytes sent", before.sentBytes, after.sentBytes, 1),
		ReceivedBytes:   grown("the count of bytes received", before.receivedBytes, after.receivedBytes, 1),
		SentPackets:     grown("the count of packets sent", before.sentPackets, after.sentPackets, 1),
		ReceivedPackets: grown("the count of packets received", before.receivedPackets, after.receivedPackets, 1),
	}
}

// noLink is the delta of an interface whose counters could not be had.
func noLink(name, format string, args ...any) LinkDelta {
	v := measured.Unavailable[int64](format, args...)
	return LinkDelta{Interface: name, SentBytes: v, ReceivedBytes: v, SentPackets: v, ReceivedPackets: v}
}

// NoInterface stands where it is not known which interface carries a trial, with the reason.
func NoInterface(err error) LinkDelta { return noLink("", "%s", why(err)) }
