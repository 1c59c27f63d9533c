package report

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"copylab/results"
	"copylab/results/host"
	"copylab/results/measured"
)

// Everything here is made up: it has the shape of real runs, and cases that real runs on one machine would hardly have
// together. No machine measured any of it.

// speed is what a made-up case reaches.
type speed struct {
	rate                   float64 // bytes per second, or accepted bytes per second
	durable                float64 // bytes per second; writes with a sync only
	sUser, sSys            float64 // ns per KiB of the sender or writer
	rUser, rSys            float64 // ns per KiB of the receiver
	latency                float64 // median ns of one operation, fetch or write
	syncLatency            float64 // median ns of one sync
	noise                  float64 // relative spread of trials; 0 is 0.01
	senderBusy, rcvBusy    float64
	syscalls, rcvSyscalls  map[string]int64 // per operation
	flushes, deviceWritten float64          // per operation, per byte
	settings               map[string]string
	tcp                    *results.TCPInfo          // of the sender
	hardware               *results.HardwareCounters // of both sides
	peerBusy               float64                   // share of the other host's CPU time; 0 for none
	// Of writes.
	commitLatency float64 // median ns of one write with its sync
	requests      float64 // at the device per write, after settling; 0 is 1
	settled       float64 // device bytes per byte, after settling; 0 is 1.02
	inMemory      float64 // share of the bytes at the last write
	queue         float64 // requests at the device on average
	flushNS       float64 // of one flush; 0 is 400 µs
	timeline      *results.Timeline
	modelled      []results.Modelled
}

// madeUp is a made-up case with its speed.
type madeUp struct {
	results.Case
	speed
}

func transferCase(part int, path string, chunk int64, change func(*results.Params)) results.Case {
	p := results.Params{Path: path, ChunkBytes: chunk, Cache: "warm", Link: "loopback", Receiver: "recv", Streams: 1, Workload: "stream", FileBytes: 256 << 20}
	if change != nil {
		change(&p)
	}
	return results.Case{ID: fmt.Sprintf("transfer:%d:%+v", part, p), Kind: results.Transfer, Part: part, Params: p}
}

func writeCase(part int, pattern, method, sync string) results.Case {
	p := results.Params{Pattern: pattern, Method: method, Sync: sync, BlockBytes: 4096, Depth: 1, FileBytes: 64 << 20}
	if sync != "none" {
		p.SyncCall = "fdatasync"
	}
	if pattern == "random" {
		p.Draw = "permutation"
	}
	return results.Case{ID: fmt.Sprintf("write:%d:%+v", part, p), Kind: results.Write, Part: part, Params: p}
}

func against(c, baseline results.Case) results.Case {
	c.Baseline = baseline.ID
	return c
}

func fixtureHost() host.Host {
	return host.Host{
		Hostname: "example", OS: "linux", Arch: "amd64", Kernel: "6.18.0", Distro: "Made-up Linux 1", GoVersion: "go1.26", Privileges: "root",
		CPU: host.CPU{
			Model: "Imaginary CPU @ 3.00GHz", LogicalCores: 2, AllowedCPUs: []int{0, 1}, Governor: "unavailable: no cpufreq", Features: []string{"ERMS", "FSRM"},
			LastLevelSize: measured.Known[int64](32 << 20), LoadAverage1m: measured.Known(0.12), Mitigations: []string{"spectre_v2: IBRS"},
		},
		Memory: host.Memory{
			TotalBytes: measured.Known[int64](16 << 30), AvailableBytes: measured.Known[int64](15 << 30), PageBytes: 4096,
			DirtyBackgroundLimitBytes: measured.Known[int64](1536 << 20), DirtyLimitBytes: measured.Known[int64](3 << 30), TransparentHugePages: "madvise",
		},
		Disk: host.Disk{
			Folder: "/data", MountPoint: "/", Filesystem: "ext4", MountOptions: "rw,relatime", Device: "vda", Model: "unavailable: the device has no model name",
			Scheduler: "none", WriteCache: "write back", FUA: "0", Rotational: "1", LogicalBlock: measured.Known[int64](512), PhysicalBlock: measured.Known[int64](4096),
			SizeBytes: measured.Known[int64](100 << 30), FreeBytes: measured.Known[int64](60 << 30), DirectMemAlign: measured.Known[int64](4), DirectOffsetAlign: measured.Known[int64](512),
		},
		Virtualization: "kvm", Clocksource: "kvm-clock",
		Settings: map[string]string{"net.ipv4.tcp_wmem": "4096 16384 4194304", "vm.dirty_ratio": "20"},
	}
}

