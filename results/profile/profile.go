// Package profile holds where CPU time was spent: stacks of function names, and how often each was sampled. Profiles of several
// passes merge, and are written as folded lines, as JSON, or as a pprof file.
package profile

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"copylab/internal/kernel"
)

// Stack is where a thread was: in the kernel, and in the program that called it. The innermost function comes first.
type Stack struct {
	Thread string   // the thread's name, without numbers: "copylab", "iou-wrk", "ksoftirqd", "idle"
	Kernel []string // empty in user mode; "tls_sw_sendmsg [tls]" is a module's
	User   []string // empty for threads of the kernel
}

// Counted is a stack and how many samples hit it.
type Counted struct {
	Stack
	Count int64
}

// Profile counts samples by stack. It is used by one goroutine at a time.
type Profile struct {
	PeriodNS int64 // CPU time between two samples
	ClockNS  int64 // CPU time that was sampled, see kernel.Samples
	// Missed are samples that were taken, or due, and are not in the profile: no room for them, or for their stacks.
	Missed int64
	// Late are samples that came long after they were due, see kernel.Samples. They are not in the profile. LateUnknown says why they can't be told; empty where they can.
	Late        int64
	LateUnknown string
	counts      map[string]*Counted
}

// New is an empty profile.
func New(periodNS int64) *Profile {
	return &Profile{PeriodNS: periodNS, counts: map[string]*Counted{}}
}

// unnamed stands for addresses that nobody could name.
const (
	unnamedKernel = "[kernel]"
	unnamedUser   = "[unknown]"
)

// FromSamples names what a sampler saw. Either of the symbols may be nil: then addresses of that kind stay unnamed. Where only samples in user mode
// were allowed, the profile holds those.
func FromSamples(s kernel.Samples, k *kernel.KernelSymbols, u *kernel.ProgramSymbols) *Profile {
	p := New(s.PeriodNS)
	p.ClockNS, p.Missed, p.Late, p.LateUnknown = s.ClockNS, s.Lost+s.Unkept, s.Late, s.LateUnknown
	for _, one := range s.Stacks {
		if one.Count == one.Late {
			continue
		}
		stack := Stack{Thread: threadKind(one.Thread)}
		for i, address := range one.Kernel {
			stack.Kernel = append(stack.Kernel, kernelName(k, address, i > 0))
		}
		for i, address := range one.User {
			var names []string
			if u != nil {
				names = u.Find(one.PID, address, i > 0)
			}
			if len(names) == 0 { // of several in a row, one says as much
				names = []string{unnamedUser}
				if n := len(stack.User); n > 0 && stack.User[n-1] == unnamedUser {
					names = nil
				}
			}
			stack.User = append(stack.User, names...)
		}
		p.Add(stack, one.Count-one.Late)
	}
	return p
}

// kernelName names an address. One to return to stands behind the call, which may be the function's last instruction.
func kernelName(k *kernel.KernelSymbols, address uint64, returns bool) string {
	if k == nil {
		return unnamedKernel
	}
	if returns {
		address--
	}
	name, module, ok := k.Find(address)
	switch {
	case !ok:
		return unnamedKernel
	case module != "":
		return name + " [" + module + "]"
	}
	return name
}

// threadKind leaves out what tells threads of one kind apart: "iou-wrk-1234", "ksoftirqd/0", "kworker/u8:2-events".
func threadKind(name string) string {
	if i := strings.IndexByte(name, '/'); i > 0 {
		name = name[:i]
	}
	if kind := strings.TrimRight(name, "0123456789"); kind != name {
		if cut := strings.TrimRight(kind, "-_:"); cut != kind && cut != "" {
			name = cut // a number that stands apart
		}
	}
	if name == "" {
		return "ended"
	}
	return name
}

// key is the same for equal stacks only: names hold no zero bytes.
func (s Stack) key() string {
	return s.Thread + "\x00" + strings.Join(s.Kernel, "\x00") + "\x00\x00" + strings.Join(s.User, "\x00")
}

// Add counts n more samples of a stack, which the profile keeps.
func (p *Profile) Add(s Stack, n int64) {
	key := s.key()
	if c := p.counts[key]; c != nil {
		c.Count += n
		return
	}
	p.counts[key] = &Counted{Stack: s, Count: n}
}

