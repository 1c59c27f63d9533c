package kernel

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"copylab/internal/testenv"
)

// newUring makes a ring with buffers of 4 KiB, and skips where there is no io_uring.
func newUring(t *testing.T, operations, buffers int, ops ...UringOp) *Uring {
	t.Helper()
	status := ProbeUring(ops...)
	testenv.Require(t, testenv.Uring, status.State == StateAvailable, "%s", status.Reason)
	r, err := NewUring(operations, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if buffers > 0 {
		if err := r.AllocateBuffers(buffers, 4<<10); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// run submits what was added and returns want completions.
func run(t *testing.T, r *Uring, want int) []Completion {
	t.Helper()
	if err := r.Submit(want); err != nil {
		t.Fatal(err)
	}
	var all []Completion
	for c, ok := r.Next(); ok; c, ok = r.Next() {
		all = append(all, c)
	}
	if len(all) != want {
		t.Fatalf("%d completions %+v, want %d", len(all), all, want)
	}
	return all
}

// randomFile makes a file of n random bytes and registers it as index 0.
func randomFile(t *testing.T, r *Uring, n int) (content []byte) {
	t.Helper()
	content = make([]byte, n)
	if _, err := rand.Read(content); err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // the ring has its own
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := r.RegisterFiles(int(f.Fd())); err != nil {
		t.Fatal(err)
	}
	return content
}

// tcpPair is a TCP connection on loopback.
func tcpPair(t *testing.T) (sender, receiver int) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(err)
	defer unix.Close(listener)
	must(unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(unix.Listen(listener, 1))
	address, err := unix.Getsockname(listener)
	must(err)
	sender, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(err)
	t.Cleanup(func() { _ = unix.Close(sender) })
	must(unix.Connect(sender, address))
	receiver, _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC)
	must(err)
	t.Cleanup(func() { _ = unix.Close(receiver) })
	return sender, receiver
}

// receive reads n bytes.
func receive(t *testing.T, fd, n int) []byte {
	t.Helper()
	got := make([]byte, n)
	for at := 0; at < n; {
		k, err := unix.Read(fd, got[at:])
		if err != nil || k == 0 {
			t.Fatalf("read %d bytes of %d, then: %d, %v", at, n, k, err)
		}
		at += k
	}
	return got
}

func TestUringNop(t *testing.T) {
	r := newUring(t, 4, 0, UringNop)
	// Often enough for every index to wrap, with every number of operations at a time.
	for i := range uint64(100) {
		n := int(i%4) + 1
		for k := range n {
			r.Nop(i*10 + uint64(k))
		}
		for k, c := range run(t, r, n) {
			if c.Data != i*10+uint64(k) || c.Result != 0 || c.More() || c.Notification() {
				t.Fatalf("round %d: completion %d is %+v", i, k, c)
			}
		}
	}
	if r.UnderWay() != 0 || r.Room() != 4 || r.Operations(UringNop) != 250 {
		t.Errorf("%d under way, room for %d, %d made", r.UnderWay(), r.Room(), r.Operations(UringNop))
	}
	if enters, _, _ := r.Syscalls(); enters != 100 {
		t.Errorf("io_uring_enter was called %d times for 100 submissions", enters)
	}
}

func TestUringReadFixed(t *testing.T) {
	r := newUring(t, 8, 3, UringReadFixed)
	content := randomFile(t, r, 10_000)
	for _, read := range []struct {
		off            int64
		buffer, at, n  int
		want           int32
		intoNextBuffer bool
	}{
		{0, 0, 0, 4096, 4096, false},
		{1234, 2, 0, 4096, 4096, false},
		{5000, 1, 777, 100, 100, false},
		{9000, 1, 0, 4096, 1000, false}, // the file ends
		{10_000, 1, 0, 1, 0, false},
	} {
		r.ReadFixed(0, read.off, read.buffer, read.at, read.n, 7)
		c := run(t, r, 1)[0]
		if c.Data != 7 || c.Result != read.want {
			t.Fatalf("%+v: completion %+v", read, c)
		}
		if got := r.Bytes(read.buffer)[read.at:]; !bytes.Equal(got[:c.Result], content[read.off:read.off+int64(c.Result)]) {
			t.Errorf("%+v: other bytes than the file's", read)
		}
	}
	r.ReadFixed(5, 0, 0, 0, 1, 0)
	if c := run(t, r, 1)[0]; c.Result != -int32(unix.EBADF) {
		t.Errorf("read from a file that was not registered: %+v", c)
	}
}

func TestUringWriteFixedAndFsync(t *testing.T) {
	r := newUring(t, 8, 0, UringWriteFixed, UringFsync)
	memory, err := Buffer(8 << 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rand.Read(memory); err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := NewUring(8, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.RegisterBuffer(memory), w.RegisterFiles(int(f.Fd()))); err != nil {
		t.Fatal(err)
	}
	if err := w.RegisterBuffer(memory); err == nil {
		t.Error("registered a second buffer")
	}
	w.WriteFixed(0, 100, 0, 5000, 3000, 1)
	w.WriteFixed(0, 3100, 0, 0, 5000, 2)
	for _, c := range run(t, w, 2) {
		if want := map[uint64]int32{1: 3000, 2: 5000}[c.Data]; c.Result != want {
			t.Errorf("write %d: result %d, want %d", c.Data, c.Result, want)
		}
	}
	got := make([]byte, 8000)
	if _, err := f.ReadAt(got, 100); err != nil || !bytes.Equal(got[:3000], memory[5000:8000]) || !bytes.Equal(got[3000:], memory[:5000]) {
		t.Errorf("other bytes than the buffer's, %v", err)
	}
	for _, datasync := range []bool{false, true} {
		w.Fsync(0, datasync, 3)
		if c := run(t, w, 1)[0]; c.Data != 3 || c.Result != 0 {
			t.Errorf("fsync, datasync %v: %+v", datasync, c)
		}
	}
	w.Fsync(5, false, 4)
	if c := run(t, w, 1)[0]; c.Result != -int32(unix.EBADF) {
		t.Errorf("fsync of a file that was not registered: %+v", c)
	}
	if w.Operations(UringWriteFixed) != 2 || w.Operations(UringFsync) != 3 {
		t.Errorf("%d writes and %d syncs", w.Operations(UringWriteFixed), w.Operations(UringFsync))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	memory[0]++ // still the caller's
	if err := Free(memory); err != nil {
		t.Error(err)
	}
	for _, bad := range [][]byte{nil, {}} {
		if err := r.RegisterBuffer(bad); err == nil {
			t.Error("registered no bytes")
		}
	}
}

func TestUringSend(t *testing.T) {
	for _, kind := range []string{"socketpair", "TCP"} {
		t.Run(kind, func(t *testing.T) {
			r := newUring(t, 8, 2, UringSend)
			from, to := tcpPair(t)
			if kind == "socketpair" {
				pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					t.Fatal(err)
				}
				from, to = pair[0], pair[1]
				t.Cleanup(func() { _ = errors.Join(unix.Close(from), unix.Close(to)) })
			}
			copy(r.Bytes(1), "never mind: these are the bytes")
			r.Send(from, 1, 12, 19, unix.MSG_WAITALL, 3)
			if c := run(t, r, 1)[0]; c.Data != 3 || c.Result != 19 || c.More() {
				t.Fatalf("completion %+v", c)
			}
			if got := receive(t, to, 19); string(got) != "these are the bytes" {
				t.Errorf("received %q", got)
			}
			if err := unix.Shutdown(from, unix.SHUT_WR); err != nil {
				t.Fatal(err)
			}
			r.Send(from, 0, 0, 1, 0, 4)
			if c := run(t, r, 1)[0]; c.Result != -int32(unix.EPIPE) {
				t.Errorf("send after a shutdown: %+v, want EPIPE", c)
			}
		})
	}
}

// A send that has to wait for the receiver ends when that takes the bytes, and not before.
func TestUringSendWaits(t *testing.T) {
	r := newUring(t, 8, 256, UringSend)
	from, to := tcpPair(t)
	if err := unix.SetsockoptInt(from, unix.SOL_SOCKET, unix.SO_SNDBUF, 16<<10); err != nil {
		t.Fatal(err)
	}
	const size = 4 << 10
	sent := 0
	for waits := false; !waits && sent < 10_000; sent++ {
		copy(r.Bytes(0), fmt.Sprintf("%08d", sent))
		r.Send(from, 0, 0, size, unix.MSG_WAITALL, 0)
		enough, err := r.SubmitFor(1, 50*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if waits = !enough; waits {
			break
		}
		if c, ok := r.Next(); !ok || c.Result != size {
			t.Fatalf("completion %+v, %v", c, ok)
		}
	}
	if r.UnderWay() != 1 {
		t.Fatalf("no send had to wait in %d", sent)
	}
	for i := range sent + 1 {
		if got := receive(t, to, size); string(got[:8]) != fmt.Sprintf("%08d", i) {
			t.Fatalf("block %d begins with %q", i, got[:8])
		}
		if i == sent-1 {
			// Everything but the last has been taken; the last goes on by itself.
			if c := run(t, r, 1)[0]; c.Result != size {
				t.Fatalf("the send that had to wait: %+v", c)
			}
		}
	}
}

// On loopback the kernel copies what is sent without a copy, and says so.
func TestUringSendZC(t *testing.T) {
	r := newUring(t, 8, 2, UringSendZC)
	from, to := tcpPair(t)
	if _, err := rand.Read(r.Bytes(1)); err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(r.Bytes(1)[96:])
	r.SendZC(from, 1, 96, 4000, unix.MSG_WAITALL, 9)
	if err := r.Submit(1); err != nil {
		t.Fatal(err)
	}
	first, ok := r.Next()
	if first.Result == -int32(unix.EINVAL) {
		t.Skip("this kernel does not know IORING_SEND_ZC_REPORT_USAGE (Linux 6.2, or a later release of 6.1)")
	}
	if !ok || first.Data != 9 || first.Result != 4000 || !first.More() || first.Notification() || first.Copied() || r.UnderWay() != 1 {
		t.Fatalf("first completion %+v, %d under way", first, r.UnderWay())
	}
	if got := receive(t, to, 4000); !bytes.Equal(got, want) {
		t.Error("other bytes arrived")
	}
	second := run(t, r, 1)[0]
	if second.Data != 9 || second.More() || !second.Notification() || !second.Copied() || r.UnderWay() != 0 {
		t.Errorf("second completion %+v, %d under way", second, r.UnderWay())
	}
	if second.Result != -1<<31 {
		t.Errorf("the notification's result is %#x, want bit 31 alone", uint32(second.Result))
	}
}

// A zero-copy send that is cancelled has nothing more to tell, whatever the kernel posts for it.
func TestUringSendZCCancelled(t *testing.T) {
	r := newUring(t, 8, 1, UringReadFixed, UringSendZC)
	randomFile(t, r, 100)
	from, _ := tcpPair(t)
	for i := range uint64(50) {
		r.ReadFixed(0, 50, 0, 0, 100, 10*i) // short
		r.Link()
		r.SendZC(from, 0, 0, 100, unix.MSG_WAITALL, 10*i+1)
		r.Link()
		r.SendZC(from, 0, 0, 100, unix.MSG_WAITALL, 10*i+2)
		want := map[uint64]int32{10 * i: 50, 10*i + 1: -int32(unix.ECANCELED), 10*i + 2: -int32(unix.ECANCELED)}
		for announced := 0; len(want) > 0 || announced > 0; {
			if err := r.Submit(1); err != nil {
				t.Fatal(err)
			}
			for c, ok := r.Next(); ok; c, ok = r.Next() {
				switch result, one := want[c.Data]; {
				case c.Notification() && announced > 0:
					announced--
				case c.Notification() || !one || c.Result != result:
					t.Fatalf("round %d: completion %+v", i, c)
				default:
					delete(want, c.Data)
					if c.More() {
						announced++
					}
				}
			}
		}
		if r.UnderWay() != 0 {
			t.Fatalf("round %d: %d under way after everything was told", i, r.UnderWay())
		}
	}
}

func TestUringSplice(t *testing.T) {
	r := newUring(t, 8, 0, UringSplice)
	content := make([]byte, 10_000)
	if _, err := rand.Read(content); err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	err = r.RegisterFiles(int(f.Fd()), pipe[0], pipe[1])
	if err := errors.Join(err, unix.Close(pipe[0]), unix.Close(pipe[1])); err != nil {
		t.Fatal(err)
	}
	from, to := tcpPair(t)
	r.SpliceIn(0, 1234, 2, 8000, 1)
	r.Link()
	r.SpliceOut(1, from, 8000, 0, 2)
	for i, c := range run(t, r, 2) {
		if c.Data != uint64(i)+1 || c.Result != 8000 {
			t.Fatalf("completion %d is %+v", i, c)
		}
	}
	if got := receive(t, to, 8000); !bytes.Equal(got, content[1234:9234]) {
		t.Error("other bytes arrived")
	}
}

// Linked operations run in order, one after the other, and a short one cancels those behind it.
func TestUringLink(t *testing.T) {
	r := newUring(t, 8, 1, UringReadFixed, UringSend)
	content := randomFile(t, r, 10_000)
	from, to := tcpPair(t)
	const n = 4000
	chain := func() {
		for i := range 3 { // each through the same buffer, which only order makes safe
			r.ReadFixed(0, int64(i*n), 0, 0, n, uint64(2*i))
			r.Link()
			r.Send(from, 0, 0, n, unix.MSG_WAITALL, uint64(2*i+1))
			if i < 2 {
				r.Link()
			}
		}
	}
	chain()
	want := []int32{n, n, n, n, 2000, -int32(unix.ECANCELED)}
	for i, c := range run(t, r, 6) {
		if c.Data != uint64(i) || c.Result != want[i] {
			t.Errorf("completion %d is %+v, want %d", i, c, want[i])
		}
	}
	if got := receive(t, to, 2*n); !bytes.Equal(got, content[:2*n]) {
		t.Error("other bytes arrived")
	}
	if n, _, err := unix.Recvfrom(to, make([]byte, 1), unix.MSG_DONTWAIT); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("%d more bytes, %v", n, err)
	}
}

// Completions that are not read take room, so that the queue of them can't overflow; and if it does, that is an error.
func TestUringDoesNotOverflow(t *testing.T) {
	r := newUring(t, 4, 0)
	for range 4 {
		r.Nop(0)
	}
	if r.Room() != 0 {
		t.Errorf("room for %d more", r.Room())
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a fifth operation was taken")
			}
		}()
		r.Nop(0)
	}()
	if err := r.Submit(4); err != nil {
		t.Fatal(err)
	}
	if r.Room() != 0 {
		t.Errorf("room for %d more while completions are unread", r.Room())
	}
	if _, ok := r.Next(); !ok || r.Room() != 1 {
		t.Errorf("room for %d after one was read", r.Room())
	}
	for _, ok := r.Next(); ok; _, ok = r.Next() {
	}
	if r.Room() != 4 {
		t.Errorf("room for %d when all was read", r.Room())
	}

	// Against the guard's will.
	var err error
	for range 3 {
		r.underWay = 0
		for range 4 {
			r.Nop(0)
		}
		if err = r.Submit(0); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "overflowed") {
		t.Errorf("error %v after 12 completions in a queue of %d", err, len(r.cqes))
	}
	r.underWay = 0
}

// A wait that signals cut short goes on.
func TestUringWaitsThroughSignals(t *testing.T) {
	r := newUring(t, 4, 1, UringReadFixed)
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	if err := r.RegisterFiles(int(in.Fd())); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread := unix.Gettid()
	done := make(chan error)
	go func() {
		for range 20 {
			time.Sleep(time.Millisecond)
			// The Go runtime takes SIGURG for a request to preempt, of which any number may come.
			_ = unix.Tgkill(unix.Getpid(), thread, unix.SIGURG)
		}
		_, err := io.WriteString(out, "late")
		done <- err
	}()
	before, _, _ := r.Syscalls()
	r.ReadFixed(0, 0, 0, 0, 100, 0)
	c := run(t, r, 1)[0]
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if c.Result != 4 || string(r.Bytes(0)[:4]) != "late" {
		t.Errorf("completion %+v, %q", c, r.Bytes(0)[:4])
	}
	if enters, _, _ := r.Syscalls(); enters-before < 2 {
		t.Errorf("%d calls: no signal met it, so that this test proves nothing", enters-before)
	}
}

func TestUringSubmitFor(t *testing.T) {
	r := newUring(t, 4, 0)
	if enough, err := r.SubmitFor(1, time.Millisecond); enough || err != nil {
		t.Errorf("nothing was under way: %v, %v", enough, err)
	}
	r.Nop(0)
	if enough, err := r.SubmitFor(1, time.Minute); !enough || err != nil {
		t.Errorf("%v, %v", enough, err)
	}
	if _, ok := r.Next(); !ok {
		t.Error("no completion")
	}
}

func TestUringAllocatesNothing(t *testing.T) {
	r := newUring(t, 8, 1, UringReadFixed)
	randomFile(t, r, 4096)
	if n := testing.AllocsPerRun(100, func() {
		r.ReadFixed(0, 0, 0, 0, 4096, 0)
		r.Link()
		r.Nop(1)
		if err := r.Submit(2); err != nil {
			t.Error(err)
		}
		for _, ok := r.Next(); ok; _, ok = r.Next() {
		}
	}); n != 0 {
		t.Errorf("%v allocations per run", n)
	}
}

// workersOf lists the kernel threads that work for a thread.
func workersOf(t *testing.T, thread int) (statuses []string) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		status, err := os.ReadFile("/proc/self/task/" + task.Name() + "/status")
		if err == nil && strings.HasPrefix(string(status), fmt.Sprintf("Name:\tiou-wrk-%d\n", thread)) {
			statuses = append(statuses, string(status))
		}
	}
	return statuses
}

