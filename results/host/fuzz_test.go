package host

import (
	"io"
	"reflect"
	"strings"
	"testing"
)

// fuzz holds a parser to its promise: an error or a value, never both, never a panic.
func fuzz[T any](f *testing.F, parse func(io.Reader) (T, error), seeds ...string) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parse(strings.NewReader(text))
		var none T
		if err != nil && !reflect.DeepEqual(got, none) {
			t.Errorf("the value %+v beside the error %v", got, err)
		}
		if v := reflect.ValueOf(got); err == nil && (v.Kind() == reflect.Map || v.Kind() == reflect.Slice) && v.IsNil() {
			t.Error("neither a value nor an error")
		}
	})
}

func FuzzDiskstats(f *testing.F) { fuzz(f, parseDiskstats, diskFirst, diskLast, "1 2 x", "") }
func FuzzStat(f *testing.F)      { fuzz(f, parseStat, statFirst, statLast, "cpu ", "") }
func FuzzMeminfo(f *testing.F)   { fuzz(f, parseMeminfo, memFirst, "HugePages_Total: 3\n") }
func FuzzVmstat(f *testing.F)    { fuzz(f, parseVmstat, "nr_dirty 1\nnr_dirty_threshold 2\n") }
func FuzzSelected(f *testing.F) {
	fuzz(f, parseSelected, "none [mq-deadline] kyber\n", "none", "[a] [b]")
}
func FuzzCPUList(f *testing.F)   { fuzz(f, parseCPUList, "0-3,8\n", "", "3-1") }
func FuzzCacheSize(f *testing.F) { fuzz(f, parseCacheSize, "36608K\n", "32M", "-1") }
func FuzzOSRelease(f *testing.F) {
	fuzz(f, parseOSRelease, "PRETTY_NAME=\"x \\\" y\"\nNAME='x'\n", "NAME=\"")
}
func FuzzCPUModel(f *testing.F) {
	fuzz(f, parseCPUModel, "model name : x\n", "CPU implementer: 0x41\nCPU part: 1\n")
}
func FuzzCgroup(f *testing.F)     { fuzz(f, parseCgroup, "5:cpu,cpuacct:/docker/abc\n0::/\n") }
func FuzzCPUMax(f *testing.F)     { fuzz(f, parseCPUMax, "max 100000\n", "150000 100000") }
func FuzzMemoryMax(f *testing.F)  { fuzz(f, parseMemoryMax, "max\n", "1048576") }
func FuzzCapability(f *testing.F) { fuzz(f, parseCapabilities, "CapEff:\t000001ffffffffff\n") }
func FuzzNetDev(f *testing.F)     { fuzz(f, parseNetDev, netFirst, "a\nb\nlo: 1\n") }

func FuzzMountinfo(f *testing.F) {
	fuzz(f, parseMountinfo, "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n35 21 259:3 / /my\\040data rw shared:2 - xfs /dev/x rw\n")
}

// Any two readings of the counters give deltas that are not negative.
func FuzzDeltas(f *testing.F) {
	f.Add(statFirst, statLast, diskFirst, diskLast)
	f.Fuzz(func(t *testing.T, stat1, stat2, disk1, disk2 string) {
		s1, err1 := parseStat(strings.NewReader(stat1))
		s2, err2 := parseStat(strings.NewReader(stat2))
		if err1 == nil && err2 == nil {
			m := machineDelta(s1, s2)
			for name, v := range map[string]int64{"busy": get(m.BusyNS), "total": get(m.TotalNS), "steal": get(m.StealNS), "switches": get(m.Switches)} {
				if v < 0 {
					t.Errorf("%s is %d", name, v)
				}
			}
			if busy, ok := m.BusyNS.Get(); ok && get(m.TotalNS) < busy && m.TotalNS.Why() == "" {
				t.Errorf("busy for %v of %v", m.BusyNS, m.TotalNS)
			}
		}
		d1, err1 := parseDiskstats(strings.NewReader(disk1))
		d2, err2 := parseDiskstats(strings.NewReader(disk2))
		if err1 != nil || err2 != nil {
			return
		}
		for name, before := range d1 {
			d := deviceDelta(name, before, d2[name], "")
			for what, v := range map[string]int64{"bytes": get(d.WriteBytes), "reads": get(d.Reads), "flushes": get(d.Flushes), "busy": get(d.BusyNS), "flush": get(d.FlushNS)} {
				if v < 0 {
					t.Errorf("%s is %d", what, v)
				}
			}
		}
	})
}

func get(v interface{ Get() (int64, bool) }) int64 {
	n, _ := v.Get()
	return n
}
