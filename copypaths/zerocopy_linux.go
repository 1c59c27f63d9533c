package copypaths

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// zerocopySender sends by MSG_ZEROCOPY: the kernel keeps references to the pages instead of copying them, and says on the
// socket's error queue when it is done with them. The bytes must not change before that. It rests on
// Documentation/networking/msg_zerocopy.rst.
//
// The kernel numbers a socket's sends from 0, and a notification names a range of numbers. Nearly always they come in
// order, but nothing promises it, so that each number is kept with its slot: a place in a ring, which stands for the bytes of one
// chunk. A slot is used again when all of its sends are done. So several chunks are under way at once, and nobody waits
// for each: notifications are looked for only when a slot is wanted whose turn has come round.
//
// The kernel merges neighbouring notifications that nobody has fetched, and the merged one keeps the flag of the first
// (net/core/skbuff.c, skb_zerocopy_notify_extend). So where some sends were copied and others not, the counts of each
// kind are the kernel's word, and no more than that.
type zerocopySender struct {
	socket int
	calls  kernel.Calls

	owner       []int32 // the slot of a send, by the low bits of its number; noSlot where the kernel is done with it
	pending     []int32 // sends that are not done, by slot
	outstanding int     // their sum
	next        uint32  // the number of the next send
	turn        int     // the slot whose turn is next
	broken      bool    // a send failed: who knows whether the rest will ever be done
	told        Completions

	// What system calls are given; fields, since variables would be allocated.
	message unix.Msghdr
	control [128]byte // room for a sock_extended_err and the address of whom it concerns, which TCP leaves empty
	poll    unix.PollFd
	wait    unix.Timespec

	sends, receives, polls, enobufs int64
}

const (
	noSlot = -1
	// sendsUnderWay is how many sends may be under way, a power of two. One for each slot, and more only where a signal cut
	// some short.
	sendsUnderWay = 1024
	// The ring holds about what a socket's buffers hold on loopback (4 MiB by default, tcp_wmem), so that it is not what
	// limits a transfer; but no more slots than there may be notifications under net.core.optmem_max, 128 KiB by default,
	// each of which takes some 700 bytes of it.
	ringBytes, fewestSlots, mostSlots = 4 << 20, 2, 64
	// zerocopyGrace is how long a path waits at its end for notifications that have not come.
	zerocopyGrace = time.Second
)

// slotsFor is how many chunks may be under way. Many streams share the memory that one would take, but each can fill one
// slot while the other is under way.
func slotsFor(e Ends) int {
	return min(max(ringBytes/max(1, e.Streams)/e.Chunk, fewestSlots), mostSlots)
}

func newZerocopySender(e Ends) (*zerocopySender, error) {
	switch err := unix.SetsockoptInt(e.Socket, unix.SOL_SOCKET, unix.SO_ZEROCOPY, 1); {
	case errors.Is(err, unix.ENOPROTOOPT):
		return nil, &UnsupportedError{Why: "this kernel has no SO_ZEROCOPY for TCP: it takes Linux 4.14"}
	case err != nil:
		return nil, fmt.Errorf("open path: setsockopt SO_ZEROCOPY: %w%s", err, hint(err))
	}
	z := &zerocopySender{socket: e.Socket, calls: kernel.Calls{Raw: e.Dedicated}, owner: make([]int32, sendsUnderWay), pending: make([]int32, slotsFor(e))}
	for i := range z.owner {
		z.owner[i] = noSlot
	}
	return z, nil
}

// slot returns the slot whose turn it is, once the kernel is done with what was sent from it.
func (z *zerocopySender) slot() (int, error) {
	slot := z.turn
	for z.pending[slot] > 0 {
		if _, err := z.fetch(forever); err != nil {
			return 0, err
		}
	}
	if z.turn++; z.turn == len(z.pending) {
		z.turn = 0
	}
	return slot, nil
}

