package diskwrite

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"copylab/internal/kernel"
)

// NewPayload makes a payload of so many bytes for Job.Payload: page-aligned, not on the Go heap, touched, and filled from
// a seeded ChaCha8 stream, so that neither a filesystem nor a disk can compress it or find a block twice. Give it back
// with FreePayload.
func NewPayload(seed uint64, bytes int) ([]byte, error) {
	if bytes < 1 {
		return nil, fmt.Errorf("make payload: %d bytes: want at least one block", bytes)
	}
	payload, err := kernel.Buffer(bytes)
	if err != nil {
		return nil, fmt.Errorf("make payload: %w", err)
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	// ChaCha8's Read never fails.
	_, _ = rand.NewChaCha8(key).Read(payload)
	return payload, nil
}

// FreePayload gives back what NewPayload made. The payload must not be used afterwards.
func FreePayload(payload []byte) error {
	if err := kernel.Free(payload); err != nil {
		return fmt.Errorf("free payload: %w", err)
	}
	return nil
}
