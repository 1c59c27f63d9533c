package links

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
	"copylab/internal/testenv"
	"copylab/results/host"
	"copylab/results/measured"
)

func requireVeth(t testing.TB) {
	t.Helper()
	s := Probe(Veth)
	testenv.Require(t, testenv.Netns, s.State == kernel.StateAvailable, "%s", s.Reason)
}

func openLink(t testing.TB, text string) *Link {
	t.Helper()
	requireVeth(t)
	spec, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func inode(f *os.File) uint64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// The facts are the kernel's: what depends on an option goes off with it, at both ends.
func TestFactsOfVeth(t *testing.T) {
	as := func(sg, tso, gso, csum string) host.NIC {
		return host.NIC{SG: sg, TSO: tso, GSO: gso, TxChecksum: csum, RxChecksum: csum, MTUBytes: measured.Known[int64](1500)}
	}
	mtu := func(n host.NIC, bytes int64) host.NIC { n.MTUBytes = measured.Known(bytes); return n }
	for text, want := range map[string]struct {
		nic  host.NIC
		rate float64 // Gbit/s; 0: none
	}{
		"veth":                           {as("on", "on", "on", "on"), 0},
		"veth sg=on tso=on gso=on":       {as("on", "on", "on", "on"), 0},
		"veth sg=off":                    {as("off", "off", "off", "on"), 0},
		"veth tso=off":                   {as("on", "off", "on", "on"), 0},
		"veth gso=off":                   {as("on", "on", "off", "on"), 0},
		"veth csum=off":                  {as("on", "off", "on", "off"), 0},
		"veth sg=off csum=off":           {as("off", "off", "off", "off"), 0},
		"veth tso=off gso=off":           {as("on", "off", "off", "on"), 0},
		"veth mtu=9000":                  {mtu(as("on", "on", "on", "on"), 9000), 0},
		"veth mtu=576":                   {mtu(as("on", "on", "on", "on"), 576), 0},
		"veth mtu=65535":                 {mtu(as("on", "on", "on", "on"), 65535), 0},
		"veth rate=1Mbit":                {as("on", "on", "on", "on"), 0.001},
		"veth rate=1Gbit":                {as("on", "on", "on", "on"), 1},
		"veth rate=2.5Gbit sg=off":       {as("off", "off", "off", "on"), 2.5},
		"veth rate=10Gbit mtu=9000":      {mtu(as("on", "on", "on", "on"), 9000), 10},
		"veth rate=100Gbit":              {as("on", "on", "on", "on"), 100}, // more than 32 bits of bytes per second
		"veth rate=1.000001Gbit tso=off": {as("on", "off", "on", "on"), 1.000001},
	} {
		l := openLink(t, text)
		f := l.Facts()
		if form := strings.TrimSpace(f.Kind + " " + f.Options); form != text {
			t.Errorf("%s: the facts are of %q", text, form)
		}
		if rate, ok := f.RateGbits.Get(); ok != (want.rate != 0) || rate != want.rate || !ok && !strings.Contains(f.RateGbits.Why(), "not shaped") {
			t.Errorf("%s: rate %v", text, f.RateGbits)
		}
		for name, nic := range map[string]host.NIC{senderName: f.Sender, receiverName: f.Receiver} {
			got := host.NIC{SG: nic.SG, TSO: nic.TSO, GSO: nic.GSO, TxChecksum: nic.TxChecksum, RxChecksum: nic.RxChecksum, MTUBytes: nic.MTUBytes}
			if nic.Name != name || nic.Driver != "veth" || got != want.nic {
				t.Errorf("%s: %s is %+v", text, name, nic)
			}
		}
		// A second look, at the namespaces themselves.
		for _, end := range []struct {
			namespace *os.File
			nic       host.NIC
		}{{l.SenderNamespace(), f.Sender}, {l.ReceiverNamespace(), f.Receiver}} {
			if err := inNamespace(end.namespace, func() error {
				if nic, err := host.NICByName(end.nic.Name); err != nil || nic != end.nic {
					t.Errorf("%s: got %+v, %v; the facts are %+v", text, nic, err, end.nic)
				}
				return checkShape(end.nic.Name, want.rate)
			}); err != nil {
				t.Errorf("%s: %s: %v", text, end.nic.Name, err)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// checkShape looks at the root queue of an interface of the calling thread's namespace.
func checkShape(name string, gbits float64) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	all, err := netlink.QdiscList(link)
	if err != nil {
		return err
	}
	if len(all) != 1 {
		return fmt.Errorf("%d queues: %v", len(all), all)
	}
	tbf, shaped := all[0].(*netlink.Tbf)
	if shaped != (gbits != 0) {
		return fmt.Errorf("the queue is a %s", all[0].Type())
	}
	if !shaped {
		return nil
	}
	if got := float64(tbf.Rate) * 8 / gbit; got != gbits {
		return fmt.Errorf("tbf has the rate %v Gbit/s", got)
	}
	// Enough for 64 KiB in the smallest frames, with their headers: 14 of Ethernet, 20 of IP and 32 of TCP.
	const largest = 64<<10 + 64<<10/(lowestMTU-52)*66
	if got := netlink.Xmitsize(tbf.Rate, tbf.Buffer); got < largest {
		return fmt.Errorf("tbf has a burst of %d bytes and cuts packets of %d", got, largest)
	}
	if tbf.Limit != queueBytes {
		return fmt.Errorf("tbf has a limit of %d", tbf.Limit)
	}
	return nil
}

// What Parse refuses, the kernel refuses too; and a link that is not as it should be is no link.
func TestKernelKeepsToTheRules(t *testing.T) {
	requireVeth(t)
	for _, tt := range []struct {
		spec Spec
		want string
	}{
		{Spec{Kind: Veth, SG: Off, TSO: On}, "tso=on: tx-tcp-segmentation is still off"},
		{Spec{Kind: Veth, SG: Off, GSO: On}, "gso=on: tx-generic-segmentation is still off"},
		{Spec{Kind: Veth, Csum: Off, TSO: On}, "tso=on: tx-tcp-segmentation is still off"},
	} {
		if l, err := openVeth(t.Context(), tt.spec); err == nil || l != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, %v", tt.spec, l, err)
		}
	}
}

// Bytes get from one end to the other, and the ends see nothing but each other.
func TestTransferOverVeth(t *testing.T) {
	t.Setenv("PATH", "") // no program is needed
	for _, text := range []string{"veth", "veth rate=1Gbit mtu=9000", "veth sg=off csum=off", "veth mtu=576 gso=off tso=off"} {
		l := openLink(t, text)
		sender, receiver := connect(t, l)
		content := make([]byte, 3<<20+17)
		if _, err := rand.NewChaCha8([32]byte{1}).Read(content); err != nil {
			t.Fatal(err)
		}
		sent := make(chan error, 1)
		go func() {
			_, err := sender.Write(content)
			sent <- errors.Join(err, sender.Close())
		}()
		got, err := io.ReadAll(receiver)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: got %d bytes, %v", text, len(got), err)
		}
		if err := errors.Join(<-sent, receiver.Close()); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		for name, namespace := range map[string]*os.File{senderName: l.SenderNamespace(), receiverName: l.ReceiverNamespace()} {
			if err := inNamespace(namespace, func() error {
				all, err := netlink.LinkList()
				if err != nil {
					return err
				}
				var names []string
				for _, i := range all {
					if i.Attrs().OperState == netlink.OperUp || i.Attrs().Name == "lo" && i.Attrs().Flags&net.FlagUp != 0 {
						names = append(names, i.Attrs().Name)
					}
				}
				if !reflect.DeepEqual(names, []string{"lo", name}) {
					t.Errorf("%s: up are %q", text, names)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// connect makes a TCP connection over a link.
func connect(t testing.TB, l *Link) (sender, receiver net.Conn) {
	t.Helper()
	var listener net.Listener
	if err := inNamespace(l.ReceiverNamespace(), func() (err error) {
		listener, err = net.Listen("tcp4", netip.AddrPortFrom(l.ReceiverIP(), 0).String())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := inNamespace(l.SenderNamespace(), func() (err error) {
		sender, err = net.DialTimeout("tcp4", listener.Addr().String(), 10*time.Second)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := sender.LocalAddr().(*net.TCPAddr).AddrPort().Addr(); got != l.SenderIP() {
		t.Errorf("the sender is %s, want %s", got, l.SenderIP())
	}
	receiver, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return sender, receiver
}

// No interface of a link is ever seen in the namespace of who makes it: the kernel tells of none (rtnetlink(7), RTMGRP_LINK).
func TestHostSeesNoInterface(t *testing.T) {
	requireVeth(t)
	updates, done := make(chan netlink.LinkUpdate), make(chan struct{})
	// That it tells at all is seen from those which are there: it tells of them first.
	if err := netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{ListExisting: true}); err != nil {
		t.Fatal(err)
	}
	defer close(done)
	told := map[string]bool{}
	listen := func() {
		for {
			select {
			case u := <-updates:
				told[u.Attrs().Name] = true
			case <-time.After(200 * time.Millisecond):
				return
			}
		}
	}
	listen()
	if !told["lo"] {
		t.Errorf("the kernel tells of %v", told)
	}
	l := openLink(t, "veth rate=1Gbit")
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	listen()
	for _, name := range []string{senderName, receiverName} {
		if told[name] {
			t.Errorf("the kernel told of %s", name)
		}
	}
}

// The settings of TCP are those of the namespace that the link is made from, which keeps its own.
func TestVethInheritsSettings(t *testing.T) {
	requireVeth(t)
	before, err := readSettings()
	if err != nil {
		t.Fatal(err)
	}
	changed := settings{
		"ipv4/tcp_rmem": "4096\t65432\t1234567", "ipv4/tcp_wmem": "4096\t54321\t2345678", "ipv4/tcp_congestion_control": "reno",
		"ipv4/tcp_slow_start_after_idle": "0", "core/optmem_max": "65537",
	}
	for name := range changed {
		if _, ok := before[name]; !ok {
			delete(changed, name) // not one of a namespace's own on this kernel
		}
	}
	if len(changed) < 3 {
		t.Fatalf("only %v can be changed", changed)
	}
	if err := onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		for name, value := range changed {
			if err := writeSetting(name, value); err != nil {
				return err
			}
		}
		here, err := readSettings()
		if err != nil {
			return err
		}
		l, err := Open(context.Background(), Spec{Kind: Veth})
		if err != nil {
			return err
		}
		for _, namespace := range []*os.File{l.SenderNamespace(), l.ReceiverNamespace()} {
			err = errors.Join(err, inNamespace(namespace, func() error {
				there, err := readSettings()
				if !reflect.DeepEqual(there, here) {
					t.Errorf("got  %v\nwant %v", there, here)
				}
				return err
			}))
		}
		if again, err := readSettings(); err != nil || !reflect.DeepEqual(again, here) {
			t.Errorf("the settings became %v, %v", again, err)
		}
		return errors.Join(err, l.Close())
	}); err != nil {
		t.Error(err)
	}
	if after, err := readSettings(); err != nil || !reflect.DeepEqual(after, before) {
		t.Errorf("the host's settings became %v, %v", after, err)
	}
}

// A value that can't be given to the new namespace is an error, not a link that is different.
func TestSettingThatCanNotBeGiven(t *testing.T) {
	requireVeth(t)
	e, err := newEnd(senderName, senderAddress(), settings{"ipv4/tcp_congestion_control": "no-such-control"})
	if err == nil || e != nil || !strings.Contains(err.Error(), "no-such-control") || !strings.Contains(err.Error(), "tcp_congestion_control") {
		t.Errorf("got %v, %v", e, err)
	}
}

// A link that nobody waits for is not made, and nothing is left of it.
func TestVethIsInterrupted(t *testing.T) {
	requireVeth(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if l, err := Open(ctx, Spec{Kind: Veth}); !errors.Is(err, context.Canceled) || l != nil {
		t.Errorf("got %v, %v", l, err)
	}
}

// After Close no thread of this process is elsewhere, and the kernel has destroyed both namespaces.
func TestCloseLeavesNothing(t *testing.T) {
	l := openLink(t, "veth rate=1Gbit")
	inodes := []uint64{inode(l.SenderNamespace()), inode(l.ReceiverNamespace())}
	if inodes[0] == 0 || inodes[1] == 0 || inodes[0] == inodes[1] {
		t.Fatalf("the namespaces are %v", inodes)
	}
	for _, i := range inodes {
		if len(holders(t, i)) == 0 {
			t.Errorf("nobody holds namespace %d of a link that is open", i)
		}
	}
	watch(t, []*os.File{l.SenderNamespace(), l.ReceiverNamespace()}, func() {
		for range 2 {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	noHolders(t, inodes)
	if l.SenderNamespace() != nil || l.ReceiverNamespace() != nil {
		t.Error("a closed link has namespaces")
	}
}

// A process that is killed leaves nothing of its link: neither a namespace nor an interface.
func TestKillLeavesNothing(t *testing.T) {
	requireVeth(t)
	interfacesBefore, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	c, _, said, err := startChild(t, "hold", nil)
	if err != nil || said.Error != "" || len(said.Inodes) != 2 {
		t.Fatalf("the child says %+v, %v", said, err)
	}
	var namespaces []*os.File
	for _, i := range said.Inodes {
		held := holders(t, i)
		fd := fmt.Sprintf("/proc/%d/fd/", c.Process.Pid)
		if len(held) == 0 || !strings.HasPrefix(held[len(held)-1], fd) {
			t.Fatalf("the child says that it holds namespace %d; holders are %v", i, held)
		}
		f, err := os.Open(held[len(held)-1])
		if err != nil {
			t.Fatal(err)
		}
		namespaces = append(namespaces, f)
	}
	watch(t, namespaces, func() {
		for _, f := range namespaces {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := c.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = c.Wait()
		if s := c.ProcessState.Sys().(syscall.WaitStatus); s.Signal() != syscall.SIGKILL {
			t.Errorf("the child ended with %v", s)
		}
	})
	noHolders(t, said.Inodes)
	after, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range after {
		if strings.HasPrefix(i.Name, "copylab") || strings.HasPrefix(i.Name, "veth") && !had(interfacesBefore, i.Index) {
			t.Errorf("the interface %s is there", i.Name)
		}
	}
}

func had(all []net.Interface, index int) bool {
	for _, i := range all {
		if i.Index == index {
			return true
		}
	}
	return false
}

// holders lists what keeps a network namespace: threads in it, descriptors on it, and places where it is mounted. Descriptors
// come last.
func holders(t *testing.T, inode uint64) []string {
	t.Helper()
	name := fmt.Sprintf("net:[%d]", inode)
	var found []string
	for _, pattern := range []string{"/proc/[0-9]*/task/*/ns/net", "/proc/[0-9]*/fd/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			if target, err := os.Readlink(p); err == nil && target == name {
				found = append(found, p)
			}
		}
	}
	mounts, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range mounts {
		if text, err := os.ReadFile(p); err == nil && bytes.Contains(text, []byte(name)) {
			found = append([]string{p}, found...)
		}
	}
	return found
}

// noHolders waits until nothing keeps the namespaces: a thread ends shortly after its work.
func noHolders(t *testing.T, inodes []uint64) {
	t.Helper()
	for _, i := range inodes {
		var held []string
		for range 1000 {
			if held = holders(t, i); len(held) == 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if len(held) > 0 {
			t.Errorf("namespace %d is kept by %v", i, held)
		}
	}
}

// watch proves that the kernel destroys the namespaces when end has been called. It gives them numbers in a namespace of its own
// (RTM_NEWNSID, ip-netns(8)), which the kernel takes back from a namespace that it destroys. A number does not hold it.
func watch(t *testing.T, namespaces []*os.File, end func()) {
	t.Helper()
	if err := onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		for i, f := range namespaces {
			if err := netlink.SetNetNsIdByFd(int(f.Fd()), i); err != nil {
				return fmt.Errorf("number a namespace: %w", err)
			}
		}
		if n, err := numbered(); err != nil || n != len(namespaces) {
			return fmt.Errorf("%d namespaces have a number, %w", n, err)
		}
		end()
		n, err := numbered()
		for deadline := time.Now().Add(20 * time.Second); n > 0 && err == nil && time.Now().Before(deadline); n, err = numbered() {
			time.Sleep(5 * time.Millisecond)
		}
		if err != nil || n > 0 {
			return fmt.Errorf("%d namespaces live on, %w", n, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// numbered counts the namespaces that have a number in the calling thread's.
func numbered() (int, error) {
	request := nl.NewNetlinkRequest(unix.RTM_GETNSID, unix.NLM_F_DUMP)
	request.AddData(&nl.RtGenMsg{RtGenmsg: unix.RtGenmsg{Family: unix.AF_UNSPEC}})
	answers, err := request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNSID)
	return len(answers), err
}

// Threads that were in a namespace of a link are never used for anything else.
func TestThreadsAreNotGivenBack(t *testing.T) {
	l := openLink(t, "veth")
	home, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	// As many goroutines at once as there might be threads to hand out.
	found, release := make(chan string), make(chan struct{})
	const many = 50
	for range many {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			here, err := os.Readlink("/proc/thread-self/ns/net")
			if err != nil {
				here = err.Error()
			}
			found <- here
			<-release
		}()
	}
	for range many {
		if here := <-found; here != home {
			t.Errorf("a goroutine runs in %s, and not in %s", here, home)
		}
	}
	close(release)
	if here, err := os.Readlink("/proc/self/ns/net"); err != nil || here != home {
		t.Errorf("the process is in %s, %v", here, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// The thread ends, and is never the main one, which would not.
func TestOnOwnThreadEnds(t *testing.T) {
	want := errors.New("mine")
	threads := map[int]bool{}
	for range 200 {
		if err := onOwnThread(func() error { threads[unix.Gettid()] = true; return want }); !errors.Is(err, want) {
			t.Fatalf("got %v", err)
		}
	}
	if threads[unix.Getpid()] {
		t.Error("it was the main thread")
	}
	for range 1000 {
		for thread := range threads {
			if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread)); errors.Is(err, os.ErrNotExist) {
				delete(threads, thread)
			}
		}
		if len(threads) == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%d threads live on", len(threads))
}

func TestOrdinaryUserNeedsRoot(t *testing.T) {
	said := told{Probe: Probe(Veth)}
	if os.Geteuid() == 0 {
		var err error
		if said, err = askChild(t, "ordinary user", nil); err != nil {
			t.Fatal(err)
		}
	} else if _, err := Open(t.Context(), Spec{Kind: Veth}); err != nil {
		said.Error = err.Error()
	}
	if said.Probe.State != kernel.StateUnavailable || !strings.HasPrefix(said.Probe.Reason, "needs root: run with sudo") {
		t.Errorf("probe: %+v", said.Probe)
	}
	if !strings.Contains(said.Error, "run with sudo") || !strings.Contains(said.Error, "unshare") || !strings.HasPrefix(said.Error, "make link veth") {
		t.Errorf("open: %q", said.Error)
	}
}

// Root without a capability, as in a container, is told which.
func TestRootWithoutCapability(t *testing.T) {
	requireVeth(t)
	for _, capability := range []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN} {
		var said told
		// The child is forked from this thread, and has what its bounding set leaves.
		if err := onOwnThread(func() (err error) {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil {
				return fmt.Errorf("prctl: %w", err)
			}
			said, err = askChild(t, "root", nil)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if said.Probe.State != kernel.StateUnavailable || !strings.Contains(said.Probe.Reason, "--cap-add SYS_ADMIN --cap-add NET_ADMIN") || said.Error == "" {
			t.Errorf("without capability %d: %+v", capability, said)
		}
	}
}

func TestNoMoreNamespaces(t *testing.T) {
	said, err := askChild(t, "no namespaces", func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
		}
	})
	testenv.Require(t, testenv.Netns, err == nil, "a user namespace: %v", err)
	if said.Probe.State != kernel.StateUnavailable || !strings.Contains(said.Probe.Reason, "user.max_net_namespaces, which is 0") {
		t.Errorf("probe: %+v", said.Probe)
	}
	if !strings.Contains(said.Error, "sudo sysctl user.max_net_namespaces=") || !strings.Contains(said.Error, "unshare: no space left") {
		t.Errorf("open: %q", said.Error)
	}
}

// The reasons for which a kernel without a part refuses are conclusive, and name the part.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		err        error
		conclusive bool
		want       string
	}{
		{refusedNamespace(unix.EINVAL), true, "CONFIG_NET_NS"},
		{refusedNamespace(unix.ENOMEM), false, "unshare: cannot allocate memory"},
		{refusedPair(unix.EOPNOTSUPP), true, "modprobe veth"},
		{refusedPair(unix.ENOBUFS), false, "RTM_NEWLINK: no buffer space"},
	} {
		var no *impossible
		if errors.As(tt.err, &no) != tt.conclusive || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("got %v", tt.err)
		}
	}
}

// How fast a link is, in Gbit/s of payload.
func BenchmarkTCP(b *testing.B) {
	for _, text := range []string{"veth rate=100Mbit", "veth rate=1Gbit", "veth rate=10Gbit", "veth rate=10Gbit mtu=9000", "veth", "veth tso=off", "veth sg=off", "veth csum=off"} {
		b.Run(strings.ReplaceAll(text, " ", "_"), func(b *testing.B) {
			l := openLink(b, text)
			sender, receiver := connect(b, l)
			size := int64(16 << 20)
			if rate, ok := l.Facts().RateGbits.Get(); ok {
				size = int64(rate * gbit / 8 / 4) // a quarter of a second
			}
			chunk := make([]byte, 64<<10)
			received := make(chan error, 1)
			go func() {
				buffer := make([]byte, 256<<10)
				for range b.N + 1 { // the first opens the window
					for left := size; left > 0; {
						n, err := receiver.Read(buffer[:min(int64(len(buffer)), left)])
						if err != nil {
							received <- err
							return
						}
						left -= int64(n)
					}
					received <- nil
				}
			}()
			send := func() {
				for left := size; left > 0; {
					n, err := sender.Write(chunk[:min(int64(len(chunk)), left)])
					if err != nil {
						b.Fatal(err)
					}
					left -= int64(n)
				}
				if err := <-received; err != nil {
					b.Fatal(err)
				}
			}
			send()
			b.SetBytes(size)
			b.ResetTimer()
			for range b.N {
				send()
			}
			b.StopTimer()
			b.ReportMetric(float64(size)*float64(b.N)*8/b.Elapsed().Seconds()/gbit, "Gbit/s")
			if err := errors.Join(sender.Close(), receiver.Close()); err != nil {
				b.Error(err)
			}
		})
	}
}

// How long it takes to make a link.
func BenchmarkOpen(b *testing.B) {
	requireVeth(b)
	for range b.N {
		l, err := Open(b.Context(), Spec{Kind: Veth, RateBits: gbit})
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
