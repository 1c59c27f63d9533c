// Package faultfs is a filesystem in memory that fails when a test tells it to: a write or a sync is refused with any errno, or is
// never answered, as on a disk that hangs. It speaks the kernel's FUSE protocol (Documentation/filesystems/fuse/fuse.rst,
// include/uapi/linux/fuse.h), so that what a program sees of a fault comes from the kernel. Tests use it, nothing else does.
//
// What is under test must be another process: where one waits for oneself in a system call that the Go runtime does not know of,
// nothing that stops the world ends, and no signal ends the process.
package faultfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Request is what the kernel asks of the filesystem.
type Request struct {
	Operation Operation
	File      string // its path, without the mount point: "folder/file"
	Offset    int64
	Bytes     int
	Flags     int // of an open: O_DIRECT, O_DSYNC, …
}

// Operation is a kind of Request: the opcode of the FUSE protocol.
type Operation uint32

// The operations that a test may want to fail. Flush is what close(2) waits for.
const (
	Lookup    Operation = 1
	Remove    Operation = 10
	Open      Operation = 14
	Read      Operation = 15
	Write     Operation = 16
	Fsync     Operation = 20
	Flush     Operation = 25
	Create    Operation = 35
	Fallocate Operation = 43
)

const (
	opForget      Operation = 2
	opGetattr     Operation = 3
	opSetattr     Operation = 4
	opMkdir       Operation = 9
	opRmdir       Operation = 11
	opRename      Operation = 12
	opStatfs      Operation = 17
	opRelease     Operation = 18
	opInit        Operation = 26
	opOpendir     Operation = 27
	opReaddir     Operation = 28
	opReleasedir  Operation = 29
	opFsyncdir    Operation = 30
	opInterrupt   Operation = 36
	opDestroy     Operation = 38
	opBatchForget Operation = 42
	opRename2     Operation = 45
)

// Sizes of the protocol's structures, in bytes.
const (
	inHeaderBytes  = 40
	outHeaderBytes = 16
	mostWrite      = 1 << 20
	rootNode       = 1
)

// blockBytes and blocks are what statfs(2) tells: an empty filesystem of 16 GiB.
const (
	blockBytes = 4096
	blocks     = 16 << 30 / blockBytes
)

// FS is the filesystem.
type FS struct {
	device *os.File
	number int
	closed [2]*os.File // a pipe whose end says that Close was called
	fault  func(Request) error

	mu    sync.Mutex
	nodes []*node // by number
	count map[Operation]int
	ended bool // the descriptor's number is no longer ours
	done  chan struct{}
}

// node is a file or folder.
type node struct {
	number   uint64
	path     string
	mode     uint32
	data     []byte
	children map[string]*node
}

// New opens a connection to the kernel. fault decides about each request before it is done: with nil it is done, with a
// unix.Errno it is refused. It may wait, and is called from many goroutines.
func New(fault func(Request) error) (*FS, error) {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/dev/fuse", Err: err}
	}
	f := &FS{device: os.NewFile(uintptr(fd), "/dev/fuse"), number: fd, fault: fault, count: map[Operation]int{}, done: make(chan struct{})}
	if f.closed[0], f.closed[1], err = os.Pipe(); err != nil {
		return nil, errors.Join(err, f.device.Close())
	}
	f.nodes = []*node{nil, {number: rootNode, mode: unix.S_IFDIR | 0o755, children: map[string]*node{}}}
	go f.serve()
	return f, nil
}

// Device is the connection, for a process that is to mount the filesystem and inherits it.
func (f *FS) Device() *os.File { return f.device }

// Options are those of the mount, for a process that has the connection as the descriptor fd.
func Options(fd int) string {
	return fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d,allow_other", fd, os.Getuid(), os.Getgid())
}

// Mount mounts the filesystem on dir in a process that has inherited the connection as the descriptor fd, and closes that.
func Mount(fd int, dir string) error {
	if err := unix.Mount("copylab-test", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, Options(fd)); err != nil {
		return fmt.Errorf("mount fuse: %w", err)
	}
	return unix.Close(fd)
}

// Close ends the connection. Every request that waits, and every later one, fails with ECONNABORTED or ENOTCONN. A second time it
// does nothing.
func (f *FS) Close() error {
	f.mu.Lock()
	ended := f.ended
	f.mu.Unlock()
	if ended {
		return nil
	}
	err := f.closed[1].Close()
	<-f.done
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	return errors.Join(err, f.closed[0].Close(), f.device.Close())
}

// Count is how many requests of a kind there were, those that failed included.
func (f *FS) Count(op Operation) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[op]
}

// Paths are the files and folders that the filesystem holds.
func (f *FS) Paths() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return paths(f.nodes[rootNode])
}

func paths(n *node) (all []string) {
	for _, c := range n.children {
		all = append(append(all, c.path), paths(c)...)
	}
	slices.Sort(all)
	return all
}

