package kerneltest

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
)

// entry is what an archive says of a file.
type entry struct {
	name                string
	mode, major, minor  uint64
	content             string
	inode, links, bytes uint64
}

// readCPIO reads an archive as the kernel does: every header and every content begins at a multiple of 4.
func readCPIO(t *testing.T, archive []byte) []entry {
	t.Helper()
	var entries []entry
	for at := 0; at < len(archive); {
		if len(archive)-at < 110 || string(archive[at:at+6]) != "070701" {
			t.Fatalf("at %d: no header", at)
		}
		var field [13]uint64
		for i := range field {
			n, err := strconv.ParseUint(string(archive[at+6+8*i:at+14+8*i]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			field[i] = n
		}
		size, nameSize := int(field[6]), int(field[11])
		name := archive[at+110 : at+110+nameSize]
		if name[nameSize-1] != 0 {
			t.Fatalf("at %d: the name %q does not end", at, name)
		}
		begin := (at + 110 + nameSize + 3) &^ 3
		entries = append(entries, entry{
			name: string(name[:nameSize-1]), mode: field[1], major: field[9], minor: field[10],
			content: string(archive[begin : begin+size]), inode: field[0], links: field[4], bytes: field[6],
		})
		at = (begin + size + 3) &^ 3
	}
	return entries
}

func TestInitramfs(t *testing.T) {
	var b bytes.Buffer
	a := NewInitramfs(&b)
	a.Device("/dev/console", 5, 1)
	a.File("init", 0o755, []byte("program"))
	a.File("/a/b/c", 0o644, nil)
	a.File("/a/b/d", 0o644, []byte("1234"))
	a.Folder("/a/b")
	a.Folder("/")
	a.Folder("empty/")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	inodes := map[uint64]bool{}
	for _, e := range readCPIO(t, b.Bytes()) {
		got = append(got, fmt.Sprintf("%s %o %d:%d %q", e.name, e.mode, e.major, e.minor, e.content))
		if inodes[e.inode] {
			t.Errorf("%s has the inode of another: the kernel would make a link", e.name)
		}
		inodes[e.inode] = true
	}
	want := []string{
		`dev 40755 0:0 ""`,
		`dev/console 20600 5:1 ""`,
		`init 100755 0:0 "program"`,
		`a 40755 0:0 ""`,
		`a/b 40755 0:0 ""`,
		`a/b/c 100644 0:0 ""`,
		`a/b/d 100644 0:0 "1234"`,
		`empty 40755 0:0 ""`,
		`TRAILER!!! 0 0:0 ""`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, fmt.Errorf("disk is full") }

func TestInitramfsTellsOfErrors(t *testing.T) {
	a := NewInitramfs(full{})
	a.File("init", 0o755, nil)
	if err := a.Close(); err == nil || err.Error() != "disk is full" {
		t.Errorf("Close: %v", err)
	}
}
