package sink

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"copylab/scenarios/worker"
)

var update = flag.Bool("update", false, "write the golden files anew")

func limitsForTest() Limits { return Limits{Streams: mostStreams, MemoryBytes: 1 << 30} }

type excess struct {
	job  job
	want string // in the error
}

// tooMuch are jobs that no sink takes.
func tooMuch() []excess {
	with := func(want string, change func(*job)) excess {
		j := job{Receiver: "recv", BufferBytes: 4096, Bytes: 1 << 20, Streams: 1}
		change(&j)
		return excess{j, want}
	}
	return []excess{
		with("no receiver", func(j *job) { j.Receiver = "../../etc/passwd" }),
		with("no receiver", func(j *job) { j.Receiver = "" }),
		with("0 streams", func(j *job) { j.Streams = 0 }),
		with("-1 streams", func(j *job) { j.Streams = -1 }),
		with("4097 streams", func(j *job) { j.Streams = 4097 }),
		with("buffer of 0", func(j *job) { j.BufferBytes = 0 }),
		with("buffer of -1", func(j *job) { j.BufferBytes = -1 }),
		with("buffer of 1073741825", func(j *job) { j.BufferBytes = 1<<30 + 1 }),
		with("more than the", func(j *job) { j.Streams, j.BufferBytes = 4096, 1<<19 }),
		with("more than the", func(j *job) { j.BufferBytes = 1 << 30 }),
		with("no bytes", func(j *job) { j.Bytes = 0 }),
		with("bounds", func(j *job) { j.Bytes = -1 }),
		with("bounds", func(j *job) { j.Bytes = math.MaxInt64 }),
		with("bounds", func(j *job) { j.FileBytes = -1 }),
		with("bounds", func(j *job) { j.ChunkBytes = 1 << 51 }),
		with("bounds", func(j *job) { j.Requests = 1 << 41 }),
		with("a fetch wants", func(j *job) { j.Fetch = true }),
		with("a fetch wants", func(j *job) { j.Fetch, j.Requests, j.ChunkBytes, j.FileBytes = true, 1, 2, 1 }),
		with("requests a second", func(j *job) { j.Rate = -1 }),
		with("requests a second", func(j *job) { j.Rate = 1e10 }),
		with("requests a second", func(j *job) { j.Rate = 1e-300 }),
		with("socket buffers", func(j *job) { j.Socket.RcvbufBytes = -1 }),
		with("socket buffers", func(j *job) { j.Socket.SndbufBytes = 1<<30 + 1 }),
		with("congestion control", func(j *job) { j.Socket.Congestion = "../x" }),
		with("congestion control", func(j *job) { j.Socket.Congestion = strings.Repeat("x", 16) }),
		with("can't decrypt", func(j *job) { j.Receiver, j.TLS = "discard", true }),
		with("the size of its file", func(j *job) { j.Receiver = "file" }),
	}
}

func TestCheck(t *testing.T) {
	for _, c := range tooMuch() {
		if err := c.job.check(limitsForTest()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.job, err, c.want)
		}
	}
	nan := job{Receiver: "recv", BufferBytes: 1, Bytes: 1, Streams: 1, Rate: math.NaN()} // JSON can't say so
	if err := nan.check(limitsForTest()); err == nil {
		t.Error("not a number of requests a second")
	}
}

// What the sink decides by itself is all that a worker's job has and a client's lacks. A field that is new in package worker has to be
// put on one of the two sides.
func TestJobHoldsWhatAClientMaySay(t *testing.T) {
	own := []string{"CPU", "IP", "Passed", "Counters", "Dir", "Profile", "Sampled", "Syscalls"} // nobody on another host watches this one
	ours := reflect.TypeFor[job]()
	for _, f := range reflect.VisibleFields(reflect.TypeFor[worker.Receive]()) {
		g, ok := ours.FieldByName(f.Name)
		if slices.Contains(own, f.Name) == ok {
			t.Errorf("worker.Receive has %s: is it the client's to say, or the sink's?", f.Name)
		}
		if ok && g.Tag.Get("json") != strings.TrimSuffix(f.Tag.Get("json"), ",omitempty") {
			t.Errorf("%s is %q here and %q there", f.Name, g.Tag.Get("json"), f.Tag.Get("json"))
		}
	}
	full := fill(reflect.TypeFor[worker.Receive]()).(worker.Receive)
	got := jobOf(full).receive()
	full.CPU, full.IP, full.Passed, full.Counters, full.Dir, full.Profile, full.Sampled, full.Syscalls = -1, "", false, false, "", false, false, false
	if got != full {
		t.Errorf("there and back: %+v, want %+v", got, full)
	}
}

// fill makes a struct none of whose fields is zero.
func fill(t reflect.Type) any {
	v := reflect.New(t).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Int, reflect.Int64:
			f.SetInt(int64(i + 1))
		case reflect.Float64:
			f.SetFloat(float64(i + 1))
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Struct:
			f.Set(reflect.ValueOf(fill(f.Type())))
		default:
			panic(f.Kind())
		}
	}
	return v.Interface()
}