// serve does without Go's poller: to it, a connection that is not mounted yet is broken for ever.
func (f *FS) serve() {
	defer close(f.done)
	ready := []unix.PollFd{{Fd: int32(f.number), Events: unix.POLLIN}, {Fd: int32(f.closed[0].Fd()), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(ready, -1); err != nil && !errors.Is(err, unix.EINTR) || ready[1].Revents != 0 {
			return
		}
		// Of its own, since each request is answered in a goroutine of its own.
		in := make([]byte, mostWrite+blockBytes)
		n, err := unix.Read(f.number, in)
		switch {
		case errors.Is(err, unix.EPERM): // not mounted yet
			time.Sleep(time.Millisecond)
		case errors.Is(err, unix.ENODEV): // unmounted
			return
		case err == nil && n >= inHeaderBytes:
			go f.answer(in[:n])
		}
	}
}

// order is that of the machine, little-endian where these tests run.
var order = binary.LittleEndian

func (f *FS) answer(in []byte) {
	op, unique, number := Operation(order.Uint32(in[4:])), order.Uint64(in[8:]), order.Uint64(in[16:])
	body := in[inHeaderBytes:]
	if op == opForget || op == opBatchForget || op == opInterrupt {
		return // want no answer. Numbers are never used again, and what hangs is to hang
	}
	out, err := f.do(op, number, body)
	errno := unix.Errno(0)
	if err != nil && !errors.As(err, &errno) {
		errno = unix.EIO
	}
	if errno != 0 {
		out = nil
	}
	reply := make([]byte, outHeaderBytes, outHeaderBytes+len(out))
	order.PutUint32(reply, uint32(outHeaderBytes+len(out)))
	order.PutUint32(reply[4:], uint32(-int32(errno)))
	order.PutUint64(reply[8:], unique)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return
	}
	_, _ = unix.Write(f.number, append(reply, out...)) // ENOENT: nobody waits for it any more
}

