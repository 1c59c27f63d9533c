package diskwrite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cespare/xxhash/v2"
)

const (
	scratchBytes     = 1 << 20  // filled or read back at once
	syncWhileFilling = 64 << 20 // filled between two syncs
)

// Names are the files that the job writes to where it is given the name: the name itself, or where there are several, the
// name with -0, -1 and so on behind it.
func (j Job) Names(name string) []string {
	if j.files() == 1 {
		return []string{name}
	}
	names := make([]string, j.Files)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", name, i)
	}
	return names
}

// Prepare readies the job's files at name, each as the function Prepare does. Files that it made are removed again where
// it fails. Remove removes them after the run.
func (j Job) Prepare(ctx context.Context, name string) error {
	if err := j.Validate(); err != nil {
		return fmt.Errorf("prepare %s: %w", name, err)
	}
	return prepare(ctx, j.Names(name), j.Pattern, j.FileBytes, j.Payload)
}

// Remove removes the job's files at name.
func (j Job) Remove(name string) error {
	var errs []error
	for _, n := range j.Names(name) {
		errs = append(errs, os.Remove(n))
	}
	return errors.Join(errs...)
}

// Prepare readies the file name for one trial, outside the clock. For a pattern that grows it is empty, and its name is
// durable. For append-fallocated it has fileBytes that fallocate(2) gave it and nobody wrote. For the other patterns it
// holds fileBytes that were really written and made durable (never fallocated: a block that was
// never written costs a metadata update at its first write), and none of its pages is kept in the page cache where the
// system can drop them.
//
// What is filled in is the payload with every bit flipped: incompressible too, and different from what a run writes, so
// that VerifyBack sees a write that did not happen.
//
// name must be a regular file of copylab's own or not exist; an existing one is written over in place. A file that
// Prepare made is removed again where it fails or where ctx ends first.
func Prepare(ctx context.Context, name string, pattern PatternID, fileBytes int64, payload []byte) error {
	return prepare(ctx, []string{name}, pattern, fileBytes, payload)
}

func prepare(ctx context.Context, names []string, pattern PatternID, fileBytes int64, payload []byte) (err error) {
	p, ok := FindPattern(pattern)
	name := names[0]
	switch {
	case !ok:
		return fmt.Errorf("prepare %s: there is no pattern %q: choose %s", name, string(pattern), patternWords())
	case !p.Grows && fileBytes < 1:
		return fmt.Errorf("prepare %s: a file of %d bytes can't be written over: choose a size", name, fileBytes)
	case !p.Fresh() && len(payload) == 0:
		return fmt.Errorf("prepare %s: the payload is empty: make one with NewPayload", name)
	}
	var made []string
	defer func() {
		if err != nil {
			for _, n := range made {
				err = errors.Join(err, os.Remove(n))
			}
		}
	}()
	// All are made before any is synced: a journal then takes all of them at once.
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("prepare file: %w", context.Cause(ctx))
		}
		isNew, err := makeFile(n)
		if isNew {
			made = append(made, n)
		}
		if err != nil {
			return fmt.Errorf("prepare file: %w%s", err, Remedy(err))
		}
	}
	for _, n := range names {
		if err := p.ready(ctx, n, fileBytes, payload); err != nil {
			return fmt.Errorf("prepare file: %w%s", err, Remedy(err))
		}
	}
	if err := syncFolder(filepath.Dir(name)); err != nil {
		return fmt.Errorf("prepare file: %w%s", err, Remedy(err))
	}
	return nil
}

// Remedy says what to do about an error that the disk under a file brought about: no space, a quota, a fault, or that the filesystem became
// read-only; and about too many files. It is the end of a sentence, which begins with a colon, or empty.
func Remedy(err error) string {
	for _, r := range []struct {
		errno syscall.Errno
		text  string
	}{
		{syscall.ENOSPC, "free some space or choose a smaller file"},
		{syscall.EDQUOT, "that is a limit of yours, however much is free; remove files of yours, have it raised, or choose a smaller file"},
		{syscall.EIO, "the device reported a fault; see the kernel's log (dmesg)"},
		{syscall.EROFS, "the filesystem has become read-only, by hand or since it met a fault; see the kernel's log (dmesg)"},
		// The Go runtime has raised the soft limit to the hard one by then.
		{syscall.EMFILE, "raise the limit (ulimit -n), or choose fewer files or writers"},
	} {
		if errors.Is(err, r.errno) {
			return ": " + r.text
		}
	}
	return ""
}

