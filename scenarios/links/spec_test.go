package links

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Spec
		form string
	}{
		{"loopback", Spec{Kind: Loopback}, "loopback"},
		{"remote", Spec{Kind: Remote}, "remote"},
		{"veth", Spec{Kind: Veth}, "veth"},
		{"veth rate=1Gbit", Spec{Kind: Veth, RateBits: 1e9}, "veth rate=1Gbit"},
		{"veth rate=1000Mbit", Spec{Kind: Veth, RateBits: 1e9}, "veth rate=1Gbit"},
		{"veth rate=1000000Kbit", Spec{Kind: Veth, RateBits: 1e9}, "veth rate=1Gbit"},
		{"veth rate=2.5Gbit", Spec{Kind: Veth, RateBits: 2.5e9}, "veth rate=2.5Gbit"},
		{"veth rate=2.500Gbit", Spec{Kind: Veth, RateBits: 2.5e9}, "veth rate=2.5Gbit"},
		{"veth rate=0.1Gbit", Spec{Kind: Veth, RateBits: 1e8}, "veth rate=100Mbit"},
		{"veth rate=100Gbit", Spec{Kind: Veth, RateBits: 1e11}, "veth rate=100Gbit"},
		{"veth rate=1Mbit", Spec{Kind: Veth, RateBits: 1e6}, "veth rate=1Mbit"},
		{"veth rate=1.000001Gbit", Spec{Kind: Veth, RateBits: 1_000_001_000}, "veth rate=1.000001Gbit"},
		{"veth rate=1.05Mbit", Spec{Kind: Veth, RateBits: 1_050_000}, "veth rate=1.05Mbit"},
		{"veth mtu=9000", Spec{Kind: Veth, MTU: 9000}, "veth mtu=9000"},
		{" veth\tsg=off \n", Spec{Kind: Veth, SG: Off}, "veth sg=off"},
		{
			"veth csum=on gso=off tso=off sg=on mtu=1500 rate=10Gbit",
			Spec{Kind: Veth, RateBits: 1e10, MTU: 1500, SG: On, TSO: Off, GSO: Off, Csum: On},
			"veth rate=10Gbit mtu=1500 sg=on tso=off gso=off csum=on",
		},
		{"veth sg=off tso=off gso=off csum=off", Spec{Kind: Veth, SG: Off, TSO: Off, GSO: Off, Csum: Off}, "veth sg=off tso=off gso=off csum=off"},
	} {
		got, err := Parse(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("%q: got %+v, %v; want %+v", tt.text, got, err, tt.want)
			continue
		}
		if got.String() != tt.form {
			t.Errorf("%q is written %q, want %q", tt.text, got, tt.form)
		}
		if kind, options, _ := strings.Cut(tt.form, " "); string(got.Kind) != kind || got.Options() != options {
			t.Errorf("%q has the options %q", tt.text, got.Options())
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("%q: got %+v, %v after a round trip", tt.text, again, err)
		}
	}
}

