package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"copylab/results/measured"
)

// The files that Counters reads.
const (
	fileStat = iota
	fileDisk
	fileMemory
	fileNet // of the network namespace of whoever opened it
	fileCount
)

// The times at which Counters reads them.
const (
	snapBefore = iota
	snapAfter
	snapSettled
	snapCount
)

// Counters reads the machine's counters around a timed span. The files are open and the buffers made beforehand, so that
// Before, After and Settled allocate nothing: each costs about a dozen pread(2) calls. What they read is parsed later, by
// the methods that return it.
//
// It is used by one goroutine.
type Counters struct {
	device  string // as sysfs names it
	noFlush string // why the kernel counts no flushes on device, or ""
	nic     string // whose counters Interface tells
	files   [fileCount]counterFile
	snaps   [snapCount]snapshot
}

// counterFile is one of the files, or the reason why it can't be read.
type counterFile struct {
	name string
	file *os.File
	err  error
}

// snapshot is what the files held at one time.
type snapshot struct {
	taken bool
	text  [fileCount][]byte // of fixed size
	size  [fileCount]int
	err   [fileCount]error
}

// OpenCounters readies the counters of the machine and of a block device, named as in /sys/class/block. Where device is
// empty there are none of a device. A file that this machine does not have is no error: what it would have told is
// unavailable then, with the reason.
func OpenCounters(device string) (*Counters, error) { return System().OpenCounters(device) }

// OpenCounters is the function of that name on this FS.
func (fs FS) OpenCounters(device string) (*Counters, error) {
	if strings.ContainsAny(device, "/ \t\n") {
		return nil, fmt.Errorf("open counters: %q is no name of a block device: want one of /sys/class/block, such as vda", device)
	}
	c := &Counters{device: device}
	if device != "" {
		c.noFlush = fs.noFlushes(device)
	}
	for i, path := range [...]string{fileStat: fs.proc("stat"), fileDisk: fs.proc("diskstats"), fileMemory: fs.proc("meminfo")} {
		c.open(i, path)
	}
	c.files[fileNet].err = errNoInterface
	return c, nil
}

// errNoInterface says that WatchInterface was not called.
var errNoInterface = errors.New("no network interface is watched")

func (c *Counters) open(which int, path string) {
	size := int64(0)
	c.files[which] = counterFile{name: path}
	c.files[which].file, size, c.files[which].err = openSized(path)
	// The files grow by a few digits, and by lines when a disk or an interrupt appears.
	const spare = 32 << 10
	for s := range c.snaps {
		if c.files[which].err == nil {
			c.snaps[s].text[which] = make([]byte, 2*size+spare)
			clear(c.snaps[s].text[which]) // touch the pages now
		}
	}
}

// WatchInterface makes the readings to come also those of a network interface, by its name in the calling thread's network namespace: "lo", "eth0".
// It is called once.
func (c *Counters) WatchInterface(name string) { System().watchInterface(c, name) }

func (fs FS) watchInterface(c *Counters, name string) {
	c.nic = name
	c.open(fileNet, fs.proc("thread-self/net/dev")) // /proc/net is the namespace of the process's first thread
}

// openSized opens a file of procfs and finds out its size by reading it, since stat(2) says 0.
func openSized(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	n, err := io.Copy(io.Discard, f)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, n, nil
}

// Close closes the files. What was read stays.
func (c *Counters) Close() error {
	var errs []error
	for i := range c.files {
		if c.files[i].file != nil {
			errs = append(errs, c.files[i].file.Close())
			c.files[i].file = nil
		}
	}
	return errors.Join(errs...)
}

// Before reads the counters right before the timed span. The CPUs' are read last, so that the reading of the others does
// not count in the span.
func (c *Counters) Before() {
	s := &c.snaps[snapBefore]
	c.read(s, fileNet)
	c.read(s, fileMemory)
	c.read(s, fileDisk)
	c.read(s, fileStat)
	s.taken = true
}

// After reads the counters right after the timed span, in the opposite order.
func (c *Counters) After() {
	c.readAll(&c.snaps[snapAfter])
}

// Settled reads the counters once what the span left dirty has been written back.
func (c *Counters) Settled() {
	c.readAll(&c.snaps[snapSettled])
}

func (c *Counters) readAll(s *snapshot) {
	c.read(s, fileStat)
	c.read(s, fileDisk)
	c.read(s, fileMemory)
	c.read(s, fileNet)
	s.taken = true
}

// errNoSpace says that a file outgrew its buffer.
var errNoSpace = errors.New("the file grew to more than twice its size since it was opened")

