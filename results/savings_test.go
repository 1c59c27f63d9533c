package results

import (
	"maps"
	"math"
	"slices"
	"testing"

	"copylab/results/measured"
	"copylab/results/stages"
)

// sampledPass is a pass of 1 MiB with these costs, in ns per KiB, of the sender and the receiver.
func sampledPass(id string, number int, from, to map[stages.Stage]int64) Trial {
	t := passTrial(id, number)
	t.Bytes = 1 << 20
	for name, of := range map[string]map[stages.Stage]int64{sender: from, receiver: to} {
		s := &StageTimes{KernelNS: known(1), Samples: 100, NS: map[stages.Stage]int64{}}
		total := int64(0)
		for stage, ns := range of {
			s.NS[stage] = ns * 1024
			total += ns * 1024
		}
		s.ClockNS = known(total)
		one := t.Sides[name]
		one.Stages, one.UserNS, one.SystemNS = s, known(0), known(total)
		t.Sides[name] = one
	}
	return t
}

func loopAndSend(passes ...Trial) (loop, send CaseSummary) {
	sf := streamCase(caseSF, "sendfile")
	sf.Baseline = caseRW
	var trials []Trial
	for _, id := range []string{caseRW, caseSF} {
		trials = append(trials, blocks(6, func(block int) Trial { return streamTrial(id, block, 400_000_000) })...)
	}
	s := build(fixtureRun(streamCase(caseRW, "read-write"), sf), append(trials, passes...)...)
	return s.Cases[0], s.Cases[1]
}

func wantMetric(t *testing.T, what string, got Metric, median float64, values ...float64) {
	t.Helper()
	if got.Why() != "" || math.Abs(got.Median-median) > 1e-9 || !slices.EqualFunc(got.Values, values, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }) {
		t.Errorf("%s is %+v, want %g of %g", what, got, median, values)
	}
}

// What a case saves is told pass by pass: what made both slow in one of them does not matter.
func TestCopySavingIsPaired(t *testing.T) {
	loop := map[stages.Stage]int64{stages.CopyCacheToProgram: 100, stages.CopyProgramToSocket: 90, stages.TCPIP: 50, stages.Idle: 9000}
	send := map[stages.Stage]int64{stages.PassPages: 20, stages.TCPIP: 50}
	slow := func(of map[stages.Stage]int64, by int64) map[stages.Stage]int64 {
		of = maps.Clone(of)
		of[stages.TCPIP] += by
		return of
	}
	own, other := loopAndSend(
		sampledPass(caseSF, 3, send, nil), sampledPass(caseRW, 1, loop, nil), sampledPass(caseRW, 2, slow(loop, 700), nil), sampledPass(caseSF, 2, slow(send, 700), nil),
		sampledPass(caseSF, 1, send, nil), sampledPass(caseRW, 4, slow(loop, 5), nil))
	alone, of := own.Copies[sender], other.Copies[sender]
	wantMetric(t, "all of the loop", alone.AllNSPerKiB, 245, 240, 940, 245)
	wantMetric(t, "copies of the loop", alone.CopiesNSPerKiB, 190, 190, 190, 190)
	if alone.Samples != 300 || alone.Against != nil || of.Against == nil || of.Against.Baseline != caseRW {
		t.Fatalf("%+v, %+v", alone, of)
	}
	// Passes 3 and 4 have no partner.
	wantMetric(t, "all saved", of.Against.AllNSPerKiB, 170, 170, 170)
	wantMetric(t, "copies saved", of.Against.CopiesNSPerKiB, 190, 190, 190)
	wantMetric(t, "share", of.Against.CopiesShare, (190.0/240+190.0/940)/2, 190.0/240, 190.0/940)
	var names []stages.Stage
	for _, s := range of.Against.Stages {
		names = append(names, s.Stage)
	}
	if !slices.Equal(names, []stages.Stage{stages.CopyCacheToProgram, stages.CopyProgramToSocket, stages.PassPages, stages.TCPIP}) {
		t.Errorf("stages %v", names)
	}
	paid := of.Against.Stages[2]
	wantMetric(t, "paid instead", paid.SavedNSPerKiB, -20, -20, -20)
	if paid.BaselineNSPerKiB != 0 || paid.NSPerKiB != 20 {
		t.Errorf("%+v", paid)
	}
}

// Copies that the sender put off are its own, in whoever's time they are made; what it reads of requests is none.
func TestPutOffCopiesAreTheSenders(t *testing.T) {
	loop := map[stages.Stage]int64{stages.CopyProgramToSocket: 100, stages.TCPIP: 100}
	later := map[stages.Stage]int64{stages.CopyDeferred: 50, stages.CopySocketToReceiver: 7, stages.TCPIP: 100}
	_, other := loopAndSend(sampledPass(caseRW, 1, loop, nil), sampledPass(caseSF, 1, later, map[stages.Stage]int64{stages.CopySocketToReceiver: 80, stages.CopyDeferred: 40}))
	of := other.Copies[sender]
	wantMetric(t, "copies", of.CopiesNSPerKiB, 50, 50)
	if of.PutOffNSPerKiB == nil || of.Against == nil {
		t.Fatalf("%+v", of)
	}
	wantMetric(t, "put off", *of.PutOffNSPerKiB, 40, 40)
	wantMetric(t, "saved", of.Against.CopiesNSPerKiB, 10, 10)
	wantMetric(t, "share", of.Against.CopiesShare, 0.05, 0.05)
	wantMetric(t, "the receiver's copies", other.Copies[receiver].CopiesNSPerKiB, 120, 120)
	if c := of.Against.CopiesNSPerKiB.Confidence; c != 0 {
		t.Errorf("one pass has a confidence of %g", c)
	}
}

// Without the kernel's samples there is nothing to say of copies.
func TestNoCopiesWithoutTheKernel(t *testing.T) {
	pass := sampledPass(caseRW, 1, map[stages.Stage]int64{stages.Program: 10}, nil)
	pass.Sides[sender].Stages.KernelNS = measured.Unavailable[int64]("not allowed")
	pass.Sides[receiver].Stages.KernelNS = measured.Unavailable[int64]("not allowed")
	loop, send := loopAndSend(pass)
	if loop.Copies != nil || send.Copies != nil || !loop.Evidence.Sides[sender].Tried() || send.Evidence.Sides[sender].Tried() {
		t.Errorf("%+v, %+v", loop.Copies, send.Copies)
	}
}
