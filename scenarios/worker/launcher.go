package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Launcher starts workers.
type Launcher struct {
	// Command is the program and its arguments that make a process a worker: copylab's own binary and "worker".
	Command []string
	// Run marks the workers' environment (COPYLAB_RUN), so that those of a killed run can be told from others.
	Run string

	mu    sync.Mutex
	stuck []*StuckError
}

// Stuck are the workers that were killed and had not ended when they were given up.
func (l *Launcher) Stuck() []*StuckError {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.stuck)
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
	launcher *Launcher
	name     string
	cmd      *exec.Cmd
	in       io.WriteCloser
	out      io.Closer // what lines are read from
	lines    *lineReader
	stderr   *tail
	ended    chan struct{} // closed when it was reaped
	given    atomic.Bool   // up reading from it: it has had its time to end

	reap    sync.Once
	reaped  error
	failure error // what the worker said
}

// Start starts a worker and gives it its job. Name is for messages: "sender", "receiver", "writer". The process is
// killed when ctx is done. It inherits descriptor, where that is not nil, as its descriptor 3.
func (l *Launcher) Start(ctx context.Context, name string, job Job, descriptor *os.File) (*Process, error) {
	p := &Process{launcher: l, name: name, stderr: &tail{}, ended: make(chan struct{})}
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
	p.out, p.lines = out, newLineReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	context.AfterFunc(ctx, p.giveUpReading)
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
	if stuck := (*StuckError)(nil); errors.As(p.reaped, &stuck) {
		return stuck
	}
	var exit *exec.ExitError
	if errors.As(p.reaped, &exit) {
		status = exit.String()
	} else if p.reaped == nil && !errors.Is(err, io.EOF) {
		status = err.Error()
	}
	return &DiedError{Name: p.name, Status: status, Stderr: p.stderr.String()}
}

// stuckAfter is how long a worker that ought to end may take. A process in the middle of a system call that waits for a disk
// can't be killed: it ends when the disk has answered.
const stuckAfter = 5 * time.Second

// StuckError says that a worker was killed and has not ended.
type StuckError struct {
	Name string // "sender", "receiver", "writer"
	PID  int
	In   string // the function of the kernel that it waits in, where that can be seen
}

func (e *StuckError) Error() string {
	where := "inside the kernel"
	if e.In != "" {
		where += " (" + e.In + ")"
	}
	return fmt.Sprintf("%s, process %d, was killed and has not ended: it waits %s, most likely for a disk that does not answer, and ends with that; see the kernel's log (dmesg)",
		e.Name, e.PID, where)
}

// giveUpReading ends the wait for words of a worker that was killed and is stuck.
func (p *Process) giveUpReading() {
	select {
	case <-p.ended:
	case <-time.After(stuckAfter):
		p.given.Store(true)
		_ = p.out.Close() // closed already where it ended meanwhile
	}
}

// stop waits for a worker that is ending by itself.
func (p *Process) stop() {
	p.reap.Do(func() {
		_ = p.in.Close() // a worker that reads the end of its input exits
		patience := stuckAfter
		if p.given.Load() {
			patience = 100 * time.Millisecond
		}
		waited := make(chan error, 1)
		go func() {
			waited <- p.cmd.Wait()
			close(p.ended)
		}()
		select {
		case p.reaped = <-waited:
			return
		case <-time.After(patience):
		}
		_ = p.cmd.Process.Kill() // should it be able to end, and not have done so
		stuck := &StuckError{Name: p.name, PID: p.PID(), In: waitsIn(p.PID())}
		p.reaped = stuck
		p.launcher.mu.Lock()
		defer p.launcher.mu.Unlock()
		p.launcher.stuck = append(p.launcher.stuck, stuck)
	})
}

// waitsIn is the function of the kernel that the process waits in: /proc/PID/task/TID/wchan (proc_pid_wchan(5)). The first thread
// that waits without a chance of being interrupted tells. "" where nothing does.
func waitsIn(pid int) string {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return ""
	}
	for _, task := range tasks {
		stat, err := os.ReadFile(filepath.Join(task, "stat"))
		if at := strings.LastIndex(string(stat), ") "); err != nil || at < 0 || !strings.HasPrefix(string(stat[at+2:]), "D") {
			continue
		}
		if function, err := os.ReadFile(filepath.Join(task, "wchan")); err == nil && string(function) != "0" {
			return string(function)
		}
	}
	return ""
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
