//go:build unix

package worker

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"copylab/copypaths"
	"copylab/diskwrite"
	"copylab/internal/kernel"
	"copylab/internal/testenv"
	"copylab/results/profile"
	"copylab/results/stages"
)

// needsSampling skips where the kernel's stacks can't be had with names.
func needsSampling(t *testing.T) {
	t.Helper()
	s := kernel.ProbeSampling()
	testenv.Require(t, testenv.Perf, s.Kernel.State == kernel.StateAvailable && s.Symbols.State == kernel.StateAvailable, "%s %s", s.Kernel.Reason, s.Symbols.Reason)
}

// wantStages holds what a process was sampled at against what it used, and its parts against their sum.
func wantStages(t *testing.T, what string, r *Result) map[stages.Stage]int64 {
	t.Helper()
	s := r.Side.Stages
	if s == nil || r.Profile == nil {
		t.Fatalf("%s: stages %+v, profile %v", what, s, r.Profile != nil)
	}
	clock, ok := s.ClockNS.Get()
	used, known := r.Side.CPUNS().Get()
	if !ok || !known {
		t.Fatalf("%s: sampled %s, used %s", what, s.ClockNS, r.Side.CPUNS())
	}
	// Samples also show the time for which a hypervisor had taken a CPU away, and late ones, which are left out, may be nothing else.
	late, _ := s.Late.Get() // of threads it can't be told, and their clock is exact
	if seen, most := clock+late*s.PeriodNS, used+4*r.Side.WallNS; seen < used/2 || clock > most {
		t.Errorf("%s: %d ns were sampled, and %d ns used, in %d ns", what, seen, used, r.Side.WallNS)
	}
	sum := s.ToolNS
	for _, ns := range s.NS {
		sum += ns
	}
	if s.Samples > 0 && math.Abs(float64(sum-clock)) > 1000 {
		t.Errorf("%s: the stages are %d ns, the clock %d ns", what, sum, clock)
	}
	if r.Profile.Total() != s.Samples {
		t.Errorf("%s: %d samples in stages, %d in the profile", what, s.Samples, r.Profile.Total())
	}
	if inKernel, ok := s.KernelNS.Get(); !ok || inKernel <= 0 || inKernel > clock {
		t.Errorf("%s: %s ns in the kernel, of %d", what, s.KernelNS, clock)
	}
	return s.NS
}

// The stages of a sender are those of its mechanism, whichever of its threads does the work, and whether its threads are sampled or all CPUs.
func TestProfiledTransfer(t *testing.T) {
	needsSampling(t)
	for _, by := range []string{"threads", "CPUs"} {
		t.Run(by, func(t *testing.T) { profiledTransfer(t, by == "CPUs") })
	}
}

func profiledTransfer(t *testing.T, byCPUs bool) {
	mayCPUs := kernel.ProbeSampling().CPU
	if byCPUs {
		testenv.Require(t, testenv.Perf, mayCPUs.State == kernel.StateAvailable, "%s", mayCPUs.Reason)
	}
	const size = 16 << 20
	file, _ := payload(t, size)
	for _, tc := range []struct {
		path    string
		streams int
		has     []stages.Stage
		hasNot  []stages.Stage
	}{
		{"read-write", 1, []stages.Stage{stages.CopyCacheToProgram, stages.CopyProgramToSocket}, []stages.Stage{stages.CopyDeferred}},
		{"sendfile", 1, []stages.Stage{stages.TCPIP}, []stages.Stage{stages.CopyCacheToProgram, stages.CopyProgramToSocket, stages.CopyDeferred}},
		{"read-write", 3, []stages.Stage{stages.CopyCacheToProgram, stages.CopyProgramToSocket}, nil},
		{"uring-splice", 1, []stages.Stage{stages.TCPIP}, []stages.Stage{stages.CopyCacheToProgram, stages.CopyProgramToSocket}}, // by io_uring's workers
	} {
		p, _ := copypaths.Find(copypaths.FromFile, tc.path)
		if p.ProbeIn(t.TempDir()).State != kernel.StateAvailable {
			continue
		}
		send, receive := sides(tc.path, file, size, 64<<10, tc.streams, 48*size) // some hundred samples
		send.Profile, send.AllCPUs, receive.Profile, receive.Sampled, receive.Receiver = !byCPUs, true, !byCPUs, byCPUs, "recv"
		pair, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{})
		if err != nil {
			t.Fatal(err)
		}
		got := wantStages(t, tc.path+" sender", pair.Sender)
		for _, s := range tc.has {
			if got[s] == 0 {
				t.Errorf("%s, %d streams: no %q among %v", tc.path, tc.streams, s, got)
			}
		}
		for _, s := range tc.hasNot {
			if got[s] > 0 {
				t.Errorf("%s, %d streams: %d ns of %q", tc.path, tc.streams, got[s], s)
			}
		}
		if r := wantStages(t, tc.path+" receiver", pair.Receiver); r[stages.CopySocketToReceiver] == 0 {
			t.Errorf("%s: the receiver's stages are %v", tc.path, r)
		}
		if pair.Receiver.MachineStages != nil || pair.Sender.MachineStages == nil || pair.Sender.PeerStages != nil {
			t.Errorf("the machine is sampled by the sender: %v, %v", pair.Sender.MachineStages, pair.Receiver.MachineStages)
		}
		if mayCPUs.State == kernel.StateAvailable && pair.Sender.MachineStages.NS[stages.TCPIP] == 0 {
			t.Errorf("the machine's stages are %+v", pair.Sender.MachineStages)
		}
		unnamed := int64(0)
		for _, s := range pair.Receiver.Profile.Stacks() { // whose process and threads could still be asked when the sender named them
			if s.Thread == "ended" {
				t.Errorf("%s receiver: thread %q, %q", tc.path, s.Thread, s.User)
			}
			if slices.Contains(s.User, "[unknown]") { // as a stack within the C library is
				unnamed += s.Count
			}
		}
		if total := pair.Receiver.Profile.Total(); 2*unnamed > total {
			t.Errorf("%s receiver: %d of %d samples have functions without a name", tc.path, unnamed, total)
		}
	}
}

