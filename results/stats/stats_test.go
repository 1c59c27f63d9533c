package stats

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/perf/benchmath"
)

// exactCoverage is the probability that the lo-th to the hi-th smallest of n values (from 1) enclose the median,
// summed in whole numbers.
func exactCoverage(n, lo, hi int) float64 {
	sum := new(big.Int)
	for i := lo; i < hi; i++ {
		sum.Add(sum, new(big.Int).Binomial(int64(n), int64(i)))
	}
	p, _ := new(big.Rat).SetFrac(sum, new(big.Int).Lsh(big.NewInt(1), uint(n))).Float64()
	return p
}

func upTo(n int) []float64 {
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = float64(i + 1)
	}
	return xs
}

// With the values 1, 2, … n the bounds are the ranks of the order statistics themselves.
func TestIntervalHasTheExactBinomialCoverage(t *testing.T) {
	for n := 1; n <= 200; n++ {
		iv := Summarize(upTo(n))
		lo, hi := int(iv.Low), int(iv.High)
		if lo+hi != n+1 {
			t.Errorf("n=%d: [%d, %d] is lopsided", n, lo, hi)
		}
		if want := exactCoverage(n, lo, hi); math.Abs(iv.Confidence-want) > 1e-12 {
			t.Errorf("n=%d: confidence %v, exactly %v", n, iv.Confidence, want)
		}
		if n < EnoughValues {
			if lo != 1 || hi != n {
				t.Errorf("n=%d: [%d, %d], want the whole range", n, lo, hi)
			}
			if iv.Confidence >= Level {
				t.Errorf("n=%d: confidence %v reaches the level", n, iv.Confidence)
			}
			if len(iv.Warnings) != 1 {
				t.Errorf("n=%d: warnings %q, want one", n, iv.Warnings)
			}
			continue
		}
		if iv.Confidence < Level || len(iv.Warnings) != 0 {
			t.Errorf("n=%d: confidence %v, warnings %q", n, iv.Confidence, iv.Warnings)
		}
		if next := exactCoverage(n, lo+1, hi-1); next >= Level {
			t.Errorf("n=%d: [%d, %d] is wider than it need be: [%d, %d] has %v", n, lo, hi, lo+1, hi-1, next)
		}
	}
}

func TestIntervalOfFewValues(t *testing.T) {
	for _, tc := range []struct {
		values                []float64
		median, low, high, co float64
		warning               string
	}{
		{[]float64{7}, 7, 7, 7, 0, "one value"},
		{[]float64{4, 2}, 3, 2, 4, 0.5, "2 values are too few"},
		{[]float64{9, 1, 2}, 2, 1, 9, 0.75, "3 values are too few"},
		{[]float64{5, 4, 3, 2, 1}, 3, 1, 5, 0.9375, "5 values are too few"},
		{[]float64{6, 5, 4, 3, 2, 1}, 3.5, 1, 6, 0.96875, ""},
	} {
		given := slices.Clone(tc.values)
		iv := Summarize(tc.values)
		if iv.Median != tc.median || iv.Low != tc.low || iv.High != tc.high || iv.Confidence != tc.co || iv.N != len(tc.values) {
			t.Errorf("Summarize(%v) = %+v", given, iv)
		}
		if got := strings.Join(iv.Warnings, "; "); !strings.Contains(got, tc.warning) || (tc.warning == "") != (got == "") {
			t.Errorf("Summarize(%v) warns %q, want %q", given, got, tc.warning)
		}
		if !slices.Equal(given, tc.values) {
			t.Errorf("Summarize changed its argument from %v to %v", given, tc.values)
		}
	}
}

func TestSummarizeOfNothing(t *testing.T) {
	for _, values := range [][]float64{nil, {1, math.NaN()}, {math.Inf(1)}, {1, 2, 3, 4, 5, 6, math.Inf(-1)}} {
		iv := Summarize(values)
		if iv.N != 0 || iv.Confidence != 0 || len(iv.Warnings) != 1 {
			t.Errorf("Summarize(%v) = %+v, want N 0 and a warning", values, iv)
		}
	}
}

