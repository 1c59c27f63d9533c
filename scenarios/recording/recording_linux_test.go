package recording

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"copylab/copypaths"
	"copylab/copypaths/receivers"
	"copylab/diskwrite"
	"copylab/internal/kernel"
	"copylab/internal/testenv"
	"copylab/results/profile"
	"copylab/results/stages"
)

var (
	record = flag.String("record", "", "write the stacks to files in this folder")
	length = flag.Duration("length", 150*time.Millisecond, "how long each subject runs")
	only   = flag.String("only", "", "of the subjects, record those whose names begin so")
)

func TestMain(m *testing.M) {
	flag.Parse()
	testenv.Main(m)
}

// symbols names addresses; reading the kernel's takes a while.
type symbols struct {
	kernel  *kernel.KernelSymbols
	program *kernel.ProgramSymbols
}

func readSymbols(t *testing.T) symbols {
	status := kernel.ProbeSampling()
	testenv.Require(t, testenv.Perf, status.CPU.State == kernel.StateAvailable, "%s", status.CPU.Reason)
	testenv.Require(t, testenv.Perf, status.Symbols.State == kernel.StateAvailable, "%s", status.Symbols.Reason)
	k, err := kernel.ReadKernelSymbols()
	if err != nil {
		t.Fatal(err)
	}
	return symbols{k, kernel.ReadProgramSymbols()}
}

// thread runs work on a thread of its own on a CPU, under a sampler.
func (y symbols) thread(cpu int, work func() error) (_ *profile.Profile, err error) {
	runtime.LockOSThread() // and never unlocked: the thread ends with its goroutine, since its affinity was changed
	if err := pin(cpu); err != nil {
		return nil, fmt.Errorf("sched_setaffinity: %w", err)
	}
	s, err := kernel.SampleThread(unix.Gettid(), kernel.SamplePeriodNS)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Start(); err != nil {
		return nil, err
	}
	worked := work()
	seen, err := s.Stop()
	if err := errors.Join(worked, err); err != nil {
		return nil, err
	}
	return profile.FromSamples(seen, y.kernel, y.program), nil
}

// machine samples all CPUs while work goes on, and keeps this program's threads, the kernel's, and idleness.
func (y symbols) machine(work func() error) (_ *profile.Profile, err error) {
	var samplers []*kernel.Sampler
	defer func() {
		for _, s := range samplers {
			err = errors.Join(err, s.Close())
		}
	}()
	for cpu := range runtime.NumCPU() {
		s, err := kernel.SampleCPU(cpu, kernel.SamplePeriodNS)
		if err != nil {
			return nil, err
		}
		samplers = append(samplers, s)
	}
	for _, s := range samplers {
		if err := s.Start(); err != nil {
			return nil, err
		}
	}
	worked := work()
	merged := profile.New(kernel.SamplePeriodNS)
	for _, s := range samplers {
		seen, err := s.Stop()
		if err := errors.Join(worked, err); err != nil {
			return nil, err
		}
		ours := seen
		ours.Stacks = nil
		for _, one := range seen.Stacks {
			if one.PID == os.Getpid() || len(one.User) == 0 {
				ours.Stacks = append(ours.Stacks, one)
			}
		}
		if err := merged.Merge(profile.FromSamples(ours, y.kernel, y.program)); err != nil {
			return nil, err
		}
	}
	return merged, nil
}

// What of each profile is kept in its file.
const (
	mostStacks = 150
	mostUser   = 3 // functions of the program, the innermost; behind those of the kernel, 1
)

