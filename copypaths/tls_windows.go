package copypaths

func userTLS() binding {
	return unsupported("read(2) and write(2) on descriptors are Unix calls")
}
