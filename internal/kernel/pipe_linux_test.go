package kernel

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A pipe is as large as it says, never larger than the system's limit asks for, and never smaller than it was made.
func TestPipeIsAsLargeAsItSays(t *testing.T) {
	page := os.Getpagesize()
	limit := filepath.Join(t.TempDir(), "pipe-max-size")
	if err := os.WriteFile(limit, []byte("131072\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, least := range map[int]int{1: 1, 16 * page: 16 * page, 100_000: 100_000, 1 << 30: 131072} {
		p, err := openPipe(want, limit)
		if err != nil {
			t.Fatal(err)
		}
		if p.Bytes < min(least, page) || p.Bytes > max(131072, 16*page) {
			t.Errorf("asked for %d bytes with a limit of 131072, got %d", want, p.Bytes)
		}
		if p.Bytes < least {
			t.Logf("asked for %d bytes, got %d: this user's pipes are too many", want, p.Bytes)
		}
		// As many whole pages fit, and not one more.
		if err := unix.SetNonblock(p.In, true); err != nil {
			t.Error(err)
		}
		room := 0
		for content := make([]byte, page); ; room += page {
			if _, err := unix.Write(p.In, content); err == unix.EAGAIN {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if room != p.Bytes {
			t.Errorf("a pipe of %d bytes took %d", p.Bytes, room)
		}
		for range 2 {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestLargestPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "limit")
	for text, want := range map[string]int{"4096\n": 4096, "many\n": 1 << 20} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := largestPipe(name); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	if got := largestPipe(name + "-not-there"); got != 1<<20 {
		t.Errorf("without the file: %d", got)
	}
}
