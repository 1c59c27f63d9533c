package diskwrite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"copylab/internal/kernel"
	"copylab/internal/testenv"
)

const (
	testBlock  = 4096
	testBlocks = 257 // odd, so that permutations walk their cycles
)

// payload makes one of so many test blocks and frees it at the end.
func payload(t testing.TB, seed uint64, blocks int) []byte {
	t.Helper()
	p, err := NewPayload(seed, blocks*testBlock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := FreePayload(p); err != nil {
			t.Error(err)
		}
	})
	return p
}

// require skips where the method does not work in dir.
func require(t testing.TB, m Method, dir string) {
	t.Helper()
	need := testenv.Disk
	switch {
	case m.Queued:
		need = testenv.Uring
	case m.Direct:
		need = testenv.Direct
	}
	status := m.Probe(dir)
	if m.ID == "dontcache" && status.State == kernel.StateUnavailable {
		t.Skip(status.Reason) // a matter of the kernel's age and the filesystem, of which no machine promises any
	}
	testenv.Require(t, need, status.State == kernel.StateAvailable, "%s in %s: %s", m.ID, dir, status.Reason)
}

func open(t testing.TB, m Method, name string) File {
	t.Helper()
	f, err := m.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func method(t testing.TB, id string) Method {
	t.Helper()
	m, ok := FindMethod(id)
	if !ok {
		t.Fatalf("there is no method %s", id)
	}
	return m
}

// realMethods are those that write.
func realMethods() []Method {
	var methods []Method
	for _, m := range Methods() {
		if m.ID != "null" {
			methods = append(methods, m)
		}
	}
	return methods
}

func testJob(p Pattern, draw Draw, payload []byte) Job {
	j := Job{Pattern: p.ID, Draw: draw, Policy: Policy{ID: SyncNone}, BlockBytes: testBlock, FileBytes: testBlocks * testBlock,
		Operations: testBlocks, Seed: 42, Payload: payload}
	if !p.Grows {
		j.Operations = testBlocks * 2 / 3 // some blocks stay untouched
	}
	switch p.ID {
	case RandomAppendMix:
		j.RandomShare = 0.3
	case Strided:
		j.StrideBlocks = 7
	case Zipf:
		j.Theta = 0.9
	case ManyLogs:
		j.Files = 1
	}
	return j
}

// Every method, pattern and draw: the bytes arrive where they should, the others stay, and the calls are counted.
func TestRoundTrip(t *testing.T) {
	for _, m := range realMethods() {
		for _, p := range Patterns() {
			draws := []Draw{""}
			if p.ID == Random {
				draws = []Draw{Permutation, Uniform}
			}
			for _, draw := range draws {
				if m.Fits(Job{Pattern: p.ID}).State != kernel.StateAvailable {
					continue
				}
				t.Run(m.ID+"/"+string(p.ID)+string(draw), func(t *testing.T) {
					dir := t.TempDir()
					if m.ID != "buffered" {
						require(t, m, dir)
					}
					roundTrip(t, m, p, draw, filepath.Join(dir, "file"))
				})
			}
		}
	}
}

func roundTrip(t *testing.T, m Method, p Pattern, draw Draw, name string) {
	ctx := context.Background()
	j := testJob(p, draw, payload(t, 1, 7))
	if p.ID == Random {
		j.Policy, j.SyncCall = Policy{ID: SyncEvery, Every: 50}, Fsync
		if m.Fits(j).State != kernel.StateAvailable {
			j.SyncCall = Fdatasync
		}
	}
	if err := Prepare(ctx, name, p.ID, j.FileBytes, j.Payload); err != nil {
		t.Fatal(err)
	}
	f := open(t, m, name)
	r, err := Run(f, j, histogram(), histogram())
	if err != nil {
		t.Fatal(err)
	}
	durable, why := f.Durable(r.Syncs > 0)
	if r.Operations != j.Operations || r.Durable != durable || r.NotDurable != why || (why == "") != durable {
		t.Errorf("got %+v, file says durable %v %q", r, durable, why)
	}
	if r.Syncs == 0 && durable != m.Durable && !strings.Contains(why, "keeps files in memory") {
		t.Errorf("durable without a sync: %v, and the catalogue says %v", durable, m.Durable)
	}
	total, want := int64(0), r.Operations+r.Syncs
	for _, n := range f.Syscalls() {
		total += n
	}
	if m.ID == "mmap" {
		want = r.Syncs // stores are no system calls
	}
	// A call that waits for a completion returns early where a signal of the runtime comes, and is made again.
	again := total > want && m.Queued && total <= want+want/10+2
	if total != want && !again {
		t.Errorf("calls %v, want one for each of %d writes and %d syncs", f.Syscalls(), r.Operations, r.Syncs)
	}
	sum, err := VerifyBack(ctx, name, j)
	if err != nil || len(sum) != 16 {
		t.Fatalf("verify: %q, %v", sum, err)
	}
	// Files of more blocks than fit one window are verified in several.
	for _, window := range []int64{1, 50, testBlocks} {
		if again, err := verifyBack(ctx, name, j, window); err != nil || again != sum {
			t.Errorf("verify by %d blocks: %q, %v; want %q", window, again, err, sum)
		}
	}
	size := j.sizeAfter(0)
	for _, off := range []int64{0, testBlock*100 + 17, size - 1} {
		flip(t, name, off)
		if got, err := VerifyBack(ctx, name, j); err == nil || got != "" || !strings.Contains(err.Error(), "offset "+itoa(off)+" ") {
			t.Errorf("byte %d flipped: got %q, %v", off, got, err)
		}
		flip(t, name, off)
	}
	// One write that did not happen.
	missing := j
	missing.Operations--
	if _, err := VerifyBack(ctx, name, missing); err == nil {
		t.Error("a write too many was not noticed")
	}
	other := j
	other.Payload = payload(t, 2, 7)
	if _, err := VerifyBack(ctx, name, other); err == nil {
		t.Error("another payload was not noticed")
	}
	if p.ID == Random || p.ID == RandomAppendMix || p.ID == Zipf {
		other = j
		other.Seed++
		if _, err := VerifyBack(ctx, name, other); err == nil {
			t.Error("other offsets were not noticed")
		}
	}
	if err := os.Truncate(name, size-1); err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyBack(ctx, name, j); err == nil || !strings.Contains(err.Error(), "bytes instead of") {
		t.Errorf("a shorter file: got %v", err)
	}
}

func itoa(n int64) string { return Policy{ID: SyncEvery, Every: n}.String()[len("every="):] }

// flip turns one bit of the file over.
func flip(t *testing.T, name string, off int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, off); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b, off); err != nil {
		t.Fatal(err)
	}
}

