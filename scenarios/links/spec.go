package links

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Switch is something that a network interface does for the processor: on, off, or as the kernel makes it.
type Switch string

// The positions of a Switch.
const (
	AsMade Switch = ""
	On     Switch = "on"
	Off    Switch = "off"
)

// Spec says what link is wanted. Only a veth link has options; their zero values leave it as the kernel makes it. Both
// ends are the same.
type Spec struct {
	Kind     Kind
	RateBits int64 // per second, on the wire, headers included; a whole number of 1000; 0: not shaped
	MTU      int   // bytes of an IP packet; 0: 1500, as the kernel makes it

	SG   Switch // scatter-gather: a packet may lie in many pieces. Off takes TSO and GSO with it
	TSO  Switch // segmentation of TCP by the interface. On a veth the packet then stays whole
	GSO  Switch // segmentation by the kernel right before the interface. TCP still builds large packets without it
	Csum Switch // checksums by the interface, in both directions. Off takes TSO with it
}

// The bounds of a rate, and the units in which it is written. They are decimal, as everywhere in networks.
const (
	kbit = 1_000
	mbit = 1_000_000
	gbit = 1_000_000_000

	lowestRate  = 1 * mbit
	highestRate = 100 * gbit
)

// The bounds of an MTU: what every host must take (RFC 791), and the most that an IPv4 packet can be.
const (
	lowestMTU  = 576
	highestMTU = 65535
)

// Parse reads a link as scenarios write it: "loopback", "remote", "veth", "veth rate=1Gbit mtu=9000 sg=off". The
// options stand in any order, each at most once. The error goes on after the text itself, and says what to write: `has no value for
// sg: write sg=on or sg=off`.
func Parse(text string) (Spec, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return Spec{}, fmt.Errorf("is empty: write one of %s", strings.Join(kindNames(), ", "))
	}
	s := Spec{Kind: Kind(words[0])}
	if !slices.Contains(kindNames(), words[0]) {
		if kind, _, found := strings.Cut(words[0], ","); found && slices.Contains(kindNames(), kind) {
			return Spec{}, fmt.Errorf("has a comma: write spaces between the options, such as %s", strings.ReplaceAll(strings.Join(words, " "), ",", " "))
		}
		return Spec{}, fmt.Errorf("is unknown%s", didYouMean(words[0], kindNames()))
	}
	given := map[string]bool{}
	for _, word := range words[1:] {
		if s.Kind != Veth {
			return Spec{}, noOptions(s.Kind, word)
		}
		name, value, hasValue := strings.Cut(word, "=")
		o, known := findOption(name)
		switch {
		case !known:
			return Spec{}, fmt.Errorf("has an unknown option %s%s", quoted(name), didYouMean(name, optionNames()))
		case !hasValue || value == "":
			return Spec{}, fmt.Errorf("has no value for %s: write %s", name, o.example)
		case given[name]:
			return Spec{}, fmt.Errorf("has %s twice: keep one", name)
		}
		given[name] = true
		if err := o.set(&s, value); err != nil {
			return Spec{}, fmt.Errorf("has a wrong %s: %s %w", name, quoted(value), err)
		}
	}
	if err := s.check(); err != nil {
		return Spec{}, err
	}
	return s, nil
}

// noOptions is the error of a kind that takes none.
func noOptions(k Kind, word string) error {
	if k == Remote {
		if !strings.Contains(word, "=") && strings.Contains(word, ":") {
			return fmt.Errorf("names a host: write remote, and give it on the command line with --to %s", word)
		}
		return errors.New("has options: write remote, since copylab does not set what lies between two hosts")
	}
	if name, _, _ := strings.Cut(word, "="); slices.Contains(optionNames(), name) {
		return fmt.Errorf("has options, which only a veth link takes: write loopback, or veth %s", word)
	}
	return fmt.Errorf("has options: write %s", k)
}

