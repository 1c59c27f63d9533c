package results

import (
	"math"
	"strings"
	"testing"

	"copylab/results/host"
	"copylab/results/measured"
)

// shaped is a run of read-write and sendfile over a link with a rate.
func shaped(kind string, gbits measured.Float) Run {
	rw, sf := streamCase(caseRW, "read-write"), streamCase(caseSF, "sendfile")
	sf.Baseline = caseRW
	rw.Params.Link, rw.Params.LinkOptions = kind, "rate=1Gbit"
	sf.Params.Link, sf.Params.LinkOptions = kind, "rate=1Gbit"
	run := fixtureRun(rw, sf)
	run.Links = []Link{{Kind: kind}, {Kind: kind, Options: "rate=1Gbit", RateGbits: gbits, Sender: host.NIC{}, Receiver: host.NIC{}}}
	return run
}

func TestLinkShare(t *testing.T) {
	trial := withTCP(streamTrial(caseRW, 1, 1e9))
	trial.Bytes = 100_000_000 // in one second, in segments of 1,000 bytes
	for _, tc := range []struct {
		name   string
		link   *Link
		change func(*Trial)
		want   float64
		why    string
	}{
		{"veth", &Link{Kind: "veth", RateGbits: measured.Known(1.0)}, nil, 0.8 * 1.054, ""},
		{"a real card has more around each frame", &Link{Kind: "remote", RateGbits: measured.Known(1.0)}, nil, 0.8 * 1.078, ""},
		{"twice the rate", &Link{Kind: "veth", RateGbits: measured.Known(2.0)}, nil, 0.4 * 1.054, ""},
		{"no link", nil, nil, 0, "nothing of the link"},
		{"no rate", &Link{Kind: "veth", RateGbits: measured.Unavailable[float64]("nobody knows")}, nil, 0, "nobody knows"},
		{"no TCP_INFO", &Link{Kind: "veth", RateGbits: measured.Known(1.0)}, func(t *Trial) { t.Sides = map[string]Side{"sender": {}} }, 0, "TCP_INFO"},
		{"no time", &Link{Kind: "veth", RateGbits: measured.Known(1.0)}, func(t *Trial) { t.ElapsedNS = notHere() }, 0, "not in this fixture"},
	} {
		changed := trial
		if tc.change != nil {
			tc.change(&changed)
		}
		got := linkShare(tc.link, changed)
		n, ok := got.Get()
		if ok != (tc.why == "") || math.Abs(n-tc.want) > 1e-9 || !strings.Contains(got.Why(), tc.why) {
			t.Errorf("%s: %v, want %v %s", tc.name, got, tc.want, tc.why)
		}
	}
}

// TestLinkBound compares two cases that fill the link: what they have in common is the link, and nothing is to be won by waiting
// until its throughput is known more precisely.
func TestLinkBound(t *testing.T) {
	run := shaped("veth", measured.Known(0.6)) // 64 MiB in 1 s take 0.566 Gbit/s, headers included
	b := NewBuilder(run)
	for block := 1; block <= 6; block++ {
		for _, id := range []string{caseRW, caseSF} {
			b.Add(withTCP(streamTrial(id, block, 980_000_000+int64(block))))
		}
	}
	s := b.Summary(nil)
	for _, c := range s.Cases {
		if c.Bottleneck != LimitLink {
			t.Errorf("%s is limited by %s, want the link: %v of it was used", c.ID, c.Bottleneck, c.Evidence.BusyShare["link"])
		}
	}
	found := false
	for _, c := range s.Comparisons {
		if c.Metric != MetricThroughput {
			continue
		}
		found = true
		if c.Headline || len(c.Warnings) == 0 || !strings.Contains(c.Warnings[0], "filled the link") {
			t.Errorf("throughput is compared as a headline (%t), with the warnings %q", c.Headline, c.Warnings)
		}
	}
	if !found {
		t.Error("throughput is not compared at all")
	}

	// The same on a link that is ten times faster is limited by something else.
	b = NewBuilder(shaped("veth", measured.Known(6.0)))
	for block := 1; block <= 6; block++ {
		b.Add(withTCP(streamTrial(caseRW, block, 980_000_000+int64(block))))
	}
	if got := b.Summary(nil).Cases[0].Bottleneck; got == LimitLink {
		t.Errorf("limited by %s at a tenth of its rate", got)
	}
}

func TestSettingOf(t *testing.T) {
	for want, values := range map[string][]string{
		"7":             {"7"},
		"9, 7, 8":       {"9", "7", "8"},
		"-1 to 9":       {"9", "7", "8", "-1"},
		"a, b, c, …":    {"a", "b", "c", "d"},
		"1, 2, three":   {"1", "2", "three"},
		"1, 2, 3, …":    {"1", "2", "3", "four"},
		"10 to 1000000": {"1000000", "10", "100", "1000"},
	} {
		if got := settingOf(values); got != want {
			t.Errorf("%v: %q, want %q", values, got, want)
		}
	}
}
