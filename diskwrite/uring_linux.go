package diskwrite

import (
	"errors"
	"fmt"
	"io"
	"unsafe"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// uring writes by io_uring(7): IORING_OP_WRITE_FIXED to a registered file from the payload, which is registered as one
// buffer. With several in flight, each is submitted by an io_uring_enter(2) of its own, at once, and another one waits where
// no completion is there yet: so a disk always has the depth that it was promised. Left to the call that waits, writes go
// in bursts, and the disk idles between two of them: at depth 32, a virtual disk took 55,000 writes per second that way,
// and 175,000 this way. With one in flight, one call submits and waits.
//
// The kernel tries each write at once and without waiting. Where the filesystem can't (ext4 does not take buffered writes
// like that), one of the kernel's own threads makes it, and writes to one file take turns there. These threads are kept on the
// processors that the writing thread may use itself.
func uring() binding { return ring(flagged{unsynced: inPageCache}) }

// uringDirect is uring past the page cache: see direct.
func uringDirect() binding {
	return ring(flagged{flags: unix.O_DIRECT, words: "O_DIRECT", direct: true, ready: takesDirect, unsynced: "writes may still be in the device's own cache, and nothing was synced"})
}

func ring(m flagged) binding {
	m.file = func(d *descriptor) (File, error) { return &uringFile{descriptor: d}, nil }
	m.syncs = []SyncCall{Fdatasync, Fsync}
	b := m.binding()
	b.probe = func(dir string) Status {
		if s := kernel.ProbeUring(kernel.UringNop, kernel.UringWriteFixed, kernel.UringFsync); s.State != kernel.StateAvailable {
			return s
		}
		return m.probe(dir)
	}
	return b
}

type uringFile struct {
	*descriptor
	ring    *kernel.Uring // nil before Ready
	payload []byte
	slots   []uringSlot
	setUp   int64 // calls of io_uring_enter that were made by Ready
}

// uringSlot is a write in flight.
type uringSlot struct {
	block []byte
	off   int64
	at    int // where the block begins in the payload
	done  int // bytes that the kernel has taken
}

// The only file that a ring has is its first, and so is the only buffer.
const (
	uringFirstFile   = 0
	uringFirstBuffer = 0
)

// syncData marks the completion of a sync among those of writes, whose data is their slot.
const syncData = MostDepth

func (u *uringFile) Dedicate() {
	u.descriptor.Dedicate()
	if u.ring != nil {
		u.ring.Dedicate()
	}
}

func (u *uringFile) Ready(depth int, payload []byte) (err error) {
	switch {
	case depth < 1 || depth > MostDepth:
		return fmt.Errorf("ready %s: a depth of %d: choose 1 to %d", u.name, depth, MostDepth)
	case len(payload) == 0:
		return fmt.Errorf("ready %s: the payload is empty: make one with NewPayload", u.name)
	case u.ring != nil:
		if depth != len(u.slots) || unsafe.SliceData(payload) != unsafe.SliceData(u.payload) || len(payload) != len(u.payload) {
			return fmt.Errorf("ready %s: it is ready for another payload or depth: open the file once more", u.name)
		}
		return nil
	}
	r, err := kernel.NewUring(depth, u.calls.Raw)
	if err != nil {
		return fmt.Errorf("ready %s: %w", u.name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("ready %s: %w", u.name, err), r.Close())
		}
	}()
	if err := r.RegisterBuffer(payload); err != nil {
		return err
	}
	if err := r.RegisterFiles(u.fd); err != nil {
		return err
	}
	if err := r.KeepWorkers(); err != nil {
		return err
	}
	u.ring, u.payload, u.slots = r, payload, make([]uringSlot, depth)
	u.setUp, _, _ = r.Syscalls()
	return nil
}

var errNotReady = errors.New("the queue was not made ready, or not with this payload: call Ready first")

