package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"copylab/internal/kerneltest"
)

// machine is the emulated computer.
type machine struct {
	qemu, kernel, initramfs, folder string
	testDisk, outDisk               string
	memory                          string
}

// seen is what the guest said.
type seen struct {
	hello   kerneltest.Hello
	results []kerneltest.Result
	trouble []string
	done    bool
}

// commandLine tells the kernel to run our program, to restart at once when it panics, and to trust the emulated clock,
// of which it would otherwise read a far slower one.
const commandLine = "console=ttyS0 rdinit=/init panic=-1 oops=panic quiet tsc=reliable no_timer_check"

// run starts the machine and waits until it has ended. The first serial port is the kernel's console, which is shown where
// the guest fails; the second carries messages.
func (m *machine) run(ctx context.Context, w io.Writer, steps int) (seen, error) {
	console := filepath.Join(m.folder, "console")
	c := exec.CommandContext(ctx, m.qemu,
		"-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", m.memory,
		"-nodefaults", "-display", "none", "-no-reboot",
		"-kernel", m.kernel, "-initrd", m.initramfs, "-append", commandLine,
		"-serial", "file:"+console, "-serial", "stdio",
		"-drive", "file="+m.testDisk+",if=virtio,format=raw,cache=unsafe,discard=unmap",
		"-drive", "file="+m.outDisk+",if=virtio,format=raw,cache=unsafe",
	)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var problems strings.Builder
	c.Stderr = &problems
	messages, err := c.StdoutPipe()
	if err != nil {
		return seen{}, err
	}
	if err := c.Start(); err != nil {
		return seen{}, fmt.Errorf("start the emulator: %w", err)
	}
	s, err := listen(messages, w, steps)
	ended := c.Wait()
	switch {
	case ctx.Err() != nil:
		err = errors.Join(err, context.Cause(ctx))
	case ended != nil:
		err = errors.Join(err, fmt.Errorf("%s: %w\n%s", m.qemu, ended, problems.String()))
	case !s.done:
		err = errors.Join(err, errors.New("the guest ended before it was done"))
	}
	if err != nil {
		said, readErr := os.ReadFile(console)
		return s, errors.Join(err, readErr, fmt.Errorf("the end of its console:\n%s", said[max(0, len(said)-8000):]))
	}
	return s, nil
}

// listen reads what the guest says until it says no more, and shows how it gets on.
func listen(messages io.Reader, w io.Writer, steps int) (seen, error) {
	var s seen
	began := time.Now()
	r := bufio.NewReaderSize(messages, 1<<20)
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 && line[0] == '{' {
			var m kerneltest.Message
			if err := json.Unmarshal(line, &m); err != nil {
				return s, fmt.Errorf("read what the guest says: %w: %.200q", err, line)
			}
			switch {
			case m.Hello != nil:
				s.hello = *m.Hello
				fmt.Fprintf(w, "it runs Linux %s (%.0f s)\n", s.hello.Kernel, time.Since(began).Seconds())
			case m.Result != nil:
				s.results = append(s.results, *m.Result)
				fmt.Fprintf(w, "%d/%d %s: exit status %d (%.1f s)\n", len(s.results), steps, m.Result.Step, m.Result.Exit, m.Result.Seconds)
			case m.Trouble != "":
				s.trouble = append(s.trouble, m.Trouble)
			case m.Done:
				s.done = true
			}
		}
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, fmt.Errorf("read what the guest says: %w", err)
		}
	}
}
