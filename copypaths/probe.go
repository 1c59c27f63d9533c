package copypaths

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"time"

	"copylab/internal/kernel"
)

// probeBytes is what a probe moves: little enough to fit into any socket's buffer, so that nobody need receive meanwhile.
const probeBytes = 512

// probeContent is what a probe's file holds.
func probeContent() []byte { return bytes.Repeat([]byte("copylab "), probeBytes/8) }

// tryGoConn probes a path that works on a *net.TCPConn, by moving a small file through a connection on loopback.
func tryGoConn(open func(Ends) (Mover, error)) Status {
	sender, receiver, err := loopback(time.Second)
	if err != nil {
		return kernel.Unknown("could not try it: %v", err)
	}
	defer sender.Close()
	defer receiver.Close()
	return try(open, Ends{Conn: sender}, receiver)
}

// loopback makes a connection on loopback, whose receiving end fails after the limit.
func loopback(limit time.Duration) (sender *net.TCPConn, receiver net.Conn, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	dialled, err := net.DialTimeout("tcp", listener.Addr().String(), time.Second)
	if err != nil {
		return nil, nil, err
	}
	receiver, err = listener.Accept()
	if err != nil {
		return nil, nil, errors.Join(err, dialled.Close())
	}
	if err := receiver.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, nil, errors.Join(err, dialled.Close(), receiver.Close())
	}
	return dialled.(*net.TCPConn), receiver, nil
}

// try opens a path on a small file, or memory of that content, and the socket in ends, moves it, and looks at what arrived.
func try(open func(Ends) (Mover, error), ends Ends, arrived io.Reader) Status {
	want := probeContent()
	file, remove, err := probeFile(want)
	if err != nil {
		return kernel.Unknown("could not try it: %v", err)
	}
	defer remove()
	memory, err := NewFields(bytes.NewReader(want), probeBytes, probeBytes)
	if err != nil {
		return kernel.Unknown("could not try it: %v", err)
	}
	defer func() { _ = memory.Free() }()
	ends.File, ends.FileSize, ends.Memory, ends.Chunk, ends.Buffer = file, probeBytes, memory, probeBytes, make([]byte, probeBytes)
	m, err := open(ends)
	if err != nil {
		return refused(err)
	}
	defer m.Close()
	if err := m.Move(0, probeBytes); err != nil {
		return refused(err)
	}
	if err := flush(m); err != nil {
		return refused(err)
	}
	got := make([]byte, probeBytes)
	if n, err := io.ReadFull(arrived, got); err != nil {
		return kernel.Unknown("moved %d bytes, of which %d arrived: %v", probeBytes, n, err)
	}
	if !bytes.Equal(got, want) {
		return kernel.Unknown("moved %d bytes, and others arrived", probeBytes)
	}
	return kernel.Available()
}

// flush flushes a Mover that is a Flusher.
func flush(m Mover) error {
	if f, ok := m.(Flusher); ok {
		return f.Flush()
	}
	return nil
}

// refused tells a refusal that will not change from a failure that might.
func refused(err error) Status {
	var no *UnsupportedError
	switch {
	case errors.As(err, &no):
		return kernel.Unavailable("%s", no.Why)
	case errors.Is(err, errors.ErrUnsupported): // ENOSYS, EOPNOTSUPP
		return kernel.Unavailable("this kernel does not have it: %v", err)
	case errors.Is(err, fs.ErrPermission): // EPERM, EACCES: a seccomp filter's usual answers
		return kernel.Unavailable("a seccomp filter or another policy forbids it: %v", err)
	}
	return kernel.Unknown("tried it: %v", err)
}
