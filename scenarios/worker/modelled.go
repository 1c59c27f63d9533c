package worker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"copylab/diskwrite"
	"copylab/diskwrite/hdd"
	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/measured"
)

// ModelledDisk is a mechanical disk that a trial's writes are modelled on: see package hdd.
type ModelledDisk struct {
	Drive string `json:"drive"` // an ID of hdd.Drives
	Cache string `json:"cache"` // the drive's write cache: off, on
}

// mostCommands is how many commands a host has at such a drive at once: those of NCQ (SATA).
const mostCommands = 32

// models are the disks that a trial is modelled on. They take what the device is given while the trial goes on, where that can be
// traced; otherwise what the program wrote is computed again afterwards, and given to them in its order.
type models struct {
	disks  []*model
	tracer *tracer // nil: there is no trace
	why    string  // there is none, or it is of no use
	place  placement
	device string
}

// model is one of the disks.
type model struct {
	ModelledDisk
	drive hdd.Drive
	trace *tracedDisk // nil: it does not take what is traced
	why   string      // it does not
}

// startModels readies the disks, and a trace of the device, whose files belong to another thread. It must be ended by result or drop.
func startModels(job Write, method diskwrite.Method) (*models, error) {
	m := &models{device: job.Device}
	for _, d := range job.Modelled {
		drive, ok := hdd.FindDrive(d.Drive)
		if !ok {
			return nil, fmt.Errorf("model a disk: there is no drive %q", d.Drive)
		}
		m.disks = append(m.disks, &model{ModelledDisk: d, drive: drive})
	}
	if job.Device == "" {
		m.why = "no block device is known under the files"
		return m, nil
	}
	deviceBytes, err := deviceSize(job.Device)
	if err != nil {
		m.why = err.Error()
		return m, nil
	}
	for _, d := range m.disks {
		if d.Cache == string(hdd.WriteCacheOn) {
			if d.why = noFlushes(job.Device); d.why != "" {
				continue
			}
		}
		if d.trace, err = newTracedDisk(d.drive, hdd.Cache(d.Cache), deviceBytes); err != nil {
			return nil, err
		}
		d.trace.pid, d.trace.underWay = os.Getpid(), underWay(job.Plan, method)
	}
	if m.tracer, err = startTracer(job.Device, job.TimelineCPU, m.take); err != nil {
		m.why = err.Error()
	}
	return m, nil
}

// locate tells the models which files are written. It comes before the first write.
func (m *models) locate(pattern diskwrite.PatternID, targets []*os.File) {
	m.place = newPlacement(pattern, targets, m.device)
}

func deviceSize(device string) (int64, error) {
	text, err := os.ReadFile(filepath.Join("/sys/class/block", device, "size"))
	if err != nil {
		return 0, fmt.Errorf("read the size of %s: %w", device, err)
	}
	sectors, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the size of %s: %w", device, err)
	}
	return sectors * 512, nil // Documentation/ABI/stable/sysfs-block, whatever the device's own sectors are
}

// noFlushes says why the trace of a device does not show where a drive with a volatile cache would be flushed, or "".
func noFlushes(device string) string {
	text, err := os.ReadFile(filepath.Join("/sys/class/block", device, "queue/write_cache"))
	switch cache := strings.TrimSpace(string(text)); {
	case err != nil:
		return fmt.Sprintf("whether %s is sent flushes is not known: %v", device, err)
	case cache != "write back":
		return fmt.Sprintf("%s has no volatile write cache (%s), so that the kernel sends it no flushes, which the modelled drive would get", device, cache)
	}
	return ""
}

// take gives a request to every disk that takes what is traced.
func (m *models) take(r kernel.BlockRequest) {
	if r.Kind == kernel.BlockWrite {
		m.place.add(r.Offset, r.Bytes)
	}
	for _, d := range m.disks {
		if d.trace != nil {
			d.trace.take(r)
		}
	}
}

