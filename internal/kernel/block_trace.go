package kernel

// BlockRequest is a request that a block device was given.
type BlockRequest struct {
	AtNS          int64 // when, CLOCK_MONOTONIC
	Kind          BlockKind
	Offset, Bytes int64 // on the whole device, not the partition; a flush has none
	// Sync says that somebody waits for it: a program, a sync, or a journal. What the kernel writes back in the background is
	// without.
	Sync bool
	// ForceUnit says that the device is to have it on the medium before it says that it is done (FUA).
	ForceUnit bool
	// PID is the process that gave it, as a rule the one that it is for; the kernel's own threads are processes too.
	PID int
}

// BlockKind is what a request is for.
type BlockKind int

// The kinds. BlockOther is what moves no data, such as a discard.
const (
	BlockOther BlockKind = iota
	BlockRead
	BlockWrite
	BlockFlush
)
