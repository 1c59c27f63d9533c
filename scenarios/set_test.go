package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// both is a scenario with two parts of each kind.
const both = `title: T
question: Q?
transfer:
- {chunk: [4KiB, 64KiB]}
- {workload: fetch, load: [closed, 0.5]}
write:
- {patterns: append, sync: end, sync_call: fsync}
- {patterns: [append, random], draw: uniform}
baseline:
  path: read-write
  pattern: append
measure: {time: 400ms, blocks: 5..40, budget: 60s}
`

func TestSet(t *testing.T) {
	for _, c := range []struct {
		sets []string
		want []string // what some case's ID must hold
		not  []string // what no case's ID may hold
	}{
		{[]string{"transfer.chunk=4KiB,1MiB"}, []string{"chunk=4KiB,", "chunk=1MiB,"}, []string{"chunk=64KiB"}},
		{[]string{"transfer.chunk=[4KiB, 1MiB]"}, []string{"chunk=4KiB,", "chunk=1MiB,"}, []string{"chunk=64KiB"}},
		{[]string{"transfer.chunk=4096"}, []string{"chunk=4KiB,"}, []string{"chunk=64KiB"}},
		{[]string{"write.sync=none,every=8"}, []string{"sync=none,block", "sync=every=8,sync_call=fsync", "sync=every=8,sync_call=fdatasync"}, []string{"sync=end"}},
		{[]string{"transfer.paths=sendfile,mmap-write", "baseline.path=sendfile"}, []string{"path=mmap-write"}, []string{"path=read-write"}},
		// A part that has no use for a key leaves it alone.
		{[]string{"transfer.load=0.9"}, []string{"workload=stream", "load=0.9"}, []string{"load=closed", "load=0.5"}},
		{[]string{"write.draw=permutation"}, []string{"draw=permutation"}, []string{"draw=uniform"}},
		// A key of the file that has no use any more, because of another --set, is left out.
		{[]string{"transfer.workload=stream"}, []string{"workload=stream"}, []string{"load=closed", "load=0.5"}},
		{[]string{"write.patterns=append"}, []string{"pattern=append"}, []string{"draw="}},
		{[]string{"write.sync=none"}, []string{"sync=none"}, []string{"sync_call="}},
		{[]string{"transfer.file=1MiB", "write.file=8MiB"}, []string{"chunk=4KiB,file=1MiB", "block=4KiB,file=8MiB"}, []string{"256MiB"}},
	} {
		s := parse(t, both)
		if err := s.Set(c.sets); err != nil {
			t.Errorf("%v: %v", c.sets, err)
			continue
		}
		checkPlan(t, s)
		var ids []string
		for _, k := range s.Cases() {
			ids = append(ids, k.ID)
		}
		all := strings.Join(ids, "\n")
		for _, w := range c.want {
			if !strings.Contains(all, w) {
				t.Errorf("%v: no case has %q:\n%s", c.sets, w, all)
			}
		}
		for _, w := range c.not {
			if strings.Contains(all, w) {
				t.Errorf("%v: a case has %q:\n%s", c.sets, w, all)
			}
		}
	}
}

func TestSetTexts(t *testing.T) {
	s := parse(t, both)
	if err := s.Set([]string{"title=One, two = three", "question=Really?", "charts=sweep", "measure.blocks=7..9"}); err != nil {
		t.Fatal(err)
	}
	if s.Title != "One, two = three" || s.Question != "Really?" || !slices.Equal(s.Charts, []string{"sweep"}) || s.Measure.MinBlocks != 7 || s.Measure.MaxBlocks != 9 {
		t.Errorf("scenario is %+v", s)
	}
	if s.Given != both {
		t.Error("the given text changed")
	}
	// Set adds to what was set before, and replaces it where the key is the same.
	if err := s.Set([]string{"title=Other"}); err != nil {
		t.Fatal(err)
	}
	if s.Title != "Other" || s.Question != "Really?" {
		t.Errorf("title %q, question %q", s.Title, s.Question)
	}
}

