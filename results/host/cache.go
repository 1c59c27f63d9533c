package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"copylab/results/measured"
)

// The shares of a file's pages in the page cache from which it counts as warm, and up to which as cold.
const (
	WarmShare = 0.999
	ColdShare = 0.001
)

// Share is the part of the file's pages that is in the page cache, from 0 to 1.
func (r Residency) Share() measured.Float {
	pages, ok := r.Pages.Get()
	if !ok {
		return measured.Unavailable[float64]("%s", r.Pages.Why())
	}
	resident, ok := r.Resident.Get()
	if !ok {
		return measured.Unavailable[float64]("%s", r.Resident.Why())
	}
	if pages == 0 {
		return measured.Unavailable[float64]("the file is empty")
	}
	return measured.Known(float64(resident) / float64(pages))
}

// noResidency is the residency of a file of which the kernel does not tell.
func noResidency(source string, err error) Residency {
	v := noInt(err)
	return Residency{Source: source, Pages: v, Resident: v, Dirty: v, Writeback: v}
}

// Resident tells how much of the file f is in the page cache: by cachestat(2) on Linux 6.5 and newer, else by mincore(2),
// which knows nothing of dirty pages. Both answer only to who owns the file or may write it. f must be open for reading.
func Resident(f *os.File) Residency { return resident(f, cacheSources()) }

// A cacheSource is one way to ask.
type cacheSource struct {
	name string
	ask  func(f *os.File, size int64) (Residency, error)
}

// resident asks the sources one after the other, and says why when none answers.
func resident(f *os.File, sources []cacheSource) Residency {
	info, err := f.Stat()
	if err != nil {
		return noResidency("none", err)
	}
	if !info.Mode().IsRegular() {
		return noResidency("none", fmt.Errorf("%s is not a regular file", f.Name()))
	}
	var errs []error
	for _, s := range sources {
		r, err := s.ask(f, info.Size())
		if err == nil {
			r.Source = s.name
			return r
		}
		errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
	}
	if len(errs) == 0 {
		errs = append(errs, fmt.Errorf("copylab reads the page cache on Linux only: %w", errors.ErrUnsupported))
	}
	return noResidency("none", errors.Join(errs...))
}

// Warm reads the whole file f, so that the kernel brings it into the page cache. f must be open for reading without
// O_DIRECT. Whether all of it stayed there Resident tells.
func Warm(ctx context.Context, f *os.File) error {
	buf := make([]byte, 1<<20)
	for off := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("warm %s: %w", f.Name(), err)
		}
		n, err := f.ReadAt(buf, off)
		off += int64(n)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("warm %s: %w", f.Name(), err)
		}
	}
}

// dropTries bounds how often Drop asks. The kernel passes over pages that something else holds at the moment: the
// journal, a per-CPU list, a reader.
const dropTries = 8

// Drop makes the file f cold: it writes what is dirty to the disk (fdatasync(2)) and asks the kernel to forget the pages
// (posix_fadvise(2), POSIX_FADV_DONTNEED). It tries a few times, and returns an error where more than ColdShare of the
// file stays. Where the kernel does not tell, there is no error: Resident says why.
func Drop(ctx context.Context, f *os.File) error {
	var last Residency
	for try := range dropTries {
		if try > 0 {
			wait := time.NewTimer(time.Millisecond << try)
			select {
			case <-ctx.Done():
				wait.Stop()
			case <-wait.C:
			}
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("drop the page cache of %s: %w", f.Name(), err)
		}
		if err := forget(f); err != nil {
			return fmt.Errorf("drop the page cache of %s: %w", f.Name(), err)
		}
		last = Resident(f)
		if share, known := last.Share().Get(); !known || share <= ColdShare {
			return nil
		}
	}
	return fmt.Errorf("drop the page cache of %s: %s of %s pages stay after %d tries: the filesystem keeps them in memory, or another process maps or locks the file",
		f.Name(), last.Resident, last.Pages, dropTries)
}

// CanDrop tells whether files in the folder dir can be made cold, and why not: it tries with a small file that it
// removes again.
func CanDrop(dir string) (ok bool, why string) {
	err := tryDrop(dir)
	if err != nil {
		return false, err.Error()
	}
	return true, ""
}

func tryDrop(dir string) (err error) {
	f, err := unnamedFile(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	const size = 1 << 20
	text := make([]byte, size)
	for i := range text {
		text[i] = byte(i*7 + i>>8) // not zeroes: some filesystems store none
	}
	if _, err := f.WriteAt(text, 0); err != nil {
		return err
	}
	if _, known := Resident(f).Share().Get(); !known {
		return fmt.Errorf("it can't be verified: %s", Resident(f).Resident.Why())
	}
	return Drop(context.Background(), f)
}
