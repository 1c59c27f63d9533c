// Command init is the first process of the guest of `make test-kernel`: it sets the machine up, does what the plan
// says, tells the host of it line by line through a serial port, and ends the machine.
package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"copylab/internal/kerneltest"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		work()
		return
	}
	// The first process inherits every orphan. One that also waits for commands of its own would take their statuses
	// away from itself, so that a child does all the work.
	child, err := os.StartProcess("/proc/self/exe", []string{"/init", "worker"}, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil { // /proc is not mounted yet
		child, err = os.StartProcess("/init", []string{"/init", "worker"}, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	}
	for err == nil {
		pid, waitErr := unix.Wait4(-1, nil, 0, nil)
		if pid == child.Pid || waitErr != nil && !errors.Is(waitErr, unix.EINTR) {
			break
		}
	}
	// The host starts the emulator so that a restart ends it, which needs no driver for the power supply.
	unix.Sync()
	fmt.Fprintln(os.Stderr, "init: restart:", err, unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART))
}

// guest is the machine's voice.
type guest struct {
	mu      sync.Mutex
	results io.Writer
}

func (g *guest) say(m kerneltest.Message) {
	g.mu.Lock()
	defer g.mu.Unlock()
	line, err := json.Marshal(m)
	if err == nil {
		_, err = g.results.Write(append(line, '\n'))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "init: tell the host:", err)
	}
}

func (g *guest) trouble(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
		g.say(kerneltest.Message{Trouble: err.Error()})
	}
}

// run runs steps one after another.
func (g *guest) run(steps []kerneltest.Step) {
	for _, step := range steps {
		result := run(step)
		g.say(kerneltest.Message{Result: &result})
	}
}

func work() {
	g := &guest{results: os.Stderr}
	for key, value := range map[string]string{"PATH": kerneltest.ProgramDir, "TMPDIR": kerneltest.TempDir, "HOME": kerneltest.TempDir} {
		if err := os.Setenv(key, value); err != nil {
			g.trouble(err)
		}
	}
	first := mountKernel()
	results, err := os.OpenFile(kerneltest.ResultsDevice, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err == nil {
		g.results = results
	}
	g.trouble(errors.Join(first, err))
	var plan kerneltest.Plan
	content, err := os.ReadFile(kerneltest.PlanFile)
	if err == nil {
		err = json.Unmarshal(content, &plan)
	}
	g.trouble(err)

	hello := kerneltest.Hello{Kernel: kernelVersion()}
	for _, file := range plan.Modules {
		m := kerneltest.Module{File: file}
		if err := load(filepath.Join(kerneltest.ModulesDir, file)); err != nil {
			m.Error = err.Error()
		}
		hello.Modules = append(hello.Modules, m)
	}
	g.trouble(setUp())
	if ulps, err := os.ReadFile("/proc/sys/net/ipv4/tcp_available_ulp"); err == nil {
		hello.ULPs = strings.TrimSpace(string(ulps))
	}
	g.say(kerneltest.Message{Hello: &hello})

	g.run(plan.Steps)
	var lanes sync.WaitGroup
	for _, lane := range plan.Lanes {
		lanes.Go(func() { g.run(lane) })
	}
	lanes.Wait()
	g.trouble(copyOut())
	g.say(kerneltest.Message{Done: true})
}

// mountKernel mounts the file systems that the kernel makes up.
func mountKernel() error {
	var problems error
	for _, m := range []struct{ kind, at, options string }{
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"devtmpfs", "/dev", ""},
		{"devpts", "/dev/pts", ""},
		{"tmpfs", "/dev/shm", ""},
		{"tmpfs", "/tmp", "mode=1777"},
		{"tmpfs", "/run", ""},
		{"tracefs", "/sys/kernel/tracing", ""},
	} {
		if err := errors.Join(os.MkdirAll(m.at, 0o755), unix.Mount(m.kind, m.at, m.kind, 0, m.options)); err != nil {
			problems = errors.Join(problems, fmt.Errorf("mount %s on %s: %w", m.kind, m.at, err))
		}
	}
	// What udev would make of /dev.
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"} {
		if err := os.Symlink(target, filepath.Join("/dev", name)); err != nil && !errors.Is(err, fs.ErrExist) {
			problems = errors.Join(problems, err)
		}
	}
	return problems
}

// load loads a kernel module by finit_module(2).
func load(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("finit_module: %w", err)
	}
	return nil
}

