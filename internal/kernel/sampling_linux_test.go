package kernel

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"copylab/internal/testenv"
)

// sampleHere samples the calling thread while work goes on.
func sampleHere(t *testing.T, work func()) Samples {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s, err := SampleThread(unix.Gettid(), SamplePeriodNS)
	testenv.Require(t, testenv.Perf, err == nil || !errors.Is(err, unix.EACCES), "%v", err)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	work()
	got, err := s.Stop()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// spin is a place that samples must find.
//
//go:noinline
func spin(until time.Time) (n int) {
	for time.Now().Before(until) {
		for range 10_000 {
			n++
		}
	}
	return n
}

func TestSampleThreadInProgram(t *testing.T) {
	got := sampleHere(t, func() { spin(time.Now().Add(200 * time.Millisecond)) })
	if got.Total == 0 || got.ClockNS < 20e6 {
		t.Fatalf("%d samples of %d ns", got.Total, got.ClockNS)
	}
	// A sample stands for a period of the thread's own time, wherever the machine was meanwhile.
	if samples := got.ClockNS / got.PeriodNS; got.Kernel.State == StateAvailable && got.Throttled == 0 && (got.Total+got.Lost < samples*9/10-2 || got.Total+got.Lost > samples*11/10+2) {
		t.Errorf("%d samples and %d lost ones in %d ns, want one for each %d ns", got.Total, got.Lost, got.ClockNS, got.PeriodNS)
	}
	symbols := ReadProgramSymbols()
	found, inUser := int64(0), int64(0)
	for _, s := range got.Stacks {
		if s.PID != os.Getpid() || s.Thread == "" {
			t.Errorf("a sample of process %d, thread %q", s.PID, s.Thread)
		}
		if len(s.Kernel) > 0 {
			continue
		}
		inUser += s.Count
		for i, address := range s.User {
			if slices.ContainsFunc(symbols.Find(s.PID, address, i > 0), func(name string) bool { return strings.HasSuffix(name, "internal/kernel.spin") }) {
				found += s.Count
				break
			}
		}
	}
	if found*10 < inUser*9 || found == 0 {
		t.Errorf("%d of %d samples in user mode hit spin", found, inUser)
	}
}

func TestSampleThreadInKernel(t *testing.T) {
	f, err := os.Open("/proc/self/maps") // which takes work to read
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buffer := make([]byte, 16<<10)
	got := sampleHere(t, func() {
		for began := time.Now(); time.Since(began) < 200*time.Millisecond; {
			if _, err := unix.Pread(int(f.Fd()), buffer, 0); err != nil {
				t.Error(err)
			}
		}
	})
	if got.Kernel.State != StateAvailable {
		for _, s := range got.Stacks {
			if len(s.Kernel) > 0 {
				t.Fatalf("there are samples in kernel mode, although: %s", got.Kernel.Reason)
			}
		}
		if !strings.Contains(got.Kernel.Reason, "perf_event_paranoid") {
			t.Errorf("the reason says nothing to do: %s", got.Kernel.Reason)
		}
		testenv.Require(t, testenv.Perf, false, "%s", got.Kernel.Reason)
	}
	symbols, err := ReadKernelSymbols()
	testenv.Require(t, testenv.Perf, !errors.Is(err, errHiddenSymbols), "%v", err)
	if err != nil {
		t.Fatal(err)
	}
	found := int64(0)
	for _, s := range got.Stacks {
		for i, address := range s.Kernel {
			name, _, _ := symbols.Find(address - min(1, uint64(i)))
			if strings.Contains(name, "pread64") || strings.Contains(name, "vfs_read") {
				found += s.Count
				break
			}
		}
	}
	if found*2 < got.Total || found == 0 {
		t.Errorf("%d of %d samples are in pread", found, got.Total)
	}
}

func TestSampleCPU(t *testing.T) {
	s, err := SampleCPU(0, SamplePeriodNS)
	testenv.Require(t, testenv.Perf, err == nil || !errors.Is(err, unix.EACCES), "%v", err)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	time.Sleep(100 * time.Millisecond)
	got, err := s.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if wall := time.Since(began).Nanoseconds(); got.ClockNS > wall+int64(10e6) || got.ClockNS < 90e6 {
		t.Errorf("the CPU was watched for %d ns of %d", got.ClockNS, wall)
	}
	if got.Total == 0 { // the idle CPU is sampled too
		t.Error("no samples")
	}
}

func TestSamplerStartStop(t *testing.T) {
	s, err := SampleThread(unix.Gettid(), 1) // far too short
	testenv.Require(t, testenv.Perf, err == nil || !errors.Is(err, unix.EACCES), "%v", err)
	if err != nil {
		t.Fatal(err)
	}
	if s.PeriodNS() < shortestPeriodNS {
		t.Errorf("a sample every %d ns is less than the kernel allows", s.PeriodNS())
	}
	if _, err := s.Stop(); err == nil {
		t.Error("it was stopped before it was started")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err == nil {
		t.Error("it was started twice")
	}
	if err := s.Close(); err != nil { // which ends the reader
		t.Error(err)
	}
	if _, err := SampleThread(unix.Gettid(), 0); err == nil {
		t.Error("a period of 0 was taken")
	}
}

func TestLeastPeriod(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rate")
	for text, want := range map[string]int64{"100000\n": 10_000, "3\n": 333_333_334, "": 0, "x": 0, "0": 0} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := leastPeriodNS(file); got != want {
			t.Errorf("%q: %d ns, want %d", text, got, want)
		}
	}
	if got := leastPeriodNS(file + ".missing"); got != 0 {
		t.Errorf("without the file: %d ns", got)
	}
}

// A process's samples are those of every thread, also of one that did not exist when the samplers were opened.
func TestSampleProcess(t *testing.T) {
	all, err := SampleProcess(SamplePeriodNS)
	testenv.Require(t, testenv.Perf, err == nil || !errors.Is(err, unix.EACCES), "%v", err)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := closeSamplers(all); err != nil {
			t.Error(err)
		}
	}()
	var before, after unix.Rusage
	for _, s := range all {
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Getrusage(unix.RUSAGE_SELF, &before); err != nil {
		t.Fatal(err)
	}
	tids := make(chan int)
	for range 2 {
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends, and what it had is its parent's
			spin(time.Now().Add(150 * time.Millisecond))
			tids <- unix.Gettid()
		}()
	}
	seen := map[int]int64{<-tids: 0, <-tids: 0}
	if err := unix.Getrusage(unix.RUSAGE_SELF, &after); err != nil {
		t.Fatal(err)
	}
	clockNS, total := int64(0), int64(0)
	for _, s := range all {
		got, err := s.Stop()
		if err != nil {
			t.Fatal(err)
		}
		clockNS, total = clockNS+got.ClockNS, total+got.Total
		for _, one := range got.Stacks {
			if one.PID != os.Getpid() {
				t.Errorf("a sample of process %d", one.PID)
			}
			if _, ours := seen[one.TID]; ours {
				seen[one.TID] += one.Count
			}
		}
	}
	for tid, n := range seen {
		if n == 0 {
			t.Errorf("no sample of thread %d, which began after the samplers were opened", tid)
		}
	}
	used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	if clockNS < used*8/10 {
		t.Errorf("%d ns were sampled of %d that the process used", clockNS, used)
	}
	if most := clockNS/SamplePeriodNS + int64(4*len(all)); total > most {
		t.Errorf("%d samples in %d ns: a thread is sampled twice", total, clockNS)
	}
	t.Logf("%d samples stand for %.1f %% of the clock; the clock is %.1f %% of getrusage's", total, 100*float64(total)*SamplePeriodNS/float64(clockNS), 100*float64(clockNS)/float64(used))
}

