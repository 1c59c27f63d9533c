package kernel

import (
	"bufio"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// ProgramSymbols names the functions of this program, by what the Go runtime knows of itself. Processes of the same binary
// have the same addresses, unless the binary is loaded anywhere (PIE): a worker can name the other one's functions.
// It is used by one goroutine at a time.
type ProgramSymbols struct {
	own   int
	fixed bool                   // the binary has the same addresses in each process
	same  map[int]bool           // by PID: it runs this binary
	maps  map[int][]mappedRegion // by PID: what is not Go's, such as the vDSO
	names map[uint64][]string    // of the binary
}

type mappedRegion struct {
	from, to uint64
	name     string
}

// ReadProgramSymbols readies them. It can't fail: what it can't tell, Find does not name.
func ReadProgramSymbols() *ProgramSymbols {
	p := &ProgramSymbols{own: os.Getpid(), same: map[int]bool{}, maps: map[int][]mappedRegion{}, names: map[uint64][]string{}}
	p.same[p.own] = true
	if f, err := elf.Open("/proc/self/exe"); err == nil {
		p.fixed = f.Type == elf.ET_EXEC
		_ = f.Close() // nothing was written
	}
	return p
}

// mapped are the regions of a process; none where it has ended.
func (p *ProgramSymbols) mapped(pid int) []mappedRegion {
	regions, known := p.maps[pid]
	if known {
		return regions
	}
	if f, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid)); err == nil {
		regions = parseMaps(f)
		_ = f.Close() // nothing was written
	}
	p.maps[pid] = regions
	return regions
}

// parseMaps reads /proc/PID/maps (proc_pid_maps(5)), as
//
//	7ffd1b5f4000-7ffd1b5f6000 r-xp 00000000 00:00 0                          [vdso]
//
// and keeps what is executed. Lines that it does not understand are left out.
func parseMaps(r io.Reader) (regions []mappedRegion) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || len(fields[1]) < 3 || fields[1][2] != 'x' {
			continue
		}
		first, last, _ := strings.Cut(fields[0], "-")
		from, err1 := strconv.ParseUint(first, 16, 64)
		to, err2 := strconv.ParseUint(last, 16, 64)
		if err1 == nil && err2 == nil {
			regions = append(regions, mappedRegion{from, to, filepath.Base(fields[5])})
		}
	}
	return regions
}

// Find names the functions at an address of the process pid, the innermost first: those that the compiler put into others are told
// apart. It is empty where they can't be told. returns says that the address is where a function returns to.
func (p *ProgramSymbols) Find(pid int, address uint64, returns bool) []string {
	if !p.runs(pid) || pid != p.own && !p.fixed {
		return nil
	}
	if returns {
		address-- // the call, not what comes after it
	}
	names, found := p.names[address]
	if found && len(names) > 0 {
		return names
	}
	// CallersFrames takes addresses to return to, and looks at what lies before.
	frames := runtime.CallersFrames([]uintptr{uintptr(address) + 1})
	for !found {
		frame, more := frames.Next()
		if frame.Function != "" {
			names = append(names, frame.Function)
		}
		if !more {
			break
		}
	}
	p.names[address] = names
	if len(names) == 0 {
		for _, m := range p.mapped(pid) {
			if m.from <= address && address < m.to {
				return []string{m.name}
			}
		}
	}
	return names
}

// runs tells whether a process runs this binary.
func (p *ProgramSymbols) runs(pid int) bool {
	same, known := p.same[pid]
	if !known {
		own, err1 := os.Stat("/proc/self/exe")
		other, err2 := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
		same = err1 == nil && err2 == nil && os.SameFile(own, other)
		p.same[pid] = same
	}
	return same
}
