package kernel

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Pipe is what splice(2) needs between two descriptors of which neither is one: a ring of references to pages.
type Pipe struct {
	In, Out int // what is written to In comes from Out; -1 once it is closed
	Bytes   int // its real size, F_GETPIPE_SZ: so many bytes of whole pages fit
}

// OpenPipe makes a blocking pipe and asks for room for want bytes (fcntl(2), F_SETPIPE_SZ). Where the system grants less,
// the pipe is smaller, and Bytes tells.
func OpenPipe(want int) (*Pipe, error) {
	return openPipe(want, "/proc/sys/fs/pipe-max-size")
}

func openPipe(want int, limit string) (*Pipe, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("open pipe: pipe2: %w", err)
	}
	p := &Pipe{Out: ends[0], In: ends[1]}
	if err := p.grow(want, limit); err != nil {
		return nil, errors.Join(fmt.Errorf("open pipe: %w", err), p.Close())
	}
	return p, nil
}

// grow makes the pipe larger where want does not fit, up to the limit of an ordinary user. Root could go beyond, but then
// the same question would be answered differently for root.
func (p *Pipe) grow(want int, limit string) (err error) {
	if p.Bytes, err = unix.FcntlInt(uintptr(p.In), unix.F_GETPIPE_SZ, 0); err != nil {
		return fmt.Errorf("fcntl F_GETPIPE_SZ: %w", err)
	}
	if want = min(want, largestPipe(limit)); want <= p.Bytes {
		return nil
	}
	_, err = unix.FcntlInt(uintptr(p.In), unix.F_SETPIPE_SZ, want)
	// EPERM: this user's pipes take as many pages as pipe-user-pages-soft allows. The pipe stays as it was (pipe(7)).
	if err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("fcntl F_SETPIPE_SZ of %d bytes: %w", want, err)
	}
	if p.Bytes, err = unix.FcntlInt(uintptr(p.In), unix.F_GETPIPE_SZ, 0); err != nil {
		return fmt.Errorf("fcntl F_GETPIPE_SZ: %w", err)
	}
	return nil
}

// largestPipe is what this system allows a pipe of an ordinary user (proc_sys_fs(5)), or the kernel's own default for
// that where /proc does not tell.
func largestPipe(name string) int {
	const standard = 1 << 20
	text, err := os.ReadFile(name)
	if err != nil {
		return standard
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return standard
	}
	return n
}

// Close closes both ends. It may be called again.
func (p *Pipe) Close() error {
	if p.In < 0 {
		return nil
	}
	err := errors.Join(unix.Close(p.In), unix.Close(p.Out))
	p.In, p.Out = -1, -1
	if err != nil {
		return fmt.Errorf("close pipe: %w", err)
	}
	return nil
}
