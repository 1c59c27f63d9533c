package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Pair is what the two workers of a transfer measured. Receiver is nil for the null path, which has none.
type Pair struct {
	Sender   *Result
	Receiver *Result
}

// Peer is one end of a transfer as the command sees it: a worker process here, or one that a sink started elsewhere.
type Peer interface {
	// Await returns the next message, which must be the wanted one.
	Await(Event) (Message, error)
	// Go tells it to go.
	Go() error
	// LastWords returns how it failed or died, or nil if it still runs after a moment's grace.
	LastWords() error
	// Kill ends it, whatever it is doing. It may have ended by itself.
	Kill()
}

// Remote is a Peer on another host, which can go missing without a word to the sender.
type Remote interface {
	Peer
	// Gone is done when it has gone missing; its cause says how.
	Gone() context.Context
}

// Placement says where the two ends of a transfer are. The zero value is: both in this machine's own network.
type Placement struct {
	SenderNamespace   *os.File // open on a network namespace; nil: the command's own
	ReceiverNamespace *os.File
	// Receive starts the receiving end somewhere else; nil: a process of this machine.
	Receive func(context.Context, Receive) (Peer, error)
}

// Transfer runs one transfer in a fresh sender and a fresh receiver, and ends both, whatever happens.
func (l *Launcher) Transfer(ctx context.Context, send Send, receive *Receive, at Placement) (Pair, error) {
	if receive == nil {
		r, err := l.alone(ctx, "sender", Job{Send: &send})
		return Pair{Sender: r}, err
	}
	start := at.Receive
	if start == nil {
		start = func(ctx context.Context, r Receive) (Peer, error) {
			return l.Start(ctx, "receiver", Job{Receive: &r, Namespace: at.ReceiverNamespace != nil}, at.ReceiverNamespace)
		}
	}
	receiver, err := start(ctx, *receive)
	if err != nil {
		return Pair{}, err
	}
	defer receiver.Kill()
	if r, ok := receiver.(Remote); ok {
		// A sender whose other end is silent would wait for as long as TCP sends again: a quarter of an hour.
		var lose context.CancelCauseFunc
		ctx, lose = context.WithCancelCause(ctx)
		defer lose(nil)
		gone := r.Gone()
		defer context.AfterFunc(gone, func() { lose(context.Cause(gone)) })()
	}
	m, err := receiver.Await(EventListening)
	if err != nil {
		return Pair{}, err
	}
	send.Address, send.Token = m.Address, m.Token
	if here, ok := receiver.(*Process); ok && receive.Sampled {
		send.Peer = here.PID()
	}
	sender, err := l.Start(ctx, "sender", Job{Send: &send, Namespace: at.SenderNamespace != nil}, at.SenderNamespace)
	if err != nil {
		return Pair{}, err
	}
	defer sender.Kill()
	// The side that waits for the other is armed first.
	var active, passive Peer = sender, receiver
	if send.Fetch {
		active, passive = receiver, sender
	}
	pair, err := converse(active, passive, sender, receiver)
	if err != nil {
		return Pair{}, blame(ctx, err, receiver, sender)
	}
	if send.Peer != 0 { // the sender has watched both
		pair.Receiver.Side.Stages, pair.Receiver.Profile = pair.Sender.PeerStages, pair.Sender.PeerProfile
		pair.Sender.PeerStages, pair.Sender.PeerProfile = nil, nil
	}
	return pair, nil
}

func converse(active, passive, sender, receiver Peer) (Pair, error) {
	for _, p := range []Peer{sender, receiver} {
		if _, err := p.Await(EventReady); err != nil {
			return Pair{}, err
		}
	}
	if err := passive.Go(); err != nil {
		return Pair{}, err
	}
	if _, err := passive.Await(EventArmed); err != nil {
		return Pair{}, err
	}
	if err := active.Go(); err != nil {
		return Pair{}, err
	}
	sent, err := sender.Await(EventDone)
	if err != nil {
		return Pair{}, err
	}
	received, err := receiver.Await(EventDone)
	if err != nil {
		return Pair{}, err
	}
	if sent.Result == nil || received.Result == nil {
		return Pair{}, errors.New("read results: a worker was done but told nothing")
	}
	return Pair{Sender: sent.Result, Receiver: received.Result}, nil
}

// blame finds the cause: when one side dies, the other only reports that its peer has gone, and may report first.
func blame(ctx context.Context, err error, workers ...Peer) error {
	if ctx.Err() != nil {
		if stuck := (*StuckError)(nil); errors.As(err, &stuck) {
			return fmt.Errorf("%w; %w", context.Cause(ctx), stuck)
		}
		return context.Cause(ctx)
	}
	var died, failed []error
	for _, p := range workers {
		words := p.LastWords()
		var d *DiedError
		switch {
		case words == nil:
		case errors.As(words, &d):
			died = append(died, words)
		default:
			failed = append(failed, words)
		}
	}
	// What only says that the other side has gone is left out where that side says why.
	if causes := slices.DeleteFunc(slices.Clone(failed), isConsequence); len(causes)+len(died) > 0 {
		failed = causes
	}
	all := append(died, failed...)
	if len(all) == 0 {
		return err
	}
	text := all[0]
	for _, more := range all[1:] {
		text = fmt.Errorf("%w; %w", text, more)
	}
	return text
}

// isConsequence tells an error that the other side's end brings about.
func isConsequence(err error) bool {
	return strings.Contains(err.Error(), "has gone)") || strings.Contains(err.Error(), "the sender closed with ")
}

// LastWords returns how the worker failed or died, or nil if it still runs after a moment's grace.
func (p *Process) LastWords() error {
	const grace = time.Second
	if p.failure != nil {
		return p.failure
	}
	said := make(chan error, 1)
	go func() {
		for {
			m, err := p.next()
			if err != nil || m.Event == EventDone {
				said <- err
				return
			}
		}
	}()
	select {
	case err := <-said:
		return err
	case <-time.After(grace):
		return nil
	}
}

// alone runs one worker that needs no other.
func (l *Launcher) alone(ctx context.Context, name string, job Job) (*Result, error) {
	p, err := l.Start(ctx, name, job, nil)
	if err != nil {
		return nil, err
	}
	defer p.Kill()
	_, err = p.Await(EventReady)
	if err == nil {
		err = p.Go()
	}
	var m Message
	if err == nil {
		m, err = p.Await(EventDone)
	}
	if err != nil {
		return nil, blame(ctx, err, p)
	}
	if m.Result == nil {
		return nil, fmt.Errorf("read results: the %s was done but told nothing", name)
	}
	return m.Result, nil
}

// Write runs one write trial in a fresh writer.
func (l *Launcher) Write(ctx context.Context, job Write) (*Result, error) {
	return l.alone(ctx, "writer", Job{Write: &job})
}
