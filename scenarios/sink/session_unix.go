//go:build unix

package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"copylab/copypaths/receivers"
	"copylab/internal/kernel"
	"copylab/results/host"
	"copylab/scenarios/worker"
)

// session is one client, from its proof until it is gone.
type session struct {
	server *Server
	conn   *tls.Conn
	raw    *net.TCPConn
	lines  *lines
	from   netip.AddrPort
	began  time.Time
	trials int

	requests chan request // closed when there will be no more
	why      error        // there will be no more; nil: the client has closed
}

// run serves the session. It returns nil where the client has closed it between two trials.
func (x *session) run(ctx context.Context) error {
	defer x.conn.Close()
	if err := errors.Join(x.conn.SetDeadline(time.Time{}), watchPeer(x.raw)); err != nil {
		return err
	}
	if err := x.reply(reply{Event: eventWelcome, Welcome: x.server.welcome(x.from.Addr())}); err != nil {
		return err
	}
	x.requests = make(chan request)
	over := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() { x.read(over) })
	defer reader.Wait()
	defer x.conn.Close() // ends the read
	defer close(over)
	for {
		if err := x.conn.SetReadDeadline(time.Now().Add(x.server.times.idle)); err != nil {
			return err
		}
		select {
		case r, more := <-x.requests:
			switch {
			case !more && errors.Is(x.why, os.ErrDeadlineExceeded):
				return fmt.Errorf("silent for %v", x.server.times.idle)
			case !more:
				return x.why
			case r.Receive != nil:
				if err := x.conn.SetReadDeadline(time.Time{}); err != nil { // the trial has a bound of its own
					return err
				}
				if err := x.trial(ctx, r); err != nil {
					return err
				}
			case r.Event == worker.EventGo:
				return errors.New("it says go, and there is no trial")
			default: // a ping; or a kill for a trial that has just ended
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// read passes the client's requests on.
func (x *session) read(over <-chan struct{}) {
	defer close(x.requests)
	x.lines.begun = func() func() {
		slow := time.AfterFunc(x.server.times.line, func() { x.raw.Close() })
		return func() { slow.Stop() }
	}
	for {
		line, err := x.lines.next(requestBytes)
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) { // it has closed, or was killed
			return
		}
		var r request
		if err == nil {
			r, err = parseRequest(line)
		}
		if err != nil {
			x.why = err
			return
		}
		select {
		case x.requests <- r:
		case <-over:
			return
		}
	}
}

func (x *session) reply(r reply) error {
	if err := x.conn.SetWriteDeadline(time.Now().Add(x.server.times.write)); err != nil {
		return err
	}
	return writeLine(x.conn, r, replyBytes)
}

// welcome looks at the machine anew for every session: a sink may live for months.
func (s *Server) welcome(client netip.Addr) *welcome {
	w := &welcome{Limits: s.limits, Receivers: s.receivers}
	var err error
	if w.NIC, err = host.NICOf(client); err != nil {
		w.NIC = host.NoNIC(err)
	}
	if s.options.Dir != "" {
		w.Host = host.Collect(s.options.Dir)
	} else {
		w.Host = host.Collect("/")
		w.Host.Disk = host.Disk{Why: "the sink writes no files"}
	}
	w.Clock = time.Now()
	return w
}

// take makes a worker's job of what the client wants, or says why not.
func (s *Server) take(j job) (worker.Receive, error) {
	if err := j.check(s.limits); err != nil {
		return worker.Receive{}, err
	}
	r := j.receive()
	r.Passed, r.Counters, r.CPU = true, true, s.cpu
	for _, known := range s.receivers {
		if known.ID != j.Receiver {
			continue
		}
		if known.State == kernel.StateUnavailable {
			return worker.Receive{}, fmt.Errorf("receiver %s: %s", known.ID, known.Reason)
		}
	}
	if kind, _ := receivers.Find(j.Receiver); kind.WritesFile {
		r.Dir = s.options.Dir
		if err := host.RoomFor(r.Dir, j.FileBytes); err != nil {
			return worker.Receive{}, err
		}
	}
	return r, nil
}

var errKilled = errors.New("ended by its client")

// trial serves one trial. It returns an error only where the session can't go on; that the trial failed is for the client to know.
func (x *session) trial(ctx context.Context, r request) error {
	x.trials++
	receive, err := x.server.take(*r.Receive)
	if err != nil {
		return x.reply(failed(err))
	}
	limit := x.server.times.trial
	if r.LimitSeconds > 0 && r.LimitSeconds < int64(limit/time.Second) {
		limit = time.Duration(r.LimitSeconds) * time.Second
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slow := time.AfterFunc(limit, func() { cancel(fmt.Errorf("the trial was not over after %v", limit)) })
	defer slow.Stop()
	t, err := x.server.start(ctx, receive, x.from.Addr())
	if err != nil {
		return x.reply(failed(err))
	}
	last, err := x.converse(ctx, cancel, t)
	t.end(x.server) // the CPU is free, and the token is worth nothing, before the client hears that it is over
	if err != nil {
		return err
	}
	return x.reply(last)
}

// converse passes on what worker and client say, until the worker has said its last word or ctx is done. That is the last reply. The
// error is for a client that is gone or breaks the rules.
func (x *session) converse(ctx context.Context, cancel context.CancelCauseFunc, t *trial) (last reply, err error) {
	ready, gone := false, false
	for {
		select {
		case s := <-t.said:
			switch {
			case s.err != nil && ctx.Err() != nil:
				return failed(context.Cause(ctx)), nil
			case s.err != nil:
				return failed(s.err), nil
			case s.Event == worker.EventDone:
				return reply{Event: worker.EventDone, Result: s.Result}, nil
			case s.Event == worker.EventListening:
				x.server.register(t)
				err = x.reply(reply{Event: s.Event, Token: t.Token()})
			default:
				ready = ready || s.Event == worker.EventReady
				err = x.reply(reply{Event: s.Event})
			}
			if err != nil {
				return reply{}, err
			}
		case r, more := <-x.requests:
			switch {
			case !more && x.why == nil:
				return reply{}, errors.New("the client has closed in mid-trial")
			case !more:
				return reply{}, fmt.Errorf("in mid-trial: %w", x.why)
			case r.Event == worker.EventGo && ready && !gone:
				gone = true
				_ = t.process.Go() // should it fail, the worker has died, and that is heard of
			case r.Event == eventKill:
				cancel(errKilled)
			case r.Event == eventPing:
			default:
				return reply{}, errors.New("it breaks the rules: a job or a go out of turn")
			}
		case <-ctx.Done():
			return failed(context.Cause(ctx)), nil
		}
	}
}

// failed is the last reply of a trial that failed.
func failed(err error) reply {
	r := reply{Event: worker.EventFailed, Error: err.Error()}
	if d, ok := errors.AsType[*worker.DiedError](err); ok {
		r.Died = &death{Status: d.Status, Stderr: d.Stderr}
	}
	return r
}
