package copypaths

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
	"copylab/internal/testenv"
)

// uringPaths are the paths that use io_uring, with what they do for each chunk.
func uringPaths(t *testing.T) map[string][]kernel.UringOp {
	t.Helper()
	status := kernel.ProbeUring()
	testenv.Require(t, testenv.Uring, status.State == kernel.StateAvailable, "%s", status.Reason)
	return map[string][]kernel.UringOp{
		"uring-read-send":      {kernel.UringReadFixed, kernel.UringSend},
		"uring-send-zc":        {kernel.UringReadFixed, kernel.UringSendZC},
		"uring-splice":         {kernel.UringSplice, kernel.UringSplice},
		"memory/uring-send":    {kernel.UringSend},
		"memory/uring-send-zc": {kernel.UringSendZC},
	}
}

func chainOf(t *testing.T, m Mover) *uringChain {
	t.Helper()
	switch m := m.(type) {
	case *uringReadSendMover:
		return m.uringChain
	case *uringSendZCMover:
		return m.uringChain
	case *uringSendMover:
		return m.uringChain
	case *uringMemorySendZCMover:
		return m.uringChain
	case *uringSpliceMover:
		return m.uringChain
	}
	t.Fatalf("%T has no chain", m)
	return nil
}

// TestUringOperations lets the kernel itself count the operations: by its tracepoint io_uring_submit_req, on this thread.
func TestUringOperations(t *testing.T) {
	const chunk, chunks = 64 << 10, 20
	for id, ops := range uringPaths(t) {
		t.Run(id, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			const most = 64 // there are no more operations, with some to spare for new kernels
			counters := make([]int, most)
			for op := range counters {
				fd, err := countSubmissions(op)
				testenv.Require(t, testenv.Perf, err == nil, "%v", err)
				defer unix.Close(fd)
				counters[op] = fd
			}
			p := named(t, id)
			s, to := setUp(t, p, payload(chunk*chunks, 20), chunk, 0)
			result := take("recv", to, math.MaxInt64)
			defer func() {
				if err := s.close(); err != nil {
					t.Error(err)
				}
				if got := <-result; got.err != nil || got.bytes != chunk*chunks {
					t.Errorf("receiver got %d bytes, error %v", got.bytes, got.err)
				}
			}()
			want := map[kernel.UringOp]int64{kernel.UringNop: 1} // see Uring.KeepWorkers
			for _, op := range ops {
				want[op] += chunks
			}
			for _, fd := range counters {
				if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Stream(s, 0, chunk*chunks, chunk*chunks, chunk, newHistogram()); err != nil {
				t.Error(err)
			}
			got := map[kernel.UringOp]int64{}
			for op, fd := range counters {
				var n [8]byte
				if _, err := unix.Read(fd, n[:]); err != nil {
					t.Fatal(err)
				}
				if count := *(*int64)(unsafe.Pointer(&n)); count != 0 {
					got[kernel.UringOp(op)] = count
				}
			}
			if !maps.Equal(got, want) {
				t.Errorf("the kernel counted %v, want %v", got, want)
			}
			ring := chainOf(t, s.Mover).ring
			for op, n := range want {
				if ring.Operations(op) != n {
					t.Errorf("the ring counted %d of %s, want %d", ring.Operations(op), op, n)
				}
			}
		})
	}
}

// countSubmissions opens a counter of this thread's submissions of one operation. It is off.
func countSubmissions(op int) (int, error) {
	text, err := os.ReadFile("/sys/kernel/tracing/events/io_uring/io_uring_submit_req/id")
	if errors.Is(err, fs.ErrNotExist) { // its older name (seen on 6.1)
		text, err = os.ReadFile("/sys/kernel/tracing/events/io_uring/io_uring_submit_sqe/id")
	}
	if err != nil {
		return -1, err
	}
	id, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return -1, err
	}
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: id, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Bits: unix.PerfBitDisabled}
	fd, err := unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("perf_event_open: %w", err)
	}
	filter, err := unix.BytePtrFromString(fmt.Sprintf("opcode==%d", op))
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.PERF_EVENT_IOC_SET_FILTER, uintptr(unsafe.Pointer(filter))); errno != 0 {
		return -1, errors.Join(fmt.Errorf("ioctl PERF_EVENT_IOC_SET_FILTER: %w", errno), unix.Close(fd))
	}
	return fd, nil
}

