package kernel

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What follows is include/uapi/linux/io_uring.h, as far as it is used here: golang.org/x/sys has only the numbers of the
// system calls. See io_uring_setup(2), io_uring_enter(2) and io_uring_register(2).
const (
	setupCQSize      = 1 << 3 // the caller says how large the completion queue is
	setupClamp       = 1 << 4 // too large is made to fit instead of refused
	setupSubmitAll   = 1 << 7 // a bad entry does not stop those behind it (5.18)
	setupCoopTaskrun = 1 << 8 // don't interrupt this thread to finish requests: it comes for them (5.19)

	featSingleMmap = 1 << 0 // one mapping holds both queues (5.4)
	featNoDrop     = 1 << 1 // completions that find no room wait in the kernel (5.5)
	featExtArg     = 1 << 8 // io_uring_enter takes a timeout (5.11)

	offsetRings = 0
	offsetSQEs  = 0x10000000

	enterGetEvents = 1 << 0
	enterExtArg    = 1 << 3

	sqCQOverflow = 1 << 1

	registerBuffers   = 0
	unregisterBuffers = 1
	registerFiles     = 2
	unregisterFiles   = 3
	registerProbe     = 8
	registerIOWQAff   = 17

	sqeFixedFile = 1 << 0
	sqeLink      = 1 << 2

	fsyncDatasync = 1 << 0

	spliceFDInFixed = 1 << 31

	recvsendFixedBuf  = 1 << 2
	sendZCReportUsage = 1 << 3 // 6.2, and later releases of 6.1

	cqeMore  = 1 << 1
	cqeNotif = 1 << 3

	// notifCopied is IORING_NOTIF_USAGE_ZC_COPIED, bit 31 of a notification's result.
	notifCopied = -1 << 31

	probeSupported = 1 << 0
)

// uringParams is struct io_uring_params.
type uringParams struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	_                                                                      [3]uint32
	sq                                                                     struct {
		head, tail, ringMask, ringEntries, flags, dropped, array, _ uint32
		_                                                           uint64
	}
	cq struct {
		head, tail, ringMask, ringEntries, overflow, cqes, flags, _ uint32
		_                                                           uint64
	}
}

// uringSQE is struct io_uring_sqe, with one name for each of its unions.
type uringSQE struct {
	opcode     UringOp
	flags      uint8
	ioprio     uint16
	fd         int32
	off        uint64
	addr       uint64
	length     uint32
	opFlags    uint32
	userData   uint64
	bufIndex   uint16
	_          uint16 // personality
	spliceFDIn int32
	_          [2]uint64
}

// uringCQE is struct io_uring_cqe.
type uringCQE struct {
	userData uint64
	res      int32
	flags    uint32
}

// The compiler checks that nothing is padded: a negative array length is an error.
var (
	_ [unsafe.Sizeof(uringParams{})]byte = [120]byte{}
	_ [unsafe.Sizeof(uringSQE{})]byte    = [64]byte{}
	_ [unsafe.Sizeof(uringCQE{})]byte    = [16]byte{}
)

// Completion is what the kernel says of one operation.
type Completion struct {
	Data uint64 // the operation's own
	// Result is what the system call of that name would return: a negative errno for a failure. A notification's is 0 or
	// says that bytes were copied: see Copied.
	Result int32
	flags  uint32
}

// More tells that another completion of the same operation will follow: a zero-copy send's notification.
func (c Completion) More() bool { return c.flags&cqeMore != 0 }

// Notification tells that this is the second completion of a zero-copy send: the kernel no longer needs the buffer.
func (c Completion) Notification() bool { return c.flags&cqeNotif != 0 }

// Copied tells of a notification that the kernel copied the bytes after all, or some of them
// (IORING_NOTIF_USAGE_ZC_COPIED).
func (c Completion) Copied() bool { return c.Notification() && c.Result&notifCopied != 0 }

