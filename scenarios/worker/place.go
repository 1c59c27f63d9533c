package worker

import (
	"fmt"
	"runtime"

	"copylab/internal/kernel"
	"copylab/results/host"
)

// ownDescriptors spares the calling thread what a table of descriptors shared with the Go runtime's threads costs, and
// notes whether it could. It is the last step before the clock starts: see kernel.OwnDescriptors.
func ownDescriptors(settings map[string]string) {
	settings["descriptor_table"] = "own"
	if err := kernel.OwnDescriptors(); err != nil {
		settings["descriptor_table"] = "shared with the Go runtime's threads: " + err.Error()
	}
}

// pin confines every thread of this process to the CPU, and gives each stream a Go processor of its own, so that none
// waits for the Go scheduler. -1 leaves the threads where they are.
func pin(cpu, streams int) error {
	runtime.GOMAXPROCS(streams + 2) // and one each for the conversation and the runtime
	if cpu < 0 {
		return nil
	}
	if err := host.Pin(cpu); err != nil {
		return fmt.Errorf("pin to CPU %d: %w", cpu, err)
	}
	return nil
}
