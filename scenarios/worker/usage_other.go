//go:build !unix

package worker

import (
	"time"

	"copylab/results"
	"copylab/results/measured"
)

// usage stands in for getrusage(2), which this operating system does not have.
type usage struct{}

func (u *usage) snap() {}

func (u *usage) leaveOut(_, _ *usage) {}

func side(cpu int, wall time.Duration, _, _ *usage) results.Side {
	why := measured.Unavailable[int64]("this operating system has no getrusage")
	return results.Side{CPU: cpu, WallNS: int64(wall), UserNS: why, SystemNS: why, VoluntarySwitches: why,
		InvoluntarySwitches: why, MinorFaults: why, MajorFaults: why, MaxRSSBytes: why}
}