// An ordinary user gets samples in user mode, and is told what would allow the rest. The test runs itself as nobody.
func TestSamplingAsNobody(t *testing.T) {
	testenv.RequireRoot(t)
	const nobody = 65534
	text, err := os.ReadFile("/proc/sys/kernel/perf_event_paranoid")
	if err != nil || strings.TrimSpace(string(text)) != "2" {
		t.Skipf("kernel.perf_event_paranoid is %q, not the usual 2: %v", text, err)
	}
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "copylab-sampling-") // t.TempDir is below a folder that only root enters
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "test")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(name, program, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, "-test.run=^(TestSampleThreadInProgram|TestSampleProcess|TestSampleThreadInKernel|TestSampleCPU|TestProbeSampling)$", "-test.v")
	cmd.Dir, cmd.Env = dir, []string{"TMPDIR=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"--- PASS: TestSampleThreadInProgram", "--- PASS: TestSampleProcess", "--- PASS: TestProbeSampling",
		"--- SKIP: TestSampleThreadInKernel", "kernel.perf_event_paranoid=1",
		"--- SKIP: TestSampleCPU", "kernel.perf_event_paranoid=0",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
}

func TestProbeSampling(t *testing.T) {
	got := ProbeSampling()
	for what, status := range map[string]Status{"user": got.User, "kernel": got.Kernel, "CPU": got.CPU, "symbols": got.Symbols} {
		if status.State == "" || (status.State == StateAvailable) != (status.Reason == "") {
			t.Errorf("%s: %+v", what, status)
		}
		t.Logf("%s: %s: %s", what, status.State, status.Reason)
	}
	if got.Kernel.State == StateAvailable && got.User.State != StateAvailable {
		t.Errorf("the kernel's samples, and not the program's: %+v", got)
	}
}

func BenchmarkReadKernelSymbols(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadKernelSymbols(); err != nil {
			b.Skip(err)
		}
	}
}

// The periods of neighbours differ by so much that their timers pass each other several times in a trial, and all are within a hundredth.
func TestPeriodsAreApart(t *testing.T) {
	for i := range 256 {
		if a := apart(i); a < 0 || a >= 0.01 || i == 0 && a != 0 {
			t.Errorf("period %d is longer by %g", i, a)
		}
		for j := max(0, i-3); j < i; j++ {
			if d := math.Abs(apart(i) - apart(j)); d < 0.001 {
				t.Errorf("periods %d and %d differ by %g", j, i, d)
			}
		}
	}
}

// A ring of any size is emptied before samples of 512 bytes fill half of it, and not more often than it takes.
func TestRingsAreEmptiedInTime(t *testing.T) {
	for bytes := 64 << 10; bytes <= sampleRingBytes; bytes *= 2 {
		fills := time.Duration(bytes/512) * SamplePeriodNS
		if every := readEvery(bytes); every > fills/2 || every < fills/8 {
			t.Errorf("a ring of %d bytes, full after %v, is emptied every %v", bytes, fills, every)
		}
	}
}
