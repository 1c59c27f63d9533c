//go:build unix

package copypaths

import (
	"errors"
	"fmt"
	"math"
	"testing"
)

func TestBytesArrive(t *testing.T) {
	for _, c := range []struct {
		chunk              int
		file, start, bytes int64
	}{
		{1, 777, 0, 777},
		{1, 777, 5, 2001},
		{511, 10_007, 3, 35_000},
		{4 << 10, 1<<20 + 1, 4096, 3 << 20},
		{4 << 10, 1 << 20, 0, 1 << 20},
		{64 << 10, 300_001, 299_999, 2 << 20},
		{64 << 10, 5, 2, 1001},                        // the chunk is larger than the file
		{64 << 10, 256 << 10, 256<<10 + 7, 512 << 10}, // the start lies beyond the end
		{4 << 20, 9<<20 + 17, 123_457, 21 << 20},
		// What paths from memory take: whole messages, but at the end of the memory, and of what is sent.
		{3, 1000, 999, 5000},
		{8, 8 * 100, 16, 3001},
		{9, 1000, 9 * 50, 5000},
		{64, 10_007, 64 * 3, 100_000},
		{100, 10_007, 10_000, 50_001},
		{511, 10_007, 511 * 2, 35_000},
		// What direct I/O takes: whole blocks, but at the end of the file.
		{64 << 10, 5, 0, 1000},
		{64 << 10, 300_001, 0, 900_003},
		{64 << 10, 300_001, 128 << 10, 300_001 - 128<<10},
		{4 << 20, 9<<20 + 17, 4 << 20, 14<<20 + 34},
	} {
		content := payload(int(c.file), 1)
		want := checksumOf(content, c.start, c.bytes)
		for _, p := range moving() {
			if p.Direct && !wholeBlocks(p, c.file, c.start, c.bytes, c.chunk) ||
				p.Source == FromMemory && c.start%c.file%int64(c.chunk) != 0 {
				continue
			}
			t.Run(fmt.Sprintf("%s/chunk=%d/file=%d/start=%d/bytes=%d", name(p), c.chunk, c.file, c.start, c.bytes), func(t *testing.T) {
				s, to := setUp(t, p, content, c.chunk, 0)
				result := take("checksum", to, math.MaxInt64)
				latency := newHistogram()
				operations, err := Stream(s, c.start, c.bytes, c.file, c.chunk, latency)
				if err := errors.Join(err, s.close()); err != nil {
					t.Error(err)
				}
				got := <-result
				if got.err != nil || got.bytes != c.bytes || got.sum != want {
					t.Errorf("receiver got %d bytes of checksum %s, error %v; want %d of %s", got.bytes, got.sum, got.err, c.bytes, want)
				}
				if latency.TotalCount() != operations || operations < c.bytes/int64(c.chunk) {
					t.Errorf("%d operations, %d latencies, for %d bytes in chunks of %d", operations, latency.TotalCount(), c.bytes, c.chunk)
				}
			})
		}
	}
}

// directBlock is a multiple of what any disk asks of direct I/O.
const directBlock = 4096

// wholeBlocks tells whether a direct path can stream that. What such a path says of anything else is tested apart.
func wholeBlocks(p Path, file, start, bytes int64, chunk int) bool {
	end := (start + bytes) % file
	return start%directBlock == 0 && start < file && (chunk%directBlock == 0 || int64(chunk) >= file) && (end%directBlock == 0 || !p.WholeBlocks)
}

// TestMoveAnywhere moves chunks in an order in which no file stands where it should.
func TestMoveAnywhere(t *testing.T) {
	for _, p := range moving() {
		t.Run(name(p), func(t *testing.T) {
			content := payload(10_000, 2)
			offsets := []int64{9000, 0, 5000, 5000, 1, 6000, 0}
			chunk := 1000
			if p.Direct {
				chunk = directBlock
				content = payload(10*chunk, 2)
				for i, n := range []int64{9, 0, 5, 5, 1, 6, 0} {
					offsets[i] = n * directBlock
				}
			}
			if p.Source == FromMemory {
				offsets = []int64{9000, 0, 5000, 5000, 1000, 6000, 0}
			}
			var expect []byte
			for _, off := range offsets {
				expect = append(expect, content[off:off+int64(chunk)]...)
			}
			s, to := setUp(t, p, content, chunk, 4321)
			result := take("checksum", to, math.MaxInt64)
			for _, off := range offsets {
				if err := s.Move(off, chunk); err != nil {
					t.Error(err)
				}
			}
			if err := errors.Join(s.Flush(), s.close()); err != nil {
				t.Error(err)
			}
			if got, want := <-result, checksumOf(expect, 0, int64(len(expect))); got.sum != want {
				t.Errorf("receiver got %d bytes of checksum %s, error %v; want %d of %s", got.bytes, got.sum, got.err, len(expect), want)
			}
		})
	}
}

// TestDedicated checks that raw system calls move the same bytes. All of them fit into the socket's buffers: the receiver
// is in this process, so that no call may have to wait for it.
func TestDedicated(t *testing.T) {
	const size, chunk = 50_007, 4 << 10
	content := payload(size, 10)
	for _, p := range moving() {
		if p.Connection != Descriptor {
			continue
		}
		start, bytes := int64(777), int64(60_000)
		if p.Direct {
			start, bytes = 8192, size-8192+size
		}
		if p.Source == FromMemory {
			start = 3 * chunk
		}
		t.Run(name(p), func(t *testing.T) {
			available(t, p)
			file, err := writePayload(t.TempDir(), content)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			from, to, err := connection(1 << 20)
			if err != nil {
				t.Fatal(err)
			}
			s, err := openSending(p, file, size, chunk, from, true)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Stream(s, start, bytes, size, chunk, newHistogram())
			if err := errors.Join(err, s.close()); err != nil {
				t.Error(err)
			}
			if got, want := <-take("checksum", to, math.MaxInt64), checksumOf(content, start, bytes); got.err != nil || got.sum != want {
				t.Errorf("receiver got %d bytes of checksum %s, error %v; want %d of %s", got.bytes, got.sum, got.err, bytes, want)
			}
		})
	}
}

// TestNothingIsAllocated counts the allocations of the whole process, the receiver's among them.
func TestNothingIsAllocated(t *testing.T) {
	// Many runs, since the runtime may start a thread meanwhile, which takes a few allocations.
	const runs, size, chunk = 100, 256 << 10, 4 << 10
	for _, p := range Catalogue() {
		if p.Connection == GoConn || p.TLS {
			continue // the Go library's choice
		}
		t.Run(name(p), func(t *testing.T) {
			s, to := setUp(t, p, payload(size, 11), chunk, 0)
			result := take("recv", to, math.MaxInt64)
			start := int64(12_345)
			if p.Direct || p.Source == FromMemory {
				start = directBlock
			}
			latency := newHistogram()
			if n := testing.AllocsPerRun(runs, func() {
				if _, err := Stream(s, start, size, size, chunk, latency); err != nil {
					t.Error(err)
				}
			}); n != 0 {
				t.Errorf("%v allocations per run of %d operations, want none", n, size/chunk)
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got := <-result; got.err != nil {
				t.Error(got.err)
			}
		})
	}
}
