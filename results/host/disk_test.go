package host

import (
	"errors"
	iofs "io/fs"
	"strings"
	"testing"
)

// Every layout of mounts and devices leads to the disk whose counters tell what happened, or to the reason why none does.
func TestDiskAt(t *testing.T) {
	seen := func(path string) (place, error) {
		if strings.HasPrefix(path, "/var/lib/docker") {
			return place{}, iofs.ErrNotExist
		}
		return place{path: path, device: "0:99"}, nil // btrfs subvolumes have a device that no mount shows
	}
	for _, tt := range []struct {
		name, fixture string
		at            place
		point, fstype string
		device, part  string
		model         string // a part of it
		scheduler     string
		why           string // a part of it
		inMemory      bool
		flushes       bool
	}{
		{"whole virtio disk", "virtio", place{path: "/data/x", device: "254:0"}, "/", "ext4", "vda", "", "unavailable: the driver virtio_blk", "mq-deadline", "", false, true},
		{"tmpfs over tmpfs: the mount's number", "virtio", place{path: "/dev/shm", device: "0:23", mount: 25}, "/dev/shm", "tmpfs", "", "", "", "", "in memory", true, false},
		{"tmpfs over tmpfs: the last", "virtio", place{path: "/dev/shm/a", device: "0:27"}, "/dev/shm", "tmpfs", "", "", "", "", "in memory", true, false},
		{"name that only begins like a mount point", "virtio", place{path: "/dev/shmoo", device: "254:0"}, "/", "ext4", "vda", "", "virtio_blk", "mq-deadline", "", false, true},
		{"NVMe partition", "nvme", place{path: "/var/tmp", device: "259:2"}, "/", "ext4", "nvme0n1", "nvme0n1p2", "Example SSD 1TB", "none", "", false, true},
		{"escaped space", "nvme", place{path: "/home/my data/x", device: "259:3"}, "/home/my data", "xfs", "nvme0n1", "nvme0n1p3", "Example SSD 1TB", "none", "", false, true},
		{"bind mount", "nvme", place{path: "/srv/bind", device: "259:3"}, "/srv/bind", "xfs", "nvme0n1", "nvme0n1p3", "Example SSD 1TB", "none", "", false, true},
		{"LVM on LUKS on one disk", "stacked", place{path: "/var", device: "253:1"}, "/", "ext4", "sda", "dm-1 (vg-root)", "EXAMPLE HDD 7200", "bfq", "", false, true},
		{"RAID over two disks", "stacked", place{path: "/raid/x", device: "9:0"}, "/raid", "ext4", "md0", "", "md0 over sda, sdb", "none", "", false, false},
		{"LVM over two disks", "stacked", place{path: "/striped", device: "253:5"}, "/striped", "xfs", "dm-5", "", "dm-5 over sda, sdb", "none", "", false, false},
		{"btrfs subvolume", "anonymous", place{path: "/home/ann", device: "0:99"}, "/home", "btrfs", "sda", "dm-3 (luks-home)", "", "", "", false, true},
		{"btrfs over two devices", "anonymous", place{path: "/pool", device: "0:44"}, "/pool", "btrfs", "", "", "", "", "2 devices (sdb, sdc)", false, false},
		{"overlay whose upper folder is seen", "anonymous", place{path: "/merged/x", device: "0:50"}, "/merged", "overlay over btrfs", "sda", "dm-3 (luks-home)", "", "", "", false, true},
		{"overlay of a container", "anonymous", place{path: "/container", device: "0:51"}, "/container", "overlay", "", "", "", "", "/var/lib/docker/overlay2/abc/diff, which can't be seen", false, false},
		{"overlay that is read-only", "anonymous", place{path: "/live", device: "0:52"}, "/live", "overlay", "", "", "", "", "without an upper folder", false, false},
		{"zfs", "anonymous", place{path: "/tank", device: "0:60"}, "/tank", "zfs", "", "", "", "", "tank/data", false, false},
		{"NFS", "anonymous", place{path: "/nfs/home", device: "0:61"}, "/nfs", "nfs4", "", "", "", "", "not on a block device", false, false},
		{"9p", "anonymous", place{path: "/host", device: "0:62"}, "/host", "9p", "", "", "", "", "not on a block device", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := fixture(t, tt.fixture)
			d := fs.diskAt(tt.at, seen)
			if d.Folder != tt.at.path || d.MountPoint != tt.point || d.Filesystem != tt.fstype || d.Device != tt.device || d.Partition != tt.part || d.InMemory != tt.inMemory {
				t.Errorf("got %+v", d)
			}
			if !strings.Contains(d.Model, tt.model) || tt.scheduler != "" && d.Scheduler != tt.scheduler {
				t.Errorf("model %q, scheduler %q", d.Model, d.Scheduler)
			}
			if (d.Why == "") != (tt.device != "") || !strings.Contains(d.Why, tt.why) {
				t.Errorf("why is %q beside the device %q", d.Why, d.Device)
			}
			if d.Device == "" {
				if !strings.HasPrefix(d.WriteCache, "unavailable: ") || d.LogicalBlock.Why() == "" {
					t.Errorf("there is no device, but a write cache %q and blocks of %v", d.WriteCache, d.LogicalBlock)
				}
				return
			}
			if got := fs.noFlushes(d.Device) == ""; got != tt.flushes {
				t.Errorf("counts flushes: %v, want %v", got, tt.flushes)
			}
		})
	}
}

func TestDiskAttributes(t *testing.T) {
	d := fixture(t, "nvme").diskAt(place{path: "/", device: "259:2"}, nil)
	if d.WriteCache != "write back" || d.FUA != "1" || d.Rotational != "0" || d.MountOptions != "rw,relatime; rw,errors=remount-ro" {
		t.Errorf("got %+v", d)
	}
	logical, ok1 := d.LogicalBlock.Get()
	physical, ok2 := d.PhysicalBlock.Get()
	if !ok1 || !ok2 || logical != 512 || physical != 512 {
		t.Errorf("blocks: %v and %v", d.LogicalBlock, d.PhysicalBlock)
	}
}

func TestDiskWithoutKernelFiles(t *testing.T) {
	none := t.TempDir()
	d := FS{Proc: none, Sys: none, Root: none}.diskAt(place{path: "/x", device: "8:1"}, nil)
	if d.Device != "" || d.Why == "" || !strings.HasPrefix(d.Filesystem, "unavailable: ") {
		t.Errorf("no mountinfo: got %+v", d)
	}
	fs := fixture(t, "nvme")
	fs.Sys = none
	d = fs.diskAt(place{path: "/x", device: "259:2"}, nil)
	if d.Device != "" || !strings.Contains(d.Why, "259:2") || d.Filesystem != "ext4" || d.MountPoint != "/" {
		t.Errorf("no sysfs: got %+v", d)
	}
}

// A device file is found by its link, and where /dev lacks the link by the name that device-mapper gave it.
func TestDeviceOf(t *testing.T) {
	fs := fixture(t, "anonymous")
	for _, root := range []string{fs.Root, t.TempDir()} {
		fs.Root = root
		if got, err := fs.deviceOf("/dev/mapper/luks-home"); got != "dm-3" || err != nil {
			t.Errorf("got %q, %v; want dm-3", got, err)
		}
	}
	if got, err := fs.deviceOf("/dev/sdz"); got != "" || !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("no such device: got %q, %v", got, err)
	}
}

func TestDiskUnderMissingFolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := DiskUnder(dir + "/none"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