// Up to 30 values benchmath counts exactly as we do: where its interval is symmetric it is ours, elsewhere it lies within.
// Above, it approximates, and may be off by a rank.
func TestIntervalAgreesWithBenchmath(t *testing.T) {
	same := 0
	for n := EnoughValues; n <= 100; n++ {
		theirs := benchmath.AssumeNothing.Summary(benchmath.NewSample(upTo(n), &benchmath.DefaultThresholds), Level)
		ours := Summarize(upTo(n))
		if math.Abs(ours.Median-theirs.Center) > 1e-9 {
			t.Errorf("n=%d: median %v, benchmath's %v", n, ours.Median, theirs.Center)
		}
		if n > 30 {
			if math.Abs(ours.Low-theirs.Lo) > 1 || math.Abs(ours.High-theirs.Hi) > 1 || math.Abs(ours.Confidence-theirs.Confidence) > 0.02 {
				t.Errorf("n=%d: %+v is far from benchmath's %+v", n, ours, theirs)
			}
			continue
		}
		if ours.Low > theirs.Lo || ours.High < theirs.Hi {
			t.Errorf("n=%d: benchmath's [%v, %v] is not within [%v, %v]", n, theirs.Lo, theirs.Hi, ours.Low, ours.High)
		}
		if theirs.Lo+theirs.Hi != float64(n+1) {
			continue
		}
		same++
		if ours.Low != theirs.Lo || ours.High != theirs.Hi || math.Abs(ours.Confidence-theirs.Confidence) > 1e-9 {
			t.Errorf("n=%d: %+v, benchmath's %+v", n, ours, theirs)
		}
	}
	if same < 12 {
		t.Errorf("only %d sample sizes could be compared", same)
	}
}

// Draws from a skewed distribution whose median is known: the interval holds it as often as it says.
func TestIntervalCoversTheTrueMedianInSimulation(t *testing.T) {
	const rounds = 20_000
	trueMedian := math.Exp(0)
	for _, n := range []int{2, 5, 6, 8, 11, 24, 40} {
		rng := rand.New(rand.NewPCG(1, uint64(n)))
		held, confidence := 0, 0.0
		xs := make([]float64, n)
		for range rounds {
			for i := range xs {
				xs[i] = math.Exp(rng.NormFloat64() * 1.5)
			}
			iv := Summarize(xs)
			if iv.Low <= trueMedian && trueMedian <= iv.High {
				held++
			}
			confidence = iv.Confidence
		}
		got := float64(held) / rounds
		if slack := 4 * math.Sqrt(confidence*(1-confidence)/rounds); math.Abs(got-confidence) > slack {
			t.Errorf("n=%d: held the median in %v of the rounds, says %v ± %v", n, got, confidence, slack)
		}
	}
}

func TestRatio(t *testing.T) {
	iv, err := Ratio([]float64{20, 30, 40, 50, 60, 70}, []float64{10, 10, 10, 10, 10, 10})
	if err != nil {
		t.Fatal(err)
	}
	if iv.Median != 4.5 || iv.Low != 2 || iv.High != 7 || iv.Confidence != 0.96875 || iv.N != 6 {
		t.Errorf("got %+v", iv)
	}
	// By index, not by rank: the ratios are 4, 1, 1/4.
	iv, err = Ratio([]float64{4, 2, 1}, []float64{1, 2, 4})
	if err != nil || iv.Median != 1 || iv.Low != 0.25 || iv.High != 4 {
		t.Errorf("got %+v, %v", iv, err)
	}
	if iv, err = Ratio([]float64{0}, []float64{2}); err != nil || iv.Median != 0 {
		t.Errorf("a case of 0: got %+v, %v", iv, err)
	}
}

func TestRatioRefusesWhatHasNone(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, tc := range []struct {
		cases, baselines []float64
		want             string
	}{
		{nil, nil, "there are none"},
		{[]float64{1, 2}, []float64{1}, "2 of the case, 1 of the baseline"},
		{[]float64{1, 2, 3}, []float64{1, 0, 0}, "2 of 3 pairs have no finite ratio (the first is 2/0)"},
		{[]float64{1}, []float64{-1}, "1 of 1"},
		{[]float64{1}, []float64{nan}, "1 of 1"},
		{[]float64{1}, []float64{inf}, "1 of 1"},
		{[]float64{nan}, []float64{1}, "1 of 1"},
		{[]float64{inf}, []float64{1}, "1 of 1"},
		{[]float64{1e308}, []float64{1e-308}, "1 of 1"},
	} {
		iv, err := Ratio(tc.cases, tc.baselines)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Ratio(%v, %v): error %v, want %q", tc.cases, tc.baselines, err, tc.want)
		}
		if iv.N != 0 {
			t.Errorf("Ratio(%v, %v) returned both an error and %+v", tc.cases, tc.baselines, iv)
		}
	}
}

