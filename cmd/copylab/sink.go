package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"copylab/scenarios"
	"copylab/scenarios/sink"
	"copylab/scenarios/worker"
)

func newSink() *cobra.Command {
	var o sink.Options
	var secretFile string
	c := &cobra.Command{
		Use:   "sink",
		Short: "The receiving end on another machine, for copylab run --to",
		Long: `Receives what "copylab run --to HOST:PORT" sends, as a receiver on that machine itself would, and reports what it cost here.
It serves one run after another, until Ctrl-C.

On any address but loopback both ends need the same secret, from a file that only you can read or from the variable
COPYLAB_SECRET. What is sent for measurement is not encrypted.`,
		Example: `  copylab sink
  copylab sink --listen 192.0.2.1 --secret-file sink.secret
  copylab sink --listen 192.0.2.1:7474 --secret-file sink.secret --dir /mnt/disk`,
		Args: argsBetween(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			boundMemory()
			secret, err := sink.ReadSecret(secretFile)
			if err != nil {
				return usage(err)
			}
			if o.Dir != "" {
				if err := scenarios.CheckFolder(o.Dir); err != nil {
					return usage(err)
				}
			}
			o.Secret = secret
			return serveSink(c, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Address, "listen", sink.DefaultAddress, "HOST:PORT to listen on; port 0: any that is free")
	f.StringVar(&secretFile, "secret-file", "", "the file that holds the secret (default: the variable "+sink.SecretVariable+")")
	f.StringVar(&o.Dir, "dir", "", "where receivers that write files may do so (default: nowhere, they are refused)")
	f.IntVar(&o.Sessions, "max-sessions", 1, "runs at once; they disturb each other")
	f.BoolVar(&o.Once, "once", false, "end after the first run")
	return c
}

func serveSink(c *cobra.Command, o sink.Options) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find copylab's own program, to start workers: %w", err)
	}
	o.Launcher = &worker.Launcher{Command: []string{program, "worker"}, Run: fmt.Sprintf("sink-%d", os.Getpid())}
	o.Tool = tool()
	var mu sync.Mutex
	o.Log = func(line string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(c.ErrOrStderr(), "%s %s\n", time.Now().UTC().Format(time.RFC3339), line)
	}
	s, err := sink.Listen(o)
	if bad := (*sink.UsageError)(nil); errors.As(err, &bad) {
		return usage(err)
	}
	if err != nil {
		return err
	}
	guard := "both ends need the secret"
	if o.Secret.None() {
		guard = "without a secret, for this machine only"
	}
	if _, err := fmt.Fprintf(c.OutOrStdout(), "listening on %s (%s)\n", s.Address(), guard); err != nil {
		stopped, stop := context.WithCancel(c.Context())
		stop()
		return errors.Join(err, s.Serve(stopped)) // which closes it
	}
	err = s.Serve(c.Context())
	if errors.Is(err, context.Canceled) {
		return codeError{exitInterrupted, errors.New("interrupted: the sink is closed and its workers are gone")}
	}
	return err
}
