package report

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"

	"copylab/results"
)

// lines counts the straight strokes that something draws: what a hatch is made of. Edges and shapes are closed or have corners.
func lines(drawn func(draw.Canvas)) int {
	var rec recorder.Canvas
	drawn(draw.NewCanvas(&rec, 400, 40))
	n := 0
	for _, a := range rec.Actions {
		if s, ok := a.(*recorder.Stroke); ok && len(s.Path) == 2 {
			n++
		}
	}
	return n
}

// A hatch means modelled and nothing else: no measured case has one, whatever its texture.
func TestOnlyModelledBarsAreHatched(t *testing.T) {
	r := vg.Rectangle{Max: vg.Point{X: 300, Y: 14}}
	for texture := plainTexture; texture <= chainTexture; texture++ {
		for _, tinted := range []bool{false, true} {
			if n := lines(func(c draw.Canvas) { fillBar(c, r, look{Color: green, Texture: texture}, tinted) }); n > 0 {
				t.Errorf("texture %d, tinted %v: %d lines", texture, tinted, n)
			}
		}
	}
	if n := lines(func(c draw.Canvas) { hatched(c, r, look{Color: green}) }); n < 50 {
		t.Errorf("modelled: %d lines", n)
	}
}

// Textures tell bars of one colour apart: no two draw the same.
func TestTexturesDifferOnBars(t *testing.T) {
	seen := map[string]texture{}
	for texture := plainTexture; texture <= chainTexture; texture++ {
		var rec recorder.Canvas
		fillTexture(draw.NewCanvas(&rec, 400, 40), vg.Rectangle{Max: vg.Point{X: 100, Y: 14}}, texture, paper)
		var actions strings.Builder
		for _, a := range rec.Actions {
			actions.WriteString(a.Call() + "\n")
		}
		if other, ok := seen[actions.String()]; ok {
			t.Errorf("textures %d and %d are one on a bar", texture, other)
		}
		seen[actions.String()] = texture
		if texture != plainTexture && len(rec.Actions) == 0 {
			t.Errorf("texture %d draws nothing", texture)
		}
	}
}

// Curves of one chart can be told apart without the labels at their ends, and keep the colours of their cases.
func TestCurvesOfOneLookAreToldApart(t *testing.T) {
	var curves []curve
	var colours []any
	add := func(p results.Params) {
		l := writeLook(p)
		curves = append(curves, curve{Look: l})
		colours = append(colours, l.Color)
	}
	for writers := range mostCurves - 2 {
		add(results.Params{Pattern: "append", Method: "buffered", Sync: "group", Writers: writers + 1})
	}
	add(results.Params{Pattern: "append", Method: "direct", Sync: "group"})
	add(results.Params{Pattern: "random", Method: "buffered", Sync: "group"})
	first, direct, random := curves[0].Look, curves[mostCurves-2].Look, curves[mostCurves-1].Look
	tellApart(curves)
	if curves[0].Look != first || curves[mostCurves-2].Look.Texture != direct.Texture || curves[mostCurves-1].Look != random {
		t.Error("curves that nothing looked like were changed")
	}
	for i, c := range curves {
		if c.Look.Color != colours[i] {
			t.Errorf("curve %d changed its colour", i)
		}
		for j, other := range curves[:i] {
			both := i < mostCurves-2 // looked like others: the marker of the direct one says its sync policy, as ever
			if c.Look.Color == other.Look.Color && (c.Look.Texture == other.Look.Texture || both && c.Look.Marker == other.Look.Marker) {
				t.Errorf("curves %d and %d have one dash or marker: %+v", j, i, c.Look)
			}
		}
	}
}

func TestAxisNamesFewValues(t *testing.T) {
	labels := func(n int) int {
		var values []int64
		for i := range n {
			values = append(values, 1<<i)
		}
		named := 0
		for _, tick := range valueTicks(values, formatCount).Ticks(1, math.MaxFloat64) {
			if tick.Label != "" {
				named++
			}
		}
		return named
	}
	if got := []int{labels(3), labels(6), labels(10), labels(11), labels(20)}; !slices.Equal(got, []int{3, 6, 10, 4, 5}) {
		t.Errorf("got %d", got)
	}
}

