package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"copylab/results"
)

// slowScenario has trials that last long enough to be hit by a signal, and goes on for minutes if it is let.
const slowScenario = `title: Slow
question: What if it is stopped?
transfer: {paths: [read-write, sendfile], file: 8MiB}
measure: {time: 200ms, blocks: 1000..1000, budget: 1h, evidence: off}
charts: []
`

// A signal at any moment ends the run with 130. What was measured until then is kept and rendered, and nothing is left behind.
func TestInterrupted(t *testing.T) {
	for i, moment := range []struct {
		name   string
		text   string // on standard error
		args   []string
		trials int // that are done by then
	}{
		{name: "at the start", text: "slow: What if it is stopped?\n"},
		{name: "while files are made", text: "\nmaking test files in disk\n", args: []string{"--set", "transfer.file=256MiB"}},
		{name: "before the first trial", text: "\ntool cost, "},
		{name: "in verification", text: "\nverify bytes 1/2, ", trials: 2},
		{name: "in the warm-up", text: "\nwarm-up, ", trials: 2 + 2},
		{name: "in a counted block", text: "\nblock 2 of ", trials: 2 + 2 + 2 + 2},
	} {
		signal := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}[i%2]
		t.Run(fmt.Sprintf("%s %v", moment.name, signal), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.file("slow.yaml", slowScenario)
			l.folder("disk")
			r := l.start(append([]string{"run", "slow.yaml", "--dir", "disk", "--out", "run"}, moment.args...)...)
			r.until(moment.text)
			if i > 2 {
				time.Sleep(30 * time.Millisecond) // into the trial; anywhere else is as good
			}
			r.signal(signal)
			got := r.wait()
			if got.Code != exitInterrupted || !strings.Contains(got.Errs, "copylab: interrupted; what was measured until then is in run") {
				t.Errorf("exit code %d:\n%s", got.Code, got.Errs)
			}
			if trials := l.wantInterrupted("run"); len(trials) < moment.trials {
				t.Errorf("%d trials are recorded, want at least %d", len(trials), moment.trials)
			}
		})
	}
}

// wantInterrupted checks what an interrupted run must leave, and what it must not. It returns the trials.
func (l *lab) wantInterrupted(folder string) []results.Trial {
	l.Helper()
	folder = filepath.Join(l.Dir, folder)
	run, trials, end := l.record(folder)
	if end.Reason != results.StopInterrupted {
		l.Errorf("the record ends with %+v, want the reason %q", end, results.StopInterrupted)
	}
	for _, trial := range trials {
		if trial.Error != "" {
			l.Errorf("trial %d: %s: a trial that was cut off is no failed one", trial.Seq, trial.Error)
		}
	}
	l.wantReport(folder)
	text, err := os.ReadFile(filepath.Join(folder, "report.md"))
	if err != nil || !bytes.Contains(text, []byte("interrupted")) || !bytes.Contains(text, []byte(run.Scenario.Title)) {
		l.Errorf("report.md does not say that the run was interrupted: %v\n%s", err, text)
	}
	l.wantEmpty(l.folder("disk"))
	if left := l.workers(); len(left) > 0 {
		l.Errorf("workers are left: %v", left)
	}
	return trials
}

