package copypaths

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"copylab/internal/kernel"
)

// FieldCount is how many fields a message from memory has: a record's header, key, value and so on lie in different places
// of a program's memory, and something has to bring them together.
const FieldCount = 8

// Fields is the memory that paths from memory send from. It holds the bytes of a file, cut into messages of Chunk bytes, and each message
// into FieldCount fields, which lie apart: field i of all messages is in area i. So a message is whole nowhere, as in a
// program that builds one of several parts. The fields of a message differ by a byte at most; those of a message of fewer
// than FieldCount bytes are partly empty.
//
// The memory is outside the Go heap and touched. It is only read once it is filled.
type Fields struct {
	Bytes  int64               // of all messages
	Chunk  int                 // bytes of a message; the last may have fewer
	starts [FieldCount + 1]int // where in a message its fields begin, and the last one ends
	areas  [FieldCount][]byte
	all    []byte
}

// NewFields cuts what r gives, bytes bytes of it, into messages of chunk bytes. Call Free when nobody uses them any more.
func NewFields(r io.Reader, bytes int64, chunk int) (f *Fields, err error) {
	if bytes < 1 || chunk < 1 {
		return nil, fmt.Errorf("cut %d bytes into messages of %d: want at least 1 of each", bytes, chunk)
	}
	if bytes > math.MaxInt/2 {
		return nil, fmt.Errorf("cut %d bytes into messages: they do not fit into the address space", bytes)
	}
	f = &Fields{Bytes: bytes, Chunk: chunk}
	for i := range f.starts {
		f.starts[i] = chunk/FieldCount*i + chunk%FieldCount*i/FieldCount
	}
	// Where areas begin: each an eighth of a page farther into its page than the one before it. Without that, the fields of one
	// message would often meet in the same few places of the processor's cache and push each other out.
	page := os.Getpagesize()
	var at [FieldCount + 1]int
	whole, last := int(bytes/int64(chunk)), int(bytes%int64(chunk))
	for i := range f.areas {
		size := whole*f.width(i) + f.within(i, last)
		at[i+1] = (at[i]+size+page-1)/page*page + (i+1)*page/FieldCount
	}
	if f.all, err = kernel.Buffer(at[FieldCount]); err != nil {
		return nil, fmt.Errorf("memory for messages: %w", err)
	}
	for i := range f.areas {
		f.areas[i] = f.all[at[i]:][:whole*f.width(i)+f.within(i, last)]
	}
	if err := f.fill(r); err != nil {
		return nil, errors.Join(err, f.Free())
	}
	return f, nil
}

// fill reads all messages. They may be small, so that r is asked for many of them at once.
func (f *Fields) fill(r io.Reader) error {
	source := bufio.NewReaderSize(io.LimitReader(r, f.Bytes), 1<<20)
	whole := make([]byte, min(int64(f.Chunk), f.Bytes))
	var message [FieldCount][]byte
	for off := int64(0); off < f.Bytes; off += int64(f.Chunk) {
		rest := whole[:min(int64(len(whole)), f.Bytes-off)]
		switch _, err := io.ReadFull(source, rest); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("fill message at offset %d: %w: there are fewer than %d bytes", off, io.ErrUnexpectedEOF, f.Bytes)
		case err != nil:
			return fmt.Errorf("fill message at offset %d: %w", off, err)
		}
		f.Message(off, len(rest), &message)
		for _, field := range message {
			rest = rest[copy(field, rest):]
		}
	}
	return nil
}

// width is how many bytes field i of a whole message has.
func (f *Fields) width(i int) int { return f.starts[i+1] - f.starts[i] }

// within is how many bytes of field i are among the first n of a message.
func (f *Fields) within(i, n int) int { return max(0, min(f.width(i), n-f.starts[i])) }

// Message sets into to the fields of the first n bytes of the message at the offset off, a multiple of Chunk. n is at most
// Chunk and what there is from off on. Nothing is allocated or copied. Fields beyond the n bytes are empty.
func (f *Fields) Message(off int64, n int, into *[FieldCount][]byte) {
	index := int(off / int64(f.Chunk))
	for i := range into {
		at := index * f.width(i)
		into[i] = f.areas[i][at : at+f.within(i, n)]
	}
}

// Free gives the memory back. It may be called again.
func (f *Fields) Free() error {
	if f.all == nil {
		return nil
	}
	all := f.all
	f.all, f.areas = nil, [FieldCount][]byte{}
	return kernel.Free(all)
}
