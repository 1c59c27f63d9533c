package scenarios

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cespare/xxhash/v2"

	"copylab/copypaths"
	"copylab/copypaths/receivers"
	"copylab/diskwrite"
	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/host"
	"copylab/results/measured"
	"copylab/results/profile"
	"copylab/scenarios/links"
	"copylab/scenarios/worker"
)

// Processes is the Executor that measures: each trial runs in fresh worker processes on the test files of a scratch
// folder.
type Processes struct {
	Launcher *worker.Launcher
	Scratch  *Scratch
	Disk     host.Disk
	Seed     uint64
	// ReceiveBuffer is what one call of a receiver takes, in bytes.
	ReceiveBuffer func(results.Case) int
	// CacheBytes is the size of the last-level cache, 0 if not known; MemoryCopy says that the run is to measure copying in memory.
	CacheBytes int64
	MemoryCopy bool
	// Links are the links that are up, by what scenarios call them: see links.Spec.
	Links map[string]*links.Link
	// Sink is the other host's end of the remote link; nil where there is none.
	Sink Sink
	// SenderCPU and ReceiverCPU are where workers are pinned; -1: nowhere. A writer takes the sender's.
	SenderCPU, ReceiverCPU int
	// Timeline tells for which writes a timeline is recorded; nil: for none. It is sampled on the receiver's CPU.
	Timeline func(results.Case) bool
	// KeepProfile keeps the stacks that were sampled of a side, or of the machine, and names the file; nil: they are not kept.
	KeepProfile func(c results.Case, side string, p *profile.Profile) (file string, err error)

	sums   map[string][]string      // expected checksums, by what is sent
	probed map[string]kernel.Status // answers of probes, by what was asked
	fresh  int                      // files that lived for one trial so far
}

// Sink is a session with `copylab sink` on another host.
type Sink interface {
	// Receive starts the receiving end of a trial there.
	Receive(context.Context, worker.Receive) (worker.Peer, error)
	// Check tells why a trial would be refused there, such as for a receiver that does not work.
	Check(worker.Receive) error
}

// payloadSeed keeps the bytes of written blocks apart from those of files to send.
const payloadSeed = 0x5bd1e995

// files are what the cases need in the scratch folder: name and size of each, and how much an append, or a receiver that
// writes a file, may add.
func files(cases []results.Case) (fixed map[string]int64, growing int64) {
	fixed = map[string]int64{}
	for _, c := range cases {
		switch {
		case c.Unavailable != "" || isNull(c) && c.Kind == results.Write:
		case c.Kind == results.Write && isFresh(c.Params):
			growing = max(growing, c.Params.FileBytes)
		default:
			fixed[fileName(c)] = c.Params.FileBytes
			if r, ok := receivers.Find(c.Params.Receiver); ok && r.WritesFile && c.Kind == results.Transfer {
				growing = max(growing, c.Params.FileBytes)
			}
		}
	}
	return fixed, growing
}

// fileName is the test file of a case. Direct and buffered writes have targets of their own: the one wants the pages out
// of the page cache, the other in it.
func fileName(c results.Case) string {
	if c.Kind == results.Transfer {
		return fmt.Sprintf("payload-%d", c.Params.FileBytes)
	}
	if m, ok := diskwrite.FindMethod(c.Params.Method); ok && m.Uncached {
		return fmt.Sprintf("target-direct-%d", c.Params.FileBytes)
	}
	return fmt.Sprintf("target-buffered-%d", c.Params.FileBytes)
}

// isFresh says that each trial of a write needs a file of its own.
func isFresh(p results.Params) bool {
	pattern, ok := diskwrite.FindPattern(diskwrite.PatternID(p.Pattern))
	return ok && pattern.Fresh()
}

// Prepare checks that there is room and then makes the files that the cases need. Nothing is written if there is not.
func (p *Processes) Prepare(ctx context.Context, cases []results.Case) error {
	fixed, _ := files(cases)
	if err := host.RoomFor(filepath.Dir(p.Scratch.Dir), roomNeeded(cases)); err != nil { // the folder that the user knows
		return err
	}
	fixed[toolFile] = toolFileBytes
	for name, size := range fixed {
		if err := p.fill(ctx, name, size); err != nil {
			return err
		}
	}
	return nil
}