// summaryOf runs the made-up cases through results.Builder for a number of blocks.
func summaryOf(t testing.TB, title, question string, charts []string, blocks int, cases []madeUp, changes ...func(*results.Run)) *results.Summary {
	t.Helper()
	start := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	run := results.Run{
		Type: "run", Schema: results.Schema, ID: "20010203-040506-made-up", Started: start, Effort: "normal", Seed: 7, Args: []string{"run", "made-up"},
		Tool: results.Tool{Version: "v0.1.0", Commit: "0123abc"}, Host: fixtureHost(),
		Scenario: results.Scenario{ID: "made-up", Title: title, Question: question, Resolved: json.RawMessage(`{}`), Charts: charts, Precision: 0.03, BudgetSeconds: 60},
	}
	for _, c := range cases {
		run.Cases = append(run.Cases, c.Case)
	}
	for _, change := range changes {
		change(&run)
	}
	b := results.NewBuilder(run)
	r := rand.New(rand.NewPCG(1, 2))
	seq := 0
	for block := 1; block <= blocks; block++ {
		for _, c := range cases {
			if c.Unavailable != "" {
				continue
			}
			seq++
			b.Add(c.trial(r, seq, block))
		}
	}
	for _, c := range cases {
		if len(c.modelled) > 0 && c.Unavailable == "" {
			seq++
			t := c.trial(r, seq, 0)
			t.Phase, t.Modelled, t.Timeline = results.PhaseEvidence, c.modelled, nil
			b.Add(t)
		}
	}
	for _, name := range []string{"null path", "null writer"} {
		b.Add(results.Trial{Type: "trial", Case: name, Phase: results.PhaseTool, Operations: 1_000_000, ElapsedNS: measured.Known[int64](52_000_000), AcceptedNS: measured.Known[int64](49_000_000), Settings: map[string]string{
			results.SettingCopyCachedBytes: "16777216", results.SettingCopyCached: "11900000000", results.SettingCopyUncachedBytes: "134217728", results.SettingCopyUncached: "5280000000",
		}})
	}
	return b.Summary(&results.End{
		Type: "end", Ended: start.Add(42 * time.Second), Reason: results.StopPrecise, Blocks: blocks,
		Device: &host.DeviceDelta{Device: "vda", WriteBytes: measured.Known[int64](13_210_000_000)},
	})
}

