package copypaths

import (
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// mmapZerocopy maps the file once and lets send(2) with MSG_ZEROCOPY send from the pages of the page cache themselves: no copy
// at all, as far as the network allows, as with sendfile. The mapping is held until the kernel is done with it. See
// zerocopySender for how that is known, and mmapWrite for what a mapping costs and hides.
func mmapZerocopy() binding {
	return binding{probe: func() Status { return tryTCP(openMmapZerocopy) }, open: openMmapZerocopy}
}

type mmapZerocopyMover struct {
	*zerocopySender
	file    *os.File
	mapping []byte

	mmaps, munmaps int64
}

func openMmapZerocopy(e Ends) (Mover, error) {
	if err := e.check(Descriptor, false); err != nil {
		return nil, err
	}
	if e.FileSize > math.MaxInt {
		return nil, fmt.Errorf("open path: mmap: a file of %d bytes does not fit into the address space", e.FileSize)
	}
	z, err := newZerocopySender(e)
	if err != nil {
		return nil, err
	}
	mapping, err := unix.Mmap(int(e.File.Fd()), 0, int(e.FileSize), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("open path: mmap %d bytes of the file: %w", e.FileSize, err)
	}
	return &mmapZerocopyMover{zerocopySender: z, file: e.File, mapping: mapping, mmaps: 1}, nil
}

func (m *mmapZerocopyMover) Move(off int64, n int) error {
	// The bytes stay as they are, but the kernel's memory for notifications has an end, as with read-zerocopy.
	slot, err := m.slot()
	if err != nil {
		return err
	}
	return m.send(slot, m.mapping[off:off+int64(n)])
}

func (m *mmapZerocopyMover) Syscalls() map[string]int64 {
	return m.addSyscalls(map[string]int64{"mmap": m.mmaps, "munmap": m.munmaps})
}

func (m *mmapZerocopyMover) Close() error {
	if m.mapping == nil {
		return nil
	}
	m.drain()
	mapping := m.mapping
	m.mapping = nil
	m.munmaps++
	if err := unix.Munmap(mapping); err != nil {
		return fmt.Errorf("close path: munmap: %w", err)
	}
	return nil
}
