package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/perf/benchfmt"

	"copylab/internal/testenv"
	"copylab/results"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func rendered(t testing.TB, s *results.Summary, format string, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, s, format, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestEveryFormatOfEveryFixture also holds the odd ones: nothing measured, no host, no metrics at all.
func TestEveryFormatOfEveryFixture(t *testing.T) {
	all := fixtures(t)
	all["zero"] = &results.Summary{}
	none := manySummary(t)
	for i := range none.Cases {
		none.Cases[i].Status, none.Cases[i].Reason, none.Cases[i].Metrics = results.CaseNotReached, "the run ended before", nil
	}
	all["nothing reached"] = none
	zeros := tourSummary(t)
	for i := range zeros.Cases {
		for name, m := range zeros.Cases[i].Metrics {
			m.Median, m.Low, m.High = 0, 0, 0
			zeros.Cases[i].Metrics[name] = m
		}
	}
	all["zeros"] = zeros
	bare := tourSummary(t)
	for i := range bare.Cases {
		bare.Cases[i].Histograms = nil // a summary that was read from summary.json has none
	}
	all["no histograms"] = bare
	for name, s := range all {
		for _, format := range Formats() {
			if out := rendered(t, s, format, Options{}); out == "" || strings.Contains(out, "%!") {
				t.Errorf("%s as %s: empty, or with a broken format verb", name, format)
			} else if strings.Contains(out, "NaN") || strings.Contains(out, "+Inf") {
				t.Errorf("%s as %s: holds NaN or Inf", name, format)
			}
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	err := Write(&bytes.Buffer{}, aloneSummary(t), "pdf", Options{})
	if err == nil || !strings.Contains(err.Error(), `"pdf"`) || !strings.Contains(err.Error(), "gobench") {
		t.Errorf("got %v, want an error that lists the formats", err)
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	for name, s := range fixtures(t) {
		for _, width := range []int{0, 80, 100, 160} {
			out := rendered(t, s, "table", Options{Width: width})
			limit := width
			if width == 0 {
				limit = 100
			}
			for line := range strings.Lines(out) {
				line = strings.TrimSuffix(line, "\n")
				if n := utf8.RuneCountInString(line); n > limit && strings.Contains(line, " ") {
					t.Errorf("%s at %d columns: %d in %q", name, limit, n, line)
				}
				if strings.HasSuffix(line, " ") {
					t.Errorf("%s: spaces at the end of %q", name, line)
				}
			}
		}
	}
}

func TestColourAddsNothingButColour(t *testing.T) {
	escape := regexp.MustCompile("\x1b\\[[0-9]*m")
	for name, s := range fixtures(t) {
		plain := rendered(t, s, "table", Options{})
		if strings.Contains(plain, "\x1b") {
			t.Errorf("%s: escapes without colour", name)
		}
		coloured := rendered(t, s, "table", Options{Color: true})
		if !strings.Contains(coloured, "\x1b") {
			t.Errorf("%s: no colour", name)
		}
		var lines []string
		for line := range strings.Lines(escape.ReplaceAllString(coloured, "")) {
			lines = append(lines, strings.TrimRight(line, " \n"))
		}
		if got := strings.Join(lines, "\n") + "\n"; got != plain {
			t.Errorf("%s: the text with colour differs:\n%s\nwithout:\n%s", name, got, plain)
		}
	}
}

func TestTableSaysWhatItLeavesOut(t *testing.T) {
	out := rendered(t, tourSummary(t), "table", Options{Width: 100})
	for _, want := range []string{"Columns left out here", "machine CPU", "[1] the sync policy is none: nothing is made durable", "Limited by", "What the tool itself costs", "Again: copylab run made-up"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if out := rendered(t, tourSummary(t), "table", Options{Width: 400}); strings.Contains(out, "left out") || !strings.Contains(out, "limited by") {
		t.Errorf("a wide terminal lacks columns:\n%s", out)
	}
}

func TestCSV(t *testing.T) {
	s := manySummary(t)
	s.Cases[1].Metrics[results.MetricMachineCPU] = results.Metric{Unavailable: "no /proc/stat"}
	rows, err := csv.NewReader(strings.NewReader(rendered(t, s, "csv", Options{}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	const header = "run,scenario,case,kind,label,status,path,chunk_bytes,cache,link,receiver,streams,workload,loop,load_share,pattern,method,sync,sync_call,draw,block_bytes,depth,file_bytes,metric,median,low,high,confidence,trials,unavailable," +
		"source,link_options,so_sndbuf_bytes,so_rcvbuf_bytes,nodelay,cork,congestion," +
		"random_share,stride_blocks,theta,files,writers,rate_per_second"
	if got := strings.Join(rows[0], ","); got != header {
		t.Fatalf("header %s\nwant   %s", got, header)
	}
	at := func(name string) int { return slices.Index(rows[0], name) }
	seen := map[string]bool{}
	for _, r := range rows[1:] {
		if (r[at("median")] == "") == (r[at("unavailable")] == "") {
			t.Errorf("a row needs either a number or a reason: %q", r)
		}
		key := r[at("case")] + " " + r[at("metric")]
		if seen[key] {
			t.Errorf("two rows of %s", key)
		}
		seen[key] = true
	}
	for i := range s.Cases {
		c := &s.Cases[i]
		if c.Status != results.CaseMeasured {
			if !seen[c.ID+" "] {
				t.Errorf("%s has no row that says why", c.Label)
			}
			continue
		}
		for name := range c.Metrics {
			if !seen[c.ID+" "+name] {
				t.Errorf("%s lacks %s", c.Label, name)
			}
		}
		for _, p := range []string{"p50", "p90", "p99", "p99_9", "p99_99", "max", "count"} {
			if !seen[c.ID+" latency_ns.op."+p] {
				t.Errorf("%s lacks latency %s", c.Label, p)
			}
		}
	}
	for _, r := range rows[1:] {
		if r[at("case")] == s.Cases[1].ID && r[at("metric")] == results.MetricMachineCPU && r[at("unavailable")] != "no /proc/stat" {
			t.Errorf("the reason is lost: %q", r)
		}
	}
}

// TestMetricNamesAreComplete keeps the order of summary.csv from losing a metric: an unknown one would come last.
func TestMetricNamesAreComplete(t *testing.T) {
	for name, s := range fixtures(t) {
		for _, c := range s.Cases {
			for metric := range c.Metrics {
				if !slices.Contains(metricNames(), metric) {
					t.Errorf("%s: %s is not in metricNames", name, metric)
				}
			}
		}
	}
}

// TestGobench reads the output with the parser that benchstat uses.
func TestGobench(t *testing.T) {
	s := tourSummary(t)
	r := benchfmt.NewReader(strings.NewReader(rendered(t, s, "gobench", Options{})), "test")
	lines := map[string]int{}
	units := map[string]bool{}
	better := map[string]bool{}
	var rates []float64
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Fatal(rec)
		case *benchfmt.UnitMetadata:
			better[rec.OrigUnit+" "+rec.Value] = true
		case *benchfmt.Result:
			lines[string(rec.Name.Full())]++
			if got := rec.GetConfig("cpu"); got != s.Run.Host.CPU.Model {
				t.Errorf("cpu is %q", got)
			}
			for _, v := range rec.Values {
				units[v.Unit] = true
			}
			if v, ok := rec.Value("B/s"); ok && strings.Contains(string(rec.Name), "path=sendfile") {
				rates = append(rates, v)
			}
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	if len(lines) != len(s.Cases) {
		t.Errorf("%d names for %d cases: %v", len(lines), len(s.Cases), lines)
	}
	for name, n := range lines {
		if n != 12 {
			t.Errorf("%s: %d lines, want one for each of 12 trials", name, n)
		}
	}
	for _, u := range []string{"sec/op", "B/s", "sender-cpu-sec/KiB", "writer-cpu-sec/KiB", "writes/s", "durable-B/s"} {
		if !units[u] {
			t.Errorf("no unit %s in %v", u, units)
		}
	}
	if !better["B/s higher"] || !better["sender-cpu-ns/KiB lower"] {
		t.Errorf("benchstat is not told what is better: %v", better)
	}
	want := s.Cases[1].Metrics[results.MetricThroughput].Values
	for i := range want {
		if i >= len(rates) || math.Abs(rates[i]-want[i]) > 1e-5*want[i] {
			t.Fatalf("trials are %v, want %v in this order", rates, want)
		}
	}
}

func TestJSONIsTheSummary(t *testing.T) {
	s := tourSummary(t)
	out := rendered(t, s, "json", Options{})
	var got results.Summary
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	again := rendered(t, &got, "json", Options{})
	if out != again {
		t.Error("reading summary.json and writing it again changes it")
	}
	if !strings.HasPrefix(out, "{\n  \"schema\": 1,\n  \"run\": {") {
		t.Errorf("starts with %q", out[:40])
	}
}

func TestMarkdown(t *testing.T) {
	s := tourSummary(t)
	s.Run.Title = "a|b <script> [x](y) `z` *w*"
	out := rendered(t, s, "markdown", Options{})
	if !strings.Contains(out, "# a\\|b \\<script\\> \\[x\\](y) \\`z\\` \\*w\\*\n") {
		t.Errorf("the title is not escaped: %q", out[:80])
	}
	charts, err := Charts(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range charts {
		if strings.Count(out, "](charts/"+c.Name+".svg)") != 1 {
			t.Errorf("chart %s is not shown once", c.Name)
		}
	}
	columns := 0
	for line := range strings.Lines(out) { // every row of a table has as many cells as its heading
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if columns == 0 {
			columns = n
		}
		if n != columns {
			t.Errorf("%d cells, want %d: %s", n, columns, line)
		}
	}
}

func TestWriteFolder(t *testing.T) {
	dir := t.TempDir()
	s := aloneSummary(t)
	for range 2 { // the second time over the first
		if err := WriteFolder(dir, s); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, name) // both are absolute
			got = append(got, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"charts/cpu-transfers.png", "charts/cpu-transfers.svg", "charts/distribution-transfers.png", "charts/distribution-transfers.svg",
		"charts/latency-transfers.png", "charts/latency-transfers.svg", "charts/throughput-transfers.png", "charts/throughput-transfers.svg",
		"report.html", "report.md", "summary.csv", "summary.json",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if err := WriteFolder(filepath.Join(dir, "missing"), s); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "summary.json") {
		t.Errorf("got %v, want an error that names the file", err)
	}
	if entries, err := os.ReadDir(t.TempDir()); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestWriteFolderWithoutCharts(t *testing.T) {
	dir := t.TempDir()
	if err := WriteFolder(dir, stated(nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "charts")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder of charts: %v", err)
	}
}
