package diagram_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"copylab/results/diagram"
	"copylab/results/measured"
	"copylab/results/stages"
)

// What is known of each path: system calls per chunk of 64 KiB, and CPU copies on the sender's side, over a NIC with scatter-gather and
// checksums, over one without, over loopback and over veth. In that order, deferred copies included.
func TestTheory(t *testing.T) {
	type counts struct {
		least, most float64 // crossings
		cpu         [4]int
		deferred    int // on loopback and veth
		cipher      int
		gather      int
		onMiss, dma int // over a NIC
	}
	want := map[string]counts{
		"file read-write":      {4, 4, [4]int{2, 3, 2, 2}, 0, 0, 0, 1, 1},
		"file sendfile":        {2, 2, [4]int{0, 1, 0, 0}, 0, 0, 0, 1, 1},
		"file mmap-write":      {2, 2, [4]int{1, 2, 1, 1}, 0, 0, 0, 1, 1},
		"file splice":          {4, 4, [4]int{0, 1, 0, 0}, 0, 0, 0, 1, 1},
		"file read-zerocopy":   {4, 4, [4]int{1, 2, 2, 2}, 1, 0, 0, 1, 1},
		"file mmap-zerocopy":   {2, 2, [4]int{0, 1, 1, 1}, 1, 0, 0, 1, 1},
		"file direct-write":    {4, 4, [4]int{1, 2, 1, 1}, 0, 0, 0, 0, 2},
		"file direct-sendfile": {2, 2, [4]int{0, 1, 0, 0}, 0, 0, 0, 0, 2},
		"file uring-read-send": {0.25, 2, [4]int{2, 3, 2, 2}, 0, 0, 0, 1, 1},
		"file uring-send-zc":   {0.25, 2, [4]int{1, 2, 2, 2}, 1, 0, 0, 1, 1},
		"file uring-splice":    {0.25, 2, [4]int{0, 1, 0, 0}, 0, 0, 0, 1, 1},
		"file tls":             {12, 12, [4]int{2, 3, 2, 2}, 0, 1, 0, 1, 1},
		"file ktls-sendfile":   {2, 2, [4]int{0, 1, 0, 0}, 0, 1, 0, 1, 1},
		"file go-io-copy":      {2, 2, [4]int{0, 1, 0, 0}, 0, 0, 0, 1, 1},
		"file go-copy-buffer":  {4, 4, [4]int{2, 3, 2, 2}, 0, 0, 0, 1, 1},
		"memory send":          {2, 2, [4]int{1, 2, 1, 1}, 0, 0, 1, 0, 1},
		"memory sendmsg":       {2, 2, [4]int{1, 2, 1, 1}, 0, 0, 0, 0, 1},
		"memory send-zerocopy": {2, 2, [4]int{0, 1, 1, 1}, 1, 0, 1, 0, 1},
		"memory uring-send":    {0.25, 2, [4]int{1, 2, 1, 1}, 0, 0, 1, 0, 1},
		"memory uring-send-zc": {0.25, 2, [4]int{0, 1, 1, 1}, 1, 0, 1, 0, 1},
		" null":                {0, 0, [4]int{}, 0, 0, 0, 0, 0},
	}
	recv, _ := diagram.ReceiverOf("recv")
	for _, p := range diagram.Paths() {
		name := p.Source + " " + p.ID
		w, ok := want[name]
		if !ok {
			t.Errorf("no expectation of %s", name)
			continue
		}
		delete(want, name)
		if least, most := p.Crossings(64 << 10); least != w.least || most != w.most {
			t.Errorf("%s: %v to %v crossings, want %v to %v", name, least, most, w.least, w.most)
		}
		for i, l := range diagram.Links() {
			expected := diagram.Copies{CPU: w.cpu[i], InProgram: w.gather, Cipher: w.cipher, OnMiss: w.onMiss, DMA: w.dma}
			if l == diagram.Loopback || l == diagram.Veth {
				expected.Deferred = w.deferred
				expected.DMA = max(0, w.dma-1)
			}
			if got := p.On(l, recv).SenderCopies(); got != expected {
				t.Errorf("%s over %s: %+v, want %+v", name, l, got, expected)
			}
		}
		if p.ID == "null" {
			continue
		}
		// A veth link without scatter-gather copies like a card without it, and one without checksums copies what is only referred to.
		expected := diagram.Copies{CPU: w.cpu[1], InProgram: w.gather, Cipher: w.cipher, OnMiss: w.onMiss, DMA: max(0, w.dma-1)}
		if got := p.On(diagram.VethWithoutSG, recv).SenderCopies(); got != expected {
			t.Errorf("%s over veth sg=off: %+v, want %+v", name, got, expected)
		}
		if slices.Contains([]string{"file read-write", "file mmap-write", "file direct-write", "file uring-read-send", "file tls", "file go-copy-buffer", "memory send", "memory sendmsg", "memory uring-send"}, name) {
			expected.CPU--
		}
		if got := p.On(diagram.VethWithoutChecksums, recv).SenderCopies(); got != expected {
			t.Errorf("%s over veth csum=off: %+v, want %+v", name, got, expected)
		}
	}
	for name := range want {
		t.Errorf("there is no path %s", name)
	}
}

