// Package measured holds numbers that know whether they were measured.
//
// A reading that could not be had is a value too: it says why. It is never 0, never a guess and never left out.
package measured

import (
	"encoding/json"
	"fmt"
	"strings"
	"unique"
)

// prefix starts the JSON string that stands where a number could not be had.
const prefix = "unavailable: "

// Number is what a reading can be: a count, a size, a time or a rate.
type Number interface {
	~int | ~int64 | ~uint64 | ~float64
}

// Value is a number, or the reason why there is none. Its zero value is unavailable, so that a field
// that nobody filled in can't be mistaken for a measured 0. In JSON it is the number, or the string "unavailable: why".
type Value[N Number] struct {
	number N
	known  bool
	// A record says the same reason in thousands of trials: it is kept once. The zero handle is no reason.
	why unique.Handle[string]
}

// The two kinds of readings that records hold.
type (
	Int   = Value[int64]
	Float = Value[float64]
)

// Known is a reading that was had.
func Known[N Number](n N) Value[N] { return Value[N]{number: n, known: true} }

// Unavailable is a reading that could not be had, with the reason in the manner of fmt.Sprintf.
func Unavailable[N Number](format string, args ...any) Value[N] {
	return because[N](fmt.Sprintf(format, args...))
}

// because is unavailable with a reason; without one it is the zero value.
func because[N Number](why string) Value[N] {
	if why == "" {
		return Value[N]{}
	}
	return Value[N]{why: unique.Make(why)}
}

// Get returns the number, and whether there is one.
func (v Value[N]) Get() (N, bool) { return v.number, v.known }

// Why returns the reason for which there is no number, and "" where there is one.
func (v Value[N]) Why() string {
	switch {
	case v.known:
		return ""
	case v.why == unique.Handle[string]{}:
		return "not recorded"
	}
	return v.why.Value()
}

// String is the number in its shortest form, or "unavailable: why".
func (v Value[N]) String() string {
	if v.known {
		return fmt.Sprint(v.number)
	}
	return prefix + v.Why()
}

// MarshalJSON writes the number, or the string "unavailable: why".
func (v Value[N]) MarshalJSON() ([]byte, error) {
	if v.known {
		return json.Marshal(v.number)
	}
	return json.Marshal(prefix + v.Why())
}

// UnmarshalJSON reads what MarshalJSON writes; any other string is an error.
func (v *Value[N]) UnmarshalJSON(b []byte) error {
	var why string
	if json.Unmarshal(b, &why) == nil && string(b) != "null" {
		rest, ok := strings.CutPrefix(why, prefix)
		if !ok {
			return fmt.Errorf("read value %s: want a number or %q", b, prefix+"why")
		}
		*v = because[N](rest)
		return nil
	}
	var n N
	if string(b) == "null" {
		return fmt.Errorf("read value null: want a number or %q", prefix+"why")
	}
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("read value %s: %w", b, err)
	}
	*v = Known(n)
	return nil
}