// The null path opens a file like any other path, though it never reads it.
const (
	toolFile      = "payload-null"
	toolFileBytes = 1 << 20
)

// fill writes a file of incompressible bytes and makes it durable, so that no trial starts with dirty pages.
func (p *Processes) fill(ctx context.Context, name string, size int64) (err error) {
	f, err := os.OpenFile(p.Scratch.File(name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make test file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buffer, err := kernel.Buffer(1 << 20)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kernel.Free(buffer)) }()
	bytes := rand.NewChaCha8(payloadKey(p.Seed))
	unsynced := int64(0)
	for left := size; left > 0; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b := buffer[:min(left, int64(len(buffer)))]
		_, _ = bytes.Read(b) // never fails: math/rand/v2
		n, err := f.Write(b)
		if err != nil {
			return fmt.Errorf("fill test file of %s: %w%s", FormatSize(size), err, remedy(err))
		}
		left -= int64(n)
		// A sync of all at the end could not be stopped, and would take as long as the disk takes for the whole file.
		if unsynced += int64(n); unsynced >= syncWhileFilling || left == 0 {
			if err := f.Sync(); err != nil {
				return fmt.Errorf("fill test file of %s: %w%s", FormatSize(size), err, remedy(err))
			}
			unsynced = 0
		}
	}
	return nil
}

// syncWhileFilling is how many bytes are filled in between two syncs.
const syncWhileFilling = 64 << 20

// remedy says what to do about an error of the disk under the test files, as the end of a sentence.
func remedy(err error) string {
	for _, r := range []struct {
		errno syscall.Errno
		text  string
	}{
		{syscall.ENOSPC, "free some space, choose smaller files, or a folder on another filesystem with --dir"},
		{syscall.EDQUOT, "that is a limit of yours, however much is free: remove files of yours, have it raised, or choose smaller files or another folder with --dir"},
		{syscall.EFBIG, "that is more than the filesystem or ulimit -f allows: choose smaller files"},
		{syscall.EIO, "the device reported a fault: see the kernel's log (dmesg), and choose a folder on another disk with --dir"},
		{syscall.EROFS, "the filesystem has become read-only, by hand or since it met a fault: see the kernel's log (dmesg)"},
	} {
		if errors.Is(err, r.errno) {
			return ": " + r.text
		}
	}
	return ""
}

func payloadKey(seed uint64) (key [32]byte) {
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return key
}

// Availability tells why a case can't be measured here, or "". The null path and writer always can.
func (p *Processes) Availability(c results.Case) string {
	if c.Kind == results.Write {
		m, ok := diskwrite.FindMethod(c.Params.Method)
		if !ok {
			return "unknown method " + c.Params.Method
		}
		if s := p.probe("method "+m.ID, func() kernel.Status { return m.Probe(p.Scratch.Dir) }); s.State == kernel.StateUnavailable {
			return s.Reason
		}
		return p.unfitWrite(m, c.Params)
	}
	path, ok := copypaths.Find(copypaths.Source(c.Params.Source), c.Params.Path)
	if !ok {
		return "unknown path " + c.Params.Path
	}
	receiver, ok := receivers.Find(c.Params.Receiver)
	if !ok {
		return "unknown receiver " + c.Params.Receiver
	}
	if s := p.probe("path "+c.Params.Source+" "+path.ID, func() kernel.Status { return path.ProbeIn(p.Scratch.Dir) }); s.State == kernel.StateUnavailable {
		return s.Reason
	}
	if path.Connection == copypaths.NoConnection {
		return ""
	}
	if path.TLS && !receiver.TLS {
		return fmt.Sprintf("path %s encrypts, and receiver %s can't decrypt", path.ID, receiver.ID)
	}
	if why := p.unfit(path, c); why != "" {
		return why
	}
	if c.Params.Link == LinkRemote {
		if p.Sink == nil {
			return "there is no other host: name its sink with --to HOST:PORT"
		}
		if err := p.Sink.Check(p.receive(c, 1)); err != nil {
			return err.Error()
		}
	} else if s := p.probe("receiver "+receiver.ID, receiver.Probe); s.State == kernel.StateUnavailable {
		return s.Reason
	} else if s := p.probe("link "+c.Params.Link, func() kernel.Status { return links.Probe(links.Kind(c.Params.Link)) }); s.State == kernel.StateUnavailable {
		return s.Reason
	}
	if c.Params.Cache == string(worker.CacheCold) {
		if ok, why := host.CanDrop(p.Scratch.Dir); !ok {
			return "a cold page cache can't be reached: " + why
		}
	}
	return ""
}

