package copypaths

import (
	"errors"
	"math"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// TestPipeSmallerThanAChunk: a chunk then takes several rounds, each of them through the pipe to its end.
func TestPipeSmallerThanAChunk(t *testing.T) {
	page := os.Getpagesize()
	const size, chunk, bytes = 1<<20 + 5, 64 << 10, 3 << 20
	content := payload(size, 24)
	p, _ := Find(FromFile, "splice")
	s, to := setUp(t, p, content, chunk, 0)
	m := s.Mover.(*spliceMover)
	if got := m.Settings()["pipe_bytes"]; got != strconv.Itoa(m.pipe.Bytes) || m.pipe.Bytes < chunk {
		t.Errorf("settings say %s bytes, the pipe %d; want at least the chunk", got, m.pipe.Bytes)
	}
	if _, err := unix.FcntlInt(uintptr(m.pipe.In), unix.F_SETPIPE_SZ, page); err != nil {
		t.Fatal(err)
	}
	result := take("checksum", to, math.MaxInt64)
	operations, err := Stream(s, 7, bytes, size, chunk, newHistogram())
	if err != nil {
		t.Error(err)
	}
	if n := m.Syscalls()["splice"]; n < 2*bytes/int64(page) {
		t.Errorf("%d times splice for %d operations through a pipe of one page, want two for each page", n, operations)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if got, want := <-result, checksumOf(content, 7, bytes); got.err != nil || got.sum != want {
		t.Errorf("receiver got %d bytes of checksum %s, error %v; want %s", got.bytes, got.sum, got.err, want)
	}
}

// TestPipeIsRecordedWhereItIsSmaller: a chunk larger than any pipe may be gets the largest, and that is what is recorded.
func TestPipeIsRecordedWhereItIsSmaller(t *testing.T) {
	p, _ := Find(FromFile, "splice")
	s, to := setUp(t, p, payload(1<<10, 25), 16<<20, 0)
	defer unix.Close(to)
	bytes, err := strconv.Atoi(s.Mover.(Describer).Settings()["pipe_bytes"])
	if err != nil || bytes < os.Getpagesize() || bytes != s.Mover.(*spliceMover).pipe.Bytes {
		t.Errorf("pipe of %d bytes, error %v", bytes, err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

// TestPipeThatMayNotGrow opens so many pipes that the kernel grants this user no more pages (pipe-user-pages-soft): the path's own
// is then smaller than a chunk, which is recorded, and the bytes go through it all the same.
func TestPipeThatMayNotGrow(t *testing.T) {
	const size, chunk, most = 1<<20 + 5, 256 << 10, 400
	content := payload(size, 28)
	for _, id := range []string{"splice", "uring-splice"} {
		t.Run(id, func(t *testing.T) {
			p := named(t, id)
			available(t, p)
			withoutCapabilities(t, func() {
				var others []*kernel.Pipe
				defer func() {
					for _, pipe := range others {
						if err := pipe.Close(); err != nil {
							t.Error(err)
						}
					}
				}()
				fill := func() bool {
					for small := false; !small; small = others[len(others)-1].Bytes <= 2*os.Getpagesize() {
						if len(others) == most {
							t.Skipf("%d pipes of this user are as large as asked for: this machine has a high limit, or none", most)
						}
						pipe, err := kernel.OpenPipe(1 << 20)
						if err != nil {
							t.Error(err)
							return false
						}
						others = append(others, pipe)
					}
					return true
				}
				if !fill() {
					return
				}
				s, to := setUp(t, p, content, chunk, 0)
				// Another process of this user may close a pipe at any time, which leaves room for one that is larger.
				for range 20 {
					if size, err := unix.FcntlInt(uintptr(pipeOf(s).In), unix.F_GETPIPE_SZ, 0); err != nil || size < chunk {
						break
					}
					dropped := take("checksum", to, math.MaxInt64)
					if err := s.close(); err != nil {
						t.Error(err)
					}
					<-dropped
					if !fill() {
						return
					}
					s, to = setUp(t, p, content, chunk, 0)
				}
				real, err := unix.FcntlInt(uintptr(pipeOf(s).In), unix.F_GETPIPE_SZ, 0)
				if told := s.Mover.(Describer).Settings()["pipe_bytes"]; err != nil || told != strconv.Itoa(real) || real >= chunk {
					t.Errorf("pipe_bytes is %s, of a pipe of %d, error %v; want less than a chunk of %d", told, real, err, chunk)
				}
				result := take("checksum", to, math.MaxInt64)
				if err := errors.Join(streamFrom(t, s, 7, 2*size), s.close()); err != nil {
					t.Error(err)
				}
				if got, want := <-result, checksumOf(content, 7, 2*size); got.err != nil || got.sum != want {
					t.Errorf("receiver got %d bytes of checksum %s, error %v; want %s", got.bytes, got.sum, got.err, want)
				}
			}, unix.CAP_SYS_RESOURCE, unix.CAP_SYS_ADMIN)
		})
	}
}

// TestNothingFollowsAFailedChunk: what a failure left in the pipe must not go out as if it were the next chunk.
func TestNothingFollowsAFailedChunk(t *testing.T) {
	const chunk = 64 << 10
	p, _ := Find(FromFile, "splice")
	s, to := setUp(t, p, payload(1<<20, 26), chunk, 0)
	if err := unix.SetNonblock(s.ends.Socket, true); err != nil {
		t.Error(err)
	}
	wantError(t, streamSoon(t, s, 1<<30), []error{unix.EAGAIN}, "splice to socket")
	if err := unix.SetNonblock(s.ends.Socket, false); err != nil {
		t.Error(err)
	}
	if err := s.Move(0, chunk); err == nil {
		t.Error("a chunk was moved through a pipe that holds another's bytes")
	}
	if err := unix.Close(to); err != nil {
		t.Error(err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

// pipeOf is the pipe between a splicing path's two calls.
func pipeOf(s *sending) *kernel.Pipe {
	if m, ok := s.Mover.(*uringSpliceMover); ok {
		return m.pipe
	}
	return s.Mover.(*spliceMover).pipe
}
