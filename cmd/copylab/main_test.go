package main

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"copylab/internal/testenv"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestMain makes the tests' own binary the command where it is called by that name, and the worker and the cleaner that the command
// starts. So every test runs the real command, in processes of its own.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "copylab" || slices.Equal(os.Args[1:], []string{"worker"}) || len(os.Args) > 1 && os.Args[1] == "clean" {
		main()
	}
	// Under the race detector every process would sleep for a second before it exits.
	if err := os.Setenv(raceVariable, strings.TrimSpace(os.Getenv(raceVariable)+" atexit_sleep_ms=0")); err != nil {
		panic(err)
	}
	// Commands wait for disks, and some for what never comes: two tests at a time would leave two CPUs idle. -parallel overrides this.
	if err := flag.Set("test.parallel", strconv.Itoa(max(4, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
	testenv.Main(m)
}

// raceVariable holds the options of the race detector.
const raceVariable = "GORACE"

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
