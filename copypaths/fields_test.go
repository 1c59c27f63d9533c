package copypaths

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

// checkFields cuts content into messages, and checks that their fields, one after the other, are the content again, both of
// whole messages and of beginnings of them.
func checkFields(t *testing.T, content []byte, chunk int) {
	t.Helper()
	f, err := NewFields(bytes.NewReader(content), int64(len(content)), chunk)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for range 2 {
			if err := f.Free(); err != nil {
				t.Error(err)
			}
		}
	}()
	var message [FieldCount][]byte
	var all []byte
	for off := 0; off < len(content); off += chunk {
		whole := min(chunk, len(content)-off)
		for _, n := range []int{1, whole / 3, whole - 1, whole} {
			f.Message(int64(off), n, &message)
			if got := bytes.Join(message[:], nil); n >= 0 && !bytes.Equal(got, content[off:off+n]) {
				t.Fatalf("the first %d bytes of the message at %d, of %d in messages of %d, are %x; want %x", n, off, len(content), chunk, got, content[off:off+n])
			}
		}
		for i, field := range message {
			if whole == chunk && (len(field) < chunk/FieldCount || len(field) > (chunk+FieldCount-1)/FieldCount) {
				t.Fatalf("field %d of a message of %d has %d bytes, want an eighth", i, chunk, len(field))
			}
			all = append(all, field...)
		}
	}
	if !bytes.Equal(all, content) {
		t.Errorf("the messages of %d bytes in messages of %d are not what was cut", len(content), chunk)
	}
}

// numbered is size bytes of which each says where it is, more or less.
func numbered(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i + i>>8*7)
	}
	return b
}

func TestFields(t *testing.T) {
	for _, size := range []int{1, 2, 7, 8, 9, 63, 64, 65, 1000, 4096, 10_007} {
		for _, chunk := range []int{1, 2, 3, 7, 8, 9, 15, 16, 17, 64, 100, 511, 4096, 65_536, math.MaxInt} {
			checkFields(t, numbered(size), chunk)
		}
	}
}

func FuzzFields(f *testing.F) {
	f.Add([]byte("one message in several fields"), 8)
	f.Add([]byte("x"), 1<<40)
	f.Fuzz(func(t *testing.T, content []byte, chunk int) {
		if len(content) == 0 || chunk < 1 {
			if _, err := NewFields(bytes.NewReader(content), int64(len(content)), chunk); err == nil {
				t.Errorf("%d bytes were cut into messages of %d", len(content), chunk)
			}
			return
		}
		checkFields(t, content, chunk)
	})
}

// TestFieldsLieApart: no two fields of a message are neighbours, or there would be nothing to gather.
func TestFieldsLieApart(t *testing.T) {
	const size, chunk = 64 << 10, 64
	f, err := NewFields(bytes.NewReader(numbered(size)), size, chunk)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Free(); err != nil {
			t.Error(err)
		}
	}()
	var message [FieldCount][]byte
	for off := int64(0); off < size; off += chunk {
		f.Message(off, chunk, &message)
		for i := range message[1:] {
			if between := f.distance(message[i], message[i+1]); between < size/FieldCount {
				t.Fatalf("fields %d and %d of the message at %d are %d bytes apart", i, i+1, off, between)
			}
		}
	}
}

// distance is how far apart two parts of the memory begin, in bytes. A part's capacity is what its area has from there on.
func (f *Fields) distance(a, b []byte) int {
	place := func(p []byte) int { return cap(f.all) - cap(p) }
	return place(b) - place(a)
}

func TestFieldsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		bytes int64
		chunk int
		r     io.Reader
		words string
	}{
		{0, 8, nil, "want at least 1 of each"},
		{8, 0, nil, "want at least 1 of each"},
		{-1, 8, nil, "want at least 1 of each"},
		{math.MaxInt64, 8, nil, "do not fit into the address space"},
		{math.MaxInt64, math.MaxInt, nil, "do not fit into the address space"},
		{100, 8, strings.NewReader("too little"), "fill message at offset 8: unexpected EOF: there are fewer than 100 bytes"},
		{100, 8, iotest.ErrReader(errors.New("odd")), "fill message at offset 0: odd"},
	} {
		f, err := NewFields(c.r, c.bytes, c.chunk)
		if f != nil || err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%d bytes in messages of %d: error %v, want one that says %q", c.bytes, c.chunk, err, c.words)
		}
	}
}

// BenchmarkNewFields is what a run pays before each trial from memory.
func BenchmarkNewFields(b *testing.B) {
	content := numbered(16 << 20)
	for _, chunk := range []int{64, 4 << 10} {
		b.Run(strconv.Itoa(chunk), func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				f, err := NewFields(bytes.NewReader(content), int64(len(content)), chunk)
				if err != nil {
					b.Fatal(err)
				}
				if err := f.Free(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
