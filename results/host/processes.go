package host

import (
	"cmp"
	"os"
	"slices"
	"time"

	"github.com/prometheus/procfs"
)

// processTime is the CPU time that a process has used, in ticks.
type processTime struct {
	name  string
	start uint64 // when it began: tells a new process with an old number apart
	ticks uint64
}

// processUse is how much of one CPU a process used.
type processUse struct {
	pid   int
	name  string
	share float64
}

// processTimes reads every process's CPU time: utime and stime of /proc/PID/stat.
func (fs FS) processTimes() (map[int]processTime, error) {
	pfs, err := procfs.NewFS(fs.Proc)
	if err != nil {
		return nil, err
	}
	all, err := pfs.AllProcs()
	if err != nil {
		return nil, err
	}
	times := map[int]processTime{}
	for _, p := range all {
		st, err := p.Stat()
		if err != nil {
			continue // it has ended, or is hidden from us (hidepid of proc(5))
		}
		times[p.PID] = processTime{name: st.Comm, start: st.Starttime, ticks: uint64(st.UTime) + uint64(st.STime)}
	}
	return times, nil
}

// busiest lists the processes that used the CPU between two readings, the busiest first, without this one.
func busiest(first, second map[int]processTime, span time.Duration) []processUse {
	var use []processUse
	for pid, after := range second {
		before, had := first[pid]
		if !had || before.start != after.start || after.ticks <= before.ticks || pid == os.Getpid() || span <= 0 {
			continue
		}
		use = append(use, processUse{pid: pid, name: after.name, share: float64(after.ticks-before.ticks) * float64(tick) / float64(span)})
	}
	slices.SortFunc(use, func(a, b processUse) int { return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.pid, b.pid)) })
	return use
}
