package copypaths

import (
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// zerocopyPaths are those that send with MSG_ZEROCOPY.
func zerocopyPaths(t *testing.T) []Path {
	t.Helper()
	return []Path{named(t, "read-zerocopy"), named(t, "mmap-zerocopy"), named(t, "memory/send-zerocopy")}
}

// TestEachZerocopySendIsAccountedFor: the kernel says of each send what became of it, and on loopback that it copied.
func TestEachZerocopySendIsAccountedFor(t *testing.T) {
	const size, chunk = 16 << 20, 64 << 10
	content := payload(size, 20)
	for _, p := range zerocopyPaths(t) {
		t.Run(name(p), func(t *testing.T) {
			s, to := setUp(t, p, content, chunk, 0)
			result := take("checksum", to, math.MaxInt64)
			if err := streamSoon(t, s, size); err != nil {
				t.Error(err)
			}
			calls := s.Syscalls()
			told := s.Mover.(Completer).Completions()
			settings := s.Mover.(Describer).Settings()
			enobufs, err := strconv.ParseInt(settings["enobufs"], 10, 64)
			if err != nil {
				t.Error(err)
			}
			if sends := calls["sendto"] - enobufs; told.ZeroCopy+told.Copied != sends || sends < size/chunk {
				t.Errorf("notified of %+v, want of all %d sends", told, sends)
			}
			if told.ZeroCopy != 0 {
				t.Errorf("%d sends over loopback are said to be without a copy; they never are (skb_orphan_frags_rx)", told.ZeroCopy)
			}
			if settings["ring_depth"] != "64" || settings["notifications_missing"] != "" {
				t.Errorf("settings are %v, want a ring of 64 and no notification missing", settings)
			}
			t.Logf("%d sends, %d recvmsg, %d ppoll, %+v, %v", calls["sendto"], calls["recvmsg"], calls["ppoll"], told, settings)
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got, want := <-result, checksumOf(content, 0, size); got.err != nil || got.sum != want {
				t.Errorf("receiver got %d bytes of checksum %s, error %v; want %s", got.bytes, got.sum, got.err, want)
			}
		})
	}
}

// TestBuffersAreNotUsedTooEarly has a receiver that rests, so that a buffer which is filled again before the kernel is done
// with it shows as wrong bytes: the socket's buffers hold more than the ring.
func TestBuffersAreNotUsedTooEarly(t *testing.T) {
	const size, chunk = 12 << 20, 4 << 10
	content := payload(size, 21)
	for _, p := range zerocopyPaths(t) {
		t.Run(name(p), func(t *testing.T) {
			s, to := setUp(t, p, content, chunk, 0)
			result := make(chan taken, 1)
			go func() { result <- takeHere("checksum", to, math.MaxInt64, time.Millisecond) }()
			if err := streamSoon(t, s, size); err != nil {
				t.Error(err)
			}
			calls := s.Syscalls()
			if calls["recvmsg"] == 0 || calls["ppoll"] == 0 {
				t.Errorf("made %v: nothing was waited for, so that this test proves nothing", calls)
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got, want := <-result, checksumOf(content, 0, size); got.err != nil || got.sum != want {
				t.Errorf("receiver got %d bytes of checksum %s, error %v; want %s", got.bytes, got.sum, got.err, want)
			}
		})
	}
}

// withoutLockedMemory runs f on a thread that may lock at most that many bytes, as an ordinary user may.
func withoutLockedMemory(t *testing.T, limit uint64, f func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: limit, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old); err != nil {
			t.Error(err)
		}
	}()
	withoutCapabilities(t, f, unix.CAP_IPC_LOCK)
}

// withoutCapabilities runs f on a thread that lacks these capabilities, as an ordinary user does.
func withoutCapabilities(t *testing.T, f func(), capabilities ...uint) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with its capabilities
		head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var sets [2]unix.CapUserData
		err := unix.Capget(&head, &sets[0])
		for _, c := range capabilities {
			sets[c/32].Effective &^= 1 << (c % 32)
		}
		if err == nil {
			err = unix.Capset(&head, &sets[0])
		}
		if err != nil {
			t.Errorf("give up capabilities: %v", err)
			return
		}
		f()
	}()
	<-done
}

