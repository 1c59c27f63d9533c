package diskwrite

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"copylab/internal/kernel"
)

// SyncCall names the system call that makes a file durable.
type SyncCall string

// The sync calls.
const (
	// Fdatasync writes the file's data, and of its metadata only what reading it back needs: fdatasync(2).
	Fdatasync SyncCall = "fdatasync"
	// Fsync writes the file's data and all of its metadata: fsync(2). On Windows it is FlushFileBuffers. On macOS it does
	// not make the drive write its cache to the medium, so that nothing is reported as durable there: see Fullfsync.
	Fsync SyncCall = "fsync"
	// Fullfsync is what Fsync is elsewhere, on macOS: fcntl(2) with F_FULLFSYNC, which makes the drive write its cache to
	// the medium. Go's own File.Sync uses it there.
	Fullfsync SyncCall = "fullfsync"
	// SyncFileRange starts the write-back of the file's data and waits for it: sync_file_range(2). It writes no metadata and
	// makes no drive write its cache to the medium, so that nothing is durable after it.
	SyncFileRange SyncCall = "sync_file_range"
)

// SyncCalls lists every sync call.
func SyncCalls() []SyncCall { return []SyncCall{Fdatasync, Fsync, Fullfsync, SyncFileRange} }

// Status tells whether this operating system has the call.
func (c SyncCall) Status() Status {
	switch c {
	case Fsync:
		return kernel.Available()
	case Fdatasync:
		if noFdatasync == "" {
			return kernel.Available()
		}
		return kernel.Unavailable("%s", noFdatasync)
	case Fullfsync:
		if noFullfsync == "" {
			return kernel.Available()
		}
		return kernel.Unavailable("%s", noFullfsync)
	case SyncFileRange:
		if noSyncFileRange == "" {
			return kernel.Available()
		}
		return kernel.Unavailable("%s", noSyncFileRange)
	}
	return kernel.Unavailable("there is no sync call %q: choose %s", string(c), syncCallWords())
}

// Durable tells whether what was written is on the medium, as far as the kernel can know, once the call has returned. why
// says why not; it is empty otherwise. A File knows more: see File.Durable.
func (c SyncCall) Durable() (durable bool, why string) {
	switch {
	case c == SyncFileRange:
		return false, "sync_file_range(2) writes no metadata, and does not make the drive write its cache to the medium"
	case c == Fsync && syncKeepsDriveCache != "":
		return false, syncKeepsDriveCache
	}
	return true, ""
}

func syncCallWords() string {
	var words []string
	for _, c := range SyncCalls() {
		words = append(words, string(c))
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// PolicyID names when blocks are made durable.
type PolicyID string

// The sync policies.
const (
	SyncNone     PolicyID = "none"
	SyncEnd      PolicyID = "end"
	SyncEvery    PolicyID = "every=N"
	SyncInterval PolicyID = "interval=T"
	SyncGroup    PolicyID = "group"
)

// PolicyKind is one line of the list of sync policies.
type PolicyKind struct {
	ID    PolicyID
	Title string
}

// Policies lists every sync policy, in the order in which lists and charts show them.
func Policies() []PolicyKind {
	return []PolicyKind{
		{ID: SyncNone, Title: "never sync: the kernel writes when it likes"},
		{ID: SyncEnd, Title: "sync once, after the last write"},
		{ID: SyncEvery, Title: "sync after every N writes of a writer, and after the last"},
		{ID: SyncInterval, Title: "sync after the first write of a writer that ends T or more after its last sync, and after the last, T being a time such as 100ms"},
		{ID: SyncGroup, Title: "no writer goes on before its write is durable; one sync serves all writers that wait"},
	}
}

// Policy says when blocks are made durable. Its text form is "none", "end", "every=32", "interval=100ms" or "group".
//
// With several writers, every and interval hold for each of them by itself, like the options fsync and fdatasync of
// fio's jobs: a writer syncs the files that it wrote to since its own last sync. What is left after the last write, all
// writers' together, is synced once.
//
// With group, a writer waits after each write for a sync that began after its write had ended. Where none is under way, it
// makes one itself, which serves every other write that has ended by then; where one is, it waits for the next.
type Policy struct {
	ID PolicyID
	// Every is the number of writes between two syncs; only with SyncEvery.
	Every int64
	// Interval is the time from the start, or from the end of a sync, until the next one is due; only with SyncInterval.
	Interval time.Duration
}

// policyForms lists the text forms for messages.
const policyForms = "none, end, every=N, interval=T or group"

// ParsePolicy reads a policy's text form.
func ParsePolicy(text string) (Policy, error) {
	switch id := PolicyID(text); id {
	case SyncNone, SyncEnd, SyncGroup:
		return Policy{ID: id}, nil
	}
	var p Policy
	word, value, _ := strings.Cut(text, "=")
	switch {
	case word == "every" && text != word:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return Policy{}, fmt.Errorf("parse sync policy %q: want a whole number of writes after every=, for example every=32", text)
		}
		p = Policy{ID: SyncEvery, Every: n}
	case word == "interval" && text != word:
		t, err := time.ParseDuration(value)
		if err != nil {
			return Policy{}, fmt.Errorf("parse sync policy %q: want a time with its unit after interval=, for example interval=100ms", text)
		}
		p = Policy{ID: SyncInterval, Interval: t}
	default:
		return Policy{}, fmt.Errorf("parse sync policy %q: want %s, for example every=32 or interval=100ms", text, policyForms)
	}
	if err := p.Validate(); err != nil {
		return Policy{}, fmt.Errorf("parse sync policy %q: %w", text, err)
	}
	return p, nil
}

// Validate tells what is wrong with the policy, and what to do about it.
func (p Policy) Validate() error {
	switch {
	case p.ID == SyncEvery && p.Every < 1:
		return fmt.Errorf("every %d writes is impossible: N must be at least 1; every=1 syncs after each write", p.Every)
	case p.ID != SyncEvery && p.Every != 0:
		return fmt.Errorf("every %d writes does not go with policy %q: leave Every at 0, or choose every=N", p.Every, string(p.ID))
	case p.ID == SyncInterval && p.Interval < 1:
		return fmt.Errorf("an interval of %v is impossible: T must be more than nothing; every=1 syncs after each write", p.Interval)
	case p.ID != SyncInterval && p.Interval != 0:
		return fmt.Errorf("an interval of %v does not go with policy %q: leave Interval at 0, or choose interval=T", p.Interval, string(p.ID))
	case !slices.ContainsFunc(Policies(), func(k PolicyKind) bool { return k.ID == p.ID }):
		return fmt.Errorf("there is no sync policy %q: choose %s", string(p.ID), policyForms)
	}
	return nil
}

// String is the policy's text form.
func (p Policy) String() string {
	switch p.ID {
	case SyncEvery:
		return "every=" + strconv.FormatInt(p.Every, 10)
	case SyncInterval:
		return "interval=" + shortTime(p.Interval)
	}
	return string(p.ID)
}

// shortTime is the time's text without the zeros that Go puts behind whole minutes and hours: 1m, not 1m0s.
func shortTime(t time.Duration) string {
	text := t.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText writes the policy's text form.
func (p Policy) MarshalText() ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("write sync policy: %w", err)
	}
	return []byte(p.String()), nil
}

// UnmarshalText reads the policy's text form.
func (p *Policy) UnmarshalText(text []byte) error {
	got, err := ParsePolicy(string(text))
	if err != nil {
		return err
	}
	*p = got
	return nil
}
