//go:build amd64 || arm64

package copypaths

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"copylab/copypaths/receivers"
	"copylab/internal/kernel"
	"copylab/internal/kernel/syscalltrace"
	"copylab/internal/testenv"
)

// The tests here prove by ptrace(2) that a path makes its system calls and no others.

// countPayload counts the calls of the marked thread without those that the Go runtime may make on any thread at any
// time. None of them moves payload.
func countPayload(trace syscalltrace.Trace) map[string]int64 {
	count := map[string]int64{}
	for _, c := range trace.Calls {
		switch c.Name {
		case "futex", "epoll_pwait", "nanosleep", "sched_yield", "rt_sigreturn", "tgkill", "getpid", "madvise", "munmap":
			continue
		case "mmap":
			if int32(c.Args[4]) == -1 { // memory, not a file; the race detector asks for some
				continue
			}
		}
		if c.Thread == trace.Thread {
			count[c.Name]++
		}
	}
	return count
}

// tracedAnswer is what a traced child says about itself.
type tracedAnswer struct {
	File, Socket int              // descriptors
	Direct       bool             // File has O_DIRECT
	Counted      map[string]int64 // the Mover's or Taker's own count of the span
	Operations   int64
	Taken        int64 // bytes that arrived
}

// tracePath runs in the child: it opens a path and streams between the marks.
func tracePath(task childTask) (answer tracedAnswer, err error) {
	runtime.LockOSThread()
	file, err := os.Open(task.File)
	if err != nil {
		return answer, err
	}
	p, found := Find(task.Source, task.ID)
	if !found {
		return answer, fmt.Errorf("there is no path %q", task.ID)
	}
	sender, receiver, err := connection(4 << 20) // large, so that few writes are cut short or have to wait
	if err != nil {
		return answer, err
	}
	result := take("recv", receiver, math.MaxInt64)
	s, err := openSending(p, file, task.FileSize, task.Chunk, sender, task.Dedicated)
	if err != nil {
		return answer, err
	}
	answer.File, answer.Socket = int(file.Fd()), sender
	if s.ends.Conn != nil {
		raw, err := s.ends.Conn.SyscallConn()
		if err != nil {
			return answer, err
		}
		if err := raw.Control(func(fd uintptr) { answer.Socket = int(fd) }); err != nil {
			return answer, err
		}
	}
	switch m := s.Mover.(type) { // these open the file once more
	case *directWriteMover:
		answer.File = m.direct.fd
	case *directSendfileMover:
		answer.File = m.direct.fd
	}
	flags, err := unix.FcntlInt(uintptr(answer.File), unix.F_GETFL, 0)
	if err != nil {
		return answer, err
	}
	answer.Direct = flags&unix.O_DIRECT != 0
	latency := newHistogram()
	before := s.Syscalls()
	syscalltrace.Begin()
	answer.Operations, err = Stream(s, task.Start, task.Bytes, task.FileSize, task.Chunk, latency)
	syscalltrace.End()
	answer.Counted = countSince(before, s.Syscalls())
	if err := errors.Join(err, s.close()); err != nil {
		return answer, err
	}
	got := <-result
	answer.Taken = got.bytes
	return answer, got.err
}

// traceReceiver runs in the child: everything has been sent when it takes the bytes between the marks.
func traceReceiver(task childTask) (answer tracedAnswer, err error) {
	runtime.LockOSThread()
	sender, receiver, err := connection(4 << 20)
	if err != nil {
		return answer, err
	}
	_, err = unix.Write(sender, make([]byte, task.Bytes))
	if err := errors.Join(err, unix.Close(sender)); err != nil {
		return answer, err
	}
	buffer, err := kernel.Buffer(task.Chunk)
	if err != nil {
		return answer, err
	}
	r, found := receivers.Find(task.ID)
	if !found {
		return answer, fmt.Errorf("there is no receiver %q", task.ID)
	}
	taker, err := r.Open(receivers.End{Socket: receiver, Buffer: buffer, Dedicated: task.Dedicated, Dir: task.File, FileBytes: task.FileSize})
	if err != nil {
		return answer, err
	}
	answer.Socket = receiver
	before := taker.Syscalls()
	syscalltrace.Begin()
	for answer.Taken < task.Bytes && err == nil {
		var n int64
		n, err = taker.Take(task.Bytes)
		answer.Taken += n
		answer.Operations++
	}
	syscalltrace.End()
	answer.Counted = countSince(before, taker.Syscalls())
	return answer, errors.Join(err, taker.Close(), unix.Close(receiver), kernel.Free(buffer))
}

