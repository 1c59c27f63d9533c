package kernel

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// eventSource makes a folder of event sources out of files.
func eventSource(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// server describes one channel as servers' kernels do.
func server(device string) map[string]string {
	return map[string]string{
		device + "/type": "13", device + "/cpumask": "0,28", device + "/format/event": "config:0-7", device + "/format/umask": "config:8-15",
		device + "/format/edge": "config:18", device + "/events/cas_count_read": "event=0x04,umask=0x03", device + "/events/cas_count_read.scale": "6.103515625e-5",
		device + "/events/cas_count_read.unit": "MiB", device + "/events/cas_count_write": "event=0x04,umask=0x0c,edge",
		device + "/events/cas_count_write.scale": "6.103515625e-5", device + "/events/cas_count_write.unit": "MiB",
		device + "/events/clockticks": "event=0xff",
	}
}

func TestMemoryEvents(t *testing.T) {
	files := server("uncore_imc_0")
	maps.Copy(files, server("uncore_imc_11"))
	files["uncore_cha_0/type"] = "40"
	got, err := memoryEvents(eventSource(t, files))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 {
		t.Fatalf("%d events: %+v", len(got), got)
	}
	for _, e := range got {
		config := uint64(0x0304)
		if e.write {
			config = 0x0c04 | 1<<18
		}
		if e.kind != 13 || e.config != [3]uint64{config} || !slices.Equal(e.cpus, []int{0, 28}) || e.bytesPerCount != 64 {
			t.Errorf("%+v, want config %#x and 64 bytes a count on CPUs 0 and 28", e, config)
		}
		if e.write != strings.HasSuffix(e.name, "write") {
			t.Errorf("%s: write is %v", e.name, e.write)
		}
	}
}

// A laptop's counters run freely, each with a name of its own, and a format may be in pieces.
func TestMemoryEventsOfLaptop(t *testing.T) {
	const at = "uncore_imc_free_running/"
	got, err := memoryEvents(eventSource(t, map[string]string{
		at + "type": "20", at + "cpumask": "0", at + "format/event": "config:0-3,32-35", at + "format/umask": "config1:8-15",
		at + "events/data_read": "event=0xa5,umask=0x20", at + "events/data_read.scale": "6.103515625e-5", at + "events/data_read.unit": "MiB",
		at + "events/data_write": "event=0xff,umask=0x30", at + "events/data_write.scale": "6.103515625e-5", at + "events/data_write.unit": "MiB",
		at + "events/data_total": "event=0xff,umask=0x10",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].config != [3]uint64{0xa<<32 | 0x5, 0x20 << 8} || !got[1].write {
		t.Errorf("%+v", got)
	}
}

func TestNoMemoryEvents(t *testing.T) {
	if _, err := memoryEvents(eventSource(t, map[string]string{"software/type": "1"})); !errors.Is(err, errNoMemoryCounters) {
		t.Errorf("got %v", err)
	}
	onlyReads := server("uncore_imc_0")
	delete(onlyReads, "uncore_imc_0/events/cas_count_write")
	if _, err := memoryEvents(eventSource(t, onlyReads)); !errors.Is(err, errNoMemoryCounters) {
		t.Errorf("reads alone are no traffic: %v", err)
	}
	for name, text := range map[string]string{
		"type": "many", "cpumask": "x", "format/event": "config9:0-7", "format/umask": "config:8-8", "events/cas_count_read": "event=zz", "events/cas_count_read.scale": "0",
		"events/cas_count_read.unit": "lines", "format/edge": "config:99",
	} {
		files := server("uncore_imc")
		files["uncore_imc/"+name] = text
		if got, err := memoryEvents(eventSource(t, files)); err == nil {
			t.Errorf("%s %q was taken: %+v", name, text, got)
		}
	}
}

// The counters of this machine, where it has any, or what says that it has none.
func TestProbeMemoryTraffic(t *testing.T) {
	m, err := OpenMemoryTraffic()
	if s := ProbeMemoryTraffic(); (s.State == StateAvailable) != (err == nil) || err != nil && s.Reason == "" {
		t.Fatalf("probe %+v, error %v", s, err)
	}
	if err != nil {
		t.Skip(err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	const size = 256 << 20 // beyond any cache
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i)
	}
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	read, written, err := m.Bytes()
	if err != nil {
		t.Skip(err)
	}
	if read+written < size/2 {
		t.Errorf("%d bytes read and %d written for %d that were filled", read, written, size)
	}
}
