package results

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"copylab/results/measured"
)

// Timeline is what a long write trial looked like while it ran, sampled ten times a second by a thread beside the writer's: half as often from
// 5 minutes on, and so forth, since a timeline has 3,000 points at most. It begins right before the first write and goes on until what the trial left dirty was
// written back. The slices are as long as AtNS; one that could not be had is empty, and Unavailable says why, by its JSON key.
type Timeline struct {
	AtNS          []int64 `json:"at_ns"`          // since the first write began
	AcceptedBytes []int64 `json:"accepted_bytes"` // of the writes that had returned, since the start
	// Of the whole machine (/proc/vmstat): pages that wait for write-back, and pages that are being written.
	DirtyBytes     []int64 `json:"dirty_bytes"`
	WritebackBytes []int64 `json:"writeback_bytes"`
	// The kernel's limits, which follow the memory that is available (/proc/vmstat): from the first on it writes in the background, at the
	// second it makes writers wait.
	BackgroundLimitBytes []int64 `json:"dirty_background_limit_bytes"`
	LimitBytes           []int64 `json:"dirty_limit_bytes"`
	DeviceWriteBytes     []int64 `json:"device_write_bytes"` // since the start (/proc/diskstats)
	// MaxLatencyNS is the longest write that returned since the point before; 0 where none did.
	MaxLatencyNS []int64           `json:"max_latency_ns"`
	Unavailable  map[string]string `json:"unavailable,omitempty"`
	// AcceptedNS and DurableNS are the trial's own, put here for the summary: when the last write had returned, and the last sync.
	AcceptedNS measured.Int `json:"accepted_ns,omitzero"`
	DurableNS  measured.Int `json:"durable_ns,omitzero"`
}

// Regime is the physics that a stretch of a write is subject to.
type Regime string

// The regimes. The first three are of writes through the page cache, told apart as the kernel does it (mm/page-writeback.c, balance_dirty_pages,
// domain_dirty_avail and wb_over_bg_thresh): by what the whole machine holds dirty, and what is being written back. A control group
// with a memory limit of its own can be made to wait earlier; that does not show here.
const (
	// RegimeMemory is up to nearly the background limit: nothing but age makes the kernel write. Writes are copies in memory.
	RegimeMemory Regime = "below the background limit"
	// RegimeBackground is from there on: the kernel writes in the background, and writers don't wait yet.
	RegimeBackground Regime = "between the limits"
	// RegimeThrottled is from the middle between the two limits on, where the kernel begins to make writers wait
	// (mm/page-writeback.c, dirty_freerun_ceiling and balance_dirty_pages): the disk sets the pace.
	RegimeThrottled Regime = "throttled"
	// RegimeDurable is of writes that are on the medium when they return, or that are synced again and again while the run lasts.
	RegimeDurable Regime = "durable"
	// RegimeDevice is of such writes where nothing is durable (sync_file_range; fsync on macOS), and of direct ones: the device's own cache takes them.
	RegimeDevice Regime = "device"
	// RegimeUnknown is of trials that can't be told to be of one regime: too short for a timeline, and begun and ended in two.
	RegimeUnknown Regime = "not told apart"
)

// RegimeSpan is how much was accepted in a regime, and how fast: medians over the trials that met it.
type RegimeSpan struct {
	Regime         Regime         `json:"regime"`
	Trials         int            `json:"trials"` // counted ones that met it
	Seconds        measured.Float `json:"seconds"`
	AcceptedBytes  measured.Int   `json:"accepted_bytes"`
	BytesPerSecond measured.Float `json:"accepted_bytes_per_second"`
}

// Cliff is where the rate of a long write fell for good: the point of its timeline that parts its course best, by least squares, into two steady
// rates, the second lower. It is one only where every whole second after it is slower than half of the mean rate before it; otherwise the
// values say so.
//
// It need not be the disk's: Regime is what held at that point. Below the background limit, it is memory itself that got slower, as in a virtual
// machine whose hypervisor has to find the pages first.
type Cliff struct {
	AtNS                 measured.Int   `json:"at_ns"` // since the first write began
	AcceptedBytes        measured.Int   `json:"accepted_bytes"`
	BeforeBytesPerSecond measured.Float `json:"before_bytes_per_second"` // means, until then and from then on
	AfterBytesPerSecond  measured.Float `json:"after_bytes_per_second"`
	Regime               Regime         `json:"regime,omitempty"` // of the page cache; left out where there is no cliff, or the timeline lacks a reading
}

