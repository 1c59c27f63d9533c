package copypaths

import (
	"errors"
	"syscall"
	"testing"

	"copylab/internal/kernel"
)

// TestCatalogue holds on every operating system: each path either works or says why not, and Open says the same.
func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range Catalogue() {
		if p.ID == "" || p.Title == "" || seen[p.ID] {
			t.Errorf("path %q (%s): want an ID of its own and a title", p.ID, p.Title)
		}
		seen[p.ID] = true
		if found, ok := Find(p.ID); !ok || found.ID != p.ID {
			t.Errorf("Find(%q) = %q, %v", p.ID, found.ID, ok)
		}
		status := p.Probe()
		if (status.Reason == "") != (status.State == kernel.StateAvailable) {
			t.Errorf("probe %s: %s with reason %q", p.ID, status.State, status.Reason)
		}
		_, err := p.Open(Ends{})
		var unsupported *UnsupportedError
		if errors.As(err, &unsupported) && (status.State != kernel.StateUnavailable || status.Reason != unsupported.Why) {
			t.Errorf("open %s: %v, but its probe says %s: %s", p.ID, err, status.State, status.Reason)
		}
	}
	if p, ok := Find("no-such-path"); ok {
		t.Errorf("Find(no-such-path) = %q", p.ID)
	}
}

// TestProbeTellsRefusalsFromFailures: only what will not change is called unavailable.
func TestProbeTellsRefusalsFromFailures(t *testing.T) {
	for _, c := range []struct {
		open func(Ends) (Mover, error)
		want kernel.State
	}{
		{func(Ends) (Mover, error) { return nil, sendFailed("sendfile", syscall.ENOSYS, 0, 1) }, kernel.StateUnavailable},
		{func(Ends) (Mover, error) { return nil, sendFailed("sendfile", syscall.EPERM, 0, 1) }, kernel.StateUnavailable},
		{func(Ends) (Mover, error) { return nil, sendFailed("sendfile", errors.New("odd"), 0, 1) }, kernel.StateUnknown},
		{func(Ends) (Mover, error) { return nil, &UnsupportedError{Why: "none"} }, kernel.StateUnavailable},
		{func(Ends) (Mover, error) { return failingMover{syscall.ENOSYS}, nil }, kernel.StateUnavailable},
		{func(Ends) (Mover, error) { return failingMover{errors.New("odd")}, nil }, kernel.StateUnknown},
		// One that says that it moved the bytes, and did not.
		{func(Ends) (Mover, error) { return nullMover{}, nil }, kernel.StateUnknown},
	} {
		if got := tryGoConn(c.open); got.State != c.want || got.Reason == "" {
			t.Errorf("probe is %s: %q, want %s and a reason", got.State, got.Reason, c.want)
		}
	}
}

type failingMover struct{ err error }

func (m failingMover) Move(int64, int) error      { return m.err }
func (m failingMover) Syscalls() map[string]int64 { return nil }
func (m failingMover) Close() error               { return nil }