// Uring is an io_uring of one thread: a queue of operations for the kernel and a queue of its answers, both in memory that
// the two share.
//
// It gives the kernel no memory but its buffers, which are anonymous mappings: its own (see AllocateBuffers), or one of the
// caller's (see RegisterBuffer). Operations go on while Go code runs, and the Go heap is none of their business. Nothing
// is allocated after the set-up.
//
// IORING_SETUP_SINGLE_ISSUER and DEFER_TASKRUN are not used: they tie a ring to the thread that sets it up, and copylab
// sets up on one thread what others then run.
type Uring struct {
	fd       int
	raw      bool // see Ends.Dedicated in copypaths: no word to the Go scheduler
	features uint32
	flags    uint32

	rings, entries []byte // the mappings
	sqHead         *uint32
	sqTail         *uint32
	sqFlags        *uint32
	cqHead         *uint32
	cqTail         *uint32
	cqOverflow     *uint32
	sqes           []uringSQE
	cqes           []uringCQE

	tail      uint32 // of the submission queue, as far as it was filled
	head      uint32 // of the completion queue, as far as it was read
	last      *uringSQE
	underWay  int // operations whose last completion has not been read
	operation [256]int64
	awaited   []uint64 // zero-copy sends whose notification is to come, by their data

	buffers    []byte
	bufferSize int  // bytes of one
	borrowed   bool // the memory is the caller's: Close does not free it
	fixedFiles bool

	// Handed to the kernel for the length of a call; fields, since a variable would be allocated.
	timeout unix.Timespec
	extArg  struct {
		sigmask   uint64
		sigmaskSz uint32
		_         uint32
		ts        uint64
	}
	affinity unix.CPUSet

	enters, registers, affinities int64
}

// NewUring sets up a ring with room for that many operations at a time, each of which may have two completions. raw makes
// its system calls without a word to the Go scheduler, which is for threads that have a processor to themselves.
//
// Older kernels do not know IORING_SETUP_SUBMIT_ALL and COOP_TASKRUN, which only save time: there it goes without.
func NewUring(operations int, raw bool) (_ *Uring, err error) {
	if operations < 1 || operations > 1<<12 {
		return nil, fmt.Errorf("set up io_uring for %d operations: want 1 to %d", operations, 1<<12)
	}
	r := &Uring{raw: raw, awaited: make([]uint64, 0, 2*operations)}
	var p uringParams
	for _, nice := range []uint32{setupSubmitAll | setupCoopTaskrun, 0} {
		p = uringParams{flags: setupCQSize | setupClamp | nice, cqEntries: uint32(2 * operations)}
		fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(operations), uintptr(unsafe.Pointer(&p)), 0)
		if errno == unix.EINVAL && nice != 0 {
			continue
		}
		if errno != 0 {
			return nil, &UringError{Call: "io_uring_setup", Errno: errno}
		}
		r.fd = int(fd)
		break
	}
	unix.CloseOnExec(r.fd) // the kernel sets it itself
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	r.features, r.flags = p.features, p.flags
	if p.features&featSingleMmap == 0 || p.features&featNoDrop == 0 {
		return nil, &UringError{Call: "io_uring_setup: this kernel's io_uring is too old (want Linux 5.6)", Errno: unix.ENOSYS}
	}
	return r, r.mapQueues(p)
}

