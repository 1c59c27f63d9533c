package kernel

// SyscallCounts is what a SyscallCounter counted.
type SyscallCounts struct {
	Total  int64            // calls of any name
	ByName map[string]int64 // of the names that were made at all, of those that it knows: see CountedSyscalls
}
