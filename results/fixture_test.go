package results

import (
	"encoding/json"
	"fmt"
	"time"

	"copylab/results/host"
	"copylab/results/measured"
	"copylab/results/stages"
)

// Everything here is made up, with round numbers that can be checked in the head. No machine measured any of it.

var fixtureStart = time.Date(2000, 1, 2, 3, 4, 5, 0, time.UTC)

const (
	caseRW     = "transfer:path=read-write"
	caseSF     = "transfer:path=sendfile"
	caseAppend = "write:pattern=append"
	caseRandom = "write:pattern=random"
)

func streamCase(id, path string) Case {
	return Case{ID: id, Kind: Transfer, Params: Params{
		Path: path, ChunkBytes: 64 << 10, Cache: "warm", Link: "loopback", Receiver: "recv", Streams: 1, Workload: "stream", FileBytes: 256 << 20,
	}}
}

func writeCase(id, pattern string) Case {
	return Case{ID: id, Kind: Write, Part: 1, Params: Params{
		Pattern: pattern, Method: "buffered", Sync: "end", SyncCall: "fdatasync", BlockBytes: 4096, Depth: 1, FileBytes: 64 << 20,
	}}
}

func fixtureRun(cases ...Case) Run {
	return Run{
		Type: lineRun, Schema: Schema, ID: "20000102-030405-made-up", Started: fixtureStart, Effort: "quick", Seed: 7,
		Args: []string{"run", "made-up"}, Tool: Tool{Version: "v0", Commit: "none"},
		Host: host.Host{
			Hostname: "made-up", OS: "linux", Arch: "amd64", Virtualization: "none", Settings: map[string]string{}, NICs: []host.NIC{},
			CPU:  host.CPU{AllowedCPUs: []int{0, 1}, Features: []string{}, Mitigations: []string{}},
			Disk: host.Disk{Device: "none0", Filesystem: "ext4", WriteCache: "write back"},
		},
		Scenario: Scenario{
			ID: "made-up", Title: "A made-up run", Question: "Does the codec keep what it is given?", Given: "title: A made-up run\n",
			Resolved: json.RawMessage(`{"title":"A made-up run"}`), Charts: []string{"throughput"}, Precision: 0.03, BudgetSeconds: 60,
		},
		Cases: cases,
	}
}

func known(n int64) measured.Int { return measured.Known(n) }

func notHere() measured.Int { return measured.Unavailable[int64]("not in this fixture") }

func histogram(ns ...int64) Histogram {
	h := NewHistogram()
	for _, v := range ns {
		if err := h.RecordValue(v); err != nil {
			panic(err)
		}
	}
	return h
}

func repeat(n int, ns int64) Histogram {
	h := NewHistogram()
	if err := h.RecordValues(ns, int64(n)); err != nil {
		panic(err)
	}
	return h
}

func side(cpu int, user, system, wall int64, syscalls map[string]int64) Side {
	return Side{
		CPU: cpu, UserNS: known(user), SystemNS: known(system), WallNS: wall, VoluntarySwitches: known(10), InvoluntarySwitches: known(2),
		MinorFaults: known(3), MajorFaults: known(0), MaxRSSBytes: known(8 << 20), Syscalls: syscalls,
		Hardware: &HardwareCounters{Cycles: known(64 << 20), Instructions: known(128 << 20), CacheMisses: notHere()},
	}
}

// connection is one over which full segments of 1,000 bytes took 1,040 on the way, and 1,054 with Ethernet's header.
func connection() *TCPInfo {
	return &TCPInfo{
		Connections: 1, Retransmits: known(0), RTTNS: known(100_000), MinRTTNS: known(50_000), DeliveryBytesPerSecond: known(1e9),
		SegmentBytes: known(1000), HeaderBytes: known(40), CwndSegments: known(10), BusyNS: known(1e8), WindowLimitedNS: known(0), SndbufLimitedNS: known(0),
		CongestionControl: "cubic",
	}
}

// withTCP gives both ends of a transfer's trial such a connection.
func withTCP(t Trial) Trial {
	for _, name := range []string{"sender", "receiver"} {
		s := t.Sides[name]
		s.TCP = connection()
		t.Sides[name] = s
	}
	return t
}

