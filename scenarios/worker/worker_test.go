//go:build unix

package worker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"copylab/copypaths"
	"copylab/copypaths/receivers"
	"copylab/diskwrite"
	"copylab/internal/kernel"
	"copylab/internal/testenv"
	"copylab/results/host"
)

// The test binary is a worker where it is told so, as copylab's own binary is.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "worker":
		os.Exit(Main(os.Stdin, os.Stdout))
	case os.Getenv("COPYLAB_TEST_COMMAND") != "":
		commandToBeKilled()
		os.Exit(0)
	}
	testenv.Main(m)
}

func launcherForTest() *Launcher {
	return &Launcher{Command: []string{os.Args[0], "worker"}, Run: "test"}
}

// payload makes a file of incompressible bytes and returns its content.
func payload(t *testing.T, size int) (name string, content []byte) {
	t.Helper()
	content = make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content) // never fails
	name = filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, content
}

// sums are the checksums that the streams must bring.
func sums(content []byte, shares []Share) []string {
	var out []string
	for _, s := range shares {
		h := xxhash.New()
		for off, left := s.Start, s.Count; left > 0; {
			n := min(left, int64(len(content))-off)
			_, _ = h.Write(content[off : off+n]) // never fails
			left -= n
			off = (off + n) % int64(len(content))
		}
		out = append(out, fmt.Sprintf("%016x", h.Sum64()))
	}
	return out
}

// sides are a sender's and a receiver's job that fit together.
func sides(path, file string, size int64, chunk, streams int, bytes int64) (Send, *Receive) {
	s := Send{Path: path, Source: string(copypaths.FromFile), File: file, FileBytes: size, ChunkBytes: chunk, Bytes: bytes, Streams: streams, Cache: CacheWarm, CPU: -1}
	r := &Receive{Receiver: "checksum", BufferBytes: 64 << 10, Bytes: bytes, Streams: streams, CPU: -1, ChunkBytes: int64(chunk), FileBytes: size}
	return s, r
}

// available skips a path that this machine does not have, and fails for one that it should have.
func available(t *testing.T, p copypaths.Path, dir string) {
	t.Helper()
	s := p.ProbeIn(dir)
	have := s.State != kernel.StateUnavailable
	testenv.Require(t, testenv.Uring, have || !strings.HasPrefix(p.ID, "uring-"), "%s", s.Reason)
	testenv.Require(t, testenv.Direct, have || !p.Direct, "%s", s.Reason)
	testenv.Require(t, testenv.KTLS, have || p.ID != "ktls-sendfile", "%s", s.Reason)
	switch {
	case !have && runtime.GOOS == "linux":
		t.Fatalf("path %s: %s", p.ID, s.Reason)
	case !have:
		t.Skip(s.Reason)
	}
}

func TestTransferMovesTheFile(t *testing.T) {
	const size = 3<<20 + 12345
	file, content := payload(t, size)
	for _, p := range copypaths.Catalogue() {
		if p.Connection == copypaths.NoConnection {
			continue
		}
		for _, streams := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s/%s/%d", p.Source, p.ID, streams), func(t *testing.T) {
				available(t, p, filepath.Dir(file))
				// More than the file, so that every stream goes on from its beginning.
				bytes := int64(2*size + 777)
				if p.WholeBlocks {
					if streams > 1 {
						t.Skip("the streams would end within blocks")
					}
					bytes = 2 * size
				}
				send, receive := sides(p.ID, file, size, 64<<10, streams, bytes)
				send.Source, receive.TLS = string(p.Source), p.TLS
				pair, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{})
				if err != nil {
					t.Fatal(err)
				}
				want := sums(content, Shares(bytes, streams, size, 64<<10))
				if got := pair.Receiver.Sums; strings.Join(got, " ") != strings.Join(want, " ") {
					t.Errorf("checksums %v, want %v", got, want)
				}
				if pair.Sender.Bytes != bytes || pair.Receiver.Bytes != bytes {
					t.Errorf("sent %d and received %d of %d bytes", pair.Sender.Bytes, pair.Receiver.Bytes, bytes)
				}
				if got := pair.Sender.Latency["op"].TotalCount(); got != pair.Sender.Operations {
					t.Errorf("%d operations, but %d latencies", pair.Sender.Operations, got)
				}
				for name, side := range map[string]*Result{"sender": pair.Sender, "receiver": pair.Receiver} {
					cpu, ok := side.Side.CPUNS().Get()
					if !ok || cpu <= 0 || side.Side.WallNS <= 0 {
						t.Errorf("%s: %d ns of CPU in %d ns", name, cpu, side.Side.WallNS)
					}
				}
				if ns, ok := pair.Sender.ElapsedNS.Get(); !ok || ns <= 0 {
					t.Errorf("elapsed %v", pair.Sender.ElapsedNS)
				}
				if share, ok := pair.Sender.Before.Share().Get(); !ok || share < host.WarmShare {
					t.Errorf("the trial began with %v of the file in the page cache; want it warm", pair.Sender.Before.Share())
				}
			})
		}
	}
}

