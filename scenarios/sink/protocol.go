// Package sink lets the receiving end of a transfer be on another host: the server behind "copylab sink", and the session that
// "copylab run --to" holds with it.
//
// A sink has one TCP port. A new connection's first bytes tell what it is: worker.DataMagic begins a data connection of a trial,
// a TLS ClientHello a control connection. Anything else is dropped.
//
// The control connection is TLS 1.3, in which both ends prove that they know the shared secret: see Secret. Inside, JSON lines go
// both ways. The first line of each end is a hello, whose form never changes; ends of different versions part there:
//
//	client → sink   {"protocol":"copylab sink","version":1,"tool":{…}}
//	sink → client   {"protocol":"copylab sink","version":1,"tool":{…}}
//	sink → client   {"event":"welcome","welcome":{…}} or {"event":"refused","error":"…"}
//
// Then the client asks for one trial after another. The events in a trial are those of package worker:
//
//	client → sink   {"receive":{…},"limit_seconds":60}
//	sink → client   {"event":"listening","token":"…"}   now the data connections, each with the token in front
//	sink → client   {"event":"ready"}
//	client → sink   {"event":"go"}
//	sink → client   {"event":"armed"}                   stream workload only
//	sink → client   {"event":"done","result":{…}} or {"event":"failed","error":"…"}
//
// {"event":"kill"} ends a trial, which then failed. {"event":"ping"} says between trials that the client is still there.
// A client that closes the control connection, or breaks these rules, loses its session and its trial.
package sink

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"copylab/copypaths/receivers"
	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/host"
	"copylab/scenarios/worker"
)

// Version is that of the control protocol. It grows whenever a line other than the first changes its form or its meaning: each end
// refuses what it doesn't know, and so ends of different versions don't talk.
const Version = 1

const protocol = "copylab sink"

// The greatest length of a line, in bytes. A result carries encoded histograms.
const (
	requestBytes = 64 << 10
	replyBytes   = 16 << 20
)

// hello is the first line of each end. Its form never changes; a field that is not known is skipped.
type hello struct {
	Protocol string       `json:"protocol"`
	Version  int          `json:"version"`
	Tool     results.Tool `json:"tool"`
}

// The events that package worker doesn't know.
const (
	eventWelcome worker.Event = "welcome"
	eventRefused worker.Event = "refused"
	eventKill    worker.Event = "kill"
	eventPing    worker.Event = "ping"
)

// request is every other line of a client: a job, or an event.
type request struct {
	Receive *job `json:"receive,omitempty"`
	// LimitSeconds is the longest that the trial may take; 0: the sink's own limit, which is never exceeded.
	LimitSeconds int64        `json:"limit_seconds,omitempty"`
	Event        worker.Event `json:"event,omitempty"`
}

// job is what a client may say of a receiver's job. Everything else of a worker.Receive is the sink's to decide: the folder, the
// CPU, and where the connections come from. So it isn't here.
type job struct {
	Receiver    string        `json:"receiver"`
	BufferBytes int64         `json:"buffer_bytes"`
	Bytes       int64         `json:"bytes"`
	Streams     int           `json:"streams"`
	Socket      worker.Socket `json:"socket"`
	TLS         bool          `json:"tls"`
	Fetch       bool          `json:"fetch"`
	Requests    int64         `json:"requests"`
	ChunkBytes  int64         `json:"chunk_bytes"`
	FileBytes   int64         `json:"file_bytes"`
	Rate        float64       `json:"rate"`
}

// reply is every other line of a sink.
type reply struct {
	Event   worker.Event   `json:"event"`
	Token   string         `json:"token,omitempty"` // listening
	Result  *worker.Result `json:"result,omitempty"`
	Error   string         `json:"error,omitempty"`
	Died    *death         `json:"died,omitempty"` // failed: the worker ended without a word
	Welcome *welcome       `json:"welcome,omitempty"`
}

// death is a worker.DiedError.
type death struct {
	Status string `json:"status"`
	Stderr string `json:"stderr,omitempty"`
}

// welcome is what a client is told of the sink when its session begins.
type welcome struct {
	Host      host.Host  `json:"host"`
	NIC       host.NIC   `json:"nic"` // of the sink's host, through which the client is reached
	Clock     time.Time  `json:"clock"`
	Limits    Limits     `json:"limits"`
	Receivers []Receiver `json:"receivers"`
}

