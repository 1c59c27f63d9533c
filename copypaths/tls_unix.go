//go:build unix

package copypaths

import (
	"os"
	"strconv"
)

// tlsBufferBytes is the buffer of the tls path, whatever the chunk: the size that Kafka reads and encrypts at a time, when TLS
// takes sendfile away from it.
const tlsBufferBytes = 32 << 10

// userTLS encrypts in the program: read(2) copies from the page cache into a buffer of 32 KiB, crypto/tls encrypts it into
// another, and write(2) copies that into the socket's, one call for each record of 16 KiB. So a chunk of 64 KiB takes
// two read(2) and four write(2), and every byte is touched three times.
//
// crypto/tls takes its buffer for records from a pool: nothing is allocated for a chunk, but by the first few
// (BenchmarkTLS reports it).
//
// Close sends no close_notify (RFC 8446, 6.1). Neither the socket nor the moment at which it is closed is the path's, and who
// receives knows how much is to come. To crypto/tls, an end between two records is an io.EOF all the same.
func userTLS() binding {
	return binding{probe: func() Status { return tryTLS(openTLS) }, open: openTLS}
}

type tlsMover struct {
	file   *os.File // keeps the descriptor from being closed by a finalizer
	reader fileReader
	server *tlsServer
	buffer []byte
	chunk  int
}

func openTLS(e Ends) (Mover, error) {
	if err := e.check(Descriptor, true); err != nil {
		return nil, err
	}
	reader, err := newFileReader(int(e.File.Fd()), callsOf(e))
	if err != nil {
		return nil, err
	}
	config, err := tlsServerConfig(nil)
	if err != nil {
		return nil, err
	}
	server, err := shakeHands(e, config, handshakeLimit)
	if err != nil {
		return nil, err
	}
	return &tlsMover{file: e.File, reader: reader, server: server, buffer: e.Buffer[:min(e.Chunk, tlsBufferBytes)], chunk: e.Chunk}, nil
}

func (m *tlsMover) Move(off int64, n int) error {
	for sent := 0; sent < n; {
		part := m.buffer[:min(n-sent, len(m.buffer))]
		if err := m.reader.fill(off+int64(sent), part, len(part)); err != nil {
			return err
		}
		k, err := m.server.Write(part)
		sent += k
		if err != nil {
			return sendFailed("write", err, int64(sent), int64(n))
		}
	}
	return nil
}

// Settings are those of TLS (tls_version, tls_cipher_suite, tls_record_bytes), and tls_buffer_bytes.
func (m *tlsMover) Settings() map[string]string {
	s := m.server.settings(m.chunk)
	s["tls_buffer_bytes"] = strconv.Itoa(len(m.buffer))
	return s
}

// Syscalls counts those of the handshake too.
func (m *tlsMover) Syscalls() map[string]int64 {
	return map[string]int64{"read": m.reader.reads, "write": m.server.raw.Sends, "lseek": m.reader.seeks, "recvfrom": m.server.raw.Receives}
}

func (m *tlsMover) Close() error { return nil }
