package scenarios

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"copylab/results"
)

// Search asks for the chunk size from which on each path is better than the baseline's at the same size. Only the sizes
// are measured that a bisection needs.
type Search struct {
	LowBytes, HighBytes int64  // powers of two; those between them, and they themselves, may be tried
	Metric              string // what "better" is about: a Metric constant of results
}

// The words for metrics that a search may be about.
const (
	SearchCPU        = "cpu"
	SearchThroughput = "throughput"
)

func searchKeys() []string { return []string{"chunk", "metric"} }

// searchMetric is the metric behind a word.
func searchMetric(word string) string {
	if word == SearchThroughput {
		return results.MetricThroughput
	}
	return results.MetricSenderCPU
}

// Sizes lists the chunks that may be tried, in bytes, from the smallest.
func (s Search) Sizes() []int64 {
	var list []int64
	for size := s.LowBytes; size > 0 && size <= s.HighBytes; size *= 2 {
		list = append(list, size)
	}
	return list
}

func (s *Search) results() *results.Search {
	if s == nil {
		return nil
	}
	return &results.Search{Metric: s.Metric}
}

func (s *Search) resolved() object {
	word := SearchCPU
	if s.Metric == results.MetricThroughput {
		word = SearchThroughput
	}
	return object{{"chunk", sizeRange{s.LowBytes, s.HighBytes}.String()}, {"metric", word}}
}

// search reads what is searched for; nil where nothing is.
func (r *resolver) search(root *node) *Search {
	n := root.get("search")
	if n == nil {
		return nil
	}
	if n.kind != mapping {
		r.fail(wrong(n.at, "search is not a mapping: write keys with values under it, such as \"search: {chunk: 512B..4MiB}\""))
		return nil
	}
	r.checkKeys("search", n, searchKeys())
	sizes := one(r, n, "chunk", sizeRange{512, 4 * mib}, parseSizes)
	metric := one(r, n, "metric", SearchCPU, wordOf([]string{SearchCPU, SearchThroughput}))
	return &Search{LowBytes: sizes.low, HighBytes: sizes.high, Metric: searchMetric(metric)}
}

// searched are a transfer's chunks where they are searched for. Its own key chunk has no place beside that; one of the
// file is left out where --set asks for the search.
func (r *resolver) searched(n *node) chosen[int64] {
	search := r.root.get("search")
	given := slices.ContainsFunc(search.keys, func(e entry) bool { return e.value.set })
	if c := n.get("chunk"); c != nil && (c.set || !given) {
		r.fail(wrong(c.at, "chunk has no place beside search, which tries many: write search.chunk, such as 512B..4MiB, or leave search out"))
	}
	sizes := r.scenario.Search.Sizes()
	return chosen[int64]{sizes, slices.Repeat([]string{search.at}, len(sizes))}
}

// searchSpares says that a part has no chunk to search for.
func (r *resolver) searchSpares(n *node, key, what string) {
	if r.scenario.Search == nil {
		return
	}
	at := n.at
	if v := n.get(key); v != nil {
		at = v.at
	}
	r.fail(wrong(at, "search is for transfers with workload stream, and this is %s: leave search out, or put the part into a scenario of its own", what))
}

// searchCompares checks that a search has something to compare: paths, at the same chunk.
func (r *resolver) searchCompares(root *node, b []given) {
	if r.scenario.Search == nil || r.err != nil {
		return
	}
	at := root.get("search").at
	path := false
	for _, g := range b {
		switch g.name {
		case "path":
			path = true
		case "chunk":
			r.fail(wrong(g.at, "search compares paths at the same chunk: leave chunk out of baseline"))
		}
	}
	if !path {
		r.fail(wrong(at, "search compares paths with one of them: name it, such as \"baseline: {path: read-write}\""))
	}
	for _, p := range r.scenario.Parts {
		switch {
		case slices.Contains(p.Transfer.Paths, "null"):
			r.fail(wrong(p.at, "path null is compared with nothing, so that there is nothing to search for: leave it out of paths"))
		case len(p.Transfer.Paths) == 1:
			r.fail(wrong(p.at, "search compares paths, and this part has only %s: add one to paths", p.Transfer.Paths[0]))
		}
	}
}

// sizeRange is a pair of powers of two.
type sizeRange struct{ low, high int64 }

func (r sizeRange) String() string { return FormatSize(r.low) + ".." + FormatSize(r.high) }

// parseSizes reads "512B..4MiB": the least and the most.
func parseSizes(text string) (sizeRange, error) {
	low, high, ok := strings.Cut(text, "..")
	if !ok {
		return sizeRange{}, errors.New("is not a range: write the least and the most, such as 512B..4MiB")
	}
	least, err := parsePower(low)
	if err != nil {
		return sizeRange{}, fmt.Errorf("has a wrong start: %s %w", quoted(low), err)
	}
	most, err := parsePower(high)
	if err != nil {
		return sizeRange{}, fmt.Errorf("has a wrong end: %s %w", quoted(high), err)
	}
	switch {
	case most < least:
		return sizeRange{}, fmt.Errorf("runs backwards: write %s", sizeRange{most, least})
	case most == least:
		pair := sizeRange{least, 2 * least}
		if pair.high > mostChunk {
			pair = sizeRange{least / 2, least}
		}
		return sizeRange{}, fmt.Errorf("is a single size: write two, such as %s", pair)
	}
	return sizeRange{least, most}, nil
}

// parsePower reads a size that is a power of two.
func parsePower(text string) (int64, error) {
	n, err := sizeWithin(mostChunk, "the kernel moves less than 2GiB in one call")(text)
	if err != nil {
		return 0, err
	}
	below := int64(1) << (bits.Len64(uint64(n)) - 1)
	if n == below {
		return n, nil
	}
	nearest := below
	if n-below > 2*below-n {
		nearest = 2 * below
	}
	return 0, fmt.Errorf("is no power of two: write %s", FormatSize(nearest))
}