// send hands p to the kernel as the content of a slot. Its bytes must stay as they are until the slot comes round.
//
// ENOBUFS says that the notifications under way take all the memory that they may (net.core.optmem_max), or that all
// pages are locked that may be (RLIMIT_MEMLOCK, which the sockets of a user share). Each notification gives some back:
// so one is waited for, and the send is tried again. It is never made without MSG_ZEROCOPY instead.
func (z *zerocopySender) send(slot int, p []byte) error {
	starved := time.Duration(0)
	for rest := p; len(rest) > 0; {
		at := &z.owner[z.next&(sendsUnderWay-1)]
		if *at != noSlot {
			if _, err := z.fetch(forever); err != nil {
				return err
			}
			continue
		}
		k, err := z.calls.Send(z.socket, rest[:min(len(rest), mostPerCall)], unix.MSG_ZEROCOPY)
		z.sends++
		switch {
		case k > 0:
			*at = int32(slot)
			z.pending[slot]++
			z.outstanding++
			z.next++
			rest, starved = rest[k:], 0
		case errors.Is(err, unix.ENOBUFS) && starved < zerocopyGrace:
			z.enobufs++
			wait := forever
			if z.outstanding == 0 { // another socket's sends are in the way, or this one is too large
				wait = time.Millisecond
				starved += wait
			}
			if _, err := z.fetch(wait); err != nil {
				return err
			}
		case !errors.Is(err, unix.EINTR):
			z.broken = true
			if errors.Is(err, unix.ENOBUFS) {
				err = fmt.Errorf("%w: the kernel may not lock or note that much for zero-copy sends; raise ulimit -l or net.core.optmem_max, or take smaller chunks", err)
			}
			return sendFailed("sendto", err, int64(len(p)-len(rest)), int64(len(p)))
		}
	}
	return nil
}

// forever is a wait without end.
const forever = time.Duration(-1)

// fetch takes one notification off the socket's error queue. Where there is none, it waits for one, but not longer than
// wait.
func (z *zerocopySender) fetch(wait time.Duration) (found bool, err error) {
	defer func() { z.broken = z.broken || err != nil }()
	for polled := false; ; {
		z.message = unix.Msghdr{Control: &z.control[0]}
		z.message.SetControllen(len(z.control))
		_, err := z.calls.Recvmsg(z.socket, &z.message, unix.MSG_ERRQUEUE)
		z.receives++
		switch {
		case err == nil:
			return true, z.understand()
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EAGAIN):
			return false, fmt.Errorf("recvmsg from the socket's error queue: %w%s", err, hint(err))
		case wait == 0:
			return false, nil
		case polled: // what woke us was no notification
			if err := z.gone(); err != nil {
				return false, err
			}
		}
		woken, err := z.sleep(wait)
		if err != nil || !woken {
			return false, err
		}
		polled = true
	}
}

// gone tells why poll(2) says that something is up with a socket that has no notification.
func (z *zerocopySender) gone() error {
	number, err := unix.GetsockoptInt(z.socket, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		return fmt.Errorf("getsockopt SO_ERROR: %w", err)
	case number != 0:
		err := syscall.Errno(number)
		return fmt.Errorf("wait for notifications of zero-copy sends to socket: %w%s", err, hint(err))
	case z.poll.Revents&unix.POLLHUP != 0:
		return fmt.Errorf("wait for notifications of zero-copy sends to socket: %w%s", unix.EPIPE, hint(unix.EPIPE))
	}
	return nil
}

// sleep waits for a notification by ppoll(2), which always tells of errors.
func (z *zerocopySender) sleep(wait time.Duration) (woken bool, err error) {
	z.poll = unix.PollFd{Fd: int32(z.socket)}
	var limit *unix.Timespec
	if wait >= 0 {
		z.wait = unix.NsecToTimespec(int64(wait))
		limit = &z.wait
	}
	for {
		n, err := z.calls.Ppoll(&z.poll, limit)
		z.polls++
		switch {
		case err == nil:
			return n > 0, nil
		case !errors.Is(err, unix.EINTR):
			return false, fmt.Errorf("ppoll of the socket: %w", err)
		}
	}
}

