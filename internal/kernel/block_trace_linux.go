package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// blockSector is the unit of the block layer's sectors, whatever the device's own are (include/linux/blk_types.h).
const blockSector = 512

// blockRingBytes is the ring of each CPU. A request takes some 200 bytes, so that there is room for 10,000 between two reads.
const blockRingBytes = 2 << 20

// BlockTrace reports what a block device is given, by whomever on this machine: its requests after the page cache and the
// scheduler have sorted and joined what programs wrote. It listens to tracepoints through perf_event_open(2), with one ring for
// each CPU, and vanishes with the process:
//
//   - block_rq_issue: the device is given a request. A cache flush is one of its own, without data, which the kernel makes of
//     a write that asks for one, and one may serve several (block/blk-flush.c).
//   - block_rq_requeue: it did not take it. It is given it again later, which is an issue again.
//
// There is also block_rq_complete. It is not listened to: some kernels don't report what happens in an interrupt that ends a CPU's idling, which
// is when most requests are completed.
//
// It is used by one goroutine at a time.
type BlockTrace struct {
	rings    []*PerfRing
	device   uint32
	layouts  map[uint16]blockLayout // by the tracepoint's ID, with which its data begin
	pending  []blockEvent           // read from the rings, and not reported yet
	lookedNS int64                  // when the rings were looked at last
	lost     int64
}

// blockLayout is where the fields of one of the tracepoints lie.
type blockLayout struct {
	what                              blockEventKind
	device, sector, count, bytes, ops TraceField
	hasBytes                          bool
}

type blockEventKind uint8

const (
	blockIssued blockEventKind = iota
	blockRequeued
)

// blockEvent is a tracepoint that was passed.
type blockEvent struct {
	atNS          int64
	pid           int
	offset, bytes int64
	what          blockEventKind
	kind          BlockKind
	sync, force   bool
	void          bool // the device did not take it
}

func blockTracepoints() []struct {
	name string
	what blockEventKind
} {
	return []struct {
		name string
		what blockEventKind
	}{{"block/block_rq_issue", blockIssued}, {"block/block_rq_requeue", blockRequeued}}
}

// OpenBlockTrace readies a trace of the device that sysfs calls so, as "vda": a whole disk with requests of its own. It needs
// tracefs to be readable, and CAP_PERFMON or kernel.perf_event_paranoid -1. The error says what would allow it.
func OpenBlockTrace(device string) (t *BlockTrace, err error) {
	at := filepath.Join("/sys/class/block", device)
	if _, err := os.Stat(filepath.Join(at, "partition")); err == nil {
		return nil, fmt.Errorf("trace %s: it is a partition, and requests are the whole disk's", device)
	}
	if _, err := os.Stat(filepath.Join(at, "mq")); err != nil {
		return nil, fmt.Errorf("trace %s: it has no request queue of its own: what it is given goes on to the devices below", device)
	}
	text, err := os.ReadFile(filepath.Join(at, "dev"))
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", device, err)
	}
	number, err := blockDeviceNumber(string(text))
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", device, err)
	}
	online, err := onlineCPUs()
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", device, err)
	}
	t = &BlockTrace{device: number, layouts: map[uint16]blockLayout{}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("trace %s: %w", device, err), t.Close())
			t = nil
		}
	}()
	var events []PerfEvent
	for _, p := range blockTracepoints() {
		point, err := FindTracepoint(p.name)
		if err != nil {
			return t, err
		}
		layout, err := layOut(point, p.what)
		if err != nil {
			return t, err
		}
		t.layouts[uint16(point.ID)] = layout
		events = append(events, SampleTracepoint(point, fmt.Sprintf("dev == %d", number)))
	}
	for _, cpu := range online {
		r, err := OpenPerfRing(-1, cpu, blockRingBytes, events...)
		if errors.Is(err, unix.ENODEV) { // it went offline meanwhile
			continue
		}
		if err != nil {
			return t, err
		}
		t.rings = append(t.rings, r)
	}
	return t, nil
}

