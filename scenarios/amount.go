package scenarios

import (
	"math"
	"strconv"
	"strings"
	"time"

	"copylab/results"
	"copylab/results/measured"
)

// minOperations is the least that a trial does, however slow the device.
const minOperations = 8

// amount is how much of a case fills the time at the given rate: bytes a second for a stream, operations a second for
// everything else. A stream moves whole chunks, the same number on each connection; from a cold cache it reads each byte
// of the file at most once. A write writes each block of the file at most once, and a policy that syncs every N writes
// gets a multiple of N.
func amount(c results.Case, rate float64, time time.Duration) int64 {
	want := rate * time.Seconds()
	if !(want >= 1) || math.IsInf(want, 0) {
		want = 1
	}
	p := c.Params
	switch {
	case c.Kind == results.Write:
		most := p.FileBytes / p.BlockBytes
		n := clampOperations(want, most)
		if every := syncEvery(p.Sync); every > 1 {
			n = min((n+every-1)/every*every, max(every, most/every*every))
			n = min(n, most)
		}
		return n
	case p.Workload == "fetch":
		most := int64(math.MaxInt64)
		if p.Cache == "cold" {
			most = p.FileBytes / p.ChunkBytes
		}
		return clampOperations(want, most)
	}
	unit := p.ChunkBytes * int64(p.Streams)
	most := int64(math.MaxInt64) / unit
	if p.Cache == "cold" {
		// Each stream reads its own part, so that none finds what another has read.
		most = max(1, p.FileBytes/unit)
	}
	return clampOperations(want/float64(unit), most) * unit
}

func clampOperations(want float64, most int64) int64 {
	most = max(1, most)
	if want >= float64(most) {
		return most
	}
	return min(most, max(minOperations, int64(want)))
}

// syncEvery is the N of a policy "every=N", and 0 for the others.
func syncEvery(policy string) int64 {
	text, ok := strings.CutPrefix(policy, "every=")
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0 // the scenario's parser lets nothing else through
	}
	return n
}

// verifyFile is the size of the file that a write case writes to and reads back before anything is timed: every byte of
// it is compared, so it is a small one of its own.
func verifyFile(p results.Params) int64 {
	const size = 4 << 20
	return min(p.FileBytes, max(minOperations, size/p.BlockBytes)*p.BlockBytes)
}

// verifyAmount is how much is moved to verify a case: a transfer moves the file once, or as much of it as
// the most operations of a verification reach.
func verifyAmount(c results.Case) int64 {
	p := c.Params
	switch {
	case c.Kind == results.Write:
		n := min(verifyFile(p)/p.BlockBytes, 256)
		if every := syncEvery(p.Sync); every > 1 {
			n = min(max(n, every), verifyFile(p)/p.BlockBytes)
		}
		return n
	case p.Workload == "fetch":
		return min((p.FileBytes+p.ChunkBytes-1)/p.ChunkBytes, mostVerifiedRequests)
	}
	return min(p.FileBytes, mostVerifiedChunks*p.ChunkBytes)
}

// Tiny chunks would make verifying a file take longer than measuring it: a request takes some 20 µs, a chunk of a stream
// some 1 µs. These are whole files of 256 MiB at 4 KiB a request and at 256 B a chunk.
const (
	mostVerifiedRequests = 1 << 16
	mostVerifiedChunks   = 1 << 20
)

// perSecond is n over a trial's span: until the receiver had confirmed, until the writes were durable where they were
// made so, and otherwise until they were accepted. It is 0 where no span was measured.
func perSecond(t results.Trial, n int64) float64 {
	if d := span(t); d > 0 {
		return float64(n) / d.Seconds()
	}
	return 0
}

func span(t results.Trial) time.Duration {
	for _, s := range []measured.Int{t.ElapsedNS, t.DurableNS, t.AcceptedNS} {
		if ns, ok := s.Get(); ok && ns > 0 {
			return time.Duration(ns)
		}
	}
	return 0
}
