package profile

import (
	"fmt"
	"io"

	"github.com/google/pprof/profile"
)

// kernelMapping tells the kernel's functions from the program's.
const kernelMapping = "[kernel]"

// WritePprof writes the profile as a file that `go tool pprof` and flame-graph viewers open (compressed profile.proto): samples, and the CPU
// time that they stand for. label gives each stack its labels, such as its side and its stage; nil gives none but the thread.
func (p *Profile) WritePprof(w io.Writer, label func(Stack) map[string]string) error {
	cpu := &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}
	out := &profile.Profile{
		SampleType:        []*profile.ValueType{{Type: "samples", Unit: "count"}, cpu},
		DefaultSampleType: "cpu",
		PeriodType:        cpu, Period: p.PeriodNS, DurationNanos: p.ClockNS,
		Mapping: []*profile.Mapping{
			{ID: 1, File: "copylab", HasFunctions: true},
			{ID: 2, File: kernelMapping, HasFunctions: true},
		},
	}
	locations := map[string]*profile.Location{}
	locate := func(name string, in *profile.Mapping) *profile.Location {
		key := in.File + "\x00" + name
		if l := locations[key]; l != nil {
			return l
		}
		f := &profile.Function{ID: uint64(len(out.Function) + 1), Name: name, SystemName: name}
		l := &profile.Location{ID: f.ID, Mapping: in, Line: []profile.Line{{Function: f}}}
		out.Function, out.Location = append(out.Function, f), append(out.Location, l)
		locations[key] = l
		return l
	}
	for _, c := range p.Stacks() {
		s := &profile.Sample{Value: []int64{c.Count, c.Count * p.PeriodNS}, Label: map[string][]string{"thread": {c.Thread}}}
		for _, name := range c.Kernel {
			s.Location = append(s.Location, locate(name, out.Mapping[1]))
		}
		for _, name := range c.User {
			s.Location = append(s.Location, locate(name, out.Mapping[0]))
		}
		if label != nil {
			for name, value := range label(c.Stack) {
				s.Label[name] = []string{value}
			}
		}
		out.Sample = append(out.Sample, s)
	}
	if err := out.CheckValid(); err != nil {
		return fmt.Errorf("write pprof profile: %w", err)
	}
	if err := out.Write(w); err != nil {
		return fmt.Errorf("write pprof profile: %w", err)
	}
	return nil
}

// MergePprof writes the sum of files that WritePprof wrote.
func MergePprof(w io.Writer, files ...io.Reader) error {
	var all []*profile.Profile
	for _, f := range files {
		p, err := profile.Parse(f)
		if err != nil {
			return fmt.Errorf("read pprof profile: %w", err)
		}
		all = append(all, p)
	}
	merged, err := profile.Merge(all)
	if err != nil {
		return fmt.Errorf("merge pprof profiles: %w", err)
	}
	if err := merged.Write(w); err != nil {
		return fmt.Errorf("write pprof profile: %w", err)
	}
	return nil
}
