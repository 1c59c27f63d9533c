//go:build unix

package worker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"copylab/copypaths"
	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/host"
	"copylab/results/measured"
)

// stream is one connection of a sender with all that moves its share of the bytes.
type stream struct {
	file    *os.File
	socket  *socket // nil for the null path
	want    Socket
	mover   copypaths.Mover
	buffer  []byte
	latency results.Histogram
	start   int64 // offset in the file
	bytes   int64 // this stream's share
	reply   []byte

	operations int64
	moved      int64
	ended      time.Duration // since the trial's clock started
	err        error
}

func (s *stream) close() error {
	var errs []error
	if s.mover != nil {
		errs = append(errs, s.mover.Close())
	}
	if s.socket != nil {
		errs = append(errs, s.socket.close())
	}
	if s.buffer != nil {
		errs = append(errs, kernel.Free(s.buffer))
	}
	if s.file != nil {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(errs...)
}

// send is the sender's trial: everything is set up, then timed, then told.
func send(ctx context.Context, c *control, job Send) (result *Result, err error) {
	path, ok := copypaths.Find(copypaths.Source(job.Source), job.Path)
	if !ok {
		return nil, fmt.Errorf("send: unknown path %q", job.Path)
	}
	if job.Streams < 1 || job.ChunkBytes < 1 || job.FileBytes < 1 || (!job.Fetch && job.Bytes < 1) {
		return nil, fmt.Errorf("send: want at least 1 stream, 1 byte a chunk, 1 byte in the file and 1 byte to send")
	}
	if err := pin(job.CPU, job.Streams); err != nil {
		return nil, err
	}
	fields, err := loadMemory(job, path)
	if err != nil {
		return nil, err
	}
	if fields != nil {
		defer func() { err = errors.Join(err, fields.Free()) }()
	}
	streams := make([]*stream, job.Streams)
	defer func() {
		for _, s := range streams {
			if s != nil {
				err = errors.Join(err, s.close())
			}
		}
	}()
	for i, share := range Shares(job.Bytes, job.Streams, job.FileBytes, int64(job.ChunkBytes)) {
		if streams[i], err = openStream(job, path, fields, i, share); err != nil {
			return nil, fmt.Errorf("open stream %d of %d: %w%s", i+1, job.Streams, err, tooMany(err))
		}
	}
	counters, err := host.OpenCounters(job.Device)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, counters.Close()) }()
	nic, nicErr := watchInterface(counters, job.Address)

	result = &Result{Latency: map[string]results.Histogram{}, Settings: map[string]string{}}
	for _, s := range streams {
		if s.socket != nil && job.Socket.Delay {
			if err := s.socket.delay(true); err != nil {
				return nil, err
			}
		}
	}
	if streams[0].socket != nil {
		if result.Settings, err = streams[0].socket.settings(); err != nil {
			return nil, err
		}
	}
	if job.ToolCost {
		measureToolCost(result.Settings)
	}
	if result.Before, err = setCache(ctx, streams[0].file, job.Cache); err != nil {
		return nil, err
	}
	hardware := openHardware()
	defer func() { err = errors.Join(err, hardware.close()) }()
	profiled := openProfiling(job.Profile, job.AllCPUs, job.CPU, job.Peer)
	defer func() { err = errors.Join(err, profiled.close()) }()
	memory := openMemoryTraffic(job.Memory)
	defer func() { err = errors.Join(err, memory.close()) }()
	syscalls := openSyscallCounting(job.Syscalls)
	defer func() { err = errors.Join(err, syscalls.close()) }()
	between := newAround(len(streams), func(i int) *socket { return streams[i].socket })
	if path.Connection == copypaths.Descriptor && job.Streams == 1 {
		ownDescriptors(result.Settings)
	}
	putOffCollections(job.Streams)
	if err := c.awaitGo(ctx); err != nil {
		return nil, err
	}

	moved := func(i int) map[string]int64 { return streams[i].mover.Syscalls() }
	opening := ownCalls(len(streams), moved, nil)
	connections := newConnections(len(streams), func(i int) *socket { return streams[i].socket })
	var before, after usage
	between.begin()
	connections.before() // outermost: it asks once for each connection, which is no work of the trial
	counters.Before()
	memory.start()
	hardware.start()
	profiled.start()
	before.snap()
	syscalls.start()
	if job.Fetch {
		between.told++
		// The receiver drives; it may start as soon as this side's counters have been read.
		if err := c.tell(EventArmed); err != nil {
			return nil, err
		}
	}
	elapsed := together(len(streams), func(i int, epoch time.Time) time.Duration {
		streams[i].run(epoch, job)
		return streams[i].ended
	})
	syscalls.stop()
	after.snap()
	profiled.stop()
	hardware.stop()
	memory.stop()
	counters.After()
	connections.after()

	for i, s := range streams {
		if s.err != nil {
			return nil, fmt.Errorf("%s, stream %d of %d, after %d bytes: %w", job.Path, i+1, len(streams), s.moved, s.err)
		}
	}
	result.After = host.Resident(streams[0].file)
	result.Side = side(job.CPU, elapsed, &before, &after)
	result.Side.TCP, result.Side.Hardware = connections.info(), hardware.counts()
	result.ElapsedNS = measured.Known(int64(elapsed))
	result.Side.Traced, result.Memory = syscalls.tell(between.calls()), memory.tell()
	result.Machine, result.Device = counters.Machine(), counters.Device()
	switch {
	case nicErr != nil:
		unknown := host.NoInterface(nicErr)
		result.Interface = &unknown
	case nic:
		link := counters.Interface()
		result.Interface = &link
	}
	result.Side.Syscalls = ownCalls(len(streams), moved, opening)
	latency := streams[0].latency
	for i, s := range streams {
		result.Bytes += s.moved
		result.Operations += s.operations
		if i > 0 {
			latency.Merge(s.latency.Histogram)
		}
	}
	// After the system calls were counted, since asking makes some more.
	if c, known := completions(streams); known {
		result.Settings[results.SettingZeroCopied] = strconv.FormatInt(c.ZeroCopy, 10)
		result.Settings[results.SettingCopied] = strconv.FormatInt(c.Copied, 10)
	}
	describeMovers(streams, result.Settings)
	result.Latency["op"] = latency
	profiled.tell(result)
	return result, nil
}