func (c madeUp) trial(r *rand.Rand, seq, block int) results.Trial {
	noise := c.noise
	if noise == 0 {
		noise = 0.01
	}
	wobble := func() float64 { return math.Exp(noise * r.NormFloat64()) }
	known := func(f float64) measured.Int { return measured.Known(int64(f)) }
	bytes := int64(256 << 20)
	size := c.Params.ChunkBytes
	if c.Kind == results.Write {
		bytes, size = 16<<20, c.Params.BlockBytes
	}
	kib := float64(bytes) / 1024
	ops := bytes / size
	elapsed := float64(bytes) / (c.rate * wobble()) * 1e9
	calls := func(per map[string]int64) map[string]int64 {
		if per == nil {
			return nil
		}
		out := map[string]int64{}
		for k, v := range per {
			out[k] = v * ops
		}
		return out
	}
	side := func(cpu int, user, system, busy float64, per map[string]int64) results.Side {
		user, system = user*kib*wobble(), system*kib*wobble()
		wall := elapsed
		if busy > 0 {
			wall = (user + system) / busy
		}
		return results.Side{
			CPU: cpu, UserNS: known(user), SystemNS: known(system), WallNS: int64(wall), VoluntarySwitches: known(float64(ops) / 20), InvoluntarySwitches: known(3),
			MinorFaults: known(4), MajorFaults: known(0), MaxRSSBytes: known(8 << 20), Syscalls: calls(per),
		}
	}
	t := results.Trial{
		Type: "trial", Seq: seq, Case: c.ID, Phase: results.PhaseCounted, Block: block, Bytes: bytes, Operations: ops, Latency: map[string]results.Histogram{},
		Machine:  host.MachineDelta{BusyNS: known(elapsed * 1.6), TotalNS: known(elapsed * 2), StealNS: known(0), SoftIRQNS: known(elapsed * 0.1), IOWaitNS: known(0), ResolutionNS: 10_000_000},
		Device:   host.DeviceDelta{Device: "vda", Reads: known(0), ReadBytes: known(0), Writes: known(float64(ops)), WriteBytes: known(c.deviceWritten * float64(bytes)), Flushes: known(c.flushes * float64(ops)), FlushNS: known(c.flushes * float64(ops) * 4e5), BusyNS: known(elapsed * 0.1)},
		Settled:  host.DeviceDelta{Device: "vda", Reads: known(0), ReadBytes: known(0), Writes: known(float64(ops)), WriteBytes: known(1.02 * float64(bytes)), Flushes: known(c.flushes * float64(ops)), BusyNS: known(elapsed * 0.1)},
		Before:   host.Residency{Source: "cachestat", Pages: known(65536), Resident: known(65536), Dirty: known(0), Writeback: known(0)},
		After:    host.Residency{Source: "cachestat", Pages: known(65536), Resident: known(65536), Dirty: known(0), Writeback: known(0)},
		MemFirst: host.DirtyMemory{DirtyBytes: known(1 << 20), WritebackBytes: known(0)},
		MemLast:  host.DirtyMemory{DirtyBytes: known(17 << 20), WritebackBytes: known(0)},
	}
	key := "op"
	if c.Params.Workload == "fetch" {
		key = "fetch"
	}
	record := func(key string, median float64, n int64) {
		if median <= 0 {
			return
		}
		h := results.NewHistogram()
		for range min(n, 4000) {
			v := median * math.Exp(0.12*r.NormFloat64())
			if r.IntN(200) == 0 {
				v *= 2 + 6*r.Float64()
			}
			_ = h.RecordValue(int64(v)) // in range by construction
		}
		t.Latency[key] = h
	}
	record(key, c.latency, ops)
	record("sync", c.syncLatency, 200)
	record("commit", c.commitLatency, ops)
	if c.Kind == results.Write {
		or := func(v, otherwise float64) float64 {
			if v == 0 {
				return otherwise
			}
			return v
		}
		t.Settled.Writes, t.Settled.Merges = known(or(c.requests, 1)*float64(ops)), known(0.1*float64(ops))
		t.Settled.WriteBytes = known(or(c.settled, 1.02) * float64(bytes))
		t.Device.FlushNS = known(c.flushes * float64(ops) * or(c.flushNS, 4e5))
		t.Device.QueueNS = known(c.queue * elapsed)
		if c.Params.RatePerSecond > 0 {
			t.OfferedPerSecond = measured.Known(c.Params.RatePerSecond)
		}
		t.InMemoryBytes = known(c.inMemory * float64(bytes))
		t.Timeline = c.timeline
		if c.timeline != nil {
			t.Bytes = c.timeline.AcceptedBytes[len(c.timeline.AcceptedBytes)-1]
			elapsed = float64(lastWrite(c.timeline))
		}
		t.AcceptedNS = known(elapsed)
		t.DurableNS = measured.Unavailable[int64]("the sync policy is none: nothing is made durable")
		if c.timeline != nil {
			t.AcceptedNS, t.DurableNS = c.timeline.AcceptedNS, c.timeline.DurableNS
		} else if c.durable > 0 {
			t.DurableNS = known(float64(bytes) / (c.durable * wobble()) * 1e9)
		}
		t.Sides = map[string]results.Side{"writer": side(0, c.sUser, c.sSys, c.senderBusy, c.syscalls)}
		t.Settings = map[string]string{"direct memory alignment": "512"}
		return t
	}
	t.ElapsedNS = known(elapsed)
	t.Settings = map[string]string{"SO_SNDBUF": "2626560", "TCP_NODELAY": "1"}
	for name, v := range c.settings {
		t.Settings[name] = v
	}
	send, receive := side(0, c.sUser, c.sSys, c.senderBusy, c.syscalls), side(1, c.rUser, c.rSys, c.rcvBusy, c.rcvSyscalls)
	send.TCP, send.Hardware, receive.Hardware = c.tcp, c.hardware, c.hardware
	t.Sides = map[string]results.Side{"sender": send, "receiver": receive}
	if c.peerBusy > 0 {
		t.PeerMachine = &host.MachineDelta{BusyNS: known(elapsed * 4 * c.peerBusy), TotalNS: known(elapsed * 4)}
	}
	return t
}

