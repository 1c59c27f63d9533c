package kernel

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// sampleBody is a sample as the kernel writes it: PERF_SAMPLE_IP, TID, TIME, CPU and CALLCHAIN.
func sampleBody(pid, tid uint32, address uint64, chain ...uint64) []byte {
	b := binary.NativeEndian.AppendUint64(nil, address)
	b = binary.NativeEndian.AppendUint32(b, pid)
	b = binary.NativeEndian.AppendUint32(b, tid)
	b = binary.NativeEndian.AppendUint64(b, 123456789)
	b = binary.NativeEndian.AppendUint64(b, 1)
	b = binary.NativeEndian.AppendUint64(b, uint64(len(chain)))
	for _, c := range chain {
		b = binary.NativeEndian.AppendUint64(b, c)
	}
	return b
}

const (
	inKernel = 0xffffffff81000000
	inUser   = 0x400000
)

func TestStackCounts(t *testing.T) {
	asked := 0
	s := newStackCounts(func(_, tid int) string { asked++; return fmt.Sprint("thread ", tid) })
	for range 3 {
		s.take(sampleBody(7, 8, inKernel, chainKernel, inKernel, inKernel+16, chainUser, inUser, inUser+16))
	}
	s.take(sampleBody(7, 9, inKernel, chainKernel, inKernel, inKernel+16, chainUser, inUser, inUser+16)) // another thread
	s.take(sampleBody(7, 8, inUser, chainUser, inUser))
	s.take(sampleBody(7, 8, inUser))                                                                      // no stack, in user mode: the same
	s.take(sampleBody(0, 0, inKernel))                                                                    // nor here, where the CPU was idle
	s.take(sampleBody(7, 8, 1, chainKernel, inKernel, ^uint64(0x880-1), 5, 6, ^uint64(0x20-1), 7, 0xfff)) // a virtual machine's addresses are left out
	want := []SampledStack{
		{PID: 7, TID: 8, Thread: "thread 8", Kernel: []uint64{inKernel, inKernel + 16}, User: []uint64{inUser, inUser + 16}, Count: 3},
		{PID: 7, TID: 8, Thread: "thread 8", User: []uint64{inUser}, Count: 2},
		{PID: 0, TID: 0, Thread: "thread 0", Kernel: []uint64{inKernel}, Count: 1},
		{PID: 7, TID: 8, Thread: "thread 8", Kernel: []uint64{inKernel}, Count: 1},
		{PID: 7, TID: 9, Thread: "thread 9", Kernel: []uint64{inKernel, inKernel + 16}, User: []uint64{inUser, inUser + 16}, Count: 1},
	}
	got, unknown := s.list()
	if !slices.EqualFunc(got, want, func(a, b SampledStack) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if unknown == "" {
		t.Error("samples of threads are told to be late or not")
	}
	if s.total != 8 || s.unkept != 0 || asked != 3 {
		t.Errorf("%d samples, %d not kept, %d threads asked for; want 8, 0, 3", s.total, s.unkept, asked)
	}
}

func TestSamplesOfAProcess(t *testing.T) {
	all := Samples{PeriodNS: 10, ClockNS: 900, Total: 9, Lost: 2, Unkept: 1, Kernel: Available(), Stacks: []SampledStack{
		{PID: 7, TID: 8, Count: 4, Late: 2}, {Count: 3, Late: 1}, {PID: 7, TID: 9, Count: 1}, {PID: 9, TID: 9, Count: 1},
	}, Late: 3}
	if whole := all.OfCPU(); whole.ClockNS != 60 || whole.Total != 9 || whole.Late != 3 {
		t.Errorf("of the CPU: %+v", whole)
	}
	got := all.Of(7)
	if got.Total != 5 || got.Late != 2 || got.ClockNS != 30 || got.Lost != 2 || got.Unkept != 1 || got.Kernel.State != StateAvailable || len(got.Stacks) != 2 || got.Stacks[1].TID != 9 {
		t.Errorf("got %+v", got)
	}
	if none := all.Of(8); none.Total != 0 || none.ClockNS != 0 || len(none.Stacks) != 0 || len(all.Stacks) != 4 {
		t.Errorf("of no process: %+v; of all: %+v", none, all)
	}
}

// Samples that come long after they were due are told from the others by when these come.
func TestLateSamples(t *testing.T) {
	const grid = 871_361
	sample := func(address, when uint64) []byte {
		b := sampleBody(7, 8, address, chainKernel, address)
		binary.NativeEndian.PutUint64(b[16:], when)
		return b
	}
	for _, due := range []uint64{0, 500_000, grid - 3_000} { // in the last, some come in the next round
		s := newStackCounts(func(int, int) string { return "" })
		s.gridNS = grid
		for i := range uint64(50) {
			s.take(sample(inKernel, 1e12/grid*grid+i*grid+due+1_500+i*137%9_000))
		}
		for i := range uint64(10) {
			s.take(sample(inKernel+1+i%2, 1e12/grid*grid+(50+i)*grid+due+40_000+i*60_000))
		}
		for i := range uint64(3) { // quicker than most
			s.take(sample(inKernel+3, 1e12/grid*grid+(70+i)*grid+due-50_000*i-1))
		}
		got, unknown := s.list()
		if unknown != "" || len(got) != 4 || got[3].Late != 0 || got[0].Count != 50 || got[0].Late != 0 || got[1].Count != 5 || got[1].Late != 5 || got[2].Late != 5 {
			t.Errorf("due at %d: got %+v", due, got)
		}
		s.forgetTimes()
		if _, unknown := s.list(); unknown == "" {
			t.Error("times were forgotten, and it is told which samples are late")
		}
	}
	s := newStackCounts(func(int, int) string { return "" }) // without a time at which most come
	s.gridNS = grid
	for i := range uint64(20) {
		s.take(sample(inKernel, 1e12+i*grid+i*40_000))
	}
	if got, unknown := s.list(); got[0].Late != 0 || unknown == "" {
		t.Errorf("%d of samples that come at any time are late, %q", got[0].Late, unknown)
	}
}

func TestStackCountsCutOff(t *testing.T) {
	s := newStackCounts(func(int, int) string { return "" })
	whole := sampleBody(1, 1, inUser, chainUser, inUser)
	for n := range len(whole) {
		if s.take(whole[:n]) {
			t.Errorf("the first %d of %d bytes were taken for a sample", n, len(whole))
		}
	}
	binary.NativeEndian.PutUint64(whole[sampleHead-8:], 1<<62)
	if s.take(whole) || s.total != 0 {
		t.Error("a chain longer than its record was taken")
	}
}

// Memory stays bounded however many different stacks there are, and what is not kept is counted.
func TestStackCountsBounded(t *testing.T) {
	s := newStackCounts(func(int, int) string { return "" })
	chain := make([]uint64, 128)
	chain[0] = chainKernel
	const samples = 40_000
	for i := range uint64(samples) {
		chain[1] = inKernel + i
		s.take(sampleBody(1, 1, inKernel, chain...))
	}
	if s.bytes > maxStackBytes || s.unkept == 0 || s.total != samples || int64(len(s.stacks))+s.unkept != samples {
		t.Errorf("%d bytes in %d stacks, %d of %d samples not kept", s.bytes, len(s.stacks), s.unkept, s.total)
	}
	kept, unkept := len(s.stacks), s.unkept
	chain[1] = inKernel
	s.take(sampleBody(1, 1, inKernel, chain...))
	if len(s.stacks) != kept || s.unkept != unkept {
		t.Error("a stack that was seen before found no room")
	}
}

func TestStackCountsDoNotAllocate(t *testing.T) {
	s := newStackCounts(func(int, int) string { return "" })
	body := sampleBody(1, 1, inKernel, chainKernel, inKernel, inKernel+16)
	s.take(body)
	if n := testing.AllocsPerRun(100, func() { s.take(body) }); n != 0 {
		t.Errorf("a stack that was seen before takes %v allocations", n)
	}
}

func FuzzStackCounts(f *testing.F) {
	f.Add(sampleBody(1, 2, inKernel, chainKernel, inKernel, chainUser, inUser))
	f.Add(sampleBody(1, 2, inUser))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, body []byte) {
		s := newStackCounts(func(int, int) string { return "" })
		took := s.take(body)
		if list, _ := s.list(); took != (s.total == 1) || took != (len(list) == 1) {
			t.Errorf("taken: %v, %d samples, %d stacks", took, s.total, len(list))
		}
	})
}