// watchInterface has the counters of the interface read through which this thread's namespace sends to an address; false where there is none, as of the null path.
func watchInterface(counters *host.Counters, address string) (bool, error) {
	if address == "" {
		return false, nil
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return false, fmt.Errorf("find the network interface towards %q: %w", address, err)
	}
	nic, err := host.NICOf(to.Addr())
	if err != nil {
		return false, err
	}
	counters.WatchInterface(nic.Name)
	return true, nil
}

// completions sums up what the kernel said of the streams' zero-copy sends. known is false for a path that makes none.
func completions(streams []*stream) (sum copypaths.Completions, known bool) {
	for _, s := range streams {
		if c, ok := s.mover.(copypaths.Completer); ok {
			known = true
			got := c.Completions()
			sum.ZeroCopy += got.ZeroCopy
			sum.Copied += got.Copied
		}
	}
	return sum, known
}

// describeMovers adds the settings of the streams' paths. Where the streams differ in one, it holds each of their values
// once, in the order of the streams.
func describeMovers(streams []*stream, into map[string]string) {
	var all []map[string]string
	for _, s := range streams {
		if d, ok := s.mover.(copypaths.Describer); ok {
			all = append(all, d.Settings())
		}
	}
	mergeSettings(all, into)
}

func mergeSettings(all []map[string]string, into map[string]string) {
	values := map[string][]string{}
	for _, one := range all {
		for name, v := range one {
			if !slices.Contains(values[name], v) {
				values[name] = append(values[name], v)
			}
		}
	}
	for name, v := range values {
		into[name] = strings.Join(v, ", ")
	}
}

// openStream readies one stream: its own open file, buffer, connection and path.
func openStream(job Send, path copypaths.Path, fields *copypaths.Fields, i int, share Share) (_ *stream, err error) {
	s := &stream{want: job.Socket, latency: results.NewHistogram(), reply: make([]byte, requestBytes), start: share.Start, bytes: share.Count}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.file, err = os.Open(job.File); err != nil {
		return nil, fmt.Errorf("open file to send: %w", err)
	}
	if s.buffer, err = kernel.Buffer(job.ChunkBytes); err != nil {
		return nil, err
	}
	ends := copypaths.Ends{File: s.file, FileSize: job.FileBytes, Socket: -1, Chunk: job.ChunkBytes, Buffer: s.buffer, Memory: fields, Streams: job.Streams,
		Dedicated: true} // see pin: there are more Go processors than streams, and nothing else to do
	if path.Connection != copypaths.NoConnection {
		if s.socket, err = dial(job.Address, path.Connection, job.Socket); err != nil {
			return nil, err
		}
		if err = s.introduce(job.Token); err != nil {
			return nil, err
		}
		if err = s.ramp(i, job.Streams); err != nil {
			return nil, err
		}
		ends.Socket, ends.Conn = s.socket.fd, s.socket.conn
	}
	if s.mover, err = path.Open(ends); err != nil {
		return nil, fmt.Errorf("open path %s: %w", path.ID, err)
	}
	// A cork before that would hold back a path's handshake.
	if err = s.cork(true); err != nil {
		return nil, err
	}
	return s, nil
}

