package hdd

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the modelled tables in docs/mechanical-disk.md")

// The tables of the documentation are what the model says. Each stands between two comments that name it.
func TestDocumentedTables(t *testing.T) {
	name := filepath.Join("..", "..", "docs", "mechanical-disk.md")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	doc := strings.ReplaceAll(string(text), "\r\n", "\n")
	for _, table := range []struct {
		name string
		make func(*testing.T) string
	}{
		{"data sheet", dataSheetTable}, {"published", publishedTable}, {"4 KiB", patternTable}, {"file size", fileSizeTable},
		{"syncs", syncTable}, {"drives", driveTable},
	} {
		begin, end := "<!-- table: "+table.name+" -->\n", "<!-- end of table -->\n"
		head, rest, ok := strings.Cut(doc, begin)
		if !ok {
			t.Errorf("%s has no line %q", name, strings.TrimSpace(begin))
			continue
		}
		got, tail, ok := strings.Cut(rest, end)
		if !ok {
			t.Fatalf("%s: the table %q does not end", name, table.name)
		}
		want := table.make(t)
		if got != want && !*update {
			t.Errorf("%s, table %q: run with -update after you have understood why.\nwant\n%sgot\n%s", name, table.name, want, got)
		}
		doc = head + begin + want + end + tail
	}
	if *update && doc != string(text) {
		if err := os.WriteFile(name, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func table(head string, rows ...string) string {
	columns := strings.Count(head, "|") - 1
	return head + "\n|" + strings.Repeat("---|", columns) + "\n" + strings.Join(rows, "\n") + "\n"
}

func errorRow(what string, published, modelled float64, digits int) string {
	return fmt.Sprintf("| %s | %.*f | %.*f | %+.1f %% |", what, digits, published, digits, modelled, 100*(modelled/published-1))
}

func dataSheetTable(t *testing.T) string {
	drive := Drive7200()
	d := newDisk(t, drive, Options{Cache: WriteCacheOff})
	random := source(2)
	var seek, rotation float64
	const n = 100_000
	for range n {
		at := cylinderBytes(drive, random.Int64N(drive.Cylinders()))
		s := do(t, d, Write{Offset: at, Bytes: 4096, AtNS: d.NowNS() + random.Int64N(50e6)})
		seek += float64(s.Waited.SeekNS) / 1e6 / n
		rotation += float64(s.Waited.RotationNS) / 1e6 / n
	}
	sustained := func(start int64) float64 {
		d := newDisk(t, drive, Options{Cache: WriteCacheOn, Depth: 32, StartBytes: start})
		appends(t, d, 1024, 1<<20, false)
		d.Flush()
		return speed(t, d) / 1e6
	}
	return table("| 7200 rpm drive | given | modelled | error |",
		errorRow("one turn, ms (7K1000.C)", 8.33, float64(drive.TurnNS())/1e6, 2),
		errorRow("average latency, ms (7K1000.C)", 4.17, rotation, 2),
		errorRow("seek to the next cylinder, writing, ms (sister drives)", 1.1, float64(drive.Seek.NS(1))/1e6, 2),
		errorRow("average seek, writing, ms (7K1000.C)", 9.5, seek, 2),
		errorRow("full stroke, writing, ms (chosen)", 18, float64(drive.FullStrokeNS())/1e6, 2),
		errorRow("sustained outside, MB/s (chosen)", 200, sustained(0), 1),
		errorRow("sustained inside, MB/s (chosen)", 120, sustained(drive.StartBytes(0.99)), 1),
		errorRow("capacity, GB", 1000.2, float64(drive.CapacityBytes())/1e9, 1))
}

func publishedTable(t *testing.T) string {
	random := newDisk(t, Drive7200(), Options{Cache: WriteCacheOn})
	randomWrites(t, random, 20_000, true)
	at7200, at5400 := pgTest(t, 7200, 1, false), pgTest(t, 5400, 1, false)
	return table("| measured on a real disk | measured | modelled | error |",
		errorRow("8 kB overwrites with fdatasync, 4 × WD1001FALS (7200 rpm) in RAID-10, per second", 82.5, at7200, 1),
		errorRow("the same, WD2002FYPS (taken for 5400 rpm)", 81.9, at5400, 1),
		errorRow("the same with open_datasync, 4 × WD2002FYPS in RAID-5", 89.5, at5400, 1),
		errorRow("two blocks under one sync: rate against one block's (WD1001FALS)", 81.0/82.5, pgTest(t, 7200, 2, false)/at7200, 2),
		errorRow("two blocks with a sync each: rate against one block's (WD1001FALS)", 38.8/81.3, pgTest(t, 7200, 2, true)/at7200, 2),
		errorRow("random 4 KiB over the whole disk, each synced, Ultrastar 7K6000 (7200 rpm), per second", 96, rate(t, random), 1))
}

// shares tells what the arm and the platters did in the span, in percent of it.
func shares(total Total) string {
	percent := func(ns int64) float64 { return 100 * float64(ns) / float64(total.SpanNS) }
	m := total.Medium
	return fmt.Sprintf("%.0f | %.0f | %.0f | %.0f", percent(m.SeekNS), percent(m.HeadSwitchNS), percent(m.RotationNS), percent(m.TransferNS))
}

func patternTable(t *testing.T) string {
	drive := Drive7200()
	var rows []string
	row := func(what string, options Options, run func(*Disk)) {
		d := newDisk(t, drive, options)
		run(d)
		d.Flush()
		rows = append(rows, fmt.Sprintf("| %s | %s | %.0f | %.3g | %s |", what, options.Cache, rate(t, d), speed(t, d)/1e6, shares(d.Total())))
	}
	const n = 30_000
	row("random, whole disk", Options{Cache: WriteCacheOff}, func(d *Disk) { randomWrites(t, d, n, false) })
	row("random, whole disk", Options{Cache: WriteCacheOn}, func(d *Disk) { randomWrites(t, d, n, false) })
	row("random, whole disk, each synced", Options{Cache: WriteCacheOn}, func(d *Disk) { randomWrites(t, d, n, true) })
	row("appended, the host waits for each", Options{Cache: WriteCacheOff}, func(d *Disk) { appends(t, d, n, 4096, false) })
	row("appended, each synced", Options{Cache: WriteCacheOn}, func(d *Disk) { appends(t, d, n, 4096, true) })
	row("appended, the host waits for each", Options{Cache: WriteCacheOn}, func(d *Disk) { appends(t, d, n, 4096, false) })
	row("appended, 32 commands at the drive", Options{Cache: WriteCacheOff, Depth: 32}, func(d *Disk) { appends(t, d, n, 4096, false) })
	row("appended, 32 commands at the drive", Options{Cache: WriteCacheOn, Depth: 32}, func(d *Disk) { appends(t, d, n, 4096, false) })
	return table("| writes of 4 KiB | write cache | writes/s | MB/s | seek % | head switch % | rotation % | transfer % |", rows...)
}

func fileSizeTable(t *testing.T) string {
	drive := Drive7200()
	var rows []string
	for _, gib := range []int64{1, 16, 256, 0} {
		options := Options{StartBytes: drive.StartBytes(0.5), FileBytes: gib << 30}
		what := fmt.Sprintf("%d GiB, in the middle of the disk", gib)
		if gib == 0 {
			options, what = Options{}, "the whole disk"
		}
		options.Cache = WriteCacheOff
		off := newDisk(t, drive, options)
		randomWrites(t, off, 20_000, false)
		options.Cache = WriteCacheOn
		on := newDisk(t, drive, options)
		randomWrites(t, on, 40_000, false)
		on.Flush()
		seek := float64(off.Total().Medium.SeekNS) / 20_000 / 1e6
		rows = append(rows, fmt.Sprintf("| %s | %.1f | %.0f | %.0f |", what, seek, rate(t, off), rate(t, on)))
	}
	return table("| file | mean seek, ms | random writes/s, cache off | cache on |", rows...)
}

func syncTable(t *testing.T) string {
	var rows []string
	for _, every := range []int{1, 8, 64, 512, 4096} {
		d := newDisk(t, Drive7200(), Options{Cache: WriteCacheOn, Depth: 32})
		for i := range 8 * 4096 {
			write(t, d, int64(i)*4096, 4096)
			if (i+1)%every == 0 {
				d.Flush()
			}
		}
		rows = append(rows, fmt.Sprintf("| %d | %.0f | %.3g |", every, rate(t, d), speed(t, d)/1e6))
	}
	return table("| appends of 4 KiB per sync | writes/s | MB/s |", rows...)
}

func driveTable(t *testing.T) string {
	var rows []string
	for _, drive := range []Drive{HP97560(), Drive7200()} {
		random := newDisk(t, drive, Options{Cache: WriteCacheOff})
		randomWrites(t, random, 30_000, false)
		sequential := newDisk(t, drive, Options{Cache: WriteCacheOff, Depth: 32})
		appends(t, sequential, 30_000, 4096, false)
		rows = append(rows, fmt.Sprintf("| %s | %.0f | %.3g | %.3g | %.0f |", drive.Name, rate(t, random), speed(t, random)/1e6, speed(t, sequential)/1e6, speed(t, sequential)/speed(t, random)))
	}
	return table("| drive, cache off | random 4 KiB writes/s | random MB/s | sequential MB/s | times |", rows...)
}
