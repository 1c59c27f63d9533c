//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"copylab/results/host"
)

// TestScripts runs the command lines of testdata/script. Besides testscript's own commands there are:
//
//	exits N program args…   runs the program, which must exit with N
//	only name…              the current folder holds these entries and no other
//	memory NAME             makes a folder in memory and puts its path into the variable NAME
//
// and the conditions [root] and [room:N], N GiB being free.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			bin := filepath.Join(env.WorkDir, ".tmp", "bin")
			if err := os.MkdirAll(bin, 0o755); err != nil {
				return err
			}
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Setenv(raceVariable, os.Getenv(raceVariable))
			return os.Symlink(self, filepath.Join(bin, "copylab"))
		},
		Condition: condition,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "only": only, "memory": memory,
		},
	})
}

func condition(name string) (bool, error) {
	if gib, ok := strings.CutPrefix(name, "room:"); ok {
		want, err := strconv.ParseInt(gib, 10, 32)
		if err != nil {
			return false, err
		}
		free, _, err := host.FreeSpace(os.TempDir())
		return free > want<<30, err
	}
	if name == "root" {
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N program args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d\n[stdout]\n%s[stderr]\n%s", code, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

func only(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: only name…")
	}
	entries, err := os.ReadDir(ts.MkAbs("."))
	ts.Check(err)
	var got []string
	for _, e := range entries {
		if e.Name() != ".tmp" { // testscript's own
			got = append(got, e.Name())
		}
	}
	slices.Sort(args)
	if !slices.Equal(got, args) {
		ts.Fatalf("the folder holds %q, want %q", got, args)
	}
}

func memory(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: memory NAME")
	}
	dir, err := os.MkdirTemp("/dev/shm", "copylab-test-")
	ts.Check(err)
	ts.Defer(func() { ts.Check(os.RemoveAll(dir)) })
	ts.Setenv(args[0], dir)
}
