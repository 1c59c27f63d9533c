package host

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"copylab/results/measured"
)

// FS says where the kernel's pseudo-filesystems and the system's files are found. Tests set its roots to fixtures.
type FS struct {
	Proc string // procfs
	Sys  string // sysfs
	Root string // what holds etc, dev and run
}

// System is the FS of the running machine.
func System() FS { return FS{Proc: "/proc", Sys: "/sys", Root: "/"} }

func (fs FS) proc(elem ...string) string { return filepath.Join(fs.Proc, filepath.Join(elem...)) }
func (fs FS) sys(elem ...string) string  { return filepath.Join(fs.Sys, filepath.Join(elem...)) }
func (fs FS) root(elem ...string) string { return filepath.Join(fs.Root, filepath.Join(elem...)) }

// unavailable is the text that stands where a word could not be had, in the manner of fmt.Sprintf.
func unavailable(format string, args ...any) string {
	return measured.Unavailable[int64](format, args...).String()
}

// noInt is a number that could not be had because of err.
func noInt(err error) measured.Int { return measured.Unavailable[int64]("%s", why(err)) }

// why is an error as a reason for a reader. Elsewhere than on Linux the missing file is not the point.
func why(err error) string {
	if runtime.GOOS != "linux" && errors.Is(err, iofs.ErrNotExist) {
		return runtime.GOOS + " has no such kernel file"
	}
	return err.Error()
}

// glob is the first file or folder of sysfs that a pattern matches (path/filepath.Match), or "".
func (fs FS) glob(pattern string) string {
	found, err := filepath.Glob(fs.sys(pattern))
	if err != nil || len(found) == 0 {
		return ""
	}
	return found[0]
}

// word reads a file that holds one value, without its final newline.
func word(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}

// wordOr is word, or the text that says why there is none.
func wordOr(path string) string {
	w, err := word(path)
	switch {
	case err != nil:
		return unavailable("%s", why(err))
	case w == "":
		return unavailable("%s is empty", path)
	}
	return w
}

// number reads a file that holds one decimal number, in the given unit of bytes (or 1).
func number(path string, unit int64) measured.Int {
	w, err := word(path)
	if err != nil {
		return noInt(err)
	}
	n, err := strconv.ParseInt(w, 10, 64)
	if err != nil || n < 0 {
		return measured.Unavailable[int64]("%s holds %q, not a number", path, w)
	}
	if unit > 1 && n > (1<<63-1)/unit {
		return measured.Unavailable[int64]("%s holds %s, more than can be counted in bytes", path, w)
	}
	return measured.Known(n * unit)
}

// parseFile opens path and hands it to parse; a parse error names the file.
func parseFile[T any](path string, parse func(io.Reader) (T, error)) (T, error) {
	var none T
	f, err := os.Open(path)
	if err != nil {
		return none, err
	}
	v, err := parse(f)
	if cerr := f.Close(); err == nil && cerr != nil {
		return none, cerr
	}
	if err != nil {
		return none, fmt.Errorf("parse %s: %w", path, err)
	}
	return v, nil
}

// exists tells whether there is something at path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// parseSelected returns the chosen word of a list such as "none [mq-deadline] kyber". A list of one needs no brackets.
func parseSelected(r io.Reader) (string, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	words := strings.Fields(string(b))
	chosen := ""
	for _, w := range words {
		inner, ok := strings.CutPrefix(w, "[")
		if !ok {
			continue
		}
		inner, ok = strings.CutSuffix(inner, "]")
		if !ok || inner == "" || chosen != "" {
			return "", fmt.Errorf("want one word in brackets, got %q", b)
		}
		chosen = inner
	}
	if chosen == "" && len(words) == 1 {
		return words[0], nil
	}
	if chosen == "" {
		return "", fmt.Errorf("want one word in brackets, got %q", b)
	}
	return chosen, nil
}

// selectedOr is the chosen word of the file at path, or the text that says why there is none.
func selectedOr(path string) string {
	w, err := parseFile(path, parseSelected)
	if err != nil {
		return unavailable("%s", why(err))
	}
	return w
}

// maxCPUs bounds what a list of CPUs may name: more than any kernel is built for.
const maxCPUs = 1 << 16

// parseCPUList reads the kernel's lists of CPUs, such as "0-3,8" (cpuset(7), "List format"). The empty list is allowed.
func parseCPUList(r io.Reader) ([]int, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(string(b))
	cpus := []int{}
	if text == "" {
		return cpus, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, err := strconv.ParseUint(low, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("read CPU list %q: %w", text, err)
		}
		last, err := strconv.ParseUint(high, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("read CPU list %q: %w", text, err)
		}
		if first > last || last >= maxCPUs || len(cpus) > maxCPUs {
			return nil, fmt.Errorf("read CPU list %q: bad range %q", text, part)
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus = append(cpus, int(cpu))
		}
	}
	return cpus, nil
}

// HumanBytes writes a size for a reader: 1.5 GiB. Binary units, one digit after the point.
func HumanBytes(n int64) string {
	const units = "KMGTPE"
	if n < 1024 && n > -1024 {
		return fmt.Sprintf("%d B", n)
	}
	v := float64(n)
	u := -1
	for (v >= 1024 || v <= -1024) && u < len(units)-1 {
		v /= 1024
		u++
	}
	return fmt.Sprintf("%.1f %ciB", v, units[u])
}