// While the report is rendered there is nothing left to lose: it is finished, and the exit code tells of the signal. A
// second scenario is not begun.
func TestInterruptedWhileRendering(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	text := strings.ReplaceAll(tinyScenario, "charts: []", "charts: [throughput, cpu]")
	l.file("tiny.yaml", text)
	l.file("next.yaml", text)
	l.folder("disk")
	const tries = 5
	for try := 1; ; try++ {
		out := fmt.Sprintf("run%d", try)
		r := l.start("run", "tiny.yaml", "next.yaml", "--dir", "disk", "--out", out)
		record := filepath.Join(l.Dir, out, "tiny", results.RecordFile)
		r.eventually("the record had an end", func() bool {
			text, err := os.ReadFile(record)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			return bytes.Contains(text, []byte("\n{\"type\":\"end\""))
		})
		r.signal(syscall.SIGINT)
		got := r.wait()
		if _, err := os.Stat(filepath.Join(l.Dir, out, "next")); err == nil && try < tries {
			continue // the signal came late, when the next scenario had begun: try to be faster
		}
		if got.Code != exitInterrupted {
			t.Errorf("exit code %d, want %d:\n%s", got.Code, exitInterrupted, got.Errs)
		}
		if _, _, end := l.record(filepath.Join(l.Dir, out, "tiny")); end.Reason == results.StopInterrupted || end.Blocks != 5 {
			t.Errorf("the run was complete, its record ends with %+v", end)
		}
		l.wantReport(filepath.Join(l.Dir, out, "tiny"))
		l.wantEmpty(l.folder("disk"))
		if got := l.entries(filepath.Join(l.Dir, out)); len(got) != 1 {
			t.Errorf("runs are %v, want tiny alone", got)
		}
		return
	}
}

// A killed command takes its workers with it. Its files stay, until the next run or clean finds them; its record renders.
func TestKilled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("slow.yaml", slowScenario)
	l.file("tiny.yaml", tinyScenario)
	disk := l.folder("disk")
	l.file("disk/keep.txt", "not copylab's")
	if err := os.Mkdir(filepath.Join(disk, ".copylab-keep"), 0o755); err != nil {
		t.Fatal(err)
	}
	kill := func(out string) string {
		r := l.start("run", "slow.yaml", "--dir", "disk", "--out", out)
		r.until("block 1 of")
		r.eventually("there were workers", func() bool { return len(l.workers()) > 0 })
		r.signal(syscall.SIGKILL)
		if got := r.wait(); got.Code != -1 {
			t.Fatalf("killed, but exit code %d", got.Code)
		}
		r.eventually("the workers had died too", func() bool { return len(l.workers()) == 0 })
		left, err := filepath.Glob(filepath.Join(disk, ".copylab-[0-9]*"))
		if err != nil || len(left) != 1 {
			t.Fatalf("left behind: %v, %v; want one folder", left, err)
		}
		return "disk/" + filepath.Base(left[0])
	}

	folder := kill("killed")
	if _, trials, end, err := readRecord(filepath.Join(l.Dir, "killed")); err != nil || end != nil || len(trials) < 4 {
		t.Errorf("the record has %d trials and the end %+v, %v", len(trials), end, err)
	}
	if got := l.want(exitDone, "report", "killed"); !strings.Contains(got.Out, "the record is cut off") {
		t.Errorf("the report does not say that the record is cut off:\n%s", got.Out)
	}
	next := l.want(exitDone, "run", "tiny.yaml", "--dir", "disk", "--out", "next")
	if !strings.Contains(next.Errs, "removed "+folder+" (") {
		t.Errorf("the next run did not say that it removed %s:\n%s", folder, next.Errs)
	}
	wantKept(t, l, disk)

	folder = kill("again")
	if got := l.want(exitDone, "clean", "--dir", "disk"); !strings.HasPrefix(got.Out, "removed "+folder+" (") {
		t.Errorf("clean said %q", got.Out)
	}
	wantKept(t, l, disk)
	if got := l.want(exitDone, "clean", "--dir", "disk"); got.Out != "nothing was left behind in disk\n" {
		t.Errorf("clean said %q", got.Out)
	}
}

// wantKept checks that of all files those are left that copylab did not make.
func wantKept(t *testing.T, l *lab, disk string) {
	t.Helper()
	if got := fmt.Sprint(l.entries(disk)); got != "[.copylab-keep keep.txt]" {
		t.Errorf("the folder holds %s, want what was there before", got)
	}
}

