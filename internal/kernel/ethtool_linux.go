package kernel

import (
	"bytes"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ethtool asks the drivers of one network namespace's interfaces what they are and what they do for the processor, and tells
// them: ioctl(2) with SIOCETHTOOL (linux/ethtool.h, net/ethtool/ioctl.c). Asking needs no privilege, telling CAP_NET_ADMIN.
//
// A driver that does not answer a question gives EOPNOTSUPP, a name that no interface has ENODEV.
type Ethtool struct{ socket int }

// OpenEthtool opens it on the calling thread's network namespace, and keeps to that one whichever thread asks later.
func OpenEthtool() (*Ethtool, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a socket to ask network interfaces: socket: %w", err)
	}
	return &Ethtool{socket: fd}, nil
}

// Close gives the socket back, and with it the hold on the namespace.
func (e *Ethtool) Close() error {
	if err := unix.Close(e.socket); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}

// Driver is the name of the interface's driver: virtio_net, veth, ….
func (e *Ethtool) Driver(name string) (string, error) {
	info, err := unix.IoctlGetEthtoolDrvinfo(e.socket, name)
	if err != nil {
		return "", fmt.Errorf("ioctl ETHTOOL_GDRVINFO: %w", err)
	}
	return unix.ByteSliceToString(info.Driver[:]), nil
}

// SpeedUnknown is what Speed returns where the driver does not know: linux/ethtool.h.
const SpeedUnknown = 0xffffffff

// Speed is the interface's speed in Mbit/s as the driver says, 0 or SpeedUnknown where it has none to say.
func (e *Ethtool) Speed(name string) (uint32, error) {
	// struct ethtool_link_settings: its 12 words, of which only the speed is looked at, and three masks after them.
	const header, speedAt = 12, 1
	const wordsAt = 15 // of the bytes: link_mode_masks_nwords
	settings := make([]uint32, header)
	settings[0] = unix.ETHTOOL_GLINKSETTINGS
	if err := e.ioctl(name, settings); err != nil {
		return 0, fmt.Errorf("ioctl ETHTOOL_GLINKSETTINGS: %w", err)
	}
	// Asked with masks of no length the kernel answers with theirs, negated, and wants to be asked again.
	words := -int(int8(asBytes(settings)[wordsAt]))
	if words <= 0 {
		return 0, fmt.Errorf("ioctl ETHTOOL_GLINKSETTINGS: the kernel wants masks of %d words", words)
	}
	settings = make([]uint32, header+3*words)
	settings[0] = unix.ETHTOOL_GLINKSETTINGS
	asBytes(settings)[wordsAt] = byte(words)
	if err := e.ioctl(name, settings); err != nil {
		return 0, fmt.Errorf("ioctl ETHTOOL_GLINKSETTINGS: %w", err)
	}
	return settings[speedAt], nil
}

// Queues are how many queues the interface sends and receives with.
func (e *Ethtool) Queues(name string) (tx, rx int64, err error) {
	// struct ethtool_channels: cmd, the most of each kind (rx, tx, other, combined), and then how many there are.
	channels := make([]uint32, 9)
	channels[0] = unix.ETHTOOL_GCHANNELS
	if err := e.ioctl(name, channels); err != nil {
		return 0, 0, fmt.Errorf("ioctl ETHTOOL_GCHANNELS: %w", err)
	}
	combined := int64(channels[8])
	return int64(channels[6]) + combined, int64(channels[5]) + combined, nil
}

// Features are all features that the kernel knows, by its own names (net/ethtool/common.c), and whether each is on.
func (e *Ethtool) Features(name string) (map[string]bool, error) {
	names, err := e.featureNames(name)
	if err != nil {
		return nil, err
	}
	// struct ethtool_gfeatures: cmd, number of blocks, and for 32 features each: available, requested, active, never changed.
	const header, block, active = 2, 4, 2
	blocks := (len(names) + 31) / 32
	answer := make([]uint32, header+block*blocks)
	answer[0], answer[1] = unix.ETHTOOL_GFEATURES, uint32(blocks)
	if err := e.ioctl(name, answer); err != nil {
		return nil, fmt.Errorf("ioctl ETHTOOL_GFEATURES: %w", err)
	}
	on := make(map[string]bool, len(names))
	for i, feature := range names {
		if feature != "" {
			on[feature] = answer[header+block*(i/32)+active]>>(i%32)&1 == 1
		}
	}
	return on, nil
}

