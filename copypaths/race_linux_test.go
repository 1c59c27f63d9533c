package copypaths

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
	"copylab/internal/kernel/syscalltrace"
)

// raceAnswer is what a sender, in C or in Go, says about its race.
type raceAnswer struct {
	ElapsedNS int64 // from the first operation until the receiver has confirmed the last byte
	ProcessNS int64 // user and system time of the process
}

// race runs in the child: it sends to the C receiver, as a worker does.
func race(task childTask) (answer raceAnswer, err error) {
	runtime.LockOSThread()
	runtime.GOMAXPROCS(3)
	debug.SetGCPercent(-1)
	if err := pinAll(task.CPU); err != nil {
		return answer, err
	}
	file, err := os.Open(task.File)
	if err != nil {
		return answer, err
	}
	defer file.Close()
	p, found := Find(task.Source, task.ID)
	if !found {
		return answer, fmt.Errorf("there is no path %q from %s", task.ID, task.Source)
	}
	out, err := socket(0)
	if err != nil {
		return answer, err
	}
	if err := unix.Connect(out, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: task.Port}); err != nil {
		return answer, fmt.Errorf("connect: %w", err)
	}
	s, err := openSending(p, file, task.FileSize, task.Chunk, out, task.Dedicated)
	if err != nil {
		return answer, err
	}
	if task.Dedicated && p.Connection == Descriptor {
		if err := kernel.OwnDescriptors(); err != nil {
			return answer, err
		}
	}
	latency, confirmed := newHistogram(), make([]byte, 1)
	syscalltrace.Begin()
	process, began := cpuTime(unix.RUSAGE_SELF), time.Now()
	if task.NoLatency {
		err = loop(s.Mover, task.Bytes, task.FileSize, task.Chunk)
	} else {
		_, err = Stream(s.Mover, 0, task.Bytes, task.FileSize, task.Chunk, latency)
	}
	if err := errors.Join(err, s.finish(out, confirmed)); err != nil {
		return answer, err
	}
	answer.ElapsedNS = time.Since(began).Nanoseconds()
	answer.ProcessNS = cpuTime(unix.RUSAGE_SELF) - process
	syscalltrace.End()
	return answer, s.close()
}

// finish says that there is no more to come, and waits for the receiver's byte.
func (s *sending) finish(socket int, confirmed []byte) error {
	var n int
	var err error
	if conn := s.ends.Conn; conn != nil {
		if err := conn.CloseWrite(); err != nil {
			return err
		}
		n, err = conn.Read(confirmed)
	} else {
		if err := unix.Shutdown(socket, unix.SHUT_WR); err != nil {
			return fmt.Errorf("shutdown: %w", err)
		}
		n, err = unix.Read(socket, confirmed)
	}
	if n != 1 {
		return fmt.Errorf("wait for the answer: %d bytes, error %w", n, err)
	}
	return nil
}

// loop is Stream without the measuring: the C loop in Go.
func loop(m Mover, bytes, fileSize int64, chunk int) error {
	for off, left := int64(0), bytes; left > 0; {
		n := min(int64(chunk), left, fileSize-off)
		if err := m.Move(off, int(n)); err != nil {
			return err
		}
		left -= n
		if off += n; off == fileSize {
			off = 0
		}
	}
	return flush(m)
}

// pin keeps the calling thread on a CPU.
func pin(cpu int) error { return pinThread(0, cpu) }

func pinThread(thread, cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(thread, &set); err != nil {
		return fmt.Errorf("sched_setaffinity to CPU %d: %w", cpu, err)
	}
	return nil
}

// pinAll keeps all threads of the process on a CPU, as a worker does: until there is none that a thread has started that
// was not pinned yet.
func pinAll(cpu int) error {
	for done := map[int]bool{}; ; {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		fresh := false
		for _, t := range threads {
			thread, err := strconv.Atoi(t.Name())
			if err != nil {
				return err
			}
			if done[thread] {
				continue
			}
			fresh, done[thread] = true, true
			if err := pinThread(thread, cpu); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
		if !fresh {
			return nil
		}
	}
}

// twoCPUs are a sender's and a receiver's: different ones where there are two.
func twoCPUs() (sender, receiver int, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return 0, 0, fmt.Errorf("sched_getaffinity: %w", err)
	}
	var cpus []int
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus[0], cpus[min(1, len(cpus)-1)], nil
}

// cpuTime is the user and system time of the process or the calling thread, in nanoseconds.
func cpuTime(who int) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		panic(err) // who is a constant
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// contestant is one way to run a path in a race.
type contestant struct {
	name string
	inC  string // "plain" or "timed"; "" for one in Go
	// Of those in Go:
	rival     string // the one in C that it is compared with
	dedicated bool
	noLatency bool
}