// begin begins to trace. It is called by the writer's thread, right before the first write.
func (m *models) begin() {
	if m.tracer == nil {
		return
	}
	if err := m.tracer.begin(); err != nil {
		m.drop()
		m.why = err.Error()
	}
}

// drop ends the trace of a trial that failed.
func (m *models) drop() {
	if m.tracer != nil {
		_ = m.tracer.stop() // the trial has a better error
		m.tracer = nil
	}
}

// result ends the trace, once all that the trial wrote is on the device, and is what the disks would have taken.
func (m *models) result(plan diskwrite.Job, method diskwrite.Method, done diskwrite.Result, targets []*os.File) []results.Modelled {
	if m.tracer != nil {
		if err := m.tracer.stop(); err != nil {
			m.why = err.Error()
		}
		m.tracer = nil
	}
	outside := m.place.outside(targets, m.device)
	var list []results.Modelled
	for _, d := range m.disks {
		why := d.why
		if why == "" {
			why = m.why
		}
		if why == "" {
			why = d.trace.why
		}
		r := results.Modelled{
			Drive: d.Drive, WriteCache: d.Cache, Source: results.SourceBlockTrace, OutsideBytes: outside, PayloadBytes: measured.Known(done.Bytes),
		}
		if why != "" {
			r.Source, r.Why = results.SourceAsIssued, why
			r.OutsideBytes = measured.Unavailable[int64]("nothing but the program's own writes were modelled")
			total, err := issued(d.drive, hdd.Cache(d.Cache), plan, method, done)
			fill(&r, total, err)
		} else {
			d.trace.disk.Flush()
			fill(&r, d.trace.disk.Total(), nil)
		}
		list = append(list, r)
	}
	return list
}

// fill puts the model's totals in, after a last flush; or the reason why there are none.
func fill(r *results.Modelled, total hdd.Total, err error) {
	ns, durable := total.DurableNS()
	switch {
	case err != nil:
	case total.Writes == 0:
		err = errors.New("nothing was written to the device")
	case !durable:
		err = fmt.Errorf("the modelled drive still holds %d bytes in its cache", total.BufferedBytes)
	}
	if err != nil {
		none := measured.Unavailable[int64]("%v", err)
		r.Writes, r.Bytes, r.Flushes, r.TotalNS, r.SeekNS, r.RotationNS, r.TransferNS, r.OtherNS = none, none, none, none, none, none, none, none
		r.BytesPerSecond = measured.Unavailable[float64]("%v", err)
		return
	}
	r.Writes, r.Bytes, r.Flushes = measured.Known(total.Writes), measured.Known(total.Bytes), measured.Known(total.Flushes)
	if r.WriteCache == string(hdd.WriteCacheOff) {
		r.Flushes = measured.Known[int64](0) // the host waits for the medium anyway, and Linux sends none
	}
	m := total.Medium
	r.TotalNS, r.SeekNS, r.RotationNS, r.TransferNS = measured.Known(ns), measured.Known(m.SeekNS), measured.Known(m.RotationNS), measured.Known(m.TransferNS)
	r.OtherNS = measured.Known(ns - m.SeekNS - m.RotationNS - m.TransferNS)
	payload, _ := r.PayloadBytes.Get()
	r.BytesPerSecond = measured.Known(float64(payload) / float64(ns) * 1e9)
}

