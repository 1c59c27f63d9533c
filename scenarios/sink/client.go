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

	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/host"
	"copylab/scenarios/worker"
)

// Session is a client's session with a sink. When it is lost it stays lost: every further trial fails at once, with the reason. Its
// trials come one after another, and so do the calls of its methods, but for Close.
type Session struct {
	conn    *tls.Conn
	name    string         // as the user named the sink
	address netip.AddrPort // as it was reached: trials connect there too
	tool    results.Tool
	welcome welcome

	replies chan reply // closed when there will be no more
	gone    context.Context
	lose    context.CancelCauseFunc
	all     sync.WaitGroup

	mu      sync.Mutex // of writing, and of the next field
	inTrial bool
}

// The bounds of what a sink may take its time for.
const (
	dialTime     = 10 * time.Second // to connect; and again until it has said welcome
	writeTime    = 30 * time.Second
	pingInterval = 2 * time.Minute
	killTime     = 10 * time.Second // until a trial that was ended is over
	graceTime    = 30 * time.Second // after the time that a trial may take
)

// Dial connects to the sink at HOST:PORT, or at HOST and DefaultPort, and begins a session. Errors say what to do next; they are a
// *UsageError where the user can mend it on the command line. It takes a moment to derive the keys from the secret.
func Dial(ctx context.Context, address string, secret Secret, tool results.Tool) (*Session, error) {
	full, err := withPort(address)
	if err != nil {
		return nil, err
	}
	config, err := secret.clientTLS()
	if err != nil {
		return nil, err
	}
	raw, err := (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", full)
	if err != nil {
		return nil, explainDial(ctx, full, err)
	}
	s := &Session{name: full, address: unmapped(raw.RemoteAddr()), replies: make(chan reply, 8)}
	if secret.None() && !s.address.Addr().IsLoopback() {
		return nil, errors.Join(&UsageError{fmt.Errorf("send to %s: that is another host: %w", full, errNoSecret)}, raw.Close())
	}
	s.conn = tls.Client(raw, config)
	in := newLines(s.conn)
	abandon := context.AfterFunc(ctx, func() { raw.Close() })
	err = s.greet(in, raw, tool, secret.None())
	if !abandon() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		raw.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	s.gone, s.lose = context.WithCancelCause(context.Background())
	s.all.Go(func() { s.read(in) })
	s.all.Go(s.ping)
	return s, nil
}

// greet proves the secret and exchanges the first lines.
func (s *Session) greet(in *lines, raw net.Conn, tool results.Tool, none bool) error {
	if tcp, ok := raw.(*net.TCPConn); ok {
		if err := watchPeer(tcp); err != nil {
			return err
		}
	}
	if err := s.conn.SetDeadline(time.Now().Add(dialTime)); err != nil {
		return err
	}
	if err := s.conn.Handshake(); err != nil { // Dial closes the connection when its context is done
		return s.explain(err, none)
	}
	if err := writeLine(s.conn, hello{Protocol: protocol, Version: Version, Tool: tool}, requestBytes); err != nil {
		return s.explain(err, none)
	}
	line, err := in.next(replyBytes)
	if err != nil {
		return s.explain(err, none)
	}
	theirs, err := parseHello(line)
	if err != nil {
		return fmt.Errorf("begin a session with %s: %w (is it a copylab sink?)", s.name, err)
	}
	s.tool = theirs.Tool
	if theirs.Version != Version {
		return fmt.Errorf("begin a session: %w", versions("this host", "the sink at "+s.name, theirs))
	}
	r, err := s.next(in)
	switch {
	case err != nil:
		return s.explain(err, none)
	case r.Event == eventRefused:
		return fmt.Errorf("the sink at %s refuses: %.500s: try again later", s.name, r.Error)
	case r.Event != eventWelcome || r.Welcome == nil:
		return fmt.Errorf("begin a session with %s: it says %.40q instead of welcome", s.name, r.Event)
	}
	s.welcome = *r.Welcome
	return s.conn.SetDeadline(time.Time{})
}

// next reads one reply.
func (s *Session) next(in *lines) (reply, error) {
	line, err := in.next(replyBytes)
	if err != nil {
		return reply{}, err
	}
	return parseReply(line)
}

// explainDial says why there is no connection, and what to look at.
func explainDial(ctx context.Context, address string, err error) error {
	var dns *net.DNSError
	timeout := net.Error(nil)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("connect to the sink at %s: %w: start copylab sink there, with --listen %s; without --listen it is on loopback only", address, err, address)
	case errors.As(err, &dns):
		return &UsageError{fmt.Errorf("connect to the sink at %s: %w: name a host, or its IP address", address, err)}
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("connect to the sink at %s: %w: nobody answers: is the address right, and does a firewall let the port through?", address, err)
	}
	return fmt.Errorf("connect to the sink at %s: %w", address, err)
}

