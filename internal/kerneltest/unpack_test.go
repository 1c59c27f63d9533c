package kerneltest

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// archive is a tar archive of files whose content is their name.
func archive(t *testing.T, headers ...tar.Header) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		h.Mode = 0o644
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, h.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func unpackHere(t *testing.T, from io.Reader, keep func(string) bool) (dir string, files int, err error) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	files, err = Unpack(from, root, keep)
	return dir, files, err
}

func TestUnpack(t *testing.T) {
	from := archive(t,
		tar.Header{Name: "./boot/", Typeflag: tar.TypeDir},
		tar.Header{Name: "./boot/vmlinuz", Typeflag: tar.TypeReg},
		tar.Header{Name: "link", Linkname: "/etc", Typeflag: tar.TypeSymlink},
		tar.Header{Name: "doc/left out", Typeflag: tar.TypeReg},
		tar.Header{Name: "top", Typeflag: tar.TypeReg},
	)
	from.Write(make([]byte, 1<<20)) // as on a disk, which is larger
	dir, files, err := unpackHere(t, from, func(name string) bool { return !strings.HasPrefix(name, "doc/") })
	if err != nil || files != 2 {
		t.Errorf("%d files, error %v; want 2", files, err)
	}
	for name, want := range map[string]string{"boot/vmlinuz": "./boot/vmlinuz", "top": "top"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, error %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"link", "doc"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v; want that it is not there", name, err)
		}
	}
}

func TestUnpackStaysInside(t *testing.T) {
	for _, name := range []string{"../outside", "a/../../outside", "/outside/../../outside"} {
		dir, files, err := unpackHere(t, archive(t, tar.Header{Name: name, Typeflag: tar.TypeReg}), nil)
		if err == nil && files > 0 {
			t.Errorf("%s was unpacked", name)
		}
		if _, err := os.Lstat(filepath.Join(dir, "..", "outside")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s got outside: %v", name, err)
		}
	}
}

func TestUnpackCutShort(t *testing.T) {
	from := archive(t, tar.Header{Name: "file", Typeflag: tar.TypeReg})
	from.Truncate(514)
	if _, _, err := unpackHere(t, from, nil); err == nil {
		t.Error("half a file was unpacked without an error")
	}
}
