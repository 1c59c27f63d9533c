package report

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"copylab/results"
	"copylab/results/measured"
	"copylab/results/stages"
)

// sampled is a made-up case with its passes for evidence: by side, what each pass spent on each stage in ns per KiB. Of a pass that is nil
// nothing is recorded.
type sampled struct {
	madeUp
	passes  map[string][]costs
	refused string // why the kernel's part could not be sampled
	trials  int    // timed ones; 0 is 6
}

// every is n passes of which the first spent these costs, each later one step more on every stage that copies.
func every(n int, step float64, of costs) []costs {
	var out []costs
	for i := range n {
		one := maps.Clone(of)
		for s := range one {
			if s.Copies() {
				one[s] += float64(i) * step
			}
		}
		out = append(out, one)
	}
	return out
}

// sampledSummary runs made-up cases with passes through results.Builder.
func sampledSummary(cases ...sampled) *results.Summary {
	run := results.Run{
		Type: "run", Schema: results.Schema, ID: "20010203-040506-made-up", Started: time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC), Effort: "normal", Host: fixtureHost(),
		Scenario: results.Scenario{ID: "made-up", Title: "Made up", Precision: 0.03},
	}
	for _, c := range cases {
		run.Cases = append(run.Cases, c.Case)
	}
	b := results.NewBuilder(run)
	r := rand.New(rand.NewPCG(1, 2))
	for block := 1; block <= 6; block++ {
		for _, c := range cases {
			if c.trials == 0 || block <= c.trials {
				b.Add(c.trial(r, block, block))
			}
		}
	}
	for _, c := range cases {
		for number := 1; number <= 6; number++ {
			if t, any := c.pass(r, number); any {
				b.Add(t)
			}
		}
	}
	return b.Summary(&results.End{Type: "end", Ended: run.Started.Add(time.Minute), Reason: results.StopPrecise, Blocks: 6})
}

// pass is a trial for evidence; false where the case has none of that number. Each ns per KiB has four samples.
func (c sampled) pass(r *rand.Rand, number int) (t results.Trial, any bool) {
	t = c.trial(r, 0, number)
	t.Phase, t.Instrument, t.Timeline = results.PhaseEvidence, results.InstrumentProfile, nil
	for side, passes := range c.passes {
		if number > len(passes) || passes[number-1] == nil {
			continue
		}
		of := passes[number-1]
		s := &results.StageTimes{PeriodNS: 200_000, NS: map[stages.Stage]int64{}, KernelNS: measured.Known[int64](1)}
		total := int64(0)
		for _, stage := range stages.All() {
			if of[stage] == 0 || c.refused != "" && stage != stages.Program {
				continue
			}
			s.Samples += int64(4 * of[stage])
			s.NS[stage] = int64(of[stage] * float64(t.Bytes) / 1024)
			total += s.NS[stage]
		}
		if c.refused != "" {
			s.KernelNS = measured.Unavailable[int64]("%s", c.refused)
		}
		s.ClockNS = measured.Known(total)
		one := t.Sides[side]
		one.Stages, one.UserNS, one.SystemNS = s, measured.Known[int64](0), measured.Known(total)
		t.Sides[side] = one
		any = true
	}
	return t, any
}

// timed is a speed whose sender or writer takes so much CPU time in the timed trials.
func timed(of speed, cpu float64) speed {
	of.sUser, of.sSys = 0.01*cpu, 0.99*cpu
	return of
}

// as is a speed whose CPU time in the timed trials is that of a pass.
func as(of speed, passes []costs) speed {
	for _, p := range passes {
		sum := 0.0
		for _, s := range stages.All() {
			sum += p[s]
		}
		if p != nil {
			return timed(of, sum)
		}
	}
	return of
}

func ofSender(passes []costs) map[string][]costs { return map[string][]costs{"sender": passes} }
func ofWriter(passes []costs) map[string][]costs { return map[string][]costs{"writer": passes} }

func loopCosts() costs {
	return costs{stages.CopyCacheToProgram: 110, stages.CopyProgramToSocket: 100, stages.CacheLookup: 16, stages.TCPIP: 150, stages.Syscalls: 30, stages.Program: 10}
}

