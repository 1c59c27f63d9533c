package copypaths

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"copylab/internal/kernel"
)

// TestCatalogue holds on every operating system: each path either works or says why not, and Open says the same.
func TestCatalogue(t *testing.T) {
	seen, last := map[string]bool{}, 0
	for _, p := range Catalogue() {
		key := string(p.Source) + "/" + p.ID
		if p.ID == "" || p.Title == "" || seen[key] || p.Source == "" && p.Connection != NoConnection {
			t.Errorf("path %q (%s): want a source, an ID of its own in that, and a title", key, p.Title)
		}
		seen[key] = true
		for _, source := range []Source{FromFile, FromMemory} {
			if found, ok := Find(source, p.ID); (p.Source == "" || p.Source == source) && (!ok || found.ID != p.ID || found.Title != p.Title) {
				t.Errorf("Find(%s, %q) = %q (%s), %v; want %s", source, p.ID, found.ID, found.Title, ok, p.Title)
			}
		}
		// Sources are not mixed in lists: files first, then memory, and the null path at the end.
		place := slices.Index([]Source{FromFile, FromMemory, ""}, p.Source)
		if place < last {
			t.Errorf("path %s comes too late", key)
		}
		last = place
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
	for id, source := range map[string]Source{"no-such-path": FromFile, "sendfile": FromMemory, "sendmsg": FromFile} {
		if p, ok := Find(source, id); ok {
			t.Errorf("Find(%s, %s) = %q", source, id, p.ID)
		}
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
