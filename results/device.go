package results

import (
	"fmt"
	"time"

	"copylab/results/host"
	"copylab/results/measured"
)

const (
	// tooFastFlush is less than any medium takes: flash programs a page in some hundred µs. Drives whose cache survives
	// a power cut do answer faster, but those say that they have no write-back cache.
	tooFastFlush = 50 * time.Microsecond
	// flushStepNS is the step in which /proc/diskstats counts the time of flushes.
	flushStepNS = int64(time.Millisecond)

	writeBack = "write back" // what queue/write_cache in sysfs says of a device whose cache has to be flushed
)

// perWrite is v for each write of the program.
func perWrite(v measured.Int, t Trial) measured.Float {
	n, ok := v.Get()
	switch {
	case !ok:
		return measured.Unavailable[float64]("%s", v.Why())
	case t.Operations <= 0:
		return measured.Unavailable[float64]("no operation was made")
	}
	return measured.Known(float64(n) / float64(t.Operations))
}

// flushTimes adds up the counted trials in which flushes and their time are known: how many, and how long all of them took. The time can
// be short by almost steps.
func (d *caseData) flushTimes() (flushes, ns, steps int64) {
	for _, p := range d.points {
		n, ok := p.Device.Flushes.Get()
		took, timed := p.Device.FlushNS.Get()
		if ok && timed && n > 0 && took >= 0 && d.Kind == Write {
			flushes += n
			ns += took
			steps += flushStepNS
		}
	}
	return flushes, ns, steps
}

// flushNS is the mean time of a flush at the device, over all counted trials.
func (d *caseData) flushNS() measured.Float {
	flushes, ns, steps := d.flushTimes()
	switch {
	case d.Kind != Write:
		return measured.Unavailable[float64]("a transfer writes nothing")
	case len(d.points) == 0:
		return measured.Unavailable[float64]("no trial was counted")
	case flushes == 0:
		for _, p := range d.points {
			for _, v := range []measured.Int{p.Device.Flushes, p.Device.FlushNS} {
				if _, ok := v.Get(); !ok {
					return measured.Unavailable[float64]("%s", v.Why())
				}
			}
		}
		return measured.Unavailable[float64]("the device was asked for no flush")
	case ns < steps:
		return measured.Unavailable[float64]("the flushes of a trial took less than a step of the kernel's counter, 1 ms: each at most %s",
			shortTime((ns+steps)/flushes))
	}
	return measured.Known(float64(ns) / float64(flushes))
}

// flushWarnings say where flushes can't have done what they are for.
func (d *caseData) flushWarnings(disk host.Disk) []string {
	if d.Kind != Write || d.isNull() || disk.WriteCache != writeBack {
		return nil
	}
	flushes, ns, steps := d.flushTimes()
	if most := ns + steps; flushes > 0 && most/flushes < int64(tooFastFlush) {
		return []string{fmt.Sprintf("flushes returned in at most %s on average: too fast to have reached a medium; a virtual disk's host or the drive's own cache may be answering", shortTime(most/flushes))}
	}
	if d.unflushed() && disk.FUA == "0" {
		return []string{fmt.Sprintf("the writes are called durable, and %s has a volatile cache that was asked for no flush: what the filesystem calls durable may be lost in a power cut (is it mounted without barriers?)", disk.Device)}
	}
	return nil
}

// shortTime writes a time with three digits: "19.6 µs".
func shortTime(ns int64) string {
	x, unit := float64(ns), "ns"
	for _, larger := range []string{"µs", "ms", "s"} {
		if x < 999.5 {
			break
		}
		x, unit = x/1000, larger
	}
	return fmt.Sprintf("%.3g %s", x, unit)
}

// unflushed says that every counted trial is durable by the kernel's word, and that the device was flushed in none.
func (d *caseData) unflushed() bool {
	for _, p := range d.points {
		_, durable := p.DurableNS.Get()
		n, ok := p.Device.Flushes.Get()
		if !durable || !ok || n > 0 {
			return false
		}
	}
	return len(d.points) > 0
}

// queueLength is how many requests the disk had under way on average in a trial's span.
func queueLength(k Kind, t Trial) measured.Float { return share(t.Device.QueueNS, span(k, t)) }
