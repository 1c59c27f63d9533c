package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Reading names what a Sampler reads.
type Reading int

// The readings of a Sampler, in bytes.
const (
	SampleDirty           Reading = iota // held dirty by the whole machine: nr_dirty of /proc/vmstat
	SampleWriteback                      // being written back: nr_writeback
	SampleBackgroundLimit                // nr_dirty_background_threshold
	SampleLimit                          // nr_dirty_threshold
	SampleDeviceWrites                   // written to the device since it came up: /proc/diskstats
	sampleCount
)

// Sample is what a Sampler read at one time, by Reading. What could not be had is 0: Sampler.Err tells which.
type Sample [sampleCount]int64

// Sampler reads, again and again while something is measured, what the machine holds for its disks and what a device has written. The files
// are open and the buffers made beforehand, and Sample parses in place: it allocates nothing, and makes two calls of pread(2).
//
// The limits are the kernel's own, computed anew for each reading from the memory that is available then (mm/vmstat.c, vmstat_start, and
// mm/page-writeback.c, global_dirty_limits). Its counts of pages are exact to some hundred pages for each CPU, and count a folio that is
// dirty in part as a whole.
//
// It is used by one goroutine.
type Sampler struct {
	files  [2]sampledFile // vmstat, diskstats
	device []byte         // as /proc/diskstats names it, between blanks
	page   int64
	err    [sampleCount]error // of each reading, the first
}

// sampledFile is an open file and what it held last.
type sampledFile struct {
	counterFile
	text []byte
}

// vmstatNames are the lines of /proc/vmstat that are read. Each begins with the newline before it and ends with the blank after its name;
// none is the first of the file.
var vmstatNames = [...]string{
	SampleDirty: "\nnr_dirty ", SampleWriteback: "\nnr_writeback ",
	SampleBackgroundLimit: "\nnr_dirty_background_threshold ", SampleLimit: "\nnr_dirty_threshold ",
}

// OpenSampler readies a Sampler of the machine and of a block device, named as in /sys/class/block; empty: none is known. What this machine
// does not have is no error: Err says so of each reading.
func OpenSampler(device string) (*Sampler, error) { return System().OpenSampler(device) }

// OpenSampler is the function of that name on this FS.
func (fs FS) OpenSampler(device string) (*Sampler, error) {
	if strings.ContainsAny(device, "/ \t\n") {
		return nil, fmt.Errorf("open sampler: %q is no name of a block device: want one of /sys/class/block, such as vda", device)
	}
	s := &Sampler{page: int64(os.Getpagesize())}
	for i, path := range []string{fs.proc("vmstat"), fs.proc("diskstats")} {
		f := &s.files[i]
		var size int64
		f.name = path
		f.file, size, f.err = openSized(path)
		if f.err != nil {
			continue
		}
		const spare = 32 << 10 // see OpenCounters
		f.text = make([]byte, 2*size+spare)
		clear(f.text) // touch the pages now
	}
	for r := range vmstatNames {
		s.err[r] = s.files[0].err
	}
	s.err[SampleDeviceWrites] = s.files[1].err
	if device == "" {
		s.err[SampleDeviceWrites] = errNoDevice
	}
	// sysfs writes ! for the slashes that old drivers have in names.
	s.device = []byte(" " + strings.ReplaceAll(device, "!", "/") + " ")
	return s, nil
}

var errNoDevice = errors.New("no block device is known")

// Sample reads the files once.
func (s *Sampler) Sample() Sample {
	var v Sample
	text, err := s.files[0].read()
	for r, name := range vmstatNames {
		if s.err[r] != nil {
			continue
		}
		var pages int64
		if err == nil {
			pages, s.err[r] = numberOf(text, name)
		} else {
			s.err[r] = err
		}
		v[r] = pages * s.page
	}
	if s.err[SampleDeviceWrites] != nil {
		return v
	}
	if text, err = s.files[1].read(); err != nil {
		s.err[SampleDeviceWrites] = err
		return v
	}
	at := bytes.Index(text, s.device)
	if at < 0 {
		s.err[SampleDeviceWrites] = fmt.Errorf("/proc/diskstats has no device %s", bytes.TrimSpace(s.device))
		return v
	}
	const writeSectors = 6 // numbers of the line come before it
	sectors, err := decimal(text[at+len(s.device):], writeSectors)
	if err != nil {
		s.err[SampleDeviceWrites] = fmt.Errorf("parse /proc/diskstats: %w", err)
	}
	v[SampleDeviceWrites] = sectors * sectorBytes
	return v
}

// Err is the first reason for which a reading could not be had, or nil: every sample has it.
func (s *Sampler) Err(r Reading) error { return s.err[r] }

// Close closes the files.
func (s *Sampler) Close() error {
	var errs []error
	for i := range s.files {
		if f := &s.files[i]; f.file != nil {
			errs = append(errs, f.file.Close())
			f.file, f.err = nil, os.ErrClosed
		}
	}
	return errors.Join(errs...)
}

// read reads the whole file anew.
func (f *sampledFile) read() ([]byte, error) {
	if f.err != nil {
		return nil, f.err
	}
	n, err := f.file.ReadAt(f.text, 0)
	switch {
	case err == nil:
		return nil, errNoSpace
	case err != io.EOF: // ReadAt returns it as it is
		return nil, err
	}
	return f.text[:n], nil
}

// numberOf reads the number behind the first occurrence of name in /proc/vmstat.
func numberOf(text []byte, name string) (int64, error) {
	at := bytes.Index(text, []byte(name))
	if at < 0 {
		return 0, fmt.Errorf("/proc/vmstat has no %s", strings.TrimSpace(name))
	}
	n, err := decimal(text[at+len(name):], 0)
	if err != nil {
		return 0, fmt.Errorf("parse /proc/vmstat: %s: %w", strings.TrimSpace(name), err)
	}
	return n, nil
}

// decimal reads the number at the beginning of text, after as many others as skip says, with blanks between them.
func decimal(text []byte, skip int) (int64, error) {
	for {
		for len(text) > 0 && text[0] == ' ' {
			text = text[1:]
		}
		var n int64
		digits := 0
		for digits < len(text) && '0' <= text[digits] && text[digits] <= '9' {
			n = n*10 + int64(text[digits]-'0')
			digits++
		}
		const most = 18 // of which every number fits
		if digits == 0 || digits > most || digits < len(text) && text[digits] != ' ' && text[digits] != '\n' {
			return 0, errNoNumber
		}
		if skip == 0 {
			return n, nil
		}
		skip--
		text = text[digits:]
	}
}

var errNoNumber = errors.New("want a number")
