package host

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"copylab/results/measured"
)

// table is a file of the kernel that holds one named number a line.
type table map[string]int64

// get returns a number of the table, or says that the file has none of that name.
func (t table) get(file, name string) measured.Int {
	n, ok := t[name]
	if !ok {
		return measured.Unavailable[int64]("%s has no %s", file, name)
	}
	return measured.Known(n)
}

// meminfo reads /proc/meminfo; sizes are in bytes.
func (fs FS) meminfo() (table, error) { return parseFile(fs.proc("meminfo"), parseMeminfo) }

// parseMeminfo parses /proc/meminfo (proc_meminfo(5)) into bytes. Its "kB" are KiB. Lines without a unit count pages.
func parseMeminfo(r io.Reader) (table, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	t := table{}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		name, rest, ok := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if !ok || len(fields) == 0 {
			return nil, fmt.Errorf("line %d: want a name, a colon and a number, got %q", n, strings.TrimSpace(line))
		}
		v, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil || v < 0 {
			return nil, fmt.Errorf("line %d: want a number, got %q", n, fields[0])
		}
		if len(fields) > 1 {
			if fields[1] != "kB" {
				return nil, fmt.Errorf("line %d: want kB, got %q", n, fields[1])
			}
			if v > (1<<63-1)/1024 {
				return nil, fmt.Errorf("line %d: %d kB are more than can be counted in bytes", n, v)
			}
			v *= 1024
		}
		t[name] = v
	}
	return t, nil
}

// vmstat reads /proc/vmstat.
func (fs FS) vmstat() (table, error) { return parseFile(fs.proc("vmstat"), parseVmstat) }

// parseVmstat parses /proc/vmstat: a name and a number a line.
func parseVmstat(r io.Reader) (table, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	t := table{}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("line %d: want a name and a number, got %q", n, strings.TrimSpace(line))
		}
		// Some counters are sums of signed per-CPU parts and may read as a negative number.
		v, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		t[fields[0]] = v
	}
	return t, nil
}

// dirtyMemory picks what is held for the disk out of /proc/meminfo.
func dirtyMemory(t table) DirtyMemory {
	return DirtyMemory{
		DirtyBytes:     t.get("/proc/meminfo", "Dirty"),
		WritebackBytes: t.get("/proc/meminfo", "Writeback"),
	}
}

// memory describes RAM and the limits of the page cache. The dirty limits are the kernel's own: it computes them from
// vm.dirty_* and the memory that is available at the moment (mm/page-writeback.c, global_dirty_limits), and shows them
// in /proc/vmstat in pages.
func (fs FS) memory() Memory {
	m := Memory{PageBytes: os.Getpagesize(), TransparentHugePages: selectedOr(fs.sys("kernel/mm/transparent_hugepage/enabled"))}
	info, err := fs.meminfo()
	if err != nil {
		m.TotalBytes, m.AvailableBytes = physicalMemory(err), noInt(err)
	} else {
		m.TotalBytes, m.AvailableBytes = info.get("/proc/meminfo", "MemTotal"), info.get("/proc/meminfo", "MemAvailable")
	}
	stat, err := fs.vmstat()
	if err != nil {
		m.DirtyLimitBytes, m.DirtyBackgroundLimitBytes = noInt(err), noInt(err)
		return m
	}
	m.DirtyLimitBytes = pages(stat.get("/proc/vmstat", "nr_dirty_threshold"))
	m.DirtyBackgroundLimitBytes = pages(stat.get("/proc/vmstat", "nr_dirty_background_threshold"))
	return m
}

// pages turns a number of pages into bytes.
func pages(v measured.Int) measured.Int {
	n, ok := v.Get()
	if !ok {
		return v
	}
	size := int64(os.Getpagesize())
	if n < 0 || n > (1<<63-1)/size {
		return measured.Unavailable[int64]("%d pages are no size", n)
	}
	return measured.Known(n * size)
}
