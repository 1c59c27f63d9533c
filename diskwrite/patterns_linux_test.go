package diskwrite

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
	"copylab/internal/testenv"
)

// append-fallocated starts from a file that has its blocks and its size, and in which nobody wrote: all of it reads as
// zeros. append starts from nothing, also where there was a file before.
func TestPrepareAllocates(t *testing.T) {
	dir := t.TempDir()
	p, _ := FindPattern(AppendFallocated)
	status := p.Probe(dir)
	testenv.Require(t, testenv.Disk, status.State == kernel.StateAvailable, "fallocate in %s: %s", dir, status.Reason)
	name := filepath.Join(dir, "file")
	const size = 1<<20 + 4096
	if err := os.WriteFile(name, []byte("what was there before"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second time over a file that is full of written blocks
		if err := Prepare(context.Background(), name, AppendFallocated, size, nil); err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if err := unix.Stat(name, &st); err != nil || st.Size != size || st.Blocks*512 < size {
			t.Errorf("%d bytes in %d blocks of 512, %v; want %d bytes, all allocated", st.Size, st.Blocks, err, size)
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range got {
			if b != 0 {
				t.Fatalf("byte %d is %#x, want 0", i, b)
			}
			got[i] = 1
		}
		// SEEK_DATA tells written extents from unwritten ones: of the latter there is no data to find (ENXIO).
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		// Reading made pages of zeros, which count for data until they are dropped.
		if err := dropPages(f); err != nil {
			t.Fatal(err)
		}
		if at, err := unix.Seek(int(f.Fd()), 0, unix.SEEK_DATA); err == nil {
			t.Logf("this filesystem takes allocated blocks for data: at %d", at)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
