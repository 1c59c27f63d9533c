package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"copylab/results"
	"copylab/results/measured"
)

// What the kernel said of a case's sends and connections: evidence that comes as settings, TCP_INFO and hardware counters.

// The settings that count something in each trial. They have a table of their own.
const (
	zeroCopied     = "completions_zero_copy"
	copiedAfter    = "completions_copied"
	refusedSends   = "enobufs"
	missingNotes   = "notifications_missing"
	ringDepth      = "ring_depth"
	ringFlags      = "ring_setup_flags"
	receiverMaps   = "receiver_mapped_bytes"
	receiverCopies = "receiver_copied_bytes"
)

// counted says whether a setting is a count that differs from trial to trial.
func counted(name string) bool {
	switch name {
	case zeroCopied, copiedAfter, refusedSends, missingNotes, receiverMaps, receiverCopies:
		return true
	}
	return false
}

// span is what a count came to in the trials of a case. There may be values outside it where the summary lists only the
// first few.
type span struct {
	low, high int64
	more      bool
}

// countOf reads a counting setting: one number, the different ones of several trials, or their range.
func countOf(c *results.CaseSummary, name string) (span, bool) {
	text, ok := c.Evidence.Settings[name]
	if !ok {
		return span{}, false
	}
	out := span{low: math.MaxInt64, high: math.MinInt64}
	for _, part := range strings.Split(strings.Replace(text, " to ", ",", 1), ",") {
		part = strings.TrimSpace(part)
		if part == "…" {
			out.more = true
			continue
		}
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return span{}, false
		}
		out.low, out.high = min(out.low, n), max(out.high, n)
	}
	return out, out.low <= out.high
}

// text writes a span: "8,193", "8,190 to 8,193", or with "about" where some values are not listed.
func (s span) text(format func(int64) string) string {
	text := format(s.low)
	if high := format(s.high); high != text {
		text += " to " + high
	}
	if s.more {
		text = "about " + text
	}
	return text
}

// with is the span that holds both.
func (s span) with(o span) span {
	return span{min(s.low, o.low), max(s.high, o.high), s.more || o.more}
}

// plus is the span of sums.
func (s span) plus(o span) span { return span{s.low + o.low, s.high + o.high, s.more || o.more} }

// told collects the cases of which one and the same thing is to be said, in the order of their first appearance.
type told[K comparable] struct {
	order []K
	by    map[K][]*results.CaseSummary
}

func (t *told[K]) add(key K, c *results.CaseSummary) {
	if t.by == nil {
		t.by = map[K][]*results.CaseSummary{}
	}
	if t.by[key] == nil {
		t.order = append(t.order, key)
	}
	t.by[key] = append(t.by[key], c)
}

// callThem names cases at the head of a sentence: by label, or by path where there are many.
func callThem(cases []*results.CaseSummary) string {
	var labels, paths []string
	for _, c := range cases {
		labels = append(labels, label(c))
		if !slices.Contains(paths, c.Params.Path) {
			paths = append(paths, c.Params.Path)
		}
	}
	if len(cases) <= 3 || len(paths) == len(cases) {
		return joinLabels(labels)
	}
	return fmt.Sprintf("%s (%d cases)", joinWords(paths), len(cases))
}

// accounts says in words what the kernel said of a group's zero-copy sends, of mapped bytes and of TLS.
func accounts(g group) []string {
	out := sendAccounts(g)
	type ciphers struct{ version, suite, record string }
	var maps told[bool]
	var tls told[ciphers]
	for _, c := range g.measured() {
		if _, ok := mappedShare(c); ok {
			maps.add(true, c)
		}
		set := c.Evidence.Settings
		if set["tls_version"] != "" {
			tls.add(ciphers{set["tls_version"], set["tls_cipher_suite"], set["tls_record_bytes"]}, c)
		}
	}
	for _, c := range maps.by[true] {
		share, _ := mappedShare(c)
		out = append(out, fmt.Sprintf("%s: the receiver mapped %s of the bytes into its memory and copied the rest.", label(c), share))
	}
	for _, k := range tls.order {
		text := fmt.Sprintf("%s: encrypted by %s", callThem(tls.by[k]), k.version)
		if k.suite != "" {
			text += " with " + k.suite
		}
		if n, err := strconv.ParseInt(k.record, 10, 64); err == nil {
			text += ", in records of " + formatBytes(n)
		}
		out = append(out, text+"; the receiver decrypts, which a path without TLS spares it.")
	}
	return out
}

