package host

import "testing"

func TestFindMount(t *testing.T) {
	mounts := []mount{
		{id: 1, point: "/", device: "8:1"},
		{id: 2, point: "/a", device: "8:2"},
		{id: 3, point: "/a/b", device: "8:3"},
		{id: 4, point: "/a", device: "8:4"}, // hides 2 and 3
		{id: 5, point: "/a", device: "8:4"}, // and the same once more
		{id: 6, point: "/c", device: "0:30"},
	}
	for _, tt := range []struct {
		name string
		at   place
		want int64
	}{
		{"the number of the mount", place{"/a/b/x", "8:4", 4}, 4},
		{"a hidden one, by its number", place{"/a/b", "8:3", 3}, 3},
		{"a number that is gone", place{"/a/b", "8:3", 99}, 3},
		{"the device, not the longest", place{"/a/b/x", "8:4", 0}, 5},
		{"a hidden one, by its device", place{"/a/x", "8:2", 0}, 2},
		{"no such device: the longest", place{"/a/b", "0:77", 0}, 3},
		{"no such device: the last of the longest", place{"/a/x", "0:77", 0}, 5},
		{"no such device: a subvolume", place{"/c/d", "0:31", 0}, 6},
		{"a name that only begins like it", place{"/ab", "0:77", 0}, 1},
		{"the root", place{"/", "8:1", 0}, 1},
	} {
		if got, ok := findMount(mounts, tt.at); !ok || got.id != tt.want {
			t.Errorf("%s: got %d, %v; want %d", tt.name, got.id, ok, tt.want)
		}
	}
	if got, ok := findMount(mounts[1:], place{"/x", "8:1", 0}); ok {
		t.Errorf("nothing above: got %+v", got)
	}
}