// TestUringGoesOnAfterShortOperations breaks the chains again and again: the "file" is a pipe that has few bytes at a
// time, which io_uring reads at any offset, so that most reads are short.
func TestUringGoesOnAfterShortOperations(t *testing.T) {
	const chunk, chunks = 10_000, 40
	content := payload(chunk*chunks, 21)
	for id, ops := range uringPaths(t) {
		if id == "uring-splice" || strings.HasPrefix(id, "memory/") {
			continue // refuses a pipe's offset: see the next test; and memory is always whole
		}
		t.Run(id, func(t *testing.T) {
			in, out, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			written := make(chan error, 1)
			go func() {
				var err error
				for rest := content; len(rest) > 0 && err == nil; {
					n := min(len(rest), 3_001)
					_, err = out.Write(rest[:n])
					rest = rest[n:]
					if len(rest)%7 == 0 {
						time.Sleep(100 * time.Microsecond)
					}
				}
				written <- errors.Join(err, out.Close())
			}()
			p := named(t, id)
			sender, to, err := connection(0)
			if err != nil {
				t.Fatal(err)
			}
			s, err := openSending(p, in, chunk*chunks, chunk, sender, false)
			if err != nil {
				t.Fatal(err)
			}
			result := take("checksum", to, math.MaxInt64)
			if err := streamSoon(t, s, chunk*chunks); err != nil {
				t.Error(err)
			}
			if n := chainOf(t, s.Mover).ring.Operations(ops[0]); n <= chunks*3/2 {
				t.Errorf("%d of %s for %d chunks: too few were short for this test to prove something", n, ops[0], chunks)
			}
			// The writer, should it still be there, ends when nobody has the pipe.
			if err := errors.Join(s.close(), in.Close(), <-written); err != nil {
				t.Error(err)
			}
			if got, want := <-result, checksumOf(content, 0, chunk*chunks); got.err != nil || got.sum != want {
				t.Errorf("receiver got %d bytes of checksum %s, error %v; want %d of %s", got.bytes, got.sum, got.err, len(content), want)
			}
		})
	}
}

