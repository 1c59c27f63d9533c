package kernel

import (
	"encoding/binary"
	"math"
	"slices"
)

// SamplePeriodNS is how much CPU time lies between two samples as a rule: some 1,150 samples per second of it. More would cost more than they tell:
// in virtual machines the interrupt of a timer takes several microseconds. It is no simple fraction of a timer tick (1, 3.3, 4 or 10 ms), so that samples
// don't keep hitting what happens at one.
const SamplePeriodNS = 866_009

// Samples is what a Sampler saw between Start and Stop.
type Samples struct {
	PeriodNS int64 // CPU time between two samples
	// ClockNS is the CPU time that was sampled: what the thread ran, or what the CPU was watched, idle or not. Where it exceeds
	// Total times PeriodNS by more than a period, samples are missing, be it that those in kernel mode are not allowed.
	ClockNS int64
	Total   int64 // samples taken, those without a stack of their own in Stacks included
	Stacks  []SampledStack
	// Late came long after they were due, and say nothing of what the CPU did meanwhile: it had let no interrupt in, or a hypervisor had taken it away. They are in
	// Total. Where that can't be told, LateUnknown says why.
	Late        int64
	LateUnknown string
	// Lost found no room in the ring, since it was read too seldom. They are not in Total.
	Lost int64
	// Unkept were taken when there was no more room for stacks that were not seen before.
	Unkept int64
	// Throttled is how many times the kernel paused sampling, because it took too much time.
	Throttled int64
	// Kernel says whether samples in kernel mode are among them, and what would allow that.
	Kernel Status
}

// OfCPU is the same with the CPU time that the samples stand for as their clock: a CPU is not sampled everywhere while it idles, and its clock goes on.
func (s Samples) OfCPU() Samples {
	s.ClockNS = (s.Total - s.Late) * s.PeriodNS
	return s
}

// Of is what was seen of one process, by samples of CPUs: its clock is the CPU time that they stand for. Which samples were lost, nobody knows, so that they count for
// every process.
func (s Samples) Of(pid int) Samples {
	all := s.Stacks
	s.Stacks, s.Total, s.Late = nil, 0, 0
	for _, one := range all {
		if one.PID == pid {
			s.Stacks = append(s.Stacks, one)
			s.Total, s.Late = s.Total+one.Count, s.Late+one.Late
		}
	}
	if s.Total == 0 { // nothing is unknown of none
		s.LateUnknown = ""
	}
	return s.OfCPU()
}

// SampledStack is a stack that was seen Count times.
type SampledStack struct {
	PID, TID int    // 0 and 0: the CPU was idle
	Thread   string // the thread's name, as "iou-wrk-1234"; "" where it ended before it could be asked
	// Kernel and User are addresses, the innermost function's first; the others are where the function returns to. Kernel is
	// empty where the sample hit in user mode, and User where a kernel thread ran or the user's stack could not be read.
	Kernel, User []uint64
	Count        int64
	Late         int64 // of these
}

// SamplingStatus is what this process may sample.
type SamplingStatus struct {
	User    Status // its own threads, in user mode
	Kernel  Status // its own threads, in kernel mode too
	CPU     Status // all that a CPU does, for whomever
	Symbols Status // the names of the kernel's functions
}

// The marks in a call chain that say where the addresses behind them are (enum perf_callchain_context,
// include/uapi/linux/perf_event.h).
const (
	chainKernel = math.MaxUint64 - 0x80 + 1
	chainUser   = math.MaxUint64 - 0x200 + 1
	chainMarks  = math.MaxUint64 - 0xfff + 1 // all from here on are marks
)

// sampleHead is what stands before the call chain of a sample: address, PID, TID, time, CPU, and the chain's length.
const sampleHead = 8 + 4 + 4 + 8 + 8 + 8

// maxStackBytes bounds the memory of the stacks that a sampler keeps.
const maxStackBytes = 16 << 20

// stackCounts counts samples by thread and stack. Its memory is bounded.
type stackCounts struct {
	stacks map[string]*keptStack // by PID, TID and call chain, as the kernel wrote them
	bytes  int
	phases int
	total  int64
	unkept int64
	key    []byte
	// gridNS is the distance of the times at which samples are due, exactly; 0 where they are not due at such times.
	gridNS uint64
	// nameOf asks for a thread's name while it runs.
	nameOf func(pid, tid int) string
	names  map[int]string // by TID
}

type keptStack struct {
	count  int64
	phases []uint32 // of each sample, where there is a grid
}

func newStackCounts(nameOf func(pid, tid int) string) *stackCounts {
	return &stackCounts{stacks: map[string]*keptStack{}, nameOf: nameOf, names: map[int]string{}}
}

