package results

import (
	"slices"
	"strings"
	"testing"

	"copylab/results/measured"
)

// flushed makes a write's counted trials with so many flushes each, which took so long in all.
func flushed(flushes, ns measured.Int) []Trial {
	return blocks(6, func(b int) Trial {
		tr := writeTrial(caseAppend, b, 1_000_000_000)
		tr.Device.Flushes, tr.Device.FlushNS = flushes, ns
		return tr
	})
}

func TestFlushTime(t *testing.T) {
	none := notHere()
	for name, tc := range map[string]struct {
		flushes, ns measured.Int
		want        float64
		why         string
	}{
		"slow":                             {flushes: known(10), ns: known(50_000_000), want: 5_000_000},
		"fast":                             {flushes: known(1000), ns: known(20_000_000), want: 20_000},
		"less than the counter shows":      {flushes: known(100), ns: known(0), why: "each at most 10 µs"},
		"none":                             {flushes: known(0), ns: known(0), why: "asked for no flush"},
		"a device that counts no flushes":  {flushes: none, ns: none, why: none.Why()},
		"a kernel that does not time them": {flushes: known(3), ns: none, why: none.Why()},
	} {
		got := build(fixtureRun(writeCase(caseAppend, "append")), flushed(tc.flushes, tc.ns)...).Cases[0].Evidence.FlushNS
		if n, ok := got.Get(); ok != (tc.why == "") || n != tc.want || !strings.Contains(got.Why(), tc.why) {
			t.Errorf("%s: got %v, want %v or %q", name, got, tc.want, tc.why)
		}
	}
	if got := build(fixtureRun(writeCase(caseAppend, "append"))).Cases[0].Evidence.FlushNS.Why(); got != "no trial was counted" {
		t.Errorf("without trials: %q", got)
	}
	if got := build(fixtureRun(streamCase(caseRW, "sendfile")), streamTrial(caseRW, 1, 1e9)).Cases[0].Evidence.FlushNS.Why(); got != "a transfer writes nothing" {
		t.Errorf("of a transfer: %q", got)
	}
}

// What the kernel calls durable, on a disk with a volatile cache, takes a flush.
func TestDurableWithoutAFlush(t *testing.T) {
	for name, tc := range map[string]struct {
		cache, fua string
		flushes    int64
		durable    bool
		want       bool
	}{
		"without barriers":              {cache: "write back", fua: "0", durable: true, want: true},
		"flushed":                       {cache: "write back", fua: "0", durable: true, flushes: 1},
		"nothing that is durable":       {cache: "write back", fua: "0"},
		"no cache":                      {cache: "write through", fua: "0", durable: true},
		"by forced unit access":         {cache: "write back", fua: "1", durable: true},
		"by what the kernel can't tell": {cache: "write back", fua: "unavailable: made up", durable: true},
	} {
		run := fixtureRun(writeCase(caseAppend, "append"))
		run.Host.Disk.WriteCache, run.Host.Disk.FUA = tc.cache, tc.fua
		trials := flushed(known(tc.flushes), known(tc.flushes*5_000_000))
		if !tc.durable {
			for i := range trials {
				trials[i].DurableNS = notHere()
			}
		}
		c := build(run, trials...).Cases[0]
		if got := slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, "was asked for no flush") }); got != tc.want {
			t.Errorf("%s: warnings %q", name, c.Warnings)
		}
	}
}

func TestQueueLength(t *testing.T) {
	c := build(fixtureRun(writeCase(caseAppend, "append")), blocks(6, func(b int) Trial { return writeTrial(caseAppend, b, 1_000_000_000) })...).Cases[0]
	if c.Evidence.DeviceQueueLength != measured.Known(2.0) {
		t.Errorf("got %v, want 2", c.Evidence.DeviceQueueLength)
	}
}

// Rates over memory's: 8,192,000 bytes a second are 0.8192 of 10 MB/s. The yardstick's own absence is told, and so is the rate's.
func TestOfMemory(t *testing.T) {
	tool := Trial{Case: ToolNullWriter, Phase: PhaseTool, Operations: 1, AcceptedNS: known(1), Settings: map[string]string{SettingCopyUncached: "10000000"}}
	trials := blocks(6, func(b int) Trial { return writeTrial(caseAppend, b, 500_000_000) })
	run := fixtureRun(writeCase(caseAppend, "append"))
	got := build(run, append(trials, tool)...).Cases[0].OfMemory
	if got.Durable.Median != 0.8192 || got.Accepted.Median != 1.6384 || len(got.Durable.Values) != 6 || got.Durable.Confidence < 0.95 {
		t.Errorf("got %+v", got)
	}
	for i := range trials {
		trials[i].DurableNS = measured.Unavailable[int64]("nothing is synced")
	}
	if got := build(run, append(trials, tool)...).Cases[0].OfMemory; got.Durable.Unavailable != "nothing is synced" || got.Accepted.Median != 1.6384 {
		t.Errorf("unsynced: %+v", got)
	}
	if got := build(run, trials...).Cases[0].OfMemory; !strings.HasPrefix(got.Accepted.Unavailable, "how fast this machine copies in memory is not known: ") {
		t.Errorf("without the yardstick: %+v", got)
	}
	tool.Settings[SettingCopyUncached] = "0"
	if got := build(run, append(trials, tool)...).Cases[0].OfMemory; got.Accepted.Unavailable == "" {
		t.Errorf("over nothing: %+v", got)
	}
	// The rate of an open loop is the one that it was offered.
	open := writeCase(caseAppend, "append")
	open.Params.RatePerSecond = 1000
	if c := build(fixtureRun(open), append(trials, tool)...).Cases[0]; c.OfMemory != nil || c.Regimes != nil {
		t.Errorf("open loop: %+v, regimes %+v", c.OfMemory, c.Regimes)
	}
	null := run
	null.Cases = []Case{writeCase("null", "append"), streamCase(caseRW, "sendfile")}
	null.Cases[0].Params.Method = "null"
	for _, c := range build(null, tool).Cases {
		if c.OfMemory != nil {
			t.Errorf("%s writes nothing, and yet: %+v", c.ID, c.OfMemory)
		}
	}
}

func TestShortTime(t *testing.T) {
	for ns, want := range map[int64]string{0: "0 ns", 999: "999 ns", 1000: "1 µs", 19_634: "19.6 µs", 999_400: "999 µs", 999_600: "1 ms", 2_500_000_000: "2.5 s"} {
		if got := shortTime(ns); got != want {
			t.Errorf("%d ns: %q, want %q", ns, got, want)
		}
	}
}
