package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// passing starts a receiver behind a listening socket of its own, checks what each connection begins with, and passes it on.
func passing(t *testing.T, token string, streams int) func(context.Context, Receive) (Peer, error) {
	return func(ctx context.Context, job Receive) (Peer, error) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		theirs := os.NewFile(uintptr(pair[1]), "connections")
		defer theirs.Close()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(err, unix.Close(pair[0]))
		}
		p, err := launcherForTest().Start(ctx, "receiver", Job{Receive: &job}, theirs)
		if err != nil {
			return nil, errors.Join(err, listener.Close(), unix.Close(pair[0]))
		}
		passed := make(chan error, 1)
		go func() {
			var err error
			for i := 0; i < streams && err == nil; i++ {
				err = passOne(listener, token, pair[0])
			}
			passed <- errors.Join(err, listener.Close(), unix.Close(pair[0]))
		}()
		t.Cleanup(func() {
			if err := <-passed; err != nil {
				t.Error(err)
			}
		})
		return passedPeer{p, listener.Addr().String(), token}, nil
	}
}

func passOne(listener net.Listener, token string, to int) (err error) {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	want, err := DataHeader(token)
	if err != nil {
		return err
	}
	got := make([]byte, DataHeaderBytes)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != string(want) {
		return fmt.Errorf("a connection began with %x, error %w; want %x", got, err, want)
	}
	f, err := conn.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := unix.SetNonblock(int(f.Fd()), false); err != nil {
		return err
	}
	return PassDescriptor(to, f)
}

// passedPeer says where the connections go.
type passedPeer struct {
	*Process
	address, token string
}

func (p passedPeer) Await(want Event) (Message, error) {
	m, err := p.Process.Await(want)
	if want == EventListening {
		m.Address, m.Token = p.address, p.token
	}
	return m, err
}
