package results

import (
	"encoding/json"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"copylab/results/measured"
)

func finiteNot() measured.Float { return measured.Known(math.NaN()) }

// wantMetrics compares the medians of a case's metrics; NaN stands for unavailable, and then why for its reason.
func wantMetrics(t *testing.T, c CaseSummary, want map[string]float64, why map[string]string) {
	t.Helper()
	for name, m := range c.Metrics {
		w, ok := want[name]
		switch {
		case why[name] != "":
			if m.Unavailable != why[name] {
				t.Errorf("%s: unavailable %q, want %q", name, m.Unavailable, why[name])
			}
		case !ok:
			t.Errorf("%s = %v is not expected", name, m.Median)
		case m.Unavailable != "" || math.Abs(m.Median-w) > 1e-9*w:
			t.Errorf("%s = %v (unavailable: %q), want %v", name, m.Median, m.Unavailable, w)
		}
	}
	for name := range want {
		if _, ok := c.Metrics[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range why {
		if _, ok := c.Metrics[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
}

// 64 MiB in 512 ms: 125 MiB/s. Over 65,536 KiB, 51.2 ms of user time are 781.25 ns each, 204.8 ms of system time 3125.
func TestStreamMetrics(t *testing.T) {
	s := build(fixtureRun(streamCase(caseRW, "read-write")), blocks(6, func(b int) Trial { return streamTrial(caseRW, b, 512_000_000) })...)
	c := s.Cases[0]
	if c.Status != CaseMeasured || c.Trials != 6 || c.BytesPerTrial != 64<<20 || c.Label != "read-write" {
		t.Errorf("got %+v", c)
	}
	wantMetrics(t, c, map[string]float64{
		MetricThroughput: 125 << 20,
		MetricSenderUser: 781.25, MetricSenderSystem: 3125, MetricSenderCPU: 3906.25,
		MetricReceiverUser: 390.625, MetricReceiverSystem: 1562.5, MetricReceiverCPU: 1953.125,
		MetricMachineCPU: 7812.5,
	}, nil)
	m := c.Metrics[MetricThroughput]
	if m.Low != m.Median || m.High != m.Median || m.Confidence != 0.96875 || len(m.Values) != 6 {
		t.Errorf("got %+v", m)
	}
	if len(c.Warnings) != 0 {
		t.Errorf("a clean case has warnings: %q", c.Warnings)
	}
	if c.Bottleneck != LimitNotShown {
		t.Errorf("bottleneck %q of sides that were half idle", c.Bottleneck)
	}
	if len(s.Warnings) != 0 {
		t.Errorf("a clean run has warnings: %q", s.Warnings)
	}
}

func TestOnlyCountedTrialsEnterMetrics(t *testing.T) {
	var trials []Trial
	for i, phase := range []Phase{PhaseVerify, PhaseCalibrate, PhaseWarmup} {
		odd := streamTrial(caseRW, 0, int64(i+1))
		odd.Phase = phase
		trials = append(trials, odd)
	}
	// The blocks arrive in any order; the values stand in the order of the blocks.
	for _, block := range []int{3, 1, 2} {
		trials = append(trials, streamTrial(caseRW, block, int64(block)*64_000_000))
	}
	c := build(fixtureRun(streamCase(caseRW, "read-write")), trials...).Cases[0]
	if got, want := c.Metrics[MetricThroughput].Values, []float64{1000 << 20, 500 << 20, 64 << 20 / 0.192}; c.Trials != 3 || !slices.Equal(got, want) {
		t.Errorf("%d trials, values %v, want %v", c.Trials, got, want)
	}
	if c.LatencyNS["op"].Count != 3*1024 {
		t.Errorf("%d operations, want those of the 3 counted trials", c.LatencyNS["op"].Count)
	}
	if got := c.Warnings; len(got) != 1 || !strings.Contains(got[0], "3 counted trials are too few") {
		t.Errorf("warnings %q", got)
	}
}

func TestFetchMetrics(t *testing.T) {
	fetchCase := streamCase(caseRW, "read-write")
	fetchCase.Params.Workload, fetchCase.Params.Loop = "fetch", "closed"
	// 1000 requests in 2 s; half of them take 1023 ns, half 2047 (values that the histogram holds exactly).
	trial := func(b int) Trial {
		tr := streamTrial(caseRW, b, 2_000_000_000)
		tr.Operations = 1000
		h := repeat(500, 1023)
		h.Merge(repeat(500, 2047).Histogram)
		tr.Latency["fetch"] = h
		return tr
	}
	c := build(fixtureRun(fetchCase), blocks(6, trial)...).Cases[0]
	want := map[string]float64{MetricRequests: 500, MetricFetchP50: 1023, MetricFetchP99: 2047}
	for name, w := range want {
		if got := c.Metrics[name].Median; got != w {
			t.Errorf("%s = %v, want %v", name, got, w)
		}
	}
	if _, ok := c.Metrics[MetricOffered]; ok {
		t.Error("a closed loop has an offered rate")
	}
	if l := c.LatencyNS["fetch"]; l.Count != 6000 || l.P50 != known(1023) || l.Max != known(2047) {
		t.Errorf("got %+v", l)
	}

	open := fetchCase
	open.Params.Loop, open.Params.LoadShare = "open", 0.5
	c = build(fixtureRun(open), blocks(6, func(b int) Trial {
		tr := trial(b)
		tr.OfferedPerSecond = measured.Known(250.0)
		tr.Sides["receiver"] = side(1, 0, 2_000_000_000, 2_000_000_000, nil)
		return tr
	})...).Cases[0]
	if got := c.Metrics[MetricOffered].Median; got != 250 {
		t.Errorf("offered %v", got)
	}
	if m := c.Metrics[MetricReceiverCPU]; !strings.Contains(m.Unavailable, "spins") {
		t.Errorf("the busy wait of an open loop counts as work: %+v", m)
	}
	if c.Bottleneck != LimitNotShown {
		t.Errorf("bottleneck %q of an open loop", c.Bottleneck)
	}
}

// Fewer than 100 requests in a trial have no p99.
func TestFetchPercentilesNeedOperations(t *testing.T) {
	fetchCase := streamCase(caseRW, "read-write")
	fetchCase.Params.Workload, fetchCase.Params.Loop = "fetch", "closed"
	c := build(fixtureRun(fetchCase), blocks(6, func(b int) Trial {
		tr := streamTrial(caseRW, b, 1000)
		tr.Latency["fetch"] = repeat(60+20*b, 1023) // 80, 100, …
		return tr
	})...).Cases[0]
	if got := c.Metrics[MetricFetchP99].Unavailable; got != "in 1 of 6 trials: p99 needs at least 100 operations, there were 80" {
		t.Errorf("p99: %q", got)
	}
	if got := c.Metrics[MetricFetchP50].Median; got != 1023 {
		t.Errorf("p50: %v", got)
	}
}

// 4,096,000 bytes accepted after 250 ms and durable after 500.
func TestWriteMetrics(t *testing.T) {
	run := fixtureRun(writeCase(caseAppend, "append"))
	c := build(run, blocks(6, func(b int) Trial { return writeTrial(caseAppend, b, 500_000_000) })...).Cases[0]
	want := map[string]float64{
		MetricIOPS: 4000, MetricAccepted: 16_384_000, MetricDurable: 8_192_000,
		MetricDeviceWrites: 1, MetricDeviceSettled: 1.5, MetricFlushes: 4, MetricInMemory: 0.5,
		MetricDeviceIOs: 1.5, MetricDeviceMerges: 0.25, MetricDeviceFlushes: 0.002,
		MetricWriterUser: 12_500, MetricWriterSystem: 12_500, MetricWriterCPU: 25_000, MetricMachineCPU: 125_000, MetricWriteP99: 2000,
	}
	const waitsForNone = "the writer does not wait after each write until it is durable"
	wantMetrics(t, c, want, map[string]string{MetricCommitP99: waitsForNone})
	if c.Evidence.BusyShare[disk] != measured.Known(0.8) || c.Evidence.BusyShare[writer] != measured.Known(0.2) {
		t.Errorf("busy shares %v", c.Evidence.BusyShare)
	}
	if len(c.Warnings) != 0 {
		t.Errorf("a clean case has warnings: %q", c.Warnings)
	}

	// Nothing is synced: flushes count against the time until accepted, and the durable rate says why there is none.
	unsynced := writeCase(caseAppend, "append")
	unsynced.Params.Sync, unsynced.Params.SyncCall = "none", ""
	c = build(fixtureRun(unsynced), blocks(6, func(b int) Trial {
		tr := writeTrial(caseAppend, b, 500_000_000)
		tr.DurableNS = measured.Unavailable[int64]("nothing is synced")
		delete(tr.Latency, "sync")
		return tr
	})...).Cases[0]
	delete(want, MetricDurable)
	want[MetricFlushes] = 8
	wantMetrics(t, c, want, map[string]string{MetricDurable: "nothing is synced", MetricCommitP99: waitsForNone})
	if _, ok := c.LatencyNS["sync"]; ok {
		t.Error("there is a sync latency without a sync")
	}
}

// An open loop of writes has the rate that it was offered, and a CPU time that is mostly a busy wait. Where each write waits for a sync, that wait
// has percentiles of its own.
func TestOpenLoopOfWrites(t *testing.T) {
	open := writeCase(caseAppend, "append")
	open.Params.Sync, open.Params.RatePerSecond = "group", 250
	c := build(fixtureRun(open), blocks(6, func(b int) Trial {
		tr := writeTrial(caseAppend, b, 500_000_000)
		tr.OfferedPerSecond = measured.Known(250.0)
		tr.Latency["commit"] = repeat(200, 1023)
		tr.Sides[writer] = side(0, 0, 500_000_000, 500_000_000, nil)
		return tr
	})...).Cases[0]
	if got := c.Metrics[MetricOfferedWrites].Median; got != 250 {
		t.Errorf("offered %v", got)
	}
	if got := c.Metrics[MetricCommitP99].Median; got != 1023 {
		t.Errorf("p99 of a commit: %v", got)
	}
	if m := c.Metrics[MetricWriterCPU]; !strings.Contains(m.Unavailable, "the writer of an open loop spins") {
		t.Errorf("the busy wait of an open loop counts as work: %+v", m)
	}
	if got := c.LatencyNS["commit"].Count; got != 1200 {
		t.Errorf("%d commits, want 6 × 200", got)
	}
	if c.Bottleneck != LimitNotShown {
		t.Errorf("bottleneck %q of an open loop", c.Bottleneck)
	}

	// A queue has no writer that could wait for one write.
	open.Params.RatePerSecond, open.Params.Sync, open.Params.Depth = 0, "every=1", 4
	c = build(fixtureRun(open)).Cases[0]
	if _, has := c.LatencyNS["commit"]; has || c.Metrics[MetricOfferedWrites].Why() != "not recorded" {
		t.Errorf("a closed loop of a queue has %v, offered %+v", c.LatencyNS, c.Metrics[MetricOfferedWrites])
	}
}

func TestNullMovesNoBytes(t *testing.T) {
	nullPath, nullWriter := streamCase("null", "null"), writeCase("null writer case", "append")
	nullWriter.Params.Method, nullWriter.Baseline = "null", "null"
	s := build(fixtureRun(nullPath, nullWriter), append(
		blocks(6, func(b int) Trial { return streamTrial("null", b, 1_000_000_000) }),
		blocks(6, func(b int) Trial { return writeTrial("null writer case", b, 1_000_000_000) })...)...)
	for i, name := range []string{"the null path moves no bytes", "the null writer writes no bytes"} {
		for metric, m := range s.Cases[i].Metrics {
			switch metric {
			case MetricIOPS:
				if m.Median != 2000 {
					t.Errorf("iops %+v", m)
				}
				continue
			case MetricWriteP99, MetricCommitP99: // the tool's own
				continue
			}
			if m.Unavailable != name {
				t.Errorf("%s: %+v, want unavailable: %s", metric, m, name)
			}
		}
		if s.Cases[i].Bottleneck != LimitNotShown || !strings.HasPrefix(s.Cases[i].Evidence.Verified, "not verified: ") {
			t.Errorf("got %+v", s.Cases[i])
		}
	}
	if len(s.Comparisons) != 0 {
		t.Errorf("the null writer is compared: %+v", s.Comparisons)
	}
}

// One trial without a reading makes the metric unavailable: a median over the rest would hide it.
func TestMetricThatSomeTrialsLack(t *testing.T) {
	sf := streamCase(caseSF, "sendfile")
	sf.Baseline = caseRW
	trials := blocks(6, func(b int) Trial {
		tr := streamTrial(caseSF, b, 1000)
		if b == 2 || b == 5 {
			tr.Machine.BusyNS = measured.Unavailable[int64]("no /proc/stat in block %d", b)
		}
		if b == 4 {
			delete(tr.Sides, "receiver")
		}
		return tr
	})
	trials = append(trials, blocks(6, func(b int) Trial { return streamTrial(caseRW, b, 1000) })...)
	s := build(fixtureRun(streamCase(caseRW, "read-write"), sf), trials...)
	for name, want := range map[string]string{
		MetricMachineCPU:  "in 2 of 6 trials: no /proc/stat in block 2",
		MetricReceiverCPU: "in 1 of 6 trials: the trial recorded no receiver",
	} {
		if got := s.Cases[1].Metrics[name].Unavailable; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if slices.ContainsFunc(s.Comparisons, func(c Comparison) bool { return c.Metric == name }) {
			t.Errorf("%s is compared", name)
		}
	}
	if len(s.Comparisons) != 2 {
		t.Errorf("comparisons %+v, want throughput and sender CPU", s.Comparisons)
	}
}

func TestImpossibleReadingsAreUnavailable(t *testing.T) {
	for name, spoil := range map[string]func(*Trial){
		"no time":       func(t *Trial) { t.ElapsedNS = known(0) },
		"negative time": func(t *Trial) { t.ElapsedNS = known(-5) },
		"no bytes":      func(t *Trial) { t.Bytes = 0; t.ElapsedNS = notHere() },
	} {
		c := build(fixtureRun(streamCase(caseRW, "read-write")), blocks(6, func(b int) Trial {
			tr := streamTrial(caseRW, b, 1000)
			spoil(&tr)
			return tr
		})...).Cases[0]
		if m := c.Metrics[MetricThroughput]; m.Unavailable == "" {
			t.Errorf("%s: throughput %+v", name, m)
		}
	}
	open := streamCase(caseRW, "read-write")
	open.Params.Workload, open.Params.Loop = "fetch", "open"
	tr := streamTrial(caseRW, 1, 1000)
	tr.OfferedPerSecond = finiteNot()
	if m := build(fixtureRun(open), tr).Cases[0].Metrics[MetricOffered]; m.Unavailable != "not a finite number: NaN" {
		t.Errorf("offered %+v", m)
	}
}

func TestStatus(t *testing.T) {
	away := streamCase("away", "sendfile")
	away.Unavailable = "no such disk"
	verified := streamCase("verified", "mmap-write")
	cases := []Case{streamCase("measured", "read-write"), away, streamCase("failed", "sendfile"), streamCase("unverified", "go-io-copy"), verified}
	trials := blocks(6, func(b int) Trial { return streamTrial("measured", b, 1000) })
	for b := 1; b <= 3; b++ {
		tr := streamTrial("failed", b, 1000)
		if b > 1 {
			tr = Trial{Seq: 40 + b, Case: "failed", Phase: PhaseCounted, Block: b, Error: "sendfile: broken pipe"}
		}
		trials = append(trials, tr)
	}
	trials = append(trials,
		Trial{Seq: 9, Case: "unverified", Phase: PhaseVerify, Error: "checksums differ"},
		Trial{Seq: 10, Case: "verified", Phase: PhaseVerify, Checksum: "0123456789abcdef"},
		Trial{Seq: 11, Case: "stranger", Phase: PhaseCounted, Block: 1},
		Trial{Seq: 12, Case: "closed loop of x", Phase: PhaseCalibrate},
		Trial{Seq: 13, Case: "closed loop of y", Phase: PhaseCalibrate, Error: "connection refused"},
		streamTrial("measured", 1, 9000))
	s := build(fixtureRun(cases...), trials...)
	for i, want := range []struct {
		status           CaseStatus
		reason, verified string
		trials           int
		throughput       string
	}{
		{CaseMeasured, "", "not verified: the record has no verification of this case", 6, ""},
		{CaseUnavailable, "no such disk", "not verified: the record has no verification of this case", 0, "no such disk"},
		{CaseFailed, "trial 42 (block 2): sendfile: broken pipe; and 1 more", "not verified: the record has no verification of this case", 1, ""},
		{CaseFailed, "trial 9 (verify): checksums differ", "not verified: checksums differ", 0, "trial 9 (verify): checksums differ"},
		{CaseNotReached, "the run ended before the first counted trial", "0123456789abcdef", 0, "the run ended before the first counted trial"},
	} {
		c := s.Cases[i]
		if c.Status != want.status || c.Reason != want.reason || c.Evidence.Verified != want.verified || c.Trials != want.trials || c.Metrics[MetricThroughput].Unavailable != want.throughput {
			t.Errorf("%s: %s (%q), verified %q, %d trials, throughput %q; want %+v", c.ID, c.Status, c.Reason, c.Evidence.Verified, c.Trials, c.Metrics[MetricThroughput].Unavailable, want)
		}
		if c.Bottleneck != LimitNotShown {
			t.Errorf("%s: bottleneck %q", c.ID, c.Bottleneck)
		}
	}
	if l := s.Cases[4].LatencyNS["op"]; l.P50.Why() != "no latency was recorded" || l.Count != 0 {
		t.Errorf("latency of a case that was not reached: %+v", l)
	}
	if v := s.Cases[4].Evidence.ResidentBefore.Why(); v != "no trial was counted" {
		t.Errorf("residency of a case that was not reached: %q", v)
	}
	if want := []string{
		`trial 11 is of "stranger", which is none of the run's cases: left out`,
		"trial 13 (closed loop of y, calibrate) failed: connection refused",
	}; !slices.Equal(s.Warnings, want) {
		t.Errorf("warnings %q, want %q", s.Warnings, want)
	}
	if got := s.Cases[0].Warnings; len(got) != 1 || !strings.Contains(got[0], "is the second of block 1") {
		t.Errorf("warnings %q", got)
	}
}

func TestPairsAreOfOneBlock(t *testing.T) {
	sf := streamCase(caseSF, "sendfile")
	sf.Baseline = caseRW
	b := NewBuilder(fixtureRun(sf, streamCase(caseRW, "read-write")))
	if got := b.Comparisons(); got == nil || len(got) != 0 {
		t.Errorf("comparisons of nothing: %v", got)
	}
	// Block by block the case is 2, 3, 4 … times as fast, though the machine slows down; sorted apart, the two would pair
	// otherwise.
	for block := 1; block <= 9; block++ {
		slow := int64(block) * 100_000_000
		fast := streamTrial(caseSF, block, slow/int64(block+1))
		base := streamTrial(caseRW, block, slow)
		switch block {
		case 7:
			fast = Trial{Case: caseSF, Phase: PhaseCounted, Block: block, Error: "made up"}
		case 8:
			base = Trial{Case: caseRW, Phase: PhaseCounted, Block: block, Error: "made up"}
		}
		b.Add(fast)
		if block != 9 { // interrupted
			b.Add(base)
		}
	}
	c := b.Comparisons()[0]
	want := Comparison{
		Metric: MetricThroughput, Baseline: caseRW, Case: caseSF, Ratio: 4.5, Low: 2, High: 7, Confidence: 0.96875, Pairs: 6, Verdict: Higher, Headline: false, // a failed case has no more trials: the run must not wait for them
		Warnings: []string{"3 of 9 blocks have no pair: a trial of the case or of its baseline failed or is missing (first in block 7)"},
	}
	if math.Abs(c.Ratio-want.Ratio) > 1e-6 || math.Abs(c.Low-want.Low) > 1e-6 || math.Abs(c.High-want.High) > 1e-6 {
		t.Errorf("got %+v, want %+v", c, want)
	}
	c.Ratio, c.Low, c.High = want.Ratio, want.Low, want.High
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
}

func TestComparisonsWhileTheRunGoesOn(t *testing.T) {
	run, trials, _ := fixtureRecord()
	b := NewBuilder(run)
	counted := 0
	for _, tr := range trials {
		b.Add(tr)
		if tr.Case != caseRandom || tr.Phase != PhaseCounted {
			continue
		}
		counted++ // a block is whole
		got := b.Comparisons()
		var headlines []string
		for _, c := range got {
			if c.Pairs != counted {
				t.Errorf("block %d: %d pairs", counted, c.Pairs)
			}
			if c.Headline {
				headlines = append(headlines, c.Case+" "+c.Metric)
			}
			if (c.Verdict == TooNoisy) != (counted < 6) {
				t.Errorf("block %d: %s %s: %q", counted, c.Case, c.Metric, c.Verdict)
			}
		}
		if want := []string{caseSF + " " + MetricThroughput, caseSF + " " + MetricSenderCPU, caseRandom + " " + MetricIOPS, caseRandom + " " + MetricDurable}; !slices.Equal(headlines, want) {
			t.Errorf("block %d: headlines %q, want %q", counted, headlines, want)
		}
		if p, ok := Precision(got).Get(); ok != (counted >= 6) {
			t.Errorf("block %d: precision %v, %v", counted, p, ok)
		} else if ok && (p <= 0 || p > 0.02) {
			t.Errorf("precision %v", p)
		}
	}
	if counted != 6 {
		t.Fatalf("the fixture has %d blocks", counted)
	}
}

func TestPrecisionIsTheWidestHeadline(t *testing.T) {
	c := func(low, ratio, high, confidence float64, headline bool) Comparison {
		return Comparison{Metric: "m", Ratio: ratio, Low: low, High: high, Confidence: confidence, Pairs: 6, Headline: headline}
	}
	if p, ok := Precision([]Comparison{c(0.9, 1, 1.1, 0.96, true), c(1.6, 2, 2.4, 0.96, true), c(1, 5, 9, 0.96, false)}).Get(); !ok || math.Abs(p-0.2) > 1e-12 {
		t.Errorf("got %v, %v, want 0.2", p, ok)
	}
	for _, list := range [][]Comparison{nil, {c(1, 1, 1, 1, false)}, {c(1, 1, 1, 0.9375, true)}, {c(0, 0, 0, 0.96, true)}} {
		if p, ok := Precision(list).Get(); ok {
			t.Errorf("Precision(%+v) = %v", list, p)
		}
	}
}

func TestCompared(t *testing.T) {
	fetchCase, open := streamCase("a", "sendfile"), streamCase("b", "sendfile")
	fetchCase.Params.Workload, fetchCase.Params.Loop = "fetch", "closed"
	open.Params.Workload, open.Params.Loop = "fetch", "open"
	buffered, dsync := writeCase("c", "append"), writeCase("d", "append")
	buffered.Params.Sync = "none"
	dsync.Params.Sync, dsync.Params.Method = "none", "direct-dsync"
	group, rate := writeCase("h", "append"), writeCase("i", "append")
	group.Params.Sync, group.Params.Writers = "group", 8
	rate.Params.Sync, rate.Params.RatePerSecond = "every=1", 1000
	for name, tc := range map[string]struct {
		c    Case
		want string
	}{
		"stream":   {streamCase("e", "sendfile"), "throughput_bytes_per_second! sender_cpu_ns_per_kib! receiver_cpu_ns_per_kib machine_cpu_ns_per_kib"},
		"closed":   {fetchCase, "requests_per_second! fetch_p50_ns! fetch_p99_ns sender_cpu_ns_per_kib"},
		"open":     {open, "requests_per_second fetch_p50_ns! fetch_p99_ns sender_cpu_ns_per_kib"},
		"buffered": {buffered, "iops! write_p99_ns accepted_bytes_per_second writer_cpu_ns_per_kib device_write_bytes_per_byte"},
		"sync end": {writeCase("f", "append"), "iops! durable_bytes_per_second! write_p99_ns accepted_bytes_per_second writer_cpu_ns_per_kib device_write_bytes_per_byte"},
		"dsync":    {dsync, "iops! durable_bytes_per_second! write_p99_ns accepted_bytes_per_second writer_cpu_ns_per_kib device_write_bytes_per_byte"},
		"group":    {group, "iops! durable_bytes_per_second! write_p99_ns commit_p99_ns accepted_bytes_per_second writer_cpu_ns_per_kib device_write_bytes_per_byte"},
		"rate":     {rate, "iops durable_bytes_per_second write_p99_ns! commit_p99_ns accepted_bytes_per_second writer_cpu_ns_per_kib device_write_bytes_per_byte"},
		"null":     {streamCase("g", "null"), ""},
	} {
		var got []string
		for _, m := range Compared(tc.c) {
			word := m.Name
			if m.Headline {
				word += "!"
			}
			got = append(got, word)
		}
		if s := strings.Join(got, " "); s != tc.want {
			t.Errorf("%s: %s, want %s", name, s, tc.want)
		}
		for _, m := range Compared(tc.c) {
			if !slices.ContainsFunc(tc.c.metrics(), func(o metricOf) bool { return o.name == m.Name }) {
				t.Errorf("%s: %s is compared and is none of the case's metrics", name, m.Name)
			}
		}
	}
}

func TestCasesThatCannotBeCompared(t *testing.T) {
	lost, random, sf := streamCase("lost", "sendfile"), writeCase(caseRandom, "random"), streamCase(caseSF, "sendfile")
	lost.Baseline, random.Baseline, sf.Baseline = "nowhere", caseAppend, caseRW
	rw := streamCase(caseRW, "read-write")
	rw.Unavailable = "no socket"
	trials := append(
		blocks(6, func(b int) Trial { return streamTrial("lost", b, 1000) }),
		blocks(6, func(b int) Trial { return streamTrial(caseSF, b, 1000) })...)
	trials = append(trials, blocks(6, func(b int) Trial { return writeTrial(caseRandom, b, 100_000_000) })...)
	trials = append(trials, blocks(6, func(b int) Trial {
		tr := writeTrial(caseAppend, b, 100_000_000)
		tr.Device.WriteBytes = known(0)
		return tr
	})...)
	s := build(fixtureRun(lost, sf, rw, random, writeCase(caseAppend, "append")), trials...)
	for i, want := range map[int]string{
		0: `not compared: the run lists no baseline "nowhere"`,
		1: "not compared: the baseline has no counted trial: no socket",
		3: "device_write_bytes_per_byte is not compared: divide by baseline: 6 of 6 pairs have no finite ratio (the first is 1/0)",
	} {
		if !slices.Contains(s.Cases[i].Warnings, want) {
			t.Errorf("%s: warnings %q, want %q", s.Cases[i].ID, s.Cases[i].Warnings, want)
		}
	}
	if len(s.Comparisons) != 5 {
		t.Errorf("comparisons %+v, want those of the write", s.Comparisons)
	}
	// Where neither wrote anything to the device, nobody misses the ratio.
	for i := range trials {
		trials[i].Device.WriteBytes = known(0)
	}
	s = build(fixtureRun(lost, sf, rw, random, writeCase(caseAppend, "append")), trials...)
	if w := strings.Join(s.Cases[3].Warnings, "\n"); strings.Contains(w, MetricDeviceWrites) || len(s.Comparisons) != 5 {
		t.Errorf("without device writes: warnings %q, comparisons %+v", w, s.Comparisons)
	}
}

func TestLatencyNeedsOperations(t *testing.T) {
	for _, tc := range []struct {
		count                           int
		p50, p90, p99, p999, p9999, max bool
	}{
		{0, false, false, false, false, false, false},
		{1, false, false, false, false, false, true},
		{2, true, false, false, false, false, true},
		{9, true, false, false, false, false, true},
		{10, true, true, false, false, false, true},
		{99, true, true, false, false, false, true},
		{100, true, true, true, false, false, true},
		{999, true, true, true, false, false, true},
		{1000, true, true, true, true, false, true},
		{9999, true, true, true, true, false, true},
		{10_000, true, true, true, true, true, true},
	} {
		l := percentiles(repeat(tc.count, 1500))
		for _, v := range []struct {
			name string
			got  measured.Int
			want bool
		}{{"p50", l.P50, tc.p50}, {"p90", l.P90, tc.p90}, {"p99", l.P99, tc.p99}, {"p99.9", l.P999, tc.p999}, {"p99.99", l.P9999, tc.p9999}, {"max", l.Max, tc.max}} {
			if n, ok := v.got.Get(); ok != v.want || ok && n != 1500 {
				t.Errorf("%d operations: %s = %v", tc.count, v.name, v.got)
			}
		}
		if l.Count != int64(tc.count) {
			t.Errorf("count %d, want %d", l.Count, tc.count)
		}
	}
	if why := percentiles(repeat(500, 1)).P999.Why(); why != "p99.9 needs at least 1000 operations, there were 500" {
		t.Errorf("got %q", why)
	}
}

// Histograms are merged: the p99 of the merged distribution is not any average of the trials' own.
func TestLatencyIsMerged(t *testing.T) {
	c := build(fixtureRun(streamCase(caseRW, "read-write")), blocks(4, func(b int) Trial {
		tr := streamTrial(caseRW, b, 1000)
		tr.Latency = map[string]Histogram{"op": repeat(100, 1000)}
		if b == 4 {
			tr.Latency = map[string]Histogram{"op": repeat(100, 2000)}
		}
		return tr
	})...).Cases[0]
	l := c.LatencyNS["op"]
	if l.P50 != known(1000) || l.P90 != known(2000) || l.Max != known(2000) || l.Count != 400 {
		t.Errorf("got %+v", l)
	}
	if h := c.Histograms["op"]; h.TotalCount() != 400 {
		t.Errorf("the chart's histogram has %d operations", h.TotalCount())
	}
}

func TestToolCost(t *testing.T) {
	run := fixtureRun()
	cost := build(run).Tool
	for name, v := range map[string]measured.Float{"path": cost.NullPathNS, "writer": cost.NullWriterNS, "clock": cost.ClockReadNS, "histogram": cost.HistogramNS} {
		if !strings.HasPrefix(v.Why(), "the record has no trial of the null ") {
			t.Errorf("%s: %v", name, v)
		}
	}
	path := Trial{Case: ToolNullPath, Phase: PhaseTool, Operations: 1000, ElapsedNS: known(50_000), Settings: map[string]string{SettingClockRead: "21.5", SettingHistogramRecord: "7.25"}}
	again := path
	again.ElapsedNS = known(70_000)
	nullWriter := Trial{Case: ToolNullWriter, Phase: PhaseTool, Operations: 2000, AcceptedNS: known(30_000)}
	cost = build(run, path, nullWriter, again).Tool
	if cost != (ToolCost{NullPathNS: measured.Known(60.0), NullWriterNS: measured.Known(15.0), ClockReadNS: measured.Known(21.5), HistogramNS: measured.Known(7.25)}) {
		t.Errorf("got %+v", cost)
	}
	path.Settings = map[string]string{SettingClockRead: "soon"}
	nullWriter.Error, nullWriter.Operations = "killed", 0
	cost = build(run, path, nullWriter).Tool
	if cost.ClockReadNS.Why() != `the trial recorded clock_read_ns "soon", which is no number` ||
		cost.HistogramNS.Why() != "the trial recorded no histogram_record_ns" || cost.NullWriterNS.Why() != "the trial failed: killed" {
		t.Errorf("got %+v", cost)
	}
}

func TestEvidence(t *testing.T) {
	c := build(fixtureRun(streamCase(caseRW, "read-write")), blocks(4, func(b int) Trial {
		tr := streamTrial(caseRW, b, 1000)
		tr.Settings = map[string]string{"sndbuf": "100", "rcvbuf": []string{"1", "2", "3", "4"}[b-1]}
		s := tr.Sides["sender"]
		s.VoluntarySwitches = known(int64(b))
		s.MajorFaults = notHere()
		s.Syscalls = map[string]int64{"read": 1024, "write": int64(1024 * b)}
		tr.Sides["sender"] = s
		r := tr.Sides["receiver"]
		r.Syscalls = nil
		tr.Sides["receiver"] = r
		tr.After.Resident = known(int64(100 * b))
		tr.Device.ReadBytes = known(tr.Bytes / 4)
		return tr
	})...).Cases[0]
	e := c.Evidence
	s, r := e.Sides["sender"], e.Sides["receiver"]
	if s.Syscalls["read"] != 1024 || s.Syscalls["write"] != 2560 || s.SyscallsSource != "the path's own count" {
		t.Errorf("system calls %+v", s)
	}
	// 2·(1024 + 1024·b)/1024 crossings: 4, 6, 8, 10.
	if s.CrossingsPerChunk != measured.Known(7.0) {
		t.Errorf("crossings %v", s.CrossingsPerChunk)
	}
	if s.VoluntarySwitches != known(2) || s.MajorFaults.Why() != "not in this fixture" {
		t.Errorf("sender %+v", s)
	}
	if r.Syscalls != nil || r.CrossingsPerChunk.Why() == "" || !strings.HasPrefix(r.SyscallsSource, "unavailable: ") {
		t.Errorf("receiver %+v", r)
	}
	for name, want := range map[string]float64{"sender": 0.5, "receiver": 0.25, "machine": 0.5, "disk": 0} {
		if e.BusyShare[name] != measured.Known(want) {
			t.Errorf("busy share of the %s: %v, want %v", name, e.BusyShare[name], want)
		}
	}
	if _, ok := e.BusyShare["writer"]; ok {
		t.Error("a transfer has a writer")
	}
	if e.ResidentBefore != measured.Known(1.0) || e.ResidentAfter != measured.Known(0.25) || e.DeviceReadBytesPerByte != measured.Known(0.25) {
		t.Errorf("got %+v", e)
	}
	if e.Settings["sndbuf"] != "100" || e.Settings["rcvbuf"] != "1 to 4" {
		t.Errorf("settings %v", e.Settings)
	}
	if e.DirtyBytesBefore.Why() != "not recorded" {
		t.Errorf("dirty %v", e.DirtyBytesBefore)
	}
}

func TestBottleneck(t *testing.T) {
	f := measured.Known[float64]
	gone := measured.Unavailable[float64]("no counters")
	cold := streamCase("", "sendfile")
	cold.Params.Cache = "cold"
	open := streamCase("", "sendfile")
	open.Params.Workload, open.Params.Loop = "fetch", "open"
	write := func(method string) Case {
		c := writeCase("", "append")
		c.Params.Method = method
		return c
	}
	stream := streamCase("", "sendfile")
	for name, tc := range map[string]struct {
		c    Case
		l    loads
		want string
		warn string
	}{
		"sender":                {stream, loads{sender: f(0.9), receiver: f(0.5)}, LimitSender, ""},
		"others":                {stream, loads{sender: f(0.4), receiver: f(0.4), machine: f(0.97)}, LimitNotShown, "other programs or the kernel's own threads"},
		"full machine, sender":  {stream, loads{sender: f(0.95), receiver: f(0.4), machine: f(0.97)}, LimitSender, ""},
		"writer and others":     {write("buffered"), loads{writer: f(0.4), disk: f(0.1), machine: f(1)}, LimitNotShown, "other programs or the kernel's own threads"},
		"not quite":             {stream, loads{sender: f(0.89), receiver: f(0.89)}, LimitNotShown, ""},
		"receiver":              {stream, loads{sender: f(0.5), receiver: f(1.01)}, LimitReceiver, ""},
		"receiver alone known":  {stream, loads{sender: gone, receiver: f(0.95)}, LimitReceiver, ""},
		"both, sender more":     {stream, loads{sender: f(0.97), receiver: f(0.95)}, LimitSender, "both near their limit"},
		"both, receiver more":   {stream, loads{sender: f(0.95), receiver: f(0.97)}, LimitReceiver, "both near their limit"},
		"several CPUs":          {stream, loads{sender: f(1.4), receiver: f(0.3)}, LimitNotShown, ""},
		"one CPU for both":      {stream, loads{sender: f(0.3), receiver: f(0.65), sameCPU: true}, LimitReceiver, "shared one CPU"},
		"one CPU, idle":         {stream, loads{sender: f(0.3), receiver: f(0.3), sameCPU: true}, LimitNotShown, ""},
		"nothing known":         {stream, loads{}, LimitNotShown, ""},
		"warm, busy disk":       {stream, loads{sender: f(0.5), receiver: f(0.5), disk: f(1), read: f(1)}, LimitNotShown, ""},
		"cold, disk":            {cold, loads{sender: f(0.2), receiver: f(0.2), disk: f(0.95), read: f(1)}, LimitDisk, ""},
		"cold, sender":          {cold, loads{sender: f(0.95), receiver: f(0.2), disk: f(0.95), read: f(1)}, LimitSender, ""},
		"cold, others' disk":    {cold, loads{sender: f(0.2), receiver: f(0.2), disk: f(0.95), read: f(0.1)}, LimitNotShown, "did not come from it"},
		"cold, reads unknown":   {cold, loads{sender: f(0.2), receiver: f(0.2), disk: f(0.95), read: gone}, LimitNotShown, "unavailable: no counters"},
		"cold, disk half idle":  {cold, loads{sender: f(0.2), receiver: f(0.2), disk: f(0.5), read: f(1)}, LimitNotShown, ""},
		"cold, disk unknown":    {cold, loads{sender: f(0.2), receiver: f(0.2), disk: gone, read: f(1)}, LimitNotShown, "the disk's busy time is unavailable: no counters"},
		"open loop":             {open, loads{sender: f(0.95), receiver: f(1)}, LimitNotShown, ""},
		"null path":             {streamCase("", "null"), loads{sender: f(1)}, LimitNotShown, ""},
		"write, disk":           {write("buffered"), loads{writer: f(0.1), disk: f(0.95), written: f(1)}, LimitDisk, ""},
		"write, memory":         {write("buffered"), loads{writer: f(0.95), disk: f(0.5), written: f(1)}, LimitMemory, ""},
		"write, no disk":        {write("buffered"), loads{writer: f(0.95), disk: gone}, LimitMemory, ""},
		"write, both":           {write("buffered"), loads{writer: f(0.95), disk: f(0.95), written: f(1)}, LimitMemory, "the disk is near its limit too"},
		"write, dsync":          {write("dsync"), loads{writer: f(0.1), disk: f(0.95), written: f(2)}, LimitDisk, ""},
		"write, direct CPU":     {write("direct"), loads{writer: f(0.95), disk: f(0.95), written: f(1)}, LimitNotShown, "hardly waited"},
		"write, direct disk":    {write("direct"), loads{writer: f(0.2), disk: f(0.95), written: f(1)}, LimitDisk, ""},
		"write, idle":           {write("buffered"), loads{writer: f(0.2), disk: f(0.2), written: f(1)}, LimitNotShown, ""},
		"write, disk unknown":   {write("buffered"), loads{writer: f(0.2), disk: gone}, LimitNotShown, "unavailable: no counters"},
		"write, others' disk":   {write("buffered"), loads{writer: f(0.2), disk: f(0.95), written: f(0)}, LimitNotShown, "nothing shows that it was with these writes"},
		"write, writer unknown": {write("buffered"), loads{writer: gone, disk: f(0.95), written: f(1)}, LimitDisk, ""},
		"null writer":           {write("null"), loads{writer: f(1)}, LimitNotShown, ""},
	} {
		limit, warnings := bottleneck(tc.c, tc.l)
		if limit != tc.want {
			t.Errorf("%s: %q, want %q", name, limit, tc.want)
		}
		if got := strings.Join(warnings, "\n"); (got == "") != (tc.warn == "") || !strings.Contains(got, tc.warn) {
			t.Errorf("%s: warnings %q, want %q", name, got, tc.warn)
		}
	}
}

func TestLabels(t *testing.T) {
	with := func(c Case, change func(*Case)) Case {
		change(&c)
		return c
	}
	stream, write := streamCase("", "sendfile"), writeCase("", "append")
	write.Part = 0
	for name, tc := range map[string]struct {
		cases []Case
		want  []string
	}{
		"alone":         {[]Case{stream}, []string{"sendfile"}},
		"a write alone": {[]Case{write}, []string{"buffered"}},
		"paths":         {[]Case{stream, streamCase("", "read-write")}, []string{"sendfile", "read-write"}},
		"chunks": {[]Case{stream, with(stream, func(c *Case) { c.Params.ChunkBytes = 4 << 20 }), with(stream, func(c *Case) { c.Params.ChunkBytes = 1000 })},
			[]string{"64 KiB", "4 MiB", "1000 B"}},
		"paths and chunks": {[]Case{stream, with(stream, func(c *Case) { c.Params.Path = "read-write"; c.Params.ChunkBytes = 512 })},
			[]string{"sendfile 64 KiB", "read-write 512 B"}},
		"all sorts": {[]Case{stream, with(stream, func(c *Case) {
			c.Params.Path, c.Params.Cache, c.Params.Streams, c.Params.Receiver, c.Params.FileBytes = "read-write", "cold", 4, "discard", 1<<30
		})}, []string{"sendfile, warm, recv receiver, 1 stream, 256 MiB file", "read-write, cold, discard receiver, 4 streams, 1 GiB file"}},
		"loops": {[]Case{with(stream, func(c *Case) { c.Params.Loop = "closed" }), with(stream, func(c *Case) { c.Params.Loop, c.Params.LoadShare = "open", 0.5 })},
			[]string{"closed loop", "open loop at 0.5 of the closed rate"}},
		"writes": {[]Case{write, with(write, func(c *Case) { c.Params.Pattern = "random"; c.Params.Sync = "every=16" }), with(write, func(c *Case) { c.Params.Sync = "none" })},
			[]string{"append, sync end", "random, sync every 16", "append, no sync"}},
		"methods": {[]Case{write, with(write, func(c *Case) { c.Params.Pattern, c.Params.Method, c.Params.Draw = "random", "direct-dsync", "uniform" })},
			[]string{"append buffered", "random direct-dsync"}},
		"draws": {[]Case{write, with(write, func(c *Case) { c.Params.Pattern, c.Params.Draw = "random", "uniform" }), with(write, func(c *Case) { c.Params.Pattern, c.Params.Draw = "random", "permutation" })},
			[]string{"append", "random, uniform", "random, permutation"}},
	} {
		for i := range tc.cases {
			tc.cases[i].ID = string(rune('a' + i))
		}
		// Cases of another part do not count.
		got := Labels(append(slices.Clone(tc.cases), with(stream, func(c *Case) { c.ID, c.Part, c.Params.Link = "other", 9, "veth" })))
		for i, c := range tc.cases {
			if got[c.ID] != tc.want[i] {
				t.Errorf("%s: %q, want %q", name, got[c.ID], tc.want[i])
			}
		}
	}
}

func TestCaseWarnings(t *testing.T) {
	type change = func(block int, tr *Trial)
	cold := func(c *Case) { c.Params.Cache = "cold" }
	for name, tc := range map[string]struct {
		c      func(*Case)
		run    func(*Run)
		n      int
		change change
		want   string
	}{
		"outlier": {n: 8, change: func(b int, tr *Trial) {
			tr.ElapsedNS = known(1000 + int64(b))
			if b == 3 {
				tr.ElapsedNS = known(100)
			}
		}, want: "throughput_bytes_per_second: 1 of 8 values lie far from the rest (block 3); they count like the others"},
		"drift": {n: 10, change: func(b int, tr *Trial) {
			tr.ElapsedNS = known(1000 + int64(b))
			if b > 5 {
				tr.ElapsedNS = known(2000 + int64(b))
			}
		}, want: "throughput_bytes_per_second: the later half of the blocks is at 0.5"},
		"disturbed": {n: 6, change: func(b int, tr *Trial) {
			if b < 3 {
				tr.Disturbed = []string{"7 involuntary switches", "load"}
			}
		}, want: "2 of 6 trials were disturbed: 7 involuntary switches; load"},
		"steal": {n: 6, change: func(b int, tr *Trial) {
			if b == 2 {
				tr.Machine.StealNS = known(100)
			}
		}, want: "in 1 of 6 trials (steal time, up to 0.05 of the machine's)"},
		"steal that the trial tells of itself": {n: 6, change: func(b int, tr *Trial) {
			if b == 2 {
				tr.Machine.StealNS = known(100)
				tr.Disturbed = []string{"5 % of CPU time (steal)"}
			}
		}, want: "1 of 6 trials was disturbed: 5 % of CPU time (steal)"},
		"a little steal": {n: 6, change: func(_ int, tr *Trial) { tr.Machine.StealNS = known(20) }},
		"not warm": {n: 6, change: func(b int, tr *Trial) {
			tr.Before.Resident = known([]int64{1000, 999, 998, 400, 500, 1000}[b-1])
		}, want: "the file was not warm before 3 of 6 trials (resident share 0.4 at worst)"},
		"not cold": {c: cold, n: 6, change: func(b int, tr *Trial) {
			tr.Before.Resident = known([]int64{0, 1, 2, 400, 300, 0}[b-1])
		}, want: "the file was not cold before 3 of 6 trials (resident share 0.4 at worst)"},
		"cold": {c: cold, n: 6, change: func(_ int, tr *Trial) { tr.Before.Resident = known(1) }},
		"cold in a VM": {c: cold, run: func(r *Run) { r.Host.Virtualization = "kvm" }, n: 6, change: func(_ int, tr *Trial) {
			tr.Before.Resident = known(0)
		}, want: "the hypervisor (kvm) may have had the file in its own cache"},
		"residency unknown": {n: 6, change: func(_ int, tr *Trial) { tr.Before.Resident = notHere() }, want: "whether the file was warm could not be seen in 6 of 6 trials: not in this fixture"},
		"coarse clock":      {n: 6, change: func(_ int, tr *Trial) { tr.Machine.ResolutionNS = 200 }, want: "machine_cpu_ns_per_kib: the kernel counts in steps that are 0.2 of a trial's time"},
		"few operations": {n: 6, change: func(_ int, tr *Trial) { tr.Latency = map[string]Histogram{"op": repeat(16, 5)} },
			want: "latency of op: p99 needs at least 100 operations, there were 96"},
		"latency lost": {n: 6, change: func(b int, tr *Trial) {
			if b == 1 {
				tr.Latency = nil
			}
		}, want: "latency of op: only 5 of 6 trials recorded it"},
	} {
		t.Run(name, func(t *testing.T) {
			c := streamCase(caseRW, "read-write")
			if tc.c != nil {
				tc.c(&c)
			}
			run := fixtureRun(c)
			if tc.run != nil {
				tc.run(&run)
			}
			got := build(run, blocks(tc.n, func(b int) Trial {
				tr := streamTrial(caseRW, b, 1000)
				tr.Machine.ResolutionNS = 1
				tr.Device.BusyNS = known(100)
				tc.change(b, &tr)
				return tr
			})...).Cases[0].Warnings
			if tc.want == "" {
				if len(got) != 0 {
					t.Errorf("warnings %q, want none", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0], tc.want) {
				t.Errorf("warnings %q, want %q", got, tc.want)
			}
		})
	}
}

func TestMergeNumbers(t *testing.T) {
	got := mergeNumbers([]string{
		"the sender lost its CPU 205 times", "load", "the sender lost its CPU 99 times", "the receiver lost its CPU 7 times", "load",
		"the sender lost its CPU 603 times", "3 of 4", "3 of 5", "steal 12ms", "steal 12ms", "9999999999999999999999 times",
	})
	want := []string{"the sender lost its CPU 99 to 603 times", "load", "the receiver lost its CPU 7 times", "3 of 4", "3 of 5", "steal 12ms", "9999999999999999999999 times"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFlushesThatReturnTooFast(t *testing.T) {
	for name, tc := range map[string]struct {
		cache            string
		flushes, flushNS int64
		want             bool
	}{
		"too fast":               {"write back", 1000, 9_000_000, true},
		"slow":                   {"write back", 1000, 900_000_000, false},
		"write through":          {"write through", 1000, 9_000_000, false},
		"few, below the counter": {"write back", 2, 0, false}, // could be up to 1 ms
		"none":                   {"write back", 0, 0, false},
	} {
		run := fixtureRun(writeCase(caseAppend, "append"))
		run.Host.Disk.WriteCache = tc.cache
		c := build(run, blocks(6, func(b int) Trial {
			tr := writeTrial(caseAppend, b, 1_000_000_000)
			tr.Device.Flushes, tr.Device.FlushNS = known(tc.flushes), known(tc.flushNS)
			return tr
		})...).Cases[0]
		got := slices.ContainsFunc(c.Warnings, func(w string) bool {
			return strings.HasPrefix(w, "flushes returned in at most 10 µs on average: too fast to have reached a medium")
		})
		if got != tc.want {
			t.Errorf("%s: warnings %q", name, c.Warnings)
		}
	}
}

// The least number of blocks comes before the budget: a run that took longer for them did not stop at its budget.
func TestRunLongerThanItsBudget(t *testing.T) {
	for name, tc := range map[string]struct {
		resolved string
		pace     time.Duration // from block to block
		want     string
	}{
		"longer":                {`{"measure":{"blocks":"5..40"}}`, 30 * time.Second, "the 5 blocks that are the least took longer than the budget of 60 s"},
		"within":                {`{"measure":{"blocks":"5..40"}}`, 10 * time.Second, ""},
		"more blocks than that": {`{"measure":{"blocks":"4..40"}}`, 30 * time.Second, ""},
		"not known":             {`{}`, 30 * time.Second, ""},
	} {
		run := fixtureRun(streamCase(caseRW, "read-write"))
		run.Scenario.Resolved = json.RawMessage(tc.resolved)
		b := NewBuilder(run)
		for _, tr := range blocks(5, func(n int) Trial {
			tr := streamTrial(caseRW, n, 1000)
			tr.Started = fixtureStart.Add(time.Duration(n) * tc.pace)
			return tr
		}) {
			b.Add(tr)
		}
		got := ""
		for _, w := range b.Summary(&End{Reason: StopBudget, Ended: fixtureStart.Add(time.Hour)}).Warnings {
			if strings.Contains(w, "budget") {
				got += w
			}
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestRunWarnings(t *testing.T) {
	run, trials, _ := fixtureRecord()
	b := NewBuilder(run)
	for _, tr := range trials {
		b.Add(tr)
	}
	for name, tc := range map[string]struct {
		end  *End
		want []string
	}{
		"precise":                      {&End{Reason: StopPrecise, Ended: fixtureStart}, nil},
		"interrupted":                  {&End{Reason: StopInterrupted, Ended: fixtureStart}, []string{"the run was interrupted: this is what was measured until then"}},
		"failed":                       {&End{Reason: StopFailed, Detail: "no space left", Ended: fixtureStart}, []string{"the run failed: no space left"}},
		"budget, precise all the same": {&End{Reason: StopBudget, Ended: fixtureStart}, nil},
		"cut off":                      {nil, []string{"the record is cut off, it has no end: the run was killed, or this is a copy made while it ran"}},
	} {
		s := b.Summary(tc.end, "from outside")
		if !slices.Equal(s.Warnings, append([]string{"from outside"}, tc.want...)) {
			t.Errorf("%s: %q, want %q", name, s.Warnings, tc.want)
		}
		if s.Run.Blocks != 6 {
			t.Errorf("%s: %d blocks", name, s.Run.Blocks)
		}
	}

	run.Scenario.Precision = 0.001
	run.Host.Disk.InMemory, run.Host.Disk.Filesystem, run.Host.Disk.MountPoint, run.Host.Virtualization = true, "tmpfs", "/tmp", "kvm"
	b = NewBuilder(run)
	for _, tr := range trials {
		if tr.Block < 6 {
			b.Add(tr)
		}
	}
	s := b.Summary(&End{Reason: StopBudget, Ended: fixtureStart.Add(-time.Hour)})
	for i, want := range []string{
		"the time budget of 1m0s ran out before the precision of ±0.1 % was reached: how precise it became can't be told: the ratio of throughput_bytes_per_second has no 95 % interval yet: 5 pairs of at least 6; a larger budget would narrow it",
		"5 counted blocks are too few for 95 % intervals (they take 6): no difference can be shown",
		"the test files are in memory (tmpfs at /tmp): no disk was measured; --dir chooses another folder",
		"this is a virtual machine (kvm): the hypervisor's own caches and its other guests take part in every number",
	} {
		if i >= len(s.Warnings) || s.Warnings[i] != want {
			t.Errorf("warnings %q, want %q", s.Warnings, want)
		}
	}
	if why := s.Run.DurationSeconds.Why(); !strings.Contains(why, "the clock was set back") {
		t.Errorf("duration %v", s.Run.DurationSeconds)
	}
	s = b.Summary(&End{Reason: StopBlocks, Ended: fixtureStart.Add(90 * time.Second)})
	if !strings.Contains(s.Warnings[0], "the most blocks that the scenario allows were measured before") || s.Run.DurationSeconds != measured.Known(90.0) {
		t.Errorf("warnings %q, duration %v", s.Warnings, s.Run.DurationSeconds)
	}
}

// The histograms of a long run take no more memory than those of a short one.
func TestBuilderKeepsNoHistogramOfATrial(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	b := NewBuilder(fixtureRun(streamCase(caseRW, "read-write")))
	b.Add(streamTrial(caseRW, 1, 1000))
	before := heap()
	const trials = 200 // a histogram takes some 270 KB: kept, they would be 54 MB
	for i := range trials {
		b.Add(streamTrial(caseRW, i+2, 1000))
	}
	if grown := int64(heap()) - int64(before); grown > trials*16<<10 {
		t.Errorf("%d trials took %d bytes", trials, grown)
	}
	if got := b.Summary(nil).Cases[0].LatencyNS["op"].Count; got != 1024*(trials+1) {
		t.Errorf("%d operations", got)
	}
}

func TestSummaryGolden(t *testing.T) {
	run, trials, end := fixtureRecord()
	b := NewBuilder(run)
	for _, tr := range trials {
		b.Add(tr)
	}
	s := b.Summary(&end)
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "made-up.summary.json", append(text, '\n'))
	checkSummary(t, s)

	var back Summary
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !sameJSON(back, *s) {
		t.Error("the summary changes when it is read and written again")
	}
}
