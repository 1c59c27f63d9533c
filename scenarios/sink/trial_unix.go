//go:build unix

package sink

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"copylab/scenarios/worker"
)

// trial is a receiver at work, and the token that opens the way to it.
type trial struct {
	process *worker.Process
	said    chan saying
	heard   sync.WaitGroup

	token []byte
	from  netip.Addr // whose connections it takes
	left  int        // that may still come; Server.mu guards it

	mu   sync.Mutex
	door *os.File // the socket that connections are passed on through; nil when the trial is over
}

// saying is what a worker said, or how it failed.
type saying struct {
	worker.Message
	err error
}

// start starts a receiver. Whoever started it must call end.
func (s *Server) start(ctx context.Context, job worker.Receive, from netip.Addr) (t *trial, err error) {
	t = &trial{token: make([]byte, worker.TokenBytes), from: from, left: job.Streams}
	if _, err := rand.Read(t.token); err != nil { // it never fails
		return nil, err
	}
	door, inside, err := socketPair()
	if err != nil {
		return nil, err
	}
	t.process, err = s.options.Launcher.Start(ctx, "receiver", worker.Job{Receive: &job}, inside)
	// The worker has its own copy now. While this one were open, nobody could tell that the worker is gone.
	if cerr := inside.Close(); err != nil || cerr != nil {
		if t.process != nil {
			t.process.Kill()
		}
		return nil, errors.Join(err, cerr, door.Close())
	}
	t.door = door
	script := []worker.Event{worker.EventListening, worker.EventReady, worker.EventArmed, worker.EventDone}
	if job.Fetch { // it holds the clock, so nobody waits for it to be armed
		script = []worker.Event{worker.EventListening, worker.EventReady, worker.EventDone}
	}
	t.said = make(chan saying, len(script))
	t.heard.Go(func() {
		for _, want := range script {
			m, err := t.process.Await(want)
			t.said <- saying{m, err}
			if err != nil {
				return
			}
		}
	})
	return t, nil
}

// Token is what each connection of the trial begins with, in hexadecimal.
func (t *trial) Token() string { return hex.EncodeToString(t.token) }

// pass gives a connection to the worker, as a blocking descriptor like those that it makes itself.
func (t *trial) pass(conn *net.TCPConn) (err error) {
	f, err := conn.File() // a duplicate
	if err != nil {
		return fmt.Errorf("pass a connection on: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.door == nil {
		return errors.New("a data connection of a trial that is over")
	}
	if err := unix.SetNonblock(int(f.Fd()), false); err != nil {
		return fmt.Errorf("pass a connection on: %w", err)
	}
	return worker.PassDescriptor(int(t.door.Fd()), f)
}

// end ends the worker, whatever it is doing, and shuts the way to it.
func (t *trial) end(s *Server) {
	s.unregister(t)
	t.process.Kill() // first: whoever waits to pass a connection on waits no longer
	t.mu.Lock()
	t.door.Close()
	t.door = nil
	t.mu.Unlock()
	t.heard.Wait()
}

// socketPair makes a pair of connected Unix sockets: socketpair(2). No other process that is started meanwhile inherits them.
func socketPair() (a, b *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "sink's end"), os.NewFile(uintptr(fds[1]), "worker's end"), nil
}