func (c *Counters) read(s *snapshot, which int) {
	f := &c.files[which]
	s.size[which] = 0
	if s.err[which] = f.err; f.err != nil {
		return
	}
	if f.file == nil {
		s.err[which] = os.ErrClosed
		return
	}
	// Reading from offset 0 makes the kernel render the file anew (fs/seq_file.c).
	n, err := f.file.ReadAt(s.text[which], 0)
	switch {
	case err == nil:
		s.err[which] = errNoSpace
	case err != io.EOF: // ReadAt returns it as it is
		s.err[which] = err
	}
	s.size[which] = n
}

// errNotTaken says that a snapshot is missing.
var errNotTaken = errors.New("the counters were not read at that time")

// reading parses one file of one snapshot.
func reading[T any](c *Counters, snap, which int, parse func(io.Reader) (T, error)) (T, error) {
	var none T
	s := &c.snaps[snap]
	if !s.taken {
		return none, errNotTaken
	}
	if s.err[which] != nil {
		return none, s.err[which]
	}
	v, err := parse(bytes.NewReader(s.text[which][:s.size[which]]))
	if err != nil {
		return none, fmt.Errorf("parse %s: %w", c.files[which].name, err)
	}
	return v, nil
}

// spanned parses one file of two snapshots.
func spanned[T any](c *Counters, first, last, which int, parse func(io.Reader) (T, error)) (before, after T, err error) {
	if before, err = reading(c, first, which, parse); err != nil {
		return before, after, err
	}
	after, err = reading(c, last, which, parse)
	return before, after, err
}

// Machine is what the whole machine did in the timed span. The kernel counts CPU time in ticks: ResolutionNS.
func (c *Counters) Machine() MachineDelta {
	before, after, err := spanned(c, snapBefore, snapAfter, fileStat, parseStat)
	if err != nil {
		return noMachine("%s", why(err))
	}
	return machineDelta(before, after)
}

// CPUBusy is for how many nanoseconds of the timed span one CPU was busy, whoever kept it so: with the program that is
// pinned to it, soft interrupts, kernel workers. It has the resolution of Machine's readings.
func (c *Counters) CPUBusy(cpu int) measured.Int {
	before, after, err := spanned(c, snapBefore, snapAfter, fileStat, parseStat)
	if err != nil {
		return noInt(err)
	}
	return cpuBusy(before, after, cpu)
}

// Device is what the device did in the timed span.
func (c *Counters) Device() DeviceDelta { return c.deviceUntil(snapAfter) }

// DeviceSettled is what the device did from before the timed span until Settled.
func (c *Counters) DeviceSettled() DeviceDelta { return c.deviceUntil(snapSettled) }

func (c *Counters) deviceUntil(last int) DeviceDelta {
	if c.device == "" {
		return noDevice("", "no block device is known")
	}
	before, after, err := spanned(c, snapBefore, last, fileDisk, parseDiskstats)
	if err != nil {
		return noDevice(c.device, "%s", why(err))
	}
	// sysfs writes ! for the slashes that old drivers have in names.
	name := strings.ReplaceAll(c.device, "!", "/")
	b, ok1 := before[name]
	a, ok2 := after[name]
	switch {
	case !ok1 && !ok2:
		return noDevice(c.device, "/proc/diskstats has no device %s", name)
	case !ok1 || !ok2:
		return noDevice(c.device, "the device %s came or went during the span", name)
	}
	return deviceDelta(c.device, b, a, c.noFlush)
}

// Interface is what the watched network interface counted in the timed span.
func (c *Counters) Interface() LinkDelta {
	before, after, err := spanned(c, snapBefore, snapAfter, fileNet, parseNetDev)
	if err != nil {
		return noLink(c.nic, "%s", why(err))
	}
	b, ok1 := before[c.nic]
	a, ok2 := after[c.nic]
	if !ok1 || !ok2 {
		return noLink(c.nic, "/proc/net/dev has no interface %s", c.nic)
	}
	return linkDelta(c.nic, b, a)
}

// DirtyBefore is what the machine held for its disks right before the timed span.
func (c *Counters) DirtyBefore() DirtyMemory { return c.dirty(snapBefore) }

// DirtyAfter is what the machine held for its disks right after the timed span.
func (c *Counters) DirtyAfter() DirtyMemory { return c.dirty(snapAfter) }

func (c *Counters) dirty(snap int) DirtyMemory {
	t, err := reading(c, snap, fileMemory, parseMeminfo)
	if err != nil {
		return DirtyMemory{DirtyBytes: noInt(err), WritebackBytes: noInt(err)}
	}
	return dirtyMemory(t)
}
