// Package stats says what a handful of measured values allow to be said: a median with an interval that assumes no
// distribution, a ratio of paired values, and a verdict in words.
//
// Medians and order statistics, because timings are skewed, have long tails and often two modes; a mean with a standard
// deviation would describe none of that. No value is ever thrown away: what looks odd is marked, not removed.
package stats

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// Level is the confidence that every interval aims at.
const Level = 0.95

// EnoughValues is the least number of values whose range covers the median with a confidence of Level or more:
// 1 - 2/2^6 = 0.96875, where five reach only 0.9375.
const EnoughValues = 6

// Interval is a median and the two values of the sample between which the true median lies with the given confidence.
//
// Low and High are order statistics, equally far from both ends of the sorted values. So the interval of the negated or
// inverted values is the negated or inverted interval, and a verdict doesn't change its mind when case and baseline
// swap places.
type Interval struct {
	Median float64
	Low    float64
	High   float64
	// Confidence is the exact binomial coverage of Low to High for independent values of a continuous distribution: at
	// least Level from EnoughValues on, less below, and 0 for a single value.
	Confidence float64
	N          int      // values
	Warnings   []string // what to know before trusting it
}

// Summarize gives the median of values and its interval. values is left as it was. Of no values, or of values that are
// not all finite numbers, it makes an Interval of N 0 and a warning that says why; its numbers mean nothing.
func Summarize(values []float64) Interval {
	if len(values) == 0 {
		return Interval{Warnings: []string{"no values"}}
	}
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Interval{Warnings: []string{fmt.Sprintf("value %d of %d is not a finite number", i+1, len(values))}}
		}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	k, confidence := orders(n)
	iv := Interval{
		Median:     medianOfSorted(sorted),
		Low:        sorted[k-1],
		High:       sorted[n-k],
		Confidence: confidence,
		N:          n,
	}
	switch {
	case n == 1:
		iv.Warnings = append(iv.Warnings, "one value has no interval")
	case n < EnoughValues:
		iv.Warnings = append(iv.Warnings, fmt.Sprintf(
			"%d values are too few for a 95 %% interval (it takes %d): the smallest and the largest are shown, which hold the median with a probability of %.4g",
			n, EnoughValues, confidence))
	}
	return iv
}

// orders gives the largest k for which the k-th smallest and the k-th largest of n values enclose the median with a
// probability of at least Level, and that probability. Where even the range falls short of Level, k is 1.
//
// The number of values below the true median is binomial with p = 1/2, so the coverage is 1 - 2·P(X ≤ k-1).
//
// benchmath.AssumeNothing.Summary rests on the same idea, but it drops values from the upper end alone where that still
// keeps the level (at 8, 11, 14, 16, … values), it goes over to a normal approximation above 30 values, and below 6 it
// returns infinities. A lopsided interval would make "lower" easier to say than "higher".
func orders(n int) (k int, confidence float64) {
	below := distuv.Binomial{N: float64(n), P: 0.5}
	coverage := func(k int) float64 { return max(0, 1-2*below.CDF(float64(k-1))) }
	// sort.Search finds the first k that no longer reaches the level; the one before it is the last that does.
	k = max(1, sort.Search(n/2, func(i int) bool { return coverage(i+1) < Level }))
	return k, coverage(k)
}

// Median is the middle value, or the mean of the two in the middle. values is left as it was and must not be empty.
func Median(values []float64) float64 {
	return medianOfSorted(slices.Sorted(slices.Values(values)))
}

func medianOfSorted(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	lo, hi := sorted[n/2-1], sorted[n/2]
	if lo == hi {
		return lo
	}
	// Halved first, since the sum of two large values may overflow; and kept between them, since halves may round.
	return min(max(lo/2+hi/2, lo), hi)
}

// Ratio summarises case/baseline, pair by pair: cases[i] and baselines[i] are of the same block. It is an error if the
// lengths differ, if there is no pair, or if any pair has no finite ratio: a baseline must be finite and above 0, a case
// finite. Nothing is left out to make it work.
func Ratio(cases, baselines []float64) (Interval, error) {
	if len(cases) != len(baselines) {
		return Interval{}, fmt.Errorf("pair values: %d of the case, %d of the baseline", len(cases), len(baselines))
	}
	if len(cases) == 0 {
		return Interval{}, errors.New("pair values: there are none")
	}
	bad, first := 0, ""
	ratios := make([]float64, len(cases))
	for i, c := range cases {
		b := baselines[i]
		ratios[i] = c / b
		if !(b > 0) || math.IsInf(b, 0) || math.IsNaN(ratios[i]) || math.IsInf(ratios[i], 0) {
			if bad++; bad == 1 {
				first = fmt.Sprintf("%v/%v", c, b)
			}
		}
	}
	if bad > 0 {
		return Interval{}, fmt.Errorf("divide by baseline: %d of %d pairs have no finite ratio (the first is %s)", bad, len(cases), first)
	}
	return Summarize(ratios), nil
}

// RelativeHalfWidth is half the width of the interval as a share of its median: 0.03 for what is written ±3 %. It is +Inf
// where the confidence is below Level or the median is not above 0: such an interval never counts as precise.
func RelativeHalfWidth(iv Interval) float64 {
	if iv.Confidence < Level || !(iv.Median > 0) {
		return math.Inf(1)
	}
	return (iv.High/2 - iv.Low/2) / iv.Median
}

// Verdict is what an interval of ratios lets us say.
type Verdict string

// The verdicts.
const (
	Higher       Verdict = "higher"
	Lower        Verdict = "lower"
	NoDifference Verdict = "no difference shown"
	TooNoisy     Verdict = "too noisy to say"
)

// noDifferenceFactor is how many times the wanted precision the half-width of an interval around 1 may be and still count
// as "no difference shown". A run stops when its headline ratios have reached the precision itself; the factor leaves room
// for the other metrics, which nobody waits for. An interval of half-width w that includes 1 ends at most 2w from it, so
// the difference that could hide in one is at most four times the precision.
const noDifferenceFactor = 2

// Judge says what the interval of a ratio shows, with the run's precision (0.03 for ±3 %):
//
//   - higher or lower: the interval has a confidence of at least Level and excludes 1;
//   - no difference shown: it has that confidence, includes 1 and its relative half-width is at most twice the precision.
//     It does not say that there is no difference, only that a much larger one than that would have been seen;
//   - too noisy to say: everything else, also too few values.
func Judge(iv Interval, precision float64) Verdict {
	switch {
	case iv.Confidence < Level:
		return TooNoisy
	case iv.Low > 1:
		return Higher
	case iv.High < 1:
		return Lower
	case RelativeHalfWidth(iv) <= noDifferenceFactor*precision:
		return NoDifference
	}
	return TooNoisy
}
