package scenarios

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"copylab/scenarios/links"
)

// The units of sizes. They are binary: KiB is 1024 bytes. K, kB and MB are not units here, because they mean 1000
// bytes to some readers and 1024 to others.
const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// sizeUnits lists the units from the largest to the smallest.
func sizeUnits() []sizeUnit {
	return []sizeUnit{{"GiB", gib}, {"MiB", mib}, {"KiB", kib}, {"B", 1}}
}

type sizeUnit struct {
	name  string
	bytes int64
}

// ParseSize reads a size in bytes: a whole number with the unit B, KiB, MiB or GiB; without a unit it is bytes. The
// error of any other text says what to write instead. A size is at least 1.
func ParseSize(text string) (int64, error) {
	n, err := parseSize(text)
	if err != nil {
		return 0, fmt.Errorf("size %s %w", quoted(text), err)
	}
	return n, nil
}

// FormatSize writes a size the way in which ParseSize reads it, in the largest unit that needs no fraction: 64KiB,
// 1536KiB, 512B.
func FormatSize(bytes int64) string {
	for _, u := range sizeUnits() {
		if bytes%u.bytes == 0 && (bytes != 0 || u.bytes == 1) {
			return strconv.FormatInt(bytes/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(bytes, 10) + "B"
}

// parseSize is ParseSize with an error that goes on after the text itself: "is not a size: write 64KiB".
func parseSize(text string) (int64, error) {
	number, unit := splitUnit(text)
	if number == "" {
		return 0, errors.New("is not a size: write a whole number with B, KiB, MiB or GiB, such as 64KiB")
	}
	if strings.HasPrefix(number, "-") {
		return 0, errNegative
	}
	factor := int64(0)
	for _, u := range sizeUnits() {
		if unit == u.name || unit == "" && u.bytes == 1 {
			factor = u.bytes
		}
	}
	if factor == 0 {
		if meant := meantUnit(unit); meant != "" && isWhole(number) {
			return 0, fmt.Errorf("is not a size: write %s%s (sizes are in B, KiB, MiB or GiB)", number, meant)
		}
		if strings.EqualFold(strings.TrimSpace(unit), "t") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(unit)), "ti") {
			return 0, errors.New("is not a size: write it in GiB, 1024GiB for a TiB")
		}
		return 0, errors.New("is not a size: write a whole number with B, KiB, MiB or GiB, such as 64KiB")
	}
	if !isWhole(number) {
		if better := wholeInSmallerUnit(number, factor); better != "" {
			return 0, fmt.Errorf("is not a whole number: write %s", better)
		}
		return 0, errors.New("is not a whole number: write one with B, KiB, MiB or GiB, such as 64KiB")
	}
	if len(number) > 1 && number[0] == '0' {
		return 0, fmt.Errorf("starts with a 0: write %s%s", cmp.Or(strings.TrimLeft(number, "0"), "1"), unit)
	}
	n, err := strconv.ParseUint(number, 10, 64)
	over, bytes := bits.Mul64(n, uint64(factor))
	if err != nil || over != 0 || bytes > math.MaxInt64 {
		return 0, errTooLarge
	}
	if bytes == 0 {
		return 0, errZero
	}
	return int64(bytes), nil
}

var (
	errNegative = errors.New("is negative: write at least 1B")
	errZero     = errors.New("is 0: write at least 1B")
	errTooLarge = errors.New("is too large: no file has that many bytes")
)

// splitUnit cuts a text after its leading number: "64KiB" is "64" and "KiB".
func splitUnit(text string) (number, unit string) {
	i := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != '-' })
	if i < 0 {
		return text, ""
	}
	return text[:i], text[i:]
}

func isWhole(number string) bool {
	return number != "" && strings.Trim(number, "0123456789") == ""
}

// meantUnit guesses the unit behind the ways in which other tools write it: K, kb, KB, kib, " KiB". It is "" for
// what is no such way.
func meantUnit(unit string) string {
	switch strings.ToLower(strings.TrimSpace(unit)) {
	case "b", "byte", "bytes":
		return "B"
	case "k", "kb", "ki", "kib", "kbyte", "kbytes":
		return "KiB"
	case "m", "mb", "mi", "mib", "mbyte", "mbytes":
		return "MiB"
	case "g", "gb", "gi", "gib", "gbyte", "gbytes":
		return "GiB"
	}
	return ""
}

// wholeInSmallerUnit writes a size with a decimal fraction without it, where that is exact: 1.5MiB is 1536KiB.
func wholeInSmallerUnit(number string, factor int64) string {
	whole, fraction, ok := strings.Cut(number, ".")
	if !ok || !isWhole(whole) || !isWhole(fraction) || len(whole) > 6 || len(fraction) > 6 {
		return ""
	}
	digits, err := strconv.ParseInt(whole+fraction, 10, 64) // at most 12 digits
	if err != nil || digits == 0 {
		return ""
	}
	scale := int64(1)
	for range fraction {
		scale *= 10
	}
	over, bytes := bits.Mul64(uint64(digits), uint64(factor))
	if over != 0 || bytes > math.MaxInt64 || bytes%uint64(scale) != 0 {
		return ""
	}
	return FormatSize(int64(bytes) / scale)
}