// The form of what a client says, and of a sink's answers down to the result, belongs to the version.
func TestFormOfTheProtocol(t *testing.T) {
	var form []string
	var list func(string, reflect.Type)
	list = func(at string, of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || slices.Contains([]string{"Result", "Host", "Time"}, of.Name()) {
			form = append(form, at+" "+of.Kind().String())
			return
		}
		for _, f := range reflect.VisibleFields(of) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
				list(at+"."+name, f.Type)
			}
		}
	}
	list("hello", reflect.TypeFor[hello]())
	list("request", reflect.TypeFor[request]())
	list("reply", reflect.TypeFor[reply]())
	got := strings.Join(form, "\n") + "\n"
	file := filepath.Join("testdata", fmt.Sprintf("protocol-%d.golden", Version))
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (write it with -update)", err)
	}
	if got != string(want) {
		t.Errorf("version %d of the protocol has another form than %s says. Where that version was released, raise Version first; then run with -update. It is:\n%s", Version, file, got)
	}
}

func TestHello(t *testing.T) {
	line := `{"protocol":"copylab sink","version":7,"tool":{"version":"v9","commit":"c"},"what":{"comes":["later"]}}`
	h, err := parseHello([]byte(line))
	if err != nil || h.Version != 7 || h.Tool.Version != "v9" {
		t.Errorf("%+v, %v", h, err)
	}
	older, newer := versions("here", "there", hello{Version: Version - 1}), versions("here", "there", hello{Version: Version + 1})
	if !strings.HasSuffix(older.Error(), "update copylab on there") || !strings.HasSuffix(newer.Error(), "update copylab on here") {
		t.Errorf("%v\n%v", older, newer)
	}
}

func TestLines(t *testing.T) {
	text := "a\n\n" + strings.Repeat("x", 10000) + "\nrest"
	for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
		in := newLines(r)
		for _, want := range []string{"a", "", strings.Repeat("x", 10000)} {
			if got, err := in.next(10000); err != nil || string(got) != want {
				t.Fatalf("%q, %v", got, err)
			}
		}
		if got, err := in.next(10000); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q, %v", got, err)
		}
	}
	if got, err := newLines(strings.NewReader(strings.Repeat("x", 101) + "\n")).next(100); !errors.Is(err, errTooLong) {
		t.Errorf("%q, %v", got, err)
	}
	// However long a line is, little more than its bound is read.
	endless := &endlessReader{}
	if _, err := newLines(endless).next(requestBytes); !errors.Is(err, errTooLong) || endless.read > requestBytes+16<<10 {
		t.Errorf("%v after %d bytes", err, endless.read)
	}
	if _, err := newLines(strings.NewReader("")).next(1); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if err := writeLine(io.Discard, strings.Repeat("x", 100), 100); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
}

type endlessReader struct{ read int }

func (e *endlessReader) Read(b []byte) (int, error) {
	e.read += len(b)
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

func TestLogbook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		book := &logbook{write: func(line string) { log = append(log, line) }, most: 2}
		for i := range 10 {
			book.printf("line %d", i)
		}
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		book.printf("%s", strings.Repeat("x", 1000))
		book.printf("b")
		book.printf("c")
		book.close()
		book.printf("after all")
		want := []string{"line 0", "line 1", "and 8 more", strings.Repeat("x", mostLineLength) + "…", "b", "and 1 more"}
		if !slices.Equal(log, want) {
			t.Errorf("%q, want %q", log, want)
		}
	})
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
		return name
	}
	const long = "0123456789abcdef"
	for _, c := range []struct {
		name, file, env string
		want            string // the secret
		err             string
	}{
		{name: "none"},
		{name: "variable", env: long, want: long},
		{name: "short variable", env: "short", err: "COPYLAB_SECRET: it is shorter than 16 characters: make one with: head -c 24"},
		{name: "file", file: file("good", " "+long+"\r\n\n", 0o600), want: long},
		{name: "file before variable", file: file("first", long+"1", 0o400), env: long + "2", want: long + "1"},
		{name: "for the group", file: file("group", long, 0o640), err: "chmod 600"},
		{name: "for the world", file: file("world", long, 0o604), err: "chmod 600"},
		{name: "empty file", file: file("empty", "\n", 0o600), env: long, err: "shorter than 16"},
		{name: "huge file", file: file("huge", strings.Repeat("x", 1<<20), 0o600), err: "longer than 4096"},
		{name: "no file", file: filepath.Join(dir, "nowhere"), err: "no such file"},
		{name: "a folder", file: dir, err: "read secret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(SecretVariable, c.env)
			got, err := ReadSecret(c.file)
			usage := (*UsageError)(nil)
			switch {
			case c.err == "" && (err != nil || string(got.text) != c.want || got.None() != (c.want == "")):
				t.Errorf("%q, %v", got.text, err)
			case c.err != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.err) || !got.None()):
				t.Errorf("%q, %v, want an error with %q", got.text, err, c.err)
			}
			if said := fmt.Sprintf("%v %s %#v %+v", got, got, got, got); strings.Contains(said, long) {
				t.Errorf("this tells the secret: %s", said)
			}
		})
	}
}

