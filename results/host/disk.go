package host

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"copylab/internal/kernel"
	"copylab/results/measured"
)

// DiskUnder describes the filesystem and the block device under the folder dir. What can't be found out says so in its
// field; an error means that there is no such folder.
//
// Device is the disk whose counters tell what happened: the whole disk, not the partition, since the kernel counts
// flushes only there (block/blk-flush.c), and the disk below a stack of device-mapper or md devices where it is a single
// one, since those count no flushes at all.
func DiskUnder(dir string) (Disk, error) { return System().DiskUnder(dir) }

// DiskUnder is the function of that name on this FS.
func (fs FS) DiskUnder(dir string) (Disk, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return Disk{}, fmt.Errorf("find the disk under a folder: %w", err)
	}
	if !info.IsDir() {
		return Disk{}, fmt.Errorf("find the disk under a folder: %s is not a folder", dir)
	}
	d, err := fs.diskUnder(dir)
	if err != nil {
		return Disk{}, fmt.Errorf("find the disk under %s: %w", dir, err)
	}
	if free, total, err := FreeSpace(dir); err != nil {
		d.SizeBytes, d.FreeBytes = noInt(err), noInt(err)
	} else {
		d.SizeBytes, d.FreeBytes = measured.Known(total), measured.Known(free)
	}
	d.DirectMemAlign, d.DirectOffsetAlign = directAlignment(dir)
	return d, nil
}

// directAlignment is what O_DIRECT asks on files in dir. The kernel tells it of a file, so that one is made and removed.
func directAlignment(dir string) (memory, offset measured.Int) {
	f, err := unnamedFile(dir)
	if err != nil {
		return noInt(err), noInt(err)
	}
	m, o, _, err := kernel.DirectAlignment(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return noInt(err), noInt(err)
	}
	return measured.Known(m), measured.Known(o)
}

// unknownDisk is a Disk whose every word says why it is not known.
func unknownDisk(folder, why string) Disk {
	none := unavailable("%s", why)
	return Disk{
		Folder: folder, MountPoint: none, Filesystem: none, MountOptions: none, Why: why,
		Model: none, Scheduler: none, WriteCache: none, FUA: none, Rotational: none, CapacityBytes: measured.Unavailable[int64]("%s", why),
		LogicalBlock: measured.Unavailable[int64]("%s", why), PhysicalBlock: measured.Unavailable[int64]("%s", why),
	}
}

// diskAt describes the disk under a place. locate finds the place of another folder, for overlay filesystems.
func (fs FS) diskAt(at place, locate func(string) (place, error)) Disk {
	mounts, err := fs.mounts()
	if err != nil {
		return unknownDisk(at.path, why(err))
	}
	m, ok := findMount(mounts, at)
	if !ok {
		return unknownDisk(at.path, "no mount point in /proc/self/mountinfo is above the folder")
	}
	name, whyNot := fs.blockDevice(mounts, m, locate)
	d := unknownDisk(at.path, whyNot)
	d.MountPoint, d.Filesystem = m.point, m.fstype
	d.InMemory = inMemory(m.fstype)
	if m.fstype == "overlay" {
		if below, whyNot := overlayUpper(mounts, m, locate); whyNot == "" {
			d.Filesystem += " over " + below.fstype
			d.InMemory = inMemory(below.fstype)
		}
	}
	d.MountOptions = m.options
	if m.super != "" {
		d.MountOptions += "; " + m.super
	}
	if name == "" {
		return d
	}
	fs.describe(&d, name)
	return d
}

// inMemory tells whether a filesystem has no disk: Documentation/filesystems/tmpfs.rst, ramfs-rootfs-initramfs.rst.
func inMemory(fstype string) bool {
	return slices.Contains([]string{"tmpfs", "ramfs", "rootfs", "devtmpfs", "hugetlbfs"}, fstype)
}

