package scenarios

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"copylab/diskwrite"
	"copylab/results"
	"copylab/results/measured"
)

// ids are the IDs of a scenario's cases.
func ids(s *Scenario) []string {
	var list []string
	for _, c := range s.Cases() {
		list = append(list, c.ID)
	}
	return list
}

// Every pattern that package diskwrite gives a parameter to has a key of its own, and no other has one.
func TestPatternKeys(t *testing.T) {
	for _, p := range diskwrite.Patterns() {
		if (keyOf(p.ID) != "") != (p.Parameter != "") {
			t.Errorf("pattern %s with the parameter %q has the key %q", p.ID, p.Parameter, keyOf(p.ID))
		}
		s := parse(t, with("write: {patterns: "+string(p.ID)+"}\n"))
		checkPlan(t, s)
		if key := keyOf(p.ID); key != "" && patternValue(key, s.Cases()[0].Params) == "" {
			t.Errorf("cases of %s have no %s: %+v", p.ID, key, s.Cases()[0].Params)
		}
		for _, k := range patternKeys() {
			if k.pattern != p.ID && patternValue(k.key, s.Cases()[0].Params) != "" {
				t.Errorf("cases of %s have a %s: %+v", p.ID, k.key, s.Cases()[0].Params)
			}
		}
	}
}

// The parameters of a pattern multiply it alone; those that were left as they are, are not in an ID.
func TestWriteCases(t *testing.T) {
	s := parse(t, with(`write:
  patterns: [append, random-append-mix, strided, zipf, many-logs]
  random_share: [0.25, 0.50]
  stride: [2, 100]
  theta: [0.99, 1]
  files: [1, 10, 100]
  writers: [1, 8]
  rate: [closed, 1000/s]
  amount: file
  file: 1MiB
baseline: {pattern: append}
`))
	checkPlan(t, s)
	if got, want := len(s.Cases()), (1+2+2+2+3)*2*2; got != want || s.Parts[0].size() != got {
		t.Errorf("%d cases and size %d, want %d", got, s.Parts[0].size(), want)
	}
	for _, want := range []string{
		"write:pattern=append,method=buffered,sync=none,block=4KiB,file=1MiB,depth=1,amount=file",
		"write:pattern=random-append-mix,method=buffered,sync=none,random_share=0.5,block=4KiB,file=1MiB,depth=1,writers=8,amount=file",
		"write:pattern=strided,method=buffered,sync=none,stride=100,block=4KiB,file=1MiB,depth=1,rate=1000/s,amount=file",
		"write:pattern=zipf,method=buffered,sync=none,theta=0.99,block=4KiB,file=1MiB,depth=1,writers=8,rate=1000/s,amount=file",
		"write:pattern=many-logs,method=buffered,sync=none,files=1,block=4KiB,file=1MiB,depth=1,amount=file",
	} {
		if !slices.Contains(ids(s), want) {
			t.Errorf("no case %s among\n%s", want, strings.Join(ids(s), "\n"))
		}
	}
	// Each is compared with the append of as many writers at the same rate.
	for _, c := range s.Cases() {
		switch base := slices.IndexFunc(s.Cases(), func(o results.Case) bool { return o.ID == c.Baseline }); {
		case base < 0 && c.Params.Pattern != "append":
			t.Errorf("%s is compared with nothing", c.ID)
		case base >= 0:
			if b := s.Cases()[base].Params; b.Pattern != "append" || b.Writers != c.Params.Writers || b.RatePerSecond != c.Params.RatePerSecond {
				t.Errorf("%s is compared with %s", c.ID, c.Baseline)
			}
		}
	}
}

