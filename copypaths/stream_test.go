package copypaths

import (
	"errors"
	"math"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// recorder is a Mover that checks each range as it comes: within the file, no larger than the chunk, and beginning
// where the last one ended.
type recorder struct {
	fileSize int64
	chunk    int
	next     int64
	moved    int64
	left     int64 // operations after which it fails, so that a fuzzed 2^63 bytes end
	broken   error
}

var errEnough = errors.New("enough")

func (r *recorder) Move(off int64, n int) error {
	switch {
	case n < 1 || n > r.chunk:
		r.broken = errors.New("an operation of the wrong size")
	case off < 0 || off >= r.fileSize || int64(n) > r.fileSize-off:
		r.broken = errors.New("a range outside the file")
	case off != r.next:
		r.broken = errors.New("a range that does not follow the last")
	}
	if r.broken != nil {
		return r.broken
	}
	if r.left--; r.left < 0 {
		return errEnough
	}
	r.moved += int64(n)
	r.next = (off + int64(n)) % r.fileSize
	return nil
}

func (r *recorder) Syscalls() map[string]int64 { return nil }
func (r *recorder) Close() error               { return nil }

func FuzzStream(f *testing.F) {
	f.Add(int64(0), int64(10), int64(10), 3)
	f.Add(int64(7), int64(100), int64(10), 64)
	f.Add(int64(9), int64(1), int64(10), 1)
	f.Add(int64(25), int64(0), int64(10), 4)
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64), math.MaxInt)
	f.Add(int64(math.MaxInt64-1), int64(math.MaxInt64), int64(math.MaxInt64), math.MaxInt)
	f.Add(int64(-1), int64(1), int64(1), 1)
	f.Add(int64(0), int64(-1), int64(1), 1)
	f.Add(int64(0), int64(1), int64(0), 1)
	f.Add(int64(0), int64(1), int64(1), 0)
	latency := hdrhistogram.New(1, 3_600_000_000_000, 3)
	f.Fuzz(func(t *testing.T, start, bytes, fileSize int64, chunk int) {
		latency.Reset()
		const most = 1000
		r := &recorder{fileSize: fileSize, chunk: chunk, left: most}
		if fileSize > 0 && start > 0 {
			r.next = start % fileSize
		}
		operations, err := Stream(r, start, bytes, fileSize, chunk, latency)
		if operations != latency.TotalCount() {
			t.Errorf("%d operations, but %d latencies", operations, latency.TotalCount())
		}
		if start < 0 || bytes < 0 || fileSize < 1 || chunk < 1 {
			if err == nil || operations != 0 {
				t.Errorf("%d operations, error %v; want an error and nothing moved", operations, err)
			}
			return
		}
		switch {
		case errors.Is(err, errEnough):
			if operations != most {
				t.Errorf("%d operations, want the %d that succeeded", operations, most)
			}
			return
		case err != nil:
			t.Fatal(err)
		case r.moved != bytes:
			t.Errorf("moved %d bytes, want %d", r.moved, bytes)
		}
		// Whole chunks, and at most one short one for the end and for each wrap.
		if least := bytes / int64(chunk); operations < least || operations-least > 2+bytes/fileSize {
			t.Errorf("%d operations for %d bytes in chunks of %d of a file of %d", operations, bytes, chunk, fileSize)
		}
	})
}

func TestStreamTellsWhereItFailed(t *testing.T) {
	r := &recorder{fileSize: 100, chunk: 30, left: 5}
	operations, err := Stream(r, 0, 1000, 100, 30, hdrhistogram.New(1, 1<<40, 3))
	if operations != 5 || !errors.Is(err, errEnough) || err.Error() != "move 30 bytes at offset 30: enough" {
		t.Errorf("%d operations, error %v; want 5 and an error that names the 30 bytes at offset 30", operations, err)
	}
	// A histogram that can't hold a latency is an error too: no operation goes unrecorded.
	full := hdrhistogram.New(1, 2, 1)
	if _, err := Stream(slow{}, 0, 10, 10, 1, full); err == nil {
		t.Error("an operation that does not fit into the histogram went unnoticed")
	}
}

// slow takes longer than the histogram of the test can hold.
type slow struct{ nullMover }

func (slow) Move(int64, int) error {
	for i := range 100_000 {
		_ = math.Sqrt(float64(i))
	}
	return nil
}
