package worker

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"copylab/diskwrite"
	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/host"
)

const (
	// sampleInterval is the time between two points of a timeline.
	sampleInterval = 100 * time.Millisecond
	// mostPoints bounds a timeline. Where it is reached, every second point goes, and from then on the interval is twice as long.
	mostPoints = 3000
)

// timeline samples how a write goes, on a thread beside the writer's. That thread shares nothing with the writer but the cache line of
// its Progress, has a CPU of its own where there are two, and takes no lock, no timer of Go's, and no memory until the write is over. It keeps one
// of GOMAXPROCS (see kernel.Sleep).
type timeline struct {
	progress *diskwrite.Progress
	sampler  *host.Sampler
	interval time.Duration
	points   []point // the first is taken by the writer's thread, before epoch is set; those up to done by the other

	epoch   atomic.Pointer[time.Time] // of the first write; nil: it has not begun
	stopped atomic.Bool
	done    chan struct{}
}

// point is one moment. For what a reading of the machine counts as missing, see host.Sampler.
type point struct {
	at       time.Duration
	accepted int64
	longest  time.Duration
	machine  host.Sample
}

// startTimeline readies a timeline of a run with that progress, on the given CPU; -1: on any that this process may use. It must be
// ended by stop.
func startTimeline(device string, progress *diskwrite.Progress, cpu int, settings map[string]string) (*timeline, error) {
	sampler, err := host.OpenSampler(device)
	if err != nil {
		return nil, err
	}
	t := &timeline{progress: progress, sampler: sampler, interval: sampleInterval, points: make([]point, 0, mostPoints), done: make(chan struct{})}
	clear(t.points[:mostPoints]) // touch the pages now
	placed := make(chan error)
	go t.sample(cpu, placed)
	if err := <-placed; err != nil {
		return nil, errors.Join(fmt.Errorf("sample a timeline: %w", err), sampler.Close())
	}
	settings["timeline_cpu"] = "any"
	if cpu >= 0 {
		settings["timeline_cpu"] = strconv.Itoa(cpu)
	}
	return t, nil
}

// begin takes the first point. It is called by the writer's thread, right before the first write.
func (t *timeline) begin() {
	t.points = append(t.points, point{machine: t.sampler.Sample()})
	epoch := time.Now()
	t.epoch.Store(&epoch)
}

// stop ends the sampling, within an interval. It may be called again.
func (t *timeline) stop() error {
	t.stopped.Store(true)
	<-t.done
	return t.sampler.Close()
}

// sample is the sampling thread. It is never unlocked: the thread ends with it, and its place with the thread.
func (t *timeline) sample(cpu int, placed chan<- error) {
	runtime.LockOSThread()
	var err error
	if cpu >= 0 {
		err = host.PinThread(cpu)
	}
	placed <- err
	if err != nil {
		return
	}
	defer close(t.done)
	// The writer's thread wakes nobody when it begins: that would take its time.
	for t.epoch.Load() == nil {
		if t.stopped.Load() {
			return
		}
		kernel.Sleep(time.Millisecond)
	}
	epoch := *t.epoch.Load()
	for due := t.interval; ; {
		if rest := due - time.Since(epoch); rest > 0 {
			kernel.Sleep(rest)
		}
		if t.stopped.Load() {
			// What is left is the state that the write ended in.
			t.take(epoch)
			return
		}
		t.take(epoch)
		// A point that comes late does not make the later ones late. Those that it passed are left out.
		due += t.interval
		if now := time.Since(epoch); due <= now {
			due = now.Truncate(t.interval) + t.interval
		}
	}
}

// take adds a point.
func (t *timeline) take(epoch time.Time) {
	if len(t.points) == cap(t.points) {
		t.thin()
	}
	t.points = append(t.points, point{at: time.Since(epoch), accepted: t.progress.AcceptedBytes(), longest: t.progress.TakeMaxLatency(), machine: t.sampler.Sample()})
}

// thin leaves out every second point, and doubles the interval. The longest write of one that goes counts in the next.
func (t *timeline) thin() {
	kept := t.points[:1]
	for i := 2; i < len(t.points); i += 2 {
		p := t.points[i]
		p.longest = max(p.longest, t.points[i-1].longest)
		kept = append(kept, p)
	}
	if len(t.points)%2 == 0 { // the last one has none after it to count in
		kept = append(kept, t.points[len(t.points)-1])
	}
	t.points = kept
	t.interval *= 2
}

// result is the timeline in the record's form. It comes after stop.
func (t *timeline) result() *results.Timeline {
	r := &results.Timeline{}
	for _, p := range t.points {
		r.AtNS = append(r.AtNS, int64(p.at))
		r.AcceptedBytes = append(r.AcceptedBytes, p.accepted)
		r.MaxLatencyNS = append(r.MaxLatencyNS, int64(p.longest))
	}
	for _, s := range []struct {
		key     string
		reading host.Reading
		into    *[]int64
		zero    int64
	}{
		{"dirty_bytes", host.SampleDirty, &r.DirtyBytes, 0},
		{"writeback_bytes", host.SampleWriteback, &r.WritebackBytes, 0},
		{"dirty_background_limit_bytes", host.SampleBackgroundLimit, &r.BackgroundLimitBytes, 0},
		{"dirty_limit_bytes", host.SampleLimit, &r.LimitBytes, 0},
		{"device_write_bytes", host.SampleDeviceWrites, &r.DeviceWriteBytes, t.points[0].machine[host.SampleDeviceWrites]},
	} {
		if err := t.sampler.Err(s.reading); err != nil {
			if r.Unavailable == nil {
				r.Unavailable = map[string]string{}
			}
			r.Unavailable[s.key] = err.Error()
			continue
		}
		for _, p := range t.points {
			*s.into = append(*s.into, p.machine[s.reading]-s.zero)
		}
	}
	return r
}
