package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

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

// line is the text before the bar: what is measured, how long it takes, what is known so far. It is cut so that text and
// bar fit into one line of the terminal, whatever its width: a line that wraps can't be drawn over.
func (p *progress) line(e scenarios.Event) string {
	text := []rune(p.text(e))
	return string(text[:min(len(text), max(0, width(p.out)-besideText))])
}

func (p *progress) text(e scenarios.Event) string {
	text := fmt.Sprintf("%s %-22.22s %s left", p.stage(e), p.label(e.Case), clock(e.Left))
	if len(e.Ratios) > 0 {
		text += "  " + p.ratio(e.Ratios[(e.Step-1)%len(e.Ratios)])
	}
	return text
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
		fmt.Fprintf(p.out, ": %s", p.ratio(e.Ratios[0]))
	case n > 1:
		fmt.Fprintf(p.out, ": the widest of %d ratios is %s", n, p.ratio(slices.MaxFunc(e.Ratios, func(a, b results.Comparison) int {
			return cmp.Compare((a.High-a.Low)/a.Ratio, (b.High-b.Low)/b.Ratio)
		})))
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
	return fmt.Sprintf("%s %s ×%.2f [%.2f–%.2f]", p.labels[r.Case], strings.ReplaceAll(name, "_", " "), r.Ratio, r.Low, r.High)
}

func clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