// mapQueues maps what the kernel shares.
func (r *Uring) mapQueues(p uringParams) (err error) {
	size := max(int(p.sq.array)+int(p.sqEntries)*4, int(p.cq.cqes)+int(p.cqEntries)*int(unsafe.Sizeof(uringCQE{})))
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	if r.rings, err = unix.Mmap(r.fd, offsetRings, size, prot, flags); err != nil {
		return fmt.Errorf("set up io_uring: mmap its queues: %w", err)
	}
	if r.entries, err = unix.Mmap(r.fd, offsetSQEs, int(p.sqEntries)*int(unsafe.Sizeof(uringSQE{})), prot, flags); err != nil {
		return fmt.Errorf("set up io_uring: mmap its entries: %w", err)
	}
	word := func(at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.rings[at])) }
	r.sqHead, r.sqTail, r.sqFlags = word(p.sq.head), word(p.sq.tail), word(p.sq.flags)
	r.cqHead, r.cqTail, r.cqOverflow = word(p.cq.head), word(p.cq.tail), word(p.cq.overflow)
	if *word(p.sq.ringMask) != p.sqEntries-1 || *word(p.cq.ringMask) != p.cqEntries-1 {
		return fmt.Errorf("set up io_uring: masks %#x and %#x for queues of %d and %d entries", *word(p.sq.ringMask), *word(p.cq.ringMask), p.sqEntries, p.cqEntries)
	}
	r.sqes = unsafe.Slice((*uringSQE)(unsafe.Pointer(&r.entries[0])), p.sqEntries)
	r.cqes = unsafe.Slice((*uringCQE)(unsafe.Pointer(&r.rings[p.cq.cqes])), p.cqEntries)
	// Entry i of the queue is always entry i of the array: the detour has no use here.
	for i, indirect := 0, unsafe.Slice(word(p.sq.array), p.sqEntries); i < len(indirect); i++ {
		indirect[i] = uint32(i)
	}
	r.tail, r.head = atomic.LoadUint32(r.sqTail), atomic.LoadUint32(r.cqHead)
	return nil
}

// AllocateBuffers makes count buffers of size bytes each of touched anonymous memory and registers them: their pages are
// pinned once instead of for each operation. Close frees them. They count against RLIMIT_MEMLOCK for a process without
// CAP_IPC_LOCK.
func (r *Uring) AllocateBuffers(count, size int) (err error) {
	if r.buffers != nil {
		return errors.New("register io_uring buffers: there are some already")
	}
	if size > 1<<30 {
		return fmt.Errorf("register io_uring buffers of %d bytes: io_uring takes at most 1 GiB each; use a smaller chunk", size)
	}
	page := os.Getpagesize()
	r.bufferSize = (size + page - 1) / page * page
	if r.buffers, err = Buffer(count * r.bufferSize); err != nil {
		return err
	}
	vectors := make([]unix.Iovec, count)
	for i := range vectors {
		vectors[i].Base = &r.buffers[i*r.bufferSize]
		vectors[i].SetLen(r.bufferSize)
	}
	if err := r.register(registerBuffers, unsafe.Pointer(&vectors[0]), count); err != nil {
		hint := ""
		if errors.Is(err, unix.ENOMEM) {
			hint = ": over the limit of locked memory; raise it (ulimit -l), or take fewer streams or smaller chunks"
		}
		freed := Free(r.buffers)
		r.buffers = nil
		return errors.Join(fmt.Errorf("register io_uring buffers, %d of %d bytes: %w%s", count, r.bufferSize, err, hint), freed)
	}
	return nil
}

// RegisterBuffer makes the caller's memory buffer 0, the only one, and registers it: its pages are pinned once instead of
// for each operation. It must come from Buffer, since the kernel reads it while Go code runs, and stays the caller's, who
// keeps it until Close. It counts against RLIMIT_MEMLOCK for a process without CAP_IPC_LOCK.
func (r *Uring) RegisterBuffer(memory []byte) error {
	if r.buffers != nil {
		return errors.New("register an io_uring buffer: there are some already")
	}
	if len(memory) < 1 || len(memory) > 1<<30 {
		return fmt.Errorf("register an io_uring buffer of %d bytes: io_uring takes 1 byte to 1 GiB", len(memory))
	}
	vector := unix.Iovec{Base: &memory[0]}
	vector.SetLen(len(memory))
	if err := r.register(registerBuffers, unsafe.Pointer(&vector), 1); err != nil {
		hint := ""
		if errors.Is(err, unix.ENOMEM) {
			hint = ": over the limit of locked memory; raise it (ulimit -l) or use fewer rings"
		}
		return fmt.Errorf("register an io_uring buffer of %d bytes: %w%s", len(memory), err, hint)
	}
	r.buffers, r.bufferSize, r.borrowed = memory, len(memory), true
	return nil
}