// check tells what is wrong with a Spec: out of its bounds, or what the kernel can't do
// (net/core/dev.c, netdev_fix_features).
func (s Spec) check() error {
	if !slices.Contains(kindNames(), string(s.Kind)) {
		return fmt.Errorf("is no kind of link: use one of %s", strings.Join(kindNames(), ", "))
	}
	if s.Kind != Veth && s != (Spec{Kind: s.Kind}) {
		return errors.New("has options, which only a veth link takes")
	}
	switch {
	case s.RateBits != 0 && (s.RateBits < lowestRate || s.RateBits > highestRate || s.RateBits%kbit != 0):
		return fmt.Errorf("has a wrong rate: %d bit/s are not from %s to %s", s.RateBits, formatRate(lowestRate), formatRate(highestRate))
	case s.MTU != 0 && (s.MTU < lowestMTU || s.MTU > highestMTU):
		return fmt.Errorf("has a wrong mtu: %d is not from %d to %d", s.MTU, lowestMTU, highestMTU)
	case s.SG == Off && s.TSO == On, s.SG == Off && s.GSO == On:
		return errors.New("can't be made: with sg=off the kernel turns tso and gso off, so leave tso=on and gso=on out")
	case s.Csum == Off && s.TSO == On:
		return errors.New("can't be made: with csum=off the kernel turns tso off, so leave tso=on out")
	}
	for _, w := range []Switch{s.SG, s.TSO, s.GSO, s.Csum} {
		if w != AsMade && w != On && w != Off {
			return fmt.Errorf("has a switch at %q: use on or off", string(w))
		}
	}
	return nil
}

// String writes the link in its one form: the options in the order rate, mtu, sg, tso, gso, csum. Parse reads it back.
func (s Spec) String() string {
	if o := s.Options(); o != "" {
		return string(s.Kind) + " " + o
	}
	return string(s.Kind)
}

// Options are those of String without the kind, and "" where there are none.
func (s Spec) Options() string {
	var words []string
	for _, o := range options() {
		if value := o.get(s); value != "" {
			words = append(words, o.name+"="+value)
		}
	}
	return strings.Join(words, " ")
}

// option is one word of a veth link.
type option struct {
	name, example string
	set           func(s *Spec, value string) error
	get           func(s Spec) string // "": not given
}

// options lists them in the order of String.
func options() []option {
	list := []option{
		{
			"rate", "rate=1Gbit",
			func(s *Spec, value string) (err error) { s.RateBits, err = parseRate(value); return err },
			func(s Spec) string {
				if s.RateBits == 0 {
					return ""
				}
				return formatRate(s.RateBits)
			},
		},
		{
			"mtu", "mtu=9000",
			func(s *Spec, value string) (err error) { s.MTU, err = parseMTU(value); return err },
			func(s Spec) string {
				if s.MTU == 0 {
					return ""
				}
				return strconv.Itoa(s.MTU)
			},
		},
	}
	for _, o := range []struct {
		name  string
		field func(*Spec) *Switch
	}{
		{"sg", func(s *Spec) *Switch { return &s.SG }},
		{"tso", func(s *Spec) *Switch { return &s.TSO }},
		{"gso", func(s *Spec) *Switch { return &s.GSO }},
		{"csum", func(s *Spec) *Switch { return &s.Csum }},
	} {
		list = append(list, option{
			o.name, o.name + "=on or " + o.name + "=off",
			func(s *Spec, value string) (err error) { *o.field(s), err = parseSwitch(o.name, value); return err },
			func(s Spec) string { return string(*o.field(&s)) },
		})
	}
	return list
}

func findOption(name string) (option, bool) {
	for _, o := range options() {
		if o.name == name {
			return o, true
		}
	}
	return option{}, false
}

func optionNames() []string {
	var names []string
	for _, o := range options() {
		names = append(names, o.name)
	}
	return names
}

func kindNames() []string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k.ID))
	}
	return names
}

func parseSwitch(name, text string) (Switch, error) {
	switch strings.ToLower(text) {
	case "on", "yes", "true", "1", "enable", "enabled":
		if text != string(On) {
			return "", fmt.Errorf("is not on or off: write %s=on", name)
		}
		return On, nil
	case "off", "no", "false", "0", "disable", "disabled":
		if text != string(Off) {
			return "", fmt.Errorf("is not on or off: write %s=off", name)
		}
		return Off, nil
	}
	return "", fmt.Errorf("is not on or off: write %s=on or %s=off", name, name)
}

func parseMTU(text string) (int, error) {
	number, unit := splitUnit(text)
	n, err := strconv.Atoi(number)
	switch {
	case err != nil || strconv.Itoa(n) != number || n < 0 && unit == "":
		return 0, errors.New("is not a whole number of bytes: write a number such as 9000")
	case unit != "":
		if unit == "B" {
			return 0, fmt.Errorf("has a unit: write %s, which is in bytes", number)
		}
		return 0, errors.New("has a unit: write a number of bytes, such as 9000")
	case n < lowestMTU || n > highestMTU:
		return 0, fmt.Errorf("is not from %d to %d", lowestMTU, highestMTU)
	}
	return n, nil
}

// rateUnits lists the units of a rate from the largest to the smallest.
func rateUnits() []rateUnit { return []rateUnit{{"Gbit", gbit}, {"Mbit", mbit}, {"Kbit", kbit}} }

type rateUnit struct {
	name string
	bits int64
}

