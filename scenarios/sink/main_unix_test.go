//go:build unix

package sink

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"copylab/internal/testenv"
	"copylab/results"
	"copylab/scenarios/worker"
)

// The test binary is a worker where it is told so, as copylab's own binary is, and a sink or a client for tests that need one in a
// process of its own.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "worker" {
		os.Exit(worker.Main(os.Stdin, os.Stdout))
	}
	switch role := os.Getenv(roleVariable); role {
	case "":
		testenv.Main(m)
	case "sink":
		beSink()
	case "client":
		beClient()
	}
}

const roleVariable = "COPYLAB_TEST_ROLE"

// patience bounds every wait for something that is sure to happen. It is never reached unless something is broken.
const patience = time.Minute

var (
	good  = Secret{text: []byte("a secret of the tests"), rounds: 1}
	other = Secret{text: []byte("another secret of the tests"), rounds: 1}
	tool  = results.Tool{Version: "v1.2.3", Commit: "abc"}
)

func launcherForTest() *worker.Launcher {
	return &worker.Launcher{Command: []string{os.Args[0], "worker"}, Run: "sink-test"}
}

// journal keeps what a sink logs.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintln(&j.text, line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// await waits until the sink has logged text.
func (j *journal) await(t testing.TB, text string) {
	t.Helper()
	eventually(t, func() bool { return strings.Contains(j.String(), text) }, func() string { return fmt.Sprintf("logged %q; the log is:\n%s", text, j) })
}

func eventually(t testing.TB, holds func() bool, what func() string) {
	t.Helper()
	for began := time.Now(); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("waited in vain until it %s", what())
		}
	}
}

// sinkForTest is a sink in this process.
type sinkForTest struct {
	*Server
	log *journal
}

// short are bounds that tests can wait for.
func short() times {
	return times{first: time.Second, room: 100 * time.Millisecond, handshake: 2 * time.Second, line: 300 * time.Millisecond, idle: 600 * time.Millisecond, trial: time.Second, write: time.Second}
}

func startSink(t testing.TB, bounds times, change func(*Options)) sinkForTest {
	t.Helper()
	log := &journal{}
	o := Options{Address: "127.0.0.1:0", Secret: good, Sessions: 1, Launcher: launcherForTest(), Tool: tool, Log: log.add}
	if change != nil {
		change(&o)
	}
	s, err := listen(o, bounds)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("the sink does not stop")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.guests)+len(s.sessions)+len(s.trials) > 0 {
			t.Errorf("the stopped sink still has %d guests, %d sessions, %d trials", len(s.guests), len(s.sessions), len(s.trials))
		}
		if t.Failed() {
			t.Logf("the sink's log:\n%s", log)
		}
	})
	return sinkForTest{s, log}
}

func dial(t testing.TB, address string, secret Secret) *Session {
	t.Helper()
	s, err := Dial(t.Context(), address, secret, tool)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// payload makes a file of incompressible bytes.
func payload(t testing.TB, size int) (name string, content []byte) {
	t.Helper()
	content = make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content) // never fails
	name = filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, content
}

// sides are a sender's and a receiver's job that fit together.
func sides(file string, size int64, streams int, bytes int64) (worker.Send, *worker.Receive) {
	const chunk = 64 << 10
	s := worker.Send{Path: "read-write", Source: "file", File: file, FileBytes: size, ChunkBytes: chunk, Bytes: bytes, Streams: streams, CPU: -1}
	r := &worker.Receive{Receiver: "checksum", BufferBytes: chunk, Bytes: bytes, Streams: streams, CPU: -1, ChunkBytes: chunk, FileBytes: size}
	return s, r
}

// wantSums checks that each stream brought its share of the file.
func wantSums(t testing.TB, content []byte, send worker.Send, got []string) {
	t.Helper()
	var want []string
	for _, s := range worker.Shares(send.Bytes, send.Streams, send.FileBytes, int64(send.ChunkBytes)) {
		h := xxhash.New()
		for off, left := s.Start, s.Count; left > 0; {
			n := min(left, int64(len(content))-off)
			_, _ = h.Write(content[off : off+n]) // never fails
			left -= n
			off = (off + n) % int64(len(content))
		}
		want = append(want, fmt.Sprintf("%016x", h.Sum64()))
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("checksums %v, want %v", got, want)
	}
}

// move moves a file of a few MiB to the sink, twice over, and checks every byte.
func move(t testing.TB, s *Session, streams int) worker.Pair {
	t.Helper()
	const size = 1<<20 + 123
	file, content := payload(t, size)
	send, receive := sides(file, size, streams, 2*size+77)
	pair, err := launcherForTest().Transfer(t.Context(), send, receive, worker.Placement{Receive: s.Receive})
	if err != nil {
		t.Fatal(err)
	}
	if pair.Sender.Bytes != send.Bytes || pair.Receiver.Bytes != send.Bytes {
		t.Errorf("sent %d and received %d of %d bytes", pair.Sender.Bytes, pair.Receiver.Bytes, send.Bytes)
	}
	wantSums(t, content, send, pair.Receiver.Sums)
	return pair
}

