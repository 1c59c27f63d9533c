package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"copylab/internal/testenv"
	"copylab/results/measured"
)

// testFile makes a file of size bytes that are not zeroes, still dirty.
func testFile(t *testing.T, dir string, size int) *os.File {
	t.Helper()
	text := make([]byte, size)
	for i := range text {
		text[i] = byte(i*7 + i>>9)
	}
	name := filepath.Join(dir, "file")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
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

// both returns what each of the two sources says. cachestat may be missing on an old kernel.
func both(t *testing.T, f *os.File) map[string]Residency {
	t.Helper()
	all := map[string]Residency{}
	for _, s := range cacheSources() {
		r := resident(f, []cacheSource{s})
		if _, ok := r.Resident.Get(); !ok {
			if s.name == "cachestat" && strings.Contains(r.Resident.Why(), "not implemented") {
				continue
			}
			t.Fatalf("%s: %v", s.name, r.Resident)
		}
		if r.Source != s.name {
			t.Errorf("%s calls itself %q", s.name, r.Source)
		}
		all[s.name] = r
	}
	return all
}

// requireDrop returns a temporary folder whose files can be made cold. On ext4 and xfs they can: there it is a failure if not.
func requireDrop(t *testing.T) string {
	t.Helper()
	dir, d := requireDisk(t)
	ok, why := CanDrop(dir)
	if !ok && (d.Filesystem == "ext4" || d.Filesystem == "xfs") {
		t.Fatalf("%s: %s", d.Filesystem, why)
	}
	testenv.Require(t, testenv.Disk, ok, "%s", why)
	return dir
}

func share(t *testing.T, r Residency) float64 {
	t.Helper()
	s, ok := r.Share().Get()
	if !ok {
		t.Fatalf("%s: %v", r.Source, r.Share())
	}
	return s
}

// A file is cold after Drop and warm after Warm, and both sources say so.
func TestWarmAndDrop(t *testing.T) {
	dir := requireDrop(t)
	const size = 8<<20 + 777
	f := testFile(t, dir, size)
	pages := int64(size)/int64(os.Getpagesize()) + 1
	for range 2 {
		if err := Drop(context.Background(), f); err != nil {
			t.Fatal(err)
		}
		for name, r := range both(t, f) {
			want(t, name+" pages", r.Pages, pages)
			if got := share(t, r); got > ColdShare {
				t.Errorf("%s: %v of the file resident after Drop", name, got)
			}
		}
		if err := Warm(context.Background(), f); err != nil {
			t.Fatal(err)
		}
		for name, r := range both(t, f) {
			want(t, name+" resident", r.Resident, pages)
			if got := share(t, r); got < WarmShare {
				t.Errorf("%s: %v of the file resident after Warm", name, got)
			}
		}
	}
}

// Half of a file read makes about half of it resident, and the sources agree page by page.
func TestSourcesAgreeOnHalf(t *testing.T) {
	dir := requireDrop(t)
	const size = 4 << 20
	f := testFile(t, dir, size)
	if err := Drop(context.Background(), f); err != nil {
		t.Fatal(err)
	}
	if err := control(f, func(fd int) error { return unix.Fadvise(fd, 0, 0, unix.FADV_RANDOM) }); err != nil { // no read-ahead
		t.Fatal(err)
	}
	page := int64(os.Getpagesize())
	buf := make([]byte, page)
	for off := int64(0); off < size; off += 2 * page {
		if _, err := f.ReadAt(buf, off); err != nil {
			t.Fatal(err)
		}
	}
	all := both(t, f)
	for name, r := range all {
		if got := share(t, r); got < 0.5 || got > 0.75 {
			t.Errorf("%s: %v of the file resident", name, got)
		}
	}
	if c, ok := all["cachestat"]; ok && c.Resident != all["mincore"].Resident {
		t.Errorf("cachestat counts %v pages, mincore %v", c.Resident, all["mincore"].Resident)
	}
}

// Pages that were written are dirty or on their way, and no more after fdatasync.
func TestDirtyPages(t *testing.T) {
	dir, _ := requireDisk(t)
	const size = 1 << 20
	f := testFile(t, dir, size)
	r := Resident(f)
	testenv.Require(t, testenv.Disk, r.Source == "cachestat", "only %s", r.Source)
	pages, _ := r.Pages.Get()
	dirty, ok1 := r.Dirty.Get()
	writeback, ok2 := r.Writeback.Get()
	if !ok1 || !ok2 || dirty+writeback != pages {
		t.Errorf("after a write: %v dirty and %v under writeback of %d", r.Dirty, r.Writeback, pages)
	}
	if err := control(f, unix.Fdatasync); err != nil {
		t.Fatal(err)
	}
	r = Resident(f)
	want(t, "dirty after fdatasync", r.Dirty, 0)
	want(t, "writeback after fdatasync", r.Writeback, 0)
	want(t, "resident after fdatasync", r.Resident, pages)
}

// Dirty pages can't be forgotten: they are on the disk before the kernel is asked to.
func TestForgetWritesFirst(t *testing.T) {
	dir, _ := requireDisk(t)
	f := testFile(t, dir, 4<<20)
	if err := forget(f); err != nil {
		t.Fatal(err)
	}
	r := Resident(f)
	testenv.Require(t, testenv.Disk, r.Source == "cachestat", "only %s", r.Source)
	want(t, "dirty", r.Dirty, 0)
	want(t, "writeback", r.Writeback, 0)
}

func TestMincoreDoesNotKnowDirtyPages(t *testing.T) {
	f := testFile(t, t.TempDir(), 10)
	r := both(t, f)["mincore"]
	want(t, "pages", r.Pages, 1)
	want(t, "resident", r.Resident, 1)
	wantWhy(t, "dirty", r.Dirty, "mincore(2) does not tell")
	wantWhy(t, "writeback", r.Writeback, "mincore(2) does not tell")
}

func TestResidentOfEmptyFile(t *testing.T) {
	f := testFile(t, t.TempDir(), 0)
	for name, r := range both(t, f) {
		want(t, name+" pages", r.Pages, 0)
		want(t, name+" resident", r.Resident, 0)
		if _, ok := r.Share().Get(); ok {
			t.Errorf("%s: an empty file has the share %v", name, r.Share())
		}
	}
}

// To who neither owns nor may write a file, mincore says that all of it is resident. That must not be believed.
func TestResidentOfForeignFile(t *testing.T) {
	name := "/etc/passwd"
	var f *os.File
	var err error
	if os.Geteuid() == 0 {
		name = filepath.Join(t.TempDir(), "foreign")
		if err := os.WriteFile(name, make([]byte, 4096), 0o444); err != nil {
			t.Fatal(err)
		}
		if f, err = os.Open(name); err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if err := control(f, func(fd int) error { return unix.Fstat(fd, &st) }); err != nil || st.Uid != 0 {
			t.Fatalf("the file belongs to %d, %v", st.Uid, err)
		}
		// Root may ask, whoever owns the file.
		if err := control(f, func(fd int) error { return unix.Fchown(fd, 65534, -1) }); err != nil {
			t.Fatal(err)
		}
		if err := control(f, mayAskMincore); err != nil {
			t.Errorf("root may not ask: %v", err)
		}
	} else {
		if f, err = os.Open(name); err != nil {
			t.Skip(err)
		}
		r := resident(f, []cacheSource{{"mincore", askMincore}})
		wantWhy(t, "resident", r.Resident, "neither owns nor may write")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// A source that fails is passed over, and the answer names the one that gave it; if all fail the reasons are told.
func TestResidentFallsBack(t *testing.T) {
	f := testFile(t, t.TempDir(), 10)
	refuse := cacheSource{"cachestat", func(*os.File, int64) (Residency, error) { return Residency{}, unix.ENOSYS }}
	give := cacheSource{"mincore", func(*os.File, int64) (Residency, error) { return Residency{Resident: measured.Known[int64](1)}, nil }}
	if r := resident(f, []cacheSource{refuse, give}); r.Source != "mincore" {
		t.Errorf("got %+v", r)
	}
	r := resident(f, []cacheSource{refuse, refuse})
	if r.Source != "none" {
		t.Errorf("got %+v", r)
	}
	wantWhy(t, "all fail", r.Resident, "cachestat: function not implemented")
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	wantWhy(t, "a folder", Resident(dir).Pages, "not a regular file")
	if err := dir.Close(); err != nil {
		t.Error(err)
	}
	wantWhy(t, "a closed file", Resident(dir).Pages, "closed")
}

func TestDropOnTmpfs(t *testing.T) {
	var st unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &st); err != nil || st.Type != unix.TMPFS_MAGIC {
		t.Skipf("/dev/shm is no tmpfs here: %v", err)
	}
	if ok, why := CanDrop("/dev/shm"); ok || !strings.Contains(why, "pages stay") {
		t.Errorf("got %v, %q", ok, why)
	}
	if ok, why := CanDrop(filepath.Join(t.TempDir(), "none")); ok || why == "" {
		t.Errorf("missing folder: got %v, %q", ok, why)
	}
}

// A mapping that locks the file keeps it in memory: Drop says so instead of calling it cold.
func TestDropOfMappedFile(t *testing.T) {
	dir := requireDrop(t)
	const size = 1 << 20
	f := testFile(t, dir, size)
	var mapping []byte
	err := control(f, func(fd int) (err error) {
		mapping, err = unix.Mmap(fd, 0, size, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = Drop(context.Background(), f)
	if err == nil || !strings.Contains(err.Error(), "pages stay") {
		t.Errorf("got %v", err)
	}
	if err := unix.Munmap(mapping); err != nil {
		t.Fatal(err)
	}
	if err := Drop(context.Background(), f); err != nil {
		t.Errorf("after it is unmapped: %v", err)
	}
}

func TestWarmAndDropEnd(t *testing.T) {
	f := testFile(t, t.TempDir(), 10)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Warm(ctx, f); !errors.Is(err, context.Canceled) {
		t.Errorf("Warm: %v", err)
	}
	if err := Drop(ctx, f); !errors.Is(err, context.Canceled) {
		t.Errorf("Drop: %v", err)
	}
}
