package copypaths

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Stream moves bytes through m chunk by chunk, from the offset start of a file of fileSize bytes, going on from its
// beginning at its end. Each operation's time in nanoseconds goes into latency: the clock is read once per operation, so
// that the end of one is the start of the next. It returns the number of operations.
//
// A Mover that is a Flusher is flushed once, after its last operation: whoever times Stream times that too.
//
// Of memory, start and fileSize are those of its messages (Fields): start is where one begins, and each operation moves one.
//
// Nothing is allocated. The only work besides Move is one clock read and one histogram record. The clock is the
// monotonic one (CLOCK_MONOTONIC on Linux). start may lie beyond the file: it counts modulo its size.
func Stream(m Mover, start, bytes, fileSize int64, chunk int, latency *hdrhistogram.Histogram) (operations int64, err error) {
	if start < 0 || bytes < 0 || fileSize < 1 || chunk < 1 {
		return 0, fmt.Errorf("stream %d bytes from offset %d of a file of %d bytes in chunks of %d: want no negative number, and at least 1 byte of file and chunk",
			bytes, start, fileSize, chunk)
	}
	flusher, flushes := m.(Flusher)
	epoch := time.Now()
	var last time.Duration
	off := start % fileSize
	for left := bytes; left > 0; {
		n := min(int64(chunk), left, fileSize-off)
		if err := m.Move(off, int(n)); err != nil {
			return operations, fmt.Errorf("move %d bytes at offset %d: %w", n, off, err)
		}
		now := time.Since(epoch)
		if err := latency.RecordValue(max(1, int64(now-last))); err != nil {
			return operations, fmt.Errorf("record an operation of %v: %w", now-last, err)
		}
		last = now
		operations++
		left -= n
		if off += n; off == fileSize {
			off = 0
		}
	}
	if flushes {
		if err := flusher.Flush(); err != nil {
			return operations, fmt.Errorf("flush after %d operations: %w", operations, err)
		}
	}
	return operations, nil
}