// explain says why there is no session.
func (s *Session) explain(err error, none bool) error {
	explained := explainHandshake(err)
	wrong, notTLS := errors.Is(explained, errStranger), tls.RecordHeaderError{}
	switch {
	case wrong && none:
		return &UsageError{fmt.Errorf("begin a session with the sink at %s: it has a secret: give the same one with --secret-file or in %s", s.name, SecretVariable)}
	case wrong:
		return &UsageError{fmt.Errorf("begin a session with the sink at %s: %w: give both ends the same one, with --secret-file or in %s", s.name, explained, SecretVariable)}
	case errors.As(err, &notTLS):
		return fmt.Errorf("begin a session with %s: %w: that is no copylab sink", s.name, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("begin a session with %s: no word within %v: is it a copylab sink?", s.name, dialTime)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("begin a session with %s: it closed the connection (%w): is it a copylab sink? Then its log says why", s.name, err)
	}
	return fmt.Errorf("begin a session with the sink at %s: %w", s.name, err)
}

// Host is the fingerprint of the sink's machine.
func (s *Session) Host() host.Host { return s.welcome.Host }

// NIC is the network card of the sink's machine through which this host is reached.
func (s *Session) NIC() host.NIC { return s.welcome.NIC }

// Tool is the sink's build of copylab.
func (s *Session) Tool() results.Tool { return s.tool }

// Address is where the sink was reached: an IP address and a port.
func (s *Session) Address() string { return s.address.String() }

// Limits are what the sink allows.
func (s *Session) Limits() Limits { return s.welcome.Limits }

// Receivers are those that the sink knows, in the order of its catalogue.
func (s *Session) Receivers() []Receiver { return s.welcome.Receivers }

// Receiver tells whether a receiver works on the sink's machine.
func (s *Session) Receiver(id string) kernel.Status {
	for _, r := range s.welcome.Receivers {
		if r.ID != id {
			continue
		}
		if r.State != kernel.StateAvailable {
			return kernel.Status{State: r.State, Reason: "on the sink: " + r.Reason}
		}
		return r.Status
	}
	return kernel.Unavailable("on the sink: its copylab doesn't know it")
}

// Check tells why the sink would not take a job, as far as this end can know, or nil.
func (s *Session) Check(r worker.Receive) error {
	if err := jobOf(r).check(s.welcome.Limits); err != nil {
		return err
	}
	if status := s.Receiver(r.Receiver); status.State == kernel.StateUnavailable {
		return errors.New(status.Reason)
	}
	return nil
}

// Close ends the session, and with it a trial that is going on.
func (s *Session) Close() error {
	s.lose(fmt.Errorf("the session with the sink at %s is closed", s.name))
	err := s.conn.Close()
	s.all.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the session with the sink at %s: %w", s.name, err)
	}
	return nil
}

// read passes the sink's replies on, until there are no more.
func (s *Session) read(in *lines) {
	defer close(s.replies)
	for {
		r, err := s.next(in)
		if err != nil {
			s.lost(err)
			return
		}
		select {
		case s.replies <- r:
		case <-s.gone.Done():
			return
		}
	}
}

// lost gives the session up. The first reason stays.
func (s *Session) lost(err error) {
	when := ""
	if s.trialUnderWay() {
		when = " in mid-trial"
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		err = fmt.Errorf("the sink at %s closed the connection%s: %w: was it stopped? Its log says why", s.name, when, err)
	default:
		err = fmt.Errorf("the session with the sink at %s broke%s: %w", s.name, when, err)
	}
	s.lose(err)
	s.conn.NetConn().Close() // without a farewell, which might wait
}

func (s *Session) trialUnderWay() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inTrial
}

func (s *Session) setTrial(underWay bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inTrial = underWay
}

// ping says between trials that this end is still there. In a trial it is silent: nothing shall disturb it.
func (s *Session) ping() {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if s.trialUnderWay() {
				continue
			}
			if err := s.say(request{Event: eventPing}); err != nil {
				s.lost(err)
			}
		case <-s.gone.Done():
			return
		}
	}
}