// RegisterFiles gives the ring descriptors of its own for open files: index i in the operations is then the i-th. It keeps
// them open until Close.
func (r *Uring) RegisterFiles(fds ...int) error {
	list := make([]int32, len(fds))
	for i, fd := range fds {
		list[i] = int32(fd)
	}
	if err := r.register(registerFiles, unsafe.Pointer(&list[0]), len(list)); err != nil {
		return fmt.Errorf("register %d io_uring files: %w", len(list), err)
	}
	r.fixedFiles = true
	return nil
}

// KeepWorkers keeps the kernel threads that work for this thread (the iou-wrk ones, which run what can't be done at once)
// on the CPUs that the thread may use itself: by itself the kernel lets them run anywhere (io-wq.c). They belong to a
// thread, not to a ring, and only a thread that has used a ring has them; so it calls for a no-op first. It takes no part
// in other operations: there must be none under way.
func (r *Uring) KeepWorkers() error {
	r.Nop(0)
	if err := r.Submit(1); err != nil {
		return err
	}
	for _, ok := r.Next(); ok; _, ok = r.Next() {
	}
	r.affinities++
	if _, _, errno := syscall.RawSyscall(unix.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(r.affinity), uintptr(unsafe.Pointer(&r.affinity))); errno != 0 {
		return fmt.Errorf("sched_getaffinity: %w", errno)
	}
	if err := r.register(registerIOWQAff, unsafe.Pointer(&r.affinity), int(unsafe.Sizeof(r.affinity))); err != nil {
		return fmt.Errorf("IORING_REGISTER_IOWQ_AFF: %w", err)
	}
	return nil
}

func (r *Uring) register(what uintptr, arg unsafe.Pointer, n int) error {
	r.registers++
	_, _, errno := syscall.RawSyscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), what, uintptr(arg), uintptr(n), 0, 0)
	if errno != 0 {
		return &UringError{Call: "io_uring_register", Errno: errno}
	}
	return nil
}

// Room is the number of operations that can be added now. What was added and has not been completed takes room in both
// queues, so that the completion queue can't overflow.
func (r *Uring) Room() int {
	return min(len(r.sqes)-int(r.tail-atomic.LoadUint32(r.sqHead)), len(r.cqes)/2-r.underWay)
}

// add takes the next free entry. The caller has looked at Room.
func (r *Uring) add(op UringOp, data uint64) *uringSQE {
	if r.Room() < 1 {
		panic("io_uring: no room for another " + op.String())
	}
	e := &r.sqes[r.tail&uint32(len(r.sqes)-1)]
	*e = uringSQE{opcode: op, userData: data}
	r.tail++
	r.underWay++
	r.operation[op]++
	r.last = e
	return e
}

// Nop adds an operation that does nothing.
func (r *Uring) Nop(data uint64) { r.add(UringNop, data) }

// ReadFixed adds a read of n bytes at the file's offset off into a buffer, from its byte at on. file is an index.
func (r *Uring) ReadFixed(file int, off int64, buffer, at, n int, data uint64) {
	e := r.add(UringReadFixed, data)
	e.flags, e.fd, e.off, e.addr, e.length, e.bufIndex = sqeFixedFile, int32(file), uint64(off), r.address(buffer, at, n), uint32(n), uint16(buffer)
}

// WriteFixed adds a write of n bytes of a buffer, from its byte at on, to the file at its offset off. file is an index.
func (r *Uring) WriteFixed(file int, off int64, buffer, at, n int, data uint64) {
	e := r.add(UringWriteFixed, data)
	e.flags, e.fd, e.off, e.addr, e.length, e.bufIndex = sqeFixedFile, int32(file), uint64(off), r.address(buffer, at, n), uint32(n), uint16(buffer)
}

// Fsync adds an fsync(2) of the whole file, an index, or an fdatasync(2). It covers the writes that have completed: it does
// not wait for those under way.
func (r *Uring) Fsync(file int, datasync bool, data uint64) {
	e := r.add(UringFsync, data)
	e.flags, e.fd = sqeFixedFile, int32(file)
	if datasync {
		e.opFlags = fsyncDatasync
	}
}

