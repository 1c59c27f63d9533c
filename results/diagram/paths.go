package diagram

import "copylab/results/stages"

// Where bytes come from, as in results.Params.Source.
const (
	FromFile   = "file"
	FromMemory = "memory"
)

// What several arrows say.
const (
	onlyOnMiss       = "on a cache miss only"
	firstTime        = "page tables; faults the first time round"
	referenceToPages = "references to the pages"
	linkedToRead     = "linked to the read"
	errorQueue       = "reads of the socket's error queue (recvmsg, ppoll), for notifications"
	waitsInPoller    = "calls that find the socket full (EAGAIN), and waits in Go's poller"
)

// What the paths' calls go by: copypaths' uringDepth, tlsBufferBytes, and the records of crypto/tls.
const (
	uringBatch           = 8
	tlsReadBytes   int64 = 32 << 10
	tlsRecordBytes int64 = 16 << 10
)

// Paths lists the diagram of every path, in the order of the catalogue of paths.
//
// What they say rests on these files of Linux: mm/filemap.c (filemap_read, filemap_splice_read), fs/splice.c (splice_direct_to_actor,
// splice_to_socket, copy_splice_read), net/ipv4/tcp.c (tcp_sendmsg_locked), net/core/skbuff.c (skb_copy_ubufs, skb_segment),
// net/tls/tls_sw.c, io_uring/net.c and io_uring/splice.c.
func Paths() []Path {
	return []Path{
		{
			ID: "read-write", Source: FromFile,
			Arrows: []Arrow{fromDisk(), copied(PageCache, Buffer, "read", stages.CopyCacheToProgram), copied(Buffer, SocketBuffer, "write", stages.CopyProgramToSocket)},
			Calls:  []Call{{Name: "read"}, {Name: "write"}},
		},
		{
			ID: "sendfile", Source: FromFile,
			Arrows:  []Arrow{fromDisk(), handed(PageCache, SocketBuffer, "sendfile", referenceToPages, stages.PassPages)},
			Calls:   []Call{{Name: "sendfile"}},
			Remarks: []string{"sendfile(2) works in steps of at most 64 KiB through a pipe of its own, inside the kernel: larger chunks save crossings, not steps."},
		},
		{
			ID: "mmap-write", Source: FromFile,
			Arrows: []Arrow{fromDisk(), handed(PageCache, Mapping, "", firstTime, stages.PageFaults), copied(Mapping, SocketBuffer, "write", stages.CopyProgramToSocket)},
			Calls:  []Call{{Name: "write"}}, MoreNow: "page faults the first time round, each of them a crossing to the kernel and back",
		},
		{
			ID: "splice", Source: FromFile,
			Arrows: []Arrow{fromDisk(), handed(PageCache, Pipe, "splice", referenceToPages, stages.CacheLookup), handed(Pipe, SocketBuffer, "splice", referenceToPages, stages.PassPages)},
			Calls:  []Call{{Name: "splice"}, {Name: "splice"}}, MoreNow: "two more for each round, where the pipe is smaller than a chunk",
		},
		{
			ID: "read-zerocopy", Source: FromFile, ZeroCopy: true,
			Arrows: []Arrow{fromDisk(), copied(PageCache, Buffer, "read", stages.CopyCacheToProgram), pinned(Buffer, "send")},
			Calls:  []Call{{Name: "read"}, {Name: "sendto"}}, MoreNow: errorQueue,
		},
		{
			ID: "mmap-zerocopy", Source: FromFile, ZeroCopy: true,
			Arrows: []Arrow{fromDisk(), handed(PageCache, Mapping, "", firstTime, stages.PageFaults), pinned(Mapping, "send")},
			Calls:  []Call{{Name: "sendto"}}, MoreNow: errorQueue,
		},
		{
			ID: "direct-write", Source: FromFile,
			Arrows: []Arrow{
				{From: Disk, To: Buffer, Kind: DMA, By: ByDisk, Call: "read", Note: "O_DIRECT: past the page cache"},
				copied(Buffer, SocketBuffer, "write", stages.CopyProgramToSocket),
			},
			Calls:   []Call{{Name: "read"}, {Name: "write"}},
			Remarks: []string{"O_DIRECT reads the disk each time, also where the page cache has the file: what a copy less saves, a slow disk takes back."},
		},
		{
			ID: "direct-sendfile", Source: FromFile,
			Arrows: []Arrow{
				{From: Disk, To: FreshPages, Kind: DMA, By: ByDisk, Call: "sendfile", Note: "O_DIRECT: past the page cache"},
				handed(FreshPages, SocketBuffer, "", referenceToPages, stages.PassPages),
			},
			Calls:   []Call{{Name: "sendfile"}},
			Remarks: []string{"O_DIRECT reads the disk each time, also where the page cache has the file. The kernel waits for all of an inner step of 64 KiB before the socket gets any of it."},
		},
		{
			ID: "uring-read-send", Source: FromFile,
			Arrows: []Arrow{fromDisk(), copied(PageCache, Buffer, "io_uring_enter", stages.CopyCacheToProgram), noted(copied(Buffer, SocketBuffer, "", stages.CopyProgramToSocket), linkedToRead)},
			Calls:  []Call{{Name: "io_uring_enter", Batch: uringBatch}},
		},
		{
			ID: "uring-send-zc", Source: FromFile, ZeroCopy: true,
			Arrows: []Arrow{fromDisk(), copied(PageCache, Buffer, "io_uring_enter", stages.CopyCacheToProgram), noted(pinned(Buffer, ""), linkedToRead)},
			Calls:  []Call{{Name: "io_uring_enter", Batch: uringBatch}}, MoreNow: "calls to wait for notifications",
		},
		{
			ID: "uring-splice", Source: FromFile,
			Arrows: []Arrow{
				fromDisk(),
				by(ByWorker, handed(PageCache, Pipe, "io_uring_enter", referenceToPages, stages.CacheLookup)),
				by(ByWorker, handed(Pipe, SocketBuffer, "", "linked to the first", stages.PassPages)),
			},
			Calls:   []Call{{Name: "io_uring_enter", Batch: uringBatch}},
			Remarks: []string{"io_uring never runs a SPLICE at once: a worker thread of the kernel (iou-wrk) does. Its CPU time is the process's, not that of the thread which sends."},
		},
		{
			ID: "tls", Source: FromFile, TLS: true,
			Arrows: []Arrow{
				fromDisk(), copied(PageCache, Buffer, "read", stages.CopyCacheToProgram),
				{From: Buffer, To: Record, Kind: CipherPass, By: BySender, Note: "crypto/tls", Stage: stages.Encryption},
				copied(Record, SocketBuffer, "write", stages.CopyProgramToSocket),
			},
			Calls: []Call{{Name: "read", EachBytes: tlsReadBytes}, {Name: "write", EachBytes: tlsRecordBytes}},
		},
		{
			ID: "ktls-sendfile", Source: FromFile, TLS: true,
			Arrows: []Arrow{fromDisk(), {
				From: PageCache, To: SocketBuffer, Kind: CipherPass, By: BySender, Call: "sendfile", Note: "kernel TLS, into pages of its own", Stage: stages.Encryption,
			}},
			Calls:   []Call{{Name: "sendfile"}},
			Remarks: []string{"The kernel may encrypt later, and on another CPU. A network card that encrypts itself would take the cipher pass away; copylab leaves that off."},
		},
		{
			ID: "go-io-copy", Source: FromFile,
			Arrows: []Arrow{fromDisk(), handed(PageCache, SocketBuffer, "sendfile", referenceToPages, stages.PassPages)},
			Calls:  []Call{{Name: "sendfile"}}, MoreNow: waitsInPoller,
			Remarks: []string{"io.Copy finds sendfile(2) by itself, as long as neither the file nor the connection is wrapped in another type: go-copy-buffer shows what happens then."},
		},
		{
			ID: "go-copy-buffer", Source: FromFile,
			Arrows: []Arrow{fromDisk(), copied(PageCache, Buffer, "read", stages.CopyCacheToProgram), copied(Buffer, SocketBuffer, "write", stages.CopyProgramToSocket)},
			Calls:  []Call{{Name: "read"}, {Name: "write"}}, MoreNow: waitsInPoller,
		},
		{
			ID: "send", Source: FromMemory,
			Arrows: []Arrow{gathered(), copied(Buffer, SocketBuffer, "send", stages.CopyProgramToSocket)},
			Calls:  []Call{{Name: "sendto"}},
		},
		{
			ID: "sendmsg", Source: FromMemory,
			Arrows: []Arrow{noted(copied(Fields, SocketBuffer, "sendmsg", stages.CopyProgramToSocket), "gathers the fields too")},
			Calls:  []Call{{Name: "sendmsg"}},
		},
		{
			ID: "send-zerocopy", Source: FromMemory, ZeroCopy: true,
			Arrows: []Arrow{gathered(), pinned(Buffer, "send")},
			Calls:  []Call{{Name: "sendto"}}, MoreNow: errorQueue,
		},
		{
			ID: "uring-send", Source: FromMemory,
			Arrows: []Arrow{gathered(), copied(Buffer, SocketBuffer, "io_uring_enter", stages.CopyProgramToSocket)},
			Calls:  []Call{{Name: "io_uring_enter", Batch: uringBatch}},
		},
		{
			ID: "uring-send-zc", Source: FromMemory, ZeroCopy: true,
			Arrows: []Arrow{gathered(), pinned(Buffer, "io_uring_enter")},
			Calls:  []Call{{Name: "io_uring_enter", Batch: uringBatch}}, MoreNow: "calls to wait for notifications",
		},
		{ID: "null", Remarks: []string{"The null path moves nothing and makes no system call: what it measures is the tool itself."}},
	}
}

