package kernel

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"
)

// The layouts of a new kernel and of an old one, which has no I/O priority and a shorter rwbs.
const oldFormat = `name: block_rq_issue
ID: 1130
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:dev_t dev;	offset:8;	size:4;	signed:0;
	field:sector_t sector;	offset:16;	size:8;	signed:0;
	field:unsigned int nr_sector;	offset:24;	size:4;	signed:0;
	field:unsigned int bytes;	offset:28;	size:4;	signed:0;
	field:char rwbs[8];	offset:32;	size:8;	signed:0;
	field:char comm[16];	offset:40;	size:16;	signed:0;
	field:__data_loc char[] cmd;	offset:56;	size:4;	signed:0;

print fmt: "%d,%d %s", 1
`

func TestParseTracepoint(t *testing.T) {
	newest, err := os.ReadFile("testdata/block_rq_issue-6.18.format")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		text   string
		id     uint64
		fields map[string]TraceField
	}{
		{string(newest), 2104, map[string]TraceField{
			"dev": {8, 4}, "sector": {16, 8}, "nr_sector": {24, 4}, "bytes": {28, 4}, "rwbs": {34, 10}, "comm": {44, 16}, "cmd": {60, 4}, "common_type": {0, 2},
		}},
		{oldFormat, 1130, map[string]TraceField{"sector": {16, 8}, "bytes": {28, 4}, "rwbs": {32, 8}}},
	} {
		point, err := parseTracepoint(strings.NewReader(tt.text))
		if err != nil || point.ID != tt.id {
			t.Errorf("ID %d, %v; want %d", point.ID, err, tt.id)
		}
		for name, want := range tt.fields {
			if f, err := point.Field(name); err != nil || f != want {
				t.Errorf("field %s: got %+v, %v; want %+v", name, f, err, want)
			}
		}
		if _, err := point.Field("nothing"); err == nil {
			t.Error("a field that is not there was found")
		}
	}
}

func TestParseBrokenTracepoint(t *testing.T) {
	for _, text := range []string{
		"", "name: x\nformat:\n", "ID: many\n", "ID: 1\n\tfield:int a;\toffset:x;\tsize:4;\n", "ID: 1\n\tfield:int a;\tsize:4;\n",
		"ID: 1\n\tfield:;\toffset:0;\tsize:4;\n", "ID: 1\n\tfield:int a;\toffset:-4;\tsize:4;\n", "ID: 1\n\tfield:int a;\toffset:99999999;\tsize:4;\n",
	} {
		if p, err := parseTracepoint(strings.NewReader(text)); err == nil {
			t.Errorf("%q: got %+v", text, p)
		}
	}
}

func TestTraceField(t *testing.T) {
	data := binary.NativeEndian.AppendUint64(nil, 0x1122334455667788)
	if n, ok := (TraceField{0, 8}).Uint(data); !ok || n != 0x1122334455667788 {
		t.Errorf("8 bytes: %x, %v", n, ok)
	}
	if n, ok := (TraceField{2, 2}).Uint(data); !ok || n != uint64(binary.NativeEndian.Uint16(data[2:])) {
		t.Errorf("2 bytes: %x, %v", n, ok)
	}
	for _, f := range []TraceField{{1, 8}, {0, 3}, {8, 1}} {
		if n, ok := f.Uint(data); ok {
			t.Errorf("%+v of 8 bytes: %d", f, n)
		}
	}
}

func FuzzParseTracepoint(f *testing.F) {
	f.Add(oldFormat)
	f.Add("ID: 3\n\tfield:char a[4];\toffset:1;\tsize:4;\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseTracepoint(strings.NewReader(text))
		if err != nil {
			return
		}
		for name, field := range p.fields {
			if name == "" || field.Offset < 0 || field.Size < 0 {
				t.Errorf("field %q is %+v", name, field)
			}
			field.Uint(make([]byte, 16))
		}
	})
}