// Limits are what a sink allows each client.
type Limits struct {
	Streams      int   `json:"streams"`       // connections of a trial
	MemoryBytes  int64 `json:"memory_bytes"`  // buffers of all streams of a trial, and what copylab needs besides
	TrialSeconds int64 `json:"trial_seconds"` // from its beginning until its result
	IdleSeconds  int64 `json:"idle_seconds"`  // between trials, without a word
	Sessions     int   `json:"sessions"`      // at once
}

// Receiver is one that copylab knows, and whether it works on the sink's machine.
type Receiver struct {
	ID string `json:"id"`
	kernel.Status
}

// What no client can ask more of, whatever the machine.
const (
	mostStreams  = 4096
	mostBuffer   = 1 << 30 // bytes, of one stream or of a socket
	mostBytes    = 1 << 50 // to move, and size of a file
	mostRequests = 1 << 40
	mostRate     = 1e9     // requests per second
	leastRate    = 1e-3    //
	streamBytes  = 1 << 17 // memory that a stream takes besides its buffer: a thread and the touched part of a histogram
	mostWord     = 256     // bytes of a version or a commit
)

func parseHello(line []byte) (hello, error) {
	var h hello
	if err := json.Unmarshal(line, &h); err != nil {
		return hello{}, fmt.Errorf("read first line: %w", err)
	}
	switch {
	case h.Protocol != protocol:
		return hello{}, fmt.Errorf("read first line: protocol %.40q, want %q", h.Protocol, protocol)
	case h.Version < 1:
		return hello{}, fmt.Errorf("read first line: version %d, want 1 or more", h.Version)
	case len(h.Tool.Version) > mostWord || len(h.Tool.Commit) > mostWord:
		return hello{}, fmt.Errorf("read first line: the tool's version or commit is longer than %d bytes", mostWord)
	}
	return h, nil
}

// parseRequest reads a line of a client that has said hello. It is strict: between equal versions nothing can be unknown. Whether
// the sink takes the job is another question: see job.check.
func parseRequest(line []byte) (request, error) {
	var r request
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return request{}, fmt.Errorf("read request: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return request{}, errors.New("read request: there is more than one value in the line")
	}
	switch {
	case r.Receive == nil && r.LimitSeconds != 0:
		return request{}, errors.New("read request: a time limit without a job")
	case r.Receive != nil && r.Event == "":
		return r, nil
	case r.Receive == nil && slices.Contains([]worker.Event{worker.EventGo, eventKill, eventPing}, r.Event):
		return r, nil
	}
	return request{}, fmt.Errorf("read request: want a job or one of go, kill and ping, got event %.40q", r.Event)
}

// congestionName is the form of a congestion control's name: TCP_CA_NAME_MAX of linux/tcp.h is 16, with its final 0.
var congestionName = regexp.MustCompile(`^[a-z0-9_-]{0,15}$`)

// check tells why a sink with these limits does not take the job, or nil.
func (j job) check(limits Limits) error {
	r, known := receivers.Find(j.Receiver)
	within := func(n, least, most int64) bool { return n >= least && n <= most }
	switch {
	case !known:
		return fmt.Errorf("the sink knows no receiver %.40q", j.Receiver)
	case !within(int64(j.Streams), 1, int64(limits.Streams)):
		return fmt.Errorf("%d streams: the sink takes 1 to %d", j.Streams, limits.Streams)
	case !within(j.BufferBytes, 1, mostBuffer):
		return fmt.Errorf("a receive buffer of %d bytes: the sink takes 1 to %d", j.BufferBytes, int64(mostBuffer))
	case int64(j.Streams)*(j.BufferBytes+streamBytes) > limits.MemoryBytes: // at most 2^12 times 2^31
		return fmt.Errorf("%d streams with a receive buffer of %d bytes each: that is more than the %d bytes of memory that the sink gives a trial: take fewer streams or a smaller chunk",
			j.Streams, j.BufferBytes, limits.MemoryBytes)
	case !within(j.Bytes, 0, mostBytes) || !within(j.FileBytes, 0, mostBytes) || !within(j.ChunkBytes, 0, mostBytes) || !within(j.Requests, 0, mostRequests):
		return fmt.Errorf("%d bytes, %d requests, chunks of %d bytes, a file of %d bytes: these are outside the sink's bounds", j.Bytes, j.Requests, j.ChunkBytes, j.FileBytes)
	case !j.Fetch && j.Bytes < 1:
		return errors.New("a stream of no bytes")
	case j.Fetch && (j.Requests < 1 || j.ChunkBytes < 1 || j.FileBytes < j.ChunkBytes):
		return errors.New("a fetch wants at least 1 request, and a chunk of at least 1 byte that fits into the file")
	case j.Rate != 0 && !(j.Rate >= leastRate && j.Rate <= mostRate): // nor not a number
		return fmt.Errorf("%g requests a second: the sink takes %g to %g, or 0 for a closed loop", j.Rate, leastRate, mostRate)
	case !within(int64(j.Socket.SndbufBytes), 0, mostBuffer) || !within(int64(j.Socket.RcvbufBytes), 0, mostBuffer):
		return fmt.Errorf("socket buffers of %d and %d bytes: the sink takes up to %d", j.Socket.SndbufBytes, j.Socket.RcvbufBytes, int64(mostBuffer))
	case !congestionName.MatchString(j.Socket.Congestion):
		return fmt.Errorf("congestion control %.40q: want at most 15 of a-z, 0-9, _ and -", j.Socket.Congestion)
	case j.TLS && !r.TLS:
		return fmt.Errorf("receiver %s can't decrypt", r.ID)
	case r.WritesFile && j.FileBytes < 1:
		return fmt.Errorf("receiver %s wants the size of its file", r.ID)
	}
	return nil
}