// streamTrial moves 1024 chunks of 64 KiB (64 MiB) in ns. Its sender is busy for half of the time, its receiver for a
// quarter.
func streamTrial(id string, block int, ns int64) Trial {
	return Trial{
		Type: lineTrial, Seq: block + 1, Case: id, Phase: PhaseCounted, Block: block, Started: fixtureStart.Add(time.Duration(block) * time.Second),
		Bytes: 64 << 20, Operations: 1024, ElapsedNS: known(ns),
		AcceptedNS: measured.Unavailable[int64]("a transfer"), DurableNS: measured.Unavailable[int64]("a transfer"),
		OfferedPerSecond: measured.Unavailable[float64]("not an open loop"), InMemoryBytes: measured.Unavailable[int64]("a transfer"),
		Sides: map[string]Side{
			"sender":   side(0, ns/10, ns*4/10, ns, map[string]int64{"read": 1024, "write": 1024}),
			"receiver": side(1, ns/20, ns*4/20, ns, map[string]int64{"recv": 2048}),
		},
		Latency: map[string]Histogram{"op": repeat(1024, 1000)},
		Machine: host.MachineDelta{BusyNS: known(ns), SoftIRQNS: known(0), IOWaitNS: known(0), StealNS: known(0), TotalNS: known(2 * ns), ResolutionNS: ns / 100, Switches: known(100)},
		Device:  idleDevice(), Settled: idleDevice(),
		Before: host.Residency{Source: "cachestat", Pages: known(1000), Resident: known(1000), Dirty: known(0), Writeback: known(0)},
		After:  host.Residency{Source: "cachestat", Pages: known(1000), Resident: known(1000), Dirty: known(0), Writeback: known(0)},
	}
}

func idleDevice() host.DeviceDelta {
	return host.DeviceDelta{
		Device: "none0", Reads: known(0), ReadBytes: known(0), Writes: known(0), WriteBytes: known(0), Merges: known(0), Flushes: known(0), FlushNS: known(0), BusyNS: known(0), QueueNS: known(0),
	}
}

// writeTrial writes 1000 blocks of 4 KiB, accepted after half of ns and durable after ns. The device writes each byte
// once until then and half of them again later, flushes twice in 10 ms, and is busy for four fifths of the time, with two requests at a time on
// average. Of a block and a half for each write, a quarter was merged into others. Half of the bytes were only in memory when they were accepted.
func writeTrial(id string, block int, ns int64) Trial {
	t := streamTrial(id, block, ns)
	t.Bytes, t.Operations, t.InMemoryBytes = 4096*1000, 1000, known(4096*500)
	t.ElapsedNS, t.AcceptedNS, t.DurableNS = measured.Unavailable[int64]("a write"), known(ns/2), known(ns)
	t.Sides = map[string]Side{"writer": side(0, ns/10, ns/10, ns, map[string]int64{"pwrite64": 1000, "fdatasync": 1})}
	t.Latency = map[string]Histogram{"op": repeat(1000, 2000), "sync": histogram(5_000_000)}
	t.Device.WriteBytes, t.Device.Writes, t.Device.Flushes = known(t.Bytes), known(10), known(2)
	t.Device.FlushNS, t.Device.BusyNS = known(10_000_000), known(ns*8/10)
	t.Device.QueueNS = known(2 * ns)
	t.Settled.WriteBytes, t.Settled.Writes, t.Settled.Merges = known(t.Bytes*3/2), known(1500), known(250)
	return t
}

