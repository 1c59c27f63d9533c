package profile

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

func TestWritePprof(t *testing.T) {
	var out bytes.Buffer
	label := func(s Stack) map[string]string { return map[string]string{"stage": fmt.Sprint(len(s.Kernel))} }
	if err := made().WritePprof(&out, label); err != nil {
		t.Fatal(err)
	}
	p, err := profile.ParseData(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if p.Period != 1000 || p.PeriodType.Unit != "nanoseconds" || p.DurationNanos != 12_000 {
		t.Errorf("period %d %s, duration %d", p.Period, p.PeriodType.Unit, p.DurationNanos)
	}
	var got strings.Builder
	for _, s := range p.Sample {
		fmt.Fprint(&got, s.Value, s.Label["thread"], s.Label["stage"])
		for _, l := range s.Location {
			fmt.Fprint(&got, " ", l.Mapping.File, ":", l.Line[0].Function.Name)
		}
		fmt.Fprintln(&got)
	}
	want := `[5 5000] [copylab] [2] [kernel]:_copy_to_iter [kernel]:filemap_read copylab:Syscall6 copylab:main.main
[3 3000] [copylab] [0] copylab:runtime.memmove copylab:main.(*T).of[go.shape.struct { a int; b int }]
[2 2000] [copylab] [1] [kernel]:tls_push_record [tls] copylab:Syscall6
[2 2000] [ksoftirqd] [1] [kernel]:net_rx_action
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
	var again bytes.Buffer
	if err := made().WritePprof(&again, label); err != nil || !bytes.Equal(again.Bytes(), out.Bytes()) {
		t.Errorf("the same profile is written differently the second time, error %v", err)
	}
	if err := New(1).WritePprof(&again, nil); err != nil {
		t.Errorf("an empty profile: %v", err)
	}
}

func TestMergePprof(t *testing.T) {
	var one bytes.Buffer
	if err := made().WritePprof(&one, nil); err != nil {
		t.Fatal(err)
	}
	var sum bytes.Buffer
	if err := MergePprof(&sum, bytes.NewReader(one.Bytes()), bytes.NewReader(one.Bytes())); err != nil {
		t.Fatal(err)
	}
	p, err := profile.ParseData(sum.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, s := range p.Sample {
		total += s.Value[0]
	}
	if total != 2*made().Total() || p.Period != 1000 {
		t.Errorf("%d samples of a period of %d ns, want %d", total, p.Period, 2*made().Total())
	}
	if err := MergePprof(&sum, strings.NewReader("no profile")); err == nil {
		t.Error("what is no profile was merged")
	}
}

func TestTruncate(t *testing.T) {
	p := made()
	total := p.Total()
	p.Truncate(2)
	var folded strings.Builder
	if err := p.WriteFolded(&folded); err != nil {
		t.Fatal(err)
	}
	want := `copylab;main.main;Syscall6;filemap_read_[k];_copy_to_iter_[k] 5
copylab;main.(*T).of[go.shape.struct { a int, b int }];runtime.memmove 3
copylab;[rare stacks]_[k] 2
ksoftirqd;[rare stacks]_[k] 2
`
	if folded.String() != want || p.Total() != total {
		t.Errorf("got\n%swant\n%s", folded.String(), want)
	}
}
