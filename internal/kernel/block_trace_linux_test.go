package kernel

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"copylab/internal/testenv"
)

func TestParseOps(t *testing.T) {
	for _, tt := range []struct {
		ops         string
		kind        BlockKind
		sync, force bool
	}{
		{"W", BlockWrite, false, false}, {"WS", BlockWrite, true, false}, {"WFS", BlockWrite, true, true}, {"WSM", BlockWrite, true, false},
		{"FW", BlockWrite, false, false}, {"FWFS", BlockWrite, true, true},
		{"FF", BlockFlush, false, false}, {"F", BlockFlush, false, false}, {"FFS", BlockFlush, true, false},
		{"R", BlockRead, false, false}, {"RA", BlockRead, false, false}, {"RSM", BlockRead, true, false},
		{"D", BlockOther, false, false}, {"DS", BlockOther, true, false}, {"N", BlockOther, false, false}, {"", BlockOther, false, false},
	} {
		padded := append([]byte(tt.ops), 0, 'W', 0)
		if kind, sync, force := parseOps(padded); kind != tt.kind || sync != tt.sync || force != tt.force {
			t.Errorf("%q: got %d, %v, %v", tt.ops, kind, sync, force)
		}
	}
}

func TestBlockDeviceNumber(t *testing.T) {
	if n, err := blockDeviceNumber("254:17\n"); err != nil || n != 254<<20|17 {
		t.Errorf("got %d, %v", n, err)
	}
	for _, text := range []string{"", "8", "8:", ":1", "9999:0", "a:b"} {
		if n, err := blockDeviceNumber(text); err == nil {
			t.Errorf("%q: got %d", text, n)
		}
	}
}

// A fake trace: what the tracepoints say becomes requests in the order of their time, and those that were not taken count once.
func TestBlockTraceOrder(t *testing.T) {
	at := func(ns int64, what blockEventKind, kind BlockKind, offset, bytes int64) blockEvent {
		return blockEvent{atNS: ns, pid: 5, what: what, kind: kind, offset: offset, bytes: bytes}
	}
	trace := &BlockTrace{pending: []blockEvent{ // as two rings were read one after the other
		at(10, blockIssued, BlockWrite, 0, 4096),
		at(30, blockIssued, BlockWrite, 8192, 8192),
		at(35, blockRequeued, BlockWrite, 8192, 8192),
		at(20, blockIssued, BlockWrite, 4096, 4096),
		at(36, blockRequeued, BlockWrite, 1<<30, 8192), // issued before the trace began
		at(50, blockIssued, BlockWrite, 8192, 8192),
		at(65, blockIssued, BlockRead, 1<<20, 4096),
		at(80, blockIssued, BlockFlush, 0, 0),
		at(90, blockIssued, BlockWrite, 0, 4096),
	}}
	var got []string
	report := func(r BlockRequest) {
		got = append(got, fmt.Sprintf("%d@%d kind=%d at=%d by=%d", r.Bytes, r.Offset, r.Kind, r.AtNS, r.PID))
	}
	trace.tell(20, report)
	if len(got) != 2 {
		t.Errorf("until 20: %q", got)
	}
	trace.tell(1000, report)
	want := []string{
		"4096@0 kind=2 at=10 by=5", "4096@4096 kind=2 at=20 by=5", "8192@8192 kind=2 at=50 by=5", "4096@1048576 kind=1 at=65 by=5",
		"0@0 kind=3 at=80 by=5", "4096@0 kind=2 at=90 by=5",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(trace.pending) != 0 {
		t.Errorf("%d events are left", len(trace.pending))
	}
}

func TestBlockTraceParse(t *testing.T) {
	point, err := parseTracepoint(strings.NewReader(oldFormat))
	if err != nil {
		t.Fatal(err)
	}
	layout, err := layOut(point, blockIssued)
	if err != nil {
		t.Fatal(err)
	}
	trace := &BlockTrace{device: 254 << 20, layouts: map[uint16]blockLayout{1130: layout}}
	raw := make([]byte, 64)
	binary.NativeEndian.PutUint16(raw, 1130)
	binary.NativeEndian.PutUint32(raw[8:], 254<<20)
	binary.NativeEndian.PutUint64(raw[16:], 1000)
	binary.NativeEndian.PutUint32(raw[24:], 8)
	binary.NativeEndian.PutUint32(raw[28:], 4096)
	copy(raw[32:], "WS")
	e, mine, err := trace.parse(raw)
	if err != nil || !mine || e.offset != 512_000 || e.bytes != 4096 || e.kind != BlockWrite || !e.sync {
		t.Errorf("got %+v, %v, %v", e, mine, err)
	}
	binary.NativeEndian.PutUint32(raw[8:], 8<<20)
	if _, mine, err := trace.parse(raw); mine || err != nil {
		t.Errorf("another device's request: %v, %v", mine, err)
	}
	if _, _, err := trace.parse(raw[:20]); err == nil {
		t.Error("cut off data were read")
	}
	binary.NativeEndian.PutUint16(raw, 1)
	if _, _, err := trace.parse(raw); err == nil {
		t.Error("another tracepoint's data were read")
	}
}

// wholeDisk is the disk under a folder.
func wholeDisk(t *testing.T, dir string) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	device := uint64(st.Dev) //nolint:unconvert // its type differs between architectures
	at, err := filepath.EvalSymlinks(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(device), unix.Minor(device)))
	testenv.Require(t, testenv.Disk, err == nil, "%s is on no block device", dir)
	if _, err := os.Stat(filepath.Join(at, "partition")); err == nil {
		at = filepath.Dir(at)
	}
	return filepath.Base(at)
}

