package copypaths

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// How many buffers a path with SEND_ZC has. A buffer is taken until the receiver has acknowledged its bytes, so that they bound
// what is under way; but they share the processor's cache, and without CAP_IPC_LOCK the limit of locked memory, which is 8 MiB by
// default. A chunk of more than half of that has a buffer to itself, and each waits for the one before it.
const (
	uringBufferBytes = 2 << 20 // of all buffers together, or one
	uringBuffersMost = 64
)

// uringSendZC is uring-read-send with SEND_ZC in the place of SEND: the socket refers to the buffer's pages instead of copying
// them. A buffer is used again only after its notification. IORING_SEND_ZC_REPORT_USAGE has the kernel tell in the
// notification whether it could do so, or copied after all, as it does on loopback.
func uringSendZC() binding {
	return binding{
		probe: func() Status { return probeUringZeroCopy(openUringSendZC, kernel.UringReadFixed, kernel.UringSendZC) },
		open:  openUringSendZC,
	}
}

// probeUringZeroCopy is probeUring for paths that send by SEND_ZC.
func probeUringZeroCopy(open func(Ends) (Mover, error), ops ...kernel.UringOp) Status {
	return probeUring(func(e Ends) (Mover, error) {
		m, err := open(e)
		if err != nil {
			return nil, err
		}
		return reportsUsage{m}, nil
	}, ops...)
}

// reportsUsage puts into words what the EINVAL of a kernel means that has SEND_ZC but not the flag.
type reportsUsage struct{ Mover }

func (m reportsUsage) Flush() error {
	err := flush(m.Mover)
	if errors.Is(err, unix.EINVAL) {
		return &UnsupportedError{Why: "this kernel's IORING_OP_SEND_ZC does not take IORING_SEND_ZC_REPORT_USAGE (Linux 6.2, and later releases of 6.1)"}
	}
	return err
}

// uringBuffers is how many buffers a stream has. Many streams share the memory that one would take, but each has two where
// one stream would: one to be filled while the other is under way.
func (e Ends) uringBuffers() int {
	alone := max(1, min(uringBufferBytes/e.Chunk, uringBuffersMost))
	return max(min(alone, 2), min(alone, uringBufferBytes/max(1, e.Streams)/e.Chunk))
}

// uringZeroCopy is a chain with a ring of buffers whose memory SEND_ZC refers to.
type uringZeroCopy struct{ *uringChain }

type uringSendZCMover struct{ uringZeroCopy }

func openUringSendZC(e Ends) (Mover, error) {
	if err := e.check(Descriptor, false); err != nil {
		return nil, err
	}
	z, err := openUringZeroCopy(e, 2)
	if err != nil {
		return nil, err
	}
	if err := z.registerFile(e.File, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("open path: %w", err), z.close())
	}
	return &uringSendZCMover{z}, nil
}

// openUringZeroCopy makes a chain in which each chunk takes that many operations.
func openUringZeroCopy(e Ends, operations int) (z uringZeroCopy, err error) {
	buffers := e.uringBuffers()
	// Half of the buffers at most are in a chain, so that there are others to be filled while those are under way.
	depth := max(1, min(uringDepth, buffers/2))
	c, err := openUring(e, depth, operations*depth, 2*buffers)
	if err != nil {
		return z, err
	}
	if err := c.ring.AllocateBuffers(buffers, e.Chunk); err != nil {
		return z, errors.Join(fmt.Errorf("open path: %w", err), c.close())
	}
	c.holders, c.free = make([]int32, buffers), make([]int32, buffers)
	for i := range c.free {
		c.free[i] = int32(buffers - 1 - i)
	}
	return uringZeroCopy{c}, nil
}

// Move adds the chunk to the chain, and runs that when it is long enough.
func (m *uringSendZCMover) Move(off int64, n int) error {
	if err := m.begin(); err != nil {
		return err
	}
	buffer, err := m.take()
	if err != nil {
		return err
	}
	m.steps = append(m.steps,
		uringStep{op: kernel.UringReadFixed, buffer: buffer, off: off, n: n, chunkOff: off, chunk: n},
		uringStep{op: kernel.UringSendZC, buffer: buffer, off: off, n: n, chunkOff: off, chunk: n})
	return m.ended()
}

// Flush does not wait for notifications: the kernel has the bytes before it has done with them.
func (m uringZeroCopy) Flush() error { return m.flush() }

// Completions waits for the notifications that are still to come, but no longer than a second for the next. A send whose
// notification has not come is in neither number.
func (m uringZeroCopy) Completions() Completions {
	m.drain(time.Second)
	return m.completions
}

func (m uringZeroCopy) Settings() map[string]string {
	s := m.settings()
	s["ring_buffers"] = strconv.Itoa(len(m.holders))
	return s
}

func (m uringZeroCopy) Close() error {
	// Lets the memory be unpinned at once rather than in the background. After a failure there may be no more notifications.
	m.drain(50 * time.Millisecond)
	return m.close()
}
