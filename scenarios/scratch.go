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

	"copylab/results/host"
)

// Scratch is the folder that holds a run's test files: a hidden folder of its own in the folder that the user gave. As
// long as its run lives, the run holds a lock in it; a folder whose lock is free was left behind by a killed run.
type Scratch struct {
	Dir  string
	lock *os.File
	// parent is the folder that Dir is in. Through it, the files can be removed even where its name has come to lead elsewhere: its
	// filesystem may have been unmounted, as far as names go (umount -l), or something else mounted over it.
	parent *os.Root
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
	if s.parent, err = os.OpenRoot(dir); err != nil {
		return nil, errors.Join(&FolderError{dir, err}, os.RemoveAll(path))
	}
	if s.lock, err = createLocked(filepath.Join(path, scratchMark)); err != nil {
		return nil, errors.Join(&FolderError{dir, err}, s.Remove())
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

// Remove removes the folder and gives up the lock. A folder that is not there any more is removed already. Where it fails, the
// error says what stays and how to be rid of it.
func (s *Scratch) Remove() error {
	name := filepath.Base(s.Dir)
	// The mark goes last: should this be cut off, what is left can still be told to be ours.
	err := removeExceptMark(s.parent, name)
	if s.lock != nil {
		if cerr := s.lock.Close(); cerr != nil && err == nil {
			err = fmt.Errorf("remove test files: %w", cerr)
		}
	}
	if rerr := s.parent.RemoveAll(name); rerr != nil && err == nil {
		err = fmt.Errorf("remove test files: %w", rerr)
	}
	if cerr := s.parent.Close(); cerr != nil && err == nil {
		err = fmt.Errorf("remove test files: %w", cerr)
	}
	if err != nil {
		return s.stays(err)
	}
	return nil
}

// stays says of an error that it leaves files behind.
func (s *Scratch) stays(err error) error {
	dir := filepath.Dir(s.Dir)
	return fmt.Errorf("%w: %s stays (%s); once files can be removed there, this removes it: copylab clean --dir %s", err, s.Dir, host.HumanBytes(sizeOf(s.Dir)), dir)
}

// Abandon gives up the lock and leaves the folder to whoever looks for leftovers.
func (s *Scratch) Abandon() error { return errors.Join(s.lock.Close(), s.parent.Close()) }

// removeExceptMark removes what is in the folder. The error is the first that was met: the others say the same of other files.
func removeExceptMark(parent *os.Root, folder string) error {
	d, err := parent.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove test files: %w", err)
	}
	names, err := d.Readdirnames(-1)
	if err := errors.Join(err, d.Close()); err != nil {
		return fmt.Errorf("remove test files: %w", err)
	}
	var first error
	failed := 0
	for _, name := range names {
		if name == scratchMark {
			continue
		}
		if err := parent.RemoveAll(filepath.Join(folder, name)); err != nil {
			failed++
			if first == nil {
				first = err
			}
		}
	}
	switch {
	case failed > 1:
		return fmt.Errorf("remove %d test files: %w", failed, first)
	case failed == 1:
		return fmt.Errorf("remove test files: %w", first)
	}
	return nil
}

// Gone tells why the folder can't be reached by its name any more; nil: it can.
func (s *Scratch) Gone() error {
	if s.lock == nil {
		return nil
	}
	ours, err := s.lock.Stat()
	if err != nil {
		return nil // somebody else's error
	}
	there, err := os.Stat(s.File(scratchMark))
	if err == nil && os.SameFile(ours, there) || err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return fmt.Errorf("the folder of the test files, %s, has gone: somebody removed or renamed it, or unmounted its filesystem; bring that back, keep others from it, and run again", s.Dir)
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
	parent, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("look for leftovers: %w", err)
	}
	defer parent.Close() // nothing was written
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
		if errors.Is(err, syscall.EROFS) {
			errs = append(errs, fmt.Errorf("remove leftover %s (%s): %w: make its filesystem writable first", path, host.HumanBytes(sizeOf(path)), err))
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("look at leftover %s: %w", path, err))
			continue
		}
		size := sizeOf(path)
		own, err := parent.OpenRoot(".")
		if err != nil {
			errs = append(errs, fmt.Errorf("remove leftover %s: %w", path, err), lock.Close())
			continue
		}
		if err := (&Scratch{Dir: path, lock: lock, parent: own}).Remove(); err != nil {
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
