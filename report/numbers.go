package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"copylab/results/measured"
)

// Numbers are written the same way everywhere: bytes with binary prefixes, times in ns, µs, ms or s, four significant
// digits at most. Digits before the decimal point are never rounded away.

// unit is what the numbers of one column or axis are counted in: the value in base units is divided by Size.
type unit struct {
	Name string
	Size float64
}

// scaled writes x, given in base units, in the unit.
func (u unit) scaled(x float64) string { return significant(x/u.Size, 4) }

// rateUnit is the unit in which the greatest of some byte rates reads best.
func rateUnit(greatest float64) unit {
	b := byteUnit(greatest)
	return unit{b.Name + "/s", b.Size}
}

// rateUnitFor is the unit in which rates from smallest to greatest read best together: a unit less where the smallest
// would have zeros behind the decimal point.
func rateUnitFor(smallest, greatest float64) unit {
	u := rateUnit(greatest)
	if smallest > 0 && smallest < u.Size/10 {
		return rateUnit(greatest / 1024)
	}
	return u
}

// byteUnit is the unit in which the greatest of some byte counts reads best.
func byteUnit(greatest float64) unit {
	switch {
	case greatest >= 1<<30:
		return unit{"GiB", 1 << 30}
	case greatest >= 1<<20:
		return unit{"MiB", 1 << 20}
	case greatest >= 1<<10:
		return unit{"KiB", 1 << 10}
	}
	return unit{"B", 1}
}

// timeUnit is the unit in which a time in nanoseconds reads best.
func timeUnit(ns float64) unit {
	switch {
	case ns >= 1e9:
		return unit{"s", 1e9}
	case ns >= 1e6:
		return unit{"ms", 1e6}
	case ns >= 1e3:
		return unit{"µs", 1e3}
	}
	return unit{"ns", 1}
}

// formatRate writes a byte rate with its unit: "2.341 GiB/s".
func formatRate(bytesPerSecond float64) string {
	u := rateUnit(bytesPerSecond)
	return u.scaled(bytesPerSecond) + " " + u.Name
}

// formatNS writes a time with its unit: "12.3 µs".
func formatNS(ns float64) string {
	u := timeUnit(ns)
	return significant(ns/u.Size, 3) + " " + u.Name
}

// formatBytes writes a size exactly where a binary prefix divides it ("64 KiB"), and with three digits otherwise.
func formatBytes(n int64) string {
	u := byteUnit(float64(n))
	if whole := int64(u.Size); n%whole == 0 {
		return strconv.FormatInt(n/whole, 10) + " " + u.Name
	}
	return significant(float64(n)/u.Size, 3) + " " + u.Name
}

// formatCount writes a whole number with commas between thousands from 10,000 on.
func formatCount(n int64) string { return thousands(strconv.FormatInt(n, 10)) }

// formatShare writes a share of 1 in percent: "97 %".
func formatShare(share float64) string {
	percent := share * 100
	if percent > 0 && percent < 9.95 || percent > 99 && percent < 100 {
		return strconv.FormatFloat(percent, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(percent, 'f', 0, 64) + " %"
}

// formatPercent writes a share of 1 in percent with at most one decimal, and with none from 100 % on: "3 %", "3.4 %", "1,889 %".
func formatPercent(share float64) string {
	if share >= 0.9995 {
		return thousands(strconv.FormatFloat(share*100, 'f', 0, 64)) + " %"
	}
	return strings.TrimSuffix(strconv.FormatFloat(share*100, 'f', 1, 64), ".0") + " %"
}

// formatConfidence writes the confidence of an interval: "95 %", or "93.8 %" where few values allow no more. Intervals
// between order statistics hit 95 % only by chance: those that hold at least that are called 95 % intervals.
func formatConfidence(c float64) string { return formatPercent(min(c, 0.95)) }

// formatTick writes a time for an axis: "20 µs".
func formatTick(ns float64) string {
	u := timeUnit(ns * 1.0001)
	return plainNumber(ns/u.Size) + " " + u.Name
}

// plainNumber writes a number without needless digits.
func plainNumber(v float64) string {
	return thousands(strconv.FormatFloat(math.Round(v*1e9)/1e9, 'f', -1, 64))
}

// significant writes x with the given number of significant digits and no exponent. It keeps every digit before the
// decimal point: 12345.6 with 4 digits is "12,346".
func significant(x float64, digits int) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	decimals := max(0, digits-1-int(math.Floor(math.Log10(math.Abs(x)))))
	s := strconv.FormatFloat(x, 'f', decimals, 64)
	// 9.9996 rounds up to a digit more than was asked for.
	if n := len(strings.Trim(strings.ReplaceAll(s, ".", ""), "-")) - leadingZeros(s); decimals > 0 && n > digits {
		s = strconv.FormatFloat(x, 'f', decimals-1, 64)
	}
	return thousands(s)
}

// leadingZeros counts the zeros before the first other digit.
func leadingZeros(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r == '0':
			n++
		case r >= '1' && r <= '9':
			return n
		}
	}
	return n
}

