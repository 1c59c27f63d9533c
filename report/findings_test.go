package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"copylab/results"
	"copylab/results/measured"
)

// stated is a summary whose comparisons are given, not measured.
func stated(cases []results.Case, comparisons ...results.Comparison) *results.Summary {
	s := &results.Summary{Schema: 1, Run: results.RunSummary{Scenario: "stated", Title: "Stated", Stopped: results.StopPrecise}}
	labels := results.Labels(cases)
	for _, c := range cases {
		m := results.Metric{Median: 1000, Low: 900, High: 1100, Confidence: 0.96, Values: []float64{1000}}
		cs := results.CaseSummary{ID: c.ID, Kind: c.Kind, Label: labels[c.ID], Part: c.Part, Params: c.Params, Status: results.CaseMeasured, Trials: 12, Bottleneck: results.LimitSender}
		if c.Kind == results.Write {
			cs.Metrics = map[string]results.Metric{results.MetricAccepted: m}
			cs.Bottleneck = results.LimitMemory
		} else {
			cs.Metrics = map[string]results.Metric{results.MetricThroughput: m, results.MetricSenderCPU: m}
		}
		s.Cases = append(s.Cases, cs)
	}
	s.Comparisons = comparisons
	return s
}

func compared(c, baseline results.Case, metric string, ratio, low, high float64, v results.Verdict) results.Comparison {
	return results.Comparison{Metric: metric, Case: c.ID, Baseline: baseline.ID, Ratio: ratio, Low: low, High: high, Confidence: 0.961, Pairs: 12, Verdict: v, Headline: true}
}

