package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"

	"copylab/results"
	"copylab/results/host"
	"copylab/results/measured"
)

// search makes a crossover out of sizes in KiB and what was shown at each: y, n or ?.
func search(path, metric, shown string) results.Crossover {
	x := results.Crossover{
		Label: path, Baseline: "read-write", Metric: metric, Params: withoutChunk(transferCase(0, path, 1, nil).Params),
		NotUpToBytes: measured.Unavailable[int64]("none"), FromBytes: measured.Unavailable[int64]("none"),
	}
	for i, r := range shown {
		chunk := int64(1024) << i
		p := results.CrossoverPoint{ChunkBytes: chunk, Ratio: 0.5, Low: 0.45, High: 0.55, Verdict: results.Lower, Better: "yes"}
		switch r {
		case 'n':
			p = results.CrossoverPoint{ChunkBytes: chunk, Ratio: 1.2, Low: 1.1, High: 1.3, Verdict: results.Higher, Better: "no"}
			x.NotUpToBytes, x.FromBytes = measured.Known(chunk), measured.Unavailable[int64]("none")
		case '?':
			p = results.CrossoverPoint{ChunkBytes: chunk, Ratio: 0.98, Low: 0.9, High: 1.04, Verdict: results.TooNoisy, Better: "undecided"}
		default:
			if _, ok := x.FromBytes.Get(); !ok {
				x.FromBytes = measured.Known(chunk)
			}
		}
		x.Tried = append(x.Tried, p)
	}
	return x
}

// TestCrossoverSentences goes through every way in which a search can end.
func TestCrossoverSentences(t *testing.T) {
	const paid = "; at 8 KiB it takes 0.50 times as much (interval 0.45 to 0.55)."
	for _, tt := range []struct{ name, shown, want, answer string }{
		{"a bracket", "nnyy", "splice takes less sender CPU per KiB than read-write from somewhere between 2 KiB and 4 KiB on" + paid,
			"splice takes less sender CPU per KiB than read-write from somewhere between 2 KiB and 4 KiB on"},
		{"a bracket with a size that showed nothing", "n?yy", "splice takes less sender CPU per KiB than read-write from somewhere between 1 KiB and 4 KiB on; at 2 KiB it is not shown" + paid,
			"splice takes less sender CPU per KiB than read-write from somewhere between 1 KiB and 4 KiB on"},
		{"everywhere", "yyyy", "splice takes less sender CPU per KiB than read-write at every size that was tried (1 KiB to 8 KiB)" + paid,
			"splice takes less sender CPU per KiB than read-write at every size that was tried (1 KiB to 8 KiB)"},
		{"everywhere that anything is shown", "?yyy", "splice takes less sender CPU per KiB than read-write from 2 KiB on at the latest; at 1 KiB it is not shown" + paid,
			"splice takes less sender CPU per KiB than read-write from 2 KiB on at the latest"},
		{"nowhere", "nn?n", "splice is shown to take less sender CPU per KiB than read-write at no size that was tried (1 KiB to 8 KiB); at 4 KiB it is not shown; at 8 KiB it takes 1.20 times as much (interval 1.10 to 1.30).",
			"splice takes less sender CPU per KiB than read-write (as far as is shown) at no size that was tried (1 KiB to 8 KiB)"},
		{"nowhere, and nothing shown at the largest", "nn??", "splice is shown to take less sender CPU per KiB than read-write at no size that was tried (1 KiB to 8 KiB); at 4 KiB it is not shown; at 8 KiB no difference is shown (0.98 times, interval 0.90 to 1.04).",
			"splice takes less sender CPU per KiB than read-write (as far as is shown) at no size that was tried (1 KiB to 8 KiB)"},
		{"not at the largest", "nyyn", "splice takes less sender CPU per KiB than read-write at 2 KiB and 4 KiB, but not at every larger size that was tried; at 8 KiB it takes 1.20 times as much (interval 1.10 to 1.30).",
			"splice takes less sender CPU per KiB than read-write at 2 KiB and 4 KiB, but not at every larger size that was tried"},
		{"nothing shown", "????", "Whether splice takes less sender CPU per KiB than read-write is not shown at any size that was tried (1 KiB to 8 KiB); at 8 KiB no difference is shown (0.98 times, interval 0.90 to 1.04).",
			"whether splice takes less sender CPU per KiB than read-write is not shown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := stated(nil)
			s.Crossovers = []results.Crossover{search("splice", results.MetricSenderCPU, tt.shown)}
			if got := crossoverSentences(s); len(got) != 1 || got[0] != tt.want {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
			if got, want := answer(s), "On this machine, "+tt.answer+"."; got != want {
				t.Errorf("answer %q\nwant %q", got, want)
			}
		})
	}
}