// keep writes a profile where -record says.
func keep(t *testing.T, name string, p *profile.Profile) {
	t.Helper()
	if *record == "" {
		return
	}
	all := p.Stacks()
	kept := profile.New(p.PeriodNS)
	for _, c := range all[:min(len(all), mostStacks)] {
		most := mostUser
		if len(c.Kernel) > 0 {
			most = 1
		}
		c.User = c.User[:min(len(c.User), most)]
		kept.Add(c.Stack, c.Count)
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "# %s: the %d most frequent of %d stacks, %d of %d samples, one for each %d ns of CPU time\n# %s\n",
		name, min(len(all), mostStacks), len(all), kept.Total(), p.Total(), p.PeriodNS, system(t))
	if err := kept.WriteFolded(&text); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(*record, name+".folded")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// mostOther is the greatest share of a profile that may be without a stage, of at least leastSamples.
const (
	mostOther    = 0.05
	leastSamples = 300
)

// judge holds a profile to having stages, and to having none of those that the mechanism can't have.
func judge(t *testing.T, name string, p *profile.Profile, never ...stages.Stage) {
	t.Helper()
	if p.Missed > 0 {
		t.Errorf("%s: %d samples were missed", name, p.Missed)
	}
	c := stages.NewClassifier()
	count := map[stages.Stage]int64{}
	for _, s := range p.Stacks() {
		count[c.Classify(s.Kernel, s.User)] += s.Count
	}
	for _, s := range never {
		if count[s] > 0 {
			t.Errorf("%s: %d of %d samples are of the stage %q, want none", name, count[s], p.Total(), s)
		}
	}
	if other := float64(count[stages.Other]) / float64(p.Total()); p.Total() >= leastSamples && other > mostOther {
		t.Errorf("%s: %.1f %% of %d samples are %s", name, 100*other, p.Total(), stages.Other)
		for _, s := range p.Stacks() {
			if c.Classify(s.Kernel, s.User) == stages.Other {
				t.Logf("%6d %s", s.Count, strings.Join(s.Kernel, " < "))
			}
		}
	}
}

// neverOf are the copying stages that a sender of that path can't have on loopback.
func neverOf(path string) []stages.Stage {
	toProgram, toSocket := stages.CopyCacheToProgram, stages.CopyProgramToSocket
	switch path {
	case "sendfile", "splice", "direct-sendfile", "ktls-sendfile":
		return []stages.Stage{toProgram, toSocket, stages.CopyDeferred}
	case "mmap-write", "direct-write", "memory-send", "memory-sendmsg":
		return []stages.Stage{toProgram, stages.CopyDeferred}
	case "mmap-zerocopy", "memory-send-zerocopy":
		return []stages.Stage{toProgram, toSocket}
	case "read-write", "uring-read-send", "tls":
		return []stages.Stage{stages.CopyDeferred}
	}
	return nil
}

// system is the kernel's version without what a distributor or a builder adds to it, and the architecture.
func system(t *testing.T) string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	release, _, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), "-")
	return fmt.Sprintf("Linux %s, %s, Go %s", release, unix.ByteSliceToString(u.Machine[:]), strings.TrimPrefix(runtime.Version(), "go"))
}

func wanted(name string) bool { return strings.HasPrefix(name, *only) }

const (
	fileBytes = 32 << 20
	chunk     = 64 << 10
	fetched   = 4 << 10 // bytes of a small fetch
)

// transfer is one path to one receiver.
type transfer struct {
	path     copypaths.Path
	receiver receivers.Receiver
	fetch    bool
}

// ends are the profiles of a transfer.
type ends struct{ sender, receiver, machine *profile.Profile }

