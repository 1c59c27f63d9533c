package diskwrite

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"copylab/internal/kernel"
)

func TestParsePolicy(t *testing.T) {
	for text, want := range map[string]Policy{
		"none":                      {ID: SyncNone},
		"end":                       {ID: SyncEnd},
		"every=1":                   {ID: SyncEvery, Every: 1},
		"every=32":                  {ID: SyncEvery, Every: 32},
		"every=9223372036854775807": {ID: SyncEvery, Every: 1<<63 - 1},
		"group":                     {ID: SyncGroup},
		"interval=100ms":            {ID: SyncInterval, Interval: 100 * time.Millisecond},
		"interval=1ns":              {ID: SyncInterval, Interval: 1},
		"interval=1m":               {ID: SyncInterval, Interval: time.Minute},
		"interval=1h30m":            {ID: SyncInterval, Interval: 90 * time.Minute},
		"interval=2h":               {ID: SyncInterval, Interval: 2 * time.Hour},
		"interval=1m0.5s":           {ID: SyncInterval, Interval: 60*time.Second + 500*time.Millisecond},
		"interval=10s":              {ID: SyncInterval, Interval: 10 * time.Second},
	} {
		got, err := ParsePolicy(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: got %+v (%s), %v; want %+v", text, got, got, err, want)
		}
		encoded, err := json.Marshal(got)
		var decoded Policy
		if err != nil || json.Unmarshal(encoded, &decoded) != nil || decoded != want {
			t.Errorf("%q: through JSON %s came %+v, %v", text, encoded, decoded, err)
		}
	}
	for text, want := range map[string]string{
		"":                          "every=32",
		"always":                    "want none, end, every=N, interval=T or group",
		"every":                     "want none, end",
		"interval":                  "want none, end",
		"interval=":                 "a time with its unit",
		"interval=100":              "a time with its unit",
		"interval=0s":               "more than nothing",
		"interval=-1s":              "more than nothing",
		"group=4":                   "want none, end",
		"none=":                     "want none, end",
		"every=N":                   "whole number",
		"every=":                    "whole number",
		"every=1.5":                 "whole number",
		"every=0":                   "at least 1",
		"every=-3":                  "at least 1",
		"every=9223372036854775808": "whole number",
		"End":                       "want none",
	} {
		got, err := ParsePolicy(text)
		if err == nil || got != (Policy{}) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `"`+text+`"`) {
			t.Errorf("%q: got %+v, %v; want an error with %q", text, got, err, want)
		}
	}
}

// A text is a policy or an error, never both; a policy's text is that policy again.
func FuzzParsePolicy(f *testing.F) {
	for _, text := range []string{"none", "end", "group", "every=32", "every=-1", "interval=100ms", "interval=1h0m0s", "interval=9223372036854775807ns", "=", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePolicy(text)
		if err != nil {
			if p != (Policy{}) {
				t.Fatalf("%q: got %+v with the error %v", text, p, err)
			}
			return
		}
		if err := p.Validate(); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if again, err := ParsePolicy(p.String()); err != nil || again != p {
			t.Fatalf("%q: %+v is written %q, which is read as %+v, %v", text, p, p, again, err)
		}
	})
}

func TestPolicyValidate(t *testing.T) {
	for _, tt := range []struct {
		policy Policy
		want   string
	}{
		{Policy{ID: SyncInterval}, "more than nothing"},
		{Policy{ID: SyncInterval, Interval: 1, Every: 1}, "leave Every at 0"},
		{Policy{ID: SyncEvery, Every: 1, Interval: 1}, "leave Interval at 0"},
		{Policy{ID: SyncGroup, Every: 1}, "leave Every at 0"},
		{Policy{ID: "group=N"}, "there is no sync policy"},
	} {
		if err := tt.policy.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.policy, err, tt.want)
		}
	}
}

func TestPoliciesListsWhatParses(t *testing.T) {
	for _, p := range Policies() {
		if _, err := ParsePolicy(strings.NewReplacer("N", "7", "T", "7ms").Replace(string(p.ID))); err != nil || p.Title == "" {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if _, err := json.Marshal(Policy{}); err == nil {
		t.Error("the zero policy was encoded, want an error")
	}
}

func TestSyncCallStatus(t *testing.T) {
	if got := Fsync.Status(); got.State != kernel.StateAvailable {
		t.Errorf("fsync: %+v", got)
	}
	if got := SyncCall("sync").Status(); got.State != kernel.StateUnavailable || !strings.Contains(got.Reason, "choose fdatasync, fsync, ") {
		t.Errorf("sync: %+v", got)
	}
}

func TestSyncCallDurable(t *testing.T) {
	for _, c := range SyncCalls() {
		durable, why := c.Durable()
		if durable != (why == "") {
			t.Errorf("%s: %v, %q", c, durable, why)
		}
		want := c == Fdatasync || c == Fullfsync || c == Fsync && runtime.GOOS != "darwin"
		if durable != want {
			t.Errorf("%s: durable %v, want %v", c, durable, want)
		}
	}
}

func TestCatalogueIsFound(t *testing.T) {
	for _, m := range Methods() {
		if got, ok := FindMethod(m.ID); !ok || got.Title != m.Title || m.Title == "" {
			t.Errorf("method %s: found %v %+v", m.ID, ok, got)
		}
	}
	for _, p := range Patterns() {
		if got, ok := FindPattern(p.ID); !ok || got != p {
			t.Errorf("pattern %s: found %v %+v", p.ID, ok, got)
		}
	}
	if _, ok := FindMethod("sendfile"); ok {
		t.Error("found a method that there is not")
	}
	if _, ok := FindPattern("zigzag"); ok {
		t.Error("found a pattern that there is not")
	}
}
