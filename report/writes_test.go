package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"image/color"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"

	"copylab/results"
	"copylab/results/measured"
)

// modelledDisks is what two made-up drives take, each with its cache off and on.
func modelledDisks(rate float64, source, why string) []results.Modelled {
	var out []results.Modelled
	for i, d := range []struct{ drive, cache string }{{"7200rpm", "off"}, {"7200rpm", "on"}, {"hp97560", "off"}} {
		of := rate * []float64{1, 2.4, 0.21}[i]
		total := int64(16 << 20 / of * 1e9)
		out = append(out, results.Modelled{
			Drive: d.drive, WriteCache: d.cache, Source: source, Why: why, Writes: measured.Known[int64](4096), Bytes: measured.Known[int64](16 << 20), Flushes: measured.Known[int64](1),
			PayloadBytes: measured.Known[int64](16 << 20), TotalNS: measured.Known(total), SeekNS: measured.Known(total * 6 / 10), RotationNS: measured.Known(total * 3 / 10),
			TransferNS: measured.Known(total / 20), OtherNS: measured.Known(total / 20), BytesPerSecond: measured.Known(of),
		})
	}
	return out
}

// writesSummary has appends and random writes by three methods, with everything that is said of writes.
func writesSummary(t testing.TB) *results.Summary {
	var cases []madeUp
	for _, method := range []string{"buffered", "direct", "dsync"} {
		sync := "end"
		if method == "dsync" {
			sync = "none"
		}
		base := writeCase(0, "append", method, sync)
		for _, pattern := range []string{"append", "random"} {
			c := writeCase(0, pattern, method, sync)
			v := speed{rate: 1650 * mib, durable: 210 * mib, sUser: 30, sSys: 480, latency: 2100, syncLatency: 6e7, senderBusy: 0.97, inMemory: 0.98, requests: 0.004, settled: 1, flushes: 2.0 / 4096, deviceWritten: 0.4, queue: 1.4, syscalls: map[string]int64{"pwrite64": 1}}
			switch method {
			case "direct":
				v.rate, v.durable, v.latency, v.inMemory, v.requests, v.deviceWritten, v.queue = 61*mib, 60*mib, 61000, 0, 1, 1, 0.97
			case "dsync":
				v.rate, v.durable, v.latency, v.syncLatency, v.inMemory, v.requests, v.settled, v.flushes, v.deviceWritten, v.flushNS = 9*mib, 0, 410000, 0, 0, 3, 5, 1, 5, 8000
			}
			m := 120e6
			if pattern == "random" {
				c = against(c, base)
				v.rate, v.durable, m = v.rate/1.1, v.durable/3.3, m/312
			}
			if method == "dsync" {
				m /= 150
				v.durable = v.rate
			}
			source, why := results.SourceBlockTrace, ""
			if method == "direct" {
				source, why = results.SourceAsIssued, "block tracepoints: permission denied"
			}
			v.modelled = modelledDisks(m, source, why)
			cases = append(cases, madeUp{c, v})
		}
	}
	return summaryOf(t, "Random against sequential", "How many times slower are random writes than appends?", allCharts()[:3], 8, cases, func(r *results.Run) {
		r.Precondition = &results.Precondition{AreaBytes: 4 << 30, WrittenBytes: 12 << 30, DurationNS: 95e9}
	})
}

