package kernel

import (
	"strings"
	"testing"
)

func TestOverlayUpper(t *testing.T) {
	const mounts = `21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
34 21 0:40 / /merged rw,relatime shared:7 master:2 - overlay overlay rw,lowerdir=/l,upperdir=/with\040space/up\054per,workdir=/w,volatile
35 21 0:41 / /plain rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/upper,workdir=/w,uuid=on
36 21 0:42 / /read rw,relatime - overlay overlay rw,lowerdir=/l:/m
`
	for _, tt := range []struct {
		id       uint64
		upper    string
		volatile bool
		err      string
	}{
		{34, "/with space/up,per", true, ""},
		{35, "/upper", false, ""},
		{36, "", false, "no folder that is written to"},
		{21, "", false, "no overlay"},
		{3, "", false, "no mount 3"},
	} {
		upper, volatile, err := overlayUpper(mounts, tt.id)
		if upper != tt.upper || volatile != tt.volatile || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%d: got %q, %v, %v; want %+v", tt.id, upper, volatile, err, tt)
		}
	}
	if upper, _, err := OverlayUpper("/proc/self"); err == nil {
		t.Errorf("/proc is an overlay of %s", upper)
	}
}
