package scenarios

import (
	"fmt"
	"slices"
	"strings"
)

// UsageError says what is wrong with a scenario or with the words on the command line, where, and what to write
// instead. A command ends with its exit code for wrong usage when it meets one (errors.As).
type UsageError struct {
	// Err says where ("tour.yaml:3:9" or "--set transfer.chunk=64K"), what is wrong there, and what to write instead.
	Err error
}

// Error is the text of Err.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *UsageError) Unwrap() error { return e.Err }

// wrong makes an error about the place at.
func wrong(at, format string, args ...any) error {
	return &UsageError{fmt.Errorf("%s: "+format, append([]any{at}, args...)...)}
}

// Nearest returns the word of valid that was most likely meant by word, or "" where none is near. It forgives case, a
// few missing, added, wrong or swapped letters, one that stands elsewhere in the word, and a missing end.
func Nearest(word string, valid []string) string {
	best, bestDistance := "", 0
	lower := strings.ToLower(word)
	for _, v := range valid {
		target := strings.ToLower(v)
		d := editDistance(lower, target)
		near := d <= max(1, min(len(lower), len(target))/3) && d < min(len(lower), len(target))
		if !near && d == 2 && len(lower) >= 4 && slices.Equal(slices.Sorted(strings.SplitSeq(lower, "")), slices.Sorted(strings.SplitSeq(target, ""))) {
			near = true // tetha, theta
		}
		if !near && len(lower) >= 3 && strings.HasPrefix(target, lower) {
			near = true
		}
		if near && (best == "" || d < bestDistance) {
			best, bestDistance = v, d
		}
	}
	return best
}

// didYouMean goes on after "is unknown" or "unknown …": with the nearest word, and the valid ones if they are few.
func didYouMean(word string, valid []string) string {
	var b strings.Builder
	if near := Nearest(word, valid); near != "" {
		b.WriteString(": did you mean " + quoted(near) + "?")
	}
	if list := strings.Join(valid, ", "); len(list) <= 400 {
		b.WriteString(" (valid: " + list + ")")
	}
	return b.String()
}

// editDistance counts the letters to insert, delete, replace or swap with their neighbour on the way from a to b (the
// optimal string alignment distance). Long words are as far away as they are long: no word of ours is.
func editDistance(a, b string) int {
	s, t := []rune(a), []rune(b)
	if len(s) > 64 || len(t) > 64 {
		return max(len(s), len(t))
	}
	// Three rows of the usual table: a swap looks back two.
	before, above, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(t)]
}
