package host

import (
	"slices"
	"testing"
)

func TestPickCPUs(t *testing.T) {
	// cpu, package, core, capacity
	smt := []cpuPlace{{0, 0, 0, 0}, {1, 0, 1, 0}, {2, 0, 0, 0}, {3, 0, 1, 0}}      // two cores, numbered first threads first
	adjacent := []cpuPlace{{0, 0, 0, 0}, {1, 0, 0, 0}, {2, 0, 1, 0}, {3, 0, 1, 0}} // two cores, threads side by side
	sockets := []cpuPlace{{0, 0, 0, 0}, {1, 1, 0, 0}, {2, 0, 1, 0}, {3, 1, 1, 0}}  // packages in turn
	lonely := []cpuPlace{{0, 0, 0, 0}, {1, 0, 0, 0}, {2, 1, 0, 0}, {3, 1, 1, 0}}   // one core allowed in the first, two in the second
	apart := []cpuPlace{{0, 0, 0, 0}, {1, 0, 0, 0}, {2, 1, 0, 0}, {3, 1, 0, 0}}    // one core in each package
	little := []cpuPlace{{0, 0, 0, 400}, {1, 0, 1, 400}, {2, 0, 2, 1024}, {3, 0, 3, 1024}}
	one := []cpuPlace{{5, 0, 5, 0}}
	siblings := []cpuPlace{{4, 0, 2, 0}, {12, 0, 2, 0}}
	for _, tt := range []struct {
		name   string
		places []cpuPlace
		n      int
		want   []int
	}{
		{"first threads first", smt, 2, []int{0, 1}},
		{"threads side by side", adjacent, 2, []int{0, 2}},
		{"then the other threads", adjacent, 4, []int{0, 2, 1, 3}},
		{"one package", sockets, 2, []int{0, 2}},
		{"more than a package has", sockets, 3, []int{0, 2, 1}},
		{"the package that has enough", lonely, 2, []int{2, 3}},
		{"other packages before shared cores", apart, 2, []int{0, 2}},
		{"fast cores", little, 2, []int{2, 3}},
		{"fast cores first", little, 3, []int{2, 3, 0}},
		{"one CPU is given out again", one, 2, []int{5, 5}},
		{"siblings where there is nothing else", siblings, 2, []int{4, 12}},
		{"none wanted", smt, 0, nil},
		{"none known", nil, 2, nil},
	} {
		if got := pickCPUs(tt.places, tt.n); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
