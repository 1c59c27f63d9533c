package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// sampleRingBytes is the ring of each sampler. A sample takes some 500 bytes, so that there is room for 2,000 of
	// them, which a CPU takes nearly two seconds for.
	sampleRingBytes = 1 << 20
	// sampleReadEvery is how often a ring of that size is emptied: seldom, since whoever is sampled does it.
	sampleReadEvery = 400 * time.Millisecond
	// shortestPeriodNS is the kernel's own limit for clock events (perf_swevent_start_hrtimer, kernel/events/core.c).
	shortestPeriodNS = 10_000
)

// Sampler takes samples of what a thread or a CPU executes, with call chains, at even distances of CPU time: perf_event_open(2)
// with PERF_COUNT_SW_CPU_CLOCK, which is a timer and needs no hardware counters.
//
// The timer's interrupt waits where interrupts are off, so that what is done there is charged to the place where they are
// let in again: the return to user mode, or the end of a spin lock.
//
// A goroutine empties the ring between Start and Stop. Neither the sampled thread nor the caller has anything to do meanwhile.
type Sampler struct {
	ring      *PerfRing
	kernel    Status
	periodNS  int64
	counts    *stackCounts
	lost      int64
	throttled int64
	stop      chan struct{} // nil while it stands still
	reader    sync.WaitGroup
	err       error // the reader's
}

// SampleThread readies a sampler of one thread, what the kernel does for it included: system calls, faults, and the interrupts that hit
// while it ran. The thread is this process's, or that of one which this user may trace (ptrace(2)). Where only the samples in user mode are allowed, it takes those alone, and Samples.Kernel says so.
func SampleThread(tid int, periodNS int64) (*Sampler, error) {
	s, err := openSampler([]int{tid}, -1, periodNS, 0, false)
	if errors.Is(err, unix.EACCES) {
		why := kernelSamplesRefused()
		if s, err = openSampler([]int{tid}, -1, periodNS, 0, true); err == nil {
			s.kernel = why
		}
	}
	if err != nil {
		return nil, fmt.Errorf("sample thread %d: %w", tid, explainSampling(err, paranoidForUser))
	}
	return s, nil
}

// SampleProcess readies samplers of all threads that this process has, and of those that they start, io_uring's workers included: one
// sampler for each of the CPUs that the threads may run on, and for every CPU that is online where none is named. Where only the samples in user mode are
// allowed, they take those alone. The goroutines that empty the rings are threads of the process too.
func SampleProcess(periodNS int64, cpus ...int) ([]*Sampler, error) {
	if len(cpus) == 0 {
		var err error
		if cpus, err = onlineCPUs(); err != nil {
			return nil, fmt.Errorf("sample a process: %w", err)
		}
	}
	threads, err := ownThreads()
	if err != nil {
		return nil, fmt.Errorf("sample a process: %w", err)
	}
	// A thread that another starts meanwhile may inherit nothing, since the other had nothing yet.
	const attempts = 10
	for range attempts {
		all, err := sampleThreads(threads, cpus, periodNS)
		if err != nil {
			return nil, fmt.Errorf("sample a process: %w", explainSampling(err, paranoidForUser))
		}
		before := threads
		if threads, err = ownThreads(); err != nil {
			return nil, errors.Join(fmt.Errorf("sample a process: %w", err), closeSamplers(all))
		}
		if slices.Equal(slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(threads))) {
			return all, nil
		}
		if err := closeSamplers(all); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("sample a process: it started threads all the time, in each of %d attempts", attempts)
}

// sampleThreads opens the samplers of SampleProcess.
func sampleThreads(threads, cpus []int, periodNS int64) (all []*Sampler, err error) {
	for _, cpu := range cpus {
		s, err := openSampler(threads, cpu, periodNS, 0, false)
		if errors.Is(err, unix.EACCES) {
			why := kernelSamplesRefused()
			if s, err = openSampler(threads, cpu, periodNS, 0, true); err == nil {
				s.kernel = why
			}
		}
		if err != nil {
			return nil, errors.Join(err, closeSamplers(all))
		}
		all = append(all, s)
	}
	return all, nil
}

