package kernel

import (
	"os"
	"testing"
	"unsafe"
)

func TestBufferIsAlignedZeroAndWritable(t *testing.T) {
	for _, size := range []int{1, 511, os.Getpagesize(), os.Getpagesize() + 1, 4 << 20} {
		b, err := Buffer(size)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != size {
			t.Errorf("Buffer(%d) has %d bytes", size, len(b))
		}
		if off := uintptr(unsafe.Pointer(&b[0])) % uintptr(os.Getpagesize()); off != 0 {
			t.Errorf("Buffer(%d) starts %d bytes into a page", size, off)
		}
		for i := range b {
			if b[i] != 0 {
				t.Fatalf("Buffer(%d): byte %d is %d, want 0", size, i, b[i])
			}
			b[i] = byte(i)
		}
		if err := Free(b[:1]); err != nil {
			t.Errorf("Free a shorter slice of Buffer(%d): %v", size, err)
		}
	}
}

func TestBufferRejectsWhatIsNoSize(t *testing.T) {
	for _, size := range []int{0, -1} {
		if b, err := Buffer(size); err == nil || b != nil {
			t.Errorf("Buffer(%d) = %d bytes, %v; want an error and nothing else", size, len(b), err)
		}
	}
}
