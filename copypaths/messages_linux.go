package copypaths

import (
	"errors"
	"fmt"
)

// messages finds the fields of the message that is to go. Every path from memory has one.
type messages struct {
	memory *Fields
	fields [FieldCount][]byte // a field, since a variable of Move would be allocated
}

// find sets fields to those of the first n bytes of the message at the offset off.
func (m *messages) find(off int64, n int) error {
	if off%int64(m.memory.Chunk) != 0 {
		return fmt.Errorf("find message at offset %d: messages have %d bytes each, and a path from memory begins with a whole one; use a multiple of that", off, m.memory.Chunk)
	}
	if off < 0 || n > m.memory.Chunk || int64(n) > m.memory.Bytes-off {
		return fmt.Errorf("find message of %d bytes at offset %d: there are %d bytes in messages of %d", n, off, m.memory.Bytes, m.memory.Chunk)
	}
	m.memory.Message(off, n, &m.fields)
	return nil
}

// gather copies these fields into one place: a message that is whole.
func (m *messages) gather(off int64, n int, into []byte) error {
	if err := m.find(off, n); err != nil {
		return err
	}
	for i := range m.fields {
		into = into[copy(into, m.fields[i]):]
	}
	return nil
}

// checkMemory is check for paths from memory.
func (e Ends) checkMemory(needsBuffer bool) error {
	switch {
	case e.Memory == nil:
		return errors.New("open path: there is no memory to send from")
	case e.Chunk < 1:
		return fmt.Errorf("open path: chunk of %d bytes: want at least 1", e.Chunk)
	case e.Chunk != e.Memory.Chunk:
		return fmt.Errorf("open path: chunk of %d bytes, but the memory holds messages of %d; cut it into messages of the chunk's size", e.Chunk, e.Memory.Chunk)
	case needsBuffer && len(e.Buffer) < e.Chunk:
		return fmt.Errorf("open path: buffer of %d bytes is smaller than the chunk of %d", len(e.Buffer), e.Chunk)
	}
	return nil
}
