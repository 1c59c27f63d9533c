package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"copylab/scenarios"
)

// top is the project's folder, as the tests see it.
const top = "../.."

// documents lists every Markdown file that readers find.
func documents(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(top, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	if len(all) < 6 {
		t.Fatalf("only %v found", all)
	}
	return all
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every link from one file of the project to another leads somewhere, and so does its anchor.
func TestLinks(t *testing.T) {
	links := 0
	for _, doc := range documents(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(readFile(t, doc), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			links++
			name := doc
			if target != "" {
				name = filepath.Join(filepath.Dir(doc), filepath.FromSlash(target))
			}
			if _, err := os.Stat(name); err != nil {
				t.Errorf("%s links to %s: %v", doc, m[1], err)
			} else if anchor != "" && !slices.Contains(anchors(readFile(t, name)), anchor) {
				t.Errorf("%s links to %s: there is no such heading", doc, m[1])
			}
		}
	}
	if links < 4 {
		t.Errorf("only %d links found", links)
	}
}

// anchors lists what a page's headings can be linked by.
func anchors(text string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(kept, " ", "-"))
	}
	return all
}

// The README's table of scenarios is the library, in its order.
func TestScenariosOfReadme(t *testing.T) {
	_, section, found := strings.Cut(readFile(t, filepath.Join(top, "README.md")), "\n## Scenarios that ship\n")
	if !found {
		t.Fatal("the README has no section on the scenarios that ship")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var named []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(section, -1) {
		named = append(named, m[1])
	}
	if ids := scenarios.LibraryIDs(); !slices.Equal(named, ids) {
		t.Errorf("the README names %v, the library holds %v", named, ids)
	}
}

// Every target of the Makefile that a document names exists.
func TestMakeTargets(t *testing.T) {
	rules := readFile(t, filepath.Join(top, "Makefile"))
	named := 0
	for _, doc := range documents(t) {
		text := readFile(t, doc)
		var targets []string
		for _, c := range shellLines(text) {
			if words := strings.Fields(c); words[0] == "make" {
				targets = append(targets, words[1:]...)
			}
		}
		for _, m := range regexp.MustCompile("`make ([a-z-]+)`").FindAllStringSubmatch(text, -1) {
			targets = append(targets, m[1])
		}
		for _, target := range targets {
			named++
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:`).MatchString(rules) {
				t.Errorf("%s names make %s, which the Makefile does not have", doc, target)
			}
		}
	}
	if named < 3 {
		t.Errorf("only %d targets found", named)
	}
}

// shellLines lists the command lines of a document's sh blocks, without their comments.
func shellLines(text string) []string {
	var lines []string
	for _, block := range regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```").FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[1]) {
			line, _, _ = strings.Cut(line+" ", " # ")
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}