func (u *uringFile) Submit(slot int, block []byte, off int64) error {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(block))) - uintptr(unsafe.Pointer(unsafe.SliceData(u.payload)))
	// One that begins before the payload wraps to a number that is far too large.
	if u.ring == nil || at > uintptr(len(u.payload)) || uintptr(len(block)) > uintptr(len(u.payload))-at {
		return u.writeError("io_uring write", block, off, 0, errNotReady)
	}
	s := &u.slots[slot]
	*s = uringSlot{block: block, off: off, at: int(at)}
	u.ring.WriteFixed(uringFirstFile, off, uringFirstBuffer, s.at, len(block), uint64(slot))
	if len(u.slots) == 1 {
		return nil // Wait comes next anyway
	}
	if err := u.ring.Submit(0); err != nil { // see uring for why not later
		return u.writeError("io_uring write", block, off, 0, err)
	}
	return nil
}

func (u *uringFile) Wait() (int, error) {
	for {
		c, ok := u.ring.Next()
		if !ok {
			if err := u.ring.Submit(1); err != nil {
				return -1, fmt.Errorf("wait for writes to %s: %w", u.name, err)
			}
			continue
		}
		slot := int(c.Data)
		s := &u.slots[slot]
		switch errno := unix.Errno(-c.Result); {
		case c.Result > 0:
			if s.done += int(c.Result); s.done == len(s.block) {
				return slot, nil
			}
			// See descriptor.WriteBlock: the next write tells.
		case c.Result == 0:
			return slot, u.writeError("io_uring write", s.block, s.off, s.done, io.ErrShortWrite)
		case errno != unix.EINTR:
			return slot, u.writeError("io_uring write", s.block, s.off, s.done, errno)
		}
		u.ring.WriteFixed(uringFirstFile, s.off+int64(s.done), uringFirstBuffer, s.at+s.done, len(s.block)-s.done, c.Data)
	}
}

// WriteBlock is one write in flight.
func (u *uringFile) WriteBlock(block []byte, off int64) error {
	if err := u.Submit(0, block, off); err != nil {
		return err
	}
	_, err := u.Wait()
	return err
}

// Sync is IORING_OP_FSYNC. No write must be in flight: it would not wait for it.
func (u *uringFile) Sync(call SyncCall) error {
	if call != Fdatasync && call != Fsync {
		return u.syncError(string(call), fmt.Errorf("%w: io_uring has fsync and fdatasync: choose one of them", errors.ErrUnsupported))
	}
	if u.ring == nil {
		return u.syncError("io_uring "+string(call), errNotReady)
	}
	for {
		if n := u.ring.UnderWay(); n > 0 {
			return fmt.Errorf("io_uring %s %s: %d writes are in flight, for which it would not wait", call, u.name, n)
		}
		u.ring.Fsync(uringFirstFile, call == Fdatasync, syncData)
		if err := u.ring.Submit(1); err != nil {
			return u.syncError("io_uring "+string(call), err)
		}
		c, ok := u.ring.Next()
		switch errno := unix.Errno(-c.Result); {
		case !ok || c.Data != syncData:
			return fmt.Errorf("io_uring %s %s: the kernel completed something else", call, u.name)
		case c.Result == 0:
			u.synced = call
			return nil
		case errno != unix.EINTR:
			return u.syncError("io_uring "+string(call), errno)
		}
	}
}

func (u *uringFile) Syscalls() map[string]int64 {
	if u.ring == nil {
		return map[string]int64{}
	}
	enters, _, _ := u.ring.Syscalls()
	return counted(map[string]int64{"io_uring_enter": enters - u.setUp})
}

// Close waits for what is in flight, so that nothing is written afterwards.
func (u *uringFile) Close() error {
	var err error
	if u.ring != nil {
		for u.ring.UnderWay() > 0 && err == nil {
			if _, ok := u.ring.Next(); !ok {
				err = u.ring.Submit(1)
			}
		}
		err = errors.Join(err, u.ring.Close())
	}
	return errors.Join(err, u.descriptor.Close())
}
