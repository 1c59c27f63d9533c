package report

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"copylab/results"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden renders the records of real runs in testdata and compares with what was checked by eye: the table, the
// Markdown, summary.csv and summary.json, what every chart plots, and the first chart's picture.
func TestGolden(t *testing.T) {
	records, err := filepath.Glob("testdata/*/record.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if len(records) == 0 {
		t.Fatal("testdata holds no record of a run")
	}
	for _, record := range records {
		dir := filepath.Dir(record)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			s, err := results.Load(record)
			if err != nil {
				t.Fatal(err)
			}
			for file, format := range map[string]string{"table.golden": "table", "markdown.golden": "markdown", "csv.golden": "csv", "gobench.golden": "gobench"} {
				golden(t, filepath.Join(dir, file), []byte(rendered(t, s, format, Options{})), sameText)
			}
			var plotted strings.Builder
			figures := figuresOf(s)
			for _, f := range figures {
				plotted.WriteString(series(f))
			}
			golden(t, filepath.Join(dir, "series.golden"), []byte(plotted.String()), sameText)
			if len(figures) > 0 {
				picture, err := figures[0].png()
				if err != nil {
					t.Fatal(err)
				}
				golden(t, filepath.Join(dir, "chart.golden.png"), picture, samePicture)
			}
		})
	}
}

// golden compares with a file, or writes it with -update. What does not match is left beside it as .got.
func golden(t *testing.T, name string, got []byte, same func(got, want []byte) error) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("read golden file (go test -update writes it): %v", err)
	}
	if err := same(got, want); err != nil {
		if werr := os.WriteFile(name+".got", got, 0o644); werr != nil {
			t.Log(werr)
		}
		t.Errorf("%s: %v; what was made is in %s.got", name, err, name)
	}
}

func sameText(got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Errorf("line %d is\n\t%s\nwant\n\t%s", i+1, g[i], w[i])
		}
	}
	return fmt.Errorf("%d lines, want %d", len(g), len(w))
}

// samePicture lets anti-aliasing differ between platforms: on average by 1 of 255 in each channel.
func samePicture(got, want []byte) error {
	g, err := png.Decode(bytes.NewReader(got))
	if err != nil {
		return err
	}
	w, err := png.Decode(bytes.NewReader(want))
	if err != nil {
		return err
	}
	d, err := difference(g, w)
	if err == nil && d > 1 {
		err = fmt.Errorf("pictures differ by %.2f of 255 on average", d)
	}
	return err
}

func difference(a, b image.Image) (float64, error) {
	if a.Bounds() != b.Bounds() {
		return 0, fmt.Errorf("sizes %v and %v", a.Bounds(), b.Bounds())
	}
	sum := 0.0
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			r1, g1, b1, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			sum += math.Abs(float64(r1)-float64(r2)) + math.Abs(float64(g1)-float64(g2)) + math.Abs(float64(b1)-float64(b2))
		}
	}
	return sum / 3 / 257 / float64(a.Bounds().Dx()*a.Bounds().Dy()), nil
}
