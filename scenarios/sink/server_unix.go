//go:build unix

package sink

import (
	"bytes"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"copylab/copypaths/receivers"
	"copylab/internal/kernel"
	"copylab/results/host"
	"copylab/scenarios/worker"
)

// Server is a sink.
type Server struct {
	options   Options
	listener  *net.TCPListener
	tls       *tls.Config
	limits    Limits
	receivers []Receiver
	cpu       int // that receivers are pinned to; -1: none
	times     times
	drops     *logbook // of clients that never became a session
	log       *logbook // of sessions

	room chan struct{} // holds one for each session

	mu       sync.Mutex
	guests   []*guest // in the order in which they came
	sessions []*session
	trials   []*trial
}

// times are the bounds of what a client may take its time for.
type times struct {
	first     time.Duration // until it has said which kind of connection it is, and a data connection which trial's
	room      time.Duration // until a session that is about to end has ended
	handshake time.Duration // from its beginning until the first line of a control connection
	line      time.Duration // from the first byte of a line until its end
	idle      time.Duration // between trials
	trial     time.Duration
	write     time.Duration // of one line that it should read
}

func defaultTimes() times {
	return times{first: 5 * time.Second, room: 2 * time.Second, handshake: 10 * time.Second, line: 10 * time.Second, idle: 10 * time.Minute, trial: 15 * time.Minute, write: 30 * time.Second}
}

// The bounds of connections that have not proven anything yet. When there are more, the oldest has to go: an honest client is done
// within milliseconds.
const (
	mostGuests        = 64
	mostGuestsPerHost = 16
)

// mostSessions bounds what an owner can allow.
const mostSessions = 64

// mostMemory is what the buffers of a trial may take, in bytes, where the machine has at least twice that.
const mostMemory = 1 << 30

// Listen opens the sink's port and looks at the machine. Whoever calls it must call Serve, which closes the port. The error is a
// *UsageError where the user can mend it on the command line.
func Listen(o Options) (*Server, error) { return listen(o, defaultTimes()) }

func listen(o Options, t times) (*Server, error) {
	at, err := listenAddress(o.Address, o.Secret)
	if err != nil {
		return nil, err
	}
	if o.Sessions < 1 || o.Sessions > mostSessions {
		return nil, &UsageError{fmt.Errorf("%d sessions at once: want 1 to %d", o.Sessions, mostSessions)}
	}
	config, err := o.Secret.serverTLS()
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, tls: config, cpu: -1, room: make(chan struct{}, o.Sessions), times: t, drops: &logbook{write: o.Log, most: 5}, log: &logbook{write: o.Log, most: 20}}
	s.limits = Limits{Streams: mostStreams, MemoryBytes: mostMemory, TrialSeconds: int64(t.trial.Seconds()), IdleSeconds: int64(t.idle.Seconds()), Sessions: o.Sessions}
	if available, ok := host.Collect("/").Memory.AvailableBytes.Get(); ok {
		s.limits.MemoryBytes = min(mostMemory, available/2)
	}
	if cpus := host.PickCPUs(2); len(cpus) > 0 {
		s.cpu = cpus[len(cpus)-1] // where a local receiver would be
	}
	for _, r := range receivers.Catalogue() {
		status := r.Probe()
		if r.WritesFile && o.Dir == "" {
			status = kernel.Unavailable("the sink writes no files: it was started without --dir")
		}
		s.receivers = append(s.receivers, Receiver{r.ID, status})
	}
	// A data connection shall be as any other receiver's: no keep-alive. Control connections have their own.
	listening := net.ListenConfig{KeepAlive: -1}
	listener, err := listening.Listen(context.Background(), "tcp", at.String())
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EACCES) {
			err = &UsageError{fmt.Errorf("%w: choose another address or port with --listen", err)}
		}
		return nil, err
	}
	s.listener = listener.(*net.TCPListener) // that is what "tcp" gives
	return s, nil
}

// Address is where the sink listens, with the port that it got.
func (s *Server) Address() string { return s.listener.Addr().String() }

var errStopped = errors.New("the sink was stopped")