func sendfileCosts() costs {
	return costs{stages.PassPages: 40, stages.CacheLookup: 16, stages.TCPIP: 140, stages.Syscalls: 10, stages.Program: 2}
}

func loopCase(passes []costs) sampled {
	return sampled{madeUp: madeUp{transferCase(0, "read-write", 64<<10, nil), as(readWriteSpeed(), passes)}, passes: ofSender(passes)}
}

func otherCase(path string, of speed, passes []costs) sampled {
	return sampled{madeUp: madeUp{against(transferCase(0, path, 64<<10, nil), transferCase(0, "read-write", 64<<10, nil)), as(of, passes)}, passes: ofSender(passes)}
}

func appendCase(method string, of speed, passes []costs) sampled {
	c := writeCase(0, "append", method, "none")
	if method != "buffered" {
		c = against(c, writeCase(0, "append", "buffered", "none"))
	}
	return sampled{madeUp: madeUp{c, as(of, passes)}, passes: ofWriter(passes)}
}

// evidences are made-up runs, each for another thing that the evidence can let us say.
func evidences() []struct {
	name  string
	cases []sampled
} {
	sender, receiver := readWriteSpeed(), sendfileSpeed()
	buffered := speed{rate: 1900 * mib, latency: 1900, senderBusy: 0.98}
	direct := speed{rate: 300 * mib, latency: 13000, senderBusy: 0.2}
	appends := costs{stages.CopyProgramToCache: 200, stages.Filesystem: 220, stages.MemoryManagement: 60, stages.Syscalls: 20}
	past := costs{stages.Filesystem: 90, stages.BlockLayer: 240, stages.Scheduling: 70, stages.Syscalls: 20, stages.Program: 10}
	const refused = "perf_event_open: permission denied: samples in kernel mode need root or CAP_PERFMON, or: sudo sysctl kernel.perf_event_paranoid=1"
	userOnly := func(c sampled) sampled {
		c.refused = refused
		return c
	}
	copiesAtReceiver := otherCase("sendfile", receiver, every(6, 2, sendfileCosts()))
	copiesAtReceiver.passes["receiver"] = every(6, 2, costs{stages.CopySocketToReceiver: 150, stages.TCPIP: 100})
	discard := func(name string, of costs) sampled {
		c := transferCase(0, "sendfile", 64<<10, func(p *results.Params) { p.Receiver = name })
		if name != "recv" {
			c = against(c, transferCase(0, "sendfile", 64<<10, nil))
		}
		took := as(receiver, every(1, 0, sendfileCosts()))
		took.rUser, took.rSys = 1, as(receiver, []costs{of}).sSys
		return sampled{madeUp: madeUp{c, took}, passes: map[string][]costs{"sender": every(6, 2, sendfileCosts()), "receiver": every(6, 2, of)}}
	}
	putOff := otherCase("mmap-zerocopy", sender, every(6, 2, costs{
		stages.CopyDeferred: 260, stages.PassPages: 40, stages.PageFaults: 60, stages.TCPIP: 200, stages.Syscalls: 15,
	}))
	putOff.passes["receiver"] = every(6, 0, costs{stages.CopySocketToReceiver: 160, stages.CopyDeferred: 50, stages.TCPIP: 100})
	loopWithReceiver := loopCase(every(6, 2, loopCosts()))
	loopWithReceiver.passes["receiver"] = every(6, 0, costs{stages.CopySocketToReceiver: 120, stages.TCPIP: 100})
	trace := sendfileCosts()
	trace[stages.CopyProgramToSocket] = 0.5
	with := func(of, more costs) costs {
		out := maps.Clone(of)
		maps.Copy(out, more)
		return out
	}
	sendfileBase := func(passes []costs) sampled {
		return sampled{madeUp: madeUp{transferCase(0, "sendfile", 64<<10, nil), as(receiver, passes)}, passes: ofSender(passes)}
	}
	afterSendfile := func(path string, passes []costs) sampled {
		return sampled{madeUp: madeUp{against(transferCase(0, path, 64<<10, nil), transferCase(0, "sendfile", 64<<10, nil)), as(receiver, passes)}, passes: ofSender(passes)}
	}
	linear := with(sendfileCosts(), costs{stages.CopyToSegments: 264})
	deferred := func(n int) sampled {
		c := afterSendfile("mmap-zerocopy", every(n, 2, with(sendfileCosts(), costs{stages.CopyDeferred: 260, stages.PageFaults: 60})))
		c.passes["receiver"] = every(n, 0, costs{stages.CopySocketToReceiver: 160, stages.CopyDeferred: 50, stages.TCPIP: 100})
		return c
	}
	limited := func(trials int, c sampled) sampled {
		c.trials = trials
		return c
	}
	// Half of the passes are fast: the median of what is saved of each is 51 %, where the medians that a reader sees make 47 %.
	uneven := []costs{}
	for _, tcp := range []float64{40, 50, 60, 300, 310, 320} {
		uneven = append(uneven, with(loopCosts(), costs{stages.TCPIP: tcp}))
	}
	threeCopies := with(loopCosts(), costs{stages.CopyToSegments: 60})
	fourCopies := with(threeCopies, costs{stages.CopyDeferred: 50})
	// In all passes but one the second takes 1.4 more. In that one it is fast, and so its median is far below the first's.
	var first, second []costs
	for _, ns := range [][2]float64{{100, 101.4}, {105, 106.4}, {302, 102}, {305, 306.4}, {310, 311.4}, {320, 321.4}} {
		first = append(first, costs{stages.CopyCacheToProgram: ns[0], stages.TCPIP: 150})
		second = append(second, costs{stages.CopyCacheToProgram: ns[1], stages.TCPIP: 150})
	}
	return []struct {
		name  string
		cases []sampled
	}{
		{"the loop against sendfile, six passes; the receiver limits sendfile", []sampled{loopCase(every(6, 2, loopCosts())), copiesAtReceiver}},
		{"three passes", []sampled{loopCase(every(3, 4, loopCosts())), otherCase("sendfile", sender, every(3, 0, sendfileCosts()))}},
		{"one pass", []sampled{loopCase(every(1, 0, loopCosts())), otherCase("sendfile", receiver, every(1, 0, sendfileCosts()))}},
		{"one of two copies is spared, page faults instead", []sampled{loopCase(every(6, 2, loopCosts())), otherCase("mmap-write", sender, every(6, 2, costs{
			stages.CopyProgramToSocket: 104, stages.PageFaults: 90, stages.CacheLookup: 20, stages.TCPIP: 150, stages.Syscalls: 15,
		}))}},
		{"copies that were put off, some in the receiver's time, are more than those that were spared", []sampled{loopWithReceiver, putOff}},
		{"the interval holds 0", []sampled{
			loopCase([]costs{loopCosts(), loopCosts(), loopCosts(), loopCosts(), loopCosts(), loopCosts()}),
			otherCase("go-copy-buffer", sender, every(6, 4, costs{stages.CopyCacheToProgram: 105, stages.CopyProgramToSocket: 100, stages.TCPIP: 150, stages.Syscalls: 30, stages.Program: 24})),
		}},
		{"the same copies for more, and encryption", []sampled{loopCase(every(6, 2, loopCosts())), otherCase("tls", sender, every(6, 2, costs{
			stages.CopyCacheToProgram: 120, stages.CopyProgramToSocket: 130, stages.Encryption: 600, stages.TCPIP: 150, stages.Program: 50,
		}))}},
		{"a single sample in a copy is none", []sampled{loopCase(every(6, 2, loopCosts())), otherCase("sendfile", receiver, every(6, 0, trace))}},
		{"no copy in either", []sampled{
			{madeUp: madeUp{transferCase(0, "sendfile", 64<<10, nil), as(receiver, every(1, 0, sendfileCosts()))}, passes: ofSender(every(6, 2, sendfileCosts()))},
			{madeUp: madeUp{against(transferCase(0, "splice", 64<<10, nil), transferCase(0, "sendfile", 64<<10, nil)), timed(receiver, 226)}, passes: ofSender(every(6, 2, costs{
				stages.PassPages: 50, stages.CacheLookup: 16, stages.TCPIP: 140, stages.Syscalls: 20,
			}))},
		}},
		{"a copy where the baseline makes none", []sampled{sendfileBase(every(6, 2, sendfileCosts())), afterSendfile("splice", every(6, 2, linear)), deferred(6)}},
		{"copies where the baseline makes none, in few passes or noise", []sampled{
			sendfileBase(every(6, 2, sendfileCosts())), deferred(1), afterSendfile("uring-splice", every(3, 2, linear)),
			afterSendfile("splice", []costs{linear, linear, sendfileCosts(), sendfileCosts(), linear, linear}),
			afterSendfile("read-write", every(6, 2, with(sendfileCosts(), costs{stages.CopyToSegments: 264, stages.CopyProgramToSocket: 100}))),
		}},
		{"copies where the baseline has hardly any", []sampled{sendfileBase(every(6, 0, trace)), afterSendfile("splice", every(6, 2, linear))}},
		{"copies where the baseline has too few samples", []sampled{sendfileBase(every(2, 0, costs{stages.TCPIP: 7})), afterSendfile("splice", every(2, 2, linear))}},
		{"a copy where the baseline's writes make none", []sampled{
			{madeUp: madeUp{writeCase(0, "append", "direct", "none"), as(direct, every(1, 0, past))}, passes: ofWriter(every(6, 0, past))},
			{madeUp: madeUp{against(writeCase(0, "append", "buffered", "none"), writeCase(0, "append", "direct", "none")), as(buffered, every(1, 0, appends))}, passes: ofWriter(every(6, 2, appends))},
		}},
		{"the share is that of the medians", []sampled{
			{madeUp: madeUp{transferCase(0, "read-write", 64<<10, nil), timed(readWriteSpeed(), 446)}, passes: ofSender(uneven)},
			otherCase("sendfile", receiver, every(6, 2, sendfileCosts())),
		}},
		{"two of three copies are spared", []sampled{loopCase(every(6, 2, threeCopies)), otherCase("sendfile", receiver, every(6, 2, with(sendfileCosts(), costs{stages.CopyToSegments: 60})))}},
		{"three of four copies are spared", []sampled{loopCase(every(6, 2, fourCopies)), otherCase("sendfile", receiver, every(6, 2, with(sendfileCosts(), costs{stages.CopyToSegments: 60})))}},
		{"too few pairs of timed trials", []sampled{limited(3, loopCase(every(6, 2, loopCosts()))), limited(3, otherCase("sendfile", receiver, every(6, 2, sendfileCosts())))}},
		{"one pair of timed trials", []sampled{limited(1, loopCase(every(6, 2, loopCosts()))), limited(1, otherCase("sendfile", receiver, every(6, 2, sendfileCosts())))}},
		{"medians that differ the other way round than the passes", []sampled{
			{madeUp: madeUp{transferCase(0, "read-write", 64<<10, nil), timed(readWriteSpeed(), 453)}, passes: ofSender(first)},
			{madeUp: madeUp{against(transferCase(0, "go-copy-buffer", 64<<10, nil), transferCase(0, "read-write", 64<<10, nil)), timed(sender, 356)}, passes: ofSender(second)},
		}},
		{"the passes are far from the timed trials", []sampled{
			{madeUp: madeUp{transferCase(0, "read-write", 64<<10, nil), timed(readWriteSpeed(), 340)}, passes: ofSender(every(6, 2, loopCosts()))},
			otherCase("sendfile", receiver, every(6, 2, sendfileCosts())),
		}},
		{"the passes of the baseline failed", []sampled{loopCase([]costs{nil, loopCosts()}), otherCase("sendfile", receiver, []costs{sendfileCosts(), nil})}},
		{"an ordinary user", []sampled{userOnly(loopCase(every(6, 2, loopCosts()))), userOnly(otherCase("sendfile", receiver, every(6, 2, sendfileCosts())))}},
		{"too few samples to say that something is not there", []sampled{
			loopCase(every(2, 0, costs{stages.CopyCacheToProgram: 14, stages.CopyProgramToSocket: 8, stages.TCPIP: 6})), otherCase("sendfile", receiver, every(2, 0, costs{stages.TCPIP: 7})),
		}},
		{"too few samples at all", []sampled{
			appendCase("buffered", direct, []costs{{stages.BlockLayer: 2}}), appendCase("direct", direct, []costs{{stages.BlockLayer: 2}}),
		}},
		{"a copy that takes little of much", []sampled{appendCase("dsync", direct, every(6, 0, costs{stages.CopyProgramToCache: 12, stages.Filesystem: 800, stages.BlockLayer: 500}))}},
		{"a copy of the request", []sampled{loopCase(every(6, 2, loopCosts())), otherCase("sendfile", receiver, every(6, 0, costs{stages.CopySocketToReceiver: 1, stages.TCPIP: 40, stages.PassPages: 9}))}},
		{"receivers", []sampled{
			discard("recv", costs{stages.CopySocketToReceiver: 150, stages.TCPIP: 60, stages.Syscalls: 20}),
			discard("discard", costs{stages.TCPIP: 66, stages.Syscalls: 20}),
		}},
		{"writes", []sampled{appendCase("buffered", buffered, every(6, 2, appends)), appendCase("direct", direct, every(6, 0, past))}},
		{"writes by an ordinary user", []sampled{userOnly(appendCase("buffered", buffered, every(6, 2, appends))), userOnly(appendCase("direct", direct, every(6, 2, past)))}},
		{"a program's own copy is one too", []sampled{
			loopCase(every(6, 2, costs{stages.CopyInProgram: 90, stages.CopyProgramToSocket: 100, stages.TCPIP: 120, stages.Unsampled: 60, stages.Program: 10})),
			otherCase("sendmsg", sender, every(6, 2, costs{stages.CopyProgramToSocket: 130, stages.TCPIP: 120, stages.Unsampled: 90, stages.Program: 5})),
			otherCase("send-zerocopy", sender, every(6, 2, costs{stages.CopyInProgram: 95, stages.CopyDeferred: 110, stages.TCPIP: 130})),
		}},
		{"only the program's copy is spared", []sampled{
			loopCase(every(6, 2, costs{stages.CopyInProgram: 90, stages.TCPIP: 120})), otherCase("sendmsg", sender, every(6, 2, costs{stages.TCPIP: 120})),
		}},
		{"nothing is shown of any", []sampled{
			userOnly(appendCase("buffered", direct, every(6, 2, appends))), userOnly(appendCase("direct", direct, every(6, 2, past))), userOnly(appendCase("dsync", direct, every(6, 2, past))),
		}},
		{"no passes", []sampled{loopCase(nil), otherCase("sendfile", receiver, nil)}},
	}
}

