package hdd

// Drives lists every drive that copylab knows, in the order in which lists and charts show them.
func Drives() []Drive { return []Drive{Drive7200(), HP97560()} }

// FindDrive returns the drive of that ID.
func FindDrive(id string) (Drive, bool) {
	for _, d := range Drives() {
		if d.ID == id {
			return d, true
		}
	}
	return Drive{}, false
}

// HP97560 is a 1.3 GB SCSI disk of the early 1990s, the one that the classic simulation papers describe.
func HP97560() Drive {
	return Drive{
		ID:   "hp97560",
		Name: "HP 97560",
		Source: "C. Ruemmler and J. Wilkes, An introduction to disk drive modeling, IEEE Computer 27(3), 1994, and D. Kotz, S. B. Toh and S. Radhakrishnan, " +
			"A detailed simulation model of the HP 97560 disk drive, Dartmouth PCS-TR94-220, 1994; the bus rate is that of Fast SCSI-2; a cached command's overhead is taken to be the same as any other's",
		RPM:         4002,
		SectorBytes: 512,
		Heads:       19,
		Zones:       []Zone{{Cylinders: 1962, SectorsPerTrack: 72, TrackSkewSectors: 8, CylinderSkewSectors: 18}},
		Seek: SeekCurve{
			BoundaryCylinders: 383,
			ShortBaseNS:       3.24e6, ShortRootNS: 0.400e6,
			LongBaseNS: 8.00e6, LongPerCylinderNS: 0.008e6,
		},
		HeadSwitchNS:            1_600_000,
		OverheadNS:              2_200_000,
		CacheOverheadNS:         2_200_000,
		InterfaceBytesPerSecond: 10_000_000,
		BufferBytes:             128 << 10,
	}
}

// The 7200 rpm drive's layout: 16 zones whose tracks get shorter by equal steps.
const (
	zones7200        = 16
	cylinders7200    = 19_650 // in each zone; with the tracks below, 1.00 TB in all
	outerSectors7200 = 485    // of 4 KiB
	innerSectors7200 = 291
)

// Drive7200 is a desktop disk of 7200 rpm and 1 TB. Its positioning is that of the Hitachi Deskstar 7K1000.C, for writing:
//
//   - 7200 rpm: one turn 8.33 ms, average latency 4.17 ms; average seek 9.5 ms when writing (8.5 ms when reading): the
//     drive's specification, section 4.5.2.
//   - Next cylinder 1.1 ms, full stroke 18 ms: its specification's page was not at hand. 1.1 ms is what Hitachi states for
//     writes of the 7K320 and 7K500; full strokes of such drives are stated between 15.7 (Deskstar 60GXP) and 22 ms
//     (7K320). FitSeek got the curve from 1.1, 9.5 and 18 ms; a test does it again.
//   - Head switch 1.4 ms, cylinder switch 1.8 ms: Deskstar 60GXP's specification. The skews cover them.
//   - 200 MB/s sustained outside, 120 MB/s inside, on two tracks per cylinder with 4 KiB sectors: a drive with 1 TB on one
//     platter, as the Deskstar 7K1000.D is, a generation after the 7K1000.C. Number and lengths of the zones are ours.
//   - Command overhead 0.4 ms, 0.03 ms for one that the cache takes: Ultrastar 146Z10's specification, which gives them as
//     limits. Interface 300 MB/s (SATA 3 Gbit/s). Buffer 32 MiB.
func Drive7200() Drive {
	d := Drive{
		ID:   "7200rpm",
		Name: "7200 rpm, 1 TB",
		Source: "rotation and average write seek: Hitachi Deskstar 7K1000.C specification, section 4.5.2; next cylinder, head and cylinder switch, command overhead: specifications of " +
			"other Hitachi and IBM drives; full stroke and sustained rates: usual for such drives; seek curve fitted; zones ours",
		RPM:         7200,
		SectorBytes: 4096,
		Heads:       2,
		Seek: SeekCurve{
			BoundaryCylinders: 141_482,
			ShortBaseNS:       1.072066e6, ShortRootNS: 27_933.995,
			LongBaseNS: 6.3256255e6, LongPerCylinderNS: 37.1323525,
		},
		HeadSwitchNS:            1_400_000,
		OverheadNS:              400_000,
		CacheOverheadNS:         30_000,
		InterfaceBytesPerSecond: 300_000_000,
		BufferBytes:             32 << 20,
	}
	turnNS := d.TurnNS()
	for i := range int64(zones7200) {
		sectors := outerSectors7200 - i*(outerSectors7200-innerSectors7200)/(zones7200-1)
		// The fewest sectors that take at least the switch's time to pass.
		covering := func(ns int64) int64 { return (ns*sectors + turnNS - 1) / turnNS }
		d.Zones = append(d.Zones, Zone{Cylinders: cylinders7200, SectorsPerTrack: sectors,
			TrackSkewSectors: covering(d.HeadSwitchNS), CylinderSkewSectors: covering(cylinderSwitch7200)})
	}
	return d
}

// cylinderSwitch7200 is longer than the seek to the next cylinder: data sheets count the end of one transfer and the
// beginning of the next among it.
const cylinderSwitch7200 = 1_800_000
