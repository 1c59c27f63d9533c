package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MemoryTraffic counts the bytes that the machine's memory controllers move, whoever for: perf_event_open(2) with the events of
// uncore_imc, which the kernel describes in sysfs. Misses of the last cache are no substitute, since prefetching and write-back move more.
type MemoryTraffic struct {
	events []memoryEvent // one for each descriptor
	fds    []int
}

// OpenMemoryTraffic opens the counters, which stand still until Start. It needs root, CAP_PERFMON or kernel.perf_event_paranoid 0. The error
// says why there is none, and what would allow it.
func OpenMemoryTraffic() (m *MemoryTraffic, err error) {
	events, err := memoryEvents("/sys/bus/event_source/devices")
	if err != nil {
		return nil, fmt.Errorf("count memory traffic: %w", err)
	}
	m = &MemoryTraffic{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("count memory traffic: %w", err), m.Close())
			m = nil
		}
	}()
	for _, e := range events {
		attr := unix.PerfEventAttr{
			Type: e.kind, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Config: e.config[0], Ext1: e.config[1], Ext2: e.config[2],
			Bits:        unix.PerfBitDisabled,
			Read_format: unix.PERF_FORMAT_TOTAL_TIME_ENABLED | unix.PERF_FORMAT_TOTAL_TIME_RUNNING,
		}
		for _, cpu := range e.cpus {
			fd, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
			if err != nil {
				return m, fmt.Errorf("%s: %w", e.name, explainSampling(err, paranoidForCPU))
			}
			m.fds, m.events = append(m.fds, fd), append(m.events, e)
		}
	}
	return m, nil
}

// Start and Stop bound what is counted.
func (m *MemoryTraffic) Start() error { return m.control(unix.PERF_EVENT_IOC_ENABLE) }

// Stop is Start's counterpart.
func (m *MemoryTraffic) Stop() error { return m.control(unix.PERF_EVENT_IOC_DISABLE) }

func (m *MemoryTraffic) control(request uint) error {
	for i, fd := range m.fds {
		if err := unix.IoctlSetInt(fd, request, 0); err != nil {
			return fmt.Errorf("ioctl of the counter %s: %w", m.events[i].name, err)
		}
	}
	return nil
}

// Bytes is what was read from memory and written to it between Start and Stop. It is an error if a counter missed a part of that.
func (m *MemoryTraffic) Bytes() (read, written int64, err error) {
	var reads, writes float64
	var raw [24]byte // value, time enabled, time running
	for i, fd := range m.fds {
		e := m.events[i]
		if n, err := unix.Read(fd, raw[:]); err != nil || n != len(raw) {
			return 0, 0, fmt.Errorf("read the counter %s: %d bytes: %w", e.name, n, err)
		}
		enabled, running := binary.NativeEndian.Uint64(raw[8:]), binary.NativeEndian.Uint64(raw[16:])
		if running < enabled {
			return 0, 0, fmt.Errorf("the counter %s ran for %d of %d ns: other users of the hardware's counters had it for the rest", e.name, running, enabled)
		}
		bytes := float64(binary.NativeEndian.Uint64(raw[:])) * e.bytesPerCount
		if e.write {
			writes += bytes
		} else {
			reads += bytes
		}
	}
	return int64(reads), int64(writes), nil
}

// Close gives the counters back.
func (m *MemoryTraffic) Close() error {
	var errs []error
	for _, fd := range m.fds {
		errs = append(errs, unix.Close(fd))
	}
	m.fds, m.events = nil, nil
	return errors.Join(errs...)
}

// ProbeMemoryTraffic tells whether this process may count memory traffic, by opening the counters for a moment.
func ProbeMemoryTraffic() Status {
	m, err := OpenMemoryTraffic()
	if err != nil {
		return Unavailable("%v", err)
	}
	if err := m.Close(); err != nil {
		return Unknown("%v", err)
	}
	return Available()
}