// makeFile makes the file if it is not there.
func makeFile(name string) (isNew bool, err error) {
	// Lstat, so that a link to something else is not written to; before opening, since opening a device can have effects.
	switch info, err := os.Lstat(name); {
	case err == nil && !info.Mode().IsRegular():
		return false, fmt.Errorf("%s exists and is not a regular file: remove it or choose another name", name)
	case err == nil:
		return false, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false, err
	}
	return true, f.Close()
}

// ready brings an existing file into the state that the pattern starts from.
func (p Pattern) ready(ctx context.Context, name string, fileBytes int64, payload []byte) (err error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if p.Fresh() {
		// Blocks that were written before would be found again otherwise.
		if err := f.Truncate(0); err != nil {
			return err
		}
	}
	switch {
	case p.Allocated:
		if err := allocate(f, fileBytes); err != nil {
			return fmt.Errorf("%w: choose the pattern append, a smaller file or another folder", err)
		}
	case !p.Grows:
		if err := f.Truncate(fileBytes); err != nil {
			return err
		}
		if err := fill(ctx, f, fileBytes, payload); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return dropPages(f)
}

func fill(ctx context.Context, f *os.File, fileBytes int64, payload []byte) error {
	scratch := make([]byte, min(fileBytes, scratchBytes))
	for off := int64(0); off < fileBytes; off += int64(len(scratch)) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("fill %s: %w", f.Name(), context.Cause(ctx))
		}
		scratch = scratch[:min(int64(len(scratch)), fileBytes-off)]
		filling(scratch, off, payload)
		if _, err := f.WriteAt(scratch, off); err != nil {
			return fmt.Errorf("fill %s at offset %d: %w", f.Name(), off, err)
		}
		// A sync of all at the end could not be stopped, and would take as long as the disk takes for the whole file.
		if off/syncWhileFilling != (off+int64(len(scratch)))/syncWhileFilling {
			if err := f.Sync(); err != nil {
				return err
			}
		}
	}
	return nil
}

// filling makes what Prepare writes at off: the payload's bytes with every bit flipped, over and over.
func filling(into []byte, off int64, payload []byte) {
	at := int(off % int64(len(payload)))
	for len(into) > 0 {
		part := payload[at:min(len(payload), at+len(into))]
		for i, b := range part {
			into[i] = ^b
		}
		into, at = into[len(part):], 0
	}
}

// windowBlocks is for how many blocks VerifyBack remembers the last write at once: 8 MiB of memory, however large the
// file.
const windowBlocks = 1 << 20

// VerifyBack reads the job's files at name back after a run of j and compares every byte with what must be there: in each block
// what the last write to it wrote, and in the blocks that no write met what Prepare left. Where there are several
// writers, two of their writes to one block can end in any order, so that any write to a block may have been its last. It
// first asks the system to drop the file's pages, so that the bytes come from the device where that is possible. It returns the xxh64 of the
// content, one file after the other, in 16 hexadecimal digits; the error names the first byte that is wrong. Where the run
// ended early, set j.Operations to what it accepted.
func VerifyBack(ctx context.Context, name string, j Job) (checksum string, err error) {
	return verifyBack(ctx, name, j, windowBlocks)
}

func verifyBack(ctx context.Context, name string, j Job, window int64) (checksum string, err error) {
	if err := j.Validate(); err != nil {
		return "", fmt.Errorf("verify %s: %w%s", name, err, Remedy(err))
	}
	sum := xxhash.New()
	for i, n := range j.Names(name) {
		if err := j.verifyFile(ctx, n, i, window, sum); err != nil {
			return "", fmt.Errorf("verify %s: %w%s", n, err, Remedy(err))
		}
	}
	return fmt.Sprintf("%016x", sum.Sum64()), nil
}