// setUp does what a distribution's first minutes do, as far as copylab can tell the difference.
func setUp() error {
	problems := errors.Join(
		unix.Sethostname([]byte("kerneltest")),
		loopbackUp(),
		waitFor(kerneltest.TestDisk),
		os.MkdirAll(kerneltest.DiskDir, 0o755),
	)
	if err := unix.Mount(kerneltest.TestDisk, kerneltest.DiskDir, "ext4", unix.MS_RELATIME, ""); err != nil {
		problems = errors.Join(problems, fmt.Errorf("mount %s on %s: %w", kerneltest.TestDisk, kerneltest.DiskDir, err))
	}
	// systemd's limits: the kernel's own hard limit of 4096 descriptors is met on no distribution.
	files := unix.Rlimit{Cur: 1024, Max: 1 << 19}
	return errors.Join(problems, os.MkdirAll(kerneltest.OutDir, 0o755), os.MkdirAll(kerneltest.TempDir, 0o777), os.Chmod(kerneltest.TempDir, 0o1777),
		unix.Setrlimit(unix.RLIMIT_NOFILE, &files))
}

// waitFor waits for a device, which its driver finds in its own time.
func waitFor(device string) error {
	for range 100 {
		if _, err := os.Stat(device); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("there is no %s", device)
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("bring lo up: ioctl SIOCSIFFLAGS: %w", err)
	}
	return nil
}

func kernelVersion() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Version[:])
}

// longest is how much of a command's output is kept: the end, where the failures are.
const longest = 4 << 20

// run runs a step's command. It gets its own process group, so that nothing that it left behind disturbs the next.
func run(step kerneltest.Step) kerneltest.Result {
	result := kerneltest.Result{Step: step.Name}
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), step.Timeout)
	defer cancel()
	var output, problems bytes.Buffer
	c := exec.CommandContext(ctx, step.Args[0], step.Args[1:]...)
	c.Stdout, c.Stderr = &output, &problems
	c.Dir = step.Dir
	if c.Dir == "" {
		c.Dir = kerneltest.OutDir
	}
	c.Env = append(os.Environ(), step.Env...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return unix.Kill(-c.Process.Pid, unix.SIGKILL) }
	c.WaitDelay = 2 * time.Second
	err := c.Start()
	if err == nil {
		ended := make(chan struct{})
		enough := make(chan bool)
		go func() { enough <- interrupt(c.Process, step.Enough, ended) }()
		err = c.Wait()
		close(ended)
		result.Enough = <-enough
	}
	result.Seconds = time.Since(began).Seconds()
	result.Exit = c.ProcessState.ExitCode() // -1 also where it was never started
	switch {
	case ctx.Err() != nil:
		result.Exit, result.Error = -1, fmt.Sprintf("not done after %v, and killed", step.Timeout)
	case result.Exit < 0 && err != nil:
		result.Error = err.Error()
	}
	if c.Process != nil {
		_ = unix.Kill(-c.Process.Pid, unix.SIGKILL)
	}
	result.Output, result.Errors = tail(output.Bytes()), tail(problems.Bytes())
	if step.File != "" {
		content, err := os.ReadFile(step.File)
		if err != nil && result.Error == "" {
			result.Error = err.Error()
		}
		result.File = string(content)
	}
	return result
}

// interrupt interrupts a command once it has done enough, and tells whether it did.
func interrupt(p *os.Process, enough *kerneltest.Enough, ended <-chan struct{}) bool {
	if enough == nil {
		return false
	}
	for {
		select {
		case <-ended:
			return false
		case <-time.After(100 * time.Millisecond):
		}
		if content, err := os.ReadFile(enough.File); err == nil && bytes.Contains(content, []byte(enough.Text)) {
			return p.Signal(os.Interrupt) == nil
		}
	}
}

func tail(b []byte) string { return string(b[max(0, len(b)-longest):]) }

// copyOut writes what is in the folder for results as an archive to a disk of its own.
func copyOut() (err error) {
	disk, err := os.OpenFile(kerneltest.OutDisk, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("copy files out: %w", err)
	}
	defer func() { err = errors.Join(err, disk.Sync(), disk.Close()) }()
	archive := tar.NewWriter(disk)
	if err := archive.AddFS(os.DirFS(kerneltest.OutDir)); err != nil {
		return fmt.Errorf("copy files out: %w", err)
	}
	return archive.Close()
}
