package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// writeLog keeps each call of Write apart.
type writeLog struct {
	calls [][]byte
	fail  error // of the next call, which then writes half
}

func (w *writeLog) Write(p []byte) (int, error) {
	if w.fail != nil {
		err := w.fail
		w.fail = nil
		w.calls = append(w.calls, bytes.Clone(p[:len(p)/2]))
		return len(p) / 2, err
	}
	w.calls = append(w.calls, bytes.Clone(p))
	return len(p), nil
}

func writeRecord(t testing.TB, w io.Writer, run Run, trials []Trial, end *End) {
	t.Helper()
	rec := NewWriter(w)
	if err := rec.WriteRun(run); err != nil {
		t.Fatal(err)
	}
	for _, trial := range trials {
		if err := rec.WriteTrial(trial); err != nil {
			t.Fatal(err)
		}
	}
	if end != nil {
		if err := rec.WriteEnd(*end); err != nil {
			t.Fatal(err)
		}
	}
}

func readAll(r *Reader) ([]Trial, error) {
	var trials []Trial
	for {
		t, err := r.Next()
		if errors.Is(err, io.EOF) {
			return trials, nil
		}
		if err != nil {
			return trials, err
		}
		trials = append(trials, t)
	}
}

// sameJSON compares what two values look like in a record, histograms bucket by bucket.
func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func TestRecordRoundTrip(t *testing.T) {
	run, trials, end := fixtureRecord()
	run.Scenario.Question = "<&> \u2028 line\nbreak \"quotes\""
	trials[3].Error = "sendfile: connection reset by peer"
	trials[4].Disturbed = []string{"the load average was 3"}
	trials[4].Device.FlushNS = notHere()
	log := &writeLog{}
	writeRecord(t, log, run, trials, &end)

	if len(log.calls) != len(trials)+2 {
		t.Fatalf("%d lines took %d writes", len(trials)+2, len(log.calls))
	}
	for i, line := range log.calls {
		if bytes.Count(line, []byte("\n")) != 1 || line[len(line)-1] != '\n' || !json.Valid(line) {
			t.Errorf("write %d is not one line of JSON: %q", i, line)
		}
	}
	if !bytes.Contains(log.calls[0], []byte("<&>")) {
		t.Error("angle brackets are written as escapes: the YAML becomes hard to read")
	}

	r, err := NewReader(iotest.OneByteReader(bytes.NewReader(bytes.Join(log.calls, nil))))
	if err != nil {
		t.Fatal(err)
	}
	if !sameJSON(r.Run(), run) || r.Run().Scenario.Question != run.Scenario.Question {
		t.Errorf("run: got %+v, want %+v", r.Run(), run)
	}
	if r.End() != nil {
		t.Error("there is an end before it was read")
	}
	got, err := readAll(r)
	if err != nil || len(got) != len(trials) {
		t.Fatalf("%d trials of %d, %v", len(got), len(trials), err)
	}
	for i := range got {
		for name, h := range trials[i].Latency {
			if !h.Equals(got[i].Latency[name].Histogram) {
				t.Errorf("trial %d: histogram %q changed", i, name)
			}
		}
		if !sameJSON(got[i], trials[i]) {
			t.Errorf("trial %d: got %+v, want %+v", i, got[i], trials[i])
		}
	}
	// What JSON was never told of, sameJSON can't miss.
	if a, b := got[4], trials[4]; a.Block != b.Block || !a.Started.Equal(b.Started) || a.DurableNS.Why() != b.DurableNS.Why() ||
		!reflect.DeepEqual(a.Sides, b.Sides) || a.Machine != b.Machine || a.Device != b.Device || a.Before != b.Before || !slices.Equal(a.Disturbed, b.Disturbed) {
		t.Errorf("got %+v, want %+v", a, b)
	}
	if r.End() == nil || !reflect.DeepEqual(*r.End(), end) {
		t.Errorf("end: got %+v, want %+v", r.End(), end)
	}
	if len(r.Warnings()) != 0 {
		t.Errorf("warnings of a whole record: %q", r.Warnings())
	}
}

