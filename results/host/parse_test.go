package host

import (
	"io"
	"reflect"
	"strings"
	"testing"
)

// parses runs a parser over texts with the values that they stand for; "" as wantErr means no error.
type parsed[T any] struct {
	name, text string
	want       T
	wantErr    string
}

func checkParser[T any](t *testing.T, parse func(io.Reader) (T, error), cases []parsed[T]) {
	t.Helper()
	for _, tt := range cases {
		got, err := parse(strings.NewReader(tt.text))
		switch {
		case tt.wantErr != "":
			var none T
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) || !reflect.DeepEqual(got, none) {
				t.Errorf("%s: got %+v and the error %v, want no value and %q", tt.name, got, err, tt.wantErr)
			}
		case err != nil || !reflect.DeepEqual(got, tt.want):
			t.Errorf("%s: got %+v, %v; want %+v", tt.name, got, err, tt.want)
		}
	}
}

func TestParseDiskstats(t *testing.T) {
	common := diskStat{reads: 22075, readMerges: 7854, readSectors: 1226834, readMS: 20328, writes: 13258, writeMerges: 57917, writeSectors: 5396280, writeMS: 12408, busyMS: 9968, weightedMS: 34548}
	discards := common
	discards.discards, discards.discardMerges, discards.discardSectors, discards.discardMS = 10223, 5, 1575592, 1796
	flushes := discards
	flushes.flushes, flushes.flushMS, flushes.hasFlushes = 882, 14, true
	const start = " 254       0 vda 22075 7854 1226834 20328 13258 57917 5396280 12408 0 9968 34548"
	checkParser(t, parseDiskstats, []parsed[map[string]diskStat]{
		{"14 fields, before 4.18", start + "\n", map[string]diskStat{"vda": common}, ""},
		{"18 fields, before 5.5", start + " 10223 5 1575592 1796\n", map[string]diskStat{"vda": discards}, ""},
		{"20 fields", start + " 10223 5 1575592 1796 882 14\n", map[string]diskStat{"vda": flushes}, ""},
		{"more fields of a later kernel", start + " 10223 5 1575592 1796 882 14 x y\n", map[string]diskStat{"vda": flushes}, ""},
		{"two devices", start + "\n 7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n", map[string]diskStat{"vda": common, "loop0": {}}, ""},
		{"empty", "", map[string]diskStat{}, ""},
		{"cut line", " 254 0 vda 22075 7854", nil, "line 1: want at least 14 fields, got 5"},
		{"word", strings.Replace(start, "7854", "many", 1), nil, "line 1, field 5"},
		{"negative", strings.Replace(start, "7854", "-1", 1), nil, "line 1, field 5"},
		{"twice", start + "\n" + start, nil, "line 2: vda is there twice"},
	})
}

// Counters at the edges of their types neither overflow nor are clamped.
func TestDeviceDeltaAtTheEdges(t *testing.T) {
	huge := diskStat{writeSectors: 1 << 63, reads: 1<<64 - 1, flushMS: 1 << 62, hasFlushes: true}
	d := deviceDelta("x", diskStat{hasFlushes: true}, huge, "")
	wantWhy(t, "bytes", d.WriteBytes, "more than can be counted")
	wantWhy(t, "reads", d.Reads, "more than can be counted")
	wantWhy(t, "flush time", d.FlushNS, "more than can be counted")
	d = deviceDelta("x", diskStat{reads: 1<<64 - 2, hasFlushes: true}, diskStat{reads: 1<<64 - 1, hasFlushes: true}, "")
	want(t, "reads", d.Reads, 1)
	d = deviceDelta("x", diskStat{}, diskStat{}, "")
	wantWhy(t, "flushes of an old kernel", d.Flushes, "before Linux 5.5")
	wantWhy(t, "flush time of an old kernel", d.FlushNS, "before Linux 5.5")
}

