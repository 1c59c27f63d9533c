package kerneltest

import (
	"slices"
	"strings"
	"testing"
)

// good is what a guest says where all is well.
func good() (Hello, []Result) {
	hello := Hello{Kernel: "6.1.0", ULPs: "mptcp tls", Modules: []Module{{File: "tls.ko"}}}
	return hello, []Result{
		{Step: StepList, Output: `{"schema": 1, "paths": [
			{"id": "read-write", "source": "file", "status": "available", "reason": ""},
			{"id": "uring-send", "source": "memory", "status": "available", "reason": ""},
			{"id": "ktls-sendfile", "status": "available", "reason": ""},
			{"id": "newer", "status": "unavailable", "reason": "needs Linux 7"},
			{"id": "null", "status": "available", "reason": ""}],
			"receivers": [{"id": "recv", "status": "available", "reason": ""}],
			"links": [{"id": "veth", "status": "available", "reason": ""}],
			"write_methods": [{"id": "direct", "status": "available", "reason": ""}]}`},
		{Step: StepTest + "copylab/copypaths", Output: `=== RUN   TestBytes
=== RUN   TestBytes/read-write/chunk=1
=== RUN   TestBytes/memory/uring-send
=== RUN   TestBytes/ktls-sendfile
=== RUN   TestBytes/newer
    bytes_test.go:12: needs a newer kernel
--- PASS: TestBytes (7.50s)
    --- PASS: TestBytes/read-write/chunk=1 (0.10s)
    --- PASS: TestBytes/memory/uring-send (0.10s)
    --- PASS: TestBytes/ktls-sendfile (0.10s)
    --- SKIP: TestBytes/newer (0.00s)
PASS
`},
		{Step: StepTest + "copylab/copypaths/receivers", Output: "=== RUN   TestTake/recv\n--- PASS: TestTake (0.00s)\n    --- PASS: TestTake/recv (0.00s)\n"},
		{Step: StepRun + "all-paths", File: `{"cases": [
			{"label": "read-write", "status": "measured", "params": {"path": "read-write", "receiver": "recv"}, "evidence": {"verified": "e1e4d0302195f773"}},
			{"label": "uring-send", "status": "measured", "params": {"path": "uring-send", "source": "memory"}, "evidence": {"verified": "e1e4d0302195f773"}},
			{"label": "ktls-sendfile", "status": "not reached", "params": {"path": "ktls-sendfile", "source": "file"}, "evidence": {"verified": "e1e4d0302195f773"}},
			{"label": "newer", "status": "unavailable", "reason": "needs Linux 7", "params": {"path": "newer"}, "evidence": {"verified": ""}}]}`},
	}
}

func TestJudgeOfGood(t *testing.T) {
	j := Judge(good())
	if len(j.Failures) != 0 {
		t.Errorf("failures %q", j.Failures)
	}
	if j.Tests != 2 || len(j.Slow) != 1 || j.Slow[0].Name != "TestBytes" || j.Slow[0].Seconds != 7.5 {
		t.Errorf("%d tests passed, slow are %v; want 2, and TestBytes", j.Tests, j.Slow)
	}
	if want := []Skip{{"copylab/copypaths TestBytes/newer", "needs a newer kernel"}}; !slices.Equal(j.Skips, want) {
		t.Errorf("skips %q, want %q", j.Skips, want)
	}
	var got []string
	for _, p := range j.Paths {
		got = append(got, p.Name()+": "+strings.Repeat("p", p.Passed)+strings.Repeat("s", p.Skipped)+" "+p.Run)
	}
	want := []string{"read-write: p measured", "uring-send (memory): p measured", "ktls-sendfile: p verified", "newer: s unavailable", "null:  "}
	if !slices.Equal(got, want) {
		t.Errorf("paths %q, want %q", got, want)
	}
}