// ProbeBlockTrace tells whether this process may read block tracepoints, by opening the event on one CPU for a moment.
func ProbeBlockTrace() Status {
	point, err := FindTracepoint(blockTracepoints()[0].name)
	if err != nil {
		return Unavailable("%v", err)
	}
	online, err := onlineCPUs()
	if err != nil {
		return Unknown("%v", err)
	}
	r, err := OpenPerfRing(-1, online[0], 64<<10, SampleTracepoint(point, ""))
	if err != nil {
		return Unavailable("%v", err)
	}
	if err := r.Close(); err != nil {
		return Unknown("%v", err)
	}
	return Available()
}

func layOut(t Tracepoint, what blockEventKind) (l blockLayout, err error) {
	l.what = what
	for _, f := range []struct {
		name string
		into *TraceField
	}{{"dev", &l.device}, {"sector", &l.sector}, {"nr_sector", &l.count}, {"rwbs", &l.ops}} {
		if *f.into, err = t.Field(f.name); err != nil {
			return l, err
		}
	}
	if what == blockIssued { // the other has only whole sectors
		l.bytes, err = t.Field("bytes")
		l.hasBytes = true
	}
	return l, err
}

// blockDeviceNumber is the kernel's own form of a device number as sysfs writes it, "254:0": 20 bits for the minor
// (include/linux/kdev_t.h).
func blockDeviceNumber(text string) (uint32, error) {
	major, minor, _ := strings.Cut(strings.TrimSpace(text), ":")
	a, err := strconv.ParseUint(major, 10, 12)
	if err != nil {
		return 0, fmt.Errorf("read device number %q: %w", text, err)
	}
	b, err := strconv.ParseUint(minor, 10, 20)
	if err != nil {
		return 0, fmt.Errorf("read device number %q: %w", text, err)
	}
	return uint32(a<<20 | b), nil
}

// onlineCPUs lists the CPUs that run: /sys/devices/system/cpu/online, as "0-3,8".
func onlineCPUs() (cpus []int, err error) {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return nil, err
	}
	for part := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		first, last, ok := strings.Cut(part, "-")
		if !ok {
			last = first
		}
		from, err := strconv.Atoi(first)
		if err != nil {
			return nil, fmt.Errorf("read the online CPUs: %w", err)
		}
		to, err := strconv.Atoi(last)
		if err != nil {
			return nil, fmt.Errorf("read the online CPUs: %w", err)
		}
		for cpu := from; cpu <= to; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// Start and Stop bound what is traced.
func (t *BlockTrace) Start() error { return t.each((*PerfRing).Start) }

// Stop is Start's counterpart. Rest tells what was traced until then.
func (t *BlockTrace) Stop() error { return t.each((*PerfRing).Stop) }

// Close ends the trace.
func (t *BlockTrace) Close() error {
	err := t.each((*PerfRing).Close)
	t.rings = nil
	return err
}

func (t *BlockTrace) each(do func(*PerfRing) error) error {
	var errs []error
	for _, r := range t.rings {
		errs = append(errs, do(r))
	}
	return errors.Join(errs...)
}

// Lost is how many tracepoints are missing because a ring was full. With any, the trace is incomplete.
func (t *BlockTrace) Lost() int64 { return t.lost }

// Read reports the requests that the device was given until the Read before, in their order. Those that came since then are kept
// for the next one: a request of that time may still be under way into another CPU's ring. Call it several times a second.
func (t *BlockTrace) Read(report func(BlockRequest)) error {
	until := t.lookedNS
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("clock_gettime: %w", err)
	}
	t.lookedNS = now.Nano()
	if err := t.gather(); err != nil {
		return err
	}
	t.tell(until, report)
	return nil
}

// Rest reports all that is left, after Stop.
func (t *BlockTrace) Rest(report func(BlockRequest)) error {
	if err := t.gather(); err != nil {
		return err
	}
	t.tell(1<<63-1, report)
	return nil
}

// gather takes everything out of the rings.
func (t *BlockTrace) gather() error {
	for _, r := range t.rings {
		// What the kernel goes on writing meanwhile is left for the next time once a whole ring was read.
		for left := r.Bytes(); left > 0; {
			record, ok, err := r.Next()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			left -= perfHeader + len(record.body)
			if err := t.take(record); err != nil {
				return err
			}
		}
	}
	return nil
}

