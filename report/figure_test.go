package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"

	"copylab/results"
)

func names(figures []figure) []string {
	var out []string
	for _, f := range figures {
		out = append(out, f.Name)
	}
	return out
}

func TestWhichChartsExist(t *testing.T) {
	for _, tt := range []struct {
		name   string
		s      *results.Summary
		charts []string
		want   []string
	}{
		{"all asked for", tourSummary(t), allCharts(), []string{
			"throughput-transfers", "cpu-transfers", "latency-transfers", "distribution-transfers",
			"accepted-writes", "accepted-writes-log", "durable-writes", "cpu-writes", "latency-writes", "distribution-writes", "latency-writes-sync", "distribution-writes-sync",
		}},
		{"one asked for", tourSummary(t), []string{"cpu"}, []string{"cpu-transfers", "cpu-writes"}},
		{"a sweep that is none", tourSummary(t), []string{"sweep"}, nil},
		{"a sweep", sweepSummary(t), []string{"sweep", "throughput"}, []string{"sweep-throughput-transfers", "sweep-cpu-transfers"}},
		{"bars where no sweep is asked for", sweepSummary(t), []string{"throughput"}, []string{"throughput-transfers"}},
		{"fetches", fetchSummary(t), []string{"throughput", "latency"}, []string{"requests-fetches", "latency-fetches", "distribution-fetches"}},
		{"more cases than one chart holds", manySummary(t), []string{"latency"}, []string{"latency-transfers-part-1", "distribution-transfers-part-1", "latency-transfers-part-2", "distribution-transfers-part-2"}},
		{"a sweep in panels, one for each number of streams", primitivesSummary(t), []string{"sweep"}, []string{"sweep-throughput-transfers", "sweep-cpu-transfers"}},
		{"a search", crossoverSummary(t), []string{"sweep"}, []string{"crossover", "sweep-throughput-transfers", "sweep-cpu-transfers"}},
		{"a search whose scenario asks for no chart", crossoverSummary(t), []string{}, nil},
		{"nothing measured", stated(nil), allCharts(), nil},
	} {
		tt.s.Run.Charts = tt.charts
		if got := names(figuresOf(tt.s)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	// Two parts of one kind need names of their own.
	s := tourSummary(t)
	for i := range s.Cases[2:] {
		if i >= 2 {
			s.Cases[2+i].Part = 5
		}
	}
	got := names(figuresOf(s))
	if !slices.Contains(got, "accepted-writes-without-a-sync") || !slices.Contains(got, "accepted-writes-6") {
		t.Errorf("got %q", got)
	}
}

// ink spots a text on a canvas.
type spot struct {
	text                     string
	left, right, bottom, top vg.Length
}

// spots returns where a figure's texts are.
func spots(t *testing.T, f figure, width vg.Length, captioned bool) (texts []spot, size vg.Point) {
	t.Helper()
	l := f.layout(width, captioned)
	var rec recorder.Canvas
	f.draw(draw.NewCanvas(&rec, width, l.height), l)
	for _, a := range rec.Actions {
		switch a := a.(type) {
		case *recorder.FillString:
			face := plot.DefaultTextHandler.Cache().Lookup(a.Font, a.Size)
			e := face.Extents()
			texts = append(texts, spot{a.String, a.Point.X, a.Point.X + face.Width(a.String), a.Point.Y - e.Descent, a.Point.Y + e.Ascent*0.75})
		case *recorder.Rotate, *recorder.Scale, *recorder.Translate:
			t.Fatalf("%s: %T: places can't be told", f.Name, a)
		}
	}
	return texts, vg.Point{X: width, Y: l.height}
}

// TestTextsNeitherOverlapNorLeaveTheChart holds for every chart of every fixture, at both widths.
func TestTextsNeitherOverlapNorLeaveTheChart(t *testing.T) {
	for name, s := range fixtures(t) {
		for _, f := range figuresOf(s) {
			for _, width := range []vg.Length{wide, narrow} {
				texts, size := spots(t, f, width, width == wide)
				if len(texts) < 4 {
					t.Errorf("%s/%s: only %d texts", name, f.Name, len(texts))
				}
				for i, a := range texts {
					if a.left < -0.5 || a.right > size.X+0.5 || a.bottom < -0.5 || a.top > size.Y+0.5 {
						t.Errorf("%s/%s at %v: %q at x %.1f–%.1f, y %.1f–%.1f leaves the chart of %.0f × %.0f", name, f.Name, width, a.text, a.left, a.right, a.bottom, a.top, size.X, size.Y)
					}
					for _, b := range texts[i+1:] {
						if min(a.right, b.right)-max(a.left, b.left) > 0.5 && min(a.top, b.top)-max(a.bottom, b.bottom) > 1 {
							t.Errorf("%s/%s at %v: %q and %q overlap", name, f.Name, width, a.text, b.text)
						}
					}
				}
			}
		}
	}
}

func TestSVG(t *testing.T) {
	for name, s := range fixtures(t) {
		for _, f := range figuresOf(s) {
			b, err := f.svg()
			if err != nil {
				t.Fatal(err)
			}
			d := xml.NewDecoder(bytes.NewReader(b))
			var texts []string
			inText, ids := false, map[string]int{}
			for {
				tok, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s/%s: %v", name, f.Name, err)
				}
				switch e := tok.(type) {
				case xml.StartElement:
					inText = e.Name.Local == "text"
					if id := attribute(e, "id"); id != "" {
						ids[id]++
					}
				case xml.CharData:
					if inText {
						texts = append(texts, string(e))
					}
				}
			}
			if ids[f.Name+"-title"] != 1 || ids[f.Name+"-desc"] != 1 {
				t.Errorf("%s/%s: ids %v", name, f.Name, ids)
			}
			out := string(b)
			for _, bad := range []string{"NaN", "Inf", "http://www.w3.org/1999/xlink", "<image", "font-family:Liberation"} {
				if strings.Contains(out, bad) {
					t.Errorf("%s/%s: holds %q", name, f.Name, bad)
				}
			}
			all := strings.Join(texts, " ")
			for _, w := range append(strings.Fields(f.Title), strings.Fields(f.Caption)...) {
				if !strings.Contains(all, w) {
					t.Errorf("%s/%s: %q of the title or caption is not drawn", name, f.Name, w)
				}
			}
			if f.Alt == "" || f.Caption == "" || f.Title == "" || len(f.Data.Rows) == 0 {
				t.Errorf("%s/%s lacks words", name, f.Name)
			}
		}
	}
}

// TestBarsHaveTheirLengths measures the bars of the drawn picture: from 0, in proportion to the values.
func TestBarsHaveTheirLengths(t *testing.T) {
	s := tourSummary(t)
	f := figuresOf(s)[0]
	b, err := f.png()
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	l := f.layout(wide, true)
	if got, want := img.Bounds().Size(), image.Pt(int(wide*192/72), int(math.Round(float64(l.height*192/72)))); got != want {
		t.Errorf("the picture is %v, want %v: twice the SVG's pixels", got, want)
	}
	read, send := longest(img, vermillion), longest(img, blue)
	want := s.Cases[1].Metrics[results.MetricThroughput].Median / s.Cases[0].Metrics[results.MetricThroughput].Median
	// The whiskers stand over the bars' ends, so the runs end at their lower bounds: within 3 % of the medians here.
	if got := float64(send) / float64(read); read < 300 || math.Abs(got-want) > 0.03*want {
		t.Errorf("bars of %d and %d pixels: ratio %.3f, want %.3f", read, send, got, want)
	}
}

// longest is the longest horizontal run of a colour.
func longest(img image.Image, c color.NRGBA) int {
	best := 0
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		run := 0
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			if color.NRGBAModel.Convert(img.At(x, y)) == c {
				run++
				best = max(best, run)
			} else {
				run = 0
			}
		}
	}
	return best
}

