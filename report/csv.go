package report

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"

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
	}
}

// metricNames lists the metrics that copylab knows, in the order in which files show them.
func metricNames() []string {
	return []string{
		results.MetricThroughput,
		results.MetricSenderCPU, results.MetricSenderUser, results.MetricSenderSystem,
		results.MetricReceiverCPU, results.MetricReceiverUser, results.MetricReceiverSystem,
		results.MetricMachineCPU,
		results.MetricRequests, results.MetricOffered, results.MetricFetchP50, results.MetricFetchP99,
		results.MetricIOPS, results.MetricAccepted, results.MetricDurable,
		results.MetricDeviceWrites, results.MetricDeviceSettled, results.MetricFlushes,
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
	number := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	whole := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	for i := range s.Cases {
		c := &s.Cases[i]
		p := c.Params
		share := ""
		if p.LoadShare != 0 {
			share = number(p.LoadShare)
		}
		lead := []string{
			s.Run.ID, s.Run.Scenario, c.ID, string(c.Kind), c.Label, string(c.Status),
			p.Path, whole(p.ChunkBytes), p.Cache, p.Link, p.Receiver, whole(int64(p.Streams)), p.Workload, p.Loop, share,
			p.Pattern, p.Method, p.Sync, p.SyncCall, p.Draw, whole(p.BlockBytes), whole(int64(p.Depth)), whole(p.FileBytes),
		}
		trials := strconv.Itoa(c.Trials)
		row := func(metric, median, low, high, confidence, unavailable string) error {
			return out.Write(append(slices.Clone(lead), metric, median, low, high, confidence, trials, unavailable))
		}
		if c.Status != results.CaseMeasured {
			reason := c.Reason
			if reason == "" {
				reason = "no reason was recorded"
			}
			if err := row("", "", "", "", "", reason); err != nil {
				return err
			}
			continue
		}
		for _, name := range metricsOf(c) {
			m := c.Metrics[name]
			var err error
			if why := m.Why(); why != "" {
				err = row(name, "", "", "", "", why)
			} else {
				err = row(name, number(m.Median), number(m.Low), number(m.High), number(m.Confidence), "")
			}
			if err != nil {
				return err
			}
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
				n, ok := v.value.Get()
				text := strconv.FormatInt(n, 10)
				if !ok {
					text = ""
				}
				if err := row("latency_ns."+of+"."+v.name, text, "", "", "", v.value.Why()); err != nil {
					return err
				}
			}
		}
	}
	out.Flush()
	return out.Error()
}
