package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// PerfEvent is an event that a PerfRing holds the samples of.
type PerfEvent struct {
	// Attr is what perf_event_open(2) is told. Its Size is filled in.
	Attr unix.PerfEventAttr
	// Thread is the thread that is watched, in place of the ring's; 0: the ring's.
	Thread int
	// Filter is an expression over the fields of a tracepoint, as "dev == 8388608"; empty: no filter.
	Filter string
}

// SampleTracepoint is the event of a tracepoint: each time it is passed there is a sample that PerfRecord.Sample takes apart.
func SampleTracepoint(t Tracepoint, filter string) PerfEvent {
	return PerfEvent{Filter: filter, Attr: unix.PerfEventAttr{
		Type: unix.PERF_TYPE_TRACEPOINT, Config: t.ID, Sample: 1, Sample_type: unix.PERF_SAMPLE_TID | unix.PERF_SAMPLE_TIME | unix.PERF_SAMPLE_RAW,
		Bits: unix.PerfBitDisabled | unix.PerfBitUseClockID, Clockid: unix.CLOCK_MONOTONIC,
	}}
}

// PerfRing holds the samples of one or more events of one CPU, or of one thread: memory that the kernel writes to and this
// program reads from. What finds no room is lost and counted: see PerfRecord.Lost.
//
// Nothing of it outlives its descriptors, so that nothing stays behind where the process is killed. It is used by one
// goroutine at a time.
type PerfRing struct {
	fds    []int // the first one's ring is everybody's
	memory []byte
	reader ringReader
}

// OpenPerfRing opens the events, which stand still until Start, with a ring of so many bytes, a power of two of whole pages. pid -1
// and a CPU are everything on that CPU; a thread and CPU -1 are that thread. The kernel refuses what threads inherit
// together with CPU -1 and a ring (EINVAL): open one for each CPU or each thread.
//
// Where the locked memory that this user may have is used up (kernel.perf_event_mlock_kb, RLIMIT_MEMLOCK), it tries rings of half
// the size, down to 64 KiB. All events must have the same sample type, since records do not say which event they are of;
// a tracepoint's data begin with its ID. Events of several threads can share a ring on a CPU, and not with CPU -1.
func OpenPerfRing(pid, cpu, bytes int, events ...PerfEvent) (r *PerfRing, err error) {
	page := os.Getpagesize()
	if len(events) == 0 || bytes < page || bytes&(bytes-1) != 0 {
		return nil, fmt.Errorf("open a perf ring of %d bytes for %d events: want a power of two of at least a page, and an event", bytes, len(events))
	}
	r = &PerfRing{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
			r = nil
		}
	}()
	for _, e := range events {
		e.Attr.Size = uint32(unsafe.Sizeof(e.Attr))
		if e.Attr.Sample_type != events[0].Attr.Sample_type {
			return r, errors.New("open a perf ring: its events have different sample types")
		}
		of := pid
		if e.Thread != 0 {
			of = e.Thread
		}
		fd, err := unix.PerfEventOpen(&e.Attr, of, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if errors.Is(err, unix.ESRCH) && e.Thread != 0 && len(r.fds) > 0 { // ended meanwhile
			continue
		}
		if err != nil {
			return r, explainPerf(err)
		}
		r.fds = append(r.fds, fd)
		if e.Filter != "" {
			if err := setPerfFilter(fd, e.Filter); err != nil {
				return r, err
			}
		}
		if len(r.fds) > 1 {
			if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_OUTPUT, r.fds[0]); err != nil {
				return r, fmt.Errorf("ioctl PERF_EVENT_IOC_SET_OUTPUT: %w", err)
			}
			continue
		}
		// A page for the two ends' positions, then the records.
		const least = 64 << 10
		for r.memory, err = mapPerf(fd, page+bytes); errors.Is(err, unix.EPERM) && bytes > least && bytes > page; {
			bytes /= 2
			r.memory, err = mapPerf(fd, page+bytes)
		}
		if err != nil {
			return r, fmt.Errorf("mmap a perf ring of %d bytes: %w: sudo sysctl kernel.perf_event_mlock_kb=%d, or run as root", bytes, err, (bytes+page)>>10)
		}
	}
	control := (*unix.PerfEventMmapPage)(unsafe.Pointer(&r.memory[0]))
	r.reader = newRingReader(r.memory[page:], &control.Data_head, &control.Data_tail)
	return r, nil
}

