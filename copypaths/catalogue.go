package copypaths

// Catalogue lists every path that copylab knows, in the order in which lists and charts show them.
func Catalogue() []Path {
	return []Path{
		{ID: "read-write", Title: "read(2) into one buffer, write(2) to the socket", Syscalls: []string{"read", "write"}, Connection: Descriptor, bind: readWrite()},
		{ID: "sendfile", Title: "sendfile(2) from the page cache to the socket", Syscalls: []string{"sendfile"}, Connection: Descriptor, bind: sendfile()},
		{ID: "mmap-write", Title: "map the file, write(2) the mapping to the socket", Syscalls: []string{"write"}, Connection: Descriptor, bind: mmapWrite()},
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