// works checks that the sink serves a whole run after what was done to it.
func works(t testing.TB, address string) {
	t.Helper()
	s := dial(t, address, good)
	move(t, s, 2)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// raw is a client that says what a test wants it to.
type raw struct {
	testing.TB
	conn *tls.Conn
	in   *lines
}

// connectRaw proves the secret and says nothing yet.
func connectRaw(t testing.TB, address string) raw {
	t.Helper()
	config, err := good.clientTLS()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", address, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return raw{t, conn, newLines(conn)}
}

// dialRaw has begun a session.
func dialRaw(t testing.TB, address string) raw {
	t.Helper()
	r := connectRaw(t, address)
	r.say(hello{Protocol: protocol, Version: Version, Tool: tool})
	if line := r.line(); !strings.Contains(line, `"protocol":"copylab sink"`) {
		t.Fatalf("the sink says %s", line)
	}
	if got := r.hear(); got.Event != eventWelcome {
		t.Fatalf("the sink says %+v", got)
	}
	return r
}

func (r raw) say(v any) {
	r.Helper()
	if err := writeLine(r.conn, v, replyBytes); err != nil {
		r.Fatal(err)
	}
}

// mutter says something that the sink may not want to hear to its end.
func (r raw) mutter(text string) { _, _ = r.conn.Write([]byte(text)) }

func (r raw) line() string {
	r.Helper()
	line, err := r.in.next(replyBytes)
	if err != nil {
		r.Fatal(err)
	}
	return string(line)
}

func (r raw) hear() reply {
	r.Helper()
	got, err := parseReply([]byte(r.line()))
	if err != nil {
		r.Fatal(err)
	}
	return got
}

// wantClosed waits until the sink has closed the connection.
func (r raw) wantClosed() { r.Helper(); wantClosed(r, r.conn) }

func wantClosed(t testing.TB, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); errors.Is(err, net.ErrClosed) {
		return // by the test itself
	} else if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the sink keeps the connection open")
	}
}

// aJob is one that the sink takes.
func aJob(streams int) job {
	return job{Receiver: "recv", BufferBytes: 4096, Bytes: 1 << 20, Streams: streams}
}

// listenFor begins a trial and returns its token.
func (r raw) listenFor(j job) []byte {
	r.Helper()
	r.say(request{Receive: &j})
	got := r.hear()
	if got.Event != worker.EventListening {
		r.Fatalf("the sink says %+v", got)
	}
	header, err := worker.DataHeader(got.Token)
	if err != nil {
		r.Fatal(err)
	}
	return header
}

// process starts this binary in a role of its own, in a process that dies with the test. What it prints comes line by line.
func process(t testing.TB, role string, settings any) (*exec.Cmd, *lines) {
	t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, settingsVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // it ends when this is closed
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, newLines(out)
}

const settingsVariable = "COPYLAB_TEST_SETTINGS"

func printed(t testing.TB, from *lines) string {
	t.Helper()
	line, err := from.next(replyBytes)
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// diesWithTest ends this process when the test's end of its standard input is closed.
func diesWithTest() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
}

// sinkSettings are what a sink in a process of its own shall do.
type sinkSettings struct{ Address string }

// beSink is a sink in a process of its own. It prints its address.
func beSink() {
	diesWithTest()
	var o sinkSettings
	must(json.Unmarshal([]byte(os.Getenv(settingsVariable)), &o))
	s, err := Listen(Options{Address: o.Address, Secret: good, Sessions: 1, Launcher: launcherForTest(), Tool: tool, Log: func(string) {}})
	must(err)
	fmt.Println(s.Address())
	must(s.Serve(context.Background()))
}

// clientSettings are what a client in a process of its own shall do.
type clientSettings struct {
	Address string
	Send    worker.Send
	Receive worker.Receive
}

// beClient is a client in a process of its own. It prints the addresses that its session is between, then the receiver's result.
func beClient() {
	diesWithTest()
	var o clientSettings
	must(json.Unmarshal([]byte(os.Getenv(settingsVariable)), &o))
	s, err := Dial(context.Background(), o.Address, good, tool)
	must(err)
	fmt.Println(s.Address())
	pair, err := launcherForTest().Transfer(context.Background(), o.Send, &o.Receive, worker.Placement{Receive: s.Receive})
	must(err)
	must(writeLine(os.Stdout, pair, replyBytes))
	must(s.Close())
	os.Exit(0)
}