// Where no write happened at all, VerifyBack must not be content with what Prepare left, though both come of one payload.
func TestVerifyBackSeesThatNothingWasWritten(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	for _, p := range Patterns() {
		draw := Draw("")
		if p.ID == Random {
			draw = Permutation
		}
		j := testJob(p, draw, payload(t, 1, 1))
		if err := Prepare(context.Background(), name, p.ID, j.FileBytes, j.Payload); err != nil {
			t.Fatal(err)
		}
		if sum, err := VerifyBack(context.Background(), name, j); err == nil {
			t.Errorf("%s: got %s, want an error", p.ID, sum)
		}
	}
}

func TestPrepareMakesAnOldFileNew(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	ctx := context.Background()
	data := payload(t, 3, 3)
	for _, old := range []int{0, 100, 5 << 20} {
		if err := os.WriteFile(name, make([]byte, old), 0o600); err != nil {
			t.Fatal(err)
		}
		const size = 2<<20 + 4096
		if err := Prepare(ctx, name, Random, size, data); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil || len(got) != size {
			t.Fatalf("got %d bytes, %v; want %d", len(got), err, size)
		}
		for i, b := range got {
			if b != ^data[i%len(data)] {
				t.Fatalf("byte %d is %#x, want the payload's %#x with every bit flipped", i, b, data[i%len(data)])
			}
		}
		if err := Prepare(ctx, name, Append, size, data); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(name); err != nil || info.Size() != 0 {
			t.Errorf("for append: %v, %v; want an empty file", info, err)
		}
	}
}