// Send adds a send of n bytes of a buffer, from its byte at on, to a socket, with send(2)'s flags. socket is a descriptor.
// MSG_WAITALL makes a short send break the link to the next operation.
func (r *Uring) Send(socket, buffer, at, n, flags int, data uint64) {
	e := r.add(UringSend, data)
	e.fd, e.addr, e.length, e.opFlags = int32(socket), r.address(buffer, at, n), uint32(n), uint32(flags)
}

// SendZC is Send without a copy where that is possible, from the registered buffer. A send that is accepted has two
// completions: the second, a notification, gives the buffer back and tells whether its bytes were copied.
func (r *Uring) SendZC(socket, buffer, at, n, flags int, data uint64) {
	e := r.add(UringSendZC, data)
	e.ioprio = recvsendFixedBuf | sendZCReportUsage
	e.fd, e.addr, e.length, e.opFlags, e.bufIndex = int32(socket), r.address(buffer, at, n), uint32(n), uint32(flags), uint16(buffer)
}

// SpliceIn adds a splice(2) of n bytes at the offset off of a file to a pipe. Both are indices.
func (r *Uring) SpliceIn(file int, off int64, pipe, n int, data uint64) {
	e := r.add(UringSplice, data)
	e.flags, e.fd, e.spliceFDIn, e.opFlags = sqeFixedFile, int32(pipe), int32(file), spliceFDInFixed
	e.addr, e.off, e.length = uint64(off), ^uint64(0), uint32(n)
}

// SpliceOut adds a splice(2) of n bytes from a pipe, an index, to a socket, a descriptor, with splice(2)'s flags.
func (r *Uring) SpliceOut(pipe, socket, n, flags int, data uint64) {
	e := r.add(UringSplice, data)
	e.fd, e.spliceFDIn, e.opFlags = int32(socket), int32(pipe), spliceFDInFixed|uint32(flags)
	e.addr, e.off, e.length = ^uint64(0), ^uint64(0), uint32(n)
}

// Link makes the next operation wait for the one that was added last, and fail with ECANCELED if that fails or is short.
// Both must be submitted together.
func (r *Uring) Link() { r.last.flags |= sqeLink }

func (r *Uring) address(buffer, at, n int) uint64 {
	own := r.buffers[buffer*r.bufferSize : (buffer+1)*r.bufferSize]
	return uint64(uintptr(unsafe.Pointer(&own[at : at+n][0])))
}

// Submit hands what was added to the kernel and waits until at least wait completions can be read by Next. A wait that a
// signal cuts short goes on.
func (r *Uring) Submit(wait int) error {
	_, err := r.submit(wait, 0)
	return err
}

// SubmitFor is Submit with a bound on the time that it waits. It tells whether there were enough completions. A bound
// begins anew when a signal cuts the wait short.
func (r *Uring) SubmitFor(wait int, atMost time.Duration) (enough bool, err error) {
	return r.submit(wait, atMost)
}

func (r *Uring) submit(wait int, atMost time.Duration) (enough bool, err error) {
	if atMost > 0 && r.features&featExtArg == 0 {
		return false, &UringError{Call: "io_uring_enter with a timeout (Linux 5.11)", Errno: unix.EINVAL}
	}
	atomic.StoreUint32(r.sqTail, r.tail)
	for {
		todo := r.tail - atomic.LoadUint32(r.sqHead)
		ready := int(atomic.LoadUint32(r.cqTail) - r.head)
		if todo == 0 && ready >= wait {
			return true, nil
		}
		flags, arg, size := uintptr(0), unsafe.Pointer(nil), uintptr(0)
		if wait > 0 {
			flags = enterGetEvents
		}
		if wait > 0 && atMost > 0 {
			r.timeout = unix.NsecToTimespec(int64(atMost))
			r.extArg.ts = uint64(uintptr(unsafe.Pointer(&r.timeout)))
			flags, arg, size = flags|enterExtArg, unsafe.Pointer(&r.extArg), unsafe.Sizeof(r.extArg)
		}
		r.enters++
		var errno syscall.Errno
		if r.raw {
			_, _, errno = syscall.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(todo), uintptr(wait), flags, uintptr(arg), size)
		} else {
			_, _, errno = syscall.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(todo), uintptr(wait), flags, uintptr(arg), size)
		}
		switch {
		case errno == unix.ETIME:
			return int(atomic.LoadUint32(r.cqTail)-r.head) >= wait, nil
		case errno != 0 && errno != unix.EINTR:
			return false, &UringError{Call: "io_uring_enter", Errno: errno}
		}
		// Room prevents both; should it ever fail to, nothing that follows can be trusted.
		if atomic.LoadUint32(r.sqFlags)&sqCQOverflow != 0 || atomic.LoadUint32(r.cqOverflow) != 0 {
			return false, errors.New("io_uring_enter: the completion queue has overflowed")
		}
	}
}