func TestFindings(t *testing.T) {
	rw, sf := transferCase(0, "read-write", 64<<10, nil), transferCase(0, "sendfile", 64<<10, nil)
	cold := transferCase(0, "sendfile", 64<<10, func(p *results.Params) { p.Cache = "cold" })
	four := transferCase(0, "sendfile", 64<<10, func(p *results.Params) { p.Streams = 4 })
	appendNone, randomNone := writeCase(0, "append", "buffered", "none"), writeCase(0, "random", "buffered", "none")
	appendEnd, randomEnd := writeCase(0, "append", "buffered", "end"), writeCase(0, "random", "buffered", "end")
	appendDsync, randomDsync := writeCase(1, "append", "direct-dsync", "none"), writeCase(1, "random", "direct-dsync", "none")
	fetch := func(path, loop string, load float64) results.Case {
		return transferCase(0, path, 64<<10, func(p *results.Params) { p.Workload, p.Loop, p.LoadShare = "fetch", loop, load })
	}
	frw, fsf := fetch("read-write", "open", 0.5), fetch("sendfile", "open", 0.5)
	crw, csf := fetch("read-write", "closed", 0), fetch("sendfile", "closed", 0)

	tests := []struct {
		name   string
		s      *results.Summary
		edit   func(*results.Summary)
		want   []string
		answer string
	}{
		{
			"a difference in both metrics", stated([]results.Case{rw, sf},
				compared(sf, rw, results.MetricThroughput, 1.31, 1.28, 1.35, results.Higher), compared(sf, rw, results.MetricSenderCPU, 0.52, 0.50, 0.54, results.Lower)),
			func(s *results.Summary) { s.Cases[1].Bottleneck = results.LimitReceiver },
			[]string{"sendfile moves 1.31 times as many bytes per second as read-write (95 % interval 1.28 to 1.35, 12 pairs), and takes 0.52 times the sender's CPU per KiB (0.50 to 0.54). " +
				"Limited by: read-write sender CPU, sendfile receiver CPU. So throughput can't show the whole difference between the senders; their CPU per KiB can."},
			"On this machine, sendfile moves 1.31 times as many bytes per second as read-write and takes 0.52 times the sender's CPU per KiB.",
		},
		{
			"no difference, both limited by the link", stated([]results.Case{rw, sf},
				compared(sf, rw, results.MetricThroughput, 1.00, 0.98, 1.02, results.NoDifference), compared(sf, rw, results.MetricSenderCPU, 0.52, 0.50, 0.54, results.Lower)),
			func(s *results.Summary) {
				s.Cases[0].Bottleneck, s.Cases[1].Bottleneck = results.LimitLink, results.LimitLink
			},
			[]string{"Throughput is the link's; sendfile takes 0.52 times the sender's CPU per KiB of read-write (95 % interval 0.50 to 0.54, 12 pairs)."},
			"On this machine, sendfile takes 0.52 times the sender's CPU per KiB of read-write, while throughput is the link's.",
		},
		{
			"too noisy, and CPU that shows nothing is not recommended", stated([]results.Case{rw, sf},
				compared(sf, rw, results.MetricThroughput, 1.4, 0.7, 2.2, results.TooNoisy), compared(sf, rw, results.MetricSenderCPU, 0.9, 0.5, 1.4, results.TooNoisy)),
			func(s *results.Summary) { s.Cases[1].Bottleneck = results.LimitReceiver },
			[]string{"sendfile against read-write. Too noisy to say for bytes per second (1.40 times, 95 % interval 0.70 to 2.20, 12 pairs), for the sender's CPU per KiB (0.90 times, 0.50 to 1.40). " +
				"Limited by: read-write sender CPU, sendfile receiver CPU. So throughput can't show the whole difference between the senders."},
			"On this machine, the run is too noisy to say how sendfile and read-write differ in bytes per second and the sender's CPU per KiB.",
		},
		{
			"other parameters than the path", stated([]results.Case{sf, cold, four},
				compared(cold, sf, results.MetricThroughput, 0.11, 0.10, 0.12, results.Lower), compared(four, sf, results.MetricThroughput, 2.5, 2.4, 2.6, results.Higher)), nil,
			[]string{
				"With 1 stream: sendfile with a cold cache moves 0.11 times as many bytes per second as sendfile with a warm cache (95 % interval 0.10 to 0.12, 12 pairs). Both limited by: sender CPU.",
				"With a warm cache: sendfile with 4 streams moves 2.50 times as many bytes per second as sendfile with 1 stream (95 % interval 2.40 to 2.60, 12 pairs). Both limited by: sender CPU.",
			},
			"On this machine, with a warm cache, sendfile with 4 streams moves 2.50 times as many bytes per second as sendfile with 1 stream.",
		},
		{
			"writes", stated([]results.Case{appendNone, randomNone, appendEnd, randomEnd, appendDsync, randomDsync},
				compared(randomNone, appendNone, results.MetricIOPS, 0.92, 0.90, 0.94, results.Lower), compared(randomNone, appendNone, results.MetricAccepted, 0.92, 0.90, 0.94, results.Lower),
				compared(randomEnd, appendEnd, results.MetricAccepted, 0.95, 0.9, 1.1, results.NoDifference), compared(randomEnd, appendEnd, results.MetricDurable, 0.31, 0.29, 0.34, results.Lower),
				compared(randomDsync, appendDsync, results.MetricAccepted, 1.2, 1.1, 1.3, results.Higher), compared(randomDsync, appendDsync, results.MetricDurable, 1.2, 1.1, 1.3, results.Higher)), nil,
			[]string{
				"Buffered, without a sync: random writes reach 0.92 times the accepted rate of appends (95 % interval 0.90 to 0.94, 12 pairs). Both limited by: memory (page cache).",
				"Buffered, with one fdatasync at the end: random writes reach 0.31 times the durable rate of appends (95 % interval 0.29 to 0.34, 12 pairs). No difference shown in the accepted rate (0.95 times, 95 % interval 0.90 to 1.10, 12 pairs). Both limited by: memory (page cache).",
				"With O_DIRECT and O_DSYNC: random writes reach 1.20 times the durable rate of appends (95 % interval 1.10 to 1.30, 12 pairs). Both limited by: memory (page cache).",
			},
			"On this machine, appends are 1.09 times (1.06 to 1.11) as fast as random writes through the page cache, 3.23 times (2.94 to 3.45) until durable; random writes are 1.20 times (1.10 to 1.30) as fast as appends when each is made durable by itself.",
		},
		{
			"fetches; an open loop's rate is not a finding", stated([]results.Case{crw, csf, frw, fsf},
				compared(csf, crw, results.MetricFetchP50, 0.85, 0.84, 0.86, results.Lower), compared(csf, crw, results.MetricRequests, 1.2, 1.1, 1.3, results.Higher),
				compared(fsf, frw, results.MetricFetchP50, 0.80, 0.75, 0.86, results.Lower), compared(fsf, frw, results.MetricFetchP99, 0.7, 0.6, 0.8, results.Lower), compared(fsf, frw, results.MetricRequests, 1.002, 1.001, 1.003, results.Higher)), nil,
			[]string{
				"In a closed loop: sendfile has 0.85 times the median fetch time of read-write (95 % interval 0.84 to 0.86, 12 pairs), and serves 1.20 times as many requests per second (1.10 to 1.30). Both limited by: sender CPU.",
				"In an open loop at 50 % of the closed-loop rate: sendfile has 0.80 times the median fetch time of read-write (95 % interval 0.75 to 0.86, 12 pairs), and 0.70 times the 99th percentile of the fetch time (0.60 to 0.80). Both limited by: sender CPU.",
			},
			"On this machine, in a closed loop, sendfile has 0.85 times the median fetch time of read-write.",
		},
		{
			"a failed case makes no claim", stated([]results.Case{rw, sf}, compared(sf, rw, results.MetricThroughput, 1.31, 1.28, 1.35, results.Higher)),
			func(s *results.Summary) {
				s.Cases[1].Status, s.Cases[1].Reason = results.CaseFailed, "trial 7 (block 2): the receiver died"
			},
			nil, "On this machine, read-write reached 1000 B/s of throughput; there was nothing to compare.",
		},
		{
			"noise is told once", stated([]results.Case{rw, sf, appendEnd, randomEnd},
				compared(sf, rw, results.MetricThroughput, 1.4, 0.7, 2.2, results.TooNoisy), compared(sf, rw, results.MetricSenderCPU, 0.3, 0.2, 0.4, results.Lower),
				compared(randomEnd, appendEnd, results.MetricDurable, 0.9, 0.5, 1.4, results.TooNoisy)),
			nil,
			[]string{
				"sendfile takes 0.30 times the sender's CPU per KiB of read-write (95 % interval 0.20 to 0.40, 12 pairs). Too noisy to say for bytes per second (1.40 times, 95 % interval 0.70 to 2.20, 12 pairs). Both limited by: sender CPU.",
				"Buffered, with one fdatasync at the end: random writes against appends. Too noisy to say for the durable rate (0.90 times, 95 % interval 0.50 to 1.40, 12 pairs). Both limited by: memory (page cache).",
			},
			"On this machine, sendfile takes 0.30 times the sender's CPU per KiB of read-write; the run is too noisy to say how sendfile and read-write differ in bytes per second, or how random writes and appends differ in the durable rate.",
		},
		{"nothing at all", stated(nil), nil, nil, "Nothing could be measured, so there is no answer."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.edit != nil {
				tt.edit(tt.s)
			}
			got := findings(tt.s)
			if !slices.Equal(got, tt.want) {
				t.Errorf("findings:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if a := answer(tt.s); a != tt.answer {
				t.Errorf("answer:\n%s\nwant:\n%s", a, tt.answer)
			}
		})
	}
}

