package host

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestRoomFor(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		name              string
		need, free, total int64
		keep              int64 // of the error; -1: there is room
	}{
		{"large filesystem keeps 1 GiB", 9 * gib, 10 * gib, 1000 * gib, -1},
		{"one byte too many", 9*gib + 1, 10 * gib, 1000 * gib, gib},
		{"small filesystem keeps a tenth", 900, 1000, 1000, -1},
		{"small filesystem, one byte too many", 901, 1000, 1000, 100},
		{"nothing needed, but too little is free already", 0, 99, 1000, 100},
		{"nothing free", 1, 0, 1000, 100},
		{"no overflow: largest need", math.MaxInt64, math.MaxInt64, math.MaxInt64, gib},
		{"no overflow: nothing free of the largest", math.MaxInt64, 0, math.MaxInt64, gib},
		{"empty filesystem", 0, 0, 0, -1},
	} {
		err := roomFor("/d", tt.need, tt.free, tt.total)
		var no *NoRoomError
		switch {
		case tt.keep < 0:
			if err != nil {
				t.Errorf("%s: got %v", tt.name, err)
			}
		case !errors.As(err, &no) || no.Need != tt.need || no.Have != tt.free || no.Keep != tt.keep || no.Dir != "/d":
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
	for _, bad := range [][3]int64{{-1, 1, 1}, {1, -1, 1}, {1, 1, -1}} {
		if err := roomFor("/d", bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("%v: no error", bad)
		}
	}
	err := roomFor("/some/dir", 5*gib, 3*gib, 100*gib)
	for _, part := range []string{"/some/dir", "need 5.0 GiB", "have 3.0 GiB", "1.0 GiB stay free", "remove files"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func TestFreeSpace(t *testing.T) {
	free, total, err := FreeSpace(t.TempDir())
	if err != nil || free < 0 || total < free || total == 0 {
		t.Errorf("got %d of %d, %v", free, total, err)
	}
	if free, total, err := FreeSpace(t.TempDir() + "/none"); err == nil || free != 0 || total != 0 {
		t.Errorf("missing folder: got %d of %d, %v", free, total, err)
	}
	if err := RoomFor(t.TempDir(), math.MaxInt64); err == nil {
		t.Error("there is room for everything")
	}
}

func TestBlocks(t *testing.T) {
	for _, tt := range []struct {
		n, size uint64
		want    int64
	}{{10, 4096, 40960}, {0, 4096, 0}, {5, 0, 0}, {math.MaxUint64, 4096, math.MaxInt64}, {1 << 62, 2, math.MaxInt64}} {
		if got := blocks(tt.n, tt.size); got != tt.want {
			t.Errorf("%d blocks of %d: got %d, want %d", tt.n, tt.size, got, tt.want)
		}
	}
}

func TestHumanBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 30: "1.0 GiB", math.MaxInt64: "8.0 EiB"} {
		if got := HumanBytes(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
