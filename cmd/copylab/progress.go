package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"copylab/results"
	"copylab/scenarios"
)

// progress shows how a run gets on, on standard error: a bar on a terminal, plain lines elsewhere, nothing if told so.
// It is only called between trials, so that drawing disturbs none.
type progress struct {
	out    io.Writer
	quiet  bool
	bar    *progressbar.ProgressBar // nil: plain lines
	labels map[string]string
	phase  results.Phase
	block  int
	said   time.Duration // when the last plain line was printed, since the run began
}

// The bar's own width in columns, and what it takes with the percentage and the gaps.
const (
	barWidth   = 12
	labelWidth = 22 // of a case
	besideText = barWidth + 8
)

// barSteps is how finely the bar shows the share of the time that has passed.
const barSteps = 1000

func newProgress(c *cobra.Command, o *runOptions, s *scenarios.Scenario) *progress {
	p := &progress{out: c.ErrOrStderr(), quiet: o.quiet, labels: results.Labels(s.Cases()), block: -1}
	if !o.quiet && !o.plain && terminal(c.OutOrStdout()) && terminal(c.ErrOrStderr()) {
		p.bar = progressbar.NewOptions(barSteps,
			progressbar.OptionSetWriter(p.out), progressbar.OptionSetWidth(barWidth), progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: "░", BarStart: "", BarEnd: ""}))
	}
	if !p.quiet {
		fmt.Fprintf(p.out, "%s: %s\n", s.ID, s.Question)
	}
	return p
}

func (p *progress) note(text string) {
	if !p.quiet {
		p.clear()
		fmt.Fprintln(p.out, text)
	}
}

func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear() // cosmetic
	}
}

func (p *progress) event(e scenarios.Event) {
	switch {
	case e.Failed != nil:
		p.clear()
		fmt.Fprintf(p.out, "failed: %s: %v\n", p.label(e.Case), e.Failed)
	case p.quiet:
	case p.bar != nil:
		p.bar.Describe(p.line(e))
		done := 0.0
		if total := e.Elapsed + e.Left; total > 0 {
			done = float64(e.Elapsed) / float64(total)
		}
		_ = p.bar.Set(int(math.Min(barSteps-1, done*barSteps))) // cosmetic
	default:
		p.plain(e)
	}
}

func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish() // cosmetic
		_ = p.bar.Clear()
	}
}

// line is the text before the bar: what is measured, how long it takes, what is known so far.
func (p *progress) line(e scenarios.Event) string { return p.within(e, width(p.out)-besideText) }

// within is the fullest text of at most some columns: a line that wraps can't be drawn over, and half a number says something else. What
// can best be spared goes first, and goes whole.
func (p *progress) within(e scenarios.Event, columns int) string {
	stage, label, left := p.stage(e), p.label(e.Case), clock(e.Left)+" left"
	if cut := []rune(label); len(cut) > labelWidth {
		label = string(cut[:labelWidth-1]) + "…"
	}
	text := fmt.Sprintf("%s %-*s %s", stage, labelWidth, label, left)
	texts := []string{text, stage + " " + left, left}
	if len(e.Ratios) > 0 {
		r := e.Ratios[(e.Step-1)%len(e.Ratios)]
		texts = slices.Insert(texts, 0, text+"  "+p.ratio(r)+" "+p.interval(r), text+"  "+p.ratio(r))
	}
	for _, text := range texts {
		if utf8.RuneCountInString(text) <= columns {
			return text
		}
	}
	return ""
}

// plainEvery is how long a phase or block may go on without a word.
const plainEvery = 10 * time.Second

// plain prints one line a phase and one a block, and more where one takes long.
func (p *progress) plain(e scenarios.Event) {
	if e.Phase == p.phase && e.Block == p.block && e.Elapsed-p.said < plainEvery {
		return
	}
	p.phase, p.block, p.said = e.Phase, e.Block, e.Elapsed
	fmt.Fprintf(p.out, "%s, %s passed, about %s left", p.stage(e), clock(e.Elapsed), clock(e.Left))
	switch n := len(e.Ratios); {
	case n == 1:
		fmt.Fprintf(p.out, ": %s %s", p.ratio(e.Ratios[0]), p.interval(e.Ratios[0]))
	case n > 1:
		widest := slices.MaxFunc(e.Ratios, func(a, b results.Comparison) int {
			return cmp.Compare((a.High-a.Low)/a.Ratio, (b.High-b.Low)/b.Ratio)
		})
		fmt.Fprintf(p.out, ": the widest of %d ratios is %s %s", n, p.ratio(widest), p.interval(widest))
	}
	fmt.Fprintln(p.out)
}

func (p *progress) stage(e scenarios.Event) string {
	switch e.Phase {
	case results.PhaseTool:
		return "tool cost"
	case results.PhaseVerify:
		return fmt.Sprintf("verify bytes %d/%d", e.Step, e.Steps)
	case results.PhaseCalibrate:
		return "calibrate"
	case results.PhaseWarmup:
		return "warm-up"
	case results.PhaseEvidence:
		return fmt.Sprintf("once more for evidence, %d of %d", e.Step, e.Steps)
	}
	if e.Blocks == 0 {
		return fmt.Sprintf("block %d", e.Block)
	}
	return fmt.Sprintf("block %d of %d at most", e.Block, e.Blocks)
}

func (p *progress) label(c results.Case) string {
	if label, ok := p.labels[c.ID]; ok {
		return label
	}
	return c.ID
}

func (p *progress) ratio(r results.Comparison) string {
	name, _, _ := strings.Cut(r.Metric, "_bytes_per_second")
	name, _, _ = strings.Cut(name, "_ns")
	return fmt.Sprintf("%s %s ×%s", p.labels[r.Case], strings.ReplaceAll(name, "_", " "), digits(r.Ratio))
}

func (p *progress) interval(r results.Comparison) string {
	return fmt.Sprintf("[%s–%s]", digits(r.Low), digits(r.High))
}

// digits writes a ratio with three digits, and all of those before the point: 0.172, 1.31, 1709.
func digits(f float64) string {
	if f == 0 || math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', min(6, max(0, 2-int(math.Floor(math.Log10(math.Abs(f)))))), 64)
}

func clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