func mapPerf(fd, bytes int) ([]byte, error) {
	return unix.Mmap(fd, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

func setPerfFilter(fd int, filter string) error {
	text, err := unix.BytePtrFromString(filter)
	if err != nil {
		return fmt.Errorf("set the filter %q: %w", filter, err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.PERF_EVENT_IOC_SET_FILTER, uintptr(unsafe.Pointer(text))); errno != 0 {
		return fmt.Errorf("ioctl PERF_EVENT_IOC_SET_FILTER %q: %w", filter, errno)
	}
	return nil
}

// explainPerf says what would allow a tracepoint. The kernel answers EACCES for all of a CPU with kernel.perf_event_paranoid above 0, and
// EPERM for a tracepoint's data with it above -1 (include/linux/perf_event.h).
func explainPerf(err error) error {
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("perf_event_open: %w: run as root, or with CAP_PERFMON, or: sudo sysctl kernel.perf_event_paranoid=-1", err)
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("perf_event_open: %w: this kernel is built without CONFIG_PERF_EVENTS, or a container's seccomp filter hides it", err)
	}
	return fmt.Errorf("perf_event_open: %w", err)
}

// Start and Stop bound what is recorded.
func (r *PerfRing) Start() error { return r.control(unix.PERF_EVENT_IOC_ENABLE) }

// Stop is Start's counterpart. What was recorded can still be read.
func (r *PerfRing) Stop() error { return r.control(unix.PERF_EVENT_IOC_DISABLE) }

func (r *PerfRing) control(request uint) error {
	for _, fd := range r.fds {
		if err := unix.IoctlSetInt(fd, request, 0); err != nil {
			return fmt.Errorf("ioctl of a perf event: %w", err)
		}
	}
	return nil
}

// Bytes is the size of the ring.
func (r *PerfRing) Bytes() int { return len(r.reader.data) }

// Next returns the oldest record that was not read; false where there is none now. Its memory is the kernel's again
// with the call after.
func (r *PerfRing) Next() (PerfRecord, bool, error) { return r.reader.next() }

// Close gives events and ring back.
func (r *PerfRing) Close() error {
	var errs []error
	if r.memory != nil {
		if err := unix.Munmap(r.memory); err != nil {
			errs = append(errs, fmt.Errorf("munmap a perf ring: %w", err))
		}
		r.memory, r.reader = nil, ringReader{}
	}
	for i := len(r.fds) - 1; i >= 0; i-- {
		errs = append(errs, unix.Close(r.fds[i]))
	}
	r.fds = nil
	return errors.Join(errs...)
}

// PerfRecord is what the kernel wrote of one event, or of the ring itself.
type PerfRecord struct {
	Type uint32 // a PERF_RECORD constant
	body []byte
}

// Lost is how many records found no room; false for a record of another kind. Layout: an ID, then the number.
func (p PerfRecord) Lost() (n uint64, ok bool) {
	if p.Type != unix.PERF_RECORD_LOST || len(p.body) < 16 {
		return 0, false
	}
	return binary.NativeEndian.Uint64(p.body[8:]), true
}

// TraceSample is a tracepoint that was passed.
type TraceSample struct {
	PID, TID uint32 // of the process and the thread on whose CPU time that was
	AtNS     int64  // CLOCK_MONOTONIC
	Data     []byte // the event's, as its Tracepoint lays them out
}

// Sample takes a sample of SampleTracepoint's events apart; false for a record of another kind.
func (p PerfRecord) Sample() (s TraceSample, ok bool) {
	const before = 20 // process, thread, time, and the size of what follows
	if p.Type != unix.PERF_RECORD_SAMPLE || len(p.body) < before {
		return s, false
	}
	size := binary.NativeEndian.Uint32(p.body[16:])
	if uint64(size) > uint64(len(p.body)-before) {
		return s, false
	}
	return TraceSample{
		PID: binary.NativeEndian.Uint32(p.body), TID: binary.NativeEndian.Uint32(p.body[4:]),
		AtNS: int64(binary.NativeEndian.Uint64(p.body[8:])), Data: p.body[before : before+size],
	}, true
}

// ringReader is this program's end of a ring. The kernel moves head when it has written, and the reader moves tail when it
// has read, both without end: the place is what is left by the size. The loads and stores of sync/atomic are in order
// with those around them, which is what the kernel asks for (include/uapi/linux/perf_event.h, data_head).
type ringReader struct {
	data       []byte
	head, tail *uint64
	read       uint64 // until where it was read
	seen       uint64 // where head was when it was last looked at
	wrapped    []byte // a record that goes on at the beginning of the ring
}

func newRingReader(data []byte, head, tail *uint64) ringReader {
	return ringReader{data: data, head: head, tail: tail, wrapped: make([]byte, 1<<16)}
}

// perfHeader is the size of struct perf_event_header: type, misc and size of a record.
const perfHeader = 8

func (r *ringReader) next() (PerfRecord, bool, error) {
	if r.tail == nil {
		return PerfRecord{}, false, os.ErrClosed
	}
	atomic.StoreUint64(r.tail, r.read) // the record before has been dealt with
	if r.read == r.seen {
		if r.seen = atomic.LoadUint64(r.head); r.read == r.seen {
			return PerfRecord{}, false, nil
		}
	}
	size, there := uint64(len(r.data)), r.seen-r.read
	at := r.read & (size - 1)
	// Records are multiples of 8 bytes, so that a header does not wrap.
	if there < perfHeader || there > size || at+perfHeader > size {
		return r.broken("%d bytes at %d of a ring of %d", there, at, size)
	}
	length := uint64(binary.NativeEndian.Uint16(r.data[at+6:]))
	if length < perfHeader || length > there || length%8 != 0 {
		return r.broken("a record of %d bytes where there are %d", length, there)
	}
	record := r.data[at:min(size, at+length)]
	if left := at + length; left > size {
		copied := copy(r.wrapped, record)
		copy(r.wrapped[copied:], r.data[:left-size])
		record = r.wrapped[:length]
	}
	r.read += length
	return PerfRecord{Type: binary.NativeEndian.Uint32(record), body: record[perfHeader:]}, true, nil
}

// broken gives up what is in the ring: where the next record begins is not known.
func (r *ringReader) broken(format string, args ...any) (PerfRecord, bool, error) {
	r.read = r.seen
	return PerfRecord{}, false, fmt.Errorf("read a perf ring: "+format, args...)
}
