// Package host describes the machine that is measured and reads its counters: the fingerprint that goes into a
// record, the disk under a folder, the counters around a timed span, and which pages of a file are in the page cache.
//
// Reading is apart from parsing, and the roots of /proc and /sys can be set, so that every parser is tested on fixtures.
package host

import "copylab/results/measured"

// Host is a machine's fingerprint: whatever a reader needs to judge a number.
type Host struct {
	Hostname   string `json:"hostname"`
	OS         string `json:"os"`           // GOOS
	Arch       string `json:"architecture"` // GOARCH
	Kernel     string `json:"kernel"`       // uname -r
	Distro     string `json:"distribution"` // PRETTY_NAME of os-release
	GoVersion  string `json:"go_version"`
	Privileges string `json:"privileges"` // "root" or "ordinary user"

	CPU    CPU    `json:"cpu"`
	Memory Memory `json:"memory"`
	Disk   Disk   `json:"disk"` // under the folder of the test files
	// Virtualization names the hypervisor, "none", or "unavailable: why".
	Virtualization string `json:"virtualization"`
	Clocksource    string `json:"clocksource"`
	// NICs are the network interfaces that are up, but loopback; at most 16.
	NICs []NIC `json:"nics"`
	// Settings are the sysctls that move these numbers, by name; a missing one says why.
	Settings map[string]string `json:"settings"`
}

// CPU describes the processors.
type CPU struct {
	Model         string         `json:"model"`
	LogicalCores  int            `json:"logical_cores"`
	AllowedCPUs   []int          `json:"allowed_cpus"` // sched_getaffinity(2)
	Governor      string         `json:"governor"`     // of CPU 0
	Features      []string       `json:"features"`     // those that matter to copying: ERMS, FSRM, AVX2, …
	LastLevelSize measured.Int   `json:"llc_bytes"`    //
	LoadAverage1m measured.Float `json:"load_average_1m"`
	Mitigations   []string       `json:"mitigations"` // /sys/devices/system/cpu/vulnerabilities, those in force
}

// Memory describes RAM and the page cache's limits.
type Memory struct {
	TotalBytes                measured.Int `json:"total_bytes"`
	AvailableBytes            measured.Int `json:"available_bytes"`
	PageBytes                 int          `json:"page_bytes"`
	DirtyBackgroundLimitBytes measured.Int `json:"dirty_background_limit_bytes"` // of available memory, as the kernel computes it
	DirtyLimitBytes           measured.Int `json:"dirty_limit_bytes"`
	TransparentHugePages      string       `json:"transparent_huge_pages"`
}

// Disk is the filesystem and the block device under a folder, as mountinfo and sysfs tell.
type Disk struct {
	Folder       string `json:"folder"`
	MountPoint   string `json:"mount_point"`
	Filesystem   string `json:"filesystem"`    // ext4, xfs, tmpfs, …; of an overlay also what it is over: "overlay over ext4"
	MountOptions string `json:"mount_options"` // per mount and per superblock
	// Device is the name whose counters are read: the whole disk, since the kernel counts flushes only there.
	// Empty where no block device is known; then Why says so.
	Device            string       `json:"device"`
	Partition         string       `json:"partition,omitempty"`
	Why               string       `json:"why,omitempty"`
	Model             string       `json:"model"`
	Scheduler         string       `json:"scheduler"`
	WriteCache        string       `json:"write_cache"` // "write back" or "write through"
	FUA               string       `json:"fua"`
	Rotational        string       `json:"rotational"`   // "0" or "1", as the kernel believes
	CapacityBytes     measured.Int `json:"device_bytes"` // of the whole Device
	LogicalBlock      measured.Int `json:"logical_block_bytes"`
	PhysicalBlock     measured.Int `json:"physical_block_bytes"`
	SizeBytes         measured.Int `json:"size_bytes"`                    // of the filesystem
	FreeBytes         measured.Int `json:"free_bytes"`                    // for this user
	DirectMemAlign    measured.Int `json:"direct_memory_alignment_bytes"` // STATX_DIOALIGN
	DirectOffsetAlign measured.Int `json:"direct_offset_alignment_bytes"` //
	InMemory          bool         `json:"in_memory"`                     // tmpfs, ramfs: there is no disk
}

