package kernel

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Nobody is sent to a sysctl for counters that the machine does not have.
func TestWhyNoHardware(t *testing.T) {
	for source, want := range map[string]string{"cpu": "perf_event_paranoid=1", "armv8_pmuv3_0": "perf_event_paranoid=1", "software": "has no such counter"} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, source), 0o755); err != nil {
			t.Fatal(err)
		}
		if got := explainHardware(unix.EACCES, dir).Error(); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
		if got := explainHardware(unix.ENOENT, dir).Error(); !strings.Contains(got, "has no such counter") {
			t.Errorf("%s: %q", source, got)
		}
	}
}

// TestHardware counts instructions where the machine has counters. Where it has none, the reason must say so.
func TestHardware(t *testing.T) {
	h, err := OpenHardware(Instructions)
	if err != nil {
		if !strings.Contains(err.Error(), "perf_event_open") {
			t.Fatalf("error %v does not name the system call", err)
		}
		t.Skip(err)
	}
	defer func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := h.Start(); err != nil {
		t.Fatal(err)
	}
	// On a thread that is started after the counter, which has to inherit it.
	done := make(chan int)
	go func() {
		runtime.LockOSThread()
		sum := 0
		for i := range 10_000_000 {
			sum += i
		}
		done <- sum
	}()
	<-done
	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
	n, err := h.Count()
	if err != nil {
		t.Skip(err)
	}
	if n < 10_000_000 {
		t.Errorf("%d instructions for 10,000,000 additions", n)
	}
}