// TestPercentileCurvesEndWhereTheCountEnds checks the axis and that no percentile is drawn that the summary calls
// unavailable.
func TestPercentileCurvesEndWhereTheCountEnds(t *testing.T) {
	if nines(0.9) < 0.999 || nines(0.9) > 1.001 || math.Abs(nines(0.999)-3) > 1e-9 {
		t.Errorf("nines: %v, %v", nines(0.9), nines(0.999))
	}
	s := tourSummary(t)
	for _, f := range figuresOf(s) {
		b, ok := f.body.(curveBody)
		if !ok {
			continue
		}
		key := "op"
		if strings.HasSuffix(f.Name, "-sync") {
			key = "sync"
		}
		for _, cv := range b.Curves {
			at := slices.IndexFunc(s.Cases, func(c results.CaseSummary) bool { return c.Label == cv.Label })
			l, h := s.Cases[at].LatencyNS[key], s.Cases[at].Histograms[key]
			last := 0.0
			for _, m := range percentileMarks() {
				if _, ok := percentile(l, m.name).Get(); ok {
					last = m.share
				}
			}
			end := cv.Points[len(cv.Points)-1]
			if math.Abs(end.X-nines(last)) > 1e-6 {
				t.Errorf("%s, %s: ends at %v, want %v", f.Name, cv.Label, end.X, nines(last))
			}
			if math.Abs(cv.Points[0].X-nines(0.5)) > 1e-6 || cv.Points[0].Y != float64(h.ValueAtQuantile(50)) {
				t.Errorf("%s, %s: starts at %v, want the median", f.Name, cv.Label, cv.Points[0])
			}
			for i := range cv.Points[1:] {
				if cv.Points[i+1].Y < cv.Points[i].Y || cv.Points[i+1].X < cv.Points[i].X {
					t.Errorf("%s, %s: falls at %v", f.Name, cv.Label, cv.Points[i+1])
				}
			}
		}
	}
}

func TestDistributionsHoldEverything(t *testing.T) {
	for _, f := range figuresOf(tourSummary(t)) {
		b, ok := f.body.(ridgeBody)
		if !ok {
			continue
		}
		for _, r := range b.Ridges {
			sum := 0.0
			for _, s := range r.Shares {
				sum += s
			}
			if sum < 0.995 || sum > 1.0001 || len(r.Edges) != len(r.Shares)+1 {
				t.Errorf("%s, %s: %d shares sum to %v, %d edges", f.Name, r.Label, len(r.Shares), sum, len(r.Edges))
			}
		}
	}
}

