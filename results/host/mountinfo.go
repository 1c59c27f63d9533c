package host

import (
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// mount is one line of mountinfo.
type mount struct {
	id      int64
	device  string // st_dev as major:minor; major 0 is not a block device
	root    string // the folder of the filesystem that is mounted
	point   string // where, as seen from this process's root
	options string // of the mount
	fstype  string
	source  string
	super   string // options of the superblock
}

// option returns the value of an option of the superblock.
func (m mount) option(name string) (string, bool) {
	for o := range strings.SplitSeq(m.super, ",") {
		if v, ok := strings.CutPrefix(o, name+"="); ok {
			return v, true
		}
	}
	return "", false
}

// mounts reads this process's mountinfo.
func (fs FS) mounts() ([]mount, error) { return parseFile(fs.proc("self/mountinfo"), parseMountinfo) }

// parseMountinfo parses /proc/PID/mountinfo (proc_pid_mountinfo(5)). procfs has a parser too, but it keeps the escapes of
// spaces in paths and loses the order of options.
func parseMountinfo(r io.Reader) ([]mount, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	mounts := []mount{}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		m, err := parseMount(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

func parseMount(line string) (mount, error) {
	// The fields are separated by one space, and may be empty: no strings.Fields. Optional fields end with "-".
	fields := strings.Split(line, " ")
	dash := -1
	for i := 6; i < len(fields); i++ {
		if fields[i] == "-" {
			dash = i
			break
		}
	}
	if dash < 0 || len(fields) < dash+4 {
		return mount{}, fmt.Errorf("want six fields, any number of others, a dash and three more, got %q", line)
	}
	id, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return mount{}, fmt.Errorf("number of the mount: %w", err)
	}
	major, minor, ok := strings.Cut(fields[2], ":")
	if !ok || !isNumber(major) || !isNumber(minor) {
		return mount{}, fmt.Errorf("want a device as major:minor, got %q", fields[2])
	}
	m := mount{id: id, device: fields[2], options: fields[5], fstype: fields[dash+1], super: fields[dash+3]}
	for _, f := range []struct {
		into *string
		from string
	}{{&m.root, fields[3]}, {&m.point, fields[4]}, {&m.source, fields[dash+2]}} {
		if *f.into, err = unescape(f.from); err != nil {
			return mount{}, err
		}
	}
	if !path.IsAbs(m.point) {
		return mount{}, fmt.Errorf("want an absolute mount point, got %q", m.point)
	}
	return m, nil
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

// unescape turns \040 into a space, and so on: the kernel writes space, tab, newline, backslash and # so
// (fs/proc_namespace.c, mangle).
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i+4 > len(s) {
			return "", fmt.Errorf("unfinished escape at the end of %q", s)
		}
		v, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
		if err != nil {
			return "", fmt.Errorf("want an escape of three octal digits, got %q", s[i:i+4])
		}
		b.WriteByte(byte(v))
		i += 3
	}
	return b.String(), nil
}

// place is where a folder is, as the kernel tells.
type place struct {
	path   string // absolute, without symbolic links
	device string // st_dev as major:minor
	mount  int64  // number of its mount, statx(2) STATX_MNT_ID; 0 where the kernel is too old to tell
}

// findMount finds the mount that a folder is on. The number of the mount says it exactly. Without it, it is the longest
// mount point above the folder whose device is the folder's; btrfs gives each subvolume a device of its own that
// mountinfo doesn't show, so that the longest alone must do there. Of mounts over each other the last is in force.
func findMount(mounts []mount, at place) (mount, bool) {
	if at.mount != 0 {
		for _, m := range mounts {
			if m.id == at.mount {
				return m, true
			}
		}
	}
	best, bestSame := -1, -1
	for i, m := range mounts {
		if !within(at.path, m.point) {
			continue
		}
		if best < 0 || len(m.point) >= len(mounts[best].point) {
			best = i
		}
		if m.device == at.device && (bestSame < 0 || len(m.point) >= len(mounts[bestSame].point)) {
			bestSame = i
		}
	}
	switch {
	case best < 0:
		return mount{}, false
	case bestSame >= 0:
		return mounts[bestSame], true
	}
	return mounts[best], true
}

// within tells whether the clean path p is the folder dir or below it.
func within(p, dir string) bool {
	if dir == "/" || p == dir {
		return true
	}
	return strings.HasPrefix(p, dir) && p[len(dir)] == '/'
}