// unfitWrite tells why a method can't write a case's blocks as it says, or "".
func (p *Processes) unfitWrite(m diskwrite.Method, q results.Params) string {
	policy, err := diskwrite.ParsePolicy(q.Sync)
	if err != nil {
		return err.Error()
	}
	job := jobOf(q)
	job.Policy = policy
	if s := m.Fits(job); s.State == kernel.StateUnavailable {
		return s.Reason
	}
	pattern, ok := diskwrite.FindPattern(job.Pattern)
	if !ok || m.ID == "null" {
		return ""
	}
	if s := p.probe("pattern "+q.Pattern, func() kernel.Status { return pattern.Probe(p.Scratch.Dir) }); s.State == kernel.StateUnavailable {
		return s.Reason
	}
	return ""
}

// probe asks once: a scenario can have hundreds of cases, and a probe tries what it tells.
func (p *Processes) probe(what string, ask func() kernel.Status) kernel.Status {
	s, known := p.probed[what]
	if !known {
		s = ask()
		if p.probed == nil {
			p.probed = map[string]kernel.Status{}
		}
		p.probed[what] = s
	}
	return s
}

// unfit tells why a path that reads past the page cache can't move a case's chunks on this disk, or "". Where the alignment is
// not known, the path itself says it, when it is opened.
func (p *Processes) unfit(path copypaths.Path, c results.Case) string {
	align, known := p.Disk.DirectOffsetAlign.Get()
	if !path.Direct || !known || align < 1 {
		return ""
	}
	q := c.Params
	if q.ChunkBytes%align != 0 && q.ChunkBytes < q.FileBytes {
		return fmt.Sprintf("direct I/O on this disk wants chunks of a multiple of %d bytes", align)
	}
	if path.WholeBlocks && q.Workload != "fetch" && q.FileBytes%(align*int64(q.Streams)) != 0 {
		return fmt.Sprintf("the path moves whole blocks of %d bytes, and each of %d streams would end within one: choose a file of a multiple of %d bytes",
			align, q.Streams, align*int64(q.Streams))
	}
	return ""
}

// Execute runs one trial.
func (p *Processes) Execute(ctx context.Context, w Work) (t results.Trial, err error) {
	if w.Case.Kind == results.Write {
		t, err = p.write(ctx, w)
	} else {
		t, err = p.transfer(ctx, w)
	}
	if err != nil && ctx.Err() == nil {
		if gone := p.Scratch.Gone(); gone != nil {
			err = fmt.Errorf("%w: %w", gone, err)
		}
	}
	return t, err
}

