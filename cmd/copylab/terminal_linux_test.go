package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
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

// onTerminal runs copylab with its output on a pseudo-terminal (pty(7)) and returns what it printed.
func onTerminal(t *testing.T, l *lab, columns uint16, args ...string) string {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
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
	terminal, err := os.OpenFile(filepath.Join("/dev/pts", fmt.Sprint(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := l.command(l.program, args...)
	cmd.Stdout, cmd.Stderr = terminal, terminal
	cmd.Env = append(cmd.Env, "TERM=xterm", "NO_COLOR=")
	err = cmd.Start()
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
