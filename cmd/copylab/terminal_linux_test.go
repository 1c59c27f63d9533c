package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"copylab/results/host"
)

// On a terminal there is a bar and there are colours, and each can be turned off. The terminal's width is kept.
func TestTerminal(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("tiny.yaml", tinyScenario)
	const columns = 90
	rich := onTerminal(t, l, columns, "run", "tiny.yaml", "--out", "rich")
	if !strings.Contains(rich, "\x1b[") || !strings.ContainsAny(rich, "█░") || !strings.Contains(rich, "\r") {
		t.Errorf("no bar or no colours on a terminal:\n%q", rich)
	}
	if strings.Contains(rich, "block 1 of 5 at most, ") {
		t.Errorf("the bar comes with plain lines:\n%q", rich)
	}
	plain := onTerminal(t, l, columns, "run", "tiny.yaml", "--plain", "--no-color", "--out", "plain")
	if strings.ContainsAny(plain, "\x1b█░\r") || !strings.Contains(plain, "block 1 of 5 at most, ") {
		t.Errorf("--plain --no-color, and yet:\n%q", plain)
	}
	_, table, found := strings.Cut(plain, "\nTiny\n")
	if !found {
		t.Fatalf("no table in\n%s", plain)
	}
	for line := range strings.Lines(table) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > columns {
			t.Errorf("a line of %d columns on a terminal of %d: %s", n, columns, line)
		}
	}
	if text := onTerminal(t, l, columns, "report", "plain", "--no-color"); strings.Contains(text, "\x1b") {
		t.Errorf("report --no-color, and yet:\n%q", text)
	}
}

// Before much is written, the user is asked. All but a yes is a no, which leaves nothing behind, as does an interruption.
func TestConsent(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("large.yaml", largeScenario)
	l.folder("disk")
	args := []string{"run", "large.yaml", "--dir", "disk", "--out", "run", "--precondition", "1024GiB"}
	const question = "large will write about 3.0 TiB to disk (device "
	for answer, want := range map[string]int{"n\n": exitUsage, "\n": exitUsage, "maybe\n": exitUsage, "\x04": exitUsage, "\x03": exitInterrupted} {
		text, code := answered(t, l, answer, args...)
		if code != want || !strings.Contains(text, question) && !strings.Contains(text, "to disk. Go on? [y/N] ") || !strings.Contains(text, "Go on? [y/N] ") {
			t.Errorf("%q: exit code %d, want %d:\n%s", answer, code, want, text)
		}
		if want == exitUsage && !strings.Contains(text, "not consented to: nothing was written") {
			t.Errorf("%q:\n%s", answer, text)
		}
	}
	free, _, err := host.FreeSpace(l.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if free > 1024<<30 {
		t.Skip("there is room for all of it")
	}
	// A yes goes on, until it turns out that there is no room.
	for _, answer := range []string{"y\n", "Yes\n"} {
		if text, code := answered(t, l, answer, args...); code != exitFailed || !strings.Contains(text, "make room in disk") {
			t.Errorf("%q: exit code %d:\n%s", answer, code, text)
		}
	}
	if text, code := answered(t, l, "", append(args, "--yes")...); code != exitFailed || strings.Contains(text, "[y/N]") || !strings.Contains(text, "make room in disk") {
		t.Errorf("--yes: exit code %d:\n%s", code, text)
	}
	for _, folder := range []string{l.Dir, filepath.Join(l.Dir, "disk")} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Name() != "large.yaml" && e.Name() != "disk" {
				t.Errorf("left behind: %s", e.Name())
			}
		}
	}
}

// largeScenario writes little by itself, and more than any disk has with a large area to precondition.
const largeScenario = `title: Large
question: May it?
write: {patterns: [append], file: 1MiB}
measure: {time: 10ms, blocks: 5..5, budget: 100s}
charts: []
`

// answered runs copylab on a pseudo-terminal, whose user answers the first question, and returns what it printed and its exit code.
func answered(t *testing.T, l *lab, answer string, args ...string) (string, int) {
	t.Helper()
	master, terminal := pseudoTerminal(t, 100)
	defer master.Close()
	cmd := l.command(l.program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	// Ctrl-C is for whoever the terminal controls.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err := cmd.Start()
	if err := errors.Join(err, terminal.Close()); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	chunk := make([]byte, 4096)
	for {
		n, err := master.Read(chunk)
		text.Write(chunk[:n])
		if errors.Is(err, syscall.EIO) || errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if answer != "" && bytes.Contains(text.Bytes(), []byte("[y/N] ")) {
			if _, err := master.WriteString(answer); err != nil {
				t.Fatal(err)
			}
			answer = ""
		}
	}
	exit := (*exec.ExitError)(nil)
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return text.String(), cmd.ProcessState.ExitCode()
}

// onTerminal runs copylab with its output on a pseudo-terminal and returns what it printed.
func onTerminal(t *testing.T, l *lab, columns uint16, args ...string) string {
	t.Helper()
	master, terminal := pseudoTerminal(t, columns)
	defer master.Close()
	cmd := l.command(l.program, args...)
	cmd.Stdout, cmd.Stderr = terminal, terminal
	cmd.Env = append(cmd.Env, "TERM=xterm", "NO_COLOR=")
	err := cmd.Start()
	if err := errors.Join(err, terminal.Close()); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	// The other end of a terminal that nobody has open any more gives EIO.
	if _, err := io.Copy(&text, master); err != nil && !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v:\n%s", err, text.String())
	}
	return strings.ReplaceAll(text.String(), "\r\n", "\n") // the terminal's own doing
}

// pseudoTerminal makes one of so many columns (pty(7)): the end that a user would sit at, and the one for the program.
func pseudoTerminal(t *testing.T, columns uint16) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: columns})
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(filepath.Join("/dev/pts", fmt.Sprint(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, terminal
}