const mib = 1 << 20

func readWriteSpeed() speed {
	return speed{rate: 2345 * mib, sUser: 4, sSys: 380, rUser: 3, rSys: 240, latency: 26000, senderBusy: 0.97, rcvBusy: 0.62, syscalls: map[string]int64{"read": 1, "write": 1}, rcvSyscalls: map[string]int64{"recv": 2}}
}

func sendfileSpeed() speed {
	return speed{rate: 3072 * mib, sUser: 1.5, sSys: 195, rUser: 3, rSys: 250, latency: 17500, senderBusy: 0.66, rcvBusy: 0.96, syscalls: map[string]int64{"sendfile": 1}, rcvSyscalls: map[string]int64{"recv": 2}}
}

func allCharts() []string { return []string{"throughput", "cpu", "latency", "sweep"} }

// tourSummary has both halves: two transfers and six writes.
func tourSummary(t testing.TB) *results.Summary {
	rw, sf := transferCase(0, "read-write", 64<<10, nil), transferCase(0, "sendfile", 64<<10, nil)
	cases := []madeUp{{rw, readWriteSpeed()}, {against(sf, rw), sendfileSpeed()}}
	appendNone, appendEvery := writeCase(1, "append", "buffered", "none"), writeCase(1, "append", "buffered", "every=1")
	cases = append(cases,
		madeUp{appendNone, speed{rate: 1900 * mib, sUser: 30, sSys: 480, latency: 1900, senderBusy: 0.98, syscalls: map[string]int64{"pwrite64": 1}}},
		madeUp{against(writeCase(1, "random", "buffered", "none"), appendNone), speed{rate: 1748 * mib, sUser: 31, sSys: 530, latency: 2100, senderBusy: 0.98, syscalls: map[string]int64{"pwrite64": 1}}},
		madeUp{appendEvery, speed{rate: 9.1 * mib, durable: 9.1 * mib, sUser: 90, sSys: 9000, latency: 2200, syncLatency: 410000, senderBusy: 0.1, syscalls: map[string]int64{"pwrite64": 1, "fdatasync": 1}, flushes: 1, deviceWritten: 2}},
		madeUp{against(writeCase(1, "random", "buffered", "every=1"), appendEvery), speed{rate: 12.4 * mib, durable: 12.4 * mib, sUser: 88, sSys: 7000, latency: 2300, syncLatency: 300000, senderBusy: 0.1, syscalls: map[string]int64{"pwrite64": 1, "fdatasync": 1}, flushes: 1, deviceWritten: 1}},
	)
	return summaryOf(t, "The tour: four copies or none, random or sequential",
		"How much does sendfile save over a read/write loop, and how do random writes compare with appends?", allCharts()[:3], 12, cases)
}

// sweepSummary has eleven chunk sizes of two paths: 22 cases.
func sweepSummary(t testing.TB) *results.Summary {
	var cases []madeUp
	for i := range 11 {
		chunk := int64(512) << i
		rw := transferCase(0, "read-write", chunk, nil)
		perCall, per := 600.0/float64(chunk)*1024, 300.0
		a, b := readWriteSpeed(), sendfileSpeed()
		a.sSys = per + 2*perCall
		b.sSys = 160 + 5*perCall
		a.rate, b.rate = 1e9*1024/(a.sSys+a.sUser), min(1e9*1024/(b.sSys+b.sUser), 4200*mib)
		a.latency, b.latency = a.sSys*float64(chunk)/1024, b.sSys*float64(chunk)/1024
		if i < 6 {
			b.senderBusy, b.rcvBusy = 0.97, 0.7
		}
		cases = append(cases, madeUp{rw, a}, madeUp{against(transferCase(0, "sendfile", chunk, nil), rw), b})
	}
	return summaryOf(t, "Chunk sizes", "From which chunk size on does sendfile pay?", []string{"sweep", "latency"}, 8, cases)
}

