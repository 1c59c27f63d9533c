package report

import (
	"os"
	"path/filepath"
	"testing"

	"copylab/results"
)

// TestShow is a scratch.
func TestShow(t *testing.T) {
	for name, s := range map[string]*results.Summary{"tour": tourSummary(t), "sweep": sweepSummary(t), "fetch": fetchSummary(t), "many": manySummary(t), "noisy": noisySummary(t), "alone": aloneSummary(t)} {
		dir := filepath.Join("/tmp/rep_show", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := WriteFolder(dir, s); err != nil {
			t.Fatal(err)
		}
		for _, f := range []string{"table", "gobench"} {
			out, err := os.Create(filepath.Join(dir, f))
			if err != nil {
				t.Fatal(err)
			}
			if err := Write(out, s, f, Options{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