func (s *Session) say(r request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	return writeLine(s.conn, r, requestBytes)
}

// Receive starts a receiver on the sink. The job's folder, CPU, address and way of taking connections are the sink's to decide. The
// trial ends when ctx is done; its deadline, if it has one, is told to the sink. It is for worker.Placement.
func (s *Session) Receive(ctx context.Context, r worker.Receive) (worker.Peer, error) {
	if s.gone.Err() != nil {
		return nil, context.Cause(s.gone)
	}
	if s.trialUnderWay() {
		return nil, errors.New("start a receiver on the sink: its last trial is still going on")
	}
	j := jobOf(r)
	if err := j.check(s.welcome.Limits); err != nil {
		return nil, fmt.Errorf("start a receiver on the sink at %s: %w", s.name, err)
	}
	longest := time.Duration(s.welcome.Limits.TrialSeconds) * time.Second
	asked := request{Receive: &j}
	if deadline, ok := ctx.Deadline(); ok {
		if left := time.Until(deadline); left < longest {
			asked.LimitSeconds = max(1, int64((left+time.Second-1)/time.Second))
		}
	}
	p := &peer{session: s}
	p.ctx, p.cancel = context.WithTimeoutCause(ctx, longest+graceTime, fmt.Errorf("the sink at %s has not ended its trial", s.name))
	s.setTrial(true)
	if err := s.say(asked); err != nil {
		p.over()
		s.lost(err)
		return nil, context.Cause(s.gone)
	}
	return p, nil
}

// peer is a receiver on a sink. It is a worker.Remote.
type peer struct {
	session *Session
	ctx     context.Context
	cancel  context.CancelFunc
	ended   bool
	failure error
}

// over says that the sink has said its last word on this trial.
func (p *peer) over() {
	p.ended = true
	p.session.setTrial(false)
	p.cancel()
}

// Gone is done when the session is lost.
func (p *peer) Gone() context.Context { return p.session.gone }

// Await returns the next message, which must be the wanted one.
func (p *peer) Await(want worker.Event) (worker.Message, error) {
	m, err := p.next(p.ctx)
	if err == nil && m.Event != want {
		err = fmt.Errorf("the sink at %s said %.40q, want %q", p.session.name, m.Event, want)
	}
	return m, err
}

func (p *peer) next(ctx context.Context) (worker.Message, error) {
	s := p.session
	switch {
	case p.failure != nil:
		return worker.Message{}, p.failure
	case p.ended:
		return worker.Message{}, fmt.Errorf("the trial on the sink at %s is over", s.name)
	}
	select {
	case r, more := <-s.replies:
		if !more {
			p.failure = context.Cause(s.gone)
			p.over()
			return worker.Message{}, p.failure
		}
		m := worker.Message{Event: r.Event, Result: r.Result, Error: r.Error}
		switch r.Event {
		case worker.EventListening:
			m.Address, m.Token = s.address.String(), r.Token
		case worker.EventDone:
			p.over()
		case worker.EventFailed:
			p.failure = fmt.Errorf("on the sink at %s: %.4000s", s.name, r.Error)
			if r.Died != nil {
				p.failure = &worker.DiedError{Name: "the receiver on the sink at " + s.name, Status: r.Died.Status, Stderr: r.Died.Stderr}
			}
			p.over()
			return m, p.failure
		}
		return m, nil
	case <-ctx.Done():
		return worker.Message{}, context.Cause(ctx)
	}
}

// Go tells the receiver to go.
func (p *peer) Go() error {
	if err := p.session.say(request{Event: worker.EventGo}); err != nil {
		p.session.lost(err)
		return context.Cause(p.session.gone)
	}
	return nil
}

// LastWords returns how it failed, or nil if it still runs after a moment's grace.
func (p *peer) LastWords() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), time.Second)
	defer cancel()
	for p.failure == nil && !p.ended && ctx.Err() == nil {
		_, _ = p.next(ctx) // what it is, p.failure tells
	}
	return p.failure
}

// Kill ends the trial. The sink's last word on it is waited for, so that the next trial begins with its own.
func (p *peer) Kill() {
	defer p.cancel()
	if p.ended {
		return
	}
	s := p.session
	if err := s.say(request{Event: eventKill}); err != nil {
		s.lost(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	for !p.ended && ctx.Err() == nil {
		_, _ = p.next(ctx) // its end is all that counts
	}
	if !p.ended {
		s.lost(errors.New("it does not end a trial"))
		p.over()
	}
}