func closeSamplers(all []*Sampler) error {
	var errs []error
	for _, s := range all {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// SampleCPU readies a sampler of all that one CPU does, for whomever: soft interrupts, kernel threads, io_uring's workers, other programs, and
// being idle. It needs root or CAP_PERFMON, or kernel.perf_event_paranoid 0.
func SampleCPU(cpu int, periodNS int64) (*Sampler, error) {
	return sampleCPU(cpu, periodNS, 0)
}

func sampleCPU(cpu int, periodNS int64, more float64) (*Sampler, error) {
	s, err := openSampler([]int{-1}, cpu, periodNS, more, false)
	if err != nil {
		return nil, fmt.Errorf("sample CPU %d: %w", cpu, explainSampling(err, paranoidForCPU))
	}
	return s, nil
}

// What kernel.perf_event_paranoid may be at most (perf_allow_kernel and perf_allow_cpu, include/linux/perf_event.h). Some
// distributions have a 3 that forbids all.
const (
	paranoidForUser   = 2
	paranoidForKernel = 1
	paranoidForCPU    = 0
)

func kernelSamplesRefused() Status {
	return Unavailable("perf_event_open: %v: samples in kernel mode need root or CAP_PERFMON, or: sudo sysctl kernel.perf_event_paranoid=%d", unix.EACCES, paranoidForKernel)
}

// explainSampling says what would allow what was refused.
func explainSampling(err error, paranoid int) error {
	if errors.Is(err, unix.EACCES) {
		return fmt.Errorf("perf_event_open: %w: run as root, or with CAP_PERFMON, or: sudo sysctl kernel.perf_event_paranoid=%d", unix.EACCES, paranoid)
	}
	return err
}

// SampleCPUs readies a sampler of each CPU that is online: see SampleCPU. No two CPUs are sampled with quite the same period: what the samplers tell as theirs is within a
// hundredth of it. With equal ones the timers go in step, for as long as they run: the interrupt that stops a sender is followed at once by the one of its receiver, which
// has just run out of bytes and is idle. Samples then fall anywhere but where the receiver works.
func SampleCPUs(periodNS int64) (all []*Sampler, err error) {
	cpus, err := onlineCPUs()
	if err != nil {
		return nil, fmt.Errorf("sample all CPUs: %w", err)
	}
	for i, cpu := range cpus {
		s, err := sampleCPU(cpu, periodNS, apart(i))
		if err != nil {
			return nil, errors.Join(err, closeSamplers(all))
		}
		all = append(all, s)
	}
	return all, nil
}

// apart is by what share of itself the i-th period is longer: less than a hundredth, and of any few in a row no two are near each other, since the golden
// ratio is no near neighbour of a simple fraction.
func apart(i int) float64 {
	_, fraction := math.Modf(float64(i) * math.Phi)
	return fraction / 100
}

// openSampler opens an event of each thread, which stands still. On a CPU, the threads' own threads inherit it. Its period is longer by a share of itself, which
// the sampler does not tell.
func openSampler(threads []int, cpu int, periodNS int64, more float64, onlyUser bool) (*Sampler, error) {
	if periodNS < 1 {
		return nil, fmt.Errorf("a sample every %d ns is impossible", periodNS)
	}
	period := max(periodNS, shortestPeriodNS, leastPeriodNS("/proc/sys/kernel/perf_event_max_sample_rate"))
	exact := uint64(float64(period) * (1 + more))
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Sample: exact,
		Sample_type: unix.PERF_SAMPLE_IP | unix.PERF_SAMPLE_TID | unix.PERF_SAMPLE_TIME | unix.PERF_SAMPLE_CPU | unix.PERF_SAMPLE_CALLCHAIN,
		Bits:        unix.PerfBitDisabled | unix.PerfBitUseClockID, Clockid: unix.CLOCK_MONOTONIC,
	}
	if onlyUser {
		attr.Bits |= unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv | unix.PerfBitExcludeCallchainKernel
	}
	if cpu >= 0 && threads[0] >= 0 {
		attr.Bits |= unix.PerfBitInherit
	}
	var events []PerfEvent
	for _, tid := range threads {
		events = append(events, PerfEvent{Attr: attr, Thread: tid})
	}
	ring, err := OpenPerfRing(threads[0], cpu, sampleRingBytes, events...)
	if err != nil {
		return nil, err
	}
	s := &Sampler{ring: ring, kernel: Available(), periodNS: period, counts: newStackCounts(threadName)}
	if threads[0] < 0 { // a CPU's timer goes on whatever runs: hrtimer_forward_now in perf_swevent_hrtimer, kernel/events/core.c
		s.counts.gridNS = exact
	}
	return s, nil
}

// leastPeriodNS is the shortest period that the administrator allows; 0 where that can't be told.
func leastPeriodNS(maxRateFile string) int64 {
	text, err := os.ReadFile(maxRateFile)
	if err != nil {
		return 0
	}
	rate, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || rate < 1 {
		return 0
	}
	return (1e9 + rate - 1) / rate
}

// threadName is a thread's name: /proc/PID/task/TID/comm. The idle CPU's is "idle". A thread that is gone has its process's; "" where that is gone too.
func threadName(pid, tid int) string {
	if tid == 0 {
		return "idle"
	}
	process := filepath.Join("/proc", strconv.Itoa(pid))
	text, err := os.ReadFile(filepath.Join(process, "task", strconv.Itoa(tid), "comm"))
	if err != nil {
		text, err = os.ReadFile(filepath.Join(process, "comm"))
	}
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// PeriodNS is the CPU time between two samples: what was asked for, or more where the kernel allows no less.
func (s *Sampler) PeriodNS() int64 { return s.periodNS }

// Start begins to sample. It may be called once.
func (s *Sampler) Start() error {
	if s.stop != nil {
		return errors.New("start a sampler: it was started before")
	}
	s.stop = make(chan struct{})
	s.reader.Go(func() {
		tick := time.NewTicker(readEvery(s.ring.Bytes()))
		defer tick.Stop()
		for s.err == nil {
			select {
			case <-s.stop:
				return
			case <-tick.C:
				s.err = s.gather()
			}
		}
	})
	if err := s.ring.Start(); err != nil {
		close(s.stop)
		s.reader.Wait()
		return err
	}
	return nil
}

// readEvery is how often a ring of so many bytes is emptied, so that it does not run over.
func readEvery(ringBytes int) time.Duration {
	return sampleReadEvery * time.Duration(ringBytes) / sampleRingBytes
}

// Pause ends the sampling, and leaves the rest to Stop: where there are several samplers, none then sees what is done with another's samples.
func (s *Sampler) Pause() error {
	if s.stop == nil {
		return errors.New("stop a sampler: it was not started")
	}
	return s.ring.Stop()
}

// Stop ends the sampling and returns what was seen.
func (s *Sampler) Stop() (Samples, error) {
	err := s.Pause()
	if s.stop == nil {
		return Samples{}, err
	}
	close(s.stop)
	s.reader.Wait()
	s.stop = nil
	clockNS, readErr := s.clock()
	if err := errors.Join(err, s.err, s.gather(), readErr); err != nil {
		return Samples{}, err
	}
	if s.throttled > 0 { // its timer was stopped, and started at another time
		s.counts.forgetTimes()
	}
	stacks, lateUnknown := s.counts.list()
	seen := Samples{
		PeriodNS: s.periodNS, ClockNS: clockNS, Total: s.counts.total, Stacks: stacks, LateUnknown: lateUnknown,
		Lost: s.lost, Unkept: s.counts.unkept, Throttled: s.throttled, Kernel: s.kernel,
	}
	for _, one := range seen.Stacks {
		seen.Late += one.Late
	}
	return seen, nil
}

// clock is the events' own count: the nanoseconds for which they ran.
func (s *Sampler) clock() (sum int64, err error) {
	for _, fd := range s.ring.fds {
		var raw [8]byte
		if n, err := unix.Read(fd, raw[:]); err != nil || n != len(raw) {
			return 0, fmt.Errorf("read a CPU clock: %d bytes: %w", n, err)
		}
		sum += int64(binary.NativeEndian.Uint64(raw[:]))
	}
	return sum, nil
}

// gather empties the ring. What the kernel goes on writing meanwhile is left for the next time once a whole ring was read.
func (s *Sampler) gather() error {
	for left := s.ring.Bytes(); left > 0; {
		record, ok, err := s.ring.Next()
		if err != nil || !ok {
			return err
		}
		left -= perfHeader + len(record.body)
		if n, ok := record.Lost(); ok {
			s.lost += int64(n)
			continue
		}
		switch record.Type {
		case unix.PERF_RECORD_THROTTLE:
			s.throttled++
		case unix.PERF_RECORD_SAMPLE:
			if !s.counts.take(record.body) {
				return errors.New("read a sample: it is cut off")
			}
		}
	}
	return nil
}

// Close gives the sampler back, started or not.
func (s *Sampler) Close() error {
	if s.stop != nil {
		close(s.stop)
		s.reader.Wait()
		s.stop = nil
	}
	return s.ring.Close()
}

// ProbeSampling tells what this process may sample, by opening each kind for a moment.
func ProbeSampling() SamplingStatus {
	status := SamplingStatus{Symbols: probeKernelSymbols("/proc/kallsyms")}
	tid := os.Getpid()
	switch s, err := SampleThread(tid, SamplePeriodNS); {
	case err != nil:
		status.User = Unavailable("%v", err)
		status.Kernel = status.User
	default:
		status.User, status.Kernel = closed(s), s.kernel
	}
	online, err := onlineCPUs()
	if err != nil {
		status.CPU = Unknown("%v", err)
		return status
	}
	s, err := SampleCPU(online[0], SamplePeriodNS)
	if err != nil {
		status.CPU = Unavailable("%v", err)
		return status
	}
	status.CPU = closed(s)
	return status
}

func closed(s *Sampler) Status {
	if err := s.Close(); err != nil {
		return Unknown("%v", err)
	}
	return Available()
}