func (p *Processes) transfer(ctx context.Context, w Work) (results.Trial, error) {
	params := w.Case.Params
	send := worker.Send{
		Path: params.Path, Source: params.Source, File: p.Scratch.File(fileName(w.Case)), FileBytes: params.FileBytes, ChunkBytes: int(params.ChunkBytes),
		Bytes: w.Amount, Streams: params.Streams, Fetch: params.Workload == "fetch", Cache: worker.Cache(params.Cache),
		CPU: p.SenderCPU, Device: p.Disk.Device, ToolCost: w.Phase == results.PhaseTool, Socket: socketOf(params),
		Profile: w.Instrument == results.InstrumentProfile && !w.AllCPUs, AllCPUs: w.Instrument == results.InstrumentProfile,
		Syscalls: w.Instrument == results.InstrumentSyscalls, Memory: countsMemory(w),
	}
	var at worker.Placement
	var receive *worker.Receive
	switch {
	case isNull(w.Case):
		send.Fetch = false
		send.Cache = worker.CacheAsIs
		if w.Phase == results.PhaseTool {
			send.File = p.Scratch.File(toolFile)
		}
	default:
		job := p.receive(w.Case, w.Amount)
		job.Rate, job.Profile, job.Sampled, job.Syscalls = w.Rate, send.Profile, w.AllCPUs, w.Instrument == results.InstrumentSyscalls
		receive = &job
		if w.Phase == results.PhaseVerify {
			receive.Receiver, send.Cache = "checksum", worker.CacheAsIs
		}
	}
	if receive != nil {
		var err error
		if at, err = p.place(params, receive); err != nil {
			return results.Trial{}, err
		}
	}
	pair, err := p.Launcher.Transfer(ctx, send, receive, at)
	if err != nil {
		return results.Trial{}, err
	}
	t := p.transferTrial(w, pair)
	if w.Instrument == results.InstrumentProfile {
		sampled := map[string]*profile.Profile{"sender": pair.Sender.Profile, "machine": pair.Sender.MachineProfile}
		if pair.Receiver != nil {
			sampled["receiver"] = pair.Receiver.Profile
		}
		if err := p.keepProfiles(w.Case, &t, sampled); err != nil {
			return t, err
		}
	}
	if w.Phase == results.PhaseVerify {
		if err := p.compare(send, *receive, pair.Receiver.Sums); err != nil {
			return t, err
		}
	}
	return t, nil
}

// receive is the receiver's job in a trial of a case.
func (p *Processes) receive(c results.Case, amount int64) worker.Receive {
	params := c.Params
	return worker.Receive{
		Receiver: params.Receiver, Dir: p.Scratch.Dir, BufferBytes: p.ReceiveBuffer(c), Bytes: amount, Streams: params.Streams, CPU: p.ReceiverCPU,
		Fetch: params.Workload == WorkloadFetch, Requests: amount, ChunkBytes: params.ChunkBytes, FileBytes: params.FileBytes,
		Socket: socketOf(params), TLS: encrypts(params),
	}
}

// place puts the two ends on their sides of the case's link.
func (p *Processes) place(params results.Params, receive *worker.Receive) (worker.Placement, error) {
	if params.Link == LinkRemote {
		return worker.Placement{Receive: p.Sink.Receive}, nil
	}
	l, ok := p.Links[linkOf(params)]
	if !ok {
		return worker.Placement{}, fmt.Errorf("place both ends: link %s is not up", linkOf(params))
	}
	receive.IP = l.ReceiverIP().String()
	return worker.Placement{SenderNamespace: l.SenderNamespace(), ReceiverNamespace: l.ReceiverNamespace()}, nil
}

// socketOf is what a case asks of the sockets of both ends.
func socketOf(p results.Params) worker.Socket {
	return worker.Socket{
		SndbufBytes: int(p.SoSndbufBytes), RcvbufBytes: int(p.SoRcvbufBytes), Delay: p.Nodelay == Off, Cork: p.Cork == On, Congestion: p.Congestion,
	}
}

// encrypts tells whether the case's receiver has to decrypt.
func encrypts(p results.Params) bool {
	path, ok := copypaths.Find(copypaths.Source(p.Source), p.Path)
	return ok && path.TLS
}

