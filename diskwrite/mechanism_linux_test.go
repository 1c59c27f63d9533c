//go:build amd64 || arm64

package diskwrite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
	"copylab/internal/kernel/syscalltrace"
	"copylab/internal/testenv"
)

// The tests here prove by ptrace(2) that a method makes its system calls and no others.

// tracedTask is what a traced child does, and tracedAnswer what it says about itself.
type tracedTask struct {
	Method, File, Answer string
	Dedicated            bool
	Job                  Job
	PayloadBlocks        int
}

type tracedAnswer struct {
	Counted map[string]int64 // the File's own count
	Result  Result
	Mapped  int // bytes
	FD      int
}

const tracedEnv = "COPYLAB_DISKWRITE_TRACED"

const tracedSeed = 5

// TestTracedChild is the child: it runs the job between the marks.
func TestTracedChild(t *testing.T) {
	text := os.Getenv(tracedEnv)
	if text == "" {
		t.Skip("TestMethodMakesItsSyscallsAndNoOthers starts it")
	}
	var task tracedTask
	if err := json.Unmarshal([]byte(text), &task); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	j := task.Job
	j.Payload = payload(t, tracedSeed, task.PayloadBlocks)
	f := open(t, method(t, task.Method), task.File)
	if d, ok := f.(Dedicator); ok && task.Dedicated {
		d.Dedicate()
	}
	if err := ready(f, j); err != nil {
		t.Fatal(err)
	}
	op, sync := histogram(), histogram()
	syscalltrace.Begin()
	r, err := Run(f, j, op, sync)
	syscalltrace.End()
	if err != nil {
		t.Fatal(err)
	}
	answer := tracedAnswer{Counted: f.Syscalls(), Result: r}
	switch f := f.(type) {
	case *descriptor:
		answer.FD = f.fd
	case *mappedFile:
		answer.FD, answer.Mapped = f.fd, len(f.memory)
	case *vectoredFile:
		answer.FD = f.fd
	case *dontcacheFile:
		answer.FD = f.fd
	case *uringFile:
		answer.FD = f.fd
		if w, s := f.ring.Operations(kernel.UringWriteFixed), f.ring.Operations(kernel.UringFsync); w != r.Operations || s != r.Syncs {
			t.Errorf("%d writes and %d syncs went into the ring, want %d and %d", w, s, r.Operations, r.Syncs)
		}
	}
	out, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(task.Answer, out, 0o600); err != nil {
		t.Fatal(err)
	}
}

// traced runs the task in a traced child.
func traced(t *testing.T, task tracedTask) (syscalltrace.Trace, tracedAnswer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// Neither preemption's signals nor the garbage collector shall get between the calls.
	env := append(os.Environ(), tracedEnv+"="+string(text), "GODEBUG=asyncpreemptoff=1", "GOGC=off", "GORACE=atexit_sleep_ms=0")
	trace, err := syscalltrace.Run(ctx, env, exe, "-test.run=^TestTracedChild$")
	testenv.Require(t, testenv.Ptrace, !errors.Is(err, syscalltrace.ErrNotPossible), "%v", err)
	if err != nil {
		t.Fatal(err)
	}
	var answer tracedAnswer
	if out, err := os.ReadFile(task.Answer); err != nil {
		t.Fatalf("%v; the child said %s", err, trace.Output)
	} else if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	return trace, answer
}

