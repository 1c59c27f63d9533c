package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"copylab/results/host"
	"copylab/results/measured"
)

func TestMetricJSON(t *testing.T) {
	for _, tc := range []struct {
		m    Metric
		want string
	}{
		{Metric{Median: 2, Low: 1, High: 3.5, Confidence: 0.75, Values: []float64{1, 2, 3.5}}, `{"median":2,"low":1,"high":3.5,"confidence":0.75,"values":[1,2,3.5]}`},
		{Metric{Median: 0, Values: []float64{0}}, `{"median":0,"low":0,"high":0,"confidence":0,"values":[0]}`},
		{Metric{Unavailable: "no \"PMU\""}, `"unavailable: no \"PMU\""`},
		{Metric{}, `"unavailable: not recorded"`},
		{Metric{Median: math.NaN(), Values: []float64{1}}, `"unavailable: not a finite number"`},
		{Metric{High: math.Inf(1), Values: []float64{1}}, `"unavailable: not a finite number"`},
		{Metric{Values: []float64{1, math.NaN()}}, `"unavailable: not a finite number"`},
	} {
		got, err := json.Marshal(tc.m)
		if err != nil || string(got) != tc.want {
			t.Errorf("%+v: %s, %v, want %s", tc.m, got, err, tc.want)
			continue
		}
		var back Metric
		if err := json.Unmarshal(got, &back); err != nil {
			t.Errorf("%s: %v", got, err)
		} else if again, err := json.Marshal(back); err != nil || string(again) != tc.want {
			t.Errorf("%s became %s, %v", got, again, err)
		}
	}
	for _, bad := range []string{
		`{}`, `null`, `1`, `[]`, `"no"`, `"unavailable: "`, `"unavailable"`, `true`,
		`{"median":1,"low":1,"high":1,"confidence":1}`, `{"median":1,"low":1,"high":1,"confidence":1,"values":[]}`,
		`{"low":1,"high":1,"confidence":1,"values":[1]}`, `{"median":"1","low":1,"high":1,"confidence":1,"values":[1]}`,
		`{"median":1e999,"low":1,"high":1,"confidence":1,"values":[1]}`,
	} {
		m := Metric{Median: 42}
		if err := json.Unmarshal([]byte(bad), &m); err == nil {
			t.Errorf("%s was read as %+v", bad, m)
		} else if m.Median != 42 {
			t.Errorf("%s: an error and a value: %+v", bad, m)
		}
	}
}

