//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"copylab/internal/testenv"
	"copylab/results"
	"copylab/results/host"
	"copylab/results/stats"
)

// A run of transfers leaves everything that the contract promises, and its numbers agree with each other.
func TestRunOfTransfers(t *testing.T) {
	slowUnderRace(t)
	t.Parallel()
	l := newLab(t)
	l.file("mine.yaml", `title: Ways out
question: Do all numbers agree?
transfer:
- {paths: [read-write, sendfile], chunk: [16KiB, 64KiB, 256KiB], file: 1MiB}
- {paths: [read-write, sendfile], file: 1MiB, workload: fetch, load: [closed, 0.5]}
baseline: {path: read-write}
measure: {time: 10ms, blocks: 6..6, budget: 100s, evidence: 1}
charts: [throughput, cpu, latency, sweep]
`)
	l.want(exitDone, "run", "mine.yaml", "--dir", l.folder("disk"), "--out", "run", "--seed", "7")
	l.wantEmpty(l.folder("disk"))
	checkRun(t, l, "transfers", "sweep", "cpu", "latency")
}

// A file that is sized by the kernel's limit of dirty memory has its real size in the record, where that limit is known, and stops a run that
// has not begun where it is not.
func TestRunOfASizedFile(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	const factor = 1e-6 // so that the file has the least size that there is
	l.file("sized.yaml", `title: Sized
question: How large is it?
write: {patterns: append, block: 1MiB, file: 0.000001x-dirty-limit, amount: file}
measure: {time: 10ms, blocks: 5..5, budget: 1s, evidence: off}
charts: []
`)
	limit, known := host.Collect(l.Dir).Memory.DirtyLimitBytes.Get()
	if !known {
		if errs := l.want(exitUsage, "run", "sized.yaml", "--dir", l.folder("disk"), "--out", "run").Errs; !strings.Contains(errs, "sized.yaml:3:") || !strings.Contains(errs, "write a size") {
			t.Errorf("the error is %q", errs)
		}
		return
	}
	if float64(limit)*factor > 64<<20 {
		t.Skipf("a dirty limit of %d bytes is too large for a test", limit)
	}
	l.want(exitDone, "run", "sized.yaml", "--dir", l.folder("disk"), "--out", "run")
	run, trials, _ := l.record(filepath.Join(l.Dir, "run"))
	if !strings.Contains(string(run.Scenario.Resolved), `"file":"64MiB"`) || run.Cases[0].Params.FileBytes != 64<<20 {
		t.Errorf("resolved is %s", run.Scenario.Resolved)
	}
	for _, trial := range trials {
		if trial.Phase == results.PhaseCounted && trial.Bytes != 64<<20 {
			t.Errorf("a trial wrote %d bytes, not the whole file", trial.Bytes)
		}
	}
}

// So does a run of writes.
func TestRunOfWrites(t *testing.T) {
	slowUnderRace(t)
	t.Parallel()
	l := newLab(t)
	disk := host.Collect(l.Dir).Disk
	testenv.Require(t, testenv.Disk, !disk.InMemory && disk.Device != "", "the temporary folder is on a %s: %s", disk.Filesystem, disk.Why)
	l.file("mine.yaml", `title: Ways in
question: Do all numbers agree?
write: {patterns: [append, random], methods: [buffered, dsync], sync: [none, every=8], file: 1MiB}
baseline: {pattern: append}
measure: {time: 10ms, blocks: 6..6, budget: 100s, evidence: 2}
`)
	l.want(exitDone, "run", "mine.yaml", "--dir", l.folder("disk"), "--out", "run", "--seed", "7")
	l.wantEmpty(l.folder("disk"))
	checkRun(t, l, "writes", "accepted", "durable", "cpu", "latency")
}

