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
// of the file at most once. Writes: see writeAmount.
func amount(c results.Case, rate float64, time time.Duration) int64 {
	want := rate * time.Seconds()
	if !(want >= 1) || math.IsInf(want, 0) {
		want = 1
	}
	p := c.Params
	switch {
	case c.Kind == results.Write:
		return writeAmount(p, want, time)
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

// writeAmount is how many blocks a write's trial writes: as many as it wants, or in an open loop as are due in the time; at most as
// many as fill the file, and those where the scenario says so. Every writer gets a write. Each of several logs gets the same number, and a
// policy that syncs every N writes of a writer gets a multiple of N for each.
func writeAmount(p results.Params, want float64, time time.Duration) int64 {
	most := max(1, jobOf(p).Room())
	if p.Amount == AmountFile {
		return most
	}
	if p.RatePerSecond > 0 {
		return clampOperations(p.RatePerSecond*time.Seconds(), most)
	}
	writers, logs := int64(writersOf(p)), int64(max(1, p.Files))
	n := min(max(clampOperations(want, most), writers), most)
	step := logs
	if every := syncEvery(p.Sync); every > most/writers {
		return n
	} else if every > 1 {
		step = commonMultiple(logs, every*writers)
	}
	return min((n+step-1)/step*step, max(step, most/step*step), most)
}

// warmUpAmount is how much of a trial's amount the warm-up does: all of it, or a tenth where trials write the whole file, which may
// take minutes.
func warmUpAmount(c results.Case, amount int64) int64 {
	if c.Params.Amount == AmountFile {
		return min(amount, max(minOperations, amount/10))
	}
	return amount
}

// slowestBytesPerSecond is what a disk is expected to take at least where a trial writes the whole file.
const slowestBytesPerSecond = 4 * mib

// writeLimit is how long a trial of a write may go on writing. Where it writes the whole file, that is as long as the slowest disk takes;
// otherwise it is the time that it was meant to take, some times over.
func writeLimit(c results.Case, amount int64, want time.Duration) time.Duration {
	if c.Params.Amount != AmountFile {
		return overlong * want
	}
	seconds := float64(amount) * float64(c.Params.BlockBytes) / slowestBytesPerSecond
	if rate := c.Params.RatePerSecond; rate > 0 {
		seconds += float64(amount) / rate
	}
	return time.Minute + time.Duration(min(seconds, longestBudget.Seconds())*float64(time.Second))
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
// it is compared, so it is a small one of its own, though with two blocks for each writer, and more than one for each of many logs.
func verifyFile(p results.Params) int64 {
	const size = 4 << 20
	blocks := max(minOperations, size/p.BlockBytes, 2*int64(writersOf(p)), int64(p.Files)+minOperations)
	return min(p.FileBytes, blocks*p.BlockBytes)
}

// verified is what a write is verified as: in a small file, with a stride that it has room for, and without waiting for an open loop.
func verified(p results.Params) results.Params {
	p.FileBytes = verifyFile(p)
	p.StrideBlocks = min(p.StrideBlocks, p.FileBytes/p.BlockBytes/2)
	p.RatePerSecond = 0
	return p
}

// verifyAmount is how much is moved to verify a case: a transfer moves the file once, or as much of it as
// the most operations of a verification reach.
func verifyAmount(c results.Case) int64 {
	p := c.Params
	switch {
	case c.Kind == results.Write:
		n := min(verifyFile(p)/p.BlockBytes, max(256, 2*int64(writersOf(p)), int64(p.Files)+minOperations))
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
