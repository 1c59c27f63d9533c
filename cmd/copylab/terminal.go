package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// defaultWidth is how wide a table may be where there is no terminal to ask.
const defaultWidth = 100

// terminal tells whether what is read from or written to is one.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colorful tells whether colours belong on w: a terminal that does not ask for none (NO_COLOR, TERM=dumb).
func colorful(w io.Writer) bool {
	return terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// width is how many columns w has, at most defaultWidth.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return min(columns, defaultWidth)
		}
	}
	return defaultWidth
}
