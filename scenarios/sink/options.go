package sink

import (
	"copylab/results"
	"copylab/scenarios/worker"
)

// Options say how a sink shall be.
type Options struct {
	// Address is where it listens: HOST:PORT, or HOST for DefaultPort. Anywhere but on loopback it takes a secret.
	Address string
	Secret  Secret
	// Dir is for receivers that write files; empty: those are unavailable.
	Dir string
	// Sessions is how many clients it serves at once; the others are told that it is busy.
	Sessions int
	// Once ends it when the first session has ended.
	Once     bool
	Launcher *worker.Launcher // starts the receivers
	Tool     results.Tool
	// Log takes a line for each session, and for each client that was dropped, but no more than a few a second. It may be called by
	// several goroutines at once.
	Log func(line string)
}
