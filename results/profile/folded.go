package profile

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// kernelMark ends the names of functions of the kernel in folded stacks, as flame-graph tools know it.
const kernelMark = "_[k]"

// WriteFolded writes a line for each stack, as flame-graph tools read them: thread and functions, the outermost first, with
// semicolons between them, then the number of samples.
func (p *Profile) WriteFolded(w io.Writer) error { return writeFolded(w, p.Stacks()) }

func writeFolded(w io.Writer, stacks []Counted) error {
	out := bufio.NewWriter(w)
	for _, c := range stacks {
		fmt.Fprint(out, foldable(c.Thread))
		for _, name := range slices.Backward(c.User) {
			fmt.Fprint(out, ";", foldable(name))
		}
		for _, name := range slices.Backward(c.Kernel) {
			fmt.Fprint(out, ";", foldable(name), kernelMark)
		}
		fmt.Fprintln(out, "", c.Count)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write folded stacks: %w", err)
	}
	return nil
}

// foldable takes out what would end a name.
func foldable(name string) string {
	return strings.NewReplacer(";", ",", "\n", " ", "\r", " ").Replace(name)
}

// ReadFolded reads what WriteFolded writes. Lines that begin with # are comments.
func ReadFolded(r io.Reader, periodNS int64) (*Profile, error) {
	p := New(periodNS)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		if at < 0 {
			return nil, fmt.Errorf("read folded stacks: line %d: want a stack and a number of samples, got %.80q", n, line)
		}
		count, err := strconv.ParseInt(line[at+1:], 10, 64)
		if err != nil || count < 0 {
			return nil, fmt.Errorf("read folded stacks: line %d: want a number of samples, got %.80q", n, line[at+1:])
		}
		names := strings.Split(line[:at], ";")
		s := Stack{Thread: names[0]}
		for _, name := range slices.Backward(names[1:]) {
			if in, ok := strings.CutSuffix(name, kernelMark); ok {
				if len(s.User) > 0 {
					return nil, fmt.Errorf("read folded stacks: line %d: the kernel calls the program", n)
				}
				s.Kernel = append(s.Kernel, in)
			} else {
				s.User = append(s.User, name)
			}
		}
		p.Add(s, count)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read folded stacks: %w", err)
	}
	return p, nil
}
