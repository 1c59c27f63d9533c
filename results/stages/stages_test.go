package stages

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"copylab/results/profile"
)

// recorded are the profiles below testdata, by their names: "6.18-x86_64/sender/sendfile". Package scenarios/recording made them.
func recorded(t testing.TB) map[string]*profile.Profile {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*/*.folded")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*profile.Profile{}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := profile.ReadFolded(f, 1)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		name, err := filepath.Rel("testdata", strings.TrimSuffix(file, ".folded"))
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.ToSlash(name)] = p
	}
	if len(all) < 40 {
		t.Fatalf("only %d recorded profiles were found", len(all))
	}
	return all
}

// shares of a profile's samples, by stage.
func shares(c *Classifier, p *profile.Profile) map[Stage]float64 {
	of := map[Stage]float64{}
	for _, s := range p.Stacks() {
		of[c.Classify(s.Kernel, s.User)] += float64(s.Count) / float64(p.Total())
	}
	return of
}

// At least 95 % of what was recorded on each kernel has a stage.
func TestRecordedHasStages(t *testing.T) {
	c := NewClassifier()
	for name, p := range recorded(t) {
		t.Run(name, func(t *testing.T) {
			if p.Total() < 60 {
				t.Errorf("only %d samples", p.Total())
			}
			other := shares(c, p)[Other]
			t.Logf("other: %.2f %%", 100*other)
			if other < 0.05 {
				return
			}
			t.Errorf("%.1f %% are %s:", 100*other, Other)
			for _, s := range p.Stacks() {
				if c.Classify(s.Kernel, s.User) == Other {
					t.Logf("%6d %s", s.Count, strings.Join(s.Kernel, " < "))
				}
			}
		})
	}
}

// What each path is known to do, and not to do, by its mechanism.
func TestRecordedPaths(t *testing.T) {
	toProgram, toSocket := CopyCacheToProgram, CopyProgramToSocket
	recordings, c := map[string]map[Stage]float64{}, NewClassifier()
	for recording, p := range recorded(t) {
		recordings[recording] = shares(c, p)
	}
	for name, want := range map[string]struct{ has, hasNot []Stage }{
		"sender/read-write":           {has: []Stage{toProgram, toSocket, TCPIP, Syscalls, CacheLookup}, hasNot: []Stage{CopyDeferred, Encryption, IOUring}},
		"sender/sendfile":             {has: []Stage{PassPages, TCPIP, CacheLookup}, hasNot: []Stage{toProgram, toSocket, CopyDeferred}},
		"sender/splice":               {has: []Stage{PassPages, TCPIP}, hasNot: []Stage{toProgram, toSocket, CopyDeferred}},
		"sender/mmap-write":           {has: []Stage{toSocket}, hasNot: []Stage{toProgram, CopyDeferred}},
		"sender/read-zerocopy":        {has: []Stage{toProgram, CopyDeferred, PassPages}, hasNot: []Stage{toSocket}},
		"sender/mmap-zerocopy":        {has: []Stage{CopyDeferred, PassPages}, hasNot: []Stage{toProgram, toSocket}},
		"sender/memory-send":          {has: []Stage{toSocket, Program}, hasNot: []Stage{toProgram, CopyDeferred}},
		"sender/memory-sendmsg":       {has: []Stage{toSocket}, hasNot: []Stage{toProgram, CopyDeferred}},
		"sender/memory-send-zerocopy": {has: []Stage{CopyDeferred, Program}, hasNot: []Stage{toProgram, toSocket}},
		"sender/direct-write":         {has: []Stage{toSocket, BlockLayer}, hasNot: []Stage{toProgram}},
		"sender/direct-sendfile":      {has: []Stage{BlockLayer, PassPages}, hasNot: []Stage{toProgram, toSocket}},
		"sender/uring-read-send":      {has: []Stage{toProgram, toSocket, IOUring}, hasNot: []Stage{CopyDeferred}},
		"sender/uring-send-zc":        {has: []Stage{toProgram, CopyDeferred, IOUring}, hasNot: []Stage{toSocket}},
		"sender/memory-uring-send-zc": {has: []Stage{CopyDeferred, IOUring}, hasNot: []Stage{toSocket}},
		"machine/uring-splice":        {has: []Stage{PassPages, IOUring, CopySocketToReceiver}, hasNot: []Stage{toProgram, toSocket}},
		"sender/tls":                  {has: []Stage{toProgram, toSocket, Encryption}, hasNot: []Stage{CopyDeferred}},
		"sender/ktls-sendfile":        {has: []Stage{Encryption, PassPages}, hasNot: []Stage{toProgram, toSocket}},
		"receiver/recv-from-sendfile": {has: []Stage{CopySocketToReceiver, TCPIP}, hasNot: []Stage{toProgram, CopyProgramToCache}},

		"receiver/checksum-from-sendfile":              {has: []Stage{CopySocketToReceiver, Program}},
		"receiver/discard-from-sendfile":               {has: []Stage{TCPIP}, hasNot: []Stage{CopySocketToReceiver}},
		"receiver/splice-null-from-sendfile":           {has: []Stage{PassPages}, hasNot: []Stage{CopySocketToReceiver}},
		"receiver/zerocopy-receive-from-sendfile":      {has: []Stage{CopySocketToReceiver}}, // such pages can't be mapped
		"receiver/zerocopy-receive-from-read-zerocopy": {has: []Stage{PassPages}},
		"receiver/file-from-sendfile":                  {has: []Stage{CopySocketToReceiver, CopyProgramToCache, Filesystem}},
		"receiver/file-splice-from-sendfile":           {has: []Stage{CopySocketToReceiver, PassPages, Filesystem}, hasNot: []Stage{CopyProgramToCache}},

		"writer/buffered":        {has: []Stage{CopyProgramToCache, Filesystem, CacheLookup}, hasNot: []Stage{toProgram, toSocket}},
		"writer/vectored":        {has: []Stage{CopyProgramToCache}},
		"writer/dontcache":       {has: []Stage{CopyProgramToCache, BlockLayer}},
		"writer/dsync":           {has: []Stage{BlockLayer, Filesystem}},
		"writer/buffered-synced": {has: []Stage{CopyProgramToCache, BlockLayer}},
		"writer/direct":          {has: []Stage{BlockLayer, Scheduling}, hasNot: []Stage{CopyProgramToCache}},
		"writer/direct-dsync":    {has: []Stage{BlockLayer}, hasNot: []Stage{CopyProgramToCache}},
		"writer/mmap":            {has: []Stage{CopyProgramToCache}, hasNot: []Stage{TCPIP}},
		"writer/uring":           {has: []Stage{IOUring}},
		"writer/uring-direct":    {has: []Stage{IOUring, BlockLayer}, hasNot: []Stage{CopyProgramToCache}},
	} {
		tried := 0
		for recording, got := range recordings {
			_, of, _ := strings.Cut(recording, "/")
			if of != name {
				continue
			}
			tried++
			for _, s := range want.has {
				if got[s] < 0.003 {
					t.Errorf("%s: %.2f %% are %q, want some", recording, 100*got[s], s)
				}
			}
			for _, s := range want.hasNot {
				if got[s] > 0 {
					t.Errorf("%s: %.2f %% are %q, want none", recording, 100*got[s], s)
				}
			}
		}
		if tried == 0 {
			t.Errorf("nothing was recorded of %s", name)
		}
	}
}

// Each name is marked with where it was seen, and the marks are true.
func TestNamesAreWhereTheTableSays(t *testing.T) {
	where := map[string]map[string]bool{} // by kernel
	for recording, p := range recorded(t) {
		kernel, _, _ := strings.Cut(recording, "-")
		if where[kernel] == nil {
			where[kernel] = map[string]bool{}
		}
		for _, s := range p.Stacks() {
			for _, name := range s.Kernel {
				where[kernel][plain(name)] = true
			}
		}
	}
	check := func(list []Name, in string) {
		for _, n := range list {
			p, from := compile([]Name{n}), Sources
			for _, kernel := range SeenOn() {
				for name := range where[kernel] {
					if p.match(name) && from == Sources {
						from = kernel
					}
				}
			}
			if from != n.From {
				t.Errorf("%s: %s is said to be from %s, and the recordings say %s", in, n.Pattern, n.From, from)
			}
		}
	}
	for _, r := range Table() {
		if !r.InProgram {
			check(r.Leaf, string(r.Stage))
			check(r.Callers, string(r.Stage)+", callers")
		}
	}
	check(Transparent(), "transparent")
	check(Entries(), "entries")
}

func TestTableIsSound(t *testing.T) {
	for i, r := range Table() {
		if !slices.Contains(All(), r.Stage) || r.Stage == Other {
			t.Errorf("rule %d is of stage %q", i, r.Stage)
		}
		if len(r.Leaf) == 0 && (len(r.Callers) == 0 || r.InProgram) {
			t.Errorf("rule %d (%s) fits everything", i, r.Stage)
		}
		if r.Stage.Copies() && len(r.Leaf) == 0 {
			t.Errorf("rule %d: what goes on around a copy is not the copy", i)
		}
		for _, n := range slices.Concat(r.Leaf, r.Callers) {
			if bare := strings.Trim(n.Pattern, "*"); len(bare) < 2 || strings.Contains(bare, "*") && !r.InProgram {
				t.Errorf("rule %d: %q", i, n.Pattern)
			}
		}
	}
	seen := map[Stage]bool{}
	for _, s := range All() {
		if seen[s] {
			t.Errorf("%s is listed twice", s)
		}
		seen[s] = true
	}
}

func TestClassify(t *testing.T) {
	c := NewClassifier()
	for _, k := range []struct {
		kernel, user string // innermost first
		want         Stage
	}{
		{"_copy_to_iter filemap_read vfs_read", "", CopyCacheToProgram},
		{"_copy_to_iter tcp_recvmsg_locked tcp_recvmsg", "", CopySocketToReceiver},
		{"rep_movs_alternative _copy_to_iter copy_page_to_iter filemap_read", "", CopyCacheToProgram},
		{"__x86_indirect_thunk_rax _copy_from_iter tcp_sendmsg_locked", "", CopyProgramToSocket},
		{"_copy_to_iter some_driver_read vfs_read ksys_read", "", Other}, // from where?
		{"copy_very_fast_to_user filemap_read vfs_read", "", Other},      // a kernel that names it otherwise
		{"memmove_avx1024 tcp_ack tcp_rcv_established", "", Other},       // and so of what may move the bytes
		{"memcpy_orig skb_copy_ubufs ip_local_deliver_finish", "", CopyDeferred},
		{"new_name_for_all_this ksys_read do_syscall_64", "", Other},
		{"memcpy tcp_options_write.isra.0 __tcp_transmit_skb", "", TCPIP},
		{"_raw_spin_unlock_irqrestore sock_def_readable tcp_data_queue", "", Scheduling},
		{"_raw_spin_unlock_irqrestore", "", Other},
		// A fault in the middle of a copy, and an interrupt in the middle of the fault.
		{"next_uptodate_folio filemap_map_pages handle_mm_fault asm_exc_page_fault _copy_from_iter tcp_sendmsg_locked", "", PageFaults},
		{"some_timer handle_softirqs __irq_exit_rcu asm_sysvec_apic_timer_interrupt handle_mm_fault asm_exc_page_fault", "", SoftInterrupts},
		{"_copy_to_iter handle_softirqs filemap_read", "", Other}, // filemap_read has nothing to do with it
		{"tcp_v4_rcv ip_local_deliver_finish net_rx_action handle_softirqs do_softirq __local_bh_enable_ip tcp_sendmsg", "", TCPIP},
		{"virtqueue_notify virtio_queue_rq blk_mq_dispatch_rq_list blk_mq_flush_plug_list __blk_flush_plug schedule io_schedule", "", BlockLayer},
		{"update_curr __schedule schedule io_schedule_timeout __iomap_dio_rw", "", Scheduling},
		{"pv_native_safe_halt default_idle do_idle", "", Idle},
		{"", "main.work main.main", Program},
		{"", "internal/runtime/syscall/linux.Syscall6 syscall.Syscall", Syscalls},
		{"", "crypto/internal/fips140/aes/gcm.gcmAesEnc crypto/tls.(*Conn).Write", Encryption},
		{"", "_copy_to_iter filemap_read", Program}, // whatever a program calls its functions
		{"", "", Other},
	} {
		if got := c.Classify(strings.Fields(k.kernel), strings.Fields(k.user)); got != k.want {
			t.Errorf("%s | %s: %s, want %s", k.kernel, k.user, got, k.want)
		}
	}
	if got := c.Classify([]string{"tls_push_record [tls]", "tls_sw_sendmsg [tls]"}, nil); got != Encryption {
		t.Errorf("a module's function is %s", got)
	}
}

// Any stack has exactly one stage, the same each time.
func FuzzClassify(f *testing.F) {
	f.Add("_copy_to_iter filemap_read", "main.main")
	f.Add("", "")
	f.Add(". [] [k] .isra.0 * **", "crypto/")
	c := NewClassifier()
	f.Fuzz(func(t *testing.T, kernel, user string) {
		k, u := strings.Split(kernel, " "), strings.Split(user, " ")
		if kernel == "" {
			k = nil
		}
		got := c.Classify(k, u)
		if !slices.Contains(All(), got) || c.Classify(k, u) != got {
			t.Errorf("%q, %q: %q", k, u, got)
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	c := NewClassifier()
	kernel := strings.Fields("rep_movs_alternative _copy_to_iter copy_page_to_iter filemap_read vfs_read ksys_read do_syscall_64 entry_SYSCALL_64_after_hwframe")
	for b.Loop() {
		c.Classify(kernel, nil)
	}
}
