package receivers_test

import (
	"errors"
	"testing"

	"copylab/copypaths/receivers"
	"copylab/internal/kernel"
	"copylab/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// TestCatalogue holds on every operating system: each receiver either works or says why not, and Open says the same.
func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range receivers.Catalogue() {
		if r.ID == "" || r.Title == "" || seen[r.ID] {
			t.Errorf("receiver %q (%s): want an ID of its own and a title", r.ID, r.Title)
		}
		seen[r.ID] = true
		if found, ok := receivers.Find(r.ID); !ok || found.ID != r.ID {
			t.Errorf("Find(%q) = %q, %v", r.ID, found.ID, ok)
		}
		status := r.Probe()
		if (status.Reason == "") != (status.State == kernel.StateAvailable) {
			t.Errorf("probe %s: %s with reason %q", r.ID, status.State, status.Reason)
		}
		_, err := r.Open(receivers.End{})
		if err == nil {
			t.Errorf("open %s without a buffer: no error", r.ID)
		}
		var unsupported *receivers.UnsupportedError
		if errors.As(err, &unsupported) && (status.State != kernel.StateUnavailable || status.Reason != unsupported.Why) {
			t.Errorf("open %s: %v, but its probe says %s: %s", r.ID, err, status.State, status.Reason)
		}
	}
	if r, ok := receivers.Find("no-such-receiver"); ok {
		t.Errorf("Find(no-such-receiver) = %q", r.ID)
	}
}
