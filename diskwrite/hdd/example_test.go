package hdd_test

import (
	"fmt"
	"log"

	"copylab/diskwrite/hdd"
)

// A log appends records of 4 KiB. What does a 7200 rpm disk make of it if each record is made durable, or every 100th?
func Example() {
	for _, every := range []int64{1, 100} {
		disk, err := hdd.New(hdd.Drive7200(), hdd.Options{Cache: hdd.WriteCacheOn})
		if err != nil {
			log.Fatal(err)
		}
		for i := range int64(1000) {
			if _, err := disk.Write(i*4096, 4096); err != nil {
				log.Fatal(err)
			}
			if (i+1)%every == 0 {
				disk.Flush()
			}
		}
		total := disk.Total()
		rate, _ := total.WritesPerSecond()
		fmt.Printf("durable every %d: %.0f records/s (%s); it waited for the platters for %d of %d ms\n", every, rate, hdd.Label,
			total.Medium.RotationNS/1e6, total.SpanNS/1e6)
	}
	// Output:
	// durable every 1: 120 records/s (modelled); it waited for the platters for 8281 of 8345 ms
	// durable every 100: 9641 records/s (modelled); it waited for the platters for 83 of 103 ms
}

// One write: where its time goes.
func ExampleDisk_Do() {
	disk, err := hdd.New(hdd.HP97560(), hdd.Options{Cache: hdd.WriteCacheOff})
	if err != nil {
		log.Fatal(err)
	}
	served, err := disk.Do(hdd.Write{Offset: 1 << 30, Bytes: 8192, AtNS: 0})
	if err != nil {
		log.Fatal(err)
	}
	w := served.Waited
	fmt.Printf("%.2f ms: overhead %.2f, seek %.2f, rotation %.2f, transfer %.2f\n", float64(served.NS())/1e6,
		float64(w.OverheadNS)/1e6, float64(w.SeekNS)/1e6, float64(w.RotationNS)/1e6, float64(w.TransferNS)/1e6)
	// Output:
	// 38.73 ms: overhead 2.20, seek 20.26, rotation 12.93, transfer 3.33
}

// A drive of your own, from its data sheet: 5400 rpm, 12 ms average seek, and tracks of 1 MB.
func ExampleFitSeek() {
	curve, err := hdd.FitSeek(100_000, 1_000_000, 12_000_000, 22_000_000)
	if err != nil {
		log.Fatal(err)
	}
	drive := hdd.Drive{
		Name: "mine", Source: "its data sheet",
		RPM: 5400, SectorBytes: 4096, Heads: 4,
		Zones:        []hdd.Zone{{Cylinders: 100_000, SectorsPerTrack: 256, TrackSkewSectors: 32, CylinderSkewSectors: 48}},
		Seek:         curve,
		HeadSwitchNS: 1_200_000, OverheadNS: 400_000, CacheOverheadNS: 30_000,
		InterfaceBytesPerSecond: 300_000_000, BufferBytes: 8 << 20,
	}
	fmt.Printf("%.0f GB, %.0f MB/s sustained, average seek %.1f ms\n", float64(drive.CapacityBytes())/1e9,
		drive.SustainedBytesPerSecond(drive.Zones[0])/1e6, drive.AverageSeekNS()/1e6)
	// Output:
	// 419 GB, 83 MB/s sustained, average seek 12.0 ms
}