// sizeAfter is the size of the job's i-th file after the run, in bytes.
func (j Job) sizeAfter(i int) int64 {
	p, _ := FindPattern(j.Pattern)
	switch {
	case !p.Grows:
		return j.FileBytes
	case j.Pattern == ManyLogs: // the first ones may have got one block more
		n := int64(j.Files)
		return (j.Operations + n - 1 - int64(i)) / n * int64(j.BlockBytes)
	}
	return j.appendedBytes()
}

func (j Job) verifyFile(ctx context.Context, name string, file int, window int64, sum *xxhash.Digest) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := dropPages(f); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := j.sizeAfter(file)
	if info.Size() != size {
		return fmt.Errorf("it has %d bytes instead of %d", info.Size(), size)
	}
	// What lies behind the last whole block is never written: append-fallocated may have such bytes, and they are zeros.
	blocks := size / int64(j.BlockBytes)
	for from := int64(0); from < blocks; from += window {
		if err := j.verifyWindow(ctx, f, file, from, min(from+window, blocks), sum); err != nil {
			return err
		}
	}
	return nil
}

// lastWrites returns which operation, counted from 1, wrote each of the blocks of a file from one (inclusive) to another
// (exclusive) last; 0: none.
func (j Job) lastWrites(file int, from, to int64) []int64 {
	last := make([]int64, to-from)
	if j.Pattern == ManyLogs { // not to go through all writes again for each of its files
		for b := range last {
			last[b] = (from+int64(b))*int64(j.Files) + int64(file) + 1
		}
		return last
	}
	offsets := j.Offsets()
	for i := int64(1); i <= j.Operations; i++ {
		if b := offsets.Next() / int64(j.BlockBytes); b >= from && b < to {
			last[b-from] = i
		}
	}
	return last
}

// verifyWindow reads the blocks from (inclusive) until to (exclusive).
func (j Job) verifyWindow(ctx context.Context, f *os.File, file int, from, to int64, sum *xxhash.Digest) error {
	block := int64(j.BlockBytes)
	last := j.lastWrites(file, from, to)
	perRead := max(1, min(scratchBytes/block, to-from))
	got, untouched := make([]byte, perRead*block), make([]byte, block)
	pattern, _ := FindPattern(j.Pattern)
	for b := from; b < to; b += perRead {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		got = got[:min(perRead, to-b)*block]
		if _, err := f.ReadAt(got, b*block); err != nil {
			return err
		}
		for i := range int64(len(got)) / block {
			have, op := got[i*block:(i+1)*block], last[b+i-from]
			want := untouched
			switch {
			case op > 0:
				want = j.written(op)
			case !pattern.Allocated:
				filling(untouched, (b+i)*block, j.Payload)
			}
			if !bytes.Equal(have, want) && !j.earlierWrite(file, b+i, op, have) {
				return j.wrongBlock(b+i, op, have, want)
			}
		}
		// A hash never fails to take bytes.
		_, _ = sum.Write(got)
	}
	return nil
}

// written is what the operation, counted from 1, wrote.
func (j Job) written(op int64) []byte {
	block := int64(j.BlockBytes)
	at := (op - 1) % (int64(len(j.Payload)) / block) * block
	return j.Payload[at : at+block]
}

// earlierWrite says that a write to the block before op, which was to be the last, wrote what the block holds, and may have
// ended after op.
func (j Job) earlierWrite(file int, block, op int64, have []byte) bool {
	if op == 0 || j.writers() == 1 {
		return false
	}
	offsets := j.Offsets()
	for i := int64(1); i < op; i++ {
		if f, off := offsets.NextIn(); f == file && off/int64(j.BlockBytes) == block && bytes.Equal(have, j.written(i)) {
			return true
		}
	}
	return false
}

// wrongBlock says where the block is wrong, and what should have been there: what the write op wrote (counted from 1),
// or what Prepare left (0).
func (j Job) wrongBlock(block, op int64, have, want []byte) error {
	who := "what Prepare filled in, and no write was to go there"
	if op > 0 {
		who = fmt.Sprintf("what write %d of %d wrote", op, j.Operations)
	}
	at := 0
	for have[at] == want[at] {
		at++
	}
	return fmt.Errorf("the byte at offset %d is %#02x instead of %#02x: block %d does not hold %s",
		block*int64(j.BlockBytes)+int64(at), have[at], want[at], block, who)
}