func TestWriteBaselines(t *testing.T) {
	for _, tc := range []struct {
		text string
		want map[string]string // by the value of the parameter
		name string
	}{
		{"write: {patterns: many-logs, files: [1, 10, 100]}\nbaseline: {files: 1}\n", map[string]string{"10": "1", "100": "1"}, "files"},
		{"write: {patterns: append, sync: group, writers: [1, 4, 16]}\nbaseline: {writers: 1}\n", map[string]string{"4": "1", "16": "1"}, "writers"},
		{"write: {patterns: append, rate: [1000/s, closed]}\nbaseline: {rate: closed}\n", map[string]string{"1000/s": "closed"}, "rate"},
		{"write: {patterns: append, rate: [1000/s, 100/s]}\nbaseline: {rate: 100/s}\n", map[string]string{"1000/s": "100/s"}, "rate"},
		{"write: {patterns: append, methods: uring, depth: [1, 8]}\nbaseline: {depth: 1}\n", map[string]string{"8": "1"}, "depth"},
		{"write: {patterns: zipf, theta: [0.5, 1.20]}\nbaseline: {theta: 0.50}\n", map[string]string{"1.2": "0.5"}, "theta"},
		{"write: {patterns: strided, stride: [2, 64]}\nbaseline: {stride: 2}\n", map[string]string{"64": "2"}, "stride"},
		{"write: {patterns: random-append-mix, random_share: [0.1, 0.9]}\nbaseline: {random_share: 0.10}\n", map[string]string{"0.9": "0.1"}, "random_share"},
	} {
		s := parse(t, with(tc.text))
		checkPlan(t, s)
		value := map[string]string{}
		for _, c := range s.Cases() {
			for _, p := range params(c.Kind, c.Params) {
				if p.name == tc.name {
					value[c.ID] = p.value
				}
			}
		}
		got := map[string]string{}
		for _, c := range s.Cases() {
			if c.Baseline != "" {
				got[value[c.ID]] = value[c.Baseline]
			}
		}
		if !maps.Equal(got, tc.want) {
			t.Errorf("%s: compared are %v, want %v", tc.text, got, tc.want)
		}
	}
}

// What --set gives is read as what a file gives, and what it takes the use away from is left out.
func TestSetWriteKeys(t *testing.T) {
	s := parse(t, with("write: {patterns: [append, many-logs], files: [1, 10], file: 1MiB}\nbaseline: {pattern: append}\n"))
	for _, tc := range []struct {
		sets []string
		want string // of the last case's ID; or the beginning of the error
		bad  bool
	}{
		{[]string{"write.files=1,100"}, ",files=100,", false},
		{[]string{"write.patterns=append,zipf", "write.theta=1.5"}, "pattern=zipf,method=buffered,sync=none,theta=1.5,", false},
		{[]string{"write.patterns=append"}, "pattern=append", false}, // and files is of no use any more
		{[]string{"write.patterns=append", "write.files=3"}, "--set write.files=3: files is for the many-logs pattern", true},
		{[]string{"write.files=1,1000"}, "--set write.files=1,1000: files 1000 is more than the blocks", true},
		{[]string{"write.writers=4", "write.rate=200/s", "write.amount=file"}, ",writers=4,rate=200/s,amount=file", false},
		{[]string{"write.rate=200"}, "--set write.rate=200: rate \"200\" has no unit: write 200/s", true},
		{[]string{"write.random_share=0.5"}, "--set write.random_share=0.5: random_share is for", true},
		{[]string{"write.depth=4"}, "--set write.depth=4: depth 4 is impossible with the pattern many-logs", true},
		{[]string{"write.file=0.5x-dirty-limit"}, "file=1536MiB", false},
		{[]string{"modelled=7200rpm cache=off,hp97560 cache=on"}, "pattern=many-logs", false},
	} {
		fresh := parse(t, s.Given)
		err := fresh.Set(tc.sets)
		switch {
		case tc.bad && (err == nil || !strings.HasPrefix(err.Error(), tc.want)):
			t.Errorf("%v: %v, want %s…", tc.sets, err, tc.want)
		case !tc.bad && err != nil:
			t.Errorf("%v: %v", tc.sets, err)
		case !tc.bad:
			checkPlan(t, fresh)
			if last := fresh.Cases()[len(fresh.Cases())-1].ID; !strings.Contains(last, tc.want) {
				t.Errorf("%v: the last case is %s, want %s in it", tc.sets, last, tc.want)
			}
		}
	}
}

