// Package testenv tells tests what this machine allows, and checks that they leave nothing open.
//
// A test that needs more than an ordinary user's laptop offers is skipped with its reason there. Where the environment
// variable COPYLAB_REQUIRE names the need (a comma-separated list such as "root,direct"), it fails instead: so a skip
// can't rot unseen on a machine that should be able to run the test.
package testenv

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Need is something that not every machine has.
type Need string

// The needs that COPYLAB_REQUIRE may name.
const (
	Root   Need = "root"   // uid 0
	Netns  Need = "netns"  // may make network namespaces
	Perf   Need = "perf"   // may open kernel tracepoints
	Uring  Need = "uring"  // io_uring is enabled
	Direct Need = "direct" // the temporary folder's filesystem takes O_DIRECT
	Disk   Need = "disk"   // the temporary folder is on a block device whose counters can be read
	Ptrace Need = "ptrace" // may trace its own children
	Mount  Need = "mount"  // may mount a filesystem in a mount namespace of its own
	KTLS   Need = "ktls"   // the kernel has TLS, and its module is loaded
)

// Require goes on if have is true. Otherwise it skips the test with the reason, or fails it where COPYLAB_REQUIRE names
// the need.
func Require(t testing.TB, need Need, have bool, format string, args ...any) {
	t.Helper()
	if have {
		return
	}
	why := fmt.Sprintf(format, args...)
	if slices.Contains(strings.Split(os.Getenv("COPYLAB_REQUIRE"), ","), string(need)) {
		t.Fatalf("COPYLAB_REQUIRE names %s, and this machine does not have it: %s", need, why)
	}
	t.Skipf("needs %s: %s", need, why)
}

// RequireRoot is Require for tests that only root can run.
func RequireRoot(t testing.TB) {
	t.Helper()
	Require(t, Root, os.Geteuid() == 0, "run as uid %d", os.Geteuid())
}

// Main runs a package's tests and fails if they leave file descriptors open. Call it from TestMain.
func Main(m *testing.M) {
	before := openDescriptors()
	code := m.Run()
	if code == 0 {
		if leaked := leakedSince(before); len(leaked) > 0 {
			fmt.Fprintf(os.Stderr, "FAIL: descriptors left open by the tests:\n\t%s\n", strings.Join(leaked, "\n\t"))
			code = 1
		}
	}
	os.Exit(code)
}

// openDescriptors maps each open descriptor to what it is open on. It is empty where there is no /proc.
func openDescriptors() map[string]string {
	open := map[string]string{}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return open
	}
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			open[e.Name()] = target
		}
	}
	return open
}

func leakedSince(before map[string]string) []string {
	runtime.GC() // lets finalizers close what is only unreachable: those are not leaks of the code under test
	var leaked []string
	for fd, target := range openDescriptors() {
		// The runtime and the test framework open these for themselves.
		own := strings.HasPrefix(target, "anon_inode:[event") || strings.Contains(target, "pidfd") ||
			strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "/sys/fs/cgroup") || strings.Contains(target, "/go-build") ||
			strings.Contains(target, "testlog") || strings.HasPrefix(target, "/dev/null")
		if _, had := before[fd]; !had && !own {
			leaked = append(leaked, fd+" → "+target)
		}
	}
	slices.Sort(leaked)
	return leaked
}
