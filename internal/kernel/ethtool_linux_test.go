package kernel

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func newEthtool(t *testing.T) *Ethtool {
	t.Helper()
	e, err := OpenEthtool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// Every machine has a loopback interface, whose driver answers some questions and not others. Packages above test the answers of
// real drivers in namespaces of their own.
func TestEthtoolOfLoopback(t *testing.T) {
	e := newEthtool(t)
	features, err := e.Features("lo")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tx-scatter-gather", "tx-tcp-segmentation", "tx-generic-segmentation", "tx-checksum-ip-generic"} {
		if on, known := features[name]; !on || !known {
			t.Errorf("%s of lo: on is %v, known %v", name, on, known)
		}
	}
	// The first and the last of the blocks were read, and off is off: lo has neither VLANs in hardware nor XDP.
	for _, name := range []string{"tx-vlan-hw-insert", "rx-all"} {
		if on, known := features[name]; on || !known {
			t.Errorf("%s of lo: on is %v, known %v", name, on, known)
		}
	}
	if len(features) < 40 {
		t.Errorf("%d features", len(features))
	}
	for name := range features {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < '!' || r > '~' }) {
			t.Errorf("feature %q", name)
		}
	}
	if speed, err := e.Speed("lo"); err == nil {
		t.Errorf("lo has a speed of %d Mbit/s", speed)
	} else if !errors.Is(err, unix.EOPNOTSUPP) {
		t.Error(err)
	}
	if tx, rx, err := e.Queues("lo"); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("queues of lo: %d, %d, %v", tx, rx, err)
	}
}

func TestEthtoolErrors(t *testing.T) {
	e := newEthtool(t)
	for _, name := range []string{"", "no-such-nic", strings.Repeat("x", 16), strings.Repeat("x", 1000)} {
		_, err1 := e.Driver(name)
		_, err2 := e.Speed(name)
		_, _, err3 := e.Queues(name)
		_, err4 := e.Features(name)
		err5 := e.ChangeFeatures(name, map[string]bool{"tx-scatter-gather": true})
		for i, err := range []error{err1, err2, err3, err4, err5} {
			// x/sys refuses a name that is too long by itself.
			if err == nil || !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.EINVAL) {
				t.Errorf("question %d to %q: %v", i, name, err)
			}
		}
	}
	if err := e.ChangeFeatures("lo", map[string]bool{"tx-teleportation": true}); err == nil || !strings.Contains(err.Error(), "tx-teleportation") {
		t.Errorf("an unknown feature: %v", err)
	}
}