// tracedDisk is a modelled disk that is given what a device was given.
//
// The trace says in which order, but not how many requests wait at a slower disk. That follows from who issued them:
//
//   - A flush waits for everything before, and what comes behind waits for the flush.
//   - The program that is measured has as much under way as its job lets it: see underWay. Where it waits for each write, it waits here too.
//   - A request for which somebody waits, and which is another process's than the last such one, waits for everything before: the journal's thread
//     begins when the program's blocks are written.
//   - All else comes as soon as there is room for a command: the kernel's own write-back.
//
// What happened between two requests takes no time.
type tracedDisk struct {
	disk     *hdd.Disk
	capacity int64
	pid      int   // of the program that is measured
	underWay int64 // bytes; 0: no limit
	// shift is what is added to a byte of the device to get one of the drive. Where the device is the larger one, the first write lies in the middle of
	// the drive, and shifted says that it is there.
	larger, shifted bool
	shift           int64

	writes    int64
	last      [mostCommands]tracedWrite // in a ring
	issuedNS  int64
	doneNS    int64
	barrierNS int64  // nothing is issued before: the end of the last flush
	syncPID   int    // whose the last write was that somebody waited for
	why       string // it can't be fed any more
}

type tracedWrite struct {
	doneNS int64
	bytes  int64 // of the program that is measured; 0: it is another's
}

// underWay is how many bytes a program has under way at most, with a disk that is so slow that it always waits; 0: no limit. Past the page cache
// these are its writes in flight. Through it, they are those between two syncs, which it waits for, in whole pages.
func underWay(plan diskwrite.Job, method diskwrite.Method) int64 {
	writers, block := int64(max(1, plan.Writers)), int64(plan.BlockBytes)
	page := int64(os.Getpagesize())
	pages := (block + page - 1) / page * page
	switch {
	case method.Durable, method.Direct:
		return max(1, int64(plan.Depth)) * writers * block
	case plan.Policy.ID == diskwrite.SyncEvery:
		return plan.Policy.Every * writers * pages
	case plan.Policy.ID == diskwrite.SyncGroup:
		return writers * pages
	}
	return 0
}

func newTracedDisk(drive hdd.Drive, cache hdd.Cache, deviceBytes int64) (*tracedDisk, error) {
	disk, err := hdd.New(drive, hdd.Options{Cache: cache, Depth: mostCommands})
	if err != nil {
		return nil, err
	}
	t := &tracedDisk{disk: disk, capacity: drive.CapacityBytes()}
	t.larger = deviceBytes > t.capacity
	return t, nil
}

func (t *tracedDisk) take(r kernel.BlockRequest) {
	switch {
	case t.why != "":
	case r.Kind == kernel.BlockFlush:
		t.flush()
	case r.Kind == kernel.BlockWrite && r.Bytes > 0:
		t.write(r)
		if r.ForceUnit && t.why == "" {
			t.flush()
		}
	}
}

func (t *tracedDisk) flush() { t.barrierNS = t.disk.Flush().DoneNS }

func (t *tracedDisk) write(r kernel.BlockRequest) {
	if t.larger && !t.shifted {
		// A whole number of the drive's sectors, so that what was aligned stays aligned.
		const unit = 1 << 20
		t.shift, t.shifted = t.capacity/2/unit*unit-r.Offset/unit*unit, true
	}
	offset := r.Offset + t.shift
	if offset < 0 || offset > t.capacity-r.Bytes {
		t.why = fmt.Sprintf("the writes lie too far apart for this drive of %d bytes: more than half of that from the first one", t.capacity)
		return
	}
	at := t.mayIssueNS(r)
	served, err := t.disk.Do(hdd.Write{Offset: offset, Bytes: r.Bytes, AtNS: at})
	if err != nil {
		t.why = err.Error()
		return
	}
	t.issuedNS, t.doneNS = served.IssuedNS, served.DoneNS
	w := tracedWrite{doneNS: served.DoneNS}
	if r.PID == t.pid {
		w.bytes = r.Bytes
	}
	t.last[t.writes%mostCommands] = w
	t.writes++
	if r.Sync {
		t.syncPID = r.PID
	}
}

