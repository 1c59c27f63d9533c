package receivers

// fileSplice lets the kernel hand the socket's pages to a file: splice(2) from the socket into a pipe, and from there into
// the file's page cache. The program sees no byte, but the kernel copies them into the page cache all the same
// (fs/splice.c, iter_file_splice_write). See file for the file itself.
func fileSplice() binding {
	return binding{
		probe: func() Status { return try(inTempDir(openFileSplice), leftAlone) },
		open:  openFileSplice,
	}
}

func openFileSplice(e End) (Taker, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	out, err := openFile(e)
	if err != nil {
		return nil, err
	}
	return newSplicer(e, out, e.FileBytes)
}