// transferTrial puts together what the two sides measured.
func (p *Processes) transferTrial(w Work, pair worker.Pair) results.Trial {
	s := pair.Sender
	t := results.Trial{
		Bytes: s.Bytes, Operations: s.Operations, ElapsedNS: s.ElapsedNS,
		AcceptedNS: measured.Unavailable[int64]("a transfer"), DurableNS: measured.Unavailable[int64]("a transfer"),
		OfferedPerSecond: measured.Unavailable[float64]("not an open loop"),
		Sides:            map[string]results.Side{"sender": s.Side}, Latency: s.Latency,
		Machine: s.Machine, Device: s.Device, Settled: noReadings("a transfer writes nothing"), Before: s.Before, After: s.After,
		MemFirst: s.DirtyFirst, MemLast: s.DirtyLast, InMemoryBytes: measured.Unavailable[int64]("a transfer"), Settings: s.Settings,
		MachineStages: s.MachineStages, Interface: s.Interface, Memory: s.Memory,
	}
	if r := pair.Receiver; r != nil {
		if w.Instrument == results.InstrumentProfile && r.Side.Stages == nil {
			r.Side.Stages = results.NotSampled("the receiver is on another host, which is not sampled")
		}
		if w.Instrument == results.InstrumentSyscalls && r.Side.Traced == nil {
			r.Side.Traced = results.NotCounted("the receiver is on another host, where system calls are not counted")
		}
		t.Sides["receiver"] = r.Side
		t.Checksum = strings.Join(r.Sums, " ")
		for name, h := range r.Latency {
			t.Latency[name] = h
		}
		for name, v := range r.Settings {
			t.Settings["receiver_"+name] = v
		}
		if w.Case.Params.Workload == "fetch" {
			t.ElapsedNS = r.ElapsedNS // whoever asks holds the clock
		}
		if w.Case.Params.Link == LinkRemote {
			t.PeerMachine = &r.Machine
		}
	}
	if w.Rate > 0 {
		t.OfferedPerSecond = measured.Known(w.Rate)
		t.Machine.BusyNS = measured.Unavailable[int64]("the open loop's receiver spins on the clock until the next request is due")
	}
	t.Disturbed = disturbances(t)
	p.whyNotTraced(w, &t)
	return p.nameDevice(t)
}

// countsMemory tells whether a trial counts what the memory controllers move: those for evidence do whose stages, or whose lack of them, come from this.
func countsMemory(w Work) bool {
	return w.Instrument == results.InstrumentProfile || w.Instrument == results.InstrumentNone
}

// whyNotTraced says in a sampled trial why there is none in which the kernel counts system calls: see Runner.Syscalls.
func (p *Processes) whyNotTraced(w Work, t *results.Trial) {
	if w.Instrument != results.InstrumentProfile {
		return
	}
	s := p.SyscallCounts()
	if s.State == kernel.StateAvailable {
		return
	}
	for name, side := range t.Sides {
		side.Traced = results.NotCounted("%s", s.Reason)
		t.Sides[name] = side
	}
}

// SyscallCounts tells whether the kernel can count the workers' system calls, and if not, what would allow it.
func (p *Processes) SyscallCounts() kernel.Status {
	return p.probe("system calls", kernel.ProbeSyscallCounts)
}

// keepProfiles gives the profiles of a trial to whoever keeps them.
func (p *Processes) keepProfiles(c results.Case, t *results.Trial, sampled map[string]*profile.Profile) error {
	for _, side := range slices.Sorted(maps.Keys(sampled)) {
		if sampled[side] == nil || p.KeepProfile == nil {
			continue
		}
		file, err := p.KeepProfile(c, side, sampled[side])
		if err != nil {
			return err
		}
		if t.Profiles == nil {
			t.Profiles = map[string]string{}
		}
		t.Profiles[side] = file
	}
	return nil
}

// nameDevice says why there are no readings of a device where there is none.
func (p *Processes) nameDevice(t results.Trial) results.Trial {
	if p.Disk.Device == "" {
		t.Device, t.Settled = noReadings(p.Disk.Why), noReadings(p.Disk.Why)
	}
	return t
}

func noReadings(why string) host.DeviceDelta {
	n := measured.Unavailable[int64]("%s", why)
	return host.DeviceDelta{Reads: n, ReadBytes: n, Writes: n, WriteBytes: n, Merges: n, Flushes: n, FlushNS: n, BusyNS: n, QueueNS: n}
}

// compare holds what each stream brought against what an ordinary read of the file gives.
func (p *Processes) compare(send worker.Send, receive worker.Receive, got []string) error {
	want, err := p.expected(send, receive)
	if err != nil {
		return err
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		return fmt.Errorf("verify bytes: the receiver's checksums (xxh64, one per stream) are %v, those of the file are %v: path %s does not deliver the file on this machine; nothing of it is measured", got, want, send.Path)
	}
	return nil
}