// TestUringGoesOnAfterShortSplices fills the pipe before a chunk is in it: each begins within a page, so that it takes one
// page more than the pipe has room for.
func TestUringGoesOnAfterShortSplices(t *testing.T) {
	uringPaths(t)
	p, _ := Find(FromFile, "uring-splice")
	for _, c := range []struct {
		chunk int
		pipe  int // bytes; 0: as it is
	}{{64 << 10, 0}, {256 << 10, 64 << 10}, {30_000, 4 << 10}, {256 << 10, 4 << 10}} {
		t.Run(fmt.Sprintf("chunk=%d/pipe=%d", c.chunk, c.pipe), func(t *testing.T) {
			const size, start = 1 << 20, 100
			content := payload(size, 27)
			s, to := setUp(t, p, content, c.chunk, 0)
			m := s.Mover.(*uringSpliceMover)
			if c.pipe != 0 {
				n, err := unix.FcntlInt(uintptr(m.pipe.In), unix.F_SETPIPE_SZ, c.pipe)
				if err != nil {
					t.Fatal(err)
				}
				m.pipe.Bytes = n
			}
			result := take("checksum", to, math.MaxInt64)
			if err := streamFrom(t, s, start, 3*size); err != nil {
				t.Error(err)
			}
			pieces := int64(3 * size / min(c.chunk, m.pipe.Bytes))
			if n := m.ring.Operations(kernel.UringSplice); n <= 2*pieces {
				t.Errorf("%d splices for %d pieces: none was short, so that this test proves nothing", n, pieces)
			}
			if got, want := m.Settings()["pipe_bytes"], strconv.Itoa(m.pipe.Bytes); got != want {
				t.Errorf("pipe_bytes is %s, want %s", got, want)
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got, want := <-result, checksumOf(content, start, 3*size); got.err != nil || got.sum != want {
				t.Errorf("receiver got %d bytes of checksum %s, error %v; want %d of %s", got.bytes, got.sum, got.err, 3*size, want)
			}
		})
	}
}

// streamFrom is streamSoon from an offset.
func streamFrom(t *testing.T, s *sending, start, bytes int64) error {
	t.Helper()
	hangs := time.AfterFunc(time.Minute, func() { panic("Stream hangs in " + t.Name()) })
	defer hangs.Stop()
	_, err := Stream(s, start, bytes, s.ends.FileSize, s.ends.Chunk, newHistogram())
	return err
}

// TestUringGoesOnAfterShortSends has the kernel send what fits and no more: without MSG_WAITALL, which needs chains of one
// chunk, since a short send does not break a link then.
func TestUringGoesOnAfterShortSends(t *testing.T) {
	const chunk, chunks = 1 << 20, 8
	content := payload(chunk*chunks, 22)
	for id, ops := range uringPaths(t) {
		if id == "uring-splice" {
			continue // has no such flag, and its splices are short above
		}
		t.Run(id, func(t *testing.T) {
			p := named(t, id)
			available(t, p)
			file, err := writePayload(t.TempDir(), content)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			sender, to, err := connection(64 << 10)
			if err != nil {
				t.Fatal(err)
			}
			s, err := openSending(p, file, chunk*chunks, chunk, sender, false)
			if err != nil {
				t.Fatal(err)
			}
			chain := chainOf(t, s.Mover)
			chain.sendFlags, chain.depth = 0, 1
			result := take("checksum", to, math.MaxInt64)
			if err := streamSoon(t, s, chunk*chunks); err != nil {
				t.Error(err)
			}
			sends := chain.ring.Operations(ops[len(ops)-1])
			if sends <= chunks {
				t.Errorf("%d sends for %d chunks: none was short, so that this test proves nothing", sends, chunks)
			}
			got, want := taken{}, checksumOf(content, 0, chunk*chunks)
			if c, ok := s.Mover.(Completer); ok {
				if done := c.Completions(); done.ZeroCopy+done.Copied != sends {
					t.Errorf("%+v of %d sends", done, sends)
				}
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got = <-result; got.err != nil || got.sum != want {
				t.Errorf("receiver got %d bytes of checksum %s, error %v; want %d of %s", got.bytes, got.sum, got.err, len(content), want)
			}
		})
	}
}

// TestUringSendZCTellsOfCopies: on loopback the kernel copies what every send refers to, and says so of each.
func TestUringSendZCTellsOfCopies(t *testing.T) {
	uringPaths(t)
	const chunk, chunks = 16 << 10, 300
	for _, id := range []string{"uring-send-zc", "memory/uring-send-zc"} {
		t.Run(id, func(t *testing.T) {
			s, to := setUp(t, named(t, id), payload(chunk*chunks, 23), chunk, 0)
			result := take("recv", to, math.MaxInt64)
			if err := streamSoon(t, s, chunk*chunks); err != nil {
				t.Error(err)
			}
			if got := s.Mover.(Completer).Completions(); got != (Completions{Copied: chunks}) {
				t.Errorf("%+v of %d sends, want all of them copied", got, chunks)
			}
			if chain := chainOf(t, s.Mover); len(chain.free) != len(chain.holders) {
				t.Errorf("%d buffers of %d are free after the last notification", len(chain.free), len(chain.holders))
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got := <-result; got.err != nil || got.bytes != chunk*chunks {
				t.Errorf("receiver got %d bytes, error %v", got.bytes, got.err)
			}
		})
	}
}

func TestUringSettings(t *testing.T) {
	for id := range uringPaths(t) {
		for _, chunk := range []int{1, 64 << 10, 3 << 20} {
			p := named(t, id)
			s, to := setUp(t, p, payload(3<<20, 24), chunk, 0)
			result := take("recv", to, math.MaxInt64)
			if err := errors.Join(s.Move(0, chunk), s.Flush()); err != nil {
				t.Error(err)
			}
			got := s.Mover.(Describer).Settings()
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got := <-result; got.err != nil || got.bytes != int64(chunk) {
				t.Errorf("receiver got %d bytes, error %v", got.bytes, got.err)
			}
			names := []string{"ring_depth", "ring_setup_flags", "ring_workers"}
			switch id {
			case "uring-send-zc", "memory/uring-send-zc":
				names = append(names, "ring_buffers")
			case "uring-splice":
				names = append(names, "pipe_bytes")
			}
			for _, name := range names {
				if got[name] == "" {
					t.Errorf("%s, chunks of %d: no %s in %v", id, chunk, name, got)
				}
			}
			if len(got) != len(names) {
				t.Errorf("%s, chunks of %d: %v, want %v", id, chunk, got, names)
			}
			if depth, err := strconv.Atoi(got["ring_depth"]); err != nil || depth < 1 || depth > uringDepth {
				t.Errorf("%s, chunks of %d: depth %q", id, chunk, got["ring_depth"])
			}
		}
	}
}

// TestUringStaysFailed: what follows a failure is an error too, since bytes are missing then.
func TestUringStaysFailed(t *testing.T) {
	for id := range uringPaths(t) {
		t.Run(id, func(t *testing.T) {
			p := named(t, id)
			s, to := setUp(t, p, payload(100, 25), 100, 0)
			if err := errors.Join(unix.Shutdown(s.ends.Socket, unix.SHUT_WR), s.Move(0, 100)); err != nil {
				t.Fatal(err)
			}
			first := s.Flush()
			if !errors.Is(first, unix.EPIPE) {
				t.Errorf("flush: %v, want EPIPE", first)
			}
			for what, err := range map[string]error{"move": s.Move(0, 100), "flush": s.Flush()} {
				if !errors.Is(err, unix.EPIPE) || !strings.Contains(err.Error(), "failed before") {
					t.Errorf("%s after that: %v", what, err)
				}
			}
			if err := errors.Join(s.close(), unix.Close(to)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestUringProbeUnderFilter: where a seccomp filter, such as a container's, forbids io_uring, the probes say so; and where it is
// the sysctl that does, they name that. The sysctl itself is the whole machine's: here a filter does what it would do, and a
// file in a mount namespace says what it would say.
func TestUringProbeUnderFilter(t *testing.T) {
	uringPaths(t) // where io_uring is already off, the filter changes nothing
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		errno  unix.Errno
		sysctl string // "": as it is
		words  string
	}{
		{"EPERM", unix.EPERM, "", "io_uring_setup: operation not permitted: a seccomp filter or a security module forbids it"},
		{"ENOSYS", unix.ENOSYS, "", "io_uring_setup: function not implemented: this kernel has no io_uring, or a seccomp filter hides it"},
		{"sysctl 1", unix.EPERM, "1\n", "io_uring is disabled for ordinary users by kernel.io_uring_disabled=1"},
		{"sysctl 2", unix.EPERM, "2\n", "io_uring is disabled for everybody by kernel.io_uring_disabled=2; as root: sysctl -w kernel.io_uring_disabled=0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			task := childTask{Do: "probe uring", Bytes: int64(c.errno)}
			if c.sysctl != "" {
				task.File = filepath.Join(t.TempDir(), "io_uring_disabled")
				if err := os.WriteFile(task.File, []byte(c.sysctl), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(exe)
			cmd.Env = task.env()
			cmd.Stderr = os.Stderr
			text, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var got probedAnswer
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatalf("%v in %q", err, text)
			}
			testenv.Require(t, testenv.Mount, got.NoMount == "", "%s", got.NoMount)
			if len(got.Status) != len(uringPaths(t)) {
				t.Errorf("%d answers, want %d: %v", len(got.Status), len(uringPaths(t)), got.Status)
			}
			for id, status := range got.Status {
				if status.State != kernel.StateUnavailable || !strings.Contains(status.Reason, c.words) {
					t.Errorf("probe of %s is %+v, want unavailable with %q", id, status, c.words)
				}
			}
		})
	}
}

// probedAnswer is what a child says of the io_uring paths.
type probedAnswer struct {
	NoMount string // why it could not mount
	Status  map[string]Status
}

// mountOver puts a file in the place of another, for this thread alone, which it ties to its goroutine.
func mountOver(file, place string) error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount /: %w", err)
	}
	if err := unix.Mount(file, place, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", place, err)
	}
	return nil
}

// probeUnderFilter runs in the child: io_uring_setup(2) fails with errno in every thread of it.
func probeUnderFilter(errno uint32, sysctl string) (answer probedAnswer, err error) {
	if sysctl != "" {
		if err := mountOver(sysctl, "/proc/sys/kernel/io_uring_disabled"); err != nil {
			return probedAnswer{NoMount: err.Error()}, nil
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return answer, fmt.Errorf("prctl: %w", err)
	}
	const loadNumber = 0 // the offset of seccomp_data.nr
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: loadNumber},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: unix.SYS_IO_URING_SETUP},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | errno},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter))); errno != 0 {
		return answer, fmt.Errorf("seccomp: %w", errno)
	}
	answer.Status = map[string]Status{}
	for _, p := range Catalogue() {
		if strings.HasPrefix(p.ID, "uring-") {
			answer.Status[name(p)] = p.Probe()
		}
	}
	return answer, nil
}

