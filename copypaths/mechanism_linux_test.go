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
	p, found := Find(task.ID)
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
	taker, err := r.Open(receivers.End{Socket: receiver, Buffer: buffer})
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
		{"wraps", 4 << 10, 64, 40, 3, 2},         // to the start, and back to the beginning
		{"large chunks", 64 << 10, 16, 16, 0, 0}, // larger than the buffer that io.Copy makes if it is not given one
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
			variants = append(variants, variant{p, false})
			if p.Connection == Descriptor {
				variants = append(variants, variant{p, true})
			}
		}
		for _, p := range variants {
			t.Run(fmt.Sprintf("%s/dedicated=%v/%s", p.ID, p.dedicated, span.name), func(t *testing.T) {
				available(t, p.Path)
				trace, answer := traced(t, childTask{
					Do: "trace path", ID: p.ID, Dedicated: p.dedicated, Chunk: int(chunk), Bytes: bytes,
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
					want[name] = chunks
				}
				switch p.ID {
				case "read-write":
					want["lseek"] = span.seeks
				case "go-io-copy":
					want["sendfile"], want["lseek"] = chunks, span.seeks
				case "go-copy-buffer":
					want["read"], want["write"], want["lseek"] = chunks, chunks, span.seeks
				}
				// A call that was cut short, or that had to wait, is made once more: that is exact too.
				for _, c := range trace.Calls {
					if c.Thread == trace.Thread && slices.Contains([]string{"read", "write", "sendfile"}, c.Name) && c.Return < chunk {
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
				if p.Connection == GoConn && len(answer.Counted) != 0 {
					t.Errorf("the path counted %v; it can't know", answer.Counted)
				}
				checkEnds(t, trace, answer, bytes)
			})
		}
	}
}

// checkEnds looks at the calls' arguments: the sending thread's moved bytes between the right descriptors, each kind of
// call the right number in all; and no other thread touched the file or the socket, except to wait for the socket.
func checkEnds(t *testing.T, trace syscalltrace.Trace, answer tracedAnswer, bytes int64) {
	t.Helper()
	moved := map[string]int64{}
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
		if c.Return > 0 {
			moved[c.Name] += c.Return
		}
	}
	for _, name := range []string{"read", "write", "sendfile"} {
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
		t.Run(r.ID, func(t *testing.T) {
			trace, answer := traced(t, childTask{Do: "trace receiver", ID: r.ID, Chunk: buffer, Bytes: bytes})
			got := countPayload(trace)
			if want := map[string]int64{"recvfrom": answer.Operations}; !maps.Equal(got, want) || !maps.Equal(answer.Counted, want) {
				t.Errorf("the kernel counted %v, the receiver %v; want %v", got, answer.Counted, want)
			}
			if answer.Operations < bytes/buffer || answer.Taken != bytes {
				t.Errorf("took %d bytes in %d operations, want %d in at least %d", answer.Taken, answer.Operations, bytes, bytes/buffer)
			}
			flags := uint64(0)
			if r.ID == "discard" {
				flags = unix.MSG_TRUNC
			}
			var moved int64
			for _, c := range trace.Calls {
				if c.Name != "recvfrom" {
					continue
				}
				moved += c.Return
				if int(c.Args[0]) != answer.Socket || c.Args[2] != buffer || c.Args[3] != flags {
					t.Errorf("recvfrom%x, want from descriptor %d, %d bytes, with flags %#x", c.Args, answer.Socket, buffer, flags)
				}
			}
			if moved != bytes {
				t.Errorf("recvfrom returned %d bytes in all, want %d", moved, bytes)
			}
		})
	}
}
