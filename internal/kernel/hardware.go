package kernel

import "path/filepath"

// HardwareEvent is something that a processor's performance counters count.
type HardwareEvent int

// The events.
const (
	Cycles HardwareEvent = iota
	Instructions
	CacheMisses // of the last level
)

func (e HardwareEvent) String() string {
	return [...]string{"cycles", "instructions", "cache-misses"}[e]
}

// EventSources is where the kernel lists what counts performance events (Documentation/ABI/testing/sysfs-bus-event_source-devices).
const EventSources = "/sys/bus/event_source/devices"

// ProcessorCounters is the entry among the event sources that stands for the processor's counters: "cpu", on hybrid processors "cpu_core", on arm64
// "armv8_…"; "" where there is none, as in most virtual machines.
func ProcessorCounters(sources string) string {
	for _, pattern := range []string{"cpu", "cpu_core", "arm*_pmu*", "armv8*"} {
		if found, err := filepath.Glob(filepath.Join(sources, pattern)); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}