func TestFetch(t *testing.T) {
	const size, chunk, requests = 1<<20 + 100, 4096, 700
	file, content := payload(t, size)
	for _, tc := range []struct {
		name    string
		path    string
		streams int
		rate    float64
	}{
		{"closed", "read-write", 1, 0},
		{"closed, Go path", "go-io-copy", 1, 0},
		{"closed, 3 streams", "read-write", 3, 0},
		{"open", "read-write", 1, 5000},
		{"open, 2 streams", "read-write", 2, 5000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			send, receive := sides(tc.path, file, size, chunk, tc.streams, 0)
			send.Fetch, receive.Fetch, receive.Requests, receive.Rate = true, true, requests, tc.rate
			pair, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{})
			if err != nil {
				t.Fatal(err)
			}
			shares := Shares(requests, tc.streams, size, chunk)
			for i, s := range shares {
				off, bytes := s.Start, int64(0)
				for range s.Count {
					n := min(chunk, size-off)
					bytes, off = bytes+n, (off+n)%size
				}
				shares[i].Count = bytes
			}
			if got, want := pair.Receiver.Sums, sums(content, shares); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("checksums %v, want %v", got, want)
			}
			if n := pair.Receiver.Latency["fetch"].TotalCount(); n != requests || pair.Sender.Operations != requests {
				t.Errorf("%d fetches timed and %d answered, want %d of each", n, pair.Sender.Operations, requests)
			}
			elapsed, _ := pair.Receiver.ElapsedNS.Get()
			if tc.rate > 0 {
				// The last request is due (requests-1)/rate after the first: an open loop can't be faster than that.
				if least := int64(float64(requests/tc.streams-1) / (tc.rate / float64(tc.streams)) * 1e9); elapsed < least {
					t.Errorf("%d requests at %.0f a second took %d ns, less than the %d ns at which the last was due", requests, tc.rate, elapsed, least)
				}
				if _, ok := pair.Receiver.Side.CPUNS().Get(); ok {
					t.Error("the CPU time of a receiver that spins is reported as if it meant something")
				}
			}
		})
	}
}

