package scenarios

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"copylab/results"
)

// with is a scenario of the given parts, under a title and a question on two lines.
func with(rest string) string { return "title: T\nquestion: Q?\n" + rest }

// badInputs are texts that must not parse, by what is wrong with them.
func badInputs() []struct{ name, text string } {
	deep := func(open, inner string, n int) string { return strings.Repeat(open, n) + inner }
	return []struct{ name, text string }{
		{"empty", ""},
		{"only a comment", "# nothing yet\n"},
		{"only a document mark", "---\n"},
		{"plain text", "sendfile is twice as fast\n"},
		{"a list", "- title: T\n"},
		{"a number", "42"},
		{"a program", "\x7fELF\x02\x01\x01"},
		{"not UTF-8", "title: caf\xe9\n"},
		{"UTF-16", "\xff\xfet\x00i\x00"},
		{"an escape sequence", "title: \x1b[31mred\n"},
		{"control character in quotes", "title: \"a\\u0007b\"\nquestion: Q?\ntransfer: {}\n"},
		{"a tab", "transfer:\n\tpaths: sendfile\n"},
		{"unclosed bracket", with("transfer:\n  paths: [sendfile\n")},
		{"unclosed quote", "title: \"T\n"},
		{"closes nothing", with("transfer: {}\n}\n")},
		{"colon in plain text", "title: T\nquestion: Which is faster: this or that?\n"},
		{"bad indentation", with("transfer:\n  paths: sendfile\n chunk: 4KiB\n")},
		{"two documents", with("transfer: {}\n---\ntitle: U\n")},
		{"more after the end", with("transfer: {}\n...\ntitle: U\n")},
		{"directive", "%YAML 1.2\n---\ntitle: T\n"},
		{"anchor", with("transfer:\n  paths: &p [sendfile]\n")},
		{"alias bomb", "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n"},
		{"merge key", with("transfer:\n  <<: {paths: sendfile}\n")},
		{"tag", with("transfer:\n  paths: !!str sendfile\n")},
		{"complex key", "? [title]\n: T\n"},
		{"brackets without end", deep("[", "", 60_000)},
		{"braces without end", deep("{a: ", "", 15_000)},
		{"dashes without end", deep("- ", "x", 30_000)},
		{"colons without end", deep("a: ", "x", 20_000)},
		{"deep mapping", func() string {
			var b strings.Builder
			for i := range 300 {
				b.WriteString(strings.Repeat(" ", i) + "k:\n")
			}
			return b.String()
		}()},
		{"huge", "# " + strings.Repeat("x", mostBytes)},

		{"duplicate key", "title: T\nquestion: Q?\ntitle: U\ntransfer: {}\n"},
		{"duplicate key within", with("transfer:\n  chunk: 4KiB\n  file: 1MiB\n  \"chunk\": 8KiB\n")},
		{"no title", "question: Q?\ntransfer: {}\n"},
		{"no question", "title: T\ntransfer: {}\n"},
		{"empty title", "title: \"\"\nquestion: Q?\ntransfer: {}\n"},
		{"missing title value", "title:\nquestion: Q?\ntransfer: {}\n"},
		{"title is a list", "title: [Four copies, none]\nquestion: Q?\ntransfer: {}\n"},
		{"long title", "title: " + strings.Repeat("x", 301) + "\nquestion: Q?\ntransfer: {}\n"},
		{"no part", with("")},
		{"empty part", with("transfer:\n")},
		{"empty list of parts", with("transfer: []\n")},
		{"part is a word", with("transfer: sendfile\n")},
		{"second part is a word", with("write:\n  - block: 4KiB\n  - random\n")},

		{"unknown key", with("transfers: {}\n")},
		{"unknown key, nothing near", with("transfer: {}\nbananas: 3\n")},
		{"log part", with("log: {}\n")},
		{"unknown key in transfer", with("transfer:\n  chnk: 64KiB\n")},
		{"singular key", with("transfer:\n  path: sendfile\n")},
		{"key in capitals", with("transfer:\n  Chunk: 64KiB\n")},
		{"key of the other kind", with("transfer:\n  block: 4KiB\n")},
		{"unknown key in write", with("write:\n  pattern: random\n")},
		{"unknown key in measure", with("transfer: {}\nmeasure: {tme: 1s}\n")},
		{"unknown key in baseline", with("transfer: {}\nbaseline: {paths: sendfile}\n")},
		{"unknown key in second part", with("transfer:\n  - file: 1MiB\n  - files: 1MiB\n")},

		{"unknown path", with("transfer:\n  paths: [read-write, sendfil]\n")},
		{"unknown path, underscore", with("transfer:\n  paths: read_write\n")},
		{"unknown path, beginning", with("transfer:\n  paths: mmap\n")},
		{"unknown path, nothing near", with("transfer:\n  paths: teleport\n")},
		{"path ~", with("transfer:\n  paths: ~\n")},
		{"path twice", with("transfer:\n  paths: [sendfile, sendfile]\n")},
		{"paths empty list", with("transfer:\n  paths: []\n")},
		{"paths nothing", with("transfer:\n  paths:\n")},
		{"paths mapping", with("transfer:\n  paths: {sendfile: yes}\n")},
		{"paths nested list", with("transfer:\n  paths: [[sendfile]]\n")},
		{"paths by spaces", with("transfer:\n  paths: read-write sendfile\n")},
		{"unknown receiver", with("transfer: {receiver: rcv}\n")},
		{"unknown cache", with("transfer: {cache: hot}\n")},
		{"empty baseline list", with("transfer: {paths: [read-write, sendfile]}\nbaseline: {path: []}\n")},
		{"baseline that no part takes", with("transfer: {paths: [read-write, sendfile]}\nbaseline: {path: [read-write, sendfile]}\n")},
		{"baseline twice", with("transfer: {paths: [read-write, sendfile]}\nbaseline: {path: [read-write, read-write]}\n")},
		{"baseline of one part only", with("transfer: [{paths: [read-write, sendfile]}, {source: memory}]\nbaseline: {path: [read-write]}\n")},
		{"unknown link", with("transfer: {link: wire}\n")},
		{"link option without value", with("transfer: {link: veth sg}\n")},
		{"options on loopback", with("transfer: {link: loopback rate=1Gbit}\n")},
		{"the same link twice", with("transfer: {link: [veth sg=off mtu=9000, veth mtu=9000 sg=off]}\n")},
		{"unknown source", with("transfer: {source: disk}\n")},
		{"path of the other source", with("transfer: {paths: [sendmsg]}\n")},
		{"path of the other source, from memory", with("transfer: {source: memory, paths: [sendfile]}\n")},
		{"cache from memory", with("transfer: {source: memory, cache: warm}\n")},
		{"too much memory", with("transfer: {source: memory, file: 5GiB}\n")},
		{"socket buffer without unit", with("transfer: {so_sndbuf: 64K}\n")},
		{"socket buffer that is none", with("transfer: {so_rcvbuf: big}\n")},
		{"nodelay that is neither", with("transfer: {nodelay: true}\n")},
		{"congestion control that can't be", with("transfer: {congestion: \"no such; rm\"}\n")},
		{"unknown workload", with("transfer: {workload: streaming}\n")},
		{"workload list", with("transfer: {workload: [stream, fetch]}\n")},
		{"unknown pattern", with("write: {patterns: rnd}\n")},
		{"unknown method", with("write: {methods: [buffered, d-sync]}\n")},
		{"unknown sync", with("write: {sync: always}\n")},
		{"sync every 0", with("write: {sync: every=0}\n")},
		{"sync interval 0", with("write: {sync: interval=0}\n")},
		{"sync every nothing", with("write: {sync: every}\n")},
		{"sync near", with("write: {sync: nnoe}\n")},
		{"unknown sync call", with("write: {sync: end, sync_call: fdatsync}\n")},
		{"unknown draw", with("write: {draw: shuffle}\n")},
		{"unknown chart", with("transfer: {}\ncharts: [cpus]\n")},
		{"depth 0", with("write: {depth: 0}\n")},
		{"depth that no method of the part has", with("write:\n  - methods: buffered\n  - {methods: [buffered, direct], depth: [4, 8]}\n")},
		{"depth beyond what a ring takes", with("write: {depth: 257}\n")},
		{"random_share 0", with("write: {patterns: random-append-mix, random_share: 0}\n")},
		{"random_share 1", with("write: {patterns: random-append-mix, random_share: [0.5, 1]}\n")},
		{"random_share 30%", with("write: {patterns: random-append-mix, random_share: 30%}\n")},
		{"random_share of many digits", with("write: {patterns: random-append-mix, random_share: 0.30000000001}\n")},
		{"random_share 1e-12", with("write: {patterns: random-append-mix, random_share: 1e-12}\n")},
		{"random_share of another pattern", with("write: {patterns: append, random_share: 0.3}\n")},
		{"random_share twice", with("write: {patterns: random-append-mix, random_share: [0.3, 0.30]}\n")},
		{"stride 1", with("write: {patterns: strided, stride: 1}\n")},
		{"stride size", with("write: {patterns: strided, stride: 64KiB}\n")},
		{"stride of another pattern", with("write: {patterns: overwrite, stride: 16}\n")},
		{"stride larger than half of the file", with("write: {patterns: strided, stride: [16, 200], file: 1MiB}\n")},
		{"stride in a tiny file", with("write: {patterns: strided, file: 8KiB}\n")},
		{"theta 0", with("write: {patterns: zipf, theta: 0}\n")},
		{"theta 11", with("write: {patterns: zipf, theta: 11}\n")},
		{"theta 1e-3", with("write: {patterns: zipf, theta: 1e-3}\n")},
		{"tetha", with("write: {patterns: zipf, tetha: 0.5}\n")},
		{"theta of another pattern", with("write: {patterns: random, theta: 0.99}\n")},
		{"files 0", with("write: {patterns: many-logs, files: 0}\n")},
		{"files 100001", with("write: {patterns: many-logs, files: 100001}\n")},
		{"files of another pattern", with("write: {patterns: append, files: 10}\n")},
		{"more files than blocks", with("write: {patterns: many-logs, files: [10, 1000], file: 1MiB}\n")},
		{"more descriptors than there can be", with("write: {patterns: many-logs, files: 100000, file: 1GiB, writers: [1, 16]}\n")},
		{"writers 0", with("write: {writers: 0}\n")},
		{"writers 1025", with("write: {writers: [1, 1025]}\n")},
		{"rate without unit", with("write: {rate: 1000}\n")},
		{"rate 1k/s", with("write: {rate: 1k/s}\n")},
		{"rate 0", with("write: {rate: 0/s}\n")},
		{"rate slip", with("write: {rate: clsoed}\n")},
		{"rate twice", with("write: {rate: [closed, 5/s, closed]}\n")},
		{"amount slip", with("write: {amount: files}\n")},
		{"amount list", with("write: {amount: [time, file]}\n")},
		{"depth and writers", with("write: {methods: uring, depth: [1, 4], writers: [1, 8]}\n")},
		{"depth and rate", with("write: {methods: uring, depth: 4, rate: [closed, 1000/s]}\n")},
		{"depth and group", with("write: {methods: uring, depth: 4, sync: [none, group]}\n")},
		{"depth and many logs", with("write: {patterns: [append, many-logs], methods: uring, depth: 4}\n")},
		{"file of no limit", with("write: {file: 0x-dirty-limit}\n")},
		{"file of many limits", with("write: {file: 11x-dirty-limit}\n")},
		{"file of limits, misspelt", with("write: {file: 1.5 x dirty limit}\n")},
		{"file of limits, for a transfer", with("transfer: {file: 1.5x-dirty-limit}\n")},
		{"file of limits, odd block", with("write: {file: 1x-dirty-limit, block: [4KiB, 99999989B]}\n")},
		{"sync near group", with("write: {sync: grup}\n")},
		{"baseline files without many-logs", with("write: {}\nbaseline: {files: 1}\n")},
		{"baseline rate", with("write: {rate: [closed, 1000/s]}\nbaseline: {rate: 1000}\n")},
		{"baseline in doubt about files", with("write:\n  patterns: [append, many-logs]\n  files: [1, 10]\nbaseline:\n  pattern: many-logs\n")},
		{"modelled drive", with("write: {}\nmodelled: 7200 cache=off\n")},
		{"modelled without cache", with("write: {}\nmodelled: [7200rpm]\n")},
		{"modelled option", with("write: {}\nmodelled: [7200rpm cashe=on]\n")},
		{"modelled value", with("write: {}\nmodelled: [hp97560 cache=onn]\n")},
		{"modelled twice", with("write: {}\nmodelled: [hp97560 cache=on, hp97560 cache=on]\n")},
		{"modelled transfer", with("transfer: {}\nmodelled: hp97560 cache=on\n")},

		{"size 64K", with("transfer: {chunk: 64K}\n")},
		{"size 64kb", with("transfer: {chunk: 64kb}\n")},
		{"size 64kib", with("transfer: {chunk: 64kib}\n")},
		{"size 64MB", with("transfer: {file: 64MB}\n")},
		{"size with space", with("transfer: {chunk: 64 KiB}\n")},
		{"size 1.5MiB", with("transfer: {chunk: 1.5MiB}\n")},
		{"size 0.3KiB", with("transfer: {chunk: 0.3KiB}\n")},
		{"size -1", with("transfer: {chunk: -1}\n")},
		{"size 0", with("transfer: {chunk: 0}\n")},
		{"size 0KiB", with("transfer: {chunk: 0KiB}\n")},
		{"size 0x1000", with("transfer: {chunk: 0x1000}\n")},
		{"size 1e6", with("transfer: {chunk: 1e6}\n")},
		{"size 1_000", with("transfer: {chunk: 1_000}\n")},
		{"size 010", with("transfer: {chunk: 010}\n")},
		{"size 1TiB", with("transfer: {file: 1TiB}\n")},
		{"size word", with("transfer: {chunk: big}\n")},
		{"size .inf", with("transfer: {chunk: .inf}\n")},
		{"size true", with("transfer: {chunk: true}\n")},
		{"size null", with("transfer: {chunk: null}\n")},
		{"size unit alone", with("transfer: {chunk: KiB}\n")},
		{"size overflows int64", with("transfer: {chunk: 9223372036854775808}\n")},
		{"size overflows by its unit", with("transfer: {chunk: 99999999999GiB}\n")},
		{"size overflows uint64", with("transfer: {chunk: 99999999999999999999999}\n")},
		{"chunk over bound", with("transfer: {chunk: 2GiB, file: 4GiB}\n")},
		{"file over bound", with("transfer: {file: 1025GiB}\n")},
		{"file list", with("transfer: {file: [1MiB, 2MiB]}\n")},
		{"chunk larger than file", with("transfer:\n  file: 1MiB\n  chunk: [64KiB, 2MiB]\n")},
		{"block larger than file", with("write: {file: 4KiB, block: 8KiB}\n")},
		{"block doesn't divide file", with("write: {file: 10KiB, block: [2KiB, 4KiB]}\n")},
		{"default block larger than file", with("write: {file: 1KiB}\n")},
		{"receive buffer 0", with("transfer: {receive_buffer: 0}\n")},

		{"streams 0", with("transfer: {streams: 0}\n")},
		{"streams -1", with("transfer: {streams: -1}\n")},
		{"streams 1.5", with("transfer: {streams: 1.5}\n")},
		{"streams word", with("transfer: {streams: [1, many]}\n")},
		{"streams over bound", with("transfer: {streams: 5000}\n")},
		{"streams need too much memory", with("transfer: {streams: [1, 4096], chunk: [64KiB, 256MiB]}\n")},

		{"load 0", with("transfer: {workload: fetch, load: 0}\n")},
		{"load 2", with("transfer: {workload: fetch, load: [closed, 2]}\n")},
		{"load 50%", with("transfer: {workload: fetch, load: 50%}\n")},
		{"load NaN", with("transfer: {workload: fetch, load: .nan}\n")},
		{"load word", with("transfer: {workload: fetch, load: close}\n")},
		{"load open", with("transfer: {workload: fetch, load: open}\n")},
		{"load twice", with("transfer: {workload: fetch, load: [0.5, 0.50]}\n")},
		{"load without fetch", with("transfer:\n  workload: stream\n  load: 0.5\n")},
		{"draw without random", with("write:\n  patterns: append\n  draw: uniform\n")},
		{"sync_call without sync", with("write:\n  sync: none\n  sync_call: fsync\n")},
		{"too many cases", with("transfer:\n- {}\n- streams: [" + manyNumbers(2500) + "]\n  paths: [read-write, sendfile, mmap-write, go-io-copy, null]\n")},

		{"time without unit", with("transfer: {}\nmeasure: {time: 400}\n")},
		{"time 0", with("transfer: {}\nmeasure: {time: 0}\n")},
		{"time too short", with("transfer: {}\nmeasure: {time: 1ms}\n")},
		{"time too long", with("transfer: {}\nmeasure: {time: 2m}\n")},
		{"time negative", with("transfer: {}\nmeasure: {time: -1s}\n")},
		{"time with space", with("transfer: {}\nmeasure: {time: 400 ms}\n")},
		{"time word", with("transfer: {}\nmeasure: {budget: forever}\n")},
		{"budget too long", with("transfer: {}\nmeasure: {budget: 999999h}\n")},
		{"measure word", with("transfer: {}\nmeasure: 400ms\n")},
		{"blocks number", with("transfer: {}\nmeasure: {blocks: 10}\n")},
		{"blocks backwards", with("transfer: {}\nmeasure: {blocks: 40..5}\n")},
		{"blocks too few", with("transfer: {}\nmeasure: {blocks: 1..5}\n")},
		{"blocks too many", with("transfer: {}\nmeasure: {blocks: 5..1001}\n")},
		{"blocks dash", with("transfer: {}\nmeasure: {blocks: 5-40}\n")},
		{"blocks open", with("transfer: {}\nmeasure: {blocks: 5..}\n")},

		{"baseline word", with("transfer: {}\nbaseline: read-write\n")},
		{"baseline nothing", with("transfer: {}\nbaseline: {path: }\n")},
		{"baseline of a slip", with("transfer: {}\nbaseline: {path: sendfil}\n")},
		{"baseline not in the part", with("transfer:\n  - paths: [read-write, sendfile]\n  - paths: [mmap-write, sendfile]\nbaseline:\n  path: read-write\n")},
		{"baseline null", with("transfer: {paths: [null, sendfile]}\nbaseline: {path: null}\n")},
		{"baseline of no kind", with("transfer: {}\nbaseline: {pattern: append}\n")},
		{"baseline load without fetch", with("transfer: {}\nbaseline: {load: closed}\n")},
		{"baseline draw without random", with("write: {patterns: append}\nbaseline: {draw: uniform}\n")},
		{"baseline wrong size", with("transfer: {}\nbaseline: {chunk: 64K}\n")},
		{"baseline other size", with("transfer: {chunk: [4KiB, 64KiB]}\nbaseline: {chunk: 8KiB}\n")},
		{"baseline in doubt", with("write:\n  draw: [permutation, uniform]\nbaseline:\n  pattern: random\n")},
		{"parts share cases, not the buffer", with("transfer:\n  - {chunk: [4KiB, 8KiB]}\n  - {chunk: 8KiB, receive_buffer: 1MiB}\n")},
		{"long value", with("transfer: {paths: " + strings.Repeat("x", 500) + "}\n")},
	}
}