func (p *Processes) expected(send worker.Send, receive worker.Receive) ([]string, error) {
	chunk := int64(send.ChunkBytes)
	shares := worker.Shares(send.Bytes, send.Streams, send.FileBytes, chunk)
	if send.Fetch {
		shares = worker.Shares(receive.Requests, send.Streams, send.FileBytes, chunk)
		for i, s := range shares {
			shares[i].Count = fetchedBytes(s, send.FileBytes, chunk)
		}
	}
	key := fmt.Sprint(send.File, shares)
	if sums, ok := p.sums[key]; ok {
		return sums, nil
	}
	f, err := os.Open(send.File)
	if err != nil {
		return nil, fmt.Errorf("verify bytes: %w", err)
	}
	defer f.Close()
	var sums []string
	for _, s := range shares {
		h := xxhash.New()
		for off, left := s.Start, s.Count; left > 0; {
			n := min(left, send.FileBytes-off)
			if _, err := io.Copy(h, io.NewSectionReader(f, off, n)); err != nil {
				return nil, fmt.Errorf("verify bytes: %w", err)
			}
			left -= n
			off = (off + n) % send.FileBytes
		}
		sums = append(sums, fmt.Sprintf("%016x", h.Sum64()))
	}
	if p.sums == nil {
		p.sums = map[string][]string{}
	}
	p.sums[key] = sums
	return sums, nil
}

// fetchedBytes is how much that many requests bring: the last chunk of the file may be a short one.
func fetchedBytes(s worker.Share, fileBytes, chunk int64) (bytes int64) {
	off := s.Start
	for range s.Count {
		n := min(chunk, fileBytes-off)
		bytes += n
		off = (off + n) % fileBytes
	}
	return bytes
}

// jobOf is what a write's case asks of package diskwrite, without the policy and what each trial adds.
func jobOf(p results.Params) diskwrite.Job {
	return diskwrite.Job{
		Pattern: diskwrite.PatternID(p.Pattern), Draw: diskwrite.Draw(p.Draw), RandomShare: p.RandomShare, StrideBlocks: p.StrideBlocks, Theta: p.Theta, Files: p.Files,
		SyncCall: diskwrite.SyncCall(p.SyncCall), BlockBytes: int(p.BlockBytes), FileBytes: p.FileBytes, Depth: p.Depth, Writers: p.Writers, RatePerSecond: p.RatePerSecond,
	}
}

func (p *Processes) write(ctx context.Context, w Work) (results.Trial, error) {
	params := w.Case.Params
	policy, err := diskwrite.ParsePolicy(params.Sync)
	if err != nil {
		return results.Trial{}, err
	}
	name := fileName(w.Case)
	verify := w.Phase == results.PhaseVerify
	fresh := !isNull(w.Case) && (verify || isFresh(params))
	if fresh {
		p.fresh++
		name = fmt.Sprintf("%s%d", freshPrefix, p.fresh)
	}
	if verify {
		params = verified(params)
	}
	job := jobOf(params)
	job.Policy, job.Operations, job.Seed, job.Limit = policy, w.Amount, w.Seed, w.Limit
	r, err := p.Launcher.Write(ctx, worker.Write{
		Method: params.Method, File: p.Scratch.File(name), Payload: p.Seed ^ payloadSeed, CPU: p.SenderCPU,
		Plan:   job,
		Device: p.Disk.Device, Fresh: fresh, Verify: verify,
		MemoryCopy: p.MemoryCopy && w.Phase == results.PhaseTool, CacheBytes: p.CacheBytes,
		// The warm-up has one too, so that it is like the trials that count.
		Timeline: p.Timeline != nil && (w.Phase == results.PhaseWarmup || w.Phase == results.PhaseCounted) && p.Timeline(w.Case), TimelineCPU: p.ReceiverCPU,
		Modelled: modelledDisks(w.Modelled), Profile: w.Instrument == results.InstrumentProfile && !w.AllCPUs, AllCPUs: w.Instrument == results.InstrumentProfile,
		Syscalls: w.Instrument == results.InstrumentSyscalls, Memory: countsMemory(w),
	})
	if err != nil {
		if len(p.Launcher.Stuck()) > 0 {
			return results.Trial{}, err // who removes a file from a disk that does not answer gets stuck too
		}
		// A writer that was killed could not remove its file.
		return results.Trial{}, errors.Join(err, p.removeFresh(job.Names(name)))
	}
	t := results.Trial{
		Bytes: r.Bytes, Operations: r.Operations, ElapsedNS: measured.Unavailable[int64]("a write"),
		AcceptedNS: r.AcceptedNS, DurableNS: r.DurableNS, OfferedPerSecond: measured.Unavailable[float64]("not an open loop"),
		Sides: map[string]results.Side{"writer": r.Side}, Latency: r.Latency,
		Machine: r.Machine, Device: r.Device, Settled: r.Settled, Before: r.Before, After: r.After,
		MemFirst: r.DirtyFirst, MemLast: r.DirtyLast, InMemoryBytes: r.InMemoryBytes, Timeline: r.Timeline, Modelled: r.Modelled, Checksum: r.Checksum, Settings: r.Settings,
		MachineStages: r.MachineStages, Memory: r.Memory,
	}
	p.whyNotTraced(w, &t)
	if w.Instrument == results.InstrumentProfile {
		if err := p.keepProfiles(w.Case, &t, map[string]*profile.Profile{"writer": r.Profile, "machine": r.MachineProfile}); err != nil {
			return t, err
		}
	}
	if p.Disk.InMemory {
		t.InMemoryBytes = measured.Unavailable[int64]("the files are in memory (%s): there is no disk for them to reach", p.Disk.Filesystem)
	}
	if params.RatePerSecond > 0 {
		t.OfferedPerSecond = measured.Known(params.RatePerSecond)
		t.Machine.BusyNS = measured.Unavailable[int64]("the writer of an open loop spins before the next write is due")
	}
	judged := t
	if takesTurns(params) {
		judged.Sides = nil
	}
	t.Disturbed = disturbances(judged)
	return p.nameDevice(t), nil
}