// traced opens a trace of the disk under the folder, where that is possible.
func traced(t *testing.T, dir string) (trace *BlockTrace, disk string) {
	t.Helper()
	disk = wholeDisk(t, dir)
	trace, err := OpenBlockTrace(disk)
	testenv.Require(t, testenv.Perf, err == nil, "%v", err)
	t.Cleanup(func() {
		if err := trace.Close(); err != nil {
			t.Error(err)
		}
	})
	return trace, disk
}

// during traces while do works.
func during(t *testing.T, trace *BlockTrace, do func()) (list []BlockRequest) {
	t.Helper()
	keep := func(r BlockRequest) { list = append(list, r) }
	if err := trace.Start(); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			case <-time.After(time.Millisecond):
				if err := trace.Read(keep); err != nil {
					done <- err
					return
				}
			}
		}
	}()
	do()
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := trace.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := trace.Rest(keep); err != nil {
		t.Fatal(err)
	}
	if n := trace.Lost(); n != 0 {
		t.Errorf("%d tracepoints were lost", n)
	}
	return list
}

// A program writes with O_DIRECT to its file, and the trace holds exactly these writes where the file lies: each block once,
// in the program's order, one at a time. Others may write to the disk meanwhile, elsewhere.
func TestBlockTraceOfDirectWrites(t *testing.T) {
	dir := t.TempDir()
	trace, disk := traced(t, dir)
	const block, blocks = 4096, 200
	f, err := os.OpenFile(filepath.Join(dir, "file"), os.O_CREATE|os.O_RDWR|unix.O_DIRECT, 0o600)
	testenv.Require(t, testenv.Direct, err == nil, "%v", err)
	defer f.Close()
	buffer, err := Buffer(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := Free(buffer); err != nil {
			t.Error(err)
		}
	}()
	if _, err := f.WriteAt(buffer[:block*blocks], 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	order := make([]int64, blocks)
	for i := range order {
		order[i] = int64(i*77%blocks) * block // never two neighbours in turn, and each once
	}
	list := during(t, trace, func() {
		for _, off := range order {
			if _, err := f.WriteAt(buffer[:block], off); err != nil {
				t.Error(err)
			}
		}
	})
	extents, err := Extents(f, disk)
	testenv.Require(t, testenv.Disk, err == nil, "%v", err)
	// Where each block of the file lies on the disk.
	var place []int64
	for _, e := range extents {
		for off := int64(0); off < e.Bytes; off += block {
			place = append(place, e.Offset+off)
		}
	}
	if len(place) < blocks {
		t.Fatalf("extents %v do not hold %d blocks", extents, blocks)
	}
	mine := map[int64]bool{}
	for _, p := range place[:blocks] {
		mine[p] = true
	}
	var got, want []int64
	own := 0
	for _, r := range list {
		if r.Kind != BlockWrite || !mine[r.Offset] {
			continue
		}
		got = append(got, r.Offset)
		if r.Bytes != block || !r.Sync || r.AtNS <= 0 {
			t.Errorf("request %+v, want %d bytes for which somebody waits", r, block)
		}
		if r.PID == os.Getpid() {
			own++
		}
	}
	for _, off := range order {
		want = append(want, place[off/block])
	}
	if own <= blocks/2 { // on a busy disk, one of the kernel's threads issues some in this process's place
		t.Errorf("%d of %d requests were this process's", own, blocks)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d requests in the file, want %d; the first are\n%v, want\n%v", len(got), len(want), got[:min(5, len(got))], want[:5])
	}
}

// counters are the disk's writes, bytes and flushes (/proc/diskstats).
type counters struct{ bytes, flushes int64 }

func diskCounters(t *testing.T, disk string) counters {
	t.Helper()
	text, err := os.ReadFile("/sys/class/block/" + disk + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 17 {
		t.Skipf("this kernel counts no flushes: %q", text)
	}
	number := func(i int) int64 {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return counters{bytes: number(6) * blockSector, flushes: number(15)}
}

// The trace holds as many bytes and flushes as the disk's own counters say, with fdatasync after each append: what the
// filesystem adds is in it.
func TestBlockTraceAgainstDiskstats(t *testing.T) {
	dir := t.TempDir()
	trace, disk := traced(t, dir)
	f, err := os.OpenFile(filepath.Join(dir, "file"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const syncs = 20
	// Others may write to the disk: their requests at the edges of the trace are in one count and not in the other.
	const attempts = 10
	for attempt := 1; ; attempt++ {
		before := diskCounters(t, disk)
		list := during(t, trace, func() {
			for i := range int64(syncs) {
				if _, err := f.WriteAt(make([]byte, 8192), i*8192); err != nil {
					t.Error(err)
				}
				if err := unix.Fdatasync(int(f.Fd())); err != nil {
					t.Error(err)
				}
			}
		})
		after := diskCounters(t, disk)
		want := counters{after.bytes - before.bytes, after.flushes - before.flushes}
		var got counters
		for _, r := range list {
			switch r.Kind {
			case BlockWrite:
				got.bytes += r.Bytes
			case BlockFlush:
				got.flushes++
			}
		}
		if got.bytes < syncs*8192 && attempt == 1 {
			t.Errorf("%d bytes for %d appends of 8 KiB", got.bytes, syncs)
		}
		if got == want {
			t.Logf("%d appends with fdatasync: %d bytes, %d flushes", syncs, got.bytes, got.flushes)
			return
		}
		if attempt == attempts {
			t.Fatalf("the trace has %+v, the disk counted %+v", got, want)
		}
	}
}

func TestOpenBlockTraceRefuses(t *testing.T) {
	for device, want := range map[string]string{"nosuchdisk": "no request queue"} {
		if _, err := OpenBlockTrace(device); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", device, err)
		}
	}
	status := ProbeBlockTrace()
	if status.State == StateUnavailable && !strings.Contains(status.Reason, "root") && !strings.Contains(status.Reason, "tracefs") {
		t.Errorf("the reason does not say what would allow it: %s", status.Reason)
	}
}

func TestExtents(t *testing.T) {
	dir := t.TempDir()
	disk := wholeDisk(t, dir)
	f, err := os.OpenFile(filepath.Join(dir, "file"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// Every second block, so that there are more extents than one call returns.
	const pieces = 300
	for i := range int64(pieces) {
		if _, err := f.WriteAt([]byte("x"), i*16384); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	list, err := Extents(f, disk)
	testenv.Require(t, testenv.Disk, err == nil, "%v", err)
	if len(list) != pieces {
		t.Errorf("%d extents of a file of %d pieces", len(list), pieces)
	}
	for _, e := range list {
		if e.Offset <= 0 || e.Bytes <= 0 || e.Bytes > 16384 {
			t.Errorf("extent %+v", e)
		}
	}
	if list, err := Extents(f, "nosuchdisk"); err == nil {
		t.Errorf("on another disk: %v", list)
	}
}
