package results

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"copylab/results/host"
	"copylab/results/measured"
)

// tracedTrial is one in which the kernel counted: what the path says of its own calls, the 1,024 requests and one confirmation around them, and three more.
func tracedTrial() Trial {
	t := streamTrial(caseRW, 1, 400_000_000)
	t.Phase, t.Instrument = PhaseEvidence, InstrumentSyscalls
	s := t.Sides[sender]
	s.Traced = &SyscallCounts{
		Total: known(1025 + 1024 + 1024 + 3 + 1), ByName: map[string]int64{"read": 1025 + 1024, "write": 1024, "futex": 3}, Around: map[string]int64{"read": 1025},
	}
	t.Sides[sender] = s
	r := t.Sides[receiver]
	r.Traced = NotCounted("the receiver is far away")
	t.Sides[receiver] = r
	return t
}

// What the kernel counted replaces the path's own count, and makes the crossings.
func TestTracedSyscalls(t *testing.T) {
	traced := tracedTrial()
	traced.Bytes /= 2 // of a shorter trial
	c := passedForTest(traced)
	s := c.Evidence.Sides[sender]
	if want := map[string]int64{"read": 1024, "write": 1024, "futex": 3}; !maps.Equal(s.Syscalls, want) || s.SyscallsSource != FromTracepoints || s.SyscallsBytes != 32<<20 {
		t.Errorf("%v from %s in %d bytes, want %v", s.Syscalls, s.SyscallsSource, s.SyscallsBytes, want)
	}
	if s.OtherSyscalls != known(1) || s.CrossingsPerChunk != measured.Known(4.0) || s.TracepointsUnavailable != "" {
		t.Errorf("%+v", s)
	}
	// Where the path counts nothing itself, all are its own.
	alone := tracedTrial()
	from := alone.Sides[sender]
	from.Syscalls = nil
	alone.Sides[sender] = from
	if e := passedForTest(alone).Evidence.Sides[sender]; e.CrossingsPerChunk != measured.Known(2*2052.0/1024) {
		t.Errorf("crossings of all calls: %v", e.CrossingsPerChunk)
	}
	if s.SwitchesPerChunk != measured.Known(12.0/1024) {
		t.Errorf("context switches %v", s.SwitchesPerChunk)
	}
	r := c.Evidence.Sides[receiver]
	if r.SyscallsSource != FromPath || r.Syscalls["recv"] != 2048 || r.TracepointsUnavailable != "the receiver is far away" || r.OtherSyscalls.Why() == "" || r.SyscallsBytes != 64<<20 {
		t.Errorf("%+v", r)
	}
	for _, w := range c.Warnings {
		if strings.Contains(w, "the kernel counted") {
			t.Error(w)
		}
	}
	if e := passedForTest().Evidence.Sides[sender]; e.SyscallsSource != FromPath || !strings.Contains(e.TracepointsUnavailable, "no trial") {
		t.Errorf("without such a trial: %+v", e)
	}
}

// A path that counts otherwise than the kernel is told of.
func TestCountsThatDisagree(t *testing.T) {
	traced := tracedTrial()
	traced.Sides[sender].Traced.ByName["write"] = 2048
	traced.Sides[sender].Syscalls["sendfile"] = 7
	traced.Sides[sender].Syscalls["futex"] = 1 // the others are the runtime's
	text := strings.Join(passedForTest(traced).Warnings, "\n")
	for _, want := range []string{
		"the kernel counted 2048 calls of write by the sender in a trial for evidence, and the sender itself 1024", "the kernel counted 0 calls of sendfile by the sender in a trial for evidence, and the sender itself 7",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no warning %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "calls of read") || strings.Contains(text, "calls of futex") || strings.Contains(text, "receiver itself") {
		t.Errorf("what agrees, or was not counted, is warned of:\n%s", text)
	}
}

func TestTraffic(t *testing.T) {
	trials := blocks(3, func(b int) Trial {
		tr := streamTrial(caseRW, b, 400_000_000)
		tr.Interface = &host.LinkDelta{Interface: "lo", SentBytes: known(int64(b) * tr.Bytes)}
		tr.Settings = map[string]string{SettingZeroCopied: "0", SettingCopied: []string{"10", "30", "20"}[b-1]}
		return tr
	})
	pass := passTrial(caseRW, 1)
	pass.Instrument = InstrumentProfile
	pass.Memory = &MemoryTraffic{ReadBytes: known(pass.Bytes), WriteBytes: NoMemoryTraffic("it is broken").WriteBytes}
	trials = append(trials, pass)
	e := build(fixtureRun(streamCase(caseRW, "read-write")), trials...).Cases[0].Evidence
	if e.LinkBytesPerByte != measured.Known(2.0) || e.ZeroCopyCompletions != known(0) || e.CopiedCompletions != known(20) {
		t.Errorf("%+v", e)
	}
	if e.Machine.MemoryReadBytesPerByte != measured.Known(1.0) || e.Machine.MemoryWriteBytesPerByte.Why() != "it is broken" {
		t.Errorf("%+v", e.Machine)
	}
	alone := pass
	alone.Instrument, alone.Sides = InstrumentNone, nil
	alone.Memory = &MemoryTraffic{ReadBytes: known(3 * pass.Bytes), WriteBytes: known(4 * pass.Bytes)}
	trials = append(trials, alone)
	e = build(fixtureRun(streamCase(caseRW, "read-write")), trials...).Cases[0].Evidence
	if e.Machine.MemoryReadBytesPerByte != measured.Known(3.0) || e.Machine.MemoryWriteBytesPerByte != measured.Known(4.0) {
		t.Errorf("a trial that nobody samples tells better: %+v", e.Machine)
	}
	e = passedForTest().Evidence
	for _, why := range []string{e.LinkBytesPerByte.Why(), e.ZeroCopyCompletions.Why(), e.CopiedCompletions.Why(), e.Machine.MemoryReadBytesPerByte.Why()} {
		if why == "" || why == "not recorded" {
			t.Errorf("nothing was recorded, and the reason is %q", why)
		}
	}
}

// The sides stand under their own names in JSON, and come back.
func TestEvidenceJSON(t *testing.T) {
	e := passedForTest(tracedTrial()).Evidence
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"sender": true, "receiver": true, "machine": true, "busy_share": true, "link_bytes_per_byte": true, "writer": false, "sides": false, "Sides": false} {
		if _, has := keys[name]; has != want {
			t.Errorf("key %s: %v", name, has)
		}
	}
	var from struct {
		Syscalls map[string]int64 `json:"syscalls"`
		Source   string           `json:"syscalls_source"`
	}
	if err := json.Unmarshal(keys["sender"], &from); err != nil || from.Syscalls["write"] != 1024 || from.Source != "tracepoints" {
		t.Errorf("%+v, %v", from, err)
	}
	var back Evidence
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back.Sides, e.Sides) || back.Verified != e.Verified || len(back.BusyShare) != len(e.BusyShare) {
		t.Errorf("came back as %+v", back)
	}
	if err := json.Unmarshal([]byte(`{"sender":3}`), &back); err == nil {
		t.Error("a sender that is a number was taken")
	}
}
