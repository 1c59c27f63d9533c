package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// syscallTracepoint is passed by every system call of a thread that an event watches (include/trace/events/syscalls.h). There is one of each
// name too (syscalls/sys_enter_read). Closing the last event of each of those waits for all CPUs, which takes tens of
// milliseconds; this one with a filter on the call's number counts the same.
const syscallTracepoint = "raw_syscalls/sys_enter"

type syscallNumber struct {
	name   string
	number int
}

// syscallNumbers are the calls that are counted by name: what paths, receivers and writers make, and what the Go runtime adds.
func syscallNumbers() []syscallNumber {
	return []syscallNumber{
		{"read", unix.SYS_READ}, {"write", unix.SYS_WRITE}, {"pread64", unix.SYS_PREAD64}, {"pwrite64", unix.SYS_PWRITE64},
		{"readv", unix.SYS_READV}, {"writev", unix.SYS_WRITEV}, {"pwritev", unix.SYS_PWRITEV}, {"pwritev2", unix.SYS_PWRITEV2},
		{"lseek", unix.SYS_LSEEK}, {"sendfile", unix.SYS_SENDFILE}, {"splice", unix.SYS_SPLICE}, {"copy_file_range", unix.SYS_COPY_FILE_RANGE},
		{"sendto", unix.SYS_SENDTO}, {"sendmsg", unix.SYS_SENDMSG}, {"recvfrom", unix.SYS_RECVFROM}, {"recvmsg", unix.SYS_RECVMSG},
		{"getsockopt", unix.SYS_GETSOCKOPT}, {"setsockopt", unix.SYS_SETSOCKOPT}, {"ppoll", unix.SYS_PPOLL}, {"epoll_pwait", unix.SYS_EPOLL_PWAIT},
		{"io_uring_enter", unix.SYS_IO_URING_ENTER}, {"io_uring_register", unix.SYS_IO_URING_REGISTER}, {"sched_getaffinity", unix.SYS_SCHED_GETAFFINITY},
		{"mmap", unix.SYS_MMAP}, {"munmap", unix.SYS_MUNMAP}, {"madvise", unix.SYS_MADVISE}, {"msync", unix.SYS_MSYNC},
		{"fsync", unix.SYS_FSYNC}, {"fdatasync", unix.SYS_FDATASYNC}, {"sync_file_range", unix.SYS_SYNC_FILE_RANGE}, {"fcntl", unix.SYS_FCNTL},
		{"futex", unix.SYS_FUTEX}, {"nanosleep", unix.SYS_NANOSLEEP},
	}
}

// CountedSyscalls are the names by which calls are counted. All others are only in the total.
func CountedSyscalls() []string {
	var names []string
	for _, s := range syscallNumbers() {
		names = append(names, s.name)
	}
	return names
}

// SyscallCounter counts the system calls of all threads of this process, each one: perf_event_open(2) with the tracepoint
// raw_syscalls:sys_enter as a counter, without a ring. There is an event for every name and one for all other calls, for each thread that there is, which
// the threads that it starts inherit. While they count, each of the process's system calls takes a microsecond or so more.
//
// It is opened, started and stopped on one thread, on which the goroutine is locked: Start and Stop reach the events that the thread has opened.
type SyscallCounter struct {
	// Of each thread the other calls first, then the names in their order. The thread that opened them comes first.
	fds   []int
	calls []syscallNumber
}

// OpenSyscallCounter readies a counter, which stands still until Start. It needs a readable tracefs, and root, CAP_PERFMON or
// kernel.perf_event_paranoid 1. The error says what would allow it.
func OpenSyscallCounter() (*SyscallCounter, error) { return openSyscallCounter(syscallNumbers()) }

func openSyscallCounter(calls []syscallNumber) (c *SyscallCounter, err error) {
	point, err := FindTracepoint(syscallTracepoint)
	if err != nil {
		return nil, fmt.Errorf("count system calls: %w; besides, it takes root, CAP_PERFMON or kernel.perf_event_paranoid %d at most", err, paranoidForKernel)
	}
	c = &SyscallCounter{calls: calls}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("count system calls: %w", err), c.Close())
			c = nil
		}
	}()
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_TRACEPOINT, Config: point.ID, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Bits: unix.PerfBitDisabled | unix.PerfBitInherit,
	}
	const tries = 10
	for range tries {
		threads, err := ownThreads()
		if err != nil {
			return c, err
		}
		for _, tid := range threads {
			if err := c.watch(&attr, tid); err != nil && !errors.Is(err, unix.ESRCH) { // it ended meanwhile
				return c, err
			}
		}
		// A thread that was started meanwhile inherits what its parent had by then, which can't be told. Where there is none, every later one inherits all.
		after, err := ownThreads()
		if err != nil {
			return c, err
		}
		if !slices.ContainsFunc(after, func(tid int) bool { return !slices.Contains(threads, tid) }) {
			return c, nil
		}
		if err := c.Close(); err != nil {
			return c, err
		}
	}
	return c, fmt.Errorf("threads were started in each of %d tries to watch them all", tries)
}

