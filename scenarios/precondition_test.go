//go:build unix

package scenarios

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"copylab/diskwrite"
	"copylab/internal/kernel"
	"copylab/results/host"
)

// notedFile is a File that keeps what it is told to do.
type notedFile struct {
	writes []notedWrite
	synced []int // writes before each sync
	fail   error
}

type notedWrite struct {
	offset, bytes int64
	first         [8]byte
}

func (f *notedFile) WriteBlock(block []byte, off int64) error {
	f.writes = append(f.writes, notedWrite{off, int64(len(block)), [8]byte(block)})
	return f.fail
}

func (f *notedFile) Sync(diskwrite.SyncCall) error {
	f.synced = append(f.synced, len(f.writes))
	return nil
}

func (f *notedFile) Durable(bool) (bool, string) { return true, "" }
func (f *notedFile) Syscalls() map[string]int64  { return nil }
func (f *notedFile) Close() error                { return nil }

// Each pass writes every block once, in sequence or at random, with other bytes than the pass before, and is made durable.
func TestPreconditioningPasses(t *testing.T) {
	const area, unit = 1 * mib, 64 * kib
	payload, err := diskwrite.NewPayload(1, 256*kib)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := diskwrite.FreePayload(payload); err != nil {
			t.Error(err)
		}
	}()
	for _, syncEvery := range []int64{0, area / 4} {
		f := &notedFile{}
		w := wearing{file: f, payload: payload, syncEvery: syncEvery, note: func(string) {}}
		sequence := diskwrite.Job{Pattern: diskwrite.Overwrite, BlockBytes: unit, FileBytes: area}
		random := diskwrite.Job{Pattern: diskwrite.Random, Draw: diskwrite.Permutation, BlockBytes: 4 * kib, FileBytes: area, Seed: 7}
		for _, pass := range []diskwrite.Job{sequence, sequence, random} {
			if err := w.pass(t.Context(), pass); err != nil {
				t.Fatal(err)
			}
		}
		if w.written != PreconditionWrites(area) {
			t.Errorf("%d bytes written, want %d", w.written, PreconditionWrites(area))
		}
		at := map[int64][8]byte{}
		for i, write := range f.writes[:2*area/unit] {
			if write.offset != int64(i)*unit%area || write.bytes != unit {
				t.Fatalf("write %d is of %d bytes at %d", i, write.bytes, write.offset)
			}
			if at[write.offset] == write.first {
				t.Errorf("the second pass writes the same bytes at %d", write.offset)
			}
			at[write.offset] = write.first
		}
		met, ordered := map[int64]bool{}, true
		for i, write := range f.writes[2*area/unit:] {
			if met[write.offset] || write.bytes != 4*kib || write.offset%(4*kib) != 0 || write.offset >= area {
				t.Fatalf("random write %d is of %d bytes at %d", i, write.bytes, write.offset)
			}
			met[write.offset] = true
			ordered = ordered && write.offset == int64(i)*4*kib
		}
		if len(met) != area/(4*kib) || ordered {
			t.Errorf("%d random blocks of %d, in order: %v", len(met), area/(4*kib), ordered)
		}
		if n := len(f.synced); n == 0 || f.synced[n-1] != len(f.writes) || syncEvery > 0 && n < 12 || syncEvery == 0 && n != 3 {
			t.Errorf("synced after %v of %d writes", f.synced, len(f.writes))
		}
	}

	failing := errors.New("made up")
	if err := (&wearing{file: &notedFile{fail: failing}, payload: payload}).pass(t.Context(), diskwrite.Job{Pattern: diskwrite.Overwrite, BlockBytes: unit, FileBytes: area}); !errors.Is(err, failing) {
		t.Errorf("a write that fails: %v", err)
	}
}

