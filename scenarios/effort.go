package scenarios

import (
	"fmt"
	"strconv"
	"time"

	"copylab/results/stats"
)

// Effort says how hard a run tries: how narrow its intervals shall be, and how long it may take for that.
type Effort string

// The efforts. A scenario's measure block is written for Normal.
const (
	Quick    Effort = "quick"    // ±10 %: a fifth of the budget, trials of half the time, one pass for evidence
	Normal   Effort = "normal"   // ±3 %, six passes
	Thorough Effort = "thorough" // ±1 %: five times the budget and the blocks, ten passes
)

// Efforts lists the efforts from the least to the most.
func Efforts() []Effort { return []Effort{Quick, Normal, Thorough} }

// ParseEffort reads an effort. The error of any other word is a *UsageError and names the nearest one.
func ParseEffort(word string) (Effort, error) {
	var words []string
	for _, e := range Efforts() {
		if string(e) == word {
			return e, nil
		}
		words = append(words, string(e))
	}
	return "", wrong("--effort", "%s is unknown%s", quoted(word), didYouMean(word, words))
}

// Precision is the relative half-width of a ratio's interval at which a run of this effort stops: 0.03 for ±3 %.
func (e Effort) Precision() float64 {
	switch e {
	case Quick:
		return 0.10
	case Thorough:
		return 0.01
	}
	return 0.03
}

// SetEffort scales the measure block as it stands in the scenario; what Set was told stays as it was told. It can be
// called again, before or after Set. A new scenario has the effort Normal.
func (s *Scenario) SetEffort(e Effort) error {
	return s.change(s.sets, e)
}

// scale fits a measure block that was written for Normal to the effort. keep names the keys that --set gave.
func (m Measure) scale(e Effort, keep func(key string) bool) Measure {
	switch e {
	case Quick:
		if !keep("time") {
			m.Time = max(m.Time/2, shortestTrial)
		}
		if !keep("budget") {
			m.Budget = max(m.Budget/5, shortestBudget)
		}
		if !keep("evidence") {
			m.Evidence = min(m.Evidence, quickPasses)
		}
	case Thorough:
		if !keep("budget") {
			m.Budget = min(m.Budget*5, longestBudget)
		}
		if !keep("blocks") {
			m.MaxBlocks = min(m.MaxBlocks*5, mostBlocks)
		}
		if !keep("evidence") && m.Evidence > 0 {
			m.Evidence = max(m.Evidence, thoroughPasses)
		}
	}
	m.Precision = e.Precision()
	return m
}

// The bounds of a measure block.
const (
	// A trial of 10 ms still holds hundreds of operations, and the kernel's tick, by which it accounts for the whole
	// machine's CPU time, is at most that long.
	shortestTrial = 10 * time.Millisecond
	longestTrial  = 60 * time.Second
	// Fewer than 5 counted blocks give no 95 % interval worth the name; more than 1000 give nothing more.
	leastBlocks = 5
	mostBlocks  = 1000

	shortestBudget = 100 * time.Millisecond
	longestBudget  = 7 * 24 * time.Hour

	// Passes for evidence. One has no interval. Six are the fewest that have one of 95 %, without which nothing is said to be saved.
	quickPasses    = 1
	normalPasses   = stats.EnoughValues
	thoroughPasses = 10
	mostPasses     = 20
)

// parsePasses reads how often a case is run once more for evidence: off, or a number.
func parsePasses(text string) (int, error) {
	if text == Off {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > mostPasses {
		return 0, fmt.Errorf("is not a number of passes: write off, or a whole number from 1 to %d", mostPasses)
	}
	return n, nil
}

func formatPasses(n int) string {
	if n == 0 {
		return Off
	}
	return strconv.Itoa(n)
}