// TestSweepPayoff goes through every way in which verdicts can lie along the chunk sizes.
func TestSweepPayoff(t *testing.T) {
	const h, l, n, z = results.Higher, results.Lower, results.NoDifference, results.TooNoisy
	for _, tt := range []struct {
		name     string
		verdicts []results.Verdict // of throughput, from 1 KiB on
		want     string            // how the finding goes on
		answer   string
	}{
		{"from the middle on", []results.Verdict{l, n, h, h}, "sendfile starts to pay at 4 KiB chunks: there and at every larger size measured it beats read-write.", "from 4 KiB chunks on"},
		{"everywhere", []results.Verdict{h, h, h, h}, "sendfile pays at every chunk size measured, from 1 KiB to 8 KiB: it beats read-write at each.", "at every chunk size measured"},
		{"nowhere", []results.Verdict{l, n, z, n}, "sendfile is shown to beat read-write at no chunk size measured, from 1 KiB to 8 KiB.", "at no chunk size measured"},
		{"at the end only", []results.Verdict{l, n, z, h}, "sendfile is shown to beat read-write only at the largest chunk size measured, 8 KiB.", "at the largest chunk size measured"},
		{"with a hole", []results.Verdict{l, h, z, h}, "sendfile beats read-write at 2 KiB and 8 KiB, the last of which is the largest size measured, but not at the sizes between: from where on it pays is not shown.", "at the largest chunk size measured"},
		{"not at the end", []results.Verdict{h, h, h, n}, "sendfile beats read-write at 1 KiB, 2 KiB and 4 KiB, but not at every larger size measured: there is no chunk size from which on it pays.", "at some chunk sizes only"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var cases []results.Case
			var comparisons []results.Comparison
			for i, v := range tt.verdicts {
				rw, sf := transferCase(0, "read-write", 1024<<i, nil), transferCase(0, "sendfile", 1024<<i, nil)
				cases = append(cases, rw, sf)
				comparisons = append(comparisons, compared(sf, rw, results.MetricThroughput, 0.8+0.2*float64(i), 0.79, 1.5, v))
			}
			s := stated(cases, comparisons...)
			got := findings(s)
			want := "In bytes per second, " + tt.want + " The ratio goes from 0.80 at 1 KiB to 1.40 at 8 KiB (there the 95 % interval is 0.79 to 1.50, 12 pairs)."
			if len(got) != 1 || got[0] != want {
				t.Errorf("got %q\nwant %q", got, want)
			}
			verb := "beats"
			if tt.name == "nowhere" { // which is no proof that it does not
				verb = "is shown to beat"
			}
			if want := "On this machine, sendfile " + verb + " read-write " + tt.answer + " in bytes per second."; answer(s) != want {
				t.Errorf("answer %q\nwant %q", answer(s), want)
			}
		})
	}
}

