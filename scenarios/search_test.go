package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"copylab/results"
)

func TestSearchPlan(t *testing.T) {
	s := parse(t, with("transfer: {paths: [sendfile, read-write, splice], streams: [1, 2]}\nsearch: {chunk: 1KiB..8KiB, metric: throughput}\nbaseline: {path: read-write}\n"))
	checkPlan(t, s)
	want := Search{LowBytes: 1 << 10, HighBytes: 8 << 10, Metric: results.MetricThroughput}
	if s.Search == nil || *s.Search != want {
		t.Errorf("search is %+v, want %+v", s.Search, want)
	}
	if got := s.Search.Sizes(); !slices.Equal(got, []int64{1024, 2048, 4096, 8192}) {
		t.Errorf("sizes are %v", got)
	}
	cases := s.Cases()
	if len(cases) != 3*4*2 {
		t.Errorf("%d cases; want each path with each size and each number of streams", len(cases))
	}
	byID := map[string]results.Case{}
	for _, c := range cases {
		byID[c.ID] = c
	}
	for _, c := range cases {
		if c.Params.Path == "read-write" {
			continue
		}
		b := byID[c.Baseline].Params
		if b.Path != "read-write" || b.ChunkBytes != c.Params.ChunkBytes || b.Streams != c.Params.Streams {
			t.Errorf("%s is compared with %s", c.ID, c.Baseline)
		}
	}
	if r := s.Results(); r.Search == nil || r.Search.Metric != results.MetricThroughput || strings.Contains(string(r.Resolved), `"chunk":[`) {
		t.Errorf("search in the record is %+v, resolved %s", r.Search, r.Resolved)
	}
	if again, err := Parse("again.yaml", s.Results().Resolved); err != nil || *again.Search != want {
		t.Errorf("the resolved form reads as %+v, %v", again, err)
	}
	if r := parse(t, with("transfer: {}\n")).Results(); r.Search != nil {
		t.Errorf("a scenario without search has %+v", r.Search)
	}
}

func TestSearchDefaults(t *testing.T) {
	// The baseline is the first path, and the search one for CPU time.
	s := parse(t, with("transfer: {}\nsearch: {}\n"))
	checkPlan(t, s)
	if want := (Search{LowBytes: 512, HighBytes: 4 << 20, Metric: results.MetricSenderCPU}); *s.Search != want || !slices.Equal(s.Baseline["path"], []string{"read-write"}) || len(s.Cases()) != 28 {
		t.Errorf("search is %+v, baseline %v, %d cases", s.Search, s.Baseline, len(s.Cases()))
	}
}

func TestSearchSet(t *testing.T) {
	for _, c := range []struct {
		text string
		sets []string
		want Search
	}{
		{"transfer: {}\nsearch: {chunk: 1KiB..4KiB}\n", []string{"search.chunk=64KiB..128KiB"}, Search{64 << 10, 128 << 10, results.MetricSenderCPU}},
		{"transfer: {}\nsearch: {chunk: 1KiB..4KiB}\n", []string{"search.metric=throughput"}, Search{1 << 10, 4 << 10, results.MetricThroughput}},
		// A scenario of given chunks becomes a search.
		{"transfer: {chunk: [3, 5]}\n", []string{"search.chunk=1B..2B"}, Search{1, 2, results.MetricSenderCPU}},
		{"transfer:\n- {chunk: 3}\n- {streams: 2}\n", []string{"search.metric=cpu"}, Search{512, 4 << 20, results.MetricSenderCPU}},
	} {
		s := parse(t, with(c.text))
		if err := s.Set(c.sets); err != nil {
			t.Errorf("%q with %q: %v", c.text, c.sets, err)
			continue
		}
		checkPlan(t, s)
		if s.Search == nil || *s.Search != c.want {
			t.Errorf("%q with %q: search is %+v, want %+v", c.text, c.sets, s.Search, c.want)
		}
		for _, k := range s.Cases() {
			if k.Params.ChunkBytes < c.want.LowBytes || k.Params.ChunkBytes > c.want.HighBytes {
				t.Errorf("%q with %q: case %s", c.text, c.sets, k.ID)
			}
		}
	}
}

