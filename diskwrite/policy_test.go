package diskwrite

import (
	"encoding/json"
	"strings"
	"testing"

	"copylab/internal/kernel"
)

func TestParsePolicy(t *testing.T) {
	for text, want := range map[string]Policy{
		"none":                      {ID: SyncNone},
		"end":                       {ID: SyncEnd},
		"every=1":                   {ID: SyncEvery, Every: 1},
		"every=32":                  {ID: SyncEvery, Every: 32},
		"every=9223372036854775807": {ID: SyncEvery, Every: 1<<63 - 1},
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
		"always":                    "want none, end or every=N",
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

func TestPoliciesListsWhatParses(t *testing.T) {
	for _, p := range Policies() {
		if _, err := ParsePolicy(strings.Replace(string(p.ID), "N", "7", 1)); err != nil || p.Title == "" {
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
	if got := SyncCall("sync").Status(); got.State != kernel.StateUnavailable || !strings.Contains(got.Reason, "choose fdatasync or fsync") {
		t.Errorf("sync: %+v", got)
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
	if _, ok := FindMethod("mmap"); ok {
		t.Error("found a method that there is not")
	}
	if _, ok := FindPattern("zigzag"); ok {
		t.Error("found a pattern that there is not")
	}
}