func (x transfer) run(t *testing.T, y symbols) (got ends) {
	t.Helper()
	if status := x.path.ProbeIn(t.TempDir()); status.State != kernel.StateAvailable {
		t.Skipf("%s: %s", x.path.ID, status.Reason)
	}
	if status := x.receiver.Probe(); status.State != kernel.StateAvailable {
		t.Skipf("%s: %s", x.receiver.ID, status.Reason)
	}
	content := make([]byte, fileBytes)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content)
	name := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Sync(); err != nil {
		t.Fatal(err)
	}
	from, to, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	var receiving sync.WaitGroup
	var senderErr, receiverErr error
	got.machine, err = y.machine(func() error {
		receiving.Go(func() {
			got.receiver, receiverErr = y.receive(to, x, t.TempDir())
		})
		receiving.Go(func() {
			got.sender, senderErr = y.send(from, x, file, content)
		})
		receiving.Wait()
		return errors.Join(senderErr, receiverErr)
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (y symbols) send(socket int, x transfer, file *os.File, content []byte) (_ *profile.Profile, err error) {
	defer func() { err = errors.Join(err, unix.Close(socket)) }()
	size := chunk
	if x.fetch {
		size = fetched
	}
	buffer, err := kernel.Buffer(size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, kernel.Free(buffer)) }()
	e := copypaths.Ends{File: file, FileSize: fileBytes, Socket: socket, Chunk: size, Buffer: buffer}
	if x.path.Source == copypaths.FromMemory {
		if e.Memory, err = copypaths.NewFields(bytes.NewReader(content), fileBytes, size); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, e.Memory.Free()) }()
	}
	m, err := x.path.Open(e)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	latency := hdrhistogram.New(1, int64(time.Hour), 3)
	return y.thread(0, func() error {
		request := make([]byte, 16)
		for began := time.Now(); time.Since(began) < *length; {
			if x.fetch {
				if _, err := io.ReadFull(fd(socket), request); err != nil {
					return err
				}
				if _, err := copypaths.Stream(m, 0, fetched, fileBytes, fetched, latency); err != nil {
					return err
				}
				continue
			}
			if _, err := copypaths.Stream(m, 0, fileBytes/2, fileBytes, size, latency); err != nil {
				return err
			}
		}
		return nil
	})
}

// fd is a blocking descriptor.
type fd int

func (f fd) Read(b []byte) (int, error) {
	n, err := unix.Read(int(f), b)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

func (y symbols) receive(socket int, x transfer, dir string) (_ *profile.Profile, err error) {
	defer func() { err = errors.Join(err, unix.Close(socket)) }()
	buffer, err := kernel.Buffer(256 << 10)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, kernel.Free(buffer)) }()
	k, err := x.receiver.Open(receivers.End{Socket: socket, Buffer: buffer, TLS: x.path.TLS, Dir: dir, FileBytes: 64 << 20})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	return y.thread(1, func() error {
		for {
			limit := int64(1 << 40)
			if x.fetch {
				if _, err := unix.Write(socket, make([]byte, 16)); err != nil {
					return nil // the sender has had enough
				}
				limit = fetched
			}
			for limit > 0 {
				n, err := k.Take(limit)
				if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
					return nil
				}
				if err != nil {
					return err
				}
				limit -= n
			}
		}
	})
}

// connect makes a TCP connection on loopback: two raw blocking descriptors.
func connect() (sender, receiver int, err error) {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(listener)
	if err := unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, -1, fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(listener, 1); err != nil {
		return -1, -1, fmt.Errorf("listen: %w", err)
	}
	address, err := unix.Getsockname(listener)
	if err != nil {
		return -1, -1, fmt.Errorf("getsockname: %w", err)
	}
	if sender, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, -1, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(sender, address); err != nil {
		return -1, -1, errors.Join(fmt.Errorf("connect: %w", err), unix.Close(sender))
	}
	if receiver, _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC); err != nil {
		return -1, -1, errors.Join(fmt.Errorf("accept: %w", err), unix.Close(sender))
	}
	return sender, receiver, nil
}

// writing is one way to write a file.
type writing struct {
	method string
	policy string
}

