package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"copylab/internal/kerneltest"
)

// modules are the kernel modules that the guest loads at its start, since nothing loads them there when they are needed:
// the disks', kernel TLS with its ciphers, and what the links between two ends are made of. What a kernel has built in
// is left out.
func modules() []string {
	return []string{
		"virtio_pci", "virtio_blk", "ext4",
		"aesni_intel", "ctr", "ghash_generic", "gcm", "ccm", "chacha20poly1305", "tls",
		"veth", "sch_tbf", "sch_netem", "sch_fq", "tcp_bbr",
	}
}

// leftOut are tests that are not run in the guest: those that say little of the kernel, those that need operations to meet
// at a moment that an emulator rarely hits, and most variants of those that repeat one thing for many sizes or streams, since an
// emulator takes 20 times as long. The names of paths from memory have one part more.
func leftOut() string {
	return strings.Join([]string{
		"TestNothingIsAllocated", "TestTLSAllocatesNothing", "TestCLoopsMakeTheSameCalls", "TestStreamsShareMemory", "TestAThousandStreams",
		"TestUringSettings", "TestNoMemoryForNotifications/(mmap|memory)", "TestNoMemoryForNotifications/.*/never",
		"TestSocketNotBlocking/uring", "TestSocketNotBlocking/memory/uring",
		"TestPartialOperationsGoOn", "TestUringGoesOnAfterShortOperations",
		"TestBytesArrive/.*/chunk=([0-9]{1,4}|4194304)$", "TestBytesArrive/memory/.*/chunk=([0-9]{1,4}|4194304)$",
		"TestTLSBytesArrive/.*/.*/chunk=([0-9]{1,4}|4194304)$", "TestBytesArrive/.*/.*/file=262144$", "TestBytesArrive/memory/.*/.*/file=262144$",
		"MakesItsSyscallsAndNoOthers/.*/dedicated=true", "MakesItsSyscallsAndNoOthers/memory/.*/dedicated=true",
		"MakesItsSyscallsAndNoOthers/.*/.*/(once|around|large)", "MakesItsSyscallsAndNoOthers/memory/.*/.*/(once|around|large)",
	}, "|")
}

// stepLimit is how long one command may take: far longer than it should.
const stepLimit = 8 * time.Minute

// plan is what the guest does: what it was asked to run, or all the checks.
func (o *options) plan(packages []testPackage) kerneltest.Plan {
	if o.run != "" {
		return kerneltest.Plan{Steps: []kerneltest.Step{{Name: o.run, Args: strings.Fields(o.run), Timeout: stepLimit}}}
	}
	p := kerneltest.Plan{Steps: []kerneltest.Step{
		{Name: "version", Args: []string{"copylab", "version"}},
		{Name: kerneltest.StepList, Args: []string{"copylab", "list", "--json", "--dir", kerneltest.DiskDir}},
	}}
	out := kerneltest.OutDir + "/all-paths"
	run := kerneltest.Step{
		Name: kerneltest.StepRun + "all-paths",
		Args: []string{"copylab", "run", "all-paths", "--dir", kerneltest.DiskDir, "--out", out, "--plain",
			"--set", "measure.time=10ms", "--set", "transfer.file=1MiB"},
		File: out + "/summary.json",
		// By then every path was verified, and timed once to warm up. More would show how fast an emulator is.
		Enough: &kerneltest.Enough{File: out + "/record.jsonl", Text: `"phase":"counted"`},
	}
	// Two lanes, since most tests leave one of two CPUs idle. The first package has by far the most to do; that of its tests which
	// traces system calls shares the second lane with all the rest.
	first, second := []kerneltest.Step{}, []kerneltest.Step{run}
	for i, t := range packages {
		if i > 0 {
			second = append(second, o.test(t, "", "", ""))
			continue
		}
		first = append(first, o.test(t, "", "", tracing))
		second = append(second, o.test(t, " "+tracing, tracing, ""))
	}
	p.Lanes = [][]kerneltest.Step{first, second}
	for _, steps := range append([][]kerneltest.Step{p.Steps}, p.Lanes...) {
		for i := range steps {
			steps[i].Timeout = stepLimit
		}
	}
	return p
}

// tracing is in the name of each test that traces system calls.
const tracing = "Syscalls"