// contestants are the same for each path, but that "scheduled" is not for all.
func contestants() []contestant {
	return []contestant{
		{name: "C plain", inC: "plain"},
		{name: "C timed", inC: "timed"},
		{name: "move", rival: "C plain", dedicated: true, noLatency: true},
		{name: "stream", rival: "C timed", dedicated: true},
		{name: "scheduled", rival: "C timed"},
	}
}

// lap is one race of one path: how much of which file is sent to where.
type lap struct {
	path     Path
	file     string
	fileSize int64
	chunk    int
	bytes    int64
}

// command is the program of one contestant, its environment and its arguments.
func (l lap) command(exe, cloop string, c contestant, cpu, port int) (program string, env, args []string) {
	if c.inC != "" {
		return cloop, os.Environ(), []string{"send", name(l.path), c.inC, l.file, strconv.Itoa(l.chunk), strconv.FormatInt(l.bytes, 10),
			strconv.Itoa(cpu), strconv.Itoa(port)}
	}
	env = childTask{
		Do: "race", Source: l.path.Source, ID: l.path.ID, File: l.file, FileSize: l.fileSize, Bytes: l.bytes, Chunk: l.chunk,
		CPU: cpu, Port: port, Dedicated: c.dedicated, NoLatency: c.noLatency,
	}.env()
	return exe, append(env, "GODEBUG=asyncpreemptoff=1"), nil // as a worker is started
}

// hasCLoop tells whether testdata/cloop has the path. TLS needs a library there, and a race against that would be one of
// libraries; the kernel's own needs a handshake first. The null path makes no calls.
func hasCLoop(p Path) bool { return p.Connection != NoConnection && !p.TLS }

// buildCLoop compiles testdata/cloop. Where there is no C compiler, it skips.
func buildCLoop(t testing.TB) (program string) {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs a C compiler: ", err)
	}
	sources, err := filepath.Glob("testdata/cloop/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatalf("find the C sources: %v in testdata/cloop, %v", sources, err)
	}
	program = filepath.Join(t.TempDir(), "cloop")
	text, err := exec.Command(compiler, append([]string{"-O2", "-Wall", "-Wextra", "-o", program}, sources...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("compile testdata/cloop: %v\n%s", err, text)
	}
	if len(text) > 0 {
		t.Errorf("compile testdata/cloop: %s", text)
	}
	return program
}

// BenchmarkAgainstC races the paths against the same system calls in plain C (testdata/cloop): fresh processes, the same
// file, the same receiver program, the same CPUs. The Go contestants, and what each is compared with:
//
//	move       Move and nothing else, as the plain C loop does
//	stream     Stream, which reads the clock and records a latency each time, as a worker does: the C loop that does so too
//	scheduled  Stream without Ends.Dedicated, which the other two have: the same (of read-write and sendfile)
//
// A path from memory is named memory:send, say. One iteration is one round: each contestant runs once, in random order.
// -benchtime says how many rounds there are (25x), or how long each path races (10s). It takes 6 of them to tell anything,
// and some 25 on a machine with nothing else to do to tell 3 %.
//
// It reports for each Go contestant the median of its ratios to the C run of the same round: of bytes per second, where more
// than 1 is faster, and of the CPU time of the whole process, where less than 1 is cheaper. It logs their 95 % intervals, and
// whether those leave it within 3 % of C.
//
// The paths with TLS have no rival: see hasCLoop. Those by Go's own library (go-io-copy) race against what C does without a
// scheduler: there the ratio is what the path costs by itself.
func BenchmarkAgainstC(b *testing.B) {
	const fileSize = 64 << 20
	cloop := buildCLoop(b)
	file, err := writePayload(b.TempDir(), payload(fileSize, 9))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	// What is still to be written to the disk would be so during the races, and before the first direct read.
	if err := unix.Fsync(int(file.Fd())); err != nil {
		b.Fatal(err)
	}
	for _, p := range Catalogue() {
		if !hasCLoop(p) {
			continue
		}
		for _, size := range []struct {
			name  string
			chunk int
			bytes int64
		}{{"4KiB", 4 << 10, 128 << 20}, {"64KiB", 64 << 10, 256 << 20}} {
			simple := p.ID == "read-write" || p.ID == "sendfile"
			if size.chunk < 64<<10 && !simple {
				continue
			}
			// A slash less: AgainstC/.*/64KiB is for all paths.
			b.Run(strings.ReplaceAll(name(p), "/", ":")+"/"+size.name, func(b *testing.B) {
				available(b, p)
				field := contestants()
				if !simple {
					field = slices.DeleteFunc(field, func(c contestant) bool { return c.name == "scheduled" })
				}
				raceAgainstC(b, cloop, lap{p, file.Name(), fileSize, size.chunk, size.bytes}, field)
			})
		}
	}
}