// jobOf is what a client tells the sink of a receiver's job.
func jobOf(r worker.Receive) job {
	return job{
		Receiver: r.Receiver, BufferBytes: int64(r.BufferBytes), Bytes: r.Bytes, Streams: r.Streams, Socket: r.Socket, TLS: r.TLS,
		Fetch: r.Fetch, Requests: r.Requests, ChunkBytes: r.ChunkBytes, FileBytes: r.FileBytes, Rate: r.Rate,
	}
}

// receive is the worker's job for a job that was checked. What it lacks is for the sink to add.
func (j job) receive() worker.Receive {
	return worker.Receive{
		Receiver: j.Receiver, BufferBytes: int(j.BufferBytes), Bytes: j.Bytes, Streams: j.Streams, Socket: j.Socket, TLS: j.TLS,
		Fetch: j.Fetch, Requests: j.Requests, ChunkBytes: j.ChunkBytes, FileBytes: j.FileBytes, Rate: j.Rate, CPU: -1,
	}
}

// versions says what to do about ends of different versions. here and there name the ends.
func versions(here, there string, theirs hello) error {
	update := there
	if theirs.Version > Version {
		update = here
	}
	return fmt.Errorf("%s speaks version %d of the sink's protocol%s, %s version %d: update copylab on %s",
		there, theirs.Version, build(theirs.Tool), here, Version, update)
}

// build is a peer's build in brackets; nothing where it doesn't know.
func build(t results.Tool) string {
	if t.Version == "" || strings.HasPrefix(t.Version, "unavailable") {
		return ""
	}
	return fmt.Sprintf(" (copylab %.60q)", t.Version)
}

// lines reads lines of a bounded length.
type lines struct {
	r *bufio.Reader
	// begun, if not nil, is called when the first byte of a line has come; what it returns, when the line is complete or the read failed.
	begun func() (complete func())
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReader(r)} }

var errTooLong = errors.New("the line is too long")

// next returns the next line without its end. io.EOF: the other end has closed between two lines.
func (l *lines) next(most int) ([]byte, error) {
	if _, err := l.r.Peek(1); err != nil {
		return nil, err
	}
	if l.begun != nil {
		defer l.begun()()
	}
	var line []byte
	for {
		part, err := l.r.ReadSlice('\n')
		if len(line)+len(part) > most+1 {
			return nil, fmt.Errorf("%w: more than %d bytes", errTooLong, most)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// writeLine writes one line. It returns an error for one that the other end would not read.
func writeLine(w io.Writer, v any, most int) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode line: %w", err)
	}
	if len(b) > most {
		return fmt.Errorf("encode line: %w: %d bytes", errTooLong, len(b))
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write line: %w", err)
	}
	return nil
}

// parseReply reads a line of a sink that has said hello. What it doesn't know it skips: a newer fingerprint may say more.
func parseReply(line []byte) (reply, error) {
	var r reply
	if err := json.Unmarshal(line, &r); err != nil {
		return reply{}, fmt.Errorf("read reply: %w", err)
	}
	return r, nil
}
