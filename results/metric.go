package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"copylab/results/measured"
	"copylab/results/stats"
)

// unavailablePrefix starts the JSON string that stands where a metric could not be had: the same as measured.Value's.
const unavailablePrefix = "unavailable: "

// metricJSON is a metric's JSON object. The pointers tell a key that is missing from one that is 0.
type metricJSON struct {
	Median     *float64   `json:"median"`
	Low        *float64   `json:"low"`
	High       *float64   `json:"high"`
	Confidence *float64   `json:"confidence"`
	Values     *[]float64 `json:"values"`
}

// summarizeMetric boils values down to a metric.
func summarizeMetric(values []float64) Metric {
	iv := stats.Summarize(values)
	if iv.N == 0 {
		return Metric{Unavailable: strings.Join(iv.Warnings, "; ")}
	}
	return Metric{Median: iv.Median, Low: iv.Low, High: iv.High, Confidence: iv.Confidence, Values: values}
}

// Why returns the reason for which the metric has no numbers, and "" where it has them. A metric without values has
// none: its zero value can't be mistaken for a measured 0.
func (m Metric) Why() string {
	switch {
	case m.Unavailable != "":
		return m.Unavailable
	case len(m.Values) == 0:
		return "not recorded"
	}
	for _, v := range append([]float64{m.Median, m.Low, m.High, m.Confidence}, m.Values...) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "not a finite number"
		}
	}
	return ""
}

// MarshalJSON writes the object {"median", "low", "high", "confidence", "values"}, or the string "unavailable: why".
func (m Metric) MarshalJSON() ([]byte, error) {
	if why := m.Why(); why != "" {
		return json.Marshal(unavailablePrefix + why)
	}
	return json.Marshal(metricJSON{&m.Median, &m.Low, &m.High, &m.Confidence, &m.Values})
}

// UnmarshalJSON reads what MarshalJSON writes; an object that lacks a key and any other string are errors.
func (m *Metric) UnmarshalJSON(b []byte) error {
	var why string
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &why); err != nil {
			return fmt.Errorf("read metric: %w", err)
		}
		rest, ok := strings.CutPrefix(why, unavailablePrefix)
		if !ok || rest == "" {
			return fmt.Errorf("read metric %q: want an object or %q", why, unavailablePrefix+"why")
		}
		*m = Metric{Unavailable: rest}
		return nil
	}
	var got metricJSON
	if err := json.Unmarshal(b, &got); err != nil {
		return fmt.Errorf("read metric: %w", err)
	}
	if got.Median == nil || got.Low == nil || got.High == nil || got.Confidence == nil || got.Values == nil || len(*got.Values) == 0 {
		return errors.New(`read metric: want the keys "median", "low", "high", "confidence" and "values", with at least one value`)
	}
	*m = Metric{Median: *got.Median, Low: *got.Low, High: *got.High, Confidence: *got.Confidence, Values: *got.Values}
	return nil
}

// Words of the parameters that decide what is measured. The scenarios package checks them; here they are only compared.
const (
	null         = "null" // path and method
	fetch        = "fetch"
	commit       = "commit"
	openLoop     = "open"
	warm         = "warm"
	cold         = "cold"
	syncNone     = "none"
	syncEnd      = "end"
	syncGroup    = "group"
	syncEach     = "every=1"
	methodDsync  = "dsync"
	methodDirect = "direct"
	directDsync  = "direct-dsync"

	sender   = "sender"
	receiver = "receiver"
	writer   = "writer"
	machine  = "machine"
	disk     = "disk"
	link     = "link"
)

// isNull says that a case moves no bytes: the null path or the null writer.
func (c Case) isNull() bool { return c.Params.Path == null || c.Params.Method == null }

// isFetch says that a case is of requests and responses.
func (c Case) isFetch() bool { return c.Kind == Transfer && c.Params.Workload == fetch }

// isDurable says that a write's sync policy or method makes it durable by the end of a trial.
func (c Case) isDurable() bool {
	p := c.Params
	return c.Kind == Write && (p.Method == methodDsync || p.Method == directDsync || p.syncs())
}

// syncs says that the sync policy makes sync calls.
func (p Params) syncs() bool { return p.Sync != "" && p.Sync != syncNone }

// isOpen says that a case's rate is the one that it was offered, not one that it reached: an open loop.
func (c Case) isOpen() bool { return c.Params.Loop == openLoop || c.Params.RatePerSecond > 0 }

