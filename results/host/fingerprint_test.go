package host

import (
	"encoding/json"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestCollectFixture(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the fixture is of Linux")
	}
	h := fixture(t, "laptop").Collect(t.TempDir())
	for what, got := range map[string][2]string{
		"kernel":       {h.Kernel, "6.1.0-test"},
		"distribution": {h.Distro, "Example Linux 1"},
		"clock":        {h.Clocksource, "hpet"},
		"governor":     {h.CPU.Governor, "powersave"},
		"huge pages":   {h.Memory.TransparentHugePages, "madvise"},
		"tcp_wmem":     {h.Settings["net.ipv4.tcp_wmem"], "4096 16384 4194304"},
		"mtu":          {h.Settings["lo.mtu"], "65536"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: got %q, want %q", what, got[0], got[1])
		}
	}
	if v := h.Settings["vm.swappiness"]; !strings.HasPrefix(v, "unavailable: ") || !strings.Contains(v, "no such file") {
		t.Errorf("missing setting: %q", v)
	}
	if !slices.Equal(h.CPU.Mitigations, []string{"spectre_v2: Retpolines"}) {
		t.Errorf("mitigations: %q", h.CPU.Mitigations)
	}
	if h.CPU.LogicalCores != 128 {
		t.Errorf("logical cores: %d", h.CPU.LogicalCores)
	}
	page := int64(os.Getpagesize())
	want(t, "last level cache", h.CPU.LastLevelSize, 12<<20)
	want(t, "memory", h.Memory.TotalBytes, 8000000<<10)
	want(t, "available", h.Memory.AvailableBytes, 500000<<10)
	want(t, "dirty limit", h.Memory.DirtyLimitBytes, 2000*page)
	want(t, "background limit", h.Memory.DirtyBackgroundLimitBytes, 1000*page)
	if load, ok := h.CPU.LoadAverage1m.Get(); !ok || load != 7.5 {
		t.Errorf("load: %v", h.CPU.LoadAverage1m)
	}
}

// The fingerprint is never left blank, survives JSON, and leaves nothing in the folder: also with no kernel files at all, and in
// a folder that does not exist.
func TestCollect(t *testing.T) {
	dir := t.TempDir()
	none := t.TempDir()
	for name, h := range map[string]Host{
		"real":           Collect(dir),
		"no folder":      Collect(dir + "/none"),
		"no pseudo-file": FS{Proc: none, Sys: none, Root: none}.Collect(dir),
	} {
		for _, v := range []any{h, h.CPU, h.Memory, h.Disk} {
			s := reflect.ValueOf(v)
			for i := range s.NumField() {
				field := s.Type().Field(i).Name
				switch f := s.Field(i); {
				case field == "Device" || field == "Partition" || field == "Why" || f.Kind() == reflect.Bool || f.Kind() == reflect.Slice:
				case f.Kind() == reflect.Struct:
					if w, ok := f.Interface().(interface{ Why() string }); ok && w.Why() == "not recorded" {
						t.Errorf("%s: %s.%s was not filled in", name, s.Type(), field)
					}
				case f.IsZero():
					t.Errorf("%s: %s.%s is blank", name, s.Type(), field)
				}
			}
		}
		if (h.Disk.Device == "") != (h.Disk.Why != "") {
			t.Errorf("%s: device %q, why %q", name, h.Disk.Device, h.Disk.Why)
		}
		if h.NICs == nil {
			t.Errorf("%s: no list of network interfaces", name)
		}
		b, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		var back Host
		if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(h, back) {
			t.Errorf("%s: JSON: %v\ngot  %+v\nwant %+v", name, err, back, h)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