// blockDevice names the block device that a mount's files are on, or says why there is none.
func (fs FS) blockDevice(mounts []mount, m mount, locate func(string) (place, error)) (name, whyNot string) {
	if !strings.HasPrefix(m.device, "0:") {
		target, err := os.Readlink(fs.sys("dev/block", m.device))
		if err != nil {
			return "", fmt.Sprintf("the device %s of %s can't be found: %s", m.device, m.point, why(err))
		}
		return filepath.Base(target), ""
	}
	switch {
	case inMemory(m.fstype):
		return "", fmt.Sprintf("%s keeps its files in memory", m.fstype)
	case m.fstype == "overlay":
		return fs.overlayDevice(mounts, m, locate)
	case m.fstype == "zfs":
		return "", fmt.Sprintf("zfs does not tell which disks the pool of %s is on", m.source)
	}
	if !strings.HasPrefix(m.source, "/dev/") {
		return "", fmt.Sprintf("%s from %q is not on a block device of this machine", m.fstype, m.source)
	}
	name, err := fs.deviceOf(m.source)
	if err != nil {
		return "", fmt.Sprintf("the block device of %s can't be found: %s", m.point, why(err))
	}
	if m.fstype == "btrfs" {
		if all := fs.btrfsDevices(name); len(all) > 1 {
			return "", fmt.Sprintf("btrfs on %s spreads over %d devices (%s), and the counters of one don't tell what it did",
				m.source, len(all), strings.Join(all, ", "))
		}
	}
	return name, ""
}

// overlayUpper is the mount that an overlay filesystem writes to, where this process can see it. In most containers it can't: the option
// names a path of the host.
func overlayUpper(mounts []mount, m mount, locate func(string) (place, error)) (below mount, whyNot string) {
	upper, ok := m.option("upperdir")
	if !ok {
		return mount{}, "overlay without an upper folder: nothing can be written, and what is read comes from several places"
	}
	upper, err := unescape(upper)
	if err != nil {
		return mount{}, fmt.Sprintf("overlay writes to a folder whose name can't be read: %v", err)
	}
	at, err := locate(upper)
	if err != nil {
		return mount{}, fmt.Sprintf("overlay writes to %s, which can't be seen from here; use a folder on a disk, such as a bind mount or a volume", upper)
	}
	below, ok = findMount(mounts, at)
	if !ok || below.fstype == "overlay" {
		return mount{}, fmt.Sprintf("overlay writes to %s, whose disk can't be found", upper)
	}
	return below, ""
}

// overlayDevice is the block device of an overlay filesystem's upper folder.
func (fs FS) overlayDevice(mounts []mount, m mount, locate func(string) (place, error)) (name, whyNot string) {
	below, whyNot := overlayUpper(mounts, m, locate)
	if whyNot != "" {
		return "", whyNot
	}
	return fs.blockDevice(mounts, below, locate)
}

// deviceOf finds the kernel's name of a device file such as /dev/mapper/vg-root.
func (fs FS) deviceOf(source string) (string, error) {
	name := filepath.Base(source)
	// A link in /dev (mapper, disk/by-uuid) leads to the name. In containers /dev often lacks it.
	if target, err := os.Readlink(fs.root(source)); err == nil {
		name = filepath.Base(target)
	}
	if exists(fs.sys("class/block", name)) {
		return name, nil
	}
	entries, err := os.ReadDir(fs.sys("class/block"))
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if w, err := word(fs.sys("class/block", e.Name(), "dm/name")); err == nil && w == name {
			return e.Name(), nil
		}
	}
	return "", fmt.Errorf("no block device is named %s: %w", name, iofs.ErrNotExist)
}

// btrfsDevices lists the devices of the btrfs filesystem that name belongs to; /sys/fs/btrfs/UUID/devices has them.
func (fs FS) btrfsDevices(name string) []string {
	entries, err := os.ReadDir(fs.sys("fs/btrfs"))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		devices, err := os.ReadDir(fs.sys("fs/btrfs", e.Name(), "devices"))
		if err != nil {
			continue
		}
		var names []string
		for _, d := range devices {
			names = append(names, d.Name())
		}
		if slices.Contains(names, name) {
			return names
		}
	}
	return nil
}