func TestVerdicts(t *testing.T) {
	var b strings.Builder
	for _, e := range evidences() {
		fmt.Fprintf(&b, "== %s\n", e.name)
		for _, line := range verdictLines(sampledSummary(e.cases...)) {
			fmt.Fprintf(&b, "%s\n\n", line)
		}
	}
	golden(t, "testdata/savings.golden", []byte(b.String()), sameText)
}

// Where the interval of what is saved holds 0, nothing is said to be saved, by whatever much the median is off.
func TestNothingIsSavedWhereTheIntervalHoldsZero(t *testing.T) {
	for _, noisy := range [][]float64{{-1, 200, 210}, {-300, 1, 1, 2, 2, 300}} {
		var passes []costs
		for _, less := range noisy {
			of := maps.Clone(loopCosts())
			of[stages.CopyCacheToProgram] -= less / 2
			of[stages.CopyProgramToSocket] -= less / 2
			of[stages.CopyCacheToProgram], of[stages.CopyProgramToSocket] = max(0, of[stages.CopyCacheToProgram]), max(0, of[stages.CopyProgramToSocket])
			passes = append(passes, of)
		}
		s := sampledSummary(loopCase(every(len(noisy), 0, loopCosts())), otherCase("sendfile", sendfileSpeed(), passes))
		text := Verdicts(s)[s.Cases[1].ID]
		if strings.Contains(text, "which saves") || strings.Contains(text, "ns/KiB less (") || !strings.Contains(text, "and that they take less or more is not shown (") {
			t.Errorf("%v: %s", noisy, text)
		}
	}
}

