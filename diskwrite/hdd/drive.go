// Package hdd is a model of a mechanical disk: it computes how long a list of writes would take on one. It touches no
// disk and needs none. Everything that it returns is modelled, not measured, and an output that shows a number of this
// package puts the word [Label] beside it.
//
// The model is of the kind that C. Ruemmler and J. Wilkes describe in "An introduction to disk drive modeling" (IEEE
// Computer 27(3), March 1994): a seek curve, a platter that never stops turning, sectors laid out over heads and
// cylinders with a skew, a command overhead, and a write cache. A [Drive] holds the numbers of one product; a [Disk] is a
// drive at work.
//
//	disk, err := hdd.New(hdd.Drive7200(), hdd.Options{Cache: hdd.WriteCacheOff})
//	served, err := disk.Write(offset, 4096)
//	disk.Flush()
//	total := disk.Total()
//
// Left out: reads and their cache, spare sectors and retries, thermal recalibration, the longer settling of the HP
// 97560 before a write, starting in the middle of a track when the head arrives there, reordering by rotational position,
// bus contention, and whatever a drive's firmware does besides. docs/mechanical-disk.md says what follows from that.
package hdd

import (
	"errors"
	"fmt"
)

// Label is the word that stands beside every number that comes from this package.
const Label = "modelled"

// Drive holds the numbers that describe one product. Cylinder 0 is the outermost; sectors are counted along a track, then
// along the heads of a cylinder, then inwards.
type Drive struct {
	ID   string // the word for it everywhere: "7200rpm"; a drive of your own needs none
	Name string
	// Source says where the numbers come from, and which are not from a data sheet.
	Source string
	// RPM is how often the platters turn in a minute.
	RPM int64
	// SectorBytes is the smallest piece that the medium takes. A write that covers part of a sector has the drive read the
	// sector first and write it one turn later.
	SectorBytes int64
	// Heads is the number of tracks in a cylinder.
	Heads int64
	// Zones are the groups of cylinders with equally long tracks, from the outermost.
	Zones []Zone
	// Seek says how long the arm takes to another cylinder and to settle there, for a write.
	Seek SeekCurve
	// HeadSwitchNS is the time to change to another head and to settle on its track. Where the arm moves too, the longer of
	// the two counts.
	HeadSwitchNS int64
	// OverheadNS is the time from the arrival of a command that goes to the medium until the arm starts.
	OverheadNS int64
	// CacheOverheadNS is the time from the arrival of a command that the write cache takes until its data flow.
	CacheOverheadNS int64
	// InterfaceBytesPerSecond is how fast data get from the host into the drive. It is faster than any track: the model lets
	// the medium wait for nothing but itself.
	InterfaceBytesPerSecond int64
	// BufferBytes is the size of the write cache.
	BufferBytes int64
}

// Zone is a group of cylinders with equally long tracks.
type Zone struct {
	Cylinders       int64
	SectorsPerTrack int64
	// TrackSkewSectors and CylinderSkewSectors say by how many sectors the first sector of a track lies behind that of the
	// track before, within a cylinder and across to the next: far enough for the head to be there in time. Where it is not,
	// each change costs a turn.
	TrackSkewSectors    int64
	CylinderSkewSectors int64
}

// TurnNS is the time of one turn of the platters, to the nearest nanosecond.
func (d Drive) TurnNS() int64 { return (60e9 + d.RPM/2) / d.RPM }

// Cylinders is the number of cylinders of all zones.
func (d Drive) Cylinders() int64 {
	var n int64
	for _, z := range d.Zones {
		n += z.Cylinders
	}
	return n
}

// CapacityBytes is how much the drive holds.
func (d Drive) CapacityBytes() int64 {
	var sectors int64
	for _, z := range d.Zones {
		sectors += z.Cylinders * d.Heads * z.SectorsPerTrack
	}
	return sectors * d.SectorBytes
}

// StartBytes is the byte at which a file begins that is to lie that far from the outermost sector: 0 is the fastest
// place, 0.5 the middle of the capacity. It is the beginning of a sector.
func (d Drive) StartBytes(fraction float64) int64 {
	sectors := d.CapacityBytes() / d.SectorBytes
	return min(max(int64(fraction*float64(sectors)), 0), sectors) * d.SectorBytes
}

// AverageSeekNS is the mean of all seeks from one cylinder to another, which is how data sheets define it.
func (d Drive) AverageSeekNS() float64 { return d.Seek.averageNS(d.Cylinders()) }

// FullStrokeNS is the time of a seek from the outermost to the innermost cylinder.
func (d Drive) FullStrokeNS() int64 { return d.Seek.NS(d.Cylinders() - 1) }

// SustainedBytesPerSecond is how fast a zone takes a long sequential write: a cylinder's data in the time that all its
// tracks and the changes between them take, as long as the skews cover the switches.
func (d Drive) SustainedBytesPerSecond(z Zone) float64 {
	perTurn := float64(d.TurnNS())
	sectors := float64(d.Heads * z.SectorsPerTrack)
	changes := float64((d.Heads-1)*z.TrackSkewSectors + z.CylinderSkewSectors)
	turns := (sectors + changes) / float64(z.SectorsPerTrack)
	return sectors * float64(d.SectorBytes) / (turns * perTurn) * 1e9
}

// Validate tells what is wrong with a drive, and what to do about it.
func (d Drive) Validate() error {
	switch {
	case d.RPM < 1:
		return errors.New("the platters don't turn: set RPM, for example 7200")
	case d.SectorBytes < 1:
		return errors.New("sectors hold nothing: set SectorBytes, for example 4096")
	case d.Heads < 1:
		return errors.New("there is no head: set Heads")
	case len(d.Zones) == 0:
		return errors.New("there are no tracks: set Zones; a drive without zones has one")
	case d.HeadSwitchNS < 0 || d.OverheadNS < 0 || d.CacheOverheadNS < 0:
		return errors.New("a time is negative: set HeadSwitchNS, OverheadNS and CacheOverheadNS to 0 or more")
	case d.BufferBytes < d.SectorBytes:
		return fmt.Errorf("a write cache of %d bytes does not hold a sector: set BufferBytes", d.BufferBytes)
	}
	for i, z := range d.Zones {
		if z.Cylinders < 1 || z.SectorsPerTrack < 1 {
			return fmt.Errorf("zone %d is empty: set Cylinders and SectorsPerTrack", i)
		}
		if z.TrackSkewSectors < 0 || z.CylinderSkewSectors < 0 || z.TrackSkewSectors >= z.SectorsPerTrack || z.CylinderSkewSectors >= z.SectorsPerTrack {
			return fmt.Errorf("zone %d: a skew is at least 0 and less than the track's %d sectors", i, z.SectorsPerTrack)
		}
		track := float64(z.SectorsPerTrack*d.SectorBytes) / float64(d.TurnNS()) * 1e9
		if float64(d.InterfaceBytesPerSecond) < track {
			return fmt.Errorf("zone %d: a track passes at %.0f bytes/s and the interface takes %d: the model needs the interface to be the faster one", i, track, d.InterfaceBytesPerSecond)
		}
	}
	return d.Seek.validate(d.Cylinders())
}