// A stall of the sender must be charged to every request that was due meanwhile.
func TestOpenLoopChargesStallsToEveryRequest(t *testing.T) {
	const size, chunk, requests, rate = 1 << 20, 4096, 2000, 2000
	file, _ := payload(t, size)
	send, receive := sides("read-write", file, size, chunk, 1, 0)
	send.Fetch, receive.Fetch, receive.Requests, receive.Rate = true, true, requests, rate
	l := launcherForTest()
	receiver, err := l.Start(t.Context(), "receiver", Job{Receive: receive}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Kill()
	m, err := receiver.Await(EventListening)
	if err != nil {
		t.Fatal(err)
	}
	send.Address = m.Address
	sender, err := l.Start(t.Context(), "sender", Job{Send: &send}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Kill()
	const stall = 300 * time.Millisecond
	go func() {
		time.Sleep(400 * time.Millisecond)
		_ = syscall.Kill(sender.PID(), syscall.SIGSTOP) // a failure shows as a missing stall
		time.Sleep(stall)
		_ = syscall.Kill(sender.PID(), syscall.SIGCONT)
	}()
	pair, err := converse(receiver, sender, sender, receiver)
	if err != nil {
		t.Fatal(err)
	}
	h := pair.Receiver.Latency["fetch"]
	// Some 600 requests were due during the stall; a closed loop would have charged it to one of them.
	late := int64(0)
	for _, bar := range h.Distribution() {
		if bar.From > int64(stall/10) {
			late += bar.Count
		}
	}
	if late < 100 {
		t.Errorf("%d of %d requests waited longer than a tenth of the stall of %v; want hundreds", late, requests, stall)
	}
}

func TestColdCache(t *testing.T) {
	dir := t.TempDir()
	ok, why := host.CanDrop(dir)
	testenv.Require(t, testenv.Disk, ok, "%s", why)
	const size = 8 << 20
	file, _ := payload(t, size)
	send, receive := sides("read-write", file, size, 64<<10, 1, size)
	send.Cache = CacheCold
	pair, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{})
	if err != nil {
		t.Fatal(err)
	}
	if share, ok := pair.Sender.Before.Share().Get(); !ok || share > host.ColdShare {
		t.Errorf("the trial began with %v of the file in the page cache; want it cold", pair.Sender.Before.Share())
	}
	if share, ok := pair.Sender.After.Share().Get(); !ok || share < 0.5 {
		t.Errorf("the trial ended with %v of the file in the page cache, though it read all of it", pair.Sender.After.Share())
	}
}

func TestColdCacheThatCantBeReached(t *testing.T) {
	if info, err := os.Stat("/dev/shm"); err != nil || !info.IsDir() {
		t.Skip("no /dev/shm")
	}
	f, err := os.CreateTemp("/dev/shm", "copylab-test-")
	if err != nil {
		t.Skipf("use /dev/shm: %v", err)
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	send, receive := sides("read-write", f.Name(), 1<<20, 64<<10, 1, 1<<20)
	send.Cache = CacheCold
	if _, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{}); err == nil || !strings.Contains(err.Error(), "cold") {
		t.Errorf("a file in memory was measured as cold: %v", err)
	}
}

// whileBusy starts a transfer that would take very long and calls f with both workers' process IDs once it is under way.
func whileBusy(t *testing.T, ctx context.Context, f func(sender, receiver int)) error {
	t.Helper()
	const size = 4 << 20
	file, _ := payload(t, size)
	send, receive := sides("read-write", file, size, 64<<10, 1, 1<<50)
	receive.Receiver = "recv"
	go func() {
		deadline := time.Now().Add(10 * time.Second)
		for time.Now().Before(deadline) {
			if s, r, ok := busyWorkers(); ok {
				time.Sleep(100 * time.Millisecond)
				f(s, r)
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	_, err := launcherForTest().Transfer(ctx, send, receive, Placement{})
	return err
}

// busyWorkers finds this process's two workers once both have used some CPU time. The receiver is the elder.
func busyWorkers() (sender, receiver int, ok bool) {
	pids := children(os.Getpid())
	if len(pids) != 2 {
		return 0, 0, false
	}
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, 0, false
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if ticks, err := strconv.Atoi(fields[12]); err != nil || ticks < 5 { // stime, proc_pid_stat(5)
			return 0, 0, false
		}
	}
	return max(pids[0], pids[1]), min(pids[0], pids[1]), true
}

// children lists the processes whose parent is pid.
func children(pid int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) && fields[0] != "Z" {
			if child, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

func needsProc(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc to find workers in")
	}
}

func TestReceiverDiesInMidTrial(t *testing.T) {
	needsProc(t)
	err := whileBusy(t, t.Context(), func(_, receiver int) { _ = syscall.Kill(receiver, syscall.SIGKILL) })
	var died *DiedError
	if !errors.As(err, &died) || died.Name != "receiver" || !strings.Contains(err.Error(), "killed") {
		t.Errorf("got %v; want to hear that the receiver was killed", err)
	}
	if left := children(os.Getpid()); len(left) > 0 {
		t.Errorf("workers still run: %v", left)
	}
}

func TestSenderDiesInMidTrial(t *testing.T) {
	needsProc(t)
	err := whileBusy(t, t.Context(), func(sender, _ int) { _ = syscall.Kill(sender, syscall.SIGKILL) })
	var died *DiedError
	if !errors.As(err, &died) || died.Name != "sender" {
		t.Errorf("got %v; want to hear that the sender was killed", err)
	}
	if left := children(os.Getpid()); len(left) > 0 {
		t.Errorf("workers still run: %v", left)
	}
}

func TestCancelEndsBothWorkers(t *testing.T) {
	needsProc(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the user has had enough")
	err := whileBusy(t, ctx, func(int, int) { cancel(stop) })
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want the reason for cancelling", err)
	}
	if left := children(os.Getpid()); len(left) > 0 {
		t.Errorf("workers still run: %v", left)
	}
}

// commandToBeKilled is the command of TestWorkersDieWithTheirCommand: it starts an endless transfer.
func commandToBeKilled() {
	send, receive := sides("read-write", os.Getenv("COPYLAB_TEST_COMMAND"), 4<<20, 64<<10, 1, 1<<50)
	_, err := launcherForTest().Transfer(context.Background(), send, receive, Placement{})
	fmt.Println("ended:", err)
}

func TestWorkersDieWithTheirCommand(t *testing.T) {
	needsProc(t)
	file, _ := payload(t, 4<<20)
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), "COPYLAB_TEST_COMMAND="+file)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var workers []int
	for deadline := time.Now().Add(10 * time.Second); len(workers) < 2 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		workers = children(command.Process.Pid)
	}
	if len(workers) != 2 {
		t.Errorf("the command started %d workers, want 2", len(workers))
	}
	time.Sleep(200 * time.Millisecond)
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = bufio.NewReader(out).ReadString('\n') // returns when nobody holds the pipe any more, or with "ended:"
	_ = command.Wait()                           // it was killed
	alive := workers
	for deadline := time.Now().Add(10 * time.Second); len(alive) > 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		alive = nil
		for _, pid := range workers {
			if syscall.Kill(pid, 0) == nil && !zombie(pid) {
				alive = append(alive, pid)
			}
		}
	}
	for _, pid := range alive {
		t.Errorf("worker %d has outlived its command", pid)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestWriteEveryMethod(t *testing.T) {
	dir := t.TempDir()
	for _, m := range diskwrite.Methods() {
		if m.ID == "null" {
			continue
		}
		for _, p := range diskwrite.Patterns() {
			t.Run(m.ID+"/"+string(p.ID), func(t *testing.T) {
				if s := m.Probe(dir); s.State == kernel.StateUnavailable {
					testenv.Require(t, testenv.Disk, false, "method %s: %s", m.ID, s.Reason)
				}
				plan := diskwrite.Job{Pattern: p.ID, BlockBytes: 4096, FileBytes: 1 << 20, Operations: 100, Seed: 3,
					Policy: diskwrite.Policy{ID: diskwrite.SyncEnd}, SyncCall: diskwrite.Fdatasync}
				switch p.ID {
				case diskwrite.Random:
					plan.Draw = diskwrite.Permutation
				case diskwrite.RandomAppendMix:
					plan.RandomShare = 0.3
				case diskwrite.Strided:
					plan.StrideBlocks = 8
				case diskwrite.Zipf:
					plan.Theta = 0.99
				case diskwrite.ManyLogs:
					plan.Files, plan.Writers = 3, 2
				}
				if fits := m.Fits(plan); fits.State == kernel.StateUnavailable {
					t.Skip(fits.Reason)
				}
				if s := p.Probe(dir); s.State == kernel.StateUnavailable {
					testenv.Require(t, testenv.Disk, false, "pattern %s: %s", p.ID, s.Reason)
				}
				name := filepath.Join(dir, "target")
				r, err := launcherForTest().Write(t.Context(), Write{Method: m.ID, File: name, Plan: plan, Payload: 9, CPU: -1, Fresh: true, Verify: true})
				if err != nil {
					t.Fatal(err)
				}
				if r.Checksum == "" || r.Operations != 100 || r.Bytes != 100*4096 {
					t.Errorf("%d writes of %d bytes, read back %q", r.Operations, r.Bytes, r.Checksum)
				}
				accepted, ok1 := r.AcceptedNS.Get()
				durable, ok2 := r.DurableNS.Get()
				if !ok1 || !ok2 || accepted <= 0 || durable < accepted {
					t.Errorf("accepted after %v, durable after %v", r.AcceptedNS, r.DurableNS)
				}
				if n := r.Latency["op"].TotalCount(); n != 100 {
					t.Errorf("%d latencies of 100 writes", n)
				}
				if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
					t.Errorf("the writer left %v, %v", left, err)
				}
			})
		}
	}
}

