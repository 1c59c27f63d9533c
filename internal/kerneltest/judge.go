package kerneltest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The names of the steps that Judge knows. A step of another name has only to exit with 0.
const (
	StepList = "list"
	StepRun  = "run "  // and what follows is the scenario; its File is a summary.json
	StepTest = "test " // and what follows is the package, and perhaps which of its tests
)

// Item is a path, a receiver, a link or a write method in what `copylab list --json` prints.
type Item struct {
	ID     string `json:"id"`
	Source string `json:"source"` // of a path: "file" if it is empty
	Status string `json:"status"` // available, unavailable, unknown
	Reason string `json:"reason"`
}

// Name tells an Item from those of the same ID and another source.
func (i Item) Name() string {
	if i.Source == "" || i.Source == "file" {
		return i.ID
	}
	return i.ID + " (" + i.Source + ")"
}

// Checked is an Item with what the checks found.
type Checked struct {
	Item
	Passed, Skipped, Failed int // tests of it
	// Run is what a run says of it: measured, verified (and timed no further than the warm-up), unavailable, failed, not reached;
	// empty where it took no part.
	Run string
}

// Skip is a test that was not run.
type Skip struct{ Test, Why string }

// Judgement is what the checks found. No Failures is what is hoped for.
type Judgement struct {
	Paths, Receivers []Checked
	Links, Methods   []Checked // which no test here is asked for
	Skips            []Skip
	Tests            int    // that passed, those within others not counted
	Slow             []Test // the slowest, those within others not counted
	Failures         []string
}

// nullPath moves nothing: there is nothing to verify.
const nullPath = "null"

// Kernel modules are loaded on purpose: what needs them must then be there.
const (
	ulpTLS   = "tls"
	pathKTLS = "ktls-sendfile"
	linkVeth = "veth"
)

// OK tells whether the command did what it should.
func (r Result) OK() bool {
	return r.Error == "" && (r.Exit == 0 || r.Enough && r.Exit == exitInterrupted)
}

// exitInterrupted is copylab's exit status after Ctrl-C.
const exitInterrupted = 130

// Judge says what the results mean: every command has to succeed, every test to pass or to say why it can't run, and
// what the kernel offers has to be verified, by the tests and in runs. Anything less is a failure.
func Judge(hello Hello, results []Result) Judgement {
	j := &Judgement{}
	for _, m := range hello.Modules {
		if m.Error != "" {
			j.fail("kernel module %s: %s", m.File, m.Error)
		}
	}
	if !slices.Contains(strings.Fields(hello.ULPs), ulpTLS) {
		j.fail("kernel TLS: net.ipv4.tcp_available_ulp is %q, without %s", hello.ULPs, ulpTLS)
	}
	for _, r := range results {
		if !r.OK() {
			j.fail("%s: exit status %d %s: %s", r.Step, r.Exit, r.Error, lastLine(r.Errors))
		}
	}
	for _, r := range results {
		if r.Step == StepList {
			j.list(r)
		}
	}
	for _, r := range results {
		switch {
		case strings.HasPrefix(r.Step, StepTest):
			j.tests(strings.TrimPrefix(r.Step, StepTest), ParseTests(r.Output))
		case strings.HasPrefix(r.Step, StepRun):
			j.run(r)
		}
	}
	j.demand()
	return *j
}

