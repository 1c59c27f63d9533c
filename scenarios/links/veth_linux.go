package links

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/host"
	"copylab/results/measured"
)

// The names and the addresses of the ends. They are the same in every link, since no namespace sees another's. The network is from
// 198.18.0.0/15, which is set aside for measurements (RFC 2544), so that it can't be one that the machine is connected to.
const (
	senderName   = "copylab-send"
	receiverName = "copylab-recv"
	prefixBits   = 30
)

func senderAddress() netip.Addr   { return netip.AddrFrom4([4]byte{198, 18, 0, 1}) }
func receiverAddress() netip.Addr { return netip.AddrFrom4([4]byte{198, 18, 0, 2}) }

// The shaper's measures.
//
// tbf lets up to burst bytes go at once, and cuts a packet that is longer than burst into frames (net/sched/sch_tbf.c,
// tbf_segment), which would cost what segmentation by the interface saves. So burst holds the largest packet that TCP builds: 64 KiB,
// and the headers of all its frames, which count too. And it holds what the link sends in burstTime: on a busy machine the timer that
// lets the next packet go comes a millisecond late now and then, and what the link could have sent meanwhile is lost beyond burst. The
// price: after a pause so much goes faster than the rate.
//
// queueBytes is what may wait for the shaper. The queue of a network card pushes back on TCP (TCP small queues) and does not drop;
// one that is too small for that would bring in congestion control. 64 MiB is 64 KiB for each of 1,000 streams.
const (
	leastBurst = 80 << 10
	burstTime  = 2 * time.Millisecond
	queueBytes = 64 << 20
)

// burstBytes is the burst for a rate in bytes per second.
func burstBytes(rate int64) int64 {
	return max(leastBurst, rate/int64(time.Second/burstTime))
}

// upTime bounds the wait for the kernel to say that both ends are up; it takes a few milliseconds at most.
const upTime = 5 * time.Second

// probeVeth makes a link that uses all that veth links need.
func probeVeth() kernel.Status {
	ctx, cancel := context.WithTimeout(context.Background(), upTime)
	defer cancel()
	l, err := openVeth(ctx, Spec{Kind: Veth, RateBits: gbit})
	if err == nil {
		err = l.Close()
	}
	var no *impossible
	switch {
	case err == nil:
		return kernel.Available()
	case errors.As(err, &no):
		return kernel.Unavailable("%v", err)
	}
	return kernel.Unknown("%v", err)
}

// openVeth makes both ends and joins them.
func openVeth(ctx context.Context, s Spec) (*Link, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	tcp, err := readSettings()
	if err != nil {
		return nil, err
	}
	sender, err := newEnd(senderName, senderAddress(), tcp)
	if err != nil {
		return nil, err
	}
	receiver, err := newEnd(receiverName, receiverAddress(), tcp)
	if err != nil {
		return nil, errors.Join(err, sender.close(), sender.namespace.Close())
	}
	l := &Link{sender: sender.namespace, receiver: receiver.namespace, senderIP: sender.ip, listenIP: receiver.ip}
	l.facts, err = join(ctx, s, sender, receiver)
	if err = errors.Join(err, sender.close(), receiver.close()); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// join makes the pair in the sender's namespace, with its other end in the receiver's from the start: no third namespace
// ever sees either.
func join(ctx context.Context, s Spec, sender, receiver *end) (results.Link, error) {
	pair := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: receiver.name, PeerNamespace: netlink.NsFd(receiver.namespace.Fd())}
	pair.Name, pair.MTU = sender.name, s.MTU
	if err := sender.links.LinkAdd(pair); err != nil {
		return results.Link{}, refusedPair(err)
	}
	for _, e := range []*end{sender, receiver} {
		if err := e.configure(s); err != nil {
			return results.Link{}, fmt.Errorf("set up %s: %w", e.name, err)
		}
	}
	for _, e := range []*end{sender, receiver} {
		if err := e.waitUntilUp(ctx); err != nil {
			return results.Link{}, err
		}
	}
	return factsOf(s, sender, receiver)
}

