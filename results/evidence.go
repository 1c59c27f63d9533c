package results

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"copylab/results/host"
	"copylab/results/measured"
)

// evidence gathers what the kernel said of the counted trials.
func (d *caseData) evidence(l loads, timed map[string]Metric) Evidence {
	e := Evidence{
		Sides: map[string]SideEvidence{},
		BusyShare: map[string]measured.Float{
			machine: l.machine,
			disk:    l.disk,
			link:    l.link,
		},
		DeviceReadBytesPerByte:  l.read,
		DeviceWriteBytesPerByte: l.written,
		DeviceQueueLength:       d.medianFloat(func(t Trial) measured.Float { return queueLength(d.Kind, t) }),
		FlushNS:                 d.flushNS(),
		ResidentBefore:          d.medianFloat(func(t Trial) measured.Float { return share(t.Before.Resident, t.Before.Pages) }),
		ResidentAfter:           d.medianFloat(func(t Trial) measured.Float { return share(t.After.Resident, t.After.Pages) }),
		DirtyBytesBefore:        d.medianInt(func(t Trial) measured.Int { return t.MemFirst.DirtyBytes }),
		DirtyBytesAfter:         d.medianInt(func(t Trial) measured.Int { return t.MemLast.DirtyBytes }),
		WritebackBytesBefore:    d.medianInt(func(t Trial) measured.Int { return t.MemFirst.WritebackBytes }),
		WritebackBytesAfter:     d.medianInt(func(t Trial) measured.Int { return t.MemLast.WritebackBytes }),
		LinkBytesPerByte:        d.medianFloat(linkBytesPerByte),
		ZeroCopyCompletions:     d.completions(SettingZeroCopied),
		CopiedCompletions:       d.completions(SettingCopied),
		Verified:                d.verified,
	}
	if e.Verified == "" {
		e.Verified = "not verified: the record has no verification of this case"
		if d.isNull() {
			e.Verified = "not verified: there are no bytes to verify"
		}
	}
	if d.Kind == Write {
		delete(e.BusyShare, link)
	}
	for _, side := range d.sides() {
		e.BusyShare[side] = map[string]measured.Float{sender: l.sender, receiver: l.receiver, writer: l.writer}[side]
		of := d.sideEvidence(side)
		of.StageEvidence = d.stageEvidence(side, timed[timedMetric(side)])
		e.Sides[side] = of
	}
	e.Machine = MachineEvidence{StageEvidence: d.stageEvidence(machine, timed[timedMetric(machine)])}
	e.Machine.MemoryReadBytesPerByte, e.Machine.MemoryWriteBytesPerByte = d.memoryTraffic()
	if len(d.settings) > 0 {
		e.Settings = map[string]string{}
		for name, values := range d.settings {
			e.Settings[name] = settingOf(values)
		}
	}
	return e
}

// loads are the medians that the bottleneck is judged by.
func (d *caseData) loads() loads {
	perTrial := func(side string) measured.Float {
		return d.medianFloat(func(t Trial) measured.Float {
			return share(sideTime(t, side, Side.CPUNS), sideTime(t, side, func(s Side) measured.Int { return measured.Known(s.WallNS) }))
		})
	}
	l := loads{
		machine:  d.medianFloat(func(t Trial) measured.Float { return share(t.Machine.BusyNS, t.Machine.TotalNS) }),
		disk:     d.medianFloat(func(t Trial) measured.Float { return share(t.Device.BusyNS, span(d.Kind, t)) }),
		read:     d.medianFloat(func(t Trial) measured.Float { return perByte(t.Device.ReadBytes, t.Bytes) }),
		link:     d.medianFloat(func(t Trial) measured.Float { return linkShare(d.link, t) }),
		written:  d.medianFloat(func(t Trial) measured.Float { return perByte(t.Device.WriteBytes, t.Bytes) }),
		sender:   perTrial(sender),
		receiver: perTrial(receiver),
		writer:   perTrial(writer),
	}
	for _, p := range d.points {
		s, sOK := p.Sides[sender]
		r, rOK := p.Sides[receiver]
		l.sameCPU = l.sameCPU || sOK && rOK && s.CPU >= 0 && s.CPU == r.CPU
	}
	return l
}

// share is part/whole. Nothing is clamped: a process on two CPUs is busy for more than 1.
func share(part, whole measured.Int) measured.Float {
	p, ok := part.Get()
	if !ok {
		return measured.Unavailable[float64]("%s", part.Why())
	}
	w, ok := whole.Get()
	switch {
	case !ok:
		return measured.Unavailable[float64]("%s", whole.Why())
	case w <= 0:
		return measured.Unavailable[float64]("the whole is %d", w)
	}
	return measured.Known(float64(p) / float64(w))
}

