package diskwrite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
)

const (
	scratchBytes     = 1 << 20  // filled or read back at once
	syncWhileFilling = 64 << 20 // filled between two syncs
)

// Prepare readies the file name for one trial, outside the clock. For append it is empty, and its name is durable. For
// the other patterns it holds fileBytes that were really written and made durable (never fallocated: a block that was
// never written costs a metadata update at its first write), and none of its pages is kept in the page cache where the
// system can drop them.
//
// What is filled in is the payload with every bit flipped: incompressible too, and different from what a run writes, so
// that VerifyBack sees a write that did not happen.
//
// name must be a regular file of copylab's own or not exist; an existing one is written over in place. A file that
// Prepare made is removed again where it fails or where ctx ends first.
func Prepare(ctx context.Context, name string, pattern PatternID, fileBytes int64, payload []byte) (err error) {
	p, ok := FindPattern(pattern)
	switch {
	case !ok:
		return fmt.Errorf("prepare %s: there is no pattern %q: choose append, overwrite or random", name, string(pattern))
	case !p.Grows && fileBytes < 1:
		return fmt.Errorf("prepare %s: a file of %d bytes can't be written over: choose a size", name, fileBytes)
	case !p.Grows && len(payload) == 0:
		return fmt.Errorf("prepare %s: the payload is empty: make one with NewPayload", name)
	}
	// Lstat, so that a link to something else is not written to; before opening, since opening a device can have effects.
	made := false
	switch info, err := os.Lstat(name); {
	case errors.Is(err, fs.ErrNotExist):
		made = true
	case err != nil:
		return fmt.Errorf("prepare file: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("prepare file: %s exists and is not a regular file: remove it or choose another name", name)
	}
	flags := os.O_RDWR
	if made {
		flags |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return fmt.Errorf("prepare file: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil && made {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	if p.Grows {
		fileBytes = 0
	}
	if err := f.Truncate(fileBytes); err != nil {
		return fmt.Errorf("prepare file: %w", err)
	}
	if err := fill(ctx, f, fileBytes, payload); err != nil {
		return fmt.Errorf("prepare file: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("prepare file: %w", err)
	}
	if err := syncFolder(filepath.Dir(name)); err != nil {
		return fmt.Errorf("prepare file: %w", err)
	}
	if err := dropPages(f); err != nil {
		return fmt.Errorf("prepare file: %w", err)
	}
	return nil
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
			return fmt.Errorf("fill %s at offset %d: %w: free some space or choose a smaller file", f.Name(), off, err)
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

// VerifyBack reads the file name back after a run of j and compares every byte with what must be there: in each block
// what the last write to it wrote, and in the blocks that no write met what Prepare left. It first asks the system to
// drop the file's pages, so that the bytes come from the device where that is possible. It returns the xxh64 of the
// file's content in 16 hexadecimal digits; the error names the first byte that is wrong. Where the run failed, set
// j.Operations to what it accepted.
func VerifyBack(ctx context.Context, name string, j Job) (checksum string, err error) {
	return verifyBack(ctx, name, j, windowBlocks)
}

func verifyBack(ctx context.Context, name string, j Job, window int64) (checksum string, err error) {
	if err := j.Validate(); err != nil {
		return "", fmt.Errorf("verify %s: %w", name, err)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("verify: %w", err)
	}
	defer func() {
		if closing := f.Close(); closing != nil {
			checksum, err = "", errors.Join(err, closing)
		}
	}()
	if err := dropPages(f); err != nil {
		return "", fmt.Errorf("verify: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("verify: %w", err)
	}
	want := j.FileBytes
	if j.Pattern == Append {
		want = j.Operations * int64(j.BlockBytes)
	}
	if info.Size() != want {
		return "", fmt.Errorf("verify %s: it has %d bytes instead of %d", name, info.Size(), want)
	}
	sum := xxhash.New()
	blocks := want / int64(j.BlockBytes)
	for from := int64(0); from < blocks; from += window {
		if err := j.verifyWindow(ctx, f, from, min(from+window, blocks), sum); err != nil {
			return "", fmt.Errorf("verify %s: %w", name, err)
		}
	}
	return fmt.Sprintf("%016x", sum.Sum64()), nil
}

// verifyWindow reads the blocks from (inclusive) until to (exclusive).
func (j Job) verifyWindow(ctx context.Context, f *os.File, from, to int64, sum *xxhash.Digest) error {
	block := int64(j.BlockBytes)
	last := make([]int64, to-from) // operation that wrote the block last, counted from 1
	offsets := j.Offsets()
	for i := int64(1); i <= j.Operations; i++ {
		if b := offsets.Next() / block; b >= from && b < to {
			last[b-from] = i
		}
	}
	perRead := max(1, min(scratchBytes/block, to-from))
	got, untouched := make([]byte, perRead*block), make([]byte, block)
	ring := int64(len(j.Payload)) / block
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
			if op > 0 {
				at := (op - 1) % ring * block
				want = j.Payload[at : at+block]
			} else {
				filling(untouched, (b+i)*block, j.Payload)
			}
			if !bytes.Equal(have, want) {
				return j.wrongBlock(b+i, op, have, want)
			}
		}
		// A hash never fails to take bytes.
		_, _ = sum.Write(got)
	}
	return nil
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
