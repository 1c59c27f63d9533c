package kernel

// Extent is a run of bytes of a block device.
type Extent struct{ Offset, Bytes int64 }