func (j *Judgement) fail(format string, args ...any) {
	j.Failures = append(j.Failures, strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (j *Judgement) list(r Result) {
	var l struct {
		Paths     []Item `json:"paths"`
		Receivers []Item `json:"receivers"`
		Links     []Item `json:"links"`
		Methods   []Item `json:"write_methods"`
	}
	if err := json.Unmarshal([]byte(r.Output), &l); err != nil {
		j.fail("%s: read its JSON: %v", r.Step, err)
		return
	}
	for _, g := range []struct {
		what  string
		items []Item
		to    *[]Checked
	}{{"paths", l.Paths, &j.Paths}, {"receivers", l.Receivers, &j.Receivers}, {"links", l.Links, &j.Links}, {"write methods", l.Methods, &j.Methods}} {
		if len(g.items) == 0 {
			j.fail("%s: there are no %s", r.Step, g.what)
		}
		for _, i := range g.items {
			*g.to = append(*g.to, Checked{Item: i})
		}
	}
}

// tests counts each test for the paths and receivers that its name holds.
func (j *Judgement) tests(pkg string, tests []Test) {
	for _, t := range tests {
		parts := strings.Split(t.Name, "/")
		if len(parts) == 1 && t.Seconds >= slow {
			j.Slow = append(j.Slow, t)
		}
		switch t.Outcome {
		case "PASS":
			if len(parts) == 1 {
				j.Tests++
			}
		case "SKIP":
			j.Skips = append(j.Skips, Skip{pkg + " " + t.Name, t.Why})
		case "FAIL":
			if !within(tests, t.Name) {
				j.fail("%s %s: %s", pkg, t.Name, t.Why)
			}
		}
		for _, group := range [][]Checked{j.Paths, j.Receivers} {
			for i := range group {
				if !names(parts, group[i].Item) {
					continue
				}
				switch t.Outcome {
				case "PASS":
					group[i].Passed++
				case "SKIP":
					group[i].Skipped++
				case "FAIL":
					group[i].Failed++
				}
			}
		}
	}
}

// within tells whether a test failed because one within it did.
func within(tests []Test, name string) bool {
	return slices.ContainsFunc(tests, func(t Test) bool { return t.Outcome == "FAIL" && strings.HasPrefix(t.Name, name+"/") })
}

// slow is how many seconds a test takes that is shown.
const slow = 5

// names tells whether a test's name holds the item: its ID as one part, and the source as another unless it is a file.
func names(parts []string, i Item) bool {
	return slices.Contains(parts[1:], i.ID) && slices.Contains(parts, "memory") == (i.Source == "memory")
}

// run reads what a run says of each path.
func (j *Judgement) run(r Result) {
	var summary struct {
		Cases []struct {
			Label  string `json:"label"`
			Status string `json:"status"`
			Reason string `json:"reason"`
			Params struct {
				Path     string `json:"path"`
				Source   string `json:"source"`
				Receiver string `json:"receiver"`
			} `json:"params"`
			Evidence struct {
				Verified string `json:"verified"`
			} `json:"evidence"`
		} `json:"cases"`
	}
	if err := json.Unmarshal([]byte(r.File), &summary); err != nil {
		j.fail("%s: read its summary.json: %v", r.Step, err)
		return
	}
	if len(summary.Cases) == 0 {
		j.fail("%s: its summary.json has no cases", r.Step)
	}
	for _, c := range summary.Cases {
		p := j.path(c.Params.Path, c.Params.Source)
		verified := c.Evidence.Verified != "" && !strings.HasPrefix(c.Evidence.Verified, "not verified")
		if p != nil && p.Run != "failed" {
			p.Run = c.Status
			if c.Status == "not reached" && verified {
				p.Run = "verified"
			}
		}
		switch {
		case c.Status == "failed" || c.Status == "not reached" && !verified:
			j.fail("%s: %s %s: %s", r.Step, c.Label, c.Status, c.Reason)
		case c.Status == "unavailable" && p != nil && p.Status == "available":
			j.fail("%s: %s is unavailable (%s), and list paths says that it is available", r.Step, c.Label, c.Reason)
		case c.Status == "measured" && p != nil && p.Status == "unavailable":
			j.fail("%s: %s was measured, and list paths says that it is unavailable: %s", r.Step, c.Label, p.Reason)
		case c.Status == "measured" && !verified:
			j.fail("%s: %s was measured and its bytes were not verified: %s", r.Step, c.Label, c.Evidence.Verified)
		}
	}
}

func (j *Judgement) path(id, source string) *Checked {
	for i := range j.Paths {
		if p := &j.Paths[i]; p.Name() == (Item{ID: id, Source: source}).Name() {
			return p
		}
	}
	return nil
}

// demand looks for what is available and was not checked.
func (j *Judgement) demand() {
	for _, i := range slices.Concat(j.Paths, j.Receivers, j.Links, j.Methods) {
		if i.Status == "unknown" {
			j.fail("%s: its probe could not tell whether it is available: %s", i.Name(), i.Reason)
		}
	}
	for _, p := range slices.Concat(j.Paths, j.Receivers) {
		switch {
		case p.Status == "available" && p.ID != nullPath && p.Passed == 0:
			j.fail("%s is available, and no test of it passed", p.Name())
		}
	}
	for _, l := range j.Links {
		if l.ID == linkVeth && l.Status != "available" {
			j.fail("link %s must be available, for its kernel module is loaded; it is %s: %s", l.ID, l.Status, l.Reason)
		}
	}
	for _, p := range j.Paths {
		switch {
		case p.Status == "available" && p.ID != nullPath && p.Run == "":
			j.fail("%s is available, and no run tried it", p.Name())
		case p.ID == pathKTLS && p.Status != "available":
			j.fail("%s must be available, for its kernel module is loaded; it is %s: %s", p.Name(), p.Status, p.Reason)
		}
	}
}

// Test is one line of what a test binary prints with -test.v.
type Test struct {
	Name    string
	Outcome string // PASS, FAIL, SKIP
	Seconds float64
	Why     string // what the test printed
}

var (
	startLine   = regexp.MustCompile(`^=== (?:RUN|NAME|CONT)\s+(\S.*)$`)
	outcomeLine = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (.*) \(([0-9.]+)s\)$`)
	logLine     = regexp.MustCompile(`^\s+\S+\.go:\d+: (.*)$`)
)

// ParseTests reads the output of a test binary that was run with -test.v. What happens outside of a test, such as a
// panic or a leak that is found after all of them, is only in the exit status.
func ParseTests(output string) []Test {
	var tests []Test
	said := map[string][]string{}
	at := ""
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		if m := startLine.FindStringSubmatch(line); m != nil {
			at = m[1]
		} else if m := outcomeLine.FindStringSubmatch(line); m != nil {
			seconds, _ := strconv.ParseFloat(m[3], 64) // what does not parse took no time worth showing
			tests = append(tests, Test{Name: m[2], Outcome: m[1], Seconds: seconds})
		} else if m := logLine.FindStringSubmatch(line); m != nil {
			said[at] = append(said[at], m[1])
		}
	}
	for i := range tests {
		tests[i].Why = strings.Join(said[tests[i].Name], "; ")
	}
	return tests
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