func TestPrepareStopsAndRemovesWhatItMade(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	data := payload(t, 3, 3)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Prepare(ctx, name, Overwrite, 1<<20, data); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Prepare(ctx, name, Overwrite, 1<<20, data); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if _, err := os.Stat(name); err != nil {
		t.Errorf("a file that was there before is gone: %v", err)
	}
	j := testJob(Patterns()[1], "", data)
	if err := os.Truncate(name, j.FileBytes); err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyBack(ctx, name, j); !errors.Is(err, context.Canceled) {
		t.Errorf("verify: got %v, want that it was cancelled", err)
	}
}

func TestPrepareRefusesWhatIsNotItsOwn(t *testing.T) {
	dir := t.TempDir()
	victim, link := filepath.Join(dir, "victim"), filepath.Join(dir, "link")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, link); err != nil {
		t.Skip(err)
	}
	data := payload(t, 3, 3)
	for _, name := range []string{link, dir} {
		if err := Prepare(context.Background(), name, Append, 0, data); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for name, tt := range map[string]struct {
		pattern PatternID
		size    int64
		data    []byte
	}{
		"there is no pattern":   {"zigzag", 1, data},
		"can't be written over": {Overwrite, 0, data},
		"the payload is empty":  {Random, 4096, nil},
	} {
		if err := Prepare(context.Background(), filepath.Join(dir, "new"), tt.pattern, tt.size, tt.data); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: got %v", tt, err)
		}
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != "precious" {
		t.Errorf("the victim holds %q, %v", b, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v, %v; want two entries", entries, err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	for _, m := range realMethods() {
		for _, name := range []string{filepath.Join(dir, "missing"), dir} {
			if f, err := m.Open(name); err == nil {
				t.Errorf("%s opened %s", m.ID, name)
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			} else if !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %q does not name %s", m.ID, err, name)
			}
		}
	}
}

func TestProbeLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	for _, m := range Methods() {
		if status := m.Probe(dir); (status.State == kernel.StateAvailable) != (status.Reason == "") {
			t.Errorf("%s: %+v", m.ID, status)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Fatalf("%s left %v, %v", m.ID, entries, err)
		}
		for _, bad := range []string{filepath.Join(dir, "missing"), os.Args[0]} {
			if status := m.Probe(bad); m.ID != "null" && (status.State != kernel.StateUnavailable || status.Reason == "") {
				t.Errorf("%s in %s: %+v", m.ID, bad, status)
			}
		}
	}
}

func TestPayload(t *testing.T) {
	a, b, c := payload(t, 1, 2), payload(t, 1, 2), payload(t, 2, 2)
	if string(a) != string(b) || string(a) == string(c) {
		t.Error("the seed does not decide the payload")
	}
	var count [256]int
	for _, x := range a {
		count[x]++
	}
	for x, n := range count {
		// 32 expected, standard deviation 5.6.
		if n < 5 || n > 70 {
			t.Errorf("byte %#x comes %d times in %d", x, n, len(a))
		}
	}
	if _, err := NewPayload(1, 0); err == nil {
		t.Error("made a payload of no bytes")
	}
}

// A run allocates nothing, with and without system calls.
func TestRunAllocatesNothing(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	op, sync := histogram(), histogram()
	j := testJob(Patterns()[2], Permutation, payload(t, 1, 7))
	j.FileBytes, j.Operations = 16*testBlock, 40 // two and a half passes
	if err := Prepare(context.Background(), name, Random, j.FileBytes, j.Payload); err != nil {
		t.Fatal(err)
	}
	for _, m := range []Method{method(t, "buffered"), method(t, "null")} {
		for _, draw := range []Draw{Permutation, Uniform} {
			for _, policy := range []Policy{{ID: SyncNone}, {ID: SyncEvery, Every: 20}} {
				j.Draw, j.Policy, j.SyncCall = draw, policy, Fsync
				f := open(t, m, name)
				if n := testing.AllocsPerRun(5, func() {
					if _, err := Run(f, j, op, sync); err != nil {
						t.Fatal(err)
					}
				}); n != 0 {
					t.Errorf("%s, %s, %s: %v allocations", m.ID, draw, policy, n)
				}
			}
		}
	}
}
