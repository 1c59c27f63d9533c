package copypaths

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
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
)

// raceAnswer is what a sender, in C or in Go, says about its race.
type raceAnswer struct {
	ElapsedNS int64 // from the first operation until the receiver has confirmed the last byte
	ProcessNS int64 // user and system time of the process
}

// race runs in the child: it sends to the C receiver, as a worker does.
func race(task childTask) (answer raceAnswer, err error) {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	if err := pin(task.CPU); err != nil {
		return answer, err
	}
	file, err := os.Open(task.File)
	if err != nil {
		return answer, err
	}
	defer file.Close()
	p, found := Find(task.ID)
	if !found {
		return answer, fmt.Errorf("there is no path %q", task.ID)
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
	if task.Dedicated {
		if err := kernel.OwnDescriptors(); err != nil {
			return answer, err
		}
	}
	latency, confirmed := newHistogram(), make([]byte, 1)
	process, began := cpuTime(unix.RUSAGE_SELF), time.Now()
	if task.NoLatency {
		err = loop(s, task.Bytes, task.FileSize, task.Chunk)
	} else {
		_, err = Stream(s, 0, task.Bytes, task.FileSize, task.Chunk, latency)
	}
	if err := errors.Join(err, unix.Shutdown(out, unix.SHUT_WR)); err != nil {
		return answer, err
	}
	if n, err := unix.Read(out, confirmed); n != 1 {
		return answer, fmt.Errorf("wait for the answer: %d bytes, %w", n, err)
	}
	answer.ElapsedNS = time.Since(began).Nanoseconds()
	answer.ProcessNS = cpuTime(unix.RUSAGE_SELF) - process
	return answer, s.close()
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
	return nil
}

// pin keeps the calling thread on a CPU.
func pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("sched_setaffinity to CPU %d: %w", cpu, err)
	}
	return nil
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

// BenchmarkAgainstC races the raw paths against the same loops in plain C (testdata/cloop): fresh processes, the same
// file, the same receiver program, the same CPUs, in random order. The Go contestants, and what each is compared with:
//
//	move       Move and nothing else, as the plain C loop does
//	stream     Stream, which reads the clock and records a latency each time: the C loop that does so too
//	scheduled  Stream without Ends.Dedicated, which the other two have: the same
//
// It reports for each the median of its ratios to the C run of the same round: of bytes per second, where more than 1 is
// faster, and of the CPU time of the whole process, where less than 1 is cheaper.
func BenchmarkAgainstC(b *testing.B) {
	const fileSize, rounds = 64 << 20, 25
	compiler, err := exec.LookPath("cc")
	if err != nil {
		b.Skip("needs a C compiler: ", err)
	}
	dir := b.TempDir()
	program := filepath.Join(dir, "cloop")
	if text, err := exec.Command(compiler, "-O2", "-Wall", "-o", program, "testdata/cloop/cloop.c").CombinedOutput(); err != nil {
		b.Fatalf("compile cloop.c: %v\n%s", err, text)
	}
	file, err := writePayload(dir, payload(fileSize, 9))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	sendCPU, receiveCPU, err := twoCPUs()
	if err != nil {
		b.Fatal(err)
	}
	rivals := map[string]string{"move": "C plain", "stream": "C timed", "scheduled": "C timed"}
	for _, id := range []string{"read-write", "sendfile"} {
		for _, c := range []struct {
			name  string
			chunk int
			bytes int64
		}{{"4KiB", 4 << 10, 256 << 20}, {"64KiB", 64 << 10, 512 << 20}} {
			b.Run(id+"/"+c.name, func(b *testing.B) {
				start := func(contestant string, port int) *exec.Cmd {
					if how, ok := strings.CutPrefix(contestant, "C "); ok {
						return exec.Command(program, "send", id, how, file.Name(), strconv.Itoa(c.chunk), strconv.FormatInt(c.bytes, 10),
							strconv.Itoa(sendCPU), strconv.Itoa(port))
					}
					cmd := exec.Command(exe)
					cmd.Env = childTask{
						Do: "race", ID: id, File: file.Name(), FileSize: fileSize, Bytes: c.bytes, Chunk: c.chunk, CPU: sendCPU, Port: port,
						Dedicated: contestant != "scheduled", NoLatency: contestant == "move",
					}.env()
					return cmd
				}
				speed, cpu := map[string][]float64{}, map[string][]float64{}
				var plain []float64
				for b.Loop() {
					for range rounds {
						answers := map[string]raceAnswer{}
						order := []string{"C plain", "C timed", "move", "stream", "scheduled"}
						rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
						for _, contestant := range order {
							answer, err := raceOnce(program, receiveCPU, func(port int) *exec.Cmd { return start(contestant, port) })
							if err != nil {
								b.Fatalf("%s: %v", contestant, err)
							}
							answers[contestant] = answer
						}
						plain = append(plain, float64(c.bytes)/float64(answers["C plain"].ElapsedNS)*1e3)
						for contestant, rival := range rivals {
							inC, inGo := answers[rival], answers[contestant]
							speed[contestant] = append(speed[contestant], float64(inC.ElapsedNS)/float64(inGo.ElapsedNS))
							cpu[contestant] = append(cpu[contestant], float64(inGo.ProcessNS)/float64(inC.ProcessNS))
						}
					}
				}
				b.ReportMetric(0, "ns/op") // of a round: says nothing
				b.ReportMetric(median(plain), "C-MB/s")
				for contestant := range rivals {
					b.ReportMetric(median(speed[contestant]), contestant+"/C-B/s")
					b.ReportMetric(median(cpu[contestant]), contestant+"/C-cpu")
				}
			})
		}
	}
}

// raceOnce starts a receiver and lets one sender send to it.
func raceOnce(program string, cpu int, sender func(port int) *exec.Cmd) (answer raceAnswer, err error) {
	receiver := exec.Command(program, "receive", strconv.Itoa(cpu))
	receiver.Stderr = os.Stderr
	out, err := receiver.StdoutPipe()
	if err != nil {
		return answer, err
	}
	if err := receiver.Start(); err != nil {
		return answer, err
	}
	defer func() {
		_ = receiver.Process.Kill() // has ended long since, unless the sender failed
		_ = receiver.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return answer, fmt.Errorf("read the receiver's port: %w", err)
	}
	port, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return answer, err
	}
	cmd := sender(port)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return answer, err
	}
	return answer, json.Unmarshal(text, &answer)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