// Nothing is sampled where nobody asked.
func TestNotProfiled(t *testing.T) {
	file, _ := payload(t, 1<<20)
	send, receive := sides("sendfile", file, 1<<20, 64<<10, 1, 1<<20)
	pair, err := launcherForTest().Transfer(t.Context(), send, receive, Placement{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Result{pair.Sender, pair.Receiver} {
		if r.Side.Stages != nil || r.MachineStages != nil || r.Profile != nil || r.MachineProfile != nil {
			t.Errorf("stages %v, %v", r.Side.Stages, r.MachineStages)
		}
	}
}

// A writer's stages are those of all its threads.
func TestProfiledWrite(t *testing.T) {
	needsSampling(t)
	mayCPUs := kernel.ProbeSampling().CPU.State == kernel.StateAvailable
	for _, writers := range []int{1, 2} {
		job := Write{
			Method: "buffered", File: t.TempDir() + "/target", Fresh: true, CPU: -1, Profile: writers == 2 || !mayCPUs, AllCPUs: writers == 1,
			Plan: diskwrite.Job{
				Pattern: diskwrite.Append, Policy: mustPolicy(t, "none"), BlockBytes: 64 << 10, FileBytes: 64 << 20, Operations: 1 << 10, Writers: writers,
			},
		}
		r, err := launcherForTest().Write(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		if got := wantStages(t, "writer", r); got[stages.CopyProgramToCache] == 0 || got[stages.CopyCacheToProgram] > 0 {
			t.Errorf("%d writers: stages %v", writers, got)
		}
		if r.InMemoryBytes.Why() == "" {
			t.Errorf("%s bytes in memory were looked up", r.InMemoryBytes)
		}
	}
}

func mustPolicy(t *testing.T, text string) diskwrite.Policy {
	t.Helper()
	p, err := diskwrite.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A result stays far below the longest line, however many stacks there are and however long they and their names.
func TestProfileIsBounded(t *testing.T) {
	p := profile.New(1000)
	for i := range 3 * mostStacks {
		s := profile.Stack{Thread: "copylab"}
		for k := range 60 {
			s.Kernel = append(s.Kernel, strings.Repeat("f", 40)+string(rune('a'+(i>>(k%13))%26)))
		}
		s.User = []string{strings.Repeat("u", i%200)}
		p.Add(s, 1)
	}
	total := p.Total()
	p.Truncate(mostStacks)
	text, err := json.Marshal(Message{Event: EventDone, Result: &Result{Profile: p, MachineProfile: p}})
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > maxLine/4 || p.Total() != total {
		t.Errorf("%d bytes, %d samples of %d", len(text), p.Total(), total)
	}
	var back Message
	if err := newLineReader(bytes.NewReader(text)).read(&back); err != nil || back.Result.Profile.Total() != total {
		t.Errorf("read back: %v", err)
	}
}

func TestReadsSamples(t *testing.T) {
	for name, want := range map[string]bool{"copylab/internal/kernel.(*Sampler).gather": true, "copylab/copypaths.Stream": false, "": false} {
		if got := readsSamples(profile.Stack{User: slices.DeleteFunc([]string{"runtime.goexit", name}, func(s string) bool { return s == "" })}); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
