// Command copylab measures how bytes get from a disk to a network card and from a program to a disk, and shows why the
// ways differ.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// The exit codes of the command line's contract.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	// A reader of our output that goes away (`copylab run | head`) must not kill a run: its record is worth keeping.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	os.Exit(execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// memoryLimit is what the command's own heap and stacks may take before the garbage collector works harder. With the program
// itself and two workers that is well below 100 MiB, however many trials a run has.
const memoryLimit = 40 << 20

// boundMemory is for the commands that hold a whole run. A worker must not call it: its collector is off.
func boundMemory() { debug.SetMemoryLimit(memoryLimit) }

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	var code codeError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		if code.err != nil {
			fmt.Fprintf(errs, "copylab: %v\n", code.err)
		}
		return code.code
	}
	fmt.Fprintf(errs, "copylab: %v\n", err)
	return exitFailed
}

// codeError carries an exit code; err may be nil where everything has been said.
type codeError struct {
	code int
	err  error
}

func (e codeError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e codeError) Unwrap() error { return e.err }

// usage marks an error as wrong usage: exit code 2.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return codeError{exitUsage, err}
}
