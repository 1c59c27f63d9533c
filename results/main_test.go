package results

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"copylab/internal/testenv"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { testenv.Main(m) }

// golden compares got with the golden file, which -update writes. On a mismatch got is kept beside it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test -update writes it", err)
	}
	if string(want) == string(got) {
		return
	}
	if err := os.WriteFile(path+".got", got, 0o644); err != nil {
		t.Logf("keep what was got: %v", err)
	}
	t.Errorf("%s differs from what was got, see %s.got; if that is right, run go test -update", path, path)
}
