package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"copylab/results"
	"copylab/results/host"
	"copylab/results/measured"
)

// linkBound says whether both ends of a comparison filled their link: then their rates are the link's.
func (p pair) linkBound() bool {
	return p.Case.Kind == results.Transfer && p.Case.Bottleneck == results.LimitLink && p.Baseline.Bottleneck == results.LimitLink
}

// isRate says whether a metric is a rate that a full link decides.
func isRate(metric string) bool {
	return metric == results.MetricThroughput || metric == results.MetricRequests
}

// linkShare is how much of its link's rate a case took; false where that is not known.
func linkShare(c *results.CaseSummary) (float64, bool) { return c.Evidence.BusyShare["link"].Get() }

// onLink says whether a case ran over a link of which more can be said than of loopback.
func onLink(c *results.CaseSummary) bool { return c.Params.Link != "" && c.Params.Link != "loopback" }

// rateOf is what a case's link can carry, in Gbit/s; false where that is not known.
func (g group) rateOf(c *results.CaseSummary) (float64, bool) {
	for _, l := range g.Links {
		if l.Kind == c.Params.Link && l.Options == c.Params.LinkOptions {
			return l.RateGbits.Get()
		}
	}
	return 0, false
}

// linkUse says how much of their link some cases took: "0.96 of 1 Gbit/s", "0.95 to 0.97 of its rate"; "" where none of
// them tells.
func (g group) linkUse(cases ...*results.CaseSummary) string {
	low, high := math.Inf(1), math.Inf(-1)
	rates := map[float64]bool{}
	for _, c := range cases {
		share, ok := linkShare(c)
		if !ok {
			continue
		}
		low, high = min(low, share), max(high, share)
		rate, ok := g.rateOf(c)
		if !ok {
			rate = 0
		}
		rates[rate] = true
	}
	if len(rates) == 0 {
		return ""
	}
	text := shareOfOne(low)
	if shareOfOne(high) != text {
		text += " to " + shareOfOne(high)
	}
	if len(rates) == 1 {
		for rate := range rates {
			if rate > 0 {
				return text + " of " + formatGbits(rate)
			}
		}
	}
	return text + " of its rate"
}

// theLinks is "throughput is the link's (0.96 of 1 Gbit/s)".
func (g group) theLinks(cases ...*results.CaseSummary) string {
	text := "throughput is the link's"
	if use := g.linkUse(cases...); use != "" {
		text += " (" + use + ")"
	}
	return text
}

// shareOfOne writes a share of a link's rate: "0.96".
func shareOfOne(share float64) string { return strconv.FormatFloat(share, 'f', 2, 64) }

// formatGbits writes a link's rate: "2.5 Gbit/s".
func formatGbits(rate float64) string {
	return plainNumber(math.Round(rate*1e4)/1e4) + " Gbit/s"
}

// byLink sorts pairs by the link of their baseline, in the order of their first appearance.
func byLink(pairs []pair) [][]pair {
	var order []string
	by := map[string][]pair{}
	for _, p := range pairs {
		link := linkWords(p.Baseline.Params)
		if by[link] == nil {
			order = append(order, link)
		}
		by[link] = append(by[link], p)
	}
	var out [][]pair
	for _, link := range order {
		out = append(out, by[link])
	}
	return out
}

// nicWords is a network interface in one line: what is known of it, then, once each, why the rest is not.
func nicWords(n host.NIC) string {
	var parts, unknown []string
	var reasons []string
	missing := func(what, why string) {
		at := slices.Index(reasons, why)
		if at < 0 {
			reasons, unknown = append(reasons, why), append(unknown, what)
			return
		}
		unknown[at] += ", " + what
	}
	if why, ok := strings.CutPrefix(n.Driver, "unavailable: "); ok {
		missing("driver", why)
	} else if n.Driver != "" {
		parts = append(parts, n.Driver)
	}
	if rate, ok := n.SpeedGbits.Get(); ok {
		parts = append(parts, formatGbits(rate))
	} else {
		missing("speed", n.SpeedGbits.Why())
	}
	if mtu, ok := n.MTUBytes.Get(); ok {
		parts = append(parts, "MTU "+formatCount(mtu))
	} else {
		missing("MTU", n.MTUBytes.Why())
	}
	queues := func(v measured.Int, what string) {
		if count, ok := v.Get(); ok {
			parts = append(parts, plural(int(count), what+" queue"))
		} else {
			missing(what+" queues", v.Why())
		}
	}
	queues(n.TxQueues, "tx")
	queues(n.RxQueues, "rx")
	states := map[string][]string{}
	for _, f := range []struct{ name, state string }{
		{"scatter-gather", n.SG}, {"TSO", n.TSO}, {"GSO", n.GSO}, {"GRO", n.GRO}, {"tx checksum", n.TxChecksum}, {"rx checksum", n.RxChecksum},
	} {
		if why, ok := strings.CutPrefix(f.state, "unavailable: "); ok {
			missing(f.name, why)
		} else if f.state != "" {
			states[f.state] = append(states[f.state], f.name)
		}
	}
	for i := range unknown {
		unknown[i] += " (" + reasons[i] + ")"
	}
	text := []string{strings.Join(parts, ", ")}
	for _, state := range []string{"on", "off"} {
		if len(states[state]) > 0 {
			text = append(text, state+": "+strings.Join(states[state], ", "))
		}
	}
	if len(unknown) > 0 {
		text = append(text, "not known: "+strings.Join(unknown, ", "))
	}
	return strings.Join(slices.DeleteFunc(text, func(s string) bool { return s == "" }), "; ")
}

