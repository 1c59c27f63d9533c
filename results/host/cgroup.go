package host

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"path"
	"strconv"
	"strings"

	"copylab/results/measured"
)

// membership is one line of /proc/PID/cgroup.
type membership struct {
	hierarchy   int64    // 0 is version 2
	controllers []string // empty for version 2
	path        string
}

// parseCgroup parses /proc/PID/cgroup (cgroups(7)): "hierarchy:controllers:path".
func parseCgroup(r io.Reader) ([]membership, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	all := []membership{}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 || !path.IsAbs(parts[2]) {
			return nil, fmt.Errorf("line %d: want hierarchy:controllers:/path, got %q", n, line)
		}
		id, err := strconv.ParseInt(parts[0], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: number of the hierarchy: %w", n, err)
		}
		m := membership{hierarchy: id, path: path.Clean(parts[2])}
		if parts[1] != "" {
			m.controllers = strings.Split(parts[1], ",")
		}
		all = append(all, m)
	}
	return all, nil
}

// cgroupFolders lists the folders of this process's cgroup and of the cgroups above it that may limit it, for version 2 and for
// a controller of version 1. A folder that can't be seen from a container is left out.
func (fs FS) cgroupFolders(controller string) (v2, v1 []string, err error) {
	all, err := parseFile(fs.proc("self/cgroup"), parseCgroup)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range all {
		switch {
		case m.hierarchy == 0 && len(m.controllers) == 0:
			for _, base := range []string{fs.sys("fs/cgroup"), fs.sys("fs/cgroup/unified")} {
				if exists(path.Join(base, "cgroup.controllers")) {
					v2 = append(v2, ancestors(base, m.path)...)
				}
			}
		case contains(m.controllers, controller):
			for _, name := range []string{controller, strings.Join(m.controllers, ",")} {
				if base := fs.sys("fs/cgroup", name); exists(base) {
					v1 = append(v1, ancestors(base, m.path)...)
					break
				}
			}
		}
	}
	return v2, v1, nil
}

func contains(list []string, want string) bool {
	for _, s := range list {
		if s == want {
			return true
		}
	}
	return false
}

// ancestors lists base, and every folder from it down to base/sub.
func ancestors(base, sub string) []string {
	folders := []string{base}
	for p := sub; p != "/" && p != "."; p = path.Dir(p) {
		folders = append(folders, path.Join(base, p))
	}
	return folders
}

// cpuQuota is how many CPUs' worth of time the tightest of this process's cgroups allows; unlimited is told apart
// from unknown by ok.
func (fs FS) cpuQuota() (cpus measured.Float, limited bool) {
	v2, v1, err := fs.cgroupFolders("cpu")
	if err != nil {
		return measured.Unavailable[float64]("%s", why(err)), false
	}
	var least float64
	take := func(quota float64, has bool, err error) error {
		if err != nil && !errors.Is(err, iofs.ErrNotExist) {
			return err
		}
		if err == nil && has && (!limited || quota < least) {
			least, limited = quota, true
		}
		return nil
	}
	for _, dir := range v2 {
		q, err := parseFile(path.Join(dir, "cpu.max"), parseCPUMax)
		if err := take(q.cpus, q.limited, err); err != nil {
			return measured.Unavailable[float64]("%s", why(err)), false
		}
	}
	for _, dir := range v1 {
		q, err := parseFile(path.Join(dir, "cpu.cfs_quota_us"), parseSigned)
		if err != nil || q <= 0 { // -1: no quota
			if err := take(0, false, err); err != nil {
				return measured.Unavailable[float64]("%s", why(err)), false
			}
			continue
		}
		period, err := parseFile(path.Join(dir, "cpu.cfs_period_us"), parseSigned)
		if err == nil && period <= 0 {
			err = fmt.Errorf("%s holds the period %d", dir, period)
		}
		if err := take(float64(q)/float64(period), true, err); err != nil {
			return measured.Unavailable[float64]("%s", why(err)), false
		}
	}
	return measured.Known(least), limited
}

// quota is the content of cpu.max.
type quota struct {
	limited bool
	cpus    float64
}

// parseCPUMax parses cpu.max of cgroup v2: "max 100000", or a quota and a period in microseconds.
func parseCPUMax(r io.Reader) (quota, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return quota{}, err
	}
	fields := strings.Fields(string(b))
	if len(fields) != 2 {
		return quota{}, fmt.Errorf("want a quota and a period, got %q", b)
	}
	period, err := strconv.ParseUint(fields[1], 10, 63)
	if err != nil || period == 0 {
		return quota{}, fmt.Errorf("want a period in microseconds, got %q", fields[1])
	}
	if fields[0] == "max" {
		return quota{}, nil
	}
	us, err := strconv.ParseUint(fields[0], 10, 63)
	if err != nil {
		return quota{}, fmt.Errorf("want a quota in microseconds or max, got %q", fields[0])
	}
	return quota{limited: true, cpus: float64(us) / float64(period)}, nil
}

// parseSigned parses a file that holds one whole number.
func parseSigned(r io.Reader) (int64, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
}

// memoryLimit is the tightest memory limit of this process's cgroups in bytes. The page cache that it fills counts too.
func (fs FS) memoryLimit() (bytes measured.Int, limited bool) {
	v2, v1, err := fs.cgroupFolders("memory")
	if err != nil {
		return noInt(err), false
	}
	// Version 1 writes "no limit" as the largest number of whole pages.
	const none = 1 << 62
	least := int64(none)
	for _, files := range []struct {
		dirs []string
		name string
	}{{v2, "memory.max"}, {v1, "memory.limit_in_bytes"}} {
		for _, dir := range files.dirs {
			n, err := parseFile(path.Join(dir, files.name), parseMemoryMax)
			if errors.Is(err, iofs.ErrNotExist) {
				continue
			}
			if err != nil {
				return noInt(err), false
			}
			least = min(least, n)
		}
	}
	return measured.Known(least), least < none
}

// parseMemoryMax parses memory.max and memory.limit_in_bytes: a number of bytes or "max", which is the largest number.
func parseMemoryMax(r io.Reader) (int64, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return 0, err
	}
	text := strings.TrimSpace(string(b))
	if text == "max" {
		return 1<<63 - 1, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("want a number of bytes or max, got %q", text)
	}
	return int64(min(n, 1<<63-1)), nil
}