// What each receiver adds.
func TestReceivers(t *testing.T) {
	sendfile, _ := diagram.PathOf(diagram.FromFile, "sendfile")
	zerocopy, _ := diagram.PathOf(diagram.FromMemory, "send-zerocopy")
	tls, _ := diagram.PathOf(diagram.FromFile, "tls")
	for _, c := range []struct {
		id    string
		path  diagram.Path
		link  diagram.Link
		want  diagram.Copies
		calls int
	}{
		{"recv", sendfile, diagram.Loopback, diagram.Copies{CPU: 1}, 1},
		{"recv", sendfile, diagram.NIC, diagram.Copies{CPU: 1, DMA: 1}, 1},
		{"recv", tls, diagram.Loopback, diagram.Copies{CPU: 1, Cipher: 1}, 1},
		{"discard", sendfile, diagram.Loopback, diagram.Copies{}, 1},
		{"checksum", sendfile, diagram.Veth, diagram.Copies{CPU: 1}, 1},
		{"splice-null", sendfile, diagram.Loopback, diagram.Copies{}, 2},
		{"zerocopy-receive", sendfile, diagram.Loopback, diagram.Copies{CPU: 1}, 1},
		{"zerocopy-receive", zerocopy, diagram.Loopback, diagram.Copies{}, 1},
		{"zerocopy-receive", zerocopy, diagram.VethWithoutSG, diagram.Copies{CPU: 1}, 1},
		{"zerocopy-receive", sendfile, diagram.NIC, diagram.Copies{DMA: 1}, 1},
		{"file", sendfile, diagram.Loopback, diagram.Copies{CPU: 2}, 2},
		{"file-splice", sendfile, diagram.Loopback, diagram.Copies{CPU: 1}, 2},
	} {
		r, ok := diagram.ReceiverOf(c.id)
		if !ok {
			t.Fatalf("there is no receiver %s", c.id)
		}
		if got := c.path.On(c.link, r).ReceiverCopies(); got != c.want {
			t.Errorf("%s of %s over %s: %+v, want %+v", c.id, c.path.ID, c.link, got, c.want)
		}
		if len(r.Calls) != c.calls {
			t.Errorf("%s makes %v, want %d calls", c.id, r.Calls, c.calls)
		}
	}
}

// every calls see for each diagram that there is.
func every(see func(name string, d diagram.Diagram)) {
	for _, p := range diagram.Paths() {
		for _, r := range diagram.Receivers() {
			if !r.Takes(p) {
				continue
			}
			for _, l := range append(diagram.Links(), diagram.VethWithoutSG, diagram.VethWithoutChecksums) {
				see(fmt.Sprintf("%s %s over %s to %s", p.Source, p.ID, l, r.ID), p.On(l, r))
			}
		}
	}
}

