//go:build unix

package worker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"copylab/copypaths/receivers"
	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/host"
	"copylab/results/measured"
)

// sink is one connection of a receiver.
type sink struct {
	socket  *socket
	taker   receivers.Taker
	buffer  []byte
	latency results.Histogram
	request []byte

	start    int64 // fetch: first offset
	bytes    int64 // stream: this stream's share
	requests int64 // fetch: this stream's share

	taken      int64
	operations int64
	ended      time.Duration
	err        error
}

func (s *sink) close() error {
	var errs []error
	if s.taker != nil {
		errs = append(errs, s.taker.Close())
	}
	if s.socket != nil {
		errs = append(errs, s.socket.close())
	}
	if s.buffer != nil {
		errs = append(errs, kernel.Free(s.buffer))
	}
	return errors.Join(errs...)
}

// receive is the receiver's trial. In the stream workload the sender holds the clock and this side only takes; in the
// fetch workload this side asks, and holds the clock.
func receive(ctx context.Context, c *control, job Receive) (result *Result, err error) {
	kind, ok := receivers.Find(job.Receiver)
	if !ok {
		return nil, fmt.Errorf("receive: unknown receiver %q", job.Receiver)
	}
	if job.Streams < 1 || job.BufferBytes < 1 || (!job.Fetch && job.Bytes < 1) || (job.Fetch && (job.Requests < 1 || job.ChunkBytes < 1 || job.FileBytes < job.ChunkBytes)) {
		return nil, errors.New("receive: want at least 1 stream, a buffer, and bytes or requests")
	}
	if err := pin(job.CPU, job.Streams); err != nil {
		return nil, err
	}
	sinks := make([]*sink, job.Streams)
	defer func() {
		for _, s := range sinks {
			if s != nil {
				err = errors.Join(err, s.close())
			}
		}
	}()
	from, err := openDoor(job)
	if err != nil {
		return nil, err
	}
	err = writeLine(c.out, Message{Event: EventListening, Address: from.address})
	for i := 0; err == nil && i < job.Streams; i++ {
		if err = acceptSink(from, job, kind, sinks); err != nil {
			err = fmt.Errorf("take connection %d of %d: %w%s", i+1, job.Streams, err, tooMany(err))
		}
	}
	if err = errors.Join(err, from.close()); err != nil {
		return nil, err
	}
	for _, s := range sinks {
		if job.Socket.Delay {
			if err := s.socket.delay(true); err != nil {
				return nil, err
			}
		}
	}
	var counters *host.Counters
	if job.Counters {
		if counters, err = host.OpenCounters(""); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, counters.Close()) }()
	}
	hardware := openHardware()
	defer func() { err = errors.Join(err, hardware.close()) }()
	profiled := openProfiling(job.Profile, false, job.CPU, 0)
	defer func() { err = errors.Join(err, profiled.close()) }()
	syscalls := openSyscallCounting(job.Syscalls)
	defer func() { err = errors.Join(err, syscalls.close()) }()
	between := newAround(len(sinks), func(i int) *socket { return sinks[i].socket })
	result = &Result{Latency: map[string]results.Histogram{}}
	settings, err := sinks[0].socket.settings()
	if err != nil {
		return nil, err
	}
	result.Settings = settings
	kernel.SharpenTimers()
	if job.Streams == 1 {
		ownDescriptors(result.Settings)
	}
	putOffCollections(job.Streams)
	if err := c.awaitGo(ctx); err != nil {
		return nil, err
	}

	taken := func(i int) map[string]int64 { return sinks[i].taker.Syscalls() }
	opening := ownCalls(len(sinks), taken, nil)
	connections := newConnections(len(sinks), func(i int) *socket { return sinks[i].socket })
	var before, after usage
	between.begin()
	connections.before()
	if counters != nil {
		counters.Before()
	}
	hardware.start()
	profiled.start()
	before.snap()
	syscalls.start()
	if !job.Fetch {
		between.told++
		if err := c.tell(EventArmed); err != nil {
			return nil, err
		}
	}
	elapsed := together(len(sinks), func(i int, epoch time.Time) time.Duration {
		sinks[i].run(epoch, job)
		return sinks[i].ended
	})
	syscalls.stop()
	after.snap()
	profiled.stop()
	hardware.stop()
	if counters != nil {
		counters.After()
		result.Machine = counters.Machine()
	}
	connections.after()

	for i, s := range sinks {
		if s.err != nil {
			return nil, fmt.Errorf("%s, stream %d of %d, after %d bytes: %w", job.Receiver, i+1, len(sinks), s.taken, s.err)
		}
	}
	result.Side = side(job.CPU, elapsed, &before, &after)
	result.Side.TCP, result.Side.Hardware = connections.info(), hardware.counts()
	result.Side.Traced = syscalls.tell(between.calls())
	if job.Rate > 0 {
		spins := measured.Unavailable[int64]("the open loop spins on the clock until the next request is due")
		result.Side.UserNS, result.Side.SystemNS = spins, spins
	}
	if job.Fetch {
		result.ElapsedNS = measured.Known(int64(elapsed))
		merged := sinks[0].latency
		for _, s := range sinks[1:] {
			merged.Merge(s.latency.Histogram)
		}
		result.Latency["fetch"] = merged
	}
	result.Side.Syscalls = ownCalls(len(sinks), taken, opening)
	for _, s := range sinks {
		result.Bytes += s.taken
		result.Operations += s.operations
		if sum := s.taker.Sum(); sum != "" {
			result.Sums = append(result.Sums, sum)
		}
	}
	describeTakers(sinks, result.Settings)
	profiled.tell(result)
	return result, nil
}