// modelledDisks are those of a scenario in the worker's words.
func modelledDisks(disks []ModelledDisk) (list []worker.ModelledDisk) {
	for _, d := range disks {
		list = append(list, worker.ModelledDisk{Drive: d.Drive, Cache: d.Cache})
	}
	return list
}

// freshPrefix begins the names of files that live for one trial.
const freshPrefix = "fresh-"

func (p *Processes) removeFresh(names []string) error {
	var errs []error
	for _, name := range names {
		if !strings.HasPrefix(name, freshPrefix) {
			continue
		}
		if err := os.Remove(p.Scratch.File(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove test file: %w", err))
		}
	}
	return errors.Join(errs...)
}

// What marks a trial as disturbed. A pinned worker loses its CPU now and then to kernel threads that live there, and to
// the Go runtime's own monitor; a few hundred times a second is the normal state of a quiet machine.
const (
	stealShare             = 0.01
	involuntaryPerSecond   = 1000.0
	involuntaryWorthASight = 50
)

// takesTurns says that the writer has several threads: those of its writers, or of a queue, for which the kernel has workers in the same process.
// That they take the CPU from each other is no disturbance.
func takesTurns(p results.Params) bool {
	m, ok := diskwrite.FindMethod(p.Method)
	return p.Writers > 1 || ok && m.Queued
}

// disturbances says what else happened on the machine during the trial.
func disturbances(t results.Trial) []string {
	var found []string
	if steal, ok := t.Machine.StealNS.Get(); ok {
		if total, ok := t.Machine.TotalNS.Get(); ok && total > 0 && float64(steal) > stealShare*float64(total) {
			found = append(found, fmt.Sprintf("the hypervisor took more than %g %% of the CPU time (steal)", 100*stealShare))
		}
	}
	for _, name := range []string{"sender", "receiver", "writer"} {
		side, ok := t.Sides[name]
		if !ok || side.WallNS <= 0 {
			continue
		}
		if n, ok := side.InvoluntarySwitches.Get(); ok && n >= involuntaryWorthASight && float64(n)/(float64(side.WallNS)/1e9) > involuntaryPerSecond {
			found = append(found, fmt.Sprintf("the %s lost its CPU %d times (involuntary context switches)", name, n))
		}
	}
	return found
}
