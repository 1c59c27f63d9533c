package copypaths

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// sendFailed says that call could not hand the rest of a chunk to the socket, and why as far as err tells.
func sendFailed(call string, err error, sent, chunk int64) error {
	return fmt.Errorf("%s to socket: %w%s; %d of %d bytes of this chunk were sent", call, err, hint(err), sent, chunk)
}

// fileEnded says that the file ended inside a chunk at the offset off. It wraps io.ErrUnexpectedEOF.
func fileEnded(call string, off, missing int64) error {
	return fmt.Errorf("%s from file: %w: the file ends at offset %d, %d bytes before this chunk does; was it cut short since it was opened?",
		call, io.ErrUnexpectedEOF, off, missing)
}

// hint puts what an error number means for a sender into words.
func hint(err error) string {
	switch {
	case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return ": the receiver has gone"
	case errors.Is(err, syscall.EAGAIN):
		return ": the socket is not a blocking one, or it has a send timeout"
	case errors.Is(err, syscall.EBADF), errors.Is(err, net.ErrClosed):
		return ": the socket or the file was closed"
	case errors.Is(err, syscall.ENOTCONN), errors.Is(err, syscall.ENOTSOCK):
		return ": the socket is not a connected one"
	case errors.Is(err, syscall.EFAULT):
		return ": the file has become shorter than its mapping"
	}
	return ""
}

// check rejects ends that a path can't work on, so that it fails when it is opened and not in the timed span.
func (e Ends) check(c Connection, needsBuffer bool) error {
	switch {
	case e.File == nil:
		return errors.New("open path: there is no file")
	case e.FileSize < 1:
		return fmt.Errorf("open path: file of %d bytes: want at least 1", e.FileSize)
	case e.Chunk < 1:
		return fmt.Errorf("open path: chunk of %d bytes: want at least 1", e.Chunk)
	case needsBuffer && len(e.Buffer) < e.Chunk:
		return fmt.Errorf("open path: buffer of %d bytes is smaller than the chunk of %d", len(e.Buffer), e.Chunk)
	case c == GoConn && e.Conn == nil:
		return errors.New("open path: there is no *net.TCPConn")
	}
	return nil
}
