// Package recording has only tests. They run the paths, receivers and writers under the sampler of internal/kernel, and look at what
// results/stages makes of the stacks of the kernel that runs:
//
//	go test ./scenarios/recording -count=1 -record "$PWD/results/stages/testdata/NAME"
//
// also writes the stacks to files, which the tests of results/stages read: how a kernel's names get there.
package recording