// TestCPUBarsShowTheSumOfBothParts also when the medians of the parts don't add up to the median of the sum.
func TestCPUBarsShowTheSumOfBothParts(t *testing.T) {
	s := tourSummary(t)
	c := &s.Cases[0]
	c.Metrics[results.MetricReceiverUser] = results.Metric{Unavailable: "no getrusage"}
	for _, f := range figuresOf(s) {
		if f.Name != "cpu-transfers" {
			continue
		}
		b := f.body.(barBody)
		if got, want := b.Bars[0].total(), c.Metrics[results.MetricSenderCPU].Median; math.Abs(got-want) > 1e-9*want || len(b.Bars[0].Segments) != 2 {
			t.Errorf("sender: %v in %d segments, want %v in 2", got, len(b.Bars[0].Segments), want)
		}
		if got, want := b.Bars[1].total(), c.Metrics[results.MetricReceiverCPU].Median; got != want || len(b.Bars[1].Segments) != 1 {
			t.Errorf("receiver: %v in %d segments, want %v in 1: its split is not known", got, len(b.Bars[1].Segments), want)
		}
		if f.Data.Rows[1][3].Text != "n/a" {
			t.Errorf("the table claims a split: %v", f.Data.Rows[1])
		}
	}
}

func TestTicks(t *testing.T) {
	labels := func(ticks []plot.Tick) string {
		var out []string
		for _, k := range ticks {
			if k.Label != "" {
				out = append(out, k.Label)
			}
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct{ got, want string }{
		{labels(niceTicks(6).Ticks(0, 3.2)), "0 0.5 1 1.5 2 2.5 3"},
		{labels(niceTicks(5).Ticks(0, 412)), "0 100 200 300 400"},
		{labels(niceTicks(2).Ticks(0, 20000)), "0 10,000 20,000"},
		{labels(logTicks(formatTick, 9).Ticks(1500, 25e6)), "10 µs 100 µs 1 ms 10 ms"},
		{labels(logTicks(formatTick, 9).Ticks(1500, 25e3)), "10 µs 2 µs 5 µs 20 µs"},
		{labels(logTicks(plainNumber, 9).Ticks(0, 10)), ""},
	} {
		got, want := strings.Fields(c.got), strings.Fields(c.want)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// series writes what a figure plots as text, number by number.
func series(f figure) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Title)
	number := func(v float64) string {
		if math.IsNaN(v) {
			return "-"
		}
		return fmt.Sprintf("%.5g", v)
	}
	switch body := f.body.(type) {
	case barBody:
		fmt.Fprintf(&b, "  axis %s\n", body.Axis)
		for _, bar := range body.Bars {
			fmt.Fprintf(&b, "  %s: %s to %s, %q:", bar.Label, number(bar.Low), number(bar.High), bar.Text)
			for _, s := range bar.Segments {
				fmt.Fprintf(&b, " %s", number(s.Value))
			}
			b.WriteString("\n")
		}
	case curveBody:
		fmt.Fprintf(&b, "  axes %s, %s\n", body.XLabel, body.YLabel)
		for _, c := range body.Curves {
			fmt.Fprintf(&b, "  %s:\n", c.Label)
			for _, p := range c.Points {
				if !p.Mark {
					continue
				}
				fmt.Fprintf(&b, "    %s %s [%s %s]\n", number(p.X), number(p.Y), number(p.Low), number(p.High))
			}
		}
	case panelBody:
		for _, p := range body.Panels {
			fmt.Fprintf(&b, "  panel %s\n", p.Title)
			b.WriteString(series(figure{Name: "  curves", body: p.curveBody}))
		}
	case laneBody:
		b.WriteString(series(figure{Name: "  curves", body: body.curveBody}))
		for _, l := range body.Lanes {
			fmt.Fprintf(&b, "  lane %q: %s to %s, from %s\n", l.Text, number(l.Shade.Low), number(l.Shade.High), number(l.Pays))
		}
	case timeBody:
		for _, c := range body.Columns {
			for _, p := range c.Panels {
				fmt.Fprintf(&b, "  %s, axes %s, %s\n", c.Title, p.XLabel, p.YLabel)
				for _, m := range p.Marks {
					fmt.Fprintf(&b, "    %s at %s\n", m.Note, number(m.X))
				}
				for _, c := range p.Curves {
					fmt.Fprintf(&b, "    %s:", c.Label)
					for _, pt := range c.Points {
						fmt.Fprintf(&b, " %s %s", number(pt.X), number(pt.Y))
					}
					b.WriteString("\n")
				}
			}
		}
	case ridgeBody:
		for _, r := range body.Ridges {
			fmt.Fprintf(&b, "  %s: median %s, p99 %s, from %s:", r.Label, number(r.Median), number(r.P99), number(r.Edges[0]))
			for _, s := range r.Shares {
				fmt.Fprintf(&b, " %s", number(s))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