// sendAccounts says what became of a group's zero-copy sends.
func sendAccounts(g group) []string {
	type outcome struct{ what, link string }
	const all, none, some = "all", "none", "some"
	var sends told[outcome]
	var refused, missing told[bool]
	for _, c := range g.measured() {
		if n, ok := countOf(c, refusedSends); ok && n.high > 0 {
			refused.add(true, c)
		}
		if n, ok := countOf(c, missingNotes); ok && n.high > 0 {
			missing.add(true, c)
		}
		kept, ok := countOf(c, zeroCopied)
		copied, also := countOf(c, copiedAfter)
		switch {
		case !ok || !also || kept.high+copied.high == 0:
		case kept.high == 0 && !kept.more:
			sends.add(outcome{all, linkWords(c.Params)}, c)
		case copied.high == 0 && !copied.more:
			sends.add(outcome{none, linkWords(c.Params)}, c)
		default:
			sends.add(outcome{some, linkWords(c.Params)}, c)
		}
	}
	var out []string
	for _, k := range sends.order {
		cases := sends.by[k]
		total, share := span{low: math.MaxInt64}, [2]float64{math.Inf(1), 0}
		for _, c := range cases {
			kept, _ := countOf(c, zeroCopied)
			copied, _ := countOf(c, copiedAfter)
			total = total.with(kept.plus(copied))
			share[0] = min(share[0], float64(copied.low)/float64(max(1, copied.low+kept.high)))
			share[1] = max(share[1], float64(copied.high)/float64(max(1, copied.high+kept.low)))
		}
		text, number := callThem(cases)+": the kernel ", total.text(formatCount)
		switch k.what {
		case all:
			text += fmt.Sprintf("copied all %s zero-copy sends of a trial after all", number)
		case none:
			text += fmt.Sprintf("reports none of the %s zero-copy sends of a trial as copied", number)
		default:
			low, high := formatShare(share[0]), formatShare(share[1])
			if high != low {
				low += " to " + high
			}
			text += fmt.Sprintf("reports %s of the %s zero-copy sends of a trial as copied", low, number)
		}
		if k.link != "" {
			text += " (" + k.link + ")"
		}
		out = append(out, text+".")
	}
	most := func(cases []*results.CaseSummary, name string) int64 {
		out := int64(0)
		for _, c := range cases {
			n, _ := countOf(c, name)
			out = max(out, n.high)
		}
		return out
	}
	if cases := refused.by[true]; len(cases) > 0 {
		out = append(out, fmt.Sprintf("%s: the kernel refused zero-copy sends for want of memory (ENOBUFS), up to %s times in a trial; each was tried again. "+
			"net.core.optmem_max and the limit on locked memory (ulimit -l) set the bound.", callThem(cases), formatCount(most(cases, refusedSends))))
	}
	if cases := missing.by[true]; len(cases) > 0 {
		out = append(out, fmt.Sprintf("%s: for up to %s zero-copy sends of a trial no notification came: what became of them is not known.",
			callThem(cases), formatCount(most(cases, missingNotes))))
	}
	return out
}

// mappedShare is how much of a case's bytes its receiver mapped instead of copying them: "94 %".
func mappedShare(c *results.CaseSummary) (string, bool) {
	mapped, ok := countOf(c, receiverMaps)
	copied, also := countOf(c, receiverCopies)
	if !ok || !also || mapped.high+copied.high == 0 {
		return "", false
	}
	low := formatShare(float64(mapped.low) / float64(max(1, mapped.low+copied.high)))
	high := formatShare(float64(mapped.high) / float64(max(1, mapped.high+copied.low)))
	if high != low {
		low += " to " + high
	}
	return low, true
}

// queued is how many chunks a case's path hands to io_uring by one system call; false where each operation makes its own.
func queued(c *results.CaseSummary) (int64, bool) {
	if _, uring := c.Evidence.Settings[ringFlags]; !uring {
		return 0, false // the depth of another ring: each of its chunks is sent by a call of its own
	}
	depth, ok := countOf(c, ringDepth)
	return depth.high, ok && depth.high > 1
}

