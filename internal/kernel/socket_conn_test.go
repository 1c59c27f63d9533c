//go:build unix

package kernel

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSocketConn(t *testing.T) {
	var _ net.Conn = &SocketConn{}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	a, b := &SocketConn{Socket: pair[0]}, &SocketConn{Socket: pair[1], Calls: Calls{Raw: true}}
	if n, err := a.Write([]byte("hello")); n != 5 || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	got := make([]byte, 100)
	if n, err := b.Read(got); err != nil || !bytes.Equal(got[:n], []byte("hello")) {
		t.Errorf("read %q, %v", got[:n], err)
	}
	if a.Sends != 1 || b.Receives != 1 {
		t.Errorf("counted %d sends and %d receives, want 1 of each", a.Sends, b.Receives)
	}

	// Within: the other end may be silent, or send a byte now and then, or take nothing.
	before := unix.NsecToTimeval(3e9)
	if err := unix.SetsockoptTimeval(pair[0], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &before); err != nil {
		t.Fatal(err)
	}
	dribbled := make(chan error, 1)
	go func() {
		var err error
		for range 15 {
			time.Sleep(20 * time.Millisecond)
			_, e := b.Write([]byte{1})
			err = errors.Join(err, e)
		}
		dribbled <- err
	}()
	began := time.Now()
	read := 0
	err = a.Within(150*time.Millisecond, func() error {
		for {
			n, err := a.Read(got)
			if read += n; err != nil {
				return err
			}
		}
	})
	if !errors.Is(err, os.ErrDeadlineExceeded) || read == 0 || time.Since(began) < 100*time.Millisecond {
		t.Errorf("read %d bytes in %v, error %v; want some, until the deadline", read, time.Since(began), err)
	}
	if err := <-dribbled; err != nil {
		t.Error(err)
	}
	wrote, much := 0, make([]byte, 64<<20)
	err = a.Within(500*time.Millisecond, func() error {
		n, err := a.Write(much)
		wrote = n
		return err
	})
	if !errors.Is(err, os.ErrDeadlineExceeded) || wrote == 0 {
		t.Errorf("wrote %d bytes that nobody took, error %v", wrote, err)
	}
	for option, want := range map[int]int64{unix.SO_RCVTIMEO: 3, unix.SO_SNDTIMEO: 0} {
		if after, err := unix.GetsockoptTimeval(pair[0], unix.SOL_SOCKET, option); err != nil || int64(after.Sec) != want || after.Usec != 0 {
			t.Errorf("timeout is %v, error %v; want the former %d s", after, err, want)
		}
	}
	if err := a.Within(time.Second, func() error { return io.ErrNoProgress }); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v, want that of the function", err)
	}

	// A socket that does not wait is not taken for a deadline.
	if err := unix.SetNonblock(pair[0], true); err != nil {
		t.Error(err)
	}
	err = a.Within(time.Minute, func() error {
		for {
			if _, err := a.Read(got); err != nil {
				return err
			}
		}
	})
	if !errors.Is(err, unix.EAGAIN) {
		t.Errorf("error %v of a socket that does not wait", err)
	}
	if err := unix.Close(pair[1]); err != nil {
		t.Error(err)
	}
	if n, err := a.Write([]byte("x")); n != 0 || !errors.Is(err, unix.EPIPE) {
		t.Errorf("wrote %d bytes to nobody, error %v", n, err)
	}
	if err := (&SocketConn{Socket: -1}).Within(time.Second, func() error { return nil }); !errors.Is(err, unix.EBADF) {
		t.Errorf("error %v without a socket", err)
	}
}