// madeUpTimeline writes at a memory's pace until the middle between the limits is reached, and then at the disk's.
func madeUpTimeline(memory, disk, total float64) *results.Timeline {
	const background, limit = 1.5 * (1 << 30), 3.0 * (1 << 30)
	t := &results.Timeline{}
	accepted, written, held := 0.0, 0.0, 0.0
	last := 0.0
	add := func(at, longest float64) {
		t.AtNS = append(t.AtNS, int64(at*1e9))
		t.AcceptedBytes, t.DeviceWriteBytes = append(t.AcceptedBytes, int64(accepted)), append(t.DeviceWriteBytes, int64(written))
		writeback := min(held, disk*0.4)
		t.DirtyBytes, t.WritebackBytes = append(t.DirtyBytes, int64(held-writeback)), append(t.WritebackBytes, int64(writeback))
		drift := 1 - 0.02*math.Sin(at/3)
		t.BackgroundLimitBytes, t.LimitBytes = append(t.BackgroundLimitBytes, int64(background*drift)), append(t.LimitBytes, int64(limit*drift))
		t.MaxLatencyNS = append(t.MaxLatencyNS, int64(longest))
	}
	add(0, 0)
	for i := 1; accepted < total || held > 0; i++ {
		pace, longest := memory*(1+0.1*math.Sin(float64(i))), 90e3*(1+float64(i%7))
		if held > (background+limit)/2 {
			pace, longest = disk*(1+0.3*math.Sin(float64(i)*1.7)), 2e7*(1+float64(i%9))
		}
		wrote := min(pace*0.1, total-accepted)
		accepted += wrote
		out := 0.0
		if held > background || accepted >= total {
			out = min(held, disk*0.1)
		}
		held += wrote - out
		written += out
		if wrote <= 0 {
			longest = 0
		} else {
			last = float64(i) / 10
		}
		add(float64(i)/10, longest)
	}
	t.AcceptedNS, t.DurableNS = measured.Known(int64(last*1e9)), measured.Known(t.AtNS[len(t.AtNS)-1])
	return t
}

func cliffCase(pattern, method string, line *results.Timeline, rate, durable float64) madeUp {
	c := writeCase(0, pattern, method, "end")
	c.Params.FileBytes = 8 << 30
	return madeUp{c, speed{rate: rate, durable: durable, sUser: 30, sSys: 480, latency: 2100, senderBusy: 0.4, inMemory: 0.4, requests: 0.004, settled: 1, flushes: 1.0 / 4096, deviceWritten: 0.6, timeline: line, syscalls: map[string]int64{"pwrite64": 1}}}
}

// cliffSummary has two long writes that come to the limits, and one that does not.
func cliffSummary(t testing.TB) *results.Summary {
	first := cliffCase("append", "buffered", madeUpTimeline(1.6*(1<<30), 300*mib, 6.5*(1<<30)), 480*mib, 320*mib)
	second := cliffCase("random", "buffered", madeUpTimeline(0.9*(1<<30), 80*mib, 4*(1<<30)), 300*mib, 100*mib)
	second.Case = against(second.Case, first.Case)
	third := cliffCase("overwrite", "buffered", madeUpTimeline(1.2*(1<<30), 300*mib, 1*(1<<30)), 1200*mib, 300*mib)
	third.Case = against(third.Case, first.Case)
	return summaryOf(t, "The cliff", "Where does memory end?", []string{"throughput"}, 6, []madeUp{first, second, third})
}

// oneCliffSummary has one long write.
func oneCliffSummary(t testing.TB) *results.Summary {
	line := madeUpTimeline(1.6*(1<<30), 300*mib, 6.5*(1<<30))
	line.DeviceWriteBytes, line.Unavailable = nil, map[string]string{"device_write_bytes": "/proc/diskstats has no device vda"}
	return summaryOf(t, "The cliff", "Where does memory end?", []string{"throughput"}, 6, []madeUp{cliffCase("append", "buffered", line, 480*mib, 320*mib)})
}

// depthSummary has two methods at eight depths, each against depth 1.
func depthSummary(t testing.TB) *results.Summary {
	var cases []madeUp
	for _, method := range []string{"uring-direct", "uring"} {
		var base results.Case
		for i := range 8 {
			c := writeCase(0, "random", method, "none")
			c.Params.Depth = 1 << i
			c.ID = fmt.Sprintf("write:%+v", c.Params)
			v := speed{rate: 50 * mib * math.Pow(float64(c.Params.Depth), 0.6), sUser: 30, sSys: 480, latency: 61000 * math.Pow(float64(c.Params.Depth), 0.4), senderBusy: 0.4, deviceWritten: 1, queue: float64(c.Params.Depth) * 0.9, syscalls: map[string]int64{"io_uring_enter": 1}}
			if method == "uring" {
				v.rate, v.latency = 400*mib, 3000
			}
			if i == 0 {
				base = c
			} else {
				c = against(c, base)
			}
			cases = append(cases, madeUp{c, v})
		}
	}
	return summaryOf(t, "Queue depth", "How many writes in flight does the disk want?", []string{"sweep", "latency"}, 8, cases)
}