// Each error says what to write.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "is empty: write one of loopback, veth, remote",
		"  ":                            "is empty: write one of loopback, veth, remote",
		"vteh":                          `is unknown: did you mean "veth"? (valid: loopback, veth, remote)`,
		"VETH":                          `is unknown: did you mean "veth"? (valid: loopback, veth, remote)`,
		"wormhole":                      "is unknown (valid: loopback, veth, remote)",
		"veth,rate=1Gbit":               "has a comma: write spaces between the options, such as veth rate=1Gbit",
		"loopback mtu=9000":             "has options, which only a veth link takes: write loopback, or veth mtu=9000",
		"loopback fast":                 "has options: write loopback",
		"remote rate=1Gbit":             "has options: write remote, since copylab does not set what lies between two hosts",
		"remote 192.0.2.1:7000":         "names a host: write remote, and give it on the command line with --to 192.0.2.1:7000",
		"veth rat=1Gbit":                `has an unknown option "rat": did you mean "rate"? (valid: rate, mtu, sg, tso, gso, csum)`,
		"veth SG=off":                   `has an unknown option "SG": did you mean "sg"? (valid: rate, mtu, sg, tso, gso, csum)`,
		"veth delay=1ms":                `has an unknown option "delay" (valid: rate, mtu, sg, tso, gso, csum)`,
		"veth sg":                       "has no value for sg: write sg=on or sg=off",
		"veth rate=":                    "has no value for rate: write rate=1Gbit",
		"veth rate = 1Gbit":             "has no value for rate: write rate=1Gbit",
		"veth sg=off mtu=9000 sg=on":    "has sg twice: keep one",
		"veth rate=1Gbit rate=1Gbit":    "has rate twice: keep one",
		"veth sg=no":                    `has a wrong sg: "no" is not on or off: write sg=off`,
		"veth tso=On":                   `has a wrong tso: "On" is not on or off: write tso=on`,
		"veth csum=maybe":               `has a wrong csum: "maybe" is not on or off: write csum=on or csum=off`,
		"veth mtu=9000B":                `has a wrong mtu: "9000B" has a unit: write 9000, which is in bytes`,
		"veth mtu=9KiB":                 `has a wrong mtu: "9KiB" has a unit: write a number of bytes, such as 9000`,
		"veth mtu=575":                  `has a wrong mtu: "575" is not from 576 to 65535`,
		"veth mtu=65536":                `has a wrong mtu: "65536" is not from 576 to 65535`,
		"veth mtu=1.5":                  `has a wrong mtu: "1.5" is not a whole number of bytes: write a number such as 9000`,
		"veth mtu=-1":                   `has a wrong mtu: "-1" is not a whole number of bytes: write a number such as 9000`,
		"veth mtu=09000":                `has a wrong mtu: "09000" is not a whole number of bytes: write a number such as 9000`,
		"veth mtu=99999999999999999999": `has a wrong mtu: "99999999999999999999" is not a whole number of bytes: write a number such as 9000`,
		"veth rate=1":                   `has a wrong rate: "1" has no unit: write 1Gbit, 1Mbit or 1Kbit`,
		"veth rate=1G":                  `has a wrong rate: "1G" has a wrong unit: write 1Gbit`,
		"veth rate=1Gb":                 `has a wrong rate: "1Gb" has a wrong unit: write 1Gbit`,
		"veth rate=1Gbps":               `has a wrong rate: "1Gbps" has a wrong unit: write 1Gbit`,
		"veth rate=2.5gbit/s":           `has a wrong rate: "2.5gbit/s" has a wrong unit: write 2.5Gbit`,
		"veth rate=100mbit":             `has a wrong rate: "100mbit" has a wrong unit: write 100Mbit`,
		"veth rate=1GB/s":               `has a wrong rate: "1GB/s" is in bytes: write bits per second with Gbit, Mbit or Kbit, such as 1Gbit`,
		"veth rate=1GiB":                `has a wrong rate: "1GiB" is in bytes: write bits per second with Gbit, Mbit or Kbit, such as 1Gbit`,
		"veth rate=1Gibit":              `has a wrong rate: "1Gibit" has a wrong unit: write Gbit, Mbit or Kbit, such as 1Gbit`,
		"veth rate=fast":                `has a wrong rate: "fast" is not a rate: write a number with Gbit, Mbit or Kbit, such as 1Gbit`,
		"veth rate=-1Gbit":              `has a wrong rate: "-1Gbit" is not a rate: write a number with Gbit, Mbit or Kbit, such as 1Gbit`,
		"veth rate=1.2.3Gbit":           `has a wrong rate: "1.2.3Gbit" is not a rate: write a number with Gbit, Mbit or Kbit, such as 1Gbit`,
		"veth rate=.5Gbit":              `has a wrong rate: ".5Gbit" is not a rate: write a number with Gbit, Mbit or Kbit, such as 1Gbit`,
		"veth rate=0Gbit":               `has a wrong rate: "0Gbit" is 0: leave rate out for a link that is not shaped`,
		"veth rate=999Kbit":             `has a wrong rate: "999Kbit" is too slow: write at least 1Mbit`,
		"veth rate=100.001Gbit":         `has a wrong rate: "100.001Gbit" is too fast: write at most 100Gbit`,
		"veth rate=999999999Gbit":       `has a wrong rate: "999999999Gbit" is too fast: write at most 100Gbit`,
		"veth rate=1.0001Mbit":          `has a wrong rate: "1.0001Mbit" is too fine: write a whole number of Kbit`,
		"veth sg=off tso=on":            "can't be made: with sg=off the kernel turns tso and gso off, so leave tso=on and gso=on out",
		"veth gso=on sg=off":            "can't be made: with sg=off the kernel turns tso and gso off, so leave tso=on and gso=on out",
		"veth csum=off tso=on":          "can't be made: with csum=off the kernel turns tso off, so leave tso=on out",
	} {
		if got, err := Parse(text); err == nil || err.Error() != want || got != (Spec{}) {
			t.Errorf("%q:\ngot  %v, %+v\nwant %s", text, err, got, want)
		}
	}
	long := strings.Repeat("x", 10_000)
	for _, text := range []string{"veth " + long, "veth sg=" + long, "veth rate=1" + long, "veth mtu=" + long} {
		if _, err := Parse(text); err == nil || len(err.Error()) > 300 {
			t.Errorf("%.20q…: the error is %.400v", text, err)
		}
	}
}

// A Spec that no text gives is found out before anything is made.
func TestCheckOfSpec(t *testing.T) {
	for _, s := range []Spec{
		{}, {Kind: "tunnel"}, {Kind: Loopback, MTU: 9000}, {Kind: Remote, SG: Off}, {Kind: Veth, RateBits: 1}, {Kind: Veth, RateBits: 1e6 + 1},
		{Kind: Veth, RateBits: -1e9}, {Kind: Veth, RateBits: 1e12}, {Kind: Veth, MTU: -1}, {Kind: Veth, MTU: 1}, {Kind: Veth, SG: "maybe"},
		{Kind: Veth, SG: Off, TSO: On}, {Kind: Veth, SG: Off, GSO: On}, {Kind: Veth, Csum: Off, TSO: On},
	} {
		if l, err := Open(t.Context(), s); err == nil || l != nil {
			t.Errorf("%+v: got %v, %v", s, l, err)
		}
	}
}

// Whatever is read is a link that can be made, and is written in a form that means the same.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"veth", "loopback", "remote", "veth rate=2.5Gbit mtu=9000 sg=off tso=off gso=off csum=on", "veth rate=1.000001Gbit", "veth rate=1e9Gbit", "veth sg=off sg=on",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if s != (Spec{}) || err.Error() == "" || strings.Contains(err.Error(), "%!") {
				t.Errorf("%q: %+v beside %q", text, s, err)
			}
			return
		}
		if err := s.check(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if again, err := Parse(s.String()); err != nil || again != s {
			t.Errorf("%q: %q became %+v, %v", text, s, again, err)
		}
	})
}

func ExampleParse() {
	s, err := Parse("veth sg=off rate=1000Mbit")
	fmt.Println(s, err)
	_, err = Parse("veth rate=1Gbps")
	fmt.Println(err)
	// Output:
	// veth rate=1Gbit sg=off <nil>
	// has a wrong rate: "1Gbps" has a wrong unit: write 1Gbit
}