// NIC is a network interface: real or virtual. Each feature is "on", "off" or "unavailable: why".
type NIC struct {
	Name       string         `json:"name"`
	Driver     string         `json:"driver"`                  // virtio_net, veth, …
	SpeedGbits measured.Float `json:"speed_gbits_per_second"`  // as the driver says; virtual ones often don't know
	MTUBytes   measured.Int   `json:"mtu_bytes"`               //
	SG         string         `json:"scatter_gather"`          // tx-scatter-gather
	TSO        string         `json:"tcp_segmentation"`        // tx-tcp-segmentation
	GSO        string         `json:"generic_segmentation"`    // tx-generic-segmentation
	GRO        string         `json:"generic_receive_offload"` // rx-gro
	TxChecksum string         `json:"tx_checksum"`             // tx-checksum-*: any that is on
	RxChecksum string         `json:"rx_checksum"`             // rx-checksum
	TxQueues   measured.Int   `json:"tx_queues"`               //
	RxQueues   measured.Int   `json:"rx_queues"`               //
}

// MachineDelta is what the whole machine did during a span, from /proc/stat.
type MachineDelta struct {
	BusyNS       measured.Int `json:"busy_ns"` // every CPU: user, nice, system, irq, softirq
	SoftIRQNS    measured.Int `json:"softirq_ns"`
	IOWaitNS     measured.Int `json:"iowait_ns"`
	StealNS      measured.Int `json:"steal_ns"`
	TotalNS      measured.Int `json:"total_ns"`      // all CPUs, busy or not
	ResolutionNS int64        `json:"resolution_ns"` // of each reading above
	Switches     measured.Int `json:"context_switches"`
}

// DeviceDelta is what the disk did during a span, from /proc/diskstats. It is the whole disk's work, whoever asked.
type DeviceDelta struct {
	Device    string       `json:"device"`
	Reads     measured.Int `json:"reads"`
	ReadBytes measured.Int `json:"read_bytes"`
	// Writes are requests, after merging. One that only asks for a flush counts here too, as a write of no bytes, and again in Flushes; a
	// flush that goes with a write's data, as a journal's commit has it, counts in Flushes alone. The kernel does not tell the two apart
	// (block/blk-flush.c, blk_account_io_done in block/blk-mq.c): Writes less Flushes is not the number of writes with data.
	Writes     measured.Int `json:"writes"`
	WriteBytes measured.Int `json:"write_bytes"`
	Merges     measured.Int `json:"write_merges"` // that joined another request before it was sent
	Flushes    measured.Int `json:"flushes"`      // that were sent to the device
	FlushNS    measured.Int `json:"flush_ns"`     // of all of them together
	BusyNS     measured.Int `json:"busy_ns"`      // time with at least one request under way
	// QueueNS is the time that requests were under way, one and all: over the span's length, it is how many there were on average. Each
	// counts when it ends. Flushes by themselves are not in it: the kernel counts their time twice, here and with who asked for them.
	QueueNS measured.Int `json:"queue_ns"`
}

// LinkDelta is what a network interface counted during a span, from /proc/net/dev: whoever's traffic, headers included. A packet that is cut
// into frames only later, as on loopback, on a veth link and by most network cards, may be counted as one, with one header.
type LinkDelta struct {
	Interface       string       `json:"interface"`
	SentBytes       measured.Int `json:"sent_bytes"`
	ReceivedBytes   measured.Int `json:"received_bytes"` // what loopback sends it also receives
	SentPackets     measured.Int `json:"sent_packets"`
	ReceivedPackets measured.Int `json:"received_packets"`
}

// Residency is how much of a file is in the page cache.
type Residency struct {
	Source    string       `json:"source"` // cachestat, mincore
	Pages     measured.Int `json:"pages"`
	Resident  measured.Int `json:"resident_pages"`
	Dirty     measured.Int `json:"dirty_pages"`     // cachestat only
	Writeback measured.Int `json:"writeback_pages"` // cachestat only
}

// DirtyMemory is what the machine holds for the disk, from /proc/meminfo.
type DirtyMemory struct {
	DirtyBytes     measured.Int `json:"dirty_bytes"`
	WritebackBytes measured.Int `json:"writeback_bytes"`
}