// TestSearchIsToldOnce checks that what a search found is not said again by sweeps or pairs, and that what it did not
// need appears nowhere but in one line.
func TestSearchIsToldOnce(t *testing.T) {
	s := crossoverSummary(t)
	if got := len(findings(s)); got != len(s.Crossovers) {
		t.Errorf("%d findings for %d crossovers:\n%s", got, len(s.Crossovers), strings.Join(findings(s), "\n"))
	}
	needless := 0
	labels := map[string]bool{}
	for _, c := range s.Cases {
		if c.Status == results.CaseNotNeeded {
			needless++
			labels[c.Label] = true
		}
	}
	want := fmt.Sprintf("%d of %d combinations of a path and a chunk size were not needed: the search found its answer without them", needless, len(s.Cases))
	if got := notMeasured(s); !slices.Equal(got, []string{want}) || needless == 0 {
		t.Errorf("got %q, want %q", got, want)
	}
	// What the search would have looked at next has one line too, and no row.
	for i := range s.Cases {
		if c := &s.Cases[i]; c.Status == results.CaseNotNeeded && i%2 == 0 {
			c.Status, c.Reason = results.CaseNotReached, "the run ended before"
		}
	}
	if got := notMeasured(s); len(got) != 2 || !strings.HasSuffix(got[0], " cases of splice, mmap-zerocopy and read-write: not reached: the run ended before") {
		t.Errorf("got %q", got)
	}
	d := newDocument(s)
	for _, tab := range slices.Concat(d.Results, d.Evidence) {
		for _, row := range tab.Rows {
			if labels[row[0].Text] {
				t.Errorf("%s: %s was not needed", tab.Caption, row[0].Text)
			}
		}
	}
}

// TestCrossoverChart holds the drawn lanes against what the search found.
func TestCrossoverChart(t *testing.T) {
	f := figuresOf(crossoverSummary(t))[0]
	b, ok := f.body.(laneBody)
	if !ok || b.Level != 1 || !b.Whiskers || len(b.Lanes) != 5 || len(b.Curves) != 5 {
		t.Fatalf("%T with %d lanes", f.body, len(b.Lanes))
	}
	for i, want := range []struct {
		low, high, pays float64
	}{{512, 1024, 1024}, {8192, 16384, 16384}, {0, 0, 0}, {512 << 10, 1 << 20, 1 << 20}, {0, 0, 512}} {
		l := b.Lanes[i]
		if l.Shade.Low != want.low || l.Shade.High != want.high || l.Pays != want.pays {
			t.Errorf("%s: %v to %v, pays from %v; want %+v", l.Text, l.Shade.Low, l.Shade.High, l.Pays, want)
		}
	}
	if !strings.Contains(f.Title, "4 of 5 paths take less sender CPU per KiB than read-write") {
		t.Errorf("title %q", f.Title)
	}
	// Of one or two paths the bracket is shaded behind the curves too.
	s := stated(nil)
	s.Crossovers = []results.Crossover{search("splice", results.MetricSenderCPU, "nnyy")}
	f = figuresOf(s)[0]
	if b := f.body.(laneBody); len(b.Shades) != 1 || b.Shades[0].Low != 2048 || b.Shades[0].High != 4096 {
		t.Errorf("shades %+v", b.Shades)
	}
	if _, err := f.svg(); err != nil {
		t.Error(err)
	}
}

