package links

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// onOwnThread runs fn on a thread of its own, which ends with fn: whatever fn did to the thread, no other goroutine ever runs on
// it. The main thread never ends; so a goroutine that finds itself there holds it until another one, which then
// is elsewhere, is done.
func onOwnThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked, so that the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			err := onOwnThread(fn)
			runtime.UnlockOSThread()
			done <- err
			return
		}
		done <- fn()
	}()
	return <-done
}

// inNamespace runs fn on a thread of its own in a network namespace.
func inNamespace(namespace *os.File, fn func() error) error {
	return onOwnThread(func() error {
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter a network namespace: setns: %w", err)
		}
		return fn()
	})
}

// newNamespace makes a network namespace without a name, which is held by the file only (unshare(2), network_namespaces(7)).
// inside runs in it first.
func newNamespace(inside func() error) (namespace *os.File, err error) {
	err = onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return refusedNamespace(err)
		}
		f, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		if err := inside(); err != nil {
			return errors.Join(err, f.Close())
		}
		namespace = f
		return nil
	})
	return namespace, err
}

// impossible is an error that tells for sure that this machine can't make veth links.
type impossible struct {
	why string
	err error
}

func (e *impossible) Error() string { return e.why + " (" + e.err.Error() + ")" }
func (e *impossible) Unwrap() error { return e.err }

// refusedNamespace says what to do when unshare(2) failed.
func refusedNamespace(err error) error {
	why := ""
	switch {
	case errors.Is(err, unix.EPERM):
		why = needsRights()
	case errors.Is(err, unix.ENOSPC):
		const limit = "/proc/sys/user/max_net_namespaces"
		value, rerr := os.ReadFile(limit)
		if rerr != nil {
			value = []byte("of unknown size")
		}
		why = fmt.Sprintf("the limit of network namespaces is reached: raise user.max_net_namespaces, which is %s, with: sudo sysctl user.max_net_namespaces=1024",
			strings.TrimSpace(string(value)))
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		why = "this kernel has no network namespaces: it needs CONFIG_NET_NS"
	default:
		return fmt.Errorf("make a network namespace: unshare: %w", err)
	}
	return &impossible{why, fmt.Errorf("make a network namespace: unshare: %w", err)}
}

func needsRights() string {
	if os.Geteuid() != 0 {
		return "needs root: run with sudo; without it, --set transfer.link=loopback measures over loopback"
	}
	return "needs CAP_SYS_ADMIN and CAP_NET_ADMIN, which this root does not have: start the container with --cap-add SYS_ADMIN --cap-add NET_ADMIN, or measure over loopback: --set transfer.link=loopback"
}

// settings are values of sysctls by their files below /proc/sys/net, as they stand there.
type settings map[string]string

// settingsOfTCP lists the settings that each network namespace has for itself and that move a transfer. A new namespace
// inherits some of the first namespace's and has the rest as the kernel was built (net/ipv4/tcp_ipv4.c, tcp_sk_init); an
// administrator's changes would be lost in it.
func settingsOfTCP() []string {
	return []string{
		"ipv4/tcp_rmem", "ipv4/tcp_wmem", "ipv4/tcp_congestion_control", "ipv4/tcp_autocorking", "ipv4/tcp_moderate_rcvbuf", "ipv4/tcp_notsent_lowat",
		"ipv4/tcp_slow_start_after_idle", "ipv4/tcp_limit_output_bytes", "ipv4/tcp_no_metrics_save", "ipv4/tcp_sack", "ipv4/tcp_timestamps", "ipv4/tcp_window_scaling",
		"ipv4/tcp_adv_win_scale", "ipv4/tcp_app_win", "ipv4/tcp_shrink_window", "ipv4/tcp_ecn", "ipv4/tcp_mtu_probing", "ipv4/tcp_min_tso_segs", "ipv4/tcp_tso_win_divisor",
		"ipv4/tcp_tso_rtt_log", "ipv4/tcp_pacing_ss_ratio", "ipv4/tcp_pacing_ca_ratio", "ipv4/tcp_comp_sack_nr", "ipv4/tcp_comp_sack_delay_ns", "ipv4/tcp_max_syn_backlog",
		"ipv4/tcp_tw_reuse", "ipv4/ip_local_port_range", "core/optmem_max", "core/somaxconn",
	}
}

func settingFile(name string) string { return filepath.Join("/proc/sys/net", name) }

// readSettings reads them in the calling thread's network namespace. One that the kernel does not have is left out.
func readSettings() (settings, error) {
	runtime.LockOSThread() // below /proc/sys/net each thread sees its own namespace
	defer runtime.UnlockOSThread()
	all := settings{}
	for _, name := range settingsOfTCP() {
		value, err := os.ReadFile(settingFile(name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, fmt.Errorf("read the settings of TCP: %w", err)
		default:
			all[name] = strings.TrimSpace(string(value))
		}
	}
	return all, nil
}

// apply gives the calling thread's network namespace the values that it lacks. Nothing is written where nothing differs: a
// container may have /proc/sys for reading only.
func (s settings) apply() error {
	here, err := readSettings()
	if err != nil {
		return err
	}
	for _, name := range settingsOfTCP() {
		want, wanted := s[name]
		got, has := here[name]
		if !wanted || !has || slices.Equal(strings.Fields(got), strings.Fields(want)) {
			continue
		}
		if err := writeSetting(name, want); err != nil {
			return fmt.Errorf("give the new network namespace the value of this one (%s), so that the link is comparable: %w", want, err)
		}
	}
	return nil
}

func writeSetting(name, value string) error {
	f, err := os.OpenFile(settingFile(name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// silenceIPv6 keeps the kernel from sending on its own: an interface with IPv6 looks for neighbours and routers. The link
// works with it too, so that failure is no error.
func silenceIPv6() {
	_ = writeSetting("ipv6/conf/default/disable_ipv6", "1")
}
