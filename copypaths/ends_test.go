//go:build unix

package copypaths

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"

	"copylab/copypaths/receivers"
	"copylab/internal/kernel"
	"copylab/internal/testenv"
)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 3_600_000_000_000, 3) }

// payload is size bytes that no compressor shortens, the same for the same seed.
func payload(size int, seed uint64) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return b
}

// writePayload makes a file of that content and opens it for reading.
func writePayload(dir string, content []byte) (*os.File, error) {
	f, err := os.CreateTemp(dir, "payload")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		return nil, err
	}
	return os.Open(f.Name())
}

// checksumOf is the xxh64 of bytes bytes of content from the offset start on, over and over.
func checksumOf(content []byte, start, bytes int64) string {
	digest := xxhash.New()
	for off := start % int64(len(content)); bytes > 0; off = 0 {
		n := min(bytes, int64(len(content))-off)
		_, _ = digest.Write(content[off : off+n])
		bytes -= n
	}
	return fmt.Sprintf("%016x", digest.Sum64())
}

// connection makes a TCP connection on loopback: two raw blocking descriptors. A bufferBytes of 0 leaves the kernel's
// socket buffers as they are.
func connection(bufferBytes int) (sender, receiver int, err error) {
	fail := func(call string, err error) (int, int, error) { return -1, -1, fmt.Errorf("%s: %w", call, err) }
	listener, err := socket(bufferBytes)
	if err != nil {
		return fail("socket", err)
	}
	defer unix.Close(listener)
	if err := unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return fail("bind", err)
	}
	if err := unix.Listen(listener, 1); err != nil {
		return fail("listen", err)
	}
	address, err := unix.Getsockname(listener)
	if err != nil {
		return fail("getsockname", err)
	}
	if sender, err = socket(bufferBytes); err != nil {
		return fail("socket", err)
	}
	if err := unix.Connect(sender, address); err != nil {
		_ = unix.Close(sender)
		return fail("connect", err)
	}
	if receiver, _, err = unix.Accept(listener); err != nil {
		_ = unix.Close(sender)
		return fail("accept", err)
	}
	unix.CloseOnExec(receiver)
	return sender, receiver, nil
}

func socket(bufferBytes int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(fd)
	if bufferBytes > 0 {
		for _, option := range []int{unix.SO_SNDBUF, unix.SO_RCVBUF} {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, bufferBytes); err != nil {
				_ = unix.Close(fd)
				return -1, err
			}
		}
	}
	return fd, nil
}

// sending is a path opened on a file and one end of a connection, with all that it takes to do so.
type sending struct {
	Mover
	ends        Ends
	closeSocket func() error // nil once it is closed
}

// Flush lets a sending be streamed like the Mover in it.
func (s *sending) Flush() error {
	if f, ok := s.Mover.(Flusher); ok {
		return f.Flush()
	}
	return nil
}

// close gives back everything but the file.
func (s *sending) close() error {
	err := s.Close()
	if s.closeSocket != nil {
		err = errors.Join(err, s.closeSocket())
	}
	return errors.Join(err, s.free())
}

// free gives the memory back.
func (s *sending) free() error {
	var err error
	if s.ends.Memory != nil {
		err = s.ends.Memory.Free()
	}
	return errors.Join(err, kernel.Free(s.ends.Buffer))
}

// openSending opens p on file, or on memory with what that holds. It takes over the descriptor sender, and leaves file to the caller.
func openSending(p Path, file *os.File, size int64, chunk, sender int, dedicated bool) (*sending, error) {
	return openEnds(p, Ends{File: file, FileSize: size, Socket: sender, Chunk: chunk, Dedicated: dedicated})
}

// openEnds is openSending on ends that lack the memory.
func openEnds(p Path, e Ends) (*sending, error) {
	s, file, size, chunk, sender := &sending{ends: e}, e.File, e.FileSize, e.Chunk, e.Socket
	s.closeSocket = func() error { return unix.Close(sender) }
	if p.Connection == GoConn {
		of := os.NewFile(uintptr(sender), "sender")
		conn, err := net.FileConn(of)
		if err := errors.Join(err, of.Close()); err != nil {
			return nil, err
		}
		s.ends.Conn, s.closeSocket = conn.(*net.TCPConn), conn.Close
	}
	var err error
	if s.ends.Buffer, err = kernel.Buffer(chunk); err != nil {
		return nil, errors.Join(err, s.closeSocket())
	}
	if p.Source == FromMemory {
		if s.ends.Memory, err = NewFields(io.NewSectionReader(file, 0, size), size, chunk); err != nil {
			return nil, errors.Join(err, s.closeSocket(), s.free())
		}
		s.ends.File = nil
	}
	if s.Mover, err = p.Open(s.ends); err != nil {
		return nil, errors.Join(err, s.closeSocket(), s.free())
	}
	return s, nil
}

