// Package stages says on what CPU time was spent, in the words of a path's diagram: copies, page-cache lookup, TCP/IP and so on.
// It judges sampled stacks by one table of rules over the names of the kernel's functions (Table).
//
// A stack that no rule fits is Other. So a kernel whose functions are named differently shows a large Other, and never a wrong
// stage: what looks like a copy is one only where a rule knows the function that copies and, since the same one copies to many places,
// the function that called it.
package stages

import (
	"slices"
	"strings"
)

// Stage is what CPU time was spent on.
type Stage string

// The stages.
const (
	CopyCacheToProgram   Stage = "copy page cache to program"
	CopyInProgram        Stage = "copy within program" // gathering a message
	CopyProgramToSocket  Stage = "copy program to socket"
	CopySocketToReceiver Stage = "copy socket to receiver"
	CopyDeferred         Stage = "deferred zero-copy copy"   // what a zero-copy send put off, and had to be copied after all
	CopyToSegments       Stage = "copy into linear segments" // for a network card that can't gather (no scatter-gather)
	CopyProgramToCache   Stage = "copy program to page cache"
	PassPages            Stage = "pass pages by reference" // splicing, and pinning a program's pages: what takes a copy's place
	CacheLookup          Stage = "page-cache lookup"
	PageFaults           Stage = "page faults"
	Encryption           Stage = "encryption"
	TCPIP                Stage = "TCP/IP"
	SoftInterrupts       Stage = "driver and soft interrupts"
	Filesystem           Stage = "filesystem"
	BlockLayer           Stage = "block layer"
	MemoryManagement     Stage = "memory management"
	IOUring              Stage = "io_uring" // submitting to it and completing, not what it is asked to do
	Syscalls             Stage = "syscall entry and exit"
	Scheduling           Stage = "scheduling"
	Program              Stage = "program"
	Unsampled            Stage = "not sampled" // CPU time that the kernel counted and no sample stands for: no rule says so
	Idle                 Stage = "idle"
	Other                Stage = "other" // what no rule fits
)

// All lists the stages in the order in which charts stack them: copies first, Other last.
func All() []Stage {
	return []Stage{
		CopyCacheToProgram, CopyInProgram, CopyProgramToSocket, CopySocketToReceiver, CopyDeferred, CopyToSegments, CopyProgramToCache,
		PassPages, CacheLookup, PageFaults, Encryption, TCPIP, SoftInterrupts, Filesystem, BlockLayer, MemoryManagement,
		IOUring, Syscalls, Scheduling, Program, Unsampled, Idle, Other,
	}
}

// Copies tells whether the stage moves a transfer's bytes by the CPU.
func (s Stage) Copies() bool {
	switch s {
	case CopyCacheToProgram, CopyInProgram, CopyProgramToSocket, CopySocketToReceiver, CopyDeferred, CopyToSegments, CopyProgramToCache:
		return true
	}
	return false
}

// Classifier judges stacks by a table of rules. It is safe for use by several goroutines.
type Classifier struct {
	rules                []compiled
	transparent, entries patterns
}

type compiled struct {
	Rule
	leaf, callers patterns
}

// NewClassifier readies the rules of Table.
func NewClassifier() *Classifier { return newClassifier(Table()) }

func newClassifier(table []Rule) *Classifier {
	c := &Classifier{transparent: compile(Transparent()), entries: compile(Entries())}
	for _, r := range table {
		c.rules = append(c.rules, compiled{Rule: r, leaf: compile(r.Leaf), callers: compile(r.Callers)})
	}
	return c
}

// Classify says what a sample was spent on. Both stacks have the innermost function first: the kernel's, empty where the sample hit in
// user mode, and the program's. The program's functions never stand for the kernel's.
func (c *Classifier) Classify(kernel, user []string) Stage {
	stage, _ := c.judge(kernel, user)
	return stage
}

// judge also returns the rule's number in the table; -1 where none fits.
func (c *Classifier) judge(kernel, user []string) (Stage, int) {
	if len(kernel) == 0 {
		if len(user) == 0 {
			return Other, -1
		}
		for i, r := range c.rules {
			if r.InProgram && r.leaf.match(user[0]) && (len(r.Callers) == 0 || slices.ContainsFunc(user[1:], r.callers.match)) {
				return r.Stage, i
			}
		}
		return Program, -1
	}
	names := make([]string, 0, 64)
	leaf := -1 // of names, the first that time is charged to
	for _, k := range kernel {
		name := plain(k)
		names = append(names, name)
		if leaf < 0 && !c.transparent.match(name) {
			leaf = len(names) - 1
		}
		if c.entries.match(name) { // what called it has nothing to do with it
			break
		}
	}
	if leaf < 0 {
		leaf = len(names) - 1
	}
	unknownCopy := looksLikeCopy(names[leaf])
	for i, r := range c.rules {
		switch {
		case r.InProgram:
		case len(r.Leaf) == 0:
			if !unknownCopy && slices.ContainsFunc(names, r.callers.match) {
				return r.Stage, i
			}
		case slices.ContainsFunc(names[:leaf+1], r.leaf.match) &&
			(len(r.Callers) == 0 || slices.ContainsFunc(names[1:], r.callers.match)):
			return r.Stage, i
		}
	}
	return Other, -1
}

// plain is a function's name without its module, and without what the compiler adds to the parts of a function that it
// splits or adapts.
func plain(name string) string {
	name, _, _ = strings.Cut(name, " [")
	if i := strings.IndexByte(name, '.'); i > 0 {
		name = name[:i] // no name in C holds a dot
	}
	return name
}

// looksLikeCopy tells of a function that may move a transfer's bytes, so that it must not be taken for a part of what called it.
func looksLikeCopy(name string) bool {
	return strings.Contains(name, "copy") || strings.Contains(name, "memmove") || strings.Contains(name, "rep_movs")
}

// patterns match names: whole ones quickly, and those that begin or end with a *.
type patterns struct {
	whole              map[string]bool
	prefixes, suffixes []string
}

func compile(list []Name) patterns {
	p := patterns{whole: map[string]bool{}}
	for _, n := range list {
		one := n.Pattern
		if rest, ok := strings.CutSuffix(one, "*"); ok {
			p.prefixes = append(p.prefixes, rest)
		} else if rest, ok := strings.CutPrefix(one, "*"); ok {
			p.suffixes = append(p.suffixes, rest)
		} else {
			p.whole[one] = true
		}
	}
	return p
}

func (p patterns) match(name string) bool {
	if p.whole[name] {
		return true
	}
	for _, prefix := range p.prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	for _, suffix := range p.suffixes {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}