// A run that is going on is not disturbed by another one in the same folder, nor by clean.
func TestLivingRun(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("slow.yaml", slowScenario)
	l.file("tiny.yaml", tinyScenario)
	disk := l.folder("disk")
	r := l.start("run", "slow.yaml", "--dir", "disk", "--out", "long")
	r.until("block 1 of")
	before := l.entries(disk)
	if len(before) != 1 {
		t.Fatalf("the run's folder holds %v", before)
	}
	files := l.entries(filepath.Join(disk, before[0]))
	other := l.want(exitDone, "run", "tiny.yaml", "--dir", "disk", "--out", "short")
	if strings.Contains(other.Errs, "removed") {
		t.Errorf("the second run removed something:\n%s", other.Errs)
	}
	if got := l.want(exitDone, "clean", "--dir", "disk"); got.Out != "nothing was left behind in disk\n" {
		t.Errorf("clean said %q", got.Out)
	}
	if got := l.entries(disk); fmt.Sprint(got) != fmt.Sprint(before) || fmt.Sprint(l.entries(filepath.Join(disk, got[0]))) != fmt.Sprint(files) {
		t.Errorf("the folder holds %v, held %v", got, before)
	}
	r.signal(syscall.SIGINT)
	if got := r.wait(); got.Code != exitInterrupted {
		t.Errorf("exit code %d:\n%s", got.Code, got.Errs)
	}
	l.wantInterrupted("long")
}

// A receiver that dies in the middle of a trial fails that trial and its case. The others are measured.
func TestReceiverKilled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("slow.yaml", strings.ReplaceAll(slowScenario, "1000..1000", "5..5"))
	l.folder("disk")
	r := l.start("run", "slow.yaml", "--dir", "disk", "--out", "run")
	r.until("block 1 of")
	killed := 0
	r.eventually("there was a receiver", func() bool {
		killed = l.receiver()
		return killed != 0
	})
	time.Sleep(50 * time.Millisecond) // into the trial
	if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	got := r.wait()
	if got.Code != exitFailed || !strings.Contains(got.Errs, "copylab: 1 trial failed: the report in run says which and why") {
		t.Errorf("exit code %d:\n%s", got.Code, got.Errs)
	}

	_, trials, end := l.record(filepath.Join(l.Dir, "run"))
	failed, counted := results.Trial{}, 0
	for _, trial := range trials {
		switch {
		case trial.Error != "":
			failed = trial
		case trial.Phase == results.PhaseCounted:
			counted++
		}
	}
	if !strings.Contains(failed.Error, "receiver died in mid-trial: signal: killed") || failed.Phase != results.PhaseCounted {
		t.Errorf("the failed trial is %+v", failed)
	}
	if counted != 5 || end.Reason != results.StopBlocks {
		t.Errorf("%d trials of the other case were counted, want 5; the run ended with %+v", counted, end)
	}
	s, err := results.Load(filepath.Join(l.Dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Cases {
		want := results.CaseMeasured
		if c.ID == failed.Case {
			want = results.CaseFailed
		}
		if c.Status != want || want == results.CaseFailed && !strings.Contains(c.Reason, "receiver died") {
			t.Errorf("%s is %s (%s), want %s", c.ID, c.Status, c.Reason, want)
		}
	}
	l.wantReport(filepath.Join(l.Dir, "run"))
	for _, name := range []string{"report.md", "report.html"} {
		text, err := os.ReadFile(filepath.Join(l.Dir, "run", name))
		if err != nil || !bytes.Contains(text, []byte("receiver died in mid-trial")) {
			t.Errorf("%s does not say why the case failed: %v", name, err)
		}
	}
	if !strings.Contains(got.Out, "receiver died") {
		t.Errorf("the table does not say why the case failed:\n%s", got.Out)
	}
	l.wantEmpty(l.folder("disk"))
}

// receiver finds a worker that has a connection and none of the test files open; 0 where there is none at the moment.
func (l *lab) receiver() int {
	for _, pid := range l.workers() {
		links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil {
			l.Fatal(err)
		}
		sockets, files := 0, 0
		for _, link := range links {
			switch target, err := os.Readlink(link); {
			case err != nil: // closed meanwhile
			case strings.HasPrefix(target, "socket:"):
				sockets++
			case strings.HasPrefix(target, l.Dir):
				files++
			}
		}
		if sockets > 0 && files == 0 {
			return pid
		}
	}
	return 0
}