func (f *FS) do(op Operation, number uint64, body []byte) ([]byte, error) {
	if op == opInit {
		return initialise(), nil
	}
	r := Request{Operation: op}
	switch op {
	case Read, Write:
		r.Offset, r.Bytes = int64(order.Uint64(body[8:])), int(order.Uint32(body[16:]))
	case Open, Create:
		r.Flags = int(order.Uint32(body))
	case Fallocate:
		r.Offset, r.Bytes = int64(order.Uint64(body[8:])), int(order.Uint64(body[16:]))
	}
	f.mu.Lock()
	f.count[op]++
	n := f.nodes[number]
	r.File = n.path
	if op == Create || op == Remove || op == Lookup {
		r.File = path.Join(n.path, name(op, body))
	}
	f.mu.Unlock()
	if f.fault != nil {
		if err := f.fault(r); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.perform(op, n, r, body)
}

// name is the last word of a request's body.
func name(op Operation, body []byte) string {
	switch op {
	case Create:
		body = body[16:]
	case opMkdir:
		body = body[8:]
	}
	return unix.ByteSliceToString(body)
}

// perform does what is asked, with the lock.
func (f *FS) perform(op Operation, n *node, r Request, body []byte) ([]byte, error) {
	switch op {
	case Lookup:
		c := n.children[name(op, body)]
		if c == nil {
			return nil, unix.ENOENT
		}
		return entry(c), nil
	case opGetattr:
		return attributes(n), nil
	case opSetattr:
		const modeIsSet, sizeIsSet = 1 << 0, 1 << 3
		valid := order.Uint32(body)
		if valid&modeIsSet != 0 {
			n.mode = n.mode&unix.S_IFMT | order.Uint32(body[68:])&0o7777
		}
		if valid&sizeIsSet != 0 {
			n.resize(int(order.Uint64(body[16:])))
		}
		return attributes(n), nil
	case Create:
		c, err := f.add(n, name(op, body), unix.S_IFREG|order.Uint32(body[4:])&0o7777)
		if err != nil {
			return nil, err
		}
		return append(entry(c), opened()...), nil
	case opMkdir:
		c, err := f.add(n, name(op, body), unix.S_IFDIR|order.Uint32(body)&0o7777)
		if err != nil {
			return nil, err
		}
		return entry(c), nil
	case Remove, opRmdir:
		c := n.children[name(op, body)]
		switch {
		case c == nil:
			return nil, unix.ENOENT
		case len(c.children) > 0:
			return nil, unix.ENOTEMPTY
		}
		delete(n.children, name(op, body))
		return nil, nil
	case opRename, opRename2:
		words := body[8:]
		if op == opRename2 {
			words = body[16:] // after the flags, of which there are none
		}
		from := unix.ByteSliceToString(words)
		to, into := unix.ByteSliceToString(words[len(from)+1:]), f.nodes[order.Uint64(body)]
		c := n.children[from]
		if c == nil || len(c.children) > 0 { // whose paths would have to follow
			return nil, unix.EINVAL
		}
		delete(n.children, from)
		into.children[to], c.path = c, path.Join(into.path, to)
		return nil, nil
	case Open, opOpendir:
		return opened(), nil
	case Read:
		from := min(int(r.Offset), len(n.data))
		return slices.Clone(n.data[from:min(from+r.Bytes, len(n.data))]), nil
	case Write:
		if end := int(r.Offset) + r.Bytes; end > len(n.data) {
			n.resize(end)
		}
		copy(n.data[r.Offset:], body[40:40+r.Bytes])
		return order.AppendUint64(nil, uint64(r.Bytes)), nil
	case Fallocate:
		if end := int(r.Offset) + r.Bytes; end > len(n.data) {
			n.resize(end)
		}
		return nil, nil
	case opReaddir:
		if order.Uint64(body[8:]) > 0 { // all were told at once
			return nil, nil
		}
		return listing(n), nil
	case opStatfs:
		return statistics(), nil
	case opRelease, opReleasedir, Flush, Fsync, opFsyncdir, opDestroy:
		return nil, nil
	}
	return nil, unix.ENOSYS
}

func (f *FS) add(folder *node, name string, mode uint32) (*node, error) {
	if folder.children[name] != nil {
		return nil, unix.EEXIST
	}
	c := &node{number: uint64(len(f.nodes)), path: path.Join(folder.path, name), mode: mode}
	if mode&unix.S_IFMT == unix.S_IFDIR {
		c.children = map[string]*node{}
	}
	f.nodes = append(f.nodes, c)
	folder.children[name] = c
	return c, nil
}

func (n *node) resize(size int) {
	if size > len(n.data) {
		n.data = append(n.data, make([]byte, size-len(n.data))...)
	}
	n.data = n.data[:size]
}

// initialise is struct fuse_init_out.
func initialise() []byte {
	const asyncRead, bigWrites, maxPages = 1 << 0, 1 << 5, 1 << 22
	out := make([]byte, 64)
	order.PutUint32(out, 7)         // major
	order.PutUint32(out[4:], 31)    // minor
	order.PutUint32(out[8:], 1<<17) // read ahead, bytes
	order.PutUint32(out[12:], asyncRead|bigWrites|maxPages)
	order.PutUint16(out[16:], 64) // background requests
	order.PutUint16(out[18:], 48)
	order.PutUint32(out[20:], mostWrite)
	order.PutUint32(out[24:], 1) // ns
	order.PutUint16(out[28:], mostWrite/blockBytes)
	return out
}

// validSeconds is how long the kernel may keep what it was told: nothing changes behind its back.
const validSeconds = 3600

// entry is struct fuse_entry_out.
func entry(n *node) []byte {
	out := make([]byte, 40, 128+16)
	order.PutUint64(out, n.number)
	order.PutUint64(out[16:], validSeconds)
	order.PutUint64(out[24:], validSeconds)
	return append(out, n.attribute()...)
}

// attributes is struct fuse_attr_out.
func attributes(n *node) []byte {
	out := make([]byte, 16, 104)
	order.PutUint64(out, validSeconds)
	return append(out, n.attribute()...)
}

// attribute is struct fuse_attr.
func (n *node) attribute() []byte {
	out := make([]byte, 88)
	order.PutUint64(out, n.number)
	order.PutUint64(out[8:], uint64(len(n.data)))
	order.PutUint64(out[16:], uint64((len(n.data)+511)/512))
	order.PutUint32(out[60:], n.mode)
	order.PutUint32(out[64:], 1) // links
	order.PutUint32(out[68:], uint32(os.Getuid()))
	order.PutUint32(out[72:], uint32(os.Getgid()))
	order.PutUint32(out[80:], blockBytes)
	return out
}

// opened is struct fuse_open_out. The pages of a file stay in the page cache from one open to the next.
func opened() []byte {
	const keepCache = 1 << 1
	out := make([]byte, 16)
	order.PutUint32(out[8:], keepCache)
	return out
}

// listing is a struct fuse_dirent for each child.
func listing(n *node) (out []byte) {
	for name, c := range n.children {
		out = order.AppendUint64(out, c.number)
		out = order.AppendUint64(out, 1)
		out = order.AppendUint32(out, uint32(len(name)))
		out = order.AppendUint32(out, c.mode>>12)
		out = append(out, name...)
		out = append(out, make([]byte, (8-len(out)%8)%8)...)
	}
	return out
}

// statistics is struct fuse_statfs_out.
func statistics() []byte {
	out := make([]byte, 80)
	for i := range 5 { // blocks, free, free for this user, files, free
		order.PutUint64(out[8*i:], blocks)
	}
	order.PutUint32(out[40:], blockBytes)
	order.PutUint32(out[44:], 255) // bytes of a name
	order.PutUint32(out[48:], blockBytes)
	return out
}
