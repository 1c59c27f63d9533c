package report

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestSignificant(t *testing.T) {
	for _, c := range []struct {
		x      float64
		digits int
		want   string
	}{
		{0, 4, "0"}, {1, 4, "1.000"}, {2345.678, 4, "2346"}, {234.5678, 4, "234.6"}, {0.0023456, 4, "0.002346"}, {9.9996, 4, "10.00"}, {99999.5, 4, "100,000"},
		{123456789, 4, "123,456,789"}, {-12.3456, 4, "-12.35"}, {0.99999, 3, "1.00"}, {999.96, 4, "1000"}, {12345.6, 4, "12,346"},
	} {
		if got := significant(c.x, c.digits); got != c.want {
			t.Errorf("significant(%v, %d) = %q, want %q", c.x, c.digits, got, c.want)
		}
	}
}

// TestSignificantKeepsTheValue reads numbers of all sizes back: rounding may move them by half a unit of the last digit.
func TestSignificantKeepsTheValue(t *testing.T) {
	for x := 1e-6; x < 1e12; x *= 1.0371 {
		got, err := strconv.ParseFloat(strings.ReplaceAll(significant(x, 4), ",", ""), 64)
		if err != nil || math.Abs(got-x) > 0.0005001*x {
			t.Fatalf("significant(%v) = %q, read back as %v (%v)", x, significant(x, 4), got, err)
		}
	}
}

func TestUnits(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{formatRate(2345 * mib), "2.290 GiB/s"}, {formatRate(100 * 1024), "100.0 KiB/s"}, {formatRate(12), "12.00 B/s"},
		{formatNS(812), "812 ns"}, {formatNS(12345), "12.3 µs"}, {formatNS(4.56e6), "4.56 ms"}, {formatNS(1.2e9), "1.20 s"}, {formatNS(999.9), "1000 ns"},
		{formatTick(20000), "20 µs"}, {formatTick(1000), "1 µs"}, {formatTick(200e6), "200 ms"},
		{formatBytes(64 << 10), "64 KiB"}, {formatBytes(512), "512 B"}, {formatBytes(1536 << 10), "1.50 MiB"}, {formatBytes(0), "0 B"}, {formatBytes(1000), "1000 B"},
		{formatShare(0.97), "97 %"}, {formatShare(1), "100 %"}, {formatShare(0.9995), "100.0 %"}, {formatShare(0.004), "0.4 %"}, {formatShare(0), "0 %"},
		{formatConfidence(0.9614), "95 %"}, {formatConfidence(0.9375), "93.8 %"}, {formatPercent(0.03), "3 %"},
		{formatCount(9999), "9999"}, {formatCount(487058), "487,058"},
		{halfWidth(100, 98.6, 101), "1.4 %"}, {halfWidth(100, 70, 101), "30 %"}, {halfWidth(100, 100, 100), "<0.1 %"}, {halfWidth(0, 0, 0), ""},
		{rateUnitFor(9*mib, 1900*mib).Name, "MiB/s"}, {rateUnitFor(900*mib, 1900*mib).Name, "GiB/s"}, {rateUnitFor(math.Inf(1), 0).Name, "B/s"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// TestRatioNeverRoundsOntoOne checks that an interval which excludes 1 still does so when it is written.
func TestRatioNeverRoundsOntoOne(t *testing.T) {
	for _, c := range []struct {
		ratio, low, high float64
		want             string
	}{
		{1.3102, 1.2849, 1.3511, "1.31 [1.28 1.35]"}, {0.517, 0.503, 0.541, "0.52 [0.50 0.54]"}, {1.006, 1.0021, 1.009, "1.006 [1.002 1.009]"},
		{0.9985, 0.9971, 0.9996, "0.9985 [0.9971 0.9996]"}, {1, 0.98, 1.02, "1.00 [0.98 1.02]"}, {0.0123, 0.0119, 0.0131, "0.012 [0.012 0.013]"},
		{1.9974, 1.0003, 6.3204, "2.00 [1.0003 6.32]"}, {1.21, 0.16, 45.94, "1.21 [0.16 45.9]"}, {1.4, 0.3, 1709.38, "1.40 [0.30 1709]"},
		{15.22, 14.81, 15.9, "15.2 [14.8 15.9]"}, {5321, 5000, 6000, "5321 [5000 6000]"}, {0.00031, 0.0003, 0.0004, "0.00031 [0.00030 0.00040]"},
	} {
		r, l, h := formatRatio(c.ratio, c.low, c.high)
		if got := r + " [" + l + " " + h + "]"; got != c.want {
			t.Errorf("formatRatio(%v, %v, %v) = %q, want %q", c.ratio, c.low, c.high, got, c.want)
		}
	}
}

func TestAlignDecimal(t *testing.T) {
	got := alignDecimal([]string{"1903", "9.094", "12.34", "n/a [1]", "", "12,345"})
	want := []string{"1903    ", "9.094", "12.34 ", "n/a [1]", "", "12,345    "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got = alignNumbers([]string{"baseline", "0.92 [0.92–0.93] ▼ ", "15.2 [14.8–115.9] ▲★"})
	want = []string{"baseline", " 0.92 [ 0.92–  0.93] ▼ ", "15.2  [14.8 –115.9 ] ▲★"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWords(t *testing.T) {
	if got, want := wrapText("the interval of 95 % is ±3 %, at 64 KiB (12 pairs) it goes", 12), []string{"the interval", "of 95 % is", "±3 %, at", "64 KiB", "(12 pairs)", "it goes"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := glue("a s at 4 KiB"), "a s at 4\u00a0KiB"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
