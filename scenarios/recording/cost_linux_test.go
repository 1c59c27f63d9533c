package recording

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"copylab/copypaths"
	"copylab/copypaths/receivers"
	"copylab/internal/kernel"
)

// BenchmarkSampling measures what being sampled costs a thread that moves a file by read-write: not at all sampled, at the usual period, and
// its CPU sampled too.
func BenchmarkSampling(b *testing.B) {
	for _, c := range []struct {
		name     string
		periodNS int64
		cpu      bool
	}{{name: "off"}, {"thread-1kHz", 1_003_009, false}, {"thread", kernel.SamplePeriodNS, false}, {"thread+cpu", kernel.SamplePeriodNS, true}} {
		b.Run(c.name, func(b *testing.B) {
			if err := moveSampled(b, c.periodNS, c.cpu); err != nil {
				if errors.Is(err, unix.EACCES) {
					b.Skip(err)
				}
				b.Fatal(err)
			}
		})
	}
}

// moveSampled moves 16 MiB for each iteration, on a thread pinned to CPU 0, to a receiver on CPU 1.
func moveSampled(b *testing.B, periodNS int64, cpu bool) (err error) {
	name := filepath.Join(b.TempDir(), "payload")
	if err := os.WriteFile(name, make([]byte, fileBytes), 0o600); err != nil {
		return err
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	from, to, err := connect()
	if err != nil {
		return err
	}
	received := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		received <- errors.Join(pin(1), drain(to))
	}()
	sent := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		sent <- func() (err error) {
			defer func() { err = errors.Join(err, unix.Close(from)) }()
			buffer, err := kernel.Buffer(chunk)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, kernel.Free(buffer)) }()
			path, _ := copypaths.Find(copypaths.FromFile, "read-write")
			m, err := path.Open(copypaths.Ends{File: file, FileSize: fileBytes, Socket: from, Chunk: chunk, Buffer: buffer})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, m.Close()) }()
			if err := pin(0); err != nil {
				return err
			}
			var samplers []*kernel.Sampler
			if periodNS > 0 {
				s, err := kernel.SampleThread(unix.Gettid(), periodNS)
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, s.Close()) }()
				samplers = append(samplers, s)
			}
			if cpu {
				s, err := kernel.SampleCPU(0, periodNS)
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, s.Close()) }()
				samplers = append(samplers, s)
			}
			for _, s := range samplers {
				if err := s.Start(); err != nil {
					return err
				}
			}
			latency := hdrhistogram.New(1, int64(time.Hour), 3)
			b.SetBytes(fileBytes / 2)
			var before, after unix.Rusage
			if err := unix.Getrusage(unix.RUSAGE_THREAD, &before); err != nil {
				return err
			}
			b.ResetTimer()
			for range b.N {
				if _, err := copypaths.Stream(m, 0, fileBytes/2, fileBytes, chunk, latency); err != nil {
					return err
				}
			}
			b.StopTimer()
			if err := unix.Getrusage(unix.RUSAGE_THREAD, &after); err != nil {
				return err
			}
			cpuNS := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
			b.ReportMetric(float64(cpuNS)/float64(b.N)/(fileBytes/2/1024), "cpu-ns/KiB")
			for _, s := range samplers {
				if _, err := s.Stop(); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	return errors.Join(<-sent, <-received)
}

// pin binds the calling thread to a CPU.
func pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu % runtime.NumCPU())
	return unix.SchedSetaffinity(0, &set)
}

// drain receives until the sender closes.
func drain(socket int) (err error) {
	defer func() { err = errors.Join(err, unix.Close(socket)) }()
	buffer, err := kernel.Buffer(256 << 10)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kernel.Free(buffer)) }()
	recv, _ := receivers.Find("recv")
	k, err := recv.Open(receivers.End{Socket: socket, Buffer: buffer})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	for {
		if _, err := k.Take(1 << 40); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
