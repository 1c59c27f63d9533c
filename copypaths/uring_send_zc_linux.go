package copypaths

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// How many buffers uring-send-zc has. A buffer is taken until the receiver has acknowledged its bytes, so that they bound
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
	return binding{probe: probeUringSendZC, open: openUringSendZC}
}

func probeUringSendZC() Status {
	open := func(e Ends) (Mover, error) {
		m, err := openUringSendZC(e)
		if err != nil {
			return nil, err
		}
		return reportsUsage{m.(*uringSendZCMover)}, nil
	}
	return probeUring(open, kernel.UringReadFixed, kernel.UringSendZC)
}

// reportsUsage puts into words what the EINVAL of a kernel means that has SEND_ZC but not the flag.
type reportsUsage struct{ *uringSendZCMover }

func (m reportsUsage) Flush() error {
	err := m.uringSendZCMover.Flush()
	if errors.Is(err, unix.EINVAL) {
		return &UnsupportedError{Why: "this kernel's IORING_OP_SEND_ZC does not take IORING_SEND_ZC_REPORT_USAGE (Linux 6.2 and newer)"}
	}
	return err
}

type uringSendZCMover struct{ *uringChain }

func openUringSendZC(e Ends) (Mover, error) {
	if err := e.check(Descriptor, false); err != nil {
		return nil, err
	}
	buffers := max(1, min(uringBufferBytes/e.Chunk, uringBuffersMost))
	// Half of the buffers at most are in a chain, so that there are others to be filled while those are under way.
	depth := max(1, min(uringDepth, buffers/2))
	c, err := openUring(e, depth, 2*depth, 2*buffers)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(c.ring.AllocateBuffers(buffers, e.Chunk), c.registerFile(e.File, nil)); err != nil {
		return nil, errors.Join(fmt.Errorf("open path: %w", err), c.close())
	}
	c.holders, c.free = make([]int32, buffers), make([]int32, buffers)
	for i := range c.free {
		c.free[i] = int32(buffers - 1 - i)
	}
	return &uringSendZCMover{c}, nil
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
func (m *uringSendZCMover) Flush() error { return m.flush() }

// Completions waits for the notifications that are still to come, but no longer than a second for the next. A send whose
// notification has not come is in neither number.
func (m *uringSendZCMover) Completions() Completions {
	m.drain(time.Second)
	return m.completions
}

func (m *uringSendZCMover) Settings() map[string]string {
	s := m.settings()
	s["ring_buffers"] = strconv.Itoa(len(m.holders))
	return s
}

func (m *uringSendZCMover) Close() error {
	// Lets the memory be unpinned at once rather than in the background. After a failure there may be no more notifications.
	m.drain(50 * time.Millisecond)
	return m.close()
}
