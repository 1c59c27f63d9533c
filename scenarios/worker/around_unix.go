//go:build unix

package worker

// ownCalls adds up the n connections' own counts of system calls, and takes off what they had before the span: those of opening them. It is nil
// where a path can't count.
func ownCalls(n int, of func(i int) map[string]int64, before map[string]int64) map[string]int64 {
	var sum map[string]int64
	for i := range n {
		for name, calls := range of(i) {
			if sum == nil {
				sum = map[string]int64{}
			}
			sum[name] += calls
		}
	}
	for name, calls := range before {
		sum[name] -= calls
	}
	return sum
}

// around counts the system calls by which a side talks with the other and with its command while it is timed: they are in no path's own count.
type around struct {
	sockets func(i int) *socket
	n       int
	told    int64 // messages to the command

	reads, writes int64 // before the span
}

// newAround is of the n connections of a side. A nil socket is none.
func newAround(n int, of func(i int) *socket) *around { return &around{sockets: of, n: n} }

func (a *around) begin() { a.reads, a.writes = a.sum() }

func (a *around) sum() (reads, writes int64) {
	for i := range a.n {
		if s := a.sockets(i); s != nil {
			reads, writes = reads+s.reads, writes+s.writes
		}
	}
	return reads, writes
}

// calls are those since begin, by name.
func (a *around) calls() map[string]int64 {
	reads, writes := a.sum()
	counts := map[string]int64{}
	for name, n := range map[string]int64{"read": reads - a.reads, "write": writes - a.writes + a.told} {
		if n > 0 {
			counts[name] = n
		}
	}
	return counts
}
