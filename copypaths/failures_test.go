//go:build unix

package copypaths

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests here break something under every path: it must say soon what failed and why, and leave nothing open, which
// TestMain checks.

// streamSoon streams, and ends the test binary with every goroutine's stack if that hangs.
func streamSoon(t *testing.T, s *sending, bytes int64) error {
	t.Helper()
	hangs := time.AfterFunc(time.Minute, func() { panic("Stream hangs in " + t.Name()) })
	defer hangs.Stop()
	_, err := Stream(s, 0, bytes, s.ends.FileSize, s.ends.Chunk, newHistogram())
	return err
}

// wantError checks that err is one of those and says these words.
func wantError(t *testing.T, err error, anyOf []error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one of %v", anyOf)
	}
	one := false
	for _, e := range anyOf {
		one = one || errors.Is(err, e)
	}
	if !one {
		t.Errorf("error %q is none of %v", err, anyOf)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

// call is the word with which a path's errors name what failed.
func call(p Path) string {
	switch p.ID {
	case "go-io-copy":
		return "io.Copy"
	case "go-copy-buffer":
		return "io.CopyBuffer"
	case "uring-read-send", "uring-send":
		return "IORING_OP_SEND"
	case "uring-send-zc":
		return "IORING_OP_SEND_ZC"
	case "uring-splice":
		return "IORING_OP_SPLICE"
	}
	return p.Syscalls[len(p.Syscalls)-1]
}

func TestReceiverResets(t *testing.T) {
	for _, p := range moving() {
		t.Run(name(p), func(t *testing.T) {
			s, to := setUp(t, p, payload(1<<20, 3), 64<<10, 0)
			// Closing with SO_LINGER of 0 seconds resets the connection.
			if err := unix.SetsockoptLinger(to, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
				t.Error(err)
			}
			result := take("recv", to, 100_000)
			err := streamSoon(t, s, 1<<30)
			wantError(t, err, []error{unix.ECONNRESET, unix.EPIPE}, call(p)+" to socket", "the receiver has gone", "of 65536 bytes of this chunk were sent")
			if got := <-result; got.err != nil || got.bytes != 100_000 {
				t.Errorf("receiver got %d bytes, error %v", got.bytes, got.err)
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFileCutShort(t *testing.T) {
	const size = 1 << 20
	for _, p := range moving() {
		if p.Source == FromMemory {
			continue
		}
		t.Run(name(p), func(t *testing.T) {
			s, to := setUp(t, p, payload(size, 4), 64<<10, 0)
			if err := os.Truncate(s.ends.File.Name(), size/2); err != nil {
				t.Fatal(err)
			}
			result := take("recv", to, math.MaxInt64)
			err := streamSoon(t, s, size)
			if p.ID == "mmap-write" || p.ID == "mmap-zerocopy" {
				wantError(t, err, []error{unix.EFAULT}, call(p)+" to socket", "shorter than its mapping")
			} else {
				wantError(t, err, []error{io.ErrUnexpectedEOF}, fileCall(p)+" from file", fmt.Sprintf("the file ends at offset %d", size/2))
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got := <-result; got.err != nil || got.bytes != size/2 {
				t.Errorf("receiver got %d bytes, error %v; want the %d that the file had", got.bytes, got.err, size/2)
			}
		})
	}
}

// fileCall is the word with which a path's errors name what read the file.
func fileCall(p Path) string {
	switch p.ID {
	case "uring-read-send", "uring-send-zc":
		return "IORING_OP_READ_FIXED"
	case "uring-splice":
		return "IORING_OP_SPLICE"
	}
	if p.Connection == Descriptor {
		return p.Syscalls[0]
	}
	return call(p)
}

func TestSocketShutDown(t *testing.T) {
	for _, p := range moving() {
		t.Run(name(p), func(t *testing.T) {
			s, to := setUp(t, p, payload(1<<20, 5), 64<<10, 0)
			var err error
			if s.ends.Conn != nil {
				err = s.ends.Conn.CloseWrite()
			} else {
				err = unix.Shutdown(s.ends.Socket, unix.SHUT_WR)
			}
			if err := errors.Join(err, unix.Close(to)); err != nil {
				t.Error(err)
			}
			wantError(t, streamSoon(t, s, 1<<20), []error{unix.EPIPE}, call(p)+" to socket", "; 0 of 65536 bytes")
			if err := s.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSocketClosed(t *testing.T) {
	for _, p := range moving() {
		t.Run(name(p), func(t *testing.T) {
			s, to := setUp(t, p, payload(1<<20, 6), 64<<10, 0)
			if err := errors.Join(s.closeSocket(), unix.Close(to)); err != nil {
				t.Error(err)
			}
			s.closeSocket = nil
			wantError(t, streamSoon(t, s, 1<<20), []error{unix.EBADF, net.ErrClosed}, call(p)+" to socket", "was closed")
			if err := s.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSocketNotBlocking(t *testing.T) {
	for _, p := range moving() {
		if p.Connection != Descriptor {
			continue
		}
		t.Run(name(p), func(t *testing.T) {
			s, to := setUp(t, p, payload(1<<20, 7), 64<<10, 0)
			if err := unix.SetNonblock(s.ends.Socket, true); err != nil {
				t.Error(err)
			}
			if strings.HasPrefix(p.ID, "uring-") && p.ID != "uring-splice" {
				// io_uring waits for a socket by a poll of its own, whatever O_NONBLOCK says.
				result := take("recv", to, math.MaxInt64)
				if err := errors.Join(streamSoon(t, s, 64<<20), s.close()); err != nil {
					t.Error(err)
				}
				if got := <-result; got.err != nil || got.bytes != 64<<20 {
					t.Errorf("receiver got %d bytes, error %v", got.bytes, got.err)
				}
				return
			}
			// Nobody receives, so that the buffers fill up.
			err := streamSoon(t, s, 1<<30)
			if p.ID == "direct-sendfile" && errors.Is(err, unix.EINVAL) {
				// Older kernels (seen on 6.1) take what fits, and the rest can't be read past the page cache.
				wantError(t, err, []error{unix.EINVAL}, "direct I/O on this file begins at multiples of", "of this chunk were sent")
			} else {
				wantError(t, err, []error{unix.EAGAIN}, call(p)+" to socket", "not a blocking one")
			}
			if err := errors.Join(s.close(), unix.Close(to)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOpenRejectsBadEnds(t *testing.T) {
	file, err := writePayload(t.TempDir(), []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	sender, receiver, err := connection(0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sender)
	defer unix.Close(receiver)
	memory, err := NewFields(file, 7, 8)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := memory.Free(); err != nil {
			t.Error(err)
		}
	}()
	good := Ends{File: file, FileSize: 7, Memory: memory, Chunk: 8, Buffer: make([]byte, 8), Conn: &net.TCPConn{}, Socket: sender}
	with := func(change func(*Ends)) Ends {
		e := good
		change(&e)
		return e
	}
	for _, p := range moving() {
		available(t, p)
		for words, bad := range map[string]Ends{
			"no file":            with(func(e *Ends) { e.File = nil }),
			"file of 0 bytes":    with(func(e *Ends) { e.FileSize = 0 }),
			"no memory":          with(func(e *Ends) { e.Memory = nil }),
			"messages of 8":      with(func(e *Ends) { e.Chunk = 7 }),
			"chunk of 0 bytes":   with(func(e *Ends) { e.Chunk = 0 }),
			"smaller than the":   with(func(e *Ends) { e.Buffer = e.Buffer[:7] }),
			"no *net.TCPConn":    with(func(e *Ends) { e.Conn = nil }),
			"chunk of -1 bytes:": with(func(e *Ends) { e.Chunk = -1 }),
		} {
			wants := true
			switch words {
			case "no file", "file of 0 bytes":
				wants = p.Source == FromFile
			case "no memory", "messages of 8":
				wants = p.Source == FromMemory
			case "smaller than the": // the others use no buffer, or their own
				wants = slices.Contains([]string{"read-write", "read-zerocopy", "go-copy-buffer", "send", "send-zerocopy"}, p.ID)
			case "no *net.TCPConn":
				wants = p.Connection == GoConn
			}
			m, err := p.Open(bad)
			if wants != (err != nil) || err != nil && !strings.Contains(err.Error(), words) {
				t.Errorf("open %s: error %v, want one that says %q: %v", name(p), err, words, wants)
			}
			if err == nil {
				if err := m.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// TestMessagesThatAreNot: a path from memory sends whole messages, or says which there are.
func TestMessagesThatAreNot(t *testing.T) {
	const size, chunk = 1000, 64
	for _, p := range moving() {
		if p.Source != FromMemory {
			continue
		}
		t.Run(name(p), func(t *testing.T) {
			content := payload(size, 14)
			s, to := setUp(t, p, content, chunk, 0)
			result := take("checksum", to, math.MaxInt64)
			for _, c := range []struct {
				off   int64
				n     int
				words string
			}{
				{1, 10, "messages have 64 bytes each, and a path from memory begins with a whole one; use a multiple of that"},
				{-64, 64, "there are 1000 bytes in messages of 64"},
				{960, 41, "there are 1000 bytes in messages of 64"},
				{1024, 1, "there are 1000 bytes in messages of 64"},
				{0, 65, "there are 1000 bytes in messages of 64"},
			} {
				if err := s.Move(c.off, c.n); err == nil || !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), fmt.Sprintf("at offset %d", c.off)) {
					t.Errorf("%d bytes at offset %d: error %v, want one that says %q", c.n, c.off, err, c.words)
				}
			}
			// None of that was sent, and the path goes on.
			if err := errors.Join(s.Move(960, 40), s.Move(64, 64), s.Flush(), s.close()); err != nil {
				t.Error(err)
			}
			want := append(append([]byte{}, content[960:]...), content[64:128]...)
			if got := <-result; got.err != nil || got.sum != checksumOf(want, 0, int64(len(want))) {
				t.Errorf("receiver got %d bytes of checksum %s, error %v; want %d others", got.bytes, got.sum, got.err, len(want))
			}
		})
	}
}
