package copypaths

func mmapWrite() binding {
	return unsupported("mmap(2) and write(2) on descriptors are Unix calls")
}