// countSince is after - before without the zeroes, so that it compares with a trace.
func countSince(before, after map[string]int64) map[string]int64 {
	since := map[string]int64{}
	for name, n := range after {
		if n -= before[name]; n != 0 {
			since[name] = n
		}
	}
	return since
}

// traced runs a task in a traced child.
func traced(t *testing.T, task childTask) (syscalltrace.Trace, tracedAnswer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// Neither preemption's signals nor the garbage collector shall get between the calls.
	env := append(task.env(), "GODEBUG=asyncpreemptoff=1", "GOGC=off", "GORACE=atexit_sleep_ms=0")
	trace, err := syscalltrace.Run(ctx, env, exe)
	testenv.Require(t, testenv.Ptrace, !errors.Is(err, syscalltrace.ErrNotPossible), "%v", err)
	if err != nil {
		t.Fatal(err)
	}
	var answer tracedAnswer
	if err := json.Unmarshal(trace.Output, &answer); err != nil {
		t.Fatalf("%v in the child's answer %q", err, trace.Output)
	}
	return trace, answer
}

func TestPathMakesItsSyscallsAndNoOthers(t *testing.T) {
	for _, span := range []struct {
		name                                         string
		chunk, chunks, fileChunks, startChunk, seeks int64
	}{
		{"once through", 4 << 10, 64, 64, 0, 0},
		{"around the ring", 4 << 10, 200, 200, 0, 0}, // of read-zerocopy and send-zerocopy, which have 64 buffers
		{"wraps", 4 << 10, 64, 40, 3, 2},             // to the start, and back to the beginning
		{"large chunks", 64 << 10, 16, 16, 0, 0},     // larger than the buffer that io.Copy makes if it is not given one
	} {
		chunk, chunks, bytes := span.chunk, span.chunks, span.chunks*span.chunk
		file, err := writePayload(t.TempDir(), payload(int(span.fileChunks*chunk), 8))
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		type variant struct {
			Path
			dedicated bool
		}
		var variants []variant
		for _, p := range Catalogue() {
			if p.TLS {
				continue // see TestTLSPathMakesItsSyscallsAndNoOthers
			}
			variants = append(variants, variant{p, false})
			if p.Connection == Descriptor {
				variants = append(variants, variant{p, true})
			}
		}
		for _, p := range variants {
			t.Run(fmt.Sprintf("%s/dedicated=%v/%s", name(p.Path), p.dedicated, span.name), func(t *testing.T) {
				available(t, p.Path)
				trace, answer := traced(t, childTask{
					Do: "trace path", Source: p.Source, ID: p.ID, Dedicated: p.dedicated, Chunk: int(chunk), Bytes: bytes,
					File: file.Name(), FileSize: span.fileChunks * chunk, Start: span.startChunk * chunk,
				})
				if answer.Operations != chunks {
					t.Errorf("%d operations, want %d", answer.Operations, chunks)
				}
				if p.Connection != NoConnection && answer.Taken != bytes {
					t.Errorf("%d bytes arrived, want %d", answer.Taken, bytes)
				}
				got := countPayload(trace)
				want := map[string]int64{}
				for _, name := range p.Syscalls {
					want[name] += chunks
				}
				switch p.ID {
				case "read-write", "direct-write":
					want["lseek"] = span.seeks
				case "read-zerocopy", "mmap-zerocopy", "send-zerocopy":
					if p.Syscalls[0] == "read" {
						want["lseek"] = span.seeks
					}
					// How often notifications are looked for depends on when they come: at most once for each send, and
					// once more for each time that none was there, which is when they are waited for.
					want["recvmsg"], want["ppoll"] = got["recvmsg"], got["ppoll"]
					if got["recvmsg"] > got["sendto"]+got["ppoll"] || got["ppoll"] > got["recvmsg"] {
						t.Errorf("made %v: too many of recvmsg or ppoll", got)
					}
				case "uring-read-send", "uring-send", "uring-send-zc", "uring-splice":
					// One call for each chain, and what the first Move does; more only to go on waiting.
					want["io_uring_enter"], want["io_uring_register"], want["sched_getaffinity"] = chunks/uringDepth+1, 1, 1
					for _, c := range trace.Calls {
						if c.Thread == trace.Thread && c.Name == "io_uring_enter" && c.Args[1] == 0 {
							want[c.Name]++
						}
					}
				case "go-io-copy":
					want["sendfile"], want["lseek"] = chunks, span.seeks
				case "go-copy-buffer":
					want["read"], want["write"], want["lseek"] = chunks, chunks, span.seeks
				}
				// A call that was cut short, or that had to wait, is made once more: that is exact too.
				for _, c := range trace.Calls {
					asked := chunk
					switch c.Name {
					case "read", "write", "sendto":
						asked = int64(c.Args[2])
					case "sendfile":
						asked = int64(c.Args[3])
					case "splice":
						asked = int64(c.Args[4])
					case "sendmsg": // its lengths are in memory
					default:
						continue
					}
					if c.Thread == trace.Thread && c.Return < asked {
						want[c.Name]++
					}
				}
				want = countSince(nil, want)
				if !maps.Equal(got, want) {
					t.Errorf("made %v, want %v", got, want)
				}
				if p.Connection == Descriptor && !maps.Equal(answer.Counted, got) {
					t.Errorf("the path counted %v, the kernel %v", answer.Counted, got)
				}
				if p.Direct && !answer.Direct {
					t.Error("the path's own descriptor of the file has no O_DIRECT")
				}
				if p.Connection == GoConn && len(answer.Counted) != 0 {
					t.Errorf("the path counted %v; it can't know", answer.Counted)
				}
				checkEnds(t, p.Path, trace, answer, bytes)
			})
		}
	}
}