// TestFullLink checks that a full link's throughput is nobody's merit: not in words, tables or titles.
func TestFullLink(t *testing.T) {
	s := nicSummary(t)
	full := func(text string) bool { return strings.HasPrefix(text, "Over veth rate=1Gbit: ") }
	n := 0
	for _, text := range findings(s) {
		if !full(text) {
			continue
		}
		n++
		if !strings.HasPrefix(text, "Over veth rate=1Gbit: throughput is the link's (0.96 of 1 Gbit/s); ") || strings.Contains(text, "bytes per second") {
			t.Errorf("%q", text)
		}
	}
	if n != 3 {
		t.Errorf("%d findings about the full link, want 3", n)
	}
	if got := answer(s); !strings.HasPrefix(got, "On this machine, over veth rate=1Gbit, splice takes 0.55 times the sender's CPU per KiB of read-write") || !strings.Contains(got, "throughput is the link's (0.96 of 1 Gbit/s); over veth rate=10Gbit, splice moves") {
		t.Errorf("answer %q", got)
	}
	tab := newDocument(s).Results[0]
	for r, row := range tab.Rows[1:4] {
		if !strings.HasSuffix(row[3].Text, "] link") || row[3].Tone != dimTone {
			t.Errorf("row %d: %+v", r+1, row[3])
		}
	}
	at := slices.IndexFunc(tab.Columns, func(c column) bool { return c.Head == "link used" })
	if at < 0 || tab.Rows[0][at].Text != "0.96" {
		t.Errorf("no share of the link in %+v", tab.Columns)
	}
	if got := figuresOf(s)[0].Title; !strings.HasSuffix(got, "; over veth rate=1Gbit it is the link's") {
		t.Errorf("title %q", got)
	}
	for i := range s.Cases {
		s.Cases[i].Bottleneck = results.LimitLink
	}
	if got := figuresOf(s)[0].Title; got != "Throughput is the link's (0.53 to 0.96 of its rate), whatever the path" {
		t.Errorf("title %q", got)
	}
	if got := strings.Join(warnings(s), "\n"); strings.Count(got, "filled the link") != 1 {
		t.Errorf("the full link is not told once:\n%s", got)
	}
}

// TestFullLinkInASweep takes the sizes at which both paths filled the link out of the answer.
func TestFullLinkInASweep(t *testing.T) {
	var cases []results.Case
	var comparisons []results.Comparison
	for i := range 4 {
		rw, sf := transferCase(0, "read-write", 1024<<i, nil), transferCase(0, "sendfile", 1024<<i, nil)
		cases = append(cases, rw, sf)
		comparisons = append(comparisons, compared(sf, rw, results.MetricThroughput, 1.3, 1.2, 1.4, results.Higher))
	}
	s := stated(cases, comparisons...)
	for i := range s.Cases[4:] {
		s.Cases[4+i].Bottleneck = results.LimitLink
		s.Comparisons[2+i/2].Verdict = results.NoDifference
	}
	got := findings(s)
	if len(got) != 1 || !strings.Contains(got[0], "sendfile pays at every chunk size measured, from 1 KiB to 2 KiB") || !strings.Contains(got[0], "At 4 KiB and 8 KiB both filled the link") {
		t.Errorf("got %q", got)
	}
	for i := range s.Cases {
		s.Cases[i].Bottleneck = results.LimitLink
	}
	if got := findings(s); len(got) != 1 || !strings.HasPrefix(got[0], "Throughput is the link's at every chunk size measured") {
		t.Errorf("got %q", got)
	}
	if got := figuresOf(s)[0].Title; got != "Throughput is the link's, whatever the path and the chunk" {
		t.Errorf("title %q", got)
	}
}