// commitSummary has writers that wait for their commits, and one whose rate is given.
func commitSummary(t testing.TB) *results.Summary {
	var cases []madeUp
	for _, sync := range []string{"every=1", "group"} {
		for _, writers := range []int{0, 4, 16} {
			c := writeCase(0, "append", "buffered", sync)
			c.Params.Writers = writers
			c.ID = fmt.Sprintf("write:%+v", c.Params)
			n := float64(max(1, writers))
			v := speed{rate: 9 * mib * math.Pow(n, 0.3), sUser: 90, sSys: 9000, latency: 2300, syncLatency: 4e5, commitLatency: 4.1e5 * math.Pow(n, 0.7), senderBusy: 0.1, flushes: 1, requests: 3, settled: 5, deviceWritten: 5, syscalls: map[string]int64{"pwrite64": 1, "fdatasync": 1}}
			if sync == "group" {
				v.rate, v.commitLatency, v.flushes = 9*mib*math.Pow(n, 0.8), 4.3e5*math.Pow(n, 0.2), 1/n
				c = against(c, cases[len(cases)-3].Case)
			}
			v.durable = v.rate
			cases = append(cases, madeUp{c, v})
		}
	}
	open := writeCase(1, "append", "dsync", "none")
	open.Params.RatePerSecond = 1000
	open.ID = fmt.Sprintf("write:%+v", open.Params)
	cases = append(cases, madeUp{open, speed{rate: 1000 * 4096, durable: 1000 * 4096, sUser: 30, sSys: 480, latency: 450000, senderBusy: 0.4, deviceWritten: 5, requests: 3, settled: 5, flushes: 1, syscalls: map[string]int64{"pwrite64": 1}}})
	return summaryOf(t, "Group commit", "What does sharing a sync bring?", allCharts(), 8, cases)
}

func TestModelledIsSaidBesideEveryNumber(t *testing.T) {
	s := writesSummary(t)
	rows, err := csv.NewReader(strings.NewReader(rendered(t, s, "csv", Options{}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) int { return slices.Index(rows[0], name) }
	modelled := 0
	for _, r := range rows[1:] {
		says, kind := strings.HasPrefix(r[at("metric")], "modelled."), r[at("kind")] == "modelled"
		if says != kind {
			t.Errorf("metric %q is of kind %q", r[at("metric")], r[at("kind")])
		}
		if says {
			modelled++
		}
	}
	if want := 6*3*10 + len(s.Modelled); modelled != want || len(s.Modelled) != 9 {
		t.Errorf("%d modelled rows and %d comparisons, want %d and 9", modelled, len(s.Modelled), want)
	}
	table, ok := modelledTable(s)
	if !ok || len(table.Rows) != 6*3 || !strings.HasPrefix(table.Caption, "Modelled") {
		t.Errorf("%q with %d rows", table.Caption, len(table.Rows))
	}
	for i, c := range table.Columns {
		if c.Numeric && c.Head != "modelled" && c.Head != "outside the file" { // which is counted, not modelled
			t.Errorf("column %d is headed %q", i, c.Head)
		}
	}
	for _, text := range append(modelledSentences(s), modelledAnswer(s)) {
		if !strings.Contains(text, "modelled") {
			t.Errorf("%q", text)
		}
	}
	if out := rendered(t, s, "gobench", Options{}); strings.Contains(out, "modelled") {
		t.Error("benchstat would compare modelled numbers")
	}
	for _, f := range figuresOf(s) {
		b, ok := f.body.(barBody)
		if !ok {
			continue
		}
		for _, bar := range b.Bars {
			if of := strings.HasPrefix(f.Name, "modelled"); bar.Modelled != strings.HasSuffix(bar.Text, " modelled") || bar.Modelled && !of {
				t.Errorf("%s: %q is drawn as modelled: %v", f.Name, bar.Text, bar.Modelled)
			}
		}
	}
}

// TestModelledBarsAreHatched looks at the picture: a measured bar is filled with its colour, a modelled one is not.
func TestModelledBarsAreHatched(t *testing.T) {
	s := writesSummary(t)
	for i := range s.Cases {
		c := &s.Cases[i]
		c.Modelled = c.Modelled[:1]
		c.Modelled[0].BytesPerSecond = measured.Known(c.Metrics[results.MetricDurable].Median * 1.1) // near enough for an axis from 0
	}
	s.Cases = s.Cases[:2]
	figures := figuresOf(s)
	f := figures[len(figures)-1]
	if f.Name != "modelled-writes" || f.body.(barBody).Log {
		t.Fatalf("%s, log %v", f.Name, f.body.(barBody).Log)
	}
	b := f.body.(barBody)
	var pixels [2]int
	for n, modelled := range []bool{false, true} {
		for i := range b.Bars {
			b.Bars[i].Modelled = modelled
		}
		f.body = b
		picture, err := f.png()
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(picture))
		if err != nil {
			t.Fatal(err)
		}
		for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
			for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
				if color.NRGBAModel.Convert(img.At(x, y)) == green {
					pixels[n]++
				}
			}
		}
	}
	if pixels[0] < 20_000 || pixels[1] > pixels[0]/2 || pixels[1] == 0 {
		t.Errorf("%d pixels of the solid bars' colour, %d of the hatched ones'", pixels[0], pixels[1])
	}
}