// A diagram is one unbroken chain from the source to the receiver, and every arrow says who makes it.
func TestChains(t *testing.T) {
	drawn := 0
	every(func(name string, d diagram.Diagram) {
		if d.Path.ID == "null" {
			if len(d.Arrows) != 0 {
				t.Errorf("%s has arrows", name)
			}
			return
		}
		drawn++
		calls := []string{}
		for i, a := range d.Arrows {
			if a.By == "" || !slices.Contains(diagram.Kinds(), a.Kind) {
				t.Errorf("%s: arrow %d is %q by %q", name, a.Number, a.Kind, a.By)
			}
			if i > 0 && d.Arrows[i-1].To != a.From {
				t.Errorf("%s: arrow %d begins at %q, the one before ends at %q", name, a.Number, a.From, d.Arrows[i-1].To)
			}
			if i > 0 && (a.Part < d.Arrows[i-1].Part || a.Number < d.Arrows[i-1].Number) {
				t.Errorf("%s: arrow %d is out of order", name, a.Number)
			}
			if byDevice := a.By == diagram.ByDisk || a.By == diagram.ByCard || a.By == diagram.ByReceiverCard; byDevice != (a.Kind == diagram.DMA) || byDevice && a.Stage != "" {
				t.Errorf("%s: arrow %d is %s by %s of the stage %q", name, a.Number, a.Kind, a.By, a.Stage)
			}
			if costs := a.Kind == diagram.CPUCopy || a.Kind == diagram.DeferredCopy || a.Kind == diagram.CipherPass || a.Kind == diagram.ReadPass; costs && a.Stage == "" {
				t.Errorf("%s: nothing tells what arrow %d costs", name, a.Number)
			}
			if a.Part == diagram.Sending && a.Call != "" {
				calls = append(calls, a.Call)
			}
		}
		// Each of the path's calls begins with one of its arrows.
		if len(calls) != len(d.Path.Calls) {
			t.Errorf("%s: the arrows begin %v, the path makes %v", name, calls, d.Path.Calls)
		}
		if last := d.Arrows[len(d.Arrows)-1]; last.Part != diagram.Receiving {
			t.Errorf("%s ends before the receiver", name)
		}
	})
	if drawn < 300 {
		t.Errorf("only %d diagrams", drawn)
	}
}

func cost(ns float64) diagram.Cost {
	return diagram.Cost{NSPerKiB: measured.Known(ns), Low: measured.Known(ns * 0.9), High: measured.Known(ns * 1.1), Share: measured.Known(ns / 300)}
}

