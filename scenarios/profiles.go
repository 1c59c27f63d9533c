package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"copylab/results"
	"copylab/results/profile"
	"copylab/results/stages"
)

// profileFolder keeps the sampled stacks of each case and side in a file that `go tool pprof` opens. The passes of a case are added up in
// it, so that no more than one profile is in memory, however many cases there are.
type profileFolder struct {
	dir        string
	names      map[string]string // of files, without side and extension, by case
	classifier *stages.Classifier
}

func newProfileFolder(dir string, cases []results.Case) *profileFolder {
	f := &profileFolder{dir: dir, names: map[string]string{}, classifier: stages.NewClassifier()}
	taken := map[string]bool{}
	labels := results.Labels(cases)
	for _, c := range cases {
		name := fileWord(labels[c.ID])
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", fileWord(labels[c.ID]), n)
		}
		taken[name] = true
		f.names[c.ID] = name
	}
	return f
}

// longestFileWord is in bytes; file systems take names of 255.
const longestFileWord = 100

// fileWord is a label as part of a file's name.
func fileWord(label string) string {
	word := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '=':
			return r
		}
		return '-'
	}, label)
	for strings.Contains(word, "--") {
		word = strings.ReplaceAll(word, "--", "-")
	}
	word = strings.Trim(word[:min(len(word), longestFileWord)], "-.")
	if word == "" {
		return "case"
	}
	return word
}

// keep adds a profile to the file of its case and side, and names the file as seen from the run's folder.
func (f *profileFolder) keep(c results.Case, side string, p *profile.Profile) (string, error) {
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return "", fmt.Errorf("make folder for profiles: %w", err)
	}
	file := f.names[c.ID] + "-" + side + ".pb.gz"
	name := filepath.Join(f.dir, file)
	var added bytes.Buffer
	if err := p.WritePprof(&added, func(s profile.Stack) map[string]string {
		return map[string]string{"side": side, "stage": string(f.classifier.Classify(s.Kernel, s.User))}
	}); err != nil {
		return "", err
	}
	switch before, err := os.ReadFile(name); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", fmt.Errorf("add to profile: %w", err)
	default:
		var sum bytes.Buffer
		if err := profile.MergePprof(&sum, bytes.NewReader(before), &added); err != nil {
			return "", fmt.Errorf("add to %s: %w", name, err)
		}
		added = sum
	}
	if err := os.WriteFile(name, added.Bytes(), 0o644); err != nil {
		return "", fmt.Errorf("write profile: %w", err)
	}
	return results.ProfileFolder + "/" + file, nil
}