func TestParseStat(t *testing.T) {
	for name, bad := range map[string]string{
		"empty":            "",
		"no sum":           "cpu0 1 2 3 4 5 6 7 8\n",
		"few times":        "cpu 1 2 3 4\n",
		"word":             "cpu 1 2 3 4 5 6 7 x\n",
		"impossible":       "cpu 1 2 3 4 5 6 7 18446744073709551615\n",
		"no number":        "cpux 1 2 3 4 5 6 7 8\ncpu 1 2 3 4 5 6 7 8\n",
		"no times":         "cpu\n",
		"context switches": "cpu 1 2 3 4 5 6 7 8\nctxt x\n",
	} {
		if s, err := parseStat(strings.NewReader(bad)); err == nil || s.each != nil {
			t.Errorf("%s: got %+v, %v", name, s, err)
		}
	}
	s, err := parseStat(strings.NewReader("cpu 1 2 3 4 5 6 7 8\n")) // kernels before 2.6.24 had no guest columns
	if err != nil || s.all != (cpuTimes{1, 2, 3, 4, 5, 6, 7, 8}) {
		t.Errorf("without guest columns: got %+v, %v", s, err)
	}
	wantWhy(t, "no switches", machineDelta(s, s).Switches, "no ctxt line")
}

func TestParseMountinfo(t *testing.T) {
	for name, bad := range map[string]string{
		"no dash":       "22 27 0:21 / /proc rw proc proc rw x y z\n",
		"cut":           "22 27 0:21 / /proc rw - proc\n",
		"device":        "22 27 0x21 / /proc rw - proc proc rw\n",
		"device number": "22 27 a:b / /proc rw - proc proc rw\n",
		"id":            "x 27 0:21 / /proc rw - proc proc rw\n",
		"relative":      "22 27 0:21 / proc rw - proc proc rw\n",
		"escape":        `22 27 0:21 / /a\04 rw - proc proc rw` + "\n",
		"octal":         `22 27 0:21 / /a\0x0b rw - proc proc rw` + "\n",
	} {
		if m, err := parseMountinfo(strings.NewReader(bad)); err == nil || m != nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: got %+v, %v", name, m, err)
		}
	}
	checkParser(t, parseMountinfo, []parsed[[]mount]{
		{"optional fields", "35 21 259:3 / /a\\040b\\011c\\134 rw shared:2 master:3 propagate_from:2 - xfs /dev/x rw,a=1\n",
			[]mount{{35, "259:3", "/", "/a b\tc\\", "rw", "xfs", "/dev/x", "rw,a=1"}}, ""},
		{"empty source", "35 21 0:3 / /a rw - tmpfs  rw\n", []mount{{35, "0:3", "/", "/a", "rw", "tmpfs", "", "rw"}}, ""},
		{"a dash as the source", "35 21 0:3 / /a rw - tmpfs - rw\n", []mount{{35, "0:3", "/", "/a", "rw", "tmpfs", "-", "rw"}}, ""},
		{"none", "", []mount{}, ""},
	})
}

func TestParseTables(t *testing.T) {
	checkParser(t, parseMeminfo, []parsed[table]{
		{"sizes and counts", "MemTotal:       24684096 kB\nHugePages_Total:       3\n", table{"MemTotal": 24684096 << 10, "HugePages_Total": 3}, ""},
		{"no colon", "MemTotal 1 kB\n", nil, "line 1"},
		{"no number", "A: 1 kB\nMemTotal: kB\n", nil, "line 2"},
		{"unit", "MemTotal: 1 MB\n", nil, "want kB"},
		{"overflow", "MemTotal: 9223372036854775807 kB\n", nil, "more than can be counted"},
		{"negative", "MemTotal: -1 kB\n", nil, "want a number"},
	})
	checkParser(t, parseVmstat, []parsed[table]{
		{"two", "nr_dirty 8145\nnr_dirty_threshold 1201953\n", table{"nr_dirty": 8145, "nr_dirty_threshold": 1201953}, ""},
		{"negative", "nr_x -3\n", table{"nr_x": -3}, ""},
		{"three words", "nr_dirty 1 2\n", nil, "line 1"},
		{"word", "nr_dirty x\n", nil, "line 1"},
	})
}

