//go:build unix

package receivers

import (
	"fmt"

	"github.com/cespare/xxhash/v2"

	"copylab/internal/kernel"
)

// checksum takes bytes as recv does and computes their xxh64 (seed 0): for checking that what was sent has arrived.
func checksum() binding { return binding{probe: probeChecksum, open: openChecksum} }

type checksumTaker struct {
	recvTaker
	digest xxhash.Digest
}

func openChecksum(e End) (Taker, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	if e.TLS {
		return openTLS(e, xxhash.New(), handshakeLimit)
	}
	t := &checksumTaker{recvTaker: recvTaker{socket: e.Socket, buffer: e.Buffer, kernel: kernel.Calls{Raw: e.Dedicated}}}
	t.digest.Reset()
	return t, nil
}

func (t *checksumTaker) Take(limit int64) (int64, error) {
	n, err := t.recvTaker.Take(limit)
	_, _ = t.digest.Write(t.buffer[:n]) // never fails
	return n, err
}

func (t *checksumTaker) Sum() string { return fmt.Sprintf("%016x", t.digest.Sum64()) }