// take counts a sample; false for one that is cut off.
func (s *stackCounts) take(body []byte) bool {
	if len(body) < sampleHead {
		return false
	}
	length := binary.NativeEndian.Uint64(body[sampleHead-8:])
	if length > uint64(len(body)-sampleHead)/8 {
		return false
	}
	s.total++
	s.key = append(s.key[:0], body[8:16]...) // PID and TID
	s.key = append(s.key, body[sampleHead:sampleHead+8*int(length)]...)
	if length == 0 { // no stack could be walked: the address alone
		address := binary.NativeEndian.Uint64(body)
		mark := uint64(chainUser)
		if address >= 1<<63 { // the kernel's half on 64-bit machines
			mark = chainKernel
		}
		s.key = binary.NativeEndian.AppendUint64(s.key, mark)
		s.key = binary.NativeEndian.AppendUint64(s.key, address)
	}
	phase := uint32(0)
	if s.gridNS > 0 {
		phase = uint32(binary.NativeEndian.Uint64(body[16:]) % s.gridNS)
	}
	if kept := s.stacks[string(s.key)]; kept != nil {
		s.keep(kept, phase)
		return true
	}
	if s.bytes+len(s.key) > maxStackBytes {
		s.unkept++
		return true
	}
	s.bytes += len(s.key)
	kept := &keptStack{}
	s.keep(kept, phase)
	s.stacks[string(s.key)] = kept
	pid, tid := int(binary.NativeEndian.Uint32(s.key)), int(binary.NativeEndian.Uint32(s.key[4:]))
	if _, asked := s.names[tid]; !asked {
		s.names[tid] = s.nameOf(pid, tid)
	}
	return true
}

func (s *stackCounts) keep(kept *keptStack, phase uint32) {
	kept.count++
	if s.gridNS > 0 && s.phases < maxPhases {
		s.phases++
		kept.phases = append(kept.phases, phase)
	}
}

// forgetTimes leaves out when samples came.
func (s *stackCounts) forgetTimes() {
	for _, kept := range s.stacks {
		kept.phases = nil
	}
}

const (
	// maxPhases bounds the memory of when samples came: half an hour of one CPU.
	maxPhases = 2 << 20
	// Within onTimeNS come more samples than at any other time, and lateNS behind them and later is late. Up to earlyNS before them is not: where a CPU is idle or
	// a hypervisor slow, the quickest need not be the most.
	onTimeNS = 20_000
	lateNS   = 30_000
	earlyNS  = 200_000
	// leastOnTime are as many samples at one time as are no accident.
	leastOnTime = 10
)

// due is when in the grid samples come that nothing holds up: where most of them are. false where there is no such time.
func (s *stackCounts) due() (uint64, bool) {
	var all []uint64
	for _, kept := range s.stacks {
		for _, phase := range kept.phases {
			all = append(all, uint64(phase))
		}
	}
	slices.Sort(all)
	most, due, end := 0, uint64(0), 0
	for i, first := range all {
		for end < i+len(all) && at(all, end, s.gridNS) < first+onTimeNS {
			end++
		}
		if end-i > most {
			most, due = end-i, first
		}
	}
	return due, most >= leastOnTime && 5*most > len(all)
}

// at is the i-th phase, those of the next round behind the last.
func at(phases []uint64, i int, grid uint64) uint64 {
	if n := len(phases); i >= n {
		return phases[i-n] + grid
	}
	return phases[i]
}

// list takes the stacks apart, the most frequent first. lateUnknown says why it can't be told which samples came late.
func (s *stackCounts) list() (all []SampledStack, lateUnknown string) {
	all = make([]SampledStack, 0, len(s.stacks))
	due, known := s.due()
	switch {
	case s.total == 0, known:
	case s.gridNS == 0:
		lateUnknown = "samples of threads are not due at even distances"
	default:
		lateUnknown = "the samples came at no common distance"
	}
	for key, kept := range s.stacks {
		raw := []byte(key)
		one := SampledStack{PID: int(binary.NativeEndian.Uint32(raw)), TID: int(binary.NativeEndian.Uint32(raw[4:])), Count: kept.count}
		for _, phase := range kept.phases {
			if behind := (uint64(phase) + s.gridNS - due) % s.gridNS; known && behind >= lateNS && behind+earlyNS < s.gridNS {
				one.Late++
			}
		}
		one.Thread = s.names[one.TID]
		var in *[]uint64
		for raw = raw[8:]; len(raw) >= 8; raw = raw[8:] {
			switch address := binary.NativeEndian.Uint64(raw); {
			case address == chainKernel:
				in = &one.Kernel
			case address == chainUser:
				in = &one.User
			case address >= chainMarks: // a virtual machine's, or a hypervisor's
				in = nil
			case in != nil:
				*in = append(*in, address)
			}
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b SampledStack) int {
		if a.Count != b.Count {
			return int(min(1, max(-1, b.Count-a.Count)))
		}
		if a.TID != b.TID {
			return a.TID - b.TID
		}
		if c := slices.Compare(a.Kernel, b.Kernel); c != 0 {
			return c
		}
		return slices.Compare(a.User, b.User)
	})
	return all, lateUnknown
}
