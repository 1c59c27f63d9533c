package receivers

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// zerocopyReceive lets the kernel put the socket's pages into the program's address space instead of copying their bytes:
// getsockopt(2) with TCP_ZEROCOPY_RECEIVE on a mapping of the socket (net/ipv4/tcp.c, tcp_zerocopy_receive).
//
// Only whole pages can be mapped that are aligned in the segments that came and belong to nothing else, such as a file in
// the page cache. What can't is copied by recv(2), as many bytes as the kernel says (recv_skip_hint). So this receiver
// does use two mechanisms, at the kernel's word, and counts the bytes of each. The kernel could copy small rests itself
// (copybuf_address); that is left unused, so that what is copied by which call stays plain.
//
// Each take unmaps what the one before mapped. The bytes are not looked at, as with recv.
func zerocopyReceive() binding {
	return binding{
		probe: func() Status { return try(openZerocopyReceive, func(Taker, []byte, []byte) error { return nil }) },
		open:  openZerocopyReceive,
	}
}

type zerocopyTaker struct {
	recvTaker
	region []byte // a mapping of the socket
	args   zerocopyArgs
	size   uint32
	poll   unix.PollFd

	mapped, copied  int64
	receives, polls int64
}

// zerocopyArgs is struct tcp_zerocopy_receive (include/uapi/linux/tcp.h) as it was first; the kernel takes a shorter one.
type zerocopyArgs struct {
	address  uint64
	length   uint32 // in: at most so many bytes; out: so many were mapped
	skipHint uint32 // out: so many must be copied before more can be mapped
}

func openZerocopyReceive(e End) (Taker, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	page := os.Getpagesize()
	region, err := unix.Mmap(e.Socket, 0, (len(e.Buffer)+page-1)/page*page, unix.PROT_READ, unix.MAP_SHARED)
	switch {
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.EACCES):
		if _, typeErr := unix.GetsockoptInt(e.Socket, unix.SOL_SOCKET, unix.SO_TYPE); typeErr != nil {
			err = typeErr
		}
		fallthrough
	case err != nil:
		return nil, fmt.Errorf("open receiver: mmap of the socket: %w%s", err, hint(err))
	}
	return &zerocopyTaker{recvTaker: recvTaker{socket: e.Socket, buffer: e.Buffer, kernel: kernel.Calls{Raw: e.Dedicated}}, region: region}, nil
}

func (t *zerocopyTaker) Take(limit int64) (int64, error) {
	if limit < 1 {
		return 0, fmt.Errorf("take %d bytes: want at least 1", limit)
	}
	limit = min(limit, int64(len(t.buffer)))
	for {
		t.args = zerocopyArgs{address: uint64(uintptr(unsafe.Pointer(&t.region[0]))), length: uint32(limit)}
		t.size = uint32(unsafe.Sizeof(t.args))
		err := t.kernel.Getsockopt(t.socket, unix.IPPROTO_TCP, unix.TCP_ZEROCOPY_RECEIVE, unsafe.Pointer(&t.args), &t.size)
		t.receives++
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EIO): // nothing is there, and the sender has closed
			return 0, io.EOF
		case err != nil:
			return 0, fmt.Errorf("getsockopt TCP_ZEROCOPY_RECEIVE of socket: %w%s", err, hint(err))
		}
		mapped, rest := int64(t.args.length), int64(t.args.skipHint)
		t.mapped += mapped
		if rest = min(rest, limit-mapped); rest > 0 {
			n, err := t.recvTaker.Take(rest)
			t.copied += n
			return mapped + n, err
		}
		if mapped > 0 {
			return mapped, nil
		}
		if err := t.wait(); err != nil {
			return 0, err
		}
		if t.poll.Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
			// Here getsockopt would say nothing for ever. recv tells why.
			n, err := t.recvTaker.Take(limit)
			t.copied += n
			return n, err
		}
	}
}

// wait returns when the socket has something to say: getsockopt does not wait.
func (t *zerocopyTaker) wait() error {
	t.poll = unix.PollFd{Fd: int32(t.socket), Events: unix.POLLIN}
	for {
		_, err := t.kernel.Ppoll(&t.poll, nil)
		t.polls++
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("ppoll of socket: %w%s", err, hint(err))
		}
		return nil
	}
}

// Mapped is how many bytes came without a copy, and how many with one.
func (t *zerocopyTaker) Mapped() (mapped, copied int64) { return t.mapped, t.copied }

func (t *zerocopyTaker) Syscalls() map[string]int64 {
	return map[string]int64{"getsockopt": t.receives, "recvfrom": t.calls, "ppoll": t.polls}
}

func (t *zerocopyTaker) Close() error {
	if t.region == nil {
		return nil
	}
	region := t.region
	t.region = nil
	if err := unix.Munmap(region); err != nil {
		return fmt.Errorf("close receiver: munmap: %w", err)
	}
	return nil
}