// commits says that a writer waits after each write until that is durable, and that the wait is timed.
func (p Params) commits() bool { return p.Depth <= 1 && (p.Sync == syncGroup || p.Sync == syncEach) }

// sides names the processes that a case measures.
func (c Case) sides() []string {
	if c.Kind == Write {
		return []string{writer}
	}
	return []string{sender, receiver}
}

// metricOf is one metric: how it comes from one trial.
type metricOf struct {
	name string
	of   func(Trial) measured.Float
}

// metrics lists the metrics of a case, in the order of the constants. Every case of a kind and workload has the same, so
// that one that can't be had is there with its reason.
func (c Case) metrics() []metricOf {
	var list []metricOf
	add := func(name string, of func(Trial) measured.Float) { list = append(list, metricOf{name, of}) }
	// bytesOf is for metrics that divide by bytes or count them: they mean nothing where none are moved.
	bytesOf := func(of func(Trial) measured.Float) func(Trial) measured.Float {
		if !c.isNull() {
			return of
		}
		why := "the null path moves no bytes"
		if c.Kind == Write {
			why = "the null writer writes no bytes"
		}
		return func(Trial) measured.Float { return measured.Unavailable[float64]("%s", why) }
	}
	// spins is for the CPU time of whoever keeps an open loop's schedule: a busy wait is no work.
	spins := func(side string, of func(Trial) measured.Float) func(Trial) measured.Float {
		if side == sender || !c.isOpen() {
			return of
		}
		due := "request"
		if side == writer {
			due = "write"
		}
		return func(Trial) measured.Float {
			return measured.Unavailable[float64]("the %s of an open loop spins before the next %s is due", side, due)
		}
	}
	cpu := func(side, all, user, system string) {
		for _, m := range []struct {
			name string
			time func(Side) measured.Int
		}{
			{all, Side.CPUNS},
			{user, func(s Side) measured.Int { return s.UserNS }},
			{system, func(s Side) measured.Int { return s.SystemNS }},
		} {
			add(m.name, bytesOf(spins(side, func(t Trial) measured.Float { return perKiB(sideTime(t, side, m.time), t.Bytes) })))
		}
	}
	machineCPU := bytesOf(func(t Trial) measured.Float { return perKiB(t.Machine.BusyNS, t.Bytes) })

	if c.Kind == Write {
		add(MetricIOPS, func(t Trial) measured.Float { return perSecond(float64(t.Operations), t.AcceptedNS) })
		add(MetricAccepted, bytesOf(func(t Trial) measured.Float { return perSecond(float64(t.Bytes), t.AcceptedNS) }))
		add(MetricDurable, bytesOf(func(t Trial) measured.Float { return perSecond(float64(t.Bytes), t.DurableNS) }))
		add(MetricInMemory, bytesOf(inMemoryShare))
		add(MetricDeviceWrites, bytesOf(func(t Trial) measured.Float { return perByte(t.Device.WriteBytes, t.Bytes) }))
		add(MetricDeviceSettled, bytesOf(func(t Trial) measured.Float { return perByte(t.Settled.WriteBytes, t.Bytes) }))
		add(MetricDeviceIOs, bytesOf(func(t Trial) measured.Float { return perWrite(t.Settled.Writes, t) }))
		add(MetricDeviceMerges, bytesOf(func(t Trial) measured.Float { return perWrite(t.Settled.Merges, t) }))
		// Until durable: the sync by which a trial settles is copylab's, not the case's.
		add(MetricDeviceFlushes, bytesOf(func(t Trial) measured.Float { return perWrite(t.Device.Flushes, t) }))
		add(MetricFlushes, bytesOf(func(t Trial) measured.Float {
			flushes, ok := t.Device.Flushes.Get()
			if !ok {
				return measured.Unavailable[float64]("%s", t.Device.Flushes.Why())
			}
			return perSecond(float64(flushes), span(Write, t))
		}))
		if c.isOpen() {
			add(MetricOfferedWrites, func(t Trial) measured.Float { return t.OfferedPerSecond })
		}
		add(MetricWriteP99, func(t Trial) measured.Float { return asFloat(percentiles(t.Latency["op"]).P99) })
		add(MetricCommitP99, func(t Trial) measured.Float {
			if !c.Params.commits() {
				return measured.Unavailable[float64]("the writer does not wait after each write until it is durable")
			}
			return asFloat(percentiles(t.Latency[commit]).P99)
		})
		cpu(writer, MetricWriterCPU, MetricWriterUser, MetricWriterSystem)
		add(MetricMachineCPU, machineCPU)
		return list
	}

	add(MetricThroughput, bytesOf(func(t Trial) measured.Float { return perSecond(float64(t.Bytes), t.ElapsedNS) }))
	cpu(sender, MetricSenderCPU, MetricSenderUser, MetricSenderSystem)
	cpu(receiver, MetricReceiverCPU, MetricReceiverUser, MetricReceiverSystem)
	add(MetricMachineCPU, machineCPU)
	if c.Params.Link == linkRemote {
		add(MetricPeerCPU, bytesOf(func(t Trial) measured.Float {
			if t.PeerMachine == nil {
				return measured.Unavailable[float64]("the trial recorded nothing of the other host")
			}
			return perKiB(t.PeerMachine.BusyNS, t.Bytes)
		}))
	}
	if c.isFetch() {
		add(MetricRequests, func(t Trial) measured.Float { return perSecond(float64(t.Operations), t.ElapsedNS) })
		if c.Params.Loop == openLoop {
			add(MetricOffered, func(t Trial) measured.Float { return t.OfferedPerSecond })
		}
		add(MetricFetchP50, func(t Trial) measured.Float { return asFloat(percentiles(t.Latency[fetch]).P50) })
		add(MetricFetchP99, func(t Trial) measured.Float { return asFloat(percentiles(t.Latency[fetch]).P99) })
	}
	return list
}

