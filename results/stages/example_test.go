package stages_test

import (
	"fmt"

	"copylab/results/stages"
)

// One function copies from the page cache and from a socket: it is its callers that tell.
func Example() {
	c := stages.NewClassifier()
	program := []string{"main.work", "main.main"}
	fmt.Println(c.Classify([]string{"_copy_to_iter", "filemap_read", "vfs_read"}, program))
	fmt.Println(c.Classify([]string{"_copy_to_iter", "tcp_recvmsg_locked", "tcp_recvmsg"}, program))
	fmt.Println(c.Classify([]string{"_copy_to_iter", "a_function_of_a_new_kernel"}, program))
	fmt.Println(c.Classify(nil, program))
	// Output:
	// copy page cache to program
	// copy socket to receiver
	// other
	// program
}