// TestNoMemoryForNotifications: ENOBUFS is counted and waited out, and no send is made without MSG_ZEROCOPY instead.
func TestNoMemoryForNotifications(t *testing.T) {
	const size, chunk = 32 << 20, 256 << 10
	content := payload(size, 22)
	for _, p := range zerocopyPaths(t) {
		t.Run(name(p), func(t *testing.T) {
			s, to := setUp(t, p, content, chunk, 0)
			result := make(chan taken, 1)
			go func() { result <- takeHere("checksum", to, math.MaxInt64, time.Millisecond) }()
			withoutLockedMemory(t, 3*chunk, func() {
				if err := streamSoon(t, s, size); err != nil {
					t.Error(err)
				}
			})
			calls, told, settings := s.Syscalls(), s.Mover.(Completer).Completions(), s.Mover.(Describer).Settings()
			enobufs, err := strconv.ParseInt(settings["enobufs"], 10, 64)
			if err != nil || enobufs == 0 {
				t.Errorf("settings are %v: no ENOBUFS, so that this test proves nothing", settings)
			}
			if told.ZeroCopy+told.Copied != calls["sendto"]-enobufs {
				t.Errorf("%d sends of which %d failed, notified of %+v", calls["sendto"], enobufs, told)
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got, want := <-result, checksumOf(content, 0, size); got.err != nil || got.sum != want {
				t.Errorf("receiver got %d bytes of checksum %s, error %v; want %s", got.bytes, got.sum, got.err, want)
			}
			t.Logf("%d sendto, %d of them ENOBUFS, %+v", calls["sendto"], enobufs, told)
		})
		t.Run(name(p)+"/never enough", func(t *testing.T) {
			s, to := setUp(t, p, content, chunk, 0)
			result := take("recv", to, math.MaxInt64)
			withoutLockedMemory(t, chunk/2, func() {
				wantError(t, streamSoon(t, s, size), []error{unix.ENOBUFS}, "sendto to socket", "ulimit -l", "optmem_max", "; 0 of 262144 bytes")
			})
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if got := <-result; got.err != nil || got.bytes != 0 {
				t.Errorf("receiver got %d bytes, error %v; want none", got.bytes, got.err)
			}
		})
	}
}

// notified makes a sender believe that it got that control message.
func notified(z *zerocopySender, level, kind int32, what unix.SockExtendedErr) error {
	control := z.control[:]
	binary.NativeEndian.PutUint64(control, uint64(unix.CmsgLen(unix.SizeofSockaddrInet4+16)))
	binary.NativeEndian.PutUint32(control[8:], uint32(level))
	binary.NativeEndian.PutUint32(control[12:], uint32(kind))
	data := control[unix.CmsgLen(0):]
	binary.NativeEndian.PutUint32(data, what.Errno)
	data[4], data[5], data[6] = what.Origin, what.Type, what.Code
	binary.NativeEndian.PutUint32(data[8:], what.Info)
	binary.NativeEndian.PutUint32(data[12:], what.Data)
	z.message.SetControllen(unix.CmsgSpace(unix.SizeofSockaddrInet4 + 16))
	return z.understand()
}

// TestNotifications feeds a sender what the kernel might say: in any order, at the end of the numbers, and nonsense.
func TestNotifications(t *testing.T) {
	sender, receiver, err := connection(0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sender)
	defer unix.Close(receiver)
	z, err := newZerocopySender(Ends{Socket: sender, Chunk: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	// Six sends are under way, two from slot 0, on both sides of the largest number.
	z.next = math.MaxUint32 - 2
	for i, slot := range []int32{0, 0, 1, 2, 3, 3} {
		z.owner[(z.next+uint32(i))&(sendsUnderWay-1)] = slot
		z.pending[slot]++
		z.outstanding++
	}
	z.next += 6
	ours := func(first, last uint32, code uint8) unix.SockExtendedErr {
		return unix.SockExtendedErr{Origin: unix.SO_EE_ORIGIN_ZEROCOPY, Code: code, Info: first, Data: last}
	}
	for _, step := range []struct {
		name        string
		level, kind int32
		what        unix.SockExtendedErr
		fails       bool
		left        int
		pending     [4]int32
		told        Completions
	}{
		{"the last first", unix.SOL_IP, unix.IP_RECVERR, ours(2, 2, 0), false, 5, [4]int32{2, 1, 1, 1}, Completions{ZeroCopy: 1}},
		{"again", unix.SOL_IP, unix.IP_RECVERR, ours(2, 2, 0), true, 5, [4]int32{2, 1, 1, 1}, Completions{ZeroCopy: 1}},
		{"others' business", unix.SOL_IP, unix.IP_RECVERR, unix.SockExtendedErr{Origin: unix.SO_EE_ORIGIN_ICMP, Info: math.MaxUint32}, false, 5, [4]int32{2, 1, 1, 1}, Completions{ZeroCopy: 1}},
		{"another message", unix.SOL_SOCKET, unix.SO_TIMESTAMP, ours(math.MaxUint32, math.MaxUint32, 0), false, 5, [4]int32{2, 1, 1, 1}, Completions{ZeroCopy: 1}},
		{"over the end of the numbers", unix.SOL_IPV6, unix.IPV6_RECVERR, ours(math.MaxUint32-1, 0, unix.SO_EE_CODE_ZEROCOPY_COPIED), false, 2, [4]int32{1, 0, 0, 1}, Completions{1, 3}},
		{"too many", unix.SOL_IP, unix.IP_RECVERR, ours(0, 100, 0), true, 2, [4]int32{1, 0, 0, 1}, Completions{1, 3}},
		{"backwards", unix.SOL_IP, unix.IP_RECVERR, ours(1, 0, 0), true, 2, [4]int32{1, 0, 0, 1}, Completions{1, 3}},
		{"the rest", unix.SOL_IP, unix.IP_RECVERR, ours(1, 1, 0), false, 1, [4]int32{1, 0, 0, 0}, Completions{2, 3}},
		{"the rest", unix.SOL_IP, unix.IP_RECVERR, ours(math.MaxUint32-2, math.MaxUint32-2, 0), false, 0, [4]int32{}, Completions{3, 3}},
	} {
		err := notified(z, step.level, step.kind, step.what)
		if (err != nil) != step.fails || z.outstanding != step.left || [4]int32(z.pending) != step.pending || z.told != step.told {
			t.Errorf("%s: error %v, %d under way, by slot %v, told %+v; want an error: %v, %d, %v, %+v",
				step.name, err, z.outstanding, z.pending, z.told, step.fails, step.left, step.pending, step.told)
		}
	}
	z.control[0], z.control[1] = 3, 0 // a length that can't be
	z.message.SetControllen(16)
	if err := z.understand(); err == nil {
		t.Error("a control message of 3 bytes was understood")
	}
}

// TestReceiverStallsAndResets: who waits for notifications must learn that the connection is gone.
func TestReceiverStallsAndResets(t *testing.T) {
	for _, p := range zerocopyPaths(t) {
		t.Run(name(p), func(t *testing.T) {
			s, to := setUp(t, p, payload(1<<20, 23), 4<<10, 0)
			if err := unix.SetsockoptLinger(to, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
				t.Error(err)
			}
			closed := make(chan error, 1)
			time.AfterFunc(300*time.Millisecond, func() { closed <- unix.Close(to) })
			wantError(t, streamSoon(t, s, 1<<30), []error{unix.ECONNRESET, unix.EPIPE}, "to socket", "the receiver has gone")
			if err := errors.Join(<-closed, s.close()); err != nil {
				t.Error(err)
			}
		})
	}
}