// fetchSummary has two paths at three loads.
func fetchSummary(t testing.TB) *results.Summary {
	var cases []madeUp
	for i, share := range []float64{0, 0.5, 0.9} {
		load := func(p *results.Params) {
			p.Workload, p.Loop = "fetch", "closed"
			if share > 0 {
				p.Loop, p.LoadShare = "open", share
			}
		}
		rw := transferCase(0, "read-write", 64<<10, load)
		a, b := readWriteSpeed(), sendfileSpeed()
		a.rate, b.rate = 900*mib, 1050*mib
		a.latency, b.latency = 61000*float64(i+1), 52000*float64(i+1)
		cases = append(cases, madeUp{rw, a}, madeUp{against(transferCase(0, "sendfile", 64<<10, load), rw), b})
	}
	return summaryOf(t, "Fetch latency", "Does sendfile answer sooner?", []string{"throughput", "latency"}, 9, cases)
}

// manySummary has every path that is planned, warm and cold, and one that isn't known.
func manySummary(t testing.TB) *results.Summary {
	var cases []madeUp
	rw := transferCase(0, "read-write", 64<<10, nil)
	cases = append(cases, madeUp{rw, readWriteSpeed()})
	for i, path := range []string{"sendfile", "mmap-write", "go-io-copy", "go-copy-buffer", "splice", "read-zerocopy", "mmap-zerocopy", "uring-read-send", "uring-send-zc", "uring-splice", "tls", "ktls-sendfile", "direct-sendfile", "something-new"} {
		s := sendfileSpeed()
		s.rate = (900 + 180*float64(i)) * mib
		s.sSys = 420 - 20*float64(i)
		s.latency = 60000 - 3000*float64(i)
		cases = append(cases, madeUp{against(transferCase(0, path, 64<<10, nil), rw), s})
	}
	cold := transferCase(0, "sendfile", 64<<10, func(p *results.Params) { p.Cache = "cold" })
	cold.Unavailable = "the file can't be made cold: tmpfs keeps its pages"
	cases = append(cases, madeUp{cold, speed{}})
	return summaryOf(t, "Every path", "Which path is the fastest?", allCharts(), 6, cases)
}

// noisySummary shows nothing: the same speed twice, and a third too noisy.
func noisySummary(t testing.TB) *results.Summary {
	rw := transferCase(0, "read-write", 64<<10, nil)
	same, noisy := readWriteSpeed(), sendfileSpeed()
	same.noise, noisy.noise = 0.004, 0.8
	base := readWriteSpeed()
	base.noise = 0.004
	return summaryOf(t, "Nothing to see", "Does it matter?", allCharts(), 8, []madeUp{
		{rw, base}, {against(transferCase(0, "go-copy-buffer", 64<<10, nil), rw), same}, {against(transferCase(0, "sendfile", 64<<10, nil), rw), noisy},
	})
}

// aloneSummary is one case, with nothing to compare it with.
func aloneSummary(t testing.TB) *results.Summary {
	return summaryOf(t, "One case", "How fast is it?", allCharts(), 6, []madeUp{{transferCase(0, "sendfile", 64<<10, nil), sendfileSpeed()}})
}

// noCounters is why most virtual machines count no cycles.
const noCounters = "perf_event_open: no such file or directory: the machine has no counters of its own, as most virtual ones"

func uncounted() *results.HardwareCounters {
	none := measured.Unavailable[int64](noCounters)
	return &results.HardwareCounters{Cycles: none, Instructions: none, CacheMisses: none}
}

