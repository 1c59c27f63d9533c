//go:build unix

package receivers_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"

	"copylab/copypaths/receivers"
	"copylab/internal/kernel"
)

// connected opens a receiver on a connection of its own, with a buffer of that many bytes.
func connected(t *testing.T, r receivers.Receiver, size int) (sender *net.TCPConn, taker receivers.Taker, buffer []byte, socket int) {
	t.Helper()
	switch status := r.Probe(); {
	case status.State == kernel.StateAvailable:
	case status.State == kernel.StateUnavailable && runtime.GOOS != "linux":
		t.Skip(status.Reason)
	default:
		t.Fatalf("receiver %s is %s: %s", r.ID, status.State, status.Reason)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	file, err := accepted.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	buffer = make([]byte, size)
	socket = int(file.Fd()) // also makes it a blocking one
	// A file that is small, so that it is written over again and again.
	taker, err = r.Open(receivers.End{Socket: socket, Buffer: buffer, Dir: t.TempDir(), FileBytes: 1_000_003})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := taker.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn.(*net.TCPConn), taker, buffer, socket
}

func TestTakeUntilTheSenderCloses(t *testing.T) {
	sent := bytes.Repeat([]byte("not of a length that anything divides"), 100_003)
	for _, r := range receivers.Catalogue() {
		t.Run(r.ID, func(t *testing.T) {
			conn, taker, buffer, _ := connected(t, r, 10_000)
			wrote := make(chan error, 1)
			go func() {
				_, err := conn.Write(sent)
				wrote <- errors.Join(err, conn.Close())
			}()
			var taken, calls int64
			for {
				limit := int64(math.MaxInt64)
				if calls%3 == 0 {
					limit = 1 + calls%7 // less than the buffer holds
				}
				n, err := taker.Take(limit)
				calls++
				if errors.Is(err, io.EOF) && n == 0 {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if n < 1 || n > min(limit, int64(len(buffer))) {
					t.Fatalf("took %d bytes, with a limit of %d and a buffer of %d", n, limit, len(buffer))
				}
				taken += n
			}
			if err := <-wrote; err != nil {
				t.Error(err)
			}
			if taken != int64(len(sent)) {
				t.Errorf("took %d bytes of %d", taken, len(sent))
			}
			least, most := calls, calls+10 // a few EINTR at most
			switch takingCall(r) {
			case "splice":
				least, most = 2*calls-1, 3*calls // the last finds the end; emptying the pipe may take more than one
			case "getsockopt":
				most = 2*calls + 10 // once more after each wait
			}
			if got := taker.Syscalls()[takingCall(r)]; got < least || got > most {
				t.Errorf("counted %v for %d takes, want %d to %d %s", taker.Syscalls(), calls, least, most, takingCall(r))
			}
			if m, ok := taker.(receivers.Mapper); ok {
				if mapped, copied := m.Mapped(); mapped+copied != taken {
					t.Errorf("took %d bytes, of which %d were mapped and %d copied", taken, mapped, copied)
				}
			}
			switch want := fmt.Sprintf("%016x", xxhash.Sum64(sent)); {
			case r.ID == "checksum" && taker.Sum() != want:
				t.Errorf("checksum %s, want %s", taker.Sum(), want)
			case r.ID != "checksum" && taker.Sum() != "":
				t.Errorf("checksum %q of bytes that nobody looked at", taker.Sum())
			}
			if untouched := bytes.Equal(buffer, make([]byte, len(buffer))); untouched != slices.Contains([]string{"discard", "splice-null", "file-splice"}, r.ID) {
				t.Errorf("buffer untouched: %v", untouched)
			}
		})
	}
}

// takingCall is the system call by which a receiver takes bytes off the socket, or that it makes first.
func takingCall(r receivers.Receiver) string {
	switch r.ID {
	case "splice-null", "file-splice":
		return "splice"
	case "zerocopy-receive":
		return "getsockopt"
	}
	return "recvfrom"
}

func TestTakeFails(t *testing.T) {
	for _, r := range receivers.Catalogue() {
		t.Run(r.ID, func(t *testing.T) {
			conn, taker, _, socket := connected(t, r, 100)
			for _, limit := range []int64{0, -1} {
				// Must not look like the sender's end.
				if n, err := taker.Take(limit); n != 0 || err == nil || errors.Is(err, io.EOF) {
					t.Errorf("take %d: %d bytes, error %v", limit, n, err)
				}
			}
			if err := errors.Join(conn.SetLinger(0), conn.Close()); err != nil { // a reset
				t.Error(err)
			}
			call := takingCall(r)
			if r.ID == "zerocopy-receive" {
				call = "recvfrom" // getsockopt says nothing of a reset
			}
			if n, err := taker.Take(100); n != 0 || !errors.Is(err, unix.ECONNRESET) || !strings.Contains(fmt.Sprint(err), call+" from socket: ") {
				t.Errorf("after a reset: %d bytes, error %v", n, err)
			}
			if err := unix.SetNonblock(socket, true); err != nil {
				t.Error(err)
			}
		})
		t.Run(r.ID+"/not blocking", func(t *testing.T) {
			if r.ID == "zerocopy-receive" {
				t.Skip("its system call never blocks: it waits by ppoll(2), whatever the socket")
			}
			_, taker, _, socket := connected(t, r, 100)
			if err := unix.SetNonblock(socket, true); err != nil {
				t.Error(err)
			}
			if n, err := taker.Take(100); n != 0 || !errors.Is(err, unix.EAGAIN) || !strings.Contains(fmt.Sprint(err), "not a blocking one") {
				t.Errorf("%d bytes, error %v", n, err)
			}
		})
		t.Run(r.ID+"/not a socket", func(t *testing.T) {
			file, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			taker, err := r.Open(receivers.End{Socket: int(file.Fd()), Buffer: make([]byte, 1), Dir: t.TempDir(), FileBytes: 1})
			var unsupported *receivers.UnsupportedError
			if errors.As(err, &unsupported) {
				t.Skip(err)
			}
			if err != nil {
				if !errors.Is(err, unix.ENOTSOCK) || !strings.Contains(err.Error(), "not a connected one") {
					t.Errorf("open: %v", err)
				}
				return
			}
			if n, err := taker.Take(100); n != 0 || !errors.Is(err, unix.ENOTSOCK) {
				t.Errorf("%d bytes, error %v", n, err)
			}
			if err := taker.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTakeWaits: for a sender that stalls, and until it goes on, closes in order, or is gone.
func TestTakeWaits(t *testing.T) {
	for _, r := range receivers.Catalogue() {
		for name, c := range map[string]struct {
			end  func(*net.TCPConn) error
			want error
		}{
			"closes": {func(conn *net.TCPConn) error { return conn.Close() }, io.EOF},
			"resets": {func(conn *net.TCPConn) error { return errors.Join(conn.SetLinger(0), conn.Close()) }, unix.ECONNRESET},
		} {
			t.Run(r.ID+"/"+name, func(t *testing.T) {
				conn, taker, _, _ := connected(t, r, 100)
				hangs := time.AfterFunc(time.Minute, func() { panic("Take hangs in " + t.Name()) })
				defer hangs.Stop()
				const pause = 30 * time.Millisecond
				sent := make(chan error, 1)
				go func() {
					time.Sleep(pause)
					_, err := conn.Write(make([]byte, 10))
					time.Sleep(pause)
					sent <- errors.Join(err, c.end(conn))
				}()
				began := time.Now()
				if n, err := taker.Take(100); n != 10 || err != nil || time.Since(began) < pause/2 {
					t.Errorf("took %d bytes after %v, error %v; want the 10 that were sent late", n, time.Since(began), err)
				}
				if n, err := taker.Take(100); n != 0 || !errors.Is(err, c.want) {
					t.Errorf("took %d bytes, error %v; want %v", n, err, c.want)
				}
				if err := <-sent; err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere, recvfrom makes room for an address")
	}
	for _, r := range receivers.Catalogue() {
		t.Run(r.ID, func(t *testing.T) {
			conn, taker, _, _ := connected(t, r, 16)
			if _, err := conn.Write(make([]byte, 16*200)); err != nil {
				t.Fatal(err)
			}
			if n := testing.AllocsPerRun(100, func() {
				if _, err := taker.Take(16); err != nil {
					t.Error(err)
				}
			}); n != 0 {
				t.Errorf("%v allocations per take, want none", n)
			}
		})
	}
}
