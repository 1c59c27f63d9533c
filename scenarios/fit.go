package scenarios

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Limits are what a machine has of what the sizes of a scenario can be given in.
type Limits struct {
	// DirtyBytes is how much may wait for write-back before the kernel makes writers wait: nr_dirty_threshold of /proc/vmstat. 0: not
	// known.
	DirtyBytes int64
}

// Sized tells whether a size of the scenario depends on the machine: then Fit must come before it is run.
func (s *Scenario) Sized() bool {
	return slices.ContainsFunc(s.Parts, func(p Part) bool { return p.Write != nil && p.Write.OfDirtyLimit > 0 })
}

// Fit gives the sizes that depend on the machine their real values. Without it, they are what they would be on a machine with a usual
// limit, so that a scenario can be read and listed anywhere. Set and SetEffort keep the machine. Where a limit that the scenario needs
// is not known, or a size gets too large, nothing changes, and the error is a *UsageError.
func (s *Scenario) Fit(l Limits) error {
	for _, p := range s.Parts {
		if p.Write != nil && p.Write.OfDirtyLimit > 0 && l.DirtyBytes <= 0 {
			return wrong(p.Write.fileAt, "file %s needs the kernel's limit of dirty memory, which is not known here: write a size, such as 4GiB",
				fileSize{limits: p.Write.OfDirtyLimit})
		}
	}
	old := s.limits
	s.limits = l
	err := s.change(s.sets, s.Effort)
	if err != nil {
		s.limits = old
	}
	return err
}

const (
	// usualDirtyLimit stands in until a scenario is fitted: 20 % of the memory that is available on a machine of 16 GiB.
	usualDirtyLimit = 3 * gib
	// A file of that many limits takes long enough to fill.
	mostLimits = 10
	// Sizes that were computed are whole multiples of it.
	limitUnit = 64 * mib

	ofDirtyLimit = "x-dirty-limit"
)

// fileSize is the size of a file to write: bytes, or so many of the kernel's dirty limits.
type fileSize struct {
	bytes  int64
	limits float64
}

func (f fileSize) String() string {
	if f.limits > 0 {
		return formatDecimal(f.limits) + ofDirtyLimit
	}
	return FormatSize(f.bytes)
}

// parseFileSize reads "256MiB" or "1.5x-dirty-limit".
func parseFileSize(text string) (fileSize, error) {
	if number, ok := strings.CutSuffix(text, ofDirtyLimit); ok {
		x, err := parseDecimal(number, fmt.Sprintf("a factor above 0 and at most %d of the kernel's dirty limit, such as 1.5%s", mostLimits, ofDirtyLimit),
			func(x float64) bool { return x > 0 && x <= mostLimits })
		return fileSize{limits: x}, err
	}
	if strings.Contains(text, "dirty") || strings.Contains(text, "limit") {
		return fileSize{}, errors.New("is not a size: write a factor of the kernel's dirty limit as 1.5" + ofDirtyLimit)
	}
	n, err := sizeWithin(mostFile, "no run has the time for more")(text)
	return fileSize{bytes: n}, err
}

// sizeFile reads the size of the file that a part writes. One that is computed is a whole multiple of every block.
func (r *resolver) sizeFile(n *node, w *Write) {
	size := one(r, n, "file", fileSize{bytes: 256 * mib}, parseFileSize)
	w.FileBytes, w.OfDirtyLimit, w.fileAt = size.bytes, size.limits, n.at
	if v := n.get("file"); v != nil {
		w.fileAt = v.at
	}
	if size.limits == 0 {
		return
	}
	limit := r.scenario.limits.DirtyBytes
	if limit <= 0 {
		limit = usualDirtyLimit
	}
	want := math.Ceil(size.limits * float64(limit))
	unit := int64(limitUnit)
	for i, b := range w.Blocks {
		if unit = commonMultiple(unit, b); unit > mostFile {
			r.fail(wrong(w.blocksAt[i], "block %s: no file of %s is a whole multiple of it: write a block that is a power of two, or the size of the file", FormatSize(b), size))
			return
		}
	}
	if want > mostFile-float64(unit) {
		r.fail(wrong(w.fileAt, "file %s is too large with a dirty limit of %s: write a size, at most %s", size, FormatSize(limit), FormatSize(mostFile)))
		return
	}
	w.FileBytes = (int64(want) + unit - 1) / unit * unit
}

// commonMultiple is the least common multiple of two sizes, or more than mostFile.
func commonMultiple(a, b int64) int64 {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	if a/x > mostFile/b {
		return mostFile + 1
	}
	return a / x * b
}
