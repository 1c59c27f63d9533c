package profile_test

import (
	"log"
	"os"

	"copylab/results/profile"
)

// What was sampled in several passes is added up, and written as flame-graph tools read it.
func Example() {
	reading := profile.Stack{Thread: "copylab", Kernel: []string{"_copy_to_iter", "filemap_read"}, User: []string{"main.main"}}
	waking := profile.Stack{Thread: "ksoftirqd", Kernel: []string{"net_rx_action"}}
	first, second := profile.New(216_543), profile.New(216_543)
	first.Add(reading, 3)
	second.Add(reading, 4)
	second.Add(waking, 1)
	if err := first.Merge(second); err != nil {
		log.Fatal(err)
	}
	if err := first.WriteFolded(os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// copylab;main.main;filemap_read_[k];_copy_to_iter_[k] 7
	// ksoftirqd;net_rx_action_[k] 1
}