func manyNumbers(n int) string {
	var words []string
	for i := range n {
		words = append(words, fmt.Sprint(i+1))
	}
	return strings.Join(words, ", ")
}

func TestBadInput(t *testing.T) {
	var b strings.Builder
	for _, in := range badInputs() {
		s, err := Parse("bad.yaml", []byte(in.text))
		if err == nil || s != nil {
			t.Errorf("%s: parsed to %v with error %v", in.name, s, err)
			continue
		}
		if _, ok := errors.AsType[*UsageError](err); !ok {
			t.Errorf("%s: error is a %T, not a *UsageError: %v", in.name, err, err)
		}
		if !strings.HasPrefix(err.Error(), "bad.yaml") {
			t.Errorf("%s: error doesn't begin with the file: %v", in.name, err)
		}
		fmt.Fprintf(&b, "%s\n\t%v\n", in.name, err)
	}
	golden(t, "errors.golden", b.String())
}

// Every error about a value must name the line on which it stands: here they all stand on line 4.
func TestErrorsNameTheLine(t *testing.T) {
	for _, line := range []string{
		"  paths: [read-write, sendfil]", "  chunk: 64K", "  chunk: 512MiB", "  streams: 0", "  load: 0.5", "  file: 0",
		"  receive_buffer: x", "  workload: x", "  cache: x", "  unknown: x", "  link: x", "  receiver: x",
	} {
		text := "title: T\nquestion: Q?\ntransfer:\n" + line + "\ncharts: cpu\n"
		if _, err := Parse("x.yaml", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), "x.yaml:4:") {
			t.Errorf("%q: %v; want an error on line 4", line, err)
		}
		crlf := strings.ReplaceAll(text, "\n", "\r\n")
		if _, err := Parse("x.yaml", []byte("\ufeff"+crlf)); err == nil || !strings.HasPrefix(err.Error(), "x.yaml:4:") {
			t.Errorf("%q with carriage returns: %v; want an error on line 4", line, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	s := parse(t, with("transfer: {}\nwrite: {}\n"))
	var ids []string
	for _, c := range s.Cases() {
		ids = append(ids, c.ID)
	}
	want := []string{
		"transfer:path=read-write,chunk=64KiB,file=256MiB,cache=warm,link=loopback,receiver=recv,streams=1,workload=stream",
		"transfer:path=sendfile,chunk=64KiB,file=256MiB,cache=warm,link=loopback,receiver=recv,streams=1,workload=stream",
		"write:pattern=append,method=buffered,sync=none,block=4KiB,file=256MiB,depth=1",
		"write:pattern=random,method=buffered,sync=none,draw=permutation,block=4KiB,file=256MiB,depth=1",
	}
	if !slices.Equal(ids, want) {
		t.Errorf("cases are\n%s\nwant\n%s", strings.Join(ids, "\n"), strings.Join(want, "\n"))
	}
	if !slices.Equal(s.Baseline["path"], []string{"read-write"}) || !slices.Equal(s.Baseline["pattern"], []string{"append"}) || len(s.Baseline) != 2 {
		t.Errorf("baseline is %v", s.Baseline)
	}
	if got := s.ReceiveBuffer(s.Cases()[0]); got != 128<<10 {
		t.Errorf("receive buffer is %d", got)
	}
	wantMeasure := Measure{Time: 400 * time.Millisecond, MinBlocks: 5, MaxBlocks: 40, Budget: time.Minute, Precision: 0.03, Evidence: 6}
	if s.Measure != wantMeasure {
		t.Errorf("measure is %+v, want %+v", s.Measure, wantMeasure)
	}
	if !slices.Equal(s.Charts, []string{"throughput", "cpu", "latency"}) {
		t.Errorf("charts are %v", s.Charts)
	}
}

// What looks like another YAML type must still be read as what the key says.
func TestScalarsAreText(t *testing.T) {
	s := parse(t, "title: 2.0\nquestion: |\n  Is this\n  two lines?\ntransfer:\n- paths: [null, \"sendfile\"]\n  file: 1048576\n  chunk: 4096 # a page\n  streams: '2'\n  charts_: 1\ncharts: []\n",
		"  charts_: 1\n", "")
	if s.Title != "2.0" || s.Question != "Is this two lines?" {
		t.Errorf("title %q, question %q", s.Title, s.Question)
	}
	c := s.Cases()
	if len(c) != 2 || c[0].Params.Path != "null" || c[1].Params.ChunkBytes != 4096 || c[1].Params.Streams != 2 || c[1].Params.FileBytes != 1<<20 {
		t.Errorf("cases are %+v", c)
	}
	if c[0].Baseline != "" || c[1].Baseline != "" {
		t.Errorf("null is compared: %+v", c)
	}
	if s.Charts == nil || len(s.Charts) != 0 {
		t.Errorf("charts are %v, want none", s.Charts)
	}
}

// parse reads a text that must be a scenario, with replacements as pairs of old and new.
func parse(t *testing.T, text string, replace ...string) *Scenario {
	t.Helper()
	s, err := Parse("test.yaml", []byte(strings.NewReplacer(replace...).Replace(text)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	good := write("my first try!.yaml", with("transfer: {}\n"))
	s, err := Load(good)
	if err != nil {
		t.Fatal(err)
	}
	if s.ID != "my-first-try" {
		t.Errorf("ID is %q, want a word that can name a folder", s.ID)
	}
	if s.Given != with("transfer: {}\n") {
		t.Errorf("given is %q", s.Given)
	}

	huge := write("huge.yml", with("transfer: {}\n")+"# "+strings.Repeat("x", mostBytes))
	for _, c := range []struct {
		name string
		want string
		is   error
	}{
		{"tuor", `scenario "tuor" is unknown: did you mean "tour"? (valid: tour, sendfile-vs-read-write,`, nil},
		{"sendfile", `did you mean "sendfile-vs-read-write"?`, nil},
		{"", `scenario "" is unknown`, nil},
		{filepath.Join(dir, "none.yaml"), "no such file", fs.ErrNotExist},
		{filepath.Join(dir, "tour.yaml"), "for the library's scenario, write tour", fs.ErrNotExist},
		{dir + string(filepath.Separator), "directory", nil},
		{huge, "is larger than 64KiB", nil},
		{write("empty.yaml", ""), "is empty", nil},
	} {
		s, err := Load(c.name)
		if s != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Load(%q): %v, %v; want an error that holds %q", c.name, s, err, c.want)
			continue
		}
		if _, ok := errors.AsType[*UsageError](err); !ok {
			t.Errorf("Load(%q): error is a %T, not a *UsageError", c.name, err)
		}
		if c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("Load(%q): %v hides its cause %v", c.name, err, c.is)
		}
	}

	t.Chdir(dir)
	write("mine", with("transfer: {}\n"))
	if _, err := Load("mine"); err == nil || !strings.Contains(err.Error(), "write ./mine") {
		t.Errorf("Load of a file without extension: %v; want a hint how to name it", err)
	}
	if _, err := Load("./mine"); err != nil {
		t.Error(err)
	}
}

func TestUnreadableFile(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read every file")
	}
	file := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(file, nil, 0); err != nil {
		t.Fatal(err)
	}
	_, err := Load(file)
	if _, ok := errors.AsType[*UsageError](err); !ok || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error is %v (%T), want a *UsageError for a missing permission", err, err)
	}
}

