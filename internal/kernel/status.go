// Package kernel is copylab's side of the kernel interfaces that golang.org/x/sys does not wrap,
// and of the few words that the packages above it share.
package kernel

import "fmt"

// State is what a probe found out about a mechanism.
type State string

// The three answers of a probe.
const (
	StateAvailable   State = "available"
	StateUnavailable State = "unavailable"
	StateUnknown     State = "unknown"
)

// Status is a probe's answer. Reason is empty only where the mechanism is available.
type Status struct {
	State  State  `json:"status"`
	Reason string `json:"reason"`
}

// Available says that the mechanism works here.
func Available() Status { return Status{State: StateAvailable} }

// Unavailable says that the mechanism does not work here, and why, in the manner of fmt.Sprintf.
func Unavailable(format string, args ...any) Status {
	return Status{State: StateUnavailable, Reason: fmt.Sprintf(format, args...)}
}

// Unknown says that the probe could not tell, and why, in the manner of fmt.Sprintf.
func Unknown(format string, args ...any) Status {
	return Status{State: StateUnknown, Reason: fmt.Sprintf(format, args...)}
}