// TestNothingIsClaimedWithoutAVerdict takes every claim away: no sentence may then say that one thing does more or less.
func TestNothingIsClaimedWithoutAVerdict(t *testing.T) {
	for name, s := range fixtures(t) {
		for _, v := range []results.Verdict{results.NoDifference, results.TooNoisy} {
			for i := range s.Comparisons {
				s.Comparisons[i].Verdict = v
			}
			for i := range s.Crossovers {
				x := &s.Crossovers[i]
				x.NotUpToBytes, x.FromBytes = measured.Unavailable[int64]("nothing is shown"), measured.Unavailable[int64]("nothing is shown")
				for k := range x.Tried {
					x.Tried[k].Verdict, x.Tried[k].Better = v, "undecided"
				}
			}
			texts := append(findings(s), answer(s))
			for _, f := range figuresOf(s) {
				texts = append(texts, f.Title)
			}
			for _, text := range texts {
				for _, w := range wordings() {
					for _, verb := range []string{w.Verb, phrase{plural: true}.verb(w.Verb)} {
						if strings.Contains(text, " "+verb+" ") && strings.Contains(text, w.Ratio) {
							t.Errorf("%s, %s: %q claims a difference", name, v, text)
						}
					}
				}
				for _, claim := range []string{"starts to pay", "pays at every", " from 16 KiB chunks on", "beats read-write from"} {
					if strings.Contains(text, claim) {
						t.Errorf("%s, %s: %q claims a difference", name, v, text)
					}
				}
			}
			var b strings.Builder
			if err := Write(&b, s, "table", Options{Width: 200}); err != nil {
				t.Fatal(err)
			}
			table, _, _ := strings.Cut(b.String(), "Ratios are")
			if strings.ContainsAny(table, "▲▼★") {
				t.Errorf("%s, %s: a table marks a difference:\n%s", name, v, table)
			}
		}
	}
}