func tcpInfo(retransmits, rtt, rate, segment int64) *results.TCPInfo {
	return &results.TCPInfo{
		Connections: 1, Retransmits: measured.Known(retransmits), RTTNS: measured.Known(rtt), MinRTTNS: measured.Known(rtt / 3),
		DeliveryBytesPerSecond: measured.Known(rate), SegmentBytes: measured.Known(segment), HeaderBytes: measured.Known[int64](52), CwndSegments: measured.Known[int64](312),
		BusyNS: measured.Known[int64](400e6), WindowLimitedNS: measured.Known[int64](12e6), SndbufLimitedNS: measured.Known[int64](0), CongestionControl: "cubic",
	}
}

func nic(name, driver string, gbits float64) host.NIC {
	n := host.NIC{
		Name: name, Driver: driver, SpeedGbits: measured.Known(gbits), MTUBytes: measured.Known[int64](1500), SG: "on", TSO: "on", GSO: "on", GRO: "off",
		TxChecksum: "on", RxChecksum: "on", TxQueues: measured.Known[int64](1), RxQueues: measured.Known[int64](1),
	}
	if gbits <= 0 {
		n.SpeedGbits = measured.Unavailable[float64]("the driver does not say")
	}
	return n
}

func vethLink(options string, gbits float64) results.Link {
	l := results.Link{Kind: "veth", Options: options, RateGbits: measured.Known(gbits), Sender: nic("copylab0", "veth", 10), Receiver: nic("copylab1", "veth", 10)}
	if gbits <= 0 {
		l.RateGbits = measured.Unavailable[float64]("a veth link carries what the CPUs move: nothing shapes it")
	}
	return l
}

func over(link, options string) func(*results.Params) {
	return func(p *results.Params) { p.Link, p.LinkOptions = link, options }
}

// nicSummary has four paths over two shaped links: the slow one is full, the fast one is not.
func nicSummary(t testing.TB) *results.Summary {
	var cases []madeUp
	for _, l := range []struct {
		options string
		rate    float64
	}{{"rate=1Gbit", 114.3e6}, {"rate=10Gbit", 0}} {
		rw := transferCase(0, "read-write", 64<<10, over("veth", l.options))
		for i, path := range []string{"read-write", "sendfile", "mmap-write", "splice"} {
			c, v := transferCase(0, path, 64<<10, over("veth", l.options)), readWriteSpeed()
			v.sSys, v.rate, v.senderBusy, v.rcvBusy = 400-60*float64(i), (600+90*float64(i))*mib, 0.97, 0.6
			v.tcp, v.hardware = tcpInfo(0, 180000, int64(v.rate), 1448), uncounted()
			if l.rate > 0 {
				v.rate, v.noise, v.senderBusy, v.rcvBusy, v.tcp = l.rate, 0.0008, 0.2, 0.2, tcpInfo(14, 2_300_000, int64(l.rate), 1448)
			}
			if i > 0 {
				c = against(c, rw)
			}
			cases = append(cases, madeUp{c, v})
		}
	}
	return summaryOf(t, "When the network is the limit", "If the network card sets the pace, what does sendfile still save?", []string{"throughput", "cpu"}, 8, cases, func(r *results.Run) {
		r.Links = []results.Link{vethLink("rate=1Gbit", 1), vethLink("rate=10Gbit", 10)}
		r.Host.NICs = []host.NIC{nic("eth0", "virtio_net", 0)}
	})
}