func TestSearchErrors(t *testing.T) {
	var b strings.Builder
	for _, in := range []struct {
		rest string
		sets []string
	}{
		{rest: "transfer: {chunk: 4KiB}\nsearch: {chunk: 1KiB..4KiB}\n"},
		{rest: "transfer:\n- {}\n- {streams: 2, chunk: [4KiB]}\nsearch: {}\n"},
		{rest: "transfer: {workload: fetch}\nsearch: {}\n"},
		{rest: "transfer: {}\nwrite: {}\nsearch: {}\n"},
		{rest: "write: {}\nsearch: {}\n"},
		{rest: "transfer: {}\nsearch:\n"},
		{rest: "transfer: {}\nsearch: 512B..4MiB\n"},
		{rest: "transfer: {}\nsearch: {chnk: 1KiB..2KiB}\n"},
		{rest: "transfer: {}\nsearch: {chunk: 4KiB}\n"},
		{rest: "transfer: {}\nsearch: {chunk: [1KiB..2KiB]}\n"},
		{rest: "transfer: {}\nsearch: {chunk: ..4KiB}\n"},
		{rest: "transfer: {}\nsearch: {chunk: 1KiB..4K}\n"},
		{rest: "transfer: {}\nsearch: {chunk: 1000..4KiB}\n"},
		{rest: "transfer: {}\nsearch: {chunk: 1KiB..3000KiB}\n"},
		{rest: "transfer: {}\nsearch: {chunk: 1KiB..1536B}\n"},
		{rest: "transfer: {}\nsearch: {chunk: 0..1KiB}\n"},
		{rest: "transfer: {}\nsearch: {chunk: 4KiB..1KiB}\n"},
		{rest: "transfer: {}\nsearch: {chunk: 4KiB..4096}\n"},
		{rest: "transfer: {file: 4GiB}\nsearch: {chunk: 1GiB..1GiB}\n"},
		{rest: "transfer: {file: 4GiB}\nsearch: {chunk: 1KiB..2GiB}\n"},
		{rest: "transfer: {file: 1MiB}\nsearch: {}\n"},
		{rest: "transfer: {streams: 4096}\nsearch: {}\n"},
		{rest: "transfer: {}\nsearch: {metric: cpus}\n"},
		{rest: "transfer: {}\nsearch: {metric: latency}\n"},
		{rest: "transfer: {}\nsearch: {metric: [cpu, throughput]}\n"},
		{rest: "transfer: {}\nsearch: {}\nbaseline: {}\n"},
		{rest: "transfer: {cache: [warm, cold]}\nsearch: {}\nbaseline: {cache: warm}\n"},
		{rest: "transfer: {}\nsearch: {}\nbaseline: {path: read-write, chunk: 4KiB}\n"},
		{rest: "transfer: {paths: [read-write, null, sendfile]}\nsearch: {}\n"},
		{rest: "transfer: {paths: read-write}\nsearch: {}\n"},
		{"transfer: {}\nsearch: {}\n", []string{"transfer.chunk=4KiB"}},
		{"transfer: {}\nsearch: {}\n", []string{"transfer.workload=fetch"}},
		{"transfer: {}\nsearch: {}\n", []string{"search.chunk=4KiB"}},
		{"transfer: {}\nsearch: {}\n", []string{"search=4KiB..8KiB"}},
		{"transfer: {}\nsearch: {}\n", []string{"search.chunks=4KiB..8KiB"}},
		{"transfer: {chunk: 4KiB}\n", []string{"search.chunk=1KiB..8KiB", "transfer.chunk=8KiB"}},
		{"write: {}\n", []string{"search.chunk=1KiB..8KiB"}},
	} {
		s, err := Parse("bad.yaml", []byte(with(in.rest)))
		if err == nil && in.sets != nil {
			err = s.Set(in.sets)
		}
		if err == nil {
			t.Errorf("%q %q: no error", in.rest, in.sets)
			continue
		}
		if _, ok := errors.AsType[*UsageError](err); !ok {
			t.Errorf("%q: error is a %T, not a *UsageError", in.rest, err)
		}
		fmt.Fprintf(&b, "%q %q\n\t%v\n", in.rest, in.sets, err)
	}
	golden(t, "search_errors.golden", b.String())
}
