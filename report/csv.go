package report

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"

	"copylab/results"
	"copylab/results/measured"
)

// csvHeader names the columns of summary.csv: one row per case and metric.
func csvHeader() []string {
	return []string{
		"run", "scenario", "case", "kind", "label", "status",
		"path", "chunk_bytes", "cache", "link", "receiver", "streams", "workload", "loop", "load_share",
		"pattern", "method", "sync", "sync_call", "draw", "block_bytes", "depth", "file_bytes",
		"metric", "median", "low", "high", "confidence", "trials", "unavailable",
		"source", "link_options", "so_sndbuf_bytes", "so_rcvbuf_bytes", "nodelay", "cork", "congestion",
		"random_share", "stride_blocks", "theta", "files", "writers", "rate_per_second",
	}
}

// csvRow is one row before it is written.
type csvRow struct {
	id, label, status string
	kind              results.Kind
	params            results.Params
	metric            string
	median, low, high string
	confidence        string
	trials            string
	why               string // there is no number
}

// fields are a row's texts in the order of csvHeader.
func (r csvRow) fields(s *results.Summary) []string {
	p := r.params
	whole := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	number := func(f float64) string {
		if f == 0 {
			return ""
		}
		return csvNumber(f)
	}
	return []string{
		s.Run.ID, s.Run.Scenario, r.id, string(r.kind), r.label, r.status,
		p.Path, whole(p.ChunkBytes), p.Cache, p.Link, p.Receiver, whole(int64(p.Streams)), p.Workload, p.Loop, number(p.LoadShare),
		p.Pattern, p.Method, p.Sync, p.SyncCall, p.Draw, whole(p.BlockBytes), whole(int64(p.Depth)), whole(p.FileBytes),
		r.metric, r.median, r.low, r.high, r.confidence, r.trials, r.why,
		p.Source, p.LinkOptions, whole(p.SoSndbufBytes), whole(p.SoRcvbufBytes), p.Nodelay, p.Cork, p.Congestion,
		number(p.RandomShare), whole(p.StrideBlocks), number(p.Theta), whole(int64(p.Files)), whole(int64(p.Writers)), number(p.RatePerSecond),
	}
}

