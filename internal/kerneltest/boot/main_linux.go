// Command boot starts a stock distribution kernel in an emulator and checks copylab there. It is what `make test-kernel`
// runs; docs/other-kernels.md is its manual.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"copylab/internal/kerneltest"
)

type options struct {
	deb, pkg, cache string
	run             string
	tests, skip     string
	out             string
	memory          string
	timeout         time.Duration
}

// checkedPackages are the packages whose tests prove that paths and receivers do what they say.
const checkedPackages = "./copypaths ./copypaths/receivers"

func main() {
	var o options
	flag.StringVar(&o.deb, "deb", "", "`file` of a Debian kernel package, in place of -package")
	flag.StringVar(&o.pkg, "package", "linux-image-cloud-amd64", "Debian `package` of the kernel, which apt-get downloads")
	flag.StringVar(&o.cache, "cache", ".kernel", "`folder` for downloaded and unpacked kernels and for what a guest leaves")
	flag.StringVar(&o.run, "run", "", "run this `command` in the guest in place of the checks")
	flag.StringVar(&o.tests, "tests", "", "more `packages` whose tests run in the guest; with -run they are only put there, as /IMPORT/PATH/package.test")
	flag.StringVar(&o.skip, "skip", leftOut(), "`pattern` of tests to leave out, as go test -skip takes it")
	flag.StringVar(&o.out, "out", "", "`folder` for the files that the guest leaves (default: out in the cache folder)")
	flag.StringVar(&o.memory, "memory", "1G", "memory of the guest")
	flag.DurationVar(&o.timeout, "timeout", 15*time.Minute, "how long the guest may take")
	flag.Parse()
	if o.run == "" {
		o.tests = checkedPackages + " " + o.tests
	}
	if o.out == "" {
		o.out = filepath.Join(o.cache, "out")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	err := o.main(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "test-kernel:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// main does it all, from the kernel's package to the report.
func (o *options) main(ctx context.Context, w io.Writer) (err error) {
	began := time.Now()
	qemu, mkfs, err := programs(ctx, w)
	if err != nil {
		return err
	}
	kernel, err := findKernel(ctx, w, o)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "copylab-kernel-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	fmt.Fprintf(w, "%s: build the guest\n", kernel.name)
	plan, err := o.buildGuest(ctx, kernel, work)
	if err != nil {
		return err
	}
	m := &machine{
		qemu: qemu, kernel: kernel.image, folder: work, memory: o.memory,
		testDisk: filepath.Join(work, "test.img"), outDisk: filepath.Join(work, "out.img"), initramfs: filepath.Join(work, "initramfs"),
	}
	if err := makeDisks(ctx, mkfs, m); err != nil {
		return err
	}
	ready := time.Now()
	fmt.Fprintf(w, "boot it (%.0f s so far)\n", ready.Sub(began).Seconds())
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("the guest was not done after %v: give it more with -timeout", o.timeout))
	defer cancel()
	if err := errors.Join(os.RemoveAll(o.out), os.MkdirAll(o.out, 0o755)); err != nil {
		return err
	}
	seen, err := m.run(ctx, w, steps(plan))
	if err := errors.Join(err, saveOutput(seen, o.out)); err != nil {
		return err
	}
	if err := unpackOut(m.outDisk, o.out); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nwhat the guest's commands printed, and the files that they left, are in %s\n", o.out)
	defer func() {
		fmt.Fprintf(w, "%.0f s: %.0f to prepare, %.0f in the guest\n", time.Since(began).Seconds(), ready.Sub(began).Seconds(), time.Since(ready).Seconds())
	}()
	if o.run != "" {
		return commandReport(w, seen)
	}
	return report(w, seen)
}

// steps counts the steps of a plan.
func steps(p kerneltest.Plan) int {
	n := len(p.Steps)
	for _, lane := range p.Lanes {
		n += len(lane)
	}
	return n
}

// programs finds the programs that are needed. Root of a Debian machine gets the emulator installed.
func programs(ctx context.Context, w io.Writer) (qemu, mkfs string, err error) {
	var missing error
	if qemu, err = program("qemu-system-x86_64"); err != nil && os.Geteuid() == 0 {
		if apt, noApt := program("apt-get"); noApt == nil {
			fmt.Fprintln(w, "install qemu-system-x86 by apt-get")
			for _, args := range [][]string{{"update", "-qq"}, {"install", "-y", "-qq", "--no-install-recommends", "qemu-system-x86"}} {
				c := exec.CommandContext(ctx, apt, args...)
				c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
				if out, err := c.CombinedOutput(); err != nil {
					return "", "", fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, out)
				}
			}
			qemu, err = program("qemu-system-x86_64")
		}
	}
	if err != nil {
		missing = errors.Join(missing, errors.New("qemu-system-x86_64 is missing: on Debian and Ubuntu, apt-get install qemu-system-x86; on Fedora, dnf install qemu-system-x86-core"))
	}
	if mkfs, err = program("mkfs.ext4"); err != nil {
		missing = errors.Join(missing, errors.New("mkfs.ext4 is missing: install e2fsprogs"))
	}
	return qemu, mkfs, missing
}

// program finds a program, also where only root has its folder in PATH.
func program(name string) (string, error) {
	at, err := exec.LookPath(name)
	if err == nil {
		return at, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if at, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return at, nil
		}
	}
	return "", err
}

// makeDisks makes the guest's two disks, both of them mostly holes: one with a file system, one for an archive.
func makeDisks(ctx context.Context, mkfs string, m *machine) error {
	for _, disk := range []string{m.testDisk, m.outDisk} {
		f, err := os.Create(disk)
		if err != nil {
			return err
		}
		// copylab keeps a tenth of a disk, or 1 GiB, free.
		if err := errors.Join(f.Truncate(4<<30), f.Close()); err != nil {
			return err
		}
	}
	if out, err := exec.CommandContext(ctx, mkfs, "-q", "-F", m.testDisk).CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4: %w\n%s", err, out)
	}
	return nil
}

// saveOutput writes what the guest's commands printed, a file for each.
func saveOutput(s seen, out string) error {
	var problems error
	for i, r := range s.results {
		name := strings.Map(func(c rune) rune {
			if c == '/' || c == ' ' {
				return '-'
			}
			return c
		}, r.Step)
		name = fmt.Sprintf("%d-%.60s.txt", i+1, name)
		problems = errors.Join(problems, os.WriteFile(filepath.Join(out, name), []byte(r.Output+r.Errors), 0o644))
	}
	return problems
}

// unpackOut unpacks what the guest left.
func unpackOut(disk, out string) error {
	f, err := os.Open(disk)
	if err != nil {
		return err
	}
	defer f.Close()
	root, err := os.OpenRoot(out)
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := kerneltest.Unpack(f, root, nil); err != nil {
		return fmt.Errorf("read what the guest left: %w", err)
	}
	return nil
}