// remoteSummary sends to another host, with socket settings of its own.
func remoteSummary(t testing.TB) *results.Summary {
	far := func(p *results.Params) {
		p.Link, p.SoSndbufBytes, p.Congestion = "remote", 1<<20, "bbr"
	}
	rw, sf := transferCase(0, "read-write", 64<<10, far), transferCase(0, "sendfile", 64<<10, far)
	a, b := readWriteSpeed(), sendfileSpeed()
	for _, v := range []*speed{&a, &b} {
		v.rate, v.noise, v.senderBusy, v.rcvBusy, v.peerBusy = 2.92e8, 0.0008, 0.4, 0.4, 0.2
		v.tcp = tcpInfo(3, 410_000, 292e6, 1448)
		v.hardware = &results.HardwareCounters{Cycles: measured.Known[int64](300e6), Instructions: measured.Known[int64](410e6), CacheMisses: measured.Known[int64](2e6)}
	}
	return summaryOf(t, "To another host", "How much does sendfile save over a network card?", []string{"throughput", "cpu", "latency"}, 8, []madeUp{{rw, a}, {against(sf, rw), b}}, func(r *results.Run) {
		peer := fixtureHost()
		peer.Hostname, peer.CPU.Model, peer.CPU.LogicalCores = "elsewhere", "Other Imaginary CPU", 4
		peer.Settings["net.ipv4.tcp_rmem"] = "4096 131072 33554432"
		peer.NICs = []host.NIC{nic("ens3", "mlx5_core", 25)}
		unknown := nic("enp1s0", "unavailable: the kernel does not say", 2.5)
		unknown.TxQueues, unknown.RxQueues = measured.Unavailable[int64]("the driver does not count them"), measured.Unavailable[int64]("the driver does not count them")
		r.Peer, r.Host.NICs = &peer, []host.NIC{unknown}
		r.Links = []results.Link{{Kind: "remote", RateGbits: measured.Known(2.5), Sender: unknown, Receiver: peer.NICs[0]}}
	})
}

// primitivesSummary sends messages from memory: three paths, six sizes, four numbers of streams.
func primitivesSummary(t testing.TB) *results.Summary {
	var cases []madeUp
	for _, streams := range []int{1, 2, 4, 8} {
		for i := range 6 {
			chunk := int64(64) << (2 * i)
			memory := func(p *results.Params) {
				p.Source, p.Cache, p.Link, p.Streams, p.FileBytes = "memory", "", "veth", streams, 4<<20
			}
			base := transferCase(0, "send", chunk, memory)
			for k, path := range []string{"send", "sendmsg", "send-zerocopy"} {
				c, v := transferCase(0, path, chunk, memory), sendfileSpeed()
				v.sSys = []float64{420, 330, 250}[k] + []float64{400, 520, 900}[k]*1024/float64(chunk) + 12*float64(streams)
				v.rate, v.latency = 1e9*1024/(v.sSys+v.sUser), v.sSys*float64(chunk)/1024
				v.syscalls = map[string]int64{"sendto": 1}
				v.hardware = uncounted()
				v.tcp = tcpInfo(0, 90000, int64(v.rate), 1448)
				if path == "send-zerocopy" {
					v.settings = map[string]string{"completions_zero_copy": "0", "completions_copied": fmt.Sprint((256 << 20) / chunk), "enobufs": "0", "ring_depth": "16"}
				}
				if k > 0 {
					c = against(c, base)
				}
				cases = append(cases, madeUp{c, v})
			}
		}
	}
	return summaryOf(t, "Gathering and sending messages", "From which message size on does it pay to let the kernel gather?", []string{"sweep", "latency"}, 6, cases, func(r *results.Run) {
		r.Links = []results.Link{vethLink("", 0)}
	})
}