func TestJudge(t *testing.T) {
	iv := func(low, median, high, confidence float64) Interval {
		return Interval{Low: low, Median: median, High: high, Confidence: confidence, N: 6}
	}
	for _, tc := range []struct {
		iv   Interval
		want Verdict
	}{
		{iv(1.01, 1.2, 9, 0.96), Higher},
		{iv(0.1, 0.5, 0.99, 0.96), Lower},
		{iv(1, 1.02, 1.05, 0.96), NoDifference}, // touching 1 includes it
		{iv(0.97, 0.98, 1, 0.96), NoDifference},
		{iv(0.95, 1, 1.05, 0.96), NoDifference},
		{iv(0.99, 1, 1.1, 0.96), NoDifference}, // half-width 0.055
		{iv(0.94, 1, 1.07, 0.96), TooNoisy},    // half-width 0.065 > 2 × 0.03
		{iv(0.5, 1, 1.01, 0.96), TooNoisy},
		{iv(1, 1, 1, 0.96), NoDifference},
		{iv(1.5, 1.6, 1.7, 0.9375), TooNoisy}, // five values can't say
		{iv(1, 1, 1, 0), TooNoisy},
		{iv(0, 0, 0, 0.96), Lower},
		{Interval{}, TooNoisy},
	} {
		if got := Judge(tc.iv, 0.03); got != tc.want {
			t.Errorf("Judge(%+v) = %q, want %q", tc.iv, got, tc.want)
		}
	}
}

func TestRelativeHalfWidth(t *testing.T) {
	if got := RelativeHalfWidth(Interval{Low: 90, Median: 100, High: 104, Confidence: 0.96}); got != 0.07 {
		t.Errorf("got %v, want half of 14/100", got)
	}
	for _, iv := range []Interval{
		{Low: 100, Median: 100, High: 100, Confidence: 0.9375},
		{Low: 0, Median: 0, High: 0, Confidence: 0.97},
		{Low: -2, Median: -1, High: 1, Confidence: 0.97},
		{},
	} {
		if got := RelativeHalfWidth(iv); !math.IsInf(got, 1) {
			t.Errorf("RelativeHalfWidth(%+v) = %v, want +Inf", iv, got)
		}
	}
}

func TestOutliers(t *testing.T) {
	// Hinges 11 and 14: the fences are at 2 and 23.
	values := []float64{23, 10, 11, 12, 13, 14, 15}
	if got := Outliers(values); got != nil {
		t.Errorf("a value on the fence is marked: %v", got)
	}
	for _, tc := range []struct {
		values []float64
		want   []int
	}{
		{[]float64{40, 10, 11, 12, 13, 14}, []int{0}},
		{[]float64{10, 11, 12, 13, 14, -20, 60}, []int{5, 6}},
		{[]float64{1, 1, 1, 1, 100}, nil}, // too few to say
		{[]float64{5, 5, 5, 5, 5, 5}, nil},
		{nil, nil},
	} {
		given := slices.Clone(tc.values)
		if got := Outliers(tc.values); !slices.Equal(got, tc.want) {
			t.Errorf("Outliers(%v) = %v, want %v", given, got, tc.want)
		}
		if !slices.Equal(given, tc.values) {
			t.Errorf("Outliers changed its argument")
		}
	}
}

// The mark must be rare where nothing is odd, or nobody heeds it; and must see a value that is.
func TestOutliersAreRareInWellBehavedSamples(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	marked, missed := 0, 0
	const rounds = 5000
	for range rounds {
		xs := make([]float64, 10)
		for i := range xs {
			xs[i] = 100 + rng.NormFloat64()
		}
		if len(Outliers(xs)) > 0 {
			marked++
		}
		xs[3] += 30
		if !slices.Contains(Outliers(xs), 3) {
			missed++
		}
	}
	if marked > rounds/20 {
		t.Errorf("%d of %d well-behaved samples were marked", marked, rounds)
	}
	if missed > rounds/100 {
		t.Errorf("%d of %d outliers of 30 standard deviations were missed", missed, rounds)
	}
}

func TestFindDrift(t *testing.T) {
	if d, ok := FindDrift([]float64{1, 2, 3, 4, 5, 11, 12, 13, 14, 15}); !ok || d.Ratio != 13.0/3 || math.Abs(d.P-2.0/252) > 1e-12 {
		t.Errorf("a step is not seen: %+v, %v", d, ok)
	}
	if d, ok := FindDrift([]float64{1, 2, 3, 4, 5, 99, 11, 12, 13, 14, 15}); !ok || d.Ratio != 13.0/3 {
		t.Errorf("the middle value takes part: %+v, %v", d, ok)
	}
	for name, values := range map[string][]float64{
		"too few":     {1, 2, 3, 4, 11, 12, 13, 14, 15},
		"all equal":   {3, 3, 3, 3, 3, 3, 3, 3, 3, 3},
		"interleaved": {1, 11, 2, 12, 3, 13, 4, 14, 5, 15},
		"from zero":   {0, 0, 0, 0, 0, 1, 2, 3, 4, 5},
	} {
		if d, ok := FindDrift(values); ok {
			t.Errorf("%s: found %+v", name, d)
		}
	}
	values := []float64{5, 4, 3, 2, 1, 10, 9, 8, 7, 6}
	given := slices.Clone(values)
	if _, ok := FindDrift(values); !ok || !slices.Equal(values, given) {
		t.Errorf("found %v, argument now %v", ok, values)
	}
}

