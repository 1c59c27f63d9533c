package host

import (
	"errors"
	"net/netip"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
	"copylab/results/measured"
)

// interfaces asks one network namespace for its interfaces, through rtnetlink(7) and ethtool. Not through /sys/class/net: that
// shows the namespace in which sysfs was mounted, whoever looks.
type interfaces struct {
	links   *netlink.Handle
	drivers *kernel.Ethtool
}

// openInterfaces asks the calling thread's namespace.
func openInterfaces() (*interfaces, error) {
	runtime.LockOSThread() // both sockets belong to the namespace of the thread that makes them
	defer runtime.UnlockOSThread()
	links, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	drivers, err := kernel.OpenEthtool()
	if err != nil {
		links.Close()
		return nil, err
	}
	return &interfaces{links, drivers}, nil
}

func (i *interfaces) close() error {
	i.links.Close()
	return i.drivers.Close()
}

// dumpTries bounds how often a list is asked for that changed while the kernel wrote it.
const dumpTries = 5

func listNICs() (all []NIC, err error) {
	i, err := openInterfaces()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, i.close()) }()
	var found []netlink.Link
	for range dumpTries {
		if found, err = i.links.LinkList(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	for _, l := range found {
		if flags := l.Attrs().RawFlags; flags&unix.IFF_UP != 0 && flags&unix.IFF_LOOPBACK == 0 {
			all = append(all, i.nic(l.Attrs()))
		}
	}
	return all, nil
}

func nicByName(name string) (nic NIC, err error) {
	i, err := openInterfaces()
	if err != nil {
		return NIC{}, err
	}
	defer func() { err = errors.Join(err, i.close()) }()
	l, err := i.links.LinkByName(name)
	if err != nil {
		return NIC{}, err
	}
	return i.nic(l.Attrs()), nil
}

func nicTowards(addr netip.Addr) (nic NIC, err error) {
	i, err := openInterfaces()
	if err != nil {
		return NIC{}, err
	}
	defer func() { err = errors.Join(err, i.close()) }()
	routes, err := i.links.RouteGet(addr.AsSlice())
	if err != nil {
		return NIC{}, err
	}
	if len(routes) == 0 {
		return NIC{}, errors.New("the kernel names no route")
	}
	l, err := i.links.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return NIC{}, err
	}
	return i.nic(l.Attrs()), nil
}

func (i *interfaces) nic(l *netlink.LinkAttrs) NIC {
	nic := unknownNIC(l.Name, "not asked for")
	nic.MTUBytes = measured.Known(int64(l.MTU))
	driver, err := i.drivers.Driver(l.Name)
	if err != nil {
		driver = unavailable("%s", untold(err))
	}
	nic.Driver = driver
	nic.SpeedGbits = i.speed(l.Name, driver)
	nic.TxQueues, nic.RxQueues = i.queues(l)
	if on, err := i.drivers.Features(l.Name); err != nil {
		none := unknownNIC("", untold(err))
		nic.SG, nic.TSO, nic.GSO, nic.GRO, nic.TxChecksum, nic.RxChecksum = none.SG, none.TSO, none.GSO, none.GRO, none.TxChecksum, none.RxChecksum
	} else {
		nic.setFeatures(on)
	}
	return nic
}

// speed is what the driver says, but for drivers that say the same of every interface and keep none to it
// (drivers/net/veth.c, drivers/net/tun.c).
func (i *interfaces) speed(name, driver string) measured.Float {
	mbits, err := i.drivers.Speed(name)
	switch {
	case err != nil:
		return measured.Unavailable[float64]("%s", untold(err))
	case driver == "veth" || driver == "tun":
		return measured.Unavailable[float64]("%s names %d Mbit/s for form's sake and is bound by the processor only", driver, mbits)
	case mbits == 0 || mbits == kernel.SpeedUnknown:
		return measured.Unavailable[float64]("the driver does not know it")
	}
	return measured.Known(float64(mbits) / 1000)
}

// queues are those in use. rtnetlink knows only how many there is room for, which is the same where there is room for one.
func (i *interfaces) queues(l *netlink.LinkAttrs) (tx, rx measured.Int) {
	t, r, err := i.drivers.Queues(l.Name)
	if err == nil {
		return measured.Known(t), measured.Known(r)
	}
	from := func(room int) measured.Int {
		if room == 1 {
			return measured.Known(int64(room))
		}
		return measured.Unavailable[int64]("%s", untold(err))
	}
	return from(l.NumTxQueues), from(l.NumRxQueues)
}

// untold is why a driver gave no answer.
func untold(err error) string {
	if errors.Is(err, unix.EOPNOTSUPP) {
		return "the driver does not tell"
	}
	return err.Error()
}
