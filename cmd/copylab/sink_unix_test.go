//go:build unix

package main

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"copylab/scenarios/sink"
	"copylab/scenarios/worker"
)

const testSecret = "a secret of the tests"

// sink starts the command line "copylab sink args…" with a free port, and returns its address.
func (l *lab) sink(args ...string) (r *running, address string) {
	l.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { out.Close() })
	r = &running{lab: l, cmd: l.command(l.program, append([]string{"sink", "--listen", "127.0.0.1:0"}, args...)...)}
	r.cmd.Stdout, r.cmd.Stderr = in, &r.errs
	err = r.cmd.Start()
	in.Close()
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() {
		if !r.done {
			_ = r.cmd.Process.Kill()
			_ = r.cmd.Wait()
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	found := regexp.MustCompile(`^listening on (127\.0\.0\.1:[0-9]+) \(.*\)\n$`).FindStringSubmatch(line)
	if found == nil {
		l.Fatalf("the sink says %q (%v)\n%s", line, err, r.errs.String())
	}
	return r, found[1]
}

// A signal ends a sink in mid-trial, with its worker, and with 130.
func TestSinkInterrupted(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.file("sink.secret", testSecret)
			name := filepath.Join(l.Dir, "sink.secret")
			if err := os.Chmod(name, 0o600); err != nil {
				t.Fatal(err)
			}
			r, address := l.sink("--secret-file", "sink.secret")
			secret, err := sink.ReadSecret(name)
			if err != nil {
				t.Fatal(err)
			}
			s, err := sink.Dial(t.Context(), address, secret, tool())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			p, err := s.Receive(t.Context(), worker.Receive{Receiver: "recv", BufferBytes: 4096, Bytes: 1 << 20, Streams: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Kill()
			if _, err := p.Await(worker.EventListening); err != nil {
				t.Fatal(err)
			}
			if len(l.workers()) != 1 && runtime.GOOS == "linux" { // elsewhere nobody can tell
				t.Errorf("workers %v, want one", l.workers())
			}
			r.signal(signal)
			got := r.wait()
			if signal == syscall.SIGKILL {
				r.eventually("the worker had died too", func() bool { return len(l.workers()) == 0 })
				return
			}
			if got.Code != exitInterrupted || !strings.HasSuffix(got.Errs, "copylab: interrupted: the sink is closed and its workers are gone\n") {
				t.Errorf("exit code %d:\n%s", got.Code, got.Errs)
			}
			if left := l.workers(); len(left) > 0 {
				t.Errorf("workers are left: %v", left)
			}
			if strings.Contains(got.Errs, testSecret) {
				t.Error("the log tells the secret")
			}
		})
	}
}

// A whole run goes to a sink, which with --once ends after it.
func TestRunToSink(t *testing.T) {
	l := newLab(t)
	l.file("tiny.yaml", tinyScenario)
	disk := l.folder("disk")
	r, address := l.sink("--once")
	l.want(exitDone, "run", "tiny.yaml", "--dir", "disk", "--out", "run", "--to", address, "--quiet")
	got := r.wait()
	if got.Code != exitDone || strings.Count(got.Errs, "session ended after ") != 1 || strings.Contains(got.Errs, "dropped") {
		t.Errorf("exit code %d:\n%s", got.Code, got.Errs)
	}
	run, trials, _ := l.record(filepath.Join(l.Dir, "run"))
	if run.Peer == nil || run.Peer.Hostname == "" {
		t.Error("the record knows nothing of the sink's host")
	}
	counted := 0
	for _, trial := range trials {
		if trial.Error != "" {
			t.Errorf("trial %d: %s", trial.Seq, trial.Error)
		}
		if _, ok := trial.Sides["receiver"]; ok {
			counted++
		}
	}
	if counted < 2*5 {
		t.Errorf("%d of %d trials have a receiver", counted, len(trials))
	}
	l.wantEmpty(disk)
	// Nobody is there any more.
	if got := l.want(exitFailed, "run", "tiny.yaml", "--dir", "disk", "--out", "again", "--to", address); !strings.Contains(got.Errs, "connection refused: start copylab sink there") {
		t.Errorf("%s", got.Errs)
	}
}