// nicFacts lists a machine's network interfaces, one a line. A record that knows nothing of them gives nil.
func nicFacts(h host.Host) []fact {
	if h.NICs == nil {
		return nil
	}
	if len(h.NICs) == 0 {
		return []fact{{"Network interfaces", "none is up but loopback"}}
	}
	var out []fact
	for _, n := range h.NICs {
		if strings.HasPrefix(n.Name, "unavailable") {
			out = append(out, fact{"Network interfaces", n.Name})
			continue
		}
		out = append(out, fact{n.Name, nicWords(n)})
	}
	return out
}

// linkFacts says of each link but loopback what it can carry and what its ends are.
func linkFacts(s *results.Summary) []fact {
	var out []fact
	for _, l := range s.Run.Links {
		if l.Kind == "loopback" {
			continue
		}
		value := "rate unavailable: " + l.RateGbits.Why()
		if rate, ok := l.RateGbits.Get(); ok {
			value = formatGbits(rate)
		}
		sender, receiver := nicWords(l.Sender), nicWords(l.Receiver)
		switch {
		case sender == receiver && l.Sender.Name != "" && l.Receiver.Name != "" && l.Sender.Name != l.Receiver.Name:
			value += fmt.Sprintf("; both ends (%s, %s): %s", l.Sender.Name, l.Receiver.Name, sender)
		case sender == receiver:
			value += "; both ends: " + sender
		default:
			value += "; " + named("sender's end", l.Sender.Name) + sender + "; " + named("receiver's end", l.Receiver.Name) + receiver
		}
		out = append(out, fact{strings.TrimSpace(l.Kind + " " + l.Options), value})
	}
	return out
}

// named is "sender's end (eth0): ".
func named(what, name string) string {
	switch {
	case name == "":
		return what + ": "
	case strings.HasPrefix(name, "unavailable"):
		return what + " (interface " + name + "): "
	}
	return what + " (" + name + "): "
}

// peerFacts describes the receivers' machine, and which of its settings are not those of the sender's.
func peerFacts(s *results.Summary) []fact {
	if s.Run.Peer == nil {
		return nil
	}
	h, own := *s.Run.Peer, s.Run.Host
	text := func(v string) string {
		if v == "" {
			return "not recorded"
		}
		return v
	}
	out := []fact{
		{"Host", text(h.Hostname)},
		{"Kernel", strings.TrimSpace(text(h.Kernel) + ", " + h.OS + "/" + h.Arch)},
		{"Distribution", text(h.Distro)},
		{"Virtualization", text(h.Virtualization)},
		{"Clock source", text(h.Clocksource)},
		{"Run as", text(h.Privileges)},
		{"CPU", fmt.Sprintf("%s, %s", text(h.CPU.Model), plural(h.CPU.LogicalCores, "logical core"))},
		{"Governor", text(h.CPU.Governor)},
		{"Load average at the start", known(h.CPU.LoadAverage1m, func(f float64) string { return significant(f, 2) })},
		{"Memory", known(h.Memory.TotalBytes, formatBytes) + ", available " + known(h.Memory.AvailableBytes, formatBytes)},
	}
	out = append(out, nicFacts(h)...)
	same := 0
	for _, name := range sortedKeys(h.Settings) {
		if h.Settings[name] == own.Settings[name] {
			same++
			continue
		}
		out = append(out, fact{name, fmt.Sprintf("%s (the sender's: %s)", text(h.Settings[name]), text(own.Settings[name]))})
	}
	if same > 0 {
		out = append(out, fact{"Other kernel settings", fmt.Sprintf("%s, the same as the sender's", plural(same, "setting"))})
	}
	return out
}

// takenAlong says for each link without something what the kernel switched off with it, though nobody asked for that: what such a link
// costs is the price of all of it.
func takenAlong(s *results.Summary) []string {
	var out []string
	for _, l := range s.Run.Links {
		asked := map[string]bool{}
		for option := range strings.FieldsSeq(l.Options) {
			if name, off := strings.CutSuffix(option, "=off"); off {
				asked[name] = true
			}
		}
		if len(asked) == 0 {
			continue
		}
		var along []string
		for _, f := range []struct{ option, word, is string }{
			{"sg", "scatter-gather", l.Sender.SG}, {"tso", "TSO", l.Sender.TSO}, {"gso", "GSO", l.Sender.GSO}, {"csum", "checksums", l.Sender.TxChecksum},
		} {
			if f.is == "off" && !asked[f.option] {
				along = append(along, f.word)
			}
		}
		if len(along) > 0 {
			out = append(out, fmt.Sprintf("On %s %s the kernel switched off %s too: what that link costs is the price of all of it together.", l.Kind, l.Options, joinWords(along)))
		}
	}
	return out
}