func TestRemote(t *testing.T) {
	s := remoteSummary(t)
	if got := answer(s); !strings.HasPrefix(got, "Between these two machines, sendfile takes 0.51 times the sender's CPU per KiB of read-write, while throughput is the link's") {
		t.Errorf("answer %q", got)
	}
	page := rendered(t, s, "markdown", Options{})
	for _, want := range []string{
		"to elsewhere, Other Imaginary CPU", "### The receivers' machine", "Other Imaginary CPU, 4 logical cores", "4096 131072 33554432 (the sender's: not recorded)",
		"2 settings, the same as the sender's", "mlx5\\_core, 25 Gbit/s, MTU 1500", "sender's end (enp1s0): 2.5 Gbit/s", "not known: driver (the kernel does not say), tx queues, rx queues (the driver does not count them)",
		"a send buffer of 1 MiB, bbr congestion control", "peer CPU, ns/KiB", "sent again, segments", "the processor's own counters, per KiB",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(page, "could not be counted") {
		t.Error("counters that are there are called missing")
	}
}

func TestInterfacesOfARecordThatKnowsNone(t *testing.T) {
	if got := nicFacts(host.Host{}); got != nil {
		t.Errorf("got %v", got)
	}
	if got := nicFacts(host.Host{NICs: []host.NIC{}}); len(got) != 1 || got[0].Value != "none is up but loopback" {
		t.Errorf("got %v", got)
	}
	if got := nicFacts(host.Host{NICs: []host.NIC{{Name: "unavailable: not on this system"}}}); len(got) != 1 || got[0].Value != "unavailable: not on this system" {
		t.Errorf("got %v", got)
	}
}

// TestAccounts checks every way in which the kernel can speak of zero-copy sends, and that nothing is made of what it
// did not say.
func TestAccounts(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings map[string]string
		want     []string
	}{
		{"all copied", map[string]string{zeroCopied: "0", copiedAfter: "18193", refusedSends: "0"}, []string{"send-zerocopy: the kernel copied all 18,193 zero-copy sends of a trial after all (loopback)."}},
		{"all copied, more or less of them", map[string]string{zeroCopied: "0", copiedAfter: "8193, 8190, 8191, …"}, []string{"send-zerocopy: the kernel copied all about 8190 to 8193 zero-copy sends of a trial after all (loopback)."}},
		{"none", map[string]string{zeroCopied: "8193", copiedAfter: "0"}, []string{"send-zerocopy: the kernel reports none of the 8193 zero-copy sends of a trial as copied (loopback)."}},
		{"some", map[string]string{zeroCopied: "7131", copiedAfter: "1062"}, []string{"send-zerocopy: the kernel reports 13 % of the 8193 zero-copy sends of a trial as copied (loopback)."}},
		{"one trial copied none, but there were more trials than are listed", map[string]string{zeroCopied: "8193", copiedAfter: "0, …"}, []string{"send-zerocopy: the kernel reports 0 % of the about 8193 zero-copy sends of a trial as copied (loopback)."}},
		{"nothing was sent", map[string]string{zeroCopied: "0", copiedAfter: "0"}, nil},
		{"no numbers", map[string]string{zeroCopied: "many", copiedAfter: "few"}, nil},
		{"no memory", map[string]string{refusedSends: "0, 12"}, []string{"send-zerocopy: the kernel refused zero-copy sends for want of memory (ENOBUFS), up to 12 times in a trial; each was tried again. net.core.optmem_max and the limit on locked memory (ulimit -l) set the bound."}},
		{"missing notifications", map[string]string{missingNotes: "3"}, []string{"send-zerocopy: for up to 3 zero-copy sends of a trial no notification came: what became of them is not known."}},
		{"mapped", map[string]string{receiverMaps: "940", receiverCopies: "60"}, []string{"send-zerocopy: the receiver mapped 94 % of the bytes into its memory and copied the rest."}},
		{"TLS", map[string]string{"tls_version": "TLS 1.3", "tls_cipher_suite": "X", "tls_record_bytes": "16384"}, []string{"send-zerocopy: encrypted by TLS 1.3 with X, in records of 16 KiB; the receiver decrypts, which a path without TLS spares it."}},
		{"nothing", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := stated([]results.Case{transferCase(0, "send-zerocopy", 4096, nil)})
			s.Cases[0].Evidence.Settings = tt.settings
			if got := accounts(groups(s)[0]); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestLumpyTimes marks the times of paths that queue several chunks, and of no others.
func TestLumpyTimes(t *testing.T) {
	s := tlsSummary(t)
	tab := newDocument(s).Results[0]
	at := slices.IndexFunc(tab.Columns, func(c column) bool { return c.Head == "op p50" })
	for i, row := range tab.Rows {
		if got, want := strings.Contains(row[at].Text, "["), strings.HasPrefix(s.Cases[i].Params.Path, "uring-"); got != want {
			t.Errorf("%s: %q", row[0].Text, row[at].Text)
		}
	}
	if len(tab.Notes) != 1 || !strings.Contains(tab.Notes[0], "up to 8 chunks go to io_uring by one system call") {
		t.Errorf("notes %q", tab.Notes)
	}
	for _, f := range figuresOf(s) {
		lumps := strings.HasPrefix(f.Name, "latency") || strings.HasPrefix(f.Name, "distribution")
		if got := strings.Contains(f.Caption, "Of uring-read-send and uring-send-zc, up to 8 chunks"); got != lumps {
			t.Errorf("%s: caption %q", f.Name, f.Caption)
		}
	}
}

// TestMissingCountersAreToldOnce looks for their reason in the whole page.
func TestMissingCountersAreToldOnce(t *testing.T) {
	page := rendered(t, nicSummary(t), "html", Options{})
	if n := strings.Count(page, "the machine has no counters of its own"); n != 1 {
		t.Errorf("told %d times", n)
	}
	if strings.Contains(page, "own counters, per KiB") {
		t.Error("a table of nothing")
	}
}

// TestPanels checks that a sweep over several numbers of streams has a panel for each, all over the same axes.
func TestPanels(t *testing.T) {
	f := figuresOf(primitivesSummary(t))[0]
	b, ok := f.body.(panelBody)
	if !ok || len(b.Panels) != 4 {
		t.Fatalf("%T", f.body)
	}
	for i, p := range b.Panels {
		if want := plural(1<<i, "stream"); p.Title != want || len(p.Curves) != 3 || len(p.Like) != 12 {
			t.Errorf("panel %q with %d curves over the axes of %d, want %q", p.Title, len(p.Curves), len(p.Like), want)
		}
	}
	if len(f.Data.Rows) != 72 {
		t.Errorf("%d rows of data, want 72", len(f.Data.Rows))
	}
	// More panels than can be taken in become charts of their own.
	s := primitivesSummary(t)
	for i := range s.Cases {
		if c := &s.Cases[i]; i%2 == 1 {
			c.Params.LinkOptions = "mtu=9000"
		}
	}
	if got, want := names(figuresOf(s))[:2], []string{"sweep-throughput-transfers-veth", "sweep-throughput-transfers-veth-mtu-9000"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestParametersInFiles checks that cases which differ only in the new parameters can be told apart in every format.
func TestParametersInFiles(t *testing.T) {
	bare := transferCase(0, "send", 4096, func(p *results.Params) { p.Source, p.Cache, p.Link = "memory", "", "veth" })
	cases := []results.Case{bare}
	for i, change := range []func(*results.Params){
		func(p *results.Params) { p.LinkOptions = "rate=1Gbit sg=off" }, func(p *results.Params) { p.SoSndbufBytes = 65536 }, func(p *results.Params) { p.SoRcvbufBytes = 65536 },
		func(p *results.Params) { p.Nodelay = "off" }, func(p *results.Params) { p.Cork = "on" }, func(p *results.Params) { p.Congestion = "bbr" },
	} {
		c := bare
		change(&c.Params)
		c.ID += fmt.Sprint(i)
		cases = append(cases, c)
	}
	var comparisons []results.Comparison
	for _, c := range cases[1:] {
		comparisons = append(comparisons, compared(c, bare, results.MetricThroughput, 1.31, 1.28, 1.35, results.Higher))
	}
	s := stated(cases, comparisons...)
	seen := map[string]bool{}
	r := benchfmt.NewReader(strings.NewReader(rendered(t, s, "gobench", Options{})), "test")
	for r.Scan() {
		if rec, ok := r.Result().(*benchfmt.Result); ok {
			name := string(rec.Name.Full())
			if seen[name] || !strings.Contains(name, "/source=memory") {
				t.Errorf("%s: a name that says too little", name)
			}
			seen[name] = true
		}
	}
	if len(seen) != len(cases) || !slices.ContainsFunc(sortedKeys(seen), func(n string) bool { return strings.Contains(n, "/linkoptions=rate1Gbit,sgoff/") }) {
		t.Errorf("names %q", sortedKeys(seen))
	}
	var heads []string
	for _, f := range findings(s) {
		_, claim, _ := strings.Cut(f, ": ")
		heads = append(heads, strings.Split(claim, " (")[0])
	}
	for i, want := range []string{
		"send over veth rate=1Gbit sg=off moves 1.31 times as many bytes per second as send over veth",
		"send with a send buffer of 64 KiB moves 1.31 times as many bytes per second as send with an automatic send buffer",
		"send with a receive buffer of 64 KiB moves 1.31 times as many bytes per second as send with an automatic receive buffer",
		"send with TCP_NODELAY off moves 1.31 times as many bytes per second as send with TCP_NODELAY on",
		"send with TCP_CORK on moves 1.31 times as many bytes per second as send with TCP_CORK off",
		"send with bbr congestion control moves 1.31 times as many bytes per second as send with the default congestion control",
	} {
		if i >= len(heads) || heads[i] != want {
			t.Errorf("got %q\nwant %q", heads, want)
			break
		}
	}
}

// TestSettingsDoNotFloodThePage puts together what the kernel adapts in each connection.
func TestSettingsDoNotFloodThePage(t *testing.T) {
	var cases []results.Case
	for i := range 7 {
		cases = append(cases, transferCase(0, "sendfile", 1024<<i, nil))
	}
	s := stated(cases)
	for i := range s.Cases {
		s.Cases[i].Evidence.Settings = map[string]string{"so_rcvbuf_bytes": fmt.Sprintf("%d, %d, …", 1000+i, 5000+i), "tcp_nodelay": "1"}
	}
	want := []fact{{"so_rcvbuf_bytes", "about 1000 to 5006, not the same in all cases and trials"}, {"tcp_nodelay", "1"}}
	if got := caseSettings(s).Items; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTakenAlong says what the kernel did beyond what was asked for.
func TestTakenAlong(t *testing.T) {
	nic := func(sg, tso, gso, csum string) host.NIC {
		return host.NIC{SG: sg, TSO: tso, GSO: gso, TxChecksum: csum}
	}
	s := &results.Summary{}
	s.Run.Links = []results.Link{
		{Kind: "loopback", Sender: nic("off", "off", "off", "off")}, // nobody asked for anything
		{Kind: "veth", Sender: nic("on", "on", "on", "on")},
		{Kind: "veth", Options: "sg=off", Sender: nic("off", "off", "off", "on")},
		{Kind: "veth", Options: "rate=1Gbit tso=off", Sender: nic("on", "off", "on", "on")},
		{Kind: "veth", Options: "csum=off", Sender: nic("unavailable: why", "off", "on", "off")},
	}
	want := []string{
		"On veth sg=off the kernel switched off TSO and GSO too: what that link costs is the price of all of it together.",
		"On veth csum=off the kernel switched off TSO too: what that link costs is the price of all of it together.",
	}
	if got := takenAlong(s); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