// test is a step that runs a package's tests, those whose name has one pattern and not another.
func (o *options) test(t testPackage, which, run, skip string) kerneltest.Step {
	if skip != "" {
		skip = "|" + skip
	}
	return kerneltest.Step{
		Name: kerneltest.StepTest + t.path + which,
		Args: []string{"/" + t.path + "/" + testProgram, "-test.v", "-test.short", "-test.timeout=" + (stepLimit - 10*time.Second).String(), "-test.run=" + run, "-test.skip=" + o.skip + skip},
		Dir:  "/" + t.path,
		// Not uring, perf and mount: which operations, tracepoints and settings a kernel has is part of the question. A path that
		// is available and was skipped is found all the same: it has no test that passed.
		Env: []string{"COPYLAB_REQUIRE=root,direct,ptrace,netns,ktls"},
	}
}

// testProgram is the name of a package's test binary in the guest.
const testProgram = "package.test"

// testPackage is a package whose tests run in the guest.
type testPackage struct{ path, folder string }

// buildGuest builds the programs and packs everything that the guest needs into its initramfs.
func (o *options) buildGuest(ctx context.Context, k kernel, work string) (plan kerneltest.Plan, err error) {
	var packages []testPackage
	if o.tests != "" {
		if packages, err = findPackages(ctx, o.tests); err != nil {
			return plan, err
		}
	}
	plan = o.plan(packages)
	files := map[string]string{ // in the guest, here
		"/init":                            filepath.Join(work, "init"),
		kerneltest.ProgramDir + "/copylab": filepath.Join(work, "copylab"),
	}
	if err := goBuild(ctx, files["/init"], "build", "./internal/kerneltest/init"); err != nil {
		return plan, err
	}
	if err := goBuild(ctx, files[kerneltest.ProgramDir+"/copylab"], "build", "./cmd/copylab"); err != nil {
		return plan, err
	}
	for _, p := range packages {
		name := path.Join("/", p.path, testProgram)
		files[name] = filepath.Join(work, strings.ReplaceAll(p.path, "/", "-")+".test")
		if err := goBuild(ctx, files[name], "test", "-c", p.path); err != nil {
			return plan, err
		}
		if err := testData(p, files); err != nil {
			return plan, err
		}
	}
	all := os.DirFS(k.folder)
	found, _, err := kerneltest.Modules(all, modules())
	if err != nil {
		return plan, err
	}
	for _, m := range found {
		name := path.Base(m)
		plan.Modules = append(plan.Modules, name)
		files[path.Join(kerneltest.ModulesDir, name)] = filepath.Join(k.folder, m)
	}
	return plan, pack(filepath.Join(work, "initramfs"), plan, files)
}

// goBuild runs the go command for the guest: without cgo, so that the program needs nothing but itself.
func goBuild(ctx context.Context, out string, args ...string) error {
	what, last := args[:len(args)-1], args[len(args)-1]
	c := exec.CommandContext(ctx, "go", append(append(what[:len(what):len(what)], "-trimpath", "-ldflags=-s -w", "-o", out), last)...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if problems, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, problems)
	}
	return nil
}

// findPackages asks go which packages a pattern means, and where they are.
func findPackages(ctx context.Context, patterns string) ([]testPackage, error) {
	args := append([]string{"list", "-f", "{{.ImportPath}} {{.Dir}}"}, strings.Fields(patterns)...)
	c := exec.CommandContext(ctx, "go", args...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", patterns, err)
	}
	var found []testPackage
	for line := range strings.Lines(string(out)) {
		at, folder, _ := strings.Cut(strings.TrimSpace(line), " ")
		found = append(found, testPackage{at, folder})
	}
	return found, nil
}

// testData adds a package's testdata, which its tests expect in their working directory.
func testData(p testPackage, files map[string]string) error {
	root := filepath.Join(p.folder, "testdata")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		inside, err := filepath.Rel(p.folder, name)
		files[path.Join("/", p.path, filepath.ToSlash(inside))] = name
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// pack writes the initramfs.
func pack(name string, plan kerneltest.Plan, files map[string]string) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	archive := kerneltest.NewInitramfs(w)
	archive.Device("/dev/console", 5, 1) // that the first process has as its standard error
	for guest, host := range files {
		content, err := os.ReadFile(host)
		if err != nil {
			return err
		}
		archive.File(guest, 0o755, content)
	}
	todo, err := json.MarshalIndent(plan, "", "\t")
	if err != nil {
		return err
	}
	archive.File(kerneltest.PlanFile, 0o644, todo)
	archive.File("/etc/passwd", 0o644, []byte("root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"))
	archive.File("/etc/group", 0o644, []byte("root:x:0:\nnogroup:x:65534:\n"))
	archive.File("/etc/hosts", 0o644, []byte("127.0.0.1 localhost kerneltest\n"))
	return errors.Join(archive.Close(), w.Flush())
}