// loadMemory brings the bytes that a path from memory sends into memory; nil for every other path.
func loadMemory(job Send, path copypaths.Path) (_ *copypaths.Fields, err error) {
	if path.Source != copypaths.FromMemory {
		return nil, nil
	}
	f, err := os.Open(job.File)
	if err != nil {
		return nil, fmt.Errorf("open file to load into memory: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return copypaths.NewFields(f, job.FileBytes, job.ChunkBytes)
}

// introduce says to a sink which trial this connection belongs to.
func (s *stream) introduce(token string) error {
	if token == "" {
		return nil
	}
	header, err := DataHeader(token)
	if err != nil {
		return err
	}
	if _, err := s.socket.Write(header); err != nil {
		return fmt.Errorf("introduce a connection to the sink: %w", err)
	}
	return nil
}

// cork holds TCP_CORK, if the job wants it, and lets go of it, so that what it held back is sent.
func (s *stream) cork(hold bool) error {
	if !s.want.Cork || s.socket == nil {
		return nil
	}
	return s.socket.cork(hold)
}

// push sends what a cork or Nagle's algorithm holds back at the end of a stream. Without it, the last bytes would wait for a delayed
// acknowledgement, some 40 ms, and a trial's rate would depend on its length.
func (s *stream) push() error {
	if err := s.cork(false); err != nil || !s.want.Delay {
		return err
	}
	return s.socket.delay(false)
}

// ramp tells the receiver which stream this is and moves a few untimed bytes, by plain writes from memory whatever the path,
// so that every path starts on a connection in the same state.
func (s *stream) ramp(i, streams int) (err error) {
	buffer, err := kernel.Buffer(64 << 10)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kernel.Free(buffer)) }()
	binary.LittleEndian.PutUint32(buffer, uint32(i))
	if _, err := s.socket.Write(buffer[:4]); err != nil {
		return fmt.Errorf("open stream %d: %w", i, err)
	}
	for left := rampBytes(streams); left > 0; left -= len(buffer) {
		if _, err := s.socket.Write(buffer[:min(left, len(buffer))]); err != nil {
			return fmt.Errorf("ramp stream %d: %w", i, err)
		}
	}
	return s.confirmed()
}

// confirmed waits for the receiver's word that it has everything.
func (s *stream) confirmed() error {
	if _, err := io.ReadFull(s.socket, s.reply[:1]); err != nil {
		return fmt.Errorf("wait for the receiver to confirm: %w (the receiver has gone)", err)
	}
	return nil
}

func (s *stream) run(epoch time.Time, job Send) {
	if job.Fetch {
		s.err = s.serve(job)
	} else {
		s.operations, s.err = copypaths.Stream(s.mover, s.start, s.bytes, job.FileBytes, job.ChunkBytes, s.latency.Histogram)
		if s.err == nil {
			s.moved = s.bytes
			if s.socket != nil {
				if s.err = s.push(); s.err == nil {
					s.err = s.confirmed()
				}
			}
		}
	}
	s.ended = time.Since(epoch)
}

// serve answers requests until the receiver has had enough. The time of an operation is that of the move alone.
func (s *stream) serve(job Send) error {
	flusher, flushes := s.mover.(copypaths.Flusher)
	epoch := time.Now()
	for {
		if _, err := io.ReadFull(s.socket, s.reply); err != nil {
			return fmt.Errorf("wait for a request: %w (the receiver has gone)", err)
		}
		off, n := getRequest(s.reply)
		if n == 0 {
			return nil
		}
		if off < 0 || n < 0 || n > int64(job.ChunkBytes) || off > job.FileBytes-n {
			return fmt.Errorf("answer request: %d bytes at offset %d are outside the file of %d bytes or over the chunk of %d", n, off, job.FileBytes, job.ChunkBytes)
		}
		began := time.Since(epoch)
		if err := s.mover.Move(off, int(n)); err != nil {
			return fmt.Errorf("move %d bytes at offset %d: %w", n, off, err)
		}
		if flushes { // whoever asked waits for all of it
			if err := flusher.Flush(); err != nil {
				return fmt.Errorf("flush %d bytes at offset %d: %w", n, off, err)
			}
		}
		if s.want.Cork { // the end of an answer must not wait for the next one
			if err := errors.Join(s.cork(false), s.cork(true)); err != nil {
				return err
			}
		}
		if err := s.latency.RecordValue(max(1, int64(time.Since(epoch)-began))); err != nil {
			return fmt.Errorf("record an operation: %w", err)
		}
		s.operations++
		s.moved += n
	}
}
