package copypaths

import (
	"math"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPipeSmallerThanAChunk: a chunk then takes several rounds, each of them through the pipe to its end.
func TestPipeSmallerThanAChunk(t *testing.T) {
	page := os.Getpagesize()
	const size, chunk, bytes = 1<<20 + 5, 64 << 10, 3 << 20
	content := payload(size, 24)
	p, _ := Find("splice")
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
	p, _ := Find("splice")
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

// TestNothingFollowsAFailedChunk: what a failure left in the pipe must not go out as if it were the next chunk.
func TestNothingFollowsAFailedChunk(t *testing.T) {
	const chunk = 64 << 10
	p, _ := Find("splice")
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
