package results

import (
	"fmt"
	"strings"

	"copylab/results/measured"
)

const (
	// limitShare is the share of the timed span for which something must be busy to be named as the limit: what is busy
	// nine tenths of the time leaves at most a tenth to be won elsewhere.
	limitShare = 0.90
	// oneCPU bounds what a single CPU can show, with room for the clocks' differences. Above it a process ran on several,
	// and its sum no longer tells whether any of them was full.
	oneCPU = 1.05
	// allBusy is the share of the whole machine's CPU time above which none was left.
	allBusy = 0.95
	// ownReads is the share of a cold transfer's bytes that must have come from the disk during the span before the
	// disk is blamed: its counters are the whole machine's.
	ownReads = 0.5
)

// loads are what bottleneck decides on: medians over the counted trials.
type loads struct {
	sender, receiver, writer measured.Float // CPU time / wall time
	machine                  measured.Float // busy time / time of all CPUs
	disk                     measured.Float // busy time / span
	link                     measured.Float // bytes on the wire / what the link can carry
	read, written            measured.Float // device bytes per payload byte
	sameCPU                  bool           // sender and receiver were pinned to one CPU
}

// bottleneck names what limited a case, if the readings show it. It would rather say nothing than guess:
//
//   - the link is, if 0.95 of its rate or more was used, headers included, whatever else was busy: nothing gets past it;
//   - a process is the limit if it was on a CPU for 0.9 of the span or more: it hardly waited for anything. Of two such
//     processes the busier one is named, and a warning says that both are near their limit;
//   - for a writer through the page cache that limit is called memory: its CPU copies, and no disk is waited for;
//   - the disk is the limit if it was busy for 0.9 of the span or more while no process was, and if it did this case's
//     work: a cold transfer that read at least half of its bytes from it, or a write during which it wrote;
//   - a process that is busy on more than one CPU, an open loop (limited by the rate that is offered) and the null path
//     show nothing, and so does everything else.
func bottleneck(c Case, l loads) (limit string, warnings []string) {
	if c.isNull() || c.isOpen() {
		return LimitNotShown, nil
	}
	if c.Kind == Write {
		limit, warnings = writeBottleneck(c, l)
	} else {
		limit, warnings = transferBottleneck(c, l)
	}
	if busy, ok := l.machine.Get(); ok && busy >= allBusy && limit == LimitNotShown {
		warnings = append(warnings, fmt.Sprintf("the machine's CPUs were busy for %.2f of the time, and this case's processes alone don't explain it: other programs or the kernel's own threads took part", busy))
	}
	return limit, warnings
}

func transferBottleneck(c Case, l loads) (limit string, warnings []string) {
	s, sKnown := l.sender.Get()
	r, rKnown := l.receiver.Get()
	full := func(share float64, known bool) bool { return known && share >= limitShare && share <= oneCPU }
	busier := LimitSender
	if r > s {
		busier = LimitReceiver
	}
	if share, ok := l.link.Get(); ok && share >= linkFull {
		return LimitLink, nil
	}
	switch {
	case l.sameCPU && sKnown && rKnown && s+r >= limitShare:
		return busier, []string{fmt.Sprintf("sender and receiver shared one CPU and kept it busy for %.2f of the time (%.2f and %.2f): the busier is named", s+r, s, r)}
	case full(s, sKnown) && full(r, rKnown):
		return busier, []string{fmt.Sprintf("sender and receiver are both near their limit (busy for %.2f and %.2f of the time): the busier is named", s, r)}
	case full(s, sKnown):
		return LimitSender, nil
	case full(r, rKnown):
		return LimitReceiver, nil
	case c.Params.Cache != cold:
		return LimitNotShown, nil
	}
	busy, ok := l.disk.Get()
	if !ok {
		return LimitNotShown, []string{"what limited this case can't be told: the disk's busy time is unavailable: " + l.disk.Why()}
	}
	if busy < limitShare {
		return LimitNotShown, nil
	}
	if read, ok := l.read.Get(); !ok || read < ownReads {
		return LimitNotShown, []string{fmt.Sprintf("the disk was busy for %.2f of the time, but these bytes did not come from it (device bytes read per byte: %s)", busy, l.read)}
	}
	return LimitDisk, nil
}

func writeBottleneck(c Case, l loads) (limit string, warnings []string) {
	w, wKnown := l.writer.Get()
	busy, diskKnown := l.disk.Get()
	diskFull := diskKnown && busy >= limitShare
	if wKnown && w >= limitShare && w <= oneCPU {
		if strings.Contains(c.Params.Method, methodDirect) { // direct, direct-dsync, uring-direct
			return LimitNotShown, []string{fmt.Sprintf("the writer was on its CPU for %.2f of the time: it hardly waited for the disk", w)}
		}
		if diskFull {
			warnings = []string{fmt.Sprintf("the disk is near its limit too (busy for %.2f of the time, the writer for %.2f)", busy, w)}
		}
		return LimitMemory, warnings
	}
	switch {
	case !diskKnown:
		return LimitNotShown, []string{"what limited this case can't be told: the disk's busy time is unavailable: " + l.disk.Why()}
	case !diskFull:
		return LimitNotShown, nil
	}
	if written, ok := l.written.Get(); !ok || written <= 0 {
		return LimitNotShown, []string{fmt.Sprintf("the disk was busy for %.2f of the time, but nothing shows that it was with these writes (device bytes written per byte: %s)", busy, l.written)}
	}
	return LimitDisk, nil
}
