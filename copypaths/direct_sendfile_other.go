//go:build !linux

package copypaths

func directSendfile() binding {
	return unsupported("copylab gives O_DIRECT descriptors to sendfile(2) on Linux only")
}