// Writers that share syncs: every byte is there, each write was a commit, and the latencies say so.
func TestWriteGroupCommit(t *testing.T) {
	plan := diskwrite.Job{Pattern: diskwrite.Append, BlockBytes: 4096, FileBytes: 1 << 20, Operations: 100, Writers: 4,
		Policy: diskwrite.Policy{ID: diskwrite.SyncGroup}, SyncCall: diskwrite.Fsync}
	r, err := launcherForTest().Write(t.Context(), Write{Method: "buffered", File: filepath.Join(t.TempDir(), "log"), Plan: plan, Payload: 9, CPU: -1, Fresh: true, Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Checksum == "" || r.Operations != 100 || r.Latency["commit"].TotalCount() != 100 || r.Latency["sync"].TotalCount() > 100 {
		t.Errorf("%d writes, %d commits, %d syncs, read back %q", r.Operations, r.Latency["commit"].TotalCount(), r.Latency["sync"].TotalCount(), r.Checksum)
	}
}

func TestWriteFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	name := filepath.Join(t.TempDir(), "full")
	if err := os.Symlink("/dev/full", name); err != nil {
		t.Fatal(err)
	}
	plan := diskwrite.Job{Pattern: diskwrite.Append, BlockBytes: 4096, FileBytes: 1 << 20, Operations: 10, Policy: diskwrite.Policy{ID: diskwrite.SyncNone}}
	_, err := launcherForTest().Write(t.Context(), Write{Method: "buffered", File: name, Plan: plan, CPU: -1})
	if err == nil || !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
		t.Errorf("got %v, want the kernel's word for a full disk", err)
	}
}

