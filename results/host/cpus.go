package host

import (
	"cmp"
	"slices"
	"strconv"
)

// cpuPlace is where a CPU sits.
type cpuPlace struct {
	cpu      int
	pkg      int // physical package
	core     int // within its package
	capacity int // relative to the machine's fastest CPU; the same for all where the kernel doesn't tell
}

// place reads a CPU's place (Documentation/admin-guide/cputopology.rst). What the kernel does not tell makes the CPU a
// core of its own.
func (fs FS) cpuPlace(cpu int) cpuPlace {
	p := cpuPlace{cpu: cpu, core: cpu}
	dir := fs.sys("devices/system/cpu", "cpu"+strconv.Itoa(cpu))
	if n, ok := number(dir+"/topology/physical_package_id", 1).Get(); ok {
		p.pkg = int(n)
	}
	if n, ok := number(dir+"/topology/core_id", 1).Get(); ok {
		p.core = int(n)
	}
	if n, ok := number(dir+"/cpu_capacity", 1).Get(); ok {
		p.capacity = int(n)
	}
	return p
}

// PickCPUs chooses n CPUs for n threads that are to be measured, out of those that this process may use
// (sched_getaffinity(2)): each on a core of its own in one package, the fastest cores first; where there are too few
// cores, cores of other packages, then hardware threads that share a core. Where there are fewer than n CPUs they
// are given out again from the first. It is nil where the operating system doesn't tell which CPUs there are.
func PickCPUs(n int) []int { return System().PickCPUs(n) }

// PickCPUs is the function of that name on this FS.
func (fs FS) PickCPUs(n int) []int {
	var places []cpuPlace
	for _, cpu := range allowedCPUs() {
		places = append(places, fs.cpuPlace(cpu))
	}
	return pickCPUs(places, n)
}

func pickCPUs(places []cpuPlace, n int) []int {
	if len(places) == 0 || n < 1 {
		return nil
	}
	type core struct{ pkg, core int }
	ordered := slices.Clone(places)
	slices.SortFunc(ordered, func(a, b cpuPlace) int {
		return cmp.Or(cmp.Compare(b.capacity, a.capacity), cmp.Compare(a.cpu, b.cpu))
	})
	// The rank of a CPU among those of its core: 0 for the first.
	rank := map[int]int{}
	seen := map[core]int{}
	perPackage := map[int]int{}
	for _, p := range ordered {
		c := core{p.pkg, p.core}
		rank[p.cpu] = seen[c]
		if seen[c] == 0 {
			perPackage[p.pkg]++
		}
		seen[c]++
	}
	// The package of the fastest CPU, unless only another has n cores.
	home := ordered[0].pkg
	if perPackage[home] < n {
		for _, p := range ordered {
			if perPackage[p.pkg] > perPackage[home] {
				home = p.pkg
			}
		}
	}
	away := func(p cpuPlace) int {
		if p.pkg == home {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(ordered, func(a, b cpuPlace) int {
		return cmp.Or(cmp.Compare(rank[a.cpu], rank[b.cpu]), cmp.Compare(away(a), away(b)))
	})
	picked := make([]int, n)
	for i := range picked {
		picked[i] = ordered[i%len(ordered)].cpu
	}
	return picked
}