const someSymbols = `ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81b6a290 t __pfx__copy_to_iter
ffffffff81b6a2b0 T _copy_to_iter
ffffffff81b6a900 d not_a_function
ffffffff821f3a60 W __memcpy
ffffffff821f3a60 T __pi_memcpy
ffffffff821f3a60 T memcpy
ffffffff821f3a80 t memcpy_orig
ffffffffc0401000 t tls_sw_sendmsg	[tls]
ffffffffc0300000 t veth_xmit	[veth]
`

func TestKernelSymbols(t *testing.T) {
	s, err := parseKernelSymbols(strings.NewReader(someSymbols))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		address      uint64
		name, module string
	}{
		{0xffffffff80ffffff, "", ""}, // before all
		{0xffffffff81b6a2b0, "_copy_to_iter", ""},
		{0xffffffff81b6a2af, "", ""}, // padding, and too far behind the function before it
		{0xffffffff81b6a950, "_copy_to_iter", ""},
		{0xffffffff821f3a60, "memcpy", ""},
		{0xffffffff821f3a7f, "memcpy", ""},
		{0xffffffff821f3a80, "memcpy_orig", ""},
		{0xffffffffc0300010, "veth_xmit", "veth"}, // modules are not in order
		{0xffffffffc0401000, "tls_sw_sendmsg", "tls"},
		{0xffffffffc0501000, "", ""}, // far behind the last
	} {
		name, module, ok := s.Find(c.address)
		if name != c.name || module != c.module || ok != (c.name != "") {
			t.Errorf("%x is %q of %q, %v; want %q of %q", c.address, name, module, ok, c.name, c.module)
		}
	}
	if s.Len() != 6 {
		t.Errorf("%d functions, want 6", s.Len())
	}
}

func TestKernelSymbolsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"0000000000000000 T _text\n0000000000000000 t foo\n": "kptr_restrict",
		"":                              "no function",
		"ffffffff81000000 D data\n":     "no function",
		"zz T _text\n":                  "line 1",
		"ffffffff81000000 T a\nrubbish": "line 2",
	} {
		if s, err := parseKernelSymbols(strings.NewReader(text)); err == nil || s != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one that says %q", text, err, want)
		}
	}
}

func FuzzKernelSymbols(f *testing.F) {
	f.Add(someSymbols)
	f.Add("0000000000000000 T _text\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseKernelSymbols(strings.NewReader(text))
		if (s == nil) == (err == nil) {
			t.Fatalf("symbols %v and error %v", s, err)
		}
		if s == nil {
			return
		}
		for i, address := range s.addresses {
			if i > 0 && address <= s.addresses[i-1] {
				t.Fatal("addresses are not in order")
			}
			if name, _, ok := s.Find(address); !ok || name == "" {
				t.Fatalf("%x has no name", address)
			}
		}
	})
}

func TestParseMaps(t *testing.T) {
	got := parseMaps(strings.NewReader(`00400000-00500000 r-xp 00000000 fe:00 1234                              /usr/bin/copylab
00500000-00600000 rw-p 00000000 fe:00 1234                              /usr/bin/copylab
c000000000-c000400000 rw-p 00000000 00:00 0
7ffd1b5f4000-7ffd1b5f6000 r-xp 00000000 00:00 0                          [vdso]
x-y r-xp 00000000 00:00 0 bad
`))
	want := []mappedRegion{{0x400000, 0x500000, "copylab"}, {0x7ffd1b5f4000, 0x7ffd1b5f6000, "[vdso]"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
