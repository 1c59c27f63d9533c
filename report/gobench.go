package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"copylab/results"
)

// benchUnit is a metric in the Go benchmark format.
type benchUnit struct {
	metric string
	unit   string
	better string // higher, lower or empty
}

// benchUnits lists the metrics that benchstat is to compare. Units in ns become seconds there.
func benchUnits() []benchUnit {
	return []benchUnit{
		{results.MetricThroughput, "B/s", "higher"},
		{results.MetricSenderCPU, "sender-cpu-ns/KiB", "lower"},
		{results.MetricReceiverCPU, "receiver-cpu-ns/KiB", "lower"},
		{results.MetricMachineCPU, "machine-cpu-ns/KiB", "lower"},
		{results.MetricPeerCPU, "peer-machine-cpu-ns/KiB", "lower"},
		{results.MetricRequests, "requests/s", "higher"},
		{results.MetricFetchP50, "fetch-p50-ns", "lower"},
		{results.MetricFetchP99, "fetch-p99-ns", "lower"},
		{results.MetricIOPS, "writes/s", "higher"},
		{results.MetricAccepted, "accepted-B/s", "higher"},
		{results.MetricDurable, "durable-B/s", "higher"},
		{results.MetricDeviceWrites, "device-B/B", ""},
		{results.MetricDeviceSettled, "settled-device-B/B", ""},
		{results.MetricFlushes, "flushes/s", ""},
		{results.MetricInMemory, "in-memory/B", ""},
		{results.MetricDeviceIOs, "device-writes/write", ""},
		{results.MetricDeviceMerges, "device-merges/write", ""},
		{results.MetricDeviceFlushes, "device-flushes/write", ""},

		{results.MetricWriteP99, "write-p99-ns", "lower"},
		{results.MetricCommitP99, "commit-p99-ns", "lower"},
		{results.MetricWriterCPU, "writer-cpu-ns/KiB", "lower"},
	}
}

// Modelled numbers have no place here: benchstat would compare them like measured ones.

// writeGobench writes the Go benchmark format (golang.org/design/14313-benchmark-format): the run as configuration,
// and one line per counted trial, so that benchstat compares two runs. ns/op is the mean time that one chunk, request
// or block took: the trial's time divided by its operations.
func writeGobench(w io.Writer, s *results.Summary) error {
	h := s.Run.Host
	var b strings.Builder
	config := [][2]string{
		{"goos", h.OS}, {"goarch", h.Arch}, {"pkg", "copylab"}, {"cpu", h.CPU.Model}, {"kernel", h.Kernel}, {"host", h.Hostname},
		{"filesystem", h.Disk.Filesystem}, {"disk", h.Disk.Model}, {"scenario", s.Run.Scenario}, {"effort", s.Run.Effort},
		{"seed", strconv.FormatUint(s.Run.Seed, 10)}, {"run", s.Run.ID}, {"copylab", s.Run.Tool.Version},
	}
	if p := s.Run.Peer; p != nil {
		config = append(config, [2]string{"peer", p.Hostname}, [2]string{"peer-cpu", p.CPU.Model}, [2]string{"peer-kernel", p.Kernel})
	}
	for _, kv := range config {
		if value := strings.Join(strings.Fields(kv[1]), " "); value != "" {
			fmt.Fprintf(&b, "%s: %s\n", kv[0], value)
		}
	}
	b.WriteByte('\n')
	used := map[string]bool{}
	var lines []string
	for i := range s.Cases {
		c := &s.Cases[i]
		if c.Status != results.CaseMeasured {
			continue
		}
		trials := 0
		for _, u := range benchUnits() {
			if m, ok := metric(c, u.metric); ok {
				trials = max(trials, len(m.Values))
			}
		}
		for trial := range trials {
			line := benchName(c) + "\t1"
			if ns, ok := nsPerOperation(c, trial); ok {
				line += "\t" + strconv.FormatFloat(ns, 'g', 6, 64) + " ns/op"
			}
			for _, u := range benchUnits() {
				// A metric that some trials lack can't be told apart by trial: it would pair wrong numbers.
				if m, ok := metric(c, u.metric); ok && len(m.Values) == trials {
					line += "\t" + strconv.FormatFloat(m.Values[trial], 'g', 6, 64) + " " + u.unit
					used[u.unit] = true
				}
			}
			lines = append(lines, line)
		}
	}
	for _, u := range benchUnits() {
		if used[u.unit] && u.better != "" {
			fmt.Fprintf(&b, "Unit %s better=%s\n", u.unit, u.better)
		}
	}
	for _, l := range lines {
		b.WriteString(l + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// nsPerOperation is one trial's time per chunk, request or block.
func nsPerOperation(c *results.CaseSummary, trial int) (float64, bool) {
	for _, name := range []string{results.MetricIOPS, results.MetricRequests} {
		if m, ok := metric(c, name); ok && trial < len(m.Values) && m.Values[trial] > 0 {
			return 1e9 / m.Values[trial], true
		}
	}
	m, ok := metric(c, results.MetricThroughput)
	if !ok || trial >= len(m.Values) || m.Values[trial] <= 0 || c.Params.ChunkBytes <= 0 {
		return 0, false
	}
	return 1e9 * float64(c.Params.ChunkBytes) / m.Values[trial], true
}

// benchName names a case by its parameters, as the format wants it: no spaces, key=value after each slash.
func benchName(c *results.CaseSummary) string {
	p := c.Params
	name := "BenchmarkTransfer"
	if c.Kind == results.Write {
		name = "BenchmarkWrite"
	}
	add := func(key, value string) {
		if value != "" {
			name += "/" + key + "=" + strings.Join(strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '/' }), "")
		}
	}
	size := func(n int64) string {
		if n == 0 {
			return ""
		}
		return formatBytes(n)
	}
	if fromMemory(p) {
		add("source", p.Source)
	}
	add("path", p.Path)
	add("pattern", p.Pattern)
	add("method", p.Method)
	add("sync", strings.Replace(p.Sync, "every=", "every", 1))
	add("synccall", p.SyncCall)
	add("draw", p.Draw)
	add("block", size(p.BlockBytes))
	add("chunk", size(p.ChunkBytes))
	add("cache", p.Cache)
	add("link", p.Link)
	add("linkoptions", strings.NewReplacer("=", "", " ", ",").Replace(p.LinkOptions))
	add("sndbuf", size(p.SoSndbufBytes))
	add("rcvbuf", size(p.SoRcvbufBytes))
	add("nodelay", p.Nodelay)
	add("cork", p.Cork)
	add("congestion", p.Congestion)
	add("receiver", p.Receiver)
	if p.Streams != 0 {
		add("streams", strconv.Itoa(p.Streams))
	}
	add("workload", p.Workload)
	add("loop", p.Loop)
	if p.LoadShare != 0 {
		add("load", strconv.FormatFloat(p.LoadShare, 'g', -1, 64))
	}
	if p.Depth != 0 {
		add("depth", strconv.Itoa(p.Depth))
	}
	number := func(key string, f float64) {
		if f != 0 {
			add(key, strconv.FormatFloat(f, 'f', -1, 64))
		}
	}
	number("randomshare", p.RandomShare)
	number("stride", float64(p.StrideBlocks))
	number("theta", p.Theta)
	number("files", float64(p.Files))
	number("writers", float64(p.Writers))
	number("rate", p.RatePerSecond)
	add("file", size(p.FileBytes))
	return name
}
