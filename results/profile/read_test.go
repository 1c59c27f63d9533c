package profile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// packed is a profile in a file, with a stage for each stack.
func packed(t testing.TB, p *Profile) []byte {
	t.Helper()
	var out bytes.Buffer
	label := func(s Stack) map[string]string { return map[string]string{"stage": "stage " + s.Thread} }
	if err := p.WritePprof(&out, label); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// What is read is what was written, also when it was added up in between.
func TestReadPprof(t *testing.T) {
	file := packed(t, made())
	var sum bytes.Buffer
	if err := MergePprof(&sum, bytes.NewReader(file), bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		file  []byte
		times int64
	}{{"written once", file, 1}, {"added up", sum.Bytes(), 2}} {
		r, err := ReadPprof(bytes.NewReader(tt.file))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		got := New(r.PeriodNS)
		got.ClockNS, got.Missed = r.ClockNS, tt.times*made().Missed
		for _, s := range r.Stacks {
			got.Add(s.Stack, s.Count)
			if want := map[string]string{"stage": "stage " + s.Thread}; !maps.Equal(s.Labels, want) {
				t.Errorf("%s: %v has the labels %v, want %v", tt.name, s.Stack, s.Labels, want)
			}
		}
		want := made()
		for range tt.times - 1 {
			if err := want.Merge(made()); err != nil {
				t.Fatal(err)
			}
		}
		if asText(got) != asText(want) {
			t.Errorf("%s: read\n%swant\n%s", tt.name, asText(got), asText(want))
		}
	}
	if r, err := ReadPprof(bytes.NewReader(packed(t, New(1)))); err != nil || len(r.Stacks) != 0 {
		t.Errorf("an empty profile: %v, error %v", r, err)
	}
}

// foreign is a valid pprof file with one sample, changed.
func foreign(t testing.TB, change func(*profile.Profile)) []byte {
	t.Helper()
	p, err := profile.ParseData(packed(t, made()))
	if err != nil {
		t.Fatal(err)
	}
	p.Sample = p.Sample[:1]
	change(p)
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zip(t testing.TB, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(content)
	if cerr := z.Close(); err != nil || cerr != nil {
		t.Fatal(err, cerr)
	}
	return out.Bytes()
}

// A file that is none of copylab's profiles is an error that says what it is instead.
func TestReadPprofRefuses(t *testing.T) {
	file := packed(t, made())
	for _, tt := range []struct {
		name string
		file []byte
		want string
	}{
		{"nothing", nil, "the file is empty"},
		{"text", []byte("# a folded profile\n"), "it is no compressed file"},
		{"a part of a header", file[:5], "unexpected EOF"},
		{"a part", file[:len(file)/2], "the file was cut off"},
		{"without its checksum", file[:len(file)-8], "the file was cut off"},
		{"compressed text", zip(t, []byte("copylab;main.main 3\n")), "read pprof profile: "},
		{"no thread", foreign(t, func(p *profile.Profile) { p.Sample[0].Label = nil }), "copylab did not write it: sample 1 has no thread"},
		{"memory", foreign(t, func(p *profile.Profile) { p.SampleType[0].Type = "alloc_objects" }), "it counts no samples"},
		{"cycles", foreign(t, func(p *profile.Profile) { p.PeriodType.Unit = "count" }), "no period in nanoseconds"},
		{"without a period", foreign(t, func(p *profile.Profile) { p.Period = 0 }), "no period in nanoseconds"},
		{"less than nothing", foreign(t, func(p *profile.Profile) { p.Sample[0].Value[0] = -1 }), "sample 1 counts -1 times"},
		{"more than a clock holds", foreign(t, func(p *profile.Profile) { p.Sample[0].Value[0] = 1 << 60 }), "sample 1 counts 1152921504606846976 times"},
		{"upside down", foreign(t, func(p *profile.Profile) { slices.Reverse(p.Sample[0].Location) }), "in sample 1 the kernel calls the program"},
		{"a tower", foreign(t, func(p *profile.Profile) {
			p.Sample[0].Location = slices.Repeat(p.Sample[0].Location[:1], mostDepth+1)
		}), "more than 4096 functions"},
	} {
		r, err := ReadPprof(bytes.NewReader(tt.file))
		if err == nil || r != nil {
			t.Errorf("%s: read %v, error %v", tt.name, r, err)
			continue
		}
		if !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "read pprof profile: ") {
			t.Errorf("%s: %v, want %q in it", tt.name, err, tt.want)
		}
	}
}

// A file that would fill the memory is given up in time.
func TestParsePprofIsBounded(t *testing.T) {
	file := packed(t, made())
	z, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	size, err := io.Copy(io.Discard, z)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsePprof(bytes.NewReader(file), size); err != nil {
		t.Error(err)
	}
	if _, err := parsePprof(bytes.NewReader(file), size-1); err == nil || !strings.Contains(err.Error(), "it holds more than") {
		t.Errorf("got %v", err)
	}
}

// An error of whoever reads the file is told, and not taken for the file's.
func TestReadPprofTellsWhatFailed(t *testing.T) {
	file := packed(t, made())
	broken := io.MultiReader(bytes.NewReader(file[:40]), failing{})
	if _, err := ReadPprof(broken); err == nil || !strings.Contains(err.Error(), "made up") {
		t.Errorf("got %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, fmt.Errorf("made up: input/output error") }

// Whatever a file holds, there is a profile or an error, and what is read can be written again.
func FuzzReadPprof(f *testing.F) {
	p, err := profile.ParseData(packed(f, made()))
	if err != nil {
		f.Fatal(err)
	}
	var plain bytes.Buffer
	if err := p.WriteUncompressed(&plain); err != nil {
		f.Fatal(err)
	}
	f.Add(plain.Bytes())
	f.Add([]byte("copylab;main.main 3\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := ReadPprof(bytes.NewReader(zip(t, content)))
		if (err == nil) != (r != nil) {
			t.Fatalf("profile %v, error %v", r, err)
		}
		if err != nil {
			return
		}
		again := New(r.PeriodNS)
		for _, s := range r.Stacks {
			again.Add(s.Stack, s.Count)
		}
		if err := again.WritePprof(io.Discard, nil); err != nil {
			t.Errorf("write what was read: %v", err)
		}
	})
}