// Next takes the next completion off the queue.
//
// A notification belongs to the send with the same data, so that no two sends may have the same at a time. One that no
// send has announced by More is left out: the kernel posts such a one for a send that was cancelled because the operation
// before it in its chain failed (io_fail_links clears the flags of its completion, and its clean-up flushes the notification).
func (r *Uring) Next() (Completion, bool) {
	for r.head != atomic.LoadUint32(r.cqTail) {
		e := r.cqes[r.head&uint32(len(r.cqes)-1)]
		r.head++
		atomic.StoreUint32(r.cqHead, r.head)
		c := Completion{Data: e.userData, Result: e.res, flags: e.flags}
		switch {
		case c.More():
			r.awaited = append(r.awaited, c.Data)
		case c.Notification():
			i := slices.Index(r.awaited, c.Data) // among the first, since they come in order
			if i < 0 {
				continue
			}
			r.awaited = slices.Delete(r.awaited, i, i+1)
			r.underWay--
		default:
			r.underWay--
		}
		return c, true
	}
	return Completion{}, false
}

// Dedicate makes the ring's system calls raw from now on: see NewUring.
func (r *Uring) Dedicate() { r.raw = true }

// SetupFlags are the IORING_SETUP_ flags that the kernel took.
func (r *Uring) SetupFlags() uint32 { return r.flags }

// UnderWay is the number of operations whose last completion has not been read.
func (r *Uring) UnderWay() int { return r.underWay }

// Bytes is the memory of a buffer.
func (r *Uring) Bytes(buffer int) []byte {
	return r.buffers[buffer*r.bufferSize : (buffer+1)*r.bufferSize : (buffer+1)*r.bufferSize]
}

// Syscalls counts the system calls that were made since the set-up, that one included, without those of Close.
func (r *Uring) Syscalls() (enters, registers, affinities int64) {
	return r.enters, r.registers, r.affinities
}

// Operations is how often an operation was added.
func (r *Uring) Operations(op UringOp) int64 { return r.operation[op] }

// Close ends the ring. The kernel takes back what is still under way, in its own time; the pages of the buffers are its
// own until then.
func (r *Uring) Close() error {
	var errs []error
	// The kernel ends a ring in the background. Files and buffers that nothing uses any more are given back right here, so
	// that a pipe or a file is closed, and locked memory free, when Close returns.
	if r.underWay == 0 {
		if r.fixedFiles {
			errs = append(errs, r.unregister(unregisterFiles))
		}
		if r.buffers != nil {
			errs = append(errs, r.unregister(unregisterBuffers))
		}
	}
	if err := unix.Close(r.fd); err != nil {
		errs = append(errs, fmt.Errorf("close io_uring: %w", err))
	}
	mappings := [][]byte{r.rings, r.entries}
	if !r.borrowed {
		mappings = append(mappings, r.buffers)
	}
	for _, mapping := range mappings {
		if mapping == nil {
			continue
		}
		if err := unix.Munmap(mapping); err != nil {
			errs = append(errs, fmt.Errorf("close io_uring: munmap: %w", err))
		}
	}
	return errors.Join(errs...)
}

