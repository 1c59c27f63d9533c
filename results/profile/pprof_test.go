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
