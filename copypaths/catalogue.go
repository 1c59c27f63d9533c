package copypaths

// Catalogue lists every path that copylab knows, in the order in which lists and charts show them.
func Catalogue() []Path {
	return []Path{
		{ID: "read-write", Source: FromFile, Title: "read(2) into one buffer, write(2) to the socket", Syscalls: []string{"read", "write"}, Connection: Descriptor, bind: readWrite()},
		{ID: "sendfile", Source: FromFile, Title: "sendfile(2) from the page cache to the socket", Syscalls: []string{"sendfile"}, Connection: Descriptor, bind: sendfile()},
		{ID: "mmap-write", Source: FromFile, Title: "map the file, write(2) the mapping to the socket", Syscalls: []string{"write"}, Connection: Descriptor, bind: mmapWrite()},
		{ID: "splice", Source: FromFile, Title: "splice(2) from the page cache to a pipe and on to the socket", Syscalls: []string{"splice", "splice"}, Connection: Descriptor, bind: splice()},
		{ID: "read-zerocopy", Source: FromFile, Title: "read(2) into a ring of buffers, send(2) with MSG_ZEROCOPY", Syscalls: []string{"read", "sendto"}, Connection: Descriptor, bind: readZerocopy()},
		{ID: "mmap-zerocopy", Source: FromFile, Title: "map the file, send(2) the mapping with MSG_ZEROCOPY", Syscalls: []string{"sendto"}, Connection: Descriptor, bind: mmapZerocopy()},
		{ID: "direct-write", Source: FromFile, Title: "read(2) past the page cache (O_DIRECT), write(2) to the socket", Syscalls: []string{"read", "write"}, Connection: Descriptor, Direct: true, bind: directWrite()},
		{ID: "direct-sendfile", Source: FromFile, Title: "sendfile(2) past the page cache (O_DIRECT) to the socket", Syscalls: []string{"sendfile"}, Connection: Descriptor, Direct: true, WholeBlocks: true, bind: directSendfile()},
		{ID: "uring-read-send", Source: FromFile, Title: "io_uring: READ_FIXED into a registered buffer, linked SEND", Syscalls: []string{"io_uring_enter"}, Connection: Descriptor, bind: uringReadSend()},
		{ID: "uring-send-zc", Source: FromFile, Title: "io_uring: READ_FIXED into a ring of buffers, linked SEND_ZC", Syscalls: []string{"io_uring_enter"}, Connection: Descriptor, bind: uringSendZC()},
		{ID: "uring-splice", Source: FromFile, Title: "io_uring: SPLICE from the page cache to a pipe, linked SPLICE to the socket", Syscalls: []string{"io_uring_enter"}, Connection: Descriptor, bind: uringSplice()},
		{ID: "tls", Source: FromFile, Title: "read(2) 32 KiB, encrypt them by crypto/tls, write(2) each record to the socket", Syscalls: []string{"read", "write"}, Connection: Descriptor, TLS: true, bind: userTLS()},
		{ID: "ktls-sendfile", Source: FromFile, Title: "sendfile(2) to a socket for which the kernel encrypts (kernel TLS)", Syscalls: []string{"sendfile"}, Connection: Descriptor, TLS: true, bind: ktlsSendfile()},
		{ID: "go-io-copy", Source: FromFile, Title: "Go's io.Copy from os.File to net.TCPConn", Connection: GoConn, bind: goIOCopy()},
		{ID: "go-copy-buffer", Source: FromFile, Title: "Go's io.CopyBuffer with both ends wrapped, so that it really copies", Connection: GoConn, bind: goCopyBuffer()},
		{ID: "send", Source: FromMemory, Title: "gather 8 fields into one buffer, send(2)", Syscalls: []string{"sendto"}, Connection: Descriptor, bind: send()},
		{ID: "sendmsg", Source: FromMemory, Title: "sendmsg(2) of 8 fields, gathered by the kernel", Syscalls: []string{"sendmsg"}, Connection: Descriptor, bind: sendmsg()},
		{ID: "send-zerocopy", Source: FromMemory, Title: "gather 8 fields into a ring of buffers, send(2) with MSG_ZEROCOPY", Syscalls: []string{"sendto"}, Connection: Descriptor, bind: sendZerocopy()},
		{ID: "uring-send", Source: FromMemory, Title: "io_uring: gather 8 fields into registered buffers, SEND", Syscalls: []string{"io_uring_enter"}, Connection: Descriptor, bind: uringSend()},
		{ID: "uring-send-zc", Source: FromMemory, Title: "io_uring: gather 8 fields into a ring of buffers, SEND_ZC", Syscalls: []string{"io_uring_enter"}, Connection: Descriptor, bind: uringMemorySendZC()},
		{ID: "null", Title: "moves nothing: the cost of the tool itself", Connection: NoConnection, bind: null()},
	}
}

// Find returns the path of that ID from that source. The null path is found whatever the source.
func Find(source Source, id string) (Path, bool) {
	for _, p := range Catalogue() {
		if p.ID == id && (p.Source == source || p.Source == "") {
			return p, true
		}
	}
	return Path{}, false
}