// crossoverSummary is a search over chunk sizes that left most of them out. Its crossovers are put together by hand.
func crossoverSummary(t testing.TB) *results.Summary {
	var cases []madeUp
	tried := map[string][]int{"sendfile": {0, 1, 2, 6, 13}, "splice": {0, 3, 4, 5, 6, 13}, "mmap-write": {0, 6, 13}, "mmap-zerocopy": {0, 6, 10, 11, 12, 13}, "go-io-copy": {0, 6, 13}}
	paths := []string{"sendfile", "splice", "mmap-write", "mmap-zerocopy", "go-io-copy"}
	cost := map[string][2]float64{"read-write": {370, 300}, "sendfile": {160, 460}, "splice": {190, 1700}, "mmap-write": {430, 340}, "mmap-zerocopy": {330, 30000}, "go-io-copy": {150, 250}}
	needed := map[string]bool{}
	for i := range 14 {
		chunk := int64(512) << i
		rw := transferCase(0, "read-write", chunk, nil)
		made := func(c results.Case) madeUp {
			v := sendfileSpeed()
			k := cost[c.Params.Path]
			v.sSys = k[0] + k[1]*1024/float64(chunk)
			v.rate = 1e9 * 1024 / (v.sSys + 200)
			v.latency = v.sSys * float64(chunk) / 1024
			return madeUp{c, v}
		}
		m := made(rw)
		var more []madeUp
		for _, path := range paths {
			for _, at := range tried[path] {
				if at == i {
					more = append(more, made(against(transferCase(0, path, chunk, nil), rw)))
					needed[more[len(more)-1].ID], needed[rw.ID] = true, true
				}
			}
			if !needed[transferCase(0, path, chunk, nil).ID] {
				c := made(against(transferCase(0, path, chunk, nil), rw))
				c.Unavailable = "not needed"
				more = append(more, c)
			}
		}
		if !needed[rw.ID] {
			m.Unavailable = "not needed"
		}
		cases = append(append(cases, m), more...)
	}
	s := summaryOf(t, "Where zero copy starts to pay", "From which chunk size on does each path take less of the sender's CPU than a loop?", []string{"sweep"}, 8, cases)
	params := map[string]results.Params{}
	for i := range s.Cases {
		c := &s.Cases[i]
		params[c.ID] = c.Params
		if c.Status == results.CaseUnavailable {
			c.Status, c.Reason = results.CaseNotNeeded, "the search found its answer without it"
		}
	}
	for _, path := range paths {
		x := results.Crossover{Label: path, Baseline: "read-write", Metric: results.MetricSenderCPU, NotUpToBytes: measured.Unavailable[int64]("better at every size that was tried"), FromBytes: measured.Unavailable[int64]("better at no size that was tried")}
		for _, c := range s.Comparisons {
			p := params[c.Case]
			if p.Path != path || c.Metric != x.Metric {
				continue
			}
			x.Params = withoutChunk(p)
			better := map[results.Verdict]string{results.Lower: "yes", results.Higher: "no", results.NoDifference: "no", results.TooNoisy: "undecided"}[c.Verdict]
			x.Tried = append(x.Tried, results.CrossoverPoint{ChunkBytes: p.ChunkBytes, Ratio: c.Ratio, Low: c.Low, High: c.High, Verdict: c.Verdict, Better: better})
			switch better {
			case "no":
				x.NotUpToBytes, x.FromBytes = measured.Known(p.ChunkBytes), measured.Unavailable[int64]("better at no size that was tried")
			case "yes":
				if _, ok := x.FromBytes.Get(); !ok {
					x.FromBytes = measured.Known(p.ChunkBytes)
				}
			}
		}
		s.Crossovers = append(s.Crossovers, x)
	}
	return s
}

// tlsSummary has encryption in the program and in the kernel, and paths that io_uring and MSG_ZEROCOPY make.
func tlsSummary(t testing.TB) *results.Summary {
	sf := transferCase(0, "sendfile", 64<<10, nil)
	tls := map[string]string{"tls_version": "TLS 1.3", "tls_cipher_suite": "TLS_AES_128_GCM_SHA256", "tls_record_bytes": "16384"}
	made := func(path string, rate, cpu float64, settings map[string]string) madeUp {
		v := sendfileSpeed()
		v.rate, v.sSys, v.settings, v.latency = rate*mib, cpu, settings, cpu*64
		return madeUp{against(transferCase(0, path, 64<<10, nil), sf), v}
	}
	return summaryOf(t, "TLS takes zero copy away", "What does encryption cost a sender?", []string{"throughput", "cpu", "latency"}, 8, []madeUp{
		{sf, sendfileSpeed()}, made("tls", 700, 900, tls), made("ktls-sendfile", 900, 640, tls),
		made("uring-read-send", 2800, 210, map[string]string{"ring_depth": "8", "ring_setup_flags": "0x1000"}),
		made("uring-send-zc", 2100, 260, map[string]string{"ring_depth": "8", "ring_setup_flags": "0x1000", "completions_zero_copy": "3034", "completions_copied": "1062"}),
		made("read-zerocopy", 1900, 300, map[string]string{"ring_depth": "16", "enobufs": "12", "completions_zero_copy": "0", "completions_copied": "4096", "receiver_mapped_bytes": "252329656", "receiver_copied_bytes": "16106126"}),
	})
}