// A title that names the differences says how many comparisons show none.
func TestTitleSaysHowManyComparisonsShowNothing(t *testing.T) {
	base := &results.CaseSummary{ID: "0", Label: "append buffered"}
	compare := func(label string, ratio float64, v results.Verdict) pair {
		return pair{Case: &results.CaseSummary{ID: label, Label: label}, Baseline: base, Comparisons: []results.Comparison{{
			Metric: results.MetricDurable, Ratio: ratio, Low: ratio * 0.8, High: ratio * 1.2, Verdict: v,
		}}}
	}
	noisy := []pair{compare("x", 2.65, results.TooNoisy), compare("y", 1, results.TooNoisy)}
	same := []pair{compare("z", 1, results.NoDifference)}
	zipf, random := compare("zipf buffered", 0.22, results.Lower), compare("random buffered", 0.25, results.Lower)
	for _, tt := range []struct {
		pairs []pair
		want  string
	}{
		{append([]pair{random, zipf}, noisy...), "Durable rate: zipf buffered and random buffered at 0.22 to 0.25 times append buffered; 2 others too noisy to say"},
		{slices.Concat([]pair{zipf}, noisy, same), "Durable rate: zipf buffered at 0.22 times append buffered; 3 others show no difference or are too noisy to say"},
		{slices.Concat([]pair{zipf, zipf, zipf}, same), "Durable rate: zipf buffered, zipf buffered and zipf buffered at 0.22 times append buffered; 1 other shows no difference"},
		{slices.Concat([]pair{zipf, random, random, random}, noisy[:1]), "Durable rate: 4 cases at 0.22 (zipf buffered) to 0.25 times append buffered (random buffered); 1 other too noisy to say"},
		{[]pair{zipf, zipf, zipf, zipf}, "Durable rate: 4 cases at 0.22 times append buffered"},
	} {
		f := figureMaker{g: group{Kind: results.Write, Pairs: tt.pairs}}
		if len(tt.pairs) <= 3 {
			t.Fatal("three are told one by one")
		}
		if got := f.found(results.MetricDurable, "Durable rate"); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

// Two parts of a run that share all but their methods have names of their own, and their cases keep theirs.
func TestGroupsOfOneNameAreToldApart(t *testing.T) {
	s := &results.Summary{}
	for part, methods := range [][]string{{"buffered", "direct"}, {"direct-dsync", "uring", "uring-direct", "dontcache"}} {
		for _, m := range methods {
			for _, pattern := range []string{"append", "random"} {
				s.Cases = append(s.Cases, results.CaseSummary{
					ID: pattern + m, Label: pattern + " " + m, Part: part, Kind: results.Write, Status: results.CaseMeasured, Trials: 6,
					Params: results.Params{Pattern: pattern, Method: m, Sync: "end", SyncCall: "fdatasync", BlockBytes: 4096},
				})
			}
		}
	}
	all := groups(s)
	if len(all) != 2 || all[0].Name != "Writes, buffered and direct" || all[1].Name != "Writes, direct-dsync and 3 other methods" {
		t.Fatalf("%d groups: %q and %q", len(all), all[0].Name, all[1].Name)
	}
	if a, b := caption(all[0]), caption(all[1]); a == b || !strings.HasPrefix(a, "Writes, buffered and direct: ") {
		t.Errorf("captions %q and %q", a, b)
	}
	if got := caseNames(s)["appenduring"]; got != "append uring" {
		t.Errorf("got %q", got)
	}
}

// A terminal says which tables it leaves out, and why a case has no numbers even where most columns have no room.
func TestTerminalSaysWhatIsMissing(t *testing.T) {
	s := writesSummary(t)
	for i := range s.Cases { // a page of modelled disks
		if len(s.Cases[i].Modelled) > 0 {
			s.Cases[i].Modelled = slices.Repeat(s.Cases[i].Modelled, mostModelled)
		}
	}
	s.Cases[1].Status, s.Cases[1].Reason = results.CaseUnavailable, "no such method here"
	text := rendered(t, s, "table", Options{Width: 60})
	for _, want := range []string{"Tables left out here since they are long, see report.html: Modelled.", "unavailable: no such method here"} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "No such disk was touched") {
		t.Errorf("a table of more than %d modelled rates:\n%s", mostModelled, text)
	}
}
