package copypaths

import (
	"errors"
	"fmt"
	"os"

	"copylab/internal/kernel"
)

// directWrite is read-write past the page cache: read(2) from an O_DIRECT descriptor lets the disk put a chunk into the
// program's buffer, write(2) copies it from there into the socket's.
//
// The end of a file need not be a multiple of the alignment, and neither need the end of a stream: the read is rounded up
// to one, into a buffer that has room for that, and ends where the file does. Only the bytes that were asked for are sent.
func directWrite() binding { return directBinding(openDirectWrite) }

type directWriteMover struct {
	file   *os.File
	direct *directFile
	reader fileReader
	socket int
	buffer []byte // one that is rounded up, so not the caller's
	writes int64
}

func openDirectWrite(e Ends) (Mover, error) {
	if err := e.check(Descriptor, false); err != nil {
		return nil, err
	}
	d, err := openDirect(e)
	if err != nil {
		return nil, err
	}
	m := &directWriteMover{file: e.File, direct: d, socket: e.Socket}
	if m.reader, err = newFileReader(d.fd, callsOf(e)); err != nil {
		return nil, errors.Join(err, d.close())
	}
	if m.buffer, err = kernel.Buffer(d.round(e.Chunk)); err != nil {
		return nil, errors.Join(fmt.Errorf("open path: %w", err), d.close())
	}
	return m, nil
}

func (m *directWriteMover) Move(off int64, n int) error {
	if err := m.direct.check("read", off); err != nil {
		return err
	}
	if err := m.reader.fill(off, m.buffer[:m.direct.round(n)], n); err != nil {
		return err
	}
	return m.reader.calls.writeAll(m.socket, m.buffer[:n], &m.writes)
}

// Settings are what direct I/O asks of this file (direct_offset_alignment_bytes).
func (m *directWriteMover) Settings() map[string]string { return m.direct.settings() }

func (m *directWriteMover) Syscalls() map[string]int64 {
	return map[string]int64{"read": m.reader.reads, "write": m.writes, "lseek": m.reader.seeks}
}

func (m *directWriteMover) Close() error {
	if m.buffer == nil {
		return nil
	}
	buffer := m.buffer
	m.buffer = nil
	return errors.Join(kernel.Free(buffer), m.direct.close())
}
