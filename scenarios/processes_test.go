//go:build unix

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"copylab/copypaths"
	"copylab/diskwrite"
	"copylab/internal/kernel"
	"copylab/internal/testenv"
	"copylab/results"
	"copylab/results/host"
	"copylab/results/measured"
	"copylab/scenarios/worker"
)

// oddFile is the size of the files to send: no whole number of chunks, pages or blocks.
const oddFile = 1<<20 + 777

// realProcesses is an Executor whose workers are processes of the test binary, on files in a folder that must be empty afterwards.
func realProcesses(t *testing.T) *Processes {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	scratch, err := NewScratch(dir, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := scratch.Remove(); err != nil {
			t.Error(err)
		}
		wantEmpty(t, dir)
	})
	p := &Processes{
		Launcher: &worker.Launcher{Command: []string{self, "worker"}, Run: dir}, Scratch: scratch, Disk: host.Collect(scratch.Dir).Disk,
		Seed: 3, ReceiveBuffer: func(results.Case) int { return 64 << 10 }, SenderCPU: -1, ReceiverCPU: -1,
	}
	if cpus := host.PickCPUs(2); len(cpus) > 0 {
		p.SenderCPU, p.ReceiverCPU = cpus[0], cpus[len(cpus)-1]
	}
	up, err := openLinks(t.Context(), []results.Case{transferOf("sendfile", nil)})
	t.Cleanup(func() {
		if err := up.close(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Links = up.links
	return p
}

func transferOf(path string, change func(*results.Params)) results.Case {
	c := results.Case{ID: "transfer of " + path, Kind: results.Transfer, Params: results.Params{
		Path: path, Source: SourceFile, ChunkBytes: 16 << 10, FileBytes: oddFile, Cache: "warm", Link: "loopback", Receiver: "recv", Streams: 1, Workload: "stream",
	}}
	if change != nil {
		change(&c.Params)
	}
	return c
}

func (p *Processes) mustPrepare(t *testing.T, cases ...results.Case) {
	t.Helper()
	if err := p.Prepare(context.Background(), cases); err != nil {
		t.Fatal(err)
	}
}

func (p *Processes) mustExecute(t *testing.T, w Work) results.Trial {
	t.Helper()
	trial, err := p.Execute(context.Background(), w)
	if err != nil {
		t.Fatalf("%s, %s: %v", w.Case.ID, w.Phase, err)
	}
	return trial
}

func wantKnown[N measured.Number](t *testing.T, what string, v measured.Value[N]) N {
	t.Helper()
	n, ok := v.Get()
	if !ok {
		t.Errorf("%s is %s", what, v)
	}
	return n
}

// Every path delivers the file, in every workload, and a trial tells how much it moved and in which state the file was.
func TestTransferTrials(t *testing.T) {
	t.Parallel()
	p := realProcesses(t)
	p.mustPrepare(t, transferOf("read-write", nil))
	content, err := os.ReadFile(p.Scratch.File(fileName(transferOf("read-write", nil))))
	if err != nil {
		t.Fatal(err)
	}
	if len(content) != oddFile {
		t.Fatalf("the file has %d bytes", len(content))
	}
	for _, path := range copypaths.Catalogue() {
		if path.ID == "null" || path.Probe().State != kernel.StateAvailable {
			continue
		}
		for name, change := range map[string]func(*results.Params){
			"one stream":     nil,
			"three streams":  func(q *results.Params) { q.Streams = 3 },
			"fetch":          func(q *results.Params) { q.Workload, q.Loop = "fetch", "closed" },
			"fetch, by plan": func(q *results.Params) { q.Workload, q.Loop, q.LoadShare, q.Streams = "fetch", "open", 0.5, 2 },
		} {
			t.Run(path.ID+", "+name, func(t *testing.T) {
				c := transferOf(path.ID, change)
				if why := p.Availability(c); why != "" {
					t.Skip(why)
				}
				fetch, open := c.Params.Workload == "fetch", c.Params.Loop == "open"

				v := p.mustExecute(t, Work{Case: c, Phase: results.PhaseVerify, Amount: verifyAmount(c)})
				if v.Bytes < oddFile || !fetch && v.Bytes != oddFile {
					t.Errorf("verified %d bytes of %d", v.Bytes, oddFile)
				}
				if want := fmt.Sprintf("%016x", xxhash.Sum64(content)); c.Params.Streams == 1 && v.Checksum != want {
					t.Errorf("checksum %s, want %s", v.Checksum, want)
				}
				if sums := strings.Fields(v.Checksum); len(sums) != c.Params.Streams {
					t.Errorf("checksums %v of %d streams", sums, c.Params.Streams)
				}

				w := Work{Case: c, Phase: results.PhaseCounted, Amount: 2*oddFile + 1}
				if fetch {
					w.Amount = 150
				}
				if open {
					w.Rate = 5000
				}
				trial := p.mustExecute(t, w)
				if did := map[bool]int64{false: trial.Bytes, true: trial.Operations}[fetch]; did != w.Amount {
					t.Errorf("did %d of %d", did, w.Amount)
				}
				if wantKnown(t, "elapsed time", trial.ElapsedNS) <= 0 || trial.Latency["op"].TotalCount() != trial.Operations {
					t.Errorf("%v for %d operations, %d timed", trial.ElapsedNS, trial.Operations, trial.Latency["op"].TotalCount())
				}
				if h, ok := trial.Latency["fetch"]; ok != fetch || fetch && h.TotalCount() != w.Amount {
					t.Errorf("fetch histogram: %v, %+v", ok, h)
				}
				if share := wantKnown(t, "resident share", trial.Before.Share()); share < host.WarmShare {
					t.Errorf("%v of the file was in the page cache", share)
				}
				for side, cpu := range map[string]int{"sender": p.SenderCPU, "receiver": p.ReceiverCPU} {
					s, ok := trial.Sides[side]
					if !ok || s.CPU != cpu || s.WallNS <= 0 {
						t.Errorf("%s: %+v", side, s)
					}
					if _, known := s.CPUNS().Get(); known == (open && side == "receiver") {
						t.Errorf("CPU time of the %s is %v", side, s.CPUNS())
					}
				}
				if offered, ok := trial.OfferedPerSecond.Get(); ok != open || offered != w.Rate {
					t.Errorf("offered %v, want %v", trial.OfferedPerSecond, w.Rate)
				}
				if _, ok := trial.Machine.BusyNS.Get(); ok && open {
					t.Error("the spinning receiver counts in the machine's CPU time")
				}
				if _, ok := trial.DurableNS.Get(); ok {
					t.Error("a transfer is durable")
				}
			})
		}
	}
}

// A single wrong byte fails the verification: the checksums that are expected were computed before the file went bad.
func TestVerificationSeesWrongByte(t *testing.T) {
	p := realProcesses(t)
	for _, c := range []results.Case{
		transferOf("read-write", nil), transferOf("sendfile", func(q *results.Params) { q.Streams = 2 }),
		transferOf("read-write", func(q *results.Params) { q.Workload, q.Loop = "fetch", "closed" }),
	} {
		name := p.Scratch.File(fileName(c))
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		p.sums = nil
		p.mustPrepare(t, c)
		if err := os.Remove(p.Scratch.File(toolFile)); err != nil { // Prepare makes it but once
			t.Fatal(err)
		}
		verify := Work{Case: c, Phase: results.PhaseVerify, Amount: verifyAmount(c)}
		p.mustExecute(t, verify)
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1)
		_, err = f.ReadAt(b, oddFile-500)
		if err == nil {
			b[0] ^= 4
			_, err = f.WriteAt(b, oddFile-500)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Execute(context.Background(), verify); err == nil || !strings.Contains(err.Error(), "verify bytes: ") {
			t.Errorf("%s of %s: a wrong byte went through: %v", c.Params.Workload, c.ID, err)
		}
	}
}

// A cold transfer finds nothing of the file in the page cache, and the disk has to be read.
func TestColdTransfer(t *testing.T) {
	p := realProcesses(t)
	ok, why := host.CanDrop(p.Scratch.Dir)
	testenv.Require(t, testenv.Disk, ok && p.Disk.Device != "", "%s%s", why, p.Disk.Why)
	c := transferOf("sendfile", func(q *results.Params) { q.Cache = "cold" })
	p.mustPrepare(t, c)
	for range 2 {
		trial := p.mustExecute(t, Work{Case: c, Phase: results.PhaseCounted, Amount: 1 << 20})
		if share := wantKnown(t, "resident share", trial.Before.Share()); share > host.ColdShare {
			t.Errorf("%v of the file was in the page cache", share)
		}
		if read := wantKnown(t, "bytes read from the disk", trial.Device.ReadBytes); read < trial.Bytes {
			t.Errorf("%d bytes sent, %d read from the disk", trial.Bytes, read)
		}
	}
}

// Every write method, pattern and policy writes what it was told, is durable only where it was made so, and leaves no file
// that lives for one trial.
func TestWriteTrials(t *testing.T) {
	t.Parallel() // it waits for the disk
	p := realProcesses(t)
	testenv.Require(t, testenv.Disk, !p.Disk.InMemory, "the temporary folder is on a %s", p.Disk.Filesystem)
	fresh := func() []string {
		found, err := filepath.Glob(p.Scratch.File(freshPrefix + "*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	var cases []results.Case
	for _, m := range diskwrite.Methods() {
		if m.ID == "null" || m.Probe(p.Scratch.Dir).State != kernel.StateAvailable {
			continue
		}
		for _, pattern := range diskwrite.Patterns() {
			if pattern.Allocated || pattern.Parameter != "" && pattern.ID != diskwrite.Random {
				continue // see TestWriteOptions
			}
			if m.Fits(diskwrite.Job{Pattern: pattern.ID}).State != kernel.StateAvailable {
				continue
			}
			for _, sync := range []string{"none", "end", "every=8"} {
				if sync == "end" && m.ID != "buffered" {
					continue // nothing that the others don't show
				}
				c := results.Case{ID: fmt.Sprintf("%s %s %s", m.ID, pattern.ID, sync), Kind: results.Write, Params: results.Params{
					Pattern: string(pattern.ID), Method: m.ID, Sync: sync, BlockBytes: 4096, FileBytes: 1 << 20, Depth: 1,
				}}
				if sync != "none" {
					c.Params.SyncCall = "fdatasync"
				}
				if pattern.ID == diskwrite.Random {
					c.Params.Draw = "permutation"
				}
				cases = append(cases, c)
			}
		}
	}
	if len(cases) < 3*3 {
		t.Fatalf("only %d cases", len(cases))
	}
	p.mustPrepare(t, cases...)
	for _, c := range cases {
		if v := p.mustExecute(t, Work{Case: c, Phase: results.PhaseVerify, Amount: verifyAmount(c)}); v.Checksum == "" {
			t.Errorf("%s: nothing was verified", c.ID)
		}
		const writes = 24
		trial := p.mustExecute(t, Work{Case: c, Phase: results.PhaseCounted, Amount: writes, Seed: 5})
		if trial.Operations != writes || trial.Bytes != writes*4096 || trial.Latency["op"].TotalCount() != writes {
			t.Errorf("%s: %d writes of %d bytes, %d timed", c.ID, trial.Operations, trial.Bytes, trial.Latency["op"].TotalCount())
		}
		durable, ok := trial.DurableNS.Get()
		if makes := strings.Contains(c.Params.Method, "dsync") || c.Params.Sync != "none"; ok != makes || ok && durable < wantKnown(t, c.ID, trial.AcceptedNS) {
			t.Errorf("%s: accepted after %v, durable after %v", c.ID, trial.AcceptedNS, trial.DurableNS)
		}
		syncs := int64(0)
		if h, ok := trial.Latency["sync"]; ok {
			syncs = h.TotalCount()
		}
		if want := map[string]int64{"none": 0, "end": 1, "every=8": writes / 8}[c.Params.Sync]; syncs != want {
			t.Errorf("%s: %d syncs, want %d", c.ID, syncs, want)
		}
		if side := trial.Sides["writer"]; side.CPU != p.SenderCPU || len(trial.Sides) != 1 {
			t.Errorf("%s: sides %+v", c.ID, trial.Sides)
		}
		if left := fresh(); len(left) > 0 {
			t.Errorf("%s left %v", c.ID, left)
		}
	}
}

// Every pattern can be verified and measured by one writer and by several, and leaves nothing behind; so can every policy, and an open loop.
func TestWriteOptions(t *testing.T) {
	t.Parallel() // it waits for the disk
	p := realProcesses(t)
	testenv.Require(t, testenv.Disk, !p.Disk.InMemory, "the temporary folder is on a %s", p.Disk.Filesystem)
	var cases []results.Case
	add := func(q results.Params) {
		q.Method, q.BlockBytes, q.Depth = "buffered", 4096, 1
		if q.FileBytes == 0 {
			q.FileBytes = 2 << 20
		}
		if q.Sync == "" {
			q.Sync = "none"
		} else {
			q.SyncCall = "fdatasync"
		}
		cases = append(cases, results.Case{ID: caseID(results.Write, q), Kind: results.Write, Params: q})
	}
	for _, writers := range []int{0, 3} {
		add(results.Params{Pattern: "append-fallocated", Writers: writers})
		add(results.Params{Pattern: "overwrite", Writers: writers})
		add(results.Params{Pattern: "random", Draw: "uniform", Writers: writers})
		add(results.Params{Pattern: "random-append-mix", RandomShare: 0.3, Writers: writers})
		add(results.Params{Pattern: "strided", StrideBlocks: 16, Writers: writers})
		add(results.Params{Pattern: "zipf", Theta: 0.99, Writers: writers})
		add(results.Params{Pattern: "many-logs", Files: 7, Writers: writers})
		add(results.Params{Pattern: "append", Sync: "group", Writers: writers})
		add(results.Params{Pattern: "append", Sync: "every=4", Writers: writers})
		add(results.Params{Pattern: "append", Sync: "interval=5ms", Writers: writers})
		add(results.Params{Pattern: "append", RatePerSecond: 2000, Writers: writers})
	}
	// Larger than the file that they are verified in, and more logs than it would have blocks for.
	add(results.Params{Pattern: "strided", StrideBlocks: 1500, FileBytes: 16 << 20})
	add(results.Params{Pattern: "many-logs", Files: 1100, Sync: "end", FileBytes: 16 << 20})
	p.mustPrepare(t, cases...)
	for _, c := range cases {
		if why := p.Availability(c); why != "" {
			t.Logf("%s: %s", c.ID, why)
			continue
		}
		v := p.mustExecute(t, Work{Case: c, Phase: results.PhaseVerify, Amount: verifyAmount(c)})
		if v.Checksum == "" || v.Operations != verifyAmount(c) {
			t.Errorf("%s: verified %q after %d of %d writes", c.ID, v.Checksum, v.Operations, verifyAmount(c))
		}
		if _, offered := v.OfferedPerSecond.Get(); offered {
			t.Errorf("%s is verified in an open loop", c.ID)
		}
		const writes = 120
		trial := p.mustExecute(t, Work{Case: c, Phase: results.PhaseCounted, Amount: writes, Seed: 5})
		if trial.Operations != writes || trial.Bytes != writes*4096 || trial.Latency["op"].TotalCount() != writes {
			t.Errorf("%s: %d writes of %d bytes, %d timed", c.ID, trial.Operations, trial.Bytes, trial.Latency["op"].TotalCount())
		}
		if commits, has := trial.Latency["commit"]; has != (c.Params.Sync == "group") || has && commits.TotalCount() != writes {
			t.Errorf("%s: commits %v", c.ID, trial.Latency["commit"])
		}
		if rate := c.Params.RatePerSecond; rate > 0 {
			// The last of 120 writes is due 119 intervals after the first.
			if took := float64(wantKnown(t, c.ID, trial.AcceptedNS)) / 1e9; wantKnown(t, c.ID, trial.OfferedPerSecond) != rate || took < (writes-1)/rate {
				t.Errorf("%s: %d writes took %v s, offered %v", c.ID, writes, took, trial.OfferedPerSecond)
			}
		} else if _, has := trial.OfferedPerSecond.Get(); has {
			t.Errorf("%s: a closed loop was offered %v", c.ID, trial.OfferedPerSecond)
		}
		if left, err := filepath.Glob(p.Scratch.File(freshPrefix + "*")); err != nil || len(left) > 0 {
			t.Errorf("%s left %v (%v)", c.ID, left, err)
		}
	}
}

// What a writer that was killed left is removed, and nothing else.
func TestRemoveFresh(t *testing.T) {
	p := realProcesses(t)
	job := jobOf(results.Params{Pattern: "many-logs", Files: 3, BlockBytes: 1, FileBytes: 3})
	names := append(job.Names(freshPrefix+"1"), job.Names("target-1")...)
	for _, name := range names[1:] { // the first was not made yet
		if err := os.WriteFile(p.Scratch.File(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.removeFresh(names); err != nil {
		t.Error(err)
	}
	if got, want := p.files(t), []string{"target-1-0 0", "target-1-1 0", "target-1-2 0"}; !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
}

// The files are as large as the cases need, incompressible, and shared where they can be. Where there is no room nothing is
// made, and a run that is cut off makes no more.
func TestPrepare(t *testing.T) {
	p := realProcesses(t)
	write := results.Case{Kind: results.Write, Params: results.Params{Pattern: "random", Draw: "uniform", Method: "buffered", Sync: "none", BlockBytes: 4096, FileBytes: 1 << 20, Depth: 1}}
	huge := transferOf("sendfile", func(q *results.Params) { q.FileBytes = 1 << 60 })
	err := p.Prepare(context.Background(), []results.Case{write, huge})
	if no := (*host.NoRoomError)(nil); !errors.As(err, &no) || no.Dir != filepath.Dir(p.Scratch.Dir) || no.Need != 1<<60+1<<20 {
		t.Errorf("got %v", err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if names := p.files(t); len(names) > 0 {
		t.Errorf("without room, %v was made", names)
	}
	huge.Unavailable = "only to be left out"
	p.mustPrepare(t, write, huge, transferOf("sendfile", nil), transferOf("read-write", nil))
	want := []string{"payload-1049353 1049353", "payload-null 1048576", "target-buffered-1048576 1048576"}
	if got := p.files(t); !slices.Equal(got, want) {
		t.Errorf("files are %q, want %q", got, want)
	}
	other := realProcesses(t)
	if err := other.Prepare(cancelled, []results.Case{write}); !errors.Is(err, context.Canceled) {
		t.Errorf("cut off, got %v", err)
	}
}

// files lists the test files with their sizes.
func (p *Processes) files(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(p.Scratch.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() != scratchMark {
			names = append(names, fmt.Sprintf("%s %d", e.Name(), info.Size()))
		}
	}
	return names
}

// A path that moves whole blocks delivers a file that is made of them, and says of any other why it can't.
func TestPathsPastThePageCache(t *testing.T) {
	const size = 3 << 19
	p := realProcesses(t)
	aligned := func(q *results.Params) { q.FileBytes = size }
	p.mustPrepare(t, transferOf("read-write", aligned))
	for _, path := range copypaths.Catalogue() {
		if !path.Direct {
			continue
		}
		for _, streams := range []int{1, 3} {
			c := transferOf(path.ID, func(q *results.Params) { q.FileBytes, q.Streams = size, streams })
			why := p.Availability(c)
			testenv.Require(t, testenv.Direct, why == "", "%s", why)
			p.mustExecute(t, Work{Case: c, Phase: results.PhaseVerify, Amount: verifyAmount(c)})
			trial := p.mustExecute(t, Work{Case: c, Phase: results.PhaseCounted, Amount: 2 * size})
			if trial.Settings["direct_offset_alignment_bytes"] == "" {
				t.Errorf("%s: settings are %v, without the alignment", path.ID, trial.Settings)
			}
		}
		for words, change := range map[string]func(*results.Params){
			"chunks of a multiple": func(q *results.Params) { q.ChunkBytes = 1000 },
			"a file of a multiple": func(q *results.Params) {},
			"each of 3 streams":    func(q *results.Params) { q.FileBytes, q.Streams = 1<<20, 3 },
		} {
			why := p.Availability(transferOf(path.ID, change))
			if wants := path.WholeBlocks || strings.HasPrefix(words, "chunks"); strings.Contains(why, words) != wants {
				t.Errorf("%s: unavailable with %q, want %q: %v", path.ID, why, words, wants)
			}
		}
	}
}

// What a path and a receiver know of themselves is in the record: what the kernel said of zero-copy sends among it.
func TestTransferSettings(t *testing.T) {
	p := realProcesses(t)
	p.mustPrepare(t, transferOf("read-write", nil))
	for _, path := range []string{"read-zerocopy", "mmap-zerocopy", "splice"} {
		c := transferOf(path, func(q *results.Params) { q.Receiver, q.Streams = "zerocopy-receive", 2 })
		if why := p.Availability(c); why != "" {
			t.Skip(why)
		}
		trial := p.mustExecute(t, Work{Case: c, Phase: results.PhaseCounted, Amount: 4 * oddFile})
		number := func(name string) int64 {
			n, err := strconv.ParseInt(trial.Settings[name], 10, 64)
			if err != nil {
				t.Errorf("%s: %s: %v", path, name, err)
			}
			return n
		}
		if mapped, copied := number("receiver_mapped_bytes"), number("receiver_copied_bytes"); mapped+copied != 4*oddFile {
			t.Errorf("%s: %d bytes mapped and %d copied of %d", path, mapped, copied, 4*oddFile)
		}
		if path == "splice" {
			if number("pipe_bytes") < c.Params.ChunkBytes || trial.Settings["completions_copied"] != "" {
				t.Errorf("settings are %v", trial.Settings)
			}
			continue
		}
		// Every send is accounted for, and loopback copies each.
		if sends := trial.Sides["sender"].Syscalls["sendto"]; number("completions_copied") != sends || number("completions_zero_copy") != 0 || number("enobufs") != 0 || number("ring_depth") != 64 {
			t.Errorf("%s: %d sends, settings %v", path, sends, trial.Settings)
		}
	}
}

// What can't be measured says why; the null path and the null writer always can.
func TestAvailability(t *testing.T) {
	p := realProcesses(t)
	null := results.Case{Kind: results.Write, Params: results.Params{Pattern: "append", Method: "null", Sync: "none", BlockBytes: 4096, FileBytes: 1 << 20}}
	for _, c := range []results.Case{transferOf("read-write", nil), transferOf("null", nil), null} {
		if why := p.Availability(c); why != "" {
			t.Errorf("%s %s is unavailable: %s", c.Params.Path, c.Params.Method, why)
		}
	}
	null.Params.Method = "quantum"
	for word, c := range map[string]results.Case{
		"unknown path teleport":   transferOf("teleport", nil),
		"unknown receiver nobody": transferOf("sendfile", func(q *results.Params) { q.Receiver = "nobody" }),
		"unknown method quantum":  null,
	} {
		if why := p.Availability(c); why != word {
			t.Errorf("got %q, want %q", why, word)
		}
	}
}

// A trial is marked as disturbed by what was taken from it, not by what is the normal state of a quiet machine.
func TestDisturbances(t *testing.T) {
	second := int64(time.Second)
	trial := func(steal int64, switches int64, wall time.Duration) results.Trial {
		none := measured.Unavailable[int64]("not recorded")
		return results.Trial{
			Machine: host.MachineDelta{StealNS: measured.Known(steal), TotalNS: measured.Known(2 * second), BusyNS: none},
			Sides:   map[string]results.Side{"sender": {WallNS: int64(wall), InvoluntarySwitches: measured.Known(switches)}},
		}
	}
	unknown := trial(0, 0, time.Second)
	unknown.Machine.StealNS = measured.Unavailable[int64]("no /proc")
	unknown.Sides["sender"] = results.Side{WallNS: second, InvoluntarySwitches: measured.Unavailable[int64]("no getrusage")}
	for _, tt := range []struct {
		name string
		of   results.Trial
		want string
	}{
		{"quiet", trial(0, 0, time.Second), ""},
		{"a little steal", trial(second/50, 0, time.Second), ""},
		{"steal", trial(second/50+1, 0, time.Second), "the hypervisor took more than 1 % of the CPU time (steal)"},
		{"1000 switches in a second", trial(0, 1000, time.Second), ""},
		{"more", trial(0, 1001, time.Second), "the sender lost its CPU 1001 times (involuntary context switches)"},
		{"few in a short trial", trial(0, 49, 10*time.Millisecond), ""},
		{"many in a short trial", trial(0, 50, 10*time.Millisecond), "the sender lost its CPU 50 times (involuntary context switches)"},
		{"nothing is known", unknown, ""},
	} {
		if got := strings.Join(disturbances(tt.of), "; "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
