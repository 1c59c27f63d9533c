package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"copylab/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// fixture lays out a tree of /proc, /sys and /etc from a file of testdata, since a real tree holds links and names with
// colons, which not every checkout can. "-- NAME --" begins a file, "-- NAME -> TARGET --" is a symbolic link, and what comes before the
// first of them is for the reader.
func fixture(t testing.TB, name string) FS {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	var path string
	var text strings.Builder
	write := func() {
		if path != "" {
			if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		path = ""
		text.Reset()
	}
	for line := range strings.Lines(string(b)) {
		entry, ok := strings.CutPrefix(line, "-- ")
		if ok {
			entry, ok = strings.CutSuffix(strings.TrimSpace(entry), " --")
		}
		if !ok {
			text.WriteString(line)
			continue
		}
		write()
		entry, target, isLink := strings.Cut(entry, " -> ")
		at := filepath.Join(root, entry)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if !isLink {
			path = at
			continue
		}
		if err := os.Symlink(target, at); err != nil {
			t.Fatal(err)
		}
	}
	write()
	return FS{Proc: filepath.Join(root, "proc"), Sys: filepath.Join(root, "sys"), Root: root}
}
