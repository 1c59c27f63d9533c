package results

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"copylab/results/measured"
)

// StopDamaged stands in a summary for the reason that a record gives in lines that can't be read, or after them. Such a record says nothing
// of how the run ended: it need not have been cut off.
const StopDamaged = "damaged"

// Load reads the record at path, a run's folder or the record itself, and builds its summary. A record that was cut off
// or damaged is summarised up to the damage, with a warning.
func Load(path string) (*Summary, error) {
	name := path
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		name = filepath.Join(path, RecordFile)
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open record: %w: give the folder of a run, which copylab run names when it is done, or the %s in it", err, RecordFile)
	}
	if err != nil {
		return nil, fmt.Errorf("open record: %w", err)
	}
	s, err := Read(f)
	if cerr := f.Close(); err == nil && cerr != nil {
		return nil, fmt.Errorf("close record: %w", cerr)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// Read reads a record from in and builds its summary.
func Read(in io.Reader) (*Summary, error) {
	r, err := NewReader(in)
	if err != nil {
		return nil, err
	}
	b := NewBuilder(r.Run())
	for {
		t, err := r.Next()
		if errors.Is(err, io.EOF) {
			s := b.Summary(r.End(), r.Warnings()...)
			if r.Damaged() {
				s.Run.Stopped = StopDamaged
				s.Run.DurationSeconds = measured.Unavailable[float64]("the record is damaged: its end was not read")
			}
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		b.Add(t)
	}
}