// wholeDisk is the disk of a partition, and any other device itself. The folder of a partition lies in its disk's.
func (fs FS) wholeDisk(name string) string {
	if !exists(fs.sys("class/block", name, "partition")) {
		return name
	}
	target, err := os.Readlink(fs.sys("class/block", name))
	if err != nil {
		return name
	}
	return filepath.Base(filepath.Dir(target))
}

// disksBelow lists the whole disks that a device is built on; a disk that is built on nothing is its own.
func (fs FS) disksBelow(name string, depth int) []string {
	disk := fs.wholeDisk(name)
	slaves, err := os.ReadDir(fs.sys("class/block", disk, "slaves"))
	if err != nil || len(slaves) == 0 || depth == 0 {
		return []string{disk}
	}
	var disks []string
	for _, s := range slaves {
		for _, d := range fs.disksBelow(s.Name(), depth-1) {
			if !slices.Contains(disks, d) {
				disks = append(disks, d)
			}
		}
	}
	slices.Sort(disks)
	return disks
}

// describe fills in what sysfs tells of the block device name, on which the filesystem is (Documentation/ABI/stable/sysfs-block).
func (fs FS) describe(d *Disk, name string) {
	const deepest = 16 // no stack of devices is; it ends a loop in a broken sysfs
	below := fs.disksBelow(name, deepest)
	if len(below) == 1 {
		d.Device = below[0]
	} else {
		d.Device = fs.wholeDisk(name)
	}
	d.Why = ""
	if name != d.Device {
		d.Partition = name
		if alias, err := word(fs.sys("class/block", name, "dm/name")); err == nil && alias != "" {
			d.Partition = fmt.Sprintf("%s (%s)", name, alias)
		}
	}
	at := fs.sys("class/block", d.Device)
	d.Model = fs.model(d.Device)
	if len(below) > 1 {
		d.Model = fmt.Sprintf("%s over %s", d.Device, strings.Join(below, ", "))
	}
	d.Scheduler = selectedOr(filepath.Join(at, "queue/scheduler"))
	d.WriteCache = wordOr(filepath.Join(at, "queue/write_cache"))
	d.FUA = wordOr(filepath.Join(at, "queue/fua"))
	d.Rotational = wordOr(filepath.Join(at, "queue/rotational"))
	d.CapacityBytes = number(filepath.Join(at, "size"), sectorBytes)
	d.LogicalBlock = number(filepath.Join(at, "queue/logical_block_size"), 1)
	d.PhysicalBlock = number(filepath.Join(at, "queue/physical_block_size"), 1)
}

// model is what the device calls itself. SCSI, ATA and NVMe disks have a model, MMC cards a name; a loop device
// is known by its file. Virtual disks have none.
func (fs FS) model(device string) string {
	at := fs.sys("class/block", device)
	if file, err := word(filepath.Join(at, "loop/backing_file")); err == nil && file != "" {
		return "loop device over " + file
	}
	vendor, _ := word(filepath.Join(at, "device/vendor")) // often absent, or a PCI number
	for _, file := range []string{"device/model", "device/name"} {
		model, err := word(filepath.Join(at, file))
		if err != nil || model == "" {
			continue
		}
		if vendor != "" && vendor != "ATA" && !strings.HasPrefix(vendor, "0x") {
			return vendor + " " + model
		}
		return model
	}
	if driver, err := os.Readlink(filepath.Join(at, "device/driver")); err == nil {
		return unavailable("the driver %s names no model", filepath.Base(driver))
	}
	return unavailable("%s has no model in sysfs", device)
}

// noFlushes says why the kernel counts no flushes on a device, or "" where it does. It counts them only where it takes
// requests from a queue of its own, which sysfs shows as the folder mq. Device-mapper, md, zram and NVMe multipath
// devices pass I/O on instead (block/blk-flush.c, blk_account_io_flush).
func (fs FS) noFlushes(device string) string {
	_, err := os.Stat(fs.sys("class/block", device, "mq"))
	switch {
	case err == nil:
		return ""
	case errors.Is(err, iofs.ErrNotExist):
		return fmt.Sprintf("the kernel counts no flushes on %s, which has no request queue of its own", device)
	}
	return fmt.Sprintf("whether flushes are counted on %s can't be told: %v", device, err)
}