func TestDriftIsRareWhereThereIsNone(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	found := 0
	const rounds = 5000
	for range rounds {
		xs := make([]float64, 12)
		for i := range xs {
			xs[i] = 100 + rng.ExpFloat64()
		}
		if _, ok := FindDrift(xs); ok {
			found++
		}
	}
	if found > rounds*2/100 {
		t.Errorf("drift found in %d of %d samples that have none", found, rounds)
	}
}

// floats reads raw bytes as float64 values, so that a fuzzer reaches every value there is.
func floats(raw []byte) []float64 {
	var out []float64
	for ; len(raw) >= 8 && len(out) < 300; raw = raw[8:] {
		out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(raw)))
	}
	return out
}

func bytesOf(values ...float64) []byte {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(v))
	}
	return raw
}

func FuzzSummarize(f *testing.F) {
	f.Add(bytesOf(1))
	f.Add(bytesOf(upTo(6)...))
	f.Add(bytesOf(upTo(24)...))
	f.Add(bytesOf(math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64, 5e-324, 0, 1, 2))
	f.Add(bytesOf(1, math.NaN()))
	f.Fuzz(func(t *testing.T, raw []byte) {
		values := floats(raw)
		given := slices.Clone(values)
		iv := Summarize(values)
		Outliers(values)
		FindDrift(values)
		if slices.CompareFunc(given, values, func(a, b float64) int {
			return cmp.Compare(math.Float64bits(a), math.Float64bits(b))
		}) != 0 {
			t.Fatal("the argument was changed")
		}
		if iv.N == 0 {
			if len(iv.Warnings) == 0 {
				t.Fatalf("no values and no warning: %+v", iv)
			}
			return
		}
		if !(iv.Low <= iv.Median && iv.Median <= iv.High) {
			t.Fatalf("median outside its interval: %+v", iv)
		}
		if !slices.Contains(values, iv.Low) || !slices.Contains(values, iv.High) {
			t.Fatalf("a bound is not one of the values: %+v", iv)
		}
		if (iv.Confidence >= Level) != (iv.N >= EnoughValues) || iv.Confidence < 0 || iv.Confidence > 1 {
			t.Fatalf("confidence: %+v", iv)
		}
		// The order of the values doesn't matter, and negating them mirrors the interval.
		mirrored := slices.Clone(values)
		slices.Reverse(mirrored)
		for i := range mirrored {
			mirrored[i] = -mirrored[i]
		}
		if m := Summarize(mirrored); m.Low != -iv.High || m.High != -iv.Low || m.Median != -iv.Median {
			t.Fatalf("%+v mirrored is %+v", iv, m)
		}
		if w := RelativeHalfWidth(iv); math.IsNaN(w) || w < 0 {
			t.Fatalf("half-width %v of %+v", w, iv)
		}
	})
}

func FuzzRatio(f *testing.F) {
	f.Add(bytesOf(1, 2, 3, 4, 5, 6), bytesOf(2, 2, 2, 2, 2, 2))
	f.Add(bytesOf(1, 2), bytesOf(0, 1))
	f.Add(bytesOf(1), bytesOf(math.NaN()))
	f.Add(bytesOf(1e308), bytesOf(1e-308))
	f.Fuzz(func(t *testing.T, rawCases, rawBaselines []byte) {
		cases, baselines := floats(rawCases), floats(rawBaselines)
		iv, err := Ratio(cases, baselines)
		if (err != nil) == (iv.N > 0) {
			t.Fatalf("an error or a value, never both: %+v, %v", iv, err)
		}
		if err != nil {
			return
		}
		if iv.N != len(cases) {
			t.Fatalf("%d of %d pairs were used", iv.N, len(cases))
		}
		verdict := Judge(iv, 0.03)
		if (verdict == Higher) != (iv.Low > 1 && iv.N >= EnoughValues) || (verdict == Lower) != (iv.High < 1 && iv.N >= EnoughValues) {
			t.Fatalf("%q of %+v", verdict, iv)
		}
		// Case and baseline change places: so do higher and lower. (Division rounds: only a ratio whose inverse lies
		// clear of 1 must follow.)
		back, err := Ratio(baselines, cases)
		if err != nil {
			return
		}
		opposite := map[Verdict]Verdict{Higher: Lower, Lower: Higher}[verdict]
		if clear := iv.Low > 1+1e-9 || iv.High < 1-1e-9; opposite != "" && clear && Judge(back, 0.03) != opposite {
			t.Fatalf("%q of %+v, but %q of %+v", verdict, iv, Judge(back, 0.03), back)
		}
	})
}