// fixtureRecord is a whole run: two transfers, two writes, six blocks.
func fixtureRecord() (Run, []Trial, End) {
	sf := streamCase(caseSF, "sendfile")
	sf.Baseline = caseRW
	random := writeCase(caseRandom, "random")
	random.Baseline = caseAppend
	cold := streamCase("transfer:path=sendfile,cache=cold", "sendfile")
	cold.Params.Cache, cold.Baseline, cold.Unavailable = "cold", caseRW, "made up to be unavailable"
	run := fixtureRun(streamCase(caseRW, "read-write"), sf, cold, writeCase(caseAppend, "append"), random)

	var trials []Trial
	add := func(t Trial) {
		t.Seq = len(trials) + 1
		trials = append(trials, t)
	}
	nullPath := streamTrial(ToolNullPath, 0, 100_000_000)
	nullPath.Phase, nullPath.Operations = PhaseTool, 2_000_000
	nullPath.Settings = map[string]string{SettingClockRead: "20.5", SettingHistogramRecord: "5"}
	add(nullPath)
	nullWriter := writeTrial(ToolNullWriter, 0, 200_000_000)
	nullWriter.Phase, nullWriter.Operations = PhaseTool, 2_500_000
	nullWriter.Settings = map[string]string{
		SettingCopyCachedBytes: "1000000", SettingCopyCached: "20000000000", SettingCopyUncachedBytes: "100000000", SettingCopyUncached: "10000000000",
	}
	add(nullWriter)
	verify := streamTrial(caseSF, 0, 1_000_000_000)
	verify.Phase, verify.Checksum = PhaseVerify, "00000000deadbeef"
	add(verify)
	for block := range 7 {
		for _, id := range []string{caseRW, caseSF, caseAppend, caseRandom} {
			var t Trial
			switch id { // the later the block the slower, so that every value differs
			case caseRW:
				t = withTCP(streamTrial(id, block, 400_000_000+int64(block)*1_000_000))
			case caseSF:
				t = streamTrial(id, block, 200_000_000+int64(block)*1_000_000)
				t.Sides["sender"] = side(0, 0, 50_000_000, t.Sides["sender"].WallNS, map[string]int64{"sendfile": 1024})
				t = withTCP(t)
			case caseAppend:
				t = writeTrial(id, block, 100_000_000)
			case caseRandom:
				t = writeTrial(id, block, 500_000_000)
				t.Device.WriteBytes = known(2 * t.Bytes)
			}
			if block == 0 {
				t.Phase = PhaseWarmup
			}
			add(t)
		}
	}
	for pass := 1; pass <= 3; pass++ {
		add(passTrial(caseRW, pass))
	}
	return run, trials, End{Type: lineEnd, Ended: fixtureStart.Add(30 * time.Second), Reason: StopPrecise, Blocks: 6}
}

// passTrial is a pass for evidence of a stream whose sender took 220 ms, of which pass times 10 ms were in no stage. The receiver was sampled in user
// mode only, and the machine not at all.
func passTrial(id string, pass int) Trial {
	t := streamTrial(id, pass, 440_000_000)
	t.Phase, t.Instrument = PhaseEvidence, InstrumentProfile
	from, to := t.Sides["sender"], t.Sides["receiver"]
	rest := int64(pass) * 10_000_000
	from.Stages = &StageTimes{
		ClockNS: known(220_000_000), PeriodNS: 200_000, Samples: 1100, KernelNS: known(200_000_000),
		NS: map[stages.Stage]int64{
			stages.CopyCacheToProgram: 100_000_000, stages.CopyProgramToSocket: 90_000_000 - rest, stages.Other: rest, stages.Idle: 5_000_000, stages.Program: 20_000_000,
		},
		Late: known(0), ToolNS: 5_000_000, Other: []FunctionTime{{"new_function", rest}},
	}
	refused := measured.Unavailable[int64]("not allowed")
	to.Stages = &StageTimes{ClockNS: known(110_000_000), PeriodNS: 200_000, Samples: 55, Missed: 5, KernelNS: refused, NS: map[stages.Stage]int64{stages.Program: 11_000_000}}
	t.Sides = map[string]Side{"sender": from, "receiver": to}
	t.MachineStages = NotSampled("root only")
	t.Profiles = map[string]string{"sender": "profiles/read-write-sender.pb.gz"}
	return t
}

// build makes the summary of counted trials.
func build(run Run, trials ...Trial) *Summary {
	b := NewBuilder(run)
	for _, t := range trials {
		b.Add(t)
	}
	return b.Summary(&End{Ended: fixtureStart.Add(time.Minute), Reason: StopPrecise})
}

// blocks makes n counted trials.
func blocks(n int, of func(block int) Trial) []Trial {
	var out []Trial
	for i := 1; i <= n; i++ {
		out = append(out, of(i))
	}
	return out
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("fixture: %v", err))
	}
	return v
}