// checkEnds looks at the calls' arguments: the sending thread's moved bytes between the right descriptors, each kind of
// call the right number in all; and no other thread touched the file or the socket, except to wait for the socket.
func checkEnds(t *testing.T, p Path, trace syscalltrace.Trace, answer tracedAnswer, bytes int64) {
	t.Helper()
	moved, pipe := map[string]int64{}, -1
	for _, c := range trace.Calls {
		first, second := int(c.Args[0]), int(c.Args[1])
		if c.Thread != trace.Thread {
			if movesBytes(c.Name) && (first == answer.File || first == answer.Socket) {
				t.Errorf("thread %d made a %s%x, on the sender's descriptors", c.Thread, c.Name, c.Args)
			}
			continue
		}
		switch c.Name {
		case "read":
			if first != answer.File {
				t.Errorf("read from descriptor %d, want the file %d", first, answer.File)
			}
		case "write":
			if first != answer.Socket {
				t.Errorf("write to descriptor %d, want the socket %d", first, answer.Socket)
			}
		case "sendfile":
			if first != answer.Socket || second != answer.File {
				t.Errorf("sendfile from descriptor %d to %d, want from the file %d to the socket %d", second, first, answer.File, answer.Socket)
			}
		}
		name := c.Name
		switch name {
		case "sendto":
			flags := uint64(unix.MSG_ZEROCOPY)
			if p.ID == "send" {
				flags = 0
			}
			if first != answer.Socket || c.Args[3] != flags {
				t.Errorf("sendto descriptor %d with flags %#x, want the socket %d and %#x", first, c.Args[3], answer.Socket, flags)
			}
		case "sendmsg":
			if first != answer.Socket || c.Args[2] != 0 {
				t.Errorf("sendmsg to descriptor %d with flags %#x, want the socket %d and none", first, c.Args[2], answer.Socket)
			}
		case "recvmsg":
			if first != answer.Socket || c.Args[2] != unix.MSG_ERRQUEUE {
				t.Errorf("recvmsg from descriptor %d with flags %#x, want from the error queue of the socket %d", first, c.Args[2], answer.Socket)
			}
		case "splice":
			switch third := int(c.Args[2]); {
			case first == answer.File && third != answer.Socket && c.Args[1] != 0:
				name, pipe = "splice to the pipe", third
			case third == answer.Socket && first != answer.File && c.Args[1] == 0 && pipe >= 0:
				name = "splice to the socket"
			default:
				t.Errorf("splice from descriptor %d to %d, want from the file %d to a pipe, or on to the socket %d", first, third, answer.File, answer.Socket)
			}
		}
		if c.Return > 0 {
			moved[name] += c.Return
		}
	}
	for _, name := range []string{"read", "write", "sendfile", "sendto", "sendmsg", "splice to the pipe", "splice to the socket"} {
		if n, made := moved[name]; made && n != bytes {
			t.Errorf("%s moved %d bytes in all, want %d", name, n, bytes)
		}
	}
}

