package copypaths

import (
	"fmt"
	"io"
	"os"
)

// goIOCopy is what a Go program writes without a thought: io.Copy from a limited *os.File to a *net.TCPConn. Which
// system calls that becomes is the Go library's choice (sendfile on Linux), and so is a fall-back to a copy.
func goIOCopy() binding {
	return binding{probe: func() Status { return tryGoConn(openGoIOCopy) }, open: openGoIOCopy}
}

func openGoIOCopy(e Ends) (Mover, error) {
	if err := e.check(GoConn, false); err != nil {
		return nil, err
	}
	// The file stays in sight of the LimitedReader, and the connection of io.Copy: either wrapped, and it copies.
	return newGoMover("io.Copy", e.File, e.File, func(limited *io.LimitedReader) (int64, error) {
		return io.Copy(e.Conn, limited)
	})
}

// goMover moves chunks by one of the io package's copying functions. The file's offset is where the last chunk ended,
// so that a seek is due at a wrap only.
type goMover struct {
	name    string
	file    *os.File
	limited io.LimitedReader
	copy    func(*io.LimitedReader) (int64, error)
	at      int64 // where the file stands; -1 where an error left that unknown
}

// newGoMover reads from source, which is file, wrapped or not.
func newGoMover(name string, file *os.File, source io.Reader, copy func(*io.LimitedReader) (int64, error)) (Mover, error) {
	at, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, fmt.Errorf("open path: %w", err)
	}
	return &goMover{name: name, file: file, limited: io.LimitedReader{R: source}, copy: copy, at: at}, nil
}

func (m *goMover) Move(off int64, n int) error {
	if off != m.at {
		if _, err := m.file.Seek(off, io.SeekStart); err != nil {
			m.at = -1
			return err
		}
		m.at = off
	}
	m.limited.N = int64(n)
	sent, err := m.copy(&m.limited)
	if err != nil {
		m.at = -1 // what was read and not sent is lost
		return sendFailed(m.name, err, sent, int64(n))
	}
	m.at += sent
	if missing := int64(n) - sent; missing > 0 {
		return fileEnded(m.name, m.at, missing)
	}
	return nil
}

func (m *goMover) Syscalls() map[string]int64 { return nil }

func (m *goMover) Close() error { return nil }
