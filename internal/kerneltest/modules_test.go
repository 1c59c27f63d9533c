package kerneltest

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"testing/fstest"
)

// module is an ELF file with nothing but a section .modinfo.
func module(t *testing.T, info string) []byte {
	t.Helper()
	const names = "\x00.modinfo\x00.shstrtab\x00"
	type section struct {
		Name, Type                   uint32
		Flags, Address, Offset, Size uint64
		Link, Info                   uint32
		Align, EntrySize             uint64
	}
	const header = 64
	var b bytes.Buffer
	for _, v := range []any{
		[16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, uint16(1) /* relocatable */, uint16(62) /* x86-64 */, uint32(1),
		uint64(0), uint64(0), uint64(header + len(info) + len(names)), uint32(0),
		uint16(header), uint16(0), uint16(0), uint16(64), uint16(3), uint16(2),
		[]byte(info), []byte(names),
		section{},
		section{Name: 1, Type: 1, Offset: header, Size: uint64(len(info)), Align: 1},
		section{Name: 10, Type: 3, Offset: uint64(header + len(info)), Size: uint64(len(names)), Align: 1},
	} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestModules(t *testing.T) {
	file := func(info string) *fstest.MapFile { return &fstest.MapFile{Data: module(t, info)} }
	kernel := fstest.MapFS{
		"lib/modules/6/kernel/net/tls.ko":                file("license=GPL\x00alias=tcp-ulp-tls\x00depends=\x00name=tls\x00"),
		"lib/modules/6/kernel/drivers/virtio_blk.ko":     file("depends=virtio,virtio-ring\x00"),
		"lib/modules/6/kernel/drivers/virtio.ko":         file("depends=\x00"),
		"lib/modules/6/kernel/drivers/virtio_ring.ko":    file("depends=virtio\x00"),
		"lib/modules/6/kernel/crypto/aesni-intel.ko":     file("softdep=pre: cryptd gone post: later\x00depends=\x00"),
		"lib/modules/6/kernel/crypto/cryptd.ko":          file("depends=\x00"),
		"lib/modules/6/kernel/crypto/later.ko":           file("depends=\x00"),
		"lib/modules/6/kernel/drivers/needs-itself.ko":   file("depends=needs_itself\x00"),
		"lib/modules/6/kernel/drivers/not-a-module.ko.c": {Data: []byte("text")},
	}
	files, missing, err := Modules(kernel, []string{"virtio_blk", "ext4", "aesni_intel", "tls", "virtio", "needs_itself"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"drivers/virtio.ko", "drivers/virtio_ring.ko", "drivers/virtio_blk.ko", "crypto/cryptd.ko", "crypto/aesni-intel.ko", "net/tls.ko", "drivers/needs-itself.ko",
	}
	for i := range want {
		want[i] = "lib/modules/6/kernel/" + want[i]
	}
	if !slices.Equal(files, want) {
		t.Errorf("files %q, want %q", files, want)
	}
	if want := []string{"ext4", "gone"}; !slices.Equal(missing, want) {
		t.Errorf("missing %q, want %q", missing, want)
	}
}

func TestModulesRefusesWhatIsNone(t *testing.T) {
	for _, content := range [][]byte{nil, []byte("text"), module(t, "depends=a\x00")[:70]} {
		if files, _, err := Modules(fstest.MapFS{"a.ko": {Data: content}}, []string{"a"}); err == nil {
			t.Errorf("%d bytes are a module: %q", len(content), files)
		}
	}
}