func TestSetWithoutSuchAMapping(t *testing.T) {
	s := parse(t, with("transfer: {}\n"))
	if err := s.Set([]string{"measure.time=20ms", "baseline.path=sendfile"}); err != nil {
		t.Fatal(err)
	}
	if s.Measure.Time != 20*time.Millisecond || !slices.Equal(s.Baseline["path"], []string{"sendfile"}) {
		t.Errorf("scenario is %+v", s)
	}
}

func TestSetErrors(t *testing.T) {
	var b strings.Builder
	for _, sets := range [][]string{
		{"transfer.chunk"}, {"=64KiB"}, {""}, {"transfer.chunk="}, {"transfer.chunk= ,4KiB"}, {"transfer.chunk=4KiB,"}, {"transfer.chunk=[4KiB"},
		{"transfer.chnk=64KiB"}, {"transfer.path=sendfile"}, {"transfr.chunk=64KiB"}, {"chunk=64KiB"}, {"transfer=x"}, {"measure=1s"}, {"x=1"}, {"a.b.c=1"}, {".chunk=1"},
		{"Transfer.Chunk=64KiB"}, {"transfer.bananas=3"},
		{"transfer.chunk=64K"}, {"transfer.chunk=0"}, {"transfer.chunk=4KiB,4096"}, {"transfer.chunk=512MiB"}, {"transfer.file=1MiB,2MiB"},
		{"transfer.paths=sendfil"}, {"transfer.paths=sendfile"}, {"write.patterns=random"}, {"baseline.path=mmap-write"}, {"baseline.path=null"},
		{"measure.time=400"}, {"measure.blocks=5"}, {"charts=pie"},
		{"transfer.workload=stream", "transfer.load=0.5"}, {"write.patterns=append", "write.draw=uniform"}, {"write.sync=none", "write.sync_call=fsync"},
		{"transfer.chunk=4KiB", "transfer.chunk=8KiB"},
		{"transfer.paths=\x1b[31m"}, {"transfer.paths=" + strings.Repeat("x", 200)},
	} {
		s := parse(t, both)
		before := string(s.Results().Resolved)
		err := s.Set(sets)
		if err == nil {
			t.Errorf("%q: no error", sets)
			continue
		}
		if _, ok := errors.AsType[*UsageError](err); !ok {
			t.Errorf("%q: error is a %T, not a *UsageError", sets, err)
		}
		if after := string(s.Results().Resolved); after != before {
			t.Errorf("%q: failed, but changed the scenario to %s", sets, after)
		}
		if err := s.SetEffort(Normal); err != nil { // resolves it anew
			t.Fatal(err)
		}
		if after := string(s.Results().Resolved); after != before {
			t.Errorf("%q: failed, but stays in force: %s", sets, after)
		}
		if strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%q: the error writes control characters: %q", sets, err)
		}
		fmt.Fprintf(&b, "%q\n\t%v\n", sets, err)
	}
	s := parse(t, with("transfer: {}\n"))
	err := s.Set([]string{"write.block=4KiB"})
	if err == nil {
		t.Error("set a field of a kind that the scenario has no part of")
	}
	fmt.Fprintf(&b, "write.block without a write part\n\t%v\n", err)
	golden(t, "set_errors.golden", b.String())
}