func TestModelled(t *testing.T) {
	s := parse(t, with("write: {}\nmodelled: [7200rpm cache=off, hp97560 cache=on]\n"))
	checkPlan(t, s)
	want := []ModelledDisk{{"7200rpm", Off}, {"hp97560", On}}
	if !slices.Equal(s.Modelled, want) {
		t.Errorf("modelled are %v, want %v", s.Modelled, want)
	}
	again, err := Parse("again.yaml", s.Results().Resolved)
	if err != nil || !slices.Equal(again.Modelled, want) {
		t.Errorf("resolved, %v are modelled: %v", again, err)
	}
	for _, none := range []string{"write: {}\nmodelled: []\n", "transfer: {}\nmodelled: []\n", "transfer: {}\n"} {
		if s := parse(t, with(none)); s.Modelled != nil {
			t.Errorf("%s: modelled are %v", none, s.Modelled)
		}
	}
}

// A size that depends on the machine stands for something before the machine is known, is computed from its limit when it is, and stays so
// whatever is set afterwards.
func TestFit(t *testing.T) {
	const given = "write: {patterns: append, block: [1MiB, 3MiB], file: 1.5x-dirty-limit, amount: file}\n"
	s := parse(t, with(given))
	checkPlan(t, s)
	if !s.Sized() || parse(t, with("write: {}\n")).Sized() || parse(t, with("transfer: {}\n")).Sized() {
		t.Error("Sized is wrong")
	}
	if got := s.Parts[0].Write.FileBytes; got < gib || got%(192*mib) != 0 {
		t.Errorf("before it is fitted, the file has %d bytes", got)
	}
	before := s.Cases()[0].ID
	if err := s.Fit(Limits{}); err == nil || !strings.HasPrefix(err.Error(), "test.yaml:3:54: file 1.5x-dirty-limit needs the kernel's limit") {
		t.Errorf("without a limit: %v", err)
	} else if _, usage := errors.AsType[*UsageError](err); !usage {
		t.Errorf("the error is a %T", err)
	}
	if s.Cases()[0].ID != before {
		t.Error("a failed Fit changed the scenario")
	}
	for limit, want := range map[int64]int64{
		1:             192 * mib, // a multiple of 64 MiB and of 3 MiB
		1 << 30:       1536 * mib,
		1<<30 + 1:     (1536 + 192) * mib,
		4_872_400_896: 7104 * mib,
	} {
		if err := s.Fit(Limits{DirtyBytes: limit}); err != nil {
			t.Fatal(err)
		}
		checkPlan(t, s)
		if got := s.Parts[0].Write.FileBytes; got != want {
			t.Errorf("with a limit of %d the file has %d bytes, want %d", limit, got, want)
		}
	}
	if err := s.Fit(Limits{DirtyBytes: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	if err := s.Set([]string{"write.block=1MiB"}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetEffort(Quick); err != nil {
		t.Fatal(err)
	}
	if got := s.Cases()[0].Params; got.FileBytes != 1536*mib || got.Amount != AmountFile {
		t.Errorf("after Set the case is %+v", got)
	}
	if text := string(s.Results().Resolved); !strings.Contains(text, `"file":"1536MiB"`) || strings.Contains(text, "dirty") {
		t.Errorf("resolved: %s", text)
	}
	if err := s.Fit(Limits{DirtyBytes: 1 << 60}); err == nil || !strings.Contains(err.Error(), "too large with a dirty limit") {
		t.Errorf("with an endless limit: %v", err)
	}
	// What is sized by hand needs no limit.
	if err := s.Set([]string{"write.file=64MiB"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Fit(Limits{}); err != nil || s.Sized() || s.Parts[0].Write.FileBytes != 64*mib {
		t.Errorf("sized by hand: %v, %d bytes", err, s.Parts[0].Write.FileBytes)
	}
}

func writeCaseOf(p results.Params) results.Case {
	return results.Case{ID: "w", Kind: results.Write, Params: p}
}

func TestWriteAmounts(t *testing.T) {
	for _, tc := range []struct {
		name string
		p    results.Params
		rate float64
		want int64
	}{
		{"the whole file", results.Params{Pattern: "append", BlockBytes: 10, FileBytes: 1e6, Sync: "none", Amount: AmountFile}, 2, 1e5},
		{"the whole file, at a rate", results.Params{Pattern: "append", BlockBytes: 10, FileBytes: 1e6, Sync: "none", Amount: AmountFile, RatePerSecond: 5}, 2, 1e5},
		{"at a rate", results.Params{Pattern: "append", BlockBytes: 10, FileBytes: 1e6, Sync: "none", RatePerSecond: 500, Writers: 64}, 1e9, 500},
		{"at a rate that the file has no room for", results.Params{Pattern: "append", BlockBytes: 10, FileBytes: 1000, Sync: "none", RatePerSecond: 500}, 1e9, 100},
		{"one for each writer", results.Params{Pattern: "append", BlockBytes: 10, FileBytes: 1e6, Sync: "none", Writers: 64}, 2, 64},
		{"more writers than blocks", results.Params{Pattern: "append", BlockBytes: 10, FileBytes: 100, Sync: "none", Writers: 64}, 2, 10},
		{"every=8 of 4 writers", results.Params{Pattern: "append", BlockBytes: 10, FileBytes: 1e6, Sync: "every=8", Writers: 4}, 70, 96},
		{"group", results.Params{Pattern: "append", BlockBytes: 10, FileBytes: 1e6, Sync: "group", Writers: 4}, 70, 70},
		{"the same for each log", results.Params{Pattern: "many-logs", Files: 30, BlockBytes: 10, FileBytes: 1e6, Sync: "none"}, 100, 120},
		{"the same for each log, within the files", results.Params{Pattern: "many-logs", Files: 30, BlockBytes: 10, FileBytes: 1000, Sync: "none"}, 1e9, 90},
		{"at least one for each log", results.Params{Pattern: "many-logs", Files: 1000, BlockBytes: 10, FileBytes: 1e6, Sync: "none"}, 100, 1000},
		{"whole groups for each log", results.Params{Pattern: "many-logs", Files: 10, BlockBytes: 10, FileBytes: 1e6, Sync: "every=4"}, 50, 60},
		{"one log", results.Params{Pattern: "many-logs", Files: 1, BlockBytes: 10, FileBytes: 1e6, Sync: "none"}, 123, 123},
		{"a huge group", results.Params{Pattern: "append", BlockBytes: 10, FileBytes: 1000, Sync: "every=9223372036854775807", Writers: 1024}, 20, 100},
	} {
		if got := amount(writeCaseOf(tc.p), tc.rate, time.Second); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
	mix := results.Params{Pattern: "random-append-mix", RandomShare: 0.3, BlockBytes: 4096, FileBytes: 4096 * 1000, Sync: "none", Amount: AmountFile}
	if got := amount(writeCaseOf(mix), 1, time.Second); got < 1400 || got > 1450 {
		t.Errorf("a mix of three tenths random fills 1000 blocks by %d writes, want about 1000/0.7", got)
	}
}

// A trial that writes the whole file is warmed up by a tenth, and neither limit cuts it on any disk that is worth measuring.
func TestWholeFileTrials(t *testing.T) {
	c := writeCaseOf(results.Params{Pattern: "append", Method: "buffered", Sync: "none", BlockBytes: 1 << 20, FileBytes: 8 << 30, Depth: 1, Amount: AmountFile})
	var works []Work
	var limits []time.Duration
	r := &Runner{
		Executor: executorOf(func(w Work, left time.Duration) results.Trial {
			works, limits = append(works, w), append(limits, left)
			return results.Trial{Operations: w.Amount, Bytes: w.Amount << 20, AcceptedNS: measured.Known(w.Amount * 1e6)}
		}),
		Record: discard{}, Now: time.Now, Measure: Measure{Time: time.Second, MinBlocks: 1, MaxBlocks: 1, Budget: time.Hour},
	}
	if _, err := r.Run(t.Context(), results.Run{Cases: []results.Case{c}}, time.Now()); err != nil {
		t.Fatal(err)
	}
	var seen []results.Phase
	for i, w := range works {
		if w.Case.ID != c.ID {
			continue
		}
		want := map[results.Phase]int64{results.PhaseWarmup: 819, results.PhaseCounted: 8192}[w.Phase]
		if w.Phase == results.PhaseWarmup || w.Phase == results.PhaseCounted {
			seen = append(seen, w.Phase)
			least := time.Duration(want) * time.Second / 4 // 1 MiB blocks at 4 MiB/s
			if w.Amount != want || w.Limit < least || limits[i] < w.Limit+least {
				t.Errorf("%s: %d blocks, at most for %v, then ended after %v; want %d blocks, and at least %v and as long again", w.Phase, w.Amount, w.Limit, limits[i], want, least)
			}
		}
	}
	if len(seen) < 2 {
		t.Errorf("phases %v", seen)
	}
}

type executorOf func(Work, time.Duration) results.Trial

func (e executorOf) Execute(ctx context.Context, w Work) (results.Trial, error) {
	left := time.Duration(0)
	if end, ok := ctx.Deadline(); ok {
		left = time.Until(end) + time.Second // what passed since
	}
	return e(w, left), nil
}

type discard struct{}

func (discard) WriteTrial(results.Trial) error { return nil }

// What a write is verified as is a valid job of its own, with something for every writer and every log.
func TestVerified(t *testing.T) {
	const file = 1 << 30
	payload := make([]byte, 1<<20)
	for _, p := range []results.Params{
		{Pattern: "append"}, {Pattern: "append", Writers: 1024}, {Pattern: "random", Draw: "permutation", RatePerSecond: 1},
		{Pattern: "random-append-mix", RandomShare: 0.01}, {Pattern: "random-append-mix", RandomShare: 0.99},
		{Pattern: "strided", StrideBlocks: 2}, {Pattern: "strided", StrideBlocks: file / 1024 / 1024 / 2}, {Pattern: "zipf", Theta: 0.99},
		{Pattern: "many-logs", Files: 1}, {Pattern: "many-logs", Files: 1000}, {Pattern: "many-logs", Files: 1000, Writers: 16},
	} {
		for _, block := range []int64{512, 4096, 1 << 20} {
			p := p
			p.BlockBytes, p.FileBytes, p.Sync, p.Depth = block, file, "none", 1
			v, n := verified(p), verifyAmount(writeCaseOf(p))
			j := jobOf(v)
			j.Policy, j.Operations, j.Payload = diskwrite.Policy{ID: diskwrite.SyncNone}, n, payload
			if err := j.Validate(); err != nil {
				t.Errorf("%+v: %v", p, err)
			}
			if n < int64(max(minOperations, p.Writers)) || p.Files > 1 && n <= int64(p.Files) {
				t.Errorf("%+v is verified by %d writes", p, n)
			}
			if v.RatePerSecond != 0 {
				t.Errorf("%+v is verified at a rate", p)
			}
		}
	}
}

// What can be named in a scenario is listed, with the key that a pattern needs, and with a word of warning where a sync makes nothing durable.
func TestListWrites(t *testing.T) {
	l, err := List("writes", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var patterns []string
	for _, i := range l.Patterns {
		patterns = append(patterns, i.ID)
		if i.Key != keyOf(diskwrite.PatternID(i.ID)) {
			t.Errorf("pattern %s is listed with the key %q", i.ID, i.Key)
		}
	}
	if !slices.Equal(patterns, patternWords()) {
		t.Errorf("patterns listed are %v", patterns)
	}
	for _, i := range l.SyncCalls {
		durable, _ := diskwrite.SyncCall(i.ID).Durable()
		if strings.Contains(i.Title, "not durable") == durable {
			t.Errorf("%s is listed as %q", i.ID, i.Title)
		}
	}
}