// Where a measurement agrees with theory there is nothing to remark; where it does not, the remark says what.
func TestWithMeasurement(t *testing.T) {
	path, _ := diagram.PathOf(diagram.FromFile, "read-write")
	recv, _ := diagram.ReceiverOf("recv")
	theory := path.On(diagram.Loopback, recv)
	m := diagram.Measurement{
		ChunkBytes: 64 << 10,
		Sender: diagram.Side{
			CrossingsPerChunk: measured.Known(4.02),
			Stages:            []diagram.StageCost{{stages.CopyCacheToProgram, cost(61)}, {stages.CopyProgramToSocket, cost(58)}, {stages.TCPIP, cost(40)}},
		},
		Receiver: diagram.Side{Stages: []diagram.StageCost{{stages.CopySocketToReceiver, cost(90)}}},
	}
	got := theory.With(m)
	if len(got.Remarks) != len(theory.Remarks) {
		t.Errorf("remarks %q, want those of theory: %q", got.Remarks, theory.Remarks)
	}
	if ns, _ := got.Arrows[1].Cost.NSPerKiB.Get(); ns != 61 {
		t.Errorf("arrow 2 costs %v", ns)
	}
	if _, known := got.Arrows[0].Cost.NSPerKiB.Get(); known {
		t.Error("DMA costs CPU time")
	}
	if s, r := got.Elsewhere(); len(s) != 1 || s[0].Stage != stages.TCPIP || len(r) != 0 {
		t.Errorf("elsewhere %v and %v", s, r)
	}
	if _, known := theory.Arrows[1].Cost.NSPerKiB.Get(); known || theory.Measured != nil {
		t.Error("the theory was changed")
	}

	// sendfile that copies after all, and makes more calls than it should; and a copy that is not there.
	path, _ = diagram.PathOf(diagram.FromFile, "sendfile")
	m.Sender.CrossingsPerChunk = measured.Known(8.0)
	m.Receiver.Stages = []diagram.StageCost{{stages.Scheduling, cost(5)}}
	text := strings.Join(path.On(diagram.Loopback, recv).With(m).Remarks, "\n")
	for _, want := range []string{
		`Theory has no "copy page cache to program" here; the sender's CPU profile shows 61 ns/KiB of it.`,
		`Theory has no "copy program to socket" here`,
		`Theory expects arrow 4, a CPU copy; the receiver's CPU profile does not show it (no sample was in it).`,
		`8.00 crossings per chunk were measured, where theory expects 2: calls that are cut short`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no remark %q in\n%s", want, text)
		}
	}

	// A deferred copy that is in the receiver's profile alone is the receiver's.
	path, _ = diagram.PathOf(diagram.FromMemory, "send-zerocopy")
	m = diagram.Measurement{Receiver: diagram.Side{Stages: []diagram.StageCost{{stages.CopyDeferred, cost(33)}, {stages.CopySocketToReceiver, cost(90)}}}, Sender: diagram.Side{StagesWhy: "no profile"}}
	for _, a := range path.On(diagram.Veth, recv).With(m).Arrows {
		if ns, _ := a.Cost.NSPerKiB.Get(); a.Kind == diagram.DeferredCopy && ns != 33 {
			t.Errorf("the deferred copy costs %v", a.Cost)
		}
		if a.Kind == diagram.CPUCopy && a.By == diagram.BySender && a.Cost.NSPerKiB.Why() != "no profile" {
			t.Errorf("the sender's arrow says %q", a.Cost.NSPerKiB)
		}
	}
}

// Over a veth link without scatter-gather the copy has its cost, and no remark calls it unexpected: whichever side's time it was made in.
func TestSegmentsWithMeasurement(t *testing.T) {
	path, _ := diagram.PathOf(diagram.FromFile, "sendfile")
	recv, _ := diagram.ReceiverOf("recv")
	m := diagram.Measurement{
		Sender:   diagram.Side{Stages: []diagram.StageCost{{stages.PassPages, cost(20)}, {stages.CopyToSegments, cost(120)}}},
		Receiver: diagram.Side{Stages: []diagram.StageCost{{stages.CopySocketToReceiver, cost(90)}, {stages.CopyToSegments, cost(40)}}},
	}
	for _, l := range []diagram.Link{diagram.VethWithoutSG, diagram.VethWithoutChecksums} {
		got := path.On(l, recv).With(m)
		if between := got.Of(diagram.Between); len(between) != 2 || between[0].Kind != diagram.CPUCopy || between[0].Cost.NSPerKiB != measured.Known(120.0) {
			t.Errorf("%s: between the sockets are %+v", l, between)
		}
		text := strings.Join(got.Remarks, "\n")
		if strings.Contains(text, "Theory has no") || !strings.Contains(text, "Of the copy into linear segments, the receiver's CPU profile shows 40 ns/KiB") {
			t.Errorf("%s: remarks\n%s", l, text)
		}
	}
	if text := strings.Join(path.On(diagram.Veth, recv).With(m).Remarks, "\n"); !strings.Contains(text, `Theory has no "copy into linear segments" here; the sender's`) {
		t.Errorf("with scatter-gather: remarks\n%s", text)
	}
}