// Pairs are of passes of one number, whatever else there is.
func TestSavingsArePaired(t *testing.T) {
	loop, sent := loopCosts(), sendfileCosts()
	slow, slowSent := maps.Clone(loop), maps.Clone(sent)
	slow[stages.CopyCacheToProgram] += 1000 // the machine was slow in the second pass: of both
	slowSent[stages.TCPIP] += 1000
	s := sampledSummary(loopCase([]costs{loop, slow, loop}), otherCase("sendfile", sendfileSpeed(), []costs{sent, slowSent, nil}))
	saving := s.Cases[1].Copies["sender"].Against
	if saving == nil || !slices.Equal(rounded(saving.CopiesNSPerKiB.Values), []int{210, 1210}) || !slices.Equal(rounded(saving.AllNSPerKiB.Values), []int{208, 208}) {
		t.Fatalf("%+v", saving)
	}
	if got := s.Cases[0].Copies["sender"]; got.Against != nil || len(got.AllNSPerKiB.Values) != 3 || got.Samples != 3*4*416+4000 {
		t.Errorf("%+v", got)
	}
}

func rounded(values []float64) []int {
	var out []int
	for _, v := range values {
		out = append(out, int(v+0.5))
	}
	return out
}

// The sentences stand in every report, and in summary.json with their numbers. A terminal has few of them.
func TestVerdictsAreReported(t *testing.T) {
	e := evidences()
	s := sampledSummary(e[0].cases...)
	for i, path := range []string{"splice", "go-io-copy", "uring-splice"} {
		e := sampledSummary(append(slices.Clone(e[0].cases), otherCase(path, sendfileSpeed(), every(6, float64(i), sendfileCosts())))...)
		s.Cases, s.Comparisons = append(s.Cases, e.Cases[2]), append(s.Comparisons, e.Comparisons...)
	}
	of := Verdicts(s)
	if len(of) != 5 {
		t.Fatalf("%d sentences", len(of))
	}
	sentence := of[s.Cases[1].ID]
	for format, want := range map[string]string{
		"markdown": "### " + verdictsHeading + "\n\n- " + escapeMarkdown(of[s.Cases[0].ID]) + "\n- " + escapeMarkdown(sentence),
		"html":     "<h3>" + verdictsHeading + "</h3>\n<ul><li>" + html.EscapeString(glue(of[s.Cases[0].ID])) + "</li><li>" + html.EscapeString(glue(sentence)) + "</li>",
	} {
		if out := rendered(t, s, format, Options{}); strings.Count(out, want) != 1 {
			t.Errorf("%s has no %q", format, want)
		}
	}
	table := rendered(t, s, "table", Options{Width: 1000})
	if !strings.Contains(table, of[s.Cases[0].ID]) || !strings.Contains(table, "Three more in report.html.") || strings.Count(table, "copies of read-write") != 1 {
		t.Errorf("terminal:\n%s", table)
	}
	var written results.Summary
	if err := json.Unmarshal([]byte(rendered(t, s, "json", Options{})), &written); err != nil {
		t.Fatal(err)
	}
	if got := written.Cases[1]; got.Verdict != sentence || got.Copies["sender"].Against.CopiesNSPerKiB.Median != s.Cases[1].Copies["sender"].Against.CopiesNSPerKiB.Median {
		t.Errorf("summary.json has %q", got.Verdict)
	}
	if s.Cases[1].Verdict != "" {
		t.Error("the summary was changed")
	}
	// Without passes there is nothing to say, and nothing is said.
	none := rendered(t, tourSummary(t), "json", Options{}) + rendered(t, tourSummary(t), "markdown", Options{}) + rendered(t, tourSummary(t), "html", Options{}) + rendered(t, tourSummary(t), "table", Options{})
	if strings.Contains(none, verdictsHeading) || strings.Contains(none, `"copies"`) {
		t.Error("a run without passes has verdicts")
	}
}
