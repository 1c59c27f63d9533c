package kernel

import "fmt"

// UringOp is an operation of io_uring (enum io_uring_op of include/uapi/linux/io_uring.h).
type UringOp uint8

// The operations that copylab uses.
const (
	UringNop        UringOp = 0
	UringFsync      UringOp = 3
	UringReadFixed  UringOp = 4
	UringWriteFixed UringOp = 5
	UringSend       UringOp = 26
	UringSplice     UringOp = 30
	UringSendZC     UringOp = 47
)

// String is the kernel's own word for the operation.
func (op UringOp) String() string {
	switch op {
	case UringNop:
		return "IORING_OP_NOP"
	case UringFsync:
		return "IORING_OP_FSYNC"
	case UringReadFixed:
		return "IORING_OP_READ_FIXED"
	case UringWriteFixed:
		return "IORING_OP_WRITE_FIXED"
	case UringSend:
		return "IORING_OP_SEND"
	case UringSplice:
		return "IORING_OP_SPLICE"
	case UringSendZC:
		return "IORING_OP_SEND_ZC"
	}
	return fmt.Sprintf("io_uring operation %d", uint8(op))
}

// since is the first Linux that has the operation.
func (op UringOp) since() string {
	switch op {
	case UringNop, UringFsync, UringReadFixed, UringWriteFixed:
		return "5.1"
	case UringSend:
		return "5.6"
	case UringSplice:
		return "5.7"
	case UringSendZC:
		return "6.0"
	}
	return "a newer version"
}