func (d *caseData) sideEvidence(side string) SideEvidence {
	median := func(of func(Side) measured.Int) measured.Int {
		return d.medianInt(func(t Trial) measured.Int { return sideTime(t, side, of) })
	}
	e := SideEvidence{
		VoluntarySwitches:   median(func(s Side) measured.Int { return s.VoluntarySwitches }),
		InvoluntarySwitches: median(func(s Side) measured.Int { return s.InvoluntarySwitches }),
		MinorFaults:         median(func(s Side) measured.Int { return s.MinorFaults }),
		MajorFaults:         median(func(s Side) measured.Int { return s.MajorFaults }),
		SwitchesPerChunk:    d.medianFloat(func(t Trial) measured.Float { return switchesPerChunk(t, side) }),
	}
	hardware := func(of func(*HardwareCounters) measured.Int) measured.Float {
		return d.medianFloat(func(t Trial) measured.Float {
			return perKiB(sideTime(t, side, func(s Side) measured.Int {
				if s.Hardware == nil {
					return measured.Unavailable[int64]("not recorded")
				}
				return of(s.Hardware)
			}), t.Bytes)
		})
	}
	e.CyclesPerKiB = hardware(func(h *HardwareCounters) measured.Int { return h.Cycles })
	e.InstructionsPerKiB = hardware(func(h *HardwareCounters) measured.Int { return h.Instructions })
	e.CacheMissesPerKiB = hardware(func(h *HardwareCounters) measured.Int { return h.CacheMisses })
	e.TCP = d.tcp(side)
	d.syscalls(side, &e)
	return e
}

// tcp is what the kernel said of a side's connections, medians over the trials; nil where no trial has it.
func (d *caseData) tcp(side string) *TCPInfo {
	var newest *TCPInfo
	for _, p := range d.points {
		if t := p.Sides[side].TCP; t != nil {
			newest = t
		}
	}
	if newest == nil {
		return nil
	}
	median := func(of func(*TCPInfo) measured.Int) measured.Int {
		return d.medianInt(func(t Trial) measured.Int {
			info := t.Sides[side].TCP
			if info == nil {
				return measured.Unavailable[int64]("not recorded")
			}
			return of(info)
		})
	}
	return &TCPInfo{
		Connections:            newest.Connections,
		Retransmits:            median(func(t *TCPInfo) measured.Int { return t.Retransmits }),
		RTTNS:                  median(func(t *TCPInfo) measured.Int { return t.RTTNS }),
		MinRTTNS:               median(func(t *TCPInfo) measured.Int { return t.MinRTTNS }),
		DeliveryBytesPerSecond: median(func(t *TCPInfo) measured.Int { return t.DeliveryBytesPerSecond }),
		SegmentBytes:           median(func(t *TCPInfo) measured.Int { return t.SegmentBytes }),
		HeaderBytes:            median(func(t *TCPInfo) measured.Int { return t.HeaderBytes }),
		CwndSegments:           median(func(t *TCPInfo) measured.Int { return t.CwndSegments }),
		BusyNS:                 median(func(t *TCPInfo) measured.Int { return t.BusyNS }),
		WindowLimitedNS:        median(func(t *TCPInfo) measured.Int { return t.WindowLimitedNS }),
		SndbufLimitedNS:        median(func(t *TCPInfo) measured.Int { return t.SndbufLimitedNS }),
		CongestionControl:      newest.CongestionControl,
	}
}

// crossingsPerChunk is two for each of the side's system calls, over the trial's operations.
func crossingsPerChunk(t Trial, side string) measured.Float {
	s, ok := t.Sides[side]
	switch {
	case !ok:
		return measured.Unavailable[float64]("the trial recorded no %s", side)
	case len(s.Syscalls) == 0:
		return measured.Unavailable[float64]("the path can't count its own system calls")
	case t.Operations <= 0:
		return measured.Unavailable[float64]("no operation was made")
	}
	calls := 0.0
	for _, name := range slices.Sorted(maps.Keys(s.Syscalls)) {
		calls += float64(s.Syscalls[name])
	}
	return measured.Known(2 * calls / float64(t.Operations))
}

// switchesPerChunk is how often a side's threads gave up their CPU, or lost it, over the trial's operations. A crossing is no such switch.
func switchesPerChunk(t Trial, side string) measured.Float {
	switches := sideTime(t, side, func(s Side) measured.Int {
		voluntary, ok := s.VoluntarySwitches.Get()
		if !ok {
			return s.VoluntarySwitches
		}
		involuntary, ok := s.InvoluntarySwitches.Get()
		if !ok {
			return s.InvoluntarySwitches
		}
		return measured.Known(voluntary + involuntary)
	})
	return share(switches, measured.Known(t.Operations))
}

// settingOf is what a setting was in the trials: each of a few different values, the range of more numbers, or the first of more words.
func settingOf(values []string) string {
	var numbers []int64
	for _, v := range values {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return joinFew(values, ", ")
		}
		numbers = append(numbers, n)
	}
	if len(numbers) <= 3 {
		return strings.Join(values, ", ")
	}
	return fmt.Sprintf("%d to %d", slices.Min(numbers), slices.Max(numbers))
}

// joinFew joins the first three of values, and says that there are more.
func joinFew(values []string, sep string) string {
	if len(values) <= 3 {
		return strings.Join(values, sep)
	}
	return strings.Join(values[:3], sep) + sep + "…"
}

// virtual tells whether the machine is known to be virtual, and by what.
func virtual(h host.Host) (string, bool) {
	v := h.Virtualization
	if v == "" || v == "none" || strings.HasPrefix(v, unavailablePrefix) {
		return "", false
	}
	return v, true
}