// Serve serves until ctx is done, or until the first session has ended where Options.Once is set. It returns when every connection
// is closed and every worker is gone.
func (s *Server) Serve(ctx context.Context) error {
	outer := ctx
	ctx, stop := context.WithCancelCause(context.WithoutCancel(outer))
	defer context.AfterFunc(outer, func() { stop(errStopped) })()
	defer s.listener.Close()
	defer context.AfterFunc(ctx, func() { s.listener.Close() })()
	defer s.drops.close()
	defer s.log.close()
	var all sync.WaitGroup
	defer all.Wait()
	defer stop(errStopped)
	for {
		conn, err := s.listener.AcceptTCP()
		switch {
		case err == nil:
			g := s.enter(conn)
			all.Go(func() {
				if s.serve(ctx, g) && s.options.Once {
					stop(errOnce)
				}
			})
		case ctx.Err() != nil:
			return outer.Err()
		default: // too many descriptors, most likely: they become fewer
			s.drops.printf("accept: %v", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

var errOnce = errors.New("the sink was to serve one session only")

// guest is a connection that has not proven anything yet.
type guest struct {
	conn *net.TCPConn
	from netip.AddrPort
	home netip.Prefix // whose connections are counted together

	mu   sync.Mutex
	sent bool // away, for another
}

func (g *guest) sendAway() {
	g.mu.Lock()
	g.sent = true
	g.mu.Unlock()
	g.conn.Close()
}

func (g *guest) wasSentAway() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sent
}

// enter makes room for a new connection. Its goroutine calls leave when it has become something else, or has ended.
func (s *Server) enter(conn *net.TCPConn) *guest {
	g := &guest{conn: conn, from: unmapped(conn.RemoteAddr())}
	bits := 64 // a host can give itself any address of its network
	if g.from.Addr().Is4() {
		bits = 32
	}
	g.home, _ = g.from.Addr().WithZone("").Prefix(bits) // it has that many bits
	s.mu.Lock()
	defer s.mu.Unlock()
	count := 0
	for _, other := range s.guests {
		if other.home == g.home {
			count++
		}
	}
	i := -1
	switch {
	case count >= mostGuestsPerHost:
		i = slices.IndexFunc(s.guests, func(other *guest) bool { return other.home == g.home })
	case len(s.guests) >= mostGuests:
		i = 0
	}
	if i >= 0 {
		s.guests[i].sendAway()
		s.guests = slices.Delete(s.guests, i, i+1)
	}
	s.guests = append(s.guests, g)
	return g
}

// leave is safe to call twice.
func (s *Server) leave(g *guest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guests = slices.DeleteFunc(s.guests, func(other *guest) bool { return other == g })
}

// serve finds out what a connection is, and serves it to its end. It tells whether that was a session.
func (s *Server) serve(ctx context.Context, g *guest) (served bool) {
	defer g.conn.Close()
	defer s.leave(g)
	// Until it is a session, there is nothing to say to it when the sink is stopped.
	release := context.AfterFunc(ctx, func() { g.conn.Close() })
	defer release()
	served, err := s.look(ctx, g, release)
	switch {
	case served || err == nil || ctx.Err() != nil:
	case g.wasSentAway():
		s.drops.printf("%v: dropped: there are too many connections that have not proven anything", g.from)
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.drops.printf("%v: dropped: too slow", g.from)
	default:
		s.drops.printf("%v: dropped: %v", g.from, err)
	}
	return served
}

// look looks at a connection's first bytes.
func (s *Server) look(ctx context.Context, g *guest, release func() bool) (served bool, err error) {
	began := time.Now()
	if err := g.conn.SetDeadline(began.Add(s.times.first)); err != nil {
		return false, err
	}
	first := make([]byte, len(worker.DataMagic))
	if n, err := io.ReadFull(g.conn, first); err != nil {
		return false, fmt.Errorf("read %d bytes of its first %d: %w", n, len(first), err)
	}
	switch {
	case string(first) == worker.DataMagic:
		return false, s.data(g)
	case first[0] == 22 && first[1] == 3: // a TLS record with a handshake message: RFC 8446, section 5.1
		return s.control(ctx, g, first, began, release)
	}
	return false, fmt.Errorf("it begins with %q: that is no copylab", first)
}

// data passes a data connection on to the worker of its trial. The sink reads no more of it than its header.
func (s *Server) data(g *guest) error {
	token := make([]byte, worker.TokenBytes)
	if n, err := io.ReadFull(g.conn, token); err != nil {
		return fmt.Errorf("read %d bytes of a token of %d: %w", n, len(token), err)
	}
	t, err := s.claim(token, g.from.Addr())
	if err != nil {
		return err
	}
	s.leave(g)
	return t.pass(g.conn)
}

// claim finds the trial that a token opens, and counts the connection. Each token is compared as a whole, whatever it begins with.
func (s *Server) claim(token []byte, from netip.Addr) (*trial, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found *trial
	for _, t := range s.trials {
		if subtle.ConstantTimeCompare(t.token, token) == 1 {
			found = t
		}
	}
	switch {
	case found == nil:
		return nil, errors.New("a data connection with a token of no trial that is going on")
	case found.from != from:
		return nil, fmt.Errorf("a data connection with the token of %v", found.from)
	case found.left == 0:
		return nil, errors.New("a data connection more than its trial has streams")
	}
	found.left--
	return found, nil
}

func (s *Server) register(t *trial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trials = append(s.trials, t)
}

func (s *Server) unregister(t *trial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trials = slices.DeleteFunc(s.trials, func(other *trial) bool { return other == t })
}

// control makes a control connection of it: the proof, the first lines, and then the session.
func (s *Server) control(ctx context.Context, g *guest, first []byte, began time.Time, release func() bool) (served bool, err error) {
	if err := g.conn.SetDeadline(began.Add(s.times.handshake)); err != nil {
		return false, err
	}
	conn := tls.Server(&prefixed{g.conn, bytes.NewReader(first)}, s.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		return false, explainHandshake(err)
	}
	in := newLines(conn)
	line, err := in.next(requestBytes)
	if err != nil {
		return false, fmt.Errorf("read first line: %w", explainHandshake(err))
	}
	theirs, err := parseHello(line)
	if err != nil {
		return false, err
	}
	if err := writeLine(conn, hello{Protocol: protocol, Version: Version, Tool: s.options.Tool}, replyBytes); err != nil {
		return false, err
	}
	if theirs.Version != Version {
		return false, errors.Join(versions("this host", "the client's host", theirs), conn.Close())
	}
	x := &session{server: s, conn: conn, raw: g.conn, lines: in, from: g.from, began: time.Now()}
	if err := s.begin(ctx, x); err != nil {
		return false, errors.Join(fmt.Errorf("%w", err), writeLine(conn, reply{Event: eventRefused, Error: err.Error()}, replyBytes), conn.Close())
	}
	defer s.end(x)
	s.leave(g)
	release()
	s.log.printf("%v: session begins%s", g.from, build(theirs.Tool))
	if err := x.run(ctx); err != nil {
		s.log.printf("%v: session ended after %d trials: %v", g.from, x.trials, err)
	} else {
		s.log.printf("%v: session ended after %d trials", g.from, x.trials)
	}
	return true, nil
}

// begin makes it one of the sessions, unless there are enough: two that measure at once would measure each other.
// Who comes right after another, as one scenario after another does, finds that one still taking its leave.
func (s *Server) begin(ctx context.Context, x *session) error {
	late := time.NewTimer(s.times.room)
	defer late.Stop()
	select {
	case s.room <- struct{}{}:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sessions = append(s.sessions, x)
		return nil
	case <-late.C:
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.sessions) == 0 { // one has ended this very moment
			return errors.New("busy with another run")
		}
		return fmt.Errorf("busy with a run of %v since %s", s.sessions[0].from.Addr(), s.sessions[0].began.UTC().Format("15:04:05 UTC"))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Server) end(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions = slices.DeleteFunc(s.sessions, func(other *session) bool { return other == x })
	<-s.room
}

// prefixed is a connection some of whose bytes have been read.
type prefixed struct {
	net.Conn
	prefix *bytes.Reader
}

func (p *prefixed) Read(b []byte) (int, error) {
	if p.prefix.Len() > 0 {
		return p.prefix.Read(b)
	}
	return p.Conn.Read(b)
}