// mayIssueNS is when the host issues a write. Writes are done in their order, so that it is enough to wait for one.
func (t *tracedDisk) mayIssueNS(r kernel.BlockRequest) int64 {
	at := max(t.issuedNS, t.barrierNS)
	if t.writes >= mostCommands {
		at = max(at, t.last[t.writes%mostCommands].doneNS)
	}
	if r.Sync && r.PID != t.syncPID {
		at = max(at, t.doneNS)
	}
	if r.PID != t.pid || t.underWay == 0 {
		return at
	}
	bytes := r.Bytes
	for i := int64(1); i <= min(t.writes, mostCommands); i++ {
		before := t.last[(t.writes-i)%mostCommands]
		if bytes += before.bytes; before.bytes > 0 && bytes > t.underWay {
			return max(at, before.doneNS)
		}
	}
	return at
}

// issued models what the program wrote, in its order: a file lies in one piece from the drive's outermost byte, several side by side.
//
// A method that passes by the page cache has as many writes at the drive as it had in flight. One that goes through it does not wait for
// the drive, but for a sync.
func issued(drive hdd.Drive, cache hdd.Cache, plan diskwrite.Job, method diskwrite.Method, done diskwrite.Result) (hdd.Total, error) {
	block := int64(plan.BlockBytes)
	files := int64(max(1, plan.Files))
	each := plan.FileBytes / block * block
	if pattern, _ := diskwrite.FindPattern(plan.Pattern); pattern.Grows || pattern.Allocated {
		each = (done.Operations + files - 1) / files * block // that far it was written
	}
	if room := drive.CapacityBytes(); each > room/files {
		return hdd.Total{}, fmt.Errorf("the files have %d bytes, and the drive %d: choose a smaller file, or a larger drive", each*files, room)
	}
	depth := mostCommands
	if method.Direct || method.Durable {
		depth = min(max(1, plan.Depth)*max(1, plan.Writers), mostCommands)
	}
	disk, err := hdd.New(drive, hdd.Options{Cache: cache, FileBytes: each * files, Depth: depth})
	if err != nil {
		return hdd.Total{}, err
	}
	syncs := newSyncs(plan, method, done)
	offsets := plan.Offsets()
	for i := range done.Operations {
		file, off := offsets.NextIn()
		if _, err := disk.Write(int64(file)*each+off, block); err != nil {
			return hdd.Total{}, err
		}
		if syncs.due(i+1, disk) {
			disk.Flush()
		}
	}
	disk.Flush()
	return disk.Total(), nil
}

// syncs says where a policy's syncs come among the writes.
type syncs struct {
	every      int64
	interval   time.Duration // on the model's clock
	lastNS     int64
	made, done int64 // of the trial: so many syncs after so many writes
}

func newSyncs(plan diskwrite.Job, method diskwrite.Method, done diskwrite.Result) *syncs {
	s := &syncs{}
	durable, _ := plan.SyncCall.Durable()
	switch {
	case method.Durable:
		s.every = 1
	case plan.Policy.ID == diskwrite.SyncNone, !durable: // sync_file_range sends no flush
	case plan.Policy.ID == diskwrite.SyncEvery:
		s.every = plan.Policy.Every
	case plan.Policy.ID == diskwrite.SyncInterval:
		s.interval = plan.Policy.Interval
	case plan.Policy.ID == diskwrite.SyncGroup: // how many writes shared one is what the trial saw
		s.made, s.done = done.Syncs, done.Operations
	}
	return s
}

// due tells whether a sync comes after the n-th write.
func (s *syncs) due(n int64, disk *hdd.Disk) bool {
	switch {
	case s.every > 0:
		return n%s.every == 0
	case s.interval > 0:
		now := disk.NowNS()
		if time.Duration(now-s.lastNS) < s.interval {
			return false
		}
		s.lastNS = now
		return true
	case s.made > 0: // spread evenly
		return share(n, s.made, s.done) > share(n-1, s.made, s.done)
	}
	return false
}

// share is n·part/whole, rounded down. The product of two counts of writes and syncs fits.
func share(n, part, whole int64) int64 { return n * part / whole }