// seeds are texts that the fuzzer starts from.
func seeds() []string {
	texts := []string{
		with("transfer: {}\n"),
		with("write: {patterns: [random, overwrite], sync: [none, every=3, end], sync_call: [fsync, fdatasync], draw: [uniform, permutation]}\nbaseline: {}\n"),
		with("write:\n- {patterns: [random-append-mix, strided, zipf, many-logs], random_share: [0.3, 0.99999], stride: [2, 7], theta: [0.5, 1, 10], files: [1, 3], writers: [1, 1024], rate: [closed, 1/s], amount: file, file: 64KiB}\n- {file: 1.5x-dirty-limit, block: [3MiB, 4KiB], methods: uring, depth: [1, 256]}\nmodelled: [7200rpm cache=off]\nbaseline: {files: 1, writers: 1}\n"),
		with("transfer:\n- {workload: fetch, load: [closed, 0.5, 1.25]}\n- {chunk: [1, 2B, 3KiB]}\ncharts: [sweep]\nmeasure: {time: 1.5s, blocks: 5..5, budget: 1h}\n"),
		"{\"title\":\"T\",\"question\":\"Q\",\"write\":[{\"block\":[\"4KiB\"]}]}",
	}
	for _, in := range badInputs() {
		if len(in.text) < 2000 {
			texts = append(texts, in.text)
		}
	}
	return texts
}