func TestUringKeepsWorkers(t *testing.T) {
	// A worker stays where it was made to run when it began. So this needs a thread that has none of another test's; the
	// threads that do are held meanwhile.
	done := make(chan struct{})
	defer close(done)
	for range 100 {
		clean := make(chan bool)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread, which gets pinned, ends with the goroutine
			if len(workersOf(t, unix.Gettid())) > 0 {
				clean <- false
				<-done
				return
			}
			defer func() { clean <- true }()
			keepsWorkers(t)
		}()
		if <-clean {
			return
		}
	}
	t.Error("found no thread without workers")
}

func keepsWorkers(t *testing.T) {
	r := newUring(t, 4, 0, UringSplice)
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	cpu := 0
	for !before.IsSet(cpu) {
		cpu++
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	if err := r.KeepWorkers(); errors.Is(err, unix.EINVAL) {
		t.Skip("this kernel has no IORING_REGISTER_IOWQ_AFF (Linux 5.14)")
	} else if err != nil {
		t.Fatal(err)
	}
	// A splice runs in a worker. This one waits for bytes, so that the worker can be looked at.
	var from, to [2]int
	if err := errors.Join(unix.Pipe2(from[:], unix.O_CLOEXEC), unix.Pipe2(to[:], unix.O_CLOEXEC)); err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, fd := range []int{from[0], from[1], to[0], to[1]} {
			_ = unix.Close(fd)
		}
	}()
	if err := r.RegisterFiles(from[0]); err != nil {
		t.Fatal(err)
	}
	r.SpliceOut(0, to[1], 4, 0, 0)
	if err := r.Submit(0); err != nil {
		t.Fatal(err)
	}
	var workers []string
	for range 200 { // it may take a moment until it has its name
		if workers = workersOf(t, unix.Gettid()); len(workers) > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if len(workers) == 0 {
		t.Error("the splice has no worker")
	}
	for _, status := range workers {
		if want := fmt.Sprintf("\nCpus_allowed_list:\t%d\n", cpu); !strings.Contains(status, want) {
			t.Errorf("a worker may run elsewhere: no %q in\n%s", want, status)
		}
	}
	if _, err := unix.Write(from[1], []byte("four")); err != nil {
		t.Fatal(err)
	}
	if c := run(t, r, 1)[0]; c.Result != 4 {
		t.Errorf("completion %+v", c)
	}
}

func TestUringBadSetUp(t *testing.T) {
	for _, n := range []int{-1, 0, 1 << 20} {
		if r, err := NewUring(n, false); err == nil {
			t.Errorf("a ring for %d operations", n)
			_ = r.Close()
		}
	}
	r := newUring(t, 1, 1)
	if err := r.AllocateBuffers(1, 1); err == nil {
		t.Error("buffers were registered twice")
	}
	if err := r.RegisterFiles(-7); !errors.Is(err, unix.EBADF) {
		t.Errorf("register a descriptor that is not open: %v", err)
	}
	missing, err := r.supports([]UringOp{UringNop, 255, UringSend})
	if err != nil || !slices.Equal(missing, []UringOp{255}) {
		t.Errorf("missing %v, %v; want 255 alone", missing, err)
	}
}

func TestUringRefused(t *testing.T) {
	setUp := func(errno unix.Errno) error { return &UringError{Call: "io_uring_setup", Errno: errno} }
	for _, c := range []struct {
		err      error
		disabled string
		state    State
		words    []string
	}{
		{setUp(unix.ENOSYS), "", StateUnavailable, []string{"io_uring_setup", "no io_uring", "CONFIG_IO_URING", "seccomp"}},
		{setUp(unix.EPERM), "2", StateUnavailable, []string{"kernel.io_uring_disabled=2", "sysctl -w kernel.io_uring_disabled=0"}},
		{setUp(unix.EPERM), "1", StateUnavailable, []string{"run as root", "kernel.io_uring_group"}},
		{setUp(unix.EPERM), "0", StateUnavailable, []string{"seccomp", "io_uring_enter"}},
		{setUp(unix.EPERM), "", StateUnavailable, []string{"seccomp"}},
		{setUp(unix.EACCES), "0", StateUnavailable, []string{"security module"}},
		{setUp(unix.ENOMEM), "0", StateUnknown, []string{"ulimit -l"}},
		{setUp(unix.EMFILE), "0", StateUnknown, []string{"too many open files"}},
	} {
		got := uringRefused(c.err, c.disabled)
		if got.State != c.state {
			t.Errorf("%v with %q: %s", c.err, c.disabled, got.State)
		}
		for _, w := range c.words {
			if !strings.Contains(got.Reason, w) {
				t.Errorf("%v with %q: reason %q does not say %q", c.err, c.disabled, got.Reason, w)
			}
		}
	}
	if got := uringMissing([]UringOp{UringSendZC, UringSplice}); got.State != StateUnavailable ||
		!strings.Contains(got.Reason, "IORING_OP_SEND_ZC (Linux 6.0 and newer), IORING_OP_SPLICE (Linux 5.7 and newer)") {
		t.Errorf("%+v", got)
	}
}
