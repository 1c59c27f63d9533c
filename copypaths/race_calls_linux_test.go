//go:build amd64 || arm64

package copypaths

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"copylab/internal/kernel/syscalltrace"
	"copylab/internal/testenv"
)

// TestCLoopsMakeTheSameCalls holds BenchmarkAgainstC to what it says: that both sides of a race send the same bytes by the same
// system calls, with the same sizes and flags, in the same order.
func TestCLoopsMakeTheSameCalls(t *testing.T) {
	cloop := buildCLoop(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cpu, _, err := twoCPUs()
	if err != nil {
		t.Fatal(err)
	}
	for _, span := range []struct {
		name                      string
		chunk, chunks, fileChunks int64
	}{
		{"large chunks", 64 << 10, 100, 40}, // around the rings of buffers, and twice back to the beginning
		{"small chunks", 4 << 10, 100, 40},
	} {
		content, bytes := payload(int(span.fileChunks*span.chunk), 21), span.chunks*span.chunk
		file, err := writePayload(t.TempDir(), content)
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		for _, p := range Catalogue() {
			if !hasCLoop(p) {
				continue
			}
			t.Run(name(p)+"/"+span.name, func(t *testing.T) {
				available(t, p)
				made := map[string][]string{}
				for _, c := range contestants() {
					if c.name != "C plain" && c.name != "move" {
						continue
					}
					port, sum := digest(t)
					l := lap{p, file.Name(), int64(len(content)), int(span.chunk), bytes}
					program, env, args := l.command(exe, cloop, c, cpu, port)
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					trace, err := syscalltrace.Run(ctx, append(env, "GORACE=atexit_sleep_ms=0"), program, args...)
					testenv.Require(t, testenv.Ptrace, !errors.Is(err, syscalltrace.ErrNotPossible), "%v", err)
					if err != nil {
						t.Fatal(err)
					}
					if got, want := <-sum, checksumOf(content, 0, bytes); got != want {
						t.Errorf("%s sent other bytes than it should: their sum is %s, want %s", c.name, got, want)
					}
					made[c.name] = essence(trace)
				}
				inC, inGo := made["C plain"], made["move"]
				if !slices.Equal(inC, inGo) {
					at := 0
					for at < min(len(inC), len(inGo)) && inC[at] == inGo[at] {
						at++
					}
					t.Errorf("in C %d calls, in Go %d; from the %d. on: %q and %q", len(inC), len(inGo), at+1, inC[at:min(at+4, len(inC))], inGo[at:min(at+4, len(inGo))])
				}
			})
		}
	}
}

// digest takes one connection to a port of 127.0.0.1, and says what it brought: the xxh64 of it.
func digest(t *testing.T) (port int, sum <-chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan string, 1)
	go func() {
		defer listener.Close()
		conn, err := listener.Accept()
		if err != nil {
			result <- err.Error()
			return
		}
		defer conn.Close()
		d := xxhash.New()
		if _, err := io.Copy(d, conn); err != nil {
			result <- err.Error()
			return
		}
		result <- fmt.Sprintf("%016x", d.Sum64())
		_, _ = conn.Write([]byte("!")) // the sender says if it does not come
	}()
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().(*net.TCPAddr).Port, result
}

// essence is what a sender did between its marks, without descriptors and addresses, and without what depends on time: waits,
// looks for notifications, and calls that failed or did a part, and are made again.
func essence(trace syscalltrace.Trace) []string {
	var calls []string
	owed := map[string]int64{}
	for _, c := range trace.Calls {
		if c.Thread != trace.Thread || c.Return < 0 {
			continue
		}
		var words string
		var size uint64
		switch c.Name {
		case "read", "write":
			size = c.Args[2]
		case "sendfile":
			size, words = c.Args[3], fmt.Sprintf("offset %t", c.Args[2] != 0)
		case "sendto":
			size, words = c.Args[2], fmt.Sprintf("flags %#x", c.Args[3])
		case "sendmsg":
			words = fmt.Sprintf("flags %#x", c.Args[2])
		case "splice":
			size, words = c.Args[4], fmt.Sprintf("flags %#x, offsets %t %t", c.Args[5], c.Args[1] != 0, c.Args[3] != 0)
		case "lseek":
			words = fmt.Sprintf("to %d from %d", c.Args[1], c.Args[2])
		case "io_uring_enter":
			if c.Args[1] == 0 { // goes on waiting
				continue
			}
			words = fmt.Sprintf("%d, %d, flags %#x", c.Args[1], c.Args[2], c.Args[3])
		case "io_uring_register":
			words = fmt.Sprintf("%d, %d", c.Args[1], c.Args[3])
		case "recvmsg", "ppoll", "syscall 232", "epoll_pwait", "clock_gettime", // 232 is epoll_wait on amd64, which not every system has
			"futex", "nanosleep", "sched_yield", "rt_sigreturn", "tgkill", "getpid", "madvise", "munmap", "mmap": // the last are the Go runtime's
			continue
		}
		if size > 0 {
			if owed[c.Name] > 0 {
				owed[c.Name] -= c.Return
				continue
			}
			owed[c.Name] = int64(size) - c.Return
		}
		calls = append(calls, fmt.Sprintf("%s %d %s", c.Name, size, words))
	}
	return calls
}