func raceAgainstC(b *testing.B, cloop string, l lap, field []contestant) {
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	sendCPU, receiveCPU, err := twoCPUs()
	if err != nil {
		b.Fatal(err)
	}
	speed, cpu := map[string][]float64{}, map[string][]float64{}
	var plain []float64
	for b.Loop() {
		answers := map[string]raceAnswer{}
		for _, i := range rand.Perm(len(field)) {
			err := withReceiver(cloop, receiveCPU, func(port int) error {
				program, env, args := l.command(exe, cloop, field[i], sendCPU, port)
				cmd := exec.Command(program, args...)
				cmd.Env, cmd.Stderr = env, os.Stderr
				text, err := cmd.Output()
				if err != nil {
					return err
				}
				var answer raceAnswer
				defer func() { answers[field[i].name] = answer }()
				return json.Unmarshal(text, &answer)
			})
			if err != nil {
				b.Fatalf("%s: %v", field[i].name, err)
			}
		}
		plain = append(plain, float64(l.bytes)/float64(answers["C plain"].ElapsedNS)*1e3)
		for _, c := range field {
			if inC, inGo := answers[c.rival], answers[c.name]; c.rival != "" {
				speed[c.name] = append(speed[c.name], float64(inC.ElapsedNS)/float64(inGo.ElapsedNS))
				cpu[c.name] = append(cpu[c.name], float64(inGo.ProcessNS)/float64(inC.ProcessNS))
			}
		}
	}
	b.ReportMetric(0, "ns/op") // of a round: says nothing
	b.ReportMetric(median(plain), "C-MB/s")
	for _, c := range field {
		if c.rival == "" {
			continue
		}
		b.ReportMetric(median(speed[c.name]), c.name+"/C-B/s")
		b.ReportMetric(median(cpu[c.name]), c.name+"/C-cpu")
		b.Logf("%-9s / %s: %s, within 3 %%: %s (%d rounds)", c.name, c.rival, spans(speed[c.name], cpu[c.name]), within(speed[c.name], cpu[c.name]), b.N)
	}
}

// spans puts the medians of ratios and their intervals into words.
func spans(speed, cpu []float64) string {
	words := func(what string, ratios []float64) string {
		low, high, ok := interval(ratios)
		if !ok {
			return fmt.Sprintf("%s %.3f", what, median(ratios))
		}
		return fmt.Sprintf("%s %.3f (%.3f to %.3f)", what, median(ratios), low, high)
	}
	return words("speed", speed) + ", " + words("CPU", cpu)
}

// within tells whether Go is at most 3 % slower and dearer than C, as far as the intervals tell.
func within(speed, cpu []float64) string {
	const tolerance = 0.03
	slowest, fastest, ok := interval(speed)
	cheapest, dearest, _ := interval(cpu)
	switch {
	case !ok:
		return "can't tell: too few rounds for an interval"
	case fastest < 1-tolerance || cheapest > 1+tolerance:
		return "no"
	case slowest >= 1-tolerance && dearest <= 1+tolerance:
		return "yes"
	}
	return "can't tell: an interval reaches beyond"
}

// withReceiver starts a receiver and lets one sender send to it.
func withReceiver(cloop string, cpu int, send func(port int) error) error {
	receiver := exec.Command(cloop, "receive", strconv.Itoa(cpu))
	receiver.Stderr = os.Stderr
	out, err := receiver.StdoutPipe()
	if err != nil {
		return err
	}
	if err := receiver.Start(); err != nil {
		return err
	}
	defer func() {
		_ = receiver.Process.Kill() // has ended long since, unless the sender failed
		_ = receiver.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read the receiver's port: %w", err)
	}
	port, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return err
	}
	return send(port)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// interval holds the median that values are drawn from with a probability of 95 % or more, whatever their distribution: it
// leaves out as many of the lowest and of the highest as may all lie on one side of it by chance, which is binomial. It takes
// 6 values.
func interval(values []float64) (low, high float64, ok bool) {
	sorted, n := slices.Sorted(slices.Values(values)), len(values)
	tail, term := 0.0, math.Pow(0.5, float64(n))
	out := 0 // how many to leave out at each end
	for ; ; out++ {
		if tail += term; tail > 0.025 {
			break
		}
		term *= float64(n-out) / float64(out+1)
	}
	if out == 0 {
		return 0, 0, false
	}
	return sorted[out-1], sorted[n-out], true
}
