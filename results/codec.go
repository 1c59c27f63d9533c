package results

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// RecordFile is the name of a record within a run's folder.
const RecordFile = "record.jsonl"

// ProfileFolder is the name of the folder within a run's folder that holds the stacks sampled in the trials for evidence, as pprof files.
const ProfileFolder = "profiles"

// maxLine bounds a line of a record. A trial takes some ten KiB, a run with its scenario and host a few; the bound
// only keeps a file that is no record from filling the memory.
const maxLine = 64 << 20

// The types of lines.
const (
	lineRun   = "run"
	lineTrial = "trial"
	lineEnd   = "end"
)

// Writer writes a record: the run, its trials one by one, and the end. Each is one line and one call of Write, and nothing
// stays in a buffer, so that a kill loses at most the line that is being written. A Writer is used by one goroutine.
type Writer struct {
	w    io.Writer
	line bytes.Buffer
	last string // type of the line before
	err  error  // the first failure of Write: what follows half a line can't be read
}

// NewWriter makes a Writer on w, which should be an *os.File: with a buffer in between, the promise above is void.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// WriteRun writes the first line. It sets Type and Schema.
func (w *Writer) WriteRun(r Run) error {
	if w.last != "" {
		return fmt.Errorf("write run: the record already has a line of type %q", w.last)
	}
	r.Type, r.Schema = lineRun, Schema
	return w.write(lineRun, r)
}

// WriteTrial writes a trial's line. It sets Type.
func (w *Writer) WriteTrial(t Trial) error {
	if w.last != lineRun && w.last != lineTrial {
		return fmt.Errorf("write trial: it can't follow %s", w.lastLine())
	}
	t.Type = lineTrial
	return w.write(lineTrial, t)
}

// WriteEnd writes the last line. It sets Type.
func (w *Writer) WriteEnd(e End) error {
	if w.last != lineRun && w.last != lineTrial {
		return fmt.Errorf("write end: it can't follow %s", w.lastLine())
	}
	e.Type = lineEnd
	return w.write(lineEnd, e)
}

func (w *Writer) lastLine() string {
	if w.last == "" {
		return "nothing: the run comes first"
	}
	return fmt.Sprintf("a line of type %q", w.last)
}

func (w *Writer) write(kind string, v any) error {
	if w.err != nil {
		return w.err
	}
	w.line.Reset()
	enc := json.NewEncoder(&w.line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // nothing was written: the record is still whole
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	if w.line.Len() > maxLine {
		return fmt.Errorf("encode %s: its line of %d bytes is longer than the %d that a reader takes", kind, w.line.Len(), maxLine)
	}
	if _, err := w.w.Write(w.line.Bytes()); err != nil {
		w.err = fmt.Errorf("write %s to the record: %w", kind, err)
		return w.err
	}
	w.last = kind
	return nil
}

// Reader reads a record line by line: the run at once, then trial by trial, then the end.
//
// A record may be cut off anywhere, since that is what a kill or a full disk leaves. Whatever comes before the damage is
// good and is returned; then Next returns io.EOF and Warnings says what is missing. A line that can't be read ends the
// record there, even if lines follow: after damage, what else was lost is anybody's guess. Damaged tells such a record from one that was
// cut off, since a run whose record has lines after the damage was not killed there.
type Reader struct {
	in       *bufio.Reader
	longest  int // bytes a line may have
	line     int // number of the line read last
	run      Run
	end      *End
	done     bool
	damaged  bool
	warnings []string
}

// NewReader reads the run from in. It fails if in can't be read, if it is no record of copylab, if it is cut off
// within its first line, and if its schema is newer than this package knows.
func NewReader(in io.Reader) (*Reader, error) { return newReader(in, maxLine) }

func newReader(in io.Reader, longest int) (*Reader, error) {
	r := &Reader{in: bufio.NewReaderSize(in, 64<<10), longest: longest}
	line, whole, err := r.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("read record: it is empty: the run ended before it measured anything; run it again")
	case errors.Is(err, errLineTooLong):
		return nil, notARecord(err)
	case err != nil:
		return nil, fmt.Errorf("read record: %w", err)
	}
	var head struct {
		Type   string `json:"type"`
		Schema int    `json:"schema"`
	}
	err = json.Unmarshal(line, &head)
	if err != nil && !whole && bytes.HasPrefix(line, []byte(`{"type":"run"`)) {
		return nil, fmt.Errorf("read record: it is cut off within its first line, so there is nothing to show; run it again: %w", err)
	}
	switch {
	case err != nil:
		return nil, notARecord(err)
	case head.Type != lineRun:
		return nil, notARecord(fmt.Errorf("its line 1 is of type %q, not %q", head.Type, lineRun))
	case head.Schema > Schema:
		return nil, fmt.Errorf("read record: it has schema %d, and this copylab knows schemas up to %d: use the version that wrote it, or a newer one", head.Schema, Schema)
	case head.Schema < 1:
		return nil, notARecord(fmt.Errorf("its schema is %d", head.Schema))
	}
	if err := json.Unmarshal(line, &r.run); err != nil {
		return nil, fmt.Errorf("read record: line 1: %w", err)
	}
	return r, nil
}