func TestCliffChart(t *testing.T) {
	s := cliffSummary(t)
	f := figuresOf(s)[0]
	b, ok := f.body.(timeBody)
	if f.Name != "cliff-writes" || !ok || len(b.Columns) != 3 {
		t.Fatalf("%s: %T with %d columns", f.Name, f.body, len(b.Columns))
	}
	c := s.Cases[0]
	at, _ := c.Cliff.AtNS.Get()
	last, _ := c.Timeline.AcceptedNS.Get()
	durable, _ := c.Timeline.DurableNS.Get()
	want := []mark{{float64(at) / 1e9, "memory ends"}, {float64(last) / 1e9, "last write"}, {float64(durable) / 1e9, "last sync"}}
	if got := b.Columns[0].Panels[0].Marks; !slices.Equal(got, want) || at <= 0 || at >= last || last >= durable {
		t.Errorf("marks %v, want %v", got, want)
	}
	if got := b.Columns[2].Panels[0].Marks; len(got) != 2 {
		t.Errorf("a case without a cliff has the marks %v", got)
	}
	var curves []string
	for _, p := range b.Columns[0].Panels {
		for _, cv := range p.Curves {
			curves = append(curves, cv.Label)
		}
	}
	if want := []string{"accepted", "device", "limit", "background limit", "dirty", "write-back", "longest write"}; !slices.Equal(curves, want) {
		t.Errorf("curves %q, want %q", curves, want)
	}
	// What was accepted is the area under its curve.
	area, before := 0.0, 0.0
	for _, pt := range b.Columns[0].Panels[0].Curves[0].Points {
		area += pt.Y * (pt.X - before)
		before = pt.X
	}
	line := c.Timeline.AcceptedBytes
	if got, want := area*(1<<30), float64(line[len(line)-1]); math.Abs(got-want) > 0.001*want {
		t.Errorf("%.4g bytes under the curve, want %.4g", got, want)
	}
	if strings.Contains(f.Title, "overwrite") || !strings.Contains(f.Title, "append after 2.") || !strings.Contains(f.Caption, "log axis") {
		t.Errorf("title %q, caption %q", f.Title, f.Caption)
	}
	for _, width := range []vg.Length{wide, narrow} {
		texts, _ := spots(t, f, width, false)
		zeros := map[int]int{} // places of the time axes' zeros
		for _, x := range texts {
			if x.text == "0" {
				zeros[int(math.Round(float64((x.left+x.right)/2)))]++
			}
		}
		most := 0
		for _, n := range zeros {
			most = max(most, n)
		}
		if want := map[vg.Length]int{wide: 6, narrow: 9}[width]; most < want {
			t.Errorf("at %v the time axes don't stand under each other: %v", width, zeros)
		}
	}
	// A rate that falls while next to nothing is dirty is no end of memory.
	s.Cases = s.Cases[:1]
	for i := range c.Timeline.DirtyBytes {
		c.Timeline.DirtyBytes[i], c.Timeline.WritebackBytes[i] = 1<<20, 0
	}
	f = figuresOf(s)[0]
	if said := strings.Join(append(findings(s), f.Title, f.body.(timeBody).Columns[0].Panels[0].Marks[0].Note), "\n"); strings.Contains(strings.ToLower(said), "memory ends") || !strings.Contains(said, "The rate falls") {
		t.Errorf("blamed on the limits:\n%s", said)
	}
	// What could not be had is said, and not drawn.
	f = figuresOf(oneCliffSummary(t))[0]
	if n := len(f.body.(timeBody).Columns[0].Panels[0].Curves); n != 1 || !strings.Contains(f.Caption, "device write: /proc/diskstats has no device vda") {
		t.Errorf("%d curves; %q", n, f.Caption)
	}
	if !strings.HasPrefix(f.Title, "Memory ends after 2.") {
		t.Errorf("title %q", f.Title)
	}
}