// understand reads the control messages of a notification, in place.
func (z *zerocopySender) understand() error {
	control := z.control[:z.message.Controllen]
	for len(control) >= unix.SizeofCmsghdr {
		head := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
		size := int(head.Len)
		if size < unix.SizeofCmsghdr || size > len(control) {
			return fmt.Errorf("recvmsg from the socket's error queue: a control message of %d bytes in %d", size, len(control))
		}
		about4 := head.Level == unix.SOL_IP && head.Type == unix.IP_RECVERR
		about6 := head.Level == unix.SOL_IPV6 && head.Type == unix.IPV6_RECVERR
		var what unix.SockExtendedErr
		if data := unix.CmsgLen(0); (about4 || about6) && size >= data+int(unsafe.Sizeof(what)) {
			what = *(*unix.SockExtendedErr)(unsafe.Pointer(&control[data]))
			if what.Origin == unix.SO_EE_ORIGIN_ZEROCOPY { // others, such as ICMP's, are none of ours
				if err := z.done(what.Info, what.Data, what.Code&unix.SO_EE_CODE_ZEROCOPY_COPIED != 0); err != nil {
					return err
				}
			}
		}
		control = control[min(unix.CmsgSpace(size-unix.CmsgLen(0)), len(control)):]
	}
	return nil
}

// done notes that the kernel is done with the sends from first to last.
func (z *zerocopySender) done(first, last uint32, copied bool) error {
	count := int64(last-first) + 1 // the numbers wrap
	if count > int64(z.outstanding) {
		return fmt.Errorf("recvmsg from the socket's error queue: notified of sends %d to %d, where %d were under way: did somebody else send on this socket?", first, last, z.outstanding)
	}
	for n := first; n != last+1; n++ {
		at := &z.owner[n&(sendsUnderWay-1)]
		if *at == noSlot {
			return fmt.Errorf("recvmsg from the socket's error queue: notified of send %d, which is not under way", n)
		}
		z.pending[*at]--
		z.outstanding--
		*at = noSlot
	}
	if copied {
		z.told.Copied += count
	} else {
		z.told.ZeroCopy += count
	}
	return nil
}

// Completions waits a while for the notifications that have not come, and counts all.
func (z *zerocopySender) Completions() Completions {
	z.drain()
	return z.told
}

// drain fetches what notifications there are and waits for those that are still to come: not for ever, since a network
// card or a receiver that stalls may hold them back, and not at all where a send has failed. It does no harm to free
// bytes of which the kernel has not said that it is done: it holds the pages themselves.
func (z *zerocopySender) drain() {
	wait := zerocopyGrace
	if z.broken {
		wait = 0
	}
	for z.outstanding > 0 {
		began := time.Now()
		if found, err := z.fetch(wait); err != nil || !found {
			return
		}
		if wait > 0 {
			wait = max(1, wait-time.Since(began))
		}
	}
}

// Settings are how many chunks may be under way (ring_depth), how often the kernel had no memory for another send
// (enobufs), and, where there are such, how many notifications have not come (notifications_missing).
func (z *zerocopySender) Settings() map[string]string {
	s := map[string]string{"ring_depth": strconv.Itoa(len(z.pending)), "enobufs": strconv.FormatInt(z.enobufs, 10)}
	if z.outstanding > 0 {
		s["notifications_missing"] = strconv.Itoa(z.outstanding)
	}
	return s
}

// addSyscalls adds the calls that were made to a path's own.
func (z *zerocopySender) addSyscalls(to map[string]int64) map[string]int64 {
	to["sendto"], to["recvmsg"], to["ppoll"] = z.sends, z.receives, z.polls
	return to
}

// bufferRing is the memory of a zerocopySender's slots: the caller's buffer is the first, and the others are made for it.
type bufferRing struct {
	slots  [][]byte
	memory []byte // of all but the first
}

func newBufferRing(e Ends, slots int) (r bufferRing, err error) {
	page := os.Getpagesize()
	each := (e.Chunk + page - 1) / page * page
	if r.memory, err = kernel.Buffer((slots - 1) * each); err != nil {
		return r, fmt.Errorf("open path: ring of buffers: %w", err)
	}
	r.slots = append(make([][]byte, 0, slots), e.Buffer[:e.Chunk])
	for i := range slots - 1 {
		r.slots = append(r.slots, r.memory[i*each:][:e.Chunk])
	}
	return r, nil
}

func (r *bufferRing) free() error {
	memory := r.memory
	r.memory, r.slots = nil, nil
	if err := kernel.Free(memory); err != nil {
		return fmt.Errorf("close path: %w", err)
	}
	return nil
}
