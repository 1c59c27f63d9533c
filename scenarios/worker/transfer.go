package worker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Pair is what the two workers of a transfer measured. Receiver is nil for the null path, which has none.
type Pair struct {
	Sender   *Result
	Receiver *Result
}

// Transfer runs one transfer in a fresh sender and a fresh receiver, and ends both, whatever happens.
func (l *Launcher) Transfer(ctx context.Context, send Send, receive *Receive) (Pair, error) {
	if receive == nil {
		r, err := l.alone(ctx, "sender", Job{Send: &send})
		return Pair{Sender: r}, err
	}
	receiver, err := l.Start(ctx, "receiver", Job{Receive: receive})
	if err != nil {
		return Pair{}, err
	}
	defer receiver.Kill()
	m, err := receiver.Await(EventListening)
	if err != nil {
		return Pair{}, err
	}
	send.Address = m.Address
	sender, err := l.Start(ctx, "sender", Job{Send: &send})
	if err != nil {
		return Pair{}, err
	}
	defer sender.Kill()
	// The side that waits for the other is armed first.
	active, passive := sender, receiver
	if send.Fetch {
		active, passive = receiver, sender
	}
	pair, err := converse(active, passive, sender, receiver)
	if err != nil {
		return Pair{}, blame(ctx, err, receiver, sender)
	}
	return pair, nil
}

func converse(active, passive, sender, receiver *Process) (Pair, error) {
	for _, p := range []*Process{sender, receiver} {
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
func blame(ctx context.Context, err error, workers ...*Process) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var died, failed []error
	for _, p := range workers {
		words := p.lastWords()
		var d *DiedError
		switch {
		case words == nil:
		case errors.As(words, &d):
			died = append(died, words)
		default:
			failed = append(failed, words)
		}
	}
	if all := append(died, failed...); len(all) > 0 {
		return errors.Join(all...)
	}
	return err
}

// lastWords returns how the worker failed or died, or nil if it still runs after a moment's grace.
func (p *Process) lastWords() error {
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
	p, err := l.Start(ctx, name, job)
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
