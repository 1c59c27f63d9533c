package copypaths

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// TestStreamsShareMemory: what a path takes to have several chunks under way is bounded for all streams together, one alone has
// what it always had, and the bytes are right with as little as two.
func TestStreamsShareMemory(t *testing.T) {
	for _, c := range []struct {
		path    string
		setting string
		chunk   int
		want    map[int]string // by streams
	}{
		{"read-zerocopy", "ring_depth", 64 << 10, map[int]string{0: "64", 1: "64", 10: "6", 1000: "2"}},
		{"read-zerocopy", "ring_depth", 4 << 20, map[int]string{0: "2", 1: "2", 1000: "2"}},
		{"mmap-zerocopy", "ring_depth", 64 << 10, map[int]string{0: "64", 1: "64", 10: "6", 1000: "2"}},
		{"memory/send-zerocopy", "ring_depth", 64 << 10, map[int]string{0: "64", 1: "64", 10: "6", 1000: "2"}},
		{"memory/send-zerocopy", "ring_depth", 64, map[int]string{0: "64", 1: "64", 1000: "64"}},
		{"uring-read-send", "ring_depth", 64 << 10, map[int]string{0: "8", 1: "8", 1000: "8"}}, // which has one buffer
		{"uring-send-zc", "ring_buffers", 64 << 10, map[int]string{0: "32", 1: "32", 10: "3", 1000: "2"}},
		{"uring-send-zc", "ring_buffers", 2 << 20, map[int]string{0: "1", 1: "1", 1000: "1"}},
		{"memory/uring-send", "ring_depth", 64 << 10, map[int]string{0: "8", 1: "8", 10: "3", 1000: "2"}},
		{"memory/uring-send", "ring_depth", 64, map[int]string{0: "8", 1: "8", 1000: "8"}},
		{"memory/uring-send-zc", "ring_buffers", 64 << 10, map[int]string{0: "32", 1: "32", 10: "3", 1000: "2"}},
		{"memory/uring-send-zc", "ring_buffers", 2 << 20, map[int]string{0: "1", 1: "1", 1000: "1"}},
		{"splice", "pipe_bytes", 512 << 10, map[int]string{0: "524288", 1: "524288", 64: "524288", 128: "262144"}},
		{"uring-splice", "pipe_bytes", 512 << 10, map[int]string{0: "524288", 1: "524288", 128: "262144"}},
	} {
		for streams, want := range c.want {
			t.Run(fmt.Sprintf("%s/chunk=%d/streams=%d", c.path, c.chunk, streams), func(t *testing.T) {
				size := 5*c.chunk + 100
				content := payload(size, 30)
				s, to := setUpAmong(t, streams, named(t, c.path), content, c.chunk, 0)
				if got := s.Mover.(Describer).Settings()[c.setting]; got != want {
					t.Errorf("%s is %s, want %s", c.setting, got, want)
				}
				result := take("checksum", to, math.MaxInt64)
				if err := errors.Join(streamSoon(t, s, int64(2*size)), s.close()); err != nil {
					t.Error(err)
				}
				if got, want := <-result, checksumOf(content, 0, int64(2*size)); got.err != nil || got.sum != want {
					t.Errorf("receiver got %d bytes of checksum %s, error %v; want %s", got.bytes, got.sum, got.err, want)
				}
			})
		}
	}
}

// TestAThousandStreams opens a thousand Movers of a path at once, on memory or a file that they share, and moves a chunk by each.
func TestAThousandStreams(t *testing.T) {
	streams := 1000
	if os.Geteuid() != 0 {
		streams = 200 // buffers that are registered count against the locked memory of an ordinary user
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	const perStream, others = 6, 200 // descriptors: two sockets, the file, a pipe's or a ring's
	if limit.Cur < uint64(perStream*streams+others) {
		streams = int(limit.Cur-others) / perStream
		t.Logf("this process may open %d files (ulimit -n): %d streams", limit.Cur, streams)
	}
	const chunk, size = 2 << 10, 64 << 10
	content := payload(size, 31)
	memory, err := NewFields(bytes.NewReader(content), size, chunk)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := memory.Free(); err != nil {
			t.Error(err)
		}
	}()
	dir := t.TempDir()
	for _, p := range moving() {
		if p.Connection != Descriptor || p.Direct {
			continue // the Go library's choice; and direct I/O has no ring of its own
		}
		t.Run(name(p), func(t *testing.T) {
			available(t, p)
			file, err := writePayload(dir, content)
			if err != nil {
				t.Fatal(err)
			}
			open := make([]*stream, 0, streams)
			for range streams {
				s, err := openStream(p, Ends{FileSize: size, Memory: memory, Chunk: chunk, Streams: streams}, file.Name())
				if err != nil {
					t.Errorf("open stream %d of %d: %v", len(open)+1, streams, err)
					break
				}
				open = append(open, s)
			}
			for i, s := range open {
				off := int64(i) * chunk % size
				if err := errors.Join(s.mover.Move(off, chunk), flush(s.mover)); err != nil {
					t.Errorf("stream %d of %d: %v", i+1, streams, err)
				}
			}
			got := make([]byte, chunk)
			for i, s := range open {
				off := i * chunk % size
				if n, _, err := unix.Recvfrom(s.receiver, got, unix.MSG_WAITALL); n != chunk || err != nil || !bytes.Equal(got, content[off:off+chunk]) {
					t.Errorf("stream %d of %d: %d bytes arrived, error %v; want the %d at %d", i+1, streams, n, err, chunk, off)
				}
			}
			for _, s := range open {
				if err := s.close(); err != nil {
					t.Error(err)
				}
			}
			if err := file.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// stream is one of many connections, and a path on it.
type stream struct {
	file             *os.File
	buffer           []byte
	sender, receiver int
	mover            Mover
}

func openStream(p Path, e Ends, file string) (s *stream, err error) {
	s = &stream{sender: -1, receiver: -1}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.file, err = os.Open(file); err != nil {
		return s, err
	}
	if s.buffer, err = kernel.Buffer(e.Chunk); err != nil {
		return s, err
	}
	if s.sender, s.receiver, err = connection(0); err != nil {
		return s, err
	}
	e.File, e.Buffer, e.Socket = s.file, s.buffer, s.sender
	s.mover, err = p.Open(e)
	return s, err
}

func (s *stream) close() error {
	var errs []error
	if s.mover != nil {
		errs = append(errs, s.mover.Close())
	}
	for _, fd := range []int{s.sender, s.receiver} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	if s.buffer != nil {
		errs = append(errs, kernel.Free(s.buffer))
	}
	if s.file != nil {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(errs...)
}

// TestAfter: what is left of a message's fields when a sendmsg was cut short.
func TestAfter(t *testing.T) {
	fields := [][]byte{[]byte("a"), []byte("bcd"), []byte("ef"), []byte("ghij")}
	const whole = "abcdefghij"
	for n := range len(whole) {
		vectors := make([]unix.Iovec, len(fields))
		for i, f := range fields {
			vectors[i].Base = &f[0]
			vectors[i].SetLen(len(f))
		}
		var got []byte
		for _, v := range after(vectors, n) {
			got = append(got, unsafe.Slice(v.Base, v.Len)...)
		}
		if string(got) != whole[n:] {
			t.Errorf("after %d bytes %q is left, want %q", n, got, whole[n:])
		}
	}
}