// movesBytes tells whether a system call moves bytes from or to its first descriptor.
func movesBytes(name string) bool {
	return slices.Contains([]string{"read", "write", "pread64", "pwrite64", "readv", "writev", "preadv", "pwritev", "preadv2", "pwritev2",
		"sendfile", "splice", "tee", "vmsplice", "copy_file_range", "sendto", "sendmsg", "sendmmsg"}, name)
}

func TestReceiverMakesItsSyscallsAndNoOthers(t *testing.T) {
	const buffer, bytes = 1 << 10, 50 << 10
	for _, r := range receivers.Catalogue() {
		for _, dedicated := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/dedicated=%v", r.ID, dedicated), func(t *testing.T) {
				trace, answer := traced(t, childTask{Do: "trace receiver", ID: r.ID, Dedicated: dedicated, Chunk: buffer, Bytes: bytes, File: t.TempDir(), FileSize: 20 << 10})
				if answer.Operations < bytes/buffer || answer.Taken != bytes {
					t.Errorf("took %d bytes in %d operations, want %d in at least %d", answer.Taken, answer.Operations, bytes, bytes/buffer)
				}
				n := answer.Operations
				want := map[string]int64{"recvfrom": n}
				moves := []string{"recvfrom"} // each of these moves all bytes
				switch r.ID {
				case "file":
					want["write"], want["lseek"] = n, 2 // the file of 20 KiB is begun anew at 20 and at 40
					moves = append(moves, "write")
				case "splice-null", "file-splice":
					want = map[string]int64{"splice": 2 * n}
					moves = []string{"splice from the socket", "splice from the pipe"}
				case "zerocopy-receive":
					want["getsockopt"] = n // of less than a page, so that all is copied
				}
				if got := countPayload(trace); !maps.Equal(got, want) || !maps.Equal(answer.Counted, want) {
					t.Errorf("the kernel counted %v, the receiver %v; want %v", got, answer.Counted, want)
				}
				checkReceiver(t, r.ID, trace, answer, buffer, bytes, moves)
			})
		}
	}
}

// checkReceiver looks at the arguments of a receiver's calls: the right descriptors, sizes and flags, and each kind of call
// that moves bytes moved all of them.
func checkReceiver(t *testing.T, id string, trace syscalltrace.Trace, answer tracedAnswer, buffer uint64, bytes int64, moves []string) {
	t.Helper()
	flags := uint64(0)
	if id == "discard" {
		flags = unix.MSG_TRUNC
	}
	moved := map[string]int64{}
	var in, out *uint64 // the pipe's ends
	for _, c := range trace.Calls {
		if c.Thread != trace.Thread {
			continue
		}
		name, first := c.Name, int(c.Args[0])
		switch name {
		case "recvfrom":
			// After a getsockopt that mapped nothing, no more is asked for than it said.
			if first != answer.Socket || c.Args[2] > buffer || c.Args[2] != buffer && id != "zerocopy-receive" || c.Args[3] != flags {
				t.Errorf("recvfrom%x, want from descriptor %d, %d bytes, with flags %#x", c.Args, answer.Socket, buffer, flags)
			}
		case "getsockopt":
			if first != answer.Socket || c.Args[1] != unix.IPPROTO_TCP || c.Args[2] != unix.TCP_ZEROCOPY_RECEIVE {
				t.Errorf("getsockopt%x, want TCP_ZEROCOPY_RECEIVE of descriptor %d", c.Args, answer.Socket)
			}
		case "splice":
			switch {
			case first == answer.Socket && c.Args[4] == buffer && (in == nil || *in == c.Args[2]):
				name, in = "splice from the socket", &c.Args[2]
			case first != answer.Socket && (out == nil || *out == c.Args[0]) && (c.Args[3] != 0) == (id == "file-splice"):
				name, out = "splice from the pipe", &c.Args[0]
			default:
				t.Errorf("splice%x, want from descriptor %d to a pipe, %d bytes, or on from that", c.Args, answer.Socket, buffer)
			}
		}
		if c.Return > 0 {
			moved[name] += c.Return
		}
	}
	for _, name := range moves {
		if moved[name] != bytes {
			t.Errorf("%s moved %d bytes in all, want %d", name, moved[name], bytes)
		}
	}
}
