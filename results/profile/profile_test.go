package profile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"copylab/internal/kernel"
)

func made() *Profile {
	p := New(1000)
	p.ClockNS, p.Missed = 12_000, 1
	p.Add(Stack{Thread: "copylab", Kernel: []string{"_copy_to_iter", "filemap_read"}, User: []string{"Syscall6", "main.main"}}, 5)
	p.Add(Stack{Thread: "copylab", Kernel: []string{"tls_push_record [tls]"}, User: []string{"Syscall6"}}, 2)
	p.Add(Stack{Thread: "copylab", User: []string{"runtime.memmove", "main.(*T).of[go.shape.struct { a int; b int }]"}}, 3)
	p.Add(Stack{Thread: "ksoftirqd", Kernel: []string{"net_rx_action"}}, 2)
	return p
}

func asText(p *Profile) string {
	text := fmt.Sprintln(p.PeriodNS, p.ClockNS, p.Missed, p.Total())
	for _, c := range p.Stacks() {
		text += fmt.Sprintf("%d %q %q %q\n", c.Count, c.Thread, c.Kernel, c.User)
	}
	return text
}

func TestProfile(t *testing.T) {
	p := made()
	p.Add(Stack{Thread: "ksoftirqd", Kernel: []string{"net_rx_action"}}, 2)
	// The same names elsewhere are another stack.
	p.Add(Stack{Thread: "ksoftirqd", User: []string{"net_rx_action"}}, 1)
	want := `1000 12000 1 15
5 "copylab" ["_copy_to_iter" "filemap_read"] ["Syscall6" "main.main"]
4 "ksoftirqd" ["net_rx_action"] []
3 "copylab" [] ["runtime.memmove" "main.(*T).of[go.shape.struct { a int; b int }]"]
2 "copylab" ["tls_push_record [tls]"] ["Syscall6"]
1 "ksoftirqd" [] ["net_rx_action"]
`
	if got := asText(p); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestMerge(t *testing.T) {
	p, q := made(), made()
	q.Add(Stack{Thread: "idle", Kernel: []string{"default_idle"}}, 7)
	if err := p.Merge(q); err != nil {
		t.Fatal(err)
	}
	if p.Total() != 31 || p.ClockNS != 24_000 || p.Missed != 2 || len(p.Stacks()) != 5 || p.Stacks()[0].Count != 10 {
		t.Errorf("merged to\n%s", asText(p))
	}
	if q.Total() != 19 {
		t.Errorf("merging changed what was merged: %d samples", q.Total())
	}
	if err := p.Merge(New(999)); err == nil || !strings.Contains(err.Error(), "999") {
		t.Errorf("profiles of different periods were merged: %v", err)
	}
}

func TestJSON(t *testing.T) {
	for _, p := range []*Profile{made(), New(5)} {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var q Profile
		if err := json.Unmarshal(text, &q); err != nil {
			t.Fatal(err)
		}
		if asText(&q) != asText(p) {
			t.Errorf("%s came back as\n%s", text, asText(&q))
		}
	}
	for _, broken := range []string{
		`{"stacks":[{"thread":0}]}`, `{"threads":["a"],"functions":["f"],"stacks":[{"kernel":[1]}]}`,
		`{"threads":["a"],"functions":["f"],"stacks":[{"user":[-1]}]}`, `{"threads":["a"],"stacks":[{"count":-1}]}`, `[]`,
	} {
		q := made()
		if err := json.Unmarshal([]byte(broken), q); err == nil || asText(q) != asText(made()) {
			t.Errorf("%s: error %v, and the profile is now\n%s", broken, err, asText(q))
		}
	}
}

func TestFolded(t *testing.T) {
	var text bytes.Buffer
	if err := made().WriteFolded(&text); err != nil {
		t.Fatal(err)
	}
	want := `copylab;main.main;Syscall6;filemap_read_[k];_copy_to_iter_[k] 5
copylab;main.(*T).of[go.shape.struct { a int, b int }];runtime.memmove 3
copylab;Syscall6;tls_push_record [tls]_[k] 2
ksoftirqd;net_rx_action_[k] 2
`
	if text.String() != want {
		t.Errorf("got\n%swant\n%s", text.String(), want)
	}
	p, err := ReadFolded(strings.NewReader("# a comment\n\n"+want), 1000)
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := p.WriteFolded(&again); err != nil {
		t.Fatal(err)
	}
	if again.String() != want {
		t.Errorf("came back as\n%s", again.String())
	}
	for _, broken := range []string{"abc", "abc x", "abc -1", "a;k_[k];u 5"} {
		if _, err := ReadFolded(strings.NewReader("a;b 1\n"+broken), 1); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: error %v", broken, err)
		}
	}
}

func FuzzReadFolded(f *testing.F) {
	f.Add("copylab;main.main;read_[k] 5\n# comment\nidle;halt_[k] 2")
	f.Add("a;;b 1\n;_[k] 0")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ReadFolded(strings.NewReader(text), 1)
		if (p == nil) == (err == nil) {
			t.Fatalf("a profile %v and an error %v", p, err)
		}
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := p.WriteFolded(&out); err != nil {
			t.Fatal(err)
		}
		q, err := ReadFolded(&out, 1)
		if err != nil || q.Total() != p.Total() {
			t.Fatalf("%q: written and read again, %v", text, err)
		}
	})
}

// whereItIs returns an address in itself.
//
//go:noinline
func whereItIs() uint64 {
	pc, _, _, _ := runtime.Caller(0)
	return uint64(pc)
}

func TestFromSamples(t *testing.T) {
	at := whereItIs()
	s := kernel.Samples{PeriodNS: 7, ClockNS: 100, Lost: 2, Unkept: 3, Stacks: []kernel.SampledStack{
		{PID: os.Getpid(), TID: 1, Thread: "copylab", User: []uint64{at, at, 1, 2, 3}, Count: 4},
		{PID: 1 << 30, TID: 5, Thread: "iou-wrk-77", Kernel: []uint64{1, 2}, User: []uint64{at, at}, Count: 2},
		{PID: 1 << 30, TID: 6, Thread: "iou-wrk-78", Kernel: []uint64{3, 4}, User: []uint64{at}, Count: 3},
		{Thread: "ksoftirqd/0", Count: 1},
	}}
	const me = "copylab/results/profile.whereItIs"
	want := fmt.Sprintf(`7 100 5 10
5 "iou-wrk" ["[kernel]" "[kernel]"] ["[unknown]"]
4 "copylab" [] [%q %q "[unknown]"]
1 "ksoftirqd" [] []
`, me, me)
	if got := asText(FromSamples(s, nil, kernel.ReadProgramSymbols())); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestThreadKind(t *testing.T) {
	var got []string
	for _, name := range []string{"copylab", "iou-wrk-1234", "ksoftirqd/0", "kworker/u8:2-events", "jbd2/vda-8", "", "1", "-1", "idle", "a_2"} {
		got = append(got, threadKind(name))
	}
	if want := []string{"copylab", "iou-wrk", "ksoftirqd", "kworker", "jbd2", "ended", "1", "-1", "idle", "a"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