// TestJudgeOfBad changes one thing at a time.
func TestJudgeOfBad(t *testing.T) {
	for _, c := range []struct {
		step, old, new string // in the step's output, or its file
		want           string
	}{
		{StepList, `"id": "newer", "status": "unavailable"`, `"id": "newer", "status": "available"`, "newer is available, and no test of it passed"},
		{StepList, `"id": "newer", "status": "unavailable"`, `"id": "newer", "status": "available"`, "run all-paths: newer is unavailable (needs Linux 7), and list paths says that it is available"},
		{StepList, `"id": "read-write", "source": "file", "status": "available"`, `"id": "read-write", "status": "unknown"`, "read-write: its probe could not tell"},
		{StepList, `"id": "ktls-sendfile", "status": "available"`, `"id": "ktls-sendfile", "status": "unavailable"`, "ktls-sendfile must be available"},
		{StepList, `"id": "read-write", "source": "file", "status": "available", "reason": ""`, `"id": "read-write", "status": "unavailable", "reason": "no"`, "run all-paths: read-write was measured, and list paths says that it is unavailable: no"},
		{StepList, `{"schema"`, `panic`, "list: read its JSON"},
		{StepList, `{"id": "recv", "status": "available", "reason": ""}`, ``, "list: there are no receivers"},
		{StepList, `"id": "veth", "status": "available"`, `"id": "veth", "status": "unavailable"`, "link veth must be available"},
		{StepList, `"id": "direct", "status": "available"`, `"id": "direct", "status": "unknown"`, "direct: its probe could not tell"},
		{StepList, `"recv"`, `"file"`, "file is available, and no test of it passed"},
		{StepTest + "copylab/copypaths", "--- PASS: TestBytes/read-write/chunk=1", "--- FAIL: TestBytes/read-write/chunk=1", "copylab/copypaths TestBytes/read-write/chunk=1:"},
		{StepTest + "copylab/copypaths", "--- PASS: TestBytes/memory/uring-send", "--- SKIP: TestBytes/memory/uring-send", "uring-send (memory) is available, and no test of it passed"},
		{StepTest + "copylab/copypaths", "/memory/uring-send", "/uring-send", "uring-send (memory) is available, and no test of it passed"},
		{StepRun + "all-paths", `"label": "read-write", "status": "measured"`, `"label": "read-write", "status": "failed", "reason": "write: broken pipe"`, "run all-paths: read-write failed: write: broken pipe"},
		{StepRun + "all-paths", `"path": "read-write", "receiver": "recv"}, "evidence": {"verified": "e1e4d0302195f773"}`, `"path": "read-write"}, "evidence": {"verified": "not verified: no"}`, "run all-paths: read-write was measured and its bytes were not verified: not verified: no"},
		{StepRun + "all-paths", `"source": "file"}, "evidence": {"verified": "e1e4d0302195f773"}`, `"source": "file"}, "evidence": {"verified": ""}`, "run all-paths: ktls-sendfile not reached"},
		{StepRun + "all-paths", `"path": "read-write"`, `"path": "sendfile"`, "read-write is available, and no run tried it"},
		{StepRun + "all-paths", `"path": "uring-send", "source": "memory"`, `"path": "uring-send"`, "uring-send (memory) is available, and no run tried it"},
		{StepRun + "all-paths", `{"cases"`, `{"other"`, "run all-paths: its summary.json has no cases"},
	} {
		hello, results := good()
		changed := false
		for i := range results {
			if r := &results[i]; r.Step == c.step {
				output, file := r.Output, r.File
				r.Output, r.File = strings.ReplaceAll(r.Output, c.old, c.new), strings.ReplaceAll(r.File, c.old, c.new)
				changed = r.Output != output || r.File != file
			}
		}
		if !changed {
			t.Errorf("%s does not hold %s", c.step, c.old)
		}
		if j := Judge(hello, results); !anyHas(j.Failures, c.want) {
			t.Errorf("%s with %s: failures %q, want %q", c.step, c.new, j.Failures, c.want)
		}
	}
}

func TestJudgeOfTheGuest(t *testing.T) {
	hello, results := good()
	hello.ULPs, hello.Modules[0].Error = "mptcp", "finit_module: exec format error"
	results[0].Exit, results[0].Errors = 1, "copylab: something\ncopylab: broke"
	results[1].Exit, results[1].Error = -1, "not done after 8m0s, and killed"
	j := Judge(hello, results)
	for _, want := range []string{
		`kernel TLS: net.ipv4.tcp_available_ulp is "mptcp"`, "kernel module tls.ko: finit_module: exec format error",
		"list: exit status 1 : copylab: broke", "test copylab/copypaths: exit status -1 not done after 8m0s, and killed",
	} {
		if !anyHas(j.Failures, want) {
			t.Errorf("failures %q, want %q", j.Failures, want)
		}
	}
}

func TestResultOK(t *testing.T) {
	for _, c := range []struct {
		r    Result
		want bool
	}{
		{Result{}, true}, {Result{Exit: 1}, false}, {Result{Exit: -1, Error: "killed"}, false}, {Result{Error: "no file"}, false},
		{Result{Exit: 130}, false}, {Result{Exit: 130, Enough: true}, true}, {Result{Exit: 1, Enough: true}, false}, {Result{Enough: true}, true},
	} {
		if c.r.OK() != c.want {
			t.Errorf("%+v: %v", c.r, c.r.OK())
		}
	}
}

func anyHas(all []string, want string) bool {
	return slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, want) })
}

func TestParseTests(t *testing.T) {
	got := ParseTests(`=== RUN   TestA
=== RUN   TestA/one_(of_two)
    a_test.go:3: first
    a_test.go:4: second
=== RUN   TestA/two
=== NAME  TestA/one_(of_two)
    a_test.go:5: third
--- FAIL: TestA (1.25s)
    --- FAIL: TestA/one_(of_two) (1.00s)
    --- SKIP: TestA/two (0.00s)
=== RUN   TestB
panic: not a test's line
--- PASS: ExampleC (0.19s)
FAIL
`)
	want := []Test{
		{"TestA", "FAIL", 1.25, ""},
		{"TestA/one_(of_two)", "FAIL", 1, "first; second; third"},
		{"TestA/two", "SKIP", 0, ""},
		{"ExampleC", "PASS", 0.19, ""},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
