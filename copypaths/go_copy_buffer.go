package copypaths

import "io"

// goCopyBuffer is the same as goIOCopy, except that it really copies: both ends are wrapped, so that io.CopyBuffer sees
// neither the connection's ReadFrom, which would bring a buffer of its own, nor that the source is a file. Programs get
// here without wanting to, by wrapping a connection to count its bytes, for example.
func goCopyBuffer() binding {
	return binding{probe: func() Status { return tryGoConn(openGoCopyBuffer) }, open: openGoCopyBuffer}
}

// onlyReader hides everything of a reader but Read, onlyWriter everything of a writer but Write.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

func openGoCopyBuffer(e Ends) (Mover, error) {
	if err := e.check(GoConn, true); err != nil {
		return nil, err
	}
	to, buffer := onlyWriter{e.Conn}, e.Buffer[:e.Chunk]
	return newGoMover("io.CopyBuffer", e.File, onlyReader{e.File}, func(limited *io.LimitedReader) (int64, error) {
		return io.CopyBuffer(to, limited, buffer)
	})
}