// lumpy explains the times of operations of a path that queues them.
func lumpy(depth int64) string {
	return fmt.Sprintf("up to %d chunks go to io_uring by one system call: most operations only queue theirs, and one in %d waits for all of them", depth, depth)
}

// lumpyNote is lumpy for a chart of several cases; "" where none of them queues.
func lumpyNote(cases []*results.CaseSummary) string {
	var names []string
	most := int64(0)
	for _, c := range cases {
		if depth, ok := queued(c); ok {
			most = max(most, depth)
			if !slices.Contains(names, c.Params.Path) {
				names = append(names, c.Params.Path)
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " Of " + joinWords(names) + ", " + lumpy(most) + "."
}

// countsTable shows what the kernel said of zero-copy sends and receives; false where no case has any.
func countsTable(g group, cases []*results.CaseSummary) (table, bool) {
	t := table{Caption: g.Name + ": what the kernel said of sends and receives without a copy, per trial", Columns: []column{{Head: "case"}}}
	type counting struct {
		name   string
		head   column
		format func(int64) string
	}
	var shown []counting
	for _, k := range []counting{
		{zeroCopied, column{Head: "sends", Unit: "not copied", Numeric: true}, formatCount},
		{copiedAfter, column{Head: "sends", Unit: "copied after all", Numeric: true}, formatCount},
		{refusedSends, column{Head: "ENOBUFS", Numeric: true}, formatCount},
		{missingNotes, column{Head: "notifications", Unit: "missing", Numeric: true}, formatCount},
		{ringDepth, column{Head: "under way", Unit: "chunks at most", Numeric: true}, formatCount},
		{receiverMaps, column{Head: "received", Unit: "mapped", Numeric: true}, formatBytes},
		{receiverCopies, column{Head: "received", Unit: "copied", Numeric: true}, formatBytes},
	} {
		if slices.ContainsFunc(cases, func(c *results.CaseSummary) bool {
			_, ok := countOf(c, k.name)
			return ok && (k.name != ringDepth || hasCounts(c))
		}) {
			shown = append(shown, k)
			t.Columns = append(t.Columns, k.head)
		}
	}
	if len(shown) == 0 {
		return t, false
	}
	for _, c := range cases {
		if !hasCounts(c) {
			continue
		}
		row := []cell{{Text: label(c)}}
		for _, k := range shown {
			text := ""
			if n, ok := countOf(c, k.name); ok {
				text = n.text(k.format)
			}
			row = append(row, cell{Text: text})
		}
		t.Rows = append(t.Rows, row)
	}
	return t, len(t.Rows) > 0
}

// hasCounts says whether the kernel counted anything for a case.
func hasCounts(c *results.CaseSummary) bool {
	for name := range c.Evidence.Settings {
		if _, ok := countOf(c, name); ok && counted(name) {
			return true
		}
	}
	return false
}

// connection is what TCP_INFO says of the side that sends; of the other where only that is known.
func connection(c *results.CaseSummary) (side string, info *results.TCPInfo) {
	for _, side := range []string{"sender", "receiver"} {
		if t := c.Evidence.Sides[side].TCP; t != nil {
			return side, t
		}
	}
	return "", nil
}

// tcpTable shows what the kernel said of the connections; false where it said nothing.
func tcpTable(g group, cases []*results.CaseSummary) (table, bool) {
	greatest := map[string]float64{}
	sides := map[string]bool{}
	for _, c := range cases {
		side, info := connection(c)
		if info == nil {
			continue
		}
		sides[side] = true
		for name, v := range map[string]measured.Int{"rtt": info.RTTNS, "least": info.MinRTTNS, "rate": info.DeliveryBytesPerSecond} {
			if n, ok := v.Get(); ok {
				greatest[name] = max(greatest[name], float64(n))
			}
		}
	}
	if len(sides) == 0 {
		return table{}, false
	}
	rtt, least, rate := timeUnit(greatest["rtt"]), timeUnit(greatest["least"]), rateUnit(greatest["rate"])
	t := table{Caption: g.Name + ": the sender's connections, as TCP_INFO tells of them at the end of a trial, and what its network interface sent (medians)", Columns: []column{
		{Head: "case"}, {Head: "connections", Numeric: true}, {Head: "sent again", Unit: "segments", Numeric: true},
		{Head: "RTT", Unit: rtt.Name, Numeric: true}, {Head: "least RTT", Unit: least.Name, Numeric: true}, {Head: "delivery rate", Unit: rate.Name, Numeric: true},
		{Head: "segment", Unit: "B of payload", Numeric: true}, {Head: "window", Unit: "segments", Numeric: true}, {Head: "on the link", Unit: "B/B", Numeric: true},
		{Head: "held up by", Unit: "receiver's window", Numeric: true}, {Head: "held up by", Unit: "send buffer", Numeric: true}, {Head: "congestion control"},
	}}
	for _, c := range cases {
		side, info := connection(c)
		if info == nil {
			continue
		}
		name := label(c)
		if side != "sender" {
			name += " (" + side + ")"
		}
		in := func(u unit) func(int64) string {
			return func(n int64) string { return significant(float64(n)/u.Size, 3) }
		}
		busy := func(v measured.Int) cell {
			part, ok := v.Get()
			whole, known := info.BusyNS.Get()
			switch {
			case !ok:
				return t.note(v.Why())
			case !known:
				return t.note(info.BusyNS.Why())
			case whole <= 0:
				return cell{}
			}
			return cell{Text: formatShare(float64(part) / float64(whole))}
		}
		t.Rows = append(t.Rows, []cell{
			{Text: name}, {Text: formatCount(int64(info.Connections))}, valueCell(&t, info.Retransmits, formatCount),
			valueCell(&t, info.RTTNS, in(rtt)), valueCell(&t, info.MinRTTNS, in(least)), valueCell(&t, info.DeliveryBytesPerSecond, in(rate)),
			valueCell(&t, info.SegmentBytes, formatCount), valueCell(&t, info.CwndSegments, formatCount),
			valueCell(&t, c.Evidence.LinkBytesPerByte, func(v float64) string { return significant(v, 4) }),
			busy(info.WindowLimitedNS), busy(info.SndbufLimitedNS), {Text: info.CongestionControl},
		})
	}
	return t, true
}

// hardwareReadings are a side's readings of the processor's counters.
func hardwareReadings(e results.SideEvidence) []measured.Float {
	return []measured.Float{e.CyclesPerKiB, e.InstructionsPerKiB, e.CacheMissesPerKiB}
}

// hardwareTable shows the processor's counters; false where no case has any.
func hardwareTable(g group, cases []*results.CaseSummary) (table, bool) {
	t := table{Caption: g.Name + ": the processor's own counters, per KiB of payload (medians)", Columns: []column{
		{Head: "case"}, {Head: "side"}, {Head: "cycles", Unit: "per KiB", Numeric: true}, {Head: "instructions", Unit: "per KiB", Numeric: true},
		{Head: "cache misses", Unit: "per KiB", Numeric: true},
	}}
	some := false
	for _, c := range cases {
		for _, name := range []string{"sender", "receiver", "writer"} {
			e, ok := c.Evidence.Sides[name]
			if !ok {
				continue
			}
			row := []cell{{Text: label(c)}, {Text: name}}
			for _, v := range hardwareReadings(e) {
				_, known := v.Get()
				some = some || known
				row = append(row, valueCell(&t, v, func(f float64) string { return significant(f, 3) }))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t, some
}

// noHardware says once for the whole run why there are no counters of the processor; "" where any case has some, and for
// records that know nothing of them.
func noHardware(s *results.Summary) string {
	var reasons []string
	for i := range s.Cases {
		for _, e := range s.Cases[i].Evidence.Sides {
			for _, v := range hardwareReadings(e) {
				if _, known := v.Get(); known {
					return ""
				}
				if why := v.Why(); s.Cases[i].Status == results.CaseMeasured && !slices.Contains(reasons, why) {
					reasons = append(reasons, why)
				}
			}
		}
	}
	reasons = slices.DeleteFunc(reasons, func(why string) bool { return why == "not recorded" })
	if len(reasons) == 0 {
		return ""
	}
	slices.Sort(reasons)
	return "Cycles, instructions and cache misses could not be counted: " + strings.Join(reasons, "; ") + "."
}