// By the methods that a folder has, and through the page cache where it has no other.
func TestPreconditioningAFolder(t *testing.T) {
	const area = 2 * mib
	dir := t.TempDir()
	scratch, err := NewScratch(dir, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := scratch.Remove(); err != nil {
			t.Error(err)
		}
		wantEmpty(t, dir)
	})
	var notes []string
	e := &Execution{Dir: dir, Seed: 3, Precondition: area, Note: func(text string) { notes = append(notes, text) }}
	done, err := e.wearIn(t.Context(), scratch, host.Disk{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if done.AreaBytes != area || done.WrittenBytes != 3*area || done.DurationNS <= 0 {
		t.Errorf("got %+v", done)
	}
	if len(notes) == 0 || !strings.Contains(notes[0], "preconditioning: writing 6.0 MiB to "+dir) {
		t.Errorf("the user was told %q", notes)
	}
	text, err := os.ReadFile(scratch.File("precondition"))
	if err != nil {
		t.Fatal(err)
	}
	if len(text) != area {
		t.Errorf("the area has %d bytes, want %d; it must stay for as long as the run", len(text), area)
	}
	for at := 0; at < len(text); at += preconditionRandom {
		if bytes.Equal(text[at:at+64], make([]byte, 64)) {
			t.Fatalf("nothing was written at %d", at)
		}
	}
	if err := os.Remove(scratch.File("precondition")); err != nil {
		t.Fatal(err)
	}

	// Interrupted: no error, nothing to be proud of.
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if done, err := e.wearIn(stopped, scratch, host.Disk{}, nil); done != nil || err != nil {
		t.Errorf("interrupted: %+v, %v", done, err)
	}

	if _, err := e.wearIn(t.Context(), scratch, host.Disk{InMemory: true, Filesystem: "tmpfs"}, nil); !isUsage(err) || !strings.Contains(err.Error(), "does not wear in") {
		t.Errorf("in memory: %v", err)
	}
	var room *host.NoRoomError
	e.Precondition = 1 << 60
	if _, err := e.wearIn(t.Context(), scratch, host.Disk{}, nil); !errors.As(err, &room) {
		t.Errorf("without room: %v", err)
	}
	e.Precondition = 0
	if done, err := e.wearIn(t.Context(), scratch, host.Disk{}, nil); done != nil || err != nil {
		t.Errorf("not asked for: %+v, %v", done, err)
	}
}

func isUsage(err error) bool {
	var wrong *UsageError
	return errors.As(err, &wrong)
}

func TestPreconditionMethod(t *testing.T) {
	direct, _ := diskwrite.FindMethod("direct")
	dir := t.TempDir()
	m, buffered := preconditionMethod(dir)
	if can := direct.Probe(dir).State == kernel.StateAvailable; buffered == can || m.ID != map[bool]string{true: "direct", false: "buffered"}[can] {
		t.Errorf("%s, buffered: %v, where direct can: %v", m.ID, buffered, can)
	}
	if m, buffered := preconditionMethod(filepath.Join(dir, "nowhere")); m.ID != "buffered" || !buffered {
		t.Errorf("where nothing can be tried: %s, %v", m.ID, buffered)
	}
}

func TestParsePrecondition(t *testing.T) {
	for text, want := range map[string]int64{"64MiB": 64 * mib, "3GiB": 3 * gib, "67108865B": 64*mib + 128*kib} {
		if n, err := ParsePrecondition(text); n != want || err != nil {
			t.Errorf("%s: got %d, %v, want %d", text, n, err, want)
		}
	}
	for text, want := range map[string]string{
		"63MiB":   `--precondition: "63MiB" is too small to wear a disk in: write at least 64MiB`,
		"2048GiB": `"2048GiB" is too large: write at most 1024GiB`,
		"much":    `"much" is not a size`,
		"1GB":     "write 1GiB",
		"":        "--precondition: there is no size: write one of at least 64MiB",
		"0":       `"0" is too small to wear a disk in: write at least 64MiB`,
		"-1GiB":   `"-1GiB" is too small to wear a disk in: write at least 64MiB`,
	} {
		if n, err := ParsePrecondition(text); n != 0 || !isUsage(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %d, %v, want %q", text, n, err, want)
		}
	}
}