// ChangeFeatures asks for features to be on or off, all at once. No error does not mean that they are: the kernel drops what the
// driver can't do and what depends on a feature that is off. Features tells. A name that this kernel does not know is an error.
func (e *Ethtool) ChangeFeatures(name string, want map[string]bool) error {
	names, err := e.featureNames(name)
	if err != nil {
		return err
	}
	// struct ethtool_sfeatures: cmd, number of blocks, and for 32 features each: which are meant, and which of them are wanted.
	const header, block = 2, 2
	blocks := (len(names) + 31) / 32
	request := make([]uint32, header+block*blocks)
	request[0], request[1] = unix.ETHTOOL_SFEATURES, uint32(blocks)
	found := 0
	for i, feature := range names {
		on, meant := want[feature]
		if !meant || feature == "" {
			continue
		}
		found++
		request[header+block*(i/32)] |= 1 << (i % 32)
		if on {
			request[header+block*(i/32)+1] |= 1 << (i % 32)
		}
	}
	if found != len(want) {
		return fmt.Errorf("change features of %s: the kernel knows %d of the %d: %v", name, found, len(want), want)
	}
	if err := e.ioctl(name, request); err != nil {
		return fmt.Errorf("ioctl ETHTOOL_SFEATURES: %w", err)
	}
	return nil
}

// featureNames lists the kernel's names of features in the order of their bits; a bit without a name has "".
func (e *Ethtool) featureNames(name string) ([]string, error) {
	const setOfFeatures = 4 // ETH_SS_FEATURES
	// struct ethtool_sset_info: cmd, reserved, a mask of 64 bits, and one count.
	info := struct {
		cmd, reserved uint32
		mask          uint64
		count, _      uint32
	}{cmd: unix.ETHTOOL_GSSET_INFO, mask: 1 << setOfFeatures}
	if err := e.call(name, unsafe.Pointer(&info)); err != nil {
		return nil, fmt.Errorf("ioctl ETHTOOL_GSSET_INFO: %w", err)
	}
	const most = 1 << 12 // far more than any kernel has
	if info.mask == 0 || info.count == 0 || info.count > most {
		return nil, fmt.Errorf("ioctl ETHTOOL_GSSET_INFO: the kernel names %d features", info.count)
	}
	// struct ethtool_gstrings: cmd, the set, the count, and so many strings of fixed length.
	const header, length = 3, 32
	answer := make([]uint32, header+int(info.count)*length/4)
	answer[0], answer[1], answer[2] = unix.ETHTOOL_GSTRINGS, setOfFeatures, info.count
	if err := e.ioctl(name, answer); err != nil {
		return nil, fmt.Errorf("ioctl ETHTOOL_GSTRINGS: %w", err)
	}
	names := make([]string, info.count)
	text := asBytes(answer[header:])
	for i := range names {
		one, _, _ := bytes.Cut(text[i*length:(i+1)*length], []byte{0})
		names[i] = string(one)
	}
	return names, nil
}

func (e *Ethtool) ioctl(name string, words []uint32) error {
	return e.call(name, unsafe.Pointer(unsafe.SliceData(words)))
}

// call asks one question. What it points to stays a pointer until the kernel has it, so that the runtime can move a
// stack in between.
func (e *Ethtool) call(name string, question unsafe.Pointer) error {
	// struct ifreq, whose union is larger than the one pointer that is used here.
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: question}
	if len(name) >= len(request.name) {
		return unix.ENODEV
	}
	copy(request.name[:], name)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(e.socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return errno
	}
	return nil
}

func asBytes(words []uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 4*len(words))
}