// taken is what a receiver got.
type taken struct {
	bytes    int64
	sum      string
	syscalls map[string]int64
	err      error
}

// take lets a receiver take all that comes until the sender closes, on a thread of its own, and closes the descriptor.
// limit ends it earlier.
func take(id string, receiver int, limit int64) <-chan taken {
	result := make(chan taken, 1)
	go func() {
		runtime.LockOSThread()
		result <- takeHere(id, receiver, limit, 0)
	}()
	return result
}

// takeHere does that on the calling thread, and rests before each take.
func takeHere(id string, receiver int, limit int64, rest time.Duration) (got taken) {
	defer func() { got.err = errors.Join(got.err, unix.Close(receiver)) }()
	buffer, err := kernel.Buffer(256 << 10)
	if err != nil {
		return taken{err: err}
	}
	defer func() { got.err = errors.Join(got.err, kernel.Free(buffer)) }()
	r, found := receivers.Find(id)
	if !found {
		return taken{err: fmt.Errorf("there is no receiver %q", id)}
	}
	t, err := r.Open(receivers.End{Socket: receiver, Buffer: buffer})
	if err != nil {
		return taken{err: err}
	}
	defer func() { got.err = errors.Join(got.err, t.Close()) }()
	for got.bytes < limit {
		time.Sleep(rest)
		n, err := t.Take(limit - got.bytes)
		got.bytes += n
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return taken{bytes: got.bytes, err: err}
		}
	}
	got.sum, got.syscalls = t.Sum(), t.Syscalls()
	return got
}

// available skips a path that this operating system does not have, and fails for one that it should have.
func available(t testing.TB, p Path) {
	t.Helper()
	if p.Connection == NoConnection {
		return
	}
	status := p.ProbeIn(t.TempDir())
	testenv.Require(t, testenv.Uring, !strings.HasPrefix(p.ID, "uring-") || status.State == kernel.StateAvailable, "%s", status.Reason)
	testenv.Require(t, testenv.Direct, !p.Direct || status.State != kernel.StateUnavailable, "%s", status.Reason)
	switch {
	case status.State == kernel.StateAvailable:
	case status.State == kernel.StateUnavailable && runtime.GOOS != "linux":
		t.Skip(status.Reason)
	default:
		t.Fatalf("path %s is %s: %s", p.ID, status.State, status.Reason)
	}
}

// name is a path's name among the paths from all sources.
func name(p Path) string {
	if p.Source == FromMemory {
		return "memory/" + p.ID
	}
	return p.ID
}

// named is its counterpart.
func named(t testing.TB, name string) Path {
	t.Helper()
	source, id := FromFile, name
	if of, found := strings.CutPrefix(name, "memory/"); found {
		source, id = FromMemory, of
	}
	p, found := Find(source, id)
	if !found {
		t.Fatalf("there is no path %s", name)
	}
	return p
}

// moving are the paths that move bytes. Those with TLS, whose other end has to be opened at the same time, have tests of
// their own.
func moving() []Path {
	var paths []Path
	for _, p := range Catalogue() {
		if p.Connection != NoConnection && !p.TLS {
			paths = append(paths, p)
		}
	}
	return paths
}

// setUp opens p on a file of that content, which stands at the offset at, and a new connection. It skips where there
// is no such path. The caller closes both s and the receiver's end.
func setUp(t testing.TB, p Path, content []byte, chunk int, at int64) (s *sending, receiver int) {
	t.Helper()
	return setUpAmong(t, 1, p, content, chunk, at)
}

// setUpAmong is setUp for one of several streams.
func setUpAmong(t testing.TB, streams int, p Path, content []byte, chunk int, at int64) (s *sending, receiver int) {
	t.Helper()
	available(t, p)
	file, err := writePayload(t.TempDir(), content)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if _, err := file.Seek(at, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	sender, receiver, err := connection(0)
	if err != nil {
		t.Fatal(err)
	}
	s, err = openEnds(p, Ends{File: file, FileSize: int64(len(content)), Socket: sender, Chunk: chunk, Streams: streams})
	if err != nil {
		_ = unix.Close(receiver)
		t.Fatal(err)
	}
	return s, receiver
}
