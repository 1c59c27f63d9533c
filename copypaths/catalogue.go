package copypaths

// Catalogue lists every path that copylab knows, in the order in which lists and charts show them.
func Catalogue() []Path {
	return []Path{
		{ID: "read-write", Title: "read(2) into one buffer, write(2) to the socket", Syscalls: []string{"read", "write"}, Connection: Descriptor, bind: readWrite()},
		{ID: "sendfile", Title: "sendfile(2) from the page cache to the socket", Syscalls: []string{"sendfile"}, Connection: Descriptor, bind: sendfile()},
		{ID: "mmap-write", Title: "map the file, write(2) the mapping to the socket", Syscalls: []string{"write"}, Connection: Descriptor, bind: mmapWrite()},
		{ID: "splice", Title: "splice(2) from the page cache to a pipe and on to the socket", Syscalls: []string{"splice", "splice"}, Connection: Descriptor, bind: splice()},
		{ID: "read-zerocopy", Title: "read(2) into a ring of buffers, send(2) with MSG_ZEROCOPY", Syscalls: []string{"read", "sendto"}, Connection: Descriptor, bind: readZerocopy()},
		{ID: "mmap-zerocopy", Title: "map the file, send(2) the mapping with MSG_ZEROCOPY", Syscalls: []string{"sendto"}, Connection: Descriptor, bind: mmapZerocopy()},
		{ID: "direct-write", Title: "read(2) past the page cache (O_DIRECT), write(2) to the socket", Syscalls: []string{"read", "write"}, Connection: Descriptor, Direct: true, bind: directWrite()},
		{ID: "direct-sendfile", Title: "sendfile(2) past the page cache (O_DIRECT) to the socket", Syscalls: []string{"sendfile"}, Connection: Descriptor, Direct: true, WholeBlocks: true, bind: directSendfile()},
		{ID: "uring-read-send", Title: "io_uring: READ_FIXED into a registered buffer, linked SEND", Syscalls: []string{"io_uring_enter"}, Connection: Descriptor, bind: uringReadSend()},
		{ID: "uring-send-zc", Title: "io_uring: READ_FIXED into a ring of buffers, linked SEND_ZC", Syscalls: []string{"io_uring_enter"}, Connection: Descriptor, bind: uringSendZC()},
		{ID: "uring-splice", Title: "io_uring: SPLICE from the page cache to a pipe, linked SPLICE to the socket", Syscalls: []string{"io_uring_enter"}, Connection: Descriptor, bind: uringSplice()},
		{ID: "go-io-copy", Title: "Go's io.Copy from os.File to net.TCPConn", Connection: GoConn, bind: goIOCopy()},
		{ID: "go-copy-buffer", Title: "Go's io.CopyBuffer with both ends wrapped, so that it really copies", Connection: GoConn, bind: goCopyBuffer()},
		{ID: "null", Title: "moves nothing: the cost of the tool itself", Connection: NoConnection, bind: null()},
	}
}

// Find returns the path of that ID.
func Find(id string) (Path, bool) {
	for _, p := range Catalogue() {
		if p.ID == id {
			return p, true
		}
	}
	return Path{}, false
}