// thousands puts commas between thousands from 10,000 on.
func thousands(s string) string {
	whole, fraction, point := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	if len(whole) > 4 {
		var b strings.Builder
		for i, r := range whole {
			if i > 0 && (len(whole)-i)%3 == 0 {
				b.WriteByte(',')
			}
			b.WriteRune(r)
		}
		whole = b.String()
	}
	if point {
		return sign + whole + "." + fraction
	}
	return sign + whole
}

// formatRatio writes a ratio and its interval with the same number of decimals: as few as show three digits of the
// ratio, and as many more (up to two) as it takes that the rounded interval still lies on its side of 1. Those further away from 1 do without
// the latter, and with fewer where they are larger: they would have more than three digits.
func formatRatio(ratio, low, high float64) (r, l, h string) {
	decimals := 2
	switch {
	case ratio >= 100:
		decimals = 0
	case ratio >= 10:
		decimals = 1
	case ratio > 0 && ratio < 0.1:
		decimals = min(6, 1-int(math.Floor(math.Log10(ratio))))
	}
	more := 0
	format := func(x float64) string {
		own := decimals
		switch {
		case x >= 100:
			own = 0
		case x >= 10:
			own = min(own, 1)
		case math.Abs(x-1) < 0.1:
			own += more
		}
		return thousands(strconv.FormatFloat(x, 'f', own, 64))
	}
	for ; more < 2; more++ {
		if one := format(1); (low <= 1 || format(low) != one) && (high >= 1 || format(high) != one) {
			break
		}
	}
	return format(ratio), format(low), format(high)
}

// halfWidth writes how far an interval reaches from its median, on its wider side, relative to the median: "1.4 %".
func halfWidth(median, low, high float64) string {
	if median == 0 {
		return ""
	}
	half := 100 * max(median-low, high-median) / math.Abs(median)
	switch {
	case half >= 10:
		return strconv.FormatFloat(half, 'f', 0, 64) + " %"
	case half < 0.05:
		return "<0.1 %"
	}
	return strconv.FormatFloat(half, 'f', 1, 64) + " %"
}

// alignDecimal pads numbers with spaces so that their decimal points stand under each other when the column is
// aligned to the right. Texts without a digit in front are left alone.
func alignDecimal(texts []string) []string {
	tail := func(s string) int { // what follows the last digit before the decimal point
		end := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != ',' && r != '-' && r != '<' })
		if end < 0 {
			return 0
		}
		return utf8.RuneCountInString(s[end:])
	}
	numeric := func(s string) bool { return s != "" && strings.ContainsRune("0123456789-<", rune(s[0])) }
	longest := 0
	for _, s := range texts {
		if numeric(s) {
			longest = max(longest, tail(s))
		}
	}
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = s
		if numeric(s) {
			out[i] += strings.Repeat(" ", longest-tail(s))
		}
	}
	return out
}

// known writes a reading by the given format, or says that it could not be had and why.
func known[N measured.Number](v measured.Value[N], format func(N) string) string {
	n, ok := v.Get()
	if !ok {
		return "unavailable: " + v.Why()
	}
	return format(n)
}

// plural writes "1 trial" and "12 trials".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%s %ss", formatCount(int64(n)), noun)
}

// joinWords writes "a", "a and b" or "a, b and c".
func joinWords(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// joinLabels joins the names of cases, which may hold commas.
func joinLabels(names []string) string {
	for _, n := range names {
		if strings.Contains(n, ",") {
			return strings.Join(names, "; ")
		}
	}
	return joinWords(names)
}

// sentence makes the first letter of s a capital.
func sentence(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return strings.ToUpper(string(r)) + s[size:]
}
