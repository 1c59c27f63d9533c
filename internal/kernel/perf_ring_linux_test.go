package kernel

import (
	"bytes"
	"encoding/binary"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeRing is the kernel's end of a ring.
type fakeRing struct {
	data       []byte
	head, tail uint64
}

func (f *fakeRing) reader() ringReader { return newRingReader(f.data, &f.head, &f.tail) }

// put writes a record, and tells whether there was room.
func (f *fakeRing) put(record []byte) bool {
	if f.head+uint64(len(record))-atomic.LoadUint64(&f.tail) > uint64(len(f.data)) {
		return false
	}
	for i, b := range record {
		f.data[(f.head+uint64(i))%uint64(len(f.data))] = b
	}
	atomic.AddUint64(&f.head, uint64(len(record)))
	return true
}

// record makes one of a type and a body, which is a multiple of 8 bytes.
func record(kind uint32, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, kind)
	b = binary.NativeEndian.AppendUint16(b, 0)
	b = binary.NativeEndian.AppendUint16(b, uint16(8+len(body)))
	return append(b, body...)
}

// sample makes one of a tracepoint, passed by the process 77 and its thread 78.
func sample(atNS int64, raw []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, 77)
	b = binary.NativeEndian.AppendUint32(b, 78)
	b = binary.NativeEndian.AppendUint64(b, uint64(atNS))
	size := (len(raw) + 4 + 7) &^ 7
	b = binary.NativeEndian.AppendUint32(b, uint32(size-4))
	b = append(b, raw...)
	b = append(b, make([]byte, size-4-len(raw))...)
	return record(unix.PERF_RECORD_SAMPLE, b)
}

// Records of many sizes go round a small ring many times, so that they wrap everywhere, and each comes out as it went in.
func TestRingReaderWraps(t *testing.T) {
	f := &fakeRing{data: make([]byte, 256)}
	f.head, f.tail = 1<<63+40, 1<<63+40 // positions never begin anew
	r := f.reader()
	r.read, r.seen = f.head, f.head
	wrapped := 0
	next := int64(0)
	for round := range int64(500) {
		for n := int64(0); ; n++ {
			raw := bytes.Repeat([]byte{byte(round), byte(n)}, int((round*7+n*13)%40))
			rec := sample(round<<16|n, raw)
			if f.head%256+uint64(len(rec)) > 256 {
				wrapped++
			}
			if !f.put(rec) {
				break
			}
		}
		seen := int64(0)
		for {
			p, ok, err := r.next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			s, ok := p.Sample()
			if !ok || s.AtNS != round<<16|seen || s.PID != 77 || s.TID != 78 {
				t.Fatalf("round %d: record %+v, %v; want number %d", round, s, ok, seen)
			}
			want := bytes.Repeat([]byte{byte(round), byte(seen)}, int((round*7+seen*13)%40))
			if !bytes.HasPrefix(s.Data, want) {
				t.Fatalf("round %d, record %d: %x", round, seen, s.Data)
			}
			seen++
		}
		if f.tail != f.head {
			t.Fatalf("round %d: all was read, and the tail is %d behind the head", round, f.head-f.tail)
		}
		next += seen
	}
	if wrapped < 100 || next < 500 {
		t.Errorf("%d records, %d of which wrapped: the test does not try what it should", next, wrapped)
	}
}

// The kernel may not overwrite a record before the next is asked for.
func TestRingReaderKeepsRecord(t *testing.T) {
	f := &fakeRing{data: make([]byte, 64)}
	r := f.reader()
	f.put(sample(1, []byte("first")))
	if _, ok, err := r.next(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if f.tail != 0 {
		t.Error("the record was given back while it was in use")
	}
	if _, ok, err := r.next(); ok || err != nil || f.tail != f.head {
		t.Errorf("%v, %v, tail %d, head %d", ok, err, f.tail, f.head)
	}
}

func TestRingReaderLost(t *testing.T) {
	f := &fakeRing{data: make([]byte, 64)}
	r := f.reader()
	body := binary.NativeEndian.AppendUint64(nil, 7)
	f.put(record(unix.PERF_RECORD_LOST, binary.NativeEndian.AppendUint64(body, 42)))
	p, ok, err := r.next()
	if n, lost := p.Lost(); !ok || err != nil || !lost || n != 42 {
		t.Errorf("lost %d, %v, %v, %v; want 42", n, lost, ok, err)
	}
	if _, ok := p.Sample(); ok {
		t.Error("a lost record is no sample")
	}
}

func TestRingReaderBroken(t *testing.T) {
	for _, b := range [][]byte{
		make([]byte, 8),                             // length 0
		record(9, make([]byte, 100))[:16],           // longer than what is there
		record(9, make([]byte, 3))[:11],             // no multiple of 8
		append(record(9, nil), 0, 0, 0, 0, 0, 0, 0), // 7 bytes behind
	} {
		f := &fakeRing{data: make([]byte, 64)}
		r := f.reader()
		f.put(b)
		var err error
		for range 3 {
			if _, _, e := r.next(); e != nil {
				err = e
			}
		}
		if err == nil {
			t.Errorf("% x was read", b)
		}
		if _, ok, err := r.next(); ok || err != nil {
			t.Errorf("% x: goes on after an error: %v, %v", b, ok, err)
		}
	}
	closed := &PerfRing{}
	if _, ok, err := closed.Next(); ok || err == nil {
		t.Error("a closed ring was read")
	}
}

// Whatever is in the ring, reading it ends, and nothing reaches beyond it.
func FuzzRingReader(f *testing.F) {
	f.Add(sample(5, []byte("hello")), uint64(0))
	f.Add(append(record(unix.PERF_RECORD_LOST, make([]byte, 16)), sample(1, nil)...), uint64(56))
	f.Add([]byte{1, 2, 3, 4, 5, 6, 16, 0, 1}, uint64(250))
	layouts := map[uint16]blockLayout{0: {}, 9: {what: blockIssued, device: TraceField{8, 4}, sector: TraceField{16, 8}, count: TraceField{24, 4}, bytes: TraceField{28, 4}, ops: TraceField{34, 10}, hasBytes: true}}
	f.Fuzz(func(t *testing.T, content []byte, start uint64) {
		ring := &fakeRing{data: make([]byte, 256), head: start &^ 7, tail: start &^ 7}
		content = content[:min(len(content), 256)]
		if len(content) == 0 || !ring.put(content) {
			return
		}
		r := ring.reader()
		r.read, r.seen = ring.tail, ring.tail
		trace := BlockTrace{layouts: layouts}
		for n := 0; ; n++ {
			if n > 1000 {
				t.Fatal("reading does not end")
			}
			p, ok, err := r.next()
			if err == nil && !ok {
				break
			}
			if err != nil && ok {
				t.Fatal("an error and a record")
			}
			if ok {
				_ = trace.take(p)
			}
		}
	})
}

func TestOpenPerfRingRefuses(t *testing.T) {
	if _, err := OpenPerfRing(-1, 0, 100_000, PerfEvent{}); err == nil || !strings.Contains(err.Error(), "power of two") {
		t.Errorf("a ring of 100,000 bytes: %v", err)
	}
	if _, err := OpenPerfRing(-1, 0, 1<<16); err == nil {
		t.Error("a ring without an event")
	}
}