// Every line is in the file as soon as it was written: a kill at any moment finds it there.
func TestRecordIsInTheFileAtOnce(t *testing.T) {
	run, trials, _ := fixtureRecord()
	name := filepath.Join(t.TempDir(), RecordFile)
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rec := NewWriter(f)
	if err := rec.WriteRun(run); err != nil {
		t.Fatal(err)
	}
	for i, trial := range trials {
		if err := rec.WriteTrial(trial); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(text, []byte("\n")); lines != i+2 || text[len(text)-1] != '\n' {
			t.Fatalf("after trial %d the file has %d whole lines", i, lines)
		}
	}
}

func TestWriterKeepsTheOrder(t *testing.T) {
	run, trials, end := fixtureRecord()
	w := NewWriter(&writeLog{})
	wantErr := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	wantErr(w.WriteTrial(trials[0]), "the run comes first")
	wantErr(w.WriteEnd(end), "the run comes first")
	if err := w.WriteRun(run); err != nil {
		t.Fatal(err)
	}
	wantErr(w.WriteRun(run), "already")
	if err := w.WriteEnd(end); err != nil {
		t.Fatal(err)
	}
	wantErr(w.WriteTrial(trials[0]), `type "end"`)
	wantErr(w.WriteEnd(end), `type "end"`)
}

// After half a line nothing may follow: it would be glued to it.
func TestWriterStopsAfterAFailure(t *testing.T) {
	run, trials, _ := fixtureRecord()
	log := &writeLog{}
	w := NewWriter(log)
	if err := w.WriteRun(run); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	log.fail = full
	if err := w.WriteTrial(trials[0]); !errors.Is(err, full) {
		t.Fatalf("got %v", err)
	}
	if err := w.WriteTrial(trials[1]); !errors.Is(err, full) {
		t.Errorf("the next write: got %v", err)
	}
	if len(log.calls) != 2 {
		t.Errorf("%d writes, want 2", len(log.calls))
	}
}

// What can't be encoded must not spoil the record.
func TestWriterSurvivesWhatJSONCannotHold(t *testing.T) {
	run, trials, _ := fixtureRecord()
	log := &writeLog{}
	w := NewWriter(log)
	if err := w.WriteRun(run); err != nil {
		t.Fatal(err)
	}
	bad := trials[0]
	bad.OfferedPerSecond = finiteNot()
	if err := w.WriteTrial(bad); err == nil {
		t.Fatal("NaN was written")
	}
	if err := w.WriteTrial(trials[1]); err != nil {
		t.Fatal(err)
	}
	if len(log.calls) != 2 {
		t.Errorf("%d writes, want 2", len(log.calls))
	}
}

