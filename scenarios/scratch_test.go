//go:build unix

package scenarios

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestScratchComesAndGoes(t *testing.T) {
	dir := t.TempDir()
	s, err := NewScratch(dir, "20300102T030405Z-test")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.File("payload"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	removed, err := RemoveLeftovers(dir)
	if err != nil || len(removed) != 0 {
		t.Errorf("the folder of a living run was taken for a leftover: %v, %v", removed, err)
	}
	if err := s.Remove(); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, dir)
}

// A folder that has another name, or none, is told to have gone. Removing it then is no error.
func TestScratchGone(t *testing.T) {
	dir := t.TempDir()
	s, err := NewScratch(dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Gone(); err != nil {
		t.Errorf("it is there: %v", err)
	}
	away := filepath.Join(dir, "away")
	if err := os.Rename(s.Dir, away); err != nil {
		t.Fatal(err)
	}
	if err := s.Gone(); err == nil || !strings.Contains(err.Error(), "has gone") || !strings.Contains(err.Error(), s.Dir) {
		t.Errorf("renamed: %v", err)
	}
	// Another run's folder of the same name is not ours.
	if err := os.Mkdir(s.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.File(scratchMark), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s.Gone() == nil {
		t.Error("another folder was taken for the run's")
	}
	if err := errors.Join(os.RemoveAll(s.Dir), os.RemoveAll(away)); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(); err != nil {
		t.Errorf("remove what has gone: %v", err)
	}
	wantEmpty(t, dir)
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("left behind: %s", e.Name())
	}
}

// TestHelperScratch is no test: it is the process that TestLeftoversOfKilledRun kills.
func TestHelperScratch(t *testing.T) {
	dir := os.Getenv("COPYLAB_TEST_SCRATCH")
	if dir == "" {
		t.Skip("only as a child of TestLeftoversOfKilledRun")
	}
	s, err := NewScratch(dir, "killed")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.File("payload"), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Kill(); err != nil {
		t.Fatal(err)
	}
	select {}
}

func TestLeftoversOfKilledRun(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestHelperScratch$")
	child.Env = append(os.Environ(), "COPYLAB_TEST_SCRATCH="+dir)
	if out, err := child.CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child was not killed: %v\n%s", err, out)
	}
	// What copylab did not make stays, whatever it is called.
	foreign := filepath.Join(dir, scratchPrefix+"mine")
	if err := os.Mkdir(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, scratchPrefix+"link")); err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(elsewhere, scratchMark)
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	removed, err := RemoveLeftovers(dir)
	if err != nil || len(removed) != 1 || removed[0].Bytes < 4096 {
		t.Fatalf("removed %v, %v; want the one folder with its 4 KiB", removed, err)
	}
	if _, err := os.Stat(removed[0].Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there", removed[0].Dir)
	}
	for _, name := range []string{foreign, precious} {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("removed what is not copylab's: %v", err)
		}
	}
}

func TestFoldersThatCantBeUsed(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		filepath.Join(dir, "missing"): "create it",
		file:                          "it is a file",
	} {
		_, err := NewScratch(name, "x")
		var folder *FolderError
		if !errors.As(err, &folder) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--dir") {
			t.Errorf("NewScratch(%s) = %v; want a FolderError that says %q and names --dir", name, err, want)
		}
	}
}

func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere: the command's tests cover a read-only mount")
	}
	_, err := NewScratch(dir, "x")
	var folder *FolderError
	if !errors.As(err, &folder) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v, want a FolderError", err)
	}
}

// A named pipe as scenario must not make the command wait for a writer.
func TestLoadNamedPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe.yaml")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(name)
	var bad *UsageError
	if !errors.As(err, &bad) || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("got %v, want a UsageError that says what it is", err)
	}
}
