package stats

import (
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// fence is how many interquartile ranges beyond the quartiles a value must lie to be marked: Tukey's outer fences. The
// inner ones (1.5) mark a value in about every fifth sample of ten normally distributed values, which teaches people to
// ignore the mark; these in about one of thirty.
const fence = 3

// Outliers returns the indices of the values that lie beyond Tukey's outer fences: more than three interquartile ranges
// below the first quartile or above the third. Of fewer than EnoughValues it returns none. Outliers are for marking:
// nothing in this package leaves them out.
func Outliers(values []float64) []int {
	if len(values) < EnoughValues {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	// Tukey's hinges: the medians of the two halves, each with the middle value of an odd number. Unlike gonum's
	// quantiles they treat both ends alike.
	n := len(sorted)
	first, third := medianOfSorted(sorted[:(n+1)/2]), medianOfSorted(sorted[n/2:])
	reach := fence * (third - first)
	var out []int
	for i, v := range values {
		if v < first-reach || v > third+reach {
			out = append(out, i)
		}
	}
	return out
}

// Drift is a change of level in the course of a run.
type Drift struct {
	Ratio float64 // the median of the later half of the values over that of the earlier half
	P     float64 // of Mann and Whitney's U test between the halves: how often chance alone does as much
}

const (
	// driftAlpha is strict, since every case of a run is tested.
	driftAlpha = 0.01
	// driftValues is the least number whose halves can differ that much: five against five reach p = 2/252 at best.
	driftValues = 10
)

// FindDrift compares the earlier half of the values with the later one (in the order of measurement; a middle value
// belongs to neither) and tells whether their levels differ by more than chance explains. It can't tell with fewer than
// ten values, nor of values whose earlier median is not above 0, and then says no.
func FindDrift(values []float64) (Drift, bool) {
	if len(values) < driftValues {
		return Drift{}, false
	}
	half := len(values) / 2
	// NewSample sorts what it is given: hence the clones.
	earlier, later := slices.Clone(values[:half]), slices.Clone(values[len(values)-half:])
	test := benchmath.AssumeNothing.Compare(
		benchmath.NewSample(earlier, &benchmath.Thresholds{CompareAlpha: driftAlpha}),
		benchmath.NewSample(later, &benchmath.Thresholds{CompareAlpha: driftAlpha}))
	was := medianOfSorted(earlier)
	ratio := medianOfSorted(later) / was
	if !(was > 0) || math.IsNaN(ratio) || math.IsInf(ratio, 0) || test.P >= driftAlpha {
		return Drift{}, false
	}
	return Drift{Ratio: ratio, P: test.P}, true
}
