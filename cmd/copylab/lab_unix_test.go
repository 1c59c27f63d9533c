//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"copylab/results"
)

// lab is a place to run the command in: bin/copylab, and a working folder next to it.
type lab struct {
	testing.TB
	Dir     string // the working folder
	program string
	mark    string // in the environment of every process that this lab starts
}

// markVariable tells a lab's processes from everything else on the machine.
const markVariable = "COPYLAB_TEST_LAB"

// tinyScenario is a transfer that takes a second. A chart takes as long as ten trials, and so do passes for evidence, which read the names of all of
// the kernel's functions: TestRunOfTransfers and TestRunOfWrites have both.
const tinyScenario = `title: Tiny
question: Does it run?
transfer: {paths: [read-write, sendfile], file: 1MiB}
measure: {time: 10ms, blocks: 5..5, budget: 100s, evidence: off}
charts: []
`

func newLab(t testing.TB) *lab {
	t.Helper()
	root := t.TempDir()
	l := &lab{TB: t, Dir: filepath.Join(root, "work"), program: filepath.Join(root, "bin", "copylab"), mark: root}
	install(t, l.program)
	if err := os.Mkdir(l.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pid := range l.workers() {
			t.Errorf("worker process %d was left behind", pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return l
}

// install puts the tests' own binary there under the command's name.
func install(t testing.TB, program string) {
	t.Helper()
	self, err := os.Executable()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(program), 0o755)
	}
	if err == nil {
		err = os.Symlink(self, program)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// file writes a file into the working folder.
func (l *lab) file(name, text string) {
	l.Helper()
	if err := os.WriteFile(filepath.Join(l.Dir, name), []byte(text), 0o644); err != nil {
		l.Fatal(err)
	}
}

// folder makes one in the working folder and returns its path.
func (l *lab) folder(name string) string {
	l.Helper()
	dir := filepath.Join(l.Dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		l.Fatal(err)
	}
	return dir
}

// entries lists a folder.
func (l *lab) entries(dir string) []string {
	l.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		l.Fatal(err)
	}
	names := []string{}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// wantEmpty checks that nothing was left in a folder of test files.
func (l *lab) wantEmpty(dir string) {
	l.Helper()
	if names := l.entries(dir); len(names) > 0 {
		l.Errorf("left behind in %s: %v", dir, names)
	}
}

// running is a command under way.
type running struct {
	lab  *lab
	cmd  *exec.Cmd
	out  bytes.Buffer
	errs watched
	done bool
}

// finished is what a command did.
type finished struct {
	Code      int // -1: ended by a signal
	Out, Errs string
}

func (l *lab) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = l.Dir
	cmd.Env = append(os.Environ(), markVariable+"="+l.mark)
	// Should the test die, so does the command.
	cmd.SysProcAttr = dieWithParent()
	return cmd
}

// start starts the command line "copylab args…".
func (l *lab) start(args ...string) *running { return l.begin(l.command(l.program, args...)) }

func (l *lab) begin(cmd *exec.Cmd) *running {
	l.Helper()
	r := &running{lab: l, cmd: cmd}
	cmd.Stdout, cmd.Stderr = &r.out, &r.errs
	if err := cmd.Start(); err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() {
		if !r.done {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return r
}

// run runs the command line "copylab args…" to its end.
func (l *lab) run(args ...string) finished {
	l.Helper()
	return l.start(args...).wait()
}

// want runs the command line and checks its exit code.
func (l *lab) want(code int, args ...string) finished {
	l.Helper()
	f := l.run(args...)
	if f.Code != code {
		l.Fatalf("copylab %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), f.Code, code, f.Out, f.Errs)
	}
	return f
}

func (r *running) wait() finished {
	r.lab.Helper()
	err := r.cmd.Wait()
	r.done = true
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		r.lab.Fatal(err)
	}
	return finished{r.cmd.ProcessState.ExitCode(), r.out.String(), r.errs.String()}
}

func (r *running) signal(s syscall.Signal) {
	r.lab.Helper()
	if err := r.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.lab.Fatal(err)
	}
}

// patience bounds every wait for something that is sure to happen. It is never reached unless something is broken.
const patience = 2 * time.Minute

// until waits until the command has printed text on standard error.
func (r *running) until(text string) {
	r.lab.Helper()
	r.eventually("it printed "+text, func() bool { return strings.Contains(r.errs.String(), text) })
}

// eventually polls until the condition holds.
func (r *running) eventually(what string, holds func() bool) {
	r.lab.Helper()
	for began := time.Now(); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Since(began) > patience {
			r.lab.Fatalf("waited in vain until %s; it printed:\n%s%s", what, r.out.String(), r.errs.String())
		}
	}
}

// watched is a buffer that is read while it is written.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// readRecord reads a record to its end, which is nil where it has none.
func readRecord(folder string) (run results.Run, trials []results.Trial, end *results.End, err error) {
	f, err := os.Open(filepath.Join(folder, results.RecordFile))
	if err != nil {
		return run, nil, nil, err
	}
	defer f.Close()
	r, err := results.NewReader(f)
	if err != nil {
		return run, nil, nil, err
	}
	for {
		t, err := r.Next()
		if errors.Is(err, io.EOF) {
			if w := r.Warnings(); len(w) > 0 {
				return run, trials, r.End(), fmt.Errorf("the record is damaged: %v", w)
			}
			return r.Run(), trials, r.End(), nil
		}
		if err != nil {
			return run, nil, nil, err
		}
		trials = append(trials, t)
	}
}

// record reads the whole record of a run that has ended.
func (l *lab) record(folder string) (results.Run, []results.Trial, results.End) {
	l.Helper()
	run, trials, end, err := readRecord(folder)
	if err != nil {
		l.Fatal(err)
	}
	if end == nil {
		l.Fatalf("the record in %s has no end", folder)
	}
	return run, trials, *end
}

// reportFiles are what a run's folder holds besides its charts.
func reportFiles() []string {
	return []string{"record.jsonl", "summary.json", "summary.csv", "report.md", "report.html"}
}

// wantReport checks that a run's folder holds every file of the contract.
func (l *lab) wantReport(folder string) {
	l.Helper()
	for _, name := range reportFiles() {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() == 0 {
			l.Errorf("the run has no %s: %v", name, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(folder, ".*")); err != nil || len(left) > 0 {
		l.Errorf("left behind in the run's folder: %v, %v", left, err)
	}
}

// raceDetector tells whether the tests' binary, and so the command, runs under the race detector.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// slowUnderRace skips a test that runs nothing that others don't run too, and draws many charts, which takes ten times as
// long under the race detector.
func slowUnderRace(t *testing.T) {
	t.Helper()
	if raceDetector() {
		t.Skip("the race detector makes it slow and finds nothing here that the other tests' runs don't show it")
	}
}
