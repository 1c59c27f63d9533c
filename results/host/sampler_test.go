package host

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
)

const vmstatText = "nr_free_pages 1\nnr_dirty 10\nnr_writeback 3\nnr_writeback_temp 99\nnr_dirtied 98\nnr_dirty_threshold 400\nnr_dirty_background_threshold 200\nnr_unstable 0\n"

// samplerFiles makes a /proc for a Sampler.
func samplerFiles(t *testing.T, vmstat, diskstats string) counterFiles {
	t.Helper()
	f := newCounterFiles(t)
	f.setSampled(t, vmstat, diskstats)
	return f
}

func (f counterFiles) setSampled(t *testing.T, vmstat, diskstats string) {
	t.Helper()
	for name, text := range map[string]string{"vmstat": vmstat, "diskstats": diskstats} {
		if err := os.WriteFile(f.fs.proc(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func openSampler(t *testing.T, fs FS, device string) *Sampler {
	t.Helper()
	s, err := fs.OpenSampler(device)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSamplerReadsEachTimeAnew(t *testing.T) {
	page := int64(os.Getpagesize())
	f := samplerFiles(t, vmstatText, diskFirst)
	s := openSampler(t, f.fs, "vda")
	want := Sample{SampleDirty: 10 * page, SampleWriteback: 3 * page, SampleBackgroundLimit: 200 * page, SampleLimit: 400 * page, SampleDeviceWrites: 4000 * 512}
	if got := s.Sample(); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	f.setSampled(t, strings.Replace(vmstatText, "nr_dirty 10\n", "nr_dirty 11\n", 1), diskLast)
	want[SampleDirty], want[SampleDeviceWrites] = 11*page, 4100*512
	if got := s.Sample(); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	for r := range sampleCount {
		if err := s.Err(r); err != nil {
			t.Errorf("reading %d: %v", r, err)
		}
	}
	if n := testing.AllocsPerRun(20, func() { s.Sample() }); n != 0 {
		t.Errorf("%v allocations a sample", n)
	}
}

// A reading that could not be had once is had no more, and says why; the others go on.
func TestSamplerSaysWhatItLacks(t *testing.T) {
	page := int64(os.Getpagesize())
	for _, tt := range []struct {
		name, vmstat, diskstats, device string
		reading                         Reading
		why                             string
	}{
		{"no limit", strings.Replace(vmstatText, "nr_dirty_threshold", "nr_other", 1), diskFirst, "vda", SampleLimit, "/proc/vmstat has no nr_dirty_threshold"},
		{"negative", strings.Replace(vmstatText, "nr_writeback 3", "nr_writeback -3", 1), diskFirst, "vda", SampleWriteback, "nr_writeback: want a number"},
		{"too long", strings.Replace(vmstatText, "nr_dirty 10", "nr_dirty 1234567890123456789", 1), diskFirst, "vda", SampleDirty, "want a number"},
		{"cut off", strings.TrimSuffix(vmstatText, "200\nnr_unstable 0\n"), diskFirst, "vda", SampleBackgroundLimit, "want a number"},
		{"no device", vmstatText, diskFirst, "", SampleDeviceWrites, "no block device is known"},
		{"another device", vmstatText, diskFirst, "vdb", SampleDeviceWrites, "/proc/diskstats has no device vdb"},
		{"short line", vmstatText, " 254 0 vda 1 2 3\n", "vda", SampleDeviceWrites, "want a number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := samplerFiles(t, tt.vmstat, tt.diskstats)
			s := openSampler(t, f.fs, tt.device)
			first := s.Sample()
			if err := s.Err(tt.reading); err == nil || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("got %v, want %q", err, tt.why)
			}
			f.setSampled(t, vmstatText, diskFirst)
			if s.Sample(); s.Err(tt.reading) == nil {
				t.Error("what was missing once came back: the samples before it lack it")
			}
			for r := range sampleCount {
				if r != tt.reading && (s.Err(r) != nil || first[r] == 0) {
					t.Errorf("reading %d: %d, %v", r, first[r], s.Err(r))
				}
			}
			if first[tt.reading] != 0 && tt.reading != SampleDirty || first[SampleDirty]%page != 0 {
				t.Errorf("got %v", first)
			}
		})
	}
}

func TestSamplerWithoutFiles(t *testing.T) {
	f := newCounterFiles(t)
	s := openSampler(t, f.fs, "vda")
	s.Sample()
	for r := range sampleCount {
		if err := s.Err(r); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("reading %d: got %v", r, err)
		}
	}
	if _, err := f.fs.OpenSampler("../vda"); err == nil {
		t.Error("a path was taken for the name of a device")
	}
}

func TestSamplerOfThisMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has these files")
	}
	s := openSampler(t, System(), "")
	v := s.Sample()
	for _, r := range []Reading{SampleDirty, SampleWriteback, SampleBackgroundLimit, SampleLimit} {
		if err := s.Err(r); err != nil {
			t.Error(err)
		}
	}
	if v[SampleLimit] <= v[SampleBackgroundLimit] || v[SampleBackgroundLimit] <= 0 {
		t.Errorf("limits of %d and %d bytes", v[SampleBackgroundLimit], v[SampleLimit])
	}
}

func BenchmarkSample(b *testing.B) {
	s, err := OpenSampler("vda")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportAllocs()
	for b.Loop() {
		s.Sample()
	}
}
