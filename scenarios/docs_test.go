package scenarios

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const docs = "../docs/scenarios.md"

// Every YAML example of the documentation must parse, and every command line must be one that the library can take.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllStringSubmatch(string(text), -1)
	if len(examples) < 5 {
		t.Errorf("only %d YAML examples found", len(examples))
	}
	for _, e := range examples {
		s, err := Parse("example.yaml", []byte(e[1]))
		if err != nil {
			t.Errorf("%v in\n%s", err, e[1])
			continue
		}
		checkPlan(t, s)
	}

	commands := 0
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "copylab" || words[1] != "run" || strings.HasPrefix(words[2], "./") {
			continue
		}
		commands++
		s, err := Load(words[2])
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		var sets []string
		for i, w := range words {
			if w == "--set" && i+1 < len(words) {
				sets = append(sets, words[i+1])
			}
		}
		if err := s.Set(sets); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		checkPlan(t, s)
	}
	if commands < 4 {
		t.Errorf("only %d commands found", commands)
	}
}

// The tables of the documentation must name every key, with the default that it really has.
func TestDocumentedDefaults(t *testing.T) {
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	// Every key is in force here, at its default.
	s := parse(t, with("transfer: {workload: fetch}\nwrite: {sync: end, patterns: ["+strings.Join(patternWords(), ", ")+"]}\n"))
	var resolved struct {
		Transfer []map[string]any
		Write    []map[string]any
		Measure  map[string]any
		Charts   any
	}
	if err := json.Unmarshal(s.Results().Resolved, &resolved); err != nil {
		t.Fatal(err)
	}
	var searching struct{ Search map[string]any }
	if err := json.Unmarshal(parse(t, with("transfer: {}\nsearch: {}\n")).Results().Resolved, &searching); err != nil {
		t.Fatal(err)
	}
	resolved.Transfer[0]["workload"] = WorkloadStream
	resolved.Write[0]["sync"] = []any{"none"}
	resolved.Write[0]["patterns"] = []any{"append", "random"}
	for _, g := range []struct {
		heading string
		keys    []string
		values  map[string]any
	}{
		{"## The scenario itself", topKeys(), map[string]any{"charts": resolved.Charts}},
		{"## transfer:", transferKeys(), resolved.Transfer[0]},
		{"## write:", writeKeys(), resolved.Write[0]},
		{"## search:", searchKeys(), searching.Search},
		{"## measure:", measureKeys(), resolved.Measure},
	} {
		_, section, ok := strings.Cut(string(text), "\n"+g.heading)
		if !ok {
			t.Errorf("no section %q", g.heading)
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		for _, key := range g.keys {
			row := regexp.MustCompile("(?m)^\\| `" + key + "` \\|.*\\| ([^|]*) \\|$").FindStringSubmatch(section)
			if row == nil {
				t.Errorf("%s has no row for %s", g.heading, key)
				continue
			}
			value, has := g.values[key]
			if !has {
				continue
			}
			if got, want := row[1], "`"+asWritten(value)+"`"; got != want {
				t.Errorf("%s: the default of %s is documented as %s, but is %s", g.heading, key, got, want)
			}
		}
	}
	_, section, _ := strings.Cut(string(text), "\n## baseline:")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, key := range BaselineKeys() {
		if !strings.Contains(section, "`"+key+"`") {
			t.Errorf("the section on the baseline doesn't name %s", key)
		}
	}
	if !slices.Equal(s.Charts, []string{ChartThroughput, ChartCPU, ChartLatency}) {
		t.Errorf("charts are %v", s.Charts)
	}
}

// asWritten is a value of the resolved form as a file has it.
func asWritten(v any) string {
	switch v := v.(type) {
	case []any:
		var words []string
		for _, w := range v {
			words = append(words, asWritten(w))
		}
		return "[" + strings.Join(words, ", ") + "]"
	case string:
		return v
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
