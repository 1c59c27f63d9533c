package kernel

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Tracepoint is an event that the kernel can report at a place in its code, and how its data lie in memory: the file format
// of its folder in tracefs (Documentation/trace/events.rst).
type Tracepoint struct {
	Name   string // as "block/block_rq_issue"
	ID     uint64 // perf_event_attr.config
	fields map[string]TraceField
}

// TraceField is where a field of a tracepoint's data lies, in bytes from their beginning.
type TraceField struct{ Offset, Size int }

// tracefsFolders are where tracefs is: its own mount point, and the one of older systems.
func tracefsFolders() []string { return []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} }

// FindTracepoint looks a tracepoint up by its name, as "block/block_rq_issue". The error says what to do where tracefs
// can't be read.
func FindTracepoint(name string) (Tracepoint, error) {
	var first error
	for _, folder := range tracefsFolders() {
		text, err := os.ReadFile(filepath.Join(folder, "events", name, "format"))
		if err == nil {
			t, err := parseTracepoint(bytes.NewReader(text))
			if err != nil {
				return Tracepoint{}, fmt.Errorf("read tracepoint %s: %w", name, err)
			}
			t.Name = name
			return t, nil
		}
		if first == nil || errors.Is(err, fs.ErrPermission) {
			first = err
		}
	}
	switch {
	case errors.Is(first, fs.ErrPermission):
		return Tracepoint{}, fmt.Errorf("read tracepoint %s: %w: run as root, or: sudo mount -o remount,mode=755,gid=$(id -g) /sys/kernel/tracing", name, first)
	case errors.Is(first, fs.ErrNotExist):
		return Tracepoint{}, fmt.Errorf("read tracepoint %s: %w: sudo mount -t tracefs -o mode=755,gid=$(id -g) tracefs /sys/kernel/tracing; if it is mounted, the kernel has no such tracepoint", name, first)
	}
	return Tracepoint{}, fmt.Errorf("read tracepoint %s: %w", name, first)
}

// parseTracepoint reads a file format. Its lines are as
//
//	ID: 2104
//		field:sector_t sector;	offset:16;	size:8;	signed:0;
func parseTracepoint(r io.Reader) (Tracepoint, error) {
	t := Tracepoint{fields: map[string]TraceField{}}
	hasID := false
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // the last line, how to print an event, is a long one
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if id, ok := strings.CutPrefix(line, "ID:"); ok {
			v, err := strconv.ParseUint(strings.TrimSpace(id), 10, 32)
			if err != nil {
				return Tracepoint{}, fmt.Errorf("line %d: ID: %w", n, err)
			}
			t.ID, hasID = v, true
		}
		if !strings.HasPrefix(line, "field:") {
			continue
		}
		var name string
		f := TraceField{Offset: -1, Size: -1}
		for part := range strings.SplitSeq(line, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(part), ":")
			var err error
			switch key {
			case "field": // the declaration in C: the name comes last, behind it perhaps the length of an array
				words := strings.Fields(value)
				if len(words) > 0 {
					name, _, _ = strings.Cut(words[len(words)-1], "[")
				}
			case "offset":
				f.Offset, err = strconv.Atoi(value)
			case "size":
				f.Size, err = strconv.Atoi(value)
			}
			if err != nil {
				return Tracepoint{}, fmt.Errorf("line %d: %s: %w", n, key, err)
			}
		}
		// The data of an event are at most 64 KiB: the length of a record in the ring has 16 bits.
		if name == "" || f.Offset < 0 || f.Size < 0 || f.Offset > 1<<16 || f.Size > 1<<16 {
			return Tracepoint{}, fmt.Errorf("line %d: want a field with its offset and size, got %q", n, line)
		}
		t.fields[name] = f
	}
	if err := lines.Err(); err != nil {
		return Tracepoint{}, err
	}
	if !hasID {
		return Tracepoint{}, errors.New("it has no ID")
	}
	return t, nil
}

// Field is where a field lies. It is an error if this kernel's event has none of that name.
func (t Tracepoint) Field(name string) (TraceField, error) {
	f, ok := t.fields[name]
	if !ok {
		return TraceField{}, fmt.Errorf("tracepoint %s of this kernel has no field %s", t.Name, name)
	}
	return f, nil
}

// Uint is the field's number in an event's data, which are in the machine's byte order; false where the data are too
// short, or the field is no number.
func (f TraceField) Uint(data []byte) (uint64, bool) {
	b, ok := f.Bytes(data)
	if !ok {
		return 0, false
	}
	switch f.Size {
	case 1:
		return uint64(b[0]), true
	case 2:
		return uint64(binary.NativeEndian.Uint16(b)), true
	case 4:
		return uint64(binary.NativeEndian.Uint32(b)), true
	case 8:
		return binary.NativeEndian.Uint64(b), true
	}
	return 0, false
}

// Bytes is the field's part of an event's data; false where they are too short.
func (f TraceField) Bytes(data []byte) ([]byte, bool) {
	if f.Offset+f.Size > len(data) {
		return nil, false
	}
	return data[f.Offset : f.Offset+f.Size], true
}