// The keys are a contract: programs read them.
func TestSummaryKeys(t *testing.T) {
	run, trials, end := fixtureRecord()
	b := NewBuilder(run)
	for _, tr := range trials {
		b.Add(tr)
	}
	var s map[string]any
	if err := json.Unmarshal(must(json.Marshal(b.Summary(&end))), &s); err != nil {
		t.Fatal(err)
	}
	keys := func(path string, v any, want ...string) map[string]any {
		t.Helper()
		object, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("%s is no object: %v", path, v)
		}
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(object)); !slices.Equal(got, want) {
			t.Errorf("%s has the keys %q, want %q", path, got, want)
		}
		return object
	}
	list := func(path string, v any) []any {
		t.Helper()
		values, ok := v.([]any)
		if !ok || len(values) == 0 {
			t.Fatalf("%s is no filled list: %v", path, v)
		}
		return values
	}
	keys("summary", s, "schema", "run", "cases", "comparisons", "memory_copy", "tool_cost", "warnings")
	r := keys("run", s["run"], "id", "started", "scenario", "title", "question", "effort", "seed", "arguments", "charts", "tool", "host",
		"stopped", "blocks", "duration_seconds", "precision", "precision_reached", "device_write_bytes", "payload_write_bytes")
	keys("run.tool", r["tool"], "version", "commit")
	keys("memory_copy", s["memory_copy"], "cached_bytes", "cached_bytes_per_second", "uncached_bytes", "uncached_bytes_per_second")
	keys("tool_cost", s["tool_cost"], "null_path_ns_per_operation", "null_writer_ns_per_operation", "clock_read_ns", "histogram_record_ns")
	if _, ok := s["warnings"].([]any); !ok {
		t.Errorf("warnings is %v, want a list even if empty", s["warnings"])
	}

	cases := list("cases", s["cases"])
	caseKeys := []string{"id", "kind", "label", "part", "params", "status", "trials", "bytes_per_trial", "metrics", "latency_ns", "evidence", "bottleneck", "warnings"}
	transfer := keys("cases[0]", cases[0], append(slices.Clone(caseKeys), "copies")...)
	keys("transfer params", transfer["params"], "path", "chunk_bytes", "file_bytes", "cache", "link", "receiver", "streams", "workload")
	metrics := keys("transfer metrics", transfer["metrics"], MetricThroughput, MetricSenderCPU, MetricSenderUser, MetricSenderSystem,
		MetricReceiverCPU, MetricReceiverUser, MetricReceiverSystem, MetricMachineCPU)
	keys("metric", metrics["throughput_bytes_per_second"], "median", "low", "high", "confidence", "values")
	latency := keys("transfer latency", transfer["latency_ns"], "op")
	keys("percentiles", latency["op"], "p50", "p90", "p99", "p99_9", "p99_99", "max", "count")
	evidence := keys("evidence", transfer["evidence"], "sender", "receiver", "link_bytes_per_byte", "zero_copy_completions", "copied_completions", "busy_share", "device_read_bytes_per_byte", "device_write_bytes_per_byte", "device_queue_length", "flush_ns", "machine",
		"resident_share_before", "resident_share_after", "dirty_bytes_before", "dirty_bytes_after", "writeback_bytes_before", "writeback_bytes_after", "verified")
	keys("busy shares", evidence["busy_share"], "sender", "receiver", "machine", "disk", "link")
	from := keys("sender", evidence["sender"], "syscalls", "syscalls_source", "syscalls_bytes", "other_syscalls", "syscall_tracepoints_unavailable", "crossings_per_chunk",
		"context_switches_per_chunk", "voluntary_switches", "involuntary_switches", "minor_faults", "major_faults",
		"cycles_per_kib", "instructions_per_kib", "cache_misses_per_kib", "tcp",
		"stages", "passes", "stages_sum_ns_per_kib", "timed_cpu_ns_per_kib", "unwatched_cpu_over_timed", "sampled_over_pass_cpu", "stolen_share", "late_share", "stages_sum_over_timed", "pass_cpu_ns_per_kib", "pass_cpu_over_unwatched", "missed_share", "profile", "other_functions")
	stage := from["stages"].([]any)
	keys("stage", stage[0], "stage", "ns_per_kib", "low", "high", "share")
	keys("function", from["other_functions"].([]any)[0], "function", "ns_per_kib")
	keys("machine", evidence["machine"], "memory_read_bytes_per_byte", "memory_write_bytes_per_byte", "stages", "stages_unavailable", "passes", "stages_sum_ns_per_kib", "timed_cpu_ns_per_kib", "unwatched_cpu_over_timed", "sampled_over_pass_cpu", "stolen_share", "late_share", "stages_sum_over_timed",
		"pass_cpu_ns_per_kib", "pass_cpu_over_unwatched", "missed_share")
	keys("tcp", from["tcp"], "connections", "retransmits", "rtt_ns", "min_rtt_ns", "delivery_bytes_per_second", "segment_bytes", "header_bytes",
		"congestion_window_segments", "busy_ns", "receive_window_limited_ns", "send_buffer_limited_ns", "congestion_control")

	unavailable := keys("unavailable case", cases[2], append(slices.Clone(caseKeys), "reason")...)
	for name, m := range unavailable["metrics"].(map[string]any) {
		if m != "unavailable: made up to be unavailable" {
			t.Errorf("%s of an unavailable case is %v", name, m)
		}
	}
	write := keys("write", cases[3], append(slices.Clone(caseKeys), "regimes", "of_memory_copy", "steady_state")...)
	keys("regime", list("regimes", write["regimes"])[0], "regime", "trials", "seconds", "accepted_bytes", "accepted_bytes_per_second")
	keys("of memory", write["of_memory_copy"], "accepted", "durable")
	keys("steady state", write["steady_state"], "state", "why", "metric", "window_blocks", "range", "slope")
	keys("write params", write["params"], "pattern", "method", "sync", "sync_call", "block_bytes", "depth", "file_bytes")
	keys("write metrics", write["metrics"], "iops", "accepted_bytes_per_second", "durable_bytes_per_second", "in_memory_share", "device_write_bytes_per_byte",
		"device_write_bytes_per_byte_settled", "device_writes_per_write", "device_merges_per_write", "device_flushes_per_write", "flushes_per_second", "write_p99_ns", "commit_p99_ns", "writer_cpu_ns_per_kib", "writer_user_ns_per_kib", "writer_system_ns_per_kib", "machine_cpu_ns_per_kib")
	keys("write latency", write["latency_ns"], "op", "sync")
	keys("comparison", list("comparisons", s["comparisons"])[0], "metric", "baseline", "case", "ratio", "low", "high", "confidence", "pairs", "verdict", "headline", "warnings")

	var walk func(string, any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, child := range v {
				for _, banned := range []string{"percent", "pct", "bits", "bps", "ms"} {
					if slices.Contains(strings.FieldsFunc(k, func(r rune) bool { return r == '_' }), banned) || strings.Contains(k, "percent") {
						t.Errorf("key %s.%s counts in %s", path, k, banned)
					}
				}
				walk(path+"."+k, child)
			}
		case []any:
			for i, child := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), child)
			}
		case nil:
			// The fixture's host is made up and has no gaps of its own.
			t.Errorf("%s is null: a value or its reason is wanted", path)
		}
	}
	walk("", s)
}