func csvNumber(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// csvInt is a number, or nothing where there is none.
func csvInt(v measured.Int) string {
	n, ok := v.Get()
	if !ok {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// csvFloat is a number, or nothing where there is none.
func csvFloat(v measured.Float) string {
	n, ok := v.Get()
	if !ok {
		return ""
	}
	return csvNumber(n)
}

// caseRows writes the rows of one case.
func caseRows(out *csv.Writer, s *results.Summary, c *results.CaseSummary) error {
	lead := csvRow{id: c.ID, label: c.Label, status: string(c.Status), kind: c.Kind, params: c.Params, trials: strconv.Itoa(c.Trials)}
	if c.Status != results.CaseMeasured {
		lead.why = c.Reason
		if lead.why == "" {
			lead.why = "no reason was recorded"
		}
		return out.Write(lead.fields(s))
	}
	var rows []csvRow
	add := func(metric, median, why string) *csvRow {
		row := lead
		row.metric, row.median, row.why = metric, median, why
		rows = append(rows, row)
		return &rows[len(rows)-1]
	}
	addMetric := func(name string, m results.Metric) {
		if why := m.Why(); why != "" {
			add(name, "", why)
			return
		}
		row := add(name, csvNumber(m.Median), "")
		row.low, row.high, row.confidence = csvNumber(m.Low), csvNumber(m.High), csvNumber(m.Confidence)
	}
	for _, name := range metricsOf(c) {
		addMetric(name, c.Metrics[name])
	}
	if c.OfMemory != nil {
		addMetric("of_memory_copy.accepted", c.OfMemory.Accepted)
		addMetric("of_memory_copy.durable", c.OfMemory.Durable)
	}
	for _, of := range sortedKeys(c.LatencyNS) {
		l := c.LatencyNS[of]
		for _, v := range []struct {
			name  string
			value measured.Int
		}{
			{"p50", l.P50}, {"p90", l.P90}, {"p99", l.P99}, {"p99_9", l.P999}, {"p99_99", l.P9999}, {"max", l.Max},
			{"count", measured.Known(l.Count)},
		} {
			add("latency_ns."+of+"."+v.name, csvInt(v.value), v.value.Why())
		}
	}
	if v, ok := c.Evidence.BusyShare["link"]; ok && onLink(c) {
		add("evidence.busy_share.link", csvFloat(v), v.Why())
	}
	for _, side := range sortedKeys(c.Evidence.Sides) {
		e := c.Evidence.Sides[side]
		at := "evidence." + side + "."
		for _, name := range sortedKeys(e.Syscalls) {
			add(at+"syscalls."+name, strconv.FormatInt(e.Syscalls[name], 10), "")
		}
		if e.OtherSyscalls.Why() != "not recorded" { // made by hand
			add(at+"other_syscalls", csvInt(e.OtherSyscalls), e.OtherSyscalls.Why())
		}
		for _, v := range []struct {
			name  string
			value measured.Float
		}{{"crossings_per_chunk", e.CrossingsPerChunk}, {"context_switches_per_chunk", e.SwitchesPerChunk}} {
			if v.value.Why() != "not recorded" {
				add(at+v.name, csvFloat(v.value), v.value.Why())
			}
		}
		for i, v := range hardwareReadings(e) {
			if v.Why() != "not recorded" { // as in the first records
				add(at+[]string{"cycles_per_kib", "instructions_per_kib", "cache_misses_per_kib"}[i], csvFloat(v), v.Why())
			}
		}
		for _, stage := range e.Stages {
			row := add(at+"stages."+string(stage.Stage), csvNumber(stage.NSPerKiB), "")
			row.low, row.high = csvFloat(stage.Low), csvFloat(stage.High)
		}
		if e.TCP == nil {
			continue
		}
		for _, v := range []struct {
			name  string
			value measured.Int
		}{
			{"retransmits", e.TCP.Retransmits}, {"rtt_ns", e.TCP.RTTNS}, {"min_rtt_ns", e.TCP.MinRTTNS},
			{"delivery_bytes_per_second", e.TCP.DeliveryBytesPerSecond}, {"segment_bytes", e.TCP.SegmentBytes}, {"header_bytes", e.TCP.HeaderBytes},
			{"congestion_window_segments", e.TCP.CwndSegments}, {"busy_ns", e.TCP.BusyNS},
			{"receive_window_limited_ns", e.TCP.WindowLimitedNS}, {"send_buffer_limited_ns", e.TCP.SndbufLimitedNS},
		} {
			add(at+"tcp."+v.name, csvInt(v.value), v.value.Why())
		}
	}
	for _, name := range sortedKeys(c.Evidence.Settings) {
		if n, ok := countOf(c, name); ok && counted(name) && n.low == n.high && !n.more {
			add("evidence.settings."+name, csvInt(measured.Known(n.low)), "")
		}
	}
	addFloat := func(name string, v measured.Float) { add(name, csvFloat(v), v.Why()) }
	addInt := func(name string, v measured.Int) { add(name, csvInt(v), v.Why()) }
	if c.Kind == results.Transfer {
		addFloat("evidence.link_bytes_per_byte", c.Evidence.LinkBytesPerByte)
		addInt("evidence.zero_copy_completions", c.Evidence.ZeroCopyCompletions)
		addInt("evidence.copied_completions", c.Evidence.CopiedCompletions)
	}
	addFloat("evidence.machine.memory_read_bytes_per_byte", c.Evidence.Machine.MemoryReadBytesPerByte)
	addFloat("evidence.machine.memory_write_bytes_per_byte", c.Evidence.Machine.MemoryWriteBytesPerByte)
	if c.Kind == results.Write {
		addFloat("evidence.device_queue_length", c.Evidence.DeviceQueueLength)
		addFloat("evidence.flush_ns", c.Evidence.FlushNS)
	}
	for _, r := range c.Regimes {
		at := "regime." + strings.ReplaceAll(string(r.Regime), " ", "_") + "."
		addFloat(at+"seconds", r.Seconds)
		addInt(at+"accepted_bytes", r.AcceptedBytes)
		addFloat(at+"accepted_bytes_per_second", r.BytesPerSecond)
	}
	if t := c.Steady; t != nil {
		at := "steady_state." + strings.ReplaceAll(string(t.State), " ", "_") + "."
		addFloat(at+"range", t.Range)
		addFloat(at+"slope", t.Slope)
	}
	measuredRows := len(rows)
	for _, m := range c.Modelled {
		at := strings.Join([]string{"modelled", m.Drive, "cache_" + m.WriteCache, strings.ReplaceAll(m.Source, " ", "_")}, ".") + "."
		addFloat(at+"bytes_per_second", m.BytesPerSecond)
		for _, v := range []struct {
			name  string
			value measured.Int
		}{
			{"writes", m.Writes}, {"bytes", m.Bytes}, {"flushes", m.Flushes}, {"payload_bytes", m.PayloadBytes}, {"total_ns", m.TotalNS},
			{"seek_ns", m.SeekNS}, {"rotation_ns", m.RotationNS}, {"transfer_ns", m.TransferNS}, {"other_ns", m.OtherNS},
		} {
			addInt(at+v.name, v.value)
		}
	}
	for i := range rows[measuredRows:] { // no reader of these rows may take them for a disk's
		rows[measuredRows+i].kind, rows[measuredRows+i].trials = results.Kind("modelled"), ""
	}
	for _, row := range rows {
		if err := out.Write(row.fields(s)); err != nil {
			return err
		}
	}
	return nil
}

// metricNames lists the metrics that copylab knows, in the order in which files show them.
func metricNames() []string {
	return []string{
		results.MetricThroughput,
		results.MetricSenderCPU, results.MetricSenderUser, results.MetricSenderSystem,
		results.MetricReceiverCPU, results.MetricReceiverUser, results.MetricReceiverSystem,
		results.MetricMachineCPU, results.MetricPeerCPU,
		results.MetricRequests, results.MetricOffered, results.MetricFetchP50, results.MetricFetchP99,
		results.MetricIOPS, results.MetricAccepted, results.MetricDurable,
		results.MetricDeviceWrites, results.MetricDeviceSettled, results.MetricFlushes,
		results.MetricInMemory, results.MetricDeviceIOs, results.MetricDeviceMerges, results.MetricDeviceFlushes,
		results.MetricOfferedWrites, results.MetricWriteP99, results.MetricCommitP99,
		results.MetricWriterCPU, results.MetricWriterUser, results.MetricWriterSystem,
	}
}

// metricsOf lists the metrics that a case has, the known ones first, in their order, then any others by name.
func metricsOf(c *results.CaseSummary) []string {
	var names []string
	for _, n := range metricNames() {
		if _, ok := c.Metrics[n]; ok {
			names = append(names, n)
		}
	}
	for _, n := range sortedKeys(c.Metrics) {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// writeCSV writes the long format: one row per case and metric, and one per percentile of each latency. A case without
// numbers has one row that says why.
func writeCSV(w io.Writer, s *results.Summary) error {
	out := csv.NewWriter(w)
	if err := out.Write(csvHeader()); err != nil {
		return err
	}
	for i := range s.Cases {
		if err := caseRows(out, s, &s.Cases[i]); err != nil {
			return err
		}
	}
	for _, c := range s.Crossovers {
		for _, end := range []struct {
			name string
			size measured.Int
		}{{"not_up_to_bytes", c.NotUpToBytes}, {"from_bytes", c.FromBytes}} {
			row := csvRow{label: c.Label, kind: results.Transfer, params: c.Params, metric: "crossover." + c.Metric + "." + end.name, median: csvInt(end.size), why: end.size.Why()}
			if err := out.Write(row.fields(s)); err != nil {
				return err
			}
		}
	}
	for _, m := range s.Modelled {
		row := csvRow{id: m.Case, kind: results.Kind("modelled"), metric: strings.Join([]string{"modelled", m.Drive, "cache_" + m.WriteCache, strings.ReplaceAll(m.Source, " ", "_"), "ratio_to_baseline"}, "."), median: csvNumber(m.Ratio)}
		if at := slices.IndexFunc(s.Cases, func(c results.CaseSummary) bool { return c.ID == m.Case }); at >= 0 {
			row.label, row.params, row.status = s.Cases[at].Label, s.Cases[at].Params, string(s.Cases[at].Status)
		}
		if err := out.Write(row.fields(s)); err != nil {
			return err
		}
	}
	if v := s.Run.DeviceWriteBytes; v != nil {
		row := csvRow{kind: results.Write, metric: "run.device_write_bytes", median: csvInt(*v), why: v.Why()}
		if err := out.Write(row.fields(s)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