// Merge adds what another profile holds. Both must have the same period, since a sample stands for one.
func (p *Profile) Merge(o *Profile) error {
	if o.PeriodNS != p.PeriodNS {
		return fmt.Errorf("merge profiles: one was sampled every %d ns, the other every %d ns", p.PeriodNS, o.PeriodNS)
	}
	p.ClockNS += o.ClockNS
	p.Missed += o.Missed
	p.Late += o.Late
	p.LateUnknown = cmp.Or(p.LateUnknown, o.LateUnknown)
	for _, c := range o.counts {
		p.Add(c.Stack, c.Count)
	}
	return nil
}

// rareStacks stands for what Truncate leaves out.
const rareStacks = "[rare stacks]"

// Truncate keeps the most frequent stacks, and of each thread one more for all the others, so that no sample is lost. It bounds
// what a profile takes.
func (p *Profile) Truncate(most int) {
	all := p.Stacks()
	if len(all) <= most {
		return
	}
	for _, c := range all[most:] {
		delete(p.counts, c.key())
		rest := Stack{Thread: c.Thread, User: []string{rareStacks}}
		if len(c.Kernel) > 0 {
			rest = Stack{Thread: c.Thread, Kernel: []string{rareStacks}}
		}
		p.Add(rest, c.Count)
	}
}

// Total is the number of samples.
func (p *Profile) Total() int64 {
	total := int64(0)
	for _, c := range p.counts {
		total += c.Count
	}
	return total
}

// Stacks lists the stacks, the most frequent first; equal ones by name, so that the order is always the same.
func (p *Profile) Stacks() []Counted {
	keys := make([]string, 0, len(p.counts))
	for key := range p.counts {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := p.counts[b].Count - p.counts[a].Count; d != 0 {
			return int(min(1, max(-1, d)))
		}
		return strings.Compare(a, b)
	})
	all := make([]Counted, len(keys))
	for i, key := range keys {
		all[i] = *p.counts[key]
	}
	return all
}

// document is a profile as JSON: names stand in tables, since stacks share most of them.
type document struct {
	PeriodNS  int64           `json:"period_ns"`
	ClockNS   int64           `json:"clock_ns"`
	Missed    int64           `json:"missed"`
	Late      int64           `json:"late"`
	Unknown   string          `json:"late_unknown,omitempty"`
	Threads   []string        `json:"threads"`
	Functions []string        `json:"functions"`
	Stacks    []documentStack `json:"stacks"`
}

type documentStack struct {
	Thread int   `json:"thread"`
	Kernel []int `json:"kernel,omitempty"`
	User   []int `json:"user,omitempty"`
	Count  int64 `json:"count"`
}

// table numbers names.
type table struct {
	names []string
	index map[string]int
}

func (t *table) add(name string) int {
	i, found := t.index[name]
	if !found {
		if t.index == nil {
			t.index = map[string]int{}
		}
		i = len(t.names)
		t.index[name] = i
		t.names = append(t.names, name)
	}
	return i
}

func (t *table) addAll(names []string) []int {
	numbers := make([]int, len(names))
	for i, name := range names {
		numbers[i] = t.add(name)
	}
	return numbers
}

// MarshalJSON writes the profile; equal ones alike.
func (p *Profile) MarshalJSON() ([]byte, error) {
	var threads, functions table
	d := document{PeriodNS: p.PeriodNS, ClockNS: p.ClockNS, Missed: p.Missed, Late: p.Late, Unknown: p.LateUnknown, Stacks: []documentStack{}}
	for _, c := range p.Stacks() {
		d.Stacks = append(d.Stacks, documentStack{threads.add(c.Thread), functions.addAll(c.Kernel), functions.addAll(c.User), c.Count})
	}
	d.Threads, d.Functions = threads.names, functions.names
	return json.Marshal(d)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Profile) UnmarshalJSON(b []byte) error {
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		return fmt.Errorf("read profile: %w", err)
	}
	of := func(names []string, numbers []int) (found []string, err error) {
		for _, i := range numbers {
			if i < 0 || i >= len(names) {
				return nil, fmt.Errorf("read profile: there is no name %d", i)
			}
			found = append(found, names[i])
		}
		return found, nil
	}
	q := New(d.PeriodNS)
	q.ClockNS, q.Missed, q.Late, q.LateUnknown = d.ClockNS, d.Missed, d.Late, d.Unknown
	for _, s := range d.Stacks {
		thread, err1 := of(d.Threads, []int{s.Thread})
		inKernel, err2 := of(d.Functions, s.Kernel)
		user, err3 := of(d.Functions, s.User)
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
		if s.Count < 0 {
			return fmt.Errorf("read profile: a stack with %d samples", s.Count)
		}
		q.Add(Stack{Thread: thread[0], Kernel: inKernel, User: user}, s.Count)
	}
	*p = *q
	return nil
}