// Both ends derive the same keys, a pair for each secret and each role.
func TestKeys(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range []Secret{{rounds: 1}, {text: []byte("a"), rounds: 1}, {text: []byte("a"), rounds: 2}} {
		for range 2 {
			a, b, err := s.keys()
			if err != nil {
				t.Fatal(err)
			}
			seen[string(a)], seen[string(b)] = true, true
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d keys, want 6", len(seen))
	}
}

// An error or a hello, never both, never a panic.
func FuzzHello(f *testing.F) {
	f.Add([]byte(`{"protocol":"copylab sink","version":1,"tool":{"version":"v1","commit":"c"}}`))
	f.Add([]byte(`{"protocol":"copylab sink","version":99,"more":[1,{"a":null}]}`))
	f.Add([]byte(`{"protocol":"ssh","version":-1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, line []byte) {
		h, err := parseHello(line)
		if err != nil {
			if h != (hello{}) {
				t.Errorf("%+v and %v", h, err)
			}
			return
		}
		if h.Protocol != protocol || h.Version < 1 || len(h.Tool.Version) > mostWord || len(h.Tool.Commit) > mostWord {
			t.Errorf("%+v", h)
		}
		if text := versions("here", "there", h).Error(); len(text) > 2*mostLineLength { // quoting may lengthen it
			t.Errorf("%d bytes on a version", len(text))
		}
	})
}

// An error or a request of exactly one kind, never both, never a panic; and a job that passes the check is within every bound.
func FuzzRequest(f *testing.F) {
	for _, r := range []request{
		{Event: worker.EventGo}, {Event: eventKill}, {Event: eventPing}, {Event: "done"}, {LimitSeconds: 5},
		{Receive: &job{Receiver: "checksum", BufferBytes: 65536, Bytes: 1 << 30, Streams: 64, Socket: worker.Socket{Congestion: "cubic", RcvbufBytes: 1}}, LimitSeconds: 60},
		{Receive: &job{Receiver: "recv", BufferBytes: 1, Streams: 1, Fetch: true, Requests: 10, ChunkBytes: 1, FileBytes: 1, Rate: 1.5}},
		{Receive: &job{Receiver: "file", BufferBytes: 1, Streams: 4096, Bytes: 1, FileBytes: 1 << 40}},
	} {
		b, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"receive":{"receiver":"recv","dir":"/etc","cpu":-1}}`))
	f.Add([]byte(`{"receive":null,"event":"go"} x`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseRequest(line)
		if err != nil {
			if r != (request{}) {
				t.Errorf("%+v and %v", r, err)
			}
			return
		}
		if (r.Receive == nil) == (r.Event == "") {
			t.Fatalf("%+v is not of one kind", r)
		}
		if r.Receive == nil {
			return
		}
		limits := limitsForTest()
		if err := r.Receive.check(limits); err != nil {
			if len(err.Error()) > 1000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		got := r.Receive.receive()
		memory := int64(got.Streams) * int64(got.BufferBytes)
		if got.Streams < 1 || got.Streams > limits.Streams || memory < 1 || memory > limits.MemoryBytes || got.Bytes < 0 || got.Bytes > mostBytes ||
			got.Requests < 0 || got.Requests > mostRequests || got.Rate < 0 || got.Rate > mostRate || got.FileBytes < 0 || got.FileBytes > mostBytes ||
			got.Dir != "" || got.IP != "" || got.CPU != -1 || got.Passed || got.Counters || strings.ContainsAny(got.Socket.Congestion, "/. ") {
			t.Errorf("%+v is out of bounds", got)
		}
		if got.Fetch && (got.Requests < 1 || got.ChunkBytes < 1 || got.FileBytes < got.ChunkBytes) || !got.Fetch && got.Bytes < 1 {
			t.Errorf("%+v is no job", got)
		}
	})
}

// An error or a reply, never a panic: a client is no better protected than a sink from what its peer says.
func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"event":"listening","token":"00"}`))
	f.Add([]byte(`{"event":"done","result":{"bytes":1,"elapsed_ns":"unavailable: x","latency":{"op":null}}}`))
	f.Add([]byte(`{"event":"welcome","welcome":{"host":{"cpu":{}},"receivers":[{"id":"recv","status":"available"}]}}`))
	f.Add([]byte(`{"event":"failed","error":"x","died":{"status":"signal: killed"}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if r, err := parseReply(line); err != nil && !reflect.DeepEqual(r, reply{}) {
			t.Errorf("%+v and %v", r, err)
		}
	})
}