// fixtures are all made-up runs by name.
func fixtures(t testing.TB) map[string]*results.Summary {
	return map[string]*results.Summary{
		"tour": tourSummary(t), "staged": stagedSummary(t), "sweep": sweepSummary(t), "fetch": fetchSummary(t), "many": manySummary(t), "noisy": noisySummary(t), "alone": aloneSummary(t), "empty": stated(nil),
		"nic": nicSummary(t), "remote": remoteSummary(t), "primitives": primitivesSummary(t), "crossover": crossoverSummary(t), "tls": tlsSummary(t),
		"writes": writesSummary(t), "cliff": cliffSummary(t), "depth": depthSummary(t), "commits": commitSummary(t), "one cliff": oneCliffSummary(t),
	}
}

func TestLimitsAndMissing(t *testing.T) {
	s := manySummary(t)
	s.Cases[2].Status, s.Cases[2].Reason = results.CaseFailed, "trial 9 (block 2): write: connection reset"
	s.Cases[3].Status, s.Cases[3].Reason = results.CaseFailed, "trial 9 (block 2): write: connection reset"
	want := []string{
		"mmap-write, warm; go-io-copy, warm: failed: trial 9 (block 2): write: connection reset",
		"sendfile, cold: unavailable: the file can't be made cold: tmpfs keeps its pages",
	}
	if got := notMeasured(s); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := limits(s), []string{"Transfers: sender CPU (read-write, warm)", "Transfers: receiver CPU (12 of 13 cases)"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWarnings(t *testing.T) {
	s := aloneSummary(t)
	s.Warnings, s.Cases[0].Warnings = []string{"of the run"}, []string{"of the case"}
	s.Run.Stopped = results.StopCutOff
	got := warnings(s)
	if !slices.Contains(got, "of the run") || !slices.Contains(got, "sendfile: of the case") || !strings.Contains(strings.Join(got, "\n"), "cut off") {
		t.Errorf("got %q", got)
	}
	s.Warnings = []string{"the record was cut in the middle of line 7"}
	if got := warnings(s); len(got) != 2 {
		t.Errorf("the cut is told twice: %q", got)
	}
}

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "copylab run tour --effort quick --seed 7"},
		{[]string{"run", "tour", "--out", "x", "--plain", "--effort=quick", "--seed", "7"}, "copylab run tour --effort=quick --seed 7"},
		{[]string{"/usr/bin/copylab", "run", "my file.yaml", "--out=x"}, "copylab run 'my file.yaml' --effort quick --seed 7"},
		{[]string{"tour", "--set", "transfer.chunk=4KiB,64KiB", "--out"}, "copylab run tour --set transfer.chunk=4KiB,64KiB --effort quick --seed 7"},
	} {
		if got := command(results.RunSummary{Scenario: "tour", Effort: "quick", Seed: 7, Args: c.args}); got != c.want {
			t.Errorf("%q: got %q, want %q", c.args, got, c.want)
		}
	}
}

func TestChartsThatAreAskedFor(t *testing.T) {
	s := tourSummary(t)
	all := len(figuresOf(s))
	s.Run.Charts = []string{}
	if n := len(figuresOf(s)); n != 0 || all == 0 {
		t.Errorf("an empty list of charts draws %d, and none named draws %d; want 0 and some", n, all)
	}
}

// TestWarningsAlike lists warnings that differ in their numbers only. A reader needs one of them, and how many there are.
func TestWarningsAlike(t *testing.T) {
	s := &results.Summary{Run: results.RunSummary{Stopped: results.StopPrecise}}
	for i := range 9 {
		id := string(rune('a' + i))
		s.Cases = append(s.Cases, results.CaseSummary{ID: id, Label: "case " + id, Status: results.CaseMeasured, Warnings: []string{
			fmt.Sprintf("the kernel counts in steps that are 0.%d of a trial's time", i+1), "one that all share",
		}})
	}
	s.Cases[0].Warnings = append(s.Cases[0].Warnings, "one that is alone")
	want := []string{
		"9 cases or comparisons, such as case a: the kernel counts in steps that are 0.1 of a trial's time (the others in other numbers: summary.json has each)",
		"9 cases or comparisons: one that all share",
		"case a: one that is alone",
	}
	if got := warnings(s); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s.Cases = s.Cases[:fewAlike]
	if got := warnings(s); len(got) != fewAlike+2 {
		t.Errorf("few stand one by one, got\n%s", strings.Join(got, "\n"))
	}
}