// watch opens the events of one thread.
func (c *SyscallCounter) watch(attr *unix.PerfEventAttr, tid int) error {
	opened := len(c.fds)
	filters := []string{""}
	for i, call := range c.calls {
		one := strconv.Itoa(call.number)
		if i > 0 {
			filters[0] += " && "
		}
		filters[0] += "id != " + one
		filters = append(filters, "id == "+one)
	}
	for _, filter := range filters {
		fd, err := unix.PerfEventOpen(attr, tid, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if errors.Is(err, unix.ESRCH) && tid != unix.Gettid() {
			ended := &SyscallCounter{fds: c.fds[opened:]}
			c.fds = c.fds[:opened:opened]
			return errors.Join(err, ended.Close())
		}
		if err != nil {
			return explainCounting(err)
		}
		c.fds = append(c.fds, fd)
		if filter == "" { // no call has a name
			continue
		}
		if err := setPerfFilter(fd, filter); err != nil {
			return err
		}
	}
	return nil
}

// ownThreads lists the threads of this process, the calling one first.
func ownThreads() ([]int, error) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, fmt.Errorf("list threads: %w", err)
	}
	threads := []int{unix.Gettid()}
	for _, t := range tasks {
		if tid, err := strconv.Atoi(t.Name()); err == nil && tid != threads[0] {
			threads = append(threads, tid)
		}
	}
	return threads, nil
}

// explainCounting says what would allow it. The kernel asks for less than where a tracepoint's data are wanted (perf_trace_event_perm,
// kernel/trace/trace_event_perf.c).
func explainCounting(err error) error {
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("perf_event_open: %w: run as root, or with CAP_PERFMON, or: sudo sysctl kernel.perf_event_paranoid=%d", err, paranoidForKernel)
	case errors.Is(err, unix.EMFILE):
		return fmt.Errorf("perf_event_open: %w: each thread takes %d descriptors: raise the limit (ulimit -n)", err, len(syscallNumbers())+1)
	}
	return explainPerf(err)
}

// Start begins to count: by one call, so that all events begin together (prctl(2), PR_TASK_PERF_EVENTS_ENABLE). It also starts whatever else
// this thread has opened perf events for.
func (c *SyscallCounter) Start() error {
	if err := unix.Prctl(unix.PR_TASK_PERF_EVENTS_ENABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl PR_TASK_PERF_EVENTS_ENABLE: %w", err)
	}
	return nil
}

// Stop ends the counting. The call by which it does is the only one of this counter that it counts itself.
func (c *SyscallCounter) Stop() error {
	if err := unix.Prctl(unix.PR_TASK_PERF_EVENTS_DISABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl PR_TASK_PERF_EVENTS_DISABLE: %w", err)
	}
	return nil
}

// ownCalls are those that a counter makes between its Start and its Stop: see Stop.
const ownCalls = 1

// Counts is what was counted between Start and Stop. Of the calling thread it is exact. Of the others, which are no part of what is between, a call right at either
// end may be in it or not.
func (c *SyscallCounter) Counts() (SyscallCounts, error) { return c.countsOf(c.fds) }

func (c *SyscallCounter) countsOf(fds []int) (SyscallCounts, error) {
	counts := SyscallCounts{Total: -ownCalls, ByName: map[string]int64{}}
	each := len(c.calls) + 1
	var raw [8]byte
	for i, fd := range fds {
		if n, err := unix.Read(fd, raw[:]); err != nil || n != len(raw) {
			return SyscallCounts{}, fmt.Errorf("read a counter of system calls: %d bytes: %w", n, err)
		}
		n := int64(binary.NativeEndian.Uint64(raw[:]))
		counts.Total += n
		if at := i % each; at > 0 && n > 0 {
			counts.ByName[c.calls[at-1].name] += n
		}
	}
	return counts, nil
}

// Close gives the events back.
func (c *SyscallCounter) Close() error {
	var errs []error
	for _, fd := range c.fds {
		errs = append(errs, unix.Close(fd))
	}
	c.fds = nil
	return errors.Join(errs...)
}

// ProbeSyscallCounts tells whether this process may count its system calls, by opening one event for a moment.
func ProbeSyscallCounts() Status {
	c, err := openSyscallCounter(nil)
	if err != nil {
		return Unavailable("%v", err)
	}
	if err := c.Close(); err != nil {
		return Unknown("%v", err)
	}
	return Available()
}
