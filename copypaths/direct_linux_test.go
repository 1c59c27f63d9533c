package copypaths

import (
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

func directPaths() []Path {
	var paths []Path
	for _, p := range moving() {
		if p.Direct {
			paths = append(paths, p)
		}
	}
	return paths
}

// resident counts the file's pages in the page cache, after asking the kernel to drop them where drop is set.
func resident(t *testing.T, f *os.File, size int64, drop bool) int64 {
	t.Helper()
	if drop {
		// Only clean pages are dropped. The file was written by another descriptor, which makes no difference.
		if err := unix.Fsync(int(f.Fd())); err != nil {
			t.Fatal(err)
		}
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			t.Fatal(err)
		}
	}
	n, err := kernel.ResidentPages(int(f.Fd()), size)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDirectPathsPassThePageCacheBy: a cold file stays cold, where sendfile brings it in.
func TestDirectPathsPassThePageCacheBy(t *testing.T) {
	const size, chunk = 4<<20 + 333, 64 << 10
	content := payload(size, 27)
	buffered, _ := Find(FromFile, "sendfile")
	for _, p := range append(directPaths(), buffered) {
		t.Run(p.ID, func(t *testing.T) {
			s, to := setUp(t, p, content, chunk, 0)
			if n := resident(t, s.ends.File, size, true); n != 0 {
				_ = unix.Close(to)
				if err := s.close(); err != nil {
					t.Error(err)
				}
				t.Skipf("this filesystem keeps %d pages of a file that is to be dropped", n)
			}
			result := take("checksum", to, math.MaxInt64)
			if err := streamSoon(t, s, 2*size); err != nil {
				t.Error(err)
			}
			n := resident(t, s.ends.File, size, false)
			if p.Direct && n != 0 || !p.Direct && n != (size+4095)/4096 {
				t.Errorf("%d pages are in the page cache afterwards", n)
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got, want := <-result, checksumOf(content, 0, 2*size); got.err != nil || got.sum != want {
				t.Errorf("receiver got %d bytes of checksum %s, error %v; want %s", got.bytes, got.sum, got.err, want)
			}
		})
	}
}

// TestDirectPathsRefuseWhatTheyCannotMove: no byte of it is sent, and nothing else is read instead.
func TestDirectPathsRefuseWhatTheyCannotMove(t *testing.T) {
	const size, chunk = 1<<20 + 5, 64 << 10
	content := payload(size, 28)
	for _, p := range directPaths() {
		t.Run(p.ID, func(t *testing.T) {
			s, to := setUp(t, p, content, chunk, 0)
			result := take("recv", to, math.MaxInt64)
			wantError(t, s.Move(7, 512), []error{unix.EINVAL}, p.Syscalls[0]+" from file", "offset 7 is none")
			if p.ID == "direct-sendfile" {
				wantError(t, s.Move(0, 100), []error{unix.EINVAL}, "sendfile from file", "100 bytes at offset 0 of 1048581 are not")
			} else if err := s.Move(0, 0); err != nil {
				t.Error(err)
			}
			if s.Mover.(Describer).Settings()["direct_offset_alignment_bytes"] == "" {
				t.Error("the alignment is not recorded")
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got := <-result; got.err != nil || got.bytes != 0 {
				t.Errorf("receiver got %d bytes, error %v; want none", got.bytes, got.err)
			}
		})
		t.Run(p.ID+"/odd chunk", func(t *testing.T) {
			available(t, p)
			file, err := writePayload(t.TempDir(), content)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if _, err := p.Open(Ends{File: file, FileSize: size, Chunk: 1000, Buffer: make([]byte, 1000)}); err == nil || !strings.Contains(err.Error(), "chunk of 1000 bytes: direct I/O on this file wants a multiple of") {
				t.Errorf("open with a chunk of 1000 bytes: %v", err)
			}
		})
		t.Run(p.ID+"/cut at an odd size", func(t *testing.T) {
			s, to := setUp(t, p, content, chunk, 0)
			if err := os.Truncate(s.ends.File.Name(), 100_001); err != nil {
				t.Fatal(err)
			}
			result := take("recv", to, math.MaxInt64)
			wantError(t, streamSoon(t, s, size), []error{io.ErrUnexpectedEOF}, p.Syscalls[0]+" from file", "the file ends at offset 100001")
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got := <-result; got.err != nil || got.bytes > 100_001 {
				t.Errorf("receiver got %d bytes, error %v; the file had 100001", got.bytes, got.err)
			}
		})
	}
}

// TestDirectPathsSayWhereTheyDoNotWork: a filesystem in memory has no disk to read from.
func TestDirectPathsSayWhereTheyDoNotWork(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "copylab-test-*")
	if err != nil {
		t.Skip("needs a folder on tmpfs: ", err)
	}
	defer os.RemoveAll(dir)
	file, err := writePayload(dir, payload(8192, 29))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range directPaths() {
		if s := p.ProbeIn(dir); s.State != kernel.StateUnavailable || !strings.Contains(s.Reason, "direct") {
			t.Errorf("%s in %s is %s: %s", p.ID, dir, s.State, s.Reason)
		}
		if s := p.ProbeIn(dir + "/no-such-folder"); s.State != kernel.StateUnknown {
			t.Errorf("%s in a folder that is not there is %s: %s", p.ID, s.State, s.Reason)
		}
		if _, err := p.Open(Ends{File: file, FileSize: 8192, Chunk: 4096, Buffer: make([]byte, 4096)}); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "direct") {
			t.Errorf("open %s in %s: %v", p.ID, dir, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the probes left %v in the folder, error %v", entries, err)
	}
}
