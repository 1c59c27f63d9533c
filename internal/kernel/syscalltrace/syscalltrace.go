//go:build linux && (amd64 || arm64)

// Package syscalltrace proves which system calls a program makes: it runs a child under ptrace(2) and lists every
// system call of every one of its threads between two marks that the child sets. Tests use it, nothing else does.
//
// It needs no privilege, for it traces only what it started. It needs Linux 5.3 for PTRACE_GET_SYSCALL_INFO, which gives
// numbers and arguments without knowledge of the processor's registers.
package syscalltrace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The marks are getppid(2), which ignores its arguments, with these in them.
const (
	magic     = 0x636f7079 // "copy"
	beginMark = 1
	endMark   = 2
)

// Begin starts the span: in the child, on the thread that is to be looked at. Outside a trace it does nothing.
func Begin() { mark(beginMark) }

// End ends the span.
func End() { mark(endMark) }

func mark(which uintptr) { unix.RawSyscall(unix.SYS_GETPPID, magic, which, 0) } //nolint:errcheck // getppid never fails

// Call is one system call that was entered within the span.
type Call struct {
	Thread int
	Name   string // "read"; "syscall 999" for one without a name here
	Args   [6]uint64
	// Return is what it returned: a negative errno for a failure. It is meaningful only if Done.
	Return int64
	Done   bool // returned before the span ended
}

// Trace is what a child did between its marks.
type Trace struct {
	Thread int    // the one that set the begin mark
	Calls  []Call // of all threads, in the order of their entries
	Output []byte // the child's standard output and standard error
}

// Count returns how often a thread made each system call.
func (t Trace) Count(thread int) map[string]int64 {
	count := map[string]int64{}
	for _, c := range t.Calls {
		if c.Thread == thread {
			count[c.Name]++
		}
	}
	return count
}

// ErrNotPossible is wrapped by Run's error where this machine does not let a process trace its children.
var ErrNotPossible = errors.New("tracing is not possible here")

// Run runs a program to its end under trace, with the environment env, and kills it if ctx ends first. It fails if the
// program does, or if it does not set both marks.
func Run(ctx context.Context, env []string, program string, args ...string) (Trace, error) {
	output, input, err := os.Pipe()
	if err != nil {
		return Trace{}, fmt.Errorf("trace %s: %w", program, err)
	}
	defer output.Close()
	var text []byte
	var reading sync.WaitGroup
	reading.Go(func() { text, _ = io.ReadAll(output) }) // whatever it could write is worth having

	t := tracer{pending: map[int]int{}, known: map[int]bool{}}
	var tracing sync.WaitGroup
	tracing.Go(func() {
		// A tracee belongs to the thread that started it. Without an unlock, the thread ends with this goroutine.
		runtime.LockOSThread()
		err = t.run(ctx, env, input, program, args)
	})
	tracing.Wait()
	_ = input.Close() // the child has its own; the reader now sees the end
	reading.Wait()
	t.trace.Output = text
	if err != nil {
		return t.trace, fmt.Errorf("trace %s: %w; its output: %q", program, err, text)
	}
	return t.trace, nil
}

// tracer is the state of one trace.
type tracer struct {
	trace   Trace
	span    int          // the mark that was seen last: 0, beginMark or endMark
	pending map[int]int  // thread → index of the call that it is in
	known   map[int]bool // threads that have been seen
}

