package kernel

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