// describeTakers adds the settings of the streams' receivers, and of those that know, how many bytes were mapped and how many
// copied.
func describeTakers(sinks []*sink, into map[string]string) {
	var all []map[string]string
	var mapped, copied int64
	known := false
	for _, s := range sinks {
		if d, ok := s.taker.(receivers.Describer); ok {
			all = append(all, d.Settings())
		}
		if m, ok := s.taker.(receivers.Mapper); ok {
			known = true
			a, b := m.Mapped()
			mapped, copied = mapped+a, copied+b
		}
	}
	mergeSettings(all, into)
	if known {
		into["mapped_bytes"], into["copied_bytes"] = strconv.FormatInt(mapped, 10), strconv.FormatInt(copied, 10)
	}
}

// acceptSink takes the next connection, learns which stream it is, and takes part in its ramp.
func acceptSink(from *door, job Receive, kind receivers.Receiver, sinks []*sink) (err error) {
	s := &sink{latency: results.NewHistogram(), request: make([]byte, requestBytes)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.socket, err = from.accept(); err != nil {
		return err
	}
	if s.buffer, err = kernel.Buffer(job.BufferBytes); err != nil {
		return err
	}
	if _, err = io.ReadFull(s.socket, s.request[:4]); err != nil {
		return fmt.Errorf("learn which stream this is: %w", err)
	}
	i := int(binary.LittleEndian.Uint32(s.request))
	if i < 0 || i >= len(sinks) || sinks[i] != nil {
		return fmt.Errorf("learn which stream this is: %d is not one of the %d expected", i, len(sinks))
	}
	for left := rampBytes(job.Streams); left > 0; {
		n, err := s.socket.Read(s.buffer[:min(left, len(s.buffer))])
		if err != nil {
			return fmt.Errorf("ramp stream %d: %w", i, err)
		}
		left -= n
	}
	// Confirmed first: the sender opens its path then, and with TLS both ends open on each other's handshake.
	if err = s.confirm(); err != nil {
		return err
	}
	if s.taker, err = kind.Open(receivers.End{Socket: s.socket.fd, Buffer: s.buffer, Dedicated: true, TLS: job.TLS, Dir: job.Dir,
		FileBytes: max(1, job.FileBytes/int64(job.Streams))}); err != nil {
		return fmt.Errorf("open receiver %s: %w", kind.ID, err)
	}
	if job.Fetch {
		share := Shares(job.Requests, job.Streams, job.FileBytes, job.ChunkBytes)[i]
		s.start, s.requests = share.Start, share.Count
	} else {
		s.bytes = Shares(job.Bytes, job.Streams, 0, 1)[i].Count // where they come from is the sender's business
	}
	sinks[i] = s
	return nil
}

// confirm tells the sender that everything has arrived. What goes this way is never encrypted: it is copylab's, not payload.
func (s *sink) confirm() error {
	s.request[0] = 1
	if _, err := s.socket.Write(s.request[:1]); err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	return nil
}

func (s *sink) run(epoch time.Time, job Receive) {
	if job.Fetch {
		s.err = s.fetch(epoch, job)
	} else if s.err = s.take(s.bytes); s.err == nil {
		s.err = s.confirm()
		s.ended = time.Since(epoch)
	}
}

// take receives exactly n bytes.
func (s *sink) take(n int64) error {
	for left := n; left > 0; {
		got, err := s.taker.Take(left)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("receive: the sender closed with %d of %d bytes still to come", left, n)
		}
		if err != nil {
			return err
		}
		left -= got
		s.taken += got
	}
	return nil
}

// fetch asks for one chunk after another and times each until its last byte has arrived: from the moment of asking in a
// closed loop, from the moment at which it was due in an open one, so that a stall is charged to every request that it
// delayed.
func (s *sink) fetch(epoch time.Time, job Receive) error {
	var interval float64 // ns between requests of this stream
	if job.Rate > 0 {
		interval = 1e9 * float64(job.Streams) / job.Rate
	}
	began := time.Since(epoch)
	off := s.start
	for i := range s.requests {
		n := min(job.ChunkBytes, job.FileBytes-off)
		putRequest(s.request, off, n)
		due := time.Since(epoch)
		if interval > 0 {
			due = began + time.Duration(float64(i)*interval)
			kernel.SleepUntil(epoch, due)
		}
		if _, err := s.socket.Write(s.request); err != nil {
			return fmt.Errorf("ask for %d bytes at offset %d: %w", n, off, err)
		}
		if err := s.take(n); err != nil {
			return fmt.Errorf("fetch %d bytes at offset %d: %w", n, off, err)
		}
		s.ended = time.Since(epoch)
		if err := s.latency.RecordValue(max(1, int64(s.ended-due))); err != nil {
			return fmt.Errorf("record a fetch: %w", err)
		}
		s.operations++
		if off += n; off == job.FileBytes {
			off = 0
		}
	}
	putRequest(s.request, 0, 0)
	if _, err := s.socket.Write(s.request); err != nil {
		return fmt.Errorf("end the conversation: %w", err)
	}
	return nil
}
