package measured

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// The zero value can't be mistaken for a measured 0.
func TestZeroValueIsUnavailable(t *testing.T) {
	var v Int
	if n, ok := v.Get(); n != 0 || ok {
		t.Errorf("got %d, %v", n, ok)
	}
	if v.Why() != "not recorded" || v.String() != "unavailable: not recorded" {
		t.Errorf("why %q, text %q", v.Why(), v)
	}
	zero := Known[int64](0)
	if n, ok := zero.Get(); n != 0 || !ok || zero.Why() != "" || zero.String() != "0" || zero == v {
		t.Errorf("a measured 0: %d, %v, %q, %q", n, ok, zero.Why(), zero)
	}
}

func TestUnavailable(t *testing.T) {
	v := Unavailable[float64]("no %s on CPU %d", "PMU", 3)
	if n, ok := v.Get(); n != 0 || ok || v.Why() != "no PMU on CPU 3" || v.String() != "unavailable: no PMU on CPU 3" {
		t.Errorf("got %v, %v, %q, %q", n, ok, v.Why(), v)
	}
}

func TestJSON(t *testing.T) {
	type record struct {
		I Int            `json:"i"`
		F Float          `json:"f"`
		U Value[uint64]  `json:"u"`
		M map[string]Int `json:"m"`
	}
	in := record{Known[int64](-5), Known(0.25), Unavailable[uint64]("a \"reason\": 50 %%"), map[string]Int{"x": Known[int64](0), "y": {}}}
	b, err := json.Marshal(in)
	want := `{"i":-5,"f":0.25,"u":"unavailable: a \"reason\": 50 %","m":{"x":0,"y":"unavailable: not recorded"}}`
	if err != nil || string(b) != want {
		t.Fatalf("got %s, %v; want %s", b, err, want)
	}
	var out record
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if out.I != in.I || out.F != in.F || out.U != in.U || out.M["x"] != in.M["x"] || out.M["y"].String() != "unavailable: not recorded" {
		t.Errorf("got %+v, want %+v", out, in)
	}
}

// Large integers keep every digit: they don't pass through a float.
func TestJSONOfLargeIntegers(t *testing.T) {
	for _, n := range []int64{math.MaxInt64, math.MinInt64, 1<<53 + 1} {
		b, err := json.Marshal(Known(n))
		if err != nil {
			t.Fatal(err)
		}
		var got Int
		if err := json.Unmarshal(b, &got); err != nil || got != Known(n) {
			t.Errorf("%d: got %v, %v", n, got, err)
		}
	}
}

// A number that JSON has no word for is an error, not a lie.
func TestJSONOfNoNumber(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1)} {
		if b, err := json.Marshal(Known(f)); err == nil {
			t.Errorf("%v: got %s", f, b)
		}
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	for _, text := range []string{`null`, `"5"`, `""`, `"unknown"`, `true`, `[1]`, `{}`, `1.5`, `9223372036854775808`, ``, `1 2`} {
		v := Known[int64](7)
		if err := json.Unmarshal([]byte(text), &v); err == nil {
			t.Errorf("%s: got %v, want an error", text, v)
		} else if v != Known[int64](7) {
			t.Errorf("%s: the value became %v beside the error", text, v)
		}
	}
	var v Int
	if err := v.UnmarshalJSON([]byte("null")); err == nil || !strings.Contains(err.Error(), "null") {
		t.Errorf("got %v", err)
	}
}

// Whatever is accepted is written again as something that means the same.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`0`, `-1.5e3`, `"unavailable: why"`, `"unavailable: "`, `null`, `"x"`, `"unavailable: \ud800"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		roundTrip[int64](t, text)
		roundTrip[uint64](t, text)
		roundTrip[float64](t, text)
	})
}

func roundTrip[N Number](t *testing.T, text string) {
	t.Helper()
	before := Known[N](42)
	v := before
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		if v != before {
			t.Errorf("%q: the value became %v beside the error %v", text, v, err)
		}
		return
	}
	if (v.Why() == "") != v.known {
		t.Errorf("%q: known is %v, and the reason %q", text, v.known, v.Why())
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%q: accepted, but not written: %v", text, err)
	}
	var again Value[N]
	if err := json.Unmarshal(b, &again); err != nil || again.String() != v.String() {
		t.Errorf("%q: got %v after a round trip, %v; want %v", text, again, err, v)
	}
}