func TestThinnedTimelineKeepsTheLongestWrite(t *testing.T) {
	line := madeUpTimeline(1.6*(1<<30), 40*mib, 5*(1<<30))
	line.MaxLatencyNS[777] = 7e9
	thin := thinned(line)
	if len(line.AtNS) <= mostTimes || len(thin.AtNS) > mostTimes+1 || len(thin.MaxLatencyNS) != len(thin.AtNS) || len(thin.DirtyBytes) != len(thin.AtNS) {
		t.Errorf("%d points became %d", len(line.AtNS), len(thin.AtNS))
	}
	if slices.Max(thin.MaxLatencyNS) != 7e9 || thin.AtNS[len(thin.AtNS)-1] != line.AtNS[len(line.AtNS)-1] || line.MaxLatencyNS[777] != 7e9 {
		t.Error("the longest write or the end is lost")
	}
}

func TestWhatIsSaidOfWrites(t *testing.T) {
	s := writesSummary(t)
	all := strings.Join(findings(s), "\n")
	for _, want := range []string{
		"Buffered appends with one fdatasync at the end are accepted at 0.33 times (95 % interval 0.32 to 0.33) the speed of copying in memory, and durable at 0.042 times",
		"When the last write had returned, 98 % of the data was only in memory.",
		"Dsync appends are accepted and made durable at 0.0018 times",
		"Per 4 KiB dsync append the device was given 3 requests, 20 KiB in all, and 1 flush, whoever caused them (5.0 times its bytes).",
		"stayed below the limit from which on the kernel writes in the background, 1.50 GiB",
		"Durable is the disk's word here. Flushes returned in at most 8.24 µs on average",
		"A 7200 rpm disk with its write cache off would take (modelled, from the I/Os that this device was given) buffered, with one fdatasync at the end, random writes at 1/312 of the rate of appends; with O_DSYNC, random writes at 1/312 of the rate of appends; " +
			"(modelled, from the writes as the program issued them) with O_DIRECT, with one fdatasync at the end, random writes at 1/312 of the rate of appends.",
		"vda was given 12.3 GiB during the run, by whomever; wearing an area of 4.00 GiB in, before anything was measured, wrote 12.0 GiB, the trials wrote 864 MiB.",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in\n%s", want, all)
		}
	}
	if want := "On this machine, appends are 1.11 times (1.08 to 1.14) as fast as random writes through the page cache, 1.10 times (1.08 to 1.12) with O_DIRECT, 3.30 times (3.15 to 3.33) until durable, 1.10 times (1.06 to 1.13) when each is made durable by itself. " +
		"Buffered appends with one fdatasync at the end are accepted at 0.33 times the speed of copying in memory, and durable at 0.042 times. " +
		"Whether what is called durable here was on a medium is doubtful: the findings say why. " +
		"A 7200 rpm disk with its write cache off would take buffered random writes at 1/312 of the rate of buffered appends (modelled)."; answer(s) != want {
		t.Errorf("answer\n%s\nwant\n%s", answer(s), want)
	}
	s.Cases[0].OfMemory.Accepted = results.Metric{Median: 0.98, Low: 0.9, High: 1.03, Confidence: 0.95, Values: []float64{0.98}}
	if !strings.Contains(answer(s), "not shown to differ from that of copying in memory (0.98 times, 0.90 to 1.03)") {
		t.Errorf("an interval that holds 1: %q", answer(s))
	}

	s = cliffSummary(t)
	all = strings.Join(findings(s), "\n")
	regimes := s.Cases[0].Regimes
	if len(regimes) != 3 || regimes[2].Regime != results.RegimeThrottled {
		t.Fatalf("regimes %+v", regimes)
	}
	first, _ := regimes[0].AcceptedBytes.Get()
	low, _ := regimes[0].BytesPerSecond.Get()
	rest, _ := regimes[2].AcceptedBytes.Get()
	high, _ := regimes[2].BytesPerSecond.Get()
	for _, want := range []string{
		fmt.Sprintf("Buffered appends: the first %s were accepted at %s, below the background limit; ", roughBytes(first), formatRate(low)),
		fmt.Sprintf("; throttled from 1.5 s on, %s at %s, the disk's pace.", roughBytes(rest), formatRate(high)),
		" Memory ends after 2.43 GiB, at 1.5 s: from 1.621 GiB/s accepted until then down to 299.8 MiB/s.",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in\n%s", want, all)
		}
	}
	if s.Cases[2].Cliff == nil || strings.Count(all, "Memory ends") != 2 {
		t.Errorf("a cliff that is none is told:\n%s", all)
	}

	s = commitSummary(t)
	all = strings.Join(findings(s), "\n")
	if want := "by number of writers: the 99th percentile of the commit time is 1.05 times at 1"; !strings.Contains(all, want) {
		t.Errorf("%q is missing in\n%s", want, all)
	}
	if want := "by number of writers: the durable rate is 2.00 times at 4 (95 % interval 1.96 to 2.03, 8 pairs), and 4.05 times at 16 (3.94 to 4.09); no difference is shown at 1."; !strings.Contains(all, want) || strings.Contains(all, "writers: the accepted rate") {
		t.Errorf("%q is missing, or the same rate told twice, in\n%s", want, all)
	}
	table := rendered(t, s, "table", Options{Width: 220})
	for _, want := range []string{"commit p50", "commit p99", "offered", "4.05 [3.94–4.09] ▲★"} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is missing in\n%s", want, table)
		}
	}
}