// refusedPair says what to do when no veth pair could be made.
func refusedPair(err error) error {
	switch failed := fmt.Errorf("make a veth pair: RTM_NEWLINK: %w", err); {
	case errors.Is(err, unix.EOPNOTSUPP):
		return &impossible{"this kernel has no veth interfaces (CONFIG_VETH): try sudo modprobe veth", failed}
	case errors.Is(err, unix.EPERM):
		return &impossible{needsRights(), failed}
	default:
		return failed
	}
}

// end is one end of a link that is being made. Its handles belong to its namespace, so that any thread may use them.
type end struct {
	name      string
	ip        netip.Addr
	namespace *os.File
	links     *netlink.Handle
	drivers   *kernel.Ethtool
	link      netlink.Link
}

// newEnd makes the namespace, with the settings tcp.
func newEnd(name string, ip netip.Addr, tcp settings) (*end, error) {
	e := &end{name: name, ip: ip}
	var err error
	e.namespace, err = newNamespace(func() (err error) {
		if err := tcp.apply(); err != nil {
			return err
		}
		silenceIPv6()
		if e.links, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
			return fmt.Errorf("open a netlink socket: %w", err)
		}
		if e.drivers, err = kernel.OpenEthtool(); err != nil {
			e.links.Close()
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// close gives back what was only needed to make the end: everything but the namespace.
func (e *end) close() error {
	e.links.Close()
	return e.drivers.Close()
}

// configure makes the end what the Spec wants, and sees that the kernel took it.
func (e *end) configure(s Spec) error {
	lo, err := e.links.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := e.links.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	if e.link, err = e.links.LinkByName(e.name); err != nil {
		return fmt.Errorf("RTM_GETLINK: %w", err)
	}
	if got := e.link.Attrs().MTU; s.MTU != 0 && got != s.MTU {
		return fmt.Errorf("the kernel made the mtu %d, not %d", got, s.MTU)
	}
	address := &netlink.Addr{IPNet: &net.IPNet{IP: e.ip.AsSlice(), Mask: net.CIDRMask(prefixBits, e.ip.BitLen())}}
	if err := e.links.AddrAdd(e.link, address); err != nil {
		return fmt.Errorf("give it the address %s: RTM_NEWADDR: %w", e.ip, err)
	}
	if err := e.switchFeatures(s); err != nil {
		return err
	}
	if err := e.links.LinkSetUp(e.link); err != nil {
		return fmt.Errorf("set it up: %w", err)
	}
	if s.RateBits != 0 {
		return e.shape(s.RateBits)
	}
	return nil
}

// feature is one of the kernel's names behind an option (net/ethtool/common.c). The others of a group are its variants, which a
// kernel may lack.
type feature struct {
	option string
	want   Switch
	main   []string
	others []string
}

func features(s Spec) []feature {
	return []feature{
		{"sg", s.SG, []string{"tx-scatter-gather"}, []string{"tx-scatter-gather-fraglist"}},
		{"tso", s.TSO, []string{"tx-tcp-segmentation"}, []string{"tx-tcp6-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp-mangleid-segmentation"}},
		{"gso", s.GSO, []string{"tx-generic-segmentation"}, nil},
		{"csum", s.Csum, []string{"tx-checksum-ip-generic", "rx-checksum"}, nil}, // veth has these two
	}
}

func (e *end) switchFeatures(s Spec) error {
	before, err := e.drivers.Features(e.name)
	if err != nil {
		return err
	}
	want := map[string]bool{}
	for _, f := range features(s) {
		if f.want == AsMade {
			continue
		}
		for _, name := range f.main {
			want[name] = f.want == On
		}
		for _, name := range f.others {
			if _, known := before[name]; known {
				want[name] = f.want == On
			}
		}
	}
	if len(want) == 0 {
		return nil
	}
	if err := e.drivers.ChangeFeatures(e.name, want); err != nil {
		return err
	}
	after, err := e.drivers.Features(e.name)
	if err != nil {
		return err
	}
	for _, f := range features(s) {
		for _, name := range f.main {
			if f.want != AsMade && after[name] != (f.want == On) {
				return fmt.Errorf("the kernel did not take %s=%s: %s is still %s", f.option, f.want, name, map[bool]Switch{true: On, false: Off}[after[name]])
			}
		}
	}
	return nil
}

// shape bounds what the end sends (tc-tbf(8)).
func (e *end) shape(rateBits int64) error {
	rate := rateBits / 8
	err := e.links.QdiscReplace(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: e.link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       uint64(rate), Limit: queueBytes, Buffer: netlink.Xmittime(uint64(rate), uint32(burstBytes(rate))),
	})
	if errors.Is(err, unix.ENOENT) {
		return &impossible{"this kernel has no token bucket filter (CONFIG_NET_SCH_TBF), so that links have no rate: try sudo modprobe sch_tbf", fmt.Errorf("RTM_NEWQDISC: %w", err)}
	}
	if err != nil {
		return fmt.Errorf("bound it to %s: RTM_NEWQDISC: %w", formatRate(rateBits), err)
	}
	got, err := e.rate()
	if err != nil {
		return err
	}
	if got != rateBits {
		return fmt.Errorf("the kernel bounds it to %d bit/s, not %d", got, rateBits)
	}
	return nil
}

// rate is what the kernel says that the end is bound to, in bit/s.
func (e *end) rate() (int64, error) {
	all, err := e.links.QdiscList(e.link)
	if err != nil {
		return 0, fmt.Errorf("RTM_GETQDISC: %w", err)
	}
	for _, q := range all {
		if tbf, ok := q.(*netlink.Tbf); ok && tbf.Parent == netlink.HANDLE_ROOT {
			return int64(tbf.Rate) * 8, nil
		}
	}
	return 0, fmt.Errorf("RTM_GETQDISC: the kernel names no tbf at %s", e.name)
}

// waitUntilUp waits until the end has its carrier: what is sent before is lost, and TCP tries again after a second only.
func (e *end) waitUntilUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, upTime)
	defer cancel()
	for {
		l, err := e.links.LinkByName(e.name)
		if err != nil {
			return fmt.Errorf("RTM_GETLINK: %w", err)
		}
		if l.Attrs().OperState == netlink.OperUp {
			return nil
		}
		wait := time.NewTimer(time.Millisecond)
		select {
		case <-ctx.Done():
			wait.Stop()
			return fmt.Errorf("wait until %s is up (it is %s): %w", e.name, l.Attrs().OperState, ctx.Err())
		case <-wait.C:
		}
	}
}

// factsOf asks the kernel what the link has become.
func factsOf(s Spec, sender, receiver *end) (results.Link, error) {
	facts := results.Link{
		Kind: string(s.Kind), Options: s.Options(),
		RateGbits: measured.Unavailable[float64]("the link is not shaped: it is bound by the processor only"),
	}
	for _, side := range []struct {
		end *end
		nic *host.NIC
	}{{sender, &facts.Sender}, {receiver, &facts.Receiver}} {
		err := inNamespace(side.end.namespace, func() (err error) {
			*side.nic, err = host.NICByName(side.end.name)
			return err
		})
		if err != nil {
			return results.Link{}, err
		}
	}
	if s.RateBits == 0 {
		return facts, nil
	}
	there, err := sender.rate()
	if err != nil {
		return results.Link{}, err
	}
	back, err := receiver.rate()
	if err != nil {
		return results.Link{}, err
	}
	facts.RateGbits = measured.Known(float64(min(there, back)) / gbit)
	return facts, nil
}