func (w writing) run(t *testing.T, y symbols) (writer, machine *profile.Profile) {
	t.Helper()
	method, found := diskwrite.FindMethod(w.method)
	if !found {
		t.Fatalf("there is no method %s", w.method)
	}
	dir := t.TempDir()
	if status := method.Probe(dir); status.State != kernel.StateAvailable {
		t.Skipf("%s: %s", w.method, status.Reason)
	}
	policy, err := diskwrite.ParsePolicy(w.policy)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := diskwrite.NewPayload(1, 4<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := diskwrite.FreePayload(payload); err != nil {
			t.Error(err)
		}
	}()
	job := diskwrite.Job{
		Pattern: diskwrite.Overwrite, Policy: policy, BlockBytes: 16 << 10, FileBytes: 16 << 20, Operations: 1 << 30,
		Limit: *length, Seed: 1, Payload: payload,
	}
	if policy.ID != diskwrite.SyncNone {
		job.SyncCall = diskwrite.Fdatasync
	}
	name := filepath.Join(dir, "file")
	if err := job.Prepare(context.Background(), name); err != nil {
		t.Fatal(err)
	}
	file, err := method.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}()
	machine, err = y.machine(func() error {
		done := make(chan error, 1)
		go func() {
			var err error
			writer, err = y.thread(0, func() error {
				_, err := diskwrite.Run(file, job, hdrhistogram.New(1, int64(time.Hour), 3), hdrhistogram.New(1, int64(time.Hour), 3))
				return err
			})
			done <- err
		}()
		return <-done
	})
	if err != nil {
		t.Fatal(err)
	}
	return writer, machine
}

func TestTransfers(t *testing.T) {
	y := readSymbols(t)
	var all []transfer
	recv, _ := receivers.Find("recv")
	for _, p := range copypaths.Catalogue() {
		if p.Connection == copypaths.Descriptor {
			all = append(all, transfer{path: p, receiver: recv})
		}
	}
	sendfile, _ := copypaths.Find(copypaths.FromFile, "sendfile")
	readZerocopy, _ := copypaths.Find(copypaths.FromFile, "read-zerocopy")
	for _, r := range receivers.Catalogue() {
		if r.ID != recv.ID {
			all = append(all, transfer{path: sendfile, receiver: r})
		}
		if r.ID == "zerocopy-receive" { // which maps only what such a sender sent
			all = append(all, transfer{path: readZerocopy, receiver: r})
		}
	}
	for _, id := range []string{"read-write", "sendfile"} {
		p, _ := copypaths.Find(copypaths.FromFile, id)
		all = append(all, transfer{path: p, receiver: recv, fetch: true})
	}
	for _, x := range all {
		from := x.path.ID
		if x.path.Source == copypaths.FromMemory {
			from = "memory-" + from
		}
		to := x.receiver.ID
		if to != recv.ID {
			to += "-from-" + from
		}
		if x.fetch {
			from, to = "fetch-"+from, to+"-fetch"
		}
		t.Run(from+"/"+to, func(t *testing.T) {
			if !wanted(from + "/" + to) {
				t.Skip("not among -only")
			}
			got := x.run(t, y)
			judge(t, "sender", got.sender, neverOf(from)...)
			judge(t, "receiver", got.receiver)
			if x.receiver.ID == recv.ID {
				keep(t, "sender/"+from, got.sender)
			}
			if x.receiver.ID != recv.ID || from == "sendfile" || from == "read-zerocopy" || x.fetch {
				if to == "recv" {
					to += "-from-" + from
				}
				keep(t, "receiver/"+to, got.receiver)
			}
			if from == "uring-splice" || from == "read-write" {
				keep(t, "machine/"+from, got.machine)
			}
		})
	}
}

func TestWriters(t *testing.T) {
	y := readSymbols(t)
	for _, w := range []writing{
		{"buffered", "none"}, {"buffered", "every=1"}, {"direct", "none"}, {"dsync", "none"}, {"direct-dsync", "none"},
		{"mmap", "none"}, {"dontcache", "none"}, {"vectored", "none"}, {"uring", "none"}, {"uring-direct", "none"},
	} {
		name := w.method
		if w.policy != "none" {
			name += "-synced"
		}
		t.Run(name, func(t *testing.T) {
			if !wanted("writer/" + name) {
				t.Skip("not among -only")
			}
			writer, machine := w.run(t, y)
			judge(t, "writer", writer, stages.CopyCacheToProgram, stages.CopyProgramToSocket, stages.CopySocketToReceiver)
			keep(t, "writer/"+name, writer)
			if name == "buffered-synced" || name == "uring-direct" {
				keep(t, "machine/"+name, machine)
			}
		})
	}
}