func (t *tracer) run(ctx context.Context, env []string, output *os.File, program string, args []string) error {
	process, err := os.StartProcess(program, append([]string{program}, args...), &os.ProcAttr{
		Env: env, Files: []*os.File{nil, output, output}, Sys: &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return possible(fmt.Errorf("start: %w", err))
	}
	stop := context.AfterFunc(ctx, func() { _ = process.Kill() })
	defer stop()
	defer process.Release() //nolint:errcheck // the process has been waited for below

	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACEEXEC |
		unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK
	// Only this thread's tracees are waited for: other children of this process are none of our business.
	const wait = unix.WALL | unix.WNOTHREAD
	var status unix.WaitStatus
	if _, err := wait4(process.Pid, &status, wait); err != nil {
		return fmt.Errorf("wait4: %w", err)
	}
	if !status.Stopped() {
		return fmt.Errorf("the program ended before it began: %s", describe(status))
	}
	if err := unix.PtraceSetOptions(process.Pid, options); err != nil {
		_ = process.Kill()
		_, _ = wait4(process.Pid, &status, wait)
		return possible(fmt.Errorf("ptrace PTRACE_SETOPTIONS: %w", err))
	}
	t.known[process.Pid] = true
	var failure error
	var last unix.WaitStatus
	for thread := process.Pid; ; {
		signal := 0
		switch event := uint32(status) >> 16; {
		case !status.Stopped():
			if thread == process.Pid {
				last = status
			}
			signal = -1
		case status.StopSignal() == syscall.SIGTRAP|0x80: // TRACESYSGOOD's word for a system call
			if err := t.syscall(thread); err != nil && failure == nil {
				failure = possible(err)
				_ = process.Kill()
			}
		case event != 0 || status.StopSignal() == syscall.SIGTRAP: // a new thread, or exec
		case status.StopSignal() == syscall.SIGSTOP && !t.known[thread]: // how a new thread begins
		default:
			signal = int(status.StopSignal())
		}
		t.known[thread] = true
		if signal >= 0 {
			// ESRCH: killed meanwhile; the next wait4 tells.
			if err := unix.PtraceSyscall(thread, signal); err != nil && err != unix.ESRCH && failure == nil {
				failure = fmt.Errorf("ptrace PTRACE_SYSCALL: %w", err)
				_ = process.Kill()
			}
		}
		if thread, err = wait4(-1, &status, wait); errors.Is(err, unix.ECHILD) {
			break
		} else if err != nil {
			_ = process.Kill()
			return fmt.Errorf("wait4: %w", err)
		}
	}
	switch {
	case failure != nil:
		return failure
	case ctx.Err() != nil:
		return fmt.Errorf("killed: %w", ctx.Err())
	case !last.Exited() || last.ExitStatus() != 0:
		return errors.New(describe(last))
	case t.span != endMark:
		return fmt.Errorf("the program set %d of the 2 marks", t.span)
	}
	return nil
}

// info is struct ptrace_syscall_info (ptrace(2)). data is the union: for an entry the number and the arguments, for an
// exit the value that is returned.
type info struct {
	op           uint8
	_            [3]uint8
	architecture uint32
	instruction  uint64
	stack        uint64
	data         [7]uint64
	_            uint64 // a seccomp stop's; not asked for
}

const (
	infoEntry = 1 // PTRACE_SYSCALL_INFO_ENTRY
	infoExit  = 2 // PTRACE_SYSCALL_INFO_EXIT
)

// syscall notes the system call that a thread is about to enter or has returned from.
func (t *tracer) syscall(thread int) error {
	var i info
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(thread), unsafe.Sizeof(i), uintptr(unsafe.Pointer(&i)), 0, 0)
	switch {
	case errno == unix.ESRCH: // killed meanwhile
		return nil
	case errno != 0:
		return fmt.Errorf("ptrace PTRACE_GET_SYSCALL_INFO: %w", errno)
	}
	switch i.op {
	case infoEntry:
		number, args := i.data[0], [6]uint64(i.data[1:])
		if number == unix.SYS_GETPPID && args[0] == magic {
			if args[1] == beginMark {
				t.trace.Thread = thread
			}
			t.span = int(args[1])
			return nil
		}
		if t.span == beginMark {
			t.pending[thread] = len(t.trace.Calls)
			t.trace.Calls = append(t.trace.Calls, Call{Thread: thread, Name: Name(number), Args: args})
		}
	case infoExit:
		if c, in := t.pending[thread]; in && t.span == beginMark {
			t.trace.Calls[c].Return, t.trace.Calls[c].Done = int64(i.data[0]), true
		}
		delete(t.pending, thread)
	}
	return nil
}

// possible marks the errors by which a machine says that it allows no tracing.
func possible(err error) error {
	// EPERM and EACCES: a security module or a seccomp filter. ENOSYS: a filter too. EIO: a kernel before 5.3.
	if errors.Is(err, os.ErrPermission) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, unix.EIO) {
		return fmt.Errorf("%w: %w", ErrNotPossible, err)
	}
	return err
}

func wait4(pid int, status *unix.WaitStatus, options int) (int, error) {
	for {
		got, err := unix.Wait4(pid, status, options, nil)
		if err != unix.EINTR {
			return got, err
		}
	}
}

func describe(s unix.WaitStatus) string {
	if s.Signaled() {
		return fmt.Sprintf("ended by signal %v", s.Signal())
	}
	return fmt.Sprintf("exit status %d", s.ExitStatus())
}