// PathOf returns the diagram of the path of that ID from that source; the null path's whatever the source.
func PathOf(source, id string) (Path, bool) {
	for _, p := range Paths() {
		if p.ID == id && (p.Source == source || p.Source == "") {
			return p, true
		}
	}
	return Path{}, false
}

func fromDisk() Arrow {
	return Arrow{From: Disk, To: PageCache, Kind: DMA, By: ByDisk, When: onlyOnMiss}
}

func copied(from, to Place, call string, s stages.Stage) Arrow {
	return Arrow{From: from, To: to, Kind: CPUCopy, By: BySender, Call: call, Stage: s}
}

func handed(from, to Place, call, note string, s stages.Stage) Arrow {
	return Arrow{From: from, To: to, Kind: Descriptor, By: BySender, Call: call, Note: note, Stage: s}
}

// pinned is a zero-copy send, which pins the pages and notifies when it is done with them.
func pinned(from Place, call string) Arrow {
	return handed(from, SocketBuffer, call, "zero copy: "+referenceToPages, stages.PassPages)
}

func gathered() Arrow {
	return Arrow{From: Fields, To: Buffer, Kind: CPUCopy, By: BySender, Note: "the program gathers the fields", Stage: stages.CopyInProgram}
}

func by(who Actor, a Arrow) Arrow {
	a.By = who
	return a
}

func noted(a Arrow, note string) Arrow {
	if a.Note != "" {
		note = a.Note + "; " + note
	}
	a.Note = note
	return a
}