// sizeWithin reads a size between two bounds, both included; why says what the upper one rests on.
func sizeWithin(highest int64, why string) func(string) (int64, error) {
	return func(text string) (int64, error) {
		n, err := parseSize(text)
		if err != nil && !errors.Is(err, errTooLarge) {
			return 0, err
		}
		if err != nil || n > highest {
			return 0, fmt.Errorf("is too large: write at most %s (%s)", FormatSize(highest), why)
		}
		return n, nil
	}
}

// wholeWithin reads a whole number between two bounds, both included.
func wholeWithin(lowest, highest int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || strconv.Itoa(n) != text || n < lowest || n > highest {
			return 0, fmt.Errorf("is not a whole number from %d to %d", lowest, highest)
		}
		return n, nil
	}
}

// parseDecimal reads a decimal fraction without sign and exponent; want says which.
func parseDecimal(text, want string, fits func(float64) bool) (float64, error) {
	const longest = 10
	x, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || !fits(x):
		return 0, errors.New("is not " + want)
	case strings.Trim(text, "0123456789.") != "" || len(text) > longest:
		return 0, fmt.Errorf("is not written in plain digits: write at most %d characters, digits and a point, such as 0.5", longest)
	}
	return x, nil
}

// formatDecimal writes what parseDecimal reads; "" for 0.
func formatDecimal(x float64) string {
	if x == 0 {
		return ""
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// durationWithin reads a time with its unit (ms, s, m, h) between two bounds, both included.
func durationWithin(lowest, highest time.Duration) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		switch {
		case isWhole(text) && d == 0 && err != nil: // ParseDuration takes a 0 without a unit
			return 0, fmt.Errorf("has no unit: write %sms or %ss", text, text)
		case err != nil && strings.ContainsAny(text, " \t"):
			return 0, errors.New("is not a time: write number and unit together, such as 400ms, 60s or 5m")
		case err != nil:
			return 0, errors.New("is not a time: write a number with ms, s, m or h, such as 400ms, 60s or 5m")
		case d < lowest:
			return 0, fmt.Errorf("is too short: write at least %s", formatDuration(lowest))
		case d > highest:
			return 0, fmt.Errorf("is too long: write at most %s", formatDuration(highest))
		}
		return d, nil
	}
}

// formatDuration writes a time in the form that scenarios use: 400ms, 75s.
func formatDuration(d time.Duration) string {
	switch {
	case d%time.Second == 0:
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	case d%time.Millisecond == 0:
		return strconv.FormatInt(int64(d/time.Millisecond), 10) + "ms"
	}
	return d.String()
}

// parseBlocks reads "5..40": at least so many counted blocks, and at most so many.
func parseBlocks(text string) (blockRange, error) {
	low, high, ok := strings.Cut(text, "..")
	if !ok {
		if n, err := strconv.Atoi(text); err == nil && n >= leastBlocks && n <= mostBlocks {
			return blockRange{}, fmt.Errorf("is not a range: write the least and the most, such as %s..%s", text, text)
		}
		return blockRange{}, errors.New("is not a range: write the least and the most, such as 5..40")
	}
	number := wholeWithin(leastBlocks, mostBlocks)
	least, err := number(low)
	if err != nil {
		return blockRange{}, fmt.Errorf("has a wrong start: %s %w", quoted(low), err)
	}
	most, err := number(high)
	if err != nil {
		return blockRange{}, fmt.Errorf("has a wrong end: %s %w", quoted(high), err)
	}
	if most < least {
		return blockRange{}, fmt.Errorf("runs backwards: write %d..%d", most, least)
	}
	return blockRange{least, most}, nil
}

type blockRange struct{ least, most int }

func (r blockRange) String() string { return fmt.Sprintf("%d..%d", r.least, r.most) }

// quoted is a user's word for an error: in quotes, escaped, and cut where it is long.
func quoted(word string) string {
	const longest = 60
	if runes := []rune(word); len(runes) > longest {
		return strconv.Quote(string(runes[:longest])) + "…"
	}
	return strconv.Quote(word)
}

// parseLink reads a link and writes it in its one form: "veth sg=off rate=1Gbit" is "veth rate=1Gbit sg=off".
func parseLink(text string) (string, error) {
	spec, err := links.Parse(text)
	if err != nil {
		return "", err
	}
	return spec.String(), nil
}

// parseBuffer reads the size of a socket's buffer; auto is 0.
func parseBuffer(text string) (int64, error) {
	if text == "auto" {
		return 0, nil
	}
	n, err := sizeWithin(mostChunk, "no kernel gives a socket more")(text)
	if err != nil {
		return 0, fmt.Errorf("%w, or auto", err)
	}
	return n, nil
}

func formatBuffer(bytes int64) string {
	if bytes == 0 {
		return "auto"
	}
	return FormatSize(bytes)
}

// parseCongestion reads the name of a congestion control; the kernel has 16 bytes for it (TCP_CA_NAME_MAX).
func parseCongestion(text string) (string, error) {
	if len(text) > 15 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return "", errors.New("is not the name of a congestion control: write one of /proc/sys/net/ipv4/tcp_available_congestion_control, such as cubic, or default")
	}
	return text, nil
}