// A record cut at any byte: what comes before the cut is returned, and a warning names the line, unless the cut falls
// between lines. Only a cut within the first line is an error.
func TestRecordCutAnywhere(t *testing.T) {
	run := fixtureRun(streamCase(caseRW, "read-write"))
	trials := blocks(3, func(b int) Trial { return streamTrial(caseRW, b, 1000) })
	for i := range trials {
		trials[i].Latency = nil // for the sake of time
	}
	var whole bytes.Buffer
	end := End{Ended: fixtureStart, Reason: StopBlocks, Blocks: 3}
	writeRecord(t, &whole, run, trials, &end)
	text := whole.Bytes()
	first := bytes.IndexByte(text, '\n')
	for cut := range text {
		if near := bytes.IndexByte(text[max(0, cut-3):min(len(text), cut+3)], '\n'); cut%11 != 0 && near < 0 {
			continue // for the sake of time: every byte around the ends of lines, every eleventh elsewhere
		}
		r, err := NewReader(bytes.NewReader(text[:cut]))
		if cut < first {
			if err == nil || r != nil {
				t.Fatalf("cut at %d, within the first line: %v, %v", cut, r, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		got, err := readAll(r)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		// A line that lacks only its newline is whole.
		lines := bytes.Count(text[:cut], []byte("\n"))
		rest := text[:cut][bytes.LastIndexByte(text[:cut], '\n')+1:]
		if len(rest) > 0 && text[cut] == '\n' {
			lines, rest = lines+1, nil
		}
		if want := min(lines-1, len(trials)); len(got) != want {
			t.Fatalf("cut at %d: %d trials, want %d", cut, len(got), want)
		}
		if hasEnd := r.End() != nil; hasEnd != (lines == len(trials)+2) {
			t.Fatalf("cut at %d: end %v", cut, r.End())
		}
		if len(rest) == 0 && len(r.Warnings()) != 0 {
			t.Fatalf("cut at %d, between lines: warnings %q", cut, r.Warnings())
		}
		if want := fmt.Sprintf("record.jsonl line %d is cut off: ", lines+1); len(rest) > 0 &&
			(len(r.Warnings()) != 1 || !strings.HasPrefix(r.Warnings()[0], want) || !strings.HasSuffix(r.Warnings()[0], "; rendered up to there")) {
			t.Fatalf("cut at %d: warnings %q, want %q", cut, r.Warnings(), want)
		}
		s, err := Read(bytes.NewReader(text[:cut]))
		if err != nil {
			t.Fatal(err)
		}
		if cutOff := s.Run.Stopped == StopCutOff; cutOff != (r.End() == nil) {
			t.Fatalf("cut at %d: stopped %q", cut, s.Run.Stopped)
		}
		if r.End() == nil && !strings.Contains(strings.Join(s.Warnings, "\n"), "cut off") {
			t.Fatalf("cut at %d: the summary doesn't say so: %q", cut, s.Warnings)
		}
	}
}

func TestRecordWithABadLine(t *testing.T) {
	run, trials, end := fixtureRecord()
	log := &writeLog{}
	writeRecord(t, log, run, trials, &end)
	for name, tc := range map[string]struct{ line, want string }{
		"no JSON":        {"{oops\n", "record.jsonl line 4 can't be read: "},
		"NULs":           {"\x00\x00\x00\n", "record.jsonl line 4 can't be read: "},
		"unknown type":   {`{"type":"picture"}` + "\n", `line 4 can't be read: its type is "picture"`},
		"no type":        {"null\n", `line 4 can't be read: its type is ""`},
		"another run":    {string(log.calls[0]), `line 4 can't be read: its type is "run"`},
		"bad value":      {`{"type":"trial","elapsed_ns":null}` + "\n", "line 4 can't be read: "},
		"bad histogram":  {`{"type":"trial","latency":{"op":"AAAA"}}` + "\n", "line 4 can't be read: "},
		"two on one":     {strings.TrimSpace(string(log.calls[3])) + string(log.calls[4]), "line 4 can't be read: "},
		"too long":       {`{"type":"trial","error":"` + strings.Repeat("x", 1<<20) + `"}` + "\n", "line 4 can't be read: the line is longer"},
		"after a blank":  {"\n{oops\n", "record.jsonl line 5 can't be read: "},
		"wrong end type": {`{"type":"end","blocks":"six"}` + "\n", "line 4 can't be read: "},
	} {
		t.Run(name, func(t *testing.T) {
			text := bytes.Join(log.calls[:3], nil)
			text = append(text, tc.line...)
			text = append(text, bytes.Join(log.calls[4:], nil)...)
			r, err := newReader(bytes.NewReader(text), 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			got, err := readAll(r)
			if err != nil || len(got) != 2 || r.End() != nil {
				t.Errorf("%d trials, end %v, %v; want the 2 before the bad line", len(got), r.End(), err)
			}
			left := fmt.Sprintf("; it and the %d lines after it were left out", len(log.calls)-4)
			if len(r.Warnings()) != 1 || !strings.Contains(r.Warnings()[0], tc.want) || !strings.HasSuffix(r.Warnings()[0], left) || !r.Damaged() {
				t.Errorf("warnings %q, want %q and %q", r.Warnings(), tc.want, left)
			}
			if _, err := r.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("reading on: %v, want io.EOF", err)
			}
		})
	}
}

// A summary of a damaged record does not take it for one that was cut off: what follows the damage is only not read.
func TestReadDamagedRecord(t *testing.T) {
	run, trials, end := fixtureRecord()
	log := &writeLog{}
	writeRecord(t, log, run, trials, &end)
	for after, want := range map[int]string{
		0: "; nothing comes after it",
		1: "; it and the line after it were left out",
		2: "; it and the 2 lines after it were left out",
	} {
		lines := slices.Clone(log.calls)
		bad := len(lines) - 1 - after
		lines[bad] = append(bytes.Repeat([]byte("x"), 200<<10), '\n')
		r := must(newReader(bytes.NewReader(bytes.Join(append(lines, []byte("\n\n")), nil)), 100<<10)) // the line is longer than a buffer, and than a line may be
		if _, err := readAll(r); err != nil || len(r.Warnings()) != 1 || !strings.HasSuffix(r.Warnings()[0], want) {
			t.Errorf("%d lines after a long one: warnings %q, %v", after, r.Warnings(), err)
		}
		lines[bad] = []byte(`{"type":"trial","seq":#}` + "\n")
		s, err := Read(bytes.NewReader(bytes.Join(lines, nil)))
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(s.Warnings, "\n")
		if !strings.Contains(all, fmt.Sprintf("record.jsonl line %d can't be read: invalid character '#'", bad+1)) || !strings.Contains(all, want) || strings.Contains(all, "cut off") || strings.Contains(all, "killed") {
			t.Errorf("warnings %q, want %q", s.Warnings, want)
		}
		if s.Run.Stopped != StopDamaged || s.Run.DurationSeconds.Why() == "" || strings.Contains(s.Run.DurationSeconds.Why(), "no end") {
			t.Errorf("stopped %q after %v", s.Run.Stopped, s.Run.DurationSeconds)
		}
	}
}

func TestRecordGoesOnAfterItsEnd(t *testing.T) {
	run, trials, end := fixtureRecord()
	var text bytes.Buffer
	writeRecord(t, &text, run, trials[:1], &end)
	text.WriteString("\n\n{}\n")
	r := must(NewReader(&text))
	got, err := readAll(r)
	if err != nil || len(got) != 1 || r.End() == nil || len(r.Warnings()) != 1 || !strings.Contains(r.Warnings()[0], "line 6 comes after the end") {
		t.Errorf("%d trials, end %v, warnings %q, %v", len(got), r.End(), r.Warnings(), err)
	}
}

// Lines far beyond bufio.Scanner's 64 KiB are ordinary: scenarios and histograms can be long.
func TestLongLines(t *testing.T) {
	run, trials, end := fixtureRecord()
	run.Scenario.Given = strings.Repeat("# a long comment\n", 100_000)
	var text bytes.Buffer
	writeRecord(t, &text, run, trials[:2], &end)
	r := must(NewReader(&text))
	if got, err := readAll(r); err != nil || len(got) != 2 || r.Run().Scenario.Given != run.Scenario.Given {
		t.Errorf("%d trials, %v", len(got), err)
	}
}

func TestNotARecord(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"empty":         {"", []string{"it is empty", "run it again"}},
		"blank":         {"\n\n", []string{"it is empty"}},
		"cut off":       {`{"type":"run","schema":1,"id":"x`, []string{"cut off within its first line"}},
		"text":          {"hello\n", []string{"not a record of copylab", "give the folder of a run"}},
		"another JSON":  {`{"schema":1,"run":{}}` + "\n", []string{"not a record of copylab", `type ""`}},
		"trial first":   {`{"type":"trial"}` + "\n", []string{"not a record of copylab", `type "trial"`}},
		"newer":         {`{"type":"run","schema":2,"host":"changed"}` + "\n", []string{"schema 2", "up to 1", "newer"}},
		"no schema":     {`{"type":"run"}` + "\n", []string{"its schema is 0"}},
		"too long":      {strings.Repeat("x", 2<<20), []string{"not a record of copylab", "longer"}},
		"a wrong value": {`{"type":"run","schema":1,"seed":"x"}` + "\n", []string{"line 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := newReader(strings.NewReader(tc.text), 1<<20)
			if r != nil || err == nil {
				t.Fatalf("got %v, %v", r, err)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

func TestReaderPassesErrorsOn(t *testing.T) {
	broken := errors.New("input/output error")
	if _, err := NewReader(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("first line: %v", err)
	}
	run, trials, _ := fixtureRecord()
	var text bytes.Buffer
	writeRecord(t, &text, run, trials[:1], nil)
	whole := text.Bytes()
	r := must(NewReader(io.MultiReader(bytes.NewReader(whole), iotest.ErrReader(broken))))
	if _, err := readAll(r); !errors.Is(err, broken) {
		t.Errorf("later: %v", err)
	}
	r = must(NewReader(io.MultiReader(bytes.NewReader(whole), strings.NewReader("{oops\n"), iotest.ErrReader(broken))))
	if _, err := readAll(r); !errors.Is(err, broken) {
		t.Errorf("behind a bad line: %v", err)
	}
	if _, err := Read(io.MultiReader(strings.NewReader(`{"type":"run","schema":1}`+"\n"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("Read: %v", err)
	}
}

func TestLoad(t *testing.T) {
	run, trials, end := fixtureRecord()
	var text bytes.Buffer
	writeRecord(t, &text, run, trials, &end)
	folder := t.TempDir()
	record := filepath.Join(folder, RecordFile)
	if err := os.WriteFile(record, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	want := must(Read(&text))
	for _, path := range []string{folder, record} {
		s, err := Load(path)
		if err != nil || !sameJSON(s, want) {
			t.Errorf("Load(%s) = %+v, %v", path, s, err)
		}
	}

	for _, path := range []string{filepath.Join(folder, "none"), t.TempDir()} {
		s, err := Load(path)
		if s != nil || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "give the folder of a run") || !strings.Contains(err.Error(), path) {
			t.Errorf("Load(%s) = %v, %v", path, s, err)
		}
	}
	foreign := filepath.Join(folder, "notes.txt")
	if err := os.WriteFile(foreign, []byte("notes\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := Load(foreign); s != nil || err == nil || !strings.Contains(err.Error(), foreign) {
		t.Errorf("Load(%s) = %v, %v", foreign, s, err)
	}
}

// An error or a value, never both; and what was read can be written and read again.
func FuzzReader(f *testing.F) {
	run, trials, end := fixtureRecord()
	for _, part := range [][]Trial{nil, trials[:4], trials} {
		var text bytes.Buffer
		writeRecord(f, &text, run, part, &end)
		f.Add(text.Bytes())
		f.Add(text.Bytes()[:text.Len()-10])
	}
	f.Add([]byte(`{"type":"run","schema":1}` + "\n" + `{"type":"trial","case":"x","phase":"counted"}` + "\n" + `{"type":"end"}`))
	f.Add([]byte(`{"type":"run","schema":1,"cases":[{"id":"x","kind":"write"}]}` + "\n" + `{"type":"trial","case":"x","phase":"counted","accepted_ns":1,"operations":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := newReader(bytes.NewReader(text), 1<<20)
		if (r == nil) == (err == nil) {
			t.Fatalf("an error or a value, never both: %v, %v", r, err)
		}
		s, serr := Read(bytes.NewReader(text))
		if (s == nil) == (serr == nil) {
			t.Fatalf("an error or a value, never both: %v, %v", s, serr)
		}
		if err != nil {
			return
		}
		got, err := readAll(r)
		if err != nil {
			t.Fatalf("no reader failed, yet: %v", err)
		}
		if s != nil {
			checkSummary(t, s)
		}
		var again bytes.Buffer
		writeRecord(t, &again, r.Run(), got, r.End())
		back, err := NewReader(&again)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := readAll(back)
		if err != nil || len(back.Warnings()) != 0 || !sameJSON(got, twice) || !sameJSON(r.End(), back.End()) {
			t.Fatalf("%d trials became %d, warnings %q, %v", len(got), len(twice), back.Warnings(), err)
		}
	})
}