// take keeps one record.
func (t *BlockTrace) take(record PerfRecord) error {
	if n, ok := record.Lost(); ok {
		t.lost += int64(n)
		return nil
	}
	if record.Type == unix.PERF_RECORD_THROTTLE { // the kernel leaves events out for a while, and does not say how many
		t.lost++
		return nil
	}
	if record.Type != unix.PERF_RECORD_SAMPLE { // of the ring itself
		return nil
	}
	s, ok := record.Sample()
	if !ok {
		return errors.New("read a block tracepoint: the sample is cut off")
	}
	e, mine, err := t.parse(s.Data)
	if err != nil {
		return err
	}
	if mine {
		e.atNS, e.pid = s.AtNS, int(s.PID)
		t.pending = append(t.pending, e)
	}
	return nil
}

// parse reads a tracepoint's data; mine says that they are of this device.
func (t *BlockTrace) parse(raw []byte) (e blockEvent, mine bool, err error) {
	id, ok := TraceField{Size: 2}.Uint(raw) // common_type
	if !ok {
		return e, false, errors.New("read a block tracepoint: it has no type")
	}
	l, ok := t.layouts[uint16(id)]
	if !ok {
		return e, false, fmt.Errorf("read a block tracepoint: unknown type %d", id)
	}
	device, ok1 := l.device.Uint(raw)
	sector, ok2 := l.sector.Uint(raw)
	count, ok3 := l.count.Uint(raw)
	ops, ok4 := l.ops.Bytes(raw)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return e, false, fmt.Errorf("read a block tracepoint: %d bytes of data are too few", len(raw))
	}
	e = blockEvent{what: l.what, offset: int64(sector) * blockSector, bytes: int64(count) * blockSector}
	if l.hasBytes {
		n, ok := l.bytes.Uint(raw)
		if !ok {
			return e, false, fmt.Errorf("read a block tracepoint: %d bytes of data are too few", len(raw))
		}
		e.bytes = int64(n)
	}
	e.kind, e.sync, e.force = parseOps(ops)
	return e, uint32(device) == t.device && e.offset >= 0 && e.bytes >= 0, nil
}

// parseOps reads the field rwbs, as "WS" or "FF": perhaps an F for a flush that comes first, the operation, and
// then what holds of it, among which F is for force unit access (blk_fill_rwbs, kernel/trace/blktrace.c). A request that is a flush and
// nothing else is "FF". Of a write with a flush before it or behind it, the flushes are requests of their own, and the
// write's first F is gone by the time it is issued.
func parseOps(ops []byte) (kind BlockKind, sync, force bool) {
	if end := bytes.IndexByte(ops, 0); end >= 0 {
		ops = ops[:end]
	}
	if len(ops) > 1 && ops[0] == 'F' {
		ops = ops[1:]
	}
	if len(ops) == 0 {
		return BlockOther, false, false
	}
	rest := ops[1:]
	switch ops[0] {
	case 'W':
		kind = BlockWrite
	case 'R':
		kind = BlockRead
	case 'F':
		return BlockFlush, bytes.IndexByte(rest, 'S') >= 0, false
	}
	return kind, bytes.IndexByte(rest, 'S') >= 0, bytes.IndexByte(rest, 'F') >= 0
}

// tell reports what was issued until untilNS.
func (t *BlockTrace) tell(untilNS int64, report func(BlockRequest)) {
	slices.SortStableFunc(t.pending, func(a, b blockEvent) int {
		switch {
		case a.atNS < b.atNS:
			return -1
		case a.atNS > b.atNS:
			return 1
		}
		return 0
	})
	t.takeBack()
	told := 0
	for _, e := range t.pending {
		if e.atNS > untilNS {
			break
		}
		told++
		if e.what == blockIssued && !e.void {
			report(BlockRequest{AtNS: e.atNS, Kind: e.kind, Offset: e.offset, Bytes: e.bytes, Sync: e.sync, ForceUnit: e.force, PID: e.pid})
		}
	}
	t.pending = append(t.pending[:0], t.pending[told:]...)
}

// takeBack strikes out the issues that the device did not take. They come right before, so that they are still pending.
func (t *BlockTrace) takeBack() {
	for i := range t.pending {
		back := &t.pending[i]
		if back.what != blockRequeued || back.void {
			continue
		}
		back.void = true
		for j := i - 1; j >= 0; j-- {
			if e := &t.pending[j]; e.what == blockIssued && !e.void && e.kind == back.kind && e.offset == back.offset {
				e.void = true
				break
			}
		}
	}
}