func TestDeviceSentences(t *testing.T) {
	s := writesSummary(t)
	g := groups(s)[0]
	for _, tt := range []struct {
		requests, bytes, flushes float64
		want                     string
	}{
		{3, 5, 1, "Per 4 KiB buffered append with one fdatasync at the end the device was given 3 requests, 20 KiB in all, and 1 flush, whoever caused them (5.0 times its bytes)."},
		{1.42, 1.5, 0.25, "Per 4 KiB buffered append with one fdatasync at the end the device was given 1.4 requests, 6.0 KiB in all, and 0.25 flushes, whoever caused them (1.5 times its bytes)."},
		{0.005, 1.02, 0.0002, "Of buffered appends with one fdatasync at the end, 200 writes shared a request at the device, with a flush for every 5000 writes, whoever caused them (1.0 times their bytes)."},
		{0, 0, 0, "Buffered appends with one fdatasync at the end came to no request at the device, with no flush."},
	} {
		c := g.Cases[0]
		for name, v := range map[string]float64{results.MetricDeviceIOs: tt.requests, results.MetricDeviceSettled: tt.bytes, results.MetricDeviceFlushes: tt.flushes} {
			c.Metrics[name] = results.Metric{Median: v, Low: v, High: v, Confidence: 0.95, Values: []float64{v}}
		}
		if got := deviceSentence(g, c); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestSweepsOfWrites(t *testing.T) {
	s := depthSummary(t)
	s.Run.Charts = []string{"sweep", "throughput"}
	figures := figuresOf(s)
	if want := []string{"sweep-iops-writes", "sweep-p99-writes"}; !slices.Equal(names(figures), want) {
		t.Fatalf("got %q, want %q", names(figures), want)
	}
	b := figures[0].body.(curveBody)
	if len(b.Curves) != 2 || len(b.Curves[0].Points) != 8 || b.XLabel != "writes in flight (log axis)" || b.Curves[0].Label != "uring-direct" {
		t.Errorf("%d curves %q over %q", len(b.Curves), b.Curves[0].Label, b.XLabel)
	}
	for i, pt := range b.Curves[0].Points {
		if want := s.Cases[i].Metrics[results.MetricIOPS]; pt.X != float64(s.Cases[i].Params.Depth) || pt.Y != want.Median || pt.Low != want.Low || pt.High != want.High {
			t.Errorf("point %d is %+v, want depth %d at %v", i, pt, s.Cases[i].Params.Depth, want.Median)
		}
	}
	if want := "Through io_uring with O_DIRECT"; len(findings(s)) > 9 {
		t.Errorf("%d findings: the depths are told one by one, not %q", len(findings(s)), want)
	}
	for _, tt := range []struct {
		name   string
		change func(*results.Params, int)
		want   string
	}{
		{"block", func(p *results.Params, i int) { p.BlockBytes = 512 << i }, "sweep-iops-writes sweep-accepted-writes sweep-p99-writes"},
		{"files", func(p *results.Params, i int) { p.Pattern, p.Files = "many-logs", i*i+1 }, "sweep-iops-writes sweep-accepted-writes sweep-p99-writes"},
		{"writers", func(p *results.Params, i int) { p.Writers = i }, "sweep-iops-writes sweep-p99-writes"},
		{"two values only", func(p *results.Params, i int) { p.Depth = 1 + i%2 }, "accepted-writes"},
		{"several things at once", func(p *results.Params, i int) { p.Depth, p.BlockBytes = 1<<i, 512<<i }, "accepted-writes"},
	} {
		s := depthSummary(t)
		s.Run.Charts = []string{"sweep", "throughput"}
		for i := range s.Cases {
			s.Cases[i].Params.Depth = 1
			tt.change(&s.Cases[i].Params, i%8)
		}
		if got := strings.Join(names(figuresOf(s)), " "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestWritesHaveTheirLooks(t *testing.T) {
	seen := map[string]string{}
	for _, pattern := range []string{"append", "append-fallocated", "overwrite", "random", "random-append-mix", "strided", "zipf", "many-logs"} {
		for _, method := range []string{"buffered", "direct", "dsync", "direct-dsync", "mmap", "uring", "uring-direct", "dontcache", "vectored"} {
			l := writeLook(results.Params{Pattern: pattern, Method: method, Sync: "none"})
			key := fmt.Sprint(l.Color, l.Texture)
			if other := seen[key]; other != "" {
				t.Errorf("%s %s and %s look alike", pattern, method, other)
			}
			seen[key] = pattern + " " + method
		}
	}
	// These are promised for ever.
	for pattern, want := range map[string]any{"append": green, "overwrite": skyBlue, "random": vermillion, "many-logs": purple} {
		if got := writeLook(results.Params{Pattern: pattern}).Color; got != want {
			t.Errorf("%s changed its colour to %v", pattern, got)
		}
	}
	lines := map[string]texture{}
	for l := plainTexture; l <= chainTexture; l++ {
		key := fmt.Sprint(l.dashes())
		if other, ok := lines[key]; ok {
			t.Errorf("textures %d and %d are one on a line", l, other)
		}
		lines[key] = l
	}
}

func TestUnknownRegimesAndMissingTimelinesAreNoClaims(t *testing.T) {
	s := cliffSummary(t)
	for i := range s.Cases {
		c := &s.Cases[i]
		c.Timeline, c.Cliff = nil, nil
		c.Regimes = []results.RegimeSpan{
			{Regime: results.RegimeMemory, Trials: 4, Seconds: measured.Known(0.4), AcceptedBytes: measured.Known[int64](1 << 20), BytesPerSecond: measured.Known(2e9)},
			{Regime: results.RegimeUnknown, Trials: 2, Seconds: measured.Unavailable[float64]("too short"), AcceptedBytes: measured.Unavailable[int64]("too short"), BytesPerSecond: measured.Unavailable[float64]("too short")},
		}
	}
	all := strings.Join(findings(s), "\n")
	if !strings.Contains(all, "Buffered appends: 4 of 6 trials below the background limit at 1.863 GiB/s.") || strings.Contains(all, "the first ") {
		t.Errorf("trials are told as if they were stretches of one:\n%s", all)
	}
	if n := names(figuresOf(s)); slices.Contains(n, "cliff-writes") {
		t.Errorf("%q", n)
	}
	if table, ok := regimeTable(s); !ok || table.Rows[1][3].Text != "n/a [1]" || table.Notes[0] != "too short" {
		t.Errorf("%+v", table)
	}
}