// TestUringSaysWhatItNeeds: errors of the set-up name what failed and what to do.
func TestUringSaysWhatItNeeds(t *testing.T) {
	uringPaths(t)
	file, err := writePayload(t.TempDir(), payload(1000, 26))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	memory, err := NewFields(file, 1000, 1<<30+1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := memory.Free(); err != nil {
			t.Error(err)
		}
	}()
	for _, id := range []string{"uring-read-send", "uring-send-zc", "memory/uring-send", "memory/uring-send-zc"} {
		p := named(t, id)
		if _, err := p.Open(Ends{File: file, FileSize: 1000, Memory: memory, Chunk: 1<<30 + 1}); err == nil || !strings.Contains(err.Error(), "use a smaller chunk") {
			t.Errorf("%s: a chunk over 1 GiB: %v", id, err)
		}
	}
	m, err := openUringReadSend(Ends{File: file, FileSize: 1000, Chunk: 1000, Socket: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Move(900, 100), m.Move(990, 10)); err != nil {
		t.Fatal(err)
	}
	if err := flush(m); !errors.Is(err, unix.EBADF) || errors.Is(err, io.EOF) || !strings.HasPrefix(err.Error(), "chunk at offset 900: IORING_OP_SEND to socket: bad file descriptor") {
		t.Errorf("a socket that is none: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