func TestEffort(t *testing.T) {
	normal := Measure{Time: 400 * time.Millisecond, MinBlocks: 5, MaxBlocks: 40, Budget: time.Minute, Precision: 0.03, Evidence: 6}
	quick := Measure{Time: 200 * time.Millisecond, MinBlocks: 5, MaxBlocks: 40, Budget: 12 * time.Second, Precision: 0.10, Evidence: 1}
	thorough := Measure{Time: 400 * time.Millisecond, MinBlocks: 5, MaxBlocks: 200, Budget: 5 * time.Minute, Precision: 0.01, Evidence: 10}
	literal := func(m Measure) Measure {
		m.Time, m.Budget, m.MaxBlocks, m.Evidence = 100*time.Millisecond, 7*time.Second, 10, 2
		return m
	}
	sets := []string{"measure.time=100ms", "measure.budget=7s", "measure.blocks=5..10", "measure.evidence=2"}
	for effort, want := range map[Effort]Measure{Quick: quick, Normal: normal, Thorough: thorough} {
		if got, err := ParseEffort(string(effort)); got != effort || err != nil {
			t.Errorf("ParseEffort(%q) is %q, %v", effort, got, err)
		}
		for _, first := range []string{"effort", "set"} { // in either order
			s := parse(t, both)
			if first == "effort" {
				if err := s.SetEffort(effort); err != nil {
					t.Fatal(err)
				}
				if s.Measure != want || s.Effort != effort {
					t.Errorf("%s: measure is %+v, want %+v", effort, s.Measure, want)
				}
			}
			if err := s.Set(sets); err != nil {
				t.Fatal(err)
			}
			if err := s.SetEffort(effort); err != nil {
				t.Fatal(err)
			}
			if s.Measure != literal(want) {
				t.Errorf("%s after --set: measure is %+v, want %+v", effort, s.Measure, literal(want))
			}
		}
	}
	// What is off stays off, and what a scenario asks for is scaled.
	for effort, want := range map[Effort][2]int{Quick: {0, 1}, Normal: {0, 2}, Thorough: {0, 10}} {
		for i, text := range []string{"off", "2"} {
			s := parse(t, with("transfer: {}\nmeasure: {evidence: "+text+"}\n"))
			if err := s.SetEffort(effort); err != nil {
				t.Fatal(err)
			}
			if s.Measure.Evidence != want[i] {
				t.Errorf("%s: evidence: %s makes %d passes, want %d", effort, text, s.Measure.Evidence, want[i])
			}
		}
	}
	// Scaled values stay within the bounds of the format.
	s := parse(t, with("transfer: {}\nmeasure: {time: 12ms, blocks: 5..900, budget: 100h}\n"))
	if err := s.SetEffort(Quick); err != nil || s.Measure.Time != shortestTrial {
		t.Errorf("quick: %v, measure is %+v", err, s.Measure)
	}
	if err := s.SetEffort(Thorough); err != nil || s.Measure.MaxBlocks != mostBlocks || s.Measure.Budget != longestBudget {
		t.Errorf("thorough: %v, measure is %+v", err, s.Measure)
	}
	checkPlan(t, s)
	if err := s.SetEffort(Normal); err != nil || s.Measure.Time != 12*time.Millisecond || s.Measure.MaxBlocks != 900 {
		t.Errorf("back to normal: %v, measure is %+v", err, s.Measure)
	}

	for _, word := range []string{"through", "Quick", "norml", "", "fast"} {
		e, err := ParseEffort(word)
		if e != "" || err == nil {
			t.Errorf("ParseEffort(%q) is %q, %v", word, e, err)
			continue
		}
		if word == "norml" && !strings.Contains(err.Error(), `did you mean "normal"?`) {
			t.Errorf("ParseEffort(%q): %v", word, err)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"read-write", "sendfile", "mmap-write", "go-io-copy", "go-copy-buffer", "null"}
	for word, want := range map[string]string{
		"sendfile": "sendfile", "sendfil": "sendfile", "SENDFILE": "sendfile", "sned-file": "sendfile", "send": "sendfile",
		"readwrite": "read-write", "read_write": "read-write", "write-read": "", "nul": "null", "go": "", "go-": "go-io-copy",
		"": "", "x": "", "xyz": "", "é": "", "zero-copy": "", strings.Repeat("sendfile", 100): "",
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("Nearest(%q) is %q, want %q", word, got, want)
		}
	}
	// A letter in the wrong place is near, two others are not.
	for word, want := range map[string]string{"tetha": "theta", "thxxa": ""} {
		if got := Nearest(word, []string{"theta", "draw"}); got != want {
			t.Errorf("Nearest(%q) is %q, want %q", word, got, want)
		}
	}
	if got := Nearest("a", nil); got != "" {
		t.Errorf("nearest of nothing is %q", got)
	}
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "ab", 1}, {"abc", "xabc", 1}, {"abc", "axc", 1}, {"abc", "bac", 1},
		{"abcd", "badc", 2}, {"kitten", "sitting", 3}, {"ééé", "éaé", 1},
	} {
		if got, back := editDistance(c.a, c.b), editDistance(c.b, c.a); got != c.want || back != c.want {
			t.Errorf("editDistance(%q, %q) is %d, and %d the other way; want %d", c.a, c.b, got, back, c.want)
		}
	}
}
