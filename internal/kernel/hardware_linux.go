package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Hardware counts a hardware event over all threads of this process, user and kernel mode: perf_event_open(2) with
// PERF_TYPE_HARDWARE, one event for each thread that there is, which the threads that it starts inherit.
type Hardware struct {
	name string
	fds  []int
}

// OpenHardware opens a counter, which stands still until Start. The error says why there is none: ENOENT is a machine without
// counters, as most virtual ones are; EACCES is kernel.perf_event_paranoid.
func OpenHardware(event HardwareEvent) (h *Hardware, err error) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, fmt.Errorf("list threads: %w", err)
	}
	h = &Hardware{name: event.String()}
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_HARDWARE, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Config: event.config(),
		Bits:        unix.PerfBitDisabled | unix.PerfBitInherit | unix.PerfBitExcludeHv,
		Read_format: unix.PERF_FORMAT_TOTAL_TIME_ENABLED | unix.PERF_FORMAT_TOTAL_TIME_RUNNING,
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		fd, err := unix.PerfEventOpen(&attr, tid, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if errors.Is(err, unix.ESRCH) { // ended meanwhile
			continue
		}
		if err != nil {
			return nil, errors.Join(explainHardware(err, EventSources), h.Close())
		}
		h.fds = append(h.fds, fd)
	}
	return h, nil
}

func (e HardwareEvent) config() uint64 {
	switch e {
	case Instructions:
		return unix.PERF_COUNT_HW_INSTRUCTIONS
	case CacheMisses:
		return unix.PERF_COUNT_HW_CACHE_MISSES
	}
	return unix.PERF_COUNT_HW_CPU_CYCLES
}

// explainHardware says why there is no counter. Who may not have one is told so before the kernel has looked whether there is any.
func explainHardware(err error, sources string) error {
	refused := errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENODEV), refused && ProcessorCounters(sources) == "":
		return fmt.Errorf("perf_event_open: %w: this machine has no such counter (virtual ones often have none)", err)
	case refused:
		return fmt.Errorf("perf_event_open: %w: sudo sysctl kernel.perf_event_paranoid=1, or run as root", err)
	}
	return fmt.Errorf("perf_event_open: %w", err)
}

// Start and Stop bound what is counted.
func (h *Hardware) Start() error { return h.control(unix.PERF_EVENT_IOC_ENABLE) }

// Stop is Start's counterpart.
func (h *Hardware) Stop() error { return h.control(unix.PERF_EVENT_IOC_DISABLE) }

func (h *Hardware) control(request uint) error {
	for _, fd := range h.fds {
		if err := unix.IoctlSetInt(fd, request, 0); err != nil {
			return fmt.Errorf("ioctl of a %s counter: %w", h.name, err)
		}
	}
	return nil
}

// Count is what was counted between Start and Stop. It is an error if the counter had to share the hardware and missed a part: a
// number scaled up from the rest would be a guess.
func (h *Hardware) Count() (int64, error) {
	total := int64(0)
	var raw [24]byte // value, time enabled, time running
	for _, fd := range h.fds {
		if n, err := unix.Read(fd, raw[:]); err != nil || n != len(raw) {
			return 0, fmt.Errorf("read a %s counter: %d bytes: %w", h.name, n, err)
		}
		enabled, running := binary.NativeEndian.Uint64(raw[8:]), binary.NativeEndian.Uint64(raw[16:])
		if running < enabled {
			return 0, fmt.Errorf("the %s counter ran for %d of %d ns: other users of the hardware's counters had it for the rest", h.name, running, enabled)
		}
		total += int64(binary.NativeEndian.Uint64(raw[:]))
	}
	return total, nil
}

// Close gives the counter back.
func (h *Hardware) Close() error {
	var errs []error
	for _, fd := range h.fds {
		errs = append(errs, unix.Close(fd))
	}
	h.fds = nil
	return errors.Join(errs...)
}