// span is the time that a trial's counters cover: for a write until durable, or until accepted where nothing is synced.
func span(k Kind, t Trial) measured.Int {
	if k != Write {
		return t.ElapsedNS
	}
	if _, ok := t.DurableNS.Get(); ok {
		return t.DurableNS
	}
	return t.AcceptedNS
}

// perSecond is n per second of ns.
func perSecond(n float64, ns measured.Int) measured.Float {
	took, ok := ns.Get()
	switch {
	case !ok:
		return measured.Unavailable[float64]("%s", ns.Why())
	case took <= 0:
		return measured.Unavailable[float64]("the clock showed %d ns", took)
	}
	return measured.Known(n / (float64(took) / 1e9))
}

// perByte is v for each of the payload's bytes.
func perByte(v measured.Int, bytes int64) measured.Float {
	n, ok := v.Get()
	switch {
	case !ok:
		return measured.Unavailable[float64]("%s", v.Why())
	case bytes <= 0:
		return measured.Unavailable[float64]("no bytes were moved")
	}
	return measured.Known(float64(n) / float64(bytes))
}

// perKiB is ns for each KiB of the payload.
func perKiB(ns measured.Int, bytes int64) measured.Float {
	v, ok := perByte(ns, bytes).Get()
	if !ok {
		return perByte(ns, bytes)
	}
	return measured.Known(v * 1024)
}

// sideTime is one of a side's times, or unavailable where the trial recorded no such side.
func sideTime(t Trial, side string, of func(Side) measured.Int) measured.Int {
	s, ok := t.Sides[side]
	if !ok {
		return measured.Unavailable[int64]("the trial recorded no %s", side)
	}
	return of(s)
}

func asFloat(v measured.Int) measured.Float {
	n, ok := v.Get()
	if !ok {
		return measured.Unavailable[float64]("%s", v.Why())
	}
	return measured.Known(float64(n))
}

// percentiles are those of a histogram that its count can support: a share p of the operations lies above the
// percentile 1-p, so it takes 1/p operations for one of them to be there.
func percentiles(h Histogram) Latency {
	var count int64
	if h.Histogram != nil {
		count = h.TotalCount()
	}
	at := func(name string, percentile float64, need int64) measured.Int {
		switch {
		case h.Histogram == nil:
			return measured.Unavailable[int64]("no latency was recorded")
		case count < need:
			return measured.Unavailable[int64]("%s needs at least %d operations, there were %d", name, need, count)
		}
		return measured.Known(h.ValueAtPercentile(percentile))
	}
	l := Latency{
		P50:   at("p50", 50, 2),
		P90:   at("p90", 90, 10),
		P99:   at("p99", 99, 100),
		P999:  at("p99.9", 99.9, 1000),
		P9999: at("p99.99", 99.99, 10_000),
		Max:   at("max", 100, 1),
		Count: count,
	}
	return l
}
