package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
)

// Launcher starts workers.
type Launcher struct {
	// Command is the program and its arguments that make a process a worker: copylab's own binary and "worker".
	Command []string
	// Run marks the workers' environment (COPYLAB_RUN), so that those of a killed run can be told from others.
	Run string
}

// RunVariable is the environment variable that carries Launcher.Run.
const RunVariable = "COPYLAB_RUN"

// SecretVariable is the environment variable that may hold the secret of a sink. Workers have no use for it.
const SecretVariable = "COPYLAB_SECRET"

// environment is this process's own without the secret.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, SecretVariable+"=") })
}

// Process is a worker as the command sees it.
type Process struct {
	name   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  *lineReader
	stderr *tail

	reap    sync.Once
	reaped  error
	failure error // what the worker said
}

// Start starts a worker and gives it its job. Name is for messages: "sender", "receiver", "writer". The process is
// killed when ctx is done. It inherits descriptor, where that is not nil, as its descriptor 3.
func (l *Launcher) Start(ctx context.Context, name string, job Job, descriptor *os.File) (*Process, error) {
	p := &Process{name: name, stderr: &tail{}}
	p.cmd = exec.CommandContext(ctx, l.Command[0], l.Command[1:]...)
	p.cmd.Stderr = p.stderr
	// Go's scheduler interrupts a thread that runs for 10 ms; a worker has nothing else to schedule.
	p.cmd.Env = append(environment(), "GODEBUG=asyncpreemptoff=1", RunVariable+"="+l.Run)
	p.cmd.SysProcAttr = apart()
	if descriptor != nil {
		p.cmd.ExtraFiles = []*os.File{descriptor}
	}
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.lines = newLineReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := writeLine(p.in, job); err != nil {
		return nil, p.died(err)
	}
	return p, nil
}

// PID is the worker's process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Await reads the worker's next message, which must be the wanted one.
func (p *Process) Await(want Event) (Message, error) {
	m, err := p.next()
	if err == nil && m.Event != want {
		err = fmt.Errorf("%s said %q, want %q", p.name, m.Event, want)
	}
	return m, err
}

// next reads the worker's next message. The error is what it said failed, or a *DiedError.
func (p *Process) next() (Message, error) {
	var m Message
	if p.failure != nil {
		return m, p.failure
	}
	if err := p.lines.read(&m); err != nil {
		p.failure = p.died(err)
		return m, p.failure
	}
	if m.Event == EventFailed {
		p.failure = fmt.Errorf("%s: %s", p.name, m.Error)
		return m, p.failure
	}
	return m, nil
}

// Go tells the worker to go.
func (p *Process) Go() error {
	if err := writeLine(p.in, Message{Event: EventGo}); err != nil {
		return p.died(err)
	}
	return nil
}

// DiedError says that a worker ended without a word.
type DiedError struct {
	Name   string // "sender", "receiver", "writer"
	Status string // how: "signal: killed"
	Stderr string // its last words, if any
}

func (e *DiedError) Error() string {
	s := fmt.Sprintf("%s died in mid-trial: %s", e.Name, e.Status)
	if e.Stderr != "" {
		s += ": " + e.Stderr
	}
	return s
}

func (p *Process) died(err error) error {
	p.stop()
	status := "exited without a result"
	var exit *exec.ExitError
	if errors.As(p.reaped, &exit) {
		status = exit.String()
	} else if p.reaped == nil && !errors.Is(err, io.EOF) {
		status = err.Error()
	}
	return &DiedError{Name: p.name, Status: status, Stderr: p.stderr.String()}
}

// stop waits for a worker that is ending by itself.
func (p *Process) stop() {
	p.reap.Do(func() {
		_ = p.in.Close() // a worker that reads the end of its input exits
		p.reaped = p.cmd.Wait()
	})
}

// Kill ends the worker, whatever it is doing, and reaps it. It is safe to call for one that has ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	p.stop()
}

// tail keeps the end of what a worker writes to its standard error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - tailBytes; over > 0 {
		t.text = t.text[over:]
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