// written counts the calls of the marked thread without those that the Go runtime may make on any thread at any time.
func written(trace syscalltrace.Trace) map[string]int64 {
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

func TestMethodMakesItsSyscallsAndNoOthers(t *testing.T) {
	const writes, every = 100, 40
	for _, m := range Methods() {
		for _, p := range Patterns() {
			if p.ID == Random || m.Fits(Job{Pattern: p.ID}).State != kernel.StateAvailable {
				continue
			}
			for _, dedicated := range []bool{false, true} {
				for _, depth := range []int{1, 16} {
					j := Job{Pattern: p.ID, Policy: Policy{ID: SyncEvery, Every: every}, SyncCall: Fdatasync, BlockBytes: testBlock,
						FileBytes: writes * testBlock, Operations: writes, Depth: depth}
					if m.Fits(j).State != kernel.StateAvailable || p.ID != Append && p.ID != Overwrite {
						continue
					}
					t.Run(fmt.Sprintf("%s/%s/dedicated=%v/%d", m.ID, p.ID, dedicated, depth), func(t *testing.T) {
						provesItself(t, m, dedicated, j)
					})
				}
			}
		}
	}
}

func provesItself(t *testing.T, m Method, dedicated bool, j Job) {
	dir := t.TempDir()
	require(t, m, dir)
	name := filepath.Join(dir, "file")
	const blocks = 7
	data := payload(t, tracedSeed, blocks)
	if err := Prepare(context.Background(), name, j.Pattern, j.FileBytes, data); err != nil {
		t.Fatal(err)
	}
	trace, answer := traced(t, tracedTask{Method: m.ID, File: name, Answer: filepath.Join(dir, "answer"), Dedicated: dedicated, Job: j, PayloadBlocks: blocks})
	syncs := (j.Operations + j.Policy.Every - 1) / j.Policy.Every
	want := map[string]map[string]int64{
		"null":      {},
		"mmap":      {"msync": syncs},
		"dontcache": {"pwritev2": j.Operations, "fdatasync": syncs},
		"vectored":  {"pwritev": j.Operations, "fdatasync": syncs},
	}[m.ID]
	if want == nil {
		want = map[string]int64{"pwrite64": j.Operations, "fdatasync": syncs}
	}
	got := written(trace)
	if m.ID == "uring" || m.ID == "uring-direct" {
		// One for each write and sync. How often none is done when a write is waited for is the disk's affair.
		enters, submitted := got["io_uring_enter"], uint64(0)
		least, most := j.Operations+syncs, j.Operations+syncs
		if j.Depth > 1 {
			most += j.Operations
		}
		if enters < least || enters > most {
			t.Errorf("%d calls of io_uring_enter, want %d to %d", enters, least, most)
		}
		for _, c := range trace.Calls {
			if c.Name == "io_uring_enter" {
				submitted += c.Args[1]
			}
		}
		if submitted != uint64(j.Operations+syncs) {
			t.Errorf("%d operations were submitted, want %d writes and %d syncs", submitted, j.Operations, syncs)
		}
		want = map[string]int64{"io_uring_enter": enters}
	}
	if !maps.Equal(got, want) || !maps.Equal(answer.Counted, want) {
		t.Errorf("calls %v, counted %v by the file itself, want %v", got, answer.Counted, want)
	}
	if answer.Result.Operations != j.Operations || m.ID != "null" && answer.Result.Syncs != syncs {
		t.Errorf("got %+v, want %d writes and %d syncs", answer.Result, j.Operations, syncs)
	}
	for _, c := range trace.Calls {
		if c.Thread != trace.Thread {
			continue
		}
		wrong := false
		switch c.Name {
		case "pwrite64":
			wrong = c.Args[0] != uint64(answer.FD) || c.Args[2] != testBlock
		case "pwritev":
			wrong = c.Args[0] != uint64(answer.FD) || c.Args[2] != vectorRecords || c.Return != testBlock
		case "pwritev2":
			wrong = c.Args[0] != uint64(answer.FD) || c.Args[2] != 1 || c.Args[5] != unix.RWF_DONTCACHE || c.Return != testBlock
		case "msync":
			wrong = c.Args[1] != uint64(answer.Mapped) || c.Args[1] != uint64(j.FileBytes) || c.Args[2] != unix.MS_SYNC
		case "fdatasync":
			wrong = c.Args[0] != uint64(answer.FD)
		}
		if wrong {
			t.Errorf("%s%v returned %d: these are not the arguments of %s", c.Name, c.Args, c.Return, m.ID)
		}
	}
	if m.ID == "null" {
		return
	}
	j.Payload = data
	if _, err := VerifyBack(context.Background(), name, j); err != nil {
		t.Error(err)
	}
}