// checkRun checks the run in l's folder "run" and its charts of the given kinds.
func checkRun(t *testing.T, l *lab, keys string, charts ...string) {
	t.Helper()
	folder := filepath.Join(l.Dir, "run")
	l.wantReport(folder)
	checkCharts(t, filepath.Join(folder, "charts"), charts)
	trials := checkRecord(t, l, folder)
	text, err := os.ReadFile(filepath.Join(folder, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	checkKeys(t, keys, text)
	checkMetrics(t, text)
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var s results.Summary
	if err := d.Decode(&s); err != nil {
		t.Fatalf("read summary.json: %v", err)
	}
	checkNumbers(t, s, trials)
	checkCSV(t, filepath.Join(folder, "summary.csv"), s)
}

// checkCharts looks for charts of every kind, each in both formats and each of them readable.
func checkCharts(t *testing.T, dir string, kinds []string) {
	t.Helper()
	for _, kind := range kinds {
		if found, err := filepath.Glob(filepath.Join(dir, kind+"*.svg")); err != nil || len(found) == 0 {
			t.Errorf("no chart of %s: %v", kind, err)
		}
	}
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		name, isSVG := strings.CutSuffix(e.Name(), ".svg")
		if isSVG {
			err = wellFormed(f)
		} else if name, _ = strings.CutSuffix(e.Name(), ".png"); name != e.Name() {
			_, err = png.Decode(f)
		} else {
			err = errors.New("neither SVG nor PNG")
		}
		if err != nil {
			t.Errorf("%s: %v", e.Name(), err)
		}
		for _, twin := range []string{".svg", ".png"} {
			if _, err := os.Stat(filepath.Join(dir, name+twin)); err != nil && !strings.HasPrefix(name, "diagram-") && !strings.HasPrefix(name, "flame-") { // these have no PNG
				t.Error(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func wellFormed(in io.Reader) error {
	for d := xml.NewDecoder(in); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// checkRecord checks the order of lines: the run; tool cost, verification of every case, warm-up, blocks of every case;
// the end. It returns the trials.
func checkRecord(t *testing.T, l *lab, folder string) []results.Trial {
	t.Helper()
	f, err := os.Open(filepath.Join(folder, results.RecordFile))
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	in := bufio.NewScanner(f)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var head struct{ Type string }
		if err := json.Unmarshal(in.Bytes(), &head); err != nil {
			t.Fatalf("line %d of the record: %v", len(types)+1, err)
		}
		types = append(types, head.Type)
	}
	if err := errors.Join(in.Err(), f.Close()); err != nil {
		t.Fatal(err)
	}
	n := len(types) - 2
	if n < 1 || types[0] != "run" || types[n+1] != "end" || slices.ContainsFunc(types[1:n+1], func(s string) bool { return s != "trial" }) {
		t.Errorf("the record's lines are of types %v, want the run, trials, the end", types)
	}

	run, trials, end := l.record(folder)
	if len(trials) != n {
		t.Fatalf("%d trials read, %d written", len(trials), n)
	}
	if run.Schema != results.Schema || run.Seed != 7 || run.Host.Kernel == "" || run.Scenario.Given == "" || len(run.Args) == 0 {
		t.Errorf("the record begins with %+v", run)
	}
	if end.Reason != results.StopBlocks && end.Reason != results.StopPrecise || end.Ended.Before(run.Started) {
		t.Errorf("the record ends with %+v", end)
	}
	var phases []results.Phase
	blocks := map[int][]string{}
	for i, trial := range trials {
		if trial.Seq != i+1 || trial.Error != "" {
			t.Errorf("trial %d of the record: number %d, error %q", i+1, trial.Seq, trial.Error)
		}
		if len(phases) == 0 || phases[len(phases)-1] != trial.Phase {
			phases = append(phases, trial.Phase)
		}
		if trial.Phase == results.PhaseWarmup || trial.Phase == results.PhaseCounted {
			blocks[trial.Block] = append(blocks[trial.Block], trial.Case)
		}
		if trial.Phase == results.PhaseVerify && trial.Checksum == "" {
			t.Errorf("trial %d verified nothing", trial.Seq)
		}
	}
	phases = slices.DeleteFunc(phases, func(p results.Phase) bool { return p == results.PhaseCalibrate }) // only of open loops
	if want := []results.Phase{results.PhaseTool, results.PhaseVerify, results.PhaseWarmup, results.PhaseCounted, results.PhaseEvidence}; !slices.Equal(phases, want) {
		t.Errorf("phases %v, want %v", phases, want)
	}
	if len(blocks) != end.Blocks+1 || end.Blocks != 6 {
		t.Errorf("%d blocks with the warm-up, the end says %d counted; want 6", len(blocks), end.Blocks)
	}
	var ids []string
	for _, c := range run.Cases {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	for b, got := range blocks {
		if got = slices.Sorted(slices.Values(got)); !slices.Equal(got, ids) {
			t.Errorf("block %d ran %v, want each case once: %v", b, got, ids)
		}
	}
	return trials
}

// checkKeys holds the summary's keys against the contract, and against a golden file that shows every change.
func checkKeys(t *testing.T, name string, text []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("read summary.json: %v", err)
	}
	found := map[string]bool{}
	keysOf(v, "", found)
	contract := []string{
		".schema", ".run.id", ".run.started", ".run.scenario", ".run.effort", ".run.seed", ".run.tool.version", ".run.tool.commit", ".run.host",
		".cases[].id", ".cases[].kind", ".cases[].params.file_bytes", ".cases[].trials", ".cases[].bytes_per_trial", ".cases[].evidence",
		".cases[].bottleneck", ".cases[].warnings", ".cases[].latency_ns.op.p50", ".cases[].latency_ns.op.p90", ".cases[].latency_ns.op.p99",
		".cases[].latency_ns.op.p99_9", ".cases[].latency_ns.op.max", ".cases[].latency_ns.op.count",
		".comparisons[].metric", ".comparisons[].baseline", ".comparisons[].case", ".comparisons[].ratio", ".comparisons[].low",
		".comparisons[].high", ".comparisons[].verdict",
	}
	metrics := []string{"throughput_bytes_per_second", "sender_cpu_ns_per_kib", "receiver_cpu_ns_per_kib", "machine_cpu_ns_per_kib"}
	params := []string{"path", "chunk_bytes", "cache", "link", "receiver", "streams"}
	if name == "writes" {
		metrics = []string{"iops", "accepted_bytes_per_second", "durable_bytes_per_second", "device_write_bytes_per_byte", "flushes_per_second"}
		params = []string{"pattern", "method", "sync", "block_bytes", "depth"}
	}
	for _, m := range metrics {
		contract = append(contract, ".cases[].metrics."+m)
	}
	for _, p := range params {
		contract = append(contract, ".cases[].params."+p)
	}
	for _, key := range contract {
		if !found[key] {
			t.Errorf("summary.json lacks the contract's %s", key)
		}
	}
	golden(t, "summary-of-"+name+".keys", strings.Join(slices.Sorted(maps.Keys(found)), "\n")+"\n")
}

// keysOf collects the paths of all keys. What depends on the machine or on the system is not followed: the host's own,
// settings by name, system calls by name, and what may be sampled. Nor is a metric, which is an object or the reason why there is none.
func keysOf(v any, path string, found map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		if path == ".run.host" || strings.HasPrefix(path, ".cases[].metrics.") || strings.HasSuffix(path, ".settings") || strings.HasSuffix(path, ".syscalls") {
			return
		}
		for key, value := range v {
			switch key {
			case "stages_unavailable", "kernel_stages_unavailable", "other_functions", "profile", "copies", "syscall_tracepoints_unavailable":
				continue
			}
			if path == ".cases[]" && key == "verdict" {
				continue
			}
			found[path+"."+key] = true
			keysOf(value, path+"."+key, found)
		}
	case []any:
		if strings.HasSuffix(path, ".stages") {
			return
		}
		for _, value := range v {
			keysOf(value, path+"[]", found)
		}
	}
}

// checkMetrics checks that each metric is an object of exactly these keys, or says why there is none.
func checkMetrics(t *testing.T, text []byte) {
	t.Helper()
	var s struct {
		Cases []struct{ Metrics map[string]any }
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Cases {
		for name, v := range c.Metrics {
			switch v := v.(type) {
			case map[string]any:
				if keys := slices.Sorted(maps.Keys(v)); !slices.Equal(keys, []string{"confidence", "high", "low", "median", "values"}) {
					t.Errorf("metric %s has the keys %v", name, keys)
				}
			case string:
				if why, ok := strings.CutPrefix(v, "unavailable: "); !ok || why == "" {
					t.Errorf("metric %s is %q", name, v)
				}
			default:
				t.Errorf("metric %s is %v", name, v)
			}
		}
	}
}

// checkNumbers holds the summary against the record that it was made of.
func checkNumbers(t *testing.T, s results.Summary, trials []results.Trial) {
	t.Helper()
	if s.Schema != results.Schema || s.Run.Scenario != "mine" || s.Run.Seed != 7 || s.Run.Blocks != 6 || s.Run.Effort != "normal" {
		t.Errorf("schema %d of run %+v", s.Schema, s.Run)
	}
	values := map[string][]float64{} // by case and metric
	for _, c := range s.Cases {
		if c.Status != results.CaseMeasured {
			t.Errorf("%s is %s: %s", c.ID, c.Status, c.Reason)
			continue
		}
		var counted []results.Trial
		for _, trial := range trials {
			if trial.Case == c.ID && trial.Phase == results.PhaseCounted {
				counted = append(counted, trial)
			}
		}
		if c.Trials != len(counted) || c.Trials != 6 {
			t.Errorf("%s: %d trials in the summary, %d counted in the record, want 6", c.ID, c.Trials, len(counted))
		}
		for name, m := range c.Metrics {
			if m.Why() != "" {
				continue
			}
			values[c.ID+name] = m.Values
			if len(m.Values) != c.Trials || !(m.Low <= m.Median && m.Median <= m.High) || m.Low < 0 || m.Median != stats.Median(m.Values) {
				t.Errorf("%s of %s: median %v, low %v, high %v of %v", name, c.ID, m.Median, m.Low, m.High, m.Values)
			}
		}
		checkRates(t, c, counted)
		for name, lat := range c.LatencyNS {
			last := int64(0)
			for _, p := range []interface{ Get() (int64, bool) }{lat.P50, lat.P90, lat.P99, lat.P999, lat.P9999, lat.Max} {
				if ns, ok := p.Get(); ok {
					if ns < last || ns < 1 {
						t.Errorf("%s latency of %s: percentiles go down: %+v", name, c.ID, lat)
					}
					last = ns
				}
			}
			operations := int64(0)
			for _, trial := range counted {
				operations += trial.Operations
			}
			if name != "sync" && lat.Count != operations {
				t.Errorf("%s latency of %s counts %d operations, the trials made %d", name, c.ID, lat.Count, operations)
			}
		}
	}
	if len(s.Comparisons) == 0 {
		t.Error("nothing is compared")
	}
	for _, c := range s.Comparisons {
		mine, theirs := values[c.Case+c.Metric], values[c.Baseline+c.Metric]
		if len(mine) != 6 || len(theirs) != 6 || c.Case == c.Baseline {
			t.Errorf("%s of %s is compared with %s, without values", c.Metric, c.Case, c.Baseline)
			continue
		}
		ratios := make([]float64, len(mine))
		for i := range mine {
			ratios[i] = mine[i] / theirs[i]
		}
		if want := stats.Median(ratios); math.Abs(c.Ratio-want) > 1e-9*want || c.Low > c.Ratio || c.High < c.Ratio || c.Pairs != 6 {
			t.Errorf("%s of %s: ratio %v [%v, %v] of %d pairs, want %v of 6", c.Metric, c.Case, c.Ratio, c.Low, c.High, c.Pairs, want)
		}
		if (c.Verdict == results.Higher) != (c.Low > 1) || (c.Verdict == results.Lower) != (c.High < 1) {
			t.Errorf("%s of %s: %v [%v, %v] is called %q", c.Metric, c.Case, c.Ratio, c.Low, c.High, c.Verdict)
		}
	}
	if ns, ok := s.Tool.NullPathNS.Get(); !ok || ns <= 0 {
		t.Errorf("the tool's own cost is %v", s.Tool.NullPathNS)
	}
}

// checkRates computes the rates once more, from the bytes, the operations and the clock.
func checkRates(t *testing.T, c results.CaseSummary, counted []results.Trial) {
	t.Helper()
	rate := map[string]func(results.Trial) (int64, interface{ Get() (int64, bool) }){
		results.MetricThroughput: func(t results.Trial) (int64, interface{ Get() (int64, bool) }) { return t.Bytes, t.ElapsedNS },
		results.MetricRequests:   func(t results.Trial) (int64, interface{ Get() (int64, bool) }) { return t.Operations, t.ElapsedNS },
		results.MetricIOPS:       func(t results.Trial) (int64, interface{ Get() (int64, bool) }) { return t.Operations, t.AcceptedNS },
		results.MetricAccepted:   func(t results.Trial) (int64, interface{ Get() (int64, bool) }) { return t.Bytes, t.AcceptedNS },
		results.MetricDurable:    func(t results.Trial) (int64, interface{ Get() (int64, bool) }) { return t.Bytes, t.DurableNS },
	}
	for name, of := range rate {
		m, has := c.Metrics[name]
		if !has || m.Why() != "" {
			continue
		}
		var want []float64
		for _, trial := range counted {
			n, span := of(trial)
			ns, ok := span.Get()
			if !ok {
				t.Fatalf("%s: %s has a value, trial %d has no time", c.ID, name, trial.Seq)
			}
			want = append(want, float64(n)*1e9/float64(ns))
		}
		if got, want := m.Median, stats.Median(want); math.Abs(got-want) > 1e-9*want {
			t.Errorf("%s: %s is %v, the record's trials give %v", c.ID, name, got, want)
		}
	}
	_, durable := c.Metrics[results.MetricDurable]
	p := c.Params
	if makes := p.Method == "dsync" || p.Sync != "none"; durable && makes != (c.Metrics[results.MetricDurable].Why() == "") {
		t.Errorf("%s: durable rate %q", c.ID, c.Metrics[results.MetricDurable].Why())
	}
}

// checkCSV checks that summary.csv is a table, and that its numbers are the summary's.
func checkCSV(t *testing.T, name string, s results.Summary) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(f).ReadAll() // which also checks that all rows have the same number of fields
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, heading := range rows[0] {
		column[heading] = i
	}
	medians := map[string]string{}
	for _, row := range rows[1:] {
		medians[row[column["case"]]+row[column["metric"]]] = row[column["median"]]
	}
	for _, c := range s.Cases {
		for metric, m := range c.Metrics {
			text, there := medians[c.ID+metric]
			got, err := strconv.ParseFloat(text, 64)
			if !there || (m.Why() == "") != (err == nil) || err == nil && got != m.Median {
				t.Errorf("summary.csv has %q for %s of %s, summary.json has %v (%s)", text, metric, c.ID, m.Median, m.Why())
			}
		}
	}
}

// The same seed gives the same order of cases in every block, another seed another one.
func TestSeed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("order.yaml", `title: Order
question: In which order?
transfer: {paths: sendfile, chunk: [4KiB, 8KiB, 16KiB, 32KiB], file: 1MiB}
measure: {time: 10ms, blocks: 5..5, budget: 100s, evidence: off}
charts: []
`)
	order := func(out, seed string) []string {
		l.want(exitDone, "run", "order.yaml", "--quiet", "--out", out, "--seed", seed)
		_, trials, _ := l.record(filepath.Join(l.Dir, out))
		var ids []string
		for _, trial := range trials {
			ids = append(ids, fmt.Sprint(trial.Phase, trial.Block, trial.Case))
		}
		return ids
	}
	first := order("first", "11")
	if again := order("again", "11"); !slices.Equal(first, again) {
		t.Errorf("with the same seed the order was\n%q\nthen\n%q", first, again)
	}
	if other := order("other", "12"); slices.Equal(first, other) {
		t.Errorf("with another seed the order is the same:\n%q", other)
	}
}

// A reader of the table that goes away costs the run nothing but the table.
func TestStandardOutputClosed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.file("tiny.yaml", tinyScenario)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := l.command(l.program, "run", "tiny.yaml", "--dir", l.folder("disk"), "--out", "run")
	cmd.Stdout = writer
	var errs bytes.Buffer
	cmd.Stderr = &errs
	err = cmd.Run()
	if cerr := writer.Close(); cerr != nil {
		t.Fatal(cerr)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(errs.String(), "broken pipe") {
		t.Errorf("exit code %d (%v), want %d with the reason:\n%s", code, err, exitFailed, errs.String())
	}
	_, _, end := l.record(filepath.Join(l.Dir, "run"))
	if end.Blocks != 5 {
		t.Errorf("the run ended after %d blocks: %+v", end.Blocks, end)
	}
	l.wantReport(filepath.Join(l.Dir, "run"))
	l.wantEmpty(l.folder("disk"))

	// The same in a shell's pipeline.
	head := l.begin(l.command("sh", "-c", `"$0" run tiny.yaml --dir disk --out head | head -n 1`, l.program)).wait()
	if head.Code != 0 || head.Out != "Tiny\n" {
		t.Errorf("head: exit code %d, output %q", head.Code, head.Out)
	}
	l.record(filepath.Join(l.Dir, "head"))
	l.wantReport(filepath.Join(l.Dir, "head"))
}

// list --json tells of every word of a scenario whether it works here, and if not why.
func TestListJSON(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	groups := []string{"scenarios", "paths", "receivers", "links", "write_methods", "patterns", "draws", "sync_policies", "sync_calls"}
	all := listing(t, l.want(exitDone, "list", "--json").Out)
	for _, g := range groups {
		if len(all[g]) == 0 {
			t.Errorf("nothing in group %s", g)
		}
	}
	if len(all) != len(groups) {
		t.Errorf("groups are %v, want %v", slices.Sorted(maps.Keys(all)), groups)
	}
	for _, name := range []string{"read-write", "sendfile", "mmap-write", "go-io-copy", "go-copy-buffer", "null"} {
		if !slices.ContainsFunc(all["paths"], func(i map[string]string) bool { return i["id"] == name }) {
			t.Errorf("path %s is not listed", name)
		}
	}
	for group, keys := range map[string][]string{"paths": {"paths"}, "scenarios": {"scenarios"}, "receivers": {"receivers"}, "links": {"links"},
		"writes": {"draws", "patterns", "sync_calls", "sync_policies", "write_methods"}} {
		if got := slices.Sorted(maps.Keys(listing(t, l.want(exitDone, "list", group, "--json").Out))); !slices.Equal(got, keys) {
			t.Errorf("list %s holds %v, want %v", group, got, keys)
		}
	}
	l.wantEmpty(l.Dir)
}

// listing reads a listing's groups and checks each item.
func listing(t *testing.T, text string) map[string][]map[string]string {
	t.Helper()
	var top map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &top); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if string(top["schema"]) != "1" {
		t.Errorf("schema is %s", top["schema"])
	}
	delete(top, "schema")
	groups := map[string][]map[string]string{}
	for name, raw := range top {
		var items []map[string]string
		if err := json.Unmarshal(raw, &items); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		groups[name] = items
		for _, i := range items {
			keys := slices.Sorted(maps.Keys(i))
			if name == "paths" && i["id"] != "null" {
				keys = slices.DeleteFunc(keys, func(k string) bool { return k == "source" && slices.Contains([]string{"file", "memory"}, i[k]) })
			}
			if name == "patterns" { // the scenario's key that a pattern alone takes
				keys = slices.DeleteFunc(keys, func(k string) bool { return k == "key" && i[k] != "" })
			}
			if !slices.Equal(keys, []string{"id", "reason", "status", "title"}) {
				t.Errorf("%s: an item has the keys %v", name, keys)
			}
			if i["id"] == "" || i["title"] == "" || !slices.Contains([]string{"available", "unavailable", "unknown"}, i["status"]) {
				t.Errorf("%s: %v", name, i)
			}
			if i["status"] != "available" && i["reason"] == "" {
				t.Errorf("%s: %s is %s without a reason", name, i["id"], i["status"])
			}
		}
	}
	return groups
}

// doctor says of each thing whether it is in order, and if not what to do.
func TestDoctor(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var d struct {
		Schema int
		Dir    string
		Checks []struct{ ID, Title, Status, Detail, Remedy string }
		Can    json.RawMessage `json:"can_measure"`
	}
	text := l.want(exitDone, "doctor", "--json")
	if err := json.Unmarshal([]byte(text.Out), &d); err != nil {
		t.Fatal(err)
	}
	listing(t, string(d.Can))
	if d.Schema != 1 || d.Dir != "." || len(d.Checks) < 5 {
		t.Errorf("got %+v", d)
	}
	plain := l.want(exitDone, "doctor").Out
	ids := map[string]bool{}
	for _, c := range d.Checks {
		if c.Title == "" || c.Detail == "" || c.ID == "" || ids[c.ID] || !slices.Contains([]string{"ok", "warning", "unavailable"}, c.Status) {
			t.Errorf("check %+v", c)
		}
		ids[c.ID] = true
		if c.Status == "warning" && c.Remedy == "" {
			t.Errorf("%s is a warning without a remedy", c.Title)
		}
		if !strings.Contains(plain, c.Title) {
			t.Errorf("doctor without --json leaves out %s", c.Title)
		}
	}
	if text.Errs != "" {
		t.Errorf("doctor printed on standard error: %s", text.Errs)
	}
	l.wantEmpty(l.Dir)
}
