package scenarios

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"copylab/internal/testenv"
	"copylab/scenarios/worker"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestMain makes the test binary a worker where it is told so, as copylab's own binary is.
func TestMain(m *testing.M) {
	if slices.Equal(os.Args[1:], []string{"worker"}) {
		os.Exit(worker.Main(os.Stdin, os.Stdout))
	}
	testenv.Main(m)
}

// golden compares text with a file of testdata, which -update writes.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	if err := os.WriteFile(file+".got", []byte(got), 0o644); err != nil {
		t.Logf("write what was got: %v", err)
	}
	t.Errorf("%s differs from what was got, which is in %s.got (or run with -update):\n%s", file, file, got)
}