// unregister gives files or buffers back. Older kernels (seen on 6.1) wait some milliseconds until no CPU can hold them any
// more, and any signal ends that wait with EINTR. The Go scheduler sends one to a thread that it takes to be computing for
// so long: so this call is not a raw one, and it is made again.
func (r *Uring) unregister(what uintptr) error {
	for {
		_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), what, 0, 0, 0, 0)
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
			continue
		}
		return &UringError{Call: "io_uring_register", Errno: errno}
	}
}

// supports asks the kernel which operations it knows (IORING_REGISTER_PROBE, 5.6).
func (r *Uring) supports(ops []UringOp) ([]UringOp, error) {
	var probe struct {
		lastOp, opsLen uint8
		_              uint16
		_              [3]uint32
		ops            [256]struct {
			op, _ uint8
			flags uint16
			_     uint32
		}
	}
	if err := r.register(registerProbe, unsafe.Pointer(&probe), len(probe.ops)); err != nil {
		return nil, err
	}
	var missing []UringOp
	for _, op := range ops {
		if op > UringOp(probe.lastOp) || int(op) >= int(probe.opsLen) || probe.ops[op].flags&probeSupported == 0 {
			missing = append(missing, op)
		}
	}
	return missing, nil
}

// UringError is a failure of io_uring's own system calls. What an operation failed with is in its completion.
type UringError struct {
	Call  string
	Errno syscall.Errno
}

func (e *UringError) Error() string { return e.Call + ": " + e.Errno.Error() }

func (e *UringError) Unwrap() error { return e.Errno }

// ProbeUring tells whether io_uring and the operations ops work here, by setting up a ring.
func ProbeUring(ops ...UringOp) Status {
	r, err := NewUring(1, false)
	if err != nil {
		setting, _ := os.ReadFile("/proc/sys/kernel/io_uring_disabled") // only since 6.6
		return uringRefused(err, strings.TrimSpace(string(setting)))
	}
	missing, err := r.supports(ops)
	if err := errors.Join(err, r.Close()); err != nil {
		if errors.Is(err, unix.EINVAL) {
			return Unavailable("this kernel's io_uring can't tell which operations it has: Linux 5.6 and newer can")
		}
		return uringRefused(err, "")
	}
	if len(missing) > 0 {
		return uringMissing(missing)
	}
	return Available()
}

// uringMissing says which operations there are not.
func uringMissing(missing []UringOp) Status {
	words := make([]string, len(missing))
	for i, op := range missing {
		words[i] = fmt.Sprintf("%s (Linux %s and newer)", op, op.since())
	}
	return Unavailable("this kernel's io_uring does not have %s", strings.Join(words, ", "))
}

// uringRefused tells from the error of a system call and the sysctl kernel.io_uring_disabled, which is empty where there is
// none, why there is no ring and what to do about it.
func uringRefused(err error, disabled string) Status {
	switch {
	case errors.Is(err, unix.ENOSYS):
		return Unavailable("%v: this kernel has no io_uring, or a seccomp filter hides it; it needs Linux 5.6 or newer with CONFIG_IO_URING, and in a container a profile that allows io_uring_setup, io_uring_enter and io_uring_register", err)
	case errors.Is(err, unix.EPERM) && disabled == "2":
		return Unavailable("%v: io_uring is disabled for everybody by kernel.io_uring_disabled=2; as root: sysctl -w kernel.io_uring_disabled=0", err)
	case errors.Is(err, unix.EPERM) && disabled == "1":
		return Unavailable("%v: io_uring is disabled for ordinary users by kernel.io_uring_disabled=1; run as root, join the group of kernel.io_uring_group, or as root: sysctl -w kernel.io_uring_disabled=0", err)
	case errors.Is(err, os.ErrPermission):
		return Unavailable("%v: a seccomp filter or a security module forbids it; run outside the container, or allow io_uring_setup, io_uring_enter and io_uring_register in its profile", err)
	case errors.Is(err, unix.ENOMEM):
		return Unknown("%v: no memory for a ring, or over the limit of locked memory (ulimit -l)", err)
	}
	return Unknown("%v", err)
}