// docs/results.md explains every key that programs may meet.
func TestEveryKeyIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/results.md")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the documentation is not beside the package")
	}
	if err != nil {
		t.Fatal(err)
	}
	run, trials, end := fixtureRecord()
	keys := map[string]bool{}
	fetching := streamCase("fetch", "sendfile")
	fetching.Params.Workload, fetching.Params.Loop, fetching.Params.Link = "fetch", "open", "remote"
	for _, c := range append(slices.Clone(run.Cases), fetching) {
		for _, m := range c.metrics() {
			keys[m.name] = true
		}
	}
	b := NewBuilder(run)
	for _, tr := range trials {
		b.Add(tr)
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, child := range v {
				// What is below them is named by the host, the scenario and the kernel.
				if keys[k] = true; k != "host" && k != "resolved" && k != "syscalls" && k != "settings" {
					walk(child)
				}
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	for _, v := range []any{b.Summary(&end), run, trials, end} {
		var generic any
		if err := json.Unmarshal(must(json.Marshal(v)), &generic); err != nil {
			t.Fatal(err)
		}
		walk(generic)
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if !regexp.MustCompile(`[` + "`" + `."]` + regexp.QuoteMeta(k) + `[` + "`" + `."]`).Match(doc) {
			t.Errorf("docs/results.md does not explain %q", k)
		}
	}
}

// checkSummary holds what must be true of every summary, whatever the record.
func checkSummary(t *testing.T, s *Summary) {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatalf("a summary that JSON can't hold: %v", err)
	}
	if strings.Contains(string(text), "NaN") && !strings.Contains(string(text), "unavailable") {
		t.Fatal("NaN in the summary")
	}
	for _, c := range s.Cases {
		for name, m := range c.Metrics {
			if m.Unavailable != "" {
				if len(m.Values) != 0 {
					t.Errorf("%s %s: both values and unavailable", c.ID, name)
				}
				continue
			}
			if !(m.Low <= m.Median && m.Median <= m.High) || m.Confidence < 0 || m.Confidence > 1 || len(m.Values) != c.Trials {
				t.Errorf("%s %s: %+v of %d trials", c.ID, name, m, c.Trials)
			}
		}
		if (c.Status == CaseMeasured) != (c.Reason == "") {
			t.Errorf("%s: status %s, reason %q", c.ID, c.Status, c.Reason)
		}
		for name, l := range c.LatencyNS {
			last := int64(0)
			for _, p := range []measured.Int{l.P50, l.P90, l.P99, l.P999, l.P9999, l.Max} {
				if v, ok := p.Get(); ok {
					if v < last {
						t.Errorf("%s %s: percentiles fall: %+v", c.ID, name, l)
					}
					last = v
				}
			}
		}
		if c.Bottleneck == "" || c.Evidence.Verified == "" {
			t.Errorf("%s: bottleneck %q, verified %q", c.ID, c.Bottleneck, c.Evidence.Verified)
		}
	}
	for _, c := range s.Comparisons {
		if !(c.Low <= c.Ratio && c.Ratio <= c.High) || c.Pairs < 1 || c.Verdict == "" {
			t.Errorf("comparison %+v", c)
		}
		if (c.Verdict == Higher) != (c.Low > 1 && c.Pairs >= 6) || (c.Verdict == Lower) != (c.High < 1 && c.Pairs >= 6) {
			t.Errorf("verdict of %+v", c)
		}
	}
}

