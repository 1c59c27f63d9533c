package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"copylab/results"
	"copylab/scenarios"
)

// What has no room goes whole: a number cut in two says something else.
func TestProgressDropsWholeFields(t *testing.T) {
	t.Parallel()
	p := &progress{labels: map[string]string{"case": "random direct-dsync, sync every 16", "other": "random direct"}}
	e := scenarios.Event{
		Phase: results.PhaseCounted, Case: results.Case{ID: "case"}, Step: 1, Steps: 9, Block: 4, Blocks: 12, Left: 61 * time.Second,
		Ratios: []results.Comparison{{Case: "other", Metric: results.MetricDurable, Ratio: 1709.38, Low: 0.01234, High: 20}},
	}
	const (
		stage = "block 4 of 12 at most"
		label = "random direct-dsync, …"
		ratio = "random direct durable ×1709"
	)
	whole := stage + " " + label + " 1:01 left  " + ratio + " [0.0123–20.0]"
	texts := []string{whole, stage + " " + label + " 1:01 left  " + ratio, stage + " " + label + " 1:01 left", stage + " 1:01 left", "1:01 left", ""}
	for columns := range 120 {
		want := texts[len(texts)-1]
		for _, text := range texts {
			if utf8.RuneCountInString(text) <= columns {
				want = text
				break
			}
		}
		if got := p.within(e, columns); got != want {
			t.Errorf("%d columns: got %q, want %q", columns, got, want)
		}
	}
}

func TestDigits(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{1709.38: "1709", 0.17234: "0.172", 1.3149: "1.31", 22.66: "22.7", 0: "0", 0.0017: "0.00170", 126.4: "126"} {
		if got := digits(f); got != want {
			t.Errorf("%v: got %s, want %s", f, got, want)
		}
	}
}

func TestWrapped(t *testing.T) {
	t.Parallel()
	text := "a few words and averyverylongword at the end"
	got := wrapped(text, 12, "--")
	if want := "a few words\n--and\n--averyverylongword\n--at the end"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if back := strings.Join(strings.Fields(strings.ReplaceAll(got, "--", "")), " "); back != text {
		t.Errorf("got %q", back)
	}
}
