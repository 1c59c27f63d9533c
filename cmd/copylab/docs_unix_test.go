//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"copylab/internal/kernel"
	"copylab/internal/testenv"
	"copylab/results/host"
	"copylab/scenarios"
	"copylab/scenarios/links"
)

// Every command line in the documentation works as it is written. Runs are made short.
func TestCommandLinesOfDocuments(t *testing.T) {
	slowUnderRace(t)
	example := regexp.MustCompile("(?ms)^```yaml\n(title: .*?)^```").FindStringSubmatch(readFile(t, filepath.Join(top, "docs", "scenarios.md")))
	if example == nil {
		t.Fatal("docs/scenarios.md has no whole scenario as an example")
	}
	for _, doc := range documents(t) {
		lines := slices.DeleteFunc(shellLines(readFile(t, doc)), func(line string) bool { return strings.HasPrefix(line, "make ") })
		if len(lines) == 0 {
			continue
		}
		t.Run(filepath.Base(doc), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			// What readers have by then: the command where make builds it, a run, a disk, a scenario of their own.
			install(t, filepath.Join(l.Dir, "bin", "copylab"))
			l.file("tiny.yaml", tinyScenario)
			if slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, "runs/") }) {
				l.want(exitDone, "run", "tiny.yaml", "--quiet", "--out", "runs/NAME", "--set", "measure.evidence=1")
			}
			l.folder("runs")
			disk := l.folder("mnt")
			l.file("my-question.yaml", example[1])
			l.file("mine.yaml", example[1])
			before := strings.Join(l.entries(l.Dir), " ")
			secret := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(secret, []byte("no more than a test\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			elsewhere := ""
			for _, line := range lines {
				line = strings.ReplaceAll(line, "/mnt/disk", disk)
				line = strings.ReplaceAll(line, ",NAME", ",mmap-write") // a path of the reader's own
				line = strings.ReplaceAll(line, "--secret-file secret", "--secret-file "+secret)
				if strings.Contains(line, "copylab sink ") {
					// The reader's other host is this one, and the sink serves the lines that follow.
					r := l.begin(l.command("sh", "-c", "exec "+otherHost.ReplaceAllString(line, "127.0.0.1:0")+" >&2"))
					r.until("listening on 127.0.0.1:")
					elsewhere = regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(r.errs.String())
					defer func() {
						r.signal(syscall.SIGINT)
						if got := r.wait(); got.Code != exitInterrupted {
							t.Errorf("exit code %d of %s:\n%s", got.Code, line, got.Errs)
						}
					}()
					continue
				}
				line = otherHost.ReplaceAllString(line, elsewhere)
				t.Run(line, func(t *testing.T) { commandLine(t, l, line) })
			}
			if after := strings.Join(l.entries(l.Dir), " "); after != before {
				t.Errorf("the folder holds %s, held %s", after, before)
			}
			l.wantEmpty(disk)
		})
	}
}

// otherHost is an address of documentation (RFC 5737), with a port.
var otherHost = regexp.MustCompile(`192\.0\.2\.\d+:\d+`)

// commandLine runs one line of a document.
func commandLine(t *testing.T, l *lab, line string) {
	words := strings.Fields(line)
	switch program := words[0]; program {
	case "bin/copylab", "copylab":
		if len(words) > 1 && words[1] == "run" {
			line += shortened(t, l, words[2:])
		}
	case "jq":
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	default:
		t.Fatalf("this test does not know how to try %q", line)
	}
	cmd := l.command("sh", "-c", line)
	cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(l.program)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	if got := l.begin(cmd).wait(); got.Code != exitDone || got.Out == "" {
		t.Errorf("exit code %d of %s:\n%s%s", got.Code, line, got.Out, got.Errs)
	}
}

// shortened are the flags that make a run short, leaving alone what its line sets itself.
func shortened(t *testing.T, l *lab, args []string) string {
	name := "tour"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name = args[0]
	}
	file := name
	if strings.HasSuffix(name, ".yaml") {
		file = filepath.Join(l.Dir, name)
	}
	s, err := scenarios.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	sets := []string{"measure.time=10ms", "measure.blocks=5..5", "measure.evidence=off", "charts=cpu"}
	if s.Search != nil { // which takes each path by itself
		sets = append(sets, "transfer.paths=read-write,sendfile,mmap-write")
	}
	writes := 0
	for _, p := range s.Parts {
		if p.Transfer != nil && !slices.ContainsFunc(p.Transfer.Links, func(link string) bool { return !strings.HasPrefix(link, string(links.Veth)) }) {
			made := links.Probe(links.Veth)
			testenv.Require(t, testenv.Netns, made.State == kernel.StateAvailable, "%s", made.Reason)
		}
		size := "4MiB"
		if p.Write != nil {
			writes++
			size = "1MiB"
		}
		sets = append(sets, fmt.Sprintf("%s.file=%s", p.Kind, size))
	}
	if writes == len(s.Parts) {
		disk := host.Collect(l.Dir).Disk
		testenv.Require(t, testenv.Disk, !disk.InMemory, "the temporary folder is on a %s", disk.Filesystem)
	}
	flags := ""
	slices.Sort(sets)
	for _, set := range slices.Compact(sets) {
		key, _, _ := strings.Cut(set, "=")
		if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, key+"=") }) {
			flags += " --set " + set
		}
	}
	return flags
}
