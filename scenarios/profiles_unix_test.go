//go:build unix

package scenarios

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pprof "github.com/google/pprof/profile"

	"copylab/results"
	"copylab/results/profile"
)

// The passes of a case add up in one file for each side, whose name any filesystem takes; cases of one label have different ones.
func TestProfileFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "profiles")
	long := transferOf("read-write", func(p *results.Params) { p.LinkOptions, p.Congestion = strings.Repeat("netem=x ", 40), "../../etc" })
	long.ID = "long"
	twin := long
	twin.ID = "twin"
	cases := []results.Case{transferOf("sendfile", nil), long, twin}
	f := newProfileFolder(dir, cases)
	p := profile.New(1000)
	p.Add(profile.Stack{Thread: "copylab", Kernel: []string{"_copy_to_iter", "filemap_read"}, User: []string{"main.main"}}, 5)
	names := map[string]bool{}
	for range 2 {
		for _, c := range cases {
			for _, side := range []string{"sender", "receiver"} {
				name, err := f.keep(c, side, p)
				if err != nil {
					t.Fatal(err)
				}
				names[name] = true
				if base := filepath.Base(name); name != results.ProfileFolder+"/"+base || len(base) > 120 || !strings.HasSuffix(base, "-"+side+".pb.gz") {
					t.Errorf("file %q", name)
				}
			}
		}
	}
	if len(names) != 6 {
		t.Errorf("files %v, want 6", names)
	}
	for name := range names {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(dir), name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := pprof.Parse(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Sample) != 1 || got.Sample[0].Value[0] != 10 || got.Sample[0].Label["stage"][0] != "copy page cache to program" {
			t.Errorf("%s: %v", name, got.Sample)
		}
	}
}

func TestFileWord(t *testing.T) {
	for label, want := range map[string]string{
		"sendfile": "sendfile", "read-write, 64 KiB, veth rate=1Gbit": "read-write-64-KiB-veth-rate=1Gbit", "..": "case", "": "case", "a/b\x00c": "a-b-c",
	} {
		if got := fileWord(label); got != want {
			t.Errorf("%q: %q, want %q", label, got, want)
		}
	}
}

// A profiled trial says where its time went and where its stacks are; one over a sink says why the receiver is not among them.
func TestProfiledTrial(t *testing.T) {
	p := realProcesses(t)
	c := transferOf("sendfile", nil)
	p.mustPrepare(t, c)
	dir := filepath.Join(t.TempDir(), results.ProfileFolder)
	p.KeepProfile = newProfileFolder(dir, []results.Case{c}).keep
	trial := p.mustExecute(t, Work{Case: c, Phase: results.PhaseEvidence, Block: 1, Amount: 64 * oddFile, Instrument: results.InstrumentProfile, AllCPUs: true})
	for side, of := range trial.Sides {
		if of.Stages == nil {
			t.Errorf("%s: no word on stages", side)
		} else if _, ok := of.Stages.ClockNS.Get(); ok != (trial.Profiles[side] != "") {
			t.Errorf("%s: sampled %s, profile %q", side, of.Stages.ClockNS, trial.Profiles[side])
		}
	}
	if trial.MachineStages == nil {
		t.Error("no word on the machine's stages")
	}
	for _, name := range trial.Profiles {
		if _, err := os.Stat(filepath.Join(filepath.Dir(dir), name)); err != nil {
			t.Error(err)
		}
	}
}