func TestBadJobs(t *testing.T) {
	for name, line := range map[string]string{
		"empty":       "",
		"not JSON":    "hello\n",
		"no role":     "{}\n",
		"two roles":   `{"send":{},"write":{}}` + "\n",
		"nothing":     `{"send":{"path":"read-write"}}` + "\n",
		"no path":     `{"send":{"path":"teleport","streams":1,"chunk_bytes":1,"file_bytes":1,"bytes":1}}` + "\n",
		"no receiver": `{"receive":{"receiver":"eat","streams":1}}` + "\n",
		"no method":   `{"write":{"method":"stone"}}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := exec.Command(os.Args[0], "worker")
			in, err := c.StdinPipe() // stays open: a worker that reads its end has lost its command and says nothing
			if err != nil {
				t.Fatal(err)
			}
			if _, err := in.Write([]byte(line)); err != nil {
				t.Fatal(err)
			}
			if line == "" {
				if err := in.Close(); err != nil {
					t.Fatal(err)
				}
			}
			out, err := c.Output()
			if err == nil || !bytes.Contains(out, []byte(`"event":"failed"`)) {
				t.Errorf("worker said %q and ended with %v; want it to say what failed", out, err)
			}
		})
	}
}

func TestShares(t *testing.T) {
	for _, tc := range []struct {
		total       int64
		streams     int
		file, chunk int64
	}{{100, 1, 100, 10}, {101, 3, 100, 7}, {5, 8, 1000, 64}, {1 << 40, 64, 1 << 30, 64 << 10}} {
		shares := Shares(tc.total, tc.streams, tc.file, tc.chunk)
		var sum int64
		for i, s := range shares {
			sum += s.Count
			if s.Start%tc.chunk != 0 || s.Start >= tc.file || s.Count < 0 {
				t.Errorf("%+v: share %d is %+v", tc, i, s)
			}
		}
		if sum != tc.total || len(shares) != tc.streams {
			t.Errorf("%+v: %d shares of %d bytes in all", tc, len(shares), sum)
		}
	}
}

func TestReceiversAllTake(t *testing.T) {
	const size = 1 << 20
	file, _ := payload(t, size)
	for _, r := range receivers.Catalogue() {
		t.Run(r.ID, func(t *testing.T) {
			if s := r.Probe(); s.State == kernel.StateUnavailable {
				t.Skip(s.Reason)
			}
			send, receive := sides("read-write", file, size, 4096, 1, 3*size)
			receive.Receiver, receive.Dir = r.ID, t.TempDir()
			pair, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{})
			if err != nil {
				t.Fatal(err)
			}
			if pair.Receiver.Bytes != 3*size {
				t.Errorf("received %d of %d bytes", pair.Receiver.Bytes, 3*size)
			}
			settings := pair.Receiver.Settings
			switch r.ID {
			case "splice-null", "file-splice":
				if settings["pipe_bytes"] == "" {
					t.Errorf("settings are %v, without the pipe's size", settings)
				}
			case "zerocopy-receive":
				if settings["mapped_bytes"] != "0" || settings["copied_bytes"] != strconv.Itoa(3*size) {
					t.Errorf("settings are %v, want every byte of a plain write copied", settings)
				}
			}
		})
	}
}
