package kernel

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
)

// KernelSymbols are the names of the kernel's functions by their addresses, modules included: /proc/kallsyms. It is safe for
// use by several goroutines.
type KernelSymbols struct {
	addresses []uint64
	names     []uint32 // where each name begins in text; one more at the end
	modules   []uint16 // of each, an index into moduleNames
	text      []byte
	// moduleNames begins with "", the kernel itself.
	moduleNames []string
}

// The most that is read, many times what the largest kernels have.
const (
	maxSymbols    = 4 << 20
	maxSymbolText = 256 << 20
	// maxFunction bounds a function's size: an address further behind a symbol is not its.
	maxFunction = 256 << 10
)

// errHiddenSymbols says why all addresses are zero (kallsyms_show_value, kernel/kallsyms.c).
var errHiddenSymbols = errors.New("the kernel hides the addresses of its functions: run as root or with CAP_SYSLOG, or: sudo sysctl kernel.kptr_restrict=0 kernel.perf_event_paranoid=1")

// ReadKernelSymbols reads /proc/kallsyms, which takes the kernel some 100 ms to write. Where the kernel hides the addresses, the error says what
// would show them.
func ReadKernelSymbols() (*KernelSymbols, error) {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil, fmt.Errorf("read kernel symbols: %w", err)
	}
	defer f.Close()
	s, err := parseKernelSymbols(f)
	if err != nil {
		return nil, fmt.Errorf("read /proc/kallsyms: %w", err)
	}
	return s, nil
}

// parseKernelSymbols reads lines as
//
//	ffffffff81b6a2b0 T _copy_to_iter
//	ffffffffc0401000 t tls_sw_sendmsg	[tls]
//
// and keeps functions.
func parseKernelSymbols(r io.Reader) (*KernelSymbols, error) {
	s := &KernelSymbols{moduleNames: []string{""}}
	type symbol struct {
		address uint64
		at      uint32
		module  uint16
		rank    uint8 // of those with one address, the lowest is kept
	}
	var all []symbol
	modules := map[string]uint16{}
	lines := bufio.NewScanner(r)
	hidden := false
	for n := 1; lines.Scan(); n++ {
		address, kind, name, module, ok := splitSymbol(lines.Bytes())
		if !ok {
			return nil, fmt.Errorf("line %d: want an address, a kind and a name, got %.80q", n, lines.Bytes())
		}
		// Weak functions count too. __pfx_ names the padding before a function.
		if bytes.IndexByte([]byte("tTwW"), kind) < 0 || bytes.HasPrefix(name, []byte("__pfx_")) {
			continue
		}
		if address == 0 {
			hidden = true
			continue
		}
		if len(all) >= maxSymbols || len(s.text)+len(name) > maxSymbolText {
			return nil, fmt.Errorf("line %d: there are more than %d functions", n, len(all))
		}
		one := symbol{address: address, at: uint32(len(s.text)), rank: symbolRank(kind, name)}
		if len(module) > 0 {
			i, known := modules[string(module)]
			if !known {
				if len(s.moduleNames) >= 1<<16-1 {
					return nil, fmt.Errorf("line %d: there are more than %d modules", n, len(s.moduleNames))
				}
				i = uint16(len(s.moduleNames))
				s.moduleNames = append(s.moduleNames, string(module))
				modules[s.moduleNames[i]] = i
			}
			one.module = i
		}
		all = append(all, one)
		s.text = append(append(s.text, name...), 0)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	switch {
	case len(all) == 0 && hidden:
		return nil, errHiddenSymbols
	case len(all) == 0:
		return nil, errors.New("it holds no function")
	}
	sort.SliceStable(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return a.address < b.address || a.address == b.address && a.rank < b.rank
	})
	for i, one := range all {
		if i > 0 && one.address == all[i-1].address {
			continue
		}
		s.addresses = append(s.addresses, one.address)
		s.names = append(s.names, one.at)
		s.modules = append(s.modules, one.module)
	}
	return s, nil
}

// splitSymbol takes a line apart without an allocation.
func splitSymbol(line []byte) (address uint64, kind byte, name, module []byte, ok bool) {
	digits, rest, _ := bytes.Cut(line, []byte(" "))
	if len(digits) == 0 || len(digits) > 16 || len(rest) < 3 || rest[1] != ' ' {
		return 0, 0, nil, nil, false
	}
	for _, d := range digits {
		switch {
		case '0' <= d && d <= '9':
			d -= '0'
		case 'a' <= d && d <= 'f':
			d -= 'a' - 10
		default:
			return 0, 0, nil, nil, false
		}
		address = address<<4 | uint64(d)
	}
	name, module, _ = bytes.Cut(rest[2:], []byte("\t"))
	module = bytes.TrimSuffix(bytes.TrimPrefix(module, []byte("[")), []byte("]"))
	return address, rest[0], name, module, len(name) > 0 && bytes.IndexByte(name, 0) < 0
}

// symbolRank prefers, of several names for one address, the global one with the fewest underscores before it: "memcpy"
// rather than "__pi_memcpy".
func symbolRank(kind byte, name []byte) uint8 {
	rank := uint8(min(15, len(name)-len(bytes.TrimLeft(name, "_"))))
	if kind != 'T' {
		rank |= 16
	}
	return rank
}

// Find names the function that an address lies in, and its module, "" for the kernel itself; false where there is none.
func (s *KernelSymbols) Find(address uint64) (name, module string, ok bool) {
	i := sort.Search(len(s.addresses), func(i int) bool { return s.addresses[i] > address }) - 1
	if i < 0 || address-s.addresses[i] > maxFunction {
		return "", "", false
	}
	text := s.text[s.names[i]:]
	end := 0
	for text[end] != 0 {
		end++
	}
	return string(text[:end]), s.moduleNames[s.modules[i]], true
}

// Len is how many functions there are.
func (s *KernelSymbols) Len() int { return len(s.addresses) }

// probeKernelSymbols tells whether the addresses are shown, by a look at the first few.
func probeKernelSymbols(file string) Status {
	f, err := os.Open(file)
	if err != nil {
		return Unavailable("read kernel symbols: %v", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 0; n < 1000 && lines.Scan(); n++ {
		if address, _, _, _, ok := splitSymbol(lines.Bytes()); ok && address != 0 {
			return Available()
		}
	}
	if err := lines.Err(); err != nil {
		return Unknown("read kernel symbols: %v", err)
	}
	return Unavailable("%v", errHiddenSymbols)
}