func TestParseSmall(t *testing.T) {
	checkParser(t, parseSelected, []parsed[string]{
		{"second", "none [mq-deadline] kyber bfq \n", "mq-deadline", ""},
		{"only", "[none]\n", "none", ""},
		{"only, without brackets", "none\n", "none", ""},
		{"two chosen", "[a] [b]\n", "", "one word in brackets"},
		{"none chosen", "a b\n", "", "one word in brackets"},
		{"empty", "\n", "", "one word in brackets"},
		{"open", "[a b\n", "", "one word in brackets"},
		{"nothing in them", "[] b\n", "", "one word in brackets"},
	})
	checkParser(t, parseCPUList, []parsed[[]int]{
		{"one", "0\n", []int{0}, ""},
		{"ranges", "0-2,8,10-11\n", []int{0, 1, 2, 8, 10, 11}, ""},
		{"empty", "\n", []int{}, ""},
		{"backwards", "3-1", nil, "bad range"},
		{"enormous", "0-2147483647", nil, "bad range"},
		{"word", "all", nil, "read CPU list"},
		{"comma", "1,,2", nil, "read CPU list"},
	})
	checkParser(t, parseCacheSize, []parsed[int64]{
		{"KiB", "36608K\n", 36608 << 10, ""}, {"MiB", "32M\n", 32 << 20, ""}, {"bytes", "512\n", 512, ""},
		{"none", "0K", 0, "want a size"}, {"word", "big", 0, "want a size"}, {"overflow", "9223372036854775807K", 0, "want a size"},
	})
	checkParser(t, parseOSRelease, []parsed[string]{
		{"pretty", "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n", "Debian GNU/Linux 12 (bookworm)", ""},
		{"name only", "# comment\nNAME='Arch \"Linux\"'\n", `Arch "Linux"`, ""},
		{"bare and escaped", "PRETTY_NAME=\"a \\\"b\\\" \\$c\"\n", `a "b" $c`, ""},
		{"nothing", "ID=x\n", "", "neither"},
	})
	checkParser(t, parseCPUModel, []parsed[string]{
		{"x86", "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Some CPU @ 2.50GHz\n", "Some CPU @ 2.50GHz", ""},
		{"arm64", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "implementer 0x41, part 0xd0c", ""},
		{"nothing", "processor\t: 0\n", "", "no processor is named"},
	})
	checkParser(t, parseCgroup, []parsed[[]membership]{
		{"v2", "0::/user.slice/session-1.scope\n", []membership{{0, nil, "/user.slice/session-1.scope"}}, ""},
		{"v1 and v2", "5:cpu,cpuacct:/docker/abc\n1:name=systemd:/\n0::/\n",
			[]membership{{5, []string{"cpu", "cpuacct"}, "/docker/abc"}, {1, []string{"name=systemd"}, "/"}, {0, nil, "/"}}, ""},
		{"colon in the path", "0::/a:b\n", []membership{{0, nil, "/a:b"}}, ""},
		{"relative", "0::a\n", nil, "line 1"},
		{"cut", "0:\n", nil, "line 1"},
		{"word", "x:cpu:/\n", nil, "line 1"},
	})
	checkParser(t, parseCPUMax, []parsed[quota]{
		{"none", "max 100000\n", quota{}, ""},
		{"one and a half", "150000 100000\n", quota{true, 1.5}, ""},
		{"no period", "max\n", quota{}, "want a quota"},
		{"period 0", "1 0\n", quota{}, "want a period"},
		{"word", "much 100000\n", quota{}, "or max"},
	})
	checkParser(t, parseMemoryMax, []parsed[int64]{
		{"none", "max\n", 1<<63 - 1, ""}, {"none of version 1", "9223372036854771712\n", 9223372036854771712, ""},
		{"past the largest", "18446744073709551615", 1<<63 - 1, ""}, {"some", "1048576\n", 1 << 20, ""}, {"word", "much", 0, "or max"},
	})
	checkParser(t, parseCapabilities, []parsed[uint64]{
		{"all", "Name:\tx\nCapEff:\t000001ffffffffff\n", 1<<41 - 1, ""}, {"none", "CapEff:\t0000000000000000\n", 0, ""},
		{"missing", "Name:\tx\n", 0, "no line"}, {"word", "CapEff:\tall\n", 0, "effective"},
	})
}

func TestNameHypervisor(t *testing.T) {
	for _, tt := range []struct {
		guest                  bool
		vendor, sysfs, product string
		want                   string
	}{
		{true, "KVMKVMKVM\x00\x00\x00", "", "Amazon EC2 m5.large", "KVM"},
		{true, "Microsoft Hv", "", "", "Hyper-V"},
		{true, "SomethingNew", "", "", "SomethingNew"},
		{true, "", "", "", "a hypervisor that does not say its name"},
		{false, "", "xen", "", "Xen"},
		{false, "", "", "QEMU Virtual Machine", "QEMU"},
		{false, "", "", "Amazon EC2 c6g.metal", ""},
		{false, "", "", "Example Laptop 14", ""},
	} {
		if got := nameHypervisor(tt.guest, tt.vendor, tt.sysfs, tt.product); got != tt.want {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
}