// check tells what is wrong with a timeline, so that whoever reads it can trust its lengths and its order.
func (t *Timeline) check() error {
	n := len(t.AtNS)
	if n == 0 || len(t.AcceptedBytes) != n || len(t.MaxLatencyNS) != n {
		return fmt.Errorf("timeline: %d times, %d readings of accepted bytes and %d of latency", n, len(t.AcceptedBytes), len(t.MaxLatencyNS))
	}
	for _, values := range [][]int64{t.DirtyBytes, t.WritebackBytes, t.BackgroundLimitBytes, t.LimitBytes, t.DeviceWriteBytes} {
		if len(values) != n && len(values) != 0 {
			return fmt.Errorf("timeline: %d times, and %d values of a reading", n, len(values))
		}
	}
	if t.AtNS[0] < 0 || t.AcceptedBytes[0] < 0 || !slices.IsSorted(t.AtNS) || !slices.IsSorted(t.AcceptedBytes) {
		return errors.New("timeline: times or accepted bytes go back")
	}
	return nil
}

// accepted is a timeline's course until the last write returned, whose time and bytes the trial knows exactly: of the points, those before it.
type accepted struct {
	at, bytes []int64 // one more than points
	points    int
}

func (t *Timeline) accepted(lastNS, bytes int64) accepted {
	n, _ := slices.BinarySearch(t.AtNS, lastNS)
	for n > 0 && t.AcceptedBytes[n-1] > bytes { // never, but in a record that was tampered with
		n--
	}
	return accepted{
		at:     append(slices.Clone(t.AtNS[:n]), lastNS),
		bytes:  append(slices.Clone(t.AcceptedBytes[:n]), bytes),
		points: n,
	}
}

// until is how many bytes were accepted by a time, by linear interpolation.
func (a accepted) until(ns int64) float64 {
	i, _ := slices.BinarySearch(a.at, ns)
	switch {
	case i == 0:
		return float64(a.bytes[0])
	case i == len(a.at):
		return float64(a.bytes[i-1])
	}
	part := float64(ns-a.at[i-1]) / float64(a.at[i]-a.at[i-1])
	return float64(a.bytes[i-1]) + part*float64(a.bytes[i]-a.bytes[i-1])
}

const (
	cliffWindow = time.Second
	cliffShare  = 0.5
)

// cliff looks for the cliff of a trial with a timeline.
func (t Trial) cliff() *Cliff {
	none := func(format string, args ...any) *Cliff {
		whyInt, whyFloat := measured.Unavailable[int64](format, args...), measured.Unavailable[float64](format, args...)
		return &Cliff{AtNS: whyInt, AcceptedBytes: whyInt, BeforeBytesPerSecond: whyFloat, AfterBytesPerSecond: whyFloat}
	}
	last, ok := t.AcceptedNS.Get()
	if !ok {
		return none("%s", t.AcceptedNS.Why())
	}
	a := t.Timeline.accepted(last, t.Bytes)
	end := len(a.at) - 1
	at, most := 0, 0.0
	for i := 1; i < end; i++ {
		if a.at[i] <= 0 || a.at[i] >= last {
			continue
		}
		fall := float64(a.bytes[i])/seconds(a.at[i]) - float64(a.bytes[end]-a.bytes[i])/seconds(last-a.at[i])
		// By how much two rates leave less of a sum of squares than one.
		if gain := fall * fall * seconds(a.at[i]) * seconds(last-a.at[i]); fall > 0 && gain > most {
			at, most = i, gain
		}
	}
	if at == 0 || time.Duration(last-a.at[at]) < cliffWindow {
		return none("the rate did not fall, or less than %v before the end", cliffWindow)
	}
	before := float64(a.bytes[at]) / seconds(a.at[at])
	for i := at; i < end; i++ {
		to := a.at[i] + int64(cliffWindow)
		if to > last {
			break
		}
		if a.until(to)-float64(a.bytes[i]) >= cliffShare*before*cliffWindow.Seconds() {
			return none("the rate did not fall below half for good")
		}
	}
	regime, _ := t.Timeline.regime(at)
	return &Cliff{
		Regime: regime,
		AtNS:   measured.Known(a.at[at]), AcceptedBytes: measured.Known(a.bytes[at]), BeforeBytesPerSecond: measured.Known(before),
		AfterBytesPerSecond: measured.Known(float64(a.bytes[end]-a.bytes[at]) / seconds(last-a.at[at])),
	}
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }

// shown is the trial whose timeline stands for the case: of those that have one, the one whose accepted rate is the median, or the lower of two
// in the middle. ok is false where none has. All timelines are kept until then: ten points of 64 bytes for each second that was measured.
func (d *caseData) shown() (t Trial, ok bool) {
	type rated struct {
		point
		rate float64
	}
	var all []rated
	for _, p := range d.points {
		if rate, known := perSecond(float64(p.Bytes), p.AcceptedNS).Get(); known && p.Timeline != nil {
			all = append(all, rated{p, rate})
		}
	}
	if len(all) == 0 {
		return Trial{}, false
	}
	slices.SortStableFunc(all, func(a, b rated) int { return cmp.Compare(a.rate, b.rate) })
	return all[(len(all)-1)/2].Trial, true
}
