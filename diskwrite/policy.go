package diskwrite

import (
	"fmt"
	"strconv"
	"strings"

	"copylab/internal/kernel"
)

// SyncCall names the system call that makes a file durable.
type SyncCall string

// The sync calls.
const (
	// Fdatasync writes the file's data, and of its metadata only what reading it back needs: fdatasync(2).
	Fdatasync SyncCall = "fdatasync"
	// Fsync writes the file's data and all of its metadata: fsync(2). On Windows it is FlushFileBuffers. On macOS it does
	// not make the drive write its cache to the medium, so that nothing is reported as durable there; Go's own File.Sync
	// uses F_FULLFSYNC instead.
	Fsync SyncCall = "fsync"
)

// SyncCalls lists every sync call.
func SyncCalls() []SyncCall { return []SyncCall{Fdatasync, Fsync} }

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
	}
	return kernel.Unavailable("there is no sync call %q: choose fdatasync or fsync", string(c))
}

// PolicyID names when blocks are made durable.
type PolicyID string

// The sync policies.
const (
	SyncNone  PolicyID = "none"
	SyncEnd   PolicyID = "end"
	SyncEvery PolicyID = "every=N"
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
		{ID: SyncEvery, Title: "sync after every N writes, and after the last"},
	}
}

// Policy says when blocks are made durable. Its text form is "none", "end" or "every=32".
type Policy struct {
	ID PolicyID
	// Every is the number of writes between two syncs; only with SyncEvery.
	Every int64
}

// ParsePolicy reads a policy's text form.
func ParsePolicy(text string) (Policy, error) {
	switch PolicyID(text) {
	case SyncNone:
		return Policy{ID: SyncNone}, nil
	case SyncEnd:
		return Policy{ID: SyncEnd}, nil
	}
	number, ok := strings.CutPrefix(text, "every=")
	if !ok {
		return Policy{}, fmt.Errorf("parse sync policy %q: want none, end or every=N, for example every=32", text)
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return Policy{}, fmt.Errorf("parse sync policy %q: want a whole number of writes after every=, for example every=32", text)
	}
	p := Policy{ID: SyncEvery, Every: n}
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
	case p.ID != SyncNone && p.ID != SyncEnd && p.ID != SyncEvery:
		return fmt.Errorf("there is no sync policy %q: choose none, end or every=N", string(p.ID))
	}
	return nil
}

// String is the policy's text form.
func (p Policy) String() string {
	if p.ID == SyncEvery {
		return "every=" + strconv.FormatInt(p.Every, 10)
	}
	return string(p.ID)
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
