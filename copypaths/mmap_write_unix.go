//go:build unix

package copypaths

import (
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// mmapWrite maps the file once and lets write(2) copy from the mapping into the socket: one copy less than read-write,
// paid with page faults the first time round. Once the file has been gone through, its pages stay mapped.
//
// There is no MAP_POPULATE, since the faults are what this path costs, and no madvise(2): read-write and sendfile give
// the kernel no advice either, so that all of them meet its default readahead.
//
// A file that is cut short in the middle of a page reads as zeroes to the end of that page, and nothing tells. Pages
// beyond are an EFAULT of write(2), never a SIGBUS, since only the kernel reads the mapping.
func mmapWrite() binding {
	return binding{probe: func() Status { return tryDescriptor(openMmapWrite) }, open: openMmapWrite}
}

type mmapWriteMover struct {
	file    *os.File
	socket  int
	mapping []byte
	calls   calls

	mmaps, writes, munmaps int64
}

func openMmapWrite(e Ends) (Mover, error) {
	if err := e.check(Descriptor, false); err != nil {
		return nil, err
	}
	if e.FileSize > math.MaxInt {
		return nil, fmt.Errorf("open path: mmap: a file of %d bytes does not fit into the address space", e.FileSize)
	}
	mapping, err := unix.Mmap(int(e.File.Fd()), 0, int(e.FileSize), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("open path: mmap %d bytes of the file: %w", e.FileSize, err)
	}
	return &mmapWriteMover{file: e.File, socket: e.Socket, mapping: mapping, calls: callsOf(e), mmaps: 1}, nil
}

func (m *mmapWriteMover) Move(off int64, n int) error {
	return m.calls.writeAll(m.socket, m.mapping[off:off+int64(n)], &m.writes)
}

func (m *mmapWriteMover) Syscalls() map[string]int64 {
	return map[string]int64{"mmap": m.mmaps, "write": m.writes, "munmap": m.munmaps}
}

func (m *mmapWriteMover) Close() error {
	if m.mapping == nil {
		return nil
	}
	mapping := m.mapping
	m.mapping = nil
	m.munmaps++
	if err := unix.Munmap(mapping); err != nil {
		return fmt.Errorf("close path: munmap: %w", err)
	}
	return nil
}
