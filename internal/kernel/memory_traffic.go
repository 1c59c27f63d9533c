package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// memoryEvent is an event of a memory controller's counters.
type memoryEvent struct {
	name          string // as "uncore_imc_0/cas_count_read"
	kind          uint32 // perf_event_attr.type
	config        [3]uint64
	cpus          []int // on which it is opened: one of each package
	bytesPerCount float64
	write         bool
}

// memoryEventNames tells the events that count what is read from memory, and what is written to it: of servers' integrated memory controllers
// (a CAS command moves a cache line), of each half of those that have two, and of laptops'.
func memoryEventNames() (reads, writes []string) {
	return []string{"cas_count_read", "cas_count_read_sch0", "cas_count_read_sch1", "data_reads", "data_read"},
		[]string{"cas_count_write", "cas_count_write_sch0", "cas_count_write_sch1", "data_writes", "data_write"}
}

// errNoMemoryCounters says that there are none.
var errNoMemoryCounters = errors.New("this machine's memory controllers have no counters that the kernel knows (uncore_imc in /sys/bus/event_source/devices): virtual machines have none as a rule, and only Intel's processors describe theirs there")

// memoryEvents finds the events under a folder of event sources, which is /sys/bus/event_source/devices
// (Documentation/ABI/testing/sysfs-bus-event_source-devices-events and -format).
func memoryEvents(folder string) (found []memoryEvent, err error) {
	devices, err := filepath.Glob(filepath.Join(folder, "uncore_imc*"))
	if err != nil {
		return nil, err
	}
	reads, writes := memoryEventNames()
	for _, device := range devices {
		for _, name := range slices.Concat(reads, writes) {
			text, err := os.ReadFile(filepath.Join(device, "events", name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			e, err := readMemoryEvent(device, name, strings.TrimSpace(string(text)))
			if err != nil {
				return nil, fmt.Errorf("read event %s of %s: %w", name, device, err)
			}
			e.write = slices.Contains(writes, name)
			found = append(found, e)
		}
	}
	if !slices.ContainsFunc(found, func(e memoryEvent) bool { return e.write }) || !slices.ContainsFunc(found, func(e memoryEvent) bool { return !e.write }) {
		return nil, errNoMemoryCounters
	}
	return found, nil
}

func readMemoryEvent(device, name, terms string) (e memoryEvent, err error) {
	e.name = filepath.Base(device) + "/" + name
	word := func(file string) (string, error) {
		text, err := os.ReadFile(filepath.Join(device, file))
		return strings.TrimSpace(string(text)), err
	}
	kind, err := word("type")
	if err != nil {
		return e, err
	}
	n, err := strconv.ParseUint(kind, 10, 32)
	if err != nil {
		return e, fmt.Errorf("type: %w", err)
	}
	e.kind = uint32(n)
	cpus, err := word("cpumask")
	if err != nil {
		return e, err
	}
	if e.cpus, err = parseCPUs(cpus); err != nil {
		return e, err
	}
	for term := range strings.SplitSeq(terms, ",") {
		if err := e.set(device, term); err != nil {
			return e, err
		}
	}
	scale, err := word(filepath.Join("events", name+".scale"))
	if err != nil {
		return e, err
	}
	per, err := strconv.ParseFloat(scale, 64)
	if err != nil {
		return e, fmt.Errorf("scale: %w", err)
	}
	unit, err := word(filepath.Join("events", name+".unit"))
	if err != nil {
		return e, err
	}
	bytes, known := map[string]float64{"MiB": 1 << 20, "KiB": 1 << 10, "Bytes": 1, "B": 1}[unit]
	if !known || per <= 0 {
		return e, fmt.Errorf("a count of %s %q is no number of bytes", scale, unit)
	}
	e.bytesPerCount = per * bytes
	return e, nil
}

// set puts a term of an event, as "umask=0x03", into the bits that the device's format names for it, as "config:8-15".
func (e *memoryEvent) set(device, term string) error {
	name, text, given := strings.Cut(term, "=")
	value := uint64(1)
	if given {
		var err error
		if value, err = strconv.ParseUint(text, 0, 64); err != nil {
			return fmt.Errorf("term %q: %w", term, err)
		}
	}
	format, err := os.ReadFile(filepath.Join(device, "format", name))
	if err != nil {
		return err
	}
	field, bits, _ := strings.Cut(strings.TrimSpace(string(format)), ":")
	at := slices.Index([]string{"config", "config1", "config2"}, field)
	if at < 0 {
		return fmt.Errorf("term %q: there is no field %q", term, field)
	}
	for part := range strings.SplitSeq(bits, ",") {
		low, high, ok := strings.Cut(part, "-")
		if !ok {
			high = low
		}
		first, err1 := strconv.ParseUint(low, 10, 6)
		last, err2 := strconv.ParseUint(high, 10, 6)
		if err := errors.Join(err1, err2); err != nil || last < first {
			return fmt.Errorf("term %q: bits %q: %w", term, bits, err)
		}
		width := last - first + 1
		mask := ^uint64(0) >> (64 - width)
		e.config[at] |= (value & mask) << first
		value >>= width // 0 for all 64
	}
	if value != 0 {
		return fmt.Errorf("term %q has more bits than %q", term, bits)
	}
	return nil
}

// parseCPUs reads the kernel's lists of CPUs, as "0-3,8".
func parseCPUs(text string) (cpus []int, err error) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, ok := strings.Cut(part, "-")
		if !ok {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("read the list of CPUs %q: %w", text, err)
		}
		to, err := strconv.ParseUint(last, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("read the list of CPUs %q: %w", text, err)
		}
		for cpu := from; cpu <= to; cpu++ {
			cpus = append(cpus, int(cpu))
		}
	}
	return cpus, nil
}