// FuzzParse: an error or a scenario, never both, never a panic; and what parses keeps its promises.
func FuzzParse(f *testing.F) {
	for _, text := range seeds() {
		f.Add([]byte(text))
	}
	for _, id := range LibraryIDs() {
		s, err := Load(id)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(s.Given))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("fuzz.yaml", text)
		if (s == nil) == (err == nil) {
			t.Fatalf("scenario %v with error %v", s, err)
		}
		if err != nil {
			if _, ok := errors.AsType[*UsageError](err); !ok {
				t.Fatalf("error is a %T: %v", err, err)
			}
			return
		}
		checkPlan(t, s)
		if s.Measure.MaxBlocks < s.Measure.MinBlocks || s.Measure.Time <= 0 || s.Measure.Budget <= 0 {
			t.Fatalf("measure is %+v", s.Measure)
		}
	})
}

// checkPlan checks what holds for the cases of every scenario, and that its resolved form is the same scenario.
func checkPlan(t *testing.T, s *Scenario) {
	t.Helper()
	cases := s.Cases()
	if len(cases) == 0 || len(cases) > mostCases {
		t.Fatalf("%d cases", len(cases))
	}
	byID := map[string]results.Case{}
	for _, c := range cases {
		if _, had := byID[c.ID]; had {
			t.Fatalf("two cases are %s", c.ID)
		}
		byID[c.ID] = c
		if c.Part < 0 || c.Part >= len(s.Parts) || s.Parts[c.Part].Kind != c.Kind {
			t.Fatalf("%s is of part %d", c.ID, c.Part)
		}
	}
	for _, c := range cases {
		if c.Baseline == "" {
			continue
		}
		b, ok := byID[c.Baseline]
		switch {
		case !ok:
			t.Fatalf("%s is compared with %s, which is no case", c.ID, c.Baseline)
		case b.Baseline != "" || b.ID == c.ID || b.Kind != c.Kind:
			t.Fatalf("%s is compared with %s, which is no baseline", c.ID, c.Baseline)
		case isNull(b) || isNull(c):
			t.Fatalf("%s is compared with %s", c.ID, c.Baseline)
		}
	}
	r := s.Results()
	if !json.Valid(r.Resolved) {
		t.Fatalf("resolved is no JSON: %s", r.Resolved)
	}
	again, err := Parse("resolved.yaml", r.Resolved)
	if err != nil {
		if len(r.Resolved) > mostBytes {
			return
		}
		t.Fatalf("resolved form doesn't parse: %v\n%s", err, r.Resolved)
	}
	again.Measure.Precision = s.Measure.Precision // the effort's, which is no field of the format
	if !slices.Equal(again.Cases(), cases) || again.Measure != s.Measure || !slices.Equal(again.Charts, s.Charts) ||
		again.Title != s.Title || again.Question != s.Question {
		t.Fatalf("resolved form is another scenario:\n%s\n%s", r.Resolved, again.Results().Resolved)
	}
}