func notARecord(err error) error {
	return fmt.Errorf("read record: this is not a record of copylab; give the folder of a run, or the %s in it: %w", RecordFile, err)
}

// Run is the record's first line.
func (r *Reader) Run() Run { return r.run }

// End is the record's last line, or nil: before Next has returned io.EOF, and of a record that was cut off.
func (r *Reader) End() *End { return r.end }

// Damaged tells whether a line that ends where a line should could not be read. It is false of a record that was cut off.
func (r *Reader) Damaged() bool { return r.damaged }

// Warnings says what was wrong with the record so far.
func (r *Reader) Warnings() []string { return r.warnings }

// Next returns the next trial, or io.EOF after the last one that can be read. Any other error is of the underlying
// reader.
func (r *Reader) Next() (Trial, error) {
	if r.done {
		return Trial{}, io.EOF
	}
	line, whole, err := r.next()
	switch {
	case errors.Is(err, io.EOF):
		r.done = true
		return Trial{}, io.EOF
	case errors.Is(err, errLineTooLong):
		if !whole {
			if _, err := r.skipRest(); err != nil && !errors.Is(err, io.EOF) {
				return Trial{}, r.failed(err)
			}
		}
		return Trial{}, r.leaveOut(err)
	case err != nil:
		return Trial{}, r.failed(err)
	}
	t, end, err := parseLine(line)
	switch {
	case err != nil && !whole:
		r.done = true
		r.warnings = append(r.warnings, fmt.Sprintf("%s line %d is cut off: %v; rendered up to there", RecordFile, r.line, err))
		return Trial{}, io.EOF
	case err != nil:
		return Trial{}, r.leaveOut(err)
	case end != nil:
		r.end = end
		r.done = true
		if _, _, err := r.next(); err == nil {
			r.warnings = append(r.warnings, fmt.Sprintf("%s line %d comes after the end of the record: what follows the end was left out", RecordFile, r.line))
		}
		return Trial{}, io.EOF
	}
	return t, nil
}

// failed ends the record where the underlying reader does.
func (r *Reader) failed(err error) error {
	r.done = true
	return fmt.Errorf("read record: line %d: %w", r.line, err)
}

// unreadable is in the warning of a line that is damaged, and in no other.
const unreadable = "can't be read: "

// leaveOut ends the record at a line that is no good, and counts what it leaves out.
func (r *Reader) leaveOut(why error) error {
	r.done, r.damaged = true, true
	line, after := r.line, 0
	for {
		blank, err := r.skipRest()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return r.failed(err)
		}
		if !blank {
			after++
		}
	}
	left := "nothing comes after it"
	switch {
	case after == 1:
		left = "it and the line after it were left out"
	case after > 1:
		left = fmt.Sprintf("it and the %d lines after it were left out", after)
	}
	r.warnings = append(r.warnings, fmt.Sprintf("%s line %d "+unreadable+"%v; %s", RecordFile, line, why, left))
	return io.EOF
}

// skipRest passes over the rest of a line, however long it is, and tells whether it was blank. At the end it returns io.EOF.
func (r *Reader) skipRest() (blank bool, err error) {
	blank, read := true, false
	for {
		part, err := r.in.ReadSlice('\n')
		read = read || len(part) > 0
		blank = blank && len(bytes.TrimSpace(part)) == 0
		switch {
		case err == nil, errors.Is(err, io.EOF) && read:
			return blank, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return false, err
		}
	}
}

// parseLine reads a line after the first.
func parseLine(line []byte) (Trial, *End, error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return Trial{}, nil, err
	}
	switch head.Type {
	case lineTrial:
		var t Trial
		if err := json.Unmarshal(line, &t); err != nil {
			return Trial{}, nil, err
		}
		return t, nil, nil
	case lineEnd:
		var e End
		if err := json.Unmarshal(line, &e); err != nil {
			return Trial{}, nil, err
		}
		return Trial{}, &e, nil
	}
	return Trial{}, nil, fmt.Errorf("its type is %q, not %q or %q", head.Type, lineTrial, lineEnd)
}

var errLineTooLong = errors.New("the line is longer than any that copylab writes")

// next returns the next line that is not blank, without its newline, and whether it had one. At the end it returns
// io.EOF and no line.
func (r *Reader) next() (line []byte, whole bool, err error) {
	for {
		line, whole, err := r.readLine()
		if err != nil {
			return nil, whole, err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return line, whole, nil
		}
	}
}

func (r *Reader) readLine() (line []byte, whole bool, err error) {
	r.line++
	for {
		part, err := r.in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > r.longest {
			return nil, err == nil, errLineTooLong
		}
		switch {
		case err == nil:
			return line[:len(line)-1], true, nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, false, nil
		}
		return nil, false, err
	}
}
