package diagram_test

import (
	"fmt"

	"copylab/results/diagram"
)

// How often does a path copy a byte, over a network card and over loopback?
func Example() {
	path, _ := diagram.PathOf(diagram.FromMemory, "send-zerocopy")
	recv, _ := diagram.ReceiverOf("recv")
	for _, l := range []diagram.Link{diagram.NIC, diagram.Loopback} {
		d := path.On(l, recv)
		fmt.Printf("%s: %s; %s crossings per chunk\n", l.Title(), d.SenderCopies(), d.CrossingsText())
	}
	// Output:
	// NIC: 0 + 1 gather; 2 crossings per chunk
	// loopback: 1 deferred + 1 gather; 2 crossings per chunk
}
