package profile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/pprof/profile"
)

// Recorded is what a pprof file of WritePprof or MergePprof holds.
type Recorded struct {
	PeriodNS int64 // CPU time that a sample stands for
	ClockNS  int64 // CPU time that was sampled; 0 where the file does not tell
	Stacks   []Labelled
}

// Labelled is a stack of a file, how often it was sampled, and the labels that it was given, without the thread.
type Labelled struct {
	Counted
	Labels map[string]string
}

// What a file may hold at most: far more than a run writes, and little enough for any machine that renders one.
const (
	mostFileBytes = 64 << 20 // uncompressed
	mostDepth     = 4096     // functions of a stack; the kernel notes 127 addresses unless kernel.perf_event_max_stack says otherwise
)

// ReadPprof reads a file that WritePprof or MergePprof wrote. Any other file is an error that says what is wrong with it: one that was cut off, one
// that is no profile, a profile that another program made.
func ReadPprof(r io.Reader) (*Recorded, error) {
	p, err := parsePprof(r, mostFileBytes)
	if err != nil {
		return nil, fmt.Errorf("read pprof profile: %w", err)
	}
	out, err := recorded(p)
	if err != nil {
		return nil, fmt.Errorf("read pprof profile: copylab did not write it: %w", err)
	}
	return out, nil
}

// parsePprof does what profile.Parse does, for compressed files only and of at most so many bytes: Parse would also take a dozen older formats of others.
func parsePprof(r io.Reader, most int64) (*profile.Profile, error) {
	packed, err := gzip.NewReader(r)
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the file is empty")
	case errors.Is(err, gzip.ErrHeader):
		return nil, fmt.Errorf("it is no compressed file: %w", err)
	case err != nil:
		return nil, err
	}
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(packed, most+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("the file was cut off: %w", err)
	case err != nil:
		return nil, fmt.Errorf("decompress: %w", err)
	case n > most:
		return nil, fmt.Errorf("it holds more than %d bytes", most)
	}
	p, err := profile.ParseUncompressed(b.Bytes())
	if err != nil {
		return nil, err
	}
	if err := p.CheckValid(); err != nil {
		return nil, err
	}
	return p, nil
}

// recorded takes out of a file what WritePprof put in.
func recorded(p *profile.Profile) (*Recorded, error) {
	count := -1
	for i, t := range p.SampleType {
		if t.Type == "samples" && t.Unit == "count" {
			count = i
		}
	}
	switch {
	case count < 0:
		return nil, errors.New("it counts no samples")
	case p.PeriodType == nil || p.PeriodType.Unit != "nanoseconds" || p.Period <= 0:
		return nil, errors.New("it has no period in nanoseconds")
	}
	out := &Recorded{PeriodNS: p.Period, ClockNS: p.DurationNanos}
	for i, s := range p.Sample {
		if len(s.Label["thread"]) != 1 {
			return nil, fmt.Errorf("sample %d has no thread", i+1)
		}
		one := Labelled{Counted: Counted{Stack: Stack{Thread: s.Label["thread"][0]}, Count: s.Value[count]}, Labels: map[string]string{}}
		if one.Count < 0 || one.Count > (1<<62)/out.PeriodNS {
			return nil, fmt.Errorf("sample %d counts %d times", i+1, one.Count)
		}
		for name, values := range s.Label {
			if name != "thread" {
				one.Labels[name] = strings.Join(values, ", ")
			}
		}
		for _, l := range s.Location {
			for _, line := range l.Line {
				if line.Function == nil {
					return nil, fmt.Errorf("sample %d has a function without a name", i+1)
				}
				switch inKernel := l.Mapping != nil && l.Mapping.File == kernelMapping; {
				case !inKernel:
					one.User = append(one.User, line.Function.Name)
				case len(one.User) > 0:
					return nil, fmt.Errorf("in sample %d the kernel calls the program", i+1)
				default:
					one.Kernel = append(one.Kernel, line.Function.Name)
				}
			}
		}
		if len(one.User)+len(one.Kernel) > mostDepth {
			return nil, fmt.Errorf("the stack of sample %d has more than %d functions", i+1, mostDepth)
		}
		out.Stacks = append(out.Stacks, one)
	}
	return out, nil
}