// parseRate reads a rate: a number with up to six decimals, and Gbit, Mbit or Kbit.
func parseRate(text string) (int64, error) {
	number, unit := splitUnit(text)
	digits, fraction, hasPoint := strings.Cut(number, ".")
	if !isWhole(digits) || hasPoint && !isWhole(fraction) || len(digits) > 9 || len(fraction) > 6 {
		return 0, errors.New("is not a rate: write a number with Gbit, Mbit or Kbit, such as 1Gbit")
	}
	bits := int64(0)
	for _, u := range rateUnits() {
		if u.name == unit {
			bits = u.bits
		}
	}
	if bits == 0 {
		return 0, wrongRateUnit(number, unit)
	}
	n, err := strconv.ParseInt(digits+fraction+"000000"[len(fraction):], 10, 64) // of millionths of the unit; at most 15 digits
	if err != nil {
		return 0, fmt.Errorf("is not a rate: %w", err)
	}
	switch {
	case n == 0:
		return 0, errors.New("is 0: leave rate out for a link that is not shaped")
	case n > highestRate/bits*1_000_000:
		return 0, fmt.Errorf("is too fast: write at most %s", formatRate(highestRate))
	}
	// n*bits fits: n is at most the highest rate's own number of millionths of the unit, which makes 10^17.
	rate, rest := n*bits/1_000_000, n*bits%1_000_000
	switch {
	case rate < lowestRate:
		return 0, fmt.Errorf("is too slow: write at least %s", formatRate(lowestRate))
	case rest != 0 || rate%kbit != 0:
		return 0, errors.New("is too fine: write a whole number of Kbit")
	}
	return rate, nil
}

// wrongRateUnit tells what to write instead of the ways in which other tools write a rate.
func wrongRateUnit(number, unit string) error {
	lower := strings.ToLower(strings.TrimSpace(unit))
	if lower == "" {
		return fmt.Errorf("has no unit: write %sGbit, %sMbit or %sKbit", number, number, number)
	}
	if strings.Contains(unit, "B") || strings.Contains(lower, "byte") { // a capital B is bytes
		return errors.New("is in bytes: write bits per second with Gbit, Mbit or Kbit, such as 1Gbit")
	}
	for _, u := range rateUnits() {
		letter := strings.ToLower(u.name[:1])
		for _, rest := range []string{"", "b", "bit", "bits", "bps", "b/s", "bit/s", "bits/s", "bitps"} {
			if lower == letter+rest {
				return fmt.Errorf("has a wrong unit: write %s%s", number, u.name)
			}
		}
	}
	return errors.New("has a wrong unit: write Gbit, Mbit or Kbit, such as 1Gbit")
}

// formatRate writes a rate in the largest unit of which it has at least one, without zeroes at the end: 2.5Gbit.
func formatRate(bits int64) string {
	for _, u := range rateUnits() {
		if bits < u.bits && u.bits != kbit {
			continue
		}
		text := strconv.FormatInt(bits/u.bits, 10)
		if rest := bits % u.bits; rest != 0 {
			zeroes := len(strconv.FormatInt(u.bits, 10)) - 1
			text += "." + strings.TrimRight(fmt.Sprintf("%0*d", zeroes, rest), "0")
		}
		return text + u.name
	}
	return strconv.FormatInt(bits, 10)
}

// splitUnit cuts a text after its leading number.
func splitUnit(text string) (number, unit string) {
	i := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != '-' })
	if i < 0 {
		return text, ""
	}
	return text[:i], text[i:]
}

func isWhole(number string) bool { return number != "" && strings.Trim(number, "0123456789") == "" }

// quoted is a user's word for an error: in quotes, escaped, and cut where it is long.
func quoted(word string) string {
	const longest = 60
	if runes := []rune(word); len(runes) > longest {
		return strconv.Quote(string(runes[:longest])) + "…"
	}
	return strconv.Quote(word)
}

// didYouMean goes on after "is unknown": with the nearest word, and all that are valid.
func didYouMean(word string, valid []string) string {
	best, least := "", 3 // of words as short as these, more than two wrong letters are another word
	for _, v := range valid {
		if d := distance(strings.ToLower(word), v); d < least && d < len(v) {
			best, least = v, d
		}
	}
	text := " (valid: " + strings.Join(valid, ", ") + ")"
	if best != "" {
		text = ": did you mean " + quoted(best) + "?" + text
	}
	return text
}

// distance counts the letters to insert, delete or replace on the way from a to b (Levenshtein).
func distance(a, b string) int {
	if len(a) > 32 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := corner
			if a[i] != b[j] {
				replaced++
			}
			corner = row[j+1]
			row[j+1] = min(replaced, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