// FuzzBuilder builds from trials full of odd numbers.
func FuzzBuilder(f *testing.F) {
	f.Add(uint64(1), int64(1000), int64(1<<20), 8)
	f.Add(uint64(2), int64(-1), int64(0), 3)
	f.Add(uint64(3), int64(math.MaxInt64), int64(math.MaxInt64), 20)
	f.Add(uint64(4), int64(1), int64(math.MinInt64), 12)
	f.Fuzz(func(t *testing.T, seed uint64, a, b int64, n int) {
		rng := rand.New(rand.NewPCG(seed, 1))
		odd := []int64{a, b, 0, 1, -1, 1000, math.MaxInt64, math.MinInt64}
		pick := func() int64 { return odd[rng.IntN(len(odd))] }
		value := func() measured.Int {
			if rng.IntN(8) == 0 {
				return measured.Unavailable[int64]("odd %d", pick())
			}
			return known(pick())
		}
		ids := []string{caseRW, caseSF, caseAppend, caseRandom, "open", "stranger", ToolNullPath}
		phases := []Phase{PhaseCounted, PhaseCounted, PhaseCounted, PhaseWarmup, PhaseVerify, PhaseTool, "odd"}
		run, _, end := fixtureRecord()
		open := streamCase("open", "sendfile")
		open.Params.Workload, open.Params.Loop, open.Baseline = "fetch", "open", caseRW
		run.Cases = append(run.Cases, open, open)
		builder := NewBuilder(run)
		var bytes, elapsed []int64
		for block := range max(0, n) % 40 {
			for _, id := range ids {
				tr := streamTrial(id, block, 1000)
				tr.Phase = phases[rng.IntN(len(phases))]
				tr.Bytes, tr.Operations = pick(), pick()
				tr.ElapsedNS, tr.AcceptedNS, tr.DurableNS = value(), value(), value()
				tr.OfferedPerSecond = measured.Known(math.Float64frombits(rng.Uint64()))
				tr.Machine.BusyNS, tr.Machine.TotalNS, tr.Machine.StealNS, tr.Machine.ResolutionNS = value(), value(), value(), pick()
				tr.Device = host.DeviceDelta{ReadBytes: value(), WriteBytes: value(), Flushes: value(), FlushNS: value(), BusyNS: value()}
				tr.Before.Pages, tr.Before.Resident = value(), value()
				tr.Sides = map[string]Side{}
				for _, side := range []string{"sender", "receiver", "writer"}[:rng.IntN(4)] {
					tr.Sides[side] = Side{UserNS: value(), SystemNS: value(), WallNS: pick(), Syscalls: map[string]int64{"read": pick(), "write": pick()}}
				}
				tr.Latency = map[string]Histogram{"op": repeat(rng.IntN(2000), 1+rng.Int64N(HistogramHighestNS)), "fetch": {}}
				if rng.IntN(9) == 0 {
					tr.Error = "odd"
				}
				builder.Add(tr)
				if id == caseRW && tr.Phase == PhaseCounted && tr.Error == "" {
					ns, _ := tr.ElapsedNS.Get()
					bytes, elapsed = append(bytes, tr.Bytes), append(elapsed, ns)
				}
			}
			builder.Comparisons()
		}
		s := builder.Summary(&end)
		checkSummary(t, s)
		checkSummary(t, builder.Summary(nil))
		// A throughput times its time is the bytes.
		if m := s.Cases[0].Metrics[MetricThroughput]; m.Unavailable == "" {
			for i, v := range m.Values {
				if got := v * float64(elapsed[i]) / 1e9; math.Abs(got-float64(bytes[i])) > 1e-6*math.Abs(float64(bytes[i])) {
					t.Errorf("%v B/s for %d ns are %v bytes, not %d", v, elapsed[i], got, bytes[i])
				}
			}
		}
	})
}
