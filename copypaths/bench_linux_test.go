package copypaths

import (
	"errors"
	"math"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkPaths streams a warm file through each path over loopback to a receiver on another CPU, where there is one.
// sender-cpu-ns/KiB is the sending thread's user and system time.
func BenchmarkPaths(b *testing.B) {
	const fileSize = 64 << 20
	sendCPU, receiveCPU, err := twoCPUs()
	if err != nil {
		b.Fatal(err)
	}
	file, err := writePayload(b.TempDir(), payload(fileSize, 13))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	for _, p := range moving() {
		for _, c := range []struct {
			name  string
			chunk int
		}{{"64B", 64}, {"4KiB", 4 << 10}, {"64KiB", 64 << 10}} {
			if c.chunk < 4<<10 && p.Source != FromMemory {
				continue
			}
			b.Run(name(p)+"/"+c.name, func(b *testing.B) {
				available(b, p)
				from, to, err := connection(0)
				if err != nil {
					b.Fatal(err)
				}
				received := make(chan taken, 1)
				go onCPU(receiveCPU, func(err error) {
					got := takeHere("recv", to, math.MaxInt64, 0)
					got.err = errors.Join(err, got.err)
					received <- got
				})
				s, err := openSending(p, file, fileSize, c.chunk, from, false)
				if err != nil {
					b.Fatal(err)
				}
				sent := make(chan error, 1)
				bytes := int64(b.N) * int64(c.chunk)
				var used int64
				b.SetBytes(int64(c.chunk))
				b.ResetTimer()
				go onCPU(sendCPU, func(err error) {
					latency := newHistogram()
					before := cpuTime(unix.RUSAGE_THREAD)
					_, failed := Stream(s, 0, bytes, fileSize, c.chunk, latency)
					used = cpuTime(unix.RUSAGE_THREAD) - before
					sent <- errors.Join(err, failed, s.close())
				})
				err = <-sent
				got := <-received
				b.StopTimer()
				if err := errors.Join(err, got.err); err != nil || got.bytes != bytes {
					b.Errorf("receiver got %d bytes of %d, error %v", got.bytes, bytes, err)
				}
				b.ReportMetric(float64(used)*1024/float64(bytes), "sender-cpu-ns/KiB")
			})
		}
	}
}

// onCPU runs f on a thread of its own that stays on a CPU. The thread ends with f, since it is never unlocked.
func onCPU(cpu int, f func(error)) {
	runtime.LockOSThread()
	f(pin(cpu))
}
