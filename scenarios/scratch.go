package scenarios

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Scratch is the folder that holds a run's test files: a hidden folder of its own in the folder that the user gave. As
// long as its run lives, the run holds a lock in it; a folder whose lock is free was left behind by a killed run.
type Scratch struct {
	Dir  string
	lock *os.File
}

const (
	scratchPrefix = ".copylab-"
	scratchMark   = "copylab-scratch.json" // no folder without it is ever touched
)

// scratchOwner is what the mark says, for people who wonder what the folder is.
type scratchOwner struct {
	Tool    string    `json:"tool"`
	Run     string    `json:"run"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Note    string    `json:"note"`
}

// FolderError says that test files can't be put into the folder that the user gave.
type FolderError struct {
	Dir string
	Err error
}

func (e *FolderError) Error() string {
	return fmt.Sprintf("use folder %s for test files: %v", e.Dir, e.Err)
}

func (e *FolderError) Unwrap() error { return e.Err }

// CheckFolder tells whether test files can be put into dir at all. It writes nothing.
func CheckFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case dir == "":
		return &FolderError{"\"\"", errors.New("the name is empty: name a folder with --dir")}
	case errors.Is(err, fs.ErrNotExist):
		return &FolderError{dir, fmt.Errorf("%w: create it, or name another with --dir", err)}
	case err != nil:
		return &FolderError{dir, fmt.Errorf("%w: name another with --dir", err)}
	case !info.IsDir():
		return &FolderError{dir, errors.New("it is a file: name a folder with --dir")}
	}
	return nil
}

// NewScratch makes the scratch folder of a run in dir.
func NewScratch(dir, run string) (*Scratch, error) {
	if err := CheckFolder(dir); err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp(dir, scratchPrefix)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, &FolderError{dir, fmt.Errorf("%w: name a folder that you may write to with --dir", err)}
	case errors.Is(err, syscall.EROFS):
		return nil, &FolderError{dir, fmt.Errorf("%w: name a folder on a writable filesystem with --dir", err)}
	case err != nil:
		return nil, &FolderError{dir, err}
	}
	s := &Scratch{Dir: path}
	if s.lock, err = createLocked(filepath.Join(path, scratchMark)); err != nil {
		return nil, errors.Join(&FolderError{dir, err}, os.RemoveAll(path))
	}
	mark, err := json.MarshalIndent(scratchOwner{
		Tool: "copylab", Run: run, PID: os.Getpid(), Started: time.Now().UTC(),
		Note: "Test files of a running copylab. If no copylab runs, `copylab clean` removes this folder.",
	}, "", "  ")
	if err == nil {
		_, err = s.lock.Write(append(mark, '\n'))
	}
	if err != nil {
		return nil, errors.Join(&FolderError{dir, err}, s.Remove())
	}
	return s, nil
}

// File is the path of a test file in the folder.
func (s *Scratch) File(name string) string { return filepath.Join(s.Dir, name) }

// Remove removes the folder and gives up the lock.
func (s *Scratch) Remove() error {
	// The mark goes last: should this be cut off, what is left can still be told to be ours.
	err := removeExceptMark(s.Dir)
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return errors.Join(err, os.RemoveAll(s.Dir))
}

func removeExceptMark(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove test files: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if e.Name() != scratchMark {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// Leftover is a scratch folder whose run is dead.
type Leftover struct {
	Dir   string
	Bytes int64
}

// RemoveLeftovers removes the scratch folders in dir that killed runs left behind, and tells which. Folders of runs that
// still live, and folders that copylab did not make, are not touched.
func RemoveLeftovers(dir string) ([]Leftover, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for leftovers: %w", err)
	}
	var removed []Leftover
	var errs []error
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), scratchPrefix) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		lock, err := lockExisting(filepath.Join(path, scratchMark))
		if errors.Is(err, errLocked) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue // alive, not ours, or another user's
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("look at leftover %s: %w", path, err))
			continue
		}
		size := sizeOf(path)
		if err := (&Scratch{Dir: path, lock: lock}).Remove(); err != nil {
			errs = append(errs, fmt.Errorf("remove leftover: %w", err))
			continue
		}
		removed = append(removed, Leftover{Dir: path, Bytes: size})
	}
	return removed, errors.Join(errs...)
}

func sizeOf(dir string) (bytes int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// errLocked says that a living run holds the lock.
var errLocked = errors.New("locked by a running copylab")
