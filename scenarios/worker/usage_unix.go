//go:build unix

package worker

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"copylab/results"
	"copylab/results/measured"
)

// usage is what a process has used up to a moment: getrusage(2) with RUSAGE_SELF, all threads.
type usage struct {
	raw unix.Rusage
	err error
}

func (u *usage) snap() { u.err = unix.Getrusage(unix.RUSAGE_SELF, &u.raw) }

// leaveOut takes what was used from one moment to another out of the span that u begins. Two moments that never were take nothing.
func (u *usage) leaveOut(from, to *usage) {
	u.err = errors.Join(u.err, from.err, to.err)
	r, a, b := &u.raw, &from.raw, &to.raw
	r.Utime = unix.NsecToTimeval(r.Utime.Nano() + b.Utime.Nano() - a.Utime.Nano())
	r.Stime = unix.NsecToTimeval(r.Stime.Nano() + b.Stime.Nano() - a.Stime.Nano())
	r.Nvcsw += b.Nvcsw - a.Nvcsw
	r.Nivcsw += b.Nivcsw - a.Nivcsw
	r.Minflt += b.Minflt - a.Minflt
	r.Majflt += b.Majflt - a.Majflt
}

// side is what lies between two moments. The kernel splits user from system time by sampling where it is not built
// with precise accounting; their sum is exact.
func side(cpu int, wall time.Duration, before, after *usage) results.Side {
	s := results.Side{CPU: cpu, WallNS: int64(wall)}
	for _, err := range []error{before.err, after.err} {
		if err != nil {
			why := measured.Unavailable[int64]("getrusage: %v", err)
			s.UserNS, s.SystemNS, s.VoluntarySwitches, s.InvoluntarySwitches = why, why, why, why
			s.MinorFaults, s.MajorFaults, s.MaxRSSBytes = why, why, why
			return s
		}
	}
	a, b := &before.raw, &after.raw
	s.UserNS = measured.Known(b.Utime.Nano() - a.Utime.Nano())
	s.SystemNS = measured.Known(b.Stime.Nano() - a.Stime.Nano())
	s.VoluntarySwitches = measured.Known(int64(b.Nvcsw) - int64(a.Nvcsw))
	s.InvoluntarySwitches = measured.Known(int64(b.Nivcsw) - int64(a.Nivcsw))
	s.MinorFaults = measured.Known(int64(b.Minflt) - int64(a.Minflt))
	s.MajorFaults = measured.Known(int64(b.Majflt) - int64(a.Majflt))
	s.MaxRSSBytes = peakMemory(int64(b.Maxrss))
	return s
}
